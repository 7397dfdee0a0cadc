//! Hashing for tables on the way of every event.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Spreads ids that the venue counts itself: nobody can choose them.
#[derive(Default)]
pub(crate) struct CountedHasher(u64);

/// Tables by ids that the venue counts.
pub(crate) type Counted = BuildHasherDefault<CountedHasher>;

impl Hasher for CountedHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // By the golden ratio: neighbours fall far from each other, in the upper bits too.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Spreads names that clients choose: by a seed of each table's own, so that nobody can choose names that
/// meet.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    seed: u64,
}

impl Default for Chosen {
    fn default() -> Self {
        Self { seed: RandomState::new().hash_one(0_u64) }
    }
}

/// The hasher of [`Chosen`]: XXH3 of each part, seeded with what came before.
pub(crate) struct ChosenHasher(u64);

impl BuildHasher for Chosen {
    type Hasher = ChosenHasher;

    fn build_hasher(&self) -> ChosenHasher {
        ChosenHasher(self.seed)
    }
}

impl Hasher for ChosenHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.0 = self.0.wrapping_add(u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }

    // The length of an array of one length tells nothing.
    #[inline]
    fn write_usize(&mut self, _: usize) {}
}
