//! Many operations at once, so that the memory of each is on its way before it is needed.
//!
//! ```text
//!   fill     decode and translate   -> ask for the table's line
//!   resolve  look the order up      -> ask for the order's line
//!   apply
//! ```
//!
//! A day's books do not fit the caches: an operation alone waits for the table, then for the
//! order. A batch lets the waits of many operations run side by side. It needs no more than that
//! the operations are there, as in a file, a captured day or a datagram of several messages.

use tiercel_types::market::{OrderAction, OrderOperation};

use super::{Anomaly, BookSet};

/// Operations of a batch: enough to hide a miss, few enough to stay in the first-level cache.
pub(super) const BATCH: usize = 32;

impl BookSet {
    /// Applies operations in their order, as [`Self::apply`] does one by one, but faster when
    /// they are there ahead of time. `done` sees each operation and its result.
    pub fn apply_all(
        &mut self,
        operations: impl IntoIterator<Item = OrderOperation>,
        mut done: impl FnMut(&OrderOperation, Result<(), Anomaly>),
    ) {
        const NOTHING: OrderOperation = OrderOperation {
            locate: 0,
            time_ns: 0,
            action: OrderAction::Break { match_number: 0 },
        };
        let mut operations = operations.into_iter();
        let mut batch = [NOTHING; BATCH];
        loop {
            let mut filled = 0;
            for (slot, operation) in batch.iter_mut().zip(&mut operations) {
                *slot = operation;
                self.table.prefetch(slot.action.key());
                filled += 1;
            }
            let batch = &batch[..filled];
            for operation in batch {
                self.orders.prefetch(self.table.guess(operation.action.key()));
            }
            for operation in batch {
                self.orders.prefetch_neighbours(self.table.guess(operation.action.key()));
            }
            for operation in batch {
                let result = self.apply(operation);
                done(operation, result);
            }
            if filled < BATCH {
                return;
            }
        }
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
