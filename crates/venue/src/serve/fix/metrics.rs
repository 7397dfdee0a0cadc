//! What is measured of FIX sessions.

use std::io;

use tiercel_telemetry::{Counter, Gauge, Registry, RegistryError};

use crate::fix::Counts;

/// Counters of all sessions.
pub(super) struct FixMetrics {
    received: Counter,
    sent: Counter,
    refused: Counter,
    pub(super) cut_off: Counter,
    sessions: Gauge,
    /// As it was counted last.
    counted: Counts,
}

impl FixMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        Self::register(registry).map_err(io::Error::other)
    }

    fn register(registry: &Registry) -> Result<Self, RegistryError> {
        let counter = |name, help| registry.counter(name, help, &[]);
        Ok(Self {
            received: counter("fix_messages_received_total", "FIX messages that came whole.")?,
            sent: counter("fix_messages_sent_total", "FIX messages of the application.")?,
            refused: counter("fix_logons_refused_total", "FIX logons that were refused.")?,
            cut_off: counter(
                "fix_slow_consumers_cut_off_total",
                "FIX connections that were ended because their client did not read.",
            )?,
            sessions: registry.gauge("fix_sessions", "FIX sessions with a connection.", &[])?,
            counted: Counts::default(),
        })
    }

    /// Counts what came since the last time.
    pub(super) fn count(&mut self, counts: Counts, connected: usize) {
        let Counts { received, sent, refused } = std::mem::replace(&mut self.counted, counts);
        self.received.add(counts.received - received);
        self.sent.add(counts.sent - sent);
        self.refused.add(counts.refused - refused);
        self.sessions.set(connected as f64);
    }
}
