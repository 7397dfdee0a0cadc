//! Stop, take-profit and trailing stop orders: queued by price, fired by prints.

use tiercel_types::order::Trigger;
use tiercel_types::{Price, Side};

use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::orders::NONE;

use super::levels::{append, detach, first_reached};
use super::{State, Tracking, Waiter};

/// Which way the price has to go to fire a stop or take-profit order: the side of the ladder
/// that such orders wait in.
fn direction(trigger: Trigger, side: Side) -> Side {
    match trigger {
        Trigger::TakeProfit => side,
        // A buy stop waits for a rise, like asks for the best bid.
        _ => side.opposite(),
    }
}

/// Whether a print fires a stop or take-profit order.
pub(crate) fn fires(trigger: Trigger, side: Side, trigger_price: Price, print: Price) -> bool {
    match direction(trigger, side) {
        Side::Sell => print >= trigger_price,
        Side::Buy => print <= trigger_price,
    }
}

/// Whether a print lets a trailing stop begin to track.
fn activates(side: Side, activation_price: Price, print: Price) -> bool {
    match side {
        Side::Sell => print >= activation_price,
        Side::Buy => print <= activation_price,
    }
}

impl<L: Ledger> Engine<L> {
    /// Queues an order for the prints that it waits for.
    pub(crate) fn await_print(&mut self, index: u32) {
        let Waiter { handle, terms, .. } = *self.waiting.waiters.get(index);
        let order = self.orders.get(handle);
        let activation = terms.activation_price;
        let last = self.book(order.book).last_price;
        let at_once = activation.is_zero()
            || last.is_some_and(|last| activates(order.side, activation, last));
        let tracking = match (terms.trigger, at_once) {
            (Trigger::TrailingStop, true) => Tracking::Fresh,
            (Trigger::TrailingStop, false) => Tracking::Dormant,
            _ => Tracking::No,
        };
        self.await_print_in(index, tracking);
    }

    /// The same, where it is known how far a trailing stop has come. One that tracks is put in
    /// its place by [`track`](Self::track).
    pub(crate) fn await_print_in(&mut self, index: u32, tracking: Tracking) {
        let Waiter { handle, terms, .. } = *self.waiting.waiters.get(index);
        let order = self.orders.get(handle);
        let (book, side) = (order.book, order.side);
        self.watch_mut(book).readers += 1;
        let found = &mut self.books[book as usize];
        let tick = |price: Price| found.tick.divide_signed(price.units()).unwrap_or(0);
        let (trigger, activation) = (tick(terms.trigger_price), tick(terms.activation_price));
        let watch = found.watch_mut();
        self.waiting.waiters.get_mut(index).tracking = tracking;
        match tracking {
            Tracking::No => {
                let ladder = &mut watch.triggers[direction(terms.trigger, side).index()];
                append(ladder, &mut self.orders, handle, trigger);
            }
            Tracking::Fresh => {
                let next = core::mem::replace(&mut watch.fresh, handle);
                let order = self.orders.get_mut(handle);
                (order.next, order.previous) = (next, NONE);
                self.orders.get_mut(next).previous = handle;
            }
            // A sell waits for a rise: the ladder of asks.
            Tracking::Dormant => {
                append(&mut watch.dormant[side.index()], &mut self.orders, handle, activation);
            }
            Tracking::Yes => {}
        }
        self.disquiet(book);
    }

    /// Takes an order that waits for prints out of its queue.
    pub(crate) fn forget_print(&mut self, index: u32) {
        let Waiter { handle, terms, tracking, .. } = *self.waiting.waiters.get(index);
        let order = *self.orders.get(handle);
        let found = &mut self.books[order.book as usize];
        let tick = |price: Price| found.tick.divide_signed(price.units()).unwrap_or(0);
        match tracking {
            Tracking::No => {
                let tick = tick(terms.trigger_price);
                let side = direction(terms.trigger, order.side);
                detach(
                    &mut found.watch_mut().triggers[side.index()],
                    &mut self.orders,
                    handle,
                    tick,
                );
            }
            Tracking::Dormant => {
                let tick = tick(terms.activation_price);
                let ladder = &mut found.watch_mut().dormant[order.side.index()];
                detach(ladder, &mut self.orders, handle, tick);
            }
            Tracking::Fresh => {
                if order.previous == NONE {
                    found.watch_mut().fresh = order.next;
                }
                self.orders.get_mut(order.previous).next = order.next;
                self.orders.get_mut(order.next).previous = order.previous;
            }
            Tracking::Yes => {
                let trailing = &mut found.watch_mut().trailing[order.side.index()];
                trailing.remove(&mut self.waiting.waiters, index);
            }
        }
        self.no_longer_reads(index);
    }

    fn no_longer_reads(&mut self, index: u32) {
        let waiter = self.waiting.waiters.get_mut(index);
        waiter.tracking = Tracking::No;
        let book = self.orders.get(waiter.handle).book;
        self.books[book as usize].watch_mut().readers -= 1;
        self.note_book(book);
    }

    /// Elects what the prints of the present step fire: of its first print, then of its last.
    pub(crate) fn elect(&mut self, book: u32) {
        let found = &mut self.books[book as usize];
        let Some(watch) = &mut found.watch else { return };
        let Some(first) = watch.first_print.take() else { return };
        let last = found.last_price.unwrap_or(first);
        self.elect_by(book, first);
        if last != first {
            self.elect_by(book, last);
        }
    }

    fn elect_by(&mut self, book: u32, print: Price) {
        if self.book(book).watch().is_none_or(|watch| watch.readers == 0) {
            return;
        }
        let tick = self.book(book).tick.divide_signed(print.units()).unwrap_or(0);
        self.wake_dormant(book, tick, print);
        for side in [Side::Sell, Side::Buy] {
            loop {
                let watch = self.books[book as usize].watch_mut();
                let ladder = &mut watch.triggers[side.index()];
                let Some((handle, at)) = first_reached(ladder, tick) else { break };
                detach(ladder, &mut self.orders, handle, at);
                let index = self.waiting.waiters.of(handle);
                self.no_longer_reads(index);
                self.enqueue(index);
            }
        }
        let mut fired = core::mem::take(&mut self.waiting.fired);
        for side in [Side::Buy, Side::Sell] {
            let trailing = &mut self.books[book as usize].watch_mut().trailing[side.index()];
            trailing.print(&mut self.waiting.waiters, print.units(), &mut fired);
        }
        fired.sort_unstable_by_key(|&index| self.waiting.waiters.get(index).since);
        for index in fired.drain(..) {
            self.no_longer_reads(index);
            self.enqueue(index);
        }
        self.waiting.fired = fired;
    }

    /// Trailing stops that a print lets begin to track do.
    fn wake_dormant(&mut self, book: u32, tick: i64, print: Price) {
        for side in [Side::Buy, Side::Sell] {
            loop {
                let ladder = &mut self.books[book as usize].watch_mut().dormant[side.index()];
                let Some((handle, at)) = first_reached(ladder, tick) else { break };
                detach(ladder, &mut self.orders, handle, at);
                self.track(handle, print);
            }
        }
        let mut next = core::mem::replace(&mut self.books[book as usize].watch_mut().fresh, NONE);
        while next != NONE {
            let handle = next;
            next = self.orders.get(handle).next;
            self.track(handle, print);
        }
    }

    pub(crate) fn track(&mut self, handle: u32, print: Price) {
        let index = self.waiting.waiters.of(handle);
        let order = self.orders.get(handle);
        self.waiting.waiters.get_mut(index).tracking = Tracking::Yes;
        let trailing =
            &mut self.books[order.book as usize].watch_mut().trailing[order.side.index()];
        trailing.insert(&mut self.waiting.waiters, index, print.units());
    }

    /// The best print of a trailing stop since it tracks; zero before.
    pub(crate) fn best_print(&self, index: u32) -> Price {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        match (waiter.state, waiter.tracking, self.book(order.book).watch()) {
            (State::Waiting, Tracking::Yes, Some(watch)) => {
                let trailing = &watch.trailing[order.side.index()];
                Price::from_units(trailing.best(&self.waiting.waiters, index))
            }
            _ => waiter.best,
        }
    }
}
