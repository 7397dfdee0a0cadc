//! Cancels, replacements, mass cancels and queries.

use tiercel_types::command::{CancelOrder, MassCancel, OrderTerms, QueryOrder, ReplaceOrder};
use tiercel_types::event::{MassCancelDone, OrderEnded, OrderStatus};
use tiercel_types::{
    AccountId, ClientOrderId, DenialReason, EndReason, InstrumentId, OrderId, Price, Qty, Side,
    Timestamp,
};

use tiercel_types::order::SideScope;

use super::entry::{Entry, require};
use super::{Checked, Mode, Model, Order, Place};

impl Model {
    /// The live order of the account that a command names.
    pub(super) fn find(
        &self,
        order_id: OrderId,
        account: AccountId,
        client_order_id: &ClientOrderId,
    ) -> Checked<OrderId> {
        let mut own = self.orders.values().filter(|order| order.account == account);
        let found = if !order_id.is_none() {
            own.find(|order| order.id == order_id)
        } else if self.mode == Mode::Full && !client_order_id.is_empty() {
            own.find(|order| order.client_order_id == *client_order_id)
        } else {
            None
        };
        found.map(|order| order.id).ok_or(DenialReason::UnknownOrder)
    }

    pub(super) fn cancel_order(&mut self, cancel: &CancelOrder) -> Checked {
        let id = self.find(cancel.order_id, cancel.account, &cancel.client_order_id)?;
        self.end(id, EndReason::Cancelled);
        Ok(())
    }

    pub(super) fn replace_order(&mut self, replace: &ReplaceOrder) -> Checked {
        require(replace.reserved == [0; 4], DenialReason::ReservedFieldSet)?;
        let new = &replace.order;
        let id =
            self.find(replace.target_order_id, new.account, &replace.target_client_order_id)?;
        let target = self.orders[&id].clone();
        Self::check_stands_alone(&target)?;
        let matches = target.instrument == new.instrument && target.side == new.side;
        require(matches, DenialReason::ReplacementMismatch)?;
        // As if the target were gone: it is taken out, and put back if a check fails.
        let displayed = target.place == Place::Book;
        let place = displayed.then(|| self.leave_level(id));
        self.change(id, |model| model.orders.remove(&id));
        let checked = self.check_new_order(new, &OrderTerms::NONE, Entry::Alone);
        self.admit(&target);
        if let Some(place) = place {
            let levels = &mut self.instrument_mut(target.instrument).levels[target.side.index()];
            levels.entry(target.price).or_default().insert(place, id);
        }
        checked?;
        self.end(id, EndReason::Replaced);
        self.enter(new, &OrderTerms::NONE);
        Ok(())
    }

    /// An order that waits or belongs to a list can only be cancelled.
    pub(super) fn check_stands_alone(order: &Order) -> Checked {
        require(order.list.is_none(), DenialReason::OrderInList)?;
        require(order.rests(), DenialReason::OrderWaits)
    }

    /// Puts an order among the live ones, with what it reserves where it stands.
    pub(super) fn admit(&mut self, order: &Order) {
        let (id, place) = (order.id, order.place);
        self.orders.insert(id, Order { place: Place::Pending, ..order.clone() });
        self.place(id, place);
    }

    /// An order ends, and takes along those of its list that go with it.
    pub(super) fn end(&mut self, id: OrderId, reason: EndReason) {
        let order = self.end_alone(id, reason, 0);
        self.list_order_ended(&order);
    }

    /// As [`end`](Self::end): it could not be entered when its time came.
    pub(super) fn reject(&mut self, id: OrderId, reason: DenialReason) {
        let order = self.end_alone(id, EndReason::Rejected, reason as u16);
        self.list_order_ended(&order);
    }

    /// An order ends, wherever it stands, and nothing else does.
    pub(super) fn end_alone(&mut self, id: OrderId, reason: EndReason, denial: u16) -> Order {
        let order = self.orders[&id].clone();
        let (rested, displayed) = (order.rests(), order.place == Place::Book);
        self.change(id, |model| {
            if displayed {
                model.leave_level(id);
            }
            model.orders.remove(&id);
        });
        let (mut level_qty, mut update_id) = (Qty::ZERO, 0);
        if displayed {
            level_qty = self.level_qty(order.instrument, order.side, order.price);
            update_id = self.next_update(order.instrument);
        }
        self.emit(
            order.instrument,
            order.account,
            OrderEnded {
                order_id: id,
                price: Price::from_units(order.price),
                unfilled_qty: Qty::from_units(order.open),
                level_qty,
                update_id,
                reason,
                side: order.side,
                was_resting: u8::from(rested),
                reserved: [0; 3],
                denial,
            },
        );
        order
    }

    pub(super) fn mass_cancel(&mut self, mass: &MassCancel) -> Checked {
        require(mass.reserved == [0; 7], DenialReason::ReservedFieldSet)?;
        let all_instruments = mass.instrument == InstrumentId::ALL;
        let known = all_instruments || self.instruments.contains_key(&mass.instrument);
        require(known, DenialReason::UnknownInstrument)?;
        self.check_account_or_all(mass.account)?;
        let (account, instrument) = (mass.account, mass.instrument);
        let orders = self.mass_end(account, instrument, mass.sides, EndReason::MassCancelled);
        self.emit(instrument, account, MassCancelDone { orders });
        Ok(())
    }

    /// Ends all orders in scope; returns how many ended.
    pub(super) fn mass_end(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        sides: SideScope,
        reason: EndReason,
    ) -> u64 {
        let (all_accounts, all) = (account == AccountId::ALL, instrument == InstrumentId::ALL);
        let in_scope = |id: &OrderId| {
            let order = &self.orders[id];
            (all || order.instrument == instrument)
                && (all_accounts || order.account == account)
                && sides.takes(order.side)
        };
        let ids: Vec<OrderId> = if all_accounts {
            self.book_order().into_iter().filter(in_scope).collect()
        } else {
            self.orders.keys().copied().filter(in_scope).collect()
        };
        self.end_all(&ids, reason)
    }

    /// Ends these orders, one after the other; returns how many ended, those of their lists too.
    pub(super) fn end_all(&mut self, ids: &[OrderId], reason: EndReason) -> u64 {
        let before = self.orders.len();
        for id in ids {
            // Its list may have taken it along.
            if self.orders.contains_key(id) {
                self.end(*id, reason);
            }
        }
        (before - self.orders.len()) as u64
    }

    /// All accounts may be named; one only if it exists, and never in the bare engine.
    pub(super) fn check_account_or_all(&self, account: AccountId) -> Checked {
        if account == AccountId::ALL {
            return Ok(());
        }
        require(self.mode == Mode::Full, DenialReason::NoAccounts)?;
        require(self.account_exists(account), DenialReason::UnknownAccount)
    }

    /// All orders by instrument number, each in the order of
    /// [`instrument_order`](Self::instrument_order).
    fn book_order(&self) -> Vec<OrderId> {
        let instruments = self.instruments.keys();
        instruments.flat_map(|instrument| self.instrument_order(*instrument)).collect()
    }

    /// The orders of one instrument, buy side then sell side, best level first, in queue order;
    /// then the unseen ones, earlier ones first; then those that are not in the book, in the order in which they came to be so.
    pub(super) fn instrument_order(&self, instrument: InstrumentId) -> Vec<OrderId> {
        let sides = [Side::Buy, Side::Sell].into_iter();
        let in_book = sides.flat_map(|side| self.orders_best_first(instrument, side));
        let mut unseen: Vec<&Order> =
            Side::ALL.iter().flat_map(|side| self.unseen(instrument, *side)).collect();
        unseen.sort_by_key(|order| order.joined);
        let in_book = in_book.chain(unseen).map(|order| order.id);
        let mut outside: Vec<&Order> = self
            .orders
            .values()
            .filter(|order| order.instrument == instrument && !order.rests())
            .collect();
        outside.sort_by_key(|order| order.outside_since);
        in_book.chain(outside.iter().map(|order| order.id)).collect()
    }

    pub(super) fn query_order(&mut self, query: &QueryOrder) -> Checked {
        let id = self.find(query.order_id, query.account, &query.client_order_id)?;
        let order = self.orders[&id].clone();
        self.emit(
            order.instrument,
            order.account,
            OrderStatus {
                order_id: id,
                price: Price::from_units(order.price),
                qty: Qty::from_units(order.filled + order.open),
                open_qty: Qty::from_units(order.open),
                displayed_qty: Qty::from_units(order.displayed),
                display_qty: Qty::from_units(order.display_qty),
                expire_time: Timestamp(order.expire_time),
                side: order.side,
                kind: order.kind,
                time_in_force: order.time_in_force,
                self_trade_prevention: order.self_trade_prevention,
                client_order_id: order.client_order_id,
                peg_offset: order.terms.peg_offset,
                peg: order.terms.peg,
                all_or_none: order.terms.all_or_none,
                hidden: order.terms.hidden,
                reserved: [0; 5],
            },
        );
        if !order.rests() {
            self.announce_waiting(id);
        }
        Ok(())
    }
}
