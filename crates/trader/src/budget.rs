//! What a venue allows of requests, counted before they leave.
//!
//! Windows are fixed and aligned to the clock, as the venue's are. What the venue says was used counts from then on,
//! if it is more than was counted here: others may use the same address or account.

use tiercel_types::Timestamp;
use tiercel_wire::binance::answer::{Interval, LimitKind, RateLimit};

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    kind: LimitKind,
    length_ns: u64,
    limit: u64,
    /// Which window it is, since 1970.
    number: u64,
    used: u64,
}

/// Of every this many units of weight, one is kept for cancels.
const RESERVE: u64 = 10;

/// What is left of a venue's limits.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    windows: Vec<Window>,
    /// Nothing is asked before.
    paused_until: Timestamp,
}

impl Budget {
    /// Of these limits: how much of what, in how long a time.
    pub fn new(limits: impl IntoIterator<Item = (LimitKind, Interval, u64, u64)>) -> Self {
        let window = |(kind, interval, count, limit)| Window {
            kind,
            length_ns: interval_ns(interval, count),
            limit,
            number: 0,
            used: 0,
        };
        Self { windows: limits.into_iter().map(window).collect(), paused_until: Timestamp(0) }
    }

    /// Takes the weight of a request, and of the order that it may be. False, and nothing is taken: it would be too
    /// much, and is not to be asked. What is no order has a part of the weight to itself.
    #[inline]
    pub fn take(&mut self, now: Timestamp, weight: u32, is_order: bool) -> bool {
        self.take_orders(now, weight, u64::from(is_order))
    }

    /// The same, of a request that enters so many orders.
    #[inline]
    pub fn take_orders(&mut self, now: Timestamp, weight: u32, orders: u64) -> bool {
        let is_order = orders > 0;
        if now < self.paused_until {
            return false;
        }
        let weight = u64::from(weight);
        for window in &mut self.windows {
            window.follow(now);
            let (more, limit) = match window.kind {
                LimitKind::RequestWeight if is_order => {
                    (weight, window.limit - window.limit / RESERVE)
                }
                LimitKind::RequestWeight => (weight, window.limit),
                LimitKind::Orders if is_order => (orders, window.limit),
                _ => continue,
            };
            if window.used + more > limit {
                return false;
            }
        }
        for window in &mut self.windows {
            match window.kind {
                LimitKind::RequestWeight => window.used += weight,
                LimitKind::Orders => window.used += orders,
                _ => {}
            }
        }
        true
    }

    /// The venue says what was used. It counts too what is on its way here: less than was counted is believed only of
    /// orders, which stop counting when they fill.
    pub fn told(&mut self, now: Timestamp, told: &RateLimit) {
        let length_ns = interval_ns(told.interval, told.interval_count);
        for window in &mut self.windows {
            if (window.kind, window.length_ns) == (told.kind, length_ns) {
                window.follow(now);
                window.limit = told.limit;
                window.used = match window.kind {
                    LimitKind::Orders => told.count,
                    _ => window.used.max(told.count),
                };
            }
        }
    }

    /// The venue says what was used of the weight of a minute.
    pub fn told_weight(&mut self, now: Timestamp, used: u64) {
        for window in &mut self.windows {
            if (window.kind, window.length_ns) == (LimitKind::RequestWeight, MINUTE_NS) {
                window.follow(now);
                window.used = window.used.max(used);
            }
        }
    }

    /// The venue wants to be left alone until then.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// When what was refused may be asked again, at the latest.
    pub fn next_window(&self, now: Timestamp) -> Timestamp {
        let minute = (now.0 / MINUTE_NS + 1) * MINUTE_NS;
        Timestamp(minute).max(self.paused_until)
    }
}

impl Window {
    #[inline]
    const fn follow(&mut self, now: Timestamp) {
        let number = now.0 / self.length_ns;
        if number != self.number {
            (self.number, self.used) = (number, 0);
        }
    }
}

const MINUTE_NS: u64 = 60_000_000_000;

const fn interval_ns(interval: Interval, count: u64) -> u64 {
    let seconds = match interval {
        Interval::Second => 1,
        Interval::Minute => 60,
        Interval::Hour => 3_600,
        Interval::Day => 86_400,
    };
    let length_ns = count.saturating_mul(seconds * 1_000_000_000);
    if length_ns == 0 { 1 } else { length_ns }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Timestamp = Timestamp(MINUTE_NS);

    fn budget() -> Budget {
        Budget::new([
            (LimitKind::RequestWeight, Interval::Minute, 1, 20),
            (LimitKind::Orders, Interval::Second, 10, 3),
        ])
    }

    #[test]
    fn orders_stop_before_the_limit_and_cancels_go_on_to_it() {
        let mut budget = budget();
        let now = MINUTE;
        assert!((0..3).all(|_| budget.take(now, 1, true)));
        assert!(!budget.take(now, 1, true), "a fourth order");
        let next = Timestamp(now.0 + 10_000_000_000);
        assert!(budget.take(next, 15, false));
        assert!(!budget.take(next, 1, true), "what is kept for cancels");
        assert!(budget.take(next, 2, false) && !budget.take(next, 1, false));
        assert!(budget.take(Timestamp(now.0 + MINUTE_NS), 1, true), "the next minute");
    }

    #[test]
    fn a_list_counts_with_all_of_its_orders_or_not_at_all() {
        let mut budget = budget();
        assert!(budget.take(MINUTE, 1, true));
        assert!(!budget.take_orders(MINUTE, 1, 3), "a fourth order");
        assert!(budget.take_orders(MINUTE, 1, 2));
        assert!(!budget.take(MINUTE, 1, true));
    }

    #[test]
    fn what_the_venue_says_counts_and_a_pause_ends_everything() {
        let mut budget = budget();
        let (kind, interval) = (LimitKind::Orders, Interval::Second);
        let told = |count| RateLimit { kind, interval, interval_count: 10, limit: 3, count };
        budget.told(MINUTE, &told(3));
        assert!(!budget.take(MINUTE, 1, true));
        budget.told(MINUTE, &told(2));
        assert!(budget.take(MINUTE, 1, true));
        budget.told_weight(MINUTE, 20);
        assert!(!budget.take(MINUTE, 1, false));
        let later = Timestamp(MINUTE.0 * 2);
        budget.pause(Timestamp(later.0 + 1));
        assert!(!budget.take(later, 1, false) && budget.take(Timestamp(later.0 + 1), 1, false));
        assert_eq!(budget.next_window(later), Timestamp(MINUTE.0 * 3));
    }
}
