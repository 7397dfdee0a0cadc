//! Special orders on entry: their checks, and what they meet: `docs/special-orders.md`.

use tiercel_types::command::{NewOrder, OrderTerms};
use tiercel_types::{
    DenialReason, InstrumentSpec, InstrumentState, OrderKind, Peg, Price, Side, TimeInForce,
    Trigger,
};

use super::entry::require;
use super::{Checked, Mode, Model, Order, may_rest};

/// Most groups of unseen orders of a side.
const GROUPS_MAX: usize = 1_024;

/// Checks.
impl Model {
    /// The checks of terms, for an order that comes alone.
    pub(super) fn check_terms(&self, new: &NewOrder, terms: &OrderTerms) -> Checked {
        let flags_fit = terms.all_or_none <= 1 && terms.hidden <= 1;
        let reserved_fit = new.reserved == [0; 4]
            && terms.reserved == [0; 3]
            && terms.reserved_too == [0; 4]
            && terms.imbalance_only == 0;
        require(flags_fit && reserved_fit, DenialReason::ReservedFieldSet)?;
        Self::check_terms_belong(terms)?;
        let (pegged, all_or_none) = (terms.peg != Peg::None, terms.all_or_none == 1);
        let (hidden, minimum) = (terms.hidden == 1, !terms.min_qty.is_zero());
        let unseen = [pegged, all_or_none, hidden].into_iter().filter(|set| *set).count();
        let combine = unseen <= 1
            && !(minimum && (pegged || all_or_none))
            && (pegged || terms.peg_offset.is_zero());
        require(combine, DenialReason::TermsDoNotCombine)?;
        let waits = terms.trigger != Trigger::None;
        let market_to_limit = new.kind == OrderKind::MarketToLimit;
        let may_wait = !pegged && !all_or_none && !market_to_limit;
        require(!waits || may_wait, DenialReason::SpecialOrderWaits)?;
        let rests_whole = new.kind == OrderKind::Limit
            && may_rest(new.kind, new.time_in_force)
            && new.display_qty.is_zero();
        require(!pegged || rests_whole, DenialReason::PegNotAllowed)?;
        require(!all_or_none || rests_whole, DenialReason::AllOrNoneNotAllowed)?;
        require(!hidden || rests_whole, DenialReason::HiddenNotAllowed)?;
        let may_be_partial = new.kind != OrderKind::PostOnly
            && new.time_in_force != TimeInForce::Fok
            && new.quote_qty.is_zero();
        require(!minimum || may_be_partial, DenialReason::MinQtyNotAllowed)?;
        if terms.only_wait() {
            return Ok(());
        }
        let found = self.instruments.get(&new.instrument);
        let spec = &found.ok_or(DenialReason::UnknownInstrument)?.spec;
        if pegged {
            self.check_peg(spec, new, terms)?;
        }
        let part =
            terms.min_qty.units().is_multiple_of(spec.lot.units()) && terms.min_qty <= new.qty;
        require(!minimum || part, DenialReason::MinQtyInvalid)?;
        let shares = self.shares_out(new.instrument);
        require(unseen == 0 || !shares, DenialReason::AllocationNotFifo)?;
        let needs_open = pegged || all_or_none || (minimum && !waits);
        let open = spec.state == InstrumentState::Open;
        require(!needs_open || open, DenialReason::NotContinuous)?;
        let (groups, belongs) = self.groups(&self.draft(new, terms));
        let bounded = (!pegged && !all_or_none) || belongs || groups < GROUPS_MAX;
        require(bounded, DenialReason::UnseenGroupsFull)
    }

    /// Rows 10 to 12.
    fn check_peg(&self, spec: &InstrumentSpec, new: &NewOrder, terms: &OrderTerms) -> Checked {
        require(spec.min_price.units() >= 0, DenialReason::PegNotAllowed)?;
        let (offset, tick) = (terms.peg_offset.units(), spec.tick.units());
        let least = if terms.peg == Peg::Market { tick } else { 0 };
        let offset_fits = offset >= least && offset % tick == 0;
        require(offset_fits, DenialReason::PegOffsetInvalid)?;
        let limited = new.side == Side::Sell || !new.price.is_zero() || self.mode == Mode::Bare;
        require(limited, DenialReason::PegLimitRequired)
    }

    /// What no order of a list may be.
    pub(super) fn check_not_special(new: &NewOrder, terms: &OrderTerms) -> Checked {
        let special = new.kind == OrderKind::MarketToLimit || !terms.only_wait();
        require(!special, DenialReason::SpecialOrderInList)
    }

    /// The order as its checks go on behind check 14: the book gives a market-to-limit order its
    /// price.
    pub(super) fn priced(&self, new: &NewOrder) -> Checked<NewOrder> {
        if new.kind != OrderKind::MarketToLimit {
            return Ok(*new);
        }
        require(new.price.is_zero(), DenialReason::PriceNotAllowed)?;
        let best = self.best_price(new.instrument, new.side.opposite());
        let price = best.ok_or(DenialReason::NoLiquidity)?;
        Ok(NewOrder { price: Price::from_units(price), ..*new })
    }

    /// Whether a price is within the instrument's bounds.
    pub(super) fn within_bounds(spec: &InstrumentSpec, price: i64) -> bool {
        Self::check_bounds(spec, price).is_ok()
    }
}

/// On entry.
impl Model {
    /// How far an order goes that is being entered: a pegged one to where it stands.
    pub(super) fn limit_on_entry(&self, order: &Order) -> Option<i64> {
        if order.is_pegged() { self.stands_at(order) } else { self.limit(&order.as_new()) }
    }

    /// Whether an order rests as it is taken, and no more is said of its entry.
    pub(super) fn rests_at_once(&self, order: &Order) -> bool {
        let limit = self.limit_on_entry(order);
        if order.is_pegged() && limit.is_none() {
            return true;
        }
        if order.is_all_or_none() {
            let taker = super::trading::Taker { limit, ..self.taker(order.id) };
            return self.tradable_at_once(&taker, order.open) < order.open;
        }
        may_rest(order.kind, order.time_in_force)
            && order.terms.min_qty.is_zero()
            && !self.crosses(order, limit)
    }
}
