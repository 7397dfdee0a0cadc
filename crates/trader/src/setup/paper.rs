//! A trader on paper, live or of a recording.

use std::io;
use std::path::Path;

use tiercel_host::Clock;
use tiercel_strategy::{Strategy, Terms};
use tiercel_telemetry::Registry;
use tiercel_types::{Symbol, Timestamp};

use super::{SetupError, core, feeds, places, seen};
use crate::config::{ConfigError, InstrumentTable, PaperTable, TraderConfig};
use crate::core::Core;
use crate::instruments::Instrument;
use crate::lines::{Line, Lines};
use crate::paper::Paper;
use crate::recording::{Head, Recorder, Recording, RecordingError};
use crate::timing::Timing;

/// Whether what is configured can be traded on paper, and recorded if it is to be.
pub(super) fn check(config: &TraderConfig) -> Result<(), ConfigError> {
    let Some(table) = &config.paper else { return Ok(()) };
    if let Some(venue) = config.venues.iter().find(|venue| venue.itch.is_some()) {
        let what = "not on paper: the five best levels are no book to wait in".to_owned();
        return Err(ConfigError::Value { key: format!("venue {}: itch", venue.name), what });
    }
    if table.record.is_some() { check_recorded(config) } else { Ok(()) }
}

/// What decides on paper. It begins with nothing, and leaves nothing: what is in a journal is true.
pub(super) fn core_on_paper(
    config: &TraderConfig,
    table: &PaperTable,
    strategy: Box<dyn Strategy>,
    instruments: &[(Symbol, Instrument)],
    timing: Timing,
) -> Result<Core, SetupError> {
    let start = Timestamp(timing.now_ns());
    let head = head(config, start, instruments);
    let terms = instruments.iter().map(|(_, instrument)| instrument.terms).collect();
    let mut core = core(config, strategy, terms, head.second, timing);
    let mut paper = paper(config, table, start, &core);
    if let Some(path) = &table.record {
        let recorder = Recorder::create(path, &head);
        paper.set_recorder(recorder.map_err(|error| unwritten(path, error))?);
    }
    core.set_paper(paper);
    Ok(core)
}

fn paper(config: &TraderConfig, table: &PaperTable, start: Timestamp, core: &Core) -> Paper {
    let terms: Vec<Terms> = core.markets().iter().map(|market| market.terms).collect();
    let places = places(config).iter().map(|place| place.venue).collect();
    Paper::new(start, table.options(), table.seed, &terms, places, config.orders.orders_max)
}

fn unwritten(path: &Path, error: io::Error) -> RecordingError {
    RecordingError::Io { path: path.to_owned(), error }
}

/// What has to be known of a run to replay it.
fn head(config: &TraderConfig, start: Timestamp, instruments: &[(Symbol, Instrument)]) -> Head {
    let instruments = instruments.iter().zip(&config.instruments);
    Head {
        start,
        second: start.0 / 1_000_000_000,
        instruments: instruments
            .map(|((symbol, instrument), table)| (table.venue.clone(), *symbol, instrument.clone()))
            .collect(),
        lines: feeds(config).into_iter().map(|(_, name)| name).collect(),
    }
}

/// What comes without a connection is not recorded here.
fn check_recorded(config: &TraderConfig) -> Result<(), ConfigError> {
    let other = config.venues.iter().find(|venue| venue.market.is_empty());
    other.map_or(Ok(()), |venue| {
        let what = format!("market data of {} come without a connection", venue.name);
        Err(ConfigError::Value { key: "paper.record".to_owned(), what })
    })
}

/// A recorded paper run that is about to be replayed.
pub struct Replay {
    /// Its core, and its lines without connections: for [`replay::run`](crate::replay::run).
    pub lines: Lines,
    /// What came in.
    pub recording: Recording,
    /// What it trades, by its number.
    pub instruments: Vec<(Symbol, Instrument)>,
    /// What each of its lines is, by its number.
    pub names: Vec<String>,
    /// What the strategy is called.
    pub strategy: String,
}

/// Makes a trader of a recording, with the strategy that `strategy` makes for its instruments, and a paper venue.
///
/// # Errors
/// [`SetupError`]; a recording of other instruments or lines than those configured is refused.
pub fn replay(
    config: &TraderConfig,
    path: &Path,
    strategy: impl FnOnce(&[Terms]) -> Result<Box<dyn Strategy>, SetupError>,
    registry: &Registry,
) -> Result<Replay, SetupError> {
    let recording = Recording::open(path)?;
    let head = recording.head();
    let (lines, names): (Vec<Line>, Vec<String>) = feeds(config).into_iter().unzip();
    let table = |table: &InstrumentTable| format!("{} {}", table.venue, table.symbol.as_str());
    let recorded = head.instruments.iter();
    let recorded = recorded.map(|(venue, symbol, _)| format!("{venue} {}", symbol.as_str()));
    same(path, "instruments", recorded, config.instruments.iter().map(table))?;
    same(path, "lines", head.lines.iter().cloned(), names.iter().cloned())?;
    let instruments: Vec<(Symbol, Instrument)> = head
        .instruments
        .iter()
        .map(|(_, symbol, instrument)| (*symbol, instrument.clone()))
        .collect();
    let terms: Vec<Terms> = instruments.iter().map(|(_, instrument)| instrument.terms).collect();
    let strategy = strategy(&seen(config, &terms))?;
    let name = strategy.name().to_owned();
    let timing = Timing::new(registry, Clock::new())?;
    let mut core = core(config, strategy, terms, head.second, timing);
    let table = config.paper.clone().unwrap_or_default();
    let paper = paper(config, &table, head.start, &core);
    core.set_paper(paper);
    let lines = Lines::new(core, lines, 0);
    Ok(Replay { lines, recording, instruments, names, strategy: name })
}

fn same(
    path: &Path,
    what: &str,
    was: impl Iterator<Item = String>,
    is: impl Iterator<Item = String>,
) -> Result<(), RecordingError> {
    let [was, is] = [was.collect::<Vec<_>>(), is.collect::<Vec<_>>()].map(|names| names.join(", "));
    if was == is {
        return Ok(());
    }
    Err(RecordingError::Other { path: path.to_owned(), what: what.to_owned(), was, is })
}
