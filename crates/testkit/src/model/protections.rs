//! The kill switch, disconnects and countdowns: `docs/protections.md`.

use tiercel_types::command::{CancelOnDisconnect, CountdownCancel, SetKillSwitch};
use tiercel_types::event::{CountdownSet, KillSwitchSet, MassCancelDone};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, Command, DenialReason, EndReason, InstrumentId, OrderId, Timestamp,
};

use super::entry::require;
use super::{Checked, Mode, Model};

/// Most countdowns that are armed in the engine.
const COUNTDOWNS_MAX: usize = 4_096;

/// A countdown that is armed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Countdown {
    pub(super) account: AccountId,
    pub(super) instrument: InstrumentId,
    pub(super) at: u64,
}

impl Model {
    /// While the venue's switch is on, these are denied before all other checks.
    pub(super) fn check_venue_switch(&self, command: &Command) -> Checked {
        let enters = matches!(
            command,
            Command::NewOrder(_)
                | Command::NewAdvancedOrder(_)
                | Command::NewOrderList(_)
                | Command::ReplaceOrder(_)
                | Command::AmendOrder(_)
        );
        let on = self.killed.contains(&AccountId::ALL);
        require(!(enters && on), DenialReason::KillSwitchOn)
    }

    /// Whether an account's own switch is off.
    pub(super) fn check_switch(&self, account: AccountId) -> Checked {
        require(!self.killed.contains(&account), DenialReason::KillSwitchOn)
    }

    pub(super) fn set_kill_switch(&mut self, set: SetKillSwitch) -> Checked {
        let reserved_fit = set.reserved == [0; 3] && set.on <= 1;
        require(reserved_fit, DenialReason::ReservedFieldSet)?;
        self.check_account_or_all(set.account)?;
        let mut orders = 0;
        if set.on == 1 {
            self.killed.insert(set.account);
            let reason = EndReason::KillSwitch;
            orders = self.mass_end(set.account, InstrumentId::ALL, SideScope::Both, reason);
        } else {
            self.killed.remove(&set.account);
        }
        let event = KillSwitchSet { orders, on: set.on, reserved: [0; 7] };
        self.emit(InstrumentId(0), set.account, event);
        Ok(())
    }

    pub(super) fn cancel_on_disconnect(&mut self, cancel: CancelOnDisconnect) -> Checked {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        require(cancel.session != 0, DenialReason::SessionRequired)?;
        require(self.account_exists(cancel.account), DenialReason::UnknownAccount)?;
        let of_session = self.orders.values().filter(|order| {
            order.account == cancel.account && order.asked.session == cancel.session
        });
        let ids: Vec<OrderId> = of_session.map(|order| order.id).collect();
        let orders = self.end_all(&ids, EndReason::Disconnected);
        self.emit(InstrumentId::ALL, cancel.account, MassCancelDone { orders });
        Ok(())
    }

    pub(super) fn countdown_cancel(&mut self, set: &CountdownCancel) -> Checked {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        let known =
            set.instrument == InstrumentId::ALL || self.instruments.contains_key(&set.instrument);
        require(known, DenialReason::UnknownInstrument)?;
        require(self.account_exists(set.account), DenialReason::UnknownAccount)?;
        let mut others = self.countdowns.clone();
        others.retain(|each| (each.account, each.instrument) != (set.account, set.instrument));
        let armed_before = others.len() < self.countdowns.len();
        let room = set.after_ns == 0 || armed_before || others.len() < COUNTDOWNS_MAX;
        require(room, DenialReason::TooManyCountdowns)?;
        self.countdowns = others;
        let mut at = 0;
        if set.after_ns != 0 {
            at = self.now.saturating_add(set.after_ns);
            let (account, instrument) = (set.account, set.instrument);
            self.countdowns.push(Countdown { account, instrument, at });
        }
        self.emit(set.instrument, set.account, CountdownSet { at: Timestamp(at) });
        Ok(())
    }

    pub(super) fn countdown_runs_out(&mut self, account: AccountId, instrument: InstrumentId) {
        self.countdowns.retain(|each| (each.account, each.instrument) != (account, instrument));
        let orders = self.mass_end(account, instrument, SideScope::Both, EndReason::Countdown);
        self.emit(instrument, account, MassCancelDone { orders });
    }
}
