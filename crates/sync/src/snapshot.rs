//! A large state that one thread publishes and many look at where it lies, always whole.
//!
//! ```text
//!             current: [ slot | entered ]              one word: which slot, how many came to it
//!                         |
//!   values   [ 0 ] [ 1 ] [ 2 ] [ 3 ]                   readers + 2 slots
//!   left       7     4     0     9                     how many went from it, ever
//!
//!   writer                                    reader
//!   W1 find a slot that all who entered left  R1 current says my slot?  (relaxed)  done
//!   W2 write the value there                  R2 left[mine] += 1        (release)
//!   W3 swap current: the slot, 0  (acq_rel)   R3 current += 1           (acq_rel)  my slot now
//!   W4 entered[old] += what was counted       R4 look at the value there
//!
//!   R3 reads W3 (or an R3 after it): R4 sees what W2 wrote.
//!   W1 reads R2 (acquire): what R4 looked at was looked at before W2 writes there again.
//!   W3 reads R3: W1 sees the R2 before it, so a reader never counts as being in two slots.
//! ```
//!
//! Nobody ever waits or repeats: a read is one load while nothing is new and two additions when
//! something is, a write takes the first free slot of readers + 2, of which one is always free. A
//! reader may keep looking at its slot as long as it likes, and holds up nobody. Nothing is
//! allocated after [`cell`].
//!
//! The counting is that of ARC, a wait-free register for large values: M. Ianni, A. Pellegrini,
//! F. Quaglia, "Anonymous Readers Counting", IEEE TPDS 30(2), 2019.
//!
//! Budget: looking costs one load of a word that changes as often as the state does.

use core::fmt;

use thiserror::Error;

use crate::atomic::{Arc, AtomicU64, Ordering, UnsafeCell};
use crate::layout::Apart;

/// `current` holds the slot above these bits and who entered it below: 2^48 can enter between two
/// publications, and each reader enters once.
const ENTERED_BITS: u32 = 48;
const ENTERED: u64 = (1 << ENTERED_BITS) - 1;

/// The most readers that a cell can have.
pub const READERS_MAX: usize = (1 << (u64::BITS - ENTERED_BITS)) - 2;

/// A cell that shows `value`, for at most `readers_max` readers (at least one): the handle that
/// publishes, and the first that reads. It keeps `readers_max + 2` clones of the value.
///
/// ```
/// use tiercel_sync::snapshot;
///
/// #[derive(Clone, Default)]
/// struct Depth {
///     bids: [(i64, u64); 20],
///     update: u64,
/// }
///
/// let (mut publisher, mut reader) = snapshot::cell(Depth::default(), 2);
/// let mut second = reader.try_clone().unwrap();
/// publisher.publish(|depth| {
///     depth.bids[0] = (100, 5);
///     depth.update = 1;
/// });
/// assert!(reader.is_stale());
/// let depth = reader.read();
/// assert_eq!((depth.bids[0], depth.update), ((100, 5), 1));
/// assert_eq!(second.read().update, 1);
/// assert!(second.try_clone().is_err());
/// ```
///
/// # Panics
/// When `readers_max` is 0 or above [`READERS_MAX`].
pub fn cell<T: Clone + Send + Sync>(value: T, readers_max: usize) -> (Publisher<T>, Reader<T>) {
    assert!((1..=READERS_MAX).contains(&readers_max), "no such number of readers: {readers_max}");
    let slots = readers_max + 2;
    let values = (1..slots).map(|_| value.clone()).chain([value.clone()]);
    let shared = Arc::new(Shared {
        // The first reader has entered slot 0.
        current: Apart::new(AtomicU64::new(1)),
        readers: AtomicU64::new(1),
        readers_max: readers_max as u64,
        left: (0..slots).map(|_| Apart::new(AtomicU64::new(0))).collect(),
        values: values.map(|value| Apart::new(UnsafeCell::new(value))).collect(),
    });
    let entered = vec![0; slots].into_boxed_slice();
    (Publisher { shared: Arc::clone(&shared), current: 0, entered }, Reader { shared, slot: 0 })
}

/// As many readers as the cell was made for are there already.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the snapshot cell has all the {readers_max} readers that it was made for")]
pub struct TooManyReaders {
    /// How many it was made for.
    pub readers_max: u64,
}

/// The one handle that publishes.
pub struct Publisher<T> {
    shared: Arc<Shared<T>>,
    /// The slot that `Shared::current` names.
    current: usize,
    /// How many entered each slot, ever, while it was current; the current one's are still counted
    /// in `Shared::current`.
    entered: Box<[u64]>,
}

impl<T> Publisher<T> {
    /// Has `write` bring an old state up to date, and shows it. Never waits, for nobody.
    ///
    /// What `write` is given is some earlier state, not always the last: it must overwrite all that
    /// may differ. When it panics, nothing is published.
    #[inline]
    pub fn publish<R>(&mut self, write: impl FnOnce(&mut T) -> R) -> R {
        let slot = self.free_slot();
        // W2
        // SAFETY: the slot is not current, so nobody enters it before W3; and all who ever entered
        // it have left, which W1 saw after their last look.
        let result = self.shared.values[slot].with_mut(|value| write(unsafe { &mut *value }));
        // W3: release, so that R3 sees W2; acquire, so that whoever is counted as entered here is
        // seen to have left where it was before.
        let before = self.shared.current.swap((slot as u64) << ENTERED_BITS, Ordering::AcqRel);
        // W4
        self.entered[self.current] += before & ENTERED;
        self.current = slot;
        result
    }

    /// Shows `value`; the earlier state that lay in its place is dropped.
    #[inline]
    pub fn replace(&mut self, value: T) {
        self.publish(|old| *old = value);
    }

    /// What is shown now.
    pub fn read(&self) -> &T {
        // SAFETY: only `publish` writes, which takes this handle for itself.
        self.shared.values[self.current].with(|value| unsafe { &*value })
    }

    /// W1: the first slot that nobody is in and nobody can enter.
    #[inline]
    fn free_slot(&self) -> usize {
        let free = |slot: &usize| {
            // Synchronises with R2: what the last reader saw there, it saw before.
            *slot != self.current
                && self.shared.left[*slot].load(Ordering::Acquire) == self.entered[*slot]
        };
        match (0..self.entered.len()).find(free) {
            Some(slot) => slot,
            // Each of the `readers_max` readers is in one slot at most, and one slot is current:
            // of `readers_max + 2` one is left over.
            None => unreachable!("a reader is in two slots"),
        }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("slot", &self.current).finish_non_exhaustive()
    }
}

/// A handle that looks: one for each thread.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    /// The slot it is in; nobody writes there before it leaves.
    slot: usize,
}

impl<T> Reader<T> {
    /// The newest state. It stays as it is while it is borrowed; ask again for a newer one.
    #[inline]
    pub fn read(&mut self) -> &T {
        if self.is_stale() {
            self.enter_current();
        }
        self.last()
    }

    /// The state that [`read`](Self::read) found last, without asking for a newer one.
    #[inline]
    pub fn last(&self) -> &T {
        // R4
        // SAFETY: this reader entered the slot and has not left it, so nobody writes there; R3 saw
        // what was written before.
        self.shared.values[self.slot].with(|value| unsafe { &*value })
    }

    /// Whether something newer was published than what [`last`](Self::last) shows.
    #[inline]
    pub fn is_stale(&self) -> bool {
        // R1: the slot cannot have become current a second time, since this reader is still in it.
        // Relaxed: if it is the same, R3 saw its value already; if not, R3 will.
        self.shared.current.load(Ordering::Relaxed) >> ENTERED_BITS != self.slot as u64
    }

    /// One more reader, for another thread. It begins at the newest state.
    ///
    /// # Errors
    /// When all the readers are there that the cell was made for.
    pub fn try_clone(&self) -> Result<Self, TooManyReaders> {
        let readers_max = self.shared.readers_max;
        // Acquire: synchronises with the release in `drop`, so that whoever sees this reader enter
        // sees the one leave whose place it takes.
        self.shared
            .readers
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |readers| {
                (readers < readers_max).then_some(readers + 1)
            })
            .map_err(|_| TooManyReaders { readers_max })?;
        let slot = self.shared.enter();
        Ok(Self { shared: Arc::clone(&self.shared), slot })
    }

    #[cold]
    #[inline(never)]
    fn enter_current(&mut self) {
        self.shared.leave(self.slot);
        self.slot = self.shared.enter();
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.shared.leave(self.slot);
        // Release: see `try_clone`.
        self.shared.readers.fetch_sub(1, Ordering::Release);
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("slot", &self.slot).finish_non_exhaustive()
    }
}

struct Shared<T> {
    /// What is new, and who came to it: the one word that both sides write.
    current: Apart<AtomicU64>,
    readers: AtomicU64,
    readers_max: u64,
    left: Box<[Apart<AtomicU64>]>,
    values: Box<[Apart<UnsafeCell<T>>]>,
}

// SAFETY: readers share `&T` across threads (`Sync`), and the publisher's thread replaces and drops
// what another made (`Send`). Who may touch which value when is what the module's page proves.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

#[cfg(not(tiercel_loom))]
const _: () = {
    use core::mem::offset_of;

    use crate::layout::APART_BYTES;

    type Any = Shared<u64>;
    assert!(offset_of!(Any, current).is_multiple_of(APART_BYTES));
    assert!(offset_of!(Any, readers).abs_diff(offset_of!(Any, current)) >= APART_BYTES);
    assert!(size_of::<Apart<UnsafeCell<u64>>>() == APART_BYTES);
};

impl<T> Shared<T> {
    /// R2: says that this reader looks at `slot` no more.
    #[inline]
    fn leave(&self, slot: usize) {
        // Release: synchronises with W1.
        self.left[slot].fetch_add(1, Ordering::Release);
    }

    /// R3: enters the slot that is current, and returns it.
    #[inline]
    fn enter(&self) -> usize {
        // Acquire: synchronises with W3, for its value. Release: for the same W3's successor, which
        // reads this count and must see the R2 before it.
        (self.current.fetch_add(1, Ordering::AcqRel) >> ENTERED_BITS) as usize
    }
}
