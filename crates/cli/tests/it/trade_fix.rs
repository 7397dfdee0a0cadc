//! `tiercel trade` over FIX, at a venue of its own process: what it says it owns is what the venue says.

use std::path::{Path, PathBuf};

use crate::trade::{Trader, config, free_port, hit, order, settle};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue};

/// A venue that speaks FIX, and a trader's configuration that has its orders go that way.
struct Place {
    store: PathBuf,
    venue_config: PathBuf,
    keys: Vec<Key>,
    address: String,
    trader_config: PathBuf,
    http: u16,
}

impl Place {
    fn new(name: &str) -> Self {
        let [rest, data, orders, http] = [free_port(), free_port(), free_port(), free_port()];
        let more = format!(
            "[market]\naddress = \"127.0.0.1:{data}\"\n[fix]\naddress = \"127.0.0.1:{orders}\"\n\
             sessions = [{{ comp_id = \"DESK\", api_key = \"key-1\" }}]\n"
        );
        let (store, venue_config, keys) = market(name, &more);
        let address = format!("127.0.0.1:{rest}");
        let table = format!(
            "kind = \"tiercel\"\nrest = \"http://{address}\"\nmarket = \"127.0.0.1:{data}\"\n\
             orders = \"127.0.0.1:{orders}\"\norders_over = \"fix\"\ncomp_id = \"DESK\""
        );
        let trader_config = config(name, &table, http, &keys[0]);
        Self { store, venue_config, keys, address, trader_config, http }
    }

    fn start(&self) -> Venue {
        let Self { address, store, venue_config, .. } = self;
        Venue::start_at(address, Path::new(store), venue_config, &[], 0)
    }

    fn trader(&self) -> Trader {
        Trader::start(&self.trader_config, self.http)
    }
}

#[test]
fn what_it_owns_is_what_the_venue_says_also_when_that_was_killed_meanwhile() {
    let place = Place::new("trade-fix");
    let mut venue = place.start();
    // A market to make: far quotes of the other account.
    order(&venue, &place.keys[1], "BUY", "59900", "1", "GTC");
    order(&venue, &place.keys[1], "SELL", "60100", "1", "GTC");
    let trader = place.trader();
    hit(&venue, &trader, &place.keys[1], 6);

    venue.kill();
    trader.until("without its venue", |state| {
        state["lines"].as_array().is_some_and(|lines| lines.iter().all(|line| line[1] == false))
    });
    let venue = place.start();
    trader.until("connected again", |state| {
        let lines = state["lines"].as_array().expect("lines");
        lines.iter().all(|line| line[1] == true) && state["unknown_orders"] == 0
    });
    hit(&venue, &trader, &place.keys[1], 6);
    settle(trader, &venue, &place.keys[0]);
}

#[test]
fn a_trader_that_was_killed_goes_on_from_the_truth() {
    let place = Place::new("trade-fix-killed");
    let venue = place.start();
    order(&venue, &place.keys[1], "BUY", "59900", "1", "GTC");
    order(&venue, &place.keys[1], "SELL", "60100", "1", "GTC");
    for _ in 0..3 {
        let mut trader = place.trader();
        hit(&venue, &trader, &place.keys[1], 3);
        trader.child.kill().expect("it can be killed");
        trader.child.wait().expect("it ends");
        // What its orders did meanwhile, it did not hear.
        order(&venue, &place.keys[1], "BUY", "60090", "0.004", "IOC");
    }
    let trader = place.trader();
    hit(&venue, &trader, &place.keys[1], 3);
    settle(trader, &venue, &place.keys[0]);
}
