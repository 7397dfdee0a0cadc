//! Items side by side: runs of them are slices, sent and received by one store.
//!
//! ```text
//!   producer                                consumer
//!   [p1] room? limit, else read head        [c1] items? seen, else read tail (Acquire)
//!   [p2] write items                        [c2] read or move items
//!   [p3] tail += n         (Release)        [c3] head += n                   (Release)
//! ```
//!
//! `p3` synchronises with `c1`: items are whole when they are seen. `c3` synchronises with `p1`: items
//! are out before their slots are written again. Each side keeps the other's index as it last saw it,
//! and looks again only when that does not do.
//!
//! The single `push` and `pop` are there for the odd item; a flow of single messages is faster
//! through a [`message`](super::message) ring.

use core::fmt;
use core::mem::MaybeUninit;

use super::{Closed, PopError, PushError};
use crate::atomic::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell};
use crate::layout::Apart;
use crate::wait::{SpinPark, Wait};

struct Shared<T, W> {
    /// Items popped. Written by the consumer alone.
    head: Apart<AtomicU64>,
    /// Items pushed. Written by the producer alone.
    tail: Apart<AtomicU64>,
    /// Written once each, at the end; else read by both.
    gone: Apart<Gone>,
    wait: Apart<W>,
    items: Box<[UnsafeCell<MaybeUninit<T>>]>,
}

#[derive(Default)]
struct Gone {
    producer: AtomicBool,
    consumer: AtomicBool,
}

#[cfg(not(tiercel_loom))]
const _: () = {
    use crate::layout::APART_BYTES;
    use core::mem::offset_of;

    type Any = Shared<u8, crate::wait::BusySpin>;
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, tail)) >= APART_BYTES);
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, gone)) >= APART_BYTES);
    assert!(offset_of!(Any, tail).abs_diff(offset_of!(Any, gone)) >= APART_BYTES);
    assert!(align_of::<Producer<u8>>() == APART_BYTES && align_of::<Consumer<u8>>() == APART_BYTES);
    // Slices of cells are handed out as slices of items.
    assert!(size_of::<UnsafeCell<MaybeUninit<[u8; 3]>>>() == 3);
};

// SAFETY: a value moves from the producer's thread to the consumer's, or is dropped by the last that
// holds the ring: so it must be `Send`. Slots are reached by the protocol of the module page alone;
// a `ReadChunk` lends items to the consumer's thread only.
unsafe impl<T: Send, W: Wait> Send for Shared<T, W> {}
// SAFETY: as above.
unsafe impl<T: Send, W: Wait> Sync for Shared<T, W> {}

impl<T, W> Drop for Shared<T, W> {
    fn drop(&mut self) {
        // Both sides are gone, and the counter of the `Arc` ordered all they did before this.
        let mask = self.items.len() as u64 - 1;
        for number in self.head.load(Ordering::Relaxed)..self.tail.load(Ordering::Relaxed) {
            let item = &self.items[(number & mask) as usize];
            // SAFETY: every item from the head to the tail was written, and not taken.
            item.with_mut(|item| unsafe { (*item).assume_init_drop() });
        }
    }
}

/// A ring with room for `capacity` items, rounded up to a power of two, that waits as [`SpinPark`]
/// does.
///
/// ```
/// use tiercel_sync::spsc::batch;
///
/// let (mut producer, mut consumer) = batch::ring::<u32>(64);
/// assert_eq!(producer.push_slice(&[1, 2, 3]), Ok(3));
/// let chunk = consumer.try_chunk(2).unwrap();
/// assert_eq!(*chunk, [1, 2]);
/// chunk.release(1);
/// assert_eq!((consumer.try_pop(), consumer.try_pop()), (Ok(2), Ok(3)));
/// ```
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    ring_with(capacity, SpinPark::default())
}

/// As [`ring`], with another way to wait.
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring_with<T: Send, W: Wait>(capacity: usize, wait: W) -> (Producer<T, W>, Consumer<T, W>) {
    let capacity = super::slots(capacity);
    let shared = Arc::new(Shared {
        head: Apart::new(AtomicU64::new(0)),
        tail: Apart::new(AtomicU64::new(0)),
        gone: Apart::default(),
        wait: Apart::new(wait),
        items: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    let lane = Lane { items: shared.items.as_ptr(), mask: capacity as u64 - 1 };
    let producer = Producer { shared: Arc::clone(&shared), lane, tail: 0, limit: capacity as u64 };
    (producer, Consumer { shared, lane, head: 0, seen: 0 })
}

/// Where the items are, copied into each handle: one step less on the way to an item.
struct Lane<T> {
    items: *const UnsafeCell<MaybeUninit<T>>,
    mask: u64,
}

impl<T> Clone for Lane<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lane<T> {}

impl<T> Lane<T> {
    /// The cell of item `number`.
    ///
    /// # Safety
    /// The ring must be alive, and stay so for `'a`.
    #[inline(always)]
    unsafe fn cell<'a>(self, number: u64) -> &'a UnsafeCell<MaybeUninit<T>> {
        // SAFETY: the mask keeps it inside the ring's items, which live by the caller's promise.
        unsafe { &*self.items.add((number & self.mask) as usize) }
    }

    /// How many items from `number` lie side by side before the ring's end.
    #[inline(always)]
    fn before_end(self, number: u64) -> u64 {
        self.mask + 1 - (number & self.mask)
    }
}

/// The sending side. It belongs to one thread at a time, and has lines of its own.
#[repr(align(128))]
pub struct Producer<T: Send, W: Wait = SpinPark> {
    shared: Arc<Shared<T, W>>,
    lane: Lane<T>,
    /// Items pushed.
    tail: u64,
    /// How far `tail` may go, as far as is known: the last `head` seen, and the capacity.
    limit: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Producer<T, W> {}

impl<T: Send, W: Wait> Producer<T, W> {
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
            self.limit = head + self.lane.mask + 1;
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
        self.lane.mask as usize + 1
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
        for value in items.into_iter().take(self.slots) {
            // SAFETY: the producer keeps the ring alive.
            let cell = unsafe { lane.cell(tail + filled.count) };
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
    pub fn as_uninit(&mut self) -> &mut [MaybeUninit<T>] {
        let Producer { lane, tail, .. } = *self.producer;
        // SAFETY: the producer keeps the ring alive.
        let first = unsafe { lane.cell(tail) };
        // [p2] SAFETY: the slots lie side by side and inside the ring; a cell has its value's layout;
        // the consumer is done with them, and looks at them again only after [p3].
        first.with_mut(|first| unsafe { core::slice::from_raw_parts_mut(first, self.slots) })
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
        let cell = unsafe { lane.cell(tail + at as u64) };
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

/// The receiving side. It belongs to one thread at a time.
#[repr(align(128))]
pub struct Consumer<T: Send, W: Wait = SpinPark> {
    shared: Arc<Shared<T, W>>,
    lane: Lane<T>,
    /// Items popped.
    head: u64,
    /// The last tail that was seen.
    seen: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Consumer<T, W> {}

impl<T: Send, W: Wait> Consumer<T, W> {
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
            let cell = unsafe { lane.cell(head + taken.count) };
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
        let cell = unsafe { self.lane.cell(self.head) };
        // [c2] SAFETY: every caller has seen by [c1] that the item is there; it is moved out once,
        // since the head goes on.
        let value = cell.with(|item| unsafe { (*item).assume_init_read() });
        drop(Taken { consumer: self, count: 1 });
        value
    }

    /// How many items it can hold.
    pub fn capacity(&self) -> usize {
        self.lane.mask as usize + 1
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
        let first = unsafe { lane.cell(head) };
        // [c2] SAFETY: by [c1] the items are there; they lie side by side and inside the ring; a cell
        // has its value's layout; the producer leaves them alone until [c3].
        first.with(|first| unsafe { core::slice::from_raw_parts(first.cast(), self.items) })
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
        let cell = unsafe { lane.cell(head + at as u64) };
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
                let cell = unsafe { lane.cell(number) };
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
