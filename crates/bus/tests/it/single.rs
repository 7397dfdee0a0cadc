//! One writer, some readers, one process.

use tiercel_bus::{AppendError, Bus, BusError, Index, ReadError, Start};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::folder::{Folder, packed, shared, small};

#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Order {
    id: u64,
    price: i64,
    quantity: u32,
    side: u32,
}

fn order(id: u64) -> Order {
    Order { id, price: -(id as i64), quantity: id as u32, side: 1 }
}

#[test]
fn each_reader_gets_every_record_in_order_from_its_own_start() {
    let folder = Folder::new("single");
    let bus = Bus::create(folder.path(), &small()).unwrap();
    let mut writer = bus.writer().unwrap();
    let mut early = bus.reader(Start::Oldest).unwrap();
    assert_eq!(early.poll().unwrap(), None);
    let indices: Vec<Index> = (0..100).map(|id| writer.append(3, &order(id)).unwrap()).collect();
    assert!(indices.is_sorted());
    let mut late = bus.reader(Start::End).unwrap();
    let mut middle = bus.reader(Start::Index(indices[40])).unwrap();
    let last = writer.append(4, b"seven b").unwrap();
    for id in 0..100 {
        let record = early.poll().unwrap().unwrap();
        assert_eq!(
            (record.kind, record.get(), record.index),
            (3, Some(&order(id)), indices[id as usize])
        );
        assert!(record.get::<u64>().is_none(), "a record of another length");
    }
    assert_eq!(middle.poll().unwrap().unwrap().get(), Some(&order(40)));
    for reader in [&mut early, &mut late] {
        let record = reader.poll().unwrap().unwrap();
        assert_eq!((record.bytes, record.index, record.kind), (&b"seven b"[..], last, 4));
        assert_eq!(reader.poll().unwrap(), None);
    }
    assert_eq!(late.next_index(), writer.next_index());
}

#[test]
fn a_record_is_filled_in_place_and_not_seen_before_its_commit() {
    for options in [small(), packed()] {
        let bus = Bus::in_memory(&options).unwrap();
        let mut writer = bus.writer().unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        let mut slot = writer.claim_as::<Order>(1).unwrap();
        assert_eq!(*slot, Order { id: 0, price: 0, quantity: 0, side: 0 });
        *slot = order(9);
        assert_eq!(reader.poll().unwrap(), None);
        let index = slot.commit();
        let record = reader.poll().unwrap().unwrap();
        assert_eq!((record.index, record.get()), (index, Some(&order(9))));
    }
}

#[test]
fn what_was_given_up_leaves_nothing_behind() {
    for options in [small(), packed()] {
        let bus = Bus::in_memory(&options).unwrap();
        let mut writer = bus.writer().unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        for forgotten in [false, true] {
            let mut slot = writer.claim(1, 1_000).unwrap();
            slot.fill(0xff);
            if forgotten {
                std::mem::forget(slot);
            } else {
                drop(slot);
            }
            writer.append(2, &1_u8).unwrap();
            assert_eq!(reader.poll().unwrap().unwrap().bytes, [1]);
            assert_eq!(reader.poll().unwrap(), None, "bytes that were given up are read");
            assert!(writer.claim(1, 1_000).unwrap().iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn lengths_are_bounded_and_every_length_within_is_kept() {
    for options in [small(), packed(), shared()] {
        let bus = Bus::in_memory(&options).unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(bus.length_max()).collect();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        let append = |length: usize| match options.writers {
            tiercel_bus::Writers::One => bus.writer().unwrap().append(0, &bytes[..length]),
            tiercel_bus::Writers::Shared => {
                bus.shared_writer().unwrap().append(0, &bytes[..length])
            }
        };
        for length in [0, 1, 7, 8, 9, 55, 56, 57, 63, 64, 65, 4095, 4096, 4097, 20_000] {
            append(length).unwrap();
            assert_eq!(reader.poll().unwrap().unwrap().bytes, &bytes[..length]);
        }
        assert!(matches!(append(bus.length_max()), Err(AppendError::Full)));
    }
    let bus = Bus::in_memory(&small()).unwrap();
    let max = bus.length_max();
    let mut writer = bus.writer().unwrap();
    for length in [max + 1, usize::MAX - 7, usize::MAX] {
        let error = writer.claim(0, length).unwrap_err();
        assert!(matches!(error, AppendError::TooLong { max: m, .. } if m == max), "{error}");
    }
    writer.append(0, &vec![7_u8; max][..]).unwrap();
    assert_eq!(bus.reader(Start::Oldest).unwrap().poll().unwrap().unwrap().bytes.len(), max);
}

#[test]
fn a_full_file_says_so_and_keeps_what_it_has() {
    let bus = Bus::in_memory(&small()).unwrap();
    let mut writer = bus.writer().unwrap();
    let mut count = 0;
    let error = loop {
        match writer.append(0, &order(count)) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Full));
    // One line of 64 bytes a record, but for the first page and the line of the end mark.
    assert_eq!(count, ((128 << 10) - 4096 - 64) / 64);
    let mut reader = bus.reader(Start::Oldest).unwrap();
    for id in 0..count {
        assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&order(id)));
    }
    assert_eq!(reader.poll().unwrap(), None);
}

#[test]
fn there_is_one_writer_at_a_time_and_the_next_goes_on() {
    for (name, bus) in [
        ("memory", Bus::in_memory(&small()).unwrap()),
        ("folder", Bus::create(Folder::new("one-writer").path(), &small()).unwrap()),
    ] {
        let mut writer = bus.writer().unwrap();
        writer.append(0, &1_u64).unwrap();
        assert!(matches!(bus.writer(), Err(BusError::WriterPresent)), "{name}");
        assert_eq!(bus.living_writers().unwrap(), [0]);
        assert!(matches!(bus.shared_writer(), Err(BusError::Mode(_))));
        drop(writer);
        assert!(bus.living_writers().unwrap().is_empty());
        let mut writer = bus.writer().unwrap();
        writer.append(0, &2_u64).unwrap();
        let mut reader = bus.reader(Start::Oldest).unwrap();
        for expected in [1_u64, 2] {
            assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&expected));
        }
    }
}

#[test]
fn an_index_that_is_not_there_is_refused_with_what_is() {
    let folder = Folder::new("beyond");
    let bus = Bus::create(folder.path(), &small()).unwrap();
    bus.writer().unwrap().append(0, &1_u64).unwrap();
    for asked in [Index::new(1, 2), Index::new(2, 0), Index::new(9, 9)] {
        match bus.reader(Start::Index(asked)) {
            Err(ReadError::Beyond { index, tail }) => {
                assert_eq!((index, tail), (asked, Index::new(1, 1)));
            }
            other => panic!("{other:?}"),
        }
    }
    // The one that comes next may be waited for.
    assert!(bus.reader(Start::Index(Index::new(1, 1))).is_ok());
}

#[test]
fn a_bus_is_made_once_and_opened_often() {
    let folder = Folder::new("made-once");
    assert!(matches!(Bus::open(folder.path()), Err(BusError::Missing(_))));
    let bus = Bus::open_or_create(folder.path(), &small()).unwrap();
    assert!(matches!(Bus::create(folder.path(), &small()), Err(BusError::Exists(_))));
    let again = Bus::open_or_create(folder.path(), &packed()).unwrap();
    assert_eq!(again.options(), bus.options(), "the files say what it is");
}

#[test]
fn a_cycle_of_a_directory_opened_by_itself_is_for_reading_alone() {
    let folder = Folder::new("by-itself");
    let bus = Bus::create(folder.path(), &small()).unwrap();
    bus.writer().unwrap().append(0, &5_u64).unwrap();
    let cycle = Bus::open(folder.file(1)).unwrap();
    assert!(matches!(cycle.writer(), Err(BusError::Mode(_))), "its locks are not in the file");
    let mut reader = cycle.reader(Start::Oldest).unwrap();
    assert_eq!(reader.poll().unwrap().unwrap().get(), Some(&5_u64));
    assert_eq!(reader.poll().unwrap(), None);
}
