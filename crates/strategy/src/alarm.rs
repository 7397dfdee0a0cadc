//! A timer of a strategy, set for the earliest of what waits.

use tiercel_types::Timestamp;

use crate::state::Reader;
use crate::{Action, Actions, StateError, TimerTick};

/// One of the timers that the contract has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    timer: u64,
    /// For when it is set; zero: it is not.
    at: Timestamp,
}

impl Alarm {
    /// A timer that is not set.
    pub(crate) const fn new(timer: u64) -> Self {
        debug_assert!(timer < Action::TIMERS);
        Self { timer, at: Timestamp(0) }
    }

    /// Wants to be woken at a time, or earlier: who is woken asks again for what is still to come.
    ///
    /// A time that has passed without its tick counts as not set, so that a timer that was lost with the
    /// process holds nobody up.
    pub(crate) fn wake_at(&mut self, now: Timestamp, at: Timestamp, actions: &mut Actions) {
        if self.at <= now {
            self.at = Timestamp(0);
        }
        let is_sooner = self.at.0 == 0 || at < self.at;
        if at > now && is_sooner && actions.push(Action::timer(self.timer, at)).is_ok() {
            self.at = at;
        }
    }

    /// Whether it was this timer.
    pub(crate) const fn has_fired(&mut self, tick: &TimerTick) -> bool {
        let is_it = tick.timer == self.timer;
        if is_it {
            self.at = Timestamp(0);
        }
        is_it
    }

    pub(crate) fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.at.0);
    }

    pub(crate) fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        self.at = words.time("timer")?;
        Ok(())
    }
}
