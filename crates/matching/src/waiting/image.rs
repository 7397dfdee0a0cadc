//! Orders that wait, and lists, in a snapshot.
//!
//! They follow everything else, and only if there are any: an engine that never had any writes
//! the bytes it always wrote.

use tiercel_types::command::{NewOrder, OrderTerms, StageCondition, StageLeg};
use tiercel_types::order::{ListKind, PendingRule, Trigger};
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentId, InstrumentState, ListId, Money, OrderId, OrderKind,
    Price, Qty, SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes};

use crate::book::Book;
use crate::engine::Engine;
use crate::ledger::Ledger;
use crate::orders::{ASIDE, BEYOND, NONE, Order, UNSEEN_ORDER, rare_bits};
use crate::snapshot::{Reader, Sink, SnapshotError};

use super::draft::{LEGS_MAX, Leg};
use super::lists::List;
use super::{NOBODY, Queued, State, Tracking, Waiter};

/// Where an order with a waiter stands between commands.
const PENDING: u8 = 0;
const WAITING: u8 = 1;
const HELD: u8 = 2;
const LIVE: u8 = 3;
const AUCTION: u8 = 4;
const UNSEEN: u8 = 5;

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct WaitingHeader {
    marks: u64,
    lists_entered: u64,
    lists: u64,
    waiters: u64,
    legs: u64,
    has_condition: u64,
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ListImage {
    id: ListId,
    traded_lots: u64,
    since: u64,
    overlap: Money,
    kind: ListKind,
    rule: PendingRule,
    entered: u8,
    used: u8,
    reserved: [u8; 4],
}

/// An order with a waiter.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(crate) struct WaiterImage {
    pub(crate) id: OrderId,
    open: u64,
    total: u64,
    slice: u64,
    own_lots: u64,
    pub(crate) expire_time: Timestamp,
    price: Price,
    quote_qty: Qty,
    since: u64,
    aside: u64,
    /// Trailing stop that tracks or was fired: its best print.
    best: Price,
    list: ListId,
    terms: OrderTerms,
    pub(crate) instrument: InstrumentId,
    pub(crate) account: AccountId,
    pub(crate) client_order_id: ClientOrderId,
    side: Side,
    pub(crate) time_in_force: TimeInForce,
    self_trade_prevention: SelfTradePrevention,
    kind: OrderKind,
    state: u8,
    leg: u8,
    tracks: u8,
    has_condition: u8,
    reserved: [u8; 4],
}

#[derive(Clone, Copy, TryFromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct LegImage {
    staged: StageLeg,
    has_condition: u64,
}

const WRONG: SnapshotError = SnapshotError::Contradiction { part: "waiting orders" };

impl<L: Ledger> Engine<L> {
    /// Writes what waits, if anything ever did.
    pub(crate) fn write_waiting(&self, sink: &mut impl Sink) {
        let waiting = &self.waiting;
        let fresh = waiting.draft.sequence == self.sequence;
        let draft = &waiting.draft;
        let (legs, staged) =
            if fresh { (&draft.legs[..], draft.condition) } else { (&[][..], None) };
        if waiting.marks == 0 && waiting.lists.entered == 0 && legs.is_empty() && staged.is_none() {
            return;
        }
        let header = WaitingHeader {
            marks: waiting.marks,
            lists_entered: waiting.lists.entered,
            lists: waiting.lists.iter().count() as u64,
            waiters: waiting.waiters.len() as u64,
            legs: legs.len() as u64,
            has_condition: u64::from(staged.is_some()),
        };
        sink.put(header.as_bytes());
        let mut lists: Vec<_> = waiting.lists.iter().map(|(_, list)| list).collect();
        lists.sort_unstable_by_key(|list| list.id);
        for list in lists {
            let image = ListImage {
                id: list.id,
                traded_lots: list.traded_lots,
                since: list.since,
                overlap: Money::from_units(list.overlap),
                kind: list.kind,
                rule: list.rule,
                entered: u8::from(list.entered),
                used: u8::from(list.used),
                reserved: [0; 4],
            };
            sink.put(image.as_bytes());
        }
        let mut waiters: Vec<u32> = waiting.waiters.iter().map(|(index, _)| index).collect();
        waiters.sort_unstable_by_key(|&index| {
            let waiter = waiting.waiters.get(index);
            (waiter.aside, self.orders.get(waiter.handle).id)
        });
        let bests = self.best_prints();
        for index in waiters {
            self.write_waiter(index, bests[index as usize], sink);
        }
        for leg in legs {
            let has_condition = u64::from(leg.condition.is_some());
            sink.put(LegImage { staged: leg.staged, has_condition }.as_bytes());
            if let Some(condition) = &leg.condition {
                sink.put(condition.as_bytes());
            }
        }
        if let Some(condition) = &staged {
            sink.put(condition.as_bytes());
        }
    }

    /// By waiter: the best print of a trailing stop since it tracks, else zero.
    fn best_prints(&self) -> Vec<Price> {
        let count = self.waiting.waiters.iter().map(|(index, _)| index).max();
        let mut bests = vec![Price::ZERO; count.map_or(0, |count| count as usize + 1)];
        for (index, waiter) in self.waiting.waiters.iter() {
            bests[index as usize] = waiter.best;
        }
        for watch in self.waiting.watched.iter().filter_map(|&book| self.book(book).watch()) {
            for trailing in &watch.trailing {
                trailing.for_each(&self.waiting.waiters, |index, best| {
                    bests[index as usize] = Price::from_units(best);
                });
            }
        }
        bests
    }

    fn write_waiter(&self, index: u32, best: Price, sink: &mut impl Sink) {
        let waiter = self.waiting.waiters.get(index);
        let order = self.orders.get(waiter.handle);
        let image = WaiterImage {
            id: order.id,
            open: order.open(),
            total: order.total,
            slice: self.orders.slice(waiter.handle),
            own_lots: waiter.own_lots,
            expire_time: self.expire_time_of(waiter.handle),
            price: waiter.price,
            quote_qty: waiter.quote_qty,
            since: waiter.since,
            aside: waiter.aside,
            best,
            list: self.list_id(index),
            terms: waiter.terms,
            instrument: self.book(order.book).spec.instrument,
            account: order.account,
            client_order_id: self.client_order_id_of(waiter.handle),
            side: order.side,
            time_in_force: order.time_in_force,
            self_trade_prevention: order.self_trade_prevention,
            kind: order.kind,
            state: match waiter.state {
                State::Pending => PENDING,
                State::Held => HELD,
                State::Live => LIVE,
                State::Auction => AUCTION,
                State::Unseen => UNSEEN,
                State::Waiting | State::Queued | State::Entering => WAITING,
            },
            leg: waiter.leg as u8,
            // Which it is matters: once dormant, a stop tracks only from its activation on.
            tracks: match waiter.tracking {
                Tracking::No => 0,
                Tracking::Fresh => 1,
                Tracking::Dormant => 2,
                Tracking::Yes => 3,
            },
            has_condition: u8::from(waiter.condition != NOBODY),
            reserved: [0; 4],
        };
        sink.put(image.as_bytes());
        if waiter.condition != NOBODY {
            sink.put(self.waiting.conditions.get(waiter.condition).tree.as_bytes());
        }
    }

    /// Reads lists and the waiters' images; the orders follow once the book is there.
    pub(crate) fn read_waiting(
        &mut self,
        reader: &mut Reader<'_>,
    ) -> Result<Vec<(WaiterImage, Option<StageCondition>)>, SnapshotError> {
        const PART: &str = "waiting orders";
        let header: WaitingHeader = reader.read(PART)?;
        self.waiting.marks = header.marks;
        self.waiting.lists.entered = header.lists_entered;
        for _ in 0..header.lists {
            let image: ListImage = reader.read(PART)?;
            self.waiting.lists.insert(List {
                id: image.id,
                kind: image.kind,
                rule: image.rule,
                legs: [NOBODY; LEGS_MAX],
                left: 0,
                overlap: image.overlap.units(),
                traded_lots: image.traded_lots,
                entered: image.entered == 1,
                queued: image.since != 0,
                used: image.used == 1,
                since: image.since,
            });
        }
        let mut waiters = Vec::new();
        for _ in 0..header.waiters {
            let image: WaiterImage = reader.read(PART)?;
            let has_condition = image.has_condition == 1;
            let condition = if has_condition { Some(reader.read(PART)?) } else { None };
            waiters.push((image, condition));
        }
        if header.legs > LEGS_MAX as u64 {
            return Err(WRONG);
        }
        self.waiting.draft.sequence = self.sequence;
        for _ in 0..header.legs {
            let LegImage { staged, has_condition } = reader.read(PART)?;
            let condition = if has_condition == 1 { Some(reader.read(PART)?) } else { None };
            self.waiting.draft.legs.push(Leg { staged, condition });
        }
        if header.has_condition == 1 {
            self.waiting.draft.condition = Some(reader.read(PART)?);
        }
        Ok(waiters)
    }

    /// Makes the orders that are not in the book; returns them with what has to be registered.
    pub(crate) fn place_waiters(
        &mut self,
        images: &[(WaiterImage, Option<StageCondition>)],
    ) -> Result<Vec<(u32, NewOrder, u64)>, SnapshotError> {
        let mut placed = Vec::new();
        for (image, _) in images.iter().filter(|(image, _)| image.state != LIVE) {
            let book = self.book_of(image.instrument).map_err(|_| WRONG)?;
            let tick = match image.kind {
                OrderKind::Market if image.state != AUCTION => 0,
                _ => self.book(book).tick.divide_signed(image.price.units()).ok_or(WRONG)?,
            };
            if image.open > image.total || !self.ledger.knows(image.account) {
                return Err(WRONG);
            }
            let handle = self.orders.allocate();
            *self.orders.get_mut(handle) = Order {
                id: image.id,
                tick,
                displayed: 0,
                hidden: image.open,
                total: image.total,
                next: NONE,
                previous: NONE,
                account: image.account,
                book,
                side: image.side,
                time_in_force: image.time_in_force,
                self_trade_prevention: image.self_trade_prevention,
                kind: image.kind,
                rare: rare_bits(image.slice, image.time_in_force)
                    | BEYOND
                    | if image.state == UNSEEN { UNSEEN_ORDER } else { ASIDE },
            };
            let order = NewOrder {
                order_id: image.id,
                account: image.account,
                instrument: image.instrument,
                client_order_id: image.client_order_id,
                expire_time: image.expire_time,
                time_in_force: image.time_in_force,
                ..NewOrder::NOTHING
            };
            placed.push((handle, order, image.slice));
        }
        Ok(placed)
    }

    /// Gives all orders their waiters, lists and watches, once every order is known.
    pub(crate) fn attach_waiters(
        &mut self,
        images: &[(WaiterImage, Option<StageCondition>)],
    ) -> Result<(), SnapshotError> {
        let mut indices = Vec::with_capacity(images.len());
        for (image, condition) in images {
            let none = ClientOrderId::EMPTY;
            let handle = self.find(image.account, image.id, &none).map_err(|_| WRONG)?;
            indices.push(self.attach_waiter(handle, image, condition.as_ref())?);
        }
        // In the order in which they began to wait, or were held.
        let mut order: Vec<usize> = (0..images.len()).collect();
        order.sort_unstable_by_key(|&at| images[at].0.since);
        let mut held = Vec::new();
        for at in order {
            let (image, _) = &images[at];
            let index = indices[at];
            match (image.state, self.waiting.waiters.get(index).condition) {
                (WAITING, NOBODY) => self.await_print_as(index, image.tracks, image.best)?,
                (WAITING, condition) => {
                    self.watch_condition(condition);
                }
                (UNSEEN, NOBODY) => self.restore_unseen(index).ok_or(WRONG)?,
                (HELD, _) => {
                    let since = image.since;
                    held.push((since, Queued::Order { waiter: index, since }));
                }
                (AUCTION, _) => {
                    let order = self.orders.get(self.waiting.waiters.get(index).handle);
                    let (book, side, lots) = (order.book, order.side, order.open());
                    let countable = self.book(book).check_side(side, lots, 0).is_ok();
                    if !countable || !image.time_in_force.is_for_auction() {
                        return Err(WRONG);
                    }
                    self.await_auction(index);
                }
                _ => {}
            }
        }
        if self.waiting.lists.iter().count() != self.waiting.lists.slots() {
            return Err(WRONG);
        }
        for (list, since) in self.waiting.lists.iter().map(|(index, list)| (index, list.since)) {
            if since != 0 {
                held.push((since, Queued::Pending { list, since }));
            }
        }
        // Hidden orders are known now; only a call leaves them crossed with others.
        let may_not_cross = [InstrumentState::Open, InstrumentState::PreOpen];
        let mut books = self.books.iter().filter(|book| may_not_cross.contains(&book.state));
        if books.any(Book::is_crossed) {
            return Err(WRONG);
        }
        held.sort_unstable_by_key(|&(since, _)| since);
        self.waiting.held.extend(held.into_iter().map(|(_, queued)| queued));
        self.note_pairs();
        self.waiting.doubtful.clear();
        self.set_wake();
        Ok(())
    }

    fn attach_waiter(
        &mut self,
        handle: u32,
        image: &WaiterImage,
        condition: Option<&StageCondition>,
    ) -> Result<u32, SnapshotError> {
        let order = self.orders.get_mut(handle);
        let aside = order.rare & ASIDE != 0;
        let in_book = order.rare & (ASIDE | UNSEEN_ORDER) == 0;
        if in_book != (image.state == LIVE) || image.state > UNSEEN {
            return Err(WRONG);
        }
        order.rare |= BEYOND;
        let book = order.book;
        let index = self.waiting.waiters.insert(Waiter {
            state: match image.state {
                PENDING => State::Pending,
                WAITING => State::Waiting,
                HELD => State::Held,
                AUCTION => State::Auction,
                UNSEEN => State::Unseen,
                _ => State::Live,
            },
            price: image.price,
            quote_qty: image.quote_qty,
            own_lots: image.own_lots,
            since: image.since,
            aside: image.aside,
            best: if image.state == HELD { image.best } else { Price::ZERO },
            ..Waiter::new(handle, image.terms)
        });
        if (image.terms.trigger == Trigger::Condition) != condition.is_some() {
            return Err(WRONG);
        }
        if let Some(tree) = condition {
            self.check_condition(tree).map_err(|_| WRONG)?;
            let condition = self.waiting.conditions.insert(*tree, index);
            self.waiting.waiters.get_mut(index).condition = condition;
        }
        if aside {
            self.waiting.asides += 1;
            self.link_aside(index, book);
        }
        if image.list != ListId(0) {
            let list_index = self.waiting.lists.find(image.list).ok_or(WRONG)?;
            let list = self.waiting.lists.get_mut(list_index);
            let place = list.legs.get_mut(usize::from(image.leg)).ok_or(WRONG)?;
            if core::mem::replace(place, index) != NOBODY {
                return Err(WRONG);
            }
            list.left += 1;
            let waiter = self.waiting.waiters.get_mut(index);
            (waiter.list, waiter.leg) = (list_index, usize::from(image.leg));
        }
        Ok(index)
    }

    /// Queues an order for prints as it was.
    fn await_print_as(&mut self, index: u32, tracks: u8, best: Price) -> Result<(), SnapshotError> {
        let tracking = match tracks {
            0 => Tracking::No,
            1 => Tracking::Fresh,
            2 => Tracking::Dormant,
            3 => Tracking::Yes,
            _ => return Err(WRONG),
        };
        let waiter = self.waiting.waiters.get(index);
        if (waiter.terms.trigger == Trigger::TrailingStop) != (tracking != Tracking::No) {
            return Err(WRONG);
        }
        self.await_print_in(index, tracking);
        if tracking == Tracking::Yes {
            let handle = self.waiting.waiters.get(index).handle;
            self.track(handle, best);
        }
        Ok(())
    }
}
