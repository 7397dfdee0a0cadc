//! The 64-bit word in front of each record: its state, length, kind and sequence number.
//!
//! ```text
//!   bits 63..32          31     30       29..22   21..0
//!   sequence number + 1  META   PENDING  kind     length of the payload
//!   (PENDING: the slot of the writer that claimed it)
//! ```
//!
//! Zero is an empty place. A record exists from the moment that its word is stored whole: one
//! comparison tells a reader that the word is that of the record it waits for.

/// Set in words that are no record: padding in place of an aborted one, and the end of a cycle.
const META: u64 = 1 << 31;
/// Set while the record is being written: only where several writers share a bus.
const PENDING: u64 = 1 << 30;
const KIND_SHIFT: u32 = 22;
const LENGTH_MASK: u64 = (1 << KIND_SHIFT) - 1;

/// Bytes of the word in front of each record.
pub const HEADER_SIZE: usize = 8;

/// No payload is longer than this, in bytes: what 22 bits can say.
pub const LENGTH_MAX: usize = LENGTH_MASK as usize;

/// The kind that META words use to say that they are the end of the cycle.
const END_KIND: u64 = 1;

/// What a header word says to someone who expects `sequence` there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Nothing was written here yet.
    Empty,
    /// A record: its bytes are there and never change.
    Record {
        /// Bytes of payload.
        length: usize,
        /// The writer's mark.
        kind: u8,
    },
    /// A record that was never finished; readers pass over it.
    Padding {
        /// Bytes of payload to pass over.
        length: usize,
    },
    /// No more records in this cycle.
    End,
    /// Claimed by the writer that holds `slot`, and not finished yet.
    Pending {
        /// Bytes of payload that were claimed.
        length: usize,
        /// The writer's slot.
        slot: u32,
    },
    /// No word that a writer would have put here.
    Foreign,
}

/// The word of a finished record. `length` is at most [`LENGTH_MAX`].
#[inline]
pub(crate) const fn record(sequence: u32, length: usize, kind: u8) -> u64 {
    stamp(sequence) | (kind as u64) << KIND_SHIFT | length as u64
}

/// The word of an aborted record.
#[inline]
pub(crate) const fn padding(sequence: u32, length: usize) -> u64 {
    stamp(sequence) | META | length as u64
}

/// The word at the end of a cycle.
#[inline]
pub(crate) const fn end(sequence: u32) -> u64 {
    stamp(sequence) | META | END_KIND << KIND_SHIFT
}

/// The word of a claim.
#[inline]
pub(crate) const fn pending(slot: u32, length: usize) -> u64 {
    (slot as u64) << 32 | PENDING | length as u64
}

#[inline]
const fn stamp(sequence: u32) -> u64 {
    (sequence as u64 + 1) << 32
}

/// Whether `word` is the finished record `sequence`. The one test on a reader's hot path.
#[inline]
pub(crate) const fn is_record(word: u64, sequence: u32) -> bool {
    word >> 30 == (sequence as u64 + 1) << 2
}

/// The payload length that `word` gives.
#[inline]
pub(crate) const fn length(word: u64) -> usize {
    (word & LENGTH_MASK) as usize
}

/// The kind that `word` gives.
#[inline]
pub(crate) const fn kind(word: u64) -> u8 {
    (word >> KIND_SHIFT) as u8
}

impl Header {
    /// Reads a word where record `sequence` is expected.
    pub const fn decode(word: u64, sequence: u32) -> Self {
        let length = length(word);
        let kind_bits = word >> KIND_SHIFT & 0xff;
        if word == 0 {
            Self::Empty
        } else if is_record(word, sequence) {
            Self::Record { length, kind: kind(word) }
        } else if word & META == 0 && word & PENDING != 0 && kind_bits == 0 {
            Self::Pending { length, slot: (word >> 32) as u32 }
        } else if word == end(sequence) {
            Self::End
        } else if word == padding(sequence, length) {
            Self::Padding { length }
        } else {
            Self::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_was_put_into_them() {
        for sequence in [0, 1, 63, 1 << 20, u32::MAX - 1] {
            for length in [0, 1, 56, LENGTH_MAX] {
                for kind in [0, 1, u8::MAX] {
                    let word = record(sequence, length, kind);
                    assert_eq!(Header::decode(word, sequence), Header::Record { length, kind });
                    assert_eq!(Header::decode(word, sequence + 1), Header::Foreign);
                }
                let word = padding(sequence, length);
                assert_eq!(Header::decode(word, sequence), Header::Padding { length });
                assert!(!is_record(word, sequence));
                for slot in [0, 1, sequence.min(62) + 1, 63] {
                    let word = pending(slot, length);
                    assert_eq!(Header::decode(word, sequence), Header::Pending { length, slot });
                    assert!(!is_record(word, sequence), "a claim is taken for a record");
                }
            }
            assert_eq!(Header::decode(end(sequence), sequence), Header::End);
            assert_eq!(Header::decode(end(sequence), sequence + 1), Header::Foreign);
        }
        assert_eq!(Header::decode(0, 0), Header::Empty);
        for word in [1, 56, META, META | PENDING, PENDING | 1 << KIND_SHIFT, u64::MAX] {
            assert_eq!(Header::decode(word, 5), Header::Foreign, "{word:x}");
        }
    }
}
