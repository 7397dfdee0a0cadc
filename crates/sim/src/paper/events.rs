//! What the engine did: the queues as they are now, and what we are told of our orders.

use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::venue::VenueReport;
use tiercel_types::event::{OrderAccepted, OrderAmended, OrderEnded, Trade};
use tiercel_types::{AccountId, EndReason, Event, OrderId, Qty, Side};

use super::{OURS, PaperVenue, entry};

impl PaperVenue {
    /// Follows one event of an instrument. `account` is the order's, of a trade the taker's.
    pub(super) fn on_event(&mut self, at: usize, account: AccountId, event: &Event) {
        match event {
            Event::OrderAccepted(it) => self.accepted(at, account, it),
            Event::OrderRested(it) => {
                let side = &mut self.markets[at].sides[it.side.index()];
                side.push(it.price, entry(it.order_id, it.open_qty, account));
            }
            Event::Trade(it) => self.traded(at, account, it),
            Event::OrderAmended(it) => self.amended(at, account, it),
            Event::OrderEnded(it) => self.ended(at, account, it),
            Event::Denied(_) => self.was_denied = true,
            _ => {}
        }
    }

    fn accepted(&mut self, at: usize, account: AccountId, it: &OrderAccepted) {
        if it.resting == 1 {
            let side = &mut self.markets[at].sides[it.side.index()];
            side.push(it.price, entry(it.order_id, it.qty, account));
        }
        if account == OURS {
            self.tell_own(it.order_id, |_| Input::Accepted(it.order_id));
        }
    }

    fn traded(&mut self, at: usize, taker: AccountId, it: &Trade) {
        self.traded = Some(it.price);
        let maker_side = it.taker_side.opposite();
        let side = &mut self.markets[at].sides[maker_side.index()];
        side.set(it.price, it.maker_order_id, it.maker_open_qty.units());
        if taker == OURS {
            self.filled(it.taker_order_id, it.taker_side, it, it.taker_open_qty, false);
        }
        if it.maker_account == OURS {
            self.filled(it.maker_order_id, maker_side, it, it.maker_open_qty, true);
        }
    }

    fn filled(&mut self, order_id: OrderId, side: Side, it: &Trade, open: Qty, is_maker: bool) {
        let Some(own) = self.own.by_id(order_id) else { return };
        own.executed += it.qty.units();
        let after = Progress::Executed(Qty::from_units(own.executed));
        let (name, instrument) = (own.terms.client_order_id, own.terms.instrument);
        let input = Input::Filled { trade_id: it.trade_id, price: it.price, qty: it.qty, after };
        let fee = self.options.fees.of(is_maker, side, it.price, it.qty);
        self.tell(instrument, VenueReport { fee, ..VenueReport::new(name, order_id, input) });
        if open.is_zero() {
            self.own.end(order_id, Found::Filled);
        }
    }

    fn amended(&mut self, at: usize, account: AccountId, it: &OrderAmended) {
        let side = &mut self.markets[at].sides[it.side.index()];
        if it.priority_kept == 1 {
            side.set(it.price, it.order_id, it.open_qty.units());
        } else {
            side.set(it.old_price, it.order_id, 0);
            if it.resting == 1 {
                side.push(it.price, entry(it.order_id, it.open_qty, account));
            }
        }
        if account != OURS {
            return;
        }
        if let Some(own) = self.own.by_id(it.order_id) {
            (own.price, own.qty) = (it.price, own.executed + it.open_qty.units());
        }
        let (price, open_qty) = (it.price, it.open_qty);
        self.tell_own(it.order_id, |_| Input::Replaced { price, open_qty });
    }

    fn ended(&mut self, at: usize, account: AccountId, it: &OrderEnded) {
        if it.was_resting == 1 {
            self.markets[at].sides[it.side.index()].set(it.price, it.order_id, 0);
        }
        if account != OURS {
            return;
        }
        let is_cancelled = matches!(it.reason, EndReason::Cancelled | EndReason::SelfTrade);
        self.tell_own(it.order_id, |executed| {
            let progress = Progress::Executed(executed);
            if is_cancelled { Input::Cancelled(progress) } else { Input::Expired(progress) }
        });
        self.own.end(it.order_id, if is_cancelled { Found::Cancelled } else { Found::Expired });
    }

    /// Tells something of one of our orders, of which so much has traded.
    fn tell_own(&mut self, order_id: OrderId, input: impl Fn(Qty) -> Input) {
        let Some(own) = self.own.by_id(order_id) else { return };
        let (name, instrument) = (own.terms.client_order_id, own.terms.instrument);
        let input = input(Qty::from_units(own.executed));
        self.tell(instrument, VenueReport::new(name, order_id, input));
    }
}
