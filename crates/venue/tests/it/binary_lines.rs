//! Binary sessions on a core that the test polls: what each request is told, and that a process that is
//! killed at any moment loses nothing and does nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use tiercel_journal::{Durability, Entry, EventLog, IoOptions, LogCursor, MemoryLog, Options};
use tiercel_matching::FullEngine;
use tiercel_testkit::counting_allocator::{allocations, alone};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::command::{AmendOrder, CountdownCancel, MassCancel, QueryOrder, ReplaceOrder};
use tiercel_types::order::{AmendQtyMeaning, ListKind, PendingRule, SideScope, Trigger};
use tiercel_types::{
    AccountId, ClientOrderId, Command, InstrumentId, OrderId, Price, Qty, Side, TimeInForce,
    Timestamp,
};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::binary::{BinaryOptions, LineId, Lines, Recovering, login};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::open_orders::{OpenOrderLimits, OpenOrdersHere};
use tiercel_venue::pipeline::{Core, Delivery, Handle, PipelineOptions, Submission, pipeline};
use tiercel_venue::replica::Replica;
use tiercel_venue::store::{self, StoreOptions};
use tiercel_wire::binary::session::Gate;
use tiercel_wire::binary::{
    Body, ClientId, Kind, NewOrder, NewOrderList, OrderTrigger, RECORD_SIZE, RESTING, Request,
};

use crate::it::binary_peer::{Heard, Peer, Secret};
use crate::it::place::{
    MARKET, Place, SMALL_ENGINE, SMALL_PIPELINE, ask, limit, setup, store_options,
};

/// A venue's core and its binary sessions; two clients of two accounts.
struct Desk {
    place: Place,
    core: Core<MemoryLog>,
    handle: Handle,
    lines: Lines,
    peers: Vec<Peer>,
    links: Vec<Option<LineId>>,
    now: u64,
    /// The last command whose events were handed over.
    delivered: u64,
}

const OPTIONS: PipelineOptions = SMALL_PIPELINE;

/// What a client signs with: one by each scheme.
pub(crate) fn secret(peer: usize) -> Secret {
    match peer {
        0 => Secret::Hmac(b"a secret".to_vec()),
        _ => Secret::Ed25519(Box::new(SigningKey::from_bytes(&[7; 32]))),
    }
}

pub(crate) fn keys() -> Keys {
    let keys = Keys::default();
    for peer in 0..2 {
        let verifier = match secret(peer) {
            Secret::Hmac(secret) => Verifier::Hmac(secret),
            Secret::Ed25519(key) => Verifier::Ed25519(Box::new(key.verifying_key())),
        };
        let account = AccountId(1 + peer as u32);
        keys.add(&format!("key-{peer}"), Key::new(account, verifier, true, true)).unwrap();
    }
    keys
}

fn options(place: &Place) -> BinaryOptions {
    let store = PathBuf::from(place.path()).join("binary");
    BinaryOptions { answers_kept: 4_096, ..BinaryOptions::new(store) }
}

impl Desk {
    fn new(name: &str, cancel_on_disconnect: bool) -> Self {
        let place = Place::new(name);
        let engine = FullEngine::new(SMALL_ENGINE);
        let (core, mut handles) = pipeline(&OPTIONS, MemoryLog::default(), engine, 1);
        let lines = Lines::open(options(&place), Timestamp(0)).unwrap();
        let peers = (0..2)
            .map(|peer| Peer::new(&format!("key-{peer}"), secret(peer), cancel_on_disconnect));
        let mut desk = Self {
            place,
            core,
            handle: handles.remove(0),
            lines,
            peers: peers.collect(),
            links: vec![None, None],
            now: 1,
            delivered: 0,
        };
        for command in setup() {
            desk.handle.submit(Submission { token: 0, commands: &[command] }).unwrap();
            desk.turn();
        }
        desk.log_on(0);
        desk.log_on(1);
        desk
    }

    const fn time(&self) -> Timestamp {
        Timestamp(self.now * 1_000_000)
    }

    fn log_on(&mut self, at: usize) {
        let now = self.time();
        let mut gate = Gate::new(now, [at as u8; 32]);
        let peer = &mut self.peers[at];
        peer.connected(now);
        let (_, login) = gate.received(now, &peer.take());
        assert!(login.is_none());
        peer.hear(now, gate.output());
        let (_, login) = gate.received(now, &peer.take());
        let login = login.unwrap();
        let (text, key) = login::verify(&keys(), &login).unwrap();
        let line = self.lines.log_on(now, &login, (&text, key)).unwrap();
        self.links[at] = Some(line);
        self.turn();
        assert!(self.peers[at].session.is_logged_on());
    }

    fn drop_link(&mut self, at: usize) {
        self.peers[at].closed();
        if let Some(line) = self.links[at].take() {
            self.lines.closed(line);
        }
    }

    /// What clients have to say reaches the sessions.
    fn hear(&mut self) {
        let now = self.time();
        for (peer, link) in self.peers.iter_mut().zip(&self.links) {
            let bytes = peer.take();
            if let Some(line) = link {
                let taken = self.lines.received(*line, now, &bytes, &mut self.handle.submitter);
                assert_eq!(taken, bytes.len());
            }
        }
    }

    /// What became of it, `most` events.
    fn deliver(&mut self, most: usize) -> usize {
        let now = self.time();
        let Self { handle, lines, delivered, .. } = self;
        let read = handle.deliveries.poll(most, |delivery| {
            lines.delivered(delivery, now, 1);
            *delivered = delivery.header.sequence;
        });
        read.unwrap()
    }

    /// What there is to send reaches the clients.
    fn flush(&mut self) {
        let now = self.time();
        while let Some(line) = self.lines.next_stirred() {
            let session = self.lines.line(line).session();
            let bytes = std::mem::take(session.output());
            if let Some(at) = self.links.iter().position(|link| *link == Some(line)) {
                self.peers[at].hear(now, &bytes);
            }
        }
        self.lines.save_checkpoint();
    }

    /// All of it, until nothing is left to do.
    fn turn(&mut self) {
        self.now += 1;
        let mut idle = 0;
        while idle < 4 {
            self.hear();
            let work = self.core.poll(self.time()).unwrap() + self.deliver(usize::MAX);
            self.flush();
            idle = if work == 0 { idle + 1 } else { 0 };
        }
    }

    /// Sends a request and waits for what is told of it.
    fn ask(&mut self, at: usize, command: impl Into<Command>) -> u64 {
        let now = self.time();
        let number = self.peers[at].ask(now, &command.into());
        self.turn();
        number
    }

    fn said(&mut self, at: usize, fields: &[&str]) -> Vec<String> {
        self.peers[at].news().iter().map(|heard| heard.say(fields)).collect()
    }

    /// The process is gone, and a new one comes to what the log has up to command `end`.
    fn kill(self, end: u64) -> Self {
        let Self { place, core, handle, lines, mut peers, now, .. } = self;
        drop((handle, lines));
        for peer in &mut peers {
            peer.closed();
        }
        let (old, _) = core.finish();
        let mut log = MemoryLog::default();
        let now = now + 1;
        let time = Timestamp(now * 1_000_000);
        let lines = Lines::open(options(&place), time).unwrap();
        let mut recovering = Recovering::new(lines, time).unwrap();
        let mut replica = Replica::new(SMALL_ENGINE, ModelLimits::default());
        recovering.begin(replica.models(), 0);
        let mut cursor = old.read(1).unwrap();
        while let Some(record) = cursor.next_record().unwrap() {
            if record.header.sequence > end {
                break;
            }
            let command = record.command().unwrap();
            let entry = Entry::command(Timestamp(record.header.time_ns), &command);
            log.append(log.position(), &[entry], Durability::Disk).unwrap();
            replica.apply_told(&record, &mut recovering).unwrap();
        }
        let (engine, _) = replica.into_parts();
        let lines = recovering.finish(end);
        while log.durable_sequence() < end {
            log.poll().unwrap();
        }
        let (core, mut handles) = pipeline(&OPTIONS, log, engine, 1);
        let handle = handles.remove(0);
        let links = vec![None, None];
        Self { place, core, handle, lines, peers, links, now, delivered: end }
    }

    /// All commands of the log.
    fn commands(&self) -> Vec<Command> {
        let mut cursor = self.core.log().read(1).unwrap();
        let mut commands = Vec::new();
        while let Some(record) = cursor.next_record().unwrap() {
            commands.push(record.command().unwrap());
        }
        commands
    }
}

fn name(text: &str) -> ClientOrderId {
    text.parse().unwrap()
}

pub(crate) fn cancel(peer: usize, text: &str) -> Command {
    let account = AccountId(1 + peer as u32);
    let client_order_id = name(text);
    tiercel_types::command::CancelOrder { order_id: OrderId::NONE, account, client_order_id }.into()
}

fn amend(peer: usize, text: &str, ticks: i64, lots: u64) -> Command {
    AmendOrder {
        order_id: OrderId::NONE,
        price: Price::from_units(ticks * 100),
        qty: Qty::from_units(lots * 1_000),
        account: AccountId(1 + peer as u32),
        client_order_id: name(text),
        new_client_order_id: ClientOrderId::EMPTY,
        qty_meaning: AmendQtyMeaning::Total,
        lose_priority: 0,
        reserved: [0; 2],
    }
    .into()
}

fn replace(peer: usize, target: &str, order: tiercel_types::command::NewOrder) -> Command {
    let _ = peer;
    ReplaceOrder {
        target_order_id: OrderId::NONE,
        target_client_order_id: name(target),
        reserved: [0; 4],
        order,
    }
    .into()
}

#[test]
fn each_request_is_told_what_became_of_it() {
    let mut desk = Desk::new("binary-told", false);
    let fields = ["client_id", "request", "side", "qty", "open_qty", "fee", "reason"];
    desk.ask(0, limit(1, Side::Buy, 1_000, 5, "bid"));
    let taken = desk.peers[0].news();
    assert_eq!(taken[0].say(&fields), "accepted bid 1 buy");
    assert_eq!((taken.len(), taken[0].flags), (1, RESTING));
    let order_id = taken[0].number_of("order_id");

    desk.ask(1, limit(2, Side::Sell, 1_000, 2, "ask"));
    let [accepted, executed] = &desk.peers[1].news()[..] else { panic!() };
    assert_eq!(accepted.say(&fields), "accepted ask 1 sell");
    assert_eq!((accepted.flags, executed.flags), (0, 0));
    assert_eq!(executed.say(&["qty", "open_qty", "asset"]), "executed 0.00002 0 2");
    let made = desk.peers[0].news();
    assert_eq!(made[0].flags, tiercel_wire::binary::MAKER);
    assert_eq!(made[0].say(&["qty", "open_qty"]), "executed 0.00002 0.00003");

    // Smaller: it keeps its place. Elsewhere: it trades, or rests.
    desk.ask(0, amend(0, "bid", 0, 4));
    let amended = desk.peers[0].news();
    assert_eq!(amended[0].say(&["request", "open_qty"]), "amended 0.00002 2");
    assert_eq!(amended[0].flags, RESTING | tiercel_wire::binary::PRIORITY_KEPT);
    assert_eq!(amended[0].number_of("order_id"), order_id);

    desk.ask(
        0,
        replace(0, "bid", limit(1, Side::Buy, 990, 7, "a-name-of-more-than-16-characters")),
    );
    let replaced = &desk.peers[0].news()[0];
    let long = "a-name-of-more-than-16-characters";
    assert_eq!(replaced.say(&["client_id", "text"]), format!("replaced {} {long}", &long[..16]));
    assert_eq!(replaced.number_of("target_order_id"), order_id);

    let query = QueryOrder {
        order_id: OrderId(replaced.number_of("order_id")),
        account: AccountId(1),
        client_order_id: ClientOrderId::EMPTY,
    };
    desk.ask(0, query);
    assert_eq!(
        desk.said(0, &["qty", "open_qty", "request", "time_in_force", "text"]),
        [format!("order_status 0.00007 0.00007 4 gtc {long}")]
    );
    desk.ask(0, cancel(0, long));
    assert_eq!(desk.said(0, &["request", "reason", "side"]), ["cancelled 5 cancelled buy"]);

    let mut order = limit(2, Side::Buy, 900, 1, "ioc");
    order.time_in_force = TimeInForce::Ioc;
    desk.ask(1, order);
    let expected = ["accepted 2", "expired 2 immediate_or_cancel"];
    assert_eq!(desk.said(1, &["request", "reason"]), expected);
    desk.ask(1, limit(2, Side::Buy, 900, 1, "one"));
    desk.ask(1, limit(2, Side::Buy, 901, 1, "two"));
    desk.peers[1].news();
    let all = MassCancel {
        account: AccountId(2),
        instrument: InstrumentId::ALL,
        sides: SideScope::Both,
        reserved: [0; 7],
    };
    desk.ask(1, all);
    let expected =
        ["cancelled 5 mass_cancelled", "cancelled 5 mass_cancelled", "mass_cancel_done 2 5"];
    assert_eq!(desk.said(1, &["request", "reason", "orders"]), expected);
    let countdown =
        CountdownCancel { account: AccountId(2), instrument: MARKET, after_ns: 1 << 40 };
    desk.ask(1, countdown);
    assert_eq!(desk.said(1, &["request"]), ["countdown_set 6"]);
    assert!(desk.peers.iter().all(|peer| peer.ear.gaps.is_empty()));
}

#[test]
fn a_refusal_names_the_record_and_the_field() {
    let mut desk = Desk::new("binary-refused", false);
    let fields = ["client_id", "request", "reason", "source", "record_kind", "field", "leg"];
    let offset = |kind: Kind, name: &str| {
        kind.fields().iter().find(|field| field.name == name).unwrap().offset
    };
    let price = offset(Kind::NewOrder, "price");
    let mut odd = limit(1, Side::Buy, 1_000, 5, "odd");
    odd.price = Price::from_units(99_999);
    desk.ask(0, odd);
    let expected = format!("rejected odd 1 12 engine 16 {price} 0");
    assert_eq!(desk.said(0, &fields), [expected]);
    desk.ask(0, cancel(0, "nothing"));
    let at = offset(Kind::CancelOrder, "order_id");
    assert_eq!(desk.said(0, &fields), [format!("rejected nothing 2 4 engine 17 {at} 0")]);
    // A stop without its price: the fault is in the extension.
    let trigger = OrderTrigger {
        trigger_price: Price::ZERO,
        trailing_amount: Price::ZERO,
        activation_price: Price::ZERO,
        trailing_bps: 0,
        trigger: Trigger::Stop,
        reserved: [0; 19],
    };
    let plain = |text: &str| body_of(&limit(1, Side::Buy, 1_000, 5, text).into());
    let now = desk.time();
    desk.peers[0].ask_group(now, MARKET, &[plain("stop"), trigger.into()]);
    desk.turn();
    let told = desk.peers[0].news();
    assert_eq!(told[0].number_of("record_kind"), u64::from(Kind::OrderTrigger as u8), "{told:?}");
    assert_eq!(told[0].number_of("field"), u64::from(offset(Kind::OrderTrigger, "trigger_price")));
    // What is no order is refused by the gateway.
    desk.peers[0].ask_group(now, MARKET, &[plain("twice"), trigger.into(), trigger.into()]);
    desk.turn();
    let expected = format!("rejected twice 4 4 gateway {} 0 0", Kind::OrderTrigger as u8);
    assert_eq!(desk.said(0, &fields), [expected]);
    desk.ask(0, limit(1, Side::Buy, 1_000, 5, "good"));
    assert_eq!(desk.said(0, &["request"]), ["accepted 5"]);
}

/// The record of a plain command.
fn body_of(command: &Command) -> Body {
    *Request::of(command).unwrap().bodies().next().unwrap()
}

fn list(peer: usize, text: &str) -> Vec<Body> {
    let head = NewOrderList {
        client_id: ClientId::new(text.as_bytes()).unwrap(),
        kind: ListKind::Oco,
        pending_rule: PendingRule::FullFill,
        reserved: [0; 30],
    };
    let account = 1 + peer as u32;
    let stop = OrderTrigger {
        trigger_price: Price::from_units(90_000),
        trailing_amount: Price::ZERO,
        activation_price: Price::ZERO,
        trailing_bps: 0,
        trigger: Trigger::Stop,
        reserved: [0; 19],
    };
    let above = limit(account, Side::Sell, 1_100, 2, &format!("{text}-a"));
    let below = limit(account, Side::Sell, 890, 2, &format!("{text}-b"));
    vec![head.into(), body_of(&above.into()), body_of(&below.into()), stop.into()]
}

#[test]
fn a_list_is_told_with_its_orders_and_a_leg_that_is_wrong_is_named() {
    let mut desk = Desk::new("binary-list", false);
    // A stop waits for trades below where the market was.
    desk.ask(0, limit(1, Side::Buy, 1_000, 1, ""));
    desk.ask(1, limit(2, Side::Sell, 1_000, 1, ""));
    desk.peers[0].news();
    let now = desk.time();
    desk.peers[0].ask_group(now, MARKET, &list(0, "list"));
    desk.turn();
    let told = desk.peers[0].news();
    let kinds: Vec<_> = told.iter().map(|heard| heard.say(&["client_id", "request"])).collect();
    assert_eq!(kinds[0], "list_accepted 2");
    assert_eq!(kinds[1], "accepted list-a 2");
    assert!(kinds.contains(&"accepted list-b 2".to_owned()), "{kinds:?}");
    let waiting = told.iter().find(|heard| heard.body.kind() == Kind::Waiting).unwrap();
    assert_eq!(waiting.get("list_id"), told[0].get("list_id"));
    assert_eq!(waiting.get("order_id"), told[0].get("order_id_2"));
    let mut wrong = list(0, "wrong");
    if let Body::NewOrder(NewOrder { price, .. }) = &mut wrong[2] {
        *price = Price::from_units(89_999);
    }
    desk.peers[0].ask_group(now, MARKET, &wrong);
    desk.turn();
    let told = desk.peers[0].news();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].say(&["request", "leg"]), "rejected 3 2");
    assert_eq!(told[0].number_of("record_kind"), u64::from(Kind::NewOrder as u8));
}

#[test]
fn the_orders_of_a_session_end_with_its_connection_and_no_others() {
    let mut desk = Desk::new("binary-gone", true);
    let other = limit(1, Side::Buy, 990, 1, "by-another-gateway").into();
    desk.handle.submit(Submission { token: 0, commands: &[other] }).unwrap();
    desk.ask(0, limit(1, Side::Buy, 991, 1, "mine"));
    desk.ask(1, limit(2, Side::Buy, 992, 1, "theirs"));
    assert_eq!(desk.said(0, &["client_id"]), ["accepted mine"], "others' orders are not told");
    desk.drop_link(0);
    let now = desk.time();
    desk.lines.tick(now, &mut desk.handle.submitter);
    desk.turn();
    desk.log_on(0);
    desk.turn();
    assert_eq!(desk.said(0, &["request", "reason"]), ["cancelled 0 disconnected"]);
    // A venue that is killed owes it, and does it when it is back.
    desk.ask(0, limit(1, Side::Buy, 991, 1, "again"));
    desk.peers[0].news();
    let end = desk.delivered;
    let mut desk = desk.kill(end);
    let now = desk.time();
    desk.lines.tick(now, &mut desk.handle.submitter);
    desk.turn();
    desk.log_on(0);
    desk.log_on(1);
    assert_eq!(desk.said(0, &["request", "reason"]), ["cancelled 0 disconnected"]);
    let live = desk.core.engine().live_orders();
    assert_eq!(live, 1, "the one of another gateway");
}

#[test]
fn no_more_orders_are_open_than_an_account_may_have() {
    let mut desk = Desk::new("binary-limits", false);
    let rules = [(
        "BTCUSDT".parse().unwrap(),
        OpenOrderLimits { orders: Some(3), ..OpenOrderLimits::default() },
    )];
    let mut models = Models::new(ModelLimits::default());
    let mut replica = Replica::new(SMALL_ENGINE, ModelLimits::default());
    let mut cursor = desk.core.log().read(1).unwrap();
    while let Some(record) = cursor.next_record().unwrap() {
        replica.apply(&record).unwrap();
    }
    models.clone_from(replica.models());
    desk.lines.limit_open_orders(OpenOrdersHere::new(&rules.into_iter().collect(), &models));
    let now = desk.time();
    for (at, text) in ["a", "b", "c", "d"].iter().enumerate() {
        desk.peers[0].ask(now, &limit(1, Side::Buy, 990 - at as i64, 1, text).into());
    }
    desk.turn();
    let said = desk.said(0, &["client_id", "request", "reason", "source"]);
    assert_eq!(said[0], "rejected d 4 6 gateway", "at once, without the engine");
    assert_eq!(said[1..], ["accepted a 1", "accepted b 2", "accepted c 3"]);
    desk.ask(0, cancel(0, "a"));
    desk.ask(0, limit(1, Side::Buy, 980, 1, "e"));
    assert_eq!(desk.said(0, &["request"]), ["cancelled 5", "accepted 6"]);
}

/// What a client of the random test asks next.
pub(crate) fn random_request(random: &mut Random, peer: usize, count: u64) -> Vec<Body> {
    let account = 1 + peer as u32;
    let fresh = format!("{peer}-{count}");
    let former = format!("{peer}-{}", random.below(count.max(1)));
    let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
    let ticks = 1_000 + random.below(20) as i64 - 10;
    let order = limit(account, side, ticks, 1 + random.below(5), &fresh);
    let command = match random.below(10) {
        0..4 => order.into(),
        // Twice the same bytes, which only their numbers tell apart.
        4 => limit(account, side, 1_000, 1, "").into(),
        5 => cancel(peer, &former),
        6 => amend(peer, &former, ticks, 1 + random.below(5)),
        7 => replace(peer, &former, order),
        8 => return list(peer, &fresh),
        _ => QueryOrder {
            order_id: OrderId::NONE,
            account: AccountId(account),
            client_order_id: name(&former),
        }
        .into(),
    };
    Request::of(&command).unwrap().bodies().copied().collect()
}

/// A session of a random life: requests, connections that drop, and a process that is killed at any
/// point, with what the log had by then.
fn live(seed: u64, place: &str) {
    let mut random = Random::new(seed);
    let mut desk = Desk::new(place, false);
    let mut heard: [Vec<Heard>; 2] = Default::default();
    for count in 1..=400_u64 {
        let at = random.below(2) as usize;
        let now = desk.time();
        let bodies = random_request(&mut random, at, count);
        desk.peers[at].ask_group(now, MARKET, &bodies);
        desk.now += 1;
        match random.below(12) {
            0 => desk.hear(),
            1 => {
                desk.hear();
                desk.core.poll(desk.time()).unwrap();
            }
            2 => {
                desk.hear();
                desk.core.poll(desk.time()).unwrap();
                desk.core.poll(desk.time()).unwrap();
                desk.deliver(random.below(4) as usize);
            }
            3 => desk.drop_link(at),
            4 => {
                // Killed: the log has all that was told, and perhaps more.
                for _ in 0..random.below(3) {
                    desk.core.poll(desk.time()).unwrap();
                }
                if random.one_in(3) {
                    desk.deliver(random.below(6) as usize);
                }
                if random.one_in(2) {
                    desk.flush();
                }
                let last = desk.core.log().position().sequence;
                let end = desk.delivered + random.below(last + 1 - desk.delivered);
                desk = desk.kill(end);
            }
            5..8 => {}
            _ => desk.turn(),
        }
        if random.one_in(3) {
            for at in 0..2 {
                if desk.links[at].is_none() {
                    desk.log_on(at);
                }
            }
        }
    }
    for at in 0..2 {
        if desk.links[at].is_none() {
            desk.log_on(at);
        }
    }
    desk.turn();
    for (at, heard) in heard.iter_mut().enumerate() {
        let peer = &mut desk.peers[at];
        *heard = peer.news();
        assert_eq!(peer.ear.gaps, [], "seed {seed}");
        let numbers: Vec<u64> = heard.iter().map(|heard| heard.number).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "seed {seed}");
        check_answers(seed, heard, peer.asked());
    }
    check_log(seed, &desk.commands(), &heard);
}

/// Every request has its answer, and none has two.
pub(crate) fn check_answers(seed: u64, heard: &[Heard], asked: u64) {
    let firsts = [
        "accepted",
        "rejected",
        "replaced",
        "amended",
        "cancelled",
        "list_accepted",
        "order_status",
    ];
    let mut answered: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for heard in heard {
        let request = match heard.more.first() {
            Some(Body::StatusTerms(terms)) => terms.request,
            _ => heard.number_of("request"),
        };
        let kind = heard.body.kind().as_str();
        if request > 0 && firsts.contains(&kind) {
            answered.entry(request).or_default().push(kind);
        }
    }
    for request in 1..=asked {
        let kinds = answered.get(&request).map_or(&[][..], |kinds| kinds);
        let fits = match kinds {
            ["list_accepted", legs @ ..] => {
                legs.len() == 2 && legs.iter().all(|leg| *leg == "accepted")
            }
            // An amendment that trades, or fills, says so once more.
            [_] | ["amended" | "cancelled", "amended" | "cancelled"] => true,
            _ => false,
        };
        assert!(fits, "seed {seed}: request {request} of {asked}: {kinds:?}");
    }
}

/// The log has every order that was told once, and no other.
pub(crate) fn check_log(seed: u64, commands: &[Command], heard: &[Vec<Heard>; 2]) {
    let mut entered: BTreeMap<(AccountId, ClientOrderId), u32> = BTreeMap::new();
    let mut unnamed = [0_usize; 2];
    for command in commands {
        let order = match *command {
            Command::NewOrder(order) => order,
            Command::ReplaceOrder(replace) => replace.order,
            _ => continue,
        };
        if order.client_order_id.is_empty() {
            unnamed[order.account.0 as usize - 1] += 1;
        } else {
            *entered.entry((order.account, order.client_order_id)).or_default() += 1;
        }
    }
    assert!(entered.values().all(|count| *count == 1), "seed {seed}: an order was entered twice");
    for (unnamed, heard) in unnamed.iter().zip(heard) {
        let is_unnamed = |heard: &&Heard| {
            heard.get("client_id").is_empty() && heard.body.kind() == Kind::Accepted
        };
        assert_eq!(heard.iter().filter(is_unnamed).count(), *unnamed, "seed {seed}");
    }
    // Each order is told once.
    for heard in heard {
        let taken = heard.iter().filter(|heard| heard.body.kind() == Kind::Accepted);
        let ids: Vec<u64> = taken.map(|heard| heard.number_of("order_id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "seed {seed}");
    }
}

#[test]
fn a_process_killed_at_any_moment_loses_nothing_and_does_nothing_twice() {
    for seed in soak::rounds("binary_killed", 12) {
        live(seed, "binary-killed");
    }
}

#[test]
fn requests_and_answers_allocate_nothing_after_warm_up() {
    const ROUNDS: u64 = 3_000;
    let this = "it::binary_lines::requests_and_answers_allocate_nothing_after_warm_up";
    alone(this, || {
        let place = Place::new("binary-allocation");
        let journal = Options { segment_size: 64 << 20, ..Options::default() };
        let stored = StoreOptions { journal, ..store_options(None) };
        let opened = store::open(place.path(), IoOptions::default(), &stored).unwrap();
        let (mut core, mut handles) = pipeline(&OPTIONS, opened.journal, opened.engine, 1);
        let mut handle = handles.remove(0);
        for command in setup() {
            ask(&mut core, &mut handle, 1, &[command]);
        }
        let mut lines = Lines::open(options(&place), Timestamp(0)).unwrap();
        let mut peer = Peer::new("key-0", secret(0), false);
        let now = Timestamp(1_000_000);
        let mut gate = Gate::new(now, [0; 32]);
        peer.connected(now);
        gate.received(now, &peer.take());
        peer.hear(now, gate.output());
        let (_, login) = gate.received(now, &peer.take());
        let login = login.unwrap();
        let (text, key) = login::verify(&keys(), &login).unwrap();
        let line = lines.log_on(now, &login, (&text, key)).unwrap();
        peer.hear(now, lines.line(line).session().output());
        // Two orders that trade, one that rests, and its cancel; made before anything is counted.
        let rounds: Vec<Vec<u8>> = (0..ROUNDS)
            .map(|_| {
                peer.ask(now, &limit(1, Side::Buy, 1_000, 1, "bid").into());
                peer.ask(now, &limit(1, Side::Sell, 1_000, 1, "ask").into());
                peer.ask(now, &limit(1, Side::Buy, 990, 1, "rest").into());
                peer.ask(now, &cancel(0, "rest"));
                peer.take()
            })
            .collect();
        let mut go = |bytes: &[u8]| {
            let mut told = 0;
            assert_eq!(lines.received(line, now, bytes, &mut handle.submitter), bytes.len());
            while told < 6 {
                core.poll(now).unwrap();
                if core.waits_for_log() {
                    core.idle(now, std::time::Duration::ZERO).unwrap();
                }
                let tell = |delivery: &Delivery| lines.delivered(delivery, now, 1);
                handle.deliveries.poll(usize::MAX, tell).unwrap();
                while let Some(line) = lines.next_stirred() {
                    let output = lines.line(line).session().output();
                    told += output.len() / RECORD_SIZE;
                    output.clear();
                }
                lines.save_checkpoint();
            }
            told
        };
        let (warm_up, counted) = rounds.split_at(ROUNDS as usize / 2);
        let mut told: usize = warm_up.iter().map(|bytes| go(bytes)).sum();
        let allocated = allocations(|| {
            for bytes in counted {
                told += go(bytes);
            }
        });
        assert_eq!(allocated, 0, "{told} answers");
        assert!(told as u64 >= 6 * ROUNDS, "it was work: {told}");
    });
}
