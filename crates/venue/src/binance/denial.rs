//! Which code and message a denial of the engine is on this interface.

use tiercel_types::DenialReason;
use tiercel_types::command::Kind;

use super::amend;
use super::error::ApiError;

/// The answer to a command that the engine denied.
///
/// Denials for which the interface has no words of its own keep the engine's stable code, under
/// -1010; those of an amendment are all -2038, but filters.
pub fn denial(reason: DenialReason, command: Kind) -> ApiError {
    use DenialReason as Reason;
    let error = words(reason, command);
    match (command, error.code) {
        (Kind::AmendOrder, -2010 | -2011 | -1010) => ApiError { code: -2038, ..error },
        _ if reason == Reason::NothingToAmend => ApiError::amend_rejected(amend::NO_CHANGE),
        _ => error,
    }
}

fn words(reason: DenialReason, command: Kind) -> ApiError {
    use DenialReason as Reason;
    match reason {
        Reason::UnknownOrder => match command {
            Kind::QueryOrder => ApiError::no_such_order(),
            _ => ApiError::unknown_order(),
        },
        Reason::UnknownInstrument => ApiError::symbol(),
        Reason::UnknownAccount => ApiError::key_rejected(),
        Reason::AccountBlocked | Reason::KillSwitchOn => {
            ApiError::rejected("This account may not place or cancel orders.")
        }
        Reason::NotTrading | Reason::MarketNotOpen | Reason::ImmediateInCall => {
            ApiError::rejected("Market is closed.")
        }
        Reason::DuplicateClientOrderId | Reason::DuplicateOrderId => {
            ApiError::rejected("Duplicate order sent.")
        }
        Reason::WouldMatch => ApiError::rejected("Order would immediately match and take."),
        Reason::WouldTrigger if command == Kind::NewOrderList => ApiError::price_relationship(),
        Reason::WouldTrigger => ApiError::rejected("Order would trigger immediately."),
        Reason::InsufficientFunds => {
            ApiError::rejected("Account has insufficient balance for requested action.")
        }
        Reason::NoLiquidity => ApiError::rejected(
            "Order book liquidity is less than LOT_SIZE filter minimum quantity.",
        ),
        Reason::QuoteQtyNotAllowed => {
            ApiError::rejected("Quote order qty market orders are not support for this symbol.")
        }
        Reason::TimeInForceNotAllowed
        | Reason::DisplayQtyNotAllowed
        | Reason::TermNotAllowed
        | Reason::TermsDoNotCombine
        | Reason::LegMismatch => ApiError::new(-1014, "Unsupported order combination."),
        _ => match filter(reason) {
            Some(name) => ApiError::filter(name),
            None => ApiError::new(-1010, reason.as_str()),
        },
    }
}

/// The filter that an order broke, as `exchangeInfo` names it.
fn filter(reason: DenialReason) -> Option<&'static str> {
    use DenialReason as Reason;
    Some(match reason {
        Reason::PriceRequired
        | Reason::PriceNotOnTick
        | Reason::PriceTooLow
        | Reason::PriceTooHigh
        | Reason::TriggerPriceInvalid => "PRICE_FILTER",
        Reason::PriceOutOfBand | Reason::PriceBeyondLimit => "PERCENT_PRICE",
        Reason::QtyRequired
        | Reason::QtyNotOnLot
        | Reason::QtyTooSmall
        | Reason::QtyTooLarge
        | Reason::DisplayQtyInvalid => "LOT_SIZE",
        Reason::NotionalTooSmall | Reason::NotionalTooLarge => "NOTIONAL",
        Reason::TooManyIcebergParts => "ICEBERG_PARTS",
        Reason::TooManyOpenOrders => "EXCHANGE_MAX_NUM_ORDERS",
        Reason::TrailingInvalid => "TRAILING_DELTA",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_an_answer_that_is_the_clients_fault() {
        for &reason in DenialReason::ALL {
            let error = denial(reason, Kind::NewOrder);
            assert!(matches!(error.status, 400 | 401), "{reason}");
            assert!(error.code < -1000 && !error.message.is_empty(), "{reason}");
        }
    }

    #[test]
    fn an_unknown_order_is_another_code_for_a_question_than_for_a_cancel() {
        let of = |command| denial(DenialReason::UnknownOrder, command);
        assert_eq!(of(Kind::CancelOrder).to_string(), "-2011 Unknown order sent.");
        assert_eq!(of(Kind::MassCancel).to_string(), "-2011 Unknown order sent.");
        assert_eq!(of(Kind::QueryOrder).to_string(), "-2013 Order does not exist.");
    }
}
