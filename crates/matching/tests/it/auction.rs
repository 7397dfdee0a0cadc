//! The price of an auction: published examples, each step with its tie-breaks, and brute force.

use std::collections::BTreeMap;

use tiercel_matching::auction::{
    Bounds, Indication, Pressure, PriceLevel, PriceRules, Sides, TieBreak, find_price,
};
use tiercel_testkit::auction::{self, Order, Steps, published};
use tiercel_testkit::random::Random;
use tiercel_types::Side;

use crate::runs::rounds;

const FLAVOURS: [PriceRules; 4] =
    [PriceRules::XETRA, PriceRules::EURONEXT, PriceRules::ASX, PriceRules::NASDAQ];

/// Sums orders by price and finds the price.
fn find(
    orders: &[Order],
    rules: PriceRules,
    reference: Option<i64>,
    bounds: Option<Bounds>,
) -> Option<Indication> {
    let mut levels = [BTreeMap::new(), BTreeMap::new()];
    let mut market = [0, 0];
    for &(side, limit, lots) in orders {
        match limit {
            Some(tick) => *levels[side.index()].entry(tick).or_insert(0) += lots,
            None => market[side.index()] += lots,
        }
    }
    let level = |(&tick, &lots): (&i64, &u64)| PriceLevel { tick, lots };
    let bids: Vec<PriceLevel> = levels[0].iter().rev().map(level).collect();
    let asks: Vec<PriceLevel> = levels[1].iter().map(level).collect();
    let [market_buy, market_sell] = market;
    let sides = Sides { bids: &bids, asks: &asks, market_buy, market_sell };
    find_price(&sides, rules, reference, bounds)
}

#[test]
fn published_examples_come_out_exactly() {
    let Some(examples) = published() else { return };
    assert_eq!(examples.len(), 3);
    for example in examples {
        for rules in FLAVOURS {
            let found = find(&example.orders, rules, None, None).expect("something trades");
            let number = |name: &str| example.expect.get(name).and_then(serde_json::Value::as_u64);
            // Nasdaq's ladder has no pressure: only the others decide by it.
            if rules != PriceRules::NASDAQ {
                assert_eq!(Some(found.tick as u64), number("price"), "{} {rules:?}", example.id);
            }
            assert_eq!(Some(found.executed), number("executed"), "{} {rules:?}", example.id);
            if let Some(left) = number("nonmatching") {
                assert_eq!(found.surplus, left, "{}", example.id);
            }
        }
        let by_price = example.expect.get("mev_by_price").and_then(serde_json::Value::as_object);
        for (price, most) in by_price.into_iter().flatten() {
            let (buys, sells) = auction::crossing(&example.orders, price.parse().unwrap());
            assert_eq!(Some(buys.min(sells)), most.as_u64(), "{} at {price}", example.id);
        }
    }
}

fn buy(tick: i64, lots: u64) -> Order {
    (Side::Buy, Some(tick), lots)
}

fn sell(tick: i64, lots: u64) -> Order {
    (Side::Sell, Some(tick), lots)
}

fn tick(orders: &[Order], rules: PriceRules, reference: Option<i64>) -> Option<i64> {
    find(orders, rules, reference, None).map(|found| found.tick)
}

#[test]
fn each_step_decides_where_the_one_before_leaves_a_choice() {
    // 1: 10 at 100, 6 at 101.
    let most = [buy(101, 6), buy(100, 4), sell(100, 10)];
    // 2: 5 at each of 100, 101; 0 left at 101, 3 at 100.
    let least = [buy(101, 5), buy(100, 3), sell(100, 5)];
    // 3: 5 at each, and 3 buyers left at each: the highest; mirrored: the lowest.
    let buyers = [buy(102, 8), sell(100, 5)];
    let sellers = [buy(102, 5), sell(100, 8)];
    for rules in [PriceRules::XETRA, PriceRules::EURONEXT, PriceRules::ASX] {
        assert_eq!(tick(&most, rules, Some(200)), Some(100));
        assert_eq!(tick(&least, rules, Some(0)), Some(101));
        assert_eq!(tick(&buyers, rules, Some(0)), Some(102));
        assert_eq!(tick(&sellers, rules, Some(200)), Some(100));
    }
    // Without pressure the reference decides.
    assert_eq!(tick(&buyers, PriceRules::NASDAQ, Some(0)), Some(100));
    // Without the second step everything up to pressure is the first's.
    let loose = PriceRules { minimum_surplus: false, ..PriceRules::XETRA };
    assert_eq!(tick(&least, loose, Some(0)), Some(100));
    // 4: nobody is left from 100 to 104.
    let even = [buy(104, 5), sell(100, 5)];
    let clamped = |reference| tick(&even, PriceRules::XETRA, Some(reference));
    assert_eq!([99, 103, 105].map(clamped), [Some(100), Some(103), Some(104)]);
    let nearest = |reference| tick(&even, PriceRules::EURONEXT, Some(reference));
    assert_eq!([99, 101, 102, 103].map(nearest), [100, 100, 104, 104].map(Some));
    // Without a reference the middle.
    assert_eq!(tick(&even, PriceRules::XETRA, None), Some(102));
    assert_eq!(tick(&even, PriceRules::EURONEXT, None), Some(104));
}

#[test]
fn narrowing_keeps_what_lies_next_to_the_change_of_sides() {
    // 5 trade from 100 to 106; 2 buyers left up to 102, 2 sellers from 104.
    let orders = [buy(106, 5), buy(102, 2), sell(100, 5), sell(104, 2)];
    let at = |rules, reference| tick(&orders, rules, Some(reference));
    assert_eq!((at(PriceRules::XETRA, 100), at(PriceRules::ASX, 100)), (Some(100), Some(102)));
    assert_eq!((at(PriceRules::XETRA, 106), at(PriceRules::ASX, 106)), (Some(106), Some(104)));
    assert_eq!(at(PriceRules::ASX, 103), Some(103));
}

#[test]
fn orders_without_a_limit_need_a_reference_or_a_limit() {
    let market = [(Side::Buy, None, 7), (Side::Sell, None, 5)];
    assert_eq!(find(&market, PriceRules::XETRA, None, None), None);
    let expected = Indication { tick: 42, executed: 5, surplus: 2, surplus_side: Side::Buy };
    assert_eq!(find(&market, PriceRules::XETRA, Some(42), None), Some(expected));
    let with_limit = [market[0], sell(50, 9)];
    assert_eq!(tick(&with_limit, PriceRules::XETRA, Some(42)), Some(50));
    assert_eq!(tick(&market[..1], PriceRules::XETRA, Some(42)), None);
    assert_eq!(tick(&[buy(99, 5), sell(100, 5)], PriceRules::XETRA, Some(99)), None);
}

#[test]
fn bounds_reach_the_larger_of_an_amount_and_a_share() {
    assert_eq!(Bounds::round(1_000, 50, 100_000), Bounds { low: 900, high: 1_100 });
    assert_eq!(Bounds::round(100, 50, 100_000), Bounds { low: 50, high: 150 });
    assert_eq!(Bounds::round(i64::MAX, 5, u32::MAX).high, i64::MAX);
    let far = [buy(2_000, 5), sell(1_500, 5)];
    let bounds = Some(Bounds::round(1_000, 50, 100_000));
    // Who sells at 1,500 does not sell within the bounds.
    assert_eq!(find(&far, PriceRules::NASDAQ, Some(1_000), bounds), None);
    let near = [buy(2_000, 5), sell(500, 5)];
    let found = find(&near, PriceRules::NASDAQ, Some(1_000), bounds).unwrap();
    assert_eq!((found.tick, found.executed), (1_100, 5));
}

/// Every flavour and every other setting of the steps, on books of a few prices, so that each step
/// has something to decide; also at the ends of the range of prices.
#[test]
fn random_books_get_the_price_of_brute_force() {
    let mut random = Random::new(7);
    let mut found_some = 0;
    for round in 0..rounds(60_000) {
        let base = *random.pick(&[0, 100, -3, i64::MAX - 9, i64::MIN]);
        let prices = 1 + random.below(9);
        let tick = |random: &mut Random| base + random.below(prices) as i64;
        let orders: Vec<Order> = (0..random.below(12))
            .map(|_| {
                let side = *random.pick(&[Side::Buy, Side::Sell]);
                let limit = (!random.one_in(8)).then(|| tick(&mut random));
                (side, limit, 1 + random.below(4))
            })
            .collect();
        let reference = (!random.one_in(4)).then(|| tick(&mut random));
        let bounds = random.one_in(3).then(|| {
            let (one, other) = (tick(&mut random), tick(&mut random));
            Bounds { low: one.min(other), high: one.max(other) }
        });
        let pressure = *random.pick(&[
            (Pressure::Ignored, auction::Pressure::None),
            (Pressure::Side, auction::Pressure::Side),
            (Pressure::Narrow, auction::Pressure::Narrow),
        ]);
        let (minimum_surplus, clamps) = (random.one_in(2), random.one_in(2));
        let tie_break = if clamps { TieBreak::Clamp } else { TieBreak::Nearest };
        let rules = PriceRules { minimum_surplus, pressure: pressure.0, tie_break };
        let steps = Steps {
            minimum_surplus,
            pressure: pressure.1,
            clamps,
            reference,
            bounds: bounds.map(|bounds| (bounds.low, bounds.high)),
        };
        let expected = auction::price(&orders, &steps);
        let found = find(&orders, rules, reference, bounds);
        let short = found.map(|found| (found.tick, found.executed));
        assert_eq!(short, expected, "round {round}: {orders:?} {steps:?}");
        if let Some(found) = found {
            found_some += 1;
            let (buys, sells) = auction::crossing(&orders, found.tick);
            assert_eq!(found.surplus, buys.abs_diff(sells));
            let sellers_left = found.surplus_side == Side::Sell;
            assert_eq!(sellers_left, sells > buys);
        }
    }
    assert!(2 * found_some > rounds(60_000), "few books cross");
}
