//! What can go wrong, as values.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::index::Index;

/// Why a bus cannot be created, opened or rolled.
#[derive(Debug, Error)]
pub enum BusError {
    /// The system refused.
    #[error("{what} {}: {source}", path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// There is a bus at this place already.
    #[error("there is a bus already: {}", .0.display())]
    Exists(PathBuf),
    /// There is no bus at this place: no directory with a cycle in it, no file.
    #[error("there is no bus: {}", .0.display())]
    Missing(PathBuf),
    /// The file is something else: it does not begin as a cycle does.
    #[error("not a bus: {}", .0.display())]
    NotABus(PathBuf),
    /// The file has a version that this build does not know.
    #[error("bus version {found} is not known to this build, which knows {known}: {}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version of this build.
        known: u32,
    },
    /// The file is shorter or longer than its first page says.
    #[error("cut off or grown: {} has {found} bytes and should have {expected}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What its first page says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// The file's first page contradicts itself or its neighbours.
    #[error("damaged: {}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A record's word is one that no writer puts there.
    #[error("damaged: {}: no record's word at byte {position}, where record {index} should be", path.display())]
    Word {
        /// The file.
        path: PathBuf,
        /// The index that is missing.
        index: Index,
        /// The byte of the word.
        position: usize,
    },
    /// The options make no bus.
    #[error("these options make no bus: {0}")]
    Options(&'static str),
    /// The bus was made for one writer, and the handle is for several, or the other way round; or
    /// the file is one cycle of a directory, which alone is written to.
    #[error("the bus was made for {0}")]
    Mode(&'static str),
    /// Another writer has the bus. Its process is alive: the system keeps its lock.
    #[error("another writer has the bus, and is alive")]
    WriterPresent,
    /// As many writers as there are slots have the bus, and are alive.
    #[error("all {0} writers' slots are taken by writers that are alive")]
    WritersPresent(u32),
}

impl BusError {
    /// Wraps the system's refusal of `what` on `path`.
    pub(crate) fn system(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::System { what, path, source }
    }
}

/// Why a record cannot be appended. Nothing of it is in the bus then.
#[derive(Debug, Error)]
pub enum AppendError {
    /// Longer than a record can be in this bus.
    #[error("{length} bytes are more than a record of this bus can hold, {max}")]
    TooLong {
        /// What was asked.
        length: usize,
        /// The bound.
        max: usize,
    },
    /// The bus is one file, which is full: it cannot roll.
    #[error("the bus is one file, and full")]
    Full,
    /// The next cycle could not be made or opened.
    #[error("cannot roll to the next cycle: {0}")]
    Roll(#[source] BusError),
    /// A word that no writer puts there: another program wrote into the file.
    #[error("damaged: {0}")]
    Damaged(#[source] BusError),
}

/// Why a reader cannot go on.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The records in between were removed with their cycles before this reader came to them. It
    /// stands at `to` now, and goes on from there.
    #[error("lost: records from {from} up to {to} were removed before they were read")]
    Lost {
        /// The first record that was not read.
        from: Index,
        /// The next that will be.
        to: Index,
    },
    /// The index was not written yet: the cycle's tail is before it.
    #[error("{index} is beyond the last record, before {tail}")]
    Beyond {
        /// What was asked.
        index: Index,
        /// What the next record will be.
        tail: Index,
    },
    /// A word that no writer puts there. The reader stays where it is.
    #[error("damaged: {0}")]
    Damaged(#[source] BusError),
    /// The next cycle cannot be opened. The reader stays where it is.
    #[error("cannot open the next cycle: {0}")]
    Cycle(#[source] BusError),
}
