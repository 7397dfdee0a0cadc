//! Readers see whole states in order, and hold nobody up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tiercel_sync::snapshot;

/// As many words as a book of twenty levels has.
const WORDS: usize = 120;

#[test]
fn readers_see_whole_states_in_order() {
    const PUBLICATIONS: u64 = 100_000;
    let (mut publisher, mut first) = snapshot::cell([0_u64; WORDS], 3);
    let mut second = first.try_clone().unwrap();
    let done = AtomicBool::new(false);
    let check = |state: &[u64; WORDS], last: u64| {
        assert!(state.iter().all(|&word| word == state[0]), "torn: {state:?}");
        assert!(state[0] >= last, "back in time: {last}, then {}", state[0]);
        state[0]
    };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                last = check(second.read(), last);
            }
            assert_eq!(check(second.read(), last), PUBLICATIONS);
        });
        // Readers that come and go, beside one that stays.
        threads.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Acquire) {
                last = check(first.read(), last);
                let mut guest = first.try_clone().unwrap();
                last = check(guest.read(), last);
            }
        });
        for number in 1..=PUBLICATIONS {
            publisher.publish(|state| {
                for word in state.iter_mut() {
                    *word = number;
                }
            });
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn a_reader_that_never_lets_go_holds_up_nobody() {
    let (mut publisher, mut stuck) = snapshot::cell(0_u64, 2);
    let mut reader = stuck.try_clone().unwrap();
    let before = stuck.read();
    for number in 1..=1_000 {
        publisher.publish(|state| *state = number);
        assert_eq!((*reader.read(), *before), (number, 0));
        assert_eq!(*publisher.read(), number);
    }
    assert!(stuck.is_stale());
    assert_eq!((*stuck.last(), *stuck.read()), (0, 1_000));
    assert!(!stuck.is_stale());
}

#[test]
fn a_publication_that_panics_shows_nothing() {
    let (mut publisher, mut reader) = snapshot::cell([1, 1], 1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        publisher.publish(|state| {
            state[0] = 2;
            panic!("half way");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(*reader.read(), [1, 1]);
    publisher.replace([3, 3]);
    assert_eq!(*reader.read(), [3, 3]);
}

#[test]
fn every_state_is_dropped_once() {
    let seen = Arc::new(());
    let (mut publisher, reader) = snapshot::cell(Arc::clone(&seen), 1);
    for _ in 0..10 {
        publisher.replace(Arc::clone(&seen));
    }
    assert_eq!(Arc::strong_count(&seen), 4, "one, and one for each of three slots");
    drop(publisher);
    assert_eq!(Arc::strong_count(&seen), 4, "the reader keeps it all");
    drop(reader);
    assert_eq!(Arc::strong_count(&seen), 1);
}

/// What may be done with a cell.
#[derive(Clone, Debug)]
enum Step {
    Publish,
    Read(usize),
    Clone(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Publish),
        (0..8_usize).prop_map(Step::Read),
        (0..8_usize).prop_map(Step::Clone),
        (0..8_usize).prop_map(Step::Drop),
    ]
}

proptest! {
    /// Against a list of (what each reader saw last): read gives the newest, last what was read.
    #[test]
    fn readers_that_come_and_go_see_what_they_asked_for(
        readers_max in 1_usize..5,
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let (mut publisher, first) = snapshot::cell(0_u64, readers_max);
        let mut readers = vec![(first, 0_u64)];
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Publish => {
                    newest += 1;
                    publisher.publish(|state| *state = newest);
                }
                Step::Read(at) => {
                    let count = readers.len();
                    let (reader, last) = &mut readers[at % count];
                    prop_assert_eq!(reader.is_stale(), *last != newest);
                    *last = *reader.read();
                    prop_assert_eq!(*last, newest);
                }
                Step::Clone(at) => match readers[at % readers.len()].0.try_clone() {
                    Ok(reader) => readers.push((reader, newest)),
                    Err(error) => {
                        prop_assert_eq!(error.readers_max as usize, readers_max);
                        prop_assert_eq!(readers.len(), readers_max);
                    }
                },
                Step::Drop(at) => {
                    if readers.len() > 1 {
                        readers.swap_remove(at % readers.len());
                    }
                }
            }
            for (reader, last) in &readers {
                prop_assert_eq!(reader.last(), last);
            }
        }
    }
}
