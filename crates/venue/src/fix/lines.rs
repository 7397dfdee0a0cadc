//! The sessions of all identities, whether somebody is connected or not. No socket, no clock.
//!
//! ```text
//!   first message --> meet: whose session it is, and whether it may log on
//!   message --> hear --> Session --> Desk --> Submitter          what waits for the engine: Pending
//!   event --> delivered --> Models, Reports --> Session: reports, to whom they are, connected or not
//!                            Pending, with its last event --> Desk::done
//!   output(line) <-- bytes to send
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use tiercel_net::session_store::SessionStore;
use tiercel_types::{AccountId, Command, Event, EventHeader, InstrumentId, Timestamp};
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::{
    Application, BusinessReject, Role, Session, SessionConfig, Store as _,
};
use tiercel_wire::fix::{Encoder, Message, tag};

use super::{Asked, Desk, FixOptions, Identity, Moment, Next, Outgoing, Refused, Reports};
use crate::accounts::{Key, Keys};
use crate::binance::answer::NANOS_PER_MILLI;
use crate::binance::rate_limit::OrderLimiter;
use crate::binance::signature::Verifier;
use crate::models::Models;
use crate::open_orders::{self, OpenOrderRules, OpenOrders};
use crate::pipeline::{Delivery, Submission, Submitter};
use crate::secret::is_same;

/// What a first message is answered with.
pub enum Met {
    /// The connection is this session's from now on.
    Session(usize),
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
    /// Somebody is connected.
    is_linked: bool,
    /// The key that it is logged on with.
    key: Option<Arc<Key>>,
}

/// A request that waits for the engine, and whose it is.
struct Waiting {
    line: usize,
    account: AccountId,
    asked: Asked,
    /// The orders that it enters, and on which instrument.
    entering: Option<(InstrumentId, OpenOrders)>,
    events: Vec<(EventHeader, Event)>,
}

/// Messages of the application, since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whole messages that came.
    pub received: u64,
    /// That were sent, or kept to be sent.
    pub sent: u64,
    /// Logons that were refused.
    pub refused: u64,
}

/// Ids for answers that tell of no event: the start of this gateway in milliseconds and a counter, so
/// that they differ from those of any other start.
struct Ids {
    start_ms: u64,
    count: u64,
}

impl Ids {
    fn moment(&mut self, now: Timestamp) -> Moment {
        self.count += 1;
        Moment { now, id: format!("f-{:x}-{:x}", self.start_ms, self.count) }
    }
}

/// All of them, with what they share.
pub struct Lines {
    all: Vec<Line>,
    comp_id: String,
    models: Models,
    keys: Keys,
    /// Counts the orders of accounts, over whichever interface they come.
    orders: OrderLimiter,
    open_orders: OpenOrderRules,
    reports: Reports,
    waiting: HashMap<u64, Waiting>,
    next_token: u64,
    ids: Ids,
    counts: Counts,
}

/// Says nothing: what a session tells that nobody speaks to.
struct Quiet;

impl Application for Quiet {
    fn on_message(&mut self, _: &Message<'_>) -> Result<(), BusinessReject> {
        Err(BusinessReject::unsupported())
    }
}

impl Line {
    /// Sends messages of the application; how many.
    fn say(&mut self, now: Timestamp, outgoing: impl IntoIterator<Item = Outgoing>) -> u64 {
        // Whose numbers begin anew with its logon is never sent what it missed.
        if !self.is_linked && self.identity.reset_on_logon {
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
}

impl Lines {
    /// The sessions of `options`, as their stores remember them.
    pub fn new(
        options: &FixOptions,
        dictionary: &Arc<Dictionary>,
        stores: Vec<SessionStore>,
        models: Models,
        (keys, orders, open_orders): (Keys, OrderLimiter, OpenOrderRules),
        now: Timestamp,
    ) -> Self {
        let line = |(identity, store): (&Identity, SessionStore)| {
            let (ours, theirs) = (options.comp_id.as_bytes(), identity.comp_id.as_bytes());
            let config = SessionConfig {
                reset_on_logon: identity.reset_on_logon,
                reset_on_logout: identity.reset_on_logout,
                reset_on_disconnect: identity.reset_on_disconnect,
                schedule: identity.schedule,
                dictionary: Arc::clone(dictionary),
                ..SessionConfig::new(ours, theirs, Role::Acceptor)
            };
            let account = keys.get(&identity.api_key).map_or(AccountId::ALL, |key| key.account);
            Line {
                identity: identity.clone(),
                session: Session::new(config),
                store,
                desk: Desk::new(account),
                is_linked: false,
                key: None,
            }
        };
        Self {
            all: options.sessions.iter().zip(stores).map(line).collect(),
            comp_id: options.comp_id.clone(),
            models,
            keys,
            orders,
            open_orders,
            reports: Reports::default(),
            waiting: HashMap::new(),
            next_token: 1,
            ids: Ids { start_ms: now.0 / NANOS_PER_MILLI, count: 0 },
            counts: Counts::default(),
        }
    }

    /// What was counted.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Sessions with a connection.
    pub fn connected(&self) -> usize {
        self.all.iter().filter(|line| line.is_linked).count()
    }

    /// Whose session it is: its `CompID`.
    pub fn name(&self, line: usize) -> &str {
        self.all.get(line).map_or("", |line| &line.identity.comp_id)
    }

    /// Who a first message is from, and whether it may log on.
    pub fn meet(&mut self, now: Timestamp, message: &Message<'_>) -> Met {
        let is_ours = message.get(tag::TARGET_COMP_ID) == Some(self.comp_id.as_bytes());
        if message.message_type() != b"A" || !is_ours {
            return Met::Nobody;
        }
        let theirs = message.get(tag::SENDER_COMP_ID);
        let is_it = |line: &Line| theirs == Some(line.identity.comp_id.as_bytes());
        let Some(at) = self.all.iter().position(is_it) else { return Met::Nobody };
        let line = &mut self.all[at];
        if line.is_linked || line.store.failure().is_some() {
            return Met::Nobody;
        }
        match check(&line.identity, &self.keys, message) {
            Ok(key) => {
                line.is_linked = true;
                line.desk.begin(key.account, key.may_trade);
                line.key = Some(key);
                line.session.connected(now, &mut line.store);
                Met::Session(at)
            }
            Err(text) => {
                self.counts.refused += 1;
                Met::Refused(goodbye(&self.comp_id, line, now, text))
            }
        }
    }

    /// A message of a session's connection.
    pub fn hear(
        &mut self,
        now: Timestamp,
        at: usize,
        message: &Message<'_>,
        submitter: &mut Submitter,
    ) {
        let Self { all, models, orders, open_orders, waiting, next_token, ids, counts, .. } = self;
        let Some(line) = all.get_mut(at) else { return };
        counts.received += 1;
        let Line { session, store, desk, .. } = line;
        let shared = Shared { models, orders, open_orders, waiting, next_token, submitter };
        let mut requests =
            Requests { shared, desk, line: at, moment: ids.moment(now), outgoing: Vec::new() };
        session.received(now, message, store, &mut requests);
        let outgoing = requests.outgoing;
        counts.sent += line.say(now, outgoing);
    }

    /// An event of the venue.
    pub fn delivered(&mut self, now: Timestamp, delivery: &Delivery, submitter: &Submitter) {
        let Self { all, models, reports, waiting, counts, .. } = self;
        let Delivery { header, event, origin, .. } = delivery;
        reports.before(models, header, event);
        models.apply_told(header, event, |instrument, change| {
            for line in &mut *all {
                line.desk.feed.changed(instrument, change);
            }
        });
        let own = origin.gateway == submitter.gateway();
        let mut request = if own { waiting.get_mut(&origin.token) } else { None };
        let asked = request.as_deref().map(|request| &request.asked);
        let wanted = |account| all.iter().any(|line| line.desk.account() == account);
        let mut told = Vec::new();
        reports.after(models, (header, event), asked, wanted, &mut told);
        for (account, order_id, report) in told {
            for line in all.iter_mut().filter(|line| line.desk.account() == account) {
                let mut report = report.clone();
                line.desk.overlay(&mut report, order_id, asked);
                counts.sent += line.say(now, [report.outgoing()]);
            }
        }
        for line in &mut *all {
            let told = line.desk.feed.tell(models, header, event);
            counts.sent += line.say(now, told);
        }
        if let Some(request) = &mut request
            && delivery.concerns(request.account)
        {
            request.events.push((*header, *event));
        }
        if own && delivery.is_end_of_submission() {
            self.finish(now, origin.token);
        }
    }

    /// A request is done.
    fn finish(&mut self, now: Timestamp, token: u64) {
        let Some(request) = self.waiting.remove(&token) else { return };
        let Some(line) = self.all.get_mut(request.line) else { return };
        let moment = self.ids.moment(now);
        let told = line.desk.done(&self.models, &request.asked, &request.events, &moment);
        self.counts.sent += line.say(now, told);
    }

    /// What a session has to send, taken away by the caller, and whether its connection ends behind it.
    pub fn output(&mut self, at: usize) -> Option<(&mut Vec<u8>, bool)> {
        let line = self.all.get_mut(at)?;
        let ends = line.session.wants_close() || line.store.failure().is_some();
        Some((line.session.output(), ends))
    }

    /// What is wrong with the disk of a session, if something is.
    pub fn failure(&self, at: usize) -> Option<&std::io::Error> {
        self.all.get(at)?.store.failure()
    }

    /// The connection of a session is gone.
    pub fn part(&mut self, now: Timestamp, at: usize) {
        let Some(line) = self.all.get_mut(at) else { return };
        line.session.closed(now, &mut line.store, &mut Quiet);
        line.session.output().clear();
        line.desk.feed.clear();
        (line.is_linked, line.key) = (false, None);
    }

    /// The venue says goodbye to all who are connected.
    pub fn leave(&mut self, now: Timestamp, text: &str) {
        for line in self.all.iter_mut().filter(|line| line.is_linked) {
            line.session.log_out(now, &mut line.store, text);
        }
    }

    /// Time has passed: heartbeats, time-outs, hours that are over, keys that were taken back.
    pub fn tick(&mut self, now: Timestamp) {
        for line in &mut self.all {
            line.session.tick(now, &mut line.store);
            if line.key.as_ref().is_some_and(|key| key.is_revoked()) {
                line.session.log_out(now, &mut line.store, "the key was taken back");
            }
            if !line.is_linked && line.desk.account() == AccountId::ALL {
                // A key that was made since the start.
                if let Some(key) = self.keys.get(&line.identity.api_key) {
                    line.desk.begin(key.account, false);
                }
            }
        }
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

/// A goodbye outside of the session: its numbers stay what they are.
fn goodbye(comp_id: &str, line: &Line, now: Timestamp, text: &str) -> Vec<u8> {
    let mut encoder = Encoder::new(b"FIX.4.4");
    encoder.begin(b"5");
    encoder.unsigned(tag::MSG_SEQ_NUM, line.store.next_outgoing());
    encoder.text(tag::SENDER_COMP_ID, comp_id.as_bytes());
    encoder.time(tag::SENDING_TIME, now);
    encoder.text(tag::TARGET_COMP_ID, line.identity.comp_id.as_bytes());
    encoder.text(tag::TEXT, text.as_bytes());
    encoder.finish().to_vec()
}

/// What requests of all sessions need.
struct Shared<'l> {
    models: &'l Models,
    orders: &'l OrderLimiter,
    open_orders: &'l OpenOrderRules,
    waiting: &'l mut HashMap<u64, Waiting>,
    next_token: &'l mut u64,
    submitter: &'l mut Submitter,
}

impl Shared<'_> {
    /// Hands commands in, which enter so many orders; their token.
    ///
    /// # Errors
    /// Why nothing was taken.
    fn submit(
        &mut self,
        account: AccountId,
        commands: &[Command],
        orders: u32,
        now: Timestamp,
    ) -> Result<u64, Refused> {
        let beyond = |text| Refused { order_reason: 3, ..Refused::other(text) };
        let of_account = self.waiting.values().filter(|waiting| waiting.account == account);
        let entering = of_account.filter_map(|waiting| waiting.entering);
        let known = (self.models.instruments(), self.models.orders());
        open_orders::check(self.open_orders, known, account, commands, entering).map_err(beyond)?;
        self.orders
            .place_several(account, orders, now.0 / NANOS_PER_MILLI)
            .map_err(|_| beyond("the account has placed as many unfilled orders as it may"))?;
        let token = *self.next_token;
        self.submitter
            .submit(Submission { token, commands })
            .map_err(|busy| Refused::other(busy.to_string()))?;
        *self.next_token += 1;
        Ok(token)
    }
}

/// A session's requests, on their way to the engine.
struct Requests<'l> {
    shared: Shared<'l>,
    desk: &'l mut Desk,
    line: usize,
    moment: Moment,
    outgoing: Vec<Outgoing>,
}

impl Application for Requests<'_> {
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject> {
        let Self { shared, desk, line, moment, outgoing } = self;
        let (commands, orders, asked) = match desk.hear(shared.models, message, moment)? {
            Next::Say(told) => {
                outgoing.extend(told);
                return Ok(());
            }
            Next::Submit { commands, orders, asked } => (commands, orders, asked),
        };
        let account = desk.account();
        match shared.submit(account, &commands, orders, moment.now) {
            Ok(token) => {
                let entering = OpenOrders::entered_by(&commands);
                let (line, events) = (*line, Vec::new());
                let waiting = Waiting { line, account, asked, entering, events };
                shared.waiting.insert(token, waiting);
            }
            Err(refused) => outgoing.extend(desk.refuse(shared.models, &asked, refused, moment)),
        }
        Ok(())
    }

    fn on_logout(&mut self) {
        self.desk.feed.clear();
    }
}
