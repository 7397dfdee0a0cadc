//! What trading costs: the rates of a symbol, told in the three forms that the interface has.

use serde_json::json;
use tiercel_types::InstrumentSpec;

use super::error::ApiError;
use super::params::Params;
use super::questions::instrument;
use crate::models::Models;

/// The rates that trades of a symbol are charged at: `0.00100000`, negative of a rebate.
fn rate(ppm: i32) -> String {
    let size = ppm.unsigned_abs();
    format!("{}0.{size:06}00", if ppm < 0 { "-" } else { "" })
}

/// Rates for both ways to trade, and for both sides where the answer has them.
fn rates(maker: i32, taker: i32, sides: bool) -> serde_json::Value {
    let mut rates = json!({ "maker": rate(maker), "taker": rate(taker) });
    if sides {
        rates["buyer"] = rate(0).into();
        rates["seller"] = rate(0).into();
    }
    rates
}

/// Nothing is paid in another asset than what is received.
fn no_discount() -> serde_json::Value {
    json!({
        "enabledForAccount": false,
        "enabledForSymbol": false,
        "discountAsset": "BNB",
        "discount": "0.00000000",
    })
}

/// `GET account/commission`.
///
/// # Errors
/// For parameters that are wrong.
pub fn commission(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let spec = instrument(models, params)?;
    params.finish()?;
    Ok(json!({
        "symbol": spec.symbol.as_str(),
        "standardCommission": rates(spec.maker_fee_ppm, spec.taker_fee_ppm, true),
        "specialCommission": rates(0, 0, true),
        "taxCommission": rates(0, 0, true),
        "discount": no_discount(),
    })
    .to_string())
}

/// `GET /sapi/v1/asset/tradeFee`: of one symbol, or of all.
///
/// # Errors
/// For parameters that are wrong, and symbols that there are not.
pub fn trade_fees(models: &Models, params: &Params<'_>) -> Result<String, ApiError> {
    let one = params.has("symbol").then(|| instrument(models, params)).transpose()?;
    params.finish()?;
    let fees: Vec<_> = models
        .instruments()
        .iter()
        .filter(|spec| one.is_none_or(|one| one.instrument == spec.instrument))
        .map(|spec| {
            json!({
                "symbol": spec.symbol.as_str(),
                "makerCommission": rate(spec.maker_fee_ppm),
                "takerCommission": rate(spec.taker_fee_ppm),
            })
        })
        .collect();
    Ok(serde_json::Value::from(fees).to_string())
}

/// The answer to `POST order/test` that asks for the rates of the order.
pub fn test_commission(spec: &InstrumentSpec) -> String {
    json!({
        "standardCommissionForOrder": rates(spec.maker_fee_ppm, spec.taker_fee_ppm, false),
        "specialCommissionForOrder": rates(0, 0, false),
        "taxCommissionForOrder": rates(0, 0, false),
        "discount": no_discount(),
    })
    .to_string()
}
