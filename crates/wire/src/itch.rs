//! Nasdaq TotalView-ITCH 5.0: all 23 messages, decoded in place and encoded back.
//!
//! ```text
//!   file, gz stream --> FrameReader --+
//!   mapped file     --> Frames -------+--> Message<'_> --> operation() --> book
//!   UDP payload     --> Message::decode +      |
//!                                              +--> encode()  (the exact inverse)
//! ```
//!
//! A message is a view of the bytes it came in: decoding checks the size and the codes, and
//! converts nothing until a field is asked for. The layout of each message is one table in
//! [`messages`], from which the structures, the checks, the encoder, the checksum and the field
//! listing are all made.
//!
//! What is strict: the size of each type, and the codes on which an order, a trade or a state
//! depends ([`field`] names them). Codes that only describe, and to which Nasdaq adds values
//! without a new version of the protocol, pass as [`Code`].
//!
//! Must not happen here: allocation, copying of a message, panics on any input.
//!
//! Source: Nasdaq TotalView-ITCH 5.0 specification; sizes and fields are tested against published
//! vectors, one for each type.

pub mod field;
pub mod frame;
pub mod messages;
mod operation;

pub use field::{
    BreachedLevel, BuySell, Code, Coded, EventCode, FieldValue, HaltAction, Price4, Price8,
    Printable, ReleaseQualifier, Reserved, ShortSaleAction, Text, Time, TradingState,
};
pub use frame::{FRAME_SIZE_MAX, FrameError, FrameReader, Frames, Keys};
pub use messages::*;

use thiserror::Error;

/// No message is longer: the net order imbalance indicator's 50 bytes.
pub const MESSAGE_SIZE_MAX: usize = 50;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// No bytes at all.
    #[error("empty message")]
    Empty,
    /// The first byte names no message type of ITCH 5.0.
    #[error("unknown message type {kind:#04x}")]
    UnknownType {
        /// The first byte.
        kind: u8,
    },
    /// Not the size of its type.
    #[error("{kind:?} message of {found} bytes, must have {expected}")]
    InvalidSize {
        /// The type.
        kind: Kind,
        /// The bytes the type has.
        expected: usize,
        /// The bytes that came.
        found: usize,
    },
    /// A field holds a code that its type does not know.
    #[error("{kind:?} message with code {code:#04x} in the field {field}")]
    InvalidCode {
        /// The type.
        kind: Kind,
        /// The field, by its name here.
        field: &'static str,
        /// What it holds.
        code: u8,
    },
}

/// A checksum over every field of every message of a stream: the proof that a reader saw them
/// all, and what two implementations compare.
///
/// A message's digest is the wrapping sum of its fields, the `i`-th rotated left by `7 * i` bits.
/// Fields count from 0 in the order of the wire: message type, stock locate, tracking number,
/// timestamp, then the body's. Numbers and prices count as their raw integers, texts as the
/// big-endian integer of their bytes, codes as their byte; the reserved byte of the stock trading
/// action counts as 0. The stream's checksum starts at 0 and takes each message in by
/// `sum = (sum ^ digest) * 0x9E37_79B9_7F4A_7C15` (wrapping): one changed bit of any one field
/// always shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(u64);

impl Checksum {
    /// Takes in a message.
    #[inline(always)]
    pub fn add(&mut self, message: &Message<'_>) {
        self.add_digest(message.digest());
    }

    /// Takes in the digest of a message that another decoder read.
    #[inline(always)]
    pub fn add_digest(&mut self, digest: u64) {
        self.0 = (self.0 ^ digest).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// The checksum of what was taken in.
    pub const fn value(self) -> u64 {
        self.0
    }
}
