//! Objects made once, which any thread takes and any thread gives back.
//!
//! ```text
//!   head: [ tag | slot + 1 ]  -->  slot 4  -->  slot 0  -->  slot 7  -->  none
//!                                 next: 0      next: 7
//!   acquire                                   release
//!   A1 read head           (acquire)          B1 the object is put down
//!   A2 read next of it     (relaxed)          B2 next of it = head's slot      (relaxed)
//!   A3 head: that -> next  (relaxed)          B3 head: what was -> it          (release)
//!      other? A1 is what it found
//!
//!   A1 reads B3 (or a change after it): A2 sees B2, and the new holder sees B1.
//!   A3 finds the head that A1 read, no other: the tag says so.
//! ```
//!
//! The free slots are a list; its head carries a tag that grows with each change, so that a head
//! which was taken and given back meanwhile is not mistaken for the same list (32 bits: somebody
//! would have to sleep through exactly a multiple of 2^32 changes). The last to come back is the
//! first to go: it is still in the cache.
//!
//! The pool is bounded and never allocates after it is made. When it is empty the caller says what
//! then: refuse, wait, or [`acquire_or_else`](Pool::acquire_or_else) with an object of its own.
//! Lock-free: somebody always gets on. How often an object was there is counted for free, in the
//! slot that its holder owns.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use crate::atomic::{AtomicU32, AtomicU64, Ordering, UnsafeCell};
use crate::layout::Apart;

/// How a list ends: slots are written as their number plus one.
const NONE: u32 = 0;

/// The head of the free list: a slot, and how often the list changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    tag: u32,
    /// The first free slot plus one, or [`NONE`].
    first: u32,
}

impl Head {
    const fn from_bits(bits: u64) -> Self {
        Self { tag: (bits >> u32::BITS) as u32, first: bits as u32 }
    }

    const fn bits(self) -> u64 {
        (self.tag as u64) << u32::BITS | self.first as u64
    }

    /// The list with another first slot.
    const fn changed_to(self, first: u32) -> Self {
        Self { tag: self.tag.wrapping_add(1), first }
    }
}

/// A fixed number of objects, shared by threads.
///
/// An object is as its last holder left it, and each has a cache line of its own. Hand the pool to
/// threads by reference, in an `Arc`, or for the whole run of a program as
/// `Box::leak(Box::new(pool))`, which makes its objects free to go anywhere.
///
/// ```
/// use tiercel_sync::pool::Pool;
///
/// let pool: &'static Pool<Vec<u8>> = Box::leak(Box::new(Pool::new(2, || Vec::with_capacity(256))));
/// let mut message = pool.acquire().expect("both are free");
/// message.clear();
/// message.extend_from_slice(b"new order");
/// // Another thread reads it and gives it back.
/// std::thread::spawn(move || assert_eq!(*message, b"new order")).join().unwrap();
///
/// let held: Vec<_> = (0..3).map(|_| pool.acquire()).collect();
/// assert_eq!(held.iter().flatten().count(), 2, "the third is refused");
/// let counts = pool.counts();
/// assert_eq!((counts.hits, counts.misses), (3, 1));
/// assert_eq!(counts.hit_rate(), Some(0.75));
/// ```
pub struct Pool<T> {
    /// A [`Head`].
    head: Apart<AtomicU64>,
    /// How often nothing was free: written on that path alone.
    misses: Apart<AtomicU64>,
    slots: Box<[Slot<T>]>,
}

/// An object and its place in the list, on lines of their own.
#[repr(C, align(64))]
struct Slot<T> {
    /// The next free slot plus one, or [`NONE`]; of no meaning while the object is held.
    next: AtomicU32,
    /// How often it was taken; only its holder adds.
    taken: AtomicU64,
    value: UnsafeCell<T>,
}

#[cfg(not(tiercel_loom))]
const _: () = {
    use core::mem::offset_of;

    use crate::layout::{APART_BYTES, LINE_BYTES};

    type Any = Pool<u64>;
    assert!(align_of::<Slot<u8>>() == LINE_BYTES);
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, misses)) >= APART_BYTES);
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, slots)) >= APART_BYTES);
};

// SAFETY: an object is reached through the guard of its slot alone, of which A3 makes one at a
// time; guards go to other threads, so objects do (`Send`), but two threads never share one.
unsafe impl<T: Send> Sync for Pool<T> {}

impl<T> Pool<T> {
    /// A pool of `capacity` objects, each made by `make`.
    ///
    /// # Panics
    /// When `capacity` does not fit in 31 bits.
    pub fn new(capacity: usize, mut make: impl FnMut() -> T) -> Self {
        assert!(i32::try_from(capacity).is_ok(), "the pool is too large: {capacity}");
        let slots = (1..=capacity as u32).map(|number| Slot {
            next: AtomicU32::new(if number as usize == capacity { NONE } else { number + 1 }),
            taken: AtomicU64::new(0),
            value: UnsafeCell::new(make()),
        });
        let first = if capacity == 0 { NONE } else { 1 };
        Self {
            slots: slots.collect(),
            head: Apart::new(AtomicU64::new(Head { tag: 0, first }.bits())),
            misses: Apart::new(AtomicU64::new(0)),
        }
    }

    /// Takes an object, or returns `None` when all are held, which is counted as a miss.
    #[inline]
    pub fn acquire(&self) -> Option<Pooled<'_, T>> {
        // A1: synchronises with B3, for `next` and for the object.
        let mut head = Head::from_bits(self.head.load(Ordering::Acquire));
        loop {
            if head.first == NONE {
                self.miss();
                return None;
            }
            let slot = &self.slots[head.first as usize - 1];
            // A2: if the slot was taken meanwhile this is of no meaning, and A3 fails by the tag.
            let next = slot.next.load(Ordering::Relaxed);
            // A3: relaxed when it succeeds, since it found what A1 read; else it is A1 again.
            match self.head.compare_exchange_weak(
                head.bits(),
                head.changed_to(next).bits(),
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => {
                    // The slot is this thread's until B3: no other adds.
                    let taken = slot.taken.load(Ordering::Relaxed);
                    slot.taken.store(taken + 1, Ordering::Relaxed);
                    return Some(Pooled { pool: self, slot: head.first, holds: PhantomData });
                }
                Err(seen) => head = Head::from_bits(seen),
            }
        }
    }

    /// Takes an object, or has `make` provide one that the pool will not keep: on a miss the
    /// caller pays for the heap, and the pool counts it.
    ///
    /// ```
    /// use tiercel_sync::pool::{Lease, Pool};
    ///
    /// let pool = Pool::new(1, || 0_u64);
    /// let first = pool.acquire_or_else(|| 7);
    /// let second = pool.acquire_or_else(|| 7);
    /// assert!(matches!(first, Lease::Pooled(_)));
    /// assert!(matches!(second, Lease::Spare(_)) && *second == 7);
    /// ```
    #[inline]
    pub fn acquire_or_else(&self, make: impl FnOnce() -> T) -> Lease<'_, T> {
        match self.acquire() {
            Some(pooled) => Lease::Pooled(pooled),
            None => Lease::Spare(Box::new(make())),
        }
    }

    /// How many objects it has.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How often an object was there and how often not; a sum over all slots, for reports.
    pub fn counts(&self) -> Counts {
        Counts {
            hits: self.slots.iter().map(|slot| slot.taken.load(Ordering::Relaxed)).sum(),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    #[cold]
    fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts the slot (plus one) back; its object was put down before (B1).
    #[inline]
    fn release(&self, number: u32) {
        let slot = &self.slots[number as usize - 1];
        let mut head = Head::from_bits(self.head.load(Ordering::Relaxed));
        loop {
            // B2
            slot.next.store(head.first, Ordering::Relaxed);
            // B3: synchronises with A1.
            match self.head.compare_exchange_weak(
                head.bits(),
                head.changed_to(number).bits(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => head = Head::from_bits(seen),
            }
        }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        f.debug_struct("Pool")
            .field("capacity", &self.capacity())
            .field("counts", &counts)
            .finish_non_exhaustive()
    }
}

/// What a pool was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often an object was there.
    pub hits: u64,
    /// How often all were held.
    pub misses: u64,
}

impl Counts {
    /// The share of hits, 0 to 1; `None` when nobody asked.
    pub fn hit_rate(&self) -> Option<f64> {
        let asked = self.hits + self.misses;
        (asked > 0).then(|| self.hits as f64 / asked as f64)
    }
}

/// An object of a pool, held; it goes back when this is dropped, from whatever thread.
///
/// (One that is forgotten, not dropped, is lost to the pool.)
pub struct Pooled<'a, T> {
    pool: &'a Pool<T>,
    /// Its slot plus one.
    slot: u32,
    /// It is as good as a `&mut T`, and may be shared or sent where that may.
    holds: PhantomData<&'a mut T>,
}

impl<T> Pooled<'_, T> {
    fn value(&self) -> &UnsafeCell<T> {
        &self.pool.slots[self.slot as usize - 1].value
    }
}

impl<T> Deref for Pooled<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is one guard for a slot at a time, and it is borrowed.
        self.value().with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Pooled<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one guard for a slot at a time, and it is borrowed for writing.
        self.value().with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Pooled<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.pool.release(self.slot);
    }
}

impl<T: fmt::Debug> fmt::Debug for Pooled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// An object from the pool, or one made because the pool was empty.
#[derive(Debug)]
pub enum Lease<'a, T> {
    /// It goes back to the pool.
    Pooled(Pooled<'a, T>),
    /// It goes back to the heap.
    Spare(Box<T>),
}

impl<T> Deref for Lease<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Pooled(value) => value,
            Self::Spare(value) => value,
        }
    }
}

impl<T> DerefMut for Lease<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Pooled(value) => value,
            Self::Spare(value) => value,
        }
    }
}
