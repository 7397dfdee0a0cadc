//! What comes by itself at its time: countdowns, pauses, calls, phases; and the orders that expire
//! between them. The order is that of `docs/protections.md`, "What is due".

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{SetInstrumentState, StartCall};
use tiercel_types::event::{BUFFER_RECORDS_MIN, EventBuffer};
use tiercel_types::{AccountId, EndReason, InstrumentId, InstrumentState, Timestamp};

use crate::engine::{Engine, Pending, Progress};
use crate::ledger::Ledger;
use crate::waiting::Touched;

/// What comes. What is due at one time comes in the order of these, and of their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coming {
    /// A countdown runs out.
    Countdown(AccountId, InstrumentId),
    /// A limit state has lasted: the instrument pauses.
    LimitState(InstrumentId),
    /// A pause is over.
    PauseEnd(InstrumentId),
    /// A call is over.
    Call(InstrumentId),
    /// A scheduled phase begins.
    Phase(InstrumentId, InstrumentState, AuctionKind),
}

/// Something that comes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) what: Coming,
}

/// All that comes: a vector, what comes next at its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    entries: Vec<Due>,
}

impl Agenda {
    /// What comes next.
    #[inline]
    pub(crate) fn next(&self) -> Option<Due> {
        self.entries.last().copied()
    }

    /// Adds what is not there yet.
    pub(crate) fn insert(&mut self, at: Timestamp, what: Coming) {
        let due = Due { at, what };
        let place = self.entries.partition_point(|entry| *entry > due);
        self.entries.insert(place, due);
    }

    /// Takes something off; false if it was not there.
    pub(crate) fn remove(&mut self, at: Timestamp, what: Coming) -> bool {
        let due = Due { at, what };
        let place = self.entries.partition_point(|entry| *entry > due);
        let found = self.entries.get(place) == Some(&due);
        if found {
            self.entries.remove(place);
        }
        found
    }

    /// All of it, what comes next first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Due> + '_ {
        self.entries.iter().rev().copied()
    }
}

impl<L: Ledger> Engine<L> {
    /// Whether anything is due now.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        let by_now = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.time);
        by_now(self.timers.next_time()) || by_now(self.agenda.next().map(|due| due.at))
    }

    /// Does what is due before a command, in the order of its time; at one time orders expire
    /// first. What something sets off comes before what is due next.
    pub(crate) fn run_due(&mut self, out: &mut EventBuffer) -> Progress {
        loop {
            if !out.has_room_for(BUFFER_RECORDS_MIN) {
                self.pending = Pending::Due;
                return Progress::More;
            }
            let next = self.agenda.next().filter(|due| due.at <= self.time);
            let until = next.map_or(self.time, |due| due.at);
            if let Some(handle) = self.timers.due(until) {
                self.waiting.touched = Touched::All;
                self.end_order(handle, EndReason::Expired, out);
            } else if let Some(due) = next {
                self.agenda.remove(due.at, due.what);
                if self.come(due.what, out) == Progress::More || self.react(out) == Progress::More {
                    return Progress::More;
                }
            } else {
                return Progress::Done;
            }
        }
    }

    /// What was due comes.
    fn come(&mut self, what: Coming, out: &mut EventBuffer) -> Progress {
        match what {
            Coming::Countdown(account, instrument) => {
                self.countdown_ran_out(account, instrument, out)
            }
            Coming::LimitState(instrument) => self.begin_pause(instrument, out),
            Coming::PauseEnd(instrument) => self.end_pause(instrument, out),
            Coming::Call(instrument) => self.end_call(instrument, out),
            Coming::Phase(instrument, state, auction) => {
                self.begin_phase(instrument, state, auction, out)
            }
        }
    }

    /// A scheduled phase begins; if its command would be denied at this moment, it is left out.
    fn begin_phase(
        &mut self,
        instrument: InstrumentId,
        state: InstrumentState,
        auction: AuctionKind,
        out: &mut EventBuffer,
    ) -> Progress {
        self.touch_also(Touched::All);
        if state == InstrumentState::Call {
            let (then, ends_at) = (InstrumentState::Open, Timestamp(0));
            let start = StartCall { instrument, auction, then, reserved: [0; 2], ends_at };
            if let Ok(index) = self.check_call(&start) {
                self.begin_call(index, auction, ends_at, then, out);
            }
            return Progress::Done;
        }
        let change = SetInstrumentState { instrument, state, reserved: [0; 3] };
        match self.check_state_change(change) {
            Ok(true) => self.uncross(change, out),
            Ok(false) => self.change_state(change, out),
            Err(_) => Progress::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_at_one_time_comes_in_the_order_of_its_kind_and_number() {
        let mut agenda = Agenda::default();
        let open = |instrument| {
            Coming::Phase(InstrumentId(instrument), InstrumentState::Open, AuctionKind::None)
        };
        let countdown = |account| Coming::Countdown(AccountId(account), InstrumentId::ALL);
        let pause = Coming::PauseEnd(InstrumentId(5));
        let entries = [(7, open(2)), (7, pause), (7, countdown(9)), (3, open(4)), (7, open(1))];
        for (at, what) in entries {
            agenda.insert(Timestamp(at), what);
        }
        assert!(agenda.remove(Timestamp(7), open(2)) && !agenda.remove(Timestamp(7), open(2)));
        agenda.insert(Timestamp(7), open(2));
        let in_order: Vec<Coming> = agenda.iter().map(|due| due.what).collect();
        assert_eq!(in_order, [open(4), countdown(9), pause, open(1), open(2)]);
        assert_eq!(agenda.next(), Some(Due { at: Timestamp(3), what: open(4) }));
    }
}
