//! FIX messages, one behind the other.

use std::io::{self, Write};

use tiercel_wire::fix::{Decoder, Frame, Garble, frame};

use super::Lines;

/// A line for each message: its fields, with bars for their ends.
pub(super) fn decode<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    let mut decoder = Decoder::default();
    let mut offset = 0;
    while offset < bytes.len() {
        match frame(&bytes[offset..]) {
            Frame::Whole { length, body } => {
                let message = &bytes[offset..offset + length];
                match decoder.index(message, body) {
                    Ok(message) => {
                        let version = message.begin_string().escape_ascii();
                        lines.message(offset, version, |fields| {
                            for (tag, value) in message.iter() {
                                fields.add(tag.0, value.escape_ascii());
                            }
                        })?;
                    }
                    Err(error) => lines.error(offset, error)?,
                }
                offset += length;
            }
            Frame::Garbled { skip, why } => {
                // A line's end between messages, as logs have it, is no fault.
                let skipped = &bytes[offset..offset + skip.clamp(1, bytes.len() - offset)];
                if !skipped.iter().all(u8::is_ascii_whitespace) {
                    lines.error(
                        offset,
                        format_args!("{} bytes skipped: {}", skipped.len(), words(why)),
                    )?;
                }
                offset += skipped.len();
            }
            Frame::Partial => {
                let left = &bytes[offset..];
                if left.iter().all(u8::is_ascii_whitespace) {
                    return Ok(());
                }
                return lines.error(offset, format_args!("torn message: {} bytes", left.len()));
            }
        }
    }
    Ok(())
}

const fn words(why: Garble) -> &'static str {
    match why {
        Garble::BeginString => "no message begins with them",
        Garble::BodyLength => "no body length behind the version",
        Garble::MsgType => "no message type behind the body length",
        Garble::Trailer => "no checksum where the body length says",
        Garble::CheckSum => "another checksum",
    }
}
