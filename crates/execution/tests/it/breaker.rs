//! The breaker beside a plain one that remembers everything.

use proptest::prelude::*;
use tiercel_execution::breaker::{Breaker, BreakerOptions, BreakerState, FAILURES_MAX};
use tiercel_types::Timestamp;

const OPTIONS: BreakerOptions =
    BreakerOptions { failures_max: 3, window_ns: 100, wait_first_ns: 50, wait_max_ns: 300 };

/// What happens to one.
#[derive(Clone, Copy, Debug)]
enum Step {
    Fails,
    Succeeds,
    /// An order leaves if it may.
    Sends,
}

/// All that has happened, by which everything is found out anew.
#[derive(Default)]
struct Plain {
    /// When it failed, since it was closed.
    failures: Vec<u64>,
    /// When it was opened, since it was closed.
    opened: Vec<u64>,
    /// When its one order left, since it was opened.
    left: Option<u64>,
}

impl Plain {
    /// How long it is open the next time.
    fn next_wait(&self, options: &BreakerOptions) -> u64 {
        let doubled = (0..self.opened.len()).fold(options.wait_first_ns, |wait, _| wait * 2);
        doubled.min(options.wait_max_ns)
    }

    fn until(&self, options: &BreakerOptions) -> Option<u64> {
        let last = self.opened.last()?;
        let doubled = (1..self.opened.len()).fold(options.wait_first_ns, |wait, _| wait * 2);
        Some(last + doubled.min(options.wait_max_ns))
    }

    fn state(&self, now: u64, options: &BreakerOptions) -> BreakerState {
        match self.until(options) {
            None => {
                let last = self.failures.last().copied().unwrap_or(0);
                let in_window = |at: &&u64| **at + options.window_ns >= last;
                let failures = self.failures.iter().filter(in_window).count() as u32;
                BreakerState::Closed { failures }
            }
            Some(until) if now < until => BreakerState::Open { until: Timestamp(until) },
            // Without a verdict another may leave, after as long a time as the next wait.
            Some(_) => BreakerState::HalfOpen {
                permit: self.left.is_none_or(|left| now >= left + self.next_wait(options)),
            },
        }
    }

    fn step(&mut self, now: u64, step: Step, options: &BreakerOptions) {
        match (step, self.state(now, options)) {
            (Step::Fails, BreakerState::Closed { .. }) => {
                self.failures.push(now);
                let in_window = |at: &&u64| **at + options.window_ns >= now;
                let failures = self.failures.iter().filter(in_window).count() as u32;
                if failures >= options.failures_max {
                    (self.opened, self.left) = (vec![now], None);
                }
            }
            (Step::Fails, BreakerState::HalfOpen { .. }) => {
                self.opened.push(now);
                self.left = None;
            }
            (Step::Succeeds, BreakerState::HalfOpen { .. }) if self.left.is_some() => {
                *self = Self::default();
            }
            (Step::Sends, BreakerState::HalfOpen { permit: true }) => self.left = Some(now),
            _ => {}
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let step = prop_oneof![
        5 => Just(Step::Fails),
        2 => Just(Step::Succeeds),
        4 => Just(Step::Sends),
    ];
    proptest::collection::vec((0..60_u64, step), 0..200)
}

proptest! {
    #[test]
    fn it_stands_where_all_that_has_happened_says(steps in steps(), failures_max in 1..8_u32) {
        let options = BreakerOptions { failures_max, ..OPTIONS };
        let (mut breaker, mut plain, mut now) = (Breaker::new(options), Plain::default(), 1_000);
        for (later, step) in steps {
            now += later;
            let time = Timestamp(now);
            prop_assert_eq!(breaker.state(time), plain.state(now, &options));
            let allows = !matches!(
                plain.state(now, &options),
                BreakerState::Open { .. } | BreakerState::HalfOpen { permit: false }
            );
            prop_assert_eq!(breaker.allows(time), allows);
            match step {
                Step::Fails => breaker.failed(time),
                Step::Succeeds => breaker.succeeded(),
                Step::Sends if allows => breaker.leaves(time),
                Step::Sends => {}
            }
            plain.step(now, step, &options);
            prop_assert_eq!(breaker.state(time), plain.state(now, &options));
        }
    }
}

#[test]
fn one_that_never_opens_stays_closed_and_more_failures_than_are_remembered_open_it() {
    let mut never = Breaker::new(BreakerOptions::NEVER);
    let mut late = Breaker::new(BreakerOptions { failures_max: 1_000, ..OPTIONS });
    for number in 1..=FAILURES_MAX {
        assert!(late.allows(Timestamp(1)), "{number}");
        never.failed(Timestamp(1));
        late.failed(Timestamp(1));
    }
    assert_eq!(never.state(Timestamp(1)), BreakerState::Closed { failures: 0 });
    assert_eq!(late.state(Timestamp(1)), BreakerState::Open { until: Timestamp(51) });
}

#[test]
fn an_order_that_did_not_leave_after_all_decides_nothing_and_another_may() {
    let mut breaker = Breaker::new(BreakerOptions { failures_max: 1, ..OPTIONS });
    breaker.returns();
    assert_eq!(breaker.state(Timestamp(1)), BreakerState::Closed { failures: 0 });
    breaker.failed(Timestamp(1));
    let until = Timestamp(51);
    breaker.returns();
    assert_eq!(breaker.state(Timestamp(1)), BreakerState::Open { until });
    breaker.leaves(until);
    assert!(!breaker.allows(until));
    breaker.returns();
    assert!(breaker.allows(until));
    assert_eq!(breaker.state(until), BreakerState::HalfOpen { permit: true });
}
