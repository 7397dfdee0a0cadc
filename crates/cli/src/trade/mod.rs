//! `tiercel trade`: a strategy at its venues. With `--demo`, a venue and other participants beside it.

mod demo;
mod kill_file;
mod replay;
mod running;
pub(crate) mod table;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tiercel_trader::config::{self, TraderConfig};
use tiercel_trader::hot::{Control, Ended};
use tiercel_trader::setup;
use tiercel_trader::state::Told;

use crate::exit::Exit;
use crate::messages;
use crate::output::Output;
use crate::screen::{self, Key, Screen};
use crate::stop::{Halt, Stop};
use running::Running;

/// How often what was asked of the program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often the live table is drawn.
const DRAW: Duration = Duration::from_millis(200);
/// How often a line is printed instead.
const LINE: Duration = Duration::from_secs(1);
/// What waits to be written of it, at most: beyond, a state is left out.
const WAITING_MAX: usize = 4;
/// How long the last of it may take.
const LAST: Duration = Duration::from_secs(1);

const DETAILS: &str = "\
Market data, books, strategy, risk gate and orders run on one thread; connections, metrics and the
screen on others. Ctrl-C (or q) stops it: everything that is open is cancelled, and the answers are
waited for. The exit code is 1 if orders may be open still. SIGUSR1 halts it: everything is cancelled,
and nothing but cancels leaves until it is enabled.

Examples:
  tiercel trade --demo
  tiercel trade --print-config > trader.toml; tiercel trade --config trader.toml
  tiercel trade --config trader.toml --paper --record inputs.txt
  tiercel trade --config trader.toml --replay inputs.txt
  tiercel trade --strategies";

/// The arguments of `tiercel trade`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct TradeArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", required_unless_present_any = ["print_config", "strategies", "demo"])]
    config: Option<PathBuf>,
    /// Print an example of a configuration, with what each key means, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// List the strategies and what can be set of them, and do nothing else
    #[arg(long)]
    strategies: bool,
    /// A venue on this machine, simulated participants, and a market maker between them
    #[arg(long, conflicts_with = "config")]
    demo: bool,
    /// Market data of the venues, and orders to a venue of the trader's own: none leaves, no key is needed
    #[arg(long, requires = "config")]
    paper: bool,
    /// On paper: write what comes in to this file, to be replayed
    #[arg(long, value_name = "FILE", requires = "paper")]
    record: Option<PathBuf>,
    /// What a paper run recorded once more, at full speed: the same decisions, the same digest
    #[arg(long, value_name = "FILE", requires = "config", conflicts_with_all = ["paper", "seconds"])]
    replay: Option<PathBuf>,
    /// End after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// One line a second instead of the live table
    #[arg(long)]
    plain: bool,
    /// One JSON object a second instead
    #[arg(long, conflicts_with = "plain")]
    json: bool,
}

impl TradeArgs {
    /// What `tiercel` alone runs.
    pub(crate) const fn standard() -> Self {
        Self {
            config: None,
            print_config: false,
            strategies: false,
            demo: true,
            paper: false,
            record: None,
            replay: None,
            seconds: None,
            plain: false,
            json: false,
        }
    }
}

/// Runs `tiercel trade`.
///
/// # Errors
/// What is wrong with the configuration, the venue or the system.
pub(crate) fn run(args: &TradeArgs) -> anyhow::Result<Exit> {
    if args.print_config {
        print!("{}", config::TEMPLATE);
        return Ok(Exit::Ok);
    }
    if args.strategies {
        print!("{}", strategies());
        return Ok(Exit::Ok);
    }
    messages::open()?;
    let asked = Asked { stop: Stop::listen()?, halt: Halt::listen()? };
    if args.demo {
        return demo::run(args, &asked);
    }
    let path = args.config.as_deref().context("a configuration is needed")?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut config: TraderConfig = text.parse().with_context(|| path.display().to_string())?;
    if let Some(inputs) = &args.replay {
        return replay::run(args, &config, inputs);
    }
    if args.paper {
        let table = config.paper.get_or_insert_default();
        table.record = args.record.clone().or(table.record.take());
    }
    let running = Running::start(&config, setup::strategy_of(&config), &messages::say)?;
    watch(args, &asked, running)
}

/// What the program is asked by signals.
struct Asked {
    stop: Stop,
    halt: Halt,
}

/// What there is, and what can be set.
fn strategies() -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for listing in tiercel_strategy::STRATEGIES {
        // A text takes what is written to it.
        let _written = writeln!(text, "{}\n  {}", listing.name, listing.meaning);
        for parameter in listing.parameters {
            let unit = if parameter.unit.is_empty() {
                String::new()
            } else {
                format!(", {}", parameter.unit)
            };
            let default = parameter
                .default
                .map_or_else(|| "required".to_owned(), |default| format!("default {default}"));
            let _written = writeln!(
                text,
                "  {} ({default}{unit}; {})\n      {}",
                parameter.name, parameter.bounds, parameter.meaning
            );
        }
        text.push('\n');
    }
    text
}

/// Shows a trader until it ends. What it shows is written by a thread of its own: nobody has to read it for the trader to
/// be halted or stopped.
fn watch(args: &TradeArgs, asked: &Asked, mut running: Running) -> anyhow::Result<Exit> {
    let live = !args.plain && !args.json && io::stdout().is_terminal();
    let screen = if live { Some(Screen::open()?) } else { None };
    let output = Output::start("output", io::stdout(), WAITING_MAX, None)?;
    // The file that halts it may be there already.
    running.look();
    running.begin()?;
    let shown = show(args, asked, &mut running, (&output, screen.is_some()));
    running.control(Control::Stop);
    // The terminal is itself again before anything else is printed.
    match screen {
        Some(screen) if !output.drain(LAST) => screen.abandon(),
        screen => drop(screen),
    }
    let (ended, told) = running.end()?;
    let written = shown.and_then(|()| {
        if !output.put(last(args, &told)?, LAST) {
            messages::say("what it has done could not be written: nobody reads it");
        }
        Ok(output.take_fault().map_or(Ok(()), Err)?)
    });
    match (exit(ended), written) {
        (Exit::Ok, written) => written.map(|()| Exit::Ok),
        // What may be open counts for more than what could not be written.
        (exit, Err(error)) => {
            messages::say(&format!("tiercel: {error:#}"));
            Ok(exit)
        }
        (exit, Ok(())) => Ok(exit),
    }
}

/// What a trader has done, at its end.
fn last(args: &TradeArgs, told: &Told) -> anyhow::Result<String> {
    if args.json {
        return Ok(serde_json::to_string(told)? + "\n");
    }
    let lines = table::lines(told, usize::MAX, usize::MAX);
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

/// How the program ends where a trader has ended so.
fn exit(ended: Ended) -> Exit {
    match ended {
        Ended::Clean => Exit::Ok,
        Ended::Open(orders) => {
            messages::say(&format!("{orders} orders may be open still"));
            Exit::Failed
        }
    }
}

fn show(
    args: &TradeArgs,
    asked: &Asked,
    running: &mut Running,
    (output, is_live): (&Output, bool),
) -> anyhow::Result<()> {
    let began = Instant::now();
    let end = args.seconds.map(|seconds| began + Duration::from_secs_f64(seconds));
    let every = if is_live { DRAW } else { LINE };
    let mut next = began + every;
    while !running.is_finished()
        && !asked.stop.asked()
        && end.is_none_or(|end| Instant::now() < end)
    {
        running.look();
        if asked.halt.take() {
            running.control(Control::Halt);
        }
        if is_live && screen::key()? == Some(Key::Quit) {
            return Ok(());
        }
        output.take_fault().map_or(Ok(()), Err)?;
        if Instant::now() >= next {
            next += every;
            let told = running.told();
            output.offer(if is_live {
                screen::frame(|width, height| table::lines(&told, width, height))?
            } else if args.json {
                (serde_json::to_string(&told)? + "\n").into_bytes()
            } else {
                (line(&told) + "\n").into_bytes()
            });
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// A trader in a line.
fn line(told: &Told) -> String {
    let trade = told.latency.iter().find(|row| row.stage == "tick to trade");
    let trade = trade.map_or_else(String::new, |row| {
        format!("   tick to trade p50 {} p99 {}", table::time_of(row.p50), table::time_of(row.p99))
    });
    let position = told.markets.first().map_or("-", |market| market.position.as_str());
    let paper = if told.paper.is_some() { "paper: " } else { "" };
    format!(
        "{paper}{} {}   result {}   position {position}   sent {} fills {} denied {}{trade}",
        told.strategy,
        told.mode,
        told.result.as_deref().unwrap_or("-"),
        told.counts.requests,
        told.counts.fills,
        told.counts.denied,
    )
}
