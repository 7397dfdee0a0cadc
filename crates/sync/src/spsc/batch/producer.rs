//! The sending side: chunks of free slots, filled and sent.

use core::fmt;

use super::{Cell, Lane, Shared};
use crate::atomic::{Arc, Ordering};
use crate::spsc::{Closed, PushError};
use crate::wait::{SpinPark, Wait};

/// The sending side. It belongs to one thread at a time, and has lines of its own.
#[repr(align(128))]
pub struct Producer<T: Send, W: Wait = SpinPark> {
    shared: Arc<Shared<T, W>>,
    lane: Lane<Cell<T>>,
    /// Items pushed.
    tail: u64,
    /// How far `tail` may go, as far as is known: the last `head` seen, and the capacity.
    limit: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Producer<T, W> {}

impl<T: Send, W: Wait> Producer<T, W> {
    pub(super) fn new(shared: Arc<Shared<T, W>>) -> Self {
        let lane = Lane::of(&shared.items);
        Self { shared, lane, tail: 0, limit: lane.capacity() }
    }

    /// Sends `value` if there is room now.
    ///
    /// # Errors
    /// [`PushError`], with the value.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), PushError<T>> {
        match self.try_chunk(1) {
            Ok(chunk) => {
                chunk.fill(core::iter::once(value));
                Ok(())
            }
            Err(PushError::Full(())) => Err(PushError::Full(value)),
            Err(PushError::Closed(())) => Err(PushError::Closed(value)),
        }
    }

    /// Sends `value`, and waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`], with the value, when the consumer is gone.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Closed<T>> {
        match self.chunk(1) {
            Ok(chunk) => {
                chunk.fill(core::iter::once(value));
                Ok(())
            }
            Err(Closed(())) => Err(Closed(value)),
        }
    }

    /// Free slots side by side, at least one and at most `max`, to be filled: fewer than are free
    /// where the ring's end comes between. Dropping it unfilled sends nothing.
    ///
    /// # Errors
    /// [`PushError`].
    ///
    /// # Panics
    /// When `max` is zero.
    #[inline]
    pub fn try_chunk(&mut self, max: usize) -> Result<WriteChunk<'_, T, W>, PushError<()>> {
        assert!(max > 0, "a chunk has at least one slot");
        // Relaxed: nothing is read that the consumer wrote before it went.
        if self.shared.gone.consumer.load(Ordering::Relaxed) {
            return Err(PushError::Closed(()));
        }
        let wanted = (max as u64).min(self.lane.before_end(self.tail));
        let mut free = self.limit - self.tail;
        if free < wanted {
            // [p1] With [c3]: the consumer is done with every item below.
            let head = self.shared.head.load(Ordering::Acquire);
            self.limit = head + self.lane.capacity();
            free = self.limit - self.tail;
            if free == 0 {
                return Err(PushError::Full(()));
            }
        }
        let slots = wanted.min(free) as usize;
        Ok(WriteChunk { producer: self, slots })
    }

    /// As [`Self::try_chunk`], but waits for the first slot as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when the consumer is gone.
    ///
    /// # Panics
    /// When `max` is zero.
    #[inline]
    pub fn chunk(&mut self, max: usize) -> Result<WriteChunk<'_, T, W>, Closed> {
        let slots = match self.try_chunk(max) {
            Ok(chunk) => chunk.slots,
            Err(PushError::Closed(())) => return Err(Closed(())),
            Err(PushError::Full(())) => self.wait_for_room(max)?,
        };
        Ok(WriteChunk { producer: self, slots })
    }

    #[cold]
    fn wait_for_room(&mut self, max: usize) -> Result<usize, Closed> {
        let shared = Arc::clone(&self.shared);
        shared.wait.wait(|| match self.try_chunk(max) {
            Ok(chunk) => Some(Ok(chunk.slots)),
            Err(PushError::Closed(())) => Some(Err(Closed(()))),
            Err(PushError::Full(())) => None,
        })
    }

    /// Sends as much from the front of `items` as there is room for, across the ring's end too,
    /// and returns how many.
    ///
    /// # Errors
    /// [`Closed`] when the consumer is gone; then nothing was sent.
    pub fn push_slice(&mut self, items: &[T]) -> Result<usize, Closed>
    where
        T: Copy,
    {
        let mut sent = 0;
        while sent < items.len() {
            match self.try_chunk(items.len() - sent) {
                Ok(chunk) => sent += chunk.copy(&items[sent..]),
                Err(PushError::Closed(())) if sent == 0 => return Err(Closed(())),
                // What was sent before the consumer went is said first.
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// How many items it can hold.
    pub fn capacity(&self) -> usize {
        self.lane.capacity() as usize
    }

    /// Whether the consumer is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.gone.consumer.load(Ordering::Relaxed)
    }
}

impl<T: Send, W: Wait> Drop for Producer<T, W> {
    fn drop(&mut self) {
        // Release, with `Consumer::empty_or_closed`: whoever sees it sees every item as well.
        self.shared.gone.producer.store(true, Ordering::Release);
        self.shared.wait.notify();
    }
}

impl<T: Send, W: Wait> fmt::Debug for Producer<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("pushed", &self.tail).finish_non_exhaustive()
    }
}

/// Free slots side by side: [`Producer::try_chunk`].
#[must_use = "a chunk that is not filled is not sent"]
pub struct WriteChunk<'a, T: Send, W: Wait> {
    producer: &'a mut Producer<T, W>,
    slots: usize,
}

impl<T: Send, W: Wait> WriteChunk<'_, T, W> {
    /// How many slots there are; never zero.
    #[allow(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.slots
    }

    /// Takes items until the chunk is full or they end, sends them at once, and returns how many.
    ///
    /// If `items` panics, what it gave before is sent.
    #[inline]
    pub fn fill(self, items: impl IntoIterator<Item = T>) -> usize {
        let mut filled = Filled { producer: self.producer, count: 0 };
        // Copies, which no write to a slot can change.
        let Producer { lane, tail, .. } = *filled.producer;
        // SAFETY: the producer keeps the ring alive.
        let first = unsafe { lane.place(tail) };
        for value in items.into_iter().take(self.slots) {
            // From slot to slot, not by each one's number: that is a tenth of the rate.
            // SAFETY: the chunk's slots lie side by side and inside the ring.
            let cell = unsafe { &*first.add(filled.count as usize) };
            // [p2] SAFETY: the slot is below the limit, so the consumer is done with it, and looks
            // at it again only after [p3].
            cell.with_mut(|item| unsafe { (*item).write(value) });
            filled.count += 1;
        }
        filled.count as usize
    }

    /// Copies what fits from the front of `items`, sends it at once, and returns how many.
    #[inline]
    pub fn copy(self, items: &[T]) -> usize
    where
        T: Copy,
    {
        self.fill(items.iter().copied())
    }

    /// The slots' memory, with whatever is in it.
    #[cfg(not(tiercel_loom))]
    #[inline]
    pub fn as_uninit(&mut self) -> &mut [core::mem::MaybeUninit<T>] {
        let Producer { lane, tail, .. } = *self.producer;
        // SAFETY: the producer keeps the ring alive.
        let first: *const Cell<T> = unsafe { lane.place(tail) };
        // [p2] SAFETY: the slots lie side by side and inside the ring; a cell has its value's layout,
        // and may be written through a shared reference's pointer; the consumer is done with them, and
        // looks at them again only after [p3].
        unsafe { core::slice::from_raw_parts_mut(first.cast_mut().cast(), self.slots) }
    }

    /// What [`Self::as_uninit`]'s slice is to a model, whose cells do not lie side by side: writes slot
    /// `at` of it.
    ///
    /// # Panics
    /// When there are fewer.
    #[cfg(tiercel_loom)]
    pub fn write(&mut self, at: usize, value: T) {
        assert!(at < self.slots, "slot {at} of {}", self.slots);
        let Producer { lane, tail, .. } = *self.producer;
        // SAFETY: the producer keeps the ring alive.
        let cell = unsafe { lane.slot(tail + at as u64) };
        // [p2] SAFETY: the consumer is done with the slot, and looks at it again only after [p3].
        cell.with_mut(|item| unsafe { (*item).write(value) });
    }

    /// Sends the first `count` slots.
    ///
    /// # Safety
    /// At least so many must hold values, from the first on: written through `as_uninit`.
    ///
    /// # Panics
    /// When there are fewer slots.
    #[inline]
    pub unsafe fn commit(self, count: usize) {
        assert!(count <= self.slots, "{count} items do not fit in {} slots", self.slots);
        drop(Filled { producer: self.producer, count: count as u64 });
    }
}

/// Sends what was filled in, also when the filling panics.
struct Filled<'a, T: Send, W: Wait> {
    producer: &'a mut Producer<T, W>,
    count: u64,
}

impl<T: Send, W: Wait> Drop for Filled<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.producer.tail += self.count;
            // [p3] With [c1].
            self.producer.shared.tail.store(self.producer.tail, Ordering::Release);
            self.producer.shared.wait.notify();
        }
    }
}
