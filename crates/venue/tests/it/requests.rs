//! Every request is read or refused: random ones, and decimals to the last digit.

use proptest::prelude::*;
use tiercel_types::order::Trigger;
use tiercel_types::{AccountId, InstrumentSpec, Price, Qty};
use tiercel_venue::binance::Params;
use tiercel_venue::binance::order::PlaceOrder;
use tiercel_venue::models::Models;
use tiercel_venue::native::Signals;

use super::interface_check;
use super::request_check::{check, spec};

/// Pieces of which requests are made: right ones, wrong ones, and those of other types of orders.
fn pair() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "price",
        "stopPrice",
        "icebergQty",
        "quoteOrderQty",
        "trailingDelta",
        "newClientOrderId",
        "newOrderRespType",
        "timestamp",
        "recvWindow",
        "signature",
        "orderId",
        "origClientOrderId",
        "limit",
        "fromId",
        "startTime",
        "selfTradePreventionMode",
        "strategyType",
        "symbols",
        "aboveType",
        "abovePrice",
        "belowType",
        "belowStopPrice",
        "belowTrailingDelta",
        "workingType",
        "pendingType",
        "pendingSide",
        "listClientOrderId",
        "orderListId",
        "interval",
        "timeZone",
        "windowSize",
        "endTime",
    ]);
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            "BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "GTC", "IOC",
            "TAKE_PROFIT_LIMIT", "1", "1.5", "60000.01", "0", "100", "FULL", "EXPIRE_BOTH",
            "[\"BTCUSDT\"]", "1700000000000", "1M", "05:45", "-12",
        ]).prop_map(str::to_owned),
        1 => "[0-9.%+a-fA-F\\[\"-]{0,24}",
        1 => any::<String>(),
    ];
    (name, value).prop_map(|(name, value)| format!("{name}={value}"))
}

proptest! {
    #[test]
    fn no_request_panics_or_is_answered_with_anything_but_a_documented_refusal(
        query in prop::collection::vec(pair(), 0..12),
        body in prop::collection::vec(pair(), 0..6),
    ) {
        check(format!("{}\n{}", query.join("&"), body.join("&")).as_bytes());
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        check(&bytes);
    }

    #[test]
    fn an_orders_decimals_are_taken_to_the_last_digit(
        price in 1..=i64::MAX,
        stop in 1..=i64::MAX,
        qty in 1_u64..,
    ) {
        let (price, stop, qty) =
            (Price::from_units(price), Price::from_units(stop), Qty::from_units(qty));
        let query = format!(
            "side=SELL&type=STOP_LOSS_LIMIT&timeInForce=GTC&price={price}&stopPrice={stop:.8}\
             &quantity={qty}"
        );
        let params = Params::parse(&query, "").unwrap();
        let name = "x".parse().unwrap();
        let (tick, lot) = (Price::from_units(1), Qty::from_units(1));
        let spec = InstrumentSpec { tick, lot, ..spec() };
        let read = PlaceOrder::read(&params, &spec, AccountId(3), name).unwrap();
        prop_assert_eq!((read.order.price, read.order.qty), (price, qty));
        let terms = read.terms.unwrap();
        prop_assert_eq!((terms.trigger, terms.trigger_price), (Trigger::Stop, stop));
    }
}

/// Pieces of JSON, of which most make none.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "?",
    "&",
    "=",
    "\"id\":1,",
    "\"method\":\"depth\",",
    "\"params\":{\"symbol\":\"BTCUSDT\"}",
    "\"op\":\"subscribe\",",
    "\"channels\":[{\"channel\":\"depth\",\"symbol\":\"BTCUSDT\"}]",
    "{\"symbol\":\"BTCUSDT\",\"side\":\"buy\",\"kind\":\"limit\",\"price\":\"60000\",\"qty\":\"1\"}",
    "\"condition\":{\"any\":[",
    "accounts/1/deposits",
    "1e999",
    "\"\\ud800\"",
    "null",
    "\u{1f4a3}",
];

proptest! {
    #[test]
    fn every_other_interface_reads_or_refuses_any_text(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14),
    ) {
        thread_local!(static MARKET: (Models, Signals) = {
            let models = interface_check::models();
            let signals = Signals::new(&models);
            (models, signals)
        });
        MARKET.with(|(models, signals)| {
            interface_check::check(pieces.concat().as_bytes(), models, signals);
        });
    }
}
