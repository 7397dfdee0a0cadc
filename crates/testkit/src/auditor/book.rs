//! The displayed book of an instrument, as order events build it.

use std::collections::{BTreeMap, VecDeque};

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::SetAuctionRules;
use tiercel_types::{InstrumentSpec, InstrumentState, OrderId, Price, Qty, Side};

use super::orders::Order;
use super::protections::Protected;
use super::{Verdict, same};

#[derive(Clone, Debug)]
pub(super) struct Book {
    /// The terms, with the state as it is.
    pub(super) spec: InstrumentSpec,
    pub(super) trades: u64,
    /// The price of the last trade.
    pub(super) last: Option<i64>,
    update_id: u64,
    /// Whether the orders of a level share what is taken.
    pub(super) shares: bool,
    /// The auction that orders are collected for.
    pub(super) call: Option<AuctionKind>,
    /// The reference price of the newest call, taken when it began.
    pub(super) call_reference: Option<i64>,
    pub(super) auction_rules: SetAuctionRules,
    /// The price of the last auction.
    pub(super) auction_price: Option<i64>,
    pub(super) protected: Protected,
    /// Bids, asks: price to queue.
    sides: [BTreeMap<i64, VecDeque<OrderId>>; 2],
}

impl Book {
    pub(super) fn new(spec: InstrumentSpec) -> Self {
        Self {
            spec,
            trades: 0,
            last: None,
            update_id: 0,
            shares: false,
            call: None,
            call_reference: None,
            auction_rules: SetAuctionRules::xetra(spec.instrument),
            auction_price: None,
            protected: Protected::none(spec.instrument),
            sides: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    /// How many orders rest.
    pub(super) fn orders(&self) -> usize {
        self.sides.iter().flat_map(BTreeMap::values).map(VecDeque::len).sum()
    }

    /// Whether the order stands in the level that its price names.
    pub(super) fn holds(&self, id: OrderId, order: &Order) -> bool {
        let queue = self.sides[order.side.index()].get(&order.price);
        queue.is_some_and(|queue| queue.contains(&id))
    }

    pub(super) fn best(&self, side: Side) -> Option<i64> {
        match side {
            Side::Buy => self.sides[0].last_key_value(),
            Side::Sell => self.sides[1].first_key_value(),
        }
        .map(|(price, _)| *price)
    }

    /// The order that is first in the queue of the best level.
    pub(super) fn head(&self, side: Side) -> Option<OrderId> {
        let level = self.sides[side.index()].get(&self.best(side)?)?;
        level.front().copied()
    }

    /// The orders of a side, best level first, each level in queue order.
    pub(super) fn queue(&self, side: Side) -> Vec<OrderId> {
        let levels = self.sides[side.index()].values();
        match side {
            Side::Buy => levels.rev().flatten().copied().collect(),
            Side::Sell => levels.flatten().copied().collect(),
        }
    }

    /// Whether an order of `side` that goes to `limit` (none: anywhere) meets an opposite one. In a
    /// call none does.
    pub(super) fn crosses(&self, side: Side, limit: Option<i64>) -> bool {
        if self.spec.state == InstrumentState::Call {
            return false;
        }
        let Some(best) = self.best(side.opposite()) else { return false };
        limit.is_none_or(|limit| match side {
            Side::Buy => best <= limit,
            Side::Sell => best >= limit,
        })
    }

    pub(super) fn join(&mut self, id: OrderId, side: Side, price: i64) {
        self.sides[side.index()].entry(price).or_default().push_back(id);
    }

    pub(super) fn leave(&mut self, id: OrderId, side: Side, price: i64) {
        let levels = &mut self.sides[side.index()];
        if let Some(queue) = levels.get_mut(&price) {
            queue.retain(|each| *each != id);
            if queue.is_empty() {
                levels.remove(&price);
            }
        }
    }

    pub(super) fn level_qty(
        &self,
        side: Side,
        price: i64,
        orders: &BTreeMap<OrderId, Order>,
    ) -> Qty {
        let queue = self.sides[side.index()].get(&price).into_iter().flatten();
        Qty::from_units(queue.map(|id| orders[id].displayed).sum())
    }

    /// Update ids count from 1 without gaps.
    pub(super) fn take_update(&mut self, update_id: u64) -> Verdict {
        self.update_id += 1;
        same("the update id", update_id, self.update_id)
    }

    pub(super) fn depth(
        &self,
        side: Side,
        orders: &BTreeMap<OrderId, Order>,
    ) -> Vec<(Price, Qty, usize)> {
        let level = |(price, queue): (&i64, &VecDeque<OrderId>)| {
            (Price::from_units(*price), self.level_qty(side, *price, orders), queue.len())
        };
        let levels = &self.sides[side.index()];
        match side {
            Side::Buy => levels.iter().rev().map(level).collect(),
            Side::Sell => levels.iter().map(level).collect(),
        }
    }
}
