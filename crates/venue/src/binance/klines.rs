//! Candles as the interface has them: one for each interval, also for those without a trade.

use serde::Serialize;
use tiercel_types::{InstrumentSpec, Money, Price, Timestamp};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::page::{ROWS_DEFAULT, ROWS_MAX, Span, limit};
use super::params::Params;
use super::questions::instrument;
use super::stream;
use crate::models::{Candle, Interval, Models};

/// The intervals, by their names.
const INTERVALS: [(&str, Interval); 16] = [
    ("1s", Interval::Second),
    ("1m", Interval::Minutes(1)),
    ("3m", Interval::Minutes(3)),
    ("5m", Interval::Minutes(5)),
    ("15m", Interval::Minutes(15)),
    ("30m", Interval::Minutes(30)),
    ("1h", Interval::Hours(1)),
    ("2h", Interval::Hours(2)),
    ("4h", Interval::Hours(4)),
    ("6h", Interval::Hours(6)),
    ("8h", Interval::Hours(8)),
    ("12h", Interval::Hours(12)),
    ("1d", Interval::Days(1)),
    ("3d", Interval::Days(3)),
    ("1w", Interval::Week),
    ("1M", Interval::Month),
];

const MINUTE_NS: i64 = 60_000_000_000;
/// How far behind and ahead of UTC clocks may be, in minutes.
const ZONE_MINUTES: std::ops::RangeInclusive<i64> = -12 * 60..=14 * 60;

/// The interval of that name, which is case-sensitive.
pub fn interval(name: &str) -> Option<Interval> {
    INTERVALS.iter().find(|(known, _)| *known == name).map(|(_, interval)| *interval)
}

/// The name of an interval.
pub fn interval_name(interval: Interval) -> &'static str {
    INTERVALS.iter().find(|(_, known)| *known == interval).map_or("", |(name, _)| name)
}

/// How far ahead of UTC clocks are, in nanoseconds: `8`, `-1:00`, `05:45`.
///
/// # Errors
/// -1130 if none are.
pub(super) fn read_zone(params: &Params<'_>) -> Result<i64, ApiError> {
    let Some(text) = params.text("timeZone")? else { return Ok(0) };
    let zone = || {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "00"));
        let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
            let plain =
                lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<i64>().ok().filter(|_| plain)
        };
        let minutes = number(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
        let zone = sign * (number(hours, 1..=2)? * 60 + minutes);
        ZONE_MINUTES.contains(&zone).then_some(zone * MINUTE_NS)
    };
    zone().ok_or_else(|| ApiError::invalid("timeZone"))
}

/// The intervals from the first trade on, by the clock of a zone.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// How long they are.
    pub interval: Interval,
    /// How far its clocks are ahead of UTC.
    pub zone_ns: i64,
}

impl Clock {
    /// When the interval began that `time` is in.
    pub const fn start(self, time: Timestamp) -> Timestamp {
        self.interval.start_in(time, self.zone_ns)
    }

    /// When the next interval begins.
    pub const fn next(self, start: Timestamp) -> Timestamp {
        self.interval.next_in(start, self.zone_ns)
    }

    /// The last millisecond of the interval that begins at `start`.
    pub const fn close_ms(self, start: Timestamp) -> u64 {
        (self.next(start).0 / NANOS_PER_MILLI).saturating_sub(1)
    }

    /// The candle of the interval that begins at `start`, of those in which something traded: flat
    /// if nothing did, `None` before the first.
    pub fn candle(self, traded: &[Candle], start: Timestamp) -> Option<Candle> {
        let behind = traded.partition_point(|candle| candle.start <= start);
        let last = traded.get(behind.checked_sub(1)?)?;
        Some(if last.start == start { *last } else { Candle::flat(start, last.close) })
    }

    /// One candle for each interval of the span that has begun by `now`, oldest first: from its
    /// start on if it has one, else its newest.
    fn candles(self, traded: &[Candle], span: &Span, limit: usize, now: Timestamp) -> Vec<Candle> {
        let Some(first) = traded.first() else { return Vec::new() };
        let last = self.start(now.min(nanos(span.to_ms)));
        let mut start = first.start;
        if let Some(from_ms) = span.from_ms {
            let from = nanos(from_ms);
            let at = self.start(from);
            start = start.max(if at < from { self.next(at) } else { at });
        } else {
            // From the newest back: an interval's start less a moment is in the one before.
            let mut newest = last;
            for _ in 1..limit {
                newest = self.start(Timestamp(newest.0.saturating_sub(1)));
            }
            start = start.max(newest);
        }
        let mut candles = Vec::new();
        while start <= last && candles.len() < limit {
            candles.extend(self.candle(traded, start));
            start = self.next(start);
        }
        candles
    }
}

fn nanos(ms: u64) -> Timestamp {
    Timestamp(ms.saturating_mul(NANOS_PER_MILLI))
}

/// One row: when it opens, four prices, volume, when it closes, volume in the quote asset, trades,
/// what takers bought in both assets, and nothing.
type Row = (
    u64,
    Decimal<Price>,
    Decimal<Price>,
    Decimal<Price>,
    Decimal<Price>,
    Decimal<Money>,
    u64,
    Decimal<Money>,
    u64,
    Decimal<Money>,
    Decimal<Money>,
    &'static str,
);

/// `GET klines` and `GET uiKlines`.
///
/// # Errors
/// For parameters that are wrong: -1120 for an interval that there is not.
pub fn klines(models: &Models, params: &Params<'_>, now: Timestamp) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let interval = interval(params.mandatory("interval")?)
        .ok_or_else(|| ApiError::new(-1120, "Invalid interval."))?;
    let zone_ns = read_zone(params)?;
    let span = Span::read(params)?;
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    let clock = Clock { interval, zone_ns };
    let traded = models.candles_of(spec.instrument, interval, zone_ns);
    let row = |candle: &Candle| -> Row {
        (
            candle.start.0 / NANOS_PER_MILLI,
            Decimal(candle.open),
            Decimal(candle.high),
            Decimal(candle.low),
            Decimal(candle.close),
            Decimal(candle.base),
            clock.close_ms(candle.start),
            Decimal(candle.quote),
            candle.trades,
            Decimal(candle.taker_bought_base),
            Decimal(candle.taker_bought_quote),
            "0",
        )
    };
    write(&clock.candles(&traded, &span, limit, now).iter().map(row).collect::<Vec<_>>())
}

/// A candle of a stream.
#[derive(Debug, Serialize)]
struct KlineMessage<'a> {
    k: Kline<'a>,
}

#[derive(Debug, Serialize)]
struct Kline<'a> {
    t: u64,
    #[serde(rename = "T")]
    close_time: u64,
    s: &'a str,
    i: &'static str,
    f: i64,
    #[serde(rename = "L")]
    last_trade_id: i64,
    o: Decimal<Price>,
    c: Decimal<Price>,
    h: Decimal<Price>,
    l: Decimal<Price>,
    v: Decimal<Money>,
    n: u64,
    x: bool,
    q: Decimal<Money>,
    #[serde(rename = "V")]
    taker_bought_base: Decimal<Money>,
    #[serde(rename = "Q")]
    taker_bought_quote: Decimal<Money>,
    #[serde(rename = "B")]
    ignored: &'static str,
}

/// A trade's id, or -1 where nothing traded.
pub(super) fn trade_id(candle: &Candle, id: u64) -> i64 {
    if candle.trades == 0 { -1 } else { i64::try_from(id).unwrap_or(i64::MAX) }
}

/// The message of a candle; `closed`: its interval is over.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn message(
    spec: &InstrumentSpec,
    interval: Interval,
    candle: &Candle,
    closed: bool,
    now_ms: u64,
) -> Result<String, ApiError> {
    let clock = Clock { interval, zone_ns: 0 };
    let body = KlineMessage {
        k: Kline {
            t: candle.start.0 / NANOS_PER_MILLI,
            close_time: clock.close_ms(candle.start),
            s: spec.symbol.as_str(),
            i: interval_name(interval),
            f: trade_id(candle, candle.first_trade_id.0),
            last_trade_id: trade_id(candle, candle.last_trade_id.0),
            o: Decimal(candle.open),
            c: Decimal(candle.close),
            h: Decimal(candle.high),
            l: Decimal(candle.low),
            v: Decimal(candle.base),
            n: candle.trades,
            x: closed,
            q: Decimal(candle.quote),
            taker_bought_base: Decimal(candle.taker_bought_base),
            taker_bought_quote: Decimal(candle.taker_bought_quote),
            ignored: "0",
        },
    };
    stream::message("kline", now_ms, spec, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn price(units: i64) -> Price {
        Price::from_units(units)
    }

    /// Candles of minutes, with closes of 10 and so on, at these minutes.
    fn traded(minutes: &[u64]) -> Vec<Candle> {
        let candle = |(minute, close): (&u64, i64)| Candle {
            trades: 1,
            ..Candle::flat(nanos(minute * MINUTE_MS), price(close))
        };
        minutes.iter().zip((10..).step_by(10)).map(candle).collect()
    }

    fn closes(from: Option<u64>, to: u64, limit: usize, now: u64) -> Vec<(u64, i64, u64)> {
        let clock = Clock { interval: Interval::Minutes(1), zone_ns: 0 };
        let span = Span { from_ms: from, to_ms: to };
        let candles = clock.candles(&traded(&[3, 5, 6]), &span, limit, nanos(now));
        let of = |one: &Candle| {
            (one.start.0 / NANOS_PER_MILLI / MINUTE_MS, one.close.units(), one.trades)
        };
        candles.iter().map(of).collect()
    }

    #[test]
    fn each_interval_has_a_candle_from_the_first_trade_on() {
        let now = 7 * MINUTE_MS + 30_000;
        let all = [(3, 10, 1), (4, 10, 0), (5, 20, 1), (6, 30, 1), (7, 30, 0)];
        assert_eq!(closes(None, u64::MAX, 500, now), all);
        assert_eq!(closes(None, u64::MAX, 2, now), all[3..], "the newest without a start");
        assert_eq!(closes(None, 6 * MINUTE_MS, 2, now), all[2..4], "up to an end");
        assert_eq!(closes(Some(1), u64::MAX, 2, now), all[..2], "the oldest from a start on");
        assert_eq!(closes(Some(0), u64::MAX, 2, now), all[..2], "which may be the first moment");
        assert_eq!(closes(Some(4 * MINUTE_MS), u64::MAX, 1, now), all[1..2], "which is included");
        assert_eq!(closes(Some(4 * MINUTE_MS + 1), u64::MAX, 1, now), all[2..3]);
        assert_eq!(closes(Some(8 * MINUTE_MS), u64::MAX, 5, now), [], "nothing of the future");
        assert_eq!(closes(None, 2 * MINUTE_MS, 5, now), [], "nothing before the first trade");
    }

    #[test]
    fn zones_are_read_as_documented() {
        for (text, minutes) in [
            ("0", Some(0)),
            ("8", Some(480)),
            ("-1:00", Some(-60)),
            ("05:45", Some(345)),
            ("-12:00", Some(-720)),
            ("14", Some(840)),
            ("14:01", None),
            ("-12:01", None),
            ("1:60", None),
            ("1:5", None),
            ("%2B1", None),
            ("UTC", None),
            ("1:-5", None),
        ] {
            let query = format!("timeZone={text}");
            let params = Params::parse(&query, "").unwrap();
            let read = read_zone(&params).ok();
            assert_eq!(read, minutes.map(|minutes| minutes * MINUTE_NS), "{text}");
        }
    }

    #[test]
    fn every_interval_has_its_name_and_names_are_case_sensitive() {
        for (name, known) in INTERVALS {
            assert_eq!((interval(name), interval_name(known)), (Some(known), name));
        }
        assert_ne!(interval("1M"), interval("1m"));
        assert_eq!(interval("1H"), None);
    }
}
