//! What changes something: orders and lists entered, changed, cancelled.
//!
//! Each becomes the commands of one submission, and is answered from their events. A request that
//! enters something under a client's name can be sent again: if what it asks for is there, that is the
//! answer.

#![expect(clippy::missing_errors_doc, reason = "all refuse alike, with a `Problem`: see `Doing`")]

mod cancel;
mod change;
mod enter;
mod lists;

use tiercel_types::event::{Denied, OrderAccepted, OrderEnded, Trade};
use tiercel_types::{DenialReason, OrderId};

use super::call::Work;
use super::problem::Problem;
use super::view::Fill;
use crate::events::{Events, all};
use crate::models::Models;

pub use cancel::{
    CancelAllQuery, CountdownRequest, cancel, cancel_all, cancel_by_id, cancel_list, countdown,
};
pub use change::{AmendRequest, amend, replace};
pub use enter::{conditional, place};
pub use lists::{BracketRequest, ListRequest, bracket, oco, oto, otoco};

/// What a request to do something becomes: commands; the answer at once, if it is there already; or a
/// refusal.
pub type Doing<A> = Result<Work<A>, Problem>;

/// The first denial, and which command of the submission was denied.
fn denied(events: &Events) -> Option<(usize, &Denied)> {
    let (first, _) = events.first()?;
    let (header, denied) = all::<Denied>(events).next()?;
    let part = usize::try_from(header.sequence - first.sequence).unwrap_or(usize::MAX);
    Some((part, denied))
}

/// Nothing of the submission was denied.
///
/// # Errors
/// What `tell` makes of the denial.
fn granted(events: &Events, tell: impl FnOnce(&Denied) -> Problem) -> Result<(), Problem> {
    denied(events).map_or(Ok(()), |(_, denied)| Err(tell(denied)))
}

/// A name that another order or list of the account has.
fn name_taken(field: &str, detail: &'static str) -> Problem {
    let mut problem = Problem::denied(DenialReason::DuplicateClientOrderId, "");
    problem.detail = detail.into();
    problem.of_field(field)
}

/// The orders that the submission entered, in their order.
fn accepted(events: &Events) -> impl Iterator<Item = OrderId> {
    all::<OrderAccepted>(events).map(|(_, order)| order.order_id)
}

/// The orders that the submission ended, in their order.
fn ended(events: &Events) -> impl Iterator<Item = OrderId> {
    all::<OrderEnded>(events).map(|(_, ended)| ended.order_id)
}

/// What an order has traded.
fn fills(models: &Models, events: &Events, order_id: OrderId) -> Vec<Fill> {
    let trades = all::<Trade>(events);
    trades.filter_map(|(header, trade)| Fill::of_event(models, header, trade, order_id)).collect()
}
