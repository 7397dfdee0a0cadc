//! The native interface over HTTP: who may ask, what is refused, what is answered.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::native::table::{Access, ENDPOINTS};
use tiercel_venue::serve::ServeOptions;

use super::http::{Client, Venue, exchange, now_ms};
use super::native_client::fresh_ms;

fn limit(side: &str, price: &str, qty: &str) -> Value {
    json!({ "symbol": "BTCUSDT", "side": side, "kind": "limit", "price": price, "qty": qty })
}

#[test]
fn markets_are_told_as_they_are() {
    let venue = Venue::start();
    let ask = |path: &str| venue.one.v1_public(path).good();
    let instrument = ask("instruments/BTCUSDT");
    assert_eq!(instrument["tick"], "0.01");
    let numbers = ["number", "base_number", "quote_number"].map(|name| &instrument[name]);
    assert_eq!(numbers, [&json!(1), &json!(2), &json!(1)]);
    assert_eq!((&instrument["base"], &instrument["state"]), (&json!("BTC"), &json!("open")));
    assert_eq!(ask("instruments")["instruments"][0], instrument);
    venue.one.v1_order(&limit("buy", "60000", "3")).good();
    venue.one.v1_order(&limit("buy", "59999.5", "5")).good();
    venue.two.v1_order(&limit("sell", "60002", "1")).good();
    let book = ask("orderbook/BTCUSDT?depth=1");
    assert_eq!(book["bids"], json!([{ "price": "60000", "qty": "3" }]));
    assert_eq!(book["asks"], json!([{ "price": "60002", "qty": "1" }]));
    assert_eq!(ask("orderbook/BTCUSDT")["bids"].as_array().unwrap().len(), 2);
    // (60000 x 1 + 60002 x 3) / 4, and (3 - 1) / 4.
    let micro = ask("orderbook/BTCUSDT/microprice");
    assert_eq!(micro["microprice"], "60001.50000000");
    assert_eq!((&micro["mid"], &micro["spread"]), (&json!("60001.00000000"), &json!("2.00000000")));
    assert_eq!(micro["predicted_move"], "0.50000000");
    let imbalance = |levels| ask(&format!("orderbook/BTCUSDT/imbalance?levels={levels}"));
    assert_eq!(imbalance(1)["imbalance"], "0.50000000");
    assert_eq!(imbalance(2)["imbalance"], "0.77777778");
    assert!(ask("orderbook/ETHUSDT/microprice").get("microprice").is_none());
    assert!(ask("orderbook/ETHUSDT/imbalance").get("imbalance").is_none());

    venue.two.v1_order(&limit("sell", "60000", "1")).good();
    let trades = ask("trades/BTCUSDT");
    assert_eq!(trades["trades"].as_array().unwrap().len(), 1);
    assert_eq!(trades["trades"][0]["taker_side"], "sell");
    assert_eq!(ask("trades/BTCUSDT?from_trade_id=2")["trades"], json!([]));
    for interval in ["1m", "4h", "1d", "1w"] {
        let candles = ask(&format!("candles/BTCUSDT?interval={interval}"));
        assert_eq!(candles["candles"][0]["volume"], "1", "{interval}");
    }
    let ticker = ask("ticker/BTCUSDT");
    assert_eq!((&ticker["last"], &ticker["quote_volume"]), (&json!("60000"), &json!("60000")));
    assert_eq!(ticker["bid"], json!({ "price": "60000", "qty": "2" }));
    assert_eq!(ask("ticker")["tickers"][0], ticker);
    assert_eq!(ask("auction/BTCUSDT")["state"], "open");
    let vpin = ask("vpin/BTCUSDT");
    assert_eq!((&vpin["buckets"], &vpin["buckets_filled"]), (&json!(50), &json!(0)));
    let time: u64 = ask("time")["time_ns"].as_str().unwrap().parse().unwrap();
    assert!(time.abs_diff(now_ms() * 1_000_000) < 60_000_000_000);
}

#[test]
fn vpin_has_a_value_once_its_buckets_are_filled() {
    let limits = RateLimits { weight_1m: 100_000, orders_10s: 100_000, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    let vpin = || venue.one.v1_public("vpin/BTCUSDT").good();
    venue.two.v1_order(&limit("sell", "60000", "100")).good();
    for _ in 0..199 {
        venue.one.v1_order(&limit("buy", "60000", "0.01")).good();
    }
    assert!(vpin().get("bucket_qty").is_none());
    venue.one.v1_order(&limit("buy", "60000", "0.01")).good();
    // Half of 200 times 0.01; and one trade that fills all fifty, all bought.
    assert_eq!(vpin()["bucket_qty"], "1");
    venue.one.v1_order(&limit("buy", "60000", "50")).good();
    let filled = vpin();
    assert_eq!((&filled["vpin"], &filled["toxicity"]), (&json!("1.00000000"), &json!("extreme")));
    assert_eq!(filled["buckets_filled"], 50);
}

#[test]
fn an_account_sees_and_touches_its_own_alone() {
    let venue = Venue::start();
    let (one, two) = (&venue.one, &venue.two);
    let named = json!({ "symbol": "BTCUSDT", "side": "buy", "kind": "limit", "price": "50000",
        "qty": "1", "client_order_id": "mine" });
    let placed = one.v1_order(&named).good();
    let id = placed["order"]["order_id"].as_str().unwrap().to_owned();
    let list = one
        .v1(
            "POST",
            "orders/oco",
            &json!({ "symbol": "BTCUSDT", "orders": [
            { "side": "sell", "kind": "limit", "price": "70000", "qty": "1" },
            { "side": "sell", "kind": "limit", "price": "80000", "qty": "1" },
        ] }),
        )
        .good();
    let list_id = list["list"]["list_id"].as_str().unwrap().to_owned();
    for name in [id.as_str(), "client:mine"] {
        let path = format!("orders/BTCUSDT/{name}");
        two.v1_get(&path).problem(404, "UNKNOWN_ORDER");
        two.v1("DELETE", &path, &Value::Null).problem(404, "UNKNOWN_ORDER");
        two.v1("POST", &format!("{path}/cancel"), &Value::Null).problem(404, "UNKNOWN_ORDER");
        two.v1("PATCH", &path, &json!({ "qty": "2" })).problem(404, "UNKNOWN_ORDER");
        let other = json!({ "side": "buy", "kind": "limit", "price": "1000", "qty": "1" });
        two.v1("POST", &format!("{path}/replace"), &other).problem(404, "UNKNOWN_ORDER");
        assert_eq!(one.v1_get(&path).good()["order_id"], id.as_str());
        one.v1_get(&path.replace("BTC", "ETH")).problem(404, "UNKNOWN_ORDER");
        let elsewhere = one.v1("DELETE", &path.replace("BTC", "ETH"), &Value::Null);
        elsewhere.problem(404, "UNKNOWN_ORDER");
    }
    two.v1_get(&format!("lists/{list_id}")).problem(404, "UNKNOWN_LIST");
    two.v1("DELETE", &format!("lists/{list_id}"), &Value::Null).problem(404, "UNKNOWN_LIST");
    for path in ["orders", "orders/open"] {
        assert_eq!(two.v1_get(path).good()["orders"], json!([]));
        assert_eq!(one.v1_get(path).good()["orders"].as_array().unwrap().len(), 3);
    }
    assert_eq!(two.v1_get("lists").good()["lists"], json!([]));
    let nothing = two.v1("DELETE", "orders", &Value::Null).good();
    assert_eq!(nothing, json!({ "count": 0, "order_ids": [] }));
    assert_eq!(one.v1_get("orders/open").good()["orders"].as_array().unwrap().len(), 3);
    assert_eq!(two.v1_get("account").good()["account"], 2);
    let reserved = one.v1_get("account").good();
    let usdt = |account: &Value| {
        let balances = account["balances"].as_array().unwrap().clone();
        balances.into_iter().find(|balance| balance["asset"] == "USDT").unwrap()
    };
    assert_eq!(usdt(&reserved)["reserved"], "50000");
}

#[test]
fn every_request_that_is_not_public_needs_a_signature() {
    let venue = Venue::start();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.access != Access::Public) {
        let target = endpoint.path.replace("{symbol}", "BTCUSDT").replace("{order_id}", "1");
        let target = target.replace("{list_id}", "1");
        let answer = venue.one.v1_raw(endpoint.method, &target, &[], "");
        assert_eq!(answer.problem(401, "SIGNATURE_REQUIRED"), Some("tiercel-key"), "{target}");
        let answer = venue.one.with_key("other").v1(
            endpoint.method,
            target.strip_prefix("/api/v1/").unwrap(),
            &Value::Null,
        );
        assert_eq!(answer.problem(401, "SIGNATURE_INVALID"), Some("tiercel-signature"));
        if endpoint.access == Access::Trade {
            let path = target.strip_prefix("/api/v1/").unwrap();
            let answer = venue.reader.v1(endpoint.method, path, &Value::Null);
            assert_eq!(answer.problem(403, "KEY_NOT_ALLOWED"), Some("tiercel-key"), "{target}");
        }
    }
    // The reader's key is Ed25519's.
    assert_eq!(venue.reader.v1_get("account").good()["may_trade"], false);
}

#[test]
fn a_signature_is_of_this_request_alone_and_taken_once() {
    let venue = Venue::start();
    let one = &venue.one;
    let (at, body) = (fresh_ms(), limit("buy", "50000", "1").to_string());
    one.v1_at("POST", "orders", &body, at).good();
    let again = one.v1_at("POST", "orders", &body, at);
    assert_eq!(again.problem(401, "REQUEST_REPLAYED"), Some("tiercel-signature"));
    assert_eq!(one.v1_get("orders/open").good()["orders"].as_array().unwrap().len(), 1);
    // Questions may be sent again.
    let at = fresh_ms();
    one.v1_at("GET", "account", "", at).good();
    one.v1_at("GET", "account", "", at).good();
    for at in [0, at - 6_000, at + 60_000] {
        let late = one.v1_at("GET", "account", "", at);
        assert_eq!(late.problem(401, "TIMESTAMP_INVALID"), Some("tiercel-timestamp"));
    }
    let stamp = fresh_ms().to_string();
    let signature = one.plain_signature(&format!("{stamp}\n\nGET\n/api/v1/account\n"));
    let send = |method: &str, target: &str, window: Option<&str>, body: &str| {
        let mut headers = vec![
            ("tiercel-key", one.api_key.as_str()),
            ("tiercel-timestamp", stamp.as_str()),
            ("tiercel-signature", signature.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend(window.map(|window| ("tiercel-window", window)));
        one.v1_raw(method, target, &headers, body)
    };
    send("GET", "/api/v1/account", None, "").good();
    for (method, target, window, body) in [
        ("GET", "/api/v1/orders", None, ""),
        ("GET", "/api/v1/account?", None, ""),
        ("GET", "/api/v1/account", Some("60000"), ""),
        ("GET", "/api/v1/account", None, "{}"),
        ("DELETE", "/api/v1/orders", None, ""),
    ] {
        send(method, target, window, body).problem(401, "SIGNATURE_INVALID");
    }
}

#[test]
fn each_refusal_has_its_code_and_names_the_field() {
    let venue = Venue::start();
    let one = &venue.one;
    let good = limit("buy", "50000", "1");
    let order = |more: Value| super::native_client::with(&good, &more);
    for (body, status, code, field) in [
        (order(json!({ "symbol": "DOGEUSDT" })), 404, "UNKNOWN_INSTRUMENT", "/symbol"),
        (order(json!({ "symbol": "ＢＴＣ" })), 400, "INVALID_FIELD", "/symbol"),
        (order(json!({ "symbol": 7 })), 400, "INVALID_FIELD", "/symbol"),
        (order(json!({ "colour": "red" })), 400, "UNKNOWN_FIELD", "/colour"),
        (order(json!({ "side": "BUY" })), 400, "INVALID_FIELD", "/side"),
        (order(json!({ "side": null })), 400, "INVALID_FIELD", "/side"),
        (order(json!({ "price": 50000 })), 400, "INVALID_FIELD", "/price"),
        (order(json!({ "price": "NaN" })), 400, "INVALID_FIELD", "/price"),
        (order(json!({ "price": "-1" })), 422, "PRICE_TOO_LOW", "/price"),
        (order(json!({ "price": "1e5" })), 400, "INVALID_FIELD", "/price"),
        (order(json!({ "price": "50000.001" })), 422, "PRICE_NOT_ON_TICK", "/price"),
        (order(json!({ "price": "99999999999999999999" })), 400, "INVALID_FIELD", "/price"),
        (order(json!({ "qty": "-1" })), 400, "INVALID_FIELD", "/qty"),
        (order(json!({ "qty": "0" })), 422, "QTY_REQUIRED", "/qty"),
        (order(json!({ "qty": "0.000001" })), 422, "QTY_NOT_ON_LOT", "/qty"),
        (order(json!({ "qty": "100000000000" })), 422, "QTY_TOO_LARGE", "/qty"),
        (order(json!({ "trailing_bps": -1 })), 400, "INVALID_FIELD", "/trailing_bps"),
        (
            order(json!({ "trailing_bps": 5_000_000_000_u64 })),
            400,
            "INVALID_FIELD",
            "/trailing_bps",
        ),
        (order(json!({ "trigger": "stop" })), 422, "TRIGGER_PRICE_INVALID", "/trigger_price"),
        (order(json!({ "client_order_id": "" })), 400, "INVALID_FIELD", "/client_order_id"),
        (
            order(json!({ "client_order_id": "x".repeat(37) })),
            400,
            "INVALID_FIELD",
            "/client_order_id",
        ),
        (order(json!({ "client_order_id": "a\u{0}b" })), 400, "INVALID_FIELD", "/client_order_id"),
        (order(json!({ "expire_time": "soon" })), 400, "INVALID_FIELD", "/expire_time"),
        (order(json!({ "time_in_force": "gtd" })), 422, "EXPIRE_TIME_INVALID", "/expire_time"),
        (order(json!({ "hidden": "yes" })), 400, "INVALID_FIELD", "/hidden"),
    ] {
        let answer = one.v1_order(&body);
        assert_eq!(answer.problem(status, code), Some(field), "{body}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_its_place() {
    let venue = Venue::start();
    let one = &venue.one;
    let good = limit("buy", "50000", "1");
    let order = |more: Value| super::native_client::with(&good, &more);
    for (body, code) in [
        ("{", "INVALID_JSON"),
        ("NaN", "INVALID_JSON"),
        ("[]", "INVALID_FIELD"),
        ("\u{feff}{}", "INVALID_JSON"),
        ("\"\\ud800\"", "INVALID_JSON"),
    ] {
        one.v1_text("POST", "orders", body).problem(400, code);
    }
    let answer = one.v1_text("POST", "orders", r#"{"symbol":"BTCUSDT","symbol":"ETHUSDT"}"#);
    assert_eq!(answer.problem(400, "DUPLICATE_FIELD"), Some("/symbol"));
    let answer = one.v1_order(&json!({ "symbol": "BTCUSDT", "kind": "limit" }));
    assert_eq!(answer.problem(400, "MISSING_FIELD"), Some("/side"));
    let dear = order(json!({ "price": "399999", "qty": "20" }));
    one.v1_order(&dear).good();
    let poor = one.v1_order(&dear);
    assert!(poor.problem(422, "INSUFFICIENT_FUNDS").is_none());
    for (path, field) in [
        ("orderbook/BTCUSDT?depth=0", "depth"),
        ("orderbook/BTCUSDT?depth=5001", "depth"),
        ("orderbook/BTCUSDT?depth=x", "depth"),
        ("trades/BTCUSDT?limit=1001", "limit"),
        ("trades/BTCUSDT?from_trade_id=9223372036854775808", "from_trade_id"),
        ("candles/BTCUSDT?interval=7m", "interval"),
        ("orderbook/BTCUSDT/imbalance?levels=-1", "levels"),
    ] {
        assert_eq!(one.v1_public(path).problem(400, "INVALID_FIELD"), Some(field), "{path}");
    }
    let missing = one.v1_public("candles/BTCUSDT");
    assert_eq!(missing.problem(400, "MISSING_FIELD"), Some("interval"));
    let spare = one.v1_public("time?colour=red");
    assert_eq!(spare.problem(400, "UNKNOWN_FIELD"), Some("colour"));
    one.v1_public("ticker/NOTHING").problem(404, "UNKNOWN_INSTRUMENT");
    one.v1_public("ticker/%FF").problem(404, "UNKNOWN_PATH");
    for name in ["x", "0", "-1", "client:", "18446744073709551616"] {
        let answer = one.v1_get(&format!("orders/BTCUSDT/{name}"));
        assert_eq!(answer.problem(400, "INVALID_FIELD"), Some("order_id"), "{name}");
    }
    assert_eq!(one.v1_get("lists/x").problem(400, "INVALID_FIELD"), Some("list_id"));
    let wrong = one.v1_raw("PUT", "/api/v1/orders", &[], "");
    wrong.problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), Some("GET, POST, DELETE"));
    one.v1_public("nothing").problem(404, "UNKNOWN_PATH");
    one.v1_raw("GET", "/api/v1/stream", &[], "").problem(426, "UPGRADE_REQUIRED");
}

#[test]
fn bodies_are_bounded_in_size_and_time_and_have_to_be_declared() {
    let venue = Venue::with(ServeOptions {
        body_bytes_max: 1_024,
        request_timeout: Duration::from_millis(300),
        ..ServeOptions::default()
    });
    let one = &venue.one;
    let huge = format!("{{\"symbol\":\"{}\"}}", "x".repeat(2_000));
    one.v1_text("POST", "orders", &huge).problem(413, "BODY_TOO_LARGE");
    let plain = [("content-type", "text/plain")];
    let answer = one.v1_raw("POST", "/api/v1/orders", &plain, "{}");
    assert_eq!(answer.problem(415, "UNSUPPORTED_MEDIA_TYPE"), Some("content-type"));
    // A body that does not come.
    let head = b"POST /api/v1/orders HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{";
    let mut stream = one.connect();
    stream.write_all(head).unwrap();
    let mut first = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    // An answer that does not come: the outcome is unknown, and the order is there all the same.
    venue.halt(true);
    one.v1_order(&limit("buy", "50000", "1")).problem(504, "UNKNOWN_OUTCOME");
    venue.halt(false);
    let from = std::time::Instant::now();
    while one.v1_get("orders/open").good()["orders"] == json!([]) {
        assert!(from.elapsed() < Duration::from_secs(10), "the order does not come");
    }
}

#[test]
fn what_may_be_asked_is_limited_and_told() {
    let limits = RateLimits { weight_1m: 40, orders_10s: 2, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    // The minute may end meanwhile: then it begins anew.
    let refused = |ask: &dyn Fn() -> super::http::Answer, code: &str| {
        for _ in 0..200 {
            let answer = ask();
            if answer.status == 429 && answer.body["code"] == code {
                let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=60).contains(&seconds));
                assert_eq!(answer.body["retry_after_s"], seconds);
                return answer;
            }
            assert!(answer.status == 200 || answer.status == 429, "{answer:?}");
        }
        panic!("nothing is refused");
    };
    let first = venue.one.v1_public("time");
    assert_eq!(first.header("ratelimit-policy"), Some("\"weight\";q=40;w=60"));
    assert!(first.header("ratelimit").unwrap().starts_with("\"weight\";r="), "{first:?}");
    let answer = refused(&|| venue.one.v1_public("time"), "RATE_LIMITED");
    assert!(answer.header("ratelimit").unwrap().starts_with("\"weight\";r=0;t="), "{answer:?}");
    let limits = RateLimits { orders_10s: 2, ..RateLimits::default() };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    refused(&|| venue.one.v1_order(&limit("buy", "50000", "1")), "TOO_MANY_ORDERS");
}

/// Everything to which a schema refers.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Value::String(to)) = (name == "$ref", field) {
                    found.insert(to.clone());
                }
                references(field, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn the_description_is_openapi_and_of_every_request() {
    let venue = Venue::start();
    let stranger = Client::stranger(&venue);
    let api = stranger.v1_raw("GET", "/openapi.json", &[], "").good();
    assert_eq!(api["openapi"], "3.1.0");
    for endpoint in ENDPOINTS {
        let operation = &api["paths"][endpoint.path][endpoint.method.to_lowercase()];
        assert_eq!(operation["operationId"], endpoint.name);
        let public = endpoint.access == Access::Public;
        assert_eq!(operation.get("security").is_none(), public, "{}", endpoint.name);
        let ok = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(ok["$ref"].is_string(), "{}", endpoint.name);
    }
    let mut found = BTreeSet::new();
    references(&api, &mut found);
    assert!(found.len() > 40);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(api.pointer(pointer).is_some(), "{reference}");
    }
    let place = &api["components"]["schemas"]["PlaceRequest"];
    assert_eq!(place["additionalProperties"], false);
    assert_eq!(place["required"], json!(["symbol", "side", "kind"]));
    let page = stranger.v1_raw("GET", "/docs", &[], "");
    let html = page.body.as_str().unwrap();
    assert!(page.status == 200 && html.contains("/openapi.json"));
    assert!(!html.contains("http://") && !html.contains("https://"), "it works offline");
}

#[test]
fn a_request_over_one_connection_follows_another() {
    let venue = Venue::start();
    let get = "GET /api/v1/time HTTP/1.1\r\nhost: a\r\n\r\n";
    let last = "GET /api/v1/time HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = exchange(venue.one.connect(), format!("{get}{last}").as_bytes());
    assert_eq!(answer.matches("time_ns").count(), 2, "{answer}");
}
