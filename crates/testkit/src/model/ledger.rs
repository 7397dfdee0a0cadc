//! Balances, fees, and trades undone.

use tiercel_types::command::{BustTrade, CorrectTrade};
use tiercel_types::event::{TradeBusted, TradeCorrected};
use tiercel_types::{
    AccountId, AssetId, DenialReason, InstrumentId, InstrumentSpec, Money, OrderId, OrderKind,
    Price, Qty, Side, TradeId,
};

use super::entry::require;
use super::{AMOUNT_LIMIT, Checked, Mode, Model, Order, Place, money_of_qty, value};

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
    let exact = received
        .checked_mul(i128::from(rate_ppm))
        .expect("what is received lies above what any trade may be worth");
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
        balance.free =
            balance.free.checked_add(free).expect("free or reserved funds leave 128 bits");
        balance.reserved =
            balance.reserved.checked_add(reserved).expect("free or reserved funds leave 128 bits");
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

    /// What an order has reserved, if it is alone.
    pub(super) fn reservation(&self, order: &Order) -> (AssetId, i128) {
        let spec = &self.instrument(order.instrument).spec;
        let given = spec.asset_given(order.side);
        let quote_qty = money_of_qty(order.asked.quote_qty.units());
        let for_market = match order.side {
            Side::Buy => quote_qty,
            Side::Sell => money_of_qty(order.open),
        };
        let amount = match (order.kind, order.place) {
            // The bare engine has no funds, and takes orders whose value no funds could cover.
            _ if self.mode == Mode::Bare => 0,
            (_, Place::Pending) | (OrderKind::Market, Place::Entering | Place::Book) => 0,
            (OrderKind::Market, Place::Waiting | Place::Triggered | Place::Held) => for_market,
            _ => match order.side {
                Side::Buy => value(order.price, order.open),
                Side::Sell => money_of_qty(order.open),
            },
        };
        (given, amount)
    }

    /// The orders that reserve together: an order alone, or a pair.
    fn reserving_together(&self, order: &Order) -> Vec<OrderId> {
        let pair = order.list.and_then(|list| self.lists[&list].pair_of(order.id));
        pair.unwrap_or_else(|| vec![order.id])
    }

    /// What these orders have reserved: of a pair the larger of the two.
    fn reserved_by(&self, ids: &[OrderId]) -> i128 {
        let live = ids.iter().filter_map(|id| self.orders.get(id));
        live.map(|order| self.reservation(order).1).max().unwrap_or(0)
    }

    /// Changes an order, or ends it; what it or its pair has reserved follows.
    pub(super) fn change<T>(&mut self, id: OrderId, change: impl FnOnce(&mut Self) -> T) -> T {
        let order = self.orders[&id].clone();
        let (asset, together) = (self.reservation(&order).0, self.reserving_together(&order));
        let before = self.reserved_by(&together);
        let result = change(self);
        let more = self.reserved_by(&together) - before;
        self.add(order.account, asset, -more, more);
        result
    }

    /// What would be reserved more if the order were as given, and of what.
    pub(super) fn reserves_more(&self, changed: &Order) -> (AssetId, i128) {
        let together = self.reserving_together(changed);
        let (asset, alone) = self.reservation(changed);
        let others: Vec<OrderId> =
            together.iter().copied().filter(|id| *id != changed.id).collect();
        (asset, alone.max(self.reserved_by(&others)) - self.reserved_by(&together))
    }

    /// Moves an order to another place.
    pub(super) fn place(&mut self, id: OrderId, place: Place) {
        self.change(id, |model| {
            model.order_mut(id).place = place;
        });
    }

    /// Self-trade prevention by transfer: `qty` changes hands at a price.
    pub(super) fn transfer_between(&mut self, taker: &Order, maker: &Order, price: i64, qty: u64) {
        let (buyer, seller) = match taker.side {
            Side::Buy => (taker.account, maker.account),
            Side::Sell => (maker.account, taker.account),
        };
        let spec = &self.instrument(maker.instrument).spec;
        let (base, quote) = (money_of_qty(qty), value(price, qty));
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
