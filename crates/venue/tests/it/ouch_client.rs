//! A venue that speaks OUCH, and clients of it.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tiercel_journal::{FileStorage, IoOptions};
use tiercel_telemetry::Registry;
use tiercel_types::{AccountId, Command};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::itch::Day;
use tiercel_venue::ouch::{OuchIdentity, OuchOptions, User};
use tiercel_venue::ouch_door::OuchSessions;
use tiercel_venue::pipeline::{Handle, Submission, Submitter};
use tiercel_venue::run::{RunOptions, Running, start_with};
use tiercel_venue::serve::Shares;
use tiercel_venue::store;
use tiercel_wire::itch::Text;
use tiercel_wire::ouch::{self, *};
use tiercel_wire::soup::{Client, Listener};

use super::binary_sockets::OWN;
use super::feed_client::{free, now};
use super::fix_client::Socket;
use super::itch_archive::scaled;
use super::place::{SMALL_PIPELINE, no_shares, setup, store_options};
use super::shifted::Shift;

pub(super) const SECRETS: [&str; 2] = ["first-secret-of-one", "other-secret-of-two"];

/// A venue that speaks OUCH: `ONE` and `TWO` for the accounts 1 and 2; what `TWO` enters ends with its
/// connection.
pub(super) struct OuchVenue {
    pub(super) running: Running<FileStorage>,
    pub(super) reader: std::thread::JoinHandle<()>,
    operator: Mutex<Submitter>,
    shift: Shift,
    pub(super) address: SocketAddr,
    pub(super) registry: Registry,
}

impl OuchVenue {
    pub(super) fn start(folder: &Path) -> Self {
        Self::with(folder, no_shares)
    }

    /// The same, with what `share` makes of the keys.
    pub(super) fn with(folder: &Path, share: impl FnOnce(&Keys) -> Shares) -> Self {
        Self::served(folder, share, |_| {})
    }

    /// The same, served as `change` has it.
    pub(super) fn served(
        folder: &Path,
        share: impl FnOnce(&Keys) -> Shares,
        change: impl FnOnce(&mut OuchOptions),
    ) -> Self {
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
        let shares = share(&keys);
        let registry = shares.registry.clone();
        let store = Some(folder.join("ouch"));
        let mut options =
            OuchOptions { sessions, store, connections_max: 16, ..OuchOptions::default() };
        change(&mut options);
        let ouch = OuchSessions::open(options, keys, &opened, &stores, now()).unwrap();
        let listener = TcpListener::bind(free()).unwrap();
        let address = listener.local_addr().unwrap();
        let shift = Shift::default();
        let plan = shift.of(ouch.plan(listener, OWN, shares));
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
        let Handle { submitter, mut deliveries } = handle;
        // So that the core never waits for it.
        let reader = std::thread::spawn(move || {
            while deliveries.poll(usize::MAX, |_| {}).is_ok() {
                deliveries.wait(Duration::from_secs(1));
            }
        });
        let operator = Mutex::new(submitter);
        Self { running, reader, operator, shift, address, registry }
    }

    /// Hands a command in, as another gateway would.
    pub(super) fn operate(&self, command: impl Into<Command>) {
        let submission = Submission { token: 1, commands: &[command.into()] };
        self.operator.lock().unwrap().submit(submission).unwrap();
    }

    /// So many seconds are over at once, as far as sessions know.
    pub(super) fn let_pass(&self, seconds: u64) {
        self.shift.let_pass(seconds);
    }

    /// Waits until the metrics have these lines.
    pub(super) fn until_metrics(&self, lines: &[&str]) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let text = self.registry.text();
            let missing = lines.iter().find(|line| !text.lines().any(|known| known == **line));
            let Some(missing) = missing else { return };
            assert!(Instant::now() < end, "no {missing} in {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn stop(self) {
        self.running.stop().unwrap();
        self.reader.join().unwrap();
    }
}

#[derive(Default)]
pub(super) struct Told {
    pub(super) messages: Vec<Vec<u8>>,
    pub(super) is_on: bool,
    pub(super) rejected: Option<u8>,
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

pub(super) struct OuchClient {
    stream: Box<dyn Socket>,
    pub(super) client: Client,
    unread: Vec<u8>,
    pub(super) told: Told,
    pub(super) read: usize,
    pub(super) is_closed: bool,
}

impl OuchClient {
    /// From this message on; without waiting for an answer.
    pub(super) fn begin(address: SocketAddr, user: &str, password: &str, next: u64) -> Self {
        Self::over(address, (user, password), next, |stream| Box::new(stream))
    }

    /// The same, with something between it and its connection.
    pub(super) fn over(
        address: SocketAddr,
        (user, password): (&str, &str),
        next: u64,
        wrap: impl Fn(TcpStream) -> Box<dyn Socket>,
    ) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let stream = wrap(stream);
        let mut client = Client::new(user.as_bytes(), password.as_bytes(), next);
        client.connected(now());
        let told = Told::default();
        Self { stream, client, unread: Vec::new(), told, read: 0, is_closed: false }
    }

    pub(super) fn log_on(address: SocketAddr, session: usize, next: u64) -> Self {
        let user = ["ONE", "TWO"][session];
        let mut client = Self::begin(address, user, SECRETS[session], next);
        client.until(|client| client.told.is_on);
        client
    }

    /// Once nobody else has the session.
    pub(super) fn log_on_when_free(address: SocketAddr, session: usize, next: u64) -> Self {
        let (user, end) = (["ONE", "TWO"][session], Instant::now() + Duration::from_secs(20));
        loop {
            let mut client = Self::begin(address, user, SECRETS[session], next);
            client.until(|client| client.told.is_on || client.told.rejected.is_some());
            if client.told.is_on {
                return client;
            }
            assert!(Instant::now() < end, "{user} is not free");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn turn(&mut self) {
        self.client.tick(now());
        self.is_closed |= self.stream.write_all(self.client.output()).is_err();
        self.client.output().clear();
        let mut chunk = [0; 8_192];
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
        let taken = self.client.received(now(), &self.unread, &mut self.told);
        self.unread.drain(..taken);
    }

    #[track_caller]
    pub(super) fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !reached(self) {
            let state = (self.is_closed, self.told.rejected, self.told.messages.len());
            assert!(Instant::now() < end, "{state:?}");
            self.turn();
        }
    }

    /// The next message, in words.
    #[track_caller]
    pub(super) fn next(&mut self) -> String {
        self.until(|client| client.told.messages.len() > client.read);
        self.read += 1;
        words(&self.told.messages[self.read - 1])
    }

    /// All messages so far, in words, once there are so many.
    #[track_caller]
    pub(super) fn words(&mut self, count: usize) -> Vec<String> {
        self.until(|client| client.told.messages.len() >= count);
        self.told.messages.iter().map(|message| words(message)).collect()
    }

    pub(super) fn send(&mut self, message: Inbound<'_>) {
        let mut bytes = [0; 64];
        let size = message.encode(&[], &mut bytes).unwrap();
        assert!(self.client.send(now(), &bytes[..size]));
        self.turn();
    }

    pub(super) fn enter(&mut self, number: u32, side: OuchSide, shares: u32, price: u64) {
        self.send(Inbound::EnterOrder(&order(number, side, shares, price)));
    }

    pub(super) fn cancel(&mut self, number: u32, left: u32) {
        let message = CancelOrder { user_ref_num: number.into(), quantity: left.into() };
        self.send(Inbound::CancelOrder(&message));
    }

    pub(super) fn ask_next(&mut self) -> String {
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
