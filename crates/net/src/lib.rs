//! Sockets for clients that count microseconds: tuned, and watched without a system call that
//! sleeps.
//!
//! ```text
//!   TcpListener --> Reactor --connected, received, closed--> Handler
//!                      ^                                        |
//!                      +------------- output(id) <--------------+
//! ```
//!
//! [`Tuning`] says how a socket is to be, and tells what the kernel refused. A [`Reactor`] owns
//! connections and moves their bytes; it owns no thread, and everything it keeps is bounded:
//! [`Limits`]. [`Busy`] looks at its sockets again and again.

#![forbid(unsafe_code)]

mod busy;
mod connection;
mod reactor;
mod tuning;

pub use busy::Busy;
pub use reactor::{CloseReason, ConnectionId, Handler, Limits, Reactor};
pub use tuning::{Keepalive, Refused, Tuning};
