//! Our orders that wait for a trade, and our lists.
//!
//! What sets an order off are trades as the live feed tells them, and ours. In the paper book they may look different: of a
//! trade that the live book had told before, nothing is left there to trade. So each is printed in an instrument of its
//! own, where nothing else is, and orders wait for its last price.

use tiercel_book::l2::L2Book;
use tiercel_execution::order::{Found, Input};
use tiercel_execution::venue::{AdvancedTerms, LIST_ORDERS_MAX, ListPlace, OrderTerms};
use tiercel_types::command::{
    self, CONDITION_LEAVES_MAX, ConditionLeaf, NewAdvancedOrder, NewOrder, NewOrderList,
    StageCondition, StageLeg,
};
use tiercel_types::order::{Comparison, ConditionField, PendingRule, Trigger};
use tiercel_types::{
    ClientOrderId, InstrumentId, OrderId, OrderKind, Price, SelfTradePrevention, Side, TimeInForce,
};

use super::orders::{Own, is_met};
use super::{MARKET, OURS, PaperVenue, number};

impl PaperVenue {
    /// The engine's number of the instrument in which the trades of one are printed.
    pub(super) const fn prints(&self, at: usize) -> InstrumentId {
        InstrumentId((self.markets.len() + at) as u32 + 1)
    }

    /// Somebody has traded: what waits for that is entered; then what waits for what that trades.
    pub(super) fn print(&mut self, at: usize, price: Price) {
        let mut next = Some(price);
        while let Some(price) = next {
            let Some(market) = self.markets.get_mut(at) else { return };
            market.last = price;
            // Each round but the first is one of an order of ours that was set off.
            next = None;
            if self.own.wait() {
                self.traded = None;
                self.print_once(at, price);
                next = self.traded.take();
            }
        }
    }

    /// Two orders of the market that trade where nothing else is.
    fn print_once(&mut self, at: usize, price: Price) {
        let lot = self.markets[at].terms.lot;
        let instrument = self.prints(at);
        for (side, time_in_force) in [(Side::Sell, TimeInForce::Gtc), (Side::Buy, TimeInForce::Ioc)]
        {
            let order_id = self.new_id();
            let order = NewOrder::limit(instrument, MARKET, side, price, lot);
            self.run(at, NewOrder { order_id, time_in_force, ..order }.into());
        }
    }

    /// An order that waits is entered; of a list all at once, when the last is there.
    pub(super) fn enter_advanced(&mut self, terms: &AdvancedTerms, book: Option<&L2Book>) {
        let mut gathered = self.gathered;
        if let Some(orders) = gathered.take(terms)
            && !self.enter_together(orders, book)
        {
            for AdvancedTerms { order, .. } in orders {
                self.refuse(order.instrument, order.client_order_id, Input::Rejected);
            }
        }
        self.gathered = gathered;
    }

    /// Whether the venue has taken orders that are entered together.
    fn enter_together(&mut self, orders: &[AdvancedTerms], book: Option<&L2Book>) -> bool {
        let Some(first) = orders.first() else { return true };
        let at = first.order.instrument.0 as usize;
        if !orders.iter().all(|order| self.is_possible(at, order)) {
            return false;
        }
        // What is pending looks at the trade of its working order, if that trades at once.
        let last = self.would_trade_at(at, first).unwrap_or(self.markets[at].last);
        if !last.is_zero() {
            self.print_once(at, last);
        }
        let mut was_denied = false;
        let mut ids = [OrderId::NONE; LIST_ORDERS_MAX];
        for (order, id) in orders.iter().zip(&mut ids) {
            let AdvancedTerms { order: terms, trigger_price, list } = order;
            if trigger_price.is_zero() {
                self.seed(at, terms.side, terms.price, book);
            }
            let own = self.own_of(terms, *trigger_price);
            *id = own.order_id;
            if !trigger_price.is_zero() {
                self.run(at, self.condition(at, order).into());
                was_denied |= self.was_denied;
            }
            let command = match list {
                Some(_) => StageLeg { order: own, terms: waits_if(order) }.into(),
                None => NewAdvancedOrder { order: own, terms: waits_if(order) }.into(),
            };
            self.run(at, command);
            was_denied |= self.was_denied;
        }
        if let Some(list) = first.list {
            let command = NewOrderList {
                instrument: number(at),
                account: OURS,
                list_client_order_id: ClientOrderId::EMPTY,
                kind: list.kind,
                pending_rule: PendingRule::FullFill,
                reserved: [0; 2],
            };
            self.run(at, command.into());
            was_denied |= self.was_denied;
        }
        if was_denied {
            for id in ids {
                self.own.refuse(id);
            }
        }
        self.tidy(at);
        !was_denied
    }

    /// At which price an order would trade at once, if it does.
    fn would_trade_at(&self, at: usize, order: &AdvancedTerms) -> Option<Price> {
        let AdvancedTerms { order: terms, trigger_price, .. } = order;
        let best = self.engine.best(number(at), terms.side.opposite())?.price;
        let crosses = match terms.side {
            Side::Buy => terms.price >= best,
            Side::Sell => terms.price <= best,
        };
        (crosses && trigger_price.is_zero() && terms.kind == OrderKind::Limit).then_some(best)
    }

    /// Whether the venue has such an order, and what it waits for is not there already: of one that is pending that is
    /// looked at when its time comes.
    fn is_possible(&self, at: usize, order: &AdvancedTerms) -> bool {
        let AdvancedTerms { order: OrderTerms { side, kind, price, qty, .. }, .. } = *order;
        let Some(market) = self.markets.get(at) else { return false };
        let trigger = order.trigger_price;
        let is_pending = order.list.is_some_and(ListPlace::is_pending);
        market.takes(kind, price, qty)
            && !self.own.is_live(&order.order.client_order_id)
            && (trigger.is_zero() || market.has_price(trigger))
            && (is_pending || !is_met(side, trigger, market.last))
    }

    /// One of our orders, as the engine has it, which is known from now on.
    fn own_of(&mut self, terms: &OrderTerms, trigger_price: Price) -> NewOrder {
        let OrderTerms { instrument, side, kind, price, qty, time_in_force, .. } = *terms;
        let order_id = self.new_id();
        self.own.enter(Own {
            terms: *terms,
            order_id,
            price,
            qty: qty.units(),
            executed: 0,
            stands: Found::Working,
            trigger_price,
        });
        NewOrder {
            order_id,
            kind,
            time_in_force,
            self_trade_prevention: SelfTradePrevention::ExpireTaker,
            ..NewOrder::limit(number(instrument.0 as usize), OURS, side, price, qty)
        }
    }

    /// That the last trade was at the order's trigger price or beyond.
    fn condition(&self, at: usize, order: &AdvancedTerms) -> StageCondition {
        let comparison = match order.order.side {
            Side::Buy => Comparison::AtLeast,
            Side::Sell => Comparison::AtMost,
        };
        let mut leaves = [ConditionLeaf::NONE; CONDITION_LEAVES_MAX];
        leaves[0] = ConditionLeaf {
            value: order.trigger_price.units(),
            instrument: self.prints(at),
            field: ConditionField::Last,
            comparison,
            reserved: [0; 2],
        };
        let mut program = [command::CONDITION_END; 2 * CONDITION_LEAVES_MAX];
        program[0] = 1;
        StageCondition { leaves, program, account: OURS, reserved: [0; 4] }
    }
}

const fn waits_if(order: &AdvancedTerms) -> command::OrderTerms {
    let trigger = if order.trigger_price.is_zero() { Trigger::None } else { Trigger::Condition };
    command::OrderTerms { trigger, ..command::OrderTerms::NONE }
}
