//! `tiercel match`: a scripted session, one command a line in, one event a line out.
//!
//! ```text
//!   line --> words --> Statement --> Engine --> Event --> Line (text or JSON)
//!              ^                                  |
//!              +---------- Names <----------------+
//! ```

mod advanced;
mod auction;
mod condition;
mod decimal;
mod line;
mod names;
mod preset;
mod print;
mod protections;
mod rules;
mod run;
mod statement;
mod terms;
mod time;
mod words;

use clap::Args;

pub(crate) use run::run;

/// What follows the options in `--help`: the format, as it stands in the documentation.
const FORMAT: &str = include_str!("../../../../docs/match-format.md");

/// The arguments of `tiercel match`.
#[derive(Args, Debug)]
#[command(after_long_help = FORMAT)]
pub(crate) struct MatchArgs {
    /// The session: a file, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Print each event as a JSON object
    #[arg(long)]
    json: bool,
    /// The bare book: no accounts, no funds, order ids given by the session
    #[arg(long)]
    bare: bool,
    /// Print each line of the session ahead of its events
    #[arg(long)]
    echo: bool,
    /// Print the events of `preset` lines as well
    #[arg(long)]
    setup: bool,
    /// Print the book after each command that changed it
    #[arg(long)]
    book: bool,
    /// Print all balances at the end
    #[arg(long)]
    balances: bool,
    /// Print the engine's state digest at the end
    #[arg(long)]
    digest: bool,
}
