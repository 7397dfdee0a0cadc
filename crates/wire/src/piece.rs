//! Bytes of any number, in pieces of a fixed one: no call and no loop for a few bytes.

use wide::u8x32;

/// A one in each byte of a word: what it is multiplied with adds up its bytes in the highest one.
pub(crate) const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte of a word.
pub(crate) const HIGH: u64 = 0x80 * ONES;

/// The bytes of a text behind its last whole sixteen, with zeros behind them.
#[inline(always)]
pub(crate) fn tail(text: &[u8]) -> [u8; 16] {
    let count = text.len() % 16;
    if count == 0 {
        return [0; 16];
    }
    if let Some(last) = text.last_chunk::<16>() {
        return (u128::from_le_bytes(*last) >> (8 * (16 - count))).to_le_bytes();
    }
    // Two pieces that overlap, each of a fixed size.
    let two = |low: u64, high: u64, shift: usize| {
        (u128::from(low) | (u128::from(high) << (8 * shift))).to_le_bytes()
    };
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        return two(u64::from_le_bytes(*first), u64::from_le_bytes(*last), count - 8);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|part| u64::from(u32::from_le_bytes(*part)));
        return two(first, last, count - 4);
    }
    let [first, middle, last] = [0, count / 2, count - 1].map(|at| u64::from(text[at]));
    two(first | (middle << (8 * (count / 2))), last, count - 1)
}

/// A text of at most sixteen bytes, with zeros behind it.
#[inline(always)]
pub(crate) fn padded(text: &[u8]) -> Option<[u8; 16]> {
    match text.len() {
        0..16 => Some(tail(text)),
        _ => text.try_into().ok(),
    }
}

/// Whether a byte is among sixteen.
#[inline(always)]
pub(crate) const fn has(byte: u8, bytes: [u8; 16]) -> bool {
    let all = u128::from_le_bytes(bytes);
    // A byte that is zero makes its highest bit, or that of a zero before it.
    let [low, high] =
        [all as u64 ^ (ONES * byte as u64), (all >> 64) as u64 ^ (ONES * byte as u64)];
    let found = (low.wrapping_sub(ONES) & !low) | (high.wrapping_sub(ONES) & !high);
    found & HIGH != 0
}

/// The sum of sixteen bytes.
#[inline(always)]
pub(crate) const fn sum_of_16(bytes: [u8; 16]) -> u64 {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    let all = u128::from_le_bytes(bytes);
    let [low, high] = [all as u64, (all >> 64) as u64];
    // Four sums of four bytes, then theirs in the highest of them.
    let four = (low & EVEN) + ((low >> 8) & EVEN) + (high & EVEN) + ((high >> 8) & EVEN);
    four.wrapping_mul(0x0001_0001_0001_0001) >> 48
}

/// The sum of all bytes, modulo 256.
#[inline]
pub(crate) fn sum(bytes: &[u8]) -> u8 {
    const LANES: usize = 32;
    const MASKS: [u8; 2 * LANES] = {
        let mut masks = [0; 2 * LANES];
        let mut at = LANES;
        while at < 2 * LANES {
            masks[at] = u8::MAX;
            at += 1;
        }
        masks
    };
    let (chunks, rest) = bytes.as_chunks::<LANES>();
    let mut lanes = [0_u8; LANES];
    for chunk in chunks {
        for (lane, byte) in lanes.iter_mut().zip(chunk) {
            *lane = lane.wrapping_add(*byte);
        }
    }
    let mask = MASKS.get(rest.len()..).and_then(<[u8]>::first_chunk::<LANES>);
    match (bytes.last_chunk::<LANES>(), mask) {
        // What is left, as a whole piece that begins before it.
        (Some(last), Some(mask)) => {
            for ((lane, byte), mask) in lanes.iter_mut().zip(last).zip(mask) {
                *lane = lane.wrapping_add(byte & mask);
            }
            lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
        }
        _ => rest.iter().fold(0, |sum, byte| sum.wrapping_add(*byte)),
    }
}

/// The places of a byte among 64, a bit for each.
#[inline(always)]
pub(crate) fn places(of: u8, bytes: &[u8; 64]) -> u64 {
    let [low, high] = [0, 32].map(|start| {
        let half = bytes[start..].first_chunk().copied().unwrap_or_default();
        u64::from(u8x32::new(half).simd_eq(u8x32::splat(of)).to_bitmask())
    });
    low | high << 32
}

/// The eight digits of a number below 10^8, the first in the lowest byte, none of them a character yet.
#[inline(always)]
pub(crate) const fn eight_digits(number: u64) -> u64 {
    // Halves of four digits, then pairs, then digits: quotients by multiplication, exact below 10^4
    // and below 100, remainders beside them.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7F_0000_007F;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    tens | ((pairs - 10 * tens) << 8)
}

/// How many of eight digits are zeros in front: the low bytes. The last digit is none of them.
#[inline(always)]
pub(crate) const fn zeros_in_front(digits: u64) -> usize {
    ((digits | (1 << 56)).trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_number_has_its_eight_digits() {
        for number in (0..100_000_000_u64)
            .step_by(7)
            .chain(0..20_000)
            .chain(100_000_000_u64 - 20_000..100_000_000_u64)
        {
            let digits = (eight_digits(number) | (b'0' as u64 * ONES)).to_le_bytes();
            let mut rest = number;
            for digit in digits.iter().rev() {
                assert_eq!(u64::from(digit - b'0'), rest % 10, "{number}");
                rest /= 10;
            }
        }
    }

    proptest! {
        #[test]
        fn a_tail_is_what_is_left(text in proptest::collection::vec(any::<u8>(), 0..70)) {
            let rest = text.chunks_exact(16).remainder();
            let mut expected = [0; 16];
            expected[..rest.len()].copy_from_slice(rest);
            prop_assert_eq!(tail(&text), expected);
            let is_short = text.len() <= 16;
            prop_assert_eq!(padded(&text).is_some(), is_short);
            if let Some(padded) = padded(&text) {
                prop_assert_eq!(&padded[..text.len()], &text[..]);
                prop_assert!(padded[text.len()..].iter().all(|byte| *byte == 0));
            }
        }

        #[test]
        fn a_sum_is_that_of_each_byte(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let expected = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            prop_assert_eq!(sum(&bytes), expected);
        }

        #[test]
        fn sixteen_bytes_have_a_sum_and_are_searched(bytes: [u8; 16], of: u8, shift in 0..8_u32) {
            let bytes = bytes.map(|byte| byte >> shift);
            let expected: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
            prop_assert_eq!(sum_of_16(bytes), expected);
            prop_assert_eq!(has(of >> shift, bytes), bytes.contains(&(of >> shift)));
        }

        #[test]
        fn places_are_where_the_byte_is(bytes: [[u8; 8]; 8], of: u8, shift in 0..8_u32) {
            // Few values, so that many are the one that is looked for, or nearly so.
            let bytes = bytes.as_flattened().iter().map(|byte| byte >> shift).collect::<Vec<_>>();
            let bytes: [u8; 64] = bytes.try_into().unwrap();
            let of = of >> shift;
            let expected = (0..64).filter(|at| bytes[*at] == of).fold(0, |bits, at| bits | (1 << at));
            prop_assert_eq!(places(of, &bytes), expected);
        }
    }
}
