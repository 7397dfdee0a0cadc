//! `/api/v3`: requests over HTTP, checked, handed to the engine or asked of the read models.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request};
use axum::response::Response;
use serde_json::json;
use tiercel_types::{AccountId, AssetCode, Event, InstrumentSpec};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::accounts::Key;
use crate::binance::answer::Placed;
use crate::binance::denial::denial;
use crate::binance::order::{OrderName, PlaceOrder, cancel_all};
use crate::binance::rate_limit::OrderCount;
use crate::binance::signature::{Deadline, check_signature};
use crate::binance::{ApiError, Params, questions, view};

use super::gateway::{Events, Gateway, Shared};
use super::{Peer, json_response, now_ms, refusal};

/// Which request, and what it needs.
struct Endpoint {
    method: Method,
    path: &'static str,
    access: Access,
    begin: fn(&mut Call<'_>) -> Result<Work, ApiError>,
    weight: fn(&Params<'_>) -> u32,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    /// The owner of a key that may read.
    Read,
    /// The owner of a key that may trade.
    Trade,
}

/// What is left to do after a request was looked at.
enum Work {
    /// Nothing.
    Done(String),
    /// The engine answers.
    Wait(oneshot::Receiver<Events>, Box<Render>),
}

/// How the engine's events are told.
enum Render {
    Placed { request: PlaceOrder, spec: InstrumentSpec, assets: (AssetCode, AssetCode) },
    Cancelled { account: AccountId, spec: InstrumentSpec, cancel_id: String },
    AllCancelled { account: AccountId, spec: InstrumentSpec, cancel_id: String },
}

/// A request that is being looked at.
struct Call<'c> {
    shared: &'c Shared,
    gateway: &'c mut Gateway,
    params: &'c Params<'c>,
    account: AccountId,
    may_trade: bool,
    now_ms: u64,
    order_count: Option<OrderCount>,
}

const fn one(_: &Params<'_>) -> u32 {
    1
}

macro_rules! endpoints {
    ($($method:ident $path:literal, $access:ident, $weight:expr, $begin:expr;)+) => {
        /// All that there are. Weights are the documented ones.
        static ENDPOINTS: &[Endpoint] = &[$(Endpoint {
            method: Method::$method,
            path: $path,
            access: Access::$access,
            begin: $begin,
            weight: $weight,
        }),+];
    };
}

endpoints! {
    GET "ping", Public, one, |call| call.ask(|call| call.params.finish().map(|()| "{}".to_owned()));
    GET "time", Public, one, |call| call.ask(|call| {
        call.params.finish().map(|()| json!({ "serverTime": call.now_ms }).to_string())
    });
    GET "exchangeInfo", Public, |_| 20, |call| call.ask(|call| {
        let limits = &call.shared.options.limits;
        questions::exchange_info(&call.gateway.models, call.params, limits, call.now_ms)
    });
    GET "depth", Public, questions::depth_weight,
        |call| call.ask(|call| {
            let spec = questions::instrument(&call.gateway.models, call.params)?;
            call.gateway.align_depth(spec.instrument);
            questions::depth(&call.gateway.models, call.params)
        });
    GET "trades", Public, |_| 25,
        |call| call.ask(|call| questions::trades(&call.gateway.models, call.params));
    GET "ticker/bookTicker", Public, questions::ticker_weight,
        |call| call.ask(|call| questions::book_ticker(&call.gateway.models, call.params));
    GET "ticker/price", Public, questions::ticker_weight,
        |call| call.ask(|call| questions::price_ticker(&call.gateway.models, call.params));
    POST "order", Trade, one, |call| call.place();
    POST "order/test", Trade, one, |call| call.test();
    DELETE "order", Trade, one, |call| call.cancel();
    DELETE "openOrders", Trade, one, |call| call.cancel_open_orders();
    GET "order", Read, |_| 4, |call| call.ask(|call| {
        questions::order(&call.gateway.models, call.params, call.account)
    });
    GET "openOrders", Read, questions::open_orders_weight, |call| call.ask(|call| {
        questions::open_orders(&call.gateway.models, call.params, call.account)
    });
    GET "allOrders", Read, |_| 20, |call| call.ask(|call| {
        questions::all_orders(&call.gateway.models, call.params, call.account)
    });
    GET "myTrades", Read, |_| 20, |call| call.ask(|call| {
        questions::my_trades(&call.gateway.models, call.params, call.account)
    });
    GET "account", Read, |_| 20, |call| call.ask(|call| {
        let (account, may_trade) = (call.account, call.may_trade);
        questions::account(&call.gateway.models, call.params, account, may_trade, call.now_ms)
    });
}

/// Serves a request of `/api/v3`.
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
    let path = head.uri.path().strip_prefix("/api/v3/").unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let peer = head.extensions.get::<Peer>().ok_or_else(ApiError::internal)?;
    let address = peer.address.ip();
    let work = look(shared, &head.method, path, (query, body), &head.headers, address, counts)?;
    match work {
        Work::Done(answer) => Ok(answer),
        Work::Wait(events, render) => {
            // The venue failed before the answer came: its outcome is unknown.
            let events = events.await.map_err(|_| ApiError::timeout())?;
            render.tell(shared, &events)
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
) -> Result<Work, ApiError> {
    let now_ms = now_ms();
    let mut gateway = shared.gateway();
    let at_path = || ENDPOINTS.iter().filter(|endpoint| endpoint.path == path);
    let Some(endpoint) = at_path().find(|endpoint| endpoint.method == *method) else {
        counts.weight = Some(gateway.weights.take(address, 1, now_ms)?);
        let known = at_path().next().is_some();
        return Err(if known { ApiError::no_such_method() } else { ApiError::no_such_path() });
    };
    let params = Params::parse(query, body);
    let weight = params.as_ref().map_or(1, |params| (endpoint.weight)(params));
    counts.weight = Some(gateway.weights.take(address, weight, now_ms)?);
    let params = params?;
    let key = match endpoint.access {
        Access::Public => None,
        access => Some(signer(shared, access, headers, (query, body), &params, now_ms)?),
    };
    let mut call = Call {
        shared,
        gateway: &mut gateway,
        params: &params,
        account: key.map_or(AccountId::VENUE, |key| key.account),
        may_trade: key.is_some_and(|key| key.may_trade),
        now_ms,
        order_count: None,
    };
    let work = (endpoint.begin)(&mut call);
    counts.orders = call.order_count;
    work
}

/// Whose request it is: its key, its timestamp, its signature, and whether it may.
fn signer<'s>(
    shared: &'s Shared,
    access: Access,
    headers: &HeaderMap,
    (query, body): (&str, &str),
    params: &Params<'_>,
    now_ms: u64,
) -> Result<&'s Key, ApiError> {
    let api_key = headers.get("x-mbx-apikey").and_then(|value| value.to_str().ok());
    let api_key = api_key.filter(|key| !key.is_empty()).ok_or_else(ApiError::key_format)?;
    let deadline = Deadline::read(params)?;
    let key = shared.keys.get(api_key).ok_or_else(ApiError::key_rejected)?;
    check_signature(&key.verifier, query, body, params)?;
    deadline.check(now_ms)?;
    let may = match access {
        Access::Public => true,
        Access::Read => key.may_read,
        Access::Trade => key.may_trade,
    };
    if may { Ok(key) } else { Err(ApiError::key_rejected()) }
}

impl Call<'_> {
    /// Answers a question from the read models, once all parameters were read.
    fn ask(
        &mut self,
        question: impl FnOnce(&mut Self) -> Result<String, ApiError>,
    ) -> Result<Work, ApiError> {
        question(self).map(Work::Done)
    }

    fn read_order(&mut self) -> Result<(PlaceOrder, InstrumentSpec), ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = self.gateway.generate_name();
        let request = PlaceOrder::read(self.params, &spec, self.account, name)?;
        Ok((request, spec))
    }

    fn place(&mut self) -> Result<Work, ApiError> {
        let (request, spec) = self.read_order()?;
        let assets = questions::assets(&self.gateway.models, &spec)?;
        self.order_count = Some(self.gateway.orders.place(self.account, self.now_ms)?);
        let events = self.gateway.submit(self.account, &[request.command()])?;
        let render = Render::Placed { request, spec, assets };
        Ok(Work::Wait(events, Box::new(render)))
    }

    fn test(&mut self) -> Result<Work, ApiError> {
        self.read_order().map(|_| Work::Done("{}".to_owned()))
    }

    fn cancel(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        let name = OrderName::read(self.params)?;
        let cancel_id = self.cancel_id()?;
        self.params.finish()?;
        let known = questions::find(&self.gateway.models, self.account, name);
        if known.is_some_and(|order| order.instrument != spec.instrument) {
            return Err(ApiError::unknown_order());
        }
        let account = self.account;
        let events = self.gateway.submit(account, &[name.cancel(account)])?;
        let render = Render::Cancelled { account, spec, cancel_id };
        Ok(Work::Wait(events, Box::new(render)))
    }

    fn cancel_open_orders(&mut self) -> Result<Work, ApiError> {
        let spec = questions::instrument(&self.gateway.models, self.params)?;
        self.params.finish()?;
        let cancel_id = self.gateway.generate_name().to_string();
        let account = self.account;
        let events = self.gateway.submit(account, &[cancel_all(account, &spec)])?;
        let render = Render::AllCancelled { account, spec, cancel_id };
        Ok(Work::Wait(events, Box::new(render)))
    }

    /// The name of the request to cancel, which its answer repeats.
    fn cancel_id(&mut self) -> Result<String, ApiError> {
        let given = self.params.client_order_id("newClientOrderId")?;
        Ok(given.unwrap_or_else(|| self.gateway.generate_name()).to_string())
    }
}

impl Render {
    fn tell(self, shared: &Shared, events: &Events) -> Result<String, ApiError> {
        match self {
            Self::Placed { request, spec, assets: (base, quote) } => {
                Placed::fold(events)?.to_json(&request, &spec, base, quote)
            }
            Self::Cancelled { account, spec, cancel_id } => {
                let gateway = shared.gateway();
                let ended = ended(&gateway, account, events)?;
                let order = ended.into_iter().next().ok_or_else(ApiError::internal)?;
                view::cancelled(order, &spec, &cancel_id)
            }
            Self::AllCancelled { account, spec, cancel_id } => {
                let gateway = shared.gateway();
                let ended = ended(&gateway, account, events)?;
                if ended.is_empty() {
                    return Err(ApiError::unknown_order());
                }
                view::all_cancelled(&spec, ended.into_iter(), &cancel_id)
            }
        }
    }
}

/// The orders of the account that a cancel has ended.
///
/// # Errors
/// The engine's denial.
fn ended<'g>(
    gateway: &'g Gateway,
    account: AccountId,
    events: &Events,
) -> Result<Vec<&'g crate::models::OrderView>, ApiError> {
    let mut ended = Vec::new();
    for (header, event) in events {
        match event {
            Event::Denied(denied) => return Err(denial(denied.reason, denied.command)),
            Event::OrderEnded(order) if header.account == account => {
                ended.extend(gateway.models.orders().get(account, order.order_id));
            }
            _ => {}
        }
    }
    Ok(ended)
}
