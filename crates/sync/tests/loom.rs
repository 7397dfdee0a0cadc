//! The lock-free algorithms under loom: every order of their steps within three preemptions, every
//! value that the memory model lets a load see. Run by `make loom`; docs/sync.md lists what it
//! notices.
#![cfg(tiercel_loom)]

#[path = "loom/pool.rs"]
mod pool;
#[path = "loom/seqlock.rs"]
mod seqlock;
#[path = "loom/snapshot.rs"]
mod snapshot;
#[path = "loom/spsc.rs"]
mod spsc;
#[path = "loom/wait.rs"]
mod wait;

/// Runs `model` in every order.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}
