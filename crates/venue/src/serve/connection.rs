//! One WebSocket connection, whatever is spoken on it: its queue, its pings, its end.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, close_code};
use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval, timeout};
use tungstenite::Error;
use tungstenite::error::ProtocolError;

use crate::pipeline::{Health, Status};

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

/// A connection, from its upgrade to its end. Messages for its client wait in a queue of `M`.
pub(super) struct Connection<M> {
    socket: WebSocket,
    messages: mpsc::Receiver<M>,
    status: Status,
    pings: Interval,
    begun: Instant,
    lifetime: Duration,
    /// When the client last answered a ping.
    answered: Instant,
    /// Messages that are written and not yet on their way.
    written: u32,
}

/// What there is to do next.
pub(super) enum Next<M> {
    /// To be sent to the client.
    Message(M),
    /// The client said so.
    Text(Utf8Bytes),
    /// The client pinged, and was answered.
    Ping,
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// It is gone.
    Gone,
    /// It said goodbye, and has yet to be answered.
    Left,
    /// The venue ends it.
    Closed(u16, &'static str),
}

impl<M> Connection<M> {
    /// A connection that lives no longer than `lifetime` (looked at with each ping).
    pub(super) fn new(
        socket: WebSocket,
        messages: mpsc::Receiver<M>,
        status: Status,
        lifetime: Duration,
    ) -> Self {
        let begun = Instant::now();
        let pings = interval(PING_INTERVAL.min(lifetime));
        Self { socket, messages, status, pings, begun, lifetime, answered: begun, written: 0 }
    }

    /// When it began.
    pub(super) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Waits for the next thing to do. Unless it `hears`, the client's words wait in the socket.
    ///
    /// # Errors
    /// [`End`].
    pub(super) async fn next(&mut self, hears: bool) -> Result<Next<M>, End> {
        if (1..BURST).contains(&self.written)
            && let Ok(message) = self.messages.try_recv()
        {
            return Ok(Next::Message(message));
        }
        self.flush().await?;
        loop {
            tokio::select! {
                message = self.messages.recv() => {
                    return message.map(Next::Message).ok_or_else(|| self.cut_off());
                }
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

    /// The queue was closed.
    fn cut_off(&self) -> End {
        if self.status.health() == Health::Running {
            End::Closed(close_code::POLICY, "too slow")
        } else {
            End::Closed(close_code::AWAY, "the venue stops")
        }
    }

    /// Writes a text. It is sent no later than with the next call of [`next`](Self::next) that finds
    /// nothing more to write.
    ///
    /// # Errors
    /// [`End::Gone`] if the client does not take it.
    pub(super) async fn tell(&mut self, text: Utf8Bytes) -> Result<(), End> {
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
    pub(super) async fn end(mut self, end: End) {
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
