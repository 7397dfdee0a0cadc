//! The integration tests: stress across threads, and properties against naive models.
#![cfg(not(tiercel_loom))]

#[path = "it/futex.rs"]
mod futex;
