//! What the tests of strategies have in common.

use tiercel_strategy::{
    Action, ActionKind, Actions, BookTick, OrderUpdate, OrderUpdateKind, PositionUpdate, STALE,
    Strategy, Terms, TimerTick, TradeTick, build,
};
use tiercel_types::market::Level;
use tiercel_types::{
    InstrumentId, Money, OrderKind, Price, Qty, Side, TimeInForce, Timestamp, TradeId,
};

/// Prices in ticks of 0.01, quantities in lots of 0.001; the smallest order is one lot, worth 1 at least.
pub(crate) fn terms(instrument: u32) -> Terms {
    Terms {
        instrument: InstrumentId(instrument),
        tick: price("0.01"),
        lot: qty("0.001"),
        qty_min: qty("0.001"),
        notional_min: Money::of(price("1"), qty("1")),
    }
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

/// A strategy of one instrument, 1, or of two, 1 and 2.
pub(crate) fn made(name: &str, parameters: &str) -> Box<dyn Strategy> {
    let both = [terms(1), terms(2)];
    let terms = if name == "arbitrage" { &both[..] } else { &both[..1] };
    build(name, &parameters.parse().unwrap(), terms).unwrap()
}

fn level((at, much): (&str, &str)) -> Level {
    Level { price: price(at), qty: qty(much) }
}

/// A book of one level each side; a quantity of zero: the side is empty.
pub(crate) fn book(time: u64, instrument: u32, bid: (&str, &str), ask: (&str, &str)) -> BookTick {
    let mut tick = BookTick {
        time: Timestamp(time),
        instrument: InstrumentId(instrument),
        ..BookTick::default()
    };
    (tick.bids[0], tick.asks[0]) = (level(bid), level(ask));
    tick
}

pub(crate) fn stale(tick: BookTick) -> BookTick {
    BookTick { flags: STALE, ..tick }
}

pub(crate) fn trade(time: u64, at: &str, much: &str, aggressor: Side) -> TradeTick {
    TradeTick {
        time: Timestamp(time),
        trade_id: TradeId(1),
        price: price(at),
        qty: qty(much),
        instrument: InstrumentId(1),
        aggressor,
        reserved: [0; 3],
    }
}

/// What a submitted order was told, before anything has happened to it.
pub(crate) fn told(time: u64, action: &Action, kind: OrderUpdateKind) -> OrderUpdate {
    OrderUpdate {
        time: Timestamp(time),
        tag: action.tag,
        instrument: action.instrument,
        kind,
        side: action.side,
        reason: 0,
        price: action.price(),
        qty: action.qty,
        open_qty: action.qty,
        fill_price: Price::ZERO,
        fill_qty: Qty::ZERO,
        position: 0,
        reserved: 0,
    }
}

/// An order that is gone.
pub(crate) fn ended(
    time: u64,
    action: &Action,
    kind: OrderUpdateKind,
    position: &str,
) -> OrderUpdate {
    let position = price(position).units();
    OrderUpdate { open_qty: Qty::ZERO, position, ..told(time, action, kind) }
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Book(BookTick),
    Trade(TradeTick),
    Order(OrderUpdate),
    Position(PositionUpdate),
    Timer(TimerTick),
}

/// What comes of it.
pub(crate) fn drive(strategy: &mut dyn Strategy, event: &Event) -> Vec<Action> {
    let mut actions = Actions::default();
    match event {
        Event::Book(tick) => strategy.on_book(tick, &mut actions),
        Event::Trade(trade) => strategy.on_trade(trade, &mut actions),
        Event::Order(update) => strategy.on_order(update, &mut actions),
        Event::Position(update) => strategy.on_position(update, &mut actions),
        Event::Timer(timer) => strategy.on_timer(timer, &mut actions),
    }
    actions.as_slice().to_vec()
}

pub(crate) fn on_book(strategy: &mut dyn Strategy, tick: BookTick) -> Vec<Action> {
    drive(strategy, &Event::Book(tick))
}

pub(crate) fn on_order(strategy: &mut dyn Strategy, update: OrderUpdate) -> Vec<Action> {
    drive(strategy, &Event::Order(update))
}

pub(crate) fn on_timer(strategy: &mut dyn Strategy, time: u64, timer: u64) -> Vec<Action> {
    drive(strategy, &Event::Timer(TimerTick { time: Timestamp(time), timer }))
}

/// Actions in words: `buy 1.5 at 99.98 post only`, `replace buy`.
pub(crate) fn words(actions: &[Action]) -> Vec<String> {
    let word = |action: &Action| {
        let (side, qty, price) = (action.side, action.qty, action.price());
        let how = match (action.order_kind, action.time_in_force) {
            (OrderKind::PostOnly, _) => " post only",
            (_, TimeInForce::Ioc) => " ioc",
            _ => "",
        };
        let on = action.instrument;
        match action.kind {
            ActionKind::Submit => format!("{on}: {side} {qty} at {price}{how}"),
            ActionKind::Replace => format!("{on}: replace by {qty} at {price}"),
            ActionKind::Cancel => format!("{on}: cancel"),
            ActionKind::CancelAll => format!("{on}: cancel all"),
            ActionKind::SubmitList => format!("{on}: list of kind {}", action.tag),
            ActionKind::SetTimer => format!("timer {} at {}", action.tag, action.at().0),
        }
    };
    actions.iter().map(word).collect()
}
