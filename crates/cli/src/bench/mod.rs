//! `tiercel bench`: how fast it is, on this machine, now.
//!
//! Each case prints a row: see [`row::Row`]. Peers are measured by the binary of `benches/peers`,
//! an excluded workspace, which runs the same cases with [`run_with`] and adds its subjects.

pub mod allocation;
pub mod auction;
pub mod binance;
pub mod book;
pub mod bracket;
pub mod bus;
pub mod clock;
pub mod contest;
pub mod driver;
pub mod engine;
pub mod execution;
mod feed_rate;
pub mod flatbuffers;
pub mod gateway;
mod gateway_fix;
mod gateway_venue;
pub mod host;
pub mod itch;
pub mod journal;
pub mod matching;
pub mod net;
pub mod order_entry;
pub mod pair;
pub mod partner;
pub mod row;
pub mod signals;
pub mod sync;
pub mod sync_cells;
mod tick_json;
mod tick_peer;
mod tick_sockets;
pub mod tick_to_trade;
pub mod venue;
mod venue_client;
mod venue_sockets;
pub mod waiting;

use std::io::Write;

use thiserror::Error;

use clock::Clock;
use contest::{Case, CaseSpec};
use row::Row;

/// Every case, in the order they run.
///
/// The memory cases come first: they need a heap that nothing was freed on.
pub const CASES: &[&[CaseSpec]] = &[
    matching::CASES,
    waiting::CASES,
    allocation::CASES,
    auction::CASES,
    itch::DECODE_CASES,
    binance::CASES,
    order_entry::CASES,
    flatbuffers::CASES,
    book::CASES,
    itch::BUILD_CASES,
    signals::CASES,
    sync::CASES,
    sync_cells::CASES,
    bus::CASES,
    journal::CASES,
    net::CASES,
    venue::CASES,
    gateway::CASES,
    execution::CASES,
    tick_to_trade::CASES,
    host::CASES,
];

/// Why a bench cannot run.
#[derive(Debug, Error)]
pub enum BenchError {
    /// No case has this name.
    #[error("no such bench or case: {0}; there are: {1}")]
    Unknown(String, String),
    /// The subject did not do what is measured.
    #[error("{subject} did not do the work: {what}")]
    Wrong {
        /// Which subject.
        subject: String,
        /// What it did instead.
        what: String,
    },
    /// This machine or build cannot measure it.
    #[error("not available here: {0}")]
    NotAvailable(&'static str),
    /// The machine did not stand still for long enough.
    #[error("unsteady: the two probes agreed in {counted} rounds of the {wanted} that are needed")]
    Unsteady {
        /// Rounds that counted.
        counted: usize,
        /// Rounds that had to.
        wanted: usize,
    },
    /// The system refused: pinning, or printing.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// The result could not be made JSON.
    #[error("cannot make JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
    /// The rows of a table in BENCHMARKS.md.
    Markdown,
}

/// What to measure and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Which bench: matching, wire, book, signals, sync, bus, journal, net, venue, gateway, execution,
    /// tick-to-trade, host, or all of them
    #[arg(default_value = "all")]
    pub name: String,
    /// Only this case
    #[arg(long)]
    pub case: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// The rows of a Markdown table
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Rounds of each case; the median counts
    #[arg(long, default_value_t = 7)]
    pub rounds: usize,
    /// Rounds of each case between two cores: those whose two probes agree; the median counts
    #[arg(long, default_value_t = 31)]
    pub bracketed_rounds: usize,
    /// Measure each case for at least so long, instead of so many rounds
    #[arg(long)]
    pub seconds: Option<f64>,
    /// Operations of a round, where the case lets one choose
    #[arg(short = 'n', long, default_value_t = 400_000)]
    pub operations: usize,
    /// Which core to run on; the last one if not given
    #[arg(long)]
    pub cpu: Option<usize>,
    /// Which core the second thread runs on, where there are two; the first other one if not given
    #[arg(long)]
    pub second_cpu: Option<usize>,
    /// Seeds the loads
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "all".to_owned(),
            case: None,
            json: false,
            markdown: false,
            rounds: 7,
            bracketed_rounds: 31,
            seconds: None,
            operations: 400_000,
            cpu: None,
            second_cpu: None,
            seed: 1,
        }
    }
}

impl Options {
    fn takes(&self, spec: &CaseSpec) -> bool {
        (self.name == "all" || self.name == spec.bench)
            && self.case.as_ref().is_none_or(|case| case == spec.name)
    }

    /// Chooses the cores that were not given, of those that this thread may run on.
    ///
    /// # Errors
    /// The system's refusal to say which those are.
    pub fn with_cpus(&self) -> Result<Self, BenchError> {
        let cpus = tiercel_host::allowed_cpus()?;
        let cpu = self.cpu.or(cpus.last().copied()).unwrap_or(0);
        let second_cpu = self.second_cpu.or(cpus.iter().copied().find(|&other| other != cpu));
        Ok(Self { cpu: Some(cpu), second_cpu, ..self.clone() })
    }

    /// The core of the second thread, of a case between two cores.
    ///
    /// # Errors
    /// [`BenchError::NotAvailable`] where there is one core alone.
    pub fn second_cpu(&self) -> Result<usize, BenchError> {
        self.second_cpu.ok_or(BenchError::NotAvailable("it needs two cores"))
    }

    fn format(&self) -> Format {
        match (self.json, self.markdown) {
            (true, _) => Format::Json,
            (false, true) => Format::Markdown,
            (false, false) => Format::Table,
        }
    }
}

/// Runs the chosen cases and prints their rows to `out`.
///
/// # Errors
/// [`BenchError`] when a name is unknown, a case cannot run, or `out` cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> Result<(), BenchError> {
    run_with(options, out, &mut |_, _| {})
}

/// As [`run`], with peers: `add` may append subjects to each case before it runs.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    options: &Options,
    out: &mut dyn Write,
    add: &mut dyn FnMut(&CaseSpec, &mut Case),
) -> Result<(), BenchError> {
    if let Some(role) = partner::role() {
        return bus::serve(&role);
    }
    let chosen: Vec<&CaseSpec> =
        CASES.iter().copied().flatten().filter(|spec| options.takes(spec)).collect();
    if chosen.is_empty() {
        let asked = options.case.as_ref().unwrap_or(&options.name).clone();
        let known: Vec<String> = CASES
            .iter()
            .copied()
            .flatten()
            .map(|spec| format!("{} {}", spec.bench, spec.name))
            .collect();
        return Err(BenchError::Unknown(asked, known.join(", ")));
    }
    let options = &options.with_cpus()?;
    let cpu = options.cpu.unwrap_or(0);
    // Named before pinning: a pinned process sees one core.
    let machine = tiercel_host::machine().to_string();
    tiercel_host::pin_current_thread(cpu)?;
    let clock = Clock::calibrate();
    let format = options.format();
    let setting = format!(
        "{machine}; pinned to core {cpu}; empty timer pair {:.1} ns",
        clock.empty_pair_ns()
    );
    match format {
        Format::Table => writeln!(out, "{setting}\n{}", Row::heading())?,
        Format::Markdown => writeln!(out, "{setting}.\n\n{}", Row::markdown_heading())?,
        Format::Json => {}
    }
    for spec in chosen {
        let mut case = (spec.build)(options)?;
        add(spec, &mut case);
        let row = case.run(spec, options, &clock, &machine)?;
        let line = match format {
            Format::Table => row.line(),
            Format::Json => serde_json::to_string(&row)?,
            Format::Markdown => row.markdown(),
        };
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    Ok(())
}
