//! What is measured of the feed.

use std::io;

use tiercel_telemetry::{Counter, Gauge, Registry, RegistryError};
use tiercel_wire::store::Store;

use super::publisher::Publisher;
use crate::itch::Archive;

/// What is counted.
pub(super) struct FeedMetrics {
    pub(super) readers: Gauge,
    pub(super) cut_off: Counter,
    pub(super) snapshots: Counter,
    messages: Gauge,
    datagrams: Gauge,
    dropped: Gauge,
    requests: Gauge,
    left_out: Gauge,
}

impl FeedMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        Self::register(registry).map_err(io::Error::other)
    }

    fn register(registry: &Registry) -> Result<Self, RegistryError> {
        let counter = |name, help| registry.counter(name, help, &[]);
        let gauge = |name, help| registry.gauge(name, help, &[]);
        Ok(Self {
            readers: gauge("itch_connections", "Connections of the feed over TCP.")?,
            cut_off: counter(
                "itch_slow_consumers_cut_off_total",
                "Connections of the feed that were ended because their client did not read.",
            )?,
            snapshots: counter(
                "itch_snapshots_total",
                "Snapshots of the feed that were asked for.",
            )?,
            messages: gauge("itch_messages", "Messages of the feed's session so far.")?,
            datagrams: gauge("itch_datagrams", "Datagrams of the feed that were sent.")?,
            dropped: gauge("itch_datagrams_dropped", "Datagrams that the system had no room for.")?,
            requests: gauge(
                "itch_requests",
                "Requests for messages of the feed that were missed.",
            )?,
            left_out: gauge("itch_instruments_left_out", "Instruments that do not fit ITCH.")?,
        })
    }

    pub(super) fn observe(&self, publisher: &Publisher, archive: &mut Archive, left_out: usize) {
        let messages = archive.session().map_or(0, |session| session.next_outgoing() - 1);
        let (sent, dropped) = publisher.datagrams();
        self.messages.set(messages as f64);
        self.datagrams.set(sent as f64);
        self.dropped.set(dropped as f64);
        self.requests.set(publisher.requests() as f64);
        self.left_out.set(left_out as f64);
    }
}
