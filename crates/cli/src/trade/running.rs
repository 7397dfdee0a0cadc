//! A trader that runs: its thread, what it shows, what is asked of it.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::{Context as _, anyhow};
use tiercel_host::{pin_current_thread, secret};
use tiercel_strategy::{Strategy, Terms};
use tiercel_sync::snapshot::{self, Publisher, Reader};
use tiercel_telemetry::Registry;
use tiercel_trader::alert::{Alarm, Ear, Heard, Say, Sinks, Watch, WatchOptions};
use tiercel_trader::config::TraderConfig;
use tiercel_trader::hot::{Control, Ended, Hot};
use tiercel_trader::instruments::Instrument;
use tiercel_trader::lines::{LineEvent, Lines};
use tiercel_trader::metrics::Metrics;
use tiercel_trader::saved::Saved;
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
    /// What the strategy was given of the run before, until it begins.
    restored: Option<Saved>,
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
        say: Say,
    ) -> anyhow::Result<Self> {
        let registry = Registry::new();
        tiercel_telemetry::usage::register(&registry)?;
        // What is only this machine's fails before a venue is asked.
        let serve = serve(config)?;
        let sinks = Sinks::new(&config.alerts, &registry, say)?;
        let Trader { hot, control, instruments, lines, strategy, saved } =
            setup::trader(config, strategy, &registry)?;
        let names = names(config, strategy, lines, &instruments);
        let metrics = Metrics::new(&registry, &names)?;
        let empty = TraderState::with_room(names.lines.len(), names.instruments.len());
        let (publisher, state) = snapshot::cell(empty, READERS);
        let watch = Watch::new(source(config), names.clone(), WatchOptions::of(&config.alerts));
        let alarm = Alarm::start(watch, state.try_clone()?, sinks)?;
        let shown = Shown { publisher, metrics, ear: alarm.ear(), names: names.clone(), say };
        let (cpu, restored) = (config.trader.cpu, saved.clone());
        let thread = std::thread::Builder::new().name("trader".to_owned()).spawn(move || {
            if let Some(cpu) = cpu {
                pin_current_thread(cpu)?;
            }
            shown.run(hot, saved)
        })?;
        let mut running = Self {
            thread,
            control,
            restored,
            registry,
            names,
            state,
            alarm,
            kill_file: config.trader.kill_file.clone().map(KillFile::new),
            server: None,
        };
        if let Some(options) = serve {
            running.serve(options, say)?;
        }
        Ok(running)
    }

    fn serve(&mut self, options: ServeOptions, say: Say) -> anyhow::Result<()> {
        let state = self.state.try_clone()?;
        let (registry, names) = (self.registry.clone(), self.names.clone());
        let server = Server::start(options, registry, names, state, self.control.clone())?;
        say(&format!("trader at http://{}: /health /metrics /state", server.address()));
        self.server = Some(server);
        Ok(())
    }

    /// The strategy may act. What it was given of the run before is used up by that.
    pub(super) fn begin(&mut self) -> anyhow::Result<()> {
        if let Some(restored) = self.restored.take() {
            restored.done()?;
        }
        self.control(Control::Begin);
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

/// What the trader's thread shows, and to whom.
struct Shown {
    publisher: Publisher<TraderState>,
    metrics: Metrics,
    ear: Ear,
    names: Names,
    say: Say,
}

impl Shown {
    /// Runs a trader, and keeps what its strategy knows at the end.
    fn run(mut self, hot: Hot, saved: Option<Saved>) -> io::Result<Ended> {
        let mut next = 0;
        let (ended, lines) = hot.run(|now, lines, event| match event {
            Some(event) => self.hear(event),
            None if now.0 >= next => {
                next = now.0 + PUBLISH_NS;
                lines.core.take_anomalies(|anomaly| self.ear.hear(Heard::Anomaly(anomaly)));
                self.publish(now.0, lines);
            }
            None => {}
        })?;
        self.publish(lines.core.timing.now_ns(), &lines);
        // With something open it would not be what the strategy knows.
        if let (Some(saved), Ended::Clean) = (saved, ended) {
            let mut state = Vec::new();
            lines.core.save_strategy(&mut state);
            saved.save(&state).map_err(io::Error::other)?;
        }
        Ok(ended)
    }

    fn hear(&self, event: LineEvent) {
        match event {
            LineEvent::Up(line) => (self.say)(&format!("{}: connected", self.names.lines[line])),
            LineEvent::Down(line, why) => {
                (self.say)(&format!("{}: {why}", self.names.lines[line]));
                self.ear.hear(Heard::Down(line, why));
            }
            LineEvent::Trouble(venue, what) => {
                (self.say)(&format!("{}: {what}", self.names.venues[venue.index()]));
            }
            LineEvent::Differs(differs) => {
                let what = self.names.differs(&differs);
                (self.say)(&what);
                self.ear.hear(Heard::Differs(what));
            }
        }
    }

    fn publish(&mut self, time_ns: u64, lines: &Lines) {
        let metrics = &mut self.metrics;
        self.publisher.publish(|state| {
            state.fill(time_ns, lines);
            metrics.follow(state);
        });
    }
}

/// What is served of a trader of a configuration, if anything is.
fn serve(config: &TraderConfig) -> anyhow::Result<Option<ServeOptions>> {
    let table = &config.trader;
    let Some(address) = table.http else { return Ok(None) };
    let token = table.token_file.as_deref().map(token).transpose()?;
    let listener = TcpListener::bind(address).with_context(|| format!("trader.http: {address}"))?;
    Ok(Some(ServeOptions { listener, token, kill_file: table.kill_file.clone() }))
}

/// Who has the trouble, in alerts.
fn source(config: &TraderConfig) -> String {
    let source = config.alerts.source.clone();
    source.unwrap_or_else(|| format!("trader {}", config.trader.number))
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
