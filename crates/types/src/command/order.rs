//! Orders: entered, cancelled, replaced, amended, asked for.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, InstrumentId, OrderId, Timestamp};
use crate::order::{AmendQtyMeaning, OrderKind, SelfTradePrevention, Side, SideScope, TimeInForce};
use crate::text::ClientOrderId;
use crate::{Price, Qty};

/// Enters an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct NewOrder {
    /// Zero: the engine assigns an id. The bare book takes the caller's id instead.
    pub order_id: OrderId,
    /// Limit price. For a market order its protection price: it takes nothing beyond; zero = none.
    pub price: Price,
    /// How much; zero for a market order by quote amount.
    pub qty: Qty,
    /// Market orders: how much of the quote asset to spend or raise, instead of `qty`.
    pub quote_qty: Qty,
    /// Iceberg: the size of a visible slice; zero = all is visible.
    pub display_qty: Qty,
    /// Good-till-date: when it expires; zero otherwise.
    pub expire_time: Timestamp,
    /// What to trade.
    pub instrument: InstrumentId,
    /// Whose order.
    pub account: AccountId,
    /// The client's name for it; may be empty.
    pub client_order_id: ClientOrderId,
    /// Buy or sell.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// What happens instead of trading with oneself.
    pub self_trade_prevention: SelfTradePrevention,
    /// Which of its account's connections it belongs to; zero: none. See
    /// [`CancelOnDisconnect`](super::CancelOnDisconnect).
    pub session: u32,
    /// Zero.
    pub reserved: [u8; 4],
}

impl NewOrder {
    /// Zero in every field: no order.
    pub const NOTHING: Self = Self {
        order_id: OrderId::NONE,
        price: Price::ZERO,
        qty: Qty::ZERO,
        quote_qty: Qty::ZERO,
        display_qty: Qty::ZERO,
        expire_time: Timestamp(0),
        instrument: InstrumentId(0),
        account: AccountId(0),
        client_order_id: ClientOrderId::EMPTY,
        side: Side::Buy,
        kind: OrderKind::Limit,
        time_in_force: TimeInForce::Gtc,
        self_trade_prevention: SelfTradePrevention::None,
        session: 0,
        reserved: [0; 4],
    };

    /// Reads what an older record has set where the session is now as what it was then: a reserved
    /// field that is set.
    pub(super) fn refuse_session(&mut self) {
        if self.session != 0 {
            (self.session, self.reserved) = (0, [1; 4]);
        }
    }

    /// A good-till-cancelled limit order without a client order id.
    pub fn limit(
        instrument: InstrumentId,
        account: AccountId,
        side: Side,
        price: Price,
        qty: Qty,
    ) -> Self {
        Self {
            order_id: OrderId::NONE,
            price,
            qty,
            quote_qty: Qty::ZERO,
            display_qty: Qty::ZERO,
            expire_time: Timestamp(0),
            instrument,
            account,
            client_order_id: ClientOrderId::EMPTY,
            side,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            self_trade_prevention: SelfTradePrevention::None,
            session: 0,
            reserved: [0; 4],
        }
    }
}

/// Cancels a live order, named by `order_id`, or by `client_order_id` when that is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CancelOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// Whose order: another account's is unknown here.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
}

/// Cancels a live order and enters another in its stead, both or neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ReplaceOrder {
    /// Which order to cancel; zero: by client order id.
    pub target_order_id: OrderId,
    /// Which order to cancel, when `target_order_id` is zero.
    pub target_client_order_id: ClientOrderId,
    /// Zero.
    pub reserved: [u8; 4],
    /// The order that takes its place, of the same account.
    pub order: NewOrder,
}

/// Changes a live order, which keeps its id.
///
/// Priority is kept when the price stays and the open quantity does not grow (and
/// `lose_priority` is zero); otherwise the order goes to the back of its level, and may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AmendOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// New limit price; zero: unchanged (where prices may be negative: always meant).
    pub price: Price,
    /// New quantity, as `qty_meaning` says; zero: unchanged.
    pub qty: Qty,
    /// Whose order.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
    /// New client order id; empty: unchanged.
    pub new_client_order_id: ClientOrderId,
    /// What `qty` counts.
    pub qty_meaning: AmendQtyMeaning,
    /// One: go to the back of the level whatever changes.
    pub lose_priority: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// Cancels every live order in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MassCancel {
    /// Whose orders; [`AccountId::ALL`]: everybody's.
    pub account: AccountId,
    /// In which instrument; [`InstrumentId::ALL`]: in each.
    pub instrument: InstrumentId,
    /// On which sides.
    pub sides: SideScope,
    /// Zero.
    pub reserved: [u8; 7],
}

/// Asks for a live order's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct QueryOrder {
    /// Which order; zero: by client order id.
    pub order_id: OrderId,
    /// Whose order.
    pub account: AccountId,
    /// Which order, when `order_id` is zero.
    pub client_order_id: ClientOrderId,
}
