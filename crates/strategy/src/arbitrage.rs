//! Buys where an asset is offered for less than is bid for it elsewhere.
//!
//! ```text
//!   two books of one asset --> bid of one above ask of the other by fees and margin?
//!                                 --> two orders that trade at once or not at all
//!   own fills --> both positions together away from what they should be? --> worked off, before all else
//! ```
//!
//! # Formulas
//! With the fees f of both venues and the margin m, of the value traded:
//!
//! ```text
//!   bid (1 - f_sell) >= ask (1 + f_buy + m)          in integers, exactly
//!   net = position on the first venue + on the second - net_target
//!   qty = min(bid's quantity, ask's quantity, qty_max, unhedged_max - abs(net), room on both venues)
//! ```
//!
//! Both legs are limited by the very prices that were seen, so that what trades on both sides earns at least the
//! margin. The best levels alone are taken; what is behind them comes with the next book.
//!
//! What traded on one side alone is net, and is worked off: by one order at a time, on the venue where it costs
//! least after fees, up to `slippage_ppm` beyond the best price there. That completes the missing leg or takes the
//! other one back, whichever is better.
//!
//! # What is bounded
//! New legs are sent only when no order is open on either venue, also none whose fate is unknown. So whatever trades,
//! in part or in full, on one venue or both, the net position stays within `unhedged_max`, and each venue's within
//! `position_max`: both count what is open as if it had traded.
//! One case is not in its hand: a position that is told to be beyond its bound. With a `net_target` other than
//! zero nothing is sent before both positions are told.
//!
//! # Assumptions, and when it misleads
//! - Both instruments are the same asset, in quantities of the same unit, priced in quote assets of the same worth.
//!   Two stable coins are not: their rate is a risk that nothing here sees.
//! - What was bought on one venue is not moved to the other: positions grow apart until `position_max` ends it in
//!   one direction. On spot markets both venues need a stock of both assets; say so by `net_target`.
//! - Prices seen are prices of the past. Who is slower than others gets the legs that lose: the side that would
//!   have paid is gone, the other one trades and has to be worked off. Watch how often one leg
//!   alone trades.
//! - A book in which nothing changes sends nothing: it counts as too old after `age_max_ns`, although it may hold.
//! - Fees are those that a taker pays in the quote asset. Fees in the base asset change the net position with each
//!   buy, by less than can be worked off; they add up, and the driver's positions show them.

use serde::Deserialize;
use tiercel_types::market::Level;
use tiercel_types::{Price, Qty, Side, Timestamp};

use crate::alarm::Alarm;
use crate::parameters::{Parameter, ParameterError, decimal};
use crate::state::{self, Reader};
use crate::target::Taker;
use crate::{
    Actions, BookTick, OrderUpdate, PositionUpdate, StateError, Strategy, Terms, TimerTick,
    TradeTick,
};

pub(crate) const NAME: &str = "arbitrage";
const HEADER: u64 = state::header(NAME, 1);
const TIMER: u64 = 0;
/// One in parts per million.
const PPM: i128 = 1_000_000;

/// How an [`Arbitrage`] trades. [`STRATEGIES`](crate::STRATEGIES) lists units, defaults and bounds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is explained in the list of parameters, once")]
pub struct ArbitrageParameters {
    #[serde(deserialize_with = "decimal")]
    pub qty_max: Qty,
    #[serde(deserialize_with = "decimal")]
    pub unhedged_max: Qty,
    #[serde(deserialize_with = "decimal")]
    pub position_max: Qty,
    /// May be negative, which only a price can be.
    #[serde(deserialize_with = "decimal")]
    pub net_target: Price,
    pub first_fee_ppm: u32,
    pub second_fee_ppm: u32,
    pub margin_ppm: u32,
    pub slippage_ppm: u32,
    pub age_max_ns: u64,
    pub retry_ns: u64,
}

pub(crate) const PARAMETERS: &[Parameter] = &[
    Parameter::required(
        "qty_max",
        "base asset",
        "at least one lot of both",
        "Of each leg, at most.",
    ),
    Parameter::required(
        "unhedged_max",
        "base asset",
        "at least one lot of both",
        "How far both positions together may be from net_target, whatever trades.",
    ),
    Parameter::required(
        "position_max",
        "base asset",
        "at least one lot of both",
        "On each venue, long or short, whatever trades.",
    ),
    Parameter::optional(
        "net_target",
        "base asset",
        "'0'",
        "-position_max to position_max, twice",
        "What both positions together should be.",
    ),
    Parameter::required("first_fee_ppm", "10^-6", "0 to 100000", "Taker's fee on the first venue."),
    Parameter::required(
        "second_fee_ppm",
        "10^-6",
        "0 to 100000",
        "Taker's fee on the second venue.",
    ),
    Parameter::optional(
        "margin_ppm",
        "10^-6",
        "100",
        "0 to 100000",
        "What has to be left after fees, of the value bought.",
    ),
    Parameter::optional(
        "slippage_ppm",
        "10^-6",
        "1_000",
        "0 to 999999",
        "How far beyond the best price a position is worked off.",
    ),
    Parameter::optional(
        "age_max_ns",
        "ns",
        "1_000_000_000",
        "above 0",
        "Books that were received longer ago are not traded on.",
    ),
    Parameter::optional(
        "retry_ns",
        "ns",
        "100_000_000",
        "above 0",
        "Until a venue is tried again on which an order was refused or did not trade; doubled by each refusal, up \
         to 64 times.",
    ),
];

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Arbitrage {
    legs: [Taker; 2],
    fees_ppm: [i128; 2],
    margin_ppm: i128,
    qty_max: i128,
    unhedged_max: i128,
    position_max: i128,
    net_target: i128,
    age_max_ns: u64,
    /// What quantities of both venues are multiples of.
    lot: u64,
    alarm: Alarm,
}

impl Arbitrage {
    /// An arbitrage between two instruments.
    ///
    /// # Errors
    /// [`ParameterError`] with the name of the parameter.
    pub fn new(
        parameters: &ArbitrageParameters,
        terms: &[Terms; 2],
    ) -> Result<Self, ParameterError> {
        let p = parameters;
        let check = ParameterError::check;
        let [first, second] = terms;
        let leg =
            |index: usize| Taker::new(&terms[index], index as u64, p.slippage_ppm, p.retry_ns);
        let legs = [leg(0)?, leg(1)?];
        check(first.instrument != second.instrument, "instruments", "two")?;
        let common = common_multiple(first.lot, second.lot);
        let too_far = ParameterError { name: "lot", rule: "of both with a common multiple" };
        let lot = common.ok_or(too_far)?;
        for (name, qty) in [
            ("qty_max", p.qty_max),
            ("unhedged_max", p.unhedged_max),
            ("position_max", p.position_max),
        ] {
            check(qty.units() >= lot, name, "at least one lot of both")?;
            check(i64::try_from(qty.units()).is_ok(), name, "below 2^63 units")?;
        }
        let position_max = i128::from(p.position_max.units());
        let net_target = i128::from(p.net_target.units());
        let is_within = net_target.abs() <= 2 * position_max;
        check(is_within, "net_target", "within position_max on both venues")?;
        for (name, ppm) in [
            ("first_fee_ppm", p.first_fee_ppm),
            ("second_fee_ppm", p.second_fee_ppm),
            ("margin_ppm", p.margin_ppm),
        ] {
            check(ppm <= 100_000, name, "at most 100000")?;
        }
        check(p.age_max_ns > 0, "age_max_ns", "above zero")?;
        Ok(Self {
            legs,
            fees_ppm: [p.first_fee_ppm, p.second_fee_ppm].map(i128::from),
            margin_ppm: i128::from(p.margin_ppm),
            qty_max: i128::from(p.qty_max.units()),
            unhedged_max: i128::from(p.unhedged_max.units()),
            position_max,
            net_target,
            age_max_ns: p.age_max_ns,
            lot,
            alarm: Alarm::new(TIMER),
        })
    }

    /// How far both positions together are from what they should be.
    fn net(&self) -> i128 {
        let positions = self.legs.iter().map(|leg| i128::from(leg.position));
        positions.sum::<i128>() - self.net_target
    }

    #[inline]
    fn settle(&mut self, now: Timestamp, actions: &mut Actions) {
        let is_told = self.net_target == 0 || self.legs.iter().all(|leg| leg.is_told);
        if !is_told || self.legs.iter().any(Taker::is_open) {
            return self.wake(now, actions);
        }
        let net = self.net();
        let side = if net > 0 { Side::Sell } else { Side::Buy };
        if let Some((leg, price, qty)) = self.way_back(now, side, net.abs()) {
            self.legs[leg].take(side, price, qty, actions);
        } else {
            // Where both venues can be traded on, a net that an order could have has its way back: what is left is
            // too small.
            self.seize(now, net, actions);
        }
        self.wake(now, actions);
    }

    /// Wants to be woken when what is held back may go on.
    fn wake(&mut self, now: Timestamp, actions: &mut Actions) {
        let wakes = self.legs.iter().map(|leg| leg.wakes_at(now)).filter(|&at| at > now);
        if let Some(at) = wakes.min() {
            self.alarm.wake_at(now, at, actions);
        }
    }

    /// What a leg's order of a side would meet now; none where the book is too old.
    fn opposite(&self, leg: usize, now: Timestamp, side: Side) -> Option<Level> {
        let taker = &self.legs[leg];
        let is_fresh = now.0.saturating_sub(taker.time.0) <= self.age_max_ns;
        taker.opposite(side).filter(|_| is_fresh)
    }

    /// How much a leg may buy or sell until it is at its bound.
    fn room(&self, leg: usize, side: Side) -> i128 {
        let position = i128::from(self.legs[leg].position);
        self.position_max - if side == Side::Buy { position } else { -position }
    }

    /// What a unit costs a buyer, or brings a seller, after fees, in 10^-6 units.
    fn worth(&self, leg: usize, side: Side, price: Price) -> i128 {
        let fee_ppm = self.fees_ppm[leg];
        let share = if side == Side::Buy { PPM + fee_ppm } else { PPM - fee_ppm };
        i128::from(price.units()) * share
    }

    /// Where, at which price and how much of a net position to work off now.
    fn way_back(&self, now: Timestamp, side: Side, net: i128) -> Option<(usize, Price, Qty)> {
        let offer = |leg: usize| {
            let taker = &self.legs[leg];
            let best = self.opposite(leg, now, side)?;
            let price = taker.limit(side)?;
            let qty = taker.terms.qty_down(net.min(self.room(leg, side)));
            let is_possible = taker.is_free(now) && taker.terms.is_enough(price, qty);
            is_possible.then(|| (self.worth(leg, side, best.price), leg, price, qty))
        };
        let offers = [offer(0), offer(1)].into_iter().flatten();
        let best = match side {
            Side::Buy => offers.min_by_key(|&(worth, ..)| worth),
            Side::Sell => offers.max_by_key(|&(worth, ..)| worth),
        };
        best.map(|(_, leg, price, qty)| (leg, price, qty))
    }

    /// Sends both legs where one venue bids more than the other asks.
    fn seize(&mut self, now: Timestamp, net: i128, actions: &mut Actions) {
        let both_free = self.legs.iter().all(|leg| leg.is_free(now));
        // One leg without the other would be half an arbitrage.
        if !both_free || actions.room() < 3 {
            return;
        }
        for (buys, sells) in [(0, 1), (1, 0)] {
            let ask = self.opposite(buys, now, Side::Buy);
            let bid = self.opposite(sells, now, Side::Sell);
            let (Some(ask), Some(bid)) = (ask, bid) else { continue };
            let cost = self.worth(buys, Side::Buy, ask.price);
            let margin = i128::from(ask.price.units()) * self.margin_ppm;
            if self.worth(sells, Side::Sell, bid.price) < cost + margin {
                continue;
            }
            let bounds = [
                i128::from(ask.qty.units()),
                i128::from(bid.qty.units()),
                self.qty_max,
                self.unhedged_max - net.abs(),
                self.room(buys, Side::Buy),
                self.room(sells, Side::Sell),
            ];
            let qty = bounds.into_iter().min().unwrap_or(0).max(0);
            let qty = Qty::from_units((qty - qty % i128::from(self.lot)) as u64);
            let [buy_terms, sell_terms] = [buys, sells].map(|leg| self.legs[leg].terms);
            // What was seen is on the tick, unless the feed is wrong: then no worse.
            let low = buy_terms.price_down(ask.price.units().into());
            let high = sell_terms.price_up(bid.price.units().into());
            let (Some(low), Some(high)) = (low, high) else { continue };
            if buy_terms.is_enough(low, qty) && sell_terms.is_enough(high, qty) {
                self.legs[buys].take(Side::Buy, low, qty, actions);
                self.legs[sells].take(Side::Sell, high, qty, actions);
                return;
            }
        }
    }
}

/// The smallest multiple of two lots, in units; none where it does not fit.
fn common_multiple(first: Qty, second: Qty) -> Option<u64> {
    let (mut divisor, mut rest) = (first.units(), second.units());
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    first.units().checked_div(divisor)?.checked_mul(second.units())
}

impl Strategy for Arbitrage {
    fn name(&self) -> &'static str {
        NAME
    }

    #[inline]
    fn on_book(&mut self, tick: &BookTick, actions: &mut Actions) {
        if self.legs.iter_mut().any(|leg| leg.see(tick)) {
            self.settle(tick.time, actions);
        }
    }

    #[inline]
    fn on_trade(&mut self, _trade: &TradeTick, _actions: &mut Actions) {}

    fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        if self.legs.iter_mut().any(|leg| leg.observe(update, actions)) {
            self.settle(update.time, actions);
        }
    }

    fn on_position(&mut self, update: &PositionUpdate, actions: &mut Actions) {
        if self.legs.iter_mut().any(|leg| leg.owns(update)) {
            self.settle(update.time, actions);
        }
    }

    fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        if self.alarm.has_fired(timer) {
            for leg in &mut self.legs {
                leg.clear(timer.time, actions);
            }
            self.settle(timer.time, actions);
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        let mut out = state::writer(out, HEADER);
        for leg in &self.legs {
            leg.save(&mut out);
        }
        self.alarm.save(&mut out);
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut words = Reader::new(self, HEADER, state)?;
        let mut restored = self.clone();
        for leg in &mut restored.legs {
            leg.restore(&mut words)?;
        }
        restored.alarm.restore(&mut words)?;
        *self = restored;
        Ok(())
    }
}
