//! Market data that come without a connection: what the hot loop looks at in each turn.

use std::io;

use tiercel_execution::venue::VenueId;
use tiercel_strategy::Terms;
use tiercel_types::{InstrumentId, Symbol, Timestamp};

use crate::config::{VenueKind, VenueTable};
use crate::core::Core;
use crate::feed::capture::CaptureKind;
use crate::feed::itch::Followed;
use crate::feed::records::Records;
use crate::feed::{BusFeed, CaptureFeed, ItchFeed};
use crate::market::{MarketBook, TopOfBook};

/// What a source takes in one turn, at most: sockets are looked at between.
const BUDGET: usize = 256;
/// The same of datagrams, of each line.
const DATAGRAMS: usize = 32;

/// A place that is looked at again and again.
pub enum Source {
    /// Another process's memory.
    Bus(Box<BusFeed>),
    /// A file.
    Capture(Box<CaptureFeed>),
    /// Datagrams.
    Itch(Box<ItchFeed>),
}

impl Source {
    /// The source of a venue's market data; none: they come over its own connection.
    ///
    /// # Errors
    /// The system's.
    pub fn of(
        id: VenueId,
        venue: &VenueTable,
        terms: &[(Symbol, Terms)],
        silence_max_ns: u64,
    ) -> io::Result<Option<Self>> {
        if let Some(itch) = &venue.itch {
            let followed = |&(symbol, terms): &(Symbol, Terms)| {
                let Terms { instrument, lot, .. } = terms;
                Followed { symbol, instrument, lot }
            };
            let followed = terms.iter().map(followed).collect();
            let feed = ItchFeed::new(id, followed, &itch.options())?;
            return Ok(Some(Self::Itch(Box::new(feed))));
        }
        let wanted: Vec<(Symbol, InstrumentId)> =
            terms.iter().map(|(symbol, terms)| (*symbol, terms.instrument)).collect();
        if let Some(bus) = &venue.bus {
            let feed = BusFeed::new(id, wanted, bus.path.clone(), silence_max_ns)?;
            return Ok(Some(Self::Bus(Box::new(feed))));
        }
        if let Some(capture) = &venue.capture {
            let kind = match venue.kind {
                VenueKind::Binance => CaptureKind::Texts,
                VenueKind::Tiercel => CaptureKind::Records,
            };
            let speed = capture.speed.speed();
            let feed = CaptureFeed::new(id, wanted, kind, &capture.path, speed)?;
            return Ok(Some(Self::Capture(Box::new(feed))));
        }
        Ok(None)
    }

    /// What its lines are called.
    pub fn names(&self, venue: &str) -> Vec<String> {
        match self.lines() {
            1 => vec![format!("{venue} market data")],
            lines => (b'A'..)
                .take(lines)
                .map(|line| format!("{venue} market data {}", char::from(line)))
                .collect(),
        }
    }

    /// A book as the market data of a venue keep it.
    pub fn book(venue: &VenueTable) -> MarketBook {
        match venue.kind {
            _ if venue.itch.is_some() => MarketBook::Top(TopOfBook::default()),
            VenueKind::Binance if venue.bus.is_none() => MarketBook::numbered(),
            VenueKind::Binance | VenueKind::Tiercel => MarketBook::direct(),
        }
    }

    /// The venue that it tells of.
    pub const fn venue(&self) -> VenueId {
        match self {
            Self::Bus(feed) => feed.venue(),
            Self::Capture(feed) => feed.venue(),
            Self::Itch(feed) => feed.venue(),
        }
    }

    /// Takes what is there, and returns how much that was.
    #[inline]
    pub fn poll(&mut self, now: Timestamp, core: &mut Core) -> usize {
        match self {
            Self::Bus(feed) => feed.poll(now, core, BUDGET),
            Self::Capture(feed) => feed.poll(now, core, BUDGET),
            Self::Itch(feed) => feed.poll(now, core, DATAGRAMS),
        }
    }

    /// Time has passed. Tells which of its lines is there (`Ok`), and why it is not.
    pub fn tick(
        &mut self,
        now: Timestamp,
        core: &mut Core,
        mut tell: impl FnMut(usize, Result<(), String>),
    ) {
        match self {
            Self::Bus(feed) => feed.tick(now, core, |what| tell(0, what)),
            Self::Capture(feed) => feed.tick(|what| tell(0, what)),
            Self::Itch(feed) => feed.tick(now, core, tell),
        }
    }

    /// How many lines it has that tell the same.
    pub const fn lines(&self) -> usize {
        match self {
            Self::Bus(_) | Self::Capture(_) => 1,
            Self::Itch(feed) => feed.lines(),
        }
    }

    /// Whether a line does what it is for.
    pub fn is_up(&self, line: usize) -> bool {
        match self {
            Self::Bus(feed) => feed.is_up(),
            Self::Capture(feed) => feed.is_up(),
            Self::Itch(feed) => feed.is_up(line),
        }
    }

    /// Whether it knows something new of what the venue calls instruments.
    #[inline]
    pub fn has_learned(&mut self) -> bool {
        match self {
            Self::Itch(feed) => !feed.learned().is_empty(),
            _ => self.records().is_some_and(|records| records.has_learned()),
        }
    }

    #[inline]
    const fn records(&mut self) -> Option<&mut Records> {
        match self {
            Self::Bus(feed) => Some(feed.records()),
            Self::Capture(feed) => feed.records(),
            Self::Itch(_) => None,
        }
    }

    /// What the venue calls instruments, since it was asked last: the trader's number, and the venue's.
    pub fn take_learned(&mut self, mut take: impl FnMut(InstrumentId, InstrumentId)) {
        if let Self::Itch(feed) = self {
            feed.learned().drain(..).for_each(|(instrument, number)| take(instrument, number));
        } else if let Some(records) = self.records() {
            records.take_learned(take);
        }
    }
}
