//! What the handles of both rings have: the way to the slots, and who is gone.

use crate::atomic::AtomicBool;

/// Where a ring's slots are, copied into each handle: one step less on the way to a slot.
pub(super) struct Lane<S> {
    slots: *const S,
    mask: u64,
}

impl<S> Clone for Lane<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Lane<S> {}

impl<S> Lane<S> {
    /// The way to `slots`, a power of two of them.
    pub(super) fn of(slots: &[S]) -> Self {
        debug_assert!(slots.len().is_power_of_two(), "a mask finds the slot");
        Self { slots: slots.as_ptr(), mask: slots.len() as u64 - 1 }
    }

    /// Where the slot of item `number` is. The pointer reaches the slots beside it, too.
    ///
    /// # Safety
    /// The ring must be alive.
    #[inline(always)]
    pub(super) unsafe fn place(self, number: u64) -> *const S {
        // SAFETY: the mask keeps it inside the ring's slots, which live by the caller's promise.
        unsafe { self.slots.add((number & self.mask) as usize) }
    }

    /// The slot of item `number`.
    ///
    /// # Safety
    /// The ring must be alive, and stay so for `'a`.
    #[inline(always)]
    pub(super) unsafe fn slot<'a>(self, number: u64) -> &'a S {
        // SAFETY: the caller's promise.
        unsafe { &*self.place(number) }
    }

    /// How many slots there are.
    #[inline(always)]
    pub(super) const fn capacity(self) -> u64 {
        self.mask + 1
    }

    /// How many items from `number` lie side by side before the ring's end.
    #[inline(always)]
    pub(super) const fn before_end(self, number: u64) -> u64 {
        self.capacity() - (number & self.mask)
    }
}

/// Which side is gone. Written once each, at the end; else read by both.
#[derive(Default)]
pub(super) struct Gone {
    pub(super) producer: AtomicBool,
    pub(super) consumer: AtomicBool,
}
