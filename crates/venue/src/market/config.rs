//! How market data are served.

use std::net::SocketAddr;
use std::time::Duration;

use crate::stage::StageThread;

/// How market data are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketOptions {
    /// Connections at once.
    pub connections_max: usize,
    /// Bytes of changes that wait for a reader, beside a snapshot.
    pub waiting_bytes_max: usize,
    /// Bytes that are handed to a connection beyond what the system has taken.
    pub output_bytes: usize,
    /// How long a reader may take nothing of what waits for it.
    pub send_timeout: Duration,
    /// A reader hears something at least so often.
    pub heartbeat: Duration,
}

impl Default for MarketOptions {
    fn default() -> Self {
        Self {
            connections_max: 256,
            waiting_bytes_max: 4 << 20,
            output_bytes: 256 << 10,
            send_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(1),
        }
    }
}

/// Market data in a venue's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// Where they are served.
    pub address: SocketAddr,
    /// Where the stage runs.
    pub thread: StageThread,
    /// How they are served.
    pub options: MarketOptions,
}
