//! Market data in the venue-neutral form: what decoders produce, and what books apply.
//!
//! Aggregated books ("L2") come first: whole levels, with absolute quantities.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Price, Qty, Side, Timestamp, TradeId};

/// All that rests at one price.
///
/// In a change to a book the quantity is absolute: it replaces what was there, and zero removes
/// the level.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// The sum of the open quantities at it.
    pub qty: Qty,
}

/// The levels of an aggregated book that changed between two of its updates.
///
/// Updates are numbered by the venue; a diff covers `first_update_id..=last_update_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthDiff<'a> {
    /// The first update that the diff covers.
    pub first_update_id: u64,
    /// The last update that the diff covers: the book's update id once it is applied.
    pub last_update_id: u64,
    /// Changed bids, in the order of the message.
    pub bids: &'a [Level],
    /// Changed asks, in the order of the message.
    pub asks: &'a [Level],
}

/// An aggregated book as of one update, down to some depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthSnapshot<'a> {
    /// The last update that the snapshot holds.
    pub last_update_id: u64,
    /// Bids, best (highest) first.
    pub bids: &'a [Level],
    /// Asks, best (lowest) first.
    pub asks: &'a [Level],
}

/// The best bid and the best offer. A side without orders has price and quantity zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BestBidOffer {
    /// The update as of which this holds.
    pub update_id: u64,
    /// The highest bid.
    pub bid: Level,
    /// The lowest ask.
    pub ask: Level,
}

/// A trade, as printed to the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MarketTrade {
    /// Its id, counted per instrument.
    pub trade_id: TradeId,
    /// At what price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// When it was matched.
    pub time: Timestamp,
    /// The side of the order that came second and took liquidity.
    pub aggressor: Side,
}
