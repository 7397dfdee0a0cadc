//! `tiercel top`: a running trader on the terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tiercel_trader::state::Told;

use crate::exit::Exit;
use crate::screen::{self, Key, Screen};
use crate::stop::Stop;
use crate::trade::table;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How often the keyboard is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Show a running trader: book, orders, position, result, times by stage, risk
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Where the trader's `[trader] http` is
    #[arg(default_value = "http://127.0.0.1:9190", value_name = "URL")]
    url: String,
    /// Milliseconds between two looks
    #[arg(long, default_value_t = 250, value_name = "MS")]
    every_ms: u64,
    /// Print it once, and end
    #[arg(long)]
    once: bool,
}

/// Runs `tiercel top`.
///
/// # Errors
/// When nobody answers, or the terminal fails.
pub(crate) fn run(args: &TopArgs) -> anyhow::Result<Exit> {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    let url = format!("{}/state", args.url.trim_end_matches('/'));
    let ask = || -> anyhow::Result<Told> {
        let text = agent.get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        Ok(serde_json::from_str(&text.with_context(|| url.clone())?)?)
    };
    let first = ask()?;
    if args.once || !io::stdout().is_terminal() {
        let mut out = io::stdout().lock();
        for line in table::lines(&first, usize::MAX, usize::MAX) {
            writeln!(out, "{line}")?;
        }
        return Ok(Exit::Ok);
    }
    let stop = Stop::listen()?;
    let mut screen = Screen::open()?;
    let mut next = Instant::now();
    while !stop.asked() && screen::key()? != Some(Key::Quit) {
        if Instant::now() >= next {
            next = Instant::now() + Duration::from_millis(args.every_ms);
            match ask() {
                Ok(told) => {
                    screen.draw(|width, height| table::lines(&told, width, height))?;
                }
                // It may be starting anew.
                Err(error) => screen.draw(|_, _| vec![format!("{error:#}")])?,
            }
        }
        std::thread::sleep(LOOK);
    }
    Ok(Exit::Ok)
}
