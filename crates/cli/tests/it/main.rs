//! The built binary, driven as a person or a script drives it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod command;
mod demo;
mod match_errors;
mod match_golden;
mod replay;
mod usage;
