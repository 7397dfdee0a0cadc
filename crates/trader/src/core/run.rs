//! A run of a core: what it takes over, when its strategy begins and ends, what stays for the next.

use tiercel_execution::oms::Adopted;
use tiercel_execution::risk::Denial;
use tiercel_strategy::{BookTick, PositionUpdate, STALE, StateError};
use tiercel_types::{InstrumentId, Timestamp};

use super::{Core, owned};
use crate::journal::GateState;
use crate::reason::ModeReason;

const SECOND_NS: u64 = 1_000_000_000;

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

    /// Lets the strategy act if it is time for it: nothing of a run before is open, as venues say too, and what is owned has
    /// a value, so that losses are known. It is told first what is owned.
    pub(super) fn begin_when_clear(&mut self, now: Timestamp) {
        let is_listed = self.is_listed(now);
        if self.oms.live_orders() > 0 {
            self.oms.cancel_what_is_left(now, InstrumentId::ALL, &mut self.out);
            return;
        }
        if !is_listed || self.oms.result().is_none() {
            return;
        }
        self.acts = true;
        let Self { markets, routes, oms, strategy, actions, .. } = self;
        // Of a route, as the last of its markets shows it: the book of all of them.
        let mut ticks = Vec::with_capacity(markets.len());
        for market in markets.iter() {
            let tick = routes.book(&market.tick(now));
            ticks.retain(|other: &BookTick| other.instrument != tick.instrument);
            ticks.push(tick);
        }
        if std::mem::take(&mut self.is_restored) {
            // The books that it knows are those of the run before.
            for tick in &ticks {
                strategy.on_book(&BookTick { flags: STALE, ..*tick }, actions);
            }
        }
        for BookTick { instrument, .. } in &ticks {
            let (instrument, position) = (*instrument, owned(oms, routes, *instrument));
            let update = PositionUpdate { time: now, position, instrument, reserved: 0 };
            strategy.on_position(&update, actions);
        }
        for tick in ticks.iter().filter(|tick| tick.is_live()) {
            strategy.on_book(tick, actions);
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
        self.write_gate(now);
        self.oms.cancel_all(now, InstrumentId::ALL, &mut self.out);
        self.act(now);
    }

    /// Somebody lets orders leave again. Losses count from now.
    pub fn enable(&mut self) {
        self.mode_reason = ModeReason::Free;
        self.oms.gate_mut().enable();
    }

    /// The gate goes on as it stood at the end of the run before: a halt lasts until somebody ends it.
    pub fn restore_gate(&mut self, state: &GateState) {
        (self.mode_reason, self.written) = (state.reason, (*state, Timestamp(0)));
        self.oms.gate_mut().restore(state.mode, state.day);
    }

    /// Writes how the gate stands, if it stands otherwise than was written: each new best once a second.
    pub(super) fn write_gate(&mut self, now: Timestamp) {
        let gate = self.oms.gate();
        let state = GateState { mode: gate.mode(), reason: self.mode_reason, day: gate.day() };
        let (written, at) = &mut self.written;
        let but_best = |state: &GateState| {
            (state.mode, state.reason, state.day.map(|day| (day.number, day.base)))
        };
        let is_best_alone = but_best(&state) == but_best(written);
        if state == *written || (is_best_alone && now.0 < at.0.saturating_add(SECOND_NS)) {
            return;
        }
        (*written, *at) = (state, now);
        if let Some(journal) = &mut self.journal {
            self.has_journal_failed |= journal.gate(&state).is_err();
        }
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
        self.is_restored = true;
        for (timer, bytes) in self.timers.iter_mut().zip(timers.as_chunks().0) {
            *timer = u64::from_le_bytes(*bytes);
        }
        Ok(())
    }
}
