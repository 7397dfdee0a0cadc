//! What can go wrong, in types.

use std::io;

use thiserror::Error;

/// Why the head of a segment cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Other bytes than a journal's.
    #[error("not a segment of a journal")]
    Foreign,
    /// Bytes that contradict their checksum or themselves.
    #[error("the segment's header is damaged")]
    Damaged,
    /// Another layout of the journal.
    #[error("journal format {found}; this build knows {known}")]
    Format {
        /// The segment's version.
        found: u16,
        /// This build's version.
        known: u16,
    },
    /// Records of a layout that this build does not know.
    #[error("records of schema version {found}; this build knows up to {known}")]
    Schema {
        /// The segment's version.
        found: u16,
        /// This build's version.
        known: u16,
    },
    /// Rules that this build does not know.
    #[error("written under rules version {found}; this build knows {known}")]
    Rules {
        /// The segment's version.
        found: u16,
        /// This build's version.
        known: u16,
    },
}

/// Damage: entries that should be there are not readable. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// A frame is bad, and entries that were written behind it are good.
    #[error(
        "{segment}: bad frame at byte {offset}, where sequence {expected} is due; {followers}. \
         Nothing was changed. Restore the segment from a copy, or go on from a snapshot that is \
         newer than the damage"
    )]
    Frame {
        /// The segment's file.
        segment: String,
        /// Where the bad frame starts.
        offset: u64,
        /// The sequence that should be there.
        expected: u64,
        /// What is known of what follows.
        followers: Followers,
    },
    /// A frame is good, but not the one that is due.
    #[error("{segment}: sequence {found} at byte {offset}, where {expected} is due")]
    Sequence {
        /// The segment's file.
        segment: String,
        /// Where the frame starts.
        offset: u64,
        /// Its sequence.
        found: u64,
        /// The sequence that was due.
        expected: u64,
    },
    /// Time goes backward.
    #[error("{segment}: time {found_ns} ns at byte {offset}, after {previous_ns} ns")]
    Time {
        /// The segment's file.
        segment: String,
        /// Where the frame starts.
        offset: u64,
        /// Its time.
        found_ns: u64,
        /// The time before it.
        previous_ns: u64,
    },
    /// A segment's head cannot be used.
    #[error("{segment}: {error}")]
    Header {
        /// The segment's file.
        segment: String,
        /// Why.
        error: HeaderError,
    },
    /// A segment ends before the next one begins.
    #[error(
        "{segment} ends with sequence {last} at byte {offset}; the next segment begins with {next}"
    )]
    Gap {
        /// The segment's file.
        segment: String,
        /// Where it ends.
        offset: u64,
        /// Its last sequence.
        last: u64,
        /// The first sequence of the next segment.
        next: u64,
    },
    /// A segment's file is missing between others.
    #[error("segment {ordinal} is missing")]
    Missing {
        /// Its number.
        ordinal: u64,
    },
}

impl Damage {
    /// The byte of the segment that it is about, where there is one.
    pub const fn offset(&self) -> Option<u64> {
        match self {
            Self::Frame { offset, .. }
            | Self::Sequence { offset, .. }
            | Self::Time { offset, .. }
            | Self::Gap { offset, .. } => Some(*offset),
            Self::Header { .. } => Some(0),
            Self::Missing { .. } => None,
        }
    }
}

/// What follows a bad frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followers {
    /// A good frame.
    Good {
        /// Where it starts.
        offset: u64,
        /// Its sequence.
        sequence: u64,
    },
    /// The entry was durable, as is known from elsewhere.
    Unknown,
}

impl std::fmt::Display for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Good { offset, sequence } => {
                write!(f, "sequence {sequence} at byte {offset} is good")
            }
            Self::Unknown => f.write_str("it was durable"),
        }
    }
}

/// Why a journal does not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has it open.
    #[error("the journal is open elsewhere: one writer at a time")]
    Locked,
    /// Options that make no sense.
    #[error("options: {0}")]
    Options(&'static str),
    /// The journal is that of another shard.
    #[error("the journal is that of shard {found}, not of {expected}")]
    Shard {
        /// The journal's.
        found: u16,
        /// The one asked for.
        expected: u16,
    },
    /// The journal was led under a later epoch.
    #[error("the journal was led under epoch {found}; epoch {asked} is deposed")]
    Deposed {
        /// The journal's.
        found: u64,
        /// The one asked for.
        asked: u64,
    },
    /// Durable entries are not readable.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The system's refusal.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// The refusal.
        error: io::Error,
    },
}

impl OpenError {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}

/// The first thing that went wrong with an open log. It takes nothing more: what the device did
/// with the bytes is unknown, and a later success would prove nothing about them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the log has failed and takes nothing more: {what} of {length} bytes at byte {offset} of {file}: {reason}"
)]
pub struct LogFailure {
    /// What failed.
    pub what: &'static str,
    /// In which file.
    pub file: String,
    /// Where.
    pub offset: u64,
    /// How many bytes.
    pub length: usize,
    /// The system's code, where it gave one.
    pub code: Option<i32>,
    /// The system's reason.
    pub reason: String,
}

/// Why entries were not appended. Nothing of the batch was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AppendError {
    /// All buffers wait for the device. Poll, or wait, and append again.
    #[error("all buffers wait for the device")]
    Full,
    /// Another entry came first.
    #[error("the log's last sequence is {found}, not {expected}")]
    Sequence {
        /// The log's last sequence.
        found: u64,
        /// The one the caller expected.
        expected: u64,
    },
    /// The caller's epoch is not the log's.
    #[error("the log is led under epoch {found}, not {expected}")]
    Epoch {
        /// The log's epoch.
        found: u64,
        /// The caller's.
        expected: u64,
    },
    /// Times never decrease along the log.
    #[error("time {found_ns} ns after {previous_ns} ns")]
    Time {
        /// The entry's time.
        found_ns: u64,
        /// The time before it.
        previous_ns: u64,
    },
    /// An entry that no frame can hold: kind 0, or a body that is not a multiple of eight bytes
    /// or longer than 232.
    #[error("entry {index} of the batch cannot be a record")]
    Entry {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// More than one write can hold: a batch is kept whole.
    #[error("a batch of {bytes} bytes; a write holds {limit}")]
    Batch {
        /// Bytes of the batch.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The log has failed.
    #[error(transparent)]
    Failed(#[from] LogFailure),
}

/// Why entries or snapshots cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The entries were removed behind a snapshot.
    #[error("sequence {asked} is no longer there; the log begins with {first}")]
    Removed {
        /// The sequence asked for.
        asked: u64,
        /// The first one there is.
        first: u64,
    },
    /// Entries are not readable.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The system's refusal.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// The refusal.
        error: io::Error,
    },
}

impl ReadError {
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damage(damage) => Self::Damage(damage),
            ReadError::System { what, error } => Self::System { what, error },
            ReadError::Removed { .. } => {
                Self::System { what: error.to_string(), error: io::ErrorKind::NotFound.into() }
            }
        }
    }
}
