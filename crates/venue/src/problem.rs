//! Refusals as problem details (RFC 9457): a stable code, and the field at fault.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable code: what programs look at.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: Cow<'static, str>,
    /// The field at fault: a JSON pointer into the body, or the name of a parameter or a header.
    pub field: Option<String>,
    /// After how many seconds it may be tried again.
    pub retry_after_s: Option<u64>,
}

/// A refusal, as clients read it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemAnswer<'p> {
    /// A name for the kind of problem: `urn:tiercel:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:tiercel:problem:PRICE_NOT_ON_TICK")]
    kind: String,
    /// The code in words.
    #[schema(example = "price not on tick")]
    title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    status: u16,
    /// The stable code: what programs look at.
    #[schema(example = "PRICE_NOT_ON_TICK")]
    code: &'p str,
    /// What is wrong, for people.
    detail: &'p str,
    /// The field at fault: a JSON pointer into the body, or the name of a parameter or a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/price", nullable = false)]
    field: Option<&'p str>,
    /// After how many seconds it may be tried again; also the header Retry-After.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_s: Option<u64>,
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { status, code, detail, field, retry_after_s } = self;
        ProblemAnswer {
            kind: format!("urn:tiercel:problem:{code}"),
            title: code.to_ascii_lowercase().replace('_', " "),
            status: *status,
            code,
            detail,
            field: field.as_deref(),
            retry_after_s: *retry_after_s,
        }
        .serialize(serializer)
    }
}

impl Problem {
    /// A refusal without a field.
    pub fn with(status: u16, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after_s: None }
    }

    /// The same, of this field.
    #[must_use]
    pub fn of_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into()).filter(|field| !field.is_empty());
        self
    }

    /// The same, to be tried again in so many seconds.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A fault of the venue, which no request should be able to cause.
    pub fn internal() -> Self {
        Self::with(500, "INTERNAL", "a fault of the venue")
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        // Plain texts and numbers: they can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}
