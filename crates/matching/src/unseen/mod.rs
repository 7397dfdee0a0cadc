//! Unseen orders: hidden, pegged and all-or-none orders that rest. `docs/special-orders.md`.
//!
//! ```text
//!             displayed levels (book)  --+
//!  hidden orders, by price             --+--> sweep: whom a taker meets, best first --> trades
//!  pegged, all-or-none orders, by group--+                    |
//!                                                   after each step: crossings
//! ```
//!
//! They lie beside the displayed ladders, which know nothing of them: the plain path pays for one
//! mark of the book. Each has a waiter, which keeps its terms and when it joined; while there is
//! any, the engine is awake. The price of a pegged order is worked out from its group's terms when
//! it is asked for, so that a quote that moves costs what there are groups.

mod amend;
mod cross;
mod enter;
mod sweep;
mod take;
mod terms;

use core::cell::RefCell;
use std::collections::BinaryHeap;

use tiercel_types::command::OrderTerms;
use tiercel_types::{InstrumentState, OrderKind, Peg, Price, Side};

use crate::book::{Book, UNSEEN};
use crate::engine::Engine;
use crate::ladder::Ladder;
use crate::ledger::Ledger;
use crate::orders::{NONE, Order};
use crate::waiting::levels::{append, detach};
use crate::waiting::{NOBODY, State};

use sweep::Head;
pub(crate) use terms::check_allocation;

/// Most groups of a side: what bounds the cost of a step.
const GROUPS_MAX: usize = 1_024;

/// Ticks of the window of the hidden orders' ladders.
const HIDDEN_WINDOW: usize = 64;

/// What the orders of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GroupTerms {
    /// [`Peg::None`]: all-or-none.
    peg: Peg,
    /// In ticks.
    offset: i64,
    /// Its limit; `None`: no limit.
    limit: Option<i64>,
    /// All-or-none: what is open of each; else zero.
    lots: u64,
}

/// Pegged orders of the same terms, or all-or-none orders of the same price and quantity: a queue
/// through the orders' links, earlier ones first.
#[derive(Clone, Copy, Debug)]
struct Group {
    terms: GroupTerms,
    head: u32,
    tail: u32,
    /// When the first joined.
    since: u64,
}

/// The unseen orders of a book.
#[derive(Clone, Debug)]
pub(crate) struct Unseen {
    /// Hidden limit orders, by side.
    hidden: [Ladder; 2],
    /// All others, by side, in no order.
    groups: [Vec<Group>; 2],
    /// The best displayed ticks when the step began: bid and ask.
    references: [Option<i64>; 2],
    /// The waiters of all of them, earlier ones first.
    first: u32,
    last: u32,
    /// Whether there may be a crossing.
    unsettled: bool,
    /// For walks along them: empty between two.
    heads: RefCell<BinaryHeap<Head>>,
}

impl Unseen {
    fn new() -> Self {
        let ladder = |side| Ladder::new(side, HIDDEN_WINDOW);
        Self {
            hidden: [ladder(Side::Buy), ladder(Side::Sell)],
            groups: [Vec::new(), Vec::new()],
            references: [None; 2],
            first: NOBODY,
            last: NOBODY,
            unsettled: false,
            heads: RefCell::default(),
        }
    }

    /// The hidden limit orders of a side, by price: a level's `hidden` lots, its queue in order.
    pub(crate) fn hidden(&self, side: Side) -> &Ladder {
        &self.hidden[side.index()]
    }
}

impl GroupTerms {
    /// The tick at which orders of these terms stand, between the bounds that are given.
    fn stand(
        &self,
        side: Side,
        [bid, ask]: [Option<i64>; 2],
        (lowest, highest): (i64, i64),
    ) -> Option<i64> {
        let (own, opposite) = match side {
            Side::Buy => (bid, ask),
            Side::Sell => (ask, bid),
        };
        // Ticks are prices over at least one unit: sums of two fit.
        let reference = match self.peg {
            Peg::None => return self.limit,
            Peg::Primary => i128::from(own?),
            Peg::Market => i128::from(opposite?),
            Peg::Midpoint => {
                let both = i128::from(bid?) + i128::from(ask?);
                let up = i128::from(side == Side::Sell);
                (both + up).div_euclid(2)
            }
        };
        let (offset, limit) = (i128::from(self.offset), self.limit.map(i128::from));
        let tick = match side {
            Side::Buy => limit.unwrap_or(i128::MAX).min(reference - offset),
            Side::Sell => limit.unwrap_or(i128::MIN).max(reference + offset),
        };
        (i128::from(lowest)..=i128::from(highest)).contains(&tick).then_some(tick as i64)
    }
}

/// Whether an order with these terms is unseen when it rests.
pub(crate) fn is_unseen(terms: &OrderTerms) -> bool {
    terms.hidden != 0 || is_grouped(terms)
}

/// Whether it is pegged or all-or-none.
fn is_grouped(terms: &OrderTerms) -> bool {
    terms.all_or_none != 0 || terms.peg != Peg::None
}

impl Book {
    /// The unseen orders of a book, if it ever had any.
    pub(crate) fn unseen(&self) -> Option<&Unseen> {
        self.unseen.as_deref()
    }

    fn unseen_mut(&mut self) -> &mut Unseen {
        match &mut self.unseen {
            Some(unseen) => unseen,
            None => unreachable!("a book that has unseen orders keeps them"),
        }
    }

    /// The lowest and the highest tick that the terms allow.
    fn tick_bounds(&self) -> (i64, i64) {
        let tick = self.spec.tick.units();
        let (lowest, highest) = (self.bounds.price_min.units(), self.bounds.price_max.units());
        // The lowest is a multiple of the tick.
        (lowest.div_euclid(tick), highest.div_euclid(tick))
    }

    /// The first unseen order's waiter, or [`NOBODY`].
    pub(crate) fn first_unseen(&self) -> u32 {
        self.unseen().map_or(NOBODY, |unseen| unseen.first)
    }

    /// Keeps the best displayed prices for the step that begins.
    fn note_references(&mut self) {
        let best = |ladder: &Ladder| ladder.best_key().map(|key| ladder.key(key));
        let references = self.ladders.each_ref().map(best);
        self.unseen_mut().references = references;
    }

    /// What a pegged or all-or-none order has in common with others.
    fn group_terms(&self, terms: &OrderTerms, price: Price, lots: u64) -> Option<GroupTerms> {
        let pegged = terms.peg != Peg::None;
        let unlimited = pegged && price.is_zero();
        let limit = if unlimited { None } else { Some(self.tick.divide_signed(price.units())?) };
        Some(GroupTerms {
            peg: terms.peg,
            offset: self.tick.divide_signed(terms.peg_offset.units())?,
            limit,
            lots: if pegged { 0 } else { lots },
        })
    }
}

impl<L: Ledger> Engine<L> {
    /// Makes room for the unseen orders of a book.
    fn make_unseen(&mut self, index: u32) {
        if self.book(index).unseen.is_none() {
            self.book_mut(index).unseen = Some(Box::new(Unseen::new()));
            // Crossings are looked for in order of instrument number.
            let number = |&index: &u32| self.books[index as usize].spec.instrument;
            let at =
                self.waiting.with_unseen.partition_point(|other| number(other) < number(&index));
            self.waiting.with_unseen.insert(at, index);
        }
        if !self.book(index).has(UNSEEN) {
            // Nobody has kept them while there was no unseen order.
            self.book_mut(index).note_references();
        }
    }

    /// An order, out of the book, joins the unseen now: last of all.
    fn join(&mut self, handle: u32) {
        let since = self.waiting.mark();
        let index = self.waiting.waiters.of(handle);
        let waiter = self.waiting.waiters.get_mut(index);
        (waiter.since, waiter.state) = (since, State::Unseen);
        self.place_unseen(index);
    }

    /// Puts an order in its place behind all that joined before it.
    fn place_unseen(&mut self, index: u32) {
        let waiter = *self.waiting.waiters.get(index);
        let handle = waiter.handle;
        let Order { book, side, tick, hidden, .. } = *self.orders.get(handle);
        self.make_unseen(book);
        let found = &mut self.books[book as usize];
        found.mark(UNSEEN, true);
        found.open_lots[side.index()] += hidden;
        self.waiting.unseen += 1;
        let group = is_grouped(&waiter.terms)
            .then(|| found.group_terms(&waiter.terms, waiter.price, hidden))
            .flatten();
        let unseen = found.unseen_mut();
        let last = core::mem::replace(&mut unseen.last, index);
        if last == NOBODY {
            unseen.first = index;
        } else {
            self.waiting.waiters.get_mut(last).aside_next = index;
        }
        let own = self.waiting.waiters.get_mut(index);
        (own.aside_next, own.aside_previous) = (NOBODY, last);
        let Some(terms) = group else {
            let ladder = &mut unseen.hidden[side.index()];
            append(ladder, &mut self.orders, handle, tick);
            let key = ladder.key(tick);
            ladder.level_mut(key).hidden += hidden;
            found.note_auction_change();
            return;
        };
        let groups = &mut unseen.groups[side.index()];
        let order = self.orders.get_mut(handle);
        (order.next, order.previous) = (NONE, NONE);
        if let Some(group) = groups.iter_mut().find(|group| group.terms == terms) {
            let tail = core::mem::replace(&mut group.tail, handle);
            self.orders.get_mut(handle).previous = tail;
            self.orders.get_mut(tail).next = handle;
        } else {
            groups.push(Group { terms, head: handle, tail: handle, since: waiter.since });
        }
    }

    /// Puts an order of a snapshot in its place; `None` if it cannot be unseen.
    pub(crate) fn restore_unseen(&mut self, index: u32) -> Option<()> {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let book = self.book(order.book);
        let sound = is_unseen(&waiter.terms)
            && order.hidden > 0
            && order.kind == OrderKind::Limit
            && book.group_terms(&waiter.terms, waiter.price, order.hidden).is_some()
            && book.check_side(order.side, order.hidden, 0).is_ok();
        sound.then(|| self.place_unseen(index))
    }

    /// Takes an unseen order out of its place, with what it has open.
    pub(crate) fn unlink_unseen(&mut self, handle: u32) {
        let index = self.waiting.waiters.of(handle);
        let waiter = *self.waiting.waiters.get(index);
        let Order { book, side, tick, hidden, next, previous, .. } = *self.orders.get(handle);
        let found = &mut self.books[book as usize];
        found.open_lots[side.index()] -= hidden;
        self.waiting.unseen -= 1;
        let unseen = found.unseen_mut();
        if waiter.aside_previous == NOBODY {
            unseen.first = waiter.aside_next;
        } else {
            self.waiting.waiters.get_mut(waiter.aside_previous).aside_next = waiter.aside_next;
        }
        if waiter.aside_next == NOBODY {
            unseen.last = waiter.aside_previous;
        } else {
            self.waiting.waiters.get_mut(waiter.aside_next).aside_previous = waiter.aside_previous;
        }
        let left = unseen.first != NOBODY;
        if is_grouped(&waiter.terms) {
            let groups = &mut unseen.groups[side.index()];
            // Its head or tail tells the group; who is neither needs none.
            self.orders.get_mut(previous).next = next;
            self.orders.get_mut(next).previous = previous;
            let since = self.waiting.waiters.get(self.waiting.waiters.of(next)).since;
            let ends = previous == NONE || next == NONE;
            let at = groups.iter().position(|group| group.head == handle || group.tail == handle);
            if let Some(at) = at.filter(|_| ends) {
                let group = &mut groups[at];
                if previous == NONE {
                    (group.head, group.since) = (next, since);
                }
                if next == NONE {
                    group.tail = previous;
                }
                if group.head == NONE {
                    groups.swap_remove(at);
                }
            }
        } else {
            let ladder = &mut unseen.hidden[side.index()];
            let key = ladder.key(tick);
            ladder.level_mut(key).hidden -= hidden;
            detach(ladder, &mut self.orders, handle, tick);
            found.note_auction_change();
        }
        found.mark(UNSEEN, left);
    }

    /// Takes lots off an unseen order; with none left it is to be unlinked.
    fn take_off(&mut self, handle: u32, lots: u64) {
        let order = self.orders.get_mut(handle);
        order.hidden -= lots;
        let (book, side, tick) = (order.book, order.side, order.tick);
        let found = &mut self.books[book as usize];
        found.open_lots[side.index()] -= lots;
        let terms = &self.waiting.waiters.get(self.waiting.waiters.of(handle)).terms;
        if !is_grouped(terms) {
            let ladder = &mut found.unseen_mut().hidden[side.index()];
            let key = ladder.key(tick);
            ladder.level_mut(key).hidden -= lots;
            found.note_auction_change();
        }
    }

    /// A hidden order has traded all that it can in an auction.
    #[cold]
    pub(crate) fn end_hidden_turn(&mut self, handle: u32, lots: u64, filled: bool) {
        if filled {
            self.unlink_unseen(handle);
            self.forget(handle);
        } else {
            self.take_off(handle, lots);
        }
    }

    /// The tick at which an unseen order stands.
    fn stands_at(&self, handle: u32) -> Option<i64> {
        let order = self.orders.get(handle);
        let waiter = self.waiting.waiters.get(self.waiting.waiters.of(handle));
        if waiter.terms.peg == Peg::None {
            return Some(order.tick);
        }
        let book = self.book(order.book);
        let unseen = book.unseen()?;
        let terms = book.group_terms(&waiter.terms, waiter.price, 0)?;
        terms.stand(order.side, unseen.references, book.tick_bounds())
    }

    /// Keeps the best displayed prices of all books where anybody asks for them.
    pub(crate) fn note_all_references(&mut self) {
        for at in 0..self.waiting.with_unseen.len() {
            self.book_mut(self.waiting.with_unseen[at]).note_references();
        }
    }

    /// Whether pegged and all-or-none orders of a book meet anybody now.
    pub(crate) fn is_continuous(&self, index: u32) -> bool {
        self.book(index).state == InstrumentState::Open
    }
}
