//! A venue to try things on: two symbols, two funded accounts or more, a key for each.

use std::fmt;
use std::time::Duration;

use thiserror::Error;
use tiercel_types::command::{AccountState, AddAsset, AddInstrument, Deposit, SetAccount};
use tiercel_types::money::MONEY_ONE;
use tiercel_types::{
    AccountId, AssetCode, AssetId, Command, DenialReason, Event, InstrumentId, InstrumentSpec,
    Money, Price, Qty, Symbol,
};

use crate::accounts::{Key, Keys};
use crate::binance::signature::Verifier;
use crate::models::Models;
use crate::pipeline::{Busy, Delivery, Handle, Submission};
use crate::secret::random_text;

/// Base assets, each traded for [`QUOTE`]: code, whole units for each account, reference price.
const MARKETS: [(&[u8], i128, i64); 2] = [(b"BTC", 100, 60_000), (b"ETH", 2_000, 3_000)];
/// What everything is paid with, and whole units for each account.
const QUOTE: (&[u8], i128) = (b"USDT", 10_000_000);
/// Accounts where nobody says otherwise, numbered from 1.
pub const ACCOUNTS: u32 = 2;
/// Units of a price or quantity in one whole.
const ONE: i64 = tiercel_types::decimal::ONE as i64;
/// Fees in parts per million: a tenth of a percent.
const FEE_PPM: i32 = 1_000;

/// What makes the demo market of an empty venue.
pub fn commands() -> Vec<Command> {
    commands_for(ACCOUNTS)
}

/// The same with so many accounts.
pub fn commands_for(accounts: u32) -> Vec<Command> {
    // The texts above are short and printable: they are never empty.
    let code = |text: &[u8]| AssetCode::new(text).unwrap_or_default();
    let quote = AssetId(1);
    let mut commands = vec![AddAsset { asset: quote, code: code(QUOTE.0) }.into()];
    let mut funds = vec![(quote, QUOTE.1)];
    for (number, (base, amount, price)) in (1_u32..).zip(MARKETS) {
        let asset = AssetId(number + 1);
        commands.push(AddAsset { asset, code: code(base) }.into());
        funds.push((asset, amount));
        let symbol = Symbol::new(&[base, QUOTE.0].concat()).unwrap_or_default();
        commands.push(AddInstrument { spec: spec(number, asset, quote, symbol, price) }.into());
    }
    let mut funding_id = 0;
    for account in (1..=accounts).map(AccountId) {
        let active = AccountState::Active;
        commands.push(
            SetAccount {
                account,
                trade_group: 0,
                max_open_orders: 10_000,
                state: active,
                reserved: [0; 3],
            }
            .into(),
        );
        for &(asset, whole) in &funds {
            funding_id += 1;
            let amount = Money::from_units(whole * MONEY_ONE);
            commands.push(Deposit { funding_id, account, asset, amount }.into());
        }
    }
    commands
}

/// Why the demo market could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DemoError {
    /// The venue took no commands.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The venue stopped before the market was there.
    #[error("the venue stopped")]
    Stopped,
    /// The engine denied a part of it: the venue was not empty.
    #[error("the demo market: {0}")]
    Denied(DenialReason),
}

/// Makes the demo market of an empty venue, and folds its events into `models`.
///
/// # Errors
/// [`DemoError`].
pub fn open(handle: &mut Handle, models: &mut Models) -> Result<(), DemoError> {
    open_for(handle, models, ACCOUNTS)
}

/// The same with so many accounts.
///
/// # Errors
/// [`DemoError`].
pub fn open_for(handle: &mut Handle, models: &mut Models, accounts: u32) -> Result<(), DemoError> {
    for command in commands_for(accounts) {
        let before = models.checkpoint().sequence;
        handle.submit(Submission { token: 0, commands: &[command] })?;
        let mut denied = None;
        while models.checkpoint().sequence == before {
            handle.deliveries.wait(Duration::from_secs(1));
            let fold = |delivery: &Delivery| {
                if let Event::Denied(event) = &delivery.event {
                    denied = Some(event.reason);
                }
                models.apply(&delivery.header, &delivery.event);
            };
            handle.poll(usize::MAX, fold).map_err(|_| DemoError::Stopped)?;
        }
        denied.map_or(Ok(()), |reason| Err(DemoError::Denied(reason)))?;
    }
    Ok(())
}

/// A cent's tick, a hundred-thousandth's lot, and the filters that clients expect to see. The highest
/// price is one that ITCH has room for.
fn spec(
    number: u32,
    base: AssetId,
    quote: AssetId,
    symbol: Symbol,
    reference: i64,
) -> InstrumentSpec {
    let (tick, lot) = (Price::from_units(ONE / 100), Qty::from_units(ONE as u64 / 100_000));
    InstrumentSpec {
        symbol,
        max_price: Price::from_units(400_000 * ONE),
        max_qty: Qty::from_units(9_000 * ONE as u64),
        min_notional: Qty::from_units(5 * ONE as u64),
        max_notional: Qty::from_units(9_000_000 * ONE as u64),
        reference_price: Price::from_units(reference * ONE),
        maker_fee_ppm: FEE_PPM,
        taker_fee_ppm: FEE_PPM,
        max_iceberg_parts: 10,
        tracks_volume: 1,
        ..InstrumentSpec::new(InstrumentId(number), base, quote, tick, lot)
    }
}

/// A demo account's key, to be shown to whoever started the venue.
#[derive(Clone, PartialEq, Eq)]
pub struct DemoKey {
    /// Whose.
    pub account: AccountId,
    /// What clients send.
    pub api_key: String,
    /// What they sign with.
    pub secret: String,
}

/// Never shows the secret.
impl fmt::Debug for DemoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoKey").field("account", &self.account).finish_non_exhaustive()
    }
}

/// New keys for the demo accounts, added to `keys`, by the system's random numbers.
///
/// # Errors
/// When the system has none.
pub fn keys(keys: &Keys) -> Result<Vec<DemoKey>, getrandom::Error> {
    keys_for(keys, ACCOUNTS)
}

/// The same for so many accounts.
///
/// # Errors
/// When the system has no random numbers.
pub fn keys_for(keys: &Keys, accounts: u32) -> Result<Vec<DemoKey>, getrandom::Error> {
    let mut made = Vec::new();
    for account in (1..=accounts).map(AccountId) {
        let demo = DemoKey { account, api_key: random_text()?, secret: random_text()? };
        let verifier = Verifier::Hmac(demo.secret.as_bytes().to_vec());
        let key = Key::new(account, verifier, true, true);
        // Of 32 random bytes, and printable: it is no other key's, and it is well formed.
        if keys.add(&demo.api_key, key).is_ok() {
            made.push(demo);
        }
    }
    Ok(made)
}
