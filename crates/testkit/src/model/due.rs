//! What comes by itself, once its time has come: `docs/protections.md`, "What is due".

use tiercel_types::{AccountId, EndReason, InstrumentId, OrderId, TimeInForce};

use super::Model;

/// A thing that is due. At one time they come in this order, each kind by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A good-till-date order expires.
    Expiry(OrderId),
    /// A countdown runs out.
    Countdown(AccountId, InstrumentId),
    /// A limit state has lasted.
    LimitState(InstrumentId),
    /// A pause is over.
    Pause(InstrumentId),
    /// A call is over.
    Call(InstrumentId),
    /// A scheduled phase begins.
    Phase(InstrumentId),
}

impl Model {
    /// Does all that is due, and what it triggers.
    pub(super) fn run_due(&mut self) {
        while let Some((_, due)) = self.next_due() {
            if let Due::Expiry(order) = due {
                // It belongs to the step that follows.
                self.end(order, EndReason::Expired);
                continue;
            }
            self.begin_step();
            match due {
                Due::Expiry(_) => {}
                Due::Countdown(account, instrument) => self.countdown_runs_out(account, instrument),
                Due::LimitState(instrument) => self.pause(instrument),
                Due::Pause(instrument) => self.pause_is_over(instrument),
                Due::Call(instrument) => self.call_is_over(instrument),
                Due::Phase(instrument) => self.phase_begins(instrument),
            }
            self.run_triggered();
        }
    }

    /// The first of all that is due.
    fn next_due(&self) -> Option<(u64, Due)> {
        let mut due: Vec<(u64, Due)> = Vec::new();
        for order in self.orders.values().filter(|order| order.time_in_force == TimeInForce::Gtd) {
            due.push((order.expire_time, Due::Expiry(order.id)));
        }
        for countdown in &self.countdowns {
            let name = Due::Countdown(countdown.account, countdown.instrument);
            due.push((countdown.at, name));
        }
        for (&id, instrument) in &self.instruments {
            let limit_state = instrument.limit_state.map(|state| state.until);
            due.extend(limit_state.map(|at| (at, Due::LimitState(id))));
            due.extend(instrument.paused_until.map(|at| (at, Due::Pause(id))));
            let ends_at = instrument.call.and_then(|call| call.ends_at);
            due.extend(ends_at.map(|at| (at, Due::Call(id))));
        }
        due.extend(self.phases.iter().map(|phase| (phase.at, Due::Phase(phase.instrument))));
        due.into_iter().filter(|(at, _)| *at <= self.now).min()
    }
}
