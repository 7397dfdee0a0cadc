//! Orders for an auction: how they are entered, where they wait, how they leave.

use tiercel_types::command::{Kind, NewOrder, OrderTerms, SetAuctionRules};
use tiercel_types::event::{EventBuffer, OrderAccepted};
use tiercel_types::{DenialReason, InstrumentState, Money, OrderKind, Side};

use crate::book::Book;
use crate::engine::{Engine, Named, Progress};
use crate::entry::accepted;
use crate::ledger::Ledger;
use crate::orders::Order;
use crate::waiting::levels::{append, detach};
use crate::waiting::{Checked, State, Touched};

use super::{Auction, Call, Rank};

/// The terms of an order for the imbalance only.
pub(crate) const IMBALANCE_ONLY: OrderTerms = OrderTerms { imbalance_only: 1, ..OrderTerms::NONE };

impl<L: Ledger> Engine<L> {
    /// Enters an order for an auction.
    #[cold]
    #[inline(never)]
    pub(crate) fn enter_for_auction(
        &mut self,
        order: &NewOrder,
        terms: &OrderTerms,
        command: Kind,
        out: &mut EventBuffer,
    ) -> Progress {
        let checked = match self.check_for_auction(order, terms.imbalance_only != 0) {
            Ok(checked) => checked,
            Err(reason) => {
                Named::entering(command, order).deny(reason, out);
                return Progress::Done;
            }
        };
        let id = self.next_order_id(order);
        let index = self.put_aside(id, order, terms, &checked, None);
        let taken = OrderAccepted { order_id: id, ..accepted(order, order.price) };
        out.push(order.instrument, order.account, taken);
        self.reserve_again(index, 1);
        let since = self.waiting.mark();
        let waiter = self.waiting.waiters.get_mut(index);
        (waiter.state, waiter.since) = (State::Auction, since);
        self.come_aside(index);
        self.tell_waiting(index, out);
        self.await_auction(index);
        self.touch_also(Touched::Book(checked.book));
        self.react(out)
    }

    fn check_for_auction(
        &self,
        order: &NewOrder,
        imbalance_only: bool,
    ) -> Result<Checked, DenialReason> {
        if order.reserved != [0; 4] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(order.instrument)?;
        let book = self.book(index);
        self.ledger.check_account(order.account)?;
        let takes_orders = [InstrumentState::PreOpen, InstrumentState::Open, InstrumentState::Call];
        if !takes_orders.contains(&book.state) {
            return Err(DenialReason::NotTrading);
        }
        self.check_new_order_id(order)?;
        let limit = order.kind == OrderKind::Limit;
        if imbalance_only && !order.time_in_force.is_for_auction() {
            return Err(DenialReason::ImbalanceOnlyNotAllowed);
        }
        if !limit && order.kind != OrderKind::Market {
            return Err(DenialReason::TimeInForceNotAllowed);
        }
        if imbalance_only && !limit {
            return Err(DenialReason::ImbalanceOnlyNotAllowed);
        }
        if order.expire_time.0 != 0 {
            return Err(DenialReason::ExpireTimeInvalid);
        }
        if !order.quote_qty.is_zero() {
            return Err(DenialReason::QuoteQtyInAuction);
        }
        let checked = self.check_auction_size(order, index)?;
        if !order.display_qty.is_zero() {
            return Err(DenialReason::DisplayQtyNotAllowed);
        }
        self.check_new_client_id(order)?;
        if !self.ledger.may_open(order.account, 0) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        let reserve = Book::gives(order.side, order.price, order.qty);
        let asset = book.spec.asset_given(order.side);
        if L::ENABLED && reserve > self.ledger.free(order.account, asset) {
            return Err(DenialReason::InsufficientFunds);
        }
        Ok(checked)
    }

    /// Rows 9 to 12.
    fn check_auction_size(&self, order: &NewOrder, index: u32) -> Result<Checked, DenialReason> {
        let book = self.book(index);
        let limit = order.kind == OrderKind::Limit;
        if order.qty.is_zero() {
            return Err(DenialReason::QtyRequired);
        }
        let priced = !order.price.is_zero() || (limit && book.spec.min_price.units() < 0);
        if limit && !priced {
            return Err(DenialReason::PriceRequired);
        }
        if L::ENABLED && !priced && order.side == Side::Buy {
            return Err(DenialReason::ProtectionRequired);
        }
        let tick =
            if priced { book.check_price(order.price, limit.then_some(order.side))? } else { 0 };
        let lots = book.check_qty(order.qty)?;
        book.check_side(order.side, lots, 0)?;
        if priced {
            book.check_value(Money::of(order.price, order.qty).units(), L::ENABLED)?;
        }
        Ok(Checked { book: index, tick, lots, slice: 0 })
    }

    /// Where an order for an auction waits, and at which tick.
    fn auction_place(&self, index: u32) -> (Rank, i64) {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        match order.kind {
            OrderKind::Market if waiter.price.is_zero() => (Rank::Unlimited, 0),
            OrderKind::Market => (Rank::Market, order.tick),
            _ if waiter.terms.imbalance_only != 0 => (Rank::Imbalance, order.tick),
            _ => (Rank::Limit, order.tick),
        }
    }

    /// An order joins those that wait for its auction.
    pub(crate) fn await_auction(&mut self, index: u32) {
        let handle = self.waiting.waiters.get(index).handle;
        let (rank, tick) = self.auction_place(index);
        let Order { book, side, time_in_force, .. } = *self.orders.get(handle);
        let lots = self.orders.get(handle).open();
        self.make_auction(book);
        let book = &mut self.books[book as usize];
        book.open_lots[side.index()] += lots;
        let auction = book.auction_mut();
        auction.changes += 1;
        let ladder = &mut auction.queues_mut(time_in_force, side).ladders[rank as usize];
        append(ladder, &mut self.orders, handle, tick);
        ladder.level_mut(ladder.key(tick)).hidden += lots;
    }

    /// An order waits for its auction no more: it has traded, or ends.
    pub(crate) fn leave_auction(&mut self, index: u32) {
        let handle = self.waiting.waiters.get(index).handle;
        let (rank, tick) = self.auction_place(index);
        let Order { book, side, time_in_force, .. } = *self.orders.get(handle);
        let lots = self.orders.get(handle).open();
        let book = &mut self.books[book as usize];
        book.open_lots[side.index()] -= lots;
        let auction = book.auction_mut();
        auction.changes += 1;
        let ladder = &mut auction.queues_mut(time_in_force, side).ladders[rank as usize];
        ladder.level_mut(ladder.key(tick)).hidden -= lots;
        detach(ladder, &mut self.orders, handle, tick);
    }

    /// An order for an auction has traded a part of what it has open.
    pub(super) fn shrink_in_auction(&mut self, index: u32, left: u64) {
        let handle = self.waiting.waiters.get(index).handle;
        let (rank, tick) = self.auction_place(index);
        let order = self.orders.get_mut(handle);
        let lots = order.open() - left;
        order.hidden = left;
        let (side, time_in_force) = (order.side, order.time_in_force);
        let book = &mut self.books[order.book as usize];
        book.open_lots[side.index()] -= lots;
        let ladder = &mut book.auction_mut().queues_mut(time_in_force, side).ladders[rank as usize];
        ladder.level_mut(ladder.key(tick)).hidden -= lots;
    }

    /// Makes what a book has of auctions, if it has nothing yet.
    pub(super) fn make_auction(&mut self, index: u32) {
        let window = self.config.window_ticks;
        let book = &mut self.books[index as usize];
        if book.auction.is_none() {
            let rules = SetAuctionRules::xetra(book.spec.instrument);
            book.auction = Some(Box::new(Auction::new(rules, window)));
        }
    }
}

impl Book {
    /// What a book that has anything of auctions has of them.
    pub(super) fn auction_mut(&mut self) -> &mut Auction {
        match &mut self.auction {
            Some(auction) => auction,
            None => unreachable!("whoever waits for an auction has made it"),
        }
    }

    /// The call that is going on.
    pub(super) fn call(&self) -> Option<&Call> {
        self.auction.as_ref()?.call.as_ref()
    }
}
