//! Conditions: taking them in, and whether they are true.

use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, StageCondition,
};
use tiercel_types::event::Staged;
use tiercel_types::order::{Comparison, ConditionField};
use tiercel_types::{DenialReason, InstrumentId, Side};

use super::entry::require;
use super::lists::Staging;
use super::{Checked, Mode, Model, Order};

/// A condition as a tree of leaf numbers from 0.
enum Tree {
    Leaf(usize),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Tree {
    /// Reads a program from its front; none: it is no postfix tree, or something stands behind
    /// its end.
    fn read(program: &[u8]) -> Option<Self> {
        let end = program.iter().position(|code| *code == CONDITION_END);
        let (code, rest) = program.split_at(end.unwrap_or(program.len()));
        if rest.iter().any(|code| *code != CONDITION_END) {
            return None;
        }
        let mut stack = Vec::new();
        for code in code {
            let tree = match *code {
                CONDITION_AND | CONDITION_OR => {
                    let (right, left) = (Box::new(stack.pop()?), Box::new(stack.pop()?));
                    if *code == CONDITION_AND {
                        Self::And(left, right)
                    } else {
                        Self::Or(left, right)
                    }
                }
                leaf => Self::Leaf(usize::from(leaf).checked_sub(1)?),
            };
            stack.push(tree);
        }
        let tree = stack.pop();
        tree.filter(|_| stack.is_empty())
    }

    fn leaves(&self) -> Vec<usize> {
        match self {
            Self::Leaf(leaf) => vec![*leaf],
            Self::And(left, right) | Self::Or(left, right) => {
                [left.leaves(), right.leaves()].concat()
            }
        }
    }

    fn is_true(&self, leaf_is_true: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::Leaf(leaf) => leaf_is_true(*leaf),
            Self::And(left, right) => left.is_true(leaf_is_true) && right.is_true(leaf_is_true),
            Self::Or(left, right) => left.is_true(leaf_is_true) || right.is_true(leaf_is_true),
        }
    }
}

impl Model {
    pub(super) fn stage_condition(&mut self, stage: &StageCondition, staged: Staging) -> Checked {
        let leaves_clean = stage.leaves.iter().all(|leaf| leaf.reserved == [0; 2]);
        require(stage.reserved == [0; 4] && leaves_clean, DenialReason::ReservedFieldSet)?;
        let tree = Tree::read(&stage.program).ok_or(DenialReason::ConditionInvalid)?;
        let mut numbers = tree.leaves();
        numbers.sort_unstable();
        let count = numbers.len();
        let each_once = count <= CONDITION_LEAVES_MAX && numbers.iter().copied().eq(0..count);
        require(each_once, DenialReason::ConditionInvalid)?;
        let (used, unused) = stage.leaves.split_at(count);
        let empty = unused.iter().all(|leaf| *leaf == ConditionLeaf::NONE);
        let values_fit = used.iter().all(|leaf| self.leaf_value_fits(leaf));
        require(empty && values_fit, DenialReason::ConditionInvalid)?;
        let known = used.iter().all(|leaf| self.instruments.contains_key(&leaf.instrument));
        require(known, DenialReason::ConditionInstrument)?;
        let counted = used.iter().all(|leaf| {
            leaf.field != ConditionField::Volume24h
                || self.instrument(leaf.instrument).spec.tracks_volume == 1
        });
        require(counted, DenialReason::VolumeNotTracked)?;
        let legs = staged.legs.len() as u32;
        self.staged = Staging { condition: Some(*stage), ..staged };
        self.emit(InstrumentId(0), stage.account, Staged { legs, condition: 1 });
        Ok(())
    }

    fn leaf_value_fits(&self, leaf: &ConditionLeaf) -> bool {
        let may_be_negative = self.mode == Mode::Bare && leaf.field != ConditionField::Volume24h;
        let doubles = leaf.field != ConditionField::Mid || leaf.value.unsigned_abs() < 1 << 62;
        doubles && (leaf.value >= 0 || may_be_negative)
    }

    /// Whether an order's condition is true now.
    pub(super) fn condition_is_true(&self, order: &Order) -> bool {
        let Some(condition) = &order.condition else { return false };
        let tree = Tree::read(&condition.program).expect("a condition that was taken is no tree");
        tree.is_true(&|leaf| self.leaf_is_true(&condition.leaves[leaf]))
    }

    /// What an instrument traded in this minute and the 1,439 before it, if it counts that.
    fn volume_24h(&self, instrument: InstrumentId) -> Option<i128> {
        const MINUTE_NS: u64 = 60_000_000_000;
        let found = self.instrument(instrument);
        let first_minute = (self.now / MINUTE_NS + 1).saturating_sub(1_440);
        let counted = found.traded.iter().filter(|(time, _)| time / MINUTE_NS >= first_minute);
        let sum = counted.map(|&(_, qty)| i128::from(qty)).sum::<i128>();
        (found.spec.tracks_volume == 1).then_some(sum.min(i128::from(i64::MAX)))
    }

    fn leaf_is_true(&self, leaf: &ConditionLeaf) -> bool {
        let bid = self.best_price(leaf.instrument, Side::Buy).map(i128::from);
        let ask = self.best_price(leaf.instrument, Side::Sell).map(i128::from);
        let last = self.instrument(leaf.instrument).last_price.map(i128::from);
        // Everything is doubled: the middle may be half a unit.
        let field = match leaf.field {
            ConditionField::Last => last.map(|price| price * 2),
            ConditionField::Bid => bid.map(|price| price * 2),
            ConditionField::Ask => ask.map(|price| price * 2),
            ConditionField::Mid => bid.zip(ask).map(|(bid, ask)| bid + ask),
            ConditionField::Volume24h => self.volume_24h(leaf.instrument).map(|qty| qty * 2),
        };
        let value = i128::from(leaf.value) * 2;
        field.is_some_and(|field| match leaf.comparison {
            Comparison::Above => field > value,
            Comparison::AtLeast => field >= value,
            Comparison::Below => field < value,
            Comparison::AtMost => field <= value,
            Comparison::Equal => field == value,
        })
    }
}
