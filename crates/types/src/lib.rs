//! The words every other crate speaks: prices, quantities, ids, instruments, commands, events and
//! denial reasons.
//!
//! ```text
//!   Command (what is asked)  --->  matching engine  --->  Event (what happened)
//!        |                                                    |
//!   log::LogWriter (the only input of the engine)        EventBuffer (its only output)
//! ```
//!
//! Architecture Invariant: nothing here reads a clock, opens a file, draws a random number or
//! allocates on a path that runs per message. Money and quantities are integers.
//!
//! Units: [`Price`] and [`Qty`] count 10^-8; [`Money`] counts 10^-16, so that `price * qty` is
//! exact; timestamps are nanoseconds since the Unix epoch; rates are parts per million.

pub mod auction;
pub mod bracket;
pub mod command;
pub mod decimal;
pub mod denial;
pub mod event;
mod event_buffer;
pub mod ids;
pub mod instrument;
pub mod log;
pub mod market;
pub mod money;
pub mod order;
pub mod record;
pub mod text;

pub use command::Command;
pub use decimal::{DecimalError, Price, Qty};
pub use denial::DenialReason;
pub use event::{Event, EventBuffer, EventHeader, EventRef};
pub use ids::{AccountId, AssetId, InstrumentId, ListId, OrderId, Timestamp, TradeId};
pub use instrument::{InstrumentSpec, InstrumentState};
pub use money::Money;
pub use order::{EndReason, OrderKind, Peg, SelfTradePrevention, Side, TimeInForce, Trigger};
pub use text::{AssetCode, ClientOrderId, Symbol};

/// The version of the rules by which the engine turns commands into events.
///
/// A log records the version it was written under; a build that does not know a version refuses
/// the log. Any change in what a command sequence produces raises it.
pub const RULES_VERSION: u16 = 1;

/// The version of the byte layout of commands and events.
///
/// Fields are only ever appended, so older records stay readable; this number rises when a
/// record kind is added or a field appended.
pub const SCHEMA_VERSION: u16 = 3;
