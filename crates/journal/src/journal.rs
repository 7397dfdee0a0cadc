//! The journal: a log in segments, written by group commit.
//!
//! ```text
//!  append --> [ batch being filled ] --> queue --> one write under way --> durable
//!                    ^                                    |
//!                    +------- free buffers <--------------+
//! ```
//!
//! `append` encodes into the batch that is being filled: some tens of nanoseconds, no system call
//! and no allocation. A write takes everything that gathered while the one before was under way.
//! Each write starts on a block of its own, so that no byte that is durable is ever written again.

use std::collections::VecDeque;

use tiercel_types::Timestamp;
use tiercel_types::record::CommandHeader;

use crate::batch::Batch;
use crate::buffer::Buffer;
use crate::cursor::{Cursor, Start};
use crate::error::{AppendError, LogFailure, OpenError, ReadError};
use crate::frame::write;
use crate::header::{SegmentHeader, index_name, segment_name};
use crate::index::IndexEntry;
use crate::log::{self, Durability, Entry, EventLog, Position};
use crate::options::Options;
use crate::scan::TornTail;
use crate::snapshot::{self, Snapshot, SnapshotReport};
use crate::spare::Spare;
use crate::storage::{Directory, FileOf, Storage};

/// What recovery found when the journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The first sequence that can be read.
    pub first_sequence: u64,
    /// The last sequence; 0 when there is none.
    pub last_sequence: u64,
    /// The tail that was cut off.
    pub torn: Option<TornTail>,
    /// Indexes that were missing or damaged, and made anew.
    pub indexes_rebuilt: usize,
}

/// An [`EventLog`] in segments of a [`Storage`].
pub struct Journal<S: Storage> {
    pub(crate) storage: S,
    pub(crate) options: Options,
    /// The segment that the next batch goes to, and where in it.
    pub(crate) planned: SegmentHeader,
    pub(crate) position: u64,
    /// The segment that is written now.
    pub(crate) file: FileOf<S>,
    pub(crate) segments: Vec<SegmentHeader>,
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) spare: Spare<FileOf<S>>,
    pub(crate) header_buffer: Option<Buffer>,
    pub(crate) last_sequence: u64,
    pub(crate) last_time_ns: u64,
    pub(crate) durable_sequence: u64,
    pub(crate) recovery: Recovery,
    pub(crate) filling: Option<Batch>,
    pub(crate) queue: VecDeque<Batch>,
    pub(crate) under_way: Option<Batch>,
    pub(crate) free: Vec<Buffer>,
    /// Everything up to here is to be written, whatever its durability.
    pub(crate) flush_until: u64,
    pub(crate) failure: Option<LogFailure>,
    _lock: <S::Directory as Directory>::Lock,
}

impl<S: Storage> std::fmt::Debug for Journal<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("position", &self.position())
            .field("durable_sequence", &self.durable_sequence)
            .field("segments", &self.segments.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// What recovery hands to a new [`Journal`].
pub(crate) struct Parts<S: Storage> {
    pub(crate) storage: S,
    pub(crate) options: Options,
    pub(crate) file: FileOf<S>,
    pub(crate) segments: Vec<SegmentHeader>,
    pub(crate) planned: SegmentHeader,
    pub(crate) position: u64,
    pub(crate) index: Vec<IndexEntry>,
    pub(crate) last_sequence: u64,
    pub(crate) last_time_ns: u64,
    pub(crate) recovery: Recovery,
    pub(crate) lock: <S::Directory as Directory>::Lock,
}

impl<S: Storage> Journal<S> {
    pub(crate) fn from_parts(parts: Parts<S>) -> Self {
        let options = parts.options;
        // Room for all of the segment's: an append or poll never makes more.
        let mut index = crate::index::with_room_for(options.segment_size);
        index.extend(parts.index);
        let free = (0..options.buffers).map(|_| Buffer::new(options.buffer_size)).collect();
        Self {
            storage: parts.storage,
            planned: parts.planned,
            position: parts.position,
            file: parts.file,
            segments: parts.segments,
            index,
            spare: Spare::none(),
            header_buffer: Some(Buffer::new(options.block_size as usize)),
            last_sequence: parts.last_sequence,
            last_time_ns: parts.last_time_ns,
            durable_sequence: parts.last_sequence,
            recovery: parts.recovery,
            filling: None,
            queue: VecDeque::with_capacity(options.buffers),
            under_way: None,
            free,
            flush_until: 0,
            failure: None,
            options,
            _lock: parts.lock,
        }
    }

    /// What recovery found when the journal was opened.
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The storage it writes to.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// The failure that stopped the log, if one has.
    pub const fn failure(&self) -> Option<&LogFailure> {
        self.failure.as_ref()
    }

    /// Writes all, marks the end as durable, and gives the journal up. Returns the last sequence.
    ///
    /// A journal that is dropped instead loses nothing that was durable, but recovery cannot tell
    /// its last write, if that is damaged later, from one that was never finished.
    ///
    /// # Errors
    /// The [`LogFailure`].
    pub fn close(mut self) -> Result<u64, LogFailure> {
        self.wait_durable(self.last_sequence)?;
        // An empty write: its mark says that all before it is durable.
        if self.last_sequence > 0 && self.filling.is_none() && self.open_batch(0) {
            self.close_batch();
            while self.under_way.is_some() || !self.queue.is_empty() {
                self.step(true)?;
            }
        }
        Ok(self.last_sequence)
    }

    /// The batches that are not on the disk, in their order: no more than there are buffers.
    #[inline]
    fn pending(&self) -> impl Iterator<Item = &Batch> {
        self.under_way.iter().chain(&self.queue).chain(&self.filling)
    }

    /// Checks entries; returns the bytes of their frames.
    #[inline]
    fn check(&self, after: Position, entries: &[Entry<'_>]) -> Result<usize, AppendError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        log::check(self.position(), self.last_time_ns, after, entries)
    }
}

impl<S: Storage> EventLog for Journal<S> {
    type Cursor = Cursor<S::Directory>;

    #[inline]
    fn position(&self) -> Position {
        Position { epoch: self.planned.epoch, sequence: self.last_sequence }
    }

    fn last_time_ns(&self) -> u64 {
        self.last_time_ns
    }

    fn first_sequence(&self) -> u64 {
        self.segments.first().map_or(1, |header| header.first_sequence)
    }

    #[inline]
    fn append(
        &mut self,
        after: Position,
        entries: &[Entry<'_>],
        durability: Durability,
    ) -> Result<u64, AppendError> {
        let needed = self.check(after, entries)?;
        if entries.is_empty() {
            return Ok(self.last_sequence);
        }
        let has_room =
            self.filling.as_ref().is_some_and(|batch| batch.limit - batch.used >= needed);
        if !has_room {
            self.make_room(needed)?;
        }
        let Some(Batch { buffer: Some(buffer), used, seed, last_sequence, first_disk, .. }) =
            &mut self.filling
        else {
            return Err(AppendError::Full);
        };
        if durability == Durability::Disk && first_disk.is_none() {
            *first_disk = Some(self.last_sequence + 1);
        }
        for entry in entries {
            self.last_sequence += 1;
            let header = CommandHeader {
                length: 0,
                kind: entry.kind,
                version: entry.version,
                reserved: 0,
                sequence: self.last_sequence,
                time_ns: entry.time.0,
            };
            *used += write(&mut buffer.bytes_mut()[*used..], *seed, header, entry.body);
            self.last_time_ns = entry.time.0;
        }
        *last_sequence = self.last_sequence;
        Ok(self.last_sequence)
    }

    fn poll(&mut self) -> Result<usize, LogFailure> {
        self.step(false)
    }

    fn flush(&mut self) -> Result<(), LogFailure> {
        self.flush_until = self.last_sequence;
        self.start().map(drop)
    }

    #[inline]
    fn durable_sequence(&self) -> u64 {
        self.durable_sequence
    }

    fn pending_bytes(&self) -> u64 {
        self.pending().filter(|batch| batch.has_entries()).map(|batch| batch.used as u64).sum()
    }

    fn acknowledged_sequence(&self) -> u64 {
        self.pending()
            .find_map(|batch| batch.first_disk)
            .map_or(self.last_sequence, |sequence| sequence - 1)
    }

    fn wait_durable(&mut self, sequence: u64) -> Result<(), LogFailure> {
        let sequence = sequence.min(self.last_sequence);
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        while self.durable_sequence < sequence {
            self.flush()?;
            self.step(true)?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self, epoch: u64) -> Result<(), AppendError> {
        let found = self.planned.epoch;
        if epoch <= found {
            return Err(AppendError::Epoch { found, expected: epoch });
        }
        self.wait_durable(self.last_sequence)?;
        // The rest of the segment stays empty: a segment has one epoch.
        if let Some(batch) = self.filling.take() {
            self.free.extend(batch.buffer);
        }
        self.position = self.planned.segment_size;
        self.planned.epoch = epoch;
        if !self.open_batch(0) {
            return Err(AppendError::Full);
        }
        self.close_batch();
        while self.under_way.is_some() || !self.queue.is_empty() {
            self.step(true)?;
        }
        Ok(())
    }

    fn read(&self, sequence: u64) -> Result<Self::Cursor, ReadError> {
        self.cursor(Start::Sequence(sequence))
    }

    fn read_from_time(&self, time: Timestamp) -> Result<Self::Cursor, ReadError> {
        self.cursor(Start::Time(time))
    }

    fn put_snapshot(&mut self, sequence: u64, state: &[u8]) -> Result<(), ReadError> {
        if sequence > self.durable_sequence {
            let error = std::io::Error::from(std::io::ErrorKind::InvalidInput);
            let what = format!("snapshot after {sequence}, which is not durable");
            return Err(ReadError::System { what, error });
        }
        let Options { shard, snapshots_kept, .. } = self.options;
        snapshot::put(self.storage.directory(), shard, sequence, state, snapshots_kept)
    }

    fn newest_snapshot(&self) -> Result<(Option<Snapshot>, SnapshotReport), ReadError> {
        snapshot::newest(self.storage.directory(), self.options.shard, self.durable_sequence)
    }

    fn remove_before(&mut self, sequence: u64) -> Result<(), ReadError> {
        let sequence = sequence.min(self.durable_sequence + 1);
        // The last full segment stays while its index is being made.
        let kept = if self.spare.is_indexing() { 2 } else { 1 };
        while let [full, next, ..] = self.segments.as_slice()
            && self.segments.len() > kept
            && next.first_sequence <= sequence
        {
            let directory = self.storage.directory();
            let (segment, index) = (segment_name(full.ordinal), index_name(full.ordinal));
            // Oldest first, and each durably: what is left has no hole.
            directory.remove(&segment).map_err(ReadError::system(format!("remove {segment}")))?;
            directory.sync_names().map_err(ReadError::system("sync the folder"))?;
            self.segments.remove(0);
            directory.remove(&index).map_err(ReadError::system(format!("remove {index}")))?;
        }
        Ok(())
    }
}

impl<S: Storage> Journal<S> {
    fn cursor(&self, start: Start) -> Result<Cursor<S::Directory>, ReadError> {
        let directory = self.storage.directory().clone();
        let segments = self.segments.as_slice().into();
        Cursor::seek(directory, segments, &self.index, self.durable_sequence, start)
    }

    /// Opens the journal of `storage`, makes whole what a crash left, and takes its lock.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was changed then, but for a lock file.
    pub fn open(storage: S, options: Options) -> Result<Self, OpenError> {
        crate::recovery::open(storage, options)
    }
}
