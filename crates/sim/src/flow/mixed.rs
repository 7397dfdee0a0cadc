//! Load d: the mix of exchange-core's published benchmark.

use tiercel_types::Side;

use super::book::ReferenceBook;
use super::{Load, Op, Run};
use crate::rng::Rng;

/// Accounts that trade, numbered from 1.
pub const ACCOUNTS: u64 = 1_000;
/// Where the price starts, in ticks.
pub const CENTRAL_PRICE_TICKS: i64 = 63_000;
/// How far from the last trade an order may be placed: 5% of the central price.
pub const PRICE_DEVIATION_TICKS: i64 = CENTRAL_PRICE_TICKS / 20;

/// Last-trade prices are held within this far of the central price, and immediate orders are
/// priced there, so that they take whatever rests.
const PRICE_REACH_TICKS: i64 = 5 * PRICE_DEVIATION_TICKS;
/// Resting orders that each side is steered to.
const TARGET_PER_SIDE: usize = 500;
/// The generator looks at the size of the book only once in so many operations.
const SIZE_CHECK_OPS: usize = 512;
/// Cancels and moves choose among so many of the oldest live orders.
const OLDEST: usize = 512;

/// What a mixed flow was made of, over its measured operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MixedStats {
    /// Good-till-cancelled orders.
    pub adds: usize,
    /// Immediate-or-cancel orders.
    pub iocs: usize,
    /// Cancels.
    pub cancels: usize,
    /// Moves.
    pub moves: usize,
    /// Operations that traded.
    pub trading_ops: usize,
    /// Resting orders, summed over the size checks.
    pub resting_sum: usize,
    /// Levels, summed over the size checks.
    pub levels_sum: usize,
    /// Size checks.
    pub checks: usize,
}

struct Generator {
    rng: Rng,
    book: ReferenceBook,
    /// Live orders, oldest first. Ids rise with age, so the list is sorted.
    live: Vec<u64>,
    next_id: u64,
    last_trade_ticks: i64,
    /// The sizes of the sides as of the last check.
    seen: [usize; 2],
    live_max: usize,
    filled: bool,
    stats: MixedStats,
}

/// Load d: about 9% good-till-cancelled orders, 3% immediate orders, 6% cancels and 82% moves on
/// some 1,000 resting orders of 1,000 accounts, after the test-order generator of exchange-core
/// (`TestOrdersGenerator`, the "1K active orders" single-symbol test of its README). The fill of
/// the book comes first and is not measured; `ops` operations follow that are.
///
/// The shares are not drawn: they come out of steering the book to 500 orders a side. A side that
/// is short of orders (as of the last look, once in 512 operations) gets a new order with one
/// chance in 5, a cancel with 1 in 10, else a move; a side that is not gets an immediate order
/// with 1 in 20, a cancel with 1 in 40, else a move.
///
/// - A new order lies `abs(2 * mean - deviation)` ticks from the last trade on its passive side,
///   `mean` being that of 4 draws below `deviation = 1 + u * u * 5% of the central price`, `u`
///   uniform in 0..1 (kept as a 32-bit fraction: no floating point).
/// - Sizes are `1 + r * r * r` lots with each `r` in 0..=5.
/// - A move goes 1% of the order's distance towards the last trade, rounded away from zero; an
///   order that is there already goes one tick up or down. It keeps its open quantity.
/// - Cancels and moves choose evenly among the 512 oldest live orders of both sides.
///
/// Decided here, where the original leaves it open or differs between its versions: the central
/// price is 63,000 ticks (the original draws one per symbol, and that is its median; it gives the
/// published 550 to 750 levels); moves stand where a later version reduces sizes (the published
/// shares are the earlier's); the random numbers are ours.
///
/// With `expire_taker` the flow is made for engines that apply self-trade prevention of that
/// mode to every order: then the reference trades observe it too.
pub fn mixed(seed: u64, ops: usize, expire_taker: bool) -> (Load, MixedStats) {
    let mut generator = Generator {
        rng: Rng::new(seed),
        book: ReferenceBook::new(expire_taker),
        live: Vec::with_capacity(4 * TARGET_PER_SIDE),
        next_id: 1,
        last_trade_ticks: CENTRAL_PRICE_TICKS,
        seen: [0; 2],
        live_max: 0,
        filled: false,
        stats: MixedStats::default(),
    };
    let mut list = Vec::with_capacity(ops + 4 * TARGET_PER_SIDE);
    let mut fill_ops = 0;
    while list.len() - fill_ops < ops {
        let op = generator.next_op();
        if !generator.filled {
            fill_ops += 1;
        }
        generator.apply(&op);
        list.push(op);
        if list.len().is_multiple_of(SIZE_CHECK_OPS) {
            generator.check_size();
        }
    }
    let load = Load {
        ops: list,
        runs: vec![Run { ops: fill_ops, timed: false }, Run { ops, timed: true }],
        trades: generator.book.trades(),
        live_orders_max: generator.live_max,
    };
    (load, generator.stats)
}

impl Generator {
    fn next_op(&mut self) -> Op {
        loop {
            let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
            let short_of_orders = self.seen[side.index()] < TARGET_PER_SIDE;
            let lack = TARGET_PER_SIDE.saturating_sub(self.seen[side.index()]);
            let fast = !self.filled || lack > SIZE_CHECK_OPS.min(TARGET_PER_SIDE * 3 / 4);
            if !short_of_orders {
                self.filled = true;
            }
            let choices = match (short_of_orders, fast) {
                (true, true) => 2,
                (true, false) => 10,
                (false, _) => 40,
            };
            let choice = self.rng.below(choices);
            if choice < 2 {
                return self.new_order(side, !short_of_orders);
            }
            if self.live.is_empty() {
                continue;
            }
            let victim = self.live[self.rng.below(self.live.len().min(OLDEST) as u64) as usize];
            let Some(order) = self.book.order(victim) else { continue };
            if choice == 2 {
                return Op::Cancel { id: order.id, account: order.account };
            }
            let distance = self.last_trade_ticks - order.price_ticks;
            let step = if distance == 0 {
                if self.rng.coin() { 1 } else { -1 }
            } else {
                distance.signum() * (distance.abs() + 99).div_euclid(100)
            };
            return Op::Move {
                id: order.id,
                account: order.account,
                price_ticks: order.price_ticks + step,
                qty: order.open,
            };
        }
    }

    fn new_order(&mut self, side: Side, ioc: bool) -> Op {
        let account = 1 + self.rng.below(ACCOUNTS) as u32;
        let qty = 1 + self.rng.below(6) * self.rng.below(6) * self.rng.below(6);
        let toward_passive = if side == Side::Buy { -1 } else { 1 };
        let price_ticks = if ioc {
            CENTRAL_PRICE_TICKS - toward_passive * PRICE_REACH_TICKS
        } else {
            self.last_trade_ticks + toward_passive * self.passive_offset_ticks()
        };
        let id = self.next_id;
        self.next_id += 1;
        Op::New { id, account, side, price_ticks, qty, ioc }
    }

    fn passive_offset_ticks(&mut self) -> i64 {
        const DRAWS: u64 = 4;
        let u = u128::from(self.rng.next_u64() >> 32);
        let deviation = 1 + ((u * u * PRICE_DEVIATION_TICKS as u128) >> 64) as u64;
        let sum: u64 = (0..DRAWS).map(|_| self.rng.below(deviation)).sum();
        (2 * (sum / DRAWS)).abs_diff(deviation) as i64
    }

    fn apply(&mut self, op: &Op) {
        let before = self.book.trades().count;
        let outcome = self.book.apply(op);
        if let Some(price) = outcome.last_price_ticks {
            let (low, high) =
                (CENTRAL_PRICE_TICKS - PRICE_REACH_TICKS, CENTRAL_PRICE_TICKS + PRICE_REACH_TICKS);
            self.last_trade_ticks = price.clamp(low, high);
        }
        for &maker in &outcome.filled_makers {
            self.forget(maker);
        }
        match *op {
            Op::New { id, .. } => {
                if outcome.rests {
                    self.live.push(id);
                }
            }
            Op::Cancel { id, .. } => self.forget(id),
            Op::Move { id, .. } => {
                if !outcome.rests {
                    self.forget(id);
                }
            }
        }
        if outcome.cut {
            // A book too thin for an immediate order is looked at at once.
            self.seen = [self.book.count(Side::Buy), self.book.count(Side::Sell)];
        }
        self.live_max = self.live_max.max(self.live.len());
        if self.filled {
            self.stats.count(op, self.book.trades().count > before);
        }
    }

    fn forget(&mut self, id: u64) {
        if let Ok(at) = self.live.binary_search(&id) {
            self.live.remove(at);
        }
    }

    fn check_size(&mut self) {
        self.seen = [self.book.count(Side::Buy), self.book.count(Side::Sell)];
        if self.filled {
            self.stats.resting_sum += self.live.len();
            self.stats.levels_sum += self.book.levels();
            self.stats.checks += 1;
        }
    }
}

impl MixedStats {
    fn count(&mut self, op: &Op, traded: bool) {
        match op {
            Op::New { ioc: false, .. } => self.adds += 1,
            Op::New { ioc: true, .. } => self.iocs += 1,
            Op::Cancel { .. } => self.cancels += 1,
            Op::Move { .. } => self.moves += 1,
        }
        self.trading_ops += usize::from(traded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPS: usize = 200_000;

    #[test]
    fn the_mix_is_the_published_one() {
        let (load, stats) = mixed(1, OPS, false);
        assert_eq!(load.timed_ops(), OPS);
        let per_mille = |count: usize| count * 1_000 / OPS;
        assert!((80..=100).contains(&per_mille(stats.adds)), "{stats:?}");
        assert!((25..=35).contains(&per_mille(stats.iocs)), "{stats:?}");
        assert!((54..=66).contains(&per_mille(stats.cancels)), "{stats:?}");
        assert!((810..=830).contains(&per_mille(stats.moves)), "{stats:?}");
        assert!((20..=40).contains(&per_mille(stats.trading_ops)), "{stats:?}");
        let resting = stats.resting_sum / stats.checks;
        assert!((900..=1_100).contains(&resting), "{resting}");
        let levels = stats.levels_sum / stats.checks;
        assert!((550..=750).contains(&levels), "{levels}");
    }

    #[test]
    fn every_cancel_and_move_names_a_live_order_and_the_trades_are_reproduced() {
        for expire_taker in [false, true] {
            let (load, _) = mixed(2, 20_000, expire_taker);
            let mut book = ReferenceBook::new(expire_taker);
            for op in &load.ops {
                match *op {
                    Op::New { .. } => {}
                    Op::Cancel { id, account } => {
                        assert_eq!(book.order(id).map(|order| order.account), Some(account));
                    }
                    Op::Move { id, account, price_ticks, qty } => {
                        let order = book.order(id).expect("a move names a live order");
                        assert_eq!((order.account, order.open), (account, qty));
                        assert_ne!(order.price_ticks, price_ticks);
                    }
                }
                book.apply(op);
            }
            assert_eq!(book.trades(), load.trades);
            assert!(load.trades.count > 100);
        }
    }

    #[test]
    fn one_seed_gives_one_flow() {
        assert_eq!(mixed(3, 5_000, false), mixed(3, 5_000, false));
        assert_ne!(mixed(3, 5_000, false).0.ops, mixed(4, 5_000, false).0.ops);
    }
}
