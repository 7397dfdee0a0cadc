//! Each signal against its naive recomputation from the whole history, at every step.

use proptest::prelude::*;
use tiercel_book::signal::{
    BulkParameters, BulkVpin, OrderFlow, PREDICTED_MOVE_LAMBDA, Quote, TradeWindow, Volatility,
    Vpin, Window, depth_imbalance,
};
use tiercel_testkit::signals as naive;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

/// Times that mostly rise by a little, stand still, leap, and go back now and then.
fn times(count: usize) -> impl Strategy<Value = Vec<Timestamp>> {
    let step = prop_oneof![
        4 => 0_i64..30,
        1 => Just(0),
        1 => 100_i64..5_000,
        1 => -50_i64..0,
    ];
    prop::collection::vec(step, 1..count).prop_map(|steps| {
        let mut time = 1_000_i64;
        let next = |step: i64| {
            time = (time + step).max(0);
            Timestamp(time as u64)
        };
        steps.into_iter().map(next).collect()
    })
}

/// With each time, something.
fn history<T: core::fmt::Debug>(
    count: usize,
    what: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(Timestamp, T)>> {
    (times(count), prop::collection::vec(what, count))
        .prop_map(|(times, whats)| times.into_iter().zip(whats).collect())
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1_u32..12).prop_map(Window::Events),
        (1_u64..40, 1_u32..12)
            .prop_map(|(slot, slots)| Window::Time { width_ns: slot * u64::from(slots), slots }),
    ]
}

fn level() -> impl Strategy<Value = Level> {
    (95_i64..105, 0_u64..4).prop_map(|(price, qty)| Level {
        price: Price::from_units(price),
        qty: Qty::from_units(qty),
    })
}

fn trade() -> impl Strategy<Value = (Price, Qty)> {
    (90_i64..110, 0_u64..25)
        .prop_map(|(price, qty)| (Price::from_units(price), Qty::from_units(qty)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn order_flow_is_the_sum_of_its_window(
        tops in history(60, (level(), level())),
        window in windows(),
    ) {
        let mut flow = OrderFlow::new(window).unwrap();
        for (at, &(time, (bid, ask))) in tops.iter().enumerate() {
            flow.on_quote(time, bid, ask);
            prop_assert_eq!(flow.value(), naive::order_flow_sum(&tops[..=at], window));
        }
    }

    #[test]
    fn volume_and_value_are_those_of_the_window(
        trades in history(60, trade()),
        window in windows(),
        later in 0_u64..600,
    ) {
        let mut sums = TradeWindow::new(window).unwrap();
        for (at, &(time, (price, qty))) in trades.iter().enumerate() {
            sums.on_trade(time, price, qty).unwrap();
            let (volume, value) = naive::traded(&trades[..=at], Timestamp(0), window);
            prop_assert_eq!((sums.volume(), sums.value()), (volume, value));
        }
        let end = Timestamp(trades.last().map_or(0, |(time, _)| time.0) + later);
        sums.advance(end);
        let (volume, value) = naive::traded(&trades, end, window);
        prop_assert_eq!((sums.volume(), sums.value()), (volume, value));
        let average = (volume > 0).then(|| value as f64 / volume as f64);
        let rounded = sums.average_price().map(|price| price.units() as f64);
        prop_assert_eq!(average.is_some(), rounded.is_some());
        prop_assert!((average.unwrap_or(0.0) - rounded.unwrap_or(0.0)).abs() <= 0.5);
    }

    #[test]
    fn vpin_is_that_of_its_newest_full_buckets(
        trades in prop::collection::vec((any::<bool>(), 0_u64..90), 0..60),
        bucket_qty in 1_u64..40,
        buckets in 1_u32..6,
    ) {
        let mut vpin = Vpin::new(Qty::from_units(bucket_qty), buckets).unwrap();
        let trades: Vec<_> = trades
            .into_iter()
            .map(|(buy, qty)| (if buy { Side::Buy } else { Side::Sell }, qty))
            .collect();
        for (at, &(side, qty)) in trades.iter().enumerate() {
            vpin.on_trade(side, Qty::from_units(qty));
            let poured: u64 = trades[..=at].iter().map(|(_, qty)| qty).sum();
            prop_assert_eq!(vpin.buckets_closed(), poured / bucket_qty);
            let expected = naive::vpin(&trades[..=at], bucket_qty as usize, buckets as usize);
            prop_assert_eq!(vpin.value(), expected);
        }
    }

    #[test]
    fn bulk_vpin_is_that_of_its_bars(
        trades in history(60, trade()),
        (bucket_qty, buckets) in (1_u64..60, 1_u32..5),
        (bar_ns, deviation_bars) in (1_u64..60, 2_u32..8),
    ) {
        let bucket_qty = Qty::from_units(bucket_qty);
        let parameters = BulkParameters { bucket_qty, buckets, bar_ns, deviation_bars };
        let mut vpin = BulkVpin::new(parameters).unwrap();
        for (at, &(time, (price, qty))) in trades.iter().enumerate() {
            vpin.on_trade(time, price, qty).unwrap();
            prop_assert_eq!(vpin.value(), naive::bulk_vpin(&trades[..=at], parameters));
        }
    }

    #[test]
    fn volatility_is_that_of_its_samples(
        prices in history(50, 1_u32..1_000_000),
        interval_ns in 1_u64..60,
        samples in 2_u32..20,
        later in 0_u64..600,
    ) {
        let prices: Vec<_> =
            prices.into_iter().map(|(time, price)| (time, f64::from(price))).collect();
        let mut volatility = Volatility::new(interval_ns, samples).unwrap();
        for (at, &(time, price)) in prices.iter().enumerate() {
            volatility.on_price(time, price);
            let so_far = &prices[..=at];
            let expected =
                naive::volatility(so_far, Timestamp(0), interval_ns, samples as usize);
            prop_assert_eq!(volatility.value().is_some(), expected.is_some());
            let difference = volatility.value().unwrap_or(0.0) - expected.unwrap_or(0.0);
            prop_assert!(difference.abs() < 1e-10, "{} {:?}", difference, expected);
        }
        let end = Timestamp(prices.last().map_or(0, |(time, _)| time.0) + later);
        volatility.advance(end);
        let expected = naive::volatility(&prices, end, interval_ns, samples as usize);
        let difference = volatility.value().unwrap_or(0.0) - expected.unwrap_or(0.0);
        prop_assert!(difference.abs() < 1e-10, "{} {:?}", difference, expected);
    }

    #[test]
    fn a_quotes_signals_are_their_definitions(
        (bid, spread) in (1_i64..1_000_000_000_000_000, 1_i64..1_000_000_000),
        (bid_qty, ask_qty) in (1_u64..1_000_000_000_000, 1_u64..1_000_000_000_000),
    ) {
        let quote = super::signal::quote((bid, bid_qty), (bid + spread, ask_qty));
        // By whole numbers, to one part in 10^15 and the rounding of a price.
        let (pb, pa) = (i128::from(bid), i128::from(bid + spread));
        let (qb, qa) = (i128::from(bid_qty), i128::from(ask_qty));
        let weighted = pb * qa + pa * qb;
        let error = (quote.weighted_mid() * (qa + qb) as f64 - weighted as f64).abs();
        prop_assert!(error <= weighted as f64 * 1e-15, "{}", error);
        let imbalance = (qb - qa) as f64 / (qb + qa) as f64;
        prop_assert!((quote.imbalance() - imbalance).abs() < 1e-15);
        prop_assert!((quote.mid() * 2.0 - (pb + pa) as f64).abs() <= 1.0);
        let predicted = quote.mid() + quote.predicted_move(PREDICTED_MOVE_LAMBDA);
        prop_assert!((predicted - quote.weighted_mid()).abs() <= 1.0 + bid as f64 * 1e-15);
        let mirrored = super::signal::quote((bid, ask_qty), (bid + spread, bid_qty));
        prop_assert!(mirrored.imbalance() + quote.imbalance() == 0.0);
    }

    #[test]
    fn depth_is_that_of_its_levels(
        bids in prop::collection::vec(any::<u64>(), 0..8),
        asks in prop::collection::vec(any::<u64>(), 0..8),
        levels in 0_usize..10,
    ) {
        let sum = |side: &[u64]| -> f64 {
            side.iter().take(levels).map(|&qty| u128::from(qty)).sum::<u128>() as f64
        };
        let (bid, ask) = (sum(&bids), sum(&asks));
        let quantities = |side: &[u64]| side.iter().copied().map(Qty::from_units).collect::<Vec<_>>();
        let imbalance = depth_imbalance(quantities(&bids), quantities(&asks), levels);
        prop_assert_eq!(imbalance, (bid + ask > 0.0).then(|| (bid - ask) / (bid + ask)));
    }
}

#[test]
fn a_mirrored_market_has_mirrored_flow() {
    // What the naive version and ours might share by mistake, symmetry would show.
    let flip = |level: Level| Level { price: Price::from_units(-level.price.units()), ..level };
    let mut random = tiercel_testkit::random::Random::new(7);
    let mut flow = OrderFlow::new(Window::Events(10)).unwrap();
    let mut mirrored = flow.clone();
    for _ in 0..10_000 {
        let mut level = |from: i64| Level {
            price: Price::from_units(from + random.below(6) as i64),
            qty: Qty::from_units(random.below(5)),
        };
        let (bid, ask) = (level(95), level(100));
        flow.on_quote(Timestamp(0), bid, ask);
        mirrored.on_quote(Timestamp(0), flip(ask), flip(bid));
        assert_eq!(flow.value(), -mirrored.value());
        let quote = Quote::new(bid, ask).ok();
        let turned = Quote::new(flip(ask), flip(bid)).ok();
        let mid = |quote: Option<Quote>| quote.map_or(0.0, |quote| quote.weighted_mid());
        super::signal::assert_near(mid(quote), -mid(turned), 1e-12);
    }
}
