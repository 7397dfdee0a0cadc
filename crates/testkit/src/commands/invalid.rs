//! Commands spoilt in one field: what a broken or hostile client sends.

use tiercel_types::command::{
    AmendOrder, CONDITION_AND, CONDITION_LEAVES_MAX, CONDITION_OR, ConditionLeaf, NewAdvancedOrder,
    NewOrder, OrderTerms, StageCondition, StageLeg,
};
use tiercel_types::order::{AmendQtyMeaning, ConditionField, ListKind, PendingRule};
use tiercel_types::{
    AccountId, AssetCode, AssetId, ClientOrderId, Command, InstrumentId, InstrumentSpec,
    InstrumentState, Money, OrderId, OrderKind, Peg, Price, Qty, SelfTradePrevention, Symbol,
    TimeInForce, Timestamp, TradeId, Trigger,
};

use super::{Generator, ONE};

impl Generator {
    /// A number at the edge of its type, or any.
    fn odd_number(&mut self) -> u64 {
        let any = self.random.next_u64();
        let odd = [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, any, any >> 32];
        *self.random.pick(&odd)
    }

    fn odd_qty(&mut self) -> Qty {
        Qty::from_units(self.odd_number())
    }

    fn odd_price(&mut self) -> Price {
        Price::from_units(self.odd_number() as i64)
    }

    fn odd_account(&mut self) -> AccountId {
        let odd = [0, 777, AccountId::LIMIT - 1, AccountId::LIMIT, u32::MAX];
        AccountId(*self.random.pick(&odd))
    }

    fn odd_instrument(&mut self) -> InstrumentId {
        let odd = [0, 1, 777, InstrumentId::LIMIT - 1, InstrumentId::LIMIT, u32::MAX];
        InstrumentId(*self.random.pick(&odd))
    }

    fn odd_asset(&mut self) -> AssetId {
        AssetId(*self.random.pick(&[0, 1, 2, 777, AssetId::LIMIT, u32::MAX]))
    }

    /// Orders for an auction only where there are auctions.
    fn odd_time_in_force(&mut self) -> TimeInForce {
        let auctions = self.profile.weights.auction_order > 0;
        let odd = if auctions { TimeInForce::ALL } else { &TimeInForce::ALL[..5] };
        *self.random.pick(odd)
    }

    fn odd_amount(&mut self) -> Money {
        let odd = [0, -1, 1, 1 << 100, (1 << 100) - 1, i128::MAX, i128::MIN, 1 << 64];
        Money::from_units(*self.random.pick(&odd))
    }

    fn live_name(&mut self) -> ClientOrderId {
        self.any_order().client_order_id
    }

    /// Spoils a field of the command.
    pub(super) fn spoil(&mut self, command: &mut Command) {
        match command {
            Command::NewOrder(order) => self.spoil_order(order),
            Command::NewAdvancedOrder(NewAdvancedOrder { order, terms })
            | Command::StageLeg(StageLeg { order, terms }) => {
                if self.random.one_in(2) {
                    self.spoil_order(order);
                } else {
                    self.spoil_terms(terms);
                }
            }
            Command::StageCondition(condition) => self.spoil_condition(condition),
            Command::NewOrderList(list) => match self.random.below(5) {
                0 => list.reserved[self.random.below(2) as usize] = 1,
                1 => list.account = self.odd_account(),
                2 => list.instrument = self.odd_instrument(),
                3 => list.kind = *self.random.pick(ListKind::ALL),
                _ => list.pending_rule = *self.random.pick(PendingRule::ALL),
            },
            Command::CancelOrder(cancel) => match self.random.below(3) {
                0 => cancel.order_id = OrderId(self.odd_number()),
                1 => cancel.account = self.odd_account(),
                _ => cancel.client_order_id = self.live_name(),
            },
            Command::QueryOrder(query) => match self.random.below(3) {
                0 => query.order_id = OrderId(self.odd_number()),
                1 => query.account = self.odd_account(),
                _ => query.client_order_id = self.live_name(),
            },
            Command::ReplaceOrder(replace) => match self.random.below(6) {
                0 => replace.reserved[self.random.below(4) as usize] = 1,
                1 => replace.target_order_id = OrderId(self.odd_number()),
                2 => replace.target_client_order_id = self.live_name(),
                3 => replace.order.side = replace.order.side.opposite(),
                _ => self.spoil_order(&mut replace.order),
            },
            Command::AmendOrder(amend) => self.spoil_amendment(amend),
            Command::MassCancel(mass) => match self.random.below(3) {
                0 => mass.reserved[self.random.below(7) as usize] = 1,
                1 => mass.account = self.odd_account(),
                _ => mass.instrument = self.odd_instrument(),
            },
            Command::BustTrade(bust) => match self.random.below(3) {
                0 => bust.reserved = 1,
                1 => bust.instrument = self.odd_instrument(),
                _ => bust.trade_id = TradeId(self.odd_number()),
            },
            Command::CorrectTrade(correct) => match self.random.below(7) {
                0 => correct.reserved = 1,
                1 => correct.instrument = self.odd_instrument(),
                2 => correct.trade_id = TradeId(self.odd_number()),
                3 => correct.qty = self.odd_qty(),
                4 => correct.qty = Qty::from_units(correct.qty.units().saturating_add(1)),
                5 => correct.price = Price::from_units(correct.price.units().saturating_add(1)),
                _ => correct.price = self.odd_price(),
            },
            _ => self.spoil_operator(command),
        }
    }

    fn spoil_operator(&mut self, command: &mut Command) {
        match command {
            Command::AddAsset(add) => match self.random.below(3) {
                0 => add.asset = self.odd_asset(),
                1 => add.code = AssetCode::EMPTY,
                _ => {
                    add.asset = AssetId(100 + self.random.below(9) as u32);
                    add.code = "BTC".parse().unwrap_or(AssetCode::EMPTY);
                }
            },
            Command::AddInstrument(add) => match self.random.below(3) {
                0 => add.spec.instrument = self.odd_instrument(),
                _ => self.spoil_spec(&mut add.spec),
            },
            Command::UpdateInstrument(update) => match self.random.below(4) {
                0 => update.spec.instrument = self.odd_instrument(),
                _ => self.spoil_spec(&mut update.spec),
            },
            Command::SetInstrumentState(set) => match self.random.below(3) {
                0 => set.reserved[self.random.below(3) as usize] = 1,
                1 => set.instrument = self.odd_instrument(),
                _ => set.state = *self.random.pick(InstrumentState::ALL),
            },
            Command::SetAccount(set) => match self.random.below(3) {
                0 => set.reserved[self.random.below(3) as usize] = 1,
                _ => set.account = AccountId(*self.random.pick(&[0, AccountId::LIMIT, u32::MAX])),
            },
            Command::Deposit(deposit) => match self.random.below(4) {
                0 => deposit.funding_id = 0,
                1 => deposit.account = self.odd_account(),
                2 => deposit.asset = self.odd_asset(),
                _ => deposit.amount = self.odd_amount(),
            },
            Command::Withdraw(withdraw) => match self.random.below(4) {
                0 => withdraw.funding_id = 0,
                1 => withdraw.account = self.odd_account(),
                2 => withdraw.asset = self.odd_asset(),
                _ => withdraw.amount = self.odd_amount(),
            },
            Command::Transfer(transfer) => match self.random.below(7) {
                0 => transfer.funding_id = 0,
                1 => transfer.from = self.odd_account(),
                2 => transfer.to = self.odd_account(),
                3 => transfer.asset = self.odd_asset(),
                4 => transfer.reserved = 1,
                5 => transfer.to = transfer.from,
                _ => transfer.amount = self.odd_amount(),
            },
            Command::AdvanceTime(advance) => advance.reserved = self.odd_number(),
            _ => self.spoil_session(command),
        }
    }

    fn spoil_session(&mut self, command: &mut Command) {
        match command {
            Command::SetAuctionRules(rules) => match self.random.below(4) {
                0 => rules.reserved[self.random.below(4) as usize] = 1,
                1 => rules.instrument = self.odd_instrument(),
                2 => rules.bound = self.odd_price(),
                _ => rules.bound_ppm = self.odd_number() as u32,
            },
            Command::StartCall(start) => match self.random.below(3) {
                0 => start.reserved[self.random.below(2) as usize] = 1,
                1 => start.instrument = self.odd_instrument(),
                _ => start.ends_at = Timestamp(self.odd_number()),
            },
            Command::SetKillSwitch(set) => match self.random.below(3) {
                0 => set.reserved[self.random.below(3) as usize] = 1,
                1 => set.on = 2,
                _ => set.account = self.odd_account(),
            },
            Command::CancelOnDisconnect(cancel) => cancel.account = self.odd_account(),
            Command::CountdownCancel(set) => match self.random.below(3) {
                0 => set.instrument = self.odd_instrument(),
                1 => set.account = self.odd_account(),
                _ => set.after_ns = self.odd_number(),
            },
            Command::SchedulePhase(schedule) => match self.random.below(3) {
                0 => schedule.reserved = 1,
                1 => schedule.instrument = self.odd_instrument(),
                _ => schedule.at = Timestamp(self.odd_number()),
            },
            Command::SetProtections(set) => match self.random.below(4) {
                0 => set.instrument = self.odd_instrument(),
                1 => set.window_ns = self.odd_number(),
                2 => set.static_ppm = self.odd_number() as u32,
                _ => set.call_ns = self.odd_number(),
            },
            _ => {}
        }
    }

    fn spoil_order(&mut self, order: &mut NewOrder) {
        match self.random.below(22) {
            0 => order.reserved[self.random.below(4) as usize] = 1,
            1 => order.instrument = self.odd_instrument(),
            2 => order.account = self.odd_account(),
            3 => order.order_id = OrderId(self.odd_number()),
            4 => order.order_id = self.any_order().id,
            5 => order.price = self.odd_price(),
            6 => order.price = Price::from_units(order.price.units().saturating_add(1)),
            7 => order.price = Price::ZERO,
            8 => order.qty = self.odd_qty(),
            9 => order.qty = Qty::from_units(order.qty.units().saturating_add(1)),
            10 => order.qty = Qty::ZERO,
            11 => order.quote_qty = self.odd_qty(),
            12 => order.display_qty = self.odd_qty(),
            13 => order.display_qty = order.qty,
            14 => order.expire_time = Timestamp(self.odd_number()),
            15 => order.kind = *self.random.pick(self.order_kinds()),
            16 => order.time_in_force = self.odd_time_in_force(),
            17 => order.self_trade_prevention = *self.random.pick(SelfTradePrevention::ALL),
            18 => {
                let other = self.any_order();
                (order.account, order.client_order_id) = (other.account, other.client_order_id);
            }
            19 => {
                // Worth more than can be counted; steps of the usual instruments divide these.
                order.price = Price::from_units(90_000_000_000 * ONE as i64);
                order.qty = Qty::from_units(180_000_000_000 * ONE);
            }
            20 => order.qty = Qty::from_units(180_000_000_000 * ONE),
            _ => order.display_qty = Qty::from_units(ONE / 100),
        }
    }

    fn spoil_terms(&mut self, terms: &mut OrderTerms) {
        match self.random.below(if self.profile.special > 0 { 17 } else { 9 }) {
            0 => terms.reserved[self.random.below(3) as usize] = 1,
            1 => terms.trigger = *self.random.pick(Trigger::ALL),
            2 => terms.trigger_price = self.odd_price(),
            3 => {
                let price = terms.trigger_price.units().saturating_add(1);
                terms.trigger_price = Price::from_units(price);
            }
            4 => terms.trailing_amount = self.odd_price(),
            5 => terms.activation_price = self.odd_price(),
            6 => terms.trailing_bps = self.odd_number() as u32,
            7 => terms.trailing_bps = *self.random.pick(&[0, 1, 9_999, 10_000]),
            8 => {
                let (bps, trigger) = (terms.trailing_bps, terms.trigger);
                *terms = OrderTerms { trailing_bps: bps, trigger, ..OrderTerms::NONE };
            }
            9 => terms.reserved_too[self.random.below(4) as usize] = 1,
            10 => terms.imbalance_only = 2,
            11 => terms.hidden = 1 + self.random.below(2) as u8,
            12 => terms.all_or_none = 1 + self.random.below(2) as u8,
            13 => terms.peg = *self.random.pick(Peg::ALL),
            14 => terms.peg_offset = self.odd_price(),
            15 => terms.min_qty = self.odd_qty(),
            _ => terms.min_qty = Qty::from_units(terms.min_qty.units().saturating_add(1)),
        }
    }

    /// The kinds of order that the market knows.
    fn order_kinds(&self) -> &'static [OrderKind] {
        if self.profile.special > 0 {
            OrderKind::ALL
        } else {
            &[OrderKind::Limit, OrderKind::Market, OrderKind::PostOnly]
        }
    }

    fn spoil_condition(&mut self, condition: &mut StageCondition) {
        let at = self.random.below(CONDITION_LEAVES_MAX as u64) as usize;
        match self.random.below(9) {
            0 => condition.reserved[self.random.below(4) as usize] = 1,
            1 => condition.leaves[at].reserved[0] = 1,
            2 => condition.account = self.odd_account(),
            3 => condition.leaves[0].instrument = self.odd_instrument(),
            4 => condition.leaves[at].value = self.odd_number() as i64,
            5 => condition.leaves[0].field = ConditionField::Volume24h,
            6 => condition.leaves[0].field = *self.random.pick(ConditionField::ALL),
            7 => condition.leaves[at] = ConditionLeaf::NONE,
            _ => {
                let at = self.random.below(2 * CONDITION_LEAVES_MAX as u64) as usize;
                let odd = [0, 1, 2, 8, 9, CONDITION_AND, CONDITION_OR, 255];
                condition.program[at] = *self.random.pick(&odd);
            }
        }
    }

    fn spoil_amendment(&mut self, amend: &mut AmendOrder) {
        match self.random.below(12) {
            0 => amend.reserved[self.random.below(2) as usize] = 1,
            1 => amend.lose_priority = 2,
            2 => amend.order_id = OrderId(self.odd_number()),
            3 => amend.account = self.odd_account(),
            4 => amend.price = self.odd_price(),
            5 => amend.price = Price::from_units(amend.price.units().saturating_add(1)),
            6 => amend.qty = self.odd_qty(),
            7 => amend.qty = Qty::from_units(amend.qty.units().saturating_add(1)),
            8 => amend.new_client_order_id = self.live_name(),
            9 => amend.client_order_id = self.live_name(),
            10 => {
                amend.qty_meaning = AmendQtyMeaning::Open;
                amend.qty = Qty::from_units(180_000_000_000 * ONE);
            }
            _ => amend.qty = Qty::from_units(1),
        }
    }

    fn spoil_spec(&mut self, spec: &mut InstrumentSpec) {
        match self.random.below(16) {
            0 => spec.reserved[self.random.below(6) as usize] = 1,
            1 => spec.symbol = Symbol::EMPTY,
            2 => spec.symbol = self.instrument().spec.symbol,
            3 => spec.base = self.odd_asset(),
            4 => spec.quote = self.odd_asset(),
            5 => spec.tick = *self.random.pick(&[Price::ZERO, Price::from_units(-1)]),
            6 => spec.lot = Qty::ZERO,
            7 => spec.min_price = Price::from_units(-spec.tick.units()),
            8 => spec.max_price = Price::from_units(-spec.tick.units()),
            9 => spec.reference_price = Price::from_units(-1),
            10 => spec.min_price = Price::from_units(spec.tick.units() / 2),
            11 => spec.min_qty = Qty::from_units(spec.lot.units() / 2),
            12 => (spec.min_notional, spec.max_notional) = (Qty::from_units(2), Qty::from_units(1)),
            13 => spec.taker_fee_ppm = *self.random.pick(&[-1, 500_001, i32::MAX, i32::MIN]),
            14 => spec.maker_fee_ppm = *self.random.pick(&[-500_001, -500_000, i32::MIN]),
            _ => (spec.min_qty, spec.max_qty) = (spec.max_qty, spec.min_qty),
        }
    }
}
