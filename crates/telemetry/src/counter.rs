//! Counters and gauges.

use core::cell::Cell;
use core::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tiercel_sync::layout::Apart;

/// A counter's place in memory, on a line of its own.
pub(crate) type CounterCell = Arc<Apart<AtomicU64>>;

/// One thread's share of a counter: an addition to memory that this thread alone writes.
///
/// It can be sent to another thread but not shared: that is what makes a plain load, add and store
/// of it right, which costs a fifth of an atomic addition. The collector reads it whenever it likes
/// and sees some count that was there; what one thread adds to two counters may be seen in either
/// order. When it is dropped, its count stays with its [registry](crate::Registry).
#[derive(Debug)]
pub struct Counter {
    cell: CounterCell,
    /// Owned by one thread at a time.
    _not_shared: PhantomData<Cell<()>>,
}

impl Counter {
    pub(crate) fn of(cell: CounterCell) -> Self {
        Self { cell, _not_shared: PhantomData }
    }

    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds `count`.
    #[inline]
    pub fn add(&self, count: u64) {
        // Relaxed: nobody else writes it, and nothing is published with it.
        let before = self.cell.load(Ordering::Relaxed);
        self.cell.store(before.wrapping_add(count), Ordering::Relaxed);
    }

    /// This handle's count.
    pub fn value(&self) -> u64 {
        self.cell.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down, set by any thread: the last one wins.
#[derive(Clone, Debug)]
pub struct Gauge {
    bits: Arc<AtomicU64>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self { bits: Arc::new(AtomicU64::new(0_f64.to_bits())) }
    }

    /// Sets it.
    #[inline]
    pub fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it was set to last; zero before that.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}
