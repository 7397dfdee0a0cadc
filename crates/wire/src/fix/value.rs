//! The values of fields, by the standard's data types: read exactly, or not at all.

use tiercel_types::{Money, Price, Qty, Timestamp, decimal};

use crate::piece::eight_digits;

/// Nanoseconds of a second.
pub(super) const SECOND_NS: u64 = 1_000_000_000;
/// Seconds of a day.
pub(super) const DAY_S: u64 = 86_400;

/// `int`: an optional minus sign and digits; leading zeros mean nothing.
#[inline]
pub fn integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => {
            unsigned(digits).and_then(|number| 0_i64.checked_sub_unsigned(number))
        }
        digits => unsigned(digits).and_then(|number| i64::try_from(number).ok()),
    }
}

/// `SeqNum`, `NumInGroup`, `Length`: digits.
#[inline]
pub fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// `Boolean`: Y or N.
#[inline]
pub const fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"Y" => Some(true),
        b"N" => Some(false),
        _ => None,
    }
}

/// `char`: one byte.
#[inline]
pub const fn character(text: &[u8]) -> Option<u8> {
    match text {
        [byte] => Some(*byte),
        _ => None,
    }
}

/// `Price`: a decimal of at most eight places that count, with a minus sign if it is negative.
#[inline]
pub fn price(text: &[u8]) -> Option<Price> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let units = i64::try_from(decimal::parse_units(digits).ok()?).ok()?;
    Some(Price::from_units(if negative { -units } else { units }))
}

/// `Qty`: a decimal of at most eight places that count.
#[inline]
pub fn qty(text: &[u8]) -> Option<Qty> {
    decimal::parse_units(text).ok().map(Qty::from_units)
}

/// `Amt`: a decimal of at most sixteen places that count, with a minus sign if it is negative.
#[inline]
pub fn money(text: &[u8]) -> Option<Money> {
    /// Places of an amount's unit.
    const PLACES: usize = 16;
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, places) = digits.split_at(point.unwrap_or(digits.len()));
    let places = places.get(1..).unwrap_or_default();
    let (places, rest) = places.split_at(places.len().min(PLACES));
    if (whole.is_empty() && places.is_empty()) || rest.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let missing = PLACES - places.len();
    let zeros = core::iter::repeat_n(&b'0', missing);
    let mut units = 0_i128;
    for byte in whole.iter().chain(places).chain(zeros) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        units = units.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    Some(Money::from_units(if is_negative { -units } else { units }))
}

/// `UTCTimestamp`: `YYYYMMDD-HH:MM:SS`, and a point with three, six or nine digits of its
/// fraction. A leap second counts as the first of the next minute.
///
/// ```
/// use tiercel_types::Timestamp;
/// use tiercel_wire::fix::value::utc_timestamp;
/// assert_eq!(utc_timestamp(b"19700102-00:00:01.5").map(|time| time.0), None);
/// assert_eq!(utc_timestamp(b"19700102-00:00:01.500"), Some(Timestamp(86_401_500_000_000)));
/// ```
#[inline]
pub fn utc_timestamp(text: &[u8]) -> Option<Timestamp> {
    let (date, time) = text.split_first_chunk::<9>()?;
    let [date @ .., b'-'] = date else { return None };
    let day_s = utc_date(date)?.checked_mul(DAY_S)?;
    let (clock, fraction) = time.split_first_chunk::<8>()?;
    let seconds = time_of_day(*clock)?;
    let fraction_ns = match fraction {
        [] => 0,
        [b'.', digits @ ..] => match digits.len() {
            3 => unsigned(digits)? * 1_000_000,
            6 => unsigned(digits)? * 1_000,
            9 => unsigned(digits)?,
            _ => return None,
        },
        _ => return None,
    };
    let seconds = day_s.checked_add(seconds)?;
    seconds.checked_mul(SECOND_NS)?.checked_add(fraction_ns).map(Timestamp)
}

/// Whether it is a `UTCTimestamp`, of any year.
pub fn is_utc_timestamp(text: &[u8]) -> bool {
    let [date @ .., b'-'] = text.get(..9).unwrap_or_default() else { return false };
    is_date(date) && is_utc_time(&text[9..])
}

/// Whether it is a `UTCTimeOnly`: `HH:MM:SS`, and perhaps a fraction.
pub fn is_utc_time(text: &[u8]) -> bool {
    let Some((clock, fraction)) = text.split_first_chunk::<8>() else { return false };
    let fraction_fits = match fraction {
        [] => true,
        [b'.', digits @ ..] => matches!(digits.len(), 3 | 6 | 9) && unsigned(digits).is_some(),
        _ => false,
    };
    time_of_day(*clock).is_some() && fraction_fits
}

/// Whether it is a date of any year: `YYYYMMDD`.
pub fn is_date(text: &[u8]) -> bool {
    let [year @ .., m1, m2, d1, d2] = text else { return false };
    let (month, day) = (unsigned(&[*m1, *m2]), unsigned(&[*d1, *d2]));
    year.len() == 4
        && unsigned(year).is_some()
        && month.is_some_and(|month| (1..=12).contains(&month))
        && day.is_some_and(|day| (1..=31).contains(&day))
}

/// `HH:MM:SS` in seconds.
#[inline]
fn time_of_day(text: [u8; 8]) -> Option<u64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let two = |tens, ones| unsigned(&[tens, ones]);
    let (hours, minutes, seconds) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    let fits = hours < 24 && minutes < 60 && seconds <= 60;
    fits.then_some(hours * 3_600 + minutes * 60 + seconds)
}

/// `UTCDateOnly`, `LocalMktDate`: `YYYYMMDD`, in days since 1970-01-01; not before it.
#[inline]
pub fn utc_date(text: &[u8]) -> Option<u64> {
    let [y1, y2, y3, y4, m1, m2, d1, d2] = text else { return None };
    let (year, month, day) =
        (unsigned(&[*y1, *y2, *y3, *y4])?, unsigned(&[*m1, *m2])?, unsigned(&[*d1, *d2])?);
    let leaps = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leaps => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=days).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is their last (after Hinnant, "chrono-compatible
    // low-level date algorithms").
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

/// The civil date of a day since 1970-01-01: year, month, day.
fn civil(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year;
    if month < 10 { (year, month + 3, date) } else { (year + 1, month - 9, date) }
}

/// Writes `number` as decimal digits with zeros in front.
#[inline]
pub(super) fn put_digits(into: &mut [u8], number: u64) {
    let mut rest = number;
    for byte in into.iter_mut().rev() {
        *byte = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// Bytes of a time in milliseconds: `YYYYMMDD-HH:MM:SS.sss`.
pub const TIMESTAMP_BYTES: usize = 21;
/// And up to its seconds.
const MINUTE_BYTES: usize = 15;

/// Writes times as `UTCTimestamp` in milliseconds, and remembers the day and the minute of the one
/// before: most of a time is that of the last one.
#[derive(Clone, Debug)]
pub struct TimeWriter {
    text: [u8; TIMESTAMP_BYTES],
    minute: u64,
    /// The sum of the bytes up to the seconds.
    minute_sum: u64,
}

impl Default for TimeWriter {
    fn default() -> Self {
        let mut writer = Self { text: *b"19700101-00:00:00.000", minute: 0, minute_sum: 0 };
        writer.set_minute(0);
        writer
    }
}

impl TimeWriter {
    /// The text of a time, cut to the millisecond. After the year 9999, that of its last minute.
    #[inline]
    pub fn write(&mut self, time: Timestamp) -> &[u8; TIMESTAMP_BYTES] {
        let (_, _, digits) = self.parts(time);
        let [seconds @ .., _, _] = Self::second_text(digits).to_le_bytes();
        self.text[MINUTE_BYTES..].copy_from_slice(&seconds);
        &self.text
    }

    /// The text up to the seconds and a byte that does not count, the sum of its bytes, and the digits
    /// of the seconds and milliseconds behind three zeros.
    #[inline(always)]
    pub(super) fn parts(&mut self, time: Timestamp) -> ([u8; 16], u64, u64) {
        let millis = time.0 / 1_000_000;
        let (minute, rest) = (millis / 60_000, millis % 60_000);
        if minute != self.minute {
            self.set_minute(minute);
        }
        let [text @ .., _, _, _, _, _] = &self.text;
        (*text, self.minute_sum, eight_digits(rest))
    }

    /// `SS.sss` of these digits, in the low six bytes.
    #[inline(always)]
    pub(super) const fn second_text(digits: u64) -> u64 {
        const FRAME: u64 = u64::from_le_bytes([b'0', b'0', b'.', b'0', b'0', b'0', 0, 0]);
        let five = digits >> 24;
        FRAME | (five & 0xFFFF) | ((five & 0xFF_FFFF_0000) << 8)
    }

    #[cold]
    fn set_minute(&mut self, minute: u64) {
        self.minute = minute;
        let (year, month, day) = civil(minute / 1_440);
        put_digits(&mut self.text[..4], year);
        put_digits(&mut self.text[4..6], month);
        put_digits(&mut self.text[6..8], day);
        put_digits(&mut self.text[9..11], minute / 60 % 24);
        put_digits(&mut self.text[12..14], minute % 60);
        self.minute_sum = self.text[..MINUTE_BYTES].iter().map(|byte| u64::from(*byte)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(integer(b"-12"), Some(-12));
        assert_eq!(integer(b"0012"), Some(12));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        for bad in [&b""[..], b"-", b"+1", b" 1", b"1.0", b"1e3", b"9223372036854775808"] {
            assert_eq!(integer(bad), None, "{bad:?}");
        }
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
        assert_eq!(price(b"-1.5"), Some(Price::from_units(-150_000_000)));
        assert_eq!(qty(b"-1.5"), None);
        assert_eq!(qty(b".000000001"), None);
        let units = |text: &str| money(text.as_bytes()).map(Money::units);
        assert_eq!(units("0.0000000000000001"), Some(1));
        assert_eq!(units("-1.50000000000000000"), Some(-15_000_000_000_000_000));
        assert_eq!((units(".5"), units("7.")), (Some(5_000_000_000_000_000), units("7")));
        for bad in
            ["", "-", ".", "1.00000000000000001", "1e3", "1..2", "+1", "9".repeat(30).as_str()]
        {
            assert_eq!(units(bad), None, "{bad:?}");
        }
        assert_eq!((boolean(b"Y"), boolean(b"y")), (Some(true), None));
        assert_eq!((character(b"1"), character(b"10")), (Some(b'1'), None));
    }

    #[test]
    fn times_are_read_in_each_precision_and_refused_when_they_are_none() {
        let read = |text: &str| utc_timestamp(text.as_bytes()).map(|time| time.0);
        assert_eq!(read("20260719-10:00:01"), Some(1_784_455_201_000_000_000));
        assert_eq!(read("20260719-10:00:01.234"), Some(1_784_455_201_234_000_000));
        assert_eq!(read("20260719-10:00:01.234567"), Some(1_784_455_201_234_567_000));
        assert_eq!(read("20260719-10:00:01.234567891"), Some(1_784_455_201_234_567_891));
        assert_eq!(read("20161231-23:59:60"), read("20170101-00:00:00"));
        for bad in [
            "",
            "00000000-00:00:00",
            "20260719 10:00:01",
            "20260719-24:00:00",
            "20260719-10:60:00",
            "20260719-10:00:61",
            "20260229-10:00:00",
            "20261301-10:00:00",
            "20260700-10:00:00",
            "20260719-10:00:00.",
            "20260719-10:00:00.12",
            "20260719-10:00:00,123",
            "19691231-23:59:59",
            "20260719-10:00:0x",
            "20260719-1:00:000",
            "99990101-00:00:00",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_is_read_as_it_is_written() {
        let mut writer = TimeWriter::default();
        // A day, an hour, a minute, a second and seven milliseconds apart, up to the year 2500.
        let step = (((24 + 1) * 60 + 1) * 60 + 1) * SECOND_NS + 7_000_000;
        let mut time = 0;
        while time < 530 * 366 * DAY_S * SECOND_NS {
            let text = *writer.write(Timestamp(time));
            assert_eq!(utc_timestamp(&text), Some(Timestamp(time)), "{}", text.escape_ascii());
            time += step;
        }
        assert_eq!(writer.write(Timestamp(951_782_400_000_000_000)), b"20000229-00:00:00.000");
    }
}
