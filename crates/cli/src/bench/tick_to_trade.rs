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
//! What is sent and heard is written to a journal, as a trader does that trades with money; what that costs is seen
//! beside the cases without one. Every order is looked at: its price and quantity are those that its tick offered, which differ from tick to
//! tick, so that none can be prepared. What the venue answers is told between two ticks.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiercel_execution::venue::VenueId;
use tiercel_net::{ConnectionId, Handler, Limits, Reactor};
use tiercel_strategy::Strategy;
use tiercel_telemetry::Registry;
use tiercel_trader::MarketBook;
use tiercel_trader::connector::BinaryOrders;
use tiercel_trader::connector::binary::Login;
use tiercel_trader::dial::Dialer;
use tiercel_trader::feed::BinaryFeed;
use tiercel_trader::hot::{Control, Hot, Wait};
use tiercel_trader::lines::{Line, Lines};
use tiercel_trader::timing::{LATENCY, Stage, TICK_TO_TRADE, TICK_TO_UPDATE};
use tiercel_types::Symbol;
use tiercel_venue::serve::Tls;

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::feed_rate::{Flow, feed_rate};
use super::gateway::figure;
use super::gateway_venue::now;
use super::journal::{Place, wrong};
use super::tick_json::{self, JsonPeer, Trades};
use super::tick_peer::{BinaryPeer, OURS, Peer, Taker, VENUE, core, keep_journal};
use super::tick_sockets::{Identity, Mirror, Polled, endpoint};
use super::venue_sockets::{elsewhere, joined};
use super::{BenchError, Options};

/// The cases of `tiercel bench tick-to-trade`.
pub const CASES: &[CaseSpec] = &[
    spec("memory_binary", |_| Ok(memory(Way::Binary, true))),
    spec("memory_binary_unjournaled", |_| Ok(memory(Way::Binary, false))),
    spec("memory_binance_json", |_| Ok(memory(Way::Json(Trades::Quoting), true))),
    spec("memory_binance_json_unjournaled", |_| Ok(memory(Way::Json(Trades::Quoting), false))),
    spec("memory_binance_json_taker", |_| Ok(memory(Way::Json(Trades::Taking), true))),
    spec("tcp_binary", |options| tcp(options, Way::Binary, false, 0.5)),
    spec("tcp_binary_p99", |options| tcp(options, Way::Binary, false, 0.99)),
    spec("tcp_binance_json", |options| tcp(options, JSON, false, 0.5)),
    spec("tcp_binance_json_p99", |options| tcp(options, JSON, false, 0.99)),
    spec("tls_binance_json", |options| tcp(options, JSON, true, 0.5)),
    spec("feed_rate", |options| feed_rate(options, Flow::Records)),
    spec("feed_rate_json_trades", |options| feed_rate(options, Flow::JsonTrades)),
    spec("feed_rate_json_depth", |options| feed_rate(options, Flow::JsonDepth)),
    spec("tick_to_update", |options| told(options, TICK_TO_UPDATE, None)),
    spec("tick_to_trade", |options| told(options, TICK_TO_TRADE, None)),
    spec("stage_parse", |options| told(options, LATENCY, Some(Stage::Parse))),
    spec("stage_book", |options| told(options, LATENCY, Some(Stage::Book))),
    spec("stage_strategy", |options| told(options, LATENCY, Some(Stage::Strategy))),
    spec("stage_risk", |options| told(options, LATENCY, Some(Stage::Risk))),
    spec("stage_encode", |options| told(options, LATENCY, Some(Stage::Encode))),
    spec("stage_send", |options| told(options, LATENCY, Some(Stage::Send))),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "tick-to-trade", name, build }
}

pub(super) const WARM_UP: usize = 4_000;
pub(super) const TICKS: usize = 20_000;
/// How long anything may take that is not measured.
const PATIENCE: Duration = Duration::from_secs(10);
const JSON: Way = Way::Json(Trades::Taking);

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Records of 64 bytes, both ways.
    Binary,
    /// The Binance interface.
    Json(Trades),
}

impl Way {
    fn peer(self) -> Box<dyn Peer> {
        match self {
            Self::Binary => Box::new(BinaryPeer::new()),
            Self::Json(trades) => Box::new(JsonPeer::new(trades)),
        }
    }

    fn lines(self, registry: &Registry) -> Result<Lines, BenchError> {
        match self {
            Self::Binary => lines(Box::new(Taker::new()), registry),
            Self::Json(Trades::Taking) => tick_json::lines(tick_json::taking(), registry),
            Self::Json(Trades::Quoting) => tick_json::lines(tick_json::quoting()?, registry),
        }
    }

    /// The book that the trader has to have first, where no feed tells it.
    pub(super) fn prepare(self, lines: &mut Lines) {
        if let Self::Json(_) = self {
            JsonPeer::snapshot(now(), lines);
        }
    }
}

fn memory(way: Way, has_journal: bool) -> Case {
    let subject = Memory { way, has_journal };
    Case { unit: "ns p50", input: Input::None, subjects: vec![Box::new(subject)] }
}

/// What the trader itself says of a tick's way, over sockets.
fn told(
    options: &Options,
    histogram: &'static str,
    stage: Option<Stage>,
) -> Result<Case, BenchError> {
    let tcp = Tcp { cpu: options.second_cpu()?, share: 0.5, way: Way::Binary, is_secure: false };
    let subjects: Vec<Box<dyn Subject>> = vec![Box::new(Told { tcp, histogram, stage })];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

fn tcp(options: &Options, way: Way, is_secure: bool, share: f64) -> Result<Case, BenchError> {
    let cpu = options.second_cpu()?;
    let unit = if share > 0.5 { "ns p99" } else { "ns p50" };
    let (there, back) = Memory { way, has_journal: false }.sizes()?;
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Tcp { cpu, share, way, is_secure }),
        Box::new(Mirror { cpu, share, there, back }),
    ];
    Ok(Case { unit, input: Input::None, subjects })
}

/// A trader of one instrument at one venue, by records.
fn lines(strategy: Box<dyn Strategy>, registry: &Registry) -> Result<Lines, BenchError> {
    let login = Login {
        key: "bench".into(),
        secret: (*b"secret").into(),
        heartbeat_ms: 60_000,
        cancel_on_disconnect: false,
    };
    let orders = BinaryOrders::new(VenueId(0), &login, Vec::new(), None);
    let core = core(strategy, registry, MarketBook::direct(), VENUE)?;
    Ok(Lines::new(core, vec![Line::BinaryFeed(feed()?), Line::BinaryOrders(orders)], 4))
}

pub(super) fn feed() -> Result<BinaryFeed, BenchError> {
    let symbol = Symbol::new(b"BTCUSDT").map_err(|error| wrong(&error))?;
    Ok(BinaryFeed::new(VenueId(0), vec![(symbol, OURS)]))
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
#[derive(Clone, Copy)]
struct Memory {
    way: Way,
    /// What is sent and heard is written down, as a trader does that trades with money.
    has_journal: bool,
}

/// A trader and its venue, without sockets between them.
struct Pair {
    lines: Lines,
    memories: Memories,
    peer: Box<dyn Peer>,
    bytes: Vec<u8>,
    _journal: Option<Place>,
}

impl Pair {
    /// Both after the first tick that set off orders.
    fn new(Memory { way, has_journal }: Memory) -> Result<Self, BenchError> {
        let mut lines = way.lines(&Registry::new())?;
        let journal = if has_journal { Some(keep_journal(&mut lines.core)?) } else { None };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        for (line, id) in IDS.into_iter().enumerate() {
            lines.expect(line, tick_json::handover());
            lines.connected(id, address);
        }
        let memories = Memories { outputs: [Vec::new(), Vec::new()] };
        let mut pair =
            Self { lines, memories, peer: way.peer(), bytes: Vec::new(), _journal: journal };
        let end = Instant::now() + PATIENCE;
        while !pair.peer.is_logged_on() {
            pair.lines.flush(&mut pair.memories);
            pair.deliver()?;
            if Instant::now() > end {
                return Err(wrong(&"the trader does not log on"));
            }
        }
        way.prepare(&mut pair.lines);
        let Self { lines, peer, bytes, .. } = &mut pair;
        bytes.clear();
        peer.begin(bytes);
        lines.received(IDS[0], bytes, &mut Vec::new());
        pair.lines.flush(&mut pair.memories);
        pair.deliver()?;
        // What it does about the first book is answered, and not looked at.
        pair.answer()?;
        while !pair.tick()? {
            if Instant::now() > end {
                return Err(wrong(&"no tick sets off an order"));
            }
        }
        Ok(pair)
    }

    /// What the trader sent goes to the venue.
    fn deliver(&mut self) -> Result<(), BenchError> {
        let Self { memories, peer, lines, bytes, .. } = self;
        peer.received(now(), &memories.outputs[1])?;
        memories.outputs.iter_mut().for_each(Vec::clear);
        bytes.clear();
        peer.take_output(bytes);
        if !bytes.is_empty() {
            lines.received(IDS[1], bytes, &mut Vec::new());
        }
        Ok(())
    }

    /// The venue answers.
    fn answer(&mut self) -> Result<(), BenchError> {
        self.peer.answer(now())?;
        self.lines.flush(&mut self.memories);
        self.deliver()?;
        self.lines.flush(&mut self.memories);
        Ok(())
    }

    /// A tick that is not measured; whether everything came that follows from it.
    fn tick(&mut self) -> Result<bool, BenchError> {
        self.bytes.clear();
        self.peer.tick(&mut self.bytes);
        self.lines.received(IDS[0], &self.bytes, &mut Vec::new());
        self.lines.flush(&mut self.memories);
        self.deliver()?;
        let has_orders = self.peer.has_orders();
        self.answer()?;
        Ok(has_orders)
    }
}

impl Memory {
    /// How many bytes a tick has, and how many what follows from it.
    fn sizes(self) -> Result<(usize, usize), BenchError> {
        let mut pair = Pair::new(self)?;
        pair.bytes.clear();
        pair.peer.tick(&mut pair.bytes);
        let there = pair.bytes.len();
        pair.lines.received(IDS[0], &pair.bytes, &mut Vec::new());
        pair.lines.flush(&mut pair.memories);
        Ok((there, pair.memories.outputs[1].len()))
    }
}

impl Subject for Memory {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut pair = Pair::new(*self)?;
        let mut nothing = Vec::new();
        let mut times = Vec::with_capacity(TICKS);
        for number in 0..WARM_UP + TICKS {
            let Pair { lines, memories, peer, bytes, .. } = &mut pair;
            bytes.clear();
            peer.tick(bytes);
            let from = clock::start();
            lines.received(IDS[0], bytes, &mut nothing);
            lines.flush(memories);
            let time_ns = clock.between_ns(clock::stop() - from) as f32;
            if number >= WARM_UP {
                times.push(time_ns);
            }
            pair.deliver()?;
            if !pair.peer.has_orders() {
                let counts = pair.lines.core.counts();
                return Err(wrong(&format!("tick {number} without an order: {counts:?}")));
            }
            pair.peer.check()?;
            pair.answer()?;
        }
        Ok(figure(times, 0.5, timing))
    }
}

/// The trader on a thread of its own, and this one as the venue.
struct Tcp {
    cpu: usize,
    share: f64,
    way: Way,
    is_secure: bool,
}

/// A venue with one trader.
struct Venue {
    feed: Polled,
    orders: Polled,
    peer: Box<dyn Peer>,
    bytes: Vec<u8>,
}

impl Venue {
    fn take_in(
        way: Way,
        tls: Option<&Tls>,
        [feed, orders]: [&TcpListener; 2],
    ) -> Result<Self, BenchError> {
        let mut feed = Polled::accept(feed, tls)?;
        if way != Way::Binary {
            feed.upgrade()?;
        }
        let mut orders = Polled::accept(orders, tls)?;
        if way == Way::Binary {
            feed.read()?;
        } else {
            orders.upgrade()?;
        }
        let mut venue = Self { feed, orders, peer: way.peer(), bytes: Vec::new() };
        while !venue.peer.is_logged_on() {
            venue.orders.read()?;
            venue.take_orders()?;
            venue.tell()?;
        }
        venue.bytes.clear();
        venue.peer.begin(&mut venue.bytes);
        venue.feed.write(&venue.bytes)?;
        Ok(venue)
    }

    fn take_orders(&mut self) -> Result<(), BenchError> {
        let taken = self.peer.received(now(), &self.orders.bytes)?;
        self.orders.bytes.drain(..taken);
        Ok(())
    }

    fn tell(&mut self) -> Result<(), BenchError> {
        self.bytes.clear();
        self.peer.take_output(&mut self.bytes);
        if self.bytes.is_empty() { Ok(()) } else { self.orders.write(&self.bytes) }
    }

    /// Ticks until one sets off an order, and until nothing more comes.
    fn settle(&mut self) -> Result<(), BenchError> {
        let end = Instant::now() + PATIENCE;
        let mut has_traded = false;
        while Instant::now() < end {
            self.bytes.clear();
            self.peer.tick(&mut self.bytes);
            self.feed.write(&self.bytes)?;
            let quiet = Instant::now() + Duration::from_millis(20);
            let mut has_orders = false;
            while Instant::now() < quiet {
                if self.orders.read_some()? {
                    self.take_orders()?;
                    has_orders |= self.peer.has_orders();
                    self.peer.answer(now())?;
                    self.tell()?;
                }
            }
            if has_traded && has_orders {
                return Ok(());
            }
            has_traded = has_orders;
        }
        Err(wrong(&"no tick sets off an order"))
    }

    /// A tick, and the order that follows from it.
    fn trade(&mut self, clock: &Clock) -> Result<f32, BenchError> {
        self.bytes.clear();
        self.peer.tick(&mut self.bytes);
        self.feed.seal(&self.bytes);
        let from = clock::start();
        self.feed.stream.write_all(&self.feed.sealed)?;
        self.orders.read()?;
        let time_ns = clock.between_ns(clock::stop() - from) as f32;
        self.take_orders()?;
        while !self.peer.has_orders() {
            self.orders.read()?;
            self.take_orders()?;
        }
        self.peer.check()?;
        self.peer.answer(now())?;
        self.tell()?;
        Ok(time_ns)
    }
}

impl Tcp {
    /// The times of all ticks, and what the trader measured itself.
    fn run(&self, clock: &Clock) -> Result<(Vec<f32>, Registry), BenchError> {
        let identity = self.is_secure.then(Identity::new).transpose()?;
        let (feed, orders) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let way = self.way;
        let endpoints = vec![
            endpoint(way, &feed, identity.as_ref())?,
            endpoint(way, &orders, identity.as_ref())?,
        ];
        let (control, controlled) = channel();
        let registry = Registry::new();
        let theirs = registry.clone();
        let trader: JoinHandle<Result<(), BenchError>> = elsewhere(self.cpu, move || {
            let dialer = Dialer::new(endpoints)?;
            let mut lines = way.lines(&theirs)?;
            let _journal = keep_journal(&mut lines.core)?;
            let hot = Hot::new(lines, dialer, controlled, Wait::Spin, Limits::default())?;
            let mut is_prepared = false;
            hot.run(|_, lines, _| {
                if !is_prepared && lines.lines().all(|(line, _)| line.is_up()) {
                    way.prepare(lines);
                    is_prepared = true;
                }
            })?;
            Ok(())
        });
        let tls = identity.as_ref().map(|identity| &identity.tls);
        let mut venue = Venue::take_in(way, tls, [&feed, &orders])?;
        venue.settle()?;
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

/// What the trader says of a tick, while it is measured from outside: the median of one of its histograms.
struct Told {
    tcp: Tcp,
    histogram: &'static str,
    stage: Option<Stage>,
}

impl Subject for Told {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, _: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let (times, registry) = self.tcp.run(clock)?;
        let report = registry.report();
        let stage = self.stage.map(Stage::name);
        let row = report.rows.iter().find(|row| {
            let label = row.labels.first().map(|label| label.1.as_str());
            row.name == self.histogram && label == stage
        });
        let row = row.ok_or_else(|| wrong(&"a stage without times"))?;
        let value = row.latency.p50_ns as f64;
        Ok(Round { value, operations: times.len() as u64, times_ns: Vec::new(), checksum: 0 })
    }
}
