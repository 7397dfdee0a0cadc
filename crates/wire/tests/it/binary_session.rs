//! Two sessions of the binary protocol, an initiator and an acceptor, on a link that breaks.

use tiercel_testkit::random::Random;
use tiercel_types::order::SideScope;
use tiercel_types::{AccountId, InstrumentId, OrderId, Side, Timestamp};
use tiercel_wire::binary::session::{
    Application, Credentials, Gate, LoginRequest, Role, Session, Signature,
};
use tiercel_wire::binary::{
    Body, CancelOrder, Cancelled, ClientId, Fault, Group, Hello, LoginAccepted, LoginRefusal,
    LogoutReason, MassCancel, RECORD_SIZE, RESENT, Request, SignatureScheme, record,
};
use tiercel_wire::flat::{Framing, Translator};
use tiercel_wire::store::{MemoryStore, Store};

use super::link::{Link, break_often};

const SECOND_NS: u64 = 1_000_000_000;
const START: Timestamp = Timestamp(1_784_455_200 * SECOND_NS);
const KEY: &[u8] = b"a-key-of-more-than-forty-eight-characters-as-venues-give-them-64";

/// Remembers what came.
#[derive(Default)]
struct Log {
    seen: Vec<u64>,
    gaps: Vec<(u64, u64)>,
    logons: u32,
    logouts: Vec<bool>,
    refused: Option<LoginRefusal>,
}

/// No cryptography here: what is signed, folded.
fn fold(transcript: &[u8]) -> Signature {
    let mut signature: Signature = [0; 64];
    for (at, byte) in transcript.iter().enumerate() {
        signature[at % 64] = signature[at % 64].wrapping_mul(31) ^ byte ^ at as u8;
    }
    signature
}

impl Application for Log {
    fn sign(&mut self, transcript: &[u8]) -> Signature {
        fold(transcript)
    }

    fn on_logon(&mut self, _: &LoginAccepted) {
        self.logons += 1;
    }

    fn on_refused(&mut self, reason: LoginRefusal) {
        self.refused = Some(reason);
    }

    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let (_, body) = group.decode()?;
        for extension in group.extensions() {
            extension?;
        }
        match body {
            Body::CancelOrder(cancel) => self.seen.push(cancel.order_id.0),
            Body::Cancelled(cancelled) => self.seen.push(cancelled.order_id.0),
            Body::MassCancel(_) | Body::Rejected(_) => {}
            other => return Err(Fault::Misplaced { kind: other.kind() }),
        }
        Ok(())
    }

    fn on_gap(&mut self, from: u64, next: u64) {
        self.gaps.push((from, next));
    }

    fn on_lost(&mut self, from: u64, next: u64) {
        self.gaps.push((from, next));
    }

    fn on_logout(&mut self, cancel_orders: bool) {
        self.logouts.push(cancel_orders);
    }
}

struct End {
    session: Session,
    store: MemoryStore,
    log: Log,
    inbox: Vec<u8>,
    sent: u64,
}

impl End {
    fn new(role: Role, store: MemoryStore) -> Self {
        Self { session: Session::new(role), store, log: Log::default(), inbox: Vec::new(), sent: 0 }
    }

    /// Sends the next record that carries a number; each third with an extension.
    fn say(&mut self, now: Timestamp) {
        self.sent += 1;
        let Self { session, store, sent, .. } = self;
        let instrument = InstrumentId(1);
        let order_id = OrderId(*sent);
        let cancel = CancelOrder { client_id: ClientId::EMPTY, order_id, reserved: [0; 24] };
        if session_is_acceptor(session) {
            session.send(now, store, instrument, 0, &cancelled(order_id));
        } else if sent.is_multiple_of(3) {
            let id = "x".repeat(30).parse().unwrap();
            let long = tiercel_wire::binary::LongId {
                text: id,
                role: tiercel_wire::binary::IdRole::Own,
                reserved: [0; 11],
            };
            session.send_group(now, store, instrument, 0, &[cancel.into(), long.into()]);
        } else {
            session.send(now, store, instrument, 0, &cancel);
        }
    }

    fn read(&mut self, now: Timestamp) {
        let Self { session, store, log, inbox, .. } = self;
        let taken = session.received(now, inbox, store, log);
        inbox.drain(..taken);
    }
}

fn session_is_acceptor(session: &Session) -> bool {
    session.role() == &Role::Acceptor
}

fn cancelled(order_id: OrderId) -> Cancelled {
    Cancelled {
        order_id,
        unfilled_qty: tiercel_types::Qty::ZERO,
        time: START,
        request: 0,
        reason: tiercel_types::EndReason::Cancelled,
        side: Side::Buy,
        denial: 0,
        reserved: [0; 12],
    }
}

fn credentials() -> Credentials {
    Credentials {
        key: KEY.into(),
        scheme: SignatureScheme::Ed25519,
        heartbeat_ms: 1_000,
        cancel_on_disconnect: true,
        resend_requests: true,
        from_now: false,
    }
}

/// One way between two ends: as the bytes are, or translated.
#[derive(Default)]
struct Way {
    /// Of the sender, and of the receiver.
    flat: Option<(Translator, Translator)>,
    sent: Vec<u8>,
    came: Vec<u8>,
}

impl Way {
    fn connected(&mut self, framing: Option<Framing>) {
        let flat = framing.map(|framing| (Translator::new(framing), Translator::new(framing)));
        *self = Self { flat, ..Self::default() };
    }

    /// Carries at most so many bytes, and returns how many moved.
    fn carry(&mut self, most: usize, output: &mut Vec<u8>, inbox: &mut Vec<u8>) -> usize {
        let Some((sender, receiver)) = &mut self.flat else {
            let count = output.len().min(most);
            inbox.extend(output.drain(..count));
            return count;
        };
        sender.sent(output, |message| self.sent.extend_from_slice(message)).unwrap();
        let count = self.sent.len().min(most);
        self.came.extend(self.sent.drain(..count));
        loop {
            let taken = receiver.received(&self.came);
            self.came.drain(..taken);
            inbox.append(receiver.records());
            if taken == 0 {
                return count;
            }
        }
    }
}

struct Pair {
    now: Timestamp,
    initiator: End,
    acceptor: End,
    gate: Option<Gate>,
    connections: u8,
    framing: Option<Framing>,
    /// To the acceptor, and to the initiator.
    ways: [Way; 2],
}

impl Pair {
    fn new(credentials: Credentials) -> Self {
        Self {
            framing: None,
            ways: [Way::default(), Way::default()],
            now: START,
            initiator: End::new(Role::Initiator(credentials), MemoryStore::new(START)),
            acceptor: End::new(Role::Acceptor, MemoryStore::new(START)),
            gate: None,
            connections: 0,
        }
    }

    fn logged_on() -> Self {
        let mut pair = Self::new(credentials());
        pair.connect();
        pair.carry(usize::MAX);
        assert!(pair.is_on());
        pair
    }

    /// What a shell does with the bytes of a connection that has not logged on.
    fn pass_gate(&mut self) {
        let Some(gate) = &mut self.gate else { return };
        let End { session, store, log, inbox, .. } = &mut self.acceptor;
        let (taken, login) = gate.received(self.now, inbox);
        inbox.drain(..taken);
        let Some(login) = login else { return };
        assert_eq!((&*login.key, login.signature), (KEY, fold(&login.transcript)));
        match session.accepted(self.now, &login, 7, AccountId(3), store, log) {
            Ok(()) => self.gate = None,
            Err(reason) => gate.refuse(reason),
        }
    }

    /// Carries at most so many bytes each way, until nothing moves if there is no limit.
    fn carry(&mut self, most: usize) {
        loop {
            let [there, _] = &mut self.ways;
            let output = self.initiator.session.output();
            let mut moved = there.carry(most, output, &mut self.acceptor.inbox);
            if self.gate.is_some() {
                self.pass_gate();
            }
            if self.gate.is_none() {
                self.acceptor.read(self.now);
            }
            let [_, back] = &mut self.ways;
            let output = match &mut self.gate {
                Some(gate) => gate.output(),
                None => self.acceptor.session.output(),
            };
            moved += back.carry(most, output, &mut self.initiator.inbox);
            self.initiator.read(self.now);
            if moved == 0 || most < usize::MAX {
                return;
            }
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now.0 += milliseconds * 1_000_000;
        let Self { now, initiator, acceptor, gate, .. } = self;
        initiator.session.tick(*now, &mut initiator.store);
        acceptor.session.tick(*now, &mut acceptor.store);
        if let Some(gate) = gate {
            gate.tick(*now);
        }
    }

    fn is_on(&self) -> bool {
        self.initiator.session.is_logged_on() && self.acceptor.session.is_logged_on()
    }

    fn assert_all_came(&self, what: &str) {
        for (from, to) in [(&self.initiator, &self.acceptor), (&self.acceptor, &self.initiator)] {
            let expected: Vec<u64> = (1..=from.sent).collect();
            assert!(to.log.seen == expected, "{what}: {:?} of {}", to.log.seen, from.sent);
            assert_eq!(to.log.gaps, [], "{what}");
        }
    }
}

impl Link for Pair {
    fn connect(&mut self) {
        self.connections = self.connections.wrapping_add(1);
        self.initiator.inbox.clear();
        self.acceptor.inbox.clear();
        self.ways.iter_mut().for_each(|way| way.connected(self.framing));
        self.gate = Some(Gate::new(self.now, [self.connections; 32]));
        self.initiator.session.connected(self.now, [!self.connections; 32]);
    }

    fn disconnect(&mut self) {
        self.gate = None;
        self.initiator.session.closed(&mut self.initiator.log);
        self.acceptor.session.closed(&mut self.acceptor.log);
    }

    fn wants_close(&self) -> bool {
        self.initiator.session.wants_close()
            || self.acceptor.session.wants_close()
            || self.gate.as_ref().is_some_and(Gate::wants_close)
    }

    fn client_says(&mut self, _: &mut Random) {
        self.initiator.say(self.now);
    }

    fn server_says(&mut self, _: &mut Random) {
        self.acceptor.say(self.now);
    }

    fn wait(&mut self, random: &mut Random) {
        self.pass(random.below(800));
    }

    /// A record is lost on the way, which no stream does: the gap is found.
    fn spoil(&mut self, _: &mut Random) {
        let output = self.initiator.session.output();
        if self.gate.is_none() && output.len() == RECORD_SIZE {
            output.clear();
        }
    }

    fn carry_some(&mut self, random: &mut Random) {
        self.carry(1 + random.below(700) as usize);
    }
}

#[test]
fn both_log_on_talk_beat_and_say_goodbye() {
    let mut pair = Pair::logged_on();
    pair.initiator.say(pair.now);
    pair.acceptor.say(pair.now);
    pair.carry(usize::MAX);
    pair.assert_all_came("talk");
    for _ in 0..50 {
        pair.pass(200);
        pair.carry(usize::MAX);
    }
    assert!(pair.is_on());
    pair.initiator.session.log_out(pair.now, LogoutReason::Asked);
    pair.carry(usize::MAX);
    assert!(pair.initiator.session.wants_close() && pair.acceptor.session.wants_close());
    pair.disconnect();
    assert_eq!(pair.acceptor.log.logouts, [true], "its orders are to be cancelled");
    assert_eq!(pair.initiator.log.logouts, [false]);
}

#[test]
fn silence_ends_the_connection() {
    let mut pair = Pair::logged_on();
    let mut elapsed = 0;
    while !pair.acceptor.session.wants_close() {
        pair.pass(500);
        pair.acceptor.session.output().clear();
        elapsed += 500;
    }
    assert_eq!(elapsed, 3_000);
}

#[test]
fn what_was_missed_comes_after_the_next_login() {
    let mut pair = Pair::logged_on();
    pair.initiator.say(pair.now);
    pair.carry(usize::MAX);
    pair.disconnect();
    for _ in 0..10_000 {
        pair.acceptor.say(pair.now);
        pair.initiator.say(pair.now);
    }
    pair.connect();
    for _ in 0..10 {
        pair.carry(usize::MAX);
        pair.pass(100);
    }
    pair.assert_all_came("missed");
}

#[test]
fn what_is_no_longer_there_is_told_as_a_gap() {
    let mut pair = Pair::new(credentials());
    pair.acceptor.store = MemoryStore::with_room(START, 16, 4_096);
    pair.connect();
    pair.carry(usize::MAX);
    pair.disconnect();
    (0..100).for_each(|_| pair.acceptor.say(pair.now));
    pair.connect();
    pair.carry(usize::MAX);
    let log = &pair.initiator.log;
    assert_eq!(log.gaps, [(1, 85)]);
    assert_eq!(log.seen, (85..=100).collect::<Vec<u64>>());
}

#[test]
fn what_is_no_longer_there_at_the_end_is_told_as_a_gap_too() {
    let mut pair = Pair::logged_on();
    (0..3).for_each(|_| pair.acceptor.say(pair.now));
    pair.disconnect();
    // Numbers that were used, and nothing is kept of them.
    (0..2).for_each(|_| pair.acceptor.store.sent(None));
    pair.connect();
    pair.carry(usize::MAX);
    assert_eq!(
        (&*pair.initiator.log.seen, &*pair.initiator.log.gaps),
        (&[1, 2, 3][..], &[(4, 6)][..])
    );
    pair.acceptor.say(pair.now);
    pair.carry(usize::MAX);
    assert_eq!(pair.initiator.log.seen, [1, 2, 3, 4]);
    assert_eq!(pair.initiator.log.gaps, [(4, 6)]);
}

#[test]
fn an_initiator_that_forgot_everything_goes_on_where_the_venue_is() {
    let mut pair = Pair::logged_on();
    (0..5).for_each(|_| pair.initiator.say(pair.now));
    (0..5).for_each(|_| pair.acceptor.say(pair.now));
    pair.carry(usize::MAX);
    pair.disconnect();
    let fresh = Credentials { from_now: true, ..credentials() };
    pair.initiator = End::new(Role::Initiator(fresh), MemoryStore::new(START));
    pair.initiator.sent = 5;
    pair.connect();
    pair.carry(usize::MAX);
    pair.acceptor.say(pair.now);
    pair.initiator.say(pair.now);
    pair.carry(usize::MAX);
    assert_eq!(pair.initiator.log.seen, [6]);
    assert_eq!(pair.acceptor.log.seen, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn requests_that_are_not_to_be_sent_again_are_told_as_lost() {
    let mut pair = Pair::new(Credentials { resend_requests: false, ..credentials() });
    pair.initiator.say(pair.now);
    pair.connect();
    pair.carry(usize::MAX);
    pair.initiator.say(pair.now);
    pair.carry(usize::MAX);
    assert_eq!((&*pair.acceptor.log.seen, &*pair.acceptor.log.gaps), (&[2][..], &[(1, 2)][..]));
    assert_eq!(pair.initiator.log.gaps, [(1, 2)]);
}

#[test]
fn a_login_is_refused_with_its_reason() {
    let mut pair = Pair::logged_on();
    (0..3).for_each(|_| pair.acceptor.say(pair.now));
    pair.carry(usize::MAX);
    pair.disconnect();
    // The venue forgot what it sent.
    pair.acceptor.store = MemoryStore::new(START);
    pair.connect();
    pair.carry(usize::MAX);
    assert_eq!(pair.initiator.log.refused, Some(LoginRefusal::Sequence));
    assert!(pair.wants_close() && !pair.is_on());
    // Nothing comes.
    let mut gate = Gate::new(START, [0; 32]);
    gate.tick(Timestamp(START.0 + 10 * SECOND_NS));
    assert!(gate.wants_close());
    // Anything but a hello; a login before it.
    for bytes in [[0; RECORD_SIZE], [0xFF; RECORD_SIZE]] {
        let mut gate = Gate::new(START, [0; 32]);
        let (_, login): (_, Option<LoginRequest>) = gate.received(START, &bytes);
        assert!(login.is_none() && gate.wants_close());
        assert_eq!(gate.output().len(), RECORD_SIZE);
    }
    // A version that nobody here speaks.
    let mut client = Session::new(Role::Initiator(credentials()));
    client.connected(START, [1; 32]);
    let mut hello = client.output().clone();
    let Ok((_, Body::Hello(told))) = Group::front(&hello).unwrap().unwrap().decode() else {
        panic!("a hello")
    };
    let newer = Hello { version_min: 99, version_max: 99, ..told };
    hello = record(InstrumentId(0), 0, 0, &newer).to_vec();
    let mut gate = Gate::new(START, [0; 32]);
    gate.received(START, &hello);
    let answer = Group::front(gate.output()).unwrap().unwrap().decode().unwrap();
    let (_, Body::LoginRefused(refused)) = answer else { panic!("{answer:?}") };
    assert_eq!(refused.reason, LoginRefusal::Version);
}

#[test]
fn a_login_has_nothing_behind_its_signature() {
    for scheme in [SignatureScheme::HmacSha256, SignatureScheme::Ed25519] {
        for (spoiled, is_taken) in [(false, true), (true, false)] {
            let mut client = Session::new(Role::Initiator(Credentials { scheme, ..credentials() }));
            let (mut store, mut log) = (MemoryStore::new(START), Log::default());
            let mut gate = Gate::new(START, [0; 32]);
            client.connected(START, [1; 32]);
            gate.received(START, &std::mem::take(client.output()));
            client.received(START, &std::mem::take(gate.output()), &mut store, &mut log);
            let mut login = std::mem::take(client.output());
            *login.last_mut().unwrap() |= u8::from(spoiled);
            let (_, found) = gate.received(START, &login);
            assert_eq!(found.is_some(), is_taken, "{scheme:?}");
            assert_eq!(gate.wants_close(), !is_taken, "{scheme:?}");
        }
    }
}

#[test]
fn a_request_with_a_fault_is_refused_and_the_session_goes_on() {
    let mut pair = Pair::logged_on();
    let mass = MassCancel { sides: SideScope::Both, reserved: [0; 47] };
    let mut bad = record(InstrumentId(1), 1, 0, &mass);
    bad[16] = 9;
    pair.acceptor.inbox.extend_from_slice(&bad);
    pair.acceptor.read(pair.now);
    let output = std::mem::take(pair.acceptor.session.output());
    let group = Group::front(&output).unwrap().unwrap();
    let (header, Body::Rejected(rejected)) = group.decode().unwrap() else { panic!() };
    assert_eq!((header.sequence, header.instrument), (1, InstrumentId(1)));
    assert_eq!((rejected.request, rejected.reason, rejected.field), (1, 3, 16));
    assert!(pair.acceptor.session.is_logged_on());
    assert_eq!(pair.acceptor.store.next_incoming(), 2);
}

#[test]
fn a_number_used_before_ends_the_session_and_one_too_high_is_asked_about() {
    let mut pair = Pair::logged_on();
    let request = Request::of(
        &tiercel_types::command::QueryOrder {
            order_id: OrderId(1),
            account: AccountId(0),
            client_order_id: "a".parse().unwrap(),
        }
        .into(),
    )
    .unwrap();
    assert_eq!(
        pair.initiator.session.send_request(pair.now, &mut pair.initiator.store, &request),
        1
    );
    let ahead = record(InstrumentId(1), 3, 0, &cancel(3));
    pair.acceptor.inbox.extend_from_slice(&ahead);
    pair.acceptor.read(pair.now);
    let output = std::mem::take(pair.acceptor.session.output());
    let (header, body) = Group::front(&output).unwrap().unwrap().decode().unwrap();
    assert!(matches!(body, Body::Resend(_)) && header.sequence == 1);
    // What follows it is passed over: it was asked for.
    let ahead = record(InstrumentId(1), 4, 0, &cancel(4));
    pair.acceptor.inbox.extend_from_slice(&ahead);
    pair.acceptor.read(pair.now);
    assert_eq!(pair.acceptor.session.output().len(), 0);
    let used = record(InstrumentId(1), 0, 0, &cancel(3));
    pair.acceptor.inbox.extend_from_slice(&used);
    pair.acceptor.read(pair.now);
    assert!(pair.acceptor.session.wants_close());
    assert!(pair.acceptor.log.seen.is_empty());
}

#[test]
fn what_is_sent_again_is_marked_and_passed_over_where_it_was_seen() {
    let mut pair = Pair::logged_on();
    pair.disconnect();
    pair.initiator.say(pair.now);
    pair.connect();
    let mut marks = Vec::new();
    for _ in 0..40 {
        pair.carry(RECORD_SIZE);
        let output = pair.initiator.session.output();
        marks.extend(
            output.chunks_exact(RECORD_SIZE).filter(|one| one[0] == 0x11).map(|one| one[2]),
        );
    }
    assert!(!marks.is_empty() && marks.iter().all(|flags| *flags == RESENT), "{marks:?}");
    pair.carry(usize::MAX);
    // Once more: it was seen.
    let again = record(InstrumentId(1), 1, RESENT, &cancel(1));
    pair.acceptor.inbox.extend_from_slice(&again);
    pair.acceptor.read(pair.now);
    assert!(pair.is_on());
    assert_eq!(pair.acceptor.log.seen, [1]);
    // Without the mark it is another with its number.
    pair.acceptor.inbox.extend_from_slice(&record(InstrumentId(1), 1, 0, &cancel(1)));
    pair.acceptor.read(pair.now);
    assert!(pair.acceptor.session.wants_close());
}

#[test]
fn an_answer_is_no_request() {
    let mut pair = Pair::logged_on();
    let answer = record(InstrumentId(1), 1, 0, &cancelled(OrderId(1)));
    pair.acceptor.inbox.extend_from_slice(&answer);
    pair.acceptor.read(pair.now);
    assert!(pair.acceptor.session.wants_close());
    let output = std::mem::take(pair.acceptor.session.output());
    let (_, Body::Logout(told)) = Group::front(&output).unwrap().unwrap().decode().unwrap() else {
        panic!("a goodbye")
    };
    assert_eq!(told.reason, LogoutReason::Malformed);
}

fn cancel(order_id: u64) -> CancelOrder {
    CancelOrder { client_id: ClientId::EMPTY, order_id: OrderId(order_id), reserved: [0; 24] }
}

/// A reader that takes nothing does not make the writer grow: what it misses stands in the store.
#[test]
fn output_is_bounded_and_goes_on_from_the_store() {
    let mut pair = Pair::logged_on();
    for _ in 0..40_000 {
        pair.acceptor.say(pair.now);
    }
    assert!(pair.acceptor.session.output().len() <= (1 << 20) + RECORD_SIZE);
    assert!(pair.acceptor.session.is_behind());
    for _ in 0..20 {
        pair.carry(usize::MAX);
        let End { session, store, .. } = &mut pair.acceptor;
        session.resume(pair.now, store);
    }
    pair.assert_all_came("behind");
}

/// Whatever is lost with connections, each record of either side comes once, in order.
#[test]
fn nothing_is_lost_or_doubled_on_a_link_that_breaks() {
    (1..=300).for_each(|seed| break_links(seed, None));
}

/// The same session, with each record as a message of FlatBuffers.
#[test]
fn nothing_is_lost_or_doubled_in_translation() {
    (1..=100).for_each(|seed| break_links(seed, Some(Framing::Length)));
}

fn break_links(seed: u64, framing: Option<Framing>) {
    let mut pair = Pair { framing, ..Pair::new(credentials()) };
    break_often(&mut pair, seed);
    // In peace everything comes.
    for _ in 0..10 {
        pair.carry(usize::MAX);
        pair.pass(500);
    }
    assert!(pair.is_on(), "seed {seed}");
    pair.assert_all_came(&format!("seed {seed}"));
}
