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
fn sum(quantities: impl Iterator<Item = Qty>) -> f64 {
    // The halves apart: neither overflows before 2^32 levels, without a check at each.
    let (low, high) = quantities.fold((0_u64, 0_u64), |(low, high), qty| {
        (low + (qty.units() & 0xffff_ffff), high + (qty.units() >> 32))
    });
    if high < 1 << 31 {
        return ((high << 32) + low) as f64;
    }
    ((u128::from(high) << 32) + u128::from(low)) as f64
}
