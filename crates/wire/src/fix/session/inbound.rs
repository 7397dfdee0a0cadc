//! What a session makes of what comes.

use tiercel_types::Timestamp;

use super::{Application, EARLY_BYTES_MAX, EARLY_MESSAGES_MAX, Phase, Role, Session, Store};
use crate::fix::dictionary::{Refusal, RejectReason};
use crate::fix::message::{Message, decode};
use crate::fix::tag::{self, Tag};
use crate::fix::value::{self, SECOND_NS};

/// Which numbers a message is refused for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// It has to be the next.
    Exact,
    /// Its number says nothing.
    Any,
}

impl Session {
    /// A whole message has come, of whatever version. Bytes that are none never come here: the next
    /// good message exposes the gap.
    pub fn received(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        if self.wants_close || self.phase == Phase::Closed {
            return;
        }
        (self.last_received, self.test_requests) = (now, 0);
        self.take(now, message, store, app);
        self.take_early(now, store, app);
    }

    /// Takes messages that came before their turn, while it is their turn.
    fn take_early(&mut self, now: Timestamp, store: &mut impl Store, app: &mut impl Application) {
        while !self.wants_close
            && let Some(bytes) = self.early.remove(&store.next_incoming())
        {
            self.early_bytes -= bytes.len();
            let mut decoder = self.decoder.take().unwrap_or_default();
            if let Ok(Some(message)) = decode(&mut decoder, &bytes) {
                if message.message_type() == b"A" {
                    // It was answered when it came.
                    store.set_next_incoming(store.next_incoming() + 1);
                } else {
                    self.take(now, &message, store, app);
                }
            }
            self.decoder = Some(decoder);
        }
    }

    fn take(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let message_type = message.message_type();
        let is_waiting = matches!(self.phase, Phase::Waiting { .. });
        if is_waiting && message_type != b"A" {
            self.wants_close = true;
            return;
        }
        if message.begin_string() != &*self.config.begin_string {
            self.other_version(now, message, store);
            return;
        }
        if let Err(refusal) = self.config.dictionary.check(message) {
            self.reject(now, message, store, refusal);
            return;
        }
        match message_type {
            b"A" => self.logon(now, message, store, app),
            b"2" => self.resend_request(now, message, store),
            b"4" => self.sequence_reset(now, message, store),
            b"5" => self.logout(now, message, store),
            _ if !self.is_good(now, message, store, Numbers::Exact) => {}
            b"0" | b"3" => advance(store),
            b"1" => {
                advance(store);
                let id = message.get(tag::TEST_REQ_ID);
                self.send_heartbeat(now, store, id);
            }
            _ => {
                advance(store);
                if let Err(reject) = app.on_message(message) {
                    self.send_business_reject(now, store, message, &reject);
                }
            }
        }
    }

    /// A message of another version says goodbye; a goodbye of one is one.
    fn other_version(&mut self, now: Timestamp, message: &Message<'_>, store: &mut impl Store) {
        match self.phase {
            Phase::LoggedOn if message.message_type() == b"5" => self.logout(now, message, store),
            Phase::LoggedOn => {
                advance(store);
                self.log_out(now, store, "Incorrect BeginString");
            }
            Phase::LeavingSince(_) if message.message_type() != b"5" => {}
            _ => self.wants_close = true,
        }
    }

    /// Refuses a message at the level of the session. One that cannot log on ends the connection.
    fn reject(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        refusal: Refusal,
    ) {
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.wants_close = true;
            return;
        }
        self.send_reject(now, store, message, refusal);
        let is_next = number_of(message) == Some(store.next_incoming());
        if is_next && !matches!(message.message_type(), b"A" | b"4") {
            advance(store);
        }
    }

    /// Refuses a message after which there is nothing more to say.
    fn reject_and_leave(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        reason: RejectReason,
    ) {
        self.reject(now, message, store, Refusal::whole(reason));
        self.log_out(now, store, "");
    }

    /// Whether a message is one that is to be taken now: in time, from them to us, in its turn.
    /// What is not is answered.
    fn is_good(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        numbers: Numbers,
    ) -> bool {
        let sent = sent_at(message);
        if !self.is_near(now, sent) {
            self.reject_and_leave(now, message, store, RejectReason::SendingTimeAccuracyProblem);
            return false;
        }
        if !self.is_theirs(message) {
            self.reject_and_leave(now, message, store, RejectReason::CompIdProblem);
            return false;
        }
        let (Some(number), expected) = (number_of(message), store.next_incoming()) else {
            let refusal = Refusal::of(RejectReason::IncorrectDataFormat, tag::MSG_SEQ_NUM);
            self.reject(now, message, store, refusal);
            return false;
        };
        if numbers == Numbers::Exact {
            if number > expected {
                self.too_high(now, message, store, number);
                return false;
            }
            if !self.is_good_duplicate(now, message, store, sent) {
                return false;
            }
            if number < expected {
                if !is_possible_duplicate(message) {
                    self.too_low(now, store, number);
                }
                return false;
            }
        }
        if self.asked.is_some_and(|(_, last)| number >= last) {
            self.asked = None;
        }
        true
    }

    /// A possible duplicate has to say when it was first sent, and that cannot be later.
    fn is_good_duplicate(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        sent: Option<Timestamp>,
    ) -> bool {
        if !is_possible_duplicate(message) || message.message_type() == b"4" {
            return true;
        }
        let Some(original) = message.get(tag::ORIG_SENDING_TIME) else {
            let refusal = Refusal::of(RejectReason::RequiredTagMissing, tag::ORIG_SENDING_TIME);
            self.reject(now, message, store, refusal);
            return false;
        };
        if value::utc_timestamp(original) > sent {
            self.reject_and_leave(now, message, store, RejectReason::SendingTimeAccuracyProblem);
            return false;
        }
        true
    }

    /// Whether a message was sent about now.
    fn is_near(&self, now: Timestamp, sent: Option<Timestamp>) -> bool {
        let tolerance_ns = self.config.sending_time_tolerance_ns;
        sent.is_some_and(|sent| sent.0.abs_diff(now.0) <= tolerance_ns)
    }

    fn is_theirs(&self, message: &Message<'_>) -> bool {
        message.get(tag::SENDER_COMP_ID) == Some(&*self.config.target_comp_id)
            && message.get(tag::TARGET_COMP_ID) == Some(&*self.config.sender_comp_id)
    }

    /// Keeps a message for its turn, and asks for what is missing, once.
    fn too_high(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        number: u64,
    ) {
        let bytes = message.bytes();
        let fits = self.early.len() < EARLY_MESSAGES_MAX
            && self.early_bytes + bytes.len() <= EARLY_BYTES_MAX;
        if fits && !self.early.contains_key(&number) {
            self.early_bytes += bytes.len();
            self.early.insert(number, bytes.into());
        }
        // What was asked for comes as one, before anything newer: something newer behind the first
        // of it means that they sent less than was asked for.
        let first = store.next_incoming();
        let came_short =
            |(asked, _)| number < asked || (asked < first && !is_possible_duplicate(message));
        if self.asked.is_none_or(came_short) {
            self.send_resend_request(now, store, first);
            self.asked = Some((first, number - 1));
        }
    }

    fn too_low(&mut self, now: Timestamp, store: &mut impl Store, number: u64) {
        let expected = store.next_incoming();
        let text = format!("MsgSeqNum too low, expecting {expected} but received {number}");
        self.send_logout(now, store, &text);
        self.wants_close = true;
    }

    fn logon(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        store: &mut impl Store,
        app: &mut impl Application,
    ) {
        let wants_reset = message.get(tag::RESET_SEQ_NUM_FLAG) == Some(b"Y");
        let is_waiting = matches!(self.phase, Phase::Waiting { .. });
        let is_good = self.is_near(now, sent_at(message))
            && self.is_theirs(message)
            && (is_waiting || wants_reset);
        let interval_s = message.get(tag::HEART_BT_INT).and_then(value::unsigned);
        let (true, Some(number), Some(interval_s)) = (is_good, number_of(message), interval_s)
        else {
            self.wants_close = true;
            return;
        };
        if let Err(text) = app.may_log_on(message) {
            self.send_logout(now, store, &text);
            self.wants_close = true;
            return;
        }
        let is_acceptor = self.config.role == Role::Acceptor;
        if (wants_reset && !self.reset_sent) || (is_acceptor && self.config.reset_on_logon) {
            self.reset(now, store);
        }
        if number < store.next_incoming() && !is_possible_duplicate(message) {
            self.too_low(now, store, number);
            return;
        }
        if is_acceptor {
            self.heartbeat_ns = interval_s.saturating_mul(SECOND_NS);
        }
        if is_acceptor || (wants_reset && !self.reset_sent) {
            self.send_logon(now, store, wants_reset);
        }
        self.reset_sent = false;
        self.phase = Phase::LoggedOn;
        let expected = store.next_incoming();
        if number > expected {
            self.too_high(now, message, store, number);
        } else if number == expected {
            advance(store);
        }
        app.on_logon();
    }

    fn logout(&mut self, now: Timestamp, message: &Message<'_>, store: &mut impl Store) {
        if message.begin_string() == &*self.config.begin_string
            && !self.is_good(now, message, store, Numbers::Any)
        {
            return;
        }
        if number_of(message) == Some(store.next_incoming()) {
            advance(store);
        }
        if self.phase == Phase::LoggedOn {
            self.send_logout(now, store, "");
        }
        if self.config.reset_on_logout {
            self.reset(now, store);
        }
        self.wants_close = true;
    }

    fn resend_request(&mut self, now: Timestamp, message: &Message<'_>, store: &mut impl Store) {
        if !self.is_good(now, message, store, Numbers::Any) {
            return;
        }
        let number = |tag: Tag| message.get(tag).and_then(value::unsigned).unwrap_or(0);
        let last = store.next_outgoing().saturating_sub(1);
        let from = number(tag::BEGIN_SEQ_NO).max(1);
        let to = match number(tag::END_SEQ_NO) {
            0 => last,
            to => to.min(last),
        };
        if from <= to {
            self.send_again(now, store, from, to);
        }
        if number_of(message) == Some(store.next_incoming()) {
            advance(store);
        }
    }

    fn sequence_reset(&mut self, now: Timestamp, message: &Message<'_>, store: &mut impl Store) {
        let fills_gap = message.get(tag::GAP_FILL_FLAG) == Some(b"Y");
        let numbers = if fills_gap { Numbers::Exact } else { Numbers::Any };
        if !self.is_good(now, message, store, numbers) {
            return;
        }
        let expected = store.next_incoming();
        match message.get(tag::NEW_SEQ_NO).and_then(value::unsigned) {
            Some(next) if next >= expected => {
                store.set_next_incoming(next);
                if self.asked.is_some_and(|(_, last)| next > last) {
                    self.asked = None;
                }
                self.forget_before(next);
            }
            _ => {
                let refusal = Refusal::whole(RejectReason::ValueIncorrect);
                self.reject(now, message, store, refusal);
            }
        }
    }

    /// Messages before that number will not be taken.
    fn forget_before(&mut self, number: u64) {
        let kept = self.early.split_off(&number);
        self.early = kept;
        self.early_bytes = self.early.values().map(|bytes| bytes.len()).sum();
    }
}

fn advance(store: &mut impl Store) {
    store.set_next_incoming(store.next_incoming() + 1);
}

fn sent_at(message: &Message<'_>) -> Option<Timestamp> {
    message.get(tag::SENDING_TIME).and_then(value::utc_timestamp)
}

pub(super) fn number_of(message: &Message<'_>) -> Option<u64> {
    message.get(tag::MSG_SEQ_NUM).and_then(value::unsigned)
}

fn is_possible_duplicate(message: &Message<'_>) -> bool {
    message.get(tag::POSS_DUP_FLAG) == Some(b"Y")
}
