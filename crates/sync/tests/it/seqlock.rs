//! No reader ever sees half of a write.

use std::sync::atomic::{AtomicBool, Ordering};

use tiercel_sync::seqlock;

/// Nine words that belong together: a number, and eight made of it.
fn record(number: u64) -> [u64; 9] {
    let word = |at: u32| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(at * 8);
    std::array::from_fn(|at| if at == 0 { number } else { word(at as u32) })
}

#[test]
fn readers_see_whole_records_in_order() {
    const WRITES: u64 = 200_000;
    let (mut writer, reader) = seqlock::record(record(0));
    let done = AtomicBool::new(false);
    let check = |seen: [u64; 9], last: u64| {
        assert_eq!(seen, record(seen[0]), "torn");
        assert!(seen[0] >= last, "back in time: {last}, then {}", seen[0]);
        seen[0]
    };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                last = check(reader.read(), last);
            }
            assert_eq!(reader.read(), record(WRITES));
        });
        threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                last = reader.try_read().map_or(last, |seen| check(seen, last));
            }
        });
        for number in 1..=WRITES {
            writer.write(&record(number));
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(reader.writes(), WRITES);
}

#[test]
fn a_record_of_any_alignment_comes_back_as_it_was_written() {
    let (mut writer, reader) = seqlock::record(*b"twenty-four bytes of it.");
    assert_eq!(reader.try_read(), Some(*b"twenty-four bytes of it."));
    writer.write(&[7; 24]);
    assert_eq!(writer.reader().read(), [7; 24]);

    let (_, wide) = seqlock::record([u128::MAX - 1, 5]);
    assert_eq!(wide.read(), [u128::MAX - 1, 5]);

    let (mut writer, flags) = seqlock::record([true; 8]);
    writer.write(&[true, false, true, false, true, false, true, true]);
    assert_eq!(flags.read(), [true, false, true, false, true, false, true, true]);
}
