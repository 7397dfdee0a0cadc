//! Orders that end unfilled: cancelled, expired, one or many.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    CancelOrder, Kind, MassCancel, OrderTerms, QueryOrder, SetInstrumentState,
};
use tiercel_types::event::{
    EventBuffer, InstrumentStateChanged, KillSwitchSet, MassCancelDone, OrderEnded, OrderStatus,
};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, ClientOrderId, DenialReason, EndReason, InstrumentId, InstrumentState, OrderId, Qty,
    Side, TimeInForce, Timestamp,
};

use crate::book::Book;
use crate::engine::{Engine, NO_BOOK, Named, Pending, Progress};
use crate::ledger::Ledger;
use crate::orders::{ASIDE, BEYOND, NONE, TIMED, UNSEEN_ORDER};
use crate::table::Probe;
use crate::taker::Taker;
use crate::waiting::NOBODY;

/// Records that the end of one order writes at most: those of two more of its list, and the end
/// of the list.
pub(crate) const END_RECORDS: usize = 4;

/// Where a mass cancel looks in each instrument.
const PLACES: usize = 4;

/// Orders that are ending one by one, and what follows when they have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    cause: Cause,
    /// The next order to look at; [`NONE`]: look at the next place.
    next: u32,
    /// The next place: four times the position in the directory, plus 0 for bids, 1 for asks, 2
    /// for the unseen orders, 3 for those that are not in the book.
    place: usize,
    ended: u64,
}

/// Why the orders of a scope end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A mass cancel.
    MassCancel,
    /// A kill switch was set.
    KillSwitch,
    /// This session of theirs was disconnected.
    Disconnected(u32),
    /// Their account's countdown ran out.
    Countdown,
}

impl Why {
    const fn reason(self) -> EndReason {
        match self {
            Self::MassCancel => EndReason::MassCancelled,
            Self::KillSwitch => EndReason::KillSwitch,
            Self::Disconnected(_) => EndReason::Disconnected,
            Self::Countdown => EndReason::Countdown,
        }
    }
}

/// Orders that end together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// Which, as a mass cancel would name them.
    pub(crate) cancel: MassCancel,
    pub(crate) why: Why,
}

#[derive(Clone, Copy, Debug)]
enum Cause {
    /// Orders of one account: its list is walked.
    Account(Scope),
    /// Everybody's orders: books are walked.
    Everybody(Scope),
    /// An instrument closes: its book is walked.
    Close(SetInstrumentState),
}

impl<L: Ledger> Engine<L> {
    #[inline(always)]
    pub(crate) fn cancel_order(&mut self, cancel: &CancelOrder, out: &mut EventBuffer) -> Progress {
        // By order id, the search tells where to remove the id again.
        let hash = self.hash_id(cancel.order_id);
        if let Probe::Found { at, handle } = self.probe_hashed(hash, cancel.order_id)
            && self.orders.get(handle).account == cancel.account
            && self.orders.get(handle).rare & BEYOND == 0
        {
            self.leave_book(handle, EndReason::Cancelled, out);
            self.ids.remove_at(at);
            self.forget_but_id(handle);
            return Progress::Done;
        }
        match self.find(cancel.account, cancel.order_id, &cancel.client_order_id) {
            Ok(handle) => self.end_order(handle, EndReason::Cancelled, out),
            Err(reason) => {
                let named = Named {
                    order_id: cancel.order_id,
                    client_order_id: cancel.client_order_id,
                    ..Named::plain(Kind::CancelOrder, InstrumentId(0), cancel.account)
                };
                named.deny(reason, out);
            }
        }
        Progress::Done
    }

    /// Ends a resting order: out of the book, its reservation released, and told.
    #[inline(always)]
    pub(crate) fn end_resting(&mut self, handle: u32, reason: EndReason, out: &mut EventBuffer) {
        self.leave_book(handle, reason, out);
        self.forget(handle);
    }

    /// Ends any live order.
    pub(crate) fn end_order(&mut self, handle: u32, reason: EndReason, out: &mut EventBuffer) {
        if self.orders.get(handle).rare & BEYOND == 0 {
            self.end_resting(handle, reason, out);
        } else {
            self.end_beyond(handle, reason, out);
        }
    }

    #[inline(always)]
    pub(crate) fn leave_book(&mut self, handle: u32, reason: EndReason, out: &mut EventBuffer) {
        let order = self.orders.get(handle);
        let (id, account, side) = (order.id, order.account, order.side);
        let book = &mut self.books[order.book as usize];
        let price = book.price(order.tick);
        let open = book.qty(order.open());
        let level_lots = book.unlink(&mut self.orders, handle);
        let ended = OrderEnded {
            order_id: id,
            price,
            unfilled_qty: open,
            level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            reason,
            side,
            was_resting: 1,
            reserved: [0; 3],
            denial: 0,
        };
        out.push(book.spec.instrument, account, ended);
        if L::ENABLED {
            let asset = book.spec.asset_given(side);
            self.ledger.reserve(account, asset, -Book::gives(side, price, open));
        }
    }

    /// Forgets an order that is in no level: its ids, its timer, its place in its account.
    #[inline(always)]
    pub(crate) fn forget(&mut self, handle: u32) {
        let hash = self.hash_id(self.orders.get(handle).id);
        self.ids.remove(hash, handle);
        self.forget_but_id(handle);
    }

    #[inline(always)]
    fn forget_but_id(&mut self, handle: u32) {
        let order = self.orders.get(handle);
        let (account, rare) = (order.account, order.rare);
        if rare & (TIMED | BEYOND) != 0 {
            self.forget_rare(handle, rare);
        }
        if L::ENABLED {
            self.ledger.unlink(&mut self.orders, handle);
            let client_order_id = self.orders.extra(handle).client_order_id;
            if !client_order_id.is_empty() {
                let hash = self.hash_client_id(account, &client_order_id);
                self.client_ids.remove(hash, handle);
            }
        }
        self.orders.remove(handle);
    }

    #[cold]
    fn forget_rare(&mut self, handle: u32, rare: u8) {
        if rare & TIMED != 0 {
            self.timers.remove(&mut self.orders, handle);
        }
        if rare & BEYOND != 0 {
            self.forget_beyond(handle);
            // Whoever is about to touch it sees that it has gone.
            self.orders.get_mut(handle).id = OrderId::NONE;
        }
    }

    /// Ends a taker: what it reserves is released, and it is told.
    pub(crate) fn end_taker(&mut self, taker: &Taker, reason: EndReason, out: &mut EventBuffer) {
        let book = self.book(taker.book);
        let open = book.qty(taker.open);
        let ended = OrderEnded {
            order_id: taker.id,
            price: taker.price,
            unfilled_qty: open,
            level_qty: Qty::ZERO,
            update_id: 0,
            reason,
            side: taker.side,
            was_resting: 0,
            reserved: [0; 3],
            denial: 0,
        };
        out.push(book.spec.instrument, taker.account, ended);
        if L::ENABLED && !taker.is_market() {
            let asset = book.spec.asset_given(taker.side);
            let given = Book::gives(taker.side, taker.price, open);
            self.ledger.reserve(taker.account, asset, -given);
        }
        if taker.waiter != NOBODY {
            self.leg_ended(taker.waiter, out);
        }
        self.discard(taker);
    }

    /// Forgets a taker that has gone: only an amended one was ever known.
    #[inline(always)]
    pub(crate) fn discard(&mut self, taker: &Taker) {
        if taker.handle != NONE {
            self.forget(taker.handle);
        }
    }

    pub(crate) fn mass_cancel(&mut self, cancel: &MassCancel, out: &mut EventBuffer) -> Progress {
        if let Err(reason) = self.check_mass_cancel(cancel) {
            Named::plain(Kind::MassCancel, cancel.instrument, cancel.account).deny(reason, out);
            return Progress::Done;
        }
        self.end_scope(Scope { cancel: *cancel, why: Why::MassCancel }, out)
    }

    /// Ends the orders of a scope, and tells how many they were.
    pub(crate) fn end_scope(&mut self, scope: Scope, out: &mut EventBuffer) -> Progress {
        let account = scope.cancel.account;
        let (cause, next) = if account == AccountId::ALL {
            (Cause::Everybody(scope), NONE)
        } else {
            (Cause::Account(scope), self.ledger.first_order(account))
        };
        self.waiting.ended_along = 0;
        self.end_orders(Ending { cause, next, place: 0, ended: 0 }, out)
    }

    fn check_mass_cancel(&self, cancel: &MassCancel) -> Result<(), DenialReason> {
        if cancel.reserved != [0; 7] {
            return Err(DenialReason::ReservedFieldSet);
        }
        if cancel.instrument != InstrumentId::ALL {
            self.book_of(cancel.instrument)?;
        }
        if cancel.account != AccountId::ALL {
            if !L::ENABLED {
                return Err(DenialReason::NoAccounts);
            }
            if !self.ledger.knows(cancel.account) {
                return Err(DenialReason::UnknownAccount);
            }
        }
        Ok(())
    }

    pub(crate) fn set_instrument_state(
        &mut self,
        change: SetInstrumentState,
        out: &mut EventBuffer,
    ) -> Progress {
        match self.check_state_change(change) {
            Ok(true) => self.uncross(change, out),
            Ok(false) => self.change_state(change, out),
            Err(reason) => {
                let named = Named::plain(Kind::SetInstrumentState, change.instrument, AccountId(0));
                named.deny(reason, out);
                Progress::Done
            }
        }
    }

    /// A checked change of state takes place.
    pub(crate) fn change_state(
        &mut self,
        change: SetInstrumentState,
        out: &mut EventBuffer,
    ) -> Progress {
        self.waiting.ended_along = 0;
        self.end_orders(Ending { cause: Cause::Close(change), next: NONE, place: 0, ended: 0 }, out)
    }

    /// Checks a change of state; tells whether an auction comes before it.
    pub(crate) fn check_state_change(
        &mut self,
        change: SetInstrumentState,
    ) -> Result<bool, DenialReason> {
        if change.reserved != [0; 3] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(change.instrument)?;
        let old = self.book(index).state;
        if old == change.state {
            return Err(DenialReason::StateUnchanged);
        }
        if change.state == InstrumentState::Paused {
            return Err(DenialReason::StateNotAllowed);
        }
        self.check_leaving(index, change.state)?;
        let ends = matches!(change.state, InstrumentState::Open | InstrumentState::Closed);
        Ok(old == InstrumentState::Call && ends)
    }

    /// Ends order after order until none is left or the buffer is full.
    pub(crate) fn end_orders(&mut self, mut ending: Ending, out: &mut EventBuffer) -> Progress {
        loop {
            if !out.has_room_for(END_RECORDS + 1) {
                self.pending = Pending::Ending(ending);
                return Progress::More;
            }
            if ending.next == NONE {
                match self.next_place(&mut ending) {
                    Some(handle) => ending.next = handle,
                    None => break,
                }
            }
            let handle = ending.next;
            self.waiting.walk_by_account = matches!(ending.cause, Cause::Account(_));
            self.waiting.walk = self.walk_on(handle);
            if let Some(reason) = self.ends(&ending.cause, handle) {
                ending.ended += 1;
                self.end_order(handle, reason, out);
            }
            // Whoever ended with it has moved this on.
            ending.next = core::mem::replace(&mut self.waiting.walk, NONE);
        }
        match ending.cause {
            Cause::Account(scope) | Cause::Everybody(scope) => {
                let orders = ending.ended + self.waiting.ended_along;
                let MassCancel { account, instrument, .. } = scope.cancel;
                if scope.why == Why::KillSwitch {
                    let set = KillSwitchSet { orders, on: 1, reserved: [0; 7] };
                    out.push(InstrumentId(0), account, set);
                } else {
                    out.push(instrument, account, MassCancelDone { orders });
                }
            }
            Cause::Close(change) => self.enter_state(change, out),
        }
        Progress::Done
    }

    fn enter_state(&mut self, change: SetInstrumentState, out: &mut EventBuffer) {
        let Ok(index) = self.book_of(change.instrument) else { return };
        self.leave_state(index);
        let book = self.book_mut(index);
        let old = core::mem::replace(&mut book.state, change.state);
        book.spec.state = change.state;
        self.forget_call(index);
        if change.state == InstrumentState::Open {
            self.release_held(index);
        }
        let changed = InstrumentStateChanged {
            old,
            new: change.state,
            auction: AuctionKind::None,
            then: InstrumentState::PreOpen,
            reserved: [0; 4],
            ends_at: Timestamp(0),
        };
        out.push(change.instrument, AccountId(0), changed);
    }

    /// Why an order ends, if the cause takes it.
    fn ends(&self, cause: &Cause, handle: u32) -> Option<EndReason> {
        let order = self.orders.get(handle);
        match cause {
            Cause::Close(_) => {
                let for_the_day =
                    matches!(order.time_in_force, TimeInForce::Day | TimeInForce::AtClose);
                for_the_day.then_some(EndReason::DayEnded)
            }
            Cause::Account(Scope { cancel, why }) | Cause::Everybody(Scope { cancel, why }) => {
                let instrument = self.book(order.book).spec.instrument;
                let in_scope = cancel.sides.takes(order.side)
                    && (cancel.instrument == InstrumentId::ALL || cancel.instrument == instrument)
                    && match why {
                        Why::Disconnected(session) => self.orders.session(handle) == *session,
                        _ => true,
                    };
                in_scope.then_some(why.reason())
            }
        }
    }

    /// The order behind this one where a mass cancel walks.
    pub(crate) fn walk_on(&self, handle: u32) -> u32 {
        if self.waiting.walk_by_account {
            return self.orders.extra(handle).account_next;
        }
        if self.orders.get(handle).rare & (ASIDE | UNSEEN_ORDER) == 0 {
            return self.next_in_book(handle);
        }
        let waiters = &self.waiting.waiters;
        waiters.get(waiters.get(waiters.of(handle)).aside_next).handle
    }

    /// The order behind this one: in its level, or first in the next level of its side.
    fn next_in_book(&self, handle: u32) -> u32 {
        let order = self.orders.get(handle);
        if order.next != NONE {
            return order.next;
        }
        let ladder = self.book(order.book).ladder(order.side);
        let next = ladder.next_after(ladder.key(order.tick));
        next.and_then(|key| ladder.level(key)).map_or(NONE, |level| level.head)
    }

    /// The first order of the next side of a book that the cause walks.
    fn next_place(&self, ending: &mut Ending) -> Option<u32> {
        let (only, sides) = match ending.cause {
            Cause::Everybody(Scope { cancel, .. }) => (cancel.instrument, cancel.sides),
            Cause::Close(change) if change.state == InstrumentState::Closed => {
                (change.instrument, SideScope::Both)
            }
            // An account's list was walked as a whole; other states end nothing.
            Cause::Account(_) | Cause::Close(_) => return None,
        };
        if only != InstrumentId::ALL {
            ending.place = ending.place.max(only.0 as usize * PLACES);
        }
        while ending.place < self.directory.len() * PLACES {
            let (number, place) = (ending.place / PLACES, ending.place % PLACES);
            if only != InstrumentId::ALL && number != only.0 as usize {
                return None;
            }
            ending.place += 1;
            let index = self.directory[number];
            if index == NO_BOOK {
                continue;
            }
            let book = self.book(index);
            let Some(&side) = [Side::Buy, Side::Sell].get(place) else {
                match if place == 2 { book.first_unseen() } else { book.first_aside() } {
                    NOBODY => continue,
                    first => return Some(self.waiting.waiters.get(first).handle),
                }
            };
            if let Some(level) = book.ladder(side).best().filter(|_| sides.takes(side)) {
                return Some(level.head);
            }
        }
        None
    }

    pub(crate) fn query_order(&self, query: &QueryOrder, out: &mut EventBuffer) {
        let handle = match self.find(query.account, query.order_id, &query.client_order_id) {
            Ok(handle) => handle,
            Err(reason) => {
                let named = Named {
                    order_id: query.order_id,
                    client_order_id: query.client_order_id,
                    ..Named::plain(Kind::QueryOrder, InstrumentId(0), query.account)
                };
                return named.deny(reason, out);
            }
        };
        let order = self.orders.get(handle);
        let book = self.book(order.book);
        let aside = order.rare & ASIDE != 0;
        let beyond = order.rare & BEYOND != 0;
        let terms = if beyond {
            self.waiting.waiters.get(self.waiting.waiters.of(handle)).terms
        } else {
            OrderTerms::NONE
        };
        let status = OrderStatus {
            order_id: order.id,
            price: if beyond {
                self.waiting.waiters.get(self.waiting.waiters.of(handle)).price
            } else {
                book.price(order.tick)
            },
            qty: book.qty(order.total),
            open_qty: book.qty(order.open()),
            displayed_qty: book.qty(order.displayed),
            display_qty: book.qty(self.orders.slice(handle)),
            expire_time: self.expire_time_of(handle),
            side: order.side,
            kind: order.kind,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            client_order_id: self.client_order_id_of(handle),
            peg_offset: terms.peg_offset,
            peg: terms.peg,
            all_or_none: terms.all_or_none,
            hidden: terms.hidden,
            reserved: [0; 5],
        };
        out.push(book.spec.instrument, order.account, status);
        if aside {
            self.tell_waiting(self.waiting.waiters.of(handle), out);
        }
    }

    /// An order's expire time; zero if it has none.
    pub(crate) fn expire_time_of(&self, handle: u32) -> Timestamp {
        if self.orders.get(handle).is_timed() {
            self.orders.extra(handle).expire_time
        } else {
            Timestamp(0)
        }
    }

    /// An order's client order id; empty if it has none, and in the bare build.
    pub(crate) fn client_order_id_of(&self, handle: u32) -> ClientOrderId {
        if L::ENABLED { self.orders.extra(handle).client_order_id } else { ClientOrderId::EMPTY }
    }
}
