//! Trades, and aggregate trades: what one taker traded at one price.

use serde::Serialize;
use tiercel_types::event::Trade;
use tiercel_types::{EventHeader, InstrumentSpec, OrderId, Price, Qty, Side, Timestamp, TradeId};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::page::{ROWS_DEFAULT, ROWS_MAX, Span, limit};
use super::params::Params;
use super::questions::instrument;
use super::stream::message;
use super::view;
use crate::models::{Models, TradeView};

/// `GET trades`.
///
/// # Errors
/// For parameters that are wrong.
pub fn trades(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    view::trades(models.trades().of(spec.instrument), limit)
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

/// A trade.
#[derive(Debug, Serialize)]
struct TradeMessage {
    t: u64,
    p: Decimal<Price>,
    q: Decimal<Qty>,
    #[serde(rename = "T")]
    trade_time: u64,
    m: bool,
    #[serde(rename = "M")]
    ignored: bool,
}

/// The message of a trade.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn trade_message(
    spec: &InstrumentSpec,
    trade: &Trade,
    time_ns: u64,
) -> Result<String, ApiError> {
    let time = time_ns / NANOS_PER_MILLI;
    let body = TradeMessage {
        t: trade.trade_id.0,
        p: Decimal(trade.price),
        q: Decimal(trade.qty),
        trade_time: time,
        m: trade.taker_side == Side::Sell,
        ignored: true,
    };
    message("trade", time, spec, body)
}

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
        Self::from(&TradeView::of(header, trade))
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
        message("aggTrade", self.time.0 / NANOS_PER_MILLI, spec, self.answer())
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
            let start = Timestamp(span.from_ms.unwrap_or(0).saturating_mul(NANOS_PER_MILLI));
            let inside =
                trades.since(spec.instrument, start).filter(|trade| span.holds(trade.time));
            if span.from_ms.is_some() { oldest(inside, limit) } else { newest(inside, limit) }
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
}
