//! One side of a book: price levels in order, best first.
//!
//! ```text
//!        far (crit-bit tree)   |    window: a ring of levels with a bitmap      |  far
//!   ---------------------------+------------------------------------------------+-------> key
//!                              base              best                    base + window
//! ```
//!
//! Levels are ordered by key: the tick for asks, its bitwise complement for bids, so that on both
//! sides the best level has the smallest key and the code has no sides. Keys round the touch lie
//! in the window and are found by masking; the few others lie in a tree. The window follows the
//! best key when it drifts; being a ring, it moves only the levels that leave or come. That is
//! paid for by credit: a move costs no more than the operations outside the window since the last
//! one, so that nobody can make the book rebuild itself at every order.

use tiercel_types::Side;

use crate::bitmap::Bitmap;
use crate::far::FarLevels;
use crate::masked::Masked;
use crate::orders::NONE;

/// A price level: its queue and sums, half a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub(crate) struct Level {
    /// Visible lots of all its orders.
    pub(crate) displayed: u64,
    /// Hidden lots of all its orders.
    pub(crate) hidden: u64,
    /// First in the queue.
    pub(crate) head: u32,
    /// Last in the queue.
    pub(crate) tail: u32,
    /// How many orders wait; zero: there is no such level.
    pub(crate) orders: u32,
}

const _: () = assert!(size_of::<Level>() == 32, "two levels fill a cache line");

impl Level {
    pub(crate) const EMPTY: Self =
        Self { displayed: 0, hidden: 0, head: NONE, tail: NONE, orders: 0 };

    /// Open lots, hidden ones included.
    #[inline(always)]
    pub(crate) fn open(&self) -> u64 {
        self.displayed + self.hidden
    }
}

/// What a move of the window may always cost.
const FREE_MOVES: usize = 64;

/// One side of a book.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    /// Key of the best level; `i64::MAX` while there is none (and perhaps when there is).
    best_key: i64,
    /// Zero for asks, all ones for bids: `key = tick ^ mask`.
    mask: i64,
    /// The first key of the window; at most `i64::MAX - window`, so that no distance wraps.
    base: i64,
    /// Levels by the low bits of their key.
    window: Masked<Level>,
    occupied: Bitmap,
    /// Levels in the window.
    near: usize,
    far: FarLevels,
    /// What may be spent on moving the window.
    credit: usize,
}

impl Ladder {
    /// An empty side with a window of `ticks`, a power of two.
    pub(crate) fn new(side: Side, ticks: usize) -> Self {
        let mask = match side {
            Side::Buy => -1,
            Side::Sell => 0,
        };
        Self {
            best_key: i64::MAX,
            mask,
            base: 0,
            window: Masked::new(ticks, Level::EMPTY),
            occupied: Bitmap::new(ticks),
            near: 0,
            far: FarLevels::new(),
            credit: 0,
        }
    }

    /// The key of a tick; also the tick of a key.
    #[inline(always)]
    pub(crate) fn key(&self, tick: i64) -> i64 {
        tick ^ self.mask
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.near == 0 && self.far.is_empty()
    }

    /// The best level's key.
    #[inline(always)]
    pub(crate) fn best_key(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.best_key)
    }

    /// Whether the best level is at or before `key`.
    #[inline(always)]
    pub(crate) fn reaches(&self, key: i64) -> bool {
        self.best_key <= key && !self.is_empty()
    }

    /// The best level's key, if it is at or before `key`.
    #[inline(always)]
    pub(crate) fn reachable(&self, key: i64) -> Option<i64> {
        self.reaches(key).then_some(self.best_key)
    }

    /// The best level and its key, if it is at or before `key` and near.
    #[inline(always)]
    pub(crate) fn reachable_near(&self, key: i64) -> Option<(i64, &Level)> {
        // An empty ladder's best key may be in the window: then the level there has no order.
        let best = self.best_key;
        let level = self.window.get(best as usize);
        (best <= key && self.is_near(best) && level.orders != 0).then_some((best, level))
    }

    /// The best level.
    pub(crate) fn best(&self) -> Option<&Level> {
        self.level(self.best_key()?)
    }

    #[inline(always)]
    fn is_near(&self, key: i64) -> bool {
        (key.wrapping_sub(self.base).cast_unsigned()) < self.window.len() as u64
    }

    /// The level at `key`, made if it is not there; it has to be filled.
    #[inline(always)]
    pub(crate) fn enter(&mut self, key: i64) -> &mut Level {
        if key < self.best_key || self.is_empty() {
            self.best_key = key;
            self.follow();
        }
        if !self.is_near(key) {
            return self.enter_far(key);
        }
        self.occupied.set(self.window.slot(key as usize));
        let level = self.window.get_mut(key as usize);
        self.near += usize::from(level.orders == 0);
        level
    }

    #[cold]
    fn enter_far(&mut self, key: i64) -> &mut Level {
        self.credit += 1;
        if self.far.get(key).is_none() {
            self.far.insert(key, Level::EMPTY);
        }
        self.existing_far(key)
    }

    #[cold]
    fn existing_far(&mut self, key: i64) -> &mut Level {
        match self.far.get_mut(key) {
            Some(level) => level,
            None => unreachable!("the key of an order that rests is that of a level"),
        }
    }

    /// The level at `key`, which is there.
    #[inline(always)]
    pub(crate) fn level_mut(&mut self, key: i64) -> &mut Level {
        if self.is_near(key) {
            return self.window.get_mut(key as usize);
        }
        self.existing_far(key)
    }

    /// Loads the level at `key` into the cache, if it is near.
    #[inline(always)]
    pub(crate) fn prefetch(&self, key: i64) {
        crate::prefetch::prefetch_line(self.window.get(key as usize));
    }

    /// The level at `key`, if it is there.
    #[inline(always)]
    pub(crate) fn level(&self, key: i64) -> Option<&Level> {
        if self.is_near(key) {
            Some(self.window.get(key as usize)).filter(|level| level.orders != 0)
        } else {
            self.far.get(key)
        }
    }

    /// Removes a level whose last order has gone.
    #[inline(always)]
    pub(crate) fn remove(&mut self, key: i64) {
        if self.is_near(key) {
            self.occupied.clear(self.window.slot(key as usize));
            self.near -= 1;
        } else {
            self.credit += 1;
            self.far.remove(key);
        }
        if key == self.best_key {
            self.best_key = self.first_from(key).unwrap_or(i64::MAX);
            if !self.is_empty() {
                self.follow();
            }
        }
    }

    /// The first level's key at or behind `key`.
    #[inline(always)]
    pub(crate) fn first_from(&self, key: i64) -> Option<i64> {
        let near = self.near_from(key);
        if self.far.is_empty() {
            return near;
        }
        let far = self.far.first_from(key);
        match (near, far) {
            (Some(near), Some(far)) => Some(near.min(far)),
            _ => near.or(far),
        }
    }

    #[inline(always)]
    fn near_from(&self, key: i64) -> Option<i64> {
        let key = key.max(self.base);
        if !self.is_near(key) {
            return None;
        }
        // The ring starts at `first` and ends before it; the search starts at `start`.
        let (first, start) = (self.window.slot(self.base as usize), self.window.slot(key as usize));
        let found = self.occupied.first_from(start);
        let slot = if start < first {
            found.filter(|&slot| slot < first)
        } else {
            found.or_else(|| self.occupied.first_from(0).filter(|&slot| slot < first))
        };
        slot.map(|slot| self.key_of(slot))
    }

    /// The key whose level lies in a slot of the ring.
    #[inline(always)]
    fn key_of(&self, slot: usize) -> i64 {
        let distance =
            slot.wrapping_sub(self.window.slot(self.base as usize)) & (self.window.len() - 1);
        self.base + distance as i64
    }

    /// The key of the level behind that at `key`.
    #[inline]
    pub(crate) fn next_after(&self, key: i64) -> Option<i64> {
        self.first_from(key.checked_add(1)?)
    }

    /// All keys, best first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        core::iter::successors(self.best_key(), |&key| self.next_after(key))
    }

    /// Moves the window when the best key has left its first three quarters.
    #[inline(always)]
    fn follow(&mut self) {
        let distance = self.best_key.wrapping_sub(self.base).cast_unsigned();
        if distance >= self.window.len() as u64 / 4 * 3 {
            self.recentre();
        }
    }

    /// Puts the best key a quarter into the window, if credit allows.
    #[cold]
    fn recentre(&mut self) {
        let length = self.window.len() as i64;
        let base = self.best_key.saturating_sub(length / 4).min(i64::MAX - length);
        if base == self.base {
            return;
        }
        // What lies far and would come near, counted no further than credit reaches.
        let means = self.credit + FREE_MOVES;
        let mut cost = self.near;
        let mut next = self.far.first_from(base);
        while let Some(key) = next.filter(|&key| key < base + length) {
            cost += 1;
            if cost > means {
                break;
            }
            next = self.far.first_from(key + 1);
        }
        if cost > means {
            // As it is it works too, only slower; every such try earns credit.
            self.credit += 1;
            return;
        }
        self.credit = 0;
        let mut at = self.occupied.first_from(0);
        while let Some(slot) = at {
            let key = self.key_of(slot);
            if key < base || key >= base + length {
                self.far.insert(key, *self.window.get(key as usize));
                *self.window.get_mut(key as usize) = Level::EMPTY;
                self.occupied.clear(slot);
                self.near -= 1;
            }
            at = self.occupied.first_from(slot + 1);
        }
        self.base = base;
        let mut next = self.far.first_from(base);
        while let Some(key) = next.filter(|&key| key < base + length) {
            if let Some(level) = self.far.remove(key) {
                *self.window.get_mut(key as usize) = level;
                self.occupied.set(self.window.slot(key as usize));
                self.near += 1;
            }
            next = self.far.first_from(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Ticks wander, jump to the ends of the range, and come back, on both sides, with a window
    /// much smaller than the spread.
    #[test]
    fn keeps_levels_in_order_wherever_the_window_is() {
        for side in [Side::Buy, Side::Sell] {
            let mut ladder = Ladder::new(side, 64);
            let mut map: BTreeMap<i64, u32> = BTreeMap::new();
            let mut state = 11_u64;
            let mut centre = 0_i64;
            for round in 1..50_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                centre += (state >> 61) as i64 - 3;
                let tick = match state >> 40 & 63 {
                    0 => i64::MAX,
                    1 => i64::MIN,
                    2 => i64::MIN + (state >> 50) as i64,
                    3 => i64::MAX - (state >> 50) as i64,
                    _ => centre + (state >> 30 & 127) as i64 - 64,
                };
                let key = ladder.key(tick);
                if state >> 63 == 0 {
                    let level = ladder.enter(key);
                    assert_eq!(map.get(&key).copied().unwrap_or(0), level.tail);
                    level.orders += 1;
                    level.tail = round;
                    map.insert(key, round);
                } else if let Some((&key, &mark)) = map.range(key..).next() {
                    assert_eq!(ladder.level(key).map(|level| level.tail), Some(mark));
                    *ladder.level_mut(key) = Level::EMPTY;
                    ladder.remove(key);
                    map.remove(&key);
                }
                assert_eq!(ladder.best_key(), map.keys().next().copied());
                assert_eq!(ladder.level(key).map(|level| level.tail), map.get(&key).copied());
                let expected = map.range(key..).next().map(|(&key, _)| key);
                assert_eq!(ladder.first_from(key), expected);
                if round % 512 == 0 {
                    assert!(ladder.keys().eq(map.keys().copied()));
                }
            }
        }
    }
}
