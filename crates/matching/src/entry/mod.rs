//! Entering orders: the checks of `docs/matching.md`, then resting or trading.

mod check;

use tiercel_types::command::{Kind, NewOrder, OrderTerms, ReplaceOrder};
use tiercel_types::event::{EventBuffer, OrderAccepted};
use tiercel_types::{
    AccountId, DenialReason, EndReason, Money, OrderId, OrderKind, Peg, Price, Qty,
    SelfTradePrevention, TimeInForce,
};

pub(crate) use self::check::check_shape;
use self::check::{Entry, Gone};
use crate::book::{ALLOTS, Book, GUARDED, NOTED, RANKS_TOP, UNSEEN};
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;
use crate::orders::{NONE, Order, OrderExtra, rare_bits, split};
use crate::protections::bands::Reach;
use crate::taker::{Aggressor, Taker};
use crate::waiting::NOBODY;

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
                Named::entering(command, order).deny(reason, out);
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
                    order_id: replace.target_order_id,
                    ..Named::entering(Kind::ReplaceOrder, &replace.order)
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
