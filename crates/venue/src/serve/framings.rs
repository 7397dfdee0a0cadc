//! The ways that the binary protocol is spoken on one address: records, FlatBuffers, and FlatBuffers
//! in a `WebSocket`.
//!
//! ```text
//!   first four bytes: a hello's          --> records, as they are
//!                     a message's length --> FlatBuffers --> Translator --> records
//!                     "GET "             --> WebSocket --> FlatBuffers --> Translator --> records
//! ```
//!
//! Behind all of them are the same sessions. A hello begins with a number that is too small for a
//! message's length, and `GET ` is one that is too large.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use tiercel_net::{CloseReason, ConnectionId};
use tiercel_types::Timestamp;
use tiercel_wire::flat::{Framing, MESSAGE_SIZE_MAX, Translator};
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{HandshakeError, Message, WebSocket, accept_hdr_with_config};

use crate::pipeline::Delivery;
use crate::stage::{Context, Sessions, Sockets};

/// Where FlatBuffers are spoken in a `WebSocket`.
const PATH: &str = "/";
/// No hello is shorter: it has a nonce of 32 bytes, and the protocol's name. What begins with less
/// may be a record that comes too early.
const HELLO_SIZE_MIN: usize = 64;
/// The answer to what is no `WebSocket`'s handshake.
const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// Bytes that wait for a client before its answers wait as records.
const OUTPUT_HIGH: usize = 512 << 10;

/// [`Sessions`] of records, and of whatever is translated into records.
pub(super) struct Framed<S> {
    sessions: S,
    /// By the connection's place.
    all: Vec<Spoken>,
    waiting: Vec<ConnectionId>,
    ending: Vec<ConnectionId>,
}

/// What a connection speaks.
enum Spoken {
    /// Fewer than four bytes have come.
    Unknown,
    Records,
    Messages(Box<Messages>),
    /// A `WebSocket`'s handshake, which is not whole.
    Upgrade,
    Frames(Box<Frames>),
}

/// FlatBuffers on their way in and out.
struct Messages {
    translator: Translator,
    /// Answers that are not translated yet.
    answers: Vec<u8>,
    /// They are in the list of those that wait.
    is_waiting: bool,
}

/// The same in a `WebSocket`.
struct Frames {
    socket: WebSocket<Pipe>,
    messages: Messages,
}

/// The bytes of a connection, as a stream that has to wait when there are none.
#[derive(Debug, Default)]
struct Pipe {
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.input.len());
        buffer[..count].copy_from_slice(&self.input[..count]);
        self.input.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes `WebSocket`s at [`PATH`] alone.
struct AtPath;

impl Callback for AtPath {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        if request.uri().path() == PATH {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some(format!("WebSockets are at {PATH}\n")));
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        Err(refusal)
    }
}

impl Messages {
    fn new(framing: Framing) -> Self {
        Self { translator: Translator::new(framing), answers: Vec::new(), is_waiting: false }
    }

    /// Hands the records of messages on; how many bytes those were.
    fn received<S: Sessions>(
        &mut self,
        sessions: &mut S,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> usize {
        let mut taken = 0;
        loop {
            taken += self.translator.received(&bytes[taken..]);
            let records = self.translator.records();
            if records.is_empty() {
                break;
            }
            let heard = sessions.received(id, records, context, &mut self.answers);
            records.drain(..heard);
            if heard == 0 {
                // Goodbye was said: nothing more is heard.
                records.clear();
                return bytes.len();
            }
        }
        if self.translator.refusal().is_some() { bytes.len() } else { taken }
    }

    /// Translates what there is to answer.
    fn send(&mut self, mut take: impl FnMut(&[u8])) {
        // A session sends nothing but records.
        let sent = self.translator.sent(&mut self.answers, &mut take);
        debug_assert_eq!(sent, Ok(()));
    }
}

/// A refused handshake, as it goes over the wire.
fn refusal_bytes(refusal: &tungstenite::http::Response<Option<Vec<u8>>>) -> Vec<u8> {
    let body = refusal.body().as_deref().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        refusal.status(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Where the head of a request ends, if it does.
fn head_of(bytes: &[u8]) -> Option<&[u8]> {
    const END: &[u8; 4] = b"\r\n\r\n";
    let at = bytes.windows(END.len()).position(|window| window == END)?;
    bytes.get(..at + END.len())
}

impl Frames {
    /// The `WebSocket` that the head of a request asks for.
    ///
    /// # Errors
    /// What the client is told instead.
    fn new(head: &[u8]) -> Result<Self, Vec<u8>> {
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .max_message_size(Some(MESSAGE_SIZE_MAX))
            .max_frame_size(Some(MESSAGE_SIZE_MAX));
        let pipe = Pipe { input: head.to_vec(), output: Vec::new() };
        match accept_hdr_with_config(pipe, AtPath, Some(config)) {
            Ok(socket) => Ok(Self { socket, messages: Messages::new(Framing::Carrier) }),
            Err(HandshakeError::Failure(tungstenite::Error::Http(refusal))) => {
                Err(refusal_bytes(&refusal))
            }
            Err(_) => Err(BAD_REQUEST.to_vec()),
        }
    }

    /// Takes bytes; false when nothing more is heard.
    fn received<S: Sessions>(
        &mut self,
        sessions: &mut S,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> bool {
        let Self { socket, messages } = self;
        socket.get_mut().input.extend_from_slice(bytes);
        loop {
            match socket.read() {
                Ok(Message::Binary(message)) => {
                    messages.received(sessions, id, &message, context);
                }
                Ok(Message::Text(_) | Message::Close(_)) => return false,
                // Answered by the socket itself.
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return true;
                }
                Err(_) => return false,
            }
        }
    }

    /// Moves what is to be sent to `output`.
    fn send(&mut self, output: &mut Vec<u8>, ends: bool) {
        let Self { socket, messages } = self;
        messages.send(|message| {
            // It goes into memory, and is refused only behind a goodbye.
            let _written = socket.write(Message::binary(message.to_vec()));
        });
        if ends {
            let _told = socket.close(None);
        }
        let _flushed = socket.flush();
        output.append(&mut socket.get_mut().output);
    }
}

impl Spoken {
    /// What begins with these bytes.
    fn of(first: [u8; 4]) -> Self {
        let length = u32::from_le_bytes(first) as usize;
        if first == *b"GET " {
            Self::Upgrade
        } else if (HELLO_SIZE_MIN..=MESSAGE_SIZE_MAX).contains(&length) {
            Self::Messages(Box::new(Messages::new(Framing::Length)))
        } else {
            // A hello, or something that is refused as none.
            Self::Records
        }
    }

    const fn messages(&mut self) -> Option<&mut Messages> {
        match self {
            Self::Messages(messages) => Some(messages),
            Self::Frames(frames) => Some(&mut frames.messages),
            Self::Unknown | Self::Records | Self::Upgrade => None,
        }
    }
}

/// Outputs that are records, or are to be translated.
struct Translated<'a> {
    sockets: &'a mut dyn Sockets,
    all: &'a mut [Spoken],
    waiting: &'a mut Vec<ConnectionId>,
    ending: &'a mut Vec<ConnectionId>,
}

impl Sockets for Translated<'_> {
    #[inline]
    fn output(&mut self, id: ConnectionId) -> Option<&mut Vec<u8>> {
        match self.all.get_mut(id.index()).and_then(Spoken::messages) {
            None => self.sockets.output(id),
            Some(messages) => {
                if !std::mem::replace(&mut messages.is_waiting, true) {
                    self.waiting.push(id);
                }
                Some(&mut messages.answers)
            }
        }
    }

    fn close(&mut self, id: ConnectionId) {
        self.ending.push(id);
    }
}

impl<S> Framed<S> {
    /// For so many connections at most.
    pub(super) fn new(sessions: S, connections: usize) -> Self {
        Self {
            sessions,
            all: (0..connections).map(|_| Spoken::Unknown).collect(),
            waiting: Vec::new(),
            ending: Vec::new(),
        }
    }

    /// Has what a connection has to say translated with the next flush.
    fn stir(&mut self, id: ConnectionId) {
        let messages = self.all.get_mut(id.index()).and_then(Spoken::messages);
        if messages.is_some_and(|messages| !std::mem::replace(&mut messages.is_waiting, true)) {
            self.waiting.push(id);
        }
    }
}

impl<S: Sessions> Sessions for Framed<S> {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        if let Some(place) = self.all.get_mut(id.index()) {
            *place = Spoken::Unknown;
        }
        self.sessions.connected(id, peer, now)
    }

    #[inline]
    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> usize {
        let Self { sessions, all, ending, .. } = self;
        let Some(spoken) = all.get_mut(id.index()) else { return bytes.len() };
        if matches!(spoken, Spoken::Unknown) {
            let Some(first) = bytes.first_chunk() else { return 0 };
            *spoken = Spoken::of(*first);
        }
        let mut taken = 0;
        if matches!(spoken, Spoken::Upgrade) {
            let Some(head) = head_of(bytes) else { return 0 };
            taken = head.len();
            match Frames::new(head) {
                Ok(frames) => *spoken = Spoken::Frames(Box::new(frames)),
                Err(refusal) => {
                    output.extend_from_slice(&refusal);
                    ending.push(id);
                    return bytes.len();
                }
            }
        }
        match spoken {
            Spoken::Records => return sessions.received(id, bytes, context, output),
            Spoken::Unknown | Spoken::Upgrade => {}
            Spoken::Messages(messages) => taken = messages.received(sessions, id, bytes, context),
            Spoken::Frames(frames) => {
                if !frames.received(sessions, id, &bytes[taken..], context) {
                    ending.push(id);
                }
                taken = bytes.len();
            }
        }
        self.stir(id);
        taken
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>) {
        if let Some(place) = self.all.get_mut(id.index()) {
            *place = Spoken::Unknown;
        }
        self.sessions.closed(id, reason, context);
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.sessions.delivered(delivery, context);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.sessions.tick(context);
    }

    fn stop(&mut self, context: &mut Context<'_>) -> bool {
        self.sessions.stop(context)
    }

    #[inline]
    fn flush(&mut self, sockets: &mut dyn Sockets) {
        let Self { sessions, all, waiting, ending } = self;
        sessions.flush(&mut Translated { sockets, all, waiting, ending });
        waiting.retain(|id| {
            let Some(spoken) = all.get_mut(id.index()) else { return false };
            let Some(output) = sockets.output(*id) else { return false };
            let ends = ending.contains(id);
            if output.len() >= OUTPUT_HIGH && !ends {
                return true;
            }
            match spoken {
                Spoken::Messages(messages) => {
                    messages.send(|message| output.extend_from_slice(message));
                }
                Spoken::Frames(frames) => frames.send(output, ends),
                Spoken::Unknown | Spoken::Records | Spoken::Upgrade => {}
            }
            if let Some(messages) = spoken.messages() {
                messages.is_waiting = false;
            }
            false
        });
        for id in ending.drain(..) {
            sockets.close(id);
        }
    }
}
