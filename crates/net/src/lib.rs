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
//! [`Limits`]. [`Busy`] looks at its sockets again and again; [`Uring`] leaves its receives in the kernel.
//! [`fix`] has FIX sessions over sockets: who connects to a venue, and who is connected to in tests.
//! [`session_store`] is what sessions remember on a disk, those of OUCH too.
//! [`tls`] is TLS between such bytes and their messages, at either end.
//!
//! With the feature `xdp`, `XdpReceiver` takes the datagrams of one port past the network stack.

#![deny(unsafe_code)]

#[allow(unsafe_code, reason = "memory that the kernel writes into")]
mod buffers;
mod busy;
mod connection;
pub mod fix;
mod places;
mod reactor;
pub mod session_store;
pub mod tls;
mod tuning;
mod udp;
#[allow(unsafe_code, reason = "operations that own what they point to")]
mod uring;
mod wake;
#[cfg(feature = "xdp")]
#[allow(unsafe_code, reason = "memory that is shared with the kernel")]
mod xdp;

pub use busy::Busy;
pub use reactor::{CloseReason, ConnectionId, Handler, Limits, Reactor};
pub use tuning::{Keepalive, Refused, Tuning};
pub use udp::Datagrams;
pub use uring::{Polling, Uring};
#[cfg(feature = "xdp")]
pub use xdp::{Datagram, XdpCounts, XdpMode, XdpOptions, XdpReceiver};
