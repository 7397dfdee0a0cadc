//! Calls that place and cancel orders.

use tiercel_types::{Command, InstrumentSpec};

use super::{Call, Work};
use crate::binance::answer::Placed;
use crate::binance::cancelled::Cancels;
use crate::binance::order::{CancelRestriction, OrderName, PlaceOrder, cancel_all};
use crate::binance::{ApiError, fees, questions, view};

impl Call<'_> {
    pub(super) fn read_order(&mut self) -> Result<(PlaceOrder, InstrumentSpec), ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = self.gateway.generate_name();
        let request = PlaceOrder::read(self.params, &spec, self.account, name)?;
        self.check_open_orders(&[request.command()])?;
        Ok((request, spec))
    }

    /// Whether the account may have these orders open too.
    ///
    /// # Errors
    /// -1013 with the filter's name.
    pub(super) fn check_open_orders(&self, commands: &[Command]) -> Result<(), ApiError> {
        self.gateway.check_open_orders(self.account, commands).map_err(ApiError::filter)
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
        let rates = self.params.boolean("computeCommissionRates")?.unwrap_or(false);
        let (_, spec) = self.read_order()?;
        let answer = if rates { fees::test_commission(&spec) } else { "{}".to_owned() };
        Ok(Work::Done(answer))
    }

    pub(super) fn cancel(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = OrderName::read(self.params)?;
        let restriction = CancelRestriction::read(self.params)?;
        let cancel_id = self.cancel_id("newClientOrderId")?;
        self.params.finish()?;
        let command = self.cancel_command(name, restriction, &spec)?;
        let cancels = Cancels { account: self.account, spec, cancel_id };
        self.submit(&[command], move |gateway, events| cancels.one(&gateway.models, events))
    }

    /// The command that cancels an order, if it is one of the symbol and may be cancelled as it
    /// stands.
    pub(super) fn cancel_command(
        &self,
        name: OrderName,
        restriction: Option<CancelRestriction>,
        spec: &InstrumentSpec,
    ) -> Result<Command, ApiError> {
        if let Some(order) = questions::find(&self.gateway.models, self.account, name)? {
            if order.instrument != spec.instrument {
                return Err(ApiError::unknown_order());
            }
            if let Some(restriction) = restriction.filter(|_| order.stage.is_live()) {
                restriction.check(view::order_status(self.gateway.models.orders(), order))?;
            }
        }
        Ok(name.cancel(self.account))
    }

    pub(super) fn cancel_open_orders(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        self.params.finish()?;
        let cancel_id = self.gateway.generate_name().to_string();
        let command = cancel_all(self.account, &spec);
        let cancels = Cancels { account: self.account, spec, cancel_id };
        self.submit(&[command], move |gateway, events| cancels.all(&gateway.models, events))
    }

    /// The name of the request to cancel, which its answer repeats.
    pub(super) fn cancel_id(&mut self, parameter: &str) -> Result<String, ApiError> {
        let given = self.params.client_order_id(parameter)?;
        Ok(given.unwrap_or_else(|| self.gateway.generate_name()).to_string())
    }
}
