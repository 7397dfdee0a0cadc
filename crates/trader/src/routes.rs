//! Instruments that a strategy sees as one: what it asks of the first goes to all of them.
//!
//! ```text
//!   books of the members --> one book --> strategy --> an order of the first
//!                                                        |
//!   updates of its parts <-- Oms <-- parts, one a venue <-- router
//!            |
//!            +--> one update, under the strategy's tag
//! ```
//!
//! A member whose book is of the past, whose venue is down or whose breaker is open is left out. A part is an order of its
//! own to everything behind: limits, journal and recovery know of parts alone. After a restart nothing is known of what
//! belonged together: all of it is cancelled before the strategy acts, as always.

use tiercel_execution::breaker::BreakerState;
use tiercel_execution::oms::{AdvancedOrder, NewOrder, Oms, Outputs, Update, UpdateKind};
use tiercel_execution::risk::Denial;
use tiercel_execution::router::{self, Offer, Plan, VENUES_MAX, Wish};
use tiercel_execution::venue::VenueId;
use tiercel_strategy::{BookTick, LEVELS, STALE, Terms};
use tiercel_types::market::Level;
use tiercel_types::order::ListKind;
use tiercel_types::{InstrumentId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp};

/// What the tag of a part has, and no strategy's may have.
const PART: u64 = 1 << 63;
/// Bits of a part's tag that count parts; above them is the place of the order.
const COUNT_BITS: u32 = 40;

/// One of the instruments that are one.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its steps and smallest orders.
    pub terms: Terms,
    /// Where it trades.
    pub venue: VenueId,
    /// What a taker pays, in units of 10^-8.
    pub fee: u32,
    /// How long an order takes to get there.
    pub latency_ns: u64,
    /// The largest part.
    pub qty_max: Qty,
}

/// Instruments that are one. The first is the one that the strategy knows.
#[derive(Clone, Debug)]
struct Route {
    members: Vec<Member>,
    /// Their books as they were told last.
    ticks: Vec<BookTick>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    tag: u64,
    open_qty: Qty,
    is_unknown: bool,
}

/// An order whose parts are at several venues.
#[derive(Clone, Copy, Debug)]
struct Parent {
    tag: u64,
    instrument: InstrumentId,
    side: Side,
    price: Price,
    executed: u64,
    parts: [Part; VENUES_MAX],
    was_accepted: bool,
}

impl Parent {
    fn open(&self) -> u64 {
        self.parts.iter().map(|part| part.open_qty.units()).sum()
    }

    fn is_unknown(&self) -> bool {
        self.parts.iter().any(|part| part.is_unknown)
    }
}

/// All routes, and the orders that went by them.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    all: Vec<Route>,
    /// By instrument: its route, and its place there.
    of: Vec<Option<(usize, usize)>>,
    parents: Vec<Option<Parent>>,
    count: u64,
}

impl Routes {
    /// These routes, each of two members or more, with room for so many orders.
    pub fn new(routes: Vec<Vec<Member>>, orders_max: u16) -> Self {
        let mut of = Vec::new();
        for (at, members) in routes.iter().enumerate() {
            for (place, member) in members.iter().take(VENUES_MAX).enumerate() {
                let instrument = member.terms.instrument.0 as usize;
                if of.len() <= instrument {
                    of.resize(instrument + 1, None);
                }
                of[instrument] = Some((at, place));
            }
        }
        let route = |members: Vec<Member>| {
            let tick = |member: &Member| BookTick {
                instrument: member.terms.instrument,
                flags: STALE,
                ..BookTick::default()
            };
            Route { ticks: members.iter().map(tick).collect(), members }
        };
        Self {
            all: routes.into_iter().map(route).collect(),
            of,
            parents: vec![None; usize::from(orders_max)],
            count: 0,
        }
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    #[inline]
    fn place(&self, instrument: InstrumentId) -> Option<(usize, usize)> {
        self.of.get(instrument.0 as usize).copied().flatten()
    }

    /// What the strategy calls an instrument.
    #[inline]
    pub fn first(&self, instrument: InstrumentId) -> InstrumentId {
        self.place(instrument)
            .map_or(instrument, |(route, _)| self.all[route].members[0].terms.instrument)
    }

    /// All that a strategy means by an instrument: itself, or every member.
    pub fn members(&self, instrument: InstrumentId) -> impl Iterator<Item = InstrumentId> {
        let route = self.place(instrument).map(|(route, _)| &self.all[route]);
        let itself = route.is_none().then_some(instrument);
        let members = route.into_iter().flat_map(|route| &route.members);
        itself.into_iter().chain(members.map(|member| member.terms.instrument))
    }

    /// Steps that are good at every member, by the first's number: each is a multiple of the others.
    pub fn terms(&self, terms: &Terms) -> Terms {
        let Some((route, _)) = self.place(terms.instrument) else { return *terms };
        self.all[route].members.iter().fold(*terms, |all, member| Terms {
            instrument: all.instrument,
            tick: all.tick.max(member.terms.tick),
            lot: all.lot.max(member.terms.lot),
            qty_min: all.qty_min.max(member.terms.qty_min),
            notional_min: all.notional_min.max(member.terms.notional_min),
        })
    }

    /// A book as the strategy is told of it: that of all members, best first.
    #[inline]
    pub fn book(&mut self, tick: &BookTick) -> BookTick {
        let Some((route, place)) = self.place(tick.instrument) else { return *tick };
        let route = &mut self.all[route];
        route.ticks[place] = *tick;
        route.book(tick)
    }

    /// An order of the strategy: one that is routed leaves in parts.
    pub fn submit(&mut self, now: Timestamp, order: &NewOrder, oms: &mut Oms, out: &mut Outputs) {
        let Some((route, _)) = self.place(order.instrument) else {
            return oms.submit(now, order, out);
        };
        if let Err(denial) = self.enter(now, order, route, oms, out) {
            out.updates.push(Update {
                tag: order.tag,
                kind: UpdateKind::Denied(denial),
                instrument: order.instrument,
                side: order.side,
                price: order.price,
                qty: order.qty,
                open_qty: self
                    .find(order.tag)
                    .map_or(Qty::ZERO, |parent| Qty::from_units(parent.open())),
            });
        }
    }

    /// An order that waits, or the orders of a list: what is routed has no such.
    #[cold]
    pub fn submit_advanced(
        &self,
        now: Timestamp,
        kind: Option<ListKind>,
        orders: &[AdvancedOrder],
        oms: &mut Oms,
        out: &mut Outputs,
    ) {
        if orders.iter().any(|order| self.place(order.order.instrument).is_some()) {
            return oms.deny(orders, Denial::NoVenue, out);
        }
        match (kind, orders) {
            (Some(kind), _) => oms.submit_list(now, kind, orders, out),
            (None, [order]) => oms.submit_waiting(now, order, out),
            (None, _) => oms.deny(orders, Denial::Terms, out),
        }
    }

    fn enter(
        &mut self,
        now: Timestamp,
        order: &NewOrder,
        route: usize,
        oms: &mut Oms,
        out: &mut Outputs,
    ) -> Result<(), Denial> {
        if order.tag & PART != 0 || self.find(order.tag).is_some() {
            return Err(Denial::Tag);
        }
        let place = self.parents.iter().position(Option::is_none).ok_or(Denial::Room)?;
        let route = &self.all[route];
        let plan = route.plan(now, order, oms).ok_or(Denial::NoVenue)?;
        let mut parts = [Part::default(); VENUES_MAX];
        for (part, leg) in parts.iter_mut().zip(plan.legs()) {
            self.count = (self.count + 1) & ((1 << COUNT_BITS) - 1);
            part.tag = PART | (place as u64) << COUNT_BITS | self.count;
            part.open_qty = leg.qty;
        }
        self.parents[place] = Some(Parent {
            tag: order.tag,
            instrument: route.members[0].terms.instrument,
            side: order.side,
            price: order.price,
            executed: 0,
            parts,
            was_accepted: false,
        });
        for (part, leg) in parts.iter().zip(plan.legs()) {
            let instrument = route.members[leg.offer].terms.instrument;
            let (tag, price, qty) = (part.tag, leg.price, leg.qty);
            oms.submit(now, &NewOrder { tag, instrument, price, qty, ..*order }, out);
        }
        Ok(())
    }

    fn find(&self, tag: u64) -> Option<&Parent> {
        self.parents.iter().flatten().find(|parent| parent.tag == tag)
    }

    /// Cancels every part of an order.
    pub fn cancel(&self, now: Timestamp, tag: u64, oms: &mut Oms, out: &mut Outputs) {
        let Some(parent) = self.find(tag) else { return oms.cancel(now, tag, out) };
        for part in parent.parts.iter().filter(|part| !part.open_qty.is_zero()) {
            oms.cancel(now, part.tag, out);
        }
    }

    /// Cancels every order of what the strategy means by an instrument.
    pub fn cancel_all(
        &self,
        now: Timestamp,
        instrument: InstrumentId,
        oms: &mut Oms,
        out: &mut Outputs,
    ) {
        for member in self.members(instrument) {
            oms.cancel_all(now, member, out);
        }
    }

    /// Changes an order of one part; of several it is denied.
    pub fn replace(
        &self,
        now: Timestamp,
        (tag, price, qty): (u64, Price, Qty),
        oms: &mut Oms,
        out: &mut Outputs,
    ) {
        let Some(parent) = self.find(tag) else { return oms.replace(now, tag, price, qty, out) };
        let mut open = parent.parts.iter().filter(|part| !part.open_qty.is_zero());
        if let (Some(part), None) = (open.next(), open.next())
            && parent.executed == 0
        {
            return oms.replace(now, part.tag, price, qty, out);
        }
        out.updates.push(Update {
            tag,
            kind: UpdateKind::Denied(Denial::Split),
            instrument: parent.instrument,
            side: parent.side,
            price,
            qty,
            open_qty: Qty::from_units(parent.open()),
        });
    }

    /// What the strategy is told of an update: nothing, one thing, or that and that it is known again how the order
    /// stands.
    #[inline]
    pub fn told(&mut self, update: &Update) -> [Option<Update>; 2] {
        if update.tag & PART == 0 {
            return [Some(*update), None];
        }
        self.of_part(update).unwrap_or_default()
    }

    fn of_part(&mut self, update: &Update) -> Option<[Option<Update>; 2]> {
        let place = ((update.tag & !PART) >> COUNT_BITS) as usize;
        // A part of a run before belongs to nothing.
        let parent = self.parents.get_mut(place)?.as_mut()?;
        let at = parent.parts.iter().position(|part| part.tag == update.tag)?;
        let was_unknown = parent.is_unknown();
        let part = &mut parent.parts[at];
        part.open_qty = update.open_qty;
        match update.kind {
            UpdateKind::Unknown => part.is_unknown = true,
            UpdateKind::Found => part.is_unknown = false,
            UpdateKind::Filled { qty, .. } => parent.executed += qty.units(),
            UpdateKind::Replaced => parent.price = update.price,
            _ => {}
        }
        let part = &mut parent.parts[at];
        part.is_unknown &= !part.open_qty.is_zero();
        let has_ended = parent.open() == 0;
        let is_told = match update.kind {
            UpdateKind::Accepted => !std::mem::replace(&mut parent.was_accepted, true),
            UpdateKind::Unknown => !was_unknown,
            UpdateKind::Found => !parent.is_unknown(),
            UpdateKind::Denied(_) => has_ended || !update.open_qty.is_zero(),
            UpdateKind::Rejected | UpdateKind::Cancelled | UpdateKind::Expired => has_ended,
            UpdateKind::Filled { .. }
            | UpdateKind::Replaced
            | UpdateKind::CancelRejected
            | UpdateKind::ReplaceRejected => true,
        };
        let is_refusal = matches!(update.kind, UpdateKind::Denied(_) | UpdateKind::Rejected);
        let kind = match update.kind {
            // Others of its parts were there.
            _ if is_refusal && has_ended && (parent.was_accepted || parent.executed > 0) => {
                UpdateKind::Expired
            }
            kind => kind,
        };
        let told = Update {
            tag: parent.tag,
            kind,
            instrument: parent.instrument,
            side: parent.side,
            price: parent.price,
            qty: Qty::from_units(parent.executed + parent.open()),
            open_qty: Qty::from_units(parent.open()),
        };
        // Whatever has settled it; what ends the order says it all.
        let is_known_again = was_unknown && !parent.is_unknown() && !has_ended;
        let found = is_known_again && !(is_told && kind == UpdateKind::Found);
        if has_ended {
            self.parents[place] = None;
        }
        let found = found.then_some(Update { kind: UpdateKind::Found, ..told });
        Some([is_told.then_some(told), found])
    }
}

impl Route {
    /// Where an order goes; `None`: nowhere.
    fn plan(&self, now: Timestamp, order: &NewOrder, oms: &Oms) -> Option<Plan> {
        let wish = Wish { side: order.side, qty: order.qty, limit: order.price };
        let offers: [Offer<'_>; VENUES_MAX] =
            std::array::from_fn(|at| self.offer(now, order.side, at, oms));
        let offers = &offers[..self.members.len().min(VENUES_MAX)];
        let plan = match (order.kind, order.time_in_force) {
            (OrderKind::Limit, TimeInForce::Ioc) => router::sweep(&wish, offers),
            (OrderKind::Limit, TimeInForce::Gtc | TimeInForce::Day) => router::split(&wish, offers),
            // What is whole, rests or has no price is at one venue.
            _ => router::whole(&wish, offers),
        };
        let plan = if plan.legs().is_empty() { router::whole(&wish, offers) } else { plan };
        (!plan.legs().is_empty()).then_some(plan)
    }

    fn offer(&self, now: Timestamp, side: Side, at: usize, oms: &Oms) -> Offer<'_> {
        // Behind the last member there is nothing.
        let (member, tick) = (&self.members[at.min(self.members.len() - 1)], self.ticks.get(at));
        let levels = tick.map_or(&[][..], |tick| match side {
            Side::Buy => &tick.asks[..],
            Side::Sell => &tick.bids[..],
        });
        let allows = matches!(
            oms.breaker(now, member.venue),
            Some(BreakerState::Closed { .. } | BreakerState::HalfOpen { permit: true })
        );
        Offer {
            instrument: member.terms.instrument,
            levels,
            fee: member.fee,
            latency_ns: member.latency_ns,
            lot: member.terms.lot,
            qty_min: member.terms.qty_min,
            qty_max: member.qty_max,
            notional_min: member.terms.notional_min,
            is_open: tick.is_some_and(BookTick::is_live) && allows && oms.is_up(member.venue),
        }
    }

    /// The book of all members that are live, because of one's.
    fn book(&self, of: &BookTick) -> BookTick {
        let live = || self.ticks.iter().filter(|tick| tick.is_live());
        let mut all = BookTick {
            instrument: self.members[0].terms.instrument,
            flags: if live().next().is_some() { 0 } else { STALE },
            ..*of
        };
        (all.bids, all.asks) = ([Level::default(); LEVELS], [Level::default(); LEVELS]);
        for tick in live() {
            for level in tick.bids.iter().take_while(|level| !level.qty.is_zero()) {
                insert(&mut all.bids, level, |one, other| one.units() > other.units());
            }
            for level in tick.asks.iter().take_while(|level| !level.qty.is_zero()) {
                insert(&mut all.asks, level, |one, other| one.units() < other.units());
            }
        }
        all
    }
}

/// Puts a level where it belongs among the best; what is of the same price is added to it.
fn insert(levels: &mut [Level; LEVELS], level: &Level, is_better: impl Fn(Price, Price) -> bool) {
    let is_place = |there: &Level| {
        there.qty.is_zero() || there.price == level.price || is_better(level.price, there.price)
    };
    let Some(at) = levels.iter().position(is_place) else { return };
    if levels[at].price == level.price && !levels[at].qty.is_zero() {
        let sum = levels[at].qty.units().saturating_add(level.qty.units());
        levels[at].qty = Qty::from_units(sum);
        return;
    }
    levels[at..].rotate_right(1);
    levels[at] = *level;
}
