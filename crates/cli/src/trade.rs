//! `tiercel trade`: a strategy at a venue.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context;
use tiercel_host::pin_current_thread;
use tiercel_telemetry::Registry;
use tiercel_trader::config::{self, TraderConfig};
use tiercel_trader::hot::{Control, Ended};
use tiercel_trader::lines::{LineEvent, Lines};
use tiercel_trader::setup::{self, Trader};
use tiercel_types::Timestamp;

use crate::exit::Exit;
use crate::stop::Stop;

/// How often what was asked of the program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Arguments of `tiercel trade`.
#[derive(clap::Args, Debug)]
pub(crate) struct TradeArgs {
    /// The configuration
    #[arg(long, required_unless_present_any = ["print_config", "strategies"])]
    config: Option<PathBuf>,
    /// Print an example of a configuration, with every key
    #[arg(long)]
    print_config: bool,
    /// List the strategies and what can be set of them
    #[arg(long)]
    strategies: bool,
    /// End after so many seconds
    #[arg(long)]
    seconds: Option<f64>,
}

/// Runs the command.
pub(crate) fn run(args: &TradeArgs) -> anyhow::Result<Exit> {
    if args.print_config {
        print!("{}", config::TEMPLATE);
        return Ok(Exit::Ok);
    }
    if args.strategies {
        print!("{}", strategies());
        return Ok(Exit::Ok);
    }
    let path = args.config.as_deref().context("a configuration is needed")?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let config: TraderConfig = text.parse().with_context(|| path.display().to_string())?;
    let stop = Stop::listen()?;
    trade(&config, &stop, args.seconds.map(Duration::from_secs_f64))
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

fn trade(config: &TraderConfig, stop: &Stop, longest: Option<Duration>) -> anyhow::Result<Exit> {
    let registry = Registry::new();
    let Trader { hot, control, lines, instruments } = setup::trader(config, &registry)?;
    for (symbol, instrument) in &instruments {
        let terms = instrument.terms;
        eprintln!("{} tick {} lot {}", symbol.as_str(), terms.tick, terms.lot);
    }
    let cpu = config.trader.cpu;
    let thread = std::thread::Builder::new().name("trader".to_owned()).spawn(move || {
        if let Some(cpu) = cpu {
            pin_current_thread(cpu)?;
        }
        hot.run(|_: Timestamp, _: &mut Lines, event| match event {
            Some(LineEvent::Up(line)) => eprintln!("{} connected", lines[line]),
            Some(LineEvent::Down(line, why)) => eprintln!("{} lost: {why}", lines[line]),
            None => {}
        })
    })?;
    control.send(Control::Begin)?;
    let began = Instant::now();
    while !thread.is_finished() {
        if stop.asked() || longest.is_some_and(|longest| began.elapsed() >= longest) {
            ask(&control, Control::Stop);
        }
        std::thread::sleep(LOOK);
    }
    let (ended, lines) =
        thread.join().map_err(|_| anyhow::anyhow!("the trader's thread has panicked"))??;
    let mut out = std::io::stdout().lock();
    let counts = lines.core.counts();
    writeln!(out, "{counts:?}")?;
    writeln!(out, "{}", registry.report())?;
    Ok(match ended {
        Ended::Clean => Exit::Ok,
        Ended::Open(orders) => {
            eprintln!("{orders} orders may be open still");
            Exit::Failed
        }
    })
}

/// Without its thread there is nobody to ask: it is at its end.
fn ask(control: &Sender<Control>, what: Control) {
    let _gone = control.send(what);
}
