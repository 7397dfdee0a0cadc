//! Market data of the Binance interface: combined streams over a WebSocket (`docs/trading.md`).
//!
//! ```text
//!   line A --diffs, best prices, trades--+--> Numbered book --> Core
//!   line B --the same -------------------+      ^  what the other line told already drops out by its number
//!   clerk --snapshots---------------------------+  asked for while the book is not the venue's
//! ```
//!
//! A gap, a crossed book or another anomaly makes the market stale until a new snapshot; so does the loss of the last
//! line. A line that is silent too long, or too old, is ended, and another made: with two lines the book goes on.

use thiserror::Error;
use tiercel_book::l2::{DiffOutcome, SnapshotOutcome};
use tiercel_execution::venue::VenueId;
use tiercel_types::market::{BestBidOffer, DepthDiff, DepthSnapshot, MarketTrade};
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::binance::{DecodeError, DecodeErrorKind, Decoder, Message};

use crate::clerk::Errand;
use crate::core::Core;
use crate::market::{Numbered, SnapshotAsked};
use crate::recording::Input;
use crate::tap::{Tapped, TextKind};
use crate::timing::Stage;
use crate::websocket::{Handover, Link, LinkFault, StreamOptions};

/// How soon a snapshot is asked for again that did not come.
const SNAPSHOT_PATIENCE_NS: u64 = 5_000_000_000;
/// How soon another is asked for behind one that was of no use; doubled each time, up to 6.4 s. Each has the weight of
/// fifty questions, and a book that is crossed, as in a call for an auction, stays so for a while.
const SNAPSHOT_AGAIN_NS: u64 = 200_000_000;
/// How often that is doubled.
const SNAPSHOT_DOUBLINGS_MAX: u32 = 5;

/// Why a line ends: another begins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BinanceFault {
    /// The connection's.
    #[error("{0}")]
    Link(#[from] LinkFault),
    /// A message that cannot be read.
    #[error("a message that cannot be read: {0}")]
    Decode(#[from] DecodeError),
}

/// One line of a venue's streams.
pub struct BinanceFeed {
    venue: VenueId,
    wanted: Vec<(Symbol, InstrumentId)>,
    decoder: Decoder,
    link: Link,
    errands: Vec<Errand>,
}

/// Path and query of the streams of these symbols.
pub fn path(symbols: impl IntoIterator<Item = Symbol>) -> String {
    let streams: Vec<String> = symbols
        .into_iter()
        .map(|symbol| {
            let name = symbol.as_str().to_ascii_lowercase();
            format!("{name}@depth@100ms/{name}@trade/{name}@bookTicker")
        })
        .collect();
    format!("/stream?streams={}", streams.join("/"))
}

impl BinanceFeed {
    /// A line of these instruments, whose endpoint has their streams' [`path`].
    pub fn new(
        venue: VenueId,
        wanted: Vec<(Symbol, InstrumentId)>,
        options: StreamOptions,
    ) -> Self {
        Self {
            venue,
            errands: Vec::with_capacity(wanted.len()),
            wanted,
            decoder: Decoder::default(),
            link: Link::new(options),
        }
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Whether there is a connection.
    pub const fn is_up(&self) -> bool {
        self.link.is_open()
    }

    /// What the clerk is to be asked. The caller takes it away.
    pub const fn errands(&mut self) -> &mut Vec<Errand> {
        &mut self.errands
    }

    /// Bytes to send. The caller takes them away.
    #[inline]
    pub fn output(&mut self) -> &mut Vec<u8> {
        self.link.output()
    }

    /// There is a connection.
    ///
    /// # Errors
    /// [`BinanceFault`], of what came with it.
    pub fn connected(
        &mut self,
        now: Timestamp,
        handover: Handover,
        core: &mut Core,
    ) -> Result<(), BinanceFault> {
        self.link.connected(now, handover);
        up(&self.wanted, core);
        self.received(now, &[], core).map(|_| ())
    }

    /// The connection is gone: with the last one, what is known is of the past.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        if !self.link.is_open() {
            return;
        }
        self.link.closed();
        down(now, &self.wanted, core);
    }

    /// Says goodbye.
    pub fn log_out(&mut self) {
        self.link.close();
    }

    /// Time has passed: asks for the snapshots that are needed.
    ///
    /// # Errors
    /// [`BinanceFault`]: the connection is to be ended.
    pub fn tick(&mut self, now: Timestamp, core: &mut Core) -> Result<(), BinanceFault> {
        if !self.link.is_open() {
            return Ok(());
        }
        for (_, instrument) in &self.wanted {
            let market = core.market_mut(*instrument);
            let Some(book) = market.and_then(|market| market.numbered_mut()) else { continue };
            // Where the venue's budget is used up, one may wait for long: a second would not come sooner.
            let is_due = book.asked == SnapshotAsked::Not && now >= book.snapshot_due;
            if is_due && !book.is_synchronised() {
                book.snapshot_due = Timestamp(now.0.saturating_add(SNAPSHOT_PATIENCE_NS));
                book.asked = SnapshotAsked::Waits;
                self.errands.push(Errand::Snapshot(*instrument));
            }
        }
        Ok(self.link.check(now)?)
    }

    /// Bytes have come: takes all messages that are whole, and returns how many bytes they were.
    ///
    /// # Errors
    /// [`BinanceFault`]: the connection is to be ended.
    #[inline]
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<usize, BinanceFault> {
        let Self { wanted, decoder, link, .. } = self;
        link.received(now, bytes, |text| take(now, text, wanted, decoder, core))
    }

    /// A message has come, of a connection that is recorded.
    ///
    /// # Errors
    /// [`BinanceFault`]: the connection ended then.
    pub fn message(
        &mut self,
        now: Timestamp,
        text: &[u8],
        core: &mut Core,
    ) -> Result<(), BinanceFault> {
        core.timing.begin();
        take(now, text, &self.wanted, &mut self.decoder, core)
    }
}

/// A line of these instruments is there.
pub(super) fn up(wanted: &[(Symbol, InstrumentId)], core: &mut Core) {
    for (_, instrument) in wanted {
        let market = core.market_mut(*instrument);
        if let Some(book) = market.and_then(|market| market.numbered_mut()) {
            book.feed_up();
        }
    }
}

/// A line of these instruments is gone: with the last one, what is known is of the past.
pub(super) fn down(now: Timestamp, wanted: &[(Symbol, InstrumentId)], core: &mut Core) {
    for (_, instrument) in wanted {
        let market = core.market_mut(*instrument);
        let Some(book) = market.and_then(|market| market.numbered_mut()) else { continue };
        if book.feed_down() {
            core.stale(now, *instrument);
            core.tap(now, *instrument, &Tapped::Down);
        }
    }
}

/// Takes one message.
///
/// # Errors
/// [`BinanceFault`]: it cannot be read.
#[inline]
pub(super) fn take(
    now: Timestamp,
    text: &[u8],
    wanted: &[(Symbol, InstrumentId)],
    decoder: &mut Decoder,
    core: &mut Core,
) -> Result<(), BinanceFault> {
    core.arrives(now, &Input::Text(text));
    let message = match decoder.decode(text) {
        Ok(decoded) => decoded.message,
        // An answer to a subscription, or what the venue tells of itself.
        Err(error)
            if matches!(
                error.kind,
                DecodeErrorKind::UnknownEvent | DecodeErrorKind::UnknownMessage
            ) =>
        {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    core.timing.mark(Stage::Parse);
    let of = |symbol: &str| {
        wanted.iter().find(|(name, _)| name.as_str() == symbol).map(|(_, instrument)| *instrument)
    };
    match message {
        Message::Depth(update) => {
            if let Some(instrument) = of(update.symbol) {
                let told = Tapped::Text(TextKind::Depth, update.diff.last_update_id, text);
                core.tap(now, instrument, &told);
                take_diff(now, instrument, &update.diff, core);
            }
        }
        Message::Trade(trade) => {
            if let Some(instrument) = of(trade.symbol) {
                let told = Tapped::Text(TextKind::Trade, trade.trade.trade_id.0, text);
                core.tap(now, instrument, &told);
                take_trade(now, instrument, &trade.trade, core);
            }
        }
        Message::BookTicker(ticker) => {
            if let Some(instrument) = of(ticker.symbol) {
                let told = Tapped::Text(TextKind::Best, ticker.best.update_id, text);
                core.tap(now, instrument, &told);
                take_best(now, instrument, &ticker.best, core);
            }
        }
        Message::AggregateTrade(_) | Message::Snapshot(_) => {}
    }
    Ok(())
}

#[inline]
fn take_diff(now: Timestamp, instrument: InstrumentId, diff: &DepthDiff<'_>, core: &mut Core) {
    let market = core.market_mut(instrument);
    let Some(book) = market.and_then(|market| market.numbered_mut()) else { return };
    match book.synchroniser.on_diff(diff) {
        Ok(DiffOutcome::Applied) => {
            book.snapshots_refused = 0;
            let best_update_id = book.best_update_id;
            core.tap(now, instrument, &Tapped::Diff(diff));
            if diff.last_update_id < best_update_id {
                // Of best prices the newer are known.
                core.heard(now, instrument);
            } else {
                core.book_changed(now, instrument);
            }
        }
        Ok(DiffOutcome::Kept | DiffOutcome::Stale) => core.heard(now, instrument),
        Err(_) => {
            // At once, unless a snapshot was asked for a moment ago.
            let due = book.snapshot_due;
            book.snapshot_due = due.min(snapshot_again(now, book));
            core.stale(now, instrument);
        }
    }
}

#[inline]
fn take_trade(now: Timestamp, instrument: InstrumentId, trade: &MarketTrade, core: &mut Core) {
    let market = core.market_mut(instrument);
    let Some(book) = market.and_then(|market| market.numbered_mut()) else { return };
    if trade.trade_id <= book.last_trade {
        return core.heard(now, instrument);
    }
    book.last_trade = trade.trade_id;
    core.tap(now, instrument, &Tapped::Trade(trade));
    core.traded(now, instrument, trade);
}

/// Best prices count while the book is the venue's, and are newer than it.
#[inline]
fn take_best(now: Timestamp, instrument: InstrumentId, best: &BestBidOffer, core: &mut Core) {
    let market = core.market_mut(instrument);
    let Some(book) = market.and_then(|market| market.numbered_mut()) else { return };
    let held = book.synchroniser.book().map(tiercel_book::l2::L2Book::update_id);
    if held.is_some_and(|held| best.update_id > held.max(book.best_update_id)) {
        book.best_update_id = best.update_id;
        core.tap(now, instrument, &Tapped::Best(best));
        core.best_changed(now, instrument, best);
    } else {
        core.heard(now, instrument);
    }
}

/// When another snapshot is asked for behind one that was of no use, or did not last.
#[cold]
fn snapshot_again(now: Timestamp, book: &mut Numbered) -> Timestamp {
    let wait_ns = SNAPSHOT_AGAIN_NS << book.snapshots_refused.min(SNAPSHOT_DOUBLINGS_MAX);
    book.snapshots_refused = book.snapshots_refused.saturating_add(1);
    Timestamp(now.0.saturating_add(wait_ns))
}

/// The snapshot that was asked for is there, or does not come. Whether it may be [taken](take_snapshot).
pub fn snapshot_answered(instrument: InstrumentId, core: &mut Core) -> bool {
    let market = core.market_mut(instrument);
    let Some(book) = market.and_then(|market| market.numbered_mut()) else { return false };
    core::mem::replace(&mut book.asked, SnapshotAsked::Not) == SnapshotAsked::Waits
}

/// A snapshot that was asked for is there.
pub fn take_snapshot(
    now: Timestamp,
    instrument: InstrumentId,
    snapshot: &DepthSnapshot<'_>,
    core: &mut Core,
) {
    let market = core.market_mut(instrument);
    let Some(book) = market.and_then(|market| market.numbered_mut()) else { return };
    // It was asked for a connection that is gone.
    if book.feeds == 0 {
        return;
    }
    match book.synchroniser.on_snapshot(snapshot) {
        Ok(SnapshotOutcome::Adopted { .. }) => {
            book.best_update_id = 0;
            core.tap(now, instrument, &Tapped::Anew);
            core.book_changed(now, instrument);
        }
        Ok(SnapshotOutcome::Stale) => {}
        Ok(SnapshotOutcome::TooOld { .. }) | Err(_) => {
            book.snapshot_due = snapshot_again(now, book);
            core.stale(now, instrument);
        }
    }
}
