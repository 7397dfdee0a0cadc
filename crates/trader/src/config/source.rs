//! Where a venue's market data come from, if not from the venue's own connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{ConfigError, TraderConfig, VenueKind, VenueTable};
use crate::feed::capture::Speed;
use crate::feed::itch::ItchOptions;

/// Market data over a bus: what `tiercel record --bus` writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusTable {
    /// The bus.
    pub path: PathBuf,
}

/// Market data from a file: what `tiercel record` writes, or of a Binance venue another capture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureTable {
    /// The file, plain or packed with gzip.
    pub path: PathBuf,
    /// How fast it is played.
    #[serde(default)]
    pub speed: SpeedName,
}

/// Market data as ITCH 5.0 over `MoldUDP64` (`docs/itch.md`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItchTable {
    /// Where it comes: an address of this machine, or a group.
    pub a: SocketAddr,
    /// Where the same comes once more.
    pub b: Option<SocketAddr>,
    /// The interface by which groups come.
    #[serde(default = "loopback")]
    pub interface: Ipv4Addr,
    /// Where to ask for what was missed.
    pub requests: SocketAddr,
    /// Where to ask how everything stands; without it the session is replayed from its first message.
    pub glimpse: Option<SocketAddr>,
    /// How long something may be missing before the market is of the past.
    #[serde(default = "gap_default")]
    pub gap_max_ms: u64,
}

const fn loopback() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

const fn gap_default() -> u64 {
    100
}

impl ItchTable {
    /// The same for the feed.
    pub fn options(&self) -> ItchOptions {
        ItchOptions {
            lines: [Some(self.a), self.b].into_iter().flatten().collect(),
            interface: self.interface,
            requests: self.requests,
            glimpse: self.glimpse,
            gap_max_ns: self.gap_max_ms.saturating_mul(1_000_000),
        }
    }
}

/// How fast a capture is played.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum SpeedName {
    /// As it was recorded.
    #[default]
    Recorded,
    /// So many times as fast.
    Times(f64),
    /// As fast as it goes.
    Full,
}

impl SpeedName {
    /// The same for the feed.
    pub const fn speed(self) -> Speed {
        match self {
            Self::Recorded => Speed::Times(1.0),
            Self::Times(times) => Speed::Times(times),
            Self::Full => Speed::Full,
        }
    }
}

impl<'de> Deserialize<'de> for SpeedName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Name(String),
            Whole(i64),
            Times(f64),
        }
        let times = match Written::deserialize(from)? {
            Written::Name(name) if name == "recorded" => return Ok(Self::Recorded),
            Written::Name(name) if name == "full" => return Ok(Self::Full),
            Written::Name(_) => f64::NAN,
            Written::Whole(times) => times as f64,
            Written::Times(times) => times,
        };
        if times > 0.0 && times.is_finite() {
            Ok(Self::Times(times))
        } else {
            Err(D::Error::custom("neither \"recorded\" nor \"full\" nor a number above zero"))
        }
    }
}

impl VenueTable {
    /// Market data come from one place.
    pub(super) fn check_source(&self, config: &TraderConfig) -> Result<(), ConfigError> {
        let sources = [
            !self.market.is_empty(),
            self.bus.is_some(),
            self.itch.is_some(),
            self.capture.is_some(),
        ];
        let value = |key: &str, what: &str| {
            let key = format!("venue {}: {key}", self.name);
            Err(ConfigError::Value { key, what: what.to_owned() })
        };
        if sources.iter().filter(|is_there| **is_there).count() != 1 {
            return value(
                "market",
                "market data come from one place: market, [venue.bus], [venue.itch] or [venue.capture]",
            );
        }
        let instruments = config.instruments.iter().filter(|one| one.venue == self.name).count();
        if self.capture.is_some() && self.kind == VenueKind::Binance && instruments > 1 {
            return value("capture", "a capture of kind binance is of one instrument");
        }
        Ok(())
    }
}
