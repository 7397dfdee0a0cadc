//! Calls: how they are set up, begin, and end.

use tiercel_types::auction::{AuctionKind, AuctionReference};
use tiercel_types::command::{Kind, SetAuctionRules, SetInstrumentState, StartCall};
use tiercel_types::event::{AuctionRulesSet, EventBuffer, InstrumentStateChanged};
use tiercel_types::{
    AccountId, DenialReason, InstrumentId, InstrumentState, Price, Side, Timestamp,
};

use crate::book::Book;
use crate::engine::{Engine, Named, Progress};
use crate::ledger::Ledger;
use crate::protections::agenda::Coming;
use crate::waiting::Touched;

use super::{Bounds, Call, PriceRules};

impl<L: Ledger> Engine<L> {
    pub(crate) fn set_auction_rules(
        &mut self,
        rules: &SetAuctionRules,
        out: &mut EventBuffer,
    ) -> Progress {
        let index = match self.check_auction_rules(rules) {
            Ok(index) => index,
            Err(reason) => {
                let named = Named::plain(Kind::SetAuctionRules, rules.instrument, AccountId(0));
                named.deny(reason, out);
                return Progress::Done;
            }
        };
        self.make_auction(index);
        let auction = self.book_mut(index).auction_mut();
        auction.rules = *rules;
        auction.changes += 1;
        out.push(rules.instrument, AccountId(0), AuctionRulesSet { rules: *rules });
        self.react(out)
    }

    fn check_auction_rules(&self, rules: &SetAuctionRules) -> Result<u32, DenialReason> {
        let index = self.check_set_auction_rules(rules)?;
        let on_tick = self.book(index).tick.divide_signed(rules.bound.units()).is_some();
        if on_tick { Ok(index) } else { Err(DenialReason::AuctionBoundInvalid) }
    }

    /// What holds of rules once they are set: the tick that their bound was a multiple of may have
    /// changed since.
    pub(super) fn check_set_auction_rules(
        &self,
        rules: &SetAuctionRules,
    ) -> Result<u32, DenialReason> {
        if rules.reserved != [0; 4] || rules.minimum_surplus > 1 {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(rules.instrument)?;
        if rules.bound < Price::ZERO {
            return Err(DenialReason::AuctionBoundInvalid);
        }
        Ok(index)
    }

    pub(crate) fn start_call(&mut self, start: &StartCall, out: &mut EventBuffer) -> Progress {
        let index = match self.check_call(start) {
            Ok(index) => index,
            Err(reason) => {
                Named::plain(Kind::StartCall, start.instrument, AccountId(0)).deny(reason, out);
                return Progress::Done;
            }
        };
        self.begin_call(index, start.auction, start.ends_at, start.then, out);
        self.react(out)
    }

    pub(crate) fn check_call(&self, start: &StartCall) -> Result<u32, DenialReason> {
        if start.reserved != [0; 2] {
            return Err(DenialReason::ReservedFieldSet);
        }
        let index = self.book_of(start.instrument)?;
        if self.book(index).state == InstrumentState::Call {
            return Err(DenialReason::StateUnchanged);
        }
        if start.auction == AuctionKind::None {
            return Err(DenialReason::AuctionKindRequired);
        }
        if !matches!(start.then, InstrumentState::Open | InstrumentState::Closed) {
            return Err(DenialReason::CallThenInvalid);
        }
        if start.ends_at.0 != 0 && start.ends_at <= self.time {
            return Err(DenialReason::CallEndInvalid);
        }
        Ok(index)
    }

    /// An instrument that is in no call enters one. `ends_at` zero: it ends when it is told to; else
    /// `then` follows. The caller reacts.
    pub(crate) fn begin_call(
        &mut self,
        index: u32,
        kind: AuctionKind,
        ends_at: Timestamp,
        then: InstrumentState,
        out: &mut EventBuffer,
    ) {
        self.leave_state(index);
        self.make_auction(index);
        let book = &mut self.books[index as usize];
        let reference = book.auction_reference();
        let old = core::mem::replace(&mut book.state, InstrumentState::Call);
        book.spec.state = InstrumentState::Call;
        book.auction_mut().call = Some(Call {
            kind,
            then,
            ends_at: (ends_at.0 != 0).then_some(ends_at),
            reference,
            said: None,
            said_at: None,
            // Nothing was looked at yet.
            looked_at: (u64::MAX, u64::MAX),
        });
        self.list_call(index);
        self.touch_also(Touched::Book(index));
        self.set_wake();
        self.tell_call(index, old, out);
    }

    /// Keeps a book that is in a call among the others, by instrument number, and its end among what
    /// comes.
    pub(super) fn list_call(&mut self, index: u32) {
        let number = |index: u32| self.books[index as usize].spec.instrument;
        let calls = &mut self.auctions.calls;
        let at = calls.partition_point(|&other| number(other) < number(index));
        calls.insert(at, index);
        if let Some(ends_at) = self.book(index).call().and_then(|call| call.ends_at) {
            self.agenda.insert(ends_at, Coming::Call(number(index)));
        }
    }

    /// Tells that an instrument is in a call, and how.
    pub(crate) fn tell_call(&self, index: u32, old: InstrumentState, out: &mut EventBuffer) {
        let book = self.book(index);
        let Some(call) = book.call() else { return };
        let changed = InstrumentStateChanged {
            old,
            new: InstrumentState::Call,
            auction: call.kind,
            then: call.then,
            reserved: [0; 4],
            ends_at: call.ends_at.unwrap_or(Timestamp(0)),
        };
        out.push(book.spec.instrument, AccountId(0), changed);
    }

    /// The call of an instrument is over, with an auction or without.
    pub(crate) fn forget_call(&mut self, index: u32) {
        let book = &mut self.books[index as usize];
        let Some(call) = book.auction.as_mut().and_then(|auction| auction.call.take()) else {
            return;
        };
        if let Some(ends_at) = call.ends_at {
            self.agenda.remove(ends_at, Coming::Call(book.spec.instrument));
        }
        self.auctions.calls.retain(|&other| other != index);
    }

    /// A call ends by itself, unless the bounds of its price hold it. The caller reacts.
    pub(crate) fn end_call(&mut self, instrument: InstrumentId, out: &mut EventBuffer) -> Progress {
        self.touch_also(Touched::All);
        let Ok(index) = self.book_of(instrument) else { return Progress::Done };
        let Some(&call) = self.book(index).call() else { return Progress::Done };
        if self.is_prolonged(index, out) {
            return Progress::Done;
        }
        if self.is_held_by_bounds(index) {
            if let Some(call) = &mut self.book_mut(index).auction_mut().call {
                call.ends_at = None;
            }
            self.tell_call(index, InstrumentState::Call, out);
            return Progress::Done;
        }
        let change = SetInstrumentState { instrument, state: call.then, reserved: [0; 3] };
        self.uncross(change, out)
    }

    /// Whether the call of an interruption goes on, since its price is too far from the last trade.
    fn is_prolonged(&mut self, index: u32, out: &mut EventBuffer) -> bool {
        if self.book(index).guard.is_none() {
            return false;
        }
        let found = self.find_auction(index, true);
        let book = self.book(index);
        let price = found.map(|found| book.price(found.tick));
        let Some(until) = self.prolong(index, price, out) else { return false };
        let book = self.book_mut(index);
        let instrument = book.spec.instrument;
        if let Some(call) = &mut book.auction_mut().call {
            call.ends_at = Some(until);
        }
        self.agenda.insert(until, Coming::Call(instrument));
        self.tell_call(index, InstrumentState::Call, out);
        true
    }

    /// What a change of state has to respect of calls and crossed books.
    pub(crate) fn check_leaving(
        &mut self,
        index: u32,
        state: InstrumentState,
    ) -> Result<(), DenialReason> {
        let called = self.book(index).state == InstrumentState::Call;
        match state {
            InstrumentState::Call => Err(DenialReason::AuctionKindRequired),
            InstrumentState::Open | InstrumentState::Closed if called => {
                if self.is_held_by_bounds(index) {
                    return Err(DenialReason::AuctionOutOfBounds);
                }
                Ok(())
            }
            InstrumentState::Open | InstrumentState::PreOpen if self.book(index).is_crossed() => {
                Err(DenialReason::BookCrossed)
            }
            _ => Ok(()),
        }
    }

    /// Whether more would execute without the bounds of the price than with them.
    fn is_held_by_bounds(&mut self, index: u32) -> bool {
        if self.book(index).auction_bounds().is_none() {
            return false;
        }
        let executed = |found: Option<super::Indication>| found.map_or(0, |found| found.executed);
        let bounded = executed(self.find_auction(index, true));
        executed(self.find_auction(index, false)) > bounded
    }
}

impl Book {
    /// The best tick of the displayed orders of a side.
    fn best_displayed(&self, side: Side) -> Option<i64> {
        let ladder = self.ladder(side);
        ladder.best_key().map(|key| ladder.key(key))
    }

    /// Whether the best bid is at or above the best ask, hidden orders counted.
    pub(crate) fn is_crossed(&self) -> bool {
        let best = |side| {
            let hidden = self.unseen().map(|unseen| unseen.hidden(side));
            let ladders = [Some(self.ladder(side)), hidden].into_iter().flatten();
            ladders.filter_map(|ladder| Some(ladder.key(ladder.best_key()?)))
        };
        let ask = best(Side::Sell).min();
        best(Side::Buy).max().zip(ask).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// Something has changed that the price of an auction is found by, and that counts no update.
    pub(crate) fn note_auction_change(&mut self) {
        if let Some(auction) = &mut self.auction {
            auction.changes += 1;
        }
    }

    /// Whether an order that crosses the book and must not trade does match: in a call it does not,
    /// and rests; else it is denied.
    #[cold]
    pub(crate) fn may_match(&self) -> Result<bool, DenialReason> {
        if self.state == InstrumentState::Call { Ok(false) } else { Err(DenialReason::WouldMatch) }
    }

    /// The price that an auction refers to, as things are.
    fn auction_reference(&self) -> Option<Price> {
        let terms = self.spec.reference_price;
        let terms = (!terms.is_zero()).then_some(terms);
        let rule = self.auction.as_ref().map_or(AuctionReference::Last, |it| it.rules.reference);
        match rule {
            AuctionReference::Terms => terms,
            AuctionReference::Last => self.last_price.or(terms),
            AuctionReference::Midpoint => {
                let best = self.best_displayed(Side::Buy).zip(self.best_displayed(Side::Sell));
                let units = |tick| i128::from(self.price(tick).units());
                let middle = best.filter(|(bid, ask)| bid < ask).map(|(bid, ask)| {
                    Price::from_units((units(bid) + units(ask)).div_euclid(2) as i64)
                });
                middle.or(self.last_price).or(terms)
            }
        }
    }

    /// The reference of the call, as the price is found by it: in ticks, within the terms.
    pub(super) fn reference_tick(&self) -> Option<i64> {
        let units = self.tick.units().cast_signed();
        let reference = self.call()?.reference?.units().div_euclid(units);
        let (low, high) = (self.bounds.price_min.units(), self.bounds.price_max.units());
        Some(reference.min(high.div_euclid(units)).max(low.div_euclid(units)))
    }

    /// The bounds of the auction's price, if it has any.
    pub(super) fn auction_bounds(&self) -> Option<Bounds> {
        let rules = &self.auction.as_ref()?.rules;
        if rules.bound.is_zero() && rules.bound_ppm == 0 {
            return None;
        }
        let ticks = rules.bound.units().cast_unsigned() / self.tick.units();
        Some(Bounds::round(self.reference_tick()?, ticks, rules.bound_ppm))
    }

    /// The steps by which the price is found.
    pub(super) fn price_rules(&self) -> PriceRules {
        let Some(auction) = &self.auction else { return PriceRules::XETRA };
        let rules = &auction.rules;
        PriceRules {
            minimum_surplus: rules.minimum_surplus != 0,
            pressure: rules.pressure,
            tie_break: rules.tie_break,
        }
    }
}
