//! What must hold for a bus, from one handle to many processes.

#![cfg(not(tiercel_loom))]
#![allow(clippy::unwrap_used, reason = "a test's helper fails by panicking")]

mod children;
mod crash;
mod damage;
mod folder;
mod many;
mod model;
mod rolls;
mod single;
mod waits;
