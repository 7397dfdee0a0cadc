//! Kill switches, countdowns, schedules, price bands: nothing lives behind a kill switch, nothing
//! trades beyond a band, nothing that is due is left.

use std::collections::BTreeMap;

use tiercel_types::command::{ScheduleAction, SetProtections};
use tiercel_types::event::{
    BandsChanged, CountdownSet, InstrumentStateChanged, InterruptionCause, InterruptionStarted,
    KillSwitchSet, LimitStateChanged, PhaseScheduled,
};
use tiercel_types::{AccountId, EventHeader, InstrumentId, InstrumentSpec, InstrumentState, Side};

use super::book::Book;
use super::orders::Order;
use super::{Auditor, Verdict, ensure, same};

/// Parts per million in one whole.
const PPM: i128 = 1_000_000;

/// What is armed for later, as its events told.
#[derive(Clone, Debug, Default)]
pub(super) struct Armed {
    countdowns: BTreeMap<(AccountId, InstrumentId), u64>,
    phases: BTreeMap<(InstrumentId, u64), InstrumentState>,
}

/// The protections of an instrument, as they were told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protected {
    pub(super) terms: SetProtections,
    /// Lower and upper limit band.
    bands: Option<(i64, i64)>,
    limit_state: Option<(Side, u64)>,
    /// When the call of an interruption is over.
    call_until: Option<u64>,
}

impl Protected {
    pub(super) const fn none(instrument: InstrumentId) -> Self {
        let terms = SetProtections::none(instrument);
        Self { terms, bands: None, limit_state: None, call_until: None }
    }
}

/// Whether a price is further from a reference than so many ppm.
fn is_far(price: i64, reference: i64, ppm: u32) -> bool {
    let (price, reference) = (i128::from(price), i128::from(reference));
    (price - reference).abs() * PPM > reference * i128::from(ppm)
}

impl Book {
    /// The price of the last auction, else that of the terms.
    fn static_reference(&self) -> Option<i64> {
        let of_terms = |spec: &InstrumentSpec| spec.reference_price.units();
        self.auction_price.or(Some(of_terms(&self.spec)).filter(|price| *price != 0))
    }

    /// What keeps a taker from a price: the cause, and what it is too far from.
    fn interrupts(&self, price: i64, last: Option<i64>) -> Option<(InterruptionCause, i64)> {
        let SetProtections { dynamic_ppm, static_ppm, .. } = self.protected.terms;
        let too_far = |reference: Option<i64>, ppm: u32| {
            reference.filter(|reference| ppm != 0 && is_far(price, *reference, ppm))
        };
        let dynamic = too_far(last, dynamic_ppm).map(|last| (InterruptionCause::Dynamic, last));
        let fixed = too_far(self.static_reference(), static_ppm);
        dynamic.or(fixed.map(|reference| (InterruptionCause::Static, reference)))
    }

    fn beyond_limits(&self, price: i64) -> bool {
        self.protected.bands.is_some_and(|(lower, upper)| price < lower || price > upper)
    }

    /// Whether the call of an interruption goes on.
    pub(super) fn is_interrupted(&self) -> bool {
        self.call.is_some() && self.protected.call_until.is_some()
    }

    /// Where the book stands at a limit.
    fn at_limit(&self) -> Option<(Side, i64)> {
        let (lower, upper) = self.protected.bands?;
        let bid = self.best(Side::Buy).filter(|bid| *bid >= upper).map(|bid| (Side::Buy, bid));
        bid.or(self.best(Side::Sell).filter(|ask| *ask <= lower).map(|ask| (Side::Sell, ask)))
    }
}

impl Auditor {
    /// A taker meets a maker in continuous trading: within all bands.
    pub(super) fn check_bands(&self, taker: &Order, price: i64) -> Verdict {
        let book = &self.books[&taker.instrument];
        let interrupts = book.interrupts(price, taker.last_before);
        ensure!(interrupts.is_none(), "at {price} trading has to be interrupted: {interrupts:?}");
        ensure!(!book.beyond_limits(price), "{price} is beyond the limit bands");
        Ok(())
    }

    /// Whether what is left of an order that trades ends at a band.
    pub(super) fn ends_at_band(&self, order: &Order) -> bool {
        let book = &self.books[&order.instrument];
        let interrupted = book.is_interrupted();
        let opposite = order.side.opposite();
        let beyond = |price| book.beyond_limits(price);
        let stopped = book.best(opposite).is_some_and(beyond)
            || self.unseen_may_stand(order.instrument, opposite, beyond);
        interrupted || (stopped && book.spec.state == InstrumentState::Open)
    }

    pub(super) fn interruption_started(
        &mut self,
        header: &EventHeader,
        event: &InterruptionStarted,
    ) -> Verdict {
        let (price, reference) = (event.price.units(), event.reference.units());
        let book = self.book(header)?;
        let until = header.time_ns.saturating_add(book.protected.terms.call_ns);
        same("until when", event.until.0, until)?;
        let state = book.spec.state;
        match event.cause {
            InterruptionCause::Dynamic | InterruptionCause::Static => {
                same("the state", state, InstrumentState::Open)?;
                // One of a list shows only by this that it trades.
                let mut last_before = book.last;
                let mut met = [Side::Buy, Side::Sell].to_vec();
                if let Some(id) = self.entering {
                    let taker = self.own_order(header, id)?;
                    met = vec![taker.side.opposite()];
                    last_before = taker.last_before;
                }
                let is_met = |side| self.may_be_met_at(header.instrument, side, price);
                ensure!(met.into_iter().any(is_met), "nobody is met at {price}");
                let found = self.book(header)?.interrupts(price, last_before);
                same("why", Some((event.cause, reference)), found)?;
                self.interrupted.insert(header.instrument);
            }
            InterruptionCause::Pause => {
                same("the state", state, InstrumentState::Paused)?;
                same("price and reference", (price, reference), (0, 0))?;
            }
            InterruptionCause::Extension => {
                same("the state", state, InstrumentState::Call)?;
                let dynamic_ppm = 2 * book.protected.terms.dynamic_ppm;
                same("the last price", Some(reference), book.last)?;
                ensure!(is_far(price, reference, dynamic_ppm), "the call need not go on");
            }
        }
        self.book_mut(header.instrument)?.protected.call_until = Some(until);
        Ok(())
    }

    pub(super) fn protections_set(&mut self, set: &SetProtections) -> Verdict {
        let protected = &mut self.book_mut(set.instrument)?.protected;
        let call_until = protected.call_until;
        *protected = Protected { terms: *set, call_until, ..Protected::none(set.instrument) };
        Ok(())
    }

    pub(super) fn bands_changed(&mut self, header: &EventHeader, event: &BandsChanged) -> Verdict {
        let book = self.book_mut(header.instrument)?;
        let (reference, tick) = (event.reference.units(), book.spec.tick.units());
        let (lower, upper) = (event.lower.units(), event.upper.units());
        let reach = i128::from(reference) * i128::from(book.protected.terms.limit_ppm) / PPM;
        let reach = i64::try_from(reach).map_err(|_| "a band out of range")?;
        let below = reference - reach - lower;
        ensure!(lower % tick == 0 && (0..tick).contains(&below), "the lower band is {lower}");
        let above = upper.saturating_sub(reference.saturating_add(reach));
        let at_end = upper == i64::MAX;
        let on_tick = upper % tick == 0 && (0..tick).contains(&above);
        ensure!(on_tick || at_end, "the upper band is {upper}");
        book.protected.bands = Some((lower, upper));
        Ok(())
    }

    pub(super) fn limit_state_changed(
        &mut self,
        header: &EventHeader,
        event: &LimitStateChanged,
    ) -> Verdict {
        let now = header.time_ns;
        let book = self.book_mut(header.instrument)?;
        same("the state", book.spec.state, InstrumentState::Open)?;
        let found = book.at_limit();
        let limit_state = book.protected.limit_state;
        same("whether it was in a limit state", limit_state.is_none(), event.entered == 1)?;
        if event.entered == 0 {
            ensure!(found.is_none(), "it stands at a limit still: {found:?}");
            same("which side", limit_state.map(|(side, _)| side), Some(event.side))?;
            same("price and time", (event.price.units(), event.until.0), (0, 0))?;
            book.protected.limit_state = None;
            return Ok(());
        }
        same("where it stands", found, Some((event.side, event.price.units())))?;
        let until = now.saturating_add(book.protected.terms.limit_state_ns);
        same("until when", event.until.0, until)?;
        book.protected.limit_state = Some((event.side, until));
        Ok(())
    }

    /// An instrument has entered another state.
    pub(super) fn check_phase(
        &mut self,
        header: &EventHeader,
        changed: &InstrumentStateChanged,
    ) -> Verdict {
        let (old, new) = (changed.old, changed.new);
        let now = header.time_ns;
        let protected = &mut self.book_mut(header.instrument)?.protected;
        if new == InstrumentState::Paused {
            same("the state it left", old, InstrumentState::Open)?;
            let lasted = protected.limit_state.is_some_and(|(_, until)| until <= now);
            ensure!(lasted, "no limit state has lasted");
        }
        if new != InstrumentState::Open {
            protected.limit_state = None;
        }
        if old == InstrumentState::Call {
            // A call that goes on is over later, or no more by itself.
            protected.call_until = Some(changed.ends_at.0).filter(|until| *until != 0);
        }
        Ok(())
    }

    pub(super) fn kill_switch_set(
        &mut self,
        header: &EventHeader,
        event: &KillSwitchSet,
    ) -> Verdict {
        let account = header.account;
        same("the number of orders", event.orders, self.mass_cancelled)?;
        if event.on == 0 {
            self.killed.remove(&account);
            return same("the number of orders", event.orders, 0);
        }
        self.killed.insert(account);
        let of_it = |order: &Order| account == AccountId::ALL || order.account == account;
        let lives = self.orders.iter().find(|(_, order)| of_it(order));
        lives.map_or(Ok(()), |(id, _)| Err(format!("order {id} lives behind a kill switch")))
    }

    /// No order is taken behind a kill switch.
    pub(super) fn check_switches(&self, account: AccountId) -> Verdict {
        let killed = self.killed.contains(&account) || self.killed.contains(&AccountId::ALL);
        ensure!(!killed, "an order is taken behind a kill switch");
        Ok(())
    }

    pub(super) fn countdown_set(&mut self, header: &EventHeader, event: CountdownSet) -> Verdict {
        let name = (header.account, header.instrument);
        if event.at.0 == 0 {
            self.armed.countdowns.remove(&name);
        } else {
            ensure!(event.at.0 > header.time_ns, "a countdown runs out before it begins");
            self.armed.countdowns.insert(name, event.at.0);
        }
        Ok(())
    }

    /// A mass cancel is complete: it may have been that of a countdown.
    pub(super) fn countdown_done(&mut self, header: &EventHeader) {
        let name = (header.account, header.instrument);
        if self.armed.countdowns.get(&name).is_some_and(|at| *at <= header.time_ns) {
            self.armed.countdowns.remove(&name);
        }
    }

    pub(super) fn phase_scheduled(
        &mut self,
        header: &EventHeader,
        event: &PhaseScheduled,
    ) -> Verdict {
        let name = (header.instrument, event.at.0);
        self.armed.phases.retain(|(_, at), _| *at > header.time_ns);
        match event.action {
            ScheduleAction::Add => {
                let before = self.armed.phases.insert(name, event.state);
                ensure!(before.is_none(), "a phase was scheduled for that time");
            }
            ScheduleAction::Remove => {
                let before = self.armed.phases.remove(&name);
                same("what was scheduled", before, Some(event.state))?;
            }
        }
        let of_it = |(instrument, _): &&(InstrumentId, u64)| *instrument == header.instrument;
        let count = self.armed.phases.keys().filter(of_it).count();
        same("how many are scheduled", event.scheduled as usize, count)?;
        ensure!(count <= 8, "too many phases are scheduled");
        Ok(())
    }

    /// After a command: nothing that was due is left, and limit states are as the books stand.
    pub(super) fn check_protections(&self, now: u64) -> Verdict {
        let late = self.armed.countdowns.iter().find(|(_, at)| **at <= now);
        ensure!(late.is_none(), "a countdown has not run out: {late:?}");
        for (id, book) in &self.books {
            let protected = &book.protected;
            let calls = book.call.and(protected.call_until).filter(|until| *until <= now);
            ensure!(calls.is_none(), "the call of {id} outlives its time {calls:?}");
            if book.spec.state == InstrumentState::Open {
                let at_limit = book.at_limit().is_some();
                let told = protected.limit_state.is_some();
                same("whether it is in a limit state", told, at_limit)?;
            }
        }
        Ok(())
    }
}
