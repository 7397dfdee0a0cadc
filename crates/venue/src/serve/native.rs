//! `/api/v1`: the native interface over HTTP; its state beside the gateway's.

mod docs;
mod state;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, HeaderValue, Request, header, request};
use axum::response::Response;
use axum::routing::{any, get};
use tiercel_types::{AccountId, DenialReason, Timestamp};
use tokio::time::timeout_at;

use crate::accounts::Key;
use crate::native::auth::{self, Credentials, Signed};
use crate::native::call::Tell;
use crate::native::table::{Access, find};
use crate::native::{Call, Code, Problem, Submit, Work};

use super::gateway::{Gateway, Replied, Shared};
use super::{Peer, json_response, now_ms};

pub(super) use state::State;

/// The routes of the native interface.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1", any(handle))
        .route("/api/v1/", any(handle))
        .route("/api/v1/stream", any(stream::open))
        .route("/api/v1/{*path}", any(handle))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
}

/// Serves a request.
async fn handle(Extracted(shared): Extracted<Arc<Shared>>, request: Request<Body>) -> Response {
    let mut told = Told::default();
    let answer = answer(&shared, request, &mut told).await;
    let mut response = match answer {
        Ok(body) => json_response(200, body),
        Err(problem) => problem_response(&problem),
    };
    told.write(shared.options.limits.weight_1m, response.headers_mut());
    response
}

/// A refusal, as clients read it.
pub(super) fn problem_response(problem: &Problem) -> Response {
    let mut response = json_response(problem.status, problem.to_json());
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if let Some(seconds) = problem.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What headers say beside the answer.
#[derive(Default)]
struct Told {
    /// Request weight that is left, and for how many seconds.
    weight: Option<(u32, u64)>,
    /// The methods that the path has, if the request's is none of them.
    allowed: Vec<&'static str>,
}

impl Told {
    fn write(&self, limit: u32, headers: &mut HeaderMap) {
        if let Some((left, seconds)) = self.weight {
            let policy = format!("\"weight\";q={limit};w=60");
            let now = format!("\"weight\";r={left};t={seconds}");
            for (name, value) in [("ratelimit-policy", policy), ("ratelimit", now)] {
                // Printable throughout: it is a header's value.
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(name, value);
                }
            }
        }
        if let Ok(allowed) = HeaderValue::from_str(&self.allowed.join(", "))
            && !self.allowed.is_empty()
        {
            headers.insert(header::ALLOW, allowed);
        }
    }
}

/// How a request goes on once it was looked at.
enum Next {
    Done(String),
    Wait(Replied, Box<Tell<String>>),
}

async fn answer(
    shared: &Shared,
    request: Request<Body>,
    told: &mut Told,
) -> Result<String, Problem> {
    let until = tokio::time::Instant::now() + shared.options.request_timeout;
    let (head, body) = request.into_parts();
    let body_max = shared.options.body_bytes_max;
    let body = timeout_at(until, to_bytes(body, body_max)).await;
    let body =
        body.map_err(|_late| Problem::new(Code::BodyTimeout, "the body did not come in time"));
    let body = body.and_then(|body| {
        body.map_err(|_too_long_or_broken_off| {
            Problem::new(Code::BodyTooLarge, format!("at most {body_max} bytes are taken"))
        })
    });
    let address = head.extensions.get::<Peer>().ok_or_else(Problem::internal)?.address.ip();
    match look(shared, &head, body, address, told)? {
        Next::Done(answer) => Ok(answer),
        Next::Wait(events, tell) => {
            let unknown = || {
                let detail = "no answer came in time: ask for the order";
                Problem::new(Code::UnknownOutcome, detail)
            };
            let events = timeout_at(until, events).await.map_err(|_late| unknown())?;
            // The venue failed before the answer came.
            let events = events.map_err(|_failed| unknown())?;
            tell(&shared.gateway().models, &events)
        }
    }
}

/// Looks at a request, from its path to its submission, without waiting for anything.
fn look(
    shared: &Shared,
    head: &request::Parts,
    body: Result<Bytes, Problem>,
    address: IpAddr,
    told: &mut Told,
) -> Result<Next, Problem> {
    let now_ms = now_ms();
    let mut gateway = shared.gateway();
    let found = find(head.method.as_str(), head.uri.path());
    let weight = found.as_ref().map_or(1, |(endpoint, _)| endpoint.weight);
    take_weight(&mut gateway, shared, (address, weight), now_ms, told)?;
    let (endpoint, places) = found.map_err(|(problem, allowed)| {
        told.allowed = allowed;
        problem
    })?;
    let body = body?;
    check_media_type(&head.headers, &body)?;
    let key = match endpoint.access {
        Access::Public => None,
        access => Some(signer(shared, &mut gateway, access, head, &body, now_ms)?),
    };
    let Gateway { models, native, .. } = &*gateway;
    let call = Call {
        models,
        signals: &native.signals,
        account: key.as_ref().map_or(AccountId::VENUE, |key| key.account),
        may_trade: key.is_some_and(|key| key.may_trade),
        now: Timestamp(now_ms.saturating_mul(1_000_000)),
        places: &places,
    };
    let account = call.account;
    match (endpoint.begin)(&call, head.uri.query().unwrap_or_default(), &body)? {
        Work::Done(answer) => Ok(Next::Done(answer)),
        Work::Submit(submit) => submit_it(&mut gateway, account, submit, now_ms),
    }
}

/// Counts a request, whatever becomes of it.
fn take_weight(
    gateway: &mut Gateway,
    shared: &Shared,
    (address, weight): (IpAddr, u32),
    now_ms: u64,
    told: &mut Told,
) -> Result<(), Problem> {
    let limit = shared.options.limits.weight_1m;
    let seconds_left = 60 - now_ms / 1_000 % 60;
    match gateway.weights.take(address, weight, now_ms) {
        Ok(used) => {
            told.weight = Some((limit.saturating_sub(used), seconds_left));
            Ok(())
        }
        Err(refused) => {
            told.weight = Some((0, seconds_left));
            let detail = format!("the address has used its request weight of {limit} a minute");
            Err(Problem::new(Code::RateLimited, detail).after(refused.retry_after_s))
        }
    }
}

fn check_media_type(headers: &HeaderMap, body: &Bytes) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = given.split(|byte| *byte == b';').next().unwrap_or_default();
    if body.is_empty() || essence.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    let detail = "the body has to be declared as application/json";
    Err(Problem::new(Code::UnsupportedMediaType, detail).of_field("content-type"))
}

/// What a request shows who it is by.
fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Credentials {
        key: text(auth::KEY),
        timestamp: text(auth::TIMESTAMP),
        window: text(auth::WINDOW),
        signature: text(auth::SIGNATURE),
    }
}

/// Whose request it is, and whether it may. What changes something is taken once.
fn signer(
    shared: &Shared,
    gateway: &mut Gateway,
    access: Access,
    head: &request::Parts,
    body: &[u8],
    now_ms: u64,
) -> Result<Arc<Key>, Problem> {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let signed = Signed { method: head.method.as_str(), target, body };
    let signer = credentials(&head.headers).check(&shared.keys, signed, now_ms)?;
    let may = match access {
        Access::Public => true,
        Access::Read => signer.key.may_read,
        Access::Trade => signer.key.may_trade,
    };
    if !may {
        return Err(
            Problem::new(Code::KeyNotAllowed, "the key may not do this").of_field(auth::KEY)
        );
    }
    if access == Access::Trade {
        gateway.native.replays.take(&signer, now_ms)?;
    }
    Ok(signer.key)
}

/// Hands commands in.
fn submit_it(
    gateway: &mut Gateway,
    account: AccountId,
    submit: Submit<String>,
    now_ms: u64,
) -> Result<Next, Problem> {
    let Submit { commands, orders, name, tell } = submit;
    let name = name.map(|name| (account, name));
    if name.is_some_and(|name| gateway.native.is_on_its_way(name)) {
        let detail = "a request with this client order id is on its way: ask again";
        return Err(Problem::new(Code::RequestInProgress, detail).after(1));
    }
    gateway.check_open_orders(account, &commands).map_err(|limit| {
        let detail =
            format!("the account has as many orders open on the instrument as {limit} says");
        Problem::with(422, DenialReason::TooManyOpenOrders.as_str(), detail)
    })?;
    for _ in 0..orders {
        gateway.orders.place(account, now_ms).map_err(|refused| {
            let detail = "the account has placed as many unfilled orders as it may";
            Problem::new(Code::TooManyOrders, detail).after(refused.retry_after_s)
        })?;
    }
    let ticket = gateway.submit(account, &commands)?;
    if let Some(name) = name {
        gateway.native.begin(ticket.0, name);
    }
    Ok(Next::Wait(gateway.reply_to(ticket), tell))
}
