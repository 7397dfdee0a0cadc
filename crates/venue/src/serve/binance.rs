//! `/api/v3`, and what is served of `/sapi`: calls over HTTP.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use tokio::time::timeout;

use crate::accounts::Key;
use crate::binance::rate_limit::OrderCount;
use crate::binance::signature::{Deadline, check_signature};
use crate::binance::{ApiError, Params};

use super::calls::{Access, CALLS, Call, Tell, Work};
use super::gateway::{Gateway, Replied, Shared};
use super::{Peer, json_response, now_ms, refusal};

/// Serves a request.
pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let mut counts = Counts::default();
    let answer = timeout(shared.options.request_timeout, answer(&shared, request, &mut counts));
    let answer = answer.await.unwrap_or_else(|_late| Err(ApiError::timeout()));
    let mut response = match answer {
        Ok(body) => json_response(200, body),
        Err(error) => refusal(&error),
    };
    counts.write(response.headers_mut());
    response
}

/// What a client has used, told with every answer.
#[derive(Default)]
struct Counts {
    weight: Option<u32>,
    orders: Option<OrderCount>,
}

impl Counts {
    fn write(&self, headers: &mut HeaderMap) {
        if let Some(weight) = self.weight {
            headers.insert("x-mbx-used-weight", weight.into());
            headers.insert("x-mbx-used-weight-1m", weight.into());
        }
        if let Some(orders) = self.orders {
            headers.insert("x-mbx-order-count-10s", orders.ten_seconds.into());
            headers.insert("x-mbx-order-count-1d", orders.day.into());
        }
    }
}

/// How a request goes on once it was looked at.
enum Next {
    Done(String),
    Wait(Replied, Tell),
}

async fn answer(
    shared: &Shared,
    request: Request<Body>,
    counts: &mut Counts,
) -> Result<String, ApiError> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, shared.options.body_bytes_max)
        .await
        .map_err(|_too_long_or_broken_off| ApiError::too_large())?;
    let body = std::str::from_utf8(&body)
        .map_err(|_| ApiError::new(-1100, "Illegal characters found in a parameter."))?;
    let path = head.uri.path();
    let path = path.strip_prefix("/api/v3/").unwrap_or(path);
    let query = head.uri.query().unwrap_or_default();
    let peer = head.extensions.get::<Peer>().ok_or_else(ApiError::internal)?;
    let address = peer.address.ip();
    let mut next = look(shared, &head.method, path, (query, body), &head.headers, address, counts)?;
    loop {
        match next {
            Next::Done(answer) => return Ok(answer),
            Next::Wait(events, tell) => {
                // The venue failed before the answer came: its outcome is unknown.
                let events = events.await.map_err(|_| ApiError::timeout())?;
                let mut gateway = shared.gateway();
                let began = gateway.metrics.now();
                let work = tell(&mut gateway, &events);
                gateway.metrics.encode.record_since(began);
                let work = work?;
                next = Next::of(work, &mut gateway);
            }
        }
    }
}

impl Next {
    fn of(work: Work, gateway: &mut Gateway) -> Self {
        match work {
            Work::Done(answer) => Self::Done(answer),
            Work::Wait(ticket, tell) => Self::Wait(gateway.reply_to(ticket), tell),
        }
    }
}

/// Looks at a request, from its path to its submission, without waiting for anything.
fn look(
    shared: &Shared,
    method: &Method,
    path: &str,
    (query, body): (&str, &str),
    headers: &HeaderMap,
    address: IpAddr,
    counts: &mut Counts,
) -> Result<Next, ApiError> {
    let now_ms = now_ms();
    let mut gateway = shared.gateway();
    let began = gateway.metrics.now();
    let at_path = || CALLS.iter().filter(|calling| calling.http.1 == path);
    let Some(calling) = at_path().find(|calling| calling.http.0 == *method) else {
        counts.weight = Some(gateway.weights.take(address, 1, now_ms)?);
        let known = at_path().next().is_some();
        return Err(if known { ApiError::no_such_method() } else { ApiError::no_such_path() });
    };
    let params = Params::parse(query, body);
    let weight = params.as_ref().map_or(1, |params| (calling.weight)(params));
    counts.weight = Some(gateway.weights.take(address, weight, now_ms)?);
    let params = params?;
    let key = match calling.access {
        Access::Public => None,
        access => Some(signer(shared, access, headers, (query, body), &params, now_ms)?),
    };
    gateway.request_began = Some(began);
    let mut call = Call::new(shared, &mut gateway, &params, key.as_ref(), now_ms);
    let work = (calling.begin)(&mut call);
    counts.orders = call.order_count;
    gateway.request_began = None;
    Ok(Next::of(work?, &mut gateway))
}

/// Whose request it is: its key, its timestamp, its signature, and whether it may.
fn signer(
    shared: &Shared,
    access: Access,
    headers: &HeaderMap,
    (query, body): (&str, &str),
    params: &Params<'_>,
    now_ms: u64,
) -> Result<Arc<Key>, ApiError> {
    let api_key = headers.get("x-mbx-apikey").and_then(|value| value.to_str().ok());
    let api_key = api_key.filter(|key| !key.is_empty()).ok_or_else(ApiError::key_format)?;
    if access == Access::Key {
        let key = shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
        return access.check(&key).map(|()| key);
    }
    let deadline = Deadline::read(params)?;
    let key = shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
    check_signature(&key.verifier, query, body, params)?;
    deadline.check(now_ms)?;
    access.check(&key).map(|()| key)
}
