//! What order events may say, each after the others.

use tiercel_types::event::{
    OrderAccepted, OrderAmended, OrderReplenished, OrderRested, OrderStatus,
};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, EventHeader, InstrumentId, InstrumentSpec, ListId, Money,
    OrderId, OrderKind, Peg, Qty, SelfTradePrevention, Side, TimeInForce, Timestamp, Trigger,
};

use super::book::Book;
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
    /// It waits for its auction.
    Auction,
    /// It trades, and neither rests nor ended yet.
    Entering,
    /// It rests in its level.
    Book,
    /// It rests, and nothing of it is displayed.
    Unseen,
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
    /// Its trigger was met and it was held: no other trade has to meet it when its turn comes.
    pub(super) was_held: bool,
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
    /// It is for the imbalance of an auction only.
    pub(super) imbalance_only: bool,
    /// Which order it was, of all that were taken.
    pub(super) came: u64,
    /// The last price from before it began to trade.
    pub(super) last_before: Option<i64>,
    /// A market order by quote amount: what is left of it, in units of money.
    pub(super) amount_left: Option<i128>,
    pub(super) peg: Peg,
    pub(super) all_or_none: bool,
    pub(super) hidden: bool,
    /// When it joined the unseen ones.
    pub(super) joined: u64,
}

impl Order {
    pub(super) fn may_rest(&self) -> bool {
        self.kind != OrderKind::Market
            && matches!(self.time_in_force, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd)
    }

    fn slice(&self) -> u64 {
        if self.is_unseen() {
            return 0;
        }
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
    pub(super) fn wants(&self, price: i64, lot: Qty) -> u64 {
        let Some(amount) = self.amount_left else { return self.open };
        if price <= 0 {
            return 0;
        }
        let lot = i128::from(lot.units());
        let lots = amount / (i128::from(price) * lot);
        u64::try_from(lots * lot).unwrap_or(u64::MAX)
    }

    pub(super) fn lose(&mut self, price: i64, qty: u64) {
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
    pub(super) fn order(&self, header: &EventHeader, id: OrderId) -> Result<Order, String> {
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

    /// Puts an order at the back of its level, or behind the unseen ones.
    fn rest(&mut self, id: OrderId, mut order: Order) -> Verdict {
        if order.is_unseen() {
            return self.join_unseen(id, order);
        }
        self.check_not_hidden_from(&order)?;
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
        self.accepted += 1;
        let by_amount = !accepted.quote_qty.is_zero();
        let may_be_without = accepted.kind == OrderKind::Market || accepted.peg != Peg::None;
        let has_limit = !may_be_without || !accepted.price.is_zero();
        let order = Order {
            stand: Stand::Fresh,
            list: self.list_announced(id)?,
            trigger: Trigger::None,
            trigger_price: 0,
            waited: false,
            was_held: false,
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
            imbalance_only: false,
            came: self.accepted,
            last_before: None,
            amount_left: by_amount.then(|| Money::from_qty(accepted.quote_qty).units()),
            peg: accepted.peg,
            all_or_none: accepted.all_or_none == 1,
            hidden: accepted.hidden == 1,
            joined: 0,
        };
        let book = self.book(header)?;
        let (state, spec) = (book.spec.state, book.spec);
        let steps_fit =
            order.price % spec.tick.units() == 0 && order.open.is_multiple_of(spec.lot.units());
        ensure!(steps_fit, "price or quantity is off its step");
        let shut = !state.takes_orders();
        ensure!(!shut, "the instrument takes no orders");
        self.check_switches(header.account)?;
        ensure!(self.entering.is_none(), "an order is entering");
        let (may_rest, list) = (order.may_rest(), order.list);
        self.admit(id, order.clone())?;
        if accepted.resting == 1 {
            ensure!(may_rest && list.is_none(), "the order may not rest");
            self.rest(id, order.clone())?;
            let order = self.orders[&id].clone();
            return self.check_told(header, &order, (accepted.level_qty, accepted.update_id));
        }
        // What becomes of it, the next event says.
        self.fresh = list.is_none().then_some(id);
        same("level and update", (accepted.level_qty, accepted.update_id), (Qty::ZERO, 0))
    }

    pub(super) fn order_rested(&mut self, header: &EventHeader, rested: &OrderRested) -> Verdict {
        let id = rested.order_id;
        self.begins_to_enter(id)?;
        ensure!(!self.ending.contains(&id), "order {id} has to end");
        let order = self.own_order(header, id)?;
        ensure!(order.may_rest() && !order.all_or_none, "the order may not rest");
        same("the price", rested.price.units(), order.price)?;
        same("the side", rested.side, order.side)?;
        same("what is open", rested.open_qty.units(), order.open)?;
        same("what is displayed", rested.displayed_qty.units(), order.slice())?;
        self.entering = None;
        self.rest(id, order.clone())?;
        let order = self.orders[&id].clone();
        self.check_told(header, &order, (rested.level_qty, rested.update_id))
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

    pub(super) fn order_amended(
        &mut self,
        header: &EventHeader,
        amended: &OrderAmended,
    ) -> Verdict {
        let id = amended.order_id;
        let old = self.own_order(header, id)?;
        ensure!(self.entering.is_none(), "an order is entering");
        ensure!(old.rests(), "the order does not rest");
        let fixed = old.peg != Peg::None || old.all_or_none;
        ensure!(!fixed, "an order is amended that cannot be");
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
        } else if old.stand == Stand::Book {
            self.book_mut(header.instrument)?.leave(id, old.side, old.price);
        }
        if old.stand == Stand::Unseen {
            return self.hidden_amended(header, id, new, amended);
        }
        if new.price != old.price || amended.resting == 0 {
            let old_level = self.level_qty(header, old.side, old.price)?;
            same("the old level's quantity", amended.old_level_qty, old_level)?;
        } else {
            same("the old level's quantity", amended.old_level_qty, amended.level_qty)?;
        }
        self.book_mut(header.instrument)?.take_update(amended.update_id)?;
        if amended.resting == 0 {
            let crosses =
                self.book(header)?.crosses(new.side, new.limit) || self.may_meet_unseen(&new);
            ensure!(crosses && new.kind != OrderKind::PostOnly, "the order cannot trade");
            (new.displayed, new.stand) = (0, Stand::Entering);
            new.last_before = self.book(header)?.last;
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

    /// The rest of an amendment of a hidden order: nothing is told of what is displayed.
    fn hidden_amended(
        &mut self,
        header: &EventHeader,
        id: OrderId,
        new: Order,
        amended: &OrderAmended,
    ) -> Verdict {
        let levels = (amended.displayed_qty, amended.level_qty, amended.old_level_qty);
        same("levels", levels, (Qty::ZERO, Qty::ZERO, Qty::ZERO))?;
        same("the update", amended.update_id, 0)?;
        if amended.resting == 0 {
            let displayed = self.book(header)?.crosses(new.side, new.limit);
            ensure!(displayed || self.may_meet_unseen(&new), "the order cannot trade");
            let last_before = self.book(header)?.last;
            self.orders.insert(id, Order { stand: Stand::Entering, last_before, ..new });
            self.entering = Some(id);
        } else if amended.priority_kept == 0 {
            self.rest(id, new)?;
        }
        Ok(())
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
        same("the peg", status.peg, order.peg)?;
        let flags = (order.all_or_none.into(), order.hidden.into());
        same("all or none, and hidden", (status.all_or_none, status.hidden), flags)?;
        if !order.rests() {
            self.asked = Some(status.order_id);
        }
        Ok(())
    }
}
