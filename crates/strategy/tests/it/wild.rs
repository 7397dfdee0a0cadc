//! Every strategy under events that no market sends: nothing panics, and a state that is taken up again changes no
//! later action.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::Strategy;
use tiercel_strategy::{
    Action, ActionKind, BookTick, LEVELS, OrderUpdate, OrderUpdateKind, PositionUpdate, StateError,
    Strategy as Trader, TimerTick, TradeTick,
};
use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Price, Qty, Side, Timestamp, TradeId};

use super::support::{Event, drive, made};

/// Of each strategy, parameters by which things happen soon.
const STRATEGIES: [(&str, &str); 7] = [
    (
        "market_maker",
        "qty = '0.01'\ninventory_max = '0.03'\nvolatility_interval_ns = 10\nvolatility_samples = 5\n\
         warm_up_samples = 2\nvpin_bucket_qty = '0.05'\nvpin_buckets = 3\nbackoff_ns = 20\nspread_max_ticks = 9\n\
         horizon_ns = 100",
    ),
    (
        "market_maker",
        "qty = '0.01'\ninventory_max = '0.03'\nvolatility_interval_ns = 10\nvolatility_samples = 5\n\
         warm_up_samples = 2\nfair_price = 'mid'\npost_only = false\nhysteresis_ticks = 2\nbackoff_ns = 20",
    ),
    (
        "golden_cross",
        "qty = '0.02'\nbar = { time_ns = 15 }\nfast_bars = 1\nslow_bars = 3\nretry_ns = 20",
    ),
    (
        "golden_cross",
        "qty = '0.02'\nbar = { trades = 2 }\nfast_bars = 2\nslow_bars = 3\nshort = true",
    ),
    (
        "mean_reversion",
        "qty = '0.02'\ninterval_ns = 10\nsamples = 4\nentry = 1.0\nexit = 0.2\nstop = 2.5\nshort = true\nretry_ns = 20",
    ),
    (
        "mean_reversion",
        "qty = '0.02'\ninterval_ns = 10\nsamples = 4\nentry = 0.5\nexit = 0.1\nstop = 9",
    ),
    (
        "arbitrage",
        "qty_max = '0.05'\nunhedged_max = '0.05'\nposition_max = '0.2'\nfirst_fee_ppm = 10\nsecond_fee_ppm = 10\n\
         margin_ppm = 0\nretry_ns = 20\nage_max_ns = 1000",
    ),
];

/// An event as it was drawn: what it says of own orders depends on what was submitted.
#[derive(Clone, Debug)]
enum Drawn {
    Told(Event),
    /// Something of an order that was submitted.
    Own {
        of: Index,
        kind: OrderUpdateKind,
        left: u64,
        position: i64,
        time: u64,
    },
    /// The timer that was set last, or another.
    Timer {
        timer: u64,
        time: u64,
    },
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0_u64..3_000, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn a_price() -> impl Strategy<Value = Price> {
    let tick = 1_000_000_i64;
    prop_oneof![
        12 => (9_990_i64..10_010).prop_map(move |ticks| ticks * tick),
        1 => any::<i64>(),
        1 => prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), Just(1), Just(-1)],
    ]
    .prop_map(Price::from_units)
}

fn a_qty() -> impl Strategy<Value = Qty> {
    prop_oneof![
        12 => (0_u64..100).prop_map(|lots| lots * 100_000),
        1 => any::<u64>(),
        1 => prop_oneof![Just(u64::MAX), Just(1)],
    ]
    .prop_map(Qty::from_units)
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    prop_oneof![4 => Just(1), 3 => Just(2), 1 => any::<u32>()].prop_map(InstrumentId)
}

fn side() -> impl Strategy<Value = Side> {
    any::<bool>().prop_map(|buys| if buys { Side::Buy } else { Side::Sell })
}

fn kind() -> impl Strategy<Value = OrderUpdateKind> {
    use OrderUpdateKind as Kind;
    prop::sample::select(vec![
        Kind::Denied,
        Kind::Accepted,
        Kind::Rejected,
        Kind::Filled,
        Kind::Filled,
        Kind::Filled,
        Kind::Cancelled,
        Kind::Expired,
        Kind::Replaced,
        Kind::CancelRejected,
        Kind::ReplaceRejected,
        Kind::Unknown,
        Kind::Found,
    ])
}

fn book() -> impl Strategy<Value = Event> {
    let level = || (a_price(), a_qty()).prop_map(|(price, qty)| Level { price, qty });
    let flags = prop_oneof![9 => Just(0), 1 => any::<u32>()];
    let sane =
        (9_990_i64..10_010, 1_i64..4, 1_u64..99, 1_u64..99).prop_map(|(bid, spread, b, a)| {
            let level = |ticks, lots| Level {
                price: Price::from_units(ticks * 1_000_000),
                qty: Qty::from_units(lots * 100_000),
            };
            (level(bid, b), level(bid + spread, a))
        });
    let top = prop_oneof![4 => sane, 1 => (level(), level())];
    (time(), instrument(), flags, top, a_price()).prop_map(
        |(time, instrument, flags, (bid, ask), last_price)| {
            let (mut bids, mut asks) = ([Level::default(); LEVELS], [Level::default(); LEVELS]);
            (bids[0], asks[0]) = (bid, ask);
            let (time, update_id) = (Timestamp(time), 0);
            Event::Book(BookTick { time, update_id, instrument, flags, bids, asks, last_price })
        },
    )
}

fn trade() -> impl Strategy<Value = Event> {
    (time(), instrument(), a_price(), a_qty(), side()).prop_map(
        |(time, instrument, price, qty, aggressor)| {
            let (time, trade_id) = (Timestamp(time), TradeId(1));
            let reserved = [0; 3];
            Event::Trade(TradeTick { time, trade_id, price, qty, instrument, aggressor, reserved })
        },
    )
}

/// An update of nothing that was submitted.
fn update() -> impl Strategy<Value = Event> {
    let tag = prop_oneof![0_u64..40, any::<u64>(), Just(u64::MAX)];
    let numbers = (a_price(), a_qty(), a_qty(), any::<i64>());
    (time(), tag, instrument(), kind(), side(), numbers).prop_map(
        |(time, tag, instrument, kind, side, (price, qty, open_qty, position))| {
            Event::Order(OrderUpdate {
                time: Timestamp(time),
                tag,
                instrument,
                kind,
                side,
                reason: 0,
                price,
                qty,
                open_qty,
                fill_price: price,
                fill_qty: qty,
                position,
                reserved: 0,
            })
        },
    )
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let position = || prop_oneof![9 => -10_i64..10, 1 => any::<i64>()];
    let lots = |position: i64| position.saturating_mul(1_000_000);
    let owned = (time(), instrument(), position()).prop_map(move |(time, instrument, position)| {
        let (time, position) = (Timestamp(time), lots(position));
        Event::Position(PositionUpdate { time, instrument, reserved: 0, position })
    });
    let own = (any::<Index>(), kind(), 0_u64..3, position(), time());
    prop_oneof![
        10 => book().prop_map(Drawn::Told),
        3 => trade().prop_map(Drawn::Told),
        1 => update().prop_map(Drawn::Told),
        1 => owned.prop_map(Drawn::Told),
        6 => own.prop_map(move |(of, kind, left, position, time)| {
            Drawn::Own { of, kind, left, position: lots(position), time }
        }),
        2 => (0_u64..9, time()).prop_map(|(timer, time)| Drawn::Timer { timer, time }),
    ]
}

/// The event, given the orders that were submitted, newest last.
fn event(drawn: &Drawn, orders: &[Action]) -> Event {
    match *drawn {
        Drawn::Told(event) => event,
        Drawn::Timer { timer, time } => Event::Timer(TimerTick { time: Timestamp(time), timer }),
        Drawn::Own { .. } if orders.is_empty() => {
            Event::Timer(TimerTick { time: Timestamp(0), timer: 0 })
        }
        Drawn::Own { of, kind, left, position, time } => {
            // Of the newest, most of all.
            let newest = &orders[orders.len().saturating_sub(3)..];
            let order = of.get(newest);
            let open_qty = Qty::from_units(order.qty.units() / 2 * left);
            Event::Order(OrderUpdate {
                time: Timestamp(time),
                tag: order.tag,
                instrument: order.instrument,
                kind,
                side: order.side,
                reason: 0,
                price: order.price(),
                qty: order.qty,
                open_qty,
                fill_price: order.price(),
                fill_qty: open_qty,
                position,
                reserved: 0,
            })
        }
    }
}

/// Its times rise, mostly: what is drawn is a step, or a time of its own.
fn on_time(drawn: &mut Drawn, now: &mut u64) {
    let time = match drawn {
        Drawn::Told(Event::Book(tick)) => &mut tick.time.0,
        Drawn::Told(Event::Trade(trade)) => &mut trade.time.0,
        Drawn::Told(Event::Order(update)) => &mut update.time.0,
        Drawn::Told(Event::Position(update)) => &mut update.time.0,
        Drawn::Told(Event::Timer(timer)) => &mut timer.time.0,
        Drawn::Own { time, .. } | Drawn::Timer { time, .. } => time,
    };
    if *time < 3_000 {
        *now += *time % 30;
        *time = *now;
    }
}

/// A new strategy with the state of another.
fn restored(which: (&str, &str), strategy: &dyn Trader) -> Box<dyn Trader> {
    let mut state = Vec::new();
    strategy.save(&mut state);
    let mut restored = made(which.0, which.1);
    restored.restore(&state).unwrap();
    let mut again = Vec::new();
    restored.save(&mut again);
    assert_eq!(again, state, "what was restored is what was saved");
    restored
}

fn submitted(actions: &[Action]) -> impl Iterator<Item = Action> {
    actions.iter().filter(|action| action.kind == ActionKind::Submit).copied()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// One strategy is taken down and up again before each event of a part of them, its twin runs through.
    #[test]
    fn a_restored_state_changes_no_later_action(
        mut drawn in prop::collection::vec(drawn(), 1..120),
        restarts in prop::collection::vec(any::<bool>(), 120),
        which in 0..STRATEGIES.len(),
    ) {
        let which = STRATEGIES[which];
        let (mut through, mut again) = (made(which.0, which.1), made(which.0, which.1));
        let (mut orders, mut now) = (Vec::new(), 1);
        for (drawn, &restarts) in drawn.iter_mut().zip(&restarts) {
            on_time(drawn, &mut now);
            let event = event(drawn, &orders);
            if restarts {
                again = restored(which, &*again);
            }
            let actions = drive(&mut *through, &event);
            prop_assert_eq!(&drive(&mut *again, &event), &actions, "at {:?}", event);
            for action in &actions {
                let is_order = matches!(action.kind, ActionKind::Submit | ActionKind::Replace);
                let is_sound = action.price > 0 && action.price % 1_000_000 == 0;
                prop_assert!(!is_order || (is_sound && !action.qty.is_zero()), "{:?}", action);
                let is_timer = action.kind == ActionKind::SetTimer;
                prop_assert!(!is_timer || action.tag < Action::TIMERS, "{:?}", action);
            }
            orders.extend(submitted(&actions));
        }
    }

    /// Bytes that are no state are refused without a change, or are a state with which nothing panics.
    #[test]
    fn damaged_states_are_refused_or_harmless(
        mut drawn in prop::collection::vec(drawn(), 1..40),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        which in 0..STRATEGIES.len(),
    ) {
        let which = STRATEGIES[which];
        let mut strategy = made(which.0, which.1);
        let mut now = 1;
        for drawn in &mut drawn {
            on_time(drawn, &mut now);
            drive(&mut *strategy, &event(drawn, &[]));
        }
        let mut state = Vec::new();
        strategy.save(&mut state);
        let mut damaged = state.clone();
        for (at, byte) in damage {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let taken = strategy.restore(&damaged);
        if taken.is_err() {
            let mut after = Vec::new();
            strategy.save(&mut after);
            prop_assert_eq!(after, state, "a refusal changed something");
        }
        for drawn in &drawn {
            drive(&mut *strategy, &event(drawn, &[]));
        }
    }
}

#[test]
fn a_state_of_another_strategy_or_length_is_refused() {
    let maker = made("market_maker", STRATEGIES[0].1);
    let mut state = Vec::new();
    maker.save(&mut state);
    let mut other = made("golden_cross", STRATEGIES[2].1);
    let mut own = Vec::new();
    other.save(&mut own);
    let wrong = StateError::Length { expected: own.len(), found: state.len() };
    assert_eq!(other.restore(&state), Err(wrong));
    let cut = StateError::Length { expected: own.len(), found: 7 };
    assert_eq!(other.restore(&own[..7]), Err(cut));
    // Of the same length, and another's.
    let mut foreign = own.clone();
    foreign[0] ^= 1;
    assert_eq!(other.restore(&foreign), Err(StateError::Field { field: "header" }));
    assert_eq!(other.restore(&own), Ok(()));
}
