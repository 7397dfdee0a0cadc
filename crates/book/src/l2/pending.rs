//! Diffs that wait for a snapshot.

use tiercel_types::market::{DepthDiff, Level};

/// A bounded run of diffs without gaps, in order.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    heads: Vec<Head>,
    /// The levels of all heads, one after the other: bids, then asks.
    levels: Vec<Level>,
    diffs_limit: usize,
    levels_limit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    first_update_id: u64,
    last_update_id: u64,
    bids: usize,
    asks: usize,
}

impl Pending {
    pub(super) fn new(diffs_limit: usize, levels_limit: usize) -> Self {
        Self {
            heads: Vec::with_capacity(diffs_limit),
            levels: Vec::with_capacity(levels_limit),
            diffs_limit,
            levels_limit,
        }
    }

    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.levels.clear();
    }

    pub(super) const fn len(&self) -> usize {
        self.heads.len()
    }

    pub(super) fn first_update_id(&self) -> Option<u64> {
        self.heads.first().map(|head| head.first_update_id)
    }

    pub(super) fn last_update_id(&self) -> Option<u64> {
        self.heads.last().map(|head| head.last_update_id)
    }

    /// Appends a diff; false when it does not fit.
    pub(super) fn push(&mut self, diff: &DepthDiff<'_>) -> bool {
        let (bids, asks) = (diff.bids.len(), diff.asks.len());
        let fits = self.heads.len() < self.diffs_limit
            && bids + asks <= self.levels_limit - self.levels.len();
        if fits {
            let (first_update_id, last_update_id) = (diff.first_update_id, diff.last_update_id);
            self.heads.push(Head { first_update_id, last_update_id, bids, asks });
            self.levels.extend_from_slice(diff.bids);
            self.levels.extend_from_slice(diff.asks);
        }
        fits
    }

    /// The diffs, oldest first.
    pub(super) fn diffs(&self) -> impl Iterator<Item = DepthDiff<'_>> {
        let mut rest = &self.levels[..];
        self.heads.iter().map(move |head| {
            let (bids, behind) = rest.split_at(head.bids);
            let (asks, behind) = behind.split_at(head.asks);
            rest = behind;
            DepthDiff {
                first_update_id: head.first_update_id,
                last_update_id: head.last_update_id,
                bids,
                asks,
            }
        })
    }
}
