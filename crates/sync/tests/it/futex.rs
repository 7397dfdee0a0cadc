//! The system's futex does what `futex` promises.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tiercel_sync::futex::{Outcome, Scope, wait, wake};

#[test]
fn a_sleeper_is_woken_and_counted() {
    for scope in [Scope::Private, Scope::Shared] {
        let word = AtomicU32::new(0);
        std::thread::scope(|threads| {
            let sleeper = threads.spawn(|| wait(&word, 0, Some(Duration::from_secs(20)), scope));
            let begin = Instant::now();
            while wake(&word, u32::MAX, scope) == 0 {
                assert!(begin.elapsed() < Duration::from_secs(10), "nobody came to sleep");
                std::thread::yield_now();
            }
            assert_eq!(sleeper.join().unwrap(), Outcome::Woken);
        });
        assert_eq!(word.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn a_word_that_changed_is_not_slept_on_and_time_runs_out() {
    let word = AtomicU32::new(1);
    assert_eq!(wait(&word, 0, None, Scope::Private), Outcome::Changed);
    let begin = Instant::now();
    let timeout = Duration::from_millis(20);
    assert_eq!(wait(&word, 1, Some(timeout), Scope::Shared), Outcome::TimedOut);
    assert!(begin.elapsed() >= timeout);
    assert_eq!(wake(&word, 1, Scope::Private), 0);
}
