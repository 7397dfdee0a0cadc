//! A session and its socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{Application, Body, Session, SessionConfig, Store};
use tiercel_wire::fix::{Decoder, Frame, frame};

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;
/// Bytes that the peer has not read: then it is left.
const UNSENT_MAX: usize = 8 << 20;

/// Where an application puts what it sends.
pub struct Outbox<'l, S> {
    session: &'l mut Session,
    store: &'l mut S,
    now: Timestamp,
}

impl<S: Store> Outbox<'_, S> {
    /// Sends a message; see [`Session::send`].
    pub fn send(&mut self, message_type: &[u8], body: impl Body) {
        self.session.send(self.now, self.store, message_type, body);
    }
}

/// An application that answers messages as they come.
pub trait Responder<S>: Application {
    /// A message was taken: what is to be sent behind it.
    fn respond(&mut self, _outbox: &mut Outbox<'_, S>) {}
}

/// A session, its memory, and its socket while there is one.
pub struct Link<S> {
    session: Session,
    store: S,
    decoder: Decoder,
    stream: Option<TcpStream>,
    unread: Vec<u8>,
    /// Bytes of the session's output that left.
    sent: usize,
}

impl<S: Store> Link<S> {
    /// A session without a socket.
    pub fn new(config: SessionConfig, store: S) -> Self {
        Self {
            session: Session::new(config),
            store,
            decoder: Decoder::default(),
            stream: None,
            unread: Vec::new(),
            sent: 0,
        }
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// What it remembers.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// The same, of a session that is over.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Its socket.
    pub const fn stream(&self) -> Option<&TcpStream> {
        self.stream.as_ref()
    }

    /// Gives it a connected socket that does not block. It must have none.
    pub fn attach(&mut self, now: Timestamp, stream: TcpStream) {
        self.unread.clear();
        self.sent = 0;
        self.stream = Some(stream);
        self.session.connected(now, &mut self.store);
    }

    /// Where to put what is sent. While nobody is logged on it only gets its numbers: the peer asks
    /// for it when it is back.
    pub const fn outbox(&mut self, now: Timestamp) -> Outbox<'_, S> {
        Outbox { session: &mut self.session, store: &mut self.store, now }
    }

    /// Says goodbye; the connection ends with the answer.
    pub fn log_out(&mut self, now: Timestamp, text: &str) {
        self.session.log_out(now, &mut self.store, text);
    }

    /// Ends the connection without a word.
    pub fn drop_connection(&mut self, now: Timestamp, app: &mut impl Application) {
        if self.stream.take().is_some() {
            self.session.closed(now, &mut self.store, app);
        }
    }

    /// Takes what came, lets time pass, and sends what there is. True if something came or left; when
    /// the connection has ended, [`stream`](Self::stream) is `None`.
    pub fn poll(&mut self, now: Timestamp, app: &mut impl Responder<S>) -> bool {
        let Some(mut stream) = self.stream.take() else {
            self.session.tick(now, &mut self.store);
            return false;
        };
        let start = self.unread.len();
        self.unread.resize(start + CHUNK, 0);
        let (count, mut alive) = moved(stream.read(&mut self.unread[start..]));
        self.unread.truncate(start + count);
        if count > 0 {
            self.hear(now, app);
        }
        self.session.tick(now, &mut self.store);
        let left = self.flush(&mut stream);
        let waiting = self.session.output().len() - self.sent;
        alive &= left.is_some() && waiting <= UNSENT_MAX;
        if alive && !(self.session.wants_close() && waiting == 0) {
            self.stream = Some(stream);
        } else {
            self.session.closed(now, &mut self.store, app);
        }
        count > 0 || left.is_some_and(|left| left > 0)
    }

    /// How many bytes left; `None`: the connection has ended.
    fn flush(&mut self, stream: &mut TcpStream) -> Option<usize> {
        let output = self.session.output();
        if output.is_empty() {
            return Some(0);
        }
        let (count, alive) = moved(stream.write(&output[self.sent..]));
        self.sent += count;
        if self.sent == output.len() {
            output.clear();
            self.sent = 0;
        }
        alive.then_some(count)
    }

    /// Takes the whole messages that have come. Bytes that are none are passed over: the next message
    /// exposes the gap.
    fn hear(&mut self, now: Timestamp, app: &mut impl Responder<S>) {
        let Self { session, store, decoder, unread, .. } = self;
        let mut at = 0;
        while !session.wants_close() {
            match frame(&unread[at..]) {
                Frame::Partial => break,
                Frame::Garbled { skip, .. } => at += skip,
                Frame::Whole { length, body } => {
                    if let Ok(message) = decoder.index(&unread[at..at + length], body) {
                        session.received(now, &message, store, app);
                    }
                    at += length;
                    app.respond(&mut Outbox { session, store, now });
                }
            }
        }
        unread.drain(..at);
    }
}

/// How many bytes a call moved, and whether the connection is alive behind it.
fn moved(result: std::io::Result<usize>) -> (usize, bool) {
    match result {
        Ok(count) => (count, count > 0),
        Err(error) => (0, matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)),
    }
}
