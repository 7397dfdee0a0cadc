//! A reader sees one whole write, and nothing older than what it saw.

use loom::thread;
use tiercel_sync::seqlock;

use super::check;

/// Two words: enough to be torn.
fn record(number: u64) -> [u64; 2] {
    [number, !number]
}

#[test]
fn no_record_is_torn() {
    check(|| {
        let (mut writer, reader) = seqlock::record(record(0));
        let reading = thread::spawn(move || {
            let first = reader.try_read();
            let second = reader.try_read();
            for seen in [first, second].into_iter().flatten() {
                assert_eq!(seen, record(seen[0]), "torn");
            }
            if let (Some(first), Some(second)) = (first, second) {
                assert!(first[0] <= second[0], "back in time");
            }
        });
        writer.write(&record(1));
        writer.write(&record(2));
        reading.join().unwrap();
    });
}

#[test]
fn a_write_that_was_told_of_is_seen() {
    check(|| {
        let (mut writer, reader) = seqlock::record(record(0));
        let writing = thread::spawn(move || writer.write(&record(1)));
        assert_eq!(reader.read()[0] & !1, 0);
        writing.join().unwrap();
        assert_eq!((reader.read(), reader.writes()), (record(1), 1));
    });
}
