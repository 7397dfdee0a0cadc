//! Administration over real sockets: who may, and what it does to those who trade.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tiercel_journal::IoOptions;
use tiercel_telemetry::{Log, LogFormat, LogOptions, Registry};
use tiercel_venue::accounts::Keys;
use tiercel_venue::admin::Token;
use tiercel_venue::run::{RunOptions, start};
use tiercel_venue::serve::{Admin, ServeOptions, Server};
use tiercel_venue::store;

use super::http::{Answer, Client, Venue, send};
use super::place::{Place, SMALL_PIPELINE, store_options};

pub(super) const TOKEN: &str = "the-administrator-of-this-test-venue";

/// An administrator of a venue.
pub(super) struct Office {
    pub(super) address: SocketAddr,
    token: &'static str,
}

impl Office {
    /// What `Venue::custom` takes, and the administrator.
    pub(super) fn open() -> (impl FnOnce(Server) -> Server, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let admin = Admin::new(listener, Token::new(TOKEN).unwrap());
        (|server: Server| server.with_admin(Some(admin)), Self { address, token: TOKEN })
    }

    pub(super) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        ask(self.address, self.token, method, path, body)
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &Value::Null).good()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body).good()
    }
}

fn ask(address: SocketAddr, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{address}/admin/v1/{path}"))
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap();
    send(request)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.body["type"], format!("urn:tiercel:problem:{code}"));
    assert_eq!(answer.body["status"], status);
}

fn administered() -> (Venue, Office) {
    let (change, office) = Office::open();
    (Venue::custom(ServeOptions::default(), change), office)
}

#[test]
fn each_address_serves_its_own_and_the_token_is_asked_for() {
    let (venue, office) = administered();
    assert_eq!(office.get("status")["health"], "running");
    // The public address knows nothing of administration, token or not; nor the other way round.
    for path in ["status", "keys", "snapshot", "kill-switch"] {
        for method in ["GET", "POST"] {
            let body = if method == "GET" { Value::Null } else { json!({ "on": true }) };
            let answer = ask(venue.address, TOKEN, method, path, &body);
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
    for target in ["/api/v3/time", "/api/v3/order", "/ws", "/stream"] {
        let request = ureq::http::Request::get(format!("http://{}{target}", office.address));
        let answer = send(request.body(String::new()).unwrap());
        refused(&answer, 404, "NO_SUCH_CALL");
    }
    // Without the token, and with others.
    for wrong in ["", "x", &TOKEN[1..], &TOKEN.to_uppercase()] {
        for (method, path, body) in [
            ("GET", "status", Value::Null),
            ("GET", "keys", Value::Null),
            ("POST", "kill-switch", json!({ "on": true })),
            ("GET", "nowhere", Value::Null),
        ] {
            let answer = ask(office.address, wrong, method, path, &body);
            refused(&answer, 401, "TOKEN_INVALID");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(office.get("status")["kill_switch"], false);
    refused(&office.ask("GET", "nowhere", &Value::Null), 404, "NO_SUCH_CALL");
    refused(&office.ask("DELETE", "status", &Value::Null), 404, "NO_SUCH_CALL");
    refused(&office.ask("GET", "keys/%zz", &Value::Null), 404, "NO_SUCH_CALL");
    let huge = json!({ "levels": "x".repeat(100_000) });
    refused(&office.ask("PUT", "log-levels", &huge), 413, "BODY_TOO_LARGE");
    refused(&office.ask("PUT", "log-levels", &json!({ "levels": "info" })), 409, "NO_LOG");
    venue.one.limit("BUY", "50000", "1").good();
}

#[test]
fn a_kill_switch_ends_an_accounts_orders_and_stops_it_until_it_is_off() {
    let (venue, office) = administered();
    venue.one.limit("BUY", "50000", "1").good();
    venue.one.limit("BUY", "50001", "1").good();
    venue.two.limit("BUY", "50002", "1").good();
    let killed = office.post("accounts/1/kill-switch", &json!({ "on": true }));
    assert_eq!(killed, json!({ "on": true, "orders_ended": 2 }));
    assert_eq!(venue.one.limit("BUY", "50000", "1").status, 400);
    let open = venue.one.signed("GET", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(open, json!([]));
    venue.two.limit("BUY", "50003", "1").good();
    let shown = office.get("accounts/1");
    assert_eq!((&shown["kill_switch"], &shown["open_orders"]), (&json!(true), &json!(0)));
    office.post("accounts/1/kill-switch", &json!({ "on": false }));
    venue.one.limit("BUY", "50000", "1").good();
    // Of the venue.
    let killed = office.post("kill-switch", &json!({ "on": true }));
    assert_eq!(killed["orders_ended"], 3);
    for client in [&venue.one, &venue.two] {
        assert_eq!(client.limit("BUY", "50000", "1").status, 400);
    }
    assert_eq!(office.get("status")["kill_switch"], true);
    office.post("kill-switch", &json!({ "on": false }));
    venue.one.limit("BUY", "50000", "1").good();
    let cancelled = office.ask("DELETE", "instruments/BTCUSDT/orders", &Value::Null).good();
    assert_eq!(cancelled["orders_ended"], 1);
}

#[test]
fn trading_halts_and_resumes_by_an_auction() {
    let (venue, office) = administered();
    let halted = office.post("instruments/BTCUSDT/state", &json!({ "state": "halted" }));
    assert_eq!(halted["state"], "halted");
    assert_eq!(venue.one.limit("BUY", "50000", "1").status, 400);
    let again = office.ask("POST", "instruments/BTCUSDT/state", &json!({ "state": "halted" }));
    refused(&again, 409, "STATE_UNCHANGED");
    assert_eq!(again.body["field"], "state");
    let call = json!({ "auction": "intraday" });
    assert_eq!(office.post("instruments/BTCUSDT/call", &call)["state"], "call");
    let buy = venue.one.limit("BUY", "60010", "2").good();
    let sell = venue.two.limit("SELL", "60000", "1").good();
    assert_eq!((&buy["status"], &sell["status"]), (&json!("NEW"), &json!("NEW")), "collected");
    let open = office.post("instruments/BTCUSDT/state", &json!({ "state": "open" }));
    assert_eq!(open["state"], "open");
    let trades = venue.one.public("trades?symbol=BTCUSDT").good();
    assert_eq!((trades.as_array().unwrap().len(), &trades[0]["qty"]), (1, &json!("1.00000000")));
    venue.two.limit("SELL", "60010", "1").good();
    let trades = venue.one.public("trades?symbol=BTCUSDT").good();
    assert_eq!(trades.as_array().unwrap().len(), 2, "continuous again");
    refused(
        &office.ask("POST", "instruments/XRPUSDT/state", &json!({ "state": "open" })),
        404,
        "UNKNOWN_INSTRUMENT",
    );
}

fn in_ms(ms: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 + ms
}

#[test]
fn phases_are_scheduled_shown_taken_off_and_happen() {
    let (venue, office) = administered();
    let late = in_ms(3_600_000);
    let phase = json!({ "at_ms": late, "state": "call", "auction": "closing" });
    let shown = office.post("instruments/ETHUSDT/phases", &phase);
    assert_eq!(shown["phases"], json!([phase]));
    refused(
        &office.ask("POST", "instruments/ETHUSDT/phases", &phase),
        409,
        "SCHEDULE_TIME_INVALID",
    );
    let path = format!("instruments/ETHUSDT/phases/{late}");
    let shown = office.ask("DELETE", &path, &Value::Null).good();
    assert_eq!(shown["phases"], json!([]));
    refused(&office.ask("DELETE", &path, &Value::Null), 404, "PHASE_NOT_SCHEDULED");
    let soon = json!({ "at_ms": in_ms(300), "state": "halted" });
    office.post("instruments/ETHUSDT/phases", &soon);
    let from = Instant::now();
    while office.get("instruments/ETHUSDT")["state"] != "halted" {
        assert!(from.elapsed() < Duration::from_secs(10), "the phase did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(office.get("instruments/ETHUSDT")["phases"], json!([]));
    assert_eq!(office.get("instruments/BTCUSDT")["state"], "open");
    let rules = json!({ "pressure": "narrow", "bound_ppm": 50_000 });
    office.ask("PUT", "instruments/BTCUSDT/auction-rules", &rules).good();
    let bands = json!({ "dynamic_ppm": 10_000, "call_ms": 1_000 });
    office.ask("PUT", "instruments/BTCUSDT/protections", &bands).good();
    drop(venue);
}

#[test]
fn keys_are_good_as_soon_as_they_are_made_and_gone_as_soon_as_they_are_revoked() {
    let (venue, office) = administered();
    let made = office.post("keys", &json!({ "account": 2, "permissions": ["read", "trade"] }));
    assert_eq!(made["stored"], false, "this venue has no file of keys");
    let third = Client::made(&venue, &made);
    third.limit("BUY", "50000", "1").good();
    let reads = office.post("keys", &json!({ "account": 2, "permissions": ["read"] }));
    let reader = Client::made(&venue, &reads);
    reader.signed("GET", "account", "omitZeroBalances=true").good();
    reader.limit("BUY", "50000", "1").refused(401, -2015);
    // The list shows no secret, of nobody.
    let list = office.get("keys").to_string();
    for client in [&venue.one, &venue.two, &third, &reader] {
        assert!(list.contains(client.api_key()) && !list.contains(client.secret()), "{list}");
    }
    let gone = office.ask("DELETE", &format!("keys/{}", third.api_key()), &Value::Null);
    gone.good();
    third.limit("BUY", "50000", "1").refused(401, -2015);
    third.signed("GET", "account", "omitZeroBalances=true").refused(401, -2015);
    let path = format!("keys/{}", third.api_key());
    refused(&office.ask("DELETE", &path, &Value::Null), 404, "UNKNOWN_KEY");
    let open = venue.two.signed("GET", "openOrders", "symbol=BTCUSDT").good();
    assert_eq!(open.as_array().unwrap().len(), 1, "its order lives on: it is the account's");
    for (body, code) in [
        (json!({ "account": 9, "permissions": [] }), "UNKNOWN_ACCOUNT"),
        (json!({ "account": 0, "permissions": [] }), "UNKNOWN_ACCOUNT"),
        (json!({ "account": 1, "permissions": ["all"] }), "INVALID_BODY"),
        (json!({ "account": 1 }), "INVALID_BODY"),
        (json!({ "account": 1, "permissions": [], "ed25519_public_key": "AAAA" }), "INVALID_KEY"),
    ] {
        let answer = office.ask("POST", "keys", &body);
        assert_eq!(answer.body["code"], code, "{body}: {answer:?}");
    }
}

#[test]
fn a_market_is_made_and_changed_and_funds_move_once() {
    let (venue, office) = administered();
    let asset = office.post("assets", &json!({ "code": "EUR" }));
    assert_eq!(asset, json!({ "asset": 4, "code": "EUR" }));
    let terms = json!({
        "symbol": "BTCEUR", "base": "BTC", "quote": "EUR", "tick": "0.01", "lot": "0.00001",
        "reference_price": "50000", "taker_fee_ppm": 1_000,
    });
    let made = office.post("instruments", &terms);
    assert_eq!((&made["instrument"], &made["state"]), (&json!(3), &json!("open")));
    refused(&office.ask("POST", "instruments", &terms), 409, "SYMBOL_INVALID");
    let account = office.post("accounts", &json!({ "max_open_orders": 5 }));
    assert_eq!((&account["account"], &account["max_open_orders"]), (&json!(3), &json!(5)));
    let funds = json!({ "funding_id": 77, "asset": "EUR", "amount": "123456.789" });
    let shown = office.post("accounts/3/deposits", &funds);
    assert_eq!(
        (&shown["balances"][0]["free"], &shown["repeated"]),
        (&json!("123456.789"), &json!(false))
    );
    let shown = office.post("accounts/3/deposits", &funds);
    assert_eq!(
        (&shown["balances"][0]["free"], &shown["repeated"]),
        (&json!("123456.789"), &json!(true)),
        "the same movement, once"
    );
    let out = json!({ "funding_id": 78, "asset": "EUR", "amount": "200000" });
    refused(&office.ask("POST", "accounts/3/withdrawals", &out), 409, "INSUFFICIENT_FUNDS");
    let key = office.post("keys", &json!({ "account": 3, "permissions": ["read", "trade"] }));
    let client = Client::made(&venue, &key);
    let buy = "symbol=BTCEUR&side=BUY&type=LIMIT&timeInForce=GTC&price=50000&quantity=1";
    client.signed("POST", "order", buy).good();
    let sell = buy.replace("BUY", "SELL");
    assert_eq!(venue.one.signed("POST", "order", &sell).good()["status"], "FILLED");
    let out = json!({ "funding_id": 79, "asset": "EUR", "amount": "0.789" });
    let shown = office.post("accounts/3/withdrawals", &out);
    assert_eq!(shown["balances"][1], json!({ "asset": "EUR", "free": "73456", "reserved": "0" }));
    // Terms change; assets never do.
    let path = "instruments/BTCEUR";
    let changed = office.ask("PATCH", path, &json!({ "min_notional": "10" })).good();
    assert_eq!((&changed["min_notional"], &changed["tick"]), (&json!("10"), &json!("0.01")));
    refused(&office.ask("PATCH", path, &json!({ "base": "ETH" })), 400, "INVALID_BODY");
    let blocked = office.ask("PATCH", "accounts/3", &json!({ "state": "blocked" })).good();
    assert_eq!((&blocked["state"], &blocked["max_open_orders"]), (&json!("blocked"), &json!(5)));
    assert_eq!(client.signed("POST", "order", buy).status, 400);
    let symbols = office.get("instruments");
    assert_eq!(symbols.as_array().unwrap().len(), 3);
    assert_eq!(office.get("accounts").as_array().unwrap().len(), 3);
    assert_eq!(office.get("assets").as_array().unwrap().len(), 4);
}

#[test]
fn what_cannot_be_made_is_refused_by_its_code() {
    let (venue, office) = administered();
    for (method, path, body, code) in [
        ("POST", "accounts", json!({ "account": 1 }), "DUPLICATE_ACCOUNT"),
        ("POST", "accounts", json!({ "account": 16_777_216 }), "ID_OUT_OF_RANGE"),
        (
            "POST",
            "accounts/8/deposits",
            json!({ "funding_id": 77, "asset": "BTC", "amount": "1" }),
            "UNKNOWN_ACCOUNT",
        ),
        ("POST", "assets", json!({ "code": "BTC" }), "SYMBOL_INVALID"),
        ("POST", "assets", json!({ "code": "€" }), "INVALID_BODY"),
        ("POST", "assets", json!({ "kode": "X" }), "INVALID_BODY"),
        ("POST", "instruments", json!({ "symbol": "A" }), "INVALID_BODY"),
        (
            "POST",
            "accounts/1/deposits",
            json!({ "funding_id": 1, "asset": "BTC", "amount": "-1" }),
            "INVALID_BODY",
        ),
        (
            "POST",
            "accounts/1/deposits",
            json!({ "funding_id": 0, "asset": "BTC", "amount": "1" }),
            "FUNDING_ID_INVALID",
        ),
        ("POST", "instruments/BTCUSDT/state", json!({ "state": "asleep" }), "INVALID_BODY"),
    ] {
        let answer = office.ask(method, path, &body);
        assert_eq!(answer.body["code"], code, "{path} {body}: {answer:?}");
    }
    drop(venue);
}

/// A venue on a real store, with its threads.
#[test]
fn a_snapshot_is_taken_when_asked_for_and_has_the_states_digest() {
    let place = Place::new("admin-snapshot");
    let options = store_options(Some(1_000_000));
    let opened = store::open(place.path(), IoOptions::default(), &options).unwrap();
    let (running, models, mut handles) =
        start(opened, &SMALL_PIPELINE, RunOptions::default(), 1).unwrap();
    let handle = handles.remove(0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (change, office) = Office::open();
    let server = Server::new(listener, ServeOptions::default(), Keys::default(), Registry::new());
    let server = change(server);
    let shell = std::thread::spawn(move || server.run(handle, models).unwrap());
    office.post("assets", &json!({ "code": "EUR" }));
    office.post("accounts", &json!({}));
    let digest = office.get("digest");
    assert_eq!(digest["sequence"], 2);
    assert_eq!(office.get("status")["snapshot"], Value::Null);
    assert_eq!(office.post("snapshot", &Value::Null), digest);
    let from = Instant::now();
    while office.get("status")["snapshot"]["sequence"] != 2 {
        assert!(from.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    office.post("assets", &json!({ "code": "USD" }));
    assert_ne!(office.get("digest")["digest"], digest["digest"]);
    running.status().stop();
    shell.join().unwrap();
    let ended = running.wait().unwrap();
    let again = store::open(place.path(), IoOptions::default(), &options).unwrap();
    assert_eq!(again.engine.digest(), ended.digest);
    assert_eq!(again.models.accounts().iter().count(), 1, "the models keep accounts");
}

#[test]
fn a_venue_without_snapshots_says_so() {
    let (venue, office) = administered();
    refused(&office.ask("POST", "snapshot", &Value::Null), 409, "NO_FOLLOWER");
    refused(&office.ask("GET", "digest", &Value::Null), 409, "NO_FOLLOWER");
    drop(venue);
}

/// Where a log goes that is looked at.
#[derive(Clone, Default)]
struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_is_ever_logged_and_levels_change_at_once() {
    let sink = Sink::default();
    let options =
        LogOptions { levels: "trace".to_owned(), format: LogFormat::Text, queue_lines: 100_000 };
    // With a single log in the process, `tracing` lets the first thread that comes to a line decide
    // for all whether anybody hears it: here that may be one of another test.
    let _second = Log::dispatch(std::io::sink(), &LogOptions::default()).unwrap();
    let (dispatch, log) = Log::dispatch(sink.clone(), &options).unwrap();
    let log = std::sync::Arc::new(log);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let office = Office { address: listener.local_addr().unwrap(), token: TOKEN };
    let levels = std::sync::Arc::clone(&log);
    let admin = Admin::new(listener, Token::new(TOKEN).unwrap())
        .with_log("trace".to_owned(), move |wanted| {
            levels.set_levels(wanted).map_err(|error| error.to_string())
        });
    let venue = tracing::dispatcher::with_default(&dispatch, || {
        Venue::custom(ServeOptions::default(), |server| server.with_admin(Some(admin)))
    });
    let made = office.post("keys", &json!({ "account": 1, "permissions": ["read", "trade"] }));
    let third = Client::made(&venue, &made);
    third.limit("SELL", "60000", "1").good();
    venue.two.limit("BUY", "60000", "1").good();
    third.signed("GET", "account", "omitZeroBalances=true").good();
    third.order("side=BUY&type=NONE").refused(400, -1116);
    venue.one.with_key("nobody").limit("BUY", "1", "1").refused(401, -2015);
    ask(office.address, "wrong-token-wrong-token-wrong-token", "GET", "status", &Value::Null);
    office.ask("DELETE", &format!("keys/{}", third.api_key()), &Value::Null).good();
    assert_eq!(office.get("log-levels"), json!({ "levels": "trace" }));
    refused(
        &office.ask("PUT", "log-levels", &json!({ "levels": "info=loud" })),
        400,
        "INVALID_LEVELS",
    );
    office.ask("PUT", "log-levels", &json!({ "levels": "error" })).good();
    ask(office.address, "after-that-no-warning-is-logged-any-more", "GET", "after", &Value::Null);
    assert_eq!(office.get("log-levels"), json!({ "levels": "error" }));
    let secrets = [
        (venue.one.secret().to_owned(), "a demo secret"),
        (venue.two.secret().to_owned(), "a demo secret"),
        (third.secret().to_owned(), "a made secret"),
        (TOKEN.to_owned(), "the token"),
        ("wrong-token".to_owned(), "a wrong token"),
        ("signature".to_owned(), "a signature"),
    ];
    drop(venue);
    drop(log);
    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    for (secret, what) in secrets {
        assert!(!text.contains(&secret), "{what} in {text}");
    }
    for told in ["the venue is open", "without the token", "administration"] {
        assert!(text.contains(told), "{told} in {text}");
    }
    assert_eq!(text.matches("without the token").count(), 1, "levels changed: {text}");
}
