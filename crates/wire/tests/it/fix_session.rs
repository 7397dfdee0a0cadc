//! Two sessions, an initiator and an acceptor, on a link that loses connections and bytes.

use tiercel_testkit::random::Random;
use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, Schedule, Session, SessionConfig, Store, Window,
};
use tiercel_wire::fix::{Decoder, Encoder, Frame, Message, frame, tag};

use super::link::{Link, break_often};

const SECOND_NS: u64 = 1_000_000_000;
const START: Timestamp = Timestamp(1_784_455_200 * SECOND_NS);

/// Remembers what came.
#[derive(Default)]
struct Log {
    texts: Vec<String>,
    logons: u32,
    logouts: u32,
    refuses: Option<&'static str>,
}

impl Application for Log {
    fn may_log_on(&mut self, _: &Message<'_>) -> Result<(), String> {
        self.refuses.map_or(Ok(()), |text| Err(text.to_owned()))
    }

    fn on_logon(&mut self) {
        self.logons += 1;
    }

    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        if message.message_type() != b"j" {
            let text = message.get(tag::CL_ORD_ID).ok_or_else(BusinessReject::unsupported)?;
            self.texts.push(String::from_utf8_lossy(text).into_owned());
        }
        Ok(())
    }

    fn on_logout(&mut self) {
        self.logouts += 1;
    }
}

struct Side {
    session: Session,
    store: MemoryStore,
    log: Log,
    decoder: Decoder,
    inbox: Vec<u8>,
    sent: u32,
}

impl Side {
    fn new(config: SessionConfig) -> Self {
        Self {
            session: Session::new(config),
            store: MemoryStore::new(START),
            log: Log::default(),
            decoder: Decoder::default(),
            inbox: Vec::new(),
            sent: 0,
        }
    }

    /// Takes all whole messages that have come; returns their types.
    fn read(&mut self, now: Timestamp) -> Vec<String> {
        let mut types = Vec::new();
        loop {
            match frame(&self.inbox) {
                Frame::Partial => return types,
                Frame::Garbled { skip, .. } => {
                    self.inbox.drain(..skip);
                }
                Frame::Whole { length, body } => {
                    let bytes: Vec<u8> = self.inbox.drain(..length).collect();
                    // Spoiled bytes whose sum is right by chance.
                    let Ok(message) = self.decoder.index(&bytes, body) else { continue };
                    types.push(String::from_utf8_lossy(message.message_type()).into_owned());
                    self.session.received(now, &message, &mut self.store, &mut self.log);
                }
            }
        }
    }

    fn order(&mut self, now: Timestamp) {
        self.sent += 1;
        let name = format!("order-{}", self.sent);
        self.session.send(now, &mut self.store, b"D", |encoder| {
            encoder.text(tag::CL_ORD_ID, name.as_bytes());
            encoder.constant(b"54=1\x0155=BTCUSDT\x0160=20260719-10:00:00\x0140=1\x0138=1\x01");
        });
    }

    fn expected(other: &Self) -> Vec<String> {
        (1..=other.sent).map(|number| format!("order-{number}")).collect()
    }
}

/// An initiator and an acceptor.
struct Pair {
    now: Timestamp,
    initiator: Side,
    acceptor: Side,
}

impl Pair {
    fn new(change: impl Fn(&mut SessionConfig)) -> Self {
        let side = |sender: &[u8], target: &[u8], role| {
            let mut config = SessionConfig::new(sender, target, role);
            change(&mut config);
            Side::new(config)
        };
        let initiator = side(b"US", b"THEM", Role::Initiator { heartbeat_interval_s: 10 });
        let acceptor = side(b"THEM", b"US", Role::Acceptor);
        Self { now: START, initiator, acceptor }
    }

    /// The same, logged on.
    fn logged_on(change: impl Fn(&mut SessionConfig)) -> Self {
        let mut pair = Self::new(change);
        pair.connect();
        pair.carry(usize::MAX);
        pair
    }

    /// The connection is gone, and the acceptor sends so many orders all the same.
    fn miss(&mut self, orders: usize) {
        self.disconnect();
        for _ in 0..orders {
            self.acceptor.order(self.now);
        }
    }

    /// Carries what was sent, at most so many bytes each way, until nothing moves; returns the types
    /// of messages that the acceptor got, then those of the initiator.
    fn carry(&mut self, most: usize) -> (Vec<String>, Vec<String>) {
        let Self { now, initiator, acceptor } = self;
        let (mut there, mut back) = (Vec::new(), Vec::new());
        loop {
            let mut count = carry_one(initiator, acceptor, most);
            there.append(&mut acceptor.read(*now));
            count += carry_one(acceptor, initiator, most);
            back.append(&mut initiator.read(*now));
            if count == 0 || most < usize::MAX {
                return (there, back);
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now.0 += seconds * SECOND_NS;
        let Self { now, initiator, acceptor } = self;
        for side in [initiator, acceptor] {
            side.session.tick(*now, &mut side.store);
        }
    }

    fn is_on(&self) -> bool {
        self.initiator.session.is_logged_on() && self.acceptor.session.is_logged_on()
    }
}

impl Link for Pair {
    fn connect(&mut self) {
        let Self { now, initiator, acceptor } = self;
        for side in [initiator, acceptor] {
            side.inbox.clear();
            side.session.connected(*now, &mut side.store);
        }
    }

    fn disconnect(&mut self) {
        let Self { now, initiator, acceptor } = self;
        for side in [initiator, acceptor] {
            side.session.closed(*now, &mut side.store, &mut side.log);
        }
    }

    fn wants_close(&self) -> bool {
        self.initiator.session.wants_close() || self.acceptor.session.wants_close()
    }

    fn client_says(&mut self, _: &mut Random) {
        self.initiator.order(self.now);
    }

    fn server_says(&mut self, _: &mut Random) {
        self.acceptor.order(self.now);
    }

    fn wait(&mut self, random: &mut Random) {
        self.pass(random.below(8));
    }

    /// Bytes of a message are spoiled on the way.
    fn spoil(&mut self, random: &mut Random) {
        let output = self.initiator.session.output();
        let at = random.below(output.len().max(1) as u64) as usize;
        if let Some(byte) = output.get_mut(at) {
            *byte ^= 1 << random.below(7);
        }
    }

    fn carry_some(&mut self, random: &mut Random) {
        self.carry(1 + random.below(400) as usize);
    }
}

fn carry_one(from: &mut Side, to: &mut Side, most: usize) -> usize {
    let output = from.session.output();
    let count = output.len().min(most);
    to.inbox.extend(output.drain(..count));
    count
}

#[test]
fn both_log_on_trade_beat_and_say_goodbye() {
    let mut pair = Pair::new(|_| {});
    pair.connect();
    assert_eq!(pair.carry(usize::MAX), (vec!["A".to_owned()], vec!["A".to_owned()]));
    assert!(pair.is_on());
    pair.initiator.order(pair.now);
    pair.acceptor.order(pair.now);
    assert_eq!(pair.carry(usize::MAX), (vec!["D".to_owned()], vec!["D".to_owned()]));
    assert_eq!(
        (&*pair.acceptor.log.texts, &*pair.initiator.log.texts),
        (&["order-1".to_owned()][..], &["order-1".to_owned()][..])
    );
    pair.pass(10);
    assert_eq!(pair.carry(usize::MAX), (vec!["0".to_owned()], vec!["0".to_owned()]));
    let Pair { now, initiator, .. } = &mut pair;
    initiator.session.log_out(*now, &mut initiator.store, "enough");
    assert_eq!(pair.carry(usize::MAX), (vec!["5".to_owned()], vec!["5".to_owned()]));
    assert!(pair.initiator.session.wants_close() && pair.acceptor.session.wants_close());
    pair.disconnect();
    assert_eq!((pair.initiator.log.logouts, pair.acceptor.log.logouts), (1, 1));
}

#[test]
fn silence_is_asked_about_and_then_ends_the_connection() {
    let mut pair = Pair::logged_on(|_| {});
    // The acceptor hears nothing more.
    let mut sent = Vec::new();
    for _ in 0..24 {
        pair.pass(1);
        let output = std::mem::take(pair.acceptor.session.output());
        if let Frame::Whole { length, body } = frame(&output) {
            let message = pair.acceptor.decoder.index(&output[..length], body).unwrap();
            sent.push(String::from_utf8_lossy(message.message_type()).into_owned());
        }
    }
    assert_eq!(sent, ["0", "1"]);
    assert!(pair.acceptor.session.wants_close());
}

#[test]
fn what_was_sent_while_nobody_listened_is_asked_for() {
    let mut pair = Pair::logged_on(|_| {});
    pair.miss(3);
    assert!(pair.acceptor.session.output().is_empty());
    pair.connect();
    pair.carry(usize::MAX);
    assert_eq!(pair.initiator.log.texts, Side::expected(&pair.acceptor));
    assert!(pair.is_on());
}

#[test]
fn more_than_one_request_brings_is_asked_for_again() {
    let mut pair = Pair::logged_on(|_| {});
    pair.miss(10_000);
    pair.connect();
    for _ in 0..20 {
        pair.carry(usize::MAX);
        pair.pass(10);
    }
    assert_eq!(pair.initiator.log.texts.len(), 10_000);
    assert!(pair.initiator.log.texts == Side::expected(&pair.acceptor));
}

#[test]
fn a_logon_may_be_refused_with_words() {
    let mut pair = Pair::new(|_| {});
    pair.acceptor.log.refuses = Some("unknown password");
    pair.connect();
    assert_eq!(pair.carry(usize::MAX), (vec!["A".to_owned()], vec!["5".to_owned()]));
    assert!(pair.acceptor.session.wants_close() && pair.initiator.session.wants_close());
    assert!(!pair.is_on());
}

#[test]
fn what_an_application_does_not_take_is_told() {
    let mut pair = Pair::logged_on(|_| {});
    let Pair { now, initiator, .. } = &mut pair;
    initiator.session.send(*now, &mut initiator.store, b"V", |encoder| {
        encoder.constant(b"262=r\x01263=1\x01264=0\x01267=1\x01269=0\x01146=1\x0155=BTCUSDT\x01");
    });
    assert_eq!(pair.carry(usize::MAX), (vec!["V".to_owned()], vec!["j".to_owned()]));
    assert!(pair.is_on());
}

#[test]
fn a_session_begins_anew_when_its_hours_do() {
    let hours = Schedule::Daily(Window { start_s: 0, end_s: 20 * 3_600 });
    let mut pair = Pair::logged_on(|config| config.schedule = Some(hours));
    pair.initiator.order(pair.now);
    pair.carry(usize::MAX);
    // The end of the day: both say goodbye. Nobody can log on in the pause.
    pair.pass(10 * 3_600);
    pair.carry(usize::MAX);
    assert!(pair.wants_close());
    pair.disconnect();
    pair.connect();
    assert!(pair.wants_close());
    pair.disconnect();
    pair.pass(4 * 3_600);
    pair.connect();
    pair.carry(usize::MAX);
    assert!(pair.is_on());
    assert_eq!(pair.acceptor.store.next_incoming(), 2);
    assert_eq!(pair.initiator.store.next_outgoing(), 2);
}

#[test]
fn what_is_sent_again_says_when_it_was_sent_first() {
    let mut pair = Pair::logged_on(|_| {});
    pair.miss(1);
    pair.pass(60);
    pair.connect();
    let mut again = String::new();
    for _ in 0..4 {
        let Pair { now, initiator, acceptor } = &mut pair;
        carry_one(initiator, acceptor, usize::MAX);
        acceptor.read(*now);
        again += &String::from_utf8_lossy(acceptor.session.output());
        carry_one(acceptor, initiator, usize::MAX);
        initiator.read(*now);
    }
    let order = again.split("8=FIX").find(|message| message.contains("\x0135=D\x01")).unwrap();
    assert!(order.contains("\x0143=Y\x01"), "{order}");
    assert!(order.contains("\x0152=20260719-10:01:00"), "{order}");
    assert!(order.contains("\x01122=20260719-10:00:00"), "{order}");
}

#[test]
fn a_logon_with_a_number_that_was_used_is_none() {
    let mut pair = Pair::logged_on(|_| {});
    pair.disconnect();
    pair.initiator.store = MemoryStore::new(START);
    pair.connect();
    pair.carry(usize::MAX);
    assert!(!pair.acceptor.session.is_logged_on() && pair.acceptor.session.wants_close());
    assert_eq!(pair.acceptor.log.logons, 1);
}

/// A message of somebody else, and a copy that was first sent behind itself.
#[test]
fn who_a_message_is_of_and_when_it_was_sent_first_have_to_be_right() {
    let later = Timestamp(START.0 + SECOND_NS);
    for (sender, original, reason) in [(&b"ELSE"[..], START, "9"), (b"US", later, "10")] {
        let mut pair = Pair::logged_on(|_| {});
        let mut encoder = Encoder::new(b"FIX.4.4");
        encoder.begin(b"0");
        encoder.unsigned(tag::MSG_SEQ_NUM, 2);
        encoder.boolean(tag::POSS_DUP_FLAG, true);
        encoder.text(tag::SENDER_COMP_ID, sender);
        encoder.time(tag::SENDING_TIME, START);
        encoder.text(tag::TARGET_COMP_ID, b"THEM");
        encoder.time(tag::ORIG_SENDING_TIME, original);
        pair.acceptor.inbox.extend_from_slice(encoder.finish());
        assert_eq!(pair.acceptor.read(START), ["0"]);
        let told = String::from_utf8_lossy(pair.acceptor.session.output()).into_owned();
        assert!(told.contains(&format!("\x01373={reason}\x01")), "{told}");
        assert!(told.contains("\x0135=5\x01"), "{told}");
    }
}

/// Whatever is lost with connections, each message of either side comes once, in order.
#[test]
fn nothing_is_lost_or_doubled_on_a_link_that_breaks() {
    for seed in 1..=200 {
        let mut pair = Pair::new(|_| {});
        break_often(&mut pair, seed);
        // In peace everything comes.
        for _ in 0..10 {
            pair.carry(usize::MAX);
            pair.pass(5);
        }
        assert!(pair.is_on(), "seed {seed}");
        assert_eq!(pair.acceptor.log.texts, Side::expected(&pair.initiator), "seed {seed}");
        assert_eq!(pair.initiator.log.texts, Side::expected(&pair.acceptor), "seed {seed}");
    }
}
