//! Orders as the interface has them.

use tiercel_execution::venue::OrderTerms;
use tiercel_types::order::{OrderKind, SelfTradePrevention};
use tiercel_types::{ClientOrderId, OrderId, Price, Qty};
use tiercel_wire::binance::order::{Digits, NewOrder, OrderName as WireName, Terms};
use tiercel_wire::binance::{ResponseType, TimeInForce};

use crate::clerk::Listed;

/// By the venue's number where it is known: that is never used again.
pub(crate) const fn wire_name(order: ClientOrderId, order_id: OrderId) -> WireName {
    if order_id.is_none() { WireName::Client(order) } else { WireName::Id(order_id) }
}

/// An order's terms, if the interface has such.
fn wire_terms(terms: &OrderTerms) -> Option<Terms> {
    let price = terms.price;
    match terms.kind {
        OrderKind::Limit => {
            let time_in_force = TimeInForce::of(terms.time_in_force)?;
            Some(Terms::Limit { price, time_in_force })
        }
        OrderKind::PostOnly => Some(Terms::LimitMaker { price }),
        OrderKind::Market => Some(Terms::Market),
        OrderKind::MarketToLimit => None,
    }
}

/// An order as it is entered; `None`: the interface has no such.
pub(crate) fn new_order<'l>(listed: &'l Listed, terms: &OrderTerms) -> Option<NewOrder<'l>> {
    Some(NewOrder {
        symbol: &listed.symbol,
        digits: listed.digits,
        side: terms.side,
        terms: wire_terms(terms)?,
        qty: terms.qty,
        client_order_id: terms.client_order_id,
        response: ResponseType::Ack,
        self_trade_prevention: Some(SelfTradePrevention::ExpireTaker),
    })
}

/// How many places numbers have that are whole multiples of so many units of 10^-8.
pub const fn digits_of(units: u64) -> u32 {
    let (mut digits, mut step) = (8, units);
    while digits > 0 && step.is_multiple_of(10) && step != 0 {
        (digits, step) = (digits - 1, step / 10);
    }
    digits
}

/// The least that can be bought shows with how many places quantities are written.
pub const fn digits(tick: Price, lot: Qty) -> Digits {
    Digits { price: digits_of(tick.units().unsigned_abs()), qty: digits_of(lot.units()) }
}
