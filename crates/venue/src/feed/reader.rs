//! A connection of the feed: a session of `SoupBinTCP`, with a place of its own in what is told.

use std::time::Duration;

use tiercel_net::ConnectionId;
use tiercel_types::Timestamp;
use tiercel_wire::soup::{HEADER_SIZE, Kind, Listener, Login, Packet, Server, SessionId};

use super::snapshot::Pages;
use crate::itch::{Archive, Session};

/// The session that a client asks for to be sent a snapshot.
pub(super) const SNAPSHOT: &[u8] = b"GLIMPSE";
/// Where in a login's packet the session is.
const SESSION: std::ops::Range<usize> = HEADER_SIZE + 16..HEADER_SIZE + 26;

/// What a client is sent.
#[derive(Debug)]
pub(super) enum Source {
    /// The messages of a session.
    Session(SessionId),
    /// A snapshot, which goes on with this session.
    Snapshot(SessionId, Pages),
}

/// The first packet is no login.
#[derive(Debug)]
pub(super) struct Refused;

/// Whether the first packet is not whole yet.
pub(super) fn is_partial(bytes: &[u8]) -> bool {
    matches!(Packet::front(bytes), Ok(None))
}

/// The session that the first packet asks for, which is whole; empty: that which is on.
pub(super) fn session_asked(bytes: &[u8]) -> Result<&[u8], Refused> {
    match Packet::front(bytes) {
        Ok(Some(Packet { kind: Kind::LoginRequest, payload })) => {
            Login::decode(payload).map(|login| login.session).ok_or(Refused)
        }
        _ => Err(Refused),
    }
}

/// What is told is public: everybody may log on, and what a client says beside that is not listened to.
struct Public;

impl Listener for Public {
    fn on_message(&mut self, _: Option<u64>, _: &[u8]) {}
}

/// A connection.
#[derive(Debug)]
pub(super) struct Reader {
    id: ConnectionId,
    /// `None` before its login.
    serves: Option<(Server, Source)>,
    ends: bool,
    since: Timestamp,
    /// When its output was last found with room.
    had_room: Timestamp,
}

/// How long a login may take.
const LOGIN_NS: u64 = 10_000_000_000;

impl Reader {
    pub(super) const fn new(id: ConnectionId, now: Timestamp) -> Self {
        Self { id, serves: None, ends: false, since: now, had_room: now }
    }

    pub(super) const fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether it has not logged on.
    pub(super) const fn is_fresh(&self) -> bool {
        self.serves.is_none()
    }

    pub(super) fn begin(&mut self, source: Source, now: Timestamp) {
        let (Source::Session(session) | Source::Snapshot(session, _)) = &source;
        let mut server = Server::new(*session);
        server.connected(now);
        self.serves = Some((server, source));
    }

    /// The connection is to end, once what is there is sent.
    pub(super) const fn end(&mut self) {
        self.ends = true;
    }

    pub(super) fn received(
        &mut self,
        bytes: &[u8],
        archive: &mut Archive,
        now: Timestamp,
    ) -> usize {
        let Some((server, source)) = &mut self.serves else { return bytes.len() };
        match source {
            Source::Session(id) => {
                if let Some(session) = session_of(archive, *id) {
                    server.received(now, bytes, session, &mut Public)
                } else {
                    self.ends = true;
                    bytes.len()
                }
            }
            Source::Snapshot(_, pages) if server.is_logged_on() => {
                server.received(now, bytes, pages, &mut Public)
            }
            Source::Snapshot(_, pages) => {
                // It is answered with the session to go on with: it is that which it logs on to.
                let mut login = bytes.to_vec();
                if let Some(asked) = login.get_mut(SESSION) {
                    asked.fill(b' ');
                }
                server.received(now, &login, pages, &mut Public)
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, archive: &mut Archive, now: Timestamp) {
        match &mut self.serves {
            None => self.ends |= now.0.saturating_sub(self.since.0) >= LOGIN_NS,
            Some((server, Source::Snapshot(_, pages))) => server.tick(now, pages),
            Some((server, Source::Session(id))) => match session_of(archive, *id) {
                Some(session) => server.tick(now, session),
                None => self.ends = true,
            },
        }
    }

    /// Moves what is to be sent into `output`, up to so many bytes. False: the connection is to end.
    pub(super) fn fill(
        &mut self,
        archive: &mut Archive,
        now: Timestamp,
        output: &mut Vec<u8>,
        most: usize,
    ) -> bool {
        if output.len() < most || self.serves.is_none() {
            self.had_room = now;
        }
        let Some((server, source)) = &mut self.serves else { return !self.ends };
        while output.len() < most {
            match source {
                Source::Snapshot(_, pages) => server.end_session(now, pages),
                Source::Session(id) => {
                    let is_on = archive.session().is_some_and(|session| session.id() == *id);
                    match session_of(archive, *id) {
                        Some(session) if is_on => server.resume(now, session),
                        Some(session) => server.end_session(now, session),
                        None => self.ends = true,
                    }
                }
            }
            if server.output().is_empty() {
                break;
            }
            output.append(server.output());
        }
        let is_done = server.wants_close() && server.output().is_empty();
        !(self.ends || is_done)
    }

    /// Whether it has taken nothing for so long.
    pub(super) fn is_stuck(&self, now: Timestamp, timeout: Duration) -> bool {
        u128::from(now.0.saturating_sub(self.had_room.0)) >= timeout.as_nanos()
    }
}

/// The session of this name, if it is on or was just before.
fn session_of(archive: &mut Archive, id: SessionId) -> Option<&mut Session> {
    let is_on = archive.session().is_some_and(|session| session.id() == id);
    let found = if is_on { archive.session() } else { archive.ended() };
    found.filter(|session| session.id() == id)
}
