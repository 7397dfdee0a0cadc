//! OUCH 5.0, the application part: what clients ask, what they are told. No socket, no clock.
//!
//! ```text
//!   message --> Desk::hear --> Next: an answer | commands of one submission, and what was Asked
//!                                                                   |
//!   durable events --> Desk::apply --> answers, to whose order it is <--+
//! ```
//!
//! The session (numbers, replays, heartbeats) is [`tiercel_wire::soup`]; sockets are
//! a stage's. docs/ouch.md has the rules, field by field.
//!
//! Architecture Invariant: what is told of orders follows from durable events alone: whose an order is,
//! and by which number, its client order id says.

mod answer;
mod config;
mod desk;
mod name;
mod own;
mod request;

pub use answer::Answer;
pub use config::{OuchConfig, OuchIdentity, OuchOptions};
pub use desk::{Desk, Next, SessionNumber};
pub use name::{Name, User};
pub use request::{Asked, Refused};
