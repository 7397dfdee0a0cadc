//! Paths and bodies, read into commands.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tiercel_types::auction::{AuctionKind, AuctionReference, Pressure, TieBreak};
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, Deposit, MassCancel, ScheduleAction, SchedulePhase,
    SetAccount, SetAuctionRules, SetInstrumentState, SetKillSwitch, SetProtections, StartCall,
    UpdateInstrument, Withdraw,
};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, AssetCode, AssetId, Command, InstrumentId, InstrumentSpec, InstrumentState, Price,
    Qty, Symbol, Timestamp,
};

use crate::models::Models;

use super::text::{Amount, Text, Word};
use super::{Act, Problem, Shown, view};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The segments of a path, decoded.
pub(super) fn segments(path: &str) -> Result<Vec<String>, Problem> {
    path.split('/').map(|segment| decoded(segment).ok_or_else(Problem::no_such_call)).collect()
}

/// A segment without its percent signs.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, behind @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(behind.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(bytes).ok()
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::body(error.to_string()))
}

fn command(command: impl Into<Command>, shown: Shown) -> Act {
    Act::Command(Box::new(command.into()), shown)
}

/// The instrument of that symbol.
pub(super) fn instrument(symbol: &str, models: &Models) -> Result<InstrumentSpec, Problem> {
    let known = symbol.parse().ok().and_then(|symbol| models.instruments().by_symbol(&symbol));
    let unknown = || Problem::new(404, "UNKNOWN_INSTRUMENT", "no such instrument").of("instrument");
    known.copied().ok_or_else(unknown)
}

/// The account of that number, which the operator has made.
pub(super) fn account(number: &str, models: &Models) -> Result<AccountId, Problem> {
    let known = number.parse().ok().and_then(|number| models.accounts().get(AccountId(number)));
    let unknown = || Problem::new(404, "UNKNOWN_ACCOUNT", "no such account").of("account");
    known.map(|view| view.account).ok_or_else(unknown)
}

fn asset(code: &AssetCode, models: &Models) -> Result<AssetId, Problem> {
    let known = models.instruments().assets().find(|view| view.code == *code);
    let unknown = || Problem::new(404, "UNKNOWN_ASSET", "no such asset").of("asset");
    known.map(|view| view.asset).ok_or_else(unknown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAsset {
    code: Text<AssetCode>,
}

pub(super) fn add_asset(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let NewAsset { code } = body(bytes)?;
    let last = models.instruments().assets().map(|view| view.asset.0).max();
    let asset = AssetId(last.unwrap_or(0) + 1);
    Ok(command(AddAsset { asset, code: code.0 }, Shown::Asset(asset)))
}

/// Terms of an instrument: all that may be left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    symbol: Option<Text<Symbol>>,
    base: Option<Text<AssetCode>>,
    quote: Option<Text<AssetCode>>,
    state: Option<Word<InstrumentState>>,
    tick: Option<Text<Price>>,
    lot: Option<Text<Qty>>,
    min_price: Option<Text<Price>>,
    max_price: Option<Text<Price>>,
    min_qty: Option<Text<Qty>>,
    max_qty: Option<Text<Qty>>,
    min_notional: Option<Text<Qty>>,
    max_notional: Option<Text<Qty>>,
    reference_price: Option<Text<Price>>,
    band_ppm: Option<u32>,
    maker_fee_ppm: Option<i32>,
    taker_fee_ppm: Option<i32>,
    market_protection_ppm: Option<u32>,
    max_iceberg_parts: Option<u32>,
    tracks_volume: Option<bool>,
}

impl Terms {
    /// `spec` with these terms in it.
    fn put(&self, spec: &mut InstrumentSpec) {
        macro_rules! texts {
            ($($field:ident),+) => { $(if let Some(Text(value)) = self.$field {
                spec.$field = value;
            })+ };
        }
        macro_rules! numbers {
            ($($field:ident),+) => { $(if let Some(value) = self.$field {
                spec.$field = value;
            })+ };
        }
        texts!(symbol, tick, lot, min_price, max_price, min_qty, max_qty);
        texts!(min_notional, max_notional, reference_price);
        numbers!(band_ppm, maker_fee_ppm, taker_fee_ppm, market_protection_ppm, max_iceberg_parts);
        if let Some(tracks) = self.tracks_volume {
            spec.tracks_volume = u8::from(tracks);
        }
    }
}

pub(super) fn add_instrument(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let terms: Terms = body(bytes)?;
    let missing = |field| Problem::body(format!("missing field `{field}`")).of(field);
    let Text(base) = terms.base.ok_or_else(|| missing("base"))?;
    let Text(quote) = terms.quote.ok_or_else(|| missing("quote"))?;
    let Text(tick) = terms.tick.ok_or_else(|| missing("tick"))?;
    let Text(lot) = terms.lot.ok_or_else(|| missing("lot"))?;
    if terms.symbol.is_none() {
        return Err(missing("symbol"));
    }
    let last = models.instruments().iter().map(|spec| spec.instrument.0).max();
    let instrument = InstrumentId(last.unwrap_or(0) + 1);
    let (base, quote) = (asset(&base, models)?, asset(&quote, models)?);
    let mut spec = InstrumentSpec::new(instrument, base, quote, tick, lot);
    if let Some(Word(state)) = terms.state {
        spec.state = state;
    }
    terms.put(&mut spec);
    Ok(command(AddInstrument { spec }, Shown::Instrument(instrument)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToState {
    state: Word<InstrumentState>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    auction: Word<AuctionKind>,
    then: Option<Word<InstrumentState>>,
    ends_at_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phase {
    at_ms: u64,
    state: Word<InstrumentState>,
    auction: Option<Word<AuctionKind>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuctionRules {
    minimum_surplus: Option<bool>,
    pressure: Option<Word<Pressure>>,
    tie_break: Option<Word<TieBreak>>,
    reference: Option<Word<AuctionReference>>,
    bound: Option<Text<Price>>,
    bound_ppm: Option<u32>,
    indication_interval_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Protections {
    dynamic_ppm: u32,
    static_ppm: u32,
    limit_ppm: u32,
    call_ms: u64,
    window_ms: u64,
    limit_state_ms: u64,
    pause_ms: u64,
}

/// Milliseconds of a request as nanoseconds; those of the year 2554 and later are as far as it goes.
const fn nanos(ms: u64) -> u64 {
    ms.saturating_mul(NANOS_PER_MILLI)
}

/// What is asked of one instrument.
pub(super) fn of_instrument(
    method: &str,
    spec: InstrumentSpec,
    rest: &[&str],
    bytes: &[u8],
    models: &Models,
) -> Result<Act, Problem> {
    let instrument = spec.instrument;
    let shown = Shown::Instrument(instrument);
    match (method, rest) {
        ("GET", []) => Ok(Act::Tell(view::instrument(models, &spec))),
        ("PATCH", []) => update(spec, bytes),
        ("POST", ["state"]) => {
            let ToState { state } = body(bytes)?;
            let set = SetInstrumentState { instrument, state: state.0, reserved: [0; 3] };
            Ok(command(set, shown))
        }
        ("POST", ["call"]) => {
            let Call { auction, then, ends_at_ms } = body(bytes)?;
            let start = StartCall {
                instrument,
                auction: auction.0,
                then: then.map_or(InstrumentState::Open, |then| then.0),
                reserved: [0; 2],
                ends_at: Timestamp(nanos(ends_at_ms.unwrap_or(0))),
            };
            Ok(command(start, shown))
        }
        ("POST", ["phases"]) => {
            let Phase { at_ms, state, auction } = body(bytes)?;
            Ok(command(phase(instrument, at_ms, state.0, auction, ScheduleAction::Add), shown))
        }
        ("DELETE", ["phases", at_ms]) => {
            let at_ms = at_ms.parse().map_err(|_| Problem::no_such_call())?;
            // The engine finds it by its time alone.
            let known = models.accounts().phases(instrument, models.checkpoint().time);
            let known = known.copied().find(|phase| phase.at.0 == nanos(at_ms));
            let (state, auction) = known
                .map_or((InstrumentState::Open, AuctionKind::None), |it| (it.state, it.auction));
            let remove = ScheduleAction::Remove;
            Ok(command(phase(instrument, at_ms, state, Some(Word(auction)), remove), shown))
        }
        ("PUT", ["auction-rules"]) => auction_rules(instrument, bytes),
        ("PUT", ["protections"]) => {
            let given: Protections = body(bytes)?;
            let set = SetProtections {
                instrument,
                dynamic_ppm: given.dynamic_ppm,
                static_ppm: given.static_ppm,
                limit_ppm: given.limit_ppm,
                call_ns: nanos(given.call_ms),
                window_ns: nanos(given.window_ms),
                limit_state_ns: nanos(given.limit_state_ms),
                pause_ns: nanos(given.pause_ms),
            };
            Ok(command(set, shown))
        }
        ("DELETE", ["orders"]) => {
            Ok(command(mass_cancel(AccountId::ALL, instrument), Shown::Cancelled))
        }
        _ => Err(Problem::no_such_call()),
    }
}

fn update(mut spec: InstrumentSpec, bytes: &[u8]) -> Result<Act, Problem> {
    let terms: Terms = body(bytes)?;
    for (given, field) in [(terms.base.is_some(), "base"), (terms.quote.is_some(), "quote")] {
        if given {
            return Err(Problem::body("assets never change").of(field));
        }
    }
    if terms.state.is_some() {
        return Err(Problem::body("the state is set by a call of its own").of("state"));
    }
    terms.put(&mut spec);
    Ok(command(UpdateInstrument { spec }, Shown::Instrument(spec.instrument)))
}

fn phase(
    instrument: InstrumentId,
    at_ms: u64,
    state: InstrumentState,
    auction: Option<Word<AuctionKind>>,
    action: ScheduleAction,
) -> SchedulePhase {
    let auction = auction.map_or(AuctionKind::None, |auction| auction.0);
    SchedulePhase { at: Timestamp(nanos(at_ms)), instrument, state, action, auction, reserved: 0 }
}

fn auction_rules(instrument: InstrumentId, bytes: &[u8]) -> Result<Act, Problem> {
    let given: AuctionRules = body(bytes)?;
    let default = SetAuctionRules::xetra(instrument);
    let rules = SetAuctionRules {
        minimum_surplus: given.minimum_surplus.map_or(default.minimum_surplus, u8::from),
        pressure: given.pressure.map_or(default.pressure, |word| word.0),
        tie_break: given.tie_break.map_or(default.tie_break, |word| word.0),
        reference: given.reference.map_or(default.reference, |word| word.0),
        bound: given.bound.map_or(default.bound, |text| text.0),
        bound_ppm: given.bound_ppm.unwrap_or(default.bound_ppm),
        indication_interval_ns: nanos(given.indication_interval_ms.unwrap_or(0)),
        ..default
    };
    Ok(command(rules, Shown::Instrument(instrument)))
}

const fn mass_cancel(account: AccountId, instrument: InstrumentId) -> MassCancel {
    MassCancel { account, instrument, sides: SideScope::Both, reserved: [0; 7] }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountTerms {
    account: Option<u32>,
    trade_group: Option<u32>,
    max_open_orders: Option<u32>,
    state: Option<Word<AccountState>>,
}

pub(super) fn add_account(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let terms: AccountTerms = body(bytes)?;
    let last = models.accounts().iter().map(|view| view.account.0).max();
    let account = AccountId(terms.account.unwrap_or(last.unwrap_or(0) + 1));
    if models.accounts().get(account).is_some() {
        let detail = "there is such an account; PATCH changes it";
        return Err(Problem::new(409, "DUPLICATE_ACCOUNT", detail).of("account"));
    }
    if account == AccountId::VENUE {
        return Err(Problem::body("account 0 is the venue's own").of("account"));
    }
    let set = SetAccount {
        account,
        trade_group: terms.trade_group.unwrap_or(0),
        max_open_orders: terms.max_open_orders.unwrap_or(0),
        state: terms.state.map_or(AccountState::Active, |state| state.0),
        reserved: [0; 3],
    };
    Ok(command(set, Shown::Account(account)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Movement {
    funding_id: u64,
    asset: Text<AssetCode>,
    amount: Text<Amount>,
}

/// What is asked of one account.
pub(super) fn of_account(
    method: &str,
    account: AccountId,
    rest: &[&str],
    bytes: &[u8],
    models: &Models,
) -> Result<Act, Problem> {
    let shown = Shown::Account(account);
    match (method, rest) {
        ("GET", []) => view::account(models, account).map(Act::Tell).ok_or_else(Problem::internal),
        ("PATCH", []) => {
            let terms: AccountTerms = body(bytes)?;
            let known = models.accounts().get(account).ok_or_else(Problem::internal)?;
            if terms.account.is_some() {
                return Err(Problem::body("an account's number never changes").of("account"));
            }
            let set = SetAccount {
                account,
                trade_group: terms.trade_group.unwrap_or(known.trade_group),
                max_open_orders: terms.max_open_orders.unwrap_or(known.max_open_orders),
                state: terms.state.map_or(known.state, |state| state.0),
                reserved: [0; 3],
            };
            Ok(command(set, shown))
        }
        ("POST", ["deposits"]) => {
            let Movement { funding_id, asset: code, amount } = body(bytes)?;
            let (asset, amount) = (asset(&code.0, models)?, amount.0.0);
            let shown = Shown::Funds(account);
            Ok(command(Deposit { funding_id, account, asset, amount }, shown))
        }
        ("POST", ["withdrawals"]) => {
            let Movement { funding_id, asset: code, amount } = body(bytes)?;
            let (asset, amount) = (asset(&code.0, models)?, amount.0.0);
            let shown = Shown::Funds(account);
            Ok(command(Withdraw { funding_id, account, asset, amount }, shown))
        }
        ("POST", ["kill-switch"]) => kill_switch(account, bytes),
        ("DELETE", ["orders"]) => {
            Ok(command(mass_cancel(account, InstrumentId::ALL), Shown::Cancelled))
        }
        _ => Err(Problem::no_such_call()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

pub(super) fn kill_switch(account: AccountId, bytes: &[u8]) -> Result<Act, Problem> {
    let Switch { on } = body(bytes)?;
    let set = SetKillSwitch { account, on: u8::from(on), reserved: [0; 3] };
    Ok(command(set, Shown::KillSwitch))
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Permission {
    Read,
    Trade,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    account: u32,
    permissions: Vec<Permission>,
    ed25519_public_key: Option<String>,
}

pub(super) fn create_key(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let NewKey { account: number, permissions, ed25519_public_key } = body(bytes)?;
    let account = account(&number.to_string(), models)?;
    let may = |permission| permissions.contains(&permission);
    let may = (may(Permission::Read), may(Permission::Trade));
    Ok(Act::CreateKey { account, may, ed25519_public_key })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Levels {
    levels: String,
}

pub(super) fn log_levels(bytes: &[u8]) -> Result<Act, Problem> {
    let Levels { levels } = body(bytes)?;
    Ok(Act::SetLogLevels(levels))
}
