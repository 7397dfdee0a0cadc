//! The follower: a second engine and second read models, fed from the durable log beside the core,
//! that take snapshots. The core never stops for one.

use tiercel_journal::storage::Directory;
use tiercel_journal::{Cursor, Options, snapshot};
use tiercel_types::Timestamp;

use crate::replica::Replica;
use crate::store::{StoreError, catch_up};

use super::status::{FollowerAsk, FollowerReport, SnapshotTaken};

/// Commands of one turn: some 500 us.
const TURN: u64 = 1_024;

/// When a snapshot is taken: whichever comes first. There is none without a new command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// After so many commands.
    pub commands: u64,
    /// After so long, in nanoseconds of the venue's clock.
    pub interval_ns: u64,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self { commands: 4_000_000, interval_ns: 600_000_000_000 }
    }
}

/// The follower stage. It owns no thread.
pub struct Follower<D: Directory> {
    replica: Replica,
    cursor: Cursor<D>,
    /// The command up to which the cursor reads.
    reaches: u64,
    directory: D,
    shard: u16,
    kept: usize,
    policy: SnapshotPolicy,
    /// The last snapshot: of which command, and when it was taken.
    taken: (u64, Option<Timestamp>),
    last: Option<SnapshotTaken>,
    image: Vec<u8>,
}

impl<D: Directory> Follower<D> {
    pub(crate) fn new(
        replica: Replica,
        cursor: Cursor<D>,
        directory: D,
        options: &Options,
        policy: SnapshotPolicy,
        snapshot: u64,
    ) -> Self {
        Self {
            reaches: replica.sequence(),
            replica,
            cursor,
            directory,
            shard: options.shard,
            kept: options.snapshots_kept,
            policy,
            taken: (snapshot, None),
            last: None,
            image: Vec::new(),
        }
    }

    /// One turn: applies commands up to `durable`, the last that is on the disk, and takes a
    /// snapshot if one is due at `now`. Returns how much was done; zero means there was nothing.
    ///
    /// # Errors
    /// [`StoreError`]: the log could not be read back, or a snapshot not be written. The venue may go
    /// on without.
    pub fn poll(&mut self, durable: u64, now: Timestamp) -> Result<u64, StoreError> {
        // What is read anew is not only what was written since: it goes on once it has all of that.
        if self.is_abreast() {
            self.cursor.extend(durable)?;
            self.reaches = durable;
        }
        let applied = catch_up(&mut self.replica, &mut self.cursor, TURN)?;
        let since = *self.taken.1.get_or_insert(now);
        let commands = self.replica.sequence() - self.taken.0;
        let is_due = commands >= self.policy.commands
            || (commands > 0 && now.0.saturating_sub(since.0) >= self.policy.interval_ns);
        if !is_due {
            return Ok(applied);
        }
        self.snapshot(now)?;
        Ok(applied + 1)
    }

    /// Whether it has applied all that it was told of.
    pub fn is_abreast(&self) -> bool {
        self.replica.sequence() >= self.reaches
    }

    /// Takes a snapshot now, if there is none of this command.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn snapshot(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let sequence = self.replica.sequence();
        if sequence != self.taken.0 {
            self.image.clear();
            self.replica.save(&mut self.image);
            snapshot::put(&self.directory, self.shard, sequence, &self.image, self.kept)?;
            let bytes = self.image.len() as u64;
            self.last = Some(SnapshotTaken { sequence, at: now, bytes });
        }
        self.taken = (sequence, Some(now));
        Ok(())
    }

    /// Does what it is asked, of the state after its last command.
    ///
    /// # Errors
    /// [`StoreError`]: the snapshot could not be written.
    pub fn answer(
        &mut self,
        ask: FollowerAsk,
        now: Timestamp,
    ) -> Result<FollowerReport, StoreError> {
        if ask == FollowerAsk::Snapshot {
            self.snapshot(now)?;
        }
        let engine = self.replica.engine();
        Ok(FollowerReport { sequence: engine.sequence(), digest: engine.digest() })
    }

    /// The last snapshot that it has taken.
    pub const fn last_snapshot(&self) -> Option<SnapshotTaken> {
        self.last
    }

    /// Its state.
    pub const fn replica(&self) -> &Replica {
        &self.replica
    }
}
