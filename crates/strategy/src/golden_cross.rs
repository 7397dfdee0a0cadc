//! Follows the trend by two moving averages: long while the fast one is above the slow one.
//!
//! ```text
//!   mids by time, or trades by number --> bars --> fast and slow average of their closes --> target position
//!                                                                    --> orders that take, bounded by slippage
//! ```
//!
//! # Formulas
//! A bar's close is the last mid before its end (bars of time: they begin at multiples of their length since the
//! epoch, and one without a book repeats the close before it), or the price of the trade that fills it (bars of
//! trades). With n closes, the newest last:
//!
//! ```text
//!   fast = (c[n - fast_bars + 1] + ... + c[n]) / fast_bars          slow likewise
//!   target = +qty where fast > slow;  where fast < slow: -qty if it may go short, else 0
//! ```
//!
//! Equal averages change nothing. Sums are integers and averages are compared by cross-multiplication, so that
//! no rounding makes a cross. Before there are `slow_bars` closes there is no target. The target follows the state
//! and not the crossing alone: who starts in the middle of a trend joins it.
//!
//! Source: the rule is common property; its oldest careful test is Brock, Lakonishok, Le Baron, "Simple
//! technical trading rules and the stochastic properties of stock returns", Journal of Finance 47(5), 1992
//! (variable-length moving average, without their band).
//!
//! # Assumptions, and when it misleads
//! - Trends last longer than `slow_bars` bars. In a market that goes sideways the averages cross again and again,
//!   and each cross costs the spread and the fees.
//! - Both averages lag: by half their length on a straight line. A fast turn is followed late.
//! - A target is reached by taking, at most `slippage_ppm` beyond the best price; what is missing is tried again.
//!   A thin book may keep the position behind its target for long.
//! - The position is what it is told to be. Until then it is zero.

use core::cmp::Ordering;

use serde::Deserialize;
use tiercel_book::signal::Quote;
use tiercel_types::{Qty, Timestamp};

use crate::parameters::{Parameter, ParameterError, decimal};
use crate::state::{self, Reader};
use crate::target::TargetPosition;
use crate::{
    Actions, BookTick, OrderUpdate, PositionUpdate, StateError, Strategy, Terms, TimerTick,
    TradeTick,
};

pub(crate) const NAME: &str = "golden_cross";
const HEADER: u64 = state::header(NAME, 1);
/// The timer of the target position.
const TIMER: u64 = 0;
/// The most bars in an average.
const BARS_MAX: u32 = 8_192;

/// What makes a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// So many nanoseconds.
    TimeNs(u64),
    /// So many trades.
    Trades(u32),
}

/// How a [`GoldenCross`] trades. [`STRATEGIES`](crate::STRATEGIES) lists units, defaults and bounds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is explained in the list of parameters, once")]
pub struct GoldenCrossParameters {
    #[serde(deserialize_with = "decimal")]
    pub qty: Qty,
    pub bar: Bar,
    pub fast_bars: u32,
    pub slow_bars: u32,
    pub short: bool,
    pub slippage_ppm: u32,
    pub retry_ns: u64,
}

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "qty",
        "base asset",
        "on the lot, at least the smallest order",
        "The position in a trend.",
    ),
    Parameter::optional(
        "bar",
        "",
        "{ time_ns = 60_000_000_000 }",
        "{ time_ns = above 0 } or { trades = above 0 }",
        "What makes a bar: time, by the mid at its end, or trades, by the last one's price.",
    ),
    Parameter::optional(
        "fast_bars",
        "bars",
        "10",
        "1 to slow_bars - 1",
        "Length of the fast average.",
    ),
    Parameter::optional("slow_bars", "bars", "30", "2 to 8192", "Length of the slow average."),
    Parameter::optional(
        "short",
        "",
        "false",
        "true, false",
        "Whether a falling trend is sold short; otherwise it is sat out.",
    ),
    Parameter::optional(
        "slippage_ppm",
        "10^-6",
        "1_000",
        "0 to 999999",
        "How far beyond the best price an order may trade.",
    ),
    Parameter::optional(
        "retry_ns",
        "ns",
        "100_000_000",
        "above 0",
        "Until what did not trade, or was refused, is tried again; doubled by each refusal, up to 64 times.",
    ),
];

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct GoldenCross {
    terms: Terms,
    qty: i64,
    short: bool,
    bar: Bar,
    /// The bar of time that is open, and the mid in it; the bar of trades, and how many were in it.
    open: Option<OpenBar>,
    averages: Averages,
    position: TargetPosition,
}

/// The bar that has not ended.
#[derive(Clone, Copy, Debug)]
struct OpenBar {
    /// Of time: which; of trades: how many there were.
    number: u64,
    /// The last price in it, in units of 10^-8.
    close: i64,
}

impl GoldenCross {
    /// A follower of one instrument's trend.
    ///
    /// # Errors
    /// [`ParameterError`] with the name of the parameter.
    pub fn new(parameters: &GoldenCrossParameters, terms: &Terms) -> Result<Self, ParameterError> {
        let p = parameters;
        ParameterError::check_terms(terms)?;
        ParameterError::check_qty(p.qty, terms, "qty")?;
        let is_long = !matches!(p.bar, Bar::TimeNs(0) | Bar::Trades(0));
        ParameterError::check(is_long, "bar", "longer than nothing")?;
        let is_bounded = (2..=BARS_MAX).contains(&p.slow_bars);
        ParameterError::check(is_bounded, "slow_bars", "2 to 8192")?;
        let is_faster = (1..p.slow_bars).contains(&p.fast_bars);
        ParameterError::check(is_faster, "fast_bars", "1 to slow_bars - 1")?;
        Ok(Self {
            terms: *terms,
            qty: p.qty.units() as i64,
            short: p.short,
            bar: p.bar,
            open: None,
            averages: Averages::new(p.fast_bars, p.slow_bars),
            position: TargetPosition::new(terms, p.slippage_ppm, p.retry_ns, TIMER)?,
        })
    }

    /// Closes the bars of time that are over, and takes in the mid.
    #[inline]
    fn on_mid(&mut self, time: Timestamp, mid: i64, bar_ns: u64) {
        let number = time.0.checked_div(bar_ns).unwrap_or(0);
        // A time that goes back counts as the newest one.
        let number = self.open.map_or(number, |open| open.number.max(number));
        if let Some(open) = self.open
            && number > open.number
        {
            let ended = (number - open.number).min(self.averages.closes.len() as u64);
            for _ in 0..ended {
                self.averages.add(open.close);
            }
            self.aim();
        }
        self.open = Some(OpenBar { number, close: mid });
    }

    /// Wants the position that the averages speak for.
    fn aim(&mut self) {
        match self.averages.compare() {
            Some(Ordering::Greater) => self.position.target = Some(self.qty),
            Some(Ordering::Less) => {
                self.position.target = Some(if self.short { -self.qty } else { 0 });
            }
            Some(Ordering::Equal) | None => {}
        }
    }
}

/// Two sums over the newest closes.
#[derive(Clone, Debug)]
struct Averages {
    /// The newest closes, in units of 10^-8; zero where there was none yet.
    closes: Box<[i64]>,
    /// Where the next one goes.
    next: usize,
    count: usize,
    fast_bars: usize,
    fast_sum: i128,
    slow_sum: i128,
}

impl Averages {
    fn new(fast_bars: u32, slow_bars: u32) -> Self {
        Self {
            closes: vec![0; slow_bars as usize].into_boxed_slice(),
            next: 0,
            count: 0,
            fast_bars: fast_bars as usize,
            fast_sum: 0,
            slow_sum: 0,
        }
    }

    /// The place of the close that leaves the fast average next.
    fn fast_last(&self) -> usize {
        let len = self.closes.len();
        (self.next + len - self.fast_bars) % len
    }

    fn add(&mut self, close: i64) {
        let fast_gone = self.closes[self.fast_last()];
        let slow_gone = std::mem::replace(&mut self.closes[self.next], close);
        self.fast_sum += i128::from(close) - i128::from(fast_gone);
        self.slow_sum += i128::from(close) - i128::from(slow_gone);
        self.next = (self.next + 1) % self.closes.len();
        self.count = self.closes.len().min(self.count + 1);
    }

    /// How the fast average lies to the slow one; none before there are closes for both.
    fn compare(&self) -> Option<Ordering> {
        let slow_bars = self.closes.len();
        // Below 2^64 x 2^13 x 2^13.
        let fast = self.fast_sum * slow_bars as i128;
        let slow = self.slow_sum * self.fast_bars as i128;
        (self.count == slow_bars).then(|| fast.cmp(&slow))
    }

    fn save(&self, out: &mut impl FnMut(u64)) {
        out(self.next as u64);
        out(self.count as u64);
        for close in &self.closes {
            out(close.cast_unsigned());
        }
    }

    fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        let len = self.closes.len();
        self.next = words.word("next bar", |&next| next < len as u64)? as usize;
        let next = self.next;
        let fits = |&count: &u64| count == len as u64 || count == next as u64;
        self.count = words.word("count of bars", fits)? as usize;
        let count = self.count;
        for (place, close) in self.closes.iter_mut().enumerate() {
            *close = words.word("closes", |&close| place < count || close == 0)?.cast_signed();
        }
        self.slow_sum = self.closes.iter().map(|&close| i128::from(close)).sum();
        let newest = (0..self.fast_bars).map(|back| self.closes[(next + len - 1 - back) % len]);
        self.fast_sum = newest.map(i128::from).sum();
        Ok(())
    }
}

impl Strategy for GoldenCross {
    fn name(&self) -> &'static str {
        NAME
    }

    #[inline]
    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if !self.position.see(tick) {
            return;
        }
        if let Bar::TimeNs(bar_ns) = self.bar
            && tick.is_live()
            && let Ok(quote) = Quote::new(tick.bid(), tick.ask())
        {
            let mid = quote.bid().price.units().midpoint(quote.ask().price.units());
            self.on_mid(tick.time, mid, bar_ns);
        }
        self.position.settle(tick.time, actions);
    }

    #[inline]
    fn on_trade(&mut self, trade: &TradeTick, actions: &mut Actions) {
        let Bar::Trades(bar_trades) = self.bar else { return };
        if trade.instrument != self.terms.instrument {
            return;
        }
        let close = trade.price.units();
        let number = self.open.map_or(0, |open| open.number) + 1;
        if number < u64::from(bar_trades) {
            self.open = Some(OpenBar { number, close });
            return;
        }
        self.open = None;
        self.averages.add(close);
        self.aim();
        self.position.settle(trade.time, actions);
    }

    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        self.position.on_order(update, actions);
    }

    fn on_position(&mut self, update: &PositionUpdate, actions: &mut Actions) {
        self.position.on_position(update, actions);
    }

    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        self.position.on_timer(timer, actions);
    }

    fn save(&self, out: &mut Vec<u8>) {
        let mut out = state::writer(out, HEADER);
        // Closes are those of one kind of bars, and open bars are numbered by it.
        let (kind, length) = match self.bar {
            Bar::TimeNs(bar_ns) => (0, bar_ns),
            Bar::Trades(trades) => (1, u64::from(trades)),
        };
        out(kind);
        out(length);
        out(u64::from(self.open.is_some()));
        let OpenBar { number, close } = self.open.unwrap_or(OpenBar { number: 0, close: 0 });
        out(number);
        out(close.cast_unsigned());
        self.averages.save(&mut out);
        self.position.save(&mut out);
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut words = Reader::new(self, HEADER, state)?;
        let mut restored = self.clone();
        let (kind, length, last) = match self.bar {
            Bar::TimeNs(bar_ns) => (0, bar_ns, u64::MAX),
            Bar::Trades(trades) => (1, u64::from(trades), u64::from(trades) - 1),
        };
        words.word("kind of bars", |&word| word == kind)?;
        words.word("length of bars", |&word| word == length)?;
        let is_there = words.flag("open bar")?;
        let number = words.word("open bar", |&number| number <= last)?;
        let close = words.integer("open bar")?;
        restored.open = is_there.then_some(OpenBar { number, close });
        restored.averages.restore(&mut words)?;
        restored.position.restore(&mut words)?;
        *self = restored;
        Ok(())
    }
}
