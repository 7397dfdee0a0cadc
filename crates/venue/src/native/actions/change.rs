//! One order changed, or its place given to another.

use tiercel_types::command::{AmendOrder, ReplaceOrder};
use tiercel_types::event::OrderAmended;
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{Price, Qty};

use super::enter::{entered_before, placed};
use super::{Doing, ended, fills, granted};
use crate::events::{Events, first};
use crate::models::Models;
use crate::native::call::{Call, Name, Submit, Work};
use crate::native::order::{ReplaceRequest, name};
use crate::native::problem::Problem;
use crate::native::scalar::{
    AmendQtyMeaningText, ClientOrderIdText, OrderIdText, PriceText, QtyText,
};
use crate::native::table::NoQuery;
use crate::native::view::{Amended, Order, Placed, Replaced};

/// `POST orders/{symbol}/{order_id}/replace`.
pub fn replace(call: &Call<'_>, _: &NoQuery, request: &ReplaceRequest) -> Doing<Replaced> {
    let spec = call.instrument()?;
    let draft = request.draft(spec.instrument, call.account).plain("")?;
    if let Some(Placed { order, fills, .. }) = entered_before(call.models, &draft)? {
        return Ok(Work::Done(Replaced { order, fills, repeated: true, replaced: None }));
    }
    let (_, target) = call.target()?;
    let command = ReplaceOrder {
        target_order_id: target.order_id,
        target_client_order_id: target.client_order_id,
        reserved: [0; 4],
        order: draft.order,
    };
    let account = call.account;
    let tell = move |models: &Models, events: &Events| {
        granted(events, |denied| target.denied(models, account, denied.reason))?;
        let Placed { order, fills, .. } = placed(models, events, account)?;
        let replaced = ended(events).next().map(OrderIdText);
        Ok(Replaced { order, fills, repeated: false, replaced })
    };
    let name = Name::of_order(draft.order.client_order_id);
    Ok(Submit::entering(vec![command.into()], 1, name, tell))
}

body! {
    /// `PATCH orders/{symbol}/{order_id}`. What is left out stays as it is.
    AmendRequest {
        /// The new limit.
        price: Option<PriceText>,
        /// The new quantity.
        qty: Option<QtyText>,
        /// What `qty` counts: all of the order, fills included (`total`, unless said), or what is
        /// open.
        qty_meaning: Option<AmendQtyMeaningText>,
        /// The new client order id.
        client_order_id: Option<ClientOrderIdText>,
        /// It goes to the back of its level, whatever changes.
        lose_priority: Option<bool>,
    }
}

/// `PATCH orders/{symbol}/{order_id}`.
pub fn amend(call: &Call<'_>, _: &NoQuery, request: &AmendRequest) -> Doing<Amended> {
    let (_, target) = call.target()?;
    let command = AmendOrder {
        order_id: target.order_id,
        price: request.price.map_or(Price::ZERO, |price| price.0),
        qty: request.qty.map_or(Qty::ZERO, |qty| qty.0),
        account: call.account,
        client_order_id: target.client_order_id,
        new_client_order_id: name(request.client_order_id),
        qty_meaning: request.qty_meaning.map_or(AmendQtyMeaning::Total, |meaning| meaning.0),
        lose_priority: u8::from(request.lose_priority.unwrap_or(false)),
        reserved: [0; 2],
    };
    let account = call.account;
    Ok(Submit::of(vec![command.into()], move |models, events| {
        granted(events, |denied| target.denied(models, account, denied.reason))?;
        let amended = first::<OrderAmended>(events).map(|amended| amended.order_id);
        // An amendment to no more than what was filled ends it.
        let order_id = amended.or_else(|| ended(events).next()).ok_or_else(Problem::internal)?;
        let order = models.orders().get(account, order_id).ok_or_else(Problem::internal)?;
        let fills = fills(models, events, order_id);
        Ok(Amended { order: Order::of(models, order), fills })
    }))
}
