//! From frames to messages.

use core::ops::Range;

use super::frame::mask;
use super::{CloseCode, Frame, FrameError, Limits, Opcode};

/// A message of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text. Whether it is UTF-8 is left to who reads it, as a JSON decoder does anyway, or to
    /// [`Message::text`].
    Text(&'a [u8]),
    /// Bytes.
    Binary(&'a [u8]),
    /// Wants a pong with this payload.
    Ping(&'a [u8]),
    /// Came for a ping, or unasked.
    Pong(&'a [u8]),
    /// The other side's last frame: it is answered by a close, unless one was sent before.
    Close(Option<CloseReason<'a>>),
}

impl<'a> Message<'a> {
    /// The text of a text message; none of any other.
    ///
    /// # Errors
    /// [`FrameError::Utf8`]: the connection is to be closed with 1007 (section 8.1).
    pub fn text(&self) -> Result<Option<&'a str>, FrameError> {
        match self {
            Self::Text(bytes) => {
                core::str::from_utf8(bytes).map(Some).map_err(|_| FrameError::Utf8)
            }
            _ => Ok(None),
        }
    }
}

/// Why the other side closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseReason<'a> {
    /// The reason's number.
    pub code: CloseCode,
    /// The reason for people, often empty.
    pub text: &'a str,
}

/// What the front of a stream gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// Bytes that are done with: the next call begins behind them.
    pub taken: usize,
    /// A message; none until more bytes come.
    pub message: Option<Message<'a>>,
}

/// What a message in fragments is so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Text,
    Binary,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Refused(FrameError),
}

impl End {
    /// What comes of `length` more bytes.
    const fn step<'a>(self, length: usize) -> Result<Step<'a>, FrameError> {
        match self {
            Self::Closed => Ok(Step { taken: length, message: None }),
            Self::Refused(error) => Err(error),
        }
    }
}

/// Where a message lies.
enum Found {
    Data(Part, Place),
    Control(Opcode, Range<usize>),
}

enum Place {
    Frame(Range<usize>),
    Fragments,
}

/// Joins a stream's fragments, and hands over its messages one by one.
///
/// ```
/// use tiercel_wire::websocket::{Assembler, Limits, Message, Role};
///
/// let limits = Limits { role: Role::Client, frame_bytes_max: 1_000, message_bytes_max: 1_000 };
/// let mut assembler = Assembler::new(limits);
/// // A ping between the two fragments of a text.
/// let mut stream = *b"\x01\x01{\x89\x00\x80\x01}";
/// let step = assembler.next(&mut stream)?;
/// assert_eq!((step.taken, step.message), (5, Some(Message::Ping(b""))));
/// let step = assembler.next(&mut stream[5..])?;
/// assert_eq!((step.taken, step.message), (3, Some(Message::Text(b"{}"))));
/// # Ok::<(), tiercel_wire::websocket::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Assembler {
    limits: Limits,
    /// What the message in fragments is; none between messages.
    part: Option<Part>,
    fragments: Vec<u8>,
    end: Option<End>,
}

impl Assembler {
    /// At the beginning of a stream. Room for fragments is taken here, once.
    pub fn new(limits: Limits) -> Self {
        let fragments = Vec::with_capacity(limits.message_bytes_max);
        Self { limits, part: None, fragments, end: None }
    }

    /// Begins anew, for the next connection.
    pub fn reset(&mut self) {
        (self.part, self.end) = (None, None);
        self.fragments.clear();
    }

    /// Whether the other side has said its last.
    pub const fn is_closed(&self) -> bool {
        matches!(self.end, Some(End::Closed))
    }

    /// The next message of the stream, whose bytes from the first that is not yet done with are
    /// `bytes`: masks are taken off where they lie. What comes behind a close is passed over.
    ///
    /// # Errors
    /// [`FrameError`]; the same again, then, until [`Assembler::reset`].
    #[inline]
    pub fn next<'a>(&'a mut self, bytes: &'a mut [u8]) -> Result<Step<'a>, FrameError> {
        if let Some(end) = self.end {
            return end.step(bytes.len());
        }
        let found = self.find(bytes);
        self.step(found, bytes)
    }

    /// The same of a stream without masks, as a server's is: its bytes stay as they are.
    ///
    /// # Errors
    /// As [`Assembler::next`]; also [`FrameError::Masked`], whichever side hears.
    #[inline]
    pub fn next_unmasked<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Step<'a>, FrameError> {
        if let Some(end) = self.end {
            return end.step(bytes.len());
        }
        let found = self.find_unmasked(bytes);
        self.step(found, bytes)
    }

    #[inline]
    fn step<'a>(
        &'a mut self,
        found: Result<(Option<Found>, usize), FrameError>,
        bytes: &'a [u8],
    ) -> Result<Step<'a>, FrameError> {
        let (found, taken) = match found {
            Ok((Some(found), taken)) => (found, taken),
            Ok((None, taken)) => return Ok(Step { taken, message: None }),
            Err(error) => {
                self.end = Some(End::Refused(error));
                return Err(error);
            }
        };
        let message = match found {
            Found::Data(part, place) => {
                let payload = match place {
                    Place::Frame(range) => &bytes[range],
                    Place::Fragments => &self.fragments[..],
                };
                match part {
                    Part::Text => Message::Text(payload),
                    Part::Binary => Message::Binary(payload),
                }
            }
            Found::Control(Opcode::Ping, range) => Message::Ping(&bytes[range]),
            Found::Control(Opcode::Pong, range) => Message::Pong(&bytes[range]),
            Found::Control(_, range) => match close_reason(&bytes[range]) {
                Ok(reason) => {
                    self.end = Some(End::Closed);
                    Message::Close(reason)
                }
                Err(error) => {
                    self.end = Some(End::Refused(error));
                    return Err(error);
                }
            },
        };
        Ok(Step { taken, message: Some(message) })
    }

    /// Reads frames up to one that completes a message, and takes their masks off.
    fn find(&mut self, bytes: &mut [u8]) -> Result<(Option<Found>, usize), FrameError> {
        let mut taken = 0;
        loop {
            let rest = &mut bytes[taken..];
            let Some(frame) = Frame::front(rest, &self.limits)? else { return Ok((None, taken)) };
            if let Some(key) = frame.mask {
                mask(&mut rest[frame.payload.clone()], key);
            }
            let found = self.join(&frame, taken, bytes)?;
            taken += frame.size();
            if found.is_some() {
                return Ok((found, taken));
            }
        }
    }

    fn find_unmasked(&mut self, bytes: &[u8]) -> Result<(Option<Found>, usize), FrameError> {
        let mut taken = 0;
        loop {
            let rest = &bytes[taken..];
            let Some(frame) = Frame::front(rest, &self.limits)? else { return Ok((None, taken)) };
            if frame.mask.is_some() {
                return Err(FrameError::Masked);
            }
            let found = self.join(&frame, taken, bytes)?;
            taken += frame.size();
            if found.is_some() {
                return Ok((found, taken));
            }
        }
    }

    /// Takes a frame that starts at `start`; none unless it completes a message.
    #[inline]
    fn join(
        &mut self,
        frame: &Frame,
        start: usize,
        bytes: &[u8],
    ) -> Result<Option<Found>, FrameError> {
        let range = start + frame.payload.start..start + frame.payload.end;
        let part = match (frame.opcode, self.part) {
            (Opcode::Text, None) => Part::Text,
            (Opcode::Binary, None) => Part::Binary,
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(FrameError::Interleaved),
            (Opcode::Continuation, Some(part)) => part,
            (Opcode::Continuation, None) => return Err(FrameError::ContinuationWithoutStart),
            (control, _) => return Ok(Some(Found::Control(control, range))),
        };
        if frame.is_final && self.part.is_none() {
            return Ok(Some(Found::Data(part, Place::Frame(range))));
        }
        self.append(part, &bytes[range])?;
        if !frame.is_final {
            return Ok(None);
        }
        self.part = None;
        Ok(Some(Found::Data(part, Place::Fragments)))
    }

    fn append(&mut self, part: Part, payload: &[u8]) -> Result<(), FrameError> {
        if self.part.is_none() {
            self.fragments.clear();
        }
        let limit = self.limits.message_bytes_max;
        if payload.len() > limit - self.fragments.len() {
            return Err(FrameError::MessageLimit { limit });
        }
        self.fragments.extend_from_slice(payload);
        self.part = Some(part);
        Ok(())
    }
}

/// What a close says (section 5.5.1).
fn close_reason(payload: &[u8]) -> Result<Option<CloseReason<'_>>, FrameError> {
    let Some((code, text)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(FrameError::CloseLength) };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.is_sendable() {
        return Err(FrameError::CloseCode { code: code.0 });
    }
    let text = core::str::from_utf8(text).map_err(|_| FrameError::Utf8)?;
    Ok(Some(CloseReason { code, text }))
}
