//! `tiercel trade` by a route over two venues, each of a process of its own.

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

/// Two venues, and a trader's configuration that makes one instrument of both.
struct Pair {
    desks: [Desk; 2],
    venues: [Option<Venue>; 2],
    addresses: [String; 2],
    config: PathBuf,
    nudges: u64,
}

/// A middle that is low, and one that is higher, by their bids.
const LOW: &str = "59900";
const HIGH: &str = "59990";
/// How long a move of the middle may take to be followed.
const FOLLOWED: Duration = Duration::from_secs(2);

/// What is owned at each venue.
fn owned(state: &Value) -> [i128; 2] {
    [0, 1].map(|at| units(state["markets"][at]["position"].as_str().expect("a text")))
}

impl Pair {
    /// With a strategy that buys 0.02 when the middle has risen, and sells them when it has fallen. At each venue
    /// half of that can be had at the best price. Without keys it is for paper alone.
    fn new(name: &str, has_keys: bool) -> Self {
        let desks = ["a", "b"].map(|which| Desk::new(&format!("{name}-{which}")));
        let venues = desks.each_ref().map(|desk| Some(desk.start()));
        let token = private(&format!("{name}-token"), "let-me");
        let store = token.with_extension("store");
        drop(fs::remove_dir_all(&store));
        let mut text = vec![format!(
            "[trader]\nstore = \"{}\"\nhttp = \"127.0.0.1:{}\"\ntoken_file = \"{}\"\nsilence_max_ms = 60000\n\
             [strategy]\nname = \"golden_cross\"\nqty = \"0.02\"\nbar = {{ time_ns = 20000000 }}\n\
             fast_bars = 1\nslow_bars = 2\nretry_ns = 20000000\n",
            argument(&store),
            desks[0].ports[2],
            argument(&token),
        )];
        for (which, (desk, venue)) in ["a", "b"].iter().zip(desks.iter().zip(&venues)) {
            let table = desk.by_records(venue.as_ref().expect("it runs"));
            let keys = if has_keys {
                let secret = private(&format!("{name}-{which}-secret"), &desk.keys[0].secret);
                format!(
                    "key = \"{}\"\nsecret_file = \"{}\"\n",
                    desk.keys[0].api_key,
                    argument(&secret)
                )
            } else {
                String::new()
            };
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
        text.push(format!(
            "[[route]]\nsymbol = \"BTCUSDT\"\nvenues = [{}, {}]\n",
            of("a"),
            of("b")
        ));
        let config = file(&format!("{name}-trader.toml"), text.concat().as_bytes());
        let address = |venue: &Option<Venue>| venue.as_ref().expect("it runs").address.clone();
        let addresses = venues.each_ref().map(address);
        Self { desks, venues, addresses, config, nudges: 0 }
    }

    fn trader(&self, more: &[&str]) -> Trader {
        let trader = Trader::start_with(&self.config, self.desks[0].ports[2], more);
        trader.until("acting", |state| state["acts"] == true);
        trader
    }

    fn venue(&self, at: usize) -> &Venue {
        self.venues[at].as_ref().expect("it runs")
    }

    /// Starts a venue anew, where it was.
    fn restart(&mut self, at: usize) {
        self.venues[at] = Some(self.desks[at].start_at(&self.addresses[at]));
    }

    /// The other account's quotes at the venues that run, anew: the best bid is this.
    fn quote(&self, bid: &str) {
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
                ("BUY", bid, "0.01"),
            ] {
                order(venue, key, side, price, qty, "GTC");
            }
        }
    }

    /// For so long, books change far away: bars end when something comes behind them. What is shown, once it is so.
    fn watch(
        &mut self,
        trader: &Trader,
        patience: Duration,
        is_so: impl Fn(&Value) -> bool,
    ) -> Option<Value> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let state = trader.until("there", |_| true);
            if is_so(&state) {
                return Some(state);
            }
            self.nudges += 1;
            let price = format!("{}", 58_000 + self.nudges % 500);
            order(self.venue(1), &self.desks[1].keys[1], "BUY", &price, "0.001", "GTC");
            std::thread::sleep(Duration::from_millis(25));
        }
        None
    }

    /// Moves the middle until it is so: a bar may end amid new quotes, and tell of a move that was none.
    fn follow(
        &mut self,
        trader: &Trader,
        [from, to]: [&str; 2],
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.quote(from);
            self.watch(trader, Duration::from_millis(100), |_| false);
            self.quote(to);
            if let Some(state) = self.watch(trader, FOLLOWED, &is_so) {
                return state;
            }
        }
        panic!("never followed: {}", trader.until("there", |_| true));
    }

    /// The middle rises: 0.02 are owned in all.
    fn buy(&mut self, trader: &Trader) -> Value {
        let wanted = units("0.019");
        self.follow(trader, [LOW, HIGH], |state| owned(state).iter().sum::<i128>() > wanted)
    }

    /// The middle falls: all is sold, but for what is too little for an order.
    fn sell(&mut self, trader: &Trader) -> Value {
        let dust = units("0.001");
        self.follow(trader, [HIGH, LOW], |state| owned(state).iter().sum::<i128>() < dust)
    }

    /// Until half was bought at each venue.
    fn split(&mut self, trader: &Trader) {
        let end = Instant::now() + PATIENCE;
        let half = units("0.009");
        while !owned(&self.buy(trader)).iter().all(|owned| *owned > half) {
            assert!(Instant::now() < end, "never split");
            self.sell(trader);
        }
    }
}

#[test]
fn an_order_is_split_over_two_venues_and_each_agrees_also_when_one_was_killed_meanwhile() {
    let mut pair = Pair::new("trade-route", true);
    pair.quote(LOW);
    let trader = pair.trader(&[]);
    pair.split(&trader);
    pair.sell(&trader);

    // Killed while orders may be on their way: what is left to do is done at the other.
    pair.quote(HIGH);
    pair.venues[0] = None;
    trader.until("without one", |state| state["markets"][0]["is_live"] == false);
    pair.sell(&trader);
    pair.buy(&trader);
    pair.sell(&trader);

    pair.restart(0);
    trader.until_connected();
    let bought = |state: &Value| units(state["markets"][0]["bought"].as_str().expect("a text"));
    let before = bought(&trader.until("there", |_| true));
    let rises = |state: &Value| bought(state) > before;
    pair.follow(&trader, [LOW, HIGH], rises);
    let last = stop(trader);
    for (at, desk) in pair.desks.iter().enumerate() {
        agrees(&last, at, pair.venue(at), &desk.keys[0]);
    }
}

#[test]
fn a_route_on_paper_is_split_too_and_is_its_replay() {
    let mut pair = Pair::new("trade-route-paper", false);
    pair.quote(LOW);
    let inputs = pair.config.with_extension("inputs");
    drop(fs::remove_file(&inputs));
    let trader = pair.trader(&["--paper", "--record", argument(&inputs)]);
    pair.split(&trader);
    pair.sell(&trader);
    is_its_replay(&pair.config, &inputs, &stop(trader));
}
