//! The session: login, numbers both ways, heartbeats, resends, goodbyes. No socket, no clock, no
//! randomness, no cryptography: bytes, times, nonces and signatures come in, bytes come out.
//!
//! ```text
//!   acceptor:   Gate: received() --> LoginRequest --> who verifies it, and finds the Session
//!                                                          |
//!                                          Session::accepted(login)
//!   initiator:  Session::connected(nonce)
//!
//!   received(now, bytes), send(now, record), tick(now), closed(now)
//!        |                                              Store: numbers, sent records
//!        v                                                ^
//!     Session --> output(): bytes to send, in order ------+
//!        |    --> wants_close(): then the connection ends
//!        +------> Application: on_logon, on_message (in sequence, once each), on_logout
//! ```
//!
//! | what comes | what happens |
//! |---|---|
//! | the next number | the application gets it |
//! | a number too high | what is missing is asked for, once until it came; what came early is dropped |
//! | a number too low, marked as resent | passed over |
//! | the same, not marked | goodbye: `sequence_too_low` |
//! | a request that the application refuses | `rejected`, its number is used |
//! | what is no record, or does not belong there | goodbye: `malformed` |
//! | nothing for three heartbeat intervals | goodbye: `silence` |
//!
//! What is sent while nobody is logged on, while something older is being sent again, or while
//! [`OUTPUT_BYTES_MAX`] wait to be taken away, goes to the store alone, and follows from there.
//! Times may stand still or go back, which sends nothing early.

mod gate;
mod inbound;

pub use gate::{Gate, LoginRequest};

use tiercel_types::{InstrumentId, Timestamp};
use zerocopy::IntoBytes;

use super::records::{Body, BodyRecord, GapFill, Heartbeat, Hello, LoginAccepted, Logout, Resend};
use super::request::Request;
use super::{
    Fault, Flag, Group, HEADER_SIZE, Header, Kind, LoginRefusal, LogoutReason, Opaque, PROTOCOL,
    RECORD_SIZE, RESENT, SignatureScheme, Text, VERSION,
};
use crate::store::Store;

/// Output that is not taken away, at most; what is sent beyond waits in the store.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Records that are sent again at once, at most.
const RESENT_MAX: usize = 4_096;
/// How long each step of a login may take, and the answer to a goodbye.
const ANSWER_TIMEOUT_NS: u64 = 10_000_000_000;
const LOGOUT_TIMEOUT_NS: u64 = 2_000_000_000;
/// Heartbeat intervals without a sign of life that end a connection.
const SILENT_INTERVALS_MAX: u64 = 3;
/// The heartbeat intervals there may be, in milliseconds.
pub const HEARTBEAT_MS: core::ops::RangeInclusive<u32> = 100..=60_000;
const MILLISECOND_NS: u64 = 1_000_000;

/// Bytes of the longest key.
pub const KEY_SIZE_MAX: usize = 96;

/// Which side of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Answers requests. It gets each connection with its login: [`Session::accepted`].
    Acceptor,
    /// Sends requests.
    Initiator(Credentials),
}

/// Who an initiator is, and how it wants the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The key's id: printable ASCII, at most [`KEY_SIZE_MAX`] characters.
    pub key: Box<[u8]>,
    /// How [`Application::sign`] signs.
    pub scheme: SignatureScheme,
    /// How often either side says something, in milliseconds; within [`HEARTBEAT_MS`].
    pub heartbeat_ms: u32,
    /// Whether the session's orders are cancelled when its connection ends.
    pub cancel_on_disconnect: bool,
    /// Whether requests that the venue did not get are sent after the next login. If not, they are
    /// lost, and the application is told.
    pub resend_requests: bool,
    /// Whether to begin with the answers that are new, instead of those that were missed.
    pub from_now: bool,
}

/// A signature, by the scheme of the login: 32 or 64 bytes in front, zeros behind.
pub type Signature = [u8; 64];

/// What stands behind a session.
pub trait Application {
    /// Signs a login (initiator).
    fn sign(&mut self, _transcript: &[u8]) -> Signature {
        [0; 64]
    }

    /// Both sides are logged on.
    fn on_logon(&mut self, _accepted: &LoginAccepted) {}

    /// The login was refused, and the connection ends (initiator).
    fn on_refused(&mut self, _reason: LoginRefusal) {}

    /// The next request of the counterparty, or its next answer. Each comes once, in sequence;
    /// answers are [sent](Session::send) after this returns.
    ///
    /// # Errors
    /// [`Fault`]: of a request the counterparty is told; an answer with a fault ends the session.
    fn on_message(&mut self, group: &Group<'_>) -> Result<(), Fault>;

    /// Records of the other side from number `from` up to `next` will not come.
    fn on_gap(&mut self, _from: u64, _next: u64) {}

    /// Requests from number `from` up to `next` never came to the venue, and will not be sent again
    /// (initiator).
    fn on_lost(&mut self, _from: u64, _next: u64) {}

    /// The session is logged on no more. Whether its orders are to be cancelled (acceptor).
    fn on_logout(&mut self, _cancel_orders: bool) {}
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No connection.
    Closed,
    /// An initiator's hello is sent.
    Greeting { since: Timestamp },
    /// An initiator's login is sent.
    LoggingOn { since: Timestamp },
    /// Records flow.
    LoggedOn,
    /// We said goodbye, and wait for theirs.
    LeavingSince(Timestamp),
}

/// One session, over as many connections as it takes.
pub struct Session {
    role: Role,
    phase: Phase,
    heartbeat_ns: u64,
    cancel_on_disconnect: bool,
    last_sent: Timestamp,
    last_received: Timestamp,
    /// The hello of this connection.
    hello: [u8; RECORD_SIZE],
    /// The number that was asked for again.
    asked: Option<u64>,
    /// The number to go on with from the store.
    resend: Option<u64>,
    /// A group that is sent again.
    again: Vec<u8>,
    output: Vec<u8>,
    wants_close: bool,
    goodbye: Option<LogoutReason>,
}

impl Session {
    /// A session that has no connection yet. Its numbers are those of its store.
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            phase: Phase::Closed,
            heartbeat_ns: 0,
            cancel_on_disconnect: false,
            last_sent: Timestamp(0),
            last_received: Timestamp(0),
            hello: [0; RECORD_SIZE],
            asked: None,
            resend: None,
            again: Vec::new(),
            output: Vec::new(),
            wants_close: false,
            goodbye: None,
        }
    }

    /// Which side it is.
    pub const fn role(&self) -> &Role {
        &self.role
    }

    /// From the next login on an initiator begins with the answers that are new, or with those that it missed.
    pub const fn set_from_now(&mut self, from_now: bool) {
        if let Role::Initiator(credentials) = &mut self.role {
            credentials.from_now = from_now;
        }
    }

    /// Whether records flow.
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

    /// Why either side ended the connection that there is, or was last; `None`: neither did, or its
    /// owner [wanted it](Self::log_out).
    pub const fn goodbye(&self) -> Option<LogoutReason> {
        self.goodbye
    }

    /// Whether there is more to send than the output has: [`Self::resume`] brings it.
    pub const fn is_behind(&self) -> bool {
        self.resend.is_some()
    }

    /// Bytes to send, in order. The caller takes them away.
    pub const fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    fn begin(&mut self, now: Timestamp, phase: Phase) {
        self.output.clear();
        (self.wants_close, self.goodbye) = (false, None);
        (self.asked, self.resend) = (None, None);
        (self.last_sent, self.last_received) = (now, now);
        self.phase = phase;
    }

    /// There is a connection: an initiator says hello. `nonce` is drawn at random for it. An
    /// acceptor has its connections from [`Self::accepted`].
    pub fn connected(&mut self, now: Timestamp, nonce: [u8; 32]) {
        if self.role == Role::Acceptor {
            return;
        }
        self.begin(now, Phase::Greeting { since: now });
        let hello = Hello {
            protocol: Text::part(PROTOCOL),
            version_min: VERSION,
            version_max: VERSION,
            reserved: [0; 4],
            nonce: Opaque(nonce),
        };
        self.hello = super::record(InstrumentId(0), 0, 0, &hello);
        self.output.extend_from_slice(&self.hello);
    }

    /// An acceptor's connection, whose login was found good. Answers that were missed follow.
    ///
    /// # Errors
    /// [`LoginRefusal::Sequence`]: an answer is asked for that was never sent; and
    /// [`LoginRefusal::LoggedOn`] of a session that has a connection. The gate tells it.
    pub fn accepted(
        &mut self,
        now: Timestamp,
        login: &LoginRequest,
        session: u32,
        account: tiercel_types::AccountId,
        store: &mut impl Store,
        app: &mut impl Application,
    ) -> Result<(), LoginRefusal> {
        if self.is_connected() {
            return Err(LoginRefusal::LoggedOn);
        }
        let next = store.next_outgoing();
        let first = if login.next_incoming == 0 { next } else { login.next_incoming };
        if first > next {
            return Err(LoginRefusal::Sequence);
        }
        self.begin(now, Phase::LoggedOn);
        let heartbeat_ms = login.heartbeat_ms.clamp(*HEARTBEAT_MS.start(), *HEARTBEAT_MS.end());
        self.heartbeat_ns = u64::from(heartbeat_ms) * MILLISECOND_NS;
        self.cancel_on_disconnect = login.cancel_on_disconnect;
        let accepted = LoginAccepted {
            next_incoming: store.next_incoming(),
            next_outgoing: first,
            time: now,
            session,
            account,
            heartbeat_ms,
            version: VERSION,
            cancel_on_disconnect: if login.cancel_on_disconnect { Flag::Yes } else { Flag::No },
            reserved: [0; 9],
        };
        self.send_own(now, 0, &accepted);
        self.resend = (first < next).then_some(first);
        self.resume(now, store);
        app.on_logon(&accepted);
        Ok(())
    }

    /// The connection is gone.
    pub fn closed(&mut self, app: &mut impl Application) {
        let was_on = matches!(self.phase, Phase::LoggedOn | Phase::LeavingSince(_));
        self.phase = Phase::Closed;
        (self.asked, self.resend) = (None, None);
        self.output.clear();
        if was_on {
            app.on_logout(self.cancel_on_disconnect && self.role == Role::Acceptor);
        }
    }

    /// Says goodbye; the connection ends with the answer, or soon without one.
    pub fn log_out(&mut self, now: Timestamp, reason: LogoutReason) {
        match self.phase {
            Phase::LoggedOn => {
                self.send_own(now, 0, &Logout { reason, reserved: [0; 47] });
                self.phase = Phase::LeavingSince(now);
            }
            Phase::Greeting { .. } | Phase::LoggingOn { .. } => self.wants_close = true,
            Phase::Closed | Phase::LeavingSince(_) => {}
        }
    }

    /// Says goodbye to one who broke the protocol: there is no answer to wait for.
    fn end(&mut self, now: Timestamp, reason: LogoutReason) {
        self.log_out(now, reason);
        self.wants_close = true;
        self.goodbye.get_or_insert(reason);
    }

    /// Time has passed: heartbeats and time-outs. To be called some times in each heartbeat
    /// interval.
    pub fn tick(&mut self, now: Timestamp, store: &mut impl Store) {
        let since = |then: Timestamp| now.0.saturating_sub(then.0);
        match self.phase {
            Phase::Closed => {}
            Phase::Greeting { since: then } | Phase::LoggingOn { since: then } => {
                self.wants_close |= since(then) >= ANSWER_TIMEOUT_NS;
            }
            Phase::LeavingSince(then) => self.wants_close |= since(then) >= LOGOUT_TIMEOUT_NS,
            Phase::LoggedOn => {
                self.resume(now, store);
                if since(self.last_received) >= SILENT_INTERVALS_MAX * self.heartbeat_ns {
                    self.end(now, LogoutReason::Silence);
                } else if since(self.last_sent) >= self.heartbeat_ns {
                    let next = self.resend.unwrap_or(store.next_outgoing());
                    self.send_own(now, next, &Heartbeat { reserved: [0; 48] });
                }
            }
        }
    }

    /// Sends a record with the next number, which it returns.
    #[inline]
    pub fn send<B: BodyRecord>(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        instrument: InstrumentId,
        flags: u8,
        body: &B,
    ) -> u64 {
        let number = store.next_outgoing();
        let record = super::record(instrument, number, flags, body);
        store.sent(Some(&record));
        if self.is_live(number) {
            self.output.extend_from_slice(&record);
            self.last_sent = now;
        }
        number
    }

    /// Sends a record and those that belong to it, at most
    /// [`EXTENSIONS_MAX`](super::EXTENSIONS_MAX), with the next number, which it returns.
    pub fn send_group<'b>(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        instrument: InstrumentId,
        flags: u8,
        bodies: impl IntoIterator<Item = &'b Body>,
    ) -> u64 {
        let number = store.next_outgoing();
        let start = self.output.len();
        for body in bodies {
            let header = Header { flags, sequence: number, ..Header::new(body.kind(), instrument) };
            self.output.extend_from_slice(header.as_bytes());
            self.output.extend_from_slice(body.as_bytes());
        }
        let extensions = ((self.output.len() - start) / RECORD_SIZE).saturating_sub(1);
        if let Some(count) = self.output.get_mut(start + 1) {
            *count = extensions as u8;
        }
        store.sent(Some(&self.output[start..]));
        if self.is_live(number) {
            self.last_sent = now;
        } else {
            self.output.truncate(start);
        }
        number
    }

    /// Sends a request with the next number, which it returns.
    pub fn send_request(
        &mut self,
        now: Timestamp,
        store: &mut impl Store,
        request: &Request,
    ) -> u64 {
        self.send_group(now, store, request.instrument, 0, request.bodies())
    }

    /// Whether what has this number goes out at once. If not, it follows from the store.
    #[inline]
    fn is_live(&mut self, number: u64) -> bool {
        if self.phase != Phase::LoggedOn || self.resend.is_some() {
            return false;
        }
        if self.output.len() >= OUTPUT_BYTES_MAX {
            self.resend = Some(number);
            return false;
        }
        true
    }

    /// Goes on with what is behind, as far as the output has room.
    pub fn resume(&mut self, now: Timestamp, store: &mut impl Store) {
        let Some(mut next) = self.resend else { return };
        if self.phase != Phase::LoggedOn {
            return;
        }
        let end = store.next_outgoing();
        let mut gap = next;
        next = next.max(store.oldest()).min(end);
        for _ in 0..RESENT_MAX {
            if next == end || self.output.len() >= OUTPUT_BYTES_MAX {
                break;
            }
            self.again.clear();
            if store.read(next, &mut self.again) {
                self.fill_gap(gap, next);
                for record in self.again.as_chunks_mut::<RECORD_SIZE>().0 {
                    record[2] |= RESENT;
                }
                self.output.extend_from_slice(&self.again);
                gap = next + 1;
            }
            next += 1;
        }
        self.fill_gap(gap, next);
        self.resend = (next < end).then_some(next);
        self.last_sent = now;
    }

    /// What stands for the records from number `from` up to `next`.
    fn fill_gap(&mut self, from: u64, next: u64) {
        if from < next {
            let fill = GapFill { next, reserved: [0; 40] };
            self.output.extend_from_slice(&super::record(InstrumentId(0), from, 0, &fill));
        }
    }

    /// Sends a record of the session itself.
    fn send_own<B: BodyRecord>(&mut self, now: Timestamp, sequence: u64, body: &B) {
        self.output.extend_from_slice(&super::record(InstrumentId(0), sequence, 0, body));
        self.last_sent = now;
    }

    fn ask_for(&mut self, now: Timestamp, number: u64) {
        if self.asked != Some(number) {
            self.asked = Some(number);
            self.send_own(now, number, &Resend { reserved: [0; 48] });
        }
    }
}

/// Of a record that is a request or an answer, the bytes of its client id if it has one there.
fn client_id_of(record: &[u8; RECORD_SIZE]) -> Text<16> {
    let has_one = Kind::from_code(record[0])
        .and_then(|kind| kind.fields().first())
        .is_some_and(|field| field.name == "client_id");
    let text = &record[HEADER_SIZE..HEADER_SIZE + 16];
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    if has_one { Text::part(&text[..end]) } else { Text::EMPTY }
}
