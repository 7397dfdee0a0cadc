//! What must hold for aggregated books under snapshots and diffs made of any bytes. Bodies for
//! fuzzers and for fixed seeds.
//!
//! ```text
//!   bytes --> snapshots, diffs --+--> L2Book        --> levels, best, checksum, anomaly --+
//!                                +--> NaiveBook     --> the same                        --+--> equal
//!                                +--> Synchroniser  --> shows a book, or none             |
//!                                     (the judge holds all that was given) ---------------+
//! ```
//!
//! Prices lie on a few levels round a middle, most on their own side of it; a few byte values stand
//! for runs of levels, which fill and split blocks, and for the ends of the ranges.

use std::collections::BTreeSet;

use tiercel_book::l2::{
    Anomaly, DiffOutcome, L2Book, SnapshotOutcome, State, Synchroniser, SynchroniserLimits,
};
use tiercel_types::market::{DepthDiff, DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Side};

use crate::naive_l2::NaiveBook;

/// Small enough that runs reach it.
const LIMITS: SynchroniserLimits =
    SynchroniserLimits { levels: 400, pending_diffs: 6, pending_levels: 600 };

const MIDDLE: i64 = 10_000;

/// How far a session came: one that is refused at once would prove nothing.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Snapshots that were taken.
    pub snapshots: u64,
    /// Diffs that were applied.
    pub diffs: u64,
    /// The most levels on a side.
    pub levels: usize,
    /// The codes of the anomalies.
    pub anomalies: BTreeSet<&'static str>,
}

impl Reached {
    fn note(&mut self, result: Result<(), Anomaly>, taken: impl FnOnce(&mut Self)) {
        match result {
            Ok(()) => taken(self),
            Err(anomaly) => {
                self.anomalies.insert(anomaly.code());
            }
        }
    }
}

/// Any bytes as snapshots and diffs on a book, beside sorted maps.
///
/// # Panics
/// When they disagree.
pub fn book(bytes: &[u8], reached: &mut Reached) {
    let mut reader = Reader::new(bytes);
    // No step, all prices on the step, and some between two.
    let step = Price::from_units([0, 1, 3, 7][bytes.len() % 4]);
    let mut book = L2Book::new(LIMITS.levels).with_price_step(step);
    let mut naive = NaiveBook::new(LIMITS.levels);
    // After an anomaly a book is of no use until it is loaded.
    let mut usable = true;
    while let Some(update) = reader.update() {
        let result = match &update {
            Update::Snapshot(changes) => {
                let result = book.load(&changes.snapshot());
                assert_eq!(result, naive.load(&changes.snapshot()));
                reached.note(result, |reached| reached.snapshots += 1);
                result
            }
            Update::Diff(changes) if usable => {
                let result = book.apply(&changes.diff());
                assert_eq!(result, naive.apply(&changes.diff()));
                reached.note(result, |reached| reached.diffs += 1);
                result
            }
            Update::Diff(_) => continue,
            Update::Restart => {
                book.clear();
                naive = NaiveBook::new(LIMITS.levels);
                Ok(())
            }
        };
        usable = result.is_ok();
        if usable {
            same(&book, &naive, &update);
            let levels = [Side::Buy, Side::Sell].map(|side| book.depth(side));
            reached.levels = reached.levels.max(levels[0]).max(levels[1]);
        }
    }
}

/// Compares everything that can be asked of a book.
fn same(book: &L2Book, naive: &NaiveBook, update: &Update) {
    assert_eq!(book.update_id(), naive.update_id);
    let mut best = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        let expected = naive.levels(side);
        assert!(
            book.levels(side).eq(expected.iter().copied()),
            "{side}: {book:?}, not {expected:?}"
        );
        assert_eq!(book.depth(side), expected.len());
        let mut top = [Level::default(); 20];
        let count = book.top(side, &mut top);
        assert_eq!(top[..count], expected[..top.len().min(expected.len())], "{side} at the touch");
        best.push(expected.first().copied());
        if let Update::Snapshot(changes) | Update::Diff(changes) = update {
            for level in changes.bids.iter().chain(&changes.asks) {
                let there = expected.iter().find(|other| other.price == level.price);
                let qty = there.map_or(Qty::ZERO, |there| there.qty);
                assert_eq!(book.qty_at(side, level.price), qty);
            }
        }
    }
    assert_eq!([book.best_bid(), book.best_ask()], best[..]);
    let both = book.best();
    assert_eq!([both.bid, both.ask], [best[0].unwrap_or_default(), best[1].unwrap_or_default()]);
    for count in [0, 1, 20, usize::MAX] {
        assert_eq!(book.checksum(count), naive.checksum(count));
    }
}

/// Any bytes as snapshots and diffs to a synchroniser: the book that it shows is a snapshot and
/// every update behind it, without a gap.
///
/// # Panics
/// When it shows another book, or loses one without need.
pub fn synchroniser(bytes: &[u8], reached: &mut Reached) {
    let mut reader = Reader::new(bytes);
    let step = Price::from_units([0, 1, 3, 7][bytes.len() % 4]);
    let mut subject = Synchroniser::new(LIMITS).with_price_step(step);
    let naive = NaiveBook::new(LIMITS.levels);
    let mut judge = Judge { naive, shown: false, adopted: 0, given: Vec::new() };
    while let Some(update) = reader.update() {
        match &update {
            Update::Snapshot(changes) => {
                judge.snapshot(changes, subject.on_snapshot(&changes.snapshot()), reached);
            }
            Update::Diff(changes) => {
                judge.diff(changes, subject.on_diff(&changes.diff()), reached);
            }
            Update::Restart => {
                subject.restart();
                (judge.shown, judge.adopted) = (false, 0);
                judge.given.clear();
                assert_eq!(subject.state(), State::Buffering);
            }
        }
        assert_eq!(subject.book().is_some(), judge.shown, "{:?}", subject.state());
        if let Some(book) = subject.book() {
            same(book, &judge.naive, &update);
        }
    }
}

/// Holds every diff that was given and not passed over, and the book that ought to be shown.
struct Judge {
    naive: NaiveBook,
    shown: bool,
    /// The last update of the newest snapshot that a book was made from.
    adopted: u64,
    given: Vec<Changes>,
}

impl Judge {
    fn snapshot(
        &mut self,
        changes: &Changes,
        outcome: Result<SnapshotOutcome, Anomaly>,
        reached: &mut Reached,
    ) {
        let held = changes.last;
        match outcome {
            Ok(SnapshotOutcome::Stale) => assert!(self.shown && held <= self.naive.update_id),
            Ok(SnapshotOutcome::TooOld { needed }) => {
                assert!(!self.shown && held < needed);
                let is_first = |diff: &Changes| diff.first == needed.saturating_add(1);
                let is_known = self.given.iter().any(|diff| is_first(diff) || diff.last == needed);
                assert!(is_known || needed == self.adopted, "{needed} was never told");
            }
            Ok(SnapshotOutcome::Adopted { diffs }) => {
                assert!(!self.shown || held > self.naive.update_id);
                let newest = self.newest().unwrap_or(0).max(self.adopted);
                let behind = &self.given[self.given.len() - diffs..];
                assert_eq!(self.naive.load(&changes.snapshot()), Ok(()));
                for diff in behind {
                    assert!(diff.first <= self.naive.update_id.saturating_add(1), "a gap");
                    assert!(diff.last > self.naive.update_id, "an update twice");
                    assert_eq!(self.naive.apply(&diff.diff()), Ok(()));
                }
                assert!(self.naive.update_id >= newest, "a book of before what was taken in");
                (self.shown, self.adopted) = (true, held);
                reached.snapshots += 1;
            }
            Err(anomaly) => {
                self.shown = false;
                reached.anomalies.insert(anomaly.code());
            }
        }
    }

    fn diff(
        &mut self,
        changes: &Changes,
        outcome: Result<DiffOutcome, Anomaly>,
        reached: &mut Reached,
    ) {
        let (first, last, held) = (changes.first, changes.last, self.naive.update_id);
        match outcome {
            Ok(DiffOutcome::Stale) => {
                let newest = if self.shown { Some(held) } else { self.newest() };
                assert!(newest.is_some_and(|newest| last <= newest), "a new update passed over");
                return;
            }
            Ok(DiffOutcome::Kept) => assert!(!self.shown),
            Ok(DiffOutcome::Applied) => {
                assert!(self.shown && last > held && first <= held.saturating_add(1));
                assert_eq!(self.naive.apply(&changes.diff()), Ok(()));
                reached.diffs += 1;
            }
            Err(anomaly) => {
                match anomaly {
                    Anomaly::Gap { expected, first: found } => {
                        assert!(found == first && first > expected);
                        assert!(!self.shown || expected == held + 1);
                    }
                    Anomaly::Reversed { .. } => assert!(last < first),
                    Anomaly::PendingLimit => assert!(!self.shown),
                    Anomaly::Crossed { .. } | Anomaly::LevelLimit { .. } => {
                        assert_eq!(self.naive.apply(&changes.diff()), Err(anomaly));
                    }
                    Anomaly::Unordered { .. } => panic!("a diff has no order: {anomaly}"),
                }
                self.shown = false;
                reached.anomalies.insert(anomaly.code());
                if matches!(anomaly, Anomaly::Reversed { .. }) {
                    return;
                }
            }
        }
        self.given.push(changes.clone());
    }

    /// The last update of the newest diff.
    fn newest(&self) -> Option<u64> {
        self.given.iter().map(|diff| diff.last).max()
    }
}

/// What a stretch of bytes stands for.
enum Update {
    Snapshot(Changes),
    Diff(Changes),
    /// The connection was lost.
    Restart,
}

#[derive(Clone, Debug)]
struct Changes {
    first: u64,
    last: u64,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Changes {
    fn snapshot(&self) -> DepthSnapshot<'_> {
        DepthSnapshot { last_update_id: self.last, bids: &self.bids, asks: &self.asks }
    }

    fn diff(&self) -> DepthDiff<'_> {
        DepthDiff {
            first_update_id: self.first,
            last_update_id: self.last,
            bids: &self.bids,
            asks: &self.asks,
        }
    }
}

/// Takes bytes off the front; behind the end all are zero.
struct Reader<'a> {
    bytes: &'a [u8],
    /// The last update so far.
    last: u64,
}

impl<'a> Reader<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, last: 100 }
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(core::array::from_fn(|_| self.byte()))
    }

    fn update(&mut self) -> Option<Update> {
        if self.bytes.is_empty() {
            return None;
        }
        let update = match self.byte() % 16 {
            0 => Update::Restart,
            kind @ 1..=3 => {
                let mut changes = self.changes();
                changes.last = self.last.wrapping_sub(u64::from(self.byte() % 8));
                if kind != 3 {
                    changes.bids.sort_by_key(|level| core::cmp::Reverse(level.price));
                    changes.bids.dedup_by_key(|level| level.price);
                    changes.asks.sort_by_key(|level| level.price);
                    changes.asks.dedup_by_key(|level| level.price);
                }
                Update::Snapshot(changes)
            }
            _ => Update::Diff(self.changes()),
        };
        Some(update)
    }

    fn changes(&mut self) -> Changes {
        let next = self.last.wrapping_add(1);
        let (first, last) = match self.byte() {
            // Missing, repeated, reversed, any.
            0 => (next.wrapping_add(1), next.wrapping_add(2)),
            1..=20 => (next.wrapping_sub(2), next),
            21 => (next.wrapping_sub(2), next.wrapping_sub(1)),
            22 => (next, next.wrapping_sub(1)),
            23 => (self.word(), self.word()),
            byte => (next, next.wrapping_add(u64::from(byte % 3))),
        };
        self.last = self.last.max(last);
        Changes { first, last, bids: self.levels(Side::Buy), asks: self.levels(Side::Sell) }
    }

    fn levels(&mut self, side: Side) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut add = |distance: i64, qty: u64| {
            let units = match side {
                Side::Buy => MIDDLE - distance,
                Side::Sell => MIDDLE + distance,
            };
            levels.push(Level { price: Price::from_units(units), qty: Qty::from_units(qty) });
        };
        for _ in 0..self.byte() % 6 {
            match self.byte() {
                // On or behind the other side's best.
                0 => add(0, u64::from(self.byte() % 2)),
                200..=239 => {
                    let (start, step) = (self.byte(), 1 + self.byte() % 4);
                    let (count, qty) = (self.byte(), self.byte());
                    for at in 0..i64::from(count) {
                        add(1 + i64::from(start) + at * i64::from(step), u64::from(qty % 3));
                    }
                }
                240..=246 => add((self.word() >> 1) as i64 - MIDDLE, self.word()),
                247.. => add([i64::MAX, i64::MAX - 1][usize::from(self.byte() % 2)] - MIDDLE, 1),
                near => add(1 + i64::from(near), u64::from(self.byte() % 4)),
            }
        }
        levels
    }
}
