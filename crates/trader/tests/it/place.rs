//! A trader of one instrument at one venue, and that venue, without sockets: bytes go from the one to the other.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::task::Waker;
use std::time::Duration;

use tiercel_execution::oms::{Oms, OmsOptions, Place as Traded, RunId, VenueTerms};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_net::{CloseReason, ConnectionId, Handler, Reactor};
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, StateError, Strategy, Terms, TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::Market;
use tiercel_trader::connector::BinaryOrders;
use tiercel_trader::connector::binary::Login;
use tiercel_trader::core::Core;
use tiercel_trader::feed::BinaryFeed;
use tiercel_trader::lines::{Line, LineEvent, Lines};
use tiercel_trader::source::Source;
use tiercel_trader::timing::Timing;
use tiercel_types::market::Level;
use tiercel_types::order::EndReason;
use tiercel_types::{
    AccountId, DenialReason, InstrumentId, Money, OrderId, Price, Qty, Side, Symbol, Timestamp,
    TradeId,
};
use tiercel_wire::binary::session::{Application, Gate as LoginGate, Role, Session};
use tiercel_wire::binary::{
    Accepted, Body, Busy, CancelOrder, Cancelled, Executed, Fault, Group, Kind, LoginRefusal,
    NewOrder, OrderStatus, QueryOrder, RECORD_SIZE, RejectSource, Rejected, Text,
};
use tiercel_wire::market::{self, Header, Update};
use tiercel_wire::store::{MemoryStore, Store as _};

use super::bus::Recorder;
use super::limits::gate;

/// The trader's number of the instrument, and the venue's.
pub(crate) const OURS: InstrumentId = InstrumentId(0);
pub(crate) const THEIRS: InstrumentId = InstrumentId(7);
const TICK: i64 = 1_000_000;
const FEED: ConnectionId = ConnectionId::new(0, 0);
const ORDERS: ConnectionId = ConnectionId::new(1, 0);
const DESK: VenueId = VenueId(0);

/// Rests an order one tick below the bid of each live book, and cancels the one before.
#[derive(Default)]
pub(crate) struct Follower {
    next_tag: u64,
}

impl Strategy for Follower {
    fn name(&self) -> &'static str {
        "follower"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if !tick.is_live() {
            return;
        }
        let price = Price::from_units(tick.bid().price.units() - TICK);
        if self.next_tag > 0 {
            actions.push(Action::cancel(self.next_tag, tick.instrument)).unwrap();
        }
        self.next_tag += 1;
        let qty = Qty::from_units(1_000_000);
        let order = Action::post_only(self.next_tag, tick.instrument, Side::Buy, price, qty);
        actions.push(order).unwrap();
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, _: &OrderUpdate, _: &mut Actions) {}

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

/// Of one instrument, with limits that no test meets.
pub(crate) fn core(strategy: Box<dyn Strategy>, silence_max_ns: u64) -> Core {
    core_of(1, strategy, silence_max_ns)
}

/// The same, of so many instruments.
pub(crate) fn core_of(instruments: u32, strategy: Box<dyn Strategy>, silence_max_ns: u64) -> Core {
    let mut core = made(instruments, strategy, silence_max_ns, 1);
    core.begin();
    core.tick(Timestamp(1));
    core
}

/// Of one instrument, of a run that is named by a second, before it begins.
pub(crate) fn core_of_run(strategy: Box<dyn Strategy>, silence_max_ns: u64, second: u64) -> Core {
    made(1, strategy, silence_max_ns, second)
}

fn made(instruments: u32, strategy: Box<dyn Strategy>, silence_max_ns: u64, second: u64) -> Core {
    let terms = [VenueTerms { amends: true, validity_ns: 0 }];
    let options = OmsOptions { answer_timeout_ns: 60_000_000_000, ..OmsOptions::default() };
    let places = vec![Traded { venue: DESK }; instruments as usize];
    let oms = Oms::new(options, gate(instruments), RunId::of(second, 0), &terms, &places);
    let market = |instrument: u32| {
        Market::new(Terms {
            instrument: InstrumentId(instrument),
            tick: Price::from_units(TICK),
            lot: Qty::from_units(1_000),
            qty_min: Qty::from_units(1_000),
            notional_min: Money::ZERO,
        })
    };
    let markets = (0..instruments).map(market).collect();
    let timing = Timing::new(&Registry::new(), Clock::new()).unwrap();
    Core::new(strategy, oms, markets, options.orders_max, silence_max_ns, timing)
}

/// Two connections without sockets.
#[derive(Default)]
pub(crate) struct Wires {
    outputs: [Vec<u8>; 2],
    closed: Vec<ConnectionId>,
}

impl Reactor for Wires {
    fn poll(&mut self, _: &mut impl Handler) -> std::io::Result<usize> {
        Ok(0)
    }

    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        self.outputs.get_mut(id.index())
    }

    fn flush(&mut self, _: &mut impl Handler) {}

    fn close(&mut self, id: ConnectionId, handler: &mut impl Handler) {
        self.closed.push(id);
        handler.closed(id, &CloseReason::Ours);
    }

    fn add(&mut self, _: TcpStream, _: &mut impl Handler) -> std::io::Result<ConnectionId> {
        Err(ErrorKind::Unsupported.into())
    }

    fn wait(&mut self, _: Duration) -> std::io::Result<()> {
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    fn connections(&self) -> usize {
        self.outputs.len()
    }
}

/// What has come to the venue and is not answered.
#[derive(Default)]
struct Heard {
    orders: Vec<(u64, NewOrder)>,
    cancels: Vec<(u64, CancelOrder)>,
    queries: Vec<(u64, QueryOrder)>,
}

impl Application for Heard {
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let (header, body) = group.decode()?;
        match body {
            Body::NewOrder(order) => self.orders.push((header.sequence, order)),
            Body::CancelOrder(cancel) => self.cancels.push((header.sequence, cancel)),
            Body::QueryOrder(query) => self.queries.push((header.sequence, query)),
            _ => {}
        }
        Ok(())
    }
}

/// A venue of one instrument: its feed, and its orders.
pub(crate) struct Venue {
    gate: LoginGate,
    session: Session,
    store: MemoryStore,
    heard: Heard,
    /// Open orders, as the venue has them.
    pub(crate) open: Vec<(OrderId, NewOrder)>,
    pub(crate) refuses_cancels: bool,
    /// Takes nothing.
    pub(crate) is_busy: bool,
    /// What it answers to questions, if it does not answer them: who refuses them, and the reason's number.
    pub(crate) refuses_questions: Option<(RejectSource, u16)>,
    /// Questions so far.
    pub(crate) questions: u64,
    /// Why it lets nobody log on.
    pub(crate) refuses_logins: Option<LoginRefusal>,
    /// What of its first open order has traded.
    traded: Qty,
    next_order: u64,
    next_record: u64,
}

impl Venue {
    pub(crate) fn new() -> Self {
        Self {
            gate: LoginGate::new(Timestamp(1), [3; 32]),
            session: Session::new(Role::Acceptor),
            store: MemoryStore::with_room(Timestamp(1), 1_024, 1_024 * RECORD_SIZE),
            heard: Heard::default(),
            open: Vec::new(),
            refuses_cancels: false,
            is_busy: false,
            refuses_questions: None,
            questions: 0,
            refuses_logins: None,
            traded: Qty::ZERO,
            next_order: 1,
            next_record: 1,
        }
    }

    pub(crate) fn is_logged_on(&self) -> bool {
        self.session.is_logged_on()
    }

    /// The book, whole, behind the instrument's name.
    pub(crate) fn snapshot(&mut self, out: &mut Vec<u8>) {
        let about = market::Instrument {
            symbol: Symbol::new(b"BTCUSDT").unwrap(),
            tick: Price::from_units(TICK),
            lot: Qty::from_units(1_000),
            reserved: [0; 16],
        };
        self.record(&about, out);
        let (bid, ask) = (level(1_000, 5_000_000), level(1_010, 5_000_000));
        self.update(true, &[(Side::Buy, bid), (Side::Sell, ask)], out);
    }

    fn record<B: market::BodyRecord>(&mut self, body: &B, out: &mut Vec<u8>) {
        out.extend_from_slice(&market::record(THEIRS, self.next_record, 0, body));
        self.next_record += 1;
    }

    fn update(&mut self, is_snapshot: bool, levels: &[(Side, Level)], out: &mut Vec<u8>) {
        let (time, update_id) = (Timestamp(1), self.next_record);
        let update = Update { instrument: THEIRS, time, update_id, is_snapshot };
        let next_record = &mut self.next_record;
        market::depth_records(&update, levels.iter().copied(), |header: Header, depth| {
            let mut record = [0; RECORD_SIZE];
            market::encode(&Header { sequence: *next_record, ..header }, &depth, &mut record);
            *next_record += 1;
            out.extend_from_slice(&record);
        });
    }

    /// The bid is at so many ticks from now on, and was at as many before.
    pub(crate) fn bid(&mut self, before: i64, now: i64, out: &mut Vec<u8>) {
        let levels = [(Side::Buy, level(before, 0)), (Side::Buy, level(now, 5_000_000))];
        self.update(false, &levels, out);
    }

    /// Bytes of orders have come: takes those that are whole away, and does what they ask.
    pub(crate) fn received(&mut self, bytes: &mut Vec<u8>) {
        let Self { gate, session, store, heard, .. } = self;
        let now = Timestamp(2);
        if session.is_logged_on() {
            let taken = session.received(now, bytes, store, heard);
            bytes.drain(..taken);
            self.answer();
            return;
        }
        let (taken, login) = gate.received(now, bytes);
        bytes.drain(..taken);
        if let Some(login) = login {
            let refusal = self.refuses_logins.map_or(Ok(()), Err);
            let account = AccountId(1);
            let accepted =
                refusal.and_then(|()| session.accepted(now, &login, 1, account, store, heard));
            if let Err(refusal) = accepted {
                gate.refuse(refusal);
            }
        }
    }

    /// The connection of orders is gone.
    pub(crate) fn hang_up(&mut self) {
        self.session.closed(&mut self.heard);
        self.gate = LoginGate::new(Timestamp(1), [3; 32]);
    }

    /// Nothing of what it said is there any more, and its numbers are these: of the next request, and of the next answer.
    pub(crate) fn forget(&mut self, next_request: u64, next_answer: u64) {
        self.store = MemoryStore::with_room(Timestamp(1), 1_024, 1_024 * RECORD_SIZE);
        self.store.set_next_incoming(next_request);
        self.store.set_next_outgoing(next_answer);
    }

    /// The number of the next request, and that of the next answer.
    pub(crate) fn numbers(&self) -> (u64, u64) {
        (self.store.next_incoming(), self.store.next_outgoing())
    }

    /// Its first open order trades.
    pub(crate) fn fill(&mut self, qty: Qty) {
        let (order_id, order) = self.open[0];
        self.traded = Qty::from_units(self.traded.units() + qty.units());
        let open_qty = Qty::from_units(order.qty.units() - self.traded.units());
        let executed = Executed {
            order_id,
            trade_id: TradeId(order_id.0),
            price: order.price,
            qty,
            open_qty,
            time: Timestamp(3),
        };
        self.session.send(Timestamp(3), &mut self.store, THEIRS, 0, &executed);
        if open_qty.is_zero() {
            self.traded = Qty::ZERO;
            self.open.remove(0);
        }
    }

    /// What it has to say of orders, behind `out`.
    pub(crate) fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(self.gate.output());
        out.append(self.session.output());
    }

    fn answer(&mut self) {
        self.questions += self.heard.queries.len() as u64;
        if self.is_busy {
            return self.turn_down();
        }
        self.accept_orders();
        self.answer_questions();
        self.cancel_orders();
    }

    fn accept_orders(&mut self) {
        let Self { session, store, heard, open, next_order, .. } = self;
        let time = Timestamp(3);
        for (request, order) in heard.orders.drain(..) {
            let order_id = OrderId(*next_order);
            *next_order += 1;
            let NewOrder { client_id, side, kind, time_in_force, .. } = order;
            let reserved = [0; 5];
            let accepted = Accepted {
                client_id,
                order_id,
                time,
                request,
                side,
                kind,
                time_in_force,
                reserved,
            };
            session.send(time, store, THEIRS, 0, &accepted);
            open.push((order_id, order));
        }
    }

    fn cancel_orders(&mut self) {
        let Self { session, store, heard, open, refuses_cancels, .. } = self;
        let time = Timestamp(3);
        for (request, cancel) in heard.cancels.drain(..) {
            let found = open.iter().position(|(order_id, order)| {
                *order_id == cancel.order_id
                    || (cancel.order_id.is_none() && order.client_id == cancel.client_id)
            });
            if *refuses_cancels {
                let names = (cancel.client_id, cancel.order_id);
                let rejected = rejected(names, request, RejectSource::Engine, 1);
                session.send(time, store, THEIRS, 0, &rejected);
                continue;
            }
            let (order_id, order) = open.remove(found.unwrap());
            let cancelled = Cancelled {
                order_id,
                unfilled_qty: order.qty,
                time,
                request,
                reason: EndReason::Cancelled,
                side: order.side,
                denial: 0,
                reserved: [0; 12],
            };
            session.send(time, store, THEIRS, 0, &cancelled);
        }
    }

    fn answer_questions(&mut self) {
        let Self { session, store, heard, open, refuses_questions, traded, .. } = self;
        let time = Timestamp(3);
        for (request, query) in heard.queries.drain(..) {
            if let Some((source, reason)) = *refuses_questions {
                let rejected = rejected((query.client_id, query.order_id), request, source, reason);
                session.send(time, store, THEIRS, 0, &rejected);
                continue;
            }
            let is_it = |(order_id, order): &&(OrderId, NewOrder)| {
                *order_id == query.order_id
                    || (query.order_id.is_none() && order.client_id == query.client_id)
            };
            let Some((order_id, order)) = open.iter().find(is_it) else {
                let names = (query.client_id, query.order_id);
                let unknown = DenialReason::UnknownOrder as u16;
                let rejected = rejected(names, request, RejectSource::Engine, unknown);
                session.send(time, store, THEIRS, 0, &rejected);
                continue;
            };
            let status = OrderStatus {
                client_id: order.client_id,
                order_id: *order_id,
                price: order.price,
                qty: order.qty,
                open_qty: Qty::from_units(order.qty.units() - traded.units()),
            };
            session.send(time, store, THEIRS, 0, &status);
        }
    }

    /// Takes nothing of what it has heard.
    fn turn_down(&mut self) {
        let Self { session, store, heard, .. } = self;
        let orders = heard.orders.drain(..).map(|(request, _)| (request, Kind::NewOrder));
        let cancels = heard.cancels.drain(..).map(|(request, _)| (request, Kind::CancelOrder));
        let queries = heard.queries.drain(..).map(|(request, _)| (request, Kind::QueryOrder));
        for (request, kind) in orders.chain(cancels).chain(queries) {
            let busy = Busy {
                client_id: Text::EMPTY,
                request,
                time: Timestamp(3),
                retry_after_ms: 0,
                record_kind: kind as u8,
                reserved: [0; 11],
            };
            session.send(Timestamp(3), store, THEIRS, 0, &busy);
        }
    }
}

fn rejected(
    (client_id, order_id): (Text<16>, OrderId),
    request: u64,
    source: RejectSource,
    reason: u16,
) -> Rejected {
    Rejected {
        client_id,
        order_id,
        time: Timestamp(3),
        request,
        reason,
        source,
        record_kind: 0,
        field: 0,
        leg: 0,
        reserved: [0; 2],
    }
}

fn level(ticks: i64, qty: u64) -> Level {
    Level { price: Price::from_units(ticks * TICK), qty: Qty::from_units(qty) }
}

/// The lines of a trader at that venue.
pub(crate) fn lines(silence_max_ns: u64) -> Lines {
    lines_of(core(Box::new(Follower::default()), silence_max_ns), None)
}

/// The same, of a core, and of the number of the venue's next answer.
pub(crate) fn lines_of(core: Core, next_answer: Option<u64>) -> Lines {
    let login = Login {
        key: "test".into(),
        secret: (*b"secret").into(),
        heartbeat_ms: 60_000,
        cancel_on_disconnect: true,
    };
    let orders = BinaryOrders::new(DESK, &login, Vec::new(), next_answer);
    Lines::new(core, vec![Line::BinaryFeed(feed()), Line::BinaryOrders(orders)], 4)
}

/// A feed of the instrument.
pub(crate) fn feed() -> BinaryFeed {
    BinaryFeed::new(DESK, wanted())
}

pub(crate) fn wanted() -> Vec<(Symbol, InstrumentId)> {
    vec![(Symbol::new(b"BTCUSDT").unwrap(), OURS)]
}

/// The trader, the venue, and what is between them.
pub(crate) struct Place {
    pub(crate) lines: Lines,
    pub(crate) wires: Wires,
    pub(crate) venue: Venue,
    /// Who carries on the feed, if it does not come by a connection.
    pub(crate) recorder: Option<Recorder>,
    bytes: Vec<u8>,
}

impl Place {
    /// Both logged on, and a book of one bid and one ask.
    pub(crate) fn new(silence_max_ns: u64) -> Self {
        let mut place = Self::of(lines(silence_max_ns), Venue::new());
        place.feed_again();
        place
    }

    /// These lines at a venue, both logged on, without a feed.
    pub(crate) fn of(lines: Lines, venue: Venue) -> Self {
        let (wires, recorder, bytes) = (Wires::default(), None, Vec::new());
        let mut place = Self { lines, wires, venue, recorder, bytes };
        place.log_on();
        place
    }

    /// The same, with a feed that comes over a bus.
    pub(crate) fn over_bus(recorder: Recorder) -> Self {
        let lines = lines(u64::MAX).with_sources(vec![Source::Bus(Box::new(recorder.reader()))]);
        let (wires, venue) = (Wires::default(), Venue::new());
        let mut place = Self { lines, wires, venue, recorder: None, bytes: Vec::new() };
        place.log_on();
        let mut recorder = recorder;
        place.venue.snapshot(&mut place.bytes);
        recorder.hear(&place.bytes);
        place.bytes.clear();
        place.recorder = Some(recorder);
        while place.venue.open.is_empty() {
            // Its thread opens the bus.
            std::thread::sleep(Duration::from_millis(1));
            let now = place.lines.core.timing.now_ns();
            place.lines.tick(Timestamp(now));
            place.tell();
        }
        place
    }

    fn log_on(&mut self) {
        self.dial_orders();
        assert!(self.venue.is_logged_on());
    }

    /// There is a connection of orders, and both sides say what they have to say.
    pub(crate) fn dial_orders(&mut self) {
        self.connect(1, ORDERS);
        self.carry();
    }

    /// The connection of orders is gone, and what is on its way with it.
    pub(crate) fn hang_up(&mut self) {
        self.venue.hang_up();
        self.wires.outputs[1].clear();
        self.lines.closed(ORDERS, &CloseReason::Ours);
    }

    /// As [`Self::bid`], or the whole book; what follows comes to the venue, and none of its answers comes back.
    pub(crate) fn tell_one_way(&mut self, tell: impl FnOnce(&mut Venue, &mut Vec<u8>)) {
        tell(&mut self.venue, &mut self.bytes);
        self.lines.received(FEED, &self.bytes, &mut Vec::new());
        self.bytes.clear();
        self.lines.flush(&mut self.wires);
        self.venue.received(&mut self.wires.outputs[1]);
    }

    fn connect(&mut self, line: usize, id: ConnectionId) {
        self.lines.expect(line, [7; 32]);
        assert!(self.lines.connected(id, SocketAddr::from(([127, 0, 0, 1], 1))));
    }

    /// The feed is connected anew, and tells of the book from its beginning.
    pub(crate) fn feed_again(&mut self) {
        self.wires.closed.clear();
        self.feed_up();
        self.venue.snapshot(&mut self.bytes);
        self.tell();
    }

    /// The feed is connected, and has told nothing.
    pub(crate) fn feed_up(&mut self) {
        self.venue.next_record = 1;
        self.connect(0, FEED);
        self.carry();
    }

    /// What has become of connections.
    pub(crate) fn events(&mut self) -> Vec<LineEvent> {
        let mut events = Vec::new();
        self.lines.take_events(|event| events.push(event));
        events
    }

    /// The bid is at so many ticks from now on, and was at as many before.
    pub(crate) fn bid(&mut self, before: i64, now: i64) {
        self.venue.bid(before, now, &mut self.bytes);
        self.tell();
    }

    /// Nothing happened for a while.
    pub(crate) fn heartbeat(&mut self) {
        let body = market::Heartbeat { time: Timestamp(1), reserved: [0; 40] };
        self.venue.record(&body, &mut self.bytes);
        self.tell();
    }

    /// Something of the book is missing.
    pub(crate) fn interrupt(&mut self) {
        let reason = market::Interruption::TooSlow;
        let body = market::Interrupted { time: Timestamp(1), reason, reserved: [0; 39] };
        self.venue.record(&body, &mut self.bytes);
        self.tell();
    }

    /// A record is lost on its way.
    pub(crate) const fn lose(&mut self) {
        self.venue.next_record += 1;
    }

    fn tell(&mut self) {
        let Self { lines, recorder, bytes, .. } = self;
        if let Some(recorder) = recorder {
            recorder.hear(bytes);
            lines.poll();
        } else {
            let taken = lines.received(FEED, bytes, &mut Vec::new());
            assert_eq!(taken, bytes.len());
        }
        bytes.clear();
        self.carry();
    }

    /// Carries what either side has to say about orders, until neither has anything.
    pub(crate) fn carry(&mut self) {
        for _ in 0..8 {
            self.lines.flush(&mut self.wires);
            // What it asks of the feed is known here.
            self.wires.outputs[0].clear();
            self.venue.received(&mut self.wires.outputs[1]);
            self.venue.take_output(&mut self.bytes);
            if self.bytes.is_empty() && self.wires.outputs[1].is_empty() {
                return;
            }
            let Self { lines, bytes, .. } = self;
            lines.received(ORDERS, bytes, &mut Vec::new());
            bytes.clear();
        }
    }
}
