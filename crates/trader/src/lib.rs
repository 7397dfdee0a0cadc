//! The trader: from market data to orders, on one thread.
//!
//! ```text
//!   socket --> feed --> book --> strategy --> gate, orders --> connector --> socket
//!             parse     book     strategy         risk           encode       send     [stages]
//!              |                    ^                ^
//!              |                    +--- reports ----+--- connector <-- socket
//!              +--- all of it: Core, no I/O; Lines: whose bytes they are; Hot: the thread that polls
//! ```
//!
//! Budget: 15 us from socket to socket, of which the network has 10, parsing 1, the book 0.1, the strategy 1,
//! the gate 0.1, encoding 0.5. Must not happen on that thread: allocation after warm-up, a lock, a system call but
//! the sockets' own, a log line. Connections are made elsewhere ([`dial`]) and handed over; what has to be asked for
//! over HTTP, as snapshots and what became of orders, is asked elsewhere too ([`clerk`]).

#![forbid(unsafe_code)]

pub mod alert;
pub mod budget;
pub mod clerk;
pub mod config;
pub mod connector;
pub mod core;
pub mod dial;
pub mod endpoint;
pub mod feed;
pub mod helper;
pub mod hot;
pub mod instruments;
pub mod journal;
pub mod key;
pub mod lines;
mod market;
pub mod metrics;
pub mod paper;
pub mod reason;
pub mod record;
pub mod recording;
pub mod replay;
pub mod rest;
pub mod routes;
pub mod saved;
pub mod serve;
pub mod setup;
pub mod source;
pub mod state;
pub mod tap;
pub mod tell;
pub mod timing;
pub mod websocket;

pub use market::{Market, MarketBook, MarketState, Numbered, SnapshotAsked, TopOfBook};
