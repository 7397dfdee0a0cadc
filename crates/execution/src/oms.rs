//! All orders that are under way, and what is owned because of them.
//!
//! ```text
//!   submit, replace, cancel --> Oms --> requests --> connectors --> venues
//!         updates <------------  | ^--- reports <---
//!                                v
//!                 Gate (what may leave), Position (what is owned)
//! ```
//!
//! Everything that is asked of a venue is answered, or its time runs out, or its connection ends: then what
//! became of the order is not known, and is asked for until it is. Meanwhile it counts as open with all that it
//! could be, and no new order of its instrument leaves. Cancels always do.
//!
//! Budget of an order or a report: 150 ns. Must not happen here: allocation after [`Oms::new`], a clock.

mod audit;
mod entry;
mod list;
mod name;
mod outcome;
mod slot;

pub use audit::Drift;
pub use list::AdvancedOrder;
pub use name::{RunId, RunIdError};

use thiserror::Error;
use tiercel_types::{
    ClientOrderId, InstrumentId, Money, OrderId, OrderKind, Price, Qty, Side, TimeInForce,
    Timestamp,
};

use crate::breaker::{Breaker, BreakerOptions, BreakerState};
use crate::order::{Illegal, Input, OrderParts, OwnOrder, State};
use crate::position::Position;
use crate::risk::{Denial, Gate};
use crate::venue::{OrderTerms, VenueId, VenueRequest};
use slot::Slots;

/// What is kept at most, and how long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OmsOptions {
    /// Orders at once, those included that ended a moment ago.
    pub orders_max: u16,
    /// How long an answer may take before the outcome counts as unknown.
    pub answer_timeout_ns: u64,
    /// How long until it is asked for again.
    pub ask_interval_ns: u64,
    /// When a venue that fails is left alone.
    pub breaker: BreakerOptions,
}

impl Default for OmsOptions {
    /// 256 orders, a second, and half of one.
    fn default() -> Self {
        Self {
            orders_max: 256,
            answer_timeout_ns: 1_000_000_000,
            ask_interval_ns: 500_000_000,
            breaker: BreakerOptions::DEFAULT,
        }
    }
}

/// How a venue does things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueTerms {
    /// Whether it can change an order's price and quantity and leave it its name. If not, the order is cancelled
    /// and another entered.
    pub amends: bool,
    /// How long after it left a request may still be taken, by the trader's clock. An order that the venue does not
    /// know is certain not to be there only if it was asked for after that.
    pub validity_ns: u64,
}

/// What is known of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it trades.
    pub venue: VenueId,
}

/// What a strategy wants entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Its own number of the order.
    pub tag: u64,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Its limit.
    pub price: Price,
    /// How much.
    pub qty: Qty,
}

/// An order of a run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The strategy's number of it.
    pub tag: u64,
    /// The order, as far as it is known. What has traded of it is in the position.
    pub order: OwnOrder,
    /// How it meets the book.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// The price and quantity (what has traded included) of a change that was not answered.
    pub change: Option<(Price, Qty)>,
}

impl Adopted {
    /// One that a venue lists, with nothing traded of it yet: it is asked what has. `is_advanced`: it waits for a trade,
    /// or belongs to a list.
    pub fn listed(tag: u64, terms: &OrderTerms, is_advanced: bool, order_id: OrderId) -> Self {
        let OrderTerms { client_order_id, instrument, side, kind, time_in_force, price, qty } =
            *terms;
        let order = OwnOrder::new(client_order_id, instrument, side, price, qty);
        let mut order = if is_advanced { order.advanced() } else { order };
        // It is pending, and may be accepted.
        let _working = order.apply(&Input::Accepted(order_id));
        Self { tag, order, kind, time_in_force, change: None }
    }

    /// The same, which had ended as far as is known, open again: what had traded counts already.
    #[must_use]
    pub const fn open_again(&self) -> Self {
        let OwnOrder { client_order_id, instrument, side, .. } = self.order;
        let parts = OrderParts { state: State::Working, ..self.order.parts() };
        let order = OwnOrder::of_parts(client_order_id, instrument, side, &parts);
        Self { order, change: None, ..*self }
    }
}

/// What has happened, as a strategy is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateKind {
    /// It did not leave.
    Denied(Denial),
    /// The venue has it.
    Accepted,
    /// The venue refused it, or never had it.
    Rejected,
    /// It has traded.
    Filled {
        /// At which price.
        price: Price,
        /// How much.
        qty: Qty,
    },
    /// It was cancelled.
    Cancelled,
    /// It ended by its own terms.
    Expired,
    /// It is changed.
    Replaced,
    /// It was not cancelled.
    CancelRejected,
    /// It was not changed.
    ReplaceRejected,
    /// What became of it is not known.
    Unknown,
    /// What became of it is known.
    Found,
}

/// Something to tell a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update {
    /// The strategy's number of the order.
    pub tag: u64,
    /// What has happened.
    pub kind: UpdateKind,
    /// What it trades.
    pub instrument: InstrumentId,
    /// Whether it buys or sells.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Its quantity, with what has traded under the tag.
    pub qty: Qty,
    /// What may still trade under the tag. Zero: the tag is free.
    pub open_qty: Qty,
}

/// Something that should not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Anomaly {
    /// A venue tells what cannot be. The order is asked for.
    #[error("{}: {what}", .order.as_str())]
    Illegal {
        /// Which order.
        order: ClientOrderId,
        /// What.
        what: Illegal,
    },
    /// A venue does not know of an order that it had. It counts as ended.
    #[error("{}: the venue has forgotten it", .order.as_str())]
    Forgotten {
        /// Which order.
        order: ClientOrderId,
    },
    /// A venue reports of an order that has this trader's mark and is not known.
    #[error("{}: an order of this trader that it does not know", .order.as_str())]
    Stray {
        /// Which order.
        order: ClientOrderId,
    },
    /// A venue tells of a trade of an order that had ended. It counts: somebody was wrong before.
    #[error("{}: it has traded after its end", .order.as_str())]
    AfterEnd {
        /// Which order.
        order: ClientOrderId,
    },
    /// A venue says again and again that more of an order has traded than it has told. Its outcome stays unknown until
    /// the trades are told, or the order ends.
    #[error("{}: {} units have traded that are not told", .order.as_str(), .qty.units())]
    FillsMissing {
        /// Which order.
        order: ClientOrderId,
        /// How much.
        qty: Qty,
    },
    /// A venue's answers were not heard and are not told again: what is open there is asked for; trades of those
    /// answers are in no position.
    #[error("venue {}: answer {expected} was due, and {next} is next: what was between was not heard", .venue.0)]
    Unheard {
        /// Which venue.
        venue: VenueId,
        /// The number that was due.
        expected: u64,
        /// The number that is next; a lower one: the venue has begun anew, or has lost what it had.
        next: u64,
    },
    /// A position is beyond all bounds: the fill is not in it.
    #[error("{}: the position's amounts are too large", .order.as_str())]
    TooLarge {
        /// Which order.
        order: ClientOrderId,
    },
}

/// What is to be done after a call; the caller takes it all before the next.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// For connectors, in order.
    pub requests: Vec<(VenueId, VenueRequest)>,
    /// For the strategy, in order.
    pub updates: Vec<Update>,
    /// For somebody to look at.
    pub anomalies: Vec<Anomaly>,
}

impl Outputs {
    /// Room for all that one call may bring with so many orders.
    pub fn new(orders_max: u16) -> Self {
        let room = usize::from(orders_max) + 16;
        Self {
            requests: Vec::with_capacity(room),
            updates: Vec::with_capacity(room),
            anomalies: Vec::with_capacity(room),
        }
    }

    /// Forgets what was taken.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.updates.clear();
        self.anomalies.clear();
    }

    /// Whether there is nothing to tell.
    pub fn is_quiet(&self) -> bool {
        self.updates.is_empty() && self.anomalies.is_empty()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.updates.is_empty() && self.anomalies.is_empty()
    }
}

/// What is known of one instrument.
#[derive(Clone, Debug)]
struct Known {
    venue: VenueId,
    position: Position,
    /// Orders whose outcome is not known.
    unknown: u32,
    /// What its position is valued at; zero: nothing is known.
    mark: Price,
}

/// A venue, as orders see it.
#[derive(Clone, Copy, Debug)]
struct Venue {
    terms: VenueTerms,
    is_up: bool,
    breaker: Breaker,
}

/// Orders, positions and the gate. See the [module's page](self).
#[derive(Clone, Debug)]
pub struct Oms {
    options: OmsOptions,
    gate: Gate,
    run: RunId,
    slots: Slots,
    venues: Vec<Venue>,
    /// By instrument.
    known: Vec<Known>,
    /// Questions asked so far.
    questions: u64,
    /// Lists so far.
    lists: u32,
    /// Nothing is due before.
    next_due_ns: u64,
}

impl Oms {
    /// No orders, no positions; every venue is down.
    ///
    /// # Panics
    /// When a place names a venue that there is not.
    pub fn new(
        options: OmsOptions,
        gate: Gate,
        run: RunId,
        venues: &[VenueTerms],
        places: &[Place],
    ) -> Self {
        assert!(places.iter().all(|place| place.venue.index() < venues.len()), "a place's venue");
        let known = |place: &Place| Known {
            venue: place.venue,
            position: Position::default(),
            unknown: 0,
            mark: Price::ZERO,
        };
        let breaker = Breaker::new(options.breaker);
        let venue = |terms: &VenueTerms| Venue { terms: *terms, is_up: false, breaker };
        Self {
            options,
            gate,
            run,
            slots: Slots::new(options.orders_max),
            venues: venues.iter().map(venue).collect(),
            known: places.iter().map(known).collect(),
            questions: 0,
            lists: 0,
            next_due_ns: slot::NEVER,
        }
    }

    /// The gate: limits, mode, and what it is told of markets.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The same, to change it.
    pub const fn gate_mut(&mut self) -> &mut Gate {
        &mut self.gate
    }

    /// What is owned of an instrument.
    pub fn position(&self, instrument: InstrumentId) -> Option<&Position> {
        self.known.get(instrument.0 as usize).map(|known| &known.position)
    }

    /// Makes a position what it was.
    pub fn set_position(&mut self, instrument: InstrumentId, position: Position) {
        if let Some(known) = self.known.get_mut(instrument.0 as usize) {
            known.position = position;
            self.gate.set_position(instrument, &position);
        }
    }

    /// What an instrument is worth now.
    #[inline]
    pub fn mark(&mut self, instrument: InstrumentId, price: Price) {
        if let Some(known) = self.known.get_mut(instrument.0 as usize) {
            known.mark = price;
        }
    }

    /// The result of all instruments: what was closed, what would be closed at their marks, less fees. `None`: something
    /// is owned that has no mark yet; or beyond 128 bits.
    pub fn result(&self) -> Option<Money> {
        let mut sum = 0_i128;
        for known in &self.known {
            let open = match known.position.owned() {
                Money::ZERO => Money::ZERO,
                _ if known.mark.is_zero() => return None,
                _ => known.position.unrealised(known.mark)?,
            };
            sum = sum.checked_add(known.position.net()?.units())?.checked_add(open.units())?;
        }
        Some(Money::from_units(sum))
    }

    /// Orders that may still trade, with their tags.
    pub fn live(&self) -> impl Iterator<Item = (u64, &OwnOrder)> {
        self.slots.live().map(|at| {
            let slot = self.slots.get(at);
            (slot.tag, &slot.order)
        })
    }

    /// The strategy's number of an order, by one's own name for it.
    pub fn tag(&self, name: &ClientOrderId) -> Option<u64> {
        self.slots.by_name(self.run, name).map(|at| self.slots.get(at).tag)
    }

    /// How many orders may still trade.
    pub fn live_orders(&self) -> usize {
        self.slots.live().count()
    }

    /// Orders whose outcome is not known.
    pub fn unknown_orders(&self) -> u32 {
        self.known.iter().map(|known| known.unknown).sum()
    }

    /// Where a venue's breaker stands; `None`: there is no such venue.
    pub fn breaker(&self, now: Timestamp, venue: VenueId) -> Option<BreakerState> {
        self.venues.get(venue.index()).map(|venue| venue.breaker.state(now))
    }

    /// Where the breakers of all venues stand, by their number.
    pub fn breakers(&self, now: Timestamp) -> impl Iterator<Item = BreakerState> {
        self.venues.iter().map(move |venue| venue.breaker.state(now))
    }

    /// A venue has refused something that was not wrong: it has too much to do, or wants to be left alone.
    pub fn venue_failed(&mut self, now: Timestamp, venue: VenueId) {
        if let Some(venue) = self.venues.get_mut(venue.index()) {
            venue.breaker.failed(now);
        }
    }

    /// How the names of this trader's orders begin.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// An order that may still trade, or ended not long ago, by one's own name for it.
    pub fn order(&self, name: &ClientOrderId) -> Option<&OwnOrder> {
        self.slots.by_name(self.run, name).map(|at| &self.slots.get(at).order)
    }

    /// The same by its venue's number.
    pub fn order_numbered(&self, venue: VenueId, order_id: OrderId) -> Option<&OwnOrder> {
        self.slots.by_order_id(venue, order_id).map(|at| &self.slots.get(at).order)
    }

    /// Whether a venue takes requests.
    pub fn is_up(&self, venue: VenueId) -> bool {
        self.venues.get(venue.index()).is_some_and(|venue| venue.is_up)
    }
}
