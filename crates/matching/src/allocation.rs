//! Sharing a level out otherwise than first come, first served: `docs/allocation.md`.
//!
//! ```text
//!   level --> round: an entry for each order, in queue order --> one meeting for each share
//!             top | market makers | FIFO part | pro rata | residual
//! ```
//!
//! The plain path comes here for instruments with such rules alone. A round is kept in the engine,
//! so that it outlasts a full event buffer; its entries are allocated once, for the longest queue
//! there was. Budget: 6 ns for each share above what a fill costs.

use tiercel_types::command::{Allocation, Kind, MarketMaker, NewOrder, SetMatchingRules};
use tiercel_types::event::{EventBuffer, MatchingRulesSet};
use tiercel_types::instrument::PPM;
use tiercel_types::{
    AccountId, DenialReason, InstrumentId, InstrumentState, Money, OrderId, Price, Qty,
};

use crate::book::{ALLOTS, Book, RANKS_TOP, UNSEEN};
use crate::engine::{Engine, Named, Progress};
use crate::ladder::Level;
use crate::ledger::Ledger;
use crate::orders::{BEYOND, NONE, Orders, TOP};
use crate::steps::Step;
use crate::take::STEP_RECORDS;
use crate::taker::Taker;
use crate::waiting::NOBODY;

/// An instrument's rules, as they were set and in lots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) set: SetMatchingRules,
    minimum_lots: u64,
    top_min_lots: u64,
    top_max_lots: u64,
}

impl Rules {
    /// First come, first served.
    pub(crate) fn fifo(instrument: InstrumentId) -> Self {
        Self::new(SetMatchingRules::fifo(instrument), Step::new(1))
    }

    /// Rules that were checked, with the lot as it is now.
    pub(crate) fn new(set: SetMatchingRules, lot: Step) -> Self {
        let at_least = |qty: Qty| qty.units().div_ceil(lot.units());
        Self {
            set,
            minimum_lots: at_least(set.minimum_allocation),
            top_min_lots: at_least(set.top_min_qty),
            top_max_lots: match set.top_max_qty {
                Qty::ZERO => u64::MAX,
                most => (most.units() / lot.units()).max(1),
            },
        }
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.set.allocation == Allocation::Fifo
    }
}

/// What one order of a level is given.
#[derive(Clone, Copy, Debug)]
struct Share {
    handle: u32,
    /// Displayed lots that it was not given yet.
    left: u64,
    /// Lots that it was given.
    given: u64,
}

impl Share {
    /// Gives as much of `lots` as it has left; returns how much that is.
    #[inline(always)]
    fn give(&mut self, lots: u64) -> u64 {
        let given = lots.min(self.left);
        self.left -= given;
        self.given += given;
        given
    }
}

/// A level that is being shared out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// In queue order.
    shares: Vec<Share>,
    /// The next to be met.
    at: usize,
    key: i64,
    price: Price,
}

impl Round {
    /// Shares out what was collected to a taker that wants so many lots.
    fn share_out(&mut self, wanted: u64, rules: &Rules, orders: &Orders) {
        let shown = self.shares.iter().map(|share| share.left).sum();
        let mut left = wanted.min(shown);
        if left < shown {
            left -= self.give_top(left, rules, orders);
            left -= self.give_market_makers(left, rules, orders);
            left -= give_in_order(self.shares.iter_mut(), part(left, rules.set.fifo_ppm));
            let sum = shown - (wanted - left);
            left -= give_pro_rata(&mut self.shares, left, sum, rules.minimum_lots);
        }
        give_in_order(self.shares.iter_mut(), left);
    }

    /// The top order is the first of the best level, if there is one.
    fn give_top(&mut self, lots: u64, rules: &Rules, orders: &Orders) -> u64 {
        match self.shares.first_mut() {
            Some(first) if orders.get(first.handle).is_top() => {
                first.give(lots.min(rules.top_max_lots))
            }
            _ => 0,
        }
    }

    fn give_market_makers(&mut self, lots: u64, rules: &Rules, orders: &Orders) -> u64 {
        let mut given = 0;
        for maker in rules.set.market_makers.iter().filter(|maker| maker.share_ppm != 0) {
            let theirs = self
                .shares
                .iter_mut()
                .filter(|share| orders.get(share.handle).account == maker.account);
            given += give_in_order(theirs, part(lots, maker.share_ppm));
        }
        given
    }

    /// The next order that has a share, and how much.
    #[inline(always)]
    fn next(&mut self) -> Option<(u32, u64)> {
        while let Some(share) = self.shares.get(self.at) {
            self.at += 1;
            if share.given != 0 {
                return Some((share.handle, share.given));
            }
        }
        None
    }

    /// Nobody else is met.
    fn end(&mut self) {
        self.at = self.shares.len();
    }
}

/// A share of `lots` in ppm, rounded down.
fn part(lots: u64, ppm: u32) -> u64 {
    (u128::from(lots) * u128::from(ppm) / u128::from(PPM)) as u64
}

/// Gives out `lots` in the order of the queue; returns how many found a taker.
fn give_in_order<'a>(shares: impl Iterator<Item = &'a mut Share>, lots: u64) -> u64 {
    let mut left = lots;
    for share in shares {
        if left == 0 {
            break;
        }
        left -= share.give(left);
    }
    lots - left
}

/// Gives each order its part of `lots`, rounded down, where all of them have `sum` left together;
/// returns how many were given.
///
/// It multiplies by `scale = floor(lots * 2^64 / sum)` instead of dividing: what an order has left
/// is below 2^64, so the product comes out at the quotient or one below it, and the remainder
/// tells which.
fn give_pro_rata(shares: &mut [Share], lots: u64, sum: u64, minimum: u64) -> u64 {
    if lots >= sum {
        // Everything is given: that is for the residual.
        return 0;
    }
    let scale = (u128::from(lots) << 64) / u128::from(sum);
    let (lots, sum) = (u128::from(lots), u128::from(sum));
    let mut given = 0;
    for share in shares {
        let left = u128::from(share.left);
        let mut quotient = (left * scale) >> 64;
        quotient += u128::from(left * lots - quotient * sum >= sum);
        let quotient = quotient as u64;
        let quotient = if quotient < minimum { 0 } else { quotient };
        given += share.give(quotient);
    }
    given
}

impl Book {
    fn take_rules(&mut self, rules: &SetMatchingRules) {
        self.rules = Rules::new(*rules, self.lot);
        self.mark(ALLOTS, !self.rules.is_fifo());
        self.mark(RANKS_TOP, rules.top == 1);
    }
}

impl<L: Ledger> Engine<L> {
    /// Trades as [`take`](Self::take) does, with a level's orders sharing.
    #[inline(never)]
    pub(crate) fn take_allotted(
        &mut self,
        taker: &mut Taker,
        entered: Option<&NewOrder>,
        out: &mut EventBuffer,
    ) -> Progress {
        while out.has_room_for(STEP_RECORDS) {
            let Some((handle, lots)) = self.round.next() else {
                if self.begin_round(taker) {
                    if taker.reach.holds(self.round.key) {
                        continue;
                    }
                    self.round.end();
                    return self.stop_at_band(taker, entered, self.round.key, out);
                }
                self.finish(taker, entered, out);
                return Progress::Done;
            };
            let (key, price) = (self.round.key, self.round.price);
            let maker = self.orders.get(handle);
            if maker.id.is_none() {
                continue; // It ended with its list, since the round began.
            }
            if self.is_own(taker, handle) {
                if self.prevent(taker, handle, price, lots, out) {
                    self.round.end();
                    return Progress::Done;
                }
                continue;
            }
            let qty = self.book(taker.book).qty(lots);
            taker.reduce(lots, || Money::of(price, qty));
            self.trade::<true>(taker.aggressor(), taker.open, (handle, key), price, lots, out);
            if taker.is_filled() {
                self.round.end();
                self.discard(taker);
                return Progress::Done;
            }
        }
        self.wait_for_room(taker, entered)
    }

    /// Shares out the best opposite level; false if there is nothing more for the taker.
    fn begin_round(&mut self, taker: &Taker) -> bool {
        let book = &self.books[taker.book as usize];
        let ladder = book.ladder(taker.side.opposite());
        let Some(key) = ladder.reachable(taker.limit_key) else { return false };
        let Some(level) = ladder.level(key) else { return false };
        let price = book.price(ladder.key(key));
        let wanted = taker.wants(book, price);
        if wanted == 0 {
            return false;
        }
        let mut round = core::mem::take(&mut self.round);
        (round.key, round.price, round.at) = (key, price, 0);
        self.collect(level, &mut round.shares);
        round.share_out(wanted, &book.rules, &self.orders);
        self.round = round;
        true
    }

    /// The orders of a level that take part in a round.
    fn collect(&self, level: &Level, shares: &mut Vec<Share>) {
        shares.clear();
        shares.reserve(level.orders as usize);
        self.waiting.lists.begin_visit();
        let mut handle = level.head;
        while handle != NONE {
            let order = self.orders.get(handle);
            if order.rare & BEYOND == 0 || self.would_trade(handle, NOBODY) {
                shares.push(Share { handle, left: order.displayed, given: 0 });
            }
            handle = order.next;
        }
    }

    /// An order came to rest, in an instrument that counts who bettered the market.
    #[cold]
    #[inline(never)]
    pub(crate) fn rank_top(&mut self, handle: u32) {
        let order = self.orders.get_mut(handle);
        order.rare &= !TOP;
        let (side, tick, displayed) = (order.side, order.tick, order.displayed);
        let book = &self.books[order.book as usize];
        let ladder = book.ladder(side);
        let key = ladder.key(tick);
        let alone = ladder.level(key).is_some_and(|level| level.orders == 1);
        if ladder.best_key() != Some(key) || !alone {
            return;
        }
        let bettered = ladder.next_after(key).and_then(|next| ladder.level(next));
        if let Some(level) = bettered {
            self.orders.get_mut(level.head).rare &= !TOP;
        }
        let open = book.state == InstrumentState::Open;
        if open && displayed >= book.rules.top_min_lots {
            self.orders.get_mut(handle).rare |= TOP;
        }
    }

    /// The top order of each side.
    pub(crate) fn top_orders(&self, book: &Book) -> [Option<u32>; 2] {
        book.ladders.each_ref().map(|ladder| {
            let head = ladder.best().map(|level| level.head);
            head.filter(|&head| self.orders.get(head).is_top())
        })
    }

    /// Makes orders the top orders of their sides again; `None` if they cannot be.
    pub(crate) fn restore_top_orders(
        &mut self,
        rules: &SetMatchingRules,
        ids: [OrderId; 2],
    ) -> Option<()> {
        let index = self.book_of(rules.instrument).ok()?;
        for (side, id) in ids.into_iter().enumerate().filter(|(_, id)| !id.is_none()) {
            let handle = self.book(index).ladders[side].best()?.head;
            let order = self.orders.get_mut(handle);
            if order.id != id || rules.top == 0 {
                return None;
            }
            order.rare |= TOP;
        }
        Some(())
    }

    pub(crate) fn set_matching_rules(&mut self, rules: &SetMatchingRules, out: &mut EventBuffer) {
        let index = match self.check_matching_rules(rules, true) {
            Ok(index) => index,
            Err(reason) => {
                let named =
                    Named::plain(Kind::SetMatchingRules, rules.instrument, AccountId::VENUE);
                return named.deny(reason, out);
            }
        };
        for handle in self.top_orders(self.book(index)).into_iter().flatten() {
            self.orders.get_mut(handle).rare &= !TOP;
        }
        self.book_mut(index).take_rules(rules);
        out.push(rules.instrument, AccountId::VENUE, MatchingRulesSet { rules: *rules });
    }

    /// Takes rules back in that were set. The lot that their quantities are multiples of may have
    /// changed since.
    pub(crate) fn restore_matching_rules(&mut self, rules: &SetMatchingRules) -> bool {
        let checked = self.check_matching_rules(rules, false);
        checked.map(|index| self.book_mut(index).take_rules(rules)).is_ok()
    }

    /// `in_lots`: quantities have to be multiples of the lot.
    fn check_matching_rules(
        &self,
        rules: &SetMatchingRules,
        in_lots: bool,
    ) -> Result<u32, DenialReason> {
        if rules.reserved != [0; 2] || rules.reserved_too != [0; 4] || rules.top > 1 {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(rules.instrument)?;
        let fifo = SetMatchingRules::fifo(rules.instrument);
        let sized_top =
            rules.top == 1 || (rules.top_min_qty, rules.top_max_qty) == Default::default();
        if !sized_top || (rules.allocation == Allocation::Fifo && *rules != fifo) {
            return Err(DenialReason::AllocationTermNotAllowed);
        }
        let lot = self.book(index).lot;
        let quantities = [rules.minimum_allocation, rules.top_min_qty, rules.top_max_qty];
        let on_lot = || quantities.iter().all(|qty| lot.divide(qty.units()).is_some());
        if (in_lots && !on_lot())
            || (!rules.top_max_qty.is_zero() && rules.top_min_qty > rules.top_max_qty)
        {
            return Err(DenialReason::AllocationQtyInvalid);
        }
        let shares = rules.market_makers.iter().map(|maker| u64::from(maker.share_ppm));
        if rules.fifo_ppm > PPM || shares.sum::<u64>() > u64::from(PPM) {
            return Err(DenialReason::AllocationShareInvalid);
        }
        self.check_market_makers(&rules.market_makers)?;
        if rules.allocation != Allocation::Fifo && self.book(index).has(UNSEEN) {
            return Err(DenialReason::SpecialOrdersRest);
        }
        Ok(index)
    }

    fn check_market_makers(&self, makers: &[MarketMaker]) -> Result<(), DenialReason> {
        let named = |maker: &MarketMaker| maker.account != AccountId::VENUE;
        for (at, maker) in makers.iter().enumerate() {
            let twice = makers[..at].iter().any(|other| other.account == maker.account);
            if named(maker) != (maker.share_ppm != 0) || (named(maker) && twice) {
                return Err(DenialReason::MarketMakerInvalid);
            }
        }
        let known = |maker: &MarketMaker| self.ledger.knows(maker.account);
        if makers.iter().all(known) { Ok(()) } else { Err(DenialReason::UnknownAccount) }
    }
}
