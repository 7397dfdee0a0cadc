//! Order-flow imbalance: what was added to and taken off the best levels.

use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Timestamp};

use super::window::WindowSum;
use super::{ParameterError, Window};

/// The order-flow imbalance of Cont, Kukanov and Stoikov ("The price impact of order book events",
/// 2014), summed over a window.
///
/// From one top of the book (with a prime) to the next,
///
/// ```text
///   e = 1{Pb >= Pb'} Qb - 1{Pb <= Pb'} Qb' - 1{Pa <= Pa'} Qa + 1{Pa >= Pa'} Qa'
/// ```
///
/// At an equal price both indicators of a side are one, and what counts is how its quantity
/// changed. A higher bid counts with all its quantity, a lower one with all that was there before.
/// A side that is empty has the worst price there is, and quantity zero.
///
/// Sums are exact, in units of 10^-8 of the base asset. An event costs constant work; memory is
/// that of the [`Window`].
#[derive(Clone, Debug)]
pub struct OrderFlow {
    last: Option<(Level, Level)>,
    window: WindowSum<i128>,
}

impl OrderFlow {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// [`ParameterError`] when the window is empty, too large, or not cut evenly.
    pub fn new(window: Window) -> Result<Self, ParameterError> {
        Ok(Self { last: None, window: WindowSum::new(window)? })
    }

    /// Takes the top of the book as it is now: best bid and best ask, with quantity zero where
    /// there is none. Gives the event's own imbalance, in units of 10^-8: zero for the first.
    #[inline]
    pub fn on_quote(&mut self, time: Timestamp, bid: Level, ask: Level) -> i128 {
        let bid = or_worst(bid, Price::from_units(i64::MIN));
        let ask = or_worst(ask, Price::MAX);
        let Some((last_bid, last_ask)) = self.last.replace((bid, ask)) else {
            self.window.advance(time);
            return 0;
        };
        // For an ask, better is lower: the same difference with the prices' signs turned.
        let event = change(last_bid, bid, bid.price.cmp(&last_bid.price))
            - change(last_ask, ask, last_ask.price.cmp(&ask.price));
        let added = self.window.add(time, event);
        // An event is below 2^66, so the sum holds 2^61 of them.
        debug_assert!(added.is_ok(), "no window sees so many events");
        event
    }

    /// Lets time pass without an event.
    #[inline]
    pub fn advance(&mut self, time: Timestamp) {
        self.window.advance(time);
    }

    /// Forgets the last top of the book, so that the next one is compared with nothing: after a
    /// gap in the data. The window stays.
    pub const fn restart(&mut self) {
        self.last = None;
    }

    /// The sum over the window, in units of 10^-8 of the base asset: above zero when buyers added
    /// or took more.
    #[inline]
    pub const fn value(&self) -> i128 {
        self.window.total()
    }
}

/// What a side gained, given how its price compares with the one before (greater is better).
#[inline]
fn change(last: Level, now: Level, price: core::cmp::Ordering) -> i128 {
    let gained = if price.is_ge() { now.qty.units() } else { 0 };
    let lost = if price.is_le() { last.qty.units() } else { 0 };
    i128::from(gained) - i128::from(lost)
}

#[inline]
const fn or_worst(level: Level, worst: Price) -> Level {
    if level.qty.is_zero() { Level { price: worst, qty: Qty::ZERO } } else { level }
}
