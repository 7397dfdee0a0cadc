//! An aggregated book as plainly as can be: two sorted maps. The judge of the fast one.

use std::collections::BTreeMap;

use tiercel_book::l2::Anomaly;
use tiercel_types::market::{DepthDiff, DepthSnapshot, Level};
use tiercel_types::{Price, Qty, Side};
use xxhash_rust::xxh3::xxh3_64;

/// The book of one instrument.
#[derive(Clone, Debug, Default)]
pub struct NaiveBook {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
    /// The last update that it holds.
    pub update_id: u64,
    limit: usize,
}

impl NaiveBook {
    /// An empty book for at most `limit` levels a side.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Replaces all by a snapshot.
    ///
    /// # Errors
    /// What is wrong with it, bids before asks; the book is of no use then.
    pub fn load(&mut self, snapshot: &DepthSnapshot<'_>) -> Result<(), Anomaly> {
        self.update_id = snapshot.last_update_id;
        for (side, levels) in [(Side::Buy, snapshot.bids), (Side::Sell, snapshot.asks)] {
            let in_order = |pair: &[Level]| match side {
                Side::Buy => pair[0].price > pair[1].price,
                Side::Sell => pair[0].price < pair[1].price,
            };
            if let Some(pair) = levels.windows(2).find(|pair| !in_order(pair)) {
                return Err(Anomaly::Unordered { side, price: pair[1].price });
            }
            self.side_mut(side).clear();
            self.change(side, levels)?;
        }
        self.check_crossed()
    }

    /// Applies a diff: quantities are absolute, zero removes the level.
    ///
    /// # Errors
    /// What is wrong with the book behind it; the book is of no use then.
    pub fn apply(&mut self, diff: &DepthDiff<'_>) -> Result<(), Anomaly> {
        self.update_id = diff.last_update_id;
        self.change(Side::Buy, diff.bids)?;
        self.change(Side::Sell, diff.asks)?;
        self.check_crossed()
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Qty> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn change(&mut self, side: Side, levels: &[Level]) -> Result<(), Anomaly> {
        let limit = self.limit;
        let map = self.side_mut(side);
        for level in levels {
            if level.qty.is_zero() {
                map.remove(&level.price);
            } else {
                map.insert(level.price, level.qty);
            }
            if map.len() > limit {
                return Err(Anomaly::LevelLimit { side, limit });
            }
        }
        Ok(())
    }

    fn check_crossed(&self) -> Result<(), Anomaly> {
        match (self.bids.last_key_value(), self.asks.first_key_value()) {
            (Some((&bid, _)), Some((&ask, _))) if bid >= ask => Err(Anomaly::Crossed { bid, ask }),
            _ => Ok(()),
        }
    }

    /// The levels of a side, best first.
    pub fn levels(&self, side: Side) -> Vec<Level> {
        let show = |(&price, &qty)| Level { price, qty };
        match side {
            Side::Buy => self.bids.iter().rev().map(show).collect(),
            Side::Sell => self.asks.iter().map(show).collect(),
        }
    }

    /// The checksum that the fast book defines.
    pub fn checksum(&self, count: usize) -> u64 {
        let mut bytes = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let mut levels = self.levels(side);
            levels.truncate(count);
            bytes.extend((levels.len() as u64).to_le_bytes());
            for level in levels {
                bytes.extend(level.price.units().to_le_bytes());
                bytes.extend(level.qty.units().to_le_bytes());
            }
        }
        xxh3_64(&bytes)
    }
}
