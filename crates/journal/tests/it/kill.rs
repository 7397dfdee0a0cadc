//! A writer is killed at random points: nothing acknowledged is lost, nothing is doubled, and
//! nothing unacknowledged becomes half a frame.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tiercel_journal::{Durability, EventLog, FileStorage, IoOptions, Journal, OpenError};
use tiercel_testkit::event_log::{append_next, read_all};
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;

use crate::it::place::{Place, SMALL, WAYS, open};

const CHILD: &str = "TIERCEL_JOURNAL_CHILD";

/// Not a test of its own: the process that is killed. It appends, and tells what is durable.
#[test]
fn child_writer() {
    let Ok(task) = env::var(CHILD) else { return };
    let (way, path) = task.split_once(':').expect("way and folder");
    let way = WAYS[way.parse::<usize>().expect("a number")];
    let mut journal = open(Path::new(path), way, SMALL);
    let mut random = Random::new(journal.position().sequence);
    let mut told = 0;
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nopen").expect("the parent reads");
    loop {
        let count = 1 + random.below(9);
        // Back-pressure is met by polling on.
        let appended = append_next(&mut journal, count, Durability::Disk);
        journal.poll().expect("the disk works");
        let acknowledged = journal.acknowledged_sequence();
        if acknowledged > told {
            told = acknowledged;
            writeln!(out, "ack {told}").expect("the parent reads");
        }
        if appended.is_err() || random.one_in(4) {
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
    }
}

fn start(path: &Path, way: usize) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "it::kill::child_writer", "--nocapture"])
        .env(CHILD, format!("{way}:{}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[test]
fn a_journal_that_another_process_writes_is_refused_until_that_ends() {
    let place = Place::new("two-processes");
    let mut child = start(place.path(), 0);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.by_ref().any(|line| line.expect("text") == "open"));
    let second = || {
        let storage = FileStorage::open(place.path(), IoOptions::default()).expect("a folder");
        Journal::open(storage, SMALL)
    };
    assert!(matches!(second(), Err(OpenError::Locked)));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    second().expect("nobody writes it any more");
}

/// Lets a writer run for a random time, kills it, and returns the last acknowledgement it told.
fn run_and_kill(path: &Path, way: usize, random: &mut Random) -> u64 {
    let mut child = start(path, way);
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let opened = lines.by_ref().any(|line| line.expect("text") == "open");
    assert!(opened, "the writer did not get as far as opening");
    std::thread::sleep(Duration::from_micros(random.below(20_000)));
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    // What was in the pipe was told.
    let mut told = 0;
    for line in lines.map_while(Result::ok) {
        if let Some(number) = line.strip_prefix("ack ") {
            told = number.parse().unwrap_or(told);
        }
    }
    told
}

#[test]
fn nothing_acknowledged_is_lost_when_the_writer_is_killed() {
    let points = if soak::is_soak() { 240 } else { 20 };
    for way in 0..WAYS.len() {
        let mut random = Random::new(7 + way as u64);
        let place = Place::new("kill");
        let (mut told, mut most, mut torn) = (0, 0, 0);
        for point in 0..points / WAYS.len() {
            told = run_and_kill(place.path(), way, &mut random).max(told);
            let journal = open(place.path(), IoOptions::default(), SMALL);
            let last = journal.position().sequence;
            assert!(last >= told, "point {point}: {told} was acknowledged, {last} is there");
            assert!(last >= most, "point {point}: what was recovered once is there again");
            let read = read_all(&mut journal.read(1).expect("readable"));
            assert_eq!(read, (1..=last).collect::<Vec<u64>>(), "point {point}");
            torn += u32::from(journal.recovery().torn.is_some());
            most = last;
        }
        assert!(told > 0, "the writer never got as far as an acknowledgement");
        eprintln!("way {way}: {most} entries, {torn} torn tails");
    }
}
