//! What the native interface refuses, and how the engine's denials are told.

use std::borrow::Cow;

use tiercel_types::DenialReason;

use crate::pipeline::Busy;

pub use crate::problem::Problem;

/// Defines the gateway's own codes.
macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $status:literal, $text:literal;)+) => {
        /// What this interface refuses before the engine sees it. Texts are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])+ $name),+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its stable text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// Its HTTP status.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status),+
                }
            }
        }
    };
}

codes! {
    /// The body is no JSON.
    InvalidJson = 400, "INVALID_JSON";
    /// The query is no list of names and values.
    InvalidQuery = 400, "INVALID_QUERY";
    /// A field that has to be there is not.
    MissingField = 400, "MISSING_FIELD";
    /// A field that the request does not have.
    UnknownField = 400, "UNKNOWN_FIELD";
    /// A field that is given twice.
    DuplicateField = 400, "DUPLICATE_FIELD";
    /// A field of another type, or of a value that it cannot have.
    InvalidField = 400, "INVALID_FIELD";
    /// A header of the signature is missing.
    SignatureRequired = 401, "SIGNATURE_REQUIRED";
    /// No such key, or the signature is not this key's for this request.
    SignatureInvalid = 401, "SIGNATURE_INVALID";
    /// The timestamp is no such number, ahead of the venue's clock, or older than the window.
    TimestampInvalid = 401, "TIMESTAMP_INVALID";
    /// The same signed request came before.
    RequestReplayed = 401, "REQUEST_REPLAYED";
    /// The key may not do this.
    KeyNotAllowed = 403, "KEY_NOT_ALLOWED";
    /// No such path.
    UnknownPath = 404, "UNKNOWN_PATH";
    /// The path does not have this method.
    MethodNotAllowed = 405, "METHOD_NOT_ALLOWED";
    /// No such list of this account.
    UnknownList = 404, "UNKNOWN_LIST";
    /// The body did not come in time: nothing was done.
    BodyTimeout = 408, "BODY_TIMEOUT";
    /// The path is a WebSocket's.
    UpgradeRequired = 426, "UPGRADE_REQUIRED";
    /// The order has ended: it cannot be cancelled or changed.
    OrderNotLive = 409, "ORDER_NOT_LIVE";
    /// A request with this client order id is on its way to the engine: ask again.
    RequestInProgress = 409, "REQUEST_IN_PROGRESS";
    /// The body is longer than it may be.
    BodyTooLarge = 413, "BODY_TOO_LARGE";
    /// The body is not declared as application/json.
    UnsupportedMediaType = 415, "UNSUPPORTED_MEDIA_TYPE";
    /// More request weight than an address may use in a minute.
    RateLimited = 429, "RATE_LIMITED";
    /// More unfilled orders than an account may place.
    TooManyOrders = 429, "TOO_MANY_ORDERS";
    /// A fault of the venue.
    Internal = 500, "INTERNAL";
    /// The command ring is full: nothing was taken; try again.
    Busy = 503, "BUSY";
    /// The venue stops, or its log has failed: it takes no commands any more.
    Stopped = 503, "STOPPED";
    /// No answer came in time: the outcome is unknown; ask for the order.
    UnknownOutcome = 504, "UNKNOWN_OUTCOME";
}

impl Problem {
    /// A refusal of this interface's own.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::with(code.status(), code.as_str(), detail)
    }

    /// What the engine denied. `place` is where in the body the denied order stands; empty: the body
    /// itself.
    pub fn denied(reason: DenialReason, place: &str) -> Self {
        let field = field(reason);
        let detail = if field.is_empty() {
            "the engine denied it".to_owned()
        } else {
            format!("the engine denied it: `{field}`")
        };
        let pointer = match (place, field) {
            ("", "") => String::new(),
            (place, "") => place.to_owned(),
            (place, field) => format!("{place}/{field}"),
        };
        Self::with(status(reason), reason.as_str(), detail).of_field(pointer)
    }

    /// No such instrument.
    pub fn unknown_symbol(field: &'static str) -> Self {
        let unknown = DenialReason::UnknownInstrument;
        Self::with(404, unknown.as_str(), "no instrument has this symbol").of_field(field)
    }

    /// No such order of this account.
    pub fn unknown_order() -> Self {
        let unknown = DenialReason::UnknownOrder;
        Self::with(404, unknown.as_str(), "no such order of this account").of_field("order_id")
    }

    /// The order was there, and has ended.
    pub fn order_not_live() -> Self {
        Self::new(Code::OrderNotLive, "the order has ended").of_field("order_id")
    }

    /// No such list of this account.
    pub fn unknown_list() -> Self {
        Self::new(Code::UnknownList, "no such list of this account").of_field("list_id")
    }
}

/// The HTTP status of a denial: what is not there is 404, what is there already 409, the rest 422.
fn status(reason: DenialReason) -> u16 {
    match reason {
        DenialReason::UnknownInstrument | DenialReason::UnknownOrder => 404,
        DenialReason::DuplicateClientOrderId | DenialReason::DuplicateOrderId => 409,
        DenialReason::UnknownAccount => 403,
        _ => 422,
    }
}

/// The field of the engine's command as requests have it; empty: none of theirs.
fn field(reason: DenialReason) -> &'static str {
    match reason.field() {
        "instrument" => "symbol",
        "order_id" | "account" | "terms" | "order" | "legs" | "reserved" => "",
        field => field,
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        match busy {
            Busy::Full => {
                Self::new(Code::Busy, "the command ring is full: nothing was taken").after(1)
            }
            Busy::Stopped => Self::new(Code::Stopped, "the venue takes no commands any more"),
            Busy::Parts => Self::internal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_also_among_the_engines() {
        let own = Code::ALL.iter().map(|code| code.as_str());
        let mut all: Vec<&str> =
            own.chain(DenialReason::ALL.iter().map(|reason| reason.as_str())).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn what_was_not_taken_is_told_as_such() {
        let told = |busy: Busy| Problem::from(busy);
        assert_eq!((told(Busy::Full).status, told(Busy::Full).retry_after_s), (503, Some(1)));
        assert_eq!((told(Busy::Stopped).code, told(Busy::Parts).status), ("STOPPED", 500));
    }

    #[test]
    fn every_denial_is_the_clients_fault_and_names_the_field_where_it_stands() {
        for &reason in DenialReason::ALL {
            let problem = Problem::denied(reason, "");
            assert!((400..500).contains(&problem.status), "{reason}");
        }
        let off_tick = Problem::denied(DenialReason::PriceNotOnTick, "/orders/1");
        assert_eq!(off_tick.field.as_deref(), Some("/orders/1/price"));
        assert_eq!(off_tick.status, 422);
        assert_eq!(Problem::denied(DenialReason::LegsMissing, "").field, None);
        let json: serde_json::Value = serde_json::from_str(&off_tick.to_json()).unwrap();
        assert_eq!(json["type"], "urn:tiercel:problem:PRICE_NOT_ON_TICK");
        assert_eq!(json["title"], "price not on tick");
    }
}
