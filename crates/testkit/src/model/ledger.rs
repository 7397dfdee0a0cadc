//! Balances, fees, and trades undone.

use tiercel_types::command::{BustTrade, CorrectTrade};
use tiercel_types::event::{TradeBusted, TradeCorrected};
use tiercel_types::{
    AccountId, AssetId, DenialReason, InstrumentId, InstrumentSpec, Money, OrderKind, Price, Qty,
    Side, TradeId,
};

use super::entry::require;
use super::{AMOUNT_LIMIT, Checked, Mode, Model, Order, money_of_qty, value};

/// A trade as the engine remembers it, as last corrected.
#[derive(Clone, Debug)]
pub(super) struct TradeRecord {
    pub(super) instrument: InstrumentId,
    pub(super) trade_id: TradeId,
    pub(super) taker: AccountId,
    pub(super) taker_side: Side,
    pub(super) buyer: AccountId,
    pub(super) seller: AccountId,
    pub(super) price: i64,
    pub(super) qty: u64,
    /// What was traded before any correction.
    pub(super) traded_qty: u64,
    /// The rates of the time of the trade.
    pub(super) taker_fee_ppm: i32,
    pub(super) maker_fee_ppm: i32,
    pub(super) busted: bool,
}

/// An amount that an account's free funds gain.
pub(super) type Entry = (AccountId, AssetId, i128);

impl TradeRecord {
    /// What the taker and the maker pay, each in what it receives.
    pub(super) fn fees(&self) -> (i128, i128) {
        let (base, quote) = (money_of_qty(self.qty), value(self.price, self.qty));
        let (taker_receives, maker_receives) = match self.taker_side {
            Side::Buy => (base, quote),
            Side::Sell => (quote, base),
        };
        (fee(taker_receives, self.taker_fee_ppm), fee(maker_receives, self.maker_fee_ppm))
    }

    /// The ledger entries of the trade.
    pub(super) fn entries(&self, spec: &InstrumentSpec) -> [Entry; 6] {
        let (taker_fee, maker_fee) = self.fees();
        let (buyer_fee, seller_fee) = match self.taker_side {
            Side::Buy => (taker_fee, maker_fee),
            Side::Sell => (maker_fee, taker_fee),
        };
        let (base, quote) = (money_of_qty(self.qty), value(self.price, self.qty));
        [
            (self.buyer, spec.quote, -quote),
            (self.buyer, spec.base, base - buyer_fee),
            (self.seller, spec.base, -base),
            (self.seller, spec.quote, quote - seller_fee),
            (AccountId::VENUE, spec.base, buyer_fee),
            (AccountId::VENUE, spec.quote, seller_fee),
        ]
    }
}

/// The fee on what is received: rounded up to a multiple of 10^-8, and never more than it.
fn fee(received: i128, rate_ppm: i32) -> i128 {
    // Units of money per 10^-8, times one million.
    const STEP: i128 = 100_000_000 * 1_000_000;
    let exact = received.checked_mul(i128::from(rate_ppm)).expect("an amount is below 2^100");
    let steps = exact.div_euclid(STEP) + i128::from(exact.rem_euclid(STEP) > 0);
    (steps * 100_000_000).min(received)
}

impl Model {
    /// Adds to free and to reserved funds. The bare engine has none.
    fn add(&mut self, account: AccountId, asset: AssetId, free: i128, reserved: i128) {
        if self.mode == Mode::Bare {
            return;
        }
        let balance = self.balances.entry((account, asset)).or_default();
        balance.free = balance.free.checked_add(free).expect("funds fit 128 bits");
        balance.reserved = balance.reserved.checked_add(reserved).expect("funds fit 128 bits");
        assert!(balance.reserved >= 0, "account {account} has less than nothing reserved");
    }

    /// Changes free funds by `times` the entries: 1 books them, -1 reverses them.
    pub(super) fn post(&mut self, entries: &[Entry], times: i128) {
        for (account, asset, amount) in entries {
            self.add(*account, *asset, amount * times, 0);
        }
    }

    pub(super) fn free(&self, account: AccountId, asset: AssetId) -> i128 {
        self.balance(account, asset).0.units()
    }

    /// What an order of this price reserves for `qty`. Market orders reserve nothing.
    pub(super) fn reservation(&self, order: &Order, qty: u64) -> (AssetId, i128) {
        let spec = &self.instrument(order.instrument).spec;
        match (order.kind, order.side) {
            (OrderKind::Market, _) => (spec.base, 0),
            (_, Side::Buy) => (spec.quote, value(order.price, qty)),
            (_, Side::Sell) => (spec.base, money_of_qty(qty)),
        }
    }

    /// Reserves for all that is open.
    pub(super) fn reserve(&mut self, order: &Order) {
        let (asset, amount) = self.reservation(order, order.open);
        self.add(order.account, asset, -amount, amount);
    }

    /// Makes free what an order had reserved for `qty`.
    pub(super) fn release(&mut self, order: &Order, qty: u64) {
        let (asset, amount) = self.reservation(order, qty);
        self.add(order.account, asset, amount, -amount);
    }

    /// Self-trade prevention by transfer: `qty` changes hands at the maker's price.
    pub(super) fn transfer_between(&mut self, taker: &Order, maker: &Order, qty: u64) {
        let (buyer, seller) = match taker.side {
            Side::Buy => (taker.account, maker.account),
            Side::Sell => (maker.account, taker.account),
        };
        let spec = &self.instrument(maker.instrument).spec;
        let (base, quote) = (money_of_qty(qty), value(maker.price, qty));
        let entries = [
            (buyer, spec.quote, -quote),
            (buyer, spec.base, base),
            (seller, spec.base, -base),
            (seller, spec.quote, quote),
        ];
        self.post(&entries, 1);
    }

    /// The place of a remembered trade that was not busted.
    fn find_trade(
        &self,
        reserved: u32,
        instrument: InstrumentId,
        trade_id: TradeId,
    ) -> Checked<usize> {
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        require(reserved == 0, DenialReason::ReservedFieldSet)?;
        let known = self.instruments.contains_key(&instrument);
        require(known, DenialReason::UnknownInstrument)?;
        let named = |trade: &TradeRecord| (trade.instrument, trade.trade_id);
        let place = self.trades.iter().position(|trade| named(trade) == (instrument, trade_id));
        let place = place.ok_or(DenialReason::UnknownTrade)?;
        require(!self.trades[place].busted, DenialReason::TradeBusted)?;
        Ok(place)
    }

    pub(super) fn bust_trade(&mut self, bust: &BustTrade) -> Checked {
        let place = self.find_trade(bust.reserved, bust.instrument, bust.trade_id)?;
        self.trades[place].busted = true;
        let trade = self.trades[place].clone();
        self.post(&trade.entries(&self.instrument(bust.instrument).spec), -1);
        self.emit(
            bust.instrument,
            trade.taker,
            TradeBusted {
                trade_id: trade.trade_id,
                price: Price::from_units(trade.price),
                qty: Qty::from_units(trade.qty),
            },
        );
        Ok(())
    }

    pub(super) fn correct_trade(&mut self, correct: &CorrectTrade) -> Checked {
        let place = self.find_trade(correct.reserved, correct.instrument, correct.trade_id)?;
        let spec = self.instrument(correct.instrument).spec;
        let (price, qty) = (correct.price.units(), correct.qty.units());
        require(price > 0, DenialReason::PriceRequired)?;
        require(price % spec.tick.units() == 0, DenialReason::PriceNotOnTick)?;
        require(qty != 0, DenialReason::QtyRequired)?;
        require(qty.is_multiple_of(spec.lot.units()), DenialReason::QtyNotOnLot)?;
        require(qty <= self.trades[place].traded_qty, DenialReason::CorrectionInvalid)?;
        require(value(price, qty) < AMOUNT_LIMIT, DenialReason::NotionalTooLarge)?;
        let old = self.trades[place].clone();
        let new = TradeRecord { price, qty, ..old.clone() };
        self.trades[place] = new.clone();
        self.post(&old.entries(&spec), -1);
        self.post(&new.entries(&spec), 1);
        let (taker_fee, maker_fee) = new.fees();
        self.emit(
            correct.instrument,
            new.taker,
            TradeCorrected {
                trade_id: new.trade_id,
                price: correct.price,
                qty: correct.qty,
                taker_fee: Money::from_units(taker_fee),
                maker_fee: Money::from_units(maker_fee),
            },
        );
        Ok(())
    }
}
