//! How many orders an account may have open on an instrument.
//!
//! A rule of the gateway: it counts what lives, and what is on its way to the engine as if it were to
//! live. So it never lets one too many through, and may refuse one that would have had room once
//! another, on its way, was denied or filled. An order that is to take another's place counts beside
//! it.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use tiercel_types::command::NewOrder;
use tiercel_types::order::Trigger;
use tiercel_types::{Command, InstrumentId, Symbol};

use crate::models::OrderView;

/// How many there may be of each sort; `None`: as many as the account likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOrderLimits {
    /// Orders of any sort.
    pub orders: Option<u32>,
    /// Orders with a trigger, whether it has come or not.
    pub algo_orders: Option<u32>,
    /// Orders that show a slice at a time.
    pub iceberg_orders: Option<u32>,
}

/// Names of filters.
pub(crate) const MAX_NUM_ORDERS: &str = "MAX_NUM_ORDERS";
pub(crate) const MAX_NUM_ALGO_ORDERS: &str = "MAX_NUM_ALGO_ORDERS";
pub(crate) const MAX_NUM_ICEBERG_ORDERS: &str = "MAX_NUM_ICEBERG_ORDERS";

/// The limits of instruments, by their symbols. One that is not here has none.
pub type OpenOrderRules = BTreeMap<Symbol, OpenOrderLimits>;

impl OpenOrderLimits {
    /// Whether so many may be open.
    ///
    /// # Errors
    /// The limit that they go beyond, by the name of its filter on the Binance interface.
    pub fn check(&self, open: OpenOrders) -> Result<(), &'static str> {
        let all = [
            (MAX_NUM_ORDERS, self.orders, open.all),
            (MAX_NUM_ALGO_ORDERS, self.algo_orders, open.algo),
            (MAX_NUM_ICEBERG_ORDERS, self.iceberg_orders, open.iceberg),
        ];
        let is_passed =
            |(_, limit, count): &(_, Option<u32>, u32)| limit.is_some_and(|limit| *count > limit);
        all.into_iter().find(is_passed).map_or(Ok(()), |(name, ..)| Err(name))
    }
}

/// How many orders are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOrders {
    /// Of any sort.
    pub all: u32,
    /// With a trigger.
    pub algo: u32,
    /// That show a slice at a time.
    pub iceberg: u32,
}

impl OpenOrders {
    fn one(trigger: Trigger, is_iceberg: bool) -> Self {
        let algo = u32::from(trigger != Trigger::None);
        Self { all: 1, algo, iceberg: u32::from(is_iceberg) }
    }

    /// An order that lives.
    pub fn of(order: &OrderView) -> Self {
        Self::one(order.trigger, !order.display_qty.is_zero())
    }

    /// The orders that commands enter, and on which instrument: that of all of them. `None`: they
    /// enter none.
    pub fn entered_by(commands: &[Command]) -> Option<(InstrumentId, Self)> {
        let mut entered = None;
        for command in commands {
            let (order, trigger): (&NewOrder, _) = match command {
                Command::NewOrder(order) => (order, Trigger::None),
                Command::NewAdvancedOrder(new) => (&new.order, new.terms.trigger),
                Command::StageLeg(leg) => (&leg.order, leg.terms.trigger),
                Command::ReplaceOrder(replace) => (&replace.order, Trigger::None),
                _ => continue,
            };
            let (_, count) = entered.get_or_insert((order.instrument, Self::default()));
            *count += Self::one(trigger, !order.display_qty.is_zero());
        }
        entered
    }
}

impl AddAssign for OpenOrders {
    fn add_assign(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.algo = self.algo.saturating_add(other.algo);
        self.iceberg = self.iceberg.saturating_add(other.iceberg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_that_is_passed_is_named_and_what_has_none_is_free() {
        let limits =
            OpenOrderLimits { orders: Some(3), algo_orders: Some(1), iceberg_orders: None };
        let check = |all, algo, iceberg| limits.check(OpenOrders { all, algo, iceberg });
        assert_eq!(check(3, 1, 3), Ok(()));
        assert_eq!(check(4, 2, 0), Err("MAX_NUM_ORDERS"));
        assert_eq!(check(2, 2, 0), Err("MAX_NUM_ALGO_ORDERS"));
        let none = OpenOrderLimits { iceberg_orders: Some(0), ..OpenOrderLimits::default() };
        let slice = OpenOrders { all: 1, algo: 0, iceberg: 1 };
        assert_eq!(none.check(slice), Err("MAX_NUM_ICEBERG_ORDERS"));
        assert_eq!(OpenOrderLimits::default().check(slice), Ok(()));
    }
}
