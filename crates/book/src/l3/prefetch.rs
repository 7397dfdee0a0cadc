//! Hints of what comes, so that the memory of an operation is on its way before it is needed.
//!
//! A day's books do not fit the caches: an operation alone waits for the table's line, and then
//! for the order's. Where operations are there ahead of time, as in a file or in a datagram of
//! several messages, two cursors of references run ahead of them:
//!
//! ```text
//!   operations      ... ............|apply ->
//!   references      ... ............ -- TABLE_AHEAD / 2 --> |prefetch_order ->
//!   references      ... ............ -- TABLE_AHEAD ---------------------> |prefetch_table ->
//! ```

use super::BookSet;

/// How many operations ahead of its own one asks for its table's line, and at half of it for its
/// order's: far enough for a miss, near enough that the lines are still there.
pub const TABLE_AHEAD: usize = 24;

/// See [`TABLE_AHEAD`].
pub const ORDER_AHEAD: usize = TABLE_AHEAD / 2;

impl BookSet {
    /// Asks for the line where the table would have this reference.
    #[inline(always)]
    pub fn prefetch_table(&self, reference: u64) {
        self.table.prefetch(reference);
    }

    /// Asks for the line of the order with this reference, if there is one. Cheap where
    /// [`Self::prefetch_table`] came long enough before.
    #[inline(always)]
    pub fn prefetch_order(&self, reference: u64) {
        self.orders.prefetch(self.table.guess(reference));
    }
}

/// Asks the processor for a cache line.
#[inline(always)]
#[allow(unsafe_code, reason = "the one instruction of this crate that is not safe to name")]
pub(super) fn prefetch_line<T>(target: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching is a hint; it neither faults nor changes anything, and SSE is part of
    // every x86-64.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(target).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = target;
}
