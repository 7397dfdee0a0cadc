//! Phases by schedule: when an instrument moves to another state by itself.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{Kind, ScheduleAction, SchedulePhase};
use tiercel_types::event::{EventBuffer, PhaseScheduled};
use tiercel_types::{AccountId, DenialReason, InstrumentId, InstrumentState, Timestamp};

use super::agenda::Coming;
use crate::engine::{Engine, Named};
use crate::ledger::Ledger;

/// Most phases of an instrument that are scheduled at one time.
const PHASES_MAX: usize = 8;

impl<L: Ledger> Engine<L> {
    pub(crate) fn schedule_phase(&mut self, phase: &SchedulePhase, out: &mut EventBuffer) {
        let checked = self.check_schedule(phase).and_then(|()| self.schedule(phase));
        if let Err(reason) = checked {
            return Named::plain(Kind::SchedulePhase, phase.instrument, AccountId(0))
                .deny(reason, out);
        }
        self.set_wake();
        let scheduled = PhaseScheduled {
            at: phase.at,
            scheduled: self.phases_of(phase.instrument).count() as u32,
            state: phase.state,
            action: phase.action,
            auction: phase.auction,
            reserved: 0,
        };
        out.push(phase.instrument, AccountId(0), scheduled);
    }

    /// Checks 1 to 4.
    pub(super) fn check_schedule(&self, phase: &SchedulePhase) -> Result<(), DenialReason> {
        if phase.reserved != 0 {
            return Err(DenialReason::ReservedFieldSet);
        }
        self.book_of(phase.instrument)?;
        if phase.state == InstrumentState::Paused {
            return Err(DenialReason::StateNotAllowed);
        }
        if (phase.state == InstrumentState::Call) == (phase.auction == AuctionKind::None) {
            return Err(DenialReason::AuctionKindRequired);
        }
        Ok(())
    }

    /// Checks 5 to 7, and the change.
    pub(super) fn schedule(&mut self, phase: &SchedulePhase) -> Result<(), DenialReason> {
        let what = Coming::Phase(phase.instrument, phase.state, phase.auction);
        if phase.action == ScheduleAction::Remove {
            let removed = self.agenda.remove(phase.at, what);
            return if removed { Ok(()) } else { Err(DenialReason::PhaseNotScheduled) };
        }
        let taken = self.phases_of(phase.instrument).any(|(at, ..)| at == phase.at);
        if phase.at <= self.time || taken {
            return Err(DenialReason::ScheduleTimeInvalid);
        }
        if self.phases_of(phase.instrument).count() == PHASES_MAX {
            return Err(DenialReason::TooManyPhases);
        }
        self.agenda.insert(phase.at, what);
        Ok(())
    }

    /// What is scheduled for an instrument, next first.
    fn phases_of(
        &self,
        instrument: InstrumentId,
    ) -> impl Iterator<Item = (Timestamp, InstrumentState, AuctionKind)> + '_ {
        self.agenda.iter().filter_map(move |due| match due.what {
            Coming::Phase(of, state, auction) if of == instrument => Some((due.at, state, auction)),
            _ => None,
        })
    }
}
