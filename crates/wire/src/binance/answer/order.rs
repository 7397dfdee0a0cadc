//! Answers about orders.

use tiercel_types::{
    ClientOrderId, ListId, Money, OrderId, Price, Qty, SelfTradePrevention, Side, Timestamp,
    TradeId,
};

use super::super::elements::Elements;
use super::super::fields::fields;
use super::super::text::Text;
use super::super::value::{self, Slot};
use super::super::words::{OrderStatus, OrderType, TimeInForce};
use super::{Cursor, KEY_LIMIT, Kind, Result};

fields! {
    /// An order that was taken. ACK has its ids alone, RESULT all but the fills.
    PlacedOrder {
        /// What it trades.
        symbol: Text<'m> = b"symbol" value::text,
        /// The venue's id.
        order_id: OrderId = b"orderId" value::order_id,
        /// The list that it is of.
        list_id: Option<ListId> = b"orderListId" value::list_id,
        /// Its name.
        client_order_id: ClientOrderId = b"clientOrderId" value::client_order_id,
        /// When it was taken.
        transact_time: Timestamp = b"transactTime" value::timestamp,
        ?
        /// Its limit; zero of a market order.
        price: Price = b"price" value::price,
        /// Its quantity.
        orig_qty: Qty = b"origQty" value::qty,
        /// How much of it is filled.
        executed_qty: Qty = b"executedQty" value::qty,
        /// What that came to in the quote asset. (Spelt as the interface spells it.)
        executed_quote: Money = b"cummulativeQuoteQty" value::money,
        /// Where it stands.
        status: OrderStatus = b"status" value::status,
        /// How long it lives.
        time_in_force: TimeInForce = b"timeInForce" value::time_in_force,
        /// What it is.
        order_type: OrderType = b"type" value::order_type,
        /// Bought or sold.
        side: Side = b"side" value::side,
        /// Since when it is in the book.
        working_time: Timestamp = b"workingTime" read_working_time,
        /// Its mode of self-trade prevention.
        self_trade_prevention: SelfTradePrevention =
            b"selfTradePreventionMode" value::self_trade_prevention,
        /// Its fills, in their order.
        fills: Elements<'m, Fill<'m>> = b"fills" read_fills,
    }
}

fields! {
    /// A fill within the answer to a new order.
    Fill {
        /// At what price.
        price: Price = b"price" value::price,
        /// How much.
        qty: Qty = b"qty" value::qty,
        /// What it cost.
        commission: Money = b"commission" value::money,
        /// In which asset.
        commission_asset: Text<'m> = b"commissionAsset" value::text,
        /// Which trade.
        trade_id: Option<TradeId> = b"tradeId" value::trade_id,
    }
}

fn read_fills<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Elements<'m, Fill<'m>>> {
    Elements::of(cursor, ns, Fill::read)
}

/// When an order came into the book; none if it is not there yet.
fn read_working_time(cursor: &mut Cursor<'_>, ns: u64) -> Result<Option<Timestamp>> {
    let start = cursor.at;
    match value::unless_negative(cursor)? {
        None => Ok(None),
        Some(time) => match time.checked_mul(ns) {
            Some(time) => Ok(Some(Timestamp(time))),
            None => Err(cursor.error_at(start, Kind::Range)),
        },
    }
}

fields! {
    /// An order, as `order.status` and `openOrders.status` have it.
    OrderState {
        /// What it trades.
        symbol: Text<'m> = b"symbol" value::text,
        /// The venue's id.
        order_id: OrderId = b"orderId" value::order_id,
        /// The list that it is of.
        list_id: Option<ListId> = b"orderListId" value::list_id,
        /// Its name; that of the request that cancelled it, if one did.
        client_order_id: ClientOrderId = b"clientOrderId" value::client_order_id,
        /// Its limit; zero of a market order.
        price: Price = b"price" value::price,
        /// Its quantity.
        orig_qty: Qty = b"origQty" value::qty,
        /// How much of it is filled.
        executed_qty: Qty = b"executedQty" value::qty,
        /// What that came to in the quote asset. (Spelt as the interface spells it.)
        executed_quote: Money = b"cummulativeQuoteQty" value::money,
        /// Where it stands.
        status: OrderStatus = b"status" value::status,
        /// How long it lives; none for what is not known here.
        time_in_force: Option<TimeInForce> = b"timeInForce" value::time_in_force,
        /// What it is; none for what is not known here.
        order_type: Option<OrderType> = b"type" value::order_type,
        /// Bought or sold.
        side: Side = b"side" value::side,
        /// When it was entered.
        time: Timestamp = b"time" value::timestamp,
        /// When it last changed.
        update_time: Timestamp = b"updateTime" value::timestamp,
        /// Whether it is in the book, or was.
        is_working: bool = b"isWorking" Cursor::boolean,
        ?
        /// The price that it waits for.
        stop_price: Price = b"stopPrice" value::price,
        /// Since when it is in the book.
        working_time: Timestamp = b"workingTime" read_working_time,
        /// Its mode of self-trade prevention.
        self_trade_prevention: SelfTradePrevention =
            b"selfTradePreventionMode" value::self_trade_prevention,
    }
}

fields! {
    /// An order that was cancelled, as it ended.
    CancelledOrder {
        /// What it traded.
        symbol: Text<'m> = b"symbol" value::text,
        /// Its name.
        orig_client_order_id: ClientOrderId = b"origClientOrderId" value::client_order_id,
        /// The venue's id.
        order_id: OrderId = b"orderId" value::order_id,
        /// The list that it is of.
        list_id: Option<ListId> = b"orderListId" value::list_id,
        /// The name of the request to cancel.
        client_order_id: ClientOrderId = b"clientOrderId" value::client_order_id,
        /// Its limit; zero of a market order.
        price: Price = b"price" value::price,
        /// Its quantity.
        orig_qty: Qty = b"origQty" value::qty,
        /// How much of it was filled.
        executed_qty: Qty = b"executedQty" value::qty,
        /// What that came to in the quote asset. (Spelt as the interface spells it.)
        executed_quote: Money = b"cummulativeQuoteQty" value::money,
        /// How it ended.
        status: OrderStatus = b"status" value::status,
        /// Bought or sold.
        side: Side = b"side" value::side,
        ?
        /// When it ended.
        transact_time: Timestamp = b"transactTime" value::timestamp,
        /// How long it was to live.
        time_in_force: TimeInForce = b"timeInForce" value::time_in_force,
        /// What it was.
        order_type: OrderType = b"type" value::order_type,
    }
}

fields! {
    /// A list that was cancelled with all of its orders.
    CancelledList {
        /// What it traded.
        symbol: Text<'m> = b"symbol" value::text,
        /// Its id.
        list_id: Option<ListId> = b"orderListId" value::list_id,
        /// Its orders.
        orders: Elements<'m, CancelledOrder<'m>> = b"orderReports" read_reports,
    }
}

fn read_reports<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Elements<'m, CancelledOrder<'m>>> {
    Elements::of(cursor, ns, CancelledOrder::read)
}

fields! {
    /// A list that was taken.
    PlacedList {
        /// What it trades.
        symbol: Text<'m> = b"symbol" value::text,
        /// Its id.
        list_id: Option<ListId> = b"orderListId" value::list_id,
        /// Its orders.
        orders: Elements<'m, PlacedLeg<'m>> = b"orders" read_legs,
    }
}

fields! {
    /// An order of a list that was taken.
    PlacedLeg {
        /// What it trades.
        symbol: Text<'m> = b"symbol" value::text,
        /// The venue's id.
        order_id: OrderId = b"orderId" value::order_id,
        /// Its name.
        client_order_id: ClientOrderId = b"clientOrderId" value::client_order_id,
    }
}

fn read_legs<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Elements<'m, PlacedLeg<'m>>> {
    Elements::of(cursor, ns, PlacedLeg::read)
}

/// What a request to cancel has ended.
#[derive(Clone, Copy, Debug)]
pub enum Cancelled<'m> {
    /// An order.
    Order(CancelledOrder<'m>),
    /// A list: its orders end together.
    List(CancelledList<'m>),
}

impl<'m> Cancelled<'m> {
    pub(super) fn read(cursor: &mut Cursor<'m>, ns: u64) -> Result<Self> {
        let mut is_list = false;
        { *cursor }.object(|key, cursor| {
            let mut scratch = [0; KEY_LIMIT];
            is_list |= key.resolve(&mut scratch) == Some(b"orderReports");
            cursor.skip_value()
        })?;
        if is_list {
            CancelledList::read(cursor, ns).map(Self::List)
        } else {
            CancelledOrder::read(cursor, ns).map(Self::Order)
        }
    }
}

fields! {
    /// An order that was amended, as it is now.
    AmendedOrder {
        /// What it trades.
        symbol: Text<'m> = b"symbol" value::text,
        /// The venue's id.
        order_id: OrderId = b"orderId" value::order_id,
        /// The name that it had.
        orig_client_order_id: ClientOrderId = b"origClientOrderId" value::client_order_id,
        /// The name that it has.
        client_order_id: ClientOrderId = b"clientOrderId" value::client_order_id,
        /// Its limit.
        price: Price = b"price" value::price,
        /// Its quantity.
        qty: Qty = b"qty" value::qty,
        /// How much of it is filled.
        executed_qty: Qty = b"executedQty" value::qty,
        /// What that came to in the quote asset.
        executed_quote: Money = b"cumulativeQuoteQty" value::money,
        /// Where it stands.
        status: OrderStatus = b"status" value::status,
        /// Bought or sold.
        side: Side = b"side" value::side,
    }
}

impl<'m> AmendedOrder<'m> {
    /// Reads the order out of the answer round it.
    pub(super) fn of_answer(cursor: &mut Cursor<'m>, ns: u64) -> Result<Self> {
        let mut order = Slot::new("amendedOrder");
        cursor.object(|key, cursor| {
            let mut scratch = [0; KEY_LIMIT];
            if key.resolve(&mut scratch) == Some(b"amendedOrder") {
                order.fill(cursor, |cursor| Self::read(cursor, ns))
            } else {
                cursor.skip_value()
            }
        })?;
        order.take(cursor)
    }
}
