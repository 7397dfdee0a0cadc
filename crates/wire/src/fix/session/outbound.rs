//! What a session sends.

use tiercel_types::Timestamp;

use super::inbound::number_of;
use super::{BusinessReject, Phase, Role, Session, Store};
use crate::fix::dictionary::Refusal;
use crate::fix::message::{Message, decode};
use crate::fix::tag::{self, Tag};
use crate::fix::value::{SECOND_NS, TimeWriter};
use crate::fix::{Decoder, Encoder};

/// The fields of a body, written behind the header.
pub trait Body: FnOnce(&mut Encoder) {}
impl<F: FnOnce(&mut Encoder)> Body for F {}

/// Messages that one request is sent again. The next message exposes what is still missing, and
/// it is asked for again: no request makes the session write without end.
const RESENT_MAX: u64 = 4_096;
/// And their bytes, but for the last of them: less than may wait for a client.
const RESENT_BYTES_MAX: usize = 512 << 10;

/// Header fields that are written anew when a message is sent again.
const HEADER: [Tag; 7] = [
    tag::MSG_TYPE,
    tag::MSG_SEQ_NUM,
    tag::POSS_DUP_FLAG,
    tag::SENDER_COMP_ID,
    tag::SENDING_TIME,
    tag::TARGET_COMP_ID,
    tag::ORIG_SENDING_TIME,
];

/// Of each message: whom it is from behind the counterparty, and where an answer has to go. The other
/// way round just so.
const ROUTES: [(Tag, Tag); 6] = [
    (tag::DELIVER_TO_COMP_ID, tag::ON_BEHALF_OF_COMP_ID),
    (tag::DELIVER_TO_SUB_ID, tag::ON_BEHALF_OF_SUB_ID),
    (tag::ON_BEHALF_OF_COMP_ID, tag::DELIVER_TO_COMP_ID),
    (tag::ON_BEHALF_OF_SUB_ID, tag::DELIVER_TO_SUB_ID),
    (tag::DELIVER_TO_LOCATION_ID, tag::ON_BEHALF_OF_LOCATION_ID),
    (tag::ON_BEHALF_OF_LOCATION_ID, tag::DELIVER_TO_LOCATION_ID),
];

/// The last fields of the header of an answer: back where the message came from.
fn route_back(encoder: &mut Encoder, message: &Message<'_>) {
    for (from, to) in ROUTES {
        if let Some(text) = message.get(from).filter(|text| !text.is_empty()) {
            encoder.text(to, text);
        }
    }
}

impl Session {
    /// Sends a message of the application. While nobody is logged on it only gets its number: the
    /// counterparty asks for it when it is back.
    pub fn send(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        message_type: &[u8],
        body: impl Body,
    ) {
        self.header(now, message_type, store.next_outgoing(), None);
        body(&mut self.encoder);
        let bytes = self.encoder.finish();
        store.sent(Some(bytes));
        if self.phase == Phase::LoggedOn {
            self.output.extend_from_slice(bytes);
            self.last_sent = now;
        }
    }

    /// Sends a message of the application that is not kept: a resend leaves it out. What is true of
    /// the moment alone is sent so, and not at all while nobody is logged on.
    pub fn send_once(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        message_type: &[u8],
        body: impl Body,
    ) {
        if self.phase == Phase::LoggedOn {
            self.send_own(now, store, message_type, body);
        }
    }

    /// Sends a message of the session itself, with the next number.
    fn send_own(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        message_type: &[u8],
        body: impl Body,
    ) {
        self.header(now, message_type, store.next_outgoing(), None);
        body(&mut self.encoder);
        self.output.extend_from_slice(self.encoder.finish());
        store.sent(None);
        self.last_sent = now;
    }

    /// The fields of the header, in the order of their tags.
    fn header(&mut self, now: Timestamp, message_type: &[u8], number: u64, again: Option<&[u8]>) {
        let Self { encoder, config, .. } = self;
        encoder.begin(message_type);
        encoder.unsigned(tag::MSG_SEQ_NUM, number);
        if again.is_some() {
            encoder.boolean(tag::POSS_DUP_FLAG, true);
        }
        encoder.text(tag::SENDER_COMP_ID, &config.sender_comp_id);
        encoder.time(tag::SENDING_TIME, now);
        encoder.text(tag::TARGET_COMP_ID, &config.target_comp_id);
        if let Some(original) = again {
            encoder.text(tag::ORIG_SENDING_TIME, original);
        }
    }

    pub(super) fn send_logon(&mut self, now: Timestamp, store: &mut impl Store, reset: bool) {
        let interval_s = match self.config.role {
            Role::Initiator { heartbeat_interval_s } => u64::from(heartbeat_interval_s),
            Role::Acceptor => self.heartbeat_ns / SECOND_NS,
        };
        let fields = match self.config.role {
            Role::Initiator { .. } => self.config.logon_fields.clone(),
            Role::Acceptor => Vec::new(),
        };
        self.send_own(now, store, b"A", |encoder| {
            encoder.unsigned(tag::ENCRYPT_METHOD, 0);
            encoder.unsigned(tag::HEART_BT_INT, interval_s);
            if reset {
                encoder.boolean(tag::RESET_SEQ_NUM_FLAG, true);
            }
            for (tag, value) in &fields {
                encoder.text(*tag, value);
            }
        });
    }

    pub(super) fn send_logout(&mut self, now: Timestamp, store: &mut impl Store, text: &str) {
        self.send_own(now, store, b"5", |encoder| {
            if !text.is_empty() {
                encoder.text(tag::TEXT, text.as_bytes());
            }
        });
    }

    pub(super) fn send_heartbeat(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        test_request: Option<&[u8]>,
    ) {
        self.send_own(now, store, b"0", |encoder| {
            if let Some(id) = test_request {
                encoder.text(tag::TEST_REQ_ID, id);
            }
        });
    }

    pub(super) fn send_test_request(&mut self, now: Timestamp, store: &mut impl Store) {
        self.send_own(now, store, b"1", |encoder| encoder.text(tag::TEST_REQ_ID, b"TEST"));
    }

    pub(super) fn send_resend_request(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        from: u64,
    ) {
        self.send_own(now, store, b"2", |encoder| {
            encoder.unsigned(tag::BEGIN_SEQ_NO, from);
            // Up to infinity.
            encoder.unsigned(tag::END_SEQ_NO, 0);
        });
    }

    pub(super) fn send_reject(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        message: &Message<'_>,
        refusal: Refusal,
    ) {
        let number = number_of(message).unwrap_or(0);
        self.send_own(now, store, b"3", |encoder| {
            route_back(encoder, message);
            encoder.unsigned(tag::REF_SEQ_NUM, number);
            encoder.text(tag::TEXT, refusal.reason.text().as_bytes());
            if let Some(Tag(tag)) = refusal.tag {
                encoder.integer(tag::REF_TAG_ID, i64::from(tag));
            }
            encoder.text(tag::REF_MSG_TYPE, message.message_type());
            encoder.unsigned(tag::SESSION_REJECT_REASON, refusal.reason.code());
        });
    }

    pub(super) fn send_business_reject(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        message: &Message<'_>,
        reject: &BusinessReject,
    ) {
        let number = number_of(message).unwrap_or(0);
        let (message_type, reason) = (message.message_type(), reject.reason);
        self.send_own(now, store, b"j", |encoder| {
            route_back(encoder, message);
            encoder.unsigned(tag::REF_SEQ_NUM, number);
            encoder.text(tag::TEXT, reject.text.as_bytes());
            encoder.text(tag::REF_MSG_TYPE, message_type);
            encoder.unsigned(tag::BUSINESS_REJECT_REASON, reason);
        });
    }

    /// Sends again what was sent from number `from` to `to`; what was of the session itself, or is
    /// no longer there, becomes a gap fill. Of more than [`RESENT_MAX`], or [`RESENT_BYTES_MAX`], the
    /// first.
    pub(super) fn send_again(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        from: u64,
        to: u64,
    ) {
        let mut to = to.min(from.saturating_add(RESENT_MAX - 1));
        let most = self.output.len() + RESENT_BYTES_MAX;
        let mut decoder = Decoder::default();
        let mut bytes = Vec::new();
        let mut gap = from;
        for number in from..=to {
            if self.output.len() > most {
                to = number - 1;
                break;
            }
            bytes.clear();
            if !store.read(number, &mut bytes) {
                continue;
            }
            // What was stored is what was encoded: it is read again.
            let Ok(Some(message)) = decode(&mut decoder, &bytes) else { continue };
            if gap < number {
                self.fill_gap(now, gap, number);
            }
            gap = number + 1;
            let original = message.get(tag::SENDING_TIME).unwrap_or_default();
            self.header(now, message.message_type(), number, Some(original));
            for (tag, text) in message.iter().filter(|(tag, _)| !HEADER.contains(tag)) {
                self.encoder.raw(tag, text);
            }
            self.output.extend_from_slice(self.encoder.finish());
        }
        if gap <= to {
            self.fill_gap(now, gap, to + 1);
        }
        self.last_sent = now;
    }

    /// What stands for the messages from number `from` up to `next`.
    fn fill_gap(&mut self, now: Timestamp, from: u64, next: u64) {
        let original = *TimeWriter::default().write(now);
        self.header(now, b"4", from, Some(&original));
        self.encoder.unsigned(tag::NEW_SEQ_NO, next);
        self.encoder.boolean(tag::GAP_FILL_FLAG, true);
        self.output.extend_from_slice(self.encoder.finish());
    }
}
