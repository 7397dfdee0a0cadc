//! What an order is answered: its events, told as the interface tells them.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tiercel_types::order::{Trigger, WaitState};
use tiercel_types::{
    AssetCode, Event, EventHeader, InstrumentSpec, ListId, Money, OrderId, Price, Qty, Side,
    TradeId,
};

use super::denial::denial;
use super::error::ApiError;
use super::list_view::{self, ListAnswer, OrderReference, Standing};
use super::order::PlaceOrder;
use super::order_list::PlaceList;
use super::words::{self, OrderStatus, ResponseType};

/// Nanoseconds in a millisecond, the unit of times on this interface.
pub const NANOS_PER_MILLI: u64 = 1_000_000;

/// What the interface says where an order is of no list.
pub(super) const NO_LIST: i64 = -1;

/// Prints a decimal with the eight places of this interface, as text.
#[derive(Clone, Copy, Debug)]
pub struct Decimal<T>(pub T);

impl<T: Display> Serialize for Decimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.8}", self.0))
    }
}

/// Writes an answer or a message.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub(super) fn write(answer: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(answer).map_err(|_| ApiError::internal())
}

/// An answer as a part of a larger one.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub(super) fn value(answer: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|_| ApiError::internal())
}

/// A fill of an order, in its answer.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FillAnswer<'a> {
    price: Decimal<Price>,
    qty: Decimal<Qty>,
    commission: Decimal<Money>,
    commission_asset: &'a str,
    trade_id: u64,
}

/// The answer to `POST order`, and of each order of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlacedAnswer<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    client_order_id: &'a str,
    transact_time: u64,
    #[serde(flatten)]
    result: Option<ResultAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fills: Option<Vec<FillAnswer<'a>>>,
}

/// What every answer about an order says of it, but the shortest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderSummary {
    pub(super) price: Decimal<Price>,
    pub(super) orig_qty: Decimal<Qty>,
    pub(super) executed_qty: Decimal<Qty>,
    pub(super) orig_quote_order_qty: Decimal<Qty>,
    /// Spelt as the interface spells it.
    pub(super) cummulative_quote_qty: Decimal<Money>,
    pub(super) status: &'static str,
    pub(super) time_in_force: &'static str,
    #[serde(rename = "type")]
    pub(super) order_type: &'static str,
    pub(super) side: &'static str,
}

/// What RESULT and FULL say beyond ACK.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultAnswer {
    #[serde(flatten)]
    summary: OrderSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_price: Option<Decimal<Price>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trailing_delta: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Decimal<Qty>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_time: Option<i64>,
    self_trade_prevention_mode: &'static str,
}

/// One fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Which trade.
    pub trade_id: TradeId,
    /// At what price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// What it cost in fees, in what the order receives.
    pub fee: Money,
}

/// What became of a new order within its own command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub order_id: OrderId,
    /// When the command ran.
    pub time_ns: u64,
    /// Where it stood at the end of the command.
    pub status: OrderStatus,
    /// Its fills, in their order.
    pub fills: Vec<Fill>,
}

impl Placed {
    /// Folds the events of the command that placed `order`. Events of other orders, which the
    /// command triggered, are passed over.
    ///
    /// # Errors
    /// The denial, if the engine denied it; [`ApiError::internal`] if the events are not those of
    /// a new order.
    pub fn fold<'e>(
        events: impl IntoIterator<Item = &'e (EventHeader, Event)>,
    ) -> Result<Self, ApiError> {
        let mut placed: Option<Self> = None;
        for (header, event) in events {
            match (event, &mut placed) {
                (Event::Denied(denied), None) => return Err(denial(denied.reason, denied.command)),
                (Event::OrderAccepted(accepted), None) => {
                    placed = Some(Self::begin(accepted.order_id, header.time_ns));
                }
                (event, Some(placed)) => placed.add(event),
                _ => {}
            }
        }
        placed.ok_or_else(ApiError::internal)
    }

    /// An order that was just taken.
    fn begin(order_id: OrderId, time_ns: u64) -> Self {
        Self { order_id, time_ns, status: OrderStatus::New, fills: Vec::new() }
    }

    fn add(&mut self, event: &Event) {
        match event {
            Event::Trade(trade) => {
                let (open, fee) = if trade.taker_order_id == self.order_id {
                    (trade.taker_open_qty, trade.taker_fee)
                } else if trade.maker_order_id == self.order_id {
                    (trade.maker_open_qty, trade.maker_fee)
                } else {
                    return;
                };
                // A market order by quote amount says zero too: it ends in an event of its own.
                let filled = open.is_zero();
                self.status =
                    if filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
                self.fills.push(Fill {
                    trade_id: trade.trade_id,
                    price: trade.price,
                    qty: trade.qty,
                    fee,
                });
            }
            Event::OrderEnded(ended) if ended.order_id == self.order_id => {
                self.status = OrderStatus::of_end(ended.reason, !self.fills.is_empty());
            }
            _ => {}
        }
    }

    /// How much of it is filled.
    pub fn executed_qty(&self) -> Qty {
        // Below the order's own quantity, or below what the book holds: no overflow.
        Qty::from_units(self.fills.iter().map(|fill| fill.qty.units()).sum())
    }

    /// What that came to in the quote asset.
    pub fn quote_qty(&self) -> Money {
        let quote = |fill: &Fill| Money::of(fill.price, fill.qty).units();
        Money::from_units(self.fills.iter().map(quote).sum())
    }

    /// The answer's JSON.
    ///
    /// # Errors
    /// None that a client can cause; [`ApiError::internal`] if the answer cannot be written.
    pub fn to_json(
        &self,
        request: &PlaceOrder,
        spec: &InstrumentSpec,
        base: AssetCode,
        quote: AssetCode,
    ) -> Result<String, ApiError> {
        write(&self.answer(request, spec, &(base, quote)))
    }

    /// The answer as a part of a larger one.
    ///
    /// # Errors
    /// As [`Placed::to_json`].
    pub fn to_value(
        &self,
        request: &PlaceOrder,
        spec: &InstrumentSpec,
        assets: &(AssetCode, AssetCode),
    ) -> Result<Value, ApiError> {
        value(&self.answer(request, spec, assets))
    }

    pub(super) fn answer<'a>(
        &self,
        request: &'a PlaceOrder,
        spec: &'a InstrumentSpec,
        (base, quote): &'a (AssetCode, AssetCode),
    ) -> PlacedAnswer<'a> {
        let order = &request.order;
        let received = match order.side {
            Side::Buy => base,
            Side::Sell => quote,
        };
        let fills = (request.response == ResponseType::Full).then(|| {
            let fill = |fill: &Fill| FillAnswer {
                price: Decimal(fill.price),
                qty: Decimal(fill.qty),
                commission: Decimal(fill.fee),
                commission_asset: received.as_str(),
                trade_id: fill.trade_id.0,
            };
            self.fills.iter().map(fill).collect()
        });
        PlacedAnswer {
            symbol: spec.symbol.as_str(),
            order_id: self.order_id.0,
            order_list_id: NO_LIST,
            client_order_id: order.client_order_id.as_str(),
            transact_time: self.time_ns / NANOS_PER_MILLI,
            result: (request.response != ResponseType::Ack).then(|| self.result(request)),
            fills,
        }
    }

    fn result(&self, request: &PlaceOrder) -> ResultAnswer {
        let (order, terms) = (&request.order, request.terms.as_ref());
        let stop_price = terms.map(|terms| match terms.trigger {
            Trigger::TrailingStop => terms.activation_price,
            _ => terms.trigger_price,
        });
        // A market order by quote amount: its quantity is what it has bought or sold.
        let qty = if order.qty.is_zero() { self.executed_qty() } else { order.qty };
        ResultAnswer {
            summary: OrderSummary {
                price: Decimal(order.price),
                orig_qty: Decimal(qty),
                executed_qty: Decimal(self.executed_qty()),
                orig_quote_order_qty: Decimal(order.quote_qty),
                cummulative_quote_qty: Decimal(self.quote_qty()),
                status: self.status.as_str(),
                time_in_force: words::time_in_force(order.time_in_force),
                order_type: request.order_type.as_str(),
                side: words::side(order.side),
            },
            stop_price: stop_price.filter(|price| !price.is_zero()).map(Decimal),
            trailing_delta: terms.map(|terms| terms.trailing_bps).filter(|bps| *bps > 0),
            iceberg_qty: Some(order.display_qty).filter(|qty| !qty.is_zero()).map(Decimal),
            working_time: terms
                .is_none()
                .then(|| i64::try_from(self.time_ns / NANOS_PER_MILLI).unwrap_or(i64::MAX)),
            self_trade_prevention_mode: words::self_trade_prevention(order.self_trade_prevention),
        }
    }
}

/// What became of a new list within its own command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedList {
    /// Its id.
    pub list_id: ListId,
    /// When the command ran.
    pub time_ns: u64,
    /// Whether it is over already.
    pub ended: bool,
    /// Its orders.
    pub placed: Vec<Placed>,
}

impl PlacedList {
    /// Folds the events of the submission that placed a list. Events of other orders are passed
    /// over.
    ///
    /// # Errors
    /// The denial, if the engine denied it; [`ApiError::internal`] if the events are not those of
    /// a new list.
    pub fn fold<'e>(
        events: impl IntoIterator<Item = &'e (EventHeader, Event)>,
    ) -> Result<Self, ApiError> {
        let mut list: Option<Self> = None;
        for (header, event) in events {
            match (event, &mut list) {
                (Event::Denied(denied), None) => return Err(denial(denied.reason, denied.command)),
                (Event::ListAccepted(accepted), None) => {
                    let orders = &accepted.order_ids[..accepted.kind.orders()];
                    let begin = |order_id: &OrderId| Placed::begin(*order_id, header.time_ns);
                    list = Some(Self {
                        list_id: accepted.list_id,
                        time_ns: header.time_ns,
                        ended: false,
                        placed: orders.iter().map(begin).collect(),
                    });
                }
                (Event::ListEnded(ended), Some(list)) if ended.list_id == list.list_id => {
                    list.ended = true;
                }
                (Event::OrderWaiting(waiting), Some(list))
                    if waiting.state == WaitState::Pending =>
                {
                    let mut placed = list.placed.iter_mut();
                    if let Some(one) = placed.find(|one| one.order_id == waiting.order_id) {
                        one.status = OrderStatus::PendingNew;
                    }
                }
                (event, Some(list)) => list.add(event),
                _ => {}
            }
        }
        list.ok_or_else(ApiError::internal)
    }

    /// Pending orders whose working order is filled are told as pending still, as the interface
    /// documents it.
    fn add(&mut self, event: &Event) {
        let working_filled =
            self.placed.first().is_some_and(|first| first.status == OrderStatus::Filled);
        for (number, one) in self.placed.iter_mut().enumerate() {
            let told = one.status == OrderStatus::PendingNew && number > 0 && working_filled;
            if !told {
                one.add(event);
            }
        }
    }

    /// The answer's JSON.
    ///
    /// # Errors
    /// None that a client can cause; [`ApiError::internal`] if the answer cannot be written.
    pub fn to_json(
        &self,
        request: &PlaceList,
        spec: &InstrumentSpec,
        assets: &(AssetCode, AssetCode),
    ) -> Result<String, ApiError> {
        let list_id = list_view::number(self.list_id);
        let orders = || self.placed.iter().zip(&request.orders);
        let reports = orders().map(|(placed, order)| {
            let mut report = placed.answer(order, spec, assets);
            report.order_list_id = list_id;
            if let Some(result) = &mut report.result
                && (order.terms.is_some() || placed.status == OrderStatus::PendingNew)
            {
                result.working_time = Some(list_view::NOT_WORKING);
            }
            report
        });
        let symbol = spec.symbol.as_str();
        write(&ListAnswer {
            status: Standing::of(
                (list_id, request.kind, self.ended),
                request.list_client_order_id.as_str(),
                self.time_ns / NANOS_PER_MILLI,
            ),
            symbol,
            orders: orders()
                .map(|(placed, order)| OrderReference {
                    symbol,
                    order_id: placed.order_id.0,
                    client_order_id: order.order.client_order_id.as_str(),
                })
                .collect(),
            order_reports: Some(reports.collect()),
        })
    }
}
