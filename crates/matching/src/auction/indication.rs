//! What an auction would do now: one walk over the levels, told when it changes.

use tiercel_types::event::{AuctionIndication, EventBuffer};
use tiercel_types::{AccountId, Price, Qty, Side};

use crate::book::Book;
use crate::engine::{Engine, Pending, Progress};
use crate::ladder::Level;
use crate::ledger::Ledger;

use super::merge::Merge;
use super::{Bounds, Indication, PriceLevel, Queues, Rank, Sides, find_price};

impl<L: Ledger> Engine<L> {
    /// Tells what the auctions would do, if that has changed, after all that a command did.
    #[cold]
    #[inline(never)]
    pub(crate) fn indicate(&mut self, out: &mut EventBuffer) -> Progress {
        for at in 0..self.auctions.calls.len() {
            let index = self.auctions.calls[at];
            if !self.has_news(index) {
                continue;
            }
            let found = self.find_auction(index, true);
            let Some(auction) = &mut self.books[index as usize].auction else { continue };
            let Some(call) = &mut auction.call else { continue };
            if call.said != found {
                if !out.has_room_for(1) {
                    self.pending = Pending::Reacting;
                    return Progress::More;
                }
                (call.said, call.said_at) = (found, Some(self.time));
                let book = self.book(index);
                let (has_price, price, executed_qty, surplus_qty, surplus_side) = book.told(found);
                let Some(call) = book.call() else { continue };
                let indication = AuctionIndication {
                    price,
                    executed_qty,
                    surplus_qty,
                    surplus_side,
                    has_price,
                    auction: call.kind,
                    reserved: [0; 5],
                };
                out.push(book.spec.instrument, AccountId(0), indication);
            }
            let book = &mut self.books[index as usize];
            let updates = book.updates;
            let auction = book.auction_mut();
            let changes = auction.changes;
            if let Some(call) = &mut auction.call {
                call.looked_at = (updates, changes);
            }
        }
        Progress::Done
    }

    /// Whether something has changed since an auction was looked at, and may be told.
    fn has_news(&self, index: u32) -> bool {
        let book = self.book(index);
        let Some(auction) = &book.auction else { return false };
        auction.call.as_ref().is_some_and(|call| {
            let interval_ns = auction.rules.indication_interval_ns;
            let told = call.said_at.is_some_and(|at| self.time.0 - at.0 < interval_ns);
            !told && call.looked_at != (book.updates, auction.changes)
        })
    }

    /// Finds the price at which an auction would execute now.
    pub(super) fn find_auction(&mut self, index: u32, bounded: bool) -> Option<Indication> {
        self.leave_out(index);
        let [mut bids, mut asks] = core::mem::take(&mut self.auctions.levels);
        let book = self.book(index);
        let bounds = book.auction_bounds().filter(|_| bounded);
        let market = [Side::Buy, Side::Sell].map(|side| book.unlimited_lots(side));
        let nearest = [Side::Buy, Side::Sell].map(|side| book.best_limit(side));
        for (side, levels) in [(Side::Buy, &mut bids), (Side::Sell, &mut asks)] {
            levels.clear();
            let other = side.opposite().index();
            let facing = Facing {
                // The best opposite limit, as a key of this side.
                nearest: nearest[other].map(|tick| book.ladder(side).key(tick)),
                market: market[other],
                own_market: market[side.index()],
                all: !book.price_rules().minimum_surplus,
                bounds,
            };
            let left_out = &self.auctions.left_out[side.index()];
            self.collect_levels(index, side, &facing, left_out, levels);
        }
        let sides =
            Sides { bids: &bids, asks: &asks, market_buy: market[0], market_sell: market[1] };
        let found = find_price(&sides, book.price_rules(), book.reference_tick(), bounds);
        self.auctions.levels = [bids, asks];
        found
    }

    /// The levels of a side, as far as they can matter to the price.
    fn collect_levels(
        &self,
        index: u32,
        side: Side,
        facing: &Facing,
        left_out: &[(i64, u32)],
        levels: &mut Vec<PriceLevel>,
    ) {
        let book = self.book(index);
        let ladder = book.ladder(side);
        let mut lots = facing.own_market;
        let mut is_last = false;
        for merged in book.merged(side, true) {
            let crosses = facing.nearest.is_some_and(|nearest| merged.key <= nearest);
            if !crosses && !facing.all && facing.market == 0 {
                break;
            }
            let here: u64 = merged.levels.iter().flatten().map(|level| level.open()).sum();
            let gone = self.left_out_at(left_out, merged.key);
            if here == gone {
                continue;
            }
            let tick = ladder.key(merged.key);
            levels.push(PriceLevel { tick, lots: here - gone });
            if is_last {
                break;
            }
            lots += here - gone;
            // All that sells without a limit is met: further down only the surplus grows. One level
            // more tells where a bound would cut. (What lies beyond a bound is all at the bound.)
            let beyond = facing.bounds.is_some_and(|bounds| match side {
                Side::Buy => tick > bounds.high,
                Side::Sell => tick < bounds.low,
            });
            is_last = !crosses && !facing.all && !beyond && lots >= facing.market;
        }
    }

    /// Lots at a key that take no part.
    fn left_out_at(&self, left_out: &[(i64, u32)], key: i64) -> u64 {
        let from = left_out.partition_point(|&(at, _)| at < key);
        let here = left_out[from..].iter().take_while(|&&(at, _)| at == key);
        here.map(|&(_, handle)| self.orders.get(handle).open()).sum()
    }

    /// Finds the orders of the book that take no part: of a pair that rests, the worse.
    pub(super) fn leave_out(&mut self, index: u32) {
        let mut left_out = core::mem::take(&mut self.auctions.left_out);
        left_out.iter_mut().for_each(Vec::clear);
        for handle in self.worse_of_pairs(index) {
            let order = self.orders.get(handle);
            let key = self.book(index).ladder(order.side).key(order.tick);
            left_out[order.side.index()].push((key, handle));
        }
        for side in &mut left_out {
            side.sort_unstable();
        }
        self.auctions.left_out = left_out;
    }

    /// Whether an order of the book takes no part.
    pub(super) fn is_left_out(&self, side: Side, key: i64, handle: u32) -> bool {
        self.auctions.left_out[side.index()].binary_search(&(key, handle)).is_ok()
    }
}

/// What a side's levels face.
struct Facing {
    /// The best opposite limit, as a key of the side's own.
    nearest: Option<i64>,
    /// Opposite lots without a limit.
    market: u64,
    /// The side's own.
    own_market: u64,
    /// Whether every level can matter.
    all: bool,
    /// Between which prices the auction's must lie.
    bounds: Option<Bounds>,
}

impl Book {
    /// What is found, in the words of events: whether there is a price, price, what executes, the
    /// surplus and its side.
    pub(super) fn told(&self, found: Option<Indication>) -> (u8, Price, Qty, Qty, Side) {
        match found {
            None => (0, Price::ZERO, Qty::ZERO, Qty::ZERO, Side::Buy),
            Some(found) => (
                1,
                self.price(found.tick),
                self.qty(found.executed),
                self.qty(found.surplus),
                found.surplus_side,
            ),
        }
    }

    /// All levels of a side that take part, best first. At one price: market orders, the book (if it
    /// is asked for), limit orders, hidden orders (with the book).
    pub(super) fn merged(&self, side: Side, with_book: bool) -> Merge<'_> {
        let mut ladders = [None; super::merge::LADDERS_MAX];
        if with_book {
            ladders[2] = Some(self.ladder(side));
            ladders[5] = self.unseen().map(|unseen| unseen.hidden(side));
        }
        let called = self.auction.iter().flat_map(|auction| auction.called(side));
        for (at, queues) in called.enumerate() {
            ladders[at] = Some(&queues.ladders[Rank::Market as usize]);
            ladders[3 + at] = Some(&queues.ladders[Rank::Limit as usize]);
        }
        Merge::new(ladders)
    }

    /// Lots of a side without a limit.
    fn unlimited_lots(&self, side: Side) -> u64 {
        let called = self.auction.iter().flat_map(|auction| auction.called(side));
        called.filter_map(Queues::unlimited).map(Level::open).sum()
    }

    /// The best limit of a side.
    fn best_limit(&self, side: Side) -> Option<i64> {
        let ladder = self.ladder(side);
        self.merged(side, true).next().map(|merged| ladder.key(merged.key))
    }
}

impl Queues {
    /// The level of the orders without a limit.
    pub(super) fn unlimited(&self) -> Option<&Level> {
        let ladder = &self.ladders[Rank::Unlimited as usize];
        ladder.level(ladder.best_key()?)
    }
}
