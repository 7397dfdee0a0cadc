//! One side of a book: price levels in order, best first.
//!
//! ```text
//!        far (crit-bit tree)   |  window of slots, one per tick, with a bitmap  |  far
//!   ---------------------------+------------------------------------------------+-------> key
//!                              base              best                    base + slots
//! ```
//!
//! Levels are ordered by key: the tick for asks, its bitwise complement for bids, so that on both
//! sides the best level has the smallest key and the code has no sides. Keys round the touch lie
//! in the window and are found by indexing; the few others lie in a tree. The window follows the
//! best key when it drifts, paid for by credit: a move costs no more than the operations outside
//! the window since the last one, so that nobody can make the book rebuild itself at every order.

use tiercel_types::Side;

use crate::bitmap::Bitmap;
use crate::far::FarLevels;
use crate::orders::NONE;

/// A price level: its queue and sums, half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Level {
    pub(crate) tick: i64,
    /// Visible lots of all its orders.
    pub(crate) displayed: u64,
    /// Hidden lots of all its orders.
    pub(crate) hidden: u64,
    /// First in the queue.
    pub(crate) head: u32,
    /// Last in the queue.
    pub(crate) tail: u32,
}

const _: () = assert!(size_of::<Level>() == 32, "two levels fill a cache line");

/// The levels of a book, by handle.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    slots: Vec<Level>,
    /// First free slot; free slots are linked by `head`.
    free: u32,
}

impl Levels {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::with_capacity(1024), free: NONE }
    }

    #[inline(always)]
    pub(crate) fn get(&self, level: u32) -> &Level {
        &self.slots[level as usize]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, level: u32) -> &mut Level {
        &mut self.slots[level as usize]
    }

    #[inline(always)]
    fn insert(&mut self, tick: i64) -> u32 {
        let level = Level { tick, displayed: 0, hidden: 0, head: NONE, tail: NONE };
        let handle = self.free;
        if handle == NONE {
            return self.append(level);
        }
        let slot = &mut self.slots[handle as usize];
        self.free = slot.head;
        *slot = level;
        handle
    }

    #[inline(never)]
    fn append(&mut self, level: Level) -> u32 {
        self.slots.push(level);
        self.slots.len() as u32 - 1
    }

    #[inline(always)]
    fn remove(&mut self, level: u32) {
        self.slots[level as usize].head = self.free;
        self.free = level;
    }
}

/// One side of a book.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    /// Key of the best level; meaningless while `best` is [`NONE`].
    pub(crate) best_key: i64,
    /// The best level, or [`NONE`].
    pub(crate) best: u32,
    /// Zero for asks, all ones for bids: `key = tick ^ mask`.
    mask: i64,
    /// Key of the first slot; at most `i64::MAX - slots`, so that no distance wraps.
    base: i64,
    slots: Box<[u32]>,
    occupied: Bitmap,
    near: usize,
    far: FarLevels,
    /// What may be spent on moving the window.
    credit: usize,
    /// Levels under way while the window moves.
    moving: Vec<(i64, u32)>,
}

impl Ladder {
    /// An empty side with a window of `slots` ticks.
    pub(crate) fn new(side: Side, slots: usize) -> Self {
        let mask = match side {
            Side::Buy => -1,
            Side::Sell => 0,
        };
        Self {
            best_key: 0,
            best: NONE,
            mask,
            base: 0,
            slots: vec![NONE; slots].into(),
            occupied: Bitmap::new(slots),
            near: 0,
            far: FarLevels::new(),
            credit: 0,
            moving: Vec::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn key(&self, tick: i64) -> i64 {
        tick ^ self.mask
    }

    /// The slot of a key, if it lies in the window.
    #[inline(always)]
    fn slot(&self, key: i64) -> Option<usize> {
        let distance = key.wrapping_sub(self.base).cast_unsigned();
        (distance < self.slots.len() as u64).then_some(distance as usize)
    }

    /// The level at `tick`, made if it is not there.
    #[inline(always)]
    pub(crate) fn level_at(&mut self, tick: i64, levels: &mut Levels) -> u32 {
        let key = self.key(tick);
        let level;
        if let Some(slot) = self.slot(key) {
            let found = self.slots[slot];
            if found != NONE {
                return found;
            }
            level = levels.insert(tick);
            self.slots[slot] = level;
            self.occupied.set(slot);
            self.near += 1;
        } else {
            self.credit += 1;
            if let Some(found) = self.far.get(key) {
                return found;
            }
            level = levels.insert(tick);
            self.far.insert(key, level);
        }
        if self.best == NONE || key < self.best_key {
            self.best = level;
            self.best_key = key;
            self.follow();
        }
        level
    }

    /// The level at `tick`, if it is there.
    pub(crate) fn find(&self, tick: i64) -> Option<u32> {
        let key = self.key(tick);
        match self.slot(key) {
            Some(slot) => Some(self.slots[slot]).filter(|&level| level != NONE),
            None => self.far.get(key),
        }
    }

    /// Removes a level whose last order has gone.
    #[inline(always)]
    pub(crate) fn remove(&mut self, level: u32, levels: &mut Levels) {
        let key = self.key(levels.get(level).tick);
        levels.remove(level);
        if let Some(slot) = self.slot(key) {
            self.slots[slot] = NONE;
            self.occupied.clear(slot);
            self.near -= 1;
        } else {
            self.credit += 1;
            self.far.remove(key);
        }
        if key == self.best_key {
            match self.first_from(key) {
                Some((key, level)) => {
                    self.best_key = key;
                    self.best = level;
                    self.follow();
                }
                None => self.best = NONE,
            }
        }
    }

    /// The best level at or behind `key`: (key, level).
    #[inline(always)]
    pub(crate) fn first_from(&self, key: i64) -> Option<(i64, u32)> {
        let near = self.near_from(key);
        if self.far.is_empty() {
            return near;
        }
        match (near, self.far.first_from(key)) {
            (Some(near), Some(far)) => Some(if near.0 < far.0 { near } else { far }),
            (near, far) => near.or(far),
        }
    }

    #[inline(always)]
    fn near_from(&self, key: i64) -> Option<(i64, u32)> {
        let start = if key <= self.base { 0 } else { self.slot(key)? };
        let slot = self.occupied.first_from(start)?;
        Some((self.base + slot as i64, self.slots[slot]))
    }

    /// The level behind `key`: (key, level).
    #[inline]
    pub(crate) fn next_after(&self, key: i64) -> Option<(i64, u32)> {
        self.first_from(key.checked_add(1)?)
    }

    /// Moves the window when the best key has left its first three quarters.
    #[inline(always)]
    fn follow(&mut self) {
        let distance = self.best_key.wrapping_sub(self.base).cast_unsigned();
        if distance >= self.slots.len() as u64 / 4 * 3 {
            self.recentre();
        }
    }

    /// Puts the best key a quarter into the window, if credit allows.
    #[cold]
    fn recentre(&mut self) {
        let slots = self.slots.len() as i64;
        let base = self.best_key.saturating_sub(slots / 4).min(i64::MAX - slots);
        if base == self.base {
            return;
        }
        // What lies far and would come near, counted no further than credit reaches.
        let mut incoming = 0;
        let mut next = self.far.first_from(base);
        while let Some((key, _)) = next.filter(|&(key, _)| key < base + slots) {
            incoming += 1;
            if self.near + incoming > self.credit + 64 {
                return;
            }
            next = self.far.first_from(key + 1);
        }
        if self.near + incoming > self.credit + 64 {
            // Inside the window it still works as it is; outside every operation earns credit.
            self.credit += 1;
            return;
        }
        self.credit = 0;
        let mut moving = core::mem::take(&mut self.moving);
        let mut at = self.occupied.first_from(0);
        while let Some(slot) = at {
            moving.push((self.base + slot as i64, self.slots[slot]));
            self.slots[slot] = NONE;
            self.occupied.clear(slot);
            at = self.occupied.first_from(slot + 1);
        }
        let mut next = self.far.first_from(base);
        while let Some((key, level)) = next.filter(|&(key, _)| key < base + slots) {
            self.far.remove(key);
            moving.push((key, level));
            next = self.far.first_from(key);
        }
        self.base = base;
        self.near = 0;
        for (key, level) in moving.drain(..) {
            if let Some(slot) = self.slot(key) {
                self.slots[slot] = level;
                self.occupied.set(slot);
                self.near += 1;
            } else {
                self.far.insert(key, level);
            }
        }
        self.moving = moving;
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
            let mut levels = Levels::new();
            let mut map = BTreeMap::new();
            let mut state = 11_u64;
            let mut centre = 0_i64;
            for _ in 0..50_000 {
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
                    let level = ladder.level_at(tick, &mut levels);
                    assert_eq!(levels.get(level).tick, tick);
                    assert_eq!(*map.entry(key).or_insert(level), level);
                } else if let Some((&key, &level)) = map.range(key..).next() {
                    ladder.remove(level, &mut levels);
                    map.remove(&key);
                }
                let best = map.first_key_value().map(|(&key, &level)| (key, level));
                let found = (ladder.best != NONE).then_some((ladder.best_key, ladder.best));
                assert_eq!(found, best);
                assert_eq!(ladder.find(tick), map.get(&key).copied());
                let expected = map.range(key..).next().map(|(&key, &level)| (key, level));
                assert_eq!(ladder.first_from(key), expected);
            }
        }
    }
}
