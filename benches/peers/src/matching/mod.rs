//! Matching engines behind our driver.
//!
//! Each adapter keeps to one duty: make the engine's own command ahead of time, run it, and write
//! one report for each thing that happened.

mod matchcore;
mod nanobook;
mod orderbook_rs;
mod probe;

use std::sync::Arc;

use tiercel_cli::bench::contest::{Case, CaseSpec, Input};
use tiercel_cli::bench::driver::{Driven, Report, ReportKind};
use tiercel_sim::flow::Op;
use tiercel_types::Side;

/// Adds the engines that run the case's load. The full cases have no peers: none of these keeps
/// accounts. nanobook never ends on the mixed flow: it finds a cancelled order's place in its
/// level by an index that earlier fills have shifted.
pub fn add(spec: &CaseSpec, case: &mut Case) {
    let Input::Load(load) = &case.input else { return };
    if !spec.name.starts_with("bare_") {
        return;
    }
    case.subjects.push(Box::new(Driven::<probe::Probe>::new(Arc::clone(load))));
    case.subjects.push(Box::new(Driven::<matchcore::Matchcore>::new(Arc::clone(load))));
    case.subjects.push(Box::new(Driven::<orderbook_rs::OrderbookRs>::new(Arc::clone(load))));
    if spec.name != "bare_mixed" {
        case.subjects.push(Box::new(Driven::<nanobook::Nanobook>::new(Arc::clone(load))));
    }
}

/// A report on an order itself.
#[inline(always)]
fn report(kind: ReportKind, sequence: u64, op: &Op) -> Report {
    let (order_id, side, price_ticks, qty) = match *op {
        Op::New { id, side, price_ticks, qty, .. } => (id, side, price_ticks, qty),
        Op::Cancel { id, .. } => (id, Side::Buy, 0, 0),
        Op::Move { id, price_ticks, qty, .. } => (id, Side::Buy, price_ticks, qty),
    };
    Report { kind, side, order_id, maker_order_id: 0, price: price_ticks, qty, sequence }
}

/// A report on a trade of the order that `op` names.
#[inline(always)]
fn trade(sequence: u64, op: &Op, maker_order_id: u64, price_ticks: i64, qty: u64) -> Report {
    Report { maker_order_id, price: price_ticks, qty, ..report(ReportKind::Trade, sequence, op) }
}
