//! Orders with special terms: pegged, hidden, all or none, of a minimum quantity; market to limit.

use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::{Command, InstrumentSpec, OrderKind, Peg, Price, Qty, TimeInForce};

use super::Generator;

impl Generator {
    /// An order with special terms, which does not wait; now and then by a replacement of another.
    pub(super) fn special_order(&mut self) -> Command {
        let (listed, account, side) = (self.instrument(), self.account(), self.side());
        let spec = listed.spec;
        let mut order = self.new_order_for(&spec, account, side);
        if self.random.one_in(8) {
            self.make_market_to_limit(&mut order);
            return order.into();
        }
        let mut terms = OrderTerms::NONE;
        self.add_special_terms(&spec, &mut order, &mut terms);
        if self.profile.weights.auction_order > 0 && self.random.one_in(40) {
            // Hidden ones take part in auctions by resting, and no other way.
            order.time_in_force = TimeInForce::AtAuction;
        }
        NewAdvancedOrder { order, terms }.into()
    }

    /// A market order that rests with what it does not trade.
    fn make_market_to_limit(&mut self, order: &mut NewOrder) {
        order.kind = OrderKind::MarketToLimit;
        (order.quote_qty, order.display_qty) = (Qty::ZERO, Qty::ZERO);
        if order.qty.is_zero() {
            order.qty = Qty::from_units(order.price.units().unsigned_abs());
        }
        order.price = Price::ZERO;
        order.time_in_force = TimeInForce::Gtc;
        order.expire_time = tiercel_types::Timestamp(0);
        self.make_lasting(order);
    }

    /// Mostly one special term; the terms of what it waits for stay.
    pub(super) fn add_special_terms(
        &mut self,
        spec: &InstrumentSpec,
        order: &mut NewOrder,
        terms: &mut OrderTerms,
    ) {
        let count = if self.random.one_in(5) { 2 } else { 1 };
        for _ in 0..count {
            match self.random.below(10) {
                0 | 1 => terms.hidden = 1,
                2..=4 => terms.all_or_none = 1,
                5 => terms.min_qty = self.part_of(spec, order.qty),
                _ => self.peg(spec, order, terms),
            }
        }
        // Terms that do not go together are a denial: few of those are enough.
        if terms.hidden == 1 || terms.all_or_none == 1 || terms.peg != Peg::None {
            if !self.random.one_in(12) {
                order.display_qty = Qty::ZERO;
            }
            if order.kind == OrderKind::Market && !self.random.one_in(12) {
                order.kind = OrderKind::Limit;
                order.qty = if order.qty.is_zero() { self.qty(spec) } else { order.qty };
                order.quote_qty = Qty::ZERO;
                order.price = self.ticks_from(spec, 0);
            }
        }
    }

    /// A quantity up to the whole, in lots.
    fn part_of(&mut self, spec: &InstrumentSpec, qty: Qty) -> Qty {
        let lots = qty.units() / spec.lot.units();
        let part = 1 + self.random.below(lots.max(1));
        Qty::from_units(part * spec.lot.units())
    }

    /// A peg, mostly without offset or with one of a tick or two; its limit lies anywhere near.
    fn peg(&mut self, spec: &InstrumentSpec, order: &mut NewOrder, terms: &mut OrderTerms) {
        terms.peg = *self.random.pick(&[Peg::Primary, Peg::Primary, Peg::Midpoint, Peg::Market]);
        if terms.peg != Peg::Midpoint || self.random.one_in(20) {
            let ticks = self.random.below(4).saturating_sub(1) as i64;
            terms.peg_offset = Price::from_units(spec.tick.units().saturating_mul(ticks));
        }
        if !self.random.one_in(10) {
            order.time_in_force = TimeInForce::Gtc;
            order.expire_time = tiercel_types::Timestamp(0);
            self.make_lasting(order);
        }
        if self.random.one_in(2) {
            // No limit: it goes wherever its reference goes.
            order.price = Price::ZERO;
        }
    }
}
