//! Where a trader trades.

use std::path::PathBuf;

use serde::Deserialize;

use super::{BusTable, CaptureTable, ConfigError, ItchTable, above_zero};
use crate::endpoint::TLS;
use crate::feed::StreamOptions;

/// One second.
const SECOND_NS: u64 = 1_000_000_000;

/// What a venue speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VenueKind {
    /// Our own: records of 64 bytes, both ways.
    Tiercel,
    /// The Binance Spot interface: JSON over WebSocket, and HTTP.
    Binance,
}

/// By which way orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrdersOver {
    /// Records of 64 bytes: our own venue's, unless said.
    Records,
    /// FIX 4.4, of our own venue.
    Fix,
    /// A WebSocket: a Binance venue's, unless said.
    WebSocket,
    /// HTTP, of a Binance venue; what becomes of orders is told over the WebSocket all the same.
    Rest,
}

/// A venue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueTable {
    /// What it is called here.
    pub name: String,
    /// What it speaks.
    pub kind: VenueKind,
    /// Where instruments are asked for, and of a Binance venue all that is asked: `http://host:port`, `https://...`.
    pub rest: String,
    /// Where its market data are: `host:port`; of a Binance venue the address of its streams, `ws://...` or `wss://...`.
    /// Empty: they come from elsewhere.
    #[serde(default)]
    pub market: String,
    /// Its market data come over a bus, from another process.
    pub bus: Option<BusTable>,
    /// They come as ITCH, in datagrams.
    pub itch: Option<ItchTable>,
    /// They come from a file.
    pub capture: Option<CaptureTable>,
    /// Where its orders go: `host:port`, over FIX `tls://host:port` too; of a Binance venue the address of its WebSocket interface, with its path.
    /// Not needed on paper.
    #[serde(default)]
    pub orders: String,
    /// By which way orders go; without it, the first of its kind.
    pub orders_over: Option<OrdersOver>,
    /// Who this is to the venue over FIX: `SenderCompID`.
    #[serde(default)]
    pub comp_id: String,
    /// Who the venue is over FIX: `TargetCompID`.
    #[serde(default = "venue_comp_id_default")]
    pub venue_comp_id: String,
    /// The id of the key. Not needed on paper.
    #[serde(default)]
    pub key: String,
    /// The file of the key's secret, which nobody but its owner may see. Of a Binance venue it may be a private
    /// Ed25519 key in PEM. Not needed on paper.
    #[serde(default)]
    pub secret_file: PathBuf,
    /// Whom TLS trusts: a file of certificates in PEM. Needed for `https`, `wss` and `tls`.
    pub tls_roots: Option<PathBuf>,
    /// How long a request is good for, of a Binance venue.
    #[serde(default = "recv_window_default")]
    pub recv_window_ms: u32,
    /// Connections of market data that tell the same, of a Binance venue: 1 or 2.
    #[serde(default = "two")]
    pub market_connections: u8,
    /// After how long a connection of a Binance venue is replaced: it gives them 24 hours.
    #[serde(default = "lifetime_default", deserialize_with = "above_zero")]
    pub lifetime_s: u64,
    /// How long a connection of a Binance venue may be silent: it is asked for a sign of life every 20 seconds.
    #[serde(default = "silence_default", deserialize_with = "above_zero")]
    pub connection_silence_max_s: u64,
    /// How often either side says something.
    #[serde(default = "heartbeat_default", deserialize_with = "above_zero")]
    pub heartbeat_ms: u32,
    /// Whether the venue cancels what is open when the connection of orders ends. Over records alone.
    #[serde(default = "yes")]
    pub cancel_on_disconnect: bool,
}

impl VenueTable {
    /// How long its connections live.
    pub(crate) const fn stream_options(&self) -> StreamOptions {
        stream_options(self.connection_silence_max_s, self.lifetime_s)
    }

    /// By which way orders go.
    pub fn orders_over(&self) -> OrdersOver {
        self.orders_over.unwrap_or(match self.kind {
            VenueKind::Tiercel => OrdersOver::Records,
            VenueKind::Binance => OrdersOver::WebSocket,
        })
    }

    /// What is wrong with the way of its orders, and by which key.
    pub(super) fn check_orders(&self) -> Option<(&'static str, &'static str)> {
        match (self.kind, self.orders_over()) {
            (VenueKind::Tiercel, OrdersOver::Records) if self.orders.starts_with(TLS) => {
                Some(("orders", "there is no TLS over records"))
            }
            (VenueKind::Tiercel, OrdersOver::Fix) if self.comp_id.is_empty() => {
                Some(("comp_id", "is needed over FIX"))
            }
            (VenueKind::Tiercel, OrdersOver::Records | OrdersOver::Fix)
            | (VenueKind::Binance, OrdersOver::WebSocket | OrdersOver::Rest) => None,
            _ => Some(("orders_over", "not a way of this kind of venue")),
        }
    }
}

fn venue_comp_id_default() -> String {
    "TIERCEL".to_owned()
}

pub(super) const fn recv_window_default() -> u32 {
    5_000
}

pub(crate) const fn two() -> u8 {
    2
}

pub(crate) const fn lifetime_default() -> u64 {
    23 * 3_600
}

pub(crate) const fn silence_default() -> u64 {
    30
}

const fn heartbeat_default() -> u32 {
    1_000
}

const fn yes() -> bool {
    true
}

/// How long connections of a Binance venue live.
pub(crate) const fn stream_options(silence_max_s: u64, lifetime_s: u64) -> StreamOptions {
    StreamOptions {
        silence_max_ns: silence_max_s.saturating_mul(SECOND_NS),
        lifetime_ns: lifetime_s.saturating_mul(SECOND_NS),
    }
}

/// Connections that tell the same are one or two. `name` is the venue's.
pub(crate) fn check_connections(name: &str, connections: u8) -> Result<(), ConfigError> {
    if (1..=2).contains(&connections) {
        return Ok(());
    }
    let key = format!("venue {name}: market_connections");
    Err(ConfigError::Value { key, what: "neither 1 nor 2".to_owned() })
}
