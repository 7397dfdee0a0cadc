//! Snapshots: a state after an entry, in a file of its own.
//!
//! ```text
//!  header, 64 bytes | state
//! ```
//!
//! A snapshot is written under another name, synced, renamed, and the folder is synced: under its
//! own name it is whole, or the device lied. It is never changed afterwards.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use tiercel_types::{RULES_VERSION, SCHEMA_VERSION};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::error::ReadError;
use crate::storage::{Directory, StorageFile};

/// The first eight bytes of every snapshot.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"TIERSNAP";
/// The version of the snapshot's layout.
pub const SNAPSHOT_FORMAT_VERSION: u16 = 1;

/// The head of a snapshot: 64 bytes, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SnapshotHeader {
    magic: [u8; 8],
    format_version: u16,
    schema_version: u16,
    rules_version: u16,
    shard: u16,
    sequence: u64,
    state_size: u64,
    reserved: [u64; 3],
    /// CRC-32C of the state.
    state_checksum: u32,
    /// CRC-32C of the 60 bytes before.
    checksum: u32,
}

const HEADER_SIZE: usize = size_of::<SnapshotHeader>();
const _: () = assert!(HEADER_SIZE == 64);

/// Bytes of a state that go to the disk at once: entries of the log that are written meanwhile wait for no more.
const PIECE: usize = 1 << 20;

/// Bytes of a file: mapped where the system can, else in memory.
#[derive(Debug)]
pub enum Mapping {
    /// In memory.
    Owned(Vec<u8>),
    /// Mapped.
    Mapped(Mapped),
}

/// A read-only private mapping of a whole file.
#[derive(Debug)]
pub struct Mapped {
    start: *mut core::ffi::c_void,
    size: usize,
}

// SAFETY: the mapping is read-only, and nothing else knows its address.
unsafe impl Send for Mapped {}
// SAFETY: as above; readers on several threads only read.
unsafe impl Sync for Mapped {}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size, and every borrow of it has ended.
        let result = unsafe { munmap(self.start, self.size) };
        debug_assert!(result.is_ok(), "a whole mapping can be taken away");
    }
}

impl Mapping {
    /// Maps a whole file. The file has to stay as it is: published snapshots do.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: a new mapping at an address of the kernel's choice touches no other.
        let start = unsafe {
            mmap(std::ptr::null_mut(), size, ProtFlags::READ, MapFlags::PRIVATE, file, 0)?
        };
        Ok(Self::Mapped(Mapped { start, size }))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            // SAFETY: the mapping has this size and lives as long as `self`. Snapshots are never
            // written to once they have their name.
            Self::Mapped(map) => unsafe {
                std::slice::from_raw_parts(map.start.cast::<u8>(), map.size)
            },
        }
    }
}

/// A good snapshot. Clones share its bytes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    sequence: u64,
    bytes: Arc<Mapping>,
    start: usize,
}

impl Snapshot {
    /// The entry after which the state was taken.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The state.
    pub fn state(&self) -> &[u8] {
        &self.bytes.bytes()[self.start..]
    }

    /// A snapshot that lives in memory alone.
    pub(crate) fn in_memory(sequence: u64, state: Vec<u8>) -> Self {
        Self { sequence, bytes: Arc::new(Mapping::Owned(state)), start: 0 }
    }
}

/// Why a snapshot is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFault {
    /// Too short, another length than it says, or not a snapshot at all.
    #[error("it is cut off or foreign")]
    Shape,
    /// A checksum does not fit.
    #[error("its checksum does not fit")]
    Checksum,
    /// Another layout, schema, rules or shard than this build and journal have.
    #[error("it was written by another version or for another shard")]
    Version,
    /// It is of an entry that the log does not have.
    #[error("it is ahead of the log")]
    Ahead,
}

/// Newer snapshots that were passed over, newest first: name and fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotReport {
    /// Name of the file, and what is wrong with it.
    pub passed_over: Vec<(String, SnapshotFault)>,
}

fn name_of(sequence: u64) -> String {
    format!("{sequence:020}.snapshot")
}

/// The sequences of the snapshots that are there, newest first.
fn sequences(directory: &impl Directory) -> io::Result<Vec<u64>> {
    let mut found: Vec<u64> = directory
        .names()?
        .iter()
        .filter_map(|name| name.strip_suffix(".snapshot")?.parse().ok())
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Publishes a snapshot of the state after entry `sequence`, which has to be durable, then removes all
/// but the newest `kept`. For whoever follows the log beside its writer; the writer itself has
/// [`EventLog::put_snapshot`](crate::EventLog::put_snapshot).
///
/// # Errors
/// [`ReadError::System`]; the snapshots before stay as they are.
pub fn put(
    directory: &impl Directory,
    shard: u16,
    sequence: u64,
    state: &[u8],
    kept: usize,
) -> Result<(), ReadError> {
    let mut header = SnapshotHeader {
        magic: SNAPSHOT_MAGIC,
        format_version: SNAPSHOT_FORMAT_VERSION,
        schema_version: SCHEMA_VERSION,
        rules_version: RULES_VERSION,
        shard,
        sequence,
        state_size: state.len() as u64,
        reserved: [0; 3],
        state_checksum: crc32c::crc32c(state),
        checksum: 0,
    };
    header.checksum = crc32c::crc32c(&header.as_bytes()[..HEADER_SIZE - 4]);
    let (name, draft) = (name_of(sequence), "snapshot.draft");
    let publish = || {
        let file = directory.create(draft, (HEADER_SIZE + state.len()) as u64)?;
        file.write_at(header.as_bytes(), 0)?;
        for (at, piece) in state.chunks(PIECE).enumerate() {
            file.write_at(piece, (HEADER_SIZE + at * PIECE) as u64)?;
            file.sync()?;
        }
        file.sync()?;
        directory.rename(draft, &name)?;
        directory.sync_names()
    };
    publish().map_err(ReadError::system(format!("publish {name}")))?;
    for old in sequences(directory).map_err(ReadError::system("list snapshots"))?.iter().skip(kept)
    {
        let name = name_of(*old);
        directory.remove(&name).map_err(ReadError::system(format!("remove {name}")))?;
    }
    Ok(())
}

/// Proves a snapshot's bytes.
fn check(bytes: &[u8], shard: u16, sequence: u64, last: u64) -> Result<(), SnapshotFault> {
    let (header, state) =
        SnapshotHeader::read_from_prefix(bytes).map_err(|_| SnapshotFault::Shape)?;
    if header.magic != SNAPSHOT_MAGIC {
        return Err(SnapshotFault::Shape);
    }
    if header.checksum != crc32c::crc32c(&bytes[..HEADER_SIZE - 4]) {
        return Err(SnapshotFault::Checksum);
    }
    if header.format_version != SNAPSHOT_FORMAT_VERSION
        || header.schema_version > SCHEMA_VERSION
        || header.rules_version != RULES_VERSION
        || header.shard != shard
    {
        return Err(SnapshotFault::Version);
    }
    if header.state_size != state.len() as u64 || header.sequence != sequence {
        return Err(SnapshotFault::Shape);
    }
    if header.state_checksum != crc32c::crc32c(state) {
        return Err(SnapshotFault::Checksum);
    }
    if sequence > last { Err(SnapshotFault::Ahead) } else { Ok(()) }
}

/// The entries that there are snapshots of, good or not, newest first.
///
/// # Errors
/// [`ReadError::System`].
pub fn list(directory: &impl Directory) -> Result<Vec<u64>, ReadError> {
    sequences(directory).map_err(ReadError::system("list snapshots"))
}

/// The newest good snapshot of shard `shard` of an entry up to `last`, and which were passed over.
///
/// # Errors
/// [`ReadError::System`].
pub fn newest(
    directory: &impl Directory,
    shard: u16,
    last: u64,
) -> Result<(Option<Snapshot>, SnapshotReport), ReadError> {
    let mut report = SnapshotReport::default();
    for sequence in sequences(directory).map_err(ReadError::system("list snapshots"))? {
        let name = name_of(sequence);
        let bytes = directory.map(&name).map_err(ReadError::system(format!("map {name}")))?;
        match check(bytes.bytes(), shard, sequence, last) {
            Ok(()) => {
                let bytes = Arc::new(bytes);
                return Ok((Some(Snapshot { sequence, bytes, start: HEADER_SIZE }), report));
            }
            Err(fault) => report.passed_over.push((name, fault)),
        }
    }
    Ok((None, report))
}
