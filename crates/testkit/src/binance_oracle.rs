//! The judge of the Binance decoder: the same message read by `serde_json`, field by field.

use serde_json::Value;
use tiercel_types::market::{Level, MarketTrade};
use tiercel_types::{Side, Timestamp};
use tiercel_wire::binance::{Decoded, Message};

/// Checks each field of a decoded message against the same bytes read by `serde_json`. Times are
/// in milliseconds.
///
/// # Panics
/// When `serde_json` refuses the bytes, or reads something else.
pub fn verify(decoded: &Decoded<'_>, bytes: &[u8]) {
    let value: Value = serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("decoded, but serde_json refuses it: {error}"));
    let message = if let Some(stream) = decoded.stream {
        assert_eq!(value["stream"].as_str(), Some(stream));
        &value["data"]
    } else {
        &value
    };
    match &decoded.message {
        Message::Depth(depth) => {
            assert_eq!(message["e"], "depthUpdate");
            assert_eq!(time(&message["E"]), depth.event_time);
            assert_eq!(message["s"], depth.symbol);
            assert_eq!(message["U"].as_u64(), Some(depth.diff.first_update_id));
            assert_eq!(message["u"].as_u64(), Some(depth.diff.last_update_id));
            levels(&message["b"], depth.diff.bids);
            levels(&message["a"], depth.diff.asks);
        }
        Message::Trade(trade) => {
            assert_eq!(message["e"], "trade");
            assert_eq!(time(&message["E"]), trade.event_time);
            assert_eq!(message["s"], trade.symbol);
            assert_eq!(message["t"].as_u64(), Some(trade.trade.trade_id.0));
            trade_fields(message, &trade.trade);
        }
        Message::AggregateTrade(trade) => {
            assert_eq!(message["e"], "aggTrade");
            assert_eq!(time(&message["E"]), trade.event_time);
            assert_eq!(message["s"], trade.symbol);
            assert_eq!(message["a"].as_u64(), Some(trade.trade.trade_id.0));
            assert_eq!(message["f"].as_u64(), Some(trade.first_trade_id));
            assert_eq!(message["l"].as_u64(), Some(trade.last_trade_id));
            trade_fields(message, &trade.trade);
        }
        Message::BookTicker(ticker) => {
            assert_eq!(message["u"].as_u64(), Some(ticker.best.update_id));
            assert_eq!(message["s"], ticker.symbol);
            assert_eq!(level(&message["b"], &message["B"]), ticker.best.bid);
            assert_eq!(level(&message["a"], &message["A"]), ticker.best.ask);
        }
        Message::Snapshot(snapshot) => {
            assert_eq!(message["lastUpdateId"].as_u64(), Some(snapshot.last_update_id));
            levels(&message["bids"], snapshot.bids);
            levels(&message["asks"], snapshot.asks);
        }
    }
}

fn trade_fields(message: &Value, trade: &MarketTrade) {
    assert_eq!(level(&message["p"], &message["q"]), Level { price: trade.price, qty: trade.qty });
    assert_eq!(time(&message["T"]), trade.time);
    assert_eq!(message["m"].as_bool(), Some(trade.aggressor == Side::Sell));
}

pub(crate) fn time(value: &Value) -> Timestamp {
    Timestamp(value.as_u64().expect("an event time is no whole number of milliseconds") * 1_000_000)
}

fn levels(value: &Value, levels: &[Level]) {
    let pairs = value.as_array().expect("a side is no list of levels");
    assert_eq!(pairs.len(), levels.len());
    for (pair, &decoded) in pairs.iter().zip(levels) {
        assert_eq!(pair.as_array().map(Vec::len), Some(2));
        assert_eq!(level(&pair[0], &pair[1]), decoded);
    }
}

fn level(price: &Value, qty: &Value) -> Level {
    Level {
        price: tiercel_types::Price::from_units(
            units(price).try_into().expect("a price leaves 64 bits"),
        ),
        qty: tiercel_types::Qty::from_units(
            units(qty).try_into().expect("a quantity leaves 64 bits"),
        ),
    }
}

/// A decimal string in units of 10^-8, by another way than the decoder's: as one long integer.
pub(crate) fn units(value: &Value) -> u128 {
    let text = value.as_str().expect("a price or quantity is no string");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (kept, rest) = fraction.split_at(fraction.len().min(8));
    assert!(rest.bytes().all(|digit| digit == b'0'), "decoded with a precision lost: {text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "not digits: {text}");
    format!("{whole}{kept:0<8}").parse().expect("a price or quantity is no decimal")
}
