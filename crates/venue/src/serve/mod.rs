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
//! | connections of an address | the next is closed at once |
//! | TLS handshake, head of a request, idle connection | closed after `header_timeout` |
//! | an answer that its client does not take | closed after `send_timeout` |
//! | body of a request | 413, -1101 |
//! | request as a whole | 504, -1007 after `request_timeout`: the outcome is unknown |
//! | request weight, unfilled orders | 429, -1003 or -1015; who asks on all the same is banned: 418 |
//! | a WebSocket's queue | the client is cut off, and told so if it still reads |
//! | command ring | 503, -1008: nothing was taken; cancels have room of their own |
//!
//! Architecture Invariant: nothing here decides what a request means; that is
//! [`binance`](crate::binance). An account is the one of the key that signed, never one that a
//! request names.

mod admin;
mod binance;
mod binary;
mod calls;
mod connection;
mod cors;
mod fanout;
mod fix;
mod framings;
mod gateway;
mod hub;
mod listen;
pub(crate) mod metrics;
mod monitor;
mod native;
mod paced;
mod queues;
mod shares;
mod stream;
mod tls;
mod user_streams;
mod ws_api;

use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tiercel_telemetry::Registry;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::info;

use crate::accounts::Keys;
use crate::binance::ApiError;
use crate::binance::rate_limit::{OrderLimiter, RateLimits};
use crate::binance::stream::{Cadence, STREAMS_MAX};
use crate::models::Models;
use crate::native::stream::CHANNELS_MAX;
use crate::open_orders::OpenOrderRules;
use crate::pipeline::{Deliveries, Handle};

pub use admin::Admin;
pub use binary::Binary;
pub(crate) use cors::is_origin;
pub use fix::Fix;
use gateway::{Gateway, Shared};
use listen::{Door, Peer};
use metrics::{DoorMetrics, Metrics};
pub use shares::Shares;
pub use tls::{Tls, TlsOptions};

/// Events folded before connections have their turn: fewer than a connection writes in its own, so
/// that no queue fills because the venue itself has no time to write.
const EVENTS_A_TURN: usize = 64;
/// Turns before other threads are let in front: some 300 us. After each turn was too often: where nobody
/// else has a use for the processor but one that spins, a turn in each of the system's time slices is not
/// enough to keep up with the events.
const TURNS_AT_ONCE: u32 = 8;
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
    /// Of them, those of one address; of IPv6: of one network of 64 bits.
    pub connections_per_address: usize,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// How long the head of a request may take to come, from the end of the one before; and a TLS
    /// handshake.
    pub header_timeout: Duration,
    /// How long a request may take, from its head to its answer.
    pub request_timeout: Duration,
    /// How long a WebSocket connection may last.
    pub connection_lifetime: Duration,
    /// How long a client may take nothing of its answer.
    pub send_timeout: Duration,
    /// Origins whose pages' scripts may ask; `*`: all of them.
    pub cors_origins: Vec<String>,
    /// Whether `/metrics` is served.
    pub metrics: bool,
    /// What clients may ask.
    pub limits: RateLimits,
    /// How many orders an account may have open.
    pub open_orders: OpenOrderRules,
    /// Streams that a connection may be told of.
    pub streams_max: usize,
    /// Messages of a client on a stream connection in a second.
    pub stream_messages_1s: u32,
    /// Channels that a connection of the native stream may be told of.
    pub native_channels_max: usize,
    /// Messages of a client on such a connection in a second.
    pub native_messages_1s: u32,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            connections_max: 4_096,
            connections_per_address: 2_048,
            body_bytes_max: 16 * 1_024,
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            connection_lifetime: Duration::from_hours(24),
            send_timeout: Duration::from_secs(30),
            cors_origins: Vec::new(),
            metrics: true,
            limits: RateLimits::default(),
            open_orders: OpenOrderRules::new(),
            streams_max: STREAMS_MAX,
            stream_messages_1s: 5,
            native_channels_max: CHANNELS_MAX,
            native_messages_1s: 50,
        }
    }
}

/// What a venue serves, where, and to whom.
pub struct Server {
    listener: TcpListener,
    options: ServeOptions,
    keys: Keys,
    registry: Registry,
    tls: Option<Tls>,
    admin: Option<Admin>,
    orders: OrderLimiter,
}

impl Server {
    /// A server on `listener`, without TLS and administration.
    pub fn new(
        listener: TcpListener,
        options: ServeOptions,
        keys: Keys,
        registry: Registry,
    ) -> Self {
        let orders = OrderLimiter::new(options.limits);
        Self { listener, options, keys, registry, tls: None, admin: None, orders }
    }

    /// The same, with TLS, on all of its addresses.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// The same, administered.
    #[must_use]
    pub fn with_admin(mut self, admin: Option<Admin>) -> Self {
        self.admin = admin;
        self
    }

    /// What other gateways share with it, to be asked for once it has its TLS.
    pub fn shares(&self) -> Shares {
        Shares {
            keys: self.keys.clone(),
            registry: self.registry.clone(),
            orders: self.orders.clone(),
            open_orders: self.options.open_orders.clone(),
            tls: self.tls.clone(),
        }
    }

    /// Serves the venue behind `handle`, until the venue stops or fails: then what has come is
    /// answered, and connections are closed. `models` are those of all events before the handle's
    /// first.
    ///
    /// # Errors
    /// When the event loop cannot start, or a metric's name is taken in the registry.
    pub fn run(self, handle: Handle, models: Models) -> io::Result<()> {
        let Self { listener, options, keys, registry, tls, admin, orders } = self;
        let (address, with_tls) = (listener.local_addr()?, tls.is_some());
        let status = handle.status();
        let Handle { submitter, deliveries } = handle;
        let metrics = Metrics::new(&registry, &status)?;
        let gateway = Gateway::new(submitter, models, &options, metrics, orders);
        let shared = Arc::new(Shared::new(gateway, options, keys, status, registry));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let options = &shared.options;
            let (stop, stopped) = watch::channel(());
            let door = DoorMetrics::new(&shared.registry, "public")?;
            let public = Door::new(listener, options, tls.clone(), router(&shared), door)?;
            let mut accepting = vec![tokio::spawn(public.accept(stopped.clone()))];
            if let Some(admin) = admin {
                let door = admin.door(tls, &shared)?;
                accepting.push(tokio::spawn(door.accept(stopped.clone())));
            }
            drop(stopped);
            info!(%address, tls = with_tls, "the venue is open");
            fold(deliveries, &shared).await;
            info!("the venue closes");
            // Tells connections, and waits until all of them have dropped their end.
            stop.send_replace(());
            for accepting in accepting {
                accepting.abort();
            }
            // Those that take longer are cut off with the loop.
            let _all_gone = timeout(GOODBYE, stop.closed()).await;
            Ok(())
        })
    }
}

/// Serves the venue behind `handle` on `listener` alone: see [`Server::run`].
///
/// # Errors
/// As [`Server::run`].
pub fn serve(
    listener: TcpListener,
    options: ServeOptions,
    keys: Keys,
    handle: Handle,
    models: Models,
    registry: &Registry,
) -> io::Result<()> {
    Server::new(listener, options, keys, registry.clone()).run(handle, models)
}

/// Folds events as they come, until none will come any more, and sends depth streams their diffs.
async fn fold(mut deliveries: Deliveries, shared: &Shared) {
    deliveries.be_patient();
    let mut beats = interval(DEPTH_BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = 0_u32;
    let mut turns = 0_u32;
    loop {
        tokio::select! {
            () = poll_fn(|context| deliveries.poll_ready(context)) => {
                let mut gateway = shared.gateway();
                if deliveries.poll(EVENTS_A_TURN, |delivery| gateway.take(delivery)).is_err() {
                    gateway.abandon();
                    return;
                }
                drop(gateway);
                turns += 1;
                if turns.is_multiple_of(TURNS_AT_ONCE) {
                    // Others are let in front, as the follower lets them.
                    std::thread::yield_now();
                }
            }
            _ = beats.tick() => {
                beat = beat.wrapping_add(1);
                let mut gateway = shared.gateway();
                gateway.expire(Instant::now());
                gateway.tell_depths(Cadence::Fast);
                if beat.is_multiple_of(BEATS_A_SECOND) {
                    gateway.tell_depths(Cadence::Slow);
                    gateway.beat(&shared.status);
                }
                gateway.tell_beat(beat);
            }
        }
        tokio::task::yield_now().await;
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new()
        .merge(native::routes())
        .route("/api/v3/{*path}", any(binance::handle))
        .route("/sapi/v1/asset/tradeFee", any(binance::handle))
        .route("/ws-api/v3", get(ws_api::open))
        .route("/ws", get(stream::bare))
        .route("/ws/{*names}", get(stream::named))
        .route("/stream", get(stream::combined))
        .route("/stream/{*names}", get(stream::combined))
        .route("/health/live", get(monitor::live))
        .route("/health/ready", get(monitor::ready))
        .fallback(async || refusal(&ApiError::no_such_path()))
        .method_not_allowed_fallback(async || refusal(&ApiError::no_such_method()));
    if shared.options.metrics {
        router = router.route("/metrics", get(monitor::metrics));
    }
    if !shared.options.cors_origins.is_empty() {
        let shared = Arc::clone(shared);
        router = router.layer(middleware::from_fn_with_state(shared, cors::answer));
    }
    router.with_state(Arc::clone(shared))
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
