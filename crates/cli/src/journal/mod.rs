//! `tiercel journal`: looks into a command journal without changing it.

mod fields;
mod show;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use tiercel_journal::header::SegmentHeader;
use tiercel_journal::{
    Cursor, Folder, Inspection, LogCursor, ReadError, Record, inspect, snapshot, verify,
};
use tiercel_types::Timestamp;

use crate::exit::Exit;
use crate::text::grouped;

/// Arguments of `tiercel journal`.
#[derive(Args, Debug)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// List segments and snapshots
    Ls {
        /// The journal's folder
        dir: PathBuf,
    },
    /// Print commands, one a line
    Cat {
        /// The journal's folder
        dir: PathBuf,
        #[command(flatten)]
        range: Range,
    },
    /// Read and check everything; ends with 3, and the offset, at the first damage
    Verify {
        /// The journal's folder
        dir: PathBuf,
    },
    /// Print commands for programs
    Export {
        /// The journal's folder
        dir: PathBuf,
        #[command(flatten)]
        range: Range,
        /// JSON lines, or CSV with a column for each field that any command has
        #[arg(long, value_enum, default_value_t = Format::Json)]
        format: Format,
    },
}

#[derive(Args, Debug)]
struct Range {
    /// From this sequence on
    #[arg(long, conflicts_with = "since_ns")]
    from: Option<u64>,
    /// From the first command at this time on, in nanoseconds since 1970
    #[arg(long)]
    since_ns: Option<u64>,
    /// At most so many commands
    #[arg(long, short = 'n')]
    count: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Csv,
}

/// Runs it.
///
/// # Errors
/// A folder that cannot be read, and an output that cannot be written. Damage is an exit code.
pub(crate) fn run(args: &JournalArgs) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &args.what {
        What::Ls { dir } => list(dir, &mut out),
        What::Cat { dir, range } => each(dir, range, &mut out, show::line),
        What::Verify { dir } => check(dir, &mut out),
        What::Export { dir, range, format: Format::Json } => each(dir, range, &mut out, show::json),
        What::Export { dir, range, format: Format::Csv } => {
            show::csv_heading(&mut out)?;
            each(dir, range, &mut out, show::csv)
        }
    };
    out.flush()?;
    match result {
        Err(error) if matches!(error.downcast_ref(), Some(ReadError::Damage(_))) => {
            eprintln!("tiercel: {error:#}");
            Ok(Exit::Damaged)
        }
        result => result,
    }
}

fn each(
    dir: &Path,
    range: &Range,
    out: &mut impl Write,
    show: fn(&mut dyn Write, &Record<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let folder = Folder::new(dir);
    let found = inspect(&folder)?;
    tell_torn(&found);
    let mut cursor = match (range.from, range.since_ns) {
        (Some(sequence), _) => Cursor::from_sequence(&folder, &found, sequence)?,
        (None, Some(time_ns)) => Cursor::from_time(&folder, &found, Timestamp(time_ns))?,
        (None, None) => Cursor::new(&folder, &found)?,
    };
    let mut left = range.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(record) = cursor.next_record()? else { break };
        show(out, &record)?;
        left -= 1;
    }
    Ok(Exit::Ok)
}

/// A tail that was cut off in a write is no damage: opening cuts it.
fn tell_torn(found: &Inspection) {
    if let Some(torn) = found.last.as_ref().and_then(|last| last.torn.as_ref()) {
        eprintln!(
            "tiercel: {}: a write that was not finished at byte {}: {} bytes, {} good frames behind \
             the bad one, {} bytes missing; opening the journal cuts it off",
            torn.segment, torn.offset, torn.bytes, torn.good_frames, torn.missing
        );
    }
}

fn list(dir: &Path, out: &mut impl Write) -> anyhow::Result<Exit> {
    let folder = Folder::new(dir);
    let found = inspect(&folder)?;
    tell_torn(&found);
    writeln!(
        out,
        "{:>10} {:>12} {:>12} {:>6} {:>6} {:>5} {:>14}",
        "segment", "first", "last", "epoch", "schema", "rules", "bytes"
    )?;
    for (at, header) in found.segments.iter().enumerate() {
        let last = match found.segments.get(at + 1) {
            Some(next) => next.first_sequence - 1,
            None => found.last_sequence(),
        };
        let bytes = match found.segments.get(at + 1) {
            Some(_) => header.segment_size,
            None => found.last.as_ref().map_or(0, |scan| scan.end),
        };
        writeln!(
            out,
            "{:>10} {:>12} {:>12} {:>6} {:>6} {:>5} {:>14}",
            header.ordinal,
            header.first_sequence,
            last,
            header.epoch,
            header.schema_version,
            header.rules_version,
            grouped(bytes)
        )?;
    }
    let mut snapshots = snapshot::list(&folder)?;
    snapshots.reverse();
    for sequence in snapshots {
        writeln!(out, "snapshot after {sequence}")?;
    }
    Ok(Exit::Ok)
}

fn check(dir: &Path, out: &mut impl Write) -> anyhow::Result<Exit> {
    let folder = Folder::new(dir);
    let mut unknown: Option<(SegmentHeader, u64, u8)> = None;
    let found = verify(&folder, |header, offset, frame| {
        if unknown.is_none()
            && (Record { header: frame.header, body: frame.body }).command().is_err()
        {
            unknown = Some((*header, offset, frame.header.kind));
        }
    })?;
    tell_torn(&found);
    if let Some((header, offset, kind)) = unknown {
        let ordinal = header.ordinal;
        eprintln!(
            "tiercel: segment {ordinal}: byte {offset}: a good frame of kind {kind} that is no command"
        );
        return Ok(Exit::Damaged);
    }
    let newest = snapshot::list(&folder)?.first().copied();
    let shard = found.segments.first().map_or(0, |header| header.shard);
    let (good, report) = snapshot::newest(&folder, shard, found.last_sequence())?;
    for (name, fault) in &report.passed_over {
        eprintln!("tiercel: {name}: {fault}");
    }
    writeln!(
        out,
        "{} segments, commands {} to {}, {}",
        found.segments.len(),
        found.first_sequence(),
        found.last_sequence(),
        match (good, newest) {
            (Some(good), _) => format!("newest good snapshot after {}", good.sequence()),
            (None, Some(_)) => "no good snapshot".to_owned(),
            (None, None) => "no snapshot".to_owned(),
        }
    )?;
    Ok(if report.passed_over.is_empty() { Exit::Ok } else { Exit::Damaged })
}
