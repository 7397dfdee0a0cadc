//! A queue in shared memory, between processes: the writer puts its records straight into a mapped
//! file, and any number of readers read them there, each at its own pace.
//!
//! ```text
//!   Writer --append, or claim -> fill -> commit--> [ cycle 7 | cycle 8 | cycle 9 ... ]  one file each
//!                                                       ^         ^
//!                                          Reader (behind)      Reader (at the tail)
//! ```
//!
//! - A record is seen whole or not at all: its header word, stored last, makes it exist.
//! - Readers write nothing that a writer waits for; no reader, dead or slow, holds up a writer.
//! - Files carry everything. Any process may die at any moment, by any signal, and be started
//!   again: a writer's place is a lock that the system gives back, what it left half done is
//!   cleared or passed over, and a reader goes on from its [`Index`].
//! - What is bounded: a cycle by its size (then the writer rolls to the next file), the cycles by
//!   [`Retention`] (a reader that comes too late gets [`ReadError::Lost`]), a record by
//!   [`Bus::length_max`] ([`AppendError::TooLong`]), a bus in one file by its size
//!   ([`AppendError::Full`]).
//!
//! It is not a log that survives a crash of the machine: nothing is synced, and records carry no
//! checksum. What may be in the files, byte by byte, and what each party may rely on, is written in
//! docs/bus.md.
//!
//! # Trust
//!
//! Whoever may write the files is trusted to follow the protocol while they are mapped; whoever may
//! not can do no harm. Files that are damaged when they are opened, or whose records' words are
//! damaged, give typed errors: no length is used before it was checked against the mapping. A
//! regular file that somebody truncates while it is mapped ends the process that touches the
//! missing page (`SIGBUS`), as with every mapped file: keep the directory to its users. A bus in
//! memory is sealed against it.
//!
//! ```
//! use tiercel_bus::{Bus, Options, Start};
//! use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};
//!
//! #[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
//! #[repr(C)]
//! struct Quote {
//!     instrument: u64,
//!     bid: i64,
//!     ask: i64,
//! }
//! const QUOTE: u8 = 1;
//!
//! # let folder = std::env::temp_dir().join(format!("tiercel-bus-doc-{}", std::process::id()));
//! # let options = Options { cycle_bytes: 1 << 16, ..Options::default() };
//! let bus = Bus::open_or_create(&folder, &options)?;
//! let mut writer = bus.writer()?;
//! writer.append(QUOTE, &Quote { instrument: 7, bid: 100, ask: 101 })?;
//!
//! // In place: no copy is ever made.
//! let mut quote = writer.claim_as::<Quote>(QUOTE)?;
//! quote.instrument = 8;
//! quote.bid = 200;
//! let index = quote.commit();
//!
//! // Any process, any time later.
//! let mut reader = Bus::open(&folder)?.reader(Start::Index(index))?;
//! while let Some(record) = reader.poll()? {
//!     if let (QUOTE, Some(quote)) = (record.kind, record.get::<Quote>()) {
//!         assert_eq!(quote.bid, 200);
//!     }
//! }
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bell;
pub mod header;
pub mod index;
pub mod protocol;

// The rest needs memory that processes share, which models have not.
#[cfg(not(tiercel_loom))]
mod bus;
#[cfg(not(tiercel_loom))]
mod error;
#[cfg(not(tiercel_loom))]
mod file;
#[cfg(not(tiercel_loom))]
mod lock;
#[cfg(not(tiercel_loom))]
mod mapping;
#[cfg(not(tiercel_loom))]
mod options;
#[cfg(not(tiercel_loom))]
mod place;
#[cfg(not(tiercel_loom))]
mod reader;
#[cfg(not(tiercel_loom))]
mod spare;
#[cfg(not(tiercel_loom))]
mod survey;
#[cfg(not(tiercel_loom))]
mod wake;
#[cfg(not(tiercel_loom))]
mod writer;

pub use index::Index;

#[cfg(not(tiercel_loom))]
pub use self::{
    bus::Bus,
    error::{AppendError, BusError, ReadError},
    file::{FIRST_PAGE, VERSION},
    lock::SHARED_WRITERS_MAX,
    options::{Align, Options, Retention, Waiting, Writers},
    reader::{Reader, Record, Stall, Start},
    spare::Preparer,
    survey::{CycleSurvey, Fault},
    writer::{Mode, One, Shared, Slot, Writer},
};
