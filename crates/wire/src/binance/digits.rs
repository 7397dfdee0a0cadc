//! Digits eight at a time, in the bytes of a word (SWAR).
//!
//! Words are little-endian: the first character is the lowest byte.

/// Eight characters '0'.
const ZEROS: u64 = 0x3030_3030_3030_3030;
/// The high bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A word in which each character that was a digit is its value, and any other is above nine.
#[inline]
pub(super) const fn values(characters: u64) -> u64 {
    characters ^ ZEROS
}

/// Zero if all eight values are digits. Otherwise its lowest set bit is in the first that is not.
///
/// A value from 10 to 137 sets the high bit in the sum, one above has it already. A carry out of
/// a byte needs a value above 137, so it never reaches below the first that is not a digit.
#[inline]
pub(super) const fn not_digits(values: u64) -> u64 {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & HIGH
}

/// How many of the first values are digits.
#[inline]
pub(super) const fn count(values: u64) -> usize {
    (not_digits(values).trailing_zeros() / 8) as usize
}

/// The number of eight digits.
///
/// Neighbours are joined to pairs, pairs to fours, fours to eight (after Lemire, "Quickly parsing
/// eight digits", 2022).
#[inline]
pub(super) const fn eight(values: u64) -> u64 {
    const PAIR: u64 = 0x0000_00ff_0000_00ff;
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let high = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & PAIR).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// Moves the first `count` (1 to 8) values to the end of the word, zeros before them.
#[inline]
pub(super) const fn leading(values: u64, count: usize) -> u64 {
    values.wrapping_shl(64 - 8 * count as u32)
}

/// How many of the first characters of `text` are ordinary: neither a quote, a backslash, a
/// control character, nor outside ASCII. Eight if all are.
#[inline]
pub(super) const fn ordinary(characters: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const QUOTES: u64 = ONES * b'"' as u64;
    const BACKSLASHES: u64 = ONES * b'\\' as u64;
    // Each term's lowest set bit is exact: borrows only go upwards.
    let quote = (characters ^ QUOTES).wrapping_sub(ONES);
    let backslash = (characters ^ BACKSLASHES).wrapping_sub(ONES);
    let control = characters.wrapping_sub(ONES * 0x20);
    let found = (quote | backslash | control | characters) & HIGH;
    (found.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_make_their_number() {
        for number in [0, 1, 9, 10, 12_345_678, 99_999_999, 10_000_000, 63_000_000] {
            let text = format!("{number:08}");
            let word = u64::from_le_bytes(text.as_bytes().try_into().unwrap());
            assert_eq!(not_digits(values(word)), 0);
            assert_eq!(eight(values(word)), number);
            for count in 1..=8 {
                let expected: u64 = text[..count].parse().unwrap();
                assert_eq!(eight(leading(values(word), count)), expected, "{count} of {text}");
            }
        }
    }

    #[test]
    fn the_first_byte_that_is_no_digit_is_found_among_all_bytes() {
        for place in 0..8 {
            for byte in 0..=255_u8 {
                for other in [b'0', b'9', 0x00, 0x2f, 0x3a, 0x8a, 0xb9, 0xba, 0xff] {
                    let mut bytes = [b'7'; 8];
                    bytes[place] = byte;
                    if let Some(last) = bytes.get_mut(place + 1) {
                        *last = other;
                    }
                    let first = bytes.iter().position(|byte| !byte.is_ascii_digit());
                    let found = not_digits(values(u64::from_le_bytes(bytes)));
                    let at = (found != 0).then(|| found.trailing_zeros() as usize / 8);
                    assert_eq!(at, first, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn the_first_special_character_is_found_among_all_bytes() {
        let special = |byte: u8| matches!(byte, b'"' | b'\\' | ..0x20 | 0x80..);
        for place in 0..8 {
            for byte in 0..=255_u8 {
                for other in [b'a', b'"', b'\\', b'#', b']', 0x00, 0x1f, 0x20, 0x7f, 0x80, 0xff] {
                    let mut bytes = [b'x'; 8];
                    bytes[place] = byte;
                    if let Some(last) = bytes.get_mut(place + 1) {
                        *last = other;
                    }
                    let first = bytes.iter().position(|&byte| special(byte)).unwrap_or(8);
                    assert_eq!(ordinary(u64::from_le_bytes(bytes)), first, "{bytes:?}");
                }
            }
        }
    }
}
