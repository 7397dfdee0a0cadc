//! Requests, read into commands.

use std::borrow::Cow;

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{
    AccountState, AddAsset, AddInstrument, Deposit, MassCancel, ScheduleAction, SchedulePhase,
    SetAccount, SetAuctionRules, SetInstrumentState, SetKillSwitch, SetProtections, StartCall,
    UpdateInstrument, Withdraw,
};
use tiercel_types::order::SideScope;
use tiercel_types::{
    AccountId, AssetCode, AssetId, Command, InstrumentId, InstrumentSpec, InstrumentState, Money,
    Timestamp,
};

use crate::models::Models;
use crate::percent::decode;

use super::body::{
    AccountTerms, AuctionRules, Call, Levels, Movement, NewAsset, NewKey, Permission, Phase,
    Protections, Switch, Terms, ToState, body,
};
use super::text::{Text, Word};
use super::{Act, NANOS_PER_MILLI, Problem, Shown, no_such_call, problem, view};

/// The segments of a path, decoded.
pub(super) fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let decoded = |segment| decode(segment, false).map(Cow::into_owned);
    path.split('/').map(|segment| decoded(segment).ok_or_else(no_such_call)).collect()
}

fn command(command: impl Into<Command>, shown: Shown) -> Act {
    Act::Command(Box::new(command.into()), shown)
}

/// The instrument of that symbol.
pub(super) fn instrument(symbol: &str, models: &Models) -> Result<InstrumentSpec, Problem> {
    let known = symbol.parse().ok().and_then(|symbol| models.instruments().by_symbol(&symbol));
    let unknown =
        || Problem::with(404, "UNKNOWN_INSTRUMENT", "no such instrument").of_field("instrument");
    known.copied().ok_or_else(unknown)
}

/// The account of that number, which the operator has made.
pub(super) fn account(number: &str, models: &Models) -> Result<AccountId, Problem> {
    let known = number.parse().ok().and_then(|number| models.accounts().get(AccountId(number)));
    let unknown = || Problem::with(404, "UNKNOWN_ACCOUNT", "no such account").of_field("account");
    known.map(|view| view.account).ok_or_else(unknown)
}

fn asset(code: &AssetCode, models: &Models) -> Result<AssetId, Problem> {
    let known = models.instruments().assets().find(|view| view.code == *code);
    let unknown = || Problem::with(404, "UNKNOWN_ASSET", "no such asset").of_field("asset");
    known.map(|view| view.asset).ok_or_else(unknown)
}

pub(super) fn add_asset(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let NewAsset { code } = body(bytes)?;
    let last = models.instruments().assets().map(|view| view.asset.0).max();
    let asset = AssetId(last.unwrap_or(0) + 1);
    Ok(command(AddAsset { asset, code: code.0 }, Shown::Asset(asset)))
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
    let missing = |field| problem::body(format!("missing field `{field}`")).of_field(field);
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
            let at_ms = at_ms.parse().map_err(|_| no_such_call())?;
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
        _ => Err(no_such_call()),
    }
}

fn update(mut spec: InstrumentSpec, bytes: &[u8]) -> Result<Act, Problem> {
    let terms: Terms = body(bytes)?;
    for (given, field) in [(terms.base.is_some(), "base"), (terms.quote.is_some(), "quote")] {
        if given {
            return Err(problem::body("assets never change").of_field(field));
        }
    }
    if terms.state.is_some() {
        return Err(problem::body("the state is set by a call of its own").of_field("state"));
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

pub(super) fn add_account(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let terms: AccountTerms = body(bytes)?;
    let last = models.accounts().iter().map(|view| view.account.0).max();
    let account = AccountId(terms.account.unwrap_or(last.unwrap_or(0) + 1));
    if models.accounts().get(account).is_some() {
        let detail = "there is such an account; PATCH changes it";
        return Err(Problem::with(409, "DUPLICATE_ACCOUNT", detail).of_field("account"));
    }
    if account == AccountId::VENUE {
        return Err(problem::body("account 0 is the venue's own").of_field("account"));
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

fn movement(bytes: &[u8], models: &Models) -> Result<(u64, AssetId, Money), Problem> {
    let Movement { funding_id, asset: code, amount } = body(bytes)?;
    Ok((funding_id, asset(&code.0, models)?, amount.0.0))
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
                return Err(problem::body("an account's number never changes").of_field("account"));
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
            let (funding_id, asset, amount) = movement(bytes, models)?;
            Ok(command(Deposit { funding_id, account, asset, amount }, Shown::Funds(account)))
        }
        ("POST", ["withdrawals"]) => {
            let (funding_id, asset, amount) = movement(bytes, models)?;
            Ok(command(Withdraw { funding_id, account, asset, amount }, Shown::Funds(account)))
        }
        ("POST", ["kill-switch"]) => kill_switch(account, bytes),
        ("DELETE", ["orders"]) => {
            Ok(command(mass_cancel(account, InstrumentId::ALL), Shown::Cancelled))
        }
        _ => Err(no_such_call()),
    }
}

pub(super) fn kill_switch(account: AccountId, bytes: &[u8]) -> Result<Act, Problem> {
    let Switch { on } = body(bytes)?;
    let set = SetKillSwitch { account, on: u8::from(on), reserved: [0; 3] };
    Ok(command(set, Shown::KillSwitch))
}

pub(super) fn create_key(bytes: &[u8], models: &Models) -> Result<Act, Problem> {
    let NewKey { account: number, permissions, ed25519_public_key } = body(bytes)?;
    let account = account(&number.to_string(), models)?;
    let may = |permission| permissions.contains(&permission);
    let may = (may(Permission::Read), may(Permission::Trade));
    Ok(Act::CreateKey { account, may, ed25519_public_key })
}

pub(super) fn log_levels(bytes: &[u8]) -> Result<Act, Problem> {
    let Levels { levels } = body(bytes)?;
    Ok(Act::SetLogLevels(levels))
}
