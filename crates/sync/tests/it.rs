//! The integration tests: stress across threads, and properties against naive models.
#![cfg(not(tiercel_loom))]

#[path = "it/allocation.rs"]
mod allocation;
#[path = "it/arena.rs"]
mod arena;
#[path = "it/disruptor.rs"]
mod disruptor;
#[path = "it/futex.rs"]
mod futex;
#[path = "it/pool.rs"]
mod pool;
#[path = "it/seqlock.rs"]
mod seqlock;
#[path = "it/simd.rs"]
mod simd;
#[path = "it/snapshot.rs"]
mod snapshot;
#[path = "it/spsc.rs"]
mod spsc;
