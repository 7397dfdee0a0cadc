//! A session and its socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use tiercel_types::Timestamp;
use tiercel_wire::fix::session::{Application, Body, Session, SessionConfig, Store};
use tiercel_wire::fix::{Decoder, Frame, frame};

use crate::tls::Channel;

/// Bytes that are read at once.
const CHUNK: usize = 16 << 10;
/// Bytes that the peer has not read: then it is left.
const UNSENT_MAX: usize = 8 << 20;
/// How long TLS may take before the session begins.
const HANDSHAKE_NS: u64 = 10_000_000_000;

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
    channel: Channel,
    /// When the connection was made, while the channel is not ready: the session knows nothing of it.
    handshake_since: Option<Timestamp>,
    /// Bytes that came and are no whole message yet, of a plain channel; of TLS none stay.
    unread: Vec<u8>,
    /// Bytes for the socket.
    unsent: Vec<u8>,
    /// How many of them left.
    sent: usize,
    /// Why TLS ended the last connection.
    failure: Option<io::Error>,
}

impl<S: Store> Link<S> {
    /// A session without a socket.
    pub fn new(config: SessionConfig, store: S) -> Self {
        Self {
            session: Session::new(config),
            store,
            decoder: Decoder::default(),
            stream: None,
            channel: Channel::Plain,
            handshake_since: None,
            unread: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            failure: None,
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

    /// Why TLS ended the last connection, if it did. It is told once.
    pub const fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Gives it a connected socket that does not block, and what its bytes go through. It must have none.
    pub fn attach(&mut self, now: Timestamp, stream: TcpStream, channel: Channel) {
        self.unread.clear();
        self.unsent.clear();
        self.sent = 0;
        self.session.output().clear();
        self.channel = channel;
        self.stream = Some(stream);
        self.handshake_since = Some(now);
        self.begin(now);
    }

    /// Begins the session once the channel is ready: a handshake that fails takes no number.
    fn begin(&mut self, now: Timestamp) {
        if self.handshake_since.is_some() && self.channel.is_ready() {
            self.handshake_since = None;
            self.session.connected(now, &mut self.store);
        }
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
        let opened = if count > 0 { self.open(now, app) } else { self.keep_waiting(now) };
        if let Err(error) = opened {
            self.channel.fail();
            self.failure = Some(error);
            alive = false;
        }
        self.session.tick(now, &mut self.store);
        let left = self.flush(&mut stream);
        let waiting = self.session.output().len() + self.unsent.len() - self.sent;
        alive &= left.is_some() && waiting <= UNSENT_MAX;
        let is_over = self.handshake_since.is_none() && self.session.wants_close() && waiting == 0;
        if alive && !is_over {
            self.stream = Some(stream);
        } else {
            self.session.closed(now, &mut self.store, app);
        }
        count > 0 || left.is_some_and(|left| left > 0)
    }

    /// How many bytes left; `None`: the connection has ended.
    fn flush(&mut self, stream: &mut TcpStream) -> Option<usize> {
        let Self { session, channel, unsent, sent, .. } = self;
        if channel.is_ready() {
            let ends = session.wants_close();
            let output = session.output();
            if !output.is_empty() {
                channel.seal(output, ends, unsent);
                output.clear();
            }
        } else {
            channel.seal(&[], false, unsent);
        }
        if unsent.is_empty() {
            return Some(0);
        }
        let (count, alive) = moved(stream.write(&unsent[*sent..]));
        *sent += count;
        if *sent == unsent.len() {
            unsent.clear();
            *sent = 0;
        }
        alive.then_some(count)
    }

    /// Takes the messages in what has come.
    fn open(&mut self, now: Timestamp, app: &mut impl Responder<S>) -> io::Result<()> {
        let mut unread = std::mem::take(&mut self.unread);
        let opened = self.channel.open(&unread, &mut self.unsent)?;
        self.begin(now);
        match opened {
            None => self.hear(now, app, &mut unread),
            Some(mut plain) => {
                self.hear(now, app, &mut plain);
                self.channel.keep(plain);
                unread.clear();
            }
        }
        self.unread = unread;
        Ok(())
    }

    /// Nothing came: a handshake does not wait for ever.
    fn keep_waiting(&self, now: Timestamp) -> io::Result<()> {
        match self.handshake_since {
            Some(since) if now.0.saturating_sub(since.0) >= HANDSHAKE_NS => {
                Err(io::Error::new(ErrorKind::TimedOut, "TLS: no answer"))
            }
            _ => Ok(()),
        }
    }

    /// Takes the whole messages that `bytes` begin with. Bytes that are none are passed over: the next
    /// message exposes the gap.
    fn hear(&mut self, now: Timestamp, app: &mut impl Responder<S>, bytes: &mut Vec<u8>) {
        let Self { session, store, decoder, .. } = self;
        let mut at = 0;
        while !session.wants_close() {
            match frame(&bytes[at..]) {
                Frame::Partial => break,
                Frame::Garbled { skip, .. } => at += skip,
                Frame::Whole { length, body } => {
                    if let Ok(message) = decoder.index(&bytes[at..at + length], body) {
                        session.received(now, &message, store, app);
                    }
                    at += length;
                    app.respond(&mut Outbox { session, store, now });
                }
            }
        }
        bytes.drain(..at);
    }
}

/// How many bytes a call moved, and whether the connection is alive behind it.
fn moved(result: std::io::Result<usize>) -> (usize, bool) {
    match result {
        Ok(count) => (count, count > 0),
        Err(error) => (0, matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)),
    }
}
