//! Conditions: trees of comparisons, and the command that stages them.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use tiercel_types::command::{
    CONDITION_AND, CONDITION_END, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, StageCondition,
};
use tiercel_types::{AccountId, Command};
use utoipa::ToSchema;

use super::problem::{Code, Problem};
use super::scalar::{ComparisonText, ConditionFieldText, PriceText, SymbolText};
use crate::models::Models;

/// A condition: a comparison, or several joined.
#[derive(Clone, Debug, ToSchema)]
#[serde(untagged)]
pub enum Condition {
    /// All of them.
    All(All),
    /// Any of them.
    Any(Any),
    /// One comparison.
    Comparison(Compare),
}

/// All of these have to be true.
#[derive(Clone, Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct All {
    /// At least one.
    #[schema(no_recursion, min_items = 1, max_items = 8)]
    pub all: Vec<Condition>,
}

/// One of these has to be true at least.
#[derive(Clone, Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Any {
    /// At least one.
    #[schema(no_recursion, min_items = 1, max_items = 8)]
    pub any: Vec<Condition>,
}

/// A comparison of a field of an instrument with a value.
#[derive(Clone, Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Of which instrument.
    pub symbol: SymbolText,
    /// What of it.
    pub field: ConditionFieldText,
    /// How.
    pub comparison: ComparisonText,
    /// With what: a price, or of a volume a quantity of the base asset.
    pub value: PriceText,
}

/// All fields that a condition can have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    all: Option<Vec<Condition>>,
    any: Option<Vec<Condition>>,
    symbol: Option<SymbolText>,
    field: Option<ConditionFieldText>,
    comparison: Option<ComparisonText>,
    value: Option<PriceText>,
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Fields::deserialize(deserializer)?;
        let Fields { all, any, symbol, field, comparison, value } = fields;
        let compares = [symbol.is_some(), field.is_some(), comparison.is_some(), value.is_some()];
        match (all, any) {
            (Some(all), None) if compares == [false; 4] => Ok(Self::All(All { all })),
            (None, Some(any)) if compares == [false; 4] => Ok(Self::Any(Any { any })),
            (None, None) => Ok(Self::Comparison(Compare {
                symbol: symbol.ok_or_else(|| D::Error::missing_field("symbol"))?,
                field: field.ok_or_else(|| D::Error::missing_field("field"))?,
                comparison: comparison.ok_or_else(|| D::Error::missing_field("comparison"))?,
                value: value.ok_or_else(|| D::Error::missing_field("value"))?,
            })),
            _ => Err(D::Error::custom("a condition has `all`, or `any`, or a comparison")),
        }
    }
}

impl Condition {
    /// The command that stages it; the condition stands at `place` in the body.
    ///
    /// # Errors
    /// When it has more comparisons than a condition may, or names a symbol that there is not.
    pub fn stage(
        &self,
        models: &Models,
        account: AccountId,
        place: &str,
    ) -> Result<Command, Problem> {
        let mut tree = Tree { models, leaves: Vec::new(), program: Vec::new() };
        tree.add(self, place)?;
        let mut staged = StageCondition {
            leaves: [ConditionLeaf::NONE; CONDITION_LEAVES_MAX],
            program: [CONDITION_END; 2 * CONDITION_LEAVES_MAX],
            account,
            reserved: [0; 4],
        };
        staged.leaves[..tree.leaves.len()].copy_from_slice(&tree.leaves);
        staged.program[..tree.program.len()].copy_from_slice(&tree.program);
        Ok(staged.into())
    }
}

/// A tree that is being written in postfix. With n leaves it has n - 1 operators, so that the
/// program always fits.
struct Tree<'m> {
    models: &'m Models,
    leaves: Vec<ConditionLeaf>,
    program: Vec<u8>,
}

impl Tree<'_> {
    fn add(&mut self, condition: &Condition, place: &str) -> Result<(), Problem> {
        let (parts, operator, name) = match condition {
            Condition::All(All { all }) => (all, CONDITION_AND, "all"),
            Condition::Any(Any { any }) => (any, CONDITION_OR, "any"),
            Condition::Comparison(compare) => return self.leaf(compare, place),
        };
        if parts.is_empty() {
            let problem = Problem::new(Code::InvalidField, "at least one is expected");
            return Err(problem.of_field(format!("{place}/{name}")));
        }
        for (at, part) in parts.iter().enumerate() {
            self.add(part, &format!("{place}/{name}/{at}"))?;
            if at > 0 {
                self.program.push(operator);
            }
        }
        Ok(())
    }

    fn leaf(&mut self, compare: &Compare, place: &str) -> Result<(), Problem> {
        if self.leaves.len() == CONDITION_LEAVES_MAX {
            let detail = format!("a condition has at most {CONDITION_LEAVES_MAX} comparisons");
            return Err(Problem::new(Code::InvalidField, detail).of_field(place));
        }
        let spec = self.models.instruments().by_symbol(&compare.symbol.0);
        let spec =
            spec.ok_or_else(|| Problem::unknown_symbol("").of_field(format!("{place}/symbol")))?;
        self.leaves.push(ConditionLeaf {
            value: compare.value.0.units(),
            instrument: spec.instrument,
            field: compare.field.0,
            comparison: compare.comparison.0,
            reserved: [0; 2],
        });
        self.program.push(self.leaves.len() as u8);
        Ok(())
    }
}
