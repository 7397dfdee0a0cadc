//! The other side of a trader: a venue that tells of one book, and takes its orders.

use tiercel_execution::oms::{Oms, OmsOptions, Place, RunId, VenueTerms};
use tiercel_execution::risk::{Gate, GlobalLimits, Limits};
use tiercel_execution::venue::VenueId;
use tiercel_host::Clock;
use tiercel_strategy::Terms;
use tiercel_strategy::{
    Action, Actions, BookTick, OrderUpdate, StateError, Strategy, TimerTick, TradeTick,
};
use tiercel_telemetry::Registry;
use tiercel_trader::core::Core;
use tiercel_trader::journal;
use tiercel_trader::timing::Timing;
use tiercel_trader::{Market, MarketBook};
use tiercel_types::market::Level;
use tiercel_types::order::EndReason;
use tiercel_types::{
    AccountId, InstrumentId, Money, OrderId, Price, Qty, Side, Symbol, Timestamp, TradeId,
};
use tiercel_wire::binary::session::{Application, Gate as LoginGate, Role, Session};
use tiercel_wire::binary::{Accepted, Body, Expired, Fault, Group, NewOrder, RECORD_SIZE};
use tiercel_wire::market::{self, Depth, Header, Update};
use tiercel_wire::store::MemoryStore;

use super::BenchError;
use super::journal::{Place as Folder, wrong};

/// The instrument, as the venue numbers it.
pub(super) const BTCUSDT: InstrumentId = InstrumentId(1);
/// And the trader.
pub(super) const OURS: InstrumentId = InstrumentId(0);
pub(super) const TICK: i64 = 1_000_000;
pub(super) const LOT: u64 = 10_000;
pub(super) const MIDDLE: i64 = 6_000_000 * TICK;
/// Prices that ticks go through.
const STEPS: u64 = 97;

/// A venue as a trader meets it: it tells of one book, and takes orders.
pub(super) trait Peer {
    /// What a subscriber is told first.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// The next tick.
    fn tick(&mut self, out: &mut Vec<u8>);

    /// Whether orders are taken.
    fn is_logged_on(&self) -> bool;

    /// Takes bytes of the connection of orders; returns how many.
    fn received(&mut self, now: Timestamp, bytes: &[u8]) -> Result<usize, BenchError>;

    /// Whether everything came that follows from the last tick.
    fn has_orders(&self) -> bool;

    /// Whether what came follows from the last tick, and from no other.
    fn check(&self) -> Result<(), BenchError>;

    /// Answers what came.
    fn answer(&mut self, now: Timestamp) -> Result<(), BenchError>;

    /// What is to be sent on the connection of orders.
    fn take_output(&mut self, out: &mut Vec<u8>);
}

/// The instrument as the trader has it.
pub(super) const fn terms() -> Terms {
    Terms {
        instrument: OURS,
        tick: Price::from_units(TICK),
        lot: Qty::from_units(LOT),
        qty_min: Qty::from_units(LOT),
        notional_min: Money::ZERO,
    }
}

/// Takes what each tick offers: one order for one tick, whose price is the tick's own.
pub(super) struct Taker {
    next_tag: u64,
}

impl Taker {
    pub(super) const fn new() -> Self {
        Self { next_tag: 0 }
    }
}

impl Strategy for Taker {
    fn name(&self) -> &'static str {
        "taker"
    }

    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        self.next_tag += 1;
        let ask = tick.ask();
        let order = Action::take(self.next_tag, tick.instrument, Side::Buy, ask.price, ask.qty);
        // One of many that fit.
        let _room = actions.push(order);
    }

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, _: &OrderUpdate, _: &mut Actions) {}

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.next_tag.to_le_bytes());
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let length = StateError::Length { expected: 8, found: state.len() };
        self.next_tag = u64::from_le_bytes(state.try_into().map_err(|_| length)?);
        Ok(())
    }
}

/// Looks at each tick, and wants nothing.
#[derive(Default)]
pub(super) struct Watcher {
    sum: i64,
}

impl Strategy for Watcher {
    fn name(&self) -> &'static str {
        "watcher"
    }

    fn on_book(&mut self, tick: &BookTick, _: &mut Actions) {
        self.sum = self.sum.wrapping_add(tick.ask().price.units() - tick.bid().price.units());
    }

    fn on_trade(&mut self, trade: &TradeTick, _: &mut Actions) {
        self.sum = self.sum.wrapping_add(trade.price.units());
    }

    fn on_order(&mut self, _: &OrderUpdate, _: &mut Actions) {}

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sum.to_le_bytes());
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let length = StateError::Length { expected: 8, found: state.len() };
        self.sum = i64::from_le_bytes(state.try_into().map_err(|_| length)?);
        Ok(())
    }
}

/// A core with limits that orders of the bench stay below, all of which are looked at.
pub(super) fn core(
    strategy: Box<dyn Strategy>,
    registry: &Registry,
    book: MarketBook,
    venue: VenueTerms,
) -> Result<Core, BenchError> {
    let limits = Limits {
        restricted: false,
        qty_max: Qty::from_units(1_000 * LOT),
        notional_max: Money::from_units(i128::MAX >> 1),
        touch_collar_bps: 50,
        trade_collar_bps: 500,
        reference_age_max_ns: 1_000_000_000,
        position_max: Qty::from_units(1_000_000 * LOT),
        open_orders_max: 64,
    };
    let most = Money::from_units(i128::MAX >> 1);
    let global = GlobalLimits {
        rate_max: 1_000_000_000,
        rate_window_ns: 1_000_000_000,
        duplicate_window_ns: 1_000,
        open_orders_max: 64,
        credit: most,
        loss_reducing: most,
        loss_halting: most,
        drawdown_reducing: most,
        drawdown_halting: most,
    };
    let mut gate = Gate::new(global, 1);
    gate.set_limits(OURS, limits);
    let options = OmsOptions::default();
    let run = RunId::of(1, 0);
    let oms = Oms::new(options, gate, run, &[venue], &[Place { venue: VenueId(0) }]);
    let market = Market::with_book(terms(), book);
    let timing = Timing::new(registry, Clock::new()).map_err(|error| wrong(&error))?;
    let silence_max_ns = 60_000_000_000;
    let orders_max = options.orders_max;
    let mut core = Core::new(strategy, oms, vec![market], orders_max, silence_max_ns, timing);
    core.begin();
    core.tick(Timestamp(1));
    Ok(core)
}

/// How the venue treats orders.
/// What a core sends and hears is written down from now on, in a folder that goes with what is returned.
pub(super) fn keep_journal(core: &mut Core) -> Result<Folder, BenchError> {
    let place = Folder::new("tick-to-trade")?;
    let (venue, symbol) = ("bench".to_owned(), "BTCUSDT".to_owned());
    let (venues, instruments) = ([(venue.clone(), VENUE)], [(venue, symbol)]);
    let opened = journal::open(place.emptied()?, Timestamp(1), &venues, &instruments);
    let (_, journal) = opened.map_err(|error| wrong(&error))?;
    core.set_journal(journal);
    Ok(place)
}

pub(super) const VENUE: VenueTerms = VenueTerms { amends: true, validity_ns: 0 };

/// The binary protocol's venue.
pub(super) struct BinaryPeer {
    ticks: Ticks,
    desk: Desk,
}

impl BinaryPeer {
    pub(super) fn new() -> Self {
        Self { ticks: Ticks::new(), desk: Desk::new() }
    }
}

impl Peer for BinaryPeer {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.ticks.begin(out);
    }

    fn tick(&mut self, out: &mut Vec<u8>) {
        self.ticks.tick(out);
    }

    fn is_logged_on(&self) -> bool {
        self.desk.is_logged_on()
    }

    fn received(&mut self, now: Timestamp, bytes: &[u8]) -> Result<usize, BenchError> {
        self.desk.received(now, bytes)
    }

    fn has_orders(&self) -> bool {
        !self.desk.orders.0.is_empty()
    }

    fn check(&self) -> Result<(), BenchError> {
        let [(_, order)] = &self.desk.orders.0[..] else { return Err(wrong(&"not one order")) };
        check(order, self.ticks.ask)
    }

    fn answer(&mut self, now: Timestamp) -> Result<(), BenchError> {
        self.desk.answer(now);
        Ok(())
    }

    fn take_output(&mut self, out: &mut Vec<u8>) {
        self.desk.take_output(out);
    }
}

/// The book that is told of: a bid, and an ask that moves with each tick.
pub(super) struct Ticks {
    next: u64,
    ask: Level,
}

const fn ask_of(number: u64) -> Level {
    Level {
        price: Price::from_units(MIDDLE + (number * 31 % STEPS) as i64 * TICK),
        qty: Qty::from_units((1 + number % 50) * LOT),
    }
}

impl Ticks {
    pub(super) const fn new() -> Self {
        Self { next: 1, ask: ask_of(0) }
    }

    /// What a subscriber is told first.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        let instrument = market::Instrument {
            symbol: Symbol::new(b"BTCUSDT").unwrap_or_default(),
            tick: Price::from_units(TICK),
            lot: Qty::from_units(LOT),
            reserved: [0; 16],
        };
        out.extend_from_slice(&market::record(BTCUSDT, self.next, 0, &instrument));
        self.next += 1;
        let bids = (1..=20).map(|at| {
            let price = Price::from_units(MIDDLE - at * TICK);
            (Side::Buy, Level { price, qty: Qty::from_units(LOT * at.unsigned_abs()) })
        });
        let asks = (0..20).map(|at| {
            let price = Price::from_units(MIDDLE + (STEPS as i64 + at) * TICK);
            (Side::Sell, Level { price, qty: Qty::from_units(LOT * (1 + at.unsigned_abs())) })
        });
        let all = bids.chain(asks).chain([(Side::Sell, self.ask)]);
        self.write(true, all, out);
    }

    fn write(
        &mut self,
        is_snapshot: bool,
        levels: impl IntoIterator<Item = (Side, Level)>,
        out: &mut Vec<u8>,
    ) {
        let update = Update {
            instrument: BTCUSDT,
            time: Timestamp(self.next),
            update_id: self.next,
            is_snapshot,
        };
        let next = &mut self.next;
        market::depth_records(&update, levels, |header: Header, depth: Depth| {
            let mut record = [0; RECORD_SIZE];
            market::encode(&Header { sequence: *next, ..header }, &depth, &mut record);
            *next += 1;
            out.extend_from_slice(&record);
        });
    }

    /// The next tick: the ask leaves its price and has another. One record.
    pub(super) fn tick(&mut self, out: &mut Vec<u8>) {
        let ask = ask_of(self.next);
        let gone = Level { qty: Qty::ZERO, ..self.ask };
        if gone.price == ask.price {
            self.write(false, [(Side::Sell, ask)], out);
        } else {
            self.write(false, [(Side::Sell, gone), (Side::Sell, ask)], out);
        }
        self.ask = ask;
    }
}

impl Ticks {
    /// A trade at the ask.
    pub(super) fn trade(&mut self, out: &mut Vec<u8>) {
        let trade = market::Trade {
            time: Timestamp(self.next),
            trade_id: TradeId(self.next),
            price: self.ask.price,
            qty: Qty::from_units(LOT),
            aggressor: Side::Buy,
            reserved: [0; 15],
        };
        out.extend_from_slice(&market::record(BTCUSDT, self.next, 0, &trade));
        self.next += 1;
    }
}

/// The venue's side of the session of orders.
struct Desk {
    gate: LoginGate,
    session: Session,
    store: MemoryStore,
    next_order: u64,
    orders: Orders,
}

/// Orders that came, and are not answered.
struct Orders(Vec<(u64, NewOrder)>);

impl Application for Orders {
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault> {
        let (header, body) = group.decode()?;
        if let Body::NewOrder(order) = body {
            self.0.push((header.sequence, order));
        }
        Ok(())
    }
}

impl Desk {
    fn new() -> Self {
        Self {
            gate: LoginGate::new(Timestamp(1), [3; 32]),
            session: Session::new(Role::Acceptor),
            store: MemoryStore::with_room(Timestamp(1), 1_024, 1_024 * RECORD_SIZE),
            next_order: 1,
            orders: Orders(Vec::new()),
        }
    }

    fn is_logged_on(&self) -> bool {
        self.session.is_logged_on()
    }

    /// Takes bytes; returns how many.
    fn received(&mut self, now: Timestamp, bytes: &[u8]) -> Result<usize, BenchError> {
        if self.is_logged_on() {
            let Self { session, store, orders, .. } = self;
            return Ok(session.received(now, bytes, store, orders));
        }
        let (taken, login) = self.gate.received(now, bytes);
        if let Some(login) = login {
            let Self { session, store, orders, .. } = self;
            session
                .accepted(now, &login, 1, AccountId(1), store, orders)
                .map_err(|refusal| wrong(&refusal))?;
        }
        Ok(taken)
    }

    /// What is to be sent.
    fn take_output(&mut self, out: &mut Vec<u8>) {
        out.append(self.gate.output());
        out.append(self.session.output());
    }

    /// The answers to what came.
    fn answer(&mut self, now: Timestamp) {
        for (request, order) in std::mem::take(&mut self.orders.0) {
            self.answer_one(now, request, &order);
        }
    }

    fn answer_one(&mut self, now: Timestamp, request: u64, order: &NewOrder) {
        let Self { session, store, next_order, .. } = self;
        let order_id = OrderId(*next_order);
        *next_order += 1;
        let accepted = Accepted {
            client_id: order.client_id,
            order_id,
            time: now,
            request,
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            reserved: [0; 5],
        };
        session.send(now, store, BTCUSDT, 0, &accepted);
        let expired = Expired {
            order_id,
            unfilled_qty: order.qty,
            time: now,
            request,
            reason: EndReason::ImmediateOrCancel,
            side: order.side,
            reserved: [0; 14],
        };
        session.send(now, store, BTCUSDT, 0, &expired);
    }
}

/// Whether the order follows from the tick.
fn check(order: &NewOrder, ask: Level) -> Result<(), BenchError> {
    if (order.price, order.qty) == (ask.price, ask.qty) && order.side == Side::Buy {
        return Ok(());
    }
    Err(wrong(&format!("an order at {} where {} was offered", order.price, ask.price)))
}
