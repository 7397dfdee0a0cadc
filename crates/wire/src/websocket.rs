//! `WebSocket` frames (RFC 6455), of either side, without sockets; the handshake is done elsewhere.
//!
//! ```text
//!   bytes as they came --> Assembler::next --> text and binary, in place where they came in one frame;
//!                            |  Frame::front     ping, pong, close, also between fragments
//!                            +--> FrameError: section of the RFC, code to close with
//!   put, put_text_with, put_masked_text, put_close --> frames behind what is still to be sent
//! ```
//!
//! Budget: finding the payload of a whole frame is a few comparisons; a client's payload is not
//! touched. Must not happen here: allocation (an [`Assembler`] has its room from the beginning), a
//! random number (masks are passed in), a panic on any input.
//!
//! Any split of the stream gives the same messages and the same error. No extensions: reserved bits
//! are an error. Lengths that are not in their shortest form are one too (section 5.2).

mod assembler;
mod error;
mod frame;
mod write;

pub use assembler::{Assembler, CloseReason, Message, Step};
pub use error::FrameError;
pub use frame::{Frame, Limits, Opcode, Role, mask};
pub use write::{put, put_close, put_masked_text, put_text_with};

/// Bytes of the longest payload of a ping, a pong or a close (section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;
/// Bytes of the longest header: two, eight of a length, four of a mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// Why a connection ends (section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// A server goes down, or a page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The other side broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A text is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// What was done breaks a policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too long.
    pub const TOO_BIG: Self = Self(1009);

    /// Whether a frame may carry it: 1004 to 1006 and 1015 never stand in one; the rest up to 2999 is
    /// not given to anything, but for what IANA's registry has.
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
