//! Who reads events.

use core::fmt;

use super::sealed::Sequencer;
use super::{Closed, Lane, Shared, SharedCursor, least_done};
use crate::atomic::{Arc, Ordering, UnsafeCell, spin_loop};
use crate::wait::Wait;

/// The longest pause of [`Consumer::consume`], in spin hints: of 24 ns each where it was measured, of
/// 10 to 50 elsewhere.
const PACE_MAX: u32 = 16;

/// The pause before the next look, when the one after a pause of `pace` found `count` events.
#[inline(always)]
fn paced(pace: u32, count: u64, capacity: u64) -> u32 {
    match count {
        0 => 0,
        few if few < capacity / 4 => (pace + 1).min(PACE_MAX),
        many if many >= capacity / 2 => pace / 2,
        _ => pace,
    }
}

/// A place in the graph: sees every event once, in order, when those before it are done with it.
///
/// It owns no thread: call [`Consumer::poll`], which looks at once, in a loop with other work, or
/// [`Consumer::consume`], which waits and paces itself, in a loop of its own. Dropping it before the
/// producers are gone closes the ring.
#[repr(align(128))]
pub struct Consumer<E: Send + Sync, S: Sequencer, W: Wait> {
    place: Place<E, S, W>,
    lane: Lane<E>,
    /// Those before it; empty for a consumer that follows the producers.
    gates: Box<[SharedCursor]>,
    /// Events done.
    next: u64,
    /// Spin hints before the next look of [`Self::consume`].
    pace: u32,
}

/// What tells the others of the end. Not the consumer itself: what has a `Drop` of its own lies in
/// memory as a whole, and so the compiler may keep the consumer's numbers in registers.
struct Place<E: Send + Sync, S: Sequencer, W: Wait> {
    shared: Arc<Shared<E, S, W>>,
    cursor: SharedCursor,
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Drop for Place<E, S, W> {
    fn drop(&mut self) {
        // Release, with `has_ended` of those who follow.
        self.cursor.gone.store(true, Ordering::Release);
        self.shared.break_off();
    }
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Consumer<E, S, W> {
    pub(super) fn new(
        shared: Arc<Shared<E, S, W>>,
        cursor: SharedCursor,
        gates: Box<[SharedCursor]>,
    ) -> Self {
        let lane = shared.lane();
        Self { place: Place { shared, cursor }, lane, gates, next: 0, pace: 0 }
    }

    pub(super) fn cursor(&self) -> &SharedCursor {
        &self.place.cursor
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared<E, S, W>>) -> bool {
        Arc::ptr_eq(&self.place.shared, shared)
    }

    /// Whether there is an event to handle now.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.available() != self.next
    }

    /// Runs `handle(event, sequence, end_of_batch)` on every event that is there now, and returns how
    /// many there were: zero if none.
    ///
    /// Those who follow, and the producers, learn of it once, at the end of the batch. If `handle`
    /// panics, the whole batch is not done, and comes again.
    ///
    /// # Errors
    /// [`Closed`] when all was handled that ever will be published.
    #[inline(always)]
    pub fn poll(&mut self, handle: impl FnMut(&E, u64, bool)) -> Result<usize, Closed> {
        self.poll_max(u64::MAX, handle)
    }

    /// As [`Self::poll`], on `max` events at most: so that others see progress within long batches.
    ///
    /// # Errors
    /// As [`Self::poll`].
    #[inline(always)]
    pub fn poll_max(
        &mut self,
        max: u64,
        handle: impl FnMut(&E, u64, bool),
    ) -> Result<usize, Closed> {
        let end = self.look()?;
        Ok(self.handle(end.min(self.next.saturating_add(max)), handle))
    }

    /// As [`Self::poll`], but waits for the first event as long as it takes.
    ///
    /// It paces itself. Each look takes the line from the producer that it publishes on; so while every
    /// look finds some events, but less than a quarter of the ring, more and more time passes before
    /// the next one, 0.4 us at most. A look that finds nothing ends that: what comes now and then
    /// is handled at once.
    ///
    /// # Errors
    /// As [`Self::poll`].
    #[inline(always)]
    pub fn consume(&mut self, handle: impl FnMut(&E, u64, bool)) -> Result<usize, Closed> {
        for _ in 0..self.pace {
            spin_loop();
        }
        let mut end = self.look()?;
        self.pace = paced(self.pace, end - self.next, self.lane.capacity());
        if end == self.next {
            end = self.wait_for_events()?;
        }
        Ok(self.handle(end, handle))
    }

    #[inline(always)]
    fn handle(&mut self, end: u64, mut handle: impl FnMut(&E, u64, bool)) -> usize {
        let count = end - self.next;
        if count == 0 {
            return 0;
        }
        let each = |cell: &UnsafeCell<E>, sequence| {
            cell.with(|event| {
                // SAFETY: the event is published, and no producer claims its slot again before this
                // consumer, or one that follows it, is done with it.
                handle(unsafe { &*event }, sequence, sequence + 1 == end);
            });
        };
        // SAFETY: the consumer keeps the ring alive.
        unsafe { self.lane.for_each(self.next, end, each) };
        self.next = end;
        // With `least_done` of those who follow, and of producers.
        self.place.cursor.done.store(end, Ordering::Release);
        self.place.shared.wait.notify();
        count as usize
    }

    /// Up to where there are events, without a gap.
    #[inline(always)]
    fn available(&self) -> u64 {
        match &*self.gates {
            [] => self.place.shared.sequencer.published(self.next),
            [gate] => gate.done.load(Ordering::Acquire),
            gates => least_done(gates),
        }
    }

    /// As [`Self::available`]; at the end, [`Closed`].
    #[inline(always)]
    fn look(&self) -> Result<u64, Closed> {
        let end = self.available();
        if end == self.next && self.has_ended() {
            // The end was seen after the look: look again.
            let end = self.available();
            return if end == self.next { Err(Closed(())) } else { Ok(end) };
        }
        Ok(end)
    }

    #[cold]
    fn has_ended(&self) -> bool {
        let Shared { end, sequencer, .. } = &*self.place.shared;
        // Acquire, with `Shared::close`, `Shared::break_off` and the drop of a consumer: what was
        // published before those is to be seen after this.
        (end.producers_gone.load(Ordering::Acquire) && self.next == sequencer.claimed())
            // One that is gone no further than here; another may be on its way yet.
            || self.gates.iter().any(|gate| {
                gate.gone.load(Ordering::Acquire) && gate.done.load(Ordering::Acquire) == self.next
            })
            || (self.gates.is_empty() && end.broken.load(Ordering::Acquire))
    }

    #[cold]
    fn wait_for_events(&self) -> Result<u64, Closed> {
        self.place.shared.wait.wait(|| match self.look() {
            Ok(end) if end == self.next => None,
            found => Some(found),
        })
    }
}

impl<E: Send + Sync, S: Sequencer, W: Wait> fmt::Debug for Consumer<E, S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("done", &self.next).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_looked_at_less_often_and_what_comes_now_and_then_at_once() {
        let after = |pace, counts: &[u64]| counts.iter().fold(pace, |pace, &n| paced(pace, n, 64));
        assert_eq!(after(0, &[1, 15, 8]), 3);
        assert_eq!(after(0, &[1; 100]), PACE_MAX);
        // Enough, too much, and nothing.
        assert_eq!([16, 31, 32, 64, 0].map(|count| after(8, &[count])), [8, 8, 4, 4, 0]);
        // Even a ring of one slot, which is full with one event, ends at no pause.
        assert_eq!(paced(5, 1, 1), 2);
    }
}
