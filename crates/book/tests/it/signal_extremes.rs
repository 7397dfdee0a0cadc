//! Signals at the ends of their numbers: nothing panics, wraps, or leaves its range.

use proptest::prelude::*;
use tiercel_book::signal::{
    BulkParameters, BulkVpin, Grid, MicroPriceEstimator, OrderFlow, Overflow, Quote, TradeWindow,
    Volatility, Vpin, Window, depth_imbalance,
};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

fn edge_u64() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(1 << 63),
        0_u64..100,
        any::<u64>(),
    ]
}

fn edge_price() -> impl Strategy<Value = Price> {
    let units = prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        Just(i64::MIN + 1),
        Just(0),
        Just(1),
        Just(-1),
        -100_i64..100,
        any::<i64>(),
    ];
    units.prop_map(Price::from_units)
}

fn edge_level() -> impl Strategy<Value = Level> {
    (edge_price(), edge_u64()).prop_map(|(price, qty)| Level { price, qty: Qty::from_units(qty) })
}

#[derive(Clone, Copy, Debug)]
struct Event {
    time: Timestamp,
    bid: Level,
    ask: Level,
    side: Side,
}

fn event() -> impl Strategy<Value = Event> {
    (edge_u64(), edge_level(), edge_level(), any::<bool>()).prop_map(|(time, bid, ask, buy)| {
        let side = if buy { Side::Buy } else { Side::Sell };
        Event { time: Timestamp(time), bid, ask, side }
    })
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1_u32..5).prop_map(Window::Events),
        Just(Window::DAY),
        Just(Window::Time { width_ns: 3, slots: 3 }),
        Just(Window::Time { width_ns: u64::MAX, slots: 5 }),
    ]
}

fn in_range(vpin: Option<f64>) -> bool {
    vpin.is_none_or(|vpin| (0.0..=1.0).contains(&vpin))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_signal_panics_or_leaves_its_range(
        events in prop::collection::vec(event(), 1..40),
        window in window(),
        bucket_qty in edge_u64().prop_map(|qty| Qty::from_units(qty.max(1))),
        interval_ns in edge_u64().prop_map(|interval| interval.max(1)),
        tick in edge_price(),
    ) {
        let mut flow = OrderFlow::new(window).unwrap();
        let mut trades = TradeWindow::new(window).unwrap();
        let mut vpin = Vpin::new(bucket_qty, 3).unwrap();
        let parameters =
            BulkParameters { bucket_qty, buckets: 3, bar_ns: interval_ns, deviation_bars: 5 };
        let mut bulk = BulkVpin::new(parameters).unwrap();
        let mut volatility = Volatility::new(interval_ns, 64).unwrap();
        let grid = Grid::new(tick, 11, 4);
        prop_assert_eq!(grid.is_ok(), tick.units() > 0);
        let mut estimator = grid.ok().map(MicroPriceEstimator::new);
        for Event { time, bid, ask, side } in events {
            flow.on_quote(time, bid, ask);
            // Whether it fits or not, what is there stays a sum of trades.
            let _: Result<(), Overflow> = trades.on_trade(time, bid.price, bid.qty);
            if let Some(average) = trades.average_price() {
                prop_assert!(average.units().unsigned_abs() <= 1 << 63);
            }
            vpin.on_trade(side, bid.qty);
            let poured = bulk.on_trade(time, bid.price, bid.qty);
            prop_assert!(poured.is_ok() || bid.qty.units() > 0);
            volatility.on_price(time, bid.price.units() as f64);
            let imbalance = depth_imbalance([bid.qty, ask.qty], [ask.qty], 5);
            prop_assert!(imbalance.is_none_or(|imbalance| (-1.0..=1.0).contains(&imbalance)));
            prop_assert!(in_range(vpin.value()) && in_range(bulk.value()));
            prop_assert!(volatility.value().is_none_or(|value| value.is_finite() && value >= 0.0));
            let Ok(quote) = Quote::new(bid, ask) else { continue };
            let (low, high) = (bid.price.units() as f64, ask.price.units() as f64);
            prop_assert!((low..=high).contains(&quote.mid()));
            prop_assert!((low..=high).contains(&quote.weighted_mid()));
            prop_assert!((-1.0..=1.0).contains(&quote.imbalance()));
            if let Some(estimator) = &mut estimator {
                estimator.on_quote(&quote);
                prop_assert!(estimator.grid().state(&quote) < 44);
            }
        }
        if let Some(Ok(model)) = estimator.map(|estimator| estimator.estimate()) {
            prop_assert!(model.adjustments().iter().all(|adjustment| adjustment.is_finite()));
        }
    }
}

#[test]
fn a_value_that_does_not_fit_is_refused_and_comes_back_when_there_is_room() {
    let mut trades = TradeWindow::new(Window::Events(2)).unwrap();
    let mut add =
        |price, qty| trades.on_trade(Timestamp(0), Price::from_units(price), Qty::from_units(qty));
    assert_eq!(add(i64::MAX, u64::MAX), Ok(()));
    assert_eq!(add(i64::MAX, u64::MAX), Err(Overflow));
    assert_eq!(add(i64::MIN, u64::MAX), Ok(()));
    assert_eq!(trades.volume(), u128::from(u64::MAX), "the refused trade took a place");
    assert_eq!(trades.average_price(), Some(Price::from_units(i64::MIN)));
}

#[test]
fn a_trade_of_all_units_fills_a_window_of_buckets_of_one() {
    let mut vpin = Vpin::new(Qty::from_units(1), 65_536).unwrap();
    assert_eq!(vpin.on_trade(Side::Sell, Qty::MAX), u64::MAX);
    assert_eq!((vpin.value(), vpin.buckets_closed()), (Some(1.0), u64::MAX));
    vpin.on_trade(Side::Buy, Qty::MAX);
    assert_eq!(vpin.buckets_closed(), u64::MAX, "the count stays at its end");
    let mut one = Vpin::new(Qty::MAX, 1).unwrap();
    assert_eq!(one.on_trade(Side::Sell, Qty::from_units(u64::MAX - 1)), 0);
    assert_eq!(one.on_trade(Side::Buy, Qty::MAX), 1);
    assert_eq!(one.value(), Some((u64::MAX - 2) as f64 / u64::MAX as f64));
}

#[test]
fn a_bar_that_overflows_refuses_the_trade() {
    let parameters = BulkParameters {
        bucket_qty: Qty::from_units(7),
        buckets: 2,
        bar_ns: 10,
        deviation_bars: 2,
    };
    let mut vpin = BulkVpin::new(parameters).unwrap();
    let price = Price::from_units(5);
    assert_eq!(vpin.on_trade(Timestamp(1), price, Qty::MAX), Ok(0));
    assert_eq!(vpin.on_trade(Timestamp(2), price, Qty::from_units(1)), Err(Overflow));
    // Half of it was bought: of seven units three or four.
    assert_eq!(vpin.on_trade(Timestamp(10), price, Qty::from_units(1)), Ok(u64::MAX / 7));
    assert_eq!(vpin.value(), Some(1.0 / 7.0));
}
