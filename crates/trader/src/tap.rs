//! What feeds took, in the order in which books have it, for who carries it on: a recorder.
//!
//! A trader has none, and pays a look at an empty place for it.

use tiercel_types::market::{BestBidOffer, DepthDiff, MarketTrade};
use tiercel_types::{InstrumentId, Timestamp};
use tiercel_wire::market::{Header, RECORD_SIZE};

use crate::market::Market;

/// Something that a feed took.
#[derive(Clone, Copy, Debug)]
pub enum Tapped<'a> {
    /// What the instrument's venue calls it.
    Number(InstrumentId),
    /// A record of the venue's own market data, as it came. The book takes it next.
    Record(&'a Header, &'a [u8; RECORD_SIZE]),
    /// Levels that the book has taken.
    Diff(&'a DepthDiff<'a>),
    /// The book was made anew.
    Anew,
    /// Best prices that are newer than the book.
    Best(&'a BestBidOffer),
    /// A trade.
    Trade(&'a MarketTrade),
    /// A message of the Binance interface, as it came, and its number among those of its kind: the other connection
    /// may tell the same.
    Text(TextKind, u64, &'a [u8]),
    /// What is known is of the past.
    Stale,
    /// The last connection that tells of it is gone: the next may count its messages anew.
    Down,
}

/// What a message of the Binance interface tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// Changed levels: its number is that of the last update.
    Depth,
    /// A trade: its number.
    Trade,
    /// Best prices: the number of their update.
    Best,
}

/// Who is told.
pub trait Tap: Send {
    /// A feed took something.
    fn take(&mut self, now: Timestamp, instrument: InstrumentId, what: &Tapped<'_>);

    /// Time has passed.
    fn tick(&mut self, now: Timestamp, markets: &[Market]);

    /// Nothing comes any more.
    fn end(&mut self, now: Timestamp);

    /// Why it can carry on nothing any more, if so.
    fn fault(&mut self) -> Option<String>;
}
