//! Recorded sessions: a line is `<local time in ns> <message as it came>`.
//!
//! The caller opens, unpacks and splits the file; this reads one line after the other.

use thiserror::Error;
use tiercel_types::Timestamp;

use super::{DecodeError, Decoded, Decoder};

/// One line of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureLine<'a> {
    /// When the recorder received the message, by its own clock.
    pub local_time: Timestamp,
    /// The message.
    pub decoded: Decoded<'a>,
}

/// A refused line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("line {line}, byte {offset} of the capture: {kind}")]
pub struct CaptureError {
    /// The line, from 1.
    pub line: u64,
    /// Zero-based position of the fault in the (unpacked) capture.
    pub offset: u64,
    /// What is wrong.
    pub kind: CaptureErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaptureErrorKind {
    /// It does not begin with a time in nanoseconds and one blank.
    #[error("no time in nanoseconds at its beginning")]
    Time,
    /// The message is refused; its offset counts from the message's own beginning.
    #[error("message refused {0}")]
    Message(DecodeError),
}

/// Reads a capture line by line, counting lines and bytes.
#[derive(Clone, Debug, Default)]
pub struct CaptureReader {
    decoder: Decoder,
    line: u64,
    offset: u64,
}

impl CaptureReader {
    /// A reader at the beginning of a capture.
    pub const fn new(decoder: Decoder) -> Self {
        Self { decoder, line: 0, offset: 0 }
    }

    /// Lines read so far.
    pub const fn lines(&self) -> u64 {
        self.line
    }

    /// Reads the next line, given with its line end. After an error the next line can be read.
    ///
    /// # Errors
    /// [`CaptureError`] when the time or the message is malformed.
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Result<CaptureLine<'a>, CaptureError> {
        let number = self.line + 1;
        let start = self.offset;
        self.line = number;
        self.offset += line.len() as u64;
        let error =
            |at: usize, kind| CaptureError { line: number, offset: start + at as u64, kind };

        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let blank = line.iter().position(|&byte| !byte.is_ascii_digit()).unwrap_or(line.len());
        let time = line[..blank].iter().try_fold(0_u64, |time, &digit| {
            time.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        let local_time = match time {
            Some(time) if blank > 0 && line.get(blank) == Some(&b' ') => Timestamp(time),
            _ => return Err(error(blank, CaptureErrorKind::Time)),
        };
        let message = &line[blank + 1..];
        let decoded = self.decoder.decode(message).map_err(|refused| {
            error(blank + 1 + refused.offset, CaptureErrorKind::Message(refused))
        })?;
        Ok(CaptureLine { local_time, decoded })
    }
}
