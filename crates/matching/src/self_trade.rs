//! What is done instead when two orders of one owner would trade.

use tiercel_types::event::{EventBuffer, SelfTradePrevented};
use tiercel_types::{EndReason, Money, Price, SelfTradePrevention};

use crate::book::Book;
use crate::engine::Engine;
use crate::entry::prevents;
use crate::ledger::Ledger;
use crate::orders::{BEYOND, UNSEEN_ORDER};
use crate::taker::Taker;
use crate::waiting::NOBODY;

impl<L: Ledger> Engine<L> {
    /// Whether a taker is kept from trading with this maker.
    #[inline(always)]
    pub(crate) fn is_own(&self, taker: &Taker, maker: u32) -> bool {
        prevents(taker.self_trade_prevention)
            && self.ledger.same_group(taker.account, self.orders.get(maker).account)
    }

    /// Keeps two orders of one owner from trading. Returns whether the taker has ended.
    #[cold]
    #[inline(never)]
    pub(crate) fn prevent(
        &mut self,
        taker: &mut Taker,
        handle: u32,
        price: Price,
        lots: u64,
        out: &mut EventBuffer,
    ) -> bool {
        use SelfTradePrevention as Mode;
        let id = self.orders.get(handle).id;
        let action = self.tell_prevented(taker, handle, price, lots, out);
        let left = *self.orders.get(handle);
        let decrements = matches!(action, Mode::Decrement | Mode::Transfer);
        match action {
            _ if left.id != id => {} // It ended with its list.
            Mode::ExpireMaker | Mode::ExpireBoth => {
                self.end_order(handle, EndReason::SelfTrade, out);
            }
            _ if decrements && left.open() == 0 => {
                self.end_order(handle, EndReason::SelfTrade, out);
            }
            _ if decrements && left.displayed == 0 && left.rare & UNSEEN_ORDER == 0 => {
                self.replenish(handle, out);
            }
            _ => {}
        }
        let ends = matches!(action, Mode::ExpireTaker | Mode::ExpireBoth) || taker.is_filled();
        if ends {
            self.end_taker(taker, EndReason::SelfTrade, out);
        }
        ends
    }

    /// Two orders of one owner do not trade: tells what is done instead, and does it but for
    /// ending orders. Returns what that is.
    pub(crate) fn tell_prevented(
        &mut self,
        taker: &mut Taker,
        handle: u32,
        price: Price,
        lots: u64,
        out: &mut EventBuffer,
    ) -> SelfTradePrevention {
        use SelfTradePrevention as Mode;
        let maker = *self.orders.get(handle);
        let action = match taker.self_trade_prevention {
            Mode::Transfer
                if maker.self_trade_prevention != Mode::Transfer
                    || maker.account == taker.account =>
            {
                Mode::Decrement
            }
            mode => mode,
        };
        let decrements = matches!(action, Mode::Decrement | Mode::Transfer);
        if decrements {
            self.decrement(taker, handle, price, lots, action);
        }
        let book = &mut self.books[taker.book as usize];
        let left = *self.orders.get(handle);
        let unseen = left.rare & UNSEEN_ORDER != 0;
        let level_lots = if unseen { 0 } else { book.level_mut(left.side, left.tick).displayed };
        let prevented = SelfTradePrevented {
            taker_order_id: taker.id,
            maker_order_id: left.id,
            price,
            qty: book.qty(lots),
            taker_open_qty: book.qty(taker.open),
            maker_open_qty: book.qty(left.open()),
            level_qty: book.qty(level_lots),
            update_id: if decrements && !unseen { book.next_update() } else { 0 },
            maker_account: left.account,
            action,
            taker_side: taker.side,
            reserved: [0; 2],
        };
        out.push(book.spec.instrument, taker.account, prevented);
        if decrements && (taker.waiter != NOBODY || left.rare & BEYOND != 0) {
            self.tell_lists(taker.aggressor(), (1, 0), (handle, 1), out);
        }
        action
    }

    /// Takes `lots` off both orders; under [`SelfTradePrevention::Transfer`] they change hands.
    fn decrement(
        &mut self,
        taker: &mut Taker,
        handle: u32,
        price: Price,
        lots: u64,
        action: SelfTradePrevention,
    ) {
        let unseen = self.orders.get(handle).rare & UNSEEN_ORDER != 0;
        if unseen {
            self.decrement_unseen(handle, lots);
        } else {
            let book = &mut self.books[taker.book as usize];
            let maker = self.orders.get_mut(handle);
            maker.displayed -= lots;
            maker.total -= lots;
            let (side, tick) = (maker.side, maker.tick);
            book.level_mut(side, tick).displayed -= lots;
            book.open_lots[side.index()] -= lots;
        }
        let maker = *self.orders.get(handle);
        let qty = self.book(taker.book).qty(lots);
        taker.reduce(lots, || Money::of(price, qty));
        if taker.amount.is_none() {
            taker.total -= lots;
        }
        if !L::ENABLED {
            return;
        }
        if action == SelfTradePrevention::Transfer {
            let settlement = self.settlement(taker.aggressor(), maker.account, price, qty, None);
            self.ledger.settle(&settlement);
            if unseen {
                self.free_above(handle, price, qty);
            }
            return;
        }
        let spec = self.book(taker.book).spec;
        // It reserves at its limit: where it rests displayed, that is the price.
        let limit = self.book(taker.book).price(maker.tick);
        let given = Book::gives(maker.side, limit, qty);
        self.ledger.reserve(maker.account, spec.asset_given(maker.side), -given);
        if !taker.is_market() {
            let side = taker.side;
            let given = Book::gives(side, taker.price, qty);
            self.ledger.reserve(taker.account, spec.asset_given(side), -given);
        }
    }
}
