//! Orders that are not in the book: how they come to be so, what they reserve, how they end.

use tiercel_types::command::{NewOrder, OrderTerms, StageCondition};
use tiercel_types::event::{EventBuffer, OrderEnded};
use tiercel_types::order::Trigger;
use tiercel_types::{DenialReason, EndReason, Money, OrderId, OrderKind, Qty, Side};

use crate::book::Book;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::orders::{ASIDE, BEYOND, NONE, Order, UNSEEN_ORDER, rare_bits};

use super::check::Checked;
use super::{NOBODY, State, Waiter};

impl<L: Ledger> Engine<L> {
    /// Makes an order and its waiter, out of the book.
    pub(crate) fn put_aside(
        &mut self,
        id: OrderId,
        order: &NewOrder,
        terms: &OrderTerms,
        checked: &Checked,
        condition: Option<StageCondition>,
    ) -> u32 {
        let handle = self.orders.allocate();
        let rare = BEYOND | ASIDE | rare_bits(checked.slice, order.time_in_force);
        *self.orders.get_mut(handle) = Order {
            id,
            tick: checked.tick,
            displayed: 0,
            hidden: checked.lots,
            total: checked.lots,
            next: NONE,
            previous: NONE,
            account: order.account,
            book: checked.book,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            rare,
        };
        self.register(handle, (id, order.account), order, checked.slice);
        let index = self.waiting.waiters.insert(Waiter {
            state: State::Pending,
            price: order.price,
            quote_qty: order.quote_qty,
            own_lots: checked.lots,
            ..Waiter::new(handle, *terms)
        });
        if let Some(tree) = condition {
            let condition = self.waiting.conditions.insert(tree, index);
            self.waiting.waiters.get_mut(index).condition = condition;
        }
        self.waiting.asides += 1;
        self.set_wake();
        index
    }

    /// An order is about to be told as waiting: from the first time on it is last among the orders
    /// of its instrument that are not in the book.
    pub(crate) fn come_aside(&mut self, index: u32) {
        if self.waiting.waiters.get(index).aside == 0 {
            let aside = self.waiting.mark();
            let waiter = self.waiting.waiters.get_mut(index);
            waiter.aside = aside;
            let book = self.orders.get(waiter.handle).book;
            self.link_aside(index, book);
        }
    }

    /// Appends to the orders of a book that are not in it.
    pub(crate) fn link_aside(&mut self, index: u32, book: u32) {
        let watch = self.watch_mut(book);
        let last = core::mem::replace(&mut watch.aside_last, index);
        if last == NOBODY {
            watch.aside_first = index;
        } else {
            self.waiting.waiters.get_mut(last).aside_next = index;
        }
        let waiter = self.waiting.waiters.get_mut(index);
        (waiter.aside_next, waiter.aside_previous) = (NOBODY, last);
    }

    /// Takes an order off those that are not in the book.
    pub(crate) fn unlink_aside(&mut self, index: u32) {
        self.waiting.asides -= 1;
        let Waiter { handle, aside, aside_next, aside_previous, .. } =
            *self.waiting.waiters.get(index);
        let order = self.orders.get_mut(handle);
        order.rare &= !ASIDE;
        if aside == 0 {
            return; // It was entered without having waited.
        }
        let watch = self.books[order.book as usize].watch_mut();
        if aside_next == NOBODY {
            watch.aside_last = aside_previous;
        }
        if aside_previous == NOBODY {
            watch.aside_first = aside_next;
        }
        if aside_next != NOBODY {
            self.waiting.waiters.get_mut(aside_next).aside_previous = aside_previous;
        }
        if aside_previous != NOBODY {
            self.waiting.waiters.get_mut(aside_previous).aside_next = aside_next;
        }
    }

    /// What an order reserves while it waits or rests; a pending one would.
    pub(crate) fn reserved_by(&self, index: u32) -> i128 {
        let order = self.orders.get(self.waiting.waiters.get(index).handle);
        self.reservation(index, order.open())
    }

    /// What it would reserve with so many lots open.
    pub(crate) fn reservation(&self, index: u32, lots: u64) -> i128 {
        if !L::ENABLED {
            return 0;
        }
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let qty = self.book(order.book).qty(lots);
        match (order.kind, order.side) {
            _ if order.time_in_force.is_for_auction() => Book::gives(order.side, waiter.price, qty),
            (OrderKind::Market, Side::Buy) => Money::from_qty(waiter.quote_qty).units(),
            (OrderKind::Market, Side::Sell) => Money::from_qty(qty).units(),
            _ => Book::gives(order.side, waiter.price, qty),
        }
    }

    /// What has to be free for it: more than it reserves for a market order entered at once.
    pub(crate) fn needed_by(&self, index: u32) -> i128 {
        let waiter = self.waiting.waiters.get(index);
        let market = self.orders.get(waiter.handle).kind == OrderKind::Market;
        if market && waiter.terms.trigger == Trigger::None {
            self.market_needs(&self.taker_of(index))
        } else {
            self.reserved_by(index)
        }
    }

    /// Reserves what an order reserves (`sign` 1), or gives it back (-1).
    pub(crate) fn reserve_again(&mut self, index: u32, sign: i128) {
        if L::ENABLED {
            let reserved = self.reserved_by(index);
            let order = self.orders.get(self.waiting.waiters.get(index).handle);
            let asset = self.book(order.book).spec.asset_given(order.side);
            self.ledger.reserve(order.account, asset, sign * reserved);
        }
    }

    /// An order with a waiter ends: out of the book or of what it waits for, told, and its
    /// reservation given back. It is still known.
    pub(crate) fn leave(
        &mut self,
        handle: u32,
        reason: EndReason,
        denial: u16,
        out: &mut EventBuffer,
    ) {
        let order = *self.orders.get(handle);
        if order.rare & UNSEEN_ORDER != 0 {
            return self.leave_unseen(handle, reason, out);
        }
        if order.rare & ASIDE == 0 {
            return self.leave_book(handle, reason, out);
        }
        let index = self.waiting.waiters.of(handle);
        let waiter = *self.waiting.waiters.get(index);
        match waiter.state {
            State::Waiting if waiter.condition != NOBODY => {
                self.unwatch_condition(waiter.condition);
            }
            State::Waiting => self.forget_print(index),
            State::Held => self.waiting.forget_held(),
            State::Auction => self.leave_auction(index),
            State::Pending | State::Entering | State::Queued | State::Live | State::Unseen => {}
        }
        let book = self.book(order.book);
        let ended = OrderEnded {
            order_id: order.id,
            price: waiter.price,
            unfilled_qty: book.qty(order.open()),
            level_qty: Qty::ZERO,
            update_id: 0,
            reason,
            side: order.side,
            was_resting: 0,
            reserved: [0; 3],
            denial,
        };
        out.push(book.spec.instrument, order.account, ended);
        if waiter.state != State::Pending {
            self.reserve_again(index, -1);
        }
        // Whoever asks for it now is not to be told that it waits.
        self.waiting.waiters.get_mut(index).state = State::Live;
    }

    /// Ends an order that has a waiter, with all that follows for its list.
    pub(crate) fn end_beyond(&mut self, handle: u32, reason: EndReason, out: &mut EventBuffer) {
        self.leave(handle, reason, 0, out);
        self.leg_ended(self.waiting.waiters.of(handle), out);
        self.forget(handle);
    }

    /// Tells that an order whose turn had come cannot be entered; it is still known.
    pub(crate) fn refuse(&mut self, index: u32, reason: DenialReason, out: &mut EventBuffer) {
        let handle = self.waiting.waiters.get(index).handle;
        self.leave(handle, EndReason::Rejected, reason as u16, out);
    }

    /// Forgets what an order had beyond the book.
    pub(crate) fn forget_beyond(&mut self, handle: u32) {
        let index = self.waiting.waiters.of(handle);
        let condition = self.waiting.waiters.get(index).condition;
        if self.orders.get(handle).rare & ASIDE != 0 {
            self.unlink_aside(index);
        }
        if condition != NOBODY {
            self.waiting.conditions.remove(condition);
        }
        self.waiting.waiters.remove(index);
    }
}
