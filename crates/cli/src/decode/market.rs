//! Records of market data.

use std::io::{self, Write};

use tiercel_wire::market::{self, RECORD_SIZE};

use super::Lines;

/// A line for each record.
pub(super) fn decode<W: Write>(bytes: &[u8], lines: &mut Lines<W>) -> io::Result<()> {
    let (records, torn) = bytes.as_chunks::<RECORD_SIZE>();
    for (at, record) in records.iter().enumerate() {
        let offset = at * RECORD_SIZE;
        match market::decode(record) {
            Ok((header, body)) => lines.message(offset, body.kind().as_str(), |fields| {
                header.flag_names().for_each(|name| fields.part(name));
                header.show(|name, value| fields.add(name, value));
                body.show(|name, value| fields.add(name, value));
            })?,
            Err(fault) => match fault.field_name() {
                Some(field) => lines.error(offset, format_args!("{fault} ({field})"))?,
                None => lines.error(offset, fault)?,
            },
        }
    }
    if torn.is_empty() {
        return Ok(());
    }
    let offset = bytes.len() - torn.len();
    lines.error(offset, format_args!("torn record: {} bytes of it", torn.len()))
}
