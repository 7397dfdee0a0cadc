//! The price of an auction, found a second time: by sums from both ends of the book, where the
//! model adds up all orders at each price. Written from `docs/auctions.md`.

use tiercel_types::auction::{AuctionReference, Pressure, TieBreak};
use tiercel_types::{InstrumentSpec, Side};

use super::book::Book;

/// Parts per million in one whole.
const PPM: i128 = 1_000_000;

/// The limits of a side, lowest first, each with what all up to it have; and what has no limit.
#[derive(Clone, Debug, Default)]
struct Sums {
    limits: Vec<(i128, u64)>,
    without: u64,
}

impl Sums {
    fn new(orders: &[(Side, Option<i64>, u64)], side: Side) -> Self {
        let of_side = orders.iter().filter(|order| order.0 == side);
        let mut sums = Self::default();
        for (_, limit, qty) in of_side {
            match limit {
                Some(limit) => sums.limits.push((i128::from(*limit), *qty)),
                None => sums.without += qty,
            }
        }
        sums.limits.sort_unstable();
        let mut sum = 0;
        for (_, qty) in &mut sums.limits {
            sum += *qty;
            *qty = sum;
        }
        sums
    }

    /// The quantity of all limits below a price; `included`: and at it.
    fn below(&self, price: i128, included: bool) -> u64 {
        let inside = |(limit, _): &(i128, u64)| *limit < price || (included && *limit == price);
        let count = self.limits.partition_point(inside);
        count.checked_sub(1).map_or(0, |last| self.limits[last].1)
    }

    fn all(&self) -> u64 {
        self.limits.last().map_or(0, |(_, sum)| *sum)
    }
}

/// An auction as its price goes: who would trade where.
pub(super) struct Ladder<'a> {
    book: &'a Book,
    buys: Sums,
    sells: Sums,
}

impl<'a> Ladder<'a> {
    /// Of orders with a side, a limit if they have one, and a quantity.
    pub(super) fn new(book: &'a Book, orders: &[(Side, Option<i64>, u64)]) -> Self {
        Self { book, buys: Sums::new(orders, Side::Buy), sells: Sums::new(orders, Side::Sell) }
    }

    /// What buys and what sells at a price.
    pub(super) fn crossing(&self, price: i64) -> (u64, u64) {
        let price = i128::from(price);
        let buys = self.buys.without + self.buys.all() - self.buys.below(price, false);
        (buys, self.sells.without + self.sells.below(price, true))
    }

    fn executes(&self, price: i64) -> u64 {
        let (buys, sells) = self.crossing(price);
        buys.min(sells)
    }

    fn surplus(&self, price: i64) -> i128 {
        let (buys, sells) = self.crossing(price);
        i128::from(buys) - i128::from(sells)
    }

    /// The price by all steps; none: nothing executes.
    pub(super) fn price(&self) -> Option<i64> {
        let rules = &self.book.auction_rules;
        let reference = self.book.call_reference.map(|price| usable(&self.book.spec, price));
        let (low, high) = self.bounds(reference);
        let inside = |price: i128| price.clamp(low, high) as i64;
        let limits = self.buys.limits.iter().chain(&self.sells.limits);
        let mut left: Vec<i64> = limits.map(|(limit, _)| inside(*limit)).collect();
        if left.is_empty() {
            let price = inside(reference?);
            return (self.executes(price) > 0).then_some(price);
        }
        left.sort_unstable();
        left.dedup();
        keep_least(&mut left, |price| u64::MAX - self.executes(price));
        if self.executes(*left.first()?) == 0 {
            return None;
        }
        if rules.minimum_surplus == 1 {
            keep_least(&mut left, |price| self.surplus(price).unsigned_abs());
        }
        self.press(&mut left, rules.pressure);
        let (low, high) = (i128::from(*left.first()?), i128::from(*left.last()?));
        let tick = i128::from(self.book.spec.tick.units());
        let target = reference.unwrap_or_else(|| (low + high).div_euclid(2 * tick) * tick);
        if rules.tie_break == TieBreak::Clamp {
            return Some(target.clamp(low, high) as i64);
        }
        keep_least(&mut left, |price| (i128::from(price) - target).unsigned_abs());
        left.last().copied()
    }

    /// The third step: the prices go up with the buyers that are left, and down with the sellers.
    fn press(&self, left: &mut Vec<i64>, pressure: Pressure) {
        if pressure == Pressure::Ignored {
            return;
        }
        // The surplus only falls from price to price: buyers first, then nobody, then sellers.
        let buyers = left.partition_point(|price| self.surplus(*price) > 0);
        let sellers = left.partition_point(|price| self.surplus(*price) >= 0);
        let one_sided = buyers == left.len() || sellers == 0;
        if one_sided || pressure == Pressure::Narrow {
            left.truncate(left.len().min(sellers + 1));
            left.drain(..buyers.saturating_sub(1));
        }
    }

    /// The lowest and the highest price that the rules allow.
    fn bounds(&self, reference: Option<i128>) -> (i128, i128) {
        let rules = &self.book.auction_rules;
        let tick = i128::from(self.book.spec.tick.units());
        match reference.filter(|_| rules.bound_ppm != 0 || !rules.bound.is_zero()) {
            None => (i128::from(i64::MIN), i128::from(i64::MAX)),
            Some(reference) => {
                let by_ppm = reference.abs() * i128::from(rules.bound_ppm) / PPM;
                let reach = by_ppm.max(rules.bound.units().into()) / tick * tick;
                (reference - reach, reference + reach)
            }
        }
    }
}

/// Keeps those that have the least of something.
fn keep_least<K: Ord + Copy>(prices: &mut Vec<i64>, of: impl Fn(i64) -> K) {
    if let Some(least) = prices.iter().map(|price| of(*price)).min() {
        prices.retain(|price| of(*price) == least);
    }
}

/// A reference price on a tick and within the terms.
fn usable(spec: &InstrumentSpec, reference: i64) -> i128 {
    let tick = i128::from(spec.tick.units());
    let (min, max) = (i128::from(spec.min_price.units()), i128::from(spec.max_price.units()));
    let lowest = if min == 0 { tick } else { min };
    let highest = if max == 0 { i128::from(i64::MAX) / tick * tick } else { max };
    let on_tick = i128::from(reference).div_euclid(tick) * tick;
    on_tick.min(highest).max(lowest)
}

impl Book {
    /// The reference price of a call that begins now.
    pub(super) fn auction_reference(&self) -> Option<i64> {
        let terms = Some(self.spec.reference_price.units()).filter(|price| *price != 0);
        let apart = self.best(Side::Buy).zip(self.best(Side::Sell)).filter(|(bid, ask)| bid < ask);
        let middle = apart.map(|(bid, ask)| {
            let sum = i128::from(bid) + i128::from(ask);
            sum.div_euclid(2) as i64
        });
        match self.auction_rules.reference {
            AuctionReference::Terms => terms,
            AuctionReference::Last => self.last.or(terms),
            AuctionReference::Midpoint => middle.or(self.last).or(terms),
        }
    }
}
