//! `/api/v1/stream`: everything that the native interface tells, over one `WebSocket`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Extracted;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use crate::accounts::Key;
use crate::native::auth::{self, Credentials, Signed};
use crate::native::scalar::OpWord;
use crate::native::stream::{Channel, ChannelName, StreamRequest, TARGET, done, refused};
use crate::native::{Code, Problem};

use super::super::connection::{self, Speaker};
use super::super::gateway::Shared;
use super::super::queues::{ConnectionId, Message, Speaks};
use super::super::{Peer, now_ms};
use super::{credentials, problem_response};

/// Opens a connection, for the owner of a key if its headers are signed.
pub(super) async fn open(
    Extracted(shared): Extracted<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let problem = Problem::new(Code::UpgradeRequired, "this is the path of a WebSocket");
        let mut response = problem_response(&problem);
        let websocket = header::HeaderValue::from_static("websocket");
        response.headers_mut().insert(header::UPGRADE, websocket);
        return response;
    };
    let signed = headers.contains_key(auth::KEY);
    let key = match signed.then(|| authenticate(&shared, &credentials(&headers))) {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(problem)) => return problem_response(&problem),
    };
    connection::open(shared, peer, upgrade, Speaks::Native, move |shared, number| {
        if let Some(key) = key {
            shared.gateway().native.sign(number, key);
        }
        Client { shared: Arc::clone(shared), number, channels: Vec::new() }
    })
}

/// Whose key signed the stream's own request.
fn authenticate(shared: &Shared, credentials: &Credentials<'_>) -> Result<Arc<Key>, Problem> {
    let signed = Signed { method: "GET", target: TARGET, body: b"" };
    let signer = credentials.check(&shared.keys, signed, now_ms())?;
    if !signer.key.may_read {
        return Err(Problem::new(Code::KeyNotAllowed, "the key may not read").of_field(auth::KEY));
    }
    Ok(signer.key)
}

/// One connection. Whose it is stands in the native interface's state.
struct Client {
    shared: Arc<Shared>,
    number: ConnectionId,
    channels: Vec<Channel>,
}

impl Speaker for Client {
    fn tell(&mut self, message: Message) -> Utf8Bytes {
        match message {
            Message::Text(text) | Message::Answer(text) | Message::Stream { raw: text, .. } => text,
        }
    }

    fn hear(&mut self, text: &str) -> Option<Utf8Bytes> {
        Some(self.answer(text).into())
    }
}

impl Client {
    fn answer(&mut self, text: &str) -> String {
        match StreamRequest::read(text) {
            Ok(request) => match self.act(&request) {
                Ok(channels) => done(&request, channels),
                Err(problem) => refused(request.id, &problem),
            },
            Err(problem) => refused(None, &problem),
        }
    }

    /// Does what is asked, all of it or nothing; the channels that the connection is told of then.
    fn act(&mut self, request: &StreamRequest) -> Result<Vec<ChannelName>, Problem> {
        match request.op.0 {
            OpWord::Subscribe => self.subscribe(request)?,
            OpWord::Unsubscribe => {
                let gone = self.resolve(request)?;
                let mut gateway = self.shared.gateway();
                for channel in &gone {
                    gateway.native.fanout.unsubscribe(self.number, *channel);
                }
                self.channels.retain(|channel| !gone.contains(channel));
            }
            OpWord::Authenticate => {
                let key = authenticate(&self.shared, &request.credentials())?;
                let native = &mut self.shared.gateway().native;
                if native.key_of(self.number).is_some_and(|known| known.account != key.account) {
                    let detail = "the connection belongs to another account";
                    return Err(Problem::new(Code::KeyNotAllowed, detail).of_field("/key"));
                }
                native.sign(self.number, key);
            }
            OpWord::List | OpWord::Ping => {}
        }
        let gateway = self.shared.gateway();
        Ok(self.channels.iter().map(|channel| channel.name(&gateway.models)).collect())
    }

    fn resolve(&self, request: &StreamRequest) -> Result<Vec<Channel>, Problem> {
        let gateway = self.shared.gateway();
        let names = request.channels()?.iter().enumerate();
        let account = gateway.native.key_of(self.number).map(|key| key.account);
        let resolve = |(at, name): (usize, &ChannelName)| {
            name.resolve(&gateway.models, account, &format!("/channels/{at}"))
        };
        names.map(resolve).collect()
    }

    fn subscribe(&mut self, request: &StreamRequest) -> Result<(), Problem> {
        let mut new = self.resolve(request)?;
        new.sort_unstable();
        new.dedup();
        new.retain(|channel| !self.channels.contains(channel));
        let most = self.shared.options.native_channels_max;
        if self.channels.len() + new.len() > most {
            let detail = format!("a connection has at most {most} channels");
            return Err(Problem::new(Code::InvalidField, detail).of_field("/channels"));
        }
        let mut gateway = self.shared.gateway();
        let super::Gateway { models, native, .. } = &mut *gateway;
        for channel in &new {
            native.subscribe(models, self.number, *channel);
        }
        self.channels.extend(new);
        Ok(())
    }
}
