//! Whom a taker meets: displayed levels and unseen orders, best first.

use core::cmp::{Ordering, Reverse};

use tiercel_types::{Money, Price, SelfTradePrevention, Side};

use crate::book::{Book, UNSEEN};
use crate::engine::Engine;
use crate::entry::prevents;
use crate::ledger::Ledger;
use crate::orders::NONE;
use crate::taker::Taker;

use super::Unseen;

/// In a [`Head`]: the hidden orders.
const HIDDEN: u32 = u32::MAX;

/// The next order of a group, or of the hidden ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Where it stands, as a key: better ones are smaller.
    key: i64,
    /// When it joined.
    since: u64,
    handle: u32,
    /// The group's place, or [`HIDDEN`].
    group: u32,
}

impl Ord for Head {
    /// The one that is met first is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        Reverse((self.key, self.since)).cmp(&Reverse((other.key, other.since)))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Who is met.
#[derive(Clone, Copy, Debug)]
pub(super) enum Met {
    /// The displayed level of this key.
    Level(i64),
    /// An unseen order, and the tick at which it stands.
    Order(u32, i64),
}

/// How a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    On,
    /// All of the order's group is passed over: its orders are alike.
    PastGroup,
    Stop,
}

/// An order that might meet others: its side, how far it goes as a key of the other side's ladder,
/// and what it wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub(crate) book: u32,
    pub(crate) side: Side,
    pub(crate) limit_key: i64,
}

impl Taker {
    pub(super) fn range(&self) -> Range {
        Range { book: self.book, side: self.side, limit_key: self.limit_key }
    }
}

impl<L: Ledger> Engine<L> {
    pub(super) fn joined(&self, handle: u32) -> u64 {
        self.waiting.waiters.get(self.waiting.waiters.of(handle)).since
    }

    /// The unseen order that is met first, and the tick at which it stands; `passes` tells of an
    /// all-or-none order of so many lots at a price whether it is passed over.
    pub(super) fn first_unseen_met(
        &self,
        reach: Range,
        passes: impl Fn(u64, Price) -> bool,
    ) -> Option<(u32, i64)> {
        let book = self.book(reach.book);
        let unseen = book.unseen()?;
        let side = reach.side.opposite();
        let mut first: Option<Head> = None;
        self.for_each_head(book, unseen, reach, |head| {
            let lots = match head.group {
                HIDDEN => 0,
                at => unseen.groups[side.index()][at as usize].terms.lots,
            };
            let tick = unseen.hidden(side).key(head.key);
            if first.is_none_or(|first| head > first)
                && !(lots > 0 && passes(lots, book.price(tick)))
            {
                first = Some(head);
            }
        });
        first.map(|head| (head.handle, unseen.hidden(side).key(head.key)))
    }

    /// The first order of each group, and of the hidden ones, within reach.
    fn for_each_head(
        &self,
        book: &Book,
        unseen: &Unseen,
        reach: Range,
        mut each: impl FnMut(Head),
    ) {
        let side = reach.side.opposite();
        let hidden = unseen.hidden(side);
        if let Some((key, level)) =
            hidden.reachable(reach.limit_key).and_then(|key| Some((key, hidden.level(key)?)))
        {
            let handle = level.head;
            each(Head { key, since: self.joined(handle), handle, group: HIDDEN });
        }
        if !self.is_continuous(reach.book) {
            return;
        }
        let bounds = book.tick_bounds();
        for (group, at) in unseen.groups[side.index()].iter().zip(0..) {
            let Some(tick) = group.terms.stand(side, unseen.references, bounds) else { continue };
            let key = hidden.key(tick);
            if key <= reach.limit_key {
                each(Head { key, since: group.since, handle: group.head, group: at });
            }
        }
    }

    /// Walks along whom an order would meet, best first, as long as `meet` says.
    pub(super) fn sweep(&self, reach: Range, mut meet: impl FnMut(Met) -> Walk) {
        let book = self.book(reach.book);
        let Some(unseen) = book.unseen() else { return };
        let side = reach.side.opposite();
        let ladder = book.ladder(side);
        let mut heads = unseen.heads.borrow_mut();
        heads.clear();
        self.for_each_head(book, unseen, reach, |head| heads.push(head));
        let mut level = ladder.reachable(reach.limit_key);
        loop {
            let next = heads.peek().copied();
            if let Some(key) = level.filter(|&key| next.is_none_or(|head| key <= head.key)) {
                if meet(Met::Level(key)) == Walk::Stop {
                    return;
                }
                level = ladder.next_after(key).filter(|&key| key <= reach.limit_key);
                continue;
            }
            let Some(head) = next else { return };
            heads.pop();
            match meet(Met::Order(head.handle, ladder.key(head.key))) {
                Walk::Stop => return,
                Walk::PastGroup => {}
                Walk::On => heads.extend(self.head_behind(unseen, side, head, reach.limit_key)),
            }
        }
    }

    /// Who comes behind an order in its group, or among the hidden.
    fn head_behind(&self, unseen: &Unseen, side: Side, head: Head, limit_key: i64) -> Option<Head> {
        let next = self.orders.get(head.handle).next;
        if next != NONE {
            return Some(Head { since: self.joined(next), handle: next, ..head });
        }
        if head.group != HIDDEN {
            return None;
        }
        let hidden = unseen.hidden(side);
        let key = hidden.next_after(head.key).filter(|&key| key <= limit_key)?;
        let handle = hidden.level(key)?.head;
        Some(Head { key, since: self.joined(handle), handle, group: HIDDEN })
    }

    /// Whether an order of so many lots would meet anybody up to a tick.
    #[inline(always)]
    pub(crate) fn crosses(&self, index: u32, side: Side, tick: i64, lots: u64) -> bool {
        let book = self.book(index);
        book.crosses(side, tick)
            || (book.has(UNSEEN) && self.crosses_unseen(index, side, tick, lots))
    }

    #[cold]
    #[inline(never)]
    fn crosses_unseen(&self, index: u32, side: Side, tick: i64, lots: u64) -> bool {
        let limit_key = self.book(index).ladder(side.opposite()).key(tick);
        let reach = Range { book: index, side, limit_key };
        self.first_unseen_met(reach, |open, _| open > lots).is_some()
    }

    /// Whether a taker would meet anybody.
    pub(crate) fn meets_any(&self, taker: &Taker) -> bool {
        let book = self.book(taker.book);
        book.ladder(taker.side.opposite()).reaches(taker.limit_key)
            || (book.has(UNSEEN) && self.unseen_met(taker).is_some())
    }

    /// The unseen order that a taker meets first.
    #[cold]
    pub(super) fn unseen_met(&self, taker: &Taker) -> Option<(u32, i64)> {
        let book = self.book(taker.book);
        self.first_unseen_met(taker.range(), |open, price| open > taker.wants(book, price))
    }

    /// Whether an order that is not all-or-none is within a taker's reach.
    #[cold]
    pub(crate) fn reaches_any(&self, taker: &Taker) -> bool {
        self.first_unseen_met(taker.range(), |_, _| true).is_some()
    }

    /// Lots that a taker could trade at once, counted no further than to `enough`.
    #[cold]
    pub(crate) fn available_unseen(&self, taker: &Taker, enough: u64) -> u64 {
        let mode = taker.self_trade_prevention;
        let expires_makers = mode == SelfTradePrevention::ExpireMaker;
        let stops = prevents(mode) && !expires_makers;
        let ladder = self.book(taker.book).ladder(taker.side.opposite());
        let mut lots = 0;
        self.waiting.lists.begin_visit();
        self.sweep(taker.range(), |met| {
            let key = match met {
                Met::Level(key) => key,
                Met::Order(_, tick) => ladder.key(tick),
            };
            if !taker.reach.holds(key) {
                return Walk::Stop;
            }
            match met {
                Met::Level(key) => {
                    let Some(level) = ladder.level(key) else { return Walk::Stop };
                    let (open, ends) = self.open_at(level, taker, stops);
                    lots += open;
                    if ends {
                        return Walk::Stop;
                    }
                }
                Met::Order(handle, _) => {
                    let order = self.orders.get(handle);
                    if self.is_all_or_none(handle) && order.open() > taker.open - lots {
                        return Walk::PastGroup;
                    }
                    let own =
                        prevents(mode) && self.ledger.same_group(taker.account, order.account);
                    if own && stops {
                        return Walk::Stop;
                    }
                    lots += if own { 0 } else { order.open() };
                }
            }
            if lots < enough { Walk::On } else { Walk::Stop }
        });
        lots
    }

    /// What a market order would take: see [`walk`](Self::walk).
    #[cold]
    pub(crate) fn walk_unseen(&self, taker: &Taker) -> i128 {
        let expires_makers = taker.self_trade_prevention == SelfTradePrevention::ExpireMaker;
        let book = self.book(taker.book);
        let ladder = book.ladder(taker.side.opposite());
        let mut left = *taker;
        let mut taken = 0;
        self.waiting.lists.begin_visit();
        self.sweep(taker.range(), |met| {
            let (tick, open) = match met {
                Met::Level(key) => {
                    let Some(level) = ladder.level(key) else { return Walk::Stop };
                    (ladder.key(key), self.open_at(level, &left, false).0)
                }
                Met::Order(handle, tick) => (tick, self.orders.get(handle).open()),
            };
            let price = book.price(tick);
            let wanted = left.wants(book, price);
            if let Met::Order(handle, _) = met {
                if self.is_all_or_none(handle) && open > wanted {
                    return Walk::PastGroup;
                }
                let account = self.orders.get(handle).account;
                if expires_makers && self.ledger.same_group(taker.account, account) {
                    return Walk::On;
                }
            }
            let lots = wanted.min(open);
            taken += Book::gives(taker.side, price, book.qty(lots));
            left.reduce(lots, || Money::of(price, book.qty(lots)));
            if lots == wanted { Walk::Stop } else { Walk::On }
        });
        taken
    }

    pub(super) fn is_all_or_none(&self, handle: u32) -> bool {
        let index = self.waiting.waiters.of(handle);
        self.waiting.waiters.get(index).terms.all_or_none != 0
    }

    /// The tick that bounds a market order, which wants what `taker` wants: its own, or that of
    /// the instrument's terms, from the best displayed price or the first unseen one.
    pub(crate) fn protection(&self, taker: &Taker, price: Price) -> Option<i64> {
        let book = self.book(taker.book);
        let opposite = book.ladder(taker.side.opposite());
        let best = match opposite.best_key() {
            Some(key) => Some(opposite.key(key)),
            None if book.has(UNSEEN) => {
                let unlimited = Taker { limit_key: i64::MAX, ..*taker };
                self.unseen_met(&unlimited).map(|(_, tick)| tick)
            }
            None => None,
        };
        book.protection(taker.side, price, best)
    }
}
