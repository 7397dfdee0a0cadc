//! What is measured of market data.

use tiercel_telemetry::{Counter, Gauge, Registry, RegistryError};

/// What is counted.
pub(super) struct MarketMetrics {
    pub(super) readers: Gauge,
    pub(super) records: Counter,
    pub(super) snapshots: Counter,
    pub(super) interruptions: Counter,
    pub(super) refused: Counter,
    pub(super) cut_off: Counter,
}

impl MarketMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a name is taken.
    pub(super) fn new(registry: &Registry) -> Result<Self, RegistryError> {
        let counter = |name, help| registry.counter(name, help, &[]);
        Ok(Self {
            readers: registry.gauge("market_connections", "Readers of market data.", &[])?,
            records: counter("market_records_total", "Records of market data, of all readers.")?,
            snapshots: counter("market_snapshots_total", "Snapshots of books, of all readers.")?,
            interruptions: counter(
                "market_interruptions_total",
                "Readers of market data that were told nothing of a while, because too much waited.",
            )?,
            refused: counter("market_requests_refused_total", "Requests of readers refused.")?,
            cut_off: counter(
                "market_slow_consumers_cut_off_total",
                "Connections of market data that were ended because their client did not read.",
            )?,
        })
    }
}
