//! Entering an order: the checks in the order of the page, and what follows.

use tiercel_types::command::{AccountState, NewOrder};
use tiercel_types::event::{OrderAccepted, OrderRested};
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, DenialReason, EndReason, InstrumentId, InstrumentSpec,
    InstrumentState, OrderId, OrderKind, Price, Qty, SelfTradePrevention, Side, TimeInForce,
};

use super::trading::Taker;
use super::{AMOUNT_LIMIT, Checked, Mode, Model, Order, may_rest, money_of_qty, value, within};

/// Denies unless the condition holds.
pub(super) fn require(holds: bool, reason: DenialReason) -> Checked {
    if holds { Ok(()) } else { Err(reason) }
}

impl Model {
    pub(super) fn new_order(&mut self, new: &NewOrder) -> Checked {
        self.check_new_order(new)?;
        self.enter(new);
        Ok(())
    }

    /// All checks of a new order, 1 to 32.
    pub(super) fn check_new_order(&self, new: &NewOrder) -> Checked {
        self.check_admission(new)?;
        let spec = &self.instrument(new.instrument).spec;
        self.check_lifetime(new)?;
        Self::check_amounts(spec, new)?;
        if new.kind != OrderKind::Market || !new.price.is_zero() {
            self.check_price(new.instrument, new.kind, new.price.units())?;
        }
        Self::check_qty(spec, i128::from(new.qty.units()))?;
        if may_rest(new.time_in_force) {
            self.check_side_capacity(new.instrument, new.side, new.qty.units())?;
        }
        if new.kind != OrderKind::Market {
            self.check_value(spec, value(new.price.units(), new.qty.units()))?;
        } else if !new.quote_qty.is_zero() {
            self.check_value(spec, money_of_qty(new.quote_qty.units()))?;
        }
        Self::check_display(spec, new)?;
        if self.mode == Mode::Full {
            self.check_client_order_id(new.account, &new.client_order_id)?;
            self.check_open_orders(new)?;
        }
        let best = self.best_price(new.instrument, new.side.opposite());
        let limit = self.limit(new);
        let crosses = best.is_some_and(|price| within(new.side, limit, price));
        if new.kind == OrderKind::PostOnly || spec.state == InstrumentState::PreOpen {
            require(!crosses, DenialReason::WouldMatch)?;
        }
        if new.kind == OrderKind::Market {
            require(crosses, DenialReason::NoLiquidity)?;
        }
        if self.mode == Mode::Full {
            let (asset, needed) = self.funds_needed(new);
            let free = self.balance(new.account, asset).0.units();
            require(free >= needed, DenialReason::InsufficientFunds)?;
        }
        Ok(())
    }

    /// Checks 1 to 9.
    fn check_admission(&self, new: &NewOrder) -> Checked {
        require(new.reserved == [0; 8], DenialReason::ReservedFieldSet)?;
        let instrument = self.instruments.get(&new.instrument);
        let state = instrument.ok_or(DenialReason::UnknownInstrument)?.spec.state;
        if self.mode == Mode::Full {
            // The venue's own account is none of the accounts that were set.
            let account = self.accounts.get(&new.account).ok_or(DenialReason::UnknownAccount)?;
            require(account.state == AccountState::Active, DenialReason::AccountBlocked)?;
        }
        let closed = matches!(state, InstrumentState::Halted | InstrumentState::Closed);
        require(!closed, DenialReason::NotTrading)?;
        if state == InstrumentState::PreOpen {
            require(new.kind != OrderKind::Market, DenialReason::MarketNotOpen)?;
            require(may_rest(new.time_in_force), DenialReason::TimeInForceNotAllowed)?;
        }
        match self.mode {
            Mode::Full => require(new.order_id.is_none(), DenialReason::OrderIdNotAllowed),
            Mode::Bare => {
                require(!new.order_id.is_none(), DenialReason::OrderIdNotAllowed)?;
                let taken = self.orders.contains_key(&new.order_id);
                require(!taken, DenialReason::DuplicateOrderId)
            }
        }
    }

    /// Checks 10 and 11.
    fn check_lifetime(&self, new: &NewOrder) -> Checked {
        let allowed = match (new.kind, new.time_in_force) {
            (OrderKind::Market, TimeInForce::Fok) => new.quote_qty.is_zero(),
            (OrderKind::Market, time_in_force) => time_in_force == TimeInForce::Ioc,
            (OrderKind::PostOnly, time_in_force) => may_rest(time_in_force),
            (OrderKind::Limit, _) => true,
        };
        require(allowed, DenialReason::TimeInForceNotAllowed)?;
        let expire_time_fits = match new.time_in_force {
            TimeInForce::Gtd => new.expire_time.0 > self.now,
            _ => new.expire_time.0 == 0,
        };
        require(expire_time_fits, DenialReason::ExpireTimeInvalid)
    }

    /// Checks 12 to 14.
    fn check_amounts(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if !new.quote_qty.is_zero() {
            // An amount buys no number of lots where a price may be zero or below.
            let allowed =
                new.kind == OrderKind::Market && new.qty.is_zero() && spec.min_price.units() >= 0;
            require(allowed, DenialReason::QuoteQtyNotAllowed)?;
        }
        require(!new.qty.is_zero() || !new.quote_qty.is_zero(), DenialReason::QtyRequired)?;
        if new.kind != OrderKind::Market && spec.min_price.units() >= 0 {
            require(!new.price.is_zero(), DenialReason::PriceRequired)?;
        }
        Ok(())
    }

    /// Checks 15 to 18, of a price that is given.
    pub(super) fn check_price(
        &self,
        instrument: InstrumentId,
        kind: OrderKind,
        price: i64,
    ) -> Checked {
        let found = self.instrument(instrument);
        let spec = &found.spec;
        let tick = spec.tick.units();
        require(price % tick == 0, DenialReason::PriceNotOnTick)?;
        let lowest = if spec.min_price.is_zero() { tick } else { spec.min_price.units() };
        require(price >= lowest, DenialReason::PriceTooLow)?;
        if !spec.max_price.is_zero() {
            require(price <= spec.max_price.units(), DenialReason::PriceTooHigh)?;
        }
        let reference = i128::from(found.last_price.unwrap_or(spec.reference_price.units()));
        if kind != OrderKind::Market && spec.band_ppm != 0 && reference != 0 {
            let distance = (i128::from(price) - reference).abs();
            let inside = distance * 1_000_000 <= reference * i128::from(spec.band_ppm);
            require(inside, DenialReason::PriceOutOfBand)?;
        }
        Ok(())
    }

    /// Checks 19 to 21. The total of an amendment may not fit a quantity: that is too large.
    pub(super) fn check_qty(spec: &InstrumentSpec, qty: i128) -> Checked {
        let units = |qty: Qty| i128::from(qty.units());
        require(qty % units(spec.lot) == 0, DenialReason::QtyNotOnLot)?;
        require(qty == 0 || qty >= units(spec.min_qty), DenialReason::QtyTooSmall)?;
        let largest = if spec.max_qty.is_zero() { Qty::MAX } else { spec.max_qty };
        require(qty <= units(largest), DenialReason::QtyTooLarge)
    }

    /// Check 22: the open quantity of a side fits a quantity.
    pub(super) fn check_side_capacity(
        &self,
        instrument: InstrumentId,
        side: Side,
        more: u64,
    ) -> Checked {
        let open = self.orders_best_first(instrument, side).into_iter().map(|order| order.open);
        let open: i128 = open.map(i128::from).sum();
        require(open + i128::from(more) < 1 << 64, DenialReason::QtyTooLarge)
    }

    /// Checks 23 and 24.
    pub(super) fn check_value(&self, spec: &InstrumentSpec, value: i128) -> Checked {
        if !spec.min_notional.is_zero() {
            let least = money_of_qty(spec.min_notional.units());
            require(value >= least, DenialReason::NotionalTooSmall)?;
        }
        if !spec.max_notional.is_zero() {
            let most = money_of_qty(spec.max_notional.units());
            require(value <= most, DenialReason::NotionalTooLarge)?;
        }
        let countable = self.mode == Mode::Bare || value < AMOUNT_LIMIT;
        require(countable, DenialReason::NotionalTooLarge)
    }

    /// Checks 25 to 27.
    fn check_display(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if new.display_qty.is_zero() {
            return Ok(());
        }
        let allowed = new.kind != OrderKind::Market && may_rest(new.time_in_force);
        require(allowed, DenialReason::DisplayQtyNotAllowed)?;
        let fits =
            new.display_qty.units().is_multiple_of(spec.lot.units()) && new.display_qty <= new.qty;
        require(fits, DenialReason::DisplayQtyInvalid)?;
        Self::check_parts(spec, new.qty.units(), new.display_qty.units())
    }

    /// Check 27.
    pub(super) fn check_parts(spec: &InstrumentSpec, qty: u64, display_qty: u64) -> Checked {
        let parts = qty.div_ceil(display_qty);
        let fits = spec.max_iceberg_parts == 0 || parts <= u64::from(spec.max_iceberg_parts);
        require(fits, DenialReason::TooManyIcebergParts)
    }

    /// Check 28.
    pub(super) fn check_client_order_id(
        &self,
        account: AccountId,
        client_order_id: &ClientOrderId,
    ) -> Checked {
        let taken = !client_order_id.is_empty()
            && self
                .orders
                .values()
                .any(|order| order.account == account && order.client_order_id == *client_order_id);
        require(!taken, DenialReason::DuplicateClientOrderId)
    }

    /// Check 29.
    fn check_open_orders(&self, new: &NewOrder) -> Checked {
        let most = self.accounts[&new.account].max_open_orders;
        if most == 0 || !may_rest(new.time_in_force) {
            return Ok(());
        }
        let live = self.orders.values().filter(|order| order.account == new.account).count();
        require(live < most as usize, DenialReason::TooManyOpenOrders)
    }

    /// How far an order goes: its limit, or a market order's protection price if it has one.
    fn limit(&self, new: &NewOrder) -> Option<i64> {
        if new.kind != OrderKind::Market || !new.price.is_zero() {
            return Some(new.price.units());
        }
        let spec = &self.instrument(new.instrument).spec;
        if spec.market_protection_ppm == 0 {
            return None;
        }
        let best = i128::from(self.best_price(new.instrument, new.side.opposite())?);
        let tick = i128::from(spec.tick.units());
        let ticks_away = best * i128::from(spec.market_protection_ppm) / (1_000_000 * tick);
        let highest = i128::from(i64::MAX) / tick * tick;
        let price = match new.side {
            Side::Buy => (best + ticks_away * tick).min(highest),
            Side::Sell => (best - ticks_away * tick).max(-highest),
        };
        Some(price as i64)
    }

    /// What an order needs free: of which asset, and how much.
    fn funds_needed(&self, new: &NewOrder) -> (AssetId, i128) {
        let spec = &self.instrument(new.instrument).spec;
        match (new.side, new.kind) {
            (Side::Buy, OrderKind::Market) if !new.quote_qty.is_zero() => {
                (spec.quote, money_of_qty(new.quote_qty.units()))
            }
            (Side::Buy, OrderKind::Market) => (spec.quote, self.walk(new).1),
            (Side::Buy, _) => (spec.quote, value(new.price.units(), new.qty.units())),
            (Side::Sell, OrderKind::Market) if !new.quote_qty.is_zero() => {
                (spec.base, money_of_qty(self.walk(new).0))
            }
            (Side::Sell, _) => (spec.base, money_of_qty(new.qty.units())),
        }
    }

    /// What a market order would take: its quantity and its cost.
    fn walk(&self, new: &NewOrder) -> (u64, i128) {
        let lot = self.instrument(new.instrument).spec.lot.units();
        let limit = self.limit(new);
        let mut qty_left = new.qty.units();
        let mut amount_left = money_of_qty(new.quote_qty.units());
        let (mut qty, mut cost) = (0, 0);
        for maker in self.orders_best_first(new.instrument, new.side.opposite()) {
            if !within(new.side, limit, maker.price) {
                break;
            }
            let wanted = if new.quote_qty.is_zero() {
                qty_left
            } else {
                super::trading::qty_for_amount(amount_left, maker.price, lot)
            };
            if wanted == 0 {
                break;
            }
            if new.self_trade_prevention == SelfTradePrevention::ExpireMaker
                && self.is_self_trade(new.account, maker.account)
            {
                continue;
            }
            let taken = wanted.min(maker.open);
            qty_left = qty_left.saturating_sub(taken);
            amount_left -= value(maker.price, taken);
            qty += taken;
            cost += value(maker.price, taken);
        }
        (qty, cost)
    }

    /// The steps of an order that passed all checks.
    pub(super) fn enter(&mut self, new: &NewOrder) {
        let limit = self.limit(new);
        let order = self.make_order(new, limit);
        let (id, instrument, side) = (order.id, order.instrument, order.side);
        let best = self.best_price(instrument, side.opposite());
        let crosses = best.is_some_and(|price| within(side, limit, price));
        let rests = !crosses && may_rest(order.time_in_force);
        let mut accepted = OrderAccepted {
            order_id: id,
            price: Price::from_units(order.price),
            qty: new.qty,
            level_qty: Qty::ZERO,
            update_id: 0,
            side,
            kind: new.kind,
            time_in_force: new.time_in_force,
            self_trade_prevention: new.self_trade_prevention,
            resting: u8::from(rests),
            reserved: [0; 3],
            client_order_id: new.client_order_id,
            reserved_too: [0; 4],
            quote_qty: new.quote_qty,
            display_qty: new.display_qty,
            expire_time: new.expire_time,
        };
        self.reserve(&order);
        let price = order.price;
        if rests {
            self.orders.insert(id, order);
            self.join_level(id);
            accepted.level_qty = self.level_qty(instrument, side, price);
            accepted.update_id = self.next_update(instrument);
            self.emit(instrument, new.account, accepted);
            return;
        }
        self.emit(instrument, new.account, accepted);
        let amount_left = (!new.quote_qty.is_zero()).then(|| money_of_qty(new.quote_qty.units()));
        let taker = Taker { order, limit, amount_left };
        if new.time_in_force == TimeInForce::Fok && self.tradable_at_once(&taker) < new.qty.units()
        {
            self.end_taker(&taker, EndReason::FillOrKill);
            return;
        }
        self.trade_and_settle(taker);
    }

    fn make_order(&mut self, new: &NewOrder, limit: Option<i64>) -> Order {
        let id = match self.mode {
            Mode::Full => {
                self.orders_accepted += 1;
                OrderId::new(self.shard, self.orders_accepted)
            }
            Mode::Bare => new.order_id,
        };
        let client_order_id = match self.mode {
            Mode::Full => new.client_order_id,
            Mode::Bare => ClientOrderId::EMPTY,
        };
        Order {
            id,
            instrument: new.instrument,
            account: new.account,
            client_order_id,
            side: new.side,
            kind: new.kind,
            time_in_force: new.time_in_force,
            self_trade_prevention: new.self_trade_prevention,
            price: limit.unwrap_or(0),
            filled: 0,
            open: new.qty.units(),
            displayed: 0,
            display_qty: new.display_qty.units(),
            expire_time: new.expire_time.0,
        }
    }

    /// Trades, and does with the rest what the order asks for.
    pub(super) fn trade_and_settle(&mut self, mut taker: Taker) {
        if !self.trade(&mut taker) {
            return;
        }
        let (instrument, side) = (taker.order.instrument, taker.order.side);
        if taker.amount_left.is_some() {
            let best = self.best_price(instrument, side.opposite());
            let spent = best.is_some_and(|price| within(side, taker.limit, price));
            let reason = if spent { EndReason::QuoteSpent } else { EndReason::NoLiquidity };
            self.end_taker(&taker, reason);
        } else if taker.order.open == 0 {
            // Filled: its last trade said so.
        } else if may_rest(taker.order.time_in_force) {
            self.rest(taker.order);
        } else if taker.order.kind == OrderKind::Market {
            self.end_taker(&taker, EndReason::NoLiquidity);
        } else {
            self.end_taker(&taker, EndReason::ImmediateOrCancel);
        }
    }

    fn rest(&mut self, order: Order) {
        let (id, instrument, side, price) = (order.id, order.instrument, order.side, order.price);
        let account = order.account;
        self.orders.insert(id, order);
        self.join_level(id);
        let order = &self.orders[&id];
        let (open, displayed) = (order.open, order.displayed);
        let level_qty = self.level_qty(instrument, side, price);
        let update_id = self.next_update(instrument);
        self.emit(
            instrument,
            account,
            OrderRested {
                order_id: id,
                price: Price::from_units(price),
                open_qty: Qty::from_units(open),
                displayed_qty: Qty::from_units(displayed),
                level_qty,
                update_id,
                side,
                reserved: [0; 7],
            },
        );
    }
}
