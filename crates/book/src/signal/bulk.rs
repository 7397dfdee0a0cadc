//! VPIN for trades without a side: volume is classified in bulk, by how the price moved.

use tiercel_types::{Price, Qty, Timestamp};

use super::moments::Moments;
use super::window::SlotClock;
use super::{Overflow, ParameterError, Toxicity, ToxicityThresholds, Vpin};

/// How [`BulkVpin`] classifies and averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkParameters {
    /// V: what fills a bucket.
    pub bucket_qty: Qty,
    /// n: how many buckets count.
    pub buckets: u32,
    /// How long a bar is. The authors took a minute.
    pub bar_ns: u64,
    /// Over how many bars' price changes their deviation is taken.
    pub deviation_bars: u32,
}

/// [`Vpin`] with bulk volume classification (Easley, López de Prado, O'Hara, 2012).
///
/// Trades are gathered in bars of time. When a bar is over, its volume V is split by the change of
/// price from the last trade of the bar before to its own last one, as a share of the usual change:
///
/// ```text
///   V_buy = V x Phi(dP / sigma_dP)        Phi: the standard normal distribution
/// ```
///
/// and poured into the buckets, evenly mixed. `sigma_dP` is the deviation of the newest changes,
/// this one included. Bars without a trade have no volume and no price, and are passed over. Where
/// nothing is known (the first bar, which has no change; no change where there never was any) half
/// counts as bought. Where all known changes are the same, and not zero, the whole bar goes their
/// way.
///
/// A trade within a bar costs constant work. The first one after it also classifies, with one error
/// function, and pours as [`Vpin`] does.
#[derive(Clone, Debug)]
pub struct BulkVpin {
    vpin: Vpin,
    clock: SlotClock,
    changes: Moments,
    bar: Option<Bar>,
    /// The last price of the bar before.
    close: Option<Price>,
}

#[derive(Clone, Copy, Debug)]
struct Bar {
    number: u64,
    volume: u64,
    last: Price,
}

impl BulkVpin {
    /// Nothing traded yet.
    ///
    /// # Errors
    /// [`ParameterError`] for buckets as [`Vpin::new`], for bars of no length, and for a deviation
    /// over fewer than 2 bars or more than [`SAMPLES_MAX`](super::SAMPLES_MAX).
    pub fn new(parameters: BulkParameters) -> Result<Self, ParameterError> {
        let BulkParameters { bucket_qty, buckets, bar_ns, deviation_bars } = parameters;
        ParameterError::check(bar_ns > 0, "bar_ns", "above zero")?;
        Ok(Self {
            vpin: Vpin::new(bucket_qty, buckets)?,
            clock: SlotClock::new(bar_ns),
            changes: Moments::new(deviation_bars)?,
            bar: None,
            close: None,
        })
    }

    /// Takes a trade. Gives how many buckets were filled by the bar that it ended, if it did.
    ///
    /// # Errors
    /// [`Overflow`] when the bar's volume would not fit 64 bits. The trade is left out.
    #[inline]
    pub fn on_trade(&mut self, time: Timestamp, price: Price, qty: Qty) -> Result<u64, Overflow> {
        let closed = self.advance(time);
        let number = self.clock.slot(time);
        let bar = self.bar.get_or_insert(Bar { number, volume: 0, last: price });
        bar.volume = bar.volume.checked_add(qty.units()).ok_or(Overflow)?;
        bar.last = price;
        Ok(closed)
    }

    /// Lets time pass without a trade: a bar that is over is classified. Gives how many buckets it
    /// filled.
    #[inline]
    pub fn advance(&mut self, time: Timestamp) -> u64 {
        let number = self.clock.slot(time);
        match self.bar {
            Some(bar) if number > bar.number => self.classify(bar),
            _ => 0,
        }
    }

    #[inline(never)]
    fn classify(&mut self, bar: Bar) -> u64 {
        self.bar = None;
        let share = self.close.replace(bar.last).map_or(0.5, |close| {
            let change = bar.last.units().saturating_sub(close.units());
            self.changes.add(change);
            match self.changes.deviation() {
                Some(deviation) if deviation > 0.0 => normal(change as f64 / deviation),
                _ if change == 0 => 0.5,
                _ if change > 0 => 1.0,
                _ => 0.0,
            }
        });
        let bought = (bar.volume as f64 * share).round() as u64;
        self.vpin.pour(bar.volume, bought.min(bar.volume))
    }

    /// VPIN, from 0 to 1, of the bars that are over; none before the window's buckets were filled.
    #[inline]
    pub fn value(&self) -> Option<f64> {
        self.vpin.value()
    }

    /// How toxic the flow is; none before there is a VPIN.
    #[inline]
    pub fn toxicity(&self, thresholds: &ToxicityThresholds) -> Option<Toxicity> {
        self.vpin.toxicity(thresholds)
    }

    /// Buckets filled since the beginning (2^64 - 1 when there were more).
    #[inline]
    pub const fn buckets_closed(&self) -> u64 {
        self.vpin.buckets_closed()
    }
}

/// The standard normal distribution: the share of it below `z`.
fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}
