//! Parameters of strategies: read from TOML, checked, and listed for those who set them.

use core::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use tiercel_types::DecimalError;

use crate::Terms;

/// A parameter with which a strategy cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{name} has to be {rule}")]
pub struct ParameterError {
    /// Which parameter.
    pub name: &'static str,
    /// What it would have to be.
    pub rule: &'static str,
}

impl ParameterError {
    pub(crate) const fn check(
        holds: bool,
        name: &'static str,
        rule: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { name, rule }) }
    }

    /// Refuses terms by which no order can be made.
    pub(crate) fn check_terms(terms: &Terms) -> Result<(), Self> {
        Self::check(terms.tick.units() > 0, "tick", "above zero")?;
        Self::check(!terms.lot.is_zero(), "lot", "above zero")
    }

    /// Refuses a quantity that no order of the instrument can have, or a position.
    pub(crate) fn check_qty(
        qty: tiercel_types::Qty,
        terms: &Terms,
        name: &'static str,
    ) -> Result<(), Self> {
        let is_on_lot = qty.units().is_multiple_of(terms.lot.units());
        let is_enough = !qty.is_zero() && qty >= terms.qty_min;
        let rule = "a multiple of the instrument's lot, and not below its smallest order";
        Self::check(is_on_lot && is_enough, name, rule)?;
        Self::check(i64::try_from(qty.units()).is_ok(), name, "below 2^63 units")
    }
}

/// What one has to know to set a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in TOML.
    pub name: &'static str,
    /// In which unit it is; empty: in none.
    pub unit: &'static str,
    /// What holds when it is not set, as TOML; none: it has to be set.
    pub default: Option<&'static str>,
    /// What it may be.
    pub bounds: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Parameter {
    pub(crate) const fn required(
        name: &'static str,
        unit: &'static str,
        bounds: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, unit, default: None, bounds, meaning }
    }

    pub(crate) const fn optional(
        name: &'static str,
        unit: &'static str,
        default: &'static str,
        bounds: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, unit, default: Some(default), bounds, meaning }
    }
}

/// Reads an exact decimal from a string.
pub(crate) fn decimal<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = DecimalError>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| D::Error::custom(format_args!("`{text}`: {error}")))
}
