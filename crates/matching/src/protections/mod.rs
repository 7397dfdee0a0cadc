//! What stops trading and lets it begin again: `docs/protections.md`.
//!
//! ```text
//!  agenda (countdowns, pauses, phases) --+
//!  orders that expire -------------------+--> run_due --> the command itself
//! ```
//!
//! The plain path comes by none of it: what is due wakes the engine ([`Engine::wake`]), and a book
//! with bands is marked.
//!
//! [`Engine::wake`]: crate::engine::Engine

pub(crate) mod agenda;
pub(crate) mod bands;
mod countdown;
mod image;
mod kill_switch;
mod limits;
mod schedule;

pub(crate) use countdown::Countdowns;
pub(crate) use image::ProtectionParts;
