//! `tiercel bus tail`: records as lines.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tiercel_bus::{Bus, Index, ReadError, Record, Start};

use crate::exit::Exit;
use crate::stop::Stop;

/// How long one wait for a record is, between two looks at the signals.
const WAIT: Duration = Duration::from_millis(100);
/// Bytes of a payload that a line shows, unless told.
const SHOWN: usize = 32;

/// The arguments of `tiercel bus tail`.
#[derive(Args, Debug)]
pub(super) struct TailArgs {
    /// The bus
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Where to begin: start, end, or an index (CYCLE:SEQUENCE)
    #[arg(long, value_name = "WHERE", default_value = "start", value_parser = start)]
    from: Start,
    /// Wait for records that are still to come, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// Show the whole payload, however long
    #[arg(long)]
    full: bool,
    /// One JSON object a line, with the whole payload
    #[arg(long)]
    json: bool,
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "start" => Ok(Start::Oldest),
        "end" => Ok(Start::End),
        index => index.parse().map(Start::Index).map_err(|error| error.to_string()),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    index: String,
    kind: u8,
    length: usize,
    payload_hex: &'a str,
}

#[derive(Serialize)]
struct LostLine {
    lost_from: String,
    lost_to: String,
}

pub(super) fn run(args: &TailArgs) -> anyhow::Result<Exit> {
    let bus = Bus::open(&args.path)?.with_prefault(false);
    let stop = Stop::listen()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut reader = match bus.reader(args.from) {
        Err(ReadError::Lost { from, to }) => {
            lost(args, &mut out, from, to)?;
            bus.reader(Start::Index(to))?
        }
        reader => reader?,
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut text = String::new();
    while left > 0 && !stop.asked() {
        match reader.poll() {
            Ok(Some(record)) => {
                print(args, &mut out, &record, &mut text)?;
                left -= 1;
            }
            Ok(None) if !args.follow => break,
            Ok(None) => {
                out.flush()?;
                reader.wait(WAIT);
            }
            Err(ReadError::Lost { from, to }) => lost(args, &mut out, from, to)?,
            Err(error) => {
                out.flush()?;
                return Err(error.into());
            }
        }
    }
    out.flush()?;
    // To be interrupted is how following ends; only a count that was not reached was cut short.
    let cut_short = stop.asked() && left > 0 && args.count.is_some();
    Ok(if cut_short { Exit::Interrupted } else { Exit::Ok })
}

fn lost(args: &TailArgs, out: &mut impl Write, from: Index, to: Index) -> anyhow::Result<()> {
    if args.json {
        let line = LostLine { lost_from: from.to_string(), lost_to: to.to_string() };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        eprintln!("tiercel: lost: {from} up to {to} were removed before they were read");
    }
    Ok(())
}

fn print(
    args: &TailArgs,
    out: &mut impl Write,
    record: &Record<'_>,
    text: &mut String,
) -> anyhow::Result<()> {
    text.clear();
    let length = record.bytes.len();
    let shown = if args.full || args.json { length } else { length.min(SHOWN) };
    for byte in &record.bytes[..shown] {
        write!(text, "{byte:02x}")?;
    }
    let index = record.index.to_string();
    if args.json {
        let line = Line { index, kind: record.kind, length, payload_hex: text };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    } else {
        let more = if shown < length { "..." } else { "" };
        writeln!(out, "{index:<16} kind {:<3} {length:>7} B  {text}{more}", record.kind)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_begin_are_words_or_indices() {
        assert_eq!(start("start"), Ok(Start::Oldest));
        assert_eq!(start("end"), Ok(Start::End));
        assert_eq!(start("2:7"), Ok(Start::Index(Index::new(2, 7))));
        assert!(start("begin").is_err());
    }
}
