//! How much a client may ask: request weight by address, unfilled orders by account.
//!
//! Windows are fixed and aligned to the clock: a minute is the minute of the clock, not the last
//! sixty seconds. Time is passed in.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::{Value, json};
use tiercel_types::AccountId;

use super::error::ApiError;

/// The most addresses whose weight is counted apart in one window. Those beyond share one count,
/// so that memory stays bounded and nobody goes uncounted.
pub const ADDRESSES_MAX: usize = 65_536;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const TEN_SECONDS_MS: u64 = 10 * SECOND_MS;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// What is allowed in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Request weight of an address in a minute.
    pub weight_1m: u32,
    /// Unfilled orders of an account in ten seconds.
    pub orders_10s: u32,
    /// Unfilled orders of an account in a day.
    pub orders_1d: u32,
}

impl Default for RateLimits {
    /// The public limits of Binance Spot, as of July 2026.
    fn default() -> Self {
        Self { weight_1m: 6_000, orders_10s: 100, orders_1d: 200_000 }
    }
}

impl RateLimits {
    /// As `exchangeInfo` lists them.
    pub fn to_json(&self) -> Value {
        let limit = |kind: &str, interval: &str, number: u32, limit: u32| {
            json!({
                "rateLimitType": kind,
                "interval": interval,
                "intervalNum": number,
                "limit": limit,
            })
        };
        json!([
            limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_1m),
            limit("ORDERS", "SECOND", 10, self.orders_10s),
            limit("ORDERS", "DAY", 1, self.orders_1d),
        ])
    }
}

/// The counts of an account, beside the limits.
pub fn order_counts(limits: &RateLimits, count: OrderCount) -> Value {
    let mut listed = limits.to_json();
    let counts = [("SECOND", count.ten_seconds), ("DAY", count.day)];
    if let Value::Array(listed) = &mut listed {
        listed.retain(|limit| limit["rateLimitType"] == "ORDERS");
        for limit in listed {
            let of = |(interval, _): &&(&str, u32)| limit["interval"] == *interval;
            let count = counts.iter().find(of).map_or(0, |(_, count)| *count);
            limit["count"] = count.into();
        }
    }
    listed
}

/// Seconds from `now_ms` to the end of its window, at least one.
fn seconds_left(now_ms: u64, window_ms: u64) -> u64 {
    (window_ms - now_ms % window_ms).div_ceil(SECOND_MS)
}

/// Request weight, by address.
#[derive(Debug)]
pub struct WeightLimiter {
    limit: u32,
    window: u64,
    used: HashMap<IpAddr, u32>,
    used_by_others: u32,
}

impl WeightLimiter {
    /// Nothing used yet.
    pub fn new(limit: u32) -> Self {
        Self { limit, window: 0, used: HashMap::new(), used_by_others: 0 }
    }

    /// Counts a request of `weight`; returns what its address has used in this window: the header
    /// `X-MBX-USED-WEIGHT-1M`. Refused requests count too.
    ///
    /// # Errors
    /// -1003 once the address has used more than the limit.
    pub fn take(&mut self, address: IpAddr, weight: u32, now_ms: u64) -> Result<u32, ApiError> {
        let window = now_ms / MINUTE_MS;
        if window != self.window {
            self.window = window;
            self.used.clear();
            self.used_by_others = 0;
        }
        let known = self.used.len() < ADDRESSES_MAX || self.used.contains_key(&address);
        let used =
            if known { self.used.entry(address).or_default() } else { &mut self.used_by_others };
        *used = used.saturating_add(weight);
        if *used > self.limit {
            let wait_s = seconds_left(now_ms, MINUTE_MS);
            return Err(ApiError::too_much_weight(self.limit, "1 MINUTE", wait_s));
        }
        Ok(*used)
    }
}

/// How many unfilled orders an account has placed in the windows that are running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCount {
    /// In these ten seconds: the header `X-MBX-ORDER-COUNT-10S`.
    pub ten_seconds: u32,
    /// On this day (of UTC): the header `X-MBX-ORDER-COUNT-1D`.
    pub day: u32,
}

/// The counts and the windows that they are of.
#[derive(Clone, Copy, Debug, Default)]
struct Windows {
    ten_seconds: u64,
    day: u64,
    count: OrderCount,
}

impl Windows {
    fn roll(&mut self, now_ms: u64) {
        let (ten_seconds, day) = (now_ms / TEN_SECONDS_MS, now_ms / DAY_MS);
        if ten_seconds != self.ten_seconds {
            self.ten_seconds = ten_seconds;
            self.count.ten_seconds = 0;
        }
        if day != self.day {
            self.day = day;
            self.count.day = 0;
        }
    }
}

/// Unfilled orders, by account. The table grows with the venue's accounts, which the operator
/// makes.
#[derive(Debug)]
pub struct OrderLimiter {
    limits: RateLimits,
    accounts: HashMap<AccountId, Windows>,
}

impl OrderLimiter {
    /// Nothing counted yet.
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, accounts: HashMap::new() }
    }

    /// Counts an order that is about to be placed. An order that is then denied stays counted.
    ///
    /// # Errors
    /// -1015 if the account has as many unfilled orders as it may; nothing is counted then.
    pub fn place(&mut self, account: AccountId, now_ms: u64) -> Result<OrderCount, ApiError> {
        self.place_several(account, 1, now_ms)
    }

    /// Counts the orders of a list, all or none.
    ///
    /// # Errors
    /// As [`OrderLimiter::place`].
    pub fn place_several(
        &mut self,
        account: AccountId,
        orders: u32,
        now_ms: u64,
    ) -> Result<OrderCount, ApiError> {
        let limits = self.limits;
        let windows = self.roll(account, now_ms);
        if windows.count.ten_seconds.saturating_add(orders) > limits.orders_10s {
            let wait_s = seconds_left(now_ms, TEN_SECONDS_MS);
            return Err(ApiError::too_many_orders(limits.orders_10s, "10 SECOND", wait_s));
        }
        if windows.count.day.saturating_add(orders) > limits.orders_1d {
            let wait_s = seconds_left(now_ms, DAY_MS);
            return Err(ApiError::too_many_orders(limits.orders_1d, "1 DAY", wait_s));
        }
        windows.count.ten_seconds += orders;
        windows.count.day += orders;
        Ok(windows.count)
    }

    /// An order of the account was filled for the first time: it no longer counts.
    pub fn first_fill(&mut self, account: AccountId, now_ms: u64) {
        let count = &mut self.roll(account, now_ms).count;
        count.ten_seconds = count.ten_seconds.saturating_sub(1);
        count.day = count.day.saturating_sub(1);
    }

    /// The counts now.
    pub fn count(&mut self, account: AccountId, now_ms: u64) -> OrderCount {
        self.roll(account, now_ms).count
    }

    fn roll(&mut self, account: AccountId, now_ms: u64) -> &mut Windows {
        let windows = self.accounts.entry(account).or_default();
        windows.roll(now_ms);
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LIMITS: RateLimits = RateLimits { weight_1m: 10, orders_10s: 2, orders_1d: 3 };

    #[test]
    fn weight_is_by_address_and_starts_anew_with_the_minute() {
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let mut weight = WeightLimiter::new(LIMITS.weight_1m);
        assert_eq!(weight.take(one, 4, 59_000), Ok(4));
        assert_eq!(weight.take(one, 6, 59_500), Ok(10));
        let refused = weight.take(one, 1, 59_001).unwrap_err();
        assert_eq!((refused.status, refused.code, refused.retry_after_s), (429, -1003, 1));
        assert_eq!(weight.take(other, 1, 59_900), Ok(1), "another address is not concerned");
        assert_eq!(weight.take(one, 1, 60_000), Ok(1), "aligned to the clock");
        assert_eq!(weight.take(one, 20, 60_001).unwrap_err().retry_after_s, 60);
    }

    #[test]
    fn more_addresses_than_are_counted_apart_share_a_count() {
        let mut weight = WeightLimiter::new(LIMITS.weight_1m);
        for number in 0..ADDRESSES_MAX as u32 {
            weight.take(Ipv4Addr::from(number).into(), 1, 0).unwrap();
        }
        for number in 0..10_u32 {
            weight.take(Ipv4Addr::from(u32::MAX - number).into(), 1, 0).unwrap();
        }
        assert_eq!(weight.used.len(), ADDRESSES_MAX);
        assert!(weight.take(Ipv4Addr::from(u32::MAX - 99).into(), 1, 0).is_err());
        assert!(weight.take(Ipv4Addr::from(0).into(), 1, 0).is_ok());
    }

    #[test]
    fn orders_count_until_they_are_filled() {
        let account = AccountId(7);
        let mut orders = OrderLimiter::new(LIMITS);
        assert_eq!(orders.place(account, 0), Ok(OrderCount { ten_seconds: 1, day: 1 }));
        assert_eq!(orders.place(account, 1), Ok(OrderCount { ten_seconds: 2, day: 2 }));
        let refused = orders.place(account, 9_000).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "-1015 Too many new orders; current limit is 2 orders per 10 SECOND."
        );
        assert_eq!((refused.status, refused.retry_after_s), (429, 1));
        orders.first_fill(account, 9_100);
        assert_eq!(orders.place(account, 9_200), Ok(OrderCount { ten_seconds: 2, day: 2 }));
        assert_eq!(orders.place(account, 10_000), Ok(OrderCount { ten_seconds: 1, day: 3 }));
        assert_eq!(orders.place(account, 20_000).unwrap_err().retry_after_s, 86_380);
        assert_eq!(orders.place(AccountId(8), 20_000).unwrap().day, 1);
        assert_eq!(orders.count(account, DAY_MS), OrderCount::default());
        orders.first_fill(account, DAY_MS);
        assert_eq!(orders.count(account, DAY_MS), OrderCount::default(), "never below zero");
    }
}
