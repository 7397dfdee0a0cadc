//! Entering orders: the checks of `docs/matching.md` in their order, then resting or trading.

use tiercel_types::command::{Kind, NewOrder, ReplaceOrder};
use tiercel_types::event::{EventBuffer, OrderAccepted};
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentState, Money, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, TimeInForce,
};

use crate::book::Book;
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;
use crate::orders::{NONE, Order, OrderExtra, split};
use crate::table::Probe;
use crate::take::{Aggressor, Taker};

/// Amounts of money are below this many units, so that no product or sum leaves 128 bits.
pub(crate) const MONEY_LIMIT: i128 = 1 << 100;

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

/// Whether an order of this time in force may wait in the book.
#[inline(always)]
pub(crate) fn may_rest(time_in_force: TimeInForce) -> bool {
    matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Gtd)
}

impl Book {
    /// Checks 15 to 18: a price that is given. Returns it in ticks.
    #[inline(always)]
    pub(crate) fn check_price(&self, price: Price, in_band: bool) -> Result<i64, DenialReason> {
        let tick = self.tick.divide_signed(price.units()).ok_or(DenialReason::PriceNotOnTick)?;
        if price < self.bounds.price_min {
            return Err(DenialReason::PriceTooLow);
        }
        if price > self.bounds.price_max {
            return Err(DenialReason::PriceTooHigh);
        }
        if in_band && self.spec.band_ppm != 0 {
            self.check_band(price)?;
        }
        Ok(tick)
    }

    /// Check 18.
    #[inline(always)]
    fn check_band(&self, price: Price) -> Result<(), DenialReason> {
        let reference = self.last_price.unwrap_or(self.spec.reference_price).units();
        let distance = i128::from(price.units()) - i128::from(reference);
        let reach = i128::from(reference) * i128::from(self.spec.band_ppm);
        if reference != 0 && distance.abs() * 1_000_000 > reach {
            return Err(DenialReason::PriceOutOfBand);
        }
        Ok(())
    }

    /// Checks 19 to 21: a quantity. Returns it in lots.
    #[inline(always)]
    pub(crate) fn check_qty(&self, qty: Qty) -> Result<u64, DenialReason> {
        let lots = self.lot.divide(qty.units()).ok_or(DenialReason::QtyNotOnLot)?;
        if qty < self.bounds.qty_min && !qty.is_zero() {
            return Err(DenialReason::QtyTooSmall);
        }
        if qty > self.bounds.qty_max {
            return Err(DenialReason::QtyTooLarge);
        }
        Ok(lots)
    }

    /// Check 22: whether `lots` more on a side stay countable, `gone` lots less on it.
    #[inline(always)]
    pub(crate) fn check_side(&self, side: Side, lots: u64, gone: u64) -> Result<(), DenialReason> {
        let open = self.open_lots[side.index()] - gone;
        if lots > self.bounds.side_lots_max - open {
            Err(DenialReason::QtyTooLarge)
        } else {
            Ok(())
        }
    }

    /// Checks 23 and 24: a value in units of money.
    #[inline(always)]
    pub(crate) fn check_value(&self, value: i128, bounded: bool) -> Result<(), DenialReason> {
        if bounded || self.bounds.values {
            if value < self.bounds.value_min {
                return Err(DenialReason::NotionalTooSmall);
            }
            if value > self.bounds.value_max || (bounded && value >= MONEY_LIMIT) {
                return Err(DenialReason::NotionalTooLarge);
            }
        }
        Ok(())
    }

    /// What an order gives when it trades `qty` at `price`: quote if it buys, base if it sells.
    #[inline(always)]
    pub(crate) fn gives(side: Side, price: Price, qty: Qty) -> i128 {
        match side {
            Side::Buy => Money::of(price, qty).units(),
            Side::Sell => Money::from_qty(qty).units(),
        }
    }

    /// The tick that bounds a market order: the protection price it gives, or that of the
    /// instrument's terms, or none.
    fn protection(&self, order: &NewOrder) -> Option<i64> {
        if !order.price.is_zero() {
            return self.tick.divide_signed(order.price.units());
        }
        let opposite = self.ladder(order.side.opposite());
        let ppm = i128::from(self.spec.market_protection_ppm);
        let best = opposite.best_key().filter(|_| ppm != 0)?;
        let best = i128::from(opposite.key(best));
        let tick = match order.side {
            Side::Buy => best + (best * ppm).div_euclid(1_000_000),
            Side::Sell => best - (best * ppm).div_euclid(1_000_000),
        };
        // No level lies beyond what a price can say.
        let most = i128::from(i64::MAX) / i128::from(self.tick.units());
        Some(tick.clamp(-most, most) as i64)
    }
}

impl<L: Ledger> Engine<L> {
    #[inline(always)]
    pub(crate) fn new_order(&mut self, order: &NewOrder, out: &mut EventBuffer) -> Progress {
        match self.check_entry(order, &Gone::NOTHING) {
            Ok(entry) => self.enter(order, &entry, out),
            Err(reason) => {
                let named = Named {
                    command: Kind::NewOrder,
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
                self.end_resting(target, EndReason::Replaced, out);
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
        Ok((target, self.check_entry(order, &gone)?))
    }

    /// Checks 1 to 32.
    #[inline(always)]
    fn check_entry(&self, order: &NewOrder, gone: &Gone) -> Result<Entry, DenialReason> {
        if order.reserved != [0; 8] {
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
        if order.kind == OrderKind::Market {
            if !order.quote_qty.is_zero() && book.spec.min_price.units() < 0 {
                return Err(DenialReason::QuoteQtyNotAllowed);
            }
            return self.check_market(order, index, gone);
        }
        if order.price.is_zero() && book.spec.min_price.units() >= 0 {
            return Err(DenialReason::PriceRequired);
        }
        let tick = book.check_price(order.price, true)?;
        let lots = book.check_qty(order.qty)?;
        let rests = may_rest(order.time_in_force);
        if rests {
            book.check_side(order.side, lots, gone.open_lots)?;
        }
        let value = Money::of(order.price, order.qty).units();
        book.check_value(value, L::ENABLED)?;
        let slice = if order.display_qty.is_zero() { 0 } else { check_slice(book, order, rests)? };
        self.check_client_id(order, gone)?;
        if rests && !self.ledger.may_open(order.account, u32::from(gone.handle != NONE)) {
            return Err(DenialReason::TooManyOpenOrders);
        }
        let crosses = book.crosses(order.side, tick);
        if crosses && (order.kind == OrderKind::PostOnly || !open) {
            return Err(DenialReason::WouldMatch);
        }
        let mut reserve = 0;
        if L::ENABLED {
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
    fn check_market(
        &self,
        order: &NewOrder,
        index: u32,
        gone: &Gone,
    ) -> Result<Entry, DenialReason> {
        let book = self.book(index);
        if !order.price.is_zero() {
            book.check_price(order.price, false)?;
        }
        let lots = book.check_qty(order.qty)?;
        if !order.quote_qty.is_zero() {
            book.check_value(Money::from_qty(order.quote_qty).units(), L::ENABLED)?;
        }
        if !order.display_qty.is_zero() {
            return Err(DenialReason::DisplayQtyNotAllowed);
        }
        self.check_client_id(order, gone)?;
        let tick = book.protection(order);
        let opposite = book.ladder(order.side.opposite());
        if !opposite.reaches(tick.map_or(i64::MAX, |tick| opposite.key(tick))) {
            return Err(DenialReason::NoLiquidity);
        }
        let entry = Entry { book: index, tick, lots, slice: 0, reserve: 0, crosses: true };
        if L::ENABLED {
            let asset = book.spec.asset_given(order.side);
            let needed = match (order.side, order.quote_qty.is_zero()) {
                (Side::Sell, true) => Money::from_qty(order.qty).units(),
                (Side::Buy, false) => Money::from_qty(order.quote_qty).units(),
                _ => self.walk(&self.taker(order, OrderId::NONE, index, tick, lots)),
            };
            if needed > self.ledger.free(order.account, asset) + gone.reserved {
                return Err(DenialReason::InsufficientFunds);
            }
        }
        Ok(entry)
    }

    #[inline(always)]
    fn taker(
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
            account: order.account,
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
        }
    }

    /// Gives a checked order its id, announces it, and lets it rest or trade.
    #[inline(always)]
    fn enter(&mut self, order: &NewOrder, entry: &Entry, out: &mut EventBuffer) -> Progress {
        let id = if L::ENABLED {
            self.orders_entered += 1;
            OrderId::new(self.config.shard, self.orders_entered)
        } else {
            order.order_id
        };
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
            iceberg: entry.slice != 0,
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
        out.push(order.instrument, order.account, accepted);
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
        if order.quote_qty.is_zero() && order.time_in_force != TimeInForce::Fok {
            let aggressor = Aggressor {
                id,
                account: order.account,
                book: index,
                side: order.side,
                self_trade_prevention: order.self_trade_prevention,
                limit: (order.kind != OrderKind::Market).then_some(price),
            };
            open = self.take_plainly(aggressor, lots, limit_key, out);
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
        if order.time_in_force == TimeInForce::Fok && self.available(&taker) < lots {
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
        if timed {
            self.timers.insert(&mut self.orders, handle);
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
    if state != InstrumentState::PreOpen {
        return Err(DenialReason::NotTrading);
    }
    if order.kind == OrderKind::Market {
        return Err(DenialReason::MarketNotOpen);
    }
    if may_rest(order.time_in_force) { Ok(()) } else { Err(DenialReason::TimeInForceNotAllowed) }
}

/// Checks 10 to 13: what needs no book.
#[inline(always)]
fn check_shape(order: &NewOrder, now_ns: u64) -> Result<(), DenialReason> {
    // Most orders are limit orders without quote amount and expire time.
    if order.kind == OrderKind::Limit
        && order.time_in_force != TimeInForce::Gtd
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
        OrderKind::Limit => true,
        OrderKind::PostOnly => rests,
        OrderKind::Market => {
            !rests && (order.quote_qty.is_zero() || order.time_in_force == TimeInForce::Ioc)
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

/// Checks 25 to 27. Returns the slice in lots.
fn check_slice(book: &Book, order: &NewOrder, rests: bool) -> Result<u64, DenialReason> {
    if !rests {
        return Err(DenialReason::DisplayQtyNotAllowed);
    }
    let slice = book.lot.divide(order.display_qty.units());
    let slice = slice.filter(|_| order.display_qty <= order.qty);
    let slice = slice.ok_or(DenialReason::DisplayQtyInvalid)?;
    book.check_parts(order.qty, order.display_qty)?;
    Ok(slice)
}

impl Book {
    /// Check 27.
    pub(crate) fn check_parts(&self, qty: Qty, display_qty: Qty) -> Result<(), DenialReason> {
        let most = u64::from(self.spec.max_iceberg_parts);
        if most != 0 && qty.units().div_ceil(display_qty.units()) > most {
            return Err(DenialReason::TooManyIcebergParts);
        }
        Ok(())
    }
}

/// The acceptance of an order, but for its id and where it rests.
#[inline(always)]
fn accepted(order: &NewOrder, price: Price) -> OrderAccepted {
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
        reserved: [0; 3],
        client_order_id: order.client_order_id,
        reserved_too: [0; 4],
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
