//! Bets that a mid far from its mean comes back to it.
//!
//! ```text
//!   book --> z-score of the mid over a window --> stance: flat, long, short, stopped --> target position
//!                                                                --> orders that take, bounded by slippage
//! ```
//!
//! # Formulas
//! z is the mid's distance from its mean over the newest `samples` mids, one at the end of each `interval_ns`, in
//! their standard deviations ([`ZScore`]). Before the window is full, and where all samples are the same, there is
//! none, and the stance stays. A silence as long as the window begins it anew.
//!
//! ```text
//!   flat     z >= entry: short (if it may)    z <= -entry: long         where abs(z) >= stop neither
//!   long     z >= -exit: flat                 z <= -stop: stopped       position +qty
//!   short    z <=  exit: flat                 z >=  stop: stopped       position -qty
//!   stopped  abs(z) <= exit: flat                                       position 0
//! ```
//!
//! Source: the rule is that of relative-value trading by bands, as in E. Gatev, W. Goetzmann, K. Rouwenhorst, "Pairs
//! trading: performance of a relative-value arbitrage rule", Review of Financial Studies 19(3), 2006 (entry at two
//! deviations), on one instrument's mid in place of a spread of two.
//!
//! # Assumptions, and when it misleads
//! - The mid wanders round a mean that is stable over the window. In a trend each entry is against it, and the
//!   stop turns it into a loss: the window decides which moves are noise.
//! - The window goes along with the mid: after a slow move z falls back although the price has not, and an exit
//!   may be a loss. The deviation grows with the move, so that a stop far out may never be reached.
//! - After a silence shorter than the window the deviation is small, and the first move looks large. A window with few
//!   different mids says little.
//! - Each entry and exit pays the spread and the fees; entry x deviation has to be well above both.
//! - The position is what it is told to be. Until then it is zero.

use serde::Deserialize;
use tiercel_book::signal::{Quote, ZScore};
use tiercel_types::Qty;

use crate::parameters::{Parameter, ParameterError, decimal};
use crate::state::{self, Reader};
use crate::target::TargetPosition;
use crate::{
    Actions, BookTick, OrderUpdate, PositionUpdate, StateError, Strategy, Terms, TimerTick,
    TradeTick,
};

pub(crate) const NAME: &str = "mean_reversion";
const HEADER: u64 = state::header(NAME, 1);
/// The timer of the target position.
const TIMER: u64 = 0;

/// How a [`MeanReversion`] trades. [`STRATEGIES`](crate::STRATEGIES) lists units, defaults and bounds.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is explained in the list of parameters, once")]
pub struct MeanReversionParameters {
    #[serde(deserialize_with = "decimal")]
    pub qty: Qty,
    pub interval_ns: u64,
    pub samples: u32,
    pub entry: f64,
    pub exit: f64,
    pub stop: f64,
    pub short: bool,
    pub slippage_ppm: u32,
    pub retry_ns: u64,
}

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "qty",
        "base asset",
        "on the lot, at least the smallest order",
        "The position while the mid is away from its mean.",
    ),
    Parameter::optional(
        "interval_ns",
        "ns",
        "1_000_000_000",
        "above 0",
        "From one sample of the mid to the next.",
    ),
    Parameter::optional(
        "samples",
        "",
        "300",
        "2 to 8192",
        "The newest mids, of which mean and deviation are taken.",
    ),
    Parameter::optional(
        "entry",
        "deviations",
        "2.0",
        "above exit",
        "From which distance on it bets.",
    ),
    Parameter::optional(
        "exit",
        "deviations",
        "0.5",
        "0 to below entry",
        "Up to which distance the mid has to come back.",
    ),
    Parameter::optional(
        "stop",
        "deviations",
        "4.0",
        "above entry, at most 1e6",
        "From which distance on the bet is lost: it is closed, and none made before the mid is back.",
    ),
    Parameter::optional(
        "short",
        "",
        "false",
        "true, false",
        "Whether a mid above its mean is sold short; otherwise it is sat out.",
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

/// What is bet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    Flat = 0,
    Long = 1,
    Short = 2,
    /// A bet was lost, and the mid has not come back since.
    Stopped = 3,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct MeanReversion {
    qty: i64,
    bands: Bands,
    z_score: ZScore,
    stance: Stance,
    position: TargetPosition,
}

#[derive(Clone, Copy, Debug)]
struct Bands {
    entry: f64,
    exit: f64,
    stop: f64,
    short: bool,
}

impl Bands {
    /// The stance after a z-score.
    fn next(self, stance: Stance, z: f64) -> Stance {
        let Self { entry, exit, stop, short } = self;
        match stance {
            Stance::Flat if z.abs() < entry || z.abs() >= stop => Stance::Flat,
            Stance::Flat if z < 0.0 => Stance::Long,
            Stance::Flat if short => Stance::Short,
            Stance::Long if z <= -stop => Stance::Stopped,
            Stance::Short if z >= stop => Stance::Stopped,
            Stance::Long if z < -exit => Stance::Long,
            Stance::Short if z > exit => Stance::Short,
            Stance::Stopped if z.abs() > exit => Stance::Stopped,
            _ => Stance::Flat,
        }
    }
}

impl MeanReversion {
    /// Bets on one instrument.
    ///
    /// # Errors
    /// [`ParameterError`] with the name of the parameter.
    pub fn new(
        parameters: &MeanReversionParameters,
        terms: &Terms,
    ) -> Result<Self, ParameterError> {
        let p = parameters;
        ParameterError::check_terms(terms)?;
        ParameterError::check_qty(p.qty, terms, "qty")?;
        ParameterError::check(p.interval_ns > 0, "interval_ns", "above zero")?;
        let z_score = ZScore::new(p.interval_ns, p.samples)
            .map_err(|error| ParameterError { name: "samples", rule: error.rule })?;
        ParameterError::check(p.exit >= 0.0 && p.exit < p.entry, "exit", "0 to below entry")?;
        ParameterError::check(p.entry.is_finite(), "entry", "above exit")?;
        let is_outside = p.stop > p.entry && p.stop <= 1e6;
        ParameterError::check(is_outside, "stop", "above entry, at most 1e6")?;
        Ok(Self {
            qty: p.qty.units() as i64,
            bands: Bands { entry: p.entry, exit: p.exit, stop: p.stop, short: p.short },
            z_score,
            stance: Stance::Flat,
            position: TargetPosition::new(terms, p.slippage_ppm, p.retry_ns, TIMER)?,
        })
    }
}

impl Strategy for MeanReversion {
    fn name(&self) -> &'static str {
        NAME
    }

    #[inline]
    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if !self.position.see(tick) {
            return;
        }
        if tick.is_live()
            && let Ok(quote) = Quote::new(tick.bid(), tick.ask())
        {
            self.z_score.on_quote(tick.time, &quote);
            if let Some(z) = self.z_score.value(&quote) {
                self.stance = self.bands.next(self.stance, z);
                self.position.target = Some(match self.stance {
                    Stance::Long => self.qty,
                    Stance::Short => -self.qty,
                    Stance::Flat | Stance::Stopped => 0,
                });
            }
        }
        self.position.settle(tick.time, actions);
    }

    #[inline]
    fn on_trade(&mut self, _trade: &TradeTick, _actions: &mut Actions) {}

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
        out(self.stance as u64);
        self.z_score.save(&mut out);
        self.position.save(&mut out);
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut words = Reader::new(self, HEADER, state)?;
        let mut restored = self.clone();
        restored.stance = match words.word("stance", |&stance| stance <= 3)? {
            0 => Stance::Flat,
            1 => Stance::Long,
            2 => Stance::Short,
            _ => Stance::Stopped,
        };
        restored.z_score.restore(&mut words)?;
        restored.position.restore(&mut words)?;
        *self = restored;
        Ok(())
    }
}
