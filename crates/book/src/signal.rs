//! Signals: what a book and its trades say of where the price goes, kept up to date event by event.
//!
//! ```text
//!   best bid, best ask --> Quote --+--> mid, spread, weighted mid, imbalance, predicted move
//!                            |     +--> MicroPrice (a model) --> micro-price
//!                            |     +--> Volatility, ZScore
//!                            +-- step by step --> MicroPriceEstimator --> MicroPrice --> text
//!   best bid, best ask ----------> OrderFlow
//!   levels ----------------------> depth_imbalance
//!   trades ----------------------> Vpin, BulkVpin, TradeWindow
//! ```
//!
//! Where the events come from does not matter: an aggregated book, a book by order, a ticker, a
//! matching engine. Times come in with them, and a time that goes back counts as the newest time
//! that was seen.
//!
//! Budget: 20 ns an event for each signal, without allocation once it is made. What is more than
//! constant work for one event is bounded and paid for by events that did less: see each type.
//!
//! Numbers: what is summed over a window is summed in integers, so that sums are exact and nothing
//! drifts however long a window slides. Ratios, and prices between two ticks, are `f64`. A price in
//! `f64` counts units of 10^-8, as [`Price`](tiercel_types::Price) does. Only operations that IEEE
//! 754 defines to the last bit are used, and the logarithm and error function of `libm`, in Rust:
//! the same events give the same bits on every machine.
//!
//! docs/signals.md has each signal's definition, its source, and when it misleads.

mod bulk;
mod depth;
mod micro_price;
mod moments;
mod order_flow;
mod quote;
mod state;
mod trades;
mod volatility;
mod vpin;
mod window;
mod z_score;

pub use bulk::{BulkParameters, BulkVpin};
pub use depth::depth_imbalance;
pub use micro_price::{
    EstimateError, Grid, IMBALANCE_BUCKETS_MAX, MicroPrice, MicroPriceEstimator, ModelError,
    ModelFault, SPREAD_BUCKETS_MAX,
};
pub use moments::SAMPLES_MAX;
pub use order_flow::OrderFlow;
pub use quote::{PREDICTED_MOVE_LAMBDA, Quote, QuoteError, predicted_move};
pub use state::SignalStateError;
use thiserror::Error;
pub use trades::TradeWindow;
pub use volatility::Volatility;
pub use vpin::{BUCKETS_MAX, Toxicity, ToxicityThresholds, Vpin};
pub use window::{WINDOW_SLOTS_MAX, Window};
pub use z_score::ZScore;

/// A parameter with which a signal cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{name} has to be {rule}")]
pub struct ParameterError {
    /// Which parameter.
    pub name: &'static str,
    /// What it would have to be.
    pub rule: &'static str,
}

impl ParameterError {
    const fn check(holds: bool, name: &'static str, rule: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { name, rule }) }
    }
}

/// A sum would not fit its integer. What would have been added is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the sum does not fit its integer: this trade is left out")]
pub struct Overflow;
