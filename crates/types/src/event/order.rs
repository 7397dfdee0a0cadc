//! What happens to orders.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::command;
use crate::denial::DenialReason;
use crate::ids::{AccountId, OrderId, Timestamp, TradeId};
use crate::money::Money;
use crate::order::{EndReason, OrderKind, Peg, SelfTradePrevention, Side, TimeInForce};
use crate::text::ClientOrderId;
use crate::{Price, Qty};

/// An order was taken. What it trades, and where it rests, follows in further events, unless
/// `resting` says that it went to the book as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderAccepted {
    /// Its id.
    pub order_id: OrderId,
    /// Its limit or protection price; zero: none.
    pub price: Price,
    /// Its quantity; zero for a market order by quote amount.
    pub qty: Qty,
    /// If `resting` and displayed: the level's displayed quantity now; else zero.
    pub level_qty: Qty,
    /// If `resting` and displayed: the book update; else zero.
    pub update_id: u64,
    /// Buy or sell.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its self-trade prevention.
    pub self_trade_prevention: SelfTradePrevention,
    /// One: it rests in the book as it is, and no further event of its entry follows.
    pub resting: u8,
    /// What its price follows.
    pub peg: Peg,
    /// One: it trades in full or not at all.
    pub all_or_none: u8,
    /// One: it is never displayed.
    pub hidden: u8,
    /// The client's name for it.
    pub client_order_id: ClientOrderId,
    /// Which of its account's connections it belongs to; zero: none.
    pub session: u32,
    /// Market orders: the quote amount; else zero.
    pub quote_qty: Qty,
    /// Iceberg: its slice; zero: all is visible.
    pub display_qty: Qty,
    /// Good-till-date: when it expires; else zero.
    pub expire_time: Timestamp,
}

/// A command was denied; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Denied {
    /// Why.
    pub reason: DenialReason,
    /// Which kind of command.
    pub command: command::Kind,
    /// An order list: which of its orders, from 1; else zero.
    pub leg: u8,
    /// Zero.
    pub reserved: [u8; 4],
    /// The order that the command named, if it did by order id.
    pub order_id: OrderId,
    /// The client order id that the command gave or named.
    pub client_order_id: ClientOrderId,
    /// Zero.
    pub reserved_too: [u8; 4],
}

/// Two orders traded, at the maker's price. The header's account is the taker's.
///
/// In an auction (`auction` is one) nobody took: the buyer stands as the taker and the seller as
/// the maker, `price` is the auction's, and `level_qty` and `update_id` are zero: the levels follow
/// as [`LevelChanged`](super::LevelChanged).
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Trade {
    /// The trade's id, counted per instrument.
    pub trade_id: TradeId,
    /// The maker's price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// The order that came.
    pub taker_order_id: OrderId,
    /// The order that rested.
    pub maker_order_id: OrderId,
    /// What the taker has left; zero for a market order by quote amount.
    pub taker_open_qty: Qty,
    /// What the maker has left, hidden quantity included; zero: it is filled and gone.
    pub maker_open_qty: Qty,
    /// The level's displayed quantity after the trade (before an iceberg shows its next slice);
    /// zero if the maker was not displayed.
    pub level_qty: Qty,
    /// The book update; zero if the maker was not displayed: then the displayed book is as it was.
    pub update_id: u64,
    /// Whose order rested.
    pub maker_account: AccountId,
    /// The taker's side.
    pub taker_side: Side,
    /// One: it is a trade of an auction.
    pub auction: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// The taker's fee, in what it receives (base if it buys, quote if it sells).
    pub taker_fee: Money,
    /// The maker's fee, in what it receives; negative: a rebate.
    pub maker_fee: Money,
}

/// The rest of an order that traded on entry (or was amended) now rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderRested {
    /// Which order.
    pub order_id: OrderId,
    /// At which price.
    pub price: Price,
    /// All that is open, hidden quantity included.
    pub open_qty: Qty,
    /// What of it is visible; zero of an order that is never displayed.
    pub displayed_qty: Qty,
    /// The level's displayed quantity now; zero if it is not displayed.
    pub level_qty: Qty,
    /// The book update; zero if it is not displayed.
    pub update_id: u64,
    /// On which side.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 7],
}

/// An iceberg order shows its next slice, at the back of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderReplenished {
    /// Which order.
    pub order_id: OrderId,
    /// At which price.
    pub price: Price,
    /// The new slice.
    pub displayed_qty: Qty,
    /// What is still hidden.
    pub hidden_qty: Qty,
    /// The level's displayed quantity now.
    pub level_qty: Qty,
    /// The book update.
    pub update_id: u64,
    /// On which side.
    pub side: Side,
    /// Zero.
    pub reserved: [u8; 7],
}

/// An order ended with quantity unfilled. (A filled order ends with its last [`Trade`].)
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderEnded {
    /// Which order.
    pub order_id: OrderId,
    /// Its limit or protection price; zero: none.
    pub price: Price,
    /// What it had left, hidden quantity included; zero for a market order by quote amount.
    pub unfilled_qty: Qty,
    /// If it was displayed: the level's displayed quantity now; else zero.
    pub level_qty: Qty,
    /// If it was displayed: the book update; else zero.
    pub update_id: u64,
    /// Why.
    pub reason: EndReason,
    /// Its side.
    pub side: Side,
    /// One: it rested in the book.
    pub was_resting: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// [`EndReason::Rejected`]: the number of the [`DenialReason`]; else zero.
    pub denial: u16,
}

/// An order was amended. If `resting`, it rests as told here; else it left the book to be entered
/// anew, and what it trades and where it rests follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderAmended {
    /// Which order.
    pub order_id: OrderId,
    /// Its price now.
    pub price: Price,
    /// All that is open now, hidden quantity included.
    pub open_qty: Qty,
    /// If `resting`: what of it is visible; else zero.
    pub displayed_qty: Qty,
    /// If `resting`: the displayed quantity of its level now; else zero.
    pub level_qty: Qty,
    /// Its price before.
    pub old_price: Price,
    /// The displayed quantity of its former level, after it left or shrank there. When the level
    /// is the same, `level_qty` holds.
    pub old_level_qty: Qty,
    /// The book update (one for the whole amendment); zero of an order that is never displayed.
    pub update_id: u64,
    /// Its side.
    pub side: Side,
    /// One: it kept its place in the queue.
    pub priority_kept: u8,
    /// One: it rests, and no further event of the amendment follows.
    pub resting: u8,
    /// Zero.
    pub reserved: u8,
    /// Its client order id now.
    pub client_order_id: ClientOrderId,
}

/// Two orders of one account or group met and did not trade. Ends of orders follow in their own
/// events. The header's account is the taker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SelfTradePrevented {
    /// The order that came.
    pub taker_order_id: OrderId,
    /// The order that rested.
    pub maker_order_id: OrderId,
    /// The maker's price.
    pub price: Price,
    /// What would have traded.
    pub qty: Qty,
    /// What the taker has left after a decrement, before orders end.
    pub taker_open_qty: Qty,
    /// What the maker has left after a decrement, before orders end.
    pub maker_open_qty: Qty,
    /// The level's displayed quantity now.
    pub level_qty: Qty,
    /// Decrement and transfer with a displayed maker: the book update; else zero.
    pub update_id: u64,
    /// Whose order rested.
    pub maker_account: AccountId,
    /// What was done: never [`SelfTradePrevention::None`].
    pub action: SelfTradePrevention,
    /// The taker's side.
    pub taker_side: Side,
    /// Zero.
    pub reserved: [u8; 2],
}

/// The answer to a query: a live order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderStatus {
    /// Which order.
    pub order_id: OrderId,
    /// Its limit price.
    pub price: Price,
    /// Its total quantity: what was filled and what is open.
    pub qty: Qty,
    /// What is open, hidden quantity included.
    pub open_qty: Qty,
    /// What of it is visible.
    pub displayed_qty: Qty,
    /// Iceberg: its slice; zero: all is visible.
    pub display_qty: Qty,
    /// Good-till-date: when it expires; else zero.
    pub expire_time: Timestamp,
    /// Buy or sell.
    pub side: Side,
    /// How it came.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its self-trade prevention.
    pub self_trade_prevention: SelfTradePrevention,
    /// Its client order id.
    pub client_order_id: ClientOrderId,
    /// Pegged: how far its price keeps to the passive side of what it follows.
    pub peg_offset: Price,
    /// What its price follows.
    pub peg: Peg,
    /// One: it trades in full or not at all.
    pub all_or_none: u8,
    /// One: it is never displayed.
    pub hidden: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

/// A mass cancel is complete: it ended so many orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MassCancelDone {
    /// How many orders ended.
    pub orders: u64,
}
