//! What must hold for commands made of any bytes: as records, as a log, and as a session of the
//! engine. Bodies for fuzzers and for fixed seeds; nothing here knows the engine.
//!
//! ```text
//!   bytes --> records: decodes or is refused; what decodes encodes back
//!         --> log:     walks to an end or to an error, never further
//!         --> steps:   any bytes are commands on a small venue --> engine, model, auditor
//! ```
//!
//! [`steps`] reads a byte or two for each field, so that small changes of the bytes are small
//! changes of the session: prices lie on few levels, ids name orders that may live, and a few byte
//! values stand for the edges of a field. One kind of command is read as a record of the log, so
//! that every value of every field can come up.

mod operator;
mod orders;
mod reader;
mod sessions;
mod venue;
mod waiting;

use tiercel_types::log::{LogReader, SEGMENT_HEADER_SIZE};
use tiercel_types::record::RECORD_SIZE_MAX;
use tiercel_types::{AccountId, Command, InstrumentSpec, Timestamp};

use self::reader::Reader;
use self::venue::set_up;
use crate::commands::Step;
use crate::harness::{Failure, Subject, replay, report};
use crate::model::Mode;

/// Any bytes as one record: no panic, and what decodes encodes to the same command.
///
/// # Panics
/// When decoding or encoding is wrong.
pub fn record(bytes: &[u8]) {
    let Ok((header, command)) = Command::decode(bytes) else { return };
    assert!(usize::from(header.length) <= bytes.len(), "a record longer than its bytes");
    let mut out = [0; RECORD_SIZE_MAX];
    let (sequence, time) = (header.sequence, Timestamp(header.time_ns));
    let size = command.encode(sequence, time, &mut out).expect("a record fits");
    let (again, same) = Command::decode(&out[..size]).expect("what was encoded decodes");
    assert_eq!(same, command, "encoding is not the inverse of decoding");
    assert_eq!((again.sequence, again.time_ns), (header.sequence, header.time_ns));
}

/// Any bytes as a log: no panic; the records follow each other without gap, and an error is the
/// last thing that is read.
///
/// # Panics
/// When the reader is wrong.
pub fn log(bytes: &[u8]) {
    let Ok(mut reader) = LogReader::new(bytes) else { return };
    let mut sequence = reader.header().first_sequence;
    let (mut offset, mut time_ns) = (SEGMENT_HEADER_SIZE, 0);
    assert_eq!(reader.offset(), offset);
    while let Some(read) = reader.next() {
        let Ok((header, command)) = read else {
            assert_eq!(reader.offset(), offset, "an error moves on");
            assert!(reader.next().is_none(), "an error is not the end");
            return;
        };
        assert_eq!(reader.offset(), offset + usize::from(header.length));
        assert_eq!(header.sequence, sequence);
        assert!(header.time_ns >= time_ns, "time goes back");
        assert_eq!(header.kind, command.kind() as u8);
        (offset, time_ns) = (reader.offset(), header.time_ns);
        sequence = sequence.wrapping_add(1);
    }
    assert_eq!(offset, bytes.len(), "an end before the end");
}

/// Any bytes as a session on a new engine of shard [`SHARD`](crate::harness::SHARD), which `make`
/// makes, beside the model and the auditor.
///
/// # Panics
/// When they disagree, with the few commands that show it.
pub fn session<S: Subject>(mut make: impl FnMut() -> S, mode: Mode, bytes: &[u8]) {
    let mut steps = steps(mode, bytes);
    if let Err((count, difference)) = replay(&mut make(), mode, &steps) {
        steps.truncate(count);
        let failure = Failure { profile: "bytes", mode, seed: 0, difference, steps };
        panic!("{}", report(make, &failure));
    }
}

/// The commands that set up a small venue, and those that the bytes stand for.
#[must_use]
pub fn steps(mode: Mode, bytes: &[u8]) -> Vec<Step> {
    let mut time = 1_000;
    let mut steps: Vec<Step> =
        set_up(mode).into_iter().map(|command| Step { time: Timestamp(time), command }).collect();
    let mut reader = Reader::new(mode, bytes);
    while !reader.is_empty() {
        time += u64::from(reader.byte() % 8);
        let Some(command) = reader.command(time) else { continue };
        if is_affordable(&command) {
            steps.push(Step { time: Timestamp(time), command });
        }
    }
    steps
}

/// Most slices that an instrument of a session allows an iceberg.
const ICEBERG_PARTS_MAX: u32 = 64;

/// Accounts of a session are numbered below this: an engine's tables grow with the number.
const ACCOUNTS_MAX: u32 = 1_024;

/// Whether a command on such a venue takes an engine and a model neither too long nor too much room.
#[must_use]
pub fn is_affordable(command: &Command) -> bool {
    let bounded = |spec: &InstrumentSpec| (1..=ICEBERG_PARTS_MAX).contains(&spec.max_iceberg_parts);
    match command {
        Command::AddInstrument(add) => bounded(&add.spec),
        Command::UpdateInstrument(update) => bounded(&update.spec),
        Command::SetAccount(terms) => {
            terms.account.0 < ACCOUNTS_MAX || terms.account.0 >= AccountId::LIMIT
        }
        _ => true,
    }
}
