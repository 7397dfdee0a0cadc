//! Aggregated books: what a changed level costs.
//!
//! ```text
//!   256 updates of 20 levels a side, in memory --> book --> the five best of each side --> checksum
//! ```
//!
//! After each update the five best levels of both sides are read, as a trader does, and that is in the figure. Near:
//! the twenty best prices, one after the other, round a middle that moves by up to three steps. Wide: gaps of up to 1,
//! 2, 4, ... 128 steps, and every second level goes. The updates come round and round; what they set is absolute.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tiercel_book::l2::L2Book;
use tiercel_sim::rng::Rng;
use tiercel_types::market::{DepthDiff, DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Side};

use super::contest::{Case, CaseSpec, Figure, Input, Repeated};
use super::{BenchError, Options};

/// Updates that come round and round.
const UPDATES: u64 = 256;
/// Levels of each side in an update.
const LEVELS: usize = 20;
/// Levels of each side that are read.
const TOP: usize = 5;
/// Levels of each side at the start.
const DEPTH: i64 = 1_000;
/// A step of the price: 0.01.
const STEP: i64 = 1_000_000;
/// The middle at the start, in steps: 60,000.00.
const MIDDLE: i64 = 6_000_000;

/// The cases of `tiercel bench book` about aggregated books.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "book", name: "depth_near", build: |options| case(options, near(options)) },
    CaseSpec { bench: "book", name: "depth_wide", build: |options| case(options, wide(options)) },
];

/// Changed levels of both sides, the best first.
struct Update {
    bids: Vec<Level>,
    asks: Vec<Level>,
}

fn level(place: i64, qty: u64) -> Level {
    Level { price: Price::from_units(place * STEP), qty: Qty::from_units(qty * 1_000) }
}

/// The book at the start: a level at every step.
fn start(random: &mut Rng) -> Update {
    let mut side = |sign: i64| {
        (1..=DEPTH).map(|at| level(MIDDLE + sign * at, 1 + random.below(900))).collect()
    };
    Update { bids: side(-1), asks: side(1) }
}

/// The twenty best prices each time. The middle ends where it began.
fn near(options: &Options) -> (Update, Vec<Update>) {
    let mut random = Rng::new(options.seed);
    let start = start(&mut random);
    let mut middle = MIDDLE;
    let mut updates = Vec::new();
    for number in 1..=UPDATES {
        let before = middle;
        middle = (middle + 3 - random.below(7) as i64).clamp(MIDDLE - 100, MIDDLE + 100);
        let left = (UPDATES - number) as i64;
        middle = middle.clamp(MIDDLE - 3 * left, MIDDLE + 3 * left);
        let mut side = |sign: i64| {
            // What the middle has passed goes, best first.
            let passed = sign * (middle - before);
            let gone: Vec<_> = (1..=passed).map(|at| level(before + sign * at, 0)).collect();
            let rest = LEVELS - gone.len();
            let set = (1..=rest as i64).map(|at| level(middle + sign * at, 1 + random.below(900)));
            gone.iter().copied().chain(set).collect::<Vec<_>>()
        };
        updates.push(Update { bids: side(-1), asks: side(1) });
    }
    (start, updates)
}

/// Levels far from each other, half of which go.
fn wide(options: &Options) -> (Update, Vec<Update>) {
    let mut random = Rng::new(options.seed);
    let start = start(&mut random);
    let mut side = |sign: i64| {
        let mut distance = 0;
        let mut next = || {
            let width = 1 << random.below(8);
            distance += 1 + random.below(width) as i64;
            let qty = if random.coin() { 0 } else { 1 + random.below(900) };
            level(MIDDLE + sign * distance, qty)
        };
        (0..LEVELS).map(|_| next()).collect::<Vec<_>>()
    };
    let updates = (0..UPDATES).map(|_| Update { bids: side(-1), asks: side(1) }).collect();
    (start, updates)
}

/// A checksum of what was read, in its order.
#[derive(Default)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, level: &Level) {
        self.0 = self.0.rotate_left(1) ^ level.price.units().cast_unsigned() ^ level.qty.units();
    }
}

fn case(options: &Options, (start, updates): (Update, Vec<Update>)) -> Result<Case, BenchError> {
    let items_per_call = 2 * LEVELS as u64;
    let calls = options.operations / 40;
    let figure = Figure::NsPerItem;

    let wrong = |error: tiercel_book::l2::Anomaly| BenchError::Wrong {
        subject: "ours".to_owned(),
        what: error.to_string(),
    };
    let mut book = L2Book::new(16_384).with_price_step(Price::from_units(STEP));
    let Update { bids, asks } = &start;
    book.load(&DepthSnapshot { last_update_id: 0, bids, asks }).map_err(wrong)?;
    let (all, mut number) = (updates, 0_usize);
    let updates = std::rc::Rc::new(all);
    let theirs = std::rc::Rc::clone(&updates);
    let mut sum = Sum::default();
    let work = move || {
        let Update { bids, asks } = &updates[number % updates.len()];
        number += 1;
        let last_update_id = number as u64;
        let diff = DepthDiff { first_update_id: last_update_id, last_update_id, bids, asks };
        book.apply(&diff).map_err(wrong)?;
        let mut top = [Level::default(); TOP];
        for side in [Side::Buy, Side::Sell] {
            let count = book.top(side, &mut top);
            top.iter().take(count).for_each(|level| sum.add(level));
        }
        Ok(sum.0)
    };
    let ours = Repeated { name: "ours", figure, items_per_call, calls, work };

    let mut bids: BTreeMap<_, _> =
        start.bids.iter().map(|level| (Reverse(level.price), level.qty)).collect();
    let mut asks: BTreeMap<_, _> =
        start.asks.iter().map(|level| (level.price, level.qty)).collect();
    let mut number = 0_usize;
    let mut sum = Sum::default();
    let work = move || {
        let update = &theirs[number % theirs.len()];
        number += 1;
        for level in &update.bids {
            set(&mut bids, Reverse(level.price), level.qty);
        }
        for level in &update.asks {
            set(&mut asks, level.price, level.qty);
        }
        bids.iter().take(TOP).for_each(|(price, &qty)| sum.add(&Level { price: price.0, qty }));
        asks.iter().take(TOP).for_each(|(&price, &qty)| sum.add(&Level { price, qty }));
        Ok(sum.0)
    };
    let map = Repeated { name: "std BTreeMap", figure, items_per_call, calls, work };
    Ok(Case { unit: "ns/level", input: Input::None, subjects: vec![Box::new(ours), Box::new(map)] })
}

fn set<K: Ord>(map: &mut BTreeMap<K, Qty>, price: K, qty: Qty) {
    if qty.is_zero() {
        map.remove(&price);
    } else {
        map.insert(price, qty);
    }
}
