//! What the `tiercel` binary shares with the benches' excluded workspace.

pub mod bench;
