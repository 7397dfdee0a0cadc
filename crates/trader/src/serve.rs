//! What is told over HTTP, and what may be asked: by a thread of its own, which the hot one never waits for.
//!
//! | request | answer |
//! |---|---|
//! | `GET /health` | 200 while every line works, the gate is active and the state is of the last second, else 503; why, in JSON |
//! | `GET /metrics` | Prometheus' text format |
//! | `GET /state` | books, orders, positions, risk and times, in JSON: what `tiercel top` shows |
//! | `POST /halt` | nothing but cancels leaves, and everything is cancelled |
//! | `POST /enable` | orders may leave again; losses count from now; 409 while the kill file is there |
//! | `POST /stop` | everything is cancelled, and the trader ends |
//!
//! Who posts has to show the token: `Authorization: Bearer TOKEN`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;
use tiercel_sync::snapshot::Reader;
use tiercel_telemetry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::hot::Control;
use crate::state::{Told, TraderState};
use crate::tell::Names;

/// How long requests that are under way may take at the end. Who has sent half of one may never send the rest.
const GOODBYE: Duration = Duration::from_secs(1);
/// A state that is older is not the trader's: its thread hangs.
const STATE_AGE_MAX: Duration = Duration::from_secs(1);

/// What is served, and to whom.
pub struct ServeOptions {
    /// Where it listens already: nobody else has the address.
    pub listener: std::net::TcpListener,
    /// What who posts has to show; without it nobody may.
    pub token: Option<String>,
    /// While this file is there, it is not enabled.
    pub kill_file: Option<PathBuf>,
}

/// What is asked while a request is answered.
struct Shared {
    token: Option<String>,
    kill_file: Option<PathBuf>,
    registry: Registry,
    names: Names,
    state: Mutex<Reader<TraderState>>,
    control: Mutex<Sender<Control>>,
}

impl Shared {
    fn told(&self) -> Told {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.names.tell(state.read(), &self.registry)
    }

    fn post(&self, headers: &HeaderMap, control: Control) -> Response {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
        let is_right = match (&self.token, shown) {
            (Some(token), Some(shown)) => is_same(token.as_bytes(), shown.as_bytes()),
            _ => false,
        };
        if !is_right {
            let body = json!({ "error": "the token is missing, wrong, or none is configured" });
            return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
        }
        // One that cannot be looked at may be there.
        let is_there = |path: &PathBuf| path.try_exists().unwrap_or(true);
        if control == Control::Enable && self.kill_file.as_ref().is_some_and(is_there) {
            let body = json!({ "error": "the kill file is there: nothing but cancels leaves" });
            return (StatusCode::CONFLICT, Json(body)).into_response();
        }
        let sent = self.control.lock().unwrap_or_else(PoisonError::into_inner).send(control);
        let (code, body) = if sent.is_ok() {
            (StatusCode::ACCEPTED, json!({ "accepted": true }))
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "the trader has ended" }))
        };
        (code, Json(body)).into_response()
    }
}

/// Compares in a time that does not tell where they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differs = one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differs == 0
}

/// The server; it ends when this is dropped: what is under way has a second.
pub struct Server {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Serves from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn start(
        options: ServeOptions,
        registry: Registry,
        names: Names,
        state: Reader<TraderState>,
        control: Sender<Control>,
    ) -> io::Result<Self> {
        let listener = options.listener;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            token: options.token,
            kill_file: options.kill_file,
            registry,
            names,
            state: Mutex::new(state),
            control: Mutex::new(control),
        });
        let (stop, stopped) = watch::channel(());
        let thread = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                let serve = axum::serve(listener, router(shared));
                let serve = serve.with_graceful_shutdown(dropped(stopped.clone()));
                let too_late = async {
                    dropped(stopped).await;
                    tokio::time::sleep(GOODBYE).await;
                };
                tokio::select! {
                    served = serve => served,
                    () = too_late => Ok(()),
                }
            })
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Waits until nobody can send any more.
async fn dropped(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What it failed with is over too.
            let _ended = thread.join();
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/state", get(state))
        .route("/halt", post(halt))
        .route("/enable", post(enable))
        .route("/stop", post(stop))
        .with_state(shared)
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let told = shared.told();
    let lost: Vec<&str> =
        told.lines.iter().filter(|(_, is_up)| !is_up).map(|(name, _)| name.as_str()).collect();
    let stale: Vec<&str> = told
        .markets
        .iter()
        .filter(|market| !market.is_live)
        .map(|market| market.symbol.as_str())
        .collect();
    // A clock that was set back a moment ago makes it no older.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = now.saturating_sub(Duration::from_nanos(told.time_ns));
    let is_current = age <= STATE_AGE_MAX;
    let is_well =
        is_current && told.acts && lost.is_empty() && stale.is_empty() && told.mode == "active";
    let code = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "status": if is_well { "ready" } else { "degraded" },
        "mode": told.mode,
        "acts": told.acts,
        "age_ms": (told.time_ns > 0).then_some(age.as_millis() as u64),
        "lost": lost,
        "stale": stale,
        "unknown_orders": told.unknown_orders,
    });
    (code, Json(body)).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, shared.registry.text()).into_response()
}

async fn state(State(shared): State<Arc<Shared>>) -> Json<Told> {
    Json(shared.told())
}

async fn halt(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.post(&headers, Control::Halt)
}

async fn enable(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.post(&headers, Control::Enable)
}

async fn stop(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    shared.post(&headers, Control::Stop)
}
