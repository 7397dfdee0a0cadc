//! The micro-price: by hand, against a naive estimate, and as text.

use proptest::prelude::*;
use tiercel_book::signal::{
    EstimateError, Grid, MicroPrice, MicroPriceEstimator, ModelFault, Quote,
};
use tiercel_testkit::binance_capture;
use tiercel_testkit::random::Random;
use tiercel_testkit::signals as naive;
use tiercel_types::Price;
use tiercel_wire::binance::Message;
use tiercel_wire::binance::capture::CaptureReader;

use super::signal::{assert_near, quote};

/// A tick of ten units, so that half a tick is a whole number.
const TICK: i64 = 10;

fn grid(imbalance_buckets: u16, spread_buckets: u16) -> Grid {
    Grid::new(Price::from_units(TICK), imbalance_buckets, spread_buckets).unwrap()
}

/// A quote one tick wide, `ticks` above 1,000, and in the bucket of imbalance (of three).
fn at(ticks: i64, bucket: usize) -> Quote {
    let (bid_qty, ask_qty) = [(1, 9), (5, 5), (9, 1)][bucket];
    let bid = 1_000 + ticks * TICK;
    quote((bid, bid_qty), (bid + TICK, ask_qty))
}

fn estimated(steps: &[[Quote; 2]]) -> Result<MicroPrice, EstimateError> {
    let mut estimator = MicroPriceEstimator::new(grid(3, 1));
    for [from, to] in steps {
        estimator.restart();
        estimator.on_quote(from);
        estimator.on_quote(to);
    }
    estimator.estimate()
}

#[test]
fn a_move_that_leads_to_a_balanced_book_is_all_there_is() {
    // From a heavy bid, half of the steps leave all as it is, and half move up a tick, to a balanced
    // book; from there the bid becomes heavy. Symmetrised, it becomes heavy on either side alike.
    //   g1(heavy) = 1/2 x 1 tick + 1/2 x g1(heavy) = 1 tick;  g1(balanced) = 0
    //   g2(heavy) = g1(balanced) = 0
    let model =
        estimated(&[[at(0, 2), at(0, 2)], [at(0, 2), at(1, 1)], [at(0, 1), at(0, 2)]]).unwrap();
    assert_near(model.adjustment(&at(5, 2)), 10.0, 1e-9);
    assert_near(model.adjustment(&at(5, 1)), 0.0, 0.0);
    assert_near(model.adjustment(&at(5, 0)), -10.0, 1e-9);
    // 1,050 and 1,060: the mid is 1,055.
    assert_near(model.micro_price(&at(5, 2)), 1_065.0, 1e-9);
    assert_eq!((model.steps(), model.moves(), model.rounds()), (3, 1, 2));
    assert_eq!(model.seen(), [0, 2, 4]);
}

#[test]
fn moves_that_follow_moves_are_added_up() {
    // From a heavy bid every step moves up a tick: three times of four the bid is heavy again, once
    // the ask is. So B g1 = (3/4 - 1/4) g1 = g1 / 2, and 1 + 1/2 + 1/4 + ... = 2 ticks.
    let up = [at(0, 2), at(1, 2)];
    let model = estimated(&[up, up, up, [at(0, 2), at(1, 0)]]).unwrap();
    assert_near(model.adjustment(&at(0, 2)), 20.0, 1e-7);
    assert_near(model.adjustment(&at(0, 0)), -20.0, 1e-7);
    assert_near(model.adjustment(&at(0, 1)), 0.0, 0.0); // never seen
    // Terms are halved until they are below 10^-9 of a tick.
    assert_eq!(model.rounds(), 31);
}

#[test]
fn what_cannot_be_told_is_said() {
    assert_eq!(estimated(&[]), Err(EstimateError::NoMoves));
    assert_eq!(estimated(&[[at(0, 2), at(0, 0)]]), Err(EstimateError::NoMoves));
    // Each move up leads to the next: there is no end of it.
    assert_eq!(estimated(&[[at(0, 2), at(1, 2)]]), Err(EstimateError::NoLimit));
    // A balanced book from which nothing ever moves has no next move, and is left out.
    let still = [at(0, 1), at(0, 1)];
    let model = estimated(&[still, [at(0, 2), at(1, 1)]]).unwrap();
    assert_near(model.adjustment(&at(0, 2)), 10.0, 1e-9);
    assert_near(model.adjustment(&at(0, 1)), 0.0, 0.0);
}

#[test]
fn a_grid_is_symmetric_also_on_its_edges() {
    let grid = grid(5, 3);
    let state = |bid_qty, ask_qty, spread| grid.state(&quote((0, bid_qty), (spread, ask_qty)));
    // The bid's share is 1/5: on the edge of the first two buckets of five, and its mirror image.
    assert_eq!((state(1, 4, 10), state(4, 1, 10)), (1, 3));
    assert_eq!((state(1, 5, 10), state(5, 1, 10)), (0, 4));
    assert_eq!(state(7, 7, 10), 2);
    // Spreads of one tick or less, of two, and of three or more.
    let spreads = [1, 10, 11, 20, 21, 30, 31, i64::MAX].map(|spread| state(7, 7, spread) / 5);
    assert_eq!(spreads, [0, 0, 1, 1, 2, 2, 2, 2]);
    for (tick, imbalance, spread) in [
        (0, 3, 1),
        (-1, 3, 1),
        (1, 0, 1),
        (1, 4, 1),
        (1, 103, 1),
        (1, 3, 0),
        (1, 3, 33),
        (1, 101, 11),
    ] {
        assert!(Grid::new(Price::from_units(tick), imbalance, spread).is_err());
    }
}

/// A walk whose direction follows the imbalance, as markets do.
fn walk(seed: u64, length: usize) -> Vec<Quote> {
    let mut random = Random::new(seed);
    let mut bid = 10_000_i64;
    let mut spread = 1;
    let mut quotes = Vec::with_capacity(length);
    for _ in 0..length {
        let (bid_qty, ask_qty) = (1 + random.below(20), 1 + random.below(20));
        quotes.push(quote((bid * TICK, bid_qty), ((bid + spread) * TICK, ask_qty)));
        if random.one_in(3) {
            let up = random.below(bid_qty + ask_qty) < bid_qty;
            bid += if up { 1 } else { -1 };
            spread = 1 + random.below(2) as i64;
        }
    }
    quotes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn an_estimate_is_the_mean_over_symmetrised_steps(
        seed: u64,
        length in 200_usize..400,
        imbalance_buckets in (0_u16..4).prop_map(|half| 2 * half + 1),
        spread_buckets in 1_u16..4,
    ) {
        let quotes = walk(seed, length);
        let grid = grid(imbalance_buckets, spread_buckets);
        let mut estimator = MicroPriceEstimator::new(grid);
        for quote in &quotes {
            estimator.on_quote(quote);
        }
        let model = estimator.estimate().unwrap();
        let steps = naive::symmetrised_steps(&quotes, &grid);
        let expected =
            naive::micro_price_adjustments(&steps, grid.states(), model.rounds() as usize);
        for (ours, theirs) in model.adjustments().iter().zip(expected) {
            prop_assert!((ours - theirs).abs() < 1e-4, "{} {}", ours, theirs);
        }
        // And it is kept to the last bit.
        let text = model.to_text();
        prop_assert_eq!(MicroPrice::from_text(&text), Ok(model));
    }

    #[test]
    fn a_text_that_was_changed_is_refused_or_says_the_same(
        at in 0_usize..10_000,
        byte in 32_u8..127,
    ) {
        let model = model();
        let mut text = model.to_text().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let text = String::from_utf8(text).unwrap();
        if let Ok(read) = MicroPrice::from_text(&text) {
            // What it was estimated from, and the tick, no text can prove.
            prop_assert_eq!(read.adjustments(), model.adjustments());
        }
    }
}

fn model() -> MicroPrice {
    let mut estimator = MicroPriceEstimator::new(grid(3, 2));
    for quote in walk(1, 2_000) {
        estimator.on_quote(&quote);
    }
    estimator.estimate().unwrap()
}

#[test]
fn a_walk_that_follows_the_imbalance_has_a_rising_micro_price() {
    let model = model();
    assert!(model.adjustments()[..3].is_sorted() && model.adjustments()[2] > 1.0, "{model:?}");
}

#[test]
fn each_damage_of_a_text_is_named_with_its_line() {
    let good = model().to_text();
    let fault = |text: &str| {
        let error = MicroPrice::from_text(text).unwrap_err();
        (error.line, error.fault)
    };
    let without = |line: usize| -> String {
        let kept = good.split_inclusive('\n').enumerate().filter(|&(at, _)| at + 1 != line);
        kept.map(|(_, line)| line).collect()
    };
    assert_eq!(fault(""), (1, ModelFault::Foreign));
    assert_eq!(fault("{}"), (1, ModelFault::Foreign));
    assert_eq!(fault(&good.replacen("price 1", "price 2", 1)), (1, ModelFault::Version(2)));
    assert_eq!(fault(&without(2)), (2, ModelFault::Expected("tick")));
    assert_eq!(
        fault(&good.replacen("tick 0.0000001", "tick x", 1)),
        (2, ModelFault::Number("tick"))
    );
    assert!(matches!(
        fault(&good.replacen("imbalance_buckets 3", "imbalance_buckets 4", 1)),
        (4, ModelFault::Grid(_))
    ));
    let place = ModelFault::Expected("state, with its two buckets in order");
    assert_eq!(fault(&without(9)), (9, place));
    assert_eq!(
        fault(&good.replacen("adjustment 0\n", "adjustment 1\n", 1)),
        (9, ModelFault::NotMirrored)
    );
    assert_eq!(
        fault(&good.replacen("adjustment 0\n", "adjustment NaN\n", 1)),
        (9, ModelFault::Number("adjustment"))
    );
    assert_eq!(
        fault(&good.replacen("adjustment 0\n", "adjustment 0 0\n", 1)),
        (9, ModelFault::Expected("seen and adjustment"))
    );
    // Cut anywhere, but for the last line's end.
    for cut in 0..good.len() - 1 {
        assert!(MicroPrice::from_text(&good[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(fault(&format!("{good}more")), (15, ModelFault::Trailing));
    assert_eq!(MicroPrice::from_text(&good), Ok(model()));
}

#[test]
fn on_a_real_session_the_micro_price_follows_the_imbalance() {
    let Some(capture) = binance_capture::btcusdt() else { return };
    let mut reader = CaptureReader::default();
    let tick = "0.01".parse().unwrap();
    let mut estimator = MicroPriceEstimator::new(Grid::new(tick, 5, 2).unwrap());
    for line in capture.split_inclusive(|&byte| byte == b'\n') {
        if let Message::BookTicker(ticker) = reader.read(line).unwrap().decoded.message
            && let Ok(quote) = Quote::try_from(&ticker.best)
        {
            estimator.on_quote(&quote);
        }
    }
    let model = estimator.estimate().unwrap();
    let one_tick = &model.adjustments()[..5];
    assert!(one_tick.is_sorted() && one_tick[4] > 0.0, "{one_tick:?}");
    assert!(model.moves() > 1_000 && model.rounds() < 100, "{} {}", model.moves(), model.rounds());
    assert_eq!(MicroPrice::from_text(&model.to_text()), Ok(model));
}
