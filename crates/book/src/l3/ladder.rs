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
const NEAR: usize = 8;

/// The levels of one side, the best last.
///
/// Prices are compared through a mask that turns the order round for asks, so that both sides run
/// the same code without a branch on the side.
#[derive(Debug)]
pub(super) struct Ladder {
    levels: Vec<Level>,
    /// All ones for asks.
    mask: u32,
}

impl Ladder {
    pub(super) fn new(side: Side, levels: usize) -> Self {
        let mask = match side {
            Side::Buy => 0,
            Side::Sell => u32::MAX,
        };
        Self { levels: Vec::with_capacity(levels), mask }
    }

    #[inline]
    pub(super) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Where the level of this price is, or would be.
    #[inline]
    fn search(&self, price: u32) -> usize {
        let key = price ^ self.mask;
        let far = match self.levels.split_last_chunk::<NEAR>() {
            Some((far, near)) => {
                let worse: usize =
                    near.iter().map(|level| usize::from((level.price ^ self.mask) < key)).sum();
                if worse > 0 {
                    return far.len() + worse;
                }
                far
            }
            None => &self.levels,
        };
        far.partition_point(|level| (level.price ^ self.mask) < key)
    }

    /// Where the level of this price is.
    #[inline]
    pub(super) fn position(&self, price: u32) -> Option<usize> {
        let at = self.search(price);
        (self.levels.get(at)?.price == price).then_some(at)
    }

    #[inline]
    pub(super) fn find_mut(&mut self, price: u32) -> Option<&mut Level> {
        let at = self.position(price)?;
        self.levels.get_mut(at)
    }

    /// The level of this price, made where there is none.
    #[inline]
    pub(super) fn level_at(&mut self, price: u32) -> &mut Level {
        let at = self.search(price);
        if self.levels.get(at).is_none_or(|level| level.price != price) {
            let level = Level { qty: 0, price, orders: 0, first: NONE, last: NONE };
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
        self.levels.remove(at);
    }
}
