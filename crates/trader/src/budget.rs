//! What a venue allows of requests, counted before they leave.
//!
//! Windows are fixed and aligned to the clock, as the venue's are. What the venue says was used counts from then on,
//! if it is more than was counted here: others may use the same address or account. Of orders it counts whatever it
//! says, beside those that are on their way: it cannot have counted them for certain.

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
    /// Orders that have left and were not answered yet: in this window, and in the one before. What has not been
    /// answered for longer does not count here any more.
    on_their_way: [u64; 2],
}

/// Of every this many units of weight, one is kept for cancels.
const RESERVE: u64 = 10;
/// By how much the end of a window may lie behind what the venue says of it, which is in whole seconds.
const END_TOLERANCE_NS: u64 = 1_000_000_000;

/// What a request is for: that decides how much of the limits it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It ends an order: it may use all of the weight.
    Cancel,
    /// It asks something: a part of the weight is not for it.
    Question,
    /// It enters so many orders: the same, and they are counted.
    Orders(u64),
}

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
            on_their_way: [0; 2],
        };
        Self { windows: limits.into_iter().map(window).collect(), paused_until: Timestamp(0) }
    }

    /// Takes the weight of a request, and the orders that it enters: they are on their way until they are
    /// [answered](Self::answered) or [lost](Self::lost). False, and nothing is taken: it would be too much, and is not
    /// to be asked.
    #[inline]
    pub fn take(&mut self, now: Timestamp, weight: u32, purpose: Purpose) -> bool {
        if now < self.paused_until {
            return false;
        }
        let (weight, orders) = (u64::from(weight), purpose.orders());
        for window in &mut self.windows {
            window.follow(now);
            let (more, limit) = match window.kind {
                LimitKind::RequestWeight if purpose == Purpose::Cancel => (weight, window.limit),
                LimitKind::RequestWeight => (weight, window.limit - window.limit / RESERVE),
                LimitKind::Orders if orders > 0 => (window.unanswered() + orders, window.limit),
                _ => continue,
            };
            if window.used + more > limit {
                return false;
            }
        }
        for window in &mut self.windows {
            match window.kind {
                LimitKind::RequestWeight => window.used += weight,
                LimitKind::Orders => window.on_their_way[0] += orders,
                _ => {}
            }
        }
        true
    }

    /// So many orders were answered, whatever the answer. The venue has counted them, unless it [says](Self::told)
    /// something else.
    pub fn answered(&mut self, now: Timestamp, orders: u64) {
        if orders == 0 {
            return;
        }
        for window in self.windows.iter_mut().filter(|window| window.kind == LimitKind::Orders) {
            window.follow(now);
            let [new, old] = &mut window.on_their_way;
            let from_old = orders.min(*old);
            let from_new = (orders - from_old).min(*new);
            (*old, *new) = (*old - from_old, *new - from_new);
            window.used += from_old + from_new;
        }
    }

    /// What is on its way will not be answered any more. The venue may have counted it.
    pub fn lost(&mut self, now: Timestamp) {
        self.answered(now, u64::MAX);
    }

    /// The venue says what was used. Of weight it counts too what is on its way here: less than was counted is believed
    /// only of orders, which stop counting when they fill.
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

    /// The venue takes no more orders until then; where it does not say, in the shortest of their windows. It may say
    /// something else with the next answer. Everything else may be asked.
    pub fn orders_are_used_up(&mut self, now: Timestamp, until: Option<Timestamp>) {
        let is_of_orders = |window: &&mut Window| window.kind == LimitKind::Orders;
        let shortest_ns = self.windows.iter_mut().filter(is_of_orders).map(|it| it.length_ns).min();
        let until_ns = until.map_or(0, |until| until.0.saturating_add(END_TOLERANCE_NS));
        for window in self.windows.iter_mut().filter(is_of_orders) {
            window.follow(now);
            if window.end_ns() <= until_ns || Some(window.length_ns) == shortest_ns {
                window.used = window.used.max(window.limit);
            }
        }
    }

    /// The venue wants to be left alone until then.
    pub fn pause(&mut self, until: Timestamp) {
        self.paused_until = self.paused_until.max(until);
    }

    /// When what was refused may be asked again, at the earliest.
    pub fn again_at(&self, now: Timestamp) -> Timestamp {
        if now < self.paused_until {
            return self.paused_until;
        }
        Timestamp((now.0 / MINUTE_NS + 1) * MINUTE_NS)
    }
}

impl Purpose {
    const fn orders(self) -> u64 {
        match self {
            Self::Orders(orders) => orders,
            Self::Cancel | Self::Question => 0,
        }
    }
}

impl Window {
    #[inline]
    const fn follow(&mut self, now: Timestamp) {
        // Mostly it is the same one, which is seen without a division.
        let start_ns = self.number.saturating_mul(self.length_ns);
        if now.0.wrapping_sub(start_ns) >= self.length_ns {
            let number = now.0 / self.length_ns;
            let [new, _] = self.on_their_way;
            let is_next = number == self.number + 1;
            self.on_their_way = [0, if is_next { new } else { 0 }];
            (self.number, self.used) = (number, 0);
        }
    }

    const fn unanswered(&self) -> u64 {
        self.on_their_way[0] + self.on_their_way[1]
    }

    const fn end_ns(&self) -> u64 {
        self.number.saturating_add(1).saturating_mul(self.length_ns)
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
    fn a_tenth_of_the_weight_is_for_cancels_alone() {
        let mut budget = budget();
        let now = MINUTE;
        assert!((0..3).all(|_| budget.take(now, 1, Purpose::Orders(1))));
        assert!(!budget.take(now, 1, Purpose::Orders(1)), "a fourth order");
        let next = Timestamp(now.0 + 10_000_000_000);
        budget.lost(now);
        assert!(budget.take(next, 15, Purpose::Question));
        for purpose in [Purpose::Orders(1), Purpose::Question] {
            assert!(!budget.take(next, 1, purpose), "what is kept for cancels");
        }
        assert!(budget.take(next, 2, Purpose::Cancel) && !budget.take(next, 1, Purpose::Cancel));
        assert!(
            budget.take(Timestamp(now.0 + MINUTE_NS), 1, Purpose::Orders(1)),
            "the next minute"
        );
    }

    #[test]
    fn a_list_counts_with_all_of_its_orders_or_not_at_all() {
        let mut budget = budget();
        assert!(budget.take(MINUTE, 1, Purpose::Orders(1)));
        assert!(!budget.take(MINUTE, 1, Purpose::Orders(3)), "a fourth order");
        assert!(budget.take(MINUTE, 1, Purpose::Orders(2)));
        assert!(!budget.take(MINUTE, 1, Purpose::Orders(1)));
    }

    fn orders(count: u64) -> RateLimit {
        let (kind, interval) = (LimitKind::Orders, Interval::Second);
        RateLimit { kind, interval, interval_count: 10, limit: 3, count }
    }

    #[test]
    fn what_the_venue_says_counts_and_a_pause_ends_everything() {
        let mut budget = budget();
        budget.told(MINUTE, &orders(3));
        assert!(!budget.take(MINUTE, 1, Purpose::Orders(1)));
        budget.told(MINUTE, &orders(2));
        assert!(budget.take(MINUTE, 1, Purpose::Orders(1)));
        budget.told_weight(MINUTE, 20);
        assert!(!budget.take(MINUTE, 1, Purpose::Cancel));
        let later = Timestamp(MINUTE.0 * 2);
        assert_eq!(budget.again_at(later), Timestamp(MINUTE.0 * 3));
        let end = Timestamp(later.0 + 1);
        budget.pause(end);
        assert!(!budget.take(later, 1, Purpose::Cancel));
        assert_eq!(budget.again_at(later), end);
        assert!(budget.take(end, 1, Purpose::Cancel));
    }

    #[test]
    fn orders_on_their_way_count_beside_what_the_venue_says() {
        let mut budget = budget();
        assert!((0..2).all(|_| budget.take(MINUTE, 1, Purpose::Orders(1))));
        budget.answered(MINUTE, 1);
        budget.told(MINUTE, &orders(2));
        assert!(!budget.take(MINUTE, 1, Purpose::Orders(1)), "two and one on its way");
        // The other was answered, and one has filled.
        budget.answered(MINUTE, 1);
        budget.told(MINUTE, &orders(1));
        assert!(budget.take(MINUTE, 1, Purpose::Orders(2)));
        // Nobody says what became of these.
        budget.lost(MINUTE);
        assert!(!budget.take(MINUTE, 1, Purpose::Orders(1)));
        budget.told(MINUTE, &orders(1));
        assert!(budget.take(MINUTE, 1, Purpose::Orders(2)), "they are not on their way any more");
        // Two windows later they have come, or never will.
        let later = |windows: u64| Timestamp(MINUTE.0 + windows * 10_000_000_000);
        assert!(!budget.take(later(1), 1, Purpose::Orders(2)));
        assert!(budget.take(later(2), 1, Purpose::Orders(3)));
    }

    #[test]
    fn without_room_for_orders_only_the_windows_are_full_that_end_in_time() {
        let day = (LimitKind::Orders, Interval::Day, 1, 100);
        let ten_seconds = (LimitKind::Orders, Interval::Second, 10, 3);
        let after = |seconds: u64| Timestamp(MINUTE.0 + seconds * 1_000_000_000);
        for (until, again_s) in
            [(None, 10), (Some(after(10)), 10), (Some(after(9)), 10), (Some(after(86_340)), 86_340)]
        {
            let mut budget = Budget::new([day, ten_seconds]);
            budget.orders_are_used_up(MINUTE, until);
            assert!(budget.take(MINUTE, 1, Purpose::Cancel));
            assert!(!budget.take(after(again_s - 1), 1, Purpose::Orders(1)), "{until:?}");
            assert!(budget.take(after(again_s), 1, Purpose::Orders(1)), "{until:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_is_followed() {
        let mut budget = budget();
        let later = Timestamp(90 * MINUTE_NS);
        assert!(budget.take(later, 15, Purpose::Question));
        assert!(!budget.take(later, 15, Purpose::Question));
        let earlier = Timestamp(30 * MINUTE_NS);
        assert!(budget.take(earlier, 15, Purpose::Question));
        assert!(!budget.take(earlier, 15, Purpose::Question));
    }
}
