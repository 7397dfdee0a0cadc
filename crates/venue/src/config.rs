//! How a venue is configured: TOML, with the line and the key of each mistake.

mod binary;
mod fix;
mod itch;
mod lines;
mod market;
mod ouch;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tiercel_journal::Durability;
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::{LogFormat, LogOptions};
use toml::Spanned;

use crate::binary::BinaryConfig;
use crate::feed::FeedConfig;
use crate::fix::FixConfig;
use crate::market::MarketConfig;
use crate::ouch::OuchConfig;
use crate::pipeline::{PATIENCE, SnapshotPolicy};
use crate::serve::{ServeOptions, TlsOptions};

use lines::Lines;

/// The defaults, with what each key means: what `--print-config` prints.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// A venue's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueConfig {
    /// The folder that holds the command log and the snapshots.
    pub store_path: PathBuf,
    /// When a command counts as acknowledged.
    pub durability: Durability,
    /// When snapshots are taken; `None`: never.
    pub snapshots: Option<SnapshotPolicy>,
    /// Where REST and streams are served.
    pub address: SocketAddr,
    /// How they are served.
    pub serve: ServeOptions,
    /// The files of TLS; `None`: there is none.
    pub tls: Option<TlsOptions>,
    /// The file of API keys.
    pub keys_file: Option<PathBuf>,
    /// Where the venue is administered; `None`: nowhere.
    pub admin: Option<AdminConfig>,
    /// Where and how FIX is served; `None`: nowhere.
    pub fix: Option<FixConfig>,
    /// Where and how the binary protocol is served; `None`: nowhere.
    pub binary: Option<BinaryConfig>,
    /// Where and how ITCH is served; `None`: nowhere.
    pub itch: Option<FeedConfig>,
    /// Where and how market data are served as records; `None`: nowhere.
    pub market: Option<MarketConfig>,
    /// Where and how OUCH is served; `None`: nowhere.
    pub ouch: Option<OuchConfig>,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where threads run.
    pub threads: ThreadConfig,
}

/// Where a venue is administered, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminConfig {
    /// The address.
    pub address: SocketAddr,
    /// Where the token is.
    pub token: TokenSource,
}

/// Where a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// In a file that nobody but its owner may see.
    File(PathBuf),
    /// In a variable of the environment.
    Environment(String),
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// As [`LogOptions::levels`].
    pub levels: String,
    /// As text or JSON.
    pub format: LogFormat,
}

/// Where threads run, and how the core thread waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadConfig {
    /// The core of the core thread; `None`: the system's choice.
    pub core_cpu: Option<usize>,
    /// The core of the serving thread.
    pub serve_cpu: Option<usize>,
    /// The core of the follower.
    pub follower_cpu: Option<usize>,
    /// What the core thread does while there is nothing to do.
    pub wait: WaitKind,
    /// How long the serving thread sleeps at most while other gateways trade.
    pub patience: Duration,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self {
            core_cpu: None,
            serve_cpu: None,
            follower_cpu: None,
            wait: WaitKind::default(),
            patience: PATIENCE,
        }
    }
}

impl Default for VenueConfig {
    fn default() -> Self {
        Self {
            store_path: "tiercel-venue".into(),
            durability: Durability::Disk,
            snapshots: Some(SnapshotPolicy::default()),
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            serve: ServeOptions::default(),
            tls: None,
            keys_file: None,
            admin: None,
            fix: None,
            binary: None,
            itch: None,
            market: None,
            ouch: None,
            log: LogConfig { levels: LogOptions::default().levels, format: LogFormat::Text },
            threads: ThreadConfig::default(),
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

/// A number, a text, and so on, that knows where it stands.
type Given<T> = Option<Spanned<T>>;

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident { $($key:ident: $type:ty),+ $(,)? })+) => {
        $($(#[$doc])*
        #[derive(Deserialize, Default)]
        #[serde(deny_unknown_fields, default)]
        struct $table {
            $($key: $type),+
        })+
    };
}

tables! {
    File {
        store: StoreTable,
        snapshots: SnapshotsTable,
        http: HttpTable,
        tls: TlsTable,
        limits: LimitsTable,
        instruments: Vec<Spanned<InstrumentTable>>,
        keys: KeysTable,
        admin: AdminTable,
        fix: FixTable,
        binary: BinaryTable,
        itch: ItchTable,
        market: MarketTable,
        ouch: OuchTable,
        log: LogTable,
        threads: ThreadsTable,
    }
    StoreTable { path: Given<PathBuf>, durability: Given<String> }
    SnapshotsTable { enabled: Option<bool>, commands: Given<u64>, interval_s: Given<u64> }
    HttpTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        allow_plain: Option<bool>,
        connections_max: Given<u64>,
        connections_per_address: Given<u64>,
        body_bytes_max: Given<u64>,
        header_timeout_s: Given<u64>,
        request_timeout_s: Given<u64>,
        send_timeout_s: Given<u64>,
        cors_origins: Given<Vec<String>>,
        metrics: Option<bool>,
    }
    TlsTable {
        certificate: Given<PathBuf>,
        private_key: Given<PathBuf>,
        client_ca: Given<PathBuf>,
    }
    LimitsTable {
        weight_1m: Given<u64>,
        refusals_1m: Given<u64>,
        orders_10s: Given<u64>,
        orders_1d: Given<u64>,
        streams_per_connection: Given<u64>,
        stream_messages_1s: Given<u64>,
        native_channels_per_connection: Given<u64>,
        native_messages_1s: Given<u64>,
    }
    InstrumentTable {
        symbol: Given<String>,
        max_num_orders: Given<u64>,
        max_num_algo_orders: Given<u64>,
        max_num_iceberg_orders: Given<u64>,
    }
    KeysTable { file: Given<PathBuf> }
    AdminTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        token_file: Given<PathBuf>,
        token_env: Given<String>,
    }
    FixTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        allow_plain: Option<bool>,
        comp_id: Given<String>,
        store: Given<PathBuf>,
        dictionary: Given<PathBuf>,
        connections_max: Given<u64>,
        logon_timeout_s: Given<u64>,
        unsent_bytes_max: Given<u64>,
        sessions: Given<Vec<Spanned<SessionTable>>>,
        thread: Given<String>,
        wait: Given<String>,
        cpu: Given<u64>,
    }
    BinaryTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        allow_plain: Option<bool>,
        store: Given<PathBuf>,
        answers_kept: Given<u64>,
        connections_max: Given<u64>,
        logins_per_address: Given<u64>,
        login_timeout_s: Given<u64>,
        send_timeout_s: Given<u64>,
        reactor: Given<String>,
        thread: Given<String>,
        wait: Given<String>,
        cpu: Given<u64>,
    }
    ItchTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        targets: Given<Vec<String>>,
        interface: Given<String>,
        hops: Given<u64>,
        requests: Given<String>,
        datagram_bytes_max: Given<u64>,
        connections_max: Given<u64>,
        send_timeout_s: Given<u64>,
        store: Given<PathBuf>,
        sessions_kept: Given<u64>,
        thread: Given<String>,
        cpu: Given<u64>,
        wait: Given<String>,
    }
    MarketTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        connections_max: Given<u64>,
        waiting_bytes_max: Given<u64>,
        send_timeout_s: Given<u64>,
        heartbeat_ms: Given<u64>,
        thread: Given<String>,
        cpu: Given<u64>,
        wait: Given<String>,
    }
    OuchTable {
        address: Given<String>,
        allow_remote: Option<bool>,
        allow_plain: Option<bool>,
        store: Given<PathBuf>,
        connections_max: Given<u64>,
        send_timeout_s: Given<u64>,
        sessions: Given<Vec<Spanned<OuchSessionTable>>>,
        thread: Given<String>,
        cpu: Given<u64>,
        wait: Given<String>,
    }
    LogTable { levels: Given<String>, format: Given<String> }
    ThreadsTable {
        wait: Given<String>,
        core_cpu: Given<u64>,
        serve_cpu: Given<u64>,
        follower_cpu: Given<u64>,
        patience_us: Given<u64>,
    }
}

/// Who may log on, as a configuration says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionTable {
    comp_id: String,
    api_key: String,
    #[serde(default)]
    reset_on_logon: bool,
    #[serde(default)]
    reset_on_logout: bool,
    #[serde(default)]
    reset_on_disconnect: bool,
    hours: Option<String>,
}

/// Who may log on to OUCH, as a configuration says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OuchSessionTable {
    user: String,
    api_key: String,
    #[serde(default)]
    cancel_on_disconnect: bool,
}

impl VenueConfig {
    /// Keeps the store in another folder, with what lies in it unless it is told another place.
    pub fn move_store(&mut self, folder: &Path) {
        if let Some(fix) = &mut self.fix
            && fix.options.store.as_deref() == Some(&self.store_path.join("fix"))
        {
            fix.options.store = Some(folder.join("fix"));
        }
        if let Some(binary) = &mut self.binary
            && binary.options.store == self.store_path.join("binary")
        {
            binary.options.store = folder.join("binary");
        }
        if let Some(itch) = &mut self.itch
            && itch.store == self.store_path.join("itch")
        {
            itch.store = folder.join("itch");
        }
        if let Some(ouch) = &mut self.ouch
            && ouch.options.store.as_deref() == Some(&self.store_path.join("ouch"))
        {
            ouch.options.store = Some(folder.join("ouch"));
        }
        folder.clone_into(&mut self.store_path);
    }

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
        let tls = lines.tls(file.tls)?;
        let address = lines.address(&file.http, tls.is_some())?;
        let store_path = lines.path(file.store.path, "store.path")?.unwrap_or(defaults.store_path);
        Ok(Self {
            fix: lines.fix(file.fix, &store_path, tls.is_some())?,
            binary: lines.binary(file.binary, &store_path)?,
            itch: lines.itch(file.itch, &store_path)?,
            market: lines.market(&file.market)?,
            ouch: lines.ouch(file.ouch, &store_path, tls.is_some())?,
            store_path,
            durability: lines.durability(file.store.durability.as_ref())?,
            snapshots: lines.snapshots(&file.snapshots)?,
            address,
            serve: ServeOptions {
                open_orders: lines.open_orders(&file.instruments)?,
                ..lines.serve(&file.http, &file.limits)?
            },
            admin: lines.admin(file.admin, address, tls.is_some())?,
            tls,
            keys_file: lines.path(file.keys.file, "keys.file")?,
            log: lines.log(&file.log)?,
            threads: lines.threads(&file.threads)?,
        })
    }
}

#[cfg(test)]
mod tests;
