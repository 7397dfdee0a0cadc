//! Days, by UTC: a session of the feed is one.

use tiercel_types::Timestamp;
use tiercel_wire::fix::value::TimeWriter;

const DAY_NS: u64 = 86_400_000_000_000;

/// A day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(u64);

impl Day {
    /// That of a time.
    pub const fn of(time: Timestamp) -> Self {
        Self(time.0 / DAY_NS)
    }

    /// The day of this number: days since 1970-01-01.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Nanoseconds from its midnight to a time; of a time that is none of its own, the first or last
    /// of its.
    pub const fn since_midnight(self, time: Timestamp) -> u64 {
        let since = time.0.saturating_sub(self.0 * DAY_NS);
        if since < DAY_NS { since } else { DAY_NS - 1 }
    }

    /// `YYYYMMDD`.
    pub fn text(self) -> [u8; 8] {
        let mut text = [b'0'; 8];
        let mut writer = TimeWriter::default();
        let written = writer.write(Timestamp(self.0.saturating_mul(DAY_NS)));
        text.copy_from_slice(&written[..8]);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_knows_its_times_and_its_name() {
        let noon = Timestamp(1_795_305_600_000_000_000);
        let day = Day::of(noon);
        assert_eq!(&day.text(), b"20261122");
        assert_eq!(day.since_midnight(noon), 0);
        assert_eq!(day.since_midnight(Timestamp(noon.0 + 5)), 5);
        assert_eq!(day.since_midnight(Timestamp(noon.0 + 2 * DAY_NS)), DAY_NS - 1);
        assert_eq!(Day::of(Timestamp(noon.0 - 1)), Day::from_number(day.number() - 1));
    }
}
