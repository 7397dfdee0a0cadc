//! What a venue's gateways share.

use tiercel_telemetry::Registry;

use super::tls::Tls;
use crate::accounts::Keys;
use crate::binance::rate_limit::OrderLimiter;
use crate::entry_limits::EntryLimits;
use crate::models::Models;
use crate::open_orders::OpenOrderRules;

/// What a gateway shares with the venue's other interfaces.
#[derive(Clone)]
pub struct Shares {
    /// Who may log on.
    pub keys: Keys,
    /// Where it is measured.
    pub registry: Registry,
    /// Counts the orders of accounts, over whichever interface they come.
    pub orders: OrderLimiter,
    /// How many orders an account may have open.
    pub open_orders: OpenOrderRules,
    /// TLS; `None`: messages go as they are.
    pub tls: Option<Tls>,
}

impl Shares {
    /// The limits of new orders, for a gateway that keeps no models, in a venue that stands so.
    pub fn limits(&self, models: &Models) -> EntryLimits {
        EntryLimits::new(self.orders.clone(), &self.open_orders, models)
    }
}
