//! `tiercel`: the binary. It reads arguments, opens files and terminals, and leaves every
//! decision to the pure crates.

mod allocator;
mod bus;
mod capture;
mod demo;
mod doctor;
mod exit;
mod feed;
mod feed_market;
mod fix_client;
mod fix_echo;
mod journal;
mod messages;
mod output;
mod record;
mod replay;
mod screen;
mod session;
mod stop;
mod text;
mod top;
mod trade;
mod venue;
mod venue_feed;
mod venue_hints;
mod venue_ouch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tiercel_cli::bench;

use crate::exit::Exit;

/// A low-latency matching engine, and real market data through it
#[derive(Parser, Debug)]
#[command(name = "tiercel", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Run>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    all was done
  1    a failure at run time (a file that cannot be opened, a check that failed)
  2    the arguments make no sense
  3    the input is damaged, cut off or foreign; what was good of it was printed
  130  interrupted before the work was done";

#[derive(Subcommand, Debug)]
enum Run {
    /// Run an exchange: a durable matching engine behind Binance-compatible REST and streams
    Venue(venue::VenueArgs),
    /// Trade: a strategy, its risk gate and its orders on one thread, against a venue (alone: `--demo`)
    Trade(trade::TradeArgs),
    /// Show a running trader: book, orders, position, result, times by stage, risk
    Top(top::TopArgs),
    /// Show a simulated market going through the engine
    Demo(demo::DemoArgs),
    /// Run a scripted session through the engine: one command a line in, one event a line out
    Match(session::MatchArgs),
    /// Rebuild books from recorded market data: Nasdaq ITCH 5.0, Binance captures
    Replay(replay::ReplayArgs),
    /// Record market data of venues: into files, and for other processes over a bus
    Record(record::RecordArgs),
    /// Record a feed of market data: ITCH 5.0 over `SoupBinTCP`, GLIMPSE or `MoldUDP64`, or our own records
    Feed(feed::FeedArgs),
    /// Look into a bus: print, count or verify its records
    Bus(bus::BusArgs),
    /// Print a capture of FIX, ITCH, OUCH, the binary protocol or market data, a line for each message
    Decode(capture::DecodeArgs),
    /// Measure: time per operation of the engine, the books and the decoders
    Bench(bench::Options),
    /// Look into a command journal: ls, cat, verify, export
    Journal(journal::JournalArgs),
    /// Speak FIX 4.4 to a venue: a line in is a message out, a message in is a line out
    FixClient(fix_client::FixClientArgs),
    /// Send FIX messages back: the other end for tests of FIX sessions
    #[command(hide = true)]
    FixEcho(fix_echo::FixEchoArgs),
    /// Say what this machine offers and lacks for low latency
    Doctor(doctor::DoctorArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Run::Venue(args)) => venue::run(&args),
        Some(Run::Trade(args)) => trade::run(&args),
        Some(Run::Top(args)) => top::run(&args),
        Some(Run::Match(args)) => session::run(&args),
        Some(Run::Replay(args)) => replay::run(&args),
        Some(Run::Record(args)) => record::run(&args),
        Some(Run::Feed(args)) => feed::run(&args),
        Some(Run::Bus(args)) => bus::run(&args),
        Some(Run::Decode(args)) => capture::run(&args),
        Some(Run::Bench(options)) => run_bench(&options),
        Some(Run::Demo(args)) => demo::run(&args),
        Some(Run::Journal(args)) => journal::run(&args),
        Some(Run::FixClient(args)) => fix_client::run(&args),
        Some(Run::FixEcho(args)) => fix_echo::run(&args),
        Some(Run::Doctor(args)) => doctor::run(&args),
        None => trade::run(&trade::TradeArgs::standard()),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(error) if is_broken_pipe(&error) => Exit::Ok,
        Err(error) => {
            messages::say(&format!("tiercel: {error:#}"));
            Exit::Failed
        }
    };
    messages::drain();
    exit.into()
}

fn run_bench(options: &bench::Options) -> anyhow::Result<Exit> {
    match bench::run(options, &mut std::io::stdout().lock()) {
        Ok(()) => Ok(Exit::Ok),
        Err(error @ bench::BenchError::Unknown(..)) => {
            eprintln!("tiercel: {error}");
            Ok(Exit::Usage)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the reader of our output went away, as `head` does: no failure of ours.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
