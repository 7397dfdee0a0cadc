//! Several writers.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tiercel_bus::{Bus, BusError, FIRST_PAGE, Options, Retention, SHARED_WRITERS_MAX, Start};

use crate::folder::{Folder, shared};

#[test]
fn writers_in_threads_lose_and_double_nothing_across_rolls() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 5_000;
    let folder = Folder::new("threads");
    let bus = Bus::create(folder.path(), &shared()).unwrap();
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (bus, done) = (&bus, &done);
            scope.spawn(move || {
                let mut handle = bus.shared_writer().unwrap();
                for number in 0..EACH {
                    handle.append(writer as u8, &[number, !number]).unwrap();
                    if number % 97 == 0 {
                        let mut given_up = handle.claim(9, 200).unwrap();
                        given_up.fill(0xff);
                    }
                }
                done.fetch_add(1, Ordering::Release);
            });
        }
        let mut reader = bus.reader(Start::Oldest).unwrap();
        let mut next = BTreeMap::new();
        let mut last = None;
        loop {
            let finished = done.load(Ordering::Acquire) == WRITERS;
            while let Some(record) = reader.poll().unwrap() {
                let &[number, inverse] = record.get::<[u64; 2]>().unwrap();
                assert_eq!(number, !inverse, "a torn record");
                let expected = next.entry(record.kind).or_insert(0);
                assert_eq!(number, *expected, "writer {}", record.kind);
                *expected += 1;
                assert!(last < Some(record.index));
                last = Some(record.index);
            }
            if finished {
                break;
            }
            thread::yield_now();
        }
        assert!(next.values().all(|&count| count == EACH) && next.len() == WRITERS as usize);
    });
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(cycles.iter().map(|cycle| cycle.records).sum::<u64>(), WRITERS * EACH);
    assert_eq!(cycles.iter().map(|cycle| cycle.pending).sum::<u64>(), 0);
    assert!(cycles.iter().map(|cycle| cycle.aborted).sum::<u64>() >= WRITERS * EACH / 97);
}

#[test]
fn a_writer_that_was_left_behind_joins_the_others() {
    let folder = Folder::new("behind");
    let retention = Retention { cycles: 2, bytes: 0 };
    let bus = Bus::create(folder.path(), &Options { retention, ..shared() }).unwrap();
    let mut slow = bus.shared_writer().unwrap();
    slow.append(0, &1_u64).unwrap();
    let mut fast = bus.shared_writer().unwrap();
    for number in 0..10_u64 {
        fast.append(0, &number).unwrap();
        fast.roll().unwrap();
    }
    let index = slow.append(0, &77_u64).unwrap();
    assert_eq!(index.cycle(), fast.next_index().cycle());
    let mut reader = bus.reader(Start::Index(index)).unwrap();
    assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&77_u64));
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert_eq!((cycles.len(), faults.len()), (2, 0));
}

#[test]
fn there_are_as_many_writers_as_slots() {
    let bus = Bus::in_memory(&shared()).unwrap();
    let mut writers: Vec<_> =
        (0..SHARED_WRITERS_MAX).map(|_| bus.shared_writer().unwrap()).collect();
    assert!(matches!(bus.shared_writer(), Err(BusError::WritersPresent(SHARED_WRITERS_MAX))));
    assert_eq!(bus.living_writers().unwrap().len(), SHARED_WRITERS_MAX as usize);
    drop(writers.remove(17));
    assert!(bus.shared_writer().is_ok());
    assert!(matches!(bus.writer(), Err(BusError::Mode(_))));
}

#[test]
fn a_reader_sees_who_it_waits_for() {
    let bus = Bus::in_memory(&shared()).unwrap();
    let mut writer = bus.shared_writer().unwrap();
    let mut other = bus.shared_writer().unwrap();
    let mut reader = bus.reader(Start::Oldest).unwrap();
    assert_eq!(reader.stalled().unwrap(), None);
    let slot = writer.claim(0, 8).unwrap();
    other.append(0, &2_u64).unwrap();
    assert_eq!(reader.poll().unwrap(), None, "records have an order");
    let stall = reader.stalled().unwrap().unwrap();
    assert!(stall.writer_alive && stall.index == reader.next_index());
    assert_eq!(other.repair_dead_claims().unwrap(), 0, "the writer is alive");
    drop(slot);
    assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&2_u64));
}

/// What the cycles of a bus of four say of themselves: whether nothing is left in each, or before.
fn settled(folder: &Folder) -> [u64; 4] {
    [1, 2, 3, 4].map(|cycle| {
        let mut word = [0; 8];
        File::open(folder.file(cycle)).unwrap().read_exact_at(&mut word, 256).unwrap();
        u64::from_le_bytes(word)
    })
}

#[test]
fn cycles_in_which_nothing_is_left_are_not_walked_again() {
    let folder = Folder::new("settled");
    let bus = Bus::create(folder.path(), &shared()).unwrap();
    let mut writer = bus.shared_writer().unwrap();
    let mut slow = bus.shared_writer().unwrap();
    writer.append(0, &1_u64).unwrap();
    writer.roll().unwrap();
    slow.append(0, &2_u64).unwrap();
    let claim = slow.claim(0, 8).unwrap();
    writer.roll().unwrap();
    writer.roll().unwrap();
    drop(bus.shared_writer().unwrap());
    assert_eq!(settled(&folder), [1, 0, 0, 0], "a living writer's claim is left in the second");
    drop(claim);
    drop(bus.shared_writer().unwrap());
    assert_eq!(settled(&folder), [1, 1, 1, 0], "the last one has not ended");

    // Damage is met where a writer walks: from the end back to what is settled, and no farther.
    let spoil = |cycle| {
        let file = File::options().write(true).open(folder.file(cycle)).unwrap();
        file.write_all_at(&7_u64.to_le_bytes(), FIRST_PAGE as u64).unwrap();
    };
    spoil(1);
    spoil(2);
    drop(bus.shared_writer().unwrap());
    spoil(4);
    assert!(bus.shared_writer().is_err());
}
