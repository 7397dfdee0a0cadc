//! One producer: what is published is one number.

use core::fmt;

use super::sealed::Sequencer;
use super::{Closed, Lane, PublishError, Shared, SharedCursor, least_done};
use crate::atomic::{Arc, AtomicU64, Ordering};
use crate::layout::Apart;
use crate::wait::{SpinPark, Wait};

/// One producer: see [`SingleProducer`].
#[derive(Debug)]
pub struct Single {
    /// Events published. Release by the producer, Acquire by consumers.
    published: Apart<AtomicU64>,
}

impl Single {
    pub(super) fn new() -> Self {
        Self { published: Apart::new(AtomicU64::new(0)) }
    }
}

impl Sequencer for Single {
    #[inline(always)]
    fn published(&self, _: u64) -> u64 {
        // With the release in `SingleProducer::publish_claimed`.
        self.published.load(Ordering::Acquire)
    }

    fn claimed(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }
}

/// The producer of a ring that has one. It belongs to one thread at a time; dropping it ends the ring.
#[repr(align(128))]
pub struct SingleProducer<E: Send + Sync, W: Wait = SpinPark> {
    shared: Arc<Shared<E, Single, W>>,
    lane: Lane<E>,
    leaves: Box<[SharedCursor]>,
    /// Events published.
    next: u64,
    /// How far `next` may go, as far as is known: the slowest leaf when last looked at, and the
    /// capacity.
    limit: u64,
}

impl<E: Send + Sync, W: Wait> SingleProducer<E, W> {
    pub(super) fn new(shared: Arc<Shared<E, Single, W>>, leaves: Box<[SharedCursor]>) -> Self {
        let (lane, limit) = (shared.lane(), shared.capacity());
        Self { shared, lane, leaves, next: 0, limit }
    }

    /// Writes the next event and publishes it, if there is room now; returns its sequence.
    ///
    /// `write` gets the event as it was left a ring ago. If it panics, nothing is published.
    ///
    /// # Errors
    /// [`PublishError`]; then `write` was not called.
    #[inline]
    pub fn try_publish(&mut self, write: impl FnOnce(&mut E)) -> Result<u64, PublishError> {
        self.room_for(1)?;
        let sequence = self.next;
        // SAFETY: it keeps the ring alive, there is room, and this is the only producer.
        unsafe { self.lane.write(sequence, write) };
        self.publish_claimed(1);
        Ok(sequence)
    }

    /// As [`Self::try_publish`], but waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when a consumer is gone.
    #[inline]
    pub fn publish(&mut self, write: impl FnOnce(&mut E)) -> Result<u64, Closed> {
        self.wait_for(1)?;
        let sequence = self.next;
        // SAFETY: it keeps the ring alive, there is room, and this is the only producer.
        unsafe { self.lane.write(sequence, write) };
        self.publish_claimed(1);
        Ok(sequence)
    }

    /// Runs `write(event, sequence)` on the next `count` events and publishes them at once, if there
    /// is room for all now; returns the first one's sequence.
    ///
    /// # Errors
    /// [`PublishError`]; then `write` was not called.
    ///
    /// # Panics
    /// When `count` is more than the ring's capacity.
    #[inline]
    pub fn try_publish_batch(
        &mut self,
        count: usize,
        write: impl FnMut(&mut E, u64),
    ) -> Result<u64, PublishError> {
        self.room_for(count as u64)?;
        Ok(self.write_batch(count as u64, write))
    }

    /// As [`Self::try_publish_batch`], but waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when a consumer is gone.
    ///
    /// # Panics
    /// When `count` is more than the ring's capacity.
    #[inline]
    pub fn publish_batch(
        &mut self,
        count: usize,
        write: impl FnMut(&mut E, u64),
    ) -> Result<u64, Closed> {
        self.wait_for(count as u64)?;
        Ok(self.write_batch(count as u64, write))
    }

    #[inline(always)]
    fn write_batch(&mut self, count: u64, mut write: impl FnMut(&mut E, u64)) -> u64 {
        let first = self.next;
        for sequence in first..first + count {
            // SAFETY: it keeps the ring alive, there is room, and this is the only producer.
            unsafe { self.lane.write(sequence, |event| write(event, sequence)) };
        }
        self.publish_claimed(count);
        first
    }

    #[inline(always)]
    fn publish_claimed(&mut self, count: u64) {
        self.next += count;
        // With `Single::published`.
        self.shared.sequencer.published.store(self.next, Ordering::Release);
        self.shared.wait.notify();
    }

    #[inline(always)]
    fn room_for(&mut self, count: u64) -> Result<(), PublishError> {
        if self.shared.is_broken() {
            return Err(PublishError::Closed);
        }
        if self.next + count > self.limit {
            self.look_for_room(count)?;
        }
        Ok(())
    }

    fn look_for_room(&mut self, count: u64) -> Result<(), PublishError> {
        let capacity = self.shared.capacity();
        assert!(count <= capacity, "{count} events do not fit in a ring of {capacity}");
        self.limit = least_done(&self.leaves) + capacity;
        if self.next + count > self.limit { Err(PublishError::Full) } else { Ok(()) }
    }

    #[inline(always)]
    fn wait_for(&mut self, count: u64) -> Result<(), Closed> {
        match self.room_for(count) {
            Ok(()) => Ok(()),
            Err(PublishError::Closed) => Err(Closed(())),
            Err(PublishError::Full) => self.wait_for_room(count),
        }
    }

    #[cold]
    fn wait_for_room(&mut self, count: u64) -> Result<(), Closed> {
        let shared = Arc::clone(&self.shared);
        shared.wait.wait(|| match self.room_for(count) {
            Ok(()) => Some(Ok(())),
            Err(PublishError::Closed) => Some(Err(Closed(()))),
            Err(PublishError::Full) => None,
        })
    }

    /// How many events the ring has.
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }
}

impl<E: Send + Sync, W: Wait> Drop for SingleProducer<E, W> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<E: Send + Sync, W: Wait> fmt::Debug for SingleProducer<E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleProducer").field("published", &self.next).finish_non_exhaustive()
    }
}
