//! What stands in a message for where an order is.

use tiercel_types::EndReason;
use tiercel_wire::fix::code::status;

use crate::models::{OrderStage, OrderView};
use crate::reporting;

/// `OrdStatus` of an order, if no request for it is on its way.
pub(super) fn order_status(order: &OrderView) -> u8 {
    let some_filled = !order.executed_qty.is_zero();
    match order.stage {
        OrderStage::Filled => status::FILLED,
        OrderStage::Ended => end_status(order.end_reason, some_filled),
        _ if some_filled => status::PARTIALLY_FILLED,
        _ => status::NEW,
    }
}

/// `OrdStatus` of an order that ended with quantity unfilled.
pub(super) const fn end_status(reason: EndReason, some_filled: bool) -> u8 {
    match reason {
        EndReason::QuoteSpent | EndReason::AmendedToFilled if some_filled => status::FILLED,
        EndReason::Rejected => status::REJECTED,
        reason if reporting::ended_by_terms(reason) => status::EXPIRED,
        _ => status::CANCELED,
    }
}
