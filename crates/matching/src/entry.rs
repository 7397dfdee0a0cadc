//! Entering orders: the checks of `docs/matching.md` in their order, then resting or trading.

use tiercel_types::command::{Kind, NewOrder, OrderTerms, ReplaceOrder};
use tiercel_types::event::{EventBuffer, OrderAccepted};
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentState, Money, OrderId, OrderKind, Peg, Price,
    Qty, SelfTradePrevention, Side, TimeInForce,
};

use crate::book::{ALLOTS, Book, GUARDED, NOTED, RANKS_TOP, UNSEEN};
use crate::engine::{Engine, Named, Progress};
use crate::filters::check_slice;
use crate::ledger::Ledger;
use crate::orders::{NONE, Order, OrderExtra, rare_bits, split};
use crate::protections::bands::Reach;
use crate::table::Probe;
use crate::take::{Aggressor, Taker};
use crate::waiting::NOBODY;
use crate::waiting::check::Checked;

/// What the order that a new one replaces gives back.
#[derive(Clone, Copy)]
pub(crate) struct Gone {
    handle: u32,
    open_lots: u64,
    reserved: i128,
}

impl Gone {
    const NOTHING: Self = Self { handle: NONE, open_lots: 0, reserved: 0 };
}

/// An order that passed all checks, in ticks and lots.
#[derive(Clone, Copy)]
struct Entry {
    book: u32,
    /// Limit or protection; `None`: any price.
    tick: Option<i64>,
    lots: u64,
    slice: u64,
    /// What it reserves, of the asset it gives.
    reserve: i128,
    crosses: bool,
}

/// Whether the book gives an order of this kind its price.
#[inline(always)]
fn takes_its_price(kind: OrderKind) -> bool {
    matches!(kind, OrderKind::Market | OrderKind::MarketToLimit)
}

/// Whether an order of this time in force may wait in the book.
#[inline(always)]
pub(crate) fn may_rest(time_in_force: TimeInForce) -> bool {
    matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd)
}

impl<L: Ledger> Engine<L> {
    #[inline(always)]
    pub(crate) fn new_order(&mut self, order: &NewOrder, out: &mut EventBuffer) -> Progress {
        self.new_order_as(order, Kind::NewOrder, out)
    }

    /// The same, denied in the name of another command.
    #[inline(always)]
    pub(crate) fn new_order_as(
        &mut self,
        order: &NewOrder,
        command: Kind,
        out: &mut EventBuffer,
    ) -> Progress {
        match self.check_entry::<true>(order, &Gone::NOTHING) {
            Ok(entry) => self.enter(order, &entry, out),
            Err(_) if order.time_in_force.is_for_auction() => {
                self.enter_for_auction(order, &OrderTerms::NONE, command, out)
            }
            Err(reason) => {
                let named = Named {
                    command,
                    instrument: order.instrument,
                    account: order.account,
                    order_id: order.order_id,
                    client_order_id: order.client_order_id,
                };
                named.deny(reason, out);
                Progress::Done
            }
        }
    }

    #[inline(never)]
    pub(crate) fn replace_order(
        &mut self,
        replace: &ReplaceOrder,
        out: &mut EventBuffer,
    ) -> Progress {
        match self.check_replacement(replace) {
            Ok((target, entry)) => {
                self.end_order(target, EndReason::Replaced, out);
                self.enter(&replace.order, &entry, out)
            }
            Err(reason) => {
                let named = Named {
                    command: Kind::ReplaceOrder,
                    instrument: replace.order.instrument,
                    account: replace.order.account,
                    order_id: replace.target_order_id,
                    client_order_id: replace.order.client_order_id,
                };
                named.deny(reason, out);
                Progress::Done
            }
        }
    }

    fn check_replacement(&self, replace: &ReplaceOrder) -> Result<(u32, Entry), DenialReason> {
        let order = &replace.order;
        if replace.reserved != [0; 4] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let target =
            self.find(order.account, replace.target_order_id, &replace.target_client_order_id)?;
        self.check_replaced(target)?;
        let found = self.orders.get(target);
        let book = self.book(found.book);
        if book.spec.instrument != order.instrument || found.side != order.side {
            return Err(DenialReason::ReplacementMismatch);
        }
        let price = book.price(found.tick);
        let gone = Gone {
            handle: target,
            open_lots: found.open(),
            reserved: Book::gives(found.side, price, book.qty(found.open())),
        };
        Ok((target, self.check_entry::<true>(order, &gone)?))
    }

    /// Checks 1 to 32; without `ALONE` not 29 and 32, which are its list's.
    #[inline(always)]
    fn check_entry<const ALONE: bool>(
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
        let lots = book.check_qty(order.qty)?;
        let rests = may_rest(order.time_in_force);
        if rests {
            book.check_side(order.side, lots, gone.open_lots)?;
        }
        let value = Money::of(order.price, order.qty).units();
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
            reserve = Book::gives(order.side, order.price, order.qty);
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
        let lots = book.check_qty(order.qty)?;
        let rests = may_rest(order.time_in_force);
        if rests {
            book.check_side(order.side, lots, gone.open_lots)?;
        }
        book.check_value(Money::of(price, order.qty).units(), L::ENABLED)?;
        if !order.display_qty.is_zero() {
            return Err(DenialReason::DisplayQtyNotAllowed);
        }
        self.check_client_id(order, gone)?;
        if rests && !self.ledger.may_open(order.account, u32::from(gone.handle != NONE)) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        let mut reserve = 0;
        if L::ENABLED {
            reserve = Book::gives(order.side, price, order.qty);
            let asset = book.spec.asset_given(order.side);
            if reserve > self.ledger.free(order.account, asset) + gone.reserved {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(Entry { book: index, tick: Some(tick), lots, slice: 0, reserve, crosses: true })
    }

    /// Checks 1 to 32 of an order with terms.
    pub(crate) fn check_new_entry(&self, order: &NewOrder) -> Result<Checked, DenialReason> {
        let entry = self.check_entry::<true>(order, &Gone::NOTHING)?;
        let tick = if order.kind == OrderKind::Market { None } else { entry.tick };
        let (book, lots, slice) = (entry.book, entry.lots, entry.slice);
        Ok(Checked { book, tick: tick.unwrap_or(0), lots, slice })
    }

    /// What has to be free for a market order.
    pub(crate) fn market_needs(&self, taker: &Taker) -> i128 {
        match (taker.side, taker.amount) {
            (Side::Sell, None) => Money::from_qty(self.book(taker.book).qty(taker.open)).units(),
            (Side::Buy, Some(amount)) => amount.units(),
            _ => self.walk(taker),
        }
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

    /// The id of a checked order.
    #[inline(always)]
    pub(crate) fn next_order_id(&mut self, order: &NewOrder) -> OrderId {
        if L::ENABLED {
            self.orders_entered += 1;
            OrderId::new(self.config.shard, self.orders_entered)
        } else {
            order.order_id
        }
    }

    #[inline(always)]
    pub(crate) fn taker(
        &self,
        order: &NewOrder,
        id: OrderId,
        index: u32,
        tick: Option<i64>,
        lots: u64,
    ) -> Taker {
        let book = self.book(index);
        Taker {
            id,
            open: lots,
            total: lots,
            slice: if order.display_qty.is_zero() {
                0
            } else {
                book.lot.divide(order.display_qty.units()).unwrap_or(0)
            },
            tick: tick.unwrap_or(0),
            limit_key: match tick {
                Some(tick) => book.ladder(order.side.opposite()).key(tick),
                None => i64::MAX,
            },
            price: tick.map_or(Price::ZERO, |tick| book.price(tick)),
            amount: (!order.quote_qty.is_zero()).then(|| Money::from_qty(order.quote_qty)),
            book: index,
            handle: NONE,
            waiter: NOBODY,
            account: order.account,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            reach: Reach::ANYWHERE,
        }
    }

    /// Gives a checked order its id, announces it, and lets it rest or trade.
    #[inline(always)]
    fn enter(&mut self, order: &NewOrder, entry: &Entry, out: &mut EventBuffer) -> Progress {
        let id = self.next_order_id(order);
        if L::ENABLED && entry.reserve != 0 {
            let asset = self.book(entry.book).spec.asset_given(order.side);
            self.ledger.reserve(order.account, asset, entry.reserve);
        }
        if entry.crosses || !may_rest(order.time_in_force) {
            // In registers: a checked order handed over in memory costs as much as matching it.
            return self.enter_taking(order, id, entry.book, entry.tick, entry.lots, out);
        }
        let tick = entry.tick.unwrap_or(0);
        let (displayed, hidden) = split(entry.lots, entry.slice);
        let handle = self.orders.allocate();
        *self.orders.get_mut(handle) = Order {
            id,
            tick,
            displayed,
            hidden,
            total: entry.lots,
            next: NONE,
            previous: NONE,
            account: order.account,
            book: entry.book,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            rare: rare_bits(entry.slice, order.time_in_force),
        };
        self.register(handle, (id, order.account), order, entry.slice);
        let book = &mut self.books[entry.book as usize];
        let level_lots =
            book.link(&mut self.orders, handle, (order.side, tick), (displayed, hidden));
        let accepted = OrderAccepted {
            order_id: id,
            level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            resting: 1,
            ..accepted(order, order.price)
        };
        let ranks_top = book.has(RANKS_TOP);
        out.push(order.instrument, order.account, accepted);
        if ranks_top {
            self.rank_top(handle);
        }
        Progress::Done
    }

    #[inline(never)]
    fn enter_taking(
        &mut self,
        order: &NewOrder,
        id: OrderId,
        index: u32,
        tick: Option<i64>,
        lots: u64,
        out: &mut EventBuffer,
    ) -> Progress {
        let book = self.book(index);
        let (limit_key, price) = match tick {
            Some(tick) => (book.ladder(order.side.opposite()).key(tick), book.price(tick)),
            None => (i64::MAX, Price::ZERO),
        };
        out.push(
            order.instrument,
            order.account,
            OrderAccepted { order_id: id, ..accepted(order, price) },
        );
        let mut open = lots;
        let plain = order.quote_qty.is_zero() && order.time_in_force != TimeInForce::Fok;
        let book = self.book(index);
        if plain && !book.has(ALLOTS | GUARDED | UNSEEN) {
            let noted = book.has(NOTED);
            let aggressor = Aggressor {
                id,
                account: order.account,
                book: index,
                side: order.side,
                self_trade_prevention: order.self_trade_prevention,
                limit: (order.kind != OrderKind::Market).then_some(price),
                waiter: NOBODY,
            };
            open = if noted {
                self.take_noted(aggressor, lots, limit_key, out)
            } else {
                self.take_plainly(aggressor, lots, limit_key, out)
            };
            if open == 0 {
                return Progress::Done;
            }
        }
        self.enter_taking_rest(order, id, (index, tick), (lots, open), out)
    }

    /// What is not plain of an order that trades on entry.
    #[inline(never)]
    fn enter_taking_rest(
        &mut self,
        order: &NewOrder,
        id: OrderId,
        (index, tick): (u32, Option<i64>),
        (lots, open): (u64, u64),
        out: &mut EventBuffer,
    ) -> Progress {
        let mut taker = self.taker(order, id, index, tick, lots);
        taker.open = open;
        self.bound(&mut taker);
        if order.time_in_force == TimeInForce::Fok && self.available(&taker, lots) < lots {
            self.end_taker(&taker, EndReason::FillOrKill, out);
            return Progress::Done;
        }
        self.take(&mut taker, Some(order), out)
    }

    /// Makes a new resting order findable: by its ids, by its account, by its expire time.
    #[inline(always)]
    pub(crate) fn register(
        &mut self,
        handle: u32,
        (id, account): (OrderId, AccountId),
        order: &NewOrder,
        slice: u64,
    ) {
        let hash = self.hash_id(id);
        self.ids.insert(hash, handle);
        let timed = order.time_in_force == TimeInForce::Gtd;
        if L::ENABLED || timed || slice != 0 {
            let extra = OrderExtra::new(order.client_order_id, order.expire_time, slice);
            self.orders.attach(handle, extra);
        }
        if L::ENABLED && order.session != 0 {
            self.orders.set_session(handle, order.session);
        }
        if timed {
            self.timers.insert(&mut self.orders, handle);
            self.wake = self.wake.min(order.expire_time);
        }
        if L::ENABLED {
            self.ledger.link(&mut self.orders, handle);
            if !order.client_order_id.is_empty() {
                let hash = self.hash_client_id(account, &order.client_order_id);
                self.client_ids.insert(hash, handle);
            }
        }
    }
}

/// Checks 5 to 7, outside of continuous trading.
#[cold]
fn check_state(state: InstrumentState, order: &NewOrder) -> Result<(), DenialReason> {
    let immediate = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    if state == InstrumentState::Call {
        return if immediate { Err(DenialReason::ImmediateInCall) } else { Ok(()) };
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

/// The acceptance of an order, but for its id and where it rests.
#[inline(always)]
pub(crate) fn accepted(order: &NewOrder, price: Price) -> OrderAccepted {
    OrderAccepted {
        order_id: OrderId::NONE,
        price,
        qty: order.qty,
        level_qty: Qty::ZERO,
        update_id: 0,
        side: order.side,
        kind: order.kind,
        time_in_force: order.time_in_force,
        self_trade_prevention: order.self_trade_prevention,
        resting: 0,
        peg: Peg::None,
        all_or_none: 0,
        hidden: 0,
        client_order_id: order.client_order_id,
        session: order.session,
        quote_qty: order.quote_qty,
        display_qty: order.display_qty,
        expire_time: order.expire_time,
    }
}

/// Whether the mode can keep an order from trading at all.
#[inline(always)]
pub(crate) fn prevents(mode: SelfTradePrevention) -> bool {
    mode != SelfTradePrevention::None
}
