//! `tiercel trade` by a route over two venues, each of a process of its own.
//!
//! The strategy's bars are trades: it buys when one is dearer than the one before, and sells when one is cheaper. So
//! do its own trades say again what it has done already, and no time decides anything.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{argument, file};
use crate::trade::{Desk, Trader, agrees, order, private, units};
use crate::trade_paper::{is_its_replay, stop};
use crate::venue_process::{Venue, ask};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A trade that is dearer than all where it sells, and one that is cheaper than all where it buys.
const DEAR: &str = "60005";
const CHEAP: &str = "59995";

/// Two venues, and a trader's configuration that makes one instrument of both.
struct Pair {
    desks: [Desk; 2],
    venues: [Option<Venue>; 2],
    addresses: [String; 2],
    config: PathBuf,
}

/// What is owned at each venue.
fn owned(state: &Value) -> [i128; 2] {
    [0, 1].map(|at| units(state["markets"][at]["position"].as_str().expect("a text")))
}

/// Whether half was bought at each since then, but for fees.
fn is_split(before: [i128; 2], state: &Value) -> bool {
    before.iter().zip(owned(state)).all(|(before, owned)| owned - before > units("0.009"))
}

/// Whether all was sold, but for what is too little for an order.
fn is_sold(state: &Value) -> bool {
    owned(state).iter().sum::<i128>() < units("0.001")
}

impl Pair {
    /// Without keys it is for paper alone.
    fn new(name: &str, has_keys: bool) -> Self {
        let desks = ["a", "b"].map(|which| Desk::new(&format!("{name}-{which}")));
        let venues = desks.each_ref().map(|desk| Some(desk.start()));
        let token = private(&format!("{name}-token"), "let-me");
        let store = token.with_extension("store");
        drop(fs::remove_dir_all(&store));
        let mut text = vec![format!(
            "[trader]\nstore = \"{}\"\nhttp = \"127.0.0.1:{}\"\ntoken_file = \"{}\"\nsilence_max_ms = 60000\n\
             [strategy]\nname = \"golden_cross\"\nqty = \"0.02\"\nbar = {{ trades = 1 }}\n\
             fast_bars = 1\nslow_bars = 2\nretry_ns = 20000000\n",
            argument(&store),
            desks[0].ports[2],
            argument(&token),
        )];
        for (which, (desk, venue)) in ["a", "b"].iter().zip(desks.iter().zip(&venues)) {
            let table = desk.by_records(venue.as_ref().expect("it runs"));
            let mut keys = String::new();
            if has_keys {
                let key = &desk.keys[0];
                let secret = private(&format!("{name}-{which}-secret"), &key.secret);
                keys =
                    format!("key = \"{}\"\nsecret_file = \"{}\"\n", key.api_key, argument(&secret));
            }
            text.push(format!(
                "[[venue]]\nname = \"{which}\"\n{table}\n{keys}\
                 [[instrument]]\nvenue = \"{which}\"\nsymbol = \"BTCUSDT\"\nqty_max = \"0.1\"\n\
                 notional_max = \"100000\"\nposition_max = \"1\"\ntouch_collar_bps = 500\n\
                 reference_age_max_ms = 60000\n"
            ));
        }
        let of = |which: &str| {
            format!("{{ name = \"{which}\", taker_fee = \"0.001\", latency_us = 100 }}")
        };
        let venues_of = [of("a"), of("b")].join(", ");
        text.push(format!("[[route]]\nsymbol = \"BTCUSDT\"\nvenues = [{venues_of}]\n"));
        let config = file(&format!("{name}-trader.toml"), text.concat().as_bytes());
        let address = |venue: &Option<Venue>| venue.as_ref().expect("it runs").address.clone();
        let addresses = venues.each_ref().map(address);
        Self { desks, venues, addresses, config }
    }

    /// A trader that has heard of a cheap trade.
    fn trader(&self, more: &[&str]) -> Trader {
        self.quote();
        let trader = Trader::start_with(&self.config, self.desks[0].ports[2], more);
        trader.until("acting", |state| {
            let markets = state["markets"].as_array().expect("markets");
            state["acts"] == true && markets.iter().all(|market| market["is_live"] == true)
        });
        self.trade(CHEAP);
        trader.until("a trade", |state| state["counts"]["trades"] == 1);
        trader
    }

    fn venue(&self, at: usize) -> &Venue {
        self.venues[at].as_ref().expect("it runs")
    }

    /// Starts the first venue anew, where it was.
    fn restart(&mut self) {
        self.venues[0] = Some(self.desks[0].start_at(&self.addresses[0]));
    }

    /// The other account's quotes at the venues that run, anew: of each side half of what the strategy trades.
    fn quote(&self) {
        for (desk, venue) in self.desks.iter().zip(&self.venues) {
            let Some(venue) = venue else { continue };
            let key = &desk.keys[1];
            let mut stream = venue.speak();
            // There may be none.
            let asked = ask(&mut *stream, key, "DELETE", "openOrders", "symbol=BTCUSDT");
            drop(asked.expect("an answer"));
            for (side, price, qty) in [
                ("SELL", "60100", "1"),
                ("BUY", "59800", "1"),
                ("SELL", "60010", "0.01"),
                ("BUY", "59990", "0.01"),
            ] {
                order(venue, key, side, price, qty, "GTC");
            }
        }
    }

    /// The other account trades with itself at the second venue.
    fn trade(&self, price: &str) {
        let (venue, key) = (self.venue(1), &self.desks[1].keys[1]);
        order(venue, key, "SELL", price, "0.001", "GTC");
        order(venue, key, "BUY", price, "0.001", "IOC&selfTradePreventionMode=NONE");
    }

    /// Trades once, and then quotes until it is so: what leaves for a venue that is away, or comes too late, is
    /// wanted again.
    fn follow(&self, trader: &Trader, price: &str, is_so: impl Fn(&Value) -> bool) {
        self.quote();
        self.trade(price);
        self.go_on(trader, is_so);
    }

    /// Quotes until it is so.
    fn go_on(&self, trader: &Trader, is_so: impl Fn(&Value) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut quoted = Instant::now();
        loop {
            let state = trader.until("there", |_| true);
            if is_so(&state) {
                return;
            }
            assert!(Instant::now() < end, "never: {state}");
            if quoted.elapsed() > Duration::from_secs(1) {
                self.quote();
                quoted = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn an_order_is_split_over_two_venues_and_each_agrees_also_when_one_was_killed_meanwhile() {
    let mut pair = Pair::new("trade-route", true);
    let trader = pair.trader(&[]);
    pair.follow(&trader, DEAR, |state| is_split([0; 2], state));
    pair.follow(&trader, CHEAP, is_sold);

    // Without one, all is done at the other, as far as there is something to be had.
    pair.venues[0] = None;
    trader.until("without one", |state| state["markets"][0]["is_live"] == false);
    pair.follow(&trader, DEAR, |state| owned(state)[1] > units("0.019"));
    pair.follow(&trader, CHEAP, is_sold);

    // Killed while orders may be on their way: they are asked about, and what is left is done.
    pair.restart();
    pair.quote();
    trader.until_connected();
    pair.trade(DEAR);
    pair.venues[0] = None;
    pair.restart();
    trader.until_connected();
    let wanted = units("0.019");
    pair.go_on(&trader, |state| owned(state).iter().sum::<i128>() > wanted);
    pair.follow(&trader, CHEAP, is_sold);

    // Which of them sold is their prices' matter: one may owe what the other owns.
    let before = owned(&trader.until("there", |_| true));
    pair.follow(&trader, DEAR, |state| is_split(before, state));
    let last = stop(trader);
    for (at, desk) in pair.desks.iter().enumerate() {
        agrees(&last, at, pair.venue(at), &desk.keys[0]);
    }
}

#[test]
fn a_route_on_paper_is_split_too_and_is_its_replay() {
    let pair = Pair::new("trade-route-paper", false);
    let inputs = pair.config.with_extension("inputs");
    drop(fs::remove_file(&inputs));
    let trader = pair.trader(&["--paper", "--record", argument(&inputs)]);
    pair.follow(&trader, DEAR, |state| is_split([0; 2], state));
    pair.follow(&trader, CHEAP, is_sold);
    is_its_replay(&pair.config, &inputs, &stop(trader));
}
