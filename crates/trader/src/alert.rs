//! What is worth waking somebody, told once when it begins and once when it is over.
//!
//! ```text
//!   hot thread: state (a snapshot) ----> Alarm's thread: Watch --alerts--> Sinks: log, file
//!   hot thread: why, by a channel  -------^                                  +--> Webhook's thread --> HTTP
//! ```
//!
//! The hot thread waits for none of this: what does not fit into the channel is not told as a reason, and the trouble
//! itself is in the state.

mod alarm;
mod sinks;
mod watch;
mod webhook;

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;
use tiercel_host::secret::SecretError;
use tiercel_telemetry::RegistryError;

pub use alarm::{Alarm, Ear, Heard, Outcome};
pub use sinks::{Say, Sinks};
pub use watch::{Watch, WatchOptions};
pub use webhook::Webhook;

/// Why nobody can be told.
#[derive(Debug, Error)]
pub enum AlertError {
    /// The file of alerts.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file of the webhook's token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What is in it cannot stand in a header.
    #[error("{0}: a token of more than visible characters")]
    Token(PathBuf),
    /// Metrics.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The system's refusal, or what is wrong with the webhook's authorities.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// What is the matter. The names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The gate lets positions be reduced alone, or nothing but cancels through.
    Mode,
    /// A venue is left alone.
    BreakerOpen,
    /// What is known of a market is of the past.
    MarketStale,
    /// A connection is gone.
    LineDown,
    /// Nobody knows what became of orders.
    OrderUnknown,
    /// Things happen that should not.
    Anomaly,
    /// The journal cannot be written.
    JournalFailed,
    /// The strategy has not begun.
    NotActing,
    /// A venue says something else at the start than was known.
    Difference,
    /// The trader has ended.
    Ended,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mode,
        Self::BreakerOpen,
        Self::MarketStale,
        Self::LineDown,
        Self::OrderUnknown,
        Self::Anomaly,
        Self::JournalFailed,
        Self::NotActing,
        Self::Difference,
        Self::Ended,
    ];

    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::BreakerOpen => "breaker_open",
            Self::MarketStale => "market_stale",
            Self::LineDown => "line_down",
            Self::OrderUnknown => "order_unknown",
            Self::Anomaly => "anomaly",
            Self::JournalFailed => "journal_failed",
            Self::NotActing => "not_acting",
            Self::Difference => "difference",
            Self::Ended => "ended",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It trades less than it should.
    Warning,
    /// Somebody has to look.
    Critical,
}

/// Something to be told, or that it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// From 1, without a gap: what is missing was dropped on the way, what is there twice was posted twice.
    pub number: u64,
    /// Which trader's.
    pub source: String,
    /// What is the matter. The same code and subject are the same trouble.
    pub code: Code,
    /// With which line, venue or market; empty: the trader itself.
    pub subject: String,
    /// How bad it is; of what is over, how bad it was.
    pub severity: Severity,
    /// In words.
    pub text: String,
    /// When it was found, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Whether it is over.
    pub resolved: bool,
}
