//! What comes of requests: answers, silence, lost connections.

use tiercel_types::{Price, Qty, Timestamp};

use super::slot::{At, Before, NEVER};
use super::{Anomaly, Oms, Outputs, Update, UpdateKind};
use crate::order::{Change, Found, Illegal, Input, Progress, State};
use crate::position::Fill;
use crate::risk::Intent;
use crate::venue::{VenueId, VenueReport, VenueRequest};

/// Answers in a row that say that more has traded than was told, until somebody is told: the trades come another way where
/// they come at all, and may be late.
const FILLS_MISSING_TOLD: u8 = 8;

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
            // What ended long ago, or somebody else's; a refusal is of no consequence.
            let is_refusal = matches!(
                report.input,
                Input::Rejected | Input::CancelRejected | Input::ReplaceRejected
            );
            if !is_refusal
                && let Some(name) = self.run.own(name)
                && !self.slots.was_there(self.run, &name)
            {
                out.anomalies.push(Anomaly::Stray { order: name });
            }
            return;
        };
        if let Input::Status { found, .. } = report.input {
            return self.found(now, at, found, report, out);
        }
        self.take(now, at, report, out);
    }

    /// What was to be asked of a venue, and was not, as this tells: a refusal that says nothing of the venue.
    pub fn unsent(
        &mut self,
        now: Timestamp,
        venue: VenueId,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let before = self.venues.get(venue.index()).map(|venue| venue.breaker);
        self.report(now, venue, report, out);
        if let (Some(mut breaker), Some(venue)) = (before, self.venues.get_mut(venue.index())) {
            // A cancel has no permit.
            if report.input == Input::Rejected {
                breaker.returns();
            }
            venue.breaker = breaker;
        }
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
        if !matches!(slot.order.state(), State::Unknown(_)) {
            return;
        }
        let question = report.question;
        let is_untold = question == 0 && found == Found::Nothing;
        if !is_untold && question < slot.first_question.max(1) {
            return;
        }
        let is_certain = is_untold || question >= slot.certain_question;
        // What is on its way still may come yet: a change of what is there, or all of it.
        let may_change = match found {
            Found::Working => slot.change.is_some(),
            Found::Nothing => true,
            Found::Cancelled | Found::Expired | Found::Rejected | Found::Filled => false,
        };
        if may_change && !is_certain {
            return;
        }
        if found != Found::Nothing {
            slot.order.number(report.order_id);
            self.slots.settle(at);
        } else if slot.order.is_known_to_venue() {
            out.anomalies.push(Anomaly::Forgotten { order: slot.order.client_order_id });
            let executed = Progress::Executed(slot.order.executed_qty());
            let ended = VenueReport { input: Input::Cancelled(executed), ..*report };
            return self.take(now, at, &ended, out);
        }
        self.take(now, at, report, out);
    }

    /// Lets an order take something in, and all that depends on it.
    fn take(&mut self, now: Timestamp, at: At, report: &VenueReport, out: &mut Outputs) {
        let slot = self.slots.get_mut(at);
        let before = slot.before();
        // A question that was answered before what was heard meanwhile, or before its fills: it is asked again when
        // its time has come.
        let is_answer = matches!(report.input, Input::Status { .. });
        if report.input == Input::CancelRejected {
            slot.cancel_due_ns = 0;
            slot.cancel_refused_ns = now.0.saturating_add(self.options.ask_interval_ns);
        }
        match slot.order.apply(&report.input) {
            Ok(Change::Done) => {
                let before =
                    if slot.pair == 0 { before } else { self.weigh(at, before, &report.input) };
                self.done(now, at, &before, report, out);
            }
            Ok(Change::Known) => {
                self.slots.settle(at);
            }
            Ok(Change::AfterEnd) => {
                out.anomalies.push(Anomaly::AfterEnd { order: slot.order.client_order_id });
                if let Input::Filled { price, qty, .. } = report.input {
                    self.own(at, price, qty, report, out);
                    let instrument = before.intent.instrument;
                    let Some(known) = self.known.get(instrument.0 as usize) else { return };
                    self.gate.set_position(instrument, &known.position);
                    self.tell(at, &report.input, false, out);
                }
            }
            Ok(Change::FillsMissing(qty)) if is_answer => {
                slot.fills_missing = slot.fills_missing.saturating_add(1);
                if slot.fills_missing == FILLS_MISSING_TOLD {
                    let order = slot.order.client_order_id;
                    out.anomalies.push(Anomaly::FillsMissing { order, qty });
                }
            }
            Err(Illegal::Undone { .. }) if is_answer => {}
            Ok(Change::FillsMissing(_)) => self.ask_anew(now, at, out),
            Err(what) => {
                let order = slot.order.client_order_id;
                out.anomalies.push(Anomaly::Illegal { order, what });
                if self.slots.is_live(at) && !is_answer {
                    self.ask_anew(now, at, out);
                }
            }
        }
    }

    /// What depends on an order that has moved on.
    fn done(
        &mut self,
        now: Timestamp,
        at: At,
        before: &Before,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        let slot = self.slots.get(at);
        let after = slot.order.state();
        let is_answer = matches!(
            report.input,
            Input::Accepted(_)
                | Input::Rejected
                | Input::Filled { .. }
                | Input::Replaced { .. }
                | Input::ReplaceRejected
                | Input::Expired(_)
        );
        if is_answer && let Some(venue) = self.venues.get_mut(slot.venue.index()) {
            venue.breaker.succeeded();
        }
        if let Input::Filled { price, qty, .. } = report.input {
            self.filled(at, &before.intent, price, qty, report, out);
        } else {
            self.recount(at, &before.intent, &report.input);
        }
        self.slots.settle(at);
        let was_unknown = matches!(before.state, State::Unknown(_));
        let is_unknown = matches!(after, State::Unknown(_));
        if was_unknown && !is_unknown {
            self.settle_unknown(at, true);
            // A cancel that was asked for before has not come, or comes twice.
            self.slots.get_mut(at).cancel_due_ns = 0;
        }
        if after == State::Working {
            self.slots.get_mut(at).due_ns = NEVER;
        }
        self.tell(at, &report.input, was_unknown && !is_unknown, out);
        // Refused: what it was, if it was anything, is found out.
        let is_doubtful = matches!(report.input, Input::CancelRejected | Input::ReplaceRejected);
        if is_doubtful && after == State::Working {
            self.ask_anew(now, at, out);
        }
    }

    /// Takes a fill into gate and position.
    fn filled(
        &mut self,
        at: At,
        before: &Intent,
        price: Price,
        qty: Qty,
        report: &VenueReport,
        out: &mut Outputs,
    ) {
        self.own(at, price, qty, report, out);
        self.slots.get_mut(at).fills_missing = 0;
        let Some(known) = self.known.get(before.instrument.0 as usize) else { return };
        let slot = self.slots.get_mut(at);
        let is_done = slot.order.state().has_ended();
        self.gate.filled(before, qty, is_done, &known.position);
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
        if slot.is_retiring {
            self.slots.executed_before(at, qty);
        }
    }

    /// Takes a fill into the position.
    fn own(&mut self, at: At, price: Price, qty: Qty, report: &VenueReport, out: &mut Outputs) {
        let order = &self.slots.get(at).order;
        let Some(known) = self.known.get_mut(order.instrument.0 as usize) else { return };
        let fill = Fill { side: order.side, price, qty, fee: report.fee };
        if known.position.fill(&fill).is_err() {
            out.anomalies.push(Anomaly::TooLarge { order: order.client_order_id });
        }
    }

    /// Counts an order at the gate as it is now.
    fn recount(&mut self, at: At, was: &Intent, input: &Input) {
        let slot = self.slots.get_mut(at);
        let has_ended = slot.order.state().has_ended();
        let is = slot.intent();
        let settles = has_ended
            || matches!(
                input,
                Input::Replaced { .. } | Input::ReplaceRejected | Input::Status { .. }
            );
        if settles && let Some(change) = slot.change.take() {
            self.gate.ended(&change, change.qty);
        }
        if has_ended {
            self.gate.ended(was, was.qty);
        } else if *was != is {
            self.gate.ended(was, was.qty);
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

    /// What became of an order is not known any more, or again: answers to what was asked before do not count.
    pub(super) fn ask_anew(&mut self, now: Timestamp, at: At, out: &mut Outputs) {
        let slot = self.slots.get_mut(at);
        slot.first_question = self.questions + 1;
        if slot.order.apply(&Input::NoAnswer) == Ok(Change::Done) {
            self.settle_unknown(at, false);
            self.update(at, UpdateKind::Unknown, out);
        }
        self.ask(now, at, out);
    }

    /// Asks the venue, if it is there, what became of an order.
    fn ask(&mut self, now: Timestamp, at: At, out: &mut Outputs) {
        let slot = self.slots.get_mut(at);
        let venue = slot.venue;
        let Some(place) = self.venues.get(venue.index()) else { return };
        if !place.is_up {
            slot.due_ns = NEVER;
            return;
        }
        self.questions += 1;
        let question = self.questions;
        if now.0 >= slot.sent_at.0.saturating_add(place.terms.validity_ns) {
            slot.certain_question = slot.certain_question.min(question);
        }
        let request = VenueRequest::Query {
            name: slot.name(),
            executed_qty: slot.order.executed_qty(),
            last_trade: slot.order.last_trade(),
            question,
        };
        out.requests.push((venue, request));
        self.due(at, now.0.saturating_add(self.options.ask_interval_ns));
    }

    /// Time has passed: answers may be overdue.
    #[inline]
    pub fn tick(&mut self, now: Timestamp, out: &mut Outputs) {
        if now.0 >= self.next_due_ns {
            self.overdue(now, out);
        }
    }

    fn overdue(&mut self, now: Timestamp, out: &mut Outputs) {
        self.next_due_ns = NEVER;
        let mut index = 0;
        while let Some(at) = self.slots.live_at(index) {
            index += 1;
            let slot = self.slots.get(at);
            if slot.due_ns > now.0 {
                self.next_due_ns = self.next_due_ns.min(slot.due_ns);
            } else if matches!(slot.order.state(), State::Unknown(_)) {
                self.ask(now, at, out);
            } else {
                let venue = slot.venue;
                self.venue_failed(now, venue);
                self.ask_anew(now, at, out);
            }
        }
    }

    /// When [`tick`](Self::tick) may have something to do, at the earliest; `None`: not before something else comes.
    pub const fn next_due(&self) -> Option<Timestamp> {
        if self.next_due_ns == NEVER { None } else { Some(Timestamp(self.next_due_ns)) }
    }

    /// A venue takes requests from now on, and all that it tells of orders from now on is heard. What is open there is
    /// asked for, since what came before may not have been. Told again while the venue is up, it means that
    /// something was not heard.
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
        place.breaker.failed(now);
        self.doubt(now, venue, out);
    }

    fn doubt(&mut self, now: Timestamp, venue: VenueId, out: &mut Outputs) {
        let mut index = 0;
        while let Some(at) = self.slots.live_at(index) {
            index += 1;
            if self.slots.get(at).venue == venue {
                self.ask_anew(now, at, out);
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
            Input::CancelRejected if slot.is_retiring && self.goes_on(at) => return,
            Input::Cancelled(_) | Input::Expired(_) if slot.is_retiring && self.goes_on(at) => {
                return self.retired(slot.tag, out);
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

    /// An order is gone in whose stead another stands: if that is in the book already, less is open under the tag
    /// than was told then.
    fn retired(&self, tag: u64, out: &mut Outputs) {
        if let Some(at) = self.slots.by_tag(tag)
            && self.slots.get(at).order.is_known_to_venue()
        {
            self.update(at, UpdateKind::Replaced, out);
        }
    }

    /// Whether something of the tag is open beside this order.
    fn goes_on(&self, at: At) -> bool {
        let slot = self.slots.get(at);
        self.slots.of_tag(slot.tag).any(|other| other != at)
    }

    fn update(&self, at: At, kind: UpdateKind, out: &mut Outputs) {
        let slot = self.slots.get(at);
        let order = &slot.order;
        let qty = order.qty().units().saturating_add(slot.executed_before.units());
        out.updates.push(Update {
            tag: slot.tag,
            kind,
            instrument: order.instrument,
            side: order.side,
            price: order.price(),
            qty: Qty::from_units(qty),
            open_qty: self.slots.open_qty(slot.tag, order.side),
        });
    }
}
