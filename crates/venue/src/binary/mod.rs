//! The native binary protocol, the application part: what clients ask, what they are told. No socket, no
//! clock, no randomness.
//!
//! ```text
//!   records --> Lines::received --> Desk: commands of one submission --> Requests (noted) --> submit
//!                                                                            ^
//!   durable events --> Reports: what happened to whose orders                | taken off, once told
//!                          |                                                 |
//!                          +--> Answers (kept) --> session output            |
//!                                   ... last event of a submission ----------+
//! ```
//!
//! The session (login, numbers, resends, heartbeats) is [`tiercel_wire::binary::session`]; sockets are
//! [`serve`](crate::serve)'s. docs/binary.md describes it all.
//!
//! A session outlives its connections, and the venue's process: what it was told and what it asked that
//! has no answer yet is in mapped files ([`memory`]). What follows from events that were durable and not
//! told when the process ended follows from the log at the next start ([`recovery`]).
//!
//! Hot path: [`Lines::received`], [`Lines::delivered`]. Budget: 100 ns each beyond the codec's. No
//! allocation after warm-up, no system call.
//!
//! Architecture Invariant: an answer is a function of durable events and of the request's number.

pub mod config;
mod desk;
mod lines;
pub mod login;
pub mod memory;
mod orders;
pub mod recovery;
mod report;

pub use config::{BinaryConfig, BinaryOptions, ReactorKind};
pub use desk::{Asked, Desk};
pub use lines::{Line, LineId, Lines};
pub use orders::{Owned, OwnedOrders, TradeOwners};
pub use recovery::Recovering;
pub use report::{Answers, Reports};
