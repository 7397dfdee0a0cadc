//! Exact division by an instrument's tick or lot, without a division instruction.

/// Divides by a fixed number and tells at once whether it divides evenly.
///
/// For `d = 2^k * odd`, `n / d` is exact iff `rotate_right(n * odd^-1 mod 2^64, k)` is at most
/// `(2^64 - 1) / d`, and then that is the quotient (Granlund and Montgomery 1994, section 9).
/// One multiplication and a rotation instead of a division of some 18 cycles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    inverse: u64,
    shift: u32,
    quotient_max: u64,
    units: u64,
}

impl Step {
    /// A step of `units`, above zero.
    pub(crate) fn new(units: u64) -> Self {
        assert!(units > 0, "a step is above zero");
        let shift = units.trailing_zeros();
        let odd = units >> shift;
        // Newton's iteration doubles the correct low bits: 3 (odd * odd = 1 mod 8), 6, ..., 96.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self { inverse, shift, quotient_max: u64::MAX / units, units }
    }

    /// The step in units.
    #[inline(always)]
    pub(crate) fn units(self) -> u64 {
        self.units
    }

    /// `units / step`, if it divides evenly.
    #[inline(always)]
    pub(crate) fn divide(self, units: u64) -> Option<u64> {
        let quotient = units.wrapping_mul(self.inverse).rotate_right(self.shift);
        (quotient <= self.quotient_max).then_some(quotient)
    }

    /// The same for a signed number.
    #[inline(always)]
    pub(crate) fn divide_signed(self, units: i64) -> Option<i64> {
        if units < 0 {
            return self.divide_negative(units);
        }
        self.divide(units.cast_unsigned()).map(u64::cast_signed)
    }

    #[cold]
    fn divide_negative(self, units: i64) -> Option<i64> {
        Some(self.divide(units.unsigned_abs())?.cast_signed().wrapping_neg())
    }

    /// `count * step`; the caller knows that it fits.
    #[inline(always)]
    pub(crate) fn times(self, count: u64) -> u64 {
        count.wrapping_mul(self.units)
    }

    /// `count * step` for a signed count; the caller knows that it fits.
    #[inline(always)]
    pub(crate) fn times_signed(self, count: i64) -> i64 {
        count.wrapping_mul(self.units.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_division_agrees_with_the_division_operator() {
        let steps = [1, 2, 3, 5, 8, 10, 1000, 1_000_000, 100_000_000, 6_700_417, 1 << 40];
        let mut numbers = vec![0, 1, u64::MAX, u64::MAX - 1, 1 << 63];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..2000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            numbers.push(state);
        }
        for units in steps {
            let step = Step::new(units);
            for &number in &numbers {
                let expected = number.is_multiple_of(units).then(|| number / units);
                assert_eq!(step.divide(number), expected, "{number} / {units}");
                let even = number / units * units;
                assert_eq!(step.divide(even), Some(even / units));
                let signed = (number >> 1).cast_signed().wrapping_neg();
                let expected =
                    (signed % units.cast_signed() == 0).then(|| signed / units.cast_signed());
                assert_eq!(step.divide_signed(signed), expected);
            }
        }
        assert_eq!(Step::new(1).divide_signed(i64::MIN), Some(i64::MIN));
    }
}
