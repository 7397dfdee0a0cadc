//! Price bands: where a taker may trade, and what becomes of one that would trade elsewhere.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{Kind, NewOrder, SetProtections};
use tiercel_types::event::{EventBuffer, InterruptionCause, InterruptionStarted, ProtectionsSet};
use tiercel_types::instrument::PPM;
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentState, OrderKind, Price, Side, Timestamp,
};

use super::limits::Limits;
use crate::book::{BANDED, Book, GUARDED};
use crate::engine::{Engine, Named, Progress};
use crate::entry::may_rest;
use crate::ledger::Ledger;
use crate::taker::Taker;
use crate::waiting::Touched;

/// No duration is longer.
const DURATION_NS_MAX: u64 = 1 << 62;

/// What guards an instrument's prices, once anything has.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) set: SetProtections,
    pub(crate) limits: Limits,
    /// While a pause lasts: when it is over.
    pub(crate) pause_until: Option<Timestamp>,
    /// In the call of an interruption: whether it was prolonged.
    pub(crate) prolonged: Option<bool>,
}

impl Guard {
    pub(crate) fn new(set: SetProtections) -> Self {
        Self { set, limits: Limits::new(&set), pause_until: None, prolonged: None }
    }

    /// Counts a trade of the present command.
    #[cold]
    pub(crate) fn note_trade(&mut self, price: Price) {
        if self.set.limit_ppm != 0 {
            self.limits.note_trade(price);
        }
    }

    /// Whether it says nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.set == SetProtections::none(self.set.instrument)
            && self.pause_until.is_none()
            && self.prolonged.is_none()
    }
}

/// Which of the opposite levels a taker may trade at, by their keys, and the last price as it was
/// before the taker's first trade.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) near: i64,
    pub(crate) far: i64,
    last: Option<Price>,
}

impl Reach {
    /// At all of them.
    pub(crate) const ANYWHERE: Self = Self { near: i64::MIN, far: i64::MAX, last: None };

    /// Whether it may trade at a level.
    #[inline(always)]
    pub(crate) fn holds(&self, key: i64) -> bool {
        self.near <= key && key <= self.far
    }
}

/// Whether a price is further from a reference than so many ppm of it.
fn is_outside(price: Price, reference: Price, ppm: u32) -> bool {
    let distance = i128::from(price.units()) - i128::from(reference.units());
    distance.abs() * i128::from(PPM) > i128::from(reference.units()) * i128::from(ppm)
}

impl Book {
    /// What guards its prices, which is there.
    pub(super) fn guard_mut(&mut self) -> &mut Guard {
        match &mut self.guard {
            Some(guard) => guard,
            None => unreachable!("a guarded book has its guard"),
        }
    }

    /// What the static band refers to.
    pub(super) fn static_reference(&self) -> Option<Price> {
        let terms = self.spec.reference_price;
        self.auction_price.or((!terms.is_zero()).then_some(terms))
    }

    /// The levels opposite to `side` that lie in all bands now.
    fn reach(&self, side: Side) -> Reach {
        let Some(guard) = &self.guard else { return Reach::ANYWHERE };
        let units = self.tick.units().cast_signed();
        let (mut low, mut high) = (i64::MIN, i64::MAX);
        let mut narrow = |lowest: i128, highest: i128| {
            // Prices are positive, and so the lower bound fits; the upper one may not.
            let first =
                lowest.div_euclid(units.into()) + i128::from(lowest.rem_euclid(units.into()) != 0);
            low = low.max(i64::try_from(first).unwrap_or(i64::MIN));
            high = high.min(i64::try_from(highest.div_euclid(units.into())).unwrap_or(i64::MAX));
        };
        let bands = [
            (guard.set.dynamic_ppm, self.last_price),
            (guard.set.static_ppm, self.static_reference()),
        ];
        for (ppm, reference) in bands {
            if let Some(reference) = reference.filter(|_| ppm != 0) {
                let reference = i128::from(reference.units());
                let reach = reference * i128::from(ppm) / i128::from(PPM);
                narrow(reference - reach, reference + reach);
            }
        }
        if let Some(bands) = &guard.limits.bands {
            narrow(bands.lower.units().into(), bands.upper.units().into());
        }
        let (near, far) = match side {
            Side::Buy => (low, high),
            // Keys of bids are complements: as in `Ladder::key`.
            Side::Sell => (!high, !low),
        };
        Reach { near, far, last: self.last_price }
    }
}

impl<L: Ledger> Engine<L> {
    pub(crate) fn set_protections(
        &mut self,
        set: &SetProtections,
        out: &mut EventBuffer,
    ) -> Progress {
        let index = match self.check_protections(set) {
            Ok(index) => index,
            Err(reason) => {
                let named = Named::plain(Kind::SetProtections, set.instrument, AccountId::VENUE);
                named.deny(reason, out);
                return Progress::Done;
            }
        };
        out.push(set.instrument, AccountId::VENUE, ProtectionsSet { protections: *set });
        self.forget_limit_state(index);
        self.protect(index, set);
        let book = self.book_mut(index);
        if set.limit_ppm != 0
            && let Some(reference) = book.static_reference().or(book.last_price)
        {
            self.refer_to(index, reference, out);
        }
        self.touch_also(Touched::Book(index));
        self.react(out)
    }

    /// Guards a book so from now on.
    pub(super) fn protect(&mut self, index: u32, set: &SetProtections) {
        let book = self.book_mut(index);
        let guard = book.guard.get_or_insert_with(|| Box::new(Guard::new(*set)));
        (guard.set, guard.limits) = (*set, Limits::new(set));
        book.mark(GUARDED, set.dynamic_ppm | set.static_ppm | set.limit_ppm != 0);
        book.mark(BANDED, book.spec.band_ppm | set.limit_ppm != 0);
        let number = |engine: &Self, index: u32| engine.book(index).spec.instrument;
        self.limited.retain(|&other| other != index);
        if set.limit_ppm != 0 {
            let at = self.limited.partition_point(|&it| number(self, it) < number(self, index));
            self.limited.insert(at, index);
        }
    }

    pub(super) fn check_protections(&self, set: &SetProtections) -> Result<u32, DenialReason> {
        let index = self.book_of(set.instrument)?;
        let nothing = *set == SetProtections::none(set.instrument);
        let negative = self.book(index).spec.min_price.units() < 0;
        let ppm = [set.dynamic_ppm, set.static_ppm, set.limit_ppm];
        let durations = [set.call_ns, set.window_ns, set.limit_state_ns, set.pause_ns];
        let fits = (nothing || !negative)
            && ppm.iter().all(|&each| each < PPM)
            && durations.iter().all(|&each| each <= DURATION_NS_MAX)
            && (set.call_ns == 0) == (ppm == [0; 3])
            && durations[1..].iter().all(|&each| (each == 0) == (set.limit_ppm == 0));
        if fits { Ok(index) } else { Err(DenialReason::ProtectionInvalid) }
    }

    /// Notes how far a taker that is about to trade may reach.
    #[inline(always)]
    pub(crate) fn bound(&self, taker: &mut Taker) {
        let book = self.book(taker.book);
        if book.has(GUARDED) {
            taker.reach = book.reach(taker.side);
        }
    }

    /// A taker would trade at a level outside a band: the instrument is interrupted, or the taker
    /// ends.
    #[cold]
    #[inline(never)]
    pub(crate) fn stop_at_band(
        &mut self,
        taker: &Taker,
        entered: Option<&NewOrder>,
        key: i64,
        out: &mut EventBuffer,
    ) -> Progress {
        let asleep = self.wake > self.time;
        let book = self.book(taker.book);
        let ladder = book.ladder(taker.side.opposite());
        let price = book.price(ladder.key(key));
        let Some(guard) = &book.guard else { return Progress::Done };
        let outside = |reference: Option<Price>, ppm: u32| {
            reference.filter(|&reference| ppm != 0 && is_outside(price, reference, ppm))
        };
        let dynamic = outside(taker.reach.last, guard.set.dynamic_ppm)
            .map(|reference| (InterruptionCause::Dynamic, reference));
        let broken = dynamic.or_else(|| {
            let reference = outside(book.static_reference(), guard.set.static_ppm)?;
            Some((InterruptionCause::Static, reference))
        });
        if let Some((cause, reference)) = broken {
            self.interrupt(taker.book, taker.account, (cause, price, reference), out);
        }
        if broken.is_some() && taker.kind != OrderKind::Market && may_rest(taker.time_in_force) {
            self.rest(taker, entered, out);
        } else {
            self.end_taker(taker, EndReason::PriceBand, out);
        }
        // A command that began while nothing was watched has to tell of the call that it began.
        if asleep { self.react(out) } else { Progress::Done }
    }

    /// Trading stops for a call.
    pub(super) fn interrupt(
        &mut self,
        index: u32,
        account: AccountId,
        (cause, price, reference): (InterruptionCause, Price, Price),
        out: &mut EventBuffer,
    ) {
        let until = self.call_end(index);
        let instrument = self.book(index).spec.instrument;
        let started = InterruptionStarted { price, reference, until, cause, reserved: [0; 7] };
        out.push(instrument, account, started);
        self.begin_call(index, AuctionKind::Volatility, until, InstrumentState::Open, out);
        self.book_mut(index).guard_mut().prolonged = Some(false);
    }

    /// When the call of an interruption that begins now is over.
    fn call_end(&self, index: u32) -> Timestamp {
        let call_ns = self.book(index).guard.as_ref().map_or(0, |guard| guard.set.call_ns);
        Timestamp(self.time.0.saturating_add(call_ns))
    }

    /// The call of an interruption is over: whether it is prolonged, since its price is too far
    /// from the last trade. It is once at most.
    pub(crate) fn prolong(
        &mut self,
        index: u32,
        indicated: Option<Price>,
        out: &mut EventBuffer,
    ) -> Option<Timestamp> {
        let until = self.call_end(index);
        let book = self.book_mut(index);
        let last = book.last_price;
        let instrument = book.spec.instrument;
        let guard = book.guard.as_mut().filter(|guard| guard.prolonged == Some(false))?;
        let (price, reference, ppm) = (indicated?, last?, guard.set.dynamic_ppm);
        if ppm == 0 || !is_outside(price, reference, 2 * ppm) {
            return None;
        }
        guard.prolonged = Some(true);
        let cause = InterruptionCause::Extension;
        let started = InterruptionStarted { price, reference, until, cause, reserved: [0; 7] };
        out.push(instrument, AccountId::VENUE, started);
        Some(until)
    }

    /// An instrument is about to leave its state: what its protections had armed there is over.
    #[inline]
    pub(crate) fn leave_state(&mut self, index: u32) {
        if self.book(index).guard.is_none() {
            return;
        }
        self.forget_limit_state(index);
        self.forget_pause(index);
        self.book_mut(index).guard_mut().prolonged = None;
    }

    /// An auction has found a price.
    pub(crate) fn note_auction(&mut self, index: u32, price: Price, out: &mut EventBuffer) {
        let book = self.book_mut(index);
        book.auction_price = Some(price);
        let Some(guard) = &mut book.guard else { return };
        if guard.set.limit_ppm != 0 {
            guard.limits = Limits::new(&guard.set);
            self.refer_to(index, price, out);
        }
    }
}
