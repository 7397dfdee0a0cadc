//! Rolling volatility: how far the price strays from one moment to the next.

use tiercel_types::Timestamp;

use super::ParameterError;
use super::moments::Moments;
use super::state::{SignalStateError, flag, word};
use super::window::SlotClock;

/// Logarithmic returns are kept in units of 2^-44 (6e-14). The largest there is between two
/// prices, 44, stays within the 50 bits that 8,192 samples leave.
const RETURN_UNIT: f64 = (1_u64 << 44) as f64;

/// The standard deviation of the logarithmic returns from sample to sample, over a window.
///
/// The price is sampled at the end of each interval of time, as the last one that was seen; an
/// interval without an event repeats the price and returns zero. Regular samples keep bursts of
/// events from counting for more than their time. A silence of as many intervals as the window holds
/// is no calm market: nothing was seen, nothing is known, and the window begins anew.
///
/// An event within an interval stores a price. The first of an interval closes the one before, and
/// those skipped.
#[derive(Clone, Debug)]
pub struct Volatility {
    clock: SlotClock,
    returns: Moments,
    now: Option<Interval>,
    /// The sample before this interval, if there is one.
    sample: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Interval {
    number: u64,
    price: f64,
}

impl Volatility {
    /// Samples every `interval_ns`, and looks at the newest `samples` returns.
    ///
    /// # Errors
    /// [`ParameterError`] when the interval is zero, or there are fewer than 2 samples or more than
    /// [`SAMPLES_MAX`](super::SAMPLES_MAX).
    pub fn new(interval_ns: u64, samples: u32) -> Result<Self, ParameterError> {
        ParameterError::check(interval_ns > 0, "interval_ns", "above zero")?;
        let clock = SlotClock::new(interval_ns);
        Ok(Self { clock, returns: Moments::new(samples)?, now: None, sample: None })
    }

    /// Takes a price, usually the mid. One that has no logarithm (zero, negative, not finite) only
    /// lets time pass. Gives whether an interval ended by it: only then the value has changed.
    #[inline]
    pub fn on_price(&mut self, time: Timestamp, price: f64) -> bool {
        let ended = self.advance(time);
        if price > 0.0 && price.is_finite() {
            let number = self.clock.slot(time);
            self.now = Some(Interval { number, price });
        }
        ended
    }

    /// Lets time pass without a new price. Gives whether an interval ended by it. Who says so more often than the
    /// window is long says that the price stood still.
    #[inline]
    pub fn advance(&mut self, time: Timestamp) -> bool {
        let number = self.clock.slot(time);
        if let Some(now) = self.now
            && number > now.number
        {
            self.close(now, number);
            return true;
        }
        false
    }

    /// Samples the price of an interval that is over, and those up to `number`, which had no event.
    #[inline(never)]
    fn close(&mut self, now: Interval, number: u64) {
        let silent = number - now.number - 1;
        if silent >= self.returns.capacity() as u64 {
            self.returns.clear();
            (self.now, self.sample) = (None, None);
            return;
        }
        if let Some(sample) = self.sample {
            let log_return = libm::log(now.price / sample);
            self.returns.add((log_return * RETURN_UNIT).round() as i64);
        }
        for _ in 0..silent {
            self.returns.add(0);
        }
        self.sample = Some(now.price);
        self.now = Some(Interval { number, price: now.price });
    }

    /// Gives its state, word by word: as many each time.
    pub fn save(&self, out: &mut impl FnMut(u64)) {
        self.clock.save(out);
        self.returns.save(out);
        let Interval { number, price } = self.now.unwrap_or(Interval { number: 0, price: 0.0 });
        for (is_there, price) in
            [(self.now.is_some(), price), (self.sample.is_some(), self.sample.unwrap_or(0.0))]
        {
            out(u64::from(is_there));
            out(price.to_bits());
        }
        out(number);
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
        self.returns.restore(words)?;
        let mut price = || {
            let is_there = flag(words, "price")?;
            let holds = |&bits: &u64| {
                let price = f64::from_bits(bits);
                if is_there { price > 0.0 && price.is_finite() } else { bits == 0 }
            };
            let bits = word(words, "price", holds)?;
            Ok(is_there.then(|| f64::from_bits(bits)))
        };
        let (now, sample) = (price()?, price()?);
        let newest = self.clock.newest();
        let holds = |&number: &u64| number <= if now.is_some() { newest } else { 0 };
        let number = word(words, "interval of the price", holds)?;
        self.now = now.map(|price| Interval { number, price });
        self.sample = sample;
        Ok(())
    }

    /// How many returns there are: at most as many as the window holds.
    #[inline]
    pub const fn samples(&self) -> usize {
        self.returns.count()
    }

    /// The standard deviation of the returns from one sample to the next (1e-4 is one basis point);
    /// none of fewer than two.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        Some(self.returns.deviation()? / RETURN_UNIT)
    }

    /// As [`value`](Self::value), for another span than the interval, as if returns were
    /// independent: it grows with the square root of time.
    #[inline]
    pub fn over(&self, span_ns: u64) -> Option<f64> {
        let intervals = span_ns as f64 / self.clock.slot_ns() as f64;
        Some(self.value()? * intervals.sqrt())
    }
}
