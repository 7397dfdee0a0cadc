//! Where a reactor keeps its connections: places that are used again, under numbers that are not.

use crate::reactor::ConnectionId;

#[derive(Debug)]
struct Place<C> {
    generation: u32,
    connection: Option<C>,
    /// It has output that was not sent yet.
    is_dirty: bool,
}

/// The places of connections, all made at the start.
#[derive(Debug)]
pub(crate) struct Places<C> {
    all: Vec<Place<C>>,
    free: Vec<u32>,
    /// Places with output.
    pub(crate) dirty: Vec<u32>,
}

impl<C> Places<C> {
    pub(crate) fn new(count: usize) -> Self {
        let place = || Place { generation: 0, connection: None, is_dirty: false };
        Self {
            all: (0..count).map(|_| place()).collect(),
            free: (0..count as u32).rev().collect(),
            dirty: Vec::with_capacity(count),
        }
    }

    /// The number of the next connection, if there is a place for one.
    pub(crate) fn next_id(&self) -> Option<ConnectionId> {
        self.free.last().map(|index| self.id(*index))
    }

    /// Takes a connection in, under the [next number](Self::next_id).
    pub(crate) fn put(&mut self, connection: C) {
        if let Some(index) = self.free.pop() {
            self.all[index as usize].connection = Some(connection);
        }
    }

    /// The number of what is at a place.
    #[inline]
    pub(crate) fn id(&self, index: u32) -> ConnectionId {
        ConnectionId { index, generation: self.all[index as usize].generation }
    }

    /// What is at a place.
    #[inline]
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut C> {
        self.all[index as usize].connection.as_mut()
    }

    /// Whether that is the number of what is at its place now.
    #[inline]
    pub(crate) fn is_current(&self, id: ConnectionId) -> bool {
        self.all.get(id.index()).is_some_and(|place| place.generation == id.generation)
    }

    /// The number of what is at a place means nobody any more.
    pub(crate) fn retire(&mut self, index: u32) {
        let place = &mut self.all[index as usize];
        place.generation = place.generation.wrapping_add(1);
    }

    /// Empties a place: another may have it.
    pub(crate) fn free(&mut self, index: u32) -> Option<C> {
        let connection = self.all[index as usize].connection.take()?;
        self.free.push(index);
        Some(connection)
    }

    /// What is at a place has output.
    #[inline]
    pub(crate) fn mark(&mut self, index: u32) {
        let place = &mut self.all[index as usize];
        if !place.is_dirty {
            place.is_dirty = true;
            self.dirty.push(index);
        }
    }

    /// The `at`-th of those with output has none any more.
    pub(crate) fn clean(&mut self, at: usize) {
        let index = self.dirty.swap_remove(at);
        self.all[index as usize].is_dirty = false;
    }

    /// Connections now.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.all.len() - self.free.len()
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &C> {
        self.all.iter().filter_map(|place| place.connection.as_ref())
    }
}
