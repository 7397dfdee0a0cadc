//! The session: sequence numbers, logon and logout, heartbeats, gaps and resends, of an acceptor or
//! an initiator. No socket, no clock: bytes and times come in, bytes come out.
//!
//! ```text
//!   connected(now), received(now, message), tick(now), closed()
//!        |                                              Store: numbers, sent messages
//!        v                                                ^
//!     Session --> output(): bytes to send, in order ------+
//!        |    --> wants_close(): then the connection ends
//!        +------> Application: on_logon, on_message (in sequence, once each), on_logout
//! ```
//!
//! What is refused, and how, follows what the acceptance tests of `QuickFIX` expect; each line is told
//! in the table below.
//!
//! | what comes | what happens |
//! |---|---|
//! | anything but a logon first, or one that is wrong | the connection ends, silently |
//! | a number too high | a resend request up to infinity; what came early is kept, bounded, and is taken in its turn |
//! | a number too low, not a possible duplicate | logout with the numbers, the connection ends |
//! | a possible duplicate that was seen | passed over, once its original sending time is right |
//! | a message that its dictionary refuses | session-level reject, its number is used |
//! | a sending time that is more than `sending_time_tolerance_ns` off, other company ids | reject and logout |
//! | another version | logout |
//! | a logon with a reset of numbers, at any time | both sides begin with 1 |
//! | a resend request | administrative messages become one gap fill, others are sent again, 4,096 at most |
//!
//! Times are UTC nanoseconds; they may stand still or go back, which sends no message early.
//!
//! Source: FIX 4.4 volume 2 (session protocol, with its appendix on recovery).

mod inbound;
mod outbound;
mod schedule;

pub use crate::store::{MemoryStore, Store};
pub use outbound::Body;
pub use schedule::{Schedule, Window};

use std::collections::BTreeMap;
use std::sync::Arc;

use tiercel_types::Timestamp;

use super::Encoder;
use super::dictionary::Dictionary;
use super::message::{Decoder, Message};
use super::tag::Tag;
use super::value::SECOND_NS;

/// Messages that came before their turn, at most. Those beyond are asked for again.
const EARLY_MESSAGES_MAX: usize = 1_024;
/// And their bytes.
const EARLY_BYTES_MAX: usize = 1 << 20;
/// How long the answer to a logon or a logout may take.
const ANSWER_TIMEOUT_NS: u64 = 10 * SECOND_NS;
const LOGOUT_TIMEOUT_NS: u64 = 2 * SECOND_NS;

/// Which side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Waits for a logon.
    Acceptor,
    /// Logs on, with a heartbeat interval in seconds.
    Initiator {
        /// Zero: no heartbeats.
        heartbeat_interval_s: u32,
    },
}

/// What is agreed about a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Such as `FIX.4.4`.
    pub begin_string: Box<[u8]>,
    /// Who we are.
    pub sender_comp_id: Box<[u8]>,
    /// Who they are.
    pub target_comp_id: Box<[u8]>,
    /// Which side.
    pub role: Role,
    /// An initiator's fields of its logon beside the session's own, in the order of their tags: its
    /// name and password.
    pub logon_fields: Vec<(Tag, Box<[u8]>)>,
    /// Both sides begin with 1 at each logon.
    pub reset_on_logon: bool,
    /// And after each logout.
    pub reset_on_logout: bool,
    /// And whenever the connection ends.
    pub reset_on_disconnect: bool,
    /// How far a sending time may be from the clock.
    pub sending_time_tolerance_ns: u64,
    /// When the session is open; `None`: always, and its numbers go on for ever.
    pub schedule: Option<Schedule>,
    /// What messages are made of.
    pub dictionary: Arc<Dictionary>,
}

impl SessionConfig {
    /// A FIX 4.4 session of these two, with the built-in dictionary.
    pub fn new(sender_comp_id: &[u8], target_comp_id: &[u8], role: Role) -> Self {
        Self {
            begin_string: (*b"FIX.4.4").into(),
            sender_comp_id: sender_comp_id.into(),
            target_comp_id: target_comp_id.into(),
            role,
            logon_fields: Vec::new(),
            reset_on_logon: false,
            reset_on_logout: false,
            reset_on_disconnect: false,
            sending_time_tolerance_ns: 120 * SECOND_NS,
            schedule: None,
            dictionary: Arc::new(Dictionary::fix44()),
        }
    }
}

/// Why an application does not take a message: `BusinessMessageReject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessReject {
    /// `BusinessRejectReason` (380): 3 is an unsupported message type.
    pub reason: u64,
    /// What is wrong, in words.
    pub text: String,
}

impl BusinessReject {
    /// The message type is known, and nothing here takes it.
    pub fn unsupported() -> Self {
        Self { reason: 3, text: "Unsupported Message Type".to_owned() }
    }
}

/// What stands behind a session.
pub trait Application {
    /// Whether a logon is accepted: its user, its password, whatever it carries.
    ///
    /// # Errors
    /// The text of the logout that refuses it.
    fn may_log_on(&mut self, _logon: &Message<'_>) -> Result<(), String> {
        Ok(())
    }

    /// Both sides are logged on.
    fn on_logon(&mut self) {}

    /// The next message of the counterparty that is not of the session itself. Each comes once, in
    /// sequence; answers are [sent](Session::send) after this returns.
    ///
    /// # Errors
    /// [`BusinessReject`], which the counterparty is told.
    fn on_message(&mut self, message: &Message<'_>) -> Result<(), BusinessReject>;

    /// The session is logged on no more.
    fn on_logout(&mut self) {}
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Closed,
    /// A connection, and no logon of theirs yet.
    Waiting { since: Timestamp },
    /// Messages flow.
    LoggedOn,
    /// We said goodbye, and wait for theirs.
    LeavingSince(Timestamp),
}

/// One session, over as many connections as it takes.
pub struct Session {
    config: SessionConfig,
    phase: Phase,
    heartbeat_ns: u64,
    last_sent: Timestamp,
    last_received: Timestamp,
    /// Test requests since something came.
    test_requests: u64,
    /// We asked for new numbers with our logon.
    reset_sent: bool,
    /// What was asked to be sent again: the first, and the last that was missing.
    asked: Option<(u64, u64)>,
    early: BTreeMap<u64, Box<[u8]>>,
    early_bytes: usize,
    output: Vec<u8>,
    wants_close: bool,
    encoder: Encoder,
    decoder: Option<Decoder>,
}

impl Session {
    /// A session that has no connection yet. Its numbers are those of its store.
    pub fn new(config: SessionConfig) -> Self {
        let encoder = Encoder::new(&config.begin_string);
        Self {
            config,
            phase: Phase::Closed,
            heartbeat_ns: 0,
            last_sent: Timestamp(0),
            last_received: Timestamp(0),
            test_requests: 0,
            reset_sent: false,
            asked: None,
            early: BTreeMap::new(),
            early_bytes: 0,
            output: Vec::new(),
            wants_close: false,
            encoder,
            decoder: Some(Decoder::default()),
        }
    }

    /// What is agreed about it.
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Whether messages flow.
    pub fn is_logged_on(&self) -> bool {
        self.phase == Phase::LoggedOn
    }

    /// Whether it has a connection.
    pub fn is_connected(&self) -> bool {
        self.phase != Phase::Closed
    }

    /// Whether the connection is to be ended, once the output is sent.
    pub const fn wants_close(&self) -> bool {
        self.wants_close
    }

    /// Bytes to send, in order. The caller takes them away.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// There is a connection. An initiator logs on.
    pub fn connected(&mut self, now: Timestamp, store: &mut impl Store) {
        self.output.clear();
        self.wants_close = false;
        self.reset_sent = false;
        self.phase = Phase::Waiting { since: now };
        (self.last_sent, self.last_received, self.test_requests) = (now, now, 0);
        self.keep_schedule(now, store);
        if !self.is_open(now) {
            self.wants_close = true;
            return;
        }
        if let Role::Initiator { heartbeat_interval_s } = self.config.role {
            if self.config.reset_on_logon {
                self.reset(now, store);
                self.reset_sent = true;
            }
            self.heartbeat_ns = u64::from(heartbeat_interval_s) * SECOND_NS;
            self.send_logon(now, store, self.reset_sent);
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, now: Timestamp, store: &mut impl Store, app: &mut impl Application) {
        if self.phase == Phase::Closed {
            return;
        }
        let was_on = matches!(self.phase, Phase::LoggedOn | Phase::LeavingSince(_));
        self.phase = Phase::Closed;
        self.asked = None;
        self.forget_early();
        if self.config.reset_on_disconnect {
            self.reset(now, store);
        }
        if was_on {
            app.on_logout();
        }
    }

    /// Says goodbye; the connection ends with the answer, or soon without one.
    pub fn log_out(&mut self, now: Timestamp, store: &mut impl Store, text: &str) {
        if self.phase == Phase::LoggedOn {
            self.send_logout(now, store, text);
            self.phase = Phase::LeavingSince(now);
        } else if matches!(self.phase, Phase::Waiting { .. }) {
            self.wants_close = true;
        }
    }

    /// Time has passed: heartbeats, test requests, time-outs, the end of the session's hours. To be
    /// called some times a second.
    pub fn tick(&mut self, now: Timestamp, store: &mut impl Store) {
        let since = |then: Timestamp| now.0.saturating_sub(then.0);
        match self.phase {
            Phase::Closed => self.keep_schedule(now, store),
            Phase::Waiting { since: then } => {
                self.wants_close |= since(then) >= ANSWER_TIMEOUT_NS;
            }
            Phase::LeavingSince(then) => self.wants_close |= since(then) >= LOGOUT_TIMEOUT_NS,
            Phase::LoggedOn if !self.is_open(now) => self.log_out(now, store, ""),
            Phase::LoggedOn if self.heartbeat_ns > 0 => self.keep_alive(now, store),
            Phase::LoggedOn => {}
        }
    }

    /// Silence of 1.2 intervals asks for a sign of life, of 2.4 ends the connection; our own
    /// silence of one is broken.
    fn keep_alive(&mut self, now: Timestamp, store: &mut impl Store) {
        let silent = now.0.saturating_sub(self.last_received.0);
        let of_interval = |tenths: u64| self.heartbeat_ns.saturating_mul(tenths) / 10;
        if silent >= of_interval(24) {
            self.wants_close = true;
        } else if silent >= of_interval(12 * (self.test_requests + 1)) {
            self.send_test_request(now, store);
            self.test_requests += 1;
        } else if self.test_requests == 0
            && now.0.saturating_sub(self.last_sent.0) >= self.heartbeat_ns
        {
            self.send_heartbeat(now, store, None);
        }
    }

    fn is_open(&self, now: Timestamp) -> bool {
        self.config.schedule.as_ref().is_none_or(|schedule| schedule.is_open(now))
    }

    /// Begins anew if the numbers are those of an earlier session by the schedule.
    fn keep_schedule(&mut self, now: Timestamp, store: &mut impl Store) {
        let is_over = |schedule: &Schedule| !schedule.is_same(store.created(), now);
        if self.config.schedule.as_ref().is_some_and(is_over) {
            self.reset(now, store);
        }
    }

    /// Both sides begin with 1.
    fn reset(&mut self, now: Timestamp, store: &mut impl Store) {
        store.reset(now);
        self.asked = None;
        self.forget_early();
    }

    fn forget_early(&mut self) {
        self.early.clear();
        self.early_bytes = 0;
    }
}
