//! Keeps a book true to the venue's update numbers.
//!
//! ```text
//!               diff: kept                           diff that continues: applied
//!              +----------+                              +----------+
//!              v          |      snapshot in reach       v          |
//!   start --> Buffering --+---------------------> Synchronised -----+
//!                                                   ^          |
//!            snapshot in reach of what was kept     |          | gap, crossed book, bound
//!                                                   +-- OutOfSync (diffs are kept again)
//! ```
//!
//! The rule is the venue's own ("How to manage a local order book correctly",
//! `web-socket-streams.md` of `binance/binance-spot-api-docs`): keep the diffs; take a snapshot;
//! if it is older than the first kept diff, take another; drop the diffs that end at or before
//! it; the first that is applied begins at or before the update after the snapshot; from then on
//! each must begin at or before the update after the last one, or there is a gap and all starts
//! over. A snapshot that ends exactly before the first kept diff leaves nothing out and is
//! accepted, though the text would have one take another.
//!
//! Taking snapshots, and how often, is the caller's business.

use tiercel_types::Price;
use tiercel_types::market::{DepthDiff, DepthSnapshot};

use super::pending::Pending;
use super::{Anomaly, L2Book};

/// What a synchroniser allocates when it is made, and never exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynchroniserLimits {
    /// Levels of the book on each side. At the bound the book goes out of synchrony: the next
    /// snapshot brings it down to the venue's depth again.
    pub levels: usize,
    /// Diffs kept while waiting for a snapshot. At the bound, here or in `pending_levels`, all
    /// are dropped and keeping begins anew: only a later snapshot will do then.
    pub pending_diffs: usize,
    /// Levels of these diffs, both sides together.
    pub pending_levels: usize,
}

impl Default for SynchroniserLimits {
    /// 16,384 levels a side; 1,024 kept diffs (100 s at ten a second) of 65,536 levels in all.
    fn default() -> Self {
        Self { levels: 16_384, pending_diffs: 1_024, pending_levels: 65_536 }
    }
}

/// Where a synchroniser stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Keeping diffs, waiting for the first snapshot.
    Buffering,
    /// The book is the venue's as of its update id.
    Synchronised,
    /// The book was lost: keeping diffs, waiting for a snapshot.
    OutOfSync(Anomaly),
}

/// What became of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffOutcome {
    /// Kept until a snapshot comes.
    Kept,
    /// Older than the book or the kept diffs: dropped.
    Stale,
    /// Applied to the book.
    Applied,
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotOutcome {
    /// The book is synchronised, from the snapshot and this many kept diffs.
    Adopted {
        /// Kept diffs that were applied.
        diffs: usize,
    },
    /// Older than the first kept diff, or than what was taken in and lost: take another.
    TooOld {
        /// The earliest update that the snapshot must hold.
        needed: u64,
    },
    /// Not newer than the synchronised book: dropped.
    Stale,
}

/// What a synchroniser has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Diffs applied, kept ones included.
    pub diffs_applied: u64,
    /// Diffs dropped as older than the book, kept ones included.
    pub diffs_stale: u64,
    /// Snapshots from which the book was made.
    pub snapshots_adopted: u64,
    /// Snapshots dropped as too old.
    pub snapshots_dropped: u64,
    /// Gaps between updates.
    pub gaps: u64,
    /// Anomalies other than gaps.
    pub other_anomalies: u64,
}

/// An aggregated book and its place in the venue's numbering; see the module's page.
#[derive(Clone, Debug)]
pub struct Synchroniser {
    book: L2Book,
    pending: Pending,
    state: State,
    /// While nothing is kept: the last update that was taken in and is lost. What a snapshot lacks of those nobody
    /// tells again.
    consumed: u64,
    counts: Counts,
}

impl Default for Synchroniser {
    fn default() -> Self {
        Self::new(SynchroniserLimits::default())
    }
}

impl Synchroniser {
    /// A synchroniser that waits for its first snapshot.
    pub fn new(limits: SynchroniserLimits) -> Self {
        Self {
            book: L2Book::new(limits.levels),
            pending: Pending::new(limits.pending_diffs, limits.pending_levels),
            state: State::Buffering,
            consumed: 0,
            counts: Counts::default(),
        }
    }

    /// The same, of prices that are multiples of this step: see [`L2Book::with_price_step`].
    #[must_use]
    pub fn with_price_step(self, price_step: Price) -> Self {
        Self { book: self.book.with_price_step(price_step), ..self }
    }

    /// Where it stands.
    #[inline]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The book, while it is synchronised.
    #[inline]
    pub fn book(&self) -> Option<&L2Book> {
        (self.state == State::Synchronised).then_some(&self.book)
    }

    /// What it has seen.
    #[inline]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Forgets book and kept diffs, as after a lost connection. The counts stay.
    pub fn restart(&mut self) {
        self.book.clear();
        self.pending.clear();
        (self.state, self.consumed) = (State::Buffering, 0);
    }

    /// Takes the next diff of the stream.
    ///
    /// # Errors
    /// The [`Anomaly`] by which the book, or what was kept for it, is lost. The state is then
    /// [`State::OutOfSync`], and a snapshot is needed; where the diff itself is sound it is kept
    /// as the first for the new book.
    #[inline]
    pub fn on_diff(&mut self, diff: &DepthDiff<'_>) -> Result<DiffOutcome, Anomaly> {
        let (first, last) = (diff.first_update_id, diff.last_update_id);
        if last < first {
            self.forget();
            return self.lose(Anomaly::Reversed { first, last });
        }
        if self.state != State::Synchronised {
            return self.keep(diff);
        }
        let held = self.book.update_id();
        if last <= held {
            self.counts.diffs_stale += 1;
            return Ok(DiffOutcome::Stale);
        }
        // Here `held < last`, so the sum does not overflow.
        if first > held + 1 {
            self.keep_alone(diff);
            return self.lose(Anomaly::Gap { expected: held + 1, first });
        }
        if let Err(anomaly) = self.book.apply(diff) {
            self.keep_alone(diff);
            return self.lose(anomaly);
        }
        self.counts.diffs_applied += 1;
        Ok(DiffOutcome::Applied)
    }

    /// Takes a snapshot.
    ///
    /// # Errors
    /// The [`Anomaly`] in the snapshot or in the diffs kept for it. The state is then
    /// [`State::OutOfSync`], and another snapshot is needed; the diffs stay kept.
    pub fn on_snapshot(
        &mut self,
        snapshot: &DepthSnapshot<'_>,
    ) -> Result<SnapshotOutcome, Anomaly> {
        let held = snapshot.last_update_id;
        if self.state == State::Synchronised && held <= self.book.update_id() {
            self.counts.snapshots_dropped += 1;
            return Ok(SnapshotOutcome::Stale);
        }
        if let Some(first) = self.pending.first_update_id()
            && first > held.saturating_add(1)
        {
            self.counts.snapshots_dropped += 1;
            return Ok(SnapshotOutcome::TooOld { needed: first - 1 });
        }
        if self.pending.len() == 0 && held < self.consumed {
            self.counts.snapshots_dropped += 1;
            return Ok(SnapshotOutcome::TooOld { needed: self.consumed });
        }
        if self.state == State::Synchronised {
            self.consumed = self.book.update_id();
        }
        let mut applied = 0;
        let mut result = self.book.load(snapshot);
        for diff in self.pending.diffs().filter(|diff| diff.last_update_id > held) {
            result = result.and_then(|()| self.book.apply(&diff));
            applied += 1;
        }
        if let Err(anomaly) = result {
            // They stay: a later snapshot needs those behind it, and must not be older than they are.
            return self.lose(anomaly);
        }
        let stale = self.pending.len() - applied;
        self.pending.clear();
        self.counts.diffs_stale += stale as u64;
        self.state = State::Synchronised;
        self.counts.snapshots_adopted += 1;
        self.counts.diffs_applied += applied as u64;
        Ok(SnapshotOutcome::Adopted { diffs: applied })
    }

    /// Keeps a diff for the next snapshot.
    #[cold]
    fn keep(&mut self, diff: &DepthDiff<'_>) -> Result<DiffOutcome, Anomaly> {
        let mut lost = None;
        if let Some(last) = self.pending.last_update_id() {
            if diff.last_update_id <= last {
                self.counts.diffs_stale += 1;
                return Ok(DiffOutcome::Stale);
            }
            if diff.first_update_id > last + 1 {
                lost = Some(Anomaly::Gap { expected: last + 1, first: diff.first_update_id });
                self.pending.clear();
            }
        } else if self.consumed > 0 && diff.last_update_id <= self.consumed {
            self.counts.diffs_stale += 1;
            return Ok(DiffOutcome::Stale);
        }
        if !self.pending.push(diff) {
            self.keep_alone(diff);
            lost = lost.or(Some(Anomaly::PendingLimit));
        }
        lost.map_or(Ok(DiffOutcome::Kept), |anomaly| self.lose(anomaly))
    }

    /// Keeps this diff as the first for the next snapshot. Where it does not fit by itself, keeping begins with the
    /// next one.
    #[cold]
    fn keep_alone(&mut self, diff: &DepthDiff<'_>) {
        self.pending.clear();
        if !self.pending.push(diff) {
            self.consumed = diff.last_update_id;
        }
    }

    /// Forgets what is kept, but not how far that was.
    #[cold]
    fn forget(&mut self) {
        let applied = self.book().map(L2Book::update_id);
        let newest = self.pending.last_update_id().or(applied);
        self.consumed = newest.unwrap_or(self.consumed);
        self.pending.clear();
    }

    #[cold]
    fn lose<T>(&mut self, anomaly: Anomaly) -> Result<T, Anomaly> {
        if matches!(anomaly, Anomaly::Gap { .. }) {
            self.counts.gaps += 1;
        } else {
            self.counts.other_anomalies += 1;
        }
        self.state = State::OutOfSync(anomaly);
        Err(anomaly)
    }
}
