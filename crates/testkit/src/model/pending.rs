//! Entering the orders of a list that come in together: the pair of an OCO, and the pending orders
//! once the working order was filled.

use tiercel_types::event::OrderAmended;
use tiercel_types::order::PendingRule;
use tiercel_types::{
    DenialReason, EndReason, InstrumentId, InstrumentState, ListId, OrderId, OrderKind, Price, Qty,
    Trigger,
};

use super::lists::List;
use super::steps::Turn;
use super::waiting::fires;
use super::{Model, Order, Place};

impl Model {
    /// What these orders reserve is reserved from now on.
    pub(super) fn make_ready(&mut self, ids: &[OrderId]) {
        for id in ids {
            self.place(*id, ready_place(&self.orders[id]));
        }
    }

    /// Whether the trigger of an order that is about to wait is met already.
    fn is_met(&self, order: &Order) -> bool {
        let last = self.instrument(order.instrument).last_price;
        match order.terms.trigger {
            Trigger::None | Trigger::TrailingStop => false,
            Trigger::Stop | Trigger::TakeProfit => {
                last.is_some_and(|price| fires(&order.terms, order.side, price))
            }
            Trigger::Condition => self.condition_is_true(order),
        }
    }

    /// Enters a pair, or a pending order that is alone. Pending ones are checked and announced.
    pub(super) fn enter_exits(&mut self, ids: &[OrderId], pending: bool) {
        let met = ids.iter().find(|id| self.is_met(&self.orders[id]));
        if let Some(met) = met.copied() {
            for other in ids.iter().filter(|id| **id != met) {
                self.end_alone(*other, EndReason::ListEnded, 0);
            }
            self.trigger(met);
            return;
        }
        let (waiting, direct): (Vec<OrderId>, Vec<OrderId>) =
            ids.iter().partition(|id| self.orders[id].waits());
        for id in waiting {
            self.begin_to_wait(id);
        }
        for id in direct {
            // The first of two may have taken the second along.
            let Some(order) = self.orders.get(&id).cloned() else { continue };
            let checked = if pending {
                self.check_meeting_book(&order)
            } else {
                self.check_side_capacity(order.instrument, order.side, order.open)
            };
            if let Err(reason) = checked {
                self.reject(id, reason);
                continue;
            }
            if pending {
                self.announce_triggered(id, Trigger::None);
            }
            self.meet_book(id);
        }
    }

    /// The turn of a list's pending orders.
    pub(super) fn pending_turn(&mut self, id: ListId) {
        // All its orders may have ended since.
        let Some(list) = self.lists.get(&id).cloned() else { return };
        if self.instrument(list.instrument).spec.state != InstrumentState::Open {
            self.waits += 1;
            self.list_mut(id).held_since = Some(self.waits);
            return;
        }
        if list.entered {
            self.grow(&list);
        } else {
            self.enter_pending(&list);
        }
    }

    /// The lists whose pending orders' turn came while the instrument was not open.
    pub(super) fn held_lists(&self, instrument: InstrumentId) -> Vec<(Option<u64>, Turn)> {
        let lists = self.lists.values().filter(|list| list.instrument == instrument);
        let held = lists.filter(|list| list.held_since.is_some());
        held.map(|list| (list.held_since, Turn::Pending(list.id))).collect()
    }

    /// Their turn comes again.
    pub(super) fn let_go_of_pending(&mut self, id: ListId) {
        self.list_mut(id).held_since = None;
        self.triggered.push_back(Turn::Pending(id));
    }

    fn enter_pending(&mut self, list: &List) {
        self.list_mut(list.id).entered = true;
        let exits = list.exits();
        if list.rule == PendingRule::EachFill {
            for id in &exits {
                let order = self.order_mut(*id);
                order.open = order.open.min(list.filled);
            }
        }
        let funded = exits.iter().all(|id| {
            let order = &self.orders[id];
            if order.kind == OrderKind::Market && !order.waits() {
                return self.check_funds_of_new(&order.as_new()).is_ok();
            }
            let ready = Order { place: ready_place(order), ..order.clone() };
            // None of them reserves anything yet: each by itself is free if the larger is.
            self.check_free(order.account, self.reservation(&ready)).is_ok()
        });
        if !funded {
            for id in &exits {
                let reason = DenialReason::InsufficientFunds as u16;
                self.end_alone(*id, EndReason::Rejected, reason);
            }
            self.end_rest_of(list);
            return;
        }
        self.make_ready(&exits);
        self.enter_exits(&exits, true);
    }

    /// The working order was filled further: exits that nothing happened to grow with it, all or
    /// none.
    fn grow(&mut self, list: &List) {
        if list.met {
            return;
        }
        let live: Vec<Order> =
            list.exits().iter().filter_map(|&id| self.member(list.id, id)).cloned().collect();
        let grown = |order: &Order| Order {
            open: order.asked.qty.units().min(list.filled),
            ..order.clone()
        };
        let grown: Vec<Order> = live.iter().map(grown).collect();
        let larger = |orders: &[Order]| orders.iter().map(|order| self.reservation(order).1).max();
        let more = larger(&grown).unwrap_or(0) - larger(&live).unwrap_or(0);
        let asset = |order: &Order| self.reservation(order).0;
        let funded =
            live.iter().all(|order| self.check_free(order.account, (asset(order), more)).is_ok());
        let resting = live.iter().zip(&grown).filter(|(order, _)| order.place == Place::Book);
        let mut more_in_book = 0;
        let fits = resting.into_iter().all(|(order, grown)| {
            more_in_book += grown.open - order.open;
            self.check_side_capacity(order.instrument, order.side, more_in_book).is_ok()
        });
        if !funded || !fits {
            return;
        }
        for (order, grown) in live.iter().zip(grown) {
            if grown.open == order.open {
                continue;
            }
            let id = order.id;
            self.change(id, |model| {
                model.order_mut(id).open = grown.open;
            });
            if order.place == Place::Book {
                self.move_to_back(id);
            } else {
                self.announce_waiting(id);
            }
        }
    }

    /// An order that grew goes to the back of its level.
    fn move_to_back(&mut self, id: OrderId) {
        self.leave_level(id);
        self.join_level(id);
        let order = self.orders[&id].clone();
        let level_qty = self.level_qty(order.instrument, order.side, order.price);
        let update_id = self.next_update(order.instrument);
        let amended = OrderAmended {
            order_id: id,
            price: Price::from_units(order.price),
            open_qty: Qty::from_units(order.open),
            displayed_qty: Qty::from_units(order.displayed),
            level_qty,
            old_price: Price::from_units(order.price),
            old_level_qty: level_qty,
            update_id,
            side: order.side,
            priority_kept: 0,
            resting: 1,
            reserved: 0,
            client_order_id: order.client_order_id,
        };
        self.emit(order.instrument, order.account, amended);
    }
}

/// Where an order of a list stands when it is about to be entered.
fn ready_place(order: &Order) -> Place {
    if order.waits() { Place::Waiting } else { Place::Entering }
}
