//! What the operator does.

use tiercel_types::command::{
    AccountState, AddAsset, BustTrade, CorrectTrade, Deposit, MarketMaker, SetAccount,
    SetInstrumentState, SetMatchingRules, Transfer, Withdraw,
};
use tiercel_types::{Command, InstrumentSpec, InstrumentState, Money, Qty, TradeId};

use super::reader::Reader;
use super::venue::{LOT_UNITS, spec};

impl Reader<'_> {
    pub(super) fn set_matching_rules(&mut self) -> SetMatchingRules {
        let (instrument, minimum) = (self.instrument(), self.qty());
        let mut rules = SetMatchingRules::pro_rata(instrument, minimum);
        let traits = self.byte();
        if traits.is_multiple_of(4) {
            rules = SetMatchingRules::fifo(instrument);
        }
        if traits & 4 != 0 {
            rules = rules.with_top(self.qty(), Qty::ZERO);
        }
        if traits & 8 != 0 {
            rules.top_max_qty = self.qty();
        }
        if traits & 16 != 0 {
            rules = rules.with_fifo_part(u32::from(self.byte()) * 4_000);
        }
        for place in 0..usize::from(traits >> 6) {
            let share_ppm = u32::from(self.byte()) * 2_000;
            rules.market_makers[place] = MarketMaker { account: self.account(), share_ppm };
        }
        rules
    }

    pub(super) fn bust_trade(&mut self) -> BustTrade {
        let trade_id = TradeId(u64::from(self.byte() % 8));
        BustTrade { trade_id, instrument: self.instrument(), reserved: 0 }
    }

    pub(super) fn correct_trade(&mut self) -> CorrectTrade {
        CorrectTrade {
            trade_id: TradeId(u64::from(self.byte() % 8)),
            price: self.price(),
            qty: self.qty(),
            instrument: self.instrument(),
            reserved: 0,
        }
    }

    pub(super) fn add_asset(&mut self) -> AddAsset {
        let code = format!("A{}", self.byte() % 8).parse().expect("a short code");
        AddAsset { asset: self.asset(), code }
    }

    /// The terms of an instrument as it was set up, or of a new one, with one of them changed.
    pub(super) fn terms(&mut self) -> InstrumentSpec {
        let instrument = self.instrument();
        let base = spec(instrument.0 % 8);
        let mut spec = InstrumentSpec { instrument, ..base };
        match self.byte() % 32 {
            0 => spec.tick = self.price(),
            1 => spec.lot = self.qty(),
            2 => spec.min_price = self.price(),
            3 => spec.max_price = self.price(),
            4 => spec.min_qty = self.qty(),
            5 => spec.max_qty = self.qty(),
            6 => spec.min_notional = self.qty(),
            7 => spec.max_notional = self.qty(),
            8 => {
                spec.reference_price = self.price();
                spec.band_ppm = u32::from(self.byte()) * 100;
            }
            9 => spec.market_protection_ppm = u32::from(self.byte()) * 100,
            10 => spec.maker_fee_ppm = self.word() as i32 % 600_000,
            11 => spec.taker_fee_ppm = self.word() as i32 % 600_000,
            12 => spec.max_iceberg_parts = u32::from(self.byte()),
            13 => spec.state = self.pick(InstrumentState::ALL),
            14 => (spec.base, spec.quote) = (self.asset(), self.asset()),
            _ => {}
        }
        spec
    }

    pub(super) fn set_instrument_state(&mut self) -> SetInstrumentState {
        let (instrument, state) = (self.instrument(), self.pick(InstrumentState::ALL));
        // Mostly open: where nothing trades there is little to see.
        let state = if self.byte() < 192 { InstrumentState::Open } else { state };
        SetInstrumentState { instrument, state, reserved: [0; 3] }
    }

    pub(super) fn set_account(&mut self) -> SetAccount {
        SetAccount {
            account: self.account(),
            trade_group: u32::from(self.byte() % 3),
            max_open_orders: u32::from(self.byte() % 8),
            state: if self.byte() > 250 { AccountState::Blocked } else { AccountState::Active },
            reserved: [0; 3],
        }
    }

    pub(super) fn funds(&mut self) -> Command {
        let funding_id = u64::from(self.byte() % 64);
        let (account, asset) = (self.account(), self.asset());
        let amount = match self.byte() {
            255 => self.pick(&[i128::MAX, i128::MIN, -1, 1 << 99, (1 << 100) - 1, 1 << 100]),
            byte => i128::from(byte) * Money::from_qty(Qty::from_units(LOT_UNITS)).units(),
        };
        let amount = Money::from_units(amount);
        match self.byte() % 3 {
            0 => Deposit { funding_id, account, asset, amount }.into(),
            1 => Withdraw { funding_id, account, asset, amount }.into(),
            _ => {
                let to = self.account();
                Transfer { funding_id, from: account, to, asset, reserved: 0, amount }.into()
            }
        }
    }
}
