//! `/api/v1/stream`: everything that the native interface tells, over one `WebSocket`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as Extracted;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use crate::accounts::Key;
use crate::native::auth::{self, Credentials, Signed};
use crate::native::scalar::OpWord;
use crate::native::stream::{
    CHANNELS_MAX, Channel, ChannelName, StreamRequest, TARGET, done, refused,
};
use crate::native::{Code, Problem};

use super::super::connection::{Connection, End, Next};
use super::super::gateway::Shared;
use super::super::{Peer, now_ms};
use super::{credentials, problem_response};

/// The largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;
/// The most messages of a client in a second.
const MESSAGES_A_SECOND: u32 = 50;

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
    upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX).on_upgrade(
        async move |socket| {
            let (number, messages) = shared.gateway().native.fanout.connect();
            let lifetime = shared.options.connection_lifetime;
            let connection = Connection::new(socket, messages, shared.status.clone(), lifetime);
            let mut client = Client { shared, number, key, channels: Vec::new(), heard: (0, 0) };
            client.run(connection).await;
            client.shared.gateway().native.fanout.disconnect(number);
            drop(peer);
        },
    )
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

/// One connection.
struct Client {
    shared: Arc<Shared>,
    number: u64,
    /// Whose it is.
    key: Option<Arc<Key>>,
    channels: Vec<Channel>,
    /// The second of the connection that it last spoke in, and how often.
    heard: (u64, u32),
}

impl Client {
    async fn run(&mut self, mut connection: Connection<Utf8Bytes>) {
        let end = loop {
            if let Err(end) = self.turn(&mut connection).await {
                break end;
            }
        };
        connection.end(end).await;
    }

    async fn turn(&mut self, connection: &mut Connection<Utf8Bytes>) -> Result<(), End> {
        match connection.next(true).await? {
            Next::Message(message) => {
                self.check_key()?;
                connection.tell(message).await
            }
            Next::Text(text) => {
                self.count(connection)?;
                self.check_key()?;
                connection.tell(self.answer(&text).into()).await
            }
            Next::Ping => self.count(connection),
        }
    }

    /// Ends the connection if what its key was good for is over.
    fn check_key(&self) -> Result<(), End> {
        if self.key.as_ref().is_some_and(|key| key.is_revoked()) {
            return Err(End::Closed(close_code::POLICY, "the key was taken back"));
        }
        Ok(())
    }

    /// Counts a message of the client.
    fn count(&mut self, connection: &Connection<Utf8Bytes>) -> Result<(), End> {
        let second = connection.begun().elapsed().as_secs();
        let (last, count) = self.heard;
        self.heard = (second, if second == last { count + 1 } else { 1 });
        if self.heard.1 > MESSAGES_A_SECOND {
            return Err(End::Closed(close_code::POLICY, "too many requests"));
        }
        Ok(())
    }

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
                if self.key.as_ref().is_some_and(|known| known.account != key.account) {
                    let detail = "the connection belongs to another account";
                    return Err(Problem::new(Code::KeyNotAllowed, detail).of_field("/key"));
                }
                self.key = Some(key);
            }
            OpWord::List | OpWord::Ping => {}
        }
        let gateway = self.shared.gateway();
        Ok(self.channels.iter().map(|channel| channel.name(&gateway.models)).collect())
    }

    fn resolve(&self, request: &StreamRequest) -> Result<Vec<Channel>, Problem> {
        let gateway = self.shared.gateway();
        let names = request.channels()?.iter().enumerate();
        let account = self.key.as_ref().map(|key| key.account);
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
        if self.channels.len() + new.len() > CHANNELS_MAX {
            let detail = format!("a connection has at most {CHANNELS_MAX} channels");
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
