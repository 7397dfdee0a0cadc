//! A book as a client of a stream keeps it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Both sides: quantities by price, both in their text, which has a fixed number of places.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sides {
    bids: BTreeMap<String, String>,
    asks: BTreeMap<String, String>,
}

impl Sides {
    pub(super) fn of(bids: &Value, asks: &Value) -> Self {
        let mut sides = Self::default();
        sides.set(bids, asks);
        sides
    }

    /// Sets levels, written as pairs or with names; one of nothing is gone.
    pub(super) fn set(&mut self, bids: &Value, asks: &Value) {
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels.as_array().unwrap() {
                let part = |at: usize, name: &str| {
                    let part = level.get(at).or_else(|| level.get(name)).unwrap();
                    part.as_str().unwrap().to_owned()
                };
                let (price, qty) = (part(0, "price"), part(1, "qty"));
                if qty.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
                    side.remove(&price);
                } else {
                    side.insert(price, qty);
                }
            }
        }
    }
}
