//! Calls and auctions, kill switches, disconnects, countdowns, schedules, price bands.

use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::{
    CancelOnDisconnect, CountdownCancel, NewAdvancedOrder, NewOrder, OrderTerms, ScheduleAction,
    SchedulePhase, SetAuctionRules, SetInstrumentState, SetKillSwitch, SetProtections, StartCall,
};
use tiercel_types::{
    AccountId, Command, InstrumentId, InstrumentSpec, InstrumentState, OrderKind, Price,
    TimeInForce, Timestamp,
};

use super::Generator;
use crate::model::Mode;

/// Parts per million in one whole.
const PPM: i128 = 1_000_000;

/// Calls, orders for auctions and how their price is found.
impl Generator {
    pub(super) fn call(&mut self) -> Command {
        let spec = self.instrument().spec;
        let instrument = spec.instrument;
        if spec.state == InstrumentState::Call && self.random.below(4) > 0 {
            let mut state = InstrumentState::Open;
            if self.random.one_in(5) {
                state = *self.random.pick(InstrumentState::ALL);
            }
            return SetInstrumentState { instrument, state, reserved: [0; 3] }.into();
        }
        let by_itself = self.random.one_in(2);
        let lasts = 1 + self.random.below(200);
        StartCall {
            instrument,
            auction: *self.random.pick(AuctionKind::ALL),
            then: match self.random.below(12) {
                0 => *self.random.pick(InstrumentState::ALL),
                1..=3 => InstrumentState::Closed,
                _ => InstrumentState::Open,
            },
            reserved: [0; 2],
            ends_at: match (by_itself, lasts) {
                (true, 1..=5) => Timestamp(self.time),
                (true, lasts) => Timestamp(self.time + lasts),
                (false, _) => Timestamp(0),
            },
        }
        .into()
    }

    pub(super) fn auction_order(&mut self) -> Command {
        let (listed, account, side) = (self.instrument(), self.account(), self.side());
        let mut order = self.new_order_for(&listed.spec, account, side);
        let kinds = [TimeInForce::AtOpen, TimeInForce::AtClose, TimeInForce::AtAuction];
        order.time_in_force = *self.random.pick(&kinds);
        order.expire_time = Timestamp(0);
        let keeps = self.random.one_in(40);
        if !keeps {
            order.display_qty = tiercel_types::Qty::ZERO;
            if order.qty.is_zero() {
                order.qty = self.qty(&listed.spec);
            }
            order.quote_qty = tiercel_types::Qty::ZERO;
            if order.kind == OrderKind::PostOnly {
                order.kind = OrderKind::Limit;
            }
        }
        if order.kind == OrderKind::Market && self.random.below(3) > 0 {
            let crosses = self.random.one_in(2);
            order.price = self.price(listed.spec.instrument, side, crosses);
        }
        if !self.random.one_in(4) {
            return order.into();
        }
        let mut terms = OrderTerms { imbalance_only: 1, ..OrderTerms::NONE };
        match self.random.below(20) {
            0 => terms.imbalance_only = 2,
            1 => terms.trailing_bps = 5,
            2 => order.time_in_force = TimeInForce::Gtc,
            _ => {}
        }
        NewAdvancedOrder { order, terms }.into()
    }

    pub(super) fn set_auction_rules(&mut self) -> SetAuctionRules {
        let spec = self.instrument().spec;
        let mut rules = SetAuctionRules::xetra(spec.instrument);
        rules.minimum_surplus = u8::from(self.random.below(4) > 0);
        rules.pressure = *self.random.pick(Pressure::ALL);
        rules.tie_break = *self.random.pick(TieBreak::ALL);
        rules.reference = *self.random.pick(AuctionReference::ALL);
        if self.random.one_in(3) {
            let ticks = self.few_ticks();
            rules.bound = Price::from_units(spec.tick.units().saturating_mul(ticks));
        }
        if self.random.one_in(3) {
            rules.bound_ppm = self.reach_ppm(&spec);
        }
        if self.random.one_in(3) {
            rules.indication_interval_ns = self.random.below(300);
        }
        match self.random.below(60) {
            0 => rules.minimum_surplus = 2,
            1 => rules.bound = Price::from_units(-spec.tick.units()),
            2 => rules.bound = Price::from_units(spec.tick.units() / 2),
            _ => {}
        }
        rules
    }
}

/// Switches, disconnects, countdowns.
impl Generator {
    pub(super) fn switch(&mut self) -> Command {
        let account = self.account();
        let bare = self.profile.mode == Mode::Bare;
        match self.random.below(10) {
            0 | 1 => {
                let all = bare || self.random.one_in(4);
                let account = if all { AccountId::ALL } else { account };
                let on = u8::from(!self.random.one_in(6));
                SetKillSwitch { account, on, reserved: [0; 3] }.into()
            }
            2..=5 => {
                let session = self.random.below(4) as u32;
                CancelOnDisconnect { account, session }.into()
            }
            _ => {
                let spec = self.instrument().spec;
                let all = self.random.one_in(3);
                let instrument = if all { InstrumentId::ALL } else { spec.instrument };
                let after_ns = match self.random.below(8) {
                    0 => 0,
                    1 => u64::MAX,
                    _ => 1 + self.random.below(600),
                };
                CountdownCancel { account, instrument, after_ns }.into()
            }
        }
    }

    /// Which of its account's connections an order belongs to.
    pub(super) fn join_session(&mut self, order: &mut NewOrder) {
        if self.profile.weights.switch > 0 {
            order.session = self.random.below(4) as u32;
        }
    }

    /// A switch that is on is soon off again, the venue's first.
    pub(super) fn switch_off(&mut self) -> Option<Command> {
        let all = self.killed.contains(&AccountId::ALL);
        let times = if all { 8 } else { 60 };
        if self.killed.is_empty() || !self.random.one_in(times) {
            return None;
        }
        let account = if all { AccountId::ALL } else { *self.killed.last()? };
        Some(SetKillSwitch { account, on: 0, reserved: [0; 3] }.into())
    }
}

/// Schedules and bands.
impl Generator {
    pub(super) fn schedule(&mut self) -> SchedulePhase {
        if !self.scheduled.is_empty() && self.random.one_in(6) {
            let at = self.random.below(self.scheduled.len() as u64) as usize;
            return SchedulePhase { action: ScheduleAction::Remove, ..self.scheduled[at] };
        }
        let spec = self.instrument().spec;
        let mut state = InstrumentState::Open;
        if self.random.one_in(2) {
            state = *self.random.pick(InstrumentState::ALL);
        }
        let mut schedule = SchedulePhase {
            at: Timestamp(self.time + self.random.below(600)),
            instrument: spec.instrument,
            state,
            action: ScheduleAction::Add,
            auction: AuctionKind::None,
            reserved: 0,
        };
        if (schedule.state == InstrumentState::Call) != self.random.one_in(20) {
            schedule.auction = *self.random.pick(AuctionKind::ALL);
        }
        match self.random.below(16) {
            0 => schedule.at = Timestamp(self.time),
            1 => self.plan_phases(schedule),
            _ => {}
        }
        super::remember(&mut self.scheduled, schedule);
        schedule
    }

    /// As many phases as an instrument may have, and one more.
    fn plan_phases(&mut self, first: SchedulePhase) {
        for after in 1..=8 {
            let at = Timestamp(first.at.0 + 300 * after);
            let next = SchedulePhase { at, state: InstrumentState::Open, ..first };
            self.planned.push_back(SchedulePhase { auction: AuctionKind::None, ..next }.into());
        }
    }

    /// A few ticks of the price at which an instrument trades, in ppm.
    fn reach_ppm(&mut self, spec: &InstrumentSpec) -> u32 {
        let price = i128::from(self.ticks_from(spec, 0).units()).max(1);
        let reach = i128::from(spec.tick.units()) * i128::from(self.few_ticks() + self.few_ticks());
        u32::try_from((reach * PPM / price).clamp(1, PPM - 1)).unwrap_or(1)
    }

    pub(super) fn set_protections(&mut self) -> SetProtections {
        let spec = self.instrument().spec;
        let mut set = SetProtections::none(spec.instrument);
        if self.random.one_in(5) {
            return set;
        }
        let which = 1 + self.random.below(7);
        if which & 1 != 0 {
            set.dynamic_ppm = self.reach_ppm(&spec);
        }
        if which & 2 != 0 {
            set.static_ppm = self.reach_ppm(&spec).saturating_mul(2).min(999_999);
        }
        set.call_ns = 1 + self.random.below(200);
        if which & 4 != 0 {
            set.limit_ppm = self.reach_ppm(&spec);
            set.window_ns = 1 + self.random.below(2_000);
            set.limit_state_ns = 1 + self.random.below(150);
            set.pause_ns = 1 + self.random.below(150);
        }
        match self.random.below(60) {
            0 => set.call_ns = 0,
            1 => set.window_ns = 0,
            2 => set.pause_ns = 1,
            3 => set.dynamic_ppm = 1_000_000,
            4 => set.call_ns = u64::MAX,
            5 => set.limit_ppm = 0,
            _ => {}
        }
        set
    }
}
