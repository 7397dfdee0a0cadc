//! Calls over the WebSocket interface: the same as over HTTP, several at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;
use tungstenite::Message;

use super::http::Venue;
use super::ws::Ws;

fn refused(answer: &Value, status: u16, code: i64) {
    assert_eq!(answer["status"], status, "{answer}");
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(!answer["error"]["msg"].as_str().unwrap().is_empty(), "{answer}");
    assert!(answer.get("result").is_none(), "{answer}");
}

#[test]
fn questions_are_answered_as_over_http() {
    let venue = Venue::start();
    venue.one.limit("SELL", "60000", "1").good();
    venue.two.limit("BUY", "60000", "0.25").good();
    let mut ws = Ws::open(&venue.one);
    assert_eq!(ws.ask("ping", &json!({}))["result"], json!({}));
    assert!(ws.ask("time", &json!({}))["result"]["serverTime"].as_u64().unwrap() > 0);
    for (method, params, path) in [
        ("depth", json!({ "symbol": "BTCUSDT", "limit": 5 }), "depth?symbol=BTCUSDT&limit=5"),
        ("trades.recent", json!({ "symbol": "BTCUSDT" }), "trades?symbol=BTCUSDT"),
        ("ticker.price", json!({ "symbol": "BTCUSDT" }), "ticker/price?symbol=BTCUSDT"),
        (
            "ticker.book",
            json!({ "symbols": ["BTCUSDT", "ETHUSDT"] }),
            "ticker/bookTicker?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D",
        ),
        ("depth", json!({ "symbol": "DOGE" }), "depth?symbol=DOGE"),
        ("depth", json!({ "symbol": "btcusdt" }), "depth?symbol=btcusdt"),
        ("depth", json!({}), "depth"),
        ("depth", json!({ "symbol": null }), "depth?symbol="),
        ("depth", json!({ "symbol": "BTCUSDT", "x": 1 }), "depth?symbol=BTCUSDT&x=1"),
        ("depth", json!({ "symbol": "BTCUSDT", "limit": [] }), "depth?symbol=BTCUSDT&limit=%5B%5D"),
    ] {
        let (told, over_http) = (ws.ask(method, &params), venue.one.public(path));
        assert_eq!(told["status"], over_http.status, "{method} {params}");
        let outcome = if over_http.status == 200 { &told["result"] } else { &told["error"] };
        assert_eq!(outcome, &over_http.body, "{method} {params}");
    }
    let info = ws.ask("exchangeInfo", &json!({ "symbol": "BTCUSDT" }));
    assert_eq!(info["result"]["symbols"][0]["symbol"], "BTCUSDT");
    for (method, path) in [("order.status", "order"), ("account.status", "account")] {
        let (params, query) = if method == "order.status" {
            (json!({ "symbol": "BTCUSDT", "orderId": 1 }), "symbol=BTCUSDT&orderId=1")
        } else {
            (json!({ "omitZeroBalances": true }), "omitZeroBalances=true")
        };
        let mut told = ws.signed(method, &params);
        let over_http = venue.one.signed("GET", path, query);
        assert_eq!(told["status"], over_http.status, "{told}");
        let mut body = over_http.body;
        if method == "account.status" {
            (told["result"]["updateTime"], body["updateTime"]) = (json!(0), json!(0));
        }
        let outcome = if over_http.status == 200 { &told["result"] } else { &told["error"] };
        assert_eq!(outcome, &body);
    }
}

#[test]
fn orders_are_placed_filled_and_cancelled() {
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.one);
    let placed = ws.limit("SELL", "60000", "1.5");
    assert_eq!((&placed["status"], &placed["fills"]), (&json!("NEW"), &json!([])));
    let filled = venue.two.limit("BUY", "60000", "0.5").good();
    assert_eq!(filled["status"], "FILLED");
    let name = json!({ "symbol": "BTCUSDT", "orderId": placed["orderId"] });
    let status = ws.good("order.status", &name);
    assert_eq!(
        (&status["status"], &status["executedQty"]),
        (&json!("PARTIALLY_FILLED"), &json!("0.50000000"))
    );
    let cancelled = ws.good("order.cancel", &name);
    assert_eq!(cancelled["origClientOrderId"], placed["clientOrderId"]);
    assert_eq!(cancelled["status"], "CANCELED");
    refused(&ws.signed("order.cancel", &name), 400, -2011);
    ws.limit("SELL", "60001", "1");
    ws.limit("SELL", "60002", "1");
    let open = ws.good("openOrders.status", &json!({ "symbol": "BTCUSDT" }));
    assert_eq!(open.as_array().unwrap().len(), 2);
    let all = ws.good("openOrders.cancelAll", &json!({ "symbol": "BTCUSDT" }));
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(
        ws.good(
            "order.test",
            &json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1" })
        ),
        json!({})
    );
    assert_eq!(ws.good("allOrders", &json!({ "symbol": "BTCUSDT" })).as_array().unwrap().len(), 3);
    assert_eq!(ws.good("myTrades", &json!({ "symbol": "BTCUSDT" })).as_array().unwrap().len(), 1);
    let poor = json!({ "symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC",
        "price": "60000", "quantity": "101" });
    let answer = ws.signed("order.place", &poor);
    refused(&answer, 400, -2010);
    assert_eq!(answer["error"]["msg"], "Account has insufficient balance for requested action.");
}

#[test]
fn a_number_is_signed_as_it_is_written() {
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.one);
    let params = ws.sign(&json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
        "timeInForce": "GTC", "price": 50000.5, "quantity": 0.25 }));
    let text = json!({ "id": 1, "method": "order.place", "params": params }).to_string();
    let answer = ws.raw(&text);
    assert_eq!(answer["result"]["price"], "50000.50000000", "{answer}");
    // The same number in other words has another signature.
    refused(&ws.raw(&text.replace("0.25", "0.250")), 400, -1022);
}

#[test]
fn an_ed25519_key_logs_on_and_need_not_sign_again() {
    let venue = Venue::start();
    let mut hmac = Ws::open(&venue.one);
    let answer = hmac.signed("session.logon", &json!({}));
    refused(&answer, 400, -4056);
    let mut ws = Ws::open(&venue.trader);
    let status = ws.ask("session.status", &json!({}));
    assert_eq!(status["result"]["apiKey"], Value::Null);
    let time = json!({ "timestamp": super::http::now_ms() });
    refused(&ws.ask("account.status", &time), 400, -1102);
    refused(&ws.ask("userDataStream.subscribe", &json!({})), 401, -1002);
    let mut wrong = ws.sign(&json!({}));
    wrong["timestamp"] = json!(wrong["timestamp"].as_u64().unwrap() + 1);
    refused(&ws.ask("session.logon", &wrong), 400, -1022);
    let logged_on = ws.good("session.logon", &json!({}));
    assert_eq!(logged_on["apiKey"], "trader");
    assert!(logged_on["authorizedSince"].as_u64() >= logged_on["connectedSince"].as_u64());
    let time = json!({ "timestamp": super::http::now_ms() });
    assert_eq!(ws.ask("account.status", &time)["result"]["uid"], 1);
    refused(&ws.ask("account.status", &json!({})), 400, -1102);
    refused(&ws.ask("account.status", &json!({ "timestamp": 1_000 })), 400, -1021);
    let order = json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000", "quantity": "1", "timestamp": super::http::now_ms() });
    assert_eq!(ws.ask("order.place", &order)["result"]["status"], "NEW");
    // What is signed is signed by whom it says.
    let other = Ws::open(&venue.two).sign(&json!({}));
    assert_eq!(ws.ask("account.status", &other)["result"]["uid"], 2);
    let forged = json!({ "apiKey": venue.two.api_key(), "timestamp": super::http::now_ms() });
    refused(&ws.ask("account.status", &forged), 400, -1102);
    assert_eq!(ws.ask("session.logout", &json!({}))["result"]["apiKey"], Value::Null);
    refused(&ws.ask("account.status", &time), 400, -1102);
    // A key that may only read logs on, and may not trade.
    let mut reader = Ws::open(&venue.reader);
    reader.good("session.logon", &json!({}));
    refused(&reader.ask("order.place", &order), 401, -2015);
}

#[test]
fn what_is_no_request_gets_a_typed_answer_and_the_connection_goes_on() {
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.one);
    for (text, id, status, code) in [
        ("", Value::Null, 400, -1135),
        ("{", Value::Null, 400, -1135),
        ("[1,2]", Value::Null, 400, -1135),
        ("\u{1f600}", Value::Null, 400, -1135),
        (r#"{"id":1.5,"method":"ping"}"#, Value::Null, 400, -1135),
        (r#"{"id":3}"#, json!(3), 400, -1102),
        (r#"{"id":"x","method":"order.dance"}"#, json!("x"), 404, -1020),
        (r#"{"id":"x","method":""}"#, json!("x"), 404, -1020),
        (r#"{"id":4,"method":"ping","params":[]}"#, json!(4), 400, -1135),
        (r#"{"id":4,"method":"ping","params":{"x":1}}"#, json!(4), 400, -1104),
        (r#"{"id":4,"method":"depth","params":{"symbol":"A","symbol":"A"}}"#, json!(4), 400, -1101),
        (r#"{"id":4,"method":"order.place","params":{}}"#, json!(4), 400, -1102),
        (
            r#"{"id":4,"method":"order.place","params":{"apiKey":"nobody","timestamp":1}}"#,
            json!(4),
            401,
            -2015,
        ),
        (r#"{"id":4,"method":"ping","params":{"returnRateLimits":7}}"#, json!(4), 400, -1130),
    ] {
        let answer = ws.raw(text);
        refused(&answer, status, code);
        assert_eq!(answer["id"], id, "{text}");
    }
    assert_eq!(ws.raw(r#"{"id":null,"method":"v3/ping"}"#)["status"], 200);
    let huge = format!("{{\"id\":1,\"method\":\"{}\"}}", "x".repeat(70_000));
    // It may be cut off before all of it is written.
    let _cut_off = ws.socket.send(Message::text(huge));
    ws.closed();
    let mut binary = Ws::open(&venue.one);
    binary.socket.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(binary.closed(), Some(1003));
    Ws::open(&venue.one).ask("ping", &json!({}));
}

#[test]
fn weights_are_the_addresss_and_are_told_unless_the_client_says_otherwise() {
    let limits = RateLimits { weight_1m: 60, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    let count = |answer: &Value| answer["rateLimits"][0]["count"].as_u64();
    let mut ws = Ws::open(&venue.one);
    let first = count(&ws.ask("ping", &json!({}))).unwrap();
    venue.one.public("ping").good();
    let mut again = ws.ask("ping", &json!({}));
    // The minute of the clock may have ended between the two.
    if count(&again) != Some(first + 2) {
        venue.one.public("ping").good();
        again = ws.ask("ping", &json!({}));
    }
    assert!(count(&again).unwrap() >= 2);
    assert_eq!(again["rateLimits"][0]["limit"], 60);
    let quiet = ws.ask("ping", &json!({ "returnRateLimits": false }));
    assert!(quiet.get("rateLimits").is_none());
    let mut silent = Ws::at(&venue.one, "/ws-api/v3?returnRateLimits=false");
    assert!(silent.ask("ping", &json!({})).get("rateLimits").is_none());
    assert!(silent.ask("ping", &json!({ "returnRateLimits": true })).get("rateLimits").is_some());
    let placed = ws.signed(
        "order.place",
        &json!({ "symbol": "BTCUSDT", "side": "BUY",
        "type": "LIMIT", "timeInForce": "GTC", "price": "50000", "quantity": "1" }),
    );
    let kinds: Vec<_> =
        (0..3).map(|at| placed["rateLimits"][at]["rateLimitType"].clone()).collect();
    assert_eq!(kinds, ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]);
    let refusal = (0..8).map(|_| ws.ask("trades.recent", &json!({ "symbol": "BTCUSDT" })));
    let refusal = refusal.into_iter().find(|answer| answer["status"] == 429).unwrap();
    refused(&refusal, 429, -1003);
    let data = &refusal["error"]["data"];
    assert!(data["retryAfter"].as_u64() > data["serverTime"].as_u64());
}

#[test]
fn requests_are_under_way_together_and_each_is_answered() {
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.one);
    venue.halt(true);
    let order = |side: &str, price: u32| {
        json!({ "symbol": "BTCUSDT", "side": side, "type": "LIMIT",
        "timeInForce": "GTC", "price": price.to_string(), "quantity": "0.01" })
    };
    let mut sent = BTreeSet::new();
    for price in 50_000..50_050 {
        let params = ws.sign(&order("BUY", price));
        sent.insert(ws.send("order.place", &params));
    }
    // A question does not wait for the orders before it.
    let asked = ws.send("ping", &json!({}));
    assert_eq!(ws.answer()["id"], asked);
    venue.halt(false);
    let mut last_order = 0;
    while !sent.is_empty() {
        let answer = ws.answer();
        assert_eq!(answer["status"], 200, "{answer}");
        assert!(sent.remove(&answer["id"].as_u64().unwrap()));
        let order_id = answer["result"]["orderId"].as_u64().unwrap();
        assert!(order_id > last_order, "answers come in the engine's order");
        last_order = order_id;
    }
}

#[test]
fn an_answer_that_does_not_come_is_an_unknown_outcome() {
    let options =
        ServeOptions { request_timeout: Duration::from_millis(300), ..ServeOptions::default() };
    let venue = Venue::with(options);
    let mut ws = Ws::open(&venue.one);
    venue.halt(true);
    let order = json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "price": "50000", "quantity": "0.01", "newClientOrderId": "late" });
    refused(&ws.signed("order.place", &order), 504, -1007);
    venue.halt(false);
    let asked = json!({ "symbol": "BTCUSDT", "origClientOrderId": "late" });
    let known = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        ws.signed("order.status", &asked)["status"] == 200
    });
    assert!(known, "it was done all the same, and is answered once");
}

#[test]
fn a_connection_ends_with_its_time_and_with_the_venue() {
    let options =
        ServeOptions { connection_lifetime: Duration::from_millis(200), ..ServeOptions::default() };
    let venue = Venue::with(options);
    assert_eq!(Ws::open(&venue.one).closed(), Some(1001));
    let venue = Venue::start();
    let mut ws = Ws::open(&venue.one);
    let mut stream = Ws::at(&venue.one, "/stream?streams=btcusdt@trade");
    ws.ask("ping", &json!({}));
    stream.raw(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    venue.stop();
    assert_eq!(ws.event()["e"], "serverShutdown");
    assert_eq!(ws.closed(), Some(1001));
    let goodbye = stream.answer();
    assert_eq!(goodbye["stream"], "!serverShutdown");
    assert_eq!(goodbye["data"]["e"], "serverShutdown");
    assert_eq!(stream.closed(), Some(1001));
}
