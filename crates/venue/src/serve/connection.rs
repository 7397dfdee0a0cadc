//! One `WebSocket` connection, whatever is spoken on it: its opening, its queue, its pings, its end.
//!
//! ```text
//!   client's words --> count (limit of a second) --> Speaker::hear --> answer --+
//!                                                                              +--> socket
//!   Queues --> Inbox ------------------------------> Speaker::tell ------------+
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{
    CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code,
};
use axum::response::Response;
use futures_util::SinkExt;
use tokio::time::{Instant, Interval, interval, timeout};
use tungstenite::Error;
use tungstenite::error::ProtocolError;

use super::gateway::Shared;
use super::queues::{ConnectionId, Ending, Inbox, Message, Speaks};
use super::{Peer, ServeOptions};

/// The largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;
/// Between two pings of the venue.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// A client that has not answered a ping for so long is gone.
const PONG_TIMEOUT: Duration = Duration::from_mins(1);
/// A client that takes nothing for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that are written at once, if they wait already: a burst costs one system call.
const BURST: u32 = 64;
/// How long a client may take to answer a goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is spoken on a connection.
pub(super) trait Speaker {
    /// Whether it hears its client now; else the client's words wait in the socket.
    fn hears(&self) -> bool {
        true
    }

    /// A message of its queue, as its client is told it.
    fn tell(&mut self, message: Message) -> Utf8Bytes;

    /// What its client says; the answer, unless that comes through the queue.
    fn hear(&mut self, text: &str) -> Option<Utf8Bytes>;
}

/// Opens a connection, and serves it until it ends.
pub(super) fn open<S: Speaker + Send>(
    shared: Arc<Shared>,
    peer: Peer,
    upgrade: WebSocketUpgrade,
    speaks: Speaks,
    speaker: impl FnOnce(&Arc<Shared>, ConnectionId) -> S + Send + 'static,
) -> Response {
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(
        async move |socket| {
            let (number, inbox) = shared.gateway().connect(speaks);
            let connection = Connection::new(socket, inbox, &shared.options, speaks);
            connection.run(speaker(&shared, number)).await;
            shared.gateway().disconnect(speaks, number);
            // It had its place until now.
            drop(peer);
        },
    )
}

/// A connection, from its upgrade to its end.
struct Connection {
    socket: WebSocket,
    inbox: Inbox,
    pings: Interval,
    begun: Instant,
    /// Looked at with each ping.
    lifetime: Duration,
    /// When the client last answered a ping.
    answered: Instant,
    /// Messages that are written and not yet on their way.
    written: u32,
    /// What the client may say in a second; `None`: it is counted by weight.
    messages_1s: Option<u32>,
    /// The second of the connection that the client last spoke in, and how often.
    heard: (u64, u32),
}

/// What there is to do next.
enum Next {
    /// To be sent to the client.
    Message(Message),
    /// The client said so.
    Text(Utf8Bytes),
    /// The client pinged, and was answered.
    Ping,
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// It is gone.
    Gone,
    /// It said goodbye, and has yet to be answered.
    Left,
    /// The venue ends it.
    Closed(u16, &'static str),
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        let (code, reason) = ending.close();
        Self::Closed(code, reason)
    }
}

impl Connection {
    fn new(socket: WebSocket, inbox: Inbox, options: &ServeOptions, speaks: Speaks) -> Self {
        let (begun, lifetime) = (Instant::now(), options.connection_lifetime);
        let messages_1s = match speaks {
            Speaks::Streams => Some(options.stream_messages_1s),
            Speaks::Native => Some(options.native_messages_1s),
            Speaks::WsApi => None,
        };
        Self {
            socket,
            inbox,
            pings: interval(PING_INTERVAL.min(lifetime)),
            begun,
            lifetime,
            answered: begun,
            written: 0,
            messages_1s,
            heard: (0, 0),
        }
    }

    /// Turn after turn, until it ends.
    async fn run(mut self, mut speaker: impl Speaker) {
        let end = loop {
            if let Err(end) = self.turn(&mut speaker).await {
                break end;
            }
        };
        self.end(end).await;
    }

    async fn turn(&mut self, speaker: &mut impl Speaker) -> Result<(), End> {
        let next = self.next(speaker.hears()).await?;
        // Whatever came first: what its key was good for is over.
        self.inbox.check()?;
        match next {
            Next::Message(message) => self.tell(speaker.tell(message)).await,
            Next::Text(text) => {
                self.count()?;
                match speaker.hear(&text) {
                    Some(answer) => self.tell(answer).await,
                    None => Ok(()),
                }
            }
            Next::Ping => self.count(),
        }
    }

    /// Counts a message of the client.
    fn count(&mut self) -> Result<(), End> {
        let Some(messages_1s) = self.messages_1s else { return Ok(()) };
        let second = self.begun.elapsed().as_secs();
        let (last, count) = self.heard;
        self.heard = (second, if second == last { count + 1 } else { 1 });
        if self.heard.1 > messages_1s {
            return Err(End::Closed(close_code::POLICY, "too many requests"));
        }
        Ok(())
    }

    /// Waits for the next thing to do. Unless it `hears`, the client's words wait in the socket.
    async fn next(&mut self, hears: bool) -> Result<Next, End> {
        if (1..BURST).contains(&self.written)
            && let Some(message) = self.inbox.try_next()
        {
            return Ok(Next::Message(message));
        }
        self.flush().await?;
        loop {
            tokio::select! {
                message = self.inbox.next() => return Ok(Next::Message(message?)),
                frame = self.socket.recv(), if hears => match frame {
                    Some(Ok(Frame::Text(text))) => return Ok(Next::Text(text)),
                    // Pings are answered by the socket.
                    Some(Ok(Frame::Ping(_))) => return Ok(Next::Ping),
                    Some(Ok(Frame::Pong(_))) => self.answered = Instant::now(),
                    Some(Ok(Frame::Binary(_))) => {
                        return Err(End::Closed(close_code::UNSUPPORTED, "text is expected"));
                    }
                    Some(Ok(Frame::Close(_))) => return Err(End::Left),
                    Some(Err(error)) => return Err(broken(error)),
                    None => return Err(End::Gone),
                },
                _ = self.pings.tick() => self.ping(hears).await?,
            }
        }
    }

    async fn ping(&mut self, hears: bool) -> Result<(), End> {
        if self.begun.elapsed() >= self.lifetime {
            return Err(End::Closed(close_code::AWAY, "the connection's time is over"));
        }
        // One that is not heard cannot answer.
        if hears && self.answered.elapsed() > PONG_TIMEOUT {
            return Err(End::Closed(close_code::POLICY, "no pong"));
        }
        self.send(Frame::Ping(Vec::new().into())).await
    }

    /// Writes a text. It is sent no later than with the next call of [`next`](Self::next) that finds
    /// nothing more to write.
    async fn tell(&mut self, text: Utf8Bytes) -> Result<(), End> {
        self.written += 1;
        taken(self.socket.feed(Frame::Text(text))).await
    }

    /// Sends what is written.
    async fn flush(&mut self) -> Result<(), End> {
        if self.written == 0 {
            return Ok(());
        }
        self.written = 0;
        taken(self.socket.flush()).await
    }

    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        self.written = 0;
        taken(self.socket.send(frame)).await
    }

    /// Says goodbye, if there is somebody to say it to, and waits a little for an answer: a socket
    /// that is closed over unread words may take the goodbye with it. The answer to a client's own
    /// is sent by reading on.
    async fn end(mut self, end: End) {
        match end {
            End::Gone => return,
            End::Left => {}
            End::Closed(code, reason) => {
                let goodbye = Frame::Close(Some(CloseFrame { code, reason: reason.into() }));
                // It may be gone, or not read: that is its own end of it.
                if self.send(goodbye).await.is_err() {
                    return;
                }
            }
        }
        let over = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _silent = timeout(GOODBYE_TIMEOUT, over).await;
    }
}

/// How a connection ends over what its client sent: the codes of RFC 6455, section 7.4.1.
fn broken(error: axum::Error) -> End {
    let Ok(error) = error.into_inner().downcast::<Error>() else { return End::Gone };
    match *error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Error::Protocol(_) => End::Closed(close_code::PROTOCOL, "no such frame is allowed"),
        Error::Utf8(_) => End::Closed(close_code::INVALID, "UTF-8 is expected"),
        Error::Capacity(_) => End::Closed(close_code::SIZE, "the message is too large"),
        _ => End::Gone,
    }
}

/// Waits until the client takes what is sent.
async fn taken<E>(sending: impl Future<Output = Result<(), E>>) -> Result<(), End> {
    match timeout(SEND_TIMEOUT, sending).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::Gone),
    }
}
