//! Brings a position to where it should be, by orders that trade at once or not at all.
//!
//! One order at a time, for all that is missing, at the best price of the other side and no more than the
//! slippage worse. What of it does not trade ends; after a pause the rest is tried again. While an order's fate is
//! unknown nothing is sent. On a stale book, or against an empty side, nothing is sent either.

use tiercel_types::market::Level;
use tiercel_types::{Price, Side, Timestamp};

use crate::alarm::Alarm;
use crate::parameters::ParameterError;
use crate::slot::{Manner, OrderSlot, Seen};
use crate::state::Reader;
use crate::{
    Action, Actions, BookTick, OrderUpdate, OrderUpdateKind, PositionUpdate, StateError, Terms,
    TimerTick,
};

/// One in parts per million.
const PPM: i128 = 1_000_000;

/// An instrument, what is owned of it, and at most one order that takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taker {
    pub(crate) terms: Terms,
    slot: OrderSlot,
    /// Its order was found open.
    stands: bool,
    slippage_ppm: i128,
    /// In units of a quantity; negative: short.
    pub(crate) position: i64,
    /// Whether that was told.
    pub(crate) is_told: bool,
    /// Best bid and best ask; each zero where there is none, or where it is not known.
    pub(crate) bid: Level,
    pub(crate) ask: Level,
    /// When they were received.
    pub(crate) time: Timestamp,
}

impl Taker {
    pub(crate) fn new(
        terms: &Terms,
        index: u64,
        slippage_ppm: u32,
        retry_ns: u64,
    ) -> Result<Self, ParameterError> {
        ParameterError::check_terms(terms)?;
        let slippage_ppm = i128::from(slippage_ppm);
        ParameterError::check(slippage_ppm < PPM, "slippage_ppm", "below 1000000")?;
        ParameterError::check(retry_ns > 0, "retry_ns", "above zero")?;
        Ok(Self {
            terms: *terms,
            slot: OrderSlot::new(terms.instrument, index, retry_ns),
            stands: false,
            slippage_ppm,
            position: 0,
            is_told: false,
            bid: Level::default(),
            ask: Level::default(),
            time: Timestamp(0),
        })
    }

    /// Takes in a book: whether it is the instrument's.
    #[inline]
    pub(crate) fn see(&mut self, tick: &BookTick) -> bool {
        if tick.instrument != self.terms.instrument {
            return false;
        }
        let is_book = tick.is_live() && !is_crossed(tick);
        let level = |level: Level| {
            let is_there = is_book && level.price.units() > 0 && !level.qty.is_zero();
            if is_there { level } else { Level::default() }
        };
        (self.bid, self.ask) = (level(tick.bid()), level(tick.ask()));
        self.time = tick.time;
        true
    }

    /// What an order of a side would meet; none: nothing.
    pub(crate) fn opposite(&self, side: Side) -> Option<Level> {
        let level = if side == Side::Buy { self.ask } else { self.bid };
        (!level.qty.is_zero()).then_some(level)
    }

    /// The worst price at which an order of a side may trade now.
    pub(crate) fn limit(&self, side: Side) -> Option<Price> {
        let best = i128::from(self.opposite(side)?.price.units());
        let slip = best * self.slippage_ppm / PPM;
        match side {
            Side::Buy => self.terms.price_down(best + slip),
            Side::Sell => self.terms.price_up(best - slip),
        }
    }

    /// Whether an order may be sent.
    pub(crate) const fn is_free(&self, now: Timestamp) -> bool {
        self.slot.live().is_none() && !self.slot.is_held(now)
    }

    /// Whether an order counts as open.
    pub(crate) const fn is_open(&self) -> bool {
        self.slot.live().is_some()
    }

    /// Sends an order, which [`is_free`](Self::is_free) allows.
    pub(crate) fn take(
        &mut self,
        side: Side,
        price: Price,
        qty: tiercel_types::Qty,
        actions: &mut Actions,
    ) {
        self.slot.submit(Manner::Take, side, price, qty, actions);
    }

    /// Takes in what has happened to an order: whether it is the instrument's.
    pub(crate) fn observe(&mut self, update: &OrderUpdate, actions: &mut Actions) -> bool {
        if update.instrument != self.terms.instrument {
            return false;
        }
        (self.position, self.is_told) = (update.position, true);
        if self.slot.observe(update) == Seen::Stray {
            let cancel = Action::cancel(update.tag, self.terms.instrument);
            // Without room it stays until the driver tells of it again.
            return actions.push(cancel).is_ok();
        }
        // What may trade at once or not at all is not found open; if it is, it does not stay so.
        if update.kind == OrderUpdateKind::Found {
            self.stands = true;
            self.clear(update.time, actions);
        }
        self.stands &= self.is_open();
        true
    }

    /// Takes in what is owned: whether it is of the instrument.
    pub(crate) fn owns(&mut self, update: &PositionUpdate) -> bool {
        let is_it = update.instrument == self.terms.instrument;
        if is_it {
            (self.position, self.is_told) = (update.position, true);
        }
        is_it
    }

    /// Cancels an order that was found open.
    pub(crate) fn clear(&mut self, now: Timestamp, actions: &mut Actions) {
        if self.stands {
            self.slot.cancel(now, actions);
        }
    }

    /// When something that is held back may go on; the past where nothing is.
    pub(crate) fn wakes_at(&self, now: Timestamp) -> Timestamp {
        self.slot.wakes_at(now)
    }

    pub(crate) fn save(&self, out: &mut impl FnMut(u64)) {
        self.slot.save(out);
        out(u64::from(self.stands));
        out(self.position.cast_unsigned());
        out(u64::from(self.is_told));
        for level in [self.bid, self.ask] {
            out(level.price.units().cast_unsigned());
            out(level.qty.units());
        }
        out(self.time.0);
    }

    pub(crate) fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        self.slot.restore(words)?;
        self.stands = words.flag("order's standing")?;
        self.position = words.integer("position")?;
        self.is_told = words.flag("position")?;
        for level in [&mut self.bid, &mut self.ask] {
            *level = Level { price: words.price("best price")?, qty: words.qty("best quantity")? };
        }
        self.time = words.time("time of the book")?;
        Ok(())
    }
}

fn is_crossed(tick: &BookTick) -> bool {
    let (bid, ask) = (tick.bid(), tick.ask());
    !bid.qty.is_zero() && !ask.qty.is_zero() && bid.price >= ask.price
}

/// A position that is brought to a target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetPosition {
    taker: Taker,
    alarm: Alarm,
    /// In units of a quantity; none: it stays what it is.
    pub(crate) target: Option<i64>,
}

impl TargetPosition {
    /// `timer` is the one that it may use; the tags of its orders are 0 in their low three bits.
    pub(crate) fn new(
        terms: &Terms,
        slippage_ppm: u32,
        retry_ns: u64,
        timer: u64,
    ) -> Result<Self, ParameterError> {
        let taker = Taker::new(terms, 0, slippage_ppm, retry_ns)?;
        Ok(Self { taker, alarm: Alarm::new(timer), target: None })
    }

    /// Takes in a book: whether it is the instrument's.
    #[inline]
    pub(crate) fn see(&mut self, tick: &BookTick) -> bool {
        self.taker.see(tick)
    }

    /// Takes in what has happened to an order, and goes on.
    pub(crate) fn on_order(&mut self, update: &OrderUpdate, actions: &mut Actions) {
        if self.taker.observe(update, actions) {
            self.settle(update.time, actions);
        }
    }

    /// Takes in what is owned, and goes on.
    pub(crate) fn on_position(&mut self, update: &PositionUpdate, actions: &mut Actions) {
        if self.taker.owns(update) {
            self.settle(update.time, actions);
        }
    }

    /// Goes on when it was its timer.
    pub(crate) fn on_timer(&mut self, timer: &TimerTick, actions: &mut Actions) {
        if self.alarm.has_fired(timer) {
            self.taker.clear(timer.time, actions);
            self.settle(timer.time, actions);
        }
    }

    /// Sends an order for what is missing, if one may be sent.
    #[inline]
    pub(crate) fn settle(&mut self, now: Timestamp, actions: &mut Actions) {
        let taker = &mut self.taker;
        let target = self.target.unwrap_or(taker.position);
        let missing = i128::from(target) - i128::from(taker.position);
        if missing != 0 && taker.is_free(now) {
            let side = if missing > 0 { Side::Buy } else { Side::Sell };
            let qty = taker.terms.qty_down(missing.abs());
            if let Some(price) = taker.limit(side)
                && taker.terms.is_enough(price, qty)
            {
                taker.take(side, price, qty, actions);
            }
        }
        let at = taker.wakes_at(now);
        self.alarm.wake_at(now, at, actions);
    }

    pub(crate) fn save(&self, out: &mut impl FnMut(u64)) {
        self.taker.save(out);
        self.alarm.save(out);
        out(u64::from(self.target.is_some()));
        out(self.target.unwrap_or(0).cast_unsigned());
    }

    pub(crate) fn restore(&mut self, words: &mut Reader<'_>) -> Result<(), StateError> {
        self.taker.restore(words)?;
        self.alarm.restore(words)?;
        let is_set = words.flag("target")?;
        let target = words.integer("target")?;
        self.target = is_set.then_some(target);
        Ok(())
    }
}
