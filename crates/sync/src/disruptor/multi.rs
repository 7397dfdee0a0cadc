//! Many producers: each claims its events, writes them, and marks each one as published.
//!
//! ```text
//!   producer                                     consumer
//!   [p1] room? limit, else read leaves (Acquire) [c1] marks in a row, from its next on (Acquire)
//!   [p2] claimed: CAS from n to n + count        [c2] read events
//!   [p3] write events                            [c3] done = end (Release)
//!   [p4] mark = sequence / capacity (Release)
//! ```
//!
//! `p4` synchronises with `c1`, `c3` with `p1`. `p2` orders nothing: it only hands out numbers, and no
//! number is handed out to whom `p1` has not told that its slot is free. A producer that waits has
//! claimed nothing, so that it can give up without leaving a hole.

use core::fmt;

use super::sealed::Sequencer;
use super::{Closed, PublishError, Shared, SharedCursor, least_done};
use crate::atomic::{Arc, AtomicU32, AtomicU64, AtomicUsize, Ordering, UnsafeCell};
use crate::layout::Apart;
use crate::wait::{SpinPark, Wait};

/// Many producers: see [`MultiProducer`].
#[derive(Debug)]
pub struct Multi {
    /// Events claimed.
    claimed: Apart<AtomicU64>,
    /// Live producers.
    producers: Apart<AtomicUsize>,
    /// For each slot, in which round of the ring it was last published. It wraps after 2^32 rounds,
    /// of which no two are ever under way.
    rounds: Box<[AtomicU32]>,
}

impl Multi {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            claimed: Apart::new(AtomicU64::new(0)),
            producers: Apart::new(AtomicUsize::new(1)),
            // The round before the first.
            rounds: (0..capacity).map(|_| AtomicU32::new(u32::MAX)).collect(),
        }
    }

    /// The mark of the slot of `sequence`, and what it shows when that is published.
    #[inline(always)]
    fn mark(&self, sequence: u64) -> (&AtomicU32, u32) {
        let capacity = self.rounds.len() as u64;
        let place = sequence & (capacity - 1);
        // SAFETY: the length is a power of two, so the mask keeps it inside.
        let mark = unsafe { self.rounds.get_unchecked(place as usize) };
        (mark, (sequence >> capacity.trailing_zeros()) as u32)
    }
}

impl Sequencer for Multi {
    #[inline]
    fn published(&self, from: u64) -> u64 {
        let mut next = from;
        loop {
            let (mark, round) = self.mark(next);
            // [c1] With [p4]. After a whole ring the marks are of the round before, so that it ends.
            if mark.load(Ordering::Acquire) != round {
                return next;
            }
            next += 1;
        }
    }

    fn claimed(&self) -> u64 {
        self.claimed.load(Ordering::Relaxed)
    }
}

/// A producer of a ring that may have many: clone it for each thread. Dropping the last ends the ring.
#[repr(align(128))]
pub struct MultiProducer<E: Send + Sync, W: Wait = SpinPark> {
    shared: Arc<Shared<E, Multi, W>>,
    leaves: Box<[SharedCursor]>,
    /// How far claims may go, as far as is known: the slowest leaf when last looked at, and the
    /// capacity.
    limit: u64,
}

impl<E: Send + Sync, W: Wait> MultiProducer<E, W> {
    pub(super) fn new(shared: Arc<Shared<E, Multi, W>>, leaves: Box<[SharedCursor]>) -> Self {
        let limit = shared.capacity();
        Self { shared, leaves, limit }
    }

    /// Writes the next event and publishes it, if there is room now; returns its sequence.
    ///
    /// `write` gets the event as it was left a ring ago. If it panics, the ring is closed: consumers
    /// get what was published before that event, and nothing after.
    ///
    /// # Errors
    /// [`PublishError`]; then `write` was not called.
    #[inline]
    pub fn try_publish(&mut self, write: impl FnOnce(&mut E)) -> Result<u64, PublishError> {
        let sequence = self.try_claim(1, 0)?;
        self.write_one(sequence, write);
        Ok(sequence)
    }

    /// As [`Self::try_publish`], but waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when a consumer is gone, or a producer died.
    #[inline]
    pub fn publish(&mut self, write: impl FnOnce(&mut E)) -> Result<u64, Closed> {
        let sequence = self.claim(1)?;
        self.write_one(sequence, write);
        Ok(sequence)
    }

    /// Runs `write(event, sequence)` on the next `count` events, which follow each other, and
    /// publishes them, if there is room for all now; returns the first one's sequence.
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
        self.try_publish_batch_sparing(count, 0, write)
    }

    /// As [`Self::try_publish_batch`], if that leaves room for `spare` events more: room that is
    /// kept for what must never be refused.
    ///
    /// ```
    /// use tiercel_sync::disruptor::{self, PublishError};
    ///
    /// let (graph, [_consumer]) = disruptor::multi(4, || "").consumers();
    /// let mut producer = graph.build();
    /// assert_eq!(producer.try_publish_batch_sparing(3, 1, |event, _| *event = "order"), Ok(0));
    /// let order = producer.try_publish_batch_sparing(1, 1, |event, _| *event = "order");
    /// assert_eq!(order, Err(PublishError::Full));
    /// assert_eq!(producer.try_publish(|event| *event = "cancel"), Ok(3));
    /// ```
    ///
    /// # Errors
    /// [`PublishError`]; then `write` was not called.
    ///
    /// # Panics
    /// When `count` and `spare` are more than the ring's capacity.
    #[inline]
    pub fn try_publish_batch_sparing(
        &mut self,
        count: usize,
        spare: usize,
        write: impl FnMut(&mut E, u64),
    ) -> Result<u64, PublishError> {
        let first = self.try_claim(count as u64, spare as u64)?;
        self.write_batch(first, count as u64, write);
        Ok(first)
    }

    /// As [`Self::try_publish_batch`], but waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when a consumer is gone, or a producer died.
    ///
    /// # Panics
    /// When `count` is more than the ring's capacity.
    #[inline]
    pub fn publish_batch(
        &mut self,
        count: usize,
        write: impl FnMut(&mut E, u64),
    ) -> Result<u64, Closed> {
        let first = self.claim(count as u64)?;
        self.write_batch(first, count as u64, write);
        Ok(first)
    }

    #[inline(always)]
    fn write_one(&self, sequence: u64, write: impl FnOnce(&mut E)) {
        let hole = Hole(&self.shared);
        // [p3] SAFETY: claimed, and not published yet.
        unsafe { self.shared.lane().write(sequence, write) };
        core::mem::forget(hole);
        self.publish_claimed(sequence, 1);
    }

    #[inline(always)]
    fn write_batch(&self, first: u64, count: u64, mut write: impl FnMut(&mut E, u64)) {
        let hole = Hole(&self.shared);
        let each = |cell: &UnsafeCell<E>, sequence| {
            // [p3] SAFETY: claimed, and not published yet.
            cell.with_mut(|event| write(unsafe { &mut *event }, sequence));
        };
        // SAFETY: it keeps the ring alive.
        unsafe { self.shared.lane().for_each(first, first + count, each) };
        core::mem::forget(hole);
        self.publish_claimed(first, count);
    }

    #[inline(always)]
    fn publish_claimed(&self, first: u64, count: u64) {
        for sequence in first..first + count {
            let (mark, round) = self.shared.sequencer.mark(sequence);
            // [p4] With [c1].
            mark.store(round, Ordering::Release);
        }
        self.shared.wait.notify();
    }

    #[inline(always)]
    fn try_claim(&mut self, count: u64, spare: u64) -> Result<u64, PublishError> {
        if self.shared.is_broken() {
            return Err(PublishError::Closed);
        }
        let claimed = &self.shared.sequencer.claimed;
        let mut first = claimed.load(Ordering::Relaxed);
        loop {
            let needed = first + count + spare;
            if needed > self.limit {
                let capacity = self.shared.capacity();
                assert!(
                    count + spare <= capacity,
                    "{count} events do not fit in a ring of {capacity} with {spare} to spare"
                );
                // [p1] With [c3].
                self.limit = least_done(&self.leaves) + capacity;
                if needed > self.limit {
                    return Err(PublishError::Full);
                }
            }
            // [p2]
            let exchange = claimed.compare_exchange_weak(
                first,
                first + count,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match exchange {
                Ok(_) => return Ok(first),
                Err(now) => first = now,
            }
        }
    }

    #[inline(always)]
    fn claim(&mut self, count: u64) -> Result<u64, Closed> {
        match self.try_claim(count, 0) {
            Ok(first) => Ok(first),
            Err(PublishError::Closed) => Err(Closed(())),
            Err(PublishError::Full) => self.wait_to_claim(count),
        }
    }

    #[cold]
    fn wait_to_claim(&mut self, count: u64) -> Result<u64, Closed> {
        let shared = Arc::clone(&self.shared);
        shared.wait.wait(|| match self.try_claim(count, 0) {
            Ok(first) => Some(Ok(first)),
            Err(PublishError::Closed) => Some(Err(Closed(()))),
            Err(PublishError::Full) => None,
        })
    }

    /// How many events the ring has.
    pub fn capacity(&self) -> usize {
        self.shared.capacity() as usize
    }
}

impl<E: Send + Sync, W: Wait> Clone for MultiProducer<E, W> {
    fn clone(&self) -> Self {
        // Relaxed: this one is counted, so that the count does not reach zero meanwhile.
        self.shared.sequencer.producers.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(&self.shared), leaves: self.leaves.clone(), limit: self.limit }
    }
}

impl<E: Send + Sync, W: Wait> Drop for MultiProducer<E, W> {
    fn drop(&mut self) {
        // Release and Acquire, with the other producers' drops: the last one closes after all that
        // any of them claimed and published.
        if self.shared.sequencer.producers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl<E: Send + Sync, W: Wait> fmt::Debug for MultiProducer<E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiProducer").finish_non_exhaustive()
    }
}

/// A claim that is not published yet. Only a panic drops it: nothing after the hole can go on.
struct Hole<'a, E, W: Wait>(&'a Shared<E, Multi, W>);

impl<E, W: Wait> Drop for Hole<'_, E, W> {
    fn drop(&mut self) {
        self.0.break_off();
    }
}
