//! Orders that wait, and conditions.

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf,
    NewAdvancedOrder, NewOrder, OrderTerms, StageCondition,
};
use tiercel_types::order::{Comparison, ConditionField};
use tiercel_types::{
    AccountId, Command, InstrumentId, InstrumentSpec, OrderKind, Price, Side, TimeInForce,
    Timestamp, Trigger,
};

use super::Generator;

impl Generator {
    /// The price round which an instrument trades: mostly that of its last trade.
    fn around(&mut self, spec: &InstrumentSpec) -> i64 {
        let of_it = |trade: &&(_, _, Price, _)| trade.0 == spec.instrument;
        let last = self.trades.iter().rev().find(of_it).map(|trade| trade.2.units());
        let listed = self.instruments.iter().find(|each| each.spec.instrument == spec.instrument);
        let middle = listed.map_or(0, |each| each.middle);
        let price = last.filter(|_| !self.random.one_in(8)).unwrap_or(middle);
        let tick = spec.tick.units();
        price / tick * tick
    }

    /// So many ticks above (or below, if negative) where an instrument trades.
    pub(super) fn ticks_from(&mut self, spec: &InstrumentSpec, ticks: i64) -> Price {
        let around = self.around(spec);
        Price::from_units(around.saturating_add(spec.tick.units().saturating_mul(ticks)))
    }

    /// A few ticks, mostly one or two.
    pub(super) fn few_ticks(&mut self) -> i64 {
        let spread = self.profile.spread_ticks;
        1 + self.random.below(spread).min(self.random.below(spread)) as i64
    }

    /// What an order of `side` may wait for.
    pub(super) fn terms(&mut self, spec: &InstrumentSpec, side: Side) -> OrderTerms {
        let trigger = match self.random.below(12) {
            0..=4 => Trigger::Stop,
            5 | 6 => Trigger::TakeProfit,
            7..=9 => Trigger::TrailingStop,
            _ => Trigger::Condition,
        };
        self.terms_of(spec, side, trigger)
    }

    pub(super) fn terms_of(
        &mut self,
        spec: &InstrumentSpec,
        side: Side,
        trigger: Trigger,
    ) -> OrderTerms {
        let mut terms = OrderTerms { trigger, ..OrderTerms::NONE };
        let upwards = match trigger {
            Trigger::Stop => side == Side::Buy,
            _ => side == Side::Sell,
        };
        let mut ticks = self.few_ticks();
        if self.random.one_in(15) {
            // Met by the last trade, or just not.
            ticks = 1 - ticks;
        }
        let away = if upwards { ticks } else { -ticks };
        match trigger {
            Trigger::None | Trigger::Condition => {}
            Trigger::Stop | Trigger::TakeProfit => {
                terms.trigger_price = self.ticks_from(spec, away);
            }
            Trigger::TrailingStop => {
                if self.random.one_in(3) {
                    terms.trailing_bps = 1 + self.random.below(12) as u32;
                } else {
                    let behind = spec.tick.units().saturating_mul(self.few_ticks());
                    terms.trailing_amount = Price::from_units(behind);
                }
                if self.random.one_in(3) {
                    terms.activation_price = self.ticks_from(spec, away);
                }
            }
        }
        terms
    }

    /// An order that waits, as it is to be entered.
    pub(super) fn waiting_order(
        &mut self,
        spec: &InstrumentSpec,
        account: AccountId,
        side: Side,
        terms: &OrderTerms,
    ) -> NewOrder {
        let mut order = self.new_order_for(spec, account, side);
        if order.kind == OrderKind::Market {
            // How long it waits; then it is immediate or cancel.
            let by_amount = !order.quote_qty.is_zero();
            order.time_in_force = *self.random.pick(&TimeInForce::ALL[..5]);
            if by_amount && order.time_in_force == TimeInForce::Fok {
                order.time_in_force = TimeInForce::Gtc;
            }
            if order.time_in_force == TimeInForce::Gtd {
                order.expire_time = Timestamp(self.time + 1 + self.random.below(4_000));
            }
        } else if !terms.trigger_price.is_zero() && self.random.below(4) > 0 {
            // A limit near the trigger: a tick or two beyond it, or short of it.
            let tick = spec.tick.units();
            let away = tick.saturating_mul(self.random.below(5) as i64 - 2);
            order.price = Price::from_units(terms.trigger_price.units().saturating_add(away));
        }
        order
    }

    /// An order that waits; its condition goes ahead.
    pub(super) fn advanced_order(&mut self) -> Command {
        let (listed, account, side) = (self.instrument(), self.account(), self.side());
        let spec = listed.spec;
        if self.random.one_in(40) {
            // Nothing to wait for.
            let order = self.new_order_for(&spec, account, side);
            return NewAdvancedOrder { order, terms: OrderTerms::NONE }.into();
        }
        let mut terms = self.terms(&spec, side);
        let mut order = self.waiting_order(&spec, account, side, &terms);
        if self.profile.special > 0 && self.chance(self.profile.special) {
            self.add_special_terms(&spec, &mut order, &mut terms);
        }
        let command = NewAdvancedOrder { order, terms }.into();
        if terms.trigger != Trigger::Condition || self.random.one_in(30) {
            return command;
        }
        self.planned.push_back(command);
        self.condition(account).into()
    }

    /// A condition, mostly of one to three leaves.
    pub(super) fn condition(&mut self, account: AccountId) -> StageCondition {
        let count = match self.random.below(10) {
            0 => CONDITION_LEAVES_MAX,
            1 => 1 + self.random.below(CONDITION_LEAVES_MAX as u64) as usize,
            _ => 1 + self.random.below(3) as usize,
        };
        let mut condition = StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account,
            reserved: [0; 4],
        };
        for at in 0..count {
            condition.leaves[at] = self.leaf();
        }
        let mut numbers: Vec<u8> = (1..=count as u8).collect();
        self.random.shuffle(&mut numbers);
        let (mut at, mut open) = (0, 0);
        while let Some(number) = numbers.pop() {
            condition.program[at] = number;
            (at, open) = (at + 1, open + 1);
            // Any tree: as many results as one likes are joined before the next leaf.
            while open > 1 && (numbers.is_empty() || self.random.one_in(2)) {
                condition.program[at] = *self.random.pick(&[CONDITION_AND, CONDITION_OR]);
                (at, open) = (at + 1, open - 1);
            }
        }
        condition
    }

    /// A quantity near what an instrument has traded lately.
    fn near_volume(&mut self, instrument: InstrumentId) -> i64 {
        let of_it = self.trades.iter().filter(|trade| trade.0 == instrument);
        let traded = of_it.map(|trade| u128::from(trade.3.units())).sum::<u128>();
        let value = traded * u128::from(self.random.below(40)) / 10;
        i64::try_from(value).unwrap_or(i64::MAX)
    }

    fn leaf(&mut self) -> ConditionLeaf {
        let spec = self.instrument().spec;
        let field = *self.random.pick(ConditionField::ALL);
        let mut ticks = self.few_ticks();
        if self.random.one_in(2) {
            ticks = -ticks;
        }
        let mut value = self.ticks_from(&spec, ticks).units();
        if field == ConditionField::Mid && self.random.one_in(2) {
            value = value.saturating_add(spec.tick.units() / 2);
        }
        if field == ConditionField::Volume24h {
            value = self.near_volume(spec.instrument);
        }
        let comparison = *self.random.pick(Comparison::ALL);
        ConditionLeaf { value, instrument: spec.instrument, field, comparison, reserved: [0; 2] }
    }
}
