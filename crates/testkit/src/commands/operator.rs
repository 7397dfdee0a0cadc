//! What the operator asks: mass cancels, trades undone, terms, states, accounts, funds.

use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, Allocation, BustTrade, CorrectTrade, Deposit,
    MarketMaker, MassCancel, SetAccount, SetInstrumentState, SetMatchingRules, Transfer,
    UpdateInstrument, Withdraw,
};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, AssetCode, AssetId, Command, InstrumentId, InstrumentSpec, InstrumentState, Money,
    Price, Qty, TradeId,
};

use super::{Generator, Listed, setup};
use crate::model::Mode;

impl Generator {
    pub(super) fn mass_cancel(&mut self) -> MassCancel {
        let everybody = self.profile.mode == Mode::Bare || self.random.one_in(3);
        let (listed, account) = (self.instrument(), self.account());
        MassCancel {
            account: if everybody { AccountId::ALL } else { account },
            instrument: if self.random.one_in(2) {
                InstrumentId::ALL
            } else {
                listed.spec.instrument
            },
            sides: *self.random.pick(SideScope::ALL),
            reserved: [0; 7],
        }
    }

    /// How an instrument shares out its levels; now and then in a way that cannot be.
    pub(super) fn set_matching_rules(&mut self) -> SetMatchingRules {
        let spec = self.instrument().spec;
        let mut lots = |most: u64| {
            Qty::from_units(self.random.below(most + 1).saturating_mul(spec.lot.units()))
        };
        let (minimum, top_min, top_max) = (lots(3), lots(10), lots(40));
        let mut rules = SetMatchingRules::pro_rata(spec.instrument, minimum);
        if self.random.one_in(5) {
            rules = SetMatchingRules::fifo(spec.instrument);
        } else {
            if self.random.one_in(2) {
                let top_max = if top_max < top_min { Qty::ZERO } else { top_max };
                rules = rules.with_top(top_min, top_max);
            }
            if self.random.one_in(2) {
                rules = rules.with_fifo_part(self.random.below(1_000_001) as u32);
            }
            for place in 0..self.random.below(3) as usize {
                let share_ppm = 1 + self.random.below(500_000) as u32;
                // One account after another: none is named twice.
                let account = AccountId(1 + 4 * place as u32 + self.random.below(4) as u32);
                rules.market_makers[place] = MarketMaker { account, share_ppm };
            }
        }
        if self.random.one_in(2) {
            match self.random.below(8) {
                0 => rules.allocation = Allocation::Fifo,
                1 => rules.top = 2,
                2 => rules.top_max_qty = Qty::from_units(spec.lot.units()),
                3 => rules.minimum_allocation = Qty::from_units(spec.lot.units() + 1),
                4 => rules.fifo_ppm = 1_000_001,
                5 => rules.market_makers[3].share_ppm = 1,
                6 => rules.market_makers[2] = rules.market_makers[0],
                _ => rules.reserved[0] = 1,
            }
        }
        rules
    }

    pub(super) fn any_trade(&mut self) -> (InstrumentId, TradeId, Price, Qty) {
        if self.trades.is_empty() || self.random.one_in(30) {
            let id = if self.random.one_in(2) { 1 } else { u64::MAX };
            return (self.instrument().spec.instrument, TradeId(id), Price::ZERO, Qty::ZERO);
        }
        let at = self.random.below(self.trades.len() as u64) as usize;
        self.trades[at]
    }

    pub(super) fn bust_trade(&mut self) -> BustTrade {
        let (instrument, trade_id, _, _) = self.any_trade();
        BustTrade { trade_id, instrument, reserved: 0 }
    }

    pub(super) fn correct_trade(&mut self) -> CorrectTrade {
        let (instrument, trade_id, _, traded) = self.any_trade();
        let listed = self.instruments.iter().find(|each| each.spec.instrument == instrument);
        let lot = listed.map_or(1, |each| each.spec.lot.units());
        let side = self.side();
        let price = self.price(instrument, side, true);
        // Now and then a lot more than was traded.
        let lots = 1 + self.random.below(traded.units() / lot + 1);
        CorrectTrade { trade_id, price, qty: Qty::from_units(lots * lot), instrument, reserved: 0 }
    }

    /// A new asset or instrument; often one that exists.
    pub(super) fn list(&mut self) -> Command {
        let number = self.random.below(8);
        if self.random.one_in(3) {
            let asset = AssetId(number as u32);
            let code = format!("AS{number}").parse().unwrap_or(AssetCode::EMPTY);
            return AddAsset { asset, code }.into();
        }
        let mut spec = self.instrument().home;
        spec.instrument = InstrumentId(number as u32 + 20);
        spec.symbol = setup::symbol(&format!("NEW{number}"));
        AddInstrument { spec }.into()
    }

    /// The instrument's first terms with something changed.
    pub(super) fn update_instrument(&mut self) -> UpdateInstrument {
        let Listed { home, spec: now, .. } = self.instrument();
        let mut spec = InstrumentSpec { tick: now.tick, lot: now.lot, ..home };
        match self.random.below(9) {
            0 => {
                spec.taker_fee_ppm = 400_000 - self.random.below(399_999) as i32;
                spec.maker_fee_ppm = self.random.below(300_000) as i32 - spec.taker_fee_ppm;
            }
            1 if !self.profile.wide_prices => spec.band_ppm = self.random.below(2_000) as u32,
            2 if !self.profile.wide_prices => {
                spec.market_protection_ppm =
                    *self.random.pick(&[1_000, 1_000_000, 5_000_000, u32::MAX]);
            }
            3 => spec.max_iceberg_parts = self.random.below(10) as u32,
            4 => spec.max_qty = Qty::from_units(spec.lot.units() * (20 + self.random.below(200))),
            5 => {
                // Tick and lot change only while no order rests.
                spec.tick =
                    Price::from_units(home.tick.units() * (1 + self.random.below(2) as i64));
                spec.lot = Qty::from_units(home.lot.units() * (1 + self.random.below(2)));
            }
            6 => spec.base = spec.quote,
            7 => spec.tracks_volume = 1 - spec.tracks_volume,
            _ => {}
        }
        UpdateInstrument { spec }
    }

    pub(super) fn set_state(&mut self) -> SetInstrumentState {
        let instrument = self.instrument().spec.instrument;
        SetInstrumentState {
            instrument,
            state: *self.random.pick(&[
                InstrumentState::PreOpen,
                InstrumentState::Open,
                InstrumentState::Halted,
                InstrumentState::Closed,
            ]),
            reserved: [0; 3],
        }
    }

    pub(super) fn set_account(&mut self) -> SetAccount {
        let account = self.account();
        let mut set = setup::account(account.0);
        match self.random.below(6) {
            0 => set.state = AccountState::Blocked,
            1 => set.trade_group = self.random.below(4) as u32,
            2 => set.max_open_orders = 1 + self.random.below(10) as u32,
            _ => {}
        }
        set
    }

    pub(super) fn funding_id(&mut self) -> u64 {
        match self.random.below(12) {
            0 if !self.funding_ids.is_empty() => {
                let at = self.random.below(self.funding_ids.len() as u64) as usize;
                self.funding_ids[at]
            }
            1 => 1 + self.random.below(self.funding_id_max.max(1)),
            // Gaps are left, for later.
            _ => self.funding_id_max + 1 + self.random.below(2),
        }
    }

    pub(super) fn move_funds(&mut self) -> Command {
        let funding_id = self.funding_id();
        let (account, to) = (self.account(), self.account());
        let asset = self.random.pick(&setup::ASSETS).0;
        let units = self.random.next_u64() >> self.random.below(60);
        let amount = Money::from_units(i128::from(units) << (self.random.below(2) * 24));
        match self.random.below(3) {
            0 => Deposit { funding_id, account, asset, amount }.into(),
            1 => Withdraw { funding_id, account, asset, amount }.into(),
            _ => Transfer { funding_id, from: account, to, asset, reserved: 0, amount }.into(),
        }
    }
}
