//! A deterministic matching engine: one state machine from sequenced commands to events.
//!
//! ```text
//!  &Command --> expire what is due --> check --> match / rest / cancel --> EventBuffer
//!                    |                   |             |
//!                 timers          terms, funds    ladders (levels by price)
//!                                                 orders  (slab, FIFO links)
//!                                                 ids     (compact hash)
//! ```
//!
//! The rules it follows, check by check, are in `docs/matching.md`.
//!
//! Hot path: [`Engine::apply`] with a limit order, a cancel or an amendment. Budget: 30 ns a
//! command in the bare book. It must not allocate after warm-up, divide, hash a text, or touch
//! more cache lines than the id's entry, the order, its neighbours and its level.
//!
//! Architecture Invariant: nothing here reads a clock, does I/O, draws random numbers, iterates
//! a hash or uses floating point. The same commands give the same events and the same
//! [`Engine::digest`] in any process, with any hash seed and any capacity.
//!
//! ```
//! use tiercel_matching::{BareEngine, EngineConfig};
//! use tiercel_types::command::{AddInstrument, NewOrder};
//! use tiercel_types::{
//!     AccountId, AssetId, Event, EventBuffer, InstrumentId, InstrumentSpec, OrderId, Price, Qty,
//!     Side, Timestamp,
//! };
//!
//! let mut engine = BareEngine::new(EngineConfig::default());
//! let mut events = EventBuffer::with_capacity(64);
//! let instrument = InstrumentId(1);
//! let (tick, lot) = ("0.01".parse()?, "0.001".parse()?);
//! let mut spec = InstrumentSpec::new(instrument, AssetId(1), AssetId(2), tick, lot);
//! spec.symbol = "BTCUSDT".parse()?;
//! engine.apply(1, Timestamp(1), &AddInstrument { spec }.into(), &mut events);
//!
//! let (price, qty): (Price, Qty) = ("61000".parse()?, "0.5".parse()?);
//! for (number, side) in [(2, Side::Sell), (3, Side::Buy)] {
//!     let mut order = NewOrder::limit(instrument, AccountId(number as u32), side, price, qty);
//!     order.order_id = OrderId(number);
//!     engine.apply(number, Timestamp(1), &order.into(), &mut events);
//! }
//! let trades = events.iter().filter(|(_, event)| matches!(event, Event::Trade(_))).count();
//! assert_eq!(trades, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accounts;
mod admin;
mod allocation;
mod amend;
pub mod auction;
mod bitmap;
mod book;
mod end;
mod engine;
mod entry;
mod far;
mod filters;
mod funding;
mod ladder;
mod ledger;
mod masked;
mod orders;
mod prefetch;
mod protections;
mod self_trade;
mod snapshot;
mod steps;
mod table;
mod take;
mod taker;
mod timers;
mod unseen;
mod volume;
mod waiting;

pub use accounts::{Accounts, FUNDING_HISTORY, TRADE_HISTORY};
pub use engine::{DisplayedOrder, Engine, EngineConfig, Level, Progress};
pub use ledger::{Bare, Ledger};
pub use snapshot::SnapshotError;

/// The engine with accounts: balances, fees, client order ids, limits.
pub type FullEngine = Engine<Accounts>;

/// The book alone: orders are named by their callers, nobody is asked for funds.
pub type BareEngine = Engine<Bare>;
