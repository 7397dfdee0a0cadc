//! FIX 4.4, the application part: what clients ask, what they are told. No socket, no clock.
//!
//! ```text
//!   message --> Desk::hear --> Next: answers | commands of one submission, and what was Asked
//!                                                                   |
//!   durable events --> Reports: what happened to orders <-----------+ (whose request it was)
//!                 \--> Asked::refused, Asked::done: what a request that was denied is told
//! ```
//!
//! [`Lines`] has a session for each identity, and what they share: models, and what waits for the engine.
//! The session (sequence numbers, resends, heartbeats) is [`tiercel_wire::fix::session`]; sockets are
//! [`serve`](crate::serve)'s. docs/fix.md has the rules of engagement, field by field.
//!
//! Architecture Invariant: an account is that of the session's identity. A message that names another
//! one is refused.

pub mod config;
mod desk;
mod lines;
mod lists;
mod market;
mod order;
mod refusal;
mod report;
mod reports;
mod words;

pub use config::{FixConfig, FixOptions, Identity};
pub use desk::{Asked, Change, Desk, Mass, Moment, Next};
pub use lines::{Counts, Lines, Met};
pub use lists::ListDraft;
pub use market::Feed;
pub use order::Draft;
pub use refusal::Refused;
pub use report::Report;
pub use reports::{Reports, Told};

use tiercel_wire::fix::Encoder;

/// A message to be sent: its type, and what writes the fields of its body.
pub struct Outgoing {
    /// Its type.
    pub message_type: &'static [u8],
    /// Writes its body.
    pub body: Box<dyn FnOnce(&mut Encoder) + Send>,
    /// Whether it is sent again when it is asked for: what happened is, how a market stood is not.
    pub kept: bool,
}

impl Outgoing {
    /// A message that is kept to be sent again.
    pub fn new(
        message_type: &'static [u8],
        body: impl FnOnce(&mut Encoder) + Send + 'static,
    ) -> Self {
        Self { message_type, body: Box::new(body), kept: true }
    }

    /// A message of the moment: a resend leaves it out.
    pub fn of_the_moment(
        message_type: &'static [u8],
        body: impl FnOnce(&mut Encoder) + Send + 'static,
    ) -> Self {
        Self { kept: false, ..Self::new(message_type, body) }
    }
}
