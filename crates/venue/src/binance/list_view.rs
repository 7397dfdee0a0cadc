//! Order lists as the interface tells them: where they stand, and with which orders.

use serde::Serialize;
use tiercel_types::order::ListKind;
use tiercel_types::{EndReason, InstrumentSpec, ListId};

use super::answer::{NANOS_PER_MILLI, NO_LIST, write};
use super::error::ApiError;
use super::words::OrderStatus;
use crate::models::{ListView, Models, OrderStage, OrderView, Orders};

/// The working time of an order that is on no book.
pub(super) const NOT_WORKING: i64 = -1;

/// A list's number on this interface; of none -1.
pub(super) fn number(list_id: ListId) -> i64 {
    if list_id.0 == 0 { NO_LIST } else { i64::try_from(list_id.0).unwrap_or(i64::MAX) }
}

/// Where a list stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing<'a> {
    order_list_id: i64,
    contingency_type: &'static str,
    list_status_type: &'static str,
    list_order_status: &'static str,
    list_client_order_id: &'a str,
    transaction_time: u64,
}

impl<'a> Standing<'a> {
    pub(super) fn of(
        (order_list_id, kind, ended): (i64, ListKind, bool),
        list_client_order_id: &'a str,
        transaction_time: u64,
    ) -> Self {
        Self {
            order_list_id,
            contingency_type: contingency(kind),
            list_status_type: if ended { "ALL_DONE" } else { "EXEC_STARTED" },
            list_order_status: if ended { "ALL_DONE" } else { "EXECUTING" },
            list_client_order_id,
            transaction_time,
        }
    }

    fn of_view(list: &'a ListView) -> Self {
        let time = if list.ended.0 == 0 { list.created } else { list.ended };
        let what = (number(list.list_id), list.kind, list.ended.0 != 0);
        Self::of(what, list.list_client_order_id.as_str(), time.0 / NANOS_PER_MILLI)
    }
}

/// The word for how a list's orders hang together: a bracket is an OTO too.
pub const fn contingency(kind: ListKind) -> &'static str {
    match kind {
        ListKind::Oco => "OCO",
        ListKind::Oto | ListKind::Otoco => "OTO",
    }
}

/// An order of a list, by name alone.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderReference<'a> {
    pub(super) symbol: &'a str,
    pub(super) order_id: u64,
    pub(super) client_order_id: &'a str,
}

/// A list, and where the answer says it, what became of its orders.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer<'a, R> {
    #[serde(flatten)]
    pub(super) status: Standing<'a>,
    pub(super) symbol: &'a str,
    pub(super) orders: Vec<OrderReference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order_reports: Option<Vec<R>>,
}

/// A list as it stands. Orders that are forgotten, each older than the list's end, are left out.
pub(super) fn list_answer<'a, R>(
    orders: &'a Orders,
    list: &'a ListView,
    spec: &'a InstrumentSpec,
    order_reports: Option<Vec<R>>,
) -> ListAnswer<'a, R> {
    let symbol = spec.symbol.as_str();
    let known = legs(orders, list).map(|order| OrderReference {
        symbol,
        order_id: order.order_id.0,
        client_order_id: order.client_order_id.as_str(),
    });
    ListAnswer { status: Standing::of_view(list), symbol, orders: known.collect(), order_reports }
}

/// The orders of a list, as they were handed in.
pub(super) fn legs<'o>(
    orders: &'o Orders,
    list: &'o ListView,
) -> impl Iterator<Item = &'o OrderView> {
    let ids = &list.order_ids[..list.kind.orders()];
    ids.iter().filter_map(|order_id| orders.get(list.account, *order_id))
}

/// A list.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written, or its symbol is gone, which the engine does
/// not let happen.
pub fn list(models: &Models, list: &ListView) -> Result<String, ApiError> {
    let spec = models.instruments().get(list.instrument).ok_or_else(ApiError::internal)?;
    write(&list_answer::<()>(models.orders(), list, spec, None))
}

/// Lists, in the order given.
///
/// # Errors
/// [`ApiError::internal`] if they cannot be written.
pub fn lists<'a>(
    models: &Models,
    lists: impl Iterator<Item = &'a ListView>,
) -> Result<String, ApiError> {
    let known: Vec<_> = lists
        .filter_map(|list| Some((list, *models.instruments().get(list.instrument)?)))
        .collect();
    let answer = |(list, spec)| list_answer::<()>(models.orders(), list, spec, None);
    write(&known.iter().map(|(list, spec)| answer((list, spec))).collect::<Vec<_>>())
}

/// Why an order ended. One that its list took with it was cancelled if the order was whose end
/// that was: clients cancel whole lists.
pub fn end_reason(orders: &Orders, order: &OrderView) -> EndReason {
    let own = order.end_reason;
    if own != EndReason::ListEnded {
        return own;
    }
    let Some(list) = orders.list(order.account, order.list_id) else { return own };
    let cancelled = |other: &&OrderView| {
        other.stage == OrderStage::Ended
            && other.sequence == order.sequence
            && OrderStatus::of_end(other.end_reason, false) == OrderStatus::Canceled
    };
    legs(orders, list).find(cancelled).map_or(own, |other| other.end_reason)
}
