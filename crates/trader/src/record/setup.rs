//! A recorder, made of its configuration: a trader without orders, whose feeds are carried on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use thiserror::Error;
use tiercel_execution::oms::{Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::risk::Gate;
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_net::Limits;
use tiercel_strategy::Idle;
use tiercel_telemetry::{Registry, RegistryError};
use tiercel_types::{InstrumentId, Price, Qty, Symbol, Timestamp};
use tiercel_wire::binance::order::Requests;

use super::bus::BusSink;
use super::config::{RecordConfig, RecordVenueTable};
use super::file_records::RecordFiles;
use super::records::RecordsTap;
use super::texts::TextsTap;
use crate::budget::Budget;
use crate::clerk::{Clerk, Desk};
use crate::config::{RiskTable, VenueKind, WaitName};
use crate::core::Core;
use crate::dial::Dialer;
use crate::endpoint::Endpoint;
use crate::feed::BinaryFeed;
use crate::hot::{Control, Hot, Wait};
use crate::instruments::{self, Instrument, InstrumentError, RequestLimit};
use crate::key::{KeyError, SecretKey};
use crate::lines::{Line, Lines};
use crate::market::{Market, MarketBook};
use crate::rest::Rest;
use crate::setup;
use crate::tap::{Tap, Tapped};
use crate::timing::Timing;

/// Why there is no recorder.
#[derive(Debug, Error)]
pub enum RecordError {
    /// What a venue says of instruments.
    #[error(transparent)]
    Instruments(#[from] InstrumentError),
    /// A bus or a folder.
    #[error("{}: {what}", .path.display())]
    Output {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What questions are signed with: nothing, here.
    #[error("{0}")]
    Key(KeyError),
    /// Metrics.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The system's refusal.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A recorder that is about to run.
pub struct Recorder {
    /// The loop, for a thread of its own.
    pub hot: Hot,
    /// What is wanted of it.
    pub control: Sender<Control>,
    /// What each of its lines is, by its number.
    pub lines: Vec<String>,
    /// What it records, by its number: venue and symbol.
    pub instruments: Vec<(String, Symbol)>,
}

/// Where what is recorded goes.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a> {
    /// A folder of buses, each called as its venue.
    pub bus: Option<&'a Path>,
    /// A folder of files.
    pub files: Option<&'a Path>,
}

/// Several who are told of all.
struct Taps(Vec<Box<dyn Tap>>);

impl Tap for Taps {
    fn take(&mut self, now: Timestamp, instrument: InstrumentId, what: &Tapped<'_>) {
        for tap in &mut self.0 {
            tap.take(now, instrument, what);
        }
    }

    fn tick(&mut self, now: Timestamp, markets: &[Market]) {
        for tap in &mut self.0 {
            tap.tick(now, markets);
        }
    }

    fn end(&mut self, now: Timestamp) {
        for tap in &mut self.0 {
            tap.end(now);
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.0.iter_mut().find_map(|tap| tap.fault())
    }
}

/// An instrument, and its place among the venues.
struct Recorded {
    venue: usize,
    symbol: Symbol,
    instrument: Instrument,
}

/// Makes a recorder.
///
/// # Errors
/// [`RecordError`].
pub fn recorder(
    config: &RecordConfig,
    outputs: &Outputs<'_>,
    registry: &Registry,
) -> Result<Recorder, RecordError> {
    let timing = Timing::new(registry, Clock::new())?;
    let now = Timestamp(timing.now_ns());
    let (mut recorded, mut limits) = (Vec::<Recorded>::new(), Vec::new());
    for (at, venue) in config.venues.iter().enumerate() {
        limits.push(list(at, venue, &mut recorded)?);
    }
    let mut core = core(config, &recorded, timing);
    let mut taps: Vec<Box<dyn Tap>> = Vec::new();
    for (at, venue) in config.venues.iter().enumerate() {
        if let Some(folder) = outputs.bus {
            let path = folder.join(&venue.name);
            let sink = BusSink::open(&path, &config.record.bus_options())
                .map_err(|what| RecordError::Output { path, what })?;
            let interval_ns = config.record.book_interval_ms.saturating_mul(1_000_000);
            let tap = RecordsTap::new(now, sink, terms(at, &recorded), interval_ns);
            taps.push(Box::new(tap));
        }
        if let Some(folder) = outputs.files {
            taps.push(files(now, at, config, &recorded, folder)?);
        }
    }
    core.set_tap(Box::new(Taps(taps)));
    let (mut lines, mut names, mut endpoints) = (Vec::new(), Vec::new(), Vec::new());
    let mut clerks = Vec::new();
    for (at, (venue, limits)) in config.venues.iter().zip(&limits).enumerate() {
        let (wired, clerk) = wire(at, venue, &recorded, limits)?;
        for (line, name, endpoint) in wired {
            lines.push(line);
            names.push(name);
            endpoints.push(endpoint);
        }
        clerks.push(clerk);
    }
    let connections = lines.len() + 2;
    let limits = Limits {
        connections,
        input_bytes: setup::INPUT_BYTES,
        output_bytes: Limits::default().output_bytes,
    };
    let (control, controlled) = channel();
    let wait = match config.record.wait {
        WaitName::SpinThenSleep => Wait::SpinThenSleep,
        WaitName::BusySpin => Wait::Spin,
    };
    let lines = Lines::new(core, lines, connections).with_clerks(clerks);
    let hot = Hot::new(lines, Dialer::new(endpoints)?, controlled, wait, limits)?;
    let named = |recorded: &Recorded| (config.venues[recorded.venue].name.clone(), recorded.symbol);
    let instruments = recorded.iter().map(named).collect();
    Ok(Recorder { hot, control, lines: names, instruments })
}

/// What writes the files of a venue: its texts, or its records.
fn files(
    now: Timestamp,
    at: usize,
    config: &RecordConfig,
    recorded: &[Recorded],
    folder: &Path,
) -> Result<Box<dyn Tap>, RecordError> {
    let failed =
        |error: io::Error| RecordError::Output { path: folder.to_owned(), what: error.to_string() };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let venue = &config.venues[at];
    let (folder, name) = (folder.to_owned(), venue.name.clone());
    let span_ns = u64::try_from(config.record.file_span().as_nanos()).unwrap_or(u64::MAX);
    Ok(match venue.kind {
        VenueKind::Binance => {
            let symbols = terms(at, recorded).map(|terms| terms.map(|(symbol, ..)| symbol));
            Box::new(TextsTap::new(folder, name, symbols, span_ns)?)
        }
        VenueKind::Tiercel => {
            let sink = RecordFiles::new(now, folder, name, span_ns)?;
            // Who reads a file begins at its beginning.
            Box::new(RecordsTap::new(now, sink, terms(at, recorded), u64::MAX))
        }
    })
}

/// Asks a venue for its instruments, and for what it allows of questions.
fn list(
    at: usize,
    venue: &RecordVenueTable,
    recorded: &mut Vec<Recorded>,
) -> Result<Vec<RequestLimit>, RecordError> {
    let first = recorded.len();
    let number = |(at, symbol): (usize, &Symbol)| (*symbol, InstrumentId((first + at) as u32));
    let wanted: Vec<(Symbol, InstrumentId)> =
        venue.symbols.iter().enumerate().map(number).collect();
    let rest = Rest::new(&venue.rest, "", venue.tls_roots.as_deref())?;
    let listing = instruments::fetch(&rest, &wanted)?;
    let symbols = wanted.iter().map(|(symbol, _)| *symbol);
    recorded.extend(symbols.zip(listing.instruments).map(|(symbol, instrument)| Recorded {
        venue: at,
        symbol,
        instrument,
    }));
    Ok(listing.limits)
}

/// What a tap of a venue tells of: the others' instruments are none.
fn terms(
    venue: usize,
    recorded: &[Recorded],
) -> impl Iterator<Item = Option<(Symbol, Price, Qty)>> {
    recorded.iter().map(move |recorded| {
        let terms = &recorded.instrument.terms;
        (recorded.venue == venue).then_some((recorded.symbol, terms.tick, terms.lot))
    })
}

/// Books without orders.
fn core(config: &RecordConfig, recorded: &[Recorded], timing: Timing) -> Core {
    let gate = Gate::new(RiskTable::default().limits(), recorded.len());
    let options = OmsOptions::default();
    let venues: Vec<VenueTerms> =
        config.venues.iter().map(|_| VenueTerms { amends: false, validity_ns: 0 }).collect();
    let places: Vec<Place> =
        recorded.iter().map(|recorded| Place { venue: VenueId(recorded.venue as u8) }).collect();
    let oms = Oms::new(options, gate, RunId::of(0, 0), &venues, &places);
    let market = |recorded: &Recorded| {
        let book = match config.venues[recorded.venue].kind {
            VenueKind::Binance => MarketBook::numbered(),
            VenueKind::Tiercel => MarketBook::direct(),
        };
        Market::with_book(recorded.instrument.terms, book)
    };
    let markets = recorded.iter().map(market).collect();
    let silence_ns = config.record.silence_max_ms.saturating_mul(1_000_000);
    Core::new(Box::new(Idle), oms, markets, options.orders_max, silence_ns, timing)
}

/// A line, what it is called, and where it goes.
type Wired = (Line, String, Endpoint);

/// The connections of a venue, and who asks it over HTTP.
fn wire(
    at: usize,
    venue: &RecordVenueTable,
    recorded: &[Recorded],
    limits: &[RequestLimit],
) -> Result<(Vec<Wired>, Option<Clerk>), RecordError> {
    let id = VenueId(at as u8);
    let own = || recorded.iter().filter(move |recorded| recorded.venue == at);
    let wanted: Vec<(Symbol, InstrumentId)> =
        own().map(|own| (own.symbol, own.instrument.terms.instrument)).collect();
    if venue.kind == VenueKind::Tiercel {
        let line = Line::BinaryFeed(BinaryFeed::new(id, wanted));
        let name = format!("{} market data", venue.name);
        return Ok((vec![(line, name, Endpoint::Tcp(venue.market.clone()))], None));
    }
    let roots = venue.tls_roots.as_deref();
    let streams = setup::Streams {
        venue: id,
        name: &venue.name,
        address: &venue.market,
        roots,
        options: venue.stream_options(),
        connections: venue.market_connections,
    };
    let wired = streams.lines(&wanted)?;
    let secret = SecretKey::of_file("").map_err(RecordError::Key)?;
    let clerk = Clerk::new(Desk {
        rest: Rest::new(&venue.rest, "", roots)?,
        requests: Requests::new("", None, secret),
        listed: own().map(|own| setup::listed(own.symbol, &own.instrument)).collect(),
        budget: Budget::new(limits.iter().copied()),
        // It enters no orders.
        valid_ns: 0,
    })?;
    Ok((wired, Some(clerk)))
}
