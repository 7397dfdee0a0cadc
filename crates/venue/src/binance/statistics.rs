//! What traded in a window of time, in numbers.

use tiercel_types::{InstrumentSpec, Money, Price, Timestamp};

use super::answer::NANOS_PER_MILLI;
use super::klines::Clock;
use crate::models::{Candle, Interval, Models, Ticker};

/// A minute in nanoseconds.
pub(super) const MINUTE_NS: u64 = 60_000_000_000;
const HOUR_NS: u64 = 60 * MINUTE_NS;
/// A day in nanoseconds.
pub(super) const DAY_NS: u64 = 24 * HOUR_NS;

/// What traded in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// What did; flat and at zero if nothing did.
    pub candle: Candle,
    /// The last price there was.
    pub last: Price,
    /// The last price before the window.
    pub previous: Price,
    /// When it began and ends, in milliseconds.
    pub(super) open_ms: u64,
    pub(super) close_ms: u64,
}

impl Statistics {
    fn of(ticker: &Ticker, now: Timestamp) -> Self {
        Self {
            candle: ticker.day.unwrap_or(Candle::flat(ticker.start, Price::ZERO)),
            last: ticker.last.unwrap_or_default(),
            previous: ticker.previous_close.unwrap_or_default(),
            open_ms: ticker.start.0 / NANOS_PER_MILLI,
            close_ms: now.0 / NANOS_PER_MILLI,
        }
    }

    /// Of the last 24 hours.
    pub fn day(models: &Models, spec: &InstrumentSpec, now: Timestamp) -> Self {
        Self::of(&models.ticker(spec.instrument, now), now)
    }

    /// Of a window that ends now. It begins with a whole minute (of more than a day, a whole hour),
    /// and so is up to that much longer.
    pub fn window(models: &Models, spec: &InstrumentSpec, now: Timestamp, length_ns: u64) -> Self {
        let step_ns = if length_ns <= DAY_NS { MINUTE_NS } else { HOUR_NS };
        Self::of(&models.window(spec.instrument, now, length_ns + step_ns), now)
    }

    /// Of the day, by the clocks of a zone.
    pub(super) fn trading_day(
        models: &Models,
        spec: &InstrumentSpec,
        now: Timestamp,
        zone_ns: i64,
    ) -> Self {
        let clock = Clock { interval: Interval::Days(1), zone_ns };
        let start = clock.start(now);
        let days = models.candles_of(spec.instrument, clock.interval, zone_ns);
        let last = models.ticker(spec.instrument, now).last;
        let today = days.last().filter(|day| day.start == start);
        Self {
            candle: today.copied().unwrap_or(Candle::flat(start, Price::ZERO)),
            last: last.unwrap_or_default(),
            previous: Price::ZERO,
            open_ms: start.0 / NANOS_PER_MILLI,
            close_ms: clock.close_ms(start),
        }
    }

    /// How far the price has moved in the window; not at all if nothing traded.
    pub(super) fn change(&self) -> Price {
        if self.candle.trades == 0 {
            return Price::ZERO;
        }
        Price::from_units(self.last.units().saturating_sub(self.candle.open.units()))
    }

    pub(super) fn percent(&self) -> String {
        if self.candle.trades == 0 {
            return percent(Price::ZERO, Price::ZERO);
        }
        percent(self.candle.open, self.last)
    }

    pub(super) fn average(&self) -> Price {
        average(self.candle.quote, self.candle.base)
    }
}

/// The length of a window: `1m` to `59m`, `1h` to `23h`, `1d` to `7d`.
pub fn window_ns(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (unit_ns, most) = match unit {
        "m" => (MINUTE_NS, 59),
        "h" => (HOUR_NS, 23),
        "d" => (DAY_NS, 7),
        _ => return None,
    };
    let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|count| plain && (1..=most).contains(count))?;
    Some(count * unit_ns)
}

/// What a quantity cost on average, to the nearest unit; zero of nothing.
pub(super) fn average(quote: Money, base: Money) -> Price {
    let (quote, base) = (quote.units(), base.units());
    if base <= 0 {
        return Price::ZERO;
    }
    // A price is a share of 10^8 units. What does not fit that way is large enough to divide first.
    let units = match quote.checked_mul(PRICE_ONE) {
        Some(scaled) => scaled.saturating_add(base / 2) / base,
        None => quote / (base / PRICE_ONE).max(1),
    };
    Price::from_units(i64::try_from(units).unwrap_or(i64::MAX))
}

/// Units of a price of one.
const PRICE_ONE: i128 = 100_000_000;

/// A change in percent, with three places.
fn percent(from: Price, to: Price) -> String {
    let (from, to) = (i128::from(from.units()), i128::from(to.units()));
    let thousandths = if from == 0 { 0 } else { (to - from) * 100_000 / from };
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    format!("{sign}{}.{:03}", size / 1_000, size % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_exact_to_the_nearest_unit_and_do_not_overflow() {
        let money = Money::from_units;
        assert_eq!(average(money(0), money(0)), Price::ZERO);
        // Ten at 1 and five at 2 are 20 for 15.
        let (quote, base) = (money(20 * 10_i128.pow(16)), money(15 * 10_i128.pow(16)));
        assert_eq!(average(quote, base).units(), 133_333_333);
        let (quote, base) = (money(5 * 10_i128.pow(16)), money(3 * 10_i128.pow(16)));
        assert_eq!(average(quote, base).units(), 166_666_667, "to the nearest");
        let most = money(i128::MAX);
        assert_eq!(average(most, most).units(), 100_000_000);
    }

    #[test]
    fn percents_have_three_places_and_a_sign() {
        let of = |from, to| percent(Price::from_units(from), Price::from_units(to));
        assert_eq!(of(100, 100), "0.000");
        assert_eq!(of(100_000, 100_317), "0.317");
        assert_eq!(of(100_000, 99_995), "-0.005");
        assert_eq!(of(3, 9), "200.000");
        assert_eq!(of(0, 9), "0.000");
    }

    #[test]
    fn windows_have_one_unit_and_a_bound() {
        assert_eq!(window_ns("1m"), Some(MINUTE_NS));
        assert_eq!(window_ns("23h"), Some(23 * HOUR_NS));
        assert_eq!(window_ns("7d"), Some(7 * DAY_NS));
        for text in ["", "m", "0m", "60m", "24h", "8d", "1d2h", "01m", "+1m", "1M", "é"] {
            assert_eq!(window_ns(text), None, "{text}");
        }
    }
}
