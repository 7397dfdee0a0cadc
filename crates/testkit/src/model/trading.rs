//! An aggressor meets the book: trades, self-trade prevention, the next slices of icebergs.

use tiercel_types::event::{OrderEnded, OrderReplenished, SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, EndReason, Money, OrderId, Price, Qty, SelfTradePrevention, Side, TradeId,
};

use super::ledger::TradeRecord;
use super::{Mode, Model, Order, TRADES_REMEMBERED, value, within};

/// An order that trades on entry or amendment. It is not in the book.
pub(super) struct Taker {
    pub(super) order: Order,
    /// The worst price it takes; none: any.
    pub(super) limit: Option<i64>,
    /// What a market order by quote amount has left of it, in units of money.
    pub(super) amount_left: Option<i128>,
}

impl Taker {
    /// How much it would take at `price`.
    fn open_at(&self, price: i64, lot: u64) -> u64 {
        match self.amount_left {
            None => self.order.open,
            Some(amount) => qty_for_amount(amount, price, lot),
        }
    }

    /// What it has left to say of itself: nothing if it goes by quote amount.
    fn open_qty(&self) -> Qty {
        Qty::from_units(if self.amount_left.is_some() { 0 } else { self.order.open })
    }

    fn take(&mut self, price: i64, qty: u64) {
        match &mut self.amount_left {
            None => self.order.open -= qty,
            Some(amount) => *amount -= value(price, qty),
        }
    }
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

    /// What a fill-or-kill order could trade at once.
    pub(super) fn tradable_at_once(&self, taker: &Taker) -> u64 {
        let (instrument, side) = (taker.order.instrument, taker.order.side);
        let mode = taker.order.self_trade_prevention;
        let own = |maker: &Order| {
            mode != SelfTradePrevention::None
                && self.is_self_trade(taker.order.account, maker.account)
        };
        let mut sum = 0;
        for price in self.prices_best_first(instrument, side.opposite()) {
            if !within(side, taker.limit, price) {
                break;
            }
            let queue = &self.levels(instrument, side.opposite())[&price];
            let level: Vec<&Order> = queue.iter().map(|id| &self.orders[id]).collect();
            if mode != SelfTradePrevention::ExpireMaker && level.iter().any(|maker| own(maker)) {
                let ahead = level.iter().take_while(|maker| !own(maker));
                return sum + ahead.map(|maker| maker.displayed).sum::<u64>();
            }
            sum += level.iter().filter(|maker| !own(maker)).map(|maker| maker.open).sum::<u64>();
        }
        sum
    }

    /// Trades until the taker or what it may take is used up; returns false if self-trade
    /// prevention ended the taker.
    pub(super) fn trade(&mut self, taker: &mut Taker) -> bool {
        let (instrument, side) = (taker.order.instrument, taker.order.side);
        let lot = self.instrument(instrument).spec.lot.units();
        while let Some(price) = self.best_price(instrument, side.opposite()) {
            if !within(side, taker.limit, price) {
                break;
            }
            let wanted = taker.open_at(price, lot);
            if wanted == 0 {
                break;
            }
            let queue = &self.levels(instrument, side.opposite())[&price];
            let maker = &self.orders[queue.front().expect("no level is empty")];
            let (maker_id, qty) = (maker.id, wanted.min(maker.displayed));
            let prevents = taker.order.self_trade_prevention != SelfTradePrevention::None
                && self.is_self_trade(taker.order.account, maker.account);
            if !prevents {
                self.trade_once(taker, maker_id, qty);
            } else if self.prevent_self_trade(taker, maker_id, qty) {
                return false;
            }
        }
        true
    }

    fn trade_once(&mut self, taker: &mut Taker, maker_id: OrderId, qty: u64) {
        let maker = self.orders[&maker_id].clone();
        let (instrument, price) = (maker.instrument, maker.price);
        let (buyer, seller) = match taker.order.side {
            Side::Buy => (taker.order.account, maker.account),
            Side::Sell => (maker.account, taker.order.account),
        };
        let found = self.instrument_mut(instrument);
        found.trades += 1;
        found.last_price = Some(price);
        let record = TradeRecord {
            instrument,
            trade_id: TradeId(found.trades),
            taker: taker.order.account,
            taker_side: taker.order.side,
            buyer,
            seller,
            price,
            qty,
            traded_qty: qty,
            taker_fee_ppm: found.spec.taker_fee_ppm,
            maker_fee_ppm: found.spec.maker_fee_ppm,
            busted: false,
        };
        self.release(&taker.order, qty);
        self.release(&maker, qty);
        taker.take(price, qty);
        taker.order.filled += qty;
        let maker_open = self.take_from_maker(maker_id, qty);
        self.orders.get_mut(&maker_id).expect("it lives").filled += qty;
        let (mut taker_fee, mut maker_fee) = (0, 0);
        if self.mode == Mode::Full {
            (taker_fee, maker_fee) = record.fees();
            self.post(&record.entries(&self.instrument(instrument).spec), 1);
            self.trades.push_back(record.clone());
            if self.trades.len() > TRADES_REMEMBERED {
                self.trades.pop_front();
            }
        }
        let level_qty = self.level_qty(instrument, maker.side, price);
        let update_id = self.next_update(instrument);
        self.emit(
            instrument,
            taker.order.account,
            Trade {
                trade_id: record.trade_id,
                price: Price::from_units(price),
                qty: Qty::from_units(qty),
                taker_order_id: taker.order.id,
                maker_order_id: maker_id,
                taker_open_qty: taker.open_qty(),
                maker_open_qty: Qty::from_units(maker_open),
                level_qty,
                update_id,
                maker_account: maker.account,
                taker_side: taker.order.side,
                reserved: [0; 3],
                taker_fee: Money::from_units(taker_fee),
                maker_fee: Money::from_units(maker_fee),
            },
        );
        if maker_open == 0 {
            self.leave_level(maker_id);
            self.orders.remove(&maker_id);
        } else {
            self.replenish(maker_id);
        }
    }

    /// Takes displayed quantity off a resting order; returns what it has open then.
    fn take_from_maker(&mut self, maker_id: OrderId, qty: u64) -> u64 {
        let maker = self.orders.get_mut(&maker_id).expect("the maker lives");
        maker.open -= qty;
        maker.displayed -= qty;
        maker.open
    }

    /// An order with nothing displayed but something hidden shows its next slice.
    fn replenish(&mut self, id: OrderId) {
        if self.orders[&id].displayed > 0 {
            return;
        }
        self.leave_level(id);
        self.join_level(id);
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

    /// Self-trade prevention; returns whether it ended the taker.
    fn prevent_self_trade(&mut self, taker: &mut Taker, maker_id: OrderId, qty: u64) -> bool {
        let maker = self.orders[&maker_id].clone();
        let action = match taker.order.self_trade_prevention {
            SelfTradePrevention::Transfer
                if maker.self_trade_prevention != SelfTradePrevention::Transfer
                    || maker.account == taker.order.account =>
            {
                SelfTradePrevention::Decrement
            }
            mode => mode,
        };
        let decrements =
            matches!(action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer);
        if decrements {
            self.release(&taker.order, qty);
            self.release(&maker, qty);
            taker.take(maker.price, qty);
            self.take_from_maker(maker_id, qty);
        }
        if action == SelfTradePrevention::Transfer {
            self.transfer_between(&taker.order, &maker, qty);
        }
        let (instrument, price) = (maker.instrument, maker.price);
        let level_qty = self.level_qty(instrument, maker.side, price);
        let update_id = if decrements { self.next_update(instrument) } else { 0 };
        let maker_open = self.orders[&maker_id].open;
        self.emit(
            instrument,
            taker.order.account,
            SelfTradePrevented {
                taker_order_id: taker.order.id,
                maker_order_id: maker_id,
                price: Price::from_units(price),
                qty: Qty::from_units(qty),
                taker_open_qty: taker.open_qty(),
                maker_open_qty: Qty::from_units(maker_open),
                level_qty,
                update_id,
                maker_account: maker.account,
                action,
                taker_side: taker.order.side,
                reserved: [0; 2],
            },
        );
        let maker_ends = match action {
            SelfTradePrevention::ExpireMaker | SelfTradePrevention::ExpireBoth => true,
            _ => maker_open == 0,
        };
        let taker_ends = match action {
            SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth => true,
            _ => taker.amount_left.is_none() && taker.order.open == 0,
        };
        if maker_ends {
            self.end_resting(maker_id, EndReason::SelfTrade);
        } else {
            self.replenish(maker_id);
        }
        if taker_ends {
            self.end_taker(taker, EndReason::SelfTrade);
        }
        taker_ends
    }

    /// An order that is not in the book ends.
    pub(super) fn end_taker(&mut self, taker: &Taker, reason: EndReason) {
        self.release(&taker.order, taker.order.open);
        self.emit(
            taker.order.instrument,
            taker.order.account,
            OrderEnded {
                order_id: taker.order.id,
                price: Price::from_units(taker.order.price),
                unfilled_qty: taker.open_qty(),
                level_qty: Qty::ZERO,
                update_id: 0,
                reason,
                side: taker.order.side,
                was_resting: 0,
                reserved: [0; 5],
            },
        );
    }
}
