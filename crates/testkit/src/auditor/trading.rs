//! A taker meets a maker: who meets whom, what both lose, and what is kept from trading.

use tiercel_types::event::{SelfTradePrevented, Trade};
use tiercel_types::{
    AccountId, EventHeader, InstrumentSpec, InstrumentState, Money, OrderId, OrderKind, Qty,
    SelfTradePrevention, TradeId,
};

use super::ledger::Settled;
use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};
use crate::model::Mode;

impl Auditor {
    /// Whether these accounts count as one for self-trade prevention.
    fn are_one(&self, one: AccountId, other: AccountId) -> bool {
        let group = |account| self.trade_groups.get(&account).copied().unwrap_or(0);
        one == other || (group(one) != 0 && group(one) == group(other))
    }

    /// Checks that a taker meets the right maker: the one at the head of the best level, within
    /// its limit, for all that both can.
    fn meeting(
        &mut self,
        header: &EventHeader,
        (taker_id, maker_id): (OrderId, OrderId),
        (price, qty): (i64, Qty),
    ) -> Result<(Order, Order), String> {
        if self.orders.get(&taker_id).is_some_and(|taker| taker.stand == Stand::Unseen)
            && self.entering != Some(taker_id)
        {
            self.begins_to_cross(taker_id, maker_id)?;
        } else {
            self.begins_to_enter(taker_id)?;
        }
        let ending = self.ending.contains(&taker_id) || self.ending.contains(&maker_id);
        ensure!(!ending, "an order meets another when it has to end");
        let (taker, maker) = (self.own_order(header, taker_id)?, self.order(header, maker_id)?);
        let book = self.book(header)?;
        same("the state", book.spec.state, InstrumentState::Open)?;
        ensure!(maker.side == taker.side.opposite(), "both orders are on one side");
        self.check_price_of(taker_id, &taker, price)?;
        self.check_turn_of(header, (taker_id, &taker), (maker_id, &maker), price)?;
        let unseen = maker.stand == Stand::Unseen;
        let offered = if unseen { maker.open } else { maker.displayed };
        let most = taker.wants(price, book.spec.lot).min(offered);
        if unseen {
            same("the quantity", qty, Qty::from_units(most))?;
            let in_part = maker.all_or_none && qty.units() != maker.open;
            ensure!(!in_part, "order {maker_id} is all or none, and trades in part");
            ensure!(!qty.is_zero(), "nothing is traded");
            return Ok((taker, maker));
        }
        same("the price", price, maker.price)?;
        same("the best price", Some(price), book.best(maker.side))?;
        if book.shares {
            ensure!(qty.units() <= most, "more than the maker shows or the taker wants");
        } else {
            same("the first in the queue", Some(maker_id), book.head(maker.side))?;
            same("the quantity", qty, Qty::from_units(most))?;
        }
        ensure!(!qty.is_zero(), "nothing is traded");
        self.check_bands(&taker, price)?;
        Ok((taker, maker))
    }

    pub(super) fn trade(&mut self, header: &EventHeader, trade: &Trade) -> Verdict {
        let (taker_id, maker_id) = (trade.taker_order_id, trade.maker_order_id);
        let (price, qty) = (trade.price.units(), trade.qty.units());
        let (mut taker, mut maker) =
            self.meeting(header, (taker_id, maker_id), (price, trade.qty))?;
        same("the maker's account", trade.maker_account, maker.account)?;
        same("the taker's side", trade.taker_side, taker.side)?;
        let prevented = taker.self_trade_prevention != SelfTradePrevention::None
            && self.are_one(taker.account, maker.account);
        ensure!(!prevented, "a self-trade that was to be prevented");
        for (id, order) in [(taker_id, &mut taker), (maker_id, &mut maker)] {
            order.lose(price, qty);
            order.displayed = order.displayed.saturating_sub(qty);
            order.filled += qty;
            order.touched = true;
            let order = order.clone();
            self.update(id, |auditor| {
                auditor.orders.insert(id, order);
            })?;
        }
        same("what the taker has open", trade.taker_open_qty, taker.told_open())?;
        same("what the maker has open", trade.maker_open_qty, maker.told_open())?;
        let book = self.book_mut(header.instrument)?;
        book.trades += 1;
        book.last = Some(price);
        same("the trade id", trade.trade_id, TradeId(book.trades))?;
        let spec = book.spec;
        self.prints.push((header.instrument, price));
        self.settle(trade, spec, &taker, &maker)?;
        self.put_maker(maker_id, maker.clone())?;
        self.check_told(header, &maker, (trade.level_qty, trade.update_id))?;
        if taker.amount_left.is_none() && taker.open == 0 {
            self.orders.remove(&taker_id);
            self.entering = None;
        }
        self.list_order_traded(taker_id, &taker, qty)?;
        self.list_order_traded(maker_id, &maker, qty)
    }

    pub(super) fn settle(
        &mut self,
        trade: &Trade,
        spec: InstrumentSpec,
        taker: &Order,
        maker: &Order,
    ) -> Verdict {
        if self.mode == Mode::Bare {
            return same(
                "the fees",
                (trade.taker_fee, trade.maker_fee),
                (Money::ZERO, Money::ZERO),
            );
        }
        self.ledger.trade(Settled {
            spec,
            trade_id: trade.trade_id,
            taker: taker.account,
            maker: maker.account,
            taker_side: taker.side,
            price: trade.price,
            qty: trade.qty,
            taker_fee: trade.taker_fee,
            maker_fee: trade.maker_fee,
        })?;
        // A market order reserves nothing: what it gives has to be free.
        let asset = spec.asset_given(taker.side);
        let free = self.ledger.balance(taker.account, asset).0;
        let had = taker.kind != OrderKind::Market || free >= 0;
        ensure!(had, "account {} gave what it had not", taker.account);
        Ok(())
    }

    /// A maker that lost quantity is filled and gone, or shows its next slice, or stays.
    fn put_maker(&mut self, id: OrderId, maker: Order) -> Verdict {
        if maker.open == 0 {
            if maker.stand == Stand::Book {
                self.book_mut(maker.instrument)?.leave(id, maker.side, maker.price);
            }
            self.orders.remove(&id);
            return Ok(());
        }
        if maker.displayed == 0 && maker.stand == Stand::Book {
            self.replenishing = Some(id);
        }
        self.orders.insert(id, maker);
        Ok(())
    }

    pub(super) fn self_trade_prevented(
        &mut self,
        header: &EventHeader,
        event: &SelfTradePrevented,
    ) -> Verdict {
        let (taker_id, maker_id) = (event.taker_order_id, event.maker_order_id);
        let (price, qty) = (event.price.units(), event.qty.units());
        let (mut taker, mut maker) =
            self.meeting(header, (taker_id, maker_id), (price, event.qty))?;
        same("the maker's account", event.maker_account, maker.account)?;
        same("the taker's side", event.taker_side, taker.side)?;
        ensure!(self.are_one(taker.account, maker.account), "the orders may trade");
        let may_transfer = maker.self_trade_prevention == SelfTradePrevention::Transfer
            && maker.account != taker.account;
        let action = match taker.self_trade_prevention {
            SelfTradePrevention::None => return Err("the taker asked for no prevention".into()),
            SelfTradePrevention::Transfer if !may_transfer => SelfTradePrevention::Decrement,
            mode => mode,
        };
        same("the action", event.action, action)?;
        if matches!(action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer) {
            for (id, order) in [(taker_id, &mut taker), (maker_id, &mut maker)] {
                order.lose(price, qty);
                order.displayed = order.displayed.saturating_sub(qty);
                order.touched = true;
                let order = order.clone();
                self.update(id, |auditor| {
                    auditor.orders.insert(id, order);
                })?;
            }
            let book = self.book_mut(header.instrument)?;
            if maker.stand == Stand::Book {
                book.take_update(event.update_id)?;
            } else {
                same("the update id", event.update_id, 0)?;
            }
            if action == SelfTradePrevention::Transfer {
                let settled = Settled {
                    spec: book.spec,
                    trade_id: TradeId(0),
                    taker: taker.account,
                    maker: maker.account,
                    taker_side: taker.side,
                    price: event.price,
                    qty: event.qty,
                    taker_fee: Money::ZERO,
                    maker_fee: Money::ZERO,
                };
                self.ledger.exchange(&settled, 1);
            }
        } else {
            same("the update id", event.update_id, 0)?;
        }
        same("what the taker has open", event.taker_open_qty, taker.told_open())?;
        same("what the maker has open", event.maker_open_qty, maker.told_open())?;
        let maker_ends = maker.open == 0
            || matches!(action, SelfTradePrevention::ExpireMaker | SelfTradePrevention::ExpireBoth);
        let taker_ends = (taker.amount_left.is_none() && taker.open == 0)
            || matches!(action, SelfTradePrevention::ExpireTaker | SelfTradePrevention::ExpireBoth);
        self.ending.extend(maker_ends.then_some(maker_id));
        self.ending.extend(taker_ends.then_some(taker_id));
        if maker.displayed == 0 && maker.open > 0 && maker.stand == Stand::Book {
            self.replenishing = Some(maker_id);
        }
        if matches!(action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer) {
            self.list_order_decremented(taker_id, &taker);
            self.list_order_decremented(maker_id, &maker);
        }
        if maker.stand == Stand::Unseen {
            return same("the level's quantity", event.level_qty, Qty::ZERO);
        }
        self.check_level(header, &maker, event.level_qty)
    }
}
