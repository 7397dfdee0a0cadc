//! Levels that are shared out, and the top order: `docs/allocation.md`.

use tiercel_types::command::{Allocation, MARKET_MAKERS_MAX, MarketMaker, SetMatchingRules};
use tiercel_types::event::MatchingRulesSet;
use tiercel_types::{AccountId, DenialReason, InstrumentId, InstrumentState, OrderId, Qty, Side};

use super::entry::require;
use super::trading::Taker;
use super::{Checked, Mode, Model};
use crate::allocation::{Queued, Terms, shares};

impl Model {
    pub(super) fn set_matching_rules(&mut self, rules: &SetMatchingRules) -> Checked {
        let reserved = rules.reserved == [0; 2] && rules.reserved_too == [0; 4] && rules.top <= 1;
        require(reserved, DenialReason::ReservedFieldSet)?;
        let id = rules.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        let plain = *rules == SetMatchingRules::fifo(id);
        let terms_fit = (rules.allocation == Allocation::ProRata || plain)
            && (rules.top == 1 || (rules.top_min_qty.is_zero() && rules.top_max_qty.is_zero()));
        require(terms_fit, DenialReason::AllocationTermNotAllowed)?;
        let lot = found.spec.lot.units();
        let on_lot = |qty: Qty| qty.units().is_multiple_of(lot);
        let quantities_fit = on_lot(rules.minimum_allocation)
            && on_lot(rules.top_min_qty)
            && on_lot(rules.top_max_qty)
            && (rules.top_max_qty.is_zero() || rules.top_min_qty <= rules.top_max_qty);
        require(quantities_fit, DenialReason::AllocationQtyInvalid)?;
        let given: u64 = rules.market_makers.iter().map(|maker| u64::from(maker.share_ppm)).sum();
        let shares_fit = rules.fifo_ppm <= 1_000_000 && given <= 1_000_000;
        require(shares_fit, DenialReason::AllocationShareInvalid)?;
        self.check_market_makers(&rules.market_makers)?;
        let unseen = Side::ALL.iter().any(|side| !self.unseen(id, *side).is_empty());
        let fifo = rules.allocation == Allocation::Fifo;
        require(fifo || !unseen, DenialReason::SpecialOrdersRest)?;
        self.instrument_mut(id).rules = *rules;
        for order in self.orders.values_mut().filter(|order| order.instrument == id) {
            order.top = false;
        }
        self.emit(id, AccountId(0), MatchingRulesSet { rules: *rules });
        Ok(())
    }

    fn check_market_makers(&self, makers: &[MarketMaker; MARKET_MAKERS_MAX]) -> Checked {
        let mut named = Vec::new();
        for maker in makers.iter().filter(|maker| **maker != MarketMaker::default()) {
            let fits = maker.account != AccountId(0)
                && maker.share_ppm != 0
                && !named.contains(&maker.account);
            require(fits, DenialReason::MarketMakerInvalid)?;
            named.push(maker.account);
        }
        let known =
            |account: &AccountId| self.mode == Mode::Bare || self.accounts.contains_key(account);
        require(named.iter().all(known), DenialReason::UnknownAccount)
    }

    /// Whether levels of an instrument are shared out.
    pub(super) fn shares_out(&self, instrument: InstrumentId) -> bool {
        self.instrument(instrument).rules.allocation == Allocation::ProRata
    }

    /// An instrument's rules, in lots.
    fn allocation_terms(&self, instrument: InstrumentId) -> Terms {
        let found = self.instrument(instrument);
        let (rules, lot) = (&found.rules, found.spec.lot.units());
        let at_least = |qty: Qty| qty.units().div_ceil(lot);
        let top_max = match rules.top_max_qty.units() {
            0 => 0,
            units => (units / lot).max(1),
        };
        let makers = rules.market_makers.iter().filter(|maker| maker.share_ppm != 0);
        Terms {
            minimum: at_least(rules.minimum_allocation),
            fifo_ppm: rules.fifo_ppm.into(),
            top: (rules.top == 1).then_some((at_least(rules.top_min_qty), top_max)),
            market_makers: makers.map(|it| (it.account.0, it.share_ppm.into())).collect(),
        }
    }

    /// Plays a round at a level: `wanted` is what the taker has open.
    pub(super) fn play_round(&mut self, taker: &mut Taker, price: i64, wanted: u64) {
        let order = &self.orders[&taker.id];
        let (instrument, side) = (order.instrument, order.side.opposite());
        let lot = self.instrument(instrument).spec.lot.units();
        let level = self.taking_part(instrument, side, price);
        let queue: Vec<Queued> = level
            .iter()
            .map(|id| &self.orders[id])
            .map(|order| Queued {
                account: order.account.0,
                displayed: order.displayed / lot,
                top: order.top,
            })
            .collect();
        let shown = queue.iter().map(|order| order.displayed).sum();
        let given = shares(&self.allocation_terms(instrument), &queue, (wanted / lot).min(shown));
        for (at, &maker) in level.iter().enumerate() {
            let share = given.share(at) * lot;
            // One that ended with its list has none.
            if share > 0 && self.orders.contains_key(&maker) {
                self.meet(taker, maker, price, share);
            }
            if !self.orders.contains_key(&taker.id) {
                return;
            }
        }
    }

    /// The orders of a level that take part in a round: none behind an exit of its list.
    fn taking_part(&self, instrument: InstrumentId, side: Side, price: i64) -> Vec<OrderId> {
        let mut exits_ahead: Vec<OrderId> = Vec::new();
        let mut level = Vec::new();
        for &id in &self.levels(instrument, side)[&price] {
            let exits = self.orders[&id].list.map_or(Vec::new(), |list| self.lists[&list].exits());
            if exits.iter().any(|exit| exits_ahead.contains(exit)) {
                continue;
            }
            level.push(id);
            if exits.contains(&id) {
                exits_ahead.push(id);
            }
        }
        level
    }

    /// An order came to rest: whether it betters the market, and becomes the top order.
    pub(super) fn rank_top(&mut self, id: OrderId) {
        let order = &self.orders[&id];
        let (instrument, side, price) = (order.instrument, order.side, order.price);
        let displayed = order.displayed;
        let betters = |other: i64| match side {
            Side::Buy => price > other,
            Side::Sell => price < other,
        };
        let others: Vec<OrderId> = self
            .orders_best_first(instrument, side)
            .iter()
            .map(|order| order.id)
            .filter(|other| *other != id)
            .collect();
        let best = others.iter().all(|other| betters(self.orders[other].price));
        if best {
            for other in others {
                self.order_mut(other).top = false;
            }
        }
        let found = self.instrument(instrument);
        let least = found.rules.top_min_qty.units();
        let open = found.spec.state == InstrumentState::Open;
        let top = best && open && found.rules.top == 1 && displayed >= least;
        self.order_mut(id).top = top;
    }
}
