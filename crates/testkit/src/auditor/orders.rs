//! What order events may say, each after the others.

use tiercel_types::event::{
    OrderAccepted, OrderAmended, OrderEnded, OrderReplenished, OrderRested, OrderStatus,
    SelfTradePrevented, Trade,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, EndReason, EventHeader, InstrumentId, InstrumentSpec,
    InstrumentState, ListId, Money, OrderId, OrderKind, Qty, SelfTradePrevention, Side,
    TimeInForce, Timestamp, TradeId, Trigger,
};

use super::book::Book;
use super::ledger::Settled;
use super::{Auditor, Verdict, ensure, same};
use crate::model::Mode;

/// Where a live order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It was taken, and the next event says what becomes of it.
    Fresh,
    /// It waits for its list.
    Pending,
    /// It waits for its trigger.
    Waiting,
    /// It waits for its instrument to open.
    Held,
    /// It trades, and neither rests nor ended yet.
    Entering,
    /// It rests.
    Book,
}

/// A live order, as its events told it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) stand: Stand,
    pub(super) list: Option<ListId>,
    pub(super) trigger: Trigger,
    /// Stop, take profit: what it waits for.
    pub(super) trigger_price: i64,
    /// It said that it waits for its trigger.
    pub(super) waited: bool,
    pub(super) triggered: bool,
    /// It traded or was decremented.
    pub(super) touched: bool,
    /// Its quantity when it was taken.
    pub(super) taken_qty: u64,
    /// The worst price it takes; none: any.
    pub(super) limit: Option<i64>,
    pub(super) instrument: InstrumentId,
    pub(super) account: AccountId,
    pub(super) side: Side,
    pub(super) kind: OrderKind,
    pub(super) time_in_force: TimeInForce,
    pub(super) self_trade_prevention: SelfTradePrevention,
    pub(super) price: i64,
    pub(super) open: u64,
    pub(super) filled: u64,
    /// Zero while it is not in the book.
    pub(super) displayed: u64,
    pub(super) display_qty: u64,
    pub(super) expire_time: u64,
    pub(super) client_order_id: ClientOrderId,
    /// A market order by quote amount: what is left of it, in units of money.
    pub(super) amount_left: Option<i128>,
}

impl Order {
    pub(super) fn may_rest(&self) -> bool {
        self.kind != OrderKind::Market
            && !matches!(self.time_in_force, TimeInForce::Ioc | TimeInForce::Fok)
    }

    fn slice(&self) -> u64 {
        match self.display_qty {
            0 => self.open,
            slice => slice.min(self.open),
        }
    }

    /// What it says that it has open: nothing if it goes by quote amount.
    pub(super) fn told_open(&self) -> Qty {
        Qty::from_units(if self.amount_left.is_some() { 0 } else { self.open })
    }

    /// What it would take at `price`.
    fn wants(&self, price: i64, lot: Qty) -> u64 {
        let Some(amount) = self.amount_left else { return self.open };
        if price <= 0 {
            return 0;
        }
        let lot = i128::from(lot.units());
        let lots = amount / (i128::from(price) * lot);
        u64::try_from(lots * lot).unwrap_or(u64::MAX)
    }

    fn lose(&mut self, price: i64, qty: u64) {
        match &mut self.amount_left {
            None => self.open -= qty,
            Some(amount) => *amount -= i128::from(price) * i128::from(qty),
        }
    }

    /// The funds that it keeps reserved, if it is alone. `from_start`: it is one of an OCO, which
    /// reserve before they are entered.
    pub(super) fn reservation(&self, spec: &InstrumentSpec, from_start: bool) -> (AssetId, i128) {
        let base = |qty| Money::from_qty(Qty::from_units(qty)).units();
        let of_limit = match self.side {
            Side::Buy => i128::from(self.price) * i128::from(self.open),
            Side::Sell => base(self.open),
        };
        let of_waiting_market = match self.side {
            Side::Buy => self.amount_left.unwrap_or(0),
            Side::Sell => base(self.open),
        };
        let market = self.kind == OrderKind::Market;
        let amount = match self.stand {
            Stand::Pending => 0,
            Stand::Fresh if !from_start => 0,
            Stand::Entering | Stand::Book if market => 0,
            Stand::Fresh | Stand::Waiting | Stand::Held if market => of_waiting_market,
            _ => of_limit,
        };
        (spec.asset_given(self.side), amount)
    }
}

impl Auditor {
    fn order(&self, header: &EventHeader, id: OrderId) -> Result<Order, String> {
        let order = self.orders.get(&id).ok_or_else(|| format!("no live order {id}"))?;
        same("the order's instrument", header.instrument, order.instrument)?;
        Ok(order.clone())
    }

    /// A live order that is the header's account's.
    pub(super) fn own_order(&self, header: &EventHeader, id: OrderId) -> Result<Order, String> {
        let order = self.order(header, id)?;
        same("the order's account", header.account, order.account)?;
        Ok(order)
    }

    pub(super) fn book(&self, header: &EventHeader) -> Result<&Book, String> {
        let book = self.books.get(&header.instrument);
        book.ok_or_else(|| format!("no instrument {}", header.instrument))
    }

    pub(super) fn level_qty(
        &self,
        header: &EventHeader,
        side: Side,
        price: i64,
    ) -> Result<Qty, String> {
        Ok(self.book(header)?.level_qty(side, price, &self.orders))
    }

    pub(super) fn check_level(&self, header: &EventHeader, order: &Order, said: Qty) -> Verdict {
        let found = self.level_qty(header, order.side, order.price)?;
        same("the level's quantity", said, found)
    }

    /// Puts an order at the back of its level.
    fn rest(&mut self, id: OrderId, mut order: Order) -> Verdict {
        order.displayed = order.slice();
        order.stand = Stand::Book;
        let book = self.book_mut(order.instrument)?;
        ensure!(!book.crosses(order.side, order.limit), "order {id} rests in a crossed book");
        book.join(id, order.side, order.price);
        self.update(id, |auditor| {
            auditor.orders.insert(id, order);
        })
    }

    pub(super) fn order_accepted(
        &mut self,
        header: &EventHeader,
        accepted: &OrderAccepted,
    ) -> Verdict {
        let id = accepted.order_id;
        ensure!(!self.orders.contains_key(&id), "order {id} lives already");
        if self.mode == Mode::Full {
            ensure!(id > self.last_order_id, "order ids go back from {}", self.last_order_id);
            self.last_order_id = id;
        }
        let by_amount = !accepted.quote_qty.is_zero();
        let has_limit = accepted.kind != OrderKind::Market || !accepted.price.is_zero();
        let order = Order {
            stand: Stand::Fresh,
            list: self.list_announced(id)?,
            trigger: Trigger::None,
            trigger_price: 0,
            waited: false,
            triggered: false,
            touched: false,
            taken_qty: accepted.qty.units(),
            limit: has_limit.then_some(accepted.price.units()),
            instrument: header.instrument,
            account: header.account,
            side: accepted.side,
            kind: accepted.kind,
            time_in_force: accepted.time_in_force,
            self_trade_prevention: accepted.self_trade_prevention,
            price: accepted.price.units(),
            open: accepted.qty.units(),
            filled: 0,
            displayed: 0,
            display_qty: accepted.display_qty.units(),
            expire_time: accepted.expire_time.0,
            client_order_id: accepted.client_order_id,
            amount_left: by_amount.then(|| Money::from_qty(accepted.quote_qty).units()),
        };
        let book = self.book(header)?;
        let (state, spec) = (book.spec.state, book.spec);
        let steps_fit =
            order.price % spec.tick.units() == 0 && order.open.is_multiple_of(spec.lot.units());
        ensure!(steps_fit, "price or quantity is off its step");
        let shut = matches!(state, InstrumentState::Halted | InstrumentState::Closed);
        ensure!(!shut, "the instrument takes no orders");
        ensure!(self.entering.is_none(), "an order is entering");
        let (may_rest, list) = (order.may_rest(), order.list);
        self.admit(id, order.clone())?;
        if accepted.resting == 1 {
            ensure!(may_rest && list.is_none(), "the order may not rest");
            self.rest(id, order.clone())?;
            self.check_level(header, &order, accepted.level_qty)?;
            return self.book_mut(header.instrument)?.take_update(accepted.update_id);
        }
        // What becomes of it, the next event says.
        self.fresh = list.is_none().then_some(id);
        same("level and update", (accepted.level_qty, accepted.update_id), (Qty::ZERO, 0))
    }

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
        self.begins_to_enter(taker_id)?;
        let ending = self.ending.contains(&taker_id) || self.ending.contains(&maker_id);
        ensure!(!ending, "an order meets another when it has to end");
        let (taker, maker) = (self.own_order(header, taker_id)?, self.order(header, maker_id)?);
        let book = self.book(header)?;
        same("the state", book.spec.state, InstrumentState::Open)?;
        ensure!(maker.side == taker.side.opposite(), "both orders are on one side");
        same("the price", price, maker.price)?;
        same("the best price", Some(price), book.best(maker.side))?;
        ensure!(book.crosses(taker.side, taker.limit), "beyond the taker's limit");
        let most = taker.wants(price, book.spec.lot).min(maker.displayed);
        if book.shares {
            ensure!(qty.units() <= most, "more than the maker shows or the taker wants");
        } else {
            same("the first in the queue", Some(maker_id), book.head(maker.side))?;
            same("the quantity", qty, Qty::from_units(most))?;
        }
        ensure!(!qty.is_zero(), "nothing is traded");
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
        book.take_update(trade.update_id)?;
        let spec = book.spec;
        self.prints.push((header.instrument, price));
        self.settle(trade, spec, &taker, &maker)?;
        self.put_maker(maker_id, maker.clone())?;
        self.check_level(header, &maker, trade.level_qty)?;
        if taker.amount_left.is_none() && taker.open == 0 {
            self.orders.remove(&taker_id);
            self.entering = None;
        }
        self.list_order_traded(taker_id, &taker, qty)?;
        self.list_order_traded(maker_id, &maker, qty)
    }

    fn settle(
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
            self.book_mut(maker.instrument)?.leave(id, maker.side, maker.price);
            self.orders.remove(&id);
            return Ok(());
        }
        if maker.displayed == 0 {
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
            book.take_update(event.update_id)?;
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
        if maker.displayed == 0 && maker.open > 0 {
            self.replenishing = Some(maker_id);
        }
        if matches!(action, SelfTradePrevention::Decrement | SelfTradePrevention::Transfer) {
            self.list_order_decremented(taker_id, &taker);
            self.list_order_decremented(maker_id, &maker);
        }
        self.check_level(header, &maker, event.level_qty)
    }

    pub(super) fn order_rested(&mut self, header: &EventHeader, rested: &OrderRested) -> Verdict {
        let id = rested.order_id;
        self.begins_to_enter(id)?;
        ensure!(!self.ending.contains(&id), "order {id} has to end");
        let order = self.own_order(header, id)?;
        ensure!(order.may_rest(), "the order may not rest");
        same("the price", rested.price.units(), order.price)?;
        same("the side", rested.side, order.side)?;
        same("what is open", rested.open_qty.units(), order.open)?;
        same("what is displayed", rested.displayed_qty.units(), order.slice())?;
        self.entering = None;
        self.rest(id, order.clone())?;
        self.check_level(header, &order, rested.level_qty)?;
        self.book_mut(header.instrument)?.take_update(rested.update_id)
    }

    pub(super) fn order_replenished(
        &mut self,
        header: &EventHeader,
        shown: &OrderReplenished,
    ) -> Verdict {
        let id = shown.order_id;
        ensure!(self.replenishing == Some(id), "order {id} shows enough");
        self.replenishing = None;
        let mut order = self.own_order(header, id)?;
        order.displayed = order.slice();
        same("the price", shown.price.units(), order.price)?;
        same("the side", shown.side, order.side)?;
        same("what is displayed", shown.displayed_qty.units(), order.displayed)?;
        same("what is hidden", shown.hidden_qty.units(), order.open - order.displayed)?;
        self.orders.insert(id, order.clone());
        let book = self.book_mut(header.instrument)?;
        book.leave(id, order.side, order.price);
        book.join(id, order.side, order.price);
        book.take_update(shown.update_id)?;
        self.check_level(header, &order, shown.level_qty)
    }

    pub(super) fn order_ended(&mut self, header: &EventHeader, ended: &OrderEnded) -> Verdict {
        let id = ended.order_id;
        let order = self.own_order(header, id)?;
        same("the price", ended.price.units(), order.price)?;
        same("the side", ended.side, order.side)?;
        ensure!(self.quantity_fits(&order, ended.unfilled_qty), "what is unfilled is wrong");
        if matches!(
            ended.reason,
            EndReason::ImmediateOrCancel
                | EndReason::FillOrKill
                | EndReason::NoLiquidity
                | EndReason::QuoteSpent
        ) {
            self.begins_to_enter(id)?;
        }
        let rested = self.orders[&id].stand == Stand::Book;
        same("whether it rested", ended.was_resting == 1, rested)?;
        let rejected = ended.reason == EndReason::Rejected;
        same("whether a denial is given", ended.denial != 0, rejected)?;
        self.check_reason(header, &self.orders[&id].clone(), ended)?;
        self.update(id, |auditor| {
            auditor.orders.remove(&id);
        })?;
        self.ending.remove(&id);
        self.entering.take_if(|entering| *entering == id);
        self.replenishing.take_if(|shows| *shows == id);
        if rested {
            let book = self.book_mut(header.instrument)?;
            book.leave(id, order.side, order.price);
            book.take_update(ended.update_id)?;
            self.check_level(header, &order, ended.level_qty)?;
        } else {
            same("level and update", (ended.level_qty, ended.update_id), (Qty::ZERO, 0))?;
        }
        self.list_order_ended(id, &order, ended)
    }

    /// Whether the order can end so, now.
    fn check_reason(&mut self, header: &EventHeader, order: &Order, ended: &OrderEnded) -> Verdict {
        let must_end = self.ending.contains(&ended.order_id);
        same(
            "whether it ends by self-trade prevention",
            ended.reason == EndReason::SelfTrade,
            must_end,
        )?;
        let book = self.book(header)?;
        let crosses = book.crosses(order.side, order.limit);
        let entering = order.stand == Stand::Entering;
        let by_amount = order.amount_left.is_some();
        let in_book_alone = order.stand == Stand::Book && order.list.is_none();
        let fits = match ended.reason {
            EndReason::SelfTrade => true,
            EndReason::Cancelled => !entering,
            EndReason::Replaced => in_book_alone,
            EndReason::MassCancelled => {
                self.mass_cancelled += 1;
                !entering
            }
            EndReason::AmendedToFilled => in_book_alone && order.filled > 0,
            EndReason::Expired => {
                let due = order.expire_time <= header.time_ns;
                !entering && order.time_in_force == TimeInForce::Gtd && due
            }
            EndReason::DayEnded => !entering && order.time_in_force == TimeInForce::Day,
            EndReason::ImmediateOrCancel => {
                let immediate = order.time_in_force == TimeInForce::Ioc;
                entering && immediate && order.kind == OrderKind::Limit && !crosses
            }
            EndReason::FillOrKill => {
                entering && order.time_in_force == TimeInForce::Fok && order.filled == 0
            }
            EndReason::NoLiquidity => entering && order.kind == OrderKind::Market && !crosses,
            EndReason::QuoteSpent => {
                let best = book.best(order.side.opposite()).unwrap_or(0);
                entering && by_amount && crosses && order.wants(best, book.spec.lot) == 0
            }
            EndReason::Rejected => {
                let waited = matches!(order.stand, Stand::Waiting | Stand::Held);
                !entering && (waited || order.list.is_some()) && order.stand != Stand::Book
            }
            EndReason::ListEnded => !entering && order.list.is_some(),
        };
        ensure!(fits, "the order cannot end as {}", ended.reason);
        Ok(())
    }

    pub(super) fn order_amended(
        &mut self,
        header: &EventHeader,
        amended: &OrderAmended,
    ) -> Verdict {
        let id = amended.order_id;
        let old = self.own_order(header, id)?;
        ensure!(self.entering.is_none(), "an order is entering");
        ensure!(old.stand == Stand::Book, "the order does not rest");
        self.check_growth(&old, amended)?;
        same("the old price", amended.old_price.units(), old.price)?;
        same("the side", amended.side, old.side)?;
        let mut new = old.clone();
        new.price = amended.price.units();
        new.limit = Some(new.price);
        new.open = amended.open_qty.units();
        new.client_order_id = amended.client_order_id;
        ensure!(new.open > 0, "nothing is open");
        self.update(id, |auditor| {
            auditor.orders.insert(id, new.clone());
        })?;
        let kept = amended.priority_kept == 1;
        if kept {
            let stays = new.price == old.price && new.open <= old.open && amended.resting == 1;
            ensure!(stays, "priority was lost");
            new.displayed = old.displayed.min(new.open);
            self.orders.insert(id, new.clone());
        } else {
            self.book_mut(header.instrument)?.leave(id, old.side, old.price);
        }
        if new.price != old.price || amended.resting == 0 {
            let old_level = self.level_qty(header, old.side, old.price)?;
            same("the old level's quantity", amended.old_level_qty, old_level)?;
        } else {
            same("the old level's quantity", amended.old_level_qty, amended.level_qty)?;
        }
        self.book_mut(header.instrument)?.take_update(amended.update_id)?;
        if amended.resting == 0 {
            let crosses = self.book(header)?.crosses(new.side, new.limit);
            ensure!(crosses && new.kind != OrderKind::PostOnly, "the order cannot trade");
            (new.displayed, new.stand) = (0, Stand::Entering);
            self.orders.insert(id, new);
            self.entering = Some(id);
            let told = (amended.displayed_qty, amended.level_qty);
            return same("displayed and level", told, (Qty::ZERO, Qty::ZERO));
        }
        if !kept {
            self.rest(id, new.clone())?;
        }
        let displayed = self.orders[&id].displayed;
        same("what is displayed", amended.displayed_qty.units(), displayed)?;
        self.check_level(header, &new, amended.level_qty)
    }

    pub(super) fn order_status(&mut self, header: &EventHeader, status: &OrderStatus) -> Verdict {
        let order = self.own_order(header, status.order_id)?;
        same("the price", status.price.units(), order.price)?;
        same("the quantity", status.qty.units(), order.filled + order.open)?;
        same("what is open", status.open_qty.units(), order.open)?;
        same("what is displayed", status.displayed_qty.units(), order.displayed)?;
        same("the slice", status.display_qty.units(), order.display_qty)?;
        same("the expire time", status.expire_time, Timestamp(order.expire_time))?;
        same("the side", status.side, order.side)?;
        same("the kind", status.kind, order.kind)?;
        same("the time in force", status.time_in_force, order.time_in_force)?;
        let prevention = status.self_trade_prevention;
        same("the self-trade prevention", prevention, order.self_trade_prevention)?;
        if self.mode == Mode::Full {
            same("the client order id", status.client_order_id, order.client_order_id)?;
        }
        if order.stand != Stand::Book {
            self.asked = Some(status.order_id);
        }
        Ok(())
    }
}
