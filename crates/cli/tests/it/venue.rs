//! `tiercel venue`, as its operator runs it: on a store, whole and damaged, and served.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::command::{argument, file, run, tiercel};
use crate::journal::made;

/// What a venue says when it is up: its address, and the text of its keys.
fn up(child: &mut Child) -> (String, Vec<String>) {
    let mut lines = BufReader::new(child.stdout.as_mut().expect("its output")).lines();
    let mut line = || lines.next().expect("a line").expect("UTF-8");
    assert!(line().starts_with("{\"store\""), "what it found");
    let address = line().strip_prefix("venue at http://").expect("its address").to_owned();
    assert!(line().contains("curl"), "a line to copy");
    let keys: Vec<String> = (0..6).map(|_| line().trim().to_owned()).collect();
    (address, keys)
}

fn start(store: &str) -> Child {
    tiercel()
        .args(["venue", "--dev", "--address", "127.0.0.1:0", "--store", store])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs")
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Stops it as an operator does, and returns its last line.
fn stop(mut child: Child) -> String {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("a signal").success());
    let mut rest = String::new();
    child.stdout.take().expect("its output").read_to_string(&mut rest).expect("UTF-8");
    let ended = child.wait_with_output().expect("it ends");
    let log = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{log}");
    assert!(log.contains("the venue is open") && log.contains("the venue closes"), "{log}");
    rest.lines().last().expect("a last line").to_owned()
}

#[test]
fn a_venue_starts_serves_stops_and_is_the_same_when_it_starts_again() {
    let store = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("venue-{}", std::process::id()));
    let mut child = start(argument(&store));
    let (address, keys) = up(&mut child);
    assert_eq!(keys.iter().filter(|line| line.starts_with("secret")).count(), 2);
    let depth = get(&address, "/api/v3/depth?symbol=BTCUSDT");
    assert!(depth.starts_with("HTTP/1.1 200"), "{depth}");
    assert!(get(&address, "/health/ready").contains("\"status\":\"ready\""));
    let first = stop(child);
    let mut child = start(argument(&store));
    let (_, other_keys) = up(&mut child);
    assert_ne!(keys, other_keys, "secrets are new each time, and nowhere kept");
    let second = stop(child);
    assert!(first.contains("\"digest\""), "{first}");
    assert_eq!(first, second, "the same command, the same digest");
    fs::remove_dir_all(&store).expect("the folder is there");
}

#[test]
fn a_venue_whose_reader_has_gone_serves_on_and_stops_without_a_failure() {
    let store = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("venue-unread-{}", std::process::id()));
    let mut child = start(argument(&store));
    let (address, _) = up(&mut child);
    drop(child.stdout.take());
    assert!(get(&address, "/api/v3/ping").ends_with("{}"));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("a signal").success());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    fs::remove_dir_all(store).expect("its store");
}

#[test]
fn the_printed_configuration_is_taken_and_mistakes_are_named() {
    let printed = run(&["venue", "--print-config"]);
    assert_eq!(printed.code, Some(0));
    assert!(printed.stdout.contains("durability = \"disk\""));
    let wrong = printed.stdout.replace("weight_1m = 6000", "weight_1m = 0");
    let path = file("venue.toml", wrong.as_bytes());
    let refused = run(&["venue", "--config", argument(&path)]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`limits.weight_1m` is 1 to"), "{}", refused.stderr);
    assert!(refused.stderr.contains("line "), "{}", refused.stderr);
    let remote = run(&["venue", "--address", "0.0.0.0:0"]);
    assert_eq!(remote.code, Some(2));
}

#[test]
fn a_start_is_told_and_comes_out_the_same_again() {
    let path = made("venue-store");
    let check = || run(&["venue", "--store", argument(&path), "--check"]);
    let ran = check();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let found: serde_json::Value = serde_json::from_str(&ran.stdout).expect("a line of JSON");
    assert_eq!((&found["sequence"], &found["replayed"]), (&30.into(), &30.into()));
    let passed_over = found["passed_over"].to_string();
    assert!(passed_over.contains("snapshot of command 12"), "{passed_over}");
    assert_eq!(check().stdout, ran.stdout);
}

#[test]
fn damage_ends_with_3_and_says_what_to_do() {
    let path = made("venue-damaged");
    let segment = path.join("0000000001.segment");
    let mut bytes = fs::read(&segment).expect("it is there");
    bytes[4096 + 32 + 50] ^= 1;
    fs::write(&segment, &bytes).expect("it can be written");
    let ran = run(&["venue", "--store", argument(&path), "--check"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("Restore the segment from a copy"), "{}", ran.stderr);
    assert_eq!(fs::read(&segment).expect("it is there"), bytes);
}
