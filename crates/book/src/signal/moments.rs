//! Mean and variance of the newest samples, from exact sums.

use super::ParameterError;
use super::state::{SignalStateError, word};

/// The most samples that a variance is taken of.
pub const SAMPLES_MAX: u32 = 8_192;

/// The newest samples, with their sum and the sum of their squares.
///
/// A sample is cut to at most 2^63 / capacity either way, so that nothing overflows: the variance's
/// numerator, capacity times the sum of squares, stays within 126 bits.
#[derive(Clone, Debug)]
pub(super) struct Moments {
    ring: Box<[i64]>,
    /// Where the next sample goes: on the oldest, once the ring is full.
    next: usize,
    count: usize,
    sum: i128,
    squares: u128,
    limit: i64,
}

impl Moments {
    pub(super) fn new(samples: u32) -> Result<Self, ParameterError> {
        let bounded = (2..=SAMPLES_MAX).contains(&samples);
        ParameterError::check(bounded, "samples", "2 to 8,192")?;
        Ok(Self {
            ring: vec![0; samples as usize].into_boxed_slice(),
            next: 0,
            count: 0,
            sum: 0,
            squares: 0,
            limit: i64::MAX / i64::from(samples),
        })
    }

    pub(super) const fn capacity(&self) -> usize {
        self.ring.len()
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Forgets all samples.
    pub(super) fn clear(&mut self) {
        self.ring.fill(0);
        (self.next, self.count, self.sum, self.squares) = (0, 0, 0, 0);
    }

    /// Adds a sample, in the place of the oldest if there are as many as may be.
    #[inline]
    pub(super) fn add(&mut self, sample: i64) {
        let sample = sample.clamp(-self.limit, self.limit);
        // A place that was never used holds zero, which adds nothing.
        let gone = std::mem::replace(&mut self.ring[self.next], sample);
        self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        self.count = self.ring.len().min(self.count + 1);
        self.sum += i128::from(sample) - i128::from(gone);
        self.squares += square(sample);
        self.squares -= square(gone);
    }

    /// The samples' mean; none of none.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// Gives the samples and where they are; what follows from them is not kept.
    pub(super) fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.next as u64);
        out(self.count as u64);
        for &sample in &self.ring {
            out(sample.cast_unsigned());
        }
    }

    /// Takes up what was saved with as many samples.
    pub(super) fn restore(
        &mut self,
        words: &mut impl Iterator<Item = u64>,
    ) -> Result<(), SignalStateError> {
        let len = self.ring.len();
        let next = word(words, "next sample", |&next| next < len as u64)? as usize;
        // Until the ring is full the next place is behind those that were used.
        let fits = |&count: &u64| count == len as u64 || (count == next as u64 && next < len);
        let count = word(words, "count of samples", fits)? as usize;
        let (mut sum, mut squares) = (0, 0);
        let limit = self.limit.unsigned_abs();
        for (place, slot) in self.ring.iter_mut().enumerate() {
            let holds = |&units: &u64| {
                units.cast_signed().unsigned_abs() <= limit && (place < count || units == 0)
            };
            *slot = word(words, "samples", holds)?.cast_signed();
            sum += i128::from(*slot);
            squares += square(*slot);
        }
        (self.next, self.count, self.sum, self.squares) = (next, count, sum, squares);
        Ok(())
    }

    /// The samples' standard deviation, with one less than their number below the line; none of
    /// fewer than two.
    #[inline]
    pub(super) fn deviation(&self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let count = self.count as u128;
        // Not below zero, by Cauchy and Schwarz; and exact, so that equal samples give zero.
        let numerator = count * self.squares - self.sum.unsigned_abs().pow(2);
        let denominator = (count * (count - 1)) as f64;
        Some((numerator as f64 / denominator).sqrt())
    }
}

#[inline]
fn square(sample: i64) -> u128 {
    let size = u128::from(sample.unsigned_abs());
    size * size
}
