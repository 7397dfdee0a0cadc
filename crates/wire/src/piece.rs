//! Bytes of any number, in pieces of a fixed one: no call and no loop for a few bytes.

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
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7F * ONES;
    // Moves the highest bit of each byte into the highest byte, the first byte's lowest.
    const GATHER: u64 = 0x0002_0408_1020_4081;
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        let word = u64::from_le_bytes(*word) ^ (ONES * of as u64);
        // The high bit of each byte that is zero, and of no other: no sum carries.
        let zeros = !(((word & LOW) + LOW) | word | LOW);
        (bits << 8) | (zeros.wrapping_mul(GATHER) >> 56)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
