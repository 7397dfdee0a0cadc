//! What a strategy is, and the native ones.
//!
//! ```text
//!   BookTick, TradeTick, OrderUpdate, PositionUpdate, TimerTick --> Strategy --> Actions: submit, replace, cancel, timers
//!        (each with its time)                   state: flat bytes
//! ```
//!
//! One contract, whoever drives it: live, paper, backtest, replay. A strategy is a function of its parameters,
//! its state and what it is told; the same events give the same actions, on every machine.
//!
//! Events and actions are `#[repr(C)]` records without pointers, so that a strategy may be compiled for
//! another machine, and its host copies bytes.
//!
//! The native strategies are made by name: [`build`] and [`STRATEGIES`]. [`quotes`] is for those that quote.
//!
//! Architecture Invariant: pure. A strategy reads no clock, opens nothing, draws no random number, and allocates
//! nothing once it is made. Prices and quantities are integers; only signals and estimates are floating point.

#![forbid(unsafe_code)]

mod action;
mod alarm;
pub mod arbitrage;
mod contract;
mod event;
pub mod golden_cross;
mod idle;
pub mod market_maker;
pub mod mean_reversion;
mod parameters;
pub mod quotes;
mod registry;
mod slot;
mod state;
mod target;

pub use action::{ACTIONS_MAX, Action, ActionKind, Actions, Full, OrderList};
pub use contract::{StateError, Strategy, Terms};
pub use event::{
    BookTick, LEVELS, OrderUpdate, OrderUpdateKind, PositionUpdate, STALE, TimerTick, TradeTick,
};
pub use idle::Idle;
pub use parameters::{Parameter, ParameterError};
pub use registry::{BuildError, Listing, STRATEGIES, build};
