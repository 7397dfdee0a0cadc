//! The built binary, driven as a person or a script drives it.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "it/command.rs"]
mod command;
#[path = "it/demo.rs"]
mod demo;
#[path = "it/match_errors.rs"]
mod match_errors;
#[path = "it/match_golden.rs"]
mod match_golden;
#[path = "it/replay.rs"]
mod replay;
#[path = "it/usage.rs"]
mod usage;
