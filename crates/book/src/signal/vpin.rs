//! VPIN: the volume-synchronised probability of informed trading.

use tiercel_types::{Qty, Side};

use super::ParameterError;
use super::state::{SignalStateError, word};

/// The most buckets in a window.
pub const BUCKETS_MAX: u32 = 1 << 16;

/// VPIN (Easley, López de Prado, O'Hara: "Flow toxicity and liquidity in a high-frequency world",
/// 2012), with the side of each trade known.
///
/// Volume is poured into buckets of exactly V. A trade that does not fit is split, and what is over
/// goes into the next bucket, and the next, as far as it reaches. Of the newest n full buckets,
///
/// ```text
///   VPIN = sum |Vs - Vb| / (n V)
/// ```
///
/// from 0, when as much was bought as sold in each, to 1, when each saw one side alone. There is no
/// value before n buckets were filled.
///
/// A trade costs constant work, and that again for each bucket that it fills, of which it looks at n
/// at most: those before them would have left the window with it. [`BulkVpin`](super::BulkVpin) is
/// for trades without a side.
///
/// ```
/// use tiercel_book::signal::Vpin;
/// use tiercel_types::{Qty, Side};
///
/// let qty = Qty::from_units;
/// let mut vpin = Vpin::new(qty(10), 2)?;
/// vpin.on_trade(Side::Buy, qty(6));
/// vpin.on_trade(Side::Sell, qty(4)); // a bucket of 6 bought, 4 sold
/// assert_eq!(vpin.value(), None);
/// vpin.on_trade(Side::Sell, qty(12)); // a bucket of 10 sold, and 2 in the next
/// assert_eq!(vpin.value(), Some(0.6)); // (2 + 10) / 20
/// # Ok::<(), tiercel_book::signal::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vpin {
    bucket_qty: u64,
    /// n V, rounded once: the sum, which is not above it, is not above it rounded either.
    volume: f64,
    /// |Vs - Vb| of the newest full buckets; zero where there was none yet.
    imbalances: Box<[u64]>,
    /// Where the next one goes.
    next: usize,
    sum: u128,
    closed: u64,
    /// What is in the bucket that is being filled, and how much of that was bought.
    filled: u64,
    bought: u64,
}

impl Vpin {
    /// Empty buckets of `bucket_qty`, of which the newest `buckets` count. The authors took a
    /// fiftieth of the average day's volume, and 50 buckets.
    ///
    /// # Errors
    /// [`ParameterError`] when a bucket holds nothing, or the buckets are none or more than
    /// [`BUCKETS_MAX`].
    pub fn new(bucket_qty: Qty, buckets: u32) -> Result<Self, ParameterError> {
        ParameterError::check(!bucket_qty.is_zero(), "bucket_qty", "above zero")?;
        let bounded = buckets > 0 && buckets <= BUCKETS_MAX;
        ParameterError::check(bounded, "buckets", "1 to 65,536")?;
        Ok(Self {
            bucket_qty: bucket_qty.units(),
            volume: (u128::from(bucket_qty.units()) * u128::from(buckets)) as f64,
            imbalances: vec![0; buckets as usize].into_boxed_slice(),
            next: 0,
            sum: 0,
            closed: 0,
            filled: 0,
            bought: 0,
        })
    }

    /// Pours in a trade, by the side that took liquidity. Gives how many buckets it filled.
    #[inline]
    pub fn on_trade(&mut self, aggressor: Side, qty: Qty) -> u64 {
        let bought = if aggressor == Side::Buy { qty.units() } else { 0 };
        self.pour(qty.units(), bought)
    }

    /// Pours in volume of which `bought`, at most all, was bought, evenly mixed.
    #[inline]
    pub(super) fn pour(&mut self, volume: u64, bought: u64) -> u64 {
        // One bucket is always open, so there is room for something.
        if volume < self.bucket_qty - self.filled {
            self.filled += volume;
            self.bought += bought;
            return 0;
        }
        self.overflow(volume, bought)
    }

    /// Pours in what fills at least the open bucket.
    #[inline(never)]
    fn overflow(&mut self, volume: u64, bought: u64) -> u64 {
        // Each piece gets what is bought up to its end less what was bought up to its beginning, so
        // that no unit is lost or made by rounding, and pieces can be left out.
        let bought_until = |poured: u64| -> u64 {
            if bought == 0 {
                0
            } else if bought == volume {
                poured
            } else {
                (u128::from(bought) * u128::from(poured) / u128::from(volume)) as u64
            }
        };
        let room = self.bucket_qty - self.filled;
        self.close(self.bought + bought_until(room));
        let whole = (volume - room) / self.bucket_qty;
        let kept = whole.min(self.imbalances.len() as u64);
        let mut poured = room + (whole - kept) * self.bucket_qty;
        for _ in 0..kept {
            let end = poured + self.bucket_qty;
            self.close(bought_until(end) - bought_until(poured));
            poured = end;
        }
        self.closed = self.closed.saturating_add(whole - kept);
        self.filled = volume - poured;
        self.bought = bought - bought_until(poured);
        1 + whole
    }

    /// Puts a full bucket into the window.
    #[inline]
    fn close(&mut self, bought: u64) {
        let imbalance = bought.abs_diff(self.bucket_qty - bought);
        let gone = std::mem::replace(&mut self.imbalances[self.next], imbalance);
        self.next = if self.next + 1 == self.imbalances.len() { 0 } else { self.next + 1 };
        self.sum += u128::from(imbalance);
        self.sum -= u128::from(gone);
        self.closed = self.closed.saturating_add(1);
    }

    /// VPIN, from 0 to 1; none before the window's buckets were filled.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        if self.closed < self.imbalances.len() as u64 {
            return None;
        }
        Some(self.sum as f64 / self.volume)
    }

    /// Gives its state, word by word: as many each time.
    pub fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.bucket_qty);
        for word in [self.next as u64, self.closed, self.filled, self.bought] {
            out(word);
        }
        for &imbalance in &self.imbalances {
            out(imbalance);
        }
    }

    /// Becomes what it was when its state was saved. The parameters have to be the same.
    ///
    /// # Errors
    /// [`SignalStateError`]. What is here then is of no use.
    pub fn restore(
        &mut self,
        words: &mut impl Iterator<Item = u64>,
    ) -> Result<(), SignalStateError> {
        let (bucket_qty, len) = (self.bucket_qty, self.imbalances.len() as u64);
        word(words, "bucket's quantity", |&qty| qty == bucket_qty)?;
        self.next = word(words, "next bucket", |&next| next < len)? as usize;
        self.closed = word(words, "count of buckets", |_| true)?;
        self.filled = word(words, "open bucket", |&filled| filled < bucket_qty)?;
        let filled = self.filled;
        self.bought = word(words, "open bucket", |&bought| bought <= filled)?;
        self.sum = 0;
        for imbalance in &mut self.imbalances {
            *imbalance = word(words, "buckets", |&imbalance| imbalance <= bucket_qty)?;
            self.sum += u128::from(*imbalance);
        }
        Ok(())
    }

    /// How toxic the flow is; none before there is a VPIN.
    #[inline]
    pub fn toxicity(&self, thresholds: &ToxicityThresholds) -> Option<Toxicity> {
        self.value().map(|vpin| thresholds.of(vpin))
    }

    /// Buckets filled since the beginning (2^64 - 1 when there were more).
    #[inline]
    pub const fn buckets_closed(&self) -> u64 {
        self.closed
    }
}

/// How toxic the flow is to those who quote: how likely they trade with somebody who knows more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Toxicity {
    /// Below all thresholds.
    Low,
    /// At the first threshold or above.
    Moderate,
    /// At the second threshold or above.
    High,
    /// At the third threshold or above.
    Extreme,
}

impl Toxicity {
    /// The stable text: what messages show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Extreme => "extreme",
        }
    }
}

/// From which VPIN on flow is how toxic.
///
/// The usual height of VPIN differs between instruments and with V and n, so no number means the
/// same everywhere. The authors look at where a value stands among those of the instrument's own
/// past, and call 90% and 99% high: thresholds should be such quantiles. The default only quarters
/// the range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToxicityThresholds([f64; 3]);

impl ToxicityThresholds {
    /// Thresholds for moderate, high and extreme.
    ///
    /// # Errors
    /// [`ParameterError`] when they do not rise, or are not between 0 and 1.
    pub fn new(moderate: f64, high: f64, extreme: f64) -> Result<Self, ParameterError> {
        let rising = 0.0 <= moderate && moderate <= high && high <= extreme && extreme <= 1.0;
        ParameterError::check(rising, "toxicity thresholds", "rising, from 0 to 1")?;
        Ok(Self([moderate, high, extreme]))
    }

    /// The level of a VPIN.
    #[inline]
    pub fn of(&self, vpin: f64) -> Toxicity {
        match self.0.map(|threshold| vpin >= threshold) {
            [.., true] => Toxicity::Extreme,
            [_, true, _] => Toxicity::High,
            [true, ..] => Toxicity::Moderate,
            _ => Toxicity::Low,
        }
    }
}

impl Default for ToxicityThresholds {
    fn default() -> Self {
        Self([0.25, 0.5, 0.75])
    }
}
