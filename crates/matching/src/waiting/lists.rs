//! The lists that have live orders.

use core::cell::Cell;

use tiercel_types::ListId;
use tiercel_types::order::{ListKind, PendingRule};

use super::NOBODY;

/// A list that has live orders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) id: ListId,
    pub(crate) kind: ListKind,
    pub(crate) rule: PendingRule,
    /// Its orders' waiters; [`NOBODY`] once they are gone.
    pub(crate) legs: [u32; 3],
    /// How many are left; of a free slot none.
    pub(crate) left: usize,
    /// What the pair reserves less than both orders alone would.
    pub(crate) overlap: i128,
    /// Lots that the working order has traded.
    pub(crate) traded_lots: u64,
    /// Whether the pending orders were entered.
    pub(crate) entered: bool,
    /// Whether their turn is queued.
    pub(crate) queued: bool,
    /// Whether an exit has traded or was triggered: the exits grow no more.
    pub(crate) used: bool,
    /// When their turn was held, because their instrument was not open; zero: it is not.
    pub(crate) since: u64,
}

impl List {
    /// Whether that order is one of a pair, or pending.
    pub(super) fn is_exit(&self, leg: usize) -> bool {
        self.kind == ListKind::Oco || leg > 0
    }

    /// Whether that order is entered only when another is filled.
    pub(crate) fn is_pending(&self, leg: usize) -> bool {
        self.kind != ListKind::Oco && leg > 0
    }

    /// The exits that are left, in order.
    pub(super) fn exits(&self) -> impl Iterator<Item = u32> + use<> {
        let first = usize::from(self.kind != ListKind::Oco);
        self.legs.into_iter().skip(first).filter(|&index| index != NOBODY)
    }

    /// The working order, if it is left.
    pub(super) fn working(&self) -> Option<u32> {
        (self.kind != ListKind::Oco && self.legs[0] != NOBODY).then_some(self.legs[0])
    }
}

/// The lists: a slab.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    slots: Vec<List>,
    free: Vec<u32>,
    /// By slot: the last look at what could trade in which an exit of the list would.
    pub(super) visited: Vec<Cell<u64>>,
    /// Looks so far. None of it is state: it tells one look from another.
    pub(super) visits: Cell<u64>,
    /// List ids given so far.
    pub(crate) entered: u64,
    /// Lists whose two exits came to rest in the book, by place and id; some have ended since.
    pub(super) pairs: Vec<(u32, ListId)>,
}

impl Lists {
    pub(crate) fn insert(&mut self, list: List) -> u32 {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize - 1] = list;
            return index;
        }
        self.slots.push(list);
        self.visited.push(Cell::new(0));
        self.slots.len() as u32
    }

    /// Whether there is no list at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// Begins a look at what could trade.
    pub(crate) fn begin_visit(&self) {
        self.visits.set(self.visits.get() + 1);
    }

    /// Whether the turn of a list's pending orders was held then, and still is.
    pub(crate) fn is_held(&self, index: u32, since: u64) -> bool {
        let list = self.get(index);
        list.left > 0 && list.since == since
    }

    /// The list of that number among those whose two exits came to rest in the book.
    pub(super) fn pair(&self, at: usize) -> Option<&List> {
        let &(index, id) = self.pairs.get(at)?;
        Some(self.get(index)).filter(|list| list.left > 1 && list.id == id)
    }

    /// Notes that both exits of a list rest in the book. Those that have ended are dropped when
    /// they are most of them.
    pub(super) fn note_pair(&mut self, index: u32) {
        let id = self.get(index).id;
        if self.pairs.len() > 2 * (self.slots.len() - self.free.len()) + 16 {
            let mut pairs = core::mem::take(&mut self.pairs);
            pairs.retain(|&(index, id)| {
                let list = self.get(index);
                list.left > 1 && list.id == id
            });
            self.pairs = pairs;
        }
        self.pairs.push((index, id));
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.free.push(index);
    }

    pub(crate) fn get(&self, index: u32) -> &List {
        &self.slots[index as usize - 1]
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> &mut List {
        &mut self.slots[index as usize - 1]
    }

    /// Where the list of this id is: for restoring.
    pub(crate) fn find(&self, id: ListId) -> Option<u32> {
        let at = self.slots.binary_search_by_key(&id, |list| list.id).ok()?;
        Some(at as u32 + 1)
    }

    /// How many there are room for.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All that have orders left, by their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &List)> {
        (1..).zip(&self.slots).filter(|(_, list)| list.left > 0)
    }
}
