//! Market data over `WebSocket`: what is told is what happened, in its order.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::http::Venue;
use super::sides::Sides;

pub(super) struct Listener(WebSocket<TcpStream>);

impl Listener {
    pub(super) fn open(venue: &Venue, path: &str) -> Self {
        let stream = venue.one.connect();
        let url = format!("ws://{}{path}", stream.peer_addr().unwrap());
        Self(tungstenite::client(url, stream).unwrap().0)
    }

    /// The next message that is JSON; pings are passed over.
    #[track_caller]
    pub(super) fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn ask(&mut self, text: &str) -> Value {
        self.0.send(Message::text(text)).unwrap();
        self.next()
    }

    /// The code with which the venue closes the connection.
    fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

#[test]
fn a_client_that_says_goodbye_is_answered() {
    let venue = Venue::start();
    for path in ["/ws", "/stream?streams=btcusdt@trade", "/ws-api/v3", "/api/v1/stream"] {
        let mut listener = Listener::open(&venue, path);
        let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        listener.0.close(Some(goodbye)).unwrap();
        assert_eq!(listener.closed(), Some(1000), "{path}");
    }
}

#[test]
fn trades_are_told_in_their_order_and_wrapped_where_asked() {
    let venue = Venue::start();
    let mut raw = Listener::open(&venue, "/ws/btcusdt@trade");
    let mut wrapped = Listener::open(&venue, "/stream?streams=btcusdt@trade/ethusdt@trade");
    venue.one.limit("SELL", "60000", "1").good();
    venue.one.limit("SELL", "60001", "1").good();
    venue.two.limit("BUY", "60001", "1.5").good();
    for (id, price, qty) in
        [(1, "60000.00000000", "1.00000000"), (2, "60001.00000000", "0.50000000")]
    {
        let told = raw.next();
        assert_eq!(
            (&told["e"], &told["s"], &told["t"]),
            (&json!("trade"), &json!("BTCUSDT"), &json!(id))
        );
        assert_eq!(
            (&told["p"], &told["q"], &told["m"]),
            (&json!(price), &json!(qty), &json!(false))
        );
        assert_eq!(wrapped.next(), json!({ "stream": "btcusdt@trade", "data": told }));
    }
}

#[test]
fn clients_subscribe_and_unsubscribe_and_are_refused_by_code() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue, "/ws");
    let subscribed =
        listener.ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":"a-1"}"#);
    assert_eq!(subscribed, json!({ "result": null, "id": "a-1" }));
    let list = listener.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":2}"#);
    assert_eq!(list, json!({ "result": ["btcusdt@bookTicker"], "id": 2 }));
    venue.one.limit("BUY", "50000", "1").good();
    let told = listener.next();
    assert_eq!((&told["b"], &told["B"]), (&json!("50000.00000000"), &json!("1.00000000")));
    assert_eq!((&told["a"], &told["u"]), (&json!("0.00000000"), &json!(1)));
    let unknown = listener.ask(r#"{"method":"SUBSCRIBE","params":["dogeusdt@trade"],"id":3}"#);
    assert_eq!((&unknown["error"]["code"], &unknown["id"]), (&json!(2), &json!(3)));
    let gone = r#"{"method":"UNSUBSCRIBE","params":["btcusdt@bookTicker"],"id":null}"#;
    assert_eq!(listener.ask(gone), json!({ "result": null, "id": null }));
    venue.one.limit("BUY", "50001", "1").good();
    std::thread::sleep(Duration::from_millis(1_100));
    let list = listener.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":4}"#);
    assert_eq!(list, json!({ "result": [], "id": 4 }), "and nothing else was told");
    // What a client may say is limited.
    for _ in 0..10 {
        listener.0.send(Message::text("{}")).unwrap();
    }
    assert_eq!(listener.closed(), Some(1008));
}

#[test]
fn a_book_is_rebuilt_from_a_snapshot_and_the_diffs_behind_it_without_a_gap() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue, "/ws/btcusdt@depth@100ms");
    let trade = |step: u64| {
        let (bid, ask) = (50_000 + step * 7 % 50, 50_040 + step * 11 % 50);
        venue.one.limit("BUY", &bid.to_string(), "0.01").good();
        venue.two.limit("SELL", &ask.to_string(), "0.02").good();
    };
    (0..20).for_each(trade);
    let snapshot = venue.one.public("depth?symbol=BTCUSDT&limit=5000").good();
    (20..60).for_each(trade);
    let last = venue.one.public("depth?symbol=BTCUSDT&limit=5000").good();
    let mut sides = Sides::of(&snapshot["bids"], &snapshot["asks"]);
    let mut at = snapshot["lastUpdateId"].as_u64().unwrap();
    let until = last["lastUpdateId"].as_u64().unwrap();
    let from = Instant::now();
    let mut diffs = 0;
    while at < until {
        assert!(from.elapsed() < Duration::from_secs(10), "the diffs do not come");
        let diff = listener.next();
        assert_eq!(diff["e"], "depthUpdate");
        let (first, end) = (diff["U"].as_u64().unwrap(), diff["u"].as_u64().unwrap());
        if end <= at {
            continue;
        }
        // Stricter than the documented rule: the snapshot falls on the end of a diff.
        assert_eq!(first, at + 1, "a gap");
        sides.set(&diff["b"], &diff["a"]);
        at = end;
        diffs += 1;
    }
    assert_eq!(at, until, "no diff goes beyond a snapshot that was taken before it");
    assert!(diffs > 0);
    assert_eq!(sides, Sides::of(&last["bids"], &last["asks"]));
}

#[test]
fn clients_that_do_not_read_harm_nobody() {
    let venue = Venue::start();
    let deaf: Vec<Listener> =
        (0..4).map(|_| Listener::open(&venue, "/ws/btcusdt@trade/btcusdt@depth@100ms")).collect();
    let mut reader = Listener::open(&venue, "/ws/btcusdt@trade");
    for step in 1..=50_u64 {
        venue.one.limit("SELL", "60000", "0.01").good();
        venue.two.limit("BUY", "60000", "0.01").good();
        assert_eq!(reader.next()["t"], step);
    }
    drop(deaf);
    venue.one.public("ping").good();
}

#[test]
fn a_stopping_venue_says_goodbye() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue, "/ws/btcusdt@trade");
    venue.one.limit("SELL", "60000", "0.01").good();
    venue.stop();
    assert_eq!(listener.closed(), Some(1001));
}
