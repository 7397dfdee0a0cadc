//! Calls that place and cancel order lists.

use super::{Call, Work};
use crate::binance::answer::PlacedList;
use crate::binance::cancelled::Cancels;
use crate::binance::order_list::{ListName, PlaceList, Placing, cancel_list};
use crate::binance::{ApiError, Params, questions};

/// Reads one of the kinds of lists.
pub(super) type ReadList = fn(&Params<'_>, &mut Placing<'_>) -> Result<PlaceList, ApiError>;

impl Call<'_> {
    pub(super) fn place_list(&mut self, read: ReadList) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let assets = questions::assets(&self.gateway.models, &spec)?;
        let mut placing = Placing {
            spec: &spec,
            account: self.account,
            generate: &mut || self.gateway.generate_name(),
        };
        let request = read(self.params, &mut placing)?;
        request.check(&self.gateway.models)?;
        self.check_open_orders(&request.commands())?;
        let orders = request.orders.len() as u32;
        let count = self.gateway.orders.place_several(self.account, orders, self.now_ms)?;
        self.order_count = Some(count);
        self.submit(&request.commands(), move |_, events| {
            PlacedList::fold(events)?.to_json(&request, &spec, &assets)
        })
    }

    pub(super) fn cancel_list(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = ListName::read(self.params, "listClientOrderId")?;
        let cancel_id = self.cancel_id("newClientOrderId")?;
        self.params.finish()?;
        let account = self.account;
        let orders = self.gateway.models.orders();
        let list = name.find(orders, account).filter(|list| list.instrument == spec.instrument);
        let commands = list.map_or_else(Vec::new, |list| cancel_list(orders, list));
        if commands.is_empty() {
            return Err(ApiError::unknown_order());
        }
        let cancels = Cancels { account, spec, cancel_id };
        self.submit(&commands, move |gateway, events| cancels.one(&gateway.models, events))
    }
}
