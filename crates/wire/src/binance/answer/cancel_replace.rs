//! What became of an order that was to be cancelled and of the one in its stead.

use super::super::fields::KEY_LIMIT;
use super::super::value::{self, Slot};
use super::{Body, Cancelled, Cursor, PlacedOrder, Refusal, Result, read_body};

/// How a part ended.
#[derive(Clone, Copy)]
enum PartResult {
    Success,
    Failure,
    NotAttempted,
}

fn part_result(cursor: &mut Cursor<'_>) -> Result<PartResult> {
    value::word(cursor, |text| match text {
        "SUCCESS" => Some(PartResult::Success),
        "FAILURE" => Some(PartResult::Failure),
        "NOT_ATTEMPTED" => Some(PartResult::NotAttempted),
        _ => None,
    })
}

/// What became of one of the two.
#[derive(Clone, Copy, Debug)]
pub enum Part<'m, T> {
    /// It was done.
    Done(T),
    /// It was refused.
    Failed(Refusal<'m>),
    /// It was not tried.
    NotAttempted,
}

/// What became of both: a result, or the data of a refusal with -2021 or -2022.
#[derive(Clone, Copy, Debug)]
pub struct CancelReplaced<'m> {
    /// Of the order to cancel.
    pub cancel: Part<'m, Cancelled<'m>>,
    /// Of the new order.
    pub new_order: Part<'m, PlacedOrder<'m>>,
}

impl<'m> CancelReplaced<'m> {
    pub(super) fn read(cursor: &mut Cursor<'m>, ns: u64) -> Result<Self> {
        let mut cancel_result = Slot::new("cancelResult");
        let mut new_order_result = Slot::new("newOrderResult");
        let mut cancel_response = Slot::new("cancelResponse");
        let mut new_order_response = Slot::new("newOrderResponse");
        cursor.object(|key, cursor| match key.resolve(&mut [0; KEY_LIMIT]) {
            Some(b"cancelResult") => cancel_result.fill(cursor, part_result),
            Some(b"newOrderResult") => new_order_result.fill(cursor, part_result),
            Some(b"cancelResponse") => cancel_response.fill(cursor, |cursor| read_body(cursor, ns)),
            Some(b"newOrderResponse") => {
                new_order_response.fill(cursor, |cursor| read_body(cursor, ns))
            }
            _ => cursor.skip_value(),
        })?;
        let (cancel, new_order) = (cancel_result.take(cursor)?, new_order_result.take(cursor)?);
        // A part that was not tried has null, or nothing, for an answer.
        let (cancel_response, new_order_response) =
            (cancel_response.flatten(), new_order_response.flatten());
        Ok(Self {
            cancel: part(cancel, || cancel_response.take(cursor), Cancelled::read)?,
            new_order: part(new_order, || new_order_response.take(cursor), PlacedOrder::read)?,
        })
    }
}

fn part<'m, T>(
    result: PartResult,
    response: impl Fn() -> Result<Body<'m>>,
    read: impl Fn(&mut Cursor<'m>, u64) -> Result<T>,
) -> Result<Part<'m, T>> {
    Ok(match result {
        PartResult::NotAttempted => Part::NotAttempted,
        PartResult::Success => {
            let mut body = response()?;
            Part::Done(read(&mut body.cursor, body.ns)?)
        }
        PartResult::Failure => {
            let mut body = response()?;
            Part::Failed(Refusal::read(&mut body.cursor, body.ns)?)
        }
    })
}
