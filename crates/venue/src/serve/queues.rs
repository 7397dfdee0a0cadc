//! The queues of all WebSocket connections: what waits until their clients read it.
//!
//! Each has room for [`QUEUE`] messages. One that is full belongs to a client that does not read: it
//! is cut off, told so if it still reads, and harms nobody else.

use std::collections::HashMap;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;

/// Messages that wait for a client, at most.
pub(super) const QUEUE: usize = 1_024;

/// A connection's number: no two of a venue's run have the same.
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
}

impl Speaks {
    /// The documented event that says that the venue stops.
    fn shutdown(self, now_ms: u64) -> Message {
        let event = format!("{{\"e\":\"serverShutdown\",\"E\":{now_ms}}}");
        match self {
            Self::Streams => Message::Stream {
                wrapped: format!("{{\"stream\":\"!serverShutdown\",\"data\":{event}}}").into(),
                raw: event.into(),
            },
            Self::WsApi => Message::Text(format!("{{\"event\":{event}}}").into()),
        }
    }
}

/// All queues.
#[derive(Default)]
pub(super) struct Queues {
    last: ConnectionId,
    open: HashMap<ConnectionId, (Speaks, mpsc::Sender<Message>)>,
    /// Clients that were cut off since somebody asked.
    cut_off: usize,
}

impl Queues {
    /// A new connection: its number, and the other end of its queue. That end closes when the
    /// client is cut off, or the venue stops.
    pub(super) fn connect(&mut self, speaks: Speaks) -> (ConnectionId, mpsc::Receiver<Message>) {
        let (queue, messages) = mpsc::channel(QUEUE);
        self.last += 1;
        self.open.insert(self.last, (speaks, queue));
        (self.last, messages)
    }

    /// A connection that is gone.
    pub(super) fn disconnect(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
    }

    /// Puts a message into a connection's queue; cuts the client off if it is full. What is for a
    /// connection that is gone is dropped.
    pub(super) fn push(&mut self, connection: ConnectionId, message: Message) {
        if let Some((_, queue)) = self.open.get(&connection)
            && queue.try_send(message).is_err()
        {
            self.open.remove(&connection);
            self.cut_off += 1;
        }
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
        for (speaks, queue) in std::mem::take(&mut self.open).into_values() {
            // One that is full goes without it.
            let _full = queue.try_send(speaks.shutdown(now_ms));
        }
    }
}
