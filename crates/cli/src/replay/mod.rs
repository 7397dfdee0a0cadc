//! `tiercel replay`: recorded market data through the decoders and books.
//!
//! ```text
//!   file --> unpack --> which format? --> frames or lines --> decoder --> books --> Report
//!                                                                           |
//!                                                                           +--> signals --> plot
//! ```
//!
//! It streams: memory is bounded by the live orders and levels of the books, not by the file.

mod binance;
mod itch;
mod plot;
mod progress;
mod report;
mod signals;
mod source;

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tiercel_book::signal::MicroPrice;
use tiercel_types::Qty;

use crate::exit::Exit;
use crate::stop::Stop;
use progress::Progress;
use report::Report;
use signals::SignalOptions;
use source::Source;

const DETAILS: &str = "\
The format is found from the content: Nasdaq TotalView-ITCH 5.0 with a two-byte length before each
message, or a Binance Spot capture with one `<local time in ns> <JSON>` a line; both plain or
packed with gzip.

What contradicts itself is counted and shown, never passed over: gaps between updates, orders that
are not known, crossed books. A message or line that is damaged is skipped and shown with its byte
or line; after eight in a row the reading stops. Then, as for a file that is cut off or is neither
format, the exit code is 3, and what was good is printed.

--signals follows what the book and its trades say of the price (docs/signals.md), for the first 16
symbols of the file if none is named, and holds it against how the mid then moved. Times are the recorder's in a
Binance capture. A micro-price that is estimated from the same data knows what it should predict: keep
it with --save-micro-price, and give it to another day's replay with --micro-price.

Examples:
  tiercel replay 01302020.NASDAQ_ITCH50.gz --symbol AAPL --symbol MSFT --depth 10
  tiercel replay btcusdt.jsonl.gz --json
  tiercel replay btcusdt.jsonl.gz --plot signals.svg";

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
    /// Follow the signals of each symbol asked for, or of the first 16
    #[arg(long)]
    signals: bool,
    /// Draw the signals of the busiest symbol followed, as an SVG; implies --signals
    #[arg(long, value_name = "OUT.svg", value_parser = svg_path)]
    plot: Option<PathBuf>,
    /// What fills a bucket of VPIN; else half of what the first 200 trades were
    #[arg(long, value_name = "QTY", value_parser = above_zero)]
    vpin_bucket: Option<Qty>,
    /// The micro-price's model; else it is estimated from the data
    #[arg(long, value_name = "MODEL")]
    micro_price: Option<PathBuf>,
    /// Keep the micro-price's model of the busiest symbol followed; implies --signals
    #[arg(long, value_name = "MODEL", conflicts_with = "micro_price")]
    save_micro_price: Option<PathBuf>,
    /// One JSON object, for machines
    #[arg(long)]
    json: bool,
}

fn svg_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        Ok(path)
    } else {
        Err("a plot is an SVG: its name has to end in .svg".to_owned())
    }
}

fn above_zero(text: &str) -> Result<Qty, String> {
    match text.parse::<Qty>() {
        Ok(Qty::ZERO) => Err("it has to be above zero".to_owned()),
        Ok(qty) => Ok(qty),
        Err(error) => Err(error.to_string()),
    }
}

impl ReplayArgs {
    /// How signals are followed; none: they are not.
    ///
    /// # Errors
    /// When the micro-price's model cannot be read.
    fn signal_options(&self) -> anyhow::Result<Option<SignalOptions>> {
        let asked = self.signals
            || self.plot.is_some()
            || self.save_micro_price.is_some()
            || self.micro_price.is_some()
            || self.vpin_bucket.is_some();
        if !asked {
            return Ok(None);
        }
        let read = |path: &PathBuf| -> anyhow::Result<Rc<MicroPrice>> {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let model = MicroPrice::from_text(&text);
            Ok(Rc::new(model.with_context(|| format!("{} is refused", path.display()))?))
        };
        let model = self.micro_price.as_ref().map(read).transpose()?;
        let vpin_bucket = self.vpin_bucket.unwrap_or(Qty::ZERO);
        Ok(Some(SignalOptions { vpin_bucket, model, symbols: self.symbol.clone() }))
    }
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
    let options = args.signal_options()?;
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
        Format::Itch => {
            itch::replay(&mut source, args, options, &stop, &mut progress, &mut report);
        }
        Format::Binance => {
            binance::replay(&mut source, args, options, &stop, &mut progress, &mut report);
        }
    }
    report.elapsed = start.elapsed();
    report.interrupted = stop.asked();
    progress.clear();
    report.print(args.json)?;
    keep(args, format, &report)?;
    Ok(report.exit())
}

/// Writes the files that were asked for, of the busiest symbol followed.
fn keep(args: &ReplayArgs, format: Format, report: &Report) -> anyhow::Result<()> {
    if args.plot.is_none() && args.save_micro_price.is_none() {
        return Ok(());
    }
    let signals = report.signals.first().context("the data have no symbol with signals")?;
    let write = |path: &PathBuf, text: String| {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(path) = &args.plot {
        write(path, plot::draw(signals, format)?)?;
    }
    if let Some(path) = &args.save_micro_price {
        let why = || format!("no micro-price: {}", signals.no_model().unwrap_or_default());
        write(path, signals.model().with_context(why)?.to_text())?;
    }
    Ok(())
}
