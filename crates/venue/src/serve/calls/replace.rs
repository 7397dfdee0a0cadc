//! Calls that put an order in another's stead, or change it in place.

use tiercel_types::{AssetCode, InstrumentSpec};

use super::{Call, Tell, Work};
use crate::binance::amend::{Amend, Amended};
use crate::binance::answer::Placed;
use crate::binance::cancel_replace::{CancelReplace, Part, outcome};
use crate::binance::cancelled::Cancels;
use crate::binance::order::PlaceOrder;
use crate::binance::{ApiError, questions};
use crate::serve::gateway::{Events, Gateway};

/// A new order, and what its answer needs.
struct New {
    order: PlaceOrder,
    spec: InstrumentSpec,
    assets: (AssetCode, AssetCode),
}

impl New {
    fn tell(&self, events: &Events) -> Part {
        let placed = Placed::fold(events);
        placed.and_then(|placed| placed.to_value(&self.order, &self.spec, &self.assets)).into()
    }
}

impl Call<'_> {
    pub(super) fn cancel_replace(&mut self) -> Result<Work, ApiError> {
        let request = CancelReplace::read(self.params)?;
        let cancel_id = self.cancel_id("cancelNewClientOrderId")?;
        let (order, spec) = self.read_order()?;
        let assets = questions::assets(&self.gateway.models, &spec)?;
        let new = New { order, spec, assets };
        let account = self.account;
        let limited = match self.gateway.orders.place(account, self.now_ms) {
            Ok(count) => {
                self.order_count = Some(count);
                None
            }
            Err(limited) if request.cancel_beyond_limit => Some(limited),
            Err(limited) => return Err(limited),
        };
        let cancels = Cancels { account, spec, cancel_id };
        let cancel = self.cancel_command(request.name, request.restriction, &spec);
        let command = match cancel {
            Ok(command) => command,
            Err(refused) => {
                let cancel = Part::Failed(refused);
                if request.stop_on_failure || limited.is_some() {
                    return outcome(&cancel, &Part::NotAttempted, limited.as_ref()).map(Work::Done);
                }
                return self.submit(&[new.order.command()], move |_, events| {
                    outcome(&cancel, &new.tell(events), None)
                });
            }
        };
        if request.stop_on_failure || limited.is_some() {
            let ticket = self.gateway.submit(account, &[command])?;
            let then: Tell = Box::new(move |gateway, events| {
                let cancel = cancels.one_value(&gateway.models, events).into();
                place_behind(gateway, cancel, new, limited)
            });
            return Ok(Work::Wait(ticket, then));
        }
        self.submit(&[command, new.order.command()], move |gateway, events| {
            // The first command tells its client something, whatever becomes of it.
            let first = events.first().map_or(0, |(header, _)| header.sequence);
            let of_first = events.partition_point(|(header, _)| header.sequence == first);
            let mut of_cancel = events.clone();
            let of_new = of_cancel.split_off(of_first);
            let cancel = cancels.one_value(&gateway.models, &of_cancel).into();
            outcome(&cancel, &new.tell(&of_new), None)
        })
    }

    pub(super) fn amend(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let request = Amend::read(self.params, self.gateway.generate_name())?;
        let account = self.account;
        let order = request.target(&self.gateway.models, account, &spec)?;
        let (order_id, old_name) = (order.order_id, order.client_order_id);
        let command = request.command(order)?;
        self.submit(&[command], move |gateway, events| {
            let amended = Amended::fold(events, order_id)?;
            amended.to_json(&gateway.models, account, &spec, &old_name)
        })
    }
}

/// Enters the new order once the old one is known to be cancelled.
fn place_behind(
    gateway: &mut Gateway,
    cancel: Part,
    new: New,
    limited: Option<ApiError>,
) -> Result<Work, ApiError> {
    if !matches!(cancel, Part::Done(_)) {
        return outcome(&cancel, &Part::NotAttempted, limited.as_ref()).map(Work::Done);
    }
    if let Some(limited) = limited {
        let new = Part::Failed(limited.clone());
        return outcome(&cancel, &new, Some(&limited)).map(Work::Done);
    }
    let command = new.order.command();
    match gateway.submit(new.order.order.account, &[command]) {
        Ok(ticket) => Ok(Work::Wait(
            ticket,
            Box::new(move |_, events| outcome(&cancel, &new.tell(events), None).map(Work::Done)),
        )),
        Err(busy) => outcome(&cancel, &Part::Failed(busy.into()), None).map(Work::Done),
    }
}
