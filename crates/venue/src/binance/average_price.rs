//! The average price of the last minutes: asked for, and on a stream.

use serde::Serialize;
use tiercel_types::{InstrumentSpec, Price, Timestamp};

use super::answer::{Decimal, NANOS_PER_MILLI, write};
use super::error::ApiError;
use super::params::Params;
use super::questions::instrument;
use super::statistics::{MINUTE_NS, average};
use super::stream::message;
use crate::models::Models;

/// Over how many minutes prices are averaged.
const AVERAGE_MINUTES: u64 = 5;

/// The average price of the last minutes, and when the last trade was.
struct Average {
    price: Price,
    last_trade_ms: u64,
}

impl Average {
    /// Before the first trade all of it is zero; where nothing traded lately, the last price.
    fn of(models: &Models, spec: &InstrumentSpec, now: Timestamp) -> Self {
        let window = models.window(spec.instrument, now, AVERAGE_MINUTES * MINUTE_NS);
        let last = models.trades().of(spec.instrument).next_back();
        let price = match window.day {
            Some(traded) => average(traded.quote, traded.base),
            None => window.last.unwrap_or_default(),
        };
        Self { price, last_trade_ms: last.map_or(0, |trade| trade.time.0 / NANOS_PER_MILLI) }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AverageAnswer {
    mins: u64,
    price: Decimal<Price>,
    close_time: u64,
}

/// `GET avgPrice`.
///
/// # Errors
/// For parameters that are wrong.
pub fn average_price(
    models: &Models,
    params: &Params<'_>,
    now: Timestamp,
) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    params.finish()?;
    let Average { price, last_trade_ms } = Average::of(models, &spec, now);
    write(&AverageAnswer {
        mins: AVERAGE_MINUTES,
        price: Decimal(price),
        close_time: last_trade_ms,
    })
}

#[derive(Debug, Serialize)]
struct AverageMessage {
    i: &'static str,
    w: Decimal<Price>,
    #[serde(rename = "T")]
    last_trade_time: u64,
}

/// The average price on a stream.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn average_message(
    models: &Models,
    spec: &InstrumentSpec,
    now: Timestamp,
) -> Result<String, ApiError> {
    let Average { price, last_trade_ms } = Average::of(models, spec, now);
    let body = AverageMessage { i: "5m", w: Decimal(price), last_trade_time: last_trade_ms };
    message("avgPrice", now.0 / NANOS_PER_MILLI, spec, body)
}
