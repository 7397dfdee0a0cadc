//! [`Money`]: exact amounts of an asset.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::decimal::ONE;
use crate::{Price, Qty};

/// An amount of one asset in units of 10^-16, as a signed 128-bit number.
///
/// `price * qty` is exact in it. Stored as two words so that records need only 8-byte alignment.
///
/// ```
/// use tiercel_types::{Money, Price, Qty};
/// let cost = Money::of(Price::from_units(150_000_000), Qty::from_units(200_000_000));
/// assert_eq!(cost.to_string(), "3");
/// ```
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Money {
    low: u64,
    high: i64,
}

/// Units of [`Money`] in one whole: 10^16.
pub const MONEY_ONE: i128 = 10_000_000_000_000_000;

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self::from_units(0);

    /// An amount of `units` * 10^-16.
    #[inline]
    pub const fn from_units(units: i128) -> Self {
        Self { low: units as u64, high: (units >> 64) as i64 }
    }

    /// The amount in units of 10^-16.
    #[inline]
    pub const fn units(self) -> i128 {
        ((self.high as i128) << 64) | self.low as i128
    }

    /// What `qty` costs at `price`, exactly.
    #[inline]
    pub const fn of(price: Price, qty: Qty) -> Self {
        Self::from_units(price.units() as i128 * qty.units() as i128)
    }

    /// A quantity (10^-8) as an amount (10^-16), exactly.
    #[inline]
    pub const fn from_qty(qty: Qty) -> Self {
        Self::from_units(qty.units() as i128 * ONE as i128)
    }
}

impl PartialOrd for Money {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Money {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.units().cmp(&other.units())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.units();
        if units < 0 {
            f.write_str("-")?;
        }
        let magnitude = units.unsigned_abs();
        let one = MONEY_ONE.unsigned_abs();
        let (whole, mut fraction) = (magnitude / one, magnitude % one);
        if let Some(digits) = f.precision() {
            let digits = digits.min(16);
            if digits == 0 {
                return write!(f, "{whole}");
            }
            fraction /= 10_u128.pow(16 - digits as u32);
            return write!(f, "{whole}.{fraction:0digits$}");
        }
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let mut width = 16;
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(f, "{whole}.{fraction:0width$}")
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn displays_exactly() {
        assert_eq!(Money::from_units(-1).to_string(), "-0.0000000000000001");
        assert_eq!(Money::from_units(MONEY_ONE * 3 / 2).to_string(), "1.5");
        assert_eq!(format!("{:.8}", Money::from_units(MONEY_ONE)), "1.00000000");
    }

    proptest! {
        #[test]
        fn words_round_trip(units: i128) {
            prop_assert_eq!(Money::from_units(units).units(), units);
        }
    }
}
