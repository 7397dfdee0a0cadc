//! Items side by side: runs of them are slices, sent and received by one store.
//!
//! ```text
//!   producer                                consumer
//!   [p1] room? limit, else read head        [c1] items? seen, else read tail (Acquire)
//!   [p2] write items                        [c2] read or move items
//!   [p3] tail += n         (Release)        [c3] head += n                   (Release)
//! ```
//!
//! `p3` synchronises with `c1`: items are whole when they are seen. `c3` synchronises with `p1`: items
//! are out before their slots are written again. Each side keeps the other's index as it last saw it,
//! and looks again only when that does not do.
//!
//! The single `push` and `pop` are there for the odd item; a flow of single messages is faster
//! through a [`message`](super::message) ring.

mod consumer;
mod producer;

use core::mem::MaybeUninit;

pub use consumer::{Consumer, ReadChunk};
pub use producer::{Producer, WriteChunk};

use super::lane::{Gone, Lane};
use crate::atomic::{Arc, AtomicU64, Ordering, UnsafeCell};
use crate::layout::Apart;
use crate::wait::{SpinPark, Wait};

/// The place of an item.
type Cell<T> = UnsafeCell<MaybeUninit<T>>;

struct Shared<T, W> {
    /// Items popped. Written by the consumer alone.
    head: Apart<AtomicU64>,
    /// Items pushed. Written by the producer alone.
    tail: Apart<AtomicU64>,
    /// Written once each, at the end; else read by both.
    gone: Apart<Gone>,
    wait: Apart<W>,
    items: Box<[Cell<T>]>,
}

#[cfg(not(tiercel_loom))]
const _: () = {
    use crate::layout::APART_BYTES;
    use core::mem::offset_of;

    type Any = Shared<u8, crate::wait::BusySpin>;
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, tail)) >= APART_BYTES);
    assert!(offset_of!(Any, head).abs_diff(offset_of!(Any, gone)) >= APART_BYTES);
    assert!(offset_of!(Any, tail).abs_diff(offset_of!(Any, gone)) >= APART_BYTES);
    assert!(align_of::<Producer<u8>>() == APART_BYTES && align_of::<Consumer<u8>>() == APART_BYTES);
    // Slices of cells are handed out as slices of items.
    assert!(size_of::<UnsafeCell<MaybeUninit<[u8; 3]>>>() == 3);
};

// SAFETY: a value moves from the producer's thread to the consumer's, or is dropped by the last that
// holds the ring: so it must be `Send`. Slots are reached by the protocol of the module page alone;
// a `ReadChunk` lends items to the consumer's thread only.
unsafe impl<T: Send, W: Wait> Send for Shared<T, W> {}
// SAFETY: as above.
unsafe impl<T: Send, W: Wait> Sync for Shared<T, W> {}

impl<T, W> Drop for Shared<T, W> {
    fn drop(&mut self) {
        // Both sides are gone, and the counter of the `Arc` ordered all they did before this.
        let mask = self.items.len() as u64 - 1;
        for number in self.head.load(Ordering::Relaxed)..self.tail.load(Ordering::Relaxed) {
            let item = &self.items[(number & mask) as usize];
            // SAFETY: every item from the head to the tail was written, and not taken.
            item.with_mut(|item| unsafe { (*item).assume_init_drop() });
        }
    }
}

/// A ring with room for `capacity` items, rounded up to a power of two, that waits as [`SpinPark`]
/// does.
///
/// ```
/// use tiercel_sync::spsc::batch;
///
/// let (mut producer, mut consumer) = batch::ring::<u32>(64);
/// assert_eq!(producer.push_slice(&[1, 2, 3]), Ok(3));
/// let chunk = consumer.try_chunk(2).unwrap();
/// assert_eq!(*chunk, [1, 2]);
/// chunk.release(1);
/// assert_eq!((consumer.try_pop(), consumer.try_pop()), (Ok(2), Ok(3)));
/// ```
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    ring_with(capacity, SpinPark::default())
}

/// As [`ring`], with another way to wait.
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring_with<T: Send, W: Wait>(capacity: usize, wait: W) -> (Producer<T, W>, Consumer<T, W>) {
    let capacity = super::slots(capacity);
    let shared = Arc::new(Shared {
        head: Apart::new(AtomicU64::new(0)),
        tail: Apart::new(AtomicU64::new(0)),
        gone: Apart::default(),
        wait: Apart::new(wait),
        items: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
    });
    (Producer::new(Arc::clone(&shared)), Consumer::new(shared))
}
