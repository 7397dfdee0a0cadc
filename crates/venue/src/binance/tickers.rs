//! Tickers: what traded in a window of time, asked for and on streams.

use serde::Serialize;
use tiercel_types::{InstrumentSpec, Money, Price, Qty, Timestamp};

use super::answer::{Decimal, value};
use super::error::ApiError;
use super::klines::{read_zone, trade_id};
use super::params::Params;
use super::questions::{answer_one_or_all, symbols};
use super::statistics::{DAY_NS, Statistics, window_ns};
use super::stream::{best, message};
use crate::models::Models;

/// The most symbols of a request for tickers of a window.
const SYMBOLS_MAX: usize = 100;

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

/// Tickers of the symbols that a request names.
fn tickers(
    models: &Models,
    params: &Params<'_>,
    ticker: impl Fn(&InstrumentSpec) -> TickerAnswer<'_>,
) -> Result<String, ApiError> {
    answer_one_or_all(models, params, |spec| value(&ticker(spec)))
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
    tickers(models, params, |spec| {
        let told = Statistics::day(models, spec, now);
        let day = (kind == TickerType::Full).then(|| of_the_book(models, spec, &told));
        TickerAnswer { day, ..TickerAnswer::of(spec, &told, kind) }
    })
}

/// The symbols of a request that has to name some, and how much it wants of them.
fn read_named(models: &Models, params: &Params<'_>) -> Result<TickerType, ApiError> {
    if !params.has("symbol") && !params.has("symbols") {
        return Err(ApiError::either("symbol", "symbols"));
    }
    if symbols(models, params)?.len() > SYMBOLS_MAX {
        return Err(ApiError::invalid("symbols"));
    }
    TickerType::read(params)
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
    let kind = read_named(models, params)?;
    let zone_ns = read_zone(params)?;
    tickers(models, params, |spec| {
        TickerAnswer::of(spec, &Statistics::trading_day(models, spec, now, zone_ns), kind)
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
    let kind = read_named(models, params)?;
    let length_ns = match params.text("windowSize")? {
        Some(text) => window_ns(text).ok_or_else(|| ApiError::invalid("windowSize"))?,
        None => DAY_NS,
    };
    tickers(models, params, |spec| {
        TickerAnswer::of(spec, &Statistics::window(models, spec, now, length_ns), kind)
    })
}

/// A ticker on a stream: the short one.
#[derive(Debug, Serialize)]
struct MiniMessage {
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
    let body = MiniMessage {
        c: Decimal(told.last),
        o: Decimal(told.candle.open),
        h: Decimal(told.candle.high),
        l: Decimal(told.candle.low),
        v: Decimal(told.candle.base),
        q: Decimal(told.candle.quote),
    };
    message("24hrMiniTicker", now_ms, spec, body)
}

/// A ticker on a stream: the long one.
#[derive(Debug, Serialize)]
struct TickerMessage {
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

fn ticker_message(
    event: &str,
    spec: &InstrumentSpec,
    told: &Statistics,
    day: Option<DayAnswer>,
) -> Result<String, ApiError> {
    let candle = &told.candle;
    let body = TickerMessage {
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
    };
    message(event, told.close_ms, spec, body)
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
    ticker_message("24hrTicker", spec, told, Some(of_the_book(models, spec, told)))
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
    ticker_message(&format!("{window}Ticker"), spec, told, None)
}
