//! What happens to an account, as its owner is told.
//!
//! Events come bare, or as `{"subscriptionId":0,"event":{...}}` on a trading connection, where
//! [`Incoming::decode`](super::answer::Incoming::decode) tells them from answers. They are read in one
//! pass where their type `e` is the first field, as the venue writes it, and in two where it is not.
//!
//! Source: `user-data-stream.md` of the public repository `binance/binance-spot-api-docs`.

use tiercel_types::{
    ClientOrderId, ListId, Money, OrderId, Price, Qty, SelfTradePrevention, Side, Timestamp,
    TradeId,
};

use super::elements::Elements;
use super::error::DecodeError;
use super::fields::{KEY_LIMIT, fields};
use super::json::Cursor;
use super::text::Text;
use super::value::{self, SCRATCH_LIMIT, Slot};
use super::words::{ExecutionType, OrderStatus, OrderType, TimeInForce};

type Result<T> = core::result::Result<T, DecodeError>;

/// An event, and the subscription that it came for.
#[derive(Clone, Copy, Debug)]
pub struct UserData<'m> {
    /// Which subscription; none of an event that came bare, or that concerns the connection.
    pub subscription_id: Option<u64>,
    /// What happened.
    pub event: Event<'m>,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate for each message")]
pub enum Event<'m> {
    /// `executionReport`: something happened to an order.
    Execution(ExecutionReport<'m>),
    /// `outboundAccountPosition`: what the account has now of what may have changed.
    Position(AccountPosition<'m>),
    /// `balanceUpdate`: funds came, went or moved.
    BalanceUpdate(BalanceUpdate<'m>),
    /// `listStatus`: something happened to a list of orders.
    ListStatus(ListStatus<'m>),
    /// `eventStreamTerminated`: the subscription hears nothing more.
    StreamTerminated,
    /// `serverShutdown`: the connection will be closed soon.
    ServerShutdown,
    /// Of a type that is not known here.
    Unknown(Text<'m>),
}

fields! {
    /// `executionReport`: what happened to an order, and where it stands behind it.
    ExecutionReport {
        /// `E`: when it was told.
        event_time: Timestamp = b"E" value::timestamp,
        /// `s`: what the order trades.
        symbol: Text<'m> = b"s" value::text,
        /// `c`: its name; of a cancelled order that of the request to cancel.
        client_order_id: ClientOrderId = b"c" value::client_order_id,
        /// `C`: the name that it had, where it was cancelled or renamed; else empty.
        orig_client_order_id: ClientOrderId = b"C" value::client_order_id,
        /// `S`: bought or sold.
        side: Side = b"S" value::side,
        /// `o`: what it is; none for what is not known here.
        order_type: Option<OrderType> = b"o" value::order_type,
        /// `f`: how long it lives; none for what is not known here.
        time_in_force: Option<TimeInForce> = b"f" value::time_in_force,
        /// `q`: its quantity.
        qty: Qty = b"q" value::qty,
        /// `p`: its limit; zero of a market order.
        price: Price = b"p" value::price,
        /// `x`: what happened.
        execution_type: ExecutionType = b"x" value::execution_type,
        /// `X`: where it stands.
        status: OrderStatus = b"X" value::status,
        /// `r`: why it was rejected, or `NONE`.
        reject_reason: Text<'m> = b"r" value::text,
        /// `i`: the venue's id.
        order_id: OrderId = b"i" value::order_id,
        /// `l`: how much this fill was.
        last_qty: Qty = b"l" value::qty,
        /// `z`: how much of it is filled.
        executed_qty: Qty = b"z" value::qty,
        /// `L`: the price of this fill.
        last_price: Price = b"L" value::price,
        /// `n`: what this fill cost.
        commission: Money = b"n" value::money,
        /// `T`: when it happened.
        transaction_time: Timestamp = b"T" value::timestamp,
        /// `t`: the trade; none of what is no fill.
        trade_id: Option<TradeId> = b"t" value::trade_id,
        /// `w`: whether it is in the book.
        is_working: bool = b"w" Cursor::boolean,
        /// `m`: whether it made this fill.
        is_maker: bool = b"m" Cursor::boolean,
        /// `Z`: what its fills came to in the quote asset.
        executed_quote: Money = b"Z" value::money,
        ?
        /// `N`: in which asset this fill cost something.
        commission_asset: Text<'m> = b"N" value::nullable_text,
        /// `g`: the list that it is of.
        list_id: ListId = b"g" value::list_id,
        /// `P`: the price that it waits for.
        stop_price: Price = b"P" value::price,
        /// `Y`: what this fill came to in the quote asset.
        last_quote: Money = b"Y" value::money,
        /// `Q`: its quantity in the quote asset, of a market order by amount.
        quote_order_qty: Money = b"Q" value::money,
        /// `O`: when it was entered.
        created: Timestamp = b"O" value::timestamp,
        /// `W`: since when it is in the book.
        working_time: Timestamp = b"W" value::timestamp,
        /// `I`: the id of what happened.
        execution_id: u64 = b"I" Cursor::unsigned,
        /// `V`: its mode of self-trade prevention.
        self_trade_prevention: SelfTradePrevention = b"V" value::self_trade_prevention,
        /// `v`: the trade with itself that was prevented.
        prevented_match_id: u64 = b"v" Cursor::unsigned,
        /// `A`: how much was taken off it so far by self-trade prevention.
        prevented_qty: Qty = b"A" value::qty,
        /// `B`: how much was taken off it just now.
        last_prevented_qty: Qty = b"B" value::qty,
        /// `eR`: why it expired.
        expiry_reason: Text<'m> = b"eR" value::nullable_text,
    }
}

fields! {
    /// `outboundAccountPosition`.
    AccountPosition {
        /// `E`: when it was told.
        event_time: Timestamp = b"E" value::timestamp,
        /// `u`: when the account last changed.
        update_time: Timestamp = b"u" value::timestamp,
        /// `B`: what it has, of the assets that may have changed.
        balances: Elements<'m, Balance<'m>> = b"B" read_balances,
    }
}

fields! {
    /// What an account has of an asset.
    Balance {
        /// `a`: the asset.
        asset: Text<'m> = b"a" value::text,
        /// `f`: what it can use.
        free: Money = b"f" value::money,
        /// `l`: what its orders hold.
        locked: Money = b"l" value::money,
    }
}

fn read_balances<'m>(cursor: &mut Cursor<'m>, ns: u64) -> Result<Elements<'m, Balance<'m>>> {
    Elements::of(cursor, ns, Balance::read)
}

fields! {
    /// `balanceUpdate`.
    BalanceUpdate {
        /// `E`: when it was told.
        event_time: Timestamp = b"E" value::timestamp,
        /// `a`: the asset.
        asset: Text<'m> = b"a" value::text,
        /// `d`: how much more the account has; less if negative.
        delta: Money = b"d" value::signed_money,
        /// `T`: when it happened.
        clear_time: Timestamp = b"T" value::timestamp,
    }
}

fields! {
    /// `listStatus`.
    ListStatus {
        /// `E`: when it was told.
        event_time: Timestamp = b"E" value::timestamp,
        /// `s`: what its orders trade.
        symbol: Text<'m> = b"s" value::text,
        /// `g`: its id.
        list_id: Option<ListId> = b"g" value::list_id,
        /// `c`: how its orders depend on each other, such as `OCO`.
        contingency: Text<'m> = b"c" value::text,
        /// `l`: `EXEC_STARTED`, `ALL_DONE` and the like.
        status: Text<'m> = b"l" value::text,
        /// `L`: `EXECUTING`, `ALL_DONE`, `REJECT`.
        order_status: Text<'m> = b"L" value::text,
        /// `r`: why it was rejected, or `NONE`.
        reject_reason: Text<'m> = b"r" value::text,
        /// `C`: its name.
        list_client_order_id: ClientOrderId = b"C" value::client_order_id,
        /// `T`: when it happened.
        transaction_time: Timestamp = b"T" value::timestamp,
        /// `O`: its orders.
        orders: Elements<'m, ListedOrder<'m>> = b"O" read_listed_orders,
    }
}

fields! {
    /// An order of a list.
    ListedOrder {
        /// `s`: what it trades.
        symbol: Text<'m> = b"s" value::text,
        /// `i`: the venue's id.
        order_id: OrderId = b"i" value::order_id,
        /// `c`: its name.
        client_order_id: ClientOrderId = b"c" value::client_order_id,
    }
}

fn read_listed_orders<'m>(
    cursor: &mut Cursor<'m>,
    ns: u64,
) -> Result<Elements<'m, ListedOrder<'m>>> {
    Elements::of(cursor, ns, ListedOrder::read)
}

impl<'m> Event<'m> {
    /// Whether the object that starts here has its event type first.
    pub(super) fn is_named_first(cursor: Cursor<'_>) -> bool {
        first_name(cursor).is_some()
    }

    /// Reads the event whose object starts here.
    pub(super) fn read(cursor: &mut Cursor<'m>, ns: u64) -> Result<Self> {
        let name = match first_name(*cursor) {
            Some(name) => name,
            None => name_anywhere(*cursor)?,
        };
        let mut scratch = [0; SCRATCH_LIMIT];
        match name.resolve(&mut scratch) {
            Some(b"executionReport") => ExecutionReport::read(cursor, ns).map(Self::Execution),
            Some(b"outboundAccountPosition") => {
                AccountPosition::read(cursor, ns).map(Self::Position)
            }
            Some(b"balanceUpdate") => BalanceUpdate::read(cursor, ns).map(Self::BalanceUpdate),
            Some(b"listStatus") => ListStatus::read(cursor, ns).map(Self::ListStatus),
            Some(b"eventStreamTerminated") => cursor.skip_value().map(|()| Self::StreamTerminated),
            Some(b"serverShutdown") => cursor.skip_value().map(|()| Self::ServerShutdown),
            _ => cursor.skip_value().map(|()| Self::Unknown(Text::new(name))),
        }
    }
}

/// The event type of an object that starts here, if that is its first field.
fn first_name(mut cursor: Cursor<'_>) -> Option<super::json::RawText<'_>> {
    cursor.expect(b'{', "'{'").ok()?;
    cursor.blank();
    let key = cursor.key().ok()?;
    if key.bytes == b"e" { cursor.string().ok() } else { None }
}

/// The event type, wherever it stands.
fn name_anywhere(mut cursor: Cursor<'_>) -> Result<super::json::RawText<'_>> {
    let mut name = Slot::new("e");
    cursor.object(|key, cursor| {
        let mut scratch = [0; KEY_LIMIT];
        if key.resolve(&mut scratch) == Some(b"e") {
            name.fill(cursor, Cursor::string)
        } else {
            cursor.skip_value()
        }
    })?;
    name.take(&cursor)
}
