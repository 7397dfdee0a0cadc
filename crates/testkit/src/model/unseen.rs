//! Unseen orders: where they stand, whom a taker meets, and how they cross: `docs/special-orders.md`.

use std::collections::BTreeMap;

use tiercel_types::{InstrumentId, InstrumentState, OrderId, Peg, Price, Side};

use super::trading::Taker;
use super::{Model, Order, Place, within};

/// The best displayed bid and ask of an instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quote {
    bid: Option<i64>,
    ask: Option<i64>,
}

/// What can be met at one price.
pub(super) struct Rung {
    pub(super) price: i64,
    /// What is displayed, in queue order.
    pub(super) level: Vec<OrderId>,
    /// What is not, earlier ones first.
    pub(super) unseen: Vec<OrderId>,
}

/// A crossing of resting orders.
pub(super) enum Crossing {
    /// The later of two orders takes the earlier.
    Pair { taker: OrderId, maker: OrderId, price: i64 },
    /// An all-or-none order can trade in full.
    AllOrNone(OrderId),
}

impl Order {
    pub(super) fn is_pegged(&self) -> bool {
        self.terms.peg != Peg::None
    }

    pub(super) fn is_all_or_none(&self) -> bool {
        self.terms.all_or_none == 1
    }

    /// Whether nothing of it is displayed when it rests.
    pub(super) fn is_unseen(&self) -> bool {
        self.is_pegged() || self.is_all_or_none() || self.terms.hidden == 1
    }

    /// Whether it rests, displayed or not.
    pub(super) fn rests(&self) -> bool {
        matches!(self.place, Place::Book | Place::Unseen)
    }

    /// Orders of one group have the same key: peg, offset and limit, or price and quantity.
    fn group(&self) -> Option<(Peg, Price, i64, u64)> {
        if self.is_pegged() {
            Some((self.terms.peg, self.terms.peg_offset, self.price, 0))
        } else if self.is_all_or_none() {
            Some((Peg::None, Price::ZERO, self.price, self.open))
        } else {
            None
        }
    }
}

/// The price at which a pegged order of this side stands when the best displayed prices are these.
fn follow(side: Side, peg: Peg, offset: i128, tick: i128, quote: Quote) -> Option<i128> {
    let (bid, ask) = (quote.bid.map(i128::from), quote.ask.map(i128::from));
    let middle = bid.zip(ask).map(|(bid, ask)| bid + ask);
    Some(match (peg, side) {
        (Peg::None, _) => return None,
        (Peg::Primary, Side::Buy) => bid? - offset,
        (Peg::Primary, Side::Sell) => ask? + offset,
        (Peg::Midpoint, Side::Buy) => middle?.div_euclid(2 * tick) * tick - offset,
        (Peg::Midpoint, Side::Sell) => -(-middle?).div_euclid(2 * tick) * tick + offset,
        (Peg::Market, Side::Buy) => ask? - offset,
        (Peg::Market, Side::Sell) => bid? + offset,
    })
}

/// Where unseen orders stand.
impl Model {
    /// A step begins: pegs follow the best displayed prices as they are now.
    pub(super) fn begin_step(&mut self) {
        let quote = |instrument: &InstrumentId| Quote {
            bid: self.best_price(*instrument, Side::Buy),
            ask: self.best_price(*instrument, Side::Sell),
        };
        let quotes: BTreeMap<InstrumentId, Quote> =
            self.instruments.keys().map(|instrument| (*instrument, quote(instrument))).collect();
        self.quotes = quotes;
    }

    /// The price at which an unseen order stands, or would.
    pub(super) fn stands_at(&self, order: &Order) -> Option<i64> {
        if !order.is_pegged() {
            return Some(order.price);
        }
        let spec = &self.instrument(order.instrument).spec;
        let quote = self.quotes.get(&order.instrument).copied().unwrap_or_default();
        let (offset, tick) = (order.terms.peg_offset.units(), i128::from(spec.tick.units()));
        let followed = follow(order.side, order.terms.peg, i128::from(offset), tick, quote)?;
        let limit = i128::from(order.price);
        let price = match order.side {
            _ if limit == 0 => followed,
            Side::Buy => followed.min(limit),
            Side::Sell => followed.max(limit),
        };
        let price = i64::try_from(price).ok()?;
        Self::within_bounds(spec, price).then_some(price)
    }

    /// The unseen orders of a side, earlier ones first.
    pub(super) fn unseen(&self, instrument: InstrumentId, side: Side) -> Vec<&Order> {
        let mut unseen: Vec<&Order> = self
            .orders
            .values()
            .filter(|order| order.place == Place::Unseen)
            .filter(|order| order.instrument == instrument && order.side == side)
            .collect();
        unseen.sort_by_key(|order| order.joined);
        unseen
    }

    /// Puts an order behind the unseen ones.
    pub(super) fn join_unseen(&mut self, id: OrderId) {
        self.joins += 1;
        let joins = self.joins;
        let order = self.order_mut(id);
        (order.place, order.joined, order.displayed) = (Place::Unseen, joins, 0);
    }

    /// How many groups rest on the side of an order, and whether the order is of one of them.
    pub(super) fn groups(&self, order: &Order) -> (usize, bool) {
        let unseen = self.unseen(order.instrument, order.side);
        let mut groups: Vec<_> = unseen.iter().filter_map(|order| order.group()).collect();
        groups.sort_unstable();
        groups.dedup();
        let belongs = order.group().is_some_and(|group| groups.contains(&group));
        (groups.len(), belongs)
    }
}

/// Whom a taker meets.
impl Model {
    /// What can be met on a side, best price first.
    pub(super) fn rungs(&self, instrument: InstrumentId, side: Side) -> Vec<Rung> {
        let open = self.instrument(instrument).spec.state == InstrumentState::Open;
        let mut rungs: Vec<Rung> = self
            .levels(instrument, side)
            .iter()
            .map(|(&price, queue)| Rung {
                price,
                level: queue.iter().copied().collect(),
                unseen: Vec::new(),
            })
            .collect();
        for order in self.unseen(instrument, side) {
            if !open && (order.is_pegged() || order.is_all_or_none()) {
                continue;
            }
            let Some(price) = self.stands_at(order) else { continue };
            match rungs.iter_mut().find(|rung| rung.price == price) {
                Some(rung) => rung.unseen.push(order.id),
                None => rungs.push(Rung { price, level: Vec::new(), unseen: vec![order.id] }),
            }
        }
        rungs.sort_by_key(|rung| rung.price);
        if side == Side::Buy {
            rungs.reverse();
        }
        rungs
    }

    /// Whether a taker that wants so much passes an order over.
    pub(super) fn is_passed_over(&self, maker: OrderId, wanted: u64) -> bool {
        let maker = &self.orders[&maker];
        maker.is_all_or_none() && maker.open > wanted
    }

    /// The order on `side` that a taker meets first, and at which price. `wants`: what the taker
    /// wants at a price.
    pub(super) fn first_met(
        &self,
        instrument: InstrumentId,
        side: Side,
        limit: Option<i64>,
        wants: impl Fn(i64) -> u64,
    ) -> Option<(OrderId, i64)> {
        // In a call nothing meets.
        if self.instrument(instrument).spec.state == InstrumentState::Call {
            return None;
        }
        for Rung { price, level, unseen } in self.rungs(instrument, side) {
            if !within(side.opposite(), limit, price) {
                return None;
            }
            let all = level.into_iter().chain(unseen);
            let met = all.into_iter().find(|maker| !self.is_passed_over(*maker, wants(price)));
            if let Some(met) = met {
                return Some((met, price));
            }
        }
        None
    }

    /// Whether an order meets anybody within its limit with all its open quantity.
    pub(super) fn crosses(&self, order: &Order, limit: Option<i64>) -> bool {
        let opposite = order.side.opposite();
        self.first_met(order.instrument, opposite, limit, |_| order.open).is_some()
    }
}

/// Crossings.
impl Model {
    /// The crossing that is the next step, if there is one.
    pub(super) fn next_crossing(&self) -> Option<Crossing> {
        let open = |instrument: &&InstrumentId| {
            self.instrument(**instrument).spec.state == InstrumentState::Open
        };
        let mut instruments = self.instruments.keys().filter(open);
        instruments.find_map(|instrument| {
            self.crossing_pair(*instrument).or_else(|| self.crossing_all_or_none(*instrument))
        })
    }

    /// The hidden or pegged order at the best price of a side, of several the earliest.
    fn foremost(&self, instrument: InstrumentId, side: Side) -> Option<(&Order, i64)> {
        let unseen = self.unseen(instrument, side).into_iter();
        let standing = unseen
            .filter(|order| !order.is_all_or_none())
            .filter_map(|order| self.stands_at(order).map(|price| (order, price)));
        // Of several equal ones `min_by_key` gives the first.
        match side {
            Side::Buy => standing.min_by_key(|(_, price)| core::cmp::Reverse(*price)),
            Side::Sell => standing.min_by_key(|(_, price)| *price),
        }
    }

    fn crossing_pair(&self, instrument: InstrumentId) -> Option<Crossing> {
        let (buy, bid) = self.foremost(instrument, Side::Buy)?;
        let (sell, ask) = self.foremost(instrument, Side::Sell)?;
        if bid < ask {
            return None;
        }
        let (taker, maker, price) =
            if buy.joined < sell.joined { (sell.id, buy.id, bid) } else { (buy.id, sell.id, ask) };
        // Nobody trades outside the bands.
        let last = self.instrument(instrument).last_price;
        let stop = self.band_stop(instrument, last, price);
        stop.is_none().then_some(Crossing::Pair { taker, maker, price })
    }

    fn crossing_all_or_none(&self, instrument: InstrumentId) -> Option<Crossing> {
        let mut seen = Vec::new();
        let mut first: Vec<&Order> = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            for order in self.unseen(instrument, side) {
                let group = order.group().map(|group| (side, group));
                if order.is_all_or_none() && !seen.contains(&group) {
                    seen.push(group);
                    first.push(order);
                }
            }
        }
        first.sort_by_key(|order| order.joined);
        let fills = |order: &&Order| {
            let taker = Taker { limit: Some(order.price), ..self.taker(order.id) };
            self.tradable_at_once(&taker, order.open) >= order.open
        };
        first.into_iter().find(fills).map(|order| Crossing::AllOrNone(order.id))
    }

    /// A step of its own: resting orders that cross trade.
    pub(super) fn cross(&mut self, crossing: &Crossing) {
        match *crossing {
            Crossing::Pair { taker, maker, price } => {
                let qty = self.orders[&taker].open.min(self.orders[&maker].open);
                let mut taker = Taker { limit: Some(price), ..self.taker(taker) };
                self.meet(&mut taker, maker, price, qty);
            }
            Crossing::AllOrNone(id) => {
                let limit = Some(self.orders[&id].price);
                let _ = self.trade(&mut Taker { limit, ..self.taker(id) });
                assert!(!self.orders.contains_key(&id), "all or none trades in full");
            }
        }
    }
}
