//! The checks of `docs/waiting.md`, row by row.

use tiercel_types::command::{NewOrder, NewOrderList, OrderTerms};
use tiercel_types::order::{ListKind, PendingRule, Trigger};
use tiercel_types::{DenialReason, Money, OrderId, OrderKind, Price, Side, TimeInForce};

use crate::book::{BANDED, Book};
use crate::engine::Engine;
use crate::entry::{check_shape, may_rest};
use crate::filters::check_slice;
use crate::ledger::Ledger;
use crate::unseen::check_allocation;

use super::draft::{LEGS_MAX, Leg};

/// When an order that is checked is to be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    Now,
    /// When the working order of its list is filled.
    Later,
}

/// An order that passed its checks, in lots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    pub(crate) book: u32,
    pub(crate) tick: i64,
    pub(crate) lots: u64,
    pub(crate) slice: u64,
}

impl Checked {
    pub(super) const NOTHING: Self = Self { book: 0, tick: 0, lots: 0, slice: 0 };
}

impl<L: Ledger> Engine<L> {
    /// Rows 12 and 13 of a single order.
    pub(super) fn check_account_for(
        &self,
        order: &NewOrder,
        checked: &Checked,
        orders: u32,
    ) -> Result<(), DenialReason> {
        if !self.ledger.may_open_many(order.account, orders) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        let book = self.book(checked.book);
        let asset = book.spec.asset_given(order.side);
        let needed = reservation_of(order);
        if L::ENABLED && needed > 0 && needed > self.ledger.free(order.account, asset) {
            return Err(DenialReason::InsufficientFunds);
        }
        Ok(())
    }

    /// Rows 1 to 11.
    pub(super) fn check_waiting(
        &self,
        order: &NewOrder,
        terms: &OrderTerms,
        has_condition: bool,
        entered: Entered,
    ) -> Result<Checked, DenialReason> {
        if order.reserved != [0; 4] || terms.reserved != [0; 3] {
            return Err(DenialReason::ReservedFieldSet);
        }
        check_terms(terms)?;
        if terms.trigger == Trigger::Condition && !has_condition {
            return Err(DenialReason::ConditionMissing);
        }
        let index = self.book_of(order.instrument)?;
        let book = self.book(index);
        self.ledger.check_account(order.account)?;
        if !book.state.takes_orders() {
            return Err(DenialReason::NotTrading);
        }
        self.check_new_order_id(order)?;
        let lives_rightly = !order.time_in_force.is_for_auction()
            && match order.kind {
                OrderKind::PostOnly => may_rest(order.time_in_force),
                OrderKind::Limit => true,
                OrderKind::MarketToLimit => false,
                OrderKind::Market => {
                    order.quote_qty.is_zero() || order.time_in_force != TimeInForce::Fok
                }
            };
        if !lives_rightly {
            return Err(DenialReason::TimeInForceNotAllowed);
        }
        let mut checked = self.check_size(order, index)?;
        self.check_size_value(order, index, &mut checked)?;
        check_trigger_prices(book, terms)?;
        if entered == Entered::Now
            && matches!(terms.trigger, Trigger::Stop | Trigger::TakeProfit)
            && book.last_price.is_some_and(|last| {
                super::triggers::fires(terms.trigger, order.side, terms.trigger_price, last)
            })
        {
            return Err(DenialReason::WouldTrigger);
        }
        self.check_new_client_id(order)?;
        Ok(checked)
    }

    /// Checks 11 to 17 and 19 to 21.
    pub(super) fn check_size(&self, order: &NewOrder, index: u32) -> Result<Checked, DenialReason> {
        let book = self.book(index);
        let expires_rightly = match order.time_in_force {
            TimeInForce::Gtd => order.expire_time > self.time,
            _ => order.expire_time.0 == 0,
        };
        if !expires_rightly {
            return Err(DenialReason::ExpireTimeInvalid);
        }
        let (market, negative) = (order.kind == OrderKind::Market, book.spec.min_price.units() < 0);
        if !order.quote_qty.is_zero() && (!market || !order.qty.is_zero() || negative) {
            return Err(DenialReason::QuoteQtyNotAllowed);
        }
        if order.qty.is_zero() && order.quote_qty.is_zero() {
            return Err(DenialReason::QtyRequired);
        }
        let mut tick = 0;
        if market {
            if !order.price.is_zero() {
                tick = book.check_price(order.price, None)?;
            }
        } else {
            if order.price.is_zero() && !negative {
                return Err(DenialReason::PriceRequired);
            }
            tick = book.check_price(order.price, None)?;
        }
        let lots = book.check_qty(order.qty)?;
        Ok(Checked { book: index, tick, lots, slice: 0 })
    }

    /// Checks 23 to 27.
    pub(super) fn check_size_value(
        &self,
        order: &NewOrder,
        index: u32,
        checked: &mut Checked,
    ) -> Result<(), DenialReason> {
        let book = self.book(index);
        let market = order.kind == OrderKind::Market;
        if !market {
            book.check_value(Money::of(order.price, order.qty).units(), L::ENABLED)?;
        } else if !order.quote_qty.is_zero() {
            book.check_value(Money::from_qty(order.quote_qty).units(), L::ENABLED)?;
        }
        if !order.display_qty.is_zero() {
            if market {
                return Err(DenialReason::DisplayQtyNotAllowed);
            }
            checked.slice = check_slice(book, order, may_rest(order.time_in_force))?;
        }
        Ok(())
    }

    /// Checks 18, 22, 30, 31, and (if asked for) 32 of an order that comes to its turn.
    pub(super) fn check_turn(&self, index: u32, funds: bool) -> Result<(), DenialReason> {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let book = self.book(order.book);
        if order.kind == OrderKind::Market {
            let taker = self.taker_of(index);
            if !self.meets_any(&taker) {
                return Err(DenialReason::NoLiquidity);
            }
            if L::ENABLED && funds {
                let asset = book.spec.asset_given(order.side);
                let free = self.ledger.free(order.account, asset) + self.reserved_by(index);
                if self.market_needs(&taker) > free {
                    return Err(DenialReason::InsufficientFunds);
                }
            }
            return Ok(());
        }
        if book.has(BANDED) {
            book.check_band(waiter.price, order.side)?;
        }
        if may_rest(order.time_in_force) {
            book.check_side(order.side, order.open(), 0)?;
        }
        if waiter.terms.hidden != 0 {
            check_allocation(book)?;
        }
        let crosses = || self.crosses(order.book, order.side, order.tick, order.open());
        if order.kind == OrderKind::PostOnly && crosses() {
            return Err(DenialReason::WouldMatch);
        }
        // It has what it reserves, unless the account has come into debt.
        let asset = book.spec.asset_given(order.side);
        if L::ENABLED && funds && self.ledger.free(order.account, asset) < 0 {
            return Err(DenialReason::InsufficientFunds);
        }
        Ok(())
    }

    pub(super) fn check_list(
        &self,
        new: &NewOrderList,
        legs: &[Leg],
    ) -> Result<[Checked; LEGS_MAX], (DenialReason, u8)> {
        let oco = new.kind == ListKind::Oco;
        if new.reserved != [0; 2] || (oco && new.pending_rule != PendingRule::FullFill) {
            return Err((DenialReason::ReservedFieldSet, 0));
        }
        if legs.len() != new.kind.orders() {
            return Err((DenialReason::LegsMissing, 0));
        }
        if !legs_match(new, legs, L::ENABLED) {
            return Err((DenialReason::LegMismatch, 0));
        }
        let mut checked = [Checked::NOTHING; LEGS_MAX];
        for (number, leg) in (1..).zip(legs) {
            let entered = if oco || number == 1 { Entered::Now } else { Entered::Later };
            checked[usize::from(number) - 1] =
                self.check_leg(leg, entered).map_err(|reason| (reason, number))?;
        }
        if !self.ledger.may_open_many(new.account, legs.len() as u32) {
            return Err((DenialReason::TooManyOpenOrders, 0));
        }
        if L::ENABLED {
            let first = &legs[0].staged.order;
            let mut needed = self.needed_now(&legs[0], &checked[0]);
            if oco {
                needed = needed.max(self.needed_now(&legs[1], &checked[1]));
            }
            let asset = self.book(checked[0].book).spec.asset_given(first.side);
            if needed > 0 && needed > self.ledger.free(new.account, asset) {
                return Err((DenialReason::InsufficientFunds, 0));
            }
        }
        Ok(checked)
    }

    /// What must be free for an order that is entered with its list.
    pub(super) fn needed_now(&self, leg: &Leg, checked: &Checked) -> i128 {
        let order = &leg.staged.order;
        if leg.staged.terms.trigger == Trigger::None && order.kind == OrderKind::Market {
            let taker = |tick| self.taker(order, OrderId::NONE, checked.book, tick, checked.lots);
            self.market_needs(&taker(self.protection(&taker(None), order.price)))
        } else {
            reservation_of(order)
        }
    }

    pub(super) fn check_leg(&self, leg: &Leg, entered: Entered) -> Result<Checked, DenialReason> {
        let (order, terms) = (&leg.staged.order, &leg.staged.terms);
        if !terms.only_wait() || order.kind == OrderKind::MarketToLimit {
            return Err(DenialReason::SpecialOrderInList);
        }
        if *terms != OrderTerms::NONE {
            let condition = leg.condition.filter(|found| found.account == order.account);
            return self.check_waiting(order, terms, condition.is_some(), entered);
        }
        if entered == Entered::Now {
            let (book, tick, lots, slice) = self.check_entry_of_leg(order)?;
            return Ok(Checked { book, tick, lots, slice });
        }
        self.check_later_leg(order)
    }

    /// Checks an order that is entered later: as a new one, but for what depends on the book.
    fn check_later_leg(&self, order: &NewOrder) -> Result<Checked, DenialReason> {
        if order.reserved != [0; 4] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(order.instrument)?;
        self.ledger.check_account(order.account)?;
        self.check_new_order_id(order)?;
        check_shape(order, self.time.0)?;
        let mut checked = self.check_size(order, index)?;
        self.check_size_value(order, index, &mut checked)?;
        self.check_new_client_id(order)?;
        Ok(checked)
    }
}

/// What an order reserves while it waits or rests.
fn reservation_of(order: &NewOrder) -> i128 {
    match (order.kind, order.side) {
        (OrderKind::Market, Side::Buy) => Money::from_qty(order.quote_qty).units(),
        (OrderKind::Market, Side::Sell) => Money::from_qty(order.qty).units(),
        _ => Book::gives(order.side, order.price, order.qty),
    }
}

/// Row 2.
fn check_terms(terms: &OrderTerms) -> Result<(), DenialReason> {
    let trailing = terms.trailing_amount.is_zero()
        && terms.trailing_bps == 0
        && terms.activation_price.is_zero();
    let fits = match terms.trigger {
        Trigger::None => false,
        Trigger::Stop | Trigger::TakeProfit => trailing,
        Trigger::TrailingStop => terms.trigger_price.is_zero(),
        Trigger::Condition => trailing && terms.trigger_price.is_zero(),
    };
    if fits { Ok(()) } else { Err(DenialReason::TermNotAllowed) }
}

/// Rows 8 and 9.
fn check_trigger_prices(book: &Book, terms: &OrderTerms) -> Result<(), DenialReason> {
    let wrong = |_| DenialReason::TriggerPriceInvalid;
    match terms.trigger {
        Trigger::Stop | Trigger::TakeProfit => {
            book.check_price(terms.trigger_price, None).map_err(wrong)?;
        }
        Trigger::TrailingStop => {
            if !terms.activation_price.is_zero() {
                book.check_price(terms.activation_price, None).map_err(wrong)?;
            }
            let (amount, bps) = (terms.trailing_amount, terms.trailing_bps);
            let by_amount = amount > Price::ZERO
                && book.tick.divide_signed(amount.units()).is_some()
                && bps == 0;
            let by_bps =
                amount.is_zero() && (1..=9_999).contains(&bps) && book.spec.min_price.units() >= 0;
            if !by_amount && !by_bps {
                return Err(DenialReason::TrailingInvalid);
            }
        }
        Trigger::None | Trigger::Condition => {}
    }
    Ok(())
}

/// Checks 3 to 6 of a list.
fn legs_match(new: &NewOrderList, legs: &[Leg], with_accounts: bool) -> bool {
    let orders = || legs.iter().map(|leg| &leg.staged.order);
    let same =
        orders().all(|order| order.instrument == new.instrument && order.account == new.account);
    let pair = match new.kind {
        ListKind::Oco => legs,
        ListKind::Oto => &[],
        ListKind::Otoco => &legs[1..],
    };
    let one_side = pair.iter().all(|leg| leg.staged.order.side == pair[0].staged.order.side);
    let opposite = new.kind != ListKind::Otoco
        || pair.iter().all(|leg| leg.staged.order.side != legs[0].staged.order.side);
    let pair_rests = pair.iter().all(|leg| {
        let order = &leg.staged.order;
        leg.staged.terms.trigger != Trigger::None
            || (order.kind != OrderKind::Market && may_rest(order.time_in_force))
    });
    let parts = new.pending_rule == PendingRule::FullFill
        || legs[1..].iter().all(|leg| leg.staged.order.quote_qty.is_zero());
    let names = |order: &NewOrder| (order.client_order_id, order.order_id);
    let distinct = legs.iter().enumerate().all(|(at, leg)| {
        let (name, id) = names(&leg.staged.order);
        legs[..at].iter().map(|other| names(&other.staged.order)).all(|(other, other_id)| {
            let named_alike = with_accounts && !name.is_empty() && name == other;
            !named_alike && (with_accounts || id != other_id)
        })
    });
    same && one_side && opposite && pair_rests && parts && distinct
}
