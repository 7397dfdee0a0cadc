//! Aggregated books: whole levels, from a snapshot and diffs.
//!
//! ```text
//!   DepthSnapshot --+
//!   DepthDiff ------+--> Synchroniser --> L2Book --> best, top levels, checksum
//!                          (start and gap rule)          |
//!   BestBidOffer -------------------------------> TickerAgreement
//! ```
//!
//! [`L2Book`] is the book alone; [`Synchroniser`] keeps one true to the venue's update numbers,
//! and shows it only while it is. [`Ladder`] is one side of a book, for who has other rules.

mod agreement;
mod half;
mod ladder;
mod pending;
mod synchroniser;
mod window;

use core::fmt;

use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Side};
use xxhash_rust::xxh3::Xxh3Default;
use zerocopy::IntoBytes;

pub use agreement::{Disagreement, TickerAgreement, TradeContinuity};
use half::HalfBook;
pub use ladder::{Full, Ladder};
pub use synchroniser::{
    Counts, DiffOutcome, SnapshotOutcome, State, Synchroniser, SynchroniserLimits,
};
use thiserror::Error;

/// Something that shows a book to be wrong, or no longer to be kept right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Anomaly {
    /// Updates are missing between the book and a diff.
    #[error("updates {expected} to {} are missing", first - 1)]
    Gap {
        /// The update that should have been next.
        expected: u64,
        /// The first update of the diff that came.
        first: u64,
    },
    /// A diff that ends before it begins.
    #[error("a diff from update {first} back to {last}")]
    Reversed {
        /// The first update that it says it covers.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// The best bid is not below the best ask.
    #[error("the book is crossed: bid {bid}, ask {ask}")]
    Crossed {
        /// The best bid.
        bid: Price,
        /// The best ask.
        ask: Price,
    },
    /// A snapshot whose levels are not in strict order from the best on.
    #[error("the snapshot's {side} side is out of order at {price}")]
    Unordered {
        /// Which side.
        side: Side,
        /// The level that should have come earlier.
        price: Price,
    },
    /// More levels on one side than the book was made for.
    #[error("more than {limit} levels on the {side} side")]
    LevelLimit {
        /// Which side.
        side: Side,
        /// The most levels allowed.
        limit: usize,
    },
    /// More diffs before a snapshot than the synchroniser was made for.
    #[error("the buffer of diffs before a snapshot overflowed")]
    PendingLimit,
}

impl Anomaly {
    /// A stable code for logs and counters.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Reversed { .. } => "reversed_diff",
            Self::Crossed { .. } => "crossed",
            Self::Unordered { .. } => "unordered_snapshot",
            Self::LevelLimit { .. } => "level_limit",
            Self::PendingLimit => "pending_limit",
        }
    }
}

/// The aggregated book of one instrument.
///
/// It applies what it is given; whether that is complete is for a [`Synchroniser`] to know. After
/// an error it holds a part of the change and has to be loaded anew; but behind a
/// [`finish`](Self::finish) that finds it crossed it holds all of it, and may go on.
#[derive(Clone)]
pub struct L2Book {
    bids: HalfBook<true>,
    asks: HalfBook<false>,
    update_id: u64,
    levels_limit: usize,
}

impl L2Book {
    /// An empty book for at most `levels_limit` levels a side: allocated now, and never later.
    pub fn new(levels_limit: usize) -> Self {
        Self::of_step(levels_limit, Price::ZERO)
    }

    /// The same, of prices that are multiples of this step, as they are at its venue: the levels near the touch are
    /// then found without a search. A level between two steps is kept too. What it held is forgotten.
    #[must_use]
    pub fn with_price_step(self, price_step: Price) -> Self {
        Self::of_step(self.levels_limit, price_step)
    }

    fn of_step(levels_limit: usize, step: Price) -> Self {
        let (bids, asks) = (HalfBook::new(levels_limit, step), HalfBook::new(levels_limit, step));
        Self { bids, asks, update_id: 0, levels_limit }
    }

    /// Removes all levels.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.update_id = 0;
    }

    /// Replaces all by a snapshot.
    ///
    /// # Errors
    /// [`Anomaly::Unordered`], [`Anomaly::LevelLimit`] or [`Anomaly::Crossed`].
    pub fn load(&mut self, snapshot: &DepthSnapshot<'_>) -> Result<(), Anomaly> {
        self.update_id = snapshot.last_update_id;
        let limit = self.levels_limit;
        let error = |side, loaded: Result<Result<(), Full>, Price>| match loaded {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Full)) => Err(Anomaly::LevelLimit { side, limit }),
            Err(price) => Err(Anomaly::Unordered { side, price }),
        };
        error(Side::Buy, self.bids.load(snapshot.bids))?;
        error(Side::Sell, self.asks.load(snapshot.asks))?;
        self.check_crossed()
    }

    /// Applies a diff: quantities are absolute, zero removes the level.
    ///
    /// # Errors
    /// [`Anomaly::LevelLimit`] or [`Anomaly::Crossed`].
    #[inline]
    pub fn apply(&mut self, diff: &DepthDiff<'_>) -> Result<(), Anomaly> {
        self.change(diff.bids, diff.asks)?;
        self.finish(diff.last_update_id)
    }

    /// Sets levels of an update that comes in parts: the book may be crossed until it is
    /// [finished](Self::finish).
    ///
    /// # Errors
    /// [`Anomaly::LevelLimit`].
    #[inline]
    pub fn change(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Anomaly> {
        let limit = self.levels_limit;
        let full = |side| move |_| Anomaly::LevelLimit { side, limit };
        self.bids.set_all(bids.iter().copied()).map_err(full(Side::Buy))?;
        self.asks.set_all(asks.iter().copied()).map_err(full(Side::Sell))
    }

    /// The update is whole.
    ///
    /// # Errors
    /// [`Anomaly::LevelLimit`] or [`Anomaly::Crossed`].
    #[inline]
    pub fn finish(&mut self, update_id: u64) -> Result<(), Anomaly> {
        self.update_id = update_id;
        let limit = self.levels_limit;
        let full = |side| move |_| Anomaly::LevelLimit { side, limit };
        self.bids.settle().map_err(full(Side::Buy))?;
        self.asks.settle().map_err(full(Side::Sell))?;
        self.check_crossed()
    }

    #[inline]
    fn check_crossed(&self) -> Result<(), Anomaly> {
        match (self.bids.best(), self.asks.best()) {
            (Some(bid), Some(ask)) if bid.price >= ask.price => {
                Err(Anomaly::Crossed { bid: bid.price, ask: ask.price })
            }
            _ => Ok(()),
        }
    }

    /// The last update that the book holds.
    #[inline]
    pub const fn update_id(&self) -> u64 {
        self.update_id
    }

    /// The highest bid.
    #[inline]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The lowest ask.
    #[inline]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// Both best levels, zero where a side is empty.
    #[inline]
    pub fn best(&self) -> BestBidOffer {
        BestBidOffer {
            update_id: self.update_id,
            bid: self.best_bid().unwrap_or_default(),
            ask: self.best_ask().unwrap_or_default(),
        }
    }

    /// The best levels of a side, best first, as many as there is room for. How many they are.
    #[inline]
    pub fn top(&self, side: Side, into: &mut [Level]) -> usize {
        match side {
            Side::Buy => self.bids.top(into),
            Side::Sell => self.asks.top(into),
        }
    }

    /// The levels of a side, the best first.
    #[inline]
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let (bids, asks) = match side {
            Side::Buy => (Some(self.bids.iter()), None),
            Side::Sell => (None, Some(self.asks.iter())),
        };
        bids.into_iter().flatten().chain(asks.into_iter().flatten())
    }

    /// How many levels a side has.
    #[inline]
    pub const fn depth(&self, side: Side) -> usize {
        match side {
            Side::Buy => self.bids.len(),
            Side::Sell => self.asks.len(),
        }
    }

    /// What rests at a price: zero when nothing does.
    pub fn qty_at(&self, side: Side, price: Price) -> Qty {
        match side {
            Side::Buy => self.bids.qty_at(price),
            Side::Sell => self.asks.qty_at(price),
        }
    }

    /// A checksum of the best `count` levels of each side, to compare two books of one
    /// instrument.
    ///
    /// XXH3 (64 bits, seed 0) over, for bids and then for asks: the number of levels as a
    /// little-endian `u64`, then of each level, best first, price and quantity in units of 10^-8
    /// as little-endian 64-bit integers. The update id is not part of it.
    pub fn checksum(&self, count: usize) -> u64 {
        let mut hash = Xxh3Default::new();
        for side in [Side::Buy, Side::Sell] {
            hash.update(&(self.depth(side).min(count) as u64).to_le_bytes());
            for level in self.levels(side).take(count) {
                hash.update(level.as_bytes());
            }
        }
        hash.digest()
    }
}

impl fmt::Debug for L2Book {
    /// The ten best levels of each side.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L2Book")
            .field("update_id", &self.update_id)
            .field("bids", &self.levels(Side::Buy).take(10).collect::<Vec<_>>())
            .field("asks", &self.levels(Side::Sell).take(10).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
