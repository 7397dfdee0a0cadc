//! One price of the paper book: who waits there, in order, and what the live book said of it.

use tiercel_types::{OrderId, Price, Timestamp};

use super::QueueModel;

/// Who waits at a price. Quantities are in units of 10^-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) order_id: OrderId,
    pub(super) qty: u64,
    /// Ours; else the market's.
    pub(super) is_own: bool,
}

/// A decrease that the live book told and no trade has explained yet: the trade may be told behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unexplained {
    qty: u64,
    /// What of it was taken from ahead of our first order.
    ahead: u64,
    /// A trade that is told later is another one.
    until: Timestamp,
}

/// A price, and its queue as the engine has it, front first.
#[derive(Clone, Debug)]
pub(super) struct PaperLevel {
    pub(super) price: Price,
    /// What the live book said last.
    pub(super) live: u64,
    pub(super) queue: Vec<Entry>,
    unexplained: Unexplained,
}

impl PaperLevel {
    pub(super) fn new(price: Price, queue: Vec<Entry>) -> Self {
        Self { price, live: 0, queue, unexplained: Unexplained::default() }
    }

    /// What of the market waits here.
    pub(super) fn market_qty(&self) -> u64 {
        self.queue.iter().filter(|entry| !entry.is_own).map(|entry| entry.qty).sum()
    }

    /// Whether one of ours waits here.
    pub(super) fn has_own(&self) -> bool {
        self.queue.iter().any(|entry| entry.is_own)
    }

    /// What of the market is ahead of one of our orders; `None`: it is not here.
    pub(super) fn ahead_of(&self, order_id: OrderId) -> Option<u64> {
        let at = self.queue.iter().position(|entry| entry.order_id == order_id)?;
        Some(self.queue[..at].iter().filter(|entry| !entry.is_own).map(|entry| entry.qty).sum())
    }

    /// Whether nothing has to be known of it any more.
    pub(super) fn is_void(&self) -> bool {
        self.queue.is_empty() && self.live == 0
    }

    /// Shares a decrease of `qty` out over the market's orders: what each loses, into `taken`. What one loses is a
    /// multiple of the lot, where all quantities are.
    pub(super) fn share_out(
        &self,
        qty: u64,
        lot: u64,
        model: QueueModel,
        taken: &mut Vec<(OrderId, u64)>,
    ) {
        taken.clear();
        let market = self.queue.iter().filter(|entry| !entry.is_own);
        taken.extend(market.clone().map(|entry| (entry.order_id, 0)));
        let total = self.market_qty();
        let mut left = qty.min(total);
        if model == QueueModel::Proportional && left > 0 {
            let whole = left;
            for (entry, (_, takes)) in market.clone().zip(taken.iter_mut()) {
                let share = u128::from(whole) * u128::from(entry.qty) / u128::from(total);
                // Not above the entry's own quantity, for `whole` is not above the total.
                *takes = share as u64 / lot * lot;
                left -= *takes;
            }
        }
        // All of it, or what did not divide: from one end on.
        let places = taken.len();
        for step in 0..places {
            let place = if model == QueueModel::Ahead { step } else { places - 1 - step };
            let Some(entry) = market.clone().nth(place) else { continue };
            let more = left.min(entry.qty - taken[place].1);
            taken[place].1 += more;
            left -= more;
        }
        taken.retain(|(_, takes)| *takes > 0);
    }

    /// Remembers a decrease of which no trade is known, before it is taken away.
    pub(super) fn remember(&mut self, now: Timestamp, lag_ns: u64, taken: &[(OrderId, u64)]) {
        let first = self.queue.iter().position(|entry| entry.is_own);
        let ahead = &self.queue[..first.unwrap_or(self.queue.len())];
        if self.unexplained.until < now {
            self.unexplained = Unexplained::default();
        }
        for (order_id, takes) in taken {
            self.unexplained.qty += takes;
            if ahead.iter().any(|entry| entry.order_id == *order_id) {
                self.unexplained.ahead += takes;
            }
        }
        self.unexplained.until = Timestamp(now.0.saturating_add(lag_ns));
    }

    /// A trade of `qty` is told: how much of it the live book told before, and how much of that was taken from ahead
    /// of us then.
    pub(super) fn explain(&mut self, now: Timestamp, qty: u64, lot: u64) -> (u64, u64) {
        let Unexplained { qty: open, ahead, until } = self.unexplained;
        if until < now || open == 0 {
            return (0, 0);
        }
        let told = qty.min(open);
        let share = u128::from(ahead) * u128::from(told) / u128::from(open);
        // What does not divide counts as taken already: we are not filled by it.
        let share = (share as u64).next_multiple_of(lot).min(told).min(ahead);
        self.unexplained = Unexplained { qty: open - told, ahead: ahead - share, until };
        (told, share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(queue: &[(u64, bool)]) -> PaperLevel {
        let entries = queue.iter().zip(1..);
        let entries = entries.map(|((qty, is_own), id)| Entry {
            order_id: OrderId(id),
            qty: *qty,
            is_own: *is_own,
        });
        PaperLevel::new(Price::from_units(1), entries.collect())
    }

    fn shares(queue: &[(u64, bool)], qty: u64, model: QueueModel) -> Vec<(u64, u64)> {
        let mut taken = Vec::new();
        level(queue).share_out(qty, 10, model, &mut taken);
        taken.into_iter().map(|(order_id, takes)| (order_id.0, takes)).collect()
    }

    #[test]
    fn a_decrease_is_shared_out_as_the_model_says() {
        let queue = [(60, false), (20, true), (30, false), (10, false)];
        assert_eq!(shares(&queue, 50, QueueModel::Proportional), [(1, 30), (3, 10), (4, 10)]);
        assert_eq!(shares(&queue, 50, QueueModel::Behind), [(1, 10), (3, 30), (4, 10)]);
        assert_eq!(shares(&queue, 50, QueueModel::Ahead), [(1, 50)]);
        // Never more than there is.
        let all = [(1, 60), (3, 30), (4, 10)];
        for model in [QueueModel::Proportional, QueueModel::Behind, QueueModel::Ahead] {
            assert_eq!(shares(&queue, 1_000, model), all);
        }
        assert_eq!(shares(&[(20, true)], 50, QueueModel::Proportional), []);
    }

    #[test]
    fn a_trade_explains_the_decrease_before_it_once_and_in_time() {
        let mut level = level(&[(60, false), (20, true), (40, false)]);
        level.remember(Timestamp(5), 10, &[(OrderId(1), 30), (OrderId(3), 20)]);
        assert_eq!(level.explain(Timestamp(15), 20, 10), (20, 20));
        assert_eq!(level.explain(Timestamp(15), 100, 10), (30, 10));
        assert_eq!(level.explain(Timestamp(15), 100, 10), (0, 0));
        level.remember(Timestamp(20), 10, &[(OrderId(1), 30)]);
        assert_eq!(level.explain(Timestamp(31), 30, 10), (0, 0));
    }
}
