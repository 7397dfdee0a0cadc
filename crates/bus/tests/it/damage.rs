//! Files that are something else, cut, or overwritten: an error that says what, never a panic.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use tiercel_bus::{AppendError, Bus, BusError, FIRST_PAGE, ReadError, Start};
use tiercel_testkit::fuzz_bus;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;

use crate::folder::{Folder, shared, small};

/// A bus of three cycles and 400 records; returns its folder.
fn written(name: &str) -> Folder {
    let folder = Folder::new(name);
    let bus = Bus::create(folder.path(), &small()).unwrap();
    let mut writer = bus.writer().unwrap();
    for number in 0..400_u64 {
        writer.append(number as u8, &[number; 100]).unwrap();
    }
    assert_eq!(writer.next_index().cycle(), 3);
    folder
}

#[test]
fn what_is_no_bus_is_called_so() {
    let folder = Folder::new("no-bus");
    fs::create_dir_all(folder.path()).unwrap();
    let empty = folder.path().join("empty");
    File::create(&empty).unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "an ordinary file of some length, and no bus at all").unwrap();
    assert!(matches!(Bus::open(folder.path()), Err(BusError::Missing(_))));
    assert!(matches!(Bus::open(folder.path().join("nothing")), Err(BusError::Missing(_))));
    for path in [&empty, &text] {
        assert!(matches!(Bus::open(path), Err(BusError::NotABus(_))), "{}", path.display());
    }
    assert!(matches!(Bus::open("/dev/null"), Err(BusError::NotABus(_))));
    fs::copy(&text, folder.file(1)).unwrap();
    assert!(matches!(Bus::open(folder.path()), Err(BusError::NotABus(_))));
}

#[test]
fn a_file_that_is_cut_or_grown_is_refused_before_it_is_mapped() {
    for size in [0, 1, 100, 119, 120, 4095, 4096, 8192, (128 << 10) - 1, (128 << 10) + 1] {
        let folder = written("cut");
        File::options().write(true).open(folder.file(2)).unwrap().set_len(size).unwrap();
        let bus = Bus::open(folder.path()).unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        let error = loop {
            match reader.poll() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cut file is read to its end"),
                Err(ReadError::Cycle(error)) => break error,
                Err(error) => panic!("{error}"),
            }
        };
        match error {
            BusError::Size { found, .. } => assert_eq!(found, size),
            BusError::NotABus(_) => assert!(size < 8),
            error => panic!("{size}: {error}"),
        }
        let (_, faults) = bus.survey(|_, _| ()).unwrap();
        assert_eq!(faults.first().map(|fault| fault.cycle), Some(2));
    }
}

#[test]
fn a_cycle_of_another_bus_is_refused() {
    let (ours, theirs) = (written("ours"), written("theirs"));
    fs::copy(theirs.file(2), ours.file(2)).unwrap();
    let mut reader = Bus::open(ours.path()).unwrap().reader(Start::Oldest).unwrap();
    let error = loop {
        match reader.poll() {
            Ok(record) => assert!(record.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ReadError::Cycle(BusError::Damaged { .. })), "{error}");
    // And one under another's name.
    fs::copy(ours.file(3), ours.file(4)).unwrap();
    assert!(matches!(Bus::open(ours.path()), Err(BusError::Damaged { .. })));
}

#[test]
fn a_word_that_no_writer_puts_there_is_found_where_it_is() {
    let folder = written("word");
    let bus = Bus::open(folder.path()).unwrap();
    let stride = 832_u64;
    let (at, index) = (FIRST_PAGE as u64 + 5 * stride, 5);
    let good = fs::read(folder.file(3)).unwrap();
    // Too long for the file, of another number, of no form at all.
    for word in [6 << 32 | 0x3f_ffff, 9 << 32 | 0x320, u64::MAX, 1] {
        let file = File::options().write(true).open(folder.file(3)).unwrap();
        file.write_all_at(&good, 0).unwrap();
        file.write_all_at(&u64::to_le_bytes(word), at).unwrap();
        let mut reader = bus.reader(Start::Index(tiercel_bus::Index::new(3, 0))).unwrap();
        for _ in 0..index {
            assert!(reader.poll().unwrap().is_some());
        }
        for _ in 0..2 {
            match reader.poll() {
                Err(ReadError::Damaged(BusError::Word { position, index: i, .. })) => {
                    assert_eq!((position as u64, i.sequence()), (at, index));
                }
                other => panic!("{word:x}: {other:?}"),
            }
        }
        assert!(matches!(bus.writer(), Err(BusError::Word { .. })));
        let (_, faults) = bus.survey(|_, _| ()).unwrap();
        assert_eq!(faults.len(), 1);
    }
}

#[test]
fn a_claim_that_no_writer_can_have_made_is_damage_and_not_waited_for() {
    let pending = |slot: u64| slot << 32 | 1 << 30 | 0x38;
    // Where one writes alone nobody claims; elsewhere there are 64 slots.
    for (options, slot) in [(small(), 0), (small(), 7), (shared(), 64), (shared(), 1 << 31)] {
        let bus = Bus::in_memory(&options).unwrap();
        let file = File::from(bus.as_fd().unwrap().try_clone_to_owned().unwrap());
        file.write_all_at(&u64::to_le_bytes(pending(slot)), FIRST_PAGE as u64).unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        assert!(reader.wait(std::time::Duration::from_secs(5)), "there is something to say");
        assert!(matches!(reader.poll(), Err(ReadError::Damaged(_))), "slot {slot}");
        let writer = match bus.options().writers {
            tiercel_bus::Writers::One => bus.writer().map(drop),
            tiercel_bus::Writers::Shared => bus.shared_writer().map(drop),
        };
        assert!(matches!(writer, Err(BusError::Word { .. })), "slot {slot}");
    }
}

#[test]
fn a_writer_meets_damage_with_an_error() {
    let bus = Bus::in_memory(&shared()).unwrap();
    let mut writer = bus.shared_writer().unwrap();
    writer.append(0, &1_u64).unwrap();
    let file = File::from(bus.as_fd().unwrap().try_clone_to_owned().unwrap());
    file.write_all_at(&[0xff; 64], FIRST_PAGE as u64 + 64).unwrap();
    let error = writer.append(0, &2_u64).unwrap_err();
    assert!(matches!(error, AppendError::Damaged(BusError::Word { .. })), "{error}");
}

#[test]
fn what_lies_beyond_the_tail_is_a_fault() {
    let folder = written("stray");
    let bus = Bus::open(folder.path()).unwrap();
    assert!(bus.survey(|_, _| ()).unwrap().1.is_empty());
    let file = File::options().write(true).open(folder.file(3)).unwrap();
    file.write_all_at(&[1], (128 << 10) - 20).unwrap();
    let (_, faults) = bus.survey(|_, _| ()).unwrap();
    assert!(matches!(faults[0].error, BusError::Word { position: 131_048, .. }), "{faults:?}");
}

#[test]
fn a_reach_of_any_value_is_survived() {
    for reach in [0, 1, 4_097, 5_003, 1 << 20, (1 << 20) + 1, u64::MAX - 7, u64::MAX] {
        let folder = written("reach");
        let file = File::options().write(true).open(folder.file(3)).unwrap();
        file.write_all_at(&u64::to_le_bytes(reach), 192).unwrap();
        let bus = Bus::open(folder.path()).unwrap();
        assert!(bus.survey(|_, _| ()).unwrap().1.is_empty(), "{reach}");
        let index = bus.writer().unwrap().append(1, b"more").unwrap();
        assert!(bus.reader(Start::Index(index)).unwrap().poll().unwrap().is_some(), "{reach}");
        assert!(bus.survey(|_, _| ()).unwrap().1.is_empty(), "{reach}");
    }
}

#[test]
fn any_bytes_opened_as_a_bus_give_an_error_or_records() {
    let mut random = Random::new(7);
    for _ in soak::rounds("any bytes as a bus", 400) {
        let size = random.below(6_000) as usize;
        let mut bytes: Vec<u8> = (0..size).map(|_| random.next_u64() as u8).collect();
        if random.one_in(2) {
            // Mostly zeros, as a file is: words are met more often then.
            for byte in &mut bytes {
                if !random.one_in(16) {
                    *byte = 0;
                }
            }
        }
        fuzz_bus::first_page(&bytes);
        fuzz_bus::records(&bytes);
    }
}
