//! What is measured of a running program, and how it is told.
//!
//! So far: latency distributions. A [`Histogram`] takes nanoseconds in some two of them; a
//! [`Distribution`] is its summary, for tables and for JSON.
#![forbid(unsafe_code)]

pub mod histogram;

pub use histogram::{Distribution, Histogram};
