//! Orders: a slab of 64-byte records with intrusive links, and what is rarely needed beside it.

use tiercel_types::{
    AccountId, ClientOrderId, OrderId, OrderKind, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// No order, no level.
pub(crate) const NONE: u32 = u32::MAX;

/// What matching needs of a live order: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    /// Open and visible, in lots.
    pub(crate) displayed: u64,
    /// Open and hidden, in lots.
    pub(crate) hidden: u64,
    /// Filled and open, in lots.
    pub(crate) total: u64,
    /// Iceberg: lots of a slice; zero: all is visible.
    pub(crate) slice: u64,
    /// Behind it in its level.
    pub(crate) next: u32,
    /// Ahead of it in its level.
    pub(crate) previous: u32,
    pub(crate) level: u32,
    pub(crate) account: AccountId,
    /// Which of the engine's books.
    pub(crate) book: u32,
    pub(crate) side: Side,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) self_trade_prevention: SelfTradePrevention,
    pub(crate) kind: OrderKind,
}

const _: () = assert!(size_of::<Order>() == 64, "an order is one cache line");

impl Order {
    /// Open lots, hidden ones included.
    #[inline(always)]
    pub(crate) fn open(&self) -> u64 {
        self.displayed + self.hidden
    }

    /// Splits `open` lots into what an order with this slice displays and hides.
    #[inline(always)]
    pub(crate) fn split(open: u64, slice: u64) -> (u64, u64) {
        if slice == 0 || open <= slice { (open, 0) } else { (slice, open - slice) }
    }
}

/// What is rarely needed of a live order. The bare book touches it for good-till-date orders
/// alone.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct OrderExtra {
    pub(crate) client_order_id: ClientOrderId,
    /// Position in the timers' heap.
    pub(crate) timer: u32,
    pub(crate) expire_time: Timestamp,
    /// Its neighbours among its account's live orders.
    pub(crate) account_next: u32,
    pub(crate) account_previous: u32,
}

impl OrderExtra {
    const EMPTY: Self = Self {
        client_order_id: ClientOrderId::EMPTY,
        timer: NONE,
        expire_time: Timestamp(0),
        account_next: NONE,
        account_previous: NONE,
    };
}

/// The slab: orders by handle.
#[derive(Clone, Debug)]
pub struct Orders {
    slots: Vec<Order>,
    extras: Vec<OrderExtra>,
    /// First free slot; free slots are linked by `next`.
    free: u32,
    live: usize,
}

impl Orders {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), extras: Vec::new(), free: NONE, live: 0 }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Stores an order and returns its handle.
    #[inline(always)]
    pub(crate) fn insert(&mut self, order: Order) -> u32 {
        self.live += 1;
        let handle = self.free;
        if handle == NONE {
            return self.append(order);
        }
        let slot = &mut self.slots[handle as usize];
        self.free = slot.next;
        *slot = order;
        handle
    }

    #[inline(never)]
    fn append(&mut self, order: Order) -> u32 {
        let handle = self.slots.len();
        assert!(handle < NONE as usize, "fewer than 2^32 - 1 live orders");
        self.slots.push(order);
        handle as u32
    }

    /// Frees a slot.
    #[inline(always)]
    pub(crate) fn remove(&mut self, handle: u32) {
        self.live -= 1;
        self.slots[handle as usize].next = self.free;
        self.free = handle;
    }

    #[inline(always)]
    pub(crate) fn get(&self, handle: u32) -> &Order {
        &self.slots[handle as usize]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, handle: u32) -> &mut Order {
        &mut self.slots[handle as usize]
    }

    #[inline]
    pub(crate) fn extra(&self, handle: u32) -> &OrderExtra {
        &self.extras[handle as usize]
    }

    #[inline]
    pub(crate) fn extra_mut(&mut self, handle: u32) -> &mut OrderExtra {
        &mut self.extras[handle as usize]
    }

    /// Gives an order its extra part. Room is made for as many as there may be orders at once,
    /// so that this allocates only when the slab itself has grown.
    #[inline]
    pub(crate) fn attach(
        &mut self,
        handle: u32,
        client_order_id: ClientOrderId,
        expire_time: Timestamp,
    ) {
        if handle as usize >= self.extras.len() {
            self.grow_extras();
        }
        let extra = OrderExtra { client_order_id, expire_time, ..OrderExtra::EMPTY };
        self.extras[handle as usize] = extra;
    }

    #[cold]
    fn grow_extras(&mut self) {
        self.extras.resize(self.slots.capacity(), OrderExtra::EMPTY);
    }
}
