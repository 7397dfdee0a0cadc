//! What `exchangeInfo` says: the symbols, their filters, the limits of requests.

use serde_json::{Value, json};
use tiercel_types::instrument::PPM;
use tiercel_types::{
    AssetCode, InstrumentSpec, InstrumentState, Money, Price, Qty, SelfTradePrevention,
};

use super::filters::TRAILING_BPS_MAX;
use super::order::SELF_TRADE_PREVENTION_DEFAULT;
use super::rate_limit::RateLimits;
use super::words::{self, OrderType};
use crate::open_orders::{
    MAX_NUM_ALGO_ORDERS, MAX_NUM_ICEBERG_ORDERS, MAX_NUM_ORDERS, OpenOrderLimits,
};

/// Decimal places of everything on this interface.
const PLACES: u32 = tiercel_types::decimal::DECIMALS;

/// The engine denies orders of this value or more: 2^100 units of money.
const NOTIONAL_LIMIT: Money = Money::from_units(1 << 100);

/// A symbol as clients see it.
#[derive(Clone, Copy, Debug)]
pub struct SymbolInfo<'a> {
    /// Its terms.
    pub spec: &'a InstrumentSpec,
    /// Its state now.
    pub state: InstrumentState,
    /// What is bought and sold.
    pub base: AssetCode,
    /// What it is paid with.
    pub quote: AssetCode,
    /// How many orders an account may have open.
    pub open_orders: OpenOrderLimits,
}

/// The whole answer.
pub fn exchange_info<'a>(
    now_ms: u64,
    limits: &RateLimits,
    symbols: impl Iterator<Item = SymbolInfo<'a>>,
) -> Value {
    json!({
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": limits.to_json(),
        "exchangeFilters": [],
        "symbols": symbols.map(|info| symbol(&info)).collect::<Vec<_>>(),
    })
}

/// One symbol.
fn symbol(info: &SymbolInfo<'_>) -> Value {
    let spec = info.spec;
    let mut filters = filters(spec);
    filters.extend(open_order_filters(&info.open_orders));
    let modes: Vec<_> =
        SelfTradePrevention::ALL.iter().map(|mode| words::self_trade_prevention(*mode)).collect();
    json!({
        "symbol": spec.symbol.as_str(),
        "status": words::symbol_status(info.state),
        "baseAsset": info.base.as_str(),
        "baseAssetPrecision": PLACES,
        "quoteAsset": info.quote.as_str(),
        "quotePrecision": PLACES,
        "quoteAssetPrecision": PLACES,
        "baseCommissionPrecision": PLACES,
        "quoteCommissionPrecision": PLACES,
        "orderTypes": OrderType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "icebergAllowed": true,
        "ocoAllowed": true,
        "otoAllowed": true,
        "opoAllowed": false,
        "quoteOrderQtyMarketAllowed": spec.min_price.units() >= 0,
        "allowTrailingStop": spec.min_price.units() >= 0,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": false,
        "filters": filters,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode":
            words::self_trade_prevention(SELF_TRADE_PREVENTION_DEFAULT),
        "allowedSelfTradePreventionModes": modes,
    })
}

/// An instrument's bounds as filters. A bound that it does not have shows as the largest value
/// that the engine can hold, or the filter is left out where all of it would be missing.
pub fn filters(spec: &InstrumentSpec) -> Vec<Value> {
    let or = |units: u64, other: u64| if units == 0 { other } else { units };
    let lot = spec.lot.units().max(1);
    let min_qty = Qty::from_units(or(spec.min_qty.units(), lot));
    let max_qty = Qty::from_units(or(spec.max_qty.units(), u64::MAX - u64::MAX % lot));
    let lots = |name: &str| {
        json!({
            "filterType": name,
            "minQty": format!("{min_qty:.8}"),
            "maxQty": format!("{max_qty:.8}"),
            "stepSize": format!("{:.8}", spec.lot),
        })
    };
    let mut filters =
        vec![price_filter(spec), lots("LOT_SIZE"), lots("MARKET_LOT_SIZE"), notional(spec)];
    if spec.max_iceberg_parts > 0 {
        filters.push(json!({ "filterType": "ICEBERG_PARTS", "limit": spec.max_iceberg_parts }));
    }
    if spec.min_price.units() >= 0 {
        filters.push(json!({
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 1,
            "maxTrailingAboveDelta": TRAILING_BPS_MAX,
            "minTrailingBelowDelta": 1,
            "maxTrailingBelowDelta": TRAILING_BPS_MAX,
        }));
    }
    if spec.band_ppm > 0 {
        filters.push(json!({
            "filterType": "PERCENT_PRICE",
            "multiplierUp": parts_per_million(PPM.saturating_add(spec.band_ppm)),
            "multiplierDown": parts_per_million(PPM.saturating_sub(spec.band_ppm)),
            "avgPriceMins": 0,
        }));
    }
    filters
}

/// How many orders an account may have open; what has no limit is left out.
fn open_order_filters(limits: &OpenOrderLimits) -> impl Iterator<Item = Value> {
    let all = [
        (MAX_NUM_ORDERS, "maxNumOrders", limits.orders),
        (MAX_NUM_ALGO_ORDERS, "maxNumAlgoOrders", limits.algo_orders),
        (MAX_NUM_ICEBERG_ORDERS, "maxNumIcebergOrders", limits.iceberg_orders),
    ];
    let filter = |(name, field, limit): (_, &str, Option<u32>)| {
        Some(json!({ "filterType": name, field: limit? }))
    };
    all.into_iter().filter_map(filter)
}

fn price_filter(spec: &InstrumentSpec) -> Value {
    let min_price = if spec.min_price.is_zero() { spec.tick } else { spec.min_price };
    let tick = spec.tick.units().max(1);
    let highest = Price::from_units(i64::MAX - i64::MAX % tick);
    let max_price = if spec.max_price.is_zero() { highest } else { spec.max_price };
    json!({
        "filterType": "PRICE_FILTER",
        "minPrice": format!("{min_price:.8}"),
        "maxPrice": format!("{max_price:.8}"),
        "tickSize": format!("{:.8}", spec.tick),
    })
}

/// The engine asks for the value of limit orders, and of market orders by quote amount.
fn notional(spec: &InstrumentSpec) -> Value {
    let max_notional = if spec.max_notional.is_zero() {
        format!("{NOTIONAL_LIMIT:.8}")
    } else {
        format!("{:.8}", spec.max_notional)
    };
    json!({
        "filterType": "NOTIONAL",
        "minNotional": format!("{:.8}", spec.min_notional),
        "applyMinToMarket": false,
        "maxNotional": max_notional,
        "applyMaxToMarket": false,
        "avgPriceMins": 0,
    })
}

fn parts_per_million(ppm: u32) -> String {
    format!("{}.{:06}", ppm / PPM, ppm % PPM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiercel_types::{AssetId, InstrumentId};

    fn spec() -> InstrumentSpec {
        let (tick, lot) = ("0.01".parse().unwrap(), "0.001".parse().unwrap());
        InstrumentSpec {
            symbol: "BTCUSDT".parse().unwrap(),
            ..InstrumentSpec::new(InstrumentId(1), AssetId(1), AssetId(2), tick, lot)
        }
    }

    fn named<'v>(filters: &'v [Value], name: &str) -> Option<&'v Value> {
        filters.iter().find(|filter| filter["filterType"] == name)
    }

    #[test]
    fn bounds_that_are_not_set_show_what_the_engine_can_hold() {
        let filters = filters(&spec());
        let price = named(&filters, "PRICE_FILTER").unwrap();
        assert_eq!(price["minPrice"], "0.01000000");
        assert_eq!(price["maxPrice"], "92233720368.54000000");
        assert_eq!(price["tickSize"], "0.01000000");
        let lot = named(&filters, "LOT_SIZE").unwrap();
        assert_eq!(lot["minQty"], "0.00100000");
        assert_eq!(lot["maxQty"], "184467440737.09500000");
        assert_eq!(named(&filters, "NOTIONAL").unwrap()["maxNotional"], "126765060022822.94014967");
        assert!(named(&filters, "ICEBERG_PARTS").is_none());
        assert!(named(&filters, "PERCENT_PRICE").is_none());
    }

    #[test]
    fn bounds_that_are_set_show_as_they_are() {
        let spec = InstrumentSpec {
            band_ppm: 50_000,
            max_iceberg_parts: 10,
            min_notional: "5".parse().unwrap(),
            max_notional: "9000000".parse().unwrap(),
            ..spec()
        };
        let filters = filters(&spec);
        let band = named(&filters, "PERCENT_PRICE").unwrap();
        assert_eq!(band["multiplierUp"], "1.050000");
        assert_eq!(band["multiplierDown"], "0.950000");
        assert_eq!(named(&filters, "ICEBERG_PARTS").unwrap()["limit"], 10);
        assert_eq!(named(&filters, "NOTIONAL").unwrap()["minNotional"], "5.00000000");
        assert_eq!(named(&filters, "NOTIONAL").unwrap()["maxNotional"], "9000000.00000000");
    }
}
