//! FIX sessions over sockets of one's own: the other end of a venue's gateway.
//!
//! ```text
//!   Initiator: connects, and again after each end --> Link <-- accepted sockets: an acceptor
//!                                                      |
//!     socket <--> bytes <--> Session, Store -----------+--> Application; Responder: answers at once
//! ```
//!
//! A [`Link`] is a session with a socket, or without one: its numbers and what it sent are in its
//! store, so that whoever is back asks for what was missed. An [`Initiator`] is a link that connects
//! by itself. Neither owns a thread, sleeps unless told to, or reads a clock: `poll(now)` from a loop
//! of one's own, beside whatever else it does.
//!
//! What is decided is decided by [`tiercel_wire::fix::session`].

mod initiator;
mod link;

pub use initiator::{Backoff, Initiator};
pub use link::{Link, Outbox, Responder};
