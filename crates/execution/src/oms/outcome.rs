//! What comes of requests: answers, silence, lost connections.

use tiercel_types::{Price, Qty, Timestamp};

use super::name::is_marked;
use super::slot::{At, NEVER, Slot};
use super::{Anomaly, Oms, Outputs, Update, UpdateKind};
use crate::order::{Change, Found, Illegal, Input, OwnOrder, Progress, Request, State};
use crate::position::Fill;
use crate::venue::{VenueId, VenueReport, VenueRequest};

impl Oms {
    /// A venue has said something of an order.
    pub fn report(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let name = &report.client_order_id;
        let found = if name.is_empty() { None } else { self.slots.by_name(self.run, name) };
        let Some(at) = found.or_else(|| self.slots.by_order_id(venue, report.order_id)) else {
            // What ended long ago, or somebody else's.
            if is_marked(name) && self.run.number(name).is_none_or(|it| it >= self.issued()) {
                out.anomalies.push(Anomaly::Stray { order: *name });
            }
            return;
        };
        if let Input::Status { found, .. } = report.input {
            return self.found(now, at, found, report, out);
        }
        self.take(now, at, report, out);
    }

    /// The number of the next order: those below were given.
    fn issued(&self) -> u64 {
        self.slots.next_number().unwrap_or(u64::MAX)
    }

    /// An answer to a question.
    fn found(
        &mut self,
        now: Timestamp,
        at: At,
        found: Found,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let slot = self.slots.get_mut(at);
        let State::Unknown(request) = slot.order.state() else { return };
        let validity_ns = self.venues[slot.venue.index()].terms.validity_ns;
        let is_certain = now.0 >= slot.sent_at.0.saturating_add(validity_ns);
        let order = slot.order.client_order_id;
        // What is on its way still may come yet: a change of what is there, or all of it.
        let may_change = match request {
            Request::Replace => matches!(found, Found::Working | Found::Nothing),
            Request::New | Request::Cancel | Request::Nothing => found == Found::Nothing,
        };
        if may_change && !is_certain {
            return;
        }
        if found != Found::Nothing && slot.order.order_id().is_none() && !report.order_id.is_none()
        {
            let known = VenueReport { input: Input::Accepted(report.order_id), ..*report };
            self.take(now, at, &known, out);
        } else if found == Found::Nothing && slot.order.is_known_to_venue() {
            out.anomalies.push(Anomaly::Forgotten { order });
            let executed = Progress::Executed(slot.order.executed_qty());
            let ended = VenueReport { input: Input::Cancelled(executed), ..*report };
            return self.take(now, at, &ended, out);
        }
        self.take(now, at, report, out);
    }

    /// Lets an order take something in, and all that depends on it.
    fn take(&mut self, now: Timestamp, at: At, report: &VenueReport, out: &mut Outputs) {
        let slot = self.slots.get_mut(at);
        let before = slot.order;
        let order = before.client_order_id;
        match slot.order.apply(&report.input) {
            Ok(Change::Done) => self.done(now, at, &before, report, out),
            Ok(Change::Known) => {
                self.slots.settle(at);
            }
            Ok(Change::FillsMissing(_)) => self.ask(now, at, out),
            // A question that was answered before what was heard meanwhile: it is asked again.
            Err(Illegal::Undone { .. }) if matches!(report.input, Input::Status { .. }) => {}
            Err(what) => {
                out.anomalies.push(Anomaly::Illegal { order, what });
                if self.slots.is_live(at) {
                    self.ask(now, at, out);
                }
            }
        }
    }

    /// What depends on an order that has moved on.
    fn done(
        &mut self,
        now: Timestamp,
        at: At,
        before: &OwnOrder,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let after = self.slots.get(at).order;
        if let Input::Filled { price, qty, .. } = report.input {
            self.filled(at, before, price, qty, report, out);
        } else {
            self.recount(at, before, &report.input);
        }
        let has_ended = self.slots.settle(at);
        let was_unknown = matches!(before.state(), State::Unknown(_));
        let is_unknown = matches!(after.state(), State::Unknown(_));
        if was_unknown && !is_unknown {
            self.settle_unknown(at, true);
        }
        let slot = self.slots.get_mut(at);
        match after.state() {
            State::Working => slot.due_ns = NEVER,
            State::Unknown(_) => slot.due_ns = slot.due_ns.min(now.0),
            // What is on its way still has its time.
            _ => {}
        }
        if slot.is_replacement && has_ended && after.executed_qty().is_zero() {
            let tag = slot.tag;
            self.slots.stay(tag);
        }
        // Refused: what it was, if it was anything, is found out.
        let doubtful = matches!(report.input, Input::CancelRejected | Input::ReplaceRejected);
        if doubtful && !has_ended && after.state() == State::Working {
            self.ask(now, at, out);
        }
        self.tell(at, &report.input, was_unknown && !is_unknown, out);
    }

    /// Takes a fill into gate and position.
    fn filled(
        &mut self,
        at: At,
        before: &OwnOrder,
        price: Price,
        qty: Qty,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let slot = self.slots.get_mut(at);
        let is_done = slot.order.state().has_ended();
        self.gate.filled(&Slot::intent(before), price, qty, is_done);
        if let Some(change) = &mut slot.change {
            let less = Qty::from_units(qty.units().min(change.qty.units()));
            self.gate.reduced(change, less);
            change.qty = Qty::from_units(change.qty.units() - less.units());
            if is_done {
                let change = *change;
                self.gate.ended(&change, change.qty);
                slot.change = None;
            }
        }
        let Some(known) = self.known.get_mut(before.instrument.0 as usize) else { return };
        let fill = Fill { side: before.side, price, qty, fee: report.fee };
        if known.position.fill(&fill).is_err() {
            out.anomalies.push(Anomaly::TooLarge { order: before.client_order_id });
        }
    }

    /// Counts an order at the gate as it is now.
    fn recount(&mut self, at: At, before: &OwnOrder, input: &Input) {
        let slot = self.slots.get_mut(at);
        let after = slot.order;
        let settles = after.state().has_ended()
            || matches!(
                input,
                Input::Replaced { .. } | Input::ReplaceRejected | Input::Status { .. }
            );
        if settles && let Some(change) = slot.change.take() {
            self.gate.ended(&change, change.qty);
        }
        let (was, is) = (Slot::intent(before), Slot::intent(&after));
        if after.state().has_ended() {
            self.gate.ended(&was, was.qty);
        } else if was != is {
            self.gate.ended(&was, was.qty);
            self.gate.count(&is);
        }
    }

    /// One order of an instrument more or less has an outcome that is not known.
    pub(super) fn settle_unknown(&mut self, at: At, is_known: bool) {
        let instrument = self.slots.get(at).order.instrument;
        let Some(known) = self.known.get_mut(instrument.0 as usize) else { return };
        known.unknown = if is_known {
            known.unknown.saturating_sub(1)
        } else {
            known.unknown.saturating_add(1)
        };
        self.gate.set_unknown(instrument, known.unknown);
    }

    /// What became of an order is not known any more: its venue is asked, if it is there.
    fn ask(&mut self, now: Timestamp, at: At, out: &mut Outputs) {
        let slot = self.slots.get_mut(at);
        if slot.order.apply(&Input::NoAnswer) == Ok(Change::Done) {
            self.settle_unknown(at, false);
            self.update(at, UpdateKind::Unknown, out);
        }
        let slot = self.slots.get_mut(at);
        let venue = slot.venue;
        let Some(place) = self.venues.get(venue.index()) else { return };
        if !place.is_up {
            slot.due_ns = NEVER;
            return;
        }
        slot.due_ns = now.0.saturating_add(self.options.ask_interval_ns);
        let request = VenueRequest::Query {
            name: slot.name(),
            executed_qty: slot.order.executed_qty(),
            last_trade: slot.order.last_trade(),
        };
        out.requests.push((venue, request));
    }

    /// Time has passed: answers may be overdue.
    pub fn tick(&mut self, now: Timestamp, out: &mut Outputs) {
        let mut index = 0;
        while let Some(at) = self.slots.live_at(index) {
            index += 1;
            if self.slots.get(at).due_ns <= now.0 {
                self.ask(now, at, out);
            }
        }
    }

    /// A venue takes requests from now on. All that is open there is asked for.
    pub fn venue_up(&mut self, now: Timestamp, venue: VenueId, out: &mut Outputs) {
        let Some(place) = self.venues.get_mut(venue.index()) else { return };
        place.is_up = true;
        self.doubt(now, venue, out);
    }

    /// A venue cannot be reached. What became of orders there is not known.
    pub fn venue_down(&mut self, now: Timestamp, venue: VenueId, out: &mut Outputs) {
        let Some(place) = self.venues.get_mut(venue.index()) else { return };
        if !place.is_up {
            return;
        }
        place.is_up = false;
        self.doubt(now, venue, out);
    }

    fn doubt(&mut self, now: Timestamp, venue: VenueId, out: &mut Outputs) {
        let mut index = 0;
        while let Some(at) = self.slots.live_at(index) {
            index += 1;
            if self.slots.get(at).venue == venue {
                self.ask(now, at, out);
            }
        }
    }

    /// Tells the strategy what has happened.
    fn tell(&self, at: At, input: &Input, was_found: bool, out: &mut Outputs) {
        let slot = self.slots.get(at);
        let kind = match *input {
            Input::Accepted(_) if slot.is_replacement => UpdateKind::Replaced,
            Input::Accepted(_) => UpdateKind::Accepted,
            Input::Filled { price, qty, .. } => UpdateKind::Filled { price, qty },
            // Another stands in its stead: the tag goes on.
            Input::Cancelled(_) | Input::CancelRejected if slot.is_retiring && self.goes_on(at) => {
                return;
            }
            Input::Rejected if slot.is_replacement && self.goes_on(at) => {
                UpdateKind::ReplaceRejected
            }
            Input::Rejected => UpdateKind::Rejected,
            Input::Cancelled(_) => UpdateKind::Cancelled,
            Input::Expired(_) => UpdateKind::Expired,
            Input::CancelRejected => UpdateKind::CancelRejected,
            Input::Replaced { .. } => UpdateKind::Replaced,
            Input::ReplaceRejected => UpdateKind::ReplaceRejected,
            Input::Status { .. } if was_found => UpdateKind::Found,
            Input::Status { .. } | Input::NoAnswer | Input::CancelSent | Input::ReplaceSent => {
                return;
            }
        };
        self.update(at, kind, out);
    }

    /// Whether something of the tag is open beside this order.
    fn goes_on(&self, at: At) -> bool {
        let slot = self.slots.get(at);
        self.slots.live().any(|other| other != at && self.slots.get(other).tag == slot.tag)
    }

    fn update(&self, at: At, kind: UpdateKind, out: &mut Outputs) {
        let slot = self.slots.get(at);
        let order = &slot.order;
        out.updates.push(Update {
            tag: slot.tag,
            kind,
            instrument: order.instrument,
            side: order.side,
            price: order.price(),
            qty: order.qty(),
            open_qty: self.slots.open_qty(slot.tag, order.side),
        });
    }
}
