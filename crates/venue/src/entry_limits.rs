//! What accounts' new orders are held to, for a gateway that keeps no models: so many that are unfilled in
//! ten seconds and in a day, over whichever interface they come; so many open on an instrument.

use std::collections::HashMap;

use tiercel_types::command::Command;
use tiercel_types::{AccountId, Event, EventHeader, Timestamp};

use crate::binance::answer::NANOS_PER_MILLI;
use crate::binance::rate_limit::{OrderCounter, OrderLimiter};
use crate::hashing::Counted;
use crate::models::Models;
use crate::open_orders::{OpenOrderRules, OpenOrders, OpenOrdersHere};

/// Which limit orders go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// More would be open than the venue lets an account have on the instrument.
    OpenOrders,
    /// The account has placed as many unfilled orders as it may, in ten seconds or in a day.
    Rate,
}

/// The limits, and what is counted for them.
#[derive(Clone, Debug)]
pub struct EntryLimits {
    orders: OrderLimiter,
    /// Those of the accounts that have placed orders here.
    counters: HashMap<AccountId, OrderCounter, Counted>,
    open_orders: Option<OpenOrdersHere>,
}

impl EntryLimits {
    /// Those of a venue that stands so.
    pub fn new(orders: OrderLimiter, rules: &OpenOrderRules, models: &Models) -> Self {
        let open_orders = OpenOrdersHere::new(rules, models);
        Self { orders, counters: HashMap::default(), open_orders }
    }

    /// An event of the venue.
    #[inline]
    pub fn fold(&mut self, header: &EventHeader, event: &Event) {
        if let Some(open_orders) = &mut self.open_orders {
            open_orders.fold(header, event);
        }
    }

    /// Whether commands may be handed in, as the submission of that token. The orders that they enter are
    /// counted then, and stay counted if they are denied.
    ///
    /// # Errors
    /// [`Exceeded`]; nothing is counted then.
    #[inline]
    pub fn check(
        &mut self,
        account: AccountId,
        commands: &[Command],
        token: u64,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let Some((_, entered)) = OpenOrders::entered_by(commands) else { return Ok(()) };
        if let Some(open_orders) = &mut self.open_orders {
            open_orders.check(account, commands, token).map_err(|_| Exceeded::OpenOrders)?;
        }
        let Self { orders, counters, .. } = self;
        let counter = counters.entry(account).or_insert_with(|| orders.of(account));
        let placed = counter.place(entered.all, now.0 / NANOS_PER_MILLI);
        if placed.is_err() {
            self.arrived(token);
            return Err(Exceeded::Rate);
        }
        Ok(())
    }

    /// A submission was answered, or not taken.
    #[inline]
    pub fn arrived(&mut self, token: u64) {
        if let Some(open_orders) = &mut self.open_orders {
            open_orders.arrived(token);
        }
    }
}

/// What a gateway for orders counted since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Requests that came, each once.
    pub requests: u64,
    /// Of them, those that were refused here.
    pub refused: u64,
    /// Of them, those that the venue had no room for.
    pub busy: u64,
    /// Answers that were told, sent or not.
    pub answers: u64,
}
