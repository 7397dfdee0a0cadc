//! How a command of the journal is printed.

use std::fmt::Write as _;
use std::io::Write;

use serde::{Serialize, Serializer};
use tiercel_journal::Record;
use tiercel_types::record::CommandHeader;

use super::fields::{COLUMNS, Fields, Value, fields};

/// A command taken apart; one that this build does not know has its bytes instead.
struct Parts {
    name: String,
    fields: Fields,
    unknown: Option<Unknown>,
}

/// Why a record is no command, and what it is instead.
#[derive(Serialize)]
struct Unknown {
    error: String,
    /// The body's bytes in hexadecimal.
    body: String,
}

fn parts(record: &Record<'_>) -> Parts {
    match record.command() {
        Ok(command) => {
            Parts { name: command.kind().to_string(), fields: fields(&command), unknown: None }
        }
        Err(error) => {
            let unknown = Some(Unknown { error: error.to_string(), body: hex(record.body) });
            Parts { name: format!("kind_{}", record.header.kind), fields: Vec::new(), unknown }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A line for people: sequence, time, command, then its fields; zeros and empty ones left out.
pub(super) fn line(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    let CommandHeader { sequence, time_ns, .. } = record.header;
    let Parts { name, fields, unknown } = parts(record);
    write!(out, "{sequence} {time_ns} {name}")?;
    for (name, value) in fields {
        match value {
            Value::Number(0) => {}
            Value::Text(text) if text.is_empty() || text == "0" => {}
            Value::Number(number) => write!(out, " {name}={number}")?,
            Value::Text(text) => write!(out, " {name}={text}")?,
        }
    }
    if let Some(Unknown { error, body }) = unknown {
        write!(out, " ({error}) {body}")?;
    }
    Ok(writeln!(out)?)
}

#[derive(Serialize)]
struct Row {
    sequence: u64,
    time_ns: u64,
    version: u8,
    command: String,
    #[serde(serialize_with = "as_object")]
    fields: Fields,
    #[serde(flatten)]
    unknown: Option<Unknown>,
}

fn as_object<S: Serializer>(fields: &Fields, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

/// A JSON object, the command's fields in an object of its own.
pub(super) fn json(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    let CommandHeader { sequence, time_ns, version, .. } = record.header;
    let Parts { name, fields, unknown } = parts(record);
    let row = Row { sequence, time_ns, version, command: name, fields, unknown };
    Ok(writeln!(out, "{}", serde_json::to_string(&row)?)?)
}

/// The heading of [`csv`]: one column for each field that any command has.
pub(super) fn csv_heading(out: &mut dyn Write) -> anyhow::Result<()> {
    Ok(writeln!(out, "sequence,time_ns,version,command,{},error,body", COLUMNS.join(","))?)
}

/// A line of CSV; the columns of other commands' fields are empty.
pub(super) fn csv(out: &mut dyn Write, record: &Record<'_>) -> anyhow::Result<()> {
    let CommandHeader { sequence, time_ns, version, .. } = record.header;
    let Parts { name, fields, unknown } = parts(record);
    write!(out, "{sequence},{time_ns},{version},{name}")?;
    for column in COLUMNS {
        match fields.iter().find(|(name, _)| name == column) {
            None => write!(out, ",")?,
            Some((_, Value::Number(number))) => write!(out, ",{number}")?,
            Some((_, Value::Text(text))) => write!(out, ",{}", quoted(text))?,
        }
    }
    let Unknown { error, body } =
        unknown.unwrap_or(Unknown { error: String::new(), body: String::new() });
    Ok(writeln!(out, ",{},{body}", quoted(&error))?)
}

/// A cell of CSV (RFC 4180): in quotes where it has to be.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_an_unknown_kind_is_shown_with_its_bytes() {
        let header = CommandHeader {
            kind: 200,
            sequence: 9,
            time_ns: 5,
            version: 1,
            length: 32,
            reserved: 0,
        };
        let record = Record { header, body: &[0xab, 0, 0, 0, 0, 0, 0, 1] };
        let shown = |show: fn(&mut dyn Write, &Record<'_>) -> anyhow::Result<()>| {
            let mut out = Vec::new();
            show(&mut out, &record).unwrap();
            String::from_utf8(out).unwrap()
        };
        let json: serde_json::Value = serde_json::from_str(&shown(json)).unwrap();
        assert_eq!(
            (&json["command"], &json["body"]),
            (&"kind_200".into(), &"ab00000000000001".into())
        );
        assert!(json["error"].is_string());
        assert!(shown(csv).starts_with("9,5,1,kind_200,,"));
        assert!(shown(csv).ends_with(",ab00000000000001\n"));
        assert!(shown(line).starts_with("9 5 kind_200 ("));
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
