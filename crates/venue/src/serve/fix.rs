//! FIX over sockets: connections in front of the sessions, on the serving thread.
//!
//! ```text
//!   accept --> place --> TLS, if there is --> first message: a logon of an identity?
//!                                                  |
//!   socket <--> Connection <--> Lines: a session for each identity --> Gateway
//!                                  ^
//!                                  +-- durable events: reports, also while nobody is connected
//! ```
//!
//! | bound | what happens there |
//! |---|---|
//! | connections, and those of an address | the next waits; is closed at once |
//! | TLS handshake, first message | closed after `logon_timeout` |
//! | a second connection of an identity | closed |
//! | bytes that no message begins with | passed over; the next message exposes the gap |
//! | bytes that wait for a client | the client is cut off; what it missed is sent when it is back |
//! | a client that takes nothing | closed after `send_timeout` |

mod lines;
mod metrics;

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tiercel_telemetry::Registry;
use tiercel_types::Timestamp;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::{Decoder, Frame, frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener as TokioListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, info};

use super::gateway::Shared;
use super::listen::{Place, Places};
use super::metrics::DoorMetrics;
use super::paced::Paced;
use super::tls::Tls;
use crate::accounts::Keys;
use crate::fix::FixOptions;

pub(super) use lines::{Lines, Waiting};
use lines::{Link, Met};

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1_024;
/// How long a client may take to answer the goodbye of a venue that stops.
const GOODBYE: Duration = Duration::from_secs(1);

/// FIX, as a venue speaks it.
pub struct Fix {
    listener: TcpListener,
    options: FixOptions,
    dictionary: Arc<Dictionary>,
}

impl Fix {
    /// FIX on `listener`.
    ///
    /// # Errors
    /// What is wrong with the dictionary, if one is named.
    pub fn new(listener: TcpListener, options: FixOptions) -> io::Result<Self> {
        let dictionary = match &options.dictionary {
            None => Dictionary::fix44(),
            Some(path) => {
                let named = |error: &dyn std::fmt::Display| {
                    io::Error::other(format!("{}: {error}", path.display()))
                };
                let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
                Dictionary::from_xml(&text).map_err(|error| named(&error))?
            }
        };
        Ok(Self { listener, options, dictionary: Arc::new(dictionary) })
    }

    /// Its sessions, as they were left.
    pub(super) fn lines(&self, keys: &Keys, registry: &Registry) -> io::Result<Lines> {
        Lines::open(&self.options, &self.dictionary, keys, registry, now())
    }

    /// Takes connections until it is aborted.
    ///
    /// # Errors
    /// When the event loop cannot have the listener.
    pub(super) fn accept(
        self,
        shared: Arc<Shared>,
        tls: Option<Tls>,
        metrics: DoorMetrics,
        stopped: watch::Receiver<()>,
    ) -> io::Result<impl Future<Output = ()> + Send + 'static> {
        let Self { listener, options, .. } = self;
        info!(address = %listener.local_addr()?, tls = tls.is_some(), "FIX is open");
        listener.set_nonblocking(true)?;
        let listener = TokioListener::from_std(listener)?;
        let most = options.connections_max;
        let places = Places::new(most, most, metrics);
        let options = Arc::new(options);
        Ok(async move {
            while let Some((stream, address, place)) = places.next(&listener, &stopped).await {
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                let options = Arc::clone(&options);
                tokio::spawn(async move {
                    if let Err(error) = serve(&shared, stream, tls, &options, &place).await {
                        debug!(%address, %error, "a FIX connection ended");
                    }
                });
            }
        })
    }
}

/// The time, by the system's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Serves one connection until it ends, or the venue stops.
async fn serve(
    shared: &Shared,
    stream: TcpStream,
    tls: Option<Tls>,
    options: &FixOptions,
    place: &Place,
) -> io::Result<()> {
    // A socket that refuses this still works.
    let _nodelay = stream.set_nodelay(true);
    let mut stopped = place.stopped.clone();
    let until = Instant::now() + options.logon_timeout;
    let pace = options.send_timeout;
    let Some(tls) = tls else {
        return converse(shared, Paced::new(stream, pace), until, stopped).await;
    };
    let shaken = tokio::select! {
        shaken = timeout_at(until, tls.acceptor.accept(stream)) => shaken,
        _stopped = stopped.changed() => return Ok(()),
    };
    let stream = shaken.map_err(|_late| io::ErrorKind::TimedOut)??;
    converse(shared, Paced::new(stream, pace), until, stopped).await
}

/// A connection whose session is known.
struct Connection<'s, S> {
    shared: &'s Shared,
    socket: S,
    link: Link,
    wake: Arc<Notify>,
    /// Bytes that are no whole message yet.
    unread: Vec<u8>,
}

/// Waits for the first message, and goes on if it is a logon that may be one.
async fn converse(
    shared: &Shared,
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    until: Instant,
    mut stopped: watch::Receiver<()>,
) -> io::Result<()> {
    let mut unread = Vec::new();
    let first = tokio::select! {
        first = timeout_at(until, first(&mut socket, &mut unread)) => first,
        _stopped = stopped.changed() => return Ok(()),
    };
    if !first.map_err(|_late| io::ErrorKind::TimedOut)?? {
        return Ok(());
    }
    let met = shared.gateway().meet_fix(&shared.keys, &unread);
    let (link, wake) = match met {
        Met::Session(link, wake) => (link, wake),
        Met::Nobody => return Ok(()),
        Met::Refused(goodbye) => {
            socket.write_all(&goodbye).await?;
            return socket.shutdown().await;
        }
    };
    let mut connection = Connection { shared, socket, link, wake, unread };
    let ended = connection.run(stopped).await;
    shared.gateway().part_fix(link);
    ended
}

/// Reads until there is a whole message; false if none came.
async fn first(socket: &mut (impl AsyncRead + Unpin), unread: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match frame(unread) {
            Frame::Whole { length, body } => {
                if Decoder::default().index(&unread[..length], body).is_ok() {
                    return Ok(true);
                }
                unread.drain(..length);
                continue;
            }
            Frame::Garbled { skip, .. } => {
                unread.drain(..skip);
                continue;
            }
            Frame::Partial => {}
        }
        let count = socket.read(&mut chunk).await?;
        if count == 0 {
            return Ok(false);
        }
        unread.extend_from_slice(&chunk[..count]);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self, mut stopped: watch::Receiver<()>) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let wake = Arc::clone(&self.wake);
        loop {
            self.shared.gateway().hear_fix(self.link, &mut self.unread);
            if !self.flush().await? {
                return Ok(());
            }
            tokio::select! {
                count = self.socket.read(&mut chunk) => match count? {
                    0 => return Ok(()),
                    count => self.unread.extend_from_slice(&chunk[..count]),
                },
                () = wake.notified() => {}
                _stopped = stopped.changed() => break,
            }
        }
        self.shared.gateway().leave_fix(self.link, "the venue stops");
        // Whatever comes of it, the connection ends.
        let _late = timeout(GOODBYE, self.end(&mut chunk)).await;
        Ok(())
    }

    /// Sends what there is; false when the connection is to end.
    async fn flush(&mut self) -> io::Result<bool> {
        loop {
            let Some((output, ends)) = self.shared.gateway().output_fix(self.link) else {
                return Ok(false);
            };
            if !output.is_empty() {
                self.socket.write_all(&output).await?;
                self.socket.flush().await?;
            }
            if ends {
                self.socket.shutdown().await?;
                return Ok(false);
            }
            if output.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Until the client has said goodbye too.
    async fn end(&mut self, chunk: &mut [u8]) -> io::Result<()> {
        while self.flush().await? {
            let count = self.socket.read(chunk).await?;
            if count == 0 {
                return Ok(());
            }
            self.unread.extend_from_slice(&chunk[..count]);
            self.shared.gateway().hear_fix(self.link, &mut self.unread);
        }
        Ok(())
    }
}
