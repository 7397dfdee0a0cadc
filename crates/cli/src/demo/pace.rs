//! How fast commands come.

use core::fmt;
use core::str::FromStr;
use std::time::{Duration, Instant};

/// Commands a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// So many.
    PerSecond(u64),
    /// As many as there can be.
    Max,
}

impl Rate {
    /// Enough to see much, and little enough to leave the machine alone.
    pub(super) const STANDARD: Self = Self::PerSecond(50_000);
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(f, "{rate}"),
            Self::Max => f.write_str("max"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(rate @ 1..=1_000_000_000) => Ok(Self::PerSecond(rate)),
            _ => Err("a number from 1 to 1000000000, or max".to_owned()),
        }
    }
}

/// Says how many commands are due.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    start: Instant,
    given: u64,
}

impl Pace {
    pub(super) const fn new(rate: Rate, start: Instant) -> Self {
        Self { rate, start, given: 0 }
    }

    /// How many commands are due now, at most `batch`.
    pub(super) fn due(&mut self, now: Instant, batch: u64) -> u64 {
        let Rate::PerSecond(rate) = self.rate else { return batch };
        let passed_ns = now.duration_since(self.start).as_nanos();
        let by_now = (passed_ns * u128::from(rate) / 1_000_000_000) as u64;
        let due = by_now.saturating_sub(self.given).min(batch);
        self.given += due;
        due
    }
}

/// Sleeps a little, not past `until`.
pub(super) fn rest(until: Instant) {
    let left = until.saturating_duration_since(Instant::now());
    std::thread::sleep(left.min(Duration::from_millis(1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_adds_up_to_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(Rate::PerSecond(1_000), start);
        assert_eq!(pace.due(start, 100), 0);
        let later = start + Duration::from_millis(50);
        assert_eq!((pace.due(later, 30), pace.due(later, 30), pace.due(later, 30)), (30, 20, 0));
        assert_eq!(Pace::new(Rate::Max, start).due(start, 30), 30);
    }

    #[test]
    fn rates_are_numbers_or_max() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("5".parse(), Ok(Rate::PerSecond(5)));
        for text in ["0", "-1", "fast", ""] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }
}
