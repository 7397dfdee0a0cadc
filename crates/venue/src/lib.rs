//! The venue: everything around the matching engine that makes an exchange of it.
//!
//! ```text
//!   gateway --> pipeline: command ring --> sequencer --> log, engine --> outbox --> gateway
//!                                                         |                  |
//!                                                       store             models
//!                                        (log, snapshots, recovery)   (what may be asked)
//! ```
//!
//! docs/venue.md describes it.

#![forbid(unsafe_code)]

pub mod models;
pub mod pipeline;
pub mod replica;
pub mod run;
pub mod store;
