//! `tiercel demo`: a simulated market through the full engine, as a live table.
//!
//! ```text
//!   Market --> Command --> Engine::apply (timed) --> events --> Market, Tally
//!                                                                  |
//!   every tenth of a second: a screen, a line or a JSON row  <-----+
//! ```
//!
//! Everything runs on one thread: what the screen costs is not in the latencies, which are those
//! of `Engine::apply` alone, the reading of the clock included.

mod pace;
mod simulation;
mod summary;
mod tally;
mod view;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;

use crate::exit::Exit;
use crate::screen::{self, Key, Screen};
use crate::stop::Stop;
use pace::{Pace, Rate};
use simulation::Simulation;

const DETAILS: &str = "\
Four makers quote, twelve traders take and rest, in every kind of order there is, with fees,
reservations and self-trade prevention. The simulated market depends on --seed alone: with
--commands, the final digest is the same every time and on every machine.

On a terminal: q or Ctrl-C ends it, the arrow keys or Tab show another instrument. Elsewhere, or
with --plain, one line a second. A summary follows in any case. The exit code is 1 if money was
made or lost: what all accounts hold of each asset must be what was deposited, to the last unit.

Examples:
  tiercel demo --seconds 10
  tiercel demo --rate max --instruments 50
  tiercel demo --commands 1000000 --seed 7 --plain --rate max";

/// The arguments of `tiercel demo`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct DemoArgs {
    /// End after so many seconds
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// End after so many commands
    #[arg(long, value_name = "N")]
    commands: Option<u64>,
    /// Seeds the simulated market
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Commands a second, or max
    #[arg(long, value_name = "R", default_value_t = Rate::STANDARD)]
    rate: Rate,
    /// Instruments that are traded
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4000))]
    instruments: u32,
    /// One line a second instead of the live table
    #[arg(long)]
    plain: bool,
    /// One JSON object a second, and one for the summary
    #[arg(long, conflicts_with = "plain")]
    json: bool,
}

/// Commands between two looks at the clock when they come as fast as they can.
const BATCH: u64 = 256;

/// Runs `tiercel demo`.
///
/// # Errors
/// When the terminal or the output fails.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    let stop = Stop::listen()?;
    let live = !args.plain && !args.json && io::stdout().is_terminal();
    let mut simulation = Simulation::new(args.seed, args.instruments);
    let mut screen = if live { Some(Screen::open()?) } else { None };
    let result = drive(args, &stop, &mut simulation, screen.as_mut());
    // The terminal is itself again before anything else is printed.
    drop(screen);
    result?;
    let summary = summary::Summary::of(&simulation, args);
    summary.print(args.json)?;
    Ok(if summary.conserved() { Exit::Ok } else { Exit::Failed })
}

fn drive(
    args: &DemoArgs,
    stop: &Stop,
    simulation: &mut Simulation,
    mut screen: Option<&mut Screen>,
) -> anyhow::Result<()> {
    let every = Duration::from_millis(if screen.is_some() { 100 } else { 1_000 });
    let start = Instant::now();
    let end = args.seconds.map(|seconds| start + Duration::from_secs(seconds));
    let mut pace = Pace::new(args.rate, start);
    let mut next_show = start + every;
    let mut shown_instrument = 0;
    loop {
        let now = Instant::now();
        let left = args.commands.map_or(u64::MAX, |all| all - simulation.commands());
        if stop.asked() || left == 0 || end.is_some_and(|end| now >= end) {
            break;
        }
        if now >= next_show {
            // A view that is late is left out, not made up for.
            next_show = (next_show + every).max(now);
            simulation.mark(now);
            match screen.as_deref_mut() {
                Some(screen) => {
                    match screen::key()? {
                        Some(Key::Quit) => break,
                        Some(Key::Next) => shown_instrument += 1,
                        Some(Key::Previous) => shown_instrument += simulation.instruments() - 1,
                        None => {}
                    }
                    shown_instrument %= simulation.instruments();
                    screen.draw(|width, height| {
                        view::lines(simulation, args, shown_instrument, width, height)
                    })?;
                }
                None => view::print_line(simulation, args.json)?,
            }
        }
        let due = pace.due(now, BATCH).min(left);
        for _ in 0..due {
            simulation.step();
        }
        if due == 0 {
            pace::rest(next_show);
        }
    }
    simulation.finish(Instant::now());
    Ok(())
}
