//! Good-till-date orders by expire time: a binary heap that knows where each order is, so that
//! cancelling one leaves nothing behind.

use tiercel_types::{OrderId, Timestamp};

use crate::orders::Orders;

/// The position of an order that is not in the heap.
pub(crate) const NOWHERE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    expire_time: Timestamp,
    order_id: OrderId,
    handle: u32,
}

/// Orders by (expire time, order id), earliest first. An order's position is kept in its extra
/// part.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    heap: Vec<Timer>,
}

/// Room for so many from the start; more is taken as they come.
const CAPACITY: usize = 256;

impl Default for Timers {
    fn default() -> Self {
        Self { heap: Vec::with_capacity(CAPACITY) }
    }
}

impl Timers {
    /// The earliest expire time.
    #[inline(always)]
    pub(crate) fn next_time(&self) -> Option<Timestamp> {
        self.heap.first().map(|timer| timer.expire_time)
    }

    /// The order that expires first, if it is due at `now`.
    #[inline]
    pub(crate) fn due(&self, now: Timestamp) -> Option<u32> {
        self.heap.first().filter(|timer| timer.expire_time <= now).map(|timer| timer.handle)
    }

    /// Adds an order that has its extra part.
    pub(crate) fn insert(&mut self, orders: &mut Orders, handle: u32) {
        let expire_time = orders.extra(handle).expire_time;
        let order_id = orders.get(handle).id;
        self.heap.push(Timer { expire_time, order_id, handle });
        self.rise(orders, self.heap.len() - 1);
    }

    /// Removes an order that was added.
    pub(crate) fn remove(&mut self, orders: &mut Orders, handle: u32) {
        let at = orders.extra(handle).timer;
        if at == NOWHERE {
            return;
        }
        orders.extra_mut(handle).timer = NOWHERE;
        let at = at as usize;
        self.heap.swap_remove(at);
        if at < self.heap.len() {
            self.rise(orders, at);
            self.sink(orders, at);
        }
    }

    /// Moves the timer at `at` towards the front while it is earlier than its parent.
    fn rise(&mut self, orders: &mut Orders, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent] <= self.heap[at] {
                break;
            }
            self.heap.swap(parent, at);
            self.note(orders, at);
            at = parent;
        }
        self.note(orders, at);
    }

    /// Moves the timer at `at` towards the end while it is later than a child.
    fn sink(&mut self, orders: &mut Orders, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let mut earliest = at;
            for child in [left, right] {
                if child < self.heap.len() && self.heap[child] < self.heap[earliest] {
                    earliest = child;
                }
            }
            if earliest == at {
                break;
            }
            self.heap.swap(earliest, at);
            self.note(orders, at);
            at = earliest;
        }
        self.note(orders, at);
    }

    /// Tells the order whose timer lies at `at` so.
    fn note(&self, orders: &mut Orders, at: usize) {
        orders.extra_mut(self.heap[at].handle).timer = at as u32;
    }
}
