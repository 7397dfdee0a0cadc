//! `/ws` and `/stream`: market data over `WebSocket`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::time::{Instant, interval, timeout};

use crate::binance::stream::{
    STREAMS_MAX, Stream, StreamMethod, StreamRequest, done, invalid_streams,
};
use crate::pipeline::Health;

use super::gateway::Shared;
use super::{Peer, hub};

/// The largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;
/// The most messages of a client in a second.
const MESSAGES_A_SECOND: u32 = 5;
/// Between two pings of the venue.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// A client that has not answered a ping for so long is gone.
const PONG_TIMEOUT: Duration = Duration::from_mins(1);
/// A client that takes nothing for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// `/ws`: no stream yet.
pub(super) async fn bare(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(shared, peer, upgrade, String::new(), false)
}

/// `/ws/NAME`, or several names with slashes between them.
pub(super) async fn named(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    Path(names): Path<String>,
    upgrade: WebSocketUpgrade,
) -> Response {
    open(shared, peer, upgrade, names, false)
}

/// `/stream?streams=a/b`: messages are wrapped.
pub(super) async fn combined(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let names = query.split('&').find_map(|pair| pair.strip_prefix("streams="));
    let names = names.unwrap_or_default().replace("%40", "@").replace("%2F", "/");
    open(shared, peer, upgrade, names, true)
}

fn open(
    shared: Arc<Shared>,
    peer: Peer,
    upgrade: WebSocketUpgrade,
    names: String,
    combined: bool,
) -> Response {
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(
        async move |socket| {
            let (number, messages) = shared.gateway().hub.connect();
            let mut client =
                Client { shared, socket, number, combined, streams: Vec::new(), heard: (0, 0) };
            // Names in an address that are no streams are passed over: some clients number their
            // connections there.
            let names: Vec<_> = names.split('/').map(str::to_owned).collect();
            client.subscribe_known(&names);
            client.run(messages).await;
            client.shared.gateway().hub.disconnect(number);
            drop(peer);
        },
    )
}

/// One connection.
struct Client {
    shared: Arc<Shared>,
    socket: WebSocket,
    number: u64,
    combined: bool,
    /// What it is told of, under the names that it gave.
    streams: Vec<(String, Stream)>,
    /// The second of the connection that it last spoke in, and how often.
    heard: (u64, u32),
}

/// Why a connection ends.
enum End {
    /// It is gone, or said goodbye.
    Gone,
    /// The venue ends it.
    Closed(u16, &'static str),
}

impl Client {
    async fn run(&mut self, mut messages: tokio::sync::mpsc::Receiver<hub::Message>) {
        let begun = Instant::now();
        let mut pings = interval(PING_INTERVAL);
        let mut answered = begun;
        let end = loop {
            let ended = tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.send(self.form(message)).await,
                    None => Err(self.cut_off()),
                },
                frame = self.socket.recv() => match frame {
                    Some(Ok(Frame::Text(text))) => self.hear(&text, begun).await,
                    Some(Ok(Frame::Pong(_))) => {
                        answered = Instant::now();
                        Ok(())
                    }
                    // Pings are answered by the socket.
                    Some(Ok(Frame::Ping(_))) => self.count(begun),
                    Some(Ok(Frame::Binary(_))) => {
                        Err(End::Closed(close_code::UNSUPPORTED, "text is expected"))
                    }
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(End::Gone),
                },
                _ = pings.tick() => {
                    if answered.elapsed() > PONG_TIMEOUT {
                        Err(End::Closed(close_code::POLICY, "no pong"))
                    } else {
                        self.send(Frame::Ping(Vec::new().into())).await
                    }
                }
            };
            if let Err(end) = ended {
                break end;
            }
        };
        if let End::Closed(code, reason) = end {
            let goodbye = Frame::Close(Some(CloseFrame { code, reason: reason.into() }));
            // It may be gone, or not read: that is its own end of it.
            let _unheard = self.send(goodbye).await;
        }
    }

    fn form(&self, message: hub::Message) -> Frame {
        Frame::Text(if self.combined { message.wrapped } else { message.raw })
    }

    /// The hub let go of it.
    fn cut_off(&self) -> End {
        if self.shared.status.health() == Health::Running {
            End::Closed(close_code::POLICY, "too slow")
        } else {
            End::Closed(close_code::AWAY, "the venue stops")
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), End> {
        match timeout(SEND_TIMEOUT, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    /// Counts a message of the client.
    fn count(&mut self, begun: Instant) -> Result<(), End> {
        let second = begun.elapsed().as_secs();
        let (last, count) = self.heard;
        self.heard = (second, if second == last { count + 1 } else { 1 });
        if self.heard.1 > MESSAGES_A_SECOND {
            return Err(End::Closed(close_code::POLICY, "too many requests"));
        }
        Ok(())
    }

    async fn hear(&mut self, text: &str, begun: Instant) -> Result<(), End> {
        self.count(begun)?;
        let answer = match StreamRequest::read(text) {
            Ok(request) => self.answer(request),
            Err(refusal) => refusal,
        };
        self.send(Frame::Text(answer.into())).await
    }

    fn answer(&mut self, request: StreamRequest) -> String {
        let StreamRequest { method, id } = request;
        let result = match method {
            StreamMethod::Subscribe(names) => {
                if self.streams.len() + names.len() > STREAMS_MAX {
                    return invalid_streams("Invalid request: too many streams", &id);
                }
                let known = self.known(&names);
                if known.len() < names.len() {
                    return invalid_streams("Invalid request: unknown stream", &id);
                }
                self.subscribe_known(&names);
                Value::Null
            }
            StreamMethod::Unsubscribe(names) => {
                self.unsubscribe(&names);
                Value::Null
            }
            StreamMethod::List => {
                json!(self.streams.iter().map(|(name, _)| name).collect::<Vec<_>>())
            }
            StreamMethod::SetCombined(combined) => {
                self.combined = combined;
                Value::Null
            }
            StreamMethod::GetCombined => json!(self.combined),
        };
        done(&result, &id)
    }

    /// Those of the names that are streams.
    fn known(&self, names: &[String]) -> Vec<(String, Stream)> {
        let gateway = self.shared.gateway();
        let instruments = gateway.models.instruments();
        let known = |name: &String| Some((name.clone(), Stream::from_name(name, instruments)?));
        names.iter().filter_map(known).collect()
    }

    fn subscribe_known(&mut self, names: &[String]) {
        let known = self.known(names);
        let mut gateway = self.shared.gateway();
        for (name, stream) in known.into_iter().take(STREAMS_MAX) {
            gateway.hub.subscribe(self.number, stream, &name);
            if !self.streams.iter().any(|(_, known)| *known == stream) {
                self.streams.push((name, stream));
            }
        }
    }

    fn unsubscribe(&mut self, names: &[String]) {
        let mut gateway = self.shared.gateway();
        self.streams.retain(|(name, stream)| {
            let gone = names.contains(name);
            if gone {
                gateway.hub.unsubscribe(self.number, *stream);
            }
            !gone
        });
    }
}
