//! The feed's days and its readers, on one thread and by clocks that the test sets: how a session ends,
//! what is told of it afterwards, and who is not served any longer.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use tiercel_journal::{Durability, FileStorage, IoOptions, Journal};
use tiercel_net::Datagrams;
use tiercel_telemetry::Registry;
use tiercel_types::command::SetInstrumentState;
use tiercel_types::{Command, InstrumentState, Side, Timestamp};
use tiercel_venue::feed::{self, Addresses, FeedOptions};
use tiercel_venue::itch;
use tiercel_venue::pipeline::{Core, Delivery, Handle, PipelineOptions, Submission, pipeline};
use tiercel_venue::stage::Stage;
use tiercel_venue::store;
use tiercel_wire::itch::{Frames, Message};
use tiercel_wire::mold::{Packet, PacketKind, Request};
use tiercel_wire::soup::SessionId;

use super::feed_client::{SoupClient, free, login, now};
use super::itch_archive::scaled;
use super::place::{MARKET, Place, SMALL_PIPELINE, call_for_auction, limit, setup, store_options};
use super::slow::narrow;

const PATIENCE: Duration = Duration::from_secs(20);
const SECOND_NS: u64 = 1_000_000_000;
/// A morning.
const START: u64 = 1_784_555_200 * SECOND_NS;
/// Sessions that are kept, with the one that is on.
const KEPT: usize = 2;

/// A venue with a feed, which goes on when the test says so.
struct Days {
    core: Core<Journal<FileStorage>>,
    handle: Handle,
    stage: Box<dyn Stage>,
    addresses: Addresses,
    registry: Registry,
    /// The venue's clock: the days are by it.
    time: u64,
    /// By how much the feed's own clock is ahead.
    ahead: u64,
    orders: u64,
}

impl Days {
    fn start(folder: &Path, options: FeedOptions) -> Self {
        let mut days = Self::open(folder, options, Durability::Memory);
        for command in setup() {
            days.ask(&[scaled(command)]);
        }
        days
    }

    /// A venue that goes on where its folder is.
    fn open(folder: &Path, options: FeedOptions, durability: Durability) -> Self {
        let stores = store_options(None);
        let opened = store::open(folder, IoOptions::default(), &stores).unwrap();
        let feed = itch::open(&folder.join("itch"), KEPT, &opened, &stores).unwrap();
        let listener = TcpListener::bind(free()).unwrap();
        let registry = Registry::new();
        let (build, addresses) = feed::stage(feed, listener, options, &registry).unwrap();
        let pipes = PipelineOptions { durability, events: 4_096, ..SMALL_PIPELINE };
        let (core, mut handles) = pipeline(&pipes, opened.journal, opened.engine, 2);
        let stage = build(handles.pop().unwrap(), &opened.models).unwrap();
        let handle = handles.pop().unwrap();
        let (time, ahead, orders) = (START, 0, 0);
        Self { core, handle, stage, addresses, registry, time, ahead, orders }
    }

    /// The feed goes on.
    fn turn(&mut self) {
        let now = Timestamp(now().0 + self.ahead);
        self.stage.receive(now).unwrap();
        self.stage.deliver(now).unwrap();
    }

    /// The feed's own clock is set forward.
    fn let_pass(&mut self, seconds: u64) {
        self.ahead += seconds * SECOND_NS;
        self.turn();
        self.turn();
    }

    fn ask(&mut self, commands: &[Command]) {
        self.handle.submit(Submission { token: 1, commands }).unwrap();
        let (begin, mut is_over) = (Instant::now(), false);
        while !is_over {
            assert!(begin.elapsed() < PATIENCE);
            let time = Timestamp(self.time);
            self.core.poll(time).unwrap();
            if self.core.waits_for_log() {
                self.core.idle(time, Duration::ZERO).unwrap();
            }
            let see = |told: &Delivery| is_over |= told.is_end_of_submission();
            self.handle.poll(usize::MAX, see).unwrap();
            self.turn();
        }
    }

    /// An order that trades with nobody.
    fn trade(&mut self) {
        self.orders += 1;
        let name = format!("o-{}", self.orders);
        let ticks = 900 - (self.orders % 50) as i64;
        self.ask(&[scaled(limit(1, Side::Buy, ticks, 1, &name).into())]);
    }

    /// The next day comes, with an order.
    fn next_day(&mut self) {
        self.time += 24 * 3_600 * SECOND_NS;
        self.trade();
    }

    fn until(&mut self, client: &mut SoupClient, reached: impl Fn(&SoupClient) -> bool) {
        let begin = Instant::now();
        while !reached(client) {
            let state = (client.heard.messages, client.is_closed, client.heard.rejected);
            assert!(begin.elapsed() < PATIENCE, "{state:?}");
            self.turn();
            client.turn();
        }
    }

    fn has_metric(&self, line: &str) -> bool {
        self.registry.text().lines().any(|known| known == line)
    }
}

/// A packet that came: of which session, what it is, the number of its first message, how many it has.
type Came = (SessionId, PacketKind, u64, u64);

/// The packets that have come, `least` of them.
fn packets(socket: &mut Datagrams, least: usize) -> Vec<Came> {
    let (begin, mut came) = (Instant::now(), Vec::new());
    loop {
        while let Some((bytes, _)) = socket.receive().unwrap() {
            let packet = Packet::decode(bytes).unwrap();
            came.push((
                packet.session,
                packet.kind,
                packet.sequence,
                packet.messages().count() as u64,
            ));
        }
        if came.len() >= least {
            return came;
        }
        assert!(begin.elapsed() < PATIENCE, "{came:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The sessions whose messages and whose index are there, from the oldest on.
fn kept(folder: &Path) -> [Vec<String>; 2] {
    ["itch", "index"].map(|kind| {
        let files = fs::read_dir(folder.join("itch")).unwrap().map(|entry| entry.unwrap().path());
        let of_kind = files.filter(|path| path.extension().is_some_and(|end| end == kind));
        let mut names: Vec<_> =
            of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    })
}

fn text(session: SessionId) -> String {
    String::from_utf8(session.to_vec()).unwrap()
}

#[test]
fn receivers_are_told_that_nothing_is_missing_and_that_a_session_is_over() {
    let place = Place::new("feed-end");
    let mut data = Datagrams::bind(free(), 4 << 20).unwrap();
    let targets = vec![data.local_addr().unwrap()];
    let mut days = Days::start(place.path(), FeedOptions { targets, ..FeedOptions::default() });
    days.trade();
    let told = packets(&mut data, 1);
    let (first, kind, sequence, count) = *told.last().unwrap();
    assert_eq!(kind, PacketKind::Data);
    let next = sequence + count;
    // Nothing is told: that is said, once a second.
    for _ in 0..2 {
        days.let_pass(1);
        assert_eq!(packets(&mut data, 1), [(first, PacketKind::Heartbeat, next, 0)]);
    }
    days.next_day();
    let told = packets(&mut data, 2);
    let end = told.iter().position(|packet| packet.1 != PacketKind::Data);
    let (before, after) = told.split_at(end.expect("an end is told at once"));
    let next = before.last().map_or(next, |packet| packet.2 + packet.3);
    assert!(before.iter().all(|packet| packet.0 == first), "{told:?}");
    assert_eq!(after[0], (first, PacketKind::EndOfSession, next, 0));
    let (second, kind, sequence, _) = after[1];
    assert!(second != first && (kind, sequence) == (PacketKind::Data, 1), "{told:?}");
    let next = after.last().map_or(1, |packet| packet.2 + packet.3);
    // Who has missed the end is told it again, for a while.
    let beat = (second, PacketKind::Heartbeat, next, 0);
    for seconds in [1, 29] {
        days.let_pass(seconds);
        let told = packets(&mut data, 2);
        assert_eq!((told[0].0, told[0].1), (first, PacketKind::EndOfSession), "{told:?}");
        assert_eq!(told[1..], [beat]);
    }
    days.let_pass(1);
    assert_eq!(packets(&mut data, 1), [beat]);
}

#[test]
fn a_session_that_is_over_is_replayed_and_sent_again_until_the_next_is_over_too() {
    let place = Place::new("feed-over");
    let requests = Some(free());
    let mut days = Days::start(place.path(), FeedOptions { requests, ..FeedOptions::default() });
    let address = days.addresses.soup;
    (0..20).for_each(|_| days.trade());
    let mut reader = SoupClient::connect(address, 1);
    days.until(&mut reader, |client| client.heard.session.is_some());
    let first = reader.heard.session.unwrap();
    assert_eq!(kept(place.path()), [[text(first)], [text(first)]]);
    days.next_day();
    // Who reads on is told its end.
    days.until(&mut reader, |client| client.is_closed);
    let file = place.path().join("itch").join(format!("{}.itch", text(first)));
    let told = fs::read(file).unwrap();
    assert!(reader.heard.is_over && reader.heard.bytes == told && told.len() > 500);
    // Who comes by its name is told all of it.
    let mut late = SoupClient::raw(address, &login(&text(first), 1));
    days.until(&mut late, |client| client.is_closed);
    assert!(late.heard.is_over && late.heard.bytes == told);
    assert_eq!(late.heard.session, Some(first));
    // Who does not name it is told of that which is on.
    let mut other = SoupClient::connect(address, 1);
    days.until(&mut other, |client| client.heard.session.is_some());
    let second = other.heard.session.unwrap();
    assert_ne!(second, first);
    // What was missed of it is sent again.
    let mut asking = Datagrams::bind(free(), 1 << 20).unwrap();
    let requests = days.addresses.requests.unwrap();
    for (session, sequence) in [(first, 3), (second, 1)] {
        asking.send(&Request { session, sequence, count: 2 }.encode(), requests);
        let (begin, mut came) = (Instant::now(), None);
        while came.is_none() {
            assert!(begin.elapsed() < PATIENCE, "nothing is sent again of {}", text(session));
            days.turn();
            came = asking.receive().unwrap().map(|(bytes, _)| bytes.to_vec());
        }
        let packet = came.unwrap();
        let packet = Packet::decode(&packet).unwrap();
        assert_eq!((packet.session, packet.sequence, packet.count), (session, sequence, 2));
    }
    assert_eq!(kept(place.path())[0], [text(first), text(second)]);
    // Another day: no more than so many sessions are kept.
    days.next_day();
    let mut gone = SoupClient::raw(address, &login(&text(first), 1));
    days.until(&mut gone, |client| client.is_closed);
    assert_eq!((gone.heard.rejected, gone.heard.messages), (Some(b'S'), 0));
    let [messages, indexes] = kept(place.path());
    assert!(messages.len() == KEPT && messages[0] == text(second), "{messages:?}");
    assert_eq!(messages, indexes);
}

/// Reads until the connection has ended; how many bytes came.
fn rest(days: &mut Days, address: SocketAddr, stream: &mut TcpStream) -> usize {
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (begin, mut chunk, mut count) = (Instant::now(), [0; 8_192], 0);
    loop {
        assert!(begin.elapsed() < PATIENCE, "the connection to {address} does not end");
        days.turn();
        match stream.read(&mut chunk) {
            Ok(0) => return count,
            Ok(more) => count += more,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                return count;
            }
        }
    }
}

#[test]
fn a_connection_that_does_not_log_on_is_ended() {
    let place = Place::new("feed-fresh");
    let mut days = Days::start(place.path(), FeedOptions::default());
    let address = days.addresses.soup;
    let mut silent = TcpStream::connect(address).unwrap();
    let begin = Instant::now();
    while !days.has_metric("itch_connections 1") {
        assert!(begin.elapsed() < PATIENCE);
        days.turn();
    }
    days.let_pass(11);
    assert_eq!(rest(&mut days, address, &mut silent), 0);
    assert!(days.has_metric("itch_connections 0"), "{}", days.registry.text());
    assert!(days.has_metric("itch_slow_consumers_cut_off_total 0"), "{}", days.registry.text());
}

#[test]
fn a_reader_that_takes_nothing_is_cut_off_and_can_come_again() {
    let place = Place::new("feed-stuck");
    let send_timeout = Duration::from_secs(3);
    let mut days =
        Days::start(place.path(), FeedOptions { send_timeout, ..FeedOptions::default() });
    let address = days.addresses.soup;
    let mut slow = narrow(address);
    slow.write_all(&login("", 1)).unwrap();
    let name = |number: u64| format!("n-{number}");
    let (begin, mut number) = (Instant::now(), 0);
    while !days.has_metric("itch_slow_consumers_cut_off_total 1") {
        assert!(begin.elapsed() < PATIENCE, "it is told on for ever");
        for _ in 0..400 {
            number += 1;
            let order = limit(1, Side::Buy, 900, 1, &name(number)).into();
            let cancel = super::binary_desk::cancel(0, &name(number));
            days.ask(&[scaled(order), cancel]);
        }
        // It is there, and says so: it only does not read.
        drop(slow.write_all(&[0, 1, b'R']));
        days.let_pass(1);
    }
    assert!(rest(&mut days, address, &mut slow) > 0);
    days.let_pass(1);
    assert!(days.has_metric("itch_slow_consumers_cut_off_total 1"), "{}", days.registry.text());
    let mut again = SoupClient::connect(address, 1);
    days.until(&mut again, |client| client.heard.messages >= 2 * number);
}

#[test]
fn crosses_of_a_day_are_counted_on_after_a_restart() {
    let place = Place::new("feed-crosses");
    for _ in 0..2 {
        let mut days = Days::open(place.path(), FeedOptions::default(), Durability::Disk);
        let is_new = kept(place.path())[0].is_empty();
        for command in setup().into_iter().filter(|_| is_new) {
            days.ask(&[scaled(command)]);
        }
        let state = InstrumentState::Open;
        let open = SetInstrumentState { instrument: MARKET, state, reserved: [0; 3] };
        let bid = scaled(limit(1, Side::Buy, 1_000, 5, "").into());
        let ask = scaled(limit(2, Side::Sell, 1_000, 5, "").into());
        for command in [call_for_auction().into(), bid, ask, open.into()] {
            days.ask(&[command]);
        }
        days.turn();
    }
    let [sessions, _] = kept(place.path());
    let [session] = &sessions[..] else { panic!("{sessions:?}") };
    let told = fs::read(place.path().join("itch").join(format!("{session}.itch"))).unwrap();
    let mut crosses = Vec::new();
    for message in Frames::new(&told) {
        if let Message::CrossTrade(cross) = message.unwrap() {
            crosses.push(cross.match_number.get() & ((1 << 47) - 1));
        }
    }
    assert_eq!(crosses, [1, 2]);
}
