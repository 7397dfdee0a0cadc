//! The native strategies by name: what there is, what can be set, and how one is made from a configuration.

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{Table, Value};

use crate::arbitrage::{self, Arbitrage};
use crate::golden_cross::{self, GoldenCross};
use crate::market_maker::{self, MarketMaker};
use crate::mean_reversion::{self, MeanReversion};
use crate::{Parameter, ParameterError, Strategy, Terms};

/// A strategy that can be made by name.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// Its name in configurations.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub meaning: &'static str,
    /// Of how many instruments it wants the terms.
    pub instruments: usize,
    /// What can be set.
    pub parameters: &'static [Parameter],
}

/// The native strategies, by name.
pub const STRATEGIES: &[Listing] = &[
    Listing {
        name: arbitrage::NAME,
        meaning: "Buys where an asset is offered for less than is bid for it elsewhere.",
        instruments: 2,
        parameters: arbitrage::PARAMETERS,
    },
    Listing {
        name: golden_cross::NAME,
        meaning: "Follows the trend by two moving averages.",
        instruments: 1,
        parameters: golden_cross::PARAMETERS,
    },
    Listing {
        name: market_maker::NAME,
        meaning: "Quotes both sides round a price that leans against the inventory.",
        instruments: 1,
        parameters: market_maker::PARAMETERS,
    },
    Listing {
        name: mean_reversion::NAME,
        meaning: "Bets that a mid far from its mean comes back to it.",
        instruments: 1,
        parameters: mean_reversion::PARAMETERS,
    },
];

/// Why a strategy cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// There is none of the name.
    #[error("there is no strategy `{name}`: there are {}", names())]
    UnknownStrategy {
        /// What was asked for.
        name: String,
    },
    /// It wants another number of instruments.
    #[error("{strategy} wants {expected} instruments, and not {found}")]
    Instruments {
        /// Which strategy.
        strategy: &'static str,
        /// How many it wants.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// The parameters cannot be read: one is missing, unknown, or of another type.
    #[error("parameters of {strategy}: {reason}")]
    Unreadable {
        /// Which strategy.
        strategy: &'static str,
        /// What the reader says, with the name of the parameter.
        reason: String,
    },
    /// A parameter has a value that it cannot have.
    #[error("parameters of {strategy}: {error}")]
    Parameter {
        /// Which strategy.
        strategy: &'static str,
        /// Which parameter, and what it would have to be.
        error: ParameterError,
    },
}

impl BuildError {
    /// A stable code, for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownStrategy { .. } => "unknown_strategy",
            Self::Instruments { .. } => "instruments",
            Self::Unreadable { .. } => "unreadable_parameters",
            Self::Parameter { .. } => "parameter",
        }
    }
}

fn names() -> String {
    let names: Vec<_> = STRATEGIES.iter().map(|listing| listing.name).collect();
    names.join(", ")
}

/// Makes a strategy by its name, for the instruments of `terms`, in the order in which it wants them. What is not in
/// `parameters` has its default.
///
/// ```
/// use tiercel_strategy::{Terms, build};
/// use tiercel_types::{InstrumentId, Money, Qty};
///
/// let terms = Terms {
///     instrument: InstrumentId(1),
///     tick: "0.01".parse().unwrap(),
///     lot: "0.001".parse().unwrap(),
///     qty_min: Qty::ZERO,
///     notional_min: Money::ZERO,
/// };
/// let parameters = "qty = '0.5'\nfast_bars = 5".parse()?;
/// assert_eq!(build("golden_cross", &parameters, &[terms]).unwrap().name(), "golden_cross");
/// let parameters = "qty = '0.0005'".parse()?;
/// let error = build("golden_cross", &parameters, &[terms]).err().unwrap();
/// assert!(error.to_string().contains("qty has to be a multiple of the instrument's lot"));
/// # Ok::<(), toml::de::Error>(())
/// ```
///
/// # Errors
/// [`BuildError`], with the parameter's name.
pub fn build(
    name: &str,
    parameters: &Table,
    terms: &[Terms],
) -> Result<Box<dyn Strategy>, BuildError> {
    let listing = STRATEGIES
        .iter()
        .find(|listing| listing.name == name)
        .ok_or_else(|| BuildError::UnknownStrategy { name: name.to_owned() })?;
    let strategy = listing.name;
    let expected = listing.instruments;
    let counted = || BuildError::Instruments { strategy, expected, found: terms.len() };
    let one = || <[Terms; 1]>::try_from(terms).map(|[terms]| terms).map_err(|_| counted());
    let refused = |error| BuildError::Parameter { strategy, error };
    Ok(match strategy {
        arbitrage::NAME => {
            let both = <[Terms; 2]>::try_from(terms).map_err(|_| counted())?;
            Box::new(Arbitrage::new(&read(listing, parameters)?, &both).map_err(refused)?)
        }
        golden_cross::NAME => {
            Box::new(GoldenCross::new(&read(listing, parameters)?, &one()?).map_err(refused)?)
        }
        market_maker::NAME => {
            Box::new(MarketMaker::new(&read(listing, parameters)?, &one()?).map_err(refused)?)
        }
        _ => Box::new(MeanReversion::new(&read(listing, parameters)?, &one()?).map_err(refused)?),
    })
}

/// Reads parameters, with the listed defaults where nothing is given.
fn read<P: DeserializeOwned>(listing: &Listing, given: &Table) -> Result<P, BuildError> {
    let unreadable = |error: toml::de::Error| BuildError::Unreadable {
        strategy: listing.name,
        reason: error.to_string().trim_end().to_owned(),
    };
    let mut all = given.clone();
    for parameter in listing.parameters {
        if let Some(default) = parameter.default
            && !all.contains_key(parameter.name)
        {
            // A value by itself is no document: it is read as that of a key.
            let document: Table = format!("default = {default}").parse().map_err(unreadable)?;
            all.extend(document.into_iter().map(|(_, value)| (parameter.name.to_owned(), value)));
        }
    }
    Value::Table(all).try_into().map_err(unreadable)
}
