//! Durability on more than one machine: what was appended counts as acknowledged once the local log
//! and a replica of it both have it.
//!
//! ```text
//!   append --> local log ----> local acknowledged  --+
//!         \                                          +--> the lesser is what may be told
//!          +-> replica ------> replica acknowledged -+
//! ```
//!
//! The policy:
//!
//! - Nothing is told before both have it. A replica that is slow makes answers slow; its queue fills,
//!   then the core waits, then the command ring fills, and gateways tell their clients so.
//! - A replica that fails, as it says itself (a deadline of its own, a lost quorum, a later leader),
//!   is a failed write: the venue takes no commands any more and says so. What was handed in and not
//!   answered has an unknown outcome.
//! - The local log may be ahead of the replica after a crash, by what was never acknowledged. The next
//!   start hands that to the replica first. A replica that is ahead of the local log belongs to
//!   another leader: no start.
//! - Snapshots hold only what both have.

use std::time::Duration;

use thiserror::Error;
use tiercel_journal::storage::Storage;
use tiercel_journal::{
    AppendError, Durability, Entry, EventLog, Journal, LogCursor, LogFailure, Position, ReadError,
    Snapshot, SnapshotReport,
};
use tiercel_types::Timestamp;

/// How long the core waits for the replica before it looks at the local log again.
const WAIT: Duration = Duration::from_millis(1);

/// Something elsewhere that keeps the log too. Made so that a stream of another machine can stand
/// behind it: it takes entries without waiting, and acknowledges them later, in their order.
pub trait LogReplica {
    /// How many entries it would take now.
    fn room(&self) -> usize;

    /// Takes entries that were appended locally, the last of them at `last`. There is
    /// [room](Self::room) for them. Does not wait.
    ///
    /// # Errors
    /// [`LogFailure`]: it takes nothing more.
    fn offer(&mut self, last: Position, entries: &[Entry<'_>]) -> Result<(), LogFailure>;

    /// Drives what is under way; returns how much was done. Does not wait.
    ///
    /// # Errors
    /// [`LogFailure`], from the first time on: above all when an acknowledgement is overdue.
    fn poll(&mut self) -> Result<usize, LogFailure>;

    /// It has everything up to this entry.
    fn acknowledged_sequence(&self) -> u64;

    /// Waits until it may have acknowledged more, or for `longest`.
    fn wait(&mut self, longest: Duration);

    /// Takes over under a later epoch.
    ///
    /// # Errors
    /// [`AppendError::Epoch`] if another leader has a later one; the failure otherwise.
    fn begin_epoch(&mut self, epoch: u64) -> Result<(), AppendError>;
}

/// Why a log and its replica do not go together.
#[derive(Debug, Error)]
pub enum ReplicaError {
    /// It has entries that this log does not have.
    #[error(
        "the replica has command {replica}, and this log ends with {local}: another venue leads, or \
         this log lost its end"
    )]
    Ahead {
        /// The replica's last entry.
        replica: u64,
        /// The log's.
        local: u64,
    },
    /// What it lacks cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It failed while it caught up.
    #[error(transparent)]
    Failed(#[from] LogFailure),
}

/// A log and its replica, as one log.
#[derive(Debug)]
pub struct Replicated<L, R> {
    local: L,
    replica: R,
}

impl<L: EventLog, R: LogReplica> Replicated<L, R> {
    /// Joins them, after the replica has what it lacked.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn open(local: L, mut replica: R) -> Result<Self, ReplicaError> {
        let end = local.position();
        let there = replica.acknowledged_sequence();
        if there > end.sequence {
            return Err(ReplicaError::Ahead { replica: there, local: end.sequence });
        }
        let mut lacking = local.read(there + 1)?;
        while let Some(record) = lacking.next_record()? {
            while replica.room() == 0 {
                replica.poll()?;
                replica.wait(WAIT);
            }
            let header = record.header;
            let entry = Entry {
                time: Timestamp(header.time_ns),
                kind: header.kind,
                version: header.version,
                body: record.body,
            };
            replica.offer(Position { sequence: header.sequence, ..end }, &[entry])?;
        }
        while replica.acknowledged_sequence() < end.sequence {
            replica.poll()?;
            replica.wait(WAIT);
        }
        Ok(Self { local, replica })
    }

    /// The replica.
    pub const fn replica(&self) -> &R {
        &self.replica
    }
}

impl<L: EventLog, R: LogReplica> EventLog for Replicated<L, R> {
    type Cursor = L::Cursor;

    fn position(&self) -> Position {
        self.local.position()
    }

    fn last_time_ns(&self) -> u64 {
        self.local.last_time_ns()
    }

    fn first_sequence(&self) -> u64 {
        self.local.first_sequence()
    }

    #[inline]
    fn append(
        &mut self,
        after: Position,
        entries: &[Entry<'_>],
        durability: Durability,
    ) -> Result<u64, AppendError> {
        if self.replica.room() < entries.len() {
            return Err(AppendError::Full);
        }
        let sequence = self.local.append(after, entries, durability)?;
        self.replica.offer(Position { sequence, ..after }, entries)?;
        Ok(sequence)
    }

    #[inline]
    fn poll(&mut self) -> Result<usize, LogFailure> {
        Ok(self.local.poll()? + self.replica.poll()?)
    }

    fn flush(&mut self) -> Result<(), LogFailure> {
        self.local.flush()
    }

    #[inline]
    fn durable_sequence(&self) -> u64 {
        self.local.durable_sequence().min(self.replica.acknowledged_sequence())
    }

    #[inline]
    fn pending_bytes(&self) -> u64 {
        self.local.pending_bytes()
    }

    #[inline]
    fn acknowledged_sequence(&self) -> u64 {
        self.local.acknowledged_sequence().min(self.replica.acknowledged_sequence())
    }

    fn wait_durable(&mut self, sequence: u64) -> Result<(), LogFailure> {
        self.local.wait_durable(sequence)?;
        loop {
            self.poll()?;
            if self.replica.acknowledged_sequence() >= sequence {
                return Ok(());
            }
            self.replica.wait(WAIT);
        }
    }

    fn begin_epoch(&mut self, epoch: u64) -> Result<(), AppendError> {
        self.replica.begin_epoch(epoch)?;
        self.local.begin_epoch(epoch)
    }

    fn read(&self, sequence: u64) -> Result<Self::Cursor, ReadError> {
        self.local.read(sequence)
    }

    fn read_from_time(&self, time: Timestamp) -> Result<Self::Cursor, ReadError> {
        self.local.read_from_time(time)
    }

    fn put_snapshot(&mut self, sequence: u64, state: &[u8]) -> Result<(), ReadError> {
        self.local.put_snapshot(sequence, state)
    }

    fn newest_snapshot(&self) -> Result<(Option<Snapshot>, SnapshotReport), ReadError> {
        self.local.newest_snapshot()
    }

    fn remove_before(&mut self, sequence: u64) -> Result<(), ReadError> {
        let kept = self.replica.acknowledged_sequence();
        self.local.remove_before(sequence.min(kept + 1))
    }
}

/// A log that a venue runs on, and ends with.
pub trait VenueLog: EventLog {
    /// Ends it, with everything on the disk.
    ///
    /// # Errors
    /// [`LogFailure`].
    fn close(self) -> Result<(), LogFailure>;
}

impl<S: Storage> VenueLog for Journal<S> {
    fn close(self) -> Result<(), LogFailure> {
        Journal::close(self).map(|_sequence| ())
    }
}

impl<L: VenueLog, R: LogReplica> VenueLog for Replicated<L, R> {
    fn close(self) -> Result<(), LogFailure> {
        self.local.close()
    }
}
