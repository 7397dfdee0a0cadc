//! The clock: nanoseconds of the wall clock for the price of reading the cycle counter.
//!
//! ```text
//!                 rate (ns per tick)
//!   wall clock      /          now_ns = anchor.ns + (ticks - anchor.ticks) * rate
//!     ^           /
//!     |         * anchor, moved by reanchor(): where the line was, with a rate that leads it
//!     |       /   back to the system's clock until the next one
//!     +----------------> ticks
//! ```
//!
//! A [`Clock`] belongs to one thread, which reads it and moves its anchor: so a read takes no lock,
//! loads nothing that others write, and never goes back.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::cycles::{CycleClock, cycles, is_invariant};

/// Binary places of a rate.
const RATE_BITS: u32 = 32;
/// A rate of one nanosecond a tick.
const ONE: u64 = 1 << RATE_BITS;

/// What the system's clock is ahead by more than this, is a step: it was set.
const STEP_NS: i64 = 1_000_000;
/// A rate differs from the natural one by at most a 2,000th (500 ppm), as with NTP.
const SLEW_SHARE: u64 = 2_000;
/// Shorter times between two anchors say nothing of the natural rate.
const LEARN_NS: u64 = 100_000_000;
/// An error is made up for in the time that passed since the last anchor, within these bounds.
const SPAN_NS: core::ops::RangeInclusive<u64> = LEARN_NS..=60_000_000_000;

/// Where ticks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The processor's time-stamp counter, calibrated.
    TimeStamp,
    /// The system's raw monotonic clock, in nanoseconds: where the counter does not run evenly.
    System,
}

/// What [`Clock::reanchor`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reanchored {
    /// The clock was off by this much (positive: the system's is ahead), and makes it up until the
    /// next call.
    Slewed {
        /// The system's clock less ours.
        error_ns: i64,
    },
    /// The system's clock was set forward by this much, and ours with it.
    Stepped {
        /// How far.
        forward_ns: i64,
    },
    /// The system's clock was set back by this much. Ours does not go back: it runs 500 ppm slower
    /// until the other has come up to it. A new [`Clock`] would agree at once.
    Ahead {
        /// How far ours is ahead.
        by_ns: i64,
    },
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    ticks: u64,
    utc_ns: u64,
}

/// The line that time is read from, and what is known of the counter.
#[derive(Clone, Copy, Debug)]
struct Line {
    ticks: u64,
    ns: u64,
    /// Nanoseconds a tick, times 2^32, in use.
    rate: u64,
    /// The same without any error to make up for.
    natural: u64,
    last: Reading,
}

impl Line {
    const fn new(natural: u64, at: Reading) -> Self {
        Self { ticks: at.ticks, ns: at.utc_ns, rate: natural, natural, last: at }
    }

    /// The time at `ticks`; that of the anchor before it.
    #[inline]
    const fn at(&self, ticks: u64) -> u64 {
        self.ns + scaled(ticks.saturating_sub(self.ticks), self.rate)
    }

    /// Moves the anchor to `now`.
    fn follow(&mut self, now: Reading) -> Reanchored {
        self.learn(now);
        let ours = self.at(now.ticks);
        let since_ns = scaled(now.ticks.saturating_sub(self.last.ticks), self.natural);
        let error_ns = now.utc_ns.wrapping_sub(ours).cast_signed();
        let (ns, rate, found) = if error_ns > STEP_NS {
            (now.utc_ns, self.natural, Reanchored::Stepped { forward_ns: error_ns })
        } else {
            let most = self.natural / SLEW_SHARE;
            let span_ns = since_ns.clamp(*SPAN_NS.start(), *SPAN_NS.end());
            let wanted = u128::from(self.natural) * u128::from(error_ns.unsigned_abs())
                / u128::from(span_ns);
            let change = u64::try_from(wanted).unwrap_or(u64::MAX).min(most);
            if error_ns < -STEP_NS {
                (ours, self.natural - most, Reanchored::Ahead { by_ns: error_ns.saturating_neg() })
            } else if error_ns < 0 {
                (ours, self.natural - change, Reanchored::Slewed { error_ns })
            } else {
                (ours, self.natural + change, Reanchored::Slewed { error_ns })
            }
        };
        *self =
            Self { ticks: now.ticks.max(self.ticks), ns, rate, natural: self.natural, last: now };
        found
    }

    /// Corrects the natural rate by an eighth of what the last stretch says, unless the system's
    /// clock was set meanwhile.
    fn learn(&mut self, now: Reading) {
        let ticks = now.ticks.saturating_sub(self.last.ticks);
        let passed_ns = now.utc_ns.saturating_sub(self.last.utc_ns);
        if passed_ns < LEARN_NS || ticks == 0 {
            return;
        }
        let seen = (u128::from(passed_ns) << RATE_BITS) / u128::from(ticks);
        let Ok(seen) = u64::try_from(seen) else { return };
        if seen.abs_diff(self.natural) < self.natural / SLEW_SHARE {
            self.natural =
                self.natural.saturating_add_signed((seen as i64 - self.natural as i64) / 8);
        }
    }
}

/// Ticks at a rate, in nanoseconds, rounded down.
#[inline]
const fn scaled(ticks: u64, rate: u64) -> u64 {
    ((ticks as u128 * rate as u128) >> RATE_BITS) as u64
}

/// A thread's clock: nanoseconds since 1970 (UTC) that never go back, and lengths of time.
///
/// ```
/// use tiercel_host::Clock;
///
/// let mut clock = Clock::new();
/// let begin = clock.ticks();
/// let now_ns = clock.now_ns();
/// assert!(clock.now_ns() >= now_ns);
/// assert!(clock.ns(clock.ticks() - begin) < 1_000_000_000);
///
/// // Once a second or so, off the hot path:
/// clock.reanchor();
/// ```
///
/// Counters of different cores agree where they run evenly, so clones on different threads differ
/// by no more than their anchors do: some tens of nanoseconds after [`reanchor`](Self::reanchor).
#[derive(Clone, Debug)]
pub struct Clock {
    counter: Counter,
    line: Line,
    /// Nanoseconds a tick of the raw monotonic clock, for lengths.
    rate: u64,
}

impl Clock {
    /// A clock on the best counter there is. Calibrating it takes some 20 milliseconds.
    pub fn new() -> Self {
        let counter = if is_invariant() { Counter::TimeStamp } else { Counter::System };
        Self::on(counter)
    }

    /// A clock on this counter, even or not.
    pub fn on(counter: Counter) -> Self {
        let rate = match counter {
            Counter::TimeStamp => CycleClock::calibrate_over(Duration::from_millis(20)).scale(),
            Counter::System => ONE,
        };
        Self { counter, line: Line::new(rate, reading(counter)), rate }
    }

    /// Where its ticks come from.
    pub const fn counter(&self) -> Counter {
        self.counter
    }

    /// The counter now, in ticks of its own.
    #[inline]
    pub fn ticks(&self) -> u64 {
        ticks(self.counter)
    }

    /// How long `ticks` are, in nanoseconds, rounded down.
    #[inline]
    pub const fn ns(&self, ticks: u64) -> u64 {
        scaled(ticks, self.rate)
    }

    /// How long it is since [`ticks`](Self::ticks) gave `start`, in nanoseconds.
    #[inline]
    pub fn ns_since(&self, start: u64) -> u64 {
        self.ns(self.ticks().saturating_sub(start))
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC, leap seconds not counted, as the system has them.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.at_ns(self.ticks())
    }

    /// What [`now_ns`](Self::now_ns) was when the counter had that many [`ticks`](Self::ticks).
    #[inline]
    pub fn at_ns(&self, ticks: u64) -> u64 {
        self.line.at(ticks)
    }

    /// Compares with the system's clock, and corrects rate and place without a step back. Takes
    /// about a microsecond; to be called in a steady rhythm, each second or so.
    pub fn reanchor(&mut self) -> Reanchored {
        self.line.follow(reading(self.counter))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn ticks(counter: Counter) -> u64 {
    match counter {
        Counter::TimeStamp => cycles(),
        Counter::System => system_ns(ClockId::MonotonicRaw),
    }
}

fn system_ns(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Both clocks at one moment: of some tries the one that an interruption disturbed least.
fn reading(counter: Counter) -> Reading {
    let mut best = (u64::MAX, Reading { ticks: 0, utc_ns: 0 });
    for _ in 0..16 {
        let before = ticks(counter);
        let utc_ns = system_ns(ClockId::Realtime);
        let width = ticks(counter).saturating_sub(before);
        if width < best.0 {
            best = (width, Reading { ticks: before + width / 2, utc_ns });
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_counters_tell_the_systems_time() {
        for counter in [Counter::TimeStamp, Counter::System] {
            let mut clock = Clock::on(counter);
            for _ in 0..3 {
                let before = system_ns(ClockId::Realtime);
                let now = clock.now_ns();
                let after = system_ns(ClockId::Realtime);
                // The calibration's own error, and slewing, over some milliseconds.
                assert!(now + 50_000 >= before && now <= after + 50_000, "{counter:?}");
                std::thread::sleep(Duration::from_millis(10));
                let found = clock.reanchor();
                assert!(matches!(found, Reanchored::Slewed { .. }), "{counter:?}: {found:?}");
            }
        }
    }

    #[test]
    fn lengths_are_those_of_the_system() {
        let clock = Clock::new();
        let (start, instant) = (clock.ticks(), std::time::Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let (ours, theirs) = (clock.ns_since(start), instant.elapsed().as_nanos() as u64);
        assert!(ours.abs_diff(theirs) < theirs / 50, "{ours} ns against {theirs} ns");
    }

    /// A made-up counter and the wall clock beside it.
    struct World {
        ticks: u64,
        utc_ns: u64,
        /// True nanoseconds a tick.
        rate: u64,
    }

    impl World {
        fn pass(&mut self, ticks: u64) {
            self.ticks += ticks;
            self.utc_ns += scaled(ticks, self.rate);
        }

        fn reading(&self, noise_ns: i64) -> Reading {
            Reading { ticks: self.ticks, utc_ns: self.utc_ns.saturating_add_signed(noise_ns) }
        }
    }

    /// 2.6 ticks a nanosecond.
    const NATURAL: u64 = (ONE as u128 * 10 / 26) as u64;
    const SECOND: u64 = 2_600_000_000;

    fn off_by_ppm(rate: u64, ppm: i64) -> u64 {
        rate.saturating_add_signed(rate as i64 / 1_000_000 * ppm)
    }

    proptest! {
        #[test]
        fn the_clock_never_goes_back_and_comes_near(
            ppm in -200_i64..200,
            noises in prop::collection::vec(-100_i64..100, 60),
        ) {
            let mut world = World { ticks: 77, utc_ns: 1_700_000_000_000_000_000, rate: NATURAL };
            // Calibrated wrongly, as by a short look.
            let mut line = Line::new(off_by_ppm(NATURAL, ppm), world.reading(0));
            let mut last = line.at(world.ticks);
            let mut worst = 0;
            for (round, noise) in noises.into_iter().enumerate() {
                for _ in 0..10 {
                    world.pass(SECOND / 10);
                    let now = line.at(world.ticks);
                    prop_assert!(now >= last);
                    last = now;
                    if round >= 50 {
                        worst = worst.max(now.abs_diff(world.utc_ns));
                    }
                }
                line.follow(world.reading(noise));
                prop_assert!(line.at(world.ticks) >= last, "an anchor moved time back");
            }
            prop_assert!(worst < 2_000, "{worst} ns off after 50 seconds");
        }

        #[test]
        fn a_clock_that_is_set_is_followed_forward_and_never_back(
            steps in prop::collection::vec(-5_000_000_000_i64..5_000_000_000, 30),
        ) {
            let mut world = World { ticks: 0, utc_ns: 1_700_000_000_000_000_000, rate: NATURAL };
            let mut line = Line::new(NATURAL, world.reading(0));
            let mut last = 0;
            for step in steps {
                world.pass(SECOND);
                world.utc_ns = world.utc_ns.saturating_add_signed(step);
                let off = world.utc_ns.wrapping_sub(line.at(world.ticks)).cast_signed();
                let found = line.follow(world.reading(0));
                let now = line.at(world.ticks);
                prop_assert!(now >= last);
                last = now;
                match found {
                    Reanchored::Stepped { forward_ns } => {
                        prop_assert!(forward_ns == off && now == world.utc_ns);
                    }
                    Reanchored::Ahead { by_ns } => prop_assert_eq!(by_ns, -off),
                    Reanchored::Slewed { error_ns } => prop_assert!(error_ns.abs() <= STEP_NS),
                }
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_is_waited_for() {
        let mut world = World { ticks: 0, utc_ns: 1_700_000_000_000_000_000, rate: NATURAL };
        let mut line = Line::new(NATURAL, world.reading(0));
        world.utc_ns -= 3_000_000;
        let mut rounds = 0;
        while line.at(world.ticks).abs_diff(world.utc_ns) > 1_000 {
            line.follow(world.reading(0));
            world.pass(SECOND);
            rounds += 1;
            assert!(rounds < 20, "3 ms at 500 ppm take 6 seconds and a little");
        }
    }
}
