//! Latency histograms.

use core::fmt;

use hdrhistogram::Histogram as Hdr;
use serde::Serialize;

/// The longest latency that is told apart, in nanoseconds: one minute. Longer ones count as this.
pub const LATENCY_MAX_NS: u64 = 60_000_000_000;

/// Every figure is exact to this many decimal digits.
const SIGNIFICANT_DIGITS: u8 = 3;

/// A histogram of latencies in nanoseconds, exact to three digits, from 1 ns to one minute.
///
/// It allocates all it needs when it is made (some 230 kB), and nothing when it records.
///
/// ```
/// use tiercel_telemetry::Histogram;
///
/// let mut latencies = Histogram::new();
/// (1..=1_000).for_each(|latency_ns| latencies.record(latency_ns));
/// let told = latencies.distribution();
/// assert_eq!((told.min_ns, told.p50_ns, told.p99_ns, told.max_ns), (1, 500, 990, 1_000));
/// ```
#[derive(Clone)]
pub struct Histogram {
    inner: Hdr<u64>,
}

impl Histogram {
    /// An empty histogram.
    ///
    /// # Panics
    /// Never: the bounds are constants that `hdrhistogram` takes, as the tests show.
    pub fn new() -> Self {
        #[expect(clippy::expect_used, reason = "constant bounds")]
        let inner = Hdr::new_with_bounds(1, LATENCY_MAX_NS, SIGNIFICANT_DIGITS)
            .expect("constant bounds are valid");
        Self { inner }
    }

    /// Records one latency.
    #[inline]
    pub fn record(&mut self, latency_ns: u64) {
        self.inner.saturating_record(latency_ns.min(LATENCY_MAX_NS));
    }

    /// Records one latency `count` times.
    pub(crate) fn record_many(&mut self, latency_ns: u64, count: u64) {
        self.inner.saturating_record_n(latency_ns, count);
    }

    /// How many were no longer than each bound, to three digits. The bounds ascend.
    pub(crate) fn counts_up_to<const N: usize>(&self, bounds_ns: &[u64; N]) -> [u64; N] {
        let mut counts = [0; N];
        let mut at = 0;
        let mut sum = 0;
        for step in self.inner.iter_recorded() {
            let value_ns = self.inner.lowest_equivalent(step.value_iterated_to());
            while at < N && bounds_ns[at] < value_ns {
                counts[at] = sum;
                at += 1;
            }
            sum += step.count_since_last_iteration();
        }
        counts[at..].fill(sum);
        counts
    }

    /// The sum of all, to three digits.
    pub(crate) fn sum_ns(&self) -> f64 {
        self.inner.mean() * self.inner.len() as f64
    }

    /// Adds all that `other` recorded.
    pub fn add(&mut self, other: &Self) {
        // Both have the same fixed bounds, which is all that can be refused here.
        let added = self.inner.add(&other.inner);
        debug_assert!(added.is_ok());
    }

    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.inner.reset();
    }

    /// How many were recorded.
    pub fn count(&self) -> u64 {
        self.inner.len()
    }

    /// The summary; all zeros when nothing was recorded.
    pub fn distribution(&self) -> Distribution {
        if self.inner.is_empty() {
            return Distribution::default();
        }
        Distribution {
            count: self.inner.len(),
            min_ns: self.inner.min(),
            mean_ns: (self.inner.mean() * 10.0).round() / 10.0,
            p50_ns: self.inner.value_at_quantile(0.50),
            p90_ns: self.inner.value_at_quantile(0.90),
            p99_ns: self.inner.value_at_quantile(0.99),
            p999_ns: self.inner.value_at_quantile(0.999),
            p9999_ns: self.inner.value_at_quantile(0.9999),
            max_ns: self.inner.max(),
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.distribution().fmt(f)
    }
}

/// The summary of a [`Histogram`]: nanoseconds, each the highest value that is equal to the
/// recorded one to three digits.
///
/// Displays as one line: `p50 41 ns  p90 60 ns ...`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many were recorded.
    pub count: u64,
    /// The shortest.
    pub min_ns: u64,
    /// The mean, to a tenth.
    pub mean_ns: f64,
    /// Half were no longer than this.
    pub p50_ns: u64,
    /// Nine of ten were no longer than this.
    pub p90_ns: u64,
    /// 99 of 100 were no longer than this.
    pub p99_ns: u64,
    /// 999 of 1,000 were no longer than this.
    pub p999_ns: u64,
    /// 9,999 of 10,000 were no longer than this.
    pub p9999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Distribution {
    /// Its quantiles and longest, each with its name: the columns of a table.
    pub const fn columns(&self) -> [(&'static str, u64); 6] {
        [
            ("p50", self.p50_ns),
            ("p90", self.p90_ns),
            ("p99", self.p99_ns),
            ("p99.9", self.p999_ns),
            ("p99.99", self.p9999_ns),
            ("max", self.max_ns),
        ]
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value_ns)) in self.columns().into_iter().enumerate() {
            let gap = if at == 0 { "" } else { "  " };
            write!(f, "{gap}{name} {}", Nanoseconds(value_ns))?;
        }
        Ok(())
    }
}

/// Nanoseconds shown with a unit that suits them, to three digits: `417 ns`, `13.2 us`, `4.00 ms`.
#[derive(Clone, Copy, Debug)]
pub struct Nanoseconds(pub u64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value) = *self;
        let (scale, unit) = match value {
            0..1_000 => return f.pad(&format!("{value} ns")),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, rest) = (value / scale, value % scale);
        let text = match whole {
            0..10 => format!("{whole}.{:02} {unit}", rest * 100 / scale),
            10..100 => format!("{whole}.{} {unit}", rest * 10 / scale),
            _ => format!("{whole} {unit}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.distribution(), Distribution::default());
        for latency_ns in 1..=1_000 {
            histogram.record(latency_ns);
        }
        let seen = histogram.distribution();
        assert_eq!((seen.count, seen.min_ns, seen.max_ns), (1_000, 1, 1_000));
        assert_eq!((seen.p50_ns, seen.p90_ns, seen.p99_ns, seen.p999_ns), (500, 900, 990, 999));
        assert!((seen.mean_ns - 500.5).abs() < 0.1);
    }

    #[test]
    fn what_is_too_long_counts_as_the_longest() {
        let mut histogram = Histogram::new();
        histogram.record(u64::MAX);
        histogram.record(0);
        assert_eq!(histogram.count(), 2);
        assert!(histogram.distribution().max_ns >= LATENCY_MAX_NS);
    }

    #[test]
    fn histograms_add_up_and_clear() {
        let (mut one, mut other) = (Histogram::new(), Histogram::new());
        one.record(10);
        other.record(20);
        one.add(&other);
        assert_eq!((one.count(), one.distribution().max_ns), (2, 20));
        one.clear();
        assert_eq!(one.count(), 0);
    }

    #[test]
    fn units_suit_the_size() {
        for (value, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (13_290, "13.2 us"),
            (417_000, "417 us"),
            (4_000_000, "4.00 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(Nanoseconds(value).to_string(), text);
        }
    }
}
