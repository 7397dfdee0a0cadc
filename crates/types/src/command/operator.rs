//! What the operator asks: instruments, accounts, funds, trades undone, time.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::ids::{AccountId, AssetId, InstrumentId, TradeId};
use crate::instrument::{InstrumentSpec, InstrumentState};
use crate::money::Money;
use crate::order::code;
use crate::text::AssetCode;
use crate::{Price, Qty};

/// Undoes a trade: the ledger is reversed, orders are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BustTrade {
    /// Which trade.
    pub trade_id: TradeId,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Zero.
    pub reserved: u32,
}

/// Changes a trade's price, and its quantity downwards, in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CorrectTrade {
    /// Which trade.
    pub trade_id: TradeId,
    /// What it should have printed at.
    pub price: Price,
    /// How much it should have been, at most what it was.
    pub qty: Qty,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Zero.
    pub reserved: u32,
}

/// Makes an asset known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AddAsset {
    /// Its number.
    pub asset: AssetId,
    /// Its code.
    pub code: AssetCode,
}

/// Makes an instrument known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AddInstrument {
    /// Its terms.
    pub spec: InstrumentSpec,
}

/// Changes an instrument's terms. Assets never change; tick and lot only while no order rests.
/// The state stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UpdateInstrument {
    /// Its new terms.
    pub spec: InstrumentSpec,
}

/// Moves an instrument to another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetInstrumentState {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// The state to enter.
    pub state: InstrumentState,
    /// Zero.
    pub reserved: [u8; 3],
}

code! {
    /// Whether an account may enter orders.
    AccountState {
        /// It may.
        Active = 0 => "active",
        /// It may cancel and query only.
        Blocked = 1 => "blocked",
    }
}

/// Makes an account known, or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SetAccount {
    /// Its number.
    pub account: AccountId,
    /// Accounts of one group count as one for self-trade prevention; zero: no group.
    pub trade_group: u32,
    /// Most live orders it may have; zero: no limit.
    pub max_open_orders: u32,
    /// Whether it may enter orders.
    pub state: AccountState,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Brings funds to an account from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Deposit {
    /// Names this movement among all deposits, withdrawals and transfers: a repeated id does
    /// nothing twice.
    pub funding_id: u64,
    /// Whose funds.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Money,
}

/// Takes free funds of an account outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Withdraw {
    /// See [`Deposit::funding_id`].
    pub funding_id: u64,
    /// Whose funds.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// How much; above zero.
    pub amount: Money,
}

/// Moves free funds from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Transfer {
    /// See [`Deposit::funding_id`].
    pub funding_id: u64,
    /// From whom.
    pub from: AccountId,
    /// To whom.
    pub to: AccountId,
    /// Of what.
    pub asset: AssetId,
    /// Zero.
    pub reserved: u32,
    /// How much; above zero.
    pub amount: Money,
}

/// Lets time pass: what is due expires.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct AdvanceTime {
    /// Zero.
    pub reserved: u64,
}
