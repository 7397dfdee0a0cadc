//! The receiving side: chunks of items, read in place or moved out.

use core::fmt;

use super::{Cell, Lane, Shared};
use crate::atomic::{Arc, Ordering};
use crate::spsc::{Closed, PopError};
use crate::wait::{SpinPark, Wait};

/// The receiving side. It belongs to one thread at a time.
#[repr(align(128))]
pub struct Consumer<T: Send, W: Wait = SpinPark> {
    shared: Arc<Shared<T, W>>,
    lane: Lane<Cell<T>>,
    /// Items popped.
    head: u64,
    /// The last tail that was seen.
    seen: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Consumer<T, W> {}

impl<T: Send, W: Wait> Consumer<T, W> {
    pub(super) fn new(shared: Arc<Shared<T, W>>) -> Self {
        let lane = Lane::of(&shared.items);
        Self { shared, lane, head: 0, seen: 0 }
    }

    /// Takes the next item if it is there.
    ///
    /// # Errors
    /// [`PopError`].
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        self.ready(1)?;
        Ok(self.take())
    }

    /// Takes the next item, and waits for it as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when all was read and the producer is gone.
    #[inline]
    pub fn pop(&mut self) -> Result<T, Closed> {
        match self.ready(1) {
            Ok(_) => {}
            Err(PopError::Closed) => return Err(Closed(())),
            Err(PopError::Empty) => {
                self.wait_for_items(1)?;
            }
        }
        Ok(self.take())
    }

    /// Items side by side, at least one and at most `max`: fewer than there are where the ring's end
    /// comes between.
    ///
    /// # Errors
    /// [`PopError`].
    ///
    /// # Panics
    /// When `max` is zero.
    #[inline]
    pub fn try_chunk(&mut self, max: usize) -> Result<ReadChunk<'_, T, W>, PopError> {
        assert!(max > 0, "a chunk has at least one item");
        let items = self.ready(max)?;
        Ok(ReadChunk { consumer: self, items })
    }

    /// As [`Self::try_chunk`], but waits for the first item as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when all was read and the producer is gone.
    ///
    /// # Panics
    /// When `max` is zero.
    #[inline]
    pub fn chunk(&mut self, max: usize) -> Result<ReadChunk<'_, T, W>, Closed> {
        assert!(max > 0, "a chunk has at least one item");
        let items = match self.ready(max) {
            Ok(items) => items,
            Err(PopError::Closed) => return Err(Closed(())),
            Err(PopError::Empty) => self.wait_for_items(max)?,
        };
        Ok(ReadChunk { consumer: self, items })
    }

    /// Gives up to `max` items to `take`, across the ring's end too, and returns how many. The
    /// producer has their room back at the end, all at once.
    ///
    /// If `take` panics, the items that it was given are gone, the others stay.
    ///
    /// # Errors
    /// [`PopError`] when there was none.
    #[inline]
    pub fn drain(&mut self, max: usize, mut take: impl FnMut(T)) -> Result<usize, PopError> {
        self.look(max)?;
        let count = (self.seen - self.head).min(max as u64);
        let mut taken = Taken { consumer: self, count: 0 };
        // Copies, which `take` cannot change.
        let Consumer { lane, head, .. } = *taken.consumer;
        for _ in 0..count {
            // SAFETY: the consumer keeps the ring alive.
            let cell = unsafe { lane.slot(head + taken.count) };
            taken.count += 1;
            // [c2] SAFETY: by [c1] the item is there; the count has it taken once, whatever `take`
            // does.
            take(cell.with(|item| unsafe { (*item).assume_init_read() }));
        }
        Ok(count as usize)
    }

    /// Copies items to the front of `items`, across the ring's end too, and returns how many.
    ///
    /// # Errors
    /// [`PopError`] when there was none.
    pub fn pop_slice(&mut self, items: &mut [T]) -> Result<usize, PopError>
    where
        T: Copy,
    {
        let mut place = items.iter_mut();
        let max = place.len();
        self.drain(max, |item| {
            if let Some(place) = place.next() {
                *place = item;
            }
        })
    }

    /// How many of the next `max` items are there, side by side; at least one.
    #[inline(always)]
    fn ready(&mut self, max: usize) -> Result<usize, PopError> {
        self.look(max)?;
        let side_by_side = self.lane.before_end(self.head);
        Ok((self.seen - self.head).min(side_by_side).min(max as u64) as usize)
    }

    /// Looks for new items when fewer than `max` are known. `Ok` if there is at least one.
    #[inline(always)]
    fn look(&mut self, max: usize) -> Result<(), PopError> {
        if self.seen - self.head < max as u64 {
            // [c1] With [p3].
            self.seen = self.shared.tail.load(Ordering::Acquire);
            if self.seen == self.head {
                return self.empty_or_closed();
            }
        }
        Ok(())
    }

    /// Nothing was there. Is the producer gone? `Ok` if an item is there after all.
    #[inline]
    fn empty_or_closed(&mut self) -> Result<(), PopError> {
        // Acquire, with the producer's drop: after this, its last item is to be seen.
        if !self.shared.gone.producer.load(Ordering::Acquire) {
            return Err(PopError::Empty);
        }
        self.seen = self.shared.tail.load(Ordering::Acquire);
        if self.seen == self.head { Err(PopError::Closed) } else { Ok(()) }
    }

    #[cold]
    fn wait_for_items(&mut self, max: usize) -> Result<usize, Closed> {
        let shared = Arc::clone(&self.shared);
        shared.wait.wait(|| match self.ready(max) {
            Ok(items) => Some(Ok(items)),
            Err(PopError::Closed) => Some(Err(Closed(()))),
            Err(PopError::Empty) => None,
        })
    }

    /// Moves the next item out. It must be there.
    #[inline(always)]
    fn take(&mut self) -> T {
        // SAFETY: the consumer keeps the ring alive.
        let cell = unsafe { self.lane.slot(self.head) };
        // [c2] SAFETY: every caller has seen by [c1] that the item is there; it is moved out once,
        // since the head goes on.
        let value = cell.with(|item| unsafe { (*item).assume_init_read() });
        drop(Taken { consumer: self, count: 1 });
        value
    }

    /// How many items it can hold.
    pub fn capacity(&self) -> usize {
        self.lane.capacity() as usize
    }
}

impl<T: Send, W: Wait> Drop for Consumer<T, W> {
    fn drop(&mut self) {
        // Relaxed: the producer reads nothing by it.
        self.shared.gone.consumer.store(true, Ordering::Relaxed);
        self.shared.wait.notify();
    }
}

impl<T: Send, W: Wait> fmt::Debug for Consumer<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("popped", &self.head).finish_non_exhaustive()
    }
}

/// Gives back the room of what was taken, also when the taking panics.
struct Taken<'a, T: Send, W: Wait> {
    consumer: &'a mut Consumer<T, W>,
    count: u64,
}

impl<T: Send, W: Wait> Drop for Taken<'_, T, W> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.consumer.head += self.count;
            // [c3] With [p1].
            self.consumer.shared.head.store(self.consumer.head, Ordering::Release);
            self.consumer.shared.wait.notify();
        }
    }
}

/// Items side by side, still in the ring: [`Consumer::try_chunk`]. Dropping it takes nothing.
#[must_use = "the items stay in the ring until they are released"]
pub struct ReadChunk<'a, T: Send, W: Wait> {
    consumer: &'a mut Consumer<T, W>,
    items: usize,
}

#[cfg(not(tiercel_loom))]
impl<T: Send, W: Wait> core::ops::Deref for ReadChunk<'_, T, W> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let Consumer { lane, head, .. } = *self.consumer;
        // SAFETY: the consumer keeps the ring alive.
        let first: *const Cell<T> = unsafe { lane.place(head) };
        // [c2] SAFETY: by [c1] the items are there; they lie side by side and inside the ring; a cell
        // has its value's layout; the producer leaves them alone until [c3].
        unsafe { core::slice::from_raw_parts(first.cast(), self.items) }
    }
}

impl<T: Send, W: Wait> ReadChunk<'_, T, W> {
    /// How many items there are; never zero.
    #[allow(clippy::len_without_is_empty, reason = "a chunk is never empty")]
    pub fn len(&self) -> usize {
        self.items
    }

    /// What the slice of a chunk is to a model, whose cells do not lie side by side: item `at` of it.
    ///
    /// # Panics
    /// When there are fewer.
    #[cfg(tiercel_loom)]
    pub fn with<R>(&self, at: usize, read: impl FnOnce(&T) -> R) -> R {
        assert!(at < self.items, "item {at} of {}", self.items);
        let Consumer { lane, head, .. } = *self.consumer;
        // SAFETY: the consumer keeps the ring alive.
        let cell = unsafe { lane.slot(head + at as u64) };
        // [c2] SAFETY: by [c1] the item is there, and the producer leaves it alone until [c3].
        cell.with(|item| read(unsafe { (*item).assume_init_ref() }))
    }

    /// Drops the first `count` items and gives their room back.
    ///
    /// # Panics
    /// When there are fewer.
    #[inline]
    pub fn release(self, count: usize) {
        assert!(count <= self.items, "{count} of {} items", self.items);
        // Also when an item's drop panics, all are off the ring: the rest of them leak, none is
        // dropped twice.
        let Consumer { lane, head, .. } = *self.consumer;
        let taken = Taken { consumer: self.consumer, count: count as u64 };
        if core::mem::needs_drop::<T>() {
            for number in head..head + count as u64 {
                // SAFETY: the consumer keeps the ring alive.
                let cell = unsafe { lane.slot(number) };
                // [c2] SAFETY: the item is there, and is dropped once: `taken` takes it off the ring.
                cell.with_mut(|item| unsafe { (*item).assume_init_drop() });
            }
        }
        drop(taken);
    }

    /// Drops all of them and gives their room back.
    #[inline]
    pub fn release_all(self) {
        let count = self.items;
        self.release(count);
    }
}
