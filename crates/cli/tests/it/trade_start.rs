//! What `tiercel trade` finds at its venue when it starts: orders and trades that its journal does not have.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::argument;
use crate::trade::{
    BASE, Desk, Trader, agrees, config, far_quotes, free_port, hit, order, owns, units,
};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue, ask};

/// An order's name as a trader of the number 0 gives it, of a run that nobody remembers.
fn own(number: u32) -> String {
    format!("T0000000{number:08}")
}

/// A trader's request, by hand.
fn by_hand(venue: &Venue, key: &Key, verb: &str, path: &str, query: &str) -> Value {
    let mut stream = venue.speak();
    let (status, body) = ask(&mut *stream, key, verb, path, query).expect("an answer");
    assert_eq!(status, 200, "{body}");
    body
}

fn enter(venue: &Venue, key: &Key, name: &str, [side, price, qty]: [&str; 3]) {
    let query = format!(
        "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&price={price}&quantity={qty}\
         &newClientOrderId={name}"
    );
    by_hand(venue, key, "POST", "order", &query);
}

/// Who is told of what a trader finds.
struct Alerts(PathBuf);

impl Alerts {
    fn of(config: &Path) -> Self {
        let file = config.with_extension("alerts");
        // Of a run before.
        drop(fs::remove_file(&file));
        let mut more = OpenOptions::new().append(true).open(config).expect("it is ours");
        write!(more, "[alerts]\nfile = \"{}\"\n", argument(&file)).expect("it can be written");
        Self(file)
    }

    /// What was found since it was asked last.
    fn take(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        drop(fs::remove_file(&self.0));
        let alerts = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let found = alerts.filter(|alert| alert["code"] == "difference");
        found.map(|alert| alert["text"].as_str().expect("a text").to_owned()).collect()
    }
}

/// Stops a trader: what it owns, and what it should not have seen.
fn stop(trader: Trader) -> Value {
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    assert_eq!(last["counts"]["anomalies"], 0, "{last}");
    last
}

/// Traders that are told by their venue what they do not know.
pub(crate) fn is_told(venue: &Venue, keys: &[Key], config: &Path, trader: impl Fn() -> Trader) {
    let alerts = Alerts::of(config);
    let mut first = trader();
    hit(venue, &first, &keys[1], 2);
    first.kill();
    assert_eq!(alerts.take(), [""; 0]);

    // What a lost end of its journal would have told of.
    let key = &keys[0];
    let cancelled = ask(&mut *venue.speak(), key, "DELETE", "openOrders", "symbol=BTCUSDT");
    // There may be none.
    drop(cancelled.expect("an answer"));
    enter(venue, key, &own(1), ["BUY", "59950", "0.05"]);
    order(venue, &keys[1], "SELL", "59950", "0.02", "IOC");
    enter(venue, key, &own(2), ["SELL", "60050", "0.03"]);
    order(venue, &keys[1], "BUY", "60050", "0.03", "IOC");
    enter(venue, key, &own(3), ["SELL", "60040", "0.03"]);
    order(venue, &keys[1], "BUY", "60040", "0.01", "IOC");
    by_hand(venue, key, "DELETE", "order", &format!("symbol=BTCUSDT&origClientOrderId={}", own(3)));
    // Of another trader, and of somebody.
    enter(venue, key, "T000000100000001", ["BUY", "59001", "0.001"]);
    enter(venue, key, "somebody", ["BUY", "59002", "0.001"]);

    let second = trader();
    hit(venue, &second, &keys[1], 1);
    let last = stop(second);
    agrees(&last, 0, venue, key);
    let mut told = alerts.take();
    told.sort();
    let there =
        "desk BTCUSDT: 2 orders are open there that this trader has not entered: left alone";
    let open = format!(
        "desk BTCUSDT: {} is open and was not known: it is cancelled, and what it traded counts",
        own(1)
    );
    let traded =
        |number| format!("desk BTCUSDT: {} has traded and was not known: it counts", own(number));
    assert_eq!(told, [there.to_owned(), open, traded(2), traded(3)]);
    let open = by_hand(venue, key, "GET", "openOrders", "symbol=BTCUSDT");
    let mut names: Vec<&str> = open.as_array().expect("orders").iter().map(name_of).collect();
    names.sort_unstable();
    assert_eq!(names, ["T000000100000001", "somebody"]);

    // It knows all of that now. What somebody trade is told, and is not its own.
    enter(venue, key, "somebody-too", ["BUY", "60100", "0.001"]);
    let third = trader();
    hit(venue, &third, &keys[1], 1);
    let last = stop(third);
    let told = alerts.take();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.contains(&there.to_owned()), "{told:?}");
    let traded =
        "desk BTCUSDT: 1 order has traded that this trader does not know by name: not counted";
    assert!(told.contains(&traded.to_owned()), "{told:?}");
    let balance = |asset: &str, by: &str| {
        let is_it =
            |text: &&String| text.contains(&format!(" {asset} where ")) && text.contains(by);
        assert!(told.iter().any(|text| is_it(&text)), "{told:?}");
    };
    balance("BTC", ": +0.000999, ");
    balance("USDT", ": -60.1");
    let told = |field: &str| units(last["markets"][0][field].as_str().expect(field));
    let more = owns(venue, key, "BTC") - BASE - told("position");
    assert_eq!(more, units("0.000999"), "{last}");

    // And that is how it is from then on.
    let fourth = trader();
    fourth.until("acting", |state| state["acts"] == true);
    stop(fourth);
    assert_eq!(alerts.take(), [there]);
}

fn name_of(order: &Value) -> &str {
    order["clientOrderId"].as_str().expect("a name")
}

#[test]
fn by_records_it_takes_over_what_its_journal_does_not_have_and_tells_what_is_not_its_own() {
    let (desk, venue, config) = Desk::opened("trade-start");
    is_told(&venue, &desk.keys, &config, || desk.trader(&config));
}

#[test]
fn over_the_binance_interface_it_does_so_too() {
    let (port, http) = (free_port(), free_port());
    let address = format!("127.0.0.1:{port}");
    let (store, venue_config, keys) = market("trade-start-binance", "");
    let venue = Venue::start_at(&address, &store, &venue_config, &[], 0);
    far_quotes(&venue, &keys[1]);
    let table = format!(
        "kind = \"binance\"\nrest = \"http://{address}\"\nmarket = \"ws://{address}\"\n\
         orders = \"ws://{address}/ws-api/v3\"\nrecv_window_ms = 1000"
    );
    let config = config("trade-start-binance", &table, http, &keys[0]);
    is_told(&venue, &keys, &config, || Trader::start(&config, http));
}
