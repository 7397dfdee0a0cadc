//! A disk that fails, and one that loses power.

use tiercel_journal::{AppendError, Durability, EventLog, Journal, OpenError};
use tiercel_testkit::event_log::{append_next, read_all};
use tiercel_testkit::random::Random;
use tiercel_testkit::simulated_disk::{Fault, SimulatedDisk, SimulatedFolder};
use tiercel_testkit::soak::{self, Rounds};

use crate::it::place::SMALL;

fn journal(folder: &SimulatedFolder, seed: u64) -> Journal<SimulatedDisk> {
    Journal::open(SimulatedDisk::new(folder, seed), SMALL).expect("the journal opens")
}

fn seeds(name: &'static str) -> Rounds {
    soak::rounds(name, 300)
}

/// Appends for a while; returns the highest acknowledgement that anybody was told.
fn work(journal: &mut Journal<SimulatedDisk>, random: &mut Random, steps: u64) -> u64 {
    let mut told = journal.durable_sequence();
    for _ in 0..steps {
        match append_next(journal, 1 + random.below(60), Durability::Disk) {
            Ok(_) => {}
            Err(AppendError::Full) => drop(journal.poll()),
            Err(AppendError::Failed(_)) => break,
            Err(other) => panic!("{other}"),
        }
        if random.one_in(2) && journal.poll().is_err() {
            break;
        }
        if random.one_in(9) && journal.wait_durable(u64::MAX).is_err() {
            break;
        }
        told = told.max(journal.acknowledged_sequence());
    }
    told
}

#[test]
fn a_loss_of_power_takes_nothing_that_was_acknowledged() {
    let (mut torn, mut good_behind) = (0, 0);
    for seed in seeds("losses of power") {
        let mut random = Random::new(seed);
        let mut folder = SimulatedFolder::default();
        let mut told = 0;
        for turn in 0..4 {
            let mut journal = journal(&folder, seed * 10 + turn);
            let last = journal.position().sequence;
            assert!(last >= told, "seed {seed}: {told} was acknowledged, {last} is there");
            let read = read_all(&mut journal.read(1).expect("readable"));
            assert_eq!(read, (1..=last).collect::<Vec<u64>>(), "seed {seed}");
            if let Some(tail) = &journal.recovery().torn {
                torn += 1;
                good_behind += u64::from(tail.good_frames > 0);
            }
            let steps = random.below(60);
            told = work(&mut journal, &mut random, steps).max(last);
            folder = folder.after_power_loss(&mut random);
        }
    }
    assert!(
        torn > 50 && good_behind > 10,
        "the tears that are meant come up: {torn}, {good_behind}"
    );
}

#[test]
fn after_a_failed_write_the_log_refuses_to_go_on_and_keeps_what_it_acknowledged() {
    let mut failures = 0;
    for seed in seeds("failed writes") {
        for fault in [Fault::Eio, Fault::NoSpace, Fault::ShortWrite] {
            let mut random = Random::new(seed);
            let folder = SimulatedFolder::default();
            let mut journal = journal(&folder, seed);
            folder.fail_after(random.below(40), fault);
            let told = work(&mut journal, &mut random, 80);
            if let Some(failure) = journal.failure().cloned() {
                failures += 1;
                let durable = journal.durable_sequence();
                for _ in 0..3 {
                    assert_eq!(
                        append_next(&mut journal, 1, Durability::Memory),
                        Err(AppendError::Failed(failure.clone()))
                    );
                    assert_eq!(journal.poll(), Err(failure.clone()));
                    assert_eq!(journal.flush(), Err(failure.clone()));
                    assert_eq!(journal.wait_durable(0), Err(failure.clone()));
                }
                assert_eq!(journal.durable_sequence(), durable);
                // Every entry asked for the disk.
                assert_eq!(journal.acknowledged_sequence(), durable, "seed {seed}, {fault:?}");
            }
            drop(journal);
            let folder = folder.after_power_loss(&mut random);
            let journal = self::journal(&folder, seed);
            assert!(journal.position().sequence >= told, "seed {seed}, {fault:?}");
            read_all(&mut journal.read(1).expect("readable"));
        }
    }
    assert!(failures > 100, "the faults that are meant come up: {failures}");
}

#[test]
fn an_opening_that_fails_half_way_can_be_tried_again() {
    // Of the first segment: file, zeros, name, head. Of the next: file, zeros, name.
    for operations in 0..7 {
        let folder = SimulatedFolder::default();
        folder.fail_after(operations, Fault::Eio);
        let result = Journal::open(SimulatedDisk::new(&folder, 1), SMALL);
        assert!(matches!(result, Err(OpenError::System { .. })), "operation {operations}");
        assert_eq!(journal(&folder, 2).position().sequence, 0);
    }
}

#[test]
fn a_snapshot_is_whole_or_not_there_after_a_loss_of_power() {
    let mut kept = 0;
    for seed in seeds("snapshots") {
        let mut random = Random::new(seed);
        let folder = SimulatedFolder::default();
        let mut journal = journal(&folder, seed);
        append_next(&mut journal, 20, Durability::Disk).expect("there is room");
        journal.wait_durable(20).expect("the disk works");
        journal.put_snapshot(5, &[5; 3_000]).expect("published");
        folder.fail_after(random.below(5), Fault::Eio);
        let published = journal.put_snapshot(9, &[9; 3_000]).is_ok();
        drop(journal);
        let folder = folder.after_power_loss(&mut random);
        let journal = self::journal(&folder, seed);
        let (newest, _) = journal.newest_snapshot().expect("readable");
        let newest = newest.expect("the older one at least");
        assert!(newest.sequence() == 9 || !published, "a published snapshot was lost");
        assert_eq!(newest.state(), [newest.sequence() as u8; 3_000]);
        kept += u32::from(newest.sequence() == 9);
    }
    assert!(kept > 0);
}
