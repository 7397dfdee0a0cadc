//! Who is told of trouble, and when it is worth that.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// A minute: a webhook that takes longer is as good as none.
const TIMEOUT_MAX_MS: u64 = 60_000;

/// What is told, and to whom (docs/trading.md).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsTable {
    /// Who has the trouble, in each alert; without it, `trader` and its number.
    pub source: Option<String>,
    /// Whether alerts are lines of JSON among the program's messages.
    pub log: bool,
    /// They are appended to this file, too.
    pub file: Option<PathBuf>,
    /// How long a market may be stale before that is told.
    pub market_stale_s: u64,
    /// How long a connection may be gone.
    pub line_down_s: u64,
    /// How long the outcome of an order may be unknown.
    pub order_unknown_s: u64,
    /// How long the strategy may not act.
    pub not_acting_s: u64,
    /// After how long without another one anomalies are over.
    pub anomaly_quiet_s: u64,
    /// They are posted there, too.
    pub webhook: Option<WebhookTable>,
}

impl Default for AlertsTable {
    fn default() -> Self {
        Self {
            source: None,
            log: true,
            file: None,
            market_stale_s: 10,
            line_down_s: 10,
            order_unknown_s: 10,
            not_acting_s: 30,
            anomaly_quiet_s: 60,
            webhook: None,
        }
    }
}

/// Where alerts are posted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookTable {
    /// `http://...` or `https://...`.
    pub url: String,
    /// The file of a token, which nobody but its owner may see: it is shown as `Authorization: Bearer TOKEN`.
    pub token_file: Option<PathBuf>,
    /// Whom TLS trusts: a file of certificates in PEM. Needed for `https`.
    pub tls_roots: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout_ms: u64,
    /// The wait before the second attempt; it doubles with each.
    pub retry_first_ms: u64,
    /// The longest wait.
    pub retry_max_ms: u64,
    /// Attempts for one alert before it is given up.
    pub attempts_max: u32,
    /// Alerts that wait, at most: then the oldest is dropped.
    pub waiting_max: usize,
}

impl Default for WebhookTable {
    fn default() -> Self {
        Self {
            url: String::new(),
            token_file: None,
            tls_roots: None,
            timeout_ms: 5_000,
            retry_first_ms: 500,
            retry_max_ms: 30_000,
            attempts_max: 20,
            waiting_max: 256,
        }
    }
}

impl AlertsTable {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let Some(webhook) = &self.webhook else { return Ok(()) };
        webhook.fault().map_or(Ok(()), |(key, what)| {
            Err(ConfigError::Value { key: format!("alerts.webhook.{key}"), what: what.to_owned() })
        })
    }
}

impl WebhookTable {
    /// What is wrong with it, and by which key.
    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let host = ["http://", "https://"].iter().find_map(|scheme| self.url.strip_prefix(scheme));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            return Some(("url", "neither http://... nor https://..."));
        }
        if self.url.starts_with("https://") && self.tls_roots.is_none() {
            return Some(("tls_roots", "is needed for https"));
        }
        if !(1..=TIMEOUT_MAX_MS).contains(&self.timeout_ms) {
            return Some(("timeout_ms", "not from 1 to 60000"));
        }
        if self.retry_first_ms == 0 {
            return Some(("retry_first_ms", "below 1"));
        }
        if self.retry_max_ms < self.retry_first_ms {
            return Some(("retry_max_ms", "below retry_first_ms"));
        }
        if self.attempts_max == 0 {
            return Some(("attempts_max", "below 1"));
        }
        if self.waiting_max == 0 {
            return Some(("waiting_max", "below 1"));
        }
        None
    }
}
