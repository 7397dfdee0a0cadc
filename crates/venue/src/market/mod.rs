//! Market data as records of 64 bytes: [`tiercel_wire::market`] over TCP, as a stage.
//!
//! ```text
//!   Deliveries --> Public --> records of a turn --+--> Reader --> TCP client
//!                    |                            +--> Reader --> TCP client
//!                    +--> snapshots of books -------------^
//! ```
//!
//! Everybody may read: there is no login, as on the REST interface. docs/market-data.md has the rules.
//!
//! | bound | what happens there |
//! |---|---|
//! | connections | the next is closed |
//! | bytes that wait for a reader | they are dropped; it is told so, and has new snapshots once it reads |
//! | a reader that takes nothing | it is cut off |
//! | a reader that says nothing | it is cut off after ten seconds |
//! | a snapshot | it is as large as its book, one at a time |
//!
//! Budget: two copies of a record for each reader. Must not happen here: allocation per record, waiting
//! for a reader.

mod config;
mod metrics;
mod reader;
mod told;

use std::io;
use std::net::{SocketAddr, TcpListener};

use tiercel_net::{Busy, CloseReason, ConnectionId, Limits, Tuning};
use tiercel_telemetry::Registry;
use tiercel_types::Timestamp;
use tiercel_wire::market::RECORD_SIZE;
use tracing::{debug, warn};

pub use config::{MarketConfig, MarketOptions};
use metrics::MarketMetrics;
pub use reader::{Reader, Sent};
pub use told::{Public, Told};

use crate::models::Models;
use crate::pipeline::{Delivery, Handle};
use crate::stage::{BuildStage, Context, Door, Sessions, Sockets};

/// Bytes that a client may send at once.
const INPUT_BYTES_MAX: usize = 1 << 12;

/// All that stands behind the sockets.
struct MarketSessions {
    public: Public,
    readers: Vec<Option<Reader>>,
    options: MarketOptions,
    metrics: MarketMetrics,
    /// The time of the last call.
    now: Timestamp,
}

/// Makes the stage of market data, and says where it is.
///
/// # Errors
/// The system's, or that a metric's name is taken.
pub fn stage(
    listener: TcpListener,
    options: MarketOptions,
    registry: &Registry,
) -> io::Result<(BuildStage, SocketAddr)> {
    let address = listener.local_addr()?;
    let metrics = MarketMetrics::new(registry).map_err(io::Error::other)?;
    let limits = Limits {
        connections: options.connections_max,
        input_bytes: INPUT_BYTES_MAX,
        // More than a reader ever hands to its connection: it keeps the rest itself.
        output_bytes: 4 * options.output_bytes,
    };
    let build = move |handle: Handle, models: &Models| {
        let sessions = MarketSessions {
            public: Public::new(models),
            readers: Vec::new(),
            options,
            metrics,
            now: Timestamp(0),
        };
        let reactor = Busy::new(Some(listener), Tuning::default(), limits)?;
        Ok(Box::new(Door::new(reactor, sessions, handle)) as _)
    };
    Ok((Box::new(build), address))
}

impl MarketSessions {
    fn count(&self) {
        self.metrics.readers.set(self.readers.iter().flatten().count() as f64);
    }
}

impl Sessions for MarketSessions {
    fn connected(&mut self, id: ConnectionId, peer: SocketAddr, now: Timestamp) -> bool {
        debug!(%peer, "a reader of market data has connected");
        if self.readers.len() <= id.index() {
            self.readers.resize_with(id.index() + 1, || None);
        }
        self.readers[id.index()] = Some(Reader::new(id, self.options, now));
        self.count();
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
        let Self { readers, public, metrics, .. } = self;
        let reader = readers.get_mut(id.index()).and_then(Option::as_mut);
        let Some(reader) = reader.filter(|reader| reader.id() == id) else { return bytes.len() };
        let (records, rest) = bytes.as_chunks::<RECORD_SIZE>();
        for record in records {
            if reader.ends() {
                return bytes.len();
            }
            if !reader.asked(record, public) {
                metrics.refused.increment();
            }
        }
        bytes.len() - rest.len()
    }

    fn closed(&mut self, id: ConnectionId, reason: &CloseReason, _: &mut Context<'_>) {
        let place = self.readers.get_mut(id.index());
        if let Some(place) = place
            && place.as_ref().is_some_and(|reader| reader.id() == id)
        {
            *place = None;
            debug!(%reason, "a reader of market data is gone");
        }
        self.count();
    }

    #[inline]
    fn delivered(&mut self, delivery: &Delivery, context: &mut Context<'_>) {
        self.now = context.now;
        self.public.apply(&delivery.header, &delivery.event);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        self.now = context.now;
    }

    fn stop(&mut self, _: &mut Context<'_>) -> bool {
        self.readers.iter_mut().flatten().for_each(Reader::end);
        true
    }

    fn flush(&mut self, sockets: &mut dyn Sockets) {
        let Self { public, readers, metrics, now, .. } = self;
        for reader in readers.iter_mut().flatten() {
            let Some(output) = sockets.output(reader.id()) else { continue };
            let sent = reader.fill(public, *now, output);
            metrics.records.add(sent.records);
            metrics.snapshots.add(sent.snapshots);
            if sent.was_interrupted {
                debug!("a reader of market data reads too slowly: it is told nothing for a while");
                metrics.interruptions.increment();
            }
            let is_stuck = reader.is_stuck(*now);
            if is_stuck {
                warn!("a reader of market data that does not read is cut off");
                metrics.cut_off.increment();
            }
            if is_stuck || reader.ends() || reader.is_silent(*now) {
                sockets.close(reader.id());
            }
        }
        public.clear();
    }
}
