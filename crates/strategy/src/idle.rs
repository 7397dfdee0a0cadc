//! A strategy that wants nothing.

use crate::{Actions, BookTick, OrderUpdate, StateError, Strategy, TimerTick, TradeTick};

/// Wants nothing: for who only listens, as recorders do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Idle;

impl Strategy for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn on_book(&mut self, _: &BookTick, _: &mut Actions) {}

    fn on_trade(&mut self, _: &TradeTick, _: &mut Actions) {}

    fn on_order(&mut self, _: &OrderUpdate, _: &mut Actions) {}

    fn on_timer(&mut self, _: &TimerTick, _: &mut Actions) {}

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let found = state.len();
        if found == 0 { Ok(()) } else { Err(StateError::Length { expected: 0, found }) }
    }
}
