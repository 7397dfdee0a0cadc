//! A trader, made of its configuration.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

use thiserror::Error;
use tiercel_execution::oms::{Adopted, Oms, Place, RunId, VenueTerms};
use tiercel_execution::risk::{Denial, Gate};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_host::secret::{self, SecretError};
use tiercel_net::Limits;
use tiercel_strategy::{BuildError, Strategy, Terms};
use tiercel_telemetry::{Registry, RegistryError};
use tiercel_types::{InstrumentId, Symbol, Timestamp};

use crate::config::{TraderConfig, VenueKind, VenueTable, WaitName};
use crate::connector::BinaryOrders;
use crate::connector::binary::Login;
use crate::core::Core;
use crate::dial::Dialer;
use crate::feed::BinaryFeed;
use crate::hot::{Control, Hot, Wait};
use crate::instruments::{self, Instrument, InstrumentError};
use crate::journal::{self, Journal, JournalError, Left};
use crate::lines::{Line, Lines};
use crate::market::Market;
use crate::timing::Timing;

/// Bytes of a connection that are not taken yet: more than the longest message.
const INPUT_BYTES: usize = 1 << 20;

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
    /// Metrics.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// An order of a run before.
    #[error("an order of the run before cannot be taken over: {0}")]
    Adopt(Denial),
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
    let instruments = instruments(config)?;
    let terms: Vec<Terms> = instruments.iter().map(|(_, instrument)| instrument.terms).collect();
    let strategy = strategy(&terms)?;
    let name = strategy.name().to_owned();
    let timing = Timing::new(registry, Clock::new())?;
    let now = Timestamp(timing.now_ns());
    let (left, journal) = open_journal(config, now)?;
    let options = config.orders.options();
    let mut core = Core::new(
        strategy,
        oms(config, journal.second()),
        terms.into_iter().map(Market::new).collect(),
        options.orders_max,
        config.trader.silence_max_ms.saturating_mul(1_000_000),
        timing,
    );
    recover(&left, now, &mut core)?;
    core.set_journal(journal);
    let (mut lines, mut names, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
    for (at, venue) in config.venues.iter().enumerate() {
        let id = VenueId(at as u8);
        let wanted = wanted(config, venue);
        match venue.kind {
            VenueKind::Tiercel => {
                let login = Login {
                    key: venue.key.as_str().into(),
                    secret: secret::read(&venue.secret_file)?.trim().as_bytes().into(),
                    heartbeat_ms: venue.heartbeat_ms,
                    cancel_on_disconnect: venue.cancel_on_disconnect,
                };
                lines.push(Line::BinaryFeed(BinaryFeed::new(id, wanted)));
                names.push(format!("{} market data", venue.name));
                addresses.push(venue.market.clone());
                let next = left.next_answers.get(at).copied().filter(|next| *next > 0);
                lines.push(Line::BinaryOrders(BinaryOrders::new(id, &login, Vec::new(), next)));
                names.push(format!("{} orders", venue.name));
                addresses.push(venue.orders.clone());
            }
        }
    }
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
    let lines = Lines::new(core, lines, connections);
    let hot = Hot::new(lines, Dialer::new(addresses)?, controlled, wait, limits)?;
    Ok(Trader { hot, control, instruments, lines: names, strategy: name })
}

/// What a run before has left, and the journal of this one.
fn open_journal(config: &TraderConfig, now: Timestamp) -> Result<(Left, Journal), SetupError> {
    let named: Vec<(String, String)> = config
        .instruments
        .iter()
        .map(|instrument| (instrument.venue.clone(), instrument.symbol.as_str().to_owned()))
        .collect();
    Ok(journal::open(&config.trader.store, now, &venue_terms(config), &named)?)
}

/// Goes on from what a run before has left: its positions, and its orders, which are asked for.
fn recover(left: &Left, now: Timestamp, core: &mut Core) -> Result<(), SetupError> {
    for (instrument, position) in left.recovery.positions() {
        core.oms_mut().set_position(instrument, *position);
    }
    // Of those that have ended something may be told still.
    let ended: Vec<Adopted> = left.recovery.ended().map(|(_, adopted)| *adopted).collect();
    let ended = &ended[ended.len().saturating_sub(ENDED_KEPT)..];
    let live = left.recovery.orders().map(|(_, adopted)| adopted);
    for adopted in live.chain(ended) {
        core.adopt(now, adopted).map_err(SetupError::Adopt)?;
    }
    Ok(())
}

fn venue_terms(config: &TraderConfig) -> Vec<VenueTerms> {
    let terms = |venue: &VenueTable| match venue.kind {
        VenueKind::Tiercel => VenueTerms { amends: true, validity_ns: 0 },
    };
    config.venues.iter().map(terms).collect()
}

/// What a venue is to tell of.
fn wanted(config: &TraderConfig, venue: &VenueTable) -> Vec<(Symbol, InstrumentId)> {
    let of_venue = |(at, instrument): (usize, &crate::config::InstrumentTable)| {
        (instrument.venue == venue.name).then_some((instrument.symbol, InstrumentId(at as u32)))
    };
    config.instruments.iter().enumerate().filter_map(of_venue).collect()
}

fn instruments(config: &TraderConfig) -> Result<Vec<(Symbol, Instrument)>, SetupError> {
    let mut found: Vec<(Symbol, Instrument)> = Vec::new();
    for venue in &config.venues {
        let wanted = wanted(config, venue);
        if wanted.is_empty() {
            continue;
        }
        let fetched = instruments::fetch(&venue.rest, &wanted)?;
        found.extend(wanted.iter().map(|(symbol, _)| *symbol).zip(fetched));
    }
    found.sort_by_key(|(_, instrument)| instrument.terms.instrument.0);
    if let Some((_, first)) = found.first()
        && let Some((_, other)) =
            found.iter().find(|(_, other)| other.quote_asset != first.quote_asset)
    {
        let (one, other) = (first.quote_asset.clone(), other.quote_asset.clone());
        return Err(SetupError::QuoteAssets(one, other));
    }
    Ok(found)
}

fn oms(config: &TraderConfig, second: u64) -> Oms {
    let mut gate = Gate::new(config.risk.limits(), config.instruments.len());
    for (at, instrument) in config.instruments.iter().enumerate() {
        gate.set_limits(InstrumentId(at as u32), instrument.limits());
    }
    let run = RunId::of(second, config.trader.number);
    let venues = venue_terms(config);
    let place = |instrument: &crate::config::InstrumentTable| {
        let at = config.venues.iter().position(|venue| venue.name == instrument.venue);
        // The configuration was checked.
        Place { venue: VenueId(at.unwrap_or(0) as u8) }
    };
    let places: Vec<Place> = config.instruments.iter().map(place).collect();
    Oms::new(config.orders.options(), gate, run, &venues, &places)
}
