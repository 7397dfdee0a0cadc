//! Orders that wait for a trade, and lists of orders.
//!
//! ```text
//!   OCO     limit --- stop              at most one of a pair trades: the one that is worth more counts,
//!   OTO     working --> pending         until it is known which of them it is
//!   OTOCO   working --> limit --- stop
//! ```
//!
//! All orders of a list leave, or none does. What is pending counts from the beginning as if it were in the book. Which
//! of a pair counts:
//!
//! | what is known | counts |
//! |---|---|
//! | neither has traded, both may | the one that is worth more; both have the same quantity |
//! | one has traded | that one: the other has ended, whether it was told or not |
//! | one has ended, and nothing of it has traded | the other: it may have ended because the other trades |

use tiercel_types::order::ListKind;
use tiercel_types::{OrderKind, Price, Qty, Side, TimeInForce, Timestamp};

use super::entry::{denied, intent};
use super::slot::{At, Before, Entry};
use super::{NewOrder, Oms, Outputs};
use crate::order::{Input, OwnOrder};
use crate::risk::{Denial, Intent, Together};
use crate::venue::{AdvancedTerms, LIST_ORDERS_MAX, ListPlace, OrderTerms, VenueId, VenueRequest};

/// An order that may wait for a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvancedOrder {
    /// The order; when it waits, as it is entered then.
    pub order: NewOrder,
    /// A buy waits for a trade at or above it, a sell for one at or below it. Zero: it does not wait.
    pub trigger_price: Price,
}

impl AdvancedOrder {
    const fn waits(&self) -> bool {
        !self.trigger_price.is_zero()
    }

    /// Whether a venue has such an order, alone or in a list: what waits is a limit order.
    const fn is_possible(&self) -> bool {
        match self.order.kind {
            OrderKind::Limit => true,
            OrderKind::PostOnly => !self.waits(),
            OrderKind::Market | OrderKind::MarketToLimit => false,
        }
    }
}

/// Two orders of which at most one trades: a stop on the one side of the market, a post-only order that stays on the
/// other. Both are of the same quantity.
fn is_pair(one: &AdvancedOrder, other: &AdvancedOrder) -> bool {
    let (stop, limit) = if one.waits() { (one, other) } else { (other, one) };
    let (at, trigger) = (limit.order.price, stop.trigger_price);
    let lies_beyond = match limit.order.side {
        Side::Sell => at > trigger,
        Side::Buy => at < trigger,
    };
    stop.waits()
        && !limit.waits()
        && limit.order.kind == OrderKind::PostOnly
        && limit.order.time_in_force == TimeInForce::Gtc
        && (stop.order.side, stop.order.qty) == (limit.order.side, limit.order.qty)
        && lies_beyond
}

/// Whether orders make a list of a kind; of none: whether it is one that waits.
fn make_a_list(kind: Option<ListKind>, orders: &[AdvancedOrder]) -> bool {
    let of_one = orders.windows(2).all(|two| two[0].order.instrument == two[1].order.instrument);
    let fit = match (kind, orders) {
        (None, [order]) => order.waits(),
        (Some(ListKind::Oco), [one, other]) => is_pair(one, other),
        (Some(ListKind::Oto), [working, _]) => !working.waits(),
        (Some(ListKind::Otoco), [working, one, other]) => {
            !working.waits() && is_pair(one, other) && one.order.side != working.order.side
        }
        _ => false,
    };
    of_one && fit && orders.iter().all(AdvancedOrder::is_possible)
}

/// One that fills the places behind a list's orders.
const NOTHING: Together = Together {
    intent: Intent {
        instrument: tiercel_types::InstrumentId::ALL,
        side: Side::Buy,
        price: Price::ZERO,
        qty: Qty::ZERO,
        waits: true,
    },
    reference: None,
    is_covered: true,
};

impl Oms {
    /// Enters an order that waits for a trade, if it may leave.
    pub fn submit_waiting(&mut self, now: Timestamp, order: &AdvancedOrder, out: &mut Outputs) {
        self.submit_together(now, None, std::slice::from_ref(order), out);
    }

    /// Enters the orders of a list, the working one first, if all of them may leave. If not, each is denied for what one
    /// of them is denied for.
    pub fn submit_list(
        &mut self,
        now: Timestamp,
        kind: ListKind,
        orders: &[AdvancedOrder],
        out: &mut Outputs,
    ) {
        self.submit_together(now, Some(kind), orders, out);
    }

    #[cold]
    fn submit_together(
        &mut self,
        now: Timestamp,
        kind: Option<ListKind>,
        orders: &[AdvancedOrder],
        out: &mut Outputs,
    ) {
        if let Err(denial) = self.enter_together(now, kind, orders, out) {
            self.deny(orders, denial, out);
        }
    }

    /// Tells of orders that none of them leaves.
    #[cold]
    pub fn deny(&self, orders: &[AdvancedOrder], denial: Denial, out: &mut Outputs) {
        for AdvancedOrder { order, .. } in orders {
            let open_qty = self.slots.open_qty(order.tag, order.side);
            out.updates.push(denied(order, denial, open_qty));
        }
    }

    fn enter_together(
        &mut self,
        now: Timestamp,
        kind: Option<ListKind>,
        orders: &[AdvancedOrder],
        out: &mut Outputs,
    ) -> Result<(), Denial> {
        if orders.len() > LIST_ORDERS_MAX || !make_a_list(kind, orders) {
            return Err(Denial::Terms);
        }
        let first = orders.first().ok_or(Denial::Terms)?.order;
        let mut venue = VenueId::default();
        for (at, AdvancedOrder { order, .. }) in orders.iter().enumerate() {
            venue = self.venue_of(now, order)?;
            if orders.iter().take(at).any(|before| before.order.tag == order.tag) {
                return Err(Denial::Tag);
            }
        }
        if !self.slots.has_room(orders.len()) {
            return Err(Denial::Room);
        }
        let number = self.lists.wrapping_add(1).max(1);
        let place = |at: usize| kind.map(|kind| ListPlace { number, kind, at: at as u8 });
        let mut together = [NOTHING; LIST_ORDERS_MAX];
        for (at, order) in orders.iter().enumerate() {
            together[at] = as_together(order, place(at), &first, orders);
        }
        self.gate.admit_together(now, &together[..orders.len()])?;
        self.lists = number;
        self.leaves(now, venue);
        for (at, order) in orders.iter().enumerate() {
            let terms = self.put_advanced(now, venue, order, place(at), &together[at])?;
            out.requests.push((venue, VenueRequest::NewAdvanced(terms)));
        }
        Ok(())
    }

    /// Puts one in that was admitted.
    ///
    /// # Errors
    /// [`Denial::Room`], which was looked at before.
    fn put_advanced(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        order: &AdvancedOrder,
        list: Option<ListPlace>,
        together: &Together,
    ) -> Result<AdvancedTerms, Denial> {
        let AdvancedOrder { order, trigger_price } = *order;
        let NewOrder { tag, instrument, side, kind, time_in_force, price, qty } = order;
        let client_order_id = self.run.name(self.slots.next_number().ok_or(Denial::Room)?);
        let own = OwnOrder::new(client_order_id, instrument, side, price, qty).advanced();
        let entry = Entry::first((tag, venue), (kind, time_in_force), now);
        let at = self.slots.put(own, entry).ok_or(Denial::Room)?;
        let slot = self.slots.get_mut(at);
        slot.waits = together.intent.waits;
        slot.is_covered = together.is_covered;
        slot.pair = list.filter(|list| list.is_of_pair()).map_or(0, |list| list.number);
        self.wait(at, now);
        let order =
            OrderTerms { client_order_id, instrument, side, kind, time_in_force, price, qty };
        Ok(AdvancedTerms { order, trigger_price, list })
    }

    /// Which of a pair counts, now that one of them has moved on: what that one counted as before.
    #[cold]
    pub(super) fn weigh(&mut self, at: At, before: Before, input: &Input) -> Before {
        let slot = self.slots.get(at);
        let has_traded = !slot.order.executed_qty().is_zero();
        let has_ended = slot.order.state().has_ended();
        let other = self.slots.other_of_pair(at);
        match *input {
            Input::Filled { qty, .. } if slot.is_covered => {
                // The other cannot trade any more.
                let rest =
                    slot.order.qty().units().saturating_sub(slot.order.executed_qty().units());
                let open_qty = Qty::from_units(rest.saturating_add(qty.units()));
                let counted = Intent { qty: open_qty, ..before.intent };
                self.slots.get_mut(at).is_covered = false;
                self.recount_as(&before.intent, &counted);
                if let Some(other) = other
                    && self.slots.get(other).order.executed_qty().is_zero()
                {
                    self.set_covered(other, true);
                }
                Before { intent: counted, ..before }
            }
            _ => {
                if let Some(other) = other
                    && has_ended
                    && !has_traded
                {
                    self.set_covered(other, false);
                }
                before
            }
        }
    }

    fn set_covered(&mut self, at: At, is_covered: bool) {
        let slot = self.slots.get_mut(at);
        let was = slot.intent();
        slot.is_covered = is_covered;
        let is = slot.intent();
        self.recount_as(&was, &is);
    }

    fn recount_as(&mut self, was: &Intent, is: &Intent) {
        self.gate.count(is);
        self.gate.ended(was, was.qty);
    }
}

/// As the gate is asked.
fn as_together(
    order: &AdvancedOrder,
    place: Option<ListPlace>,
    first: &NewOrder,
    orders: &[AdvancedOrder],
) -> Together {
    let is_pending = place.is_some_and(ListPlace::is_pending);
    // Of two that are worth the same the first counts.
    let pair = &orders[orders.len().saturating_sub(2)..];
    let counts =
        pair.iter().max_by_key(|other| (other.order.price, other.order.tag == pair[0].order.tag));
    let is_covered = place.is_some_and(ListPlace::is_of_pair)
        && counts.is_some_and(|counts| counts.order.tag != order.order.tag);
    let reference =
        if order.waits() { Some(order.trigger_price) } else { is_pending.then_some(first.price) };
    let waits = order.waits() || is_pending;
    Together { intent: Intent { waits, ..intent(&order.order) }, reference, is_covered }
}
