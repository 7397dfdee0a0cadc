//! A venue's own market data: records of 64 bytes over TCP (`docs/market-data.md`).

use thiserror::Error;
use tiercel_book::l2::Anomaly;
use tiercel_execution::venue::VenueId;
use tiercel_types::market::{BestBidOffer, MarketTrade};
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::binary::Text;
use tiercel_wire::market::{
    self, Body, Depth, Fault, Header, Instrument, PROTOCOL, RECORD_SIZE, Refusal, Subscribe,
    VERSION,
};

use crate::core::Core;
use crate::market::MarketBook;
use crate::timing::Stage;

/// Why a feed is not to be trusted any more: its connection ends, and another begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FeedFault {
    /// What came is no record.
    #[error("{0}")]
    Record(#[from] Fault),
    /// Records are missing.
    #[error("record {found} where {expected} was due")]
    Gap {
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The book cannot be right.
    #[error("{0}")]
    Book(#[from] Anomaly),
    /// What was asked for is refused.
    #[error("the subscription is refused: {}", .0.as_str())]
    Refused(Refusal),
    /// An instrument's steps are not those that the configuration has.
    #[error("{} has other steps than configured", .0.as_str())]
    Steps(Symbol),
}

/// One connection of a feed, and the instruments that it is subscribed to.
pub struct BinaryFeed {
    /// By the venue's number, the trader's.
    numbers: Vec<Option<InstrumentId>>,
    wanted: Vec<(Symbol, InstrumentId)>,
    /// The trader's number and the venue's, of instruments that nobody was told of yet.
    learned: Vec<(InstrumentId, InstrumentId)>,
    venue: VenueId,
    next: u64,
    is_up: bool,
    output: Vec<u8>,
}

impl BinaryFeed {
    /// A feed of these instruments of a venue, by their symbols.
    pub fn new(venue: VenueId, wanted: Vec<(Symbol, InstrumentId)>) -> Self {
        Self {
            numbers: Vec::new(),
            learned: Vec::with_capacity(wanted.len()),
            wanted,
            venue,
            next: 1,
            is_up: false,
            output: Vec::new(),
        }
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// Whether there is something to take.
    #[inline]
    pub const fn has_learned(&self) -> bool {
        !self.learned.is_empty()
    }

    /// What venues call instruments, since it was asked last: the trader's number, and theirs.
    pub fn take_learned(&mut self, mut take: impl FnMut(InstrumentId, InstrumentId)) {
        for (instrument, number) in self.learned.drain(..) {
            take(instrument, number);
        }
    }

    /// Bytes to send. The caller takes them away.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// There is a connection.
    pub fn connected(&mut self) {
        (self.next, self.is_up) = (1, true);
        self.numbers.clear();
        self.output.clear();
        for (symbol, _) in &self.wanted {
            let subscribe = Subscribe {
                protocol: Text::part(PROTOCOL),
                symbol: *symbol,
                version: VERSION,
                reserved: [0; 22],
            };
            self.output.extend_from_slice(&market::record(InstrumentId(0), 0, 0, &subscribe));
        }
    }

    /// The connection is gone: what is known is of the past.
    pub fn closed(&mut self, now: Timestamp, core: &mut Core) {
        self.is_up = false;
        for (_, instrument) in &self.wanted {
            core.stale(now, *instrument);
        }
    }

    /// Whether there is a connection.
    pub const fn is_up(&self) -> bool {
        self.is_up
    }

    /// Bytes have come: takes all records that are whole, and returns how many bytes they were.
    ///
    /// # Errors
    /// [`FeedFault`]: the connection is to be ended.
    #[inline]
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<usize, FeedFault> {
        let (records, _) = bytes.as_chunks::<RECORD_SIZE>();
        core.timing.begin();
        for record in records {
            self.take(now, record, core)?;
        }
        Ok(records.len() * RECORD_SIZE)
    }

    #[inline(always)]
    fn take(
        &mut self,
        now: Timestamp,
        record: &[u8; RECORD_SIZE],
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        let (header, body) = market::decode(record)?;
        if header.sequence != self.next {
            return Err(FeedFault::Gap { expected: self.next, found: header.sequence });
        }
        self.next += 1;
        let number = header.instrument.0 as usize;
        let Some(instrument) = self.numbers.get(number).copied().flatten() else {
            return self.other(now, &header, &body, core);
        };
        match &body {
            Body::Depth(depth) => take_depth(now, instrument, &header, depth, core),
            Body::Trade(trade) => {
                core.timing.mark(Stage::Parse);
                core.traded(now, instrument, &MarketTrade::from(trade));
                Ok(())
            }
            Body::Best(best) => {
                core.timing.mark(Stage::Parse);
                core.best_changed(now, instrument, &BestBidOffer::from(best));
                Ok(())
            }
            _ => self.other(now, &header, &body, core),
        }
    }

    /// What is no market data.
    #[cold]
    fn other(
        &mut self,
        now: Timestamp,
        header: &Header,
        body: &Body,
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        match body {
            Body::Instrument(about) => self.learn(header.instrument, about, core),
            Body::Refused(refused) => Err(FeedFault::Refused(refused.reason)),
            Body::Heartbeat(_) => {
                for (_, instrument) in &self.wanted {
                    core.heard(now, *instrument);
                }
                Ok(())
            }
            Body::Interrupted(_) => {
                let about = self.numbers.get(header.instrument.0 as usize).copied().flatten();
                for (_, instrument) in &self.wanted {
                    if about.is_none_or(|about| about == *instrument) {
                        core.stale(now, *instrument);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The venue's number of a symbol.
    fn learn(
        &mut self,
        number: InstrumentId,
        about: &Instrument,
        core: &Core,
    ) -> Result<(), FeedFault> {
        let wanted = self.wanted.iter().find(|(symbol, _)| *symbol == about.symbol);
        let Some((symbol, instrument)) = wanted else { return Ok(()) };
        let terms = core.market(*instrument).map(|market| market.terms);
        if terms.is_none_or(|terms| (terms.tick, terms.lot) != (about.tick, about.lot)) {
            return Err(FeedFault::Steps(*symbol));
        }
        let at = number.0 as usize;
        if at < InstrumentId::LIMIT as usize {
            if self.numbers.len() <= at {
                self.numbers.resize(at + 1, None);
            }
            self.numbers[at] = Some(*instrument);
            self.learned.push((*instrument, number));
        }
        Ok(())
    }
}

#[inline(always)]
fn take_depth(
    now: Timestamp,
    instrument: InstrumentId,
    header: &Header,
    depth: &Depth,
    core: &mut Core,
) -> Result<(), FeedFault> {
    let (bids, asks) = depth.sides(header);
    core.timing.mark(Stage::Parse);
    let Some(market) = core.market_mut(instrument) else { return Ok(()) };
    // One that is kept by numbers has other feeds.
    let MarketBook::Direct(book) = &mut market.book else { return Ok(()) };
    if header.begins() {
        book.clear();
    }
    book.change(bids, asks)?;
    if header.is_last() {
        book.finish(depth.update_id)?;
        core.book_changed(now, instrument);
    }
    Ok(())
}
