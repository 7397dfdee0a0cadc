//! One frame, where it lies in the bytes that came.

use core::ops::Range;

use super::{CONTROL_PAYLOAD_BYTES_MAX, FrameError};

/// Which side of the connection this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Hears frames without masks, and masks its own.
    Client,
    /// Hears masked frames.
    Server,
}

/// What is taken from the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Which side hears.
    pub role: Role,
    /// Bytes of a frame's payload, at most. A frame is whole before it is read: the bytes that are
    /// kept for it are this many and [`super::HEADER_BYTES_MAX`].
    pub frame_bytes_max: usize,
    /// Bytes of a message that comes in fragments, at most.
    pub message_bytes_max: usize,
}

/// What a frame is (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment.
    Continuation = 0x0,
    /// A text, or its first fragment.
    Text = 0x1,
    /// Bytes, or their first fragment.
    Binary = 0x2,
    /// The last frame of its sender.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping, or just shows that its sender lives.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode of these four bits.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it is a close, ping or pong.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// A whole frame. Places count from the frame's first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub is_final: bool,
    /// What it is.
    pub opcode: Opcode,
    /// What its payload is masked with; none from a server.
    pub mask: Option<[u8; 4]>,
    /// Where its payload lies.
    pub payload: Range<usize>,
}

impl Frame {
    /// The frame that `bytes` begin with; none while it is not whole.
    ///
    /// # Errors
    /// [`FrameError`], as soon as the byte at fault has come.
    ///
    /// ```
    /// use tiercel_wire::websocket::{Frame, Limits, Role};
    ///
    /// let limits = Limits { role: Role::Client, frame_bytes_max: 1_000, message_bytes_max: 1_000 };
    /// let frame = Frame::front(b"\x81\x02{}", &limits)?.expect("it is whole");
    /// assert_eq!(frame.payload, 2..4);
    /// assert_eq!(Frame::front(b"\x81\x02{", &limits)?, None);
    /// # Ok::<(), tiercel_wire::websocket::FrameError>(())
    /// ```
    #[inline]
    pub fn front(bytes: &[u8], limits: &Limits) -> Result<Option<Self>, FrameError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(FrameError::ReservedBits { first });
        }
        let bits = first & 0x0F;
        let opcode = Opcode::from_bits(bits).ok_or(FrameError::UnknownOpcode { opcode: bits })?;
        let is_final = first & 0x80 != 0;
        if opcode.is_control() && !is_final {
            return Err(FrameError::FragmentedControl);
        }
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let is_masked = second & 0x80 != 0;
        match limits.role {
            Role::Client if is_masked => return Err(FrameError::Masked),
            Role::Server if !is_masked => return Err(FrameError::Unmasked),
            _ => {}
        }
        let Some((length, mut start)) = length(second & 0x7F, &bytes[2..])? else {
            return Ok(None);
        };
        if opcode.is_control() && length > CONTROL_PAYLOAD_BYTES_MAX as u64 {
            return Err(FrameError::LongControl);
        }
        let limit = limits.frame_bytes_max.min(usize::MAX / 2);
        let length = match usize::try_from(length) {
            Ok(length) if length <= limit || opcode.is_control() => length,
            _ => return Err(FrameError::FrameLimit { length, limit }),
        };
        let mut mask = None;
        if is_masked {
            let Some((key, _)) = bytes[start..].split_first_chunk::<4>() else { return Ok(None) };
            mask = Some(*key);
            start += key.len();
        }
        let payload = start..start + length;
        Ok((bytes.len() >= payload.end).then_some(Self { is_final, opcode, mask, payload }))
    }

    /// Its bytes in the stream.
    pub const fn size(&self) -> usize {
        self.payload.end
    }
}

/// A payload's length, and where what follows it begins. `rest` stands behind the seven bits.
#[inline]
fn length(seven: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let (length, start, least) = match seven {
        126 => match rest.first_chunk::<2>() {
            Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 4, 126),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(bytes) => (u64::from_be_bytes(*bytes), 10, 0x1_0000),
            None => return Ok(None),
        },
        short => (u64::from(short), 2, 0),
    };
    if length >> 63 != 0 {
        return Err(FrameError::LengthSign);
    }
    if length < least {
        return Err(FrameError::LengthForm { length });
    }
    Ok(Some((length, start)))
}

/// Masks a payload, or takes its mask off (section 5.3): the same is done for both.
#[inline]
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    let word = u64::from(u32::from_le_bytes(key)) * 0x1_0000_0001;
    let (words, rest) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_le_bytes(*bytes) ^ word).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_le_bytes()) {
        *byte ^= key;
    }
}
