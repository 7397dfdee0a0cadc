//! Quotes both sides round a price that leans against the inventory (Avellaneda and Stoikov).
//!
//! ```text
//!   book --> Quote --+--> fair price m: weighted mid, mid, or Stoikov's micro-price
//!                    +--> Volatility --> v, the variance of the mid over the horizon
//!   trades --> VPIN --------------------+
//!   own fills --> inventory q ----------+--> bid = floor(r - h), ask = ceil(r + h) --> Quotes
//! ```
//!
//! Budget: 250 ns for a book, without allocation; the logarithm of a volatility sample is paid once an interval.
//!
//! # Formulas
//! Prices are counted in ticks, inventory in orders (the position over `qty`):
//!
//! ```text
//!   v = (mid x deviation of its log returns over the horizon)^2
//!   r = m - q gamma v                                              the reservation price
//!   h = max(half_spread_min_ticks,
//!           (gamma v / 2 + ln(1 + gamma / k) / gamma) x (1 + vpin_widening x VPIN))
//! ```
//!
//! The bid is the highest tick not above r - h, the ask the lowest not below r + h, and neither crosses the
//! book: the bid stays below the best ask, the ask above the best bid. A side offers `qty`, less where it would take
//! the position beyond `inventory_max`, and nothing where too little is left for an order.
//!
//! Sources: M. Avellaneda, S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3),
//! 2008, equations 29 and 30, with a horizon that moves along (T - t is constant) in place of the end of a day;
//! the fair prices, volatility and VPIN as docs/signals.md defines and sources them. That VPIN widens the
//! spread in proportion is our own choice.
//!
//! # When it does not quote
//! Both quotes are taken back while the book is stale, has an empty or worthless side, is crossed, or is wider than
//! `spread_max_ticks`; and until there are `warm_up_samples` samples of volatility, also anew after a silence or an
//! outage of `volatility_samples` intervals: of that time nothing is known.
//!
//! # Assumptions, and when it misleads
//! - The mid is a Brownian motion without drift, and orders arrive with an intensity that falls off by exp(-k x
//!   distance) in ticks. In a trend the inventory is on the wrong side; `inventory_max` is what bounds it.
//! - gamma, k and the horizon are of the instrument: per tick, not per unit of money. They have to be fitted.
//! - Own quotes are part of the book that the weighted mid is taken of, so that large ones lead themselves.
//! - A mid that bounces between two prices has a volatility that is no risk: take longer intervals.
//! - The position is what it is told to be. Until then it is zero.

use serde::Deserialize;
use tiercel_book::signal::{MicroPrice, Quote, Volatility, Vpin};
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

use crate::parameters::{Parameter, ParameterError, decimal};
use crate::quotes::{QuoteParameters, Quotes, Wanted};
use crate::state::{self, Reader};
use crate::{
    Actions, BookTick, OrderUpdate, PositionUpdate, StateError, Strategy, Terms, TimerTick,
    TradeTick,
};

pub(crate) const NAME: &str = "market_maker";
const HEADER: u64 = state::header(NAME, 1);
/// The timer of the quotes.
const TIMER: u64 = 0;

/// Which price the quotes lie round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FairPrice {
    /// Halfway between bid and ask.
    Mid,
    /// The mid weighted by the quantity of the other side.
    WeightedMid,
    /// Stoikov's micro-price, by `micro_price_model`.
    MicroPrice,
}

/// How a [`MarketMaker`] quotes. [`STRATEGIES`](crate::STRATEGIES) lists units, defaults and bounds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is explained in the list of parameters, once")]
pub struct MarketMakerParameters {
    #[serde(deserialize_with = "decimal")]
    pub qty: Qty,
    #[serde(deserialize_with = "decimal")]
    pub inventory_max: Qty,
    pub gamma: f64,
    pub k: f64,
    pub horizon_ns: u64,
    pub fair_price: FairPrice,
    pub micro_price_model: String,
    pub half_spread_min_ticks: f64,
    pub spread_max_ticks: u64,
    pub volatility_interval_ns: u64,
    pub volatility_samples: u32,
    pub warm_up_samples: u32,
    #[serde(deserialize_with = "decimal")]
    pub vpin_bucket_qty: Qty,
    pub vpin_buckets: u32,
    pub vpin_widening: f64,
    pub hysteresis_ticks: u32,
    pub refill_below_ppm: u32,
    pub post_only: bool,
    pub backoff_ns: u64,
}

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "qty",
        "base asset",
        "on the lot, at least the smallest order",
        "What each side offers.",
    ),
    Parameter::required(
        "inventory_max",
        "base asset",
        "on the lot, at least the smallest order",
        "The position, long or short, that quotes never lead beyond.",
    ),
    Parameter::optional(
        "gamma",
        "1 / tick",
        "0.01",
        "1e-6 to 10",
        "Aversion to inventory: how far the quotes lean, and how wide they are for what may happen.",
    ),
    Parameter::optional(
        "k",
        "1 / tick",
        "1.0",
        "1e-6 to 1e6",
        "How fast the intensity of orders falls off with the distance: the larger, the closer the quotes.",
    ),
    Parameter::optional(
        "horizon_ns",
        "ns",
        "10_000_000_000",
        "1 to 86400000000000",
        "Over which time inventory is held at risk.",
    ),
    Parameter::optional(
        "fair_price",
        "",
        "'weighted_mid'",
        "mid, weighted_mid, micro_price",
        "Which price the quotes lie round.",
    ),
    Parameter::optional(
        "micro_price_model",
        "",
        "''",
        "a model's text, of the instrument's tick, with fair_price = 'micro_price' alone",
        "What `tiercel replay --save-micro-price` wrote.",
    ),
    Parameter::optional(
        "half_spread_min_ticks",
        "ticks",
        "1.0",
        "0.5 to 1e6",
        "The quotes' distance from the reservation price is at least this.",
    ),
    Parameter::optional(
        "spread_max_ticks",
        "ticks",
        "100",
        "above 0",
        "In a book that is wider nothing is quoted.",
    ),
    Parameter::optional(
        "volatility_interval_ns",
        "ns",
        "1_000_000_000",
        "above 0",
        "From one sample of the mid to the next.",
    ),
    Parameter::optional(
        "volatility_samples",
        "",
        "300",
        "2 to 8192",
        "The newest returns, of which the volatility is taken.",
    ),
    Parameter::optional(
        "warm_up_samples",
        "",
        "30",
        "2 to volatility_samples",
        "Before there are so many returns nothing is quoted.",
    ),
    Parameter::optional(
        "vpin_bucket_qty",
        "base asset",
        "'0'",
        "0: without VPIN",
        "V, what fills a bucket: a fiftieth of an average day's volume is usual.",
    ),
    Parameter::optional("vpin_buckets", "", "50", "1 to 65536", "n, how many buckets count."),
    Parameter::optional(
        "vpin_widening",
        "",
        "1.0",
        "0 to 100",
        "At a VPIN of one the half-spread is wider by this part of itself.",
    ),
    Parameter::optional(
        "hysteresis_ticks",
        "ticks",
        "0",
        "any",
        "By how much a quote may be off before it is moved.",
    ),
    Parameter::optional(
        "refill_below_ppm",
        "10^-6",
        "500_000",
        "0 to 1000000",
        "A quote has its quantity restored when less than this share of it is open.",
    ),
    Parameter::optional(
        "post_only",
        "",
        "true",
        "true, false",
        "Quotes that would trade at once are refused by the venue.",
    ),
    Parameter::optional(
        "backoff_ns",
        "ns",
        "100_000_000",
        "above 0",
        "How long a side waits after a request failed; doubled each time, up to 64 times.",
    ),
];

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct MarketMaker {
    terms: Terms,
    quotes: Quotes,
    volatility: Volatility,
    vpin: Option<Vpin>,
    fair: Fair,
    rules: Rules,
    /// The top of the book that is quoted by; none: nothing is.
    top: Option<Quote>,
    /// In units of a quantity; negative: short.
    position: i64,
    /// The deviation of the log returns over the horizon, as of the last interval. It follows from the volatility.
    deviation: Option<f64>,
    /// What VPIN does to the half-spread, as of the last full bucket. It follows from it.
    widening: f64,
}

/// Where the fair price comes from.
#[derive(Clone, Debug)]
enum Fair {
    Mid,
    WeightedMid,
    MicroPrice(MicroPrice),
}

/// What the parameters come to.
#[derive(Clone, Copy, Debug)]
struct Rules {
    tick: f64,
    qty: Qty,
    inventory_max: i128,
    gamma: f64,
    /// ln(1 + gamma / k) / gamma.
    intensity_ticks: f64,
    half_spread_min_ticks: f64,
    /// In units of a price.
    spread_max: u64,
    warm_up_samples: usize,
    horizon_ns: u64,
    vpin_widening: f64,
}

impl MarketMaker {
    /// A market maker of one instrument.
    ///
    /// # Errors
    /// [`ParameterError`] with the name of the parameter.
    pub fn new(parameters: &MarketMakerParameters, terms: &Terms) -> Result<Self, ParameterError> {
        let p = parameters;
        ParameterError::check_terms(terms)?;
        ParameterError::check_qty(p.qty, terms, "qty")?;
        ParameterError::check_qty(p.inventory_max, terms, "inventory_max")?;
        let check = ParameterError::check;
        check((1e-6..=10.0).contains(&p.gamma), "gamma", "1e-6 to 10")?;
        check((1e-6..=1e6).contains(&p.k), "k", "1e-6 to 1e6")?;
        let is_within_a_day = (1..=86_400_000_000_000).contains(&p.horizon_ns);
        check(is_within_a_day, "horizon_ns", "1 to 86400000000000")?;
        let is_half_a_tick = (0.5..=1e6).contains(&p.half_spread_min_ticks);
        check(is_half_a_tick, "half_spread_min_ticks", "0.5 to 1e6")?;
        check(p.spread_max_ticks > 0, "spread_max_ticks", "above zero")?;
        check(p.volatility_interval_ns > 0, "volatility_interval_ns", "above zero")?;
        let volatility = Volatility::new(p.volatility_interval_ns, p.volatility_samples)
            .map_err(|error| ParameterError { name: "volatility_samples", rule: error.rule })?;
        let warms_up = (2..=p.volatility_samples).contains(&p.warm_up_samples);
        check(warms_up, "warm_up_samples", "2 to volatility_samples")?;
        check((0.0..=100.0).contains(&p.vpin_widening), "vpin_widening", "0 to 100")?;
        let is_used = !p.vpin_bucket_qty.is_zero();
        let vpin = is_used.then(|| Vpin::new(p.vpin_bucket_qty, p.vpin_buckets)).transpose();
        let vpin =
            vpin.map_err(|error| ParameterError { name: "vpin_buckets", rule: error.rule })?;
        let quotes = QuoteParameters {
            hysteresis_ticks: p.hysteresis_ticks,
            refill_below_ppm: p.refill_below_ppm,
            post_only: p.post_only,
            backoff_ns: p.backoff_ns,
        };
        Ok(Self {
            terms: *terms,
            quotes: Quotes::new(&quotes, terms, TIMER)?,
            volatility,
            vpin,
            fair: Fair::new(p, terms)?,
            rules: Rules::new(p, terms),
            top: None,
            position: 0,
            deviation: None,
            widening: 1.0,
        })
    }

    /// Wants the quotes of the book as it is now, and asks for what is missing.
    #[inline]
    fn requote(&mut self, now: Timestamp, actions: &mut Actions) {
        let prices = self.top.and_then(|quote| self.prices(&quote));
        let wanted = |side, price| self.wanted(side, price);
        let (bid, ask) = match prices {
            Some((bid, ask)) => (wanted(Side::Buy, bid), wanted(Side::Sell, ask)),
            None => (None, None),
        };
        self.quotes.want(bid, ask);
        self.quotes.settle(now, actions);
    }

    /// Where bid and ask belong; none: nowhere.
    #[inline]
    fn prices(&self, quote: &Quote) -> Option<(Price, Price)> {
        let rules = &self.rules;
        if quote.bid().price.units() <= 0 || quote.spread() > rules.spread_max {
            return None;
        }
        let fair_ticks = self.fair.price(quote) / rules.tick;
        let deviation_ticks = self.deviation? * quote.mid() / rules.tick;
        let variance = deviation_ticks * deviation_ticks;
        let orders = self.position as f64 / rules.qty.units() as f64;
        let reservation = fair_ticks - orders * rules.gamma * variance;
        let half = (rules.gamma * variance * 0.5 + rules.intensity_ticks) * self.widening;
        let half = half.max(rules.half_spread_min_ticks);
        let bid = self.on_tick((reservation - half).floor());
        let ask = self.on_tick((reservation + half).ceil());
        // Neither crosses the book.
        let below_ask = i128::from(quote.ask().price.units()) - 1;
        let above_bid = i128::from(quote.bid().price.units()) + 1;
        let bid = if bid > below_ask { self.terms.price_down(below_ask)? } else { price(bid)? };
        let ask = if ask < above_bid { self.terms.price_up(above_bid)? } else { price(ask)? };
        Some((bid, ask))
    }

    #[inline]
    fn on_tick(&self, ticks: f64) -> i128 {
        // Beyond 64 bits it is cut, and no price.
        i128::from(ticks as i64) * i128::from(self.terms.tick.units())
    }

    /// What a side offers at a price.
    #[inline]
    fn wanted(&self, side: Side, price: Price) -> Option<Wanted> {
        let Rules { qty, inventory_max, .. } = self.rules;
        let position = i128::from(self.position);
        let room = inventory_max - if side == Side::Buy { position } else { -position };
        let whole = i128::from(qty.units());
        let qty = if room < whole { self.terms.qty_down(room) } else { qty };
        self.terms.is_enough(price, qty).then_some(Wanted { price, qty })
    }

    fn widening(&self) -> f64 {
        let vpin = self.vpin.as_ref().and_then(Vpin::value);
        1.0 + self.rules.vpin_widening * vpin.unwrap_or(0.0)
    }

    fn deviation(&self) -> Option<f64> {
        if self.volatility.samples() < self.rules.warm_up_samples {
            return None;
        }
        self.volatility.over(self.rules.horizon_ns)
    }
}

impl Fair {
    fn new(parameters: &MarketMakerParameters, terms: &Terms) -> Result<Self, ParameterError> {
        let (name, model) = ("micro_price_model", &parameters.micro_price_model);
        let is_by_model = parameters.fair_price == FairPrice::MicroPrice;
        let rule = "set with fair_price = 'micro_price' alone";
        ParameterError::check(is_by_model || model.is_empty(), name, rule)?;
        Ok(match parameters.fair_price {
            FairPrice::Mid => Self::Mid,
            FairPrice::WeightedMid => Self::WeightedMid,
            FairPrice::MicroPrice => {
                let refused =
                    |_| ParameterError { name, rule: "the text of a micro-price's model" };
                let model = MicroPrice::from_text(model).map_err(refused)?;
                let is_of_tick = model.grid().tick() == terms.tick;
                ParameterError::check(is_of_tick, name, "of the instrument's tick")?;
                Self::MicroPrice(model)
            }
        })
    }

    /// In units of 10^-8.
    #[inline]
    fn price(&self, quote: &Quote) -> f64 {
        match self {
            Self::Mid => quote.mid(),
            Self::WeightedMid => quote.weighted_mid(),
            Self::MicroPrice(model) => model.micro_price(quote),
        }
    }
}

impl Rules {
    fn new(p: &MarketMakerParameters, terms: &Terms) -> Self {
        let tick = terms.tick.units().unsigned_abs();
        Self {
            tick: tick as f64,
            qty: p.qty,
            inventory_max: i128::from(p.inventory_max.units()),
            gamma: p.gamma,
            intensity_ticks: libm::log(1.0 + p.gamma / p.k) / p.gamma,
            half_spread_min_ticks: p.half_spread_min_ticks,
            spread_max: tick.saturating_mul(p.spread_max_ticks),
            warm_up_samples: p.warm_up_samples as usize,
            horizon_ns: p.horizon_ns,
            vpin_widening: p.vpin_widening,
        }
    }
}

#[inline]
fn price(units: i128) -> Option<Price> {
    i64::try_from(units).ok().filter(|&units| units > 0).map(Price::from_units)
}

impl Strategy for MarketMaker {
    fn name(&self) -> &'static str {
        NAME
    }

    #[inline]
    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if tick.instrument != self.terms.instrument {
            return;
        }
        let is_live = tick.is_live();
        self.top = if is_live { Quote::new(tick.bid(), tick.ask()).ok() } else { None };
        if let Some(quote) = &self.top
            && self.volatility.on_price(tick.time, quote.mid())
        {
            self.deviation = self.deviation();
        }
        self.requote(tick.time, actions);
    }

    #[inline]
    fn on_trade(&mut self, trade: &TradeTick, _actions: &mut Actions) {
        if trade.instrument == self.terms.instrument
            && let Some(vpin) = &mut self.vpin
            && vpin.on_trade(trade.aggressor, trade.qty) > 0
        {
            self.widening = self.widening();
        }
    }

    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        if update.instrument != self.terms.instrument {
            return;
        }
        self.position = update.position;
        self.quotes.observe(update, actions);
        self.requote(update.time, actions);
    }

    fn on_position(&mut self, update: &PositionUpdate, actions: &mut Actions) {
        if update.instrument == self.terms.instrument {
            self.position = update.position;
            self.requote(update.time, actions);
        }
    }

    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        if self.quotes.has_fired(timer) {
            self.requote(timer.time, actions);
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        let mut out = state::writer(out, HEADER);
        out(self.position.cast_unsigned());
        out(u64::from(self.top.is_some()));
        for level in self.top.map_or([Level::default(); 2], |top| [top.bid(), top.ask()]) {
            out(level.price.units().cast_unsigned());
            out(level.qty.units());
        }
        self.volatility.save(&mut out);
        if let Some(vpin) = &self.vpin {
            vpin.save(&mut out);
        }
        self.quotes.save(&mut out);
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut words = Reader::new(self, HEADER, state)?;
        let mut restored = self.clone();
        restored.position = words.integer("position")?;
        let is_there = words.flag("top of the book")?;
        let mut level = || -> Result<Level, StateError> {
            Ok(Level { price: words.price("best price")?, qty: words.qty("best quantity")? })
        };
        let quote = Quote::new(level()?, level()?).ok();
        restored.top = quote.filter(|_| is_there);
        restored.volatility.restore(&mut words)?;
        if let Some(vpin) = &mut restored.vpin {
            vpin.restore(&mut words)?;
        }
        restored.quotes.restore(&mut words)?;
        restored.deviation = restored.deviation();
        restored.widening = restored.widening();
        *self = restored;
        Ok(())
    }
}
