//! Orders that wait, and that are entered when their time comes.

use tiercel_types::event::{OrderTriggered, OrderWaiting};
use tiercel_types::order::WaitState;
use tiercel_types::{
    EndReason, Event, EventHeader, InstrumentSpec, InstrumentState, ListId, OrderId, OrderKind,
    Side, Trigger,
};

use super::lists::List;
use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};

/// Whether a trade at `price` is what a stop or take profit waits for.
fn met(order: &Order, price: i64) -> bool {
    let above = match (order.trigger, order.side) {
        (Trigger::Stop, Side::Buy) | (Trigger::TakeProfit, Side::Sell) => true,
        (Trigger::Stop, Side::Sell) | (Trigger::TakeProfit, Side::Buy) => false,
        _ => return false,
    };
    if above { price >= order.trigger_price } else { price <= order.trigger_price }
}

/// How far a market order without a price of its own goes from the best opposite price.
fn protection(spec: &InstrumentSpec, side: Side, best: Option<i64>) -> Option<i64> {
    let best = i128::from(best.filter(|_| spec.market_protection_ppm > 0)?);
    let tick = i128::from(spec.tick.units());
    let away = best * i128::from(spec.market_protection_ppm) / 1_000_000;
    let away = away - away % tick;
    let most = i128::from(i64::MAX) - i128::from(i64::MAX) % tick;
    let price = if side == Side::Buy { best + away } else { best - away };
    i64::try_from(price.clamp(-most, most)).ok()
}

impl Auditor {
    /// The order that was just taken trades now, unless the event says that it waits.
    pub(super) fn fresh_enters(&mut self, event: &Event) -> Verdict {
        let asked = self.asked.take();
        let waits = |id| matches!(event, Event::OrderWaiting(waits) if waits.order_id == id);
        if let Some(id) = asked {
            ensure!(waits(id), "where order {id} stands is not said");
            // For the event itself.
            self.asked = asked;
        }
        match self.fresh.take() {
            Some(id) if !waits(id) => {
                let ended = matches!(event, Event::OrderEnded(ended)
                    if ended.reason == EndReason::MinimumQty);
                self.enter(id, ended)
            }
            _ => Ok(()),
        }
    }

    /// An order begins to trade.
    fn enter(&mut self, id: OrderId, has_minimum: bool) -> Verdict {
        ensure!(self.entering.is_none(), "another order is entering");
        let order = self.orders.get(&id).ok_or_else(|| format!("no live order {id}"))?.clone();
        let book = self.books.get(&order.instrument).ok_or("an order without instrument")?;
        let crosses = book.crosses(order.side, order.limit);
        let state = book.spec.state;
        let last_before = book.last;
        let of_list = order.list.is_some();
        let rests = order.may_rest() && !crosses;
        let collects = matches!(state, InstrumentState::PreOpen | InstrumentState::Call);
        let may_trade = state == InstrumentState::Open
            || (of_list && (book.is_interrupted() || (collects && rests)));
        ensure!(may_trade, "the order may not trade");
        let crosses_unasked = order.kind == OrderKind::PostOnly && crosses;
        ensure!(!crosses_unasked, "a post-only order trades");
        let meets = has_minimum || self.may_meet_unseen(&order);
        ensure!(of_list || order.triggered || !rests || meets, "the order meets nothing and rests");
        self.entering = Some(id);
        self.update(id, |auditor| {
            auditor.orders.insert(id, Order { stand: Stand::Entering, last_before, ..order });
        })
    }

    /// An event shows an order that trades: it is the one that is entering, or one of a list that
    /// begins to.
    pub(super) fn begins_to_enter(&mut self, id: OrderId) -> Verdict {
        if self.entering.is_none() {
            let order = self.orders.get(&id).ok_or_else(|| format!("no live order {id}"))?;
            let begins = order.stand == Stand::Fresh && order.list.is_some();
            ensure!(begins, "order {id} is not entering");
            self.enter(id, false)?;
        }
        same("the order that is entering", Some(id), self.entering)
    }

    pub(super) fn order_waiting(&mut self, header: &EventHeader, event: &OrderWaiting) -> Verdict {
        let id = event.order_id;
        let order = self.own_order(header, id)?;
        same("the side", event.side, order.side)?;
        same("the list", event.list_id, order.list.unwrap_or(ListId(0)))?;
        let stand = match event.state {
            WaitState::Waiting => Stand::Waiting,
            WaitState::Pending => Stand::Pending,
            WaitState::Held => Stand::Held,
            WaitState::Auction => Stand::Auction,
        };
        if self.asked.take().is_some() {
            same("where it stands", stand, order.stand)?;
            return same("the trigger", event.trigger, order.trigger);
        }
        ensure!(self.entering.is_none(), "an order is entering");
        let told = order.stand != Stand::Fresh;
        ensure!(!told || event.trigger == order.trigger, "its trigger changes");
        ensure!(!order.triggered, "it was triggered already");
        let list = order.list.and_then(|list| self.lists.get(&list));
        let is_exit = list.is_some_and(|list| list.is_exit(id));
        let mut new = Order { stand, trigger: event.trigger, ..order.clone() };
        if matches!(event.trigger, Trigger::Stop | Trigger::TakeProfit) {
            new.trigger_price = event.trigger_price.units();
        }
        match (order.stand, stand) {
            (Stand::Fresh, Stand::Pending) => {
                let pends = is_exit && list.is_some_and(|list| list.working().is_some());
                ensure!(pends, "it waits for no list");
            }
            (Stand::Fresh | Stand::Pending, Stand::Waiting) => {
                ensure!(event.trigger != Trigger::None, "it waits for nothing");
                new.open = self.list_part(&order);
                new.waited = true;
            }
            (Stand::Fresh, Stand::Auction) => {
                ensure!(order.time_in_force.is_for_auction(), "it is for no auction");
                same("the trigger", event.trigger, Trigger::None)?;
                new.imbalance_only = event.imbalance_only == 1;
            }
            (Stand::Fresh | Stand::Pending | Stand::Waiting, Stand::Held) => {
                new.was_held = true;
                let state = self.book(header)?.spec.state;
                ensure!(state != InstrumentState::Open, "it is held, and its instrument is open");
                if let Some(list) = order.list {
                    self.owing.remove(&list);
                }
            }
            // Its turn came when the instrument opened, and again it is not open.
            (Stand::Held, Stand::Held) if self.opened.contains(&header.instrument) => {
                let state = self.book(header)?.spec.state;
                ensure!(state != InstrumentState::Open, "it is held, and its instrument is open");
            }
            // One that was held is told as waiting once its turn comes again.
            (Stand::Waiting | Stand::Held, Stand::Waiting) | (Stand::Held, Stand::Held) => {
                let grown = list.map_or(0, |list| order.taken_qty.min(list.filled));
                let grows = is_exit && list.is_some_and(List::each_fill);
                ensure!(grows && grown > order.open, "it is told again, and did not grow");
                new.open = grown;
            }
            (from, to) => return Err(format!("it goes from {from:?} to {to:?}")),
        }
        self.update(id, |auditor| {
            auditor.orders.insert(id, new);
        })
    }

    pub(super) fn order_triggered(
        &mut self,
        header: &EventHeader,
        event: &OrderTriggered,
    ) -> Verdict {
        let id = event.order_id;
        let order = self.own_order(header, id)?;
        same("the side", event.side, order.side)?;
        same("the price", event.price.units(), order.price)?;
        same("the list", event.list_id, order.list.unwrap_or(ListId(0)))?;
        ensure!(self.quantity_fits(&order, event.qty), "the quantity is not what waited");
        let state = self.book(header)?.spec.state;
        // Two exits are entered in one turn, and what the first met may have ended trading.
        let with_first = event.trigger == Trigger::None
            && state == InstrumentState::Call
            && self.interrupted.contains(&header.instrument);
        if !with_first {
            same("the state", state, InstrumentState::Open)?;
        }
        ensure!(!order.triggered, "it was triggered before");
        if event.trigger == Trigger::None {
            self.check_pending_enters(id, &order)?;
        } else {
            self.check_trigger(id, &order, event.trigger)?;
        }
        let mut new =
            Order { open: event.qty.units(), triggered: event.trigger != Trigger::None, ..order };
        if new.kind == OrderKind::Market && new.price == 0 {
            let book = self.book(header)?;
            new.limit = protection(&book.spec, new.side, book.best(new.side.opposite()));
        }
        if let Some(list) = new.list {
            self.owing.remove(&list);
        }
        self.update(id, |auditor| {
            auditor.orders.insert(id, new);
        })?;
        self.enter(id, false)
    }

    /// A pending order without trigger is entered: its working order was filled.
    fn check_pending_enters(&self, id: OrderId, order: &Order) -> Verdict {
        same("where it stands", order.stand, Stand::Pending)?;
        let of = order.list.and_then(|of| self.lists.get(&of).map(|list| (of, list)));
        let Some((of, list)) = of.filter(|(_, list)| list.is_exit(id)) else {
            return Err("it is of no list".into());
        };
        let works = list.working().is_some_and(|id| self.member(of, id).is_some());
        let filled = list.filled > 0 && (list.each_fill() || !works);
        ensure!(filled, "its working order is not filled");
        Ok(())
    }

    /// An order's own trigger was met, once, after it waited, and what goes with it has ended.
    fn check_trigger(&self, id: OrderId, order: &Order, trigger: Trigger) -> Verdict {
        if order.waited {
            same("the trigger", trigger, order.trigger)?;
        } else {
            // Met when the pair, or the pending order, was entered.
            ensure!(order.list.is_some(), "it never waited");
        }
        let of = order.list.and_then(|of| self.lists.get(&of).map(|list| (of, list)));
        if let Some((of, list)) = of.filter(|(_, list)| list.is_exit(id)) {
            let others = list.exits().iter().copied().chain(list.working());
            let mut others = others.filter(|other| *other != id);
            let alive = others.find(|other| self.member(of, *other).is_some());
            ensure!(alive.is_none(), "order {alive:?} of its list lives");
        }
        let at_price = matches!(trigger, Trigger::Stop | Trigger::TakeProfit) && order.waited;
        if at_price && order.stand == Stand::Waiting && !order.was_held {
            let fired = self
                .prints
                .iter()
                .any(|(instrument, price)| *instrument == order.instrument && met(order, *price));
            ensure!(fired, "no trade met its trigger price {}", order.trigger_price);
        }
        Ok(())
    }

    /// After a command: nothing is left half told, and no stop slept through a trade.
    pub(super) fn check_waiting(&self) -> Verdict {
        ensure!(self.asked.is_none(), "where order {:?} stands is not said", self.asked);
        if let Some(id) = self.fresh {
            return Err(format!("the command ends with order {id} neither waiting nor entered"));
        }
        for (id, order) in &self.orders {
            let told = !matches!(order.stand, Stand::Fresh | Stand::Entering);
            ensure!(told, "the command ends with order {id} {:?}", order.stand);
            let last = self.books.get(&order.instrument).and_then(|book| book.last);
            let slept =
                order.stand == Stand::Waiting && last.is_some_and(|price| met(order, price));
            ensure!(!slept, "order {id} was not triggered by the last trade");
        }
        Ok(())
    }
}
