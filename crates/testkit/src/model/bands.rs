//! Volatility interruptions and limit bands: `docs/protections.md`.

use tiercel_types::command::SetProtections;
use tiercel_types::event::{
    BandsChanged, InterruptionCause, InterruptionStarted, LimitStateChanged, ProtectionsSet,
};
use tiercel_types::{
    AccountId, DenialReason, InstrumentId, InstrumentState, Price, Side, Timestamp,
};

use super::entry::require;
use super::trading::Taker;
use super::{Checked, Instrument, Model};

/// Parts per million in one whole.
const PPM: u32 = 1_000_000;
/// No duration is longer.
const DURATION_MAX: u64 = 1 << 62;
/// The window of the mean has so many buckets.
const BUCKETS: u64 = 16;

/// What was known of limit bands since the protections were set.
#[derive(Clone, Debug, Default)]
pub(super) struct LimitBands {
    /// What they lie round.
    reference: Option<i64>,
    /// The lower and the upper band, worked out when the reference changed.
    bands: Option<(i64, i64)>,
    /// The trades that count: when, and at which price.
    window: Vec<(u64, i64)>,
    /// Whether the command has had such trades.
    traded: bool,
}

/// An instrument stands at a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitState {
    side: Side,
    /// When it pauses.
    pub(super) until: u64,
}

/// Why a taker stops before it meets an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The price is outside a volatility band: why, which price, too far from which.
    Volatility(InterruptionCause, i64, i64),
    /// The price is beyond the limit bands.
    Limit,
}

/// Whether a price is further than so many ppm from a reference.
fn is_outside(price: i64, reference: i64, ppm: u32) -> bool {
    let (price, reference) = (i128::from(price), i128::from(reference));
    (price - reference).abs() * i128::from(PPM) > reference * i128::from(ppm)
}

impl Instrument {
    /// The price of the last auction, or that of the terms.
    fn static_reference(&self) -> Option<i64> {
        let of_terms = self.spec.reference_price.units();
        self.auction_price.or((of_terms != 0).then_some(of_terms))
    }

    /// The lower and the upper limit band of a reference.
    fn bands_of(&self, reference: i64) -> (i64, i64) {
        let reference = i128::from(reference);
        let tick = i128::from(self.spec.tick.units());
        let reach = reference * i128::from(self.protections.limit_ppm) / i128::from(PPM);
        let lower = (reference - reach).div_euclid(tick) * tick;
        let upper = -(-(reference + reach)).div_euclid(tick) * tick;
        (lower as i64, upper.min(i128::from(i64::MAX)) as i64)
    }

    /// The mean of the trades in the window, rounded down.
    fn mean(&mut self, now: u64) -> Option<i64> {
        let width = self.protections.window_ns.div_ceil(BUCKETS);
        let newest = now / width;
        let window = &mut self.limits.window;
        // Time does not go back: what is out of the window stays out.
        window.retain(|(at, _)| newest - at / width < BUCKETS);
        let sum: i128 = window.iter().map(|(_, price)| i128::from(*price)).sum();
        (!window.is_empty()).then(|| (sum / window.len() as i128) as i64)
    }

    /// On which side the book stands at a limit, and the best price there.
    fn at_limit(&self, bid: Option<i64>, ask: Option<i64>) -> Option<(Side, i64)> {
        let (lower, upper) = self.limits.bands?;
        let bid = bid.filter(|price| *price >= upper).map(|price| (Side::Buy, price));
        let ask = ask.filter(|price| *price <= lower).map(|price| (Side::Sell, price));
        bid.or(ask)
    }
}

impl Model {
    pub(super) fn set_protections(&mut self, set: &SetProtections) -> Checked {
        let id = set.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        let none = *set == SetProtections::none(id);
        let signs_fit = found.spec.min_price.units() >= 0 || none;
        let reaches = [set.dynamic_ppm, set.static_ppm, set.limit_ppm];
        let durations = [set.call_ns, set.window_ns, set.limit_state_ns, set.pause_ns];
        let in_range = reaches.iter().all(|ppm| *ppm < PPM)
            && durations.iter().all(|duration| *duration <= DURATION_MAX);
        let calls_fit = (set.call_ns == 0) == reaches.iter().all(|ppm| *ppm == 0);
        let limits = [set.window_ns, set.limit_state_ns, set.pause_ns];
        let limits_fit = limits.iter().all(|duration| (*duration == 0) == (set.limit_ppm == 0));
        let fits = signs_fit && in_range && calls_fit && limits_fit;
        require(fits, DenialReason::ProtectionInvalid)?;
        let found = self.instrument_mut(id);
        found.protections = *set;
        found.limits = LimitBands::default();
        found.limit_state = None;
        let reference = found.static_reference().or(found.last_price);
        self.emit(id, AccountId(0), ProtectionsSet { protections: *set });
        if let Some(reference) = reference.filter(|_| set.limit_ppm != 0) {
            self.set_limit_reference(id, reference);
        }
        Ok(())
    }

    /// Check 18a.
    pub(super) fn check_limit_bands(
        &self,
        instrument: InstrumentId,
        side: Side,
        price: i64,
    ) -> Checked {
        let found = self.instrument(instrument);
        let bands = found.limits.bands.filter(|_| found.spec.state == InstrumentState::Open);
        let within = bands.is_none_or(|(lower, upper)| match side {
            Side::Buy => price <= upper,
            Side::Sell => price >= lower,
        });
        require(within, DenialReason::PriceBeyondLimit)
    }

    /// Whether a taker may meet an order at a price; `last` is the last price from before it began.
    pub(super) fn band_stop(
        &self,
        instrument: InstrumentId,
        last: Option<i64>,
        price: i64,
    ) -> Option<Stop> {
        let found = self.instrument(instrument);
        let SetProtections { dynamic_ppm, static_ppm, .. } = found.protections;
        let causes = [
            (InterruptionCause::Dynamic, dynamic_ppm, last),
            (InterruptionCause::Static, static_ppm, found.static_reference()),
        ];
        for (cause, ppm, reference) in causes {
            let Some(reference) = reference.filter(|_| ppm != 0) else { continue };
            if is_outside(price, reference, ppm) {
                return Some(Stop::Volatility(cause, price, reference));
            }
        }
        let (lower, upper) = found.limits.bands?;
        (price < lower || price > upper).then_some(Stop::Limit)
    }

    /// A taker is stopped by a volatility band: a call begins.
    pub(super) fn interrupt_by(&mut self, taker: &Taker, stop: Stop) {
        let Stop::Volatility(cause, price, reference) = stop else { return };
        let order = &self.orders[&taker.id];
        let (instrument, account) = (order.instrument, order.account);
        self.interrupt(instrument, account, cause, (Some(price), Some(reference)));
    }

    /// The call of an interruption begins.
    pub(super) fn interrupt(
        &mut self,
        instrument: InstrumentId,
        account: AccountId,
        cause: InterruptionCause,
        prices: (Option<i64>, Option<i64>),
    ) {
        let until = self.interruption_started(instrument, account, cause, prices);
        self.begin_volatility_call(instrument, until);
    }

    /// Says that a call of an interruption begins or goes on; returns until when.
    pub(super) fn interruption_started(
        &mut self,
        instrument: InstrumentId,
        account: AccountId,
        cause: InterruptionCause,
        (price, reference): (Option<i64>, Option<i64>),
    ) -> u64 {
        let until = self.now.saturating_add(self.instrument(instrument).protections.call_ns);
        let event = InterruptionStarted {
            price: Price::from_units(price.unwrap_or(0)),
            reference: Price::from_units(reference.unwrap_or(0)),
            until: Timestamp(until),
            cause,
            reserved: [0; 7],
        };
        self.emit(instrument, account, event);
        until
    }

    /// Prolongs the call of an interruption, once, if its price is too far from the last trade.
    pub(super) fn prolong(&mut self, instrument: InstrumentId) -> bool {
        let found = self.instrument(instrument);
        let dynamic_ppm = found.protections.dynamic_ppm;
        let may = found.call.is_some_and(|call| call.interrupts && !call.prolonged);
        let indicative = self.indication(instrument).map(|(price, ..)| price);
        let prices = indicative.zip(found.last_price);
        let far = prices.filter(|(price, last)| is_outside(*price, *last, 2 * dynamic_ppm));
        let Some((price, last)) = far.filter(|_| may && dynamic_ppm != 0) else { return false };
        let (cause, nobody) = (InterruptionCause::Extension, AccountId(0));
        let until = self.interruption_started(instrument, nobody, cause, (Some(price), Some(last)));
        let call = self.call_mut(instrument);
        (call.prolonged, call.ends_at) = (true, Some(until));
        self.state_changed(instrument, InstrumentState::Call);
        true
    }
}

/// Limit bands.
impl Model {
    /// A trade of continuous trading counts in the window.
    pub(super) fn count_in_window(&mut self, instrument: InstrumentId, price: i64) {
        let now = self.now;
        let found = self.instrument_mut(instrument);
        if found.protections.limit_ppm != 0 {
            found.limits.window.push((now, price));
            found.limits.traded = true;
        }
    }

    /// An auction had a price.
    pub(super) fn auction_sets_bands(&mut self, instrument: InstrumentId, price: i64) {
        let found = self.instrument_mut(instrument);
        found.auction_price = Some(price);
        if found.protections.limit_ppm != 0 {
            found.limits.window.clear();
            self.set_limit_reference(instrument, price);
        }
    }

    fn set_limit_reference(&mut self, instrument: InstrumentId, reference: i64) {
        let found = self.instrument_mut(instrument);
        found.limits.reference = Some(reference);
        let (lower, upper) = found.bands_of(reference);
        found.limits.bands = Some((lower, upper));
        let event = BandsChanged {
            reference: Price::from_units(reference),
            lower: Price::from_units(lower),
            upper: Price::from_units(upper),
        };
        self.emit(instrument, AccountId(0), event);
    }

    /// After a command: each instrument's reference, then its limit state.
    pub(super) fn look_at_limits(&mut self) {
        for instrument in self.instruments() {
            self.look_at_reference(instrument);
            self.look_at_limit_state(instrument);
        }
    }

    fn look_at_reference(&mut self, instrument: InstrumentId) {
        let now = self.now;
        let found = self.instrument_mut(instrument);
        if !std::mem::take(&mut found.limits.traded) {
            return;
        }
        let Some(mean) = found.mean(now) else { return };
        let far = |reference: i64| {
            (i128::from(mean) - i128::from(reference)).abs() * 100 >= i128::from(reference)
        };
        if found.limits.reference.is_none_or(far) {
            self.set_limit_reference(instrument, mean);
        }
    }

    fn look_at_limit_state(&mut self, instrument: InstrumentId) {
        let bid = self.best_price(instrument, Side::Buy);
        let ask = self.best_price(instrument, Side::Sell);
        let found = self.instrument(instrument);
        if found.spec.state != InstrumentState::Open {
            return;
        }
        let mut event = LimitStateChanged {
            price: Price::ZERO,
            until: Timestamp(0),
            entered: 0,
            side: Side::Buy,
            reserved: [0; 6],
        };
        let state = match (found.at_limit(bid, ask), found.limit_state) {
            (Some((side, price)), None) => {
                let until = self.now.saturating_add(found.protections.limit_state_ns);
                (event.price, event.until) = (Price::from_units(price), Timestamp(until));
                (event.entered, event.side) = (1, side);
                Some(LimitState { side, until })
            }
            (None, Some(left)) => {
                event.side = left.side;
                None
            }
            _ => return,
        };
        self.instrument_mut(instrument).limit_state = state;
        self.emit(instrument, AccountId(0), event);
    }
}
