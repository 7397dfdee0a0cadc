//! Crossings: what unseen orders do by themselves, after a step that moved them or their prices.

use tiercel_types::event::{BUFFER_RECORDS_MIN, EventBuffer};
use tiercel_types::{EndReason, Price, SelfTradePrevention, Side};

use crate::book::UNSEEN;
use crate::engine::{Engine, Pending, Progress};
use crate::entry::prevents;
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::taker::Taker;
use crate::waiting::{State, Touched};

use super::Group;
use super::sweep::Range;

/// What unseen orders do next.
#[derive(Clone, Copy, Debug)]
enum Crossing {
    /// The later order takes from the earlier one at a tick.
    Pair { later: u32, earlier: u32, tick: i64 },
    /// An all-or-none order can be filled.
    Fill(u32),
}

impl<L: Ledger> Engine<L> {
    /// A book may have changed: its pegs move, and it is looked at for crossings.
    pub(crate) fn unsettle(&mut self, index: u32) {
        let book = self.book_mut(index);
        if book.has(UNSEEN) {
            book.note_references();
            book.unseen_mut().unsettled = true;
            self.waiting.unsettled = true;
        }
    }

    /// Takes the next crossing as a step; `None` if there is none.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle_unseen(&mut self, out: &mut EventBuffer) -> Option<Progress> {
        for at in 0..self.waiting.with_unseen.len() {
            let index = self.waiting.with_unseen[at];
            if !self.book(index).unseen().is_some_and(|unseen| unseen.unsettled) {
                continue;
            }
            let Some(crossing) = self.crossing(index) else {
                self.book_mut(index).unseen_mut().unsettled = false;
                continue;
            };
            if !out.has_room_for(BUFFER_RECORDS_MIN) {
                self.pending = Pending::Reacting;
                return Some(Progress::More);
            }
            self.touch_also(Touched::Book(index));
            return Some(match crossing {
                Crossing::Pair { later, earlier, tick } => {
                    self.meet(later, earlier, tick, out);
                    Progress::Done
                }
                Crossing::Fill(handle) => self.fill_whole(handle, out),
            });
        }
        self.waiting.unsettled = false;
        None
    }

    fn crossing(&self, index: u32) -> Option<Crossing> {
        if !self.book(index).has(UNSEEN) || !self.is_continuous(index) {
            return None;
        }
        self.crossed_pair(index).or_else(|| self.first_fillable(index).map(Crossing::Fill))
    }

    /// The best hidden or pegged orders of both sides, if they cross.
    fn crossed_pair(&self, index: u32) -> Option<Crossing> {
        let best = |side: Side| {
            let reach = Range { book: index, side: side.opposite(), limit_key: i64::MAX };
            self.first_unseen_met(reach, |_, _| true)
        };
        let (bid, bid_tick) = best(Side::Buy)?;
        let (ask, ask_tick) = best(Side::Sell)?;
        if bid_tick < ask_tick {
            return None;
        }
        let pair = if self.joined(bid) > self.joined(ask) {
            Crossing::Pair { later: bid, earlier: ask, tick: ask_tick }
        } else {
            Crossing::Pair { later: ask, earlier: bid, tick: bid_tick }
        };
        let Crossing::Pair { later, tick, .. } = pair else { return None };
        let taker = self.resting_taker(later);
        let key = self.book(index).ladder(taker.side.opposite()).key(tick);
        taker.reach.holds(key).then_some(pair)
    }

    /// The earliest of the first all-or-none orders of their groups that could be filled.
    fn first_fillable(&self, index: u32) -> Option<u32> {
        let unseen = self.book(index).unseen()?;
        let mut first: Option<Group> = None;
        for group in unseen.groups.iter().flatten().filter(|group| group.terms.lots != 0) {
            let earlier = first.is_none_or(|first| group.since < first.since);
            if earlier && self.could_fill(group.head) {
                first = Some(*group);
            }
        }
        first.map(|group| group.head)
    }

    fn could_fill(&self, handle: u32) -> bool {
        let taker = self.resting_taker(handle);
        self.meets_any(&taker) && self.available_unseen(&taker, taker.open) >= taker.open
    }

    /// An unseen order that rests, as a taker up to its price.
    fn resting_taker(&self, handle: u32) -> Taker {
        let mut taker = self.taker_of(self.waiting.waiters.of(handle));
        self.bound(&mut taker);
        taker
    }

    /// Two unseen orders meet; both stay where they are with what is left of them.
    fn meet(&mut self, later: u32, earlier: u32, tick: i64, out: &mut EventBuffer) {
        let (taker, maker) = (*self.orders.get(later), *self.orders.get(earlier));
        let price = self.book(taker.book).price(tick);
        let lots = taker.open().min(maker.open());
        if prevents(taker.self_trade_prevention)
            && self.ledger.same_group(taker.account, maker.account)
        {
            return self.prevent_meeting(later, earlier, (price, lots), out);
        }
        let aggressor = self.aggressor_of(later);
        self.take_off(later, lots);
        let open = taker.open() - lots;
        self.trade_unseen(aggressor, open, earlier, (price, lots), out);
        if open == 0 {
            self.unlink_unseen(later);
            self.forget(later);
        }
    }

    fn prevent_meeting(
        &mut self,
        later: u32,
        earlier: u32,
        (price, lots): (Price, u64),
        out: &mut EventBuffer,
    ) {
        use SelfTradePrevention as Mode;
        let mut taker = self.resting_taker(later);
        let action = self.tell_prevented(&mut taker, earlier, price, lots, out);
        if matches!(action, Mode::Decrement | Mode::Transfer) {
            self.decrement_unseen(later, lots);
        }
        let spent = |engine: &Self, handle| engine.orders.get(handle).open() == 0;
        if matches!(action, Mode::ExpireMaker | Mode::ExpireBoth) || spent(self, earlier) {
            self.end_order(earlier, EndReason::SelfTrade, out);
        }
        if matches!(action, Mode::ExpireTaker | Mode::ExpireBoth) || spent(self, later) {
            self.end_order(later, EndReason::SelfTrade, out);
        }
    }

    /// An all-or-none order takes what it was waiting for.
    fn fill_whole(&mut self, handle: u32, out: &mut EventBuffer) -> Progress {
        let mut taker = self.resting_taker(handle);
        debug_assert!(taker.handle != NONE);
        self.unlink_unseen(handle);
        let index = self.waiting.waiters.of(handle);
        self.waiting.waiters.get_mut(index).state = State::Live;
        self.take_unseen(&mut taker, None, out)
    }
}
