//! Orders as the interface has them.

use tiercel_execution::venue::{AdvancedTerms, OrderTerms};
use tiercel_types::order::{ListKind, OrderKind, SelfTradePrevention};
use tiercel_types::{ClientOrderId, OrderId, Price, Qty, Side};
use tiercel_wire::binance::order::{
    Digits, ListOrder, ListOrders, NewOrder, NewOrderList, OrderName as WireName, Pair, Request,
    Single, Terms,
};
use tiercel_wire::binance::{ResponseType, TimeInForce};

use crate::clerk::Listed;

/// By the venue's number where it is known: that is never used again.
pub(crate) const fn wire_name(order: ClientOrderId, order_id: OrderId) -> WireName {
    if order_id.is_none() { WireName::Client(order) } else { WireName::Id(order_id) }
}

/// What an order's cancel is called: there an order that has ended may have that name. It begins with its own.
pub(crate) fn cancel_name(order: &ClientOrderId) -> ClientOrderId {
    const BEHIND: &[u8] = b"-c";
    let (mut text, length) = ([0; ClientOrderId::LIMIT], order.as_bytes().len());
    let Some(behind) = text.get_mut(length..length + BEHIND.len()) else {
        return ClientOrderId::EMPTY;
    };
    behind.copy_from_slice(BEHIND);
    text[..length].copy_from_slice(order.as_bytes());
    ClientOrderId::new(&text[..length + BEHIND.len()]).unwrap_or(ClientOrderId::EMPTY)
}

/// An order's terms, if the interface has such. With a stop price of zero it does not wait.
fn wire_terms(terms: &OrderTerms, stop_price: Price) -> Option<Terms> {
    let price = terms.price;
    match terms.kind {
        OrderKind::Limit if !stop_price.is_zero() => {
            let time_in_force = TimeInForce::of(terms.time_in_force)?;
            Some(Terms::StopLimit { stop_price, price, time_in_force })
        }
        _ if !stop_price.is_zero() => None,
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
#[inline]
pub(crate) fn new_order<'l>(listed: &'l Listed, terms: &OrderTerms) -> Option<NewOrder<'l>> {
    with_stop(listed, terms, Price::ZERO)
}

#[inline]
fn with_stop<'l>(
    listed: &'l Listed,
    terms: &OrderTerms,
    stop_price: Price,
) -> Option<NewOrder<'l>> {
    Some(NewOrder {
        symbol: &listed.symbol,
        digits: listed.digits,
        side: terms.side,
        terms: wire_terms(terms, stop_price)?,
        qty: terms.qty,
        client_order_id: terms.client_order_id,
        response: ResponseType::Ack,
        self_trade_prevention: Some(SelfTradePrevention::ExpireTaker),
    })
}

/// Orders that are entered together, or one that waits; `None`: the interface has no such.
pub(crate) fn new_orders<'l>(listed: &'l Listed, orders: &[AdvancedTerms]) -> Option<Request<'l>> {
    let kind = orders.first()?.list.map(|list| list.kind);
    let orders = match (kind, orders) {
        (None, [terms]) => {
            return with_stop(listed, &terms.order, terms.trigger_price).map(Request::Place);
        }
        (Some(ListKind::Oco), [one, other]) => ListOrders::Oco(pair(one, other)?),
        (Some(ListKind::Oto), [working, pending]) => {
            ListOrders::Oto { working: single(working)?, pending: single(pending)? }
        }
        (Some(ListKind::Otoco), [working, one, other]) => {
            ListOrders::Otoco { working: single(working)?, pending: pair(one, other)? }
        }
        _ => return None,
    };
    Some(Request::PlaceList(NewOrderList {
        symbol: &listed.symbol,
        digits: listed.digits,
        orders,
        response: ResponseType::Ack,
        self_trade_prevention: Some(SelfTradePrevention::ExpireTaker),
    }))
}

fn list_order(terms: &AdvancedTerms) -> Option<ListOrder> {
    let client_order_id = terms.order.client_order_id;
    Some(ListOrder { terms: wire_terms(&terms.order, terms.trigger_price)?, client_order_id })
}

fn single(terms: &AdvancedTerms) -> Option<Single> {
    let OrderTerms { side, qty, .. } = terms.order;
    Some(Single { side, qty, order: list_order(terms)? })
}

/// What sells with a stop has that below the market, what buys above it.
fn pair(one: &AdvancedTerms, other: &AdvancedTerms) -> Option<Pair> {
    let OrderTerms { side, qty, .. } = one.order;
    let (stop, limit) = if one.trigger_price.is_zero() { (other, one) } else { (one, other) };
    let (above, below) = match side {
        Side::Sell => (limit, stop),
        Side::Buy => (stop, limit),
    };
    Some(Pair { side, qty, above: list_order(above)?, below: list_order(below)? })
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
