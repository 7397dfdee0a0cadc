//! The venue as its clients meet it: over loopback, the load generator included, all on these cores.
//!
//! ```text
//!   this thread --POST order--> serving thread --> core thread --> serving thread --> ACK
//!                                                  rest_ack (in memory), rest_ack_disk
//!   this thread --POST order--> a serving thread with an empty axum handler --> 200      axum
//!
//!   this thread --order.place--> the same, over a WebSocket        ws_ack (in memory), ws_ack_disk
//!   this thread --as much text--> a serving thread that sends it back                      echo
//!
//!   this thread --POST order, GET depth--> serving thread --> 1,000 WebSockets --> this thread
//!                                                  depth_fan_out: until all have the update
//!   this thread --a byte--> a thread that writes as much to 1,000 sockets --> this thread
//!                                                  bare_writes
//! ```
//!
//! This thread has a core, all threads of a server have the other: where the system puts a thread that
//! it wakes changes an empty handler's time by a factor of four. With `--second-cpu` the same as `--cpu`
//! all run on one core. Orders rest; they are signed before they are timed, cancelling them is not timed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
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
use super::venue_client::{Connection, now_ms, sign, text_frame};
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

/// Runs `work` in a thread of core `cpu`, as are those that it starts.
pub(super) fn elsewhere<T: Send + 'static>(
    cpu: usize,
    work: impl FnOnce() -> Result<T, BenchError> + Send + 'static,
) -> JoinHandle<Result<T, BenchError>> {
    std::thread::spawn(move || {
        tiercel_host::pin_current_thread(cpu)?;
        work()
    })
}

pub(super) fn joined<T>(thread: JoinHandle<Result<T, BenchError>>) -> Result<T, BenchError> {
    thread.join().map_err(|_| wrong(&"a thread panicked"))?
}

impl Venue {
    fn start(cpu: usize, name: &str, durability: Durability) -> Result<Self, BenchError> {
        let place = Place::new(name)?;
        joined(elsewhere(cpu, move || Self::start_here(place, durability)))
    }

    /// Its threads run where this one does.
    fn start_here(place: Place, durability: Durability) -> Result<Self, BenchError> {
        let journal = JournalOptions { segment_size: 64 << 20, ..JournalOptions::default() };
        let options = StoreOptions { journal, ..StoreOptions::default() };
        let opened = store::open(place.emptied()?, IoOptions::default(), &options)
            .map_err(|error| wrong(&error))?;
        let pipeline = PipelineOptions { durability, ..PipelineOptions::default() };
        let (running, mut models, handles) =
            start(opened, &pipeline, RunOptions::default(), 1).map_err(|error| wrong(&error))?;
        let mut handle = handles.into_iter().next().ok_or_else(|| wrong(&"no handle"))?;
        demo::open(&mut handle, &mut models).map_err(|error| wrong(&error))?;
        let keys = Keys::default();
        let key = demo::keys(&keys).map_err(|error| wrong(&error))?;
        let key = key.into_iter().next().ok_or_else(|| wrong(&"no key"))?;
        let most = u32::MAX;
        let limits = RateLimits {
            weight_1m: most,
            orders_10s: most,
            orders_1d: most,
            ..RateLimits::default()
        };
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
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price={}\
             &newOrderRespType=ACK",
            price(number)
        );
        self.request("POST", "order", &query)
    }

    /// The same as text of the `WebSocket` interface.
    fn place(&self, number: usize) -> Result<Vec<u8>, BenchError> {
        // In the order of their names, which is that of the signature.
        let params = [
            ("apiKey", self.key.api_key.clone()),
            ("newOrderRespType", "ACK".to_owned()),
            ("price", price(number)),
            ("quantity", "0.001".to_owned()),
            ("recvWindow", "60000".to_owned()),
            ("side", "BUY".to_owned()),
            ("symbol", "BTCUSDT".to_owned()),
            ("timeInForce", "GTC".to_owned()),
            ("timestamp", now_ms().to_string()),
            ("type", "LIMIT".to_owned()),
        ];
        let payload: Vec<String> =
            params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let signature = sign(&self.key.secret, &payload.join("&"))?;
        let mut object = serde_json::json!({ "signature": signature });
        for (name, value) in params {
            object[name] = value.into();
        }
        let request =
            serde_json::json!({ "id": number, "method": "order.place", "params": object });
        Ok(text_frame(&request.to_string()))
    }

    fn cancel_all(&self, connection: &mut Connection) -> Result<(), BenchError> {
        connection.ask(&self.request("DELETE", "openOrders", "symbol=BTCUSDT")?, "200")
    }
}

/// The price of the `number`-th order.
fn price(number: usize) -> String {
    format!("{}.{:02}", 50_000 + number / 100, number % 100)
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

/// The case `rest_ack`.
pub(super) fn rest_ack(options: &Options) -> Result<Case, BenchError> {
    rest(options, "venue-rest", Durability::Memory)
}

/// The case `rest_ack_disk`.
pub(super) fn rest_ack_disk(options: &Options) -> Result<Case, BenchError> {
    rest(options, "venue-rest-disk", Durability::Disk)
}

fn rest(options: &Options, name: &str, durability: Durability) -> Result<Case, BenchError> {
    let venue = Venue::start(options.second_cpu()?, name, durability)?;
    let connection = Connection::open(venue.address)?;
    let request = venue.order(0)?;
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Rest { venue, connection }),
        Box::new(Empty::start(options.second_cpu()?, request)?),
    ];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// The middle of the times as the figure, and the times where they are wanted.
pub(super) fn round_of(mut times_ns: Vec<f32>, timing: Timing, checksum: u64) -> Round {
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

/// A server whose answer to everything is empty, and which sends text of a `WebSocket` back.
struct Server {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), BenchError>>>,
}

impl Server {
    fn start(cpu: usize) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let thread = elsewhere(cpu, move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                    // A socket that refuses this still works.
                    let _slower = stream.set_nodelay(true);
                });
                let router = Router::new().route("/api/v3/{*path}", any(async || {})).route(
                    "/echo",
                    any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo)),
                );
                tokio::select! {
                    ended = async { axum::serve(listener, router).await } => Ok(ended?),
                    _ = stopped => Ok(()),
                }
            })
        });
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(error)) = self.thread.take().map(joined) {
            eprintln!("the empty server did not end well: {error}");
        }
    }
}

/// Asks the empty server.
struct Empty {
    connection: Connection,
    request: Vec<u8>,
    _server: Server,
}

impl Empty {
    fn start(cpu: usize, request: Vec<u8>) -> Result<Self, BenchError> {
        let server = Server::start(cpu)?;
        Ok(Self { connection: Connection::open(server.address)?, request, _server: server })
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

/// The case `ws_ack`.
pub(super) fn ws_ack(options: &Options) -> Result<Case, BenchError> {
    web_socket(options, "venue-ws", Durability::Memory)
}

/// The case `ws_ack_disk`.
pub(super) fn ws_ack_disk(options: &Options) -> Result<Case, BenchError> {
    web_socket(options, "venue-ws-disk", Durability::Disk)
}

fn web_socket(options: &Options, name: &str, durability: Durability) -> Result<Case, BenchError> {
    let venue = Venue::start(options.second_cpu()?, name, durability)?;
    let connection = Connection::open(venue.address)?;
    let mut socket = Connection::open(venue.address)?;
    socket.upgrade("/ws-api/v3")?;
    let request = venue.place(0)?;
    let server = Server::start(options.second_cpu()?)?;
    let mut echo = Connection::open(server.address)?;
    echo.upgrade("/echo")?;
    let subjects: Vec<Box<dyn Subject>> = vec![
        Box::new(Calls { venue, connection, socket }),
        Box::new(Echo { socket: echo, request, _server: server }),
    ];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// Sends text and waits for the text that answers it: the time of it.
fn timed_frame(
    socket: &mut Connection,
    frame: &[u8],
    answer: &str,
    clock: &Clock,
) -> Result<f32, BenchError> {
    let from = clock::start();
    socket.send(frame)?;
    socket.frame(answer)?;
    Ok(clock.between_ns(clock::stop() - from) as f32)
}

struct Calls {
    venue: Venue,
    /// Cancels.
    connection: Connection,
    socket: Connection,
}

impl Subject for Calls {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let Self { venue, connection, socket } = self;
        let mut times = Vec::with_capacity(ORDERS * TIMES);
        for turn in 0..=TIMES {
            let orders = (0..ORDERS).map(|number| venue.place(number));
            let orders = orders.collect::<Result<Vec<_>, _>>()?;
            for order in orders {
                let time_ns = timed_frame(socket, &order, "\"status\":200", clock)?;
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

struct Echo {
    socket: Connection,
    request: Vec<u8>,
    _server: Server,
}

impl Subject for Echo {
    fn name(&self) -> String {
        "echo".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut times = Vec::with_capacity(ORDERS * TIMES);
        for number in 0..ORDERS * (TIMES + 1) {
            let time_ns = timed_frame(&mut self.socket, &self.request, "order.place", clock)?;
            if number >= ORDERS {
                times.push(time_ns);
            }
        }
        Ok(round_of(times, timing, 0))
    }
}

/// The case `depth_fan_out`.
pub(super) fn depth_fan_out(options: &Options) -> Result<Case, BenchError> {
    let venue = Venue::start(options.second_cpu()?, "venue-fan-out", Durability::Memory)?;
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
        Box::new(BareWrites::start(options.second_cpu()?)?),
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
                subscriber.frame("depthUpdate")?;
            }
            times.push(clock.between_ns(clock::stop() - from) as f32);
            connection.answer("200")?;
        }
        venue.cancel_all(connection)?;
        connection.ask(SNAPSHOT, "200")?;
        for subscriber in subscribers.iter_mut() {
            subscriber.frame("depthUpdate")?;
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
    fn start(cpu: usize) -> Result<Self, BenchError> {
        use std::io::{Read, Write};

        // As long as the venue's: a level of each side.
        let text = "x".repeat(UPDATE_BYTES);
        let mut frame = vec![0x81, 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend(text.as_bytes());
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let writer = elsewhere(cpu, move || {
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
                subscriber.frame("")?;
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
