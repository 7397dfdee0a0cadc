//! The small venue of a session.

use tiercel_types::command::{AccountState, AddAsset, AddInstrument, Deposit, SetAccount};
use tiercel_types::{AccountId, AssetId, Command, InstrumentId, InstrumentSpec, Money, Price, Qty};

use super::ICEBERG_PARTS_MAX;
use crate::model::Mode;

pub(super) const TICK_UNITS: i64 = 1_000_000;
pub(super) const LOT_UNITS: u64 = 10_000;
/// Prices lie round this many ticks.
pub(super) const MIDDLE_TICKS: i64 = 1_000;

/// Instruments 1 and 2; more may be added.
pub(super) fn spec(instrument: u32) -> InstrumentSpec {
    let first = instrument.is_multiple_of(2);
    let (tick, lot) = (Price::from_units(TICK_UNITS), Qty::from_units(LOT_UNITS));
    let id = InstrumentId(instrument);
    InstrumentSpec {
        maker_fee_ppm: if first { 333 } else { -100 },
        taker_fee_ppm: 777,
        max_iceberg_parts: if first { 8 } else { ICEBERG_PARTS_MAX },
        symbol: format!("I{instrument}").parse().expect("a short symbol"),
        ..InstrumentSpec::new(id, AssetId(1), AssetId(2), tick, lot)
    }
}

pub(super) fn set_up(mode: Mode) -> Vec<Command> {
    let asset = |number: u32| AddAsset {
        asset: AssetId(number),
        code: format!("A{number}").parse().expect("a short code"),
    };
    let mut commands: Vec<Command> = vec![asset(1).into(), asset(2).into()];
    commands.extend([1, 2].map(|number| Command::from(AddInstrument { spec: spec(number) })));
    if mode == Mode::Bare {
        return commands;
    }
    for number in 1..=4 {
        let account = AccountId(number);
        // 1 and 2 are a group; 4 is poor and may have two orders.
        let terms = SetAccount {
            account,
            trade_group: u32::from(number <= 2),
            max_open_orders: if number == 4 { 2 } else { 0 },
            state: AccountState::Active,
            reserved: [0; 3],
        };
        commands.push(terms.into());
        for asset in [AssetId(1), AssetId(2)] {
            let whole = if number == 4 { 1 } else { 1_000_000 };
            let amount = Money::from_qty(Qty::from_units(whole * LOT_UNITS));
            let funding_id = u64::from(number * 2 + asset.0);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    commands
}
