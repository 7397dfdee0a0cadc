//! OUCH messages: in `SoupBinTCP`, or behind their lengths.

use std::io::{self, Write};

use tiercel_wire::ouch::{DecodeError, Inbound, Options, Outbound};
use tiercel_wire::soup::{Kind, Packet};

use super::{Fields, Lines, framed, soup_packets};

/// A line for each message, and for each packet that has none.
pub(super) fn decode<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    if is_soup(bytes) {
        soup_packets(bytes, lines, |lines, offset, kind, message| match kind {
            Kind::Sequenced => outbound(lines, offset, message),
            _ => inbound(lines, offset, message),
        })
    } else {
        // Nothing tells the direction: an order comes in, or else it is an answer.
        framed(bytes, lines, |lines, offset, message| match Inbound::decode(message) {
            Err(DecodeError::UnknownType { .. } | DecodeError::InvalidSize { .. }) => {
                outbound(lines, offset, message)
            }
            _ => inbound(lines, offset, message),
        })
    }
}

/// Whether the first packet is one, and its message one of OUCH if it has any.
fn is_soup(bytes: &[u8]) -> bool {
    let Ok(Some(packet)) = Packet::front(bytes) else { return false };
    match packet.kind {
        Kind::Sequenced => Outbound::decode(packet.payload).is_ok(),
        Kind::Unsequenced => Inbound::decode(packet.payload).is_ok(),
        Kind::LoginRequest => matches!(packet.payload.len(), 46 | 51),
        Kind::LoginAccepted => packet.payload.len() == 30,
        Kind::LoginRejected => packet.payload.len() == 1,
        Kind::Debug => true,
        Kind::ServerHeartbeat
        | Kind::ClientHeartbeat
        | Kind::EndOfSession
        | Kind::LogoutRequest => packet.payload.is_empty(),
    }
}

fn inbound<W: Write>(lines: &mut Lines<W>, offset: usize, message: &[u8]) -> io::Result<()> {
    match Inbound::decode(message) {
        Ok((message, options)) => lines.message(offset, message.as_str(), |fields| {
            message.fields(|name, value| fields.add(name, value));
            show(options, fields);
        }),
        Err(error) => lines.error(offset, error),
    }
}

fn outbound<W: Write>(lines: &mut Lines<W>, offset: usize, message: &[u8]) -> io::Result<()> {
    match Outbound::decode(message) {
        Ok((message, options)) => lines.message(offset, message.as_str(), |fields| {
            message.fields(|name, value| fields.add(name, value));
            show(options, fields);
        }),
        Err(error) => lines.error(offset, error),
    }
}

fn show(options: Options<'_>, fields: &mut Fields<'_>) {
    for option in options.iter() {
        fields.part(option);
    }
}
