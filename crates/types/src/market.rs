//! Market data in the venue-neutral form: what decoders produce, and what books apply.
//!
//! Aggregated books ("L2") come first: whole levels, with absolute quantities. Books by order
//! ("L3") follow: one operation per change of an order.

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

/// One change in a feed that publishes each order by itself ("L3").
///
/// Prices and quantities stay in the feed's own whole units, which [`FeedUnits`] converts: the
/// book compares and adds them by the million, and the compact form keeps it in the caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderOperation {
    /// The instrument, as the feed numbers it for the day (ITCH: stock locate).
    pub locate: u16,
    /// When, in nanoseconds since midnight of the feed's day.
    pub time_ns: u64,
    /// What happened.
    pub action: OrderAction,
}

/// What happened to an order, or was traded beside the displayed book.
///
/// A `reference` is the feed's number of a displayed order, unique within its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderAction {
    /// A new order rests at the end of its price's queue.
    Add {
        /// The new order.
        reference: u64,
        /// Its side.
        side: Side,
        /// Its quantity.
        qty: u32,
        /// Its price.
        price: u32,
    },
    /// An order traded at its own price.
    Execute {
        /// The order.
        reference: u64,
        /// How much traded.
        qty: u32,
        /// The trade.
        match_number: u64,
    },
    /// An order traded at another price than its own.
    ExecuteAt {
        /// The order.
        reference: u64,
        /// How much traded.
        qty: u32,
        /// The trade.
        match_number: u64,
        /// At what price.
        price: u32,
        /// Whether it counts in the volume. Executions that a later cross reports in bulk do not.
        printable: bool,
    },
    /// An order lost a part of its quantity and keeps its place.
    Cancel {
        /// The order.
        reference: u64,
        /// How much was taken off.
        qty: u32,
    },
    /// An order is gone.
    Delete {
        /// The order.
        reference: u64,
    },
    /// An order gave way to a new one of the same side, which queues anew.
    Replace {
        /// The order that is gone.
        reference: u64,
        /// The order in its stead.
        new_reference: u64,
        /// The new order's quantity.
        qty: u32,
        /// The new order's price.
        price: u32,
    },
    /// A trade with an order that was not displayed. It changes no book.
    Trade {
        /// The side of the order that was not displayed.
        side: Side,
        /// How much traded.
        qty: u32,
        /// At what price.
        price: u32,
        /// The trade.
        match_number: u64,
    },
    /// The result of a cross (an auction). It changes no book: executions were reported singly.
    Cross {
        /// How much traded.
        qty: u64,
        /// At what price.
        price: u32,
        /// The trade.
        match_number: u64,
    },
    /// A trade reported before is void. It changes no book.
    Break {
        /// The trade.
        match_number: u64,
    },
}

/// What one unit of a feed's prices and quantities is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FeedUnits {
    /// Units of [`Price`] (10^-8) in one unit of price.
    pub price: u32,
    /// Units of [`Qty`] (10^-8) in one unit of quantity.
    pub qty: u32,
}

impl FeedUnits {
    /// Nasdaq ITCH 5.0: prices with four decimals, whole shares.
    pub const ITCH: Self = Self { price: 10_000, qty: 100_000_000 };

    /// The price in 10^-8, at most [`Price::MAX`].
    #[inline]
    pub const fn price(self, price: u32) -> Price {
        let units = price as u64 * self.price as u64;
        Price::from_units(if units > i64::MAX as u64 { i64::MAX } else { units as i64 })
    }

    /// The quantity in 10^-8, at most [`Qty::MAX`].
    #[inline]
    pub const fn qty(self, qty: u64) -> Qty {
        Qty::from_units(qty.saturating_mul(self.qty as u64))
    }
}
