//! `tiercel record` at a venue of its own process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{argument, file, run, tiercel};
use crate::trade::{Desk, Trader, config, depth, free_port, hit, order, settle, units};
use crate::venue_kill::market;
use crate::venue_process::{Key, Venue};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A recorder that is killed when the test ends.
pub(crate) struct Recorder(Child);

impl Recorder {
    pub(crate) fn start(config: &Path, arguments: &[&str]) -> Self {
        let child = tiercel()
            .args(["record", "--config", argument(config)])
            .args(arguments)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        Self(child)
    }

    fn kill(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder that is not there.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = file(name, b"").with_extension("folder");
    drop(fs::remove_dir_all(&path));
    path
}

/// The recorder's configuration.
pub(crate) fn record_config(name: &str, kind: &str, rest: &str, market: &str) -> PathBuf {
    let text = format!(
        "[record]\nsilence_max_ms = 60000\nbook_interval_ms = 100\ncycle_mib = 4\n\
         [[venue]]\nname = \"desk\"\nkind = \"{kind}\"\nrest = \"http://{rest}\"\n\
         market = \"{market}\"\nsymbols = [\"BTCUSDT\"]\n"
    );
    file(&format!("{name}-record.toml"), text.as_bytes())
}

/// The trader's configuration, whose market data come over a bus.
fn over_bus(path: &Path) -> impl Fn(String) -> String {
    let table = format!("[venue.bus]\npath = \"{}\"\n[[instrument]]", argument(path));
    move |text| {
        text.replacen("[[instrument]]", &table, 1)
            .replace("silence_max_ms = 60000", "silence_max_ms = 1000")
    }
}

/// A trader by a bus, whose recorder is killed and comes back.
fn trade_by_bus(name: &str, kind: &str, market_of: impl Fn(&str, [u16; 2]) -> [String; 2]) {
    let desk = Desk::new(name);
    let (keys, http) = (&desk.keys, desk.ports[2]);
    let venue = desk.open();
    let [market, orders] = market_of(&venue.address, [desk.ports[0], desk.ports[1]]);
    let buses = folder(&format!("{name}-buses"));
    let recording = record_config(name, kind, &venue.address, &market);
    let mut recorder = Recorder::start(&recording, &["--bus", argument(&buses)]);
    let table =
        format!("kind = \"{kind}\"\nrest = \"http://{}\"\norders = \"{orders}\"", venue.address);
    let path = config(name, &table, http, &keys[0]);
    let text = over_bus(&buses.join("desk"))(fs::read_to_string(&path).expect("it was written"));
    fs::write(&path, text).expect("it can be written");
    let trader = Trader::start(&path, http);
    hit(&venue, &trader, &keys[1], 3);

    recorder.kill();
    trader.until("without market data", |state| {
        state["markets"][0]["is_live"] == false && state["open_orders"] == 0
    });
    let _recorder = Recorder::start(&recording, &["--bus", argument(&buses)]);
    trader.until("live again", |state| state["markets"][0]["is_live"] == true);
    hit(&venue, &trader, &keys[1], 3);
    settle(trader, &venue, &keys[0]);
}

#[test]
fn a_trader_trades_by_a_bus_whose_recorder_was_killed_meanwhile() {
    trade_by_bus("record-bus", "tiercel", |_, [market, orders]| {
        [format!("127.0.0.1:{market}"), format!("127.0.0.1:{orders}")]
    });
}

#[test]
fn and_over_the_binance_interface_whose_texts_are_decoded_once() {
    trade_by_bus("record-binance", "binance", |address, _| {
        [format!("ws://{address}"), format!("ws://{address}/ws-api/v3")]
    });
}

/// Ends a recorder by Ctrl-C, and waits for it.
pub(crate) fn interrupt(mut recorder: Recorder) {
    let id = i32::try_from(recorder.0.id()).expect("an id");
    let id = rustix::process::Pid::from_raw(id).expect("an id");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    let status = recorder.0.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}

/// The only file of a folder, once it has something.
pub(crate) fn recording(folder: &Path) -> PathBuf {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        if let [file] = files.as_slice()
            && fs::metadata(file).is_ok_and(|file| file.len() > 0)
        {
            return file.clone();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("nothing is recorded");
}

/// Quotes and trades, at so many prices.
fn trade(venue: &Venue, key: &Key) {
    for number in 0..30 {
        order(venue, key, "BUY", &format!("{}", 59_000 + number), "0.002", "GTC");
        order(venue, key, "SELL", &format!("{}", 61_000 + number), "0.003", "GTC");
    }
}

#[test]
fn a_recording_of_texts_is_replayed_to_the_venues_book() {
    let (store, venue_config, keys) = market("record-texts", "");
    let venue = Venue::start(&store, &venue_config, &[], 0);
    order(&venue, &keys[1], "BUY", "58900", "1", "GTC");
    order(&venue, &keys[1], "SELL", "61100", "1", "GTC");
    let files = folder("record-texts-files");
    let address = format!("ws://{}", venue.address);
    let config = record_config("record-texts", "binance", &venue.address, &address);
    let recorder = Recorder::start(&config, &[argument(&files)]);
    let file = recording(&files);
    trade(&venue, &keys[1]);
    order(&venue, &keys[0], "SELL", "59000", "0.005", "IOC");
    let wanted = depth(&venue);
    let replayed = || {
        let ran = run(&["replay", argument(&file), "--json", "--depth", "5"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let book = report["books"][0].clone();
        let levels = ["bids", "asks"].map(|side| {
            let part = |level: &Value, name: &str| units(level[name].as_str().expect("a text"));
            let levels = book[side].as_array().cloned().unwrap_or_default();
            levels.iter().map(|level| [part(level, "price"), part(level, "qty")]).collect()
        });
        (levels, report)
    };
    let end = Instant::now() + PATIENCE;
    let same = |(levels, _): &([Vec<[i128; 2]>; 2], Value)| *levels == wanted;
    while !same(&replayed()) {
        assert!(Instant::now() < end, "never the same: {:?}", replayed());
        std::thread::sleep(Duration::from_millis(100));
    }
    interrupt(recorder);
    let (levels, report) = replayed();
    assert_eq!(levels, wanted);
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn a_recording_of_records_is_decoded_whole() {
    let port = free_port();
    let more = format!("[market]\naddress = \"127.0.0.1:{port}\"\n");
    let (store, venue_config, keys) = market("record-records", &more);
    let venue = Venue::start(&store, &venue_config, &[], 0);
    order(&venue, &keys[1], "BUY", "58900", "1", "GTC");
    let files = folder("record-records-files");
    let address = format!("127.0.0.1:{port}");
    let config = record_config("record-records", "tiercel", &venue.address, &address);
    let recorder = Recorder::start(&config, &[argument(&files)]);
    let file = recording(&files);
    trade(&venue, &keys[1]);
    order(&venue, &keys[1], "BUY", "58999.99", "0.002", "GTC");
    let end = Instant::now() + PATIENCE;
    loop {
        let ran = run(&["decode", "market", argument(&file)]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        if ran.stdout.contains("58999.99") {
            assert!(ran.stdout.contains("instrument SNAPSHOT"), "{}", ran.stdout);
            break;
        }
        assert!(Instant::now() < end, "never recorded");
        std::thread::sleep(Duration::from_millis(100));
    }
    interrupt(recorder);
    let ran = run(&["decode", "market", argument(&file)]);
    assert_eq!(ran.code, Some(0));
    let last = ran.stdout.lines().last().expect("a line").to_owned();
    assert!(last.contains("interrupted") && last.contains("source_lost"), "{last}");
}

#[test]
fn mistakes_are_told_by_line_and_key() {
    let printed = run(&["record", "--print-config"]);
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let wrong = printed.stdout.replace("cycles_kept = 4", "cycles_kept = 1");
    let path = file("record-wrong.toml", wrong.as_bytes());
    let ran = run(&["record", "--config", argument(&path), "--bus", "nowhere"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("record.cycles_kept: below 2"), "{}", ran.stderr);
}
