//! Who reads events.

use core::fmt;

use super::sealed::Sequencer;
use super::{Closed, Lane, Shared, SharedCursor, least_done};
use crate::atomic::{Arc, Ordering};
use crate::wait::Wait;

/// A place in the graph: sees every event once, in order, when those before it are done with it.
///
/// It owns no thread: call [`Consumer::poll`] in a loop with other work, or [`Consumer::consume`] in
/// a loop of its own. Dropping it before the producers are gone closes the ring.
#[repr(align(128))]
pub struct Consumer<E: Send + Sync, S: Sequencer, W: Wait> {
    shared: Arc<Shared<E, S, W>>,
    lane: Lane<E>,
    cursor: SharedCursor,
    /// Those before it; empty for a consumer that follows the producers.
    gates: Box<[SharedCursor]>,
    /// Events done.
    next: u64,
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Consumer<E, S, W> {
    pub(super) fn new(
        shared: Arc<Shared<E, S, W>>,
        cursor: SharedCursor,
        gates: Box<[SharedCursor]>,
    ) -> Self {
        let lane = shared.lane();
        Self { shared, lane, cursor, gates, next: 0 }
    }

    pub(super) fn cursor(&self) -> &SharedCursor {
        &self.cursor
    }

    pub(super) fn is_of(&self, shared: &Arc<Shared<E, S, W>>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// Runs `handle(event, sequence, end_of_batch)` on every event that is there now, and returns how
    /// many there were: zero if none.
    ///
    /// Those who follow, and the producers, learn of it once, at the end of the batch. If `handle`
    /// panics, the whole batch is not done, and comes again.
    ///
    /// # Errors
    /// [`Closed`] when all was handled that ever will be published.
    #[inline]
    pub fn poll(&mut self, handle: impl FnMut(&E, u64, bool)) -> Result<usize, Closed> {
        self.poll_max(u64::MAX, handle)
    }

    /// As [`Self::poll`], on `max` events at most: so that others see progress within long batches.
    ///
    /// # Errors
    /// As [`Self::poll`].
    #[inline]
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
    /// # Errors
    /// As [`Self::poll`].
    #[inline]
    pub fn consume(&mut self, handle: impl FnMut(&E, u64, bool)) -> Result<usize, Closed> {
        let mut end = self.look()?;
        if end == self.next {
            end = self.wait_for_events()?;
        }
        Ok(self.handle(end, handle))
    }

    #[inline(always)]
    fn handle(&mut self, end: u64, mut handle: impl FnMut(&E, u64, bool)) -> usize {
        // A copy, which `handle` cannot change.
        let lane = self.lane;
        for sequence in self.next..end {
            // SAFETY: the consumer keeps the ring alive.
            unsafe { lane.cell(sequence) }.with(|event| {
                // SAFETY: the event is published, and no producer claims its slot again before this
                // consumer, or one that follows it, is done with it.
                handle(unsafe { &*event }, sequence, sequence + 1 == end);
            });
        }
        let count = end - self.next;
        if count > 0 {
            self.next = end;
            // With `least_done` of those who follow, and of producers.
            self.cursor.done.store(end, Ordering::Release);
            self.shared.wait.notify();
        }
        count as usize
    }

    /// Up to where there are events, without a gap.
    #[inline(always)]
    fn available(&self) -> u64 {
        match &*self.gates {
            [] => self.shared.sequencer.published(self.next),
            [gate] => gate.done.load(Ordering::Acquire),
            gates => least_done(gates),
        }
    }

    /// As [`Self::available`]; at the end, [`Closed`].
    #[inline]
    fn look(&self) -> Result<u64, Closed> {
        let end = self.available();
        if end == self.next && self.has_ended() {
            // The end was seen after the look: look again.
            let end = self.available();
            return if end == self.next { Err(Closed(())) } else { Ok(end) };
        }
        Ok(end)
    }

    #[inline]
    fn has_ended(&self) -> bool {
        let Shared { end, sequencer, .. } = &*self.shared;
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
        self.shared.wait.wait(|| match self.look() {
            Ok(end) if end == self.next => None,
            found => Some(found),
        })
    }
}

impl<E: Send + Sync, S: Sequencer, W: Wait> Drop for Consumer<E, S, W> {
    fn drop(&mut self) {
        // Release, with `has_ended` of those who follow.
        self.cursor.gone.store(true, Ordering::Release);
        self.shared.break_off();
    }
}

impl<E: Send + Sync, S: Sequencer, W: Wait> fmt::Debug for Consumer<E, S, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("done", &self.next).finish_non_exhaustive()
    }
}
