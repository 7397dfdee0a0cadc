//! Accounts: balances, reservations, settlement, and what is remembered of trades and funding.

use std::collections::{BTreeSet, VecDeque};

use tiercel_types::command::{AccountState, SetAccount};
use tiercel_types::decimal::ONE;
use tiercel_types::{
    AccountId, AssetId, DenialReason, EventBuffer, InstrumentId, Money, Price, Qty, Side,
};

use crate::funding::Movement;
use crate::ledger::{Ledger, Settlement};
use crate::orders::{NONE, Orders};

/// Trades that can still be busted or corrected: the newest of all instruments.
pub const TRADE_HISTORY: usize = 65_536;

/// Funding ids that are remembered: the largest.
pub const FUNDING_HISTORY: usize = 65_536;

/// One account's funds in one asset, in units of 10^-16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    pub(crate) free: i128,
    pub(crate) reserved: i128,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) known: bool,
    pub(crate) blocked: bool,
    /// Whether its kill switch is on.
    pub(crate) killed: bool,
    pub(crate) trade_group: u32,
    pub(crate) max_open_orders: u32,
    pub(crate) open_orders: u32,
    /// Its live orders, oldest first.
    first: u32,
    last: u32,
}

impl Account {
    const UNKNOWN: Self = Self {
        known: false,
        blocked: false,
        killed: false,
        trade_group: 0,
        max_open_orders: 0,
        open_orders: 0,
        first: NONE,
        last: NONE,
    };
}

impl Account {
    /// Why it enters no orders now.
    #[cold]
    fn why_shut(&self) -> DenialReason {
        if self.blocked { DenialReason::AccountBlocked } else { DenialReason::KillSwitchOn }
    }
}

/// What has to be known of a trade to undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TradeRecord {
    pub(crate) instrument: InstrumentId,
    pub(crate) base: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) number: u64,
    pub(crate) price: Price,
    pub(crate) qty: Qty,
    /// What was traded at first: a correction cannot exceed it.
    pub(crate) original_qty: Qty,
    pub(crate) taker: AccountId,
    pub(crate) maker: AccountId,
    pub(crate) taker_side: Side,
    pub(crate) busted: bool,
    pub(crate) fees_ppm: (i32, i32),
    pub(crate) taker_fee: Money,
    pub(crate) maker_fee: Money,
}

/// The ledger of the full build.
///
/// Balances lie by asset, then account, so that one account's funds in one asset are one index
/// away: 32 bytes an account and asset.
#[derive(Clone, Debug)]
pub struct Accounts {
    pub(crate) table: Vec<Account>,
    /// By asset, then account; an asset that is not known has an empty row.
    pub(crate) balances: Vec<Vec<Balance>>,
    pub(crate) known_assets: Vec<bool>,
    pub(crate) trades: VecDeque<TradeRecord>,
    pub(crate) fundings: BTreeSet<u64>,
    /// The largest funding id that was forgotten.
    pub(crate) forgotten_funding: u64,
}

impl Default for Accounts {
    fn default() -> Self {
        let venue = Account { known: true, ..Account::UNKNOWN };
        Self {
            table: vec![venue],
            balances: Vec::new(),
            known_assets: Vec::new(),
            trades: VecDeque::with_capacity(TRADE_HISTORY),
            fundings: BTreeSet::new(),
            forgotten_funding: 0,
        }
    }
}

impl Accounts {
    #[inline(always)]
    pub(crate) fn balance_mut(&mut self, account: AccountId, asset: AssetId) -> &mut Balance {
        &mut self.balances[asset.0 as usize][account.0 as usize]
    }

    /// An account's funds in an asset; `None` if either is not known.
    pub(crate) fn balance(&self, account: AccountId, asset: AssetId) -> Option<Balance> {
        if !self.knows(account) {
            return None;
        }
        self.balances.get(asset.0 as usize)?.get(account.0 as usize).copied()
    }

    pub(crate) fn knows_asset(&self, asset: AssetId) -> bool {
        self.known_assets.get(asset.0 as usize).copied().unwrap_or(false)
    }

    /// Books what a trade moves, between free funds: forwards with `sign` 1, backwards with -1.
    pub(crate) fn book_trade(&mut self, trade: &TradeRecord, sign: i128) {
        let base = Money::from_qty(trade.qty).units() * sign;
        let quote = Money::of(trade.price, trade.qty).units() * sign;
        let (taker_fee, maker_fee) =
            (trade.taker_fee.units() * sign, trade.maker_fee.units() * sign);
        let (buyer, seller, buyer_fee, seller_fee) = match trade.taker_side {
            Side::Buy => (trade.taker, trade.maker, taker_fee, maker_fee),
            Side::Sell => (trade.maker, trade.taker, maker_fee, taker_fee),
        };
        self.balance_mut(buyer, trade.quote).free -= quote;
        self.balance_mut(buyer, trade.base).free += base - buyer_fee;
        self.balance_mut(seller, trade.base).free -= base;
        self.balance_mut(seller, trade.quote).free += quote - seller_fee;
        self.balance_mut(AccountId::VENUE, trade.base).free += buyer_fee;
        self.balance_mut(AccountId::VENUE, trade.quote).free += seller_fee;
    }

    /// Remembers that a movement of funds was done.
    pub(crate) fn remember_funding(&mut self, funding_id: u64) {
        self.fundings.insert(funding_id);
        if self.fundings.len() > FUNDING_HISTORY
            && let Some(smallest) = self.fundings.pop_first()
        {
            self.forgotten_funding = smallest;
        }
    }

    /// The fees of a trade: the taker's and the maker's, each in what its payer receives.
    pub(crate) fn fees(
        taker_side: Side,
        price: Price,
        qty: Qty,
        (taker_ppm, maker_ppm): (i32, i32),
    ) -> (Money, Money) {
        let (base, quote) = (Money::from_qty(qty).units(), Money::of(price, qty).units());
        let (taker_receives, maker_receives) = match taker_side {
            Side::Buy => (base, quote),
            Side::Sell => (quote, base),
        };
        (fee(taker_receives, taker_ppm), fee(maker_receives, maker_ppm))
    }
}

/// 10^6 for ppm times the grain that fees are rounded to, 10^8 units of money.
const FEE_DIVISOR: i128 = 1_000_000 * ONE as i128;

/// `ppm` of `amount`, rounded up to the next multiple of 10^-8, at most `amount`.
#[inline]
fn fee(amount: i128, ppm: i32) -> Money {
    if ppm == 0 {
        return Money::ZERO;
    }
    let exact = amount * i128::from(ppm);
    // Most fees fit a word, whose division by a constant is a multiplication.
    let grains = match u64::try_from(exact) {
        Ok(small) => i128::from(small.div_ceil(FEE_DIVISOR as u64)),
        Err(_) => exact.div_euclid(FEE_DIVISOR) + i128::from(exact.rem_euclid(FEE_DIVISOR) != 0),
    };
    Money::from_units((grains * i128::from(ONE)).min(amount))
}

impl Ledger for Accounts {
    const ENABLED: bool = true;

    #[inline(always)]
    fn check_account(&self, account: AccountId) -> Result<(), DenialReason> {
        match self.table.get(account.0 as usize) {
            Some(found) if found.known && account != AccountId::VENUE => {
                if found.blocked | found.killed {
                    return Err(found.why_shut());
                }
                Ok(())
            }
            _ => Err(DenialReason::UnknownAccount),
        }
    }

    fn knows(&self, account: AccountId) -> bool {
        self.table.get(account.0 as usize).is_some_and(|found| found.known)
    }

    #[inline(always)]
    fn same_group(&self, one: AccountId, other: AccountId) -> bool {
        if one == other {
            return true;
        }
        let group = self.table[one.0 as usize].trade_group;
        group != 0 && group == self.table[other.0 as usize].trade_group
    }

    #[inline(always)]
    fn may_open(&self, account: AccountId, gone: u32) -> bool {
        let account = &self.table[account.0 as usize];
        account.max_open_orders == 0 || account.open_orders - gone < account.max_open_orders
    }

    fn may_open_many(&self, account: AccountId, orders: u32) -> bool {
        let account = &self.table[account.0 as usize];
        account.max_open_orders == 0
            || u64::from(account.open_orders) + u64::from(orders)
                <= u64::from(account.max_open_orders)
    }

    #[inline(always)]
    fn free(&self, account: AccountId, asset: AssetId) -> i128 {
        self.balances[asset.0 as usize][account.0 as usize].free
    }

    #[inline(always)]
    fn reserve(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        let balance = self.balance_mut(account, asset);
        balance.free -= amount;
        balance.reserved += amount;
    }

    #[inline]
    fn settle(&mut self, trade: &Settlement) -> (Money, Money) {
        let base = Money::from_qty(trade.qty).units();
        let quote = Money::of(trade.price, trade.qty).units();
        let is_trade = trade.trade.is_some();
        let fees_ppm = if is_trade { trade.fees_ppm } else { (0, 0) };
        let (taker_fee, maker_fee) = Self::fees(trade.taker_side, trade.price, trade.qty, fees_ppm);
        let (buyer, seller, buyer_fee, seller_fee) = match trade.taker_side {
            Side::Buy => (trade.taker, trade.maker, taker_fee, maker_fee),
            Side::Sell => (trade.maker, trade.taker, maker_fee, taker_fee),
        };
        // The maker's funds are reserved at its price, which is the trade's; a limit taker's at
        // its limit, of which the better price gives something back.
        let taker_reserved = match (trade.taker_side, trade.taker_limit) {
            (_, None) => 0,
            (Side::Buy, Some(limit)) => Money::of(limit, trade.qty).units(),
            (Side::Sell, Some(_)) => base,
        };
        let (buyer_reserved, seller_reserved) = match trade.taker_side {
            Side::Buy => (taker_reserved, base),
            Side::Sell => (quote, taker_reserved),
        };
        let paid = self.balance_mut(buyer, trade.quote);
        paid.reserved -= buyer_reserved;
        paid.free += buyer_reserved - quote;
        self.balance_mut(buyer, trade.base).free += base - buyer_fee.units();
        let sold = self.balance_mut(seller, trade.base);
        sold.reserved -= seller_reserved;
        sold.free += seller_reserved - base;
        self.balance_mut(seller, trade.quote).free += quote - seller_fee.units();
        if fees_ppm != (0, 0) {
            self.balance_mut(AccountId::VENUE, trade.base).free += buyer_fee.units();
            self.balance_mut(AccountId::VENUE, trade.quote).free += seller_fee.units();
        }
        if let Some(number) = trade.trade {
            if self.trades.len() == TRADE_HISTORY {
                self.trades.pop_front();
            }
            self.trades.push_back(TradeRecord {
                instrument: trade.instrument,
                base: trade.base,
                quote: trade.quote,
                number,
                price: trade.price,
                qty: trade.qty,
                original_qty: trade.qty,
                taker: trade.taker,
                maker: trade.maker,
                taker_side: trade.taker_side,
                busted: false,
                fees_ppm,
                taker_fee,
                maker_fee,
            });
        }
        (taker_fee, maker_fee)
    }

    #[inline]
    fn link(&mut self, orders: &mut Orders, handle: u32) {
        let account = &mut self.table[orders.get(handle).account.0 as usize];
        account.open_orders += 1;
        let last = core::mem::replace(&mut account.last, handle);
        if last == NONE {
            account.first = handle;
        } else {
            orders.extra_mut(last).account_next = handle;
        }
        let extra = orders.extra_mut(handle);
        extra.account_previous = last;
        extra.account_next = NONE;
    }

    #[inline]
    fn unlink(&mut self, orders: &mut Orders, handle: u32) {
        let account = &mut self.table[orders.get(handle).account.0 as usize];
        account.open_orders -= 1;
        let extra = *orders.extra(handle);
        if extra.account_previous == NONE {
            account.first = extra.account_next;
        } else {
            orders.extra_mut(extra.account_previous).account_next = extra.account_next;
        }
        if extra.account_next == NONE {
            account.last = extra.account_previous;
        } else {
            orders.extra_mut(extra.account_next).account_previous = extra.account_previous;
        }
    }

    fn first_order(&self, account: AccountId) -> u32 {
        self.table.get(account.0 as usize).map_or(NONE, |account| account.first)
    }

    fn add_asset(&mut self, asset: AssetId) {
        let index = asset.0 as usize;
        if index >= self.known_assets.len() {
            self.known_assets.resize(index + 1, false);
            self.balances.resize(index + 1, Vec::new());
        }
        self.known_assets[index] = true;
        self.balances[index] = vec![Balance::default(); self.table.len()];
    }

    fn set_account(&mut self, terms: &SetAccount) {
        let index = terms.account.0 as usize;
        if index >= self.table.len() {
            self.table.resize(index + 1, Account::UNKNOWN);
            for (row, _) in
                self.balances.iter_mut().zip(&self.known_assets).filter(|(_, known)| **known)
            {
                row.resize(index + 1, Balance::default());
            }
        }
        let account = &mut self.table[index];
        account.known = true;
        account.blocked = terms.state == AccountState::Blocked;
        account.trade_group = terms.trade_group;
        account.max_open_orders = terms.max_open_orders;
    }

    fn accounts(&self) -> Option<&Accounts> {
        Some(self)
    }

    fn accounts_mut(&mut self) -> Option<&mut Accounts> {
        Some(self)
    }

    fn trade_at(&self, instrument: InstrumentId, number: u64) -> Result<usize, DenialReason> {
        let at = self
            .trades
            .iter()
            .rposition(|trade| trade.instrument == instrument && trade.number == number)
            .ok_or(DenialReason::UnknownTrade)?;
        if self.trades[at].busted { Err(DenialReason::TradeBusted) } else { Ok(at) }
    }

    fn traded_qty(&self, at: usize) -> Qty {
        self.trades[at].original_qty
    }

    fn bust(&mut self, at: usize, out: &mut EventBuffer) {
        self.bust_at(at, out);
    }

    fn correct(&mut self, at: usize, price: Price, qty: Qty, out: &mut EventBuffer) {
        self.correct_at(at, price, qty, out);
    }

    fn move_funds(
        &mut self,
        movement: &Movement,
        out: &mut EventBuffer,
    ) -> Result<(), DenialReason> {
        self.book_movement(movement, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up_to_the_grain_and_rebates_lose_the_fraction() {
        let grain = i128::from(ONE);
        assert_eq!(fee(10_000 * grain, 100).units(), grain, "exactly one grain");
        assert_eq!(fee(10_001 * grain, 100).units(), 2 * grain);
        assert_eq!(fee(10_001 * grain, -100).units(), -grain);
        assert_eq!(fee(9_999 * grain, -100).units(), 0);
        assert_eq!(fee(1, 500_000).units(), 1, "never above what is received");
        let large = 1_i128 << 99;
        assert_eq!(fee(large, 1).units(), (large + FEE_DIVISOR - 1) / FEE_DIVISOR * grain);
    }
}
