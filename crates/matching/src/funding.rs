//! Deposits, withdrawals and transfers: idempotent by funding id.

use tiercel_types::command::{Deposit, Kind, Transfer, Withdraw};
use tiercel_types::event::{EventBuffer, FundingRepeated, FundsMoved, FundsMovement};
use tiercel_types::{AccountId, AssetId, DenialReason, InstrumentId, Money};

use crate::accounts::Accounts;
use crate::engine::{Engine, Named};
use crate::filters::MONEY_LIMIT;
use crate::ledger::Ledger;

/// No account has this many units free.
const FREE_LIMIT: i128 = 1 << 120;

/// A movement of funds, whichever way.
#[derive(Clone, Copy)]
pub struct Movement {
    kind: Kind,
    funding_id: u64,
    asset: AssetId,
    amount: Money,
    from: Option<AccountId>,
    to: Option<AccountId>,
}

impl Movement {
    /// Whom the events name: the giver, of a deposit the receiver.
    fn account(&self) -> AccountId {
        self.from.or(self.to).unwrap_or(AccountId::ALL)
    }
}

impl<L: Ledger> Engine<L> {
    pub(crate) fn deposit(&mut self, deposit: &Deposit, out: &mut EventBuffer) {
        let Deposit { funding_id, account, asset, amount } = *deposit;
        let to = Some(account);
        let kind = Kind::Deposit;
        self.move_funds(Movement { kind, funding_id, asset, amount, from: None, to }, 0, out);
    }

    pub(crate) fn withdraw(&mut self, withdraw: &Withdraw, out: &mut EventBuffer) {
        let Withdraw { funding_id, account, asset, amount } = *withdraw;
        let from = Some(account);
        let kind = Kind::Withdraw;
        self.move_funds(Movement { kind, funding_id, asset, amount, from, to: None }, 0, out);
    }

    pub(crate) fn transfer(&mut self, transfer: &Transfer, out: &mut EventBuffer) {
        let Transfer { funding_id, from, to, asset, reserved, amount } = *transfer;
        let (from, to) = (Some(from), Some(to));
        let kind = Kind::Transfer;
        self.move_funds(Movement { kind, funding_id, asset, amount, from, to }, reserved, out);
    }

    fn move_funds(&mut self, movement: Movement, reserved: u32, out: &mut EventBuffer) {
        let result = if !L::ENABLED {
            Err(DenialReason::NoAccounts)
        } else if reserved != 0 {
            Err(DenialReason::ReservedFieldSet)
        } else {
            self.ledger.move_funds(&movement, out)
        };
        if let Err(reason) = result {
            Named::plain(movement.kind, InstrumentId(0), movement.account()).deny(reason, out);
        }
    }
}

impl Accounts {
    /// Moves funds and tells so, unless that was done before.
    pub(crate) fn book_movement(
        &mut self,
        movement: &Movement,
        out: &mut EventBuffer,
    ) -> Result<(), DenialReason> {
        let Movement { kind, funding_id, asset, amount, from, to } = *movement;
        if funding_id == 0 {
            return Err(DenialReason::FundingIdInvalid);
        }
        if self.fundings.contains(&funding_id) {
            out.push(InstrumentId(0), movement.account(), FundingRepeated { funding_id });
            return Ok(());
        }
        if funding_id <= self.forgotten_funding {
            return Err(DenialReason::FundingIdTooOld);
        }
        self.check_movement(movement)?;
        if let Some(from) = from {
            self.balance_mut(from, asset).free -= amount.units();
        }
        if let Some(to) = to {
            self.balance_mut(to, asset).free += amount.units();
        }
        self.remember_funding(funding_id);
        let (direction, counterparty) = match (kind, to) {
            (Kind::Transfer, Some(to)) => (FundsMovement::Transfer, to),
            (Kind::Withdraw, _) => (FundsMovement::Withdraw, AccountId::ALL),
            _ => (FundsMovement::Deposit, AccountId::ALL),
        };
        let moved = FundsMoved {
            funding_id,
            asset,
            counterparty,
            amount,
            free: Money::from_units(self.balance_mut(movement.account(), asset).free),
            movement: direction,
            reserved: [0; 7],
        };
        out.push(InstrumentId(0), movement.account(), moved);
        Ok(())
    }

    fn check_movement(&self, movement: &Movement) -> Result<(), DenialReason> {
        let amount = movement.amount.units();
        if amount <= 0 || amount >= MONEY_LIMIT {
            return Err(DenialReason::AmountInvalid);
        }
        let (from, to) = (movement.from, movement.to);
        if ![from, to].into_iter().flatten().all(|account| self.knows(account)) {
            return Err(DenialReason::UnknownAccount);
        }
        if !self.knows_asset(movement.asset) {
            return Err(DenialReason::UnknownAsset);
        }
        if from == to {
            return Err(DenialReason::TransferToSelf);
        }
        if from.is_some_and(|from| self.free(from, movement.asset) < amount) {
            return Err(DenialReason::InsufficientFunds);
        }
        if to.is_some_and(|to| self.free(to, movement.asset) + amount > FREE_LIMIT) {
            return Err(DenialReason::AmountInvalid);
        }
        Ok(())
    }
}
