//! What administration refuses, and how the engine's denials are told.

use std::borrow::Cow;

use tiercel_types::DenialReason;

pub use crate::problem::Problem;

/// There is no such call.
pub fn no_such_call() -> Problem {
    let detail = "there is no such path, or it does not have this method";
    Problem::with(404, "NO_SUCH_CALL", detail)
}

/// The token is missing, or another.
pub fn unauthorized() -> Problem {
    let detail = "the administrator's token goes in the header `Authorization: Bearer TOKEN`";
    Problem::with(401, "TOKEN_INVALID", detail)
}

/// The body is not what the call takes.
pub(super) fn body(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::with(400, "INVALID_BODY", detail)
}

/// The engine has denied the command.
pub(super) fn denied(reason: DenialReason) -> Problem {
    let status = match reason {
        DenialReason::UnknownInstrument
        | DenialReason::UnknownAccount
        | DenialReason::UnknownAsset
        | DenialReason::PhaseNotScheduled => 404,
        _ => 409,
    };
    let words = reason.as_str().to_ascii_lowercase().replace('_', " ");
    Problem::with(status, reason.as_str(), words).of_field(reason.field())
}
