//! The signals of each symbol of a replay.
//!
//! ```text
//!   tops, depths, trades --> tiercel_book::signal --> Cell  (last, min, mean, max)
//!                                 |                   Series (what is plotted)
//!                                 +-- every 0.1 s --> Prediction
//! ```
//!
//! Each has bounded memory, whatever the length of the file.

pub(super) mod kind;
mod prediction;
pub(super) mod report;
pub(super) mod series;

use std::rc::Rc;

use tiercel_book::signal::{
    BulkParameters, BulkVpin, EstimateError, Grid, MicroPrice, MicroPriceEstimator, OrderFlow,
    Overflow, PREDICTED_MOVE_LAMBDA, ParameterError, Quote, TradeWindow, Volatility, Vpin, Window,
    depth_imbalance,
};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

use kind::Kind;
use prediction::{Prediction, Sample};
use series::{Cell, Series};

/// Symbols that are followed when none is asked for.
const SYMBOLS_MAX: usize = 16;

/// Units of prices and quantities in one whole.
const ONE: f64 = 1e8;
const SECOND_NS: u64 = 1_000_000_000;
/// Quotes whose prices the tick is found from.
const TICK_QUOTES: u32 = 256;
/// The micro-price's buckets.
const IMBALANCE_BUCKETS: u16 = 11;
const SPREAD_BUCKETS: u16 = 3;
/// VPIN's buckets, and of how many first trades a bucket takes half, where its size is not given.
const VPIN_BUCKETS: u32 = 50;
const VPIN_TRADES: u32 = 200;
/// Levels of a side that count at most.
pub(super) const DEPTH: usize = 20;
/// Levels of the deep imbalances.
const LEVELS: [(usize, Kind); 2] = [(5, Kind::Imbalance5), (DEPTH, Kind::Imbalance20)];

/// What is asked of the signals.
#[derive(Clone, Debug, Default)]
pub(super) struct SignalOptions {
    /// What fills a bucket of VPIN; zero: found from the first trades.
    pub(super) vpin_bucket: Qty,
    /// The micro-price's model; none: it is estimated from the data.
    pub(super) model: Option<Rc<MicroPrice>>,
    /// The symbols to follow; none: the first ones.
    pub(super) symbols: Vec<String>,
}

impl SignalOptions {
    /// Whether to follow a symbol, when `others` are followed already.
    pub(super) fn follows(&self, symbol: &str, others: usize) -> bool {
        match self.symbols.as_slice() {
            [] => others < SYMBOLS_MAX,
            asked => asked.iter().any(|asked| asked == symbol),
        }
    }
}

/// Where the micro-price comes from.
#[derive(Debug)]
enum Model {
    /// The tick is not known yet: so many quotes, and what divides all their prices.
    Tick {
        quotes: u32,
        divisor: u64,
    },
    Estimated(Box<MicroPriceEstimator>),
    Given(Rc<MicroPrice>),
}

/// VPIN, both ways.
#[derive(Debug)]
enum Toxicity {
    /// The size of a bucket is not known yet: so many trades, of so many units.
    Size {
        trades: u32,
        units: u64,
    },
    Known {
        by_side: Vpin,
        in_bulk: Box<BulkVpin>,
        bucket_qty: Qty,
    },
}

/// The signals of one symbol.
#[derive(Debug)]
pub(super) struct Signals {
    flow: OrderFlow,
    volatility: Volatility,
    day: TradeWindow,
    toxicity: Toxicity,
    model: Model,
    /// How often each state of the micro-price was seen, and the last one.
    states: Vec<u64>,
    state: Option<usize>,
    cells: [Cell; Kind::ALL.len()],
    series: Series,
    prediction: Prediction,
    counts: Counts,
    first_ns: Option<u64>,
    last_ns: u64,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) quotes: u64,
    /// Tops of the book with a side empty, or crossed.
    pub(super) no_quotes: u64,
    pub(super) depths: u64,
    pub(super) trades: u64,
    /// Trades whose side the data do not tell.
    pub(super) trades_without_side: u64,
    /// Trades that would not fit a sum.
    pub(super) overflows: u64,
}

impl Signals {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// None: the parameters are those of this file, and bounded options.
    pub(super) fn new(options: &SignalOptions) -> Result<Self, ParameterError> {
        let toxicity = match options.vpin_bucket {
            Qty::ZERO => Toxicity::Size { trades: 0, units: 0 },
            bucket_qty => Toxicity::new(bucket_qty)?,
        };
        let model =
            options.model.clone().map_or(Model::Tick { quotes: 0, divisor: 0 }, Model::Given);
        Ok(Self {
            flow: OrderFlow::new(Window::Time { width_ns: SECOND_NS, slots: 100 })?,
            volatility: Volatility::new(SECOND_NS, 60)?,
            day: TradeWindow::new(Window::DAY)?,
            toxicity,
            model,
            states: Vec::new(),
            state: None,
            cells: [Cell::EMPTY; Kind::ALL.len()],
            series: Series::new(),
            prediction: Prediction::default(),
            counts: Counts::default(),
            first_ns: None,
            last_ns: 0,
        })
    }

    /// Takes the best levels as they are now; quantity zero where a side is empty.
    pub(super) fn on_quote(&mut self, time: Timestamp, bid: Level, ask: Level) {
        self.pass(time);
        self.flow.on_quote(time, bid, ask);
        let flow = self.flow.value() as f64 / ONE;
        self.note(Kind::OrderFlow, time, flow);
        let quote = Quote::new(bid, ask);
        self.series.at(time.0).quoted = Some(quote.is_ok());
        let Ok(quote) = quote else {
            self.counts.no_quotes += 1;
            self.state = None;
            // Nothing is known of a market without two sides, and no step leads across it.
            self.cells[Kind::Mid as usize].last = f64::NAN;
            if let Model::Estimated(estimator) = &mut self.model {
                estimator.restart();
            }
            return;
        };
        self.counts.quotes += 1;
        self.note(Kind::Mid, time, quote.mid() / ONE);
        self.note(Kind::Spread, time, quote.spread() as f64 / ONE);
        self.note(Kind::WeightedMid, time, quote.weighted_mid() / ONE);
        self.note(Kind::Imbalance, time, quote.imbalance());
        let predicted = quote.predicted_move(PREDICTED_MOVE_LAMBDA);
        self.note(Kind::PredictedMove, time, predicted / ONE);
        self.volatility.on_price(time, quote.mid());
        self.note_volatility(time);
        self.micro_price(time, &quote);
    }

    /// Takes the best levels of both sides, the best first.
    pub(super) fn on_depth(
        &mut self,
        time: Timestamp,
        bids: &(impl Iterator<Item = Qty> + Clone),
        asks: &(impl Iterator<Item = Qty> + Clone),
    ) {
        self.pass(time);
        self.counts.depths += 1;
        for (levels, kind) in LEVELS {
            if let Some(imbalance) = depth_imbalance(bids.clone(), asks.clone(), levels) {
                self.note(kind, time, imbalance);
            }
        }
    }

    /// Takes a trade, with the side that took liquidity where the data tell.
    pub(super) fn on_trade(&mut self, time: Timestamp, price: Price, qty: Qty, side: Option<Side>) {
        self.pass(time);
        self.counts.trades += 1;
        let added = self.day.on_trade(time, price, qty);
        self.note(Kind::Volume, time, self.day.volume() as f64 / ONE);
        if let Some(average) = self.day.average_price() {
            self.note(Kind::AveragePrice, time, average.units() as f64 / ONE);
        }
        let units = qty.units() as f64 / ONE;
        match side {
            Some(Side::Buy) => self.series.at(time.0).bought += units,
            Some(Side::Sell) => self.series.at(time.0).sold += units,
            None => self.counts.trades_without_side += 1,
        }
        let poured = self.toxicity.on_trade(time, price, qty, side);
        if added.is_err() || poured.is_err() {
            self.counts.overflows += 1;
        }
        if let Toxicity::Known { by_side, in_bulk, .. } = &self.toxicity {
            let (by_side, in_bulk) = (by_side.value(), in_bulk.value());
            for (kind, value) in [(Kind::Vpin, by_side), (Kind::BulkVpin, in_bulk)] {
                if let Some(value) = value {
                    self.note(kind, time, value);
                }
            }
        }
    }

    /// Lets time pass until an event, with what was known before it.
    fn pass(&mut self, time: Timestamp) {
        self.first_ns.get_or_insert(time.0);
        self.last_ns = self.last_ns.max(time.0);
        let last = |kind: Kind| self.cells[kind as usize].last;
        let known = Sample {
            mid: last(Kind::Mid),
            predictors: Kind::PREDICTORS.map(last),
            state: self.state,
        };
        self.prediction.advance(time.0, &known);
    }

    fn note(&mut self, kind: Kind, time: Timestamp, value: f64) {
        self.cells[kind as usize].add(value);
        self.series.at(time.0).cell_mut(kind).add(value);
    }

    fn note_volatility(&mut self, time: Timestamp) {
        if let Some(volatility) = self.volatility.value() {
            self.note(Kind::Volatility, time, volatility * 1e4);
        }
    }

    /// Gives a quote to the micro-price, and notes its state.
    fn micro_price(&mut self, time: Timestamp, quote: &Quote) {
        if let Model::Tick { quotes, divisor } = &mut self.model {
            for level in [quote.bid(), quote.ask()] {
                *divisor = greatest_common_divisor(*divisor, level.price.units().unsigned_abs());
            }
            *quotes += 1;
            if *quotes < TICK_QUOTES {
                return;
            }
            let tick = Price::from_units(i64::try_from(*divisor).unwrap_or(i64::MAX));
            let Ok(grid) = Grid::new(tick, IMBALANCE_BUCKETS, SPREAD_BUCKETS) else { return };
            self.model = Model::Estimated(Box::new(MicroPriceEstimator::new(grid)));
        }
        if let Model::Estimated(estimator) = &mut self.model {
            estimator.on_quote(quote);
        }
        let Some(grid) = self.grid() else { return };
        let state = grid.state(quote);
        self.states.resize(grid.states(), 0);
        self.states[state] += 1;
        self.state = Some(state);
        self.series.at(time.0).state = Some(state);
    }

    fn grid(&self) -> Option<Grid> {
        match &self.model {
            Model::Tick { .. } => None,
            Model::Estimated(estimator) => Some(*estimator.grid()),
            Model::Given(model) => Some(*model.grid()),
        }
    }

    /// The micro-price that was given, or that the data speak for; none before the tick is known.
    fn model(&self) -> Option<Result<Rc<MicroPrice>, EstimateError>> {
        match &self.model {
            Model::Tick { .. } => None,
            Model::Estimated(estimator) => Some(estimator.estimate().map(Rc::new)),
            Model::Given(model) => Some(Ok(Rc::clone(model))),
        }
    }
}

impl Toxicity {
    fn new(bucket_qty: Qty) -> Result<Self, ParameterError> {
        let parameters = BulkParameters {
            bucket_qty,
            buckets: VPIN_BUCKETS,
            bar_ns: SECOND_NS,
            deviation_bars: 300,
        };
        let by_side = Vpin::new(bucket_qty, VPIN_BUCKETS)?;
        let in_bulk = Box::new(BulkVpin::new(parameters)?);
        Ok(Self::Known { by_side, in_bulk, bucket_qty })
    }

    fn on_trade(
        &mut self,
        time: Timestamp,
        price: Price,
        qty: Qty,
        side: Option<Side>,
    ) -> Result<(), Overflow> {
        match self {
            Self::Size { trades, units } => {
                *trades += 1;
                *units = units.saturating_add(qty.units());
                if *trades >= VPIN_TRADES
                    && let Ok(known) = Self::new(Qty::from_units(*units / 2))
                {
                    *self = known;
                }
                Ok(())
            }
            Self::Known { by_side, in_bulk, .. } => {
                if let Some(side) = side {
                    by_side.on_trade(side, qty);
                }
                in_bulk.on_trade(time, price, qty).map(|_| ())
            }
        }
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
