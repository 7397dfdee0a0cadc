//! Cancelling for those who are gone: sessions that were disconnected, countdowns that ran out.

use tiercel_types::command::{CancelOnDisconnect, CountdownCancel, Kind, MassCancel};
use tiercel_types::event::{CountdownSet, EventBuffer};
use tiercel_types::order::SideScope;
use tiercel_types::{AccountId, DenialReason, InstrumentId, Timestamp};

use super::agenda::Coming;
use crate::end::{Scope, Why};
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;
use crate::waiting::Touched;

/// Most countdowns that are armed at one time.
const COUNTDOWNS_MAX: usize = 4_096;

/// The countdowns that are armed, by account and instrument: when each runs out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Countdowns {
    armed: Vec<((AccountId, InstrumentId), Timestamp)>,
}

impl Countdowns {
    /// Where one is, or would be.
    fn search(&self, account: AccountId, instrument: InstrumentId) -> Result<usize, usize> {
        self.armed.binary_search_by_key(&(account, instrument), |&(whose, _)| whose)
    }

    /// All that are armed: account, instrument, when.
    pub(crate) fn iter(
        &self,
    ) -> impl ExactSizeIterator<Item = (AccountId, InstrumentId, Timestamp)> + '_ {
        self.armed.iter().map(|&((account, instrument), at)| (account, instrument, at))
    }
}

impl<L: Ledger> Engine<L> {
    pub(crate) fn cancel_on_disconnect(
        &mut self,
        cancel: CancelOnDisconnect,
        out: &mut EventBuffer,
    ) -> Progress {
        if let Err(reason) = self.check_disconnect(cancel) {
            Named::plain(Kind::CancelOnDisconnect, InstrumentId(0), cancel.account)
                .deny(reason, out);
            return Progress::Done;
        }
        let why = Why::Disconnected(cancel.session);
        self.end_scope(Scope { cancel: of_account(cancel.account, InstrumentId::ALL), why }, out)
    }

    fn check_disconnect(&self, cancel: CancelOnDisconnect) -> Result<(), DenialReason> {
        if !L::ENABLED {
            return Err(DenialReason::NoAccounts);
        }
        if cancel.session == 0 {
            return Err(DenialReason::SessionRequired);
        }
        self.check_known(cancel.account)
    }

    pub(crate) fn countdown_cancel(&mut self, set: &CountdownCancel, out: &mut EventBuffer) {
        let (account, instrument) = (set.account, set.instrument);
        let place = match self.check_countdown(set) {
            Ok(place) => place,
            Err(reason) => {
                return Named::plain(Kind::CountdownCancel, instrument, account).deny(reason, out);
            }
        };
        let armed = &mut self.countdowns.armed;
        if let Ok(at) = place {
            let (_, when) = armed[at];
            self.agenda.remove(when, Coming::Countdown(account, instrument));
        }
        let when = Timestamp(self.time.0.saturating_add(set.after_ns));
        match (place, set.after_ns) {
            (Ok(at), 0) => drop(armed.remove(at)),
            (Err(_), 0) => {}
            (Ok(at), _) => armed[at].1 = when,
            (Err(at), _) => armed.insert(at, ((account, instrument), when)),
        }
        let is_armed = set.after_ns != 0;
        if is_armed {
            self.agenda.insert(when, Coming::Countdown(account, instrument));
        }
        self.set_wake();
        let at = if is_armed { when } else { Timestamp(0) };
        out.push(instrument, account, CountdownSet { at });
    }

    /// Where the countdown is, or would be.
    fn check_countdown(&self, set: &CountdownCancel) -> Result<Result<usize, usize>, DenialReason> {
        if !L::ENABLED {
            return Err(DenialReason::NoAccounts);
        }
        if set.instrument != InstrumentId::ALL {
            self.book_of(set.instrument)?;
        }
        self.check_known(set.account)?;
        let place = self.countdowns.search(set.account, set.instrument);
        if place.is_err() && set.after_ns != 0 && self.countdowns.armed.len() == COUNTDOWNS_MAX {
            return Err(DenialReason::TooManyCountdowns);
        }
        Ok(place)
    }

    /// A countdown, which is off the agenda already, runs out.
    pub(super) fn countdown_ran_out(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        out: &mut EventBuffer,
    ) -> Progress {
        if let Ok(at) = self.countdowns.search(account, instrument) {
            self.countdowns.armed.remove(at);
        }
        self.touch_also(Touched::All);
        self.end_scope(Scope { cancel: of_account(account, instrument), why: Why::Countdown }, out)
    }

    /// Arms a countdown again, as it was; `None` if it cannot have been so.
    pub(super) fn restore_countdown(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        when: Timestamp,
    ) -> Option<()> {
        let set = CountdownCancel { account, instrument, after_ns: 1 };
        let place = self.check_countdown(&set).ok()?.err()?;
        self.countdowns.armed.insert(place, ((account, instrument), when));
        self.agenda.insert(when, Coming::Countdown(account, instrument));
        Some(())
    }
}

/// All orders of an account, in an instrument or in all.
fn of_account(account: AccountId, instrument: InstrumentId) -> MassCancel {
    MassCancel { account, instrument, sides: SideScope::Both, reserved: [0; 7] }
}
