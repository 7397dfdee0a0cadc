//! An aggressor meets the book: trades, self-trade prevention, the next slices of icebergs.

use tiercel_types::event::{OrderReplenished, SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, EndReason, Money, OrderId, Price, Qty, SelfTradePrevention, Side, TradeId,
};

use super::bands::Stop;
use super::ledger::TradeRecord;
use super::unseen::Rung;
use super::{Mode, Model, Order, Place, TRADES_REMEMBERED, value, within};

/// An order that trades on entry or amendment. It is not in the book.
pub(super) struct Taker {
    pub(super) id: OrderId,
    /// The worst price it takes; none: any.
    pub(super) limit: Option<i64>,
    /// What a market order by quote amount has left of it, in units of money.
    pub(super) amount_left: Option<i128>,
    /// The last price from before it began to trade.
    pub(super) last: Option<i64>,
}

/// The whole lots that `amount` pays for at `price`, as a quantity.
pub(super) fn qty_for_amount(amount: i128, price: i64, lot: u64) -> u64 {
    let lots = amount / value(price, lot);
    u64::try_from(lots * i128::from(lot)).unwrap_or(u64::MAX / lot * lot)
}

impl Model {
    /// Whether orders of these accounts must not trade, when prevention is asked for.
    pub(super) fn is_self_trade(&self, one: AccountId, other: AccountId) -> bool {
        let group = |account| self.accounts.get(&account).map_or(0, |found| found.trade_group);
        one == other || (group(one) != 0 && group(one) == group(other))
    }

    /// An order that is about to trade, without a limit.
    pub(super) fn taker(&self, id: OrderId) -> Taker {
        let last = self.instrument(self.orders[&id].instrument).last_price;
        Taker { id, limit: None, amount_left: None, last }
    }

    /// What an order could trade at once; counted up to what is asked for, or somewhat beyond.
    pub(super) fn tradable_at_once(&self, taker: &Taker, asked_for: u64) -> u64 {
        let order = &self.orders[&taker.id];
        let (instrument, side, mode) = (order.instrument, order.side, order.self_trade_prevention);
        let own = |maker: &Order| {
            mode != SelfTradePrevention::None && self.is_self_trade(order.account, maker.account)
        };
        let expires_makers = mode == SelfTradePrevention::ExpireMaker;
        let there = self.still_there(instrument, side.opposite(), order.list);
        let mut sum = 0;
        for Rung { price, level, unseen } in self.rungs(instrument, side.opposite()) {
            let beyond_bands = self.band_stop(instrument, taker.last, price).is_some();
            if sum >= asked_for || !within(side, taker.limit, price) || beyond_bands {
                break;
            }
            let level = level.iter().filter(|id| there.contains(id));
            let level: Vec<&Order> = level.map(|id| &self.orders[id]).collect();
            if !expires_makers && level.iter().any(|maker| own(maker)) {
                if self.shares_out(instrument) {
                    return sum;
                }
                let ahead = level.iter().take_while(|maker| !own(maker));
                return sum + ahead.map(|maker| maker.displayed).sum::<u64>();
            }
            sum += level.iter().filter(|maker| !own(maker)).map(|maker| maker.open).sum::<u64>();
            for id in unseen {
                if sum >= asked_for {
                    break;
                }
                let maker = &self.orders[&id];
                if self.is_passed_over(id, order.open - sum) {
                    continue;
                }
                if !own(maker) {
                    sum += maker.open;
                } else if !expires_makers {
                    return sum;
                }
            }
        }
        sum
    }

    /// Trades until the taker or what it may take is used up, or self-trade prevention ends it; or
    /// until a band stops it.
    pub(super) fn trade(&mut self, taker: &mut Taker) -> Option<Stop> {
        while self.orders.contains_key(&taker.id) {
            let order = &self.orders[&taker.id];
            let (instrument, side) = (order.instrument, order.side);
            let wants = |price| self.wants(taker, price);
            let met = self.first_met(instrument, side.opposite(), taker.limit, wants);
            let Some((maker, price)) = met else { break };
            let wanted = self.wants(taker, price);
            if wanted == 0 {
                break;
            }
            let stop = self.band_stop(instrument, taker.last, price);
            if stop.is_some() {
                return stop;
            }
            if self.shares_out(instrument) {
                self.play_round(taker, price, wanted);
                continue;
            }
            let maker = &self.orders[&maker];
            let offered = if maker.place == Place::Unseen { maker.open } else { maker.displayed };
            let maker_id = maker.id;
            self.meet(taker, maker_id, price, wanted.min(offered));
        }
        None
    }

    /// What a taker wants at a price.
    fn wants(&self, taker: &Taker, price: i64) -> u64 {
        let order = &self.orders[&taker.id];
        let lot = self.instrument(order.instrument).spec.lot.units();
        match taker.amount_left {
            None => order.open,
            Some(amount) => qty_for_amount(amount, price, lot),
        }
    }

    /// A taker meets a maker at a price: they trade, or are kept from it.
    pub(super) fn meet(&mut self, taker: &mut Taker, maker_id: OrderId, price: i64, qty: u64) {
        let (order, maker) = (&self.orders[&taker.id], &self.orders[&maker_id]);
        let prevents = order.self_trade_prevention != SelfTradePrevention::None
            && self.is_self_trade(order.account, maker.account);
        if prevents {
            self.prevent_self_trade(taker, maker_id, price, qty);
        } else {
            self.trade_once(taker, maker_id, price, qty);
        }
    }

    /// Taker and maker lose quantity at a price.
    fn both_lose(&mut self, taker: &mut Taker, maker_id: OrderId, price: i64, qty: u64) {
        let lose = |id: OrderId, model: &mut Self| {
            model.change(id, |model| {
                let order = model.order_mut(id);
                order.open -= qty;
                order.displayed = order.displayed.saturating_sub(qty);
            });
        };
        match &mut taker.amount_left {
            None => lose(taker.id, self),
            Some(amount) => *amount -= value(price, qty),
        }
        lose(maker_id, self);
    }

    fn trade_once(&mut self, taker: &mut Taker, maker_id: OrderId, price: i64, qty: u64) {
        let (taking, maker) = (self.orders[&taker.id].clone(), self.orders[&maker_id].clone());
        let instrument = maker.instrument;
        let (buyer, seller) = match taking.side {
            Side::Buy => (taking.account, maker.account),
            Side::Sell => (maker.account, taking.account),
        };
        let now = self.now;
        let found = self.instrument_mut(instrument);
        found.trades += 1;
        found.last_price = Some(price);
        if found.spec.tracks_volume == 1 {
            found.traded.push((now, qty));
        }
        let record = TradeRecord {
            instrument,
            trade_id: TradeId(found.trades),
            taker: taking.account,
            taker_side: taking.side,
            buyer,
            seller,
            price,
            qty,
            traded_qty: qty,
            taker_fee_ppm: found.spec.taker_fee_ppm,
            maker_fee_ppm: found.spec.maker_fee_ppm,
            busted: false,
        };
        let first = self.prints.map_or(price, |(_, first, _)| first);
        self.prints = Some((instrument, first, price));
        self.count_in_window(instrument, price);
        self.both_lose(taker, maker_id, price, qty);
        for id in [taker.id, maker_id] {
            self.order_mut(id).filled += qty;
        }
        let (taker_fee, maker_fee) = self.book_trade(&record);
        let (level_qty, update_id) = self.displayed_after(&maker, price, true);
        let (taker_open, maker_open) = (self.orders[&taker.id].open, self.orders[&maker_id].open);
        self.emit(
            instrument,
            taking.account,
            Trade {
                trade_id: record.trade_id,
                price: Price::from_units(price),
                qty: Qty::from_units(qty),
                taker_order_id: taker.id,
                maker_order_id: maker_id,
                taker_open_qty: Qty::from_units(taker_open),
                maker_open_qty: Qty::from_units(maker_open),
                level_qty,
                update_id,
                maker_account: maker.account,
                taker_side: taking.side,
                auction: 0,
                reserved: [0; 2],
                taker_fee: Money::from_units(taker_fee),
                maker_fee: Money::from_units(maker_fee),
            },
        );
        if maker_open == 0 {
            if maker.place == Place::Book {
                self.leave_level(maker_id);
            }
            self.orders.remove(&maker_id);
        }
        if taker.amount_left.is_none() && taker_open == 0 {
            self.orders.remove(&taker.id);
        }
        self.list_order_filled(&taking, qty);
        self.list_order_filled(&maker, qty);
        self.replenish(maker_id);
    }

    /// Books a trade in the ledger and remembers it; returns the fees.
    pub(super) fn book_trade(&mut self, record: &TradeRecord) -> (i128, i128) {
        if self.mode == Mode::Bare {
            return (0, 0);
        }
        self.post(&record.entries(&self.instrument(record.instrument).spec), 1);
        self.trades.push_back(record.clone());
        if self.trades.len() > TRADES_REMEMBERED {
            self.trades.pop_front();
        }
        record.fees()
    }

    /// An order in the book with nothing displayed but something hidden shows its next slice.
    fn replenish(&mut self, id: OrderId) {
        let exhausted = |order: &Order| order.place == Place::Book && order.displayed == 0;
        if !self.orders.get(&id).is_some_and(exhausted) {
            return;
        }
        self.leave_level(id);
        self.queue_up(id);
        let order = self.orders[&id].clone();
        let level_qty = self.level_qty(order.instrument, order.side, order.price);
        let update_id = self.next_update(order.instrument);
        self.emit(
            order.instrument,
            order.account,
            OrderReplenished {
                order_id: id,
                price: Price::from_units(order.price),
                displayed_qty: Qty::from_units(order.displayed),
                hidden_qty: Qty::from_units(order.hidden()),
                level_qty,
                update_id,
                side: order.side,
                reserved: [0; 7],
            },
        );
    }

    /// What is displayed where a maker stands, and the book update if it changed; of an unseen
    /// maker nothing.
    fn displayed_after(&mut self, maker: &Order, price: i64, changed: bool) -> (Qty, u64) {
        if maker.place == Place::Unseen {
            return (Qty::ZERO, 0);
        }
        let level_qty = self.level_qty(maker.instrument, maker.side, price);
        (level_qty, if changed { self.next_update(maker.instrument) } else { 0 })
    }

    fn prevent_self_trade(&mut self, taker: &mut Taker, maker_id: OrderId, price: i64, qty: u64) {
        let (taking, maker) = (self.orders[&taker.id].clone(), self.orders[&maker_id].clone());
        let action = match taking.self_trade_prevention {
            SelfTradePrevention::Transfer
                if maker.self_trade_prevention != SelfTradePrevention::Transfer
                    || maker.account == taking.account =>
            {
                SelfTradePrevention::Decrement
            }
            mode => mode,
        };
        let decrements =
            matches!(action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        if decrements {
            self.both_lose(taker, maker_id, price, qty);
        }
        if action == SelfTradePrevention::Transfer {
            self.transfer_between(&taking, &maker, price, qty);
        }
        let instrument = maker.instrument;
        let (level_qty, update_id) = self.displayed_after(&maker, price, decrements);
        let (taker_open, maker_open) = (self.orders[&taker.id].open, self.orders[&maker_id].open);
        self.emit(
            instrument,
            taking.account,
            SelfTradePrevented {
                taker_order_id: taker.id,
                maker_order_id: maker_id,
                price: Price::from_units(price),
                qty: Qty::from_units(qty),
                taker_open_qty: Qty::from_units(taker_open),
                maker_open_qty: Qty::from_units(maker_open),
                level_qty,
                update_id,
                maker_account: maker.account,
                action,
                taker_side: taking.side,
                reserved: [0; 2],
            },
        );
        if decrements {
            self.list_order_decremented(&taking);
            self.list_order_decremented(&maker);
        }
        let maker_ends = match action {
            SelfTradePrevention::ExpireMaker | SelfTradePrevention::ExpireBoth => true,
            _ => maker_open == 0,
        };
        let taker_ends = match action {
            SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => true,
            _ => taker.amount_left.is_none() && taker_open == 0,
        };
        // Their lists may have ended them.
        if maker_ends && self.orders.contains_key(&maker_id) {
            self.end(maker_id, EndReason::SelfTrade);
        }
        self.replenish(maker_id);
        if taker_ends && self.orders.contains_key(&taker.id) {
            self.end(taker.id, EndReason::SelfTrade);
        }
    }
}
