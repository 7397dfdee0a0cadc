//! Trading: a taker walks the opposite side.

use core::ops::ControlFlow;

use tiercel_types::command::NewOrder;
use tiercel_types::event::{EventBuffer, OrderReplenished, OrderRested, Trade};
use tiercel_types::{
    AccountId, EndReason, Money, OrderKind, Price, Qty, SelfTradePrevention, TimeInForce, TradeId,
};

use crate::book::{ALLOTS, Book, RANKS_TOP, UNSEEN};
use crate::engine::{Engine, Pending, Progress};
use crate::entry::{may_rest, prevents};
use crate::ladder::Level;
use crate::ledger::{Ledger, Settlement};
use crate::orders::{BEYOND, NONE, Order, TIMED, UNSEEN_ORDER, rare_bits, split};
use crate::taker::{Aggressor, Taker};
use crate::waiting::NOBODY;

/// Records that one step of plain trading writes at most: a trade.
const PLAIN_RECORDS: usize = 1;

/// Records that one step of trading and the end of the taker write at most: a trade or a prevented
/// self-trade, the maker's end or next slice, the taker's end, and for each of the two the ends of
/// two more orders of its list and of the list.
pub(crate) const STEP_RECORDS: usize = 10;

impl<L: Ledger> Engine<L> {
    /// Trades an order that wants `open` lots up to a limit, while what it meets is plain: near
    /// the touch, all of it in view, another owner's. Returns the lots that are left; what comes
    /// then is for [`take`](Self::take). Nearly all trading is done here, in registers.
    #[inline(always)]
    pub(crate) fn take_plainly(
        &mut self,
        aggressor: Aggressor,
        mut open: u64,
        limit_key: i64,
        out: &mut EventBuffer,
    ) -> u64 {
        let opposite = aggressor.side.opposite().index();
        while open > 0 && out.has_room_for(PLAIN_RECORDS) {
            let book = &self.books[aggressor.book as usize];
            let ladder = &book.ladders[opposite];
            let Some((key, level)) = ladder.reachable_near(limit_key) else { break };
            let handle = level.head;
            let maker = self.orders.get(handle);
            if maker.rare & !TIMED != 0
                || (prevents(aggressor.self_trade_prevention)
                    && self.ledger.same_group(aggressor.account, maker.account))
            {
                break;
            }
            let lots = open.min(maker.displayed);
            open -= lots;
            let price = book.price(ladder.key(key));
            self.trade::<false>(aggressor, open, (handle, key), price, lots, out);
        }
        open
    }

    /// The same in a book whose trades are noted.
    #[inline(never)]
    pub(crate) fn take_noted(
        &mut self,
        aggressor: Aggressor,
        open: u64,
        limit_key: i64,
        out: &mut EventBuffer,
    ) -> u64 {
        let book = self.book(aggressor.book);
        let ladder = book.ladder(aggressor.side.opposite());
        let first = ladder.best_key().map(|key| book.price(ladder.key(key)));
        let left = self.take_plainly(aggressor, open, limit_key, out);
        if let Some(first) = first.filter(|_| left < open) {
            self.books[aggressor.book as usize].note_trades(first, open - left, self.time);
        }
        left
    }

    /// Trades until the taker has had enough, or there is nothing more for it; then lets it rest
    /// or ends it. `entered` is a new order as it was asked for; an amended one has its slot.
    pub(crate) fn take(
        &mut self,
        taker: &mut Taker,
        entered: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) -> Progress {
        if self.book(taker.book).has(ALLOTS) {
            return self.take_allotted(taker, entered, out);
        }
        if self.book(taker.book).has(UNSEEN) {
            return self.take_unseen(taker, entered, out);
        }
        let opposite = taker.side.opposite().index();
        while out.has_room_for(STEP_RECORDS) {
            let book = &self.books[taker.book as usize];
            let ladder = &book.ladders[opposite];
            let key = ladder.reachable(taker.limit_key);
            let Some((key, level)) = key.and_then(|key| Some((key, ladder.level(key)?))) else {
                self.finish(taker, entered, out);
                return Progress::Done;
            };
            let price = book.price(ladder.key(key));
            let handle = level.head;
            let maker = self.orders.get(handle);
            let lots = taker.wants(book, price).min(maker.displayed);
            match self.may_trade(taker, entered, (handle, key), (price, lots), out) {
                ControlFlow::Break(progress) => return progress,
                ControlFlow::Continue(false) => continue,
                ControlFlow::Continue(true) => {}
            }
            self.trade::<true>(taker.aggressor(), taker.open, (handle, key), price, lots, out);
            if taker.is_filled() {
                self.discard(taker);
                return Progress::Done;
            }
        }
        self.wait_for_room(taker, entered)
    }

    /// The taker has met a maker, of whom it wants `lots`: whether they trade. If they do, the lots
    /// are off what the taker wants. The taking is over if it wants none, may not trade there, or
    /// ends by self-trade prevention.
    #[inline(always)]
    pub(crate) fn may_trade(
        &mut self,
        taker: &mut Taker,
        entered: Option<&NewOrder>,
        (handle, key): (u32, i64),
        (price, lots): (Price, u64),
        out: &mut EventBuffer,
    ) -> ControlFlow<Progress, bool> {
        if lots == 0 {
            self.finish(taker, entered, out);
            return ControlFlow::Break(Progress::Done);
        }
        if !taker.reach.holds(key) {
            return ControlFlow::Break(self.stop_at_band(taker, entered, key, out));
        }
        if self.is_own(taker, handle) {
            let ended = self.prevent(taker, handle, price, lots, out);
            return if ended {
                ControlFlow::Break(Progress::Done)
            } else {
                ControlFlow::Continue(false)
            };
        }
        let qty = self.book(taker.book).qty(lots);
        taker.reduce(lots, || Money::of(price, qty));
        ControlFlow::Continue(true)
    }

    /// The event buffer is full: the taker goes on when there is room.
    pub(crate) fn wait_for_room(&mut self, taker: &Taker, entered: Option<&NewOrder>) -> Progress {
        self.pending = Pending::Taking(*taker, entered.copied());
        Progress::More
    }

    /// Trades `lots` with a maker of the best opposite level, whose key is given; the taker has
    /// `open` lots left then. With `NOTE`, lists and watchers hear of it, and the maker may be any
    /// of the level; without, it is the first.
    #[inline(always)]
    pub(crate) fn trade<const NOTE: bool>(
        &mut self,
        taker: Aggressor,
        open: u64,
        (handle, key): (u32, i64),
        price: Price,
        lots: u64,
        out: &mut EventBuffer,
    ) {
        let maker_side = taker.side.opposite();
        let book = &mut self.books[taker.book as usize];
        book.open_lots[maker_side.index()] -= lots;
        let level = book.ladders[maker_side.index()].level_mut(key);
        level.displayed -= lots;
        let level_lots = level.displayed;
        let maker = self.orders.get_mut(handle);
        let (maker_id, maker_account) = (maker.id, maker.account);
        let (displayed, hidden) = (maker.displayed - lots, maker.hidden);
        maker.displayed = displayed;
        let qty = book.qty(lots);
        book.last_price = Some(price);
        book.trades += 1;
        let mut trade = Trade {
            trade_id: TradeId(book.trades),
            price,
            qty,
            taker_order_id: taker.id,
            maker_order_id: maker_id,
            taker_open_qty: book.qty(open),
            maker_open_qty: book.qty(displayed + hidden),
            level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            maker_account,
            taker_side: taker.side,
            auction: 0,
            reserved: [0; 2],
            taker_fee: Money::ZERO,
            maker_fee: Money::ZERO,
        };
        let instrument = book.spec.instrument;
        if L::ENABLED {
            let settlement =
                self.settlement(taker, maker_account, price, qty, Some(trade.trade_id.0));
            (trade.taker_fee, trade.maker_fee) = self.ledger.settle(&settlement);
        }
        out.push(instrument, taker.account, trade);
        if NOTE {
            let book = &mut self.books[taker.book as usize];
            book.note_trades(price, lots, self.time);
            book.note_trade(price);
            let beyond = self.orders.get(handle).rare & BEYOND != 0;
            if taker.waiter != NOBODY || beyond {
                self.tell_lists(taker, (open, lots), (handle, displayed + hidden), out);
                if self.orders.get(handle).id != maker_id {
                    return; // It ended with its list.
                }
            }
        }
        if displayed == 0 {
            if hidden == 0 {
                let book = &mut self.books[taker.book as usize];
                if NOTE {
                    book.unlink(&mut self.orders, handle);
                } else {
                    book.unlink_head(&mut self.orders, handle, (maker_side, key));
                }
                self.forget(handle);
            } else {
                self.replenish(handle, out);
            }
        }
    }

    /// Tells the lists that taker and maker may belong to of a trade.
    #[cold]
    pub(crate) fn tell_lists(
        &mut self,
        taker: Aggressor,
        (open, lots): (u64, u64),
        (handle, maker_open): (u32, u64),
        out: &mut EventBuffer,
    ) {
        let id = self.orders.get(handle).id;
        if taker.waiter != NOBODY {
            // By quote amount nothing is open, and it is not filled: its list holds no such exit.
            let by_amount = self.waiting.waiters.get(taker.waiter).quote_qty != Qty::ZERO;
            self.leg_traded(taker.waiter, lots, open == 0 && !by_amount, out);
        }
        let maker = self.orders.get(handle);
        if maker.id == id && maker.rare & BEYOND != 0 {
            let index = self.waiting.waiters.of(handle);
            self.leg_traded(index, lots, maker_open == 0, out);
        }
    }

    pub(crate) fn settlement(
        &self,
        taker: Aggressor,
        maker: AccountId,
        price: Price,
        qty: Qty,
        trade: Option<u64>,
    ) -> Settlement {
        let spec = &self.book(taker.book).spec;
        Settlement {
            instrument: spec.instrument,
            base: spec.base,
            quote: spec.quote,
            price,
            qty,
            taker: taker.account,
            maker,
            taker_side: taker.side,
            taker_limit: taker.limit,
            fees_ppm: (spec.taker_fee_ppm, spec.maker_fee_ppm),
            trade,
        }
    }

    /// An iceberg whose slice has gone shows the next.
    pub(crate) fn replenish(&mut self, handle: u32, out: &mut EventBuffer) {
        let book = &mut self.books[self.orders.get(handle).book as usize];
        let level_lots = book.replenish(&mut self.orders, handle);
        let order = self.orders.get(handle);
        let replenished = OrderReplenished {
            order_id: order.id,
            price: book.price(order.tick),
            displayed_qty: book.qty(order.displayed),
            hidden_qty: book.qty(order.hidden),
            level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            side: order.side,
            reserved: [0; 7],
        };
        out.push(book.spec.instrument, order.account, replenished);
    }

    /// Nothing more to trade with: the rest rests, or ends.
    pub(crate) fn finish(
        &mut self,
        taker: &Taker,
        entered: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) {
        let reason = match (taker.kind, taker.amount) {
            (OrderKind::Market, None) => EndReason::NoLiquidity,
            (OrderKind::Market, Some(_)) => {
                let ladder = self.book(taker.book).ladder(taker.side.opposite());
                let there = ladder.reaches(taker.limit_key)
                    || (self.book(taker.book).has(UNSEEN) && self.reaches_any(taker));
                if there { EndReason::QuoteSpent } else { EndReason::NoLiquidity }
            }
            _ if may_rest(taker.time_in_force) => return self.rest(taker, entered, out),
            _ if taker.time_in_force == TimeInForce::Fok => EndReason::FillOrKill,
            _ => EndReason::ImmediateOrCancel,
        };
        self.end_taker(taker, reason, out);
    }

    /// The rest of a taker joins the back of its level.
    pub(crate) fn rest(
        &mut self,
        taker: &Taker,
        entered: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) {
        if taker.handle != NONE && self.orders.get(taker.handle).rare & UNSEEN_ORDER != 0 {
            return self.rest_unseen(taker, out);
        }
        let (displayed, hidden) = split(taker.open, taker.slice);
        let order = Order {
            id: taker.id,
            tick: taker.tick,
            displayed,
            hidden,
            total: taker.total,
            next: NONE,
            previous: NONE,
            account: taker.account,
            book: taker.book,
            side: taker.side,
            time_in_force: taker.time_in_force,
            self_trade_prevention: taker.self_trade_prevention,
            kind: taker.kind,
            rare: rare_bits(taker.slice, taker.time_in_force)
                | if taker.waiter == NOBODY { 0 } else { BEYOND },
        };
        let handle = if let Some(entered) = entered {
            let handle = self.orders.allocate();
            *self.orders.get_mut(handle) = order;
            self.register(handle, (order.id, order.account), entered, taker.slice);
            handle
        } else {
            *self.orders.get_mut(taker.handle) = order;
            taker.handle
        };
        let book = &mut self.books[order.book as usize];
        let place = (order.side, order.tick);
        let level_lots = book.link(&mut self.orders, handle, place, (displayed, hidden));
        let rested = OrderRested {
            order_id: order.id,
            price: taker.price,
            open_qty: book.qty(taker.open),
            displayed_qty: book.qty(displayed),
            level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            side: order.side,
            reserved: [0; 7],
        };
        let ranks_top = book.has(RANKS_TOP);
        out.push(book.spec.instrument, order.account, rested);
        if ranks_top {
            self.rank_top(handle);
        }
        if taker.waiter != NOBODY {
            self.note_resting(taker.waiter);
        }
    }

    /// What a market order would take: quote if it buys, base if it sells, in units of money.
    pub(crate) fn walk(&self, taker: &Taker) -> i128 {
        let book = self.book(taker.book);
        if book.has(UNSEEN) {
            return self.walk_unseen(taker);
        }
        let ladder = book.ladder(taker.side.opposite());
        let mut taker = *taker;
        let mut taken = 0;
        let limit_key = taker.limit_key;
        self.waiting.lists.begin_visit();
        for key in ladder.keys().take_while(|&key| key <= limit_key) {
            let Some(level) = ladder.level(key) else { break };
            let price = book.price(ladder.key(key));
            let wanted = taker.wants(book, price);
            let lots = wanted.min(self.open_at(level, &taker, false).0);
            taken += Book::gives(taker.side, price, book.qty(lots));
            taker.reduce(lots, || Money::of(price, book.qty(lots)));
            if lots == wanted {
                break;
            }
        }
        taken
    }

    /// Open lots of a level that the taker would trade with: under `EXPIRE_MAKER` without those
    /// of its own, and without orders that end before, because another of their list trades.
    /// With `stops`, only what is displayed ahead of the first order of its own, if there is one;
    /// then the second is true.
    pub(crate) fn open_at(&self, level: &Level, taker: &Taker, stops: bool) -> (u64, bool) {
        let expires_makers = taker.self_trade_prevention == SelfTradePrevention::ExpireMaker;
        if !expires_makers && !stops && self.waiting.lists.is_empty() {
            return (level.open(), false);
        }
        let (mut open, mut displayed) = (0, 0);
        let mut handle = level.head;
        while handle != NONE {
            let order = self.orders.get(handle);
            let there = order.rare & BEYOND == 0 || self.would_trade(handle, taker.waiter);
            let own =
                (expires_makers || stops) && self.ledger.same_group(taker.account, order.account);
            if there && own && stops {
                // When the level is shared out, nobody is ahead of anybody.
                let allots = self.book(taker.book).has(ALLOTS);
                return (if allots { 0 } else { displayed }, true);
            }
            if there && !own {
                open += order.open();
                displayed += order.displayed;
            }
            handle = order.next;
        }
        (open, false)
    }

    /// Lots that an order could trade at once, counted no further than to `wanted`.
    pub(crate) fn available(&self, taker: &Taker, wanted: u64) -> u64 {
        let book = self.book(taker.book);
        if book.has(UNSEEN) {
            return self.available_unseen(taker, wanted);
        }
        let ladder = book.ladder(taker.side.opposite());
        let mode = taker.self_trade_prevention;
        let stops = prevents(mode) && mode != SelfTradePrevention::ExpireMaker;
        let mut lots = 0_u64;
        self.waiting.lists.begin_visit();
        let within = |&key: &i64| key <= taker.limit_key && taker.reach.holds(key);
        for key in ladder.keys().take_while(within) {
            let Some(level) = ladder.level(key).filter(|_| lots < wanted) else { break };
            let (open, ends) = self.open_at(level, taker, stops);
            lots += open;
            if ends {
                break;
            }
        }
        lots
    }
}
