//! Books from market data, and signals on them.
//!
//! Architecture Invariant: nothing here reads a clock, a file or a socket, or allocates after a
//! book or a signal is made; what shows a book to be wrong is reported, never passed over.

#![deny(unsafe_code)]

pub mod l2;
pub mod l3;
pub mod signal;
