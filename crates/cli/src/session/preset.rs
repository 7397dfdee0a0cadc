//! Markets that are ready to trade in, in one line.

use tiercel_types::command::{AccountState, AddAsset, AddInstrument, Command, Deposit, SetAccount};
use tiercel_types::{
    AccountId, AssetCode, AssetId, InstrumentId, InstrumentSpec, Money, Price, Qty,
};

use super::names::Names;
use super::terms::read_terms;
use super::words::{LineError, Words};

/// A ready market: one instrument, three accounts with the same funds, no fees and no limits.
struct Preset {
    name: &'static str,
    base: &'static str,
    quote: &'static str,
    symbol: &'static str,
    tick: &'static str,
    lot: &'static str,
    /// Of the base asset, to each account, in whole units.
    base_funds: i128,
    /// Of the quote asset, to each account, in whole units.
    quote_funds: i128,
}

const PRESETS: &[Preset] = &[
    Preset {
        name: "stock",
        base: "ABC",
        quote: "USD",
        symbol: "ABCUSD",
        tick: "0.01",
        lot: "1",
        base_funds: 10_000,
        quote_funds: 1_000_000,
    },
    Preset {
        name: "spot",
        base: "BTC",
        quote: "USDT",
        symbol: "BTCUSDT",
        tick: "0.01",
        lot: "0.00001",
        base_funds: 100,
        quote_funds: 10_000_000,
    },
];

/// Who trades in a preset.
const ACCOUNTS: [&str; 3] = ["alice", "bob", "carol"];

/// The commands of a `preset` line: its name, then terms that differ from the preset's.
pub(super) fn read_preset(
    words: &mut Words,
    names: &mut Names,
    bare: bool,
) -> Result<Vec<Command>, LineError> {
    let name = words.bare().ok_or_else(|| LineError::new("preset", "its name is missing"))?;
    let preset = PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| {
        let known: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
        LineError::new(
            "preset",
            format!("no such preset: `{name}` (there are: {})", known.join(", ")),
        )
    })?;
    if names.instruments().next().is_some() || names.assets().next().is_some() {
        return Err(LineError::new("preset", "a preset comes first, and once"));
    }
    let wrong = |error: &dyn core::fmt::Display| LineError::new("preset", error.to_string());
    let tick: Price = preset.tick.parse().map_err(|error| wrong(&error))?;
    let lot: Qty = preset.lot.parse().map_err(|error| wrong(&error))?;
    let mut spec = InstrumentSpec::new(InstrumentId(1), AssetId(1), AssetId(2), tick, lot);
    spec.symbol = preset.symbol.parse().map_err(|error| wrong(&error))?;
    let mut commands = Vec::new();
    for (asset, code) in [(AssetId(1), preset.base), (AssetId(2), preset.quote)] {
        let code: AssetCode = code.parse().map_err(|error| wrong(&error))?;
        commands.push(AddAsset { asset, code }.into());
    }
    read_terms(words, names, &mut spec)?;
    commands.push(AddInstrument { spec }.into());
    for name in ACCOUNTS {
        let account = names.name_account(name, None)?;
        if !bare {
            commands.push(active(account).into());
        }
    }
    if !bare {
        fund(preset, names, &mut commands);
    }
    Ok(commands)
}

/// An active account without limits.
pub(super) const fn active(account: AccountId) -> SetAccount {
    SetAccount {
        account,
        trade_group: 0,
        max_open_orders: 0,
        state: AccountState::Active,
        reserved: [0; 3],
    }
}

fn fund(preset: &Preset, names: &Names, commands: &mut Vec<Command>) {
    let accounts = names.accounts().filter(|&account| account != AccountId::VENUE);
    let mut funding_id = 0;
    for account in accounts {
        for (asset, whole) in [(AssetId(1), preset.base_funds), (AssetId(2), preset.quote_funds)] {
            funding_id += 1;
            let amount = Money::from_units(whole * tiercel_types::money::MONEY_ONE);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
}
