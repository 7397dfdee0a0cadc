//! One side of an aggregated book: a sorted array with the best level at its end.
//!
//! Most changes are near the touch, so near the end: few levels are looked at and few move. A
//! change far from the touch costs a binary search and one `memmove` of what lies between.

use tiercel_types::Price;
use tiercel_types::market::Level;

/// Levels from the end that are looked at one by one before the rest is searched by halves.
const NEAR: usize = 12;

/// Bids (`BIDS`, best is highest) or asks (best is lowest).
#[derive(Clone, Debug)]
pub(super) struct Ladder<const BIDS: bool> {
    /// Worst first, best last; never above the capacity it was made with.
    levels: Vec<Level>,
    limit: usize,
}

/// The ladder holds as many levels as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<const BIDS: bool> Ladder<BIDS> {
    pub(super) fn new(limit: usize) -> Self {
        Self { levels: Vec::with_capacity(limit), limit }
    }

    /// Higher is better.
    #[inline]
    const fn rank(price: Price) -> i64 {
        // Complement, unlike negation, is defined for every value.
        if BIDS { price.units() } else { !price.units() }
    }

    #[inline]
    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    #[inline]
    pub(super) fn best(&self) -> Option<Level> {
        self.levels.last().copied()
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
    }

    /// The best `count` levels, or all.
    #[inline]
    pub(super) fn top(&self, count: usize) -> &[Level] {
        &self.levels[self.levels.len().saturating_sub(count)..]
    }

    pub(super) fn get(&self, price: Price) -> Option<Level> {
        let at = self.position(Self::rank(price));
        self.levels.get(at).copied().filter(|level| level.price == price)
    }

    /// How many levels are worse than `rank`: where a level of that rank is or belongs.
    #[inline]
    fn position(&self, rank: i64) -> usize {
        let near = self.levels.len().saturating_sub(NEAR);
        let mut at = self.levels.len();
        while at > near {
            if Self::rank(self.levels[at - 1].price) < rank {
                return at;
            }
            at -= 1;
        }
        self.levels[..near].partition_point(|level| Self::rank(level.price) < rank)
    }

    /// Sets a level; quantity zero removes it, or does nothing where there is none.
    #[inline]
    pub(super) fn set(&mut self, level: Level) -> Result<(), Full> {
        let at = self.position(Self::rank(level.price));
        if let Some(there) = self.levels.get_mut(at)
            && there.price == level.price
        {
            if level.qty.is_zero() {
                self.levels.remove(at);
            } else {
                there.qty = level.qty;
            }
        } else if !level.qty.is_zero() {
            if self.levels.len() == self.limit {
                return Err(Full);
            }
            self.levels.insert(at, level);
        }
        Ok(())
    }

    /// Replaces all by `levels`, best first. Levels without quantity are left out.
    ///
    /// Gives the price at fault when they are not in strict order.
    pub(super) fn load(&mut self, levels: &[Level]) -> Result<Result<(), Full>, Price> {
        self.levels.clear();
        for pair in levels.windows(2) {
            if Self::rank(pair[0].price) <= Self::rank(pair[1].price) {
                return Err(pair[1].price);
            }
        }
        let open = levels.iter().rev().filter(|level| !level.qty.is_zero());
        if open.clone().count() > self.limit {
            return Ok(Err(Full));
        }
        self.levels.extend(open);
        Ok(Ok(()))
    }
}
