//! Stoikov's micro-price: the price that the mid is expected to come to.

mod chain;
mod estimator;
mod text;

pub use estimator::{EstimateError, MicroPriceEstimator};
pub use text::{ModelError, ModelFault};

use tiercel_types::Price;

use super::{ParameterError, Quote};

/// The most buckets of imbalance.
pub const IMBALANCE_BUCKETS_MAX: u16 = 101;
/// The most buckets of spread.
pub const SPREAD_BUCKETS_MAX: u16 = 32;
/// The most states: what keeps an estimate's matrices below some ten megabytes each.
const STATES_MAX: usize = 1_024;

/// How quotes are sorted into states: by imbalance, and by spread in ticks.
///
/// The share of the bid, Qb / (Qb + Qa), is cut into buckets of the same width, of an odd number so
/// that a balanced book has its own. A quote and its mirror image (bid and ask exchanged) are always
/// in mirrored buckets, also on the edges. Spreads count whole ticks, rounded up; those of the last
/// bucket or more share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    tick: u64,
    imbalance_buckets: u16,
    spread_buckets: u16,
}

impl Grid {
    /// A grid for an instrument's tick.
    ///
    /// # Errors
    /// [`ParameterError`] when the tick is not above zero, the buckets of imbalance are even or more
    /// than [`IMBALANCE_BUCKETS_MAX`], those of spread none or more than [`SPREAD_BUCKETS_MAX`], or
    /// both together make more than 1,024 states.
    pub fn new(
        tick: Price,
        imbalance_buckets: u16,
        spread_buckets: u16,
    ) -> Result<Self, ParameterError> {
        ParameterError::check(tick.units() > 0, "tick", "above zero")?;
        let odd = imbalance_buckets % 2 == 1 && imbalance_buckets <= IMBALANCE_BUCKETS_MAX;
        ParameterError::check(odd, "imbalance_buckets", "odd, 1 to 101")?;
        let bounded = spread_buckets > 0 && spread_buckets <= SPREAD_BUCKETS_MAX;
        ParameterError::check(bounded, "spread_buckets", "1 to 32")?;
        let grid = Self { tick: tick.units().unsigned_abs(), imbalance_buckets, spread_buckets };
        let few = grid.states() <= STATES_MAX;
        ParameterError::check(few, "the buckets", "at most 1,024 together")?;
        Ok(grid)
    }

    /// The tick.
    pub const fn tick(&self) -> Price {
        Price::from_units(self.tick as i64)
    }

    /// Buckets of imbalance.
    pub const fn imbalance_buckets(&self) -> u16 {
        self.imbalance_buckets
    }

    /// Buckets of spread.
    pub const fn spread_buckets(&self) -> u16 {
        self.spread_buckets
    }

    /// How many states there are.
    pub const fn states(&self) -> usize {
        self.imbalance_buckets as usize * self.spread_buckets as usize
    }

    /// A quote's state: bucket of spread times the buckets of imbalance, plus bucket of imbalance.
    #[inline]
    pub const fn state(&self, quote: &Quote) -> usize {
        let row = self.spread_bucket(quote.spread()) as usize * self.imbalance_buckets as usize;
        row + self.imbalance_bucket(quote) as usize
    }

    /// From 0, for one tick or less.
    #[inline]
    const fn spread_bucket(&self, spread: u64) -> u64 {
        // One tick is the common case, and needs no division.
        if spread <= self.tick {
            return 0;
        }
        let last = self.spread_buckets as u64 - 1;
        let bucket = spread.div_ceil(self.tick) - 1;
        if bucket < last { bucket } else { last }
    }

    /// From 0, where least rests on the bid.
    #[inline]
    const fn imbalance_bucket(&self, quote: &Quote) -> u64 {
        let (bid, ask) = (quote.bid().qty.units(), quote.ask().qty.units());
        let buckets = self.imbalance_buckets as u64;
        // By the smaller share on either side: what is on an edge then stays mirrored.
        let (small, large) = if bid <= ask { (bid, ask) } else { (ask, bid) };
        let bucket = if large < 1 << 56 {
            // At most 101 buckets: the product stays below 2^63.
            small * buckets / (small + large)
        } else {
            let all = small as u128 + large as u128;
            (small as u128 * buckets as u128 / all) as u64
        };
        if bid <= ask { bucket } else { buckets - 1 - bucket }
    }

    /// The state with bid and ask exchanged.
    const fn mirrored(&self, state: usize) -> usize {
        let buckets = self.imbalance_buckets as usize;
        let (row, bucket) = (state / buckets, state % buckets);
        row * buckets + buckets - 1 - bucket
    }
}

/// The micro-price of Stoikov ("The micro-price: a high-frequency estimator of future prices",
/// 2018): the mid, and an adjustment by imbalance and spread that was estimated from data.
///
/// ```text
///   micro-price = M + g_1(I, S) + g_2(I, S) + ...
///   g_1     = E[the mid's next change | I, S]
///   g_(i+1) = E[g_i of the state right after that change | I, S]
/// ```
///
/// A [`MicroPriceEstimator`] makes one from quotes. Looking it up costs a division or two and a
/// load. It is kept as text: see [`to_text`](Self::to_text).
#[derive(Clone, Debug, PartialEq)]
pub struct MicroPrice {
    grid: Grid,
    /// By state, in units of 10^-8. Mirrored states have opposite ones.
    adjustments: Box<[f64]>,
    evidence: Evidence,
}

/// What a model was estimated from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Evidence {
    /// Times that each state was seen, as itself.
    seen: Box<[u64]>,
    /// Steps from one quote to the next.
    steps: u64,
    /// Steps in which the mid moved.
    moves: u64,
    /// Terms of the sum that were added up.
    rounds: u32,
}

impl MicroPrice {
    /// The micro-price of a quote, in units of 10^-8.
    #[inline]
    pub fn micro_price(&self, quote: &Quote) -> f64 {
        quote.mid() + self.adjustment(quote)
    }

    /// The micro-price less the mid, in units of 10^-8. Zero in a state that was never seen, or from
    /// which the mid was never seen to move.
    #[inline]
    pub fn adjustment(&self, quote: &Quote) -> f64 {
        self.adjustments[self.grid.state(quote)]
    }

    /// How quotes are sorted into states.
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The adjustment of each state of the grid, in units of 10^-8.
    pub fn adjustments(&self) -> &[f64] {
        &self.adjustments
    }

    /// How often each state of the grid was seen.
    pub fn seen(&self) -> &[u64] {
        &self.evidence.seen
    }

    /// Steps from one quote to the next that it was estimated from.
    pub const fn steps(&self) -> u64 {
        self.evidence.steps
    }

    /// Steps in which the mid moved.
    pub const fn moves(&self) -> u64 {
        self.evidence.moves
    }

    /// How many terms of the sum were added up until they vanished.
    pub const fn rounds(&self) -> u32 {
        self.evidence.rounds
    }
}
