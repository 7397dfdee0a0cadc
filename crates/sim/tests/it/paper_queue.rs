//! One price's queue beside a naive one: place in the queue, fills and what is left agree.

use proptest::prelude::*;
use tiercel_execution::venue::VenueRequest;
use tiercel_sim::paper::{PaperOptions, QueueModel};
use tiercel_types::Side;

use super::paper::{Desk, LOT, level, named, order};

/// The price, in ticks.
const HERE: i64 = 1_000;
const LAG_NS: u64 = 100;

/// Somebody in the queue: one of ours by its number, or the market.
#[derive(Clone, Copy, Debug)]
struct Waits {
    own: Option<u64>,
    lots: u64,
}

/// A queue, as one would write it down, in lots.
#[derive(Default)]
struct Naive {
    queue: Vec<Waits>,
    live: u64,
    /// A decrease without a trade, what of it was ahead of us, and until when a trade may explain it.
    unexplained: (u64, u64, u64),
    /// Of the last trade, and of each order in all.
    fills: Vec<(u64, u64)>,
    filled: std::collections::BTreeMap<u64, u64>,
}

impl Naive {
    fn market(&self) -> u64 {
        self.queue.iter().filter(|waits| waits.own.is_none()).map(|waits| waits.lots).sum()
    }

    fn ahead(&self, own: u64) -> Option<u64> {
        let at = self.queue.iter().position(|waits| waits.own == Some(own))?;
        let ahead = self.queue[..at].iter().filter(|waits| waits.own.is_none());
        Some(ahead.map(|waits| waits.lots).sum())
    }

    fn join(&mut self, lots: u64) {
        match self.queue.last_mut() {
            Some(Waits { own: None, lots: last }) => *last += lots,
            _ => self.queue.push(Waits { own: None, lots }),
        }
    }

    fn told(&mut self, now: u64, lots: u64, model: QueueModel) {
        if lots == self.live {
            return;
        }
        self.live = lots;
        let market = self.market();
        if lots >= market {
            if lots > market {
                self.join(lots - market);
            }
            return;
        }
        let gone = market - lots;
        let mut shares: Vec<u64> = vec![0; self.queue.len()];
        let of_market = |naive: &Self, at: usize| naive.queue[at].own.is_none();
        if model == QueueModel::Proportional {
            for (at, share) in shares.iter_mut().enumerate() {
                if of_market(self, at) {
                    *share = gone * self.queue[at].lots / market;
                }
            }
        }
        let mut left = gone - shares.iter().sum::<u64>();
        let mut order: Vec<usize> = (0..self.queue.len()).collect();
        if model != QueueModel::Ahead {
            order.reverse();
        }
        for at in order {
            while left > 0 && of_market(self, at) && shares[at] < self.queue[at].lots {
                (shares[at], left) = (shares[at] + 1, left - 1);
            }
        }
        let first = self.queue.iter().position(|waits| waits.own.is_some());
        let ahead: u64 = shares[..first.unwrap_or(shares.len())].iter().sum();
        if self.unexplained.2 < now {
            self.unexplained = (0, 0, 0);
        }
        let (qty, before, _) = self.unexplained;
        self.unexplained = (qty + gone, before + ahead, now + LAG_NS);
        for (waits, share) in self.queue.iter_mut().zip(shares) {
            waits.lots -= share;
        }
        self.queue.retain(|waits| waits.lots > 0);
    }

    fn traded(&mut self, now: u64, lots: u64) {
        let (mut known, mut taken) = (0, 0);
        let (qty, ahead, until) = self.unexplained;
        if until >= now && qty > 0 {
            known = lots.min(qty);
            taken = (ahead * known).div_ceil(qty).min(known).min(ahead);
            self.unexplained = (qty - known, ahead - taken, until);
        }
        let before = self.market();
        self.fills.clear();
        for _ in 0..lots - taken {
            let Some(front) = self.queue.first_mut() else { break };
            front.lots -= 1;
            if let Some(own) = front.own {
                *self.filled.entry(own).or_default() += 1;
                match self.fills.last_mut() {
                    Some((last, lots)) if *last == own => *lots += 1,
                    _ => self.fills.push((own, 1)),
                }
            }
            if front.lots == 0 {
                self.queue.remove(0);
            }
        }
        let should = before.saturating_sub(lots - known);
        if self.market() < should {
            self.join(should - self.market());
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Told(u64),
    Traded(u64),
    New(u64),
    Cancel(usize),
    Less(usize, u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..60_u64).prop_map(Step::Told),
        3 => (1..40_u64).prop_map(Step::Traded),
        2 => (1..20_u64).prop_map(Step::New),
        1 => (0..8_usize).prop_map(Step::Cancel),
        1 => (0..8_usize, 1..20_u64).prop_map(|(which, lots)| Step::Less(which, lots)),
        1 => (0..200_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn place_fills_and_what_is_left_are_those_of_a_naive_queue(
        steps in prop::collection::vec(step(), 1..80),
        model in prop_oneof![Just(QueueModel::Proportional), Just(QueueModel::Behind), Just(QueueModel::Ahead)],
    ) {
        let options = PaperOptions { queue: model, trade_lag_ns: LAG_NS, ..PaperOptions::default() };
        let mut desk = Desk::new(options);
        desk.change(&[], &[level(HERE + 50, 1)]);
        let (mut naive, mut number) = (Naive::default(), 0);
        for step in &steps {
            let (mut traded, mut first_ahead) = (0, 0);
            match *step {
                Step::Told(lots) => {
                    desk.change(&[level(HERE, lots)], &[]);
                    naive.told(desk.now, lots, model);
                }
                Step::Traded(lots) => {
                    let first = naive.queue.iter().find_map(|waits| waits.own);
                    (traded, first_ahead) = (lots, first.and_then(|own| naive.ahead(own)).unwrap_or(0));
                    desk.trade(HERE, lots, Side::Sell);
                    naive.traded(desk.now, lots);
                }
                Step::New(lots) => {
                    number += 1;
                    desk.send(VenueRequest::New(order(number, Side::Buy, HERE, lots)));
                    naive.queue.push(Waits { own: Some(number), lots });
                }
                Step::Cancel(which) => {
                    let Some(own) = naive.queue.iter().filter_map(|waits| waits.own).nth(which) else { continue };
                    desk.send(VenueRequest::Cancel(named(own)));
                    naive.queue.retain(|waits| waits.own != Some(own));
                }
                Step::Less(which, lots) => {
                    let mut own = naive.queue.iter_mut().filter(|waits| waits.own.is_some());
                    let Some(waits) = own.nth(which).filter(|waits| waits.lots > lots) else { continue };
                    let filled = naive.filled.get(&waits.own.unwrap()).copied().unwrap_or(0);
                    waits.lots = lots;
                    let (price, qty) = (level(HERE, 0).price, level(0, lots + filled).qty);
                    let name = named(waits.own.unwrap());
                    desk.send(VenueRequest::Amend { name, price, qty, open_qty: level(0, lots).qty });
                }
                Step::Wait(ns) => desk.now += ns,
            }
            let fills: Vec<(u64, u64)> = desk.fills(10).iter().map(|(name, lots, ticks)| {
                assert_eq!(*ticks, HERE);
                (name.trim_start_matches("order-").parse().unwrap(), *lots)
            }).collect();
            // Of one trade: in the order of the queue, each of ours once.
            let filled: u64 = fills.iter().map(|fill| fill.1).sum();
            prop_assert!(filled <= traded.max(first_ahead) - first_ahead, "{step:?} {fills:?}");
            prop_assert_eq!(fills, std::mem::take(&mut naive.fills), "{:?}", step);
            for own in 1..=number {
                let ahead = desk.paper.ahead(&named(own).client_order_id).map(|qty| qty.units() / LOT);
                prop_assert_eq!(ahead, naive.ahead(own), "{:?}: order {}", step, own);
            }
            let market = desk.paper.market_qty(tiercel_types::InstrumentId(0), Side::Buy, level(HERE, 0).price);
            prop_assert_eq!(market.units(), naive.market() * LOT);
            prop_assert!(desk.paper.agrees());
            // Of a price where nothing is and nobody waits, nothing is remembered.
            if naive.queue.is_empty() && naive.live == 0 {
                naive.unexplained = (0, 0, 0);
            }
        }
    }
}
