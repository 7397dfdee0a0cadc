//! The admin address: a door of its own, for whoever shows the token. Nothing that is served here is
//! served at the public address, or the other way round, but what monitors ask.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use axum::routing::{any, get};
use serde_json::{Value, json};
use tiercel_types::AccountId;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::accounts::KeysError;
use crate::admin::{Act, PREFIX, Problem, Token, no_such_call, unauthorized};
use crate::pipeline::{FollowerAsk, Health};

use super::gateway::Shared;
use super::listen::{Door, Peer};
use super::metrics::DoorMetrics;
use super::native::problem_response;
use super::tls::Tls;
use super::{json_response, monitor, now_ms};

/// Connections of administrators at once.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1_024;

/// Sets what is logged.
type SetLevels = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// How a venue is administered.
pub struct Admin {
    listener: TcpListener,
    token: Token,
    levels: Option<Levels>,
}

/// What is logged, and how to change it.
struct Levels {
    now: Mutex<String>,
    set: SetLevels,
}

impl Admin {
    /// On `listener`, by whoever shows the token.
    pub const fn new(listener: TcpListener, token: Token) -> Self {
        Self { listener, token, levels: None }
    }

    /// The same; what is logged is `levels` now, and changed by `set`.
    #[must_use]
    pub fn with_log(
        mut self,
        levels: String,
        set: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.levels = Some(Levels { now: Mutex::new(levels), set: Box::new(set) });
        self
    }

    pub(super) fn door(self, tls: Option<Tls>, shared: &Arc<Shared>) -> io::Result<Door> {
        let mut options = shared.options.clone();
        options.connections_max = CONNECTIONS_MAX;
        options.connections_per_address = CONNECTIONS_MAX;
        let metrics = DoorMetrics::new(&shared.registry, "admin")?;
        let Self { listener, token, levels } = self;
        let office = Office { shared: Arc::clone(shared), token, levels, started: Instant::now() };
        let monitored = Router::new()
            .route("/health/live", get(monitor::live))
            .route("/health/ready", get(monitor::ready))
            .route("/metrics", get(monitor::metrics))
            .with_state(Arc::clone(shared));
        let router = Router::new()
            .route(&format!("{PREFIX}{{*path}}"), any(handle))
            .fallback(async || refusal(&no_such_call()))
            .with_state(Arc::new(office))
            .merge(monitored);
        info!(address = %listener.local_addr()?, tls = tls.is_some(), "administered");
        Door::new(listener, &options, tls, router, metrics)
    }
}

/// What requests are answered with.
struct Office {
    shared: Arc<Shared>,
    token: Token,
    levels: Option<Levels>,
    started: Instant,
}

fn refusal(problem: &Problem) -> Response {
    let mut response = problem_response(problem);
    if problem.status == 401 {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

async fn handle(State(office): State<Arc<Office>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let address = head.extensions.get::<Peer>().map(|peer| peer.address);
    let shown = head.headers.get(header::AUTHORIZATION);
    let (method, path) = (head.method.as_str(), head.uri.path());
    // What is logged of the path is the name of the call: an API key may stand behind it.
    let call = path.strip_prefix(PREFIX).unwrap_or_default();
    let call = call.split('/').next().unwrap_or_default();
    if !shown.is_some_and(|shown| office.token.is_shown(shown.as_bytes())) {
        warn!(?address, method, call, "administration without the token: refused");
        return refusal(&unauthorized());
    }
    let answer = timeout(office.shared.options.request_timeout, office.answer(method, path, body));
    let answer = answer.await.unwrap_or_else(|_late| Err(unknown_outcome()));
    let status = answer.as_ref().map_or_else(|problem| problem.status, |_| 200);
    if method != "GET" {
        info!(?address, method, call, status, "administration");
    }
    match answer {
        Ok(value) => json_response(200, value.to_string()),
        Err(problem) => refusal(&problem),
    }
}

fn unknown_outcome() -> Problem {
    let detail = "no answer came in time; what became of the request is unknown";
    Problem::with(504, "UNKNOWN_OUTCOME", detail)
}

fn keys_problem(error: &KeysError) -> Problem {
    match error {
        KeysError::Key(what) => Problem::with(400, "INVALID_KEY", *what),
        error => Problem::with(500, "KEYS_NOT_STORED", error.to_string()),
    }
}

impl Office {
    async fn answer(&self, method: &str, path: &str, body: Body) -> Result<Value, Problem> {
        let too_large = |_| Problem::with(413, "BODY_TOO_LARGE", "the body is longer than 64 KiB");
        let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(too_large)?;
        let path = path.strip_prefix(PREFIX).unwrap_or_default();
        let act = Act::read(method, path, &body, &self.shared.gateway().models)?;
        match act {
            Act::Tell(value) => Ok(value),
            Act::Command(command, shown) => {
                let replied = {
                    let mut gateway = self.shared.gateway();
                    let ticket = gateway.submit(AccountId::ALL, &[*command])?;
                    gateway.reply_to(ticket)
                };
                // The venue failed before the answer came: its outcome is unknown.
                let events = replied.await.map_err(|_| unknown_outcome())?;
                shown.answer(&events, &self.shared.gateway().models)
            }
            Act::Status => Ok(self.status()),
            Act::ListKeys => Ok(self.keys()),
            Act::CreateKey { account, may, ed25519_public_key } => {
                let made = self.shared.keys.create(account, may, ed25519_public_key);
                let made = made.map_err(|error| keys_problem(&error))?;
                Ok(json!({
                    "api_key": made.api_key,
                    "secret": made.secret,
                    "account": account.0,
                    "stored": made.stored,
                }))
            }
            Act::RevokeKey(api_key) => {
                let revoked = self.shared.keys.revoke(&api_key);
                if revoked.map_err(|error| keys_problem(&error))? {
                    self.shared.gateway().end_revoked();
                    Ok(json!({ "revoked": api_key }))
                } else {
                    Err(Problem::with(404, "UNKNOWN_KEY", "no such key").of_field("api_key"))
                }
            }
            Act::Snapshot => self.follower(FollowerAsk::Snapshot).await,
            Act::Digest => self.follower(FollowerAsk::Digest).await,
            Act::LogLevels => Ok(json!({ "levels": self.levels()?.now() })),
            Act::SetLogLevels(wanted) => {
                let levels = self.levels()?;
                (levels.set)(&wanted).map_err(|error| {
                    Problem::with(400, "INVALID_LEVELS", error).of_field("levels")
                })?;
                *levels.lock() = wanted;
                Ok(json!({ "levels": levels.now() }))
            }
        }
    }

    fn levels(&self) -> Result<&Levels, Problem> {
        let detail = "what this venue logs cannot be changed";
        self.levels.as_ref().ok_or_else(|| Problem::with(409, "NO_LOG", detail))
    }

    fn keys(&self) -> Value {
        let keys = self.shared.keys.list();
        keys.iter()
            .map(|key| {
                let may = [(key.may_read, "read"), (key.may_trade, "trade")];
                let permissions: Vec<_> =
                    may.iter().filter(|(may, _)| *may).map(|(_, name)| name).collect();
                json!({
                    "api_key": key.api_key,
                    "account": key.account.0,
                    "permissions": permissions,
                    "signs": key.signs,
                })
            })
            .collect()
    }

    async fn follower(&self, ask: FollowerAsk) -> Result<Value, Problem> {
        let (reply, answer) = oneshot::channel();
        let refused = |why: &'static str| Problem::with(409, "NO_FOLLOWER", why);
        let told = move |report| {
            // Whoever asked may be gone.
            let _unheard = reply.send(report);
        };
        self.shared.status.ask_follower(ask, told).map_err(refused)?;
        let report = answer.await.map_err(|_| Problem::internal())?;
        let report = report.map_err(|why| Problem::with(500, "SNAPSHOT_FAILED", why))?;
        let digest = format!("{:032x}", report.digest);
        Ok(json!({ "sequence": report.sequence, "digest": digest }))
    }

    fn status(&self) -> Value {
        let status = &self.shared.status;
        let health = match status.health() {
            Health::Running => "running",
            Health::Stopping => "stopping",
            Health::Failed => "failed",
            Health::Stopped => "stopped",
        };
        let queues = status.queues();
        let snapshot = status.snapshot().map(|taken| {
            json!({
                "sequence": taken.sequence,
                "at_ms": taken.at.0 / 1_000_000,
                "bytes": taken.bytes,
            })
        });
        let gateway = self.shared.gateway();
        let models = &gateway.models;
        let (of_binance, of_native) = (gateway.hub.fanout.size(), gateway.native.fanout.size());
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": self.started.elapsed().as_secs(),
            "health": health,
            "failure": status.failure(),
            "follower_failure": status.follower_failure(),
            "sequence": status.sequence(),
            "durable_sequence": status.durable_sequence(),
            "applied_sequence": models.checkpoint().sequence,
            "time_ms": models.checkpoint().time.0 / 1_000_000,
            "commands_waiting": queues.commands,
            "events_waiting": queues.events,
            "snapshot": snapshot,
            "kill_switch": models.accounts().kill_switch(),
            "instruments": models.instruments().iter().len(),
            "accounts": models.accounts().iter().count(),
            "keys": self.shared.keys.len(),
            "stream_connections": of_binance.0 + of_native.0,
            "subscriptions": of_binance.1 + of_native.1,
            "banned_addresses": gateway.weights.banned(now_ms()),
        })
    }
}

impl Levels {
    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> String {
        self.lock().clone()
    }
}
