//! Sleeping readers.

use std::thread;
use std::time::{Duration, Instant};

use tiercel_bus::{Bus, Options, Start, Writers};

use crate::folder::{Folder, sleepy, small};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_wait_without_a_record_ends_in_time() {
    for options in [small(), sleepy()] {
        let bus = Bus::in_memory(&options).unwrap();
        let reader = bus.reader(Start::Oldest).unwrap();
        let begin = Instant::now();
        assert!(!reader.wait(Duration::from_millis(30)));
        let waited = begin.elapsed();
        assert!(waited >= Duration::from_millis(30) && waited < LONG / 4, "{waited:?}");
    }
}

#[test]
fn sleepers_are_woken_for_every_record_and_across_rolls() {
    for (writers, sleepers) in [(Writers::One, 1), (Writers::One, 3), (Writers::Shared, 2)] {
        let folder = Folder::new("sleepers");
        let bus = Bus::create(folder.path(), &Options { writers, ..sleepy() }).unwrap();
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..sleepers {
                let mut reader = bus.reader(Start::Oldest).unwrap();
                scope.spawn(move || {
                    for expected in 0..300_u64 {
                        loop {
                            if let Some(record) = reader.poll().unwrap() {
                                assert_eq!(record.get(), Some(&expected));
                                break;
                            }
                            assert!(reader.wait(LONG), "never woken for {expected}");
                        }
                    }
                });
            }
            let mut one = (writers == Writers::One).then(|| bus.writer().unwrap());
            let mut shared = (writers == Writers::Shared).then(|| bus.shared_writer().unwrap());
            for number in 0..300_u64 {
                if number % 10 == 0 {
                    thread::sleep(Duration::from_micros(300));
                }
                let roll = number % 50 == 49;
                if let Some(writer) = &mut one {
                    writer.append(0, &number).unwrap();
                    if roll {
                        writer.roll().unwrap();
                    }
                }
                if let Some(writer) = &mut shared {
                    writer.append(0, &number).unwrap();
                    if roll {
                        writer.roll().unwrap();
                    }
                }
            }
        });
        // A lost wake-up is mended after 100 ms: some such waits would show here.
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}
