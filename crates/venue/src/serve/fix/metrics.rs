//! What is measured of FIX sessions.

use std::io;

use tiercel_telemetry::{Counter, Gauge, Registry, RegistryError};

/// Counters of all sessions.
pub(super) struct FixMetrics {
    pub(super) received: Counter,
    pub(super) sent: Counter,
    pub(super) refused: Counter,
    pub(super) cut_off: Counter,
    pub(super) sessions: Gauge,
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
        })
    }
}
