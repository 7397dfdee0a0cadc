//! Orders cancelled: one, many, those of a list, or all after a while.

use tiercel_types::command::{CancelOrder, CountdownCancel, MassCancel};
use tiercel_types::event::CountdownSet;
use tiercel_types::order::SideScope;
use tiercel_types::{AccountId, ClientOrderId, Command, InstrumentId, ListId, OrderId};

use super::{Doing, ended, granted};
use crate::events::{Events, first};
use crate::native::call::{Call, OrderName, Submit, Work};
use crate::native::problem::{Code, Problem};
use crate::native::scalar::{OrderIdText, SideScopeText, SymbolText};
use crate::native::table::{NoBody, NoQuery};
use crate::native::view::{Cancelled, Countdown, Order, time};

/// `POST orders/{symbol}/{order_id}/cancel`, `DELETE orders/{symbol}/{order_id}`.
pub fn cancel(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Doing<Order> {
    call.target().map(|(_, target)| cancel_one(call.account, target))
}

/// `POST orders/{order_id}/cancel`, `DELETE orders/{order_id}/cancel`.
pub fn cancel_by_id(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Doing<Order> {
    call.target_of_any().map(|target| cancel_one(call.account, target))
}

fn cancel_one(account: AccountId, target: OrderName) -> Work<Order> {
    let OrderName { order_id, client_order_id } = target;
    let command = CancelOrder { order_id, account, client_order_id };
    Submit::of(vec![command.into()], move |models, events| {
        granted(events, |denied| target.denied(models, account, denied.reason))?;
        let ended = ended(events).next().ok_or_else(Problem::internal)?;
        let order = models.orders().get(account, ended).ok_or_else(Problem::internal)?;
        Ok(Order::of(models, order))
    })
}

query! {
    /// `DELETE orders`.
    CancelAllQuery {
        /// Of this instrument alone.
        symbol: Option<SymbolText>,
        /// Of this side alone.
        side: Option<SideScopeText>,
    }
}

/// `DELETE orders`.
pub fn cancel_all(call: &Call<'_>, query: &CancelAllQuery, _: &NoBody) -> Doing<Cancelled> {
    let spec = call.of_symbol(query.symbol, "symbol")?;
    let command = MassCancel {
        account: call.account,
        instrument: spec.map_or(InstrumentId::ALL, |spec| spec.instrument),
        sides: query.side.map_or(SideScope::Both, |sides| sides.0),
        reserved: [0; 7],
    };
    Ok(Submit::of(vec![command.into()], |_, events| {
        granted(events, |denied| Problem::denied(denied.reason, ""))?;
        Ok(cancelled(events))
    }))
}

fn cancelled(events: &Events) -> Cancelled {
    let order_ids: Vec<OrderIdText> = ended(events).map(OrderIdText).collect();
    Cancelled { count: order_ids.len() as u64, order_ids }
}

/// `DELETE lists/{list_id}`: all its orders that live.
pub fn cancel_list(call: &Call<'_>, _: &NoQuery, _: &NoBody) -> Doing<Cancelled> {
    let list_id = ListId(call.number(0, "list_id")?);
    let (orders, account) = (call.models.orders(), call.account);
    let list = orders.list(account, list_id).ok_or_else(Problem::unknown_list)?;
    let live = |id: &&OrderId| orders.get(account, **id).is_some_and(|order| order.stage.is_live());
    let cancel = |id: &OrderId| {
        CancelOrder { order_id: *id, account, client_order_id: ClientOrderId::EMPTY }.into()
    };
    let commands: Vec<Command> = list.order_ids.iter().filter(live).map(cancel).collect();
    let over = || Problem::new(Code::OrderNotLive, "the list is over").of_field("list_id");
    if commands.is_empty() {
        return Err(over());
    }
    Ok(Submit::of(commands, move |_, events| {
        // The first that ends takes the others with it: that these are unknown then is no fault.
        let cancelled = cancelled(events);
        if cancelled.count == 0 { Err(over()) } else { Ok(cancelled) }
    }))
}

body! {
    /// `POST orders/countdown`.
    CountdownRequest {
        /// Orders of this instrument alone; left out: of all.
        symbol: Option<SymbolText>,
        /// In how many milliseconds the orders are cancelled, unless this is sent again before; zero:
        /// not any more.
        #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
        after_ms: u32,
    }
}

/// `POST orders/countdown`.
pub fn countdown(call: &Call<'_>, _: &NoQuery, request: &CountdownRequest) -> Doing<Countdown> {
    let spec = call.of_symbol(request.symbol, "/symbol")?;
    let command = CountdownCancel {
        account: call.account,
        instrument: spec.map_or(InstrumentId::ALL, |spec| spec.instrument),
        after_ns: u64::from(request.after_ms) * 1_000_000,
    };
    Ok(Submit::of(vec![command.into()], |_, events| {
        granted(events, |denied| Problem::denied(denied.reason, ""))?;
        let set = first::<CountdownSet>(events).ok_or_else(Problem::internal)?;
        Ok(Countdown { at_ns: time(set.at) })
    }))
}
