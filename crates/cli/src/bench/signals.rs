//! Signals: what each costs an event.
//!
//! ```text
//!   1,024 made-up quotes, depths and trades, in time --> one signal: update and read --> its value
//! ```
//!
//! An event is an update and a reading of the value behind it. The market is a random walk: prices
//! move once in eight quotes, quantities are of all sizes, ten milliseconds pass between events in
//! the mean, and a bucket of volume is closed by one trade in fifty. Time goes on from one round
//! over the events to the next. All memory but that of the windows is in the first caches.

use std::hint::black_box;

use tiercel_book::signal::{
    BulkParameters, BulkVpin, Grid, MicroPriceEstimator, OrderFlow, PREDICTED_MOVE_LAMBDA,
    ParameterError, Quote, QuoteError, TradeWindow, Volatility, Vpin, Window, depth_imbalance,
};
use tiercel_sim::rng::Rng;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

use super::contest::{Case, CaseSpec, Input};
use super::host::subject;
use super::{BenchError, Options};

/// Events that come round and round.
const EVENTS: usize = 1_024;
/// Levels on each side of an event's depth.
const LEVELS: usize = 20;
/// A tick: 0.01.
const TICK: i64 = 1_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// The cases of `tiercel bench signals`, one for each signal.
pub const CASES: &[CaseSpec] = &[
    spec("spread", |options| quotes(options, |quote| quote.spread() as f64)),
    spec("weighted_mid", |options| quotes(options, Quote::weighted_mid)),
    spec("imbalance", |options| quotes(options, Quote::imbalance)),
    spec("predicted_move", |options| {
        quotes(options, |quote| quote.predicted_move(black_box(PREDICTED_MOVE_LAMBDA)))
    }),
    spec("imbalance_5", |options| depth(options, 5)),
    spec("imbalance_20", |options| depth(options, LEVELS)),
    spec("micro_price", micro_price),
    spec("micro_price_step", micro_price_step),
    spec("order_flow_events", |options| order_flow(options, Window::Events(1_000))),
    spec("order_flow_time", |options| {
        order_flow(options, Window::Time { width_ns: SECOND_NS, slots: 100 })
    }),
    spec("vpin", vpin),
    spec("vpin_bulk", vpin_bulk),
    spec("volatility", volatility),
    spec("trades_day", |options| trades(options, Window::DAY)),
    spec("trades_events", |options| trades(options, Window::Events(10_000))),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "signals", name, build }
}

fn wrong(error: ParameterError) -> BenchError {
    BenchError::Wrong { subject: "ours".to_owned(), what: error.to_string() }
}

/// One moment of the market.
struct Event {
    /// Nanoseconds since the beginning of the round.
    time_ns: u64,
    quote: Quote,
    bids: [Qty; LEVELS],
    asks: [Qty; LEVELS],
    price: Price,
    qty: Qty,
    aggressor: Side,
}

/// The events, with a clock that goes on from round to round.
struct Market {
    events: Vec<Event>,
    round_ns: u64,
}

impl Market {
    fn new(options: &Options) -> Result<Self, BenchError> {
        let crossed = |error: QuoteError| BenchError::Wrong {
            subject: "ours".to_owned(),
            what: error.to_string(),
        };
        let mut random = Rng::new(options.seed);
        let mut bid = 6_000_000 * TICK;
        let mut events = Vec::with_capacity(EVENTS);
        let mut time_ns = 0;
        for _ in 0..EVENTS {
            time_ns += random.below(2 * SECOND_NS / 100);
            if random.below(8) == 0 {
                bid += if random.below(2) == 0 { TICK } else { -TICK };
            }
            let ticks = if random.below(16) == 0 { 1 + random.below(5) as i64 } else { 1 };
            // From a thousandth to ten.
            let mut qty = || Qty::from_units(100_000 * 10_u64.pow(random.below(4) as u32 + 1) / 10);
            let (bids, asks) = ([(); LEVELS].map(|()| qty()), [(); LEVELS].map(|()| qty()));
            let traded = qty();
            let buys = random.below(2) == 0;
            let ask = bid + ticks * TICK;
            let level = |units, qty| Level { price: Price::from_units(units), qty };
            events.push(Event {
                time_ns,
                quote: Quote::new(level(bid, bids[0]), level(ask, asks[0])).map_err(crossed)?,
                bids,
                asks,
                price: Price::from_units(if buys { ask } else { bid }),
                qty: traded,
                aggressor: if buys { Side::Buy } else { Side::Sell },
            });
        }
        Ok(Self { events, round_ns: time_ns + 1 })
    }

    /// A case that gives each event to `signal`, with its time, and takes a value.
    fn case<T>(
        self,
        options: &Options,
        mut signal: impl FnMut(Timestamp, &Event) -> T + 'static,
    ) -> Case {
        let mut next = 0;
        let mut begin_ns = 0;
        let ours = subject(options, "ours", move |_| {
            let event = &self.events[next];
            black_box(signal(Timestamp(begin_ns + event.time_ns), event));
            next += 1;
            if next == EVENTS {
                next = 0;
                begin_ns += self.round_ns;
            }
        });
        Case { unit: "ns/op", input: Input::None, subjects: vec![ours] }
    }

    /// What fills a bucket in some fifty trades.
    fn bucket_qty(&self) -> Qty {
        let all: u64 = self.events.iter().map(|event| event.qty.units()).sum();
        Qty::from_units((all * 50 / EVENTS as u64).max(1))
    }
}

fn quotes(options: &Options, value: fn(&Quote) -> f64) -> Result<Case, BenchError> {
    // Building the quote from two levels, with its checks, is part of the work.
    Ok(Market::new(options)?.case(options, move |_, event| {
        let (bid, ask) = (event.quote.bid(), event.quote.ask());
        Quote::new(black_box(bid), black_box(ask)).map(|quote| value(&quote))
    }))
}

fn depth(options: &Options, levels: usize) -> Result<Case, BenchError> {
    Ok(Market::new(options)?.case(options, move |_, event| {
        depth_imbalance(event.bids.iter().copied(), event.asks.iter().copied(), black_box(levels))
    }))
}

fn estimator(market: &Market) -> Result<MicroPriceEstimator, BenchError> {
    let grid = Grid::new(Price::from_units(TICK), 11, 4).map_err(wrong)?;
    let mut estimator = MicroPriceEstimator::new(grid);
    for event in &market.events {
        estimator.on_quote(&event.quote);
    }
    Ok(estimator)
}

fn micro_price(options: &Options) -> Result<Case, BenchError> {
    let market = Market::new(options)?;
    let model = estimator(&market)?.estimate().map_err(|error| BenchError::Wrong {
        subject: "ours".to_owned(),
        what: error.to_string(),
    })?;
    Ok(market.case(options, move |_, event| model.micro_price(&event.quote)))
}

fn micro_price_step(options: &Options) -> Result<Case, BenchError> {
    let market = Market::new(options)?;
    let mut estimator = estimator(&market)?;
    Ok(market.case(options, move |_, event| estimator.on_quote(&event.quote)))
}

fn order_flow(options: &Options, window: Window) -> Result<Case, BenchError> {
    let mut flow = OrderFlow::new(window).map_err(wrong)?;
    Ok(Market::new(options)?.case(options, move |time, event| {
        flow.on_quote(time, event.quote.bid(), event.quote.ask());
        flow.value()
    }))
}

fn vpin(options: &Options) -> Result<Case, BenchError> {
    let market = Market::new(options)?;
    let mut vpin = Vpin::new(market.bucket_qty(), 50).map_err(wrong)?;
    Ok(market.case(options, move |_, event| {
        vpin.on_trade(event.aggressor, event.qty);
        vpin.value()
    }))
}

fn vpin_bulk(options: &Options) -> Result<Case, BenchError> {
    let market = Market::new(options)?;
    let parameters = BulkParameters {
        bucket_qty: market.bucket_qty(),
        buckets: 50,
        bar_ns: SECOND_NS,
        deviation_bars: 100,
    };
    let mut vpin = BulkVpin::new(parameters).map_err(wrong)?;
    Ok(market.case(options, move |time, event| {
        let poured = vpin.on_trade(time, event.price, event.qty);
        (poured, vpin.value())
    }))
}

fn volatility(options: &Options) -> Result<Case, BenchError> {
    let mut volatility = Volatility::new(SECOND_NS, 60).map_err(wrong)?;
    Ok(Market::new(options)?.case(options, move |time, event| {
        volatility.on_price(time, event.quote.mid());
        volatility.value()
    }))
}

fn trades(options: &Options, window: Window) -> Result<Case, BenchError> {
    let mut trades = TradeWindow::new(window).map_err(wrong)?;
    Ok(Market::new(options)?.case(options, move |time, event| {
        let added = trades.on_trade(time, event.price, event.qty);
        (added, trades.volume(), trades.average_price())
    }))
}
