//! Why a message is refused.

use thiserror::Error;
use tiercel_types::DecimalError;
use tiercel_types::text::TextError;

/// A refused message: what is wrong, where, and in which field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at byte {offset}, field \"{field}\": {kind}")]
pub struct DecodeError {
    /// Zero-based position in the message of the byte or value at fault.
    pub offset: usize,
    /// The field's key as the venue spells it; `$` for the message as a whole, `*` for a field
    /// that the decoder only skips.
    pub field: &'static str,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeErrorKind {
    /// The message ends inside a value.
    #[error("the message is cut short")]
    Truncated,
    /// Not JSON: another character belongs here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Something follows the message.
    #[error("more follows after the end of the message")]
    Trailing,
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// A control character inside a string.
    #[error("a bare control character in a string")]
    Control,
    /// An escape that JSON does not have, or half of a surrogate pair.
    #[error("a bad escape in a string")]
    Escape,
    /// A skipped number of 10^308 or more, which common JSON libraries cannot hold.
    #[error("a number out of the range of a double")]
    NumberRange,
    /// Arrays and objects within each other beyond the bound.
    #[error("nested more than {limit} deep")]
    Nesting {
        /// The most levels allowed.
        limit: u32,
    },
    /// The field is there twice.
    #[error("the field is repeated")]
    Duplicate,
    /// The field is not there.
    #[error("the field is missing")]
    Missing,
    /// The value has another type than the field has.
    #[error("the value is not {0}")]
    Mistyped(&'static str),
    /// An integer beyond 64 bits, or a time beyond what nanoseconds in 64 bits can say.
    #[error("the number is out of range")]
    Range,
    /// A string that is not a decimal, or not one that fits.
    #[error("the decimal is refused: {0}")]
    Decimal(DecimalError),
    /// A text with escapes that is too long.
    #[error("an escaped text is longer than {limit} bytes")]
    TextLength {
        /// The most bytes allowed.
        limit: usize,
    },
    /// The name of an order is none that a client can give.
    #[error("the name of an order is refused: {0}")]
    Text(TextError),
    /// A word that decides, and has no meaning here.
    #[error("a word this decoder does not know")]
    UnknownWord,
    /// More levels on one side than the decoder was made for.
    #[error("more than {limit} levels on one side")]
    LevelLimit {
        /// The most levels allowed.
        limit: usize,
    },
    /// The event type `e` is none that the decoder knows.
    #[error("an event type this decoder does not know")]
    UnknownEvent,
    /// An object without an event type that is neither a book ticker nor a depth snapshot.
    #[error("not a message this decoder knows")]
    UnknownMessage,
}

impl DecodeErrorKind {
    /// A stable code for logs and counters.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Expected(_) => "syntax",
            Self::Trailing => "trailing",
            Self::Utf8 => "utf8",
            Self::Control => "control_character",
            Self::Escape => "escape",
            Self::NumberRange => "number_range",
            Self::Nesting { .. } => "nesting",
            Self::Duplicate => "duplicate_field",
            Self::Missing => "missing_field",
            Self::Mistyped(_) => "mistyped_field",
            Self::Range => "integer_range",
            Self::Decimal(_) => "decimal",
            Self::TextLength { .. } => "text_length",
            Self::Text(_) => "name",
            Self::UnknownWord => "unknown_word",
            Self::LevelLimit { .. } => "level_limit",
            Self::UnknownEvent => "unknown_event",
            Self::UnknownMessage => "unknown_message",
        }
    }
}
