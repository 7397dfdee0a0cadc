//! What must hold for a bus, from one handle to many processes.

#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod folder;
mod many;
mod model;
mod rolls;
mod single;
mod waits;
