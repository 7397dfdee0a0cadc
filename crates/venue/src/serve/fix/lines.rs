//! The sessions of all identities, whether somebody is connected or not.

use std::io;
use std::mem;
use std::sync::Arc;

use tiercel_telemetry::Registry;
use tiercel_types::{AccountId, Event, EventHeader, InstrumentId, Timestamp};
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::message::decode;
use tiercel_wire::fix::session::{
    Application, BusinessReject, MemoryStore, Role, Session, SessionConfig, Store,
};
use tiercel_wire::fix::value::TimeWriter;
use tiercel_wire::fix::{Decoder, Encoder, Frame, Message, frame, tag};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::super::gateway::{Events, Gateway};
use super::super::now_ms;
use super::metrics::FixMetrics;
use super::now;
use crate::accounts::{Key, Keys};
use crate::binance::signature::Verifier;
use crate::fix::store::{FileStore, SessionStore};
use crate::fix::{Asked, Desk, FixOptions, Identity, Moment, Next, Outgoing, Refused, Reports};
use crate::models::{LevelChange, Models};

/// A request that waits for the engine, and whose it is.
pub(crate) struct Waiting {
    line: usize,
    asked: Asked,
}

/// A connection's hold of a session: which, and by which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    line: usize,
    number: u64,
}

/// What a first message is answered with.
pub(crate) enum Met {
    /// The connection is this session's from now on.
    Session(Link, Arc<Notify>),
    /// Nothing: no identity's, or one that is connected.
    Nobody,
    /// A goodbye that says why.
    Refused(Vec<u8>),
}

/// An identity and its session.
struct Line {
    identity: Identity,
    session: Session,
    store: SessionStore,
    desk: Desk,
    decoder: Decoder,
    link: Option<(u64, Arc<Notify>)>,
    /// The key that it is logged on with.
    key: Option<Arc<Key>>,
}

/// All of them.
pub(crate) struct Lines {
    /// `None` while its session is being spoken to.
    all: Vec<Option<Line>>,
    comp_id: String,
    unsent_bytes_max: usize,
    reports: Reports,
    connections: u64,
    metrics: Option<FixMetrics>,
}

/// Says nothing: what a session tells that nobody speaks to.
struct Quiet;

impl Application for Quiet {
    fn on_message(&mut self, _: &Message<'_>) -> Result<(), BusinessReject> {
        Err(BusinessReject::unsupported())
    }
}

impl Line {
    /// Sends messages of the application; wakes its connection.
    fn say(&mut self, now: Timestamp, outgoing: impl IntoIterator<Item = Outgoing>) -> u64 {
        // Whose numbers begin anew with its logon is never sent what it missed.
        if self.link.is_none() && self.identity.reset_on_logon {
            return 0;
        }
        let mut count = 0;
        for Outgoing { message_type, body, kept } in outgoing {
            if kept {
                self.session.send(now, &mut self.store, message_type, body);
            } else {
                self.session.send_once(now, &mut self.store, message_type, body);
            }
            count += 1;
        }
        count
    }

    fn wake(&self) {
        if let Some((_, wake)) = &self.link {
            wake.notify_one();
        }
    }

    /// The connection is gone.
    fn part(&mut self, now: Timestamp) {
        self.session.closed(now, &mut self.store, &mut Quiet);
        self.session.output().clear();
        self.desk.feed.clear();
        (self.link, self.key) = (None, None);
    }

    fn is_linked(&self, link: Link) -> bool {
        self.link.as_ref().is_some_and(|(number, _)| *number == link.number)
    }
}

impl Lines {
    /// No FIX.
    pub(crate) fn none() -> Self {
        Self {
            all: Vec::new(),
            comp_id: String::new(),
            unsent_bytes_max: 0,
            reports: Reports::default(),
            connections: 0,
            metrics: None,
        }
    }

    /// The sessions of all identities, as they were left.
    pub(super) fn open(
        options: &FixOptions,
        dictionary: &Arc<Dictionary>,
        keys: &Keys,
        registry: &Registry,
        now: Timestamp,
    ) -> io::Result<Self> {
        if let Some(folder) = &options.store {
            std::fs::create_dir_all(folder)?;
        }
        let open = |identity: &Identity| -> io::Result<Option<Line>> {
            let (ours, theirs) = (options.comp_id.as_bytes(), identity.comp_id.as_bytes());
            let config = SessionConfig {
                reset_on_logon: identity.reset_on_logon,
                reset_on_logout: identity.reset_on_logout,
                reset_on_disconnect: identity.reset_on_disconnect,
                schedule: identity.schedule,
                dictionary: Arc::clone(dictionary),
                ..SessionConfig::new(ours, theirs, Role::Acceptor)
            };
            let store = match &options.store {
                None => SessionStore::Memory(MemoryStore::new(now)),
                Some(folder) => {
                    let name = format!("{}-{}.fix", options.comp_id, identity.comp_id);
                    SessionStore::File(FileStore::open(&folder.join(name), now)?)
                }
            };
            let account = keys.get(&identity.api_key).map_or(AccountId::ALL, |key| key.account);
            Ok(Some(Line {
                identity: identity.clone(),
                session: Session::new(config),
                store,
                desk: Desk::new(account),
                decoder: Decoder::default(),
                link: None,
                key: None,
            }))
        };
        Ok(Self {
            all: options.sessions.iter().map(open).collect::<io::Result<_>>()?,
            comp_id: options.comp_id.clone(),
            unsent_bytes_max: options.unsent_bytes_max,
            metrics: Some(FixMetrics::new(registry)?),
            ..Self::none()
        })
    }

    fn count(&self, count: impl Fn(&FixMetrics)) {
        self.metrics.iter().for_each(count);
    }

    /// An event is about to be folded into `models`.
    pub(crate) fn before(&mut self, models: &Models, header: &EventHeader, event: &Event) {
        if !self.all.is_empty() {
            self.reports.before(models, header, event);
        }
    }

    /// A level has changed.
    pub(crate) fn changed(&mut self, instrument: InstrumentId, change: &LevelChange) {
        for line in self.all.iter_mut().flatten() {
            line.desk.feed.changed(instrument, change);
        }
    }

    /// An event was folded into `models`: those are told whom it concerns.
    pub(crate) fn tell(
        &mut self,
        models: &Models,
        (header, event): (&EventHeader, &Event),
        waiting: Option<&Waiting>,
    ) {
        if self.all.is_empty() {
            return;
        }
        let Self { all, reports, metrics, .. } = self;
        let asked = waiting.map(|waiting| &waiting.asked);
        let wanted = |account| all.iter().flatten().any(|line| line.desk.account() == account);
        let mut told = Vec::new();
        reports.after(models, (header, event), asked, wanted, &mut told);
        let now = now();
        let mut sent = 0;
        for (account, order_id, report) in told {
            for line in all.iter_mut().flatten() {
                if line.desk.account() == account {
                    let mut report = report.clone();
                    line.desk.overlay(&mut report, order_id, asked);
                    sent += line.say(now, [report.outgoing()]);
                    line.wake();
                }
            }
        }
        for line in all.iter_mut().flatten() {
            let told = line.desk.feed.tell(models, header, event);
            if !told.is_empty() {
                sent += line.say(now, told);
                line.wake();
            }
        }
        if sent > 0 {
            if let Some(metrics) = metrics {
                metrics.sent.add(sent);
            }
            self.cut_off();
        }
    }

    /// Ends the connections of those who do not read.
    fn cut_off(&mut self) {
        let Self { all, metrics, unsent_bytes_max, .. } = self;
        for line in all.iter_mut().flatten() {
            if line.session.output().len() > *unsent_bytes_max {
                warn!(
                    session = line.identity.comp_id,
                    "a FIX client that does not read is cut off"
                );
                if let Some(metrics) = metrics {
                    metrics.cut_off.increment();
                }
                line.wake();
                line.part(now());
            }
        }
    }

    fn line(&mut self, link: Link) -> Option<&mut Line> {
        let line = self.all.get_mut(link.line)?.as_mut()?;
        line.is_linked(link).then_some(line)
    }

    /// Who a first message is from, and whether it may log on.
    fn meet(&mut self, keys: &Keys, bytes: &[u8]) -> Met {
        let mut decoder = Decoder::default();
        let Ok(Some(message)) = decode(&mut decoder, bytes) else { return Met::Nobody };
        let is_ours = message.get(tag::TARGET_COMP_ID) == Some(self.comp_id.as_bytes());
        if message.message_type() != b"A" || !is_ours {
            return Met::Nobody;
        }
        let theirs = message.get(tag::SENDER_COMP_ID);
        let found = self.all.iter_mut().enumerate().find_map(|(at, line)| {
            let line = line.as_mut()?;
            (theirs == Some(line.identity.comp_id.as_bytes())).then_some((at, line))
        });
        let Some((at, line)) = found else { return Met::Nobody };
        if line.link.is_some() {
            return Met::Nobody;
        }
        let now = now();
        let key = match check(&line.identity, keys, &message) {
            Ok(key) => key,
            Err(text) => {
                warn!(session = line.identity.comp_id, text, "a FIX logon is refused");
                let goodbye = goodbye(&self.comp_id, line, now, text);
                self.count(|metrics| metrics.refused.increment());
                return Met::Refused(goodbye);
            }
        };
        self.connections += 1;
        let wake = Arc::new(Notify::new());
        line.link = Some((self.connections, Arc::clone(&wake)));
        line.desk.begin(key.account, key.may_trade);
        line.key = Some(key);
        line.session.connected(now, &mut line.store);
        info!(session = line.identity.comp_id, "a FIX client has connected");
        Met::Session(Link { line: at, number: self.connections }, wake)
    }
}

/// Whether a logon shows the name and the secret of its identity's key.
///
/// # Errors
/// What the client is told.
fn check(
    identity: &Identity,
    keys: &Keys,
    message: &Message<'_>,
) -> Result<Arc<Key>, &'static str> {
    let refused = Err("Username (553) and Password (554) are not the session's");
    let key = keys.get(&identity.api_key);
    let password = message.get(tag::PASSWORD).unwrap_or_default();
    let username = message.get(tag::USERNAME).unwrap_or_default();
    match key {
        Some(key) if username == identity.api_key.as_bytes() => match &key.verifier {
            Verifier::Hmac(secret) if is_same(secret, password) && key.may_read => Ok(key),
            Verifier::Hmac(_) => refused,
            Verifier::Ed25519(_) => Err("the session's key has no secret that is a password"),
        },
        _ => refused,
    }
}

/// Compares in a time that does not tell where they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differs == 0
}

/// A goodbye outside of the session: its numbers stay what they are.
fn goodbye(comp_id: &str, line: &Line, now: Timestamp, text: &str) -> Vec<u8> {
    let mut encoder = Encoder::new(b"FIX.4.4");
    encoder.begin(b"5");
    encoder.unsigned(tag::MSG_SEQ_NUM, line.store.next_outgoing());
    encoder.text(tag::SENDER_COMP_ID, comp_id.as_bytes());
    encoder.text(tag::SENDING_TIME, TimeWriter::default().write(now));
    encoder.text(tag::TARGET_COMP_ID, line.identity.comp_id.as_bytes());
    encoder.text(tag::TEXT, text.as_bytes());
    encoder.finish().to_vec()
}

/// A session's requests, on their way to the engine.
struct Requests<'g> {
    gateway: &'g mut Gateway,
    desk: &'g mut Desk,
    line: usize,
    now: Timestamp,
    outgoing: Vec<Outgoing>,
}

impl Application for Requests<'_> {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let Self { gateway, desk, line, now, outgoing } = self;
        let moment = Moment { now: *now, id: gateway.generate_name().to_string() };
        let next = desk.hear(&gateway.models, message, &moment)?;
        let (commands, orders, asked) = match next {
            Next::Say(told) => {
                outgoing.extend(told);
                return Ok(());
            }
            Next::Submit { commands, orders, asked } => (commands, orders, asked),
        };
        let account = desk.account();
        let refused = if (0..orders).any(|_| gateway.orders.place(account, now_ms()).is_err()) {
            let text = "the account has placed as many unfilled orders as it may";
            Refused { order_reason: 3, ..Refused::other(text) }
        } else {
            match gateway.submit(account, &commands) {
                Ok(ticket) => {
                    gateway.answer_fix(ticket, Waiting { line: *line, asked });
                    return Ok(());
                }
                Err(busy) => Refused::other(busy.to_string()),
            }
        };
        outgoing.extend(desk.refuse(&gateway.models, &asked, refused, &moment));
        Ok(())
    }

    fn on_logout(&mut self) {
        self.desk.feed.clear();
    }
}

impl Gateway {
    /// Who a connection's first message is from.
    pub(crate) fn meet_fix(&mut self, keys: &Keys, bytes: &[u8]) -> Met {
        self.fix.meet(keys, bytes)
    }

    /// Takes the whole messages that `unread` begins with.
    pub(crate) fn hear_fix(&mut self, link: Link, unread: &mut Vec<u8>) {
        if self.fix.line(link).is_none() {
            return;
        }
        // The session is spoken to while the gateway does what it asks for.
        let Some(mut line) = self.fix.all.get_mut(link.line).and_then(Option::take) else {
            return;
        };
        let now = now();
        let (mut at, mut received, mut sent) = (0, 0, 0);
        while !line.session.wants_close() {
            match frame(&unread[at..]) {
                Frame::Partial => break,
                Frame::Garbled { skip, .. } => at += skip,
                Frame::Whole { length, body } => {
                    let bytes = &unread[at..at + length];
                    at += length;
                    received += 1;
                    let Line { session, store, desk, decoder, .. } = &mut line;
                    let outgoing = Vec::new();
                    let mut app = Requests { gateway: self, desk, line: link.line, now, outgoing };
                    // Bytes whose fields are none are no message: the next exposes the gap.
                    if let Ok(message) = decoder.index(bytes, body) {
                        session.received(now, &message, store, &mut app);
                    }
                    let outgoing = mem::take(&mut app.outgoing);
                    sent += line.say(now, outgoing);
                }
            }
        }
        unread.drain(..at);
        self.fix.all[link.line] = Some(line);
        self.fix.count(|metrics| {
            metrics.received.add(received);
            metrics.sent.add(sent);
        });
        self.fix.cut_off();
    }

    /// What a session has to send, and whether its connection ends behind it; `None`: the connection
    /// is the session's no more.
    pub(crate) fn output_fix(&mut self, link: Link) -> Option<(Vec<u8>, bool)> {
        let line = self.fix.line(link)?;
        Some((mem::take(line.session.output()), line.session.wants_close()))
    }

    /// A connection is gone.
    pub(crate) fn part_fix(&mut self, link: Link) {
        if let Some(line) = self.fix.line(link) {
            info!(session = line.identity.comp_id, "a FIX client is gone");
            line.part(now());
        }
    }

    /// The venue says goodbye.
    pub(crate) fn leave_fix(&mut self, link: Link, text: &str) {
        if let Some(line) = self.fix.line(link) {
            line.session.log_out(now(), &mut line.store, text);
        }
    }

    /// A request of a session is done.
    pub(crate) fn finish_fix(&mut self, waiting: &Waiting, events: &Events) {
        let moment = Moment { now: now(), id: self.generate_name().to_string() };
        let Self { fix, models, .. } = self;
        let Some(line) = fix.all.get_mut(waiting.line).and_then(Option::as_mut) else { return };
        let now = moment.now;
        let told = line.desk.done(models, &waiting.asked, events, &moment);
        let sent = line.say(now, told);
        line.wake();
        fix.count(|metrics| metrics.sent.add(sent));
    }

    /// Time has passed: heartbeats, time-outs, hours that are over, keys that were taken back.
    pub(crate) fn tick_fix(&mut self, keys: &Keys) {
        let now = now();
        let mut connected = 0_u32;
        for line in self.fix.all.iter_mut().flatten() {
            line.session.tick(now, &mut line.store);
            if line.key.as_ref().is_some_and(|key| key.is_revoked()) {
                line.session.log_out(now, &mut line.store, "the key was taken back");
            }
            if line.link.is_none() && line.desk.account() == AccountId::ALL {
                // A key that was made since the start.
                if let Some(key) = keys.get(&line.identity.api_key) {
                    line.desk.begin(key.account, false);
                }
            }
            if let Some(failure) = line.store.failure().filter(|_| line.link.is_some()) {
                error!(session = line.identity.comp_id, %failure, "the session's store has failed");
                line.wake();
                line.part(now);
            }
            connected += u32::from(line.link.is_some());
            if !line.session.output().is_empty() || line.session.wants_close() {
                line.wake();
            }
        }
        self.fix.count(|metrics| metrics.sessions.set(f64::from(connected)));
    }
}
