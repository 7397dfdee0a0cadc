//! What appending and polling allocate.

use tiercel_journal::{Durability, Entry, EventLog, IoOptions, Options};
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_types::Timestamp;

use crate::it::place::{Place, WAYS, open};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Appends so many entries, waits for the disk now and then, and is refused now and then.
fn use_it(journal: &mut impl EventLog, entries: u64) -> u64 {
    let mut refused = 0;
    for number in 0..entries {
        let time = Timestamp(journal.last_time_ns() + 1);
        let entry = Entry { time, kind: 1, version: 1, body: &[7; 104] };
        let level = if number % 3 == 0 { Durability::Memory } else { Durability::Disk };
        if journal.append(journal.position(), &[entry], level).is_err() {
            refused += 1;
            journal.wait_durable(u64::MAX).expect("the disk works");
        }
        if number % 64 == 0 {
            journal.poll().expect("the disk works");
        }
    }
    journal.wait_durable(u64::MAX).expect("the disk works");
    refused
}

#[test]
fn appending_polling_and_waiting_allocate_nothing_within_a_segment() {
    alone(
        "it::allocation::appending_polling_and_waiting_allocate_nothing_within_a_segment",
        || {
            assert_counts_every_thread();
            for io in WAYS.into_iter().chain([IoOptions::default()]) {
                let place = Place::new("allocation");
                // Two small buffers: they are full many times a run, however slow the machine is.
                let options = Options {
                    segment_size: 16 << 20,
                    buffer_size: 16 << 10,
                    buffers: 2,
                    ..Options::default()
                };
                let mut journal = open(place.path(), io, options);
                use_it(&mut journal, 1_000);
                let mut refused = 0;
                assert_eq!(allocations(|| refused = use_it(&mut journal, 50_000)), 0, "{io:?}");
                assert!(io.engine == tiercel_journal::Engine::Blocking || refused > 0, "{io:?}");
                // The control: a new segment's names and index take memory, once a segment.
                let rolled = allocations(|| refused += use_it(&mut journal, 100_000));
                assert!((1..200).contains(&rolled), "{rolled} allocations for a roll");
            }
        },
    );
}
