//! Runs an engine and the reference model side by side on the same commands, and audits the
//! engine's events. [`crate::shrink`] boils a failure down.
//!
//! ```text
//!   Generator --> step --+--> Subject (the engine) --> events --+--> same_events
//!       ^                +--> Model                --> events --+      |
//!       +--------------------- observes ----------------------- +--> Auditor
//! ```
//!
//! The engine's tests implement [`Subject`] for it. Nothing here knows the engine.

#![allow(clippy::missing_panics_doc, reason = "a judge of tests: it panics on its own faults only")]

use core::fmt::{self, Write as _};

use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{
    AccountId, AssetId, Command, InstrumentId, Money, Price, Qty, Side, Timestamp,
};

use crate::auditor::Auditor;
use crate::commands::{Generator, Profile, Step};
use crate::coverage::Coverage;
use crate::model::{Events, Mode, Model, same_events};
use crate::promises::Promises;

pub use crate::shrink::{report, shrink};

/// An engine under test.
pub trait Subject {
    /// Runs a command and returns all its events.
    fn apply(&mut self, sequence: u64, time: Timestamp, command: &Command) -> Events;

    /// The levels of a side, best first: price and displayed quantity.
    fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty)>;

    /// What an account has free and reserved of an asset; zero for an engine without accounts.
    fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money);
}

impl Subject for Model {
    fn apply(&mut self, sequence: u64, time: Timestamp, command: &Command) -> Events {
        Self::apply(self, sequence, time, command)
    }

    fn depth(&self, instrument: InstrumentId, side: Side) -> Vec<(Price, Qty)> {
        let levels = Self::depth(self, instrument, side).into_iter();
        levels.map(|(price, qty, _)| (price, qty)).collect()
    }

    fn balance(&self, account: AccountId, asset: AssetId) -> (Money, Money) {
        Self::balance(self, account, asset)
    }
}

/// The shard of every run: order ids of the engine under test carry it.
pub const SHARD: u16 = 3;

/// Books and balances are compared whenever so many commands were run, and at the end.
const COMPARE_EVERY: u64 = 64;

/// A run in which engine and model, or engine and auditor, disagree.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The profile's name.
    pub profile: &'static str,
    /// For which build.
    pub mode: Mode,
    /// The generator's seed.
    pub seed: u64,
    /// What differs, as text.
    pub difference: String,
    /// Every command up to the one that shows it. Their sequences count from 1.
    pub steps: Vec<Step>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, seed, steps, difference, .. } = self;
        let count = steps.len();
        writeln!(f, "profile {profile}, seed {seed}, command {count}: {difference}")?;
        if let Some(step) = steps.last() {
            writeln!(f, "  at {} ns: {:?}", step.time, step.command)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Engine, model and auditor on the same commands.
struct SideBySide<'a, S> {
    subject: &'a mut S,
    model: Model,
    auditor: Auditor,
    promises: Promises,
    mode: Mode,
    sequence: u64,
}

impl<'a, S: Subject> SideBySide<'a, S> {
    fn new(subject: &'a mut S, mode: Mode) -> Self {
        let (model, auditor) = (Model::new(SHARD, mode), Auditor::new(mode));
        Self { subject, model, auditor, promises: Promises::default(), mode, sequence: 0 }
    }

    /// Runs one command; returns its events if all agree.
    fn step(&mut self, step: &Step) -> Result<Events, String> {
        self.sequence += 1;
        let events = self.subject.apply(self.sequence, step.time, &step.command);
        let expected = self.model.apply(self.sequence, step.time, &step.command);
        same_events(&events, &expected)?;
        for (header, event) in &events {
            self.auditor.observe(header, event).map_err(|error| format!("audit: {error}"))?;
        }
        self.promises.observe(&step.command, &events)?;
        if self.sequence.is_multiple_of(COMPARE_EVERY) {
            self.compare_states()?;
        }
        Ok(events)
    }

    /// Books and balances of all three, and that the engine neither makes nor loses money.
    fn compare_states(&self) -> Result<(), String> {
        for instrument in self.model.instruments() {
            for side in [Side::Buy, Side::Sell] {
                let model = self.model.depth(instrument, side);
                let auditor = self.auditor.depth(instrument, side);
                let name = format!("book of instrument {instrument}, {side}");
                agree(&name, "auditor", &auditor, "model", &model)?;
                let model: Vec<_> = model.iter().map(|(price, qty, _)| (*price, *qty)).collect();
                agree(&name, "engine", &self.subject.depth(instrument, side), "model", &model)?;
            }
        }
        agree(
            "live orders",
            "auditor",
            &self.auditor.live_orders(),
            "model",
            &self.model.live_orders(),
        )?;
        self.auditor.verify().map_err(|what| format!("audit: {what}"))?;
        if self.mode == Mode::Bare {
            return Ok(());
        }
        for asset in self.model.assets() {
            let mut sum = 0;
            for account in self.model.accounts() {
                let name = format!("free and reserved of asset {asset} of account {account}");
                let engine = self.subject.balance(account, asset);
                agree(&name, "engine", &engine, "model", &self.model.balance(account, asset))?;
                agree(&name, "engine", &engine, "auditor", &self.auditor.balance(account, asset))?;
                sum += engine.0.units() + engine.1.units();
            }
            let net = self.auditor.net_deposits(asset);
            let name = format!("all of asset {asset}");
            agree(&name, "engine", &Money::from_units(sum), "deposits less withdrawals", &net)?;
        }
        Ok(())
    }
}

fn agree<T: PartialEq + fmt::Debug>(
    what: &str,
    whose: &str,
    found: &T,
    whose_else: &str,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} differs:\n  {whose}: {found:?}\n  {whose_else}: {expected:?}"))
}

/// Runs `commands` random commands on a new engine of shard [`SHARD`] and on the model.
///
/// # Errors
/// The first [`Failure`]; [`shrink`] makes it small.
pub fn run_side_by_side<S: Subject>(
    subject: &mut S,
    profile: Profile,
    seed: u64,
    commands: u64,
) -> Result<Coverage, Failure> {
    let mut generator = Generator::new(profile, seed);
    let mut run = SideBySide::new(subject, profile.mode);
    let mut coverage = Coverage::default();
    let mut steps = Vec::new();
    for _ in 0..commands {
        let step = generator.next_step();
        steps.push(step);
        coverage.command(&step.command);
        match run.step(&step) {
            Ok(events) => {
                for (header, event) in &events {
                    coverage.event(event);
                    generator.observe(header, event);
                }
            }
            Err(difference) => return Err(failure(&profile, seed, difference, steps)),
        }
    }
    match run.compare_states() {
        Ok(()) => Ok(coverage),
        Err(difference) => Err(failure(&profile, seed, difference, steps)),
    }
}

fn failure(profile: &Profile, seed: u64, difference: String, steps: Vec<Step>) -> Failure {
    Failure { profile: profile.name, mode: profile.mode, seed, difference, steps }
}

/// Runs recorded commands on a new engine of shard [`SHARD`] and on the model.
///
/// # Errors
/// How many commands were run until they disagreed, and the difference.
pub fn replay<S: Subject>(
    subject: &mut S,
    mode: Mode,
    steps: &[Step],
) -> Result<(), (usize, String)> {
    let mut run = SideBySide::new(subject, mode);
    for (at, step) in steps.iter().enumerate() {
        run.step(step).map_err(|difference| (at + 1, difference))?;
    }
    run.compare_states().map_err(|difference| (steps.len(), difference))
}

/// Writes commands so that people can read them and [`parse_steps`] can run them again: a line of
/// hexadecimal (the record of the log) after a line that says what it is.
#[must_use]
pub fn print_steps(steps: &[Step]) -> String {
    let mut text = String::new();
    for (at, step) in steps.iter().enumerate() {
        let mut record = [0; RECORD_SIZE_MAX];
        let size = step.command.encode(at as u64 + 1, step.time, &mut record).unwrap_or(0);
        let _ = writeln!(text, "# {} {:?}", at + 1, step.command);
        for byte in &record[..size] {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

/// Reads what [`print_steps`] wrote; lines that start with `#` are passed over.
///
/// # Errors
/// The line that is no record, and why.
pub fn parse_steps(text: &str) -> Result<Vec<Step>, String> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(parse_step).collect()
}

fn parse_step(line: &str) -> Result<Step, String> {
    let byte = |at| line.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Option<Vec<u8>> = (0..line.len()).step_by(2).map(byte).collect();
    let bytes = bytes.ok_or_else(|| format!("not hexadecimal: {line}"))?;
    let (header, command) = Command::decode(&bytes).map_err(|error| format!("{error}: {line}"))?;
    Ok(Step { time: Timestamp(header.time_ns), command })
}
