//! Books from market data.
//!
//! Architecture Invariant: nothing here reads a clock, a file or a socket, or allocates after a
//! book is made; what shows a book to be wrong is reported, never passed over.

#![deny(unsafe_code)]

pub mod l2;
pub mod l3;
