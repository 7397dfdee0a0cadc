//! What was traded in a window: volume, value, and the average price.

use tiercel_types::{Price, Qty, Timestamp};

use super::window::{Summand, WindowSum};
use super::{Overflow, ParameterError, Window};

/// Volume, value and volume-weighted average price (VWAP) of the trades in a window, exactly.
///
/// [`Window::DAY`] makes it the 24 hours that venues publish. A trade costs constant work; memory
/// is that of the window.
///
/// ```
/// use tiercel_book::signal::{TradeWindow, Window};
/// use tiercel_types::Timestamp;
///
/// let mut day = TradeWindow::new(Window::DAY)?;
/// day.on_trade(Timestamp(0), "10".parse().unwrap(), "3".parse().unwrap()).unwrap();
/// day.on_trade(Timestamp(1), "14".parse().unwrap(), "1".parse().unwrap()).unwrap();
/// assert_eq!(day.volume(), 400_000_000); // 4
/// assert_eq!(day.average_price(), Some("11".parse().unwrap())); // (30 + 14) / 4
/// day.advance(Timestamp(86_400_000_000_000));
/// assert_eq!((day.volume(), day.average_price()), (0, None));
/// # Ok::<(), tiercel_book::signal::ParameterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TradeWindow {
    window: WindowSum<Traded>,
}

/// What is summed. Prices of spreads may be negative: values above and below zero are summed apart,
/// so that no part of a window has a larger sum than the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traded {
    volume: u128,
    /// Both stay below 2^127.
    value_above: u128,
    value_below: u128,
    count: u64,
}

impl Traded {
    #[inline]
    const fn new(price: Price, qty: Qty) -> Self {
        let volume = qty.units() as u128;
        let size = price.units().unsigned_abs() as u128 * volume;
        let (value_above, value_below) = if price.units() < 0 { (0, size) } else { (size, 0) };
        Self { volume, value_above, value_below, count: 1 }
    }

    #[inline]
    const fn value(self) -> i128 {
        self.value_above as i128 - self.value_below as i128
    }
}

impl Summand for Traded {
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        let value =
            |here: u128, there: u128| here.checked_add(there).filter(|&sum| sum >> 127 == 0);
        Some(Self {
            volume: self.volume.checked_add(other.volume)?,
            value_above: value(self.value_above, other.value_above)?,
            value_below: value(self.value_below, other.value_below)?,
            count: self.count.checked_add(other.count)?,
        })
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        Self {
            volume: self.volume - other.volume,
            value_above: self.value_above - other.value_above,
            value_below: self.value_below - other.value_below,
            count: self.count - other.count,
        }
    }
}

impl TradeWindow {
    /// Nothing traded yet.
    ///
    /// # Errors
    /// [`ParameterError`] when the window is empty, too large, or not cut evenly.
    pub fn new(window: Window) -> Result<Self, ParameterError> {
        Ok(Self { window: WindowSum::new(window)? })
    }

    /// Adds a trade.
    ///
    /// # Errors
    /// [`Overflow`] when the value would not fit 127 bits: the largest price times the largest
    /// quantity, twice. The trade is left out.
    #[inline]
    pub fn on_trade(&mut self, time: Timestamp, price: Price, qty: Qty) -> Result<(), Overflow> {
        self.window.add(time, Traded::new(price, qty))
    }

    /// Lets time pass without a trade.
    #[inline]
    pub fn advance(&mut self, time: Timestamp) {
        self.window.advance(time);
    }

    /// How much was traded, in units of 10^-8 of the base asset.
    #[inline]
    pub const fn volume(&self) -> u128 {
        self.window.total().volume
    }

    /// What it was worth, in units of 10^-16 of the quote asset.
    #[inline]
    pub const fn value(&self) -> i128 {
        self.window.total().value()
    }

    /// How many trades there were.
    #[inline]
    pub const fn trades(&self) -> u64 {
        self.window.total().count
    }

    /// Value by volume: the VWAP, rounded to the nearest unit of 10^-8, halves away from zero; none
    /// when nothing was traded.
    #[inline]
    pub const fn average_price(&self) -> Option<Price> {
        let (volume, value) = (self.volume(), self.value());
        if volume == 0 {
            return None;
        }
        // An average lies between the lowest and the highest price, so it fits.
        let (whole, rest) = (value.unsigned_abs() / volume, value.unsigned_abs() % volume);
        let units = whole as i128 + (rest >= volume - rest) as i128;
        Some(Price::from_units(if value < 0 { -units } else { units } as i64))
    }
}
