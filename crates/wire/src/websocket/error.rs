//! What is wrong with what the other side sent.

use thiserror::Error;

use super::CloseCode;

/// Why a stream is refused. There is no way on: the connection is closed with [`FrameError::close_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A bit for an extension, of which there is none.
    #[error("reserved bits in a frame's first byte {first:#04x}")]
    ReservedBits {
        /// The frame's first byte.
        first: u8,
    },
    /// No frame has this opcode.
    #[error("unknown opcode {opcode:#x}")]
    UnknownOpcode {
        /// The opcode.
        opcode: u8,
    },
    /// A server's frame with a mask.
    #[error("a masked frame from a server")]
    Masked,
    /// A client's frame without one.
    #[error("a frame without a mask from a client")]
    Unmasked,
    /// A ping, pong or close in fragments.
    #[error("a fragmented control frame")]
    FragmentedControl,
    /// A ping, pong or close that is too long.
    #[error("a control frame of more than 125 bytes")]
    LongControl,
    /// A length that has a shorter form.
    #[error("a length of {length} bytes not in its shortest form")]
    LengthForm {
        /// The length.
        length: u64,
    },
    /// A length of more than 63 bits.
    #[error("a length with its highest bit set")]
    LengthSign,
    /// A frame beyond the limit.
    #[error("a frame of {length} bytes, more than {limit}")]
    FrameLimit {
        /// Bytes of its payload.
        length: u64,
        /// The most allowed.
        limit: usize,
    },
    /// A fragmented message beyond the limit.
    #[error("a message of more than {limit} bytes in fragments")]
    MessageLimit {
        /// The most bytes allowed.
        limit: usize,
    },
    /// A continuation of nothing.
    #[error("a continuation without a start")]
    ContinuationWithoutStart,
    /// A new message within a fragmented one.
    #[error("a new message before the last fragment of another")]
    Interleaved,
    /// Half of a close code.
    #[error("a close frame of one byte")]
    CloseLength,
    /// A close code that no frame may carry.
    #[error("close code {code}")]
    CloseCode {
        /// The code.
        code: u16,
    },
    /// A text or the reason of a close is not UTF-8.
    #[error("a text that is not UTF-8")]
    Utf8,
}

impl FrameError {
    /// A stable code for logs and counters.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ReservedBits { .. } => "reserved_bits",
            Self::UnknownOpcode { .. } => "unknown_opcode",
            Self::Masked => "masked",
            Self::Unmasked => "unmasked",
            Self::FragmentedControl => "fragmented_control",
            Self::LongControl => "long_control",
            Self::LengthForm { .. } => "length_form",
            Self::LengthSign => "length_sign",
            Self::FrameLimit { .. } => "frame_limit",
            Self::MessageLimit { .. } => "message_limit",
            Self::ContinuationWithoutStart => "continuation_without_start",
            Self::Interleaved => "interleaved",
            Self::CloseLength => "close_length",
            Self::CloseCode { .. } => "close_code",
            Self::Utf8 => "utf8",
        }
    }

    /// The section of RFC 6455 that is broken.
    pub const fn section(&self) -> &'static str {
        match self {
            Self::ReservedBits { .. }
            | Self::UnknownOpcode { .. }
            | Self::LengthForm { .. }
            | Self::LengthSign => "5.2",
            Self::Masked | Self::Unmasked => "5.1",
            Self::FragmentedControl | Self::LongControl => "5.5",
            Self::FrameLimit { .. } | Self::MessageLimit { .. } => "10.4",
            Self::ContinuationWithoutStart | Self::Interleaved => "5.4",
            Self::CloseLength => "5.5.1",
            Self::CloseCode { .. } => "7.4",
            Self::Utf8 => "8.1",
        }
    }

    /// What to close the connection with.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::FrameLimit { .. } | Self::MessageLimit { .. } => CloseCode::TOO_BIG,
            Self::Utf8 => CloseCode::INVALID_PAYLOAD,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
