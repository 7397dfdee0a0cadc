//! Drives the built library as a harness does: loaded at run time, through the C interface alone.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::undocumented_unsafe_blocks,
    unreachable_pub,
    reason = "tests of a C interface"
)]

#[path = "it/harness.rs"]
mod harness;
#[path = "it/model.rs"]
mod model;
#[path = "it/random.rs"]
mod random;
#[path = "it/rules.rs"]
mod rules;
#[path = "it/transport.rs"]
mod transport;
