//! Binary sessions on a core that the test polls, with two clients.

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use tiercel_journal::{Durability, Entry, EventLog, LogCursor, MemoryLog};
use tiercel_matching::FullEngine;
use tiercel_types::command::{AmendOrder, ReplaceOrder};
use tiercel_types::order::{AmendQtyMeaning, ListKind, PendingRule, Trigger};
use tiercel_types::{AccountId, ClientOrderId, Command, OrderId, Price, Qty, Side, Timestamp};
use tiercel_venue::accounts::{Key, Keys};
use tiercel_venue::binance::signature::Verifier;
use tiercel_venue::binary::{BinaryOptions, LineId, Lines, Recovering, login};
use tiercel_venue::models::ModelLimits;
use tiercel_venue::pipeline::{Core, Handle, PipelineOptions, Submission, pipeline};
use tiercel_venue::replica::Replica;
use tiercel_wire::binary::session::Gate;
use tiercel_wire::binary::{Body, ClientId, LoginRefusal, NewOrderList, OrderTrigger, Request};

use crate::it::binary_peer::{Peer, Secret};
use crate::it::place::{Place, SMALL_ENGINE, SMALL_PIPELINE, limit, setup};

/// A venue's core and its binary sessions; two clients of two accounts.
pub(crate) struct Desk {
    pub(crate) place: Place,
    pub(crate) core: Core<MemoryLog>,
    pub(crate) handle: Handle,
    pub(crate) lines: Lines,
    pub(crate) peers: Vec<Peer>,
    pub(crate) links: Vec<Option<LineId>>,
    pub(crate) now: u64,
    /// The last command whose events were handed over.
    pub(crate) delivered: u64,
}

pub(crate) const OPTIONS: PipelineOptions = SMALL_PIPELINE;

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

pub(crate) fn options(place: &Place) -> BinaryOptions {
    let store = PathBuf::from(place.path()).join("binary");
    BinaryOptions { answers_kept: 4_096, ..BinaryOptions::new(store) }
}

impl Desk {
    pub(crate) fn new(name: &str, cancel_on_disconnect: bool) -> Self {
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

    pub(crate) const fn time(&self) -> Timestamp {
        Timestamp(self.now * 1_000_000)
    }

    pub(crate) fn log_on(&mut self, at: usize) {
        let line = self.ask_to_log_on(at).unwrap();
        self.links[at] = Some(line);
        self.turn();
        assert!(self.peers[at].session.is_logged_on());
    }

    /// A login whose key and signature are good.
    pub(crate) fn ask_to_log_on(&mut self, at: usize) -> Result<LineId, LoginRefusal> {
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
        self.lines.log_on(now, &login, (&text, key))
    }

    pub(crate) fn drop_link(&mut self, at: usize) {
        self.peers[at].closed();
        if let Some(line) = self.links[at].take() {
            self.lines.closed(line);
        }
    }

    /// What clients have to say reaches the sessions.
    pub(crate) fn hear(&mut self) {
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
    pub(crate) fn deliver(&mut self, most: usize) -> usize {
        let now = self.time();
        let Self { handle, lines, delivered, .. } = self;
        let read = handle.deliveries.poll(most, |delivery| {
            lines.delivered(delivery, now, 1);
            *delivered = delivery.header.sequence;
        });
        read.unwrap()
    }

    /// What there is to send reaches the clients.
    pub(crate) fn flush(&mut self) {
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
    pub(crate) fn turn(&mut self) {
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
    pub(crate) fn ask(&mut self, at: usize, command: impl Into<Command>) -> u64 {
        let now = self.time();
        let number = self.peers[at].ask(now, &command.into());
        self.turn();
        number
    }

    pub(crate) fn said(&mut self, at: usize, fields: &[&str]) -> Vec<String> {
        self.peers[at].news().iter().map(|heard| heard.say(fields)).collect()
    }

    /// The process is gone, and a new one comes to what the log has up to command `end`.
    pub(crate) fn kill(self, end: u64) -> Self {
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
    pub(crate) fn commands(&self) -> Vec<Command> {
        let mut cursor = self.core.log().read(1).unwrap();
        let mut commands = Vec::new();
        while let Some(record) = cursor.next_record().unwrap() {
            commands.push(record.command().unwrap());
        }
        commands
    }
}

pub(crate) fn name(text: &str) -> ClientOrderId {
    text.parse().unwrap()
}

pub(crate) fn cancel(peer: usize, text: &str) -> Command {
    let account = AccountId(1 + peer as u32);
    let client_order_id = name(text);
    tiercel_types::command::CancelOrder { order_id: OrderId::NONE, account, client_order_id }.into()
}

pub(crate) fn amend(peer: usize, text: &str, ticks: i64, lots: u64) -> Command {
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

pub(crate) fn replace(
    peer: usize,
    target: &str,
    order: tiercel_types::command::NewOrder,
) -> Command {
    let _ = peer;
    ReplaceOrder {
        target_order_id: OrderId::NONE,
        target_client_order_id: name(target),
        reserved: [0; 4],
        order,
    }
    .into()
}

/// The record of a plain command.
pub(crate) fn body_of(command: &Command) -> Body {
    *Request::of(command).unwrap().bodies().next().unwrap()
}

pub(crate) fn list(peer: usize, text: &str) -> Vec<Body> {
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
