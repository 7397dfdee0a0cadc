//! The venue: everything around the matching engine that makes an exchange of it.
//!
//! ```text
//!   gateway --> pipeline: command ring --> sequencer --> log, engine --> outbox --> gateway
//!                                                         |                  |
//!                                                       store             models
//!                                        (log, snapshots, recovery)   (what may be asked)
//! ```
//!
//! docs/venue.md describes it. The gateway is [`serve`], which speaks what [`binance`], [`native`],
//! [`fix`] and [`binary`] decide: docs/binance-api.md, docs/native-api.md, docs/fix.md, docs/binary.md.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod admin;
pub mod binance;
pub mod binary;
pub mod config;
pub mod demo;
pub mod entry_limits;
pub mod events;
pub mod feed;
pub mod fix;
mod hashing;
pub mod itch;
pub mod market;
pub mod models;
pub mod native;
pub mod open_orders;
pub mod ouch;
pub mod ouch_door;
mod percent;
pub mod pipeline;
pub mod problem;
pub mod replica;
pub mod reporting;
pub mod run;
pub mod secret;
pub mod serve;
pub mod stage;
pub mod store;
