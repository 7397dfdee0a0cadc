//! How far the mid is from where it has been, in deviations.

use tiercel_types::Timestamp;

use super::moments::Moments;
use super::state::{SignalStateError, flag, word};
use super::window::SlotClock;
use super::{ParameterError, Quote};

/// The mid's distance from its mean over the newest samples, in their standard deviations.
///
/// ```text
///   z = (M - mean) / deviation        of `samples` mids, one at the end of each interval
/// ```
///
/// Sampled as by [`Volatility`](super::Volatility): at the end of each interval the last mid that was
/// seen; an interval without an event repeats it, and a silence of as many intervals as the window holds begins it
/// anew. The deviation has one less than the samples' number below the line.
///
/// Samples are kept as their distance from the first mid there was, in half units of 10^-8, cut to
/// 2^63 / samples: with 8,192 samples that is 5.6 million either way.
///
/// An event within an interval stores a mid. The first of an interval closes the one before, and
/// those skipped.
#[derive(Clone, Debug)]
pub struct ZScore {
    clock: SlotClock,
    distances: Moments,
    /// The first doubled mid: what distances are taken from.
    origin: Option<i128>,
    now: Option<Interval>,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    number: u64,
    distance: i64,
}

impl ZScore {
    /// Samples every `interval_ns`, and looks at the newest `samples`.
    ///
    /// # Errors
    /// [`ParameterError`] when the interval is zero, or there are fewer than 2 samples or more than
    /// [`SAMPLES_MAX`](super::SAMPLES_MAX).
    pub fn new(interval_ns: u64, samples: u32) -> Result<Self, ParameterError> {
        ParameterError::check(interval_ns > 0, "interval_ns", "above zero")?;
        let (clock, distances) = (SlotClock::new(interval_ns), Moments::new(samples)?);
        Ok(Self { clock, distances, origin: None, now: None })
    }

    /// Takes the next quote.
    #[inline]
    pub fn on_quote(&mut self, time: Timestamp, quote: &Quote) {
        let number = self.clock.slot(time);
        if let Some(now) = self.now
            && number > now.number
        {
            self.close(now, number);
        }
        self.origin.get_or_insert(quote.mid_doubled());
        self.now = Some(Interval { number, distance: self.distance(quote) });
    }

    /// Samples the mid of an interval that is over, and those up to `number`, which had no event.
    #[inline(never)]
    fn close(&mut self, now: Interval, number: u64) {
        let ended = number - now.number;
        if ended > self.distances.capacity() as u64 {
            self.distances.clear();
            return;
        }
        for _ in 0..ended {
            self.distances.add(now.distance);
        }
    }

    /// From the first mid, in half units.
    fn distance(&self, quote: &Quote) -> i64 {
        let distance = quote.mid_doubled() - self.origin.unwrap_or(0);
        distance.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// The z-score of a quote's mid among the samples; none before there are as many as the window
    /// holds, and where they are all the same.
    #[inline]
    pub fn value(&self, quote: &Quote) -> Option<f64> {
        if self.distances.count() < self.distances.capacity() {
            return None;
        }
        let deviation = self.distances.deviation().filter(|&deviation| deviation > 0.0)?;
        Some((self.distance(quote) as f64 - self.distances.mean()?) / deviation)
    }

    /// Gives its state, word by word: as many each time.
    pub fn save(&self, out: &mut impl FnMut(u64)) {
        self.clock.save(out);
        self.distances.save(out);
        let origin = self.origin.unwrap_or(0);
        let Interval { number, distance } = self.now.unwrap_or(Interval { number: 0, distance: 0 });
        out(u64::from(self.now.is_some()));
        // Below 2^65: the low word, and the sign with the carry.
        out(origin as u64);
        out((origin >> 64) as u64);
        out(number);
        out(distance.cast_unsigned());
    }

    /// Becomes what it was when its state was saved. The parameters have to be the same.
    ///
    /// # Errors
    /// [`SignalStateError`]. What is here then is of no use.
    pub fn restore(
        &mut self,
        words: &mut impl Iterator<Item = u64>,
    ) -> Result<(), SignalStateError> {
        self.clock.restore(words)?;
        self.distances.restore(words)?;
        let is_there = flag(words, "newest mid")?;
        let low = word(words, "first mid", |&low| is_there || low == 0)?;
        let carries = |&high: &u64| high == 0 || (is_there && high.cast_signed() == -1);
        let high = word(words, "first mid", carries)?;
        let newest = self.clock.newest();
        let holds = |&number: &u64| number <= if is_there { newest } else { 0 };
        let number = word(words, "newest interval", holds)?;
        let distance = word(words, "newest mid", |&units| is_there || units == 0)?.cast_signed();
        let origin = (i128::from(high.cast_signed()) << 64) | i128::from(low);
        self.origin = is_there.then_some(origin);
        self.now = is_there.then_some(Interval { number, distance });
        Ok(())
    }
}
