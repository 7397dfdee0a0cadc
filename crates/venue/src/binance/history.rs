//! What happened to orders, row by row: amendments, and trades that self-trade prevention prevented.

use serde::Serialize;
use tiercel_types::{AccountId, InstrumentSpec, OrderId, Price, Qty};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::execution_report::execution_id;
use super::page::{ROWS_DEFAULT, ROWS_MAX, limit};
use super::params::Params;
use super::questions::instrument;
use super::words::self_trade_prevention;
use crate::models::{AmendmentView, Models, PreventedView};

/// The weight of `myPreventedMatches`: one row by its id, or those of an order.
pub fn prevented_weight(params: &Params<'_>) -> u32 {
    if params.has("orderId") { 20 } else { 2 }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PreventedRow<'a> {
    symbol: &'a str,
    prevented_match_id: u64,
    taker_order_id: u64,
    maker_symbol: &'a str,
    maker_order_id: u64,
    trade_group_id: i64,
    self_trade_prevention_mode: &'static str,
    price: Decimal<Price>,
    maker_prevented_quantity: Decimal<Qty>,
    transact_time: u64,
}

impl<'a> PreventedRow<'a> {
    fn of(spec: &'a InstrumentSpec, view: &PreventedView) -> Self {
        Self {
            symbol: spec.symbol.as_str(),
            prevented_match_id: view.match_id,
            taker_order_id: view.taker_order_id.0,
            maker_symbol: spec.symbol.as_str(),
            maker_order_id: view.maker_order_id.0,
            trade_group_id: trade_group_id(view.trade_group),
            self_trade_prevention_mode: self_trade_prevention(view.action),
            price: Decimal(view.price),
            maker_prevented_quantity: Decimal(view.maker_prevented_qty),
            transact_time: view.time.0 / NANOS_PER_MILLI,
        }
    }
}

/// The number of a group of accounts; -1: none.
pub(super) fn trade_group_id(group: u32) -> i64 {
    if group == 0 { -1 } else { group.into() }
}

/// `GET myPreventedMatches`: the one of an id, or those of an order, from an id on, oldest first, as
/// far as the venue remembers them.
///
/// # Errors
/// -1128 without either, or with both.
pub fn prevented_matches(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let match_id = params.integer("preventedMatchId")?;
    let order_id = params.integer("orderId")?.map(OrderId);
    let from = params.integer("fromPreventedMatchId")?;
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    if match_id.is_some() == order_id.is_some() || (match_id.is_some() && from.is_some()) {
        return Err(ApiError::combination());
    }
    let wanted = |view: &&PreventedView| {
        let of_order = |id| view.taker_order_id == id || view.maker_order_id == id;
        view.instrument == spec.instrument
            && match_id.is_none_or(|id| view.match_id == id)
            && order_id.is_none_or(of_order)
            && view.match_id >= from.unwrap_or(0)
    };
    let found = models.prevented_trades().of(account).filter(wanted).take(limit);
    write(&found.map(|view| PreventedRow::of(&spec, view)).collect::<Vec<_>>())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendmentRow<'a> {
    symbol: &'a str,
    order_id: u64,
    execution_id: u64,
    orig_client_order_id: &'a str,
    new_client_order_id: &'a str,
    orig_qty: Decimal<Qty>,
    new_qty: Decimal<Qty>,
    time: u64,
}

impl<'a> AmendmentRow<'a> {
    fn of(spec: &'a InstrumentSpec, view: &'a AmendmentView) -> Self {
        Self {
            symbol: spec.symbol.as_str(),
            order_id: view.order_id.0,
            execution_id: execution_id(view.sequence, view.index),
            orig_client_order_id: view.old_client_order_id.as_str(),
            new_client_order_id: view.new_client_order_id.as_str(),
            orig_qty: Decimal(view.old_qty),
            new_qty: Decimal(view.new_qty),
            time: view.time.0 / NANOS_PER_MILLI,
        }
    }
}

/// `GET order/amendments`: all of an order, from an execution on, oldest first, as far as the venue
/// remembers them. Those of other interfaces may have left the quantity as it was.
///
/// # Errors
/// -1102 without an order.
pub fn amendments(
    models: &Models,
    params: &Params<'_>,
    account: AccountId,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    let order_id = params.integer("orderId")?.ok_or_else(|| ApiError::mandatory("orderId"))?;
    let from = params.integer("fromExecutionId")?.unwrap_or(0);
    let limit = limit(params, ROWS_DEFAULT, ROWS_MAX)?;
    params.finish()?;
    let found = models.amendments().of(account, OrderId(order_id));
    let found = found.filter(|view| {
        view.instrument == spec.instrument && execution_id(view.sequence, view.index) >= from
    });
    write(&found.take(limit).map(|view| AmendmentRow::of(&spec, view)).collect::<Vec<_>>())
}
