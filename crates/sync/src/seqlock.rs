//! A small record that one thread writes and many read, always whole: a sequence lock.
//!
//! ```text
//!   writer                                    reader
//!   W1 sequence = odd        (relaxed)        R1 sequence        (acquire)  odd? again
//!   W2 fence                 (release)        R2 load each word  (relaxed)
//!   W3 store each word       (relaxed)        R3 fence           (acquire)
//!   W4 sequence = next even  (release)        R4 sequence        (relaxed)  other? again
//!
//!   R1 reads what W4 stored: R2 sees all of that write's words, or newer ones.
//!   R2 reads a word that a W3 stored: by W2 and R3, R4 sees that write's W1 or later.
//! ```
//!
//! The value lies in memory as atomic words, so that reading it while it is written is no data
//! race; what such a read found is thrown away before it becomes a value. (With plain or volatile
//! data the same algorithm is undefined behaviour.)
//!
//! A write is wait-free and costs its stores; no read ever holds it up. A read repeats while it is
//! written over: right for records of some cache lines. For larger ones see [`snapshot`](crate::snapshot).
//!
//! Budget: 64 bytes are read in 1.5 ns and written in 2.5 ns when nobody else is at them.

use core::fmt;
use core::mem::MaybeUninit;

use zerocopy::{Immutable, IntoBytes};

use crate::atomic::{Arc, AtomicU64, Ordering, fence, spin_loop, yield_now};

/// Reads that are tried before the reader lets others run: the writer may need this core.
const SPINS: u32 = 64;

/// What a sequence lock can hold: plain bytes without gaps, any of which may be copied one by one.
/// Derive zerocopy's `IntoBytes` and `Immutable`; enums and `bool` are fine.
///
/// The size must be a multiple of 8 bytes; [`record`] does not compile for another.
pub trait Plain: IntoBytes + Immutable + Copy + Send + 'static {}

impl<T: IntoBytes + Immutable + Copy + Send + 'static> Plain for T {}

/// A record that holds `value`, as the one handle that writes and the first of those that read.
///
/// ```
/// use tiercel_sync::seqlock;
/// use zerocopy::{Immutable, IntoBytes};
///
/// #[derive(Clone, Copy, IntoBytes, Immutable)]
/// #[repr(C)]
/// struct Quote {
///     bid: i64,
///     ask: i64,
/// }
///
/// let (mut writer, reader) = seqlock::record(Quote { bid: 99, ask: 101 });
/// std::thread::scope(|scope| {
///     let reader = reader.clone();
///     scope.spawn(move || {
///         let quote = reader.read();
///         assert_eq!(quote.ask - quote.bid, 2);
///     });
///     writer.write(&Quote { bid: 100, ask: 102 });
/// });
/// assert_eq!(reader.read().bid, 100);
/// assert_eq!(reader.writes(), 1);
/// ```
///
/// A value with bytes that say nothing does not compile:
///
/// ```compile_fail
/// let _ = tiercel_sync::seqlock::record((1_u8, 2_u64));
/// ```
pub fn record<T: Plain>(value: T) -> (Writer<T>, Reader<T>) {
    let shared = Arc::new(Shared { sequence: AtomicU64::new(0), words: Words::new(&value) });
    (Writer { shared: Arc::clone(&shared), sequence: 0 }, Reader { shared })
}

/// The one handle that writes.
pub struct Writer<T: Plain> {
    shared: Arc<Shared<T>>,
    /// What `Shared::sequence` holds: nobody else changes it.
    sequence: u64,
}

impl<T: Plain> Writer<T> {
    /// Replaces the value. Never waits.
    #[inline]
    pub fn write(&mut self, value: &T) {
        let Shared { sequence, words } = &*self.shared;
        // W1: odd, so that a reader who comes now does not begin.
        sequence.store(self.sequence + 1, Ordering::Relaxed);
        // W2: whoever reads a word stored below, and then passes R3, sees W1. Synchronises with R3.
        fence(Ordering::Release);
        // W3
        words.store(value);
        self.sequence += 2;
        // W4: whoever reads this sees all the words. Synchronises with R1.
        sequence.store(self.sequence, Ordering::Release);
    }

    /// One more handle that reads.
    pub fn reader(&self) -> Reader<T> {
        Reader { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Plain> fmt::Debug for Writer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("writes", &(self.sequence / 2)).finish_non_exhaustive()
    }
}

/// A handle that reads; clone it for each thread, or share it.
pub struct Reader<T: Plain> {
    shared: Arc<Shared<T>>,
}

impl<T: Plain> Reader<T> {
    /// The value as some one write left it; tries once, and returns `None` when a write came
    /// between.
    #[inline]
    pub fn try_read(&self) -> Option<T> {
        let Shared { sequence, words } = &*self.shared;
        // R1: synchronises with W4.
        let before = sequence.load(Ordering::Acquire);
        if before & 1 == 1 {
            return None;
        }
        // R2
        let value = words.load();
        // R3: synchronises with W2 of any write that stored a word which R2 read.
        fence(Ordering::Acquire);
        // R4
        if sequence.load(Ordering::Relaxed) != before {
            return None;
        }
        // SAFETY: R1 saw all words of the write that left `before` (or of `record`), and R4 saw
        // that no later one had stored any of those that R2 read: they are one value's.
        Some(unsafe { value.assume_init() })
    }

    /// The value as some one write left it. Repeats while it is written over, and lets other
    /// threads run when that takes long: the writer may have lost its core half way.
    #[inline]
    pub fn read(&self) -> T {
        match self.try_read() {
            Some(value) => value,
            None => self.read_again(),
        }
    }

    /// How many writes are done: a cheap way to ask for news.
    #[inline]
    pub fn writes(&self) -> u64 {
        self.shared.sequence.load(Ordering::Relaxed) / 2
    }

    #[cold]
    fn read_again(&self) -> T {
        let mut tries = 0_u32;
        loop {
            if let Some(value) = self.try_read() {
                return value;
            }
            tries = tries.wrapping_add(1);
            if tries.is_multiple_of(SPINS) || cfg!(tiercel_loom) {
                yield_now();
            } else {
                spin_loop();
            }
        }
    }
}

impl<T: Plain> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T: Plain> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("writes", &self.writes()).finish_non_exhaustive()
    }
}

/// The sequence and the words on lines of their own, the sequence beside the first word: up to 56
/// bytes cross in one line.
#[repr(C, align(128))]
struct Shared<T> {
    /// Twice the number of writes done; odd while one goes on.
    sequence: AtomicU64,
    words: Words<T>,
}

#[cfg(not(tiercel_loom))]
const _: () = {
    use crate::layout::{APART_BYTES, LINE_BYTES};

    assert!(align_of::<Shared<u64>>() == APART_BYTES);
    assert!(core::mem::offset_of!(Shared<[u64; 7]>, words) == size_of::<u64>());
    assert!(size_of::<AtomicU64>() + size_of::<Words<[u64; 7]>>() == LINE_BYTES);
};

/// How many atomic words hold a `T`.
const fn word_count<T>() -> usize {
    const {
        assert!(size_of::<T>() > 0, "nothing to hold");
        assert!(
            size_of::<T>().is_multiple_of(size_of::<u64>()),
            "the size of the value is no multiple of 8 bytes: pad it with a reserved field"
        );
        size_of::<T>() / size_of::<u64>()
    }
}

/// A value as atomic words, each of which may be read while it is written.
#[cfg(not(tiercel_loom))]
#[repr(C, align(8))]
struct Words<T> {
    value: core::cell::UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: after it is made, it is read and written by atomic operations alone.
#[cfg(not(tiercel_loom))]
unsafe impl<T: Plain> Sync for Words<T> {}

#[cfg(not(tiercel_loom))]
impl<T: Plain> Words<T> {
    fn new(value: &T) -> Self {
        Self { value: core::cell::UnsafeCell::new(MaybeUninit::new(*value)) }
    }

    #[inline(always)]
    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at < word_count::<T>());
        // SAFETY: the word lies within the value, whose address is a multiple of 8; its bytes are
        // initialised, since `T` has no padding; and nothing but these atomics accesses it.
        unsafe { AtomicU64::from_ptr(self.value.get().cast::<u64>().add(at)) }
    }
}

/// The same for loom, whose atomics are larger than a word.
#[cfg(tiercel_loom)]
struct Words<T> {
    words: Box<[AtomicU64]>,
    value: core::marker::PhantomData<T>,
}

#[cfg(tiercel_loom)]
impl<T: Plain> Words<T> {
    fn new(value: &T) -> Self {
        let words = (0..word_count::<T>()).map(|at| AtomicU64::new(word_of(value, at))).collect();
        Self { words, value: core::marker::PhantomData }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.words[at]
    }
}

impl<T: Plain> Words<T> {
    #[inline(always)]
    fn store(&self, value: &T) {
        for at in 0..word_count::<T>() {
            self.word(at).store(word_of(value, at), Ordering::Relaxed);
        }
    }

    /// The words as they were, each by itself: together they may be no valid value.
    #[inline(always)]
    fn load(&self) -> MaybeUninit<T> {
        let mut value = MaybeUninit::<T>::uninit();
        let words = value.as_mut_ptr().cast::<u64>();
        for at in 0..word_count::<T>() {
            let word = self.word(at).load(Ordering::Relaxed);
            // SAFETY: `value` has room for `word_count` words, at whatever alignment `T` has.
            unsafe { words.add(at).write_unaligned(word) };
        }
        value
    }
}

/// A value's word.
#[inline(always)]
fn word_of<T: Plain>(value: &T, at: usize) -> u64 {
    debug_assert!(at < word_count::<T>());
    // SAFETY: the word lies within the value, whose bytes are all initialised (`IntoBytes`) and do
    // not change behind the reference (`Immutable`).
    unsafe { (&raw const *value).cast::<u64>().add(at).read_unaligned() }
}
