//! Entering an order: the checks in the order of the page, and what follows.

use tiercel_types::command::{AccountState, NewOrder, OrderTerms};
use tiercel_types::event::OrderRested;
use tiercel_types::{
    AccountId, AssetId, ClientOrderId, DenialReason, EndReason, InstrumentId, InstrumentSpec,
    InstrumentState, OrderId, OrderKind, Peg, Price, Qty, SelfTradePrevention, Side, TimeInForce,
};

use super::bands::Stop;
use super::telling::order_accepted;
use super::trading::{Taker, qty_for_amount};
use super::unseen::Rung;
use super::{
    AMOUNT_LIMIT, Checked, Mode, Model, Order, Place, may_rest, money_of_qty, value, within,
};

/// Denies unless the condition holds.
pub(super) fn require(holds: bool, reason: DenialReason) -> Checked {
    if holds { Ok(()) } else { Err(reason) }
}

/// How an order comes in: not every check is for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// By a command of its own.
    Alone,
    /// With its list, which counts its orders and funds itself.
    InList,
    /// With its list, to be entered later.
    Pending,
}

impl Model {
    pub(super) fn new_order(&mut self, new: &NewOrder) -> Checked {
        if new.time_in_force.is_for_auction() {
            return self.new_auction_order(new, &OrderTerms::NONE);
        }
        self.check_new_order(new, &OrderTerms::NONE, Entry::Alone)?;
        self.enter(new, &OrderTerms::NONE);
        Ok(())
    }

    /// The checks of a new order, 1 to 32.
    pub(super) fn check_new_order(
        &self,
        new: &NewOrder,
        terms: &OrderTerms,
        entry: Entry,
    ) -> Checked {
        require(new.reserved == [0; 4], DenialReason::ReservedFieldSet)?;
        self.check_parties(new)?;
        let spec = &self.instrument(new.instrument).spec;
        if entry != Entry::Pending {
            Self::check_state(spec, new)?;
        }
        self.check_order_id(new)?;
        Self::check_time_in_force(new)?;
        self.check_expire_time(new)?;
        Self::check_amounts(spec, new)?;
        // The book gives a market-to-limit order its price, and a pegged one may have none.
        let unlimited = terms.peg != Peg::None && new.price.is_zero();
        let new = &self.priced(new)?;
        if new.kind != OrderKind::MarketToLimit && !unlimited {
            Self::check_limit(spec, new)?;
            Self::check_given_price(spec, new)?;
            if entry != Entry::Pending && new.kind != OrderKind::Market {
                self.check_band(new.instrument, new.side, new.price.units())?;
            }
        }
        Self::check_qty(spec, i128::from(new.qty.units()))?;
        if entry != Entry::Pending && may_rest(new.kind, new.time_in_force) {
            self.check_side_capacity(new.instrument, new.side, new.qty.units())?;
        }
        if !unlimited {
            self.check_new_value(spec, new)?;
        }
        Self::check_display(spec, new)?;
        self.check_client_order_id(new.account, &new.client_order_id)?;
        if entry == Entry::Alone && may_rest(new.kind, new.time_in_force) {
            self.check_open_orders(new.account, 1)?;
        }
        if entry != Entry::Pending {
            self.check_against_book(new)?;
        }
        if entry == Entry::Alone {
            self.check_funds_of_new(new)?;
        }
        Ok(())
    }

    /// Checks 2 to 4.
    pub(super) fn check_parties(&self, new: &NewOrder) -> Checked {
        let known = self.instruments.contains_key(&new.instrument);
        require(known, DenialReason::UnknownInstrument)?;
        if self.mode == Mode::Full {
            // The venue's own account is none of the accounts that were set.
            let account = self.accounts.get(&new.account).ok_or(DenialReason::UnknownAccount)?;
            require(account.state == AccountState::Active, DenialReason::AccountBlocked)?;
            self.check_switch(new.account)?;
        }
        Ok(())
    }

    /// Check 5.
    pub(super) fn check_not_shut(spec: &InstrumentSpec) -> Checked {
        let shut = matches!(
            spec.state,
            InstrumentState::Halted | InstrumentState::Closed | InstrumentState::Paused
        );
        require(!shut, DenialReason::NotTrading)
    }

    /// Checks 5 to 7.
    fn check_state(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        Self::check_not_shut(spec)?;
        let lasts = !matches!(new.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        match spec.state {
            InstrumentState::PreOpen => {
                let priced = !matches!(new.kind, OrderKind::Market | OrderKind::MarketToLimit);
                require(priced, DenialReason::MarketNotOpen)?;
                require(lasts, DenialReason::TimeInForceNotAllowed)
            }
            InstrumentState::Call => {
                let rests = lasts && new.kind != OrderKind::MarketToLimit;
                require(rests, DenialReason::ImmediateInCall)
            }
            _ => Ok(()),
        }
    }

    /// Checks 8 and 9.
    pub(super) fn check_order_id(&self, new: &NewOrder) -> Checked {
        match self.mode {
            Mode::Full => require(new.order_id.is_none(), DenialReason::OrderIdNotAllowed),
            Mode::Bare => {
                require(!new.order_id.is_none(), DenialReason::OrderIdNotAllowed)?;
                let taken = self.orders.contains_key(&new.order_id);
                require(!taken, DenialReason::DuplicateOrderId)
            }
        }
    }

    /// Check 10.
    fn check_time_in_force(new: &NewOrder) -> Checked {
        let allowed = match (new.kind, new.time_in_force) {
            (OrderKind::Market, TimeInForce::Fok) => new.quote_qty.is_zero(),
            (OrderKind::Market, time_in_force) => time_in_force == TimeInForce::Ioc,
            (OrderKind::PostOnly, time_in_force) => may_rest(new.kind, time_in_force),
            (OrderKind::Limit | OrderKind::MarketToLimit, time_in_force) => {
                !time_in_force.is_for_auction()
            }
        };
        require(allowed, DenialReason::TimeInForceNotAllowed)
    }

    /// Check 11.
    pub(super) fn check_expire_time(&self, new: &NewOrder) -> Checked {
        let fits = match new.time_in_force {
            TimeInForce::Gtd => new.expire_time.0 > self.now,
            _ => new.expire_time.0 == 0,
        };
        require(fits, DenialReason::ExpireTimeInvalid)
    }

    /// Checks 12 and 13.
    pub(super) fn check_amounts(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if !new.quote_qty.is_zero() {
            // An amount buys no number of lots where a price may be zero or below.
            let allowed =
                new.kind == OrderKind::Market && new.qty.is_zero() && spec.min_price.units() >= 0;
            require(allowed, DenialReason::QuoteQtyNotAllowed)?;
        }
        require(!new.qty.is_zero() || !new.quote_qty.is_zero(), DenialReason::QtyRequired)
    }

    /// Check 14.
    pub(super) fn check_limit(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if new.kind != OrderKind::Market && spec.min_price.units() >= 0 {
            require(!new.price.is_zero(), DenialReason::PriceRequired)?;
        }
        Ok(())
    }

    /// Checks 15 to 17, if a price is given.
    pub(super) fn check_given_price(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if new.kind == OrderKind::Market && new.price.is_zero() {
            return Ok(());
        }
        Self::check_price(spec, new.price.units())
    }

    /// Checks 15 to 17.
    pub(super) fn check_price(spec: &InstrumentSpec, price: i64) -> Checked {
        let tick = spec.tick.units();
        require(price % tick == 0, DenialReason::PriceNotOnTick)?;
        Self::check_bounds(spec, price)
    }

    /// Checks 16 and 17.
    pub(super) fn check_bounds(spec: &InstrumentSpec, price: i64) -> Checked {
        let tick = spec.tick.units();
        let lowest = if spec.min_price.is_zero() { tick } else { spec.min_price.units() };
        require(price >= lowest, DenialReason::PriceTooLow)?;
        let highest = if spec.max_price.is_zero() { i64::MAX } else { spec.max_price.units() };
        require(price <= highest, DenialReason::PriceTooHigh)
    }

    /// Checks 18 and 18a.
    pub(super) fn check_band(&self, instrument: InstrumentId, side: Side, price: i64) -> Checked {
        let found = self.instrument(instrument);
        let band_ppm = i128::from(found.spec.band_ppm);
        let reference = found.last_price.unwrap_or(found.spec.reference_price.units());
        let reference = i128::from(reference);
        let distance = (i128::from(price) - reference).abs();
        let inside =
            band_ppm == 0 || reference == 0 || distance * 1_000_000 <= reference * band_ppm;
        require(inside, DenialReason::PriceOutOfBand)?;
        self.check_limit_bands(instrument, side, price)
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
        let counts =
            |order: &&Order| matches!(order.place, Place::Book | Place::Unseen | Place::Auction);
        let open = self.orders.values().filter(counts);
        let open = open.filter(|order| (order.instrument, order.side) == (instrument, side));
        let open: i128 = open.map(|order| i128::from(order.open)).sum();
        require(open + i128::from(more) < 1 << 64, DenialReason::QtyTooLarge)
    }

    /// Checks 23 and 24 of a new order.
    pub(super) fn check_new_value(&self, spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if new.kind != OrderKind::Market {
            self.check_value(spec, value(new.price.units(), new.qty.units()))
        } else if !new.quote_qty.is_zero() {
            self.check_value(spec, money_of_qty(new.quote_qty.units()))
        } else {
            Ok(())
        }
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
    pub(super) fn check_display(spec: &InstrumentSpec, new: &NewOrder) -> Checked {
        if new.display_qty.is_zero() {
            return Ok(());
        }
        let allowed = may_rest(new.kind, new.time_in_force) && new.kind != OrderKind::MarketToLimit;
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

    /// Check 28. In the bare engine no order has one.
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

    /// Check 29: so many more may live.
    pub(super) fn check_open_orders(&self, account: AccountId, more: usize) -> Checked {
        if self.mode == Mode::Bare {
            return Ok(());
        }
        let most = self.accounts[&account].max_open_orders as usize;
        let live = self.orders.values().filter(|order| order.account == account).count();
        require(most == 0 || live + more <= most, DenialReason::TooManyOpenOrders)
    }

    /// Checks 30 and 31.
    pub(super) fn check_against_book(&self, new: &NewOrder) -> Checked {
        let state = self.instrument(new.instrument).spec.state;
        let crosses = self.price_met(new, self.limit(new)).is_some();
        let may_not_match = new.kind == OrderKind::PostOnly || state == InstrumentState::PreOpen;
        if may_not_match && state != InstrumentState::Call {
            require(!crosses, DenialReason::WouldMatch)?;
        }
        if new.kind == OrderKind::Market {
            require(crosses, DenialReason::NoLiquidity)?;
        }
        Ok(())
    }

    /// Check 32.
    pub(super) fn check_funds_of_new(&self, new: &NewOrder) -> Checked {
        if self.mode == Mode::Bare {
            return Ok(());
        }
        let (asset, needed) = self.funds_needed(new);
        require(self.free(new.account, asset) >= needed, DenialReason::InsufficientFunds)
    }

    /// How far an order goes: its limit, or a market order's protection price if it has one.
    pub(super) fn limit(&self, new: &NewOrder) -> Option<i64> {
        if new.kind != OrderKind::Market || !new.price.is_zero() {
            return Some(new.price.units());
        }
        let spec = &self.instrument(new.instrument).spec;
        if spec.market_protection_ppm == 0 {
            return None;
        }
        let displayed = self.best_price(new.instrument, new.side.opposite());
        let best = i128::from(displayed.or_else(|| self.price_met(new, None))?);
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

    /// What a new order wants at a price.
    fn new_order_wants(&self, new: &NewOrder, price: i64) -> u64 {
        if new.quote_qty.is_zero() {
            return new.qty.units();
        }
        let lot = self.instrument(new.instrument).spec.lot.units();
        qty_for_amount(money_of_qty(new.quote_qty.units()), price, lot)
    }

    /// The price at which a new order would meet anybody within a limit, with all its quantity.
    fn price_met(&self, new: &NewOrder, limit: Option<i64>) -> Option<i64> {
        let wants = |price| self.new_order_wants(new, price);
        let met = self.first_met(new.instrument, new.side.opposite(), limit, wants);
        met.map(|(_, price)| price)
    }

    /// What a market order would take: its quantity and its cost.
    fn walk(&self, new: &NewOrder) -> (u64, i128) {
        let limit = self.limit(new);
        let mut left = *new;
        let mut amount_left = money_of_qty(new.quote_qty.units());
        let lot = self.instrument(new.instrument).spec.lot.units();
        let (mut qty, mut cost) = (0, 0);
        // An order that has come to its turn is known already.
        let list = self.orders.get(&new.order_id).and_then(|order| order.list);
        let there = self.still_there(new.instrument, new.side.opposite(), list);
        for Rung { price, level, unseen } in self.rungs(new.instrument, new.side.opposite()) {
            if !within(new.side, limit, price) {
                break;
            }
            let level = level.into_iter().filter(|id| there.contains(id));
            for id in level.chain(unseen) {
                let wanted = if new.quote_qty.is_zero() {
                    left.qty.units()
                } else {
                    qty_for_amount(amount_left, price, lot)
                };
                if self.is_passed_over(id, wanted) {
                    continue;
                }
                if wanted == 0 {
                    return (qty, cost);
                }
                let maker = &self.orders[&id];
                if new.self_trade_prevention == SelfTradePrevention::ExpireMaker
                    && self.is_self_trade(new.account, maker.account)
                {
                    continue;
                }
                let taken = wanted.min(maker.open);
                left.qty = Qty::from_units(left.qty.units().saturating_sub(taken));
                amount_left -= value(price, taken);
                qty += taken;
                cost += value(price, taken);
            }
        }
        (qty, cost)
    }

    /// The steps of an order that passed all checks.
    pub(super) fn enter(&mut self, new: &NewOrder, terms: &OrderTerms) {
        let new =
            &self.priced(new).expect("a market-to-limit order passed its checks, and has no price");
        let mut order = self.draft(new, terms);
        order.id = self.next_order_id(new);
        if order.kind == OrderKind::Market {
            order.price = self.limit(new).unwrap_or(0);
        }
        let (id, instrument, side) = (order.id, order.instrument, order.side);
        let mut accepted = order_accepted(&order);
        self.admit(&Order { place: Place::Entering, ..order.clone() });
        if self.rests_at_once(&order) {
            accepted.resting = 1;
            if order.is_unseen() {
                self.join_unseen(id);
            } else {
                self.join_level(id);
                accepted.level_qty = self.level_qty(instrument, side, new.price.units());
                accepted.update_id = self.next_update(instrument);
            }
            self.emit(instrument, new.account, accepted);
            return;
        }
        self.emit(instrument, new.account, accepted);
        self.meet_book(id);
    }

    /// The id of the next order that is taken.
    pub(super) fn next_order_id(&mut self, new: &NewOrder) -> OrderId {
        match self.mode {
            Mode::Full => {
                self.orders_accepted += 1;
                OrderId::new(self.shard, self.orders_accepted)
            }
            Mode::Bare => new.order_id,
        }
    }

    /// An order as it was asked for. It has no id yet and stands nowhere.
    pub(super) fn draft(&self, new: &NewOrder, terms: &OrderTerms) -> Order {
        let client_order_id = match self.mode {
            Mode::Full => new.client_order_id,
            Mode::Bare => ClientOrderId::EMPTY,
        };
        Order {
            id: OrderId::NONE,
            asked: *new,
            terms: *terms,
            condition: None,
            list: None,
            place: Place::Pending,
            top: false,
            outside_since: None,
            waiting_since: None,
            held_since: None,
            joined: 0,
            activated: false,
            best: None,
            instrument: new.instrument,
            account: new.account,
            client_order_id,
            side: new.side,
            kind: new.kind,
            time_in_force: new.time_in_force,
            self_trade_prevention: new.self_trade_prevention,
            price: new.price.units(),
            filled: 0,
            open: new.qty.units(),
            displayed: 0,
            display_qty: new.display_qty.units(),
            expire_time: new.expire_time.0,
        }
    }

    /// Step 4 of "Then" and what follows, for an order that is being entered.
    pub(super) fn meet_book(&mut self, id: OrderId) {
        let order = self.orders[&id].clone();
        let quote_qty = order.asked.quote_qty;
        let taker = Taker {
            limit: self.limit_on_entry(&order),
            amount_left: (!quote_qty.is_zero()).then(|| money_of_qty(quote_qty.units())),
            ..self.taker(id)
        };
        let fill_or_kill = order.time_in_force == TimeInForce::Fok;
        if fill_or_kill && self.tradable_at_once(&taker, order.open) < order.open {
            self.end(id, EndReason::FillOrKill);
            return;
        }
        let min_qty = order.terms.min_qty.units();
        if self.tradable_at_once(&taker, min_qty) < min_qty {
            self.end(id, EndReason::MinimumQty);
            return;
        }
        self.trade_and_settle(taker);
    }

    /// Trades, and does with the rest what the order asks for.
    pub(super) fn trade_and_settle(&mut self, mut taker: Taker) {
        let stop = self.trade(&mut taker);
        let Some(order) = self.orders.get(&taker.id) else { return };
        let (id, instrument, side) = (order.id, order.instrument, order.side);
        if let Some(stop) = stop {
            self.interrupt_by(&taker, stop);
            let order = &self.orders[&id];
            if stop != Stop::Limit && may_rest(order.kind, order.time_in_force) {
                self.rest(id);
            } else {
                self.end(id, EndReason::PriceBand);
            }
        } else if taker.amount_left.is_some() {
            let any_part = |id: &OrderId| !self.orders[id].is_all_or_none();
            let spent = self
                .rungs(instrument, side.opposite())
                .into_iter()
                .filter(|rung| within(side, taker.limit, rung.price))
                .any(|rung| rung.level.iter().chain(&rung.unseen).any(any_part));
            let reason = if spent { EndReason::QuoteSpent } else { EndReason::NoLiquidity };
            self.end(id, reason);
        } else if may_rest(order.kind, order.time_in_force) {
            self.rest(id);
        } else if order.kind == OrderKind::Market {
            self.end(id, EndReason::NoLiquidity);
        } else {
            self.end(id, EndReason::ImmediateOrCancel);
        }
    }

    fn rest(&mut self, id: OrderId) {
        let (mut level_qty, mut update_id) = (Qty::ZERO, 0);
        if self.orders[&id].is_unseen() {
            self.join_unseen(id);
        } else {
            self.join_level(id);
            let (instrument, side, price) =
                (self.orders[&id].instrument, self.orders[&id].side, self.orders[&id].price);
            level_qty = self.level_qty(instrument, side, price);
            update_id = self.next_update(instrument);
        }
        let order = self.orders[&id].clone();
        self.emit(
            order.instrument,
            order.account,
            OrderRested {
                order_id: id,
                price: Price::from_units(order.price),
                open_qty: Qty::from_units(order.open),
                displayed_qty: Qty::from_units(order.displayed),
                level_qty,
                update_id,
                side: order.side,
                reserved: [0; 7],
            },
        );
    }
}
