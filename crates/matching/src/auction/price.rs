//! The price of an auction: `docs/auctions.md`.
//!
//! ```text
//!   bids, worst first -->  B(p) falls \
//!                                       one walk, low to high --> range of candidates --> price
//!   asks, best first  -->  S(p) rises /
//! ```
//!
//! A pure function over two sides that are summed by price. Budget: one walk over the levels, no
//! allocation.

use core::cmp::Ordering;

use tiercel_types::Side;
pub use tiercel_types::auction::{Pressure, TieBreak};

/// Limit orders of one side, summed at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceLevel {
    /// The price in ticks.
    pub tick: i64,
    /// Open lots, hidden ones included.
    pub lots: u64,
}

/// What takes part in an auction. The lots of a side sum to less than 2^64.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// Buy limits, best (highest) first, no price twice.
    pub bids: &'a [PriceLevel],
    /// Sell limits, best (lowest) first, no price twice.
    pub asks: &'a [PriceLevel],
    /// Lots to buy without a limit.
    pub market_buy: u64,
    /// Lots to sell without a limit.
    pub market_sell: u64,
}

/// The lowest and the highest price there may be, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The lowest.
    pub low: i64,
    /// The highest; not below the lowest.
    pub high: i64,
}

impl Bounds {
    /// The larger of `ticks` and `ppm` of it away from a price, both ways; parts of a tick are left
    /// out.
    #[must_use]
    pub fn round(tick: i64, ticks: u64, ppm: u32) -> Self {
        let share = u128::from(tick.unsigned_abs()) * u128::from(ppm) / 1_000_000;
        let reach = i128::try_from(share).unwrap_or(i128::MAX).max(i128::from(ticks));
        let clamp = |wide: i128| wide.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        Self {
            low: clamp(i128::from(tick).saturating_sub(reach)),
            high: clamp(i128::from(tick).saturating_add(reach)),
        }
    }
}

/// The steps behind the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceRules {
    /// Step 2: the smallest surplus.
    pub minimum_surplus: bool,
    /// Step 3.
    pub pressure: Pressure,
    /// Step 4.
    pub tie_break: TieBreak,
}

impl PriceRules {
    /// As Xetra describes it: the reference price itself may win.
    pub const XETRA: Self =
        Self { minimum_surplus: true, pressure: Pressure::Side, tie_break: TieBreak::Clamp };
    /// As Euronext describes it: somebody's limit wins.
    pub const EURONEXT: Self = Self { tie_break: TieBreak::Nearest, ..Self::XETRA };
    /// As the ASX describes it: where pressure changes sides the range is narrowed.
    pub const ASX: Self = Self { pressure: Pressure::Narrow, ..Self::XETRA };
    /// As Nasdaq describes its crosses: nearest to the inside midpoint; give [`Bounds`] too.
    pub const NASDAQ: Self =
        Self { minimum_surplus: true, pressure: Pressure::Ignored, tie_break: TieBreak::Nearest };
}

/// What an auction would do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indication {
    /// The price in ticks.
    pub tick: i64,
    /// Lots that trade at it.
    pub executed: u64,
    /// Lots that would trade at it and find no other side.
    pub surplus: u64,
    /// Whose surplus that is; of none: buyers'.
    pub surplus_side: Side,
}

/// Buyers and sellers at a price.
#[derive(Clone, Copy)]
struct Crossing {
    buys: u64,
    sells: u64,
}

impl Crossing {
    fn executed(self) -> u64 {
        self.buys.min(self.sells)
    }

    fn surplus(self) -> u64 {
        self.buys.abs_diff(self.sells)
    }
}

/// Walks the candidates from low to high.
struct Candidates<'a> {
    bids: &'a [PriceLevel],
    asks: &'a [PriceLevel],
    bounds: Option<Bounds>,
    crossing: Crossing,
}

impl<'a> Candidates<'a> {
    fn new(sides: &Sides<'a>, bounds: Option<Bounds>) -> Self {
        let bid_lots: u64 = sides.bids.iter().map(|level| level.lots).sum();
        Self {
            bids: sides.bids,
            asks: sides.asks,
            bounds,
            crossing: Crossing { buys: sides.market_buy + bid_lots, sells: sides.market_sell },
        }
    }

    fn clamp(&self, tick: i64) -> i64 {
        self.bounds.map_or(tick, |bounds| tick.clamp(bounds.low, bounds.high))
    }
}

impl Iterator for Candidates<'_> {
    type Item = (i64, Crossing);

    /// The next price, who is there at it, and then steps over it.
    fn next(&mut self) -> Option<(i64, Crossing)> {
        let bid = self.bids.last().map(|level| level.tick);
        let ask = self.asks.first().map(|level| level.tick);
        let lowest = match (bid, ask) {
            (Some(bid), Some(ask)) => bid.min(ask),
            (one, other) => one.or(other)?,
        };
        let tick = self.clamp(lowest);
        // Bids below a lower bound do not buy at it: they are gone before it is looked at.
        while let Some((level, rest)) = self.bids.split_last().filter(|(it, _)| it.tick < tick) {
            self.crossing.buys -= level.lots;
            self.bids = rest;
        }
        // Nor do asks above an upper bound sell at it.
        while let Some((level, rest)) = self.asks.split_first().filter(|(it, _)| it.tick <= tick) {
            self.crossing.sells += level.lots;
            self.asks = rest;
        }
        let here = (tick, self.crossing);
        // All that is left at or beyond an upper bound is the same candidate.
        let at_top = self.bounds.is_some_and(|bounds| tick == bounds.high);
        if at_top {
            (self.bids, self.asks) = (&[], &[]);
        }
        while let Some((level, rest)) = self.bids.split_last().filter(|(it, _)| it.tick <= tick) {
            self.crossing.buys -= level.lots;
            self.bids = rest;
        }
        Some(here)
    }
}

/// The candidates that the first two steps leave: a range.
#[derive(Clone, Copy)]
struct Left {
    low: i64,
    high: i64,
    executed: u64,
    surplus: u64,
    /// The highest at which buyers are left.
    buyers_to: Option<i64>,
    /// The lowest at which sellers are left.
    sellers_from: Option<i64>,
    /// Whether there is one at which nobody is left.
    balanced: bool,
}

impl Left {
    fn at(tick: i64, crossing: Crossing) -> Self {
        let mut left = Self {
            low: tick,
            high: tick,
            executed: crossing.executed(),
            surplus: crossing.surplus(),
            buyers_to: None,
            sellers_from: None,
            balanced: false,
        };
        left.add(tick, crossing);
        left
    }

    /// One more, above the others.
    fn add(&mut self, tick: i64, crossing: Crossing) {
        self.high = tick;
        match crossing.buys.cmp(&crossing.sells) {
            Ordering::Greater => self.buyers_to = Some(tick),
            Ordering::Less => self.sellers_from = self.sellers_from.or(Some(tick)),
            Ordering::Equal => self.balanced = true,
        }
    }

    /// Steps 1 and 2.
    fn find(sides: &Sides<'_>, rules: PriceRules, bounds: Option<Bounds>) -> Option<Self> {
        let mut left: Option<Self> = None;
        let crossings = Candidates::new(sides, bounds);
        for (tick, crossing) in crossings.filter(|(_, crossing)| crossing.executed() > 0) {
            let Some(best) = &mut left else {
                left = Some(Self::at(tick, crossing));
                continue;
            };
            let surplus = if rules.minimum_surplus {
                best.surplus.cmp(&crossing.surplus())
            } else {
                Ordering::Equal
            };
            match crossing.executed().cmp(&best.executed).then(surplus) {
                Ordering::Greater => *best = Self::at(tick, crossing),
                Ordering::Equal => best.add(tick, crossing),
                Ordering::Less => {}
            }
        }
        left
    }

    /// Step 3: the range that is left.
    fn press(&self, pressure: Pressure) -> (i64, i64) {
        let all = (self.low, self.high);
        if pressure == Pressure::Ignored {
            return all;
        }
        match (self.buyers_to, self.sellers_from, self.balanced) {
            (Some(_), None, false) => (self.high, self.high),
            (None, Some(_), false) => (self.low, self.low),
            (buyers_to, sellers_from, _) if pressure == Pressure::Narrow => {
                (buyers_to.unwrap_or(self.low), sellers_from.unwrap_or(self.high))
            }
            _ => all,
        }
    }
}

/// The candidate from `low` to `high` that is nearest to `reference`; of two the higher.
fn nearest(
    sides: &Sides<'_>,
    bounds: Option<Bounds>,
    (low, high): (i64, i64),
    reference: i64,
) -> Option<i64> {
    Candidates::new(sides, bounds)
        .map(|(tick, _)| tick)
        .filter(|tick| (low..=high).contains(tick))
        // Of equals the last is taken, which is the highest.
        .fold(None, |best: Option<i64>, tick| match best {
            Some(best) if best.abs_diff(reference) < tick.abs_diff(reference) => Some(best),
            _ => Some(tick),
        })
}

fn crossing_at(sides: &Sides<'_>, tick: i64) -> Crossing {
    let sum = |levels: &[PriceLevel]| levels.iter().map(|level| level.lots).sum::<u64>();
    let buying = sides.bids.partition_point(|level| level.tick >= tick);
    let selling = sides.asks.partition_point(|level| level.tick <= tick);
    Crossing {
        buys: sides.market_buy + sum(&sides.bids[..buying]),
        sells: sides.market_sell + sum(&sides.asks[..selling]),
    }
}

/// Finds the price of an auction; `None` if nothing would trade.
///
/// ```
/// use tiercel_matching::auction::{PriceLevel, PriceRules, Sides, find_price};
///
/// let level = |(tick, lots)| PriceLevel { tick, lots };
/// let bids = [(102, 5), (100, 10)].map(level);
/// let asks = [(99, 4), (101, 6)].map(level);
/// let sides = Sides { bids: &bids, asks: &asks, market_buy: 0, market_sell: 0 };
/// let found = find_price(&sides, PriceRules::XETRA, Some(101), None).unwrap();
/// // 5 trade at 101 and at 102, and sellers are left at both: the lower.
/// assert_eq!((found.tick, found.executed, found.surplus), (101, 5, 5));
/// ```
#[must_use]
pub fn find_price(
    sides: &Sides<'_>,
    rules: PriceRules,
    reference: Option<i64>,
    bounds: Option<Bounds>,
) -> Option<Indication> {
    let tick = if sides.bids.is_empty() && sides.asks.is_empty() {
        let tick = reference?;
        bounds.map_or(tick, |bounds| tick.clamp(bounds.low, bounds.high))
    } else {
        let range = Left::find(sides, rules, bounds)?.press(rules.pressure);
        let middle = (i128::from(range.0) + i128::from(range.1)).div_euclid(2) as i64;
        let reference = reference.unwrap_or(middle);
        match rules.tie_break {
            TieBreak::Clamp => reference.clamp(range.0, range.1),
            TieBreak::Nearest => nearest(sides, bounds, range, reference)?,
        }
    };
    let crossing = crossing_at(sides, tick);
    let surplus_side = if crossing.sells > crossing.buys { Side::Sell } else { Side::Buy };
    (crossing.executed() > 0).then_some(Indication {
        tick,
        executed: crossing.executed(),
        surplus: crossing.surplus(),
        surplus_side,
    })
}
