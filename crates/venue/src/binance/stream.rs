//! Market data streams: their names, what clients ask of a connection, and the messages.

use serde::Serialize;
use serde_json::{Value, json};
use tiercel_types::{InstrumentId, InstrumentSpec, Price, Qty, Symbol};

use super::answer::{Decimal, write};
use super::error::ApiError;
use super::klines;
use super::statistics::window_ns;
use crate::models::{Book, DepthChanges, Instruments, Interval};

/// The most streams of a connection.
pub const STREAMS_MAX: usize = 1_024;
/// The longest id of a request that is a text.
const ID_CHARACTERS_MAX: usize = 36;

/// How often a depth stream tells what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cadence {
    /// Ten times a second.
    Fast,
    /// Once a second.
    Slow,
}

/// The windows of tickers that are none of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TickerWindow {
    /// An hour.
    Hour,
    /// Four hours.
    FourHours,
    /// A day.
    Day,
}

impl TickerWindow {
    const ALL: [Self; 3] = [Self::Hour, Self::FourHours, Self::Day];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::FourHours => "4h",
            Self::Day => "1d",
        }
    }

    /// Its length in nanoseconds.
    pub fn length_ns(self) -> u64 {
        window_ns(self.as_str()).unwrap_or_default()
    }
}

/// What a stream tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamKind {
    /// Each trade.
    Trade,
    /// What each taker traded at each price.
    AggregateTrade,
    /// The best bid and ask, whenever they change.
    BookTicker,
    /// What has changed of the book.
    Depth(Cadence),
    /// The best levels of the book.
    PartialDepth {
        /// How many: 5, 10 or 20.
        levels: u8,
        /// How often.
        cadence: Cadence,
    },
    /// The candle that is forming.
    Kline(Interval),
    /// What traded in 24 hours.
    Ticker,
    /// The same, in short.
    MiniTicker,
    /// What traded in another window.
    WindowTicker(TickerWindow),
    /// The average price.
    AveragePrice,
    /// The tickers of all markets.
    AllTickers,
    /// The short ones.
    AllMiniTickers {
        /// Whether its name says how often, as some clients write it.
        says_cadence: bool,
    },
}

impl StreamKind {
    /// Of one market, by the name behind the symbol.
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "trade" => Self::Trade,
            "aggTrade" => Self::AggregateTrade,
            "bookTicker" => Self::BookTicker,
            "ticker" => Self::Ticker,
            "miniTicker" => Self::MiniTicker,
            "avgPrice" => Self::AveragePrice,
            _ => {
                if let Some(interval) = name.strip_prefix("kline_") {
                    return klines::interval(interval).map(Self::Kline);
                }
                if let Some(window) = name.strip_prefix("ticker_") {
                    let mut all = TickerWindow::ALL.into_iter();
                    return all.find(|one| one.as_str() == window).map(Self::WindowTicker);
                }
                let depth = name.strip_prefix("depth")?;
                let (levels, cadence) = match depth.split_once('@') {
                    None => (depth, Cadence::Slow),
                    Some((levels, "100ms")) => (levels, Cadence::Fast),
                    Some(_) => return None,
                };
                match levels {
                    "" => Self::Depth(cadence),
                    "5" | "10" | "20" => {
                        Self::PartialDepth { levels: levels.parse().ok()?, cadence }
                    }
                    _ => return None,
                }
            }
        })
    }

    /// Of all markets together.
    fn of_all(name: &str) -> Option<Self> {
        match name {
            "!ticker@arr" => Some(Self::AllTickers),
            "!miniTicker@arr" => Some(Self::AllMiniTickers { says_cadence: false }),
            "!miniTicker@arr@1000ms" => Some(Self::AllMiniTickers { says_cadence: true }),
            _ => None,
        }
    }
}

/// A stream: what it tells, and of which instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// Of which; [`InstrumentId::ALL`]: of all.
    pub instrument: InstrumentId,
    /// What.
    pub kind: StreamKind,
}

impl Stream {
    /// The stream of that name, such as `btcusdt@depth@100ms`: `None` if there is none. Symbols
    /// are in lower case, as the interface has them.
    pub fn from_name(name: &str, instruments: &Instruments) -> Option<Self> {
        if let Some(kind) = StreamKind::of_all(name) {
            return Some(Self { instrument: InstrumentId::ALL, kind });
        }
        let (symbol, kind) = name.split_once('@')?;
        if symbol.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let symbol: Symbol = symbol.to_ascii_uppercase().parse().ok()?;
        let instrument = instruments.by_symbol(&symbol)?.instrument;
        Some(Self { instrument, kind: StreamKind::from_name(kind)? })
    }
}

/// What a client asks of its connection.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRequest {
    /// What it asks for.
    pub method: StreamMethod,
    /// Its own name for the request, which the answer repeats as it came.
    pub id: Value,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamMethod {
    /// To be told of streams, by name.
    Subscribe(Vec<String>),
    /// No longer.
    Unsubscribe(Vec<String>),
    /// Of which it is told.
    List,
    /// Whether messages are wrapped: `combined`.
    SetCombined(bool),
    /// Whether they are.
    GetCombined,
}

/// A refusal on a stream's connection: a code of its own, not those of REST.
fn refused(code: u32, message: &str, id: &Value) -> String {
    json!({ "error": { "code": code, "msg": message }, "id": id }).to_string()
}

/// The answer to a stream that there is not, or one too many.
pub fn invalid_streams(message: &str, id: &Value) -> String {
    refused(2, message, id)
}

/// The answer to a request that was done.
pub fn done(result: &Value, id: &Value) -> String {
    json!({ "result": result, "id": id }).to_string()
}

impl StreamRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// The answer that says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let no_id = Value::Null;
        let request: Value = serde_json::from_str(text)
            .map_err(|_| refused(3, "Invalid JSON: expected value", &no_id))?;
        let id = request.get("id").cloned().unwrap_or(Value::Null);
        let valid = match &id {
            Value::Null => true,
            Value::Number(number) => number.is_i64() || number.is_u64(),
            Value::String(text) => text.chars().count() <= ID_CHARACTERS_MAX,
            _ => false,
        };
        if !valid {
            let message = "Invalid request: request ID must be an integer, a string of at most 36 \
                 characters, or null";
            return Err(refused(2, message, &no_id));
        }
        let Some(object) = request.as_object() else {
            return Err(refused(2, "Invalid request: an object was expected", &id));
        };
        let known = ["method", "params", "id"];
        if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(refused(2, &format!("Invalid request: unknown property `{name}`"), &id));
        }
        let method = match object.get("method").and_then(Value::as_str) {
            Some(method) => read_method(method, object.get("params"), &id)?,
            None => return Err(refused(2, "Invalid request: missing field `method`", &id)),
        };
        Ok(Self { method, id })
    }
}

fn read_method(method: &str, params: Option<&Value>, id: &Value) -> Result<StreamMethod, String> {
    let invalid = |message: &str| refused(2, &format!("Invalid request: {message}"), id);
    let params = match params {
        None => &[][..],
        Some(Value::Array(params)) => params,
        Some(_) => return Err(invalid("`params` is a list")),
    };
    let names = || {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let names: Option<Vec<String>> = params.iter().map(text).collect();
        names.ok_or_else(|| invalid("`params` is a list of names of streams"))
    };
    match (method, params) {
        ("SUBSCRIBE", _) => names().map(StreamMethod::Subscribe),
        ("UNSUBSCRIBE", _) => names().map(StreamMethod::Unsubscribe),
        ("LIST_SUBSCRIPTIONS", []) => Ok(StreamMethod::List),
        ("SET_PROPERTY", [Value::String(name), Value::Bool(on)]) if name == "combined" => {
            Ok(StreamMethod::SetCombined(*on))
        }
        ("GET_PROPERTY", [Value::String(name)]) if name == "combined" => {
            Ok(StreamMethod::GetCombined)
        }
        ("LIST_SUBSCRIPTIONS" | "SET_PROPERTY" | "GET_PROPERTY", _) => {
            Err(invalid("those are not the parameters of this method"))
        }
        _ => Err(invalid("unknown method")),
    }
}

/// A message of a combined connection: the message, and whose it is.
pub fn wrapped(name: &str, message: &str) -> String {
    // Names of streams have neither quotes nor backslashes: a name that had one was refused.
    format!("{{\"stream\":\"{name}\",\"data\":{message}}}")
}

/// A message of one market: what it is, when it was made, of which symbol, and what it says.
#[derive(Debug, Serialize)]
struct MarketMessage<'a, T> {
    e: &'a str,
    #[serde(rename = "E")]
    event_time: u64,
    s: &'a str,
    #[serde(flatten)]
    body: T,
}

/// Writes a message of one market.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub(super) fn message(
    event: &str,
    time_ms: u64,
    spec: &InstrumentSpec,
    body: impl Serialize,
) -> Result<String, ApiError> {
    write(&MarketMessage { e: event, event_time: time_ms, s: spec.symbol.as_str(), body })
}

/// The best bid and ask.
#[derive(Debug, Serialize)]
struct BookTickerMessage<'a> {
    u: u64,
    s: &'a str,
    b: Decimal<Price>,
    #[serde(rename = "B")]
    bid_qty: Decimal<Qty>,
    a: Decimal<Price>,
    #[serde(rename = "A")]
    ask_qty: Decimal<Qty>,
}

/// The message of the best bid and ask; a side that is empty shows zeros.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn book_ticker(spec: &InstrumentSpec, book: &Book) -> Result<String, ApiError> {
    let (bid, ask) = best(book);
    write(&BookTickerMessage {
        u: book.update_id(),
        s: spec.symbol.as_str(),
        b: Decimal(bid.0),
        bid_qty: Decimal(bid.1),
        a: Decimal(ask.0),
        ask_qty: Decimal(ask.1),
    })
}

/// Best bid and ask, each with its quantity.
pub type Best = ((Price, Qty), (Price, Qty));

/// The best bid and ask of a book; zeros of a side that is empty.
pub fn best(book: &Book) -> Best {
    (book.bids().next().unwrap_or_default(), book.asks().next().unwrap_or_default())
}

/// What has changed of a book.
#[derive(Debug, Serialize)]
struct DepthMessage {
    #[serde(rename = "U")]
    first: u64,
    u: u64,
    b: Vec<(Decimal<Price>, Decimal<Qty>)>,
    a: Vec<(Decimal<Price>, Decimal<Qty>)>,
}

/// The message of what has changed of a book.
///
/// # Errors
/// [`ApiError::internal`] if it cannot be written.
pub fn depth(
    spec: &InstrumentSpec,
    changes: &DepthChanges,
    time_ms: u64,
) -> Result<String, ApiError> {
    let level = |(price, qty)| (Decimal(price), Decimal(qty));
    let body = DepthMessage {
        first: changes.first_update_id(),
        u: changes.last_update_id(),
        b: changes.bids().map(level).collect(),
        a: changes.asks().map(level).collect(),
    };
    message("depthUpdate", time_ms, spec, body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn requests_are_read_with_their_id_as_it_came() {
        let text = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":"one"}"#;
        let request = StreamRequest::read(text).unwrap();
        assert_eq!(request.method, StreamMethod::Subscribe(vec!["btcusdt@trade".to_owned()]));
        assert_eq!(done(&Value::Null, &request.id), r#"{"id":"one","result":null}"#);
        for (method, expected) in [
            (r#""method":"LIST_SUBSCRIPTIONS""#, StreamMethod::List),
            (
                r#""method":"SET_PROPERTY","params":["combined",true]"#,
                StreamMethod::SetCombined(true),
            ),
            (r#""method":"GET_PROPERTY","params":["combined"]"#, StreamMethod::GetCombined),
        ] {
            let request = StreamRequest::read(&format!("{{{method},\"id\":7}}")).unwrap();
            assert_eq!((request.method, request.id), (expected, json!(7)));
        }
    }

    #[test]
    fn bad_requests_are_answered_with_code_and_id() {
        for (text, code, id) in [
            ("", 3, Value::Null),
            ("{", 3, Value::Null),
            ("[]", 2, Value::Null),
            (r#"{"id":5}"#, 2, json!(5)),
            (r#"{"method":"DANCE","id":5}"#, 2, json!(5)),
            (r#"{"method":"SUBSCRIBE","params":[1],"id":5}"#, 2, json!(5)),
            (r#"{"method":"SUBSCRIBE","params":{},"id":5}"#, 2, json!(5)),
            (r#"{"method":"SET_PROPERTY","params":["x",true],"id":5}"#, 2, json!(5)),
            (r#"{"method":"SUBSCRIBE","params":[],"id":1.5}"#, 2, Value::Null),
            (r#"{"method":"SUBSCRIBE","params":[],"id":[]}"#, 2, Value::Null),
            (r#"{"method":"SUBSCRIBE","params":[],"id":5,"more":1}"#, 2, json!(5)),
        ] {
            let answer = StreamRequest::read(text).unwrap_err();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{text}");
        }
    }

    #[test]
    fn streams_are_known_by_their_documented_names_alone() {
        for (name, kind) in [
            ("trade", StreamKind::Trade),
            ("aggTrade", StreamKind::AggregateTrade),
            ("depth", StreamKind::Depth(Cadence::Slow)),
            ("depth@100ms", StreamKind::Depth(Cadence::Fast)),
            ("depth5", StreamKind::PartialDepth { levels: 5, cadence: Cadence::Slow }),
            ("depth20@100ms", StreamKind::PartialDepth { levels: 20, cadence: Cadence::Fast }),
            ("kline_1M", StreamKind::Kline(Interval::Month)),
            ("kline_1m", StreamKind::Kline(Interval::Minutes(1))),
            ("ticker", StreamKind::Ticker),
            ("ticker_4h", StreamKind::WindowTicker(TickerWindow::FourHours)),
            ("miniTicker", StreamKind::MiniTicker),
            ("avgPrice", StreamKind::AveragePrice),
        ] {
            assert_eq!(StreamKind::from_name(name), Some(kind), "{name}");
        }
        for name in ["", "depth7", "depth@250ms", "depth5@", "kline_7m", "kline_", "ticker_2h"] {
            assert_eq!(StreamKind::from_name(name), None, "{name}");
        }
        let all = StreamKind::AllMiniTickers { says_cadence: true };
        assert_eq!(StreamKind::of_all("!miniTicker@arr@1000ms"), Some(all));
        assert_eq!(StreamKind::of_all("!miniTicker"), None);
        for window in TickerWindow::ALL {
            assert!(window.length_ns() >= 3_600_000_000_000);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_refusal_is_json(text: String) {
            if let Err(answer) = StreamRequest::read(&text) {
                prop_assert!(serde_json::from_str::<Value>(&answer).is_ok());
            }
        }
    }
}
