//! Why a request is refused: the codes that the standard has, and words.

use std::borrow::Cow;

use tiercel_types::DenialReason;

/// A refusal of an order, a cancel or a replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `OrdRejReason` (103) of a new order.
    pub order_reason: u64,
    /// `CxlRejReason` (102) of a cancel or a replace.
    pub cancel_reason: u64,
    /// What is wrong: a stable code of the engine's, or words that name the field.
    pub text: Cow<'static, str>,
}

/// `OrdRejReason` and `CxlRejReason`: other.
const OTHER: u64 = 99;

impl Refused {
    /// For a reason that has no number of its own.
    pub fn other(text: impl Into<Cow<'static, str>>) -> Self {
        Self { order_reason: OTHER, cancel_reason: OTHER, text: text.into() }
    }

    /// A characteristic that no order here has.
    pub fn unsupported(text: impl Into<Cow<'static, str>>) -> Self {
        Self { order_reason: 11, ..Self::other(text) }
    }

    /// No such symbol.
    pub fn unknown_symbol() -> Self {
        Self { order_reason: 1, ..Self::other("no instrument has this Symbol (55)") }
    }

    /// Field 1 names an account that is not the session's.
    pub fn wrong_account() -> Self {
        Self { order_reason: 15, ..Self::other("Account (1) is not the session's") }
    }

    /// The client has used this name before.
    pub fn duplicate() -> Self {
        let text = Cow::Borrowed("ClOrdID (11) was used before");
        Self { order_reason: 6, cancel_reason: 6, text }
    }

    /// No such order of this account.
    pub fn unknown_order() -> Self {
        Self { order_reason: 5, cancel_reason: 1, text: "no such order of this account".into() }
    }

    /// The order has ended.
    pub fn too_late() -> Self {
        Self { order_reason: 4, cancel_reason: 0, text: "the order has ended".into() }
    }

    /// What the engine denied.
    pub fn denied(reason: DenialReason) -> Self {
        use DenialReason as D;
        let order_reason = match reason {
            D::UnknownInstrument => 1,
            D::NotTrading | D::MarketNotOpen | D::NotContinuous => 2,
            D::InsufficientFunds
            | D::TooManyOpenOrders
            | D::NotionalTooLarge
            | D::AccountBlocked
            | D::KillSwitchOn => 3,
            D::UnknownOrder => 5,
            D::DuplicateClientOrderId | D::DuplicateOrderId => 6,
            D::TimeInForceNotAllowed
            | D::ExpireTimeInvalid
            | D::TermNotAllowed
            | D::TermsDoNotCombine
            | D::DisplayQtyNotAllowed
            | D::HiddenNotAllowed
            | D::PegNotAllowed
            | D::AllOrNoneNotAllowed
            | D::MinQtyNotAllowed => 11,
            D::QtyRequired
            | D::QtyNotOnLot
            | D::QtyTooSmall
            | D::QtyTooLarge
            | D::NotionalTooSmall
            | D::DisplayQtyInvalid
            | D::MinQtyInvalid => 13,
            D::UnknownAccount => 15,
            _ => OTHER,
        };
        let cancel_reason = match reason {
            D::UnknownOrder => 1,
            D::DuplicateClientOrderId => 6,
            D::OrderInList | D::OrderWaits | D::OrderIsUnseen | D::NotTrading => 2,
            _ => OTHER,
        };
        Self { order_reason, cancel_reason, text: reason.as_str().into() }
    }
}
