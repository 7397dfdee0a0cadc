//! Amending a live order.

use tiercel_types::command::{AccountState, AmendOrder};
use tiercel_types::event::OrderAmended;
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{DenialReason, EndReason, InstrumentState, OrderKind, Price, Qty};

use super::entry::require;
use super::trading::Taker;
use super::{Checked, Mode, Model, Order, Place, value};

impl Model {
    pub(super) fn amend_order(&mut self, amend: &AmendOrder) -> Checked {
        let fields_fit = amend.reserved == [0; 2] && amend.lose_priority <= 1;
        require(fields_fit, DenialReason::ReservedFieldSet)?;
        let id = self.find(amend.order_id, amend.account, &amend.client_order_id)?;
        let old = self.orders[&id].clone();
        Self::check_stands_alone(&old)?;
        let amendable = !old.is_pegged() && !old.is_all_or_none();
        require(amendable, DenialReason::OrderIsUnseen)?;
        let spec = self.instrument(old.instrument).spec;
        if self.mode == Mode::Full {
            let active = self.accounts[&old.account].state == AccountState::Active;
            require(active, DenialReason::AccountBlocked)?;
            self.check_switch(old.account)?;
        }
        Self::check_not_shut(&spec)?;

        let qty = amend.qty.units();
        let total_meant = amend.qty_meaning == AmendQtyMeaning::Total;
        if total_meant && qty != 0 && qty <= old.filled {
            self.end(id, EndReason::AmendedToFilled);
            return Ok(());
        }
        let mut new = old.clone();
        if !amend.price.is_zero() || spec.min_price.units() < 0 {
            new.price = amend.price.units();
        }
        if qty != 0 {
            new.open = if total_meant { qty - old.filled } else { qty };
        }
        // The bare engine keeps no client order ids: there is none to change.
        if self.mode == Mode::Full && !amend.new_client_order_id.is_empty() {
            new.client_order_id = amend.new_client_order_id;
        }
        self.check_amendment(&old, &new, amend)?;
        self.amend_to(&old, new, amend.lose_priority == 1);
        Ok(())
    }

    /// Checks 5 to 12.
    fn check_amendment(&self, old: &Order, new: &Order, amend: &AmendOrder) -> Checked {
        let price_changes = new.price != old.price;
        let qty_changes = new.open != old.open;
        let id_changes = new.client_order_id != old.client_order_id;
        let changes = price_changes || qty_changes || id_changes || amend.lose_priority == 1;
        require(changes, DenialReason::NothingToAmend)?;
        if id_changes {
            self.check_client_order_id(old.account, &new.client_order_id)?;
        }
        let found = self.instrument(old.instrument);
        if price_changes {
            Self::check_price(&found.spec, new.price)?;
            self.check_band(old.instrument, old.side, new.price)?;
        }
        let total = i128::from(new.open) + i128::from(new.filled);
        if qty_changes {
            Self::check_qty(&found.spec, total)?;
        }
        if new.open > old.open {
            self.check_side_capacity(old.instrument, old.side, new.open - old.open)?;
        }
        if price_changes || qty_changes {
            self.check_value(&found.spec, value(new.price, total as u64))?;
        }
        if qty_changes && old.display_qty != 0 {
            Self::check_parts(&found.spec, total as u64, old.display_qty)?;
        }
        let may_not_match = found.spec.state != InstrumentState::Call
            && (old.kind == OrderKind::PostOnly || found.spec.state == InstrumentState::PreOpen);
        // An order that grows may meet one that is all or none, and was too large for it.
        if (price_changes || new.open > old.open) && may_not_match {
            require(!self.crosses(new, Some(new.price)), DenialReason::WouldMatch)?;
        }
        if self.mode == Mode::Full {
            let (asset, more) = self.reserves_more(new);
            // An account in debt may still reserve less.
            let suffices = more <= 0 || self.free(old.account, asset) >= more;
            require(suffices, DenialReason::InsufficientFunds)?;
        }
        Ok(())
    }

    /// Carries out an amendment that passed its checks.
    fn amend_to(&mut self, old: &Order, mut new: Order, lose_priority: bool) {
        let (id, instrument, side) = (old.id, old.instrument, old.side);
        let displayed = old.place == Place::Book;
        let priority_kept = new.price == old.price && new.open <= old.open && !lose_priority;
        let mut amended = OrderAmended {
            order_id: id,
            price: Price::from_units(new.price),
            open_qty: Qty::from_units(new.open),
            displayed_qty: Qty::ZERO,
            level_qty: Qty::ZERO,
            old_price: Price::from_units(old.price),
            old_level_qty: Qty::ZERO,
            update_id: 0,
            side,
            priority_kept: u8::from(priority_kept),
            resting: 0,
            reserved: 0,
            client_order_id: new.client_order_id,
        };
        if priority_kept {
            // The hidden part goes first; the place in the queue stays.
            new.displayed = old.displayed.min(new.open);
            self.change(id, |model| model.orders.insert(id, new.clone()));
        } else {
            if displayed {
                self.leave_level(id);
            }
            (new.displayed, new.place) = (0, Place::Entering);
            self.change(id, |model| model.orders.insert(id, new.clone()));
            if self.crosses(&new, Some(new.price)) {
                if displayed {
                    amended.old_level_qty = self.level_qty(instrument, side, old.price);
                    amended.update_id = self.next_update(instrument);
                }
                self.emit(instrument, old.account, amended);
                self.trade_and_settle(Taker { limit: Some(new.price), ..self.taker(id) });
                return;
            }
            if displayed {
                self.join_level(id);
            } else {
                self.join_unseen(id);
            }
        }
        amended.resting = 1;
        if displayed {
            self.tell_level(&mut amended, &new, old.price);
        }
        self.emit(instrument, old.account, amended);
    }

    /// What an amendment says of the levels that a displayed order left and joined.
    fn tell_level(&mut self, amended: &mut OrderAmended, new: &Order, old_price: i64) {
        let (id, instrument, side) = (new.id, new.instrument, new.side);
        amended.displayed_qty = Qty::from_units(self.orders[&id].displayed);
        amended.level_qty = self.level_qty(instrument, side, new.price);
        amended.old_level_qty = self.level_qty(instrument, side, old_price);
        amended.update_id = self.next_update(instrument);
    }
}
