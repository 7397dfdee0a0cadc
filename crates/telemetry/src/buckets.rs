//! The layout of an HDR histogram's buckets: which cell a value falls into.
//!
//! ```text
//!   value      0 .. 2047     one cell a value
//!              2048 .. 4095  one for 2 values, 1,024 cells
//!              4096 .. 8191  one for 4 values, 1,024 cells, and so on
//! ```
//!
//! It is that of `hdrhistogram` for three significant digits from 1 on (its description:
//! <https://hdrhistogram.github.io/HdrHistogram/>), so that what is counted here can be given to it
//! without loss.

use crate::histogram::LATENCY_MAX_NS;

/// Binary places of the cells in each doubling: 2^10 cells for three decimal digits.
const HALF_BITS: u32 = 10;

/// How many cells there are: up to that of one minute.
pub(crate) const CELLS: usize = cell_of(LATENCY_MAX_NS) + 1;

/// The cell of a value: at or beyond [`CELLS`] when the value is too long.
#[inline]
pub(crate) const fn cell_of(value: u64) -> usize {
    // The lowest 2,048 values count as one doubling.
    let magnitude = 63 - HALF_BITS - (value | ((2 << HALF_BITS) - 1)).leading_zeros();
    ((magnitude as usize) << HALF_BITS) + (value >> magnitude) as usize
}

/// The lowest value of a cell.
pub(crate) const fn lowest_of(cell: usize) -> u64 {
    let magnitude = (cell >> HALF_BITS).saturating_sub(1);
    ((cell - (magnitude << HALF_BITS)) as u64) << magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_follow_each_other_without_gap_or_overlap() {
        assert_eq!((cell_of(0), cell_of(2_047), cell_of(2_048)), (0, 2_047, 2_048));
        for cell in 1..CELLS {
            let lowest = lowest_of(cell);
            assert_eq!((cell_of(lowest), cell_of(lowest - 1)), (cell, cell - 1), "{cell}");
        }
        assert!(cell_of(u64::MAX) >= CELLS);
    }

    #[test]
    fn a_cell_is_exact_to_three_digits() {
        for cell in 2_048..CELLS - 1 {
            let (lowest, next) = (lowest_of(cell), lowest_of(cell + 1));
            assert!((next - lowest) * 1_000 <= lowest, "{cell}");
        }
    }
}
