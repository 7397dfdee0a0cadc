//! The demo: its end, its summary, its determinism.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Ran, run, tiercel};

fn summary(arguments: &[&str]) -> Value {
    let ran = run(arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    let last = ran.stdout.lines().last().expect("a summary");
    let row: Value = serde_json::from_str(last).expect("the summary is JSON");
    assert_eq!(row["row"], "summary");
    row
}

#[test]
fn it_ends_by_itself_with_a_summary() {
    let start = Instant::now();
    let ran = run(&["demo", "--seconds", "1", "--plain"]);
    assert!(start.elapsed() < Duration::from_secs(10), "it did not end in time");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for word in ["commands", "trades", "latency", "conserved to the last unit", "digest", "machine"]
    {
        assert!(ran.stdout.contains(word), "no {word} in:\n{}", ran.stdout);
    }
}

#[test]
fn the_same_seed_and_commands_give_the_same_digest() {
    let arguments = ["demo", "--commands", "20000", "--rate", "max", "--json", "--seed"];
    let of_seed = |seed: &str| summary(&[&arguments[..], &[seed]].concat());
    let (one, again, other) = (of_seed("7"), of_seed("7"), of_seed("8"));
    assert_eq!(one["commands"], 20_000);
    for field in ["digest", "trades", "events", "turnover", "denials", "live_orders"] {
        assert_eq!(one[field], again[field], "{field}");
    }
    assert_ne!(one["digest"], other["digest"]);
}

#[test]
fn the_market_is_a_market() {
    let row = summary(&["demo", "--commands", "200000", "--rate", "max", "--json"]);
    assert_eq!(row["conserved"], true);
    let count = |field: &str| row[field].as_u64().expect("a count");
    assert!(count("trades") > 10_000, "{row}");
    assert!(count("self_trades_prevented") > 100, "{row}");
    assert!(count("live_orders") > 200, "{row}");
    assert!(count("denied") < count("commands") / 20, "{row}");
    assert_eq!(row["latency"]["count"], 200_000);
}

#[test]
fn ctrl_c_ends_it_with_its_summary() {
    let mut child = tiercel()
        .args(["demo", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    // Its first row shows that it is under way.
    let first = lines.next().expect("a row").expect("text");
    assert!(first.contains("commands_per_second"), "{first}");
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().expect("a signal is sent");
    assert!(sent.success());
    let rest: Vec<String> = lines.map(|line| line.expect("text")).collect();
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(rest.last().is_some_and(|row| row.contains("\"row\":\"summary\"")), "{rest:?}");
}

#[test]
fn without_a_command_a_venue_and_a_trader_run() {
    let mut child =
        tiercel().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut first = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    output.read_line(&mut first).expect("a line");
    assert!(first.starts_with("market_maker "), "{first}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("a signal").success());
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut output, &mut rest).expect("the rest");
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(String::from_utf8_lossy(&rest).contains("tiercel trade   market_maker"));
}

#[test]
fn an_output_that_is_cut_off_is_no_failure() {
    let mut child = tiercel()
        .args(["demo", "--seconds", "2", "--plain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}
