//! A trader that runs: its thread, what it shows, what is asked of it.

use std::io;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::anyhow;
use tiercel_host::pin_current_thread;
use tiercel_host::secret;
use tiercel_strategy::{Strategy, Terms};
use tiercel_sync::snapshot::{self, Reader};
use tiercel_telemetry::Registry;
use tiercel_trader::alert::{Alarm, Heard, Sinks, Watch, WatchOptions};
use tiercel_trader::config::TraderConfig;
use tiercel_trader::hot::{Control, Ended};
use tiercel_trader::instruments::Instrument;
use tiercel_trader::lines::LineEvent;
use tiercel_trader::metrics::Metrics;
use tiercel_trader::serve::{ServeOptions, Server};
use tiercel_trader::setup::{self, SetupError, Trader};
use tiercel_trader::state::{Told, TraderState};
use tiercel_trader::tell::Names;
use tiercel_types::Symbol;

use super::kill_file::KillFile;

/// Between two states that are shown.
const PUBLISH_NS: u64 = 50_000_000;
/// Readers of the state: the screen, the server and the alarm.
const READERS: usize = 3;

/// A trader on its thread.
pub(super) struct Running {
    thread: JoinHandle<io::Result<Ended>>,
    control: Sender<Control>,
    registry: Registry,
    names: Names,
    state: Reader<TraderState>,
    alarm: Alarm,
    kill_file: Option<KillFile>,
    server: Option<Server>,
}

impl Running {
    /// Starts it; it does not act before it is told to. `say` hears of connections.
    pub(super) fn start(
        config: &TraderConfig,
        strategy: impl FnOnce(&[Terms]) -> Result<Box<dyn Strategy>, SetupError>,
        say: &'static (impl Fn(&str) + Sync),
    ) -> anyhow::Result<Self> {
        let registry = Registry::new();
        tiercel_telemetry::usage::register(&registry)?;
        let Trader { hot, control, instruments, lines, strategy, saved } =
            setup::trader(config, strategy, &registry)?;
        let names = names(config, strategy, lines.clone(), &instruments);
        let symbols: Vec<String> =
            names.instruments.iter().map(|(_, symbol)| symbol.clone()).collect();
        let mut metrics = Metrics::new(&registry, &lines, &names.venues, &symbols)?;
        let empty = TraderState::with_room(lines.len(), symbols.len());
        let (mut publisher, state) = snapshot::cell(empty, READERS);
        let cpu = config.trader.cpu;
        let told_lines = lines;
        let told_venues = names.venues.clone();
        let alarm = alarm(config, &names, state.try_clone()?, &registry, say)?;
        let ear = alarm.ear();
        let thread = std::thread::Builder::new().name("trader".to_owned()).spawn(move || {
            if let Some(cpu) = cpu {
                pin_current_thread(cpu)?;
            }
            let mut next = 0;
            let (ended, lines) = hot.run(|now, lines, event| match event {
                Some(LineEvent::Up(line)) => say(&format!("{}: connected", told_lines[line])),
                Some(LineEvent::Down(line, why)) => {
                    say(&format!("{}: {why}", told_lines[line]));
                    ear.hear(Heard::Down(line, why));
                }
                Some(LineEvent::Trouble(venue, what)) => {
                    say(&format!("{}: {what}", told_venues[venue.index()]));
                }
                None if now.0 >= next => {
                    next = now.0 + PUBLISH_NS;
                    lines.core.take_anomalies(|anomaly| ear.hear(Heard::Anomaly(anomaly)));
                    publisher.publish(|state| {
                        state.fill(now.0, lines);
                        metrics.follow(state);
                    });
                }
                None => {}
            })?;
            publisher.publish(|state| {
                state.fill(lines.core.timing.now_ns(), &lines);
                metrics.follow(state);
            });
            // With something open it would not be what the strategy knows.
            if let (Some(saved), Ended::Clean) = (saved, ended) {
                let mut state = Vec::new();
                lines.core.save_strategy(&mut state);
                saved.save(&state).map_err(io::Error::other)?;
            }
            Ok(ended)
        })?;
        let mut running = Self {
            thread,
            control,
            registry,
            names,
            state,
            alarm,
            kill_file: config.trader.kill_file.clone().map(KillFile::new),
            server: None,
        };
        if let Some(address) = config.trader.http {
            let token = config.trader.token_file.as_deref().map(token).transpose()?;
            let kill_file = config.trader.kill_file.clone();
            running.serve(ServeOptions { address, token, kill_file }, say)?;
        }
        Ok(running)
    }

    fn serve(
        &mut self,
        options: ServeOptions,
        say: &'static (impl Fn(&str) + Sync),
    ) -> anyhow::Result<()> {
        let state = self.state.try_clone()?;
        let (registry, names) = (self.registry.clone(), self.names.clone());
        let server = Server::start(options, registry, names, state, self.control.clone())?;
        say(&format!("trader at http://{}: /health /metrics /state", server.address()));
        self.server = Some(server);
        Ok(())
    }

    /// Asks something of it. Without its thread there is nobody to ask: it is at its end.
    pub(super) fn control(&self, control: Control) {
        let _gone = self.control.send(control);
    }

    /// Looks at the file that halts it.
    pub(super) fn look(&mut self) {
        let Some(file) = &mut self.kill_file else { return };
        let state = self.state.read();
        if file.look(state.time_ns, state.mode) {
            self.control(Control::Halt);
        }
    }

    /// Whether it has ended.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// What it shows.
    pub(super) fn told(&mut self) -> Told {
        self.names.tell(self.state.read(), &self.registry)
    }

    /// Waits for its end.
    pub(super) fn end(self) -> anyhow::Result<(Ended, Told)> {
        let Self { thread, registry, names, mut state, alarm, server, .. } = self;
        let ended = match thread.join() {
            Ok(ended) => ended.map_err(anyhow::Error::from),
            Err(_) => Err(anyhow!("the trader's thread has panicked")),
        };
        alarm.end(ended.as_ref().copied().map_err(ToString::to_string));
        drop(server);
        Ok((ended?, names.tell(state.read(), &registry)))
    }
}

/// Who tells of trouble, of a trader of a configuration.
fn alarm(
    config: &TraderConfig,
    names: &Names,
    state: Reader<TraderState>,
    registry: &Registry,
    say: &'static (impl Fn(&str) + Sync),
) -> anyhow::Result<Alarm> {
    let table = &config.alerts;
    let source = table.source.clone();
    let source = source.unwrap_or_else(|| format!("trader {}", config.trader.number));
    let watch = Watch::new(source, names.clone(), WatchOptions::of(table));
    Ok(Alarm::start(watch, state, Sinks::new(table, registry, say)?)?)
}

/// What things are called, of a trader of a configuration.
pub(super) fn names(
    config: &TraderConfig,
    strategy: String,
    lines: Vec<String>,
    instruments: &[(Symbol, Instrument)],
) -> Names {
    let of_venue = config
        .instruments
        .iter()
        .map(|instrument| (instrument.venue.clone(), instrument.symbol.as_str().to_owned()));
    let quote_asset = instruments.first().map(|(_, instrument)| instrument.quote_asset.clone());
    Names {
        strategy,
        lines,
        venues: config.venues.iter().map(|venue| venue.name.clone()).collect(),
        instruments: of_venue.collect(),
        quote_asset: quote_asset.unwrap_or_default(),
    }
}

fn token(path: &Path) -> anyhow::Result<String> {
    Ok(secret::read(path)?.trim().to_owned())
}
