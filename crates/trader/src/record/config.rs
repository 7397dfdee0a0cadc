//! How a recorder is configured: TOML, with the line and the key of each mistake.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tiercel_bus::{Align, Options, Retention};
use tiercel_types::Symbol;

use crate::config::venue::{self, lifetime_default, silence_default, two};
use crate::config::{self, ConfigError, VenueKind, WaitName, above_zero};
use crate::feed::StreamOptions;

/// An example with every key, its default and its meaning: what `--print-config` prints.
pub const TEMPLATE: &str = include_str!("template.toml");

/// A recorder's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordConfig {
    /// The recorder itself.
    #[serde(default)]
    pub record: RecordTable,
    /// What is recorded.
    #[serde(rename = "venue", default)]
    pub venues: Vec<RecordVenueTable>,
}

/// The recorder itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordTable {
    /// What the thread does while there is nothing to do.
    pub wait: WaitName,
    /// How long a market may be silent before it is told to be of the past.
    #[serde(deserialize_with = "above_zero")]
    pub silence_max_ms: u64,
    /// How often a whole book is told to a bus.
    pub book_interval_ms: u64,
    /// Mebibytes of a bus's file.
    pub cycle_mib: u64,
    /// How many of them stay; at least two.
    pub cycles_kept: u32,
    /// After how long another file of a capture is begun.
    pub file_minutes: u64,
}

impl Default for RecordTable {
    fn default() -> Self {
        Self {
            wait: WaitName::default(),
            silence_max_ms: 5_000,
            book_interval_ms: 1_000,
            cycle_mib: 64,
            cycles_kept: 4,
            file_minutes: 60,
        }
    }
}

impl RecordTable {
    /// What a bus is made with. A record of 64 bytes and its word take 72.
    pub fn bus_options(&self) -> Options {
        Options {
            align: Align::Word,
            cycle_bytes: self.cycle_mib.saturating_mul(1 << 20),
            retention: Retention { cycles: self.cycles_kept, bytes: 0 },
            ..Options::default()
        }
    }

    /// After how long another file is begun.
    pub const fn file_span(&self) -> Duration {
        Duration::from_secs(self.file_minutes.saturating_mul(60))
    }
}

/// A venue that is recorded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordVenueTable {
    /// What it is called here.
    pub name: String,
    /// What it speaks.
    pub kind: VenueKind,
    /// Where instruments are asked for, and of a Binance venue snapshots.
    pub rest: String,
    /// Where its market data are: `host:port`; of a Binance venue the address of its streams.
    pub market: String,
    /// Its instruments.
    #[serde(deserialize_with = "symbols")]
    pub symbols: Vec<Symbol>,
    /// Whom TLS trusts: a file of certificates in PEM.
    pub tls_roots: Option<PathBuf>,
    /// Connections of market data that tell the same, of a Binance venue: 1 or 2.
    #[serde(default = "two")]
    pub market_connections: u8,
    /// After how long a connection of a Binance venue is replaced.
    #[serde(default = "lifetime_default", deserialize_with = "above_zero")]
    pub lifetime_s: u64,
    /// How long a connection of a Binance venue may be silent.
    #[serde(default = "silence_default", deserialize_with = "above_zero")]
    pub connection_silence_max_s: u64,
}

impl RecordVenueTable {
    /// How long its connections live.
    pub const fn stream_options(&self) -> StreamOptions {
        venue::stream_options(self.connection_silence_max_s, self.lifetime_s)
    }
}

fn symbols<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Symbol>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let symbol = |text: &String| Symbol::new(text.as_bytes()).map_err(serde::de::Error::custom);
    texts.iter().map(symbol).collect()
}

impl FromStr for RecordConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        config::read(text, Self::check)
    }
}

impl RecordConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let value =
            |key: String, what: &str| Err(ConfigError::Value { key, what: what.to_owned() });
        let record = &self.record;
        for (key, number) in [
            ("book_interval_ms", record.book_interval_ms),
            ("cycle_mib", record.cycle_mib),
            ("file_minutes", record.file_minutes),
        ] {
            if number == 0 {
                return value(format!("record.{key}"), "zero");
            }
        }
        if record.cycles_kept < 2 {
            return value("record.cycles_kept".to_owned(), "below 2");
        }
        if self.venues.is_empty() {
            return value("venue".to_owned(), "there is none");
        }
        for (at, venue) in self.venues.iter().enumerate() {
            let key = |key: &str| format!("venue {}: {key}", venue.name);
            // It is the name of a folder, and part of those of files.
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if venue.name.is_empty() || !venue.name.bytes().all(is_plain) {
                return value(key("name"), "not of letters, digits, - and _");
            }
            if self.venues[..at].iter().any(|other| other.name == venue.name) {
                return value(key("name"), "is there twice");
            }
            venue::check_connections(&venue.name, venue.market_connections)?;
            if venue.symbols.is_empty() {
                return value(key("symbols"), "there is none");
            }
            let mut symbols = venue.symbols.clone();
            symbols.sort_unstable();
            symbols.dedup();
            if symbols.len() < venue.symbols.len() {
                return value(key("symbols"), "one is there twice");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_configuration_and_its_values_are_the_defaults() {
        let config: RecordConfig = TEMPLATE.parse().unwrap();
        let told = |table: &RecordTable| format!("{table:?}");
        assert_eq!(told(&config.record), told(&RecordTable::default()));
        let venue = &config.venues[0];
        assert_eq!(
            (venue.market_connections, venue.lifetime_s, venue.connection_silence_max_s),
            (two(), lifetime_default(), silence_default())
        );
    }

    #[test]
    fn a_mistake_is_told_by_its_key() {
        for (from, to, key) in [
            ("cycles_kept = 4", "cycles_kept = 1", "record.cycles_kept: below 2"),
            ("file_minutes = 60", "file_minutes = 0", "record.file_minutes: zero"),
            ("name = \"desk\"", "name = \"a/b\"", "venue a/b: name"),
            ("[\"BTCUSDT\"]", "[\"BTCUSDT\", \"BTCUSDT\"]", "desk: symbols: one is there twice"),
            ("[\"BTCUSDT\"]", "[]", "desk: symbols: there is none"),
            ("market_connections = 2", "market_connections = 0", "desk: market_connections"),
            ("silence_max_ms", "silence_most_ms", "silence_most_ms"),
            ("silence_max_ms = 5000", "silence_max_ms = 0", "silence_max_ms = 0"),
            ("lifetime_s = 82800", "lifetime_s = 0", "lifetime_s = 0"),
        ] {
            let told = TEMPLATE.replacen(from, to, 1).parse::<RecordConfig>().unwrap_err();
            assert!(told.to_string().contains(key), "{told}");
        }
    }
}
