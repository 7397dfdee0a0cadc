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
use tiercel_types::{AccountId, Command, Event, EventHeader, InstrumentId, Symbol};

use crate::models::{Instruments, Models, OrderView, Orders};

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

/// Whether an account may have the orders open that commands enter, beside those that live and those that
/// are on their way: `entering`, of any instrument.
///
/// # Errors
/// The name of the limit that they go beyond.
pub(crate) fn check(
    rules: &OpenOrderRules,
    (instruments, orders): (&Instruments, &Orders),
    account: AccountId,
    commands: &[Command],
    entering: impl Iterator<Item = (InstrumentId, OpenOrders)>,
) -> Result<(), &'static str> {
    if rules.is_empty() {
        return Ok(());
    }
    let Some((instrument, mut open)) = OpenOrders::entered_by(commands) else { return Ok(()) };
    let limits = instruments.get(instrument).and_then(|spec| rules.get(&spec.symbol));
    let Some(limits) = limits else { return Ok(()) };
    for order in orders.live(account).filter(|order| order.instrument == instrument) {
        open += OpenOrders::of(order);
    }
    for (_, more) in entering.filter(|(of, _)| *of == instrument) {
        open += more;
    }
    limits.check(open)
}

/// The same for a gateway that keeps no models: what it needs of them, and what it has handed in. It is
/// folded only where there are limits.
#[derive(Clone, Debug)]
pub struct OpenOrdersHere {
    rules: OpenOrderRules,
    instruments: Instruments,
    orders: Orders,
    /// On their way: by token, whose, where, how many.
    entering: Vec<(u64, AccountId, InstrumentId, OpenOrders)>,
}

impl OpenOrdersHere {
    /// `None` without limits.
    pub fn new(rules: &OpenOrderRules, models: &Models) -> Option<Self> {
        (!rules.is_empty()).then(|| Self {
            rules: rules.clone(),
            instruments: models.instruments().clone(),
            orders: models.orders().clone(),
            entering: Vec::new(),
        })
    }

    /// An event of the venue.
    pub fn fold(&mut self, header: &EventHeader, event: &Event) {
        self.instruments.apply(header, event);
        self.orders.apply(header, event);
    }

    /// Whether the orders may be open that commands enter, which are about to be handed in.
    ///
    /// # Errors
    /// The name of the limit that they go beyond.
    pub fn check(
        &mut self,
        account: AccountId,
        commands: &[Command],
        token: u64,
    ) -> Result<(), &'static str> {
        let on_their_way = self.entering.iter().filter(|(_, of, ..)| *of == account);
        let on_their_way = on_their_way.map(|(_, _, instrument, open)| (*instrument, *open));
        let known = (&self.instruments, &self.orders);
        check(&self.rules, known, account, commands, on_their_way)?;
        if let Some((instrument, open)) = OpenOrders::entered_by(commands) {
            self.entering.push((token, account, instrument, open));
        }
        Ok(())
    }

    /// A submission was answered, or not taken.
    pub fn arrived(&mut self, token: u64) {
        self.entering.retain(|(on_its_way, ..)| *on_its_way != token);
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
