//! Sleep on a word until somebody wakes it: Linux's futex.
//!
//! ```text
//!   sleeper                                   waker
//!   announce (a flag, a bit)                  make it ready
//!   fence(SeqCst)                             fence(SeqCst)
//!   ready now? then do not sleep              anybody announced? then:
//!   wait(word, what it was)  <------------    change the word; wake(word, ..)
//! ```
//!
//! Both fences are needed: without either, each side may miss what the other wrote, and the sleeper
//! sleeps for ever.

use core::time::Duration;

use crate::atomic::AtomicU32;

/// Who may sleep on the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Threads of this process alone: cheaper.
    Private,
    /// Every process that maps the memory.
    Shared,
}

/// Why [`wait`] returned. None of them says that what was waited for is there: look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody woke the word, or a signal came, or the system felt like it.
    Woken,
    /// The word was not as expected: no sleep.
    Changed,
    /// The time was up.
    TimedOut,
    /// The system does not let this process sleep on words (a sandbox's filter). Waiting goes on
    /// by looking again, and burns the core.
    Refused,
}

/// Sleeps while `word` holds `expected`, until it is woken, at most for `timeout`.
///
/// The system compares and falls asleep in one step: a [`wake`] after a change of `word` is never
/// missed.
///
/// ```
/// use std::sync::atomic::AtomicU32;
/// use std::time::Duration;
/// use tiercel_sync::futex::{Outcome, Scope, wait};
///
/// let word = AtomicU32::new(7);
/// assert_eq!(wait(&word, 6, None, Scope::Private), Outcome::Changed);
/// let outcome = wait(&word, 7, Some(Duration::from_millis(1)), Scope::Private);
/// assert_eq!(outcome, Outcome::TimedOut);
/// ```
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>, scope: Scope) -> Outcome {
    system::wait(word, expected, timeout, scope)
}

/// Wakes at most `count` of those that sleep on `word`, and returns how many it woke.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use tiercel_sync::futex::{Scope, wait, wake};
///
/// let word = AtomicU32::new(0);
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         while word.load(Ordering::Acquire) == 0 {
///             wait(&word, 0, None, Scope::Private);
///         }
///     });
///     word.store(1, Ordering::Release);
///     wake(&word, 1, Scope::Private);
/// });
/// ```
pub fn wake(word: &AtomicU32, count: u32, scope: Scope) -> usize {
    system::wake(word, count, scope)
}

#[cfg(not(tiercel_loom))]
mod system {
    use core::time::Duration;

    use rustix::io::Errno;
    use rustix::thread::futex::{self, Flags, Timespec};

    use super::{AtomicU32, Outcome, Scope};

    fn flags(scope: Scope) -> Flags {
        match scope {
            Scope::Private => Flags::PRIVATE,
            Scope::Shared => Flags::empty(),
        }
    }

    pub(super) fn wait(
        word: &AtomicU32,
        expected: u32,
        timeout: Option<Duration>,
        scope: Scope,
    ) -> Outcome {
        // Longer than the system can count is for ever.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match futex::wait(word, flags(scope), expected, timeout.as_ref()) {
            Ok(()) | Err(Errno::INTR) => Outcome::Woken,
            Err(Errno::AGAIN) => Outcome::Changed,
            Err(Errno::TIMEDOUT) => Outcome::TimedOut,
            // The word is aligned and mapped, the time is valid: nothing else is left.
            Err(_) => Outcome::Refused,
        }
    }

    pub(super) fn wake(word: &AtomicU32, count: u32, scope: Scope) -> usize {
        // The system counts in i32. It can only refuse what `wait` was refused before: then
        // nobody sleeps, and none were woken.
        futex::wake(word, flags(scope), count.min(i32::MAX as u32)).unwrap_or(0)
    }
}

/// The futex as loom can run it: one lock for all words, as the kernel has one for each bucket.
/// The time is never up, so a model that needs a timeout to go on is a deadlock, and fails.
#[cfg(tiercel_loom)]
mod system {
    use core::time::Duration;

    use loom::sync::{Condvar, Mutex};

    use super::{AtomicU32, Outcome, Scope};
    use crate::atomic::Ordering;

    loom::lazy_static! {
        static ref SLEEPERS: Mutex<usize> = Mutex::new(0);
        static ref WOKEN: Condvar = Condvar::new();
    }

    pub(super) fn wait(word: &AtomicU32, expected: u32, _: Option<Duration>, _: Scope) -> Outcome {
        let mut sleepers = SLEEPERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if word.load(Ordering::Relaxed) != expected {
            return Outcome::Changed;
        }
        *sleepers += 1;
        let mut sleepers = WOKEN.wait(sleepers).unwrap_or_else(|poisoned| poisoned.into_inner());
        *sleepers -= 1;
        Outcome::Woken
    }

    pub(super) fn wake(_: &AtomicU32, _: u32, _: Scope) -> usize {
        let sleepers = SLEEPERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        WOKEN.notify_all();
        *sleepers
    }
}
