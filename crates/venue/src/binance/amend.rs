//! An order made smaller in place: it keeps its id, and its place in the queue.

use serde::Serialize;
use tiercel_types::command::AmendOrder;
use tiercel_types::order::AmendQtyMeaning;
use tiercel_types::{
    AccountId, ClientOrderId, Command, Event, EventHeader, InstrumentSpec, Money, OrderId, Price,
    Qty,
};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::denial::denial;
use super::error::ApiError;
use super::execution_report::execution_id;
use super::order::OrderName;
use super::params::Params;
use super::view::order_status;
use super::words::{self, OrderType};
use super::{list_view, questions};
use crate::models::{Models, OrderView};

/// A request to make an order smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amend {
    name: OrderName,
    new_qty: Qty,
    new_name: ClientOrderId,
}

impl Amend {
    /// Reads `PUT order/amend/keepPriority`, behind its symbol. The order is called `generated`
    /// from then on, if the request says nothing else.
    ///
    /// # Errors
    /// -1102 if a parameter is missing.
    pub fn read(params: &Params<'_>, generated: ClientOrderId) -> Result<Self, ApiError> {
        let name = OrderName::read(params)?;
        let new_qty = params.qty("newQty")?.ok_or_else(|| ApiError::mandatory("newQty"))?;
        let new_name = params.client_order_id("newClientOrderId")?.unwrap_or(generated);
        params.finish()?;
        if new_qty.is_zero() {
            return Err(ApiError::filter("LOT_SIZE"));
        }
        Ok(Self { name, new_qty, new_name })
    }

    /// The order, if it lives.
    ///
    /// # Errors
    /// -2038.
    pub fn target<'m>(
        &self,
        models: &'m Models,
        account: AccountId,
        spec: &InstrumentSpec,
    ) -> Result<&'m OrderView, ApiError> {
        let known = questions::find(models, account, self.name)?;
        let live = known.filter(|order| {
            order.instrument == spec.instrument && order.stage.is_live() && !order.is_by_amount()
        });
        live.ok_or_else(|| ApiError::amend_rejected("Unknown order sent."))
    }

    /// The command that makes the order smaller. (A price of zero leaves the price as it is.)
    ///
    /// # Errors
    /// -2038 if it would not become smaller.
    pub fn command(&self, order: &OrderView) -> Result<Command, ApiError> {
        if self.new_qty > order.qty {
            let message = "Order amend (quantity increase) is not supported.";
            return Err(ApiError::amend_rejected(message));
        }
        if self.new_qty == order.qty {
            return Err(ApiError::amend_rejected(NO_CHANGE));
        }
        Ok(AmendOrder {
            order_id: order.order_id,
            price: Price::ZERO,
            qty: self.new_qty,
            account: order.account,
            client_order_id: ClientOrderId::EMPTY,
            new_client_order_id: self.new_name,
            qty_meaning: AmendQtyMeaning::Total,
            lose_priority: 0,
            reserved: [0; 2],
        }
        .into())
    }
}

/// What an amendment that changes nothing is answered.
pub(super) const NO_CHANGE: &str = "The requested action would change no state; rejecting";

/// What was amended, when, and what it was called before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amended {
    order_id: OrderId,
    time_ns: u64,
    execution_id: u64,
}

impl Amended {
    /// Folds the events of the amendment.
    ///
    /// # Errors
    /// The denial, if the engine denied it.
    pub fn fold<'e>(
        events: impl IntoIterator<Item = &'e (EventHeader, Event)>,
        order_id: OrderId,
    ) -> Result<Self, ApiError> {
        let done = |header: &EventHeader| {
            let execution_id = execution_id(header.sequence, header.index);
            Ok(Self { order_id, time_ns: header.time_ns, execution_id })
        };
        for (header, event) in events {
            match event {
                Event::Denied(denied) => return Err(denial(denied.reason, denied.command)),
                Event::OrderAmended(amended) if amended.order_id == order_id => {
                    return done(header);
                }
                // By then more was filled than is left of it.
                Event::OrderEnded(ended) if ended.order_id == order_id => return done(header),
                _ => {}
            }
        }
        Err(ApiError::internal())
    }

    /// The answer's JSON: the order as it is now, and what it was called before.
    ///
    /// # Errors
    /// [`ApiError::internal`] if the order is not known, or the answer cannot be written.
    pub fn to_json(
        &self,
        models: &Models,
        account: AccountId,
        spec: &InstrumentSpec,
        old_name: &ClientOrderId,
    ) -> Result<String, ApiError> {
        let order = models.orders().get(account, self.order_id).ok_or_else(ApiError::internal)?;
        write(&AmendAnswer {
            transact_time: self.time_ns / NANOS_PER_MILLI,
            execution_id: self.execution_id,
            amended_order: AmendedOrder::of(models, order, spec, old_name),
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendAnswer<'a> {
    transact_time: u64,
    execution_id: u64,
    amended_order: AmendedOrder<'a>,
}

/// An order as answers to amendments have it: other words than elsewhere for the same.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AmendedOrder<'a> {
    symbol: &'a str,
    order_id: u64,
    order_list_id: i64,
    orig_client_order_id: &'a str,
    client_order_id: &'a str,
    price: Decimal<Price>,
    qty: Decimal<Qty>,
    executed_qty: Decimal<Qty>,
    prevented_qty: Decimal<Qty>,
    quote_order_qty: Decimal<Qty>,
    cumulative_quote_qty: Decimal<Money>,
    status: &'static str,
    time_in_force: &'static str,
    #[serde(rename = "type")]
    order_type: &'static str,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iceberg_qty: Option<Decimal<Qty>>,
    working_time: u64,
    self_trade_prevention_mode: &'static str,
}

impl<'a> AmendedOrder<'a> {
    fn of(
        models: &Models,
        order: &'a OrderView,
        spec: &'a InstrumentSpec,
        old_name: &'a ClientOrderId,
    ) -> Self {
        Self {
            symbol: spec.symbol.as_str(),
            order_id: order.order_id.0,
            order_list_id: list_view::number(order.list_id),
            orig_client_order_id: old_name.as_str(),
            client_order_id: order.client_order_id.as_str(),
            price: Decimal(order.price),
            qty: Decimal(order.qty),
            executed_qty: Decimal(order.executed_qty),
            prevented_qty: Decimal(order.prevented_qty),
            quote_order_qty: Decimal(order.quote_qty),
            cumulative_quote_qty: Decimal(order.executed_quote),
            status: order_status(models.orders(), order).as_str(),
            time_in_force: words::time_in_force(order.time_in_force),
            order_type: OrderType::of(order.kind, order.trigger).as_str(),
            side: words::side(order.side),
            iceberg_qty: Some(order.display_qty).filter(|qty| !qty.is_zero()).map(Decimal),
            working_time: order.working_since.0 / NANOS_PER_MILLI,
            self_trade_prevention_mode: words::self_trade_prevention(order.self_trade_prevention),
        }
    }
}
