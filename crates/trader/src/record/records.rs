//! What feeds took, as records of 64 bytes that anyone may join at any time.
//!
//! ```text
//!   Tapped: records as they came --renumbered--+
//!           diffs, trades, best prices --------+--> RecordSink: a bus, a file
//!           whole books, now and then ---------+
//! ```
//!
//! There is no way back: a reader cannot ask. So every book is told whole now and then, and as soon as it is whole
//! again behind an `interrupted`.

use tiercel_book::l2::L2Book;
use tiercel_types::market::{BestBidOffer, DepthDiff, Level, MarketTrade};
use tiercel_types::{InstrumentId, Price, Qty, Side, Symbol, Timestamp};
use tiercel_wire::market::{
    self, Best, BodyRecord, Depth, Header, Heartbeat, Instrument, Interrupted, Interruption, Kind,
    RECORD_SIZE, SNAPSHOT, Trade, Update,
};

use crate::market::{Market, MarketState};
use crate::tap::{Tap, Tapped};

/// A heartbeat follows so long a silence.
const HEARTBEAT_NS: u64 = 100_000_000;

/// Where records go.
pub trait RecordSink: Send {
    /// Puts a record, which `fill` writes in place.
    ///
    /// # Errors
    /// Why it cannot be put, in words.
    fn put(&mut self, kind: u8, fill: impl FnOnce(&mut [u8; RECORD_SIZE])) -> Result<(), String>;

    /// Time has passed. Whether what comes next begins something new, which every book is to be told in.
    ///
    /// # Errors
    /// Why nothing can be put any more, in words.
    fn is_to_begin(&mut self, now: Timestamp) -> Result<bool, String>;

    /// Nothing comes any more.
    ///
    /// # Errors
    /// What was put and is lost, in words.
    fn end(&mut self) -> Result<(), String>;
}

/// An instrument that is told of.
struct Own {
    symbol: Symbol,
    tick: Price,
    lot: Qty,
    /// What it is called in records.
    number: InstrumentId,
    /// Whether a reader that was there from the start has its book.
    is_told: bool,
    /// An update has begun and is not over.
    is_open: bool,
    /// When its book is told again.
    book_at: Timestamp,
}

/// Numbers records and puts them into a sink.
struct Out<S> {
    sink: S,
    next: u64,
    put_at: Timestamp,
    fault: Option<String>,
}

impl<S: RecordSink> Out<S> {
    #[inline]
    fn put(&mut self, kind: u8, now: Timestamp, fill: impl FnOnce(&mut [u8; RECORD_SIZE], u64)) {
        if self.fault.is_some() {
            return;
        }
        let number = self.next;
        match self.sink.put(kind, |slot| fill(slot, number)) {
            Ok(()) => (self.next, self.put_at) = (number + 1, now),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn put_body<B: BodyRecord>(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        flags: u8,
        body: &B,
    ) {
        self.put(B::KIND as u8, now, |slot, number| {
            *slot = market::record(instrument, number, flags, body);
        });
    }

    fn put_update(
        &mut self,
        now: Timestamp,
        update: &Update,
        levels: impl Iterator<Item = (Side, Level)>,
    ) {
        market::depth_records(update, levels, |header: Header, depth: Depth| {
            self.put(header.kind, now, |slot, number| {
                market::encode(&Header { sequence: number, ..header }, &depth, slot);
            });
        });
    }

    fn put_interrupted(&mut self, now: Timestamp, instrument: InstrumentId, reason: Interruption) {
        let body = Interrupted { time: now, reason, reserved: [0; 39] };
        self.put_body(now, instrument, 0, &body);
    }
}

/// Tells of a venue's instruments.
pub struct RecordsTap<S> {
    out: Out<S>,
    /// By the recorder's number; none: of another venue.
    owned: Vec<Option<Own>>,
    book_interval_ns: u64,
}

impl<S: RecordSink> RecordsTap<S> {
    /// Tells of these instruments, by their number: the others are of other venues. Until the venue says otherwise
    /// they are numbered from 1. What a writer before has left is of the past.
    pub fn new(
        now: Timestamp,
        sink: S,
        instruments: impl IntoIterator<Item = Option<(Symbol, Price, Qty)>>,
        book_interval_ns: u64,
    ) -> Self {
        let mut number = 0;
        let own = |instrument: Option<(Symbol, Price, Qty)>| {
            let (symbol, tick, lot) = instrument?;
            number += 1;
            let number = InstrumentId(number);
            let book_at = Timestamp(0);
            Some(Own { symbol, tick, lot, number, is_told: false, is_open: false, book_at })
        };
        let owned = instruments.into_iter().map(own).collect();
        let mut out = Out { sink, next: 1, put_at: now, fault: None };
        out.put_interrupted(now, InstrumentId(0), Interruption::SourceLost);
        Self { out, owned, book_interval_ns }
    }
}

impl<S: RecordSink> Tap for RecordsTap<S> {
    #[inline]
    fn take(&mut self, now: Timestamp, instrument: InstrumentId, what: &Tapped<'_>) {
        let Self { out, owned, .. } = self;
        let Some(own) = owned.get_mut(instrument.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        match *what {
            Tapped::Number(number) => own.number = number,
            Tapped::Record(header, record) => take_record(now, own, header, record, out),
            Tapped::Anew | Tapped::Stale => lose(now, own, Interruption::SourceLost, out),
            Tapped::Diff(diff) if own.is_told => take_diff(now, own.number, diff, out),
            Tapped::Best(best) if own.is_told => take_best(now, own.number, best, out),
            Tapped::Trade(trade) if own.is_told => take_trade(now, own.number, trade, out),
            // Who has no book yet has no use for the rest; texts are another's.
            Tapped::Diff(_)
            | Tapped::Best(_)
            | Tapped::Trade(_)
            | Tapped::Text(..)
            | Tapped::Down => {}
        }
    }

    fn tick(&mut self, now: Timestamp, markets: &[Market]) {
        let Self { out, owned, book_interval_ns } = self;
        match out.sink.is_to_begin(now) {
            Ok(false) => {}
            Ok(true) => owned.iter_mut().flatten().for_each(|own| own.is_told = false),
            Err(fault) => out.fault = Some(fault),
        }
        // Of those that are told again, one at a time: what is new does not wait for all of them.
        let mut has_repeated = false;
        for (own, market) in owned.iter_mut().zip(markets) {
            let Some(own) = own else { continue };
            let is_due = !own.is_told || (now >= own.book_at && !has_repeated);
            let book = market.book.levels().filter(|_| market.state() == MarketState::Live);
            if let Some(book) = book
                && is_due
                && !own.is_open
            {
                has_repeated |= own.is_told;
                own.is_told = true;
                own.book_at = Timestamp(now.0.saturating_add(*book_interval_ns));
                put_book(now, own, book, out);
            }
        }
        if now.0.saturating_sub(out.put_at.0) >= HEARTBEAT_NS {
            let body = Heartbeat { time: now, reserved: [0; 40] };
            out.put_body(now, InstrumentId(0), 0, &body);
        }
    }

    fn end(&mut self, now: Timestamp) {
        self.out.put_interrupted(now, InstrumentId(0), Interruption::SourceLost);
        if let Err(fault) = self.out.sink.end() {
            self.out.fault.get_or_insert(fault);
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.out.fault.clone()
    }
}

/// Readers have the instrument's book no more.
#[cold]
fn lose<S: RecordSink>(now: Timestamp, own: &mut Own, reason: Interruption, out: &mut Out<S>) {
    if core::mem::take(&mut own.is_told) {
        out.put_interrupted(now, own.number, reason);
    }
}

#[inline]
fn take_record<S: RecordSink>(
    now: Timestamp,
    own: &mut Own,
    header: &Header,
    record: &[u8; RECORD_SIZE],
    out: &mut Out<S>,
) {
    if header.kind == Kind::Depth as u8 {
        own.is_open = !header.is_last();
        if header.begins() {
            lose(now, own, Interruption::Gap, out);
        }
    }
    // Snapshots are told by themselves, and so are losses.
    let is_said = [Kind::Instrument as u8, Kind::Interrupted as u8].contains(&header.kind);
    if own.is_told && !header.is_snapshot() && !is_said {
        out.put(header.kind, now, |slot, number| {
            *slot = *record;
            market::renumber(slot, number);
        });
    }
}

#[inline]
fn take_diff<S: RecordSink>(
    now: Timestamp,
    instrument: InstrumentId,
    diff: &DepthDiff<'_>,
    out: &mut Out<S>,
) {
    let update_id = diff.last_update_id;
    let update = Update { instrument, time: now, update_id, is_snapshot: false };
    let bids = diff.bids.iter().map(|level| (Side::Buy, *level));
    let asks = diff.asks.iter().map(|level| (Side::Sell, *level));
    out.put_update(now, &update, bids.chain(asks));
}

#[inline]
fn take_best<S: RecordSink>(
    now: Timestamp,
    instrument: InstrumentId,
    best: &BestBidOffer,
    out: &mut Out<S>,
) {
    let BestBidOffer { update_id, bid, ask } = *best;
    out.put_body(now, instrument, 0, &Best { time: now, update_id, bid, ask });
}

#[inline]
fn take_trade<S: RecordSink>(
    now: Timestamp,
    instrument: InstrumentId,
    trade: &MarketTrade,
    out: &mut Out<S>,
) {
    let MarketTrade { trade_id, price, qty, time, aggressor } = *trade;
    let body = Trade { time, trade_id, price, qty, aggressor, reserved: [0; 15] };
    out.put_body(now, instrument, 0, &body);
}

/// The instrument's name, and its book.
fn put_book<S: RecordSink>(now: Timestamp, own: &Own, book: &L2Book, out: &mut Out<S>) {
    let Own { symbol, tick, lot, number: instrument, .. } = *own;
    let about = Instrument { symbol, tick, lot, reserved: [0; 16] };
    out.put_body(now, instrument, SNAPSHOT, &about);
    let update_id = book.update_id();
    let update = Update { instrument, time: now, update_id, is_snapshot: true };
    let side = |side: Side| book.levels(side).map(move |level| (side, level));
    out.put_update(now, &update, side(Side::Buy).chain(side(Side::Sell)));
}
