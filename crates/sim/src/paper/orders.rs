//! Our orders at the paper venue, and those that ended a while ago.

use std::collections::VecDeque;

use tiercel_execution::order::Found;
use tiercel_execution::venue::{OrderName, OrderTerms};
use tiercel_types::{ClientOrderId, InstrumentId, OrderId, Price, Side};

/// Orders that have ended and can be asked for.
const ENDED_KEPT: usize = 1_024;

/// One of our orders. Quantities are in units of 10^-8.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) terms: OrderTerms,
    pub(super) order_id: OrderId,
    pub(super) price: Price,
    pub(super) qty: u64,
    pub(super) executed: u64,
    pub(super) stands: Found,
    /// The price of the trade that it waits for; zero: for none.
    pub(super) trigger_price: Price,
}

#[derive(Clone, Debug)]
pub(super) struct Orders {
    live: Vec<Own>,
    ended: VecDeque<Own>,
}

impl Orders {
    pub(super) fn new(live: usize) -> Self {
        Self { live: Vec::with_capacity(live), ended: VecDeque::with_capacity(ENDED_KEPT + 1) }
    }

    pub(super) fn enter(&mut self, own: Own) {
        self.live.push(own);
    }

    pub(super) fn live(&self) -> &[Own] {
        &self.live
    }

    /// Whether there are any that a trade may set off.
    pub(super) fn wait(&self) -> bool {
        self.live.iter().any(|own| !own.trigger_price.is_zero())
    }

    /// Whether a trade at a price of an instrument sets one off, if its time has come.
    pub(super) fn are_set_off(&self, instrument: InstrumentId, price: Price) -> bool {
        self.live.iter().any(|own| {
            let Own { terms, trigger_price, .. } = own;
            terms.instrument == instrument && is_met(terms.side, *trigger_price, price)
        })
    }

    pub(super) fn by_id(&mut self, order_id: OrderId) -> Option<&mut Own> {
        self.live.iter_mut().find(|own| own.order_id == order_id)
    }

    /// A live order, by the venue's number or by ours.
    pub(super) fn named(&self, name: &OrderName) -> Option<&Own> {
        self.live.iter().find(|own| is_named(own, name.order_id, &name.client_order_id))
    }

    pub(super) fn is_live(&self, name: &ClientOrderId) -> bool {
        self.live.iter().any(|own| own.terms.client_order_id == *name)
    }

    /// An order as it is or was; the newest first.
    pub(super) fn known(&self, name: &OrderName) -> Option<&Own> {
        let mut all = self.live.iter().chain(self.ended.iter().rev());
        all.find(|own| is_named(own, name.order_id, &name.client_order_id))
    }

    /// An order has ended.
    pub(super) fn end(&mut self, order_id: OrderId, stands: Found) {
        let Some(at) = self.live.iter().position(|own| own.order_id == order_id) else { return };
        let own = self.live.swap_remove(at);
        if self.ended.len() == ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(Own { stands, ..own });
    }

    /// An order was refused: the venue has never had it.
    pub(super) fn refuse(&mut self, order_id: OrderId) {
        self.live.retain(|own| own.order_id != order_id);
    }
}

/// Whether a trade sets off what waits for a trigger price; zero: it waits for none.
pub(super) fn is_met(side: Side, trigger_price: Price, trade: Price) -> bool {
    !trigger_price.is_zero()
        && !trade.is_zero()
        && match side {
            Side::Buy => trade >= trigger_price,
            Side::Sell => trade <= trigger_price,
        }
}

fn is_named(own: &Own, order_id: OrderId, name: &ClientOrderId) -> bool {
    if order_id.is_none() { own.terms.client_order_id == *name } else { own.order_id == order_id }
}
