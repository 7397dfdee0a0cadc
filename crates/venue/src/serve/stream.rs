//! `/ws` and `/stream`: market data over `WebSocket`, and accounts by their listen keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::{WebSocketUpgrade, close_code};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use tiercel_types::AccountId;

use crate::binance::stream::{Stream, StreamMethod, StreamRequest, done, invalid_streams};

use super::Peer;
use super::connection::{Connection, End, Next};
use super::gateway::Shared;
use super::queues::{ConnectionId, Message, Speaks};
use super::user_streams::Form;

/// The largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;

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
            let (number, messages) = shared.gateway().hub.queues.connect(Speaks::Streams);
            let lifetime = shared.options.connection_lifetime;
            let connection = Connection::new(socket, messages, shared.status.clone(), lifetime);
            let mut client = Client { shared, number, combined, told: Vec::new(), heard: (0, 0) };
            // Names in an address that are no streams are passed over: some clients number their
            // connections there.
            let names: Vec<_> = names.split('/').map(str::to_owned).collect();
            client.subscribe_known(&names);
            client.run(connection).await;
            client.shared.gateway().hub.disconnect(number);
            drop(peer);
        },
    )
}

/// What a connection is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Market(Stream),
    /// By a listen key.
    Account(AccountId, Form),
}

/// One connection.
struct Client {
    shared: Arc<Shared>,
    number: ConnectionId,
    combined: bool,
    /// What it is told of, under the names that it gave.
    told: Vec<(String, Of)>,
    /// The second of the connection that it last spoke in, and how often.
    heard: (u64, u32),
}

impl Client {
    async fn run(&mut self, mut connection: Connection<Message>) {
        let end = loop {
            if let Err(end) = self.turn(&mut connection).await {
                break end;
            }
        };
        connection.end(end).await;
    }

    async fn turn(&mut self, connection: &mut Connection<Message>) -> Result<(), End> {
        match connection.next(true).await? {
            Next::Message(Message::Stream { raw, wrapped }) => {
                connection.tell(if self.combined { wrapped } else { raw }).await
            }
            Next::Message(Message::Text(text) | Message::Answer(text)) => {
                connection.tell(text).await
            }
            Next::Text(text) => {
                self.count(connection)?;
                let answer = match StreamRequest::read(&text) {
                    Ok(request) => self.answer(request),
                    Err(refusal) => refusal,
                };
                connection.tell(answer.into()).await
            }
            Next::Ping => self.count(connection),
        }
    }

    /// Counts a message of the client.
    fn count(&mut self, connection: &Connection<Message>) -> Result<(), End> {
        let second = connection.begun().elapsed().as_secs();
        let (last, count) = self.heard;
        self.heard = (second, if second == last { count + 1 } else { 1 });
        if self.heard.1 > self.shared.options.stream_messages_1s {
            return Err(End::Closed(close_code::POLICY, "too many requests"));
        }
        Ok(())
    }

    fn answer(&mut self, request: StreamRequest) -> String {
        let StreamRequest { method, id } = request;
        let result = match method {
            StreamMethod::Subscribe(names) => {
                if self.told.len() + names.len() > self.shared.options.streams_max {
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
                json!(self.told.iter().map(|(name, _)| name).collect::<Vec<_>>())
            }
            StreamMethod::SetCombined(combined) => {
                self.combined = combined;
                Value::Null
            }
            StreamMethod::GetCombined => json!(self.combined),
        };
        done(&result, &id)
    }

    /// Those of the names that are streams, or listen keys.
    fn known(&self, names: &[String]) -> Vec<(String, Of)> {
        let gateway = self.shared.gateway();
        let of = |name: &str| {
            if let Some(stream) = Stream::from_name(name, gateway.models.instruments()) {
                return Some(Of::Market(stream));
            }
            let account = gateway.hub.users.listen_keys.account(name)?;
            Some(Of::Account(account, Form::ListenKey(name.into())))
        };
        names.iter().filter_map(|name| Some((name.clone(), of(name)?))).collect()
    }

    fn subscribe_known(&mut self, names: &[String]) {
        let known = self.known(names);
        let mut gateway = self.shared.gateway();
        for (name, of) in known.into_iter().take(self.shared.options.streams_max) {
            match &of {
                Of::Market(stream) => gateway.hub.subscribe(self.number, *stream, &name),
                Of::Account(account, form) => {
                    gateway.hub.users.subscribe(*account, self.number, form.clone());
                }
            }
            if !self.told.iter().any(|(_, known)| *known == of) {
                self.told.push((name, of));
            }
        }
    }

    fn unsubscribe(&mut self, names: &[String]) {
        let mut gateway = self.shared.gateway();
        self.told.retain(|(name, of)| {
            let gone = names.contains(name);
            match of {
                Of::Market(stream) if gone => gateway.hub.unsubscribe(self.number, *stream),
                Of::Account(account, form) if gone => {
                    gateway.hub.users.unsubscribe(*account, self.number, form);
                }
                _ => {}
            }
            !gone
        });
    }
}
