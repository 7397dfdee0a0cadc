//! The tables of a configuration, checked one by one.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tiercel_journal::Durability;
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::LogFormat;
use tiercel_telemetry::log::check_levels;
use tiercel_types::Symbol;
use toml::Spanned;

use crate::binance::rate_limit::RateLimits;
use crate::open_orders::{OpenOrderLimits, OpenOrderRules};
use crate::pipeline::{PATIENCE, SnapshotPolicy};
use crate::serve::{ServeOptions, TlsOptions, is_origin};
use crate::stage::StageThread;

use super::{
    AdminConfig, AdminTable, ConfigError, Given, HttpTable, InstrumentTable, LimitsTable,
    LogConfig, LogTable, SnapshotsTable, ThreadConfig, ThreadsTable, TlsTable, TokenSource,
    VenueConfig,
};

/// What was given for a key, if anything was, and the name of the key.
type Ref<'a, T> = (Option<&'a Spanned<T>>, &'a str);

/// Numbers that are at least one.
const COUNT: RangeInclusive<u64> = 1..=COUNT_MAX;
const COUNT_MAX: u64 = 1_000_000_000;
pub(super) const SECONDS: RangeInclusive<u64> = 1..=3_600;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// What was given for a key of a table, and the name of both.
macro_rules! given {
    ($table:ident.$key:ident as $name:literal) => {
        ($table.$key.as_ref(), concat!($name, ".", stringify!($key)))
    };
}

pub(super) use given;

/// The text, for the lines of its mistakes.
pub(super) struct Lines<'t>(pub(super) &'t str);

impl Lines<'_> {
    pub(super) fn error(&self, at: usize, message: String) -> ConfigError {
        let before = self.0.get(..at).unwrap_or(self.0);
        ConfigError { line: 1 + before.matches('\n').count(), message }
    }

    /// A mistake of what was given for `key`.
    pub(super) fn refuse<T>(&self, given: &Spanned<T>, key: &str, what: &str) -> ConfigError {
        self.error(given.span().start, format!("`{key}` {what}"))
    }

    pub(super) fn number<T: TryFrom<u64>>(
        &self,
        (given, key): Ref<'_, u64>,
        range: RangeInclusive<u64>,
        default: T,
    ) -> Result<T, ConfigError> {
        let Some(given) = given else { return Ok(default) };
        let value = Some(*given.as_ref()).filter(|value| range.contains(value));
        value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
            self.refuse(given, key, &format!("is {} to {}", range.start(), range.end()))
        })
    }

    fn seconds(&self, given: Ref<'_, u64>, default: Duration) -> Result<Duration, ConfigError> {
        self.number(given, SECONDS, default.as_secs()).map(Duration::from_secs)
    }

    pub(super) fn path(
        &self,
        given: Given<PathBuf>,
        key: &str,
    ) -> Result<Option<PathBuf>, ConfigError> {
        let Some(given) = given else { return Ok(None) };
        if given.as_ref().as_os_str().is_empty() {
            return Err(self.refuse(&given, key, "is empty"));
        }
        Ok(Some(given.into_inner()))
    }

    pub(super) fn durability(
        &self,
        given: Option<&Spanned<String>>,
    ) -> Result<Durability, ConfigError> {
        let Some(given) = given else { return Ok(Durability::Disk) };
        match given.as_ref().as_str() {
            "disk" => Ok(Durability::Disk),
            "memory" => Ok(Durability::Memory),
            _ => Err(self.refuse(given, "store.durability", "is \"disk\" or \"memory\"")),
        }
    }

    pub(super) fn snapshots(
        &self,
        table: &SnapshotsTable,
    ) -> Result<Option<SnapshotPolicy>, ConfigError> {
        let SnapshotPolicy { commands, interval_ns } = SnapshotPolicy::default();
        let interval_s = interval_ns / NANOS_PER_SECOND;
        let policy = SnapshotPolicy {
            commands: self.number(given!(table.commands as "snapshots"), COUNT, commands)?,
            interval_ns: NANOS_PER_SECOND
                * self.number(
                    given!(table.interval_s as "snapshots"),
                    1..=86_400 * 365,
                    interval_s,
                )?,
        };
        Ok(Some(policy).filter(|_| table.enabled != Some(false)))
    }

    pub(super) fn serve(
        &self,
        table: &HttpTable,
        limits: &LimitsTable,
    ) -> Result<ServeOptions, ConfigError> {
        let defaults = ServeOptions::default();
        let places = 1..=65_536;
        Ok(ServeOptions {
            connections_max: self.number(
                given!(table.connections_max as "http"),
                places.clone(),
                defaults.connections_max,
            )?,
            connections_per_address: self.number(
                given!(table.connections_per_address as "http"),
                places.clone(),
                defaults.connections_per_address,
            )?,
            body_bytes_max: self.number(
                given!(table.body_bytes_max as "http"),
                1_024..=16_777_216,
                defaults.body_bytes_max,
            )?,
            header_timeout: self
                .seconds(given!(table.header_timeout_s as "http"), defaults.header_timeout)?,
            request_timeout: self
                .seconds(given!(table.request_timeout_s as "http"), defaults.request_timeout)?,
            send_timeout: self
                .seconds(given!(table.send_timeout_s as "http"), defaults.send_timeout)?,
            connection_lifetime: defaults.connection_lifetime,
            cors_origins: self.origins(given!(table.cors_origins as "http"))?,
            metrics: table.metrics.unwrap_or(defaults.metrics),
            limits: self.limits(limits)?,
            open_orders: defaults.open_orders,
            streams_max: self.number(
                given!(limits.streams_per_connection as "limits"),
                places.clone(),
                defaults.streams_max,
            )?,
            stream_messages_1s: self.number(
                given!(limits.stream_messages_1s as "limits"),
                1..=1_000_000,
                defaults.stream_messages_1s,
            )?,
            native_channels_max: self.number(
                given!(limits.native_channels_per_connection as "limits"),
                places,
                defaults.native_channels_max,
            )?,
            native_messages_1s: self.number(
                given!(limits.native_messages_1s as "limits"),
                1..=1_000_000,
                defaults.native_messages_1s,
            )?,
        })
    }

    fn limits(&self, table: &LimitsTable) -> Result<RateLimits, ConfigError> {
        let RateLimits { weight_1m, orders_10s, orders_1d, refusals_1m } = RateLimits::default();
        Ok(RateLimits {
            weight_1m: self.number(given!(table.weight_1m as "limits"), COUNT, weight_1m)?,
            orders_10s: self.number(given!(table.orders_10s as "limits"), COUNT, orders_10s)?,
            orders_1d: self.number(given!(table.orders_1d as "limits"), COUNT, orders_1d)?,
            refusals_1m: self.number(
                given!(table.refusals_1m as "limits"),
                0..=COUNT_MAX,
                refusals_1m,
            )?,
        })
    }

    pub(super) fn open_orders(
        &self,
        tables: &[Spanned<InstrumentTable>],
    ) -> Result<OpenOrderRules, ConfigError> {
        let mut rules = OpenOrderRules::new();
        for spanned in tables {
            let table = spanned.as_ref();
            let (given, key) = given!(table.symbol as "instruments");
            let Some(given) = given else {
                return Err(self.refuse(spanned, key, "has to be there"));
            };
            let symbol = given.as_ref().parse().ok().filter(|symbol: &Symbol| !symbol.is_empty());
            let symbol = symbol.ok_or_else(|| self.refuse(given, key, "is no symbol"))?;
            let limit = |given: Ref<'_, u64>| {
                let limit = self.number(given, 0..=COUNT_MAX, 0)?;
                Ok::<Option<u32>, ConfigError>(given.0.map(|_| limit))
            };
            let limits = OpenOrderLimits {
                orders: limit(given!(table.max_num_orders as "instruments"))?,
                algo_orders: limit(given!(table.max_num_algo_orders as "instruments"))?,
                iceberg_orders: limit(given!(table.max_num_iceberg_orders as "instruments"))?,
            };
            if rules.insert(symbol, limits).is_some() {
                return Err(self.refuse(given, key, "is there twice"));
            }
        }
        Ok(rules)
    }

    fn origins(&self, (given, key): Ref<'_, Vec<String>>) -> Result<Vec<String>, ConfigError> {
        let Some(given) = given else { return Ok(Vec::new()) };
        if given.as_ref().iter().all(|origin| is_origin(origin)) {
            return Ok(given.as_ref().clone());
        }
        let what = "is a list of origins, such as \"https://desk.example\", or of \"*\"";
        Err(self.refuse(given, key, what))
    }

    /// Where REST and streams are served; beyond this machine with TLS, or with the word for
    /// going without it.
    pub(super) fn address(&self, table: &HttpTable, tls: bool) -> Result<SocketAddr, ConfigError> {
        let Some(given) = &table.address else { return Ok(VenueConfig::default().address) };
        let may = (table.allow_remote == Some(true), table.allow_plain == Some(true));
        self.reachable((given, "http"), tls, may)
    }

    /// The address of a table; beyond this machine if it may be remote, and have no TLS.
    pub(super) fn reachable(
        &self,
        (given, name): (&Spanned<String>, &str),
        tls: bool,
        (remote, plain): (bool, bool),
    ) -> Result<SocketAddr, ConfigError> {
        let key = &format!("{name}.address");
        let address = self.socket(given, key)?;
        if address.ip().is_loopback() {
            return Ok(address);
        }
        if !remote {
            let what = format!(
                "is one that other machines reach: that needs `{name}.allow_remote = true`, and TLS \
                 (`tls.certificate`)"
            );
            return Err(self.refuse(given, key, &what));
        }
        if !tls && !plain {
            let what = format!(
                "is one that other machines reach, and there is no TLS: set `tls.certificate` and \
                 `tls.private_key`, or `{name}.allow_plain = true` if a proxy in front has it"
            );
            return Err(self.refuse(given, key, &what));
        }
        Ok(address)
    }

    pub(super) fn socket(
        &self,
        given: &Spanned<String>,
        key: &str,
    ) -> Result<SocketAddr, ConfigError> {
        let what = "is an IP address and a port, such as 127.0.0.1:8080";
        given.as_ref().parse().map_err(|_| self.refuse(given, key, what))
    }

    pub(super) fn tls(&self, table: TlsTable) -> Result<Option<TlsOptions>, ConfigError> {
        let alone = |given: &Spanned<PathBuf>, key, other: &str| {
            Err(self.refuse(given, key, &format!("needs `{other}` beside it")))
        };
        match (table.certificate.as_ref(), table.private_key.as_ref(), &table.client_ca) {
            (Some(given), None, _) => alone(given, "tls.certificate", "tls.private_key")?,
            (None, Some(given), _) => alone(given, "tls.private_key", "tls.certificate")?,
            (None, None, Some(given)) => alone(given, "tls.client_ca", "tls.certificate")?,
            _ => {}
        }
        let certificate = self.path(table.certificate, "tls.certificate")?;
        let private_key = self.path(table.private_key, "tls.private_key")?;
        let client_ca = self.path(table.client_ca, "tls.client_ca")?;
        let both = certificate.zip(private_key);
        Ok(both.map(|(certificate, private_key)| TlsOptions {
            certificate,
            private_key,
            client_ca,
        }))
    }

    pub(super) fn admin(
        &self,
        table: AdminTable,
        public: SocketAddr,
        tls: bool,
    ) -> Result<Option<AdminConfig>, ConfigError> {
        let Some(given) = &table.address else { return Ok(None) };
        let key = "admin.address";
        let address = self.socket(given, key)?;
        if address == public && address.port() != 0 {
            return Err(self.refuse(given, key, "is `http.address`: administration has its own"));
        }
        let may_be_remote = tls && table.allow_remote == Some(true);
        if !(address.ip().is_loopback() || may_be_remote) {
            let what = "is one that other machines reach: that needs `admin.allow_remote = true` \
                        and TLS (`tls.certificate`)";
            return Err(self.refuse(given, key, what));
        }
        let token = match (self.path(table.token_file, "admin.token_file")?, table.token_env) {
            (Some(file), None) => TokenSource::File(file),
            (None, Some(name)) => TokenSource::Environment(name.into_inner()),
            _ => {
                let what = "needs `admin.token_file` or `admin.token_env` beside it, one of them";
                return Err(self.refuse(given, key, what));
            }
        };
        Ok(Some(AdminConfig { address, token }))
    }

    pub(super) fn log(&self, table: &LogTable) -> Result<LogConfig, ConfigError> {
        let mut log = VenueConfig::default().log;
        if let Some(given) = &table.levels {
            check_levels(given.as_ref())
                .map_err(|error| self.refuse(given, "log.levels", &format!("is {error}")))?;
            log.levels.clone_from(given.as_ref());
        }
        if let Some(given) = &table.format {
            log.format = match given.as_ref().as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(self.refuse(given, "log.format", "is \"text\" or \"json\"")),
            };
        }
        Ok(log)
    }

    /// An address of a table without TLS: beyond this machine only if the table says so.
    pub(super) fn near(
        &self,
        (given, key): (&Spanned<String>, &str),
        address: SocketAddr,
        (table, allow_remote): (&str, Option<bool>),
    ) -> Result<SocketAddr, ConfigError> {
        if address.ip().is_loopback() || allow_remote == Some(true) {
            return Ok(address);
        }
        let what =
            format!("is one that other machines reach: that needs `{table}.allow_remote = true`");
        Err(self.refuse(given, key, &what))
    }

    pub(super) fn threads(&self, table: &ThreadsTable) -> Result<ThreadConfig, ConfigError> {
        let cpu =
            |given: Ref<'_, u64>| self.number(given, 0..=4_095, 0).map(|cpu| given.0.map(|_| cpu));
        let wait = self.wait((table.wait.as_ref(), "threads.wait"))?;
        Ok(ThreadConfig {
            core_cpu: cpu(given!(table.core_cpu as "threads"))?,
            serve_cpu: cpu(given!(table.serve_cpu as "threads"))?,
            follower_cpu: cpu(given!(table.follower_cpu as "threads"))?,
            wait,
            patience: Duration::from_micros(self.number(
                given!(table.patience_us as "threads"),
                0..=100_000,
                PATIENCE.as_micros() as u64,
            )?),
        })
    }

    fn wait(&self, (given, key): Ref<'_, String>) -> Result<WaitKind, ConfigError> {
        let Some(given) = given else { return Ok(WaitKind::default()) };
        let what = "is \"spin-park\", \"spin-yield\" or \"busy-spin\"";
        given.as_ref().parse().map_err(|_| self.refuse(given, key, what))
    }

    /// The thread of the gateway `name`: its keys `thread`, `wait` and `cpu`.
    pub(super) fn stage_thread(
        &self,
        name: &str,
        thread: Option<&Spanned<String>>,
        wait: Option<&Spanned<String>>,
        cpu: Option<&Spanned<u64>>,
    ) -> Result<StageThread, ConfigError> {
        let key = |key: &str| format!("{name}.{key}");
        let own = StageThread::Own {
            wait: self.wait((wait, &key("wait")))?,
            cpu: self.number((cpu, &key("cpu")), 0..=4_095, 0).map(|number| cpu.map(|_| number))?,
        };
        let Some(thread) = thread else { return Ok(own) };
        match (thread.as_ref().as_str(), wait.is_some() || cpu.is_some()) {
            ("own", _) => Ok(own),
            ("core", false) => Ok(StageThread::Fused),
            ("core", true) => {
                let what = "is \"core\": how that thread waits, and where, is [threads]'s to say";
                Err(self.refuse(thread, &key("thread"), what))
            }
            _ => Err(self.refuse(thread, &key("thread"), "is \"own\" or \"core\"")),
        }
    }
}
