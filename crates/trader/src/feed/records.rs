//! Market data in records of 64 bytes, wherever they come from: applied to the core's books.

use thiserror::Error;
use tiercel_book::l2::Anomaly;
use tiercel_types::market::{BestBidOffer, MarketTrade};
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::market::{Body, Depth, Fault, Header, Instrument, RECORD_SIZE, Refusal};

use crate::core::Core;
use crate::market::MarketBook;
use crate::tap::Tapped;
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
    /// The book cannot be kept. One that is crossed can: orders may be collected for an auction.
    #[error("{0}")]
    Book(#[from] Anomaly),
    /// What was asked for is refused.
    #[error("the subscription is refused: {}", .0.as_str())]
    Refused(Refusal),
    /// Nothing was heard, for so many seconds.
    #[error("nothing was heard for {0} s")]
    Silent(u64),
    /// An instrument's steps are not those that the configuration has.
    #[error("{} has other steps than configured", .0.as_str())]
    Steps(Symbol),
}

/// Instruments of one sender of records, and what the sender calls them.
pub struct Records {
    /// By the sender's number, the trader's.
    numbers: Vec<Option<InstrumentId>>,
    wanted: Vec<(Symbol, InstrumentId)>,
    /// The trader's number and the sender's, of instruments that nobody was told of yet.
    learned: Vec<(InstrumentId, InstrumentId)>,
    /// When all of them were last told that their sender is there.
    heard_at: Timestamp,
}

/// How often they are told that, at most: heartbeats come only when there is nothing else.
const HEARD_EVERY_NS: u64 = 10_000_000;

impl Records {
    /// Of these instruments, by their symbols. No number is known.
    pub fn new(wanted: Vec<(Symbol, InstrumentId)>) -> Self {
        let learned = Vec::with_capacity(wanted.len());
        Self { numbers: Vec::new(), learned, wanted, heard_at: Timestamp(0) }
    }

    /// The instruments.
    pub fn wanted(&self) -> &[(Symbol, InstrumentId)] {
        &self.wanted
    }

    /// Whether there is something to take.
    #[inline]
    pub const fn has_learned(&self) -> bool {
        !self.learned.is_empty()
    }

    /// What the sender calls instruments, since it was asked last: the trader's number, and the sender's.
    pub fn take_learned(&mut self, mut take: impl FnMut(InstrumentId, InstrumentId)) {
        for (instrument, number) in self.learned.drain(..) {
            take(instrument, number);
        }
    }

    /// Another sender, or the same anew: its numbers are to be learned.
    pub fn forget(&mut self) {
        self.numbers.clear();
    }

    /// The trader's number for the sender's.
    #[inline(always)]
    pub fn known(&self, number: InstrumentId) -> Option<InstrumentId> {
        self.numbers.get(number.0 as usize).copied().flatten()
    }

    /// What is known of all instruments is of the past.
    pub fn stale(&self, now: Timestamp, core: &mut Core) {
        for (_, instrument) in &self.wanted {
            core.stale(now, *instrument);
        }
    }

    /// Takes a record that is in its turn.
    ///
    /// # Errors
    /// [`FeedFault`]: the sender is not to be trusted any more.
    #[inline(always)]
    pub fn take(
        &mut self,
        now: Timestamp,
        (header, body): (&Header, &Body),
        record: &[u8; RECORD_SIZE],
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        self.take_one(now, (header, body), record, core)?;
        // Behind it: it may say that something is missing.
        if now.0.saturating_sub(self.heard_at.0) >= HEARD_EVERY_NS {
            self.hear(now, core);
        }
        Ok(())
    }

    #[inline(always)]
    fn take_one(
        &mut self,
        now: Timestamp,
        (header, body): (&Header, &Body),
        record: &[u8; RECORD_SIZE],
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        let Some(instrument) = self.known(header.instrument) else {
            return self.other(now, header, body, core);
        };
        core.tap(now, instrument, &Tapped::Record(header, record));
        match body {
            Body::Depth(depth) => take_depth(now, instrument, header, depth, core),
            Body::Trade(trade) => {
                core.timing.mark(Stage::Parse);
                core.traded(now, instrument, &MarketTrade::from(trade));
                Ok(())
            }
            Body::Best(best) => {
                core.timing.mark(Stage::Parse);
                let Some(market) = core.market_mut(instrument) else { return Ok(()) };
                if market.is_open {
                    core.heard(now, instrument);
                    return Ok(());
                }
                market.best_update_id = best.update_id;
                core.best_changed(now, instrument, &BestBidOffer::from(best));
                Ok(())
            }
            _ => self.other(now, header, body, core),
        }
    }

    /// Takes what is no market data.
    ///
    /// # Errors
    /// [`FeedFault`], as of [`take`](Self::take).
    #[cold]
    pub fn other(
        &mut self,
        now: Timestamp,
        header: &Header,
        body: &Body,
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        match body {
            Body::Instrument(about) => self.learn(now, header.instrument, about, core),
            Body::Refused(refused) => Err(FeedFault::Refused(refused.reason)),
            Body::Heartbeat(_) => {
                self.hear(now, core);
                Ok(())
            }
            Body::Interrupted(_) => {
                let about = self.known(header.instrument);
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

    /// Records come in order: of no instrument is anything missing.
    #[cold]
    fn hear(&mut self, now: Timestamp, core: &mut Core) {
        self.heard_at = now;
        for (_, instrument) in &self.wanted {
            core.heard(now, *instrument);
        }
    }

    /// The venue's number of a symbol.
    fn learn(
        &mut self,
        now: Timestamp,
        number: InstrumentId,
        about: &Instrument,
        core: &mut Core,
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
            // A sender may say it again and again.
            if self.numbers[at].replace(*instrument) != Some(*instrument) {
                self.learned.push((*instrument, number));
                core.tap(now, *instrument, &Tapped::Number(number));
            }
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
        market.best_update_id = 0;
    }
    book.change(bids, asks)?;
    market.is_open = true;
    if header.is_last() {
        match book.finish(depth.update_id) {
            Ok(()) => market.is_open = false,
            // Orders meet while they are collected for an auction: the change is whole, and another ends it.
            Err(Anomaly::Crossed { .. }) => {
                core.heard(now, instrument);
                core.stale(now, instrument);
                return Ok(());
            }
            Err(anomaly) => return Err(anomaly.into()),
        }
        if depth.update_id < market.best_update_id {
            // Of best prices the newer are known.
            core.heard(now, instrument);
        } else {
            core.book_changed(now, instrument);
        }
    }
    Ok(())
}
