//! The standard's characters for what orders say of themselves.

use tiercel_types::{EndReason, OrderKind, SelfTradePrevention, Side, TimeInForce, Trigger};
use tiercel_wire::fix::tag::Tag;

use crate::models::{OrderStage, OrderView};
use crate::reporting;

/// Self-trade prevention of an order: 0 none, 1 expire taker, 2 expire maker, 3 expire both,
/// 4 decrement, 5 transfer.
pub(super) const SELF_TRADE_PREVENTION: Tag = Tag(5001);
/// What an order of `OrdType` 3 or 4 waits for: 1 a trade against it, 2 a trade in its favour.
pub(super) const TRIGGER: Tag = Tag(5002);
/// Trailing stop: how far behind the best trade, as a difference of prices.
pub(super) const TRAILING_AMOUNT: Tag = Tag(5003);
/// Trailing stop: how far behind the best trade, in basis points.
pub(super) const TRAILING_BPS: Tag = Tag(5004);
/// Trailing stop: the trade price from which on it tracks.
pub(super) const ACTIVATION_PX: Tag = Tag(5005);

/// `OrdStatus` (39).
pub(super) mod status {
    pub(crate) const NEW: u8 = b'0';
    pub(crate) const PARTIALLY_FILLED: u8 = b'1';
    pub(crate) const FILLED: u8 = b'2';
    pub(crate) const CANCELED: u8 = b'4';
    pub(crate) const PENDING_CANCEL: u8 = b'6';
    pub(crate) const REJECTED: u8 = b'8';
    pub(crate) const PENDING_NEW: u8 = b'A';
    pub(crate) const EXPIRED: u8 = b'C';
    pub(crate) const PENDING_REPLACE: u8 = b'E';
}

/// `ExecType` (150).
pub(super) mod exec {
    pub(crate) const NEW: u8 = b'0';
    pub(crate) const CANCELED: u8 = b'4';
    pub(crate) const REPLACED: u8 = b'5';
    pub(crate) const REJECTED: u8 = b'8';
    pub(crate) const EXPIRED: u8 = b'C';
    pub(crate) const RESTATED: u8 = b'D';
    pub(crate) const TRADE: u8 = b'F';
    pub(crate) const TRADE_CORRECT: u8 = b'G';
    pub(crate) const TRADE_CANCEL: u8 = b'H';
    pub(crate) const ORDER_STATUS: u8 = b'I';
}

/// `Side` (54).
pub(super) const fn side(side: Side) -> u8 {
    match side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    }
}

pub(super) const fn parse_side(text: &[u8]) -> Option<Side> {
    match text {
        b"1" => Some(Side::Buy),
        b"2" => Some(Side::Sell),
        _ => None,
    }
}

/// `OrdType` (40).
pub(super) const fn order_type(kind: OrderKind, trigger: Trigger) -> u8 {
    let market = matches!(kind, OrderKind::Market);
    match (trigger, kind) {
        (Trigger::None, OrderKind::Market) => b'1',
        (Trigger::None, OrderKind::MarketToLimit) => b'K',
        (Trigger::None, _) => b'2',
        (Trigger::TakeProfit, _) if market => b'J',
        (_, _) if market => b'3',
        (_, _) => b'4',
    }
}

/// `TimeInForce` (59). Any auction stands as that of the open.
pub(super) const fn time_in_force(time_in_force: TimeInForce) -> u8 {
    match time_in_force {
        TimeInForce::Day => b'0',
        TimeInForce::Gtc => b'1',
        TimeInForce::AtOpen | TimeInForce::AtAuction => b'2',
        TimeInForce::Ioc => b'3',
        TimeInForce::Fok => b'4',
        TimeInForce::Gtd => b'6',
        TimeInForce::AtClose => b'7',
    }
}

pub(super) const fn parse_time_in_force(text: &[u8]) -> Option<TimeInForce> {
    Some(match text {
        b"0" => TimeInForce::Day,
        b"1" => TimeInForce::Gtc,
        b"2" => TimeInForce::AtOpen,
        b"3" => TimeInForce::Ioc,
        b"4" => TimeInForce::Fok,
        b"6" => TimeInForce::Gtd,
        b"7" => TimeInForce::AtClose,
        _ => return None,
    })
}

pub(super) const fn self_trade_prevention(mode: SelfTradePrevention) -> u8 {
    b'0' + mode as u8
}

pub(super) fn parse_self_trade_prevention(text: &[u8]) -> Option<SelfTradePrevention> {
    let [byte] = text else { return None };
    let all = SelfTradePrevention::ALL.iter();
    all.copied().find(|mode| self_trade_prevention(*mode) == *byte)
}

/// `OrdStatus` of an order, if no request for it is on its way.
pub(super) fn order_status(order: &OrderView) -> u8 {
    let some_filled = !order.executed_qty.is_zero();
    match order.stage {
        OrderStage::Filled => status::FILLED,
        OrderStage::Ended => end_status(order.end_reason, some_filled),
        _ if some_filled => status::PARTIALLY_FILLED,
        _ => status::NEW,
    }
}

/// `OrdStatus` of an order that ended with quantity unfilled.
pub(super) const fn end_status(reason: EndReason, some_filled: bool) -> u8 {
    match reason {
        EndReason::QuoteSpent | EndReason::AmendedToFilled if some_filled => status::FILLED,
        EndReason::Rejected => status::REJECTED,
        reason if reporting::ended_by_terms(reason) => status::EXPIRED,
        _ => status::CANCELED,
    }
}
