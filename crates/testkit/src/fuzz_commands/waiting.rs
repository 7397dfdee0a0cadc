//! Orders with terms, conditions and lists.

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, NewOrderList,
    OrderTerms, StageCondition, StageLeg,
};
use tiercel_types::order::{Comparison, ConditionField, ListKind, Peg, PendingRule, Trigger};
use tiercel_types::{ClientOrderId, Command, Price};

use super::reader::Reader;
use super::venue::TICK_UNITS;

impl Reader<'_> {
    pub(super) fn order_terms(&mut self) -> OrderTerms {
        let mut terms = OrderTerms::NONE;
        terms.trigger = self.pick(Trigger::ALL);
        match terms.trigger {
            Trigger::Stop | Trigger::TakeProfit => terms.trigger_price = self.price(),
            Trigger::TrailingStop => {
                let byte = self.byte();
                if byte & 1 == 0 {
                    terms.trailing_bps = u32::from(byte) * 40;
                } else {
                    terms.trailing_amount = Price::from_units(i64::from(byte >> 4) * TICK_UNITS);
                }
                if byte & 2 != 0 {
                    terms.activation_price = self.price();
                }
            }
            Trigger::None | Trigger::Condition => {}
        }
        // Now and then a term that does not belong there.
        match self.byte() {
            0 => terms.trigger_price = self.price(),
            1 => terms.trailing_bps = 7,
            2 => terms.reserved[0] = 1,
            3..=99 => self.special_terms(&mut terms),
            _ => {}
        }
        terms
    }

    /// One byte says which special terms there are: mostly one, and mostly nothing to wait for.
    fn special_terms(&mut self, terms: &mut OrderTerms) {
        let byte = self.byte();
        if byte & 3 != 0 {
            *terms = OrderTerms::NONE;
        }
        match byte >> 2 & 15 {
            0..=3 => terms.hidden = 1,
            4..=6 => terms.all_or_none = 1,
            7 | 8 => terms.min_qty = self.qty(),
            9..=11 => terms.imbalance_only = 1,
            _ => {
                terms.peg = self.pick(Peg::ALL);
                terms.peg_offset = match self.byte() {
                    255 => self.price(),
                    byte => Price::from_units(i64::from(byte % 4) * TICK_UNITS),
                };
            }
        }
        // Now and then a second one.
        match byte >> 6 {
            3 if byte & 3 == 3 => terms.min_qty = self.qty(),
            3 if byte & 3 == 2 => terms.hidden = 1 + self.byte() % 2,
            2 if byte & 3 == 3 => terms.reserved_too[0] = self.byte() % 2,
            _ => {}
        }
    }

    pub(super) fn stage_condition(&mut self) -> StageCondition {
        let mut condition = StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account: self.last_account,
            reserved: [0; 4],
        };
        let leaves = usize::from(self.byte() % 4) + 1;
        let mut codes = 0;
        for at in 0..leaves {
            condition.leaves[at] = ConditionLeaf {
                value: self.price().units(),
                instrument: self.instrument(),
                field: self.pick(ConditionField::ALL),
                comparison: self.pick(Comparison::ALL),
                reserved: [0; 2],
            };
            condition.program[codes] = at as u8 + 1;
            codes += 1;
            if at > 0 {
                condition.program[codes] = self.pick(&[CONDITION_AND, CONDITION_OR]);
                codes += 1;
            }
        }
        if self.byte() == 0 {
            condition.program[codes] = self.byte();
        }
        condition
    }

    /// A list with its orders right before it; most of them go together.
    pub(super) fn new_order_list(&mut self, now: u64) -> Command {
        let kind = self.pick(ListKind::ALL);
        let pending_rule = match kind {
            ListKind::Oco => PendingRule::FullFill,
            _ => self.pick(PendingRule::ALL),
        };
        let first = self.new_order(now);
        let legs = kind.orders() + usize::from(self.byte() == 0);
        let mut commands = Vec::new();
        for at in 0..legs {
            let mut order = if at == 0 { first } else { self.new_order(now) };
            let terms = self.order_terms();
            if self.byte() != 0 {
                (order.instrument, order.account) = (first.instrument, first.account);
                let opposite = kind == ListKind::Otoco && at > 0;
                order.side = if opposite { first.side.opposite() } else { first.side };
            }
            if terms.trigger == Trigger::Condition {
                let account = order.account;
                commands.push(StageCondition { account, ..self.stage_condition() }.into());
            }
            commands.push(StageLeg { order, terms }.into());
        }
        let list = NewOrderList {
            instrument: first.instrument,
            account: first.account,
            list_client_order_id: ClientOrderId::EMPTY,
            kind,
            pending_rule,
            reserved: [0; 2],
        };
        commands.push(list.into());
        commands.reverse();
        self.queued = commands;
        self.queued.pop().expect("a list was drawn without a command")
    }
}
