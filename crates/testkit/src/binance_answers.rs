//! Answers and user data of a Binance trading connection: samples of each, other ways to write the
//! same, and their judge, which reads them by `serde_json`.

mod oracle;

use std::fmt::Write as _;

use oracle::{check_body, check_event, check_list, check_refusal};
use serde_json::Value;
use tiercel_wire::binance::answer::Incoming;
use tiercel_wire::binance::user_data::Event;
use tiercel_wire::binance::{DecodeError, Elements, TimeUnit};

use crate::random::Random;

/// A message of each kind: what the answer is to, or nothing for an event, and the text.
pub const SAMPLES: &[(&str, &str)] = &[
    (
        "order.place",
        r#"{"id":1,"status":200,"result":{"symbol":"BTCUSDT","orderId":28,"orderListId":-1,"clientOrderId":"6gCr","transactTime":1507725176595},"rateLimits":[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50,"count":12},{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":160000,"count":4043},{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000,"count":321}]}"#,
    ),
    (
        "order.place",
        r#"{"id":2,"status":200,"result":{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"4d96","transactTime":1660801715639,"price":"0.00000000","origQty":"10.00000000","executedQty":"10.00000000","origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"999999999999999.99999999","status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"SELL","workingTime":1660801715639,"fills":[{"price":"4000.00000000","qty":"1.00000000","commission":"4.00000000","commissionAsset":"USDT","tradeId":56},{"price":"3999.00000000","qty":"5.00000000","commission":"19.99500000","commissionAsset":"USDT","tradeId":57}],"selfTradePreventionMode":"NONE"},"rateLimits":[]}"#,
    ),
    (
        "order.cancel",
        r#"{"id":3,"status":200,"result":{"symbol":"BTCUSDT","origClientOrderId":"4d96","orderId":12569099453,"orderListId":-1,"clientOrderId":"91fe","transactTime":1684804350068,"price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00001000","origQuoteOrderQty":"0.000000","cummulativeQuoteQty":"0.23416100","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL","stopPrice":"0.00000000","icebergQty":"0.00000000","strategyId":37463720,"strategyType":1000000,"selfTradePreventionMode":"NONE"}}"#,
    ),
    (
        "openOrders.cancelAll",
        r#"{"id":4,"status":200,"result":[{"symbol":"BTCUSDT","origClientOrderId":"4d96","orderId":12569099453,"orderListId":-1,"clientOrderId":"91fe","price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00001000","cummulativeQuoteQty":"0.23416100","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL"},{"orderListId":19431,"contingencyType":"OCO","listStatusType":"ALL_DONE","listOrderStatus":"ALL_DONE","listClientOrderId":"iuVN","transactionTime":1660803702431,"symbol":"BTCUSDT","orders":[{"symbol":"BTCUSDT","orderId":12569099453,"clientOrderId":"bX5w"}],"orderReports":[{"symbol":"BTCUSDT","origClientOrderId":"bX5w","orderId":12569099453,"orderListId":19431,"clientOrderId":"OFFX","price":"23450.50000000","origQty":"0.00850000","executedQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","type":"STOP_LOSS_LIMIT","side":"BUY","stopPrice":"23430.00000000","selfTradePreventionMode":"NONE"}]}],"rateLimits":[]}"#,
    ),
    (
        "order.cancelReplace",
        r#"{"id":5,"status":200,"result":{"cancelResult":"SUCCESS","newOrderResult":"SUCCESS","cancelResponse":{"symbol":"BTCUSDT","origClientOrderId":"4d96","orderId":125690984230,"orderListId":-1,"clientOrderId":"91fe","price":"23450.00000000","origQty":"0.00847000","executedQty":"0.00001000","cummulativeQuoteQty":"0.23450000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL"},"newOrderResponse":{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"bX5w","transactTime":1660813156959}}}"#,
    ),
    (
        "order.cancelReplace",
        r#"{"id":6,"status":409,"error":{"code":-2021,"msg":"Order cancel-replace partially failed.","data":{"cancelResult":"SUCCESS","newOrderResult":"FAILURE","cancelResponse":{"symbol":"BTCUSDT","origClientOrderId":"4d96","orderId":125690984230,"orderListId":-1,"clientOrderId":"91fe","price":"23450.00000000","origQty":"0.00847000","executedQty":"0.00001000","cummulativeQuoteQty":"0.23450000","status":"CANCELED","timeInForce":"GTC","type":"LIMIT","side":"SELL"},"newOrderResponse":{"code":-2010,"msg":"Order would immediately match and take."}}}}"#,
    ),
    (
        "order.cancelReplace",
        r#"{"id":7,"status":400,"error":{"code":-2022,"msg":"Order cancel-replace failed.","data":{"cancelResult":"FAILURE","newOrderResult":"NOT_ATTEMPTED","cancelResponse":{"code":-2011,"msg":"Unknown order sent."},"newOrderResponse":null}}}"#,
    ),
    (
        "order.amend.keepPriority",
        r#"{"id":8,"status":200,"result":{"transactTime":1741926410255,"executionId":75,"amendedOrder":{"symbol":"BTCUSDT","orderId":33,"orderListId":-1,"origClientOrderId":"5xrg","clientOrderId":"xbxX","price":"5.00000000","qty":"5.00000000","executedQty":"0.00000000","preventedQty":"0.00000000","quoteOrderQty":"0.00000000","cumulativeQuoteQty":"0.00000000","status":"NEW","timeInForce":"GTC","type":"LIMIT","side":"BUY","workingTime":1741926410242,"selfTradePreventionMode":"NONE"}}}"#,
    ),
    (
        "order.status",
        r#"{"id":9,"status":200,"result":{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":-1,"clientOrderId":"4d96","price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00847000","cummulativeQuoteQty":"198.33521500","status":"FILLED","timeInForce":"GTC","type":"LIMIT","side":"SELL","stopPrice":"0.00000000","icebergQty":"0.00000000","time":1660801715639,"updateTime":1660801717945,"isWorking":true,"workingTime":1660801715639,"origQuoteOrderQty":"0.00000000","selfTradePreventionMode":"NONE"}}"#,
    ),
    (
        "openOrders.status",
        r#"{"id":10,"status":200,"result":[{"symbol":"BTCUSDT","orderId":12569099453,"orderListId":7,"clientOrderId":"4d96","price":"23416.10000000","origQty":"0.00847000","executedQty":"0.00720000","cummulativeQuoteQty":"172.43931000","status":"PARTIALLY_FILLED","timeInForce":"GTX","type":"LIMIT","side":"BUY","stopPrice":"0.00000000","icebergQty":"0.00000000","time":1660801715639,"updateTime":1660801717945,"isWorking":false,"workingTime":-1,"origQuoteOrderQty":"0.00000000","selfTradePreventionMode":"TRANSFER"}]}"#,
    ),
    (
        "myTrades",
        r#"{"id":11,"status":200,"result":[{"symbol":"BTCUSDT","id":1650422481,"orderId":12569099453,"orderListId":-1,"price":"23416.10000000","qty":"0.00635000","quoteQty":"148.69223500","commission":"0.00000000","commissionAsset":"BNB","time":1660801715793,"isBuyer":false,"isMaker":true,"isBestMatch":true},{"symbol":"BTCUSDT","id":1650422482,"orderId":12569099453,"orderListId":-1,"price":"23416.50000000","qty":"0.00212000","quoteQty":"49.64298000","commission":"0.00000212","commissionAsset":"BTC","time":1660801715793,"isBuyer":true,"isMaker":false,"isBestMatch":true}]}"#,
    ),
    (
        "account.status",
        r#"{"id":12,"status":200,"result":{"makerCommission":15,"takerCommission":15,"commissionRates":{"maker":"0.00150000"},"canTrade":true,"canWithdraw":true,"canDeposit":true,"brokered":false,"updateTime":1660801833000,"accountType":"SPOT","balances":[{"asset":"BNB","free":"0.00000000","locked":"0.00000000"},{"asset":"币安人生","free":"1.34717219","locked":"0.00000001"}],"permissions":["SPOT"],"uid":354937868}}"#,
    ),
    ("time", r#"{"id":13,"status":200,"result":{"serverTime":1656400526260}}"#),
    (
        "session.logon",
        r#"{"id":14,"status":200,"result":{"apiKey":"vmPU","authorizedSince":1649729878532,"connectedSince":1649729873021,"returnRateLimits":false,"serverTime":1649729878630,"userDataStream":false}}"#,
    ),
    ("userDataStream.subscribe", r#"{"id":15,"status":200,"result":{"subscriptionId":0}}"#),
    (
        "order.place",
        r#"{"id":null,"status":418,"error":{"code":-1003,"msg":"Way too much \"weight\"; banned.","data":{"serverTime":1659146400000,"retryAfter":1659146460000}},"rateLimits":[{"rateLimitType":"RAW_REQUESTS","interval":"HOUR","intervalNum":5,"limit":6000,"count":6001}]}"#,
    ),
    (
        "",
        r#"{"subscriptionId":0,"event":{"e":"executionReport","E":1499405658658,"s":"ETHBTC","c":"mUvo","S":"BUY","o":"LIMIT","f":"GTC","q":"1.00000000","p":"0.10264410","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW","r":"NONE","i":4293153,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1499405658657,"t":-1,"I":8641984,"w":true,"m":false,"M":false,"O":1499405658657,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000","W":1499405658657,"V":"NONE"}}"#,
    ),
    (
        "",
        r#"{"e":"executionReport","E":1499405658658,"s":"ETHBTC","c":"mUvo","S":"SELL","o":"MARKET_IF_TOUCHED","f":"GTC","q":"1.00000000","p":"0.10264410","P":"0.00000000","d":4,"F":"0.00000000","g":17,"C":"old","x":"TRADE_PREVENTION","X":"EXPIRED_IN_MATCH","r":"NONE","i":4293153,"l":"0.40000000","z":"0.50000000","L":"0.10000000","n":"0.00040000","N":"BNB","T":1499405658657,"t":77,"v":3,"I":8641984,"w":false,"m":true,"M":false,"O":1499405658657,"Z":"0.05000000","Y":"0.04000000","Q":"0.00000000","V":"DECREMENT","A":"0.50000000","B":"0.25000000","u":1,"U":37,"Cs":"ETHBTC","pl":"2.12300000","pL":"0.10000001","pY":"0.21","eR":"INSUFFICIENT_LIQUIDITY"}"#,
    ),
    (
        "",
        r#"{"subscriptionId":1,"event":{"e":"outboundAccountPosition","E":1564034571105,"u":1564034571073,"B":[{"a":"ETH","f":"10000.000000","l":"0.000000"},{"a":"SHIB","f":"999999999999999999.99999999","l":"0"}]}}"#,
    ),
    (
        "",
        r#"{"event":{"e":"balanceUpdate","E":1573200697110,"a":"BTC","d":"-100.00000000","T":1573200697068},"subscriptionId":2}"#,
    ),
    (
        "",
        r#"{"e":"listStatus","E":1564035303637,"s":"ETHBTC","g":2,"c":"OCO","l":"EXEC_STARTED","L":"EXECUTING","r":"NONE","C":"F4QN","T":1564035303625,"O":[{"s":"ETHBTC","i":17,"c":"AJYs"},{"s":"ETHBTC","i":18,"c":"bfYP"}]}"#,
    ),
    ("", r#"{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1759089357377}}"#),
    ("", r#"{"event":{"e":"serverShutdown","E":1770123456789}}"#),
    (
        "",
        r#"{"subscriptionId":0,"event":{"e":"externalLockUpdate","E":1581557507324,"a":"NEO","d":"10.00000000","T":1581557507268}}"#,
    ),
];

/// The same message in other words: members shuffled, blanks, escapes, unknown members.
///
/// # Panics
/// When the message is not JSON.
pub fn rewritten(random: &mut Random, message: &str) -> String {
    let value: Value = serde_json::from_str(message).expect("a sample is JSON");
    let mut text = String::new();
    write(random, &value, &mut text);
    text
}

fn blank(random: &mut Random, text: &mut String) {
    if random.one_in(6) {
        text.push(*random.pick(&[' ', '\t', '\n', '\r']));
    }
}

fn write_text(random: &mut Random, value: &str, text: &mut String) {
    if random.one_in(8) {
        text.push('"');
        for unit in value.encode_utf16() {
            write!(text, "\\u{unit:04x}").expect("writing to a text");
        }
        text.push('"');
    } else {
        text.push_str(&Value::from(value).to_string());
    }
}

fn write(random: &mut Random, value: &Value, text: &mut String) {
    blank(random, text);
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&str, &Value)> =
                members.iter().map(|(name, value)| (name.as_str(), value)).collect();
            let more = serde_json::json!([{ "e": 1, "status": [] }, "x", null, -1.5e3]);
            if random.one_in(3) {
                members.push(("more", &more));
            }
            random.shuffle(&mut members);
            text.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                blank(random, text);
                write_text(random, name, text);
                blank(random, text);
                text.push(':');
                write(random, value, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(random, element, text);
            }
            blank(random, text);
            text.push(']');
        }
        Value::String(value) => write_text(random, value, text),
        other => text.push_str(&other.to_string()),
    }
    blank(random, text);
}

/// Any bytes as a message of a trading connection. What is taken is what `serde_json` reads, whatever
/// it is taken for.
///
/// # Panics
/// When the decoder takes what `serde_json` refuses, or reads it otherwise.
pub fn decode(bytes: &[u8]) {
    let inside = |error: DecodeError| {
        assert!(error.offset <= bytes.len() && !error.kind.code().is_empty(), "{error}");
    };
    let decoded = match Incoming::decode(bytes, TimeUnit::Millisecond) {
        Ok(decoded) => decoded,
        Err(error) => return inside(error),
    };
    let value: Value = serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("decoded, but serde_json refuses it: {error}"));
    match decoded {
        Incoming::UserData(told) => {
            let event = value
                .get("event")
                .filter(|_| value.get("e").is_none() || told.subscription_id.is_some());
            assert_eq!(told.subscription_id, event.and_then(|_| value["subscriptionId"].as_u64()));
            check_event(&told.event, event.unwrap_or(&value));
        }
        Incoming::Answer(answer) => {
            assert_eq!(answer.id, value["id"].as_u64());
            assert_eq!(Some(u64::from(answer.status)), value["status"].as_u64());
            match &answer.outcome {
                Ok(body) => check_body(body, &value["result"]).into_iter().for_each(inside),
                Err(refusal) => {
                    check_refusal(refusal, &value["error"]).into_iter().for_each(inside);
                }
            }
            let limits = answer.limits.into_iter().flatten();
            check_list(limits, &value["rateLimits"], |limit, value| {
                assert_eq!(value["rateLimitType"], limit.kind.as_str());
                assert_eq!(value["interval"], limit.interval.as_str());
                assert_eq!(value["intervalNum"], limit.interval_count);
                assert_eq!(
                    (&value["limit"], &value["count"]),
                    (&limit.limit.into(), &limit.count.into())
                );
            });
        }
    }
}

/// Decodes what a venue has said as what it is: all of it, lists to their ends, for tests that must
/// not pass over anything.
///
/// # Panics
/// When anything of it is refused.
pub fn decode_whole(method: &str, message: &[u8]) {
    fn all<T>(elements: Result<Elements<'_, T>, DecodeError>) {
        elements.expect("a list").for_each(|element| {
            element.expect("an element");
        });
    }
    decode(message);
    let decoded = Incoming::decode(message, TimeUnit::Millisecond);
    let answer = match decoded.unwrap_or_else(|error| panic!("{error}")) {
        Incoming::Answer(answer) => answer,
        Incoming::UserData(told) => {
            match told.event {
                Event::Position(position) => all(Ok(position.balances)),
                Event::ListStatus(list) => all(Ok(list.orders)),
                _ => {}
            }
            return assert!(method.is_empty(), "an event");
        }
    };
    if let Some(limits) = answer.limits {
        all(Ok(limits));
    }
    let body = match answer.outcome {
        Ok(body) => body,
        Err(refusal) => {
            refusal.cancel_replaced().expect("its parts");
            return;
        }
    };
    match method {
        "order.place" => {
            let placed = body.placed().expect("an order");
            if let Some(fills) = placed.fills {
                all(Ok(fills));
            }
        }
        "order.cancel" => {
            body.cancelled().expect("an order");
        }
        "openOrders.cancelAll" => all(body.all_cancelled()),
        "order.cancelReplace" => {
            body.cancel_replaced().expect("its parts");
        }
        "order.amend.keepPriority" => {
            body.amended().expect("an order");
        }
        "order.status" => {
            body.order().expect("an order");
        }
        "openOrders.status" => all(body.open_orders()),
        "myTrades" => all(body.trades()),
        "account.status" => all(Ok(body.account().expect("an account").balances)),
        "time" | "session.logon" | "session.status" => {
            body.server_time().expect("a time");
        }
        "userDataStream.subscribe" | "userDataStream.subscribe.signature" => {
            body.subscription_id().expect("a subscription");
        }
        _ => {}
    }
}
