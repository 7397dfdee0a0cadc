//! An OUCH client that lives through kills of a `tiercel venue`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_journal::{Cursor, Folder, LogCursor};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::{Command, Timestamp};
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{
    AccountQuery, CancelOrder, Capacity, CrossType, DisableOrderEntry, Display, EnableOrderEntry,
    EnterOrder, Inbound, Intermarket, MassCancel, ModifyOrder, OuchSide, Outbound, Price,
    ReplaceOrder, TimeInForce,
};
use tiercel_wire::soup::{Client, Listener};

use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, until_open};

const OUCH: &str = "[ouch]\naddress = \"127.0.0.1:0\"\n\
    sessions = [{ user = \"DESK\", api_key = \"key-1\" }]\n";
const PATIENCE: Duration = Duration::from_secs(30);
/// Requests that nobody has answered, at most.
const UNDER_WAY: usize = 48;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Timestamp(since.as_nanos() as u64)
}

/// All that a session was told, by number, over all connections.
#[derive(Default)]
struct Told {
    messages: Vec<Vec<u8>>,
    is_on: bool,
}

impl Listener for Told {
    fn on_logon(&mut self, _: [u8; 10], next: u64) {
        assert_eq!(next, self.messages.len() as u64 + 1, "it begins where it was asked to");
        self.is_on = true;
    }

    fn on_message(&mut self, sequence: Option<u64>, message: &[u8]) {
        assert_eq!(sequence, Some(self.messages.len() as u64 + 1), "no gap, nothing twice");
        self.messages.push(message.to_vec());
    }
}

/// What the session's messages come to.
#[derive(Default)]
struct Book {
    /// Open shares, by number.
    open: BTreeMap<u32, u32>,
    /// Numbers of requests that have their answer.
    answered: BTreeSet<u32>,
    mass_cancels: usize,
    switches: usize,
    folded: usize,
}

impl Book {
    fn fold(&mut self, messages: &[Vec<u8>]) {
        for message in &messages[self.folded..] {
            let (message, _) = Outbound::decode(message).expect("a message");
            let answered = match message {
                Outbound::OrderAccepted(told) => {
                    let number = told.user_ref_num.get();
                    assert_eq!(self.open.insert(number, told.quantity.get()), None);
                    Some(number)
                }
                Outbound::OrderReplaced(told) => {
                    let former = self.open.remove(&told.orig_user_ref_num.get());
                    assert!(former.is_some(), "{message:?}");
                    self.open.insert(told.user_ref_num.get(), told.quantity.get());
                    Some(told.user_ref_num.get())
                }
                Outbound::OrderModified(told) => {
                    let open = self.open.get_mut(&told.user_ref_num.get()).expect("it is open");
                    assert!(*open > told.quantity.get(), "{message:?}");
                    *open = told.quantity.get();
                    None
                }
                Outbound::OrderCancelled(told) => {
                    let number = told.user_ref_num.get();
                    let open = self.open.get_mut(&number).expect("it is open");
                    *open = open.checked_sub(told.quantity.get()).expect("so much was open");
                    if *open == 0 {
                        self.open.remove(&number);
                    }
                    None
                }
                Outbound::Rejected(told) => Some(told.user_ref_num.get()),
                Outbound::MassCancelResponse(told) => {
                    self.mass_cancels += 1;
                    Some(told.user_ref_num.get())
                }
                Outbound::DisableOrderEntryResponse(told) => {
                    self.switches += 1;
                    Some(told.user_ref_num.get())
                }
                Outbound::EnableOrderEntryResponse(told) => {
                    self.switches += 1;
                    Some(told.user_ref_num.get())
                }
                Outbound::SystemEvent(_)
                | Outbound::AccountQueryResponse(_)
                | Outbound::CancelReject(_)
                | Outbound::OrderPriorityUpdate(_) => None,
                other => panic!("{other:?}"),
            };
            if let Some(number) = answered {
                assert!(self.answered.insert(number), "{message:?}: answered twice");
            }
        }
        self.folded = messages.len();
    }
}

/// The client.
struct Desk {
    told: Told,
    book: Book,
    line: Option<(TcpStream, Client, Vec<u8>)>,
    /// Its next number, and those that it has used since it last asked.
    next: u32,
    sent: BTreeSet<u32>,
    password: String,
}

impl Desk {
    fn new(key: &Key) -> Self {
        let password = key.secret.chars().take(10).collect();
        let (told, book) = (Told::default(), Book::default());
        Self { told, book, line: None, next: 1, sent: BTreeSet::new(), password }
    }

    /// Logs on at that address; what it has missed is told, and it knows its next number.
    fn go_to(&mut self, address: SocketAddr) {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        let next = self.told.messages.len() as u64 + 1;
        let mut client = Client::new(b"DESK", self.password.as_bytes(), next);
        client.connected(now());
        self.told.is_on = false;
        self.line = Some((stream, client, Vec::new()));
        self.until("no logon", |desk| desk.told.is_on);
        let before = self.told.messages.len();
        self.send(Inbound::AccountQuery(&AccountQuery {}));
        let answer = |desk: &Self| {
            desk.told.messages[before..].iter().find(|message| message[0] == b'Q').cloned()
        };
        self.until("no answer", |desk| answer(desk).is_some());
        let answer = answer(self).expect("it came");
        let (Outbound::AccountQueryResponse(told), _) = Outbound::decode(&answer).expect("one")
        else {
            panic!("{answer:?}")
        };
        let next = told.next_user_ref_num.get();
        // All below it are answered; above it may be what the gateway itself refused. Numbers only grow.
        let lost = self.sent.iter().filter(|number| !self.book.answered.contains(number));
        assert!(
            lost.clone().all(|number| *number >= next),
            "{next}: {:?}",
            lost.collect::<Vec<_>>()
        );
        self.next = next.max(self.book.answered.last().map_or(1, |last| last + 1));
    }

    /// Sends and reads; false when the connection has ended.
    fn turn(&mut self) -> bool {
        let Some((stream, client, unread)) = &mut self.line else { return false };
        client.tick(now());
        let mut goes_on = stream.write_all(client.output()).is_ok();
        client.output().clear();
        let mut chunk = [0; 16 << 10];
        match stream.read(&mut chunk) {
            Ok(0) => goes_on = false,
            Ok(count) => unread.extend_from_slice(&chunk[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => goes_on = false,
        }
        let taken = client.received(now(), unread, &mut self.told);
        unread.drain(..taken);
        self.book.fold(&self.told.messages);
        goes_on
    }

    /// Sends, and reads nothing.
    fn write(&mut self) {
        let (stream, client, _) = self.line.as_mut().expect("it is connected");
        stream.write_all(client.output()).expect("the venue is there");
        client.output().clear();
    }

    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            self.turn();
            assert!(Instant::now() < end, "{what}");
        }
    }

    fn send(&mut self, message: Inbound<'_>) {
        let mut bytes = [0; 64];
        let size = message.encode(&[], &mut bytes).expect("room");
        let (_, client, _) = self.line.as_mut().expect("it is connected");
        assert!(client.send(now(), &bytes[..size]));
    }

    /// How many requests with a number have no answer.
    fn under_way(&self) -> usize {
        self.sent.difference(&self.book.answered).count()
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.sent.insert(self.next - 1);
        self.next - 1
    }

    /// Asks for something.
    fn ask(&mut self, random: &mut Random) {
        let open: Vec<(u32, u32)> = self.book.open.iter().map(|(at, open)| (*at, *open)).collect();
        let some = |random: &mut Random| open.get(random.below(open.len().max(1) as u64) as usize);
        let (firm, symbol) = (Text::padding(), Text::padding());
        let (what, shares) = (random.below(100), 40 + random.below(40) as u32);
        let price = Price::new(500_000_000 + 100 * random.below(50));
        match (what, some(random)) {
            (0..16, Some((number, _))) => {
                let (of, number) = (*number, self.number());
                self.send(Inbound::ReplaceOrder(&replacement(of, number, shares, price)));
            }
            (16..26, Some((number, open))) if *open > 20 => {
                let message = ModifyOrder {
                    user_ref_num: (*number).into(),
                    side: OuchSide::Buy.into(),
                    quantity: (open - 1 - random.below(3) as u32).into(),
                };
                self.send(Inbound::ModifyOrder(&message));
            }
            (26..34, Some((number, open))) => {
                let left = if random.one_in(2) && *open > 20 { open - 1 } else { 0 };
                let (user_ref_num, quantity) = ((*number).into(), left.into());
                self.send(Inbound::CancelOrder(&CancelOrder { user_ref_num, quantity }));
            }
            (34..37, _) => {
                let user_ref_num = self.number().into();
                self.send(Inbound::MassCancel(&MassCancel { user_ref_num, firm, symbol }));
            }
            (37..40, _) => {
                let user_ref_num = self.number().into();
                let message = DisableOrderEntry { user_ref_num, firm };
                self.send(Inbound::DisableOrderEntry(&message));
                let user_ref_num = self.number().into();
                let message = EnableOrderEntry { user_ref_num, firm };
                self.send(Inbound::EnableOrderEntry(&message));
            }
            _ => {
                let number = self.number();
                self.send(Inbound::EnterOrder(&order(number, shares, price)));
            }
        }
    }
}

fn order(number: u32, shares: u32, price: Price) -> EnterOrder {
    EnterOrder {
        user_ref_num: number.into(),
        side: OuchSide::Buy.into(),
        quantity: shares.into(),
        symbol: Text::new(b"BTCUSDT").expect("a symbol"),
        price,
        time_in_force: TimeInForce::Extended.into(),
        display: Display::Visible.into(),
        capacity: Capacity::Principal.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cross_type: CrossType::Continuous.into(),
        cl_ord_id: Text::padding(),
    }
}

fn replacement(of: u32, number: u32, shares: u32, price: Price) -> ReplaceOrder {
    ReplaceOrder {
        orig_user_ref_num: of.into(),
        user_ref_num: number.into(),
        quantity: shares.into(),
        price,
        time_in_force: TimeInForce::Extended.into(),
        display: Display::Visible.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cl_ord_id: Text::padding(),
    }
}

/// The orders that are open at the venue are those that the session was told of, share by share.
fn agree(venue: &Venue, key: &Key, desk: &Desk) {
    let open = |order: &serde_json::Value| {
        let name = order["clientOrderId"].as_str().expect("a name");
        let number = name.strip_prefix("DESK/").and_then(|rest| rest.get(..8)).expect(name);
        let qty: f64 = order["origQty"].as_str().expect("one").parse().expect("a number");
        (u32::from_str_radix(number, 16).expect("a number"), (qty * 1e5).round() as u32)
    };
    until_open(venue, key, |orders| {
        orders.iter().map(open).collect::<BTreeMap<_, _>>() == desk.book.open
    });
}

/// How many mass cancels and switches the log of a venue that does not run has.
fn logged(store: &Path) -> (usize, usize) {
    let directory = Folder::new(store);
    let inspection = tiercel_journal::inspect(&directory).expect("a log");
    let mut cursor = Cursor::new(&directory, &inspection).expect("a log");
    let mut found = (0, 0);
    while let Some(record) = cursor.next_record().expect("a record") {
        match record.command().expect("a command") {
            Command::MassCancel(_) => found.0 += 1,
            Command::SetKillSwitch(_) => found.1 += 1,
            _ => {}
        }
    }
    found
}

/// Nothing that was acknowledged is lost, nothing is there twice, and what was done has its answer, whatever
/// was on its way.
#[test]
fn an_ouch_client_of_a_killed_venue_comes_back_and_agrees_with_it() {
    let points = if soak::is_soak() { 20 } else { 4 };
    let (store, config, keys) = market("venue-ouch-kill", OUCH);
    let (mut desk, mut unanswered, mut requests) = (Desk::new(&keys[0]), 0, 0);
    for seed in 1..=points {
        let mut venue = Venue::start(&store, &config, &[], 0);
        desk.go_to(venue.ouch());
        agree(&venue, &keys[0], &desk);
        // What has no answer was not done, and never will be.
        desk.sent.clear();
        let mut random = Random::new(seed);
        let until = Instant::now() + Duration::from_millis(20 + random.below(120));
        while Instant::now() < until {
            while desk.under_way() < UNDER_WAY {
                desk.ask(&mut random);
                requests += 1;
            }
            assert!(desk.turn(), "the venue is gone");
        }
        // Some are on their way when it comes.
        while desk.under_way() < UNDER_WAY {
            desk.ask(&mut random);
        }
        desk.write();
        venue.kill();
        // What it had sent.
        while desk.turn() {}
        unanswered += desk.under_way();
    }
    let mut venue = Venue::start(&store, &config, &[], 0);
    let address = venue.ouch();
    desk.go_to(address);
    agree(&venue, &keys[0], &desk);
    let Book { mass_cancels, switches, .. } = desk.book;
    eprintln!(
        "{points} kills, {requests} requests, {unanswered} without an answer when it came; \
         {mass_cancels} mass cancels, {switches} switches"
    );
    assert!(requests > 200 && mass_cancels > 0 && switches > 0);
    assert!(unanswered > 0 || !soak::is_soak(), "each kill came when all was answered");
    // From the first message on, it is the same again.
    venue.kill();
    let mut venue = Venue::start(&store, &config, &[], 0);
    let mut again = Desk::new(&keys[0]);
    again.go_to(venue.ouch());
    let count = desk.told.messages.len();
    again.until("not all of it is sent again", |desk| desk.told.messages.len() >= count);
    assert_eq!(again.told.messages[..count], desk.told.messages);
    venue.kill();
    assert_eq!(logged(&store), (mass_cancels, switches), "each that was done has its answer");
    drop(fs::remove_dir_all(&store));
}
