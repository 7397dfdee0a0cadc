//! Orders, and what is asked of them.

use tiercel_types::command::{
    AmendOrder, CancelOrder, MassCancel, NewOrder, QueryOrder, ReplaceOrder,
};
use tiercel_types::order::{
    AmendQtyMeaning, OrderKind, SelfTradePrevention, Side, SideScope, TimeInForce,
};
use tiercel_types::{AccountId, InstrumentId, OrderId, Price, Qty, Timestamp};

use super::reader::{Name, Reader};
use super::venue::{LOT_UNITS, MIDDLE_TICKS};
use crate::model::Mode;

impl Reader<'_> {
    pub(super) fn new_order(&mut self, now: u64) -> NewOrder {
        // Orders of a list have one owner and one instrument.
        let (mut instrument, mut account) = (self.instrument(), self.account());
        let side = self.byte();
        if side & 6 != 0 {
            (instrument, account) = (self.last_instrument, self.last_account);
        }
        (self.last_instrument, self.last_account) = (instrument, account);
        let (side, session) = (Side::ALL[usize::from(side & 1)], u32::from(side >> 3 & 3));
        let (price, qty) = (self.price(), self.qty());
        let mut order = NewOrder::limit(instrument, account, side, price, qty);
        order.session = session;
        let number = 1 + self.orders.len() as u64;
        match self.mode {
            Mode::Bare => order.order_id = OrderId(number),
            Mode::Full => {
                order.client_order_id = format!("o{number}").parse().expect("a short id");
            }
        }
        // Most orders are plain: one byte says which are not.
        let traits = self.byte();
        if traits & 1 != 0 {
            order.client_order_id = self.client_order_id();
        }
        if traits & 2 != 0 && self.byte() < 192 {
            order.kind = self.pick(OrderKind::ALL);
            order.time_in_force = self.pick(TimeInForce::ALL);
        }
        if traits & 4 != 0 {
            let last = SelfTradePrevention::ALL.len() - 1;
            let mode = usize::from(self.byte() % 8).min(last);
            order.self_trade_prevention = SelfTradePrevention::ALL[mode];
        }
        if traits & 8 != 0 {
            let lots = order.qty.units() / LOT_UNITS / u64::from(1 + self.byte() % 8);
            let more = if self.byte() > 250 { order.qty.units() } else { 0 };
            order.display_qty = Qty::from_units((lots.max(1) * LOT_UNITS).saturating_add(more));
        }
        if order.kind == OrderKind::Market {
            order.price = if traits & 16 == 0 { Price::ZERO } else { order.price };
            if traits & 32 != 0 {
                let value = u64::from(self.byte()) * MIDDLE_TICKS.unsigned_abs() * LOT_UNITS / 100;
                (order.qty, order.quote_qty) = (Qty::ZERO, Qty::from_units(value));
            }
        }
        if order.time_in_force == TimeInForce::Gtd {
            order.expire_time = Timestamp(now + u64::from(self.byte() % 64));
        }
        if traits >= 252 {
            match traits {
                255 => order.order_id = OrderId(self.word()),
                254 => order.reserved[0] = 1,
                _ => order.quote_qty = self.qty(),
            }
        }
        let NewOrder { order_id, client_order_id, .. } = order;
        self.orders.push(Name { order_id, client_order_id, account, instrument, side });
        order
    }

    pub(super) fn cancel_order(&mut self) -> CancelOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        CancelOrder { order_id, account, client_order_id }
    }

    pub(super) fn replace_order(&mut self, now: u64) -> ReplaceOrder {
        let target = self.target();
        let mut order = self.new_order(now);
        if self.byte() < 240 {
            let Name { account, instrument, side, .. } = target;
            order = NewOrder { account, instrument, side, ..order };
            let entered = self.orders.last_mut().expect("an order was drawn, and not noted");
            *entered = Name { account, instrument, side, ..*entered };
        }
        ReplaceOrder {
            target_order_id: target.order_id,
            target_client_order_id: target.client_order_id,
            reserved: [self.byte() / 255; 4],
            order,
        }
    }

    pub(super) fn amend_order(&mut self) -> AmendOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        let traits = self.byte();
        let new_name = traits & 16 != 0;
        AmendOrder {
            order_id,
            price: if traits & 1 == 0 { Price::ZERO } else { self.price() },
            qty: if traits & 2 == 0 { Qty::ZERO } else { self.qty() },
            account,
            client_order_id,
            new_client_order_id: if new_name { self.client_order_id() } else { client_order_id },
            qty_meaning: AmendQtyMeaning::ALL[usize::from(traits & 4 != 0)],
            lose_priority: (traits >> 3) % 2 + traits / 255,
            reserved: [0; 2],
        }
    }

    pub(super) fn query_order(&mut self) -> QueryOrder {
        let Name { order_id, client_order_id, account, .. } = self.target();
        QueryOrder { order_id, account, client_order_id }
    }

    pub(super) fn mass_cancel(&mut self) -> MassCancel {
        let all = self.byte();
        MassCancel {
            account: if all & 1 == 0 { AccountId::ALL } else { self.account() },
            instrument: if all & 2 == 0 { InstrumentId::ALL } else { self.instrument() },
            sides: self.pick(SideScope::ALL),
            reserved: [all / 255; 7],
        }
    }
}
