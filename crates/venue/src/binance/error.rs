//! What a refused request is answered: code, message, HTTP status.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::pipeline::Busy;

/// A refusal as Binance clients know it: `{"code":-1121,"msg":"Invalid symbol."}`.
///
/// The code says which kind of mistake it is, the message names the parameter or the filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiError {
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// The documented code.
    pub code: i32,
    /// The documented message.
    #[serde(rename = "msg")]
    pub message: Cow<'static, str>,
    /// Seconds after which to come back, for the header `Retry-After`; zero: no such header.
    #[serde(skip)]
    pub retry_after_s: u64,
    /// What became of the parts of a request that has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<Value>>,
}

impl ApiError {
    /// A refusal with HTTP status 400.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 400, code, message: message.into(), retry_after_s: 0, data: None }
    }

    fn with_status(status: u16, code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, ..Self::new(code, message) }
    }

    /// The venue failed; what became of the request is unknown.
    pub fn internal() -> Self {
        Self::with_status(500, -1000, "An unknown error occurred while processing the request.")
    }

    /// No answer came in time; the request may still be done.
    pub fn timeout() -> Self {
        Self::with_status(
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution \
             status unknown.",
        )
    }

    /// The command ring is full: the request was not taken.
    pub fn busy() -> Self {
        Self::with_status(
            503,
            -1008,
            "Server is currently overloaded with other requests. Please try again in a few \
             minutes.",
        )
    }

    /// The venue stops, or takes no more orders because its journal failed.
    pub fn shutting_down() -> Self {
        Self::with_status(503, -1016, "This service is no longer available.")
    }

    /// There is nothing at this path.
    pub fn no_such_path() -> Self {
        Self::with_status(404, -1020, "This operation is not supported.")
    }

    /// There is something at this path, but not for this method.
    pub fn no_such_method() -> Self {
        Self::with_status(405, -1020, "This operation is not supported.")
    }

    /// The body is longer than the venue reads.
    pub fn too_large() -> Self {
        Self::with_status(413, -1101, "Too many parameters sent for this endpoint.")
    }

    /// More request weight than the window has.
    pub fn too_much_weight(limit: u32, interval: &str, retry_after_s: u64) -> Self {
        Self {
            retry_after_s,
            ..Self::with_status(
                429,
                -1003,
                format!(
                    "Too much request weight used; current limit is {limit} request weight per \
                     {interval}. Please use WebSocket Streams for live updates to avoid polling \
                     the API."
                ),
            )
        }
    }

    /// The address asked on after it was told to wait.
    pub fn banned(until_ms: u64, now_ms: u64) -> Self {
        Self {
            retry_after_s: until_ms.saturating_sub(now_ms).div_ceil(1_000),
            ..Self::with_status(
                418,
                -1003,
                format!(
                    "Way too much request weight used; IP banned until {until_ms}. Please use \
                     WebSocket Streams for live updates to avoid bans."
                ),
            )
        }
    }

    /// More unfilled orders than the window has.
    pub fn too_many_orders(limit: u32, interval: &str, retry_after_s: u64) -> Self {
        Self {
            retry_after_s,
            ..Self::with_status(
                429,
                -1015,
                format!("Too many new orders; current limit is {limit} orders per {interval}."),
            )
        }
    }

    /// The timestamp is older than its window.
    pub fn outside_of_window() -> Self {
        Self::new(-1021, "Timestamp for this request is outside of the recvWindow.")
    }

    /// The timestamp lies a second or more in the future.
    pub fn ahead_of_time() -> Self {
        Self::new(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    }

    /// The signature is not that of the request.
    pub fn signature() -> Self {
        Self::new(-1022, "Signature for this request is not valid.")
    }

    /// A parameter holds characters that it may not hold.
    pub fn illegal_characters(name: &str, legal: &str) -> Self {
        Self::new(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{legal}'."),
        )
    }

    /// A parameter is given twice.
    pub fn duplicate_parameter() -> Self {
        Self::new(-1101, "Duplicate values for a parameter detected.")
    }

    /// More parameters than any request has.
    pub fn too_many_parameters() -> Self {
        Self::new(-1101, "Too many parameters sent for this endpoint.")
    }

    /// A parameter that has to be there is missing, empty or no such thing.
    pub fn mandatory(name: &str) -> Self {
        Self::new(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// One of two parameters has to be there.
    pub fn either(one: &str, other: &str) -> Self {
        Self::new(
            -1102,
            format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"),
        )
    }

    /// Some parameters belong to no such request.
    pub fn unread(read: u32, sent: usize) -> Self {
        Self::new(
            -1104,
            format!(
                "Not all sent parameters were read; read '{read}' parameter(s) but was sent \
                 '{sent}'."
            ),
        )
    }

    /// A parameter that need not be there is, without a value.
    pub fn empty(name: &str) -> Self {
        Self::new(-1105, format!("Parameter '{name}' was empty."))
    }

    /// A parameter that does not go with the others.
    pub fn not_required(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }

    /// A number that is too large.
    pub fn overflowed(name: &str) -> Self {
        Self::new(-1108, format!("Parameter '{name}' overflowed."))
    }

    /// A decimal with more places than the venue has.
    pub fn precision(name: &str) -> Self {
        Self::new(-1111, format!("Parameter '{name}' has too much precision."))
    }

    /// Parameters of which each may be there, but not all of them.
    pub fn combination() -> Self {
        Self::new(-1128, "Combination of optional parameters invalid.")
    }

    /// A parameter is none of its words.
    pub fn invalid(name: &str) -> Self {
        Self::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    /// Nobody has logged on.
    pub fn unauthorized() -> Self {
        Self::with_status(401, -1002, "You are not authorized to execute this request.")
    }

    /// What came is no request in JSON.
    pub fn invalid_request() -> Self {
        Self::new(-1135, "Invalid JSON Request")
    }

    /// A part of a request in JSON is of another kind than it has to be.
    pub fn invalid_json(name: &str) -> Self {
        Self::new(-1135, format!("JSON sent for parameter '{name}' is not valid"))
    }

    /// A key whose signatures do not log on.
    pub fn not_for_logon() -> Self {
        Self::new(-4056, "HMAC_SHA256 API key is not supported.")
    }

    /// The connection is told of that account already.
    pub fn subscription_active() -> Self {
        Self::new(-2035, "User Data Stream subscription already active.")
    }

    /// The connection has no such subscription.
    pub fn subscription_inactive() -> Self {
        Self::new(-2036, "User Data Stream subscription not active.")
    }

    /// There is no such listen key.
    pub fn listen_key() -> Self {
        Self::new(-1125, "This listenKey does not exist.")
    }

    /// No such symbol.
    pub fn symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }

    /// The order breaks a filter of its symbol.
    pub fn filter(name: &str) -> Self {
        Self::new(-1013, format!("Filter failure: {name}"))
    }

    /// The engine took no such order.
    pub fn rejected(message: &'static str) -> Self {
        Self::new(-2010, message)
    }

    /// There is no such live order to cancel.
    pub fn unknown_order() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }

    /// There is no such order, live or remembered.
    pub fn no_such_order() -> Self {
        Self::new(-2013, "Order does not exist.")
    }

    /// The order of that id is called otherwise.
    pub fn other_name() -> Self {
        Self::new(-2039, "Client order ID is not correct for this order ID.")
    }

    /// There is no such list, live or remembered.
    pub fn no_such_list() -> Self {
        Self::new(-2013, "Order list does not exist.")
    }

    /// The engine took no such amendment.
    pub fn amend_rejected(message: &'static str) -> Self {
        Self::new(-2038, message)
    }

    /// The prices of a list's orders do not go together.
    pub fn price_relationship() -> Self {
        Self::rejected("The relationship of the prices for the orders is not correct.")
    }

    /// No key was sent, or none that could be one.
    pub fn key_format() -> Self {
        Self::with_status(401, -2014, "API-key format invalid.")
    }

    /// The key is unknown, or may not do this.
    pub fn key_rejected() -> Self {
        Self::with_status(401, -2015, "Invalid API-key, IP, or permissions for action.")
    }

    /// The body that clients read.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// The body as a part of a larger one.
    pub fn to_value(&self) -> Value {
        let mut body = serde_json::json!({ "code": self.code, "msg": self.message });
        if let Some(data) = &self.data {
            body["data"] = (**data).clone();
        }
        body
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

/// What the venue did not take.
impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Full => Self::busy(),
            Busy::Stopped => Self::shutting_down(),
            Busy::Parts => Self::internal(),
        }
    }
}
