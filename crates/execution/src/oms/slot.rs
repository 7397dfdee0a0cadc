//! Where orders are kept, and how they are found.

use tiercel_types::{ClientOrderId, OrderId, OrderKind, Qty, Side, TimeInForce, Timestamp};

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
    /// The first question whose answer counts: those before were asked for what was the matter then.
    pub(super) first_question: u64,
    /// The first that was asked when no request could be on its way any more.
    pub(super) certain_question: u64,
    /// What it would be changed to, and counts as open beside it.
    pub(super) change: Option<Intent>,
    /// Another order of the tag was to stand in its stead.
    pub(super) is_retiring: bool,
    /// It stands in another's stead.
    pub(super) is_replacement: bool,
    /// Its own number, which its name carries.
    number: u64,
    is_live: bool,
}

impl Slot {
    /// As the gate counts it.
    pub(super) const fn intent(order: &OwnOrder) -> Intent {
        Intent {
            instrument: order.instrument,
            side: order.side,
            price: order.price(),
            qty: order.open_qty(),
        }
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

/// All of them. Those that ended stay until their place is needed, the oldest first, so that what is told of
/// them late is known.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    all: Vec<Option<Slot>>,
    /// By slot, the venue's number; zero: none.
    order_ids: Vec<u64>,
    live: Vec<At>,
    /// Free ones, in the order in which they are taken.
    free: std::collections::VecDeque<At>,
    /// Names of orders that were taken over, the newest, whether they are still here or not.
    adopted: std::collections::VecDeque<ClientOrderId>,
}

impl Slots {
    pub(super) fn new(count: u16) -> Self {
        let count = usize::from(count.max(1));
        Self {
            all: vec![None; count],
            order_ids: vec![0; count],
            live: Vec::with_capacity(count),
            free: (0..count as At).collect(),
            adopted: std::collections::VecDeque::with_capacity(REMEMBERED * count),
        }
    }

    /// The number that the next order gets: `count` more than that of the one before it in its place. `None`: there
    /// is no room for one.
    pub(super) fn next_number(&self) -> Option<u64> {
        let at = *self.free.front()?;
        let before = self.all[usize::from(at)].as_ref();
        let number = before.map_or(u64::from(at), |slot| slot.number + self.all.len() as u64);
        (number < NUMBERS).then_some(number)
    }

    /// Whether an order of the name was there, of this run or taken over from one before.
    pub(super) fn was_there(&self, run: RunId, name: &ClientOrderId) -> bool {
        let Some(number) = run.number(name) else { return self.adopted.contains(name) };
        let at = number % self.all.len() as u64;
        self.all[at as usize].as_ref().is_some_and(|slot| number <= slot.number)
    }

    /// Remembers an order that was taken over: what is told of it late is known.
    pub(super) fn remember(&mut self, name: ClientOrderId) {
        if self.adopted.len() == REMEMBERED * self.all.len() {
            self.adopted.pop_front();
        }
        self.adopted.push_back(name);
    }

    /// Puts an order into the next place; `None`: there is none.
    pub(super) fn put(&mut self, order: OwnOrder, slot: Entry) -> Option<At> {
        let number = self.next_number()?;
        let at = self.free.pop_front()?;
        let Entry { tag, venue, kind, time_in_force, sent_at, executed_before, is_replacement } =
            slot;
        self.all[usize::from(at)] = Some(Slot {
            order,
            tag,
            venue,
            kind,
            time_in_force,
            executed_before,
            sent_at,
            due_ns: NEVER,
            cancel_due_ns: 0,
            first_question: 0,
            certain_question: NEVER,
            change: None,
            is_retiring: false,
            is_replacement,
            number,
            is_live: true,
        });
        self.order_ids[usize::from(at)] = order.order_id().0;
        self.live.push(at);
        Some(at)
    }

    /// The slot, which is in use.
    ///
    /// # Panics
    /// When it never was.
    #[track_caller]
    pub(super) fn get(&self, at: At) -> &Slot {
        match &self.all[usize::from(at)] {
            Some(slot) => slot,
            None => unreachable!("a slot that was never used"),
        }
    }

    /// As [`get`](Self::get).
    #[track_caller]
    pub(super) fn get_mut(&mut self, at: At) -> &mut Slot {
        match &mut self.all[usize::from(at)] {
            Some(slot) => slot,
            None => unreachable!("a slot that was never used"),
        }
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
        self.live.retain(|live| *live != at);
        self.free.push_back(at);
    }

    /// Whether an order may still trade.
    pub(super) fn is_live(&self, at: At) -> bool {
        self.get(at).is_live
    }

    /// The order of a name; of a run before, if it was taken over.
    pub(super) fn by_name(&self, run: RunId, name: &ClientOrderId) -> Option<At> {
        if let Some(number) = run.number(name) {
            let at = (number % self.all.len() as u64) as At;
            let slot = self.all[usize::from(at)].as_ref()?;
            return (slot.number == number && slot.order.client_order_id == *name).then_some(at);
        }
        let is_it = |slot: &Option<Slot>| {
            slot.as_ref().is_some_and(|slot| slot.order.client_order_id == *name)
        };
        self.all.iter().position(is_it).map(|at| at as At)
    }

    /// The order of a venue's number.
    pub(super) fn by_order_id(&self, venue: VenueId, order_id: OrderId) -> Option<At> {
        if order_id.is_none() {
            return None;
        }
        let mut from = 0;
        while let Some(found) = self.order_ids[from..].iter().position(|id| *id == order_id.0) {
            let at = from + found;
            if self.all[at].as_ref().is_some_and(|slot| slot.venue == venue) {
                return Some(at as At);
            }
            from = at + 1;
        }
        None
    }

    /// The order of a strategy's number: the one that stands in the other's stead, if there are two.
    pub(super) fn by_tag(&self, tag: u64) -> Option<At> {
        let mut found = None;
        for at in self.live() {
            let slot = self.get(at);
            if slot.tag == tag && (found.is_none() || !slot.is_retiring) {
                found = Some(at);
            }
        }
        found
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
        for at in self.live() {
            let slot = self.get(at);
            if slot.tag == tag && slot.order.side == side {
                open = open.saturating_add(slot.order.open_qty().units());
            }
        }
        Qty::from_units(open)
    }
}
