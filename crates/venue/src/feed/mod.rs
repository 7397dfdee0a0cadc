//! ITCH over sockets: `MoldUDP64` with retransmission, `SoupBinTCP` with replay, GLIMPSE; as a stage.
//!
//! ```text
//!   Deliveries --> itch::Feed --> itch::Archive --+--> Publisher --~ UDP ~--> receivers
//!                      |                          |        ^---- what is missing ----+
//!                      |                          +--> Reader: a place of its own --> TCP client
//!                      +--> Snapshot (GLIMPSE) -------> Reader
//! ```
//!
//! What is told was handed to the files before: see [`crate::itch`]. docs/itch.md has the rules.
//!
//! | bound | what happens there |
//! |---|---|
//! | datagrams of a turn | the rest goes with the next turn |
//! | a datagram that the system has no room for | it is dropped, and asked for again by who missed it |
//! | requests of a turn | the rest waits in the socket, which drops what it has no room for |
//! | bytes that wait for a reader | it is sent more as it reads, from the files if need be |
//! | a reader that takes nothing | it is cut off |
//! | the archive cannot be written | nothing more is told, and that is said; the venue trades on |

mod config;
mod metrics;
mod publisher;
mod reader;
mod snapshot;

use std::io;
use std::net::{SocketAddr, TcpListener};

use tiercel_net::{Busy, CloseReason, ConnectionId, Limits, Tuning};
use tiercel_telemetry::Registry;
use tiercel_types::{Event, InstrumentSpec, Timestamp};
use tracing::{debug, error, info, warn};

pub use config::{FeedConfig, FeedOptions};
use metrics::FeedMetrics;
use publisher::Publisher;
use reader::{Reader, Source};
use snapshot::Snapshots;

use crate::itch::{Archive, Feed, Misfit};
use crate::pipeline::{Delivery, Handle};
use crate::stage::{BuildStage, Context, Door, Sessions, Sockets};

/// Bytes that a client may send and that no packet ends: a login is 49.
const INPUT_BYTES_MAX: usize = 1 << 12;
/// What a connection's output is filled to.
const OUTPUT_BYTES: usize = 1 << 18;

/// All that stands behind the feed's sockets.
pub struct FeedSessions {
    feed: Feed,
    archive: Archive,
    /// The archive cannot be written: nothing is told any more.
    has_failed: bool,
    publisher: Publisher,
    readers: Vec<Option<Reader>>,
    snapshots: Snapshots,
    options: FeedOptions,
    metrics: FeedMetrics,
    /// The time of the last call.
    now: Timestamp,
}

/// Makes the stage of a feed that was opened, with its sockets.
///
/// # Errors
/// The system's, or that a metric's name is taken.
pub fn stage(
    (feed, archive): (Feed, Archive),
    listener: TcpListener,
    options: FeedOptions,
    registry: &Registry,
) -> io::Result<(BuildStage, Addresses)> {
    let publisher = Publisher::open(&options)?;
    let addresses =
        Addresses { soup: listener.local_addr()?, requests: publisher.requests_address()? };
    for (spec, misfit) in feed.left_out() {
        left_out(spec.symbol.as_str(), misfit);
    }
    let limits = Limits {
        connections: options.connections_max,
        input_bytes: INPUT_BYTES_MAX,
        output_bytes: 4 * OUTPUT_BYTES,
    };
    let sessions = FeedSessions {
        feed,
        archive,
        has_failed: false,
        publisher,
        readers: Vec::new(),
        snapshots: Snapshots::default(),
        metrics: FeedMetrics::new(registry)?,
        options,
        now: Timestamp(0),
    };
    let build = move |handle: Handle, _: &_| {
        let reactor = Busy::new(Some(listener), Tuning::default(), limits)?;
        Ok(Box::new(Door::new(reactor, sessions, handle)) as _)
    };
    Ok((Box::new(build), addresses))
}

fn left_out(symbol: &str, misfit: Misfit) {
    warn!(symbol, %misfit, "an instrument does not fit ITCH, and is not on the feed");
}

/// Where a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// `SoupBinTCP`.
    pub soup: SocketAddr,
    /// Where what is missing of `MoldUDP64` is asked for; `None`: nowhere.
    pub requests: Option<SocketAddr>,
}

impl FeedSessions {
    fn reader(&mut self, id: ConnectionId) -> Option<&mut Reader> {
        self.readers.get_mut(id.index())?.as_mut().filter(|reader| reader.id() == id)
    }

    /// Hands to the system what came, so that it may be told.
    fn keep(&mut self) {
        if let Err(error) = self.archive.flush() {
            error!(%error, "the feed tells nothing any more: its archive cannot be written");
            self.has_failed = true;
        }
    }

    /// What a client's first packet asks for.
    fn source(&mut self, bytes: &[u8]) -> Result<Option<Source>, reader::Refused> {
        let asked = reader::session_asked(bytes)?;
        if asked != reader::SNAPSHOT {
            // That which was on before may still be asked for by its name.
            let ended = self.archive.ended().map(|session| session.id());
            if let Some(ended) = ended.filter(|ended| asked == ended) {
                return Ok(Some(Source::Session(ended)));
            }
            let session = self.archive.session().map(|session| session.id());
            return Ok(session.map(Source::Session));
        }
        let Some(session) = self.archive.session() else { return Ok(None) };
        let (session, next) = (session.id(), session.next());
        let snapshot = self.snapshots.get(&self.feed, session, next, self.now);
        self.metrics.snapshots.increment();
        Ok(Some(Source::Snapshot(session, snapshot)))
    }
}

impl Sessions for FeedSessions {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        if self.has_failed {
            return false;
        }
        debug!(%peer, "a reader of the feed has connected");
        if self.readers.len() <= id.index() {
            self.readers.resize_with(id.index() + 1, || None);
        }
        self.readers[id.index()] = Some(Reader::new(id, now));
        self.metrics.readers.set(self.readers.iter().flatten().count() as f64);
        true
    }

    fn received(
        &mut self,
        id: ConnectionId,
        bytes: &[u8],
        context: &mut Context<'_>,
        _: &mut Vec<u8>,
    ) -> usize {
        self.now = context.now;
        let Some(reader) = self.reader(id) else { return bytes.len() };
        if reader.is_fresh() {
            if reader::is_partial(bytes) {
                return 0;
            }
            let source = self.source(bytes).ok().flatten();
            let Some(reader) = self.reader(id) else { return bytes.len() };
            let Some(source) = source else {
                reader.end();
                return bytes.len();
            };
            reader.begin(source, context.now);
        }
        let Self { readers, archive, .. } = self;
        match readers.get_mut(id.index()) {
            Some(Some(reader)) => reader.received(bytes, archive, context.now),
            _ => bytes.len(),
        }
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, _: &mut Context<'_>) {
        if self.reader(id).is_some() {
            self.readers[id.index()] = None;
            debug!(%reason, "a reader of the feed is gone");
        }
        self.metrics.readers.set(self.readers.iter().flatten().count() as f64);
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.now = context.now;
        if self.has_failed {
            return;
        }
        let Delivery { header, event, .. } = delivery;
        self.feed.apply(header, event, &mut self.archive);
        if header.is_last() {
            self.archive.end_of_command(header.sequence);
        }
        if let Event::InstrumentAdded(_) | Event::InstrumentUpdated(_) = event {
            let of_it =
                |(spec, _): &(&InstrumentSpec, Misfit)| spec.instrument == header.instrument;
            if let Some((spec, misfit)) = self.feed.left_out().find(of_it) {
                left_out(spec.symbol.as_str(), misfit);
            }
        }
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.now = context.now;
        if self.has_failed {
            return;
        }
        let Self { readers, archive, publisher, metrics, .. } = self;
        for reader in readers.iter_mut().flatten() {
            reader.tick(archive, context.now);
        }
        publisher.tick(archive, context.now);
        metrics.observe(publisher, archive, self.feed.left_out().count());
    }

    fn stop(&mut self, _: &mut Context<'_>) -> bool {
        if let Err(error) = self.archive.sync() {
            error!(%error, "the archive of the feed is not on the disk");
        }
        // The session goes on when the venue is back: it is not ended, connections are.
        self.readers.iter_mut().flatten().for_each(Reader::end);
        info!("the feed stops");
        true
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        if !self.has_failed {
            self.keep();
        }
        let Self { readers, archive, publisher, metrics, options, has_failed, .. } = self;
        if !*has_failed {
            publisher.publish(archive, self.now);
        }
        for reader in readers.iter_mut().flatten() {
            if *has_failed {
                reader.end();
            }
            let Some(output) = sockets.output(reader.id()) else { continue };
            let goes_on = reader.fill(archive, self.now, output, OUTPUT_BYTES);
            let is_stuck = reader.is_stuck(self.now, options.send_timeout);
            if goes_on && !is_stuck {
                continue;
            }
            if is_stuck {
                warn!("a reader of the feed that does not read is cut off");
                metrics.cut_off.increment();
            }
            sockets.close(reader.id());
        }
    }
}
