//! Searches over slices of prices, as wide as the processor can.
//!
//! ```text
//!   highest, lowest             best price and where it stands first
//!   highest_live, lowest_live   the same, of those whose quantity is not 0
//!   PriceCheck::mask            which prices lie within the band and on the tick: a bit for each
//!
//!   each of them -> AVX-512 (8 prices at a time) | AVX2 (4) | scalar
//! ```
//!
//! What the processor can do is asked at run time, once; all ways give the same result, which
//! property tests check against the plainest code there is. [`Width`] names the ways, for tests
//! and benches; the functions of this page take the widest that pays for so many prices
//! ([`Width::for_prices`]).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod check;
mod scalar;

pub use check::{InvalidBand, PriceCheck};

/// A price and its place in the slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// The first place where it stands.
    pub index: usize,
    /// The price.
    pub price: i64,
}

/// How many prices are looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// One: on every processor.
    Scalar,
    /// Four: `x86_64` with AVX2.
    Avx2,
    /// Eight: `x86_64` with AVX-512 F and DQ.
    Avx512,
}

impl Width {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The widest that this processor has.
    #[inline]
    pub fn widest() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Scalar
        }
    }

    /// What the functions of this page take for so many prices: the widest, but that four lanes with
    /// their masks cost more than up to three prices one at a time. (Eight never do.)
    #[inline]
    pub fn for_prices(count: usize) -> Self {
        match Self::widest() {
            Self::Avx2 if count < 4 => Self::Scalar,
            widest => widest,
        }
    }

    /// Whether this processor has it. The answer is kept: asking again costs a load.
    #[inline]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// [`highest`] in this way, or the widest narrower one that the processor has.
    #[inline]
    pub fn highest(self, prices: &[i64]) -> Option<Best> {
        self.best::<false, false>(prices, &[])
    }

    /// [`lowest`] in this way, or the widest narrower one that the processor has.
    #[inline]
    pub fn lowest(self, prices: &[i64]) -> Option<Best> {
        self.best::<true, false>(prices, &[])
    }

    /// [`highest_live`] in this way, or the widest narrower one that the processor has.
    ///
    /// # Panics
    /// When the slices' lengths differ.
    #[inline]
    pub fn highest_live(self, prices: &[i64], quantities: &[u64]) -> Option<Best> {
        assert_eq!(prices.len(), quantities.len(), "a quantity for each price");
        self.best::<false, true>(prices, quantities)
    }

    /// [`lowest_live`] in this way, or the widest narrower one that the processor has.
    ///
    /// # Panics
    /// When the slices' lengths differ.
    #[inline]
    pub fn lowest_live(self, prices: &[i64], quantities: &[u64]) -> Option<Best> {
        assert_eq!(prices.len(), quantities.len(), "a quantity for each price");
        self.best::<true, true>(prices, quantities)
    }

    /// The best of those that count: the lowest if `LOWEST`; with a quantity if `LIVE`, and then
    /// `quantities` is as long as `prices`, else it is not read.
    #[inline]
    fn best<const LOWEST: bool, const LIVE: bool>(
        self,
        prices: &[i64],
        quantities: &[u64],
    ) -> Option<Best> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => {
                // SAFETY: the processor has the features, and the lengths are equal if `LIVE`.
                unsafe { avx512::best::<LOWEST, LIVE>(prices, quantities) }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx2 if Self::Avx2.is_available() => {
                // SAFETY: the processor has the feature, and the lengths are equal if `LIVE`.
                unsafe { avx2::best::<LOWEST, LIVE>(prices, quantities) }
            }
            _ => scalar::best::<LOWEST, LIVE>(prices, quantities),
        }
    }
}

/// The highest price and where it stands first; `None` when there is none.
///
/// ```
/// use tiercel_sync::simd::{Best, highest};
///
/// assert_eq!(highest(&[99, 101, 100, 101]), Some(Best { index: 1, price: 101 }));
/// assert_eq!(highest(&[]), None);
/// ```
#[inline]
pub fn highest(prices: &[i64]) -> Option<Best> {
    Width::for_prices(prices.len()).highest(prices)
}

/// The lowest price and where it stands first; `None` when there is none.
#[inline]
pub fn lowest(prices: &[i64]) -> Option<Best> {
    Width::for_prices(prices.len()).lowest(prices)
}

/// The highest price whose quantity is not 0, and where it stands first.
///
/// ```
/// use tiercel_sync::simd::{Best, highest_live, lowest_live};
///
/// let (prices, quantities) = ([99, 101, 100], [5, 0, 7]);
/// assert_eq!(highest_live(&prices, &quantities), Some(Best { index: 2, price: 100 }));
/// assert_eq!(lowest_live(&prices, &[0; 3]), None);
/// ```
///
/// # Panics
/// When the slices' lengths differ.
#[inline]
pub fn highest_live(prices: &[i64], quantities: &[u64]) -> Option<Best> {
    Width::for_prices(prices.len()).highest_live(prices, quantities)
}

/// The lowest price whose quantity is not 0, and where it stands first.
///
/// # Panics
/// When the slices' lengths differ.
#[inline]
pub fn lowest_live(prices: &[i64], quantities: &[u64]) -> Option<Best> {
    Width::for_prices(prices.len()).lowest_live(prices, quantities)
}

/// Turns the order round if `LOWEST`: the lowest price has the highest rank. (Its own inverse;
/// unlike a negation it has no overflow.)
#[inline(always)]
const fn rank<const LOWEST: bool>(price: i64) -> i64 {
    if LOWEST { !price } else { price }
}
