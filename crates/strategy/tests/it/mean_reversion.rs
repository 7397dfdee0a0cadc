//! Mean reversion on figures worked out by hand.

use tiercel_strategy::{Action, OrderUpdateKind as Kind, Strategy as Trader};

use super::support::{book, ended, made, on_book, on_order, stale, words};

const PARAMETERS: &str = "qty = '0.5'\ninterval_ns = 10\nsamples = 3\nentry = 2.0\nexit = 0.5\nstop = 4.0\n\
                          slippage_ppm = 0\nretry_ns = 1\nshort = true\n";

/// Its window holds mids of 99.98, 100.00 and 100.02: mean 100, deviation 0.02.
fn ready(parameters: &str) -> Box<dyn Trader> {
    let mut strategy = made("mean_reversion", parameters);
    for (time, bid, ask) in
        [(0, "99.97", "99.99"), (10, "99.99", "100.01"), (20, "100.01", "100.03")]
    {
        assert!(on_book(&mut *strategy, book(time, 1, (bid, "9"), (ask, "9"))).is_empty());
    }
    strategy
}

/// What a book round a mid sets off, in the interval after the window's.
fn at(strategy: &mut dyn Trader, bid: &str, ask: &str) -> Vec<Action> {
    on_book(strategy, book(30, 1, (bid, "9"), (ask, "9")))
}

/// Its one order trades.
fn filled(strategy: &mut dyn Trader, actions: &[Action], position: &str) {
    assert_eq!(actions.len(), 1);
    assert!(on_order(strategy, ended(30, &actions[0], Kind::Filled, position)).is_empty());
}

#[test]
fn it_buys_below_the_band_and_sells_when_the_mid_is_back() {
    let mut strategy = ready(PARAMETERS);
    // z = -0.035 / 0.02 = -1.75: within the band. -2 exactly is on it.
    assert!(at(&mut *strategy, "99.955", "99.975").is_empty());
    let actions = at(&mut *strategy, "99.95", "99.97");
    assert_eq!(words(&actions), ["1: buy 0.5 at 99.97 ioc"]);
    filled(&mut *strategy, &actions, "0.5");
    assert!(at(&mut *strategy, "99.97", "99.99").is_empty(), "z = -1: not back yet");
    // z = -0.5.
    assert_eq!(words(&at(&mut *strategy, "99.98", "100.00")), ["1: sell 0.5 at 99.98 ioc"]);
}

#[test]
fn it_sells_short_above_the_band_if_it_may() {
    let mut strategy = ready(PARAMETERS);
    let actions = at(&mut *strategy, "100.04", "100.06");
    assert_eq!(words(&actions), ["1: sell 0.5 at 100.04 ioc"]);
    filled(&mut *strategy, &actions, "-0.5");
    // From there through the mean to z = -2.5 at once: flat first, and then long with the next book.
    let actions = at(&mut *strategy, "99.94", "99.96");
    assert_eq!(words(&actions), ["1: buy 0.5 at 99.96 ioc"]);
    filled(&mut *strategy, &actions, "0");
    assert_eq!(words(&at(&mut *strategy, "99.94", "99.96")), ["1: buy 0.5 at 99.96 ioc"]);

    let mut strategy = ready(&PARAMETERS.replace("short = true", "short = false"));
    assert!(at(&mut *strategy, "100.04", "100.06").is_empty());
}

#[test]
fn a_lost_bet_is_closed_and_none_made_before_the_mid_is_back() {
    let mut strategy = ready(PARAMETERS);
    let actions = at(&mut *strategy, "99.94", "99.96");
    filled(&mut *strategy, &actions, "0.5");
    // z = -4.
    let actions = at(&mut *strategy, "99.91", "99.93");
    assert_eq!(words(&actions), ["1: sell 0.5 at 99.91 ioc"]);
    filled(&mut *strategy, &actions, "0");
    assert!(at(&mut *strategy, "99.94", "99.96").is_empty(), "z = -2.5, and stopped");
    assert!(at(&mut *strategy, "99.98", "100.00").is_empty(), "back");
    assert_eq!(at(&mut *strategy, "99.94", "99.96").len(), 1);
}

#[test]
fn beyond_the_stop_no_bet_is_begun() {
    let mut strategy = ready(PARAMETERS);
    assert!(at(&mut *strategy, "99.90", "99.92").is_empty());
    assert!(at(&mut *strategy, "100.08", "100.10").is_empty());
}

#[test]
fn a_stale_book_is_neither_sampled_nor_traded_on() {
    let mut strategy = ready(PARAMETERS);
    let tick = book(30, 1, ("99.94", "9"), ("99.96", "9"));
    assert!(on_book(&mut *strategy, stale(tick)).is_empty());
    assert!(on_book(&mut *strategy, book(35, 2, ("99.94", "9"), ("99.96", "9"))).is_empty());
    // z = -1: had it taken the stale -2.5 for a bet, it would buy now.
    assert!(at(&mut *strategy, "99.97", "99.99").is_empty());
    assert_eq!(on_book(&mut *strategy, tick).len(), 1);
}

#[test]
fn equal_mids_are_no_band() {
    let mut strategy = made("mean_reversion", PARAMETERS);
    for time in [0, 10, 20] {
        assert!(on_book(&mut *strategy, book(time, 1, ("99.99", "9"), ("100.01", "9"))).is_empty());
    }
    assert!(at(&mut *strategy, "90.00", "90.02").is_empty());
}
