//! A paper run once more, of the inputs that it recorded.

use std::io::{self, Write as _};
use std::path::Path;

use tiercel_telemetry::Registry;
use tiercel_trader::config::TraderConfig;
use tiercel_trader::setup::{self, Replay};
use tiercel_trader::state::TraderState;
use tiercel_trader::{replay, tell::Names};

use super::running::names;
use super::{TradeArgs, exit, last};
use crate::exit::Exit;

/// Replays a file at full speed, and prints what was done.
pub(super) fn run(args: &TradeArgs, config: &TraderConfig, path: &Path) -> anyhow::Result<Exit> {
    let registry = Registry::new();
    let made = setup::replay(config, path, setup::strategy_of(config), &registry)?;
    let Replay { mut lines, mut recording, instruments, names: lines_names, strategy } = made;
    let names: Names = names(config, strategy, lines_names, &instruments);
    let (time, ended) = replay::run(&mut lines, &mut recording)?;
    let mut state = TraderState::with_room(names.lines.len(), instruments.len());
    state.fill(time.0, &lines);
    io::stdout().write_all(last(args, &names.tell(&state, &registry))?.as_bytes())?;
    Ok(exit(ended))
}
