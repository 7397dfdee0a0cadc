//! What the operator did: instruments, accounts, funds, trades undone, time.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::auction::AuctionKind;
use crate::command::{AccountState, SetMatchingRules};
use crate::ids::{AccountId, AssetId, Timestamp, TradeId};
use crate::instrument::{InstrumentSpec, InstrumentState};
use crate::money::Money;
use crate::order::code;
use crate::text::AssetCode;
use crate::{Price, Qty};

/// A trade was undone in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeBusted {
    /// Which trade.
    pub trade_id: TradeId,
    /// Its price, as last corrected.
    pub price: Price,
    /// Its quantity, as last corrected.
    pub qty: Qty,
}

/// A trade was corrected in the ledger: the old one reversed, this one booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradeCorrected {
    /// Which trade.
    pub trade_id: TradeId,
    /// Its price now.
    pub price: Price,
    /// Its quantity now.
    pub qty: Qty,
    /// The taker's fee now.
    pub taker_fee: Money,
    /// The maker's fee now.
    pub maker_fee: Money,
}

/// An asset became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AssetAdded {
    /// Its number.
    pub asset: AssetId,
    /// Its code.
    pub code: AssetCode,
}

/// An instrument became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentAdded {
    /// Its terms.
    pub spec: InstrumentSpec,
}

/// An instrument's terms changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentUpdated {
    /// Its terms now; its state is what it was.
    pub spec: InstrumentSpec,
}

/// An instrument entered another state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InstrumentStateChanged {
    /// The state it left.
    pub old: InstrumentState,
    /// The state it entered.
    pub new: InstrumentState,
    /// If that is a call: for which auction; else none.
    pub auction: AuctionKind,
    /// If that is a call: the state that follows when it ends by itself; else pre-open.
    pub then: InstrumentState,
    /// Zero.
    pub reserved: [u8; 4],
    /// If that is a call: when it ends by itself; zero: when it is told to.
    pub ends_at: Timestamp,
}

/// An account became known, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AccountChanged {
    /// Its trade group; zero: none.
    pub trade_group: u32,
    /// Most live orders it may have; zero: no limit.
    pub max_open_orders: u32,
    /// Whether it may enter orders.
    pub state: AccountState,
    /// Zero.
    pub reserved: [u8; 7],
}

code! {
    /// Which way funds moved.
    FundsMovement {
        /// From outside.
        Deposit = 0 => "deposit",
        /// To outside.
        Withdraw = 1 => "withdraw",
        /// Between accounts.
        Transfer = 2 => "transfer",
    }
}

/// Funds moved. The header's account is the one that received (deposit) or gave (the others).
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FundsMoved {
    /// The movement's id.
    pub funding_id: u64,
    /// Of what.
    pub asset: AssetId,
    /// Transfer: who received; else [`AccountId::ALL`].
    pub counterparty: AccountId,
    /// How much.
    pub amount: Money,
    /// What the header's account has free now.
    pub free: Money,
    /// Which way.
    pub movement: FundsMovement,
    /// Zero.
    pub reserved: [u8; 7],
}

/// A movement of funds with this id was done before; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FundingRepeated {
    /// The movement's id.
    pub funding_id: u64,
}

/// Time passed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct TimeAdvanced {
    /// Zero.
    pub reserved: u64,
}

/// How an instrument's orders are filled was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MatchingRulesSet {
    /// The rules, as they were set.
    pub rules: SetMatchingRules,
}
