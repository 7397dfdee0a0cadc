//! From order references to handles: open addressing with entries of eight bytes.
//!
//! An entry is a tag of 32 bits and a handle. Feeds number their orders upwards and most orders
//! live briefly, so references near each other are asked for together: those of one block of
//! [`BLOCK`] share a cache line, and only the blocks are scattered by a hash. The tag is the
//! upper bits of the block's hash and the place within the line; the slot where an entry wants to
//! be follows from the tag alone, so that entries move, on deletion and growth, without a look at
//! the orders. A tag that matches is checked against the order's full reference. Deletion shifts back what follows: there are no tombstones, and lookups stay short for ever.

use super::orders::{NONE, ORDERS_MAX, Orders};
use super::prefetch::prefetch_line;

/// An entry that holds nothing. Its handle is [`NONE`], which no order has.
const EMPTY: u64 = 0;

const _: () = assert!(EMPTY as u32 == NONE);

/// Entries in a cache line.
const LINE: usize = 8;

/// References that share a line. Nasdaq's step by about four: eight orders.
const BLOCK: u64 = 32;

/// Bits of a tag that give the place within the line.
const PLACE_BITS: u32 = LINE.trailing_zeros();

/// Bits of a tag that come from the block's hash.
const HASH_BITS: u32 = u32::BITS - PLACE_BITS;

// Twice as many entries as orders, in lines that the hash can number.
const _: () = assert!(2 * ORDERS_MAX / LINE <= 1 << HASH_BITS);

/// A cache line of entries.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([u64; LINE]);

/// Where an order was found. Good until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) handle: u32,
    slot: usize,
}

#[derive(Debug)]
pub(super) struct Table {
    /// A power of two of lines; at most half of the entries are used.
    lines: Box<[Line]>,
    used: usize,
    /// From a tag to the line it wants: so many bits to the right.
    shift: u32,
}

/// The block's hash, multiplicative with 2^64 over the golden ratio, and the place in the line.
#[inline(always)]
const fn tag(reference: u64) -> u32 {
    let hash = (reference / BLOCK).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - HASH_BITS);
    let place = reference % BLOCK / (BLOCK / LINE as u64);
    ((hash << PLACE_BITS) | place) as u32
}

#[inline(always)]
const fn tag_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Table {
    /// Room for so many orders without growing.
    pub(super) fn with_capacity(orders: usize) -> Self {
        // Two lines at least, so that the shift stays below the width of a tag.
        Self::with_lines((orders.clamp(LINE, ORDERS_MAX) * 2 / LINE).next_power_of_two())
    }

    fn with_lines(lines: usize) -> Self {
        Self {
            lines: vec![Line([EMPTY; LINE]); lines].into_boxed_slice(),
            used: 0,
            shift: u32::BITS - lines.trailing_zeros(),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// Entries but one: slots count round by it.
    #[inline(always)]
    const fn mask(&self) -> usize {
        self.lines.len() * LINE - 1
    }

    /// The slot that an entry with this tag wants.
    #[inline(always)]
    const fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize * LINE + tag as usize % LINE
    }

    #[inline(always)]
    fn entry(&self, slot: usize) -> u64 {
        self.lines[slot / LINE].0[slot % LINE]
    }

    #[inline(always)]
    fn set(&mut self, slot: usize, entry: u64) {
        self.lines[slot / LINE].0[slot % LINE] = entry;
    }

    #[inline]
    pub(super) fn find(&self, reference: u64, orders: &Orders) -> Option<Found> {
        let tag = tag(reference);
        let mut slot = self.home(tag);
        loop {
            let entry = self.entry(slot);
            if entry == EMPTY {
                return None;
            }
            let handle = entry as u32;
            if tag_of(entry) == tag && orders.get(handle).reference() == reference {
                return Some(Found { handle, slot });
            }
            slot = (slot + 1) & self.mask();
        }
    }

    /// Asks for the line where the search for a reference starts.
    #[inline(always)]
    pub(super) fn prefetch(&self, reference: u64) {
        prefetch_line(&self.lines[self.home(tag(reference)) / LINE]);
    }

    /// The handle where the search for a reference starts: mostly that of its order, else that of
    /// another or [`NONE`]. No branch.
    #[inline(always)]
    pub(super) fn guess(&self, reference: u64) -> u32 {
        self.entry(self.home(tag(reference))) as u32
    }

    /// Enters an order. False, and nothing changed, when its reference is there already.
    #[inline]
    pub(super) fn insert(&mut self, reference: u64, handle: u32, orders: &Orders) -> bool {
        if self.used * 2 > self.mask() {
            self.grow();
        }
        let tag = tag(reference);
        let mut slot = self.home(tag);
        loop {
            let entry = self.entry(slot);
            if entry == EMPTY {
                self.set(slot, (u64::from(tag) << 32) | u64::from(handle));
                self.used += 1;
                return true;
            }
            if tag_of(entry) == tag && orders.get(entry as u32).reference() == reference {
                return false;
            }
            slot = (slot + 1) & self.mask();
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
            let entry = self.entry(slot);
            if entry == EMPTY {
                break;
            }
            let home = self.home(tag_of(entry));
            // It may move into the hole unless that lies before the place it wants.
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(hole) & mask {
                self.set(hole, entry);
                hole = slot;
            }
        }
        self.set(hole, EMPTY);
        self.used -= 1;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut larger = Self::with_lines(self.lines.len() * 2);
        for entry in self.lines.iter().flat_map(|line| line.0).filter(|&entry| entry != EMPTY) {
            let mut slot = larger.home(tag_of(entry));
            while larger.entry(slot) != EMPTY {
                slot = (slot + 1) & larger.mask();
            }
            larger.set(slot, entry);
        }
        larger.used = self.used;
        *self = larger;
    }
}
