//! How a trader is configured: TOML, with the line and the key of each mistake.

mod alerts;
mod breaker;
mod paper;
mod route;
mod source;
pub(crate) mod venue;

pub use alerts::{AlertsTable, WebhookTable};
pub use breaker::BreakerTable;
pub use paper::{FeeAssetName, PaperTable, QueueName};
pub use route::{RouteTable, RouteVenueTable};
pub use source::{BusTable, CaptureTable, ItchTable, SpeedName};
pub use venue::{OrdersOver, VenueKind, VenueTable};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use thiserror::Error;
use tiercel_execution::breaker::BreakerOptions;
use tiercel_execution::oms::OmsOptions;
use tiercel_execution::risk::{GlobalLimits, Limits};
use tiercel_types::{Money, Price, Qty, Symbol};

/// An example with every key, its default and its meaning: what `--print-config` prints.
pub const TEMPLATE: &str = include_str!("config/template.toml");

/// One millisecond.
const MILLISECOND_NS: u64 = 1_000_000;

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no TOML, or a key has a value that it cannot have.
    #[error("{0}")]
    Toml(String),
    /// Values that do not go together.
    #[error("{key}: {what}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong.
        what: String,
    },
}

/// A trader's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraderConfig {
    /// The trader itself.
    #[serde(default)]
    pub trader: TraderTable,
    /// What it does.
    pub strategy: StrategyTable,
    /// Where it trades.
    #[serde(rename = "venue", default)]
    pub venues: Vec<VenueTable>,
    /// What it trades.
    #[serde(rename = "instrument", default)]
    pub instruments: Vec<InstrumentTable>,
    /// Instruments of several venues that the strategy sees as one.
    #[serde(rename = "route", default)]
    pub routes: Vec<RouteTable>,
    /// What all orders together are held to.
    #[serde(default)]
    pub risk: RiskTable,
    /// How orders are followed.
    #[serde(default)]
    pub orders: OrdersTable,
    /// When a venue that fails is left alone.
    #[serde(default)]
    pub breaker: BreakerTable,
    /// Who is told of trouble.
    #[serde(default)]
    pub alerts: AlertsTable,
    /// Orders go to a paper venue, if there is one.
    pub paper: Option<PaperTable>,
}

/// How the thread waits while there is nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitName {
    /// It looks for some time, and then sleeps until a socket is ready.
    #[default]
    SpinThenSleep,
    /// It never stops looking.
    BusySpin,
}

/// The trader itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraderTable {
    /// Its number among the traders of an account, below 32: it is part of its orders' names.
    pub number: u8,
    /// The folder of its journal and its strategy's state.
    pub store: PathBuf,
    /// The core of its thread; without it, the system's choice.
    pub cpu: Option<usize>,
    /// What the thread does while there is nothing to do.
    pub wait: WaitName,
    /// Where `/metrics` and `/health` are; without it, nowhere.
    pub http: Option<SocketAddr>,
    /// The file of the token that who halts or enables it over HTTP has to show; without it nobody may.
    pub token_file: Option<PathBuf>,
    /// While this file is there, nothing but cancels leaves, and nobody enables it.
    pub kill_file: Option<PathBuf>,
    /// How long a market may be silent before what is known of it counts as of the past.
    #[serde(deserialize_with = "above_zero")]
    pub silence_max_ms: u64,
}

impl Default for TraderTable {
    fn default() -> Self {
        Self {
            number: 0,
            store: PathBuf::from("trader-store"),
            cpu: None,
            wait: WaitName::default(),
            http: None,
            token_file: None,
            kill_file: None,
            silence_max_ms: 5_000,
        }
    }
}

/// What the trader does.
#[derive(Clone, Debug, Deserialize)]
pub struct StrategyTable {
    /// Its name.
    pub name: String,
    /// Its parameters.
    #[serde(flatten)]
    pub parameters: toml::Table,
}

/// An instrument, and what its orders are held to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentTable {
    /// The venue's [name](VenueTable::name).
    pub venue: String,
    /// The venue's name for it.
    #[serde(deserialize_with = "symbol")]
    pub symbol: Symbol,
    /// It may not be traded.
    #[serde(default)]
    pub restricted: bool,
    /// Of one order.
    #[serde(deserialize_with = "decimal")]
    pub qty_max: Qty,
    /// Of one order, in the quote asset.
    #[serde(deserialize_with = "amount")]
    pub notional_max: Money,
    /// Long or short, with all that is open.
    #[serde(deserialize_with = "decimal")]
    pub position_max: Qty,
    /// Orders at once.
    #[serde(default = "open_orders_default")]
    pub open_orders_max: u32,
    /// How far through the other side's best price, in basis points.
    #[serde(default = "touch_default")]
    pub touch_collar_bps: u32,
    /// How far from the last trade, in basis points.
    #[serde(default = "trade_default")]
    pub trade_collar_bps: u32,
    /// How old the touch may be.
    #[serde(default = "age_default", deserialize_with = "above_zero")]
    pub reference_age_max_ms: u64,
}

const fn open_orders_default() -> u32 {
    16
}

const fn touch_default() -> u32 {
    50
}

const fn trade_default() -> u32 {
    200
}

const fn age_default() -> u64 {
    2_000
}

impl InstrumentTable {
    /// The same for the gate.
    pub const fn limits(&self) -> Limits {
        Limits {
            restricted: self.restricted,
            qty_max: self.qty_max,
            notional_max: self.notional_max,
            touch_collar_bps: self.touch_collar_bps,
            trade_collar_bps: self.trade_collar_bps,
            reference_age_max_ns: self.reference_age_max_ms.saturating_mul(MILLISECOND_NS),
            position_max: self.position_max,
            open_orders_max: self.open_orders_max,
        }
    }
}

/// What all orders together are held to. Amounts are of the quote asset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskTable {
    /// Orders that may leave in `rate_window_ms`.
    pub rate_max: u32,
    /// Over how long.
    #[serde(deserialize_with = "above_zero")]
    pub rate_window_ms: u64,
    /// How long an order keeps others like it back.
    pub duplicate_window_us: u64,
    /// Orders open at once, of all instruments.
    pub open_orders_max: u32,
    /// What is owned, at cost, and all that is open.
    #[serde(deserialize_with = "amount")]
    pub credit: Money,
    /// A loss of the day that lets positions be reduced alone.
    #[serde(deserialize_with = "amount")]
    pub loss_reducing: Money,
    /// One that halts.
    #[serde(deserialize_with = "amount")]
    pub loss_halting: Money,
    /// A fall from the day's best that lets positions be reduced alone.
    #[serde(deserialize_with = "amount")]
    pub drawdown_reducing: Money,
    /// One that halts.
    #[serde(deserialize_with = "amount")]
    pub drawdown_halting: Money,
}

/// So many whole units of an asset.
const fn whole(amount: u64) -> Money {
    Money::of(Price::from_units(100_000_000), Qty::from_units(amount * 100_000_000))
}

impl Default for RiskTable {
    fn default() -> Self {
        Self {
            rate_max: 1_000,
            rate_window_ms: 1_000,
            duplicate_window_us: 0,
            open_orders_max: 64,
            credit: whole(1_000_000),
            loss_reducing: whole(1_000),
            loss_halting: whole(2_000),
            drawdown_reducing: whole(2_000),
            drawdown_halting: whole(4_000),
        }
    }
}

impl RiskTable {
    /// The same for the gate.
    pub const fn limits(&self) -> GlobalLimits {
        GlobalLimits {
            rate_max: self.rate_max,
            rate_window_ns: self.rate_window_ms.saturating_mul(MILLISECOND_NS),
            duplicate_window_ns: self.duplicate_window_us.saturating_mul(1_000),
            open_orders_max: self.open_orders_max,
            credit: self.credit,
            loss_reducing: self.loss_reducing,
            loss_halting: self.loss_halting,
            drawdown_reducing: self.drawdown_reducing,
            drawdown_halting: self.drawdown_halting,
        }
    }
}

/// How orders are followed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrdersTable {
    /// Orders at once, those included that ended a moment ago.
    pub orders_max: u16,
    /// How long an answer may take before the outcome counts as unknown.
    #[serde(deserialize_with = "above_zero")]
    pub answer_timeout_ms: u64,
    /// How long until it is asked for again.
    #[serde(deserialize_with = "above_zero")]
    pub ask_interval_ms: u64,
}

impl Default for OrdersTable {
    fn default() -> Self {
        let OmsOptions { orders_max, answer_timeout_ns, ask_interval_ns, .. } =
            OmsOptions::default();
        Self {
            orders_max,
            answer_timeout_ms: answer_timeout_ns / MILLISECOND_NS,
            ask_interval_ms: ask_interval_ns / MILLISECOND_NS,
        }
    }
}

impl OrdersTable {
    /// The same for the orders, with breakers as they are unless said.
    pub const fn options(&self) -> OmsOptions {
        OmsOptions {
            orders_max: self.orders_max,
            answer_timeout_ns: self.answer_timeout_ms.saturating_mul(MILLISECOND_NS),
            ask_interval_ns: self.ask_interval_ms.saturating_mul(MILLISECOND_NS),
            breaker: BreakerOptions::DEFAULT,
        }
    }
}

fn decimal<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    from: D,
) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// An amount of money, as a decimal of at most eight places.
fn amount<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
    decimal::<D, Qty>(from).map(Money::from_qty)
}

/// A time or an interval without which nothing works.
pub(crate) fn above_zero<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default + PartialEq>(
    from: D,
) -> Result<T, D::Error> {
    let value = T::deserialize(from)?;
    if value == T::default() {
        return Err(serde::de::Error::custom("zero: it has to be above that"));
    }
    Ok(value)
}

fn symbol<'de, D: Deserializer<'de>>(from: D) -> Result<Symbol, D::Error> {
    let text = String::deserialize(from)?;
    Symbol::new(text.as_bytes()).map_err(serde::de::Error::custom)
}

/// Reads a configuration, and checks it.
pub(crate) fn read<C: DeserializeOwned>(
    text: &str,
    check: impl FnOnce(&C) -> Result<(), ConfigError>,
) -> Result<C, ConfigError> {
    let config: C = toml::from_str(text).map_err(|error| ConfigError::Toml(error.to_string()))?;
    check(&config)?;
    Ok(config)
}

impl FromStr for TraderConfig {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        read(text, Self::check)
    }
}

impl TraderConfig {
    /// Whether there is all that it takes to trade at the venues themselves.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: what is missing.
    pub fn check_keys(&self) -> Result<(), ConfigError> {
        for venue in &self.venues {
            for (key, is_missing) in [
                ("orders", venue.orders.is_empty()),
                ("key", venue.key.is_empty()),
                ("secret_file", venue.secret_file.as_os_str().is_empty()),
            ] {
                if is_missing {
                    let key = format!("venue {}: {key}", venue.name);
                    return Err(ConfigError::Value { key, what: "is missing".to_owned() });
                }
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let value = |key: &str, what: &str| {
            Err(ConfigError::Value { key: key.to_owned(), what: what.to_owned() })
        };
        if self.trader.number > 31 {
            return value("trader.number", "above 31");
        }
        if self.venues.is_empty() {
            return value("venue", "there is none");
        }
        if self.instruments.is_empty() {
            return value("instrument", "there is none");
        }
        if self.orders.orders_max < 2 {
            return value("orders.orders_max", "below 2");
        }
        if let Some((key, what)) = self.breaker.check() {
            return value(key, what);
        }
        for (at, venue) in self.venues.iter().enumerate() {
            if self.venues[..at].iter().any(|other| other.name == venue.name) {
                return value(&format!("venue {}", venue.name), "is there twice");
            }
            venue.check_source(self)?;
            venue::check_connections(&venue.name, venue.market_connections)?;
            if !(1..=60_000).contains(&venue.recv_window_ms) {
                let key = format!("venue {}: recv_window_ms", venue.name);
                return value(&key, "not from 1 to 60000");
            }
            if let Some((key, what)) = venue.check_orders() {
                return value(&format!("venue {}: {key}", venue.name), what);
            }
        }
        self.alerts.check()?;
        if let Some(paper) = &self.paper {
            paper.check()?;
        }
        for instrument in &self.instruments {
            if !self.venues.iter().any(|venue| venue.name == instrument.venue) {
                let key = format!("instrument {}", instrument.symbol.as_str());
                return value(&key, &format!("there is no venue {:?}", instrument.venue));
            }
        }
        for (at, route) in self.routes.iter().enumerate() {
            let key = format!("route {}", route.symbol.as_str());
            if self.routes[..at].iter().any(|other| other.symbol == route.symbol) {
                return value(&key, "is there twice");
            }
            if let Err(what) = route.instruments(&self.instruments) {
                return value(&key, &what);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::venue::{lifetime_default, recv_window_default, silence_default, two};
    use super::*;

    #[test]
    fn the_template_is_a_configuration_and_its_values_are_the_defaults() {
        let config: TraderConfig = TEMPLATE.parse().unwrap();
        let (risk, default) = (config.risk.limits(), RiskTable::default().limits());
        assert_eq!(risk, default);
        assert_eq!(config.orders.options(), OmsOptions::default());
        assert_eq!(config.breaker.options(), BreakerOptions::DEFAULT);
        assert_eq!(config.trader.silence_max_ms, TraderTable::default().silence_max_ms);
        assert_eq!((config.venues.len(), config.instruments.len()), (1, 1));
        let venue = &config.venues[0];
        assert_eq!(
            (venue.recv_window_ms, venue.market_connections, venue.lifetime_s),
            (recv_window_default(), two(), lifetime_default())
        );
        assert_eq!(venue.connection_silence_max_s, silence_default());
    }

    #[test]
    fn a_mistake_is_told_with_its_line_or_its_key() {
        let broken = TEMPLATE.replace("rate_max", "rate_most");
        let told = broken.parse::<TraderConfig>().unwrap_err().to_string();
        assert!(told.contains("rate_most") && told.contains("line"), "{told}");
        let elsewhere = TEMPLATE.replacen("venue = \"desk\"", "venue = \"other\"", 1);
        let told = elsewhere.parse::<TraderConfig>().unwrap_err().to_string();
        assert_eq!(told, "instrument BTCUSDT: there is no venue \"other\"");
        for (from, to, key) in [
            ("market_connections = 2", "market_connections = 3", "desk: market_connections"),
            ("recv_window_ms = 5000", "recv_window_ms = 60001", "desk: recv_window_ms"),
            ("# orders_over = \"fix\"", "orders_over = \"fix\"", "desk: comp_id"),
            ("# orders_over = \"fix\"", "orders_over = \"websocket\"", "desk: orders_over"),
            ("orders = \"127", "orders = \"tls://127", "desk: orders: there is no TLS"),
            ("failures_max = 5", "failures_max = 17", "breaker.failures_max"),
            ("wait_max_ms = 60000", "wait_max_ms = 999", "breaker.wait_max_ms"),
        ] {
            let told = TEMPLATE.replacen(from, to, 1).parse::<TraderConfig>().unwrap_err();
            assert!(told.to_string().contains(key), "{told}");
        }
        for key in [
            "silence_max_ms",
            "heartbeat_ms",
            "lifetime_s",
            "connection_silence_max_s",
            "reference_age_max_ms",
            "rate_window_ms",
            "answer_timeout_ms",
            "ask_interval_ms",
            "window_ms",
            "wait_first_ms",
        ] {
            let is_it = |line: &&str| line.split(" = ").next() == Some(key);
            let was = TEMPLATE.lines().find(is_it).unwrap();
            let at = TEMPLATE.lines().take_while(|line| line != &was).count() + 1;
            let zero = TEMPLATE.replacen(&format!("\n{was}\n"), &format!("\n{key} = 0\n"), 1);
            let told = zero.parse::<TraderConfig>().unwrap_err().to_string();
            let place = format!("line {at},");
            assert!(told.contains(&place) && told.contains(&format!("{key} = 0")), "{told}");
        }
        let odd = TEMPLATE.replacen("qty_max = \"1\"", "qty_max = \"1.123456789\"", 1);
        assert!(odd.parse::<TraderConfig>().unwrap_err().to_string().contains("qty_max"));
    }
}
