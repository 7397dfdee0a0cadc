//! The checks of `docs/matching.md`, in their order.

use tiercel_types::command::NewOrder;
use tiercel_types::{
    DenialReason, InstrumentState, Money, OrderId, OrderKind, Price, Side, TimeInForce,
};

use crate::book::Book;
use crate::engine::Engine;
use crate::filters::check_slice;
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::table::Probe;
use crate::taker::Taker;
use crate::waiting::check::Checked;

use super::may_rest;

/// What the order that a new one replaces gives back.
#[derive(Clone, Copy)]
pub(super) struct Gone {
    pub(super) handle: u32,
    pub(super) open_lots: u64,
    pub(super) reserved: i128,
}

impl Gone {
    pub(super) const NOTHING: Self = Self { handle: NONE, open_lots: 0, reserved: 0 };
}

/// An order that passed all checks, in ticks and lots.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) book: u32,
    /// Limit or protection; `None`: any price.
    pub(super) tick: Option<i64>,
    pub(super) lots: u64,
    pub(super) slice: u64,
    /// What it reserves, of the asset it gives.
    pub(super) reserve: i128,
    pub(super) crosses: bool,
}

/// Whether the book gives an order of this kind its price.
#[inline(always)]
fn takes_its_price(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::Market | OrderKind::MarketToLimit)
}

impl<L: Ledger> Engine<L> {
    /// Checks 1 to 32; without `ALONE` not 29 and 32, which are its list's.
    #[inline(always)]
    pub(super) fn check_entry<const ALONE: bool>(
        &self,
        order: &NewOrder,
        gone: &Gone,
    ) -> Result<Entry, DenialReason> {
        if order.reserved != [0; 4] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(order.instrument)?;
        let book = self.book(index);
        self.ledger.check_account(order.account)?;
        let open = book.state == InstrumentState::Open;
        if !open {
            check_state(book.state, order)?;
        }
        self.check_order_id(order, gone)?;
        check_shape(order, self.time.0)?;
        if takes_its_price(order.kind) {
            if !order.quote_qty.is_zero() && book.spec.min_price.units() < 0 {
                return Err(DenialReason::QuoteQtyNotAllowed);
            }
            return if order.kind == OrderKind::Market {
                self.check_market::<ALONE>(order, index, gone)
            } else {
                self.check_market_to_limit(order, index, gone)
            };
        }
        if order.price.is_zero() && book.spec.min_price.units() >= 0 {
            return Err(DenialReason::PriceRequired);
        }
        let tick = book.check_price(order.price, Some(order.side))?;
        self.check_limit::<ALONE>(order, (index, tick, order.price), gone)
    }

    /// Checks 19 to 32 of an order with a limit, which is its own or the one the book gives it.
    #[inline(always)]
    fn check_limit<const ALONE: bool>(
        &self,
        order: &NewOrder,
        (index, tick, price): (u32, i64, Price),
        gone: &Gone,
    ) -> Result<Entry, DenialReason> {
        let book = self.book(index);
        let open = book.state == InstrumentState::Open;
        let lots = book.check_qty(order.qty)?;
        let rests = may_rest(order.time_in_force);
        if rests {
            book.check_side(order.side, lots, gone.open_lots)?;
        }
        let value = Money::of(price, order.qty).units();
        book.check_value(value, L::ENABLED)?;
        let slice = if order.display_qty.is_zero() { 0 } else { check_slice(book, order, rests)? };
        self.check_client_id(order, gone)?;
        if ALONE && rests && !self.ledger.may_open(order.account, u32::from(gone.handle != NONE)) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        let mut crosses = self.crosses(index, order.side, tick, lots);
        if crosses && (order.kind == OrderKind::PostOnly || !open) {
            crosses = book.may_match()?;
        }
        let mut reserve = 0;
        if L::ENABLED && ALONE {
            reserve = Book::gives(order.side, price, order.qty);
            let asset = book.spec.asset_given(order.side);
            if reserve > self.ledger.free(order.account, asset) + gone.reserved {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(Entry { book: index, tick: Some(tick), lots, slice, reserve, crosses })
    }

    /// Checks 8 and 9.
    #[inline(always)]
    fn check_order_id(&self, order: &NewOrder, gone: &Gone) -> Result<(), DenialReason> {
        if L::ENABLED == order.order_id.is_none() {
            if L::ENABLED {
                return Ok(());
            }
            return match self.probe_id(order.order_id) {
                Probe::Found { handle, .. } if handle != gone.handle => {
                    Err(DenialReason::DuplicateOrderId)
                }
                _ => Ok(()),
            };
        }
        Err(DenialReason::OrderIdNotAllowed)
    }

    /// Check 28.
    #[inline(always)]
    fn check_client_id(&self, order: &NewOrder, gone: &Gone) -> Result<(), DenialReason> {
        match self.find_client_id(order.account, &order.client_order_id) {
            Some(handle) if handle != gone.handle => Err(DenialReason::DuplicateClientOrderId),
            _ => Ok(()),
        }
    }

    /// Checks 15 to 32 of a market order.
    #[inline(never)]
    fn check_market<const ALONE: bool>(
        &self,
        order: &NewOrder,
        index: u32,
        gone: &Gone,
    ) -> Result<Entry, DenialReason> {
        let book = self.book(index);
        if !order.price.is_zero() {
            book.check_price(order.price, None)?;
        }
        let lots = book.check_qty(order.qty)?;
        if !order.quote_qty.is_zero() {
            book.check_value(Money::from_qty(order.quote_qty).units(), L::ENABLED)?;
        }
        if !order.display_qty.is_zero() {
            return Err(DenialReason::DisplayQtyNotAllowed);
        }
        self.check_client_id(order, gone)?;
        let tick =
            self.protection(&self.taker(order, OrderId::NONE, index, None, lots), order.price);
        let taker = self.taker(order, OrderId::NONE, index, tick, lots);
        if !self.meets_any(&taker) {
            return Err(DenialReason::NoLiquidity);
        }
        let entry = Entry { book: index, tick, lots, slice: 0, reserve: 0, crosses: true };
        if L::ENABLED && ALONE {
            let asset = book.spec.asset_given(order.side);
            let needed = self.market_needs(&taker);
            if needed > self.ledger.free(order.account, asset) + gone.reserved {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(entry)
    }

    /// Checks 14 to 32 of a market-to-limit order: its limit is the best displayed price.
    #[cold]
    #[inline(never)]
    fn check_market_to_limit(
        &self,
        order: &NewOrder,
        index: u32,
        gone: &Gone,
    ) -> Result<Entry, DenialReason> {
        let book = self.book(index);
        if !order.price.is_zero() {
            return Err(DenialReason::PriceNotAllowed);
        }
        let opposite = book.ladder(order.side.opposite());
        let tick = opposite.key(opposite.best_key().ok_or(DenialReason::NoLiquidity)?);
        let price = book.price(tick);
        self.check_limit::<true>(order, (index, tick, price), gone)
    }

    /// Checks 1 to 32 of an order with terms.
    pub(crate) fn check_new_entry(&self, order: &NewOrder) -> Result<Checked, DenialReason> {
        let entry = self.check_entry::<true>(order, &Gone::NOTHING)?;
        let tick = if order.kind == OrderKind::Market { None } else { entry.tick };
        let (book, lots, slice) = (entry.book, entry.lots, entry.slice);
        Ok(Checked { book, tick: tick.unwrap_or(0), lots, slice })
    }

    /// Checks an order of a list that is entered with it: as a new one, but for what its list
    /// checks for all. Returns its book, and its limit in ticks, quantity and slice in lots.
    pub(crate) fn check_entry_of_leg(
        &self,
        order: &NewOrder,
    ) -> Result<(u32, i64, u64, u64), DenialReason> {
        let entry = self.check_entry::<false>(order, &Gone::NOTHING)?;
        let tick = if order.kind == OrderKind::Market { 0 } else { entry.tick.unwrap_or(0) };
        Ok((entry.book, tick, entry.lots, entry.slice))
    }

    /// Checks 8 and 9 of an order that replaces none.
    pub(crate) fn check_new_order_id(&self, order: &NewOrder) -> Result<(), DenialReason> {
        self.check_order_id(order, &Gone::NOTHING)
    }

    /// Check 28 of an order that replaces none.
    pub(crate) fn check_new_client_id(&self, order: &NewOrder) -> Result<(), DenialReason> {
        self.check_client_id(order, &Gone::NOTHING)
    }

    /// What has to be free for a market order.
    pub(crate) fn market_needs(&self, taker: &Taker) -> i128 {
        match (taker.side, taker.amount) {
            (Side::Sell, None) => Money::from_qty(self.book(taker.book).qty(taker.open)).units(),
            (Side::Buy, Some(amount)) => amount.units(),
            _ => self.walk(taker),
        }
    }
}

/// Checks 5 to 7, outside of continuous trading.
#[cold]
fn check_state(state: InstrumentState, order: &NewOrder) -> Result<(), DenialReason> {
    let immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    if state == InstrumentState::Call {
        // There is no price yet that it could take for its limit.
        let takes = immediate || order.kind == OrderKind::MarketToLimit;
        return if takes { Err(DenialReason::ImmediateInCall) } else { Ok(()) };
    }
    if state != InstrumentState::PreOpen {
        return Err(DenialReason::NotTrading);
    }
    if takes_its_price(order.kind) {
        return Err(DenialReason::MarketNotOpen);
    }
    if immediate { Err(DenialReason::TimeInForceNotAllowed) } else { Ok(()) }
}

/// Checks 10 to 13: what needs no book.
#[inline(always)]
pub(crate) fn check_shape(order: &NewOrder, now_ns: u64) -> Result<(), DenialReason> {
    // Most orders are limit orders without quote amount and expire time.
    if order.kind == OrderKind::Limit
        && (order.time_in_force as u8) < TimeInForce::Gtd as u8
        && (order.quote_qty.units() | order.expire_time.0) == 0
    {
        return if order.qty.is_zero() { Err(DenialReason::QtyRequired) } else { Ok(()) };
    }
    check_rare_shape(order, now_ns)
}

#[inline(never)]
fn check_rare_shape(order: &NewOrder, now_ns: u64) -> Result<(), DenialReason> {
    let rests = may_rest(order.time_in_force);
    let lives_rightly = match order.kind {
        OrderKind::Limit | OrderKind::MarketToLimit => !order.time_in_force.is_for_auction(),
        OrderKind::PostOnly => rests,
        OrderKind::Market => {
            !rests
                && !order.time_in_force.is_for_auction()
                && (order.quote_qty.is_zero() || order.time_in_force == TimeInForce::Ioc)
        }
    };
    if !lives_rightly {
        return Err(DenialReason::TimeInForceNotAllowed);
    }
    let expires_rightly = match order.time_in_force {
        TimeInForce::Gtd => order.expire_time.0 > now_ns,
        _ => order.expire_time.0 == 0,
    };
    if !expires_rightly {
        return Err(DenialReason::ExpireTimeInvalid);
    }
    if !order.quote_qty.is_zero() && (order.kind != OrderKind::Market || !order.qty.is_zero()) {
        return Err(DenialReason::QuoteQtyNotAllowed);
    }
    if order.qty.is_zero() && order.quote_qty.is_zero() {
        return Err(DenialReason::QtyRequired);
    }
    Ok(())
}
