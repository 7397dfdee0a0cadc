//! What holds for real files alone.

use std::fs;

use tiercel_journal::{
    AppendError, Durability, Engine, EventLog, FileStorage, IoOptions, Journal, OpenError, Options,
};
use tiercel_testkit::event_log::{append_next, read_all};

use crate::it::place::{Place, SMALL, WAYS, open};

#[test]
fn a_second_writer_is_refused() {
    let place = Place::new("locked");
    let first = open(place.path(), IoOptions::default(), SMALL);
    let second = FileStorage::open(place.path(), IoOptions::default()).expect("the folder opens");
    assert!(matches!(Journal::open(second, SMALL), Err(OpenError::Locked)));
    drop(first);
    open(place.path(), IoOptions::default(), SMALL);
}

#[test]
fn a_journal_goes_on_where_it_was_whatever_way_it_is_written() {
    let place = Place::new("goes-on");
    for round in 0..12 {
        let mut journal = open(place.path(), WAYS[round % 4], SMALL);
        assert_eq!(journal.position().sequence, round as u64 * 500);
        assert_eq!(journal.recovery().torn, None);
        for _ in 0..100 {
            append_next(&mut journal, 5, Durability::Disk).expect("there is room");
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
        if round % 2 == 0 {
            journal.close().expect("the disk works");
        }
    }
    let journal = open(place.path(), IoOptions::default(), SMALL);
    let read = read_all(&mut journal.read(1).expect("readable"));
    assert_eq!(read, (1..=6_000).collect::<Vec<u64>>());
}

#[test]
fn a_lost_or_damaged_index_is_made_anew() {
    let place = Place::new("index");
    let mut journal = open(place.path(), IoOptions::default(), SMALL);
    for _ in 0..3_000 {
        while append_next(&mut journal, 5, Durability::Disk) == Err(AppendError::Full) {
            journal.poll().expect("the disk works");
        }
    }
    journal.close().expect("the disk works");
    fs::remove_file(place.path().join("0000000001.index")).expect("it is there");
    fs::write(place.path().join("0000000002.index"), b"rubbish").expect("it is there");
    let journal = open(place.path(), IoOptions::default(), SMALL);
    assert_eq!(journal.recovery().indexes_rebuilt, 2);
    let read = read_all(&mut journal.read(700).expect("readable"));
    assert_eq!(read, (700..=15_000).collect::<Vec<u64>>());
    drop(journal);
    let again = open(place.path(), IoOptions::default(), SMALL);
    assert_eq!(again.recovery().indexes_rebuilt, 0);
}

#[test]
fn back_pressure_refuses_and_changes_nothing() {
    let place = Place::new("full");
    let io = IoOptions { engine: Engine::Uring, method: None };
    let mut journal = open(place.path(), io, SMALL);
    let mut refused = 0;
    for _ in 0..5_000 {
        let before = journal.position();
        if append_next(&mut journal, 20, Durability::Memory) == Err(AppendError::Full) {
            refused += 1;
            assert_eq!(journal.position(), before);
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
    }
    assert!(refused > 0, "four buffers hold no 5,000 batches");
    journal.wait_durable(u64::MAX).expect("the disk works");
    let last = journal.position().sequence;
    assert_eq!(read_all(&mut journal.read(1).expect("readable")).len() as u64, last);
}

#[test]
fn another_shard_an_older_epoch_and_senseless_options_are_refused() {
    let place = Place::new("options");
    drop(open(place.path(), IoOptions::default(), Options { epoch: Some(4), ..SMALL }));
    let try_open = |options| {
        let storage = FileStorage::open(place.path(), IoOptions::default()).expect("it opens");
        Journal::open(storage, options).map(|journal| journal.position().epoch)
    };
    assert!(matches!(
        try_open(Options { shard: 3, ..SMALL }),
        Err(OpenError::Shard { found: 0, expected: 3 })
    ));
    assert!(matches!(
        try_open(Options { epoch: Some(3), ..SMALL }),
        Err(OpenError::Deposed { found: 4, asked: 3 })
    ));
    for senseless in [
        Options { block_size: 500, ..SMALL },
        Options { segment_size: 1_000, ..SMALL },
        Options { buffer_size: 256, ..SMALL },
        Options { buffers: 1, ..SMALL },
        Options { snapshots_kept: 0, ..SMALL },
    ] {
        assert!(matches!(try_open(senseless), Err(OpenError::Options(_))), "{senseless:?}");
    }
    assert_eq!(try_open(SMALL).expect("it opens"), 4);
    assert_eq!(try_open(Options { epoch: Some(9), ..SMALL }).expect("it opens"), 9);
    assert_eq!(try_open(Options { block_size: 4096, ..SMALL }).expect("another block"), 9);
}
