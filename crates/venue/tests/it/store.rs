//! Starts: from nothing, from a log, from snapshots; refusals that say what to do.

use std::fs;
use std::path::PathBuf;

use tiercel_journal::{EventLog, FileStorage, IoOptions, Journal, OpenError};
use tiercel_matching::FullEngine;
use tiercel_types::{EventBuffer, Side, Timestamp};
use tiercel_venue::models::{ModelLimits, Models};
use tiercel_venue::pipeline::{Core, Handle, SnapshotPolicy, pipeline};
use tiercel_venue::store::{self, Opened, StoreError, StoreOptions};

use crate::it::place::{
    Flow, Place, SMALL_ENGINE, SMALL_PIPELINE, ask, limit, replay, setup, store_options,
};

type Files = Opened<FileStorage>;

fn open(place: &Place, snapshot_every: Option<u64>) -> Files {
    store::open(place.path(), IoOptions::default(), &store_options(snapshot_every)).unwrap()
}

/// Commands through a core on the store, polled here; the follower keeps up.
fn trade(opened: Files, seed: u64, commands: u64) -> (Core<Journal<FileStorage>>, Handle, Models) {
    let Opened { journal, engine, mut models, mut follower, .. } = opened;
    let mut flow = Flow::new(seed, &models);
    let fresh = engine.sequence() == 0;
    let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
    let mut handle = handles.remove(0);
    let setup = if fresh { setup() } else { Vec::new() };
    for number in 0..commands {
        let at = usize::try_from(number).unwrap();
        let command = setup.get(at).copied().unwrap_or_else(|| flow.next_command());
        for delivery in ask(&mut core, &mut handle, 1_000 + number, &[command]) {
            models.apply(&delivery.header, &delivery.event);
            flow.observe(&delivery);
        }
        if let Some(follower) = &mut follower {
            follower.poll(core.log().durable_sequence(), Timestamp(number)).unwrap();
        }
    }
    (core, handle, models)
}

/// The state that the log gives by itself, venue or no venue.
fn replayed(place: &Place) -> (u128, Models) {
    let mut engine = FullEngine::new(SMALL_ENGINE);
    let mut models = Models::new(ModelLimits::default());
    let mut events = EventBuffer::with_capacity(16);
    replay(place.path(), |sequence, time, command| {
        engine.apply_all(sequence, time, &command, &mut events, |header, event| {
            models.apply(&header, &event);
        });
    });
    (engine.digest(), models)
}

fn snapshots(place: &Place) -> Vec<PathBuf> {
    let files = fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().path());
    let mut found: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ext| ext == "snapshot")).collect();
    found.sort();
    found
}

#[test]
fn a_restart_has_the_digest_and_the_read_models_of_before_with_and_without_snapshots() {
    for snapshot_every in [None, Some(40)] {
        let place = Place::new("restart");
        for round in 0..3 {
            let opened = open(&place, snapshot_every);
            if round > 0 {
                assert_eq!(opened.report.snapshot > 0, snapshot_every.is_some());
                assert!(snapshot_every.is_none() || opened.report.replayed < 40);
            }
            let (core, handle, models) = trade(opened, round, 150);
            let digest = core.engine().digest();
            drop((core, handle));
            assert_eq!((digest, models), replayed(&place), "round {round}");
            let again = open(&place, snapshot_every);
            assert_eq!((again.engine.digest(), again.models), replayed(&place), "round {round}");
        }
        assert_eq!(snapshots(&place).len(), if snapshot_every.is_some() { 2 } else { 0 });
    }
}

#[test]
fn a_snapshot_is_taken_after_its_time_if_there_is_something_new() {
    let place = Place::new("interval");
    let policy = SnapshotPolicy { commands: u64::MAX, interval_ns: 1_000 };
    let options = StoreOptions { snapshots: Some(policy), ..store_options(None) };
    let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
    let Opened { journal, engine, follower, .. } = opened;
    let mut follower = follower.unwrap();
    let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
    let mut commands = setup().into_iter();
    let mut taken = |now, speaks: bool| {
        for command in commands.by_ref().take(usize::from(speaks)) {
            ask(&mut core, &mut handles[0], now, &[command]);
        }
        follower.poll(core.log().durable_sequence(), Timestamp(now)).unwrap();
        follower.last_snapshot().map(|snapshot| snapshot.sequence)
    };
    assert_eq!(taken(1, false), None);
    assert_eq!(taken(500, true), None);
    assert_eq!(taken(1_000, true), None);
    assert_eq!(taken(1_001, false), Some(2));
    assert_eq!(taken(9_000, false), Some(2), "nothing is new");
    assert_eq!(taken(9_001, true), Some(3));
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_named() {
    let place = Place::new("snapshot");
    let (core, handle, models) = trade(open(&place, Some(100)), 1, 350);
    let digest = core.engine().digest();
    drop((core, handle));
    let newest = snapshots(&place).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let opened = open(&place, None);
    let report = &opened.report;
    assert_eq!(report.passed_over.len(), 1, "{report:?}");
    assert!(report.snapshot > 0 && report.replayed > 100, "the one before was taken");
    assert_eq!((opened.engine.digest(), &opened.models), (digest, &models));
}

#[test]
fn damage_of_the_log_is_refused_with_what_to_do_and_changes_nothing() {
    let place = Place::new("damage");
    let (core, handle, _) = trade(open(&place, None), 1, 350);
    drop((core, handle));
    let segment = place.path().join("0000000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[4_096 * 20 + 40] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let options = store_options(None);
    let refused = || store::open(place.path(), IoOptions::default(), &options).err().unwrap();
    let text = refused().to_string();
    assert!(text.contains("0000000001.segment: bad frame at byte"), "{text}");
    assert!(text.contains("Nothing was changed. Restore the segment from a copy"), "{text}");
    assert_eq!(refused().to_string(), text, "a second start says the same");
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[test]
fn a_log_without_its_front_starts_from_a_snapshot_or_says_which_is_wanting() {
    let place = Place::new("front");
    let (core, handle, _) = trade(open(&place, Some(100)), 1, 1_200);
    let digest = core.engine().digest();
    drop((core, handle));
    let first = place.path().join("0000000001.segment");
    assert!(place.path().join("0000000002.segment").exists());
    fs::remove_file(first).unwrap();
    fs::remove_file(place.path().join("0000000001.index")).unwrap();
    assert_eq!(open(&place, None).engine.digest(), digest);
    for snapshot in snapshots(&place) {
        fs::remove_file(snapshot).unwrap();
    }
    let options = store_options(None);
    let error = store::open(place.path(), IoOptions::default(), &options).err().unwrap();
    let StoreError::NoSnapshot { first, .. } = error else { panic!("{error}") };
    let text = error.to_string();
    assert!(text.contains(&format!("Restore a snapshot of command {} or later", first - 1)));
}

#[test]
fn a_second_venue_on_one_store_is_refused() {
    let place = Place::new("second");
    let first = open(&place, None);
    let options = store_options(None);
    let refused = store::open(place.path(), IoOptions::default(), &options).err().unwrap();
    assert!(matches!(refused, StoreError::Log(OpenError::Locked)), "{refused}");
    drop(first);
    open(&place, None);
}

#[test]
fn a_venue_whose_clock_was_set_back_before_it_starts_goes_on_at_the_logs_time() {
    let place = Place::new("clock");
    let (mut core, mut handle, _) = trade(open(&place, None), 1, 50);
    let late = 1 << 60;
    let command = limit(1, Side::Buy, 7, 1, "late").into();
    ask(&mut core, &mut handle, late, &[command]);
    drop((core, handle));
    let Opened { journal, engine, .. } = open(&place, None);
    let (mut core, mut handles) = pipeline(&SMALL_PIPELINE, journal, engine, 1);
    let command = limit(1, Side::Buy, 7, 1, "early").into();
    let got = ask(&mut core, &mut handles[0], 5, &[command]);
    assert_eq!(got[0].header.time_ns, late);
}
