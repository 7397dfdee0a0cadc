//! `tiercel bus`: what is in a bus.

mod stat;
mod tail;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Exit;

const DETAILS: &str = "\
PATH is a directory of cycles, or a single file that is one (a bus in memory is
/proc/PID/fd/N). Nothing here writes to a bus, and no writer waits for it.

Exit codes: 1 when there is no bus or it cannot be read, 3 when it is damaged or something else,
130 when interrupted before a record that was waited for.

Examples:
  tiercel bus stat /dev/shm/quotes
  tiercel bus tail /dev/shm/quotes --from end --follow --json
  tiercel bus tail /dev/shm/quotes --from 3:1204 -n 10
  tiercel bus verify /dev/shm/quotes";

/// The arguments of `tiercel bus`.
#[derive(Args, Debug)]
#[command(after_help = DETAILS)]
pub(crate) struct BusArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print records, oldest first
    Tail(tail::TailArgs),
    /// Show what the bus is made with, its cycles, its end and its writers
    Stat(Target),
    /// Walk over every record's header and look for damage
    Verify(Target),
}

/// A bus, and how to speak of it.
#[derive(Args, Debug)]
struct Target {
    /// The bus
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Runs the chosen command.
///
/// # Errors
/// What the bus or the system refuses.
pub(crate) fn run(args: &BusArgs) -> anyhow::Result<Exit> {
    let result = match &args.command {
        Command::Tail(args) => tail::run(args),
        Command::Stat(target) => stat::run(target),
        Command::Verify(target) => verify::run(target),
    };
    match result {
        Err(error) if is_damage(&error) => {
            eprintln!("tiercel: {error:#}");
            Ok(Exit::Damaged)
        }
        result => result,
    }
}

/// Whether an error speaks of what is in the files.
fn is_damage(error: &anyhow::Error) -> bool {
    use tiercel_bus::{BusError, ReadError};

    let of_bus = |error: &BusError| {
        !matches!(error, BusError::System { .. } | BusError::Missing(_) | BusError::Exists(_))
    };
    error.chain().any(|cause| {
        cause.downcast_ref::<BusError>().is_some_and(of_bus)
            || cause.downcast_ref::<ReadError>().is_some_and(|error| match error {
                ReadError::Damaged(error) | ReadError::Cycle(error) => of_bus(error),
                ReadError::Lost { .. } | ReadError::Beyond { .. } => false,
            })
    })
}
