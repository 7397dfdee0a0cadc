//! Calls that place and cancel orders.

use tiercel_types::{AccountId, Event, InstrumentSpec};

use super::{Call, Work};
use crate::binance::answer::Placed;
use crate::binance::denial::denial;
use crate::binance::order::{OrderName, PlaceOrder, cancel_all};
use crate::binance::{ApiError, questions, view};
use crate::models::OrderView;
use crate::serve::gateway::{Events, Gateway};

impl Call<'_> {
    fn read_order(&mut self) -> Result<(PlaceOrder, InstrumentSpec), ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = self.gateway.generate_name();
        let request = PlaceOrder::read(self.params, &spec, self.account, name)?;
        Ok((request, spec))
    }

    pub(super) fn place(&mut self) -> Result<Work, ApiError> {
        let (request, spec) = self.read_order()?;
        let (base, quote) = questions::assets(&self.gateway.models, &spec)?;
        self.order_count = Some(self.gateway.orders.place(self.account, self.now_ms)?);
        self.submit(&[request.command()], move |_, events| {
            Placed::fold(events)?.to_json(&request, &spec, base, quote)
        })
    }

    pub(super) fn test(&mut self) -> Result<Work, ApiError> {
        self.read_order().map(|_| Work::Done("{}".to_owned()))
    }

    pub(super) fn cancel(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = OrderName::read(self.params)?;
        let cancel_id = self.cancel_id()?;
        self.params.finish()?;
        let known = questions::find(&self.gateway.models, self.account, name);
        if known.is_some_and(|order| order.instrument != spec.instrument) {
            return Err(ApiError::unknown_order());
        }
        let account = self.account;
        self.submit(&[name.cancel(account)], move |gateway, events| {
            let ended = ended(gateway, account, events)?;
            let order = ended.into_iter().next().ok_or_else(ApiError::internal)?;
            view::cancelled(order, &spec, &cancel_id)
        })
    }

    pub(super) fn cancel_open_orders(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        self.params.finish()?;
        let cancel_id = self.gateway.generate_name().to_string();
        let account = self.account;
        self.submit(&[cancel_all(account, &spec)], move |gateway, events| {
            let ended = ended(gateway, account, events)?;
            if ended.is_empty() {
                return Err(ApiError::unknown_order());
            }
            view::all_cancelled(&spec, ended.into_iter(), &cancel_id)
        })
    }

    /// The name of the request to cancel, which its answer repeats.
    fn cancel_id(&mut self) -> Result<String, ApiError> {
        let given = self.params.client_order_id("newClientOrderId")?;
        Ok(given.unwrap_or_else(|| self.gateway.generate_name()).to_string())
    }
}

/// The orders of the account that a cancel has ended.
///
/// # Errors
/// The engine's denial.
fn ended<'g>(
    gateway: &'g Gateway,
    account: AccountId,
    events: &Events,
) -> Result<Vec<&'g OrderView>, ApiError> {
    let mut ended = Vec::new();
    for (header, event) in events {
        match event {
            Event::Denied(denied) => return Err(denial(denied.reason, denied.command)),
            Event::OrderEnded(order) if header.account == account => {
                ended.extend(gateway.models.orders().get(account, order.order_id));
            }
            _ => {}
        }
    }
    Ok(ended)
}
