//! Bad input over HTTP: a typed answer each time, and the venue goes on.

use std::io::Write;
use std::time::{Duration, Instant};

use tiercel_venue::binance::rate_limit::RateLimits;
use tiercel_venue::serve::ServeOptions;

use super::http::{Client, Venue, exchange, now_ms};

#[test]
fn orders_that_are_wrong_are_refused_by_code_and_name() {
    let venue = Venue::start();
    let limit = "side=BUY&type=LIMIT&timeInForce=GTC";
    for (query, code, message) in [
        ("type=LIMIT".to_owned(), -1102, "'side'"),
        ("side=BUY".to_owned(), -1102, "'type'"),
        ("side=LEFT&type=LIMIT".to_owned(), -1117, "Invalid side."),
        ("side=BUY&type=LIMITED".to_owned(), -1116, "Invalid orderType."),
        ("side=BUY&type=LIMIT&timeInForce=DAY".to_owned(), -1115, "Invalid timeInForce."),
        (limit.to_owned(), -1102, "'quantity'"),
        (format!("{limit}&quantity=1"), -1102, "'price'"),
        ("side=BUY&type=LIMIT&quantity=1&price=1".to_owned(), -1102, "'timeInForce'"),
        ("side=BUY&type=MARKET".to_owned(), -1102, "'quantity' or 'quoteOrderQty'"),
        ("side=BUY&type=MARKET&quantity=1&timeInForce=GTC".to_owned(), -1114, "TimeInForce"),
        ("side=BUY&type=MARKET&quantity=1&price=1".to_owned(), -1106, "'price'"),
        ("side=BUY&type=MARKET&quantity=1&quoteOrderQty=1".to_owned(), -1128, "Combination"),
        ("side=BUY&type=STOP_LOSS&quantity=1".to_owned(), -1102, "'stopPrice' or 'trailingDelta'"),
        (format!("{limit}&quantity=1&price=60000&stopPrice=1"), -1106, "'stopPrice'"),
        (format!("{limit}&quantity=1&price=60000&colour=red"), -1104, "read '"),
        (format!("{limit}&quantity=0&price=60000"), -1013, "Filter failure: LOT_SIZE"),
        (format!("{limit}&quantity=1&price=0"), -1013, "Filter failure: PRICE_FILTER"),
        (format!("{limit}&quantity=1&price=60000.001"), -1013, "Filter failure: PRICE_FILTER"),
        (format!("{limit}&quantity=1&price=2000000"), -1013, "Filter failure: PRICE_FILTER"),
        (format!("{limit}&quantity=0.000001&price=60000"), -1013, "Filter failure: LOT_SIZE"),
        (format!("{limit}&quantity=10000&price=60000"), -1013, "Filter failure: LOT_SIZE"),
        (format!("{limit}&quantity=0.00001&price=60000"), -1013, "Filter failure: NOTIONAL"),
        (format!("{limit}&quantity=1&price=60000&icebergQty=0.01"), -1013, "ICEBERG_PARTS"),
        (format!("{limit}&quantity=0.000000001&price=60000"), -1111, "'quantity'"),
        (format!("{limit}&quantity=NaN&price=60000"), -1100, "'quantity'"),
        (format!("{limit}&quantity=-1&price=60000"), -1100, "'quantity'"),
        (format!("{limit}&quantity=1e3&price=60000"), -1100, "'quantity'"),
        (format!("{limit}&quantity=99999999999999999999&price=60000"), -1108, "'quantity'"),
        (format!("{limit}&quantity=%EF%BC%91&price=60000"), -1100, "'quantity'"),
        (format!("{limit}&quantity=1&price=60000&newClientOrderId=a%20b"), -1100, "newClient"),
        (format!("{limit}&quantity=1&quantity=1&price=60000"), -1101, "Duplicate"),
        (format!("{limit}&quantity=1&price=60000&newOrderRespType=SOME"), -1130, "RespType"),
        (format!("{limit}&quantity=1&price=60000&strategyType=5"), -1134, "strategyType"),
        (
            "side=SELL&type=LIMIT&timeInForce=GTC&quantity=101&price=60000".to_owned(),
            -2010,
            "insufficient balance",
        ),
        ("side=BUY&type=MARKET&quantity=1".to_owned(), -2010, "liquidity"),
    ] {
        let answer = venue.one.order(&query);
        let said = answer.refused(400, code);
        assert!(said.contains(message), "{query}: {said}");
        if code != -2010 && !said.contains("Filter") {
            // What the engine need not see is refused by a test of it alike.
            let query = format!("symbol=BTCUSDT&{query}");
            venue.one.signed("POST", "order/test", &query).refused(400, code);
        }
    }
    let other = "symbol=DOGEUSDT&side=BUY&type=MARKET&quantity=1";
    venue.one.signed("POST", "order", other).refused(400, -1121);
    venue.one.signed("POST", "order", "side=BUY").refused(400, -1102);
    venue.one.signed("POST", "order", "symbol=b%00&side=BUY").refused(400, -1100);
    assert_eq!(venue.one.signed("GET", "openOrders", "").good(), serde_json::json!([]));
}

#[test]
fn requests_that_nobody_signed_or_in_time_are_refused() {
    let venue = Venue::start();
    let stranger = Client::stranger(&venue);
    stranger.signed("GET", "account", "").refused(401, -2014);
    venue.one.with_key("no such key").signed("GET", "account", "").refused(401, -2015);
    venue.two.with_key("reader").signed("GET", "account", "").refused(400, -1022);
    let now = now_ms();
    let target = format!("/api/v3/account?timestamp={now}");
    venue.one.raw("GET", &target, "").refused(400, -1102);
    venue.one.raw("GET", "/api/v3/account?signature=00", "").refused(400, -1102);
    for signature in ["00", "zz", "%F0%9F%98%80", "a%00b"] {
        let target = format!("/api/v3/account?timestamp={now}&signature={signature}");
        venue.one.raw("GET", &target, "").refused(400, -1022);
    }
    let late = venue.one.signed_at("GET", "account", "", now - 6_000);
    assert!(late.refused(400, -1021).contains("outside of the recvWindow"));
    venue.one.signed_at("GET", "account", "recvWindow=60000", now - 6_000).good();
    let early = venue.one.signed_at("GET", "account", "", now + 60_000);
    assert!(early.refused(400, -1021).contains("ahead of the server's time"));
    venue.one.signed("GET", "account", "recvWindow=60001").refused(400, -1131);
}

#[test]
fn paths_methods_and_bodies_that_are_not_there_are_refused_in_json() {
    let venue = Venue::start();
    venue.one.public("nothing").refused(404, -1020);
    venue.one.raw("GET", "/elsewhere", "").refused(404, -1020);
    venue.one.raw("PUT", "/api/v3/order", "").refused(405, -1020);
    venue.one.raw("POST", "/health/live", "").refused(405, -1020);
    venue.one.public("ping?colour=red").refused(400, -1104);
    venue.one.public("depth?symbol=BTCUSDT&limit=many").refused(400, -1100);
    venue.one.public("depth?symbol=BTCUSDT&limit=0").refused(400, -1130);
    let huge = format!("symbol=BTCUSDT&x={}", "a".repeat(20_000));
    venue.one.form("POST", "order", &huge).refused(413, -1101);
    venue.one.form("POST", "order", "{\"symbol\":\"BTCUSDT\"}").refused(400, -1102);
    venue.one.public("ping").good();
}

#[test]
fn sockets_that_speak_no_http_harm_nobody() {
    let options = ServeOptions {
        header_timeout: Duration::from_millis(300),
        request_timeout: Duration::from_millis(300),
        ..ServeOptions::default()
    };
    let venue = Venue::with(options);
    let garbage =
        exchange(venue.one.connect(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
    assert!(garbage.is_empty() || garbage.starts_with("HTTP/1.1 400"), "{garbage}");
    // Half a request, and then nothing: cut off, while others are served.
    let from = Instant::now();
    let mut slow = venue.one.connect();
    slow.write_all(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    venue.one.public("ping").good();
    assert_eq!(exchange(slow, b""), "");
    assert!(from.elapsed() < Duration::from_secs(8), "it was left open");
    // A body that does not come: an answer in time.
    let head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nsymbol=";
    let late = exchange(venue.one.connect(), head);
    assert!(late.starts_with("HTTP/1.1 504") && late.contains("-1007"), "{late}");
    venue.one.public("ping").good();
}

#[test]
fn weight_and_orders_are_limited_and_counted() {
    let limits = RateLimits { weight_1m: 60, orders_10s: 3, orders_1d: 3, refusals_1m: 20 };
    let venue = Venue::with(ServeOptions { limits, ..ServeOptions::default() });
    // A minute that changes amid the test would start the count anew.
    while now_ms() % 60_000 > 50_000 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let first = venue.one.public("ping");
    assert_eq!(first.header("x-mbx-used-weight-1m"), Some("1"));
    let second = venue.one.limit("BUY", "50000", "1");
    assert_eq!(second.header("x-mbx-used-weight-1m"), Some("2"));
    venue.one.limit("BUY", "50001", "1").good();
    venue.one.limit("BUY", "50002", "1").good();
    let refused = venue.one.limit("BUY", "50003", "1");
    assert!(refused.refused(429, -1015).starts_with("Too many new orders; current limit is 3"));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    // What is filled no longer counts.
    venue.two.limit("SELL", "50002", "1").good();
    venue.one.limit("BUY", "50004", "1").good();
    let refused = (0..10).map(|_| venue.one.public("exchangeInfo")).find(|one| one.status != 200);
    let refused = refused.expect("the limit is never reached");
    assert!(
        refused.refused(429, -1003).contains("current limit is 60 request weight per 1 MINUTE")
    );
    assert!((1..=60).contains(&refused.header("retry-after").unwrap().parse::<u64>().unwrap()));
}

#[test]
fn an_answer_that_does_not_come_is_an_unknown_outcome_and_cancels_nothing() {
    let options =
        ServeOptions { request_timeout: Duration::from_millis(200), ..ServeOptions::default() };
    let venue = Venue::with(options);
    venue.halt(true);
    std::thread::sleep(Duration::from_millis(20));
    let order =
        "side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1&newClientOrderId=unknown";
    let answer = venue.one.order(order);
    assert!(answer.refused(504, -1007).contains("execution status unknown"));
    venue.halt(false);
    // As the rules say: ask. It was taken.
    let ask = || venue.one.signed("GET", "order", "symbol=BTCUSDT&origClientOrderId=unknown");
    let from = Instant::now();
    while ask().status != 200 {
        assert!(from.elapsed() < Duration::from_secs(10), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(venue.one.order(order).refused(400, -2010), "Duplicate order sent.");
}

#[test]
fn health_and_metrics_say_what_happened_and_a_stopping_venue_takes_nothing() {
    let venue = Venue::start();
    let get = |path| venue.one.raw("GET", path, "");
    assert_eq!(get("/health/live").good()["status"], "live");
    assert_eq!(get("/health/ready").good()["status"], "ready");
    venue.one.limit("BUY", "50000", "1").good();
    venue.two.limit("SELL", "50000", "1").good();
    let metrics = get("/metrics");
    let text = metrics.body.as_str().unwrap().to_owned();
    for line in ["orders_accepted_total 2", "orders_filled_total 2", "trades_total 1"] {
        assert!(text.contains(line), "{text}");
    }
    venue.halt(true);
    std::thread::sleep(Duration::from_millis(20));
    venue.stop();
    let ready = get("/health/ready");
    assert_eq!((ready.status, ready.body["status"].as_str()), (503, Some("stopping")));
    venue.one.limit("BUY", "50000", "1").refused(503, -1016);
}
