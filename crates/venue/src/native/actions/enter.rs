//! One order entered, at once or once its condition is true.

use tiercel_types::event::Denied;
use tiercel_types::{AccountId, Command, DenialReason};

use super::{Doing, accepted, denied, fills, name_taken};
use crate::events::Events;
use crate::models::{Models, Orders};
use crate::native::call::{Call, Name, Submit, Work};
use crate::native::order::{ConditionalRequest, Draft, PlaceRequest, instrument};
use crate::native::problem::Problem;
use crate::native::table::NoQuery;
use crate::native::view::{Fill, Order, Placed};

/// `POST orders`.
pub fn place(call: &Call<'_>, _: &NoQuery, request: &PlaceRequest) -> Doing<Placed> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let draft = request.draft(spec.instrument, call.account);
    enter(call, draft, vec![draft.command()])
}

/// `POST orders/conditional`.
pub fn conditional(call: &Call<'_>, _: &NoQuery, request: &ConditionalRequest) -> Doing<Placed> {
    let spec = instrument(call.models, request.symbol, "/symbol")?;
    let draft = request.draft(spec.instrument, call.account).conditional("")?;
    let condition = request.condition.stage(call.models, call.account, "/condition")?;
    enter(call, draft, vec![condition, draft.command()])
}

/// Enters one order by the last of the commands.
fn enter(call: &Call<'_>, draft: Draft, commands: Vec<Command>) -> Doing<Placed> {
    if let Some(answer) = entered_before(call.models, &draft)? {
        return Ok(Work::Done(answer));
    }
    let tell = move |models: &Models, events: &Events| match denied(events) {
        // The first of two that were sent together took the name.
        Some((_, Denied { reason: DenialReason::DuplicateClientOrderId, .. })) => {
            entered_before(models, &draft)?.ok_or_else(order_name_taken)
        }
        Some((_, denied)) => Err(Problem::denied(denied.reason, "")),
        None => placed(models, events, draft.order.account),
    };
    let name = Name::of_order(draft.order.client_order_id);
    Ok(Submit::entering(commands, 1, name, tell))
}

fn order_name_taken() -> Problem {
    name_taken("/client_order_id", "another order of the account has this client order id")
}

/// The order that a request was to enter, if it is there under its name.
///
/// # Errors
/// When another is.
pub(super) fn entered_before(models: &Models, draft: &Draft) -> Result<Option<Placed>, Problem> {
    let (account, name) = (draft.order.account, draft.order.client_order_id);
    if name.is_empty() {
        return Ok(None);
    }
    let Some(order) = models.orders().by_client_id(account, &name) else { return Ok(None) };
    if !draft.asked_for(order) {
        return Err(order_name_taken());
    }
    let fills = Fill::known(models, order.instrument, account, &[order.order_id]);
    Ok(Some(Placed { order: Order::of(models, order), fills, repeated: true }))
}

/// The order that a submission has entered, and what it has traded in it.
pub(super) fn placed(
    models: &Models,
    events: &Events,
    account: AccountId,
) -> Result<Placed, Problem> {
    let order_id = accepted(events).next().ok_or_else(Problem::internal)?;
    let orders = fold(events);
    let order = orders.get(account, order_id).ok_or_else(Problem::internal)?;
    let fills = fills(models, events, order_id);
    Ok(Placed { order: Order::of(models, order), fills, repeated: false })
}

/// Folds the events of a submission alone: its orders as they stand at its end.
pub(super) fn fold(events: &Events) -> Orders {
    let mut orders = Orders::new(usize::MAX);
    for (header, event) in events {
        orders.apply(header, event);
    }
    orders
}
