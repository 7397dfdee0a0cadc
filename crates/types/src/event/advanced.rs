//! What happens to orders that wait, and to lists.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{ListId, OrderId};
use crate::order::{ListKind, PendingRule, Side, Trigger, WaitState};
use crate::text::ClientOrderId;
use crate::{Price, Qty};

/// An order is live and not in the book: it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderWaiting {
    /// Which order.
    pub order_id: OrderId,
    /// Of which list; zero: of none.
    pub list_id: ListId,
    /// Stop, take profit: the price that triggers it. Trailing stop: the best trade since it
    /// tracks, zero before.
    pub trigger_price: Price,
    /// Trailing stop: how far behind, as a difference of prices.
    pub trailing_amount: Price,
    /// Trailing stop: the price from which it tracks.
    pub activation_price: Price,
    /// Trailing stop: how far behind, in basis points.
    pub trailing_bps: u32,
    /// What it waits for.
    pub trigger: Trigger,
    /// Where it stands.
    pub state: WaitState,
    /// Its side.
    pub side: Side,
    /// One: it waits for an auction, and takes part in its imbalance only.
    pub imbalance_only: u8,
}

/// An order that waited is entered now. What it trades, and where it rests, follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderTriggered {
    /// Which order.
    pub order_id: OrderId,
    /// Of which list; zero: of none.
    pub list_id: ListId,
    /// Its limit or protection price; zero: none.
    pub price: Price,
    /// Its quantity; zero for a market order by quote amount.
    pub qty: Qty,
    /// What it waited for; [`Trigger::None`]: the working order of its list.
    pub trigger: Trigger,
    /// Its side.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 6],
}

/// An order list was taken. The acceptances of its orders follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListAccepted {
    /// Its id.
    pub list_id: ListId,
    /// Its orders, as they were staged; zero behind them.
    pub order_ids: [OrderId; 3],
    /// The client's name for it.
    pub list_client_order_id: ClientOrderId,
    /// How its orders hang together.
    pub kind: ListKind,
    /// When pending orders are entered.
    pub pending_rule: PendingRule,
    /// Zero.
    pub reserved: [u8; 2],
}

/// The last order of a list is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ListEnded {
    /// Which list.
    pub list_id: ListId,
}

/// A condition or an order of a list was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Staged {
    /// How many orders are staged now.
    pub legs: u32,
    /// One: a condition is staged for the next order.
    pub condition: u32,
}
