//! What lists make happen, and what is reserved for them.

use tiercel_types::event::{ListAccepted, OrderAmended, OrderEnded};
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{
    AccountId, AssetId, DenialReason, EndReason, Event, EventHeader, InstrumentId, InstrumentState,
    ListId, OrderId, Qty,
};

use super::orders::{Order, Stand};
use super::{Auditor, Verdict, ensure, same};
use crate::model::Mode;

/// A list, as its events told it.
#[derive(Clone, Debug)]
pub(super) struct List {
    instrument: InstrumentId,
    account: AccountId,
    kind: ListKind,
    rule: PendingRule,
    orders: Vec<OrderId>,
    /// Its orders that are not accepted yet.
    announced: Vec<OrderId>,
    /// What the working order traded.
    pub(super) filled: u64,
    /// The order of a pair that traded.
    filled_exit: Option<OrderId>,
}

impl List {
    pub(super) fn working(&self) -> Option<OrderId> {
        (self.kind != ListKind::Oco).then(|| self.orders[0])
    }

    /// Both orders of an OCO; the pending ones of the others.
    pub(super) fn exits(&self) -> &[OrderId] {
        &self.orders[usize::from(self.kind != ListKind::Oco)..]
    }

    pub(super) fn is_exit(&self, id: OrderId) -> bool {
        self.exits().contains(&id)
    }

    pub(super) fn each_fill(&self) -> bool {
        self.rule == PendingRule::EachFill
    }

    /// Those that end with an order that is no working order.
    fn others(&self, id: OrderId) -> Vec<OrderId> {
        let all = self.exits().iter().copied().chain(self.working());
        all.filter(|other| *other != id).collect()
    }
}

/// What has to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// An order ends so; by a mass cancel, if so it says.
    Ends(OrderId, EndReason, bool),
    /// A list is over.
    Over(ListId),
}

/// What is reserved.
impl Auditor {
    /// The orders that reserve together: both of a pair, else one alone.
    pub(super) fn reserving_together(&self, id: OrderId, order: &Order) -> Vec<OrderId> {
        let list = order.list.and_then(|list| self.lists.get(&list));
        match list {
            Some(list) if list.is_exit(id) => list.exits().to_vec(),
            _ => vec![id],
        }
    }

    /// What they have reserved: the larger of two.
    pub(super) fn reserved_by(&self, ids: &[OrderId]) -> (AssetId, i128) {
        let live = ids.iter().filter_map(|id| self.orders.get(id));
        let each = live.filter_map(|order| {
            let spec = &self.books.get(&order.instrument)?.spec;
            let list = order.list.and_then(|list| self.lists.get(&list));
            let from_start = list.is_some_and(|list| list.kind == ListKind::Oco);
            Some(order.reservation(spec, from_start))
        });
        each.max_by_key(|(_, amount)| *amount).unwrap_or((AssetId(0), 0))
    }

    /// Changes or removes an order; what is reserved for it follows.
    pub(super) fn update(&mut self, id: OrderId, change: impl FnOnce(&mut Self)) -> Verdict {
        if self.mode == Mode::Bare {
            change(self);
            return Ok(());
        }
        let order = self.orders.get(&id).ok_or_else(|| format!("no live order {id}"))?.clone();
        let together = self.reserving_together(id, &order);
        let before = self.reserved_by(&together);
        change(self);
        let after = self.reserved_by(&together);
        let asset = if before.1 != 0 { before.0 } else { after.0 };
        self.ledger.reserve(order.account, asset, after.1 - before.1)
    }

    /// A new live order.
    pub(super) fn admit(&mut self, id: OrderId, order: Order) -> Verdict {
        self.orders.insert(id, Order { stand: Stand::Pending, ..order.clone() });
        self.update(id, |auditor| {
            auditor.orders.insert(id, order);
        })
    }
}

/// What lists make happen.
impl Auditor {
    pub(super) fn list_accepted(
        &mut self,
        header: &EventHeader,
        accepted: &ListAccepted,
    ) -> Verdict {
        let id = accepted.list_id;
        ensure!(id > self.last_list_id, "list ids go back from {}", self.last_list_id);
        self.last_list_id = id;
        let (orders, none) = accepted.order_ids.split_at(accepted.kind.orders());
        ensure!(none.iter().all(|id| id.is_none()), "an order too many");
        let list = List {
            instrument: header.instrument,
            account: header.account,
            kind: accepted.kind,
            rule: accepted.pending_rule,
            orders: orders.to_vec(),
            announced: orders.to_vec(),
            filled: 0,
            filled_exit: None,
        };
        self.lists.insert(id, list);
        Ok(())
    }

    /// The list that announced the order that is accepted now. A list's orders come one after the
    /// other.
    pub(super) fn list_announced(&mut self, id: OrderId) -> Result<Option<ListId>, String> {
        let mut announcing = self.lists.iter_mut().filter(|(_, list)| !list.announced.is_empty());
        let Some((list_id, list)) = announcing.next() else { return Ok(None) };
        same("the order of the list", id, list.announced.remove(0))?;
        Ok(Some(*list_id))
    }

    /// An order that lives and is of that list: in the bare build another may have the id of one
    /// that is gone.
    pub(super) fn member(&self, list: ListId, id: OrderId) -> Option<&Order> {
        self.orders.get(&id).filter(|order| order.list == Some(list))
    }

    /// Whether an order of a list lives, and is not about to end.
    fn stays(&self, list: ListId, id: OrderId) -> bool {
        let ends = |due: &Due| matches!(due, Due::Ends(order, ..) if *order == id);
        self.member(list, id).is_some() && !self.due.iter().any(ends)
    }

    fn ends_next(
        &mut self,
        list: ListId,
        ids: &[OrderId],
        reason: EndReason,
        by_mass_cancel: bool,
    ) {
        for id in ids {
            // Self-trade prevention left nothing open: it ends by that.
            let used_up = self
                .orders
                .get(id)
                .is_some_and(|order| order.stand == Stand::Book && order.open == 0);
            if self.stays(list, *id) && !used_up {
                self.due.push_back(Due::Ends(*id, reason, by_mass_cancel));
            }
        }
    }

    fn over_next(&mut self, id: ListId) {
        let Some(list) = self.lists.get(&id) else { return };
        let lives = list.orders.clone().into_iter().any(|order| self.stays(id, order));
        if !lives && !self.due.contains(&Due::Over(id)) {
            self.due.push_back(Due::Over(id));
        }
    }

    /// An event while something is due: it has to be that.
    pub(super) fn take_due(&mut self, header: &EventHeader, event: &Event) -> Verdict {
        let Some(due) = self.due.front().copied() else { return Ok(()) };
        match (due, event) {
            (Due::Ends(id, reason, by_mass_cancel), Event::OrderEnded(ended)) => {
                same("the order that ends", ended.order_id, id)?;
                same("why it ends", ended.reason, reason)?;
                self.mass_cancelled += u64::from(by_mass_cancel);
                self.order_ended(header, ended)?;
                self.due.pop_front();
                Ok(())
            }
            (Due::Over(id), Event::ListEnded(ended)) => {
                same("the list", ended.list_id, id)?;
                let Some(list) = self.lists.remove(&id) else { return Err("it is over".into()) };
                same("its instrument", header.instrument, list.instrument)?;
                same("its account", header.account, list.account)?;
                self.due.pop_front();
                Ok(())
            }
            _ => Err(format!("{due:?} has to come first")),
        }
    }

    pub(super) fn list_order_traded(&mut self, id: OrderId, order: &Order, qty: u64) -> Verdict {
        let Some(list_id) = order.list else { return Ok(()) };
        // The other order of the trade may be of the same list, which is over then.
        let Some(list) = self.lists.get_mut(&list_id) else { return Ok(()) };
        if list.working() == Some(id) {
            list.filled += qty;
        } else {
            let first = *list.filled_exit.get_or_insert(id);
            same("the order of the pair that trades", id, first)?;
            let others = list.others(id);
            self.ends_next(list_id, &others, EndReason::ListEnded, false);
        }
        self.over_next(list_id);
        Ok(())
    }

    pub(super) fn list_order_decremented(&mut self, id: OrderId, order: &Order) {
        let Some(list_id) = order.list else { return };
        let list = self.lists.get(&list_id);
        if let Some(list) = list.filter(|list| list.is_exit(id)) {
            let others = list.others(id);
            self.ends_next(list_id, &others, EndReason::ListEnded, false);
        }
    }

    pub(super) fn list_order_ended(
        &mut self,
        id: OrderId,
        order: &Order,
        ended: &OrderEnded,
    ) -> Verdict {
        let Some(list_id) = order.list else { return Ok(()) };
        let Some(list) = self.lists.get_mut(&list_id) else {
            return Err(format!("list {list_id} was over"));
        };
        let due = self.due.iter().any(|due| matches!(due, Due::Ends(each, ..) if *each == id));
        if due {
            return Ok(());
        }
        let by_mass_cancel = matches!(
            ended.reason,
            EndReason::MassCancelled
                | EndReason::KillSwitch
                | EndReason::Countdown
                | EndReason::Disconnected
        );
        if ended.reason == EndReason::ListEnded {
            // Nothing made it end but an order that is triggered next.
            self.owing.insert(list_id);
        } else if list.is_exit(id) {
            let (exits, others) = (list.exits().to_vec(), list.others(id));
            let unfunded = DenialReason::InsufficientFunds as u16;
            if order.stand == Stand::Pending && ended.denial == unfunded {
                self.ends_next(list_id, &exits, EndReason::Rejected, false);
            }
            self.ends_next(list_id, &others, EndReason::ListEnded, by_mass_cancel);
            self.owing.remove(&list_id);
        } else {
            let by_amount = order.amount_left.is_some();
            let entered = list.filled > 0 && (list.each_fill() || by_amount);
            let exits = list.exits().to_vec();
            if !entered {
                self.ends_next(list_id, &exits, EndReason::ListEnded, by_mass_cancel);
            }
        }
        self.over_next(list_id);
        Ok(())
    }

    /// How much a pending order is entered for at this moment, or was: of `EACH_FILL` what is filled.
    pub(super) fn list_part(&self, order: &Order) -> u64 {
        let list = order.list.and_then(|list| self.lists.get(&list));
        match list {
            Some(list) if order.stand == Stand::Pending && list.each_fill() && list.filled > 0 => {
                order.taken_qty.min(list.filled)
            }
            _ => order.open,
        }
    }

    /// Whether an order says the right quantity of itself. One whose trigger was met when it was
    /// entered says nothing until its turn, and what is filled may have grown since.
    pub(super) fn quantity_fits(&self, order: &Order, said: Qty) -> bool {
        let part = self.list_part(order);
        let list = order.list.and_then(|list| self.lists.get(&list));
        let in_parts = list.is_some_and(|list| list.each_fill() && list.filled > 0);
        let grows_unseen = order.stand == Stand::Pending && in_parts;
        let told = Order { open: part, ..order.clone() }.told_open();
        // Until their turn, which may be held, they are what they were.
        let book = self.books.get(&order.instrument);
        let open = book.is_some_and(|book| book.spec.state == InstrumentState::Open);
        let as_before = grows_unseen && !open && said == order.told_open();
        said == told || as_before || (grows_unseen && !said.is_zero() && said < told)
    }

    /// An order of a list is amended only by growing with the working order's fills.
    pub(super) fn check_growth(&self, old: &Order, amended: &OrderAmended) -> Verdict {
        let Some(list) = old.list.and_then(|list| self.lists.get(&list)) else { return Ok(()) };
        let grown = old.taken_qty.min(list.filled);
        let grows = list.each_fill() && !old.touched && grown > old.open;
        ensure!(grows, "an order of a list is amended");
        same("what it grows to", amended.open_qty.units(), grown)?;
        same("the price", amended.price.units(), old.price)?;
        let told = (amended.priority_kept, amended.resting);
        same("priority kept, and resting", told, (0, 1))
    }

    /// After a command: no order outlives what should have ended or entered it.
    pub(super) fn check_lists(&self) -> Verdict {
        if let Some(due) = self.due.front() {
            return Err(format!("{due:?} did not come"));
        }
        if let Some(list) = self.owing.first() {
            return Err(format!("an order of list {list} ended, and none was triggered"));
        }
        for (id, list) in &self.lists {
            ensure!(list.announced.is_empty(), "list {id} has orders that were not taken");
            let live = |order: &OrderId| self.member(*id, *order);
            let exits: Vec<&Order> = list.exits().iter().filter_map(live).collect();
            let met = exits.iter().any(|order| order.triggered || order.touched);
            let works = list.working().is_some_and(|order| self.member(*id, order).is_some());
            ensure!(works || !exits.is_empty(), "list {id} lives without orders");
            let one_left = list.exits().len() == 2 && exits.len() == 1;
            // Its trigger was met when the pair was entered, and its turn is still to come.
            let held = exits.iter().any(|order| order.stand == Stand::Held);
            ensure!(!one_left || met || held, "an order of list {id} outlives its pair");
            ensure!(!met || (exits.len() == 1 && !works), "orders of list {id} outlive a fill");
            let pending = exits.iter().any(|order| order.stand == Stand::Pending);
            let entered = !works || (list.each_fill() && list.filled > 0);
            let oco = list.kind == ListKind::Oco;
            let waits = !entered && !oco && !exits.is_empty();
            // Their turn is held, silently, until the instrument opens.
            let state = self.books.get(&list.instrument).map(|book| book.spec.state);
            let held = pending && entered && state != Some(InstrumentState::Open);
            same("whether orders wait for their list", pending, waits || held)?;
        }
        Ok(())
    }
}
