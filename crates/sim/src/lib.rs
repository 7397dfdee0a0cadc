//! Market flow generators: what the demo shows, the benches measure and the tests replay.
//!
//! Architecture Invariant: pure. The same seed gives the same flow on every machine; nothing
//! here reads a clock, opens a file or uses floating point.
#![forbid(unsafe_code)]

pub mod binance_flow;
pub mod crowd;
pub mod flow;
pub mod itch_flow;
pub mod market;
pub mod paper;
pub mod rng;
