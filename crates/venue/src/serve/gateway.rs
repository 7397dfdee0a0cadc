//! What the serving thread owns: read models, limits, and the requests that wait for the engine.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tiercel_telemetry::Registry;
use tiercel_types::{AccountId, ClientOrderId, Command, Event, EventHeader, InstrumentId, OrderId};
use tokio::sync::oneshot;

use crate::accounts::Keys;
use crate::binance::ApiError;
use crate::binance::answer::NANOS_PER_MILLI;
use crate::binance::rate_limit::{OrderLimiter, RateLimits, WeightLimiter};
use crate::binance::stream::Cadence;
use crate::binance::ws_request::{self, Usage};
use crate::models::Models;
use crate::open_orders::{self, OpenOrderRules, OpenOrders};
use crate::pipeline::{Busy, Delivery, Status, Submission, Submitter};

use super::calls::{Tell, Work};
use super::hub::Hub;
use super::metrics::Metrics;
use super::queues::{ConnectionId, Inbox, Message, Speaks};
use super::{ServeOptions, native, now_ms};

/// Events of a submission, as its client may see them.
pub(super) type Events = Vec<(EventHeader, Event)>;

/// What all endpoints share. The mutex is there because handlers must be able to move between
/// threads; on the one thread that there is, nobody ever waits for it.
pub(super) struct Shared {
    gateway: Mutex<Gateway>,
    pub(super) options: ServeOptions,
    pub(super) keys: Keys,
    pub(super) status: Status,
    pub(super) registry: Registry,
}

impl Shared {
    pub(super) fn new(
        gateway: Gateway,
        options: ServeOptions,
        keys: Keys,
        status: Status,
        registry: Registry,
    ) -> Self {
        Self { gateway: Mutex::new(gateway), options, keys, status, registry }
    }

    /// The gateway; never to be held while waiting.
    pub(super) fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A submission that was taken. It has to be waited for, before events are folded again.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(pub(super) u64);

/// Where the events of a submission come, once all are durable. It fails if the venue does.
pub(super) type Replied = oneshot::Receiver<Events>;

/// A submission that is on its way. There are as many as the command ring and the outbox hold.
struct Pending {
    account: AccountId,
    /// The orders that it enters, and on which instrument.
    entering: Option<(InstrumentId, OpenOrders)>,
    events: Events,
    handed_in: u64,
    reply: Reply,
}

/// Who waits for it.
enum Reply {
    /// Nobody, or nobody any more.
    None,
    /// A task.
    Channel(oneshot::Sender<Events>),
    /// A connection's queue: no task wakes before the answer is there.
    Answer(Box<Answering>),
}

/// A request that is answered into its connection's queue.
pub(super) struct Answering {
    pub(super) connection: ConnectionId,
    /// Its id, in JSON.
    pub(super) id: Box<str>,
    pub(super) tell: Tell,
    /// `None` if the client does not want it.
    pub(super) usage: Option<Usage>,
}

/// The serving thread's state.
pub(super) struct Gateway {
    submitter: Submitter,
    pub(super) models: Models,
    pub(super) weights: WeightLimiter,
    pub(super) orders: OrderLimiter,
    pub(super) hub: Hub,
    pub(super) native: native::State,
    pending: HashMap<u64, Pending>,
    /// When requests that are answered into queues are given up, in their order.
    deadlines: VecDeque<(Instant, u64)>,
    next_token: u64,
    names: Names,
    limits: RateLimits,
    open_orders: OpenOrderRules,
    /// How long a request waits for the engine.
    timeout: Duration,
    pub(super) metrics: Metrics,
    /// When the request began that is looked at, by the counter; `None`: nobody measures that.
    pub(super) request_began: Option<u64>,
}

impl Gateway {
    pub(super) fn new(
        submitter: Submitter,
        models: Models,
        options: &ServeOptions,
        metrics: Metrics,
        orders: OrderLimiter,
    ) -> Self {
        let limits = options.limits;
        Self {
            submitter,
            native: native::State::new(&models),
            models,
            weights: WeightLimiter::new(&limits),
            orders,
            hub: Hub::default(),
            pending: HashMap::new(),
            deadlines: VecDeque::new(),
            next_token: 1,
            names: Names::new(now_ms()),
            limits,
            open_orders: options.open_orders.clone(),
            timeout: options.request_timeout,
            metrics,
            request_began: None,
        }
    }

    /// A client order id for an order that has none.
    pub(super) fn generate_name(&mut self) -> ClientOrderId {
        self.names.next()
    }

    /// Whether an account may have the orders open that commands enter.
    ///
    /// # Errors
    /// The name of the limit that they go beyond.
    pub(super) fn check_open_orders(
        &self,
        account: AccountId,
        commands: &[Command],
    ) -> Result<(), &'static str> {
        let of_account = self.pending.values().filter(|pending| pending.account == account);
        let entering = of_account.filter_map(|pending| pending.entering);
        let known = (self.models.instruments(), self.models.orders());
        open_orders::check(&self.open_orders, known, account, commands, entering)
    }

    /// Hands commands in for an account.
    ///
    /// # Errors
    /// [`Busy`]: nothing was taken.
    pub(super) fn submit(
        &mut self,
        account: AccountId,
        commands: &[Command],
    ) -> Result<Ticket, Busy> {
        let token = self.next_token;
        self.submitter.submit(Submission { token, commands })?;
        self.next_token += 1;
        let handed_in = match self.request_began.take() {
            Some(began) => self.metrics.decode.record_since(began),
            None => self.metrics.now(),
        };
        let pending = Pending {
            account,
            entering: OpenOrders::entered_by(commands),
            events: Vec::new(),
            handed_in,
            reply: Reply::None,
        };
        self.pending.insert(token, pending);
        Ok(Ticket(token))
    }

    /// Where the submission's events will come.
    pub(super) fn reply_to(&mut self, ticket: Ticket) -> Replied {
        let (reply, events) = oneshot::channel();
        if let Some(pending) = self.pending.get_mut(&ticket.0) {
            pending.reply = Reply::Channel(reply);
        }
        events
    }

    /// Has the submission answered into a connection's queue, at the latest by `deadline`: then its
    /// outcome is unknown.
    pub(super) fn answer_later(&mut self, ticket: Ticket, answering: Answering, deadline: Instant) {
        if let Some(pending) = self.pending.get_mut(&ticket.0) {
            pending.reply = Reply::Answer(Box::new(answering));
            self.deadlines.push_back((deadline, ticket.0));
        }
    }

    /// Queues the answer to a request.
    pub(super) fn answer(
        &mut self,
        connection: ConnectionId,
        id: &str,
        usage: Option<Usage>,
        outcome: Result<&str, &ApiError>,
    ) {
        let text = ws_request::answer(id, outcome, &self.limits, usage, now_ms());
        self.hub.queues().push(connection, Message::Answer(text.into()));
    }

    fn finish(&mut self, answering: Answering, events: &Events) {
        let Answering { connection, id, tell, usage } = answering;
        match tell(self, events) {
            Ok(Work::Done(result)) => self.answer(connection, &id, usage, Ok(&result)),
            Ok(Work::Wait(ticket, tell)) => {
                let answering = Answering { connection, id, tell, usage };
                let deadline = Instant::now() + self.timeout;
                self.answer_later(ticket, answering, deadline);
            }
            Err(error) => self.answer(connection, &id, usage, Err(&error)),
        }
    }

    /// Gives up requests whose time is over, and listen keys.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(deadline, token)) = self.deadlines.front() {
            let pending = self.pending.get_mut(&token);
            if pending.is_some() && deadline > now {
                break;
            }
            self.deadlines.pop_front();
            if let Some(pending) = pending
                && let Reply::Answer(late) = std::mem::replace(&mut pending.reply, Reply::None)
            {
                self.answer(late.connection, &late.id, late.usage, Err(&ApiError::timeout()));
            }
        }
        let Hub { users, fanout, .. } = &mut self.hub;
        users.expire(now_ms(), &mut fanout.queues);
    }

    /// Ends what keys were good for that are taken back.
    pub(super) fn end_revoked(&mut self) {
        let Hub { users, fanout, .. } = &mut self.hub;
        users.end_revoked(now_ms(), &mut fanout.queues);
        self.native.end_revoked();
    }

    /// A new connection: its number, and its end of its queue.
    pub(super) fn connect(&mut self, speaks: Speaks) -> (ConnectionId, Inbox) {
        match speaks {
            Speaks::Streams | Speaks::WsApi => self.hub.fanout.connect(speaks),
            Speaks::Native => self.native.fanout.connect(speaks),
        }
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, speaks: Speaks, connection: ConnectionId) {
        match speaks {
            Speaks::Streams | Speaks::WsApi => self.hub.disconnect(connection),
            Speaks::Native => self.native.disconnect(connection),
        }
    }

    /// Folds an event, and answers its submission with its last.
    pub(super) fn take(&mut self, delivery: &Delivery) {
        self.count(delivery);
        let own = delivery.origin.gateway == self.submitter.gateway();
        let Self { models, hub, native, .. } = self;
        hub.before(models, &delivery.header, &delivery.event);
        models.apply_told(&delivery.header, &delivery.event, |instrument, change| {
            hub.changed(instrument, change);
            native.changed(instrument, change);
        });
        hub.tell(models, &delivery.header, &delivery.event);
        native.tell(models, &delivery.header, &delivery.event);
        if !own {
            return;
        }
        let token = delivery.origin.token;
        let Some(pending) = self.pending.get_mut(&token) else { return };
        if delivery.concerns(pending.account) {
            pending.events.push((delivery.header, delivery.event));
        }
        if delivery.is_end_of_submission() {
            self.native.settle(token);
        }
        if delivery.is_end_of_submission()
            && let Some(Pending { events, handed_in, reply, .. }) = self.pending.remove(&token)
        {
            self.metrics.answered(handed_in);
            match reply {
                Reply::None => {}
                // A client that is gone does not hear it.
                Reply::Channel(reply) => drop(reply.send(events)),
                Reply::Answer(answering) => self.finish(*answering, &events),
            }
        }
    }

    /// Counts it, before the models change.
    fn count(&mut self, delivery: &Delivery) {
        match &delivery.event {
            Event::OrderAccepted(_) => self.metrics.accepted.increment(),
            Event::Denied(denied) => self.metrics.denied(denied.reason),
            Event::Trade(trade) => {
                self.metrics.trades.increment();
                let now_ms = delivery.header.time_ns / NANOS_PER_MILLI;
                let taker = delivery.header.account;
                self.filled(taker, trade.taker_order_id, trade.taker_open_qty.is_zero(), now_ms);
                let maker = trade.maker_account;
                self.filled(maker, trade.maker_order_id, trade.maker_open_qty.is_zero(), now_ms);
            }
            _ => {}
        }
    }

    fn filled(&mut self, account: AccountId, order_id: OrderId, in_full: bool, now_ms: u64) {
        let Some(order) = self.models.orders().get(account, order_id) else { return };
        if in_full && !order.is_by_amount() {
            self.metrics.filled.increment();
        }
        if order.executed_qty.is_zero() {
            self.orders.first_fill(account, now_ms);
        }
    }

    /// Sends what has changed of the books since the last time at this cadence.
    pub(super) fn tell_depths(&mut self, cadence: Cadence) {
        self.hub.tell_depths(&self.models, cadence, now_ms());
        self.native.beat(&self.models);
    }

    /// Sends what is due at a beat.
    pub(super) fn tell_beat(&mut self, beat: u32) {
        self.hub.tell_beat(&self.models, beat, now_ms());
    }

    /// Sends what has changed of one book, so that a snapshot of it falls on the end of a diff.
    pub(super) fn align_depth(&mut self, instrument: InstrumentId) {
        self.hub.align_depth(&self.models, instrument, now_ms());
    }

    /// To be called about once a second.
    pub(super) fn beat(&mut self, status: &Status) {
        let Self { hub, native, metrics, .. } = self;
        metrics.binance_streams.beat(&mut hub.fanout);
        metrics.native_streams.beat(&mut native.fanout);
        metrics.beat(status);
    }

    /// No event will come any more: what waits has an unknown outcome, and is told so.
    pub(super) fn abandon(&mut self) {
        for (_, pending) in std::mem::take(&mut self.pending) {
            if let Reply::Answer(lost) = pending.reply {
                self.answer(lost.connection, &lost.id, lost.usage, Err(&ApiError::timeout()));
            }
        }
        self.hub.fanout.close(now_ms());
        self.native.fanout.close(now_ms());
    }
}

/// Client order ids for orders that come without one: the start of this gateway in milliseconds
/// and a counter, so that they differ from those of any other start.
struct Names {
    start: u64,
    count: u64,
}

impl Names {
    const fn new(start_ms: u64) -> Self {
        Self { start: start_ms, count: 0 }
    }

    fn next(&mut self) -> ClientOrderId {
        self.count += 1;
        // At most 2 + 16 + 1 + 16 characters, all of them printable: it always fits.
        format!("t-{:x}-{:x}", self.start, self.count).parse().unwrap_or_default()
    }
}
