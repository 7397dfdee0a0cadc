//! A venue's own market data: records of 64 bytes over TCP (`docs/market-data.md`).

use tiercel_execution::venue::VenueId;
use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::binary::Text;
use tiercel_wire::market::{self, PROTOCOL, RECORD_SIZE, Subscribe, VERSION};

use super::records::{FeedFault, Records};
use crate::core::Core;
use crate::recording::Input;

/// The venue says something each second. Who hears nothing for longer has a connection that is half-open, or whose other
/// side hangs.
const SILENCE_MAX_S: u64 = 5;

/// One connection of a feed, and the instruments that it is subscribed to.
pub struct BinaryFeed {
    records: Records,
    venue: VenueId,
    next: u64,
    is_up: bool,
    /// When something came last.
    heard_at: Timestamp,
    output: Vec<u8>,
}

impl BinaryFeed {
    /// A feed of these instruments of a venue, by their symbols.
    pub fn new(venue: VenueId, wanted: Vec<(Symbol, InstrumentId)>) -> Self {
        Self {
            records: Records::new(wanted),
            venue,
            next: 1,
            is_up: false,
            heard_at: Timestamp(0),
            output: Vec::new(),
        }
    }

    /// Which venue it is of.
    pub const fn venue(&self) -> VenueId {
        self.venue
    }

    /// What it knows of instruments.
    #[inline]
    pub const fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Bytes to send. The caller takes them away.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// There is a connection.
    pub fn connected(&mut self, now: Timestamp) {
        (self.next, self.is_up, self.heard_at) = (1, true, now);
        self.records.forget();
        self.output.clear();
        for (symbol, _) in self.records.wanted() {
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
        self.records.stale(now, core);
    }

    /// Time has passed.
    ///
    /// # Errors
    /// [`FeedFault::Silent`]: the connection is to be ended.
    pub const fn tick(&self, now: Timestamp) -> Result<(), FeedFault> {
        let silence_ns = now.0.saturating_sub(self.heard_at.0);
        if self.is_up && silence_ns > SILENCE_MAX_S * 1_000_000_000 {
            return Err(FeedFault::Silent(SILENCE_MAX_S));
        }
        Ok(())
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
        self.heard_at = now;
        let (records, _) = bytes.as_chunks::<RECORD_SIZE>();
        for record in records {
            core.arrives(now, &Input::Record(record));
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
        self.records.take(now, (&header, &body), record, core)
    }
}
