//! Replays of real, made, damaged and foreign files.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use tiercel_sim::itch_flow::{ItchFlow, ItchFlowConfig};
use tiercel_testkit::data;

use crate::command::{Ran, argument, file, run};

fn replay(path: &Path) -> (Ran, Value) {
    let ran = run(&["replay", argument(path), "--json"]);
    let report = serde_json::from_str(&ran.stdout).unwrap_or(Value::Null);
    (ran, report)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

pub(crate) fn itch_day() -> Vec<u8> {
    ItchFlow::bytes(&ItchFlowConfig { instruments: 5, live_orders: 300, messages: 20_000, seed: 3 })
}

/// Eight lines: a snapshot, diffs that follow it, tickers and trades. Made by hand.
pub(crate) const CAPTURE: &str = r#"100 {"lastUpdateId":10,"bids":[["9.00","1.0"],["8.00","2.0"]],"asks":[["11.00","1.5"]]}
101 {"stream":"abc@depth","data":{"e":"depthUpdate","E":1,"s":"ABC","U":9,"u":12,"b":[["9.50","3.0"]],"a":[]}}
102 {"stream":"abc@bookTicker","data":{"u":12,"s":"ABC","b":"9.50","B":"3.0","a":"11.00","A":"1.5"}}
103 {"stream":"abc@trade","data":{"e":"trade","E":2,"s":"ABC","t":5,"p":"9.50","q":"1.0","T":2,"m":true,"M":true}}
104 {"stream":"abc@depth","data":{"e":"depthUpdate","E":3,"s":"ABC","U":13,"u":14,"b":[["9.50","2.0"]],"a":[["10.00","4.0"]]}}
105 {"stream":"abc@bookTicker","data":{"u":14,"s":"ABC","b":"9.50","B":"2.0","a":"10.00","A":"4.0"}}
106 {"stream":"abc@trade","data":{"e":"trade","E":4,"s":"ABC","t":6,"p":"9.50","q":"0.5","T":4,"m":true,"M":true}}
107 {"stream":"abc@depth","data":{"e":"depthUpdate","E":5,"s":"ABC","U":15,"u":15,"b":[["8.00","0.0"]],"a":[]}}
"#;

#[test]
fn the_real_binance_capture_agrees_with_its_own_tickers() {
    let Some(path) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let (ran, report) = replay(&path);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(report["findings"], Value::Array(Vec::new()));
    let symbol = &report["symbols"][0];
    assert_eq!(symbol["symbol"], "BTCUSDT");
    assert_eq!((&symbol["gaps"], &symbol["trade_gaps"]), (&0.into(), &0.into()));
    let count = |field: &str| symbol[field].as_u64().expect("a count");
    assert!(count("compared") > 3_000, "{symbol}");
    // All but fleeting states, which the ticker skips.
    assert!(count("agreed") * 1_000 >= count("compared") * 999, "{symbol}");
    assert_eq!(count("trades"), report["types"]["trade"].as_u64().expect("a count"));
}

#[test]
fn the_real_itch_sample_has_its_known_counts() {
    let Some(path) = data::path("itch/sample/test_20101224_length_prefixed.itch") else { return };
    let (ran, report) = replay(&path);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert_eq!(report["messages"], 12_012);
    for (kind, count) in [
        ("S SystemEvent", 6),
        ("R StockDirectory", 3),
        ("H StockTradingAction", 3),
        ("A AddOrder", 4_997),
        ("F AddOrderMpid", 3),
        ("E OrderExecuted", 198),
        ("X OrderCancel", 45),
        ("D OrderDelete", 1_745),
        ("U OrderReplace", 12),
        ("P Trade", 5_000),
    ] {
        assert_eq!(report["types"][kind], count, "{kind}");
    }
    let findings = report["findings"].as_array().expect("findings");
    let unknown = findings.iter().find(|found| found["name"] == "unknown_reference");
    assert_eq!(unknown.expect("unknown references")["count"], 117);
    let symbols: Vec<_> = report["symbols"].as_array().expect("symbols").iter().collect();
    assert_eq!(symbols.len(), 3);
}

#[test]
fn a_real_capture_that_is_cut_gives_what_was_good() {
    let Some(path) = data::path("binance/spot_btcusdt_20240808.jsonl.gz") else { return };
    let bytes = fs::read(path).expect("the capture");
    let (ran, report) = replay(&file("cut_capture.gz", &bytes[..bytes.len() / 2]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("(unpacked): the gzip file is cut off"), "{}", ran.stderr);
    assert!(report["messages"].as_u64().expect("a count") > 1_000);
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("it unpacks");
    let (ran, report) = replay(&file("cut_capture.jsonl", &text[..500_000]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("line 1727, byte 500000"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the last line is cut off"), "{}", ran.stderr);
    assert_eq!(report["messages"], 1_726);
}

#[test]
fn a_whole_itch_day_plain_and_packed_gives_the_same_report() {
    let day = itch_day();
    let (plain, report) = replay(&file("day.itch", &day));
    assert_eq!((plain.code, plain.stderr.as_str()), (Some(0), ""));
    assert_eq!(report["findings"], Value::Array(Vec::new()), "a sound day");
    assert_eq!(report["bytes"], day.len());
    let (gz, from_gz) = replay(&file("day.itch.gz", &packed(&day)));
    assert_eq!(gz.code, Some(0));
    for field in ["messages", "bytes", "types", "symbols", "books", "findings"] {
        assert_eq!(report[field], from_gz[field], "{field}");
    }
    // Two members in one gz file are one stream, and zeros at the end are the mark of the end.
    let middle = day.len() / 2;
    let two = [packed(&day[..middle]), packed(&day[middle..]), packed(&[0, 0])].concat();
    let (marked, from_two) = replay(&file("day_in_two.gz", &two));
    assert_eq!((marked.code, &from_two["messages"]), (Some(0), &report["messages"]));
}

#[test]
fn a_damaged_itch_file_is_told_with_its_byte() {
    let day = itch_day();
    let cut = day.len() - 3;
    let (ran, report) = replay(&file("torn.itch", &day[..cut]));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("torn frame at byte"), "{}", ran.stderr);
    assert_eq!(report["damage"]["count"], 1);

    // One message of an unknown type: it is skipped, and all others are read.
    let (_, whole) = replay(&file("whole.itch", &day));
    let first = 2 + usize::from(u16::from_be_bytes([day[0], day[1]]));
    let mut one_bad = day.clone();
    one_bad[first + 2] = b'?';
    let (ran, report) = replay(&file("one_bad.itch", &one_bad));
    assert_eq!(ran.code, Some(3));
    let message = format!("at byte {first}: unknown message type 0x3f");
    assert!(ran.stderr.contains(&message), "{}", ran.stderr);
    let messages = |report: &Value| report["messages"].as_u64().expect("a count");
    assert_eq!(messages(&report) + 1, messages(&whole));

    // A lost framing: what follows is not believed.
    let mut lost = day.clone();
    lost.splice(first..first, *b"\x00\x03junk");
    let (ran, report) = replay(&file("lost.itch", &lost));
    assert_eq!(ran.code, Some(3));
    assert!(messages(&report) < messages(&whole));

    // Zeros in the midst are no end.
    let mut zeros = day;
    zeros.splice(first..first, [0, 0]);
    let (ran, report) = replay(&file("zeros.itch", &zeros));
    assert_eq!((ran.code, messages(&report)), (Some(3), 1));
    assert!(
        ran.stderr.contains(&format!("frame of zero length at byte {first}")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_made_capture_is_rebuilt_and_compared() {
    for (name, bytes) in
        [("abc.jsonl", CAPTURE.as_bytes().to_vec()), ("abc.gz", packed(CAPTURE.as_bytes()))]
    {
        let (ran, report) = replay(&file(name, &bytes));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert_eq!((&report["messages"], &report["symbols_total"]), (&8.into(), &1.into()));
        let symbol = &report["symbols"][0];
        for (field, expected) in
            [("trades", 2), ("diffs_applied", 3), ("gaps", 0), ("compared", 3), ("agreed", 3)]
        {
            assert_eq!(symbol[field], expected, "{field}");
        }
        assert_eq!((&symbol["volume"], &symbol["last"]), (&"1.5".into(), &"9.5".into()));
        let book = &report["books"][0];
        assert_eq!(book["bids"][0]["price"], "9.5");
        assert_eq!(book["bids"][1]["price"], "9.0");
        assert_eq!(book["asks"][0]["qty"], "4.0");
        assert_eq!(book["bids"].as_array().map(Vec::len), Some(2), "8.00 was removed");
    }
}

#[test]
fn diffs_that_came_before_the_snapshot_are_applied_and_compared() {
    let mut lines: Vec<&str> = CAPTURE.split_inclusive('\n').collect();
    lines[..3].rotate_left(1);
    let (ran, report) = replay(&file("late_snapshot.jsonl", lines.concat().as_bytes()));
    assert_eq!(ran.code, Some(0));
    let symbol = &report["symbols"][0];
    for (field, expected) in [("diffs_applied", 3), ("compared", 3), ("agreed", 3)] {
        assert_eq!(symbol[field], expected, "{field}");
    }
}

#[test]
fn gaps_and_disagreements_of_a_capture_are_told() {
    let without_a_diff: String =
        CAPTURE.split_inclusive('\n').filter(|line| !line.contains("\"U\":13")).collect();
    let (ran, report) = replay(&file("gap.jsonl", without_a_diff.as_bytes()));
    assert_eq!(ran.code, Some(0));
    assert_eq!(report["findings"][0]["name"], "gap");
    assert!(report["findings"][0]["first"].as_str().expect("text").starts_with("line 7: ABC:"));
    assert!(report["books"][0]["absent"].is_string(), "a lost book is not shown");

    let wrong = CAPTURE.replace(r#""A":"4.0""#, r#""A":"4.5""#);
    let (_, report) = replay(&file("wrong.jsonl", wrong.as_bytes()));
    assert_eq!(report["symbols"][0]["agreed"], 1, "both states as of the wrong ticker differ");

    let lost_trade = CAPTURE.replace(r#""t":6"#, r#""t":9"#);
    let (_, report) = replay(&file("lost_trade.jsonl", lost_trade.as_bytes()));
    assert_eq!(report["findings"][0]["name"], "trade_gap");
}

#[test]
fn a_damaged_line_is_told_and_the_others_are_read() {
    let damaged = CAPTURE.replace("103 {", "xyz {").replace(r#""T":4"#, r#""T":"4""#);
    let (ran, report) = replay(&file("damaged.jsonl", damaged.as_bytes()));
    assert_eq!(ran.code, Some(3));
    assert_eq!((&report["messages"], &report["damage"]["count"]), (&6.into(), &2.into()));
    assert!(ran.stderr.contains("line 4, byte"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 7, byte"), "{}", ran.stderr);
    assert!(ran.stderr.contains("field \"T\""), "{}", ran.stderr);
    // Ten in a row are no damage but another format.
    let junk = format!("{CAPTURE}{}", "junk\n".repeat(100));
    let (ran, report) = replay(&file("junk.jsonl", junk.as_bytes()));
    assert_eq!((ran.code, &report["damage"]["count"]), (Some(3), &8.into()));
    assert!(ran.stderr.contains("stopped reading"), "{}", ran.stderr);
}

#[test]
fn foreign_files_are_refused_by_name_and_reason() {
    for (name, content, reason) in [
        ("empty", &b""[..], "at byte 0: it is empty"),
        ("text", b"hello, world\n", "neither length-prefixed ITCH 5.0 nor a Binance capture"),
        ("binary", b"\x7fELF\x02\x01\x01\x00", "it begins with \"\\x7fELF"),
        ("broken.gz", b"\x1f\x8b\x08\x00\x00\x00", "cannot be unpacked from its beginning on"),
    ] {
        let (ran, _) = replay(&file(name, content));
        assert_eq!(ran.code, Some(3), "{name}");
        assert!(ran.stderr.contains(reason) && ran.stderr.contains(name), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let ran = run(&["replay", "/nonexistent"]);
    assert_eq!(ran.code, Some(1));
    // Asked to take it for ITCH, it does, and tells what is wrong.
    let ran = run(&["replay", argument(&file("text", b"hello, world\n")), "--format", "itch"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("at byte 0: unknown message type"), "{}", ran.stderr);
}

#[test]
fn symbols_and_depth_can_be_chosen() {
    let path = file("chosen.itch", &itch_day());
    let ran = run(&["replay", argument(&path), "--depth", "2"]);
    let symbol = ran
        .stdout
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("symbol"))
        .nth(2)
        .and_then(|line| line.split_whitespace().next())
        .expect("a second symbol")
        .to_owned();
    let ran = run(&["replay", argument(&path), "--depth", "1", "--symbol", &symbol, "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["symbols"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["symbols"][0]["symbol"], symbol.as_str());
    assert_eq!(report["books"][0]["bids"].as_array().map(Vec::len), Some(1));
}
