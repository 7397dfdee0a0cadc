//! One side of a book: its price levels, sorted.

use tiercel_types::Side;

use super::orders::NONE;

/// All orders at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The open quantity. Cannot overflow: under 2^32 orders of under 2^32 each.
    pub(super) qty: u64,
    pub(super) price: u32,
    pub(super) orders: u32,
    /// The first and the last order of the queue; [`NONE`] only while the level is being made.
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Level {
    /// The price, in the feed's units.
    #[inline]
    pub const fn price(&self) -> u32 {
        self.price
    }

    /// The open quantity of its orders, in the feed's units.
    #[inline]
    pub const fn qty(&self) -> u64 {
        self.qty
    }

    /// The number of its orders.
    #[inline]
    pub const fn orders(&self) -> u32 {
        self.orders
    }
}

/// So many of the best levels are searched without a branch.
const NEAR: usize = 16;

/// The levels of one side, the best last.
///
/// Prices are kept once more by themselves, sixteen to a cache line, for searching; as keys that
/// grow from the worst price to the best, so that both sides run the same code without a branch
/// on the side.
#[derive(Debug)]
pub(super) struct Ladder {
    keys: Vec<u32>,
    levels: Vec<Level>,
    /// What turns prices into keys and back: all ones for asks.
    mask: u32,
}

impl Ladder {
    pub(super) fn new(side: Side, levels: usize) -> Self {
        let mask = match side {
            Side::Buy => 0,
            Side::Sell => u32::MAX,
        };
        Self { keys: Vec::with_capacity(levels), levels: Vec::with_capacity(levels), mask }
    }

    #[inline]
    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Whether an order of the other side at this price meets the best of this one.
    #[inline]
    pub(super) fn is_met_at(&self, price: u32) -> bool {
        self.keys.last().is_some_and(|&best| best >= price ^ self.mask)
    }

    /// Where the level of this key is, or would be.
    #[inline]
    fn search(&self, key: u32) -> usize {
        let far = match self.keys.split_last_chunk::<NEAR>() {
            Some((far, near)) => {
                let worse: u32 = near.iter().map(|&other| u32::from(other < key)).sum();
                if worse > 0 {
                    return far.len() + worse as usize;
                }
                far
            }
            None => &self.keys,
        };
        far.partition_point(|&other| other < key)
    }

    /// Where the level of this price is.
    #[inline]
    pub(super) fn position(&self, price: u32) -> Option<usize> {
        let key = price ^ self.mask;
        let at = self.search(key);
        (*self.keys.get(at)? == key).then_some(at)
    }

    #[inline]
    pub(super) fn find_mut(&mut self, price: u32) -> Option<&mut Level> {
        let at = self.position(price)?;
        self.levels.get_mut(at)
    }

    /// The level of this price, made where there is none.
    #[inline]
    pub(super) fn level_at(&mut self, price: u32) -> &mut Level {
        let key = price ^ self.mask;
        let at = self.search(key);
        if self.keys.get(at).is_none_or(|&other| other != key) {
            let level = Level { qty: 0, price, orders: 0, first: NONE, last: NONE };
            self.keys.insert(at, key);
            self.levels.insert(at, level);
        }
        &mut self.levels[at]
    }

    #[inline]
    pub(super) fn at_mut(&mut self, at: usize) -> &mut Level {
        &mut self.levels[at]
    }

    #[inline]
    pub(super) fn remove(&mut self, at: usize) {
        self.keys.remove(at);
        self.levels.remove(at);
    }
}
