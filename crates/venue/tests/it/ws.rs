//! A client of the WebSocket interface.

use std::collections::VecDeque;
use std::net::TcpStream;

use serde_json::{Map, Value, json};
use tiercel_testkit::binance_answers;
use tiercel_wire::binance::TimeUnit;
use tiercel_wire::binance::answer::Incoming;
use tungstenite::{Message, WebSocket};

use super::http::{Client, now_ms};

/// A connection of one of the accounts.
pub(super) struct Ws<'c> {
    pub(super) socket: WebSocket<TcpStream>,
    client: &'c Client,
    last_id: u64,
    events: VecDeque<Value>,
    /// Whether what is told are answers and user data, which a trader's decoder has to read.
    is_trading: bool,
}

impl<'c> Ws<'c> {
    pub(super) fn open(client: &'c Client) -> Self {
        Self::at(client, "/ws-api/v3")
    }

    pub(super) fn at(client: &'c Client, path: &str) -> Self {
        Self::over(client, client.connect(), path)
    }

    /// Over this connection.
    pub(super) fn over(client: &'c Client, stream: TcpStream, path: &str) -> Self {
        let url = format!("ws://{}{path}", stream.peer_addr().unwrap());
        let (socket, _) = tungstenite::client(url, stream).unwrap();
        let is_trading = path.starts_with("/ws-api/");
        Self { socket, client, last_id: 0, events: VecDeque::new(), is_trading }
    }

    /// The next text, as JSON; pings are passed over. `None`: the venue has closed, for that reason.
    pub(super) fn read(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let value: Value = serde_json::from_str(&text).unwrap();
                    if self.is_trading {
                        check_decoder(&text, &value);
                    }
                    return Ok(value);
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(frame)) => return Err(frame.map(|frame| frame.code.into())),
                Ok(other) => panic!("{other:?}"),
                Err(_) => return Err(None),
            }
        }
    }

    /// Sends a text as it is, and reads what comes next.
    #[track_caller]
    pub(super) fn raw(&mut self, text: &str) -> Value {
        self.socket.send(Message::text(text)).unwrap();
        self.read().unwrap()
    }

    /// Asks and does not wait; returns the id.
    pub(super) fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.last_id += 1;
        let request = json!({ "id": self.last_id, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string())).unwrap();
        self.last_id
    }

    /// The next answer; events that come before it are kept.
    #[track_caller]
    pub(super) fn answer(&mut self) -> Value {
        loop {
            let message = self.read().unwrap();
            if message.get("event").is_none() {
                return message;
            }
            self.events.push_back(message);
        }
    }

    #[track_caller]
    pub(super) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Parameters with key, time and signature.
    pub(super) fn sign(&self, params: &Value) -> Value {
        let mut params: Map<String, Value> = params.as_object().unwrap().clone();
        params.insert("apiKey".to_owned(), json!(self.client.api_key()));
        params.insert("timestamp".to_owned(), json!(now_ms()));
        let mut pairs: Vec<_> = params.iter().collect();
        pairs.sort_by_key(|(name, _)| *name);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let pairs: Vec<_> =
            pairs.into_iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        let signature = self.client.plain_signature(&pairs.join("&"));
        params.insert("signature".to_owned(), json!(signature));
        Value::Object(params)
    }

    #[track_caller]
    pub(super) fn signed(&mut self, method: &str, params: &Value) -> Value {
        let params = self.sign(params);
        self.ask(method, &params)
    }

    /// The result of a signed request that is granted.
    #[track_caller]
    pub(super) fn good(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.signed(method, params);
        assert_eq!(answer["status"], 200, "{answer}");
        answer["result"].clone()
    }

    #[track_caller]
    pub(super) fn limit(&mut self, side: &str, price: &str, qty: &str) -> Value {
        self.good(
            "order.place",
            &json!({ "symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC",
                "price": price, "quantity": qty }),
        )
    }

    /// A connection that is told of the client's account.
    pub(super) fn told(client: &'c Client) -> Self {
        Self::open(client).and_told()
    }

    /// The same, told of the client's account.
    pub(super) fn and_told(mut self) -> Self {
        let subscribed = self.good("userDataStream.subscribe.signature", &json!({}));
        assert_eq!(subscribed, json!({ "subscriptionId": 0 }));
        self
    }

    /// The next event, as it is wrapped.
    #[track_caller]
    pub(super) fn wrapped(&mut self) -> Value {
        if let Some(kept) = self.events.pop_front() {
            return kept;
        }
        let message = self.read().unwrap();
        assert!(message.get("event").is_some(), "{message}");
        message
    }

    #[track_caller]
    pub(super) fn event(&mut self) -> Value {
        self.wrapped()["event"].clone()
    }

    /// The next report, told in short: what happened, and where the order stands.
    #[track_caller]
    pub(super) fn report(&mut self, kind: &str, status: &str) -> Value {
        loop {
            let event = self.event();
            if event["e"] == "executionReport" {
                assert_eq!((&event["x"], &event["X"]), (&json!(kind), &json!(status)), "{event}");
                return event;
            }
            let others = ["outboundAccountPosition", "listStatus"];
            assert!(others.iter().any(|other| event["e"] == *other), "{event}");
        }
    }

    /// The next balances.
    #[track_caller]
    pub(super) fn position(&mut self) -> Value {
        let event = self.event();
        assert_eq!(event["e"], "outboundAccountPosition", "{event}");
        event["B"].clone()
    }

    /// All events that were told until now: a question is answered behind them.
    #[track_caller]
    pub(super) fn until_now(&mut self) -> Vec<Value> {
        self.ask("ping", &json!({}));
        self.events.drain(..).map(|message| message["event"].clone()).collect()
    }

    /// The code with which the venue closes the connection.
    pub(super) fn closed(&mut self) -> Option<u16> {
        loop {
            match self.read() {
                Ok(message) => self.events.push_back(message),
                Err(code) => return code,
            }
        }
    }
}

/// Whatever the venue tells a trading connection is read by our own decoder, and as `serde_json` reads
/// it; ids that are texts are none of a trader's.
#[track_caller]
fn check_decoder(text: &str, value: &Value) {
    binance_answers::decode(text.as_bytes());
    if value["id"].is_null() || value["id"].is_u64() {
        let decoded = Incoming::decode(text.as_bytes(), TimeUnit::Millisecond);
        assert!(decoded.is_ok(), "{decoded:?}: {text}");
    }
}
