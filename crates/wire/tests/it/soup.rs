//! `SoupBinTCP`: packets, logins, and a client and a server on a link that breaks.

use tiercel_testkit::random::Random;
use tiercel_types::Timestamp;
use tiercel_wire::soup::{
    Client, Kind, Listener, Login, LoginReject, Packet, PacketError, Server, SessionId, put,
};
use tiercel_wire::store::{MemoryStore, Store};

use super::link::{Link, break_often};

const SECOND_NS: u64 = 1_000_000_000;
const SESSION: SessionId = *b"     DAY-1";

#[derive(Default)]
struct Log {
    numbers: Vec<u64>,
    messages: Vec<Vec<u8>>,
    first: Option<u64>,
    rejected: Option<u8>,
    ended: bool,
    logouts: u32,
    refuses: bool,
}

impl Listener for Log {
    fn may_log_on(&mut self, login: &Login<'_>) -> Result<(), LoginReject> {
        let is_known = login.user == b"USER" && login.password == b"SECRET";
        if is_known && !self.refuses { Ok(()) } else { Err(LoginReject::NotAuthorized) }
    }

    fn on_logon(&mut self, session: SessionId, next: u64) {
        assert_eq!(session, SESSION);
        self.first = Some(next);
    }

    fn on_rejected(&mut self, reason: u8) {
        self.rejected = Some(reason);
    }

    fn on_message(&mut self, sequence: Option<u64>, message: &[u8]) {
        if let Some(sequence) = sequence {
            assert_eq!(message, text(sequence));
            self.numbers.push(sequence);
        } else {
            self.messages.push(message.to_vec());
        }
    }

    fn on_end_of_session(&mut self) {
        self.ended = true;
    }

    fn on_logout(&mut self) {
        self.logouts += 1;
    }
}

fn text(number: u64) -> Vec<u8> {
    format!("message {number}").into_bytes()
}

/// The packet of a login.
fn login(session: &str, number: u64) -> Vec<u8> {
    format!("\0\x2fL{:6}{:10}{session:>10}{number:>20}", "USER", "SECRET").into_bytes()
}

struct Pair {
    now: Timestamp,
    store: MemoryStore,
    server: Server,
    client: Client,
    of_server: Log,
    of_client: Log,
    /// Bytes on the way: to the server, to the client.
    way: [Vec<u8>; 2],
}

impl Pair {
    fn new(next: u64) -> Self {
        Self {
            now: Timestamp(SECOND_NS),
            store: MemoryStore::new(Timestamp(0)),
            server: Server::new(SESSION),
            client: Client::new(b"USER", b"SECRET", next),
            of_server: Log::default(),
            of_client: Log::default(),
            way: [Vec::new(), Vec::new()],
        }
    }

    fn publish(&mut self, count: u64) {
        for _ in 0..count {
            let number = self.store.next_outgoing();
            self.store.sent(Some(&text(number)));
        }
        self.server.resume(self.now, &mut self.store);
    }

    fn carry(&mut self, most: usize) {
        let Self { now, store, server, client, of_server, of_client, way } = self;
        loop {
            let output = client.output();
            let mut moved = output.len().min(most);
            way[0].extend(output.drain(..moved));
            let taken = server.received(*now, &way[0], store, of_server);
            way[0].drain(..taken);
            let output = server.output();
            let back = output.len().min(most);
            way[1].extend(output.drain(..back));
            moved += back;
            let taken = client.received(*now, &way[1], of_client);
            way[1].drain(..taken);
            if moved == 0 || most < usize::MAX {
                return;
            }
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now.0 += milliseconds * 1_000_000;
        self.server.tick(self.now, &mut self.store);
        self.client.tick(self.now);
    }
}

impl Link for Pair {
    fn connect(&mut self) {
        self.way = [Vec::new(), Vec::new()];
        self.server.connected(self.now);
        self.client.connected(self.now);
    }

    fn disconnect(&mut self) {
        self.server.closed(&mut self.of_server);
        self.client.closed(&mut self.of_client);
    }

    fn wants_close(&self) -> bool {
        self.server.wants_close() || self.client.wants_close()
    }

    fn client_says(&mut self, _: &mut Random) {
        if self.client.is_logged_on() {
            self.client.send(self.now, b"order");
        }
    }

    fn server_says(&mut self, random: &mut Random) {
        self.publish(random.below(5));
    }

    fn wait(&mut self, random: &mut Random) {
        self.pass(random.below(900));
    }

    fn carry_some(&mut self, random: &mut Random) {
        self.carry(1 + random.below(60) as usize);
    }
}

#[test]
fn packets_have_the_layout_of_the_specification() {
    let mut pair = Pair::new(1);
    pair.connect();
    assert_eq!(pair.client.output(), &login("", 1));
    pair.publish(1);
    let bytes = pair.client.output().clone();
    let taken = pair.server.received(pair.now, &bytes, &mut pair.store, &mut pair.of_server);
    assert_eq!(taken, bytes.len());
    let accepted = format!("\0\x1fA     DAY-1{:>20}\0\x0aSmessage 1", 1);
    assert_eq!(pair.server.output(), accepted.as_bytes());
    // A packet that is cut anywhere is waited for.
    let bytes = b"\0\x0aSmessage 1";
    for cut in 0..bytes.len() {
        assert_eq!(Packet::front(&bytes[..cut]), Ok(None), "{cut}");
    }
    assert_eq!(Packet::front(&[0, 0, b'S']), Err(PacketError::Length));
    assert_eq!(Packet::front(&[0, 1, b'?']), Err(PacketError::UnknownKind { kind: b'?' }));
    assert!(!put(&mut Vec::new(), Kind::Unsequenced, &vec![0; 65_535]));
}

#[test]
fn a_client_begins_where_it_wants_to() {
    for (asked, first) in [(1, 1), (4, 4), (0, 6), (99, 6)] {
        let mut pair = Pair::new(asked);
        pair.publish(5);
        pair.connect();
        pair.carry(usize::MAX);
        pair.publish(2);
        pair.carry(usize::MAX);
        assert_eq!(pair.of_client.first, Some(first));
        assert_eq!(pair.of_client.numbers, (first..=7).collect::<Vec<_>>());
    }
}

#[test]
fn logins_are_rejected_with_their_reason() {
    let mut pair = Pair::new(1);
    pair.of_server.refuses = true;
    pair.connect();
    pair.carry(usize::MAX);
    assert_eq!(pair.of_client.rejected, Some(b'A'));
    assert!(pair.server.wants_close() && pair.client.wants_close());
    // Another session, a login of another size, and something else first.
    let other = login("DAY-2", 1);
    for (bytes, answer) in [(&other[..], &b"\0\x02JS"[..]), (b"\0\x02LU", b""), (b"\0\x02Ux", b"")]
    {
        let mut pair = Pair::new(1);
        pair.server.connected(pair.now);
        pair.server.received(pair.now, bytes, &mut pair.store, &mut pair.of_server);
        assert!(pair.server.wants_close());
        assert_eq!(&pair.server.output()[..], answer);
    }
}

#[test]
fn a_connection_that_does_not_log_on_is_ended() {
    let mut pair = Pair::new(1);
    pair.server.connected(pair.now);
    pair.pass(29_999);
    assert!(!pair.server.wants_close());
    pair.pass(1);
    assert!(pair.server.wants_close());
}

#[test]
fn a_login_is_accepted_in_thirty_bytes_or_not_at_all() {
    for (number, is_on) in
        [("1".repeat(19), false), ("1".repeat(20), true), ("1".repeat(21), false)]
    {
        let mut pair = Pair::new(1);
        pair.client.connected(pair.now);
        let mut bytes = Vec::new();
        assert!(put(&mut bytes, Kind::LoginAccepted, format!("     DAY-1{number}").as_bytes()));
        pair.client.received(pair.now, &bytes, &mut pair.of_client);
        assert_eq!((pair.client.is_logged_on(), pair.client.wants_close()), (is_on, !is_on));
    }
}

#[test]
fn both_sides_beat_and_notice_silence() {
    let mut pair = Pair::new(1);
    pair.connect();
    pair.carry(usize::MAX);
    for _ in 0..30 {
        pair.pass(1_000);
        pair.carry(usize::MAX);
    }
    assert!(pair.server.is_logged_on() && !pair.server.wants_close());
    let mut silent_ms = 0;
    while !pair.client.wants_close() {
        pair.pass(500);
        pair.server.output().clear();
        silent_ms += 500;
    }
    assert_eq!(silent_ms, 15_000);
}

#[test]
fn a_client_speaks_and_leaves_and_the_session_ends() {
    let mut pair = Pair::new(1);
    assert!(!pair.client.send(pair.now, b"nobody hears"));
    pair.connect();
    pair.carry(usize::MAX);
    assert!(pair.client.send(pair.now, b"order"));
    pair.carry(usize::MAX);
    assert_eq!(pair.of_server.messages, [b"order"]);
    pair.client.log_out(pair.now);
    pair.carry(usize::MAX);
    assert!(pair.server.wants_close());
    pair.disconnect();
    assert_eq!(pair.of_server.logouts, 1);

    let mut pair = Pair::new(1);
    pair.connect();
    pair.carry(usize::MAX);
    pair.publish(3);
    pair.server.end_session(pair.now, &mut pair.store);
    pair.carry(usize::MAX);
    assert!(pair.of_client.ended && pair.of_client.numbers == [1, 2, 3]);
}

#[test]
fn a_client_that_reads_nothing_costs_no_more_than_its_bound() {
    let mut pair = Pair::new(1);
    pair.connect();
    pair.carry(usize::MAX);
    pair.publish(60_000);
    assert!(pair.server.output().len() < (1 << 18) + 100);
    assert!(pair.server.is_behind(&pair.store));
    for _ in 0..20 {
        pair.carry(usize::MAX);
        pair.pass(1);
    }
    assert_eq!(pair.of_client.numbers.len(), 60_000);
}

/// Nothing can stand for a message that is not kept any more.
#[test]
fn who_falls_behind_what_is_kept_is_cut_off() {
    let mut pair = Pair::new(1);
    pair.store = MemoryStore::with_room(Timestamp(0), 16, 4_096);
    pair.connect();
    pair.carry(usize::MAX);
    pair.publish(100);
    pair.carry(usize::MAX);
    assert!(pair.server.wants_close());
    assert!(pair.of_client.numbers.is_empty());
    // It goes on with the oldest that is there.
    pair.disconnect();
    pair.connect();
    pair.carry(usize::MAX);
    assert_eq!(pair.of_client.first, Some(85));
    assert_eq!(pair.of_client.numbers, (85..=100).collect::<Vec<_>>());
}

/// Whatever is lost with connections, each message comes once, in order.
#[test]
fn nothing_is_lost_or_doubled_on_a_link_that_breaks() {
    for seed in 1..=200 {
        let mut pair = Pair::new(1);
        break_often(&mut pair, seed);
        pair.carry(usize::MAX);
        let all: Vec<u64> = (1..pair.store.next_outgoing()).collect();
        assert_eq!(pair.of_client.numbers, all, "seed {seed}");
    }
}
