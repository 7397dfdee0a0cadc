//! The market maker on figures worked out by hand, and against a naive computation.

use proptest::prelude::*;
use tiercel_book::signal::{Grid, MicroPriceEstimator, Quote};
use tiercel_strategy::{ActionKind, OrderUpdateKind as Kind, Strategy as Trader};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side};

use super::support::{
    Event, book, drive, ended, made, on_book, on_order, on_timer, price, qty, stale, told, trade,
    words,
};

/// Samples each 100 ns, of a mid that does not move: the variance is zero.
const CALM: &str = "qty = '0.5'\ninventory_max = '1.0'\ngamma = 0.5\nk = 1.0\nvolatility_interval_ns = 100\n\
                    warm_up_samples = 2\nspread_max_ticks = 10\nbackoff_ns = 1000\n";

/// A market maker that has seen a bid of 99.99 and an ask of 100.01 long enough to quote, and its first quotes.
fn quoting(parameters: &str) -> (Box<dyn Trader>, Vec<tiercel_strategy::Action>) {
    let mut maker = made("market_maker", parameters);
    for time in [0, 100, 200] {
        assert!(on_book(&mut *maker, book(time, 1, ("99.99", "2"), ("100.01", "2"))).is_empty());
    }
    let actions = on_book(&mut *maker, book(300, 1, ("99.99", "2"), ("100.01", "2")));
    (maker, actions)
}

#[test]
fn quotes_lie_round_the_fair_price_once_there_is_a_volatility() {
    // A half-spread of ln(1 + 0.5 / 1) / 0.5 = 0.81 ticks is below its minimum of one: 99.99 and 100.01.
    let (_, actions) = quoting(CALM);
    let expected = ["1: buy 0.5 at 99.99 post only", "1: sell 0.5 at 100.01 post only"];
    assert_eq!(words(&actions), expected);
    // With k = 0.25 it is ln(3) / 0.5 = 2.197 ticks: 99.97 and 100.03, away from the mid.
    let (_, actions) = quoting(&CALM.replace("k = 1.0", "k = 0.25\npost_only = false"));
    assert_eq!(words(&actions), ["1: buy 0.5 at 99.97", "1: sell 0.5 at 100.03"]);
}

#[test]
fn the_weighted_mid_moves_both_quotes() {
    let (mut maker, first) = quoting(CALM);
    for order in &first {
        assert!(on_order(&mut *maker, told(310, order, Kind::Accepted)).is_empty());
    }
    // (99.99 x 1 + 100.03 x 7) / 8 = 100.025; less and more a tick: 100.01 and 100.04. The bid may go to 100.01 only
    // when the ask, at 100.01 still, is out of its way.
    let tick = book(320, 1, ("99.99", "7"), ("100.03", "1"));
    assert_eq!(words(&on_book(&mut *maker, tick)), ["1: replace by 0.5 at 100.04"]);
    let mut moved = told(330, &first[1], Kind::Replaced);
    moved.price = price("100.04");
    assert_eq!(words(&on_order(&mut *maker, moved)), ["1: replace by 0.5 at 100.01"]);
}

#[test]
fn inventory_leans_the_quotes_and_takes_away_the_side_that_is_full() {
    // Mids of 100 and 100.02 in turn: returns of +-2 ticks in 10,000. Four of them: two up, two down.
    let parameters = CALM.replace("gamma = 0.5", "gamma = 0.25\nhorizon_ns = 100");
    let parameters = parameters.replace("warm_up_samples = 2", "warm_up_samples = 4");
    let mut maker = made("market_maker", &parameters);
    let mut actions = Vec::new();
    for (time, bid, ask) in [
        (0, "99.99", "100.01"),
        (100, "100.01", "100.03"),
        (200, "99.99", "100.01"),
        (300, "100.01", "100.03"),
        (400, "99.99", "100.01"),
        (500, "99.99", "100.01"),
    ] {
        actions = on_book(&mut *maker, book(time, 1, (bid, "2"), (ask, "2")));
    }
    // The deviation of (2, -2, 2, -2) ticks is 4 / sqrt(3), v = 16 / 3 = 5.33. Without inventory the half-spread is
    // 0.25 x 5.33 / 2 + ln(1.25) / 0.25 = 0.667 + 0.893 = 1.56 ticks: two away.
    assert_eq!(
        words(&actions)[..2],
        ["1: buy 0.5 at 99.98 post only", "1: sell 0.5 at 100.02 post only",]
    );
    for order in &actions {
        on_order(&mut *maker, told(510, order, Kind::Accepted));
    }
    // Half a unit is bought: q = 1, and r is 0.25 x 5.33 = 1.33 ticks lower. The bid belongs to 10,000 - 1.33 - 1.56
    // = 9,997.1: 99.97; the ask to 10,000 - 1.33 + 1.56 = 10,000.2: 100.01.
    let filled = ended(520, &actions[0], Kind::Filled, "0.5");
    let expected = ["1: buy 0.5 at 99.97 post only", "1: replace by 0.5 at 100.01"];
    let next = on_order(&mut *maker, filled);
    assert_eq!(words(&next), expected);
    // Three quarters: room for a quarter, and r is 2 ticks lower: 9,996.4 and 9,999.6, which is 100.00.
    let mut partial = told(530, &next[0], Kind::Filled);
    (partial.open_qty, partial.position) = (qty("0.25"), 75_000_000);
    assert_eq!(words(&on_order(&mut *maker, partial)), ["1: replace by 0.5 at 99.96"]);
    // All of it: no bid any more.
    let mut full = partial;
    (full.open_qty, full.position, full.time.0) = (qty("0.001"), 99_900_000, 540);
    assert_eq!(words(&on_order(&mut *maker, full)), ["1: cancel"]);
}

#[test]
fn vpin_widens_the_quotes() {
    let parameters =
        CALM.to_owned() + "vpin_bucket_qty = '1'\nvpin_buckets = 2\nvpin_widening = 2.0";
    let (mut maker, first) = quoting(&parameters);
    for order in &first {
        on_order(&mut *maker, told(310, order, Kind::Accepted));
    }
    // One bucket bought, one half and half: VPIN is 1 / 2, and 0.811 x (1 + 2 x 0.5) = 1.62 ticks.
    for (much, side) in [("1", Side::Buy), ("0.5", Side::Buy), ("0.5", Side::Sell)] {
        let traded = Event::Trade(trade(320, "100.01", much, side));
        assert!(drive(&mut *maker, &traded).is_empty());
    }
    let actions = on_book(&mut *maker, book(330, 1, ("99.99", "2"), ("100.01", "2")));
    assert_eq!(words(&actions), ["1: replace by 0.5 at 99.98", "1: replace by 0.5 at 100.02"]);
}

#[test]
fn nothing_is_quoted_where_the_book_says_nothing() {
    let silent = [
        stale(book(400, 1, ("99.99", "2"), ("100.01", "2"))),
        book(400, 1, ("0", "0"), ("100.01", "2")),
        book(400, 1, ("99.99", "2"), ("0", "0")),
        book(400, 1, ("100.01", "2"), ("100.01", "2")),
        book(400, 1, ("100.02", "2"), ("100.01", "2")),
        book(400, 1, ("99.99", "2"), ("100.10", "2")),
        book(400, 1, ("-0.01", "2"), ("0.01", "2")),
    ];
    for tick in silent {
        let (mut maker, orders) = quoting(CALM);
        for order in &orders {
            on_order(&mut *maker, told(310, order, Kind::Accepted));
        }
        assert_eq!(words(&on_book(&mut *maker, tick)), ["1: cancel", "1: cancel"], "{tick:?}");
        // Nor again, until the answers come.
        assert!(on_book(&mut *maker, tick).is_empty());
        assert!(on_order(&mut *maker, ended(410, &orders[0], Kind::Cancelled, "0")).is_empty());
        assert!(on_order(&mut *maker, ended(410, &orders[1], Kind::Cancelled, "0")).is_empty());
        // And with the book the quotes come back.
        let actions = on_book(&mut *maker, book(420, 1, ("99.99", "2"), ("100.01", "2")));
        assert_eq!(actions.len(), 2, "{tick:?}");
    }
    // As wide as it may be is not too wide.
    let (mut maker, _) = quoting(CALM);
    let wide = on_book(&mut *maker, book(400, 1, ("99.95", "2"), ("100.05", "2")));
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn after_an_outage_as_long_as_its_window_nothing_is_quoted_until_it_is_warm_again() {
    // A window of 300 samples each 100 ns. What happened meanwhile was not seen: it was not calm.
    let (mut maker, orders) = quoting(CALM);
    for order in &orders {
        on_order(&mut *maker, told(310, order, Kind::Accepted));
    }
    let calm = |time| book(time, 1, ("99.99", "2"), ("100.01", "2"));
    on_book(&mut *maker, stale(calm(400)));
    for order in &orders {
        assert!(on_order(&mut *maker, ended(410, order, Kind::Cancelled, "0")).is_empty());
    }
    for time in [40_400, 40_500, 40_600] {
        assert!(on_book(&mut *maker, calm(time)).is_empty(), "{time}");
    }
    assert_eq!(on_book(&mut *maker, calm(40_700)).len(), 2);
}

#[test]
fn a_denial_waits_for_its_timer() {
    let (mut maker, orders) = quoting(CALM);
    let actions = on_order(&mut *maker, ended(300, &orders[0], Kind::Denied, "0"));
    assert_eq!(words(&actions), ["timer 0 at 1300"]);
    let calm = |time| book(time, 1, ("99.99", "2"), ("100.01", "2"));
    assert!(on_book(&mut *maker, calm(400)).is_empty());
    let actions = on_timer(&mut *maker, 1_300, 0);
    assert_eq!(words(&actions), ["1: buy 0.5 at 99.99 post only"]);
    assert_ne!(actions[0].tag, orders[0].tag);
    // Denied again, it waits for twice as long.
    let actions = on_order(&mut *maker, ended(1_300, &actions[0], Kind::Rejected, "0"));
    assert_eq!(words(&actions), ["timer 0 at 3300"]);
    assert!(on_book(&mut *maker, calm(3_299)).is_empty());
    assert_eq!(on_book(&mut *maker, calm(3_300)).len(), 1, "a tick does as well as the timer");
}

#[test]
fn other_instruments_and_timers_are_not_its_own() {
    let (mut maker, orders) = quoting(CALM);
    assert!(on_book(&mut *maker, stale(book(400, 2, ("1", "1"), ("2", "1")))).is_empty());
    assert!(on_timer(&mut *maker, 400, 1).is_empty());
    let mut foreign = ended(400, &orders[0], Kind::Filled, "5");
    foreign.instrument.0 = 2;
    assert!(on_order(&mut *maker, foreign).is_empty());
    // Its own position, told apart from orders: it is full.
    let mut owned = tiercel_strategy::PositionUpdate::default();
    (owned.instrument.0, owned.position) = (1, -100_000_000);
    on_order(&mut *maker, told(410, &orders[1], Kind::Accepted));
    assert_eq!(words(&drive(&mut *maker, &Event::Position(owned))), ["1: cancel"]);
}

#[test]
fn stoikovs_micro_price_is_taken_from_its_model() {
    // Where the bid is heavier the mid rises by a tick, where the ask is, it falls.
    let level = |ticks: i64, lots: u64| Level {
        price: Price::from_units(ticks * 1_000_000),
        qty: Qty::from_units(lots),
    };
    let mut estimator = MicroPriceEstimator::new(Grid::new(price("0.01"), 3, 2).unwrap());
    let mut bid = 9_999;
    for step in 0..200 {
        let rises = step % 4 < 2;
        estimator.on_quote(&Quote::new(level(bid, 50), level(bid + 2, 50)).unwrap());
        let lots = if rises { (90, 10) } else { (10, 90) };
        estimator.on_quote(&Quote::new(level(bid, lots.0), level(bid + 2, lots.1)).unwrap());
        bid += if rises { 1 } else { -1 };
    }
    let model = estimator.estimate().unwrap();
    let parameters =
        format!("fair_price = 'micro_price'\nmicro_price_model = '''\n{}'''\n", model.to_text());
    let mut maker = made("market_maker", &(CALM.to_owned() + &parameters));
    let mut actions = Vec::new();
    for time in [0, 100, 200, 300] {
        actions = on_book(&mut *maker, book(time, 1, ("99.99", "9"), ("100.01", "1")));
    }
    let heavy = Quote::new(level(9_999, 90), level(10_001, 10)).unwrap();
    let fair = model.micro_price(&heavy) / 1e6;
    assert!(fair > 10_000.5, "{fair}");
    let expected =
        ((fair - 1.0).floor() as i64 * 1_000_000, (fair + 1.0).ceil() as i64 * 1_000_000);
    assert_eq!((actions[0].price, actions[1].price), expected);
}

/// What the naive market maker wants: bid and ask in ticks, by its definition over the whole history.
fn naive(
    mids_by_time: &[(u64, f64)],
    trades: &[(Side, u64)],
    (bid, ask): ((i64, u64), (i64, u64)),
    position_lots: f64,
) -> Option<(f64, f64)> {
    let (gamma, k, interval_ns, samples, horizon_ns) = (0.05_f64, 0.8_f64, 50_u64, 6, 400.0);
    // The last mid of each interval, silent ones with the one before.
    let (first, last) =
        (mids_by_time.first()?.0 / interval_ns, mids_by_time.last()?.0 / interval_ns);
    let close = |number: u64| {
        let before = mids_by_time.iter().rev().find(|(time, _)| time / interval_ns <= number);
        before.map_or(0.0, |(_, mid)| *mid)
    };
    let closes: Vec<f64> = (first..last).map(close).collect();
    let returns: Vec<f64> = closes.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect();
    let newest = &returns[returns.len().saturating_sub(samples)..];
    if newest.len() < 3 {
        return None;
    }
    let mean = newest.iter().sum::<f64>() / newest.len() as f64;
    let squares: f64 = newest.iter().map(|value| (value - mean).powi(2)).sum();
    let variance = squares / (newest.len() - 1) as f64 * (horizon_ns / interval_ns as f64);
    let mid = (bid.0 + ask.0) as f64 / 2.0;
    let v = variance * mid * mid;
    let fair = (bid.0 as f64 * ask.1 as f64 + ask.0 as f64 * bid.1 as f64) / (bid.1 + ask.1) as f64;
    // VPIN of units: three full buckets of ten.
    let units: Vec<f64> = trades
        .iter()
        .flat_map(|&(side, lots)| {
            core::iter::repeat_n(if side == Side::Buy { 1.0 } else { -1.0 }, lots as usize)
        })
        .collect();
    let full: Vec<f64> =
        units.chunks_exact(10).map(|bucket| bucket.iter().sum::<f64>().abs()).collect();
    let vpin = if full.len() < 3 { 0.0 } else { full[full.len() - 3..].iter().sum::<f64>() / 30.0 };
    let reservation = fair - position_lots / 5.0 * gamma * v;
    let half = ((gamma * v / 2.0 + (1.0 + gamma / k).ln() / gamma) * (1.0 + 1.5 * vpin)).max(1.0);
    Some((
        (reservation - half).min(ask.0 as f64 - 1.0),
        (reservation + half).max(bid.0 as f64 + 1.0),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quotes_are_those_of_the_naive_computation(
        steps in prop::collection::vec(
            ((1_u64..60, 9_990_i64..10_010, 1_i64..6), (1_u64..50, 1_u64..50), (any::<bool>(), 0_u64..8), -10_i64..10),
            1..60,
        ),
    ) {
        let mut maker = made(
            "market_maker",
            "qty = '0.05'\ninventory_max = '1'\ngamma = 0.05\nk = 0.8\nvolatility_interval_ns = 50\n\
             volatility_samples = 6\nwarm_up_samples = 3\nhorizon_ns = 400\nvpin_bucket_qty = '0.01'\n\
             vpin_buckets = 3\nvpin_widening = 1.5",
        );
        let (mut mids, mut trades, mut now) = (Vec::new(), Vec::new(), 0);
        for ((step, bid, spread), (bid_lots, ask_lots), (buys, lots), position) in steps {
            now += step;
            let side = if buys { Side::Buy } else { Side::Sell };
            trades.push((side, lots));
            let mut traded = trade(now, "1", "1", side);
            traded.qty = Qty::from_units(lots * 100_000);
            drive(&mut *maker, &Event::Trade(traded));
            let mut owned = tiercel_strategy::PositionUpdate::default();
            (owned.time.0, owned.instrument.0, owned.position) = (now, 1, position * 1_000_000);
            prop_assert!(drive(&mut *maker, &Event::Position(owned)).is_empty());
            let mut tick = book(now, 1, ("1", "1"), ("1", "1"));
            for (level, ticks, lots) in
                [(&mut tick.bids[0], bid, bid_lots), (&mut tick.asks[0], bid + spread, ask_lots)]
            {
                level.price = Price::from_units(ticks * 1_000_000);
                level.qty = Qty::from_units(lots * 100_000);
            }
            mids.push((now, (2 * bid + spread) as f64 / 2.0));
            let actions = on_book(&mut *maker, tick);
            let expected =
                naive(&mids, &trades, ((bid, bid_lots), (bid + spread, ask_lots)), position as f64);
            let Some((low, high)) = expected else {
                prop_assert!(actions.is_empty());
                continue;
            };
            prop_assert_eq!(actions.len(), 2);
            let ticks = |at: usize| actions[at].price as f64 / 1e6;
            prop_assert!(actions.iter().all(|action| action.kind == ActionKind::Submit));
            // The highest tick not above, the lowest not below, but for what rounding may do at a tick.
            prop_assert!(ticks(0) <= low + 1e-6 && ticks(0) > low - 1.0 - 1e-6, "{low} {}", ticks(0));
            prop_assert!(ticks(1) >= high - 1e-6 && ticks(1) < high + 1.0 + 1e-6, "{high} {}", ticks(1));
            // Both are taken back, so that it quotes anew.
            for action in &actions {
                on_order(&mut *maker, told(now, action, Kind::Accepted));
            }
            prop_assert_eq!(on_book(&mut *maker, stale(tick)).len(), 2);
            for action in &actions {
                on_order(&mut *maker, ended(now, action, Kind::Cancelled, "0"));
            }
        }
    }
}
