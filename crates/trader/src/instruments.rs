//! What a venue says of its instruments, before anything is traded: `exchangeInfo` of the Binance interface, which
//! our venue has too.

use std::io;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tiercel_strategy::Terms;
use tiercel_types::{InstrumentId, Money, Price, Qty, Symbol};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

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

/// Asks the venue at `rest` for instruments, which the trader numbers so.
///
/// # Errors
/// [`InstrumentError`].
pub fn fetch(
    rest: &str,
    wanted: &[(Symbol, InstrumentId)],
) -> Result<Vec<Instrument>, InstrumentError> {
    let url = format!("{rest}/api/v3/exchangeInfo");
    let failed = |what: String| InstrumentError::Request { url: url.clone(), what };
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    let text = agent
        .get(&url)
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .map_err(|error| failed(error.to_string()))?;
    let info: ExchangeInfo =
        serde_json::from_str(&text).map_err(|error| failed(io::Error::from(error).to_string()))?;
    wanted.iter().map(|(symbol, instrument)| find(&info, *symbol, *instrument)).collect()
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
