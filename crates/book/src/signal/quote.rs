//! The top of a book that has both sides, and what can be said of it alone.

use thiserror::Error;
use tiercel_types::market::{BestBidOffer, Level};

/// The usual share of imbalance times spread by which the price is expected to move.
///
/// With one half the predicted move is exactly the distance from the mid to the weighted mid.
pub const PREDICTED_MOVE_LAMBDA: f64 = 0.5;

/// Why the top of a book is no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuoteError {
    /// A side has no order.
    #[error("a side of the book is empty")]
    OneSided,
    /// The best bid is not below the best ask.
    #[error("the best bid is not below the best ask")]
    Crossed,
}

/// A best bid below a best ask, both with a quantity.
///
/// ```
/// use tiercel_book::signal::Quote;
/// use tiercel_types::market::Level;
///
/// let level = |price: &str, qty: &str| {
///     Level { price: price.parse().unwrap(), qty: qty.parse().unwrap() }
/// };
/// let quote = Quote::new(level("99.0", "30"), level("101.0", "10"))?;
/// assert_eq!(quote.spread(), 200_000_000); // 2.0
/// assert_eq!(quote.mid(), 100e8);
/// assert_eq!(quote.imbalance(), 0.5); // (30 - 10) / 40
/// assert_eq!(quote.weighted_mid(), 100.5e8); // (99 x 10 + 101 x 30) / 40
/// # Ok::<(), tiercel_book::signal::QuoteError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    bid: Level,
    ask: Level,
}

impl Quote {
    /// The quote of two best levels.
    ///
    /// # Errors
    /// [`QuoteError`] when a quantity is zero, or the bid is not below the ask.
    #[inline]
    pub fn new(bid: Level, ask: Level) -> Result<Self, QuoteError> {
        if bid.qty.is_zero() || ask.qty.is_zero() {
            return Err(QuoteError::OneSided);
        }
        if bid.price >= ask.price {
            return Err(QuoteError::Crossed);
        }
        Ok(Self { bid, ask })
    }

    /// The best bid.
    #[inline]
    pub const fn bid(&self) -> Level {
        self.bid
    }

    /// The best ask.
    #[inline]
    pub const fn ask(&self) -> Level {
        self.ask
    }

    /// Ask less bid, in units of 10^-8; never zero.
    #[inline]
    pub const fn spread(&self) -> u64 {
        self.ask.price.units().abs_diff(self.bid.price.units())
    }

    /// Halfway between bid and ask, in units of 10^-8.
    ///
    /// Exact while both prices are below 2^52 units (45 million); beyond, to one part in 2^52.
    #[inline]
    pub const fn mid(&self) -> f64 {
        self.bid.price.units() as f64 + self.spread() as f64 * 0.5
    }

    /// Bid plus ask, in units of 10^-8: twice the mid, exactly.
    #[inline]
    pub const fn mid_doubled(&self) -> i128 {
        self.bid.price.units() as i128 + self.ask.price.units() as i128
    }

    /// The spread in ten-thousandths of the mid; not finite where the mid is zero.
    #[inline]
    pub const fn spread_basis_points(&self) -> f64 {
        self.spread() as f64 * 10_000.0 / self.mid()
    }

    /// The mid weighted by the quantity of the other side, (Pb Qa + Pa Qb) / (Qa + Qb), in units of
    /// 10^-8: near the side that is about to give way. Many call this the micro-price; Stoikov's is
    /// another, see [`MicroPrice`](super::MicroPrice).
    #[inline]
    pub const fn weighted_mid(&self) -> f64 {
        let (bid_qty, ask_qty) = (self.bid.qty.units() as f64, self.ask.qty.units() as f64);
        let share = bid_qty / (bid_qty + ask_qty);
        // Rounding alone could carry it past the ask.
        let weighted = self.bid.price.units() as f64 + self.spread() as f64 * share;
        weighted.min(self.ask.price.units() as f64)
    }

    /// (Qb - Qa) / (Qb + Qa) at the best prices: 1 when all rests on the bid, -1 when all rests on
    /// the ask, neither of which a quote reaches.
    #[inline]
    pub const fn imbalance(&self) -> f64 {
        let (bid_qty, ask_qty) = (self.bid.qty.units() as f64, self.ask.qty.units() as f64);
        (bid_qty - ask_qty) / (bid_qty + ask_qty)
    }

    /// [`predicted_move`] by the imbalance at the best prices.
    #[inline]
    pub const fn predicted_move(&self, lambda: f64) -> f64 {
        predicted_move(lambda, self.imbalance(), self.spread())
    }
}

impl TryFrom<&BestBidOffer> for Quote {
    type Error = QuoteError;

    #[inline]
    fn try_from(best: &BestBidOffer) -> Result<Self, QuoteError> {
        Self::new(best.bid, best.ask)
    }
}

/// By how much the price is expected to move: `lambda` x imbalance x spread, in the spread's units.
///
/// [`PREDICTED_MOVE_LAMBDA`] is the usual `lambda`; one that was fitted to an instrument does better.
#[inline]
pub const fn predicted_move(lambda: f64, imbalance: f64, spread: u64) -> f64 {
    lambda * imbalance * spread as f64
}
