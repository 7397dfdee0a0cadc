//! What the core tells everybody of itself.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tiercel_sync::layout::Apart;

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
    failure: OnceLock<String>,
    follower_failure: OnceLock<String>,
    /// No event will be released any more.
    over: AtomicBool,
    /// The core's.
    pub(crate) core: Bell,
    /// One for each reader.
    pub(crate) readers: Box<[Bell]>,
}

impl Shared {
    pub(crate) fn new(readers: usize, sequence: u64) -> Arc<Self> {
        Arc::new(Self {
            health: Apart::new(AtomicU8::new(Health::Running as u8)),
            released: Apart::new(AtomicU64::new(0)),
            sequence: AtomicU64::new(sequence),
            durable: AtomicU64::new(sequence),
            failure: OnceLock::new(),
            follower_failure: OnceLock::new(),
            over: AtomicBool::new(false),
            core: Bell::default(),
            readers: (0..readers).map(|_| Bell::default()).collect(),
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

    #[inline]
    pub(crate) fn release(&self, events: u64) {
        // Release, with `released`: the events are written, and their commands durable.
        self.released.store(events, Ordering::Release);
        self.ring_readers();
    }

    #[inline]
    pub(crate) fn released(&self) -> u64 {
        self.released.load(Ordering::Acquire)
    }

    fn ring_readers(&self) {
        for reader in &self.readers {
            reader.ring();
        }
    }

    pub(crate) fn tell(&self, sequence: u64, durable: u64) {
        self.sequence.store(sequence, Ordering::Relaxed);
        // Release: the follower that reads so far in the files finds it there.
        self.durable.store(durable, Ordering::Release);
    }
}

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
