//! Times of a session: hours, minutes and seconds of its day zero, or plain nanoseconds.

use core::fmt;

use tiercel_types::Timestamp;

const SECOND_NS: u64 = 1_000_000_000;
const HOUR_SECONDS: u64 = 3_600;

/// From this many hours on, times are shown as plain nanoseconds.
const HOURS_SHOWN: u64 = 1_000;

/// Reads `HH:MM:SS`, with up to nine decimal places, or whole nanoseconds. Hours may exceed 23.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, &'static str> {
    const WRONG: &str = "not a time (HH:MM:SS[.fraction], or whole nanoseconds)";
    if let Ok(ns) = text.parse() {
        return Ok(Timestamp(ns));
    }
    let mut parts = text.split(':');
    let (Some(hours), Some(minutes), Some(seconds), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(WRONG);
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let number = |text: &str, limit: u64| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|&value| digits && value < limit).ok_or(WRONG)
    };
    if fraction.len() > 9 {
        return Err("more than nine decimal places of a second");
    }
    let fraction_ns = number(&format!("{fraction:0<9}"), SECOND_NS)?;
    // Few enough hours that nothing below can overflow.
    let hours = number(hours, 1_000_000)?;
    let seconds = hours * HOUR_SECONDS + number(minutes, 60)? * 60 + number(seconds, 60)?;
    Ok(Timestamp(seconds * SECOND_NS + fraction_ns))
}

/// Shows a time as [`parse_time`] reads it.
pub(super) struct Clock(pub(super) Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.0;
        let (seconds, fraction) = (ns / SECOND_NS, ns % SECOND_NS);
        let hours = seconds / HOUR_SECONDS;
        if hours >= HOURS_SHOWN {
            return write!(f, "{ns}");
        }
        write!(f, "{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60)?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:09}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_shown() {
        for text in ["00:00:00", "09:30:00", "23:59:59.5", "33:30:00.000000001", "4000000000000000"]
        {
            assert_eq!(Clock(parse_time(text).unwrap()).to_string(), text);
        }
        for text in ["", "9", "09:30", "09:60:00", "09:30:00.0000000001", "-1:00:00", "a:b:c"] {
            let parsed = parse_time(text);
            assert!(parsed.is_err() || text == "9", "{text:?} is {parsed:?}");
        }
    }
}
