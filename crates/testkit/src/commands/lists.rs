//! Order lists: brackets and pairs, handed in order by order.

use tiercel_types::command::{AdvanceTime, NewOrder, NewOrderList, OrderTerms, StageLeg};
use tiercel_types::order::{ListKind, PendingRule};
use tiercel_types::{
    AccountId, Command, InstrumentSpec, OrderKind, Price, Qty, Side, TimeInForce, Trigger,
};

use super::Generator;

impl Generator {
    /// A list: its first command; the others are planned.
    pub(super) fn order_list(&mut self) -> Command {
        let (listed, account, side) = (self.instrument(), self.account(), self.side());
        let spec = listed.spec;
        let kind =
            *self.random.pick(&[ListKind::Oco, ListKind::Oto, ListKind::Otoco, ListKind::Otoco]);
        let pending_rule = match kind {
            ListKind::Oco => PendingRule::FullFill,
            _ => *self.random.pick(PendingRule::ALL),
        };
        let qty = self.qty(&spec);
        let exits = side.opposite();
        match kind {
            ListKind::Oco => self.plan_pair(&spec, account, exits, qty),
            ListKind::Oto => {
                self.plan_working(&spec, account, side, qty);
                let side = if self.random.one_in(4) { side } else { exits };
                self.plan_single(&spec, account, side, qty);
            }
            ListKind::Otoco => {
                self.plan_working(&spec, account, side, qty);
                self.plan_pair(&spec, account, exits, qty);
            }
        }
        let list_client_order_id = self.client_order_id();
        let list = NewOrderList {
            instrument: spec.instrument,
            account,
            list_client_order_id,
            kind,
            pending_rule,
            reserved: [0; 2],
        };
        self.planned.push_back(list.into());
        self.spoil_plan();
        self.planned.pop_front().unwrap_or(AdvanceTime::default().into())
    }

    /// Now and then an order is missing, one too many, or something comes between.
    fn spoil_plan(&mut self) {
        let at = self.random.below(self.planned.len() as u64) as usize;
        match self.random.below(60) {
            0 => {
                self.planned.remove(at);
            }
            1 | 2 => {
                let again = self.planned[at];
                self.planned.insert(at, again);
                if self.random.one_in(2) {
                    self.planned.insert(at, again);
                }
            }
            3 => self.planned.insert(at, AdvanceTime::default().into()),
            4 => {
                let order = self.new_order();
                self.planned.insert(at, order.into());
            }
            _ => {}
        }
    }

    fn plan_leg(&mut self, mut order: NewOrder, mut terms: OrderTerms) {
        // A list with such an order is denied.
        if self.profile.special > 0 && self.chance(self.profile.special / 8) {
            let spec = self.instrument().spec;
            self.add_special_terms(&spec, &mut order, &mut terms);
        }
        if terms.trigger == Trigger::Condition && !self.random.one_in(40) {
            let condition = self.condition(order.account);
            self.planned.push_back(condition.into());
        }
        self.planned.push_back(StageLeg { order, terms }.into());
    }

    /// The entry: mostly a limit order that is filled at once or in parts, or waits itself.
    fn plan_working(&mut self, spec: &InstrumentSpec, account: AccountId, side: Side, qty: Qty) {
        if self.random.one_in(4) {
            let terms = self.terms(spec, side);
            let order = self.waiting_order(spec, account, side, &terms);
            self.plan_leg(order, terms);
            return;
        }
        let mut order = self.new_order_for(spec, account, side);
        if order.quote_qty.is_zero() {
            order.qty = qty;
            order.display_qty = order.display_qty.min(qty);
        }
        self.plan_leg(order, OrderTerms::NONE);
    }

    /// An order that rests a few ticks in its favour.
    fn resting_exit(
        &mut self,
        spec: &InstrumentSpec,
        account: AccountId,
        side: Side,
        qty: Qty,
    ) -> NewOrder {
        let ticks = self.few_ticks();
        let price = self.ticks_from(spec, if side == Side::Sell { ticks } else { -ticks });
        let mut order = self.new_order_for(spec, account, side);
        (order.kind, order.time_in_force) = (OrderKind::Limit, TimeInForce::Gtc);
        order.expire_time = tiercel_types::Timestamp(0);
        (order.quote_qty, order.qty, order.price) = (Qty::ZERO, qty, price);
        order.display_qty = order.display_qty.min(qty);
        if self.random.one_in(4) {
            order.kind = OrderKind::PostOnly;
        }
        self.make_lasting(&mut order);
        order
    }

    /// An order that waits for a trade against it, or for anything.
    fn waiting_exit(&mut self, spec: &InstrumentSpec, account: AccountId, side: Side, qty: Qty) {
        let terms = if self.random.one_in(2) {
            self.terms_of(spec, side, Trigger::Stop)
        } else {
            self.terms(spec, side)
        };
        let mut order = self.waiting_order(spec, account, side, &terms);
        if self.random.one_in(2) {
            (order.kind, order.price) = (OrderKind::Market, Price::ZERO);
            order.display_qty = Qty::ZERO;
        }
        if order.quote_qty.is_zero() || !self.random.one_in(4) {
            (order.quote_qty, order.qty) = (Qty::ZERO, qty);
            order.display_qty = order.display_qty.min(qty);
        }
        self.plan_leg(order, terms);
    }

    fn plan_pair(&mut self, spec: &InstrumentSpec, account: AccountId, side: Side, qty: Qty) {
        match self.random.below(8) {
            0 => {
                for _ in 0..2 {
                    let order = self.resting_exit(spec, account, side, qty);
                    self.plan_leg(order, OrderTerms::NONE);
                }
            }
            1 | 2 => {
                self.waiting_exit(spec, account, side, qty);
                self.waiting_exit(spec, account, side, qty);
            }
            3 => {
                self.waiting_exit(spec, account, side, qty);
                let order = self.resting_exit(spec, account, side, qty);
                self.plan_leg(order, OrderTerms::NONE);
            }
            _ => {
                let order = self.resting_exit(spec, account, side, qty);
                self.plan_leg(order, OrderTerms::NONE);
                self.waiting_exit(spec, account, side, qty);
            }
        }
    }

    fn plan_single(&mut self, spec: &InstrumentSpec, account: AccountId, side: Side, qty: Qty) {
        match self.random.below(3) {
            0 => self.waiting_exit(spec, account, side, qty),
            1 => {
                let order = self.resting_exit(spec, account, side, qty);
                self.plan_leg(order, OrderTerms::NONE);
            }
            _ => {
                let order = self.new_order_for(spec, account, side);
                self.plan_leg(order, OrderTerms::NONE);
            }
        }
    }
}
