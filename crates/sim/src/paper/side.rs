//! One side of the paper book: prices from the worst to the best.

use tiercel_types::{OrderId, Price, Side};

use super::level::{Entry, PaperLevel};

/// Queues that are kept for prices to come.
const SPARE_QUEUES: usize = 128;

#[derive(Clone, Debug)]
pub(super) struct PaperSide {
    side: Side,
    /// The best last.
    levels: Vec<PaperLevel>,
    spare: Vec<Vec<Entry>>,
}

impl PaperSide {
    pub(super) fn new(side: Side, levels: usize) -> Self {
        let spare = (0..levels).map(|_| Vec::with_capacity(8)).collect();
        Self { side, levels: Vec::with_capacity(levels), spare }
    }

    /// Higher is better.
    pub(super) const fn rank(&self, price: Price) -> i64 {
        match self.side {
            Side::Buy => price.units(),
            Side::Sell => !price.units(),
        }
    }

    /// Where a price is, or belongs.
    fn place(&self, price: Price) -> Result<usize, usize> {
        let rank = self.rank(price);
        self.levels.binary_search_by_key(&rank, |level| self.rank(level.price))
    }

    /// The prices, the best last.
    pub(super) fn levels(&self) -> &[PaperLevel] {
        &self.levels
    }

    pub(super) fn level_mut(&mut self, at: usize) -> &mut PaperLevel {
        &mut self.levels[at]
    }

    pub(super) fn find(&self, price: Price) -> Option<&PaperLevel> {
        self.place(price).ok().map(|at| &self.levels[at])
    }

    pub(super) fn find_mut(&mut self, price: Price) -> Option<&mut PaperLevel> {
        self.place(price).ok().map(|at| &mut self.levels[at])
    }

    /// The level of a price, which is there afterwards; whether it is new.
    pub(super) fn enter(&mut self, price: Price) -> (&mut PaperLevel, bool) {
        match self.place(price) {
            Ok(at) => (&mut self.levels[at], false),
            Err(at) => {
                let queue = self.spare.pop().unwrap_or_default();
                self.levels.insert(at, PaperLevel::new(price, queue));
                (&mut self.levels[at], true)
            }
        }
    }

    /// An order waits at the back of its price.
    pub(super) fn push(&mut self, price: Price, entry: Entry) {
        self.enter(price).0.queue.push(entry);
    }

    /// An order has so much left at its price; nothing: it is gone.
    pub(super) fn set(&mut self, price: Price, order_id: OrderId, qty: u64) {
        let Some(level) = self.find_mut(price) else { return };
        let Some(at) = level.queue.iter().position(|entry| entry.order_id == order_id) else {
            return;
        };
        if qty == 0 {
            level.queue.remove(at);
        } else {
            level.queue[at].qty = qty;
        }
    }

    /// Forgets prices of which nothing has to be known.
    pub(super) fn tidy(&mut self) {
        let Self { levels, spare, .. } = self;
        levels.retain_mut(|level| {
            let is_void = level.is_void();
            if is_void && spare.len() < SPARE_QUEUES {
                spare.push(std::mem::take(&mut level.queue));
            }
            !is_void
        });
    }
}
