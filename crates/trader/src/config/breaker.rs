//! When a venue that fails is left alone.

use serde::Deserialize;
use tiercel_execution::breaker::{BreakerOptions, FAILURES_MAX};

use super::above_zero;

const MILLISECOND_NS: u64 = 1_000_000;

/// The breaker of each venue (docs/orders.md).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerTable {
    /// So many failures open it; zero: it never opens.
    pub failures_max: u32,
    /// In so long a time.
    #[serde(deserialize_with = "above_zero")]
    pub window_ms: u64,
    /// How long it is open the first time.
    #[serde(deserialize_with = "above_zero")]
    pub wait_first_ms: u64,
    /// How long at most.
    pub wait_max_ms: u64,
}

impl Default for BreakerTable {
    fn default() -> Self {
        let BreakerOptions { failures_max, window_ns, wait_first_ns, wait_max_ns } =
            BreakerOptions::DEFAULT;
        Self {
            failures_max,
            window_ms: window_ns / MILLISECOND_NS,
            wait_first_ms: wait_first_ns / MILLISECOND_NS,
            wait_max_ms: wait_max_ns / MILLISECOND_NS,
        }
    }
}

impl BreakerTable {
    /// The same for the orders.
    pub const fn options(&self) -> BreakerOptions {
        BreakerOptions {
            failures_max: self.failures_max,
            window_ns: self.window_ms.saturating_mul(MILLISECOND_NS),
            wait_first_ns: self.wait_first_ms.saturating_mul(MILLISECOND_NS),
            wait_max_ns: self.wait_max_ms.saturating_mul(MILLISECOND_NS),
        }
    }

    /// What is wrong with it, and by which key.
    pub(super) const fn check(&self) -> Option<(&'static str, &'static str)> {
        if self.failures_max > FAILURES_MAX {
            return Some(("breaker.failures_max", "above 16"));
        }
        if self.wait_max_ms < self.wait_first_ms {
            return Some(("breaker.wait_max_ms", "below wait_first_ms"));
        }
        None
    }
}
