//! `SoupBinTCP` 3.0 and 4.x: numbered messages to a client over a stream, with replay from any number,
//! and messages from it without numbers.
//!
//! ```text
//!   Store (what is published, by whoever owns it)
//!     |  resume(now, store)                received(now, bytes) -> Listener::on_message
//!     v                                      ^
//!   Server  -- login accepted, sequenced, heartbeats, end -->  Client
//!           <-- login, unsequenced, heartbeats, logout -------
//! ```
//!
//! A server's messages come from a store alone: one session of market data has one store and as many
//! servers as it has clients, each with its own place in it. Must not happen here: allocation per
//! message, panics on any input. No socket, no clock: bytes and times come in, bytes go out.
//!
//! Source: `SoupBinTCP` protocol specification 3.00; the heartbeat interval behind a login's number is
//! of version 4.

use thiserror::Error;
use tiercel_types::Timestamp;

use crate::store::Store;

/// Bytes of a packet's length and type.
pub const HEADER_SIZE: usize = 3;
/// Bytes of the longest payload.
pub const PAYLOAD_SIZE_MAX: usize = u16::MAX as usize - 1;
/// Silence after which something has to be said.
const HEARTBEAT_NS: u64 = 1_000_000_000;
/// Silence after which the other side is gone.
const DEAD_NS: u64 = 15_000_000_000;
/// How long a login may take.
const LOGIN_NS: u64 = 30_000_000_000;
/// Output that is not taken away, at most.
const OUTPUT_BYTES_MAX: usize = 1 << 18;
/// Bytes of a login's payload, without and with the heartbeat interval.
const LOGIN_SIZE: usize = 46;
const LOGIN_SIZE_4: usize = 51;

/// The name of a session: ten bytes, padded with spaces on the left or the right.
pub type SessionId = [u8; 10];

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Words for people, of either side.
    Debug = b'+',
    /// The server took the login.
    LoginAccepted = b'A',
    /// The server did not.
    LoginRejected = b'J',
    /// The server's next message.
    Sequenced = b'S',
    /// A message without a number, of either side.
    Unsequenced = b'U',
    /// The server lives.
    ServerHeartbeat = b'H',
    /// The session is over.
    EndOfSession = b'Z',
    /// The client wants to log on.
    LoginRequest = b'L',
    /// The client lives.
    ClientHeartbeat = b'R',
    /// The client leaves.
    LogoutRequest = b'O',
}

impl Kind {
    /// The kind of this type.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'+' => Self::Debug,
            b'A' => Self::LoginAccepted,
            b'J' => Self::LoginRejected,
            b'S' => Self::Sequenced,
            b'U' => Self::Unsequenced,
            b'H' => Self::ServerHeartbeat,
            b'Z' => Self::EndOfSession,
            b'L' => Self::LoginRequest,
            b'R' => Self::ClientHeartbeat,
            b'O' => Self::LogoutRequest,
            _ => return None,
        })
    }
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// A length without room for the type.
    #[error("a packet of length zero")]
    Length,
    /// No packet has this type.
    #[error("unknown packet type {kind:#04x}")]
    UnknownKind {
        /// The type.
        kind: u8,
    },
}

/// A packet, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The packet that these bytes begin with; `None` while it is not whole.
    ///
    /// # Errors
    /// [`PacketError`]: where the next begins is not worth knowing.
    #[inline]
    pub fn front(bytes: &'a [u8]) -> Result<Option<Self>, PacketError> {
        let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some(&kind) = rest.first() else {
            return if length == 0 { Err(PacketError::Length) } else { Ok(None) };
        };
        if length == 0 {
            return Err(PacketError::Length);
        }
        let kind = Kind::from_byte(kind).ok_or(PacketError::UnknownKind { kind })?;
        Ok(rest.get(1..length).map(|payload| Self { kind, payload }))
    }

    /// Its bytes in the stream.
    pub const fn size(&self) -> usize {
        HEADER_SIZE + self.payload.len()
    }
}

/// Writes a packet behind `out`; a payload that is too long is not written, and false is returned.
#[inline]
pub fn put(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) -> bool {
    let fits = payload.len() <= PAYLOAD_SIZE_MAX;
    if fits {
        out.extend_from_slice(&(payload.len() as u16 + 1).to_be_bytes());
        out.push(kind as u8);
        out.extend_from_slice(payload);
    }
    fits
}

/// A number in 20 characters, with spaces in front.
pub fn number_text(number: u64) -> [u8; 20] {
    let mut text = [b' '; 20];
    let mut rest = number;
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text
}

/// The number of a text that is padded with spaces.
pub fn number_of(text: &[u8]) -> Option<u64> {
    crate::fix::value::unsigned(text.trim_ascii())
}

/// Why a login is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LoginReject {
    /// The name or the password is wrong.
    NotAuthorized = b'A',
    /// The session is not one that can be had.
    SessionNotAvailable = b'S',
}

/// A login, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// The name, without its padding; case says nothing.
    pub user: &'a [u8],
    /// The password, without its padding; case says nothing.
    pub password: &'a [u8],
    /// The session that is asked for, without its padding; empty: the one that is on.
    pub session: &'a [u8],
    /// The number of the message to begin with; zero: the next one.
    pub sequence: u64,
    /// Version 4: how often the client wants to hear something, in milliseconds.
    pub heartbeat_ms: Option<u64>,
}

impl<'a> Login<'a> {
    /// Reads a login's payload; `None` of one that has another size, or a number that is none.
    pub fn decode(payload: &'a [u8]) -> Option<Self> {
        if !matches!(payload.len(), LOGIN_SIZE | LOGIN_SIZE_4) {
            return None;
        }
        let (user, rest) = payload.split_at_checked(6)?;
        let (password, rest) = rest.split_at_checked(10)?;
        let (session, rest) = rest.split_at_checked(10)?;
        let (sequence, heartbeat) = rest.split_at_checked(20)?;
        Some(Self {
            user: user.trim_ascii(),
            password: password.trim_ascii(),
            session: session.trim_ascii(),
            sequence: number_of(sequence)?,
            heartbeat_ms: if heartbeat.is_empty() { None } else { Some(number_of(heartbeat)?) },
        })
    }
}

/// What stands behind a session, of either side.
pub trait Listener {
    /// Whether a login is accepted (server).
    ///
    /// # Errors
    /// Why not.
    fn may_log_on(&mut self, _login: &Login<'_>) -> Result<(), LoginReject> {
        Ok(())
    }

    /// Both sides are logged on; the first message has this number.
    fn on_logon(&mut self, _session: SessionId, _next: u64) {}

    /// The login was rejected (client), by the byte that says why.
    fn on_rejected(&mut self, _reason: u8) {}

    /// A message. Of a server each has a number, and comes once, in sequence; a client's have none.
    fn on_message(&mut self, sequence: Option<u64>, message: &[u8]);

    /// There are no more messages in this session (client).
    fn on_end_of_session(&mut self) {}

    /// The session is logged on no more.
    fn on_logout(&mut self) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Waiting { since: Timestamp },
    LoggedOn,
}

/// What both sides have: a connection that is kept alive.
#[derive(Clone, Debug)]
struct Link {
    phase: Phase,
    last_sent: Timestamp,
    last_received: Timestamp,
    output: Vec<u8>,
    wants_close: bool,
}

impl Link {
    const fn new() -> Self {
        Self {
            phase: Phase::Closed,
            last_sent: Timestamp(0),
            last_received: Timestamp(0),
            output: Vec::new(),
            wants_close: false,
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.output.clear();
        self.wants_close = false;
        self.phase = Phase::Waiting { since: now };
        (self.last_sent, self.last_received) = (now, now);
    }

    #[inline]
    fn send(&mut self, now: Timestamp, kind: Kind, payload: &[u8]) -> bool {
        self.last_sent = now;
        put(&mut self.output, kind, payload)
    }

    fn tick(&mut self, now: Timestamp, heartbeat: Kind) {
        let since = |then: Timestamp| now.0.saturating_sub(then.0);
        match self.phase {
            Phase::Waiting { since: then } => self.wants_close |= since(then) >= LOGIN_NS,
            Phase::LoggedOn if since(self.last_received) >= DEAD_NS => self.wants_close = true,
            Phase::LoggedOn if since(self.last_sent) >= HEARTBEAT_NS => {
                self.send(now, heartbeat, &[]);
            }
            Phase::Closed | Phase::LoggedOn => {}
        }
    }

    /// The next whole packet of what came, if the connection is to go on.
    #[inline]
    fn next<'b>(&mut self, now: Timestamp, bytes: &'b [u8]) -> Option<Packet<'b>> {
        if self.wants_close || self.phase == Phase::Closed {
            return None;
        }
        let packet = Packet::front(bytes);
        self.wants_close |= packet.is_err();
        let packet = packet.ok().flatten()?;
        self.last_received = now;
        Some(packet)
    }

    fn closed(&mut self, listener: &mut impl Listener) {
        if self.phase == Phase::LoggedOn {
            listener.on_logout();
        }
        self.phase = Phase::Closed;
        self.output.clear();
    }
}

macro_rules! link_methods {
    () => {
        /// Whether messages flow.
        pub fn is_logged_on(&self) -> bool {
            self.link.phase == Phase::LoggedOn
        }

        /// Whether it has a connection.
        pub fn is_connected(&self) -> bool {
            self.link.phase != Phase::Closed
        }

        /// Whether the connection is to be ended, once the output is sent.
        pub const fn wants_close(&self) -> bool {
            self.link.wants_close
        }

        /// Bytes to send, in order. The caller takes them away.
        pub const fn output(&mut self) -> &mut Vec<u8> {
            &mut self.link.output
        }

        /// The connection is gone.
        pub fn closed(&mut self, listener: &mut impl Listener) {
            self.link.closed(listener);
        }
    };
}

/// The server's side of one connection.
#[derive(Clone, Debug)]
pub struct Server {
    session: SessionId,
    link: Link,
    /// The number of the next message that this client gets.
    next: u64,
    has_ended: bool,
    /// A message from the store.
    message: Vec<u8>,
}

impl Server {
    /// For connections to this session.
    pub const fn new(session: SessionId) -> Self {
        Self { session, link: Link::new(), next: 0, has_ended: false, message: Vec::new() }
    }

    link_methods!();

    /// There is a connection.
    pub fn connected(&mut self, now: Timestamp) {
        self.link.begin(now);
    }

    /// Bytes have come: takes all packets that are whole, and returns how many bytes they were. The
    /// caller keeps the rest, and gives it again with more behind it.
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        store: &mut impl Store,
        listener: &mut impl Listener,
    ) -> usize {
        let mut taken = 0;
        while let Some(packet) = self.link.next(now, &bytes[taken..]) {
            taken += packet.size();
            match (self.link.phase, packet.kind) {
                (Phase::Waiting { .. }, Kind::LoginRequest) => {
                    self.log_on(now, packet.payload, store, listener);
                }
                (Phase::LoggedOn, Kind::Unsequenced) => listener.on_message(None, packet.payload),
                (Phase::LoggedOn, Kind::ClientHeartbeat) | (_, Kind::Debug) => {}
                // A goodbye, or what no client says.
                _ => self.link.wants_close = true,
            }
        }
        self.resume(now, store);
        taken
    }

    fn log_on(
        &mut self,
        now: Timestamp,
        payload: &[u8],
        store: &impl Store,
        listener: &mut impl Listener,
    ) {
        let Some(login) = Login::decode(payload) else {
            self.link.wants_close = true;
            return;
        };
        let end = store.next_outgoing();
        let is_ours = login.session.is_empty() || login.session == self.session.trim_ascii();
        let is_there = if is_ours { Ok(()) } else { Err(LoginReject::SessionNotAvailable) };
        let verdict = listener.may_log_on(&login).and(is_there);
        if let Err(reason) = verdict {
            self.link.send(now, Kind::LoginRejected, &[reason as u8]);
            self.link.wants_close = true;
            return;
        }
        // A number that is not there yet waits for its message; that of before the oldest is gone.
        self.next = if login.sequence == 0 { end } else { login.sequence.min(end) };
        self.next = self.next.max(store.oldest()).min(end);
        self.link.phase = Phase::LoggedOn;
        let mut accepted = [0; 30];
        accepted[..10].copy_from_slice(&self.session);
        accepted[10..].copy_from_slice(&number_text(self.next));
        self.link.send(now, Kind::LoginAccepted, &accepted);
        listener.on_logon(self.session, self.next);
    }

    /// Sends what the store has and this client has not, as far as the output has room. To be called
    /// when something was published, and when output was taken away.
    #[inline]
    pub fn resume(&mut self, now: Timestamp, store: &mut impl Store) {
        if self.link.phase != Phase::LoggedOn {
            return;
        }
        let end = store.next_outgoing();
        while self.next < end && self.link.output.len() < OUTPUT_BYTES_MAX {
            self.message.clear();
            if !store.read(self.next, &mut self.message) {
                // It fell behind what is kept: nothing can stand for a message here.
                self.link.wants_close = true;
                return;
            }
            if !self.link.send(now, Kind::Sequenced, &self.message) {
                self.link.wants_close = true;
                return;
            }
            self.next += 1;
        }
        if self.has_ended && self.next == end && !self.link.wants_close {
            self.link.send(now, Kind::EndOfSession, &[]);
            self.link.wants_close = true;
        }
    }

    /// Whether there is more to send than the output has.
    pub fn is_behind(&self, store: &impl Store) -> bool {
        self.link.phase == Phase::LoggedOn && self.next < store.next_outgoing()
    }

    /// Sends a message without a number.
    pub fn send_unsequenced(&mut self, now: Timestamp, message: &[u8]) -> bool {
        self.is_logged_on() && self.link.send(now, Kind::Unsequenced, message)
    }

    /// No more is published: once everything is sent, the client is told, and the connection ends.
    pub fn end_session(&mut self, now: Timestamp, store: &mut impl Store) {
        self.has_ended = true;
        self.resume(now, store);
    }

    /// Time has passed. To be called some times a second.
    pub fn tick(&mut self, now: Timestamp, store: &mut impl Store) {
        self.resume(now, store);
        self.link.tick(now, Kind::ServerHeartbeat);
    }
}

/// The client's side, over as many connections as it takes.
#[derive(Clone, Debug)]
pub struct Client {
    user: [u8; 6],
    password: [u8; 10],
    /// The session that it is in; spaces before the first login.
    session: SessionId,
    link: Link,
    /// The number of the next message.
    next: u64,
}

impl Client {
    /// Asks for the session that is on, from message `next` on; zero: from the next one. Of a name
    /// of more than six bytes and a password of more than ten the rest is cut off.
    pub fn new(user: &[u8], password: &[u8], next: u64) -> Self {
        Self {
            user: padded(user),
            password: padded(password),
            session: [b' '; 10],
            link: Link::new(),
            next,
        }
    }

    link_methods!();

    /// The number of the next message.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// There is a connection: logs on, to go on where it was.
    pub fn connected(&mut self, now: Timestamp) {
        self.link.begin(now);
        let mut login = [0; LOGIN_SIZE];
        login[..6].copy_from_slice(&self.user);
        login[6..16].copy_from_slice(&self.password);
        login[16..26].copy_from_slice(&self.session);
        login[26..].copy_from_slice(&number_text(self.next));
        self.link.send(now, Kind::LoginRequest, &login);
    }

    /// Bytes have come: takes all packets that are whole, and returns how many bytes they were. The
    /// caller keeps the rest, and gives it again with more behind it.
    pub fn received(
        &mut self,
        now: Timestamp,
        bytes: &[u8],
        listener: &mut impl Listener,
    ) -> usize {
        let mut taken = 0;
        while let Some(packet) = self.link.next(now, &bytes[taken..]) {
            taken += packet.size();
            match (self.link.phase, packet.kind) {
                (Phase::LoggedOn, Kind::Sequenced) => {
                    let sequence = self.next;
                    self.next = self.next.saturating_add(1);
                    listener.on_message(Some(sequence), packet.payload);
                }
                (Phase::LoggedOn, Kind::Unsequenced) => listener.on_message(None, packet.payload),
                (Phase::LoggedOn, Kind::ServerHeartbeat) | (_, Kind::Debug) => {}
                (Phase::LoggedOn, Kind::EndOfSession) => {
                    self.link.wants_close = true;
                    listener.on_end_of_session();
                }
                (Phase::Waiting { .. }, Kind::LoginAccepted) => {
                    self.logged_on(packet.payload, listener);
                }
                (Phase::Waiting { .. }, Kind::LoginRejected) => {
                    self.link.wants_close = true;
                    listener.on_rejected(packet.payload.first().copied().unwrap_or(b' '));
                }
                _ => self.link.wants_close = true,
            }
        }
        taken
    }

    fn logged_on(&mut self, payload: &[u8], listener: &mut impl Listener) {
        let accepted = payload.split_first_chunk::<10>();
        let accepted = accepted.filter(|_| payload.len() == 30);
        let next = accepted.and_then(|(_, number)| number_of(number));
        let (Some((session, _)), Some(next)) = (accepted, next) else {
            self.link.wants_close = true;
            return;
        };
        (self.session, self.next) = (*session, next);
        self.link.phase = Phase::LoggedOn;
        listener.on_logon(*session, next);
    }

    /// Sends a message; false while nobody is logged on, and of one that is too long.
    pub fn send(&mut self, now: Timestamp, message: &[u8]) -> bool {
        self.is_logged_on() && self.link.send(now, Kind::Unsequenced, message)
    }

    /// Says goodbye; the server ends the connection.
    pub fn log_out(&mut self, now: Timestamp) {
        if self.is_logged_on() {
            self.link.send(now, Kind::LogoutRequest, &[]);
        }
        self.link.wants_close = true;
    }

    /// Time has passed. To be called some times a second.
    pub fn tick(&mut self, now: Timestamp) {
        self.link.tick(now, Kind::ClientHeartbeat);
    }
}

fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut bytes = [b' '; N];
    let length = text.len().min(N);
    bytes[..length].copy_from_slice(&text[..length]);
    bytes
}
