//! The bytes of a command log: a segment header, then command records back to back.
//!
//! ```text
//! segment header, 64 bytes | record | record | ...
//! ```
//!
//! No I/O here: a [`LogWriter`] appends to bytes, a [`LogReader`] walks them.

use thiserror::Error;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use crate::command::Command;
use crate::ids::Timestamp;
use crate::record::{CommandHeader, RECORD_SIZE_MAX, RecordError};
use crate::{RULES_VERSION, SCHEMA_VERSION};

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"TIERCEL\x01";

/// The head of a segment: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SegmentHeader {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// The schema version of the records.
    pub schema_version: u16,
    /// The rules version under which the commands were applied.
    pub rules_version: u16,
    /// The shard whose commands these are.
    pub shard: u16,
    /// Zero.
    pub reserved: u16,
    /// The leadership epoch under which they were sequenced.
    pub epoch: u64,
    /// The sequence of the first record.
    pub first_sequence: u64,
    /// Zero.
    pub reserved_too: [u64; 4],
}

/// Bytes of a [`SegmentHeader`].
pub const SEGMENT_HEADER_SIZE: usize = size_of::<SegmentHeader>();

impl SegmentHeader {
    /// The header that this build writes.
    pub const fn new(shard: u16, epoch: u64, first_sequence: u64) -> Self {
        Self {
            magic: MAGIC,
            schema_version: SCHEMA_VERSION,
            rules_version: RULES_VERSION,
            shard,
            reserved: 0,
            epoch,
            first_sequence,
            reserved_too: [0; 4],
        }
    }
}

/// Why bytes are not a log that this build can read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogError {
    /// No segment header.
    #[error("not a command log: no segment header")]
    Foreign,
    /// Written under rules that this build does not know.
    #[error("the log was written under rules version {found}; this build knows version {known}")]
    Rules {
        /// The log's version.
        found: u16,
        /// This build's version.
        known: u16,
    },
    /// Written in a layout that this build does not know.
    #[error("the log was written in schema version {found}; this build knows up to {known}")]
    Schema {
        /// The log's version.
        found: u16,
        /// This build's version.
        known: u16,
    },
    /// A record that is none.
    #[error("at byte {offset}: {error}")]
    Record {
        /// Where the record starts.
        offset: usize,
        /// What is wrong with it.
        error: RecordError,
    },
    /// Sequences run without gaps.
    #[error("at byte {offset}: sequence {found} where {expected} was due")]
    Sequence {
        /// Where the record starts.
        offset: usize,
        /// Its sequence.
        found: u64,
        /// The sequence that was due.
        expected: u64,
    },
    /// Times never decrease.
    #[error("at byte {offset}: time {found_ns} ns after {previous_ns} ns")]
    Time {
        /// Where the record starts.
        offset: usize,
        /// Its time.
        found_ns: u64,
        /// The time of the record before.
        previous_ns: u64,
    },
}

/// Appends commands to bytes.
#[derive(Debug)]
pub struct LogWriter {
    bytes: Vec<u8>,
}

impl LogWriter {
    /// Starts a segment.
    pub fn new(header: SegmentHeader) -> Self {
        Self { bytes: header.as_bytes().to_vec() }
    }

    /// Appends a command.
    pub fn append(&mut self, sequence: u64, time: Timestamp, command: &Command) {
        let start = self.bytes.len();
        self.bytes.resize(start + RECORD_SIZE_MAX, 0);
        let size = command.encode(sequence, time, &mut self.bytes[start..]).unwrap_or(0);
        self.bytes.truncate(start + size);
    }

    /// The segment so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Walks the commands of a segment, and checks that sequences run on and times never decrease.
#[derive(Clone, Debug)]
pub struct LogReader<'a> {
    bytes: &'a [u8],
    offset: usize,
    header: SegmentHeader,
    next_sequence: u64,
    time_ns: u64,
    failed: bool,
}

impl<'a> LogReader<'a> {
    /// Reads the segment header.
    ///
    /// # Errors
    /// [`LogError`] when this is no log, or one of another version.
    pub fn new(bytes: &'a [u8]) -> Result<Self, LogError> {
        let head = bytes.get(..SEGMENT_HEADER_SIZE).ok_or(LogError::Foreign)?;
        let mut header = SegmentHeader::new_zeroed();
        header.as_mut_bytes().copy_from_slice(head);
        if header.magic != MAGIC {
            return Err(LogError::Foreign);
        }
        if header.schema_version > SCHEMA_VERSION {
            let (found, known) = (header.schema_version, SCHEMA_VERSION);
            return Err(LogError::Schema { found, known });
        }
        if header.rules_version != RULES_VERSION {
            let (found, known) = (header.rules_version, RULES_VERSION);
            return Err(LogError::Rules { found, known });
        }
        let next_sequence = header.first_sequence;
        Ok(Self {
            bytes,
            offset: SEGMENT_HEADER_SIZE,
            header,
            next_sequence,
            time_ns: 0,
            failed: false,
        })
    }

    /// The segment's header.
    pub const fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Where the next record starts.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    fn read(&mut self) -> Result<(CommandHeader, Command), LogError> {
        let offset = self.offset;
        let (header, command) = Command::decode(&self.bytes[offset..])
            .map_err(|error| LogError::Record { offset, error })?;
        if header.sequence != self.next_sequence {
            let (found, expected) = (header.sequence, self.next_sequence);
            return Err(LogError::Sequence { offset, found, expected });
        }
        if header.time_ns < self.time_ns {
            let (found_ns, previous_ns) = (header.time_ns, self.time_ns);
            return Err(LogError::Time { offset, found_ns, previous_ns });
        }
        self.offset += usize::from(header.length);
        self.next_sequence += 1;
        self.time_ns = header.time_ns;
        Ok((header, command))
    }
}

impl Iterator for LogReader<'_> {
    type Item = Result<(CommandHeader, Command), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.offset == self.bytes.len() {
            return None;
        }
        let result = self.read();
        self.failed = result.is_err();
        Some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::AdvanceTime;
    use crate::record::COMMAND_HEADER_SIZE;

    fn log() -> Vec<u8> {
        let mut writer = LogWriter::new(SegmentHeader::new(2, 7, 5));
        for (sequence, time_ns) in [(5, 10), (6, 10), (7, 11)] {
            writer.append(sequence, Timestamp(time_ns), &AdvanceTime::default().into());
        }
        writer.as_bytes().to_vec()
    }

    #[test]
    fn a_log_reads_back_in_order() {
        let bytes = log();
        let reader = LogReader::new(&bytes).unwrap();
        assert_eq!((reader.header().shard, reader.header().epoch), (2, 7));
        let sequences: Vec<u64> = reader.map(|record| record.unwrap().0.sequence).collect();
        assert_eq!(sequences, [5, 6, 7]);
    }

    #[test]
    fn gaps_backward_time_and_torn_tails_are_told_with_their_offset() {
        let second = SEGMENT_HEADER_SIZE + COMMAND_HEADER_SIZE + 8;
        let error_of = |bytes: &[u8]| LogReader::new(bytes).unwrap().find_map(Result::err);
        let mut bytes = log();
        bytes[second + 8] = 9;
        assert_eq!(
            error_of(&bytes),
            Some(LogError::Sequence { offset: second, found: 9, expected: 6 })
        );
        let mut bytes = log();
        bytes[second + 16] = 3;
        assert!(matches!(error_of(&bytes), Some(LogError::Time { found_ns: 3, .. })));
        let bytes = log();
        assert!(matches!(
            error_of(&bytes[..second + 5]),
            Some(LogError::Record { offset, error: RecordError::Short { .. } }) if offset == second
        ));
        let mut bytes = log();
        bytes[10] = 99;
        assert!(matches!(LogReader::new(&bytes), Err(LogError::Rules { found: 99, .. })));
        assert!(matches!(LogReader::new(b"{}"), Err(LogError::Foreign)));
    }
}
