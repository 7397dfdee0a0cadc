//! The stream of the native interface: what is told is what happened, and what REST says.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_types::auction::AuctionKind;
use tiercel_types::command::{SetInstrumentState, StartCall};
use tiercel_types::{InstrumentId, InstrumentState, Timestamp};
use tiercel_venue::serve::ServeOptions;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

use super::http::{Client, Venue};
use super::native_client::{fresh_ms, with};
use super::sides::Sides;

pub(super) struct Listener(WebSocket<TcpStream>);

impl Listener {
    fn open(client: &Client) -> Self {
        let stream = client.connect();
        let url = format!("ws://{}/api/v1/stream", client.address);
        Self(tungstenite::client(url, stream).unwrap().0)
    }

    /// Known by its key from the start.
    pub(super) fn signed(client: &Client, key: &str) -> Result<Self, u16> {
        let stamp = fresh_ms().to_string();
        let signature = client.plain_signature(&format!("{stamp}\n\nGET\n/api/v1/stream\n"));
        let url = format!("ws://{}/api/v1/stream", client.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in
            [("tiercel-key", key), ("tiercel-timestamp", &stamp), ("tiercel-signature", &signature)]
        {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match tungstenite::client(request, client.connect()) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

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

    #[track_caller]
    fn ask(&mut self, request: &Value) -> Value {
        self.0.send(Message::text(request.to_string())).unwrap();
        self.next()
    }

    #[track_caller]
    pub(super) fn subscribe(&mut self, channels: &Value) {
        let answer = self.ask(&json!({ "op": "subscribe", "id": 1, "channels": channels }));
        assert!(answer.get("problem").is_none(), "{answer}");
    }

    #[track_caller]
    fn authenticate(&mut self, client: &Client) {
        let stamp = fresh_ms().to_string();
        let signature = client.plain_signature(&format!("{stamp}\n\nGET\n/api/v1/stream\n"));
        let answer = self.ask(&json!({ "op": "authenticate", "key": client.api_key,
            "timestamp": stamp, "signature": signature }));
        assert!(answer.get("problem").is_none(), "{answer}");
    }
}

fn market(channel: &str) -> Value {
    json!({ "channel": channel, "symbol": "BTCUSDT" })
}

fn limit(side: &str, price: &str, qty: &str) -> Value {
    json!({ "symbol": "BTCUSDT", "side": side, "kind": "limit", "price": price, "qty": qty })
}

#[test]
fn a_book_is_kept_from_the_stream_alone_and_is_what_rest_says() {
    let venue = Venue::start();
    let trade = |step: u64| {
        let (bid, ask) = (50_000 + step * 7 % 50, 50_040 + step * 11 % 50);
        venue.one.v1_order(&limit("buy", &bid.to_string(), "0.01")).good();
        venue.two.v1_order(&limit("sell", &ask.to_string(), "0.02")).good();
    };
    (0..10).for_each(trade);
    let mut listener = Listener::open(&venue.one);
    listener.subscribe(&json!([market("depth")]));
    let snapshot = listener.next();
    assert_eq!((&snapshot["type"], snapshot.get("conflated")), (&json!("snapshot"), None));
    (10..25).for_each(trade);
    // Many levels in one command.
    venue.one.v1("DELETE", "orders", &Value::Null).good();
    (25..40).for_each(trade);
    let last = venue.one.v1_public("orderbook/BTCUSDT?depth=5000").good();
    let mut sides = Sides::of(&snapshot["bids"], &snapshot["asks"]);
    let (mut at, mut sequence) = (snapshot["update_id"].as_u64().unwrap(), 0);
    while at < last["update_id"].as_u64().unwrap() {
        let diff = listener.next();
        assert_eq!(diff["type"], "diff");
        assert_eq!(diff["first_update_id"].as_u64(), Some(at + 1), "a gap");
        assert!(diff["sequence"].as_u64().unwrap() > sequence, "one diff of a command");
        sides.set(&diff["bids"], &diff["asks"]);
        at = diff["update_id"].as_u64().unwrap();
        sequence = diff["sequence"].as_u64().unwrap();
    }
    assert_eq!(sides, Sides::of(&last["bids"], &last["asks"]));
}

#[test]
fn trades_signals_and_candles_are_told_as_rest_has_them() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue.one);
    listener.subscribe(&json!([market("trades")]));
    let mut other = Listener::open(&venue.one);
    let candles = with(&market("candles"), &json!({ "interval": "1d" }));
    other.subscribe(&json!([candles]));
    venue.two.v1_order(&limit("sell", "60000", "1")).good();
    let taken = venue.one.v1_order(&limit("buy", "60000", "0.4")).good();
    let told = listener.next();
    let trades = venue.one.v1_public("trades/BTCUSDT").good();
    assert_eq!(
        (&told["trade"], &told["sequence"]),
        (&trades["trades"][0], &taken["order"]["sequence"])
    );
    let candle = other.next();
    let candles = venue.one.v1_public("candles/BTCUSDT?interval=1d").good();
    assert_eq!((&candle["candle"], &candle["interval"]), (&candles["candles"][0], &json!("1d")));
    let mut signals = Listener::open(&venue.one);
    signals.subscribe(&json!([market("signals")]));
    // A side is empty: there is nothing to tell but that.
    assert!(signals.next().get("microprice").is_none());
    venue.one.v1_order(&limit("buy", "59000", "0.6")).good();
    let told = signals.next();
    let micro = venue.one.v1_public("orderbook/BTCUSDT/microprice").good();
    assert_eq!(
        (&told["microprice"], &told["sequence"]),
        (&micro["microprice"], &micro["sequence"])
    );
    assert_eq!(told["imbalance"], "0.00000000");
}

#[test]
fn own_orders_are_told_to_their_owner_alone() {
    let venue = Venue::start();
    let mut anybody = Listener::open(&venue.one);
    let orders = json!([{ "channel": "orders" }, { "channel": "triggers" }]);
    let refused = anybody.ask(&json!({ "op": "subscribe", "id": 7, "channels": orders }));
    assert_eq!(
        (&refused["problem"]["code"], &refused["id"]),
        (&json!("SIGNATURE_REQUIRED"), &json!(7))
    );
    assert_eq!(refused["problem"]["field"], "/channels/0/channel");
    let resting = venue.one.v1_order(&limit("buy", "50000", "1")).good();
    let mut one = Listener::open(&venue.one);
    one.authenticate(&venue.one);
    one.subscribe(&json!([{ "channel": "orders" }]));
    let snapshot = one.next();
    assert_eq!(
        (&snapshot["event"], &snapshot["orders"][0]),
        (&json!("snapshot"), &resting["order"])
    );
    let mut two = Listener::signed(&venue.two, &venue.two.api_key).ok().unwrap();
    two.subscribe(&json!([{ "channel": "orders" }]));
    assert_eq!(two.next()["orders"], json!([]));
    let sold = venue.two.v1_order(&limit("sell", "50000", "0.4")).good();
    let told = one.next();
    assert_eq!((&told["event"], &told["fill"]["role"]), (&json!("trade"), &json!("maker")));
    assert_eq!(
        (&told["order"]["open_qty"], &told["order"]["order_id"]),
        (&json!("0.6"), &resting["order"]["order_id"])
    );
    assert_eq!(two.next()["event"], "order_accepted");
    let told = two.next();
    assert_eq!((&told["order"], &told["fill"]), (&sold["order"], &sold["fills"][0]));
    // A stop of account one, which account two triggers.
    let mut triggers = Listener::signed(&venue.one, &venue.one.api_key).ok().unwrap();
    triggers.subscribe(&json!([{ "channel": "triggers" }]));
    let stop = with(
        &limit("buy", "40000", "0.1"),
        &json!({ "trigger": "stop",
        "trigger_price": "51000" }),
    );
    venue.one.v1_order(&stop).good();
    assert_eq!(triggers.next()["event"], "order_waiting");
    venue.one.v1_order(&limit("sell", "51000", "0.1")).good();
    venue.two.v1_order(&limit("buy", "51000", "0.1")).good();
    let told = triggers.next();
    assert_eq!(
        (&told["event"], &told["order"]["price"]),
        (&json!("order_triggered"), &json!("40000"))
    );
    let mut events = Vec::new();
    while events.last() != Some(&json!("order_rested")) {
        events.push(one.next()["event"].clone());
    }
    assert_eq!(
        events,
        [
            "order_accepted",
            "order_waiting",
            "order_accepted",
            "trade",
            "order_triggered",
            "order_rested"
        ]
    );
    // What account two heard is its own.
    let heard: Vec<Value> = (0..2).map(|_| two.next()).collect();
    let ids: Vec<&Value> = heard.iter().map(|told| &told["order"]["order_id"]).collect();
    let mine = venue.two.v1_get("orders").good();
    let mine: Vec<&Value> =
        mine["orders"].as_array().unwrap().iter().map(|order| &order["order_id"]).collect();
    assert!(ids.iter().all(|id| mine.contains(id)), "{heard:?}");
    assert_eq!(Listener::signed(&venue.one, &venue.two.api_key).err(), Some(401));
}

#[test]
fn an_auction_is_told_as_it_changes() {
    let venue = Venue::with_operator(ServeOptions::default());
    let mut listener = Listener::open(&venue.one);
    listener.subscribe(&json!([market("auctions")]));
    assert_eq!(listener.next()["auction"]["state"], "open");
    let instrument = InstrumentId(1);
    venue.operate(StartCall {
        instrument,
        auction: AuctionKind::Intraday,
        then: InstrumentState::Open,
        reserved: [0; 2],
        ends_at: Timestamp(0),
    });
    assert_eq!(listener.next()["auction"]["state"], "call");
    venue.one.v1_order(&limit("buy", "60100", "3")).good();
    venue.two.v1_order(&limit("sell", "60000", "1")).good();
    let indicated = listener.next();
    assert_eq!(indicated["auction"]["call"]["indication"]["surplus_qty"], "2");
    venue.operate(SetInstrumentState {
        instrument,
        state: InstrumentState::Open,
        reserved: [0; 3],
    });
    let ended = listener.next();
    assert_eq!(ended["auction"]["state"], "open");
    assert_eq!(ended["auction"]["last"]["executed_qty"], "1");
    assert_eq!(ended["auction"], venue.one.v1_public("auction/BTCUSDT").good());
}

#[test]
fn requests_are_refused_by_code_and_field_and_nothing_of_them_is_done() {
    let venue = Venue::start();
    let mut listener = Listener::open(&venue.one);
    for (request, code, field) in [
        (json!({ "op": "dance" }), "INVALID_FIELD", "/op"),
        (json!({}), "MISSING_FIELD", "/op"),
        (json!({ "op": "list", "more": 1 }), "UNKNOWN_FIELD", "/more"),
        (json!({ "op": "list", "id": -1 }), "INVALID_FIELD", "/id"),
        (json!({ "op": "subscribe" }), "MISSING_FIELD", "/channels"),
        (json!({ "op": "subscribe", "channels": [] }), "MISSING_FIELD", "/channels"),
        (
            json!({ "op": "subscribe", "channels": [market("trades"), market("all")] }),
            "INVALID_FIELD",
            "/channels/1/channel",
        ),
        (
            json!({ "op": "subscribe", "channels": [market("trades"), market("candles")] }),
            "MISSING_FIELD",
            "/channels/1/interval",
        ),
        (
            json!({ "op": "subscribe", "channels": [{ "channel": "depth" }] }),
            "MISSING_FIELD",
            "/channels/0/symbol",
        ),
        (
            json!({ "op": "subscribe", "channels": [{ "channel": "depth", "symbol": "X" }] }),
            "UNKNOWN_INSTRUMENT",
            "/channels/0/symbol",
        ),
        (
            json!({ "op": "subscribe", "channels": [with(&market("depth"),
            &json!({ "interval": "1m" }))] }),
            "INVALID_FIELD",
            "/channels/0/interval",
        ),
        (json!({ "op": "authenticate" }), "SIGNATURE_REQUIRED", "tiercel-key"),
    ] {
        let answer = listener.ask(&request);
        let problem = &answer["problem"];
        assert_eq!((&problem["code"], &problem["field"]), (&json!(code), &json!(field)));
    }
    let answer = listener.ask(&json!({ "op": "list", "id": 5 }));
    assert_eq!(answer, json!({ "id": 5, "op": "list", "channels": [] }));
    listener.subscribe(&json!([market("trades"), market("trades")]));
    let channels = json!([market("trades")]);
    let gone = listener.ask(&json!({ "op": "unsubscribe", "channels": channels }));
    assert_eq!(gone, json!({ "op": "unsubscribe", "channels": [] }));
    venue.two.v1_order(&limit("sell", "60000", "1")).good();
    venue.one.v1_order(&limit("buy", "60000", "1")).good();
    assert_eq!(listener.ask(&json!({ "op": "ping" }))["op"], "ping", "and nothing was told");
    // What a client may say is limited, and a stopping venue says goodbye.
    for _ in 0..200 {
        if listener.0.send(Message::text("{}")).is_err() {
            break;
        }
    }
    assert_eq!(closed(&mut listener), Some(1008));
    let mut listener = Listener::open(&venue.one);
    listener.ask(&json!({ "op": "ping" }));
    venue.stop();
    assert_eq!(closed(&mut listener), Some(1001));
}

/// The code with which the venue closes the connection.
pub(super) fn closed(listener: &mut Listener) -> Option<u16> {
    let from = Instant::now();
    while from.elapsed() < Duration::from_secs(10) {
        match listener.0.read() {
            Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    None
}
