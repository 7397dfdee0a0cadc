//! What an answer, or a refusal, says of the orders that were asked for: over the WebSocket and over HTTP the same.

use tiercel_execution::order::{Input, Progress};
use tiercel_execution::venue::OrderName;
use tiercel_types::{ClientOrderId, OrderId};
use tiercel_wire::binance::answer::{Body, Cancelled, Part, PlacedOrder, Refusal};
use tiercel_wire::binance::{DecodeError, OrderStatus};

/// Refusals of requests whose outcome nobody knows: what went wrong inside the venue, or took too long there.
const UNKNOWN_OUTCOMES: [i32; 4] = [-1000, -1001, -1006, -1007];
/// Refusals because there was too much, or the venue goes away: nothing is wrong with the request.
const TOO_MUCH: [i32; 4] = [-1003, OVERLOADED, TOO_MANY_ORDERS, -1016];
/// A refusal because the account has as many unfilled orders as it may in a while.
const TOO_MANY_ORDERS: i32 = -1015;
/// Of a cancel and a new order, one was done. With 429 the new one had no room.
const PARTLY_REPLACED: i32 = -2021;
/// None of both was done.
const NOT_REPLACED: i32 = -2022;
/// A refusal of a request that was not taken, whatever its status says.
const OVERLOADED: i32 = -1008;

/// What was asked of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    New(ClientOrderId),
    Cancel(OrderName),
    CancelReplace { replaced: ClientOrderId, order: ClientOrderId },
}

/// Whether nobody knows what became of a request.
fn is_unknown(status: u16, refusal: &Refusal<'_>) -> bool {
    refusal.code != OVERLOADED && (status >= 500 || UNKNOWN_OUTCOMES.contains(&refusal.code))
}

/// Of what there was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooMuch {
    /// Of nothing.
    Nothing,
    /// Of orders: everything but orders may be asked.
    Orders,
    /// Of requests: the venue wants to be left alone.
    Requests,
}

/// Of what there was too much, as a refusal says.
pub(crate) fn too_much(status: u16, refusal: &Refusal<'_>) -> TooMuch {
    match (status, refusal.code) {
        (429, TOO_MANY_ORDERS | PARTLY_REPLACED | NOT_REPLACED) => TooMuch::Orders,
        (418 | 429, _) => TooMuch::Requests,
        _ => TooMuch::Nothing,
    }
}

/// Whether nothing was wrong with the request, and the venue failed.
pub(crate) fn is_failure(status: u16, refusal: &Refusal<'_>) -> bool {
    matches!(status, 418 | 429 | 500..) || TOO_MUCH.contains(&refusal.code)
}

/// What became of orders, one at a time: which, its number if it was told, and what.
pub(crate) trait Tell: FnMut(ClientOrderId, OrderId, Input) {}
impl<F: FnMut(ClientOrderId, OrderId, Input)> Tell for F {}

/// The request was done.
///
/// # Errors
/// [`DecodeError`]: what was answered cannot be read.
pub(crate) fn done(
    entry: &Entry,
    body: &Body<'_>,
    tell: &mut impl Tell,
) -> Result<(), DecodeError> {
    match entry {
        Entry::New(order) => placed(*order, &body.placed()?, tell),
        Entry::Cancel(name) => cancelled(name.client_order_id, &body.cancelled()?, tell)?,
        Entry::CancelReplace { replaced, order } => {
            let answer = body.cancel_replaced()?;
            parts((*replaced, *order), 200, (&answer.cancel, &answer.new_order), tell)?;
        }
    }
    Ok(())
}

/// The request was refused. What is told as unknown by the venue is not told: it is asked for.
///
/// # Errors
/// [`DecodeError`]: what was answered cannot be read.
pub(crate) fn refused(
    entry: &Entry,
    status: u16,
    refusal: &Refusal<'_>,
    tell: &mut impl Tell,
) -> Result<(), DecodeError> {
    if let Entry::CancelReplace { replaced, order } = entry
        && let Some(answer) = refusal.cancel_replaced()?
    {
        parts((*replaced, *order), status, (&answer.cancel, &answer.new_order), tell)?;
    } else if !is_unknown(status, refusal) {
        not_done(entry, tell);
    }
    Ok(())
}

/// The venue has not done it, for certain.
pub(crate) fn not_done(entry: &Entry, tell: &mut impl Tell) {
    match entry {
        Entry::New(order) => tell(*order, OrderId::NONE, Input::Rejected),
        Entry::Cancel(name) => tell(name.client_order_id, OrderId::NONE, Input::CancelRejected),
        Entry::CancelReplace { replaced, order } => {
            tell(*replaced, OrderId::NONE, Input::CancelRejected);
            tell(*order, OrderId::NONE, Input::Rejected);
        }
    }
}

/// Orders were entered together.
///
/// # Errors
/// [`DecodeError`]: what was answered cannot be read.
pub(crate) fn entered(body: &Body<'_>, tell: &mut impl Tell) -> Result<(), DecodeError> {
    for order in body.placed_list()?.orders {
        let order = order?;
        tell(order.client_order_id, order.order_id, Input::Accepted(order.order_id));
    }
    Ok(())
}

fn placed(order: ClientOrderId, placed: &PlacedOrder<'_>, tell: &mut impl Tell) {
    tell(order, placed.order_id, Input::Accepted(placed.order_id));
}

fn cancelled(
    order: ClientOrderId,
    cancelled: &Cancelled<'_>,
    tell: &mut impl Tell,
) -> Result<(), DecodeError> {
    match cancelled {
        Cancelled::Order(ended) => {
            let executed = Progress::Executed(ended.executed_qty);
            tell(order, ended.order_id, Input::Cancelled(executed));
        }
        // It took the others of its list with it.
        Cancelled::List(list) => {
            for ended in list.orders {
                let ended = ended?;
                let executed = Progress::Executed(ended.executed_qty);
                let input = match ended.status {
                    OrderStatus::Canceled => Input::Cancelled(executed),
                    OrderStatus::Expired => Input::Expired(executed),
                    // What traded is told as trades.
                    _ => continue,
                };
                tell(ended.orig_client_order_id, ended.order_id, input);
            }
        }
    }
    Ok(())
}

/// What became of both: the one that was to end first.
fn parts(
    (replaced, order): (ClientOrderId, ClientOrderId),
    status: u16,
    (cancel, new_order): (&Part<'_, Cancelled<'_>>, &Part<'_, PlacedOrder<'_>>),
    tell: &mut impl Tell,
) -> Result<(), DecodeError> {
    // The status is that of both: of one part its code tells.
    let is_unknown = |refusal| is_unknown(if status >= 500 { status } else { 400 }, refusal);
    match cancel {
        Part::Done(done) => cancelled(replaced, done, tell)?,
        Part::Failed(refusal) if is_unknown(refusal) => {}
        Part::Failed(_) | Part::NotAttempted => {
            tell(replaced, OrderId::NONE, Input::CancelRejected);
        }
    }
    match new_order {
        Part::Done(done) => placed(order, done, tell),
        Part::Failed(refusal) if is_unknown(refusal) => {}
        Part::Failed(_) | Part::NotAttempted => tell(order, OrderId::NONE, Input::Rejected),
    }
    Ok(())
}
