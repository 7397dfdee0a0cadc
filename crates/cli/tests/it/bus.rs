//! `tiercel bus` on buses that are made here.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde_json::Value;
use tiercel_bus::{Bus, FIRST_PAGE, Options, Retention};

use crate::command::{argument, run};

/// A bus of 30 records over several cycles, of which two are kept.
fn bus(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    let options = Options {
        cycle_bytes: 16 << 10,
        retention: Retention { cycles: 2, bytes: 0 },
        prefault: false,
        ..Options::default()
    };
    let bus = Bus::create(&path, &options).expect("a bus can be made");
    let mut writer = bus.writer().expect("nobody else writes");
    for number in 0..30_u64 {
        writer.append(7, &[number; 128]).expect("it can roll");
    }
    path
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

#[test]
fn tail_prints_records_from_start_end_or_an_index() {
    let path = bus("bus-tail");
    let path = argument(&path);
    let all = run(&["bus", "tail", path, "--json"]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    let all = lines(&all.stdout);
    assert!(all.len() > 11 && all.len() < 30, "the oldest cycle is gone: {}", all.len());
    let last = all.last().expect("there are some");
    assert_eq!((&last["kind"], &last["length"]), (&Value::from(7), &Value::from(1024)));
    assert_eq!(last["payload_hex"], "1d00000000000000".repeat(128));

    let index = all[5]["index"].as_str().expect("an index is a text");
    let some = lines(&run(&["bus", "tail", path, "--from", index, "-n", "3", "--json"]).stdout);
    assert_eq!(some, all[5..8]);
    let none = run(&["bus", "tail", path, "--from", "end"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    let short = run(&["bus", "tail", path, "-n", "1"]).stdout;
    assert!(short.contains("kind 7") && short.trim_end().ends_with("..."), "{short}");
}

#[test]
fn tail_says_what_was_lost() {
    let path = bus("bus-lost");
    let lost = run(&["bus", "tail", argument(&path), "--from", "1:3", "--json"]);
    assert_eq!(lost.code, Some(0), "{}", lost.stderr);
    let first = &lines(&lost.stdout)[0];
    assert_eq!((&first["lost_from"], &first["lost_to"]), (&"1:3".into(), &"2:0".into()));
}

#[test]
fn stat_and_verify_count_what_is_there() {
    let path = bus("bus-stat");
    let records = lines(&run(&["bus", "tail", argument(&path), "--json"]).stdout).len();
    let stat = &lines(&run(&["bus", "stat", argument(&path), "--json"]).stdout)[0];
    assert_eq!(stat["records"], records);
    assert_eq!(stat["cycles"].as_array().map(Vec::len), Some(2));
    assert_eq!((&stat["writers"], &stat["living_writers"]), (&"one".into(), &Value::Array(vec![])));
    let text = run(&["bus", "stat", argument(&path)]);
    assert!(text.stdout.contains("made for one writer") && text.code == Some(0), "{}", text.stdout);
    let verdict = run(&["bus", "verify", argument(&path)]);
    assert!(verdict.stdout.trim_end().ends_with("good"), "{}", verdict.stdout);
    let verdict = &lines(&run(&["bus", "verify", argument(&path), "--json"]).stdout)[0];
    assert_eq!((&verdict["records"], &verdict["faults"]), (&records.into(), &Value::Array(vec![])));
}

#[test]
fn damage_is_exit_code_3_and_what_was_good_is_printed() {
    let path = bus("bus-damage");
    let good = lines(&run(&["bus", "tail", argument(&path), "--json"]).stdout).len();
    let cycle = path.join("0000000003.cycle");
    let file = File::options().write(true).open(cycle).expect("the newest cycle");
    file.write_all_at(&[0xff; 8], FIRST_PAGE as u64).expect("it can be written");
    let tail = run(&["bus", "tail", argument(&path), "--json"]);
    assert_eq!(tail.code, Some(3), "{}", tail.stderr);
    let left = lines(&tail.stdout).len();
    assert!(left > 0 && left < good && tail.stderr.contains("damaged"), "{}", tail.stderr);
    let verdict = run(&["bus", "verify", argument(&path), "--json"]);
    assert_eq!(verdict.code, Some(3));
    assert_eq!(lines(&verdict.stdout)[0]["faults"][0]["cycle"], 3);
}

#[test]
fn what_is_missing_or_no_bus_has_its_own_exit_code() {
    let missing = run(&["bus", "stat", "/nonexistent/bus"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("there is no bus"), "{}", missing.stderr);
    let foreign = run(&["bus", "verify", env!("CARGO_BIN_EXE_tiercel")]);
    assert_eq!(foreign.code, Some(3));
    assert!(foreign.stderr.contains("not a bus"), "{}", foreign.stderr);
    assert_eq!(run(&["bus", "tail", "x", "--from", "yesterday"]).code, Some(2));
}
