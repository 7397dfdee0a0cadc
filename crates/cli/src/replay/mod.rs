//! `tiercel replay`: recorded market data through the decoders and books.
//!
//! ```text
//!   file --> unpack --> which format? --> frames or lines --> decoder --> books --> Report
//! ```
//!
//! It streams: memory is bounded by the live orders and levels of the books, not by the file.

mod binance;
mod itch;
mod progress;
mod report;
mod source;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::exit::Exit;
use crate::stop::Stop;
use progress::Progress;
use report::Report;
use source::Source;

const DETAILS: &str = "\
The format is found from the content: Nasdaq TotalView-ITCH 5.0 with a two-byte length before each
message, or a Binance Spot capture with one `<local time in ns> <JSON>` a line; both plain or
packed with gzip.

What contradicts itself is counted and shown, never passed over: gaps between updates, orders that
are not known, crossed books. A message or line that is damaged is skipped and shown with its byte
or line; after eight in a row the reading stops. Then, as for a file that is cut off or is neither
format, the exit code is 3, and what was good is printed.

Examples:
  tiercel replay 01302020.NASDAQ_ITCH50.gz --symbol AAPL --symbol MSFT --depth 10
  tiercel replay btcusdt.jsonl.gz --json";

/// The arguments of `tiercel replay`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct ReplayArgs {
    /// The recorded data
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the content for this, whatever it looks like
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Levels to show of each final book
    #[arg(long, value_name = "N", default_value_t = 5)]
    depth: usize,
    /// Show this symbol alone (may be repeated); else the busiest ones
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<String>,
    /// One JSON object, for machines
    #[arg(long)]
    json: bool,
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Nasdaq TotalView-ITCH 5.0, length-prefixed
    Itch,
    /// Binance Spot, one message a line
    Binance,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Itch => "Nasdaq ITCH 5.0",
            Self::Binance => "Binance Spot capture",
        }
    }
}

/// Damaged messages in a row after which nothing behind them is believed.
const DAMAGED_IN_A_ROW_MAX: u32 = 8;

/// What is wrong with the data as data.
#[derive(Debug, Default)]
struct Damage {
    /// The first ones, each with its place.
    first: Vec<String>,
    count: u64,
    in_a_row: u32,
}

impl Damage {
    /// How many are told in full.
    const SHOWN: usize = 5;

    fn add(&mut self, what: &impl ToString) {
        if self.first.len() < Self::SHOWN {
            self.first.push(what.to_string());
        }
        self.count += 1;
        self.in_a_row += 1;
    }

    /// Notes that something good came.
    const fn good(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether to give up.
    const fn too_much(&self) -> bool {
        self.in_a_row >= DAMAGED_IN_A_ROW_MAX
    }
}

/// Runs `tiercel replay`.
///
/// # Errors
/// When the file cannot be opened or the output not be written.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let stop = Stop::listen()?;
    let mut source = Source::open(&args.file)?;
    let name = args.file.display().to_string();
    let Some(format) = args.format.or_else(|| source.format()) else {
        let why = source.why_foreign();
        eprintln!("tiercel: {name}: {why}");
        return Ok(Exit::Damaged);
    };
    let mut progress = Progress::new(source.size());
    let start = Instant::now();
    let mut report = Report::new(name, format);
    match format {
        Format::Itch => itch::replay(&mut source, args, &stop, &mut progress, &mut report),
        Format::Binance => binance::replay(&mut source, args, &stop, &mut progress, &mut report),
    }
    report.elapsed = start.elapsed();
    report.interrupted = stop.asked();
    progress.clear();
    report.print(args.json)?;
    Ok(report.exit())
}
