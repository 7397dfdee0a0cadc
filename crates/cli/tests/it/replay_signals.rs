//! Signals of real and made files: tables, pictures, and the micro-price's model.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tiercel_testkit::data;

use crate::command::{argument, file, run};
use crate::replay::{CAPTURE, itch_day};

/// The first symbol's signals in JSON.
fn signals(path: &Path, more: &[&str]) -> Value {
    let arguments = [&["replay", argument(path), "--json", "--signals"], more].concat();
    let ran = run(&arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    report["signals"][0].clone()
}

fn last(signals: &Value, name: &str) -> f64 {
    signals["signals"][name]["last"].as_f64().unwrap_or(f64::NAN)
}

#[test]
fn a_made_capture_has_the_signals_that_were_worked_out() {
    let seen = signals(&file("signals.jsonl", CAPTURE.as_bytes()), &[]);
    // Each top of the book once, by whichever of ticker and depth knew it first.
    for (field, count) in [("quotes", 3), ("depths", 3), ("trades", 2), ("not_quotes", 0)] {
        assert_eq!(seen[field], count, "{field}");
    }
    // At the end: bids 9.5 x 2, 9 x 1; asks 10 x 4, 11 x 1.5. Before that: 9.5 x 3 and 11 x 1.5.
    for (name, value) in [
        ("mid", 9.75),
        ("spread", 0.5),
        ("weighted mid", 58.0 / 6.0),
        ("imbalance", -2.0 / 6.0),
        ("imbalance, 5 levels", -2.5 / 8.5),
        ("predicted move", -0.5 / 6.0),
        ("order flow, 1 s", -5.0), // the bid loses 1, and 4 come at a better ask
        ("volume, 24 h", 1.5),
        ("VWAP, 24 h", 9.5),
    ] {
        assert!((last(&seen, name) - value).abs() < 1e-9, "{name}: {}", last(&seen, name));
    }
    assert_eq!(seen["signals"]["VPIN, by side"]["count"], 0, "no 50 buckets were filled");
    assert!(seen["micro_price"]["absent"].is_string());
}

#[test]
fn the_real_capture_is_plotted_and_its_imbalance_foretells_the_mid() {
    let Some(path) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let svg = file("signals.svg", b"");
    let model = file("btcusdt.model", b"");
    let keep = ["--plot", argument(&svg), "--save-micro-price", argument(&model)];
    let seen = signals(&path, &keep);
    let correlation = |seen: &Value, name: &str| {
        seen["prediction"][name][1]["correlation"].as_f64().expect("a correlation")
    };
    assert!(correlation(&seen, "imbalance") > 0.1, "{seen}");
    assert!(correlation(&seen, "micro-price, in sample") > 0.1, "{seen}");
    assert!((0.0..=1.0).contains(&last(&seen, "VPIN, by side")));
    assert!((0.0..=1.0).contains(&last(&seen, "VPIN, in bulk")));
    assert!((last(&seen, "volume, 24 h") - 212.03315).abs() < 1e-6);
    assert_eq!(seen["micro_price"]["tick"], "0.01");

    let picture = fs::read_to_string(svg).expect("the picture");
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for title in ["BTCUSDT: signals", "VPIN", "Order-flow imbalance", "Volatility", "ticks"] {
        assert!(picture.contains(title), "{title}");
    }

    // The model that was kept says the same of the same data, and no longer "in sample".
    let again = signals(&path, &["--micro-price", argument(&model)]);
    assert_eq!(again["micro_price"]["given"], true);
    assert_eq!(again["micro_price"]["adjustments"], seen["micro_price"]["adjustments"]);
    let difference =
        correlation(&again, "micro-price") - correlation(&seen, "micro-price, in sample");
    assert!(difference.abs() < 0.05, "{difference}");
}

#[test]
fn an_itch_day_has_signals_of_the_symbols_asked_for() {
    let path = file("signals.itch", &itch_day());
    let first = signals(&path, &[]);
    let symbol = first["symbol"].as_str().expect("a symbol").to_owned();
    let only = signals(&path, &["--symbol", &symbol, "--vpin-bucket", "1000"]);
    assert_eq!(only["symbol"], symbol.as_str());
    assert!(only["quotes"].as_u64() > Some(1_000), "{only}");
    assert_eq!(only["vpin_bucket"], "1000");
    assert_eq!(only["signals"]["mid"], first["signals"]["mid"]);
    let table = run(&["replay", argument(&path), "--signals"]);
    assert!(table.stdout.contains(&format!("{symbol}: signals of")), "{}", table.stdout);
}

#[test]
fn what_cannot_be_drawn_or_read_is_refused() {
    let path = file("refused.jsonl", CAPTURE.as_bytes());
    let refused = |more: &[&str]| run(&[&["replay", argument(&path)], more].concat());
    let png = refused(&["--plot", "out.png"]);
    assert_eq!(png.code, Some(2));
    assert!(png.stderr.contains("has to end in .svg"), "{}", png.stderr);
    assert_eq!(refused(&["--vpin-bucket", "0"]).code, Some(2));
    let model = file("bad.model", b"tiercel-micro-price 1\ntick 0\n");
    let bad = refused(&["--micro-price", argument(&model)]);
    assert_eq!(bad.code, Some(1));
    assert!(bad.stderr.contains("bad.model is refused: line 3"), "{}", bad.stderr);
    let none = refused(&["--save-micro-price", "never.model"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("too few quotes"), "{}", none.stderr);
}
