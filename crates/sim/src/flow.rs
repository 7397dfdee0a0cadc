//! The loads that matching engines are measured with, as lists of operations made ahead of time.
//!
//! ```text
//!   generator(seed) --> Load { ops, runs } --> any engine, through an adapter
//!        |                                          |
//!        +--- reference book --> TradeSum  ==?==  TradeSum
//! ```
//!
//! An operation list is the same for every engine, and so must be the trades it gives:
//! [`Load::trades`] says which.
//!
//! | load | measures |
//! |---|---|
//! | [`passive_adds`] | adds that rest, on a book of 1,000 orders |
//! | [`cancels`] | cancels of those, in random order |
//! | [`filling_iocs`] | immediate orders that fill one resting order each |
//! | [`mixed`] | the mix of exchange-core's published benchmark |
//! | [`deep`] | random adds and cancels among 1,000,000 orders on 10,000 levels |

mod book;
mod mixed;

use tiercel_types::Side;

use crate::rng::Rng;

pub use mixed::{ACCOUNTS, CENTRAL_PRICE_TICKS, MixedStats, PRICE_DEVIATION_TICKS, mixed};

/// What is asked of an engine, in words that every engine understands.
///
/// Order ids count from 1 without gaps in the order of the [`New`](Op::New) operations, and are
/// never used twice. Prices are in ticks, quantities in lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A limit order: good till cancelled, or immediate-or-cancel.
    New {
        /// Its id.
        id: u64,
        /// Whose it is, from 1.
        account: u32,
        /// Buy or sell.
        side: Side,
        /// Limit price in ticks.
        price_ticks: i64,
        /// Quantity in lots.
        qty: u64,
        /// Immediate-or-cancel.
        ioc: bool,
    },
    /// Cancels a live order.
    Cancel {
        /// Which order.
        id: u64,
        /// Whose it is.
        account: u32,
    },
    /// Cancels a live order and enters it anew, under its id, at the back of a new level.
    Move {
        /// Which order.
        id: u64,
        /// Whose it is.
        account: u32,
        /// New limit price in ticks; never the old one.
        price_ticks: i64,
        /// Open quantity in lots: what it has.
        qty: u64,
    },
}

/// How many trades there were, and a checksum of their prices and quantities in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeSum {
    /// Trades seen.
    pub count: u64,
    /// Depends on every price, every quantity and their order.
    pub checksum: u64,
}

impl TradeSum {
    /// Takes in the next trade.
    #[inline]
    pub const fn add(&mut self, price_ticks: i64, qty: u64) {
        // Odd multipliers keep the fold one-to-one in each argument.
        let folded = self.checksum.rotate_left(5) ^ price_ticks as u64;
        self.checksum = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(qty);
        self.count += 1;
    }
}

/// A stretch of a load's operations, of which only some are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many operations.
    pub ops: usize,
    /// Whether they are what the load measures; the others prepare the book.
    pub timed: bool,
}

/// A list of operations and what it is to yield.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The operations in order.
    pub ops: Vec<Op>,
    /// How they divide; the lengths add up to `ops`.
    pub runs: Vec<Run>,
    /// The trades that every engine must produce, over all operations.
    pub trades: TradeSum,
    /// The most orders that are live at one time.
    pub live_orders_max: usize,
}

impl Load {
    /// How many operations are measured.
    pub fn timed_ops(&self) -> usize {
        self.runs.iter().filter(|run| run.timed).map(|run| run.ops).sum()
    }

    /// How many orders are entered, which is also the largest id.
    pub fn new_orders(&self) -> usize {
        self.ops.iter().filter(|op| matches!(op, Op::New { .. })).count()
    }
}

/// Resting orders that stay while the plain loads run.
const STANDING_ORDERS: usize = 1_000;
/// Operations that are measured in one stretch of the plain loads.
const BATCH: usize = 1_000;
/// The middle of the plain and deep loads; nothing rests there.
const MIDDLE_TICKS: i64 = CENTRAL_PRICE_TICKS;
/// Levels on each side of the plain loads.
const PLAIN_LEVELS: u64 = 500;

/// Makes the operations of the plain loads.
struct Plain {
    rng: Rng,
    load: Load,
    next_id: u64,
}

impl Plain {
    fn new(seed: u64) -> Self {
        let load = Load {
            ops: Vec::new(),
            runs: Vec::new(),
            trades: TradeSum::default(),
            live_orders_max: STANDING_ORDERS + BATCH,
        };
        Self { rng: Rng::new(seed), load, next_id: 1 }
    }

    /// A passive order on one of `levels` levels of a random side.
    fn add(&mut self, levels: u64, qty: u64) -> Op {
        let side = if self.rng.coin() { Side::Buy } else { Side::Sell };
        let distance = 1 + self.rng.below(levels) as i64;
        self.order(side, passive_ticks(side, distance), qty, false)
    }

    fn order(&mut self, side: Side, price_ticks: i64, qty: u64, ioc: bool) -> Op {
        let id = self.next_id;
        self.next_id += 1;
        let account = 1 + self.rng.below(ACCOUNTS) as u32;
        Op::New { id, account, side, price_ticks, qty, ioc }
    }

    fn run(&mut self, ops: Vec<Op>, timed: bool) {
        self.load.runs.push(Run { ops: ops.len(), timed });
        self.load.ops.extend(ops);
    }

    fn adds(&mut self, count: usize, timed: bool) -> Vec<Op> {
        let ops: Vec<Op> = (0..count)
            .map(|_| {
                let qty = 1 + self.rng.below(100);
                self.add(PLAIN_LEVELS, qty)
            })
            .collect();
        self.run(ops.clone(), timed);
        ops
    }
}

/// The price `distance` ticks behind the middle on a side.
const fn passive_ticks(side: Side, distance: i64) -> i64 {
    match side {
        Side::Buy => MIDDLE_TICKS - distance,
        Side::Sell => MIDDLE_TICKS + distance,
    }
}

/// The cancel of a new order.
fn cancel_of(op: &Op) -> Option<Op> {
    match *op {
        Op::New { id, account, .. } => Some(Op::Cancel { id, account }),
        Op::Cancel { .. } | Op::Move { .. } => None,
    }
}

/// Adds and cancels in turn, 1,000 at a time, of which one kind is measured.
fn adds_and_cancels(seed: u64, batches: usize, adds_timed: bool) -> Load {
    let mut plain = Plain::new(seed);
    plain.adds(STANDING_ORDERS, false);
    for _ in 0..batches {
        let added = plain.adds(BATCH, adds_timed);
        let mut cancels: Vec<Op> = added.iter().filter_map(cancel_of).collect();
        plain.rng.shuffle(&mut cancels);
        plain.run(cancels, !adds_timed);
    }
    plain.load
}

/// Load a: passive adds.
///
/// 1,000 orders stand on 500 levels a side. Then in each of `batches` batches 1,000 orders are
/// added on random levels, which is measured, and cancelled again, which is not.
pub fn passive_adds(seed: u64, batches: usize) -> Load {
    adds_and_cancels(seed, batches, true)
}

/// Load b: cancels. The operations of [`passive_adds`]; the cancels, which come in random order,
/// are what is measured.
pub fn cancels(seed: u64, batches: usize) -> Load {
    adds_and_cancels(seed, batches, false)
}

/// Load c: immediate orders that fill.
///
/// 1,000 orders stand on 500 levels a side, 100 levels behind the middle. In each batch, sides in
/// turn, 1,000 orders of one lot are added on those 100 levels, ten on each (not measured), and
/// then 1,000 immediate orders of one lot take exactly those: each fills one resting order, and
/// both are gone. The pattern is regular on purpose: this load is about the work of a fill, the
/// mixed one has the surprises.
pub fn filling_iocs(seed: u64, batches: usize) -> Load {
    const MAKER_LEVELS: i64 = 100;
    let mut plain = Plain::new(seed);
    let standing: Vec<Op> = (0..STANDING_ORDERS)
        .map(|_| {
            let side = if plain.rng.coin() { Side::Buy } else { Side::Sell };
            let distance = MAKER_LEVELS + 1 + plain.rng.below(PLAIN_LEVELS) as i64;
            plain.order(side, passive_ticks(side, distance), 100, false)
        })
        .collect();
    plain.run(standing, false);
    let mut book = book::ReferenceBook::new(false);
    for batch in 0..batches {
        let side = if batch.is_multiple_of(2) { Side::Sell } else { Side::Buy };
        let farthest = passive_ticks(side, MAKER_LEVELS);
        let makers: Vec<Op> = (0..BATCH as i64)
            .map(|at| plain.order(side, passive_ticks(side, 1 + at % MAKER_LEVELS), 1, false))
            .collect();
        let takers: Vec<Op> =
            (0..BATCH).map(|_| plain.order(side.opposite(), farthest, 1, true)).collect();
        for op in makers.iter().chain(&takers) {
            book.apply(op);
        }
        plain.run(makers, false);
        plain.run(takers, true);
    }
    plain.load.trades = book.trades();
    plain.load
}

/// Resting orders of the deep load.
pub const DEEP_ORDERS: usize = 1_000_000;
/// Levels on each side of the deep load.
const DEEP_LEVELS: u64 = 5_000;

/// Load e: 1,000,000 resting orders on 10,000 levels, then `ops` operations that cancel a random
/// live order and add a new one on a random level in turn, so that the depth stays.
pub fn deep(seed: u64, ops: usize) -> Load {
    let mut plain = Plain::new(seed);
    plain.load.live_orders_max = DEEP_ORDERS;
    let mut live: Vec<Op> = (0..DEEP_ORDERS)
        .map(|_| {
            let qty = 1 + plain.rng.below(100);
            plain.add(DEEP_LEVELS, qty)
        })
        .collect();
    plain.run(live.clone(), false);
    let mut timed = Vec::with_capacity(ops);
    while timed.len() + 1 < ops {
        let victim = plain.rng.below(live.len() as u64) as usize;
        let qty = 1 + plain.rng.below(100);
        let fresh = plain.add(DEEP_LEVELS, qty);
        timed.extend(cancel_of(&live[victim]));
        timed.push(fresh);
        live[victim] = fresh;
    }
    plain.run(timed, true);
    plain.load
}

#[cfg(test)]
mod tests {
    use super::*;
    use book::ReferenceBook;

    /// Runs a load through the reference book; returns its trades and the live orders at the end.
    fn replay(load: &Load) -> (TradeSum, usize) {
        let mut book = ReferenceBook::new(false);
        let mut live_max = 0;
        for op in &load.ops {
            if let Op::Cancel { id, .. } | Op::Move { id, .. } = *op {
                assert!(book.order(id).is_some(), "{op:?} names an order that is not live");
            }
            book.apply(op);
            live_max = live_max.max(book.count(Side::Buy) + book.count(Side::Sell));
        }
        assert!(live_max <= load.live_orders_max, "{live_max}");
        (book.trades(), book.count(Side::Buy) + book.count(Side::Sell))
    }

    fn check_shape(load: &Load) {
        assert_eq!(load.ops.len(), load.runs.iter().map(|run| run.ops).sum::<usize>());
        let ids: Vec<u64> = load
            .ops
            .iter()
            .filter_map(|op| if let Op::New { id, .. } = op { Some(*id) } else { None })
            .collect();
        assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>(), "ids count from 1");
    }

    #[test]
    fn adds_and_cancels_never_trade_and_leave_the_standing_orders() {
        for load in [passive_adds(1, 5), cancels(1, 5)] {
            check_shape(&load);
            assert_eq!(load.timed_ops(), 5 * BATCH);
            assert_eq!(replay(&load), (TradeSum::default(), STANDING_ORDERS));
        }
        assert_eq!(passive_adds(1, 5).ops, cancels(1, 5).ops);
        assert_ne!(passive_adds(1, 5).ops, passive_adds(2, 5).ops);
    }

    #[test]
    fn every_immediate_order_fills_exactly_one_resting_order() {
        let load = filling_iocs(1, 5);
        check_shape(&load);
        assert_eq!(load.timed_ops(), 5 * BATCH);
        assert_eq!(load.trades.count, 5 * BATCH as u64);
        assert_eq!(replay(&load), (load.trades, STANDING_ORDERS));
    }

    #[test]
    fn the_deep_load_keeps_its_depth() {
        let load = deep(1, 10_000);
        check_shape(&load);
        assert_eq!(load.timed_ops(), 10_000);
        let cancels = load.ops.iter().filter(|op| matches!(op, Op::Cancel { .. })).count();
        assert_eq!(cancels, 5_000);
        assert_eq!(load.new_orders(), DEEP_ORDERS + 5_000);
    }

    #[test]
    fn a_trade_sum_sees_prices_quantities_and_order() {
        let sum = |trades: &[(i64, u64)]| {
            let mut sum = TradeSum::default();
            for &(price, qty) in trades {
                sum.add(price, qty);
            }
            sum
        };
        let base = sum(&[(100, 1), (101, 2)]);
        assert_ne!(base, sum(&[(101, 2), (100, 1)]));
        assert_ne!(base, sum(&[(100, 2), (101, 1)]));
        assert_ne!(base, sum(&[(100, 1), (102, 2)]));
    }
}
