//! The queues of `WebSocket` connections: what waits until their clients read it.
//!
//! Each has room for [`QUEUE`] messages. A client that does not read harms nobody else; what becomes of
//! it is said by the [`Rule`] of what it is told:
//!
//! | rule | told by it | at the bound |
//! |---|---|---|
//! | [`Rule::CutOff`] | answers, own orders, trades: whatever must not be left out | a full queue ends the connection, and its client is told so if it still reads |
//! | [`Rule::Conflate`] | how something stands | half a queue is kept for the above: messages are left out, and the client is told how things stand once it has caught up |

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::extract::ws::{Utf8Bytes, close_code};
use tokio::sync::mpsc;

/// Messages that wait for a client, at most.
pub(super) const QUEUE: usize = 1_024;
/// Places that are kept for what must not be left out.
const KEPT: usize = QUEUE / 2;
/// So many places are free again in the queue of whom has caught up.
const CAUGHT_UP: usize = QUEUE - QUEUE / 8;

/// What happens where a client does not read: see the [module's page](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Everything is told, or the connection ends.
    CutOff,
    /// Steps are left out.
    Conflate,
}

/// A connection's number: no two of these queues have the same.
pub(super) type ConnectionId = u64;

/// One message. Its text is shared by all that wait for it.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// As it is.
    Text(Utf8Bytes),
    /// The answer to a request, as it is: the connection counts those that are under way.
    Answer(Utf8Bytes),
    /// Of a stream: as it is, and with the stream's name. The client has said which.
    Stream { raw: Utf8Bytes, wrapped: Utf8Bytes },
}

/// What a connection speaks, and so how it is told that the venue stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// `/ws` and `/stream`.
    Streams,
    /// `/ws-api/v3`.
    WsApi,
    /// `/api/v1/stream`.
    Native,
}

impl Speaks {
    /// The documented event that says that the venue stops; the native stream's close says it.
    fn shutdown(self, now_ms: u64) -> Option<Message> {
        let event = format!("{{\"e\":\"serverShutdown\",\"E\":{now_ms}}}");
        match self {
            Self::Streams => Some(Message::Stream {
                wrapped: format!("{{\"stream\":\"!serverShutdown\",\"data\":{event}}}").into(),
                raw: event.into(),
            }),
            Self::WsApi => Some(Message::Text(format!("{{\"event\":{event}}}").into())),
            Self::Native => None,
        }
    }
}

/// Why the venue ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its queue was full.
    TooSlow,
    /// The key that it was opened with was taken back.
    KeyRevoked,
    /// All connections end.
    Stops,
}

impl Ending {
    /// The code and the words that its client is told.
    pub(super) const fn close(self) -> (u16, &'static str) {
        match self {
            Self::TooSlow => (close_code::POLICY, "too slow"),
            Self::KeyRevoked => (close_code::POLICY, "the key was taken back"),
            Self::Stops => (close_code::AWAY, "the venue stops"),
        }
    }
}

/// A connection's end of its queue.
#[derive(Debug)]
pub(super) struct Inbox {
    messages: mpsc::Receiver<Message>,
    ending: Arc<OnceLock<Ending>>,
}

impl Inbox {
    /// The next message, once there is one.
    ///
    /// # Errors
    /// Why there will be none any more.
    pub(super) async fn next(&mut self) -> Result<Message, Ending> {
        let message = self.messages.recv().await;
        message.ok_or_else(|| *self.ending.get().unwrap_or(&Ending::Stops))
    }

    /// The next message, if it waits already.
    pub(super) fn try_next(&mut self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// # Errors
    /// [`Ending::KeyRevoked`]: what waits is not told any more, and what is asked not answered.
    pub(super) fn check(&self) -> Result<(), Ending> {
        match self.ending.get() {
            Some(Ending::KeyRevoked) => Err(Ending::KeyRevoked),
            _ => Ok(()),
        }
    }
}

/// The venue's end of a queue.
struct Queue {
    speaks: Speaks,
    messages: mpsc::Sender<Message>,
    ending: Arc<OnceLock<Ending>>,
}

impl Queue {
    fn end(self, ending: Ending) {
        // It has ended for another reason before: that one counts.
        let _ended = self.ending.set(ending);
    }
}

/// The queues of an interface.
#[derive(Default)]
pub(super) struct Queues {
    last: ConnectionId,
    open: HashMap<ConnectionId, Queue>,
    /// Clients that were cut off since somebody asked.
    cut_off: usize,
}

impl Queues {
    /// A new connection: its number, and its end of its queue.
    pub(super) fn connect(&mut self, speaks: Speaks) -> (ConnectionId, Inbox) {
        let (sender, messages) = mpsc::channel(QUEUE);
        let ending = Arc::new(OnceLock::new());
        self.last += 1;
        let queue = Queue { speaks, messages: sender, ending: Arc::clone(&ending) };
        self.open.insert(self.last, queue);
        (self.last, Inbox { messages, ending })
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
    }

    /// Puts a message into a connection's queue; cuts the client off if it is full. What is for a
    /// connection that is gone is dropped.
    pub(super) fn push(&mut self, connection: ConnectionId, message: Message) {
        if let Some(queue) = self.open.get(&connection)
            && queue.messages.try_send(message).is_err()
        {
            self.cut_off += 1;
            self.end(connection, Ending::TooSlow);
        }
    }

    /// Ends a connection.
    pub(super) fn end(&mut self, connection: ConnectionId, ending: Ending) {
        if let Some(queue) = self.open.remove(&connection) {
            queue.end(ending);
        }
    }

    /// Whether there is room for what may be left out. Of a connection that is gone there is.
    pub(super) fn has_room(&self, connection: ConnectionId) -> bool {
        self.free(connection) > KEPT
    }

    /// Whether the next message ends it.
    pub(super) fn is_full(&self, connection: ConnectionId) -> bool {
        self.free(connection) == 0
    }

    /// Whether its client reads again.
    pub(super) fn has_caught_up(&self, connection: ConnectionId) -> bool {
        self.free(connection) >= CAUGHT_UP
    }

    fn free(&self, connection: ConnectionId) -> usize {
        self.open.get(&connection).map_or(QUEUE, |queue| queue.messages.capacity())
    }

    /// How many clients were cut off since the last time.
    pub(super) fn take_cut_off(&mut self) -> usize {
        std::mem::take(&mut self.cut_off)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Ends all connections, each with its goodbye.
    pub(super) fn close(&mut self, now_ms: u64) {
        for queue in std::mem::take(&mut self.open).into_values() {
            if let Some(goodbye) = queue.speaks.shutdown(now_ms) {
                // One that is full goes without it.
                let _full = queue.messages.try_send(goodbye);
            }
            queue.end(Ending::Stops);
        }
    }
}
