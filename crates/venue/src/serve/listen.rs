//! Doors: connections are taken, a bounded number of them, and served until they end.
//!
//! ```text
//!   accept --> place (total, by address) --> TLS, if the door has it --> HTTP --> router
//!      ^           none for the address: closed at once      |
//!      +-- none at all: waits                                +-- late, or no TLS: closed
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener as TokioListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::binance::rate_limit::network_of;

use super::ServeOptions;
use super::metrics::DoorMetrics;
use super::paced::Paced;
use super::tls::Tls;

/// What a client is told that speaks plain HTTP where TLS is expected.
const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
content-length: 28\r\nconnection: close\r\n\r\nThis address speaks TLS 1.3.";

/// Whose connection a request came on.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Kept by whatever goes on on the connection, a WebSocket too.
    place: Arc<Place>,
}

/// A connection's place among all that there may be. Its end tells the loop that it is gone.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    pub(super) stopped: watch::Receiver<()>,
    network: IpAddr,
    places: Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(count) = taken.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.network);
            }
        }
        self.places.metrics.closed();
    }
}

/// The places of a door.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    by_network: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most_by_network: usize,
    metrics: DoorMetrics,
}

impl Places {
    /// So many places, and of them so many for one address.
    pub(super) fn new(all: usize, by_network: usize, metrics: DoorMetrics) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            by_network: Arc::default(),
            most_by_network: by_network,
            metrics,
        }
    }

    /// Takes the next connection that there is a place for.
    pub(super) async fn next(
        &self,
        listener: &TokioListener,
        stopped: &watch::Receiver<()>,
    ) -> Option<(TcpStream, SocketAddr, Arc<Place>)> {
        loop {
            // The semaphore is never closed.
            let permit = Arc::clone(&self.all).acquire_owned().await.ok()?;
            let (stream, address) = match listener.accept().await {
                Ok(taken) => taken,
                Err(error) => {
                    // A connection that ended before it was taken, or no descriptor left: again.
                    debug!(%error, "no connection taken");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            if let Some(place) = self.take(permit, address.ip(), stopped) {
                return Some((stream, address, place));
            }
            debug!(%address, "too many connections of one address");
        }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`; `None` if it has as many as it may.
    fn take(
        &self,
        permit: OwnedSemaphorePermit,
        address: IpAddr,
        stopped: &watch::Receiver<()>,
    ) -> Option<Arc<Place>> {
        let network = network_of(address);
        let mut taken = self.taken();
        let count = taken.entry(network).or_default();
        if *count >= self.most_by_network {
            self.metrics.turned_away();
            return None;
        }
        *count += 1;
        drop(taken);
        self.metrics.opened();
        let stopped = stopped.clone();
        Some(Arc::new(Place { _permit: permit, stopped, network, places: self.clone() }))
    }
}

/// Where connections come in.
pub(super) struct Door {
    listener: TokioListener,
    places: Places,
    connections: Connections,
}

/// How a door's connections are served.
#[derive(Clone)]
struct Connections {
    tls: Option<Tls>,
    router: Router,
    http: http1::Builder,
    handshake_timeout: Duration,
    send_timeout: Duration,
}

impl Door {
    /// A door at `listener`, bounded as `options` say. To be called on the event loop.
    ///
    /// # Errors
    /// When the event loop cannot have the listener.
    pub(super) fn new(
        listener: TcpListener,
        options: &ServeOptions,
        tls: Option<Tls>,
        router: Router,
        metrics: DoorMetrics,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
        let (most, by_network) = (options.connections_max, options.connections_per_address);
        let places = Places::new(most, by_network, metrics);
        let (handshake_timeout, send_timeout) = (options.header_timeout, options.send_timeout);
        let connections = Connections { tls, router, http, handshake_timeout, send_timeout };
        Ok(Self { listener: TokioListener::from_std(listener)?, places, connections })
    }

    /// Takes connections, as many at once as there may be.
    pub(super) async fn accept(self, stopped: watch::Receiver<()>) {
        let Self { listener, places, connections } = self;
        while let Some((stream, address, place)) = places.next(&listener, &stopped).await {
            let connections = connections.clone();
            tokio::spawn(async move { connections.serve(stream, Peer { address, place }).await });
        }
    }
}

impl Connections {
    /// Serves one connection until it ends, or the venue stops.
    async fn serve(self, stream: TcpStream, peer: Peer) {
        // Answers are small: none waits for another. A socket that refuses this still works.
        let _nodelay = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            let socket = Paced::new(stream, self.send_timeout);
            return self.http(socket, peer).await;
        };
        let address = peer.address;
        let mut stopped = peer.place.stopped.clone();
        let shaken = tokio::select! {
            shaken = timeout(self.handshake_timeout, handshake(tls, stream, address)) => shaken,
            _stopped = stopped.changed() => return,
        };
        match shaken {
            Ok(Ok(Some(stream))) => {
                self.http(Paced::new(stream, self.send_timeout), peer).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => debug!(%address, %error, "the TLS handshake failed"),
            Err(_late) => debug!(%address, "the TLS handshake took too long"),
        }
    }

    async fn http(&self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let mut stopped = peer.place.stopped.clone();
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.call(request)
        });
        let connection = self.http.serve_connection(TokioIo::new(socket), service);
        let mut connection = pin!(connection.with_upgrades());
        // A client that breaks off or says no HTTP has ended its own connection: nothing to tell.
        tokio::select! {
            _ended = connection.as_mut() => return,
            _stopped = stopped.changed() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ended = connection.await;
    }
}

/// TLS over a new connection; `None` when its client does not speak it, and was told so.
async fn handshake(
    tls: &Tls,
    mut stream: TcpStream,
    address: SocketAddr,
) -> io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
    let mut first = [0];
    // A handshake begins with the byte 22, a request with a letter.
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
        warn!(%address, "plain HTTP where TLS is expected: refused");
        stream.write_all(PLAIN).await?;
        stream.shutdown().await?;
        // Until the client is done sending: a reset would take the answer from it.
        let mut rest = [0; 512];
        while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
        return Ok(None);
    }
    tls.acceptor.accept(stream).await.map(Some)
}
