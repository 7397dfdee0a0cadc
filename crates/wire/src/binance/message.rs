//! Decoded messages.

use tiercel_types::Timestamp;
use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, Level, MarketTrade};

/// A decoded message, with the combined stream's name if it came wrapped in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The stream's name, such as `btcusdt@depth@100ms`; none for a raw message.
    pub stream: Option<&'a str>,
    /// The message.
    pub message: Message<'a>,
}

impl<'a> Decoded<'a> {
    /// The message with the levels that were left in a decoder's buffers.
    #[inline(always)]
    pub(super) fn with_levels(mut self, bids: &'a [Level], asks: &'a [Level]) -> Self {
        match &mut self.message {
            Message::Depth(update) => (update.diff.bids, update.diff.asks) = (bids, asks),
            Message::Snapshot(snapshot) => (snapshot.bids, snapshot.asks) = (bids, asks),
            Message::Trade(_) | Message::AggregateTrade(_) | Message::BookTicker(_) => {}
        }
        self
    }
}

/// One market-data message. Texts and levels are borrowed from the message and the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// `depthUpdate`: what changed in an aggregated book.
    Depth(DepthUpdate<'a>),
    /// `trade`.
    Trade(Trade<'a>),
    /// `aggTrade`: the trades of one taker order at one price.
    AggregateTrade(AggregateTrade<'a>),
    /// `bookTicker`: the best bid and offer.
    BookTicker(BookTicker<'a>),
    /// The answer of REST `depth`, or a message of a partial depth stream. Neither says its
    /// symbol; a partial depth message that came wrapped has it in the stream's name.
    Snapshot(DepthSnapshot<'a>),
}

/// A `depthUpdate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthUpdate<'a> {
    /// `E`: when the venue sent it.
    pub event_time: Timestamp,
    /// `s`: of which symbol.
    pub symbol: &'a str,
    /// `U`, `u`, `b` and `a`.
    pub diff: DepthDiff<'a>,
}

/// A `trade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade<'a> {
    /// `E`: when the venue sent it.
    pub event_time: Timestamp,
    /// `s`: of which symbol.
    pub symbol: &'a str,
    /// `t`, `p`, `q`, `T`, and `m` as the aggressor's side.
    pub trade: MarketTrade,
}

/// An `aggTrade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateTrade<'a> {
    /// `E`: when the venue sent it.
    pub event_time: Timestamp,
    /// `s`: of which symbol.
    pub symbol: &'a str,
    /// `a` (in place of the trade's id), `p`, `q`, `T`, and `m` as the aggressor's side.
    pub trade: MarketTrade,
    /// `f`: the id of the first trade.
    pub first_trade_id: u64,
    /// `l`: the id of the last trade.
    pub last_trade_id: u64,
}

/// A `bookTicker`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookTicker<'a> {
    /// `s`: of which symbol.
    pub symbol: &'a str,
    /// `u`, `b`, `B`, `a` and `A`.
    pub best: BestBidOffer,
}

/// What the venue's times count. Chosen by the client with `timeUnit` when it connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeUnit {
    /// Milliseconds: the venue's default.
    #[default]
    Millisecond,
    /// Microseconds: `timeUnit=MICROSECOND`.
    Microsecond,
}

impl TimeUnit {
    /// Nanoseconds in one unit.
    pub const fn nanoseconds(self) -> u64 {
        match self {
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
        }
    }
}
