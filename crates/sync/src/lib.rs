//! How threads hand each other data without locks.
//!
//! ```text
//!   spsc       one producer, one consumer: message by message, or in batches
//!   disruptor  one ring that several threads work along, in a graph
//!   seqlock    a small record: one writes, many copy it out
//!   snapshot   a large state: one publishes, many look at it where it lies
//!   pool       objects made once, which any thread takes and any thread gives back
//!   arena      room for the records of one batch, given back all at once
//!   simd       the best price of a slice; a batch of prices against band and tick
//!   wait       what to do while there is nothing to do: spin, yield, sleep
//!   futex      sleep on a word, wake who sleeps: the one system call of this crate
//!   layout     cache lines, and what must not share one
//!   atomic     core's atomics, or loom's under `--cfg tiercel_loom`
//! ```
//!
//! Every type is bounded and allocates when it is made, never later. Hot paths make no system call,
//! but to wake a peer that sleeps. What happens at a bound is the return value: full, empty, closed.

pub mod arena;
pub mod atomic;
pub mod disruptor;
pub mod futex;
pub mod layout;
pub mod pool;
pub mod seqlock;
pub mod simd;
pub mod snapshot;
pub mod spsc;
pub mod wait;
