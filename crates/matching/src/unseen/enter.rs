//! Entering orders that say how they trade.

use tiercel_types::command::{Kind, NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::event::{EventBuffer, OrderAccepted};
use tiercel_types::{DenialReason, EndReason, Money, OrderKind, Peg, Price};

use crate::engine::{Engine, Named, Progress};
use crate::entry::accepted;
use crate::ledger::Ledger;
use crate::orders::{BEYOND, UNSEEN_ORDER};
use crate::taker::Taker;
use crate::waiting::check::Checked;
use crate::waiting::{NOBODY, State, Touched};

use super::is_unseen;

impl<L: Ledger> Engine<L> {
    /// Enters an order that does not wait, if its terms passed their checks.
    pub(crate) fn new_special_order(
        &mut self,
        new: &NewAdvancedOrder,
        checked: Result<(), DenialReason>,
        out: &mut EventBuffer,
    ) -> Progress {
        let (order, terms) = (&new.order, &new.terms);
        let checked = match checked.and_then(|()| self.check_special_entry(order, terms)) {
            Ok(checked) => checked,
            Err(reason) => {
                Named::entering(Kind::NewAdvancedOrder, order).deny(reason, out);
                return Progress::Done;
            }
        };
        if is_unseen(terms) {
            self.make_unseen(checked.book);
        }
        let id = self.next_order_id(order);
        let index = self.put_aside(id, order, terms, &checked, None);
        let book = self.book(checked.book);
        let price = match order.kind {
            OrderKind::MarketToLimit => book.price(checked.tick),
            OrderKind::Market => {
                let tick = self.protection(&self.taker_of(index), order.price);
                tick.map_or(Price::ZERO, |tick| book.price(tick))
            }
            OrderKind::Limit | OrderKind::PostOnly => order.price,
        };
        self.waiting.waiters.get_mut(index).price = price;
        if order.kind != OrderKind::Market {
            self.reserve_again(index, 1);
        }
        self.touch_also(Touched::Book(checked.book));
        match self.enter_special(index, Some(order), out) {
            Progress::Done => self.react(out),
            Progress::More => Progress::More,
        }
    }

    /// Checks 2 to 32 of an order with terms.
    fn check_special_entry(
        &self,
        order: &NewOrder,
        terms: &OrderTerms,
    ) -> Result<Checked, DenialReason> {
        if terms.peg != Peg::None && order.price.is_zero() {
            return self.check_unlimited(order);
        }
        self.check_new_entry(order)
    }

    /// The same, of a pegged order without limit.
    fn check_unlimited(&self, order: &NewOrder) -> Result<Checked, DenialReason> {
        let index = self.book_of(order.instrument)?;
        let book = self.book(index);
        self.ledger.check_account(order.account)?;
        self.check_new_order_id(order)?;
        crate::entry::check_shape(order, self.time.0)?;
        let lots = book.check_qty(order.qty)?;
        book.check_side(order.side, lots, 0)?;
        self.check_new_client_id(order)?;
        if !self.ledger.may_open(order.account, 0) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        if L::ENABLED {
            // It sells: the full build wants a limit of those that buy.
            let needed = Money::from_qty(order.qty).units();
            if needed > self.ledger.free(order.account, book.spec.asset_given(order.side)) {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(Checked { book: index, tick: 0, lots, slice: 0 })
    }

    /// Enters an order with terms from its slot, in which it is not linked any more where it
    /// waited; a new one is announced.
    pub(crate) fn enter_special(
        &mut self,
        index: u32,
        announced: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) -> Progress {
        let mut taker = self.taker_of(index);
        self.bound(&mut taker);
        let terms = self.waiting.waiters.get(index).terms;
        self.unlink_aside(index);
        let unseen = is_unseen(&terms);
        if unseen {
            self.orders.get_mut(taker.handle).rare |= UNSEEN_ORDER;
            self.waits_no_more(index);
        }
        let mut stands = true;
        if terms.peg != Peg::None {
            let ladder = self.book(taker.book).ladder(taker.side.opposite());
            let tick = self.stands_at(taker.handle);
            stands = tick.is_some();
            taker.limit_key = tick.map_or(i64::MIN, |tick| ladder.key(tick));
        }
        let whole = terms.all_or_none != 0;
        let trades = stands
            && self.is_continuous(taker.book)
            && self.meets_any(&taker)
            && (!whole || self.available_unseen(&taker, taker.open) >= taker.open);
        let joins = unseen && !trades && terms.min_qty.is_zero();
        if let Some(order) = announced {
            Self::announce(order, &terms, &taker, joins, out);
        }
        if joins {
            if announced.is_some() {
                self.join(taker.handle);
            } else {
                self.rest_unseen(&taker, out);
            }
            return Progress::Done;
        }
        let minimum = self.book(taker.book).lot.divide(terms.min_qty.units()).unwrap_or(0);
        if minimum > 0 && self.available(&taker, minimum) < minimum {
            self.end_taker(&taker, EndReason::MinimumQty, out);
            return Progress::Done;
        }
        if !unseen {
            debug_assert!(taker.waiter == NOBODY);
            self.forget_beyond(taker.handle);
            self.orders.get_mut(taker.handle).rare &= !BEYOND;
        }
        self.rest_or_take(&mut taker, trades, out)
    }

    /// An order that will be unseen keeps its waiter, but nothing of what it waited for.
    fn waits_no_more(&mut self, index: u32) {
        let waiter = self.waiting.waiters.get_mut(index);
        let OrderTerms { peg, peg_offset, all_or_none, hidden, .. } = waiter.terms;
        waiter.terms = OrderTerms { peg, peg_offset, all_or_none, hidden, ..OrderTerms::NONE };
        (waiter.state, waiter.best) = (State::Live, Price::ZERO);
        let condition = core::mem::replace(&mut waiter.condition, NOBODY);
        if condition != NOBODY {
            self.waiting.conditions.remove(condition);
        }
    }

    fn announce(
        order: &NewOrder,
        terms: &OrderTerms,
        taker: &Taker,
        joins: bool,
        out: &mut EventBuffer,
    ) {
        let taken = OrderAccepted {
            order_id: taker.id,
            resting: u8::from(joins),
            peg: terms.peg,
            all_or_none: terms.all_or_none,
            hidden: terms.hidden,
            ..accepted(order, taker.price)
        };
        out.push(order.instrument, order.account, taken);
    }
}
