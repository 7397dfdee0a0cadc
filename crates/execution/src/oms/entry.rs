//! What a strategy wants, and what was there before it began.

use tiercel_types::{InstrumentId, OrderKind, Price, Qty, TimeInForce, Timestamp};

use super::slot::{At, Entry, NEVER, Slot};
use super::{Adopted, NewOrder, Oms, Outputs, Update, UpdateKind};
use crate::order::{Input, OwnOrder, State};
use crate::risk::{Denial, Intent};
use crate::venue::{OrderTerms, VenueId, VenueRequest};

impl Oms {
    /// Enters an order, if it may leave.
    pub fn submit(&mut self, now: Timestamp, order: &NewOrder, out: &mut Outputs) {
        match self.enter(now, order) {
            Ok((venue, terms)) => out.requests.push((venue, VenueRequest::New(terms))),
            Err(denial) => {
                let open_qty = self.slots.open_qty(order.tag, order.side);
                out.updates.push(denied(order, denial, open_qty));
            }
        }
    }

    fn enter(&mut self, now: Timestamp, order: &NewOrder) -> Result<(VenueId, OrderTerms), Denial> {
        let venue = self.venue_of(now, order)?;
        let number = self.slots.next_number().ok_or(Denial::Room)?;
        self.gate.admit(now, &intent(order))?;
        self.leaves(now, venue);
        let terms = self.put(now, venue, number, order, None);
        Ok((venue, terms))
    }

    /// Where a new order goes, if the venue takes orders now and the tag is free.
    #[inline]
    pub(super) fn venue_of(&self, now: Timestamp, order: &NewOrder) -> Result<VenueId, Denial> {
        let known = self.known.get(order.instrument.0 as usize).ok_or(Denial::UnknownInstrument)?;
        let venue = known.venue;
        if self.slots.by_tag(order.tag).is_some() {
            return Err(Denial::Tag);
        }
        if !self.is_up(venue) {
            return Err(Denial::VenueDown);
        }
        if !self.venues.get(venue.index()).is_some_and(|venue| venue.breaker.allows(now)) {
            return Err(Denial::Breaker);
        }
        Ok(venue)
    }

    /// An order, or a change, leaves for a venue.
    #[inline]
    pub(super) fn leaves(&mut self, now: Timestamp, venue: VenueId) {
        if let Some(venue) = self.venues.get_mut(venue.index()) {
            venue.breaker.leaves(now);
        }
    }

    /// Puts an order in that was admitted; in the stead of others of which so much has traded, if there are any.
    // Inlined, so that terms are written once: a copy of what was just written in parts waits.
    #[inline(always)]
    fn put(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        number: u64,
        order: &NewOrder,
        replaces: Option<Qty>,
    ) -> OrderTerms {
        let NewOrder { tag, instrument, side, kind, time_in_force, price, qty } = *order;
        let client_order_id = self.run.name(number);
        let own = OwnOrder::new(client_order_id, instrument, side, price, qty);
        let entry = Entry {
            tag,
            venue,
            kind,
            time_in_force,
            sent_at: now,
            executed_before: replaces.unwrap_or_default(),
            is_replacement: replaces.is_some(),
        };
        if let Some(at) = self.slots.put(own, entry) {
            self.wait(at, now);
        }
        OrderTerms { client_order_id, instrument, side, kind, time_in_force, price, qty }
    }

    /// An answer is due.
    pub(super) fn wait(&mut self, at: At, now: Timestamp) {
        let due_ns = now.0.saturating_add(self.options.answer_timeout_ns);
        self.due(at, due_ns);
    }

    /// Something is due at a time.
    pub(super) fn due(&mut self, at: At, due_ns: u64) {
        self.slots.get_mut(at).due_ns = due_ns;
        self.next_due_ns = self.next_due_ns.min(due_ns);
    }

    /// Ends the order of a tag. If there is none, or its end is on its way, nothing is done.
    pub fn cancel(&mut self, now: Timestamp, tag: u64, out: &mut Outputs) {
        self.cancel_those(now, out, |slot| slot.tag == tag);
    }

    /// Ends every order of an instrument, or of [all](InstrumentId::ALL).
    pub fn cancel_all(&mut self, now: Timestamp, instrument: InstrumentId, out: &mut Outputs) {
        self.cancel_those(now, out, |slot| is_of(slot, instrument));
    }

    /// The same, for who does so as long as there are any: one whose cancel was refused is left alone for an ask
    /// interval. A venue that refuses all of them is not asked as fast as it answers.
    pub fn cancel_what_is_left(
        &mut self,
        now: Timestamp,
        instrument: InstrumentId,
        out: &mut Outputs,
    ) {
        let may = |slot: &Slot| is_of(slot, instrument) && now.0 >= slot.cancel_refused_ns;
        self.cancel_those(now, out, may);
    }

    fn cancel_those(&mut self, now: Timestamp, out: &mut Outputs, is_one: impl Fn(&Slot) -> bool) {
        let mut index = 0;
        while let Some(at) = self.slots.live_at(index) {
            index += 1;
            let slot = self.slots.get_mut(at);
            let is_on_its_way = now.0 < slot.cancel_due_ns;
            if !is_one(slot) || is_on_its_way || slot.order.apply(&Input::CancelSent).is_err() {
                continue;
            }
            out.requests.push((slot.venue, VenueRequest::Cancel(slot.name())));
            slot.cancel_due_ns = now.0.saturating_add(self.options.answer_timeout_ns);
            // What is not known is being asked for.
            if slot.order.state() == State::PendingCancel {
                self.wait(at, now);
            }
        }
    }

    /// Gives the order of a tag another price and quantity (with what has traded of it), if it may have them.
    pub fn replace(&mut self, now: Timestamp, tag: u64, price: Price, qty: Qty, out: &mut Outputs) {
        let Some(at) = self.slots.by_tag(tag) else { return };
        if let Err(denial) = self.change(now, at, price, qty, out) {
            let order = &self.slots.get(at).order;
            let order = NewOrder {
                tag,
                instrument: order.instrument,
                side: order.side,
                kind: OrderKind::Limit,
                time_in_force: TimeInForce::Gtc,
                price,
                qty,
            };
            let open_qty = self.slots.open_qty(tag, order.side);
            out.updates.push(denied(&order, denial, open_qty));
        }
    }

    fn change(
        &mut self,
        now: Timestamp,
        at: At,
        price: Price,
        qty: Qty,
        out: &mut Outputs,
    ) -> Result<(), Denial> {
        let Self { slots, gate, venues, .. } = self;
        let slot = slots.get(at);
        let (order, venue, tag) = (slot.order, slot.venue, slot.tag);
        let (kind, time_in_force) = (slot.kind, slot.time_in_force);
        let (before, executed) = (slot.executed_before.units(), order.executed_qty().units());
        let executed = before.saturating_add(executed);
        if order.is_advanced() {
            return Err(Denial::NotChanged);
        }
        if order.state() != State::Working {
            return Err(Denial::Tag);
        }
        let Some(place) = venues.get(venue.index()).filter(|venue| venue.is_up) else {
            return Err(Denial::VenueDown);
        };
        if !place.breaker.allows(now) {
            return Err(Denial::Breaker);
        }
        let open_qty = Qty::from_units(qty.units().saturating_sub(executed));
        let (intent, changed) = (slot.intent(), Intent { price, qty: open_qty, ..slot.intent() });
        if place.terms.amends {
            gate.admit_change(now, &intent, order.open_qty(), &changed)?;
            self.leaves(now, venue);
            let slots = &mut self.slots;
            let slot = slots.get_mut(at);
            // It is working.
            let _done = slot.order.apply(&Input::ReplaceSent);
            (slot.change, slot.sent_at) = (Some(changed), now);
            slot.certain_question = NEVER;
            let name = slot.name();
            out.requests.push((venue, VenueRequest::Amend { name, price, qty, open_qty }));
            self.wait(at, now);
            return Ok(());
        }
        let number = slots.next_number().ok_or(Denial::Room)?;
        // Both may trade: a part of the one until it is cancelled, and all of the other.
        gate.admit(now, &changed)?;
        self.leaves(now, venue);
        let slot = self.slots.get_mut(at);
        let _done = slot.order.apply(&Input::CancelSent);
        slot.is_retiring = true;
        slot.cancel_due_ns = now.0.saturating_add(self.options.answer_timeout_ns);
        let name = slot.name();
        self.wait(at, now);
        let next = NewOrder {
            tag,
            instrument: order.instrument,
            side: order.side,
            kind,
            time_in_force,
            price,
            qty: open_qty,
        };
        let terms = self.put(now, venue, number, &next, Some(Qty::from_units(executed)));
        out.requests.push((venue, VenueRequest::CancelReplace { name, terms }));
        Ok(())
    }

    /// Takes over an order of a run before: it counts as open, and is asked for, at once or when its venue is up.
    /// Of one that has ended the name is remembered: what is told of it late is known. One that is there is left as it
    /// is.
    ///
    /// # Errors
    /// [`Denial::UnknownInstrument`], [`Denial::Room`]: it was not taken over.
    pub fn adopt(
        &mut self,
        now: Timestamp,
        adopted: &Adopted,
        out: &mut Outputs,
    ) -> Result<(), Denial> {
        let Adopted { tag, order, kind, time_in_force, change } = *adopted;
        let place = order.instrument.0 as usize;
        let venue = self.known.get(place).ok_or(Denial::UnknownInstrument)?.venue;
        let is_there = self.slots.by_name(self.run, &order.client_order_id).is_some();
        if is_there {
            return Ok(());
        }
        if order.state().has_ended() {
            self.slots.remember(order.client_order_id);
            return Ok(());
        }
        // It may have left just before the run ended.
        let entry = Entry::first((tag, venue), (kind, time_in_force), now);
        let at = self.slots.put(order, entry).ok_or(Denial::Room)?;
        self.slots.remember(order.client_order_id);
        let intent = self.slots.get(at).intent();
        self.gate.count(&intent);
        if let Some((price, qty)) = change {
            let open_qty = qty.units().saturating_sub(order.executed_qty().units());
            let qty = Qty::from_units(open_qty);
            let changed = Intent { price, qty, ..intent };
            self.gate.count(&changed);
            self.slots.get_mut(at).change = Some(changed);
        }
        if matches!(order.state(), State::Unknown(_)) {
            self.settle_unknown(at, false);
        }
        if self.is_up(venue) {
            self.ask_anew(now, at, out);
        }
        Ok(())
    }
}

pub(super) const fn intent(order: &NewOrder) -> Intent {
    let NewOrder { instrument, side, price, qty, .. } = *order;
    Intent { instrument, side, price, qty, waits: false }
}

pub(super) const fn denied(order: &NewOrder, denial: Denial, open_qty: Qty) -> Update {
    Update {
        tag: order.tag,
        kind: UpdateKind::Denied(denial),
        instrument: order.instrument,
        side: order.side,
        price: order.price,
        qty: order.qty,
        open_qty,
    }
}

fn is_of(slot: &Slot, instrument: InstrumentId) -> bool {
    instrument == InstrumentId::ALL || slot.order.instrument == instrument
}
