//! No wake-up is lost. A lost one leaves all threads asleep, which loom calls a deadlock.

use loom::thread;
use tiercel_sync::atomic::{Arc, AtomicBool, Ordering};
use tiercel_sync::wait::{SpinPark, Wait};

use crate::check;

struct Place {
    wait: SpinPark,
    ready: [AtomicBool; 2],
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            wait: SpinPark::new(0, 0),
            ready: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    fn wait_for(&self, number: usize) {
        self.wait.wait(|| self.ready[number].load(Ordering::Acquire).then_some(()));
    }

    fn publish(&self, number: usize) {
        self.ready[number].store(true, Ordering::Release);
        self.wait.notify();
    }
}

#[test]
fn a_sleeper_is_woken() {
    check(|| {
        let place = Place::new();
        let sleeper = thread::spawn({
            let place = Arc::clone(&place);
            move || place.wait_for(0)
        });
        place.publish(0);
        sleeper.join().unwrap();
    });
}

/// A wake-up for one thing must not hide the announcement of who waits for the other.
#[test]
fn two_sleepers_for_two_things_are_both_woken() {
    check(|| {
        let place = Place::new();
        let sleepers = [0, 1].map(|number| {
            let place = Arc::clone(&place);
            thread::spawn(move || place.wait_for(number))
        });
        place.publish(0);
        place.publish(1);
        for sleeper in sleepers {
            sleeper.join().unwrap();
        }
    });
}

#[test]
fn two_publishers_wake_one_who_needs_both() {
    check(|| {
        let place = Place::new();
        let publishers = [0, 1].map(|number| {
            let place = Arc::clone(&place);
            thread::spawn(move || place.publish(number))
        });
        place.wait_for(0);
        place.wait_for(1);
        for publisher in publishers {
            publisher.join().unwrap();
        }
    });
}
