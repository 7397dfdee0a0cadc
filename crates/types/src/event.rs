//! Events: what happened.
//!
//! The engine writes events into an [`EventBuffer`] as packed records: a 32-byte [`EventHeader`]
//! and a body, so that a reader can look at them where they lie ([`EventBuffer::refs`]).
//!
//! An event's id is (shard, command sequence, index); the shard is the log's. The last event of a
//! command carries [`FLAG_LAST`], and every command has at least one event.
//!
//! Level quantities: events that change the book carry the total displayed quantity of the level
//! they changed, after the change, and the instrument's `update_id`, which counts such changes
//! from 1 without gaps. A depth feed needs nothing else.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::command::{self, AccountState};
use crate::denial::DenialReason;
use crate::ids::{AccountId, AssetId, InstrumentId, ListId, OrderId, Timestamp, TradeId};
use crate::instrument::{InstrumentSpec, InstrumentState};
use crate::money::Money;
use crate::order::{
    EndReason, ListKind, OrderKind, PendingRule, SelfTradePrevention, Side, TimeInForce, Trigger,
    WaitState, code,
};
use crate::record::{RECORD_SIZE_MAX, RecordError, read_body};
use crate::text::{AssetCode, ClientOrderId};
use crate::{Price, Qty};

pub use crate::event_buffer::{BUFFER_RECORDS_MIN, EventBuffer, EventIter, EventRefs};

/// Marks the last event of a command, in [`EventHeader::flags`].
pub const FLAG_LAST: u8 = 1;

/// The head of an event: 32 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct EventHeader {
    /// Bytes of header and body.
    pub length: u16,
    /// Which event: a code of [`Kind`].
    pub kind: u8,
    /// [`FLAG_LAST`] or zero.
    pub flags: u8,
    /// Its place among the events of its command, from 0.
    pub index: u32,
    /// The command's sequence.
    pub sequence: u64,
    /// The command's time in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// The instrument concerned, or zero.
    pub instrument: InstrumentId,
    /// The account concerned, or zero: the order's owner; of a trade, the taker.
    pub account: AccountId,
}

impl EventHeader {
    /// Whether this is the last event of its command.
    pub const fn is_last(&self) -> bool {
        self.flags & FLAG_LAST != 0
    }
}

/// Bytes of an [`EventHeader`].
pub const EVENT_HEADER_SIZE: usize = size_of::<EventHeader>();

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
    /// If `resting`: the level's displayed quantity now; else zero.
    pub level_qty: Qty,
    /// If `resting`: the book update; else zero.
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
    /// Zero.
    pub reserved: [u8; 3],
    /// The client's name for it.
    pub client_order_id: ClientOrderId,
    /// Zero.
    pub reserved_too: [u8; 4],
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
    /// The level's displayed quantity after the trade (before an iceberg shows its next slice).
    pub level_qty: Qty,
    /// The book update.
    pub update_id: u64,
    /// Whose order rested.
    pub maker_account: AccountId,
    /// The taker's side.
    pub taker_side: Side,
    /// Zero.
    pub reserved: [u8; 3],
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
    /// What of it is visible.
    pub displayed_qty: Qty,
    /// The level's displayed quantity now.
    pub level_qty: Qty,
    /// The book update.
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
    /// If it was resting: the level's displayed quantity now; else zero.
    pub level_qty: Qty,
    /// If it was resting: the book update; else zero.
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
    /// The book update (one for the whole amendment).
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
    /// Decrement and transfer: the book update; else zero.
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
}

/// A mass cancel is complete: it ended so many orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MassCancelDone {
    /// How many orders ended.
    pub orders: u64,
}

/// A trade was undone in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeBusted {
    /// Which trade.
    pub trade_id: TradeId,
    /// Its price, as last corrected.
    pub price: Price,
    /// Its quantity, as last corrected.
    pub qty: Qty,
}

/// A trade was corrected in the ledger: the old one reversed, this one booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeCorrected {
    /// Which trade.
    pub trade_id: TradeId,
    /// Its price now.
    pub price: Price,
    /// Its quantity now.
    pub qty: Qty,
    /// The taker's fee now.
    pub taker_fee: Money,
    /// The maker's fee now.
    pub maker_fee: Money,
}

/// An asset became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AssetAdded {
    /// Its number.
    pub asset: AssetId,
    /// Its code.
    pub code: AssetCode,
}

/// An instrument became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentAdded {
    /// Its terms.
    pub spec: InstrumentSpec,
}

/// An instrument's terms changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentUpdated {
    /// Its terms now; its state is what it was.
    pub spec: InstrumentSpec,
}

/// An instrument entered another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentStateChanged {
    /// The state it left.
    pub old: InstrumentState,
    /// The state it entered.
    pub new: InstrumentState,
    /// Zero.
    pub reserved: [u8; 6],
}

/// An account became known, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AccountChanged {
    /// Its trade group; zero: none.
    pub trade_group: u32,
    /// Most live orders it may have; zero: no limit.
    pub max_open_orders: u32,
    /// Whether it may enter orders.
    pub state: AccountState,
    /// Zero.
    pub reserved: [u8; 7],
}

code! {
    /// Which way funds moved.
    FundsMovement {
        /// From outside.
        Deposit = 0 => "deposit",
        /// To outside.
        Withdraw = 1 => "withdraw",
        /// Between accounts.
        Transfer = 2 => "transfer",
    }
}

/// Funds moved. The header's account is the one that received (deposit) or gave (the others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FundsMoved {
    /// The movement's id.
    pub funding_id: u64,
    /// Of what.
    pub asset: AssetId,
    /// Transfer: who received; else [`AccountId::ALL`].
    pub counterparty: AccountId,
    /// How much.
    pub amount: Money,
    /// What the header's account has free now.
    pub free: Money,
    /// Which way.
    pub movement: FundsMovement,
    /// Zero.
    pub reserved: [u8; 7],
}

/// A movement of funds with this id was done before; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FundingRepeated {
    /// The movement's id.
    pub funding_id: u64,
}

/// Time passed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct TimeAdvanced {
    /// Zero.
    pub reserved: u64,
}

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
    /// Zero.
    pub reserved: u8,
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

/// How an instrument's orders are filled was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MatchingRulesSet {
    /// The rules, as they were set.
    pub rules: command::SetMatchingRules,
}

mod sealed {
    pub trait Sealed {}
}

/// A body that an event record can hold. Sealed: the kinds are those of [`Event`].
pub trait EventBody: IntoBytes + Immutable + Copy + sealed::Sealed {
    /// Which event it is.
    const KIND: Kind;
}

/// Defines the event enum, its kinds and its byte form.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal),+ $(,)?) => {
        code! {
            /// Which event a record holds.
            Kind {
                $($(#[$doc])* $name = $code => $text),+
            }
        }

        /// An event's body: what happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "plain records, never on the heap")]
        pub enum Event {
            $($(#[$doc])* $name($name)),+
        }

        $(
            impl sealed::Sealed for $name {}

            impl EventBody for $name {
                const KIND: Kind = Kind::$name;
            }

            impl From<$name> for Event {
                #[inline]
                fn from(body: $name) -> Self {
                    Self::$name(body)
                }
            }

            const _: () = assert!(EVENT_HEADER_SIZE + size_of::<$name>() <= RECORD_SIZE_MAX);
            const _: () = assert!(size_of::<$name>() % 8 == 0 && align_of::<$name>() <= 8);
        )+

        /// An event's body where it lies in a buffer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventRef<'a> {
            $($(#[$doc])* $name(&'a $name)),+
        }

        impl<'a> EventRef<'a> {
            /// The body as a value.
            pub const fn to_event(self) -> Event {
                match self {
                    $(Self::$name(body) => Event::$name(*body)),+
                }
            }

            /// The body that starts at `at`.
            ///
            /// # Safety
            /// `kind` is the code of an event whose body lies at `at`, valid and 8-byte aligned
            /// for `'a`.
            #[inline(always)]
            pub(crate) unsafe fn view(kind: u8, at: *const u64) -> Option<Self> {
                match kind {
                    // SAFETY: the caller's promise.
                    $($code => Some(Self::$name(unsafe { &*at.cast::<$name>() })),)+
                    _ => None,
                }
            }
        }

        impl Event {
            /// Which event it is.
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name),+
                }
            }

            #[inline]
            fn read(kind: u8, body: &[u8]) -> Result<Self, RecordError> {
                match kind {
                    $($code => read_body::<$name>(kind, body).map(Self::$name),)+
                    _ => Err(RecordError::Kind { kind }),
                }
            }
        }
    };
}

events! {
    /// An order was taken.
    OrderAccepted = 1 => "order_accepted",
    /// A command was denied.
    Denied = 2 => "denied",
    /// Two orders traded.
    Trade = 3 => "trade",
    /// The rest of an order rests.
    OrderRested = 4 => "order_rested",
    /// An iceberg shows its next slice.
    OrderReplenished = 5 => "order_replenished",
    /// An order ended unfilled.
    OrderEnded = 6 => "order_ended",
    /// An order was amended.
    OrderAmended = 7 => "order_amended",
    /// A self-trade was prevented.
    SelfTradePrevented = 8 => "self_trade_prevented",
    /// The answer to a query.
    OrderStatus = 9 => "order_status",
    /// A mass cancel is complete.
    MassCancelDone = 10 => "mass_cancel_done",
    /// A trade was undone.
    TradeBusted = 11 => "trade_busted",
    /// A trade was corrected.
    TradeCorrected = 12 => "trade_corrected",
    /// An asset became known.
    AssetAdded = 13 => "asset_added",
    /// An instrument became known.
    InstrumentAdded = 14 => "instrument_added",
    /// An instrument's terms changed.
    InstrumentUpdated = 15 => "instrument_updated",
    /// An instrument entered another state.
    InstrumentStateChanged = 16 => "instrument_state_changed",
    /// An account became known, or changed.
    AccountChanged = 17 => "account_changed",
    /// Funds moved.
    FundsMoved = 18 => "funds_moved",
    /// A movement of funds had been done before.
    FundingRepeated = 19 => "funding_repeated",
    /// Time passed.
    TimeAdvanced = 20 => "time_advanced",
    /// An order waits.
    OrderWaiting = 21 => "order_waiting",
    /// An order that waited is entered.
    OrderTriggered = 22 => "order_triggered",
    /// A list was taken.
    ListAccepted = 23 => "list_accepted",
    /// A list is over.
    ListEnded = 24 => "list_ended",
    /// A part of a command was handed in.
    Staged = 25 => "staged",
    /// How an instrument's orders are filled was set.
    MatchingRulesSet = 26 => "matching_rules_set",
}

impl Event {
    /// Reads the record at the front of `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] when the bytes are not one whole, known, well-formed record.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<(EventHeader, Self), RecordError> {
        let short = |needed| RecordError::Short { needed, available: bytes.len() };
        let head = bytes.get(..EVENT_HEADER_SIZE).ok_or(short(EVENT_HEADER_SIZE))?;
        let mut header = EventHeader::new_zeroed();
        header.as_mut_bytes().copy_from_slice(head);
        let length = usize::from(header.length);
        if !(EVENT_HEADER_SIZE..=RECORD_SIZE_MAX).contains(&length) || !length.is_multiple_of(8) {
            return Err(RecordError::Length { length });
        }
        let body = bytes.get(EVENT_HEADER_SIZE..length).ok_or(short(length))?;
        Ok((header, Self::read(header.kind, body)?))
    }
}
