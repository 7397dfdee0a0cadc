//! From order references to handles: open addressing with entries of eight bytes.
//!
//! An entry is a tag, the upper 32 bits of the reference's hash, and a handle. The place where an
//! entry wants to be is the upper bits of its tag, so that entries move, on deletion and growth,
//! without a look at the orders. A tag that matches is checked against the order's full reference.
//! Deletion shifts back what follows: there are no tombstones, and lookups stay short for ever.

use super::batch::prefetch_line;
use super::orders::{NONE, Orders};

/// An entry that holds nothing. Its handle is [`NONE`], which no order has.
const EMPTY: u64 = u64::MAX;

const _: () = assert!(EMPTY as u32 == NONE);

/// Where an order was found. Good until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) handle: u32,
    slot: usize,
}

#[derive(Debug)]
pub(super) struct Table {
    /// A power of two of entries, at most half of them used.
    entries: Box<[u64]>,
    used: usize,
    /// From a tag to the place it wants: so many bits to the right.
    shift: u32,
}

/// The upper half of a multiplicative hash (2^64 over the golden ratio): references that follow
/// each other spread evenly.
#[inline]
const fn tag(reference: u64) -> u32 {
    (reference.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

impl Table {
    /// Room for so many orders without growing.
    pub(super) fn with_capacity(orders: usize) -> Self {
        Self::with_entries((orders.clamp(8, super::ORDERS_MAX) * 2).next_power_of_two())
    }

    fn with_entries(entries: usize) -> Self {
        Self {
            entries: vec![EMPTY; entries].into_boxed_slice(),
            used: 0,
            shift: 32 - entries.trailing_zeros(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.used
    }

    #[inline]
    const fn mask(&self) -> usize {
        self.entries.len() - 1
    }

    /// The place that an entry with this tag wants.
    #[inline]
    const fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    #[inline]
    pub(super) fn find(&self, reference: u64, orders: &Orders) -> Option<Found> {
        let tag = tag(reference);
        let mut slot = self.home(tag);
        loop {
            let entry = self.entries[slot & self.mask()];
            if entry == EMPTY {
                return None;
            }
            let handle = entry as u32;
            if (entry >> 32) as u32 == tag && orders.get(handle).reference() == reference {
                return Some(Found { handle, slot: slot & self.mask() });
            }
            slot += 1;
        }
    }

    /// Asks for the line where the search for a reference starts.
    #[inline(always)]
    pub(super) fn prefetch(&self, reference: u64) {
        prefetch_line(&self.entries[self.home(tag(reference)) & self.mask()]);
    }

    /// The handle where the search for a reference starts: mostly that of its order, else that of
    /// another or [`NONE`]. No branch.
    #[inline(always)]
    pub(super) fn guess(&self, reference: u64) -> u32 {
        self.entries[self.home(tag(reference)) & self.mask()] as u32
    }

    /// Enters an order. False, and nothing changed, when its reference is there already.
    #[inline]
    pub(super) fn insert(&mut self, reference: u64, handle: u32, orders: &Orders) -> bool {
        if self.used * 2 >= self.entries.len() {
            self.grow();
        }
        let tag = tag(reference);
        let mut slot = self.home(tag);
        loop {
            let at = slot & self.mask();
            let entry = self.entries[at];
            if entry == EMPTY {
                self.entries[at] = (u64::from(tag) << 32) | u64::from(handle);
                self.used += 1;
                return true;
            }
            if (entry >> 32) as u32 == tag && orders.get(entry as u32).reference() == reference {
                return false;
            }
            slot += 1;
        }
    }

    /// Takes out what was found, and shifts back what follows without a gap.
    #[inline]
    pub(super) fn remove(&mut self, found: Found) {
        let mask = self.mask();
        let mut hole = found.slot;
        let mut slot = hole;
        loop {
            slot = (slot + 1) & mask;
            let entry = self.entries[slot];
            if entry == EMPTY {
                break;
            }
            let home = self.home((entry >> 32) as u32);
            // It may move into the hole unless that lies before the place it wants.
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = slot;
            }
        }
        self.entries[hole] = EMPTY;
        self.used -= 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut larger = Self::with_entries(self.entries.len() * 2);
        for &entry in &self.entries {
            if entry == EMPTY {
                continue;
            }
            let mut slot = larger.home((entry >> 32) as u32);
            while larger.entries[slot & larger.mask()] != EMPTY {
                slot += 1;
            }
            let at = slot & larger.mask();
            larger.entries[at] = entry;
        }
        larger.used = self.used;
        *self = larger;
    }
}
