//! Messages sent one by one: each crosses in one cache line together with its sequence.
//!
//! ```text
//!   producer                                consumer
//!   [p1] room? limit, else read head        [c1] slot.sequence == head + 1?  (Acquire)
//!   [p2] write slot.value                   [c2] move slot.value out
//!   [p3] slot.sequence = tail + 1 (Release) [c3] head = head + 1             (Release)
//! ```
//!
//! `p3` synchronises with `c1`: the value is whole when it is seen. `c3` synchronises with `p1`: the
//! value is out before its slot is written again. In a flow the producer looks at `head` once for each
//! time that it runs into the limit, so the only line that moves for a message is its own.

use core::fmt;
use core::mem::MaybeUninit;

use super::lane::{Gone, Lane};
use super::{Closed, PopError, PushError};
use crate::atomic::{Arc, AtomicU64, Ordering, UnsafeCell};
#[cfg(not(tiercel_loom))]
use crate::layout::APART_BYTES;
use crate::layout::{Apart, LINE_BYTES, as_read, prefetch_write};
use crate::wait::{SpinPark, Wait};

/// A message of at most this size and an alignment of at most 8 shares one line with its sequence.
pub const LINE_PAYLOAD_BYTES: usize = LINE_BYTES - size_of::<u64>();

/// How many slots ahead the producer asks for the line that it will write: by then it has come back
/// from the consumer. Of 0, 4, 8, 16 and 32, 16 was best or close at every capacity.
const PREFETCH_SLOTS: u64 = 16;

/// A message and its sequence, on lines of their own: a consumer that waits for the next message
/// does not take the line of the one before from the producer.
#[repr(C, align(64))]
struct Slot<T> {
    /// One more than the number of the message in `value`, or of the one that was last there; 0 at
    /// first.
    sequence: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

#[cfg(not(tiercel_loom))]
const _: () = {
    assert!(size_of::<Slot<[u8; LINE_PAYLOAD_BYTES]>>() == LINE_BYTES);
    assert!(size_of::<Slot<[u64; 7]>>() == LINE_BYTES && align_of::<Slot<u8>>() == LINE_BYTES);
    assert!(align_of::<Producer<u8>>() == APART_BYTES && align_of::<Consumer<u8>>() == APART_BYTES);
    assert!(size_of::<Slot<u8>>() == LINE_BYTES && size_of::<Slot<[u64; 8]>>() == 2 * LINE_BYTES);
};

struct Shared<T, W> {
    /// How many messages were popped. Written by the consumer alone.
    head: Apart<AtomicU64>,
    /// Written once each, at the end; else read by both.
    gone: Apart<Gone>,
    wait: Apart<W>,
    slots: Box<[Slot<T>]>,
}

// SAFETY: a value moves from the producer's thread to the consumer's, or is dropped by the last that
// holds the ring: so it must be `Send`. Slots are reached by the protocol of the module page alone.
unsafe impl<T: Send, W: Wait> Send for Shared<T, W> {}
// SAFETY: as above.
unsafe impl<T: Send, W: Wait> Sync for Shared<T, W> {}

impl<T, W> Drop for Shared<T, W> {
    fn drop(&mut self) {
        // Both sides are gone, and the counter of the `Arc` ordered all they did before this.
        let mask = self.slots.len() as u64 - 1;
        let mut next = self.head.load(Ordering::Relaxed);
        loop {
            let slot = &self.slots[(next & mask) as usize];
            next += 1;
            if slot.sequence.load(Ordering::Relaxed) != next {
                break;
            }
            // SAFETY: the sequence says that the slot holds message `next - 1`, and the head that
            // nobody took it.
            slot.value.with_mut(|value| unsafe { (*value).assume_init_drop() });
        }
    }
}

/// A ring with room for `capacity` messages, rounded up to a power of two, that waits as
/// [`SpinPark`] does.
///
/// ```
/// use tiercel_sync::spsc::message;
///
/// let (mut producer, mut consumer) = message::ring::<u64>(1024);
/// std::thread::scope(|threads| {
///     threads.spawn(move || (0..100).for_each(|number| producer.push(number).unwrap()));
///     let mut sum = 0;
///     while let Ok(number) = consumer.pop() {
///         sum += number;
///     }
///     assert_eq!(sum, 4950);
/// });
/// ```
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring<T: Send>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    ring_with(capacity, SpinPark::default())
}

/// As [`ring`], with another way to wait.
///
/// ```
/// use tiercel_sync::spsc::{PopError, PushError, message};
/// use tiercel_sync::wait::BusySpin;
///
/// let (mut producer, mut consumer) = message::ring_with(1, BusySpin);
/// assert_eq!(consumer.try_pop(), Err(PopError::Empty));
/// assert_eq!(producer.try_push('a'), Ok(()));
/// assert_eq!(producer.try_push('b'), Err(PushError::Full('b')));
/// drop(producer);
/// assert_eq!(consumer.try_pop(), Ok('a'));
/// assert_eq!(consumer.try_pop(), Err(PopError::Closed));
/// ```
///
/// # Panics
/// When `capacity` is zero or more than memory can hold.
pub fn ring_with<T: Send, W: Wait>(capacity: usize, wait: W) -> (Producer<T, W>, Consumer<T, W>) {
    let capacity = super::slots(capacity);
    let slot =
        |_| Slot { sequence: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) };
    let shared = Arc::new(Shared {
        head: Apart::new(AtomicU64::new(0)),
        gone: Apart::default(),
        wait: Apart::new(wait),
        slots: (0..capacity).map(slot).collect(),
    });
    let lane = Lane::of(&shared.slots);
    let end = ProducerEnd(Arc::clone(&shared));
    let producer = Producer { end, lane, tail: 0, limit: capacity as u64 };
    (producer, Consumer { end: ConsumerEnd(shared), lane, head: 0 })
}

/// What tells the consumer of the end. Not the producer itself: what has a `Drop` of its own lies in
/// memory as a whole, and so the compiler may keep the producer's numbers in registers.
struct ProducerEnd<T, W: Wait>(Arc<Shared<T, W>>);

impl<T, W: Wait> Drop for ProducerEnd<T, W> {
    fn drop(&mut self) {
        // Release, with `Lane::empty_or_closed`: whoever sees it sees every message as well.
        self.0.gone.producer.store(true, Ordering::Release);
        self.0.wait.notify();
    }
}

/// What tells the producer of the end: see [`ProducerEnd`].
struct ConsumerEnd<T, W: Wait>(Arc<Shared<T, W>>);

impl<T, W: Wait> Drop for ConsumerEnd<T, W> {
    fn drop(&mut self) {
        // Relaxed: the producer reads nothing by it.
        self.0.gone.consumer.store(true, Ordering::Relaxed);
        self.0.wait.notify();
    }
}

/// What both sides ask of the slots.
impl<T> Lane<Slot<T>> {
    /// How far the producer may go.
    #[inline(always)]
    fn look_for_room<W>(self, shared: &Shared<T, W>) -> u64 {
        // [p1] With [c3]: the consumer is done with every slot below.
        shared.head.load(Ordering::Acquire) + self.capacity()
    }

    /// As [`Self::look_for_room`], once that is further than `tail`.
    #[cold]
    fn wait_for_room<W: Wait>(self, shared: &Shared<T, W>, tail: u64) -> Result<u64, Closed> {
        shared.wait.wait(|| {
            if shared.gone.consumer.load(Ordering::Relaxed) {
                return Some(Err(Closed(())));
            }
            let limit = self.look_for_room(shared);
            (limit != tail).then_some(Ok(limit))
        })
    }

    /// The sequence of the message after `head` others if it is there, as it was read from its slot.
    ///
    /// # Safety
    /// The ring must be alive.
    #[inline(always)]
    unsafe fn ready(self, head: u64) -> Option<u64> {
        // SAFETY: the caller's promise.
        let slot = unsafe { self.slot(head) };
        // [c1] With [p3]. The slot's sequence is either this one's or an older one's: no later one
        // comes before this is popped.
        let sequence = slot.sequence.load(Ordering::Acquire);
        // Before the comparison, by which the compiler would know what it is.
        let next_head = as_read(sequence);
        (sequence == head + 1).then_some(next_head)
    }

    /// Nothing was there. Is the producer gone? Its sequence if a message is there after all.
    #[inline]
    fn empty_or_closed<W>(self, shared: &Shared<T, W>, head: u64) -> Result<u64, PopError> {
        // Acquire, with the producer's drop: after this, its last message is to be seen.
        if !shared.gone.producer.load(Ordering::Acquire) {
            return Err(PopError::Empty);
        }
        // SAFETY: `shared` is the ring, alive.
        unsafe { self.ready(head) }.ok_or(PopError::Closed)
    }

    #[cold]
    fn wait_for_message<W: Wait>(self, shared: &Shared<T, W>, head: u64) -> Result<u64, Closed> {
        shared.wait.wait(|| {
            // SAFETY: `shared` is the ring, alive.
            if let Some(sequence) = unsafe { self.ready(head) } {
                return Some(Ok(sequence));
            }
            match self.empty_or_closed(shared, head) {
                Ok(sequence) => Some(Ok(sequence)),
                Err(PopError::Closed) => Some(Err(Closed(()))),
                Err(PopError::Empty) => None,
            }
        })
    }
}

/// The sending side. It belongs to one thread at a time.
///
/// It has lines of its own, as the [`Consumer`] has: both are written with each message, and where
/// they are made they lie side by side.
#[repr(align(128))]
pub struct Producer<T: Send, W: Wait = SpinPark> {
    end: ProducerEnd<T, W>,
    lane: Lane<Slot<T>>,
    /// Messages pushed.
    tail: u64,
    /// How far `tail` may go, as far as is known: the last `head` seen, and the capacity.
    limit: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Producer<T, W> {}

impl<T: Send, W: Wait> Producer<T, W> {
    /// Sends `value` if there is room now.
    ///
    /// # Errors
    /// [`PushError`], with the value.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), PushError<T>> {
        match self.try_reserve() {
            Ok(slot) => {
                slot.write(value);
                Ok(())
            }
            Err(PushError::Full(())) => Err(PushError::Full(value)),
            Err(PushError::Closed(())) => Err(PushError::Closed(value)),
        }
    }

    /// Sends `value`, and waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`], with the value, when the consumer is gone.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Closed<T>> {
        match self.reserve() {
            Ok(slot) => {
                slot.write(value);
                Ok(())
            }
            Err(Closed(())) => Err(Closed(value)),
        }
    }

    /// A free slot, to be written in place. Dropping it unwritten sends nothing.
    ///
    /// ```
    /// use tiercel_sync::spsc::message;
    ///
    /// #[repr(C)]
    /// struct Quote { bid: u64, ask: u64, depth: [u64; 5] }
    ///
    /// let (mut producer, mut consumer) = message::ring::<Quote>(8);
    /// producer.try_reserve().unwrap().write(Quote { bid: 99, ask: 101, depth: [0; 5] });
    /// let mid = consumer.try_pop_with(|quote| (quote.bid + quote.ask) / 2);
    /// assert_eq!(mid, Ok(100));
    /// ```
    ///
    /// # Errors
    /// [`PushError`].
    #[inline]
    pub fn try_reserve(&mut self) -> Result<Reserved<'_, T, W>, PushError<()>> {
        // Relaxed: nothing is read that the consumer wrote before it went.
        if self.is_closed() {
            return Err(PushError::Closed(()));
        }
        if self.tail == self.limit {
            self.limit = self.lane.look_for_room(&self.end.0);
            if self.tail == self.limit {
                return Err(PushError::Full(()));
            }
        }
        // SAFETY: the producer keeps the ring alive.
        prefetch_write(unsafe { self.lane.slot(self.tail + PREFETCH_SLOTS) });
        Ok(Reserved { producer: self })
    }

    /// As [`Self::try_reserve`], but waits for room as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when the consumer is gone.
    #[inline]
    pub fn reserve(&mut self) -> Result<Reserved<'_, T, W>, Closed> {
        match self.try_reserve() {
            Ok(_) => {}
            Err(PushError::Closed(())) => return Err(Closed(())),
            Err(PushError::Full(())) => {
                self.limit = self.lane.wait_for_room(&self.end.0, self.tail)?;
            }
        }
        Ok(Reserved { producer: self })
    }

    /// How many messages it can hold.
    pub fn capacity(&self) -> usize {
        self.lane.capacity() as usize
    }

    /// Whether the consumer is gone.
    pub fn is_closed(&self) -> bool {
        self.end.0.gone.consumer.load(Ordering::Relaxed)
    }
}

impl<T: Send, W: Wait> fmt::Debug for Producer<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("pushed", &self.tail).finish_non_exhaustive()
    }
}

/// A free slot of a ring: [`Producer::try_reserve`].
#[must_use = "a reserved slot that is not written is not sent"]
pub struct Reserved<'a, T: Send, W: Wait> {
    producer: &'a mut Producer<T, W>,
}

impl<T: Send, W: Wait> Reserved<'_, T, W> {
    /// Writes `value` into the slot and sends it.
    #[inline(always)]
    pub fn write(mut self, value: T) {
        self.as_uninit().write(value);
        // SAFETY: just written.
        unsafe { self.commit() };
    }

    /// The slot's memory, with whatever is in it.
    #[inline(always)]
    pub fn as_uninit(&mut self) -> &mut MaybeUninit<T> {
        let Producer { lane, tail, .. } = *self.producer;
        // SAFETY: the producer keeps the ring alive.
        let slot = unsafe { lane.slot(tail) };
        // [p2] SAFETY: `tail` is below the limit, so the consumer is done with the slot, and looks at
        // it again only after [p3]. The borrow keeps the producer from going on meanwhile.
        slot.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Sends what is in the slot.
    ///
    /// # Safety
    /// The slot must hold a value: written through [`Self::as_uninit`].
    #[inline(always)]
    pub unsafe fn commit(self) {
        let producer = self.producer;
        // SAFETY: the producer keeps the ring alive.
        let slot = unsafe { producer.lane.slot(producer.tail) };
        producer.tail += 1;
        // [p3] With [c1].
        slot.sequence.store(producer.tail, Ordering::Release);
        producer.end.0.wait.notify();
    }
}

/// The receiving side. It belongs to one thread at a time.
#[repr(align(128))]
pub struct Consumer<T: Send, W: Wait = SpinPark> {
    end: ConsumerEnd<T, W>,
    lane: Lane<Slot<T>>,
    /// Messages popped.
    head: u64,
}

// SAFETY: it is a `Shared` and a pointer into that.
unsafe impl<T: Send, W: Wait> Send for Consumer<T, W> {}

impl<T: Send, W: Wait> Consumer<T, W> {
    /// Takes the next message if it is there.
    ///
    /// # Errors
    /// [`PopError`].
    #[inline]
    pub fn try_pop(&mut self) -> Result<T, PopError> {
        let sequence = self.look()?;
        Ok(self.take(sequence))
    }

    /// Takes the next message, and waits for it as long as it takes.
    ///
    /// # Errors
    /// [`Closed`] when all was read and the producer is gone.
    #[inline]
    pub fn pop(&mut self) -> Result<T, Closed> {
        // SAFETY: the consumer keeps the ring alive.
        let sequence = match unsafe { self.lane.ready(self.head) } {
            Some(sequence) => sequence,
            None => self.lane.wait_for_message(&self.end.0, self.head)?,
        };
        Ok(self.take(sequence))
    }

    /// Reads the next message in its slot, and drops it there.
    ///
    /// If `read` panics, the message stays and is read again.
    ///
    /// # Errors
    /// [`PopError`]; then `read` was not called.
    #[inline]
    pub fn try_pop_with<R>(&mut self, read: impl FnOnce(&mut T) -> R) -> Result<R, PopError> {
        let sequence = self.look()?;
        // SAFETY: the consumer keeps the ring alive.
        let slot = unsafe { self.lane.slot(self.head) };
        // [c2] SAFETY: by [c1] the slot holds the message, and the producer leaves it alone until
        // [c3]. It is read through `&mut`, by this thread alone.
        let result = slot.value.with_mut(|value| read(unsafe { (*value).assume_init_mut() }));
        drop(self.take(sequence));
        Ok(result)
    }

    /// The sequence of the next message.
    #[inline(always)]
    fn look(&self) -> Result<u64, PopError> {
        // SAFETY: the consumer keeps the ring alive.
        match unsafe { self.lane.ready(self.head) } {
            Some(sequence) => Ok(sequence),
            None => self.lane.empty_or_closed(&self.end.0, self.head),
        }
    }

    /// Moves the next message out. It must be there: `sequence` is what was read from its
    /// slot.
    ///
    /// The head goes on to what was read, not to what it is known to be, so that the processor has
    /// to wait for one slot's sequence before it knows where the next slot is. If it only guessed
    /// that the message is there, it would look ahead at slots that are just being written, and
    /// take their lines from the producer: a third of the rate, or less.
    #[inline(always)]
    fn take(&mut self, sequence: u64) -> T {
        // SAFETY: the consumer keeps the ring alive.
        let slot = unsafe { self.lane.slot(self.head) };
        // [c2] SAFETY: every caller has seen by [c1] that the slot holds the message; [c3] below says
        // that it does no more, so that it is moved out once.
        let value = slot.value.with(|value| unsafe { (*value).assume_init_read() });
        self.head = sequence;
        // [c3] With [p1].
        self.end.0.head.store(self.head, Ordering::Release);
        self.end.0.wait.notify();
        value
    }

    /// How many messages it can hold.
    pub fn capacity(&self) -> usize {
        self.lane.capacity() as usize
    }
}

impl<T: Send, W: Wait> fmt::Debug for Consumer<T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("popped", &self.head).finish_non_exhaustive()
    }
}
