//! What is derived of trades: aggregate trades, average prices, tickers.

use serde::Serialize;
use tiercel_types::event::Trade;
use tiercel_types::{
    EventHeader, InstrumentSpec, Money, OrderId, Price, Qty, Side, Timestamp, TradeId,
};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::klines::{Clock, read_zone, trade_id};
use super::params::Params;
use super::questions::{
    ROWS_DEFAULT, ROWS_MAX, Span, answer_one_or_all, instrument, limit, symbols,
};
use super::stream::best;
use super::view;
use crate::models::{Candle, Interval, Models, Ticker, TradeView};

const MINUTE_NS: u64 = 60_000_000_000;
const HOUR_NS: u64 = 60 * MINUTE_NS;
const DAY_NS: u64 = 24 * HOUR_NS;
/// Over how many minutes prices are averaged.
const AVERAGE_MINUTES: u64 = 5;
/// The most symbols of a request for tickers of a window.
const SYMBOLS_MAX: usize = 100;

/// What one taker traded at one price at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aggregate {
    taker: OrderId,
    time: Timestamp,
    price: Price,
    qty: Qty,
    first: TradeId,
    last: TradeId,
    taker_side: Side,
}

impl From<&TradeView> for Aggregate {
    fn from(trade: &TradeView) -> Self {
        Self {
            taker: trade.taker_order_id,
            time: trade.time,
            price: trade.price,
            qty: trade.qty,
            first: trade.trade_id,
            last: trade.trade_id,
            taker_side: trade.taker_side,
        }
    }
}

impl From<(&EventHeader, &Trade)> for Aggregate {
    fn from((header, trade): (&EventHeader, &Trade)) -> Self {
        Self {
            taker: trade.taker_order_id,
            time: Timestamp(header.time_ns),
            price: trade.price,
            qty: trade.qty,
            first: trade.trade_id,
            last: trade.trade_id,
            taker_side: trade.taker_side,
        }
    }
}

impl Aggregate {
    /// Takes in what followed, if that belongs to it.
    #[must_use]
    pub fn join(&mut self, later: &Self) -> bool {
        let same = (self.taker, self.time, self.price) == (later.taker, later.time, later.price);
        if same {
            // Together no more than one order's quantity.
            self.qty = Qty::from_units(self.qty.units().saturating_add(later.qty.units()));
            self.last = later.last;
        }
        same
    }

    /// Its message on a stream.
    ///
    /// # Errors
    /// [`ApiError::internal`] if it cannot be written.
    pub fn message(&self, spec: &InstrumentSpec) -> Result<String, ApiError> {
        write(&AggregateMessage {
            e: "aggTrade",
            event_time: self.time.0 / NANOS_PER_MILLI,
            s: spec.symbol.as_str(),
            trade: self.answer(),
        })
    }

    fn answer(&self) -> AggregateAnswer {
        AggregateAnswer {
            a: self.last.0,
            p: Decimal(self.price),
            q: Decimal(self.qty),
            f: self.first.0,
            l: self.last.0,
            time: self.time.0 / NANOS_PER_MILLI,
            m: self.taker_side == Side::Sell,
            best_match: true,
        }
    }
}

/// An aggregate trade. Its id is that of its last trade: ids rise, with gaps.
#[derive(Debug, Serialize)]
struct AggregateAnswer {
    a: u64,
    p: Decimal<Price>,
    q: Decimal<Qty>,
    f: u64,
    l: u64,
    #[serde(rename = "T")]
    time: u64,
    m: bool,
    #[serde(rename = "M")]
    best_match: bool,
}

#[derive(Debug, Serialize)]
struct AggregateMessage<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    #[serde(flatten)]
    trade: AggregateAnswer,
}

/// The first `limit` aggregates of trades in their order.
fn oldest<'t>(trades: impl Iterator<Item = &'t TradeView>, limit: usize) -> Vec<Aggregate> {
    let mut out: Vec<Aggregate> = Vec::new();
    for next in trades.map(Aggregate::from) {
        if out.last_mut().is_some_and(|last| last.join(&next)) {
            continue;
        }
        if out.len() == limit {
            break;
        }
        out.push(next);
    }
    out
}

/// The last `limit` of them, oldest first.
fn newest<'t>(
    trades: impl DoubleEndedIterator<Item = &'t TradeView>,
    limit: usize,
) -> Vec<Aggregate> {
    let mut out: Vec<Aggregate> = Vec::new();
    for mut earlier in trades.rev().map(Aggregate::from) {
        if let Some(last) = out.last_mut()
            && earlier.join(last)
        {
            *last = earlier;
            continue;
        }
        if out.len() == limit {
            break;
        }
        out.push(earlier);
    }
    out.reverse();
    out
}

/// `GET aggTrades`: of the trades that are remembered. With `fromId` or a start the oldest from
/// there on, else the newest.
///
/// # Errors
/// For parameters that are wrong.
pub fn aggregate_trades(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let from = params.integer("fromId")?;
    let span = Span::read(params)?;
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    let trades = models.trades();
    let rows = match from {
        Some(_) if !span.is_open() => return Err(ApiError::combination()),
        Some(id) => {
            let first = first_of_aggregate(models, &spec, TradeId(id));
            oldest(trades.from(spec.instrument, first), limit)
        }
        None => {
            let start = Timestamp(span.from_ms.saturating_mul(NANOS_PER_MILLI));
            let inside =
                trades.since(spec.instrument, start).filter(|trade| span.holds(trade.time));
            if span.from_ms > 0 { oldest(inside, limit) } else { newest(inside, limit) }
        }
    };
    write(&rows.iter().map(Aggregate::answer).collect::<Vec<_>>())
}

/// Where the aggregate begins that a trade belongs to.
fn first_of_aggregate(models: &Models, spec: &InstrumentSpec, id: TradeId) -> TradeId {
    let get = |id: TradeId| models.trades().get(spec.instrument, id).map(Aggregate::from);
    let mut first = id;
    while let Some(trade) = get(first)
        && let Some(mut before) = first.0.checked_sub(1).and_then(|id| get(TradeId(id)))
        && before.join(&trade)
    {
        first = before.first;
    }
    first
}

/// `GET historicalTrades`: of the trades that are remembered, from `fromId` on or the newest.
///
/// # Errors
/// For parameters that are wrong.
pub fn historical_trades(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let from = params.integer("fromId")?;
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    match from {
        Some(id) => {
            let rows: Vec<_> =
                models.trades().from(spec.instrument, TradeId(id)).take(limit).collect();
            view::trades(rows.into_iter(), limit)
        }
        None => view::trades(models.trades().of(spec.instrument), limit),
    }
}

/// What a quantity cost on average, to the nearest unit; zero of nothing.
fn average(quote: Money, base: Money) -> Price {
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

/// The average price of the last minutes, and when the last trade was.
struct Average {
    price: Price,
    last_trade_ms: u64,
}

impl Average {
    /// Before the first trade all of it is zero; where nothing traded lately, the last price.
    fn of(models: &Models, spec: &InstrumentSpec, now: Timestamp) -> Self {
        let window = models.window(spec.instrument, now, AVERAGE_MINUTES * MINUTE_NS);
        let last = models.trades().of(spec.instrument).next_back();
        let price = match window.day {
            Some(traded) => average(traded.quote, traded.base),
            None => window.last.unwrap_or_default(),
        };
        Self { price, last_trade_ms: last.map_or(0, |trade| trade.time.0 / NANOS_PER_MILLI) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AverageAnswer {
    mins: u64,
    price: Decimal<Price>,
    close_time: u64,
}

/// `GET avgPrice`.
///
/// # Errors
/// For parameters that are wrong.
pub fn average_price(
    models: &Models,
    params: &Params<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    params.finish()?;
    let Average { price, last_trade_ms } = Average::of(models, &spec, now);
    write(&AverageAnswer {
        mins: AVERAGE_MINUTES,
        price: Decimal(price),
        close_time: last_trade_ms,
    })
}

#[derive(Debug, Serialize)]
struct AverageMessage<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    i: &'static str,
    w: Decimal<Price>,
    #[serde(rename = "T")]
    last_trade_time: u64,
}

/// The average price on a stream.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn average_message(
    models: &Models,
    spec: &InstrumentSpec,
    now: Timestamp,
) -> Result<String, ApiError> {
    let Average { price, last_trade_ms } = Average::of(models, spec, now);
    write(&AverageMessage {
        e: "avgPrice",
        event_time: now.0 / NANOS_PER_MILLI,
        s: spec.symbol.as_str(),
        i: "5m",
        w: Decimal(price),
        last_trade_time: last_trade_ms,
    })
}

/// What traded in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// What did; flat and at zero if nothing did.
    pub candle: Candle,
    /// The last price there was.
    pub last: Price,
    /// The last price before the window.
    pub previous: Price,
    open_ms: u64,
    close_ms: u64,
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
    fn trading_day(models: &Models, spec: &InstrumentSpec, now: Timestamp, zone_ns: i64) -> Self {
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
    fn change(&self) -> Price {
        if self.candle.trades == 0 {
            return Price::ZERO;
        }
        Price::from_units(self.last.units().saturating_sub(self.candle.open.units()))
    }

    fn percent(&self) -> String {
        if self.candle.trades == 0 {
            return percent(Price::ZERO, Price::ZERO);
        }
        percent(self.candle.open, self.last)
    }

    fn average(&self) -> Price {
        average(self.candle.quote, self.candle.base)
    }
}

/// How much a ticker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TickerType {
    Full,
    Mini,
}

impl TickerType {
    fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        match params.text("type")? {
            None | Some("FULL") => Ok(Self::Full),
            Some("MINI") => Ok(Self::Mini),
            Some(_) => Err(ApiError::new(-1139, "Invalid ticker type.")),
        }
    }
}

/// What the short and the long ticker have in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MiniAnswer {
    open_price: Decimal<Price>,
    high_price: Decimal<Price>,
    low_price: Decimal<Price>,
    last_price: Decimal<Price>,
    volume: Decimal<Money>,
    quote_volume: Decimal<Money>,
    open_time: u64,
    close_time: u64,
    first_id: i64,
    last_id: i64,
    count: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeAnswer {
    price_change: Decimal<Price>,
    price_change_percent: String,
    weighted_avg_price: Decimal<Price>,
}

/// What the ticker of 24 hours alone says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DayAnswer {
    prev_close_price: Decimal<Price>,
    last_qty: Decimal<Qty>,
    bid_price: Decimal<Price>,
    bid_qty: Decimal<Qty>,
    ask_price: Decimal<Price>,
    ask_qty: Decimal<Qty>,
}

#[derive(Debug, Serialize)]
struct TickerAnswer<'a> {
    symbol: &'a str,
    #[serde(flatten)]
    change: Option<ChangeAnswer>,
    #[serde(flatten)]
    day: Option<DayAnswer>,
    #[serde(flatten)]
    mini: MiniAnswer,
}

impl<'a> TickerAnswer<'a> {
    fn of(spec: &'a InstrumentSpec, told: &Statistics, kind: TickerType) -> Self {
        let candle = &told.candle;
        Self {
            symbol: spec.symbol.as_str(),
            change: (kind == TickerType::Full).then(|| ChangeAnswer {
                price_change: Decimal(told.change()),
                price_change_percent: told.percent(),
                weighted_avg_price: Decimal(told.average()),
            }),
            day: None,
            mini: MiniAnswer {
                open_price: Decimal(candle.open),
                high_price: Decimal(candle.high),
                low_price: Decimal(candle.low),
                last_price: Decimal(told.last),
                volume: Decimal(candle.base),
                quote_volume: Decimal(candle.quote),
                open_time: told.open_ms,
                close_time: told.close_ms,
                first_id: trade_id(candle, candle.first_trade_id.0),
                last_id: trade_id(candle, candle.last_trade_id.0),
                count: candle.trades,
            },
        }
    }
}

/// The best bid and ask, and how much traded last.
fn of_the_book(models: &Models, spec: &InstrumentSpec, told: &Statistics) -> DayAnswer {
    let (bid, ask) = models.book(spec.instrument).map(best).unwrap_or_default();
    let last = models.trades().of(spec.instrument).next_back();
    DayAnswer {
        prev_close_price: Decimal(told.previous),
        last_qty: Decimal(last.map_or(Qty::ZERO, |trade| trade.qty)),
        bid_price: Decimal(bid.0),
        bid_qty: Decimal(bid.1),
        ask_price: Decimal(ask.0),
        ask_qty: Decimal(ask.1),
    }
}

/// `GET ticker/24hr`.
///
/// # Errors
/// For parameters that are wrong.
pub fn day_tickers(
    models: &Models,
    params: &Params<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    let kind = TickerType::read(params)?;
    answer_one_or_all(models, params, |spec| {
        let told = Statistics::day(models, spec, now);
        let mut answer = TickerAnswer::of(spec, &told, kind);
        answer.day = (kind == TickerType::Full).then(|| of_the_book(models, spec, &told));
        serde_json::to_value(answer).map_err(|_| ApiError::internal())
    })
}

/// The symbols of a request that has to name some.
fn check_named(models: &Models, params: &Params<'_>) -> Result<(), ApiError> {
    if !params.has("symbol") && !params.has("symbols") {
        return Err(ApiError::either("symbol", "symbols"));
    }
    if symbols(models, params)?.len() > SYMBOLS_MAX {
        return Err(ApiError::invalid("symbols"));
    }
    Ok(())
}

/// `GET ticker/tradingDay`.
///
/// # Errors
/// For parameters that are wrong.
pub fn trading_day_tickers(
    models: &Models,
    params: &Params<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    check_named(models, params)?;
    let kind = TickerType::read(params)?;
    let zone_ns = read_zone(params)?;
    answer_one_or_all(models, params, |spec| {
        let told = Statistics::trading_day(models, spec, now, zone_ns);
        let answer = TickerAnswer::of(spec, &told, kind);
        serde_json::to_value(answer).map_err(|_| ApiError::internal())
    })
}

/// `GET ticker`.
///
/// # Errors
/// For parameters that are wrong.
pub fn window_tickers(
    models: &Models,
    params: &Params<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    check_named(models, params)?;
    let kind = TickerType::read(params)?;
    let length_ns = match params.text("windowSize")? {
        Some(text) => window_ns(text).ok_or_else(|| ApiError::invalid("windowSize"))?,
        None => DAY_NS,
    };
    answer_one_or_all(models, params, |spec| {
        let told = Statistics::window(models, spec, now, length_ns);
        let answer = TickerAnswer::of(spec, &told, kind);
        serde_json::to_value(answer).map_err(|_| ApiError::internal())
    })
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

/// A ticker on a stream: the short one.
#[derive(Debug, Serialize)]
struct MiniMessage<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    c: Decimal<Price>,
    o: Decimal<Price>,
    h: Decimal<Price>,
    l: Decimal<Price>,
    v: Decimal<Money>,
    q: Decimal<Money>,
}

/// The short ticker of 24 hours on a stream.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn mini_ticker_message(
    spec: &InstrumentSpec,
    told: &Statistics,
    now_ms: u64,
) -> Result<String, ApiError> {
    write(&MiniMessage {
        e: "24hrMiniTicker",
        event_time: now_ms,
        s: spec.symbol.as_str(),
        c: Decimal(told.last),
        o: Decimal(told.candle.open),
        h: Decimal(told.candle.high),
        l: Decimal(told.candle.low),
        v: Decimal(told.candle.base),
        q: Decimal(told.candle.quote),
    })
}

/// A ticker on a stream: the long one.
#[derive(Debug, Serialize)]
struct TickerMessage<'a> {
    e: &'a str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    p: Decimal<Price>,
    #[serde(rename = "P")]
    percent: String,
    w: Decimal<Price>,
    c: Decimal<Price>,
    #[serde(flatten)]
    day: Option<DayMessage>,
    o: Decimal<Price>,
    h: Decimal<Price>,
    l: Decimal<Price>,
    v: Decimal<Money>,
    q: Decimal<Money>,
    #[serde(rename = "O")]
    open_time: u64,
    #[serde(rename = "C")]
    close_time: u64,
    #[serde(rename = "F")]
    first_id: i64,
    #[serde(rename = "L")]
    last_id: i64,
    n: u64,
}

/// What the ticker of 24 hours alone says.
#[derive(Debug, Serialize)]
struct DayMessage {
    x: Decimal<Price>,
    #[serde(rename = "Q")]
    last_qty: Decimal<Qty>,
    b: Decimal<Price>,
    #[serde(rename = "B")]
    bid_qty: Decimal<Qty>,
    a: Decimal<Price>,
    #[serde(rename = "A")]
    ask_qty: Decimal<Qty>,
}

impl From<DayAnswer> for DayMessage {
    fn from(day: DayAnswer) -> Self {
        Self {
            x: day.prev_close_price,
            last_qty: day.last_qty,
            b: day.bid_price,
            bid_qty: day.bid_qty,
            a: day.ask_price,
            ask_qty: day.ask_qty,
        }
    }
}

fn ticker<'a>(
    event: &'a str,
    spec: &'a InstrumentSpec,
    told: &Statistics,
    day: Option<DayAnswer>,
) -> TickerMessage<'a> {
    let candle = &told.candle;
    TickerMessage {
        e: event,
        event_time: told.close_ms,
        s: spec.symbol.as_str(),
        p: Decimal(told.change()),
        percent: told.percent(),
        w: Decimal(told.average()),
        c: Decimal(told.last),
        day: day.map(DayMessage::from),
        o: Decimal(candle.open),
        h: Decimal(candle.high),
        l: Decimal(candle.low),
        v: Decimal(candle.base),
        q: Decimal(candle.quote),
        open_time: told.open_ms,
        close_time: told.close_ms,
        first_id: trade_id(candle, candle.first_trade_id.0),
        last_id: trade_id(candle, candle.last_trade_id.0),
        n: candle.trades,
    }
}

/// The ticker of 24 hours on a stream.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn day_ticker_message(
    models: &Models,
    spec: &InstrumentSpec,
    told: &Statistics,
) -> Result<String, ApiError> {
    write(&ticker("24hrTicker", spec, told, Some(of_the_book(models, spec, told))))
}

/// The ticker of another window on a stream: `1hTicker`.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn window_ticker_message(
    window: &str,
    spec: &InstrumentSpec,
    told: &Statistics,
) -> Result<String, ApiError> {
    write(&ticker(&format!("{window}Ticker"), spec, told, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: u64, taker: u64, price: i64, qty: u64) -> Aggregate {
        Aggregate {
            taker: OrderId(taker),
            time: Timestamp(taker),
            price: Price::from_units(price),
            qty: Qty::from_units(qty),
            first: TradeId(id),
            last: TradeId(id),
            taker_side: Side::Buy,
        }
    }

    #[test]
    fn trades_of_one_taker_at_one_price_and_moment_are_one() {
        let mut first = trade(1, 7, 100, 5);
        assert!(first.join(&trade(2, 7, 100, 6)));
        assert_eq!((first.first, first.last, first.qty.units()), (TradeId(1), TradeId(2), 11));
        assert!(!first.join(&trade(3, 7, 101, 1)), "another price");
        assert!(!first.join(&trade(3, 8, 100, 1)), "another taker");
        let later = Aggregate { time: Timestamp(8), ..trade(3, 7, 100, 1) };
        assert!(!first.join(&later), "another moment");
        assert_eq!(first.last, TradeId(2));
    }

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
