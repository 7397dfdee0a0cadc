//! Who pays for the barrier between record and bell: the sleeper, where the system has
//! `membarrier`; else both.
//!
//! A writer that has registered with the system needs no fence of its own: a sleeper's call makes
//! every registered process pass a full barrier, once for each sleep instead of once for each
//! record. A writer that could not register puts a fence behind each record.

use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::time::Duration;

use rustix::thread::{MembarrierCommand, membarrier};
use tiercel_sync::futex::{self, Outcome, Scope};

use crate::bell;

/// A sleeper looks again at least so often: a writer that dies between taking the bell's bit away
/// and waking leaves nobody asleep for longer.
const SLEEP_MAX: Duration = Duration::from_millis(100);
/// How long a reader naps that cannot be woken.
const NAP: Duration = Duration::from_micros(100);

/// How a writer keeps record and bell in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nobody ever sleeps.
    None,
    /// Sleepers see to it.
    Registered,
    /// By a fence.
    Fenced,
}

impl Order {
    /// For a writer of a bus whose readers may sleep.
    pub(crate) fn register() -> Self {
        match membarrier(MembarrierCommand::RegisterGlobalExpedited) {
            Ok(()) => Self::Registered,
            Err(_) => Self::Fenced,
        }
    }

    /// Wakes who sleeps, after a record.
    #[inline]
    pub(crate) fn ring(self, word: &AtomicU32) {
        let sleepers = match self {
            Self::None => false,
            Self::Registered => bell::ring(word, || compiler_fence(Ordering::SeqCst)),
            Self::Fenced => bell::ring(word, bell::full_fence),
        };
        if sleepers {
            wake(word);
        }
    }
}

#[cold]
fn wake(word: &AtomicU32) {
    futex::wake(word, u32::MAX, Scope::Shared);
}

/// Sleeps on `word` until it is rung, at most for `limit`, unless `ready` after announcing.
pub(crate) fn sleep(word: &AtomicU32, limit: Duration, ready: impl Fn() -> bool) {
    let mut ordered = true;
    let expected = bell::announce(word, || {
        bell::full_fence();
        ordered = membarrier(MembarrierCommand::GlobalExpedited).is_ok();
    });
    if ready() {
        return;
    }
    // Where this process may not ask for barriers, a wake-up may be lost: then it naps.
    let longest = if ordered { SLEEP_MAX } else { NAP };
    if futex::wait(word, expected, Some(limit.min(longest)), Scope::Shared) == Outcome::Refused {
        nap(limit);
    }
}

/// Waits a little, without being woken, at most for `limit`.
pub(crate) fn nap(limit: Duration) {
    std::thread::sleep(limit.min(NAP));
}
