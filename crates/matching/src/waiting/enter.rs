//! Entering what waits, lists, and what has come to its turn: the checks of `docs/waiting.md`.

use tiercel_types::command::{Kind, NewAdvancedOrder, NewOrderList, OrderTerms};
use tiercel_types::event::{
    EventBuffer, ListAccepted, OrderAccepted, OrderTriggered, OrderWaiting,
};
use tiercel_types::order::{ListKind, Trigger, WaitState};
use tiercel_types::{
    DenialReason, EndReason, InstrumentState, ListId, Money, OrderId, OrderKind, Price, TimeInForce,
};

use crate::auction::IMBALANCE_ONLY;
use crate::engine::{Engine, Named, Progress};
use crate::entry::{accepted, may_rest};
use crate::ledger::Ledger;
use crate::orders::BEYOND;
use crate::protections::bands::Reach;
use crate::taker::Taker;

use super::check::{Checked, Entered};
use super::draft::{LEGS_MAX, Leg};
use super::lists::List;
use super::{NOBODY, Queued, State, Touched};

impl<L: Ledger> Engine<L> {
    pub(crate) fn new_advanced_order(
        &mut self,
        new: &NewAdvancedOrder,
        out: &mut EventBuffer,
    ) -> Progress {
        let (order, terms) = (&new.order, &new.terms);
        if *terms == OrderTerms::NONE {
            return self.new_order_as(order, Kind::NewAdvancedOrder, out);
        }
        if *terms == IMBALANCE_ONLY {
            return self.enter_for_auction(order, terms, Kind::NewAdvancedOrder, out);
        }
        let waits = terms.trigger != Trigger::None;
        if !terms.only_wait() || (waits && order.kind == OrderKind::MarketToLimit) {
            match self.check_special(order, terms) {
                Ok(()) if waits => {}
                checked => return self.new_special_order(new, checked, out),
            }
        }
        let condition = self.staged_condition(terms, order.account);
        let checked = self
            .check_waiting(order, terms, condition.is_some(), Entered::Now)
            .and_then(|checked| self.check_account_for(order, &checked, 1).map(|()| checked));
        let checked = match checked {
            Ok(checked) => checked,
            Err(reason) => {
                Named::entering(Kind::NewAdvancedOrder, order).deny(reason, out);
                return Progress::Done;
            }
        };
        let order_id = self.next_order_id(order);
        let index = self.put_aside(order_id, order, terms, &checked, condition);
        let hidden = terms.hidden;
        let taken = OrderAccepted { order_id, hidden, ..accepted(order, order.price) };
        out.push(order.instrument, order.account, taken);
        self.reserve_again(index, 1);
        self.begin_to_wait(index, out);
        self.touch_also(Touched::Book(checked.book));
        self.react(out)
    }

    /// An order begins to wait for its trigger.
    pub(crate) fn begin_to_wait(&mut self, index: u32, out: &mut EventBuffer) {
        let since = self.waiting.mark();
        let waiter = self.waiting.waiters.get_mut(index);
        (waiter.state, waiter.since) = (State::Waiting, since);
        let condition = waiter.condition;
        self.come_aside(index);
        self.tell_waiting(index, out);
        if condition == NOBODY {
            self.await_print(index);
        } else {
            self.watch_condition(condition);
        }
    }

    /// Tells that an order waits, and how.
    pub(crate) fn tell_waiting(&self, index: u32, out: &mut EventBuffer) {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let terms = &waiter.terms;
        let waiting = OrderWaiting {
            order_id: order.id,
            list_id: self.list_id(index),
            trigger_price: match terms.trigger {
                Trigger::TrailingStop => self.best_print(index),
                _ => terms.trigger_price,
            },
            trailing_amount: terms.trailing_amount,
            activation_price: terms.activation_price,
            trailing_bps: terms.trailing_bps,
            trigger: terms.trigger,
            state: match waiter.state {
                State::Pending => WaitState::Pending,
                State::Held => WaitState::Held,
                State::Auction => WaitState::Auction,
                _ => WaitState::Waiting,
            },
            side: order.side,
            imbalance_only: terms.imbalance_only,
        };
        out.push(self.book(order.book).spec.instrument, order.account, waiting);
    }

    /// An order that was triggered is entered, unless its instrument is not open.
    pub(crate) fn enter_triggered(&mut self, index: u32, out: &mut EventBuffer) -> Progress {
        let handle = self.waiting.waiters.get(index).handle;
        let book = self.orders.get(handle).book;
        if self.book(book).state != InstrumentState::Open {
            let since = self.waiting.mark();
            let waiter = self.waiting.waiters.get_mut(index);
            (waiter.state, waiter.since) = (State::Held, since);
            self.waiting.held.push_back(Queued::Order { waiter: index, since });
            self.come_aside(index);
            self.tell_waiting(index, out);
            return Progress::Done;
        }
        self.touch_also(Touched::Book(book));
        self.part(index, out);
        if let Err(reason) = self.check_turn(index, true) {
            self.reject(index, reason, out);
            return Progress::Done;
        }
        if self.orders.get(handle).kind == OrderKind::Market {
            self.reserve_again(index, -1);
        }
        self.tell_triggered(index, self.waiting.waiters.get(index).terms.trigger, out);
        self.enter_slot(index, out)
    }

    /// An order of a list that does not wait is entered, if it is still live.
    pub(crate) fn enter_leg(&mut self, index: u32, out: &mut EventBuffer) -> Progress {
        let waiter = *self.waiting.waiters.get(index);
        if waiter.state != State::Entering {
            return Progress::Done; // It ended with its list.
        }
        let order = *self.orders.get(waiter.handle);
        self.touch_also(Touched::Book(order.book));
        let pending = self.waiting.lists.get(waiter.list).is_pending(waiter.leg);
        let checked = if pending {
            self.check_turn(index, false)
        } else if may_rest(order.time_in_force) {
            self.book(order.book).check_side(order.side, order.open(), 0)
        } else {
            Ok(())
        };
        if let Err(reason) = checked {
            self.reject(index, reason, out);
            return Progress::Done;
        }
        if pending {
            if order.kind == OrderKind::Market {
                self.reserve_again(index, -1);
            }
            self.tell_triggered(index, Trigger::None, out);
        }
        self.enter_slot(index, out)
    }

    /// An order that has come to its turn cannot be entered: it ends.
    fn reject(&mut self, index: u32, reason: DenialReason, out: &mut EventBuffer) {
        let handle = self.waiting.waiters.get(index).handle;
        self.refuse(index, reason, out);
        self.leg_ended(index, out);
        self.forget(handle);
    }

    fn tell_triggered(&self, index: u32, trigger: Trigger, out: &mut EventBuffer) {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let book = self.book(order.book);
        let triggered = OrderTriggered {
            order_id: order.id,
            list_id: self.list_id(index),
            price: waiter.price,
            qty: book.qty(order.total),
            trigger,
            side: order.side,
            reserved: [0; 6],
        };
        out.push(book.spec.instrument, order.account, triggered);
    }

    /// An order that was aside, as it trades.
    pub(crate) fn taker_of(&self, index: u32) -> Taker {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let book = self.book(order.book);
        let limited = order.kind != OrderKind::Market;
        let amount = waiter.quote_qty;
        let mut taker = Taker {
            id: order.id,
            open: order.open(),
            total: order.total,
            slice: self.orders.slice(waiter.handle),
            tick: if limited { order.tick } else { 0 },
            limit_key: i64::MAX,
            price: waiter.price,
            amount: (!amount.is_zero()).then(|| Money::from_qty(amount)),
            book: order.book,
            handle: waiter.handle,
            waiter: if waiter.list == NOBODY { NOBODY } else { index },
            account: order.account,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            reach: Reach::ANYWHERE,
        };
        let tick = if limited { Some(order.tick) } else { self.protection(&taker, waiter.price) };
        if let Some(tick) = tick {
            taker.tick = tick;
            taker.limit_key = book.ladder(order.side.opposite()).key(tick);
        }
        taker
    }

    /// Enters an order that was aside: from step 4 of entering on.
    fn enter_slot(&mut self, index: u32, out: &mut EventBuffer) -> Progress {
        if !self.waiting.waiters.get(index).terms.only_wait() {
            return self.enter_special(index, None, out);
        }
        let mut taker = self.taker_of(index);
        self.bound(&mut taker);
        self.unlink_aside(index);
        if taker.waiter == NOBODY {
            self.forget_beyond(taker.handle);
            self.orders.get_mut(taker.handle).rare &= !BEYOND;
        } else {
            let waiter = self.waiting.waiters.get_mut(index);
            (waiter.state, waiter.best) = (State::Live, Price::ZERO);
        }
        let open = self.book(taker.book).state == InstrumentState::Open;
        let crosses = open && self.meets_any(&taker);
        self.rest_or_take(&mut taker, crosses, out)
    }

    /// An order that has a slot, and is in no queue yet, rests if it meets nobody; else it trades.
    pub(crate) fn rest_or_take(
        &mut self,
        taker: &mut Taker,
        meets: bool,
        out: &mut EventBuffer,
    ) -> Progress {
        if taker.kind != OrderKind::Market && may_rest(taker.time_in_force) && !meets {
            self.rest(taker, None, out);
            return Progress::Done;
        }
        if taker.time_in_force == TimeInForce::Fok && self.available(taker, taker.open) < taker.open
        {
            self.end_taker(taker, EndReason::FillOrKill, out);
            return Progress::Done;
        }
        self.take(taker, None, out)
    }

    pub(crate) fn new_order_list(&mut self, new: &NewOrderList, out: &mut EventBuffer) -> Progress {
        let draft = self.draft();
        let (legs, count) = draft.take_legs();
        let legs = &legs[..count];
        match self.check_list(new, legs) {
            Ok(checked) => self.enter_list(new, legs, &checked, out),
            Err((reason, leg)) => {
                let named = Named {
                    client_order_id: new.list_client_order_id,
                    ..Named::plain(Kind::NewOrderList, new.instrument, new.account)
                };
                named.deny_leg(reason, leg, out);
                Progress::Done
            }
        }
    }

    fn enter_list(
        &mut self,
        new: &NewOrderList,
        legs: &[Leg],
        checked: &[Checked; LEGS_MAX],
        out: &mut EventBuffer,
    ) -> Progress {
        self.waiting.lists.entered += 1;
        let id = ListId(OrderId::new(self.config.shard, self.waiting.lists.entered).0);
        let mut list = List {
            id,
            kind: new.kind,
            rule: new.pending_rule,
            legs: [NOBODY; LEGS_MAX],
            left: legs.len(),
            overlap: 0,
            traded_lots: 0,
            entered: false,
            queued: false,
            used: false,
            since: 0,
        };
        let mut order_ids = [OrderId::NONE; LEGS_MAX];
        for (at, leg) in legs.iter().enumerate() {
            let order_id = self.next_order_id(&leg.staged.order);
            order_ids[at] = order_id;
            let (order, terms) = (&leg.staged.order, &leg.staged.terms);
            let condition = leg.condition.filter(|_| terms.trigger == Trigger::Condition);
            let index = self.put_aside(order_id, order, terms, &checked[at], condition);
            list.legs[at] = index;
            if at == 0 && terms.trigger == Trigger::None && order.kind == OrderKind::Market {
                // It is told as any new market order: with the price that protects it.
                let tick = self.protection(&self.taker_of(index), order.price);
                let book = self.book(checked[at].book);
                let price = tick.map_or(Price::ZERO, |tick| book.price(tick));
                self.waiting.waiters.get_mut(index).price = price;
            }
        }
        let list_index = self.waiting.lists.insert(list);
        for (at, &index) in list.legs[..legs.len()].iter().enumerate() {
            let waiter = self.waiting.waiters.get_mut(index);
            (waiter.list, waiter.leg) = (list_index, at);
        }
        let accepted_list = ListAccepted {
            list_id: id,
            order_ids,
            list_client_order_id: new.list_client_order_id,
            kind: new.kind,
            pending_rule: new.pending_rule,
            reserved: [0; 2],
        };
        out.push(new.instrument, new.account, accepted_list);
        for ((leg, order_id), index) in legs.iter().zip(order_ids).zip(list.legs) {
            let order = &leg.staged.order;
            let price = self.waiting.waiters.get(index).price;
            let taken = OrderAccepted { order_id, ..accepted(order, price) };
            out.push(new.instrument, new.account, taken);
        }
        self.touch_also(Touched::Book(checked[0].book));
        if new.kind == ListKind::Oco {
            self.reserve_exits(list_index);
            self.enter_pair(list_index, out);
            return self.react(out);
        }
        for &index in &list.legs[1..legs.len()] {
            self.come_aside(index);
            self.tell_waiting(index, out);
        }
        self.enter_working(list.legs[0], &legs[0], out);
        self.react(out)
    }

    /// Enters a list's working order: it waits, or is entered in the rest of this step.
    fn enter_working(&mut self, working: u32, leg: &Leg, out: &mut EventBuffer) {
        if leg.staged.terms.trigger != Trigger::None {
            self.reserve_again(working, 1);
            return self.begin_to_wait(working, out);
        }
        if leg.staged.order.kind != OrderKind::Market {
            self.reserve_again(working, 1);
        }
        self.enter_soon([working, NOBODY]);
    }
}
