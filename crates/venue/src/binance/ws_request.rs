//! Requests of the `WebSocket` interface, and the form of their answers.
//!
//! ```text
//!   {"id": 1, "method": "order.place", "params": {...}}
//!   {"id": 1, "status": 200, "result": {...}, "rateLimits": [...]}
//!   {"id": 1, "status": 400, "error": {"code": ..., "msg": ...}, "rateLimits": [...]}
//! ```
//!
//! A request is not turned into a tree: its parameters are read where they stand. A number is the
//! text that the client wrote, as it was signed: `1.0` stays `1.0`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::json;
use serde_json::value::RawValue;

use super::error::ApiError;
use super::rate_limit::{OrderCount, RateLimits};

/// How an id that is none shows.
const NO_ID: &str = "null";

/// A request.
#[derive(Clone, Debug)]
pub struct WsRequest<'r> {
    /// The client's own name for it, in JSON, as it came: the answer repeats it.
    pub id: &'r str,
    /// What is asked for, without a version in front of it.
    pub method: Cow<'r, str>,
    /// Its parameters, as texts. A list or an object is its JSON; null is empty.
    pub params: Vec<(Cow<'r, str>, Cow<'r, str>)>,
}

/// The request as it is written.
#[derive(Deserialize)]
struct Envelope<'r> {
    #[serde(borrow)]
    id: Option<&'r RawValue>,
    #[serde(borrow)]
    method: Option<&'r RawValue>,
    #[serde(borrow)]
    params: Option<&'r RawValue>,
}

/// A text, without a copy if it has no escapes.
#[derive(Deserialize)]
struct Text<'r>(#[serde(borrow)] Cow<'r, str>);

/// The parameters of a request, in their order.
struct Pairs<'r>(Vec<(Cow<'r, str>, Cow<'r, str>)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairing;
        impl<'de> Visitor<'de> for Pairing {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::with_capacity(16);
                while let Some((Text(name), value)) = map.next_entry::<Text<'de>, &RawValue>()? {
                    let value = value.get();
                    let value = match value.as_bytes() {
                        [b'"', ..] => {
                            let text = serde_json::from_str::<Text<'_>>(value);
                            text.map_err(serde::de::Error::custom)?.0
                        }
                        [b'n', ..] => Cow::Borrowed(""),
                        _ => Cow::Borrowed(value),
                    };
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Pairing)
    }
}

impl<'r> WsRequest<'r> {
    /// Reads a request.
    ///
    /// # Errors
    /// The id as far as there is one, and what is wrong: -1135 for what is no JSON, or no object,
    /// or has parameters or an id of another kind; -1102 without a method.
    pub fn read(text: &'r str) -> Result<Self, (&'r str, ApiError)> {
        let envelope: Envelope<'r> =
            serde_json::from_str(text).map_err(|_| (NO_ID, ApiError::invalid_request()))?;
        let id = match envelope.id.map(RawValue::get) {
            None => NO_ID,
            Some(id) if is_id(id) => id,
            Some(_) => return Err((NO_ID, ApiError::invalid_json("id"))),
        };
        let method = envelope.method.ok_or_else(|| (id, ApiError::mandatory("method")))?;
        let method = serde_json::from_str::<Text<'r>>(method.get());
        let Text(method) = method.map_err(|_| (id, ApiError::mandatory("method")))?;
        let method = match method {
            Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("v3/").unwrap_or(name)),
            owned @ Cow::Owned(_) => owned,
        };
        let params = match envelope.params {
            None => Vec::new(),
            Some(params) => {
                let params = serde_json::from_str::<Pairs<'r>>(params.get());
                params.map_err(|_| (id, ApiError::invalid_json("params")))?.0
            }
        };
        Ok(Self { id, method, params })
    }
}

/// Whether a value is a text or a whole number.
fn is_id(value: &str) -> bool {
    value.starts_with('"')
        || value.strip_prefix('-').unwrap_or(value).bytes().all(|byte| byte.is_ascii_digit())
}

/// What a client has used, as answers say it.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Of its address.
    pub weight: u32,
    /// Of its account; only where orders were placed.
    pub orders: Option<OrderCount>,
}

/// The answer to a request. `usage` is `None` where the client does not want it.
pub fn answer(
    id: &str,
    outcome: Result<&str, &ApiError>,
    limits: &RateLimits,
    usage: Option<Usage>,
    now_ms: u64,
) -> String {
    let result_length = outcome.map_or(128, str::len);
    let mut text = String::with_capacity(result_length + id.len() + 384);
    // Writing to a text cannot fail.
    let _written = match outcome {
        Ok(result) => write!(text, "{{\"id\":{id},\"status\":200,\"result\":{result}"),
        Err(error) => {
            let json = error_json(error, now_ms);
            write!(text, "{{\"id\":{id},\"status\":{},\"error\":{json}", error.status)
        }
    };
    if let Some(usage) = usage {
        write_usage(&mut text, limits, usage);
    }
    text.push('}');
    text
}

/// The refusal; one that says when to come back does so in its data.
fn error_json(error: &ApiError, now_ms: u64) -> String {
    let mut body = error.to_value();
    if error.retry_after_s > 0 && error.data.is_none() {
        let retry_after = now_ms.saturating_add(error.retry_after_s * 1_000);
        body["data"] = json!({ "serverTime": now_ms, "retryAfter": retry_after });
    }
    body.to_string()
}

/// `,"rateLimits":[...]`
fn write_usage(text: &mut String, limits: &RateLimits, usage: Usage) {
    let limit = |kind, interval, number, most, count| Limit { kind, interval, number, most, count };
    let weight = limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_1m, usage.weight);
    let _written = match usage.orders {
        Some(orders) => {
            let short = limit("ORDERS", "SECOND", 10, limits.orders_10s, orders.ten_seconds);
            let long = limit("ORDERS", "DAY", 1, limits.orders_1d, orders.day);
            write!(text, ",\"rateLimits\":[{short},{long},{weight}]")
        }
        None => write!(text, ",\"rateLimits\":[{weight}]"),
    };
}

/// One limit, as answers show it.
struct Limit {
    kind: &'static str,
    interval: &'static str,
    number: u32,
    most: u32,
    count: u32,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, interval, number, most, count } = self;
        write!(
            f,
            "{{\"rateLimitType\":\"{kind}\",\"interval\":\"{interval}\",\"intervalNum\":{number},\
             \"limit\":{most},\"count\":{count}}}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn a_request_is_read_where_it_stands() {
        let text = r#"{"id":"a\u0062","method":"v3/order.place","params":{"price":1.0,"symbol":"BTC\u0055SDT",
            "on":true,"list":["A", "B"],"none":null},"more":1}"#;
        let request = WsRequest::read(text).unwrap();
        assert_eq!((request.id, &*request.method), (r#""a\u0062""#, "order.place"));
        let params: Vec<_> =
            request.params.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            params,
            [
                ("price", "1.0"),
                ("symbol", "BTCUSDT"),
                ("on", "true"),
                ("list", r#"["A", "B"]"#),
                ("none", "")
            ]
        );
        let bare = WsRequest::read(r#"{"method":"ping"}"#).unwrap();
        assert_eq!((bare.id, bare.params.len()), ("null", 0));
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_id() {
        for (text, id, code) in [
            ("", "null", -1135),
            ("[]", "null", -1135),
            ("\u{fffd}", "null", -1135),
            (r#"{"id":1,"id":2,"method":"ping"}"#, "null", -1135),
            (r#"{"id":1.5,"method":"ping"}"#, "null", -1135),
            (r#"{"id":{},"method":"ping"}"#, "null", -1135),
            (r#"{"id":-7}"#, "-7", -1102),
            (r#"{"id":7,"method":7}"#, "7", -1102),
            (r#"{"id":7,"method":"ping","params":[]}"#, "7", -1135),
            (r#"{"id":7,"method":"ping","params":"x"}"#, "7", -1135),
        ] {
            let (told, error) = WsRequest::read(text).unwrap_err();
            assert_eq!((told, error.code), (id, code), "{text}");
        }
    }

    #[test]
    fn an_answer_says_what_was_used_unless_it_is_told_not_to() {
        let limits = RateLimits::default();
        let usage = |orders| Some(Usage { weight: 3, orders });
        let orders = Some(OrderCount { ten_seconds: 1, day: 2 });
        let told = answer("\"x\"", Ok("{\"a\":1}"), &limits, usage(orders), 0);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["id"], &told["status"]), (&json!("x"), &json!(200)));
        assert_eq!(told["result"], json!({ "a": 1 }));
        let counts: Vec<_> = (0..3).map(|at| told["rateLimits"][at]["count"].clone()).collect();
        assert_eq!(counts, [1, 2, 3]);
        assert_eq!(told["rateLimits"][2]["limit"], 6_000);
        let refused = ApiError::too_much_weight(6_000, "1 MINUTE", 7);
        let told = answer("null", Err(&refused), &limits, None, 1_000);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["id"], &told["status"]), (&Value::Null, &json!(429)));
        assert_eq!(told["error"]["code"], -1003);
        assert_eq!(told["error"]["data"], json!({ "serverTime": 1_000, "retryAfter": 8_000 }));
        assert!(told.get("rateLimits").is_none());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_refusal_is_json(text: String) {
            if let Err((id, error)) = WsRequest::read(&text) {
                let told = answer(id, Err(&error), &RateLimits::default(), None, 0);
                prop_assert!(serde_json::from_str::<Value>(&told).is_ok());
            }
        }

        #[test]
        fn ids_come_back_as_they_were(id: i64, name: String) {
            for id in [json!(id), json!(name)] {
                let text = json!({ "id": id, "method": "ping" }).to_string();
                let request = WsRequest::read(&text).unwrap();
                let told = answer(request.id, Ok("{}"), &RateLimits::default(), None, 0);
                let told: Value = serde_json::from_str(&told).unwrap();
                prop_assert_eq!(&told["id"], &id);
            }
        }
    }
}
