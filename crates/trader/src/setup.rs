//! A trader, made of its configuration.

mod paper;
mod wiring;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use thiserror::Error;
use tiercel_execution::oms::{Adopted, Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::risk::{Denial, Gate};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_host::secret::SecretError;
use tiercel_net::Limits;
use tiercel_strategy::{BuildError, Strategy, Terms};
use tiercel_telemetry::{Registry, RegistryError};
use tiercel_types::{InstrumentId, Symbol, Timestamp};

use crate::config::{
    ConfigError, InstrumentTable, OrdersOver, RouteTable, RouteVenueTable, TraderConfig, VenueKind,
    VenueTable, WaitName,
};
use crate::connector::fix;
use crate::core::{Core, Held, Start};
use crate::dial::Dialer;
use crate::feed::{BinanceFeed, BinaryFeed};
use crate::hot::{Control, Hot, Wait};
use crate::instruments::{self, Instrument, InstrumentError, RequestLimit};
use crate::journal::{self, Journal, JournalError, Left};
use crate::key::KeyError;
use crate::lines::{Line, Lines};
use crate::market::{Market, MarketBook};
use crate::recording::RecordingError;
use crate::rest::Rest;
use crate::routes::{Member, Routes};
use crate::saved::{Saved, SavedError};
use crate::source::Source;
use crate::timing::Timing;

pub use paper::{Replay, replay};
pub(crate) use wiring::{Streams, listed};
use wiring::{Wiring, stream_name};

/// Bytes of a connection that are not taken yet: more than the longest message.
pub(crate) const INPUT_BYTES: usize = 1 << 20;

/// How much longer than it says a request may be good for: clocks are not the same, and what was taken in time shows a
/// moment later.
const VALIDITY_MARGIN_NS: u64 = 2_000_000_000;

/// Orders of a run before that have ended and are known still.
const ENDED_KEPT: usize = 32;

/// Why there is no trader.
#[derive(Debug, Error)]
pub enum SetupError {
    /// What a venue says of instruments.
    #[error(transparent)]
    Instruments(#[from] InstrumentError),
    /// Instruments whose results cannot be added up.
    #[error("{0} and {1} are paid in different assets: their results cannot be added up")]
    QuoteAssets(String, String),
    /// The strategy.
    #[error(transparent)]
    Strategy(#[from] BuildError),
    /// A file of a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What is in a file of a secret.
    #[error("{}: {}", .0.display(), .1)]
    Key(PathBuf, KeyError),
    /// Metrics.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The state of the strategy.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An order of a run before.
    #[error("an order of the run before cannot be taken over: {0}")]
    Adopt(Denial),
    /// What is missing in the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file of what came in.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The system's refusal.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A trader that is about to run.
pub struct Trader {
    /// The loop, for a thread of its own.
    pub hot: Hot,
    /// What is wanted of it.
    pub control: Sender<Control>,
    /// What it trades, by its number.
    pub instruments: Vec<(Symbol, Instrument)>,
    /// What each of its lines is, by its number.
    pub lines: Vec<String>,
    /// What the strategy is called.
    pub strategy: String,
    /// Where its state is kept when it stops; on paper nowhere. Before it [begins](Control::Begin), what it was given of the
    /// run before is to be [done](Saved::done) with: until then a start that fails has used nothing up.
    pub saved: Option<Saved>,
}

/// The strategy that a configuration names.
pub fn strategy_of(
    config: &TraderConfig,
) -> impl FnOnce(&[Terms]) -> Result<Box<dyn Strategy>, SetupError> {
    |terms| {
        let table = &config.strategy;
        Ok(tiercel_strategy::build(&table.name, &table.parameters, terms)?)
    }
}

/// Makes a trader, with the strategy that `strategy` makes for its instruments.
///
/// # Errors
/// [`SetupError`].
pub fn trader(
    config: &TraderConfig,
    strategy: impl FnOnce(&[Terms]) -> Result<Box<dyn Strategy>, SetupError>,
    registry: &Registry,
) -> Result<Trader, SetupError> {
    paper::check(config)?;
    let (instruments, limits) = instruments(config)?;
    let terms: Vec<Terms> = instruments.iter().map(|(_, instrument)| instrument.terms).collect();
    let strategy = strategy(&seen(config, &terms))?;
    let name = strategy.name().to_owned();
    let timing = Timing::new(registry, Clock::new())?;
    let now = Timestamp(timing.now_ns());
    let silence_max_ns = config.trader.silence_max_ms.saturating_mul(1_000_000);
    let mut saved = None;
    let (core, next_answers) = if let Some(table) = &config.paper {
        (paper::core_on_paper(config, table, strategy, &instruments, timing)?, Vec::new())
    } else {
        config.check_keys()?;
        let (left, journal) = open_journal(config, now)?;
        let mut core = core(config, strategy, terms, journal.second(), timing);
        recover(&left, now, &mut core)?;
        core.set_journal(journal);
        core.set_start(start(config, &instruments, &left));
        saved = Some(restore(config, &name, &mut core)?);
        (core, left.next_answers)
    };
    let mut wiring = Wiring { on_paper: config.paper.is_some(), ..Wiring::default() };
    for (at, venue) in config.venues.iter().enumerate() {
        let id = VenueId(at as u8);
        let next = next_answers.get(at).copied().filter(|next| *next > 0);
        let listed: Vec<&(Symbol, Instrument)> = instruments
            .iter()
            .zip(&config.instruments)
            .filter(|(_, table)| table.venue == venue.name)
            .map(|(instrument, _)| instrument)
            .collect();
        let terms: Vec<(Symbol, Terms)> =
            listed.iter().map(|(symbol, instrument)| (*symbol, instrument.terms)).collect();
        if let Some(source) = Source::of(id, venue, &terms, silence_max_ns)? {
            wiring.source(venue, source);
        }
        match (venue.kind, venue.orders_over()) {
            (VenueKind::Tiercel, _) if config.paper.is_some() => {
                wiring.tiercel_feed(id, venue, wanted(config, venue));
                wiring.clerks.push(None);
            }
            (VenueKind::Tiercel, OrdersOver::Fix) => {
                let numbers = fix::numbers(&config.trader.store, &venue.name, now)?;
                wiring.tiercel_feed(id, venue, wanted(config, venue));
                wiring.fix(id, venue, (&listed, &limits[at]), (numbers, next))?;
            }
            (VenueKind::Tiercel, _) => {
                wiring.tiercel_feed(id, venue, wanted(config, venue));
                wiring.records(id, venue, (&listed, &limits[at]), next)?;
            }
            (VenueKind::Binance, _) => wiring.binance(id, venue, &listed, &limits[at])?,
        }
    }
    let Wiring { lines, mut names, endpoints, clerks, sources, mut source_names, .. } = wiring;
    let connections = lines.len() + 2;
    let limits = Limits {
        connections,
        input_bytes: INPUT_BYTES,
        output_bytes: Limits::default().output_bytes,
    };
    let (control, controlled): (Sender<Control>, Receiver<Control>) = channel();
    let wait = match config.trader.wait {
        WaitName::SpinThenSleep => Wait::SpinThenSleep,
        WaitName::BusySpin => Wait::Spin,
    };
    let lines = Lines::new(core, lines, connections).with_clerks(clerks).with_sources(sources);
    let hot = Hot::new(lines, Dialer::new(endpoints)?, controlled, wait, limits)?;
    names.append(&mut source_names);
    Ok(Trader { hot, control, instruments, lines: names, strategy: name, saved })
}

/// The strategy becomes what it was when the run before was stopped. The file is there as before.
fn restore(config: &TraderConfig, strategy: &str, core: &mut Core) -> Result<Saved, SetupError> {
    let saved = Saved::new(&config.trader.store, strategy, &named(config));
    if let Some(state) = saved.take()? {
        core.restore_strategy(&state).map_err(|error| saved.refused(error))?;
    }
    Ok(saved)
}

/// Venue and symbol of each instrument.
fn named(config: &TraderConfig) -> Vec<(String, String)> {
    config
        .instruments
        .iter()
        .map(|instrument| (instrument.venue.clone(), instrument.symbol.as_str().to_owned()))
        .collect()
}

/// What decides, with orders that are named by a second.
fn core(
    config: &TraderConfig,
    strategy: Box<dyn Strategy>,
    terms: Vec<Terms>,
    second: u64,
    timing: Timing,
) -> Core {
    let routes = routes(config, &terms);
    let mut core = Core::new(
        strategy,
        oms(config, second),
        markets(config, terms),
        config.orders.orders_max,
        config.trader.silence_max_ms.saturating_mul(1_000_000),
        timing,
    );
    core.set_routes(routes);
    core
}

/// The connections of market data, and what they are called: not those of sources.
fn feeds(config: &TraderConfig) -> Vec<(Line, String)> {
    let mut feeds = Vec::new();
    for (venue, at) in config.venues.iter().zip(0..) {
        let (id, wanted) = (VenueId(at), wanted(config, venue));
        if venue.market.is_empty() {
            continue;
        }
        match venue.kind {
            VenueKind::Tiercel => {
                let feed = Line::BinaryFeed(BinaryFeed::new(id, wanted));
                feeds.push((feed, format!("{} market data", venue.name)));
            }
            VenueKind::Binance => {
                for number in 0..venue.market_connections {
                    let feed = BinanceFeed::new(id, wanted.clone(), venue.stream_options());
                    let name = stream_name(&venue.name, number);
                    feeds.push((Line::BinanceFeed(Box::new(feed)), name));
                }
            }
        }
    }
    feeds
}

/// Instruments as the strategy sees them.
fn seen(config: &TraderConfig, terms: &[Terms]) -> Vec<Terms> {
    let routes = routes(config, terms);
    let seen = terms.iter().filter(|terms| routes.first(terms.instrument) == terms.instrument);
    seen.map(|terms| routes.terms(terms)).collect()
}

/// The routes of a configuration, which was checked.
fn routes(config: &TraderConfig, terms: &[Terms]) -> Routes {
    let member = |table: &RouteVenueTable, at: usize| {
        let venue = config.venues.iter().position(|venue| venue.name == table.name);
        Member {
            terms: terms[at],
            venue: VenueId(venue.unwrap_or(0) as u8),
            // Below one: it fits.
            fee: u32::try_from(table.taker_fee.units()).unwrap_or(u32::MAX),
            latency_ns: table.latency_us.saturating_mul(1_000),
            qty_max: config.instruments[at].qty_max,
        }
    };
    let of = |route: &RouteTable| {
        let places = route.instruments(&config.instruments).unwrap_or_default();
        route.venues.iter().zip(places).map(|(table, at)| member(table, at)).collect()
    };
    Routes::new(config.routes.iter().map(of).collect(), config.orders.orders_max)
}

/// Books as the feeds of their venues keep them.
fn markets(config: &TraderConfig, terms: Vec<Terms>) -> Vec<Market> {
    let book = |instrument: &InstrumentTable| {
        let venue = config.venues.iter().find(|venue| venue.name == instrument.venue);
        venue.map_or_else(MarketBook::direct, Source::book)
    };
    let books = config.instruments.iter().map(book);
    terms.into_iter().zip(books).map(|(terms, book)| Market::with_book(terms, book)).collect()
}

/// What a run before has left, and the journal of this one.
fn open_journal(config: &TraderConfig, now: Timestamp) -> Result<(Left, Journal), SetupError> {
    let names = config.venues.iter().map(|venue| venue.name.clone());
    let venues: Vec<(String, VenueTerms)> = names.zip(venue_terms(config)).collect();
    Ok(journal::open(&config.trader.store, now, &venues, &named(config))?)
}

/// Goes on from what a run before has left: its positions, and its orders, which are asked for.
fn recover(left: &Left, now: Timestamp, core: &mut Core) -> Result<(), SetupError> {
    for (instrument, position) in left.recovery.positions() {
        core.oms_mut().set_position(instrument, *position);
    }
    core.restore_gate(&left.gate);
    // Of those that have ended something may be told still.
    let ended: Vec<Adopted> = left.recovery.ended().map(|(_, adopted)| *adopted).collect();
    let ended = &ended[ended.len().saturating_sub(ENDED_KEPT)..];
    let live = left.recovery.orders().map(|(_, adopted)| adopted);
    for adopted in live.chain(ended) {
        core.adopt(now, adopted).map_err(SetupError::Adopt)?;
    }
    Ok(())
}

/// What venues are asked before the strategy begins.
fn start(config: &TraderConfig, instruments: &[(Symbol, Instrument)], left: &Left) -> Start {
    let last_trade = |instrument: InstrumentId| {
        let mut known = left.recovery.last_trades();
        known.find(|(of, _)| *of == instrument).map(|(_, trade)| trade)
    };
    let held = |(_, of): (Symbol, InstrumentId)| {
        let (_, instrument) = instruments.get(of.0 as usize)?;
        let assets = (instrument.base_asset.as_str(), instrument.quote_asset.as_str());
        Some(Held::new(of, assets, last_trade(of)))
    };
    let of_venue = |venue| wanted(config, venue).into_iter().filter_map(held).collect();
    let venues = config.venues.iter().map(of_venue).collect();
    let ended = left.recovery.ended().filter(journal::has_traded);
    Start::new(venues, left.remainders.clone(), ended.chain(left.recovery.orders()))
}

fn venue_terms(config: &TraderConfig) -> Vec<VenueTerms> {
    let terms = |venue: &VenueTable| match venue.kind {
        VenueKind::Tiercel => VenueTerms { amends: true, validity_ns: 0 },
        VenueKind::Binance => VenueTerms {
            amends: false,
            validity_ns: u64::from(venue.recv_window_ms) * 1_000_000 + VALIDITY_MARGIN_NS,
        },
    };
    config.venues.iter().map(terms).collect()
}

/// What a venue is to tell of.
fn wanted(config: &TraderConfig, venue: &VenueTable) -> Vec<(Symbol, InstrumentId)> {
    let of_venue = |(at, instrument): (usize, &InstrumentTable)| {
        (instrument.venue == venue.name).then_some((instrument.symbol, InstrumentId(at as u32)))
    };
    config.instruments.iter().enumerate().filter_map(of_venue).collect()
}

/// Instruments by their number, and limits of requests by venue.
type Found = (Vec<(Symbol, Instrument)>, Vec<Vec<RequestLimit>>);

fn instruments(config: &TraderConfig) -> Result<Found, SetupError> {
    let (mut found, mut limits) = (Vec::<(Symbol, Instrument)>::new(), Vec::new());
    for venue in &config.venues {
        let wanted = wanted(config, venue);
        if wanted.is_empty() {
            limits.push(Vec::new());
            continue;
        }
        let rest = Rest::new(&venue.rest, "", venue.tls_roots.as_deref())?;
        let listing = instruments::fetch(&rest, &wanted)?;
        found.extend(wanted.iter().map(|(symbol, _)| *symbol).zip(listing.instruments));
        limits.push(listing.limits);
    }
    found.sort_by_key(|(_, instrument)| instrument.terms.instrument.0);
    if let Some((_, first)) = found.first()
        && let Some((_, other)) =
            found.iter().find(|(_, other)| other.quote_asset != first.quote_asset)
    {
        let (one, other) = (first.quote_asset.clone(), other.quote_asset.clone());
        return Err(SetupError::QuoteAssets(one, other));
    }
    Ok((found, limits))
}

fn oms(config: &TraderConfig, second: u64) -> Oms {
    let mut gate = Gate::new(config.risk.limits(), config.instruments.len());
    for (at, instrument) in config.instruments.iter().enumerate() {
        gate.set_limits(InstrumentId(at as u32), instrument.limits());
    }
    let run = RunId::of(second, config.trader.number);
    let options = OmsOptions { breaker: config.breaker.options(), ..config.orders.options() };
    Oms::new(options, gate, run, &venue_terms(config), &places(config))
}

/// Where each instrument trades.
fn places(config: &TraderConfig) -> Vec<Place> {
    let place = |instrument: &InstrumentTable| {
        let at = config.venues.iter().position(|venue| venue.name == instrument.venue);
        // The configuration was checked.
        Place { venue: VenueId(at.unwrap_or(0) as u8) }
    };
    config.instruments.iter().map(place).collect()
}
