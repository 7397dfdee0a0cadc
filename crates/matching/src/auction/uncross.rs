//! The auction itself: who trades, at one price.
//!
//! ```text
//!   queues of both sides, best first --> trades --> levels --> told --> lists --> what is left ends
//! ```
//!
//! Each part goes on where it was when the event buffer was full. The buffers are kept for the next
//! auction. Budget: 350 ns a trade, of a million orders.

use tiercel_types::command::SetInstrumentState;
use tiercel_types::event::{AuctionEnded, EventBuffer, LevelChanged, Trade};
use tiercel_types::{
    AccountId, EndReason, Money, OrderId, Price, Qty, SelfTradePrevention, Side, TradeId,
};

use crate::end::END_RECORDS;
use crate::engine::{Engine, Pending, Progress};
use crate::ladder::Level;
use crate::ledger::Ledger;
use crate::orders::{ASIDE, BEYOND, NONE, UNSEEN_ORDER};
use crate::prefetch::prefetch_line;
use crate::taker::Aggressor;
use crate::waiting::{NOBODY, Touched};

use super::merge::{LADDERS_MAX, Merge};
use super::{Indication, Queues, Rank};

/// How far ahead orders are asked for, and then what is found by them: the entry of the id.
const PREFETCH: [usize; 2] = [12, 6];

/// Where an auction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Trades,
    Levels,
    Told,
    Lists,
    Left,
}

/// An order that is trading.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// In the slab; [`NONE`]: the next in the queue is to come.
    handle: u32,
    /// Lots open before the auction, and now.
    before: u64,
    open: u64,
    id: OrderId,
    account: AccountId,
    /// Its limit: what a buyer's funds are reserved at.
    limit: Price,
    /// Of an order of a list: where it is told of.
    traded: usize,
}

/// An order of a list that traded.
#[derive(Clone, Copy, Debug)]
struct Traded {
    handle: u32,
    id: OrderId,
    lots: u64,
    filled: bool,
}

/// An auction that takes place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uncross {
    part: Part,
    book: u32,
    found: Option<Indication>,
    /// What follows.
    change: Option<SetInstrumentState>,
    /// Who trades, buyers and sellers, in their order; then the orders that are left.
    queues: [Vec<u32>; 2],
    /// The next of each queue; of levels, lists and orders that are left the next.
    next: [usize; 2],
    turns: [Turn; 2],
    /// Lots that are still to trade.
    left: u64,
    /// The levels of the book that the queues reach into.
    levels: Vec<(Side, i64)>,
    traded: Vec<Traded>,
}

/// What a queue is filled from.
#[derive(Clone, Copy)]
struct Reach {
    /// The worst key; of whoever has no limit any.
    worst: i64,
    /// No more than so many lots are needed.
    lots: u64,
    with_book: bool,
}

impl<L: Ledger> Engine<L> {
    /// Lets the auction of a call take place, and then the change of state that ends it.
    #[cold]
    #[inline(never)]
    pub(crate) fn uncross(
        &mut self,
        change: SetInstrumentState,
        out: &mut EventBuffer,
    ) -> Progress {
        let Ok(index) = self.book_of(change.instrument) else { return Progress::Done };
        self.touch_also(Touched::Book(index));
        let mut found = self.find_auction(index, true);
        if let Some(found) = &mut found {
            let more = self.imbalance_lots(index, found).min(found.surplus);
            found.executed += more;
            found.surplus -= more;
            if found.surplus == 0 {
                found.surplus_side = Side::Buy;
            }
        }
        let mut uncross = core::mem::take(&mut self.auctions.uncross);
        uncross.part = Part::Trades;
        (uncross.book, uncross.found, uncross.change) = (index, found, Some(change));
        (uncross.next, uncross.turns) = ([0; 2], [Turn::default(); 2]);
        uncross.levels.clear();
        uncross.traded.clear();
        uncross.queues.iter_mut().for_each(Vec::clear);
        if let Some(found) = found {
            uncross.left = found.executed;
            for side in [Side::Buy, Side::Sell] {
                let worst = self.book(index).ladder(side).key(found.tick);
                let reach = Reach { worst, lots: found.executed, with_book: true };
                let queue = &mut uncross.queues[side.index()];
                self.fill_queue(index, side, reach, queue, &mut uncross.levels);
            }
        } else {
            uncross.left = 0;
        }
        self.auctions.uncross = uncross;
        self.go_on_uncrossing(out)
    }

    /// Goes on with the auction.
    pub(crate) fn go_on_uncrossing(&mut self, out: &mut EventBuffer) -> Progress {
        let mut uncross = core::mem::take(&mut self.auctions.uncross);
        let progress = self.run_auction(&mut uncross, out);
        let change = uncross.change;
        self.auctions.uncross = uncross;
        match (progress, change) {
            (Progress::More, _) => {
                self.pending = Pending::Uncrossing;
                Progress::More
            }
            (Progress::Done, Some(change)) => self.change_state(change, out),
            (Progress::Done, None) => Progress::Done,
        }
    }

    fn run_auction(&mut self, uncross: &mut Uncross, out: &mut EventBuffer) -> Progress {
        if uncross.part == Part::Trades {
            if self.trade_all(uncross, out) == Progress::More {
                return Progress::More;
            }
            (uncross.part, uncross.next) = (Part::Levels, [0; 2]);
        }
        if uncross.part == Part::Levels {
            while let Some(&level) = uncross.levels.get(uncross.next[0]) {
                if !out.has_room_for(1) {
                    return Progress::More;
                }
                uncross.next[0] += 1;
                self.tell_level(uncross.book, level, out);
            }
            uncross.part = Part::Told;
        }
        if uncross.part == Part::Told {
            if !out.has_room_for(2) {
                return Progress::More;
            }
            self.tell_auction(uncross, out);
            if let Some(found) = uncross.found {
                let price = self.book(uncross.book).price(found.tick);
                self.note_auction(uncross.book, price, out);
            }
            (uncross.part, uncross.next) = (Part::Lists, [0; 2]);
        }
        if uncross.part == Part::Lists {
            while let Some(&traded) = uncross.traded.get(uncross.next[0]) {
                if !out.has_room_for(END_RECORDS) {
                    return Progress::More;
                }
                uncross.next[0] += 1;
                self.tell_list(traded, out);
            }
            self.find_left(uncross);
            uncross.part = Part::Left;
        }
        while let Some(&handle) = uncross.queues[0].get(uncross.next[0]) {
            if !out.has_room_for(END_RECORDS) {
                return Progress::More;
            }
            uncross.next[0] += 1;
            self.end_order(handle, EndReason::AuctionEnded, out);
        }
        Progress::Done
    }

    /// Lots for the imbalance only that would trade at the price found.
    fn imbalance_lots(&self, index: u32, found: &Indication) -> u64 {
        let book = self.book(index);
        let side = found.surplus_side.opposite();
        let worst = book.ladder(side).key(found.tick);
        let called = book.auction.iter().flat_map(|auction| auction.called(side));
        let ladders = called.map(|queues| &queues.ladders[Rank::Imbalance as usize]);
        let levels = ladders.flat_map(|ladder| {
            let keys = ladder.keys().take_while(move |&key| key <= worst);
            keys.filter_map(move |key| ladder.level(key))
        });
        levels.map(Level::open).sum()
    }

    /// Appends the orders of a side in the order in which they trade, as far as they are needed.
    fn fill_queue(
        &self,
        index: u32,
        side: Side,
        reach: Reach,
        queue: &mut Vec<u32>,
        levels: &mut Vec<(Side, i64)>,
    ) {
        let book = self.book(index);
        let Some(auction) = &book.auction else { return };
        let mut wanted = reach.lots;
        let mut called = auction.called(side);
        let unlimited = [(); 2].map(|()| called.next().and_then(Queues::unlimited));
        self.append_pair(unlimited, &mut wanted, queue);
        for merged in book.merged(side, reach.with_book) {
            if merged.key > reach.worst || wanted == 0 {
                break;
            }
            let [market, other_market, of_book, limit, other_limit, hidden] = merged.levels;
            self.append_pair([market, other_market], &mut wanted, queue);
            if let Some(level) = of_book.filter(|_| wanted > 0) {
                let from = queue.len();
                let left_out = |handle| self.is_left_out(side, merged.key, handle);
                self.append_level(level.head, &mut wanted, queue, left_out);
                if queue.len() > from {
                    levels.push((side, merged.key));
                }
            }
            self.append_pair([limit, other_limit], &mut wanted, queue);
            if let Some(level) = hidden {
                self.append_level(level.head, &mut wanted, queue, |_| false);
            }
        }
        let mut ladders = [None; LADDERS_MAX];
        for (place, queues) in ladders.iter_mut().zip(auction.called(side)) {
            *place = Some(&queues.ladders[Rank::Imbalance as usize]);
        }
        for merged in Merge::new(ladders) {
            if merged.key > reach.worst || wanted == 0 {
                break;
            }
            self.append_pair([merged.levels[0], merged.levels[1]], &mut wanted, queue);
        }
    }

    /// Appends the orders of a level but those left out, until no more is wanted.
    fn append_level(
        &self,
        head: u32,
        wanted: &mut u64,
        queue: &mut Vec<u32>,
        left_out: impl Fn(u32) -> bool,
    ) {
        let mut handle = head;
        while handle != NONE && *wanted > 0 {
            let order = self.orders.get(handle);
            if order.rare & BEYOND == 0 || !left_out(handle) {
                queue.push(handle);
                *wanted = wanted.saturating_sub(order.open());
            }
            handle = order.next;
        }
    }

    /// Appends the orders of two levels at one price, in the order in which they came.
    fn append_pair(&self, pair: [Option<&Level>; 2], wanted: &mut u64, queue: &mut Vec<u32>) {
        match pair {
            [Some(one), Some(other)] if *wanted > 0 => {
                let from = queue.len();
                self.append_level(one.head, &mut one.open(), queue, |_| false);
                self.append_level(other.head, &mut other.open(), queue, |_| false);
                let waiters = &self.waiting.waiters;
                queue[from..].sort_unstable_by_key(|&it| waiters.get(waiters.of(it)).since);
                *wanted = wanted.saturating_sub(one.open() + other.open());
            }
            [Some(level), None] | [None, Some(level)] => {
                self.append_level(level.head, wanted, queue, |_| false);
            }
            _ => {}
        }
    }

    /// Trades until nothing is left to trade.
    fn trade_all(&mut self, uncross: &mut Uncross, out: &mut EventBuffer) -> Progress {
        let Some(found) = uncross.found else { return Progress::Done };
        let price = self.book(uncross.book).price(found.tick);
        while uncross.left > 0 {
            if !out.has_room_for(1) {
                return Progress::More;
            }
            for side in [Side::Buy, Side::Sell] {
                if uncross.turns[side.index()].handle == NONE {
                    self.begin_turn(uncross, side);
                }
            }
            let [buyer, seller] = &mut uncross.turns;
            let lots = buyer.open.min(seller.open).min(uncross.left);
            buyer.open -= lots;
            seller.open -= lots;
            uncross.left -= lots;
            self.auction_trade(uncross, price, lots, out);
            let is_last = uncross.left == 0;
            for side in [Side::Buy, Side::Sell] {
                if is_last || uncross.turns[side.index()].open == 0 {
                    self.end_turn(uncross, side);
                }
            }
        }
        let now = self.time;
        self.books[uncross.book as usize].note_trades(price, found.executed, now);
        Progress::Done
    }

    /// The next order of a queue comes to its turn.
    fn begin_turn(&mut self, uncross: &mut Uncross, side: Side) {
        let (queue, next) = (&uncross.queues[side.index()], &mut uncross.next[side.index()]);
        let handle = queue[*next];
        *next += 1;
        let [far, near] = PREFETCH.map(|ahead| queue.get(*next + ahead));
        if let Some(&ahead) = far {
            prefetch_line(self.orders.get(ahead));
        }
        if let Some(&ahead) = near {
            prefetch_line(self.ids.home(self.hash_id(self.orders.get(ahead).id)));
        }
        let order = self.orders.get(handle);
        uncross.turns[side.index()] = Turn {
            handle,
            before: order.open(),
            open: order.open(),
            id: order.id,
            account: order.account,
            limit: self.book(uncross.book).price(order.tick),
            traded: uncross.traded.len(),
        };
        if order.rare & (BEYOND | ASIDE | UNSEEN_ORDER) == BEYOND {
            uncross.traded.push(Traded { handle, id: order.id, lots: 0, filled: false });
        }
    }

    /// Tells of a trade, and books it.
    fn auction_trade(&mut self, uncross: &Uncross, price: Price, lots: u64, out: &mut EventBuffer) {
        let [buyer, seller] = &uncross.turns;
        let book = &mut self.books[uncross.book as usize];
        book.trades += 1;
        book.last_price = Some(price);
        let mut trade = Trade {
            trade_id: TradeId(book.trades),
            price,
            qty: book.qty(lots),
            taker_order_id: buyer.id,
            maker_order_id: seller.id,
            taker_open_qty: book.qty(buyer.open),
            maker_open_qty: book.qty(seller.open),
            level_qty: Qty::ZERO,
            update_id: 0,
            maker_account: seller.account,
            taker_side: Side::Buy,
            auction: 1,
            reserved: [0; 2],
            taker_fee: Money::ZERO,
            maker_fee: Money::ZERO,
        };
        let spec = &book.spec;
        let (instrument, fee_ppm) = (spec.instrument, spec.maker_fee_ppm.max(0));
        if L::ENABLED {
            let aggressor = Aggressor {
                id: buyer.id,
                account: buyer.account,
                book: uncross.book,
                side: Side::Buy,
                self_trade_prevention: SelfTradePrevention::None,
                limit: Some(buyer.limit),
                waiter: NOBODY,
            };
            let number = Some(trade.trade_id.0);
            let mut settlement =
                self.settlement(aggressor, seller.account, price, trade.qty, number);
            settlement.fees_ppm = (fee_ppm, fee_ppm);
            (trade.taker_fee, trade.maker_fee) = self.ledger.settle(&settlement);
        }
        out.push(instrument, buyer.account, trade);
    }

    /// An order has traded all that it can.
    fn end_turn(&mut self, uncross: &mut Uncross, side: Side) {
        let turn = core::mem::take(&mut uncross.turns[side.index()]);
        let rare = self.orders.get(turn.handle).rare;
        let filled = turn.open == 0;
        if rare & ASIDE != 0 {
            let index = self.waiting.waiters.of(turn.handle);
            if filled {
                self.leave_auction(index);
                self.forget(turn.handle);
            } else {
                self.shrink_in_auction(index, turn.open);
            }
            return;
        }
        if rare & UNSEEN_ORDER != 0 {
            return self.end_hidden_turn(turn.handle, turn.before - turn.open, filled);
        }
        let book = &mut self.books[uncross.book as usize];
        if filled {
            book.unlink(&mut self.orders, turn.handle);
        } else {
            book.shrink_hidden_first(&mut self.orders, turn.handle, turn.open);
        }
        if rare & BEYOND != 0 {
            let traded = &mut uncross.traded[turn.traded];
            (traded.lots, traded.filled) = (turn.before - turn.open, filled);
            if filled {
                // Its list hears of it after the auction; until then it is known, with nothing open.
                let order = self.orders.get_mut(turn.handle);
                (order.displayed, order.hidden) = (0, 0);
            }
        } else if filled {
            self.forget(turn.handle);
        }
    }

    /// Tells what a level displays now.
    fn tell_level(&mut self, index: u32, (side, key): (Side, i64), out: &mut EventBuffer) {
        let book = &mut self.books[index as usize];
        let update_id = book.next_update();
        let ladder = book.ladder(side);
        let displayed = ladder.level(key).map_or(0, |level| level.displayed);
        let changed = LevelChanged {
            price: book.price(ladder.key(key)),
            level_qty: book.qty(displayed),
            update_id,
            side,
            reserved: [0; 7],
        };
        out.push(book.spec.instrument, AccountId(0), changed);
    }

    fn tell_auction(&self, uncross: &Uncross, out: &mut EventBuffer) {
        let book = self.book(uncross.book);
        let Some(call) = book.call() else { return };
        let (has_price, price, executed_qty, surplus_qty, surplus_side) = book.told(uncross.found);
        let ended = AuctionEnded {
            price,
            executed_qty,
            surplus_qty,
            surplus_side,
            has_price,
            auction: call.kind,
            reserved: [0; 5],
        };
        out.push(book.spec.instrument, AccountId(0), ended);
    }

    /// Tells a list that one of its orders has traded.
    fn tell_list(&mut self, traded: Traded, out: &mut EventBuffer) {
        if self.orders.get(traded.handle).id != traded.id {
            return; // It ended with its list.
        }
        let index = self.waiting.waiters.of(traded.handle);
        self.leg_traded(index, traded.lots, traded.filled, out);
        if traded.filled {
            self.forget(traded.handle);
        }
    }

    /// Finds what is left of the orders for this auction.
    fn find_left(&self, uncross: &mut Uncross) {
        let queue = &mut uncross.queues[0];
        queue.clear();
        let reach = Reach { worst: i64::MAX, lots: u64::MAX, with_book: false };
        for side in [Side::Buy, Side::Sell] {
            self.fill_queue(uncross.book, side, reach, queue, &mut uncross.levels);
        }
        uncross.next = [0; 2];
    }
}
