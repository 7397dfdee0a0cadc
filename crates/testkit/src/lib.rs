//! What tests and benches judge the product by: reference models, judges, input generators and
//! fuzz bodies. Used from `tests/` folders, benches and fuzz targets alone.
//!
//! ```text
//!   commands (random, by seed) --+--> the engine --> events --+--> same_events
//!                                +--> the model  --> events --+        |
//!                                                    events -----> the auditor
//! ```

#![allow(clippy::expect_used, reason = "a test's helper fails by panicking")]

pub mod allocation;
pub mod auction;
pub mod auditor;
pub mod binance_answers;
pub mod binance_capture;
pub mod binance_messages;
pub mod binance_oracle;
pub mod commands;
pub mod counting_allocator;
pub mod coverage;
pub mod data;
pub mod event_log;
pub mod fuzz_binance;
pub mod fuzz_bus;
pub mod fuzz_commands;
pub mod fuzz_fix;
pub mod fuzz_itch;
pub mod fuzz_l2;
pub mod fuzz_segment;
pub mod fuzz_websocket;
pub mod fuzz_wire;
pub mod harness;
pub mod itch_messages;
pub mod model;
pub mod naive_l2;
pub mod naive_l3;
pub mod promises;
pub mod proxy;
pub mod random;
pub mod shrink;
pub mod signals;
pub mod simulated_disk;
pub mod soak;
pub mod webhook;
