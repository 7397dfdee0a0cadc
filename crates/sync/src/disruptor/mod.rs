//! One ring that several threads work along: producers write events in place, consumers follow, each
//! behind those whose work it needs.
//!
//! ```text
//!              +--> journal -----+
//!   producers -+                 +--> engine          leaves: engine, metrics
//!              +--> replication -+
//!              +--> metrics
//!
//!   ring: ... engine < journal <= published <= claimed <= slowest leaf + capacity
//! ```
//!
//! - Events are made once and written in place for ever after; nothing is allocated or moved.
//! - A consumer takes all there is as one batch, and says so once at its end.
//! - The ring is bounded: a producer waits, or is told [`PublishError::Full`], when the slowest leaf of
//!   the graph is a whole ring behind.
//! - Shut-down loses nothing: when the last producer is dropped, consumers get what was published,
//!   then [`Closed`]. A consumer that goes before closes the ring: producers are told, those after
//!   it get what it has done, then [`Closed`].
//!
//! The graph is built before the producer exists, and a consumer can only follow consumers that exist:
//! there are no cycles, no consumer that joins late, and no ring without a consumer.
//!
//! ```
//! use tiercel_sync::disruptor;
//!
//! #[derive(Default)]
//! struct Order { id: u64, quantity: u64 }
//!
//! let (mut graph, [mut journal, mut risk]) = disruptor::single(1024, Order::default).consumers();
//! let [mut engine] = graph.after(&[&journal, &risk]);
//! let mut producer = graph.build();
//!
//! std::thread::scope(|threads| {
//!     threads.spawn(move || while journal.consume(|_, _, _| {}).is_ok() {});
//!     threads.spawn(move || while risk.consume(|_, _, _| {}).is_ok() {});
//!     let engine = threads.spawn(move || {
//!         let mut total = 0;
//!         while engine.consume(|order, _, _| total += order.quantity).is_ok() {}
//!         total
//!     });
//!     for id in 0..100 {
//!         let sequence = producer.publish(|order| *order = Order { id, quantity: 2 });
//!         assert_eq!(sequence, Ok(id));
//!     }
//!     drop(producer);
//!     assert_eq!(engine.join().unwrap(), 200);
//! });
//! ```

mod builder;
mod consumer;
mod multi;
mod single;

pub use builder::{Builder, Graph, multi, multi_with, single, single_with};
pub use consumer::Consumer;
pub use multi::{Multi, MultiProducer};
pub use single::{Single, SingleProducer};

pub use crate::spsc::Closed;

use thiserror::Error;

use crate::atomic::{Arc, AtomicBool, AtomicU64, Ordering, UnsafeCell};
use crate::layout::{APART_BYTES, Apart};
use crate::wait::Wait;

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is not so much room now. There will be, when the slowest consumer goes on.
    #[error("the ring is full")]
    Full,
    /// A consumer is gone, or a producer died while it wrote: nothing goes on here.
    #[error("a consumer is gone, or a producer died")]
    Closed,
}

mod sealed {
    /// How producers tell which events are published.
    pub trait Sequencer: Send + Sync {
        /// The events from `from` on that are published without a gap: up to this number, not
        /// included. Acquire: they are whole.
        fn published(&self, from: u64) -> u64;

        /// How many events were claimed: when all producers are gone, all that will ever be.
        fn claimed(&self) -> u64;
    }
}

use sealed::Sequencer;

/// How far a consumer is. Its own lines: it is written once per batch and read by others.
#[derive(Debug, Default)]
struct Cursor {
    /// Events done. Release by its consumer, Acquire by those who follow and by producers.
    done: AtomicU64,
    /// The consumer is gone; `done` is final.
    gone: AtomicBool,
}

const _: () = {
    type Any = crate::wait::BusySpin;
    assert!(align_of::<Apart<Cursor>>() == APART_BYTES);
    // Each is written by its thread with every event or batch, and they are made side by side.
    assert!(align_of::<SingleProducer<u8, Any>>() == APART_BYTES);
    assert!(align_of::<MultiProducer<u8, Any>>() == APART_BYTES);
    assert!(align_of::<Consumer<u8, Single, Any>>() == APART_BYTES);
};

type SharedCursor = Arc<Apart<Cursor>>;

/// What all handles share.
struct Shared<E, S, W> {
    sequencer: S,
    end: Apart<End>,
    wait: Apart<W>,
    events: Box<[UnsafeCell<E>]>,
}

/// Written once each; else read by all.
#[derive(Default)]
struct End {
    /// The last producer is gone: what is claimed is published, and is all.
    producers_gone: AtomicBool,
    /// A consumer is gone, or a producer died between claim and publication.
    broken: AtomicBool,
}

// SAFETY: an event is written by the producer that claimed it, alone, after all leaves of the graph
// are done with its slot, and read by consumers after it was published: hence `Send` and `Sync`.
unsafe impl<E: Send + Sync, S: Sequencer, W: Wait> Send for Shared<E, S, W> {}
// SAFETY: as above.
unsafe impl<E: Send + Sync, S: Sequencer, W: Wait> Sync for Shared<E, S, W> {}

impl<E, S, W: Wait> Shared<E, S, W> {
    fn lane(&self) -> Lane<E> {
        Lane { events: self.events.as_ptr(), mask: self.events.len() as u64 - 1 }
    }

    fn capacity(&self) -> u64 {
        self.events.len() as u64
    }

    /// For producers, who go no further then.
    fn is_broken(&self) -> bool {
        // Relaxed: they read nothing by it.
        self.end.broken.load(Ordering::Relaxed)
    }

    /// Nothing goes on here any more.
    fn break_off(&self) {
        // Release, with `Consumer::look`: a consumer that has seen the end passes on what it saw.
        self.end.broken.store(true, Ordering::Release);
        self.wait.notify();
    }

    /// No producer is left.
    fn close(&self) {
        // Release, with `Consumer::look`: whoever sees it sees every claim and publication.
        self.end.producers_gone.store(true, Ordering::Release);
        self.wait.notify();
    }
}

/// Where the events are, copied into each handle: a loop over events need not look for them again.
struct Lane<E> {
    events: *const UnsafeCell<E>,
    mask: u64,
}

impl<E> Clone for Lane<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Lane<E> {}

// SAFETY: it is a pointer into a `Shared`, which may go to other threads for such events.
unsafe impl<E: Send + Sync> Send for Lane<E> {}

impl<E> Lane<E> {
    #[inline(always)]
    fn capacity(self) -> u64 {
        self.mask + 1
    }

    /// The cell of the event of `sequence`.
    ///
    /// # Safety
    /// The ring must be alive, and stay so for `'a`.
    #[inline(always)]
    unsafe fn cell<'a>(self, sequence: u64) -> &'a UnsafeCell<E> {
        // SAFETY: the length is a power of two, so the mask keeps it inside the ring's events, which
        // live by the caller's promise.
        unsafe { &*self.events.add((sequence & self.mask) as usize) }
    }

    /// Runs `write` on the event of `sequence`.
    ///
    /// # Safety
    /// The ring must be alive, and the caller must have claimed the event and not published it yet.
    #[inline(always)]
    unsafe fn write<R>(self, sequence: u64, write: impl FnOnce(&mut E) -> R) -> R {
        // SAFETY: the caller's promise.
        unsafe { self.cell(sequence).with_mut(|event| write(&mut *event)) }
    }

    /// Runs `each(cell, sequence)` from one sequence to another, at most a ring further: in stretches
    /// that lie side by side, so that the compiler can take several events at a time.
    ///
    /// # Safety
    /// The ring must be alive.
    #[inline(always)]
    unsafe fn for_each(self, from: u64, to: u64, mut each: impl FnMut(&UnsafeCell<E>, u64)) {
        let mut next = from;
        while next < to {
            let end = to.min((next | self.mask) + 1);
            // SAFETY: the mask keeps it inside the ring's events, which live by the caller's promise.
            let first = unsafe { self.events.add((next & self.mask) as usize) };
            for sequence in next..end {
                // SAFETY: the stretch ends where the ring does, or before.
                each(unsafe { &*first.add((sequence - next) as usize) }, sequence);
            }
            next = end;
        }
    }
}

/// The least that all of `cursors` have done. Out of line: it is asked once a ring or when there is
/// nothing to do, and the loop it stands in is better short.
#[inline(never)]
fn least_done(cursors: &[SharedCursor]) -> u64 {
    // Acquire, with the release in `Consumer::finish`: what a consumer did with an event, it did
    // before this.
    cursors.iter().map(|cursor| cursor.done.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
}
