//! What the core tells everybody of itself.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tiercel_sync::layout::Apart;
use tiercel_types::Timestamp;

use super::bell::Bell;

/// Whether the venue takes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// It does.
    Running = 0,
    /// It was told to stop: what it has taken is finished, and it takes nothing more.
    Stopping = 1,
    /// The log has failed, or a stage is gone: it takes nothing more. What it has told is true;
    /// what was handed in and not answered has an unknown outcome.
    Failed = 2,
    /// It is done: all that it has taken is answered.
    Stopped = 3,
}

impl Health {
    const fn of(code: u8) -> Self {
        match code {
            0 => Self::Running,
            1 => Self::Stopping,
            2 => Self::Failed,
            _ => Self::Stopped,
        }
    }
}

/// What the core, gateways and the follower share.
#[derive(Debug)]
pub(crate) struct Shared {
    health: Apart<AtomicU8>,
    /// Events that readers may see.
    released: Apart<AtomicU64>,
    /// The last command in the log, and the last one on the disk.
    sequence: AtomicU64,
    durable: AtomicU64,
    /// Bytes of the commands between the two.
    pending_bytes: AtomicU64,
    failure: OnceLock<String>,
    follower_failure: OnceLock<String>,
    follower: Mutex<Desk>,
    /// Commands that were handed in, and those of them that the core has taken.
    handed_in: Apart<AtomicU64>,
    taken: AtomicU64,
    /// Events that were written, and those of them that each reader has read.
    produced: AtomicU64,
    read: Box<[Apart<AtomicU64>]>,
    /// No event will be released any more.
    over: AtomicBool,
    /// The core's.
    pub(crate) core: Bell,
    /// One for each reader.
    pub(crate) readers: Box<[Bell]>,
    /// Readers that are rung at once only for what their own gateway handed in.
    patient: Box<[AtomicBool]>,
}

impl Shared {
    pub(crate) fn new(readers: usize, sequence: u64) -> Arc<Self> {
        Arc::new(Self {
            health: Apart::new(AtomicU8::new(Health::Running as u8)),
            released: Apart::new(AtomicU64::new(0)),
            sequence: AtomicU64::new(sequence),
            durable: AtomicU64::new(sequence),
            pending_bytes: AtomicU64::new(0),
            failure: OnceLock::new(),
            follower_failure: OnceLock::new(),
            follower: Mutex::default(),
            handed_in: Apart::new(AtomicU64::new(0)),
            taken: AtomicU64::new(0),
            produced: AtomicU64::new(0),
            read: (0..readers).map(|_| Apart::new(AtomicU64::new(0))).collect(),
            over: AtomicBool::new(false),
            core: Bell::default(),
            readers: (0..readers).map(|_| Bell::default()).collect(),
            patient: (0..readers).map(|_| AtomicBool::new(false)).collect(),
        })
    }

    #[inline]
    pub(crate) fn health(&self) -> Health {
        // Acquire, with `fail`: whoever sees the failure can read why.
        Health::of(self.health.load(Ordering::Acquire))
    }

    /// The venue takes nothing more. A failure stays one.
    pub(crate) fn stop(&self) {
        let (running, stopping) = (Health::Running as u8, Health::Stopping as u8);
        // Already stopping, stopped or failed: nothing to do.
        let _was =
            self.health.compare_exchange(running, stopping, Ordering::AcqRel, Ordering::Relaxed);
        self.core.ring();
    }

    pub(crate) fn fail(&self, why: &str) {
        self.failure.get_or_init(|| why.to_owned());
        self.health.store(Health::Failed as u8, Ordering::Release);
        self.end();
    }

    pub(crate) fn finish(&self) {
        self.health.store(Health::Stopped as u8, Ordering::Release);
        self.end();
    }

    fn end(&self) {
        // Release, with `is_over`: whoever sees it sees all that was released.
        self.over.store(true, Ordering::Release);
        self.ring_readers();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Shows events. They are not rung for.
    #[inline]
    pub(crate) fn release(&self, events: u64) {
        // Release, with `released`: the events are written, and their commands durable.
        self.released.store(events, Ordering::Release);
    }

    /// Rings for readers who do not wait, and for those whose bit is set; whether others are left.
    #[inline]
    pub(crate) fn ring_some(&self, asked: u64) -> bool {
        let mut left = false;
        for (at, (bell, patient)) in self.readers.iter().zip(&self.patient).enumerate() {
            // Relaxed: one that has just become patient is rung once more.
            if patient.load(Ordering::Relaxed) && asked & 1 << (at % 64) == 0 {
                left = true;
            } else {
                bell.ring();
            }
        }
        left
    }

    pub(crate) fn be_patient(&self, reader: usize) {
        self.patient[reader].store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn ring_readers(&self) {
        for reader in &self.readers {
            reader.ring();
        }
    }

    /// So many commands were handed in. Where several hand in at a time, the last word wins: the
    /// number is for people.
    #[inline]
    pub(crate) fn handed_in(&self, commands: u64) {
        self.handed_in.store(commands, Ordering::Relaxed);
    }

    /// The reader has read so many events.
    #[inline]
    pub(crate) fn read(&self, reader: usize, events: u64) {
        self.read[reader].store(events, Ordering::Relaxed);
    }

    pub(crate) fn tell_queues(&self, taken: u64, produced: u64) {
        self.taken.store(taken, Ordering::Relaxed);
        self.produced.store(produced, Ordering::Relaxed);
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, sequence: u64, durable: u64, pending_bytes: u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
        self.pending_bytes.store(pending_bytes, Ordering::Relaxed);
        // Release: the follower that reads so far in the files finds it there.
        self.durable.store(durable, Ordering::Release);
    }
}

/// How much waits in the pipeline. Each number was true at about this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// Commands that wait for the core.
    pub commands: u64,
    /// Events that wait for the disk or for the slowest reader.
    pub events: u64,
    /// Commands in the log that are not on the disk.
    pub not_durable: u64,
    /// Their bytes, as the log counts them.
    pub not_durable_bytes: u64,
}

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Of the state after this command.
    pub sequence: u64,
    /// When, by the system's clock.
    pub at: Timestamp,
    /// Its bytes.
    pub bytes: u64,
}

/// What is asked of the follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerAsk {
    /// The digest of the state.
    Digest,
    /// A snapshot now, and its digest.
    Snapshot,
}

/// What the follower answers, of the state after the last command that it has applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerReport {
    /// That command.
    pub sequence: u64,
    /// The digest of the engine's state after it.
    pub digest: u128,
}

/// Whom the follower answers.
pub(crate) type FollowerReply = Box<dyn FnOnce(Result<FollowerReport, String>) + Send>;

/// What waits for the follower, and what it has done.
#[derive(Default)]
struct Desk {
    is_there: bool,
    asks: Vec<(FollowerAsk, FollowerReply)>,
    taken: Option<SnapshotTaken>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("is_there", &self.is_there).finish_non_exhaustive()
    }
}

/// What waits for the follower at most.
const ASKS_MAX: usize = 16;

/// What anybody may ask of the running core. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Status(pub(crate) Arc<Shared>);

impl Status {
    /// Whether the venue takes commands.
    pub fn health(&self) -> Health {
        self.0.health()
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.0.failure()
    }

    /// Why no snapshots are taken any more, if the follower has failed. The venue goes on: its log
    /// is whole, and the next start takes longer.
    pub fn follower_failure(&self) -> Option<&str> {
        self.0.follower_failure.get().map(String::as_str)
    }

    pub(crate) fn follower_failed(&self, why: &str) {
        self.0.follower_failure.get_or_init(|| why.to_owned());
    }

    /// Asks the follower for something that takes its time; `reply` is called on its thread.
    ///
    /// # Errors
    /// There is no follower, or too much waits for it.
    pub fn ask_follower(
        &self,
        ask: FollowerAsk,
        reply: impl FnOnce(Result<FollowerReport, String>) + Send + 'static,
    ) -> Result<(), &'static str> {
        let mut desk = self.0.desk();
        if !desk.is_there {
            return Err("this venue takes no snapshots: nothing follows its log");
        }
        if desk.asks.len() >= ASKS_MAX {
            return Err("too much waits for the follower");
        }
        desk.asks.push((ask, Box::new(reply)));
        Ok(())
    }

    pub(crate) fn follower_begins(&self) {
        self.0.desk().is_there = true;
    }

    /// What it was asked since the last time.
    pub(crate) fn follower_asks(&self) -> Vec<(FollowerAsk, FollowerReply)> {
        std::mem::take(&mut self.0.desk().asks)
    }

    pub(crate) fn snapshot_was_taken(&self, taken: SnapshotTaken) {
        self.0.desk().taken = Some(taken);
    }

    /// The follower answers nothing more: what waits is told why.
    pub(crate) fn follower_ends(&self) {
        let mut desk = self.0.desk();
        desk.is_there = false;
        let asks = std::mem::take(&mut desk.asks);
        drop(desk);
        let why = self.follower_failure().unwrap_or("the venue stops");
        for (_, reply) in asks {
            reply(Err(why.to_owned()));
        }
    }

    /// The last snapshot that was taken since the start.
    pub fn snapshot(&self) -> Option<SnapshotTaken> {
        self.0.desk().taken
    }

    /// How much waits.
    pub fn queues(&self) -> Queues {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let read = self.0.read.iter().map(|read| load(read)).min().unwrap_or(0);
        Queues {
            commands: load(&self.0.handed_in).saturating_sub(load(&self.0.taken)),
            events: load(&self.0.produced).saturating_sub(read),
            not_durable: self.sequence().saturating_sub(self.durable_sequence()),
            not_durable_bytes: load(&self.0.pending_bytes),
        }
    }

    /// The last command in the log.
    pub fn sequence(&self) -> u64 {
        self.0.sequence.load(Ordering::Relaxed)
    }

    /// The last command on the disk.
    pub fn durable_sequence(&self) -> u64 {
        self.0.durable.load(Ordering::Acquire)
    }

    /// Has the venue stop: it takes nothing more, and finishes what it has taken.
    pub fn stop(&self) {
        self.0.stop();
    }
}
