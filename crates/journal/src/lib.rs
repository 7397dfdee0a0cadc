//! The durable event log: segmented files, group commit, recovery, snapshots.
//!
//! ```text
//!   append --> batch in memory --> one write at a time, O_DIRECT + RWF_DSYNC --> durable_sequence
//!   (tens of ns)                   (io_uring; all that gathered meanwhile)
//!
//!   open: newest good snapshot + the entries behind it; a torn tail is cut, damage is refused
//! ```
//!
//! The format, the recovery rules and what each durability level means are in docs/journal.md.
//!
//! ```
//! use tiercel_journal::{Durability, Entry, EventLog, FileStorage, IoOptions, Journal, LogCursor, Options};
//! use tiercel_types::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("tiercel-journal-doc-{}", std::process::id()));
//! let storage = FileStorage::open(&folder, IoOptions::default())?;
//! let options = Options { segment_size: 1 << 20, ..Options::default() };
//! let mut journal = Journal::open(storage, options)?;
//!
//! let entry = Entry { time: Timestamp(1_000), kind: 17, version: 1, body: &[0; 8] };
//! let sequence = journal.append(journal.position(), &[entry], Durability::Disk)?;
//! journal.wait_durable(sequence)?;
//!
//! let mut cursor = journal.read(1)?;
//! while let Some(record) = cursor.next_record()? {
//!     assert_eq!((record.header.sequence, record.body), (1, &[0; 8][..]));
//! }
//! journal.close()?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! Architecture Invariant: a write or sync that fails stops the log; nothing is retried, because
//! what the device did with the bytes is unknown.
//!
//! Architecture Invariant: no byte that is durable is written again. Every write starts on a block
//! of its own.

mod batch;
pub mod buffer;
pub mod cursor;
pub mod error;
pub mod files;
pub mod frame;
mod group_commit;
pub mod header;
mod index;
pub mod inspect;
mod journal;
pub mod log;
pub mod memory;
mod options;
mod probe;
mod recovery;
pub mod scan;
pub mod snapshot;
mod spare;
pub mod storage;
#[cfg(target_os = "linux")]
mod uring;

pub use cursor::Cursor;
pub use error::{AppendError, Damage, LogFailure, OpenError, ReadError};
pub use files::{Engine, FileStorage, Folder, FolderLock, IoOptions, Method};
pub use index::IndexEntry;
pub use inspect::{Inspection, inspect, verify};
pub use journal::{Journal, Recovery};
pub use log::{Durability, Entry, EventLog, LogCursor, Position, Record};
pub use memory::{MemoryCursor, MemoryLog};
pub use options::Options;
pub use scan::{Scan, TornTail};
pub use snapshot::{Snapshot, SnapshotReport};
