//! Entering an order for an auction: `docs/auctions.md`.

use tiercel_types::command::{NewOrder, OrderTerms};
use tiercel_types::{DenialReason, InstrumentState, OrderKind, Side};

use super::entry::require;
use super::telling::order_accepted;
use super::{Checked, Mode, Model, Place, value};

impl Model {
    pub(super) fn new_auction_order(&mut self, new: &NewOrder, terms: &OrderTerms) -> Checked {
        self.check_auction_order(new, terms)?;
        let mut order = self.draft(new, terms);
        order.place = Place::Auction;
        self.check_free(order.account, self.reservation(&order))?;
        self.waits += 1;
        order.outside_since = Some(self.waits);
        order.id = self.next_order_id(new);
        self.emit(new.instrument, new.account, order_accepted(&order));
        self.admit(&order);
        self.announce_waiting(order.id);
        Ok(())
    }

    /// Rows 1 to 13 of the table.
    fn check_auction_order(&self, new: &NewOrder, terms: &OrderTerms) -> Checked {
        require(new.reserved == [0; 4], DenialReason::ReservedFieldSet)?;
        self.check_parties(new)?;
        let spec = &self.instrument(new.instrument).spec;
        let takes = matches!(
            spec.state,
            InstrumentState::PreOpen | InstrumentState::Open | InstrumentState::Call
        );
        require(takes, DenialReason::NotTrading)?;
        self.check_order_id(new)?;
        let kind_fits = matches!(new.kind, OrderKind::Limit | OrderKind::Market);
        require(kind_fits, DenialReason::TimeInForceNotAllowed)?;
        let limit = new.kind == OrderKind::Limit;
        let imbalance_fits = terms.imbalance_only == 0 || limit;
        require(imbalance_fits, DenialReason::ImbalanceOnlyNotAllowed)?;
        require(new.expire_time.0 == 0, DenialReason::ExpireTimeInvalid)?;
        require(new.quote_qty.is_zero(), DenialReason::QuoteQtyInAuction)?;
        Self::check_amounts(spec, new)?;
        Self::check_limit(spec, new)?;
        let buys_unprotected = self.mode == Mode::Full
            && (new.kind, new.side) == (OrderKind::Market, Side::Buy)
            && new.price.is_zero();
        require(!buys_unprotected, DenialReason::ProtectionRequired)?;
        Self::check_given_price(spec, new)?;
        if limit {
            self.check_band(new.instrument, new.side, new.price.units())?;
        }
        Self::check_qty(spec, i128::from(new.qty.units()))?;
        self.check_side_capacity(new.instrument, new.side, new.qty.units())?;
        if limit || !new.price.is_zero() {
            self.check_value(spec, value(new.price.units(), new.qty.units()))?;
        }
        require(new.display_qty.is_zero(), DenialReason::DisplayQtyNotAllowed)?;
        self.check_client_order_id(new.account, &new.client_order_id)?;
        self.check_open_orders(new.account, 1)
    }

    /// An order whose terms say that it is for the imbalance only, and nothing else.
    pub(super) fn new_imbalance_order(&mut self, new: &NewOrder, terms: &OrderTerms) -> Checked {
        require(new.reserved == [0; 4], DenialReason::ReservedFieldSet)?;
        if new.time_in_force.is_for_auction() {
            return self.new_auction_order(new, terms);
        }
        self.check_parties(new)?;
        Self::check_not_shut(&self.instrument(new.instrument).spec)?;
        self.check_order_id(new)?;
        Err(DenialReason::ImbalanceOnlyNotAllowed)
    }
}
