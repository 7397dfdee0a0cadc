//! A venue is killed under load, at random points: what it has told is there once, and a start
//! arrives at what the log says.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use tiercel_journal::IoOptions;
use tiercel_matching::FullEngine;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;
use tiercel_types::{Event, EventBuffer, EventHeader};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::pipeline::{Busy, Submission};
use tiercel_venue::run::{RunOptions, start};
use tiercel_venue::store;

use crate::it::place::{Flow, Place, SMALL_ENGINE, SMALL_PIPELINE, replay, setup, store_options};

const CHILD: &str = "TIERCEL_VENUE_CHILD";

/// Submissions under way at most.
const UNDER_WAY: usize = 100;

fn fingerprint(header: &EventHeader, event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{header:?} {event:?}").hash(&mut hasher);
    hasher.finish()
}

/// Not a test of its own: the venue that is killed. It trades with itself as fast as it can, and
/// tells each event that it was told.
#[test]
fn child_venue() {
    let Ok(task) = env::var(CHILD) else { return };
    let (seed, path) = task.split_once(':').expect("seed and folder");
    let options = store_options(Some(500));
    let opened = store::open(Path::new(path), IoOptions::default(), &options).expect("it opens");
    let fresh = opened.engine.sequence() == 0;
    let (_running, models, mut handles) =
        start(opened, &SMALL_PIPELINE, RunOptions::default(), 1).expect("it starts");
    let mut handle = handles.remove(0);
    let mut flow = Flow::new(seed.parse().expect("a number"), &models);
    let mut first = if fresh { setup() } else { Vec::new() }.into_iter();
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "\nopen").expect("the parent reads");
    let mut under_way = 0;
    loop {
        while under_way < UNDER_WAY {
            let command = first.next().unwrap_or_else(|| flow.next_command());
            match handle.submit(Submission { token: 0, commands: &[command] }) {
                Ok(()) => under_way += 1,
                Err(Busy::Full) => break,
                Err(error) => panic!("{error}"),
            }
        }
        handle.deliveries.wait(Duration::from_millis(10));
        let told = |delivery: &tiercel_venue::pipeline::Delivery| {
            let (header, event) = (&delivery.header, &delivery.event);
            let print = fingerprint(header, event);
            writeln!(out, "told {} {} {print}", header.sequence, header.index)
                .expect("the parent reads");
            under_way -= usize::from(delivery.is_end_of_submission());
            flow.observe(delivery);
        };
        handle.poll(usize::MAX, told).expect("it runs");
        out.flush().expect("the parent reads");
    }
}

fn spawn(path: &Path, seed: u64) -> Child {
    std::process::Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "it::kill::child_venue", "--nocapture"])
        .env(CHILD, format!("{seed}:{}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// Events by place: fingerprints.
type Told = BTreeMap<(u64, u32), u64>;

/// Lets a venue run for a random time, kills it, and adds what it told.
fn run_and_kill(path: &Path, seed: u64, told: &mut Told) {
    let mut random = Random::new(seed);
    let mut child = spawn(path, seed);
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    let wait = Duration::from_micros(1_000 + random.below(120_000));
    let (opened, is_open) = std::sync::mpsc::channel::<()>();
    let killer = std::thread::spawn(move || {
        // It may end by itself, and never open: then the test says so.
        if is_open.recv().is_ok() {
            std::thread::sleep(wait);
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    });
    let mut line = String::new();
    // What was in the pipe was told; a line without its end was not.
    while lines.read_line(&mut line).expect("text") > 0 {
        if line == "open\n" {
            opened.send(()).expect("the killer waits");
        }
        if let Some(place) = line.strip_prefix("told ").and_then(|line| line.strip_suffix('\n')) {
            let numbers: Vec<u64> =
                place.split(' ').map(|number| number.parse().expect("a number")).collect();
            told.insert((numbers[0], numbers[1] as u32), numbers[2]);
        }
        line.clear();
    }
    drop(opened);
    killer.join().expect("no panic");
}

/// What the log says: every event's fingerprint, the digest, the models; and that no client order id
/// was taken twice.
fn replayed(path: &Path) -> (Told, u128, Models) {
    let mut engine = FullEngine::new(SMALL_ENGINE);
    let mut models = Models::new(ModelLimits::default());
    let mut events = EventBuffer::with_capacity(16);
    let (mut prints, mut names) = (Told::new(), BTreeSet::new());
    replay(path, |sequence, time, command| {
        engine.apply_all(sequence, time, &command, &mut events, |header, event| {
            prints.insert((header.sequence, header.index), fingerprint(&header, &event));
            if let Event::OrderAccepted(order) = &event {
                assert!(
                    names.insert(order.client_order_id),
                    "{} came twice",
                    order.client_order_id
                );
            }
            models.apply(&header, &event);
        });
    });
    (prints, engine.digest(), models)
}

#[test]
fn what_a_killed_venue_has_told_is_there_once_and_its_restart_is_the_logs_replay() {
    let points: u64 = if soak::is_soak() { 50 } else { 10 };
    let place = Place::new("kill");
    let (mut told, mut from_snapshots, mut torn) = (Told::new(), 0, 0);
    for seed in 1..=points {
        let before = told.len();
        run_and_kill(place.path(), seed, &mut told);
        let (prints, digest, models) = replayed(place.path());
        for (at, print) in &told {
            assert_eq!(prints.get(at), Some(print), "seed {seed}: event {at:?}");
        }
        let options = store_options(None);
        let opened = store::open(place.path(), IoOptions::default(), &options).expect("it opens");
        assert_eq!(opened.engine.digest(), digest, "seed {seed}");
        assert_eq!(opened.models, models, "seed {seed}");
        from_snapshots += u64::from(opened.report.snapshot > 0);
        torn += u64::from(opened.report.log.torn.is_some());
        eprintln!(
            "seed {seed}: {} events told, {} commands in the log, {} behind the snapshot",
            told.len() - before,
            opened.engine.sequence(),
            opened.report.replayed
        );
    }
    eprintln!("{from_snapshots} starts from a snapshot, {torn} torn tails");
    assert!(told.len() > 1_000, "the venue was killed before it did anything");
    assert!(from_snapshots > 0, "no start was from a snapshot");
}
