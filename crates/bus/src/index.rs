//! Where a record is, for ever: its cycle and its sequence number in it.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// The place of a record in a bus: the cycle in the high 32 bits, the sequence number within the
/// cycle, from zero, in the low ones.
///
/// Indices of later records are greater. They are not dense: a sequence number that was given to
/// an aborted record is passed over, and each cycle starts from zero again. Shown as
/// `CYCLE:SEQUENCE`.
///
/// ```
/// use tiercel_bus::Index;
///
/// let index: Index = "3:1204".parse()?;
/// assert_eq!((index.cycle(), index.sequence()), (3, 1204));
/// assert!(index < Index::new(4, 0));
/// assert_eq!(Index::from_u64(index.to_u64()), index);
/// # Ok::<(), tiercel_bus::index::IndexError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(u64);

/// A text that is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an index is CYCLE:SEQUENCE, two numbers below 2^32")]
pub struct IndexError;

impl Index {
    /// The index of `sequence` in `cycle`.
    #[inline]
    pub const fn new(cycle: u32, sequence: u32) -> Self {
        Self((cycle as u64) << 32 | sequence as u64)
    }

    /// The cycle.
    #[inline]
    pub const fn cycle(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The sequence number within the cycle, from zero.
    #[inline]
    pub const fn sequence(self) -> u32 {
        self.0 as u32
    }

    /// As one number: how a reader keeps its position.
    #[inline]
    pub const fn to_u64(self) -> u64 {
        self.0
    }

    /// The inverse of [`Index::to_u64`].
    #[inline]
    pub const fn from_u64(index: u64) -> Self {
        Self(index)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}:{}", self.cycle(), self.sequence()))
    }
}

impl FromStr for Index {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, IndexError> {
        let (cycle, sequence) = text.split_once(':').ok_or(IndexError)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| IndexError);
        Ok(Self::new(number(cycle)?, number(sequence)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_reads_as_it_is_shown() {
        for index in [Index::new(0, 0), Index::new(7, u32::MAX), Index::new(u32::MAX, 1)] {
            assert_eq!(index.to_string().parse(), Ok(index));
        }
        for text in ["", "1", "1:", ":1", "1:4294967296", "-1:0", "1:2:3"] {
            assert_eq!(text.parse::<Index>(), Err(IndexError), "{text}");
        }
    }
}
