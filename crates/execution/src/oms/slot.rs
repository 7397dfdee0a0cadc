//! Where orders are kept, and how they are found.

use tiercel_types::{
    ClientOrderId, InstrumentId, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp,
};

use super::name::{NUMBERS, RunId};
use crate::order::{OwnOrder, State};
use crate::risk::Intent;
use crate::venue::{OrderName, VenueId};

/// An index into the slots.
pub(super) type At = u16;

/// Names of orders of runs before that are remembered, for each place.
const REMEMBERED: usize = 16;
/// No time: nothing is waited for.
pub(super) const NEVER: u64 = u64::MAX;

/// An order and what surrounds it.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) order: OwnOrder,
    /// The strategy's number of it.
    pub(super) tag: u64,
    pub(super) venue: VenueId,
    /// How it meets the book, and how long it lives: what comes in its stead does so too.
    pub(super) kind: OrderKind,
    pub(super) time_in_force: TimeInForce,
    /// What has traded of those in whose stead it stands.
    pub(super) executed_before: Qty,
    /// When the last request left that enters or changes it.
    pub(super) sent_at: Timestamp,
    /// When an answer is overdue, or is to be asked for again.
    pub(super) due_ns: u64,
    /// Until then a cancel that left is waited for.
    pub(super) cancel_due_ns: u64,
    /// A cancel was refused: until then it is not repeated by itself.
    pub(super) cancel_refused_ns: u64,
    /// The first question whose answer counts: those before were asked for what was the matter then.
    pub(super) first_question: u64,
    /// The first that was asked when no request could be on its way any more.
    pub(super) certain_question: u64,
    /// Answers in a row that say that more has traded than was told.
    pub(super) fills_missing: u8,
    /// What it would be changed to, and counts as open beside it.
    pub(super) change: Option<Intent>,
    /// Another order of the tag was to stand in its stead.
    pub(super) is_retiring: bool,
    /// It stands in another's stead.
    pub(super) is_replacement: bool,
    /// It is not in the book before a trade, or before another order has traded.
    pub(super) waits: bool,
    /// Of a pair, of which at most one trades, which list's; zero: of none.
    pub(super) pair: u32,
    /// The other of the pair counts at the gate, and it does not.
    pub(super) is_covered: bool,
    /// The number that the next order in its place gets; its own is below.
    next_number: u64,
    is_live: bool,
}

/// What an order was before something happened to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) state: State,
    /// As the gate counted it.
    pub(super) intent: Intent,
}

impl Slot {
    /// A place that no order was in yet, whose first has this number.
    const fn unused(next_number: u64) -> Self {
        let (none, nothing) = (ClientOrderId::EMPTY, Qty::ZERO);
        Self {
            order: OwnOrder::new(none, InstrumentId::ALL, Side::Buy, Price::ZERO, nothing),
            tag: 0,
            venue: VenueId(0),
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            executed_before: nothing,
            sent_at: Timestamp(0),
            due_ns: NEVER,
            cancel_due_ns: 0,
            cancel_refused_ns: 0,
            first_question: 0,
            certain_question: NEVER,
            fills_missing: 0,
            change: None,
            is_retiring: false,
            is_replacement: false,
            waits: false,
            pair: 0,
            is_covered: false,
            next_number,
            is_live: false,
        }
    }

    /// As the gate counts it.
    #[inline]
    pub(super) const fn intent(&self) -> Intent {
        let order = &self.order;
        Intent {
            instrument: order.instrument,
            side: order.side,
            price: order.price(),
            qty: if self.is_covered { Qty::ZERO } else { order.open_qty() },
            waits: self.waits,
        }
    }

    /// What it is, before something happens to it.
    pub(super) const fn before(&self) -> Before {
        Before { state: self.order.state(), intent: self.intent() }
    }

    /// Whether what became of it is not known.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self.order.state(), State::Unknown(_))
    }

    pub(super) const fn name(&self) -> OrderName {
        OrderName {
            client_order_id: self.order.client_order_id,
            order_id: self.order.order_id(),
            instrument: self.order.instrument,
            side: self.order.side,
        }
    }
}

/// What surrounds an order from the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) tag: u64,
    pub(super) venue: VenueId,
    pub(super) kind: OrderKind,
    pub(super) time_in_force: TimeInForce,
    pub(super) sent_at: Timestamp,
    pub(super) executed_before: Qty,
    pub(super) is_replacement: bool,
}

impl Entry {
    /// An order that stands in no other's stead.
    pub(super) const fn first(
        (tag, venue): (u64, VenueId),
        (kind, time_in_force): (OrderKind, TimeInForce),
        sent_at: Timestamp,
    ) -> Self {
        let executed_before = Qty::ZERO;
        Self { tag, venue, kind, time_in_force, sent_at, executed_before, is_replacement: false }
    }
}

/// All of them. Those that ended stay until their place is needed, the oldest first, so that what is told of
/// them late is known.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    all: Vec<Slot>,
    /// How far apart the numbers of a place are: a power of two.
    stride: u64,
    /// By slot, the venue's number; zero: none.
    order_ids: Vec<u64>,
    live: Vec<At>,
    /// Of those, the strategy's numbers.
    tags: Vec<u64>,
    /// Free ones, in the order in which they are taken.
    free: std::collections::VecDeque<At>,
    /// Names of orders that were taken over, the newest, whether they are still here or not.
    adopted: std::collections::VecDeque<ClientOrderId>,
}

impl Slots {
    pub(super) fn new(count: u16) -> Self {
        let count = usize::from(count.max(1));
        Self {
            all: (0..count as u64).map(Slot::unused).collect(),
            stride: count.next_power_of_two() as u64,
            order_ids: vec![0; count],
            live: Vec::with_capacity(count),
            tags: Vec::with_capacity(count),
            free: (0..count as At).collect(),
            adopted: std::collections::VecDeque::with_capacity(REMEMBERED * count),
        }
    }

    /// The number that the next order gets: so much more than that of the one before it in its place that each
    /// number has one place. `None`: there is no room for one.
    pub(super) fn next_number(&self) -> Option<u64> {
        let number = self.get(*self.free.front()?).next_number;
        (number < NUMBERS).then_some(number)
    }

    /// Whether there is room for so many.
    pub(super) fn has_room(&self, orders: usize) -> bool {
        let is_free = |at: &&At| self.get(**at).next_number < NUMBERS;
        self.free.iter().take(orders).filter(is_free).count() == orders
    }

    /// Where an order of a number is, or was.
    const fn place(&self, number: u64) -> usize {
        (number & (self.stride - 1)) as usize
    }

    /// Whether an order of the name was there, of this run or taken over from one before.
    pub(super) fn was_there(&self, run: RunId, name: &ClientOrderId) -> bool {
        let Some(number) = run.number(name).filter(|number| run.name(*number) == *name) else {
            return self.adopted.contains(name);
        };
        self.all.get(self.place(number)).is_some_and(|slot| number < slot.next_number)
    }

    /// Remembers an order that was taken over: what is told of it late is known.
    pub(super) fn remember(&mut self, name: ClientOrderId) {
        if self.adopted.len() == REMEMBERED * self.all.len() {
            self.adopted.pop_front();
        }
        self.adopted.push_back(name);
    }

    /// Puts an order into the next place; `None`: there is none.
    pub(super) fn put(&mut self, order: OwnOrder, entry: Entry) -> Option<At> {
        let number = self.next_number()?;
        let at = self.free.pop_front()?;
        let Entry { tag, venue, kind, time_in_force, sent_at, executed_before, is_replacement } =
            entry;
        let next_number = number + self.stride;
        self.order_ids[usize::from(at)] = order.order_id().0;
        *self.get_mut(at) = Slot {
            order,
            tag,
            venue,
            kind,
            time_in_force,
            executed_before,
            sent_at,
            due_ns: NEVER,
            cancel_due_ns: 0,
            cancel_refused_ns: 0,
            first_question: 0,
            certain_question: NEVER,
            fills_missing: 0,
            change: None,
            is_retiring: false,
            is_replacement,
            waits: false,
            pair: 0,
            is_covered: false,
            next_number,
            is_live: true,
        };
        self.live.push(at);
        self.tags.push(tag);
        Some(at)
    }

    /// The slot.
    ///
    /// # Panics
    /// When there is none.
    #[inline]
    #[track_caller]
    pub(super) fn get(&self, at: At) -> &Slot {
        &self.all[usize::from(at)]
    }

    /// As [`get`](Self::get).
    #[inline]
    #[track_caller]
    pub(super) fn get_mut(&mut self, at: At) -> &mut Slot {
        &mut self.all[usize::from(at)]
    }

    /// Those that may still trade.
    pub(super) fn live(&self) -> impl Iterator<Item = At> {
        self.live.iter().copied()
    }

    /// The `index`-th of them.
    pub(super) fn live_at(&self, index: usize) -> Option<At> {
        self.live.get(index).copied()
    }

    /// Takes note of what an order has become.
    pub(super) fn settle(&mut self, at: At) {
        let Slot { order, is_live, .. } = self.get(at);
        let (order_id, ends, is_live) = (order.order_id(), order.state().has_ended(), *is_live);
        self.order_ids[usize::from(at)] = order_id.0;
        if !ends || !is_live {
            return;
        }
        let slot = self.get_mut(at);
        (slot.is_live, slot.due_ns) = (false, NEVER);
        if let Some(index) = self.live.iter().position(|live| *live == at) {
            self.live.remove(index);
            self.tags.remove(index);
        }
        self.free.push_back(at);
    }

    /// Whether an order may still trade.
    pub(super) fn is_live(&self, at: At) -> bool {
        self.get(at).is_live
    }

    /// The order of a name; of a run before, if it was taken over.
    pub(super) fn by_name(&self, run: RunId, name: &ClientOrderId) -> Option<At> {
        if name.is_empty() {
            return None;
        }
        let is_it = |slot: &Slot| slot.order.client_order_id == *name;
        let at = if let Some(number) = run.number(name) {
            let at = self.place(number);
            self.all.get(at).is_some_and(is_it).then_some(at)
        } else {
            self.all.iter().position(is_it)
        };
        at.map(|at| at as At)
    }

    /// The order of a venue's number.
    pub(super) fn by_order_id(&self, venue: VenueId, order_id: OrderId) -> Option<At> {
        if order_id.is_none() {
            return None;
        }
        let mut from = 0;
        while let Some(found) = self.order_ids[from..].iter().position(|id| *id == order_id.0) {
            let at = from + found;
            if self.all[at].venue == venue {
                return Some(at as At);
            }
            from = at + 1;
        }
        None
    }

    /// The order of a strategy's number: the one that stands in the other's stead, if there are two.
    pub(super) fn by_tag(&self, tag: u64) -> Option<At> {
        let mut found = None;
        for at in self.of_tag(tag) {
            if found.is_none() || !self.get(at).is_retiring {
                found = Some(at);
            }
        }
        found
    }

    /// The orders of a strategy's number that may still trade.
    pub(super) fn of_tag(&self, tag: u64) -> impl Iterator<Item = At> {
        let live = self.tags.iter().zip(&self.live);
        live.filter(move |(of, _)| **of == tag).map(|(_, at)| *at)
    }

    /// The other order of a pair, if it may still trade.
    pub(super) fn other_of_pair(&self, at: At) -> Option<At> {
        let pair = self.get(at).pair;
        self.live().find(|other| *other != at && pair != 0 && self.get(*other).pair == pair)
    }

    /// So much of an order has traded that others stand in the stead of.
    pub(super) fn executed_before(&mut self, at: At, qty: Qty) {
        let tag = self.get(at).tag;
        let mut is_behind = false;
        for index in 0..self.live.len() {
            let other = self.live[index];
            if is_behind && self.get(other).tag == tag {
                let slot = self.get_mut(other);
                let executed = slot.executed_before.units().saturating_add(qty.units());
                slot.executed_before = Qty::from_units(executed);
            }
            is_behind |= other == at;
        }
    }

    /// What may still trade under a number, and on which side.
    pub(super) fn open_qty(&self, tag: u64, side: Side) -> Qty {
        let mut open = 0_u64;
        for at in self.of_tag(tag) {
            let order = &self.get(at).order;
            if order.side == side {
                open = open.saturating_add(order.open_qty().units());
            }
        }
        Qty::from_units(open)
    }
}
