//! The golden cross on figures worked out by hand, and its averages against a naive computation.

use proptest::prelude::*;
use tiercel_strategy::{Action, OrderUpdateKind as Kind, PositionUpdate, Strategy as Trader};
use tiercel_types::{Price, Side};

use super::support::{
    Event, book, drive, ended, made, on_book, on_order, on_timer, qty, stale, told, trade, words,
};

const BY_TRADES: &str = "qty = '0.5'\nbar = { trades = 2 }\nfast_bars = 2\nslow_bars = 3\nretry_ns = 100\nslippage_ppm = 1000\n";

/// A book of 100.00 to 100.02, then bars of these closes: what the last one sets off.
fn after_closes(parameters: &str, closes: &[&str]) -> (Box<dyn Trader>, Vec<Action>) {
    let mut strategy = made("golden_cross", parameters);
    assert!(on_book(&mut *strategy, book(1, 1, ("100.00", "9"), ("100.02", "9"))).is_empty());
    let mut actions = Vec::new();
    for (at, close) in closes.iter().enumerate() {
        assert!(actions.is_empty(), "before the last close");
        // The first of a bar's two trades does not count.
        let time = 10 + at as u64;
        drive(&mut *strategy, &Event::Trade(trade(time, "1", "1", Side::Buy)));
        actions = drive(&mut *strategy, &Event::Trade(trade(time, close, "1", Side::Buy)));
    }
    (strategy, actions)
}

#[test]
fn long_above_flat_below() {
    // fast = (101 + 102) / 2 = 101.5 above slow = 101. At most 0.1% above 100.02: 100.12.
    let (mut strategy, actions) = after_closes(BY_TRADES, &["100", "101", "102"]);
    assert_eq!(words(&actions), ["1: buy 0.5 at 100.12 ioc"]);
    assert!(on_order(&mut *strategy, ended(20, &actions[0], Kind::Filled, "0.5")).is_empty());
    // Closes 101, 102, 97: 99.5 below 100. At most 0.1% below 100: 99.90.
    let close = |strategy: &mut dyn Trader, close| {
        drive(strategy, &Event::Trade(trade(30, "1", "1", Side::Buy)));
        drive(strategy, &Event::Trade(trade(30, close, "1", Side::Buy)))
    };
    assert_eq!(words(&close(&mut *strategy, "97")), ["1: sell 0.5 at 99.9 ioc"]);
    // Before that is answered, nothing: the trend turns again.
    assert!(close(&mut *strategy, "120").is_empty());
}

#[test]
fn a_falling_trend_is_sold_short_where_that_may_be() {
    let closes = ["102", "101", "100"];
    assert!(after_closes(BY_TRADES, &closes).1.is_empty(), "flat already");
    let (_, actions) = after_closes(&(BY_TRADES.to_owned() + "short = true"), &closes);
    assert_eq!(words(&actions), ["1: sell 0.5 at 99.9 ioc"]);
}

#[test]
fn equal_averages_and_too_few_closes_change_nothing() {
    assert!(after_closes(BY_TRADES, &["100", "101"]).1.is_empty());
    // fast = (100 + 101) / 2, slow = (100.5 + 100 + 101) / 3: both 100.5.
    let short = BY_TRADES.to_owned() + "short = true";
    let (mut strategy, actions) = after_closes(&short, &["100.5", "100", "101"]);
    assert!(actions.is_empty());
    assert!(on_book(&mut *strategy, book(50, 1, ("100.00", "9"), ("100.02", "9"))).is_empty());
}

#[test]
fn what_does_not_trade_is_tried_again_after_a_pause() {
    let (mut strategy, actions) = after_closes(BY_TRADES, &["100", "101", "102"]);
    // A part of it traded, the rest ended.
    let mut update = told(20, &actions[0], Kind::Filled);
    (update.open_qty, update.position) = (qty("0.3"), 20_000_000);
    assert!(on_order(&mut *strategy, update).is_empty());
    let rest = ended(21, &actions[0], Kind::Expired, "0.2");
    assert_eq!(words(&on_order(&mut *strategy, rest)), ["timer 0 at 121"]);
    assert!(on_book(&mut *strategy, book(120, 1, ("100.00", "9"), ("100.05", "9"))).is_empty());
    // What is missing, at the price of now: 0.1% above 100.05.
    let actions = on_timer(&mut *strategy, 121, 0);
    assert_eq!(words(&actions), ["1: buy 0.3 at 100.15 ioc"]);
}

#[test]
fn nothing_is_sent_against_a_book_that_is_stale_or_empty_or_while_an_order_is_unknown() {
    let (mut strategy, actions) = after_closes(BY_TRADES, &["100", "101", "102"]);
    assert!(on_order(&mut *strategy, told(20, &actions[0], Kind::Unknown)).is_empty());
    assert!(on_book(&mut *strategy, book(500, 1, ("100.00", "9"), ("100.02", "9"))).is_empty());
    // It was never there.
    assert_eq!(on_order(&mut *strategy, ended(600, &actions[0], Kind::Found, "0")).len(), 1);
    for tick in [
        stale(book(800, 1, ("100.00", "9"), ("100.02", "9"))),
        book(801, 1, ("100.00", "9"), ("0", "0")),
        book(802, 1, ("100.03", "9"), ("100.02", "9")),
    ] {
        assert!(on_book(&mut *strategy, tick).is_empty());
    }
    assert_eq!(on_book(&mut *strategy, book(803, 1, ("100.00", "9"), ("100.02", "9"))).len(), 1);
}

#[test]
fn a_position_that_is_told_counts() {
    let (mut strategy, actions) = after_closes(BY_TRADES, &["100", "101", "102"]);
    on_order(&mut *strategy, ended(20, &actions[0], Kind::Filled, "0.5"));
    let mut owned = PositionUpdate::default();
    (owned.time.0, owned.instrument.0, owned.position) = (30, 1, 80_000_000);
    let actions = drive(&mut *strategy, &Event::Position(owned));
    assert_eq!(words(&actions), ["1: sell 0.3 at 99.9 ioc"]);
}

#[test]
fn bars_of_time_close_with_the_last_mid_and_repeat_it_in_silence() {
    let parameters = "qty = '0.5'\nbar = { time_ns = 100 }\nfast_bars = 1\nslow_bars = 3";
    let mut strategy = made("golden_cross", parameters);
    let mut at =
        |time, bid: &str, ask: &str| on_book(&mut *strategy, book(time, 1, (bid, "9"), (ask, "9")));
    assert!(at(10, "100.00", "100.02").is_empty());
    assert!(at(90, "99.00", "99.02").is_empty());
    // Closes of 0 to 300: 99.01. All the same: no trend.
    assert!(at(310, "100.00", "100.02").is_empty());
    assert!(at(399, "101.00", "101.02").is_empty(), "the bar is open");
    // 99.01, 99.01, 101.01: fast above slow.
    assert_eq!(words(&at(400, "98.00", "98.02")), ["1: buy 0.5 at 98.11 ioc"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The side of the first order after each close is that of naive averages, in exact fractions.
    #[test]
    fn the_target_is_that_of_naive_averages(
        closes in prop::collection::vec(1_i64..12, 1..40),
        fast_bars in 1_usize..5,
        more in 1_usize..5,
    ) {
        let slow_bars = fast_bars + more;
        let mut strategy = made(
            "golden_cross",
            &format!(
                "qty = '0.5'\nshort = true\nbar = {{ trades = 1 }}\nfast_bars = {fast_bars}\nslow_bars = {slow_bars}"
            ),
        );
        on_book(&mut *strategy, book(1, 1, ("100.00", "9"), ("100.02", "9")));
        let (mut target, mut position) = (0, 0);
        for count in 1..=closes.len() {
            let mut traded = trade(10, "1", "1", Side::Buy);
            traded.price = Price::from_units(closes[count - 1]);
            let actions = drive(&mut *strategy, &Event::Trade(traded));
            if count >= slow_bars {
                let sum = |bars: usize| closes[count - bars..count].iter().sum::<i64>();
                let (fast, slow) = (sum(fast_bars) * slow_bars as i64, sum(slow_bars) * fast_bars as i64);
                target = if fast == slow { target } else { (fast - slow).signum() * 50_000_000 };
            }
            let bought: i64 = actions
                .iter()
                .map(|order| {
                    let qty = order.qty.units() as i64;
                    if order.side == Side::Buy { qty } else { -qty }
                })
                .sum();
            prop_assert_eq!(position + bought, target);
            position = target;
            for order in &actions {
                let mut update = ended(10, order, Kind::Filled, "0");
                update.position = position;
                on_order(&mut *strategy, update);
            }
        }
    }
}
