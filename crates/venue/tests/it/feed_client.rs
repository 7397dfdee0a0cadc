//! A venue with a feed, and clients of it: as others would write them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_book::l3::{BookSet, Capacity};
use tiercel_journal::{FileStorage, IoOptions};
use tiercel_net::Datagrams;
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::Registry;
use tiercel_testkit::random::Random;
use tiercel_types::{Command, Timestamp};
use tiercel_venue::feed::{self, Addresses, FeedOptions};
use tiercel_venue::itch;
use tiercel_venue::market::{self, MarketOptions};
use tiercel_venue::models::Models;
use tiercel_venue::pipeline::{Handle, PipelineOptions, Submission};
use tiercel_venue::run::{Ended, RunOptions, Running, start_with};
use tiercel_venue::stage::{BuildStage, StagePlan, StageThread};
use tiercel_venue::store::{self, Opened};
use tiercel_wire::glimpse::Item;
use tiercel_wire::itch::Message;
use tiercel_wire::mold::{Delivery, Receiver};
use tiercel_wire::soup::{Client, Listener, SessionId};

use super::itch_archive::scaled;
use super::place::{Flow, SMALL_PIPELINE, setup, store_options};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(since.as_nanos() as u64)
}

pub(crate) fn free() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// A venue with a feed, and one who trades on it.
pub(crate) struct FeedVenue<A = Addresses> {
    running: Running<FileStorage>,
    handle: Handle,
    flow: Flow,
    /// What the one who trades has heard of.
    pub(crate) models: Models,
    pub(crate) addresses: A,
}

impl FeedVenue {
    pub(crate) fn start(folder: &Path, options: FeedOptions) -> Self {
        let stores = store_options(Some(150));
        let opened = store::open(folder, IoOptions::default(), &stores).unwrap();
        let feed = itch::open(&folder.join("itch"), 3, &opened, &stores).unwrap();
        let listener = TcpListener::bind(free()).unwrap();
        Self::launch(opened, feed::stage(feed, listener, options, &Registry::new()).unwrap())
    }
}

impl FeedVenue<SocketAddr> {
    /// One with market data as records.
    pub(crate) fn with_market(folder: &Path, options: MarketOptions) -> Self {
        let opened = store::open(folder, IoOptions::default(), &store_options(Some(150))).unwrap();
        let listener = TcpListener::bind(free()).unwrap();
        Self::launch(opened, market::stage(listener, options, &Registry::new()).unwrap())
    }
}

impl<A> FeedVenue<A> {
    fn launch(opened: Opened<FileStorage>, (build, addresses): (BuildStage, A)) -> Self {
        let thread = StageThread::Own { cpu: None, wait: WaitKind::SpinPark };
        let plan = StagePlan { name: "tiercel-feed", thread, build };
        let pipeline = PipelineOptions { events: 4_096, ..SMALL_PIPELINE };
        let (running, models, mut handles): (_, Models, _) =
            start_with(opened, &pipeline, RunOptions::default(), 1, vec![plan]).unwrap();
        let is_new = models.checkpoint().sequence == 0;
        let flow = Flow::new(models.checkpoint().sequence + 1, &models);
        let mut venue = Self { running, handle: handles.pop().unwrap(), flow, models, addresses };
        if is_new {
            for command in setup() {
                venue.ask(command);
            }
        }
        venue
    }

    pub(crate) fn ask(&mut self, command: Command) {
        self.handle.submit(Submission { token: 1, commands: &[scaled(command)] }).unwrap();
        let mut is_answered = false;
        while !is_answered {
            self.handle.deliveries.wait(Duration::from_millis(10));
            let Self { flow, models, .. } = self;
            self.handle
                .poll(64, |delivery| {
                    flow.observe(delivery);
                    models.apply(&delivery.header, &delivery.event);
                    is_answered |= delivery.origin.gateway == 1 && delivery.is_end_of_submission();
                })
                .unwrap();
        }
    }

    /// So many random orders and cancels.
    pub(crate) fn trade(&mut self, count: u32) {
        for _ in 0..count {
            let command = self.flow.next_command();
            self.ask(command);
        }
    }

    pub(crate) fn stop(self) -> Ended {
        let Self { running, mut handle, .. } = self;
        std::thread::scope(|scope| {
            let stopped = scope.spawn(|| running.stop());
            while handle.poll(64, |_| {}).is_ok() {}
            stopped.join().unwrap().unwrap()
        })
    }
}

/// What a client has heard.
#[derive(Default)]
pub(crate) struct Heard {
    /// Messages, each behind its length.
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) session: Option<SessionId>,
    /// The end of a snapshot.
    pub(crate) goes_on: Option<u64>,
    pub(crate) is_over: bool,
    pub(crate) rejected: Option<u8>,
    /// The number of the first message.
    pub(crate) first: u64,
}

impl Heard {
    fn take(&mut self, message: &[u8]) {
        if let Ok(Item::End(next)) = Item::decode(message) {
            self.goes_on = Some(next);
            return;
        }
        self.bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(message);
        self.messages += 1;
    }
}

impl Listener for Heard {
    fn on_logon(&mut self, session: SessionId, next: u64) {
        self.session = Some(session);
        self.first = next;
    }

    fn on_rejected(&mut self, reason: u8) {
        self.rejected = Some(reason);
    }

    fn on_message(&mut self, sequence: Option<u64>, message: &[u8]) {
        assert!(sequence.is_some());
        self.take(message);
    }

    fn on_end_of_session(&mut self) {
        self.is_over = true;
    }
}

/// A login's packet that asks for this session, from this message on.
pub(crate) fn login(session: &str, sequence: u64) -> Vec<u8> {
    let mut packet = vec![0, 47, b'L'];
    packet.extend_from_slice(format!("reader{:<10}{session:<10}{sequence:>20}", "").as_bytes());
    packet
}

/// A client over TCP.
pub(crate) struct SoupClient {
    stream: TcpStream,
    client: Client,
    unread: Vec<u8>,
    pub(crate) heard: Heard,
    pub(crate) is_closed: bool,
}

impl SoupClient {
    /// From message `next` of the session that is on.
    pub(crate) fn connect(address: SocketAddr, next: u64) -> Self {
        Self::with(address, Client::new(b"reader", b"", next))
    }

    /// Goes on where another was, after a break.
    pub(crate) fn again(self, address: SocketAddr) -> Self {
        Self { heard: self.heard, ..Self::with(address, self.client) }
    }

    fn with(address: SocketAddr, mut client: Client) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        client.connected(now());
        let heard = Heard::default();
        Self { stream, client, unread: Vec::new(), heard, is_closed: false }
    }

    /// One that asks in its own words.
    pub(crate) fn raw(address: SocketAddr, first: &[u8]) -> Self {
        let mut client = Self::connect(address, 1);
        client.client.output().clear();
        client.stream.write_all(first).unwrap();
        client
    }

    /// A snapshot, whole, of now: that of others, who came just before, is not served any more.
    pub(crate) fn snapshot(address: SocketAddr) -> Heard {
        std::thread::sleep(Duration::from_millis(150));
        let mut client = Self::raw(address, &login("GLIMPSE", 1));
        client.until(|client| client.heard.is_over);
        client.heard
    }

    pub(crate) fn turn(&mut self) {
        self.client.tick(now());
        // A venue that stopped takes nothing any more.
        self.is_closed |= self.stream.write_all(self.client.output()).is_err();
        self.client.output().clear();
        let mut chunk = [0; 16_384];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => self.is_closed = true,
        }
        let taken = self.client.received(now(), &self.unread, &mut self.heard);
        self.unread.drain(..taken);
    }

    pub(crate) fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !reached(self) {
            let heard = (self.heard.messages, self.is_closed, self.heard.rejected);
            assert!(Instant::now() < end, "{heard:?}");
            self.turn();
        }
    }

    pub(crate) fn next(&self) -> u64 {
        self.client.next()
    }
}

/// A receiver of datagrams, of which some are lost and some come late.
pub(crate) struct MoldClient {
    data: Datagrams,
    asking: Datagrams,
    requests: SocketAddr,
    receiver: Receiver,
    random: Random,
    /// Parts of a thousand that are lost; as many come late.
    loss: u64,
    late: Vec<Vec<u8>>,
    pub(crate) heard: Heard,
    pub(crate) lost: u64,
    pub(crate) asked: u64,
}

impl MoldClient {
    pub(crate) fn new(data: Datagrams, requests: SocketAddr, loss: u64, seed: u64) -> Self {
        Self {
            data,
            asking: Datagrams::bind(free(), 1 << 20).unwrap(),
            requests,
            receiver: Receiver::new(None, 1),
            random: Random::new(seed),
            loss,
            late: Vec::new(),
            heard: Heard::default(),
            lost: 0,
            asked: 0,
        }
    }

    /// The venue is back, and asked elsewhere.
    pub(crate) const fn ask_at(&mut self, requests: SocketAddr) {
        self.requests = requests;
    }

    pub(crate) const fn next(&self) -> u64 {
        self.receiver.next()
    }

    pub(crate) fn turn(&mut self) {
        let mut came: Vec<Vec<u8>> = Vec::new();
        for socket in [&mut self.data, &mut self.asking] {
            while let Some((bytes, _)) = socket.receive().unwrap() {
                came.push(bytes.to_vec());
            }
        }
        if came.is_empty() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let mut hand = Vec::new();
        for bytes in came {
            match self.random.below(1_000) {
                lost if lost < self.loss => self.lost += 1,
                late if late < 2 * self.loss => self.late.push(bytes),
                _ => hand.push(bytes),
            }
        }
        if self.random.one_in(4) {
            hand.append(&mut self.late);
        }
        let Self { receiver, heard, .. } = self;
        let mut take = |delivery: Delivery<'_>| match delivery {
            Delivery::Message { sequence, bytes } => {
                heard.take(bytes);
                assert_eq!(sequence, heard.messages);
            }
            Delivery::Lost { from, next } => panic!("{from} to {next} are lost for ever"),
        };
        for bytes in hand {
            receiver.received(&bytes, &mut take).unwrap();
        }
        if let Some(request) = receiver.poll(now(), &mut take) {
            self.asked += 1;
            self.asking.send(&request.encode(), self.requests);
        }
    }

    /// Until it has all messages before this number.
    pub(crate) fn until(&mut self, next: u64) {
        let end = Instant::now() + PATIENCE;
        while self.next() < next {
            assert!(Instant::now() < end, "{} of {next}", self.next());
            self.turn();
        }
    }
}

/// The books that messages behind their lengths make.
pub(crate) fn books(parts: &[&[u8]]) -> BookSet {
    let mut books = BookSet::new(Capacity { instruments: 4, orders: 1_024, levels: 64 });
    for message in parts.iter().flat_map(|part| tiercel_wire::itch::Frames::new(part)) {
        let message: Message<'_> = message.unwrap();
        if let Some(operation) = message.operation() {
            books.apply(&operation).unwrap();
        }
    }
    books
}
