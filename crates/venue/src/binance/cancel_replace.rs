//! Cancel-replace: an order cancelled and another entered, each of which may fail by itself.
//!
//! Whoever wants the new order only if the old one was cancelled gets two submissions, the second
//! once the first is durable: else a fill that came first would leave both. Whoever wants it anyway
//! gets one.

use serde_json::{Value, json};

use super::error::ApiError;
use super::order::{CancelRestriction, OrderName};
use super::params::Params;

/// What is to be cancelled, and what happens if it cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelReplace {
    /// Which order.
    pub name: OrderName,
    /// In which state alone.
    pub restriction: Option<CancelRestriction>,
    /// Whether the new order is entered only if the old one was cancelled.
    pub stop_on_failure: bool,
    /// Whether the old order is cancelled when there is no room for the new one in the limit of
    /// unfilled orders.
    pub cancel_beyond_limit: bool,
}

impl CancelReplace {
    /// Reads all parameters but the new order's and the name of the request to cancel.
    ///
    /// # Errors
    /// -1102 if the mode or the order's name is missing, -1130 for a mode that there is not.
    pub fn read(params: &Params<'_>) -> Result<Self, ApiError> {
        let stop_on_failure = match params.mandatory("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => true,
            "ALLOW_FAILURE" => false,
            _ => return Err(ApiError::invalid("cancelReplaceMode")),
        };
        let cancel_beyond_limit = match params.text("orderRateLimitExceededMode")? {
            None | Some("DO_NOTHING") => false,
            Some("CANCEL_ONLY") => true,
            Some(_) => return Err(ApiError::invalid("orderRateLimitExceededMode")),
        };
        let name = OrderName::read_named(params, "cancelOrderId", "cancelOrigClientOrderId")?;
        let restriction = CancelRestriction::read(params)?;
        Ok(Self { name, restriction, stop_on_failure, cancel_beyond_limit })
    }
}

/// What became of one of the two.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// It was done: its answer.
    Done(Value),
    /// It was refused.
    Failed(ApiError),
    /// It was not tried.
    NotAttempted,
}

impl From<Result<Value, ApiError>> for Part {
    fn from(result: Result<Value, ApiError>) -> Self {
        result.map_or_else(Self::Failed, Self::Done)
    }
}

impl Part {
    const fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "SUCCESS",
            Self::Failed(_) => "FAILURE",
            Self::NotAttempted => "NOT_ATTEMPTED",
        }
    }

    fn response(&self) -> Value {
        match self {
            Self::Done(answer) => answer.clone(),
            Self::Failed(error) => error.to_value(),
            Self::NotAttempted => Value::Null,
        }
    }
}

/// The answer for both. `limited`: there was no room for the new order in the limit of unfilled
/// orders.
///
/// # Errors
/// -2021 with status 409 if one of them failed, -2022 with 400 if both did or the second was not
/// tried; with 429 if `limited`. What became of each stands in its data.
pub fn outcome(cancel: &Part, new: &Part, limited: Option<&ApiError>) -> Result<String, ApiError> {
    let data = json!({
        "cancelResult": cancel.word(),
        "newOrderResult": new.word(),
        "cancelResponse": cancel.response(),
        "newOrderResponse": new.response(),
    });
    let done = |part: &Part| matches!(part, Part::Done(_));
    let mut error = match (done(cancel), done(new)) {
        (true, true) => return Ok(data.to_string()),
        (false, false) => ApiError::new(-2022, "Order cancel-replace failed."),
        _ => ApiError {
            status: 409,
            ..ApiError::new(-2021, "Order cancel-replace partially failed.")
        },
    };
    if let Some(limited) = limited {
        (error.status, error.retry_after_s) = (limited.status, limited.retry_after_s);
    }
    error.data = Some(Box::new(data));
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_of_outcomes_has_its_code_and_status() {
        let (done, failed) =
            (|| Part::Done(json!({ "orderId": 1 })), || Part::Failed(ApiError::unknown_order()));
        let refused = |cancel: Part, new: Part, limited: Option<&ApiError>| {
            let error = outcome(&cancel, &new, limited).unwrap_err();
            (error.status, error.code, error.data.unwrap()["newOrderResult"].clone())
        };
        let both = outcome(&done(), &done(), None).unwrap();
        let both: Value = serde_json::from_str(&both).unwrap();
        assert_eq!(
            (&both["cancelResult"], &both["cancelResponse"]["orderId"]),
            (&json!("SUCCESS"), &json!(1))
        );
        assert_eq!(refused(done(), failed(), None), (409, -2021, json!("FAILURE")));
        assert_eq!(refused(failed(), done(), None), (409, -2021, json!("SUCCESS")));
        assert_eq!(refused(failed(), failed(), None), (400, -2022, json!("FAILURE")));
        let not = Part::NotAttempted;
        assert_eq!(refused(failed(), not, None), (400, -2022, json!("NOT_ATTEMPTED")));
        let limit = ApiError::too_many_orders(1, "10 SECOND", 3);
        let new = Part::Failed(limit.clone());
        assert_eq!(refused(done(), new, Some(&limit)), (429, -2021, json!("FAILURE")));
    }
}
