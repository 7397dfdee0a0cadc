//! What the serving thread measures, and what of the venue is shown at `/metrics`.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tiercel_host::Clock;
use tiercel_telemetry::{
    Counter, Gauge, Histogram, Recorder, Registry, RegistryError, Stage, usage,
};
use tiercel_types::{DenialReason, Timestamp};

use crate::entry_limits::EntryCounts;
use crate::pipeline::{Health, LATENCY, LATENCY_HELP, Status};

use super::fanout::{Fanout, Topic};

/// The latency that autoscaling looks at is of this long, and told anew as often.
const WINDOW: Duration = Duration::from_secs(10);

/// What the serving thread measures.
pub(super) struct Metrics {
    registry: Registry,
    pub(super) accepted: Counter,
    pub(super) filled: Counter,
    pub(super) trades: Counter,
    denied: HashMap<DenialReason, Counter>,
    /// From a request's head to its hand-in, and from its last event to its answer.
    pub(super) decode: Stage,
    pub(super) encode: Stage,
    /// From the hand-in to the last durable event.
    order: Recorder,
    clock: Clock,
    window: Window,
    pub(super) binance_streams: StreamMetrics,
    pub(super) native_streams: StreamMetrics,
}

/// What the connections of an interface are told.
pub(super) struct StreamMetrics {
    connections: Gauge,
    subscriptions: Gauge,
    slow_consumers: Counter,
}

impl StreamMetrics {
    fn register(registry: &Registry, interface: &str) -> Result<Self, RegistryError> {
        let labels = [("interface", interface)];
        let gauge = |name, help| registry.gauge(name, help, &labels);
        Ok(Self {
            connections: gauge("stream_connections", "WebSocket connections that are open.")?,
            subscriptions: gauge("stream_subscriptions", "Streams that clients are told of.")?,
            slow_consumers: registry.counter(
                "slow_consumers_cut_off_total",
                "WebSocket connections that were ended because their client did not read.",
                &labels,
            )?,
        })
    }

    /// To be called about once a second.
    pub(super) fn beat<T: Topic>(&mut self, fanout: &mut Fanout<T>) {
        let (connections, subscriptions) = fanout.size();
        self.connections.set(connections as f64);
        self.subscriptions.set(subscriptions as f64);
        for _ in 0..fanout.queues.take_cut_off() {
            self.slow_consumers.increment();
        }
    }
}

/// What autoscaling looks at.
struct Window {
    latency: Histogram,
    since: Instant,
    p99_us: Gauge,
    throughput: Gauge,
    counted: (Instant, u64),
}

impl Metrics {
    /// Registers all of them.
    ///
    /// # Errors
    /// When a name is taken.
    pub(super) fn new(registry: &Registry, status: &Status) -> io::Result<Self> {
        Self::register(registry, status).map_err(io::Error::other)
    }

    fn register(registry: &Registry, status: &Status) -> Result<Self, RegistryError> {
        observe(registry, status)?;
        usage::register(registry)?;
        let counter = |name, help| registry.counter(name, help, &[]);
        let gauge = |name, help| registry.gauge(name, help, &[]);
        let clock = Clock::new();
        let recorder = |stage| registry.histogram(LATENCY, LATENCY_HELP, &[("stage", stage)]);
        let now = Instant::now();
        let window = Window {
            latency: Histogram::new(),
            since: now,
            p99_us: gauge(
                "trading_latency_p99_microseconds",
                "99th percentile of stage order, of the last ten seconds.",
            )?,
            throughput: gauge(
                "trading_throughput_messages_per_second",
                "Commands that the engine took, in the last second.",
            )?,
            counted: (now, status.sequence()),
        };
        Ok(Self {
            registry: registry.clone(),
            accepted: counter("orders_accepted_total", "Orders that the engine took.")?,
            filled: counter("orders_filled_total", "Orders that were filled in full.")?,
            trades: counter("trades_total", "Trades.")?,
            denied: HashMap::new(),
            decode: Stage::new(recorder("decode")?, clock.clone()),
            encode: Stage::new(recorder("encode")?, clock.clone()),
            order: recorder("order")?,
            clock,
            window,
            binance_streams: StreamMetrics::register(registry, "binance")?,
            native_streams: StreamMetrics::register(registry, "native")?,
        })
    }

    /// The engine has denied a command.
    pub(super) fn denied(&mut self, reason: DenialReason) {
        if !self.denied.contains_key(&reason) {
            let counter = self.registry.counter(
                "commands_denied_total",
                "Commands that the engine denied, by reason.",
                &[("reason", reason.as_str())],
            );
            // The name is this one's alone, and well formed.
            let Ok(counter) = counter else { return };
            self.denied.insert(reason, counter);
        }
        if let Some(counter) = self.denied.get(&reason) {
            counter.increment();
        }
    }

    /// The counter now: when a submission is handed in.
    pub(super) fn now(&self) -> u64 {
        self.clock.ticks()
    }

    /// A submission is answered that was handed in at `start`.
    pub(super) fn answered(&mut self, start: u64) {
        let ns = self.clock.ns_since(start);
        self.order.record(ns);
        self.window.latency.record(ns);
    }

    /// To be called about once a second.
    pub(super) fn beat(&mut self, status: &Status) {
        let Window { latency, since, p99_us, throughput, counted } = &mut self.window;
        let (now, sequence) = (Instant::now(), status.sequence());
        let (then, before) = *counted;
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if seconds > 0.0 {
            throughput.set(sequence.saturating_sub(before) as f64 / seconds);
            *counted = (now, sequence);
        }
        if now.saturating_duration_since(*since) >= WINDOW {
            p99_us.set(latency.distribution().p99_ns as f64 / 1e3);
            latency.clear();
            *since = now;
        }
    }
}

/// What is asked of the pipeline whenever metrics are.
fn observe(registry: &Registry, status: &Status) -> Result<(), RegistryError> {
    let gauge = |name, help, read: fn(&Status) -> f64| {
        let status = status.clone();
        registry.observe(name, help, &[], move || read(&status))
    };
    gauge("command_queue_depth", "Commands that wait for the engine.", |status| {
        status.queues().commands as f64
    })?;
    gauge("outbox_depth", "Events that wait for the disk, or for the slowest reader.", |status| {
        status.queues().events as f64
    })?;
    gauge("journal_lag_commands", "Commands of the log that are not on the disk.", |status| {
        status.queues().not_durable as f64
    })?;
    gauge("journal_lag_bytes", "Bytes of those commands, framed and padded.", |status| {
        status.queues().not_durable_bytes as f64
    })?;
    gauge("command_sequence", "The last command of the log.", |status| status.sequence() as f64)?;
    gauge("venue_takes_orders", "One while the venue takes commands.", |status| {
        f64::from(u8::from(status.health() == Health::Running))
    })?;
    gauge(
        "snapshot_age_seconds",
        "Since the last snapshot of this run; -1 before the first.",
        |status| status.snapshot().map_or(-1.0, |taken| seconds_since(taken.at)),
    )?;
    gauge("snapshot_sequence", "The last command of that snapshot; 0 without one.", |status| {
        status.snapshot().map_or(0.0, |taken| taken.sequence as f64)
    })?;
    gauge("snapshot_bytes", "The size of that snapshot.", |status| {
        status.snapshot().map_or(0.0, |taken| taken.bytes as f64)
    })?;
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    registry.gauge("build_info", "One; which build this is.", &build)?.set(1.0);
    Ok(())
}

fn seconds_since(at: Timestamp) -> f64 {
    super::now_ms() as f64 / 1e3 - at.0 as f64 / 1e9
}

/// What a door counts. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct DoorMetrics {
    open: Arc<AtomicU64>,
    turned_away: Arc<Mutex<Counter>>,
}

impl DoorMetrics {
    /// Registers those of the door of that name.
    ///
    /// # Errors
    /// When a name is taken.
    pub(crate) fn new(registry: &Registry, door: &str) -> io::Result<Self> {
        let open = Arc::new(AtomicU64::new(0));
        let observed = Arc::clone(&open);
        registry
            .observe("connections", "Connections that are open.", &[("door", door)], move || {
                observed.load(Ordering::Relaxed) as f64
            })
            .map_err(io::Error::other)?;
        let turned_away = registry.counter(
            "connections_refused_total",
            "Connections that were closed because their address had as many as it may.",
            &[("door", door)],
        );
        let turned_away = Arc::new(Mutex::new(turned_away.map_err(io::Error::other)?));
        Ok(Self { open, turned_away })
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.turned_away.lock().unwrap_or_else(PoisonError::into_inner).increment();
    }
}

/// What is measured of a gateway for orders.
pub(crate) struct EntryMetrics {
    pub(crate) door: DoorMetrics,
    requests: Counter,
    refused: Counter,
    busy: Counter,
    answers: Counter,
    pub(crate) logins_refused: Counter,
    pub(crate) cut_off: Counter,
    sessions: Gauge,
    told: EntryCounts,
}

impl EntryMetrics {
    /// Registers those of the door of that name; `protocol` is what it speaks.
    ///
    /// # Errors
    /// When a name is taken.
    pub(crate) fn new(registry: &Registry, door: &str, protocol: &str) -> io::Result<Self> {
        let of_door = DoorMetrics::new(registry, door)?;
        Self::register(registry, (door, protocol), of_door).map_err(io::Error::other)
    }

    fn register(
        registry: &Registry,
        (name, protocol): (&str, &str),
        door: DoorMetrics,
    ) -> Result<Self, RegistryError> {
        let counter = |counted: &str, what: &str| {
            let help = format!("{what}, by {protocol}.");
            registry.counter(&format!("{name}_{counted}_total"), &help, &[])
        };
        let sessions = format!("Sessions with a connection, of {protocol}.");
        Ok(Self {
            door,
            requests: counter("requests", "Requests that came")?,
            refused: counter("requests_refused", "Requests that the gateway refused")?,
            busy: counter("requests_busy", "Requests that there was no room for")?,
            answers: counter("answers", "Answers that were told")?,
            logins_refused: counter("logins_refused", "Logins that were refused")?,
            cut_off: counter(
                "slow_consumers_cut_off",
                "Connections that were ended because their client did not read",
            )?,
            sessions: registry.gauge(&format!("{name}_sessions"), &sessions, &[])?,
            told: EntryCounts::default(),
        })
    }

    /// Shows what was counted since the last time.
    pub(crate) fn show(&mut self, counts: EntryCounts, sessions: usize) {
        self.requests.add(counts.requests - self.told.requests);
        self.refused.add(counts.refused - self.told.refused);
        self.busy.add(counts.busy - self.told.busy);
        self.answers.add(counts.answers - self.told.answers);
        self.sessions.set(sessions as f64);
        self.told = counts;
    }
}
