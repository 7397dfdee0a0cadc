//! Damaged files: what is cut, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use tiercel_journal::header::SegmentHeader;
use tiercel_journal::scan::scan;
use tiercel_journal::{
    Damage, Durability, EventLog, FileStorage, Folder, IoOptions, Journal, LogCursor, OpenError,
    verify,
};
use tiercel_testkit::event_log::{append_next, read_all};
use tiercel_testkit::fuzz_segment;
use tiercel_testkit::random::Random;
use tiercel_testkit::soak;

use crate::it::place::{Place, SMALL, open};

fn segment(place: &Path, ordinal: u64) -> PathBuf {
    place.join(format!("{ordinal:010}.segment"))
}

/// A journal of writes of five entries each, without a closing mark; returns the offsets of all
/// entries of the first segment.
fn written(place: &Path, writes: usize) -> Vec<u64> {
    let mut journal = open(place, IoOptions::default(), SMALL);
    for _ in 0..writes {
        append_next(&mut journal, 5, Durability::Disk).expect("there is room");
        journal.wait_durable(u64::MAX).expect("the disk works");
    }
    drop(journal);
    let bytes = fs::read(segment(place, 1)).expect("it is there");
    let header = SegmentHeader::read(&bytes).expect("good").expect("begun");
    let mut offsets = Vec::new();
    scan("first", &header, &bytes, |offset, _| offsets.push(offset)).expect("good");
    offsets
}

fn flip(path: &Path, offset: u64) {
    let mut bytes = fs::read(path).expect("it is there");
    bytes[offset as usize] ^= 0x10;
    fs::write(path, bytes).expect("it can be written");
}

fn open_error(place: &Path) -> OpenError {
    let storage = FileStorage::open(place, IoOptions::default()).expect("the folder opens");
    Journal::open(storage, SMALL).expect_err("damage is refused")
}

#[test]
fn a_bad_frame_in_the_middle_is_refused_with_its_offset_and_left_as_it_is() {
    let place = Place::new("middle");
    let offsets = written(place.path(), 10);
    for entry in [0, 4, 7, 12, 24, 44] {
        let path = segment(place.path(), 1);
        flip(&path, offsets[entry] + 9);
        let before = fs::read(&path).expect("it is there");
        match open_error(place.path()) {
            OpenError::Damage(Damage::Frame { offset, expected, .. }) => {
                assert_eq!((offset, expected), (offsets[entry], entry as u64 + 1));
            }
            other => panic!("{other}"),
        }
        assert_eq!(fs::read(&path).expect("it is there"), before, "nothing was changed");
        flip(&path, offsets[entry] + 9);
    }
    assert_eq!(open(place.path(), IoOptions::default(), SMALL).position().sequence, 50);
}

#[test]
fn a_flipped_bit_in_the_last_write_is_told_from_a_torn_one() {
    let place = Place::new("last-write");
    let offsets = written(place.path(), 2);
    // Behind it stand good frames of the same write, and its sectors were all written.
    flip(&segment(place.path(), 1), offsets[6] + 8);
    assert!(matches!(
        open_error(place.path()),
        OpenError::Damage(Damage::Frame { offset, .. }) if offset == offsets[6]
    ));
}

#[test]
fn a_file_cut_short_loses_its_tail_and_no_more() {
    let place = Place::new("cut");
    let offsets = written(place.path(), 10);
    for (entry, beyond) in [(47, 3), (30, 0), (11, 20), (5, 1)] {
        let path = segment(place.path(), 1);
        let bytes = fs::read(&path).expect("it is there");
        fs::write(&path, &bytes[..(offsets[entry] + beyond) as usize]).expect("it can be cut");
        let mut journal = open(place.path(), IoOptions::default(), SMALL);
        let torn = journal.recovery().torn.clone().expect("it is said");
        assert_eq!((torn.offset, torn.good_frames), (offsets[entry], 0));
        assert!(torn.missing > 0);
        assert_eq!(journal.position().sequence, entry as u64);
        append_next(&mut journal, 1, Durability::Disk).expect("it goes on");
        journal.wait_durable(u64::MAX).expect("the disk works");
        drop(journal);
        let journal = open(place.path(), IoOptions::default(), SMALL);
        assert_eq!(journal.recovery().torn, None, "once cut, it stays cut");
        let read = read_all(&mut journal.read(1).expect("readable"));
        assert_eq!(read, (1..=entry as u64 + 1).collect::<Vec<u64>>());
        drop(journal);
        // The next round needs the entry that was there.
        if entry > 11 {
            fs::write(&path, &bytes).expect("it can be put back");
        }
    }
}

#[test]
fn damage_in_a_full_segment_is_found_by_reading_and_by_verify() {
    let place = Place::new("full-segment");
    written(place.path(), 400);
    let path = segment(place.path(), 1);
    flip(&path, 20_000);
    let found = verify(&Folder::new(place.path()), |_, _, _| {}).expect_err("damage is found");
    assert!(found.to_string().contains("0000000001.segment: bad frame at byte "), "{found}");
    let journal = open(place.path(), IoOptions::default(), SMALL);
    let mut cursor = journal.read(1).expect("readable");
    let failed = loop {
        match cursor.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("damage was passed over"),
            Err(error) => break error,
        }
    };
    assert!(failed.to_string().contains("bad frame"), "{failed}");
    assert!(cursor.next_record().is_err(), "a failed cursor stays failed");
}

#[test]
fn a_missing_segment_and_a_damaged_head_are_refused() {
    let place = Place::new("missing");
    written(place.path(), 400);
    let (second, aside) = (segment(place.path(), 2), place.path().join("aside"));
    fs::rename(&second, &aside).expect("it is there");
    assert!(matches!(open_error(place.path()), OpenError::Damage(Damage::Missing { ordinal: 2 })));
    fs::rename(&aside, &second).expect("it is there");
    flip(&second, 30);
    assert!(matches!(open_error(place.path()), OpenError::Damage(Damage::Header { .. })));
}

#[test]
fn a_damaged_newest_snapshot_falls_back_and_says_so() {
    let place = Place::new("snapshot");
    let mut journal = open(place.path(), IoOptions::default(), SMALL);
    append_next(&mut journal, 9, Durability::Disk).expect("there is room");
    journal.wait_durable(9).expect("the disk works");
    for sequence in [3, 5, 8] {
        journal.put_snapshot(sequence, &[sequence as u8; 5_000]).expect("published");
    }
    let names = || {
        let mut names: Vec<String> = fs::read_dir(place.path())
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("ours"))
            .filter(|name| name.contains("snapshot"))
            .collect();
        names.sort();
        names
    };
    let (older, newest) = ("00000000000000000005.snapshot", "00000000000000000008.snapshot");
    assert_eq!(names(), [older, newest], "two are kept, and no draft");
    for offset in [3, 20, 63, 64, 5_063] {
        flip(&place.path().join(newest), offset);
        let (found, report) = journal.newest_snapshot().expect("readable");
        assert_eq!(found.expect("the one before").sequence(), 5, "byte {offset}");
        assert_eq!(report.passed_over.len(), 1);
        assert_eq!(report.passed_over[0].0, newest);
        flip(&place.path().join(newest), offset);
    }
    let (found, _) = journal.newest_snapshot().expect("readable");
    assert_eq!(found.expect("good again").state(), [8; 5_000]);
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let place = Place::new("fuzz");
    written(place.path(), 20);
    let good = fs::read(segment(place.path(), 1)).expect("it is there");
    let mut random = Random::new(11);
    for _ in soak::rounds("any bytes as a segment", 2_000) {
        let mut bytes = good[..16 << 10].to_vec();
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at.max(1)),
                _ => {
                    let end = (at + 512).min(bytes.len());
                    bytes[at..end].fill(0);
                }
            }
        }
        fuzz_segment::segment(&bytes);
        fuzz_segment::frames(&bytes[(random.below(600) as usize).min(bytes.len())..]);
    }
}
