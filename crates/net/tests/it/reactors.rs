//! What every reactor does: messages whole and in order, however they are cut; bounds that hold;
//! ends that are told.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tiercel_net::{
    Busy, CloseReason, ConnectionId, Handler, Limits, Polling, Reactor, Tuning, Uring,
};

const PATIENCE: Duration = Duration::from_secs(20);
const SIZE: usize = 64;

/// Sends back messages of 64 bytes, and none but whole ones.
#[derive(Default)]
struct Echo {
    connected: Vec<ConnectionId>,
    messages: HashMap<ConnectionId, u64>,
    closed: Vec<(ConnectionId, CloseReason)>,
    refuses: bool,
    takes_nothing: bool,
}

impl Handler for Echo {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr) -> bool {
        assert!(peer.ip().is_loopback());
        self.connected.push(id);
        !self.refuses
    }

    fn received(&mut self, id: ConnectionId, bytes: &[u8], output: &mut Vec<u8>) -> usize {
        if self.takes_nothing {
            return 0;
        }
        let whole = bytes.len() / SIZE * SIZE;
        output.extend_from_slice(&bytes[..whole]);
        *self.messages.entry(id).or_default() += (whole / SIZE) as u64;
        whole
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        self.closed.push((id, reason.clone()));
    }
}

fn turn(reactor: &mut impl Reactor, echo: &mut Echo) {
    reactor.poll(echo).unwrap();
    reactor.flush(echo);
}

/// Turns until `is_done`.
fn turns(reactor: &mut impl Reactor, echo: &mut Echo, mut is_done: impl FnMut(&Echo) -> bool) {
    let begin = Instant::now();
    while !is_done(echo) {
        turn(reactor, echo);
        assert!(begin.elapsed() < PATIENCE, "nothing comes");
        std::thread::yield_now();
    }
}

/// A reactor that listens, and where.
type Make<R> = fn(Limits) -> (R, SocketAddr);

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn busy(limits: Limits) -> (Busy, SocketAddr) {
    let (listener, address) = listener();
    (Busy::new(Some(listener), Tuning::default(), limits).unwrap(), address)
}

fn uring(limits: Limits) -> (Uring, SocketAddr) {
    let (listener, address) = listener();
    let reactor = Uring::new(Some(listener), Tuning::default(), limits, Polling::Own);
    (reactor.unwrap(), address)
}

fn kernel_polled(limits: Limits) -> (Uring, SocketAddr) {
    let (listener, address) = listener();
    let polling = Polling::Kernel { idle_ms: 10 };
    (Uring::new(Some(listener), Tuning::default(), limits, polling).unwrap(), address)
}

fn client(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn messages_come_back_whole_however_they_are_cut<R: Reactor>(make: Make<R>) {
    // One connection is read directly; nine are asked for.
    for connections in [1, 9] {
        let (mut reactor, address) = make(Limits::default());
        let mut echo = Echo::default();
        let clients = (0..connections).map(|number: u8| {
            std::thread::spawn(move || {
                let mut stream = client(address);
                let sent: Vec<u8> = (0..500 * SIZE).map(|at| (at % 251) as u8 ^ number).collect();
                let mut back = vec![0; sent.len()];
                let (mut from, mut step, mut got) = (0, 1, 0);
                while from < sent.len() {
                    let to = (from + step).min(sent.len());
                    stream.write_all(&sent[from..to]).unwrap();
                    let whole = to / SIZE * SIZE;
                    stream.read_exact(&mut back[got..whole]).unwrap();
                    (from, step, got) = (to, step * 7 % 1_009, whole);
                }
                assert!(sent == back, "client {number}");
            })
        });
        let clients: Vec<_> = clients.collect();
        let all = usize::from(connections);
        turns(&mut reactor, &mut echo, |echo| echo.closed.len() == all);
        for client in clients {
            client.join().unwrap();
        }
        assert_eq!(reactor.connections(), 0);
        assert!(echo.closed.iter().all(|(_, reason)| *reason == CloseReason::Peer));
        assert!(echo.messages.len() == all && echo.messages.values().all(|count| *count == 500));
    }
}

fn a_place_is_used_again_and_its_old_number_means_nobody<R: Reactor>(make: Make<R>) {
    let (mut reactor, address) = make(Limits { connections: 1, ..Limits::default() });
    let mut echo = Echo::default();
    let first = client(address);
    turns(&mut reactor, &mut echo, |echo| echo.connected.len() == 1);
    let mut beyond = client(address);
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(50) {
        turn(&mut reactor, &mut echo);
    }
    assert_eq!(beyond.read(&mut [0]).unwrap(), 0, "there is no place for it");
    assert_eq!(echo.connected.len(), 1);
    drop(first);
    turns(&mut reactor, &mut echo, |echo| echo.closed.len() == 1);

    let mut second = client(address);
    turns(&mut reactor, &mut echo, |echo| echo.connected.len() == 2);
    let [old, new] = echo.connected[..] else { panic!("two connections") };
    assert!(old != new && old.index() == new.index());
    assert!(reactor.output(old).is_none());
    reactor.close(old, &mut echo);
    reactor.output(new).unwrap().extend_from_slice(b"for you");
    reactor.close(new, &mut echo);
    let mut text = String::new();
    second.read_to_string(&mut text).unwrap();
    assert_eq!(text, "for you", "what was written leaves before the end");
    assert_eq!(echo.closed[1..], [(new, CloseReason::Ours)]);
}

fn a_peer_that_does_not_read_is_cut_off_and_others_go_on<R: Reactor>(make: Make<R>) {
    let limits = Limits { output_bytes: 256 << 10, ..Limits::default() };
    let (mut reactor, address) = make(limits);
    let mut echo = Echo::default();
    let slow = client(address);
    turns(&mut reactor, &mut echo, |echo| echo.connected.len() == 1);
    let id = echo.connected[0];
    let mut other = client(address);
    other.write_all(&[7; SIZE]).unwrap();
    let mut written = 0;
    while echo.closed.is_empty() {
        if let Some(output) = reactor.output(id) {
            output.extend_from_slice(&[1; 16 << 10]);
            written += 16 << 10;
        }
        turn(&mut reactor, &mut echo);
        assert!(written < 64 << 20, "it is never cut off");
    }
    assert_eq!(echo.closed, [(id, CloseReason::SlowReader)]);
    turns(&mut reactor, &mut echo, |echo| echo.messages.len() == 1);
    let mut back = [0; SIZE];
    other.read_exact(&mut back).unwrap();
    assert_eq!(back, [7; SIZE]);
    drop(slow);
}

fn a_message_without_end_ends_its_connection<R: Reactor>(make: Make<R>) {
    let (mut reactor, address) = make(Limits { input_bytes: 256, ..Limits::default() });
    let mut echo = Echo { takes_nothing: true, ..Echo::default() };
    let mut stream = client(address);
    stream.write_all(&[0; 300]).unwrap();
    turns(&mut reactor, &mut echo, |echo| !echo.closed.is_empty());
    assert_eq!(echo.closed[0].1, CloseReason::TooLong);
}

fn who_is_not_wanted_is_not_kept<R: Reactor>(make: Make<R>) {
    let (mut reactor, address) = make(Limits::default());
    let mut echo = Echo { refuses: true, ..Echo::default() };
    let mut stream = client(address);
    turns(&mut reactor, &mut echo, |echo| echo.connected.len() == 1);
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(reactor.connections() == 0 && echo.closed.is_empty());
}

fn waiting_ends_when_something_comes<R: Reactor>(make: Make<R>) {
    let (mut reactor, address) = make(Limits::default());
    let mut echo = Echo::default();
    let begin = Instant::now();
    reactor.wait(Duration::from_millis(5)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(4), "nothing came");
    let writer = std::thread::spawn(move || {
        let mut stream = client(address);
        stream.write_all(&[3; SIZE]).unwrap();
        let mut back = [0; SIZE];
        stream.read_exact(&mut back).unwrap();
        back
    });
    while echo.messages.is_empty() {
        let begin = Instant::now();
        reactor.wait(PATIENCE).unwrap();
        assert!(begin.elapsed() < PATIENCE, "it slept through it");
        turn(&mut reactor, &mut echo);
    }
    assert_eq!(writer.join().unwrap(), [3; SIZE]);
}

fn a_waker_ends_the_wait_that_there_is_or_the_next<R: Reactor>(make: Make<R>) {
    let (mut reactor, _) = make(Limits::default());
    let mut echo = Echo::default();
    let waker = reactor.waker();
    // What is new to the reactor itself must not look like the waker.
    turn(&mut reactor, &mut echo);
    for round in 0..100 {
        let begin = Instant::now();
        let other = waker.clone();
        let wakes = (round % 2 == 1).then(|| std::thread::spawn(move || other.wake()));
        if wakes.is_none() {
            waker.wake_by_ref();
        }
        reactor.wait(PATIENCE).unwrap();
        assert!(begin.elapsed() < PATIENCE, "it slept through it in round {round}");
        if let Some(wakes) = wakes {
            wakes.join().unwrap();
        }
        turn(&mut reactor, &mut echo);
    }
    let begin = Instant::now();
    reactor.wait(Duration::from_millis(5)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(4), "nobody woke it");
}

/// Each of them with each reactor.
macro_rules! with_each_reactor {
    ($($test:ident)+) => {
        mod each {
            $(mod $test {
                #[test]
                fn busy() {
                    super::super::$test(super::super::busy);
                }

                #[test]
                fn uring() {
                    super::super::$test(super::super::uring);
                }

                #[test]
                fn kernel_polled() {
                    super::super::$test(super::super::kernel_polled);
                }
            })+
        }
    };
}

with_each_reactor! {
    messages_come_back_whole_however_they_are_cut
    a_place_is_used_again_and_its_old_number_means_nobody
    a_peer_that_does_not_read_is_cut_off_and_others_go_on
    a_message_without_end_ends_its_connection
    who_is_not_wanted_is_not_kept
    waiting_ends_when_something_comes
    a_waker_ends_the_wait_that_there_is_or_the_next
}

/// Wants each message to be followed by a turn's end.
#[derive(Default)]
struct Urgent {
    connected: usize,
    heard: Vec<usize>,
    ends_turn: bool,
}

impl Handler for Urgent {
    fn connected(&mut self, _: ConnectionId, _: SocketAddr) -> bool {
        self.connected += 1;
        true
    }

    fn received(&mut self, id: ConnectionId, bytes: &[u8], _: &mut Vec<u8>) -> usize {
        self.heard.push(id.index());
        self.ends_turn = true;
        bytes.len()
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason) {
        panic!("{id:?} ended: {reason}");
    }

    fn is_urgent(&self) -> bool {
        self.ends_turn
    }
}

#[test]
fn what_is_urgent_ends_a_turn_and_the_next_begins_with_the_next_connection() {
    // Two are read directly; three are asked for.
    for connections in [2, 3] {
        let (mut reactor, address) = busy(Limits::default());
        let mut urgent = Urgent::default();
        let mut clients: Vec<TcpStream> = (0..connections).map(|_| client(address)).collect();
        let begin = Instant::now();
        while urgent.connected < connections {
            reactor.poll(&mut urgent).unwrap();
            assert!(begin.elapsed() < PATIENCE, "nobody is taken in");
        }
        for round in 1..=10 {
            for client in &mut clients {
                client.write_all(&[7; SIZE]).unwrap();
            }
            while urgent.heard.len() < round * connections {
                let before = urgent.heard.len();
                reactor.poll(&mut urgent).unwrap();
                assert!(urgent.heard.len() - before <= 1, "a turn went on");
                urgent.ends_turn = false;
                assert!(begin.elapsed() < PATIENCE, "nothing comes");
            }
            let mut heard = urgent.heard[(round - 1) * connections..].to_vec();
            heard.sort_unstable();
            assert_eq!(heard, (0..connections).collect::<Vec<_>>(), "round {round}");
        }
    }
}

/// Bytes that were sent from a local port and are not acknowledged.
fn unacknowledged(port: u16) -> u32 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let local = format!("0100007F:{port:04X}");
    let row = rows.find(|row| row[1] == local).expect("a connection of that port");
    u32::from_str_radix(row[4].split(':').next().unwrap(), 16).unwrap()
}

#[test]
fn what_came_is_acknowledged_once_there_is_nothing_else_to_do() {
    let (listener, address) = listener();
    let tuning = Tuning { quick_ack: false, ..Tuning::default() };
    let mut reactor = Busy::new(Some(listener), tuning, Limits::default()).unwrap();
    let mut urgent = Urgent::default();
    let mut client = client(address);
    let port = client.local_addr().unwrap().port();
    let begin = Instant::now();
    let mut later = 0;
    for round in 1..=20 {
        client.write_all(&[7; SIZE]).unwrap();
        while urgent.heard.len() < round {
            reactor.poll(&mut urgent).unwrap();
            assert!(begin.elapsed() < PATIENCE, "nothing comes");
        }
        later += usize::from(unacknowledged(port) > 0);
        while reactor.poll(&mut urgent).unwrap() > 0 {}
        // A connection that is only heard; before it may be one that is answered.
        assert!(round < 4 || unacknowledged(port) == 0, "round {round}");
    }
    // The system does it by itself after 40 ms, and now and then.
    assert!(later > 0, "a receive has acknowledged what it found, each time");
}
