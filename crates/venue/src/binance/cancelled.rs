//! What requests to cancel are answered: the orders that they have ended, and whole lists.

use serde::Serialize;
use serde_json::Value;
use tiercel_types::{AccountId, Event, EventHeader, InstrumentSpec, ListId, OrderId};

use super::answer::{value, write};
use super::denial::denial;
use super::error::ApiError;
use super::list_view::{ListAnswer, end_reason, list_answer};
use super::view::{CancelledAnswer, cancelled_answer};
use super::words::OrderStatus;
use crate::models::Models;

/// An order that was cancelled, or a list with all of its orders that were.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Cancelled<'a> {
    Order(CancelledAnswer<'a>),
    List(ListAnswer<'a, CancelledAnswer<'a>>),
}

/// A request to cancel, as far as its answer needs it.
#[derive(Clone, Debug)]
pub struct Cancels {
    /// Whose orders.
    pub account: AccountId,
    /// What they trade.
    pub spec: InstrumentSpec,
    /// The name of the request.
    pub cancel_id: String,
}

/// The events of a submission.
type Events = [(EventHeader, Event)];

impl Cancels {
    /// The answer to `DELETE order` and `DELETE orderList`: the order as it ended, under the name of
    /// the request to cancel, or if it is one of a list the list.
    ///
    /// # Errors
    /// The engine's denial, if the request has ended nothing.
    pub fn one(&self, models: &Models, events: &Events) -> Result<String, ApiError> {
        write(self.told(models, events)?.first().ok_or_else(ApiError::internal)?)
    }

    /// As [`one`](Self::one), as a part of a larger answer.
    ///
    /// # Errors
    /// As [`one`](Self::one).
    pub fn one_value(&self, models: &Models, events: &Events) -> Result<Value, ApiError> {
        value(self.told(models, events)?.first().ok_or_else(ApiError::internal)?)
    }

    /// The answer to `DELETE openOrders`.
    ///
    /// # Errors
    /// The engine's denial, or -2011 if there was nothing to cancel.
    pub fn all(&self, models: &Models, events: &Events) -> Result<String, ApiError> {
        let told = self.told(models, events)?;
        if told.is_empty() {
            return Err(ApiError::unknown_order());
        }
        write(&told)
    }

    /// What the request has cancelled: each list once, at the place of its first order.
    fn told<'a>(
        &'a self,
        models: &'a Models,
        events: &Events,
    ) -> Result<Vec<Cancelled<'a>>, ApiError> {
        let (orders, account) = (models.orders(), self.account);
        let ended = self.ended(models, events)?;
        let of_list = |list_id: ListId| {
            let ended = ended.iter().filter_map(|order_id| orders.get(account, *order_id));
            ended.filter(move |order| order.list_id == list_id)
        };
        let mut told = Vec::new();
        let mut lists: Vec<ListId> = Vec::new();
        for order in ended.iter().filter_map(|order_id| orders.get(account, *order_id)) {
            match orders.list(account, order.list_id) {
                None => told.push(Cancelled::Order(cancelled_answer(
                    models,
                    order,
                    &self.spec,
                    &self.cancel_id,
                ))),
                Some(list) if !lists.contains(&list.list_id) => {
                    lists.push(list.list_id);
                    let report =
                        |order| cancelled_answer(models, order, &self.spec, &self.cancel_id);
                    let reports = of_list(list.list_id).map(report).collect();
                    told.push(Cancelled::List(list_answer(
                        orders,
                        list,
                        &self.spec,
                        Some(reports),
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(told)
    }

    /// The orders that were cancelled, in their order. Others, that happened to expire at the same
    /// moment, are passed over.
    ///
    /// # Errors
    /// The engine's denial, if the request has ended nothing.
    fn ended(&self, models: &Models, events: &Events) -> Result<Vec<OrderId>, ApiError> {
        let (orders, account) = (models.orders(), self.account);
        let cancelled = |order_id: &OrderId| {
            let order = orders.get(account, *order_id);
            order.is_some_and(|order| {
                OrderStatus::of_end(end_reason(orders, order), false) == OrderStatus::Canceled
            })
        };
        let mut ended = Vec::new();
        let mut denied = None;
        for (header, event) in events {
            match event {
                Event::Denied(event) => denied = denied.or(Some(event)),
                Event::OrderEnded(order) if header.account == account => ended.push(order.order_id),
                _ => {}
            }
        }
        ended.retain(cancelled);
        match denied {
            Some(event) if ended.is_empty() => Err(denial(event.reason, event.command)),
            _ => Ok(ended),
        }
    }
}
