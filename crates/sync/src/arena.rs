//! Room for the records of one batch, given out bit by bit and taken back all at once.
//!
//! ```text
//!   base                                used            capacity
//!    |  order  | pad |  report  | bytes  |   free          |
//!
//!   alloc(&self)       moves `used` up; what it returned lives as long as the borrow
//!   reset(&mut self)   sets it to 0; no borrow can be left
//! ```
//!
//! An arena belongs to one thread at a time. What lies in it is plain bytes that need no dropping,
//! so forgetting them is all that `reset` does. Bounded: when it is full, `None`, and nothing moves.
//!
//! Budget: an addition, a comparison and the copy.

use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::layout::LINE_BYTES;

/// A fixed block of memory and how much of it is used.
///
/// ```
/// use tiercel_sync::arena::Arena;
///
/// let mut arena = Arena::with_capacity(64);
/// let order = arena.alloc(7_u64).unwrap();
/// let symbol = arena.alloc_slice(b"TIER").unwrap();
/// *order += 1;
/// assert_eq!((*order, &*symbol), (8, &b"TIER"[..]));
/// assert_eq!(arena.alloc_slice(&[0_u64; 8]), None, "full");
/// assert_eq!(arena.used_bytes(), 12);
/// arena.reset();
/// assert!(arena.alloc_slice(&[0_u64; 8]).is_some());
/// ```
///
/// Nothing outlives a reset:
///
/// ```compile_fail
/// let mut arena = tiercel_sync::arena::Arena::with_capacity(64);
/// let order = arena.alloc(7_u64).unwrap();
/// arena.reset();
/// *order += 1;
/// ```
pub struct Arena {
    base: NonNull<u8>,
    capacity_bytes: usize,
    used_bytes: Cell<usize>,
}

// SAFETY: it owns its memory, which holds no references; it is not `Sync`, as `Cell` is not.
unsafe impl Send for Arena {}

impl Arena {
    /// An arena of `bytes`, rounded up to cache lines, at a line's beginning.
    ///
    /// # Panics
    /// When there are more bytes than an address can tell apart.
    pub fn with_capacity(bytes: usize) -> Self {
        let layout = Self::layout(bytes.max(1).div_ceil(LINE_BYTES).saturating_mul(LINE_BYTES));
        // SAFETY: the layout's size is not 0.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(memory) else { handle_alloc_error(layout) };
        Self { base, capacity_bytes: layout.size(), used_bytes: Cell::new(0) }
    }

    /// Puts `value` there. It is aligned as its type asks, at most to a cache line.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call gives out other bytes")]
    pub fn alloc<T: IntoBytes + Copy>(&self, value: T) -> Option<&mut T> {
        let place = self.reserve::<T>(1)?;
        // SAFETY: `reserve` gives out room for a `T`, aligned, which nobody else has or gets
        // before `reset`; that needs every borrow to have ended.
        unsafe {
            place.write(value);
            Some(&mut *place.as_ptr())
        }
    }

    /// Puts a copy of `values` there.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call gives out other bytes")]
    pub fn alloc_slice<T: IntoBytes + Copy>(&self, values: &[T]) -> Option<&mut [T]> {
        let place = self.reserve::<T>(values.len())?;
        // SAFETY: as in `alloc`, for so many; a new place cannot overlap what `values` borrows.
        unsafe {
            place.as_ptr().copy_from_nonoverlapping(values.as_ptr(), values.len());
            Some(core::slice::from_raw_parts_mut(place.as_ptr(), values.len()))
        }
    }

    /// Room for `count` values to be written in place; they hold whatever lay there.
    #[inline]
    #[allow(clippy::mut_from_ref, reason = "each call gives out other bytes")]
    pub fn alloc_room<T>(&self, count: usize) -> Option<&mut [T]>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        let place = self.reserve::<T>(count)?;
        // SAFETY: as in `alloc`. Every byte of the arena is initialised: zero at first, then only
        // ever overwritten through types without padding (`IntoBytes`); any bytes are a `T`.
        Some(unsafe { core::slice::from_raw_parts_mut(place.as_ptr(), count) })
    }

    /// Forgets all that lies there.
    #[inline]
    pub fn reset(&mut self) {
        self.used_bytes.set(0);
    }

    /// How many bytes are given out, gaps for alignment included.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    /// How many bytes there are.
    #[inline]
    pub fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// Room for `count` values of `T` that nobody has, or `None` with nothing changed.
    #[inline]
    fn reserve<T>(&self, count: usize) -> Option<NonNull<T>> {
        const {
            assert!(!core::mem::needs_drop::<T>(), "an arena drops nothing");
            assert!(align_of::<T>() <= LINE_BYTES, "an arena aligns to a cache line at most");
        }
        // No overflow: what is used is at most what could be allocated, `isize::MAX`.
        let from = self.used_bytes.get().next_multiple_of(align_of::<T>());
        let end = size_of::<T>().checked_mul(count)?.checked_add(from)?;
        if end > self.capacity_bytes {
            return None;
        }
        self.used_bytes.set(end);
        // SAFETY: `from` is at most `end`, which lies within the memory or just behind it.
        Some(unsafe { self.base.add(from) }.cast())
    }

    fn layout(bytes: usize) -> Layout {
        match Layout::from_size_align(bytes, LINE_BYTES) {
            Ok(layout) => layout,
            Err(error) => panic!("an arena of {bytes} bytes: {error}"),
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: it was allocated in `with_capacity` with the same layout, and nobody borrows it.
        unsafe { dealloc(self.base.as_ptr(), Self::layout(self.capacity_bytes)) }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("used_bytes", &self.used_bytes)
            .field("capacity_bytes", &self.capacity_bytes)
            .finish_non_exhaustive()
    }
}
