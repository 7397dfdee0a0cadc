//! The benches' clock: the cycle counter between fences, and what reading it costs.

use std::time::Duration;

use tiercel_host::{CycleClock, cycles};

/// Reads of the counter that calibration takes.
const EMPTY_PAIRS: usize = 20_000;
/// How long the counter is compared with the system's clock.
const CALIBRATION: Duration = Duration::from_millis(50);

/// A calibrated counter.
///
/// On the machine of BENCHMARKS.md it advances in steps of 10 ns, whatever it counts in: single
/// operations are told apart only by those steps, and everything shorter is timed in batches.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    ns_per_tick: f64,
    empty_pair_ns: f64,
}

impl Clock {
    /// Measures the counter's rate and the mean cost of an empty [`start`]/[`stop`] pair.
    pub fn calibrate() -> Self {
        const MANY: u64 = 1 << 20;
        let ns_per_tick = CycleClock::calibrate_over(CALIBRATION).ns(MANY) as f64 / MANY as f64;
        let mut pairs: Vec<u64> = (0..EMPTY_PAIRS)
            .map(|_| {
                let from = start();
                stop() - from
            })
            .collect();
        // The mean without the slowest hundredth, which interrupts made.
        pairs.sort_unstable();
        pairs.truncate(EMPTY_PAIRS / 100 * 99);
        let mean_ticks = pairs.iter().sum::<u64>() as f64 / pairs.len() as f64;
        Self { ns_per_tick, empty_pair_ns: mean_ticks * ns_per_tick }
    }

    /// What a [`start`]/[`stop`] pair that took `ticks` spent between the two reads; never
    /// negative.
    pub fn between_ns(&self, ticks: u64) -> f64 {
        (ticks as f64 * self.ns_per_tick - self.empty_pair_ns).max(0.0)
    }

    /// The cost of an empty pair.
    pub const fn empty_pair_ns(&self) -> f64 {
        self.empty_pair_ns
    }
}

/// The counter, read after everything before it is done and before anything after it begins.
#[inline(always)]
pub fn start() -> u64 {
    fence();
    let ticks = cycles();
    fence();
    ticks
}

/// The counter, read after everything before it is done.
#[inline(always)]
pub fn stop() -> u64 {
    fence();
    let ticks = cycles();
    fence();
    ticks
}

/// Waits until every earlier instruction is done.
#[inline(always)]
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has LFENCE, and it touches no memory.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
}
