//! When a session is open, by UTC: each day, or once a week.

use tiercel_types::Timestamp;

use crate::fix::value::{DAY_S, SECOND_NS};

const WEEK_S: u64 = 7 * DAY_S;
/// 1970-01-01 was a Thursday: seconds from the Monday before it.
const EPOCH_S: u64 = 3 * DAY_S;

/// From when to when. Each day: seconds of the day. Once a week: seconds from Monday, 00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first second of the session.
    pub start_s: u32,
    /// The first second that is none. Not after the start: that of the next day, or week.
    pub end_s: u32,
}

/// The hours of a session. Its numbers begin with 1 at the start of each.
///
/// ```
/// use tiercel_types::Timestamp;
/// use tiercel_wire::fix::session::{Schedule, Window};
/// let night = Schedule::Daily(Window { start_s: 22 * 3_600, end_s: 6 * 3_600 });
/// let hour = |hour: u64| Timestamp(hour * 3_600 * 1_000_000_000);
/// assert!(night.is_open(hour(23)) && night.is_open(hour(24 + 5)) && !night.is_open(hour(24 + 6)));
/// assert!(night.is_same(hour(23), hour(24 + 5)));
/// assert!(!night.is_same(hour(23), hour(24 + 23)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Each day.
    Daily(Window),
    /// Once a week.
    Weekly(Window),
}

impl Schedule {
    /// Whether the session is open.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let (_, since_s) = self.place(now);
        since_s < self.length_s()
    }

    /// Whether two moments lie in the same session, its pause behind it included.
    pub fn is_same(&self, one: Timestamp, other: Timestamp) -> bool {
        self.place(one).0 == self.place(other).0
    }

    const fn parts(&self) -> (Window, u64) {
        match self {
            Self::Daily(window) => (*window, DAY_S),
            Self::Weekly(window) => (*window, WEEK_S),
        }
    }

    /// Seconds from the start to the end.
    const fn length_s(&self) -> u64 {
        let (window, period_s) = self.parts();
        let (start_s, end_s) = (window.start_s as u64, window.end_s as u64);
        if end_s > start_s { end_s - start_s } else { end_s + period_s - start_s }
    }

    /// Which session it is, counted from long ago, and how many seconds after its start.
    const fn place(&self, now: Timestamp) -> (u64, u64) {
        let (window, period_s) = self.parts();
        // A period more, so that a start before the first Monday is no negative number.
        let now_s = now.0 / SECOND_NS + EPOCH_S + WEEK_S;
        let since_s = now_s - (window.start_s as u64 % period_s);
        (since_s / period_s, since_s % period_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_its_day() {
        // 2026-07-19 was a Sunday.
        let sunday_s = 1_784_419_200;
        let at = |hours: u64| Timestamp((sunday_s + hours * 3_600) * SECOND_NS);
        let days = |days: u32, hours: u32| days * 86_400 + hours * 3_600;
        // From Sunday, 17:00, to Friday, 17:00.
        let week = Schedule::Weekly(Window { start_s: days(6, 17), end_s: days(4, 17) });
        for (hours, open) in [(16, false), (17, true), (24, true), (5 * 24 + 16, true)] {
            assert_eq!(week.is_open(at(hours)), open, "{hours} hours into Sunday");
        }
        assert!(!week.is_open(at(5 * 24 + 17)) && !week.is_open(at(7 * 24 + 16)));
        assert!(week.is_same(at(17), at(7 * 24 + 16)));
        assert!(!week.is_same(at(16), at(17)));
    }

    #[test]
    fn a_day_from_an_hour_to_the_same_is_always_open() {
        let day = Schedule::Daily(Window { start_s: 0, end_s: 0 });
        assert!(day.is_open(Timestamp(0)) && day.is_open(Timestamp(DAY_S * SECOND_NS - 1)));
        assert!(!day.is_same(Timestamp(DAY_S * SECOND_NS - 1), Timestamp(DAY_S * SECOND_NS)));
    }
}
