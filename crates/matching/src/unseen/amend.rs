//! Amending hidden orders.

use tiercel_types::Qty;
use tiercel_types::event::{EventBuffer, OrderAmended};

use crate::amend::Change;
use crate::engine::{Engine, Progress};
use crate::ledger::Ledger;

impl<L: Ledger> Engine<L> {
    /// Changes a hidden order as was checked; what it reserves was changed already.
    #[cold]
    pub(crate) fn change_unseen(
        &mut self,
        handle: u32,
        change: &Change,
        out: &mut EventBuffer,
    ) -> Progress {
        if change.keeps_priority {
            let less = self.orders.get(handle).open() - change.open_lots;
            self.take_off(handle, less);
            self.orders.get_mut(handle).total = change.total_lots;
            self.tell_unseen_amended(handle, change, out);
            return Progress::Done;
        }
        self.unlink_unseen(handle);
        let order = self.orders.get_mut(handle);
        (order.tick, order.total, order.hidden) =
            (change.tick, change.total_lots, change.open_lots);
        let index = self.waiting.waiters.of(handle);
        self.waiting.waiters.get_mut(index).price = change.new_price;
        if !change.crosses {
            self.join(handle);
            self.tell_unseen_amended(handle, change, out);
            return Progress::Done;
        }
        self.waiting.waiters.get_mut(index).state = crate::waiting::State::Live;
        self.tell_unseen_amended(handle, change, out);
        let mut taker = self.taker_of(index);
        self.bound(&mut taker);
        self.take(&mut taker, None, out)
    }

    fn tell_unseen_amended(&self, handle: u32, change: &Change, out: &mut EventBuffer) {
        let order = self.orders.get(handle);
        let book = self.book(order.book);
        let amended = OrderAmended {
            order_id: order.id,
            price: change.new_price,
            open_qty: book.qty(change.open_lots),
            displayed_qty: Qty::ZERO,
            level_qty: Qty::ZERO,
            old_price: change.old_price,
            old_level_qty: Qty::ZERO,
            update_id: 0,
            side: order.side,
            priority_kept: u8::from(change.keeps_priority),
            resting: u8::from(!change.crosses),
            reserved: 0,
            client_order_id: self.client_order_id_of(handle),
        };
        out.push(book.spec.instrument, order.account, amended);
    }
}
