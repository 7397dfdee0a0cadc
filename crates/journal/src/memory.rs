//! A log in memory: for tests, simulations, and venues that keep nothing.

use std::sync::Arc;

use tiercel_types::Timestamp;
use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader};
use zerocopy::{FromBytes, IntoBytes};

use crate::error::{AppendError, LogFailure, ReadError};
use crate::log::{self, Durability, Entry, EventLog, LogCursor, Position, Record};
use crate::snapshot::{Snapshot, SnapshotReport};

/// A record: header and body.
type Bytes = Arc<[u8]>;

/// An [`EventLog`] that lives as long as the process. Its disk is its memory: what was appended is
/// durable at the next poll, so that callers meet both states.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    epoch: u64,
    first_sequence: u64,
    records: Vec<Bytes>,
    last_time_ns: u64,
    /// Of all records that were ever appended.
    bytes: u64,
    durable: End,
    /// Of the last entry that asked for the disk, and of the last when a flush did.
    last_disk: End,
    flush_until: End,
    snapshots: Vec<Snapshot>,
    snapshots_kept: usize,
    limit: usize,
}

/// The end of an entry: its sequence, and the bytes of all records up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    sequence: u64,
    bytes: u64,
}

impl End {
    const NONE: Self = Self { sequence: 0, bytes: 0 };
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl MemoryLog {
    /// An empty log under epoch 1, which takes at most `limit` entries between two polls.
    pub const fn new(limit: usize) -> Self {
        Self {
            epoch: 1,
            first_sequence: 1,
            records: Vec::new(),
            last_time_ns: 0,
            bytes: 0,
            durable: End::NONE,
            last_disk: End::NONE,
            flush_until: End::NONE,
            snapshots: Vec::new(),
            snapshots_kept: 3,
            limit,
        }
    }

    const fn last_sequence(&self) -> u64 {
        self.first_sequence + self.records.len() as u64 - 1
    }

    const fn end(&self) -> End {
        End { sequence: self.last_sequence(), bytes: self.bytes }
    }
}

/// Reads a [`MemoryLog`] as it was when the cursor was made.
#[derive(Clone, Debug)]
pub struct MemoryCursor {
    records: std::vec::IntoIter<Bytes>,
    current: Bytes,
}

impl LogCursor for MemoryCursor {
    fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let Some(bytes) = self.records.next() else { return Ok(None) };
        self.current = bytes;
        Ok(Some(Record {
            header: header(&self.current),
            body: &self.current[COMMAND_HEADER_SIZE..],
        }))
    }
}

fn header(bytes: &[u8]) -> CommandHeader {
    CommandHeader::read_from_prefix(bytes)
        .map_or_else(|_| CommandHeader::default(), |(header, _)| header)
}

impl EventLog for MemoryLog {
    type Cursor = MemoryCursor;

    fn position(&self) -> Position {
        Position { epoch: self.epoch, sequence: self.last_sequence() }
    }

    fn last_time_ns(&self) -> u64 {
        self.last_time_ns
    }

    fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    fn append(
        &mut self,
        after: Position,
        entries: &[Entry<'_>],
        durability: Durability,
    ) -> Result<u64, AppendError> {
        let last = self.last_sequence();
        log::check(self.position(), self.last_time_ns, after, entries)?;
        let waiting = (last - self.durable.sequence) as usize;
        if waiting.saturating_add(entries.len()) > self.limit {
            return Err(AppendError::Full);
        }
        for (entry, sequence) in entries.iter().zip(last + 1..) {
            let header = CommandHeader {
                length: (COMMAND_HEADER_SIZE + entry.body.len()) as u16,
                kind: entry.kind,
                version: entry.version,
                reserved: 0,
                sequence,
                time_ns: entry.time.0,
            };
            let bytes: Vec<u8> = header.as_bytes().iter().chain(entry.body).copied().collect();
            self.bytes += bytes.len() as u64;
            self.records.push(bytes.into());
        }
        self.last_time_ns = entries.last().map_or(self.last_time_ns, |entry| entry.time.0);
        if durability == Durability::Disk && !entries.is_empty() {
            self.last_disk = self.end();
        }
        Ok(self.last_sequence())
    }

    fn poll(&mut self) -> Result<usize, LogFailure> {
        let before = self.durable;
        self.durable = before.max(self.last_disk).max(self.flush_until);
        Ok((self.durable.sequence - before.sequence) as usize)
    }

    fn flush(&mut self) -> Result<(), LogFailure> {
        self.flush_until = self.end();
        Ok(())
    }

    fn durable_sequence(&self) -> u64 {
        self.durable.sequence
    }

    fn pending_bytes(&self) -> u64 {
        self.bytes - self.durable.bytes
    }

    fn acknowledged_sequence(&self) -> u64 {
        // Entries in front of one that waits are not told apart: they wait with it.
        if self.last_disk > self.durable { self.durable.sequence } else { self.last_sequence() }
    }

    fn wait_durable(&mut self, sequence: u64) -> Result<(), LogFailure> {
        if self.durable.sequence < sequence.min(self.last_sequence()) {
            self.flush()?;
            self.poll()?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self, epoch: u64) -> Result<(), AppendError> {
        if epoch <= self.epoch {
            return Err(AppendError::Epoch { found: self.epoch, expected: epoch });
        }
        self.wait_durable(u64::MAX)?;
        self.epoch = epoch;
        Ok(())
    }

    fn read(&self, sequence: u64) -> Result<MemoryCursor, ReadError> {
        if sequence < self.first_sequence && sequence > 0 {
            return Err(ReadError::Removed { asked: sequence, first: self.first_sequence });
        }
        Ok(self.cursor(|header| header.sequence >= sequence))
    }

    fn read_from_time(&self, time: Timestamp) -> Result<MemoryCursor, ReadError> {
        Ok(self.cursor(|header| header.time_ns >= time.0))
    }

    fn put_snapshot(&mut self, sequence: u64, state: &[u8]) -> Result<(), ReadError> {
        if sequence > self.durable.sequence {
            let error = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            let what = format!("snapshot after {sequence}, which is not durable");
            return Err(ReadError::System { what, error });
        }
        self.snapshots.retain(|snapshot| snapshot.sequence() != sequence);
        self.snapshots.push(Snapshot::in_memory(sequence, state.to_vec()));
        self.snapshots.sort_by_key(Snapshot::sequence);
        let surplus = self.snapshots.len().saturating_sub(self.snapshots_kept);
        self.snapshots.drain(..surplus);
        Ok(())
    }

    fn newest_snapshot(&self) -> Result<(Option<Snapshot>, SnapshotReport), ReadError> {
        Ok((self.snapshots.last().cloned(), SnapshotReport::default()))
    }

    fn remove_before(&mut self, sequence: u64) -> Result<(), ReadError> {
        let until = sequence.min(self.durable.sequence + 1);
        let surplus = until.saturating_sub(self.first_sequence);
        self.records.drain(..surplus as usize);
        self.first_sequence += surplus;
        Ok(())
    }
}

impl MemoryLog {
    /// The durable records from the first that is `wanted` on.
    fn cursor(&self, wanted: impl Fn(&CommandHeader) -> bool) -> MemoryCursor {
        let durable = (self.durable.sequence + 1).saturating_sub(self.first_sequence) as usize;
        let records = &self.records[..durable];
        let from = records.partition_point(|bytes| !wanted(&header(bytes)));
        let wanted = records[from..].to_vec();
        MemoryCursor { records: wanted.into_iter(), current: Arc::new([]) }
    }
}
