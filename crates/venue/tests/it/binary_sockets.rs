//! The binary protocol over sockets: on the core's thread and on its own, by each reactor; strangers,
//! floods, clients that do not read; and a venue that is killed.

use std::env;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tiercel_journal::{FileStorage, IoOptions};
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::Registry;
use tiercel_testkit::random::Random;
use tiercel_types::{AccountId, Side, Timestamp};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::binary::{BinaryOptions, Lines, ReactorKind, recovery};
use tiercel_venue::pipeline::Submission;
use tiercel_venue::run::{RunOptions, Running, start_with};
use tiercel_venue::serve::Binary;
use tiercel_venue::stage::StageThread;
use tiercel_venue::store;
use tiercel_wire::binary::{Body, Group, LoginRefusal, MAKER, RECORD_SIZE};

use crate::it::binary_desk::{amend, cancel, keys, secret};
use crate::it::binary_killed::{check_answers, check_log, random_request};
use crate::it::binary_peer::{Peer, Secret};
use crate::it::binary_speech::{Line, Speech};
use crate::it::http::now_ms;
use crate::it::place::{
    MARKET, Place, SMALL_PIPELINE, limit, no_shares, replay, setup, store_options,
};
use crate::it::shifted::Shift;
use crate::it::slow::narrow;

pub(crate) const OWN: StageThread = StageThread::Own { cpu: None, wait: WaitKind::SpinPark };
/// How long anything may take on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Timestamp {
    Timestamp(now_ms() * 1_000_000)
}

/// A venue on the files of a folder, which speaks the binary protocol.
pub(crate) struct Venue {
    running: Option<Running<FileStorage>>,
    pub(crate) address: SocketAddr,
    keys: Keys,
    registry: Registry,
    shift: Shift,
    /// Reads on, so that the core never waits for it.
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Venue {
    pub(crate) fn start(
        path: &Path,
        thread: StageThread,
        change: impl FnOnce(&mut BinaryOptions),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let options = store_options(Some(300));
        let opened = store::open(path, IoOptions::default(), &options).unwrap();
        let is_new = opened.engine.sequence() == 0;
        let mut binary = BinaryOptions::new(path.join("binary"));
        change(&mut binary);
        let lines = Lines::open(binary, now()).unwrap();
        let lines = recovery::recover(lines, &opened, &options, now()).unwrap();
        let keys = keys();
        let shares = no_shares(&keys);
        let registry = shares.registry.clone();
        let gateway = Binary { listener, lines, shares };
        let shift = Shift::default();
        let stages = vec![shift.of(gateway.plan(thread))];
        let run = RunOptions::default();
        let (running, _, mut handles) =
            start_with(opened, &SMALL_PIPELINE, run, 1, stages).unwrap();
        let mut handle = handles.remove(0);
        for command in setup().into_iter().filter(|_| is_new) {
            handle.submit(Submission { token: 0, commands: &[command] }).unwrap();
        }
        let reader = std::thread::spawn(move || {
            while handle.poll(usize::MAX, |_| ()).is_ok() {
                handle.deliveries.wait(Duration::from_secs(1));
            }
        });
        Self { running: Some(running), address, keys, registry, shift, reader: Some(reader) }
    }

    /// Stops while its clients are there to say goodbye.
    fn part(&mut self, clients: [&mut Dial; 2]) {
        std::thread::scope(|scope| {
            let stopping = scope.spawn(|| self.stop());
            for client in clients {
                client.until(|peer| !peer.session.is_connected());
            }
            stopping.join().unwrap();
        });
    }

    /// Waits until the metrics have this line.
    #[track_caller]
    fn until_metric(&self, line: &str) {
        let begin = Instant::now();
        while !self.registry.text().lines().any(|known| known == line) {
            assert!(begin.elapsed() < PATIENCE, "no {line} in {}", self.registry.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().unwrap();
            self.reader.take().unwrap().join().unwrap();
        }
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// A client and its socket.
pub(crate) struct Dial {
    pub(crate) peer: Peer,
    speech: Speech,
    line: Option<Line>,
    chunk: Vec<u8>,
    records: Vec<u8>,
}

impl Dial {
    pub(crate) fn new(at: usize, cancel_on_disconnect: bool) -> Self {
        let peer = Peer::new(&format!("key-{at}"), secret(at), cancel_on_disconnect);
        Self::of(peer)
    }

    pub(crate) fn of(peer: Peer) -> Self {
        let chunk = vec![0; 64 << 10];
        Self { peer, speech: Speech::Records, line: None, chunk, records: Vec::new() }
    }

    /// The same in other words.
    pub(crate) fn speaking(mut self, speech: Speech) -> Self {
        self.speech = speech;
        self
    }

    pub(crate) fn connect(&mut self, address: SocketAddr) {
        self.line = Some(Line::new(self.speech, address));
        self.records.clear();
        self.peer.connected(now());
    }

    /// The same, by a connection that was made elsewhere.
    fn connect_by(&mut self, stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        self.line = Some(Line::Records(stream));
        self.records.clear();
        self.peer.connected(now());
    }

    fn hang_up(&mut self) {
        self.line = None;
        self.peer.closed();
    }

    /// Sends what there is and reads once; false when the connection has ended.
    fn turn(&mut self) -> bool {
        let Some(line) = &mut self.line else { return false };
        let sent = line.send(self.peer.take(), usize::MAX);
        let count = match line.receive(&mut self.chunk, &mut self.records) {
            Ok(count) => count,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                self.peer.session.tick(now(), &mut self.peer.store);
                return sent.is_ok();
            }
            Err(_) => 0,
        };
        self.peer.hear(now(), &self.records);
        self.records.clear();
        if count == 0 {
            self.hang_up();
        }
        count > 0
    }

    #[track_caller]
    pub(crate) fn until(&mut self, what: impl Fn(&Peer) -> bool) {
        let begin = Instant::now();
        while !what(&self.peer) {
            self.turn();
            let Peer { session, ear, .. } = &self.peer;
            let state = (self.line.is_some(), session.is_logged_on(), ear.refused);
            assert!(begin.elapsed() < PATIENCE, "{state:?} {:?}", ear.heard);
        }
    }

    /// On a connection of its own.
    #[track_caller]
    pub(crate) fn logged_on(mut self, address: SocketAddr) -> Self {
        self.connect(address);
        self.until(|peer| peer.session.is_logged_on());
        self
    }

    /// Why it is refused.
    #[track_caller]
    fn refused(mut self, address: SocketAddr) -> LoginRefusal {
        self.connect(address);
        self.until(|peer| peer.ear.refused.is_some());
        while self.turn() {}
        self.peer.ear.refused.unwrap()
    }

    /// Why it is refused; `None`: its connection is closed as it comes.
    #[track_caller]
    fn turned_away(mut self, address: SocketAddr) -> Option<LoginRefusal> {
        self.connect(address);
        self.until(|peer| !peer.session.is_connected());
        self.peer.ear.refused
    }

    /// Asks, and waits for so many answers.
    #[track_caller]
    pub(crate) fn ask(
        &mut self,
        command: impl Into<tiercel_types::Command>,
        answers: usize,
        fields: &[&str],
    ) -> Vec<String> {
        self.peer.ask(now(), &command.into());
        self.hear(answers, fields)
    }

    #[track_caller]
    fn hear(&mut self, answers: usize, fields: &[&str]) -> Vec<String> {
        self.until(|peer| peer.ear.heard.len() >= answers);
        self.peer.news().iter().map(|heard| heard.say(fields)).collect()
    }
}

#[test]
fn orders_trade_on_each_thread_by_each_reactor_and_answers_survive_a_restart() {
    for (thread, reactor, speech) in [
        (OWN, ReactorKind::Busy, Speech::Records),
        (OWN, ReactorKind::IoUring, Speech::FlatBuffers),
        (OWN, ReactorKind::Busy, Speech::WebSocket),
        (StageThread::Fused, ReactorKind::Busy, Speech::FlatBuffers),
        (StageThread::Fused, ReactorKind::IoUring, Speech::Records),
        (StageThread::Fused, ReactorKind::IoUring, Speech::WebSocket),
    ] {
        // Shown if it fails.
        println!("{thread:?} {reactor:?} {speech:?}");
        let place = Place::new("binary-sockets");
        let start = || Venue::start(place.path(), thread, |options| options.reactor = reactor);
        let mut venue = start();
        let mut one = Dial::new(0, false).speaking(speech).logged_on(venue.address);
        let mut two = Dial::new(1, true).speaking(speech).logged_on(venue.address);
        let fields = ["client_id", "request", "open_qty", "reason"];
        let bid = one.ask(limit(1, Side::Buy, 1_000, 5, "bid"), 1, &fields);
        assert_eq!(bid, ["accepted bid 1"], "{thread:?} {reactor:?} {speech:?}");
        let ask = two.ask(limit(2, Side::Sell, 1_000, 2, "ask"), 2, &fields);
        assert_eq!(ask, ["accepted ask 1", "executed 0"]);
        one.until(|peer| !peer.ear.heard.is_empty());
        let made = one.peer.news();
        assert_eq!((made[0].say(&fields), made[0].flags), ("executed 0.00003".to_owned(), MAKER));
        assert_eq!(two.ask(limit(2, Side::Sell, 1_100, 2, "rest"), 1, &[]), ["accepted"]);
        // Half a message at a time.
        one.peer.ask(now(), &cancel(0, "bid"));
        let bytes = one.peer.take();
        one.line.as_mut().unwrap().send(bytes, 1).unwrap();
        assert_eq!(one.hear(1, &fields), ["cancelled 2 cancelled"]);
        one.ask(limit(1, Side::Buy, 900, 5, "left"), 1, &[]);
        venue.part([&mut one, &mut two]);
        // What is asked of nobody is asked when the venue is back.
        one.peer.ask(now(), &cancel(0, "left"));
        let venue = start();
        one.connect(venue.address);
        assert_eq!(one.hear(1, &fields), ["cancelled 4 cancelled"]);
        two.connect(venue.address);
        assert_eq!(two.hear(1, &fields), ["cancelled 0 disconnected"], "{thread:?} {reactor:?}");
        assert!(one.peer.ear.gaps.is_empty() && two.peer.ear.gaps.is_empty());
        let begin = Instant::now();
        while !venue.registry.text().contains("binary_sessions 2") {
            assert!(begin.elapsed() < PATIENCE, "{}", venue.registry.text());
            // Who says nothing for long counts as gone.
            assert!(one.turn() && two.turn());
        }
        // Gone before the venue stops, which waits a while for goodbyes.
        drop((one, two));
    }
}

#[test]
fn who_may_not_log_on_is_refused_and_who_may_no_longer_is_logged_out() {
    let place = Place::new("binary-strangers");
    let venue = Venue::start(place.path(), OWN, |_| {});
    let refused =
        |key: &str, secret: Secret| Dial::of(Peer::new(key, secret, false)).refused(venue.address);
    let credentials = LoginRefusal::Credentials;
    assert_eq!(refused("nobody", secret(0)), credentials);
    assert_eq!(refused("key-0", Secret::Hmac(b"another secret".to_vec())), credentials);
    assert_eq!(refused("key-0", secret(1)), credentials, "the other scheme");
    assert_eq!(refused("key-1", secret(0)), credentials);
    let mut one = Dial::new(0, false).logged_on(venue.address);
    assert_eq!(Dial::new(0, false).refused(venue.address), LoginRefusal::LoggedOn);
    // Noise, and what belongs elsewhere.
    for noise in [vec![0; RECORD_SIZE], vec![0xff; 3 * RECORD_SIZE], {
        let mut request = vec![0; RECORD_SIZE];
        request[0] = 0x10;
        request
    }] {
        let mut stream = TcpStream::connect(venue.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&noise).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!((answer.len(), answer[0]), (RECORD_SIZE, 5), "login_refused");
    }
    // A session that breaks the protocol hears why, and only its connection ends.
    one.line.as_mut().unwrap().stream().write_all(&[0xee; RECORD_SIZE]).unwrap();
    one.until(|peer| !peer.session.is_connected());
    let mut one = one.logged_on(venue.address);
    assert_eq!(one.ask(limit(1, Side::Buy, 900, 1, "a"), 1, &["request"]), ["accepted 1"]);
    venue.keys.revoke("key-0").unwrap();
    one.until(|peer| !peer.session.is_connected());
    one.connect(venue.address);
    one.until(|peer| peer.ear.refused == Some(credentials));
}

#[test]
fn a_silent_connection_gives_its_session_to_the_next_once_it_counts_as_gone() {
    let place = Place::new("binary-half-open");
    let venue = Venue::start(place.path(), OWN, |_| {});
    let mut first = Dial::new(0, true).logged_on(venue.address);
    assert_eq!(first.ask(limit(1, Side::Buy, 900, 1, "a"), 1, &[]), ["accepted"]);
    // Its machine is gone without a word: nothing comes, and no end either.
    assert_eq!(Dial::new(0, true).refused(venue.address), LoginRefusal::LoggedOn);
    // Three intervals of silence.
    venue.shift.let_pass(4);
    let begin = Instant::now();
    let mut second = loop {
        let mut second = Dial::new(0, true);
        second.connect(venue.address);
        second.until(|peer| peer.session.is_logged_on() || peer.ear.refused.is_some());
        if second.peer.session.is_logged_on() {
            break second;
        }
        assert!(begin.elapsed() < PATIENCE);
    };
    let fields = ["client_id", "reason"];
    assert_eq!(second.hear(2, &fields), ["accepted a", "cancelled disconnected"]);
    first.until(|peer| !peer.session.is_connected());
}

#[test]
fn a_flood_of_logins_hurts_only_itself() {
    let place = Place::new("binary-flood");
    let venue = Venue::start(place.path(), OWN, |options| options.logins_per_address = 4);
    let mut one = Dial::new(0, false).logged_on(venue.address);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // From the same address: connections that say nothing, and logins that are wrong.
        scope.spawn(|| {
            let mut silent = Vec::new();
            while !over.load(Ordering::Relaxed) {
                silent.extend(TcpStream::connect(venue.address));
                let mut wrong = Dial::of(Peer::new("nobody", secret(0), false));
                wrong.connect(venue.address);
                for _ in 0..3 {
                    wrong.turn();
                }
                silent.truncate(64);
            }
        });
        for at in 0..300 {
            let name = format!("o-{at}");
            let told = one.ask(limit(1, Side::Buy, 900, 1, &name), 1, &["client_id"]);
            assert_eq!(told, [format!("accepted {name}")]);
            one.ask(cancel(0, &name), 1, &[]);
        }
        over.store(true, Ordering::Relaxed);
    });
    // What is wrong is forgotten in a second.
    let begin = Instant::now();
    loop {
        let mut two = Dial::new(1, false);
        two.connect(venue.address);
        while two.peer.session.is_connected() && !two.peer.session.is_logged_on() {
            two.turn();
        }
        if two.peer.session.is_logged_on() {
            break;
        }
        assert!(begin.elapsed() < PATIENCE);
    }
}

/// A connection that says nothing.
fn silent(venue: &Venue) -> TcpStream {
    let stream = TcpStream::connect(venue.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn an_address_has_no_more_connections_that_are_not_logged_on_than_it_may() {
    let place = Place::new("binary-gates");
    let venue = Venue::start(place.path(), OWN, |options| options.logins_per_address = 2);
    // None of them is too late.
    venue.shift.stand_still();
    let mut one = Dial::new(0, false).logged_on(venue.address);
    let waiting = [silent(&venue), silent(&venue)];
    venue.until_metric("connections{door=\"binary\"} 3");
    let mut answer = Vec::new();
    let ended = silent(&venue).read_to_end(&mut answer);
    let is_ended = ended.is_ok_and(|count| count == 0);
    assert!(is_ended, "the third is closed as it comes, without an answer: {answer:?}");
    venue.until_metric("connections_refused_total{door=\"binary\"} 1");
    // Who is logged on does not count, and has no part in it.
    assert_eq!(one.ask(limit(1, Side::Buy, 900, 1, "a"), 1, &["request"]), ["accepted 1"]);
    drop(waiting);
    venue.until_metric("connections{door=\"binary\"} 1");
    let _two = Dial::new(1, false).logged_on(venue.address);
}

#[test]
fn an_address_whose_logins_are_refused_too_often_is_turned_away_until_the_next_second() {
    let place = Place::new("binary-refusals");
    let venue = Venue::start(place.path(), OWN, |_| {});
    venue.shift.stand_still();
    let wrong = || Dial::of(Peer::new("nobody", secret(0), false)).turned_away(venue.address);
    let refused = (0..40).take_while(|_| wrong() == Some(LoginRefusal::Credentials)).count();
    // The first of them may be of the second before.
    assert!((20..=21).contains(&refused), "{refused} were refused");
    assert_eq!(Dial::new(0, false).turned_away(venue.address), None, "whoever it is");
    venue.shift.let_pass(2);
    let begin = Instant::now();
    loop {
        let mut one = Dial::new(0, false);
        one.connect(venue.address);
        one.until(|peer| peer.session.is_logged_on() || !peer.session.is_connected());
        if one.peer.session.is_logged_on() {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "it is never forgotten");
    }
}

#[test]
fn a_login_that_never_comes_is_refused() {
    let place = Place::new("binary-late");
    let venue = Venue::start(place.path(), OWN, |_| {});
    let mut one = silent(&venue);
    venue.until_metric("connections{door=\"binary\"} 1");
    venue.shift.let_pass(6);
    let mut answer = Vec::new();
    one.read_to_end(&mut answer).unwrap();
    let Ok((_, Body::LoginRefused(refused))) = Group::front(&answer).unwrap().unwrap().decode()
    else {
        panic!("{answer:?}")
    };
    assert_eq!((answer.len(), refused.reason), (RECORD_SIZE, LoginRefusal::Timeout));
    venue.until_metric("connections{door=\"binary\"} 0");
}

#[test]
fn what_another_session_of_the_account_takes_off_is_told_to_both() {
    let place = Place::new("binary-two-sessions");
    let venue = Venue::start(place.path(), OWN, |_| {});
    let Secret::Hmac(known) = secret(0) else { panic!() };
    let key = Key::new(AccountId(1), Verifier::Hmac(known), true, true);
    venue.keys.add("other-key-of-0", key).unwrap();
    let mut one = Dial::new(0, false).logged_on(venue.address);
    let mut other =
        Dial::of(Peer::new("other-key-of-0", secret(0), false)).logged_on(venue.address);
    let fields = ["client_id", "request", "open_qty", "reason"];
    let bid = one.ask(limit(1, Side::Buy, 900, 5, "bid"), 1, &fields);
    assert_eq!(bid, ["accepted bid 1"]);
    // Who asked knows it by its request; whose order it is asked for nothing.
    let amended = other.ask(amend(0, "bid", 900, 3), 1, &fields);
    assert_eq!(amended, ["amended 0.00003 1"]);
    assert_eq!(one.hear(1, &fields), ["amended 0.00003 0"]);
    assert_eq!(other.ask(cancel(0, "bid"), 1, &fields), ["cancelled 2 cancelled"]);
    assert_eq!(one.hear(1, &fields), ["cancelled 0 cancelled"]);
}

/// Questions of one who does not read: their answers are more than sockets hold.
const ASKED: usize = 60_000;

#[test]
fn a_client_that_does_not_read_gets_everything_when_it_does_and_holds_up_nobody() {
    let place = Place::new("binary-slow");
    let venue = Venue::start(place.path(), OWN, |options| options.answers_kept = 1 << 18);
    let mut slow = Dial::new(0, false).logged_on(venue.address);
    let mut other = Dial::new(1, false).logged_on(venue.address);
    slow.ask(limit(1, Side::Buy, 900, 1, "asked-for"), 1, &[]);
    let query = tiercel_types::command::QueryOrder {
        order_id: tiercel_types::OrderId(1),
        account: tiercel_types::AccountId(1),
        client_order_id: tiercel_types::ClientOrderId::EMPTY,
    };
    let mut stream = slow.line.as_ref().unwrap().stream().try_clone().unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    for at in 0..ASKED / 100 {
        for _ in 0..100 {
            slow.peer.ask(now(), &query.into());
        }
        stream.write_all(&slow.peer.take()).unwrap();
        if at % 100 == 0 {
            let name = format!("o-{at}");
            // The ring is small, and full of the other's questions now and then.
            while other.ask(limit(2, Side::Buy, 901, 1, &name), 1, &[]) == ["busy"] {}
        }
    }
    slow.until(|peer| peer.ear.heard.len() == ASKED);
    let heard = slow.peer.news();
    assert!(heard.iter().map(|heard| heard.number).eq(2..ASKED as u64 + 2));
    // Busy is an answer too: each request has one.
    let status = heard.iter().filter(|heard| heard.body.kind().as_str() == "order_status").count();
    let busy = heard.iter().filter(|heard| heard.body.kind().as_str() == "busy").count();
    assert_eq!(status + busy, ASKED);
    assert!(slow.peer.ear.gaps.is_empty());
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_and_gets_what_it_missed() {
    let place = Place::new("binary-stuck");
    let venue = Venue::start(place.path(), OWN, |options| {
        options.answers_kept = 1 << 18;
        options.send_timeout = Duration::from_millis(300);
    });
    let mut other = Dial::new(1, false).logged_on(venue.address);
    let mut slow = Dial::new(0, false);
    slow.connect_by(narrow(venue.address));
    slow.until(|peer| peer.session.is_logged_on());
    let mut stream = slow.line.as_ref().unwrap().stream().try_clone().unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let begin = Instant::now();
    loop {
        for _ in 0..100 {
            slow.peer.ask(now(), &cancel(0, "nothing"));
        }
        if stream.write_all(&slow.peer.take()).is_err() {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "it is told on for ever");
        other.turn();
    }
    slow.hang_up();
    venue.until_metric("binary_slow_consumers_cut_off_total 1");
    let mut asked = slow.peer.asked() as usize;
    slow.connect(venue.address);
    slow.until(|peer| peer.ear.heard.len() == asked);
    slow.peer.ask(now(), &cancel(0, "nothing"));
    asked += 1;
    slow.until(|peer| peer.ear.heard.len() == asked);
    assert!(slow.peer.news().iter().map(|heard| heard.number).eq(1..=asked as u64));
    assert!(slow.peer.ear.gaps.is_empty());
    assert!(other.peer.session.is_logged_on());
}

const CHILD: &str = "TIERCEL_BINARY_CHILD";

/// Not a test of its own: the venue that is killed.
#[test]
fn child_binary_venue() {
    let Ok(path) = env::var(CHILD) else { return };
    let venue = Venue::start(Path::new(&path), OWN, |options| options.answers_kept = 1 << 14);
    println!("\nat {}", venue.address);
    std::io::stdout().flush().unwrap();
    // Until it is killed, or whoever wants it is gone.
    let _ended = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

/// Starts the venue in a process of its own; where it is.
fn spawn(path: &Path) -> (Child, SocketAddr) {
    let mut child = std::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", "it::binary_sockets::child_binary_venue", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let at =
        lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("at ")?.to_owned()));
    (child, at.expect("it starts").parse().unwrap())
}

#[test]
fn a_venue_that_is_killed_has_every_request_once() {
    let place = Place::new("binary-killed-process");
    let mut random = Random::new(11);
    let mut dials = [Dial::new(0, false), Dial::new(1, false)];
    let mut count = 0;
    for _ in 0..6 {
        let (mut child, address) = spawn(place.path());
        for dial in &mut dials {
            dial.connect(address);
        }
        let until = Instant::now() + Duration::from_millis(30 + random.below(120));
        while Instant::now() < until {
            for (at, dial) in dials.iter_mut().enumerate() {
                for _ in 0..random.below(8) {
                    count += 1;
                    let bodies = random_request(&mut random, at, count);
                    dial.peer.ask_group(now(), MARKET, &bodies);
                }
                dial.turn();
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for dial in &mut dials {
            dial.hang_up();
        }
    }
    let (mut child, address) = spawn(place.path());
    let mut heard = [Vec::new(), Vec::new()];
    for (dial, heard) in dials.iter_mut().zip(&mut heard) {
        dial.connect(address);
        let asked = dial.peer.asked();
        // A query is the last of all: what is answered to it comes last.
        dial.peer.ask(now(), &cancel(0, "nothing"));
        dial.until(|peer| {
            let is_last = |heard: &crate::it::binary_peer::Heard| {
                heard.body.kind().as_str() == "rejected" && heard.number_of("request") == asked + 1
            };
            peer.ear.heard.iter().rev().take(20).any(is_last)
        });
        *heard = dial.peer.news();
        assert!(dial.peer.ear.gaps.is_empty(), "{:?}", dial.peer.ear.gaps);
        check_answers(0, heard, asked + 1);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut commands = Vec::new();
    replay(place.path(), |_, _, command| commands.push(command));
    check_log(0, &commands, &heard);
    assert!(count > 100, "{count} requests");
}
