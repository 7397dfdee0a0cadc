//! Nasdaq OUCH 5.0: all 25 messages of both directions, with their options.
//!
//! ```text
//!   SoupBinTCP unsequenced --> Inbound::decode  --> a message, and its Options
//!   SoupBinTCP sequenced   --> Outbound::decode --> a message, and its Options
//!                              encode()  (the exact inverse)
//! ```
//!
//! A message is a view of the bytes it came in. Behind its fixed part stand, where the type allows it,
//! two bytes of length and options: each its length, its tag and its value. The layout of each message
//! is one table in [`messages`]; that of the options one in [`option`].
//!
//! The same letter means different messages in the two directions: the types keep them apart.
//!
//! What is strict: sizes, and the codes on which an order depends. Codes that only describe, and
//! options that this build does not know, pass.
//!
//! Must not happen here: allocation, copying of a message, panics on any input.
//!
//! Source: Nasdaq OUCH 5.0 order entry specification.

pub mod field;
pub mod messages;
pub mod option;

pub use field::{
    Capacity, CrossType, Display, EventCode, Intermarket, OrderState, OuchSide, Price, SignedPrice,
    TimeInForce,
};
pub use messages::*;
pub use option::{OptionError, OptionTag, OptionValue, Options};

use thiserror::Error;

/// A market order's price; and that of one for a cross alone.
pub const MARKET_PRICE: u64 = 0x7FFF_FFFF;
/// No fixed part is longer: that of an order that was replaced, with the options' length.
pub const FIXED_SIZE_MAX: usize = 68;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("empty message")]
    Empty,
    /// The first byte names no message of this direction.
    #[error("unknown message type {kind:#04x}")]
    UnknownType {
        /// The first byte.
        kind: u8,
    },
    /// Shorter than the fixed part of its type, or longer and without options.
    #[error("{kind} of {found} bytes, must have {expected} and its options")]
    InvalidSize {
        /// The type's name.
        kind: &'static str,
        /// The bytes of its fixed part.
        expected: usize,
        /// The bytes that came.
        found: usize,
    },
    /// A field holds a code that its type does not know.
    #[error("{kind} with code {code:#04x} in the field {field}")]
    InvalidCode {
        /// The type's name.
        kind: &'static str,
        /// The field, by its name here.
        field: &'static str,
        /// What it holds.
        code: u8,
    },
    /// Its options are none.
    #[error("{kind}: {error}")]
    Options {
        /// The type's name.
        kind: &'static str,
        /// What is wrong.
        error: OptionError,
    },
}
