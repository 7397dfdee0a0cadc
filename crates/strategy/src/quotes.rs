//! Keeps the orders of a bid and an ask in step with what is wanted: for strategies that quote.
//!
//! ```text
//!   a tick, a fill --> Quotes::want(bid, ask) --+
//!                                               +--> Quotes::settle --> submits, replaces, cancels, a timer
//!   own order -------> Quotes::observe ---------+
//! ```
//!
//! - A side has one order at most, and one request on its way. While one is, nothing is asked again; only a
//!   cancel overtakes an order or a change that was not answered yet.
//! - An order stays where it is while its price is within the hysteresis of what is wanted and so much of its
//!   quantity is open: an order that is moved loses its place. More than is wanted is never left open.
//! - What is not wanted is cancelled. So is an order that is off while changes of it are held back: it must not
//!   stand at a price that nobody wants.
//! - Denied, rejected, ended by somebody else: the side waits, longer each time, and a timer ends the wait.
//! - An order of which no answer came counts as open: nothing is done on its side until it is known.
//! - The two sides never cross: while the other side's order stands in the way of a price (also as the one that
//!   it is being changed from or to), the side waits, and the other one is moved whatever the hysteresis.
//! - An order that is open although the side has another (of what ran before a restart) is cancelled.
//!
//! Assumptions: the venue answers each request, or the driver says [`Unknown`](crate::OrderUpdateKind::Unknown)
//! and later how the order stands. It misleads where own quotes are a large part of the book: what is wanted
//! may follow what is quoted.

use tiercel_types::{InstrumentId, Price, Qty, Side, Timestamp};

use crate::alarm::Alarm;
use crate::parameters::ParameterError;
use crate::slot::{Live, Manner, OrderSlot, Phase, Seen};
use crate::state::Reader;
use crate::{Action, Actions, OrderUpdate, StateError, Terms, TimerTick};

/// One in parts per million.
const PPM: u128 = 1_000_000;

/// What one side should have in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// At which price: on the tick.
    pub price: Price,
    /// How much: above zero, on the lot.
    pub qty: Qty,
}

/// How closely orders follow what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteParameters {
    /// By how many ticks an order may be off before it is moved.
    pub hysteresis_ticks: u32,
    /// An order has its full quantity restored when less than this share of it is open, in parts per million.
    /// 1,000,000: after each fill.
    pub refill_below_ppm: u32,
    /// Orders that would trade at once are refused by the venue.
    pub post_only: bool,
    /// How long a side waits after a request failed, the first time; above zero.
    pub backoff_ns: u64,
}

/// A bid and an ask, and the orders that stand for them.
#[derive(Clone, Copy, Debug)]
pub struct Quotes {
    instrument: InstrumentId,
    /// In units of a price.
    hysteresis: u64,
    refill_below_ppm: u128,
    manner: Manner,
    alarm: Alarm,
    /// By [`Side::index`].
    wanted: [Option<Wanted>; 2],
    slots: [OrderSlot; 2],
}

impl Quotes {
    /// Nothing wanted, and no order. `timer` is the strategy's timer that they may use; the tags of their orders
    /// are 0 and 1 in their low three bits.
    ///
    /// # Errors
    /// [`ParameterError`] with the name of the parameter.
    pub fn new(
        parameters: &QuoteParameters,
        terms: &Terms,
        timer: u64,
    ) -> Result<Self, ParameterError> {
        let QuoteParameters { hysteresis_ticks, refill_below_ppm, post_only, backoff_ns } =
            *parameters;
        let is_share = u128::from(refill_below_ppm) <= PPM;
        ParameterError::check(is_share, "refill_below_ppm", "at most 1000000")?;
        ParameterError::check(backoff_ns > 0, "backoff_ns", "above zero")?;
        ParameterError::check(timer < Action::TIMERS, "timer", "below 8")?;
        let tick = terms.tick.units().unsigned_abs();
        let slot = |index| OrderSlot::new(terms.instrument, index, backoff_ns);
        Ok(Self {
            instrument: terms.instrument,
            hysteresis: tick.saturating_mul(u64::from(hysteresis_ticks)),
            refill_below_ppm: u128::from(refill_below_ppm),
            manner: if post_only { Manner::PostOnly } else { Manner::Limit },
            alarm: Alarm::new(timer),
            wanted: [None; 2],
            slots: [slot(0), slot(1)],
        })
    }

    /// Wants these from now on. Of a bid that is not below the ask, and of quantities of zero, nothing is wanted.
    #[inline]
    pub fn want(&mut self, bid: Option<Wanted>, ask: Option<Wanted>) {
        let [bid, ask] = [bid, ask].map(|wanted| wanted.filter(|wanted| !wanted.qty.is_zero()));
        self.wanted = match (bid, ask) {
            (Some(bid), Some(ask)) if bid.price >= ask.price => [None; 2],
            both => both.into(),
        };
    }

    /// What is wanted of a side.
    pub const fn wanted(&self, side: Side) -> Option<Wanted> {
        self.wanted[side.index()]
    }

    /// Takes in what has happened to an order: whether it was one of these. [`settle`](Self::settle) does what
    /// follows from it.
    pub fn observe(&mut self, update: &OrderUpdate, actions: &mut Actions) -> bool {
        for slot in &mut self.slots {
            match slot.observe(update) {
                Seen::Foreign => {}
                Seen::Own => return true,
                Seen::Stray => {
                    // Without room it stays until the driver tells of it again.
                    return actions.push(Action::cancel(update.tag, self.instrument)).is_ok();
                }
            }
        }
        false
    }

    /// Whether it was their timer. [`settle`](Self::settle) does what follows from it.
    pub const fn has_fired(&mut self, tick: &TimerTick) -> bool {
        self.alarm.has_fired(tick)
    }

    /// Asks for what is missing between the orders and what is wanted.
    #[inline]
    pub fn settle(&mut self, now: Timestamp, actions: &mut Actions) {
        for side in [Side::Buy, Side::Sell] {
            self.settle_side(side, now, actions);
        }
        let wakes = self.slots.iter().map(|slot| slot.wakes_at(now)).filter(|&at| at > now);
        if let Some(at) = wakes.min() {
            self.alarm.wake_at(now, at, actions);
        }
    }

    #[inline]
    fn settle_side(&mut self, side: Side, now: Timestamp, actions: &mut Actions) {
        let wanted = self.wanted[side.index()];
        let other = self.slots[side.opposite().index()];
        let slot = &mut self.slots[side.index()];
        let is_blocked = |price| other.live().is_some_and(|live| crosses(side, price, live));
        match (slot.live(), wanted) {
            (None, None) => {}
            (Some(_), None) => slot.cancel(now, actions),
            (None, Some(wanted)) => {
                if !slot.is_held(now) && !is_blocked(wanted.price) {
                    slot.submit(self.manner, side, wanted.price, wanted.qty, actions);
                }
            }
            (Some(live), Some(wanted)) => {
                let is_free = live.phase == Phase::Working && !live.is_unknown;
                let in_the_way = self.wanted[side.opposite().index()]
                    .is_some_and(|other| crosses(side.opposite(), other.price, live));
                let is_off = in_the_way
                    || live.price.units().abs_diff(wanted.price.units()) > self.hysteresis
                    || live.open_qty > wanted.qty
                    || u128::from(live.open_qty.units()) * PPM
                        < u128::from(wanted.qty.units()) * self.refill_below_ppm;
                if !is_free || !is_off {
                    return;
                }
                if slot.is_held(now) {
                    slot.cancel(now, actions);
                } else if !is_blocked(wanted.price) {
                    slot.replace(wanted.price, wanted.qty, actions);
                }
            }
        }
    }

    /// What is open on a side, for all that is known.
    pub fn open_qty(&self, side: Side) -> Qty {
        self.slots[side.index()].live().map_or(Qty::ZERO, |live| live.open_qty)
    }

    pub(crate) fn save(&self, out: &mut impl FnMut(u64)) {
        self.alarm.save(out);
        for (wanted, slot) in self.wanted.iter().zip(&self.slots) {
            let Wanted { price, qty } =
                wanted.unwrap_or(Wanted { price: Price::ZERO, qty: Qty::ZERO });
            out(price.units().cast_unsigned());
            out(qty.units());
            slot.save(out);
        }
    }

    pub(crate) fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        self.alarm.restore(words)?;
        for (wanted, slot) in self.wanted.iter_mut().zip(&mut self.slots) {
            let (price, qty) = (words.price("wanted price")?, words.qty("wanted quantity")?);
            *wanted = (!qty.is_zero()).then_some(Wanted { price, qty });
            slot.restore(words)?;
        }
        Ok(())
    }
}

/// Whether an order of `side` at `price` would trade with an order of the other side, as it is or may be soon.
#[inline]
fn crosses(side: Side, price: Price, other: &Live) -> bool {
    match side {
        Side::Buy => price >= other.price.min(other.asked_price),
        Side::Sell => price <= other.price.max(other.asked_price),
    }
}
