//! Amending orders: in place where priority allows, else out of the book and in again.

use tiercel_types::command::{AmendOrder, Kind};
use tiercel_types::event::{EventBuffer, OrderAmended};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    ClientOrderId, DenialReason, EndReason, InstrumentId, InstrumentState, Money, OrderKind, Price,
    Qty,
};

use crate::book::{Book, RANKS_TOP, UNSEEN};
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;
use crate::orders::{BEYOND, TIMED, UNSEEN_ORDER, split};
use crate::protections::bands::Reach;
use crate::taker::Taker;
use crate::waiting::NOBODY;

/// What a checked amendment does.
enum Amendment {
    /// What was filled already is all that the order shall be.
    End,
    Change(Change),
}

/// A checked move to another price.
#[derive(Clone, Copy)]
struct Move {
    tick: i64,
    crosses: bool,
    /// What it reserves more (or less).
    reserve: i128,
}

/// What an amendment asks for.
struct Wish {
    old_price: Price,
    new_price: Price,
    /// In units.
    new_open: u64,
    /// `None`: more than can be counted.
    new_total: Option<Qty>,
    reprices: bool,
    resizes: bool,
}

/// An amendment that passed all checks, in ticks and lots.
pub(crate) struct Change {
    pub(crate) tick: i64,
    pub(crate) old_price: Price,
    pub(crate) new_price: Price,
    pub(crate) total_lots: u64,
    pub(crate) open_lots: u64,
    pub(crate) keeps_priority: bool,
    pub(crate) crosses: bool,
    /// What it reserves more (or less).
    reserve: i128,
    renames: bool,
}

impl<L: Ledger> Engine<L> {
    #[inline(always)]
    pub(crate) fn amend_order(&mut self, amend: &AmendOrder, out: &mut EventBuffer) -> Progress {
        let handle = match self.find_amended(amend) {
            Ok(handle) => handle,
            Err(reason) => return Self::deny_amend(amend, reason, out),
        };
        if let Some(qty) = self.moves_alone(handle, amend) {
            return match self.check_move(handle, amend.price, qty) {
                Ok(step) => self.move_order(handle, amend.price, step, out),
                Err(reason) => Self::deny_amend(amend, reason, out),
            };
        }
        self.amend_in_general(handle, amend, out)
    }

    /// Whether the amendment does nothing but move an order to another price, all of it in view:
    /// by far the most frequent one. Returns what is open.
    #[inline(always)]
    fn moves_alone(&self, handle: u32, amend: &AmendOrder) -> Option<Qty> {
        let order = self.orders.get(handle);
        let book = self.book(order.book);
        let open = book.qty(order.displayed);
        let keeps_qty = amend.qty.is_zero()
            || (amend.qty == open && amend.qty_meaning == AmendQtyMeaning::Open);
        let plain = keeps_qty
            && amend.new_client_order_id.is_empty()
            && order.rare & !TIMED == 0
            && !amend.price.is_zero()
            && amend.price != book.price(order.tick)
            && !book.has(UNSEEN);
        plain.then_some(open)
    }

    /// Checks 3 to 12 of a move: those that a move can fail.
    #[inline(always)]
    fn check_move(&self, handle: u32, price: Price, qty: Qty) -> Result<Move, DenialReason> {
        let order = self.orders.get(handle);
        self.ledger.check_account(order.account)?;
        let book = self.book(order.book);
        if !book.state.takes_orders() {
            return Err(DenialReason::NotTrading);
        }
        let tick = book.check_price(price, Some(order.side))?;
        if L::ENABLED || book.bounds.values {
            book.check_value(Money::of(price, book.qty(order.total)).units(), L::ENABLED)?;
        }
        let mut crosses = book.crosses(order.side, tick);
        if crosses && (order.kind == OrderKind::PostOnly || book.state != InstrumentState::Open) {
            crosses = book.may_match()?;
        }
        let mut reserve = 0;
        if L::ENABLED {
            let old_price = book.price(order.tick);
            reserve = Book::gives(order.side, price, qty) - Book::gives(order.side, old_price, qty);
            let asset = book.spec.asset_given(order.side);
            if reserve > 0 && reserve > self.ledger.free(order.account, asset) {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(Move { tick, crosses, reserve })
    }

    /// Moves an order to another price.
    #[inline(always)]
    fn move_order(
        &mut self,
        handle: u32,
        price: Price,
        step: Move,
        out: &mut EventBuffer,
    ) -> Progress {
        let order = self.orders.get(handle);
        let (id, account, side) = (order.id, order.account, order.side);
        let book = &mut self.books[order.book as usize];
        if L::ENABLED {
            self.ledger.reserve(account, book.spec.asset_given(side), step.reserve);
        }
        let (old_price, open) = (book.price(order.tick), order.displayed);
        if step.crosses {
            let total_lots = order.total;
            return self.move_taking(handle, (step.tick, old_price, price), total_lots, open, out);
        }
        let (old_level_lots, level_lots) = book.relocate(&mut self.orders, handle, step.tick);
        let open_qty = book.qty(open);
        let amended = OrderAmended {
            order_id: id,
            price,
            open_qty,
            displayed_qty: open_qty,
            level_qty: book.qty(level_lots),
            old_price,
            old_level_qty: book.qty(old_level_lots),
            update_id: book.next_update(),
            side,
            priority_kept: 0,
            resting: 1,
            reserved: 0,
            client_order_id: if L::ENABLED {
                self.orders.extra(handle).client_order_id
            } else {
                ClientOrderId::EMPTY
            },
        };
        let ranks_top = book.has(RANKS_TOP);
        out.push(book.spec.instrument, account, amended);
        if ranks_top {
            self.rank_top(handle);
        }
        Progress::Done
    }

    #[inline(never)]
    fn move_taking(
        &mut self,
        handle: u32,
        (tick, old_price, new_price): (i64, Price, Price),
        total_lots: u64,
        open_lots: u64,
        out: &mut EventBuffer,
    ) -> Progress {
        let book = &mut self.books[self.orders.get(handle).book as usize];
        let old_level_lots = book.unlink(&mut self.orders, handle);
        self.orders.get_mut(handle).tick = tick;
        let change = Change {
            tick,
            old_price,
            new_price,
            total_lots,
            open_lots,
            keeps_priority: false,
            crosses: true,
            reserve: 0,
            renames: false,
        };
        self.change_taking(handle, &change, old_level_lots, out)
    }

    /// Any amendment.
    #[inline(never)]
    fn amend_in_general(
        &mut self,
        handle: u32,
        amend: &AmendOrder,
        out: &mut EventBuffer,
    ) -> Progress {
        match self.check_amend(handle, amend) {
            Ok(Amendment::Change(change)) => self.change(handle, amend, &change, out),
            Ok(Amendment::End) => {
                self.end_order(handle, EndReason::AmendedToFilled, out);
                Progress::Done
            }
            Err(reason) => Self::deny_amend(amend, reason, out),
        }
    }

    #[cold]
    fn deny_amend(amend: &AmendOrder, reason: DenialReason, out: &mut EventBuffer) -> Progress {
        let named = Named {
            order_id: amend.order_id,
            client_order_id: amend.client_order_id,
            ..Named::plain(Kind::AmendOrder, InstrumentId(0), amend.account)
        };
        named.deny(reason, out);
        Progress::Done
    }

    /// Checks 1 and 2.
    #[inline(always)]
    fn find_amended(&self, amend: &AmendOrder) -> Result<u32, DenialReason> {
        if amend.reserved != [0; 2] || amend.lose_priority > 1 {
            return Err(DenialReason::ReservedFieldSet);
        }
        self.find(amend.account, amend.order_id, &amend.client_order_id)
    }

    /// Checks 3 to 12.
    #[inline(always)]
    fn check_amend(&self, handle: u32, amend: &AmendOrder) -> Result<Amendment, DenialReason> {
        let order = self.orders.get(handle);
        if order.rare & BEYOND != 0 {
            self.check_plain(handle)?;
        }
        self.ledger.check_account(amend.account)?;
        let book = self.book(order.book);
        if !book.state.takes_orders() {
            return Err(DenialReason::NotTrading);
        }
        let Some(wish) = self.wish(handle, amend) else {
            return Ok(Amendment::End);
        };
        let renames = L::ENABLED && self.renames(handle, amend);
        if !wish.reprices && !wish.resizes && amend.lose_priority == 0 && !renames {
            return Err(DenialReason::NothingToAmend);
        }
        if renames && self.find_client_id(amend.account, &amend.new_client_order_id).is_some() {
            return Err(DenialReason::DuplicateClientOrderId);
        }
        let mut tick = order.tick;
        if wish.reprices {
            tick = book.check_price(wish.new_price, Some(order.side))?;
        }
        let mut total_lots = order.total;
        if wish.resizes {
            book.lot.divide(wish.new_open).ok_or(DenialReason::QtyNotOnLot)?;
            total_lots = book.check_qty(wish.new_total.ok_or(DenialReason::QtyTooLarge)?)?;
        }
        let open_lots = total_lots - (order.total - order.open());
        if open_lots > order.open() {
            book.check_side(order.side, open_lots - order.open(), 0)?;
        }
        let new_total = book.qty(total_lots);
        if wish.reprices || wish.resizes {
            book.check_value(Money::of(wish.new_price, new_total).units(), L::ENABLED)?;
        }
        if wish.resizes && order.is_iceberg() {
            book.check_parts(new_total, book.qty(self.orders.slice(handle)))?;
        }
        let in_place = !wish.reprices && open_lots <= order.open() && amend.lose_priority == 0;
        // At its own price it can only meet an all-or-none order that it was too small for.
        let grows = !in_place && book.has(UNSEEN) && book.state == InstrumentState::Open;
        let mut crosses =
            (wish.reprices || grows) && self.crosses(order.book, order.side, tick, open_lots);
        let asked = wish.reprices || open_lots > order.open();
        let may_not = order.kind == OrderKind::PostOnly || book.state != InstrumentState::Open;
        if crosses && asked && may_not {
            crosses = book.may_match()?;
        }
        let mut reserve = 0;
        if L::ENABLED {
            reserve = Book::gives(order.side, wish.new_price, book.qty(open_lots))
                - Book::gives(order.side, wish.old_price, book.qty(order.open()));
            let asset = book.spec.asset_given(order.side);
            if reserve > 0 && reserve > self.ledger.free(amend.account, asset) {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(Amendment::Change(Change {
            tick,
            old_price: wish.old_price,
            new_price: wish.new_price,
            total_lots,
            open_lots,
            keeps_priority: in_place,
            crosses,
            reserve,
            renames,
        }))
    }

    /// What the amendment asks for; `None`: no more than what was filled already.
    #[inline(always)]
    fn wish(&self, handle: u32, amend: &AmendOrder) -> Option<Wish> {
        let order = self.orders.get(handle);
        let book = self.book(order.book);
        let old_price = book.price(order.tick);
        let price_meant = !amend.price.is_zero() || book.spec.min_price.units() < 0;
        let new_price = if price_meant { amend.price } else { old_price };
        let open = book.qty(order.open()).units();
        let filled = book.qty(order.total).units() - open;
        let qty = amend.qty.units();
        let new_open = match (qty, amend.qty_meaning) {
            (0, _) => open,
            (_, AmendQtyMeaning::Total) if qty <= filled => return None,
            (_, AmendQtyMeaning::Total) => qty - filled,
            (_, AmendQtyMeaning::Open) => qty,
        };
        Some(Wish {
            old_price,
            new_price,
            new_open,
            new_total: new_open.checked_add(filled).map(Qty::from_units),
            reprices: new_price != old_price,
            resizes: new_open != open,
        })
    }

    /// Whether a new client order id is given that is not the order's already.
    #[inline(always)]
    fn renames(&self, handle: u32, amend: &AmendOrder) -> bool {
        !amend.new_client_order_id.is_empty()
            && amend.new_client_order_id != self.orders.extra(handle).client_order_id
    }

    #[inline(always)]
    fn change(
        &mut self,
        handle: u32,
        amend: &AmendOrder,
        change: &Change,
        out: &mut EventBuffer,
    ) -> Progress {
        if L::ENABLED {
            if change.renames {
                self.rename(handle, amend);
            }
            let order = self.orders.get(handle);
            let asset = self.book(order.book).spec.asset_given(order.side);
            self.ledger.reserve(amend.account, asset, change.reserve);
        }
        if self.orders.get(handle).rare & UNSEEN_ORDER != 0 {
            return self.change_unseen(handle, change, out);
        }
        if change.keeps_priority {
            self.shrink(handle, change, out);
            return Progress::Done;
        }
        let index = self.orders.get(handle).book as usize;
        let book = &mut self.books[index];
        let mut old_level_lots = book.unlink(&mut self.orders, handle);
        let slice = self.orders.slice(handle);
        let order = self.orders.get_mut(handle);
        order.total = change.total_lots;
        order.tick = change.tick;
        if change.crosses {
            return self.change_taking(handle, change, old_level_lots, out);
        }
        let lots = split(change.open_lots, slice);
        (order.displayed, order.hidden) = lots;
        let place = (order.side, change.tick);
        let level_lots = book.link(&mut self.orders, handle, place, lots);
        if change.new_price == change.old_price {
            old_level_lots = level_lots;
        }
        self.tell_amended(handle, change, level_lots, old_level_lots, out);
        if self.book(index as u32).has(RANKS_TOP) {
            self.rank_top(handle);
        }
        Progress::Done
    }

    /// Keeps the place in the queue: less is open, hidden lots go first.
    fn shrink(&mut self, handle: u32, change: &Change, out: &mut EventBuffer) {
        let book = &mut self.books[self.orders.get(handle).book as usize];
        book.shrink_hidden_first(&mut self.orders, handle, change.open_lots);
        let order = self.orders.get_mut(handle);
        order.total = change.total_lots;
        let level_lots = book.level_mut(order.side, order.tick).displayed;
        self.tell_amended(handle, change, level_lots, level_lots, out);
    }

    /// Tells of an order that rests as amended.
    #[inline(always)]
    fn tell_amended(
        &mut self,
        handle: u32,
        change: &Change,
        level_lots: u64,
        old_level_lots: u64,
        out: &mut EventBuffer,
    ) {
        let client_order_id = self.client_order_id_of(handle);
        let order = self.orders.get(handle);
        let book = &mut self.books[order.book as usize];
        let amended = OrderAmended {
            order_id: order.id,
            price: change.new_price,
            open_qty: book.qty(change.open_lots),
            displayed_qty: book.qty(order.displayed),
            level_qty: book.qty(level_lots),
            old_price: change.old_price,
            old_level_qty: book.qty(old_level_lots),
            update_id: book.next_update(),
            side: order.side,
            priority_kept: u8::from(change.keeps_priority),
            resting: 1,
            reserved: 0,
            client_order_id,
        };
        out.push(book.spec.instrument, order.account, amended);
    }

    /// The order meets the other side at its new price: it trades as a taker, in its own slot.
    #[inline(never)]
    fn change_taking(
        &mut self,
        handle: u32,
        change: &Change,
        old_level_lots: u64,
        out: &mut EventBuffer,
    ) -> Progress {
        let client_order_id = self.client_order_id_of(handle);
        let order = *self.orders.get(handle);
        let book = &mut self.books[order.book as usize];
        let amended = OrderAmended {
            order_id: order.id,
            price: change.new_price,
            open_qty: book.qty(change.open_lots),
            displayed_qty: Qty::ZERO,
            level_qty: Qty::ZERO,
            old_price: change.old_price,
            old_level_qty: book.qty(old_level_lots),
            update_id: book.next_update(),
            side: order.side,
            priority_kept: 0,
            resting: 0,
            reserved: 0,
            client_order_id,
        };
        out.push(book.spec.instrument, order.account, amended);
        let limit_key = book.ladder(order.side.opposite()).key(change.tick);
        let mut taker = Taker {
            id: order.id,
            open: change.open_lots,
            total: order.total,
            slice: self.orders.slice(handle),
            tick: change.tick,
            limit_key,
            price: change.new_price,
            amount: None,
            book: order.book,
            handle,
            waiter: NOBODY,
            account: order.account,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            reach: Reach::ANYWHERE,
        };
        self.bound(&mut taker);
        self.take(&mut taker, None, out)
    }

    /// Gives an order its new client order id.
    fn rename(&mut self, handle: u32, amend: &AmendOrder) {
        let old = self.orders.extra(handle).client_order_id;
        if !old.is_empty() {
            let hash = self.hash_client_id(amend.account, &old);
            self.client_ids.remove(hash, handle);
        }
        let hash = self.hash_client_id(amend.account, &amend.new_client_order_id);
        self.client_ids.insert(hash, handle);
        self.orders.extra_mut(handle).client_order_id = amend.new_client_order_id;
    }
}
