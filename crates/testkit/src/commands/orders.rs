//! Orders, and what is asked of them.

use tiercel_types::command::{AmendOrder, CancelOrder, NewOrder, QueryOrder, ReplaceOrder};
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, ClientOrderId, InstrumentId, InstrumentSpec, OrderId, OrderKind, Price, Qty,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use super::{Generator, Listed, Live, ONE};
use crate::model::Mode;

impl Generator {
    /// A price of the instrument: to trade, or to wait.
    pub(super) fn price(&mut self, instrument: InstrumentId, side: Side, crosses: bool) -> Price {
        let spread = self.profile.spread_ticks;
        let Some(at) = self.instruments.iter().position(|each| each.spec.instrument == instrument)
        else {
            return Price::from_units(ONE as i64);
        };
        let tick = self.instruments[at].spec.tick.units();
        if self.random.one_in(30) {
            self.wander(at);
        }
        let mut middle = self.instruments[at].middle;
        if self.profile.wide_prices && self.random.one_in(3) {
            middle = self.far_price(instrument);
        }
        // The smaller of two draws: levels near the middle are the busiest.
        let ticks = self.random.below(spread).min(self.random.below(spread)) as i64;
        let away = if (side == Side::Buy) == crosses { ticks } else { -ticks - 1 };
        let price = (middle / tick * tick).saturating_add(away.saturating_mul(tick));
        Price::from_units(price / tick * tick)
    }

    /// Moves the middle by a tick; far from home, back.
    pub(super) fn wander(&mut self, at: usize) {
        let Listed { spec, first_middle, middle, .. } = self.instruments[at];
        let tick = spec.tick.units();
        let step = if middle > first_middle.saturating_add(tick.saturating_mul(12)) {
            -tick
        } else if middle < first_middle.saturating_sub(tick.saturating_mul(12)) {
            tick
        } else {
            *self.random.pick(&[-tick, tick])
        };
        self.instruments[at].middle = middle.saturating_add(step);
    }

    /// A price at the edges of what the instrument, or the type, allows.
    pub(super) fn far_price(&mut self, instrument: InstrumentId) -> i64 {
        let listed = self.instruments.iter().find(|each| each.spec.instrument == instrument);
        let spec = listed.map_or(self.instruments[0].spec, |each| each.spec);
        let edges = [
            spec.min_price.units(),
            spec.max_price.units(),
            spec.min_price.units() / 2,
            i64::MAX - 50,
            i64::MAX / 3,
            0,
            1_000_000,
        ];
        *self.random.pick(&edges)
    }

    pub(super) fn qty(&mut self, spec: &InstrumentSpec) -> Qty {
        let lots = match self.random.below(20) {
            0 => 1 + self.random.below(200),
            1..=5 => 1 + self.random.below(3),
            _ => 1 + self.random.below(20),
        };
        if self.profile.wide_prices && self.random.one_in(25) {
            let lot = spec.lot.units();
            return Qty::from_units((u64::MAX >> self.random.below(6)) / lot * lot);
        }
        // The smallest order is a few lots in some instruments.
        let lots = lots + spec.min_qty.units() / spec.lot.units();
        Qty::from_units(lots * spec.lot.units() * self.lots_scale(spec))
    }

    /// Lots of a cheap instrument are traded by the thousand.
    pub(super) fn lots_scale(&mut self, spec: &InstrumentSpec) -> u64 {
        if spec.lot.units() == 1 && self.random.one_in(2) { 12_347 } else { 1 }
    }

    pub(super) fn client_order_id(&mut self) -> ClientOrderId {
        if self.random.one_in(2) {
            return ClientOrderId::EMPTY;
        }
        self.next_name += 1;
        // Names come again once their order is gone, and sometimes before.
        format!("name-{}", self.next_name % 5_000).parse().unwrap_or(ClientOrderId::EMPTY)
    }

    pub(super) fn new_order(&mut self) -> NewOrder {
        let (listed, account, side) = (self.instrument(), self.account(), self.side());
        self.new_order_for(&listed.spec, account, side)
    }

    pub(super) fn new_order_for(
        &mut self,
        spec: &InstrumentSpec,
        account: AccountId,
        side: Side,
    ) -> NewOrder {
        let profile = self.profile;
        let crosses = self.chance(profile.crossing);
        let price = self.price(spec.instrument, side, crosses);
        let qty = self.qty(spec);
        let mut order = NewOrder::limit(spec.instrument, account, side, price, qty);
        order.client_order_id = self.client_order_id();
        self.join_session(&mut order);
        if profile.mode == Mode::Bare {
            order.order_id = self.bare_order_id();
        }
        if self.chance(profile.self_trade_prevention) {
            order.self_trade_prevention = *self.random.pick(SelfTradePrevention::ALL);
        }
        if self.chance(profile.market) {
            self.make_market(&mut order);
            return order;
        }
        if self.chance(profile.post_only) {
            order.kind = OrderKind::PostOnly;
        } else if self.chance(profile.immediate) {
            order.time_in_force = *self.random.pick(&[TimeInForce::Ioc, TimeInForce::Fok]);
            return order;
        }
        self.make_lasting(&mut order);
        if self.chance(profile.iceberg) {
            let lots = qty.units() / spec.lot.units();
            let slice = 1 + self.random.below(lots) / (1 + self.random.below(8));
            order.display_qty = Qty::from_units(slice * spec.lot.units());
        }
        order
    }

    /// Good till cancelled, for the day, or till a date.
    pub(super) fn make_lasting(&mut self, order: &mut NewOrder) {
        match self.random.below(10) {
            0 => order.time_in_force = TimeInForce::Day,
            1 => {
                order.time_in_force = TimeInForce::Gtd;
                order.expire_time = Timestamp(self.time + 1 + self.random.below(4_000));
            }
            _ => {}
        }
    }

    pub(super) fn make_market(&mut self, order: &mut NewOrder) {
        order.kind = OrderKind::Market;
        order.time_in_force = *self.random.pick(&[TimeInForce::Ioc, TimeInForce::Fok]);
        if self.random.one_in(2) {
            order.time_in_force = TimeInForce::Ioc;
            let whole = i128::from(order.price.units()) * i128::from(order.qty.units());
            let amount = whole.unsigned_abs() / u128::from(ONE) + u128::from(self.random.below(3));
            order.quote_qty = Qty::from_units(u64::try_from(amount).unwrap_or(u64::MAX));
            order.qty = Qty::ZERO;
        }
        if self.random.below(4) > 0 {
            order.price = Price::ZERO;
        }
    }

    /// Mostly new, sometimes used before.
    pub(super) fn bare_order_id(&mut self) -> OrderId {
        self.next_name += 1;
        match self.random.below(40) {
            0 => self.dead.back().copied().unwrap_or(OrderId(1)),
            1 => OrderId(u64::MAX - self.next_name),
            _ => OrderId(self.next_name.wrapping_mul(0x1_0000_0001)),
        }
    }

    /// A live order, mostly; else one that nobody has.
    pub(super) fn any_order(&mut self) -> Live {
        let nobody = Live {
            id: OrderId(1),
            instrument: InstrumentId(0),
            account: AccountId(1),
            side: Side::Buy,
            price: ONE as i64,
            qty: ONE,
            display_qty: Qty::ZERO,
            client_order_id: ClientOrderId::EMPTY,
        };
        if self.live.is_empty() {
            return nobody;
        }
        *self.random.pick(&self.live)
    }

    /// How a command names an order: by id, or by its client's name for it; rarely wrongly.
    pub(super) fn order_name(&mut self, order: &Live) -> (OrderId, AccountId, ClientOrderId) {
        let one_in = if self.profile.mode == Mode::Bare { 50 } else { 3 };
        let by_name = !order.client_order_id.is_empty() && self.random.one_in(one_in);
        match self.random.below(60) {
            0 => (order.id, self.account(), ClientOrderId::EMPTY),
            1 => {
                let dead = self.dead.front().copied().unwrap_or(OrderId(7));
                (dead, order.account, ClientOrderId::EMPTY)
            }
            2 => (OrderId::NONE, order.account, ClientOrderId::EMPTY),
            _ if by_name => (OrderId::NONE, order.account, order.client_order_id),
            _ => (order.id, order.account, ClientOrderId::EMPTY),
        }
    }

    pub(super) fn cancel_order(&mut self) -> CancelOrder {
        let order = self.any_order();
        let (order_id, account, client_order_id) = self.order_name(&order);
        CancelOrder { order_id, account, client_order_id }
    }

    pub(super) fn query_order(&mut self) -> QueryOrder {
        let CancelOrder { order_id, account, client_order_id } = self.cancel_order();
        QueryOrder { order_id, account, client_order_id }
    }

    pub(super) fn replace_order(&mut self) -> ReplaceOrder {
        let target = self.any_order();
        let (target_order_id, account, target_client_order_id) = self.order_name(&target);
        let listed = self.instruments.iter().find(|each| each.spec.instrument == target.instrument);
        let spec = listed.map_or(self.instruments[0].spec, |each| each.spec);
        let mut order = self.new_order_for(&spec, account, target.side);
        if self.random.one_in(3) {
            order.client_order_id = target.client_order_id;
        }
        if self.profile.mode == Mode::Bare && self.random.one_in(3) {
            order.order_id = target.id;
        }
        ReplaceOrder { target_order_id, target_client_order_id, reserved: [0; 4], order }
    }

    pub(super) fn amend_order(&mut self) -> AmendOrder {
        let order = self.any_order();
        let (order_id, account, client_order_id) = self.order_name(&order);
        let listed = self.instruments.iter().find(|each| each.spec.instrument == order.instrument);
        let spec = listed.map_or(self.instruments[0].spec, |each| each.spec);
        let keep_price = if spec.min_price.units() < 0 { order.price } else { 0 };
        let mut amend = AmendOrder {
            order_id,
            price: Price::from_units(keep_price),
            qty: Qty::ZERO,
            account,
            client_order_id,
            new_client_order_id: ClientOrderId::EMPTY,
            qty_meaning: *self.random.pick(AmendQtyMeaning::ALL),
            lose_priority: u8::from(self.random.one_in(10)),
            reserved: [0; 2],
        };
        if self.random.one_in(3) {
            let crosses = self.random.one_in(4);
            amend.price = self.price(order.instrument, order.side, crosses);
        }
        let (lot, lots) = (spec.lot.units(), order.qty / spec.lot.units());
        match self.random.below(4) {
            0 | 1 => amend.qty = Qty::from_units(lot * (1 + self.random.below(lots.max(1)))),
            2 => {
                let grown = lots.saturating_add(1 + self.random.below(5)).saturating_mul(lot);
                amend.qty = Qty::from_units(grown);
            }
            _ => {}
        }
        if self.random.one_in(5) {
            amend.new_client_order_id = self.client_order_id();
        }
        amend
    }
}
