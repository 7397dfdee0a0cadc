//! A run of a core: what it takes over, when its strategy begins and ends, what stays for the next.

use tiercel_execution::oms::Adopted;
use tiercel_execution::risk::Denial;
use tiercel_strategy::{PositionUpdate, StateError};
use tiercel_types::{InstrumentId, Timestamp};

use super::{Core, owned};
use crate::reason::ModeReason;

impl Core {
    /// Takes over an order of a run before.
    ///
    /// # Errors
    /// [`Denial`]: there is no room for it, or its instrument is not traded any more.
    pub fn adopt(&mut self, now: Timestamp, adopted: &Adopted) -> Result<(), Denial> {
        self.oms.adopt(now, adopted, &mut self.out)
    }

    /// The strategy is to act, as soon as nothing is open of a run before: what is, is cancelled.
    pub const fn begin(&mut self) {
        self.wanted = true;
    }

    /// Lets the strategy act if it is time for it. It is told first what is owned.
    pub(super) fn begin_when_clear(&mut self, now: Timestamp) {
        if self.oms.live_orders() > 0 {
            self.oms.cancel_what_is_left(now, InstrumentId::ALL, &mut self.out);
            return;
        }
        self.acts = true;
        for market in &self.markets {
            let instrument = market.instrument();
            let tick = self.routes.book(&market.tick(now));
            if self.routes.first(instrument) != instrument {
                continue;
            }
            let position = owned(&self.oms, &self.routes, instrument);
            if position != 0 {
                let update = PositionUpdate { time: now, position, instrument, reserved: 0 };
                self.strategy.on_position(&update, &mut self.actions);
            }
            if tick.is_live() {
                self.strategy.on_book(&tick, &mut self.actions);
            }
        }
        self.act(now);
    }

    /// The strategy acts no more, and everything that is open is cancelled. It is told what becomes of its orders, and of
    /// those that it wants instead that they are denied: what it knows at the end is how things are.
    pub fn end(&mut self, now: Timestamp) {
        (self.acts, self.wanted, self.ends) = (false, false, true);
        self.oms.gate_mut().close();
        self.oms.cancel_all(now, InstrumentId::ALL, &mut self.out);
        self.act(now);
    }

    /// Nothing but cancels leaves from now on, and everything that is open is cancelled.
    pub fn halt(&mut self, now: Timestamp) {
        self.halt_because(now, ModeReason::Asked);
    }

    pub(super) fn halt_because(&mut self, now: Timestamp, reason: ModeReason) {
        self.mode_reason = reason;
        self.oms.gate_mut().halt();
        self.oms.cancel_all(now, InstrumentId::ALL, &mut self.out);
        self.act(now);
    }

    /// Somebody lets orders leave again.
    pub fn enable(&mut self) {
        // Without a result nothing has been lost or won yet.
        let result = self.oms.result().unwrap_or_default();
        self.mode_reason = ModeReason::Free;
        self.oms.gate_mut().enable(result);
    }

    /// What the strategy knows, and when it wants to be woken: for the next run, once nothing is open.
    pub fn save_strategy(&self, out: &mut Vec<u8>) {
        for timer in &self.timers {
            out.extend_from_slice(&timer.to_le_bytes());
        }
        self.strategy.save(out);
    }

    /// The strategy becomes what it was at the end of the run before.
    ///
    /// # Errors
    /// [`StateError`]: nothing has changed.
    pub fn restore_strategy(&mut self, state: &[u8]) -> Result<(), StateError> {
        let size = size_of_val(&self.timers);
        let Some((timers, state)) = state.split_at_checked(size) else {
            return Err(StateError::Length { expected: size, found: state.len() });
        };
        self.strategy.restore(state)?;
        for (timer, bytes) in self.timers.iter_mut().zip(timers.as_chunks().0) {
            *timer = u64::from_le_bytes(*bytes);
        }
        Ok(())
    }
}
