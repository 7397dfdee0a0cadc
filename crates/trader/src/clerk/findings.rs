//! What is told of answers, and of what was not asked.

use tiercel_execution::order::{Found, Input, Progress};
use tiercel_execution::position::Fee;
use tiercel_execution::venue::{AdvancedTerms, OrderName, OrderTerms, VenueReport};
use tiercel_types::{ClientOrderId, OrderId, Price, Qty, TradeId};
use tiercel_wire::binance::answer::{OrderState, OwnTrade, Refusal};
use tiercel_wire::binance::{OrderStatus, TimeUnit};

use super::{Errand, Finding, Listed};
use crate::connector::binance::outcome::{self, Entry};
use crate::rest::{Answer, RestError};

/// What an answer says of the orders that it is about.
pub(super) fn entered(entry: &Entry, answer: &Answer) -> Result<Vec<Finding>, RestError> {
    let (mut failed, mut findings) = (None, Vec::new());
    let mut tell = |order, order_id, input| {
        findings.push(Finding::Report(VenueReport::new(order, order_id, input)));
    };
    if answer.status == 200 {
        outcome::done(entry, &answer.body()?, &mut tell)?;
    } else {
        let refusal = Refusal::decode(&answer.text, TimeUnit::Millisecond)?;
        outcome::refused(entry, answer.status, &refusal, &mut tell)?;
        failed = outcome::is_failure(answer.status, &refusal).then_some(Finding::Failed);
    }
    // That it failed comes first: what is told behind it says nothing good of the venue.
    Ok(failed.into_iter().chain(findings).collect())
}

/// What is told of what was not asked.
pub(super) fn unsent(entry: &Entry) -> Vec<Finding> {
    let mut findings = Vec::new();
    outcome::not_done(entry, &mut |order, order_id, input| {
        findings.push(Finding::Unsent(VenueReport::new(order, order_id, input)));
    });
    findings
}

/// What is told of an errand that is not done: nothing of questions about orders, they are asked again by who needs
/// them.
pub(super) fn refused(errand: &Errand) -> Vec<Finding> {
    match errand {
        Errand::Snapshot(_) | Errand::List { .. } | Errand::Balances { .. } => not_answered(errand),
        Errand::Query { .. } => Vec::new(),
        Errand::Cancel(name) => unsent(&Entry::Cancel(*name)),
        Errand::Place { terms, replaced, .. } => unsent(&entry(terms, replaced.as_ref())),
        Errand::PlaceTogether { orders, .. } => unsent_together(orders.orders()),
    }
}

/// What is told of a question that has no answer: nothing where who needs it asks again by himself.
pub(super) fn not_answered(errand: &Errand) -> Vec<Finding> {
    match errand {
        Errand::Snapshot(instrument) => vec![Finding::NoSnapshot(*instrument)],
        Errand::List { round, .. } | Errand::Balances { round } => vec![Finding::NotListed(*round)],
        _ => Vec::new(),
    }
}

/// The same of orders that were to be entered together.
pub(super) fn unsent_together(orders: &[AdvancedTerms]) -> Vec<Finding> {
    entries(orders).flat_map(|entry| unsent(&entry)).collect()
}

/// What orders that are entered together are asked as.
pub(super) fn entries(orders: &[AdvancedTerms]) -> impl Iterator<Item = Entry> {
    orders.iter().map(|terms| Entry::New(terms.order.client_order_id))
}

/// What an order is asked as.
pub(super) fn entry(terms: &OrderTerms, replaced: Option<&OrderName>) -> Entry {
    let order = terms.client_order_id;
    replaced.map_or(Entry::New(order), |name| Entry::CancelReplace {
        replaced: name.client_order_id,
        order,
    })
}

pub(super) const fn status(found: Found, executed_qty: Qty, price: Price, qty: Qty) -> Input {
    Input::Status { found, executed_qty, price, qty }
}

/// Where an order stands.
pub(super) fn found(order: &OrderState<'_>) -> Input {
    let found = match order.status {
        OrderStatus::New
        | OrderStatus::PendingNew
        | OrderStatus::PartiallyFilled
        | OrderStatus::PendingCancel => Found::Working,
        OrderStatus::Filled => Found::Filled,
        OrderStatus::Canceled => Found::Cancelled,
        OrderStatus::Rejected => Found::Rejected,
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => Found::Expired,
    };
    status(found, order.executed_qty, order.price, order.orig_qty)
}

/// A trade of the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traded {
    pub(super) trade_id: TradeId,
    pub(super) order_id: OrderId,
    price: Price,
    qty: Qty,
    fee: Fee,
}

impl Traded {
    pub(super) fn of(listed: &Listed, trade: &OwnTrade<'_>) -> Result<Self, RestError> {
        Ok(Self {
            trade_id: trade.trade_id.ok_or(RestError::NotThere)?,
            order_id: trade.order_id,
            price: trade.price,
            qty: trade.qty,
            fee: listed.fee(trade.commission_asset.as_str(), trade.commission),
        })
    }
}

/// An order's trades as fills, in their order, each with how far the order had come.
pub(super) fn fills(
    order: ClientOrderId,
    state: &OrderState<'_>,
    mut trades: Vec<Traded>,
) -> Vec<VenueReport> {
    trades.sort_by_key(|trade| trade.trade_id);
    let mut executed = 0_u64;
    let mut reports = Vec::with_capacity(trades.len() + 1);
    for Traded { trade_id, order_id, price, qty, fee } in trades {
        executed = executed.saturating_add(qty.units());
        // What came after the status was taken is told with the next one.
        if executed > state.executed_qty.units() {
            break;
        }
        let after = Progress::Executed(Qty::from_units(executed));
        let input = Input::Filled { trade_id, price, qty, after };
        reports.push(VenueReport { fee, ..VenueReport::new(order, order_id, input) });
    }
    reports
}

/// How much that is.
pub(super) fn traded_qty(trades: &[Traded]) -> Qty {
    let units = trades.iter().map(|trade| trade.qty.units());
    Qty::from_units(units.fold(0, u64::saturating_add))
}
