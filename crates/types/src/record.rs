//! Records: how commands and events lie in memory, in rings and in logs.
//!
//! A record is a header and a body, both `#[repr(C)]`, little-endian, a multiple of eight bytes
//! and at most [`RECORD_SIZE_MAX`]. The header's length covers both. Fields are only ever
//! appended to a body: a reader fills what an older, shorter record lacks with zeros, and ignores
//! what a newer, longer one adds.

use thiserror::Error;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes};

/// No record is longer than this.
pub const RECORD_SIZE_MAX: usize = 256;

#[cfg(not(target_endian = "little"))]
compile_error!("records are little-endian in memory; this target is not");

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Fewer bytes than the header says.
    #[error("the record is cut short: {needed} bytes needed, {available} there")]
    Short {
        /// Bytes that the record needs.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A length no record can have.
    #[error("impossible record length {length}")]
    Length {
        /// The length the header gives.
        length: usize,
    },
    /// A kind this build does not know.
    #[error("unknown record kind {kind}")]
    Kind {
        /// The kind the header gives.
        kind: u8,
    },
    /// A field with a value it cannot have.
    #[error("a field of the record of kind {kind} has a value it cannot have")]
    Field {
        /// The record's kind.
        kind: u8,
    },
    /// A schema version this build does not know.
    #[error("record schema version {version} is newer than this build knows")]
    Version {
        /// The version the header gives.
        version: u8,
    },
}

/// The head of a command in a log or a ring: 24 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct CommandHeader {
    /// Bytes of header and body.
    pub length: u16,
    /// Which command: a code of [`crate::command::Kind`].
    pub kind: u8,
    /// The schema version it was written under.
    pub version: u8,
    /// Zero.
    pub reserved: u32,
    /// Its place in the shard's log, from 1, without gaps.
    pub sequence: u64,
    /// Its time in nanoseconds since the Unix epoch; never decreases along the log.
    pub time_ns: u64,
}

/// Bytes of a [`CommandHeader`].
pub const COMMAND_HEADER_SIZE: usize = size_of::<CommandHeader>();

/// Reads a body that may be shorter (older) or longer (newer) than `T`.
///
/// # Errors
/// [`RecordError::Field`] when a checked field has no such value.
#[inline]
pub fn read_body<T: TryFromBytes + KnownLayout + Immutable + Copy>(
    kind: u8,
    bytes: &[u8],
) -> Result<T, RecordError> {
    if let Some(whole) = bytes.get(..size_of::<T>()) {
        return T::try_read_from_bytes(whole).map_err(|_| RecordError::Field { kind });
    }
    let mut padded = [0_u8; RECORD_SIZE_MAX];
    padded[..bytes.len()].copy_from_slice(bytes);
    T::try_read_from_bytes(&padded[..size_of::<T>()]).map_err(|_| RecordError::Field { kind })
}
