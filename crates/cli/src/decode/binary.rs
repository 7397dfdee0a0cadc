//! Groups of records of the binary protocol.

use std::io::{self, Write};

use tiercel_wire::binary::{self, Group, Header, RECORD_SIZE};

use super::{Fields, Lines};

/// A line for each group: its record, then what belongs to it behind a plus sign.
pub(super) fn decode<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    let mut offset = 0;
    while offset < bytes.len() {
        let group = match Group::front(&bytes[offset..]) {
            Ok(Some(group)) => group,
            Ok(None) => {
                let left = bytes.len() - offset;
                return lines
                    .error(offset, format_args!("torn record or group: {left} bytes of it"));
            }
            Err(fault) => {
                // Its length cannot be believed: the next record may be a good one.
                lines.error(offset, fault)?;
                offset += RECORD_SIZE;
                continue;
            }
        };
        let records = group.bytes().as_chunks::<RECORD_SIZE>().0;
        match records.iter().map(binary::decode).collect::<Result<Vec<_>, _>>() {
            Ok(all) => {
                let (first, extensions) = all.split_at(1);
                let Some((header, body)) = first.first() else { return Ok(()) };
                lines.message(offset, body.kind().as_str(), |fields| {
                    show_header(header, fields);
                    body.show(|name, value| fields.add(name, value));
                    for (_, body) in extensions {
                        fields.part(format_args!("+ {}", body.kind().as_str()));
                        body.show(|name, value| fields.add(name, value));
                    }
                })?;
            }
            Err(fault) => match fault.field_name() {
                Some(field) => lines.error(offset, format_args!("{fault} ({field})"))?,
                None => lines.error(offset, fault)?,
            },
        }
        offset += group.bytes().len();
    }
    Ok(())
}

fn show_header(header: &Header, fields: &mut Fields<'_>) {
    for (flag, name) in [
        (binary::RESENT, "RESENT"),
        (binary::RESTING, "RESTING"),
        (binary::MAKER, "MAKER"),
        (binary::AUCTION, "AUCTION"),
        (binary::PRIORITY_KEPT, "PRIORITY_KEPT"),
    ] {
        if header.flags & flag != 0 {
            fields.part(name);
        }
    }
    if header.instrument.0 != 0 {
        fields.add("instrument", header.instrument);
    }
    if header.sequence != 0 {
        fields.add("sequence", header.sequence);
    }
}
