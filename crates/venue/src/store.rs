//! The folder of a venue: its command log and the snapshots, and how a state comes of them.
//!
//! ```text
//!   open: lock --> log, its torn tail cut --> newest good snapshot --> the commands behind it
//! ```
//!
//! What the state is follows from the log alone: with a snapshot or without, the same digest.
//! A start that finds damage says where and what to do, and changes nothing.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tiercel_journal::storage::Storage;
use tiercel_journal::{
    Cursor, EventLog, FileStorage, IoOptions, Journal, LogCursor, OpenError, Options, ReadError,
    Recovery, Snapshot, snapshot,
};
use tiercel_matching::{EngineConfig, FullEngine};
use tiercel_types::record::RecordError;
use tiercel_types::{Event, EventHeader};

use crate::models::{ModelLimits, Models};
use crate::pipeline::{Follower, SnapshotPolicy};
use crate::replica::{Replay, Replica, StateError};

/// How a store is laid out, and what is made of it.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// The log's files, and how many snapshots are kept.
    pub journal: Options,
    /// The engine's capacities; its shard is the log's.
    pub engine: EngineConfig,
    /// How far read models look back.
    pub models: ModelLimits,
    /// When snapshots are taken; `None`: never, and no second engine is kept for them.
    pub snapshots: Option<SnapshotPolicy>,
}

/// Why a gateway cannot go on where the log is.
#[derive(Debug, Error)]
pub enum CatchUpError {
    /// What it keeps itself.
    #[error("its files: {0}")]
    Files(#[from] io::Error),
    /// The venue's log.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a venue cannot start from its store. Nothing was changed, but for a lock file.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("{folder}: {error}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// The system's refusal.
        error: io::Error,
    },
    /// The log cannot be opened: another venue has it, or it is damaged.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The log or the snapshots cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log holds something that is no command of this build.
    #[error(
        "command {sequence} of the log: {error}. Start the build that wrote it, or a newer one"
    )]
    Record {
        /// Which entry.
        sequence: u64,
        /// What is wrong with it.
        error: RecordError,
    },
    /// The log's front was removed, and there is no snapshot to start from.
    #[error(
        "the log begins with command {first}, and no good snapshot reaches it{}. Restore a snapshot \
         of command {before} or later, or the segments in front, from a copy",
        named(.passed_over), before = .first - 1
    )]
    NoSnapshot {
        /// The log's first command.
        first: u64,
        /// Snapshots that are no good, and why.
        passed_over: Vec<(String, String)>,
    },
}

fn named(passed_over: &[(String, String)]) -> String {
    passed_over.iter().fold(String::new(), |text, (name, why)| format!("{text}; {name}: {why}"))
}

/// What a start found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreReport {
    /// What the log's recovery found.
    pub log: Recovery,
    /// The command of the snapshot that was started from; zero: none was.
    pub snapshot: u64,
    /// Newer snapshots that are no good, and why.
    pub passed_over: Vec<(String, String)>,
    /// Commands that were applied behind it.
    pub replayed: u64,
}

/// An open store, and the state that came of it.
pub struct Opened<S: Storage> {
    /// The log. It is locked against a second venue while it lives.
    pub journal: Journal<S>,
    /// The engine after the log's last command.
    pub engine: FullEngine,
    /// The read models after the same command.
    pub models: Models,
    /// What takes snapshots, if they are wanted.
    pub follower: Option<Follower<S::Directory>>,
    /// What was found.
    pub report: StoreReport,
}

/// Opens the store in `folder`, which is made if it is not there.
///
/// # Errors
/// [`StoreError`].
pub fn open(
    folder: &Path,
    io: IoOptions,
    options: &StoreOptions,
) -> Result<Opened<FileStorage>, StoreError> {
    let refused = |error| StoreError::Folder { folder: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(refused)?;
    recover(FileStorage::open(folder, io).map_err(refused)?, options)
}

/// Opens the store that lies on `storage`.
///
/// # Errors
/// [`StoreError`].
pub fn recover<S: Storage>(storage: S, options: &StoreOptions) -> Result<Opened<S>, StoreError> {
    let journal = Journal::open(storage, options.journal)?;
    let mut report = StoreReport { log: journal.recovery().clone(), ..StoreReport::default() };
    let last = journal.position().sequence;
    let mut replica = newest(&journal, options, last, &mut report)?;
    report.snapshot = replica.sequence();
    let first = journal.first_sequence();
    if first > replica.sequence() + 1 {
        let passed_over = report.passed_over;
        return Err(StoreError::NoSnapshot { first, passed_over });
    }
    let mut cursor = journal.read(replica.sequence() + 1)?;
    report.replayed = catch_up(&mut replica, &mut cursor, u64::MAX)?;
    let follower = options.snapshots.map(|policy| {
        let directory = journal.storage().directory().clone();
        Follower::new(replica.clone(), cursor, directory, &options.journal, policy, report.snapshot)
    });
    let (engine, models) = replica.into_parts();
    Ok(Opened { journal, engine, models, follower, report })
}

/// A venue as it once stood, and the log from there on.
pub struct Rewound<S: Storage> {
    replica: Replica,
    cursor: Cursor<S::Directory>,
}

/// The venue as it stood after a command of the log; `None` if no good snapshot of that time or before
/// leads there: for those who have to know what happened since.
///
/// # Errors
/// [`StoreError`].
pub fn rewind<S: Storage>(
    journal: &Journal<S>,
    options: &StoreOptions,
    sequence: u64,
) -> Result<Option<Rewound<S>>, StoreError> {
    let mut replica = newest(journal, options, sequence, &mut StoreReport::default())?;
    let from = replica.sequence();
    if journal.first_sequence() > from + 1 {
        return Ok(None);
    }
    let mut cursor = journal.read(from + 1)?;
    catch_up(&mut replica, &mut cursor, sequence - from)?;
    Ok((replica.sequence() == sequence).then_some(Rewound { replica, cursor }))
}

impl<S: Storage> Rewound<S> {
    /// The engine as it stands.
    pub const fn engine(&self) -> &FullEngine {
        self.replica.engine()
    }

    /// The read models as they stand.
    pub const fn models(&self) -> &Models {
        self.replica.models()
    }

    /// Goes on to the end of the log: its events go to `told`. Returns how many commands there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn catch_up(
        &mut self,
        mut told: impl FnMut(&EventHeader, &Event),
    ) -> Result<u64, StoreError> {
        self.replay(&mut told)
    }

    /// The same, told to who looks at commands too.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn replay(&mut self, told: &mut impl Replay) -> Result<u64, StoreError> {
        catch_up_told(&mut self.replica, &mut self.cursor, u64::MAX, told)
    }
}

/// The newest good snapshot's state, of command `last` or before; else that before the first command.
fn newest<S: Storage>(
    journal: &Journal<S>,
    options: &StoreOptions,
    mut last: u64,
    report: &mut StoreReport,
) -> Result<Replica, StoreError> {
    let shard = options.journal.shard;
    let config = EngineConfig { shard, ..options.engine };
    loop {
        let directory = journal.storage().directory();
        let (snapshot, faults) = snapshot::newest(directory, shard, last)?;
        for (name, fault) in faults.passed_over {
            if !report.passed_over.iter().any(|(known, _)| *known == name) {
                report.passed_over.push((name, fault.to_string()));
            }
        }
        let Some(snapshot) = snapshot else { return Ok(Replica::new(config, options.models)) };
        match state_of(&snapshot, config, options.models) {
            Ok(replica) => return Ok(replica),
            Err(error) => {
                let name = format!("snapshot of command {}", snapshot.sequence());
                report.passed_over.push((name, error.to_string()));
                let Some(before) = snapshot.sequence().checked_sub(1) else {
                    return Ok(Replica::new(config, options.models));
                };
                last = before;
            }
        }
    }
}

fn state_of(
    snapshot: &Snapshot,
    config: EngineConfig,
    limits: ModelLimits,
) -> Result<Replica, StateError> {
    let replica = Replica::load(snapshot.state(), config, limits)?;
    if replica.sequence() == snapshot.sequence() { Ok(replica) } else { Err(StateError::Apart) }
}

/// Applies what `cursor` has, `most` commands at most; returns how many there were.
pub(crate) fn catch_up<D: tiercel_journal::storage::Directory>(
    replica: &mut Replica,
    cursor: &mut Cursor<D>,
    most: u64,
) -> Result<u64, StoreError> {
    catch_up_told(replica, cursor, most, &mut |_: &EventHeader, _: &Event| {})
}

/// The same, told to who looks at it.
fn catch_up_told<D: tiercel_journal::storage::Directory>(
    replica: &mut Replica,
    cursor: &mut Cursor<D>,
    most: u64,
    told: &mut impl Replay,
) -> Result<u64, StoreError> {
    let mut applied = 0;
    while applied < most {
        let Some(record) = cursor.next_record()? else { break };
        let sequence = record.header.sequence;
        let applied_it = replica.apply_told(&record, told);
        applied_it.map_err(|error| StoreError::Record { sequence, error })?;
        applied += 1;
    }
    Ok(applied)
}
