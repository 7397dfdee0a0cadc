//! `tiercel trade --paper` at a venue of its own process, recorded, and replayed without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{argument, file, run};
use crate::record::{Recorder, folder, interrupt, record_config, recording};
use crate::trade::{Trader, config, far_quotes, free_port, order};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The same configuration without what it takes to send an order.
fn without_keys(config: &Path, name: &str) -> PathBuf {
    let text = fs::read_to_string(config).expect("a configuration");
    let is_key = |line: &&str| {
        ["key =", "secret_file =", "orders ="].iter().any(|key| line.starts_with(key))
    };
    let text: Vec<&str> = text.lines().filter(|line| !is_key(line)).collect();
    file(name, text.join("\n").as_bytes())
}

/// Two others trade with each other, low and high by turns.
fn others_trade(venue: &Venue, keys: &[Key], number: u32) {
    let (price, maker, taker) = if number.is_multiple_of(2) {
        (59_901 + number % 7, "BUY", "SELL")
    } else {
        (60_099 - number % 7, "SELL", "BUY")
    };
    order(venue, &keys[1], maker, &price.to_string(), "0.02", "GTC");
    order(venue, &keys[0], taker, &price.to_string(), "0.02", "IOC");
}

/// Two others trade with each other, below and above the paper orders, until those were filled so often.
fn trade(venue: &Venue, trader: &Trader, keys: &[Key], fills: u64) -> Value {
    let end = Instant::now() + PATIENCE;
    for number in 0_u32.. {
        assert!(Instant::now() < end, "no {fills} fills");
        others_trade(venue, keys, number);
        let state = trader.until("there", |_| true);
        if state["counts"]["fills"].as_u64() >= Some(fills) {
            return state;
        }
    }
    unreachable!("it ends by its patience")
}

/// What a replay of a paper run says at its end.
pub(crate) fn replayed(config: &Path, inputs: &Path) -> Value {
    let ran = run(&["trade", "--json", "--config", argument(config), "--replay", argument(inputs)]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(ran.stdout.lines().last().expect("a line")).expect("JSON")
}

/// A replay of a paper run is that run.
pub(crate) fn is_its_replay(config: &Path, inputs: &Path, last: &Value) {
    let again = replayed(config, inputs);
    for field in ["paper", "markets", "counts", "result", "orders"] {
        assert_eq!(again[field], last[field], "{field}");
    }
}

/// Stops a paper run, which has to end with nothing open and nothing odd.
pub(crate) fn stop(trader: Trader) -> Value {
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    assert_eq!(last["counts"]["anomalies"], 0, "{last}");
    last
}

/// A paper run without keys at a venue that is killed meanwhile, and its replay. `table` is of the trader's venue at
/// an address.
fn runs(name: &str, more: &str, table: impl Fn(&str) -> String) -> (PathBuf, PathBuf, Value) {
    let (address, http) = (format!("127.0.0.1:{}", free_port()), free_port());
    let (store, venue_config, keys) = market(name, more);
    let start = || Venue::start_at(&address, &store, &venue_config, &[], 0);
    let mut venue = start();
    far_quotes(&venue, &keys[1]);
    let config = config(name, &table(&address), http, &keys[0]);
    let config = without_keys(&config, &format!("{name}-keyless.toml"));
    // Without keys it is for paper alone.
    let refused = run(&["trade", "--config", argument(&config)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("venue desk: orders: is missing"), "{}", refused.stderr);

    let inputs = config.with_extension("inputs");
    drop(fs::remove_file(&inputs));
    let more = ["--paper", "--record", argument(&inputs)];
    let trader = Trader::start_with(&config, http, &more);
    let begun = trader.until("acting", |state| state["acts"] == true);
    assert!(begun["paper"]["digest"].is_string(), "{begun}");
    trade(&venue, &trader, &keys, 6);
    // The venue goes, and comes again.
    venue.kill();
    trader.until_alone();
    let venue = start();
    trader.until_connected();
    trade(&venue, &trader, &keys, 10);
    let last = stop(trader);
    drop(venue);
    is_its_replay(&config, &inputs, &last);
    (config, inputs, last)
}

#[test]
fn a_paper_run_at_a_venue_needs_no_key_and_is_its_replay() {
    let port = free_port();
    let more = format!("[market]\naddress = \"127.0.0.1:{port}\"\n");
    let (config, inputs, last) = runs("trade-paper", &more, |address| {
        format!("kind = \"tiercel\"\nrest = \"http://{address}\"\nmarket = \"127.0.0.1:{port}\"")
    });
    let digest = last["paper"]["digest"].as_str().expect("a digest");
    let ran = run(&["trade", "--config", argument(&config), "--replay", argument(&inputs)]);
    assert!(ran.stdout.contains("PAPER") && ran.stdout.contains(digest), "{}", ran.stdout);
    // A file that is there is not written over.
    let kept =
        run(&["trade", "--config", argument(&config), "--paper", "--record", argument(&inputs)]);
    assert_eq!(kept.code, Some(1), "{}", kept.stderr);
}

#[test]
fn over_the_binance_interface_it_is_too() {
    runs("trade-paper-binance", "", |address| {
        format!("kind = \"binance\"\nrest = \"http://{address}\"\nmarket = \"ws://{address}\"")
    });
}

/// What `tiercel record` wrote of a market, played to a paper run.
fn plays(name: &str, kind: &str) {
    let (port, http) = (free_port(), free_port());
    let more = format!("[market]\naddress = \"127.0.0.1:{port}\"\n");
    let (store, venue_config, keys) = market(name, &more);
    let venue = Venue::start(&store, &venue_config, &[], 0);
    far_quotes(&venue, &keys[1]);
    let files = folder(&format!("{name}-files"));
    let address = if kind == "binance" {
        format!("ws://{}", venue.address)
    } else {
        format!("127.0.0.1:{port}")
    };
    let recording_config = record_config(name, kind, &venue.address, &address);
    let recorder = Recorder::start(&recording_config, &[argument(&files)]);
    let file = recording(&files);
    for number in 0..100 {
        others_trade(&venue, &keys, number);
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(recorder);

    let table = format!("kind = \"{kind}\"\nrest = \"http://{}\"", venue.address);
    let config = config(name, &table, http, &keys[0]);
    let text = fs::read_to_string(without_keys(&config, &format!("{name}-keyless.toml")));
    let capture = format!("[venue.capture]\npath = \"{}\"\n[[instrument]]", argument(&file));
    let text = text.expect("a configuration").replacen("[[instrument]]", &capture, 1);
    fs::write(&config, text).expect("it can be written");
    // What comes so is not recorded.
    let refused = run(&["trade", "--config", argument(&config), "--paper", "--record", "nowhere"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("without a connection"), "{}", refused.stderr);
    let trader = Trader::start_with(&config, http, &["--paper"]);
    trader.until("over", |state| {
        state["counts"]["fills"].as_u64() > Some(0) && state["lines"][0][1] == false
    });
    let last = stop(trader);
    assert!(last["counts"]["trades"].as_u64() > Some(50), "{last}");
}

#[test]
fn recorded_texts_are_traded_on_paper() {
    plays("trade-paper-texts", "binance");
}

#[test]
fn recorded_records_are_too() {
    plays("trade-paper-records", "tiercel");
}
