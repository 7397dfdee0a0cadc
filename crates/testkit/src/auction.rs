//! The price of an auction by brute force: written from `docs/auctions.md` alone. Every price is
//! looked at by adding up all orders. And the published worked examples.

use std::collections::BTreeSet;

use serde_json::Value;
use tiercel_types::Side;

/// An order: its side, its limit in ticks if it has one, its lots.
pub type Order = (Side, Option<i64>, u64);

/// The third step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Left out.
    None,
    /// Highest or lowest where the surplus is all on one side.
    Side,
    /// And next to where it changes sides.
    Narrow,
}

/// The steps and their settings.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// The second step.
    pub minimum_surplus: bool,
    /// The third.
    pub pressure: Pressure,
    /// The fourth: the reference clamped, or the nearest candidate.
    pub clamps: bool,
    /// The reference price.
    pub reference: Option<i64>,
    /// The lowest and the highest price there may be.
    pub bounds: Option<(i64, i64)>,
}

/// What buys and what sells at a price.
#[must_use]
pub fn crossing(orders: &[Order], price: i64) -> (u64, u64) {
    let takes_part = |side: Side, limit: Option<i64>| match (side, limit) {
        (_, None) => true,
        (Side::Buy, Some(limit)) => limit >= price,
        (Side::Sell, Some(limit)) => limit <= price,
    };
    let sum = |of: Side| {
        let orders = orders.iter().filter(|(side, limit, _)| *side == of && takes_part(of, *limit));
        orders.map(|(_, _, lots)| lots).sum()
    };
    (sum(Side::Buy), sum(Side::Sell))
}

/// The price, and what executes at it; `None` where nothing does.
#[must_use]
pub fn price(orders: &[Order], steps: &Steps) -> Option<(i64, u64)> {
    let bounded = |price: i64| steps.bounds.map_or(price, |(low, high)| price.clamp(low, high));
    let executed = |price: i64| {
        let (buys, sells) = crossing(orders, price);
        buys.min(sells)
    };
    let surplus = |price: i64| {
        let (buys, sells) = crossing(orders, price);
        i128::from(buys) - i128::from(sells)
    };
    let limits: BTreeSet<i64> =
        orders.iter().filter_map(|(_, limit, _)| limit.map(bounded)).collect();
    if limits.is_empty() {
        let price = bounded(steps.reference?);
        return (executed(price) > 0).then_some((price, executed(price)));
    }
    let most = limits.iter().map(|&price| executed(price)).max()?;
    if most == 0 {
        return None;
    }
    let mut left: Vec<i64> = limits.into_iter().filter(|&price| executed(price) == most).collect();
    if steps.minimum_surplus {
        let least = left.iter().map(|&price| surplus(price).abs()).min()?;
        left.retain(|&price| surplus(price).abs() == least);
    }
    let buyers: Vec<i64> = left.iter().copied().filter(|&price| surplus(price) > 0).collect();
    let sellers: Vec<i64> = left.iter().copied().filter(|&price| surplus(price) < 0).collect();
    if steps.pressure != Pressure::None {
        if buyers.len() == left.len() {
            left = left.split_off(left.len() - 1);
        } else if sellers.len() == left.len() {
            left.truncate(1);
        } else if steps.pressure == Pressure::Narrow {
            let (from, to) = (buyers.last().copied(), sellers.first().copied());
            left.retain(|&price| from.is_none_or(|from| price >= from));
            left.retain(|&price| to.is_none_or(|to| price <= to));
        }
    }
    let (low, high) = (*left.first()?, *left.last()?);
    let middle = (i128::from(low) + i128::from(high)).div_euclid(2) as i64;
    let reference = steps.reference.unwrap_or(middle);
    let price = if steps.clamps {
        reference.clamp(low, high)
    } else {
        // Of two equally near the higher: it comes first.
        left.reverse();
        left.into_iter().min_by_key(|price| price.abs_diff(reference))?
    };
    Some((price, executed(price)))
}

/// A published worked example.
#[derive(Clone, Debug)]
pub struct Example {
    /// Which.
    pub id: String,
    /// Its orders, summed by price as they were published.
    pub orders: Vec<Order>,
    /// What is published of it.
    pub expect: Value,
}

/// The published examples, if the test data are there.
///
/// # Panics
/// When the file is not what it should be.
#[must_use]
pub fn published() -> Option<Vec<Example>> {
    let path = crate::data::path("vectors/auction_uncross.json")?;
    let examples = crate::data::json(&path);
    let side = |example: &Value, name: &str, side: Side| -> Vec<Order> {
        let levels = example[name]
            .as_object()
            .expect("a side of an example is no object of prices and quantities");
        levels
            .iter()
            .map(|(price, lots)| {
                let price = price.parse().expect("a price of an example is no whole number");
                (
                    side,
                    Some(price),
                    lots.as_u64().expect("a quantity of an example is no whole number"),
                )
            })
            .filter(|(_, _, lots)| *lots > 0)
            .collect()
    };
    let read = |example: Value| Example {
        id: example["id"].as_str().expect("an example has no id").to_owned(),
        orders: [side(&example, "bids", Side::Buy), side(&example, "asks", Side::Sell)].concat(),
        expect: example["expect"].clone(),
    };
    Some(examples.into_iter().map(read).collect())
}
