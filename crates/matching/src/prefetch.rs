//! Loading what soon-to-come commands will need.

use tiercel_types::command::Command;
use tiercel_types::{Price, Side};

use crate::engine::Engine;
use crate::ledger::Ledger;

/// How far ahead [`Engine::prefetch`] looks at commands in a large book: a memory access apart.
const PREFETCH_DISTANCES: [usize; 3] = [12, 8, 4];

/// How far ahead it looks in a small one.
const PREFETCH_NEAR: usize = 2;

/// With fewer live orders the second-level cache holds them all: what costs time then is that an
/// order is known only when its id's entry is, and one step ahead is enough.
const PREFETCH_ORDERS_MIN: usize = 8_192;

impl<L: Ledger> Engine<L> {
    /// Loads into the cache what commands will need that come soon. It changes nothing.
    ///
    /// `ahead` tells the command that comes so many commands after the one that is applied next,
    /// if it is known already: none further than 12.
    #[inline(always)]
    pub fn prefetch<'c>(&self, ahead: impl Fn(usize) -> Option<&'c Command>) {
        if self.orders.len() < PREFETCH_ORDERS_MIN {
            if let Some(command) = ahead(PREFETCH_NEAR) {
                self.prefetch_order(command);
            }
            // Few orders in a large table: where a new one's id will lie is cold all the same.
            if self.orders.room() >= PREFETCH_ORDERS_MIN
                && let Some(Command::NewOrder(new)) = ahead(PREFETCH_DISTANCES[0])
            {
                prefetch_line(self.ids.home(self.hash_id(new.order_id)));
            }
            return;
        }
        for (step, distance) in PREFETCH_DISTANCES.into_iter().enumerate() {
            if let Some(command) = ahead(distance) {
                self.prefetch_step(command, step);
            }
        }
    }

    /// Loads where the order is looked for that a command names as its client does, or where a new one's name
    /// will lie: of a command that comes after some others, as few as a memory access takes. It changes
    /// nothing. Worth it where [`prefetch`](Self::prefetch) is not: a client's names are told only there.
    #[inline]
    pub fn prefetch_client_id(&self, command: &Command) {
        let (account, id) = match command {
            Command::NewOrder(new) => {
                prefetch_line(self.ids.home(self.hash_id(new.order_id)));
                (new.account, &new.client_order_id)
            }
            Command::CancelOrder(cancel) => (cancel.account, &cancel.client_order_id),
            Command::AmendOrder(amend) => (amend.account, &amend.client_order_id),
            _ => return,
        };
        if L::ENABLED && !id.is_empty() {
            prefetch_line(self.client_ids.home(self.hash_client_id(account, id)));
        }
    }

    /// Loads the order that a command names, as the entry at the home of its id tells it: right
    /// nearly always.
    #[inline(always)]
    fn prefetch_order(&self, command: &Command) {
        let id = match command {
            Command::AmendOrder(amend) => amend.order_id,
            Command::CancelOrder(cancel) => cancel.order_id,
            _ => return,
        };
        prefetch_line(self.orders.get(self.ids.guess(self.hash_id(id))));
    }

    /// Each step needs what the one before has loaded meanwhile: the entry of the order's id,
    /// then the order, then its neighbours and its level.
    #[inline(always)]
    fn prefetch_step(&self, command: &Command, step: usize) {
        let (id, price) = match command {
            Command::AmendOrder(amend) => (amend.order_id, amend.price),
            Command::CancelOrder(cancel) => (cancel.order_id, Price::ZERO),
            Command::NewOrder(new) if step == 2 => {
                if let Ok(index) = self.book_of(new.instrument) {
                    self.prefetch_tail(index, new.side, new.price);
                }
                return;
            }
            Command::NewOrder(new) => (new.order_id, Price::ZERO),
            _ => return,
        };
        let hash = self.hash_id(id);
        if step == 0 {
            return prefetch_line(self.ids.home(hash));
        }
        let Some(handle) = self.ids.first_with(hash) else { return };
        let found = self.orders.get(handle);
        if step == 1 {
            prefetch_line(found);
        } else {
            prefetch_line(self.orders.get(found.next));
            prefetch_line(self.orders.get(found.previous));
            let ladder = self.book(found.book).ladder(found.side);
            ladder.prefetch(ladder.key(found.tick));
            if !price.is_zero() {
                self.prefetch_tail(found.book, found.side, price);
            }
        }
    }

    /// Loads the last order of the level that an order of this price would join.
    #[inline(always)]
    fn prefetch_tail(&self, index: u32, side: Side, price: Price) {
        let book = self.book(index);
        let ladder = book.ladder(side);
        let level = book.tick.divide_signed(price.units());
        if let Some(level) = level.and_then(|tick| ladder.level(ladder.key(tick))) {
            prefetch_line(self.orders.get(level.tail));
        }
    }
}

/// Asks the processor for a cache line.
#[inline(always)]
pub(crate) fn prefetch_line<T>(target: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching is a hint; it neither faults nor changes anything, and SSE is part of
    // every x86-64.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(target).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = target;
}
