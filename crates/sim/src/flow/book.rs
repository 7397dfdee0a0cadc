//! The generators' own book: price-time priority in the plainest form.
//!
//! It tells the mixed flow which orders live and where the last trade was, and it says which
//! trades every engine must produce. It is meant to be read, not to be fast.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::Side;

use super::{Op, TradeSum};

/// An order as the generator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) account: u32,
    pub(super) side: Side,
    pub(super) price_ticks: i64,
    pub(super) open: u64,
}

/// What became of a taker, and which makers it filled.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Makers that are filled and gone, in order.
    pub(super) filled_makers: Vec<u64>,
    /// The price of the last trade, if there was one.
    pub(super) last_price_ticks: Option<i64>,
    /// Whether the order itself rests now.
    pub(super) rests: bool,
    /// An immediate-or-cancel order that was not filled in full.
    pub(super) cut: bool,
}

/// Orders by id and levels by price. Ids count from 1 without gaps.
#[derive(Debug, Default)]
pub(super) struct ReferenceBook {
    orders: Vec<Option<Order>>,
    sides: [BTreeMap<i64, VecDeque<u64>>; 2],
    counts: [usize; 2],
    expire_taker: bool,
    trades: TradeSum,
}

impl ReferenceBook {
    /// An empty book; with `expire_taker` an order that meets one of its own account ends there.
    pub(super) fn new(expire_taker: bool) -> Self {
        Self { expire_taker, ..Self::default() }
    }

    pub(super) fn trades(&self) -> TradeSum {
        self.trades
    }

    pub(super) fn count(&self, side: Side) -> usize {
        self.counts[side.index()]
    }

    pub(super) fn levels(&self) -> usize {
        self.sides.iter().map(BTreeMap::len).sum()
    }

    pub(super) fn order(&self, id: u64) -> Option<Order> {
        self.orders.get(id as usize).copied().flatten()
    }

    /// Does `op` to the book. Cancels and moves of unknown orders do nothing.
    pub(super) fn apply(&mut self, op: &Op) -> Outcome {
        match *op {
            Op::New { id, account, side, price_ticks, qty, ioc } => {
                self.enter(Order { id, account, side, price_ticks, open: qty }, ioc)
            }
            Op::Cancel { id, .. } => {
                self.remove(id);
                Outcome::default()
            }
            Op::Move { id, price_ticks, qty, .. } => match self.remove(id) {
                Some(order) => self.enter(Order { price_ticks, open: qty, ..order }, false),
                None => Outcome::default(),
            },
        }
    }

    fn enter(&mut self, mut taker: Order, ioc: bool) -> Outcome {
        let mut outcome = Outcome::default();
        while taker.open > 0 {
            let Some(maker) = self.best_crossing(&taker) else { break };
            if self.expire_taker && maker.account == taker.account {
                return outcome;
            }
            let qty = taker.open.min(maker.open);
            self.trades.add(maker.price_ticks, qty);
            outcome.last_price_ticks = Some(maker.price_ticks);
            taker.open -= qty;
            if qty == maker.open {
                self.remove(maker.id);
                outcome.filled_makers.push(maker.id);
            } else if let Some(Some(order)) = self.orders.get_mut(maker.id as usize) {
                order.open -= qty;
            }
        }
        if taker.open > 0 && !ioc {
            self.rest(taker);
            outcome.rests = true;
        }
        outcome.cut = taker.open > 0 && ioc;
        outcome
    }

    fn best_crossing(&self, taker: &Order) -> Option<Order> {
        let levels = &self.sides[taker.side.opposite().index()];
        let (price, queue) = match taker.side {
            Side::Buy => levels.first_key_value()?,
            Side::Sell => levels.last_key_value()?,
        };
        let crosses = match taker.side {
            Side::Buy => *price <= taker.price_ticks,
            Side::Sell => *price >= taker.price_ticks,
        };
        if crosses { queue.front().and_then(|&id| self.order(id)) } else { None }
    }

    fn rest(&mut self, order: Order) {
        let slot = order.id as usize;
        if self.orders.len() <= slot {
            self.orders.resize(slot + 1, None);
        }
        self.orders[slot] = Some(order);
        self.sides[order.side.index()].entry(order.price_ticks).or_default().push_back(order.id);
        self.counts[order.side.index()] += 1;
    }

    fn remove(&mut self, id: u64) -> Option<Order> {
        let order = self.orders.get_mut(id as usize)?.take()?;
        let levels = &mut self.sides[order.side.index()];
        if let Some(queue) = levels.get_mut(&order.price_ticks) {
            queue.retain(|&other| other != id);
            if queue.is_empty() {
                levels.remove(&order.price_ticks);
            }
        }
        self.counts[order.side.index()] -= 1;
        Some(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(id: u64, account: u32, side: Side, price_ticks: i64, qty: u64, ioc: bool) -> Op {
        Op::New { id, account, side, price_ticks, qty, ioc }
    }

    #[test]
    fn a_taker_walks_the_levels_in_price_then_time_order() {
        let mut book = ReferenceBook::new(false);
        book.apply(&new(1, 1, Side::Sell, 101, 5, false));
        book.apply(&new(2, 2, Side::Sell, 100, 3, false));
        book.apply(&new(3, 3, Side::Sell, 100, 4, false));
        let outcome = book.apply(&new(4, 4, Side::Buy, 100, 10, false));
        assert_eq!(outcome.filled_makers, [2, 3]);
        assert!(outcome.rests && !outcome.cut);
        assert_eq!(outcome.last_price_ticks, Some(100));
        assert_eq!(book.order(4).map(|order| order.open), Some(3));
        let mut expected = TradeSum::default();
        expected.add(100, 3);
        expected.add(100, 4);
        assert_eq!(book.trades(), expected);
        // A move towards the market trades what it crosses and keeps the rest.
        let outcome = book.apply(&Op::Move { id: 1, account: 1, price_ticks: 100, qty: 5 });
        assert_eq!(outcome.filled_makers, [4]);
        assert_eq!((book.count(Side::Buy), book.count(Side::Sell), book.levels()), (0, 1, 1));
    }

    #[test]
    fn an_immediate_order_never_rests() {
        let mut book = ReferenceBook::new(false);
        book.apply(&new(1, 1, Side::Buy, 100, 5, false));
        let outcome = book.apply(&new(2, 2, Side::Sell, 90, 8, true));
        assert!(outcome.cut && !outcome.rests);
        assert_eq!(book.levels(), 0);
    }

    #[test]
    fn self_trade_prevention_ends_the_taker_and_leaves_the_maker() {
        let mut book = ReferenceBook::new(true);
        book.apply(&new(1, 7, Side::Buy, 100, 5, false));
        let outcome = book.apply(&new(2, 7, Side::Sell, 90, 8, false));
        assert!(!outcome.rests && outcome.filled_makers.is_empty());
        assert_eq!(book.trades().count, 0);
        assert_eq!(book.order(1).map(|order| order.open), Some(5));
    }
}
