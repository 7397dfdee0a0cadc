//! What the `tiercel` binary shares with the excluded workspaces: its benches, and what fuzzers look at.

pub mod bench;
pub mod decode;
