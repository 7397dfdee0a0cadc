//! Order lists: what the fate of one order does to the others.

use tiercel_types::event::{EventBuffer, ListEnded, OrderAmended};
use tiercel_types::order::PendingRule;
use tiercel_types::{DenialReason, EndReason, ListId, Qty};

use crate::book::RANKS_TOP;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::orders::{ASIDE, NONE, split};

use super::lists::List;
use super::{NOBODY, Queued, State};

/// How much the exits of a list grow.
struct Growth {
    /// By place in the list.
    lots: [u64; 3],
    /// What they reserve more.
    reserve: i128,
    /// The pair's [`List::overlap`] then.
    overlap: i128,
}

impl<L: Ledger> Engine<L> {
    /// Whether a resting order that a look at what could trade has reached would still be there:
    /// not if an exit of its list trades before. The taker's own list does not count.
    pub(crate) fn would_trade(&self, handle: u32, taker: u32) -> bool {
        let waiter = self.waiting.waiters.get(self.waiting.waiters.of(handle));
        let lists = &self.waiting.lists;
        if waiter.list == NOBODY {
            return true;
        }
        let visited = &lists.visited[waiter.list as usize - 1];
        let own = taker != NOBODY && self.waiting.waiters.get(taker).list == waiter.list;
        if own || visited.get() == lists.visits.get() {
            return false;
        }
        if lists.get(waiter.list).is_exit(waiter.leg) {
            visited.set(lists.visits.get());
        }
        true
    }

    /// The book of a list's orders; `None` if all have ended.
    pub(crate) fn book_of_list(&self, list_index: u32) -> Option<u32> {
        let list = self.waiting.lists.get(list_index);
        let index = list.legs.into_iter().find(|&index| list.left > 0 && index != NOBODY)?;
        Some(self.orders.get(self.waiting.waiters.get(index).handle).book)
    }

    /// The exits of a list, if both rest in the book: as they are in the slab.
    fn resting_pair(&self, list: &List) -> Option<[u32; 2]> {
        let rests = |index: u32| {
            let waiter = self.waiting.waiters.get(index);
            let in_book = self.orders.get(waiter.handle).rare & ASIDE == 0;
            (waiter.state == State::Live && in_book).then_some(waiter.handle)
        };
        let mut exits = list.exits();
        Some([rests(exits.next()?)?, rests(exits.next()?)?])
    }

    /// An order of a list rests now: its pair may, too.
    pub(crate) fn note_resting(&mut self, index: u32) {
        let list_index = self.waiting.waiters.get(index).list;
        if self.resting_pair(self.waiting.lists.get(list_index)).is_some() {
            self.waiting.lists.note_pair(list_index);
        }
    }

    /// Finds the pairs that rest, once everything is restored.
    pub(crate) fn note_pairs(&mut self) {
        for index in 1..=self.waiting.lists.slots() as u32 {
            let list = self.waiting.lists.get(index);
            if list.left > 1 && self.resting_pair(list).is_some() {
                self.waiting.lists.note_pair(index);
            }
        }
    }

    /// The orders of a book that are worse than the other of their pair, which rests there as well; of
    /// equal prices the second.
    pub(crate) fn worse_of_pairs(&self, book: u32) -> impl Iterator<Item = u32> + '_ {
        let lists = &self.waiting.lists;
        (0..lists.pairs.len()).filter_map(move |at| {
            let [first, second] = self.resting_pair(lists.pair(at)?)?;
            let (one, other) = (self.orders.get(first), self.orders.get(second));
            let ladder = self.book(book).ladder(one.side);
            let worse = if ladder.key(one.tick) <= ladder.key(other.tick) { second } else { first };
            (one.book == book).then_some(worse)
        })
    }

    /// The id of an order's list; zero if it has none.
    pub(crate) fn list_id(&self, index: u32) -> ListId {
        match self.waiting.waiters.get(index).list {
            NOBODY => ListId(0),
            list => self.waiting.lists.get(list).id,
        }
    }

    /// An order of a list traded (or lost lots to self-trade prevention: `lots` zero); it is
    /// `filled` if nothing is left of it.
    #[cold]
    pub(crate) fn leg_traded(
        &mut self,
        index: u32,
        lots: u64,
        filled: bool,
        out: &mut EventBuffer,
    ) {
        let waiter = *self.waiting.waiters.get(index);
        if waiter.list == NOBODY {
            return;
        }
        let list = self.waiting.lists.get_mut(waiter.list);
        if list.is_exit(waiter.leg) {
            self.part(index, out);
        } else if lots > 0 {
            list.traded_lots += lots;
            // By quote amount nothing is ever open: the first trade counts as the fill.
            let whole = filled || (waiter.quote_qty != Qty::ZERO && !list.entered);
            if !list.queued && (whole || list.rule == PendingRule::EachFill) {
                list.queued = true;
                self.waiting.queue.push_back(Queued::Pending { list: waiter.list, since: 0 });
            }
        }
        if filled {
            self.leg_gone(index, out);
        }
    }

    /// An exit has traded or is triggered: it is the only one from now on.
    pub(crate) fn part(&mut self, index: u32, out: &mut EventBuffer) {
        let waiter = *self.waiting.waiters.get(index);
        if waiter.list == NOBODY {
            return;
        }
        let list = *self.waiting.lists.get(waiter.list);
        if !list.is_exit(waiter.leg) {
            return;
        }
        self.waiting.lists.get_mut(waiter.list).used = true;
        self.end_others(index, out);
    }

    /// Ends the other exit, then the working order.
    fn end_others(&mut self, index: u32, out: &mut EventBuffer) {
        let list_index = self.waiting.waiters.get(index).list;
        let list = *self.waiting.lists.get(list_index);
        for other in list.exits().filter(|&other| other != index) {
            self.end_along(other, out);
        }
        self.dissolve(index);
        let Some(working) = list.working() else { return };
        let order = self.orders.get(self.waiting.waiters.get(working).handle);
        // If it rests with nothing open it is the maker that was filled just now.
        if order.rare & ASIDE != 0 || order.open() > 0 {
            self.end_along(working, out);
        }
    }

    /// A pair is one no more: what both together reserved less is one order's to reserve.
    fn dissolve(&mut self, index: u32) {
        let waiter = self.waiting.waiters.get(index);
        let list = self.waiting.lists.get_mut(waiter.list);
        let overlap = core::mem::take(&mut list.overlap);
        if L::ENABLED && overlap != 0 {
            let order = self.orders.get(waiter.handle);
            let asset = self.book(order.book).spec.asset_given(order.side);
            self.ledger.reserve(order.account, asset, overlap);
        }
    }

    /// An order of a list ended, and not by a trade; it was told already.
    pub(crate) fn leg_ended(&mut self, index: u32, out: &mut EventBuffer) {
        let waiter = *self.waiting.waiters.get(index);
        if waiter.list == NOBODY {
            return;
        }
        let list = *self.waiting.lists.get(waiter.list);
        if list.is_exit(waiter.leg) {
            self.end_others(index, out);
        } else if !list.queued && !list.entered {
            for pending in list.exits() {
                self.end_along(pending, out);
            }
        }
        self.leg_gone(index, out);
    }

    /// Ends an order because another of its list did.
    fn end_along(&mut self, index: u32, out: &mut EventBuffer) {
        let handle = self.waiting.waiters.get(index).handle;
        if self.waiting.walk == handle {
            self.waiting.walk = self.walk_on(handle);
        }
        self.waiting.ended_along += 1;
        self.leave(handle, EndReason::ListEnded, 0, out);
        self.leg_gone(index, out);
        self.forget(handle);
    }

    fn leg_gone(&mut self, index: u32, out: &mut EventBuffer) {
        let waiter = *self.waiting.waiters.get(index);
        let list = self.waiting.lists.get_mut(waiter.list);
        if list.legs[waiter.leg] != index {
            return;
        }
        list.legs[waiter.leg] = NOBODY;
        list.left -= 1;
        if list.left == 0 {
            let ended = ListEnded { list_id: list.id };
            if core::mem::take(&mut list.since) != 0 {
                self.waiting.forget_held();
            }
            self.waiting.lists.remove(waiter.list);
            let order = self.orders.get(waiter.handle);
            out.push(self.book(order.book).spec.instrument, order.account, ended);
        }
    }

    /// The turn of a list's pending orders: they are entered, or grow.
    pub(crate) fn enter_pending(&mut self, list_index: u32, out: &mut EventBuffer) {
        let list = self.waiting.lists.get_mut(list_index);
        list.queued = false;
        let list = *list;
        if list.left == 0 || list.used {
            return;
        }
        if list.entered {
            return self.grow(list_index, out);
        }
        self.waiting.lists.get_mut(list_index).entered = true;
        for index in list.exits() {
            let lots = self.part_of(list_index, index);
            let order = self.orders.get_mut(self.waiting.waiters.get(index).handle);
            (order.hidden, order.total) = (lots, lots);
        }
        let Some(first) = list.exits().next() else { return };
        if !self.reserve_exits(list_index) {
            for index in list.exits() {
                self.refuse(index, DenialReason::InsufficientFunds, out);
            }
            for index in list.exits().skip(1) {
                self.leg_gone(index, out);
                self.forget(self.waiting.waiters.get(index).handle);
            }
            let handle = self.waiting.waiters.get(first).handle;
            self.leg_ended(first, out);
            return self.forget(handle);
        }
        self.enter_pair(list_index, out);
    }

    /// Lots that a pending order has now.
    fn part_of(&self, list_index: u32, index: u32) -> u64 {
        let (list, own) =
            (self.waiting.lists.get(list_index), self.waiting.waiters.get(index).own_lots);
        match list.rule {
            PendingRule::FullFill => own,
            PendingRule::EachFill => own.min(list.traded_lots),
        }
    }

    /// Reserves what the exits reserve, the larger of two; false if it is not free.
    pub(crate) fn reserve_exits(&mut self, list_index: u32) -> bool {
        let list = *self.waiting.lists.get(list_index);
        let Some(first) = list.exits().next() else { return true };
        if !L::ENABLED {
            return true;
        }
        let (mut most, mut least, mut needed) = (0, i128::MAX, 0);
        for index in list.exits() {
            let reserved = self.reserved_by(index);
            most = reserved.max(most);
            least = reserved.min(least);
            needed = self.needed_by(index).max(needed);
        }
        let order = self.orders.get(self.waiting.waiters.get(first).handle);
        let asset = self.book(order.book).spec.asset_given(order.side);
        if needed > 0 && needed > self.ledger.free(order.account, asset) {
            return false;
        }
        self.ledger.reserve(order.account, asset, most);
        if list.exits().count() == 2 {
            self.waiting.lists.get_mut(list_index).overlap = least;
        }
        true
    }

    /// Enters the exits, which reserve already: one that is met already alone.
    pub(crate) fn enter_pair(&mut self, list_index: u32, out: &mut EventBuffer) {
        let list = *self.waiting.lists.get(list_index);
        for index in list.exits() {
            self.waiting.waiters.get_mut(index).state = State::Entering;
        }
        if let Some(met) = list.exits().find(|&index| self.is_met(index)) {
            for other in list.exits().filter(|&other| other != met) {
                self.end_along(other, out);
            }
            self.dissolve(met);
            self.waiting.waiters.get_mut(met).since = self.waiting.mark();
            return self.enqueue(met);
        }
        for index in list.exits() {
            if self.waits(index) {
                self.begin_to_wait(index, out);
            }
        }
        let mut rest = [NOBODY; 2];
        for (place, index) in rest.iter_mut().zip(list.exits().filter(|&index| !self.waits(index)))
        {
            *place = index;
        }
        self.enter_soon(rest);
    }

    /// Whether anything comes of the turn of a list's pending orders; if not, it is over.
    pub(crate) fn has_a_turn(&self, list_index: u32) -> bool {
        let list = self.waiting.lists.get(list_index);
        list.left > 0 && !list.used && (!list.entered || self.growth(list_index).is_some())
    }

    /// How the exits grow with what the working order has traded, if they grow at all: what they
    /// reserve more has to be free, and the book has to be able to count them.
    fn growth(&self, list_index: u32) -> Option<Growth> {
        let list = self.waiting.lists.get(list_index);
        let mut growth = Growth { lots: [0; 3], reserve: 0, overlap: 0 };
        let (mut before, mut after, mut least) = (0, 0, i128::MAX);
        let (mut account, mut book, mut side, mut in_book) = (None, 0, None, 0_u64);
        for index in list.exits() {
            let waiter = self.waiting.waiters.get(index);
            let order = self.orders.get(waiter.handle);
            let more = self.part_of(list_index, index) - order.open();
            growth.lots[waiter.leg] = more;
            if order.rare & ASIDE == 0 {
                in_book += more;
                self.book(order.book).check_side(order.side, in_book, 0).ok()?;
            }
            before = self.reserved_by(index).max(before);
            let reserved = self.reservation(index, order.open() + more);
            (after, least) = (reserved.max(after), reserved.min(least));
            (account, book, side) = (Some(order.account), order.book, Some(order.side));
        }
        if growth.lots == [0; 3] {
            return None;
        }
        growth.reserve = after - before;
        growth.overlap = if list.exits().count() == 2 { least } else { 0 };
        let asset = self.book(book).spec.asset_given(side?);
        let free = self.ledger.free(account?, asset);
        (!L::ENABLED || growth.reserve <= 0 || growth.reserve <= free).then_some(growth)
    }

    /// The working order has traded more: its exits grow.
    fn grow(&mut self, list_index: u32, out: &mut EventBuffer) {
        let list = *self.waiting.lists.get(list_index);
        let (Some(growth), Some(first)) = (self.growth(list_index), list.exits().next()) else {
            return;
        };
        if L::ENABLED {
            let order = self.orders.get(self.waiting.waiters.get(first).handle);
            let asset = self.book(order.book).spec.asset_given(order.side);
            self.ledger.reserve(order.account, asset, growth.reserve);
            self.waiting.lists.get_mut(list_index).overlap = growth.overlap;
        }
        for index in list.exits() {
            let more = growth.lots[self.waiting.waiters.get(index).leg];
            if more > 0 {
                self.grow_by(index, more, out);
            }
        }
    }

    fn grow_by(&mut self, index: u32, more: u64, out: &mut EventBuffer) {
        let waiter = *self.waiting.waiters.get(index);
        let handle = waiter.handle;
        if self.orders.get(handle).rare & ASIDE != 0 {
            let order = self.orders.get_mut(handle);
            order.hidden += more;
            order.total += more;
            return self.tell_waiting(index, out);
        }
        let slice = self.orders.slice(handle);
        let client_order_id = self.client_order_id_of(handle);
        let order = *self.orders.get(handle);
        let book = &mut self.books[order.book as usize];
        book.unlink(&mut self.orders, handle);
        let lots = split(order.open() + more, slice);
        let changed = self.orders.get_mut(handle);
        (changed.displayed, changed.hidden) = lots;
        changed.total += more;
        (changed.next, changed.previous) = (NONE, NONE);
        let level_lots = book.link(&mut self.orders, handle, (order.side, order.tick), lots);
        let price = book.price(order.tick);
        let amended = OrderAmended {
            order_id: order.id,
            price,
            open_qty: book.qty(order.open() + more),
            displayed_qty: book.qty(lots.0),
            level_qty: book.qty(level_lots),
            old_price: price,
            old_level_qty: book.qty(level_lots),
            update_id: book.next_update(),
            side: order.side,
            priority_kept: 0,
            resting: 1,
            reserved: 0,
            client_order_id,
        };
        let ranks_top = book.has(RANKS_TOP);
        out.push(book.spec.instrument, order.account, amended);
        if ranks_top {
            self.rank_top(handle);
        }
    }

    /// Whether an order's trigger is met before it begins to wait.
    fn is_met(&self, index: u32) -> bool {
        use tiercel_types::Trigger;
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        match waiter.terms.trigger {
            Trigger::Stop | Trigger::TakeProfit => {
                let last = self.book(order.book).last_price;
                last.is_some_and(|last| {
                    let terms = &waiter.terms;
                    super::triggers::fires(terms.trigger, order.side, terms.trigger_price, last)
                })
            }
            Trigger::Condition => self.condition_is_true(waiter.condition),
            Trigger::None | Trigger::TrailingStop => false,
        }
    }

    fn waits(&self, index: u32) -> bool {
        self.waiting.waiters.get(index).terms.trigger != tiercel_types::Trigger::None
    }

    /// Whether the order belongs to a list, or waits: why it can only be cancelled.
    pub(crate) fn check_plain(&self, handle: u32) -> Result<(), DenialReason> {
        let index = self.waiting.waiters.of(handle);
        if index == NOBODY {
            Ok(())
        } else if self.waiting.waiters.get(index).list != NOBODY {
            Err(DenialReason::OrderInList)
        } else if self.waiting.waiters.get(index).state == State::Unseen {
            let hidden = self.waiting.waiters.get(index).terms.hidden != 0;
            if hidden { Ok(()) } else { Err(DenialReason::OrderIsUnseen) }
        } else {
            Err(DenialReason::OrderWaits)
        }
    }

    /// The same, of an order that is to be replaced: any that rests alone may be.
    pub(crate) fn check_replaced(&self, handle: u32) -> Result<(), DenialReason> {
        match self.check_plain(handle) {
            Err(DenialReason::OrderIsUnseen) => Ok(()),
            checked => checked,
        }
    }

    /// What is to be entered in the rest of this step; what it reserves is reserved.
    pub(crate) fn enter_soon(&mut self, orders: [u32; 2]) {
        for index in orders.into_iter().filter(|&index| index != NOBODY) {
            self.waiting.waiters.get_mut(index).state = State::Entering;
        }
        self.waiting.rest = orders;
    }
}
