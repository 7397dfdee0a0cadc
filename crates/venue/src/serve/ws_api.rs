//! `/ws-api/v3`: calls over `WebSocket`, sessions, and subscriptions to user data.
//!
//! ```text
//!   text --> WsRequest --> session, subscriptions: here
//!                     \--> CALLS --> Work::Done ---------------------> queue --> client
//!                                \-> Work::Wait .. durable events ..> queue
//! ```
//!
//! Hot path: `order.place`. The engine's answer is written into the connection's queue where its
//! last event is folded: between the two no task wakes. Several requests of a connection may be
//! under way at once, and each is answered when it is done; all that a client is told goes through
//! its one queue, so that events and answers come in the order in which they happened.
//!
//! | bound | what happens there |
//! |---|---|
//! | [`UNDER_WAY_MAX`] requests under way | the client's next words wait in its socket |
//! | 64 KiB of a message | the connection ends with 1009 |
//! | the queue | the client is cut off, and told so |

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Value, json};

use crate::accounts::Key;
use crate::binance::signature::{Deadline, Verifier, check_sorted_signature};
use crate::binance::user_data::event_stream_terminated;
use crate::binance::ws_request::{Usage, WsRequest};
use crate::binance::{ApiError, Params};

use super::calls::{Access, CALLS, Call, Calling, Work};
use super::connection::{self, Speaker};
use super::gateway::{Answering, Gateway, Shared};
use super::queues::{ConnectionId, Message, Speaks};
use super::user_streams::Form;
use super::{Peer, now_ms, refusal};

/// Requests of a connection that are under way at once, at most.
const UNDER_WAY_MAX: usize = 256;
/// The weight of a new connection.
const CONNECT_WEIGHT: u32 = 2;
/// The weight of what is asked of the connection itself.
const SESSION_WEIGHT: u32 = 2;

/// `/ws-api/v3`, or `/ws-api/v3?returnRateLimits=false`.
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let address = peer.address.ip();
    if let Err(error) = shared.gateway().weights.take(address, CONNECT_WEIGHT, now_ms()) {
        return refusal(&error);
    }
    let hides = |query: &str| query.split('&').any(|pair| pair == "returnRateLimits=false");
    let shows_limits = !query.as_deref().is_some_and(hides);
    connection::open(shared, peer.clone(), upgrade, Speaks::WsApi, move |shared, number| Client {
        shared: Arc::clone(shared),
        peer,
        number,
        shows_limits,
        connected_ms: now_ms(),
        session: None,
        subscriptions: Vec::new(),
        next_subscription: 0,
        under_way: 0,
    })
}

/// Who has logged on. Once the key is taken back nothing is asked by it any more.
struct Session {
    api_key: Box<str>,
    key: Arc<Key>,
    since_ms: u64,
}

/// An account that the connection is told of.
struct Subscription {
    id: u32,
    /// Whose, and as long as it is good.
    key: Arc<Key>,
    /// It ends with the session.
    of_session: bool,
}

/// One connection.
struct Client {
    shared: Arc<Shared>,
    peer: Peer,
    number: ConnectionId,
    shows_limits: bool,
    connected_ms: u64,
    session: Option<Session>,
    subscriptions: Vec<Subscription>,
    next_subscription: u32,
    /// Requests that are not answered yet.
    under_way: usize,
}

/// What a request is, as far as its answer needs to know.
struct Asked {
    shows_limits: bool,
    usage: Usage,
}

impl Speaker for Client {
    fn hears(&self) -> bool {
        self.under_way < UNDER_WAY_MAX
    }

    fn tell(&mut self, message: Message) -> Utf8Bytes {
        match message {
            Message::Answer(text) => {
                self.under_way -= 1;
                text
            }
            Message::Text(text) | Message::Stream { raw: text, .. } => text,
        }
    }

    /// Answers a request, or has it answered later: both through the queue.
    fn hear(&mut self, text: &str) -> Option<Utf8Bytes> {
        // What of them was told that it is over.
        self.subscriptions.retain(|one| !one.key.is_revoked());
        self.request(text);
        None
    }
}

impl Client {
    fn request(&mut self, text: &str) {
        self.under_way += 1;
        let now_ms = now_ms();
        let shared = Arc::clone(&self.shared);
        let mut gateway = shared.gateway();
        let mut asked =
            Asked { shows_limits: self.shows_limits, usage: Usage { weight: 0, orders: None } };
        let (id, work) = match WsRequest::read(text) {
            Ok(request) => {
                let id = request.id;
                (id, self.look(&shared, &mut gateway, request, now_ms, &mut asked))
            }
            Err((id, error)) => {
                (id, self.weigh(&mut gateway, 1, now_ms, &mut asked).and(Err(error)))
            }
        };
        let usage = Some(asked.usage).filter(|_| asked.shows_limits);
        match work {
            Ok(Work::Done(result)) => gateway.answer(self.number, id, usage, Ok(&result)),
            Ok(Work::Wait(ticket, tell)) => {
                let answering = Answering { connection: self.number, id: id.into(), tell, usage };
                let deadline = Instant::now() + shared.options.request_timeout;
                gateway.answer_later(ticket, answering, deadline);
            }
            Err(error) => gateway.answer(self.number, id, usage, Err(&error)),
        }
    }

    /// Counts a request.
    fn weigh(
        &self,
        gateway: &mut Gateway,
        weight: u32,
        now_ms: u64,
        asked: &mut Asked,
    ) -> Result<(), ApiError> {
        let taken = gateway.weights.take(self.peer.address.ip(), weight, now_ms);
        // One that is refused has used all that there is.
        asked.usage.weight =
            taken.as_ref().copied().unwrap_or(self.shared.options.limits.weight_1m);
        taken.map(drop)
    }

    /// Looks at a request, up to its submission.
    fn look(
        &mut self,
        shared: &Shared,
        gateway: &mut Gateway,
        request: WsRequest<'_>,
        now_ms: u64,
        asked: &mut Asked,
    ) -> Result<Work, ApiError> {
        let params = Params::of(request.params);
        let method = &*request.method;
        let calling = CALLS.iter().find(|calling| calling.name == method && !method.is_empty());
        let weight = match (&params, calling) {
            (Ok(params), Some(calling)) => (calling.weight)(params),
            (_, None) => SESSION_WEIGHT,
            (Err(_), _) => 1,
        };
        self.weigh(gateway, weight, now_ms, asked)?;
        let params = params?;
        if let Some(shows) = params.boolean("returnRateLimits")? {
            asked.shows_limits = shows;
        }
        match calling {
            Some(calling) => self.call(shared, gateway, calling, &params, now_ms, asked),
            None => self
                .of_connection(gateway, method, &params, now_ms)
                .map(|result| Work::Done(result.to_string())),
        }
    }

    fn call(
        &self,
        shared: &Shared,
        gateway: &mut Gateway,
        calling: &Calling,
        params: &Params<'_>,
        now_ms: u64,
        asked: &mut Asked,
    ) -> Result<Work, ApiError> {
        let key = match calling.access {
            Access::Public => {
                // Some clients name their key with each request.
                params.has("apiKey");
                None
            }
            access => Some(self.signer(shared, access, params, now_ms)?),
        };
        let mut call = Call::new(shared, gateway, params, key.as_ref(), now_ms);
        let work = (calling.begin)(&mut call);
        asked.usage.orders = call.order_count;
        work
    }

    /// Whose request it is: that of the key that signed it, or else of the session.
    fn signer(
        &self,
        shared: &Shared,
        access: Access,
        params: &Params<'_>,
        now_ms: u64,
    ) -> Result<Arc<Key>, ApiError> {
        let named = params.text("apiKey")?;
        let own = self.session.as_ref().map(|session| &*session.api_key);
        let api_key = named.or(own).ok_or_else(|| ApiError::mandatory("apiKey"))?;
        if access == Access::Key {
            let key = shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
            return access.check(&key).map(|()| key);
        }
        let deadline = Deadline::read(params)?;
        let key = shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
        let of_session = self.session.as_ref().is_some_and(|own| Arc::ptr_eq(&own.key, &key));
        if !of_session || params.has("signature") {
            check_sorted_signature(&key.verifier, params)?;
        }
        deadline.check(now_ms)?;
        access.check(&key).map(|()| key)
    }

    /// What is asked of the connection itself.
    fn of_connection(
        &mut self,
        gateway: &mut Gateway,
        method: &str,
        params: &Params<'_>,
        now_ms: u64,
    ) -> Result<Value, ApiError> {
        match method {
            "session.logon" => {
                self.log_on(params, now_ms)?;
                Ok(self.session_status(now_ms))
            }
            "session.status" => {
                params.finish()?;
                Ok(self.session_status(now_ms))
            }
            "session.logout" => {
                params.finish()?;
                self.session = None;
                self.end_subscriptions(gateway, now_ms, |one| one.of_session);
                Ok(self.session_status(now_ms))
            }
            "session.subscriptions" => {
                params.finish()?;
                let id = |one: &Subscription| json!({ "subscriptionId": one.id });
                Ok(self.subscriptions.iter().map(id).collect())
            }
            "userDataStream.subscribe" => {
                params.finish()?;
                let session = self.session.as_ref().ok_or_else(ApiError::unauthorized)?;
                let key = Arc::clone(&session.key);
                if key.is_revoked() {
                    return Err(ApiError::key_rejected());
                }
                Access::Key.check(&key)?;
                self.subscribe(gateway, key, true)
            }
            "userDataStream.subscribe.signature" => {
                params.mandatory("apiKey")?;
                params.mandatory("signature")?;
                let shared = Arc::clone(&self.shared);
                let key = self.signer(&shared, Access::Read, params, now_ms)?;
                params.finish()?;
                self.subscribe(gateway, key, false)
            }
            "userDataStream.unsubscribe" => {
                let id = params.integer("subscriptionId")?;
                params.finish()?;
                let is_it = |one: &Subscription| id.is_none_or(|id| u64::from(one.id) == id);
                if id.is_some() && !self.subscriptions.iter().any(is_it) {
                    return Err(ApiError::subscription_inactive());
                }
                self.end_subscriptions(gateway, now_ms, is_it);
                Ok(json!({}))
            }
            _ => Err(ApiError::no_such_path()),
        }
    }

    fn log_on(&mut self, params: &Params<'_>, now_ms: u64) -> Result<(), ApiError> {
        let api_key = params.mandatory("apiKey")?;
        let deadline = Deadline::read(params)?;
        let key = self.shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
        if !matches!(key.verifier, Verifier::Ed25519(_)) {
            return Err(ApiError::not_for_logon());
        }
        check_sorted_signature(&key.verifier, params)?;
        deadline.check(now_ms)?;
        params.finish()?;
        self.session = Some(Session { api_key: api_key.into(), key, since_ms: now_ms });
        Ok(())
    }

    fn session_status(&self, now_ms: u64) -> Value {
        let session = self.session.as_ref().filter(|session| !session.key.is_revoked());
        json!({
            "apiKey": session.map(|session| &*session.api_key),
            "authorizedSince": session.map(|session| session.since_ms),
            "connectedSince": self.connected_ms,
            "returnRateLimits": self.shows_limits,
            "serverTime": now_ms,
            "userDataStream": !self.subscriptions.is_empty(),
        })
    }

    fn subscribe(
        &mut self,
        gateway: &mut Gateway,
        key: Arc<Key>,
        of_session: bool,
    ) -> Result<Value, ApiError> {
        if self.subscriptions.iter().any(|one| one.key.account == key.account) {
            return Err(ApiError::subscription_active());
        }
        let id = self.next_subscription;
        self.next_subscription += 1;
        gateway.hub.users.subscribe(&key, self.number, id);
        self.subscriptions.push(Subscription { id, key, of_session });
        Ok(json!({ "subscriptionId": id }))
    }

    /// Ends subscriptions: each hears so, and then nothing more.
    fn end_subscriptions(
        &mut self,
        gateway: &mut Gateway,
        now_ms: u64,
        is_it: impl Fn(&Subscription) -> bool,
    ) {
        for one in self.subscriptions.extract_if(.., |one| is_it(one)) {
            let form = Form::Subscription(one.id);
            gateway.hub.users.unsubscribe(one.key.account, self.number, &form);
            let end = form.message(&event_stream_terminated(now_ms));
            gateway.hub.queues().push(self.number, end);
        }
    }
}
