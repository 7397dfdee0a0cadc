//! `tiercel trade` over the Binance interface, at a venue of its own process: what it says it owns is what the venue
//! says.

use serde_json::Value;

use crate::trade::{BASE, QUOTE, Trader, config, free_port, hit, order, owns, units};
use crate::venue_kill::market;
use crate::venue_process::Venue;

#[test]
fn what_it_owns_is_what_the_venue_says_also_when_that_was_killed_meanwhile() {
    trades("trade-binance", "");
}

#[test]
fn the_same_holds_when_its_orders_go_over_http() {
    trades("trade-binance-rest", "orders_over = \"rest\"");
}

/// Trades with a market maker, kills the venue meanwhile, and compares in the end. `more` is for the trader's venue.
fn trades(name: &str, more: &str) {
    let (port, http) = (free_port(), free_port());
    let address = format!("127.0.0.1:{port}");
    let (store, venue_config, keys) = market(name, "");
    let start = || Venue::start_at(&address, &store, &venue_config, &[], 0);
    let mut venue = start();
    // A market to make: far quotes of the other account.
    order(&venue, &keys[1], "BUY", "59900", "1", "GTC");
    order(&venue, &keys[1], "SELL", "60100", "1", "GTC");
    let table = format!(
        "kind = \"binance\"\nrest = \"http://{address}\"\nmarket = \"ws://{address}\"\n\
         orders = \"ws://{address}/ws-api/v3\"\nrecv_window_ms = 1000\n{more}"
    );
    let config = config(name, &table, http, &keys[0]);
    let trader = Trader::start(&config, http);
    hit(&venue, &trader, &keys[1], 6);

    venue.kill();
    trader.until("without its venue", |state| {
        state["lines"].as_array().is_some_and(|lines| lines.iter().all(|line| line[1] == false))
    });
    let venue = start();
    trader.until("connected again", |state| {
        let lines = state["lines"].as_array().expect("lines");
        lines.len() == 3 && lines.iter().all(|line| line[1] == true) && state["unknown_orders"] == 0
    });
    hit(&venue, &trader, &keys[1], 6);

    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    assert_eq!(last["counts"]["anomalies"], 0, "{last}");
    let told = |field: &str| units(last["markets"][0][field].as_str().expect(field));
    assert_eq!(owns(&venue, &keys[0], "BTC"), BASE + told("position"), "{last}");
    assert_eq!(owns(&venue, &keys[0], "USDT"), QUOTE + told("cash"), "{last}");
}
