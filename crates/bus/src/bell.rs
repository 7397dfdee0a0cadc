//! How a sleeping reader is woken: a word in the cycle's first page, of a bit and a count.
//!
//! ```text
//!   writer: record; barrier; bell odd? -> bell + 1 (even), wake all
//!   reader: bell | 1; barrier; still nothing there? -> sleep while the bell is what it was
//! ```
//!
//! The barriers are what keeps a wake-up from being lost: either the writer sees the bit, or the
//! reader sees the record. The count is there for a second sleeper: it may set the bit again
//! before the first one has gone to sleep on it. A reader that died asleep costs one wake-up and
//! nothing more, since the writer takes the bit away.

use tiercel_sync::atomic::{AtomicU32, Ordering, fence};

/// Tells that a record came. True when there may be sleepers on the bell, who then have to be
/// woken.
#[inline]
pub fn ring(bell: &AtomicU32, barrier: impl FnOnce()) -> bool {
    barrier();
    let seen = bell.load(Ordering::Relaxed);
    // Of several writers one takes the bit away; the others' records came before its wake-up.
    seen & 1 == 1 && strike(bell, seen)
}

#[cold]
fn strike(bell: &AtomicU32, seen: u32) -> bool {
    let struck = seen.wrapping_add(1);
    bell.compare_exchange(seen, struck, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// Announces a sleeper. Returns what the bell has to be for it to sleep; before that it has to
/// look once more whether there is something to read.
#[inline]
pub fn announce(bell: &AtomicU32, barrier: impl FnOnce()) -> u32 {
    let expected = bell.fetch_or(1, Ordering::Relaxed) | 1;
    barrier();
    expected
}

/// The barrier that works everywhere: a full fence, on both sides.
#[inline]
pub fn full_fence() {
    fence(Ordering::SeqCst);
}
