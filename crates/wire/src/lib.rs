//! Codecs without I/O: bytes in, market data and messages out, and back.
//!
//! Architecture Invariant: nothing here reads a clock, a file or a socket, or allocates per
//! message; bad input gets a typed error that names the field and the byte, never a panic.

// The code that flatc writes is the only exception; see `flat`.
#![deny(unsafe_code)]

pub mod binance;
pub mod binary;
pub mod fix;
pub mod flat;
pub mod glimpse;
pub mod itch;
pub mod market;
pub mod mold;
pub mod ouch;
mod piece;
pub mod soup;
pub mod store;
pub mod websocket;
