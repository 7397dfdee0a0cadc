//! Trading where there are unseen orders.

use core::ops::ControlFlow;

use tiercel_types::command::NewOrder;
use tiercel_types::event::{EventBuffer, OrderEnded, OrderRested, Trade};
use tiercel_types::{EndReason, Money, Price, Qty, Side, TradeId};

use crate::book::Book;
use crate::engine::{Engine, Progress};
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::take::STEP_RECORDS;
use crate::taker::{Aggressor, Taker};
use crate::waiting::State;

use super::sweep::Met;

impl<L: Ledger> Engine<L> {
    /// Trades as [`take`](Self::take) does, with unseen orders met at their prices.
    #[cold]
    #[inline(never)]
    pub(crate) fn take_unseen(
        &mut self,
        taker: &mut Taker,
        entered: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) -> Progress {
        while out.has_room_for(STEP_RECORDS) {
            let Some(met) = self.next_met(taker) else {
                self.finish(taker, entered, out);
                return Progress::Done;
            };
            let book = self.book(taker.book);
            let ladder = book.ladder(taker.side.opposite());
            let (handle, tick) = match met {
                Met::Level(key) => {
                    (ladder.level(key).map_or(NONE, |level| level.head), ladder.key(key))
                }
                Met::Order(handle, tick) => (handle, tick),
            };
            let maker = self.orders.get(handle);
            let there = if matches!(met, Met::Level(_)) { maker.displayed } else { maker.open() };
            let price = book.price(tick);
            let lots = taker.wants(book, price).min(there);
            let key = ladder.key(tick);
            match self.may_trade(taker, entered, (handle, key), (price, lots), out) {
                ControlFlow::Break(progress) => return progress,
                ControlFlow::Continue(false) => continue,
                ControlFlow::Continue(true) => {}
            }
            match met {
                Met::Level(key) => {
                    self.trade::<true>(
                        taker.aggressor(),
                        taker.open,
                        (handle, key),
                        price,
                        lots,
                        out,
                    );
                }
                Met::Order(..) => {
                    self.trade_unseen(taker.aggressor(), taker.open, handle, (price, lots), out);
                }
            }
            if taker.is_filled() {
                self.discard(taker);
                return Progress::Done;
            }
        }
        self.wait_for_room(taker, entered)
    }

    /// Whom a taker meets next.
    fn next_met(&self, taker: &Taker) -> Option<Met> {
        let ladder = self.book(taker.book).ladder(taker.side.opposite());
        let level = ladder.reachable(taker.limit_key);
        match (level, self.unseen_met(taker)) {
            (Some(key), Some((_, tick))) if key <= ladder.key(tick) => Some(Met::Level(key)),
            (_, Some((handle, tick))) => Some(Met::Order(handle, tick)),
            (level, None) => level.map(Met::Level),
        }
    }

    /// Trades with an unseen maker, at a price; the taker has `open` lots left then.
    pub(super) fn trade_unseen(
        &mut self,
        taker: Aggressor,
        open: u64,
        handle: u32,
        (price, lots): (Price, u64),
        out: &mut EventBuffer,
    ) {
        self.take_off(handle, lots);
        let maker = *self.orders.get(handle);
        let book = &mut self.books[taker.book as usize];
        let qty = book.qty(lots);
        book.last_price = Some(price);
        book.trades += 1;
        let mut trade = Trade {
            trade_id: TradeId(book.trades),
            price,
            qty,
            taker_order_id: taker.id,
            maker_order_id: maker.id,
            taker_open_qty: book.qty(open),
            maker_open_qty: book.qty(maker.open()),
            level_qty: Qty::ZERO,
            update_id: 0,
            maker_account: maker.account,
            taker_side: taker.side,
            auction: 0,
            reserved: [0; 2],
            taker_fee: Money::ZERO,
            maker_fee: Money::ZERO,
        };
        let instrument = book.spec.instrument;
        if L::ENABLED {
            let settlement =
                self.settlement(taker, maker.account, price, qty, Some(trade.trade_id.0));
            (trade.taker_fee, trade.maker_fee) = self.ledger.settle(&settlement);
            self.free_above(handle, price, qty);
        }
        out.push(instrument, taker.account, trade);
        let book = &mut self.books[taker.book as usize];
        book.note_trades(price, lots, self.time);
        book.note_trade(price);
        self.tell_lists(taker, (open, lots), (handle, maker.open()), out);
        if maker.open() == 0 {
            self.unlink_unseen(handle);
            self.forget(handle);
        }
    }

    /// Frees what an unseen buy had reserved above the price at which it traded as a maker.
    pub(crate) fn free_above(&mut self, handle: u32, price: Price, qty: Qty) {
        let order = self.orders.get(handle);
        if order.side == Side::Buy {
            let book = self.book(order.book);
            let limit = book.price(order.tick);
            let above = Book::gives(Side::Buy, limit, qty) - Book::gives(Side::Buy, price, qty);
            let asset = book.spec.quote;
            self.ledger.reserve(order.account, asset, -above);
        }
    }

    /// Takes lots off an unseen maker that was kept from trading.
    pub(crate) fn decrement_unseen(&mut self, handle: u32, lots: u64) {
        self.take_off(handle, lots);
        self.orders.get_mut(handle).total -= lots;
    }

    /// The rest of a taker joins the unseen.
    #[cold]
    pub(crate) fn rest_unseen(&mut self, taker: &Taker, out: &mut EventBuffer) {
        let order = self.orders.get_mut(taker.handle);
        (order.displayed, order.hidden, order.total) = (0, taker.open, taker.total);
        let account = order.account;
        self.join(taker.handle);
        let book = self.book(taker.book);
        let rested = OrderRested {
            order_id: taker.id,
            price: taker.price,
            open_qty: book.qty(taker.open),
            displayed_qty: Qty::ZERO,
            level_qty: Qty::ZERO,
            update_id: 0,
            side: taker.side,
            reserved: [0; 7],
        };
        out.push(book.spec.instrument, account, rested);
    }

    /// An unseen order ends: out of its place, told, its reservation released. It is still known.
    #[cold]
    pub(crate) fn leave_unseen(&mut self, handle: u32, reason: EndReason, out: &mut EventBuffer) {
        self.unlink_unseen(handle);
        let order = *self.orders.get(handle);
        let index = self.waiting.waiters.of(handle);
        let waiter = self.waiting.waiters.get_mut(index);
        waiter.state = State::Live;
        let price = waiter.price;
        let book = self.book(order.book);
        let open = book.qty(order.open());
        let ended = OrderEnded {
            order_id: order.id,
            price,
            unfilled_qty: open,
            level_qty: Qty::ZERO,
            update_id: 0,
            reason,
            side: order.side,
            was_resting: 1,
            reserved: [0; 3],
            denial: 0,
        };
        let asset = book.spec.asset_given(order.side);
        out.push(book.spec.instrument, order.account, ended);
        self.ledger.reserve(order.account, asset, -Book::gives(order.side, price, open));
    }

    /// What a trade tells of an account's order that is unseen.
    pub(super) fn aggressor_of(&self, handle: u32) -> Aggressor {
        let order = self.orders.get(handle);
        Aggressor {
            id: order.id,
            account: order.account,
            book: order.book,
            side: order.side,
            self_trade_prevention: order.self_trade_prevention,
            limit: Some(self.book(order.book).price(order.tick)),
            waiter: crate::waiting::NOBODY,
        }
    }
}
