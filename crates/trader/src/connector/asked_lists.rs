//! Which orders were in a list, by the number of the request that entered them: of a list that is refused as a whole each
//! order is told.

use tiercel_execution::venue::{AdvancedTerms, LIST_ORDERS_MAX};
use tiercel_types::ClientOrderId;

/// Lists whose orders are remembered: a power of two. Of one that is refused behind so many requests the orders are asked
/// for instead.
const LISTS: usize = 512;

#[derive(Clone, Copy, Debug)]
struct AskedList {
    number: u64,
    orders: [ClientOrderId; LIST_ORDERS_MAX],
}

/// The orders of lists that were entered a while ago. See the [module's page](self).
#[derive(Clone, Debug)]
pub(super) struct AskedLists(Box<[Option<AskedList>]>);

impl AskedLists {
    pub(super) fn new() -> Self {
        Self(vec![None; LISTS].into_boxed_slice())
    }

    /// A request has left that enters these.
    pub(super) fn put(&mut self, number: u64, list: &[AdvancedTerms]) {
        let mut orders = [ClientOrderId::EMPTY; LIST_ORDERS_MAX];
        for (name, terms) in orders.iter_mut().zip(list) {
            *name = terms.order.client_order_id;
        }
        self.0[number as usize % LISTS] = Some(AskedList { number, orders });
    }

    /// The orders that the request of a number entered.
    pub(super) fn orders(&self, number: u64) -> impl Iterator<Item = ClientOrderId> + use<> {
        let list = self.0[number as usize % LISTS].filter(|list| list.number == number);
        let orders = list.map_or([ClientOrderId::EMPTY; LIST_ORDERS_MAX], |list| list.orders);
        orders.into_iter().filter(|name| !name.is_empty())
    }
}
