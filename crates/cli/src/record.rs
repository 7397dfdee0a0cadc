//! `tiercel record`: market data of venues, to other processes and to files.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tiercel_telemetry::Registry;
use tiercel_trader::MarketState;
use tiercel_trader::hot::Control;
use tiercel_trader::lines::{LineEvent, Lines};
use tiercel_trader::record::{self, Outputs, RecordConfig, Recorder};
use tiercel_types::Timestamp;

use crate::exit::Exit;
use crate::messages;
use crate::stop::Stop;

/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(1);

const DETAILS: &str = "\
Into FOLDER go files. Of kind binance one of each instrument, NAME-SYMBOL-TIME.jsonl: each message as it
came behind the time of its receipt, and first of all the book; tiercel replay reads them. Of kind tiercel
one of each venue, NAME-TIME.market: records, which tiercel decode market reads. Another file is begun
each file_minutes; each can be read without the others.

--bus makes a bus of each venue, DIR/NAME, in which any number of traders read books and trades in
place ([venue.bus] in their configuration). Keep it in memory: /dev/shm/tiercel. What readers may rely
on is in docs/market-data.md.

Ctrl-C stops it: readers are told, and files are whole. The exit code is 1 when something could not be
written.

Examples:
  tiercel record --print-config > record.toml
  tiercel record --config record.toml recordings
  tiercel record --config record.toml --bus /dev/shm/tiercel";

/// The arguments of `tiercel record`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct RecordArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", required_unless_present = "print_config")]
    config: Option<PathBuf>,
    /// Print an example of a configuration, with what each key means, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// Where files are written
    #[arg(value_name = "FOLDER", required_unless_present_any = ["print_config", "bus"])]
    folder: Option<PathBuf>,
    /// Where buses are made, one of each venue
    #[arg(long, value_name = "DIR")]
    bus: Option<PathBuf>,
    /// End after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
}

/// Runs `tiercel record`.
///
/// # Errors
/// What is wrong with the configuration, a venue or the system.
pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<Exit> {
    if args.print_config {
        print!("{}", record::TEMPLATE);
        return Ok(Exit::Ok);
    }
    messages::open()?;
    let stop = Stop::listen()?;
    let path = args.config.as_deref().context("a configuration is needed")?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let config: RecordConfig = text.parse().with_context(|| path.display().to_string())?;
    let outputs = Outputs { bus: args.bus.as_deref(), files: args.folder.as_deref() };
    let Recorder { hot, control, lines: names, instruments } =
        record::recorder(&config, &outputs, &Registry::new())?;
    let end = args.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let mut watch = Watch { control, stop, end, fault: None, progress: Progress::new() };
    let (_, mut lines) = hot.run(|_, lines, event| match event {
        Some(LineEvent::Up(line)) => watch.progress.say(&format!("{}: connected", names[line])),
        Some(LineEvent::Down(line, why)) => watch.progress.say(&format!("{}: {why}", names[line])),
        Some(LineEvent::Trouble(venue, what)) => {
            watch.progress.say(&format!("{}: {what}", config.venues[venue.index()].name));
        }
        // No orders are there, and nobody is asked about them.
        Some(LineEvent::Differs(_)) => {}
        None => watch.look(lines),
    })?;
    lines.core.end_tap(Timestamp(lines.core.timing.now_ns()));
    let counts = *lines.core.counts();
    watch.progress.clear();
    let markets = instruments.len();
    let (books, trades) = (counts.books, counts.trades);
    messages::say(&format!("{markets} markets: {books} updates of books, {trades} trades"));
    if let Some(fault) = lines.core.tap_fault() {
        anyhow::bail!("{fault}");
    }
    Ok(Exit::Ok)
}

/// What ends it, and how far it is.
struct Watch {
    control: Sender<Control>,
    stop: Stop,
    end: Option<Instant>,
    fault: Option<String>,
    progress: Progress,
}

impl Watch {
    fn look(&mut self, lines: &mut Lines) {
        if self.fault.is_none() {
            self.fault = lines.core.tap_fault();
        }
        let is_over = self.end.is_some_and(|end| Instant::now() >= end);
        if self.stop.asked() || is_over || self.fault.is_some() {
            // It hears of it, or is at its end already.
            let _ended = self.control.send(Control::Stop);
        }
        self.progress.tick(lines);
    }
}

/// A line that is written over again and again, where there is a terminal.
struct Progress {
    has_terminal: bool,
    is_shown: bool,
    next: Instant,
    books: u64,
    trades: u64,
}

impl Progress {
    fn new() -> Self {
        Self {
            has_terminal: io::stderr().is_terminal(),
            is_shown: false,
            next: Instant::now() + TELL,
            books: 0,
            trades: 0,
        }
    }

    /// Something that stays.
    fn say(&mut self, text: &str) {
        self.clear();
        messages::say(text);
    }

    fn tick(&mut self, lines: &Lines) {
        if Instant::now() < self.next {
            return;
        }
        self.next += TELL;
        let counts = lines.core.counts();
        let (books, trades) = (counts.books - self.books, counts.trades - self.trades);
        (self.books, self.trades) = (counts.books, counts.trades);
        if !self.has_terminal {
            return;
        }
        self.is_shown = true;
        let markets = lines.core.markets();
        let live = markets.iter().filter(|market| market.state() == MarketState::Live).count();
        let all = markets.len();
        messages::write(format!(
            "\r{live} of {all} markets live   {books} updates/s   {trades} trades/s   {} in all\x1b[K",
            counts.books + counts.trades
        ));
    }

    /// Takes the line away.
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            messages::write("\r\x1b[K".to_owned());
        }
    }
}
