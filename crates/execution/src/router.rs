//! To which venues an order goes, of those that trade the same.
//!
//! ```text
//!   Wish: side, quantity, limit --+
//!   Offer of each venue: levels,  +--> sweep: what is there within the limit, cheapest first, fees included
//!     fee, latency, limits -------+--> split: the same, and the rest waits where it costs least
//!                                 +--> whole: all of it at one venue
//! ```
//!
//! Levels count at their price with the taker's fee; of those that cost the same, the venue that is nearer comes first,
//! then the one with the lower number. A leg is a limit order: its price is that of the last level that it is to take, so
//! that none pays more than was seen. A leg below a venue's smallest order is not sent; what it would have had goes
//! elsewhere. Where that makes the sum worse than one venue alone would be, that venue has all of it.
//!
//! Must not happen here: allocation, a clock, floating point.

use tiercel_types::market::Level;
use tiercel_types::{InstrumentId, Money, Price, Qty, Side};

/// Venues of one route, at most.
pub const VENUES_MAX: usize = 8;
/// A fee of all that is paid.
pub const FEE_ONE: u32 = 100_000_000;

/// What an order wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whether it buys or sells.
    pub side: Side,
    /// How much.
    pub qty: Qty,
    /// At this price or better.
    pub limit: Price,
}

/// What one venue has for it.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'b> {
    /// What the instrument is called there, by the trader's number.
    pub instrument: InstrumentId,
    /// What can be traded with, best first. A level without a quantity ends it.
    pub levels: &'b [Level],
    /// What a taker pays of what is traded, in units of 10^-8.
    pub fee: u32,
    /// How long an order takes to get there.
    pub latency_ns: u64,
    /// Quantities are whole multiples of this.
    pub lot: Qty,
    /// The smallest quantity.
    pub qty_min: Qty,
    /// The largest.
    pub qty_max: Qty,
    /// The least that price times quantity may be.
    pub notional_min: Money,
    /// Whether orders may go there: it is up, its breaker lets them, its book is not of the past.
    pub is_open: bool,
}

/// A part of an order, for one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// The place of its venue among the offers.
    pub offer: usize,
    /// Its limit.
    pub price: Price,
    /// How much.
    pub qty: Qty,
}

/// Where the parts of an order go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    legs: [Leg; VENUES_MAX],
    count: usize,
    /// What no venue has a place for.
    pub rest: Qty,
}

impl Plan {
    /// The parts, one for each venue at most.
    pub fn legs(&self) -> &[Leg] {
        &self.legs[..self.count]
    }

    /// What all parts have together.
    pub fn qty(&self) -> Qty {
        Qty::from_units(self.legs().iter().map(|leg| leg.qty.units()).sum())
    }

    fn push(&mut self, leg: Leg) {
        if let Some(place) = self.legs.get_mut(self.count) {
            *place = leg;
            self.count += 1;
        }
    }
}

/// A price with a fee, in units of 10^-16, so that less is better for either side.
fn net(side: Side, price: Price, fee: u32) -> i128 {
    let price = i128::from(price.units());
    match side {
        Side::Buy => price * i128::from(FEE_ONE + fee.min(FEE_ONE)),
        Side::Sell => -price * i128::from(FEE_ONE - fee.min(FEE_ONE)),
    }
}

fn is_within(wish: &Wish, price: Price) -> bool {
    match wish.side {
        Side::Buy => price.units() <= wish.limit.units(),
        Side::Sell => price.units() >= wish.limit.units(),
    }
}

impl Offer<'_> {
    /// What an order may have here of so much: whole lots, and no more than the largest.
    fn cut(&self, qty: u64) -> u64 {
        let lot = self.lot.units().max(1);
        qty.min(self.qty_max.units()) / lot * lot
    }

    /// Whether an order may be so small.
    fn takes(&self, price: Price, qty: u64) -> bool {
        let qty = Qty::from_units(qty);
        qty >= self.qty_min && Money::of(price, qty) >= self.notional_min
    }

    /// The first level that counts from a place on.
    fn level(&self, wish: &Wish, at: usize) -> Option<&Level> {
        let level = self.levels.get(at)?;
        (!level.qty.is_zero() && is_within(wish, level.price)).then_some(level)
    }
}

/// How far an offer is taken.
#[derive(Clone, Copy, Default)]
struct Taken {
    /// The next level.
    level: usize,
    /// What is taken of it.
    of_level: u64,
    /// What is taken in all.
    qty: u64,
    /// The price of the last that was taken.
    price: Price,
    /// Nothing more can be taken.
    is_done: bool,
}

/// What comes of taking the cheapest of some offers.
struct Sweep {
    taken: [Taken; VENUES_MAX],
    qty: u64,
    /// Prices with fees times quantities; beyond 128 bits, the bound.
    cost: i128,
}

impl Sweep {
    /// Takes what is cheapest of the offers in the set `used`.
    fn of(wish: &Wish, offers: &[Offer<'_>], used: u8) -> Self {
        let mut sweep = Self { taken: [Taken::default(); VENUES_MAX], qty: 0, cost: 0 };
        while sweep.qty < wish.qty.units() {
            let Some(at) = sweep.cheapest(wish, offers, used) else { break };
            sweep.take(wish, at, &offers[at]);
        }
        sweep
    }

    /// The offer whose next level costs least.
    fn cheapest(&self, wish: &Wish, offers: &[Offer<'_>], used: u8) -> Option<usize> {
        let places = offers.iter().zip(&self.taken).enumerate();
        let next = places.filter_map(|(at, (offer, taken))| {
            let is_used = used & 1 << at != 0 && !taken.is_done;
            let level = offer.level(wish, taken.level).filter(|_| is_used)?;
            Some((net(wish.side, level.price, offer.fee), offer.latency_ns, at))
        });
        next.min().map(|(.., at)| at)
    }

    fn take(&mut self, wish: &Wish, at: usize, offer: &Offer<'_>) {
        let taken = &mut self.taken[at];
        let Some(level) = offer.level(wish, taken.level) else {
            taken.is_done = true;
            return;
        };
        let there = level.qty.units() - taken.of_level;
        let missing = wish.qty.units() - self.qty;
        let more =
            offer.cut(taken.qty.saturating_add(there.min(missing))).saturating_sub(taken.qty);
        if more == 0 && there < missing.min(offer.qty_max.units().saturating_sub(taken.qty)) {
            // Less than a lot is left of the level.
            (taken.level, taken.of_level) = (taken.level + 1, 0);
            return;
        }
        if more == 0 {
            taken.is_done = true;
            return;
        }
        taken.qty += more;
        taken.of_level += more;
        taken.price = level.price;
        if taken.of_level == level.qty.units() {
            (taken.level, taken.of_level) = (taken.level + 1, 0);
        }
        self.qty += more;
        let cost = net(wish.side, level.price, offer.fee).saturating_mul(i128::from(more));
        self.cost = self.cost.saturating_add(cost);
    }

    /// The offer with the smallest part that is too small to be sent.
    fn too_small(&self, offers: &[Offer<'_>]) -> Option<usize> {
        let places = offers.iter().zip(&self.taken).enumerate();
        let small = places
            .filter(|(_, (offer, taken))| taken.qty > 0 && !offer.takes(taken.price, taken.qty));
        small.min_by_key(|(_, (_, taken))| taken.qty).map(|(at, _)| at)
    }

    /// The same without parts that are too small.
    fn sendable(wish: &Wish, offers: &[Offer<'_>], mut used: u8) -> Self {
        loop {
            let sweep = Self::of(wish, offers, used);
            match sweep.too_small(offers) {
                None => return sweep,
                Some(at) => used &= !(1 << at),
            }
        }
    }

    /// More is better, then less cost.
    fn is_better(&self, other: &Self) -> bool {
        self.qty > other.qty || (self.qty == other.qty && self.cost < other.cost)
    }
}

/// The offers that may be used, as a set.
fn open(offers: &[Offer<'_>]) -> u8 {
    let places = offers.iter().take(VENUES_MAX).enumerate();
    places.filter(|(_, offer)| offer.is_open).fold(0, |set, (at, _)| set | 1 << at)
}

/// What is there within the limit, cheapest first. What is not there is [`Plan::rest`]. Offers beyond
/// [`VENUES_MAX`] are not looked at.
pub fn sweep(wish: &Wish, offers: &[Offer<'_>]) -> Plan {
    let offers = &offers[..offers.len().min(VENUES_MAX)];
    let used = open(offers);
    let mut best = Sweep::sendable(wish, offers, used);
    // Without parts that are too small it may be worse than one venue alone.
    for at in (0..offers.len()).filter(|at| used & 1 << at != 0) {
        let alone = Sweep::sendable(wish, offers, 1 << at);
        if alone.is_better(&best) {
            best = alone;
        }
    }
    let mut plan = Plan { rest: Qty::from_units(wish.qty.units() - best.qty), ..Plan::default() };
    for (offer, taken) in best.taken.iter().enumerate().filter(|(_, taken)| taken.qty > 0) {
        plan.push(Leg { offer, price: taken.price, qty: Qty::from_units(taken.qty) });
    }
    plan
}

/// What is there within the limit, cheapest first; the rest goes where an order costs least, to wait at the limit.
/// What no venue has a place for is [`Plan::rest`].
pub fn split(wish: &Wish, offers: &[Offer<'_>]) -> Plan {
    let offers = &offers[..offers.len().min(VENUES_MAX)];
    let mut plan = sweep(wish, offers);
    let mut left = open(offers);
    while !plan.rest.is_zero() {
        let places = offers.iter().enumerate().filter(|(at, _)| left & 1 << at != 0);
        let nearest = places.min_by_key(|(at, offer)| (offer.fee, offer.latency_ns, *at));
        let Some((at, offer)) = nearest else { break };
        left &= !(1 << at);
        let there = plan.legs().iter().position(|leg| leg.offer == at);
        let had = there.map_or(0, |leg| plan.legs[leg].qty.units());
        let qty = offer.cut(had.saturating_add(plan.rest.units()));
        if qty <= had || !offer.takes(wish.limit, qty) {
            continue;
        }
        plan.rest = Qty::from_units(plan.rest.units() - (qty - had));
        let leg = Leg { offer: at, price: wish.limit, qty: Qty::from_units(qty) };
        match there {
            Some(there) => plan.legs[there] = leg,
            None => plan.push(leg),
        }
    }
    plan
}

/// All of it at one venue, at the limit: where all of it is there and costs least; where that is nowhere, where most of it
/// is; where nothing is, where an order costs least. Without a leg: no venue takes an order of this size.
pub fn whole(wish: &Wish, offers: &[Offer<'_>]) -> Plan {
    let offers = &offers[..offers.len().min(VENUES_MAX)];
    let used = open(offers);
    let qty = wish.qty.units();
    let mut plan = Plan { rest: wish.qty, ..Plan::default() };
    let takes = |offer: &Offer<'_>| offer.cut(qty) == qty && offer.takes(wish.limit, qty);
    let places = offers.iter().enumerate();
    let places = places.filter(|(at, offer)| used & 1 << at != 0 && takes(offer));
    let best = places.min_by_key(|(at, offer)| {
        let there = Sweep::of(wish, offers, 1 << at);
        (u64::MAX - there.qty, there.cost, offer.fee, offer.latency_ns, *at)
    });
    if let Some((offer, _)) = best {
        plan.push(Leg { offer, price: wish.limit, qty: wish.qty });
        plan.rest = Qty::ZERO;
    }
    plan
}
