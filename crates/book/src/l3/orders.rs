//! The orders: a slab, with links to the neighbours in the queue.

use tiercel_types::Side;

use super::ladder::Level;
use super::prefetch::prefetch_line;

/// No handle. The slab's first place is never an order: it takes the write that would go to the
/// last order of an empty queue, so that appending needs no branch.
pub(super) const NONE: u32 = 0;

/// No more orders live at once: the table's entries hold handles of 32 bits, and it is at most
/// half full.
pub const ORDERS_MAX: usize = 1 << 30;

/// A live order of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Order {
    reference: u64,
    /// Open quantity; above zero while the order lives.
    qty: u32,
    price: u32,
    /// Behind it in the queue. Of a free place: the next free one.
    next: u32,
    /// Before it in the queue.
    previous: u32,
    locate: u16,
    side: Side,
}

// Two to a cache line.
const _: () = assert!(size_of::<Order>() == 32);

impl Order {
    pub(super) const fn new(reference: u64, locate: u16, side: Side, qty: u32, price: u32) -> Self {
        Self { reference, qty, price, next: NONE, previous: NONE, locate, side }
    }

    /// The feed's number of it.
    #[inline]
    pub const fn reference(&self) -> u64 {
        self.reference
    }

    /// Its open quantity, in the feed's units.
    #[inline]
    pub const fn qty(&self) -> u32 {
        self.qty
    }

    /// Its price, in the feed's units.
    #[inline]
    pub const fn price(&self) -> u32 {
        self.price
    }

    /// Its instrument.
    #[inline]
    pub const fn locate(&self) -> u16 {
        self.locate
    }

    /// Its side.
    #[inline]
    pub const fn side(&self) -> Side {
        self.side
    }

    #[inline]
    pub(super) const fn reduce(&mut self, qty: u32) {
        self.qty -= qty;
    }
}

/// The slab. Places of orders that ended are used again, the latest first: they are in the cache.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    /// The first free place; [`NONE`] when all are used.
    free: u32,
}

impl Orders {
    pub(super) fn with_capacity(orders: usize) -> Self {
        let mut slots = Vec::with_capacity(orders.min(ORDERS_MAX) + 1);
        slots.push(Order::new(0, 0, Side::Buy, 0, 0));
        Self { slots, free: NONE }
    }

    /// The order of a handle that the table or a link gave.
    #[inline]
    pub(super) fn get(&self, handle: u32) -> &Order {
        &self.slots[handle as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, handle: u32) -> &mut Order {
        &mut self.slots[handle as usize]
    }

    /// Asks for an order's line.
    #[inline(always)]
    pub(super) fn prefetch(&self, handle: u32) {
        if let Some(order) = self.slots.get(handle as usize) {
            prefetch_line(order);
        }
    }

    /// The handle that [`Self::append`] will give; `None` when the slab is full.
    #[inline]
    pub(super) fn next_handle(&self) -> Option<u32> {
        if self.free != NONE {
            return Some(self.free);
        }
        (self.slots.len() <= ORDERS_MAX).then_some(self.slots.len() as u32)
    }

    /// Puts an order at the end of its level's queue.
    #[inline]
    pub(super) fn append(&mut self, mut order: Order, level: &mut Level) {
        order.previous = level.last;
        let handle = self.free;
        let handle = if handle == NONE {
            self.slots.push(order);
            self.slots.len() as u32 - 1
        } else {
            let slot = &mut self.slots[handle as usize];
            self.free = slot.next;
            *slot = order;
            handle
        };
        self.slots[level.last as usize].next = handle;
        level.first = if level.last == NONE { handle } else { level.first };
        level.last = handle;
        level.orders += 1;
        level.qty += u64::from(order.qty);
    }

    /// Takes an order out of its level's queue and frees its place. True when the level is empty.
    #[inline]
    pub(super) fn unlink(&mut self, handle: u32, level: &mut Level) -> bool {
        let Order { next, previous, qty, .. } = self.slots[handle as usize];
        if previous == NONE {
            level.first = next;
        } else {
            self.slots[previous as usize].next = next;
        }
        if next == NONE {
            level.last = previous;
        } else {
            self.slots[next as usize].previous = previous;
        }
        let slot = &mut self.slots[handle as usize];
        slot.next = self.free;
        self.free = handle;
        level.orders -= 1;
        level.qty -= u64::from(qty);
        level.orders == 0
    }

    /// The orders of a level, first in the queue first.
    pub(super) fn queue(&self, level: Option<&Level>) -> impl Iterator<Item = &Order> {
        let mut handle = level.map_or(NONE, |level| level.first);
        core::iter::from_fn(move || {
            let order = (handle != NONE).then(|| self.get(handle))?;
            handle = order.next;
            Some(order)
        })
    }
}
