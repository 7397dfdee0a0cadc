//! Wakes a thread or a task that sleeps while it has nothing to do.
//!
//! ```text
//!   sleeps                                     rings
//!   [s1] keep the waker                        [r1] make it ready
//!   [s2] armed = true                          [r2] fence(SeqCst)
//!   [s3] fence(SeqCst)   <-- one of the two -->[r3] armed? else done
//!   [s4] look: ready? then go                  [r4] armed = false, wake
//!   [s5] sleep
//! ```
//!
//! If `s3` is first in the one order of fences, `r3` sees `s2`; if `r2` is, `s4` sees `r1`. Ringing a
//! bell that nobody listens to costs a fence and a load.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, ThreadId};
use std::time::Duration;

/// One sleeper's bell. Many may ring it.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    armed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Bell {
    /// To be called after anything became ready that the sleeper may look at.
    #[inline]
    pub(crate) fn ring(&self) {
        // [r2] With [s3].
        fence(Ordering::SeqCst);
        // [r3]
        if self.armed.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // [r4] Of several that ring, one wakes.
        if self.armed.swap(false, Ordering::AcqRel) {
            let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = waker.as_ref() {
                waker.wake_by_ref();
            }
        }
    }

    fn arm(&self, waker: &Waker) {
        // [s1]
        let mut kept = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_mut() {
            Some(kept) => kept.clone_from(waker),
            None => *kept = Some(waker.clone()),
        }
        drop(kept);
        // [s2]
        self.armed.store(true, Ordering::Release);
        // [s3] With [r2].
        fence(Ordering::SeqCst);
    }

    /// Ready when `ready` says so; else the task is woken when it may be.
    pub(crate) fn poll(&self, context: &Context<'_>, ready: impl Fn() -> bool) -> Poll<()> {
        if ready() {
            return Poll::Ready(());
        }
        self.arm(context.waker());
        // [s4]
        if ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Puts the thread to sleep until `ready` may have become true, or for `timeout`.
    pub(crate) fn sleep(&self, sleeper: &Sleeper, timeout: Duration, ready: impl Fn() -> bool) {
        self.arm(&sleeper.0);
        // [s4]
        if !ready() {
            // [s5] An unpark that came before is remembered.
            std::thread::park_timeout(timeout);
        }
        // Relaxed: whoever rings now wakes a thread that looks anyway.
        self.armed.store(false, Ordering::Relaxed);
    }
}

/// The waker of a thread: made once, so that going to sleep allocates nothing.
#[derive(Clone, Debug)]
pub(crate) struct Sleeper(Waker, ThreadId);

impl Sleeper {
    /// Of the thread that calls.
    pub(crate) fn current() -> Self {
        let thread = std::thread::current();
        let id = thread.id();
        Self(Arc::new(Unpark(thread)).into(), id)
    }

    /// Whether that is the thread that calls now.
    pub(crate) fn is_current(&self) -> bool {
        std::thread::current().id() == self.1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Instant;

    use super::*;

    const RINGS: u64 = 20_000;

    #[test]
    fn no_ring_is_lost() {
        let bell = Arc::new(Bell::default());
        let count = Arc::new(AtomicU64::new(0));
        let ringer = {
            let (bell, count) = (Arc::clone(&bell), Arc::clone(&count));
            std::thread::spawn(move || {
                for number in 0..RINGS {
                    count.fetch_add(1, Ordering::Release);
                    bell.ring();
                    if number % 7 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        };
        let sleeper = Sleeper::current();
        let (mut seen, from) = (0, Instant::now());
        while seen < RINGS {
            bell.sleep(&sleeper, Duration::from_mins(1), || count.load(Ordering::Acquire) != seen);
            seen = count.load(Ordering::Acquire);
        }
        assert!(from.elapsed() < Duration::from_secs(30), "somebody slept through a ring");
        ringer.join().unwrap();
    }
}
