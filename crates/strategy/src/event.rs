//! What a strategy is told.

use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Price, Qty, Side, Timestamp, TradeId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// Levels of each side in a [`BookTick`].
pub const LEVELS: usize = 5;

/// In [`BookTick::flags`]: the levels are those of the past. What came since is not known: nothing is to be
/// quoted by them.
pub const STALE: u32 = 1;

/// A book has changed: 192 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct BookTick {
    /// When it was received; in a backtest, when it would have been.
    pub time: Timestamp,
    /// The venue's number of the update.
    pub update_id: u64,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// [`STALE`] or nothing.
    pub flags: u32,
    /// The highest bids, best first. Behind the last there is zero.
    pub bids: [Level; LEVELS],
    /// The lowest asks, best first. Behind the last there is zero.
    pub asks: [Level; LEVELS],
    /// The last trade's price; zero: none was seen.
    pub last_price: Price,
}

const _: () = assert!(size_of::<BookTick>() == 192);

impl BookTick {
    /// The best bid; zero where there is none.
    #[inline]
    pub const fn bid(&self) -> Level {
        self.bids[0]
    }

    /// The best ask; zero where there is none.
    #[inline]
    pub const fn ask(&self) -> Level {
        self.asks[0]
    }

    /// Whether it says what the book is now.
    #[inline]
    pub const fn is_live(&self) -> bool {
        self.flags & STALE == 0
    }
}

/// Somebody has traded: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeTick {
    /// When it was received.
    pub time: Timestamp,
    /// The venue's number of the trade.
    pub trade_id: TradeId,
    /// At which price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// The side that took liquidity.
    pub aggressor: Side,
    /// Zero.
    pub reserved: [u8; 3],
}

/// What has happened to an order of one's own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(u8)]
pub enum OrderUpdateKind {
    /// It did not leave: [`OrderUpdate::reason`] is the number of the risk denial.
    Denied = 0,
    /// The venue has it.
    Accepted = 1,
    /// The venue refused it.
    Rejected = 2,
    /// A part of it has traded, or all that was left.
    Filled = 3,
    /// It was cancelled.
    Cancelled = 4,
    /// It ended by its own terms.
    Expired = 5,
    /// It is changed.
    Replaced = 6,
    /// It was not cancelled.
    CancelRejected = 7,
    /// It was not changed.
    ReplaceRejected = 8,
    /// No answer came: what became of it is being asked for. Until then it counts as open.
    Unknown = 9,
    /// It was asked for, and stands as it is told here: nothing that was wanted of it before is on its way any more.
    Found = 10,
}

/// An order of one's own has changed: 80 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct OrderUpdate {
    /// When it was received.
    pub time: Timestamp,
    /// The strategy's own number of the order: [`Action::tag`](crate::Action::tag).
    pub tag: u64,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// What has happened.
    pub kind: OrderUpdateKind,
    /// Whether the order buys or sells.
    pub side: Side,
    /// Why, of what was denied.
    pub reason: u16,
    /// Its price.
    pub price: Price,
    /// Its quantity, what has traded included.
    pub qty: Qty,
    /// What may still trade. Zero: the order has ended, and its tag is free.
    pub open_qty: Qty,
    /// Of a fill: at which price.
    pub fill_price: Price,
    /// Of a fill: how much.
    pub fill_qty: Qty,
    /// What is owned of the instrument after it, in units of a quantity; negative: short.
    pub position: i64,
    /// Zero.
    pub reserved: u64,
}

const _: () = assert!(size_of::<OrderUpdate>() == 80);

/// What is owned of an instrument, told otherwise than by an order of one's own: 24 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PositionUpdate {
    /// When it was found.
    pub time: Timestamp,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Zero.
    pub reserved: u32,
    /// In units of a quantity; negative: short.
    pub position: i64,
}

const _: () = assert!(size_of::<PositionUpdate>() == 24);

/// A time has come that was asked for: 16 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct TimerTick {
    /// Now: not before the time that was asked for.
    pub time: Timestamp,
    /// Which timer: [`Action::tag`](crate::Action::tag).
    pub timer: u64,
}
