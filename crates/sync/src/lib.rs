//! How threads hand each other data without locks.
//!
//! ```text
//!   spsc     one producer, one consumer: message by message, or in batches
//!   wait     what to do while there is nothing to do: spin, yield, sleep
//!   futex    sleep on a word, wake who sleeps: the one system call of this crate
//!   layout   cache lines, and what must not share one
//!   atomic   core's atomics, or loom's under `--cfg tiercel_loom`
//! ```
//!
//! Every type is bounded and allocates when it is made, never later. Hot paths make no system call,
//! but to wake a peer that sleeps. What happens at a bound is the return value: full, empty, closed.

pub mod atomic;
pub mod futex;
pub mod layout;
pub mod spsc;
pub mod wait;
