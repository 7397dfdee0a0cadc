//! One suite, each backend.

use tiercel_journal::{Journal, MemoryLog};
use tiercel_testkit::event_log::conforms;
use tiercel_testkit::simulated_disk::{SimulatedDisk, SimulatedFolder};

use crate::it::place::{Place, SMALL, WAYS, open};

#[test]
fn memory_is_an_event_log() {
    conforms(MemoryLog::default);
}

#[test]
fn files_are_an_event_log_whatever_way_they_are_written() {
    for io in WAYS {
        let mut places = Vec::new();
        conforms(|| {
            places.push(Place::new("conformance"));
            open(places.last().expect("just made").path(), io, SMALL)
        });
    }
}

#[test]
fn a_disk_that_takes_its_time_is_an_event_log() {
    for seed in 0..20 {
        conforms(|| {
            let disk = SimulatedDisk::new(&SimulatedFolder::default(), seed);
            Journal::open(disk, SMALL).expect("the journal opens")
        });
    }
}
