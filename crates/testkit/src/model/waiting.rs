//! Orders that wait for their trigger: entering them, what fires them, and their turn.

use tiercel_types::command::{NewAdvancedOrder, NewOrder, OrderTerms};
use tiercel_types::event::{OrderTriggered, OrderWaiting};
use tiercel_types::order::WaitState;
use tiercel_types::{
    AccountId, AssetId, DenialReason, InstrumentId, InstrumentState, ListId, OrderId, OrderKind,
    Price, Qty, Side, TimeInForce, Trigger,
};

use super::entry::{Entry, require};
use super::lists::{Role, Staging};
use super::steps::Turn;
use super::telling::order_accepted;
use super::{Checked, Mode, Model, Order, Place, may_rest};

/// Basis points in one whole.
const BPS: i128 = 10_000;

/// Whether an order with these terms waits for a print at its trigger price or above; else it does
/// for one at or below.
pub(super) fn fires_upwards(trigger: Trigger, side: Side) -> bool {
    (trigger == Trigger::Stop) == (side == Side::Buy)
}

/// Whether a print at `price` fires a stop or take profit.
pub(super) fn fires(terms: &OrderTerms, side: Side, price: i64) -> bool {
    let trigger_price = terms.trigger_price.units();
    match terms.trigger {
        Trigger::Stop | Trigger::TakeProfit if fires_upwards(terms.trigger, side) => {
            price >= trigger_price
        }
        Trigger::Stop | Trigger::TakeProfit => price <= trigger_price,
        Trigger::None | Trigger::TrailingStop | Trigger::Condition => false,
    }
}

/// Whether a print at `price` fires a trailing stop whose best print is `best`.
pub(super) fn trails_off(terms: &OrderTerms, side: Side, best: i64, price: i64) -> bool {
    let (best, price) = (i128::from(best), i128::from(price));
    let (amount, bps) = (i128::from(terms.trailing_amount.units()), i128::from(terms.trailing_bps));
    match (side, bps) {
        (Side::Sell, 0) => price <= best - amount,
        (Side::Buy, 0) => price >= best + amount,
        (Side::Sell, _) => price * BPS <= best * (BPS - bps),
        (Side::Buy, _) => price * BPS >= best * (BPS + bps),
    }
}

/// Whether a print at `price` meets the activation price of a trailing stop.
pub(super) fn activates(terms: &OrderTerms, side: Side, price: i64) -> bool {
    let activation = terms.activation_price.units();
    match side {
        _ if activation == 0 => true,
        Side::Sell => price >= activation,
        Side::Buy => price <= activation,
    }
}

/// Entering an order that waits.
impl Model {
    pub(super) fn new_advanced_order(
        &mut self,
        new: &NewAdvancedOrder,
        staged: &Staging,
    ) -> Checked {
        if new.terms == OrderTerms::NONE {
            return self.new_order(&new.order);
        }
        if new.terms == (OrderTerms { imbalance_only: 1, ..OrderTerms::NONE }) {
            return self.new_imbalance_order(&new.order, &new.terms);
        }
        let order = &new.order;
        self.check_terms(order, &new.terms)?;
        if new.terms.trigger == Trigger::None {
            self.check_new_order(order, &new.terms, Entry::Alone)?;
            self.enter(order, &new.terms);
            return Ok(());
        }
        let condition = staged.condition;
        let staged_for = condition.as_ref().map(|condition| condition.account);
        let fits = staged_for == Some(order.account);
        self.check_waiting(order, &new.terms, fits, Role::Alone)?;
        self.check_open_orders(order.account, 1)?;
        let mut made = self.draft(order, &new.terms);
        made.place = Place::Waiting;
        self.check_free(made.account, self.reservation(&made))?;
        if new.terms.trigger == Trigger::Condition {
            made.condition = condition;
        }
        made.id = self.next_order_id(order);
        let id = made.id;
        self.emit(order.instrument, order.account, order_accepted(&made));
        self.admit(&made);
        self.begin_to_wait(id);
        Ok(())
    }

    /// Checks 1 to 11 of an order that waits. `condition_fits`: a condition of its account was
    /// staged for it.
    pub(super) fn check_waiting(
        &self,
        new: &NewOrder,
        terms: &OrderTerms,
        condition_fits: bool,
        role: Role,
    ) -> Checked {
        let reserved_fit = new.reserved == [0; 4] && terms.reserved == [0; 3];
        require(reserved_fit, DenialReason::ReservedFieldSet)?;
        Self::check_terms_belong(terms)?;
        let condition_missing = terms.trigger == Trigger::Condition && !condition_fits;
        require(!condition_missing, DenialReason::ConditionMissing)?;
        self.check_parties(new)?;
        let spec = &self.instrument(new.instrument).spec;
        Self::check_not_shut(spec)?;
        self.check_order_id(new)?;
        let for_auction = new.time_in_force.is_for_auction();
        require(!for_auction, DenialReason::TimeInForceNotAllowed)?;
        let lives_so_long = match new.kind {
            OrderKind::PostOnly => may_rest(new.kind, new.time_in_force),
            OrderKind::Market => new.quote_qty.is_zero() || new.time_in_force != TimeInForce::Fok,
            OrderKind::Limit | OrderKind::MarketToLimit => true,
        };
        let lives_so_long = lives_so_long && !new.time_in_force.is_for_auction();
        require(lives_so_long, DenialReason::TimeInForceNotAllowed)?;
        self.check_expire_time(new)?;
        Self::check_amounts(spec, new)?;
        Self::check_limit(spec, new)?;
        Self::check_given_price(spec, new)?;
        Self::check_qty(spec, i128::from(new.qty.units()))?;
        self.check_new_value(spec, new)?;
        Self::check_display(spec, new)?;
        self.check_trigger(new, terms)?;
        if role != Role::Pending {
            let last = self.instrument(new.instrument).last_price;
            let triggers = last.is_some_and(|price| fires(terms, new.side, price));
            require(!triggers, DenialReason::WouldTrigger)?;
        }
        self.check_client_order_id(new.account, &new.client_order_id)
    }

    /// Check 2.
    pub(super) fn check_terms_belong(terms: &OrderTerms) -> Checked {
        let at_price = matches!(terms.trigger, Trigger::Stop | Trigger::TakeProfit);
        let trails = terms.trigger == Trigger::TrailingStop;
        let trailing_terms = [terms.trailing_amount, terms.activation_price];
        let no_trailing = trailing_terms.iter().all(|term| term.is_zero());
        let fits = (at_price || terms.trigger_price.is_zero())
            && (trails || (no_trailing && terms.trailing_bps == 0));
        require(fits, DenialReason::TermNotAllowed)
    }

    /// Checks 8 and 9.
    fn check_trigger(&self, new: &NewOrder, terms: &OrderTerms) -> Checked {
        let spec = &self.instrument(new.instrument).spec;
        let price = match terms.trigger {
            Trigger::Stop | Trigger::TakeProfit => Some(terms.trigger_price),
            _ => Some(terms.activation_price).filter(|price| !price.is_zero()),
        };
        let price_fits = price.is_none_or(|price| Self::check_price(spec, price.units()).is_ok());
        require(price_fits, DenialReason::TriggerPriceInvalid)?;
        let (amount, bps) = (terms.trailing_amount.units(), terms.trailing_bps);
        let by_amount = amount > 0 && amount % spec.tick.units() == 0 && bps == 0;
        let by_bps = amount == 0 && (1..=9_999).contains(&bps) && spec.min_price.units() >= 0;
        let trails = by_amount || by_bps || terms.trigger != Trigger::TrailingStop;
        require(trails, DenialReason::TrailingInvalid)
    }

    /// Check 13. Who reserves nothing needs nothing, in debt or not.
    pub(super) fn check_free(
        &self,
        account: AccountId,
        (asset, amount): (AssetId, i128),
    ) -> Checked {
        let suffices =
            self.mode == Mode::Bare || amount <= 0 || self.free(account, asset) >= amount;
        require(suffices, DenialReason::InsufficientFunds)
    }

    /// An order begins to wait for its trigger.
    pub(super) fn begin_to_wait(&mut self, id: OrderId) {
        self.place(id, Place::Waiting);
        self.waits += 1;
        let waits = self.waits;
        let last = self.instrument(self.orders[&id].instrument).last_price;
        let order = self.order_mut(id);
        order.waiting_since = Some(waits);
        order.outside_since = order.outside_since.or(Some(waits));
        order.activated = order.terms.activation_price.is_zero()
            || last.is_some_and(|price| activates(&order.terms, order.side, price));
        self.announce_waiting(id);
    }

    /// An order waits for its list.
    pub(super) fn begin_to_pend(&mut self, id: OrderId) {
        self.waits += 1;
        self.order_mut(id).outside_since = Some(self.waits);
        self.announce_waiting(id);
    }

    /// Says where an order stands that is not in the book.
    pub(super) fn announce_waiting(&mut self, id: OrderId) {
        let order = self.orders[&id].clone();
        let state = match order.place {
            Place::Pending => WaitState::Pending,
            Place::Held => WaitState::Held,
            Place::Auction => WaitState::Auction,
            _ => WaitState::Waiting,
        };
        let trails = order.terms.trigger == Trigger::TrailingStop;
        let best = Price::from_units(order.best.unwrap_or(0));
        let waiting = OrderWaiting {
            order_id: id,
            list_id: order.list.unwrap_or(ListId(0)),
            trigger_price: if trails { best } else { order.terms.trigger_price },
            trailing_amount: order.terms.trailing_amount,
            activation_price: order.terms.activation_price,
            trailing_bps: order.terms.trailing_bps,
            trigger: order.terms.trigger,
            state,
            side: order.side,
            imbalance_only: order.terms.imbalance_only,
        };
        self.emit(order.instrument, order.account, waiting);
    }
}

/// Triggers, and what they set off.
impl Model {
    /// The orders that wait for prints of an instrument, those that have waited longer first.
    fn waiting_for_prints(&self, instrument: InstrumentId) -> Vec<Order> {
        let waiting = self.orders.values().filter(|order| order.place == Place::Waiting);
        let mut waiting: Vec<Order> =
            waiting.filter(|order| order.instrument == instrument).cloned().collect();
        waiting.sort_by_key(|order| order.waiting_since);
        waiting
    }

    /// What a print does to those that wait.
    pub(super) fn print(&mut self, instrument: InstrumentId, price: i64) {
        let waiting = self.waiting_for_prints(instrument);
        let trails = |order: &&Order| order.terms.trigger == Trigger::TrailingStop;
        for order in waiting.iter().filter(trails).filter(|order| order.best.is_none()) {
            if order.activated || activates(&order.terms, order.side, price) {
                self.order_mut(order.id).best = Some(price);
            }
        }
        let fired = waiting.iter().filter(|order| fires(&order.terms, order.side, price));
        let (mut upwards, mut downwards): (Vec<&Order>, Vec<&Order>) =
            fired.partition(|order| fires_upwards(order.terms.trigger, order.side));
        // Stable: at one price, those that have waited longer stay first.
        upwards.sort_by_key(|order| order.terms.trigger_price);
        downwards.sort_by_key(|order| core::cmp::Reverse(order.terms.trigger_price));
        for order in upwards.into_iter().chain(downwards) {
            self.trigger(order.id);
        }
        for order in waiting.iter().filter(trails) {
            let Some(best) = order.best else { continue };
            let best = match order.side {
                Side::Sell => best.max(price),
                Side::Buy => best.min(price),
            };
            self.order_mut(order.id).best = Some(best);
            if trails_off(&order.terms, order.side, best, price) {
                self.trigger(order.id);
            }
        }
    }

    /// An order's trigger was met: its turn comes.
    pub(super) fn trigger(&mut self, id: OrderId) {
        self.place(id, Place::Triggered);
        self.triggered.push_back(Turn::Order(id));
    }

    /// The turn of an order that was triggered.
    pub(super) fn enter_triggered(&mut self, id: OrderId) {
        // Its list may have ended it.
        let Some(order) = self.orders.get(&id).cloned() else { return };
        if self.instrument(order.instrument).spec.state != InstrumentState::Open {
            self.waits += 1;
            let since = Some(self.waits);
            let held = self.order_mut(id);
            held.held_since = since;
            held.outside_since = held.outside_since.or(since);
            self.place(id, Place::Held);
            self.announce_waiting(id);
            return;
        }
        self.list_order_triggered(&order);
        self.place(id, Place::Pending);
        match self.check_turn(&order) {
            Ok(()) => {
                self.place(id, Place::Entering);
                self.announce_triggered(id, order.terms.trigger);
                self.meet_book(id);
            }
            Err(reason) => self.reject(id, reason),
        }
    }

    /// Checks 18, 22, 30, 31, and the funds.
    fn check_turn(&self, order: &Order) -> Checked {
        self.check_meeting_book(order)?;
        self.check_funds_of_new(&order.as_new())
    }

    /// Checks 18, 22, 30, 31: what depends on the market, looked at when an order's time has come.
    pub(super) fn check_meeting_book(&self, order: &Order) -> Checked {
        let new = &order.as_new();
        if new.kind != OrderKind::Market {
            self.check_band(new.instrument, new.side, new.price.units())?;
        }
        if may_rest(new.kind, new.time_in_force) {
            self.check_side_capacity(new.instrument, new.side, new.qty.units())?;
        }
        let shares = order.is_unseen() && self.shares_out(new.instrument);
        require(!shares, DenialReason::AllocationNotFifo)?;
        self.check_against_book(new)
    }

    pub(super) fn announce_triggered(&mut self, id: OrderId, trigger: Trigger) {
        let order = self.orders[&id].clone();
        let triggered = OrderTriggered {
            order_id: id,
            list_id: order.list.unwrap_or(ListId(0)),
            price: Price::from_units(order.price),
            qty: Qty::from_units(order.open),
            trigger,
            side: order.side,
            reserved: [0; 6],
        };
        self.emit(order.instrument, order.account, triggered);
    }

    /// The instrument opened: the turn of its held orders comes, those that were held first first.
    pub(super) fn let_go_of_held(&mut self, instrument: InstrumentId) {
        let orders = self.orders.values().filter(|order| order.place == Place::Held);
        let orders = orders.filter(|order| order.instrument == instrument);
        let mut held: Vec<(Option<u64>, Turn)> =
            orders.map(|order| (order.held_since, Turn::Order(order.id))).collect();
        held.extend(self.held_lists(instrument));
        held.sort_by_key(|(since, _)| *since);
        for (_, turn) in held {
            match turn {
                Turn::Order(id) => self.trigger(id),
                Turn::Pending(list) => self.let_go_of_pending(list),
            }
        }
    }
}
