//! Fixed-point decimals: [`Price`] and [`Qty`], in units of 10^-8.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Decimal places kept by [`Price`] and [`Qty`].
pub const DECIMALS: u32 = 8;

/// Units in one whole: 10^8.
pub const ONE: u64 = 100_000_000;

/// Why a text is not a decimal of at most eight places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// Nothing, or no digit.
    #[error("no digits")]
    Empty,
    /// A character that is neither a digit nor the one decimal point (nor a leading minus sign).
    #[error("not a decimal number: unexpected character at position {at}")]
    Character {
        /// Zero-based position of the character.
        at: usize,
    },
    /// More than eight significant decimal places.
    #[error("more than {DECIMALS} decimal places")]
    Precision,
    /// Outside the range of the type.
    #[error("out of range")]
    Range,
}

/// Parses an unsigned decimal into units of 10^-8, exactly.
///
/// Accepts digits with at most one point (`"1"`, `"1.5"`, `".5"`, `"1."`); trailing zeros past
/// the eighth place are allowed, other digits there are not. No sign, exponent or blank.
///
/// # Errors
/// [`DecimalError`] names what is wrong.
///
/// ```
/// use tiercel_types::decimal::parse_units;
/// assert_eq!(parse_units(b"61837.63000000"), Ok(6_183_763_000_000));
/// assert_eq!(parse_units(b"0.00000001"), Ok(1));
/// assert!(parse_units(b"1e5").is_err());
/// ```
pub fn parse_units(text: &[u8]) -> Result<u64, DecimalError> {
    let mut units: u64 = 0;
    let mut places: Option<u32> = None;
    let mut digits = 0_usize;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                let digit = u64::from(byte - b'0');
                if let Some(seen) = &mut places {
                    if *seen == DECIMALS {
                        if digit != 0 {
                            return Err(DecimalError::Precision);
                        }
                        continue;
                    }
                    *seen += 1;
                }
                units = units
                    .checked_mul(10)
                    .and_then(|tens| tens.checked_add(digit))
                    .ok_or(DecimalError::Range)?;
            }
            b'.' if places.is_none() => places = Some(0),
            _ => return Err(DecimalError::Character { at }),
        }
    }
    if digits == 0 {
        return Err(DecimalError::Empty);
    }
    let missing = DECIMALS - places.unwrap_or(0);
    units.checked_mul(10_u64.pow(missing)).ok_or(DecimalError::Range)
}

/// Writes `units` of 10^-8 with exactly `digits` decimal places (at most 8), rounding nothing:
/// digits beyond are cut only if the caller asks for fewer than the value needs.
fn write_units(f: &mut fmt::Formatter<'_>, units: u64, digits: u32) -> fmt::Result {
    let digits = digits.min(DECIMALS);
    let whole = units / ONE;
    if digits == 0 {
        return write!(f, "{whole}");
    }
    let fraction = (units % ONE) / 10_u64.pow(DECIMALS - digits);
    write!(f, "{whole}.{fraction:0width$}", width = digits as usize)
}

/// The fewest decimal places that show `units` exactly.
fn places_needed(units: u64) -> u32 {
    let mut fraction = units % ONE;
    if fraction == 0 {
        return 0;
    }
    let mut places = DECIMALS;
    while fraction.is_multiple_of(10) {
        fraction /= 10;
        places -= 1;
    }
    places
}

/// A price in units of 10^-8 of the quote asset for one whole of the base asset.
///
/// Displays exactly with the fewest places; `{:.8}` fixes the number of places.
///
/// ```
/// use tiercel_types::Price;
/// let price: Price = "61837.63".parse()?;
/// assert_eq!(price.units(), 6_183_763_000_000);
/// assert_eq!(format!("{price} {price:.8}"), "61837.63 61837.63000000");
/// # Ok::<(), tiercel_types::DecimalError>(())
/// ```
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Price(i64);

impl Price {
    /// No price: what an optional price field holds when it is unset.
    pub const ZERO: Self = Self(0);
    /// The largest price.
    pub const MAX: Self = Self(i64::MAX);

    /// A price of `units` * 10^-8.
    #[inline]
    pub const fn from_units(units: i64) -> Self {
        Self(units)
    }

    /// The price in units of 10^-8.
    #[inline]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// True when unset.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Price {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let units =
            i64::try_from(parse_units(digits.as_bytes())?).map_err(|_| DecimalError::Range)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let units = self.0.unsigned_abs();
        let digits = f.precision().map_or_else(|| places_needed(units), |digits| digits as u32);
        write_units(f, units, digits)
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Price({self})")
    }
}

/// A quantity in units of 10^-8: of the base asset, or of the quote asset where a field says so.
///
/// Displays as [`Price`] does.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Qty(u64);

impl Qty {
    /// Nothing; also what an optional quantity field holds when it is unset.
    pub const ZERO: Self = Self(0);
    /// The largest quantity.
    pub const MAX: Self = Self(u64::MAX);

    /// A quantity of `units` * 10^-8.
    #[inline]
    pub const fn from_units(units: u64) -> Self {
        Self(units)
    }

    /// The quantity in units of 10^-8.
    #[inline]
    pub const fn units(self) -> u64 {
        self.0
    }

    /// True when nothing, or unset.
    #[inline]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Qty {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse_units(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for Qty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().map_or_else(|| places_needed(self.0), |digits| digits as u32);
        write_units(f, self.0, digits)
    }
}

impl fmt::Debug for Qty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Qty({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_decimals_are_refused_by_kind() {
        for (text, expected) in [
            ("", DecimalError::Empty),
            (".", DecimalError::Empty),
            ("1.2.3", DecimalError::Character { at: 3 }),
            (" 1", DecimalError::Character { at: 0 }),
            ("+1", DecimalError::Character { at: 0 }),
            ("1e3", DecimalError::Character { at: 1 }),
            ("0.000000001", DecimalError::Precision),
            ("184467440737.09551616", DecimalError::Range),
            ("99999999999999999999", DecimalError::Range),
        ] {
            assert_eq!(text.parse::<Qty>(), Err(expected), "{text:?}");
        }
        assert_eq!("92233720368.54775808".parse::<Price>(), Err(DecimalError::Range));
    }

    #[test]
    fn edges_parse_exactly() {
        assert_eq!("184467440737.09551615".parse::<Qty>(), Ok(Qty::MAX));
        assert_eq!("92233720368.54775807".parse::<Price>(), Ok(Price::MAX));
        assert_eq!("0.0000000100".parse::<Qty>(), Ok(Qty::from_units(1)));
        assert_eq!("-1.5".parse::<Price>(), Ok(Price::from_units(-150_000_000)));
        assert_eq!(format!("{:.2}", Price::from_units(-150_000_000)), "-1.50");
    }

    proptest! {
        #[test]
        fn text_and_units_round_trip(units: u64) {
            let qty = Qty::from_units(units);
            prop_assert_eq!(qty.to_string().parse::<Qty>(), Ok(qty));
            prop_assert_eq!(format!("{qty:.8}").parse::<Qty>(), Ok(qty));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse_units(&bytes);
        }
    }
}
