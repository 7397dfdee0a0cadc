//! Candles and the ticker of the last day, from trades.
//!
//! Minutes, hours and days are kept, so many of each; longer intervals are put together from them
//! when they are asked for. An interval without a trade has no candle here: whoever shows it repeats
//! the close before.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::event::Trade;
use tiercel_types::{EventHeader, InstrumentId, Money, Price, Qty, Side, Timestamp, TradeId};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};
use super::trades::TradeView;

pub(super) const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const HOUR_NS: u64 = 60 * MINUTE_NS;
pub(super) const DAY_NS: u64 = 24 * HOUR_NS;
/// Weeks begin on Monday; the epoch was a Thursday.
const WEEK_OFFSET_NS: u64 = 3 * DAY_NS;

/// The intervals that are kept, and how many candles of each: a day and more of minutes, six weeks of
/// hours, years of days.
const KEPT: [(u64, usize); 3] = [(MINUTE_NS, 2_000), (HOUR_NS, 1_000), (DAY_NS, 1_000)];

/// How long a candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interval {
    /// A second: none is kept; see [`Models::candles_of`](super::Models::candles_of).
    Second,
    /// So many minutes: 1 to 59.
    Minutes(u8),
    /// So many hours: 1 to 23.
    Hours(u8),
    /// So many days: 1 to 6.
    Days(u8),
    /// A week from Monday on.
    Week,
    /// A month of the calendar.
    Month,
}

impl Interval {
    /// Its length in nanoseconds; of a month that of the longest.
    const fn length_ns(self) -> u64 {
        match self {
            Self::Second => SECOND_NS,
            Self::Minutes(count) => count as u64 * MINUTE_NS,
            Self::Hours(count) => count as u64 * HOUR_NS,
            Self::Days(count) => count as u64 * DAY_NS,
            Self::Week => 7 * DAY_NS,
            Self::Month => 31 * DAY_NS,
        }
    }

    /// When the interval began that `time` is in.
    pub const fn start(self, time: Timestamp) -> Timestamp {
        self.start_in(time, 0)
    }

    /// When the interval began that `time` is in, by clocks that are `zone_ns` ahead of UTC.
    pub const fn start_in(self, time: Timestamp, zone_ns: i64) -> Timestamp {
        let local = time.0.saturating_add_signed(zone_ns);
        let since = match self {
            Self::Week => (local + WEEK_OFFSET_NS) % (7 * DAY_NS),
            Self::Month => (day_of_month(local / DAY_NS) - 1) * DAY_NS + local % DAY_NS,
            _ => local % self.length_ns(),
        };
        Timestamp(local.saturating_sub(since).saturating_add_signed(-zone_ns))
    }

    /// When the interval after the one that begins at `start` begins.
    pub const fn next_in(self, start: Timestamp, zone_ns: i64) -> Timestamp {
        // From the first of a month so far leads into the next, whichever it is.
        let beyond = if matches!(self, Self::Month) { DAY_NS } else { 0 };
        let next = Timestamp(start.0.saturating_add(self.length_ns() + beyond));
        if beyond > 0 { self.start_in(next, zone_ns) } else { next }
    }

    /// Which of the kept candles it is put together from: the longest that fit.
    const fn kept(self, zone_ns: i64) -> usize {
        let zone_ns = zone_ns.unsigned_abs();
        let longest = match self {
            Self::Second | Self::Minutes(_) => 0,
            Self::Hours(_) => 1,
            Self::Days(_) | Self::Week | Self::Month => 2,
        };
        if longest > 0 && !zone_ns.is_multiple_of(HOUR_NS) {
            0
        } else if longest > 1 && !zone_ns.is_multiple_of(DAY_NS) {
            1
        } else {
            longest
        }
    }
}

/// Which day of its month a day is, by its number since the epoch. Months counted from March, in
/// eras of 400 years: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
const fn day_of_month(days: u64) -> u64 {
    let day_of_era = (days + 719_468) % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5 + 1
}

/// What traded in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Candle {
    /// When the interval began.
    pub start: Timestamp,
    /// The first price.
    pub open: Price,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The last price.
    pub close: Price,
    /// How much of the base asset.
    pub base: Money,
    /// How much of the quote asset.
    pub quote: Money,
    /// How much of the base asset takers bought.
    pub taker_bought_base: Money,
    /// What they paid for it.
    pub taker_bought_quote: Money,
    /// How many trades.
    pub trades: u64,
    /// The first trade.
    pub first_trade_id: TradeId,
    /// The last trade.
    pub last_trade_id: TradeId,
}

impl Candle {
    /// Of one trade.
    fn of(start: Timestamp, (price, qty): (Price, Qty), side: Side, trade_id: TradeId) -> Self {
        let (base, quote) = (Money::from_qty(qty), Money::of(price, qty));
        let bought = side == Side::Buy;
        Self {
            base,
            quote,
            taker_bought_base: if bought { base } else { Money::ZERO },
            taker_bought_quote: if bought { quote } else { Money::ZERO },
            trades: 1,
            first_trade_id: trade_id,
            last_trade_id: trade_id,
            ..Self::flat(start, price)
        }
    }

    /// Of an interval in which nothing traded: the price before it.
    pub const fn flat(start: Timestamp, price: Price) -> Self {
        Self {
            start,
            open: price,
            high: price,
            low: price,
            close: price,
            base: Money::ZERO,
            quote: Money::ZERO,
            taker_bought_base: Money::ZERO,
            taker_bought_quote: Money::ZERO,
            trades: 0,
            first_trade_id: TradeId(0),
            last_trade_id: TradeId(0),
        }
    }

    /// Takes in what followed.
    fn extend(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.base = sum(self.base, later.base);
        self.quote = sum(self.quote, later.quote);
        self.taker_bought_base = sum(self.taker_bought_base, later.taker_bought_base);
        self.taker_bought_quote = sum(self.taker_bought_quote, later.taker_bought_quote);
        self.trades += later.trades;
        self.last_trade_id = later.last_trade_id;
    }
}

fn sum(one: Money, other: Money) -> Money {
    Money::from_units(one.units().saturating_add(other.units()))
}

/// What traded in the last 24 hours, or in another window that ends now. Windows are whole minutes,
/// the present one included; beyond a day and a minute whole hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticker {
    /// All of it as one candle; `None`: nothing traded.
    pub day: Option<Candle>,
    /// When the window began.
    pub start: Timestamp,
    /// The last price there was.
    pub last: Option<Price>,
    /// The last close before the window, as far as it is kept.
    pub previous_close: Option<Price>,
}

/// Puts candles together to those of a longer interval.
fn gather(out: &mut Vec<Candle>, start: Timestamp, candle: &Candle) {
    match out.last_mut() {
        Some(last) if last.start == start => last.extend(candle),
        _ => out.push(Candle { start, ..*candle }),
    }
}

/// The seconds in which something traded, of trades in their order.
pub(super) fn seconds<'t>(trades: impl Iterator<Item = &'t TradeView>) -> Vec<Candle> {
    let mut out = Vec::new();
    for trade in trades {
        let start = Interval::Second.start(trade.time);
        let printed = (trade.price, trade.qty);
        gather(&mut out, start, &Candle::of(start, printed, trade.taker_side, trade.trade_id));
    }
    out
}

type Series = [VecDeque<Candle>; 3];

/// The candles of all instruments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candles {
    of: BTreeMap<InstrumentId, Series>,
}

/// A candle of an image.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CandleImage {
    instrument: InstrumentId,
    series: u32,
    candle: Candle,
}

impl Candles {
    pub(super) fn add(&mut self, header: &EventHeader, trade: &Trade) {
        let series = self.of.entry(header.instrument).or_default();
        for ((length_ns, limit), candles) in KEPT.into_iter().zip(series) {
            let start = Timestamp(header.time_ns - header.time_ns % length_ns);
            let printed = (trade.price, trade.qty);
            let new = Candle::of(start, printed, trade.taker_side, trade.trade_id);
            match candles.back_mut() {
                Some(last) if last.start == start => last.extend(&new),
                _ => {
                    candles.push_back(new);
                    if candles.len() > limit {
                        candles.pop_front();
                    }
                }
            }
        }
    }

    /// The candles of an interval, by clocks that are `zone_ns` ahead of UTC, oldest first; the
    /// oldest may lack what is no longer kept. None of seconds.
    pub fn get_in(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        zone_ns: i64,
    ) -> Vec<Candle> {
        let mut out: Vec<Candle> = Vec::new();
        if interval == Interval::Second {
            return out;
        }
        let series = self.of.get(&instrument).map(|series| &series[interval.kept(zone_ns)]);
        for candle in series.into_iter().flatten() {
            gather(&mut out, interval.start_in(candle.start, zone_ns), candle);
        }
        out
    }

    /// Those of them, by UTC, that begin from `from` to `to`, both included.
    pub fn get(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Candle> {
        let mut candles = self.get_in(instrument, interval, 0);
        candles.retain(|candle| (from..=to).contains(&candle.start));
        candles
    }

    /// What traded in the window of `length_ns` that ends with the present minute, or beyond what
    /// minutes are kept for with the present hour.
    pub fn ticker(&self, instrument: InstrumentId, now: Timestamp, length_ns: u64) -> Ticker {
        let minutes = length_ns <= DAY_NS + MINUTE_NS;
        let (step_ns, kept) = if minutes { (MINUTE_NS, 0) } else { (HOUR_NS, 1) };
        let series = self.of.get(&instrument).map(|series| &series[kept]);
        let first = (now.0 - now.0 % step_ns).saturating_sub(length_ns.saturating_sub(step_ns));
        let start = Timestamp(first);
        let mut ticker = Ticker { day: None, start, last: None, previous_close: None };
        for candle in series.into_iter().flatten() {
            ticker.last = Some(candle.close);
            if candle.start < start {
                ticker.previous_close = Some(candle.close);
                continue;
            }
            match &mut ticker.day {
                Some(day) => day.extend(candle),
                None => ticker.day = Some(*candle),
            }
        }
        ticker
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        let images: Vec<CandleImage> = self
            .of
            .iter()
            .flat_map(|(instrument, all)| {
                (0..).zip(all).flat_map(move |(series, candles)| {
                    candles.iter().map(move |candle| CandleImage {
                        instrument: *instrument,
                        series,
                        candle: *candle,
                    })
                })
            })
            .collect();
        image::put(out, images.iter());
    }

    pub(super) fn load(reader: &mut ImageReader<'_>) -> Result<Self, ImageError> {
        let mut loaded = Self::default();
        let mut fits = true;
        reader.take("candles", |image: CandleImage| {
            let all = loaded.of.entry(image.instrument).or_default();
            match all.get_mut(image.series as usize) {
                Some(candles) => candles.push_back(image.candle),
                None => fits = false,
            }
        })?;
        if fits { Ok(loaded) } else { Err(ImageError::Damaged("candles")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since the epoch.
    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * SECOND_NS)
    }

    #[test]
    fn months_begin_and_end_with_the_calendar() {
        // 15 February 2024, 29 February 2024, 1 March 2024, 31 December 2026; the first of each.
        for (time, first, next) in [
            (1_708_000_000, 1_706_745_600, 1_709_251_200),
            (1_709_208_000, 1_706_745_600, 1_709_251_200),
            (1_709_251_200, 1_709_251_200, 1_711_929_600),
            (1_798_718_400, 1_796_083_200, 1_798_761_600),
        ] {
            let start = Interval::Month.start(at(time));
            assert_eq!((start, Interval::Month.next_in(start, 0)), (at(first), at(next)), "{time}");
        }
        // Nine hours ahead of UTC the first of March comes nine hours earlier.
        let zone = 9 * HOUR_NS as i64;
        assert_eq!(
            Interval::Month.start_in(at(1_709_230_000), zone),
            at(1_709_251_200 - 9 * 3_600)
        );
    }

    #[test]
    fn intervals_follow_the_clock_of_their_zone() {
        let quarter_to_six = 5 * HOUR_NS as i64 + 45 * MINUTE_NS as i64;
        let start = Interval::Hours(1).start_in(at(3_600), quarter_to_six);
        assert_eq!(start, at(3_600 - 45 * 60));
        let day = Interval::Days(1).start_in(at(86_400 * 2), -(HOUR_NS as i64));
        assert_eq!(day, at(86_400 + 3_600));
        for (interval, zone, kept) in [
            (Interval::Minutes(5), quarter_to_six, 0),
            (Interval::Hours(4), 8 * HOUR_NS as i64, 1),
            (Interval::Hours(4), quarter_to_six, 0),
            (Interval::Days(1), 0, 2),
            (Interval::Week, 8 * HOUR_NS as i64, 1),
            (Interval::Month, quarter_to_six, 0),
        ] {
            assert_eq!(interval.kept(zone), kept, "{interval:?} {zone}");
        }
    }
}
