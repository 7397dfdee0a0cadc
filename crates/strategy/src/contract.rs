//! What a strategy has to be.

use thiserror::Error;
use tiercel_types::{InstrumentId, Money, Price, Qty};

use crate::{Actions, BookTick, OrderUpdate, TimerTick, TradeTick};

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
