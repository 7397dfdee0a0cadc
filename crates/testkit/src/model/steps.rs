//! Steps: what a command sets off, one turn after the other.

use tiercel_types::{ListId, OrderId, Trigger};

use super::{Model, Order, Place};

/// Whose turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Of an order that was triggered.
    Order(OrderId),
    /// Of a list's pending orders: they are entered, or grow.
    Pending(ListId),
}

impl Model {
    /// What the command's first step set off, in rounds, until nothing more is.
    pub(super) fn run_triggered(&mut self) {
        loop {
            self.end_step();
            self.begin_step();
            // A crossing comes before whatever is queued.
            if let Some(crossing) = self.next_crossing() {
                self.cross(&crossing);
                continue;
            }
            match self.triggered.pop_front() {
                Some(Turn::Order(id)) => self.enter_triggered(id),
                Some(Turn::Pending(list)) => self.pending_turn(list),
                None => return,
            }
        }
    }

    /// What became true by a step is appended to those whose turn comes.
    fn end_step(&mut self) {
        if let Some((instrument, first, last)) = self.prints.take() {
            self.print(instrument, first);
            if last != first {
                self.print(instrument, last);
            }
        }
        let conditional = |order: &&Order| {
            order.place == Place::Waiting && order.terms.trigger == Trigger::Condition
        };
        let waiting = self.orders.values().filter(conditional);
        let fired = waiting.filter(|order| self.condition_is_true(order));
        let mut fired: Vec<(Option<u64>, OrderId)> =
            fired.map(|order| (order.waiting_since, order.id)).collect();
        fired.sort_unstable();
        for (_, id) in fired {
            self.trigger(id);
        }
    }
}
