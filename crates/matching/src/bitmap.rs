//! A three-level occupancy bitmap: the next occupied slot in a few instructions.

use crate::masked::Masked;

/// Slots that a bitmap can have: 64^3.
pub(crate) const SLOTS_MAX: usize = 64 * 64 * 64;

/// Which of up to [`SLOTS_MAX`] slots are occupied. A bit of an upper level says that the word
/// below it is not zero.
#[derive(Clone, Debug)]
pub(crate) struct Bitmap {
    leaves: Masked<u64>,
    middle: Masked<u64>,
    top: u64,
}

impl Bitmap {
    /// `slots` empty slots: a power of two from 64 to [`SLOTS_MAX`].
    pub(crate) fn new(slots: usize) -> Self {
        assert!((64..=SLOTS_MAX).contains(&slots));
        let leaves = slots / 64;
        Self { leaves: Masked::new(leaves, 0), middle: Masked::new(leaves.div_ceil(64), 0), top: 0 }
    }

    #[inline]
    pub(crate) fn set(&mut self, slot: usize) {
        let leaf = slot / 64;
        *self.leaves.get_mut(leaf) |= 1 << (slot % 64);
        *self.middle.get_mut(leaf / 64) |= 1 << (leaf % 64);
        self.top |= 1 << (leaf / 64);
    }

    #[inline]
    pub(crate) fn clear(&mut self, slot: usize) {
        let leaf = slot / 64;
        let word = self.leaves.get_mut(leaf);
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            let word = self.middle.get_mut(leaf / 64);
            *word &= !(1 << (leaf % 64));
            if *word == 0 {
                self.top &= !(1 << (leaf / 64));
            }
        }
    }

    /// The first occupied slot at or after `slot`.
    #[inline]
    pub(crate) fn first_from(&self, slot: usize) -> Option<usize> {
        let leaf = slot / 64;
        if leaf >= self.leaves.len() {
            return None;
        }
        let here = *self.leaves.get(leaf) >> (slot % 64);
        if here != 0 {
            return Some(slot + here.trailing_zeros() as usize);
        }
        let leaf = self.next_leaf(leaf + 1)?;
        Some(leaf * 64 + self.leaves.get(leaf).trailing_zeros() as usize)
    }

    /// The first leaf at or after `leaf` that is not zero.
    #[inline]
    fn next_leaf(&self, leaf: usize) -> Option<usize> {
        if leaf >= self.leaves.len() {
            return None;
        }
        let word = leaf / 64;
        let here = *self.middle.get(word) >> (leaf % 64);
        if here != 0 {
            return Some(leaf + here.trailing_zeros() as usize);
        }
        if word + 1 >= 64 {
            return None;
        }
        let above = self.top >> (word + 1);
        if above == 0 {
            return None;
        }
        let word = word + 1 + above.trailing_zeros() as usize;
        Some(word * 64 + self.middle.get(word).trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn finds_what_a_sorted_set_finds() {
        for slots in [64, 4096, 32_768, SLOTS_MAX] {
            let mut bitmap = Bitmap::new(slots);
            let mut set = BTreeSet::new();
            let mut state = 1_u64;
            for round in 0..20_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let slot = (state >> 33) as usize % slots;
                // Few stay occupied, so that searches cross words and levels.
                if round % 2 == 0 {
                    bitmap.set(slot);
                    set.insert(slot);
                } else if let Some(&slot) = set.range(slot..).next() {
                    bitmap.clear(slot);
                    set.remove(&slot);
                }
                let from = (state >> 13) as usize % (slots + 64);
                assert_eq!(bitmap.first_from(from), set.range(from..).next().copied());
            }
        }
    }
}
