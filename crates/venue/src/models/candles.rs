//! Candles and the ticker of the last day, from trades.
//!
//! Minutes, hours and days are kept, so many of each; longer intervals are put together from them
//! when they are asked for. An interval without a trade has no candle here: whoever shows it repeats
//! the close before.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::event::Trade;
use tiercel_types::{EventHeader, InstrumentId, Money, Price, Side, Timestamp, TradeId};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use super::image::{self, ImageError, ImageReader};

const MINUTE_NS: u64 = 60_000_000_000;
const HOUR_NS: u64 = 60 * MINUTE_NS;
const DAY_NS: u64 = 24 * HOUR_NS;
/// Weeks begin on Monday; the epoch was a Thursday.
const WEEK_OFFSET_NS: u64 = 3 * DAY_NS;

/// The intervals that are kept, and how many candles of each: a day and more of minutes, six weeks of
/// hours, years of days.
const KEPT: [(u64, usize); 3] = [(MINUTE_NS, 2_000), (HOUR_NS, 1_000), (DAY_NS, 1_000)];

/// How long a candle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// So many minutes: 1 to 59.
    Minutes(u8),
    /// So many hours: 1 to 23.
    Hours(u8),
    /// So many days: 1 to 6.
    Days(u8),
    /// A week from Monday on.
    Week,
}

impl Interval {
    /// Its length in nanoseconds.
    pub const fn length_ns(self) -> u64 {
        match self {
            Self::Minutes(count) => count as u64 * MINUTE_NS,
            Self::Hours(count) => count as u64 * HOUR_NS,
            Self::Days(count) => count as u64 * DAY_NS,
            Self::Week => 7 * DAY_NS,
        }
    }

    /// When the interval began that `time` is in.
    pub const fn start(self, time: Timestamp) -> Timestamp {
        let offset = if matches!(self, Self::Week) { WEEK_OFFSET_NS } else { 0 };
        let length = self.length_ns();
        let since = (time.0 + offset) % length;
        Timestamp(time.0.saturating_sub(since))
    }

    const fn kept(self) -> usize {
        match self {
            Self::Minutes(_) => 0,
            Self::Hours(_) => 1,
            Self::Days(_) | Self::Week => 2,
        }
    }
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
    fn of(time: Timestamp, trade: &Trade) -> Self {
        let (base, quote) = (Money::from_qty(trade.qty), Money::of(trade.price, trade.qty));
        let bought = trade.taker_side == Side::Buy;
        Self {
            start: time,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            base,
            quote,
            taker_bought_base: if bought { base } else { Money::ZERO },
            taker_bought_quote: if bought { quote } else { Money::ZERO },
            trades: 1,
            first_trade_id: trade.trade_id,
            last_trade_id: trade.trade_id,
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

/// What traded in the last 24 hours, whole minutes: the present one and the 1,439 before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticker {
    /// All of it as one candle; `None`: nothing traded.
    pub day: Option<Candle>,
    /// The last price there was.
    pub last: Option<Price>,
    /// The last close before the 24 hours, as far as it is kept.
    pub previous_close: Option<Price>,
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
            let new = Candle::of(start, trade);
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

    /// The candles of an interval that begin from `from` to `to`, both included, oldest first; the
    /// oldest may lack what is no longer kept.
    pub fn get(
        &self,
        instrument: InstrumentId,
        interval: Interval,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<Candle> {
        let mut out: Vec<Candle> = Vec::new();
        let series = self.of.get(&instrument).map(|series| &series[interval.kept()]);
        for candle in series.into_iter().flatten() {
            let start = interval.start(candle.start);
            if start < from || start > to {
                continue;
            }
            match out.last_mut() {
                Some(last) if last.start == start => last.extend(candle),
                _ => out.push(Candle { start, ..*candle }),
            }
        }
        out
    }

    /// What traded in the 24 hours before `now`.
    pub fn ticker(&self, instrument: InstrumentId, now: Timestamp) -> Ticker {
        let minutes = self.of.get(&instrument).map(|series| &series[0]);
        let first = (now.0 - now.0 % MINUTE_NS).saturating_sub(DAY_NS - MINUTE_NS);
        let mut ticker = Ticker { day: None, last: None, previous_close: None };
        for candle in minutes.into_iter().flatten() {
            ticker.last = Some(candle.close);
            if candle.start.0 < first {
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
