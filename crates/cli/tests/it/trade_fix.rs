//! `tiercel trade` over FIX, at a venue of its own process: what it says it owns is what the venue says.

use std::path::{Path, PathBuf};

use crate::trade::{Trader, config, far_quotes, free_port, hit, killed_thrice, settle};
use crate::trade_start::is_told;
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
    far_quotes(&venue, &place.keys[1]);
    let trader = place.trader();
    hit(&venue, &trader, &place.keys[1], 6);

    venue.kill();
    trader.until_alone();
    let venue = place.start();
    trader.until_connected();
    hit(&venue, &trader, &place.keys[1], 6);
    settle(trader, &venue, &place.keys[0]);
}

#[test]
fn a_trader_that_was_killed_goes_on_from_the_truth() {
    let place = Place::new("trade-fix-killed");
    let venue = place.start();
    far_quotes(&venue, &place.keys[1]);
    killed_thrice(&venue, &place.keys, || place.trader());
}

#[test]
fn at_its_start_it_takes_over_what_its_journal_does_not_have_and_tells_what_is_not_its_own() {
    let place = Place::new("trade-fix-start");
    let venue = place.start();
    far_quotes(&venue, &place.keys[1]);
    is_told(&venue, &place.keys, &place.trader_config, || place.trader());
}
