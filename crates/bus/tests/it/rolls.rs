//! Cycles, retention, restarts.

use std::fs;
use std::time::Duration;

use tiercel_bus::{AppendError, Bus, Index, Options, ReadError, Retention, Start};

use crate::folder::{Folder, keeping, shared, small};

/// Records of 1,000 bytes, so that a cycle of 128 KiB holds 124 of them.
fn append_many(bus: &Bus, from: u64, to: u64) -> Vec<Index> {
    let mut writer = bus.writer().unwrap();
    (from..to)
        .map(|number| {
            let mut slot = writer.claim(0, 1_000).unwrap();
            slot[..8].copy_from_slice(&number.to_le_bytes());
            slot.commit()
        })
        .collect()
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

#[test]
fn readers_follow_from_cycle_to_cycle() {
    let folder = Folder::new("rolls");
    let bus = Bus::create(folder.path(), &small()).unwrap();
    let mut reader = bus.reader(Start::Oldest).unwrap();
    let indices = append_many(&bus, 0, 1_000);
    assert!(indices.is_sorted() && indices.last().unwrap().cycle() > 7);
    for (at, &index) in indices.iter().enumerate() {
        let record = reader.poll().unwrap().unwrap();
        assert_eq!((number(record.bytes), record.index), (at as u64, index));
    }
    assert_eq!(reader.poll().unwrap(), None);
    // From any index, after any restart.
    for at in [0, 1, 123, 124, 125, 500, 999] {
        let mut reader =
            Bus::open(folder.path()).unwrap().reader(Start::Index(indices[at])).unwrap();
        assert_eq!(number(reader.poll().unwrap().unwrap().bytes), at as u64);
    }
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(cycles.iter().map(|cycle| cycle.records).sum::<u64>(), 1_000);
    assert_eq!(cycles.iter().map(|cycle| cycle.payload_bytes).sum::<u64>(), 1_000_000);
    assert_eq!(cycles.iter().filter(|cycle| cycle.ended).count(), cycles.len() - 1);
}

#[test]
fn a_reader_that_is_too_late_is_told_what_it_lost_and_goes_on() {
    let folder = Folder::new("lost");
    let bus = Bus::create(folder.path(), &keeping(3)).unwrap();
    let mut reader = bus.reader(Start::Oldest).unwrap();
    let indices = append_many(&bus, 0, 1_000);
    let newest = indices.last().unwrap().cycle();
    let left: Vec<_> = (1..=newest).filter(|&cycle| folder.file(cycle).exists()).collect();
    assert_eq!(left, [newest - 2, newest - 1, newest]);
    // What it had open it reads to the end.
    let first_cycle = indices.iter().filter(|index| index.cycle() == 1).count() as u64;
    for at in 0..first_cycle {
        assert_eq!(number(reader.poll().unwrap().unwrap().bytes), at);
    }
    let (from, to) = match reader.poll() {
        Err(ReadError::Lost { from, to }) => (from, to),
        other => panic!("{other:?}"),
    };
    assert_eq!((from, to), (Index::new(2, 0), Index::new(newest - 2, 0)));
    let at = indices.iter().position(|&index| index == to).unwrap();
    for at in at..1_000 {
        assert_eq!(number(reader.poll().unwrap().unwrap().bytes), at as u64);
    }
    let again = bus.reader(Start::Index(Index::new(1, 5)));
    assert!(matches!(again, Err(ReadError::Lost { to, .. }) if to == Index::new(newest - 2, 0)));
}

#[test]
fn bytes_bound_what_is_kept_as_cycles_do() {
    let folder = Folder::new("bytes");
    let retention = Retention { cycles: 0, bytes: 5 * (128 << 10) + 17 };
    let bus = Bus::create(folder.path(), &Options { retention, ..small() }).unwrap();
    append_many(&bus, 0, 2_000);
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert_eq!((cycles.len(), faults.len()), (5, 0));
}

#[test]
fn time_begins_a_cycle_too() {
    let folder = Folder::new("span");
    let options = Options { cycle_span: Duration::from_millis(20), ..small() };
    let bus = Bus::create(folder.path(), &options).unwrap();
    let mut writer = bus.writer().unwrap();
    let first = writer.append(0, &1_u64).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    assert!(writer.roll_if_due().unwrap());
    assert!(!writer.roll_if_due().unwrap(), "the new cycle is young");
    let second = writer.append(0, &2_u64).unwrap();
    assert_eq!((first.cycle() + 1, second.sequence()), (second.cycle(), 0));
    let forever = Bus::in_memory(&small()).unwrap();
    let mut writer = forever.writer().unwrap();
    assert!(!writer.roll_if_due().unwrap());
    assert!(matches!(writer.roll(), Err(AppendError::Full)));
}

#[test]
fn a_preparer_makes_the_next_cycle_and_clears_the_old_ones() {
    let folder = Folder::new("preparer");
    let bus = Bus::create(folder.path(), &keeping(2)).unwrap();
    let mut writer = bus.writer().unwrap();
    let mut preparer = writer.preparer().unwrap();
    let blanks = || {
        fs::read_dir(folder.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "tmp"))
            .count()
    };
    for cycle in 1..20 {
        assert!(preparer.poll().unwrap());
        assert!(!preparer.poll().unwrap(), "nothing more to do");
        assert_eq!(blanks(), 1);
        writer.append(0, &cycle).unwrap();
        writer.roll().unwrap();
        assert_eq!(blanks(), 0, "the writer took another file than the one made ahead");
    }
    preparer.poll().unwrap();
    let (cycles, faults) = bus.survey(|_, _| ()).unwrap();
    assert_eq!(faults.len(), 0, "{faults:?}");
    assert_eq!(cycles.iter().map(|cycle| cycle.cycle).collect::<Vec<_>>(), [19, 20]);
    drop((writer, preparer));
    assert_eq!(blanks(), 0);
}

#[test]
fn a_writer_that_died_between_two_cycles_is_taken_over() {
    for options in [small(), shared()] {
        let folder = Folder::new("between");
        let bus = Bus::create(folder.path(), &options).unwrap();
        let is_shared = options.writers == tiercel_bus::Writers::Shared;
        let append = |value: u64| {
            if is_shared {
                bus.shared_writer().unwrap().append(0, &value).unwrap()
            } else {
                bus.writer().unwrap().append(0, &value).unwrap()
            }
        };
        append(1);
        // The next cycle was named, the end mark is not there: the moment between the two.
        let spare = Folder::new("between-spare");
        let other = Bus::create(spare.path(), &options).unwrap();
        let before = fs::read(folder.file(1)).unwrap();
        if is_shared {
            bus.shared_writer().unwrap().roll().unwrap();
        } else {
            bus.writer().unwrap().roll().unwrap();
        }
        drop(other);
        fs::write(folder.file(1), before).unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        let mut at_end = bus.reader(Start::End).unwrap();
        assert_eq!(append(2), Index::new(1, 1), "it goes on where the records end");
        for expected in [1_u64, 2] {
            assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&expected));
        }
        assert_eq!(at_end.poll().unwrap().unwrap().get(), Some(&2_u64));
        if is_shared {
            bus.shared_writer().unwrap().roll().unwrap();
        } else {
            bus.writer().unwrap().roll().unwrap();
        }
        assert_eq!(append(3), Index::new(2, 0));
        assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&3_u64));
        let (_, faults) = bus.survey(|_, _| ()).unwrap();
        assert!(faults.is_empty(), "{faults:?}");
    }
}
