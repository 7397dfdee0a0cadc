//! The venue on which a run takes place: its assets, instruments, accounts and first funds.

use tiercel_types::command::{AccountState, AddAsset, AddInstrument, Deposit, SetAccount};
use tiercel_types::{
    AccountId, AssetCode, AssetId, Command, InstrumentId, InstrumentSpec, InstrumentState, Money,
    Price, Qty, Symbol,
};

use super::{ONE, Profile};
use crate::model::Mode;

/// The accounts of a run are numbered 1 to this. The last is set up by chance, later.
pub(super) const ACCOUNTS: u32 = 12;

const USD: AssetId = AssetId(1);
const BTC: AssetId = AssetId(2);
const ETH: AssetId = AssetId(3);
const XYZ: AssetId = AssetId(AssetId::LIMIT - 1);

/// The assets of a run.
pub(super) const ASSETS: [(AssetId, &str); 4] =
    [(USD, "USD"), (BTC, "BTC"), (ETH, "ETH"), (XYZ, "XYZ")];

/// A short text as a symbol.
pub(super) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap_or(Symbol::EMPTY)
}

fn spec(id: u32, name: &str, assets: (AssetId, AssetId), tick: i64, lot: u64) -> InstrumentSpec {
    let (base, quote) = assets;
    let (tick, lot) = (Price::from_units(tick), Qty::from_units(lot));
    let spec = InstrumentSpec::new(InstrumentId(id), base, quote, tick, lot);
    InstrumentSpec { symbol: symbol(name), ..spec }
}

/// An instrument and the price round which it trades at first.
pub(super) fn instruments(profile: &Profile) -> Vec<(InstrumentSpec, i64)> {
    if profile.wide_prices { wide_instruments() } else { usual_instruments() }
}

fn usual_instruments() -> Vec<(InstrumentSpec, i64)> {
    let fees_and_notional = InstrumentSpec {
        maker_fee_ppm: -100,
        taker_fee_ppm: 500,
        min_notional: Qty::from_units(10 * ONE),
        max_notional: Qty::from_units(100_000 * ONE),
        market_protection_ppm: 300,
        ..spec(0, "BTCUSD", (BTC, USD), 1_000_000, 10_000)
    };
    let band_and_parts = InstrumentSpec {
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 2_000,
        band_ppm: 1_000,
        reference_price: Price::from_units(3_000 * ONE as i64),
        min_qty: Qty::from_units(ONE / 50),
        max_qty: Qty::from_units(ONE / 2),
        max_iceberg_parts: 6,
        ..spec(5, "ETHUSD", (ETH, USD), 10_000_000, ONE / 100)
    };
    let price_bounds = InstrumentSpec {
        min_price: Price::from_units(4_996_000),
        max_price: Price::from_units(5_004_000),
        tracks_volume: 1,
        ..spec(6, "ETHBTC", (ETH, BTC), 100, ONE / 1_000)
    };
    // Single units: every fee is a fraction to be rounded.
    let smallest_steps = InstrumentSpec {
        maker_fee_ppm: 333,
        taker_fee_ppm: 777,
        state: InstrumentState::PreOpen,
        tracks_volume: 1,
        ..spec(InstrumentId::LIMIT - 1, "XYZUSD", (XYZ, USD), 1, 1)
    };
    vec![
        (fees_and_notional, 60_000 * ONE as i64),
        (band_and_parts, 3_000 * ONE as i64),
        (price_bounds, 5_000_000),
        (smallest_steps, 12_345),
    ]
}

fn wide_instruments() -> Vec<(InstrumentSpec, i64)> {
    let whole_range = InstrumentSpec {
        min_price: Price::from_units(i64::MIN),
        max_price: Price::MAX,
        ..spec(1, "WIDE", (BTC, USD), 1, 1)
    };
    let coarse = InstrumentSpec {
        min_price: Price::from_units(-40 * 1_000_000_007),
        max_price: Price::from_units(-3 * 1_000_000_007),
        ..spec(2, "BELOWZERO", (BTC, USD), 1_000_000_007, 7)
    };
    let far_up = spec(9, "FARUP", (BTC, USD), 5, 1_000);
    vec![(whole_range, 0), (coarse, -20 * 1_000_000_007), (far_up, i64::MAX / 2)]
}

/// The commands that set up the venue.
pub(super) fn commands(profile: &Profile) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for (asset, code) in ASSETS {
        let code = code.parse().unwrap_or(AssetCode::EMPTY);
        commands.push(AddAsset { asset, code }.into());
    }
    for (spec, _) in instruments(profile) {
        commands.push(AddInstrument { spec }.into());
    }
    if profile.mode == Mode::Bare {
        return commands;
    }
    let mut funding_id = 0;
    for account in 1..ACCOUNTS {
        commands.push(self::account(account).into());
        // Accounts 9 and up are poor.
        let whole = if account < 9 { 1_000_000_000 } else { 3 };
        for (asset, _) in ASSETS {
            funding_id += 1;
            let amount = Money::from_qty(Qty::from_units(whole * ONE));
            let account = AccountId(account);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    commands
}

/// An account as it is set up: 1 and 2 are a group, so are 3, 4 and 5; 8 may have three orders.
pub(super) fn account(account: u32) -> SetAccount {
    SetAccount {
        account: AccountId(account),
        trade_group: match account {
            1 | 2 => 1,
            3..=5 => 2,
            _ => 0,
        },
        max_open_orders: if account == 8 { 3 } else { 0 },
        state: AccountState::Active,
        reserved: [0; 3],
    }
}
