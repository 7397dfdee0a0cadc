//! The imbalance of several levels.

use tiercel_types::Qty;

/// (B - A) / (B + A), where B and A are what rests on the `levels` best bids and asks; none when
/// nothing does. A side with fewer levels counts with those it has, an empty one with nothing.
///
/// Both sides are given from the best level on. No more than `levels` of each are looked at: the
/// cost is bounded by that number, not by the book. (Sums that follow each level's change would
/// have to know which level comes into the range when another one leaves it; for the handful of
/// levels that predict anything, adding them up once a message costs less.)
///
/// ```
/// use tiercel_book::signal::depth_imbalance;
/// use tiercel_types::Qty;
///
/// let bids = [3, 5, 100].map(Qty::from_units);
/// let asks = [2].map(Qty::from_units);
/// assert_eq!(depth_imbalance(bids, asks, 2), Some(0.6)); // (8 - 2) / 10
/// assert_eq!(depth_imbalance([], asks, 2), Some(-1.0));
/// assert_eq!(depth_imbalance([], [], 2), None);
/// ```
#[inline]
pub fn depth_imbalance(
    bids: impl IntoIterator<Item = Qty>,
    asks: impl IntoIterator<Item = Qty>,
    levels: usize,
) -> Option<f64> {
    let bid_qty = sum(bids.into_iter().take(levels));
    let ask_qty = sum(asks.into_iter().take(levels));
    let all = bid_qty + ask_qty;
    (all > 0.0).then(|| (bid_qty - ask_qty) / all)
}

/// The sum, rounded once.
#[inline]
fn sum(mut quantities: impl Iterator<Item = Qty>) -> f64 {
    let mut units = 0_u64;
    for qty in quantities.by_ref() {
        let Some(more) = units.checked_add(qty.units()) else {
            return sum_wide(u128::from(units) + u128::from(qty.units()), quantities);
        };
        units = more;
    }
    units as f64
}

/// What does not fit 64 bits goes on in 128, which 2^64 levels do not fill.
#[cold]
fn sum_wide(units: u128, quantities: impl Iterator<Item = Qty>) -> f64 {
    quantities.fold(units, |units, qty| units + u128::from(qty.units())) as f64
}
