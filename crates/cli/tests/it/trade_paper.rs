//! `tiercel trade --paper` at a venue of its own process, recorded, and replayed without it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{argument, file, run};
use crate::trade::{Trader, config, free_port, order};
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

/// Two others trade with each other, below and above the paper orders, until those were filled so often.
fn trade(venue: &Venue, trader: &Trader, keys: &[Key], fills: u64) -> Value {
    let end = Instant::now() + PATIENCE;
    for number in 0_u32.. {
        assert!(Instant::now() < end, "no {fills} fills");
        let (price, maker, taker) = if number.is_multiple_of(2) {
            (59_901 + number % 7, "BUY", "SELL")
        } else {
            (60_099 - number % 7, "SELL", "BUY")
        };
        order(venue, &keys[1], maker, &price.to_string(), "0.02", "GTC");
        order(venue, &keys[0], taker, &price.to_string(), "0.02", "IOC");
        let state = trader.until("there", |_| true);
        if state["counts"]["fills"].as_u64() >= Some(fills) {
            return state;
        }
    }
    unreachable!("it ends by its patience")
}

#[test]
fn a_paper_run_at_a_venue_needs_no_key_and_is_its_replay() {
    let port = [free_port(), free_port()];
    let more = format!("[market]\naddress = \"127.0.0.1:{}\"\n", port[0]);
    let (store, venue_config, keys) = market("trade-paper", &more);
    let mut venue = Venue::start(&store, &venue_config, &[], 0);
    order(&venue, &keys[1], "BUY", "59900", "1", "GTC");
    order(&venue, &keys[1], "SELL", "60100", "1", "GTC");
    let table = format!(
        "kind = \"tiercel\"\nrest = \"http://{}\"\nmarket = \"127.0.0.1:{}\"",
        venue.address, port[0]
    );
    let config = config("trade-paper", &table, port[1], &keys[0]);
    let config = without_keys(&config, "trade-paper-keyless.toml");
    // Without keys it is for paper alone.
    let refused = run(&["trade", "--config", argument(&config)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("venue desk: orders: is missing"), "{}", refused.stderr);

    let inputs = config.with_extension("inputs");
    drop(fs::remove_file(&inputs));
    let more = ["--paper", "--record", argument(&inputs)];
    let trader = Trader::start_with(&config, port[1], &more);
    let begun = trader.until("acting", |state| state["acts"] == true);
    assert!(begun["paper"]["digest"].is_string(), "{begun}");
    trade(&venue, &trader, &keys, 6);
    // The venue goes, and comes again.
    venue.kill();
    trader.until("without its venue", |state| state["lines"][0][1] == false);
    let venue = Venue::start(&store, &venue_config, &[], 0);
    trader.until("connected again", |state| state["lines"][0][1] == true);
    trade(&venue, &trader, &keys, 10);
    assert_eq!(trader.post("stop", "let-me"), 202);
    let (last, code) = trader.end();
    assert_eq!((code, &last["open_orders"]), (Some(0), &Value::from(0)), "{last}");
    assert_eq!(last["counts"]["anomalies"], 0, "{last}");
    drop(venue);

    let replay = |more: &[&str]| {
        let arguments = ["trade", "--config", argument(&config), "--replay", argument(&inputs)];
        let ran = run(&[&arguments[..], more].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stdout
    };
    let again = replay(&["--json"]);
    let again: Value = serde_json::from_str(again.lines().last().expect("a line")).expect("JSON");
    assert_eq!(again["paper"], last["paper"]);
    for field in ["markets", "counts", "result", "orders"] {
        assert_eq!(again[field], last[field], "{field}");
    }
    let digest = last["paper"]["digest"].as_str().expect("a digest");
    let shown = replay(&[]);
    assert!(shown.contains("PAPER") && shown.contains(digest), "{shown}");
    // A file that is there is not written over.
    let kept =
        run(&["trade", "--config", argument(&config), "--paper", "--record", argument(&inputs)]);
    assert_eq!(kept.code, Some(1), "{}", kept.stderr);
}
