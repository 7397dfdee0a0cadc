//! Orders that wait, and lists of orders: all that an order may have beyond the book.
//!
//! ```text
//!  StageCondition, StageLeg --> draft --+
//!  NewAdvancedOrder, NewOrderList ------+--> waiter --> watch (per book: triggers, trailing,
//!                                              |         fields that conditions look at)
//!       what a step did: prints, best prices --+--> queue --> one step each --> book
//! ```
//!
//! The rules are in `docs/waiting.md`. An order that waits has a slot in the slab like any other,
//! marked as [`ASIDE`](crate::orders::ASIDE); a [`Waiter`] is the rest of it. While nobody waits,
//! a command never comes here: the engine is woken only by [`Engine::wake`].
//!
//! [`Engine::wake`]: crate::engine::Engine

mod aside;
pub(crate) mod check;
pub(crate) mod conditions;
pub(crate) mod draft;
mod enter;
mod image;
mod legs;
pub(crate) mod levels;
mod lists;
mod quiet;
mod steps;
pub(crate) mod trailing;
mod triggers;
pub(crate) mod watch;

use std::collections::VecDeque;

use tiercel_types::command::OrderTerms;
use tiercel_types::{Price, Qty};

use conditions::Conditions;
use draft::Draft;
use lists::Lists;

pub(crate) use check::Checked;
pub(crate) use image::WaiterImage;
pub(crate) use steps::Touched;

/// No waiter, list or condition: the index that is never given.
pub(crate) const NOBODY: u32 = 0;

/// Where an order with a waiter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for the working order of its list.
    Pending,
    /// It is about to be entered, within this step; it reserves already.
    Entering,
    /// It waits for its trigger.
    Waiting,
    /// It was triggered, and waits for its turn.
    Queued,
    /// It was triggered while its instrument was not open.
    Held,
    /// It waits for its auction.
    Auction,
    /// It is in the book or trading: an order of a list, or one that will be unseen.
    Live,
    /// It rests unseen.
    Unseen,
}

/// Where a trailing stop that waits is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracking {
    /// It is no trailing stop, or does not wait.
    No,
    /// Among those that track from the next print.
    Fresh,
    /// Among those that wait for a print at their activation price.
    Dormant,
    /// It tracks.
    Yes,
}

/// What an order has beyond the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    /// Its slot in the slab; of a free waiter the next free one.
    pub(crate) handle: u32,
    pub(crate) state: State,
    pub(crate) terms: OrderTerms,
    /// Limit or protection price, as given.
    pub(crate) price: Price,
    /// Market order by quote amount: the amount.
    pub(crate) quote_qty: Qty,
    /// Lots as given: a pending order may be entered with fewer.
    pub(crate) own_lots: u64,
    /// Its list, or [`NOBODY`], and its place in it.
    pub(crate) list: u32,
    pub(crate) leg: usize,
    /// Its condition, or [`NOBODY`].
    pub(crate) condition: u32,
    /// When it began to wait, or joined the unseen: the longer, the smaller.
    pub(crate) since: u64,
    /// When it was first told that it waits; zero before.
    pub(crate) aside: u64,
    /// Its neighbours among the orders of its instrument that are not in the book, or among its
    /// unseen orders.
    pub(crate) aside_next: u32,
    pub(crate) aside_previous: u32,
    pub(crate) tracking: Tracking,
    /// Trailing stop that was fired: its best print; else zero.
    pub(crate) best: Price,
    /// In the heap of the trailing stops with the same best print: its first child, its next
    /// sibling, its previous sibling (of a first child: its parent; of a root: nobody), and of a
    /// root where that heap is.
    pub(crate) child: u32,
    pub(crate) sibling: u32,
    pub(crate) back: u32,
    pub(crate) owner: u32,
}

impl Waiter {
    /// The waiter of an order in a slot.
    pub(crate) const fn new(handle: u32, terms: OrderTerms) -> Self {
        Self {
            handle,
            state: State::Waiting,
            terms,
            price: Price::ZERO,
            quote_qty: Qty::ZERO,
            own_lots: 0,
            list: NOBODY,
            leg: 0,
            condition: NOBODY,
            since: 0,
            aside: 0,
            aside_next: NOBODY,
            aside_previous: NOBODY,
            tracking: Tracking::No,
            best: Price::ZERO,
            child: NOBODY,
            sibling: NOBODY,
            back: NOBODY,
            owner: 0,
        }
    }
}

/// The waiters: a slab with a free list.
#[derive(Clone, Debug)]
pub(crate) struct Waiters {
    slots: Vec<Waiter>,
    free: u32,
    live: usize,
    /// By an order's slot: its waiter.
    of_order: Vec<u32>,
}

impl Default for Waiters {
    fn default() -> Self {
        let nobody = Waiter::new(crate::orders::NONE, OrderTerms::NONE);
        Self { slots: vec![nobody], free: NOBODY, live: 0, of_order: Vec::new() }
    }
}

impl Waiters {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Keeps a waiter; its order's slot leads to it from now on.
    pub(crate) fn insert(&mut self, waiter: Waiter) -> u32 {
        self.live += 1;
        let index = if self.free == NOBODY {
            self.slots.push(waiter);
            (self.slots.len() - 1) as u32
        } else {
            let index = self.free;
            self.free = self.slots[index as usize].handle;
            self.slots[index as usize] = waiter;
            index
        };
        let slot = waiter.handle as usize;
        if slot >= self.of_order.len() {
            self.of_order.resize((slot + 1).next_power_of_two(), NOBODY);
        }
        self.of_order[slot] = index;
        index
    }

    pub(crate) fn remove(&mut self, index: u32) {
        self.live -= 1;
        let waiter = &mut self.slots[index as usize];
        self.of_order[waiter.handle as usize] = NOBODY;
        waiter.handle = self.free;
        waiter.state = State::Live;
        self.free = index;
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Waiter {
        &self.slots[index as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> &mut Waiter {
        &mut self.slots[index as usize]
    }

    /// The waiter of an order, or [`NOBODY`].
    #[inline]
    pub(crate) fn of(&self, handle: u32) -> u32 {
        self.of_order.get(handle as usize).copied().unwrap_or(NOBODY)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Waiter)> {
        (1..).zip(&self.slots[1..]).filter(|&(index, waiter)| self.of(waiter.handle) == index)
    }
}

/// What has come to its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Queued {
    /// An order was triggered. It may end before its turn: `since` tells it from a later one in
    /// its place.
    Order { waiter: u32, since: u64 },
    /// A list's pending orders are to be entered, or to grow. `since` tells it, once it is held, from
    /// a later list in its place.
    Pending { list: u32, since: u64 },
}

/// Everything about orders that wait, and lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) waiters: Waiters,
    pub(crate) conditions: Conditions,
    pub(crate) lists: Lists,
    pub(crate) draft: Draft,
    /// What comes next within this command, one step each.
    pub(crate) queue: VecDeque<Queued>,
    /// What is left to enter in the present step.
    pub(crate) rest: [u32; 2],
    /// What the present step may have changed.
    pub(crate) touched: Touched,
    /// The minute of the last command that found anybody waiting.
    pub(crate) minute: u64,
    /// Counts what began to wait or left the book.
    pub(crate) marks: u64,
    /// Orders that are not in the book.
    pub(crate) asides: usize,
    /// Orders that rest unseen.
    pub(crate) unseen: usize,
    /// Books that have had unseen orders, by instrument number.
    pub(crate) with_unseen: Vec<u32>,
    /// Whether any of them may have a crossing.
    pub(crate) unsettled: bool,
    /// Orders that were held while their instrument was not open, oldest first.
    pub(crate) held: VecDeque<Queued>,
    /// How many of them have ended since.
    held_gone: usize,
    /// Books that are watched.
    pub(crate) watched: Vec<u32>,
    /// Orders that a print fired, or whose condition may have become true.
    pub(crate) fired: Vec<u32>,
    pub(crate) doubtful: Vec<u32>,
    /// A mass cancel's next order: whoever ends it moves this on.
    pub(crate) walk: u32,
    /// Whether that one walks by account, not by instrument.
    pub(crate) walk_by_account: bool,
    /// Orders that ended because another of their list did.
    pub(crate) ended_along: u64,
}

impl Waiting {
    /// The next mark: marks rise.
    pub(crate) fn mark(&mut self) -> u64 {
        self.marks += 1;
        self.marks
    }

    /// An order that was held has ended: it is dropped when most of them have.
    pub(crate) fn forget_held(&mut self) {
        self.held_gone += 1;
        if self.held_gone * 2 > self.held.len() + 16 {
            let (waiters, lists) = (&self.waiters, &self.lists);
            self.held.retain(|entry| match *entry {
                Queued::Order { waiter, since } => waiters.get(waiter).since == since,
                Queued::Pending { list, since } => lists.is_held(list, since),
            });
            self.held_gone = 0;
        }
    }

    /// Whether nobody waits, and there is no list.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiters.len() == 0
    }
}
