//! Threads against each other, with checksums: run by `cargo test`, and by `make tsan` under
//! `ThreadSanitizer`. It has its own `main`, because the sanitizer does not know the test harness, which
//! is built without it.
#![cfg_attr(tiercel_loom, allow(unused))]
#![allow(clippy::unwrap_used, reason = "a test, which clippy does not take for one")]

#[cfg(not(tiercel_loom))]
#[path = "stress/cells.rs"]
mod cells;
#[cfg(not(tiercel_loom))]
#[path = "stress/disruptor.rs"]
mod disruptor;
#[cfg(not(tiercel_loom))]
#[path = "stress/spsc.rs"]
mod spsc;

/// What every item carries, so that a half written one is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Item([u64; 7]);

impl Item {
    fn of(number: u64) -> Self {
        Self(core::array::from_fn(|place| number.rotate_left(place as u32)))
    }

    /// The number that it was made of.
    ///
    /// # Panics
    /// When its words are not of one number.
    fn number(&self) -> u64 {
        assert_eq!(*self, Self::of(self.0[0]), "a torn item");
        self.0[0]
    }
}

/// Waits for threads one by one. The end of a scope waits too, but in a way that the sanitizer does not
/// see, since std is built without it.
#[cfg(not(tiercel_loom))]
fn join<const N: usize>(threads: [std::thread::ScopedJoinHandle<'_, ()>; N]) {
    for thread in threads {
        thread.join().unwrap();
    }
}

fn main() {
    #[cfg(not(tiercel_loom))]
    for (name, stress) in spsc::ALL.iter().chain(disruptor::ALL).chain(cells::ALL) {
        println!("stress {name}");
        stress();
    }
}
