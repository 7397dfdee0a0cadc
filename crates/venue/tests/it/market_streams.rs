//! Market streams that are told by the clock, and aggregate trades.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::Venue;
use super::streams::Listener;

/// The first message for which `wanted` says so, of those that come in time.
#[track_caller]
fn wait_for(listener: &mut Listener, wanted: impl Fn(&Value) -> bool) -> Value {
    let from = Instant::now();
    while from.elapsed() < Duration::from_secs(10) {
        let message = listener.next();
        if wanted(&message) {
            return message;
        }
    }
    panic!("it never came");
}

/// One at 60,000 is sold twice, one at 61,000 once, to one order.
fn trade(venue: &Venue) {
    for price in ["60000", "60000", "61000"] {
        venue.one.limit("SELL", price, "1").good();
    }
    venue.two.limit("BUY", "61000", "3").good();
}

#[test]
fn what_a_taker_trades_at_a_price_is_told_once() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue, "/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade");
    trade(&venue);
    for (ids, price, qty) in
        [([2, 1, 2], "60000.00000000", "2.00000000"), ([3, 3, 3], "61000.00000000", "1.00000000")]
    {
        let told = listener.next();
        assert_eq!(told["stream"], "btcusdt@aggTrade");
        let told = &told["data"];
        assert_eq!((&told["e"], &told["s"]), (&json!("aggTrade"), &json!("BTCUSDT")));
        assert_eq!(json!([told["a"], told["f"], told["l"]]), json!(ids));
        assert_eq!(
            (&told["p"], &told["q"], &told["m"]),
            (&json!(price), &json!(qty), &json!(false))
        );
    }
    let asked = venue.one.public("aggTrades?symbol=BTCUSDT").good();
    assert_eq!(asked[0]["a"], 2, "the same ids as in a question");
}

#[test]
fn the_best_levels_of_a_book_are_told_at_their_cadence_and_again_each_second() {
    let venue = Venue::start();
    let mut listener =
        Listener::open(&venue, "/stream?streams=btcusdt@depth5@100ms/btcusdt@depth10");
    for price in 50_000..50_007 {
        venue.one.limit("BUY", &price.to_string(), "1").good();
    }
    let bids = |told: &Value| told["data"]["bids"].as_array().unwrap().len();
    let best = |told: &Value| told["data"]["bids"][0][0] == "50006.00000000";
    let fast = |told: &Value| told["stream"] == "btcusdt@depth5@100ms" && best(told);
    let told = wait_for(&mut listener, fast);
    assert_eq!((bids(&told), &told["data"]["lastUpdateId"]), (5, &json!(7)));
    assert_eq!(told["data"]["asks"], json!([]));
    let slow = wait_for(&mut listener, |told| told["stream"] == "btcusdt@depth10" && best(told));
    assert_eq!(bids(&slow), 7);
    // Nothing changes, and it is told again: not ten times a second.
    let from = Instant::now();
    wait_for(&mut listener, fast);
    wait_for(&mut listener, fast);
    assert!(from.elapsed() > Duration::from_millis(500), "{:?}", from.elapsed());
}

#[test]
fn a_candle_is_told_while_it_forms_and_once_more_when_it_closes() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue, "/stream?streams=btcusdt@kline_1s/btcusdt@kline_1M");
    trade(&venue);
    let traded = venue.one.public("trades?symbol=BTCUSDT").good()[0]["time"].as_u64().unwrap();
    let second = traded - traded % 1_000;
    let of = |told: &Value, closed: bool| {
        let candle = &told["data"]["k"];
        candle["i"] == "1s" && candle["t"] == second && candle["x"] == closed
    };
    let closed = wait_for(&mut listener, |told| of(told, true));
    let candle = &closed["data"]["k"];
    assert_eq!((&closed["data"]["e"], &candle["s"]), (&json!("kline"), &json!("BTCUSDT")));
    assert_eq!((&candle["T"], &candle["n"]), (&json!(second + 999), &json!(3)));
    assert_eq!((&candle["f"], &candle["L"]), (&json!(1), &json!(3)));
    assert_eq!((&candle["o"], &candle["c"]), (&json!("60000.00000000"), &json!("61000.00000000")));
    assert_eq!((&candle["v"], &candle["q"]), (&json!("3.00000000"), &json!("181000.00000000")));
    // The next seconds are flat, at the last price.
    let flat = wait_for(&mut listener, |told| {
        told["data"]["k"]["i"] == "1s" && told["data"]["k"]["t"].as_u64() > Some(second)
    });
    let candle = &flat["data"]["k"];
    assert_eq!(
        (&candle["o"], &candle["n"], &candle["f"]),
        (&json!("61000.00000000"), &json!(0), &json!(-1))
    );
    let month = wait_for(&mut listener, |told| told["data"]["k"]["i"] == "1M");
    assert_eq!((&month["data"]["k"]["n"], &month["data"]["k"]["x"]), (&json!(3), &json!(false)));
}

#[test]
fn tickers_and_averages_are_told_each_second_and_of_all_markets_where_they_changed() {
    let venue = Venue::start();
    trade(&venue);
    let names = "btcusdt@ticker/btcusdt@miniTicker/btcusdt@ticker_4h/btcusdt@avgPrice";
    let mut listener = Listener::open(&venue, &format!("/ws/{names}"));
    for (event, price, more) in [
        ("24hrTicker", "c", "x"),
        ("24hrMiniTicker", "c", "q"),
        ("4hTicker", "c", "w"),
        ("avgPrice", "w", "T"),
    ] {
        let told = wait_for(&mut listener, |told| told["e"] == event);
        assert_eq!(told["s"], "BTCUSDT");
        assert!(told[price].as_str().unwrap().starts_with('6'), "{told}");
        assert!(told.get(more).is_some(), "{told}");
    }
    let long = wait_for(&mut listener, |told| told["e"] == "24hrTicker");
    assert_eq!(
        (&long["p"], &long["P"], &long["n"]),
        (&json!("1000.00000000"), &json!("1.666"), &json!(3))
    );

    let mut all = Listener::open(&venue, "/stream?streams=!ticker@arr/!miniTicker@arr@1000ms");
    let mut first = [all.next(), all.next()];
    first.sort_by_key(|told| told["stream"].to_string());
    for (told, name) in first.iter().zip(["!miniTicker@arr@1000ms", "!ticker@arr"]) {
        assert_eq!(told["stream"], name);
        assert_eq!(told["data"].as_array().unwrap().len(), 2, "both are news at first");
    }
    venue.two.limit("BUY", "50000", "1").good();
    let told = wait_for(&mut all, |told| told["stream"] == "!ticker@arr");
    let changed = told["data"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[0]["b"]), (1, &json!("50000.00000000")));
}
