//! FIX clients of a `tiercel venue`: one that lives through kills of the venue, and `tiercel fix-client`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
use tiercel_net::fix::{Backoff, Initiator, Responder};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{Application, BusinessReject, MemoryStore, Role, SessionConfig};
use tiercel_wire::fix::{Message, tag};

use crate::command::{argument, tiercel};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, until_open};

const FIX: &str = "[fix]\naddress = \"127.0.0.1:0\"\n\
    sessions = [{ comp_id = \"DESK\", api_key = \"key-1\" }]\n";
const PATIENCE: Duration = Duration::from_secs(30);
/// Orders that nobody has answered, at most.
const UNDER_WAY: usize = 64;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Timestamp(since.as_nanos() as u64)
}

/// What a desk knows of its orders, by name.
#[derive(Default)]
struct Book {
    /// The `ExecID` of the report that each was taken by.
    taken: BTreeMap<String, String>,
    /// Those of which the venue said, when it was asked, that there are none.
    unknown: BTreeSet<String>,
    /// Answers to questions.
    answers: usize,
}

impl Application for Book {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let text = |tag| String::from_utf8_lossy(message.get(tag).unwrap_or_default()).into_owned();
        let (name, exec_type) = (text(tag::CL_ORD_ID), text(tag::EXEC_TYPE));
        match (&*exec_type, &*text(tag::ORD_STATUS)) {
            ("0", "0") => {
                let former = self.taken.insert(name.clone(), text(tag::EXEC_ID));
                assert_eq!(former, None, "{name} was taken twice");
            }
            ("I", status) => {
                self.answers += 1;
                match status {
                    "8" => drop(self.unknown.insert(name)),
                    // It is on its way: its report comes.
                    "A" => {}
                    // Its report was lost with the venue.
                    _ => drop(self.taken.entry(name).or_default()),
                }
            }
            other => panic!("{other:?}: {}", message.bytes().escape_ascii()),
        }
        Ok(())
    }
}

impl<S> Responder<S> for Book {}

/// A desk whose numbers live as long as the test.
struct Desk {
    client: Option<Initiator<MemoryStore>>,
    book: Book,
    sent: usize,
    password: String,
}

impl Desk {
    fn client(&mut self) -> &mut Initiator<MemoryStore> {
        self.client.as_mut().expect("it is at one venue at a time")
    }

    /// Goes on with the venue at that address.
    fn go_to(&mut self, address: SocketAddr) {
        let role = Role::Initiator { heartbeat_interval_s: 5 };
        let mut config = SessionConfig::new(b"DESK", b"TIERCEL", role);
        config.logon_fields = vec![
            (tag::USERNAME, b"key-1"[..].into()),
            (tag::PASSWORD, self.password.as_bytes().into()),
        ];
        let store = match self.client.take() {
            Some(client) => client.into_store(),
            None => MemoryStore::new(now()),
        };
        let backoff =
            Backoff { shortest: Duration::from_millis(5), longest: Duration::from_millis(50) };
        self.client = Some(Initiator::new(address, config, store, backoff));
    }

    /// A turn; false while nobody is logged on.
    fn turn(&mut self) -> bool {
        let Self { client, book, .. } = self;
        let client = client.as_mut().expect("it is at one venue at a time");
        if !client.poll(now(), book) {
            client.wait(Duration::from_millis(1)).expect("it waits");
        }
        client.is_logged_on()
    }

    fn turns_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !done(self) {
            self.turn();
            assert!(Instant::now() < until, "{what}");
        }
    }

    /// Sends an order that rests for ever.
    fn order(&mut self, name: &str, again: bool) {
        let time = now();
        self.client().outbox(time).send(b"D", |encoder| {
            if again {
                encoder.boolean(tag::POSS_RESEND, true);
            }
            encoder.text(tag::CL_ORD_ID, name.as_bytes());
            encoder.constant(b"38=0.001\x0140=2\x0144=50000\x0154=1\x0155=BTCUSDT\x0159=1\x01");
            encoder.time(tag::TRANSACT_TIME, time);
        });
    }

    /// Sends one that has a name of its own.
    fn next_order(&mut self) {
        let name = Self::name(self.sent);
        self.sent += 1;
        self.order(&name, false);
    }

    fn name(number: usize) -> String {
        format!("n{number}")
    }

    /// Asks for each order that it was told nothing of, and enters anew those that there are not.
    fn reconcile(&mut self) {
        let open: Vec<String> = (0..self.sent)
            .map(Self::name)
            .filter(|name| !self.book.taken.contains_key(name))
            .collect();
        self.book.answers = 0;
        for name in &open {
            self.client().outbox(now()).send(b"H", |encoder| {
                encoder.text(tag::CL_ORD_ID, name.as_bytes());
                encoder.constant(b"54=1\x0155=BTCUSDT\x01");
            });
        }
        let asked = open.len();
        self.turns_until("no answers", |desk| desk.book.answers >= asked);
        for name in std::mem::take(&mut self.book.unknown) {
            self.order(&name, true);
        }
        self.turns_until("not all are taken", |desk| desk.book.taken.len() == desk.sent);
    }
}

/// Nothing that was acknowledged is lost, nothing is there twice, whatever was on its way.
#[test]
fn a_fix_client_of_a_killed_venue_comes_back_and_agrees_with_it() {
    let points = if soak::is_soak() { 20 } else { 3 };
    let (store, config, keys) = market("venue-fix-kill", FIX);
    let password = keys[0].secret.clone();
    let mut desk = Desk { client: None, book: Book::default(), sent: 0, password };
    let mut unknown = 0;
    for seed in 1..=points {
        let mut venue = Venue::start(&store, &config, &[], 0);
        desk.go_to(venue.fix());
        desk.turns_until("no logon", |desk| {
            desk.client.as_ref().is_some_and(Initiator::is_logged_on)
        });
        desk.reconcile();
        agree(&venue, &keys[0], &desk);
        let until = Instant::now() + Duration::from_millis(10 + Random::new(seed).below(100));
        while Instant::now() < until {
            while desk.sent - desk.book.taken.len() < UNDER_WAY && desk.sent < 900 * points as usize
            {
                desk.next_order();
            }
            desk.turn();
        }
        // However fast the venue is, some are on their way.
        for _ in 0..UNDER_WAY {
            desk.next_order();
        }
        desk.turn();
        venue.kill();
        unknown += desk.sent - desk.book.taken.len();
        // What it sends to nobody goes out when it is back.
        desk.turns_until("the venue is gone", |desk| {
            desk.client.as_ref().is_some_and(|client| !client.is_logged_on())
        });
        desk.next_order();
    }
    let mut venue = Venue::start(&store, &config, &[], 0);
    desk.go_to(venue.fix());
    desk.turns_until("no logon", |desk| desk.client.as_ref().is_some_and(Initiator::is_logged_on));
    desk.reconcile();
    agree(&venue, &keys[0], &desk);
    eprintln!("{points} kills, {} orders, {unknown} without a report", desk.sent);
    assert!(desk.sent > 100 && unknown > 0);
    drop(venue);
    drop(fs::remove_dir_all(&store));
}

/// Each order that was taken is open at the venue, once, and no other is.
fn agree(venue: &Venue, key: &Key, desk: &Desk) {
    let name =
        |order: &serde_json::Value| order["clientOrderId"].as_str().expect("a name").to_owned();
    until_open(venue, key, |orders| {
        let mut open: Vec<String> = orders.iter().map(name).collect();
        open.sort();
        open.iter().eq(desk.book.taken.keys())
    });
}

/// `tiercel fix-client`, and the lines that it prints.
struct Typed {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Typed {
    fn start(address: &str, password: &str, more: &[&str]) -> Self {
        let mut child = tiercel()
            .args(["fix-client", address, "--sender", "DESK", "--username", "key-1"])
            .args(more)
            .env("TIERCEL_FIX_PASSWORD", password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        let input = child.stdin.take();
        Self { child, input, lines }
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("its input"), "{line}").expect("it reads");
    }

    /// The next line with those parts; others are passed over.
    #[track_caller]
    fn until(&self, parts: &[&str]) -> String {
        let mut passed = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let Ok(line) = line else { panic!("no {parts:?}: {passed:?}") };
            if parts.iter().all(|part| line.contains(part)) {
                return line;
            }
            passed.push(line);
        }
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_session_is_typed_by_hand() {
    let (store, config, keys) = market("venue-fix-client", FIX);
    let mut venue = Venue::start(&store, &config, &[], 0);
    let address = venue.fix().to_string();
    let numbers = config.with_extension("session");
    drop(fs::remove_file(&numbers));
    let kept = ["--store", numbers.to_str().expect("UTF-8")];
    let mut typed = Typed::start(&address, &keys[0].secret, &kept);
    typed.until(&["# logged on"]);
    typed.type_in("35=D|11=a|55=BTCUSDT|54=1|60=now|38=1|40=2|44=59000|59=1");
    typed.until(&["> 35=D|11=a|"]);
    typed.until(&["< 35=8|", "|11=a|", "|150=0|", "|39=0|"]);
    typed.type_in("what is this");
    typed.until(&["# ", "is no TAG=VALUE"]);
    typed.type_in("/drop");
    typed.until(&["# logged out"]);
    typed.until(&["# logged on"]);
    typed.type_in("35=F|41=a|11=b|55=BTCUSDT|54=1|60=now|38=1");
    typed.until(&["|150=4|", "|11=b|", "|41=a|"]);
    typed.type_in("/logout");
    typed.until(&["# logged out"]);
    assert!(typed.child.wait().expect("it ends").success());
    // Its numbers go on.
    let mut typed = Typed::start(&address, &keys[0].secret, &kept);
    typed.until(&["# logged on"]);
    typed.type_in("35=H|11=a|55=BTCUSDT|54=1");
    typed.until(&["|150=I|"]);
    // The end of its input is a goodbye.
    typed.input = None;
    typed.until(&["# logged out"]);
    assert!(typed.child.wait().expect("it ends").success());
    drop(venue);
    drop(fs::remove_dir_all(&store));
}

/// The files of a certificate for `localhost`: itself, and its key.
pub(crate) fn certificate(config: &Path) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().expect("random numbers");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let files = (config.with_extension("pem"), config.with_extension("key"));
    fs::write(&files.0, certificate.pem()).expect("a place");
    fs::write(&files.1, key.serialize_pem()).expect("a place");
    fs::set_permissions(&files.1, PermissionsExt::from_mode(0o600)).expect("it is ours");
    files
}

#[test]
fn a_session_is_typed_over_tls() {
    let (store, config, keys) = market("venue-fix-tls", FIX);
    let (certificate, key) = certificate(&config);
    let text = fs::read_to_string(&config).expect("it was written");
    let (certificate, key) = (argument(&certificate), argument(&key));
    let tls = format!("[tls]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"\n");
    fs::write(&config, text + &tls).expect("a place");
    let mut venue = Venue::start(&store, &config, &[], 0);
    let address = venue.fix().to_string();
    let secure = ["--tls-ca", certificate, "--tls-name", "localhost"];
    let mut typed = Typed::start(&address, &keys[0].secret, &secure);
    typed.until(&["# logged on"]);
    typed.type_in("35=D|11=a|55=BTCUSDT|54=1|60=now|38=1|40=2|44=59000|59=1");
    typed.until(&["< 35=8|", "|11=a|", "|150=0|", "|39=0|"]);
    drop(typed);
    // Its certificate is not for an address.
    let typed = Typed::start(&address, &keys[0].secret, &secure[..2]);
    typed.until(&["# disconnected: ", "not valid for name"]);
    drop(typed);
    drop(venue);
    drop(fs::remove_dir_all(&store));
}
