//! What is answered, in JSON: decimals as texts, states by their words.

use serde_json::{Value, json};
use tiercel_types::auction::AuctionKind;
use tiercel_types::{AccountId, AssetId, InstrumentSpec};

use super::NANOS_PER_MILLI;
use crate::models::{AssetView, Models};

pub(super) fn assets(models: &Models) -> Value {
    models.instruments().assets().map(asset_view).collect()
}

fn asset_view(view: &AssetView) -> Value {
    json!({ "asset": view.asset.0, "code": view.code.as_str() })
}

pub(super) fn asset(models: &Models, asset: AssetId) -> Option<Value> {
    models.instruments().assets().find(|view| view.asset == asset).map(asset_view)
}

fn code(models: &Models, asset: AssetId) -> String {
    models.instruments().asset(asset).map(|code| code.to_string()).unwrap_or_default()
}

pub(super) fn instruments(models: &Models) -> Value {
    models.instruments().iter().map(|spec| instrument(models, spec)).collect()
}

pub(super) fn instrument(models: &Models, spec: &InstrumentSpec) -> Value {
    let phases = models.accounts().phases(spec.instrument, models.checkpoint().time);
    let phases: Value = phases
        .map(|phase| {
            let auction = (phase.auction != AuctionKind::None).then(|| phase.auction.as_str());
            json!({
                "at_ms": phase.at.0 / NANOS_PER_MILLI,
                "state": phase.state.as_str(),
                "auction": auction,
            })
        })
        .collect();
    json!({
        "instrument": spec.instrument.0,
        "symbol": spec.symbol.as_str(),
        "base": code(models, spec.base),
        "quote": code(models, spec.quote),
        "state": spec.state.as_str(),
        "tick": spec.tick.to_string(),
        "lot": spec.lot.to_string(),
        "min_price": spec.min_price.to_string(),
        "max_price": spec.max_price.to_string(),
        "min_qty": spec.min_qty.to_string(),
        "max_qty": spec.max_qty.to_string(),
        "min_notional": spec.min_notional.to_string(),
        "max_notional": spec.max_notional.to_string(),
        "reference_price": spec.reference_price.to_string(),
        "band_ppm": spec.band_ppm,
        "maker_fee_ppm": spec.maker_fee_ppm,
        "taker_fee_ppm": spec.taker_fee_ppm,
        "market_protection_ppm": spec.market_protection_ppm,
        "max_iceberg_parts": spec.max_iceberg_parts,
        "tracks_volume": spec.tracks_volume == 1,
        "phases": phases,
    })
}

pub(super) fn accounts(models: &Models) -> Value {
    let all = models.accounts().iter().filter_map(|view| account(models, view.account));
    all.collect()
}

pub(super) fn account(models: &Models, account: AccountId) -> Option<Value> {
    let view = models.accounts().get(account)?;
    let balances: Value = models
        .balances(account)
        .iter()
        .map(|balance| {
            json!({
                "asset": code(models, balance.asset),
                "free": balance.free.to_string(),
                "reserved": balance.reserved.to_string(),
            })
        })
        .collect();
    Some(json!({
        "account": account.0,
        "state": view.state.as_str(),
        "trade_group": view.trade_group,
        "max_open_orders": view.max_open_orders,
        "kill_switch": view.kill_switch == 1,
        "open_orders": models.orders().live(account).count(),
        "balances": balances,
    }))
}
