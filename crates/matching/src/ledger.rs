//! Whether the engine keeps accounts: the type parameter that tells the full build from the bare
//! one.
//!
//! [`Bare`] answers every question with "nothing to do", so the compiler leaves nothing of it in
//! the bare book; [`Accounts`](crate::accounts::Accounts) keeps balances.

use core::fmt::Debug;

use tiercel_types::command::SetAccount;
use tiercel_types::{
    AccountId, AssetId, DenialReason, EventBuffer, InstrumentId, Money, Price, Qty, Side,
};

use crate::accounts::Accounts;
use crate::funding::Movement;
use crate::orders::Orders;

/// A trade as the ledger books it.
#[derive(Clone, Copy, Debug)]
pub struct Settlement {
    /// Which instrument.
    pub instrument: InstrumentId,
    /// What is bought and sold.
    pub base: AssetId,
    /// What it is paid with.
    pub quote: AssetId,
    /// The maker's price.
    pub price: Price,
    /// How much.
    pub qty: Qty,
    /// Who came.
    pub taker: AccountId,
    /// Who rested.
    pub maker: AccountId,
    /// The taker's side.
    pub taker_side: Side,
    /// Limit orders: the price at which the taker's funds are reserved; market orders: none.
    pub taker_limit: Option<Price>,
    /// Fees in ppm: taker's and maker's.
    pub fees_ppm: (i32, i32),
    /// The trade's number in its instrument; `None`: a transfer that is no trade.
    pub trade: Option<u64>,
}

/// Accounts, or none of them. Sealed: the two builds are [`Bare`] and
/// [`Accounts`](crate::accounts::Accounts).
pub trait Ledger: Clone + Debug + Default + sealed::Sealed {
    /// Whether there are accounts.
    const ENABLED: bool;

    /// Whether the account exists and may enter orders.
    ///
    /// # Errors
    /// The reason why not.
    fn check_account(&self, account: AccountId) -> Result<(), DenialReason>;

    /// Whether `account` is known, the venue's own included.
    fn knows(&self, account: AccountId) -> bool;

    /// Whether two accounts share a trade group (or are one).
    fn same_group(&self, one: AccountId, other: AccountId) -> bool;

    /// Whether the account may have one more live order besides those it has, `gone` not counted.
    fn may_open(&self, account: AccountId, gone: u32) -> bool;

    /// Whether the account may have that many live orders more.
    fn may_open_many(&self, account: AccountId, orders: u32) -> bool;

    /// What the account has free.
    fn free(&self, account: AccountId, asset: AssetId) -> i128;

    /// Sets free funds aside (or, if negative, makes them free again).
    fn reserve(&mut self, account: AccountId, asset: AssetId, amount: i128);

    /// Books a trade or a transfer; returns the taker's and the maker's fee.
    fn settle(&mut self, settlement: &Settlement) -> (Money, Money);

    /// Adds a live order at the end of its account's list.
    fn link(&mut self, orders: &mut Orders, handle: u32);

    /// Takes an order out of its account's list.
    fn unlink(&mut self, orders: &mut Orders, handle: u32);

    /// The account's first live order; zero: it has none.
    fn first_order(&self, account: AccountId) -> u32;

    /// Makes an asset known.
    fn add_asset(&mut self, asset: AssetId);

    /// Makes an account known, or changes it.
    fn set_account(&mut self, account: &SetAccount);

    /// The accounts, if there are any.
    fn accounts(&self) -> Option<&Accounts>;

    /// The accounts, if there are any.
    fn accounts_mut(&mut self) -> Option<&mut Accounts>;

    /// Where a trade lies in the history.
    ///
    /// # Errors
    /// If it does not, or was busted.
    fn trade_at(&self, instrument: InstrumentId, number: u64) -> Result<usize, DenialReason>;

    /// What was traded originally by the trade that lies there.
    fn traded_qty(&self, at: usize) -> Qty;

    /// Reverses the trade that lies there, and tells so.
    fn bust(&mut self, at: usize, out: &mut EventBuffer);

    /// Books the trade that lies there at other terms, and tells so.
    fn correct(&mut self, at: usize, price: Price, qty: Qty, out: &mut EventBuffer);

    /// Moves funds, and tells so.
    ///
    /// # Errors
    /// The reason why not.
    fn move_funds(
        &mut self,
        movement: &Movement,
        out: &mut EventBuffer,
    ) -> Result<(), DenialReason>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Bare {}
    impl Sealed for crate::accounts::Accounts {}
}

/// No accounts: the book alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare;

impl Ledger for Bare {
    const ENABLED: bool = false;

    #[inline(always)]
    fn check_account(&self, _: AccountId) -> Result<(), DenialReason> {
        Ok(())
    }

    fn knows(&self, _: AccountId) -> bool {
        true
    }

    #[inline(always)]
    fn same_group(&self, one: AccountId, other: AccountId) -> bool {
        one == other
    }

    #[inline(always)]
    fn may_open(&self, _: AccountId, _: u32) -> bool {
        true
    }

    fn may_open_many(&self, _: AccountId, _: u32) -> bool {
        true
    }

    #[inline(always)]
    fn free(&self, _: AccountId, _: AssetId) -> i128 {
        i128::MAX
    }

    #[inline(always)]
    fn reserve(&mut self, _: AccountId, _: AssetId, _: i128) {}

    #[inline(always)]
    fn settle(&mut self, _: &Settlement) -> (Money, Money) {
        (Money::ZERO, Money::ZERO)
    }

    #[inline(always)]
    fn link(&mut self, _: &mut Orders, _: u32) {}

    #[inline(always)]
    fn unlink(&mut self, _: &mut Orders, _: u32) {}

    fn first_order(&self, _: AccountId) -> u32 {
        crate::orders::NONE
    }

    fn add_asset(&mut self, _: AssetId) {}

    fn set_account(&mut self, _: &SetAccount) {}

    fn accounts(&self) -> Option<&Accounts> {
        None
    }

    fn accounts_mut(&mut self) -> Option<&mut Accounts> {
        None
    }

    fn trade_at(&self, _: InstrumentId, _: u64) -> Result<usize, DenialReason> {
        Err(DenialReason::NoAccounts)
    }

    fn traded_qty(&self, _: usize) -> Qty {
        Qty::ZERO
    }

    fn bust(&mut self, _: usize, _: &mut EventBuffer) {}

    fn correct(&mut self, _: usize, _: Price, _: Qty, _: &mut EventBuffer) {}

    fn move_funds(&mut self, _: &Movement, _: &mut EventBuffer) -> Result<(), DenialReason> {
        Err(DenialReason::NoAccounts)
    }
}
