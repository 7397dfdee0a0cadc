//! Bad input on every interface, byte by byte: each has its typed answer or its close, another client
//! trades on meanwhile, and what was opened and allocated for it is given back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_testkit::soak;

use super::admin::TOKEN;
use super::apart::Apart;
use super::http::{Client, now_ms};
use super::native_client::fresh_ms;
use super::raw_ws::{BINARY, CLOSE, CONTINUATION, FIN, LONG, PING, RawWs, TEXT, frame, head};
use super::ws::Ws;

/// Connections of each kind that goes nowhere, in a round.
const CROWD: usize = 60;

/// What has to come of some bytes.
enum Expect {
    /// An answer of this status that says this.
    Answer(u16, &'static str),
    /// The end of the connection; an answer before it is 4xx, if there is one.
    Closed,
}
use Expect::{Answer, Closed};

#[track_caller]
fn meets(expect: &Expect, what: &str, answer: &str) {
    let begin = answer.chars().take(600).collect::<String>();
    match expect {
        Answer(status, says) => {
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {begin:?}");
            assert!(answer.contains(says), "{what}: {begin:?}");
        }
        Closed => {
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{what}: {begin:?}");
        }
    }
}

/// Sends bytes and reads to the end of the connection.
#[track_caller]
fn told(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    // It may be cut off in the middle.
    let _cut_off = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "still open after {LONG:?}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What is no HTTP, or hardly.
fn no_http() -> Vec<(&'static str, Vec<u8>, Expect)> {
    let get = |more: &str| format!("GET /api/v3/ping HTTP/1.1\r\nhost: a\r\n{more}\r\n\r\n");
    let post = |more: &str| format!("POST /api/v3/order HTTP/1.1\r\nhost: a\r\n{more}\r\n\r\n");
    let of = |text: &str| text.as_bytes().to_vec();
    let binary = (0..=255_u8).cycle().take(9_000).collect();
    vec![
        ("a TLS handshake", of("\x16\x03\x01\x02\0\x01\0\x01\u{7f}\x03\x03\r\n\r\n"), Closed),
        ("every byte", binary, Closed),
        ("zeros", vec![0; 70_000], Closed),
        ("line ends", of(&"\r\n".repeat(4_000)), Closed),
        ("SSH", of("SSH-2.0-OpenSSH_9.9\r\n\r\n"), Closed),
        ("FIX", of("8=FIX.4.4\x019=5\x0135=0\x0110=163\x01\r\n\r\n"), Closed),
        ("HTTP/2", of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Closed),
        ("HTTP/9.9", of("GET /api/v3/ping HTTP/9.9\r\n\r\n"), Closed),
        ("no version", of("GET /api/v3/ping\r\n\r\n"), Closed),
        ("a zero in the path", of("GET /api/v3/pi\0ng HTTP/1.1\r\n\r\n"), Closed),
        ("raw UTF-8 in a header's name", of(&get("x-\u{1f4a3}: 1")), Closed),
        ("a header without a colon", of(&get("nothing")), Closed),
        ("a blank before the colon", of(&get("x : 1")), Closed),
        ("a zero in a header", of(&get("x: a\0b")), Closed),
        ("a header of a megabyte", of(&get(&format!("x: {}", "a".repeat(1 << 20)))), Closed),
        ("ten thousand headers", of(&get(&"x: 1\r\n".repeat(10_000))), Closed),
        (
            "a path of a megabyte",
            of(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20))),
            Closed,
        ),
        ("a length below zero", of(&post("content-length: -1")), Closed),
        ("a length that is no number", of(&post("content-length: NaN")), Closed),
        ("a length beyond 64 bits", of(&post("content-length: 99999999999999999999")), Closed),
        ("two lengths", of(&post("content-length: 1\r\ncontent-length: 2")), Closed),
        ("an unknown coding", of(&post("transfer-encoding: gzip")), Closed),
        (
            "a chunk of no size",
            of(&post("transfer-encoding: chunked\r\nconnection: close"))
                .into_iter()
                .chain(*b"zz\r\n")
                .collect(),
            Closed,
        ),
        (
            "a chunk beyond 64 bits",
            of(&post("transfer-encoding: chunked\r\nconnection: close"))
                .into_iter()
                .chain(*b"fffffffffffffffff\r\n")
                .collect(),
            Closed,
        ),
    ]
}

/// Requests that are HTTP and nothing that the public address knows. Each ends its connection.
fn no_requests() -> Vec<(&'static str, String, Expect)> {
    let close = "host: a\r\nconnection: close\r\n";
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\n{close}\r\n");
    let post = |path: &str, more: &str, body: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\n{close}{more}content-length: {length}\r\n\r\n{body}")
    };
    let json = "content-type: application/json\r\n";
    let huge = "x".repeat(20_000);
    vec![
        ("another path", get("/api/v3/\u{1f4a3}"), Closed),
        ("a coded path", get("/api/v3/%F0%9F%92%A3"), Answer(404, "-1020")),
        ("a path that climbs", get("/api/v3/../../etc/passwd"), Answer(404, "-1020")),
        ("administration", get("/admin/v1/status"), Answer(404, "-1020")),
        ("a broken percent sign", get("/api/v3/depth?symbol=%zz"), Answer(400, "-1100")),
        ("no UTF-8", get("/api/v3/depth?symbol=%FF%FE"), Answer(400, "-1100")),
        ("a zero", get("/api/v3/depth?symbol=BTC%00USDT"), Answer(400, "-1100")),
        ("an unknown symbol", get("/api/v3/depth?symbol=DOGEUSDT"), Answer(400, "-1121")),
        (
            "a limit that is none",
            get("/api/v3/depth?symbol=BTCUSDT&limit=NaN"),
            Answer(400, "-1100"),
        ),
        ("below zero", get("/api/v3/trades?symbol=BTCUSDT&limit=-1"), Answer(400, "-1100")),
        (
            "beyond 64 bits",
            get("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=99999999999999999999"),
            Answer(400, "\"code\":-1"),
        ),
        (
            "a list that does not end",
            get("/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22"),
            Answer(400, "\"code\":-1"),
        ),
        ("a huge form", post("/api/v3/order", "", &huge), Answer(413, "-1101")),
        ("JSON as a form", post("/api/v3/order", "", "{\"symbol\":1}"), Answer(401, "-2014")),
        ("an upgrade without one", get("/ws"), Answer(400, "")),
        ("native: another path", get("/api/v1/%FF"), Answer(404, "UNKNOWN_PATH")),
        (
            "native: no signature",
            post("/api/v1/orders", json, "{}"),
            Answer(401, "SIGNATURE_REQUIRED"),
        ),
        ("native: huge", post("/api/v1/orders", json, &huge), Answer(413, "BODY_TOO_LARGE")),
        ("native: plain", post("/api/v1/orders", "", "{}"), Answer(415, "UNSUPPORTED_MEDIA_TYPE")),
        ("native: no upgrade", get("/api/v1/stream"), Answer(426, "UPGRADE_REQUIRED")),
        ("native: a query", get("/api/v1/time?%zz=1"), Answer(400, "INVALID_QUERY")),
        (
            "native: an unknown symbol",
            get("/api/v1/orderbook/%F0%9F%92%A3"),
            Answer(404, "UNKNOWN_INSTRUMENT"),
        ),
    ]
}

/// What administrators may not say.
fn administration() -> Vec<(&'static str, String, Expect)> {
    let with = |method: &str, path: &str, token: &str, body: &str| {
        let length = body.len();
        format!(
            "{method} /admin/v1/{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             authorization: {token}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let bearer = format!("Bearer {TOKEN}");
    let post = |path: &str, body: &str| with("POST", path, &bearer, body);
    let none = || Answer(401, "TOKEN_INVALID");
    let invalid = || Answer(400, "INVALID_BODY");
    let deposit = |amount: &str| {
        let body = format!("{{\"funding_id\":5,\"asset\":\"BTC\",\"amount\":{amount}}}");
        post("accounts/1/deposits", &body)
    };
    vec![
        ("no token", with("GET", "status", "", ""), none()),
        ("another token", with("GET", "status", "Bearer x", ""), none()),
        ("a part of it", with("GET", "status", &bearer[..bearer.len() - 1], ""), none()),
        ("more than it", with("GET", "status", &format!("{bearer}x"), ""), none()),
        ("another scheme", with("GET", "status", &format!("Basic {TOKEN}"), ""), none()),
        ("bytes", with("GET", "status", "Bearer \u{1f4a3}", ""), none()),
        ("no call", with("GET", "\u{7f}", &bearer, ""), Closed),
        ("no such call", with("GET", "%2e%2e/status", &bearer, ""), Answer(404, "NO_SUCH_CALL")),
        ("no UTF-8", with("GET", "accounts/%FF", &bearer, ""), Answer(404, "NO_SUCH_CALL")),
        ("no JSON", post("assets", "{"), invalid()),
        ("nothing", post("assets", ""), invalid()),
        ("a list", post("assets", "[]"), invalid()),
        ("deep", post("assets", &"[".repeat(60_000)), invalid()),
        ("huge", post("assets", &"x".repeat(70_000)), Answer(413, "BODY_TOO_LARGE")),
        ("NaN", deposit("NaN"), invalid()),
        ("a text that says so", deposit("\"NaN\""), invalid()),
        ("below zero", deposit("\"-1\""), invalid()),
        ("too large", deposit("\"99999999999999999999999999999999999999999\""), invalid()),
        ("too fine", deposit("\"0.00000000000000000000001\""), invalid()),
        ("another type", deposit("true"), invalid()),
        ("a list as a text", deposit("[\"1\"]"), invalid()),
        ("digits of elsewhere", deposit("\"\u{ff11}\""), invalid()),
        ("a lone surrogate", post("assets", "{\"code\":\"\\ud800\"}"), invalid()),
        ("a number beyond", post("kill-switch", "{\"on\":1e999}"), invalid()),
    ]
}

/// What no client may do on a `WebSocket`, and the code that it is closed with.
fn no_frames() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |bytes: &[u8]| frame(FIN | TEXT, bytes);
    let both = |one: Vec<u8>, other: Vec<u8>| [one, other].concat();
    let half = vec![b'x'; 32 << 10];
    let for_ever = (0..3).map(|at| frame(if at == 0 { TEXT } else { CONTINUATION }, &half));
    vec![
        ("not masked", vec![FIN | TEXT, 2, b'{', b'}'], 1002),
        ("a reserved bit", frame(FIN | 0x40 | TEXT, b"{}"), 1002),
        ("a reserved kind", frame(FIN | 3, b"{}"), 1002),
        ("a reserved kind of control", frame(FIN | 0xb, b""), 1002),
        ("a ping in parts", frame(PING, b"x"), 1002),
        ("a ping of 126 bytes", frame(FIN | PING, &[0; 126]), 1002),
        ("the rest of nothing", frame(FIN | CONTINUATION, b"{}"), 1002),
        ("a message within another", both(frame(TEXT, b"{"), text(b"{}")), 1002),
        ("a goodbye of a byte", frame(FIN | CLOSE, &[3]), 1002),
        ("no UTF-8", text(&[b'"', 0xff, b'"']), 1007),
        ("half a character", text(&[0xf0, 0x9f]), 1007),
        ("a surrogate", text(&[0xed, 0xa0, 0x80]), 1007),
        ("2^63 bytes", head(FIN | TEXT, 1 << 63), 1009),
        ("2^63 bytes less one", head(FIN | TEXT, (1 << 63) - 1), 1009),
        ("a byte more than it may have", head(FIN | TEXT, (64 << 10) + 1), 1009),
        ("parts without an end", for_ever.flatten().collect(), 1009),
        ("bytes", frame(FIN | BINARY, b"{}"), 1003),
        ("bytes, and nothing in them", frame(FIN | BINARY, b""), 1003),
    ]
}

/// The paths on which a `WebSocket` is spoken.
const PATHS: [&str; 4] = ["/ws", "/stream?streams=btcusdt@trade", "/ws-api/v3", "/api/v1/stream"];

/// Numbers that are none, as texts, and the code of the Binance interface.
const NUMBERS: [(&str, i64); 14] = [
    ("NaN", -1100),
    ("inf", -1100),
    ("-1", -1100),
    ("+1", -1100),
    ("1e3", -1100),
    ("0x1", -1100),
    ("1,5", -1100),
    ("1.5.2", -1100),
    (".", -1100),
    ("\u{ff11}", -1100),
    ("\u{1f4a3}", -1100),
    ("1\0", -1100),
    ("99999999999999999999", -1108),
    ("0.00000000000000000001", -1111),
];

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

/// The same numbers on each of the interfaces, signed by somebody who may trade.
fn numbers(venue: &Apart) {
    let order = |more: &str| format!("side=BUY&type=LIMIT&timeInForce=GTC&{more}");
    let limit = |price: Value, qty: Value| {
        json!({ "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "price": price, "quantity": qty })
    };
    let mut ws = Ws::open(&venue.one);
    let native = json!({ "symbol": "BTCUSDT", "side": "buy", "kind": "limit", "price": "50000",
        "qty": "1" });
    for (number, code) in NUMBERS {
        let coded = percent(number);
        let answer = venue.one.order(&order(&format!("price=50000&quantity={coded}")));
        assert!(!answer.refused(400, code).is_empty(), "{number}");
        venue.one.order(&order(&format!("quantity=1&price={coded}"))).refused(400, code);
        let answer = ws.signed("order.place", &limit(json!("50000"), json!(number)));
        let told = (&answer["status"], &answer["error"]["code"]);
        assert_eq!(told, (&json!(400), &json!(code)), "{number}: {answer}");
        for field in ["price", "qty"] {
            let mut body = native.clone();
            body[field] = json!(number);
            let answer = venue.one.v1_order(&body);
            // A price may be below zero where an instrument has such prices: this one has none.
            let (status, code) = match (field, number) {
                ("price", "-1") => (422, "PRICE_TOO_LOW"),
                _ => (400, "INVALID_FIELD"),
            };
            assert_eq!(answer.problem(status, code), Some(&*format!("/{field}")), "{number}");
        }
    }
    // Values of other kinds, where a text or a number is expected.
    for value in [json!(true), json!([]), json!({}), json!([1]), json!(-1), json!(1e300)] {
        let answer = ws.signed("order.place", &limit(json!("50000"), value.clone()));
        assert_eq!((&answer["status"], &answer["error"]["code"]), (&json!(400), &json!(-1100)));
        let mut body = native.clone();
        body["qty"] = value;
        assert_eq!(venue.one.v1_order(&body).problem(400, "INVALID_FIELD"), Some("/qty"));
    }
    for window in ["60001", "-1", "NaN", "99999999999999999999"] {
        let answer = venue.one.signed("GET", "account", &format!("recvWindow={window}"));
        let code = answer.body["code"].as_i64().unwrap();
        assert!(matches!(code, -1100 | -1108 | -1131), "{window}: {answer:?}");
    }
    for at_ms in [0, 1, now_ms() - 5_500, now_ms() + 60_000, u64::MAX / 2] {
        venue.one.signed_at("GET", "account", "omitZeroBalances=true", at_ms).refused(400, -1021);
        let answer = venue.one.v1_at("GET", "account", "", at_ms);
        assert_eq!(answer.problem(401, "TIMESTAMP_INVALID"), Some("tiercel-timestamp"));
    }
    for name in ["\u{1f4a3}", "a\nb", "\u{7f}", &"x".repeat(37)] {
        let coded = percent(name);
        let query = order(&format!("price=50000&quantity=1&newClientOrderId={coded}"));
        venue.one.order(&query).refused(400, -1100);
        let mut body = native.clone();
        body["client_order_id"] = json!(name);
        let answer = venue.one.v1_order(&body);
        assert_eq!(answer.problem(400, "INVALID_FIELD"), Some("/client_order_id"), "{name}");
    }
    // What is signed natively and changes something is taken once.
    let at_ms = fresh_ms();
    let body = native.to_string();
    venue.one.v1_at("POST", "orders", &body, at_ms).good();
    venue.one.v1_at("POST", "orders", &body, at_ms).problem(401, "REQUEST_REPLAYED");
    venue.one.v1_at("DELETE", "orders?symbol=BTCUSDT", "", fresh_ms()).good();
}

/// Texts that are no calls: the connection goes on.
fn no_calls(venue: &Apart) {
    let deep = format!("{{\"id\":1,\"method\":\"ping\",\"params\":{}", "[".repeat(60_000));
    let many: serde_json::Map<_, _> = (0..6_000).map(|at| (format!("p{at}"), json!(1))).collect();
    let many = json!({ "id": 1, "method": "ping", "params": many }).to_string();
    let ws_api = [
        ("{}", 400, -1102),
        ("null", 400, -1135),
        ("NaN", 400, -1135),
        ("{\"id\":1}{\"id\":2}", 400, -1135),
        ("\u{feff}{\"id\":1,\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":1,\"id\":2,\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":[1],\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":{},\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":true,\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":1e999,\"method\":\"ping\"}", 400, -1135),
        ("{\"id\":1,\"method\":7}", 400, -1102),
        ("{\"id\":1,\"method\":null}", 400, -1102),
        ("{\"id\":1,\"method\":\"\\ud800\"}", 400, -1102),
        ("{\"id\":1,\"method\":\"ping\\u0000\"}", 404, -1020),
        ("{\"id\":1,\"method\":\"ping\",\"params\":\"x\"}", 400, -1135),
        ("{\"id\":1,\"method\":\"ping\",\"params\":7}", 400, -1135),
        ("{\"id\":1,\"method\":\"ping\",\"params\":{\"\":\"\"}}", 400, -1104),
        ("{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":[\"BTCUSDT\"]}}", 400, -1100),
        ("{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":null}}", 400, -1102),
        ("{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":\"DOGE\"}}", 400, -1121),
        ("{\"id\":1,\"method\":\"session.logon\",\"params\":{\"apiKey\":7}}", 400, -1102),
        (&deep, 400, -1135),
        (&many, 400, -1101),
    ];
    let mut ws = RawWs::open(venue.one.address, "/ws-api/v3");
    for (text, status, code) in ws_api {
        ws.send(&frame(FIN | TEXT, text.as_bytes()));
        let answer: Value = serde_json::from_str(&ws.text()).unwrap();
        let told = (&answer["status"], &answer["error"]["code"]);
        let begin: String = text.chars().take(100).collect();
        assert_eq!(told, (&json!(status), &json!(code)), "{begin}: {answer}");
    }
    // In parts, some of which hold nothing, with a ping in between: as if it had come whole.
    ws.send(&frame(TEXT, b"{\"id\":\"\xf0\x9f"));
    for _ in 0..2_000 {
        ws.send(&frame(CONTINUATION, b""));
    }
    ws.send(&frame(FIN | PING, b"still here?"));
    ws.send(&frame(FIN | CONTINUATION, b"\x92\xa3\",\"method\":\"ping\"}"));
    let (first, pong) = ws.next().unwrap();
    assert_eq!((first & 0xf, &pong[..]), (0xa, &b"still here?"[..]));
    let answer: Value = serde_json::from_str(&ws.text()).unwrap();
    assert_eq!((&answer["status"], &answer["id"]), (&json!(200), &json!("\u{1f4a3}")));
}

/// Texts that ask a connection of streams for nothing that there is.
fn no_streams(venue: &Apart) {
    let subscribe = "{\"method\":\"SUBSCRIBE\",\"params\":[\"\\u0000@trade\"],\"id\":1}";
    let names = vec!["btcusdt@trade"; 1_025];
    let too_many = json!({ "method": "SUBSCRIBE", "params": names, "id": 1 }).to_string();
    for (text, code) in [
        ("NaN", 3),
        (&*"[".repeat(60_000), 3),
        ("\"\\ud800\"", 3),
        ("null", 2),
        ("{\"method\":\"SUBSCRIBE\",\"params\":[null],\"id\":1}", 2),
        ("{\"method\":\"SUBSCRIBE\",\"params\":[],\"id\":1e999}", 3),
        (subscribe, 2),
        (&too_many, 2),
    ] {
        // A client may say so much in a second: each on a connection of its own.
        let mut ws = RawWs::open(venue.one.address, "/ws");
        ws.send(&frame(FIN | TEXT, text.as_bytes()));
        let answer: Value = serde_json::from_str(&ws.text()).unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        ws.send(&frame(FIN | CLOSE, &1_000_u16.to_be_bytes()));
        assert_eq!(ws.closed(), Some(1000));
    }
}

/// The same of the native interface: the connection goes on.
fn no_channels(venue: &Apart) {
    let mut ws = RawWs::open(venue.one.address, "/api/v1/stream");
    for (text, code) in [
        ("", "MISSING_FIELD"),
        ("NaN", "INVALID_JSON"),
        (&*"[".repeat(60_000), "INVALID_JSON"),
        ("[]", "INVALID_FIELD"),
        ("\"\\ud800\"", "INVALID_JSON"),
        ("{\"op\":7}", "INVALID_FIELD"),
        ("{\"op\":\"ping\",\"op\":\"ping\"}", "DUPLICATE_FIELD"),
        ("{\"op\":\"list\",\"id\":1e999}", "INVALID_JSON"),
        ("{\"op\":\"list\",\"id\":18446744073709551616}", "INVALID_FIELD"),
        ("{\"op\":\"subscribe\",\"channels\":{}}", "INVALID_FIELD"),
        ("{\"op\":\"subscribe\",\"channels\":[[]]}", "INVALID_FIELD"),
        ("{\"op\":\"subscribe\",\"channels\":[{\"channel\":\"orders\"}]}", "SIGNATURE_REQUIRED"),
        ("{\"op\":\"authenticate\",\"key\":7}", "INVALID_FIELD"),
        (
            "{\"op\":\"authenticate\",\"key\":\"x\",\"timestamp\":\"NaN\",\"signature\":\"x\"}",
            "TIMESTAMP_INVALID",
        ),
    ] {
        ws.send(&frame(FIN | TEXT, text.as_bytes()));
        let answer: Value = serde_json::from_str(&ws.text()).unwrap();
        assert_eq!(answer["problem"]["code"], code, "{answer}");
    }
}

/// Clients that come and do not come to the point, many of each kind at once: all are ended.
fn crowds(venue: &Apart) {
    let half = b"GET /api/v3/ping HTTP/1.1\r\nhost: a\r\nx: ";
    let upgrade = b"GET /ws-api/v3 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: we";
    let mut crowd = Vec::new();
    for address in [venue.one.address, venue.admin] {
        // Of administrators there are fewer at once.
        let each = if address == venue.admin { 10 } else { CROWD };
        for bytes in [&b""[..], half, upgrade] {
            for _ in 0..each {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(bytes).unwrap();
                crowd.push(stream);
            }
        }
    }
    for _ in 0..CROWD {
        // Half closed in the middle of a head; and gone in the middle of a frame.
        let mut stream = TcpStream::connect(venue.one.address).unwrap();
        stream.write_all(half).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        crowd.push(stream);
        let mut ws = RawWs::open(venue.one.address, PATHS[crowd.len() % PATHS.len()]);
        ws.send(&frame(TEXT, &vec![b'x'; 20_000])[..10_000]);
    }
    // A byte now and then keeps no head open.
    let mut slow = TcpStream::connect(venue.one.address).unwrap();
    slow.write_all(half).unwrap();
    let from = Instant::now();
    while slow.write_all(b"a").is_ok() {
        sleep(Duration::from_millis(50));
        assert!(from.elapsed() < LONG, "a slow head is taken for ever");
    }
    for stream in &mut crowd {
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut answer = String::new();
        match stream.read_to_string(&mut answer) {
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "still open"),
            Ok(_) => assert!(!answer.contains("200 OK"), "{answer}"),
        }
    }
}

/// Requests whose bodies do not come, sent before everything else.
fn without_bodies(venue: &Apart) -> Vec<TcpStream> {
    let body = b"POST /api/v3/order HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx";
    let send = |_| {
        let mut stream = TcpStream::connect(venue.one.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(body).unwrap();
        stream
    };
    (0..CROWD).map(send).collect()
}

/// Everything once.
fn round(venue: &Apart) {
    let waiting = without_bodies(venue);
    for (what, bytes, expect) in no_http() {
        for address in [venue.one.address, venue.admin] {
            meets(&expect, what, &told(address, &bytes));
        }
    }
    for (what, bytes, expect) in no_requests() {
        meets(&expect, what, &told(venue.one.address, bytes.as_bytes()));
    }
    for (what, bytes, expect) in administration() {
        meets(&expect, what, &told(venue.admin, bytes.as_bytes()));
    }
    for path in PATHS {
        for (what, bytes, code) in no_frames() {
            let mut ws = RawWs::open(venue.one.address, path);
            ws.send(&bytes);
            assert_eq!(ws.closed(), Some(code), "{path}: {what}");
        }
    }
    no_calls(venue);
    no_streams(venue);
    no_channels(venue);
    numbers(venue);
    crowds(venue);
    for mut stream in waiting {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 504");
    }
}

/// Somebody who trades on, over HTTP and a `WebSocket`; counts the commands, which the log keeps.
fn trade(client: &Client, over: &AtomicBool, commands: &AtomicU64) {
    let mut ws = Ws::open(client);
    while !over.load(Ordering::SeqCst) {
        let placed = ws.limit("BUY", "40000", "0.01");
        assert_eq!(placed["status"], "NEW");
        let order_id = placed["orderId"].as_u64().unwrap();
        let gone =
            client.signed("DELETE", "order", &format!("symbol=BTCUSDT&orderId={order_id}")).good();
        assert_eq!(gone["status"], "CANCELED");
        commands.fetch_add(2, Ordering::SeqCst);
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn bad_input_is_answered_or_ended_leaves_nothing_behind_and_harms_nobody() {
    let venue = Apart::start();
    let rounds = if soak::is_soak() { 100 } else { 3 };
    let (over, commands) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        // The trade of the other client is over, whatever becomes of the rest.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let trading = scope.spawn(|| trade(&venue.two, &over, &commands));
        let ends = Over(&over);
        // The first two make room that the later ones use again.
        round(&venue);
        venue.settle([3, 0]);
        round(&venue);
        venue.settle([3, 0]);
        let (before_kib, since) = (venue.resident_kib(), commands.load(Ordering::SeqCst));
        for _ in 2..rounds {
            round(&venue);
            venue.settle([3, 0]);
        }
        let after_kib = venue.resident_kib();
        let traded = commands.load(Ordering::SeqCst) - since;
        eprintln!("resident: {before_kib} KiB, then {after_kib} KiB; {traded} commands meanwhile");
        // A log in memory has a record of each command, in a table that doubles.
        let most_kib = before_kib + 8 * 1_024 + traded;
        assert!(after_kib < most_kib, "{before_kib} KiB became {after_kib} KiB");
        drop(ends);
        trading.join().unwrap();
        assert!(traded > 10, "the other client hardly traded");
    });
    assert_eq!(venue.one.signed("GET", "openOrders", "symbol=BTCUSDT").good(), json!([]));
    venue.settle([1, 0]);
}
