//! Auctions: `docs/auctions.md`. The price is found by brute force ([`crate::auction`]).

use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::SetAuctionRules;
use tiercel_types::event::{AuctionEnded, AuctionIndication, AuctionRulesSet, LevelChanged, Trade};
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentId, InstrumentState, Money, OrderId, OrderKind,
    Price, Qty, Side, TimeInForce, TradeId,
};

use super::entry::require;
use super::ledger::TradeRecord;
use super::{Checked, Instrument, Model, Order, Place};
use crate::auction;

/// A call that goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) kind: AuctionKind,
    /// The state that follows when it ends by itself.
    pub(super) then: InstrumentState,
    pub(super) ends_at: Option<u64>,
    /// The reference price, taken when it began.
    pub(super) reference: Option<i64>,
    /// What was said last, and when.
    said: Option<Found>,
    said_at: Option<u64>,
    /// It is that of an interruption, and was prolonged.
    pub(super) interrupts: bool,
    pub(super) prolonged: bool,
}

impl Call {
    pub(super) const fn new(
        kind: AuctionKind,
        then: InstrumentState,
        ends_at: Option<u64>,
        reference: Option<i64>,
    ) -> Self {
        Self {
            kind,
            then,
            ends_at,
            reference,
            said: None,
            said_at: None,
            interrupts: false,
            prolonged: false,
        }
    }
}

/// An auction's price, what executes, and what is left of whom, in units.
type Found = (i64, u64, u64, Side);

/// Whether an order with such a time in force takes part in such an auction.
fn is_for(time_in_force: TimeInForce, kind: AuctionKind) -> bool {
    match time_in_force {
        TimeInForce::AtOpen => kind == AuctionKind::Opening,
        TimeInForce::AtClose => kind == AuctionKind::Closing,
        TimeInForce::AtAuction => true,
        _ => false,
    }
}

impl Order {
    /// Whether it is for the imbalance of an auction only.
    fn imbalance_only(&self) -> bool {
        self.terms.imbalance_only == 1
    }

    /// The limit that it has in an auction.
    fn auction_limit(&self) -> Option<i64> {
        let without = self.kind == OrderKind::Market && self.asked.price.is_zero();
        (!without).then_some(self.price)
    }

    /// Whether it buys or sells at a price.
    fn takes_part_at(&self, price: i64) -> bool {
        self.auction_limit().is_none_or(|limit| match self.side {
            Side::Buy => limit >= price,
            Side::Sell => limit <= price,
        })
    }
}

impl Instrument {
    /// A reference price as it is used: on a tick, and within the bounds of the terms.
    fn usable(&self, reference: i64) -> i64 {
        let tick = self.spec.tick.units();
        let (min, max) = (self.spec.min_price.units(), self.spec.max_price.units());
        let lowest = if min == 0 { tick } else { min };
        let highest = if max == 0 { i64::MAX / tick * tick } else { max };
        let on_tick = i128::from(reference).div_euclid(tick.into()) * i128::from(tick);
        on_tick.clamp(lowest.into(), i128::from(highest).max(lowest.into())) as i64
    }

    /// The settings of the ladder, in ticks.
    fn ladder(&self, reference: Option<i64>, bounded: bool) -> auction::Steps {
        let (rules, tick) = (&self.auction_rules, self.spec.tick.units());
        let reference = reference.map(|price| self.usable(price));
        let has_bounds = bounded && (!rules.bound.is_zero() || rules.bound_ppm != 0);
        let bounds = reference.filter(|_| has_bounds).map(|reference| {
            let by_ppm = i128::from(reference.unsigned_abs()) * i128::from(rules.bound_ppm);
            let reach = (by_ppm / 1_000_000).max(i128::from(rules.bound.units()));
            let (reference, reach) = (i128::from(reference / tick), reach / i128::from(tick));
            let ticks =
                |ticks: i128| ticks.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
            (ticks(reference - reach), ticks(reference + reach))
        });
        auction::Steps {
            minimum_surplus: rules.minimum_surplus == 1,
            pressure: match rules.pressure {
                Pressure::Ignored => auction::Pressure::None,
                Pressure::Side => auction::Pressure::Side,
                Pressure::Narrow => auction::Pressure::Narrow,
            },
            clamps: rules.tie_break == TieBreak::Clamp,
            reference: reference.map(|price| price / tick),
            bounds,
        }
    }
}

impl Model {
    pub(super) fn set_auction_rules(&mut self, rules: &SetAuctionRules) -> Checked {
        let reserved_fit = rules.reserved == [0; 4] && rules.minimum_surplus <= 1;
        require(reserved_fit, DenialReason::ReservedFieldSet)?;
        let id = rules.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        let bound = rules.bound.units();
        let bound_fits = bound >= 0 && bound % found.spec.tick.units() == 0;
        require(bound_fits, DenialReason::AuctionBoundInvalid)?;
        self.instrument_mut(id).auction_rules = *rules;
        self.emit(id, AccountId(0), AuctionRulesSet { rules: *rules });
        Ok(())
    }

    /// The reference price of a call that begins now.
    pub(super) fn auction_reference(&self, instrument: InstrumentId) -> Option<i64> {
        let found = self.instrument(instrument);
        let of_terms = found.spec.reference_price.units();
        let of_terms = (of_terms != 0).then_some(of_terms);
        let last = found.last_price.or(of_terms);
        let best =
            self.best_price(instrument, Side::Buy).zip(self.best_price(instrument, Side::Sell));
        match found.auction_rules.reference {
            AuctionReference::Last => last,
            AuctionReference::Terms => of_terms,
            AuctionReference::Midpoint => {
                let apart = best.filter(|(bid, ask)| bid < ask);
                let middle = |(bid, ask)| (i128::from(bid) + i128::from(ask)).div_euclid(2) as i64;
                apart.map(middle).or(last)
            }
        }
    }

    /// The orders that take part in an auction, each side in no order; those for the imbalance
    /// only too.
    fn auction_orders(&self, instrument: InstrumentId, kind: AuctionKind) -> Vec<&Order> {
        let takes_part = |order: &&Order| match order.place {
            Place::Book => !self.gives_way(order),
            // Pegged and all-or-none orders rest through it.
            Place::Unseen => order.terms.hidden == 1,
            Place::Auction => is_for(order.time_in_force, kind),
            _ => false,
        };
        let orders = self.orders.values().filter(|order| order.instrument == instrument);
        orders.filter(takes_part).collect()
    }

    /// Whether the other order of its pair rests as well, and takes part instead.
    fn gives_way(&self, order: &Order) -> bool {
        let pair = order.list.and_then(|list| self.lists[&list].pair_of(order.id));
        let first = pair.as_ref().map(|pair| pair[0]);
        let other = pair.and_then(|pair| pair.into_iter().find(|id| *id != order.id));
        let other = order.list.zip(other).and_then(|(list, id)| self.member(list, id));
        let Some(other) = other.filter(|other| other.place == Place::Book) else { return false };
        if other.price == order.price {
            return first == Some(other.id);
        }
        (other.price > order.price) == (order.side == Side::Buy)
    }

    /// What an auction would do now, by brute force; `bounded`: within the bounds of the rules.
    fn find_auction(&self, instrument: InstrumentId, call: &Call, bounded: bool) -> Option<Found> {
        let found = self.instrument(instrument);
        let (tick, lot) = (found.spec.tick.units(), found.spec.lot.units());
        let orders: Vec<auction::Order> = self
            .auction_orders(instrument, call.kind)
            .into_iter()
            .filter(|order| !order.imbalance_only())
            .map(|order| {
                let limit = order.auction_limit().map(|price| price / tick);
                (order.side, limit, order.open / lot)
            })
            .collect();
        let steps = found.ladder(call.reference, bounded);
        let (price, executed) = auction::price(&orders, &steps)?;
        let (buys, sells) = auction::crossing(&orders, price);
        let side = if sells > buys { Side::Sell } else { Side::Buy };
        Some((price * tick, executed * lot, buys.abs_diff(sells) * lot, side))
    }

    /// What the auction of an instrument that is in a call would do now.
    pub(super) fn indication(&self, instrument: InstrumentId) -> Option<Found> {
        let call = self.call(instrument);
        self.find_auction(instrument, &call, true)
    }

    /// Whether more would execute without the bounds than with them.
    pub(super) fn is_held_by_bounds(&self, instrument: InstrumentId) -> bool {
        let call = self.call(instrument);
        let executed = |found: Option<Found>| found.map_or(0, |(_, executed, ..)| executed);
        let unbounded = executed(self.find_auction(instrument, &call, false));
        unbounded > executed(self.find_auction(instrument, &call, true))
    }

    /// At the end of a command: what the auctions to come would do, where that has changed.
    pub(super) fn tell_indications(&mut self) {
        for instrument in self.instruments() {
            let Some(call) = self.instrument(instrument).call else { continue };
            let found = self.indication(instrument);
            let interval = self.instrument(instrument).auction_rules.indication_interval_ns;
            let early = call.said_at.is_some_and(|at| self.now - at < interval);
            if found == call.said || early {
                continue;
            }
            let now = self.now;
            let call = self.call_mut(instrument);
            (call.said, call.said_at) = (found, Some(now));
            let auction = call.kind;
            let (price, executed, surplus, side) = found.unwrap_or((0, 0, 0, Side::Buy));
            let event = AuctionIndication {
                price: Price::from_units(price),
                executed_qty: Qty::from_units(executed),
                surplus_qty: Qty::from_units(surplus),
                surplus_side: side,
                has_price: u8::from(found.is_some()),
                auction,
                reserved: [0; 5],
            };
            self.emit(instrument, AccountId(0), event);
        }
    }
}

/// Calls.
impl Model {
    /// The call of an instrument that is in one.
    pub(super) fn call(&self, instrument: InstrumentId) -> Call {
        let call = self.instrument(instrument).call;
        call.unwrap_or_else(|| panic!("instrument {instrument} is in no call"))
    }

    pub(super) fn call_mut(&mut self, instrument: InstrumentId) -> &mut Call {
        let call = self.instrument_mut(instrument).call.as_mut();
        call.unwrap_or_else(|| panic!("instrument {instrument} is in no call"))
    }
}

/// The auction itself.
impl Model {
    /// Step 2: the orders of a side that buy or sell at a price (none: all), best first; those for
    /// the imbalance only come last.
    fn auction_queue(
        &self,
        instrument: InstrumentId,
        kind: AuctionKind,
        side: Side,
        price: Option<i64>,
    ) -> Vec<OrderId> {
        let mut orders = self.auction_orders(instrument, kind);
        orders.retain(|order| order.side == side);
        orders.retain(|order| price.is_none_or(|price| order.takes_part_at(price)));
        let in_book: Vec<OrderId> =
            self.orders_best_first(instrument, side).iter().map(|order| order.id).collect();
        orders.sort_by_key(|order| {
            let limit = order.auction_limit().map(i128::from);
            // Without a limit first; then the best limit.
            let rank = limit.map(|limit| if side == Side::Buy { -limit } else { limit });
            let place = in_book.iter().position(|id| *id == order.id);
            let at_limit = match (order.place, order.kind) {
                (Place::Book, _) => (1, place.map(|place| place as u64)),
                (Place::Unseen, _) => (3, Some(order.joined)),
                (_, OrderKind::Market) => (0, order.outside_since),
                _ => (2, order.outside_since),
            };
            (order.imbalance_only(), rank, at_limit)
        });
        orders.iter().map(|order| order.id).collect()
    }

    /// The auction at the end of a call, up to what is left of the orders for it.
    pub(super) fn uncross(&mut self, instrument: InstrumentId) {
        let call = self.call(instrument);
        let found = self.find_auction(instrument, &call, true);
        let mut traded: Vec<(Order, u64)> = Vec::new();
        let (mut executed, mut surplus, mut side) = (0, 0, Side::Buy);
        if let Some((price, without_imbalance, left, surplus_side)) = found {
            traded = self.trade_in_auction(instrument, &call, (price, left, surplus_side));
            let bought = traded.iter().filter(|(order, _)| order.side == Side::Buy);
            executed = bought.map(|(_, qty)| qty).sum();
            surplus = left - (executed - without_imbalance);
            side = if surplus == 0 { Side::Buy } else { surplus_side };
            self.tell_levels(instrument, &traded);
        }
        let event = AuctionEnded {
            price: Price::from_units(found.map_or(0, |(price, ..)| price)),
            executed_qty: Qty::from_units(executed),
            surplus_qty: Qty::from_units(surplus),
            surplus_side: side,
            has_price: u8::from(found.is_some()),
            auction: call.kind,
            reserved: [0; 5],
        };
        self.emit(instrument, AccountId(0), event);
        if let Some((price, ..)) = found {
            self.auction_sets_bands(instrument, price);
        }
        self.follow_up_lists(&traded);
        for side in [Side::Buy, Side::Sell] {
            for id in self.auction_queue(instrument, call.kind, side, None) {
                let left = self.orders.get(&id).filter(|order| order.place == Place::Auction);
                if left.is_some() {
                    self.end(id, EndReason::AuctionEnded);
                }
            }
        }
    }

    /// Step 3: who has traded, in the order of the first trades, and how much.
    fn trade_in_auction(
        &mut self,
        instrument: InstrumentId,
        call: &Call,
        (price, surplus, surplus_side): (i64, u64, Side),
    ) -> Vec<(Order, u64)> {
        let queue = |side: Side| {
            let mut left_of_surplus = surplus;
            let queue = self.auction_queue(instrument, call.kind, side, Some(price));
            let mut parts: Vec<(OrderId, u64)> = Vec::new();
            for id in queue {
                let order = &self.orders[&id];
                let mut part = order.open;
                if order.imbalance_only() {
                    // They find what the other side has left, and no more.
                    part = if side == surplus_side { 0 } else { part.min(left_of_surplus) };
                    left_of_surplus -= part;
                }
                if part > 0 {
                    parts.push((id, part));
                }
            }
            parts
        };
        let (mut buyers, mut sellers) = (queue(Side::Buy), queue(Side::Sell));
        let mut traded: Vec<(Order, u64)> = Vec::new();
        while let (Some(buyer), Some(seller)) = (buyers.first_mut(), sellers.first_mut()) {
            let qty = buyer.1.min(seller.1);
            (buyer.1, seller.1) = (buyer.1 - qty, seller.1 - qty);
            for id in [buyer.0, seller.0] {
                match traded.iter_mut().find(|(order, _)| order.id == id) {
                    Some((_, sum)) => *sum += qty,
                    None => traded.push((self.orders[&id].clone(), qty)),
                }
            }
            self.trade_in_pairs(buyer.0, seller.0, price, qty);
            buyers.retain(|(_, part)| *part > 0);
            sellers.retain(|(_, part)| *part > 0);
        }
        traded
    }

    /// A buyer and a seller trade at the auction's price.
    fn trade_in_pairs(&mut self, buyer_id: OrderId, seller_id: OrderId, price: i64, qty: u64) {
        let (buyer, seller) = (self.orders[&buyer_id].clone(), self.orders[&seller_id].clone());
        let instrument = buyer.instrument;
        let now = self.now;
        let found = self.instrument_mut(instrument);
        found.trades += 1;
        found.last_price = Some(price);
        if found.spec.tracks_volume == 1 {
            found.traded.push((now, qty));
        }
        let rate = found.spec.maker_fee_ppm.max(0);
        let record = TradeRecord {
            instrument,
            trade_id: TradeId(found.trades),
            taker: buyer.account,
            taker_side: Side::Buy,
            buyer: buyer.account,
            seller: seller.account,
            price,
            qty,
            traded_qty: qty,
            taker_fee_ppm: rate,
            maker_fee_ppm: rate,
            busted: false,
        };
        self.prints = Some((instrument, price, price));
        for id in [buyer_id, seller_id] {
            self.change(id, |model| {
                let order = model.order_mut(id);
                order.open -= qty;
                order.filled += qty;
                order.displayed = order.displayed.min(order.open);
            });
        }
        let (taker_fee, maker_fee) = self.book_trade(&record);
        let event = Trade {
            trade_id: record.trade_id,
            price: Price::from_units(price),
            qty: Qty::from_units(qty),
            taker_order_id: buyer_id,
            maker_order_id: seller_id,
            taker_open_qty: Qty::from_units(self.orders[&buyer_id].open),
            maker_open_qty: Qty::from_units(self.orders[&seller_id].open),
            level_qty: Qty::ZERO,
            update_id: 0,
            maker_account: seller.account,
            taker_side: Side::Buy,
            auction: 1,
            reserved: [0; 2],
            taker_fee: Money::from_units(taker_fee),
            maker_fee: Money::from_units(maker_fee),
        };
        self.emit(instrument, buyer.account, event);
        for id in [buyer_id, seller_id] {
            let order = &self.orders[&id];
            if order.open == 0 {
                if order.place == Place::Book {
                    self.leave_level(id);
                }
                self.orders.remove(&id);
            }
        }
    }

    /// Step 4: each level of which an order has traded.
    fn tell_levels(&mut self, instrument: InstrumentId, traded: &[(Order, u64)]) {
        for side in [Side::Buy, Side::Sell] {
            let in_book = traded.iter().map(|(order, _)| order);
            let in_book = in_book.filter(|order| order.place == Place::Book && order.side == side);
            let mut prices: Vec<i64> = in_book.map(|order| order.price).collect();
            prices.sort_unstable();
            prices.dedup();
            if side == Side::Buy {
                prices.reverse();
            }
            for price in prices {
                let event = LevelChanged {
                    price: Price::from_units(price),
                    level_qty: self.level_qty(instrument, side, price),
                    update_id: self.next_update(instrument),
                    side,
                    reserved: [0; 7],
                };
                self.emit(instrument, AccountId(0), event);
            }
        }
    }

    /// Step 6: what follows for lists from all that their orders have traded.
    fn follow_up_lists(&mut self, traded: &[(Order, u64)]) {
        let lived: Vec<bool> =
            traded.iter().map(|(order, _)| self.orders.contains_key(&order.id)).collect();
        for ((order, qty), lived) in traded.iter().zip(lived) {
            let ended = lived && !self.orders.contains_key(&order.id);
            if !ended {
                self.list_order_filled(order, *qty);
            }
        }
    }
}
