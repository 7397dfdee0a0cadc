//! OUCH over sockets: the life of orders, numbers, disconnects, restarts, and those who misbehave.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use tiercel_journal::{FileStorage, IoOptions};
use tiercel_sync::wait::WaitKind;
use tiercel_testkit::random::Random;
use tiercel_types::AccountId;
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::itch::Day;
use tiercel_venue::ouch::{OuchIdentity, OuchOptions, User};
use tiercel_venue::ouch_door::OuchSessions;
use tiercel_venue::pipeline::Submission;
use tiercel_venue::run::{RunOptions, Running, start_with};
use tiercel_venue::stage::{StagePlan, StageThread};
use tiercel_venue::store;
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{self, *};
use tiercel_wire::soup::{Client, Listener};

use super::feed_client::{free, now};
use super::itch_archive::scaled;
use super::place::{Place, SMALL_PIPELINE, setup, store_options};

const SECRETS: [&str; 2] = ["first-secret-of-one", "other-secret-of-two"];

/// A venue that speaks OUCH: `ONE` and `TWO` for the accounts 1 and 2; what `TWO` enters ends with its
/// connection.
struct OuchVenue {
    running: Running<FileStorage>,
    reader: std::thread::JoinHandle<()>,
    address: SocketAddr,
}

impl OuchVenue {
    fn start(folder: &Path) -> Self {
        let stores = store_options(Some(40));
        let opened = store::open(folder, IoOptions::default(), &stores).unwrap();
        let keys = Keys::default();
        let mut sessions = Vec::new();
        for (at, user) in [(0, "ONE"), (1, "TWO")] {
            let verifier = Verifier::Hmac(SECRETS[at].as_bytes().to_vec());
            let account = AccountId(at as u32 + 1);
            keys.add(user, Key::new(account, verifier, true, true)).unwrap();
            sessions.push(OuchIdentity {
                user: User::new(user.as_bytes()).unwrap(),
                api_key: user.to_owned(),
                cancel_on_disconnect: at == 1,
            });
        }
        let store = Some(folder.join("ouch"));
        let options =
            OuchOptions { sessions, store, connections_max: 16, ..OuchOptions::default() };
        let ouch = OuchSessions::open(options, keys, &opened, &stores, now()).unwrap();
        let (build, address) = ouch.stage(TcpListener::bind(free()).unwrap()).unwrap();
        let thread = StageThread::Own { cpu: None, wait: WaitKind::SpinPark };
        let plan = StagePlan { name: "tiercel-ouch", thread, build };
        let (running, models, mut handles) =
            start_with(opened, &SMALL_PIPELINE, RunOptions::default(), 1, vec![plan]).unwrap();
        let mut handle = handles.pop().unwrap();
        if models.checkpoint().sequence == 0 {
            for command in setup() {
                let commands = [scaled(command)];
                handle.submit(Submission { token: 1, commands: &commands }).unwrap();
                let mut is_answered = false;
                while !is_answered {
                    handle.deliveries.wait(Duration::from_millis(10));
                    handle.poll(64, |it| is_answered |= it.is_end_of_submission()).unwrap();
                }
            }
        }
        // So that the core never waits for it.
        let reader = std::thread::spawn(move || {
            while handle.poll(usize::MAX, |_| {}).is_ok() {
                handle.deliveries.wait(Duration::from_secs(1));
            }
        });
        Self { running, reader, address }
    }

    fn stop(self) {
        self.running.stop().unwrap();
        self.reader.join().unwrap();
    }
}

#[derive(Default)]
struct Told {
    messages: Vec<Vec<u8>>,
    is_on: bool,
    rejected: Option<u8>,
}

impl Listener for Told {
    fn on_logon(&mut self, _: [u8; 10], _: u64) {
        self.is_on = true;
    }

    fn on_rejected(&mut self, reason: u8) {
        self.rejected = Some(reason);
    }

    fn on_message(&mut self, sequence: Option<u64>, message: &[u8]) {
        assert!(sequence.is_some());
        self.messages.push(message.to_vec());
    }
}

struct OuchClient {
    stream: TcpStream,
    client: Client,
    unread: Vec<u8>,
    told: Told,
    read: usize,
    is_closed: bool,
}

impl OuchClient {
    /// From this message on; without waiting for an answer.
    fn begin(address: SocketAddr, user: &str, password: &str, next: u64) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut client = Client::new(user.as_bytes(), password.as_bytes(), next);
        client.connected(now());
        let told = Told::default();
        Self { stream, client, unread: Vec::new(), told, read: 0, is_closed: false }
    }

    fn log_on(address: SocketAddr, session: usize, next: u64) -> Self {
        let user = ["ONE", "TWO"][session];
        let mut client = Self::begin(address, user, SECRETS[session], next);
        client.until(|client| client.told.is_on);
        client
    }

    fn turn(&mut self) {
        self.client.tick(now());
        self.is_closed |= self.stream.write_all(self.client.output()).is_err();
        self.client.output().clear();
        let mut chunk = [0; 8_192];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.is_closed = true,
            Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.is_closed = true,
        }
        let taken = self.client.received(now(), &self.unread, &mut self.told);
        self.unread.drain(..taken);
    }

    #[track_caller]
    fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !reached(self) {
            let state = (self.is_closed, self.told.rejected, self.told.messages.len());
            assert!(Instant::now() < end, "{state:?}");
            self.turn();
        }
    }

    /// The next message, in words.
    #[track_caller]
    fn next(&mut self) -> String {
        self.until(|client| client.told.messages.len() > client.read);
        self.read += 1;
        words(&self.told.messages[self.read - 1])
    }

    /// All messages so far, in words, once there are so many.
    #[track_caller]
    fn words(&mut self, count: usize) -> Vec<String> {
        self.until(|client| client.told.messages.len() >= count);
        self.told.messages.iter().map(|message| words(message)).collect()
    }

    fn send(&mut self, message: Inbound<'_>) {
        let mut bytes = [0; 64];
        let size = message.encode(&[], &mut bytes).unwrap();
        assert!(self.client.send(now(), &bytes[..size]));
        self.turn();
    }

    fn enter(&mut self, number: u32, side: OuchSide, shares: u32, price: u64) {
        self.send(Inbound::EnterOrder(&order(number, side, shares, price)));
    }

    fn cancel(&mut self, number: u32, left: u32) {
        let message = CancelOrder { user_ref_num: number.into(), quantity: left.into() };
        self.send(Inbound::CancelOrder(&message));
    }

    fn ask_next(&mut self) -> String {
        self.send(Inbound::AccountQuery(&AccountQuery {}));
        self.next()
    }
}

pub(super) fn order(number: u32, side: OuchSide, shares: u32, price: u64) -> EnterOrder {
    EnterOrder {
        user_ref_num: number.into(),
        side: side.into(),
        quantity: shares.into(),
        symbol: Text::new(b"BTCUSDT").unwrap(),
        price: ouch::Price::new(price),
        time_in_force: TimeInForce::Extended.into(),
        display: Display::Visible.into(),
        capacity: Capacity::Principal.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cross_type: CrossType::Continuous.into(),
        cl_ord_id: Text::new(format!("n{number}").as_bytes()).unwrap(),
    }
}

pub(super) fn replacement(of: u32, number: u32, shares: u32, price: u64) -> ReplaceOrder {
    ReplaceOrder {
        orig_user_ref_num: of.into(),
        user_ref_num: number.into(),
        quantity: shares.into(),
        price: ouch::Price::new(price),
        time_in_force: TimeInForce::Extended.into(),
        display: Display::Visible.into(),
        inter_market_sweep_eligibility: Intermarket::NotEligible.into(),
        cl_ord_id: Text::new(format!("n{number}").as_bytes()).unwrap(),
    }
}

/// The fields that a test looks at; times and the venue's own numbers are checked, and left out.
pub(super) fn words(message: &[u8]) -> String {
    let (decoded, _) = Outbound::decode(message).unwrap();
    let mut text = String::new();
    decoded.fields(|name, value| match name {
        "timestamp" => {
            let since = Day::of(now()).since_midnight(now());
            let time = u64::from_be_bytes(*message[1..].first_chunk().unwrap());
            assert!(time <= since || since < 60_000_000_000, "{time}");
        }
        "order_reference_number" | "match_number" => assert_ne!(value.to_string(), "0"),
        "symbol" => assert!(["BTCUSDT", ""].contains(&value.to_string().as_str())),
        "capacity" => assert_eq!(value.to_string(), "P"),
        "inter_market_sweep_eligibility" | "display" | "cross_type" | "order_state" => {}
        _ => write!(text, " {value}").unwrap(),
    });
    format!("{}{text}", decoded.as_str())
}

#[test]
fn orders_are_taken_filled_replaced_modified_and_cancelled() {
    let place = Place::new("ouch-life");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    assert_eq!((one.next(), two.next()), ("SystemEvent S".into(), "SystemEvent S".into()));
    one.enter(5, OuchSide::Buy, 20, 100_000);
    assert_eq!(one.next(), "OrderAccepted 5 B 20 10.0000 5 n5");
    // Two sides of a trade; the taker's rest has a place in the book.
    two.enter(1, OuchSide::SellShort, 26, 99_900);
    assert_eq!(two.next(), "OrderAccepted 1 S 26 9.9900 5 n1");
    assert_eq!(two.next(), "OrderExecuted 1 20 10.0000 R");
    assert_eq!(one.next(), "OrderExecuted 5 20 10.0000 A");
    assert_eq!(two.next(), "OrderPriorityUpdate 1 9.9900");
    // A replacement goes on under another number; what was filled counts.
    two.send(Inbound::ReplaceOrder(&replacement(1, 2, 28, 101_000)));
    assert_eq!(two.next(), "OrderReplaced 1 2 S 8 10.1000 5 n2");
    let modify = |number: u32, shares: u32| ModifyOrder {
        user_ref_num: number.into(),
        side: OuchSide::Sell.into(),
        quantity: shares.into(),
    };
    two.send(Inbound::ModifyOrder(&modify(2, 7)));
    assert_eq!(two.next(), "OrderModified 2 S 7");
    two.cancel(2, 3);
    assert_eq!(two.next(), "OrderCancelled 2 4 U");
    // No growth in place, no more than there is, nothing of what is gone: nothing is said.
    two.send(Inbound::ModifyOrder(&modify(2, 9)));
    two.cancel(2, 3);
    two.cancel(1, 0);
    two.cancel(2, 0);
    assert_eq!(two.next(), "OrderCancelled 2 3 U");
    // At once or never; at any price.
    let immediate = EnterOrder {
        time_in_force: TimeInForce::Immediate.into(),
        ..order(3, OuchSide::Buy, 4, 100_000)
    };
    two.send(Inbound::EnterOrder(&immediate));
    assert_eq!(two.next(), "OrderAccepted 3 B 4 10.0000 3 n3");
    assert_eq!(two.next(), "OrderCancelled 3 4 I");
    one.enter(6, OuchSide::Sell, 4, 102_000);
    assert_eq!(one.next(), "OrderAccepted 6 S 4 10.2000 5 n6");
    two.enter(4, OuchSide::Buy, 3, MARKET_PRICE);
    assert_eq!(two.next(), "OrderAccepted 4 B 3 214748.3647 3 n4");
    assert_eq!(two.next(), "OrderExecuted 4 3 10.2000 R");
    assert_eq!(one.next(), "OrderExecuted 6 3 10.2000 A");
    venue.stop();
}

#[test]
fn numbers_only_grow_and_refusals_have_reasons() {
    let place = Place::new("ouch-numbers");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    assert_eq!(one.ask_next(), "AccountQueryResponse 1");
    one.enter(7, OuchSide::Buy, 1, 90_000);
    assert_eq!(one.next(), "OrderAccepted 7 B 1 9.0000 5 n7");
    // The same again, and lower ones, are not heard.
    for stale in [7, 6, 1] {
        one.enter(stale, OuchSide::Buy, 1, 90_000);
    }
    assert_eq!(one.ask_next(), "AccountQueryResponse 8");
    let base = order(8, OuchSide::Buy, 1, 90_000);
    for (wrong, reason) in [
        (EnterOrder { symbol: Text::new(b"NOPE").unwrap(), ..base }, 3),
        (EnterOrder { quantity: 0.into(), ..base }, 7),
        (EnterOrder { price: ouch::Price::new(0), ..base }, 8),
        (EnterOrder { time_in_force: TimeInForce::AfterHours.into(), ..base }, 0x101),
        (EnterOrder { time_in_force: TimeInForce::TillTime.into(), ..base }, 0x101),
        (EnterOrder { cross_type: CrossType::Retail.into(), ..base }, 0x101),
        (EnterOrder { cl_ord_id: Text::new(b"\x01").unwrap(), ..base }, 0x102),
        // What the engine denies has its number: beyond the highest price, and too large.
        (EnterOrder { price: ouch::Price::new(4_294_967_296), ..base }, 0x200),
    ] {
        let number = one.told.messages.len() as u32 + 100;
        let wrong = EnterOrder { user_ref_num: number.into(), ..wrong };
        one.send(Inbound::EnterOrder(&wrong));
        let told = one.next();
        let mut fields = told.split(' ');
        assert_eq!((fields.next(), fields.next()), (Some("Rejected"), Some(&*number.to_string())));
        let found: u16 = fields.next().unwrap().parse().unwrap();
        assert!(found == reason || (reason == 0x200 && found > 0x200), "{told}");
    }
    let number = 900;
    one.send(Inbound::ReplaceOrder(&replacement(99, number, 1, 90_000)));
    assert_eq!(one.next(), "Rejected 900 259 n900");
    // A firm that is another's; one's own.
    let mass = |number: u32, firm: &[u8]| MassCancel {
        user_ref_num: number.into(),
        firm: Text::new(firm).unwrap(),
        symbol: Text::padding(),
    };
    one.send(Inbound::MassCancel(&mass(901, b"TWO")));
    assert_eq!(one.next(), "Rejected 901 19 ");
    one.send(Inbound::MassCancel(&mass(902, b"ONE")));
    assert_eq!(one.next(), "OrderCancelled 7 1 U");
    assert_eq!(one.next(), "MassCancelResponse 902 ONE");
    // No more orders until they are wanted again.
    let off = DisableOrderEntry { user_ref_num: 903.into(), firm: Text::padding() };
    one.send(Inbound::DisableOrderEntry(&off));
    assert_eq!(one.next(), "DisableOrderEntryResponse 903 ");
    one.enter(904, OuchSide::Buy, 1, 90_000);
    assert!(one.next().starts_with("Rejected 904 "));
    let on = EnableOrderEntry { user_ref_num: 905.into(), firm: Text::padding() };
    one.send(Inbound::EnableOrderEntry(&on));
    assert_eq!(one.next(), "EnableOrderEntryResponse 905 ");
    one.enter(906, OuchSide::Buy, 1, 90_000);
    assert_eq!(one.next(), "OrderAccepted 906 B 1 9.0000 5 n906");
    venue.stop();
}

#[test]
fn what_a_session_entered_ends_with_its_connection_if_it_wants() {
    let place = Place::new("ouch-parted");
    let venue = OuchVenue::start(place.path());
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    let mut two = OuchClient::log_on(venue.address, 1, 1);
    for client in [&mut one, &mut two] {
        assert_eq!(client.next(), "SystemEvent S");
        client.enter(1, OuchSide::Buy, 2, 90_000);
        assert_eq!(client.next(), "OrderAccepted 1 B 2 9.0000 5 n1");
    }
    drop((one, two));
    let again = |session| loop {
        let mut client =
            OuchClient::begin(venue.address, ["ONE", "TWO"][session], SECRETS[session], 3);
        client.until(|client| client.told.is_on || client.told.rejected.is_some());
        // The venue has not seen yet that the connection is gone.
        if client.told.is_on {
            break client;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(again(1).next(), "OrderCancelled 1 2 D");
    let mut one = again(0);
    one.cancel(1, 0);
    assert_eq!(one.next(), "OrderCancelled 1 2 U");
    venue.stop();
}

#[test]
fn answers_are_there_after_a_restart_and_numbers_go_on() {
    let place = Place::new("ouch-restart");
    let mut before = Vec::new();
    for round in 0..3_u32 {
        let venue = OuchVenue::start(place.path());
        let mut one = OuchClient::log_on(venue.address, 0, 1);
        let told = one.words(before.len());
        assert_eq!(told[..before.len()], before, "round {round}");
        one.read = before.len();
        if round == 0 {
            assert_eq!(one.next(), "SystemEvent S");
        }
        let next = round * 100 + 1;
        assert_eq!(
            one.ask_next(),
            format!("AccountQueryResponse {}", next.saturating_sub(50).max(1))
        );
        for number in next..next + 50 {
            one.enter(number, OuchSide::Buy, 1, 90_000 + u64::from(number));
            assert!(one.next().starts_with(&format!("OrderAccepted {number} ")));
        }
        // An order of before is known by its number.
        if round > 0 {
            one.cancel(1 + (round - 1) * 100, 0);
            assert_eq!(one.next(), format!("OrderCancelled {} 1 U", 1 + (round - 1) * 100));
        }
        before = one.words(0);
        venue.stop();
        one.until(|client| client.is_closed);
    }
}

#[test]
fn only_who_knows_the_password_logs_on_and_noise_hurts_nobody_else() {
    let place = Place::new("ouch-noise");
    let venue = OuchVenue::start(place.path());
    for (user, password) in
        [("ONE", "guess"), ("ONE", ""), ("NOBODY", SECRETS[0]), ("ONE", SECRETS[1])]
    {
        let mut wrong = OuchClient::begin(venue.address, user, password, 1);
        wrong.until(|client| client.is_closed);
        assert_eq!(wrong.told.rejected, Some(b'A'), "{user} {password}");
    }
    let mut one = OuchClient::log_on(venue.address, 0, 1);
    assert_eq!(one.next(), "SystemEvent S");
    let mut again = OuchClient::begin(venue.address, "ONE", SECRETS[0], 1);
    again.until(|client| client.is_closed);
    assert_eq!(again.told.rejected, Some(b'S'));
    let mut random = Random::new(5);
    let mut noise =
        |size: usize| -> Vec<u8> { (0..size).map(|_| random.below(256) as u8).collect() };
    let mut streams = Vec::new();
    for size in [0, 1, 2, 3, 49, 70, 5_000] {
        let mut stream = TcpStream::connect(venue.address).unwrap();
        drop(stream.write_all(&noise(size)));
        streams.push(stream);
    }
    for _ in 0..40 {
        streams.extend(TcpStream::connect(venue.address).ok());
    }
    // Messages that are none, from one who is logged on; then ten thousand orders at once.
    let mut two = OuchClient::log_on_when_there_is_room(venue.address, &mut streams);
    for size in 0..80 {
        assert!(two.client.send(now(), &noise(size)));
    }
    for number in 0..10_000 {
        let mut bytes = [0; 64];
        let order = order(1_000_000_000 + number, OuchSide::Buy, 1, 80_000);
        let size = Inbound::EnterOrder(&order).encode(&[], &mut bytes).unwrap();
        assert!(two.client.send(now(), &bytes[..size]));
    }
    two.turn();
    // While the flood fills the venue's ring, a request may be told that the venue is busy: it is tried
    // again under the next number.
    let (mut taken, mut number) = (0, 0);
    while taken < 20 {
        number += 1;
        assert!(number < 20_000, "the flood does not end");
        one.enter(number, OuchSide::Sell, 1, 110_000);
        let told = one.next();
        if told.starts_with(&format!("OrderAccepted {number} ")) {
            taken += 1;
        } else {
            assert!(told.starts_with(&format!("Rejected {number} 261")), "{told}");
        }
        two.turn();
    }
    drop((two, streams));
    venue.stop();
}

impl OuchClient {
    /// The second session, once some of the connections that fill the place are gone.
    fn log_on_when_there_is_room(address: SocketAddr, streams: &mut Vec<TcpStream>) -> Self {
        streams.clear();
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let mut client = Self::begin(address, "TWO", SECRETS[1], 1);
            while !client.told.is_on && !client.is_closed {
                assert!(Instant::now() < end);
                client.turn();
            }
            if client.told.is_on {
                return client;
            }
        }
    }
}
