//! Trailing stops that track: by best print, then by how far behind they follow.
//!
//! After a print at x every one of them has a best at or beyond x, and those that x has bettered
//! all have x: they can be thrown together, once and for ever. So they lie in buckets of the same
//! best, the newest bucket with the least; each bucket holds its stops in heaps by distance, the
//! closest on top, since that one fires first. A print then looks at one number, the nearest price
//! that fires anything, and costs no more however many wait.
//!
//! Prices are turned so that better is larger: those of buys are negated. They are held in 128 bits,
//! so that no price, distance or turn leaves the range.

use tiercel_types::{Price, Side};

use super::{NOBODY, Waiters};

/// How many heaps a bucket has: distances by amount and by basis points do not compare.
const FAMILIES: usize = 2;

const BPS: i128 = 10_000;

/// Stops of the same best print.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    best: i128,
    roots: [u32; FAMILIES],
}

/// The trailing stops of one side of a book.
#[derive(Clone, Debug)]
pub(crate) struct Trailing {
    side: Side,
    /// By best print, worse and worse.
    buckets: Vec<Bucket>,
    /// No print above this fires anything.
    limit: i128,
}

impl Trailing {
    pub(crate) const fn new(side: Side) -> Self {
        Self { side, buckets: Vec::new(), limit: i128::MIN }
    }

    /// A price turned so that better is larger.
    fn turn(&self, price: i64) -> i128 {
        match self.side {
            Side::Buy => -i128::from(price),
            Side::Sell => i128::from(price),
        }
    }

    /// A price turned back.
    fn turn_back(&self, price: i128) -> i64 {
        match self.side {
            Side::Buy => -price as i64,
            Side::Sell => price as i64,
        }
    }

    /// Adds a stop whose best is the print at `price`, the newest.
    pub(crate) fn insert(&mut self, waiters: &mut Waiters, stop: u32, price: i64) {
        let best = self.turn(price);
        self.raise(waiters, best);
        if self.buckets.last().is_none_or(|bucket| bucket.best != best) {
            self.buckets.push(Bucket { best, roots: [NOBODY; FAMILIES] });
        }
        let at = self.buckets.len() - 1;
        let family = family(waiters, stop);
        let waiter = waiters.get_mut(stop);
        (waiter.child, waiter.sibling, waiter.back) = (NOBODY, NOBODY, NOBODY);
        let root = meld(waiters, self.buckets[at].roots[family], stop);
        self.set_root(waiters, at, family, root);
        self.limit = self.limit.max(self.threshold(waiters, best, root));
    }

    /// Takes a stop out.
    pub(crate) fn remove(&mut self, waiters: &mut Waiters, stop: u32) {
        let waiter = *waiters.get(stop);
        let heir = merge_children(waiters, waiter.child);
        if waiter.back == NOBODY {
            let owner = waiter.owner as usize;
            self.set_root(waiters, owner / FAMILIES, owner % FAMILIES, heir);
            return;
        }
        // Its heir is no closer than itself, so the heir can take its place.
        let successor = if heir == NOBODY {
            waiter.sibling
        } else {
            waiters.get_mut(heir).sibling = waiter.sibling;
            if waiter.sibling != NOBODY {
                waiters.get_mut(waiter.sibling).back = heir;
            }
            heir
        };
        let back = waiters.get_mut(waiter.back);
        if back.child == stop {
            back.child = successor;
        } else {
            back.sibling = successor;
        }
        if successor != NOBODY {
            waiters.get_mut(successor).back = waiter.back;
        }
    }

    /// A print: appends to `fired` the stops that it fires, in no order, and forgets them.
    pub(crate) fn print(&mut self, waiters: &mut Waiters, price: i64, fired: &mut Vec<u32>) {
        let print = self.turn(price);
        self.raise(waiters, print);
        if print <= self.limit {
            self.fire(waiters, print, fired);
        }
    }

    /// The prices strictly between which a print changes nothing, the lower first; `None`: any.
    pub(crate) fn quiet(&self) -> Option<(i128, i128)> {
        let newest = self.buckets.last()?.best;
        // At its best nothing is bettered.
        let (low, high) = (self.limit, newest + 1);
        Some(match self.side {
            Side::Buy => (-high, low.saturating_neg()),
            Side::Sell => (low, high),
        })
    }

    /// Throws together the buckets that a print has bettered.
    fn raise(&mut self, waiters: &mut Waiters, print: i128) {
        let mut roots = [NOBODY; FAMILIES];
        while let Some(bucket) = self.buckets.pop_if(|bucket| bucket.best <= print) {
            for (root, other) in roots.iter_mut().zip(bucket.roots) {
                *root = meld(waiters, *root, other);
            }
        }
        if roots == [NOBODY; FAMILIES] {
            return;
        }
        let at = self.buckets.len();
        self.buckets.push(Bucket { best: print, roots });
        for (family, root) in roots.into_iter().enumerate() {
            self.set_root(waiters, at, family, root);
            self.limit = self.limit.max(self.threshold(waiters, print, root));
        }
    }

    fn fire(&mut self, waiters: &mut Waiters, print: i128, fired: &mut Vec<u32>) {
        self.limit = i128::MIN;
        let mut kept = 0;
        for at in 0..self.buckets.len() {
            let Bucket { best, roots } = self.buckets[at];
            self.buckets[kept] = self.buckets[at];
            let mut empty = true;
            for (family, mut root) in roots.into_iter().enumerate() {
                while root != NOBODY && print <= self.threshold(waiters, best, root) {
                    fired.push(root);
                    waiters.get_mut(root).best = Price::from_units(self.turn_back(best));
                    root = merge_children(waiters, waiters.get(root).child);
                }
                self.set_root(waiters, kept, family, root);
                self.limit = self.limit.max(self.threshold(waiters, best, root));
                empty &= root == NOBODY;
            }
            kept += usize::from(!empty);
        }
        self.buckets.truncate(kept);
    }

    /// The best print of a stop that tracks.
    pub(crate) fn best(&self, waiters: &Waiters, stop: u32) -> i64 {
        let mut waiter = waiters.get(stop);
        while waiter.back != NOBODY {
            waiter = waiters.get(waiter.back);
        }
        self.turn_back(self.buckets[waiter.owner as usize / FAMILIES].best)
    }

    /// Every stop with its best print, worst best last, to `sink`.
    pub(crate) fn for_each(&self, waiters: &Waiters, mut sink: impl FnMut(u32, i64)) {
        let mut open = Vec::new();
        for bucket in &self.buckets {
            open.extend(bucket.roots);
            while let Some(stop) = open.pop() {
                if stop != NOBODY {
                    sink(stop, self.turn_back(bucket.best));
                    let waiter = waiters.get(stop);
                    open.extend([waiter.child, waiter.sibling]);
                }
            }
        }
    }

    /// The highest print that fires the stop, given its best; the lowest number for nobody.
    fn threshold(&self, waiters: &Waiters, best: i128, stop: u32) -> i128 {
        if stop == NOBODY {
            return i128::MIN;
        }
        let terms = &waiters.get(stop).terms;
        if terms.trailing_bps == 0 {
            return best - i128::from(terms.trailing_amount.units());
        }
        let share = match self.side {
            Side::Sell => BPS - i128::from(terms.trailing_bps),
            Side::Buy => BPS + i128::from(terms.trailing_bps),
        };
        (best * share).div_euclid(BPS)
    }

    fn set_root(&mut self, waiters: &mut Waiters, at: usize, family: usize, root: u32) {
        self.buckets[at].roots[family] = root;
        if root != NOBODY {
            waiters.get_mut(root).owner = (at * FAMILIES + family) as u32;
        }
    }
}

/// Which heap of its bucket a stop belongs to.
fn family(waiters: &Waiters, stop: u32) -> usize {
    usize::from(waiters.get(stop).terms.trailing_bps != 0)
}

/// How far behind a stop follows: comparable within a family.
fn distance(waiters: &Waiters, stop: u32) -> i64 {
    let terms = &waiters.get(stop).terms;
    match terms.trailing_bps {
        0 => terms.trailing_amount.units(),
        bps => i64::from(bps),
    }
}

/// One heap of two (a pairing heap: Fredman, Sedgewick, Sleator and Tarjan 1986).
fn meld(waiters: &mut Waiters, one: u32, other: u32) -> u32 {
    if one == NOBODY || other == NOBODY {
        return one.max(other);
    }
    let (root, child) =
        if distance(waiters, other) < distance(waiters, one) { (other, one) } else { (one, other) };
    let eldest = core::mem::replace(&mut waiters.get_mut(root).child, child);
    if eldest != NOBODY {
        waiters.get_mut(eldest).back = child;
    }
    let waiter = waiters.get_mut(child);
    (waiter.sibling, waiter.back) = (eldest, root);
    let waiter = waiters.get_mut(root);
    (waiter.sibling, waiter.back) = (NOBODY, NOBODY);
    root
}

/// One heap of all the children of a root that goes: by pairs, then all pairs from the last.
fn merge_children(waiters: &mut Waiters, first: u32) -> u32 {
    let (mut next, mut pairs) = (first, NOBODY);
    while next != NOBODY {
        let one = next;
        let other = waiters.get(one).sibling;
        next = if other == NOBODY { NOBODY } else { waiters.get(other).sibling };
        for child in [one, other] {
            let waiter = waiters.get_mut(child);
            (waiter.sibling, waiter.back) = (NOBODY, NOBODY);
        }
        let pair = meld(waiters, one, other);
        waiters.get_mut(pair).sibling = pairs;
        pairs = pair;
    }
    let mut root = NOBODY;
    while pairs != NOBODY {
        let pair = pairs;
        pairs = core::mem::replace(&mut waiters.get_mut(pair).sibling, NOBODY);
        root = meld(waiters, root, pair);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::Waiter;
    use tiercel_types::command::OrderTerms;

    struct Plain {
        stop: u32,
        best: i64,
        terms: OrderTerms,
    }

    /// The rule, word for word.
    fn fires(side: Side, plain: &Plain, print: i64) -> bool {
        let (amount, bps) = (plain.terms.trailing_amount.units(), plain.terms.trailing_bps);
        let (print, best, bps) = (i128::from(print), i128::from(plain.best), i128::from(bps));
        match (side, bps) {
            (Side::Sell, 0) => print <= best - i128::from(amount),
            (Side::Buy, 0) => print >= best + i128::from(amount),
            (Side::Sell, bps) => print * BPS <= best * (BPS - bps),
            (Side::Buy, bps) => print * BPS >= best * (BPS + bps),
        }
    }

    #[test]
    fn fires_what_a_look_at_each_stop_fires() {
        for side in [Side::Buy, Side::Sell] {
            let mut waiters = Waiters::default();
            let mut trailing = Trailing::new(side);
            let mut plain: Vec<Plain> = Vec::new();
            let (mut state, mut price, mut fired_in_all) = (5_u64, 10_000_i64, 0);
            for round in 1..40_000_u32 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(77);
                let random = |shift: u32, below: u64| (state >> shift) % below;
                price += random(33, 41) as i64 - 20;
                match random(50, 4) {
                    0 | 1 => {
                        let mut terms = OrderTerms::NONE;
                        if random(20, 2) == 0 {
                            terms.trailing_amount = Price::from_units(random(5, 300) as i64 + 1);
                        } else {
                            terms.trailing_bps = random(5, 300) as u32 + 1;
                        }
                        let stop = waiters.insert(Waiter::new(round, terms));
                        let mut fired = Vec::new();
                        trailing.print(&mut waiters, price, &mut fired);
                        check(side, &mut plain, price, fired, &mut waiters, &mut fired_in_all);
                        trailing.insert(&mut waiters, stop, price);
                        plain.push(Plain { stop, best: price, terms });
                    }
                    2 if !plain.is_empty() => {
                        let gone = plain.swap_remove(random(10, plain.len() as u64) as usize);
                        assert_eq!(trailing.best(&waiters, gone.stop), gone.best);
                        trailing.remove(&mut waiters, gone.stop);
                        waiters.remove(gone.stop);
                    }
                    _ => {
                        let mut fired = Vec::new();
                        trailing.print(&mut waiters, price, &mut fired);
                        check(side, &mut plain, price, fired, &mut waiters, &mut fired_in_all);
                    }
                }
                if round % 1024 == 0 {
                    let mut seen = Vec::new();
                    trailing.for_each(&waiters, |stop, best| seen.push((stop, best)));
                    let mut all: Vec<_> = plain.iter().map(|it| (it.stop, it.best)).collect();
                    seen.sort_unstable();
                    all.sort_unstable();
                    assert_eq!(seen, all);
                }
            }
            assert!(fired_in_all > 5_000, "{fired_in_all} fired");
        }
    }

    fn check(
        side: Side,
        plain: &mut Vec<Plain>,
        print: i64,
        mut fired: Vec<u32>,
        waiters: &mut Waiters,
        fired_in_all: &mut usize,
    ) {
        for stop in plain.iter_mut() {
            stop.best = match side {
                Side::Sell => stop.best.max(print),
                Side::Buy => stop.best.min(print),
            };
        }
        let mut expected = Vec::new();
        plain.retain(|stop| {
            let fires = fires(side, stop, print);
            expected.extend(fires.then_some(stop.stop));
            !fires
        });
        *fired_in_all += fired.len();
        fired.sort_unstable();
        expected.sort_unstable();
        assert_eq!(fired, expected);
        for stop in fired {
            waiters.remove(stop);
        }
    }
}
