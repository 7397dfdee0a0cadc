//! A trader, made of its configuration.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tiercel_execution::oms::{Oms, Place, RunId, VenueTerms};
use tiercel_execution::risk::Gate;
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_host::secret::{self, SecretError};
use tiercel_net::Limits;
use tiercel_strategy::{BuildError, Strategy, Terms};
use tiercel_telemetry::{Registry, RegistryError};
use tiercel_types::{InstrumentId, Symbol};

use crate::config::{TraderConfig, VenueKind, VenueTable, WaitName};
use crate::connector::BinaryOrders;
use crate::connector::binary::Login;
use crate::core::Core;
use crate::dial::Dialer;
use crate::feed::BinaryFeed;
use crate::hot::{Control, Hot, Wait};
use crate::instruments::{self, Instrument, InstrumentError};
use crate::lines::{Line, Lines};
use crate::market::Market;
use crate::timing::Timing;

/// Bytes of a connection that are not taken yet: more than the longest message.
const INPUT_BYTES: usize = 1 << 20;

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
    /// The folder of the store.
    #[error("{path}: {error}")]
    Store {
        /// Which folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
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
    let options = config.orders.options();
    let core = Core::new(
        strategy,
        oms(config),
        terms.into_iter().map(Market::new).collect(),
        options.orders_max,
        config.trader.silence_max_ms.saturating_mul(1_000_000),
        timing,
    );
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
                lines.push(Line::BinaryOrders(BinaryOrders::new(id, &login, Vec::new(), None)));
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

fn oms(config: &TraderConfig) -> Oms {
    let mut gate = Gate::new(config.risk.limits(), config.instruments.len());
    for (at, instrument) in config.instruments.iter().enumerate() {
        gate.set_limits(InstrumentId(at as u32), instrument.limits());
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let run = RunId::of(since.as_secs(), config.trader.number);
    let venues: Vec<VenueTerms> = config
        .venues
        .iter()
        .map(|venue| match venue.kind {
            VenueKind::Tiercel => VenueTerms { amends: true, validity_ns: 0 },
        })
        .collect();
    let place = |instrument: &crate::config::InstrumentTable| {
        let at = config.venues.iter().position(|venue| venue.name == instrument.venue);
        // The configuration was checked.
        Place { venue: VenueId(at.unwrap_or(0) as u8) }
    };
    let places: Vec<Place> = config.instruments.iter().map(place).collect();
    Oms::new(config.orders.options(), gate, run, &venues, &places)
}
