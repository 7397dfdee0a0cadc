//! `tiercel trade` over the Binance interface, at a venue of its own process: what it says it owns is what the venue
//! says.

use crate::trade::{Trader, config, far_quotes, free_port, hit, settle};
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
    far_quotes(&venue, &keys[1]);
    let table = format!(
        "kind = \"binance\"\nrest = \"http://{address}\"\nmarket = \"ws://{address}\"\n\
         orders = \"ws://{address}/ws-api/v3\"\nrecv_window_ms = 1000\n{more}"
    );
    let config = config(name, &table, http, &keys[0]);
    let trader = Trader::start(&config, http);
    hit(&venue, &trader, &keys[1], 6);

    venue.kill();
    trader.until_alone();
    let venue = start();
    trader.until_connected();
    hit(&venue, &trader, &keys[1], 6);
    settle(trader, &venue, &keys[0]);
}
