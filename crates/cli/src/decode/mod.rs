//! What a capture says, a line for each message: what `tiercel decode` prints.

mod binary;
mod fix;
mod itch;
mod market;
mod ouch;

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use clap::ValueEnum;
use tiercel_wire::soup;

/// What is spoken in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// FIX 4.x, tag=value
    Fix,
    /// Nasdaq ITCH 5.0
    Itch,
    /// Nasdaq OUCH 5.0
    Ouch,
    /// Tiercel's own (docs/binary.md)
    Binary,
    /// Tiercel's market data (docs/market-data.md)
    Market,
}

/// Prints a capture: a line for each message, and for what is none, with the byte where it begins.
/// Returns how many were none.
///
/// # Errors
/// Of `out`.
pub fn print(protocol: Protocol, bytes: &[u8], out: impl Write) -> io::Result<u64> {
    let mut lines = Lines { out, text: String::new(), errors: 0 };
    match protocol {
        Protocol::Fix => fix::decode(bytes, &mut lines)?,
        Protocol::Itch => itch::decode(bytes, &mut lines)?,
        Protocol::Ouch => ouch::decode(bytes, &mut lines)?,
        Protocol::Binary => binary::decode(bytes, &mut lines)?,
        Protocol::Market => market::decode(bytes, &mut lines)?,
    }
    lines.out.flush()?;
    Ok(lines.errors)
}

/// Lines of messages and errors, each with its place.
struct Lines<W> {
    out: W,
    text: String,
    errors: u64,
}

impl<W: Write> Lines<W> {
    /// A message: its name, and what `fields` writes behind it.
    fn message(
        &mut self,
        offset: usize,
        name: impl Display,
        fields: impl FnOnce(&mut Fields<'_>),
    ) -> io::Result<()> {
        self.text.clear();
        fields(&mut Fields { text: &mut self.text });
        writeln!(self.out, "{offset:>8}  {name}{}", self.text)
    }

    /// What is no message.
    fn error(&mut self, offset: usize, reason: impl Display) -> io::Result<()> {
        self.errors += 1;
        writeln!(self.out, "{offset:>8}  error: {reason}")
    }
}

/// The fields of a line.
struct Fields<'a> {
    text: &'a mut String,
}

impl Fields<'_> {
    fn add(&mut self, name: impl Display, value: impl Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.text, " {name}={value}");
    }

    /// A part of its own, such as a record that belongs to the one before.
    fn part(&mut self, name: impl Display) {
        let _ = write!(self.text, " {name}");
    }
}

/// Walks the packets of a `SoupBinTCP` stream: those with messages go to `message`, with the place of
/// the message and the kind of its packet.
fn soup_packets<W: Write>(
    bytes: &[u8],
    lines: &mut Lines<W>,
    mut message: impl FnMut(&mut Lines<W>, usize, soup::Kind, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut offset = 0;
    while offset < bytes.len() {
        let packet = match soup::Packet::front(&bytes[offset..]) {
            Ok(Some(packet)) => packet,
            Ok(None) => {
                let left = bytes.len() - offset;
                return lines.error(offset, format_args!("torn packet: {left} bytes of it"));
            }
            Err(error) => {
                lines.error(offset, error)?;
                // Past the packet, if its length can be believed.
                let length = bytes[offset..].first_chunk::<2>().map(|two| u16::from_be_bytes(*two));
                offset += 2 + usize::from(length.unwrap_or(0));
                continue;
            }
        };
        // A message of no bytes has no place but its packet's.
        let at = if packet.payload.is_empty() { offset } else { offset + soup::HEADER_SIZE };
        match packet.kind {
            soup::Kind::Sequenced | soup::Kind::Unsequenced => {
                message(lines, at, packet.kind, packet.payload)?;
            }
            kind => lines.message(offset, format_args!("soup {kind:?}"), |fields| {
                if !packet.payload.is_empty() {
                    fields.part(format_args!("\"{}\"", packet.payload.escape_ascii()));
                }
            })?,
        }
        offset += packet.size();
    }
    Ok(())
}

/// Walks messages behind their lengths of two big-endian bytes.
fn framed<W: Write>(
    bytes: &[u8],
    lines: &mut Lines<W>,
    mut message: impl FnMut(&mut Lines<W>, usize, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let offset = bytes.len() - rest.len();
        let torn = rest.len();
        let split = rest.split_first_chunk::<2>().and_then(|(length, behind)| {
            behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let Some((one, behind)) = split else {
            return lines.error(offset, format_args!("torn frame: {torn} bytes of it"));
        };
        message(lines, offset, one)?;
        rest = behind;
    }
    Ok(())
}
