//! The processor's cycle counter, and what it says in nanoseconds.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The cycle counter now: the time-stamp counter where there is one that runs evenly (`x86_64`),
/// else nanoseconds of the monotonic clock.
///
/// Not a barrier: the processor may read it a little before work that stands ahead of it in the
/// program is done. That is a few nanoseconds, and the cheapest reading there is.
#[inline]
pub fn cycles() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86_64 processor has RDTSC, and it touches no memory.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        monotonic_ns()
    }
}

/// Whether [`cycles`] counts at one rate in every state of the processor, and never stops: CPUID
/// leaf `8000_0007`, EDX bit 8 (Intel SDM volume 3, "Invariant TSC"; AMD APM volume 2).
pub fn is_invariant() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::__cpuid;

        const HIGHEST_EXTENDED: u32 = 0x8000_0000;
        const POWER_MANAGEMENT: u32 = 0x8000_0007;
        __cpuid(HIGHEST_EXTENDED).eax >= POWER_MANAGEMENT
            && __cpuid(POWER_MANAGEMENT).edx >> 8 & 1 == 1
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // The monotonic clock itself.
        true
    }
}

/// Nanoseconds of the monotonic clock that nothing slews.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::MonotonicRaw);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Binary places of the scale.
const SCALE_BITS: u32 = 32;

/// Turns differences of [`cycles`] into nanoseconds.
///
/// Calibrated once against the raw monotonic clock; good to some parts in 10,000, which is what
/// latencies need. It is no wall clock and drifts against one.
///
/// ```
/// use tiercel_host::{CycleClock, cycles};
///
/// let clock = CycleClock::calibrate();
/// let start = cycles();
/// std::thread::sleep(std::time::Duration::from_millis(2));
/// assert!(clock.ns_since(start) > 1_900_000);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CycleClock {
    /// Nanoseconds per cycle, times 2^32.
    scale: u64,
}

impl CycleClock {
    /// Calibrates over some 20 milliseconds, which it takes.
    pub fn calibrate() -> Self {
        Self::calibrate_over(Duration::from_millis(20))
    }

    /// Calibrates over `span`.
    pub fn calibrate_over(span: Duration) -> Self {
        let (cycles_before, ns_before) = paired_reading();
        std::thread::sleep(span);
        let (cycles_after, ns_after) = paired_reading();
        let passed_cycles = u128::from(cycles_after.wrapping_sub(cycles_before)).max(1);
        let passed_ns = u128::from(ns_after.wrapping_sub(ns_before));
        Self { scale: ((passed_ns << SCALE_BITS) / passed_cycles) as u64 }
    }

    /// Nanoseconds per cycle, times 2^32.
    pub(crate) const fn scale(self) -> u64 {
        self.scale
    }

    /// How long `cycles` of the counter are, in nanoseconds, rounded down.
    #[inline]
    pub const fn ns(&self, cycles: u64) -> u64 {
        ((cycles as u128 * self.scale as u128) >> SCALE_BITS) as u64
    }

    /// How long it is since the counter showed `start`; zero if a change of core made it step back.
    #[inline]
    pub fn ns_since(&self, start: u64) -> u64 {
        self.ns(cycles().saturating_sub(start))
    }
}

/// Both clocks at one moment: of some tries the one that an interruption disturbed least.
fn paired_reading() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..16 {
        let before = cycles();
        let ns = monotonic_ns();
        let width = cycles().saturating_sub(before);
        if width < best.0 {
            best = (width, before + width / 2, ns);
        }
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn the_clock_agrees_with_the_system() {
        let clock = CycleClock::calibrate();
        let (start, instant) = (cycles(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let ours = i128::from(clock.ns_since(start));
        let theirs = instant.elapsed().as_nanos() as i128;
        assert!((ours - theirs).abs() < theirs / 50, "{ours} ns against {theirs} ns");
    }

    #[test]
    fn a_step_back_is_no_time() {
        let clock = CycleClock::calibrate_over(Duration::from_millis(1));
        assert_eq!(clock.ns_since(u64::MAX), 0);
        assert_eq!(clock.ns(0), 0);
    }
}
