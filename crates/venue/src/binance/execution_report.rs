//! `executionReport`: what happened to an order, told to its owner.

use serde::Serialize;
use tiercel_types::order::Trigger;
use tiercel_types::{
    ClientOrderId, DenialReason, EndReason, EventHeader, InstrumentSpec, Money, OrderId, Price,
    Qty, SelfTradePrevention, TimeInForce,
};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::history::trade_group_id;
use super::list_view;
use super::view::{order_status, price_given};
use super::words::{self, ExecutionType, OrderStatus, OrderType};
use crate::models::{OrderStage, OrderView, Orders, PreventedView};
use crate::reporting::ReportedFill;

/// Bits of an execution id that are the event's place in its command.
const INDEX_BITS: u32 = 20;

/// The id of what happened to an order: greater of what came later.
pub(super) fn execution_id(sequence: u64, index: u32) -> u64 {
    sequence << INDEX_BITS | u64::from(index)
}

/// A trade of an account with itself that was prevented, as one of its orders sees it.
#[derive(Clone, Copy, Debug)]
pub struct ReportedPrevention {
    /// Its id.
    pub match_id: u64,
    /// The group of the accounts; zero: none.
    pub trade_group: u32,
    /// The order on the other side.
    pub counter_order: OrderId,
    /// What was taken off this order.
    pub taken_qty: Qty,
    /// What would have traded.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
}

impl ReportedPrevention {
    /// Of an order of that trade, which ended with `unfilled` if it did.
    pub fn of(view: &PreventedView, order: OrderId, unfilled: Option<Qty>) -> Option<Self> {
        let counter_order = match order {
            _ if order == view.taker_order_id => view.maker_order_id,
            _ if order == view.maker_order_id => view.taker_order_id,
            _ => return None,
        };
        let shrinks =
            matches!(view.action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        let taken_qty = if shrinks { view.qty } else { unfilled.unwrap_or_default() };
        let PreventedView { match_id, trade_group, qty, price, .. } = *view;
        Some(Self { match_id, trade_group, counter_order, taken_qty, qty, price })
    }
}

/// What happened, beside where the order stands behind it.
#[derive(Clone, Copy, Debug)]
pub struct Execution {
    /// What.
    pub kind: ExecutionType,
    /// By which event.
    pub header: EventHeader,
    /// Where the order stands, if its view does not know yet.
    pub status: Option<OrderStatus>,
    /// The fill, of a trade.
    pub fill: Option<ReportedFill>,
    /// The name that the order had, where it was cancelled or renamed.
    pub former_name: Option<ClientOrderId>,
    /// What self-trade prevention did.
    pub prevention: Option<ReportedPrevention>,
    /// Why it expired.
    pub expiry_reason: Option<&'static str>,
}

impl Execution {
    /// Something that happened by that event.
    pub const fn new(kind: ExecutionType, header: EventHeader) -> Self {
        Self {
            kind,
            header,
            status: None,
            fill: None,
            former_name: None,
            prevention: None,
            expiry_reason: None,
        }
    }
}

/// The message, field by field as documented.
#[derive(Serialize)]
struct Report<'a> {
    e: &'static str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    c: &'a str,
    #[serde(rename = "S")]
    side: &'static str,
    o: &'static str,
    f: &'static str,
    q: Decimal<Qty>,
    p: Decimal<Price>,
    #[serde(rename = "P")]
    stop_price: Decimal<Price>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<u32>,
    #[serde(rename = "F")]
    iceberg_qty: Decimal<Qty>,
    g: i64,
    #[serde(rename = "C")]
    former_name: &'a str,
    x: &'static str,
    #[serde(rename = "X")]
    status: &'static str,
    r: &'static str,
    i: u64,
    l: Decimal<Qty>,
    z: Decimal<Qty>,
    #[serde(rename = "L")]
    last_price: Decimal<Price>,
    n: Decimal<Money>,
    #[serde(rename = "N")]
    fee_asset: Option<&'a str>,
    #[serde(rename = "T")]
    transaction_time: u64,
    t: i64,
    #[serde(rename = "I")]
    execution_id: u64,
    w: bool,
    m: bool,
    #[serde(rename = "M")]
    ignored: bool,
    #[serde(rename = "O")]
    created: u64,
    #[serde(rename = "Z")]
    executed_quote: Decimal<Money>,
    #[serde(rename = "Y")]
    last_quote: Decimal<Money>,
    #[serde(rename = "Q")]
    quote_order_qty: Decimal<Qty>,
    #[serde(rename = "W", skip_serializing_if = "Option::is_none")]
    working_time: Option<u64>,
    #[serde(rename = "V")]
    self_trade_prevention: &'static str,
    #[serde(rename = "eR", skip_serializing_if = "Option::is_none")]
    expiry_reason: Option<&'static str>,
    #[serde(flatten)]
    prevention: Option<Prevention<'a>>,
}

/// What is said of a prevented trade.
#[derive(Serialize)]
struct Prevention<'a> {
    #[serde(rename = "v")]
    match_id: u64,
    #[serde(rename = "A")]
    prevented_qty: Decimal<Qty>,
    #[serde(rename = "B")]
    last_prevented_qty: Decimal<Qty>,
    #[serde(rename = "u")]
    trade_group: i64,
    #[serde(rename = "U")]
    counter_order: u64,
    #[serde(rename = "Cs")]
    counter_symbol: &'a str,
    pl: Decimal<Qty>,
    #[serde(rename = "pL")]
    price: Decimal<Price>,
    #[serde(rename = "pY")]
    quote: Decimal<Money>,
}

/// The message: `order` as it stands behind the event.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn execution_report(
    orders: &Orders,
    order: &OrderView,
    spec: &InstrumentSpec,
    execution: &Execution,
) -> Result<String, ApiError> {
    let header = &execution.header;
    let time = header.time_ns / NANOS_PER_MILLI;
    let fill = execution.fill.as_ref();
    let trails = order.trigger == Trigger::TrailingStop;
    let last_quote = fill.map_or(Money::ZERO, |fill| Money::of(fill.price, fill.qty));
    let trade_id = fill.and_then(|fill| i64::try_from(fill.trade_id.0).ok());
    write(&Report {
        e: "executionReport",
        event_time: time,
        s: spec.symbol.as_str(),
        c: order.client_order_id.as_str(),
        side: words::side(order.side),
        o: OrderType::of(order.kind, order.trigger).as_str(),
        f: words::time_in_force(order.time_in_force),
        q: Decimal(if order.is_by_amount() { order.executed_qty } else { order.qty }),
        p: Decimal(price_given(order)),
        stop_price: Decimal(if trails { order.activation_price } else { order.trigger_price }),
        d: Some(order.trailing_bps).filter(|bps| *bps > 0),
        iceberg_qty: Decimal(order.display_qty),
        g: list_view::number(order.list_id),
        former_name: execution.former_name.as_ref().map_or("", ClientOrderId::as_str),
        x: execution.kind.as_str(),
        status: execution.status.unwrap_or_else(|| order_status(orders, order)).as_str(),
        r: reject_reason(order),
        i: order.order_id.0,
        l: Decimal(fill.map_or(Qty::ZERO, |fill| fill.qty)),
        z: Decimal(order.executed_qty),
        last_price: Decimal(fill.map_or(Price::ZERO, |fill| fill.price)),
        n: Decimal(fill.map_or(Money::ZERO, |fill| fill.fee)),
        fee_asset: fill.map(|fill| fill.fee_asset.as_str()),
        transaction_time: time,
        t: trade_id.unwrap_or(-1),
        execution_id: execution_id(header.sequence, header.index),
        w: is_working(order),
        m: fill.is_some_and(|fill| fill.is_maker),
        ignored: false,
        created: order.created.0 / NANOS_PER_MILLI,
        executed_quote: Decimal(order.executed_quote),
        last_quote: Decimal(last_quote),
        quote_order_qty: Decimal(order.quote_qty),
        working_time: Some(order.working_since.0 / NANOS_PER_MILLI).filter(|since| *since > 0),
        self_trade_prevention: words::self_trade_prevention(order.self_trade_prevention),
        expiry_reason: execution.expiry_reason,
        prevention: execution.prevention.map(|prevented| prevention(order, spec, &prevented)),
    })
}

fn prevention<'a>(
    order: &OrderView,
    spec: &'a InstrumentSpec,
    prevented: &ReportedPrevention,
) -> Prevention<'a> {
    // The view counts what was taken off an order that lives on, not what one ended with.
    let ended = order.stage == OrderStage::Ended && order.prevented_qty.is_zero();
    let taken = if ended { prevented.taken_qty } else { order.prevented_qty };
    Prevention {
        match_id: prevented.match_id,
        trade_group: trade_group_id(prevented.trade_group),
        prevented_qty: Decimal(taken),
        last_prevented_qty: Decimal(prevented.taken_qty),
        counter_order: prevented.counter_order.0,
        counter_symbol: spec.symbol.as_str(),
        pl: Decimal(prevented.qty),
        price: Decimal(prevented.price),
        quote: Decimal(Money::of(prevented.price, prevented.qty)),
    }
}

/// Whether it is in the book, or on its way there.
const fn is_working(order: &OrderView) -> bool {
    matches!(order.stage, OrderStage::Resting | OrderStage::Entering)
}

/// Why an order that had been taken was rejected when its time came.
fn reject_reason(order: &OrderView) -> &'static str {
    if order.stage != OrderStage::Ended || order.end_reason != EndReason::Rejected {
        return "NONE";
    }
    let reason = DenialReason::ALL.iter().find(|reason| **reason as u16 == order.denial);
    match reason {
        Some(DenialReason::InsufficientFunds) => "INSUFFICIENT_BALANCES",
        Some(DenialReason::WouldTrigger) => "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
        Some(DenialReason::WouldMatch) => "WOULD_MATCH_IMMEDIATELY",
        Some(reason) => reason.as_str(),
        None => "NONE",
    }
}

/// Which kind of execution the end of an order is.
pub fn end_kind(orders: &Orders, order: &OrderView) -> ExecutionType {
    match list_view::end_reason(orders, order) {
        EndReason::SelfTrade => ExecutionType::TradePrevention,
        EndReason::Rejected => ExecutionType::Rejected,
        EndReason::AmendedToFilled => ExecutionType::Replaced,
        reason if matches!(OrderStatus::of_end(reason, false), OrderStatus::Canceled) => {
            ExecutionType::Canceled
        }
        _ => ExecutionType::Expired,
    }
}

/// Why an order expired; `before` is where it stood. `None` of one that did not.
pub fn expiry_reason(
    orders: &Orders,
    order: &OrderView,
    before: OrderStage,
) -> Option<&'static str> {
    Some(match list_view::end_reason(orders, order) {
        EndReason::Rejected => "REJECTED",
        EndReason::ListEnded if matches!(before, OrderStage::Pending) => "OTO_PHASE_ONE_EXPIRED",
        EndReason::ListEnded => "OCO_TRIGGER",
        EndReason::ImmediateOrCancel if matches!(order.time_in_force, TimeInForce::Fok) => {
            "UNFILLED_FOK_ORDER_EXPIRED"
        }
        EndReason::ImmediateOrCancel => "UNFILLED_IOC_QUANTITY_EXPIRED",
        EndReason::FillOrKill => "UNFILLED_FOK_ORDER_EXPIRED",
        EndReason::NoLiquidity | EndReason::QuoteSpent | EndReason::MinimumQty => {
            "INSUFFICIENT_LIQUIDITY"
        }
        EndReason::PriceBand => "EXECUTION_RULE_PRICE_RANGE_EXCEEDED",
        EndReason::Expired | EndReason::DayEnded | EndReason::AuctionEnded => "EXCHANGE_CANCELED",
        _ => return None,
    })
}
