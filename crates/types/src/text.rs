//! Short texts of fixed size that live inside records.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Why a text does not fit its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Too long for the field.
    #[error("longer than {limit} characters")]
    Length {
        /// The most characters the field takes.
        limit: usize,
    },
    /// A character outside printable ASCII (space to tilde).
    #[error("character at position {at} is not printable ASCII")]
    Character {
        /// Zero-based position of the character.
        at: usize,
    },
}

/// How many bytes there are before the first that is zero: eight at a time.
#[inline]
fn before_zeros(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The lowest bit is that of the first zero: a borrow only goes upwards.
        let zeros = word.wrapping_sub(ONES) & !word & HIGH;
        if zeros != 0 {
            return 8 * at + zeros.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
    bytes.len() - rest.len() + end
}

/// Defines a zero-padded printable-ASCII text of at most `$size` bytes.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        ///
        /// Padded with zero bytes; empty when all are zero.
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            FromBytes, IntoBytes, Immutable, KnownLayout,
        )]
        #[repr(transparent)]
        pub struct $name([u8; $size]);

        impl $name {
            /// The empty text.
            pub const EMPTY: Self = Self([0; $size]);
            /// The most characters it holds.
            pub const LIMIT: usize = $size;

            /// Takes printable ASCII of at most [`Self::LIMIT`] bytes.
            ///
            /// # Errors
            /// [`TextError`] when it is longer or holds another character.
            pub fn new(text: &[u8]) -> Result<Self, TextError> {
                if text.len() > $size {
                    return Err(TextError::Length { limit: $size });
                }
                if let Some(at) = text.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
                    return Err(TextError::Character { at });
                }
                let mut bytes = [0; $size];
                bytes[..text.len()].copy_from_slice(text);
                Ok(Self(bytes))
            }

            /// True when it holds nothing.
            #[inline]
            pub const fn is_empty(&self) -> bool {
                self.0[0] == 0
            }

            /// The text without its padding.
            #[inline]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0[..before_zeros(&self.0)]
            }

            /// All bytes of the field, padding included.
            #[inline]
            pub const fn padded(&self) -> &[u8; $size] {
                &self.0
            }

            /// The text; empty if a record carried bytes that are not ASCII.
            pub fn as_str(&self) -> &str {
                core::str::from_utf8(self.as_bytes()).unwrap_or("")
            }

            /// True when it holds printable ASCII followed by zeros alone, as every text made by
            /// [`Self::new`] does: what a decoder of foreign bytes has to ask.
            pub fn is_well_formed(&self) -> bool {
                let used = self.as_bytes();
                used.iter().all(|byte| (b' '..=b'~').contains(byte))
                    && self.0[used.len()..].iter().all(|&byte| byte == 0)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::EMPTY
            }
        }

        impl FromStr for $name {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::new(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}

text! {
    /// A client's own name for an order: at most 36 characters, unique per account among live
    /// orders.
    ClientOrderId, 36
}
text! {
    /// An instrument's symbol, such as `BTCUSDT`.
    Symbol, 16
}
text! {
    /// An asset's code, such as `BTC`.
    AssetCode, 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!("x".repeat(37).parse::<ClientOrderId>(), Err(TextError::Length { limit: 36 }));
        assert_eq!("a\nb".parse::<ClientOrderId>(), Err(TextError::Character { at: 1 }));
        assert_eq!("é".parse::<Symbol>(), Err(TextError::Character { at: 0 }));
        let full: ClientOrderId = "x".repeat(36).parse().unwrap();
        assert_eq!(full.as_str().len(), 36);
        assert!(full.is_well_formed());
    }

    #[test]
    fn a_text_ends_before_its_first_zero_whatever_stands_behind() {
        for end in 0..=36 {
            for (byte, behind) in [(b'x', 0), (1, b'x'), (0xFF, 1), (0x80, 0x80), (1, 0xFF)] {
                let mut bytes = [byte; 36];
                bytes[end..].fill(behind);
                if let Some(first) = bytes.get_mut(end) {
                    *first = 0;
                }
                let text = ClientOrderId::read_from_bytes(&bytes).unwrap();
                assert_eq!(text.as_bytes(), &bytes[..end]);
            }
        }
    }

    #[test]
    fn foreign_bytes_are_noticed() {
        let mut bytes = [0_u8; 16];
        bytes[3] = b'x';
        let hole = Symbol::read_from_bytes(&bytes).unwrap();
        assert!(!hole.is_well_formed());
    }
}
