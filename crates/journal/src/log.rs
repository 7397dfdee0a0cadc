//! The event log as its users see it, whatever keeps it.

use tiercel_types::record::{COMMAND_HEADER_SIZE, CommandHeader, RECORD_SIZE_MAX, RecordError};
use tiercel_types::{Command, SCHEMA_VERSION, Timestamp};
use zerocopy::IntoBytes;

use crate::error::{AppendError, LogFailure, ReadError};
use crate::frame::{BODY_SIZE_MAX, FRAME_ALIGN, KIND_MARK};
use crate::snapshot::{Snapshot, SnapshotReport};

/// How safe an entry has to be before it counts as acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Accepted into the process's memory. It goes to the disk with the next entry that asks for
    /// the disk, when a buffer fills, or on [`EventLog::flush`]; a crash before that loses it.
    Memory,
    /// On the disk: the device said that it survives a loss of power.
    #[default]
    Disk,
}

/// Where the caller believes the log to be. An append elsewhere is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The leadership epoch: it fences off a deposed leader.
    pub epoch: u64,
    /// The sequence of the last entry; 0 when there is none.
    pub sequence: u64,
}

/// An entry to append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When; never before the entry in front of it.
    pub time: Timestamp,
    /// Which kind of record; not 0.
    pub kind: u8,
    /// The schema version of the body.
    pub version: u8,
    /// The body: a multiple of eight bytes, at most 232.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A command as an entry.
    #[inline]
    pub fn command(time: Timestamp, command: &'a Command) -> Self {
        let (kind, version) = (command.kind() as u8, SCHEMA_VERSION as u8);
        Self { time, kind, version, body: command.body_bytes() }
    }
}

/// Whether `entries` may be appended behind `after` to a log that ends at `end`, with an entry of
/// `last_time_ns`. Returns the bytes of their records.
///
/// # Errors
/// [`AppendError`]: what the caller got wrong.
#[inline]
pub(crate) fn check(
    end: Position,
    last_time_ns: u64,
    after: Position,
    entries: &[Entry<'_>],
) -> Result<usize, AppendError> {
    if after.epoch != end.epoch {
        return Err(AppendError::Epoch { found: end.epoch, expected: after.epoch });
    }
    if after.sequence != end.sequence {
        return Err(AppendError::Sequence { found: end.sequence, expected: after.sequence });
    }
    let mut previous_ns = last_time_ns;
    let mut bytes = 0;
    for (index, entry) in entries.iter().enumerate() {
        let size = entry.body.len();
        if entry.kind == KIND_MARK || size > BODY_SIZE_MAX || !size.is_multiple_of(FRAME_ALIGN) {
            return Err(AppendError::Entry { index });
        }
        if entry.time.0 < previous_ns {
            return Err(AppendError::Time { found_ns: entry.time.0, previous_ns });
        }
        previous_ns = entry.time.0;
        bytes += COMMAND_HEADER_SIZE + size;
    }
    Ok(bytes)
}

/// An entry that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Length, kind, version, sequence and time. `reserved` is the backend's.
    pub header: CommandHeader,
    /// The body.
    pub body: &'a [u8],
}

impl Record<'_> {
    /// The command that it is.
    ///
    /// # Errors
    /// [`RecordError`] when it is none that this build knows.
    pub fn command(&self) -> Result<Command, RecordError> {
        let mut bytes = [0; RECORD_SIZE_MAX];
        let size = COMMAND_HEADER_SIZE + self.body.len();
        let whole = bytes.get_mut(..size).ok_or(RecordError::Length { length: size })?;
        whole[..COMMAND_HEADER_SIZE].copy_from_slice(self.header.as_bytes());
        whole[COMMAND_HEADER_SIZE..].copy_from_slice(self.body);
        Command::decode(whole).map(|(_, command)| command)
    }
}

/// Reads entries in order.
pub trait LogCursor {
    /// The next entry; `None` at the end, which is the log's durable end when the cursor was
    /// made.
    ///
    /// # Errors
    /// [`ReadError`] when an entry is damaged or cannot be read; again on every later call.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError>;
}

/// A log of records with a sequence of its own, from 1, without gaps.
///
/// Written for one writer, which numbers and dates the entries. Everything that takes time is
/// started by `append` and `flush` and finished by `poll`: nothing here owns a thread. Made so that
/// a log over a network can stand behind it: batches carry the position they expect, the durable
/// sequence trails the last one, and reading is apart from writing.
pub trait EventLog {
    /// Reads entries in order.
    type Cursor: LogCursor;

    /// The epoch and the last sequence.
    fn position(&self) -> Position;

    /// The time of the last entry; 0 when there is none.
    fn last_time_ns(&self) -> u64;

    /// The first sequence that can be read; one more than the last when there is none.
    fn first_sequence(&self) -> u64;

    /// Appends entries, all or none, behind `after`. Returns the sequence of the last one.
    ///
    /// Bounded: with all buffers in use it refuses with [`AppendError::Full`] and changes nothing.
    ///
    /// # Errors
    /// [`AppendError`]; nothing of the batch was appended.
    fn append(
        &mut self,
        after: Position,
        entries: &[Entry<'_>],
        durability: Durability,
    ) -> Result<u64, AppendError>;

    /// Drives what is under way: collects what is done, starts what can be started. Never waits
    /// where the backend can avoid it. Returns how much was done; zero means there was nothing.
    ///
    /// # Errors
    /// The [`LogFailure`], from the first time on.
    fn poll(&mut self) -> Result<usize, LogFailure>;

    /// Starts writing everything that was appended, whatever its durability.
    ///
    /// # Errors
    /// The [`LogFailure`].
    fn flush(&mut self) -> Result<(), LogFailure>;

    /// Everything up to this sequence is on the disk.
    fn durable_sequence(&self) -> u64;

    /// Bytes of the entries that are not on this log's own disk, with what frames them, and pads
    /// them where that is known: how far the disk is behind. Zero when there are none; what a replica
    /// lacks is not among them.
    fn pending_bytes(&self) -> u64;

    /// Everything up to this sequence is as safe as it was asked to be.
    fn acknowledged_sequence(&self) -> u64;

    /// Waits until `sequence` (at most the last one) is on the disk.
    ///
    /// # Errors
    /// The [`LogFailure`].
    fn wait_durable(&mut self, sequence: u64) -> Result<(), LogFailure>;

    /// Takes over under a later epoch: from here on the epoch before is refused.
    ///
    /// # Errors
    /// [`AppendError::Epoch`] unless `epoch` is later than the log's; the failure otherwise.
    fn begin_epoch(&mut self, epoch: u64) -> Result<(), AppendError>;

    /// Reads from `sequence` on, up to what is durable now. Starting behind that reads nothing.
    ///
    /// # Errors
    /// [`ReadError`], above all when entries were removed.
    fn read(&self, sequence: u64) -> Result<Self::Cursor, ReadError>;

    /// Reads from the first entry whose time is not before `time`.
    ///
    /// # Errors
    /// [`ReadError`].
    fn read_from_time(&self, time: Timestamp) -> Result<Self::Cursor, ReadError>;

    /// Keeps the state after entry `sequence`. When it returns, the snapshot is on the disk and
    /// old ones beyond those kept are gone.
    ///
    /// # Errors
    /// [`ReadError::System`]; the snapshots before stay as they are.
    fn put_snapshot(&mut self, sequence: u64, state: &[u8]) -> Result<(), ReadError>;

    /// The newest good snapshot, and which newer ones were passed over as damaged.
    ///
    /// # Errors
    /// [`ReadError::System`].
    fn newest_snapshot(&self) -> Result<(Option<Snapshot>, SnapshotReport), ReadError>;

    /// Removes entries before `sequence`, as far as the backend can do so cheaply; some may stay.
    /// Only what is durable is ever removed.
    ///
    /// # Errors
    /// [`ReadError::System`].
    fn remove_before(&mut self, sequence: u64) -> Result<(), ReadError>;
}
