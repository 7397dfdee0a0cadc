//! What a strategy has to be.

use thiserror::Error;
use tiercel_types::{InstrumentId, Money, Price, Qty};

use crate::{Actions, BookTick, OrderUpdate, PositionUpdate, TimerTick, TradeTick};

/// What a strategy has to know of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Which one: events and actions name it so.
    pub instrument: InstrumentId,
    /// Prices are multiples of it.
    pub tick: Price,
    /// Quantities are multiples of it.
    pub lot: Qty,
    /// The smallest order.
    pub qty_min: Qty,
    /// The smallest order's worth.
    pub notional_min: Money,
}

impl Terms {
    /// The highest price on the tick that is not above `units` of 10^-8; none below one tick.
    #[inline]
    pub fn price_down(&self, units: i128) -> Option<Price> {
        let tick = i128::from(self.tick.units());
        Self::above_zero(units.checked_div_euclid(tick)?.checked_mul(tick)?)
    }

    /// The lowest price on the tick that is not below `units` of 10^-8; none where that is not above zero.
    #[inline]
    pub fn price_up(&self, units: i128) -> Option<Price> {
        let tick = i128::from(self.tick.units());
        let below = units.checked_sub(1)?.checked_div_euclid(tick)?;
        Self::above_zero(below.checked_add(1)?.checked_mul(tick)?)
    }

    fn above_zero(units: i128) -> Option<Price> {
        i64::try_from(units).ok().filter(|&units| units > 0).map(Price::from_units)
    }

    /// The largest quantity on the lot that is not above `units` of 10^-8; zero below one lot.
    #[inline]
    pub fn qty_down(&self, units: i128) -> Qty {
        let units = units.clamp(0, i128::from(u64::MAX)) as u64;
        Qty::from_units(units - units.checked_rem(self.lot.units()).unwrap_or(units))
    }

    /// Whether an order may be so small.
    #[inline]
    pub fn is_enough(&self, price: Price, qty: Qty) -> bool {
        !qty.is_zero() && qty >= self.qty_min && Money::of(price, qty) >= self.notional_min
    }
}

/// Bytes that are no state of the strategy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// Another length than the state has.
    #[error("a state of {found} bytes where {expected} are kept")]
    Length {
        /// What the strategy keeps.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A field holds what it cannot.
    #[error("the state's {field} has a value that it cannot have")]
    Field {
        /// Its name.
        field: &'static str,
    },
}

/// A strategy: events in, actions out.
///
/// Whoever drives it calls one method for each event, in the order of their times, and does what it wants
/// before the next. Actions beyond [`ACTIONS_MAX`](crate::ACTIONS_MAX) are not taken: who has more to do sets
/// a timer.
///
/// An order that was submitted counts as open for the strategy until an [`OrderUpdate`] says that nothing of it is:
/// also one that the gate denies gets its update, before the next event.
pub trait Strategy: Send {
    /// Its name, as configurations have it.
    fn name(&self) -> &'static str;

    /// A book has changed.
    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions);

    /// Somebody has traded.
    fn on_trade(&mut self, trade: &TradeTick, actions: &mut Actions);

    /// An order of its own has changed.
    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions);

    /// What is owned is told otherwise than by an order: of each instrument before its first book, also where it is zero,
    /// and after a correction. Books that were restored are told to be stale before.
    fn on_position(&mut self, _update: &PositionUpdate, _actions: &mut Actions) {}

    /// A time has come that it asked for.
    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions);

    /// Writes its state behind `out`: as many bytes each time.
    fn save(&self, out: &mut Vec<u8>);

    /// Becomes what it was when the state was saved. Orders that were open then are told of by
    /// [`on_order`](Self::on_order) first.
    ///
    /// # Errors
    /// [`StateError`]: nothing has changed.
    fn restore(&mut self, state: &[u8]) -> Result<(), StateError>;
}
