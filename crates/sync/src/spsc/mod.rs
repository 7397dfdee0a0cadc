//! Rings from one producer to one consumer, bounded, without locks.
//!
//! ```text
//!   message::ring    [seq|payload][seq|payload]...   a message and its sequence cross together
//!   batch::ring      [payload payload ...] + tail    runs of items, one index for all of them
//! ```
//!
//! Two shapes, because each is best at one thing. In a [`message`] ring the consumer looks at the
//! very line that the message comes in: one transfer for each, the lowest latency and the highest
//! rate for items that are sent one by one. In a [`batch`] ring items lie side by side: a run of them
//! is one slice, and its end one store. docs/sync.md has the shapes that were tried, and what each reached.
//!
//! Both have the same face where they do the same thing: split handles, `push` and `pop` that wait,
//! `try_push` and `try_pop` that do not. Each side learns when the other is gone: the consumer after
//! it has taken what was left, the producer at its next push. What is left when both are gone is
//! dropped.

pub mod batch;
mod lane;
pub mod message;

use thiserror::Error;

/// The other side is gone; a value that could not be sent comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the other side is gone")]
pub struct Closed<T = ()>(pub T);

/// Why nothing was pushed. The value comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PushError<T> {
    /// No slot is free now. There will be, when the consumer pops.
    #[error("the ring is full")]
    Full(T),
    /// The consumer is gone: nobody will ever read.
    #[error("the consumer is gone")]
    Closed(T),
}

impl<T> PushError<T> {
    /// The value that was not pushed.
    pub fn into_value(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

/// Why nothing was popped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PopError {
    /// Nothing is there now. There may be, later.
    #[error("the ring is empty")]
    Empty,
    /// Nothing is there, and the producer is gone: nothing ever comes.
    #[error("the producer is gone, and all was read")]
    Closed,
}

/// The number of slots for a wish: the next power of two, so that a mask finds the slot.
///
/// # Panics
/// When it is zero, or more than half the address space: there is no such ring.
pub(crate) fn slots(capacity: usize) -> usize {
    assert!(capacity > 0, "a ring needs at least one slot");
    assert!(capacity <= 1 << (usize::BITS - 2), "a ring of {capacity} slots does not fit");
    capacity.next_power_of_two()
}
