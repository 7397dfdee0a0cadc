//! A FIX client of the tests' own: our session as an initiator, over a socket.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tiercel_testkit::data;
use tiercel_types::Timestamp;
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::fix::{FixOptions, Identity};
use tiercel_venue::serve::{Fix, ServeOptions, Server, Tls};
use tiercel_venue::stage::StageThread;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::message::decode;
use tiercel_wire::fix::session::{MemoryStore, Store};
use tiercel_wire::fix::value::TimeWriter;
use tiercel_wire::fix::{Decoder, Encoder, Frame, Message, frame, tag};

use super::admin::Office;
use super::http::{Client, Venue, now_ms};
use super::shifted::Shift;

/// A message that came: tags and values, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told(pub(super) Vec<(i32, String)>);

impl Told {
    pub(super) fn get(&self, tag: i32) -> &str {
        self.all(tag).next().unwrap_or("")
    }

    pub(super) fn all(&self, tag: i32) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| *known == tag).map(|(_, value)| value.as_str())
    }

    /// The values of some fields, with blanks between.
    pub(super) fn say(&self, tags: &[i32]) -> String {
        tags.iter().map(|tag| self.get(*tag)).collect::<Vec<_>>().join(" ")
    }
}

/// What bytes go over.
pub(super) trait Socket: Read + Write {}
impl<S: Read + Write> Socket for S {}

/// A client that does what it is told: it keeps its numbers, and answers nothing by itself.
pub(super) struct FixClient {
    address: SocketAddr,
    comp_id: String,
    username: String,
    password: String,
    socket: Option<Box<dyn Socket>>,
    wrap: Box<dyn Fn(TcpStream) -> Box<dyn Socket>>,
    unread: Vec<u8>,
    pub(super) store: MemoryStore,
}

/// A venue that speaks FIX, and where: `ONE` and `TWO` may log on for the two accounts.
pub(super) fn venue(change: impl FnOnce(&mut FixOptions)) -> (Venue, SocketAddr) {
    speaking((many_orders(), false), |server| server, &Shift::default(), change)
}

/// The same, whose sessions' clock can be set forward.
pub(super) fn venue_by(shift: &Shift) -> (Venue, SocketAddr) {
    speaking((many_orders(), false), |server| server, shift, |_| {})
}

/// The same, with limits of its accounts.
pub(super) fn limited_venue(options: ServeOptions) -> (Venue, SocketAddr) {
    speaking((options, false), |server| server, &Shift::default(), |_| {})
}

/// The same, with its administrator.
pub(super) fn administered_venue() -> (Venue, SocketAddr, Office) {
    let (administered, office) = Office::open();
    let (venue, address) =
        speaking((many_orders(), false), administered, &Shift::default(), |_| {});
    (venue, address, office)
}

/// Accounts may place as many orders as a test likes.
pub(super) fn many_orders() -> ServeOptions {
    let limits =
        RateLimits { orders_10s: 1_000_000, orders_1d: 1_000_000, ..RateLimits::default() };
    ServeOptions { limits, ..ServeOptions::default() }
}

/// The same, with the operator's gateway.
pub(super) fn operated_venue() -> (Venue, SocketAddr) {
    speaking((many_orders(), true), |server| server, &Shift::default(), |_| {})
}

/// The same, over TLS.
pub(super) fn secure_venue(tls: Tls) -> (Venue, SocketAddr) {
    let with_tls = |server: Server| server.with_tls(Some(tls));
    speaking((many_orders(), false), with_tls, &Shift::default(), |_| {})
}

fn speaking(
    (options, has_operator): (ServeOptions, bool),
    with: impl FnOnce(Server) -> Server,
    shift: &Shift,
    change: impl FnOnce(&mut FixOptions),
) -> (Venue, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let with_fix = |server: Server, names: &[String]| {
        let [one, two] = names else { panic!() };
        let mut options = FixOptions {
            sessions: vec![Identity::new("ONE", one), Identity::new("TWO", two)],
            ..FixOptions::default()
        };
        change(&mut options);
        let server = with(server);
        let fix = Fix::new(options).unwrap();
        let plan = fix.plan(listener, THREAD.get(), server.shares());
        (server, Some(shift.of(plan)))
    };
    (Venue::with_gateways(options, has_operator, with_fix), address)
}

thread_local! {
    /// Where FIX runs in the venues that this test makes.
    static THREAD: Cell<StageThread> = const { Cell::new(StageThread::Fused) };
}

/// Runs a test whose venues have FIX on that thread.
pub(super) fn run_on(thread: StageThread, test: fn()) {
    THREAD.set(thread);
    test();
}

/// Tests of FIX on a thread of its own, and on the core's.
macro_rules! on_each_thread {
    ($($test:ident),+ $(,)?) => {
        mod on_its_own_thread {
            $(#[test]
            fn $test() {
                let wait = tiercel_sync::wait::WaitKind::SpinPark;
                let own = tiercel_venue::stage::StageThread::Own { cpu: None, wait };
                crate::it::fix_client::run_on(own, super::$test);
            })+
        }
        mod on_the_cores_thread {
            $(#[test]
            fn $test() {
                let fused = tiercel_venue::stage::StageThread::Fused;
                crate::it::fix_client::run_on(fused, super::$test);
            })+
        }
    };
}
pub(super) use on_each_thread;

/// Every message has to be one for a client that checks it by the standard's dictionary, but for the
/// venue's own fields.
fn check(message: &Message<'_>) {
    static STANDARD: OnceLock<Option<Dictionary>> = OnceLock::new();
    let standard = STANDARD.get_or_init(|| {
        let text = std::fs::read_to_string(data::path("fix_at/FIX44.xml")?).unwrap();
        Some(Dictionary::from_xml(&text).unwrap())
    });
    let mut encoder = Encoder::new(b"FIX.4.4");
    encoder.begin(message.message_type());
    for (tag, value) in message.iter().skip(1).filter(|(tag, _)| tag.0 < 5_000) {
        encoder.raw(tag, value);
    }
    let mut decoder = Decoder::default();
    let plain = decode(&mut decoder, encoder.finish()).unwrap().unwrap();
    let shown = || message.bytes().escape_ascii().to_string();
    assert_eq!(Dictionary::fix44().check(message), Ok(()), "{}", shown());
    if let Some(standard) = standard {
        assert_eq!(standard.check(&plain), Ok(()), "{}", shown());
    }
}

pub(super) fn time_text(ms: u64) -> String {
    let time = Timestamp(ms * 1_000_000);
    String::from_utf8(TimeWriter::default().write(time).to_vec()).unwrap()
}

impl FixClient {
    pub(super) fn new(address: SocketAddr, comp_id: &str, client: &Client) -> Self {
        Self {
            address,
            comp_id: comp_id.to_owned(),
            username: client.api_key.clone(),
            password: client.secret().to_owned(),
            socket: None,
            wrap: Box::new(|stream| Box::new(stream)),
            unread: Vec::new(),
            store: MemoryStore::new(Timestamp(0)),
        }
    }

    pub(super) fn with_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// With something between it and its connections.
    pub(super) fn over(mut self, wrap: impl Fn(TcpStream) -> Box<dyn Socket> + 'static) -> Self {
        self.wrap = Box::new(wrap);
        self
    }

    /// Connects, and says nothing.
    pub(super) fn connect(&mut self) {
        self.connect_by(TcpStream::connect(self.address).unwrap());
    }

    /// The same, with a connection that was made elsewhere.
    pub(super) fn connect_by(&mut self, socket: TcpStream) {
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        socket.set_nodelay(true).unwrap();
        self.socket = Some((self.wrap)(socket));
        self.unread.clear();
    }

    /// Connects and sends a logon; what is answered.
    pub(super) fn log_on(&mut self, more: &str) -> Told {
        self.connect();
        self.ask_to_log_on(more)
    }

    /// Sends a logon; what is answered.
    pub(super) fn ask_to_log_on(&mut self, more: &str) -> Told {
        let (username, password) = (self.username.clone(), self.password.clone());
        self.send("A", &format!("98=0|108=30|{more}553={username}|554={password}|"));
        self.next()
    }

    pub(super) fn logged_on(mut self) -> Self {
        let answer = self.log_on("");
        assert_eq!(answer.get(35), "A", "{answer:?}");
        self
    }

    /// Leaves its connection to whoever wants it: it is open, and nothing is said on it.
    pub(super) fn abandon(&mut self) -> Option<Box<dyn Socket>> {
        self.socket.take()
    }

    pub(super) fn drop_connection(&mut self) {
        self.socket = None;
    }

    /// Sends a message with the next number. Its body has bars for the ends of fields.
    pub(super) fn send(&mut self, message_type: &str, body: &str) {
        self.send_with(message_type, "", body);
    }

    /// The same, with fields of the header.
    pub(super) fn send_with(&mut self, message_type: &str, header: &str, body: &str) {
        let bytes = self.message(message_type, self.store.next_outgoing(), header, body);
        self.store.sent(Some(&bytes));
        self.raw(&bytes);
    }

    pub(super) fn message(&self, kind: &str, number: u64, header: &str, body: &str) -> Vec<u8> {
        let mut encoder = Encoder::new(b"FIX.4.4");
        encoder.begin(kind.as_bytes());
        encoder.unsigned(tag::MSG_SEQ_NUM, number);
        encoder.text(tag::SENDER_COMP_ID, self.comp_id.as_bytes());
        encoder.text(tag::SENDING_TIME, time_text(now_ms()).as_bytes());
        encoder.text(tag::TARGET_COMP_ID, b"TIERCEL");
        encoder.constant(header.replace('|', "\x01").as_bytes());
        encoder.constant(body.replace('|', "\x01").as_bytes());
        encoder.finish().to_vec()
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.socket.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next message, but for heartbeats; with `None` the connection has ended.
    pub(super) fn try_next(&mut self) -> Option<Told> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match frame(&self.unread) {
                Frame::Whole { length, .. } => {
                    let bytes: Vec<u8> = self.unread.drain(..length).collect();
                    let mut decoder = Decoder::default();
                    let message = decode(&mut decoder, &bytes).unwrap().unwrap();
                    check(&message);
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    let told =
                        Told(message.iter().map(|(tag, value)| (tag.0, text(value))).collect());
                    let number: u64 = told.get(34).parse().unwrap();
                    if number == self.store.next_incoming() {
                        self.store.set_next_incoming(number + 1);
                    }
                    if told.get(35) != "0" {
                        return Some(told);
                    }
                    continue;
                }
                Frame::Partial => {}
                Frame::Garbled { .. } => panic!("{:?}", self.unread.escape_ascii().to_string()),
            }
            let mut chunk = [0; 4_096];
            match self.socket.as_mut().unwrap().read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(_) => assert!(Instant::now() < until, "{}: nothing came", self.comp_id),
            }
        }
    }

    #[track_caller]
    pub(super) fn next(&mut self) -> Told {
        self.try_next().expect("the connection has ended")
    }

    /// The next message, which is an execution report: status, type, and what else is asked.
    #[track_caller]
    pub(super) fn report(&mut self, more: &[i32]) -> String {
        let told = self.next();
        assert_eq!(told.get(35), "8", "{told:?}");
        told.say(&[&[150, 39, 11, 41, 14, 151], more].concat())
    }

    /// A limit order.
    pub(super) fn limit(&mut self, name: &str, side: u8, qty: &str, price: &str) {
        let time = time_text(now_ms());
        let more = format!("44={price}|59=1|");
        self.send("D", &format!("11={name}|55=BTCUSDT|54={side}|60={time}|38={qty}|40=2|{more}"));
    }

    pub(super) fn cancel(&mut self, name: &str, former: &str, side: u8) {
        let time = time_text(now_ms());
        self.send("F", &format!("41={former}|11={name}|55=BTCUSDT|54={side}|60={time}|38=1|"));
    }

    pub(super) fn replace(&mut self, name: &str, former: &str, side: u8, qty: &str, price: &str) {
        let time = time_text(now_ms());
        let order = format!("55=BTCUSDT|54={side}|60={time}|38={qty}|40=2|44={price}|");
        self.send("G", &format!("41={former}|11={name}|{order}"));
    }
}
