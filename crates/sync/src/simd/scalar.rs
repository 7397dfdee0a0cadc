//! One at a time: the fallback, and what the others are compared with.

use super::check::Division;
use super::{Best, rank};

/// See [`Width::best`](super::Width).
#[inline]
pub(super) fn best<const LOWEST: bool, const LIVE: bool>(
    prices: &[i64],
    quantities: &[u64],
) -> Option<Best> {
    let mut best: Option<Best> = None;
    for (index, &price) in prices.iter().enumerate() {
        let counts = !LIVE || quantities[index] != 0;
        let better = |best: Best| rank::<LOWEST>(price) > rank::<LOWEST>(best.price);
        if counts && best.is_none_or(better) {
            best = Some(Best { index, price });
        }
    }
    best
}

/// Sets the bit of each of at most 64 prices that passes.
#[inline(always)]
pub(super) fn mask(prices: &[i64], division: &Division) -> u64 {
    let bits = prices.iter().enumerate();
    bits.fold(0, |mask, (at, &price)| mask | u64::from(division.accepts(price)) << at)
}
