//! The auditor's ledger: who has what, and what came from outside.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::event::{FundsMoved, FundsMovement, TradeBusted, TradeCorrected};
use tiercel_types::{
    AccountId, AssetId, EventHeader, InstrumentId, InstrumentSpec, Money, Price, Qty, Side, TradeId,
};

use super::{Verdict, ensure, same};

/// Trades that can still be undone, as the page says.
const TRADES_REMEMBERED: usize = 65_536;

/// Units of money in 10^-8.
const QTY_UNIT: i128 = 100_000_000;

#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    free: i128,
    reserved: i128,
}

/// A trade as its events told it.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) spec: InstrumentSpec,
    pub(super) trade_id: TradeId,
    pub(super) taker: AccountId,
    pub(super) maker: AccountId,
    pub(super) taker_side: Side,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) taker_fee: Money,
    pub(super) maker_fee: Money,
}

impl Settled {
    /// The quantity and its price, in units of money.
    fn base_and_quote(&self) -> (i128, i128) {
        let qty = i128::from(self.qty.units());
        (qty * QTY_UNIT, qty * i128::from(self.price.units()))
    }

    /// Fees are what the rates say, rounded in favour of the venue by less than 10^-8.
    fn check_fees(&self) -> Verdict {
        let (base, quote) = self.base_and_quote();
        let (of_taker, of_maker) = match self.taker_side {
            Side::Buy => (base, quote),
            Side::Sell => (quote, base),
        };
        check_fee("taker", self.taker_fee, of_taker, self.spec.taker_fee_ppm)?;
        check_fee("maker", self.maker_fee, of_maker, self.spec.maker_fee_ppm)
    }
}

fn check_fee(whose: &str, fee: Money, received: i128, rate_ppm: i32) -> Verdict {
    ensure!(fee.units() <= received.abs(), "{whose} pays {fee}, more than it receives");
    let excess = fee.units().saturating_mul(1_000_000) - received * i128::from(rate_ppm);
    let rounded = fee.units() % QTY_UNIT == 0 && (0..QTY_UNIT * 1_000_000).contains(&excess);
    // What is received may be less than the smallest fee: then it is the fee.
    let all = fee.units() == received && rate_ppm > 0;
    ensure!(rounded || all, "{whose} pays {fee} at {rate_ppm} ppm of {received} units");
    Ok(())
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    balances: BTreeMap<(AccountId, AssetId), Balance>,
    outside: BTreeMap<AssetId, i128>,
    trades: BTreeMap<(InstrumentId, TradeId), Settled>,
    /// What each trade was for before corrections.
    traded: BTreeMap<(InstrumentId, TradeId), Qty>,
    oldest_first: VecDeque<(InstrumentId, TradeId)>,
}

impl Ledger {
    pub(super) fn balance(&self, account: AccountId, asset: AssetId) -> (i128, i128) {
        let balance = self.balances.get(&(account, asset)).copied().unwrap_or_default();
        (balance.free, balance.reserved)
    }

    pub(super) fn net_deposits(&self, asset: AssetId) -> i128 {
        self.outside.get(&asset).copied().unwrap_or(0)
    }

    pub(super) fn funded(&self) -> Vec<(AccountId, AssetId)> {
        self.balances.keys().copied().collect()
    }

    fn add(&mut self, account: AccountId, asset: AssetId, amount: i128) {
        self.balances.entry((account, asset)).or_default().free += amount;
    }

    /// Moves free funds to reserved ones; back if `amount` is negative.
    pub(super) fn reserve(&mut self, account: AccountId, asset: AssetId, amount: i128) -> Verdict {
        let balance = self.balances.entry((account, asset)).or_default();
        balance.free -= amount;
        balance.reserved += amount;
        ensure!(amount <= 0 || balance.free >= 0, "account {account} reserves what it has not");
        ensure!(balance.reserved >= 0, "account {account} has less than nothing reserved");
        Ok(())
    }

    /// Moves `qty` and its price between buyer and seller, `times` 1 or -1.
    pub(super) fn exchange(&mut self, trade: &Settled, times: i128) {
        let (base, quote) = trade.base_and_quote();
        let (buyer, seller) = match trade.taker_side {
            Side::Buy => (trade.taker, trade.maker),
            Side::Sell => (trade.maker, trade.taker),
        };
        self.add(buyer, trade.spec.base, base * times);
        self.add(seller, trade.spec.base, -base * times);
        self.add(seller, trade.spec.quote, quote * times);
        self.add(buyer, trade.spec.quote, -quote * times);
    }

    /// Both pay their fee to the venue, `times` 1 or -1.
    fn charge(&mut self, trade: &Settled, times: i128) {
        let (taker_asset, maker_asset) = match trade.taker_side {
            Side::Buy => (trade.spec.base, trade.spec.quote),
            Side::Sell => (trade.spec.quote, trade.spec.base),
        };
        for (account, asset, fee) in [
            (trade.taker, taker_asset, trade.taker_fee),
            (trade.maker, maker_asset, trade.maker_fee),
        ] {
            self.add(account, asset, -fee.units() * times);
            self.add(AccountId::VENUE, asset, fee.units() * times);
        }
    }

    pub(super) fn trade(&mut self, trade: Settled) -> Verdict {
        trade.check_fees()?;
        self.exchange(&trade, 1);
        self.charge(&trade, 1);
        let name = (trade.spec.instrument, trade.trade_id);
        self.traded.insert(name, trade.qty);
        self.trades.insert(name, trade);
        self.oldest_first.push_back(name);
        if self.oldest_first.len() > TRADES_REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.trades.remove(&oldest);
            self.traded.remove(&oldest);
        }
        Ok(())
    }

    /// A trade that can be undone: remembered, and not busted.
    fn undo(&mut self, header: &EventHeader, trade_id: TradeId) -> Result<Settled, String> {
        let trade = self.trades.remove(&(header.instrument, trade_id));
        let trade = trade.ok_or_else(|| format!("no trade {trade_id} to change"))?;
        same("the taker", header.account, trade.taker)?;
        self.exchange(&trade, -1);
        self.charge(&trade, -1);
        Ok(trade)
    }

    pub(super) fn bust(&mut self, header: &EventHeader, busted: &TradeBusted) -> Verdict {
        let trade = self.undo(header, busted.trade_id)?;
        same("the price", busted.price, trade.price)?;
        same("the quantity", busted.qty, trade.qty)
    }

    pub(super) fn correct(&mut self, header: &EventHeader, corrected: &TradeCorrected) -> Verdict {
        let old = self.undo(header, corrected.trade_id)?;
        let TradeCorrected { price, qty, taker_fee, maker_fee, .. } = *corrected;
        let name = (header.instrument, corrected.trade_id);
        ensure!(Some(&qty) <= self.traded.get(&name), "{qty} is more than what was traded");
        let new = Settled { price, qty, taker_fee, maker_fee, ..old };
        new.check_fees()?;
        self.exchange(&new, 1);
        self.charge(&new, 1);
        self.trades.insert(name, new);
        Ok(())
    }

    pub(super) fn move_funds(&mut self, header: &EventHeader, moved: &FundsMoved) -> Verdict {
        let (account, asset, amount) = (header.account, moved.asset, moved.amount.units());
        ensure!(amount > 0, "the amount is {}", moved.amount);
        let outside = self.outside.entry(asset).or_default();
        match moved.movement {
            FundsMovement::Deposit => {
                *outside += amount;
                self.add(account, asset, amount);
            }
            FundsMovement::Withdraw => {
                *outside -= amount;
                self.add(account, asset, -amount);
            }
            FundsMovement::Transfer => {
                self.add(account, asset, -amount);
                self.add(moved.counterparty, asset, amount);
            }
        }
        if moved.movement != FundsMovement::Transfer {
            same("the counterparty", moved.counterparty, AccountId::ALL)?;
        }
        let free = self.balance(account, asset).0;
        let gave = moved.movement != FundsMovement::Deposit;
        ensure!(!gave || free >= 0, "account {account} gave what it had not");
        same("what is free", moved.free, Money::from_units(free))
    }

    /// What all accounts have is what came from outside.
    pub(super) fn check_conservation(&self) -> Verdict {
        let mut sums: BTreeMap<AssetId, i128> = BTreeMap::new();
        for ((_, asset), balance) in &self.balances {
            *sums.entry(*asset).or_default() += balance.free + balance.reserved;
        }
        for (asset, sum) in sums {
            let outside = self.net_deposits(asset);
            ensure!(sum == outside, "asset {asset}: accounts have {sum}, {outside} came in");
        }
        Ok(())
    }

    /// What is reserved is what the orders need.
    pub(super) fn check_reservations(
        &self,
        needed: &BTreeMap<(AccountId, AssetId), i128>,
    ) -> Verdict {
        for (name, balance) in &self.balances {
            let needed = needed.get(name).copied().unwrap_or(0);
            let (account, asset) = name;
            ensure!(
                balance.reserved == needed,
                "account {account} has {} of asset {asset} reserved, its orders need {needed}",
                balance.reserved
            );
        }
        Ok(())
    }
}
