//! Signals by examples worked out by hand.

use tiercel_book::signal::{
    BulkParameters, BulkVpin, OrderFlow, PREDICTED_MOVE_LAMBDA, Quote, QuoteError, Toxicity,
    ToxicityThresholds, TradeWindow, Volatility, Vpin, Window, depth_imbalance,
};
use tiercel_types::market::{BestBidOffer, Level};
use tiercel_types::{Price, Qty, Side, Timestamp};

pub(crate) fn level(price: i64, qty: u64) -> Level {
    Level { price: Price::from_units(price), qty: Qty::from_units(qty) }
}

pub(crate) fn quote(bid: (i64, u64), ask: (i64, u64)) -> Quote {
    Quote::new(level(bid.0, bid.1), level(ask.0, ask.1)).unwrap()
}

pub(crate) fn assert_near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value}, expected {expected}");
}

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

#[test]
fn a_quote_has_two_sides_that_are_not_crossed() {
    let new = |bid, ask| Quote::new(bid, ask);
    assert_eq!(new(level(9, 0), level(11, 1)), Err(QuoteError::OneSided));
    assert_eq!(new(level(9, 1), level(11, 0)), Err(QuoteError::OneSided));
    assert_eq!(new(level(11, 1), level(11, 1)), Err(QuoteError::Crossed), "locked");
    assert_eq!(new(level(12, 1), level(11, 1)), Err(QuoteError::Crossed));
    assert!(new(level(-2, 1), level(-1, 1)).is_ok(), "spreads have prices below zero");
    assert_eq!(Quote::try_from(&BestBidOffer::default()), Err(QuoteError::OneSided));
}

#[test]
fn the_weighted_mid_leans_to_the_side_that_gives_way() {
    // 100 x 40 and 104 x 10: (100 x 10 + 104 x 40) / 50 = 103.2.
    let heavy_bid = quote((100, 40), (104, 10));
    assert_near(heavy_bid.mid(), 102.0, 0.0);
    assert_near(heavy_bid.weighted_mid(), 103.2, 1e-12);
    assert_near(heavy_bid.imbalance(), 0.6, 1e-15); // 30 / 50
    assert_near(heavy_bid.predicted_move(0.25), 0.6, 1e-15); // 0.25 x 0.6 x 4
    assert_near(heavy_bid.spread_basis_points(), 4.0 / 102.0 * 1e4, 1e-9);
    // With lambda one half the predicted move leads from the mid to the weighted mid.
    let predicted = heavy_bid.mid() + heavy_bid.predicted_move(PREDICTED_MOVE_LAMBDA);
    assert_near(predicted, heavy_bid.weighted_mid(), 1e-12);
}

#[test]
fn depth_counts_the_best_levels_alone() {
    let bids = [4, 2, 9].map(Qty::from_units);
    let asks = [1, 1, 50].map(Qty::from_units);
    let imbalance = |levels| depth_imbalance(bids, asks, levels).unwrap();
    assert_near(imbalance(1), 0.6, 1e-15); // (4 - 1) / 5
    assert_near(imbalance(2), 0.5, 1e-15); // (6 - 2) / 8
    assert_near(imbalance(9), -37.0 / 67.0, 1e-15); // (15 - 52) / 67
    assert_eq!(depth_imbalance(bids, asks, 0), None);
}

/// Each step of the top of the book, with the imbalance that the four indicators give.
#[test]
fn order_flow_by_each_relation_of_prices() {
    type Step = ((i64, u64), (i64, u64), i128, &'static str);
    let steps: &[Step] = &[
        ((10, 5), (12, 7), 0, "the first top is compared with nothing"),
        ((10, 8), (12, 7), 3, "bid stays, both indicators: 8 - 5"),
        ((10, 8), (12, 4), 3, "ask stays, both indicators: -4 + 7"),
        ((11, 2), (12, 4), 2, "bid rises: all that is there now"),
        ((10, 6), (12, 4), -2, "bid falls: all that was there"),
        ((10, 6), (11, 9), -9, "ask falls: all that is there now"),
        ((10, 6), (12, 1), 9, "ask rises: all that was there"),
        ((11, 3), (13, 5), 4, "both rise: 3 + 1"),
        ((0, 0), (13, 5), -3, "the bids are gone: as if their price fell"),
        ((0, 0), (13, 6), -1, "and nothing comes of a side that stays empty"),
        ((7, 4), (13, 6), 4, "bids again: as if their price rose, however low"),
        ((7, 4), (0, 0), 6, "the asks are gone: as if their price rose"),
        ((14, 4), (13, 2), 2, "asks again, crossed even: 4 - 2"),
    ];
    let mut flow = OrderFlow::new(Window::Events(100)).unwrap();
    let mut sum = 0;
    for &(bid, ask, expected, why) in steps {
        let event = flow.on_quote(at(0), level(bid.0, bid.1), level(ask.0, ask.1));
        sum += expected;
        assert_eq!((event, flow.value()), (expected, sum), "{why}");
    }
    flow.restart();
    assert_eq!(flow.on_quote(at(0), level(1, 1), level(2, 1)), 0);
    assert_eq!(flow.value(), sum, "the window stays");
}

#[test]
fn a_window_of_time_covers_its_newest_slots() {
    // Four slots of a second.
    let window = Window::Time { width_ns: 4 * SECOND, slots: 4 };
    let mut flow = OrderFlow::new(window).unwrap();
    let mut on_bid = |seconds, qty| {
        flow.on_quote(Timestamp(seconds), level(1, qty), level(2, 1));
        flow.value()
    };
    assert_eq!(on_bid(0, 10), 0);
    assert_eq!(on_bid(SECOND, 11), 1);
    assert_eq!(on_bid(2 * SECOND - 1, 13), 3, "the same slot");
    assert_eq!(on_bid(4 * SECOND + 5, 17), 7, "slots 1 to 4");
    assert_eq!(on_bid(5 * SECOND - 1, 17), 7);
    assert_eq!(on_bid(5 * SECOND, 25), 12, "slot 1 is gone");
    assert_eq!(on_bid(4 * SECOND, 26), 13, "a time that goes back counts as the newest");
    flow.advance(Timestamp(8 * SECOND));
    assert_eq!(flow.value(), 9, "slot 4 is gone");
    flow.advance(Timestamp(9 * SECOND));
    assert_eq!(flow.value(), 0);
}

#[test]
fn a_day_of_trades_is_exact_to_the_unit() {
    let mut day = TradeWindow::new(Window::DAY).unwrap();
    let mut on_trade =
        |time, price, qty| day.on_trade(at(time), Price::from_units(price), Qty::from_units(qty));
    on_trade(0, 10, 2).unwrap();
    on_trade(59, 13, 1).unwrap();
    on_trade(60, -5, 4).unwrap();
    assert_eq!((day.volume(), day.value(), day.trades()), (7, 13, 3)); // 20 + 13 - 20
    assert_eq!(day.average_price(), Some(Price::from_units(2))); // 13 / 7 = 1.86
    // In the last minute of the day all are there; then the first minute's two go together.
    day.advance(at(86_399));
    assert_eq!(day.trades(), 3);
    day.advance(at(86_400));
    assert_eq!((day.volume(), day.value(), day.trades()), (4, -20, 1));
    day.advance(at(86_460));
    assert_eq!((day.volume(), day.average_price()), (0, None));
}

#[test]
fn an_average_price_rounds_to_the_nearest() {
    let average = |trades: &[(i64, u64)]| {
        let mut window = TradeWindow::new(Window::Events(9)).unwrap();
        for &(price, qty) in trades {
            window.on_trade(at(0), Price::from_units(price), Qty::from_units(qty)).unwrap();
        }
        window.average_price().unwrap().units()
    };
    assert_eq!(average(&[(1, 2), (2, 1)]), 1); // 4 / 3
    assert_eq!(average(&[(1, 1), (2, 2)]), 2); // 5 / 3
    assert_eq!(average(&[(1, 1), (2, 1)]), 2); // 1.5, away from zero
    assert_eq!(average(&[(-1, 1), (-2, 1)]), -2);
    assert_eq!(average(&[(-1, 2), (-2, 1)]), -1);
    assert_eq!(average(&[(i64::MAX, u64::MAX)]), i64::MAX);
    assert_eq!(average(&[(i64::MIN, u64::MAX)]), i64::MIN);
}

#[test]
fn vpin_splits_trades_and_waits_for_its_buckets() {
    let mut vpin = Vpin::new(Qty::from_units(10), 3).unwrap();
    let mut pour = |side, qty| {
        let closed = vpin.on_trade(side, Qty::from_units(qty));
        (closed, vpin.value())
    };
    // Bucket 1: 7 bought, 3 sold: 4. The trade of 8 has 5 left for bucket 2.
    assert_eq!(pour(Side::Buy, 7), (0, None));
    assert_eq!(pour(Side::Sell, 8), (1, None));
    // Bucket 2: 5 sold, 5 bought: 0, filled to the brim.
    assert_eq!(pour(Side::Buy, 5), (1, None));
    // Bucket 3: 10 sold: 10. (4 + 0 + 10) / 30
    assert_eq!(pour(Side::Sell, 9), (0, None));
    assert_eq!(pour(Side::Sell, 1), (1, Some(14.0 / 30.0)));
    // Bucket 4: 2 sold, 8 bought: 6; of that trade's 24, bucket 5 gets 10, and bucket 6 gets 6.
    assert_eq!(pour(Side::Sell, 2), (0, Some(14.0 / 30.0)));
    assert_eq!(pour(Side::Buy, 24), (2, Some(26.0 / 30.0))); // (10 + 6 + 10) / 30
    // Bucket 6: 6 bought, 4 sold: 2.
    assert_eq!(pour(Side::Sell, 4), (1, Some(18.0 / 30.0))); // (6 + 10 + 2) / 30
    // A trade of a thousand buckets: all three see one side alone, and 3 are left over.
    assert_eq!(pour(Side::Sell, 10_003), (1_000, Some(1.0)));
    assert_eq!(pour(Side::Buy, 7), (1, Some(24.0 / 30.0))); // the newest: 3 sold, 7 bought
    assert_eq!(pour(Side::Buy, 0), (0, Some(24.0 / 30.0)));
    assert_eq!(vpin.buckets_closed(), 1_007);
}

#[test]
fn toxicity_starts_at_its_thresholds() {
    let thresholds = ToxicityThresholds::new(0.2, 0.4, 0.9).unwrap();
    let of = |vpin| thresholds.of(vpin);
    assert_eq!((of(0.0), of(0.19)), (Toxicity::Low, Toxicity::Low));
    assert_eq!((of(0.2), of(0.39)), (Toxicity::Moderate, Toxicity::Moderate));
    assert_eq!((of(0.4), of(0.89)), (Toxicity::High, Toxicity::High));
    assert_eq!((of(0.9), of(1.0)), (Toxicity::Extreme, Toxicity::Extreme));
    assert!(ToxicityThresholds::new(0.4, 0.2, 0.9).is_err());
    assert!(ToxicityThresholds::new(f64::NAN, 0.2, 0.9).is_err());
    assert!(ToxicityThresholds::new(0.1, 0.2, 1.1).is_err());
    let mut vpin = Vpin::new(Qty::from_units(1), 1).unwrap();
    assert_eq!(vpin.toxicity(&thresholds), None);
    vpin.on_trade(Side::Buy, Qty::from_units(1));
    assert_eq!(vpin.toxicity(&thresholds), Some(Toxicity::Extreme));
}

#[test]
fn bulk_volume_goes_the_way_of_the_price() {
    let parameters = BulkParameters {
        bucket_qty: Qty::from_units(1_000),
        buckets: 1,
        bar_ns: SECOND,
        deviation_bars: 10,
    };
    let mut vpin = BulkVpin::new(parameters).unwrap();
    let mut trade = |seconds, price, qty| {
        vpin.on_trade(at(seconds), Price::from_units(price), Qty::from_units(qty)).unwrap();
        vpin.value()
    };
    // Bar 0 closes at 100 and has no change: half of its 1,000 is bought.
    assert_eq!(trade(0, 90, 400), None);
    assert_eq!(trade(0, 100, 600), None);
    // Bar 1 closes at 101: the only change, upwards; all of it is bought.
    assert_eq!(trade(1, 101, 1_000), Some(0.0));
    // Bar 3 (2 has no trade) closes at 99. Changes 1 and -2, deviation 2.1213 (mean -0.5), so
    // z = -0.9428 and Phi = 0.17289: 173 of 1,000 bought, 827 sold.
    assert_eq!(trade(3, 99, 1_000), Some(1.0));
    vpin.advance(Timestamp(4 * SECOND - 1));
    assert_eq!(vpin.value(), Some(1.0), "the bar is not over");
    assert_eq!(vpin.advance(at(4)), 1);
    assert_near(vpin.value().unwrap(), 0.654, 1e-12);
}

#[test]
fn volatility_samples_at_the_end_of_each_interval() {
    let mut volatility = Volatility::new(SECOND, 3).unwrap();
    let mut on_price = |time, price| {
        volatility.on_price(Timestamp(time), price);
        volatility.value()
    };
    let e = core::f64::consts::E;
    assert_eq!(on_price(0, 5.0), None);
    assert_eq!(on_price(SECOND - 1, 1.0), None); // sample 1
    assert_eq!(on_price(SECOND, e), None); // sample e: a return of 1
    // Second 2 has no price: a return of 0. Returns 1, 0: mean 0.5, deviation sqrt(0.5).
    assert_near(on_price(3 * SECOND, 7.0).unwrap(), 0.5_f64.sqrt(), 1e-12);
    // Seconds 3 (1 again) and 4: returns 0, -1, 0 of mean -1/3: sqrt((1/9 + 4/9 + 1/9) / 2).
    on_price(4 * SECOND - 1, 1.0);
    assert_near(on_price(5 * SECOND, 1.0).unwrap(), (1.0_f64 / 3.0).sqrt(), 1e-12);
    assert_near(volatility.over(4 * SECOND).unwrap(), 2.0 * (1.0_f64 / 3.0).sqrt(), 1e-12);
    // As long as somebody says that time passes, the price stands still.
    for second in 6..9 {
        volatility.advance(at(second));
    }
    assert_eq!((volatility.value(), volatility.samples()), (Some(0.0), 3));
}

#[test]
fn after_a_silence_as_long_as_its_window_a_volatility_begins_anew() {
    let calm = || {
        let mut volatility = Volatility::new(SECOND, 3).unwrap();
        for second in 0..9 {
            volatility.on_price(at(second), if second % 2 == 0 { 100.0 } else { 101.0 });
        }
        volatility
    };
    // Seconds 9 and 10 without a price are two returns of zero; with second 11 nothing of the window was seen.
    let mut volatility = calm();
    assert!(volatility.on_price(at(11), 105.0));
    assert_eq!(volatility.samples(), 3);
    for by_price in [true, false] {
        let mut volatility = calm();
        let ended =
            if by_price { volatility.on_price(at(12), 105.0) } else { volatility.advance(at(12)) };
        assert!(ended);
        assert_eq!((volatility.value(), volatility.samples()), (None, 0));
        // Nor is the way from before to behind the silence a return.
        volatility.on_price(at(13), 105.0);
        volatility.on_price(at(14), 105.0);
        volatility.on_price(at(15), 105.0);
        volatility.on_price(at(16), 105.0);
        assert_eq!(volatility.value(), Some(0.0));
    }
}

#[test]
fn parameters_that_make_no_signal_are_refused() {
    let time = |width_ns, slots| OrderFlow::new(Window::Time { width_ns, slots }).is_err();
    assert!(time(0, 1) && time(10, 0) && time(10, 3) && time(3, 10));
    assert!(!time(10, 10));
    assert!(OrderFlow::new(Window::Events(0)).is_err());
    assert!(OrderFlow::new(Window::Events(u32::MAX)).is_err());
    assert!(Vpin::new(Qty::ZERO, 50).is_err());
    assert!(Vpin::new(Qty::from_units(1), 0).is_err());
    assert!(Vpin::new(Qty::from_units(1), u32::MAX).is_err());
    assert!(Volatility::new(0, 10).is_err());
    assert!(Volatility::new(1, 1).is_err());
    let error = Volatility::new(1, u32::MAX).unwrap_err();
    assert_eq!(error.to_string(), "samples has to be 2 to 8,192");
}
