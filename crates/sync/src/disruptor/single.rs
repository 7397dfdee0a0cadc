//! One producer: what is published is one number.

use core::fmt;

use super::sealed::Sequencer;
use super::{Closed, Lane, PublishError, Shared, SharedCursor, least_done};
use crate::atomic::{Arc, AtomicU64, Ordering, UnsafeCell};
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
    ring: Ring<E, W>,
    lane: Lane<E>,
    /// Events published.
    next: u64,
    /// How far `next` may go, as far as is known: the slowest leaf when last looked at, and the
    /// capacity.
    limit: u64,
}

/// The shared part, and what tells the consumers of the end. Not the producer itself: what has a `Drop`
/// of its own lies in memory as a whole, and so the compiler may keep the producer's numbers in
/// registers. What is asked now and then is asked here, for the same reason.
struct Ring<E: Send + Sync, W: Wait> {
    shared: Arc<Shared<E, Single, W>>,
    leaves: Box<[SharedCursor]>,
}

impl<E: Send + Sync, W: Wait> Drop for Ring<E, W> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<E: Send + Sync, W: Wait> Ring<E, W> {
    /// How far the producer may go now.
    #[cold]
    fn limit(&self, count: u64) -> u64 {
        let capacity = self.shared.capacity();
        assert!(count <= capacity, "{count} events do not fit in a ring of {capacity}");
        least_done(&self.leaves) + capacity
    }

    /// As [`Self::limit`], once that has room for `count` events.
    #[cold]
    fn wait_for_room(&self, next: u64, count: u64) -> Result<u64, Closed> {
        self.shared.wait.wait(|| {
            if self.shared.is_broken() {
                return Some(Err(Closed(())));
            }
            let limit = self.limit(count);
            (next + count <= limit).then_some(Ok(limit))
        })
    }
}

impl<E: Send + Sync, W: Wait> SingleProducer<E, W> {
    pub(super) fn new(shared: Arc<Shared<E, Single, W>>, leaves: Box<[SharedCursor]>) -> Self {
        let (lane, limit) = (shared.lane(), shared.capacity());
        Self { ring: Ring { shared, leaves }, lane, next: 0, limit }
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
        let each = |cell: &UnsafeCell<E>, sequence| {
            // SAFETY: there is room, and this is the only producer.
            cell.with_mut(|event| write(unsafe { &mut *event }, sequence));
        };
        // SAFETY: it keeps the ring alive.
        unsafe { self.lane.for_each(first, first + count, each) };
        self.publish_claimed(count);
        first
    }

    #[inline(always)]
    fn publish_claimed(&mut self, count: u64) {
        self.next += count;
        // With `Single::published`.
        self.ring.shared.sequencer.published.store(self.next, Ordering::Release);
        self.ring.shared.wait.notify();
    }

    #[inline(always)]
    fn room_for(&mut self, count: u64) -> Result<(), PublishError> {
        if self.ring.shared.is_broken() {
            return Err(PublishError::Closed);
        }
        if self.next + count > self.limit {
            self.limit = self.ring.limit(count);
            if self.next + count > self.limit {
                return Err(PublishError::Full);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn wait_for(&mut self, count: u64) -> Result<(), Closed> {
        match self.room_for(count) {
            Ok(()) => Ok(()),
            Err(PublishError::Closed) => Err(Closed(())),
            Err(PublishError::Full) => {
                self.limit = self.ring.wait_for_room(self.next, count)?;
                Ok(())
            }
        }
    }

    /// How many events the ring has.
    pub fn capacity(&self) -> usize {
        self.ring.shared.capacity() as usize
    }
}

impl<E: Send + Sync, W: Wait> fmt::Debug for SingleProducer<E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleProducer").field("published", &self.next).finish_non_exhaustive()
    }
}
