//! How a command of the journal is printed.

use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;
use tiercel_journal::Record;
use tiercel_types::record::CommandHeader;

/// The heading of [`csv`].
pub(super) const CSV_HEADING: &str = "sequence,time_ns,kind,version,command,body";

/// Name and fields of a command; of one that this build does not know, why.
fn words(record: &Record<'_>) -> (String, String) {
    match record.command() {
        Ok(command) => {
            let text = format!("{command:?}");
            let kind = command.kind().to_string();
            // `NewOrder(NewOrder { ... })`: the name stands in front already.
            let fields =
                text.split_once('(').map_or("", |(_, fields)| fields.trim_end_matches(')'));
            let fields = fields.split_once(' ').map_or("", |(_, fields)| fields);
            (kind, fields.to_owned())
        }
        Err(error) => (format!("kind_{}", record.header.kind), error.to_string()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A line for people.
pub(super) fn line(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    let (kind, fields) = words(record);
    let CommandHeader { sequence, time_ns, .. } = record.header;
    Ok(writeln!(out, "{sequence} {time_ns} {kind} {fields}")?)
}

#[derive(Serialize)]
struct Row {
    sequence: u64,
    time_ns: u64,
    kind: String,
    version: u8,
    /// The fields as text.
    command: String,
    /// The body's bytes in hexadecimal.
    body: String,
}

fn row(record: &Record<'_>) -> Row {
    let (kind, command) = words(record);
    let CommandHeader { sequence, time_ns, version, .. } = record.header;
    Row { sequence, time_ns, kind, version, command, body: hex(record.body) }
}

/// A JSON object.
pub(super) fn json(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string(&row(record))?)?)
}

/// A line of CSV; the command's text is quoted.
pub(super) fn csv(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    let Row { sequence, time_ns, kind, version, command, body } = row(record);
    let command = command.replace('"', "\"\"");
    Ok(writeln!(out, "{sequence},{time_ns},{kind},{version},\"{command}\",{body}")?)
}
