//! Nobody writes where a reader looks, and a free slot is always found.

use loom::thread;
use tiercel_sync::snapshot;

use super::check;

#[test]
fn a_reader_looks_at_whole_states_in_order() {
    check(|| {
        let (mut publisher, mut reader) = snapshot::cell(0_u64, 1);
        let reading = thread::spawn(move || {
            let first = *reader.read();
            let second = *reader.read();
            assert!(first <= second, "back in time");
        });
        for number in 1..=3 {
            publisher.publish(|state| *state = number);
        }
        reading.join().unwrap();
    });
}

#[test]
fn two_readers_take_two_slots_at_most() {
    check(|| {
        let (mut publisher, mut reader) = snapshot::cell(0_u64, 2);
        let mut second = reader.try_clone().unwrap();
        let readings = [
            thread::spawn(move || assert!(*reader.read() <= 2)),
            thread::spawn(move || assert!(*second.read() <= 2)),
        ];
        for number in 1..=2 {
            publisher.publish(|state| *state = number);
        }
        for reading in readings {
            reading.join().unwrap();
        }
        publisher.publish(|state| *state = 3);
    });
}

/// The place of a reader that went may be taken by one in another thread, which the publisher may
/// hear of first.
#[test]
fn a_reader_that_takes_anothers_place_leaves_a_slot_free() {
    check(|| {
        let (mut publisher, mut reader) = snapshot::cell(0_u64, 2);
        let gone = reader.try_clone().unwrap();
        // The two readers are in slot 0, then one of them in slot 1.
        publisher.publish(|state| *state = 1);
        assert_eq!(*reader.read(), 1);
        let going = thread::spawn(move || drop(gone));
        let coming = thread::spawn(move || {
            let came = reader.try_clone();
            let seen = came.map_or(0, |came| *came.last());
            assert!(*reader.last() <= 1 && seen <= 4);
        });
        for number in 2..=4 {
            publisher.publish(|state| *state = number);
        }
        going.join().unwrap();
        coming.join().unwrap();
    });
}
