//! After they are made, signals allocate nothing.

use tiercel_book::signal::{
    BulkParameters, BulkVpin, Grid, MicroPriceEstimator, OrderFlow, Quote, TradeWindow, Volatility,
    Vpin, Window, depth_imbalance,
};
use tiercel_testkit::counting_allocator::{allocations, alone};
use tiercel_testkit::random::Random;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

#[test]
fn signals_allocate_nothing_after_they_are_made() {
    alone("it::signal_allocation::signals_allocate_nothing_after_they_are_made", || {
        let bucket_qty = Qty::from_units(50);
        let mut flow = OrderFlow::new(Window::Time { width_ns: 1_000, slots: 10 }).unwrap();
        let mut trades = TradeWindow::new(Window::Events(100)).unwrap();
        let mut vpin = Vpin::new(bucket_qty, 20).unwrap();
        let parameters =
            BulkParameters { bucket_qty, buckets: 20, bar_ns: 100, deviation_bars: 30 };
        let mut bulk = BulkVpin::new(parameters).unwrap();
        let mut volatility = Volatility::new(100, 50).unwrap();
        let mut estimator =
            MicroPriceEstimator::new(Grid::new(Price::from_units(1), 5, 3).unwrap());
        let mut random = Random::new(3);
        let mut sum = 0.0;
        let count = allocations(|| {
            let mut time = 0;
            for _ in 0..100_000 {
                time += random.below(60);
                let now = Timestamp(time);
                let mut level = |from: i64| Level {
                    price: Price::from_units(from + random.below(4) as i64),
                    qty: Qty::from_units(1 + random.below(9)),
                };
                let (bid, ask) = (level(95), level(99));
                flow.on_quote(now, bid, ask);
                trades.on_trade(now, bid.price, bid.qty).unwrap();
                vpin.on_trade(Side::Buy, bid.qty);
                vpin.on_trade(Side::Sell, Qty::from_units(random.below(400)));
                bulk.on_trade(now, ask.price, ask.qty).unwrap();
                let quote = Quote::new(bid, ask).unwrap();
                volatility.on_price(now, quote.weighted_mid());
                estimator.on_quote(&quote);
                sum += depth_imbalance([bid.qty, ask.qty], [ask.qty], 5).unwrap_or(0.0);
                sum += volatility.value().unwrap_or(0.0) + vpin.value().unwrap_or(0.0);
                sum += bulk.value().unwrap_or(0.0) + flow.value() as f64;
            }
        });
        assert!(sum.abs() > 1.0 && trades.average_price().is_some());
        assert_eq!(count, 0);
        assert!(estimator.estimate().is_ok());
    });
}
