//! ITCH messages: behind their lengths, in `SoupBinTCP`, in `MoldUDP64`.

use std::io::{self, Write};

use tiercel_wire::glimpse::Item;
use tiercel_wire::itch::Kind;
use tiercel_wire::{mold, soup};

use super::{Lines, framed, soup_packets};

/// A line for each message, and for each packet that has none.
pub(super) fn decode<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    if is_framed(bytes) {
        framed(bytes, lines, |lines, offset, message| {
            // The mark of the end in Nasdaq's files.
            if message.is_empty() && offset + 2 == bytes.len() {
                return Ok(());
            }
            show(lines, offset, message)
        })
    } else if is_mold(bytes) {
        packets(bytes, lines)
    } else if matches!(soup::Packet::front(bytes), Ok(Some(_))) {
        soup_packets(bytes, lines, |lines, offset, _, message| show(lines, offset, message))
    } else {
        framed(bytes, lines, show)
    }
}

/// Whether a message's length and type come first.
fn is_framed(bytes: &[u8]) -> bool {
    let [high, low, kind, ..] = bytes else { return false };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Kind::from_byte(*kind).is_some_and(|kind| kind.size() == length)
}

/// Whether a header of `MoldUDP64` and then a message's length and type come first.
fn is_mold(bytes: &[u8]) -> bool {
    let is_empty = matches!(bytes.get(18..20), Some([0, 0] | [0xFF, 0xFF]));
    let is_text =
        bytes.get(..10).is_some_and(|name| name.iter().all(|b| b.is_ascii_graphic() || *b == b' '));
    is_text && (is_empty || bytes.get(mold::HEADER_SIZE..).is_some_and(is_framed))
}

/// Packets one behind the other: each ends with its last message.
fn packets<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    let mut offset = 0;
    while offset < bytes.len() {
        let rest = &bytes[offset..];
        let size = packet_size(rest);
        let packet = match mold::Packet::decode(&rest[..size]) {
            Ok(packet) => packet,
            Err(error) => return lines.error(offset, error),
        };
        let name = packet.session.trim_ascii().escape_ascii();
        lines.message(offset, format_args!("mold {:?}", packet.kind), |fields| {
            fields.add("session", name);
            fields.add("sequence", packet.sequence);
            fields.add("count", packet.count);
        })?;
        let mut at = offset + mold::HEADER_SIZE;
        for (_, message) in packet.messages() {
            show(lines, at, message)?;
            at += 2 + message.len();
        }
        offset += size;
    }
    Ok(())
}

/// Bytes of the packet in front, as far as they are there.
fn packet_size(bytes: &[u8]) -> usize {
    let count = match bytes.get(18..20) {
        Some(&[high, low]) if [high, low] != [0xFF; 2] => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    let mut size = mold::HEADER_SIZE;
    for _ in 0..count {
        let Some(&[high, low]) = bytes.get(size..size + 2) else { break };
        size += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    size.min(bytes.len())
}

fn show<W: Write>(lines: &mut Lines<W>, offset: usize, message: &[u8]) -> io::Result<()> {
    match Item::decode(message) {
        Ok(Item::Message(message)) => {
            let head = message.head();
            lines.message(offset, format_args!("{:?}", message.kind()), |fields| {
                fields.add("stock_locate", head.stock_locate.get());
                fields.add("tracking_number", head.tracking_number.get());
                fields.add("timestamp", head.timestamp.get());
                message.fields(|name, value| fields.add(name, value));
            })
        }
        Ok(Item::End(next)) => {
            lines.message(offset, "EndOfSnapshot", |fields| fields.add("sequence", next))
        }
        Err(error) => lines.error(offset, error),
    }
}
