//! How a venue is configured: TOML, with the line and the key of each mistake.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tiercel_journal::Durability;
use toml::Spanned;

use crate::binance::rate_limit::RateLimits;
use crate::serve::ServeOptions;

/// The defaults, with what each key means: what `--print-config` prints.
pub const TEMPLATE: &str = "\
# The configuration of `tiercel venue`. Every key may be left out: these are the defaults.

[store]
# The folder that holds the command log and the snapshots. Made if it is not there.
path = \"tiercel-venue\"
# When a command counts as acknowledged, so that its outcome may be told:
# \"disk\": the device said that it survives a loss of power. \"memory\": at once; a crash loses
# what was not written yet.
durability = \"disk\"

[http]
# Where REST is served.
address = \"127.0.0.1:8080\"
# An address that other machines reach is refused unless this is true: there is no TLS, so put a
# proxy that has it in front.
allow_remote = false
# Connections at once. The next waits until one ends.
connections_max = 1024
# Bytes of a request's body.
body_bytes_max = 16384
# Seconds that the head of a request may take, and that a connection may be idle.
header_timeout_s = 30
# Seconds that a request may take as a whole. What takes longer has an unknown outcome.
request_timeout_s = 10

[limits]
# Request weight of an address in a minute of the clock.
weight_1m = 6000
# Unfilled orders of an account in ten seconds of the clock.
orders_10s = 100
# Unfilled orders of an account in a day (of UTC).
orders_1d = 200000

[keys]
# The API keys: a file that only its owner may read (mode 0600). Left out: there are none, and
# nobody can trade.
# file = \"keys.toml\"
";

/// A venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueConfig {
    /// The folder that holds the command log and the snapshots.
    pub store_path: PathBuf,
    /// When a command counts as acknowledged.
    pub durability: Durability,
    /// Where REST is served.
    pub address: SocketAddr,
    /// How it is served.
    pub serve: ServeOptions,
    /// The file of API keys.
    pub keys_file: Option<PathBuf>,
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            store_path: "tiercel-venue".into(),
            durability: Durability::Disk,
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            serve: ServeOptions::default(),
            keys_file: None,
        }
    }
}

/// A mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct ConfigError {
    /// The line, from 1.
    pub line: usize,
    /// The key, and what is wrong with it.
    pub message: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    store: StoreTable,
    http: HttpTable,
    limits: LimitsTable,
    keys: KeysTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct StoreTable {
    path: Option<Spanned<PathBuf>>,
    durability: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct HttpTable {
    address: Option<Spanned<String>>,
    allow_remote: Option<bool>,
    connections_max: Option<Spanned<u64>>,
    body_bytes_max: Option<Spanned<u64>>,
    header_timeout_s: Option<Spanned<u64>>,
    request_timeout_s: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    weight_1m: Option<Spanned<u64>>,
    orders_10s: Option<Spanned<u64>>,
    orders_1d: Option<Spanned<u64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct KeysTable {
    file: Option<Spanned<PathBuf>>,
}

impl VenueConfig {
    /// Reads a configuration; what it leaves out is as in [`TEMPLATE`].
    ///
    /// # Errors
    /// The first mistake, with its line and key.
    ///
    /// ```
    /// use tiercel_venue::config::VenueConfig;
    /// let error = VenueConfig::parse("[http]\nconnections_max = 0\n").unwrap_err();
    /// assert_eq!(error.to_string(), "line 2: `http.connections_max` is 1 to 65536");
    /// ```
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let lines = Lines(text);
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            lines.error(at, error.message().to_owned())
        })?;
        let defaults = Self::default();
        let limits = lines.limits(&file.limits)?;
        let serve = lines.serve(&file.http, limits)?;
        let address = lines.address(&file.http)?;
        Ok(Self {
            store_path: lines.path(file.store.path, "store.path")?.unwrap_or(defaults.store_path),
            durability: lines.durability(file.store.durability.as_ref())?,
            address,
            serve,
            keys_file: lines.path(file.keys.file, "keys.file")?,
        })
    }
}

/// The text, for the lines of its mistakes.
struct Lines<'t>(&'t str);

impl Lines<'_> {
    fn error(&self, at: usize, message: String) -> ConfigError {
        let before = self.0.get(..at).unwrap_or(self.0);
        ConfigError { line: 1 + before.matches('\n').count(), message }
    }

    fn number<T: TryFrom<u64>>(
        &self,
        given: Option<&Spanned<u64>>,
        key: &str,
        range: RangeInclusive<u64>,
        default: T,
    ) -> Result<T, ConfigError> {
        let Some(given) = given else { return Ok(default) };
        let value = Some(*given.as_ref()).filter(|value| range.contains(value));
        value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            self.error(given.span().start, format!("`{key}` is {low} to {high}"))
        })
    }

    fn limits(&self, table: &LimitsTable) -> Result<RateLimits, ConfigError> {
        const RANGE: RangeInclusive<u64> = 1..=1_000_000_000;
        let RateLimits { weight_1m, orders_10s, orders_1d } = RateLimits::default();
        let number = |given, key, default| self.number(given, key, RANGE, default);
        Ok(RateLimits {
            weight_1m: number(table.weight_1m.as_ref(), "limits.weight_1m", weight_1m)?,
            orders_10s: number(table.orders_10s.as_ref(), "limits.orders_10s", orders_10s)?,
            orders_1d: number(table.orders_1d.as_ref(), "limits.orders_1d", orders_1d)?,
        })
    }

    fn serve(&self, table: &HttpTable, limits: RateLimits) -> Result<ServeOptions, ConfigError> {
        let defaults = ServeOptions::default();
        let seconds = |given: &Option<Spanned<u64>>, key, default: Duration| {
            self.number(given.as_ref(), key, 1..=3_600, default.as_secs()).map(Duration::from_secs)
        };
        Ok(ServeOptions {
            connections_max: self.number(
                table.connections_max.as_ref(),
                "http.connections_max",
                1..=65_536,
                defaults.connections_max,
            )?,
            body_bytes_max: self.number(
                table.body_bytes_max.as_ref(),
                "http.body_bytes_max",
                1_024..=16_777_216,
                defaults.body_bytes_max,
            )?,
            header_timeout: seconds(
                &table.header_timeout_s,
                "http.header_timeout_s",
                defaults.header_timeout,
            )?,
            request_timeout: seconds(
                &table.request_timeout_s,
                "http.request_timeout_s",
                defaults.request_timeout,
            )?,
            connection_lifetime: defaults.connection_lifetime,
            limits,
        })
    }

    fn address(&self, table: &HttpTable) -> Result<SocketAddr, ConfigError> {
        let Some(given) = &table.address else { return Ok(VenueConfig::default().address) };
        let refuse = |what: &str| self.error(given.span().start, format!("`http.address` {what}"));
        let address: SocketAddr = given
            .as_ref()
            .parse()
            .map_err(|_| refuse("is an IP address and a port, such as 127.0.0.1:8080"))?;
        if !address.ip().is_loopback() && table.allow_remote != Some(true) {
            return Err(refuse(
                "is one that other machines reach; there is no TLS: set `http.allow_remote = \
                 true` if a proxy in front has it",
            ));
        }
        Ok(address)
    }

    fn durability(&self, given: Option<&Spanned<String>>) -> Result<Durability, ConfigError> {
        let Some(given) = given else { return Ok(Durability::Disk) };
        match given.as_ref().as_str() {
            "disk" => Ok(Durability::Disk),
            "memory" => Ok(Durability::Memory),
            _ => Err(self.error(
                given.span().start,
                "`store.durability` is \"disk\" or \"memory\"".to_owned(),
            )),
        }
    }

    fn path(
        &self,
        given: Option<Spanned<PathBuf>>,
        key: &str,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let Some(given) = given else { return Ok(None) };
        if given.as_ref().as_os_str().is_empty() {
            return Err(self.error(given.span().start, format!("`{key}` is empty")));
        }
        Ok(Some(given.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_the_defaults() {
        assert_eq!(VenueConfig::parse(TEMPLATE), Ok(VenueConfig::default()));
        assert_eq!(VenueConfig::parse(""), Ok(VenueConfig::default()));
        // With every key that it names set, none is left out above by a typing mistake.
        let uncommented = TEMPLATE.replace("# file =", "file =");
        assert_eq!(VenueConfig::parse(&uncommented).unwrap().keys_file, Some("keys.toml".into()));
    }

    #[test]
    fn values_reach_their_places() {
        let config = VenueConfig::parse(
            "[store]\npath = \"a\"\ndurability = \"memory\"\n[http]\naddress = \"[::1]:1\"\n\
             connections_max = 2\nbody_bytes_max = 2048\nheader_timeout_s = 3\n\
             request_timeout_s = 4\n[limits]\nweight_1m = 5\norders_10s = 6\norders_1d = 7\n",
        );
        let serve = ServeOptions {
            connections_max: 2,
            body_bytes_max: 2_048,
            header_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(4),
            connection_lifetime: Duration::from_hours(24),
            limits: RateLimits { weight_1m: 5, orders_10s: 6, orders_1d: 7 },
        };
        let expected = VenueConfig {
            store_path: "a".into(),
            durability: Durability::Memory,
            address: "[::1]:1".parse().unwrap(),
            serve,
            keys_file: None,
        };
        assert_eq!(config, Ok(expected));
    }

    #[test]
    fn each_mistake_names_its_line_and_key() {
        for (text, line, part) in [
            ("\n\n[htpp]\n", 3, "htpp"),
            ("[http]\ncolour = 1\n", 2, "colour"),
            ("[http]\n\nconnections_max = 0", 3, "`http.connections_max` is 1 to 65536"),
            ("[http]\nconnections_max = -1", 2, "-1"),
            ("[http]\naddress = \"localhost\"", 2, "`http.address` is an IP address"),
            ("[http]\naddress = \"0.0.0.0:80\"", 2, "`http.allow_remote = true`"),
            ("[store]\ndurability = \"maybe\"", 2, "`store.durability` is"),
            ("[store]\npath = \"\"", 2, "`store.path` is empty"),
            ("[limits]\nweight_1m = 0\n", 2, "`limits.weight_1m` is"),
            ("[limits]\nweight_1m = 1.5\n", 2, "1.5"),
            ("[limits\n", 1, ""),
        ] {
            let error = VenueConfig::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
            assert!(error.message.contains(part), "{text:?}: {error}");
        }
        let remote = "[http]\naddress = \"0.0.0.0:80\"\nallow_remote = true\n";
        assert!(VenueConfig::parse(remote).is_ok());
    }
}
