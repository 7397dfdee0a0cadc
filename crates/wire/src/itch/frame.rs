//! Framing by a two-byte big-endian length: from one slice, or from chunks of a stream.
//!
//! A bad message is reported with its place, and the next frame follows: its length is known. A
//! length of zero stops the reading, since nothing says where the next message begins; so does
//! the end of the data inside a frame. Whatever came before stays good. Nasdaq's files may end
//! with a zero length as the mark of the end: it is reported as [`FrameError::ZeroLength`] with
//! nothing behind it, and the caller decides.

use thiserror::Error;

use super::{DecodeError, Head, Kind, MESSAGE_SIZE_MAX, Message};

/// Bytes of the length before each message.
const PREFIX_SIZE: usize = 2;

/// No frame of a good message is longer.
pub const FRAME_SIZE_MAX: usize = PREFIX_SIZE + MESSAGE_SIZE_MAX;

/// What is wrong with a frame, and where it begins, in bytes from the start of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A length of zero. Nothing more is read.
    #[error("frame of zero length at byte {offset}")]
    ZeroLength {
        /// Where the frame begins.
        offset: u64,
    },
    /// The data end inside a frame. Nothing more is read.
    #[error("torn frame at byte {offset}: {available} bytes of {needed}")]
    TornTail {
        /// Where the frame begins.
        offset: u64,
        /// The bytes of the whole frame, or of its length when even that is cut.
        needed: usize,
        /// The bytes that are there.
        available: usize,
    },
    /// The message in the frame is bad. Reading goes on behind it.
    #[error("at byte {offset}: {error}")]
    Message {
        /// Where the frame begins.
        offset: u64,
        /// What is wrong.
        error: DecodeError,
    },
}

/// What the bytes from the start of a frame on are.
enum Step<'a> {
    /// A good message in a frame of this many bytes.
    Good(Message<'a>, usize),
    /// A bad message in a frame of this many bytes, which may not all be there.
    Bad(DecodeError, usize),
    /// A length of zero.
    Zero,
    /// More bytes are needed: so many in all.
    Torn(usize),
}

/// Judges the frame at the start of `bytes`.
#[inline(always)]
fn step(bytes: &[u8]) -> Step<'_> {
    if let [high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if let Some(message) = rest.get(..length)
            && let Ok(message) = Message::decode(message)
        {
            return Step::Good(message, PREFIX_SIZE + length);
        }
    }
    step_slow(bytes)
}

/// Judges a frame that is not whole, or not good. Type and size are judged as soon as they are
/// there, so that a chunked stream needs to keep no more than one good frame.
#[cold]
#[inline(never)]
fn step_slow(bytes: &[u8]) -> Step<'_> {
    let [high, low, message @ ..] = bytes else { return Step::Torn(PREFIX_SIZE) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let frame = PREFIX_SIZE + length;
    let Some(&byte) = message.first() else {
        return if length == 0 { Step::Zero } else { Step::Torn(frame) };
    };
    if length == 0 {
        return Step::Zero;
    }
    let Some(kind) = Kind::from_byte(byte) else {
        return Step::Bad(DecodeError::UnknownType { kind: byte }, frame);
    };
    if length != kind.size() {
        let error = DecodeError::InvalidSize { kind, expected: kind.size(), found: length };
        return Step::Bad(error, frame);
    }
    match message.get(..length).map(Message::decode) {
        None => Step::Torn(frame),
        Some(Ok(message)) => Step::Good(message, frame),
        Some(Err(error)) => Step::Bad(error, frame),
    }
}

/// The messages of a slice of frames, in order.
///
/// ```
/// use tiercel_wire::itch::{FrameError, Frames};
/// let bytes = [0, 12, b'S', 0, 0, 0, 1, 0, 0, 0, 0, 0, 9, b'O', 0, 19];
/// let mut frames = Frames::new(&bytes);
/// let message = frames.next().unwrap()?;
/// assert_eq!(message.head().timestamp.get(), 9);
/// let torn = FrameError::TornTail { offset: 14, needed: 21, available: 2 };
/// assert_eq!(frames.next(), Some(Err(torn)));
/// assert_eq!(frames.next(), None);
/// # Ok::<(), FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    /// What is not read yet.
    rest: &'a [u8],
    /// Where the data end, in bytes from the start of the stream.
    end: u64,
    /// Nothing more is read.
    stopped: bool,
}

impl<'a> Frames<'a> {
    /// Reads from the start of a stream.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Reads from a frame that begins `offset` bytes into its stream.
    pub const fn at(bytes: &'a [u8], offset: u64) -> Self {
        Self { rest: bytes, end: offset + bytes.len() as u64, stopped: false }
    }

    /// Where the next frame begins, in bytes from the start of the stream.
    pub const fn offset(&self) -> u64 {
        self.end - self.rest.len() as u64
    }

    /// The bytes not read: at the end of good data, none.
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// What is not a good message.
    #[cold]
    #[inline(never)]
    fn refuse(&mut self, bad: &Step<'_>) -> Option<FrameError> {
        let offset = self.offset();
        match *bad {
            Step::Good(..) => None,
            Step::Bad(error, frame) => {
                if let Some(rest) = self.rest.get(frame..) {
                    self.rest = rest;
                    return Some(FrameError::Message { offset, error });
                }
                // The bad frame itself is cut: that it is bad matters more than that it is cut,
                // and nothing can follow.
                self.stopped = true;
                Some(FrameError::Message { offset, error })
            }
            Step::Zero => {
                self.stopped = true;
                self.rest = &self.rest[PREFIX_SIZE..];
                Some(FrameError::ZeroLength { offset })
            }
            Step::Torn(needed) => {
                self.stopped = true;
                let available = self.rest.len();
                (available > 0).then_some(FrameError::TornTail { offset, needed, available })
            }
        }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Message<'a>, FrameError>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        match step(self.rest) {
            Step::Good(message, frame) => {
                self.rest = &self.rest[frame..];
                Some(Ok(message))
            }
            bad => self.refuse(&bad).map(Err),
        }
    }
}

/// For each frame of a slice, the eight bytes behind the head of its message: in all messages that
/// change a book, the order's reference number. Nothing is decoded or checked.
///
/// A hint of what comes, to prefetch by: it runs ahead of [`Frames`] over the same bytes and costs
/// next to nothing. Gives 0 where a frame is too short, and ends where no whole frame follows.
#[derive(Clone, Debug)]
pub struct Keys<'a> {
    rest: &'a [u8],
}

impl<'a> Keys<'a> {
    /// The keys of these frames.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl Iterator for Keys<'_> {
    type Item = u64;

    #[inline(always)]
    fn next(&mut self) -> Option<u64> {
        const HEAD_SIZE: usize = 1 + size_of::<Head>();
        let (length, rest) = self.rest.split_first_chunk::<PREFIX_SIZE>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (message, behind) = rest.split_at_checked(length)?;
        self.rest = behind;
        let key = message.get(HEAD_SIZE..HEAD_SIZE + 8).and_then(|key| key.first_chunk::<8>());
        Some(key.map_or(0, |key| u64::from_be_bytes(*key)))
    }
}

/// The messages of a stream that comes in chunks of any size, cut anywhere.
///
/// Gives the same messages and errors, at the same places, as [`Frames`] over the whole. Keeps at
/// most one cut frame of [`FRAME_SIZE_MAX`] bytes; allocates nothing.
#[derive(Clone, Debug)]
pub struct FrameReader {
    /// The start of a frame whose end has not come.
    kept: [u8; FRAME_SIZE_MAX],
    /// Bytes of `kept` in use.
    kept_len: usize,
    /// Bytes of a bad frame still to be passed over.
    skip: usize,
    /// Where the next byte of the stream lies.
    position: u64,
    /// Nothing more is read.
    stopped: bool,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self { kept: [0; FRAME_SIZE_MAX], kept_len: 0, skip: 0, position: 0, stopped: false }
    }
}

impl FrameReader {
    /// Reads the next bytes of the stream and hands over each message, or what is wrong with it.
    ///
    /// After a [`FrameError::ZeroLength`] further bytes are passed over.
    #[inline]
    pub fn feed(
        &mut self,
        mut chunk: &[u8],
        mut take: impl FnMut(Result<Message<'_>, FrameError>),
    ) {
        while !self.stopped && !chunk.is_empty() {
            if self.skip > 0 {
                chunk = self.pass_over(chunk);
            } else if self.kept_len > 0 {
                chunk = self.complete(chunk, &mut take);
            } else {
                chunk = self.run(chunk, &mut take);
            }
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// [`FrameError::TornTail`] when it ended inside a frame that was not refused before.
    pub fn finish(self) -> Result<(), FrameError> {
        if self.stopped || self.kept_len == 0 {
            return Ok(());
        }
        let available = self.kept_len;
        let offset = self.position - available as u64;
        let needed = match step(&self.kept[..available]) {
            Step::Torn(needed) => needed,
            _ => PREFIX_SIZE,
        };
        Err(FrameError::TornTail { offset, needed, available })
    }

    /// The bytes read so far.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Passes over the rest of a bad frame.
    fn pass_over<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let (passed, rest) = chunk.split_at(self.skip.min(chunk.len()));
        self.skip -= passed.len();
        self.position += passed.len() as u64;
        rest
    }

    /// Reads the whole frames at the start of the chunk and keeps the cut one at its end.
    #[inline]
    fn run<'c>(
        &mut self,
        chunk: &'c [u8],
        take: &mut impl FnMut(Result<Message<'_>, FrameError>),
    ) -> &'c [u8] {
        let mut rest = chunk;
        while let Step::Good(message, frame) = step(rest) {
            take(Ok(message));
            rest = &rest[frame..];
        }
        self.position += (chunk.len() - rest.len()) as u64;
        if rest.is_empty() {
            return rest;
        }
        match step(rest) {
            Step::Torn(_) => {
                self.kept[..rest.len()].copy_from_slice(rest);
                self.kept_len = rest.len();
                self.position += rest.len() as u64;
                &[]
            }
            bad => {
                let size = self.refuse(&bad, self.position, take);
                self.skip = size;
                rest
            }
        }
    }

    /// Adds bytes to the kept frame until it can be judged.
    #[cold]
    fn complete<'c>(
        &mut self,
        chunk: &'c [u8],
        take: &mut impl FnMut(Result<Message<'_>, FrameError>),
    ) -> &'c [u8] {
        // Before the type is there, the length alone says nothing: it may be any number.
        let wanted = match step(&self.kept[..self.kept_len]) {
            Step::Torn(needed) if self.kept_len > PREFIX_SIZE => needed,
            _ => self.kept_len + 1,
        };
        let (added, rest) = chunk.split_at(chunk.len().min(wanted - self.kept_len));
        self.kept[self.kept_len..][..added.len()].copy_from_slice(added);
        self.kept_len += added.len();
        self.position += added.len() as u64;
        let offset = self.position - self.kept_len as u64;
        let kept = self.kept;
        match step(&kept[..self.kept_len]) {
            Step::Torn(_) => return rest,
            Step::Good(message, _) => take(Ok(message)),
            bad => {
                let size = self.refuse(&bad, offset, take);
                self.skip = size.saturating_sub(self.kept_len);
            }
        }
        self.kept_len = 0;
        rest
    }

    /// Reports what is not a good message; returns the bytes of its frame.
    fn refuse(
        &mut self,
        bad: &Step<'_>,
        offset: u64,
        take: &mut impl FnMut(Result<Message<'_>, FrameError>),
    ) -> usize {
        match *bad {
            Step::Bad(error, frame) => {
                take(Err(FrameError::Message { offset, error }));
                frame
            }
            Step::Zero => {
                self.stopped = true;
                take(Err(FrameError::ZeroLength { offset }));
                PREFIX_SIZE
            }
            Step::Good(..) | Step::Torn(_) => 0,
        }
    }
}
