//! From market data to orders: the shipped trader's own lines and core.
//!
//! ```text
//!   memory_*:  this thread: a tick's bytes --> Lines --> an order's bytes        no socket
//!
//!   tcp_*:     this thread: the first byte of a tick --TCP--> the trader's thread: feed, book,
//!                   ^                                         strategy, gate, orders, connector
//!                   +------- the first byte of an order <--TCP------+
//!   echo:      this thread: as many bytes --> a thread that sends as many back, on the same core
//! ```
//!
//! Every order is looked at: its price and quantity are those that its tick offered, which differ from tick to
//! tick, so that none can be prepared. What the venue answers is told between two ticks.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use tiercel_execution::venue::VenueId;
use tiercel_net::{ConnectionId, Handler, Limits, Reactor, Tuning};
use tiercel_strategy::Strategy;
use tiercel_telemetry::Registry;
use tiercel_trader::connector::BinaryOrders;
use tiercel_trader::connector::binary::Login;
use tiercel_trader::dial::Dialer;
use tiercel_trader::feed::BinaryFeed;
use tiercel_trader::hot::{Control, Hot, Wait};
use tiercel_trader::lines::{Line, Lines};
use tiercel_trader::timing::Stage;
use tiercel_types::market::Level;
use tiercel_types::{Symbol, Timestamp};
use tiercel_wire::binary::RECORD_SIZE;

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::gateway::{Echo, figure};
use super::gateway_venue::now;
use super::journal::wrong;
use super::tick_peer::{Desk, OURS, Taker, Ticks, Watcher, check_record, core};
use super::venue_sockets::{elsewhere, joined};
use super::{BenchError, Options};

/// The cases of `tiercel bench tick-to-trade`.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "tick-to-trade", name: "memory_binary", build: memory_binary },
    CaseSpec { bench: "tick-to-trade", name: "tcp_binary", build: tcp_binary },
    CaseSpec { bench: "tick-to-trade", name: "tcp_binary_p99", build: tcp_binary_p99 },
    CaseSpec { bench: "tick-to-trade", name: "feed_rate", build: feed_rate },
    CaseSpec { bench: "tick-to-trade", name: "stage_parse", build: stage_parse },
    CaseSpec { bench: "tick-to-trade", name: "stage_book", build: stage_book },
    CaseSpec { bench: "tick-to-trade", name: "stage_strategy", build: stage_strategy },
    CaseSpec { bench: "tick-to-trade", name: "stage_risk", build: stage_risk },
    CaseSpec { bench: "tick-to-trade", name: "stage_encode", build: stage_encode },
    CaseSpec { bench: "tick-to-trade", name: "stage_send", build: stage_send },
];

const WARM_UP: usize = 4_000;
const TICKS: usize = 20_000;

#[expect(clippy::unnecessary_wraps, reason = "as every case is made")]
fn memory_binary(_: &Options) -> Result<Case, BenchError> {
    let subjects: Vec<Box<dyn Subject>> = vec![Box::new(Memory)];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

fn tcp_binary(options: &Options) -> Result<Case, BenchError> {
    tcp(options, 0.5, "ns p50")
}

fn tcp_binary_p99(options: &Options) -> Result<Case, BenchError> {
    tcp(options, 0.99, "ns p99")
}

fn stage_parse(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Parse)
}

fn stage_book(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Book)
}

fn stage_strategy(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Strategy)
}

fn stage_risk(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Risk)
}

fn stage_encode(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Encode)
}

fn stage_send(options: &Options) -> Result<Case, BenchError> {
    stage(options, Stage::Send)
}

fn stage(options: &Options, stage: Stage) -> Result<Case, BenchError> {
    let tcp = Tcp { cpu: options.second_cpu()?, share: 0.5 };
    let subjects: Vec<Box<dyn Subject>> = vec![Box::new(StageTime { tcp, stage })];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

fn feed_rate(options: &Options) -> Result<Case, BenchError> {
    let records = options.operations;
    let subject = FeedRate { cpu: options.second_cpu()?, records };
    Ok(Case { unit: "record/s", input: Input::None, subjects: vec![Box::new(subject)] })
}

fn tcp(options: &Options, share: f64, unit: &'static str) -> Result<Case, BenchError> {
    let cpu = options.second_cpu()?;
    let subjects: Vec<Box<dyn Subject>> =
        vec![Box::new(Tcp { cpu, share }), Box::new(Echo { cpu, share })];
    Ok(Case { unit, input: Input::None, subjects })
}

/// A trader of one instrument at one venue.
fn lines(strategy: Box<dyn Strategy>, registry: &Registry) -> Result<Lines, BenchError> {
    let login = Login {
        key: "bench".into(),
        secret: (*b"secret").into(),
        heartbeat_ms: 60_000,
        cancel_on_disconnect: false,
    };
    let symbol = Symbol::new(b"BTCUSDT").map_err(|error| wrong(&error))?;
    let feed = BinaryFeed::new(VenueId(0), vec![(symbol, OURS)]);
    let orders = BinaryOrders::new(VenueId(0), &login, Vec::new(), None);
    let core = core(strategy, registry)?;
    Ok(Lines::new(core, vec![Line::BinaryFeed(feed), Line::BinaryOrders(orders)], 4))
}

/// Two connections without sockets: what is written to them stays where it was written.
struct Memories {
    outputs: [Vec<u8>; 2],
}

const IDS: [ConnectionId; 2] = [ConnectionId::new(0, 0), ConnectionId::new(1, 0)];

impl Reactor for Memories {
    fn poll(&mut self, _: &mut impl Handler) -> std::io::Result<usize> {
        Ok(0)
    }

    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        self.outputs.get_mut(id.index())
    }

    fn flush(&mut self, _: &mut impl Handler) {}

    fn close(&mut self, _: ConnectionId, _: &mut impl Handler) {}

    fn add(&mut self, _: TcpStream, _: &mut impl Handler) -> std::io::Result<ConnectionId> {
        Err(ErrorKind::Unsupported.into())
    }

    fn wait(&mut self, _: Duration) -> std::io::Result<()> {
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn connections(&self) -> usize {
        self.outputs.len()
    }
}

/// Bytes in to bytes out.
struct Memory;

impl Subject for Memory {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut lines = lines(Box::new(Taker::new()), &Registry::new())?;
        let mut memories = Memories { outputs: [Vec::new(), Vec::new()] };
        let (mut desk, mut ticks) = (Desk::new(), Ticks::new());
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        for (line, id) in IDS.into_iter().enumerate() {
            lines.expect(line, [7; 32]);
            lines.connected(id, peer);
        }
        let mut bytes = Vec::new();
        let mut nothing = Vec::new();
        while !desk.is_logged_on() {
            lines.flush(&mut memories);
            let taken = desk.received(now(), &memories.outputs[1])?;
            memories.outputs[1].drain(..taken);
            desk.take_output(&mut bytes);
            lines.received(IDS[1], &bytes, &mut nothing);
            bytes.clear();
        }
        ticks.begin(&mut bytes);
        lines.core.oms_mut().gate_mut().halt();
        lines.received(IDS[0], &bytes, &mut nothing);
        lines.core.enable();
        lines.flush(&mut memories);
        memories.outputs[1].clear();
        let mut times = Vec::with_capacity(TICKS);
        for number in 0..WARM_UP + TICKS {
            bytes.clear();
            let ask = ticks.tick(&mut bytes);
            let from = clock::start();
            lines.received(IDS[0], &bytes, &mut nothing);
            lines.flush(&mut memories);
            let time_ns = clock.between_ns(clock::stop() - from) as f32;
            if number >= WARM_UP {
                times.push(time_ns);
            }
            check_record(&memories.outputs[1], ask)?;
            desk.received(now(), &memories.outputs[1])?;
            memories.outputs[1].clear();
            desk.answer(now(), ask)?;
            bytes.clear();
            desk.take_output(&mut bytes);
            lines.received(IDS[1], &bytes, &mut nothing);
            lines.flush(&mut memories);
        }
        Ok(figure(times, 0.5, timing))
    }
}

/// The trader on a thread of its own, and this one as the venue.
struct Tcp {
    cpu: usize,
    share: f64,
}

/// A connection that this thread polls.
struct Polled {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Polled {
    fn accept(listener: &TcpListener) -> Result<Self, BenchError> {
        let (stream, _) = listener.accept()?;
        Tuning::default().apply(&stream);
        stream.set_nonblocking(true)?;
        Ok(Self { stream, bytes: Vec::new() })
    }

    /// Reads until so many bytes are there.
    fn read(&mut self, count: usize) -> Result<(), BenchError> {
        let mut chunk = [0; 4_096];
        while self.bytes.len() < count {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(wrong(&"the trader closed a connection")),
                Ok(count) => self.bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A venue with one trader.
struct Venue {
    feed: Polled,
    orders: Polled,
    desk: Desk,
    ticks: Ticks,
    bytes: Vec<u8>,
}

impl Venue {
    fn take_in(feed: &TcpListener, orders: &TcpListener) -> Result<Self, BenchError> {
        let (feed, orders) = (Polled::accept(feed)?, Polled::accept(orders)?);
        let (desk, ticks) = (Desk::new(), Ticks::new());
        let mut venue = Self { feed, orders, desk, ticks, bytes: Vec::new() };
        while !venue.desk.is_logged_on() {
            venue.orders.read(RECORD_SIZE)?;
            venue.take_orders()?;
            venue.tell()?;
        }
        venue.feed.read(RECORD_SIZE)?;
        Ok(venue)
    }

    fn take_orders(&mut self) -> Result<(), BenchError> {
        let taken = self.desk.received(now(), &self.orders.bytes)?;
        self.orders.bytes.drain(..taken);
        Ok(())
    }

    fn tell(&mut self) -> Result<(), BenchError> {
        self.bytes.clear();
        self.desk.take_output(&mut self.bytes);
        Ok(self.orders.stream.write_all(&self.bytes)?)
    }

    /// A tick, and the order that follows from it.
    fn trade(&mut self, clock: &Clock) -> Result<f32, BenchError> {
        self.bytes.clear();
        let ask: Level = self.ticks.tick(&mut self.bytes);
        let from = clock::start();
        self.feed.stream.write_all(&self.bytes)?;
        self.orders.read(1)?;
        let time_ns = clock.between_ns(clock::stop() - from) as f32;
        self.orders.read(RECORD_SIZE)?;
        check_record(&self.orders.bytes, ask)?;
        self.take_orders()?;
        self.desk.answer(now(), ask)?;
        self.tell()?;
        Ok(time_ns)
    }
}

impl Tcp {
    /// The times of all ticks, and what the trader measured itself.
    fn run(&self, clock: &Clock) -> Result<(Vec<f32>, Registry), BenchError> {
        let feed = TcpListener::bind("127.0.0.1:0")?;
        let orders = TcpListener::bind("127.0.0.1:0")?;
        let addresses = vec![feed.local_addr()?.to_string(), orders.local_addr()?.to_string()];
        let (control, controlled) = channel();
        let registry = Registry::new();
        let theirs = registry.clone();
        let trader: JoinHandle<Result<(), BenchError>> = elsewhere(self.cpu, move || {
            let dialer = Dialer::new(addresses)?;
            let lines = lines(Box::new(Taker::new()), &theirs)?;
            let hot = Hot::new(lines, dialer, controlled, Wait::Spin, Limits::default())?;
            hot.run(|_: Timestamp, _, _| {})?;
            Ok(())
        });
        let mut venue = Venue::take_in(&feed, &orders)?;
        venue.bytes.clear();
        venue.ticks.begin(&mut venue.bytes);
        venue.feed.stream.write_all(&venue.bytes)?;
        // What it does about the first book is not measured.
        venue.orders.read(RECORD_SIZE)?;
        venue.take_orders()?;
        venue.desk.answer(now(), venue.ticks.ask())?;
        venue.tell()?;
        let mut times = Vec::with_capacity(TICKS);
        for number in 0..WARM_UP + TICKS {
            let time_ns = venue.trade(clock)?;
            if number >= WARM_UP {
                times.push(time_ns);
            }
        }
        control.send(Control::Stop).map_err(|error| wrong(&error))?;
        joined(trader)?;
        Ok((times, registry))
    }
}

impl Subject for Tcp {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (times, _) = self.run(clock)?;
        Ok(figure(times, self.share, timing))
    }
}

/// What the trader says of one of its stages, while it is measured from outside.
struct StageTime {
    tcp: Tcp,
    stage: Stage,
}

impl Subject for StageTime {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, _: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (times, registry) = self.tcp.run(clock)?;
        let report = registry.report();
        let is_it = |label: &(String, String)| label.1 == self.stage.name();
        let row = report.rows.iter().find(|row| row.labels.iter().any(is_it));
        let row = row.ok_or_else(|| wrong(&"a stage without times"))?;
        let value = row.latency.p50_ns as f64;
        Ok(Round { value, operations: times.len() as u64, times_ns: Vec::new(), checksum: 0 })
    }
}

/// As many records as the trader takes: every third a trade, the others changes of the book, 16 in a segment.
struct FeedRate {
    cpu: usize,
    records: usize,
}

/// Records of a segment.
const SEGMENT: usize = 16;

impl Subject for FeedRate {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, _: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let feed = TcpListener::bind("127.0.0.1:0")?;
        let address = vec![feed.local_addr()?.to_string()];
        let (control, controlled) = channel();
        let taken = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&taken);
        let trader: JoinHandle<Result<(), BenchError>> = elsewhere(self.cpu, move || {
            let dialer = Dialer::new(address)?;
            let symbol = Symbol::new(b"BTCUSDT").map_err(|error| wrong(&error))?;
            let feed = BinaryFeed::new(VenueId(0), vec![(symbol, OURS)]);
            let core = core(Box::new(Watcher::default()), &Registry::new())?;
            let lines = Lines::new(core, vec![Line::BinaryFeed(feed)], 4);
            let limits = Limits { input_bytes: 1 << 20, ..Limits::default() };
            let hot = Hot::new(lines, dialer, controlled, Wait::Spin, limits)?;
            hot.run(|_: Timestamp, lines, _| {
                let counts = lines.core.counts();
                theirs.store(counts.books + counts.trades, Ordering::Release);
            })?;
            Ok(())
        });
        let mut feed = Polled::accept(&feed)?;
        feed.read(RECORD_SIZE)?;
        feed.stream.set_nonblocking(false)?;
        let (mut ticks, mut bytes) = (Ticks::new(), Vec::new());
        ticks.begin(&mut bytes);
        feed.stream.write_all(&bytes)?;
        // The first is the snapshot's.
        let records = self.records / SEGMENT * SEGMENT;
        bytes.clear();
        for number in 0..records {
            if number % 3 == 0 {
                ticks.trade(&mut bytes);
            } else {
                ticks.tick(&mut bytes);
            }
        }
        let from = clock::start();
        for segment in bytes.chunks(SEGMENT * RECORD_SIZE) {
            feed.stream.write_all(segment)?;
        }
        // The trader tells each millisecond how far it is.
        while taken.load(Ordering::Acquire) < records as u64 + 1 {
            std::hint::spin_loop();
        }
        let seconds = clock.between_ns(clock::stop() - from) / 1e9;
        control.send(Control::Stop).map_err(|error| wrong(&error))?;
        joined(trader)?;
        let value = records as f64 / seconds;
        Ok(Round { value, operations: records as u64, times_ns: Vec::new(), checksum: 0 })
    }
}
