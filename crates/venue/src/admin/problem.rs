//! Refusals: problem details (RFC 9457) with a stable code.

use serde::Serialize;
use tiercel_types::DenialReason;

/// A refusal, as administrators read it: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code: what programs look at.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
    /// The field at fault; empty: none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub field: &'static str,
}

impl Problem {
    /// A refusal without a field.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: "" }
    }

    /// The same, of that field.
    #[must_use]
    pub const fn of(mut self, field: &'static str) -> Self {
        self.field = field;
        self
    }

    /// There is no such call.
    pub fn no_such_call() -> Self {
        Self::new(404, "NO_SUCH_CALL", "there is no such path, or it does not have this method")
    }

    /// The token is missing, or another.
    pub fn unauthorized() -> Self {
        let detail = "the administrator's token goes in the header `Authorization: Bearer TOKEN`";
        Self::new(401, "TOKEN_INVALID", detail)
    }

    /// The body is not what the call takes.
    pub fn body(detail: impl Into<String>) -> Self {
        Self::new(400, "INVALID_BODY", detail)
    }

    /// The engine has denied the command.
    pub fn denied(reason: DenialReason) -> Self {
        let status = match reason {
            DenialReason::UnknownInstrument
            | DenialReason::UnknownAccount
            | DenialReason::UnknownAsset
            | DenialReason::PhaseNotScheduled => 404,
            _ => 409,
        };
        let words = reason.as_str().to_ascii_lowercase().replace('_', " ");
        Self::new(status, reason.as_str(), words).of(reason.field())
    }

    /// A fault of the venue.
    pub fn internal() -> Self {
        Self::new(500, "INTERNAL", "a fault of the venue; what became of the request is unknown")
    }

    /// As JSON, with the members that every problem has.
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value["type"] = format!("urn:tiercel:problem:{}", self.code).into();
        value["title"] = self.code.to_ascii_lowercase().replace('_', " ").into();
        value.to_string()
    }
}
