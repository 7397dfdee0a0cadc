//! The thin shell: sockets in front of the pure gateways, on one thread.
//!
//! ```text
//!   connections (hyper, axum) --> endpoints --> Gateway: read models, limits --> Submitter
//!                                    ^              ^
//!                                    |   answers    |
//!                                    +--------------+---- Deliveries (durable events)
//! ```
//!
//! [`serve`] runs an event loop on the thread that calls it. That thread alone folds the read
//! models and asks them, so that whoever was answered finds its order in every later answer.
//!
//! | bound | what happens there |
//! |---|---|
//! | connections | the next waits in the system's queue until one ends |
//! | head of a request, idle connection | closed after `header_timeout` |
//! | body of a request | 413, -1101 |
//! | request as a whole | 504, -1007 after `request_timeout`: the outcome is unknown |
//! | request weight, unfilled orders | 429, -1003 or -1015 |
//! | a WebSocket's queue | the client is cut off, and told so if it still reads |
//! | command ring | 503, -1008: nothing was taken; cancels have room of their own |
//!
//! Architecture Invariant: nothing here decides what a request means; that is
//! [`binance`](crate::binance). An account is the one of the key that signed, never one that a
//! request names.

mod binance;
mod calls;
mod connection;
mod fanout;
mod gateway;
mod hub;
mod monitor;
mod native;
mod queues;
mod stream;
mod user_streams;
mod ws_api;

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tiercel_telemetry::Registry;
use tokio::net::{TcpListener as TokioListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::accounts::Keys;
use crate::binance::ApiError;
use crate::binance::rate_limit::RateLimits;
use crate::binance::stream::Cadence;
use crate::models::Models;
use crate::pipeline::{Deliveries, Handle};

use gateway::{Gateway, Shared};

/// Events folded before connections have their turn.
const EVENTS_A_TURN: usize = 512;
/// Between two diffs of a fast depth stream.
const DEPTH_BEAT: Duration = Duration::from_millis(100);
/// How many of them there are between two diffs of a slow one.
const BEATS_A_SECOND: u32 = 10;
/// How long connections may take to finish once the venue stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// How the shell is bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Connections at once.
    pub connections_max: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// How long the head of a request may take to come, from the end of the one before.
    pub header_timeout: Duration,
    /// How long a request may take, from its head to its answer.
    pub request_timeout: Duration,
    /// How long a WebSocket connection may last.
    pub connection_lifetime: Duration,
    /// What clients may ask.
    pub limits: RateLimits,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            body_bytes_max: 16 * 1_024,
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            connection_lifetime: Duration::from_hours(24),
            limits: RateLimits::default(),
        }
    }
}

/// Whose connection a request came on.
#[derive(Clone, Debug)]
struct Peer {
    address: SocketAddr,
    /// Kept by whatever goes on on the connection, a WebSocket too.
    place: Arc<Place>,
}

/// A connection's place among all that there may be. Its end tells the loop that it is gone.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    stopped: watch::Receiver<()>,
}

/// Serves the venue behind `handle` on `listener`, until the venue stops or fails: then what has
/// come is answered, and connections are closed. `models` are those of all events before the
/// handle's first.
///
/// # Errors
/// When the event loop cannot start, or a metric's name is taken in `registry`.
pub fn serve(
    listener: TcpListener,
    options: ServeOptions,
    keys: Keys,
    handle: Handle,
    models: Models,
    registry: &Registry,
) -> io::Result<()> {
    let status = handle.status();
    let Handle { submitter, deliveries } = handle;
    let gateway = Gateway::new(submitter, models, &options, registry)?;
    let shared = Arc::new(Shared::new(gateway, options, keys, status, registry.clone()));
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TokioListener::from_std(listener)?;
        let (stop, stopped) = watch::channel(());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared), stopped));
        fold(deliveries, &shared).await;
        // Tells connections, and waits until all of them have dropped their end.
        stop.send_replace(());
        accepting.abort();
        // Those that take longer are cut off with the loop.
        let _all_gone = timeout(GOODBYE, stop.closed()).await;
        Ok(())
    })
}

/// Folds events as they come, until none will come any more, and sends depth streams their diffs.
async fn fold(mut deliveries: Deliveries, shared: &Shared) {
    let mut beats = interval(DEPTH_BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = 0_u32;
    loop {
        tokio::select! {
            () = poll_fn(|context| deliveries.poll_ready(context)) => {
                let mut gateway = shared.gateway();
                if deliveries.poll(EVENTS_A_TURN, |delivery| gateway.take(delivery)).is_err() {
                    gateway.abandon();
                    return;
                }
            }
            _ = beats.tick() => {
                beat = beat.wrapping_add(1);
                let mut gateway = shared.gateway();
                gateway.expire(Instant::now());
                gateway.tell_depths(Cadence::Fast);
                if beat.is_multiple_of(BEATS_A_SECOND) {
                    gateway.tell_depths(Cadence::Slow);
                }
                gateway.tell_beat(beat);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Takes connections, as many at once as there may be.
async fn accept(listener: TokioListener, shared: Arc<Shared>, stopped: watch::Receiver<()>) {
    let places = Arc::new(Semaphore::new(shared.options.connections_max));
    let router = router(&shared);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(shared.options.header_timeout);
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, address)) = listener.accept().await else {
            // A connection that ended before it was taken, or no descriptor left: try again.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let place = Arc::new(Place { _permit: permit, stopped: stopped.clone() });
        let (http, router) = (http.clone(), router.clone());
        tokio::spawn(async move {
            connection(&http, stream, Peer { address, place }, router).await;
        });
    }
}

/// Serves one connection until it ends, or the venue stops.
async fn connection(http: &http1::Builder, stream: TcpStream, peer: Peer, router: Router) {
    let mut stopped = peer.place.stopped.clone();
    // Answers are small: none waits for another. A socket that refuses this still works.
    let _nodelay = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    // A client that breaks off or says no HTTP has ended its own connection: nothing to tell.
    tokio::select! {
        _ended = connection.as_mut() => return,
        _stopped = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ended = connection.await;
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .merge(native::routes())
        .route("/api/v3/{*path}", any(binance::handle))
        .route("/ws-api/v3", get(ws_api::open))
        .route("/ws", get(stream::bare))
        .route("/ws/{*names}", get(stream::named))
        .route("/stream", get(stream::combined))
        .route("/stream/{*names}", get(stream::combined))
        .route("/health/live", get(monitor::live))
        .route("/health/ready", get(monitor::ready))
        .route("/metrics", get(monitor::metrics))
        .fallback(async || refusal(&ApiError::no_such_path()))
        .method_not_allowed_fallback(async || refusal(&ApiError::no_such_method()))
        .with_state(Arc::clone(shared))
}

/// Milliseconds since the epoch, by the system's clock.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An answer in JSON.
fn json_response(status: u16, body: String) -> Response {
    let mut response = Body::from(body).into_response();
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// A refusal, as clients read it.
fn refusal(error: &ApiError) -> Response {
    let mut response = json_response(error.status, error.to_json());
    if error.retry_after_s > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, error.retry_after_s.into());
    }
    response
}
