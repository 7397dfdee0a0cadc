//! What waits to be asked: cancels before everything else, nothing twice, and no more than there is room for.

use std::collections::VecDeque;

use tiercel_execution::venue::OrderName;
use tiercel_types::ClientOrderId;

use super::Errand;

/// What waits, at most: so many cancels, and so much else.
pub(super) const ERRANDS_MAX: usize = 1_024;

/// What may be asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) cancels: bool,
    pub(super) questions: bool,
}

/// What waits. See the [module's page](self).
#[derive(Debug, Default)]
pub(super) struct Waiting {
    cancels: VecDeque<OrderName>,
    /// In the order in which it was asked for.
    errands: VecDeque<Errand>,
}

impl Waiting {
    /// Something is to be asked. What is not going to be, because of it: itself where there is no room, or an order that
    /// it cancels before it was entered.
    pub(super) fn put(&mut self, errand: Errand) -> Option<Errand> {
        let is_known = match errand {
            Errand::Cancel(name) => return self.cancel(name),
            Errand::Query { name, .. } => {
                let is_it = |it: &&mut Errand| is_question(it, &name);
                let known = self.errands.iter_mut().find(is_it);
                known.map(|known| *known = errand).is_some()
            }
            Errand::Snapshot(_) => self.errands.contains(&errand),
            // What was asked before is not waited for any more.
            Errand::List { .. } | Errand::Balances { .. } => {
                let known = self.errands.iter_mut().find(|it| asks_the_same(it, &errand));
                known.map(|known| *known = errand).is_some()
            }
            Errand::Place { .. } | Errand::PlaceTogether { .. } => false,
        };
        if is_known {
            return None;
        }
        if self.errands.len() >= ERRANDS_MAX {
            return Some(errand);
        }
        self.errands.push_back(errand);
        None
    }

    fn cancel(&mut self, name: OrderName) -> Option<Errand> {
        let entry = self.errands.iter().position(|errand| enters(errand, &name.client_order_id));
        if let Some(entry) = entry.and_then(|entry| self.errands.remove(entry)) {
            return match entry {
                // What was to make room for it is what is open.
                Errand::Place { at, terms, replaced: Some(replaced) } => {
                    let rest = Errand::Place { at, terms, replaced: None };
                    self.cancel(replaced).or(Some(rest))
                }
                other => Some(other),
            };
        }
        let is_it = |there: &&mut OrderName| there.client_order_id == name.client_order_id;
        if let Some(there) = self.cancels.iter_mut().find(is_it) {
            *there = name;
            return None;
        }
        if self.cancels.len() >= ERRANDS_MAX {
            return Some(Errand::Cancel(name));
        }
        self.cancels.push_back(name);
        None
    }

    /// The next one: a cancel, or else what has waited longest. Orders are not held up by questions that may not be
    /// asked yet.
    pub(super) fn take(&mut self, open: Open) -> Option<Errand> {
        if open.cancels
            && let Some(name) = self.cancels.pop_front()
        {
            return Some(Errand::Cancel(name));
        }
        if open.questions {
            return self.errands.pop_front();
        }
        let entry = self.errands.iter().position(is_entry)?;
        self.errands.remove(entry)
    }

    /// One that was taken cannot be asked yet: it is the first again.
    pub(super) fn put_back(&mut self, errand: Errand) {
        match errand {
            Errand::Cancel(name) => self.cancels.push_front(name),
            other => self.errands.push_front(other),
        }
    }

    pub(super) fn has_cancels(&self) -> bool {
        !self.cancels.is_empty()
    }

    pub(super) fn has_others(&self) -> bool {
        !self.errands.is_empty()
    }
}

fn is_question(errand: &Errand, name: &OrderName) -> bool {
    matches!(errand, Errand::Query { name: there, .. }
        if (there.client_order_id, there.instrument) == (name.client_order_id, name.instrument))
}

/// Whether both ask what is open of an instrument, or what the account has.
fn asks_the_same(one: &Errand, other: &Errand) -> bool {
    match (one, other) {
        (Errand::List { instrument, .. }, Errand::List { instrument: other, .. }) => {
            instrument == other
        }
        (Errand::Balances { .. }, Errand::Balances { .. }) => true,
        _ => false,
    }
}

const fn is_entry(errand: &Errand) -> bool {
    matches!(errand, Errand::Place { .. } | Errand::PlaceTogether { .. })
}

/// Whether it enters an order. The venue cancels all of a list with one.
fn enters(errand: &Errand, order: &ClientOrderId) -> bool {
    match errand {
        Errand::Place { terms, .. } => terms.client_order_id == *order,
        Errand::PlaceTogether { orders, .. } => {
            orders.orders().iter().any(|terms| terms.order.client_order_id == *order)
        }
        Errand::Snapshot(_)
        | Errand::Query { .. }
        | Errand::List { .. }
        | Errand::Balances { .. }
        | Errand::Cancel(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use tiercel_execution::venue::OrderTerms;
    use tiercel_types::{
        InstrumentId, OrderId, OrderKind, Price, Qty, Side, TimeInForce, Timestamp,
    };

    use super::*;

    const ALL: Open = Open { cancels: true, questions: true };

    fn name(text: &str) -> OrderName {
        OrderName {
            client_order_id: ClientOrderId::new(text.as_bytes()).unwrap(),
            order_id: OrderId::NONE,
            instrument: InstrumentId(0),
            side: Side::Buy,
        }
    }

    fn query(text: &str, question: u64) -> Errand {
        Errand::Query { name: name(text), executed_qty: Qty::ZERO, question }
    }

    fn place(text: &str, replaced: Option<&str>) -> Errand {
        let terms = OrderTerms {
            client_order_id: name(text).client_order_id,
            instrument: InstrumentId(0),
            side: Side::Buy,
            kind: OrderKind::Limit,
            time_in_force: TimeInForce::Gtc,
            price: Price::ZERO,
            qty: Qty::ZERO,
        };
        Errand::Place { at: Timestamp(1), terms, replaced: replaced.map(name) }
    }

    fn rest(waiting: &mut Waiting) -> Vec<Errand> {
        std::iter::from_fn(|| waiting.take(ALL)).collect()
    }

    #[test]
    fn cancels_are_first_and_nothing_is_asked_twice() {
        let mut waiting = Waiting::default();
        let snapshot = Errand::Snapshot(InstrumentId(0));
        let cancel = |text| Errand::Cancel(name(text));
        let asked = [query("a", 1), snapshot, query("b", 2), cancel("c"), query("a", 3), snapshot];
        for errand in asked.into_iter().chain([cancel("d"), cancel("c")]) {
            assert_eq!(waiting.put(errand), None);
        }
        let expected = [cancel("c"), cancel("d"), query("a", 3), snapshot, query("b", 2)];
        assert_eq!(rest(&mut waiting), expected);
    }

    #[test]
    fn an_order_that_waits_is_taken_out_by_its_cancel_and_what_it_replaces_is_cancelled() {
        let mut waiting = Waiting::default();
        for errand in [place("a", None), place("b", Some("old")), place("c", None)] {
            assert_eq!(waiting.put(errand), None);
        }
        assert_eq!(waiting.put(Errand::Cancel(name("a"))), Some(place("a", None)));
        assert_eq!(waiting.put(Errand::Cancel(name("b"))), Some(place("b", None)));
        assert_eq!(rest(&mut waiting), [Errand::Cancel(name("old")), place("c", None)]);
    }

    #[test]
    fn what_is_held_up_holds_nothing_else_up() {
        let mut waiting = Waiting::default();
        for errand in [query("a", 1), place("b", None), Errand::Cancel(name("c"))] {
            assert_eq!(waiting.put(errand), None);
        }
        let open = |cancels, questions| Open { cancels, questions };
        assert_eq!(waiting.take(open(false, false)), Some(place("b", None)));
        assert_eq!(waiting.take(open(false, false)), None);
        waiting.put_back(query("d", 2));
        assert_eq!(waiting.take(open(false, true)), Some(query("d", 2)));
        assert_eq!(waiting.take(open(true, false)), Some(Errand::Cancel(name("c"))));
        waiting.put_back(Errand::Cancel(name("c")));
        assert_eq!(rest(&mut waiting), [Errand::Cancel(name("c")), query("a", 1)]);
    }

    #[test]
    fn what_there_is_no_room_for_comes_back() {
        let mut waiting = Waiting::default();
        for number in 0..ERRANDS_MAX {
            assert_eq!(waiting.put(query(&format!("q{number}"), 1)), None);
            assert_eq!(waiting.put(Errand::Cancel(name(&format!("c{number}")))), None);
        }
        for more in [query("more", 1), place("more", None), Errand::Cancel(name("more"))] {
            assert_eq!(waiting.put(more), Some(more));
        }
        assert_eq!(waiting.put(query("q7", 2)), None, "it takes the place of an older one");
    }
}
