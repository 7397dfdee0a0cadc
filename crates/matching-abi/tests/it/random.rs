//! Random messages through the library and through the model, every report compared.

use crate::harness::{BUY, Cancel, Harness, Message, Modify, NewOrder, SELL, new_order};
use crate::model::Model;

/// `SplitMix64`: one seed, one run.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How a run draws its prices.
#[derive(Clone, Copy, Debug)]
enum Prices {
    /// Few levels next to each other: much trading.
    Narrow,
    /// Spread over 200,000 ticks, as no window can hold them all.
    Wide,
    /// Around places at both ends of the domain, the middle and far from each other.
    Ends,
    /// Narrow, round a middle that wanders.
    Drifting,
}

impl Prices {
    fn draw(self, rng: &mut Rng, step: usize) -> i64 {
        let near = rng.below(20) as i64;
        match self {
            Self::Narrow => 1_000 + near,
            Self::Wide => rng.below(200_000) as i64 - 100_000,
            Self::Ends => {
                let places = [i64::MIN + 1, -(1 << 40), -10, 1 << 40, i64::MAX - 20];
                places[rng.below(places.len() as u64) as usize] + near
            }
            Self::Drifting => step as i64 * 7 - 50_000 + near,
        }
    }
}

fn draw(rng: &mut Rng, prices: Prices, sequence: u64) -> Message {
    // Few ids, so that they are used again, and cancels and modifies meet what is gone too.
    let order_id = rng.below(120);
    let side = if rng.below(2) == 0 { BUY } else { SELL };
    let price = prices.draw(rng, sequence as usize);
    let quantity = 1 + rng.below(20) as u32;
    match rng.below(10) {
        0..5 => {
            let ioc = u8::from(rng.below(7) == 0);
            Message::New(NewOrder { ioc, ..new_order(order_id, sequence, side, price, quantity) })
        }
        5..7 => Message::Cancel(Cancel { order_id, sequence }),
        _ => {
            let reserved = [0; 3];
            Message::Modify(Modify { order_id, sequence, price, quantity, side, reserved })
        }
    }
}

fn run(prices: Prices, seed: u64, messages: u64, batched: bool) {
    let mut rng = Rng(seed);
    let harness = Harness::new();
    let mut model = Model::default();
    let mut sequence = 0;
    let mut trades = 0;
    while sequence < messages {
        let length = if batched { 1 + rng.below(9) } else { 1 };
        let batch: Vec<Message> = (0..length)
            .map(|_| {
                sequence += 1;
                draw(&mut rng, prices, sequence)
            })
            .collect();
        if batched {
            harness.send_batch(&batch);
        } else {
            harness.send(&batch[0]);
        }
        let expected: Vec<_> = batch.iter().flat_map(|message| model.expect(message)).collect();
        let reports = harness.numbered_reports();
        assert_eq!(reports, expected, "{prices:?}, seed {seed}, message {sequence}: {batch:?}");
        trades += reports
            .iter()
            .filter(|(_, report)| matches!(report, crate::harness::Report::Trade { .. }))
            .count();
        assert_eq!((harness.best_bid(), harness.best_ask()), (model.best_bid(), model.best_ask()));
        let price = prices.draw(&mut rng, sequence as usize);
        for side in [BUY, SELL] {
            assert_eq!(harness.depth(side, price), model.depth(side, price));
        }
    }
    assert!(trades as u64 > messages / 20, "{prices:?}: only {trades} trades");
}

#[test]
fn random_messages_on_few_levels_match_the_model() {
    (0..10).for_each(|seed| run(Prices::Narrow, seed, 5_000, false));
}

#[test]
fn random_messages_on_a_wide_book_match_the_model() {
    (10..20).for_each(|seed| run(Prices::Wide, seed, 5_000, false));
}

#[test]
fn random_messages_at_the_ends_of_the_domain_match_the_model() {
    (20..30).for_each(|seed| run(Prices::Ends, seed, 5_000, false));
}

#[test]
fn random_messages_on_a_drifting_market_match_the_model() {
    (30..40).for_each(|seed| run(Prices::Drifting, seed, 5_000, false));
}

#[test]
fn random_batches_match_the_model() {
    (40..50).for_each(|seed| run(Prices::Narrow, seed, 5_000, true));
}
