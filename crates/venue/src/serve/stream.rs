//! `/ws` and `/stream`: market data over `WebSocket`, and accounts by their listen keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};
use tiercel_types::AccountId;

use crate::binance::stream::{Stream, StreamMethod, StreamRequest, done, invalid_streams};

use super::Peer;
use super::connection::{self, Speaker};
use super::gateway::Shared;
use super::queues::{ConnectionId, Message, Speaks};
use super::user_streams::Form;

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
    connection::open(shared, peer, upgrade, Speaks::Streams, move |shared, number| {
        let shared = Arc::clone(shared);
        let mut client = Client { shared, number, combined, told: Vec::new() };
        // Names in an address that are no streams are passed over: some clients number their
        // connections there.
        let names: Vec<_> = names.split('/').map(str::to_owned).collect();
        client.subscribe_known(&names);
        client
    })
}

/// What a connection is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Market(Stream),
    /// By a listen key.
    Account(AccountId, Arc<str>),
}

/// One connection.
struct Client {
    shared: Arc<Shared>,
    number: ConnectionId,
    combined: bool,
    /// What it is told of, under the names that it gave.
    told: Vec<(String, Of)>,
}

impl Speaker for Client {
    fn tell(&mut self, message: Message) -> Utf8Bytes {
        match message {
            Message::Stream { wrapped, .. } if self.combined => wrapped,
            Message::Stream { raw: text, .. } | Message::Text(text) | Message::Answer(text) => text,
        }
    }

    fn hear(&mut self, text: &str) -> Option<Utf8Bytes> {
        let answer = match StreamRequest::read(text) {
            Ok(request) => self.answer(request),
            Err(refusal) => refusal,
        };
        Some(answer.into())
    }
}

impl Client {
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
            Some(Of::Account(account, name.into()))
        };
        names.iter().filter_map(|name| Some((name.clone(), of(name)?))).collect()
    }

    fn subscribe_known(&mut self, names: &[String]) {
        let known = self.known(names);
        let mut gateway = self.shared.gateway();
        for (name, of) in known.into_iter().take(self.shared.options.streams_max) {
            match &of {
                Of::Market(stream) => gateway.hub.subscribe(self.number, *stream, &name),
                Of::Account(account, key) => {
                    gateway.hub.users.listen(*account, self.number, key);
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
                Of::Market(stream) if gone => gateway.hub.fanout.unsubscribe(self.number, *stream),
                Of::Account(account, key) if gone => {
                    let form = Form::ListenKey(Arc::clone(key));
                    gateway.hub.users.unsubscribe(*account, self.number, &form);
                }
                _ => {}
            }
            !gone
        });
    }
}
