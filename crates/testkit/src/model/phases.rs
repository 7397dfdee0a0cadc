//! Phases by schedule, and pauses: `docs/protections.md`.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{ScheduleAction, SchedulePhase, SetInstrumentState, StartCall};
use tiercel_types::event::{InterruptionCause, PhaseScheduled};
use tiercel_types::{AccountId, DenialReason, InstrumentId, InstrumentState, Timestamp};

use super::entry::require;
use super::{Checked, Model};

/// Most phases of an instrument that are scheduled.
const PHASES_MAX: usize = 8;

/// A phase that is scheduled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub(super) instrument: InstrumentId,
    pub(super) at: u64,
    state: InstrumentState,
    /// For which auction, if that state is a call.
    auction: AuctionKind,
}

impl Model {
    pub(super) fn schedule_phase(&mut self, schedule: &SchedulePhase) -> Checked {
        require(schedule.reserved == 0, DenialReason::ReservedFieldSet)?;
        let (instrument, at, state) = (schedule.instrument, schedule.at.0, schedule.state);
        let known = self.instruments.contains_key(&instrument);
        require(known, DenialReason::UnknownInstrument)?;
        require(state != InstrumentState::Paused, DenialReason::StateNotAllowed)?;
        let auction = schedule.auction;
        let auction_fits = (state == InstrumentState::Call) == (auction != AuctionKind::None);
        require(auction_fits, DenialReason::AuctionKindRequired)?;
        let same = |phase: &Phase| (phase.instrument, phase.at) == (instrument, at);
        match schedule.action {
            ScheduleAction::Remove => {
                let same_call = |each: &Phase| (each.state, each.auction) == (state, auction);
                let found = self.phases.iter().position(|each| same(each) && same_call(each));
                let place = found.ok_or(DenialReason::PhaseNotScheduled)?;
                self.phases.remove(place);
            }
            ScheduleAction::Add => {
                let free = at > self.now && !self.phases.iter().any(same);
                require(free, DenialReason::ScheduleTimeInvalid)?;
                require(self.scheduled(instrument) < PHASES_MAX, DenialReason::TooManyPhases)?;
                self.phases.push(Phase { instrument, at, state, auction });
            }
        }
        let event = PhaseScheduled {
            at: schedule.at,
            scheduled: self.scheduled(instrument) as u32,
            state,
            action: schedule.action,
            auction,
            reserved: 0,
        };
        self.emit(instrument, AccountId(0), event);
        Ok(())
    }

    /// How many phases of an instrument are scheduled.
    fn scheduled(&self, instrument: InstrumentId) -> usize {
        self.phases.iter().filter(|phase| phase.instrument == instrument).count()
    }

    /// The first of an instrument's scheduled phases begins.
    pub(super) fn phase_begins(&mut self, instrument: InstrumentId) {
        let of_it = self.phases.iter().filter(|phase| phase.instrument == instrument);
        let first =
            *of_it.min_by_key(|phase| phase.at).expect("a phase begins that is not scheduled");
        self.phases.retain(|phase| (phase.instrument, phase.at) != (instrument, first.at));
        // What would be denied is not done.
        let _ = if first.state == InstrumentState::Call {
            self.start_call(&StartCall {
                instrument,
                auction: first.auction,
                then: InstrumentState::Open,
                reserved: [0; 2],
                ends_at: Timestamp(0),
            })
        } else {
            let state = first.state;
            self.set_instrument_state(SetInstrumentState { instrument, state, reserved: [0; 3] })
        };
    }

    /// A limit state has lasted: the instrument pauses.
    pub(super) fn pause(&mut self, instrument: InstrumentId) {
        let until = self.now.saturating_add(self.instrument(instrument).protections.pause_ns);
        self.enter_state(instrument, InstrumentState::Paused, None);
        self.instrument_mut(instrument).paused_until = Some(until);
    }

    /// A pause is over: a call follows.
    pub(super) fn pause_is_over(&mut self, instrument: InstrumentId) {
        self.interrupt(instrument, AccountId(0), InterruptionCause::Pause, (None, None));
    }
}
