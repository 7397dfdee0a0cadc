//! The venue as its clients meet it: over loopback, the load generator included, all on these cores.
//!
//! ```text
//!   this thread --POST order--> serving thread --> core thread --> serving thread --> ACK
//!                                                  rest_ack (in memory), rest_ack_disk
//!   this thread --POST order--> a serving thread with an empty axum handler --> 200      axum
//!
//!   this thread --POST order, GET depth--> serving thread --> 1,000 WebSockets --> this thread
//!                                                  depth_fan_out: until all have the update
//!   this thread --a byte--> a thread that writes as much to 1,000 sockets --> this thread
//!                                                  bare_writes
//! ```
//!
//! This thread keeps its core; those of the servers run where the system lets them, as in
//! `tiercel venue`. Orders rest and are signed before they are timed; cancelling them is not.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use axum::Router;
use axum::routing::any;
use tiercel_journal::{Durability, FileStorage, IoOptions, Options as JournalOptions};
use tiercel_telemetry::Registry;
use tiercel_venue::accounts::Keys;
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::demo::{self, DemoKey};
use tiercel_venue::pipeline::{PipelineOptions, Status};
use tiercel_venue::run::{RunOptions, Running, start};
use tiercel_venue::serve::{ServeOptions, serve};
use tiercel_venue::store::{self, StoreOptions};

use super::clock::{self, Clock};
use super::contest::{Case, Input, Round, Subject, Timing};
use super::journal::{Place, wrong};
use super::venue::middle;
use super::venue_client::{Connection, now_ms, sign};
use super::{BenchError, Options};

/// Orders that rest before all are cancelled, and how often in a round.
const ORDERS: usize = 200;
const TIMES: usize = 10;
/// Subscribers, and updates of a round.
const SUBSCRIBERS: usize = 1_000;
const UPDATES: usize = 50;

/// A venue in this process.
struct Venue {
    address: SocketAddr,
    key: DemoKey,
    status: Status,
    running: Option<Running<FileStorage>>,
    shell: Option<JoinHandle<std::io::Result<()>>>,
    _place: Place,
}

/// Runs `work` in a thread that may run on all cores, whatever this one is pinned to.
fn free<T: Send + 'static>(
    cpus: Vec<usize>,
    work: impl FnOnce() -> Result<T, BenchError> + Send + 'static,
) -> JoinHandle<Result<T, BenchError>> {
    std::thread::spawn(move || {
        tiercel_host::allow_current_thread(&cpus)?;
        work()
    })
}

fn joined<T>(thread: JoinHandle<Result<T, BenchError>>) -> Result<T, BenchError> {
    thread.join().map_err(|_| wrong(&"a thread panicked"))?
}

impl Venue {
    fn start(cpus: Vec<usize>, name: &str, durability: Durability) -> Result<Self, BenchError> {
        let place = Place::new(name)?;
        joined(free(cpus, move || Self::start_here(place, durability)))
    }

    /// Its threads may run where this one may.
    fn start_here(place: Place, durability: Durability) -> Result<Self, BenchError> {
        let journal = JournalOptions { segment_size: 512 << 20, ..JournalOptions::default() };
        let options = StoreOptions { journal, ..StoreOptions::default() };
        let opened = store::open(place.emptied()?, IoOptions::default(), &options)
            .map_err(|error| wrong(&error))?;
        let pipeline = PipelineOptions { durability, ..PipelineOptions::default() };
        let (running, mut models, handles) =
            start(opened, &pipeline, RunOptions::default(), 1).map_err(|error| wrong(&error))?;
        let mut handle = handles.into_iter().next().ok_or_else(|| wrong(&"no handle"))?;
        demo::open(&mut handle, &mut models).map_err(|error| wrong(&error))?;
        let mut keys = Keys::default();
        let key = demo::keys(&mut keys).map_err(|error| wrong(&error))?;
        let key = key.into_iter().next().ok_or_else(|| wrong(&"no key"))?;
        let most = u32::MAX;
        let limits = RateLimits { weight_1m: most, orders_10s: most, orders_1d: most };
        let connections_max = 2 * SUBSCRIBERS;
        let options = ServeOptions { connections_max, limits, ..ServeOptions::default() };
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let status = handle.status();
        let shell = std::thread::spawn(move || {
            serve(listener, options, keys, handle, models, &Registry::new())
        });
        let (running, shell) = (Some(running), Some(shell));
        Ok(Self { address, key, status, running, shell, _place: place })
    }

    /// A signed request.
    fn request(&self, method: &str, path: &str, query: &str) -> Result<Vec<u8>, BenchError> {
        let query = format!("{query}&recvWindow=60000&timestamp={}", now_ms());
        let signature = sign(&self.key.secret, &query)?;
        let head = format!(
            "{method} /api/v3/{path}?{query}&signature={signature} HTTP/1.1\r\nHost: venue\r\n\
             X-MBX-APIKEY: {}\r\nContent-Length: 0\r\n\r\n",
            self.key.api_key
        );
        Ok(head.into_bytes())
    }

    /// An order that rests, the `number`-th.
    fn order(&self, number: usize) -> Result<Vec<u8>, BenchError> {
        let query = format!(
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={}.{:02}\
             &newOrderRespType=ACK",
            50_000 + number / 100,
            number % 100
        );
        self.request("POST", "order", &query)
    }

    fn cancel_all(&self, connection: &mut Connection) -> Result<(), BenchError> {
        connection.ask(&self.request("DELETE", "openOrders", "symbol=BTCUSDT")?, "200")
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        self.status.stop();
        let shell = self.shell.take().map(JoinHandle::join);
        if !matches!(shell, Some(Ok(Ok(())))) {
            eprintln!("the venue did not end well: {shell:?}");
        }
        if let Some(Err(error)) = self.running.take().map(Running::stop) {
            eprintln!("the venue did not end well: {error}");
        }
    }
}

/// All cores that this bench runs on.
fn cpus(options: &Options) -> Vec<usize> {
    options.cpu.into_iter().chain(options.second_cpu).collect()
}

/// The case `rest_ack`.
pub(super) fn rest_ack(options: &Options) -> Result<Case, BenchError> {
    rest(options, "venue-rest", Durability::Memory)
}

/// The case `rest_ack_disk`.
pub(super) fn rest_ack_disk(options: &Options) -> Result<Case, BenchError> {
    rest(options, "venue-rest-disk", Durability::Disk)
}

fn rest(options: &Options, name: &str, durability: Durability) -> Result<Case, BenchError> {
    let venue = Venue::start(cpus(options), name, durability)?;
    let connection = Connection::open(venue.address)?;
    let request = venue.order(0)?;
    let subjects: Vec<Box<dyn Subject>> =
        vec![Box::new(Rest { venue, connection }), Box::new(Empty::start(cpus(options), request)?)];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// The middle of the times as the figure, and the times where they are wanted.
fn round_of(mut times_ns: Vec<f32>, timing: Timing, checksum: u64) -> Round {
    let (value, operations) = (middle(&mut times_ns), times_ns.len() as u64);
    if timing == Timing::Mean {
        times_ns.clear();
    }
    Round { value, operations, times_ns, checksum }
}

/// Asks and waits for the answer: the time of it.
fn timed(connection: &mut Connection, request: &[u8], clock: &Clock) -> Result<f32, BenchError> {
    let from = clock::start();
    connection.ask(request, "200")?;
    Ok(clock.between_ns(clock::stop() - from) as f32)
}

struct Rest {
    venue: Venue,
    connection: Connection,
}

impl Subject for Rest {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let Self { venue, connection } = self;
        let mut times = Vec::with_capacity(ORDERS * TIMES);
        for turn in 0..=TIMES {
            let orders = (0..ORDERS).map(|number| venue.order(number));
            let orders = orders.collect::<Result<Vec<_>, _>>()?;
            for order in orders {
                let time_ns = timed(connection, &order, clock)?;
                // The first turn warms up.
                if turn > 0 {
                    times.push(time_ns);
                }
            }
            venue.cancel_all(connection)?;
        }
        Ok(round_of(times, timing, 0))
    }
}

/// A server whose answer to everything is empty.
struct Empty {
    connection: Connection,
    request: Vec<u8>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), BenchError>>>,
}

impl Empty {
    fn start(cpus: Vec<usize>, request: Vec<u8>) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = free(cpus, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                    // A socket that refuses this still works.
                    let _slower = stream.set_nodelay(true);
                });
                let router = Router::new().route("/api/v3/{*path}", any(async || {}));
                tokio::select! {
                    ended = async { axum::serve(listener, router).await } => Ok(ended?),
                    _ = stopped => Ok(()),
                }
            })
        });
        let connection = Connection::open(address)?;
        Ok(Self { connection, request, stop: Some(stop), server: Some(server) })
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(error)) = self.server.take().map(joined) {
            eprintln!("the empty server did not end well: {error}");
        }
    }
}

impl Subject for Empty {
    fn name(&self) -> String {
        "axum".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut times = Vec::with_capacity(ORDERS * TIMES);
        for number in 0..ORDERS * (TIMES + 1) {
            let time_ns = timed(&mut self.connection, &self.request, clock)?;
            if number >= ORDERS {
                times.push(time_ns);
            }
        }
        Ok(round_of(times, timing, 0))
    }
}

/// The case `depth_fan_out`.
pub(super) fn depth_fan_out(options: &Options) -> Result<Case, BenchError> {
    let venue = Venue::start(cpus(options), "venue-fan-out", Durability::Memory)?;
    let connection = Connection::open(venue.address)?;
    let mut subscribers = Vec::with_capacity(SUBSCRIBERS);
    for _ in 0..SUBSCRIBERS {
        let mut subscriber = Connection::open(venue.address)?;
        // The slow stream: hardly any of its beats comes between an order and its update.
        subscriber.upgrade("/ws/btcusdt@depth")?;
        subscribers.push(subscriber);
    }
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(FanOut { venue, connection, subscribers }),
        Box::new(BareWrites::start(cpus(options))?),
    ];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

struct FanOut {
    venue: Venue,
    connection: Connection,
    subscribers: Vec<Connection>,
}

impl Subject for FanOut {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        const SNAPSHOT: &[u8] =
            b"GET /api/v3/depth?symbol=BTCUSDT&limit=5 HTTP/1.1\r\nHost: venue\r\n\r\n";
        let Self { venue, connection, subscribers } = self;
        let mut times = Vec::with_capacity(UPDATES);
        for number in 0..UPDATES {
            let order = venue.order(number)?;
            let from = clock::start();
            connection.ask(&order, "200")?;
            // A snapshot falls on the end of a diff: what has changed is sent now.
            connection.send(SNAPSHOT)?;
            for subscriber in subscribers.iter_mut() {
                subscriber.frame()?;
            }
            times.push(clock.between_ns(clock::stop() - from) as f32);
            connection.answer("200")?;
        }
        venue.cancel_all(connection)?;
        connection.ask(SNAPSHOT, "200")?;
        for subscriber in subscribers.iter_mut() {
            subscriber.frame()?;
        }
        Ok(round_of(times, timing, 0))
    }
}

/// A thread that does nothing but write an update's bytes to as many sockets.
struct BareWrites {
    trigger: TcpStream,
    subscribers: Vec<Connection>,
    writer: Option<JoinHandle<Result<(), BenchError>>>,
}

impl BareWrites {
    fn start(cpus: Vec<usize>) -> Result<Self, BenchError> {
        use std::io::{Read, Write};

        // As long as the venue's: a level of each side.
        let text = "x".repeat(UPDATE_BYTES);
        let mut frame = vec![0x81, 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend(text.as_bytes());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let writer = free(cpus, move || {
            let (mut trigger, _) = listener.accept()?;
            let mut sockets = Vec::with_capacity(SUBSCRIBERS);
            for _ in 0..SUBSCRIBERS {
                let (socket, _) = listener.accept()?;
                socket.set_nodelay(true)?;
                sockets.push(socket);
            }
            let mut byte = [0];
            while trigger.read(&mut byte)? > 0 {
                for socket in &mut sockets {
                    socket.write_all(&frame)?;
                }
            }
            Ok(())
        });
        let trigger = TcpStream::connect(address)?;
        trigger.set_nodelay(true)?;
        let subscribers = (0..SUBSCRIBERS).map(|_| Connection::open(address));
        let subscribers = subscribers.collect::<Result<_, _>>()?;
        Ok(Self { trigger, subscribers, writer: Some(writer) })
    }
}

/// Bytes of a diff with one level.
const UPDATE_BYTES: usize = 130;

impl Subject for BareWrites {
    fn name(&self) -> String {
        "bare_writes".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        use std::io::Write;

        let mut times = Vec::with_capacity(UPDATES);
        for _ in 0..UPDATES {
            let from = clock::start();
            self.trigger.write_all(&[1])?;
            for subscriber in &mut self.subscribers {
                subscriber.frame()?;
            }
            times.push(clock.between_ns(clock::stop() - from) as f32);
        }
        Ok(round_of(times, timing, 0))
    }
}

impl Drop for BareWrites {
    fn drop(&mut self) {
        // Its reader's end is what stops the thread; a socket that is gone already has done so.
        let _gone = self.trigger.shutdown(std::net::Shutdown::Both);
        if let Some(Err(error)) = self.writer.take().map(joined) {
            eprintln!("the writer did not end well: {error}");
        }
    }
}
