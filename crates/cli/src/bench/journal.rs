//! The journal: appending, durable acknowledgement, group commit, replay.
//!
//! ```text
//!   new orders of 128 bytes --> append (timed with its polls)                   append_caller
//!                               polls alone, a new segment every 4 MiB          poll_rolling
//!                               append one, wait until it is durable            durable_ack
//!                               bare durable write of a block, the same way     bare_write
//!                               append as fast as buffers allow, until durable  group_commit
//!   a journal on the disk   --> Cursor, checksums proven                        replay
//! ```
//!
//! The journals lie in a folder below the current one, on a real disk: it is refused on tmpfs.
//! Segments are made ready before the timed stretch, as they are in a venue.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tiercel_journal::buffer::Buffer;
use tiercel_journal::storage::{Directory, FileOf, Purpose, Storage, Write};
use tiercel_journal::{
    AppendError, Durability, Entry, EventLog, FileStorage, IoOptions, Journal, LogCursor,
    Options as JournalOptions,
};
use tiercel_types::command::NewOrder;
use tiercel_types::{AccountId, Command, InstrumentId, Price, Qty, Side, Timestamp};

use super::clock::{self, Clock};
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::{BenchError, Options};

/// The cases of `tiercel bench journal`.
pub const CASES: &[CaseSpec] = &[
    CaseSpec { bench: "journal", name: "append_caller", build: append_caller },
    CaseSpec { bench: "journal", name: "poll_rolling", build: poll_rolling },
    CaseSpec { bench: "journal", name: "durable_ack", build: durable_ack },
    CaseSpec { bench: "journal", name: "group_commit", build: group_commit },
    CaseSpec { bench: "journal", name: "replay", build: replay },
];

/// Appends between two polls.
const POLL_EVERY: usize = 64;
/// Appends of a burst: four buffers full.
const BURST: usize = 8_000;
/// Bursts of a round.
const BURSTS: usize = 20;
/// Polls of a round, and a segment so small that many are gone through.
const POLLS: usize = 5_000;
const SMALL_SEGMENT: u64 = 4 << 20;
/// Single durable appends of a round.
const SINGLES: usize = 300;
/// Records of a round of group commit and of replay.
const RECORDS: usize = 1_000_000;
/// The blocks that a bare write goes through.
pub(super) const BLOCK: usize = 4096;

/// A folder that goes when the bench ends.
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(name: &str) -> Result<Self, BenchError> {
        let folder = std::env::current_dir()?;
        if tiercel_journal::files::is_in_memory(&folder)? {
            return Err(BenchError::NotAvailable("the current folder is in memory (tmpfs)"));
        }
        let path = folder.join(format!("tiercel-bench-{name}-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn emptied(&self) -> Result<&Path, BenchError> {
        std::fs::remove_dir_all(&self.0)?;
        std::fs::create_dir(&self.0)?;
        Ok(&self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{}: {error}", self.0.display());
        }
    }
}

pub(super) fn wrong(error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Wrong { subject: "ours".to_owned(), what: error.to_string() }
}

fn open(path: &Path) -> Result<Journal<FileStorage>, BenchError> {
    open_sized(path, 256 << 20)
}

fn open_sized(path: &Path, segment_size: u64) -> Result<Journal<FileStorage>, BenchError> {
    let storage = FileStorage::open(path, IoOptions::default())?;
    let options = JournalOptions { segment_size, ..JournalOptions::default() };
    Journal::open(storage, options).map_err(|error| wrong(&error))
}

fn order() -> Command {
    let (price, qty) = (Price::from_units(100), Qty::from_units(5));
    NewOrder::limit(InstrumentId(1), AccountId(7), Side::Buy, price, qty).into()
}

/// Appends one; with all buffers in use, sleeps until a write is done.
///
/// Spinning instead starves the kernel: a direct write's completion runs in a worker of the core
/// that took the interrupt, which is often this one, and then waits for the next tick (4 ms).
#[inline]
fn append(journal: &mut Journal<FileStorage>, command: &Command) -> Result<(), BenchError> {
    loop {
        let entry = Entry::command(Timestamp(journal.last_time_ns() + 1), command);
        match journal.append(journal.position(), &[entry], Durability::Disk) {
            Ok(_) => return Ok(()),
            Err(AppendError::Full) => {
                let next = journal.durable_sequence() + 1;
                journal.wait_durable(next).map_err(|error| wrong(&error))?;
            }
            Err(error) => return Err(wrong(&error)),
        }
    }
}

fn one(unit: &'static str, subject: impl Subject + 'static) -> Case {
    Case { unit, input: Input::None, subjects: vec![Box::new(subject)] }
}

fn append_caller(_: &Options) -> Result<Case, BenchError> {
    Ok(one("ns/op", Append(Place::new("append")?)))
}

struct Append(Place);

impl Subject for Append {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut journal = open(self.0.emptied()?)?;
        let command = order();
        let mut round = Round { operations: (BURST * BURSTS) as u64, ..Round::default() };
        let mut spent_ns = 0.0;
        for burst in 0..=BURSTS {
            let from = clock::start();
            for at in 0..BURST {
                append(&mut journal, &command)?;
                if at % POLL_EVERY == 0 {
                    journal.poll().map_err(|error| wrong(&error))?;
                }
            }
            let burst_ns = clock.between_ns(clock::stop() - from);
            // The first burst warms up.
            spent_ns += if burst == 0 { 0.0 } else { burst_ns };
            journal.wait_durable(u64::MAX).map_err(|error| wrong(&error))?;
            if timing == Timing::Each {
                round.times_ns.push((burst_ns / BURST as f64) as f32);
            }
        }
        round.value = spent_ns / round.operations as f64;
        Ok(round)
    }
}

fn poll_rolling(_: &Options) -> Result<Case, BenchError> {
    Ok(one("ns/poll", Polls(Place::new("poll")?)))
}

/// Polls while one segment after the other is made, written and left.
struct Polls(Place);

impl Subject for Polls {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut journal = open_sized(self.0.emptied()?, SMALL_SEGMENT)?;
        let command = order();
        let mut round = Round { operations: POLLS as u64, ..Round::default() };
        let mut spent_ns = 0.0;
        for _ in 0..POLLS {
            for _ in 0..POLL_EVERY {
                append(&mut journal, &command)?;
            }
            let from = clock::start();
            journal.poll().map_err(|error| wrong(&error))?;
            let poll_ns = clock.between_ns(clock::stop() - from);
            spent_ns += poll_ns;
            if timing == Timing::Each {
                round.times_ns.push(poll_ns as f32);
            }
        }
        journal.wait_durable(u64::MAX).map_err(|error| wrong(&error))?;
        round.value = spent_ns / round.operations as f64;
        Ok(round)
    }
}

fn durable_ack(_: &Options) -> Result<Case, BenchError> {
    let (ours, bare) = (Ack(Place::new("ack")?), Bare(Place::new("bare")?));
    let subjects: Vec<Box<dyn Subject>> = vec![Box::new(ours), Box::new(bare)];
    Ok(Case { unit: "ns p50", input: Input::None, subjects })
}

/// The median of a round's times is its value.
fn singles(
    timing: Timing,
    mut single: impl FnMut() -> Result<(), BenchError>,
) -> Result<Round, BenchError> {
    let mut times: Vec<f32> = Vec::with_capacity(SINGLES);
    for at in 0..SINGLES + SINGLES / 10 {
        let from = Instant::now();
        single()?;
        let spent = from.elapsed().as_nanos() as f32;
        if at >= SINGLES / 10 {
            times.push(spent);
        }
    }
    times.sort_unstable_by(f32::total_cmp);
    let value = f64::from(times[SINGLES / 2]);
    let times_ns = if timing == Timing::Each { times } else { Vec::new() };
    Ok(Round { value, operations: SINGLES as u64, times_ns, checksum: 0 })
}

struct Ack(Place);

impl Subject for Ack {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        let mut journal = open(self.0.emptied()?)?;
        let command = order();
        singles(timing, || {
            append(&mut journal, &command)?;
            journal.wait_durable(u64::MAX).map_err(|error| wrong(&error))
        })
    }
}

/// A file of written blocks, and durable writes to it the way the journal makes them.
pub(super) struct BareFile {
    storage: FileStorage,
    file: FileOf<FileStorage>,
}

impl BareFile {
    pub(super) fn new(place: &Place, size: usize) -> Result<Self, BenchError> {
        let storage = FileStorage::open(place.emptied()?, IoOptions::default())?;
        let file = storage.directory().create("bare", size as u64)?;
        let mut bare = Self { storage, file };
        bare.write(0, size)?;
        Ok(bare)
    }

    /// Writes zeros and waits until they are durable.
    pub(super) fn write(&mut self, offset: usize, length: usize) -> Result<(), BenchError> {
        let buffer = Buffer::new(length);
        let (file, purpose, offset) = (self.file.clone(), Purpose::Entries, offset as u64);
        self.storage.submit(Write { purpose, file, offset, buffer, length });
        let done = self.storage.completion(true).map(|completion| completion.result);
        match done {
            Some(Ok(count)) if count == length => Ok(()),
            Some(Err(error)) => Err(error.into()),
            _ => Err(wrong(&"a short write")),
        }
    }
}

/// A durable write of one block, and nothing else.
pub(super) struct Bare(pub(super) Place);

impl Subject for Bare {
    fn name(&self) -> String {
        "bare_write".to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        let blocks = SINGLES + SINGLES / 10;
        let mut file = BareFile::new(&self.0, blocks * BLOCK)?;
        let mut at = 0;
        singles(timing, || {
            at += BLOCK;
            file.write(at - BLOCK, BLOCK)
        })
    }
}

fn group_commit(_: &Options) -> Result<Case, BenchError> {
    Ok(one("rec/s", Group(Place::new("group")?)))
}

/// Appends all records; returns how long it took until the last was durable.
fn fill(journal: &mut Journal<FileStorage>) -> Result<f64, BenchError> {
    let command = order();
    let from = Instant::now();
    for at in 0..RECORDS {
        append(journal, &command)?;
        if at % POLL_EVERY == 0 {
            journal.poll().map_err(|error| wrong(&error))?;
        }
    }
    journal.wait_durable(u64::MAX).map_err(|error| wrong(&error))?;
    Ok(from.elapsed().as_secs_f64())
}

struct Group(Place);

impl Subject for Group {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let mut journal = open(self.0.emptied()?)?;
        let seconds = fill(&mut journal)?;
        let value = RECORDS as f64 / seconds;
        Ok(Round { value, operations: RECORDS as u64, ..Round::default() })
    }
}

fn replay(_: &Options) -> Result<Case, BenchError> {
    let place = Place::new("replay")?;
    let mut journal = open(&place.0)?;
    fill(&mut journal)?;
    Ok(one("rec/s", Replay { journal, _place: place }))
}

struct Replay {
    journal: Journal<FileStorage>,
    _place: Place,
}

impl Subject for Replay {
    fn name(&self) -> String {
        "ours".to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let from = Instant::now();
        let mut cursor = self.journal.read(1).map_err(|error| wrong(&error))?;
        let (mut count, mut checksum) = (0, 0_u64);
        while let Some(record) = cursor.next_record().map_err(|error| wrong(&error))? {
            count += 1;
            checksum = checksum.wrapping_mul(31).wrapping_add(u64::from(record.header.reserved));
        }
        if count != RECORDS {
            return Err(wrong(&format!("{count} records instead of {RECORDS}")));
        }
        let value = RECORDS as f64 / from.elapsed().as_secs_f64();
        Ok(Round { value, operations: RECORDS as u64, times_ns: Vec::new(), checksum })
    }
}
