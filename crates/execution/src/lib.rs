//! What a trader has under way and what it owns, and what may leave: orders, positions, pre-trade risk.
//!
//! ```text
//!   Oms:  intent --> Gate --> request (new, cancel, replace) --> OwnOrder <-- the venue's answers
//!                                                                   |
//!                                                                 fills --> Position: quantity, average price, profit and loss, fees
//! ```
//!
//! Architecture Invariant: pure. Time passes only in what is told; nothing here reads a clock, opens a file
//! or a socket, or uses floating point. Live, paper and backtest hold the same state for the same inputs.

#![forbid(unsafe_code)]

pub mod breaker;
pub mod oms;
pub mod order;
pub mod position;
pub mod recovery;
pub mod risk;
pub mod router;
pub mod venue;
