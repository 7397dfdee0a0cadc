//! Which prices lie within a band and on the tick.

use thiserror::Error;

use super::{Width, scalar};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// A price check for one instrument: the division is prepared, so that a check divides nothing.
///
/// With tick = odd * 2^shift, a number is a multiple of the tick exactly when its product with the
/// odd part's inverse modulo 2^64, rotated right by the shift, is at most (2^64 - 1) / tick; that
/// is then its quotient. (H. S. Warren, Hacker's Delight, 2nd edition, 10-17.) Counted from the
/// lowest good price, one comparison with the highest good price's quotient answers for the tick
/// and for both ends of the band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceCheck {
    division: Division,
}

/// Why there can be no such check.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidBand {
    /// The tick is 0 or negative.
    #[error("the tick is not positive: {0}")]
    Tick(i64),
    /// No multiple of the tick lies within.
    #[error("no multiple of {tick} lies from {low} to {high}")]
    Empty {
        /// The lower end.
        low: i64,
        /// The upper end.
        high: i64,
        /// The tick.
        tick: i64,
    },
}

impl PriceCheck {
    /// A check for multiples of `tick` from `low` to `high`, both included.
    ///
    /// # Errors
    /// [`InvalidBand`] when no price can pass.
    pub fn new(low: i64, high: i64, tick: i64) -> Result<Self, InvalidBand> {
        if tick <= 0 {
            return Err(InvalidBand::Tick(tick));
        }
        // Wide, since the multiples next to the ends may lie outside of i64.
        let (from, to, step) = (i128::from(low), i128::from(high), i128::from(tick));
        let base = from + (-from).rem_euclid(step);
        let top = to - to.rem_euclid(step);
        if base > top {
            return Err(InvalidBand::Empty { low, high, tick });
        }
        let shift = tick.trailing_zeros();
        let division = Division {
            base: base as i64,
            inverse: inverse(tick as u64 >> shift),
            shift,
            quotient_max: ((top - base) / step) as u64,
        };
        Ok(Self { division })
    }

    /// Whether `price` passes.
    ///
    /// ```
    /// use tiercel_sync::simd::PriceCheck;
    ///
    /// let check = PriceCheck::new(90, 110, 5)?;
    /// assert!(check.accepts(90) && check.accepts(105));
    /// assert!(!check.accepts(104) && !check.accepts(115) && !check.accepts(-100));
    /// assert!(PriceCheck::new(91, 94, 5).is_err());
    /// # Ok::<(), tiercel_sync::simd::InvalidBand>(())
    /// ```
    #[inline]
    pub const fn accepts(&self, price: i64) -> bool {
        self.division.accepts(price)
    }

    /// Writes a bit for each price, set if it passes: price `i` is bit `i % 64` of word `i / 64`;
    /// what is left of the last word, and of `mask`, is cleared. Returns how many pass.
    ///
    /// ```
    /// use tiercel_sync::simd::PriceCheck;
    ///
    /// let mut mask = [0; 1];
    /// let passed = PriceCheck::new(90, 110, 5)?.mask(&[90, 91, 95, 120], &mut mask);
    /// assert_eq!((passed, mask), (2, [0b0101]));
    /// # Ok::<(), tiercel_sync::simd::InvalidBand>(())
    /// ```
    ///
    /// # Panics
    /// When `mask` has too few bits.
    #[inline]
    pub fn mask(&self, prices: &[i64], mask: &mut [u64]) -> usize {
        let width = match Width::for_prices(prices.len()) {
            // Less than a vector full: the compiler's code for one price at a time is the quickest.
            Width::Avx512 if prices.len() < 8 => Width::Scalar,
            width => width,
        };
        self.mask_in(width, prices, mask)
    }

    /// [`mask`](Self::mask) in one way, or the widest narrower one that the processor has.
    ///
    /// # Panics
    /// As `mask`.
    #[inline]
    pub fn mask_in(&self, width: Width, prices: &[i64], mask: &mut [u64]) -> usize {
        let (blocks, rest) = prices.as_chunks::<64>();
        let words = prices.len().div_ceil(64);
        assert!(words <= mask.len(), "{} prices, {} words of bits", prices.len(), mask.len());
        let (used, unused) = mask.split_at_mut(words);
        unused.fill(0);
        match width {
            #[cfg(target_arch = "x86_64")]
            Width::Avx512 if width.is_available() => {
                // SAFETY: the processor has the features.
                unsafe { avx512::masks(prices, &self.division, used) }
            }
            #[cfg(target_arch = "x86_64")]
            Width::Avx512 | Width::Avx2 if Width::Avx2.is_available() => {
                // SAFETY: the processor has the feature.
                unsafe { avx2::masks(prices, &self.division, used) }
            }
            _ => {
                let blocks = blocks.iter().map(<[i64; 64]>::as_slice).chain([rest]);
                for (word, block) in used.iter_mut().zip(blocks) {
                    *word = scalar::mask(block, &self.division);
                }
            }
        }
        used.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// The prepared division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Division {
    /// The lowest good price.
    pub(super) base: i64,
    /// The inverse of the tick's odd part modulo 2^64.
    pub(super) inverse: u64,
    /// How many times two divides the tick.
    pub(super) shift: u32,
    /// How many ticks the highest good price is above the lowest.
    pub(super) quotient_max: u64,
}

impl Division {
    #[inline(always)]
    pub(super) const fn accepts(&self, price: i64) -> bool {
        let offset = price.wrapping_sub(self.base) as u64;
        offset.wrapping_mul(self.inverse).rotate_right(self.shift) <= self.quotient_max
    }
}

/// The inverse of an odd number modulo 2^64, by Newton's steps: each doubles the good bits.
const fn inverse(odd: u64) -> u64 {
    // Good for 3 bits: odd * odd is 1 modulo 8.
    let mut inverse = odd;
    let mut bits = 3;
    while bits < u64::BITS {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_times_its_number_is_one() {
        for odd in (1..2_000_u64).chain(u64::MAX - 2_000..=u64::MAX).filter(|odd| odd & 1 == 1) {
            assert_eq!(odd.wrapping_mul(inverse(odd)), 1, "{odd}");
        }
    }

    #[test]
    fn a_band_over_all_of_i64_is_no_overflow() {
        let check = PriceCheck::new(i64::MIN, i64::MAX, 1).unwrap();
        assert!([i64::MIN, -1, 0, 1, i64::MAX].map(|price| check.accepts(price)) == [true; 5]);
        let check = PriceCheck::new(i64::MIN, i64::MAX, i64::MAX).unwrap();
        let passed = [i64::MIN, -i64::MAX, -1, 0, 1, i64::MAX].map(|price| check.accepts(price));
        assert_eq!(passed, [false, true, false, true, false, true]);
        assert_eq!(PriceCheck::new(1, 4, 5), Err(InvalidBand::Empty { low: 1, high: 4, tick: 5 }));
        assert_eq!(PriceCheck::new(1, 4, 0), Err(InvalidBand::Tick(0)));
    }
}
