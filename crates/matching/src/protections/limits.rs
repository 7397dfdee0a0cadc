//! Limit bands: a band round a mean of recent trades beyond which there are none, and a pause if
//! the market stays at its edge.

use tiercel_types::command::{SetInstrumentState, SetProtections};
use tiercel_types::event::{BandsChanged, EventBuffer, InterruptionCause, LimitStateChanged};
use tiercel_types::instrument::PPM;
use tiercel_types::{
    AccountId, DenialReason, InstrumentId, InstrumentState, Price, Side, Timestamp,
};

use super::agenda::Coming;
use crate::book::Book;
use crate::engine::{Engine, Progress};
use crate::ledger::Ledger;
use crate::waiting::Touched;

/// Buckets of the window over which the mean is taken.
pub(super) const BUCKETS: usize = 16;

/// Records that a look at one instrument writes at most.
const LOOK_RECORDS: usize = 2;

/// Trades of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Which stretch; without trades it means nothing.
    pub(crate) number: u64,
    pub(crate) trades: u64,
    /// Their prices in units, added up.
    pub(crate) sum: i128,
}

/// The bands, and what they lie round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    pub(crate) reference: Price,
    pub(crate) lower: Price,
    pub(crate) upper: Price,
}

/// That the market stands at a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitState {
    pub(crate) side: Side,
    pub(crate) until: Timestamp,
}

/// What is known of an instrument's limit bands.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How long a bucket is.
    width_ns: u64,
    /// By bucket number modulo their count.
    pub(super) buckets: [Bucket; BUCKETS],
    pub(crate) bands: Option<Bands>,
    pub(super) state: Option<LimitState>,
    /// Trades of the present command: how many, and their prices added up.
    traded: (u64, i128),
}

impl Limits {
    /// Nothing is known yet.
    pub(super) fn new(set: &SetProtections) -> Self {
        Self {
            width_ns: set.window_ns.div_ceil(BUCKETS as u64).max(1),
            buckets: [Bucket::default(); BUCKETS],
            bands: None,
            state: None,
            traded: (0, 0),
        }
    }

    /// Counts a trade of the present command.
    #[inline]
    pub(crate) fn note_trade(&mut self, price: Price) {
        self.traded.0 += 1;
        self.traded.1 += i128::from(price.units());
    }

    /// The mean price of the window, the present command's trades included.
    fn mean(&self, now: Timestamp) -> Option<Price> {
        let number = now.0 / self.width_ns;
        let oldest = number.saturating_sub(BUCKETS as u64 - 1);
        let recent = self.buckets.iter().filter(|bucket| bucket.number >= oldest);
        let (mut trades, mut sum) = self.traded;
        for bucket in recent {
            trades += bucket.trades;
            sum += bucket.sum;
        }
        let mean = sum.checked_div_euclid(i128::from(trades))?;
        i64::try_from(mean).ok().map(Price::from_units)
    }

    /// The present command's trades become part of the window.
    fn keep_trades(&mut self, now: Timestamp) {
        let (trades, sum) = core::mem::take(&mut self.traded);
        let number = now.0 / self.width_ns;
        let bucket = &mut self.buckets[(number % BUCKETS as u64) as usize];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.trades += trades;
        bucket.sum += sum;
    }

    /// The reference that the bands get now, if another.
    fn next_reference(&self, now: Timestamp) -> Option<Price> {
        if self.traded.0 == 0 {
            return None;
        }
        let mean = self.mean(now)?;
        let moved = self.bands.is_none_or(|bands| {
            let reference = i128::from(bands.reference.units());
            (i128::from(mean.units()) - reference).abs() * 100 >= reference
        });
        moved.then_some(mean)
    }
}

impl Book {
    /// The bands round a reference.
    fn bands_round(&self, reference: Price, limit_ppm: u32) -> Bands {
        let units = i128::from(self.tick.units());
        let middle = i128::from(reference.units());
        let reach = middle * i128::from(limit_ppm) / i128::from(PPM);
        let (lower, upper) = (middle - reach, middle + reach);
        let lower = lower.div_euclid(units) * units;
        let upper = (upper + units - 1).div_euclid(units) * units;
        let price = |units: i128| Price::from_units(i64::try_from(units).unwrap_or(i64::MAX));
        Bands { reference, lower: price(lower), upper: price(upper) }
    }

    /// Which best price stands at its band now, if one does: the buyers' is looked at first.
    fn at_limit(&self) -> Option<(Side, Price)> {
        let bands = self.guard.as_ref()?.limits.bands.filter(|_| self.is_open())?;
        let best = |side: Side| {
            let ladder = self.ladder(side);
            ladder.best_key().map(|key| self.price(ladder.key(key)))
        };
        let bid = best(Side::Buy).filter(|&bid| bid >= bands.upper);
        let ask = best(Side::Sell).filter(|&ask| ask <= bands.lower);
        bid.map(|bid| (Side::Buy, bid)).or(ask.map(|ask| (Side::Sell, ask)))
    }

    fn is_open(&self) -> bool {
        self.state == InstrumentState::Open
    }

    /// Check 18a.
    #[cold]
    pub(crate) fn check_limit_bands(&self, price: Price, side: Side) -> Result<(), DenialReason> {
        let bands = self.guard.as_ref().and_then(|guard| guard.limits.bands);
        let beyond = bands.filter(|_| self.is_open()).is_some_and(|bands| match side {
            Side::Buy => price > bands.upper,
            Side::Sell => price < bands.lower,
        });
        if beyond { Err(DenialReason::PriceBeyondLimit) } else { Ok(()) }
    }
}

impl<L: Ledger> Engine<L> {
    /// After a command: looks at what it did to references and limit states. If the buffer does
    /// not take what there is to tell, the look goes on where it stopped.
    pub(crate) fn look_at_limits(&mut self, out: &mut EventBuffer) -> Progress {
        match self.limits_touched {
            Touched::Nothing => {}
            Touched::Book(index) if !self.limited.contains(&index) => {}
            Touched::Book(index) => {
                if self.look_at_limit(index, out) == Progress::More {
                    return Progress::More;
                }
            }
            Touched::All => {
                for at in 0..self.limited.len() {
                    if self.look_at_limit(self.limited[at], out) == Progress::More {
                        return Progress::More;
                    }
                }
            }
        }
        self.limits_touched = Touched::Nothing;
        Progress::Done
    }

    fn look_at_limit(&mut self, index: u32, out: &mut EventBuffer) -> Progress {
        let now = self.time;
        let book = self.book(index);
        let Some(guard) = &book.guard else { return Progress::Done };
        let reference = guard.limits.next_reference(now);
        let entered = guard.limits.state.is_some();
        let tells = reference.is_some() || book.at_limit().is_some() != entered;
        if tells && !out.has_room_for(LOOK_RECORDS) {
            return Progress::More;
        }
        let limits = &mut self.book_mut(index).guard_mut().limits;
        if limits.traded.0 != 0 {
            limits.keep_trades(now);
        }
        if let Some(reference) = reference {
            self.refer_to(index, reference, out);
        }
        self.look_at_limit_state(index, out);
        Progress::Done
    }

    /// The bands lie round another price.
    pub(super) fn refer_to(&mut self, index: u32, reference: Price, out: &mut EventBuffer) {
        let book = self.book_mut(index);
        let limit_ppm = book.guard_mut().set.limit_ppm;
        let bands = book.bands_round(reference, limit_ppm);
        book.guard_mut().limits.bands = Some(bands);
        let Bands { reference, lower, upper } = bands;
        let instrument = book.spec.instrument;
        out.push(instrument, AccountId::VENUE, BandsChanged { reference, lower, upper });
    }

    fn look_at_limit_state(&mut self, index: u32, out: &mut EventBuffer) {
        let book = self.book(index);
        let Some(guard) = &book.guard else { return };
        let instrument = book.spec.instrument;
        let changed = match (guard.limits.state, book.at_limit()) {
            (None, Some((side, price))) => {
                let limit_state_ns = guard.set.limit_state_ns;
                let until = Timestamp(self.time.0.saturating_add(limit_state_ns));
                self.book_mut(index).guard_mut().limits.state = Some(LimitState { side, until });
                self.agenda.insert(until, Coming::LimitState(instrument));
                LimitStateChanged { price, until, entered: 1, side, reserved: [0; 6] }
            }
            (Some(LimitState { side, .. }), None) => {
                self.forget_limit_state(index);
                let (price, until) = (Price::ZERO, Timestamp(0));
                LimitStateChanged { price, until, entered: 0, side, reserved: [0; 6] }
            }
            _ => return,
        };
        out.push(instrument, AccountId::VENUE, changed);
    }

    /// An instrument is in no limit state any more.
    pub(super) fn forget_limit_state(&mut self, index: u32) {
        let book = self.book_mut(index);
        let instrument = book.spec.instrument;
        let state = book.guard.as_mut().and_then(|guard| guard.limits.state.take());
        if let Some(LimitState { until, .. }) = state {
            self.agenda.remove(until, Coming::LimitState(instrument));
        }
    }

    /// An instrument pauses no more.
    pub(super) fn forget_pause(&mut self, index: u32) {
        let book = self.book_mut(index);
        let instrument = book.spec.instrument;
        let until = book.guard.as_mut().and_then(|guard| guard.pause_until.take());
        if let Some(until) = until {
            self.agenda.remove(until, Coming::PauseEnd(instrument));
        }
    }

    /// A limit state has lasted: the instrument pauses.
    pub(super) fn begin_pause(
        &mut self,
        instrument: InstrumentId,
        out: &mut EventBuffer,
    ) -> Progress {
        let Ok(index) = self.book_of(instrument) else { return Progress::Done };
        self.touch_also(Touched::Book(index));
        let state = InstrumentState::Paused;
        let progress =
            self.change_state(SetInstrumentState { instrument, state, reserved: [0; 3] }, out);
        let pause_ns = self.book(index).guard.as_ref().map_or(0, |guard| guard.set.pause_ns);
        let until = Timestamp(self.time.0.saturating_add(pause_ns));
        self.book_mut(index).guard_mut().pause_until = Some(until);
        self.agenda.insert(until, Coming::PauseEnd(instrument));
        progress
    }

    /// A pause is over: the instrument comes back by a call.
    pub(super) fn end_pause(
        &mut self,
        instrument: InstrumentId,
        out: &mut EventBuffer,
    ) -> Progress {
        if let Ok(index) = self.book_of(instrument) {
            self.touch_also(Touched::Book(index));
            let cause = (InterruptionCause::Pause, Price::ZERO, Price::ZERO);
            self.interrupt(index, AccountId::VENUE, cause, out);
        }
        Progress::Done
    }
}
