//! Kill switches: of an account, of the whole venue.

use tiercel_types::command::{
    Command, MassCancel, NewAdvancedOrder, NewOrder, ReplaceOrder, SetKillSwitch,
};
use tiercel_types::event::{EventBuffer, KillSwitchSet};
use tiercel_types::order::SideScope;
use tiercel_types::{AccountId, DenialReason, InstrumentId};

use crate::end::{Scope, Why};
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;

impl<L: Ledger> Engine<L> {
    pub(crate) fn set_kill_switch(
        &mut self,
        set: SetKillSwitch,
        out: &mut EventBuffer,
    ) -> Progress {
        if let Err(reason) = self.check_kill_switch(set) {
            let command = Command::SetKillSwitch(set).kind();
            Named::plain(command, InstrumentId(0), set.account).deny(reason, out);
            return Progress::Done;
        }
        let on = set.on == 1;
        if set.account == AccountId::ALL {
            self.killed = on;
        } else if let Some(accounts) = self.ledger.accounts_mut() {
            accounts.table[set.account.0 as usize].killed = on;
        }
        if !on {
            let set_now = KillSwitchSet { orders: 0, on: 0, reserved: [0; 7] };
            out.push(InstrumentId(0), set.account, set_now);
            self.set_wake();
            return Progress::Done;
        }
        let cancel = MassCancel {
            account: set.account,
            instrument: InstrumentId::ALL,
            sides: SideScope::Both,
            reserved: [0; 7],
        };
        let progress = self.end_scope(Scope { cancel, why: Why::KillSwitch }, out);
        self.set_wake();
        progress
    }

    fn check_kill_switch(&self, set: SetKillSwitch) -> Result<(), DenialReason> {
        if set.reserved != [0; 3] || set.on > 1 {
            return Err(DenialReason::ReservedFieldSet);
        }
        if set.account == AccountId::ALL {
            return Ok(());
        }
        self.check_known(set.account)
    }

    /// Whether an account can be named at all, the venue's own included.
    pub(super) fn check_known(&self, account: AccountId) -> Result<(), DenialReason> {
        if !L::ENABLED {
            return Err(DenialReason::NoAccounts);
        }
        if self.ledger.knows(account) { Ok(()) } else { Err(DenialReason::UnknownAccount) }
    }

    /// While the venue's switch is on: denies what enters or amends. Returns whether it did.
    #[cold]
    pub(crate) fn deny_killed(command: &Command, out: &mut EventBuffer) -> bool {
        let of_order = |order: &NewOrder| Named::entering(command.kind(), order);
        let named = match command {
            Command::NewOrder(order)
            | Command::NewAdvancedOrder(NewAdvancedOrder { order, .. }) => of_order(order),
            Command::ReplaceOrder(ReplaceOrder { target_order_id, order, .. }) => {
                Named { order_id: *target_order_id, ..of_order(order) }
            }
            Command::AmendOrder(amend) => Named {
                order_id: amend.order_id,
                client_order_id: amend.client_order_id,
                ..Named::plain(command.kind(), InstrumentId(0), amend.account)
            },
            Command::NewOrderList(list) => Named {
                client_order_id: list.list_client_order_id,
                ..Named::plain(command.kind(), list.instrument, list.account)
            },
            _ => return false,
        };
        named.deny(DenialReason::KillSwitchOn, out);
        true
    }
}
