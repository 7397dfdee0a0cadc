//! The arbitrage on figures worked out by hand, and its worst case under any fills.

use proptest::prelude::*;
use tiercel_strategy::{
    Action, ActionKind, OrderUpdate, OrderUpdateKind as Kind, PositionUpdate, Strategy as Trader,
};
use tiercel_types::{InstrumentId, Price, Qty, Side};

use super::support::{
    Event, book, drive, ended, made, on_book, on_order, on_timer, stale, told, words,
};

/// Fees of 0.1% on venue 1 and 0.05% on venue 2, a margin of 0.01%.
const PARAMETERS: &str = "qty_max = '0.5'\nunhedged_max = '0.8'\nposition_max = '2'\nfirst_fee_ppm = 1000\n\
                          second_fee_ppm = 500\nmargin_ppm = 100\nslippage_ppm = 1000\nretry_ns = 100\n\
                          age_max_ns = 1000\n";

/// Venue 1 asks 100.00, and venue 2 bids this.
fn met(parameters: &str, bid: (&str, &str)) -> (Box<dyn Trader>, Vec<Action>) {
    let mut strategy = made("arbitrage", parameters);
    assert!(on_book(&mut *strategy, book(1, 1, ("99.98", "3"), ("100.00", "3"))).is_empty());
    let actions = on_book(&mut *strategy, book(2, 2, bid, ("101", "3")));
    (strategy, actions)
}

#[test]
fn it_takes_both_sides_where_fees_and_margin_are_covered() {
    // 100 x 1.0011 = 100.11; 100.16 x 0.9995 = 100.10992, which is less; 100.17 x 0.9995 = 100.119915.
    assert!(met(PARAMETERS, ("100.16", "3")).1.is_empty());
    let (_, actions) = met(PARAMETERS, ("100.17", "3"));
    assert_eq!(words(&actions), ["1: buy 0.5 at 100 ioc", "2: sell 0.5 at 100.17 ioc"]);
    // And the other way round: 100.00 x 0.999 = 99.90 against 99.8 x 1.0006 = 99.85988, and 99.85 x 1.0006 = 99.90991.
    for (ask, is_enough) in [("99.80", true), ("99.85", false)] {
        let mut strategy = made("arbitrage", PARAMETERS);
        on_book(&mut *strategy, book(1, 1, ("100.00", "3"), ("100.02", "3")));
        let actions = on_book(&mut *strategy, book(2, 2, ("99.7", "3"), (ask, "0.2")));
        let both = ["2: buy 0.2 at 99.8 ioc", "1: sell 0.2 at 100 ioc"];
        assert_eq!(words(&actions), if is_enough { both.as_slice() } else { &[] });
    }
}

#[test]
fn books_that_are_stale_or_old_are_not_traded_on() {
    let mut strategy = made("arbitrage", PARAMETERS);
    let (first, second) =
        (book(1, 1, ("99.98", "3"), ("100.00", "3")), book(2, 2, ("100.5", "3"), ("101", "3")));
    on_book(&mut *strategy, stale(first));
    assert!(on_book(&mut *strategy, second).is_empty());
    on_book(&mut *strategy, first);
    let mut strategy = made("arbitrage", PARAMETERS);
    on_book(&mut *strategy, first);
    let late = book(1_002, 2, ("100.5", "3"), ("101", "3"));
    assert!(on_book(&mut *strategy, late).is_empty(), "the other one is 1,001 ns old");
    assert_eq!(on_book(&mut *strategy, book(1_002, 1, ("99.98", "3"), ("100.00", "3"))).len(), 2);
}

#[test]
fn a_leg_that_did_not_trade_is_worked_off_where_it_costs_least() {
    for (bid, back) in [
        // Sold on venue 2 for 100.10 x 0.9995, or taken back on venue 1 for 99.98 x 0.999.
        ("100.10", "2: sell 0.5 at 100 ioc"),
        // 99.92 x 0.9995 = 99.87004 is less than 99.88002.
        ("99.92", "1: sell 0.5 at 99.89 ioc"),
    ] {
        let (mut strategy, legs) = met(PARAMETERS, ("100.17", "3"));
        assert!(on_order(&mut *strategy, ended(3, &legs[0], Kind::Filled, "0.5")).is_empty());
        // The bid is gone: the other leg ends as it came, and its venue waits.
        let actions = on_book(&mut *strategy, book(4, 2, (bid, "3"), ("101", "3")));
        assert!(actions.is_empty(), "an order is open");
        let actions = on_order(&mut *strategy, ended(5, &legs[1], Kind::Expired, "0"));
        if bid == "99.92" {
            assert_eq!(words(&actions), [back, "timer 0 at 105"]);
            continue;
        }
        // Venue 1 is free, and taking back is better than waiting.
        assert_eq!(words(&actions), ["1: sell 0.5 at 99.89 ioc", "timer 0 at 105"]);
        on_order(&mut *strategy, ended(6, &actions[0], Kind::Cancelled, "0.5"));
        let actions = on_timer(&mut *strategy, 105, 0);
        assert_eq!(words(&actions)[0], back);
    }
}

#[test]
fn of_two_venues_the_better_one_takes_what_is_net() {
    for (bid, position, back) in [
        // 100.10 x 0.9995 is more than 99.98 x 0.999; 99.92 x 0.9995 is less.
        ("100.10", 50_000_000, "2: sell 0.5 at 100 ioc"),
        ("99.92", 50_000_000, "1: sell 0.5 at 99.89 ioc"),
        // 100 x 1.001 is less than 101 x 1.0005.
        ("99.92", -50_000_000, "1: buy 0.5 at 100.1 ioc"),
    ] {
        let (mut strategy, _) = met(PARAMETERS, (bid, "3"));
        let mut owned = PositionUpdate::default();
        (owned.time.0, owned.instrument, owned.position) = (3, InstrumentId(1), position);
        assert_eq!(words(&drive(&mut *strategy, &Event::Position(owned))), [back]);
    }
}

#[test]
fn what_is_unhedged_counts_in_the_next_legs() {
    let (mut strategy, legs) = met(PARAMETERS, ("100.17", "3"));
    on_order(&mut *strategy, ended(3, &legs[0], Kind::Filled, "0.5"));
    // All but 0.0005 of the other leg traded: that is less than an order may be, and stays.
    let actions = on_order(&mut *strategy, ended(3, &legs[1], Kind::Filled, "-0.4995"));
    assert_eq!(words(&actions), ["1: buy 0.5 at 100 ioc", "2: sell 0.5 at 100.17 ioc"]);
    // With a bound of 0.4 the net of 0.0005 leaves 0.399 on the lot.
    let tight = PARAMETERS.replace("unhedged_max = '0.8'", "unhedged_max = '0.4'");
    let (mut strategy, legs) = met(&tight, ("100.17", "3"));
    assert_eq!(words(&legs), ["1: buy 0.4 at 100 ioc", "2: sell 0.4 at 100.17 ioc"]);
    on_order(&mut *strategy, ended(3, &legs[0], Kind::Filled, "0.4"));
    let actions = on_order(&mut *strategy, ended(3, &legs[1], Kind::Filled, "-0.3995"));
    assert_eq!(words(&actions), ["1: buy 0.399 at 100 ioc", "2: sell 0.399 at 100.17 ioc"]);
}

#[test]
fn a_leg_of_unknown_fate_stops_all() {
    let (mut strategy, legs) = met(PARAMETERS, ("100.17", "3"));
    on_order(&mut *strategy, ended(3, &legs[0], Kind::Filled, "0.5"));
    assert!(on_order(&mut *strategy, told(4, &legs[1], Kind::Unknown)).is_empty());
    for time in [5, 500, 900] {
        let tick = book(time, 2, ("100.17", "3"), ("101", "3"));
        assert!(on_book(&mut *strategy, tick).is_empty());
    }
    // It had traded.
    let actions = on_order(&mut *strategy, ended(950, &legs[1], Kind::Filled, "-0.5"));
    assert_eq!(words(&actions), words(&legs), "and it goes on");
}

#[test]
fn positions_end_it_at_their_bound() {
    let (mut strategy, _) = met(PARAMETERS, ("100.16", "3"));
    let owned = |instrument, position| {
        let mut owned = PositionUpdate::default();
        (owned.time.0, owned.instrument, owned.position) = (3, InstrumentId(instrument), position);
        Event::Position(owned)
    };
    // Venue 1 is long by 1.9, venue 2 short by as much: a tenth is left.
    assert!(drive(&mut *strategy, &owned(1, 190_000_000)).len() == 1, "it is net, and worked off");
    let mut strategy = made("arbitrage", &(PARAMETERS.to_owned() + "net_target = '0.4'"));
    drive(&mut *strategy, &owned(1, 190_000_000));
    on_book(&mut *strategy, book(4, 1, ("99.98", "3"), ("100.00", "3")));
    let tick = book(5, 2, ("100.17", "3"), ("101", "3"));
    assert!(on_book(&mut *strategy, tick).is_empty(), "not before both are told");
    let actions = drive(&mut *strategy, &owned(2, -150_000_000));
    assert_eq!(words(&actions), ["1: buy 0.1 at 100 ioc", "2: sell 0.1 at 100.17 ioc"]);
}

#[test]
fn an_order_that_is_found_open_is_cancelled() {
    let (mut strategy, legs) = met(PARAMETERS, ("100.17", "3"));
    assert_eq!(words(&on_order(&mut *strategy, told(3, &legs[0], Kind::Found))), ["1: cancel"]);
    let actions = on_order(&mut *strategy, told(4, &legs[0], Kind::CancelRejected));
    assert_eq!(words(&actions), ["timer 0 at 104"]);
    assert_eq!(words(&on_timer(&mut *strategy, 104, 0)), ["1: cancel"]);
}

/// What a venue makes of a leg.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A new book: which venue, bid in ticks, lots, and whether it is stale.
    Book {
        venue: usize,
        bid: i64,
        lots: u64,
        is_stale: bool,
    },
    /// The oldest order trades to so many hundredths, and what is left ends.
    Meet {
        share: u64,
        end: Kind,
    },
    /// Its fate is not known for now.
    Lose,
    /// An update arrives.
    Update,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let share = prop_oneof![2 => Just(0_u64), 2 => Just(100), 2 => 1_u64..100];
    let end =
        prop::sample::select(vec![Kind::Cancelled, Kind::Expired, Kind::Rejected, Kind::Denied]);
    prop_oneof![
        4 => (0_usize..2, 9_950_i64..10_050, 1_u64..900, prop::bool::weighted(0.1))
            .prop_map(|(venue, bid, lots, is_stale)| Step::Book { venue, bid, lots, is_stale }),
        4 => (share, end).prop_map(|(share, end)| Step::Meet { share, end }),
        1 => Just(Step::Lose),
        6 => Just(Step::Update),
        2 => (1_u64..150).prop_map(Step::Wait),
    ]
}

const LOT: i64 = 100_000;
const UNHEDGED_MAX: i64 = 80_000_000;
const POSITION_MAX: i64 = 200_000_000;

/// Two venues, with what they know and what they have not told.
struct Model {
    strategy: Box<dyn Trader>,
    now: u64,
    timer: Option<u64>,
    open: Vec<Action>,
    positions: [i64; 2],
    updates: std::collections::VecDeque<OrderUpdate>,
    orders: u32,
}

impl Model {
    fn tell(&mut self, event: &Event) {
        let actions = drive(&mut *self.strategy, event);
        let legs: Vec<Action> =
            actions.iter().filter(|action| action.kind == ActionKind::Submit).copied().collect();
        for action in &actions {
            match action.kind {
                ActionKind::Submit => self.open.push(*action),
                ActionKind::SetTimer => self.timer = Some(action.at().0),
                _ => panic!("{action:?}"),
            }
        }
        self.orders += legs.len() as u32;
        match legs[..] {
            [] | [_] => {}
            [buys, sells] => {
                assert_eq!((buys.side, sells.side), (Side::Buy, Side::Sell));
                assert!(buys.instrument != sells.instrument && buys.qty == sells.qty);
                // Fees of 100 ppm and a margin of 50.
                let (paid, taken) = (i128::from(buys.price), i128::from(sells.price));
                assert!(taken * 999_900 >= paid * 1_000_150);
            }
            _ => panic!("{legs:?}"),
        }
        self.check();
    }

    /// Whatever of what is open trades, the bounds hold.
    fn check(&self) {
        let sum = |venue: Option<usize>, side| -> i64 {
            let open = self.open.iter().filter(|order| {
                order.side == side
                    && venue.is_none_or(|venue| order.instrument.0 == venue as u32 + 1)
            });
            open.map(|order| order.qty.units() as i64).sum()
        };
        let net: i64 = self.positions.iter().sum();
        assert!(net + sum(None, Side::Buy) <= UNHEDGED_MAX, "{net} {:?}", self.open);
        assert!(net - sum(None, Side::Sell) >= -UNHEDGED_MAX, "{net} {:?}", self.open);
        for (venue, position) in self.positions.iter().enumerate() {
            assert!(position + sum(Some(venue), Side::Buy) <= POSITION_MAX);
            assert!(position - sum(Some(venue), Side::Sell) >= -POSITION_MAX);
        }
    }

    fn update(&mut self, order: &Action, kind: Kind, open_qty: i64) {
        let venue = order.instrument.0 as usize - 1;
        let mut update = told(self.now, order, kind);
        update.open_qty = Qty::from_units(open_qty as u64);
        update.position = self.positions[venue];
        self.updates.push_back(update);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Book { venue, bid, lots, is_stale } => {
                let mut tick = book(self.now, venue as u32 + 1, ("1", "1"), ("1", "1"));
                for (level, ticks) in [(&mut tick.bids[0], bid), (&mut tick.asks[0], bid + 2)] {
                    level.price = Price::from_units(ticks * 1_000_000);
                    level.qty = Qty::from_units(lots * LOT as u64);
                }
                self.tell(&Event::Book(if is_stale { stale(tick) } else { tick }));
            }
            Step::Meet { share, end } => {
                if self.open.is_empty() {
                    return;
                }
                let order = self.open.remove(0);
                let qty = order.qty.units() as i64;
                let traded = qty / LOT * share as i64 / 100 * LOT;
                let venue = order.instrument.0 as usize - 1;
                self.positions[venue] += if order.side == Side::Buy { traded } else { -traded };
                if traded > 0 {
                    self.update(&order, Kind::Filled, qty - traded);
                }
                if traded < qty {
                    // What has traded in part is neither rejected nor denied.
                    let end = if traded > 0 { Kind::Expired } else { end };
                    self.update(&order, end, 0);
                }
            }
            Step::Lose => {
                if let Some(order) = self.open.first().copied() {
                    self.update(&order, Kind::Unknown, order.qty.units() as i64);
                }
            }
            Step::Update => {
                if let Some(mut update) = self.updates.pop_front() {
                    update.time.0 = self.now;
                    self.tell(&Event::Order(update));
                }
            }
            Step::Wait(ns) => {
                self.now += ns;
                if let Some(at) = self.timer.filter(|&at| at <= self.now) {
                    self.timer = None;
                    let timer = tiercel_strategy::TimerTick {
                        time: tiercel_types::Timestamp(self.now.max(at)),
                        timer: 0,
                    };
                    self.tell(&Event::Timer(timer));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_worst_case_stays_within_its_bounds_and_the_net_is_worked_off(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut model = Model {
            strategy: made(
                "arbitrage",
                "qty_max = '0.5'\nunhedged_max = '0.8'\nposition_max = '2'\nfirst_fee_ppm = 100\n\
                 second_fee_ppm = 100\nmargin_ppm = 50\nretry_ns = 100\nage_max_ns = 100000",
            ),
            now: 1,
            timer: None,
            open: Vec::new(),
            positions: [0; 2],
            updates: std::collections::VecDeque::new(),
            orders: 0,
        };
        for step in steps {
            model.take(step);
        }
        // From now on everything trades, at prices that do not tempt.
        for _ in 0..20 {
            for venue in [0, 1] {
                model.take(Step::Book { venue, bid: 10_000, lots: 900, is_stale: false });
            }
            while !model.open.is_empty() {
                model.take(Step::Meet { share: 100, end: Kind::Expired });
            }
            while !model.updates.is_empty() {
                model.take(Step::Update);
            }
            model.take(Step::Wait(10_000));
        }
        // An order is worth 1 at least: at 99.9, the worst price to sell at, ten lots are too few.
        let net: i64 = model.positions.iter().sum();
        prop_assert!(net.abs() <= 10 * LOT, "{net}");
    }
}
