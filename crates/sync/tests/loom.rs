//! The lock-free algorithms under loom: every order of their steps within three preemptions, every
//! value that the memory model lets a load see. Run by `make loom`; docs/sync.md lists what it
//! notices.
#![cfg(tiercel_loom)]

#[path = "loom/disruptor.rs"]
mod disruptor;
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

/// Runs `model` in every order within three preemptions.
fn check(model: impl Fn() + Sync + Send + 'static) {
    check_within(3, model);
}

/// Runs `model` in every order within so many preemptions.
fn check_within(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}
