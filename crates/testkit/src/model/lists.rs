//! Order lists: staging them, taking them, and how an order's fate is that of the others.

use std::collections::BTreeSet;

use tiercel_types::command::{NewOrder, NewOrderList, OrderTerms, StageCondition, StageLeg};
use tiercel_types::event::{ListAccepted, ListEnded, Staged};
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentId, ListId, OrderId, Side, Trigger,
};

use super::entry::{Entry, require};
use super::steps::Turn;
use super::telling::order_accepted;
use super::{Checked, Mode, Model, Order, Place, may_rest};

/// An order that was handed in, with its condition.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    order: NewOrder,
    terms: OrderTerms,
    condition: Option<StageCondition>,
}

impl Leg {
    fn waits(&self) -> bool {
        self.terms.trigger != Trigger::None
    }
}

/// What was handed in for the next command.
#[derive(Clone, Debug, Default)]
pub(super) struct Staging {
    pub(super) condition: Option<StageCondition>,
    pub(super) legs: Vec<Leg>,
}

/// What an order is in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It has no list.
    Alone,
    /// One of an OCO.
    OneOfPair,
    /// The order that has to be filled first.
    Working,
    /// An order that is entered when the working order is filled.
    Pending,
}

/// The role of the order at a place of a list, from 0.
fn role(kind: ListKind, at: usize) -> Role {
    match (kind, at) {
        (ListKind::Oco, _) => Role::OneOfPair,
        (_, 0) => Role::Working,
        _ => Role::Pending,
    }
}

/// A list of which an order lives.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) id: ListId,
    pub(super) instrument: InstrumentId,
    account: AccountId,
    kind: ListKind,
    pub(super) rule: PendingRule,
    orders: Vec<OrderId>,
    /// What the working order traded.
    pub(super) filled: u64,
    /// The turn of the pending orders came, or will.
    appended: bool,
    /// They were entered.
    pub(super) entered: bool,
    /// One of them traded or was triggered.
    pub(super) met: bool,
    /// Their turn came while their instrument was not open.
    pub(super) held_since: Option<u64>,
}

impl List {
    fn working(&self) -> Option<OrderId> {
        (self.kind != ListKind::Oco).then(|| self.orders[0])
    }

    /// The orders that are no working order: both of an OCO, the pending ones of the others.
    pub(super) fn exits(&self) -> Vec<OrderId> {
        let first = usize::from(self.kind != ListKind::Oco);
        self.orders[first..].to_vec()
    }

    /// The pair that an order belongs to, if it does.
    pub(super) fn pair_of(&self, order: OrderId) -> Option<Vec<OrderId>> {
        let exits = self.exits();
        (exits.len() == 2 && exits.contains(&order)).then_some(exits)
    }
}

/// Taking a list.
impl Model {
    pub(super) fn stage_leg(&mut self, stage: &StageLeg, mut staged: Staging) -> Checked {
        require(staged.legs.len() < 3, DenialReason::TooManyLegs)?;
        let conditional = stage.terms.trigger == Trigger::Condition;
        let condition = staged.condition.take().filter(|_| conditional);
        staged.legs.push(Leg { order: stage.order, terms: stage.terms, condition });
        let legs = staged.legs.len() as u32;
        self.staged = staged;
        let (instrument, account) = (stage.order.instrument, stage.order.account);
        self.emit(instrument, account, Staged { legs, condition: 0 });
        Ok(())
    }

    pub(super) fn new_order_list(&mut self, new: &NewOrderList, staged: Staging) -> Checked {
        let legs = staged.legs;
        Self::check_legs(new, &legs, self.mode)?;
        for (at, leg) in legs.iter().enumerate() {
            if let Err(reason) = self.check_leg(role(new.kind, at), leg) {
                self.denied_leg = at as u8 + 1;
                return Err(reason);
            }
        }
        self.check_open_orders(new.account, legs.len())?;
        self.check_list_funds(new.kind, &legs)?;
        self.take_list(new, &legs);
        Ok(())
    }

    /// Checks 1 to 6.
    fn check_legs(new: &NewOrderList, legs: &[Leg], mode: Mode) -> Checked {
        let rule_fits = new.kind != ListKind::Oco || new.pending_rule == PendingRule::FullFill;
        require(new.reserved == [0; 2] && rule_fits, DenialReason::ReservedFieldSet)?;
        require(legs.len() == new.kind.orders(), DenialReason::LegsMissing)?;
        let (pair, pending) = match new.kind {
            ListKind::Oco => (legs, &[][..]),
            ListKind::Oto => (&[][..], &legs[1..]),
            ListKind::Otoco => (&legs[1..], &legs[1..]),
        };
        let of_list =
            |leg: &Leg| leg.order.instrument == new.instrument && leg.order.account == new.account;
        let one_side = pair.iter().all(|leg| leg.order.side == pair[0].order.side);
        let exits_oppose =
            new.kind != ListKind::Otoco || legs[1].order.side == legs[0].order.side.opposite();
        let may_stand =
            |leg: &Leg| leg.waits() || may_rest(leg.order.kind, leg.order.time_in_force);
        let by_qty = new.pending_rule == PendingRule::FullFill
            || pending.iter().all(|leg| leg.order.quote_qty.is_zero());
        let same_name = |one: &Leg, other: &Leg| match mode {
            Mode::Full => {
                !one.order.client_order_id.is_empty()
                    && one.order.client_order_id == other.order.client_order_id
            }
            Mode::Bare => one.order.order_id == other.order.order_id,
        };
        let names_differ =
            (0..legs.len()).all(|at| legs[..at].iter().all(|before| !same_name(before, &legs[at])));
        let fit = legs.iter().all(of_list)
            && one_side
            && exits_oppose
            && pair.iter().all(may_stand)
            && by_qty
            && names_differ;
        require(fit, DenialReason::LegMismatch)
    }

    /// Check 7.
    fn check_leg(&self, role: Role, leg: &Leg) -> Checked {
        Self::check_not_special(&leg.order, &leg.terms)?;
        if leg.terms == OrderTerms::NONE {
            let entry = if role == Role::Pending { Entry::Pending } else { Entry::InList };
            return self.check_new_order(&leg.order, &leg.terms, entry);
        }
        let staged_for = leg.condition.as_ref().map(|condition| condition.account);
        let fits = staged_for == Some(leg.order.account);
        self.check_waiting(&leg.order, &leg.terms, fits, role)
    }

    /// Check 9.
    fn check_list_funds(&self, kind: ListKind, legs: &[Leg]) -> Checked {
        let reserves = |leg: &Leg| {
            let place = if leg.waits() { Place::Waiting } else { Place::Entering };
            self.reservation(&Order { place, ..self.draft(&leg.order, &leg.terms) })
        };
        let account = legs[0].order.account;
        if kind == ListKind::Oco {
            let (asset, one) = reserves(&legs[0]);
            let (_, other) = reserves(&legs[1]);
            self.check_free(account, (asset, one.max(other)))
        } else if legs[0].waits() {
            let reserved = reserves(&legs[0]);
            self.check_free(account, reserved)
        } else {
            self.check_funds_of_new(&legs[0].order)
        }
    }

    fn take_list(&mut self, new: &NewOrderList, legs: &[Leg]) {
        self.lists_accepted += 1;
        let id = ListId(OrderId::new(self.shard, self.lists_accepted).0);
        let mut orders: Vec<Order> = Vec::new();
        for (at, leg) in legs.iter().enumerate() {
            let mut order = self.draft(&leg.order, &leg.terms);
            order.id = self.next_order_id(&leg.order);
            (order.list, order.condition) = (Some(id), leg.condition);
            if role(new.kind, at) == Role::Working && !leg.waits() {
                order.price = self.limit(&leg.order).unwrap_or(0);
            }
            orders.push(order);
        }
        let ids: Vec<OrderId> = orders.iter().map(|order| order.id).collect();
        let list = List {
            id,
            instrument: new.instrument,
            account: new.account,
            kind: new.kind,
            rule: new.pending_rule,
            orders: ids.clone(),
            filled: 0,
            appended: false,
            entered: new.kind == ListKind::Oco,
            met: false,
            held_since: None,
        };
        let exits = list.exits();
        self.lists.insert(id, list);
        let accepted = ListAccepted {
            list_id: id,
            order_ids: [0, 1, 2].map(|at| ids.get(at).copied().unwrap_or(OrderId::NONE)),
            list_client_order_id: new.list_client_order_id,
            kind: new.kind,
            pending_rule: new.pending_rule,
            reserved: [0; 2],
        };
        self.emit(new.instrument, new.account, accepted);
        for order in orders {
            self.emit(new.instrument, new.account, order_accepted(&order));
            self.admit(&order);
        }
        if new.kind == ListKind::Oco {
            self.make_ready(&exits);
            self.enter_exits(&exits, false);
            return;
        }
        for exit in exits {
            self.begin_to_pend(exit);
        }
        if legs[0].waits() {
            self.begin_to_wait(ids[0]);
        } else {
            self.place(ids[0], Place::Entering);
            self.meet_book(ids[0]);
        }
    }
}

/// What happens to the others.
impl Model {
    /// Of the orders of a side those that an aggressor that takes them all would still find: an
    /// exit that trades ends the others of its list. None of the aggressor's own list is counted.
    pub(super) fn still_there(
        &self,
        instrument: InstrumentId,
        side: Side,
        own_list: Option<ListId>,
    ) -> BTreeSet<OrderId> {
        let mut met: BTreeSet<ListId> = own_list.into_iter().collect();
        let mut there = BTreeSet::new();
        for order in self.orders_best_first(instrument, side) {
            let Some(list) = order.list else {
                there.insert(order.id);
                continue;
            };
            if met.contains(&list) {
                continue;
            }
            there.insert(order.id);
            if self.lists[&list].exits().contains(&order.id) {
                met.insert(list);
            }
        }
        there
    }

    /// Those that live end, in the order of `ids`; not one of which a decrement left nothing open:
    /// it ends by that.
    fn end_with_list(&mut self, list: ListId, ids: &[OrderId]) {
        for id in ids {
            let order = self.member(list, *id);
            if order.is_some_and(|order| order.open > 0 || !order.asked.quote_qty.is_zero()) {
                self.end_alone(*id, EndReason::ListEnded, 0);
            }
        }
    }

    /// An order that lives and belongs to that list: in the bare build another may have the id of
    /// one that did.
    pub(super) fn member(&self, list: ListId, id: OrderId) -> Option<&Order> {
        self.orders.get(&id).filter(|order| order.list == Some(list))
    }

    /// The list of an order, and whether the order is its working order.
    fn list_of(&self, order: &Order) -> Option<(List, bool)> {
        let list = self.lists.get(&order.list?)?;
        Some((list.clone(), list.working() == Some(order.id)))
    }

    /// The pending orders' turn comes, unless it is to come already.
    fn append_pending(&mut self, id: ListId) {
        let list = self.list_mut(id);
        list.appended = true;
        if list.held_since.is_none() && !self.triggered.contains(&Turn::Pending(id)) {
            self.triggered.push_back(Turn::Pending(id));
        }
    }

    /// All that goes with an exit that traded, was triggered or ended: the other exit, then what
    /// is open of the working order.
    fn end_others(&mut self, list: &List, order: OrderId) {
        let others = list.exits().into_iter().chain(list.working());
        let others: Vec<OrderId> = others.filter(|other| *other != order).collect();
        self.end_with_list(list.id, &others);
    }

    /// All that lives of a list ends.
    pub(super) fn end_rest_of(&mut self, list: &List) {
        self.end_with_list(list.id, &list.orders);
        self.end_list_if_over(list);
    }

    /// Says that a list is over, if it is.
    fn end_list_if_over(&mut self, list: &List) {
        let lives = list.orders.iter().any(|&id| self.member(list.id, id).is_some());
        if !lives && self.lists.remove(&list.id).is_some() {
            self.emit(list.instrument, list.account, ListEnded { list_id: list.id });
        }
    }

    /// An order of a list traded `qty`; if it was filled by that, it is gone.
    pub(super) fn list_order_filled(&mut self, order: &Order, qty: u64) {
        let Some((list, is_working)) = self.list_of(order) else { return };
        if is_working {
            self.list_mut(list.id).filled += qty;
            // A quote amount is never open: the first trade counts.
            let by_amount = !order.asked.quote_qty.is_zero();
            let is_filled = (by_amount && !list.appended) || !self.orders.contains_key(&order.id);
            if list.rule == PendingRule::EachFill || is_filled {
                self.append_pending(list.id);
            }
        } else {
            self.list_mut(list.id).met = true;
            self.end_others(&list, order.id);
        }
        self.end_list_if_over(&list);
    }

    /// Self-trade prevention took quantity off an order of a list. It lives still.
    pub(super) fn list_order_decremented(&mut self, order: &Order) {
        let Some((list, is_working)) = self.list_of(order) else { return };
        if !is_working {
            self.list_mut(list.id).met = true;
            self.end_others(&list, order.id);
        }
    }

    /// The turn of an order of a list came, by a trigger of its own.
    pub(super) fn list_order_triggered(&mut self, order: &Order) {
        self.list_order_decremented(order);
    }

    /// An order of a list ended with quantity unfilled.
    pub(super) fn list_order_ended(&mut self, order: &Order) {
        let Some((list, is_working)) = self.list_of(order) else { return };
        if !is_working {
            self.end_others(&list, order.id);
        } else if !list.appended {
            self.end_with_list(list.id, &list.exits());
        }
        self.end_list_if_over(&list);
    }
}

impl Model {
    /// A list of which an order lives.
    pub(super) fn list_mut(&mut self, id: ListId) -> &mut List {
        let found = self.lists.get_mut(&id);
        found.unwrap_or_else(|| panic!("list {id} is to be changed, and none of its orders lives"))
    }
}
