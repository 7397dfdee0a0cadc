//! What a venue says of its instruments, before anything is traded: `exchangeInfo` of the Binance interface, which
//! our venue has too.

use std::io;

use serde::Deserialize;
use thiserror::Error;
use tiercel_strategy::Terms;
use tiercel_types::{InstrumentId, Money, Price, Qty, Symbol};
use tiercel_wire::binance::answer::{Interval, LimitKind};

use crate::rest::{Answer, Rest};

/// Why instruments are not known.
#[derive(Debug, Error)]
pub enum InstrumentError {
    /// The venue does not answer, or not with what was asked for.
    #[error("{url}: {what}")]
    Request {
        /// What was asked.
        url: String,
        /// What came of it.
        what: String,
    },
    /// There is no such instrument, or it cannot be traded like this.
    #[error("{}: {what}", .symbol.as_str())]
    Instrument {
        /// Which.
        symbol: Symbol,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExchangeInfo {
    symbols: Vec<Listed>,
    #[serde(default)]
    rate_limits: Vec<ListedLimit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedLimit {
    rate_limit_type: String,
    interval: String,
    interval_num: u64,
    limit: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    symbol: String,
    base_asset: String,
    quote_asset: String,
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(rename = "filterType")]
    kind: String,
    tick_size: Option<String>,
    step_size: Option<String>,
    min_qty: Option<String>,
    min_notional: Option<String>,
}

/// An instrument, as its venue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its steps and smallest orders.
    pub terms: Terms,
    /// What is traded.
    pub base_asset: String,
    /// What is paid with.
    pub quote_asset: String,
}

/// A limit of requests: how much of what, in how many of which intervals.
pub type RequestLimit = (LimitKind, Interval, u64, u64);

/// What a venue lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The instruments that were wanted, in that order.
    pub instruments: Vec<Instrument>,
    /// What it allows of requests.
    pub limits: Vec<RequestLimit>,
}

/// Asks the venue for instruments, which the trader numbers so, and for its limits of requests.
///
/// # Errors
/// [`InstrumentError`].
pub fn fetch(rest: &Rest, wanted: &[(Symbol, InstrumentId)]) -> Result<Listing, InstrumentError> {
    const PATH: &str = "/api/v3/exchangeInfo";
    let failed = |what: String| InstrumentError::Request { url: rest.url(PATH), what };
    let answer = rest.get(PATH, "").and_then(Answer::done);
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    let info: ExchangeInfo = serde_json::from_slice(&answer.text)
        .map_err(|error| failed(io::Error::from(error).to_string()))?;
    let instruments = wanted.iter().map(|(symbol, instrument)| find(&info, *symbol, *instrument));
    // Limits of kinds that are not known here cannot be counted.
    let limits = info.rate_limits.iter().filter_map(|listed| {
        let kind = LimitKind::from_text(&listed.rate_limit_type)?;
        Some((kind, Interval::from_text(&listed.interval)?, listed.interval_num, listed.limit))
    });
    Ok(Listing { instruments: instruments.collect::<Result<_, _>>()?, limits: limits.collect() })
}

fn find(
    info: &ExchangeInfo,
    symbol: Symbol,
    instrument: InstrumentId,
) -> Result<Instrument, InstrumentError> {
    let wrong = |what| InstrumentError::Instrument { symbol, what };
    let listed = info.symbols.iter().find(|listed| listed.symbol == symbol.as_str());
    let listed = listed.ok_or(wrong("the venue does not list it"))?;
    let filter = |kind: &str| listed.filters.iter().find(|filter| filter.kind == kind);
    let price = filter("PRICE_FILTER").and_then(|filter| filter.tick_size.as_deref());
    let tick: Price =
        price.and_then(|text| text.parse().ok()).ok_or(wrong("it has no tick size"))?;
    let lots = filter("LOT_SIZE").ok_or(wrong("it has no lot size"))?;
    let step = lots.step_size.as_deref().and_then(|text| text.parse().ok());
    let lot: Qty = step.ok_or(wrong("it has no lot size"))?;
    let qty_min = lots.min_qty.as_deref().and_then(|text| text.parse().ok()).unwrap_or(lot);
    let notional = filter("NOTIONAL").or_else(|| filter("MIN_NOTIONAL"));
    let notional: Option<Qty> = notional
        .and_then(|filter| filter.min_notional.as_deref())
        .and_then(|text| text.parse().ok());
    if tick.units() <= 0 || lot.is_zero() {
        return Err(wrong("its steps are zero"));
    }
    let notional_min = notional.map_or(Money::ZERO, Money::from_qty);
    Ok(Instrument {
        terms: Terms { instrument, tick, lot, qty_min, notional_min },
        base_asset: listed.base_asset.clone(),
        quote_asset: listed.quote_asset.clone(),
    })
}
