//! FIX over sockets: connections in front of the sessions, as a stage.
//!
//! ```text
//!   socket --> Door --> Channel: TLS, if there is --> first message: a logon of an identity?
//!                                                          |
//!   socket <-- Door <-- Channel <------- Lines: a session for each identity --> Submitter
//!                                          ^
//!                                          +-- durable events: reports, also while nobody is connected
//! ```
//!
//! | bound | what happens there |
//! |---|---|
//! | connections | the next is closed at once |
//! | TLS handshake, first message | closed after `logon_timeout` |
//! | a second connection of an identity | closed |
//! | bytes that no message begins with | passed over; the next message exposes the gap |
//! | bytes that wait for a client | the client is cut off; what it missed is sent when it is back |

mod metrics;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tiercel_net::session_store::{FileStore, SessionStore};
use tiercel_net::tls::Channel;
use tiercel_net::{Busy, CloseReason, ConnectionId, Limits, Tuning};
use tiercel_types::Timestamp;
use tiercel_wire::fix::dictionary::Dictionary;
use tiercel_wire::fix::session::MemoryStore;
use tiercel_wire::fix::{Decoder, Frame, MESSAGE_BYTES_MAX, frame};
use tracing::{debug, error, info, warn};

use super::metrics::DoorMetrics;
use super::shares::Shares;
use super::tls::Tls;
use crate::fix::{FixOptions, Lines, Met};
use crate::models::Models;
use crate::pipeline::{Delivery, Handle};
use crate::stage::{Context, Door, Sessions, Sockets, Stage, StagePlan, StageThread};
use metrics::FixMetrics;

/// FIX, as a venue speaks it.
pub struct Fix {
    options: FixOptions,
    dictionary: Arc<Dictionary>,
}

impl Fix {
    /// FIX of these options.
    ///
    /// # Errors
    /// What is wrong with the dictionary, if one is named.
    pub fn new(options: FixOptions) -> io::Result<Self> {
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
        Ok(Self { options, dictionary: Arc::new(dictionary) })
    }

    /// The stage that serves it on `listener`.
    pub fn plan(self, listener: TcpListener, thread: StageThread, shares: Shares) -> StagePlan {
        let build =
            move |handle: Handle, models: &Models| self.build(listener, handle, models, shares);
        StagePlan { name: "tiercel-fix", thread, build: Box::new(build) }
    }

    fn build(
        self,
        listener: TcpListener,
        handle: Handle,
        models: &Models,
        shares: Shares,
    ) -> io::Result<Box<dyn Stage>> {
        let Self { options, dictionary } = self;
        let Shares { keys, registry, orders, open_orders, tls } = shares;
        info!(address = %listener.local_addr()?, tls = tls.is_some(), "FIX is open");
        let limits = Limits {
            connections: options.connections_max,
            input_bytes: 2 * MESSAGE_BYTES_MAX,
            output_bytes: options.unsent_bytes_max,
        };
        let now = now();
        let stores = stores(&options, now)?;
        let metrics = FixMetrics::new(&registry)?;
        let sessions = FixSessions {
            lines: Lines::new(
                &options,
                &dictionary,
                stores,
                models.clone(),
                (keys, orders, open_orders),
                now,
            ),
            connections: Vec::new(),
            decoder: Decoder::default(),
            tls,
            logon_timeout_ns: u64::try_from(options.logon_timeout.as_nanos()).unwrap_or(u64::MAX),
            door: DoorMetrics::new(&registry, "fix")?,
            metrics,
            stops: false,
        };
        let reactor = Busy::new(Some(listener), Tuning::default(), limits)?;
        Ok(Box::new(Door::new(reactor, sessions, handle)))
    }
}

/// The time, by the system's clock.
fn now() -> Timestamp {
    Timestamp(super::now_ms() * crate::binance::answer::NANOS_PER_MILLI)
}

/// What the sessions remember.
fn stores(options: &FixOptions, now: Timestamp) -> io::Result<Vec<SessionStore>> {
    let Some(folder) = &options.store else {
        let memory = |_| SessionStore::Memory(MemoryStore::new(now));
        return Ok(options.sessions.iter().map(memory).collect());
    };
    std::fs::create_dir_all(folder)?;
    let open = |identity: &crate::fix::Identity| {
        let name = format!("{}-{}.fix", options.comp_id, identity.comp_id);
        FileStore::open(&folder.join(name), now).map(SessionStore::File)
    };
    options.sessions.iter().map(open).collect()
}

/// How far a connection is.
enum State {
    /// Its first message has not come.
    Waiting,
    /// It is that session's.
    Session(usize),
    /// It ends behind what is to be said, if anything is.
    Ending(Vec<u8>),
}

struct Connection {
    id: ConnectionId,
    channel: Channel,
    since: Timestamp,
    state: State,
}

/// The connections, and the sessions behind them.
struct FixSessions {
    lines: Lines,
    /// By the connections' places.
    connections: Vec<Option<Connection>>,
    decoder: Decoder,
    tls: Option<Tls>,
    logon_timeout_ns: u64,
    door: DoorMetrics,
    metrics: FixMetrics,
    stops: bool,
}

impl FixSessions {
    /// Takes the whole messages that `bytes` begin with; how many bytes they are.
    fn hear(
        &mut self,
        connection: &mut Connection,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> usize {
        let mut at = 0;
        loop {
            match frame(&bytes[at..]) {
                Frame::Partial => return at,
                Frame::Garbled { skip, .. } => at += skip,
                Frame::Whole { length, body } => {
                    // Bytes whose fields are none are no message: the next exposes the gap.
                    if let Ok(message) = self.decoder.index(&bytes[at..at + length], body) {
                        if matches!(connection.state, State::Waiting) {
                            connection.state = match self.lines.meet(context.now, &message) {
                                Met::Session(line) => {
                                    info!(
                                        session = self.lines.name(line),
                                        "a FIX client has connected"
                                    );
                                    State::Session(line)
                                }
                                Met::Nobody => State::Ending(Vec::new()),
                                Met::Refused(goodbye) => State::Ending(goodbye),
                            };
                        }
                        if let State::Session(line) = connection.state {
                            self.lines.hear(context.now, line, &message, context.submitter);
                        }
                    }
                    at += length;
                }
            }
        }
    }
}

impl Sessions for FixSessions {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        let channel = match Channel::server(self.tls.as_ref().map(Tls::config)) {
            Ok(channel) if !self.stops => channel,
            Ok(_) => return false,
            Err(error) => {
                warn!(%peer, %error, "no TLS for a FIX connection");
                return false;
            }
        };
        if self.connections.len() <= id.index() {
            self.connections.resize_with(id.index() + 1, || None);
        }
        self.connections[id.index()] =
            Some(Connection { id, channel, since: now, state: State::Waiting });
        self.door.opened();
        true
    }

    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        output: &mut Vec<u8>,
    ) -> usize {
        let Some(mut connection) = self.connections.get_mut(id.index()).and_then(Option::take)
        else {
            return bytes.len();
        };
        let taken = match connection.channel.open(bytes, output) {
            Ok(None) => self.hear(&mut connection, bytes, context),
            Ok(Some(mut plain)) => {
                let taken = self.hear(&mut connection, &plain, context);
                plain.drain(..taken);
                connection.channel.keep(plain);
                bytes.len()
            }
            Err(error) => {
                debug!(%error, "a FIX connection speaks no TLS");
                connection.state = match connection.state {
                    State::Session(line) => State::Session(line),
                    _ => State::Ending(Vec::new()),
                };
                connection.channel.fail();
                bytes.len()
            }
        };
        self.connections[id.index()] = Some(connection);
        taken
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, context: &mut Context<'_>) {
        let Some(connection) = self.connections.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        self.door.closed();
        let State::Session(line) = connection.state else { return };
        let session = self.lines.name(line);
        if let Some(failure) = self.lines.failure(line) {
            error!(session, %failure, "the session's store has failed");
        } else if *reason == CloseReason::SlowReader {
            self.metrics.cut_off.increment();
            warn!(session, "a FIX client that does not read is cut off");
        } else {
            info!(session, %reason, "a FIX client is gone");
        }
        self.lines.part(context.now, line);
    }

    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.lines.delivered(context.now, delivery, context.submitter);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.lines.tick(context.now);
        for connection in self.connections.iter_mut().flatten() {
            let waited = context.now.0.saturating_sub(connection.since.0);
            if matches!(connection.state, State::Waiting) && waited >= self.logon_timeout_ns {
                connection.state = State::Ending(Vec::new());
            }
        }
        self.metrics.count(self.lines.counts(), self.lines.connected());
    }

    fn stop(&mut self, context: &mut Context<'_>) -> bool {
        if !self.stops {
            self.stops = true;
            self.lines.leave(context.now, "the venue stops");
            for connection in self.connections.iter_mut().flatten() {
                if matches!(connection.state, State::Waiting) {
                    connection.state = State::Ending(Vec::new());
                }
            }
        }
        self.lines.tick(context.now);
        self.connections.iter().all(Option::is_none)
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        for Connection { id, channel, state, .. } in self.connections.iter_mut().flatten() {
            let (said, ends) = match state {
                State::Waiting => continue,
                State::Session(line) => match self.lines.output(*line) {
                    Some(output) => output,
                    None => continue,
                },
                State::Ending(goodbye) => (goodbye, true),
            };
            let ends = ends || channel.has_failed();
            if !said.is_empty() || ends {
                if let Some(output) = sockets.output(*id) {
                    channel.seal(said, ends, output);
                }
                said.clear();
            }
            if ends {
                sockets.close(*id);
            }
        }
    }
}
