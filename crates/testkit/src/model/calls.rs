//! An instrument's states and calls: `docs/matching.md`, `docs/auctions.md` and
//! `docs/protections.md`.

use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{SetInstrumentState, StartCall};
use tiercel_types::event::InstrumentStateChanged;
use tiercel_types::{
    AccountId, DenialReason, EndReason, InstrumentId, InstrumentState, Side, TimeInForce, Timestamp,
};

use super::auction::Call;
use super::entry::require;
use super::{Checked, Model};

impl Model {
    pub(super) fn start_call(&mut self, start: &StartCall) -> Checked {
        require(start.reserved == [0; 2], DenialReason::ReservedFieldSet)?;
        let id = start.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        let in_call = found.spec.state == InstrumentState::Call;
        require(!in_call, DenialReason::StateUnchanged)?;
        require(start.auction != AuctionKind::None, DenialReason::AuctionKindRequired)?;
        let then_fits = matches!(start.then, InstrumentState::Open | InstrumentState::Closed);
        require(then_fits, DenialReason::CallThenInvalid)?;
        let ends_at = start.ends_at.0;
        require(ends_at == 0 || ends_at > self.now, DenialReason::CallEndInvalid)?;
        let ends_at = (ends_at != 0).then_some(ends_at);
        let reference = self.auction_reference(id);
        let call = Call::new(start.auction, start.then, ends_at, reference);
        self.enter_state(id, InstrumentState::Call, Some(call));
        Ok(())
    }

    /// The call of an interruption begins.
    pub(super) fn begin_volatility_call(&mut self, instrument: InstrumentId, until: u64) {
        let reference = self.auction_reference(instrument);
        let kind = AuctionKind::Volatility;
        let mut call = Call::new(kind, InstrumentState::Open, Some(until), reference);
        call.interrupts = true;
        self.enter_state(instrument, InstrumentState::Call, Some(call));
    }

    pub(super) fn set_instrument_state(&mut self, set: SetInstrumentState) -> Checked {
        require(set.reserved == [0; 3], DenialReason::ReservedFieldSet)?;
        let id = set.instrument;
        let found = self.instruments.get(&id).ok_or(DenialReason::UnknownInstrument)?;
        let (old, new) = (found.spec.state, set.state);
        require(new != old, DenialReason::StateUnchanged)?;
        require(new != InstrumentState::Paused, DenialReason::StateNotAllowed)?;
        require(new != InstrumentState::Call, DenialReason::AuctionKindRequired)?;
        let from_call = old == InstrumentState::Call;
        if from_call && matches!(new, InstrumentState::Open | InstrumentState::Closed) {
            require(!self.is_held_by_bounds(id), DenialReason::AuctionOutOfBounds)?;
        }
        if new == InstrumentState::PreOpen || (new == InstrumentState::Open && !from_call) {
            require(!self.is_crossed(id), DenialReason::BookCrossed)?;
        }
        self.move_to(id, new);
        Ok(())
    }

    /// Whether the best bid reaches the best ask, hidden orders counted.
    fn is_crossed(&self, instrument: InstrumentId) -> bool {
        let limits = |side: Side| {
            let hidden = self.unseen(instrument, side).into_iter();
            let hidden = hidden.filter(|order| order.terms.hidden == 1).map(|order| order.price);
            hidden.chain(self.best_price(instrument, side))
        };
        let (bid, ask) = (limits(Side::Buy).max(), limits(Side::Sell).min());
        bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask)
    }

    /// A change of state that nothing speaks against, with the auction that it brings.
    fn move_to(&mut self, instrument: InstrumentId, new: InstrumentState) {
        let in_call = self.instrument(instrument).spec.state == InstrumentState::Call;
        if in_call && matches!(new, InstrumentState::Open | InstrumentState::Closed) {
            self.uncross(instrument);
        }
        self.enter_state(instrument, new, None);
    }

    /// The state changes; the day ends with the closing.
    pub(super) fn enter_state(
        &mut self,
        instrument: InstrumentId,
        new: InstrumentState,
        call: Option<Call>,
    ) {
        if new == InstrumentState::Closed {
            for order in self.instrument_order(instrument) {
                // Its list may have taken it along.
                let live = self.orders.get(&order).map(|order| order.time_in_force);
                if matches!(live, Some(TimeInForce::Day | TimeInForce::AtClose)) {
                    self.end(order, EndReason::DayEnded);
                }
            }
        }
        let found = self.instrument_mut(instrument);
        let old = std::mem::replace(&mut found.spec.state, new);
        (found.call, found.paused_until, found.limit_state) = (call, None, None);
        if new == InstrumentState::Open {
            self.let_go_of_held(instrument);
        }
        self.state_changed(instrument, old);
    }

    pub(super) fn state_changed(&mut self, instrument: InstrumentId, old: InstrumentState) {
        let found = self.instrument(instrument);
        let call = found.call;
        let changed = InstrumentStateChanged {
            old,
            new: found.spec.state,
            auction: call.map_or(AuctionKind::None, |call| call.kind),
            then: call.map_or(InstrumentState::PreOpen, |call| call.then),
            reserved: [0; 4],
            ends_at: Timestamp(call.and_then(|call| call.ends_at).unwrap_or(0)),
        };
        self.emit(instrument, AccountId(0), changed);
    }

    /// The time of a call has come to its end.
    pub(super) fn call_is_over(&mut self, instrument: InstrumentId) {
        if self.prolong(instrument) {
            return;
        }
        let then = self.call(instrument).then;
        if !self.is_held_by_bounds(instrument) {
            self.move_to(instrument, then);
            return;
        }
        let call = self.call_mut(instrument);
        call.ends_at = None;
        self.state_changed(instrument, InstrumentState::Call);
    }
}
