//! How much a client may ask: request weight by address, unfilled orders by account.
//!
//! An address that asks on after it was told to wait (429) is banned (418): for two minutes, twice as
//! long each time that it does so again, three days at most; after three days without a ban it
//! starts anew. Addresses of IPv6 count by their network of 64 bits, which one client has whole.
//!
//! Windows are fixed and aligned to the clock: a minute is the minute of the clock, not the last
//! sixty seconds. Time is passed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
/// The first ban of an address, and the longest; and how long one is remembered.
const BAN_MIN_MS: u64 = 2 * MINUTE_MS;
const BAN_MAX_MS: u64 = 3 * DAY_MS;

/// What is allowed in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Request weight of an address in a minute.
    pub weight_1m: u32,
    /// Unfilled orders of an account in ten seconds.
    pub orders_10s: u32,
    /// Unfilled orders of an account in a day.
    pub orders_1d: u32,
    /// Requests of an address beyond its weight in a minute; the next has it banned. Zero: nobody
    /// is ever banned.
    pub refusals_1m: u32,
}

impl Default for RateLimits {
    /// The public limits of Binance Spot, as of July 2026; how many refusals lead to a ban is not
    /// among them.
    fn default() -> Self {
        Self { weight_1m: 6_000, orders_10s: 100, orders_1d: 200_000, refusals_1m: 20 }
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

/// What counts as one client: an address of IPv4, a network of IPv6.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What an address has used in the window that runs.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    weight: u32,
    refusals: u32,
}

/// An address that may not ask.
#[derive(Clone, Copy, Debug)]
struct Ban {
    until_ms: u64,
    lasts_ms: u64,
}

/// Request weight, by address.
#[derive(Debug)]
pub struct WeightLimiter {
    limit: u32,
    refusals: u32,
    window: u64,
    used: HashMap<IpAddr, Used>,
    used_by_others: Used,
    bans: HashMap<IpAddr, Ban>,
}

impl WeightLimiter {
    /// Nothing used yet.
    pub fn new(limits: &RateLimits) -> Self {
        Self {
            limit: limits.weight_1m,
            refusals: limits.refusals_1m,
            window: 0,
            used: HashMap::new(),
            used_by_others: Used::default(),
            bans: HashMap::new(),
        }
    }

    /// Counts a request of `weight`; returns what its address has used in this window: the header
    /// `X-MBX-USED-WEIGHT-1M`. Refused requests count too.
    ///
    /// # Errors
    /// -1003 once the address has used more than the limit, or is banned.
    pub fn take(&mut self, address: IpAddr, weight: u32, now_ms: u64) -> Result<u32, ApiError> {
        let address = network_of(address);
        if let Some(ban) = self.bans.get(&address).filter(|ban| ban.until_ms > now_ms) {
            return Err(ApiError::banned(ban.until_ms, now_ms));
        }
        let window = now_ms / MINUTE_MS;
        if window != self.window {
            self.window = window;
            self.used.clear();
            self.used_by_others = Used::default();
        }
        let known = self.used.len() < ADDRESSES_MAX || self.used.contains_key(&address);
        let used =
            if known { self.used.entry(address).or_default() } else { &mut self.used_by_others };
        used.weight = used.weight.saturating_add(weight);
        if used.weight <= self.limit {
            return Ok(used.weight);
        }
        used.refusals = used.refusals.saturating_add(1);
        if known && self.refusals > 0 && used.refusals > self.refusals {
            *used = Used::default();
            return Err(self.ban(address, now_ms));
        }
        let wait_s = seconds_left(now_ms, MINUTE_MS);
        Err(ApiError::too_much_weight(self.limit, "1 MINUTE", wait_s))
    }

    fn ban(&mut self, address: IpAddr, now_ms: u64) -> ApiError {
        if self.bans.len() >= ADDRESSES_MAX {
            self.bans.retain(|_, ban| ban.until_ms + BAN_MAX_MS > now_ms);
        }
        let before = self.bans.get(&address).filter(|ban| ban.until_ms + BAN_MAX_MS > now_ms);
        let lasts_ms = before.map_or(BAN_MIN_MS, |ban| (2 * ban.lasts_ms).min(BAN_MAX_MS));
        let until_ms = now_ms + lasts_ms;
        // With no room left for one more, it is told so and may ask again.
        if self.bans.len() < ADDRESSES_MAX || self.bans.contains_key(&address) {
            self.bans.insert(address, Ban { until_ms, lasts_ms });
        }
        ApiError::banned(until_ms, now_ms)
    }

    /// How many addresses are banned now.
    pub fn banned(&self, now_ms: u64) -> usize {
        self.bans.values().filter(|ban| ban.until_ms > now_ms).count()
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

/// A count and the window that it is of, in one word: whoever finds another window begins it anew. Only
/// the one that comes next is left as it is: gateways' clocks may be a moment apart.
#[derive(Debug, Default)]
struct Window(AtomicU64);

impl Window {
    /// The window that counts at a time of `window`, and its count.
    const fn at(word: u64, window: u64) -> (u64, u32) {
        let known = word >> 32;
        if known == window || known == window + 1 { (known, word as u32) } else { (window, 0) }
    }

    /// The count in this window.
    fn count(&self, window: u64) -> u32 {
        Self::at(self.0.load(Ordering::Relaxed), window).1
    }

    /// Changes the count of this window, unless `change` has nothing to say; what it is then.
    ///
    /// # Errors
    /// The count, where `change` said nothing.
    #[inline]
    fn change(&self, window: u64, change: impl Fn(u32) -> Option<u32>) -> Result<u32, u32> {
        // The count alone is shared: nothing else is read by it.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (window, count) = Self::at(word, window);
            let next = change(count).ok_or(count)?;
            let changed = window << 32 | u64::from(next);
            match self.0.compare_exchange_weak(word, changed, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(next),
                Err(found) => word = found,
            }
        }
    }
}

/// The unfilled orders of one account. Clones count together, on whichever thread, without a lock.
#[derive(Clone, Debug)]
pub struct OrderCounter {
    limits: RateLimits,
    windows: Arc<[Window; 2]>,
}

impl OrderCounter {
    /// Counts orders that are about to be placed, all or none. One that is then denied stays counted.
    ///
    /// # Errors
    /// -1015 if the account has as many unfilled orders as it may; nothing is counted then. Where two
    /// gateways count at once at the very limit of a day, one may be refused that had room.
    #[inline]
    pub fn place(&self, orders: u32, now_ms: u64) -> Result<OrderCount, ApiError> {
        let RateLimits { orders_10s, orders_1d, .. } = self.limits;
        let [ten_seconds, day] = &*self.windows;
        let within = |limit: u32| {
            move |count: u32| count.checked_add(orders).filter(|count| *count <= limit)
        };
        let window = now_ms / TEN_SECONDS_MS;
        let counted = ten_seconds.change(window, within(orders_10s)).map_err(|_| {
            let wait_s = seconds_left(now_ms, TEN_SECONDS_MS);
            ApiError::too_many_orders(orders_10s, "10 SECOND", wait_s)
        })?;
        let day = day.change(now_ms / DAY_MS, within(orders_1d)).map_err(|_| {
            // It is always there to be taken back.
            let _back = ten_seconds.change(window, |count| Some(count.saturating_sub(orders)));
            let wait_s = seconds_left(now_ms, DAY_MS);
            ApiError::too_many_orders(orders_1d, "1 DAY", wait_s)
        })?;
        Ok(OrderCount { ten_seconds: counted, day })
    }

    fn first_fill(&self, now_ms: u64) {
        let [ten_seconds, day] = &*self.windows;
        for (window, now) in [(ten_seconds, now_ms / TEN_SECONDS_MS), (day, now_ms / DAY_MS)] {
            // What was counted in a window that is over is not counted in this one.
            let _none = window.change(now, |count| count.checked_sub(1));
        }
    }

    fn count(&self, now_ms: u64) -> OrderCount {
        let [ten_seconds, day] = &*self.windows;
        OrderCount {
            ten_seconds: ten_seconds.count(now_ms / TEN_SECONDS_MS),
            day: day.count(now_ms / DAY_MS),
        }
    }
}

/// Unfilled orders, by account. The table grows with the venue's accounts, which the operator
/// makes. Clones count together, on whichever thread.
#[derive(Clone, Debug)]
pub struct OrderLimiter {
    limits: RateLimits,
    accounts: Arc<Mutex<HashMap<AccountId, OrderCounter>>>,
}

impl OrderLimiter {
    /// Nothing counted yet.
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, accounts: Arc::default() }
    }

    /// The counter of an account, for who counts often: the table is locked to find it.
    pub fn of(&self, account: AccountId) -> OrderCounter {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || OrderCounter { limits: self.limits, windows: Arc::default() };
        accounts.entry(account).or_insert_with(new).clone()
    }

    /// Counts an order that is about to be placed. An order that is then denied stays counted.
    ///
    /// # Errors
    /// -1015 if the account has as many unfilled orders as it may; nothing is counted then.
    pub fn place(&self, account: AccountId, now_ms: u64) -> Result<OrderCount, ApiError> {
        self.place_several(account, 1, now_ms)
    }

    /// Counts the orders of a list, all or none.
    ///
    /// # Errors
    /// As [`OrderLimiter::place`].
    pub fn place_several(
        &self,
        account: AccountId,
        orders: u32,
        now_ms: u64,
    ) -> Result<OrderCount, ApiError> {
        self.of(account).place(orders, now_ms)
    }

    /// An order of the account was filled for the first time: it no longer counts.
    pub fn first_fill(&self, account: AccountId, now_ms: u64) {
        self.of(account).first_fill(now_ms);
    }

    /// The counts now.
    pub fn count(&self, account: AccountId, now_ms: u64) -> OrderCount {
        self.of(account).count(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LIMITS: RateLimits =
        RateLimits { weight_1m: 10, orders_10s: 2, orders_1d: 3, refusals_1m: 3 };

    #[test]
    fn weight_is_by_address_and_starts_anew_with_the_minute() {
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let mut weight = WeightLimiter::new(&LIMITS);
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
        let mut weight = WeightLimiter::new(&LIMITS);
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
    fn an_address_that_asks_on_is_banned_longer_each_time() {
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mut weight = WeightLimiter::new(&LIMITS);
        let mut go_on = |now_ms: u64| {
            let mut codes = Vec::new();
            loop {
                match weight.take(one, 11, now_ms) {
                    Err(refused) if refused.status == 418 => break (codes, refused),
                    Err(refused) if codes.len() < 9 => codes.push(refused.status),
                    Err(refused) => panic!("not banned: {refused}"),
                    Ok(_) => unreachable!("above the limit"),
                }
            }
        };
        let (codes, refused) = go_on(0);
        assert_eq!((codes, refused.retry_after_s), (vec![429; 3], 120));
        assert_eq!(
            refused.to_string(),
            "-1003 Way too much request weight used; IP banned until 120000. Please use WebSocket \
             Streams for live updates to avoid bans."
        );
        assert_eq!(go_on(119_001).1.retry_after_s, 1, "banned still, whatever it asks");
        assert_eq!(go_on(120_000).1.retry_after_s, 240, "twice as long the second time");
        let mut now_ms = 360_000;
        for _ in 0..12 {
            now_ms += go_on(now_ms).1.retry_after_s * 1_000;
        }
        assert_eq!(go_on(now_ms).1.retry_after_s, 3 * 86_400, "three days at most");
        let late = now_ms + 7 * DAY_MS;
        assert_eq!(go_on(late).1.retry_after_s, 120, "forgotten");
        assert_eq!(weight.take(other, 10, late), Ok(10), "another address is not concerned");
        assert_eq!((weight.banned(late), weight.banned(late + DAY_MS)), (1, 0));
        let mut never = WeightLimiter::new(&RateLimits { refusals_1m: 0, ..LIMITS });
        for _ in 0..100 {
            assert_eq!(never.take(one, 11, 0).unwrap_err().status, 429);
        }
    }

    #[test]
    fn one_network_of_ipv6_is_one_client() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn orders_count_until_they_are_filled() {
        let account = AccountId(7);
        let orders = OrderLimiter::new(LIMITS);
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
        // Whose clock is a moment behind counts in the window that has begun.
        orders.place(account, DAY_MS).unwrap();
        assert_eq!(orders.place(account, DAY_MS - 1), Ok(OrderCount { ten_seconds: 2, day: 2 }));
        assert!(orders.place(account, DAY_MS).is_err());
    }
}
