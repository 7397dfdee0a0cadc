//! Once they are made, strategies allocate nothing.

use std::mem;

use tiercel_strategy::{Action, ActionKind, Actions, OrderUpdate, OrderUpdateKind, Strategy};
use tiercel_testkit::counting_allocator::{
    CountingAllocator, allocations, alone, assert_counts_every_thread,
};
use tiercel_testkit::random::Random;
use tiercel_types::{Price, Side, TimeInForce};

use super::support::{book, ended, made, told, trade};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Parameters by which each trades within the run.
const STRATEGIES: [(&str, &str); 5] = [
    (
        "market_maker",
        "qty = '0.01'\ninventory_max = '0.03'\nvolatility_interval_ns = 100\nvolatility_samples = 50\n\
         warm_up_samples = 2\nvpin_bucket_qty = '0.5'\nvpin_buckets = 10\nhorizon_ns = 100\nbackoff_ns = 50",
    ),
    (
        "golden_cross",
        "qty = '0.02'\nbar = { time_ns = 100 }\nfast_bars = 3\nslow_bars = 9\nretry_ns = 50",
    ),
    (
        "golden_cross",
        "qty = '0.02'\nbar = { trades = 5 }\nfast_bars = 3\nslow_bars = 9\nshort = true\nretry_ns = 50",
    ),
    (
        "mean_reversion",
        "qty = '0.02'\ninterval_ns = 100\nsamples = 20\nentry = 1.0\nexit = 0.2\nretry_ns = 50",
    ),
    (
        "arbitrage",
        "qty_max = '0.05'\nunhedged_max = '0.05'\nposition_max = '0.2'\nfirst_fee_ppm = 1\nsecond_fee_ppm = 1\nretry_ns = 50",
    ),
];

#[test]
fn strategies_allocate_nothing_after_they_are_made() {
    alone("it::allocations::strategies_allocate_nothing_after_they_are_made", || {
        assert_counts_every_thread();
        for (name, parameters) in STRATEGIES {
            let mut strategy = made(name, parameters);
            let mut venue = Venue { random: Random::new(7), position: 0, orders: 0 };
            let count = allocations(|| {
                for step in 1..=20_000 {
                    venue.step(step, &mut *strategy);
                }
            });
            let orders = venue.orders;
            assert_eq!(count, 0, "{name}");
            assert!(orders > 100, "{name} asked for {orders}");
        }
    });
}

/// Answers each request at once; half of what is submitted trades.
struct Venue {
    random: Random,
    position: i64,
    /// Requests there were.
    orders: u32,
}

impl Venue {
    fn step(&mut self, step: u64, strategy: &mut dyn Strategy) {
        let time = step * 20;
        let mut tick = book(time, 1 + (step % 2) as u32, ("1", "1"), ("2", "1"));
        let bid = 10_000 + self.random.below(9) as i64;
        for (level, ticks) in [(&mut tick.bids[0], bid), (&mut tick.asks[0], bid + 2)] {
            level.price = Price::from_units(ticks * 1_000_000);
        }
        let mut actions = Actions::default();
        strategy.on_book(&tick, &mut actions);
        let aggressor = Side::ALL[self.random.below(2) as usize];
        let mut traded = trade(time, "1", "0.1", aggressor);
        traded.price = tick.bids[0].price;
        strategy.on_trade(&traded, &mut actions);
        // What an answer sets off is answered, too.
        for _ in 0..8 {
            let asked = mem::take(&mut actions);
            for action in asked.as_slice() {
                if action.kind != ActionKind::SetTimer {
                    strategy.on_order(&self.answer(time, action), &mut actions);
                }
            }
        }
    }

    fn answer(&mut self, time: u64, action: &Action) -> OrderUpdate {
        use OrderUpdateKind as Kind;
        self.orders += 1;
        let qty = action.qty.units() as i64;
        let rests = action.time_in_force == TimeInForce::Gtc;
        let mut update = match action.kind {
            ActionKind::Submit if self.random.one_in(2) => {
                self.position += if action.side == Side::Buy { qty } else { -qty };
                ended(time, action, Kind::Filled, "0")
            }
            ActionKind::Submit if rests => told(time, action, Kind::Accepted),
            ActionKind::Replace => told(time, action, Kind::Replaced),
            _ => ended(time, action, Kind::Cancelled, "0"),
        };
        update.position = self.position;
        update
    }
}
