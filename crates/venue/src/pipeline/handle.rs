//! What a gateway holds: it submits commands and reads events.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tiercel_host::Clock;
use tiercel_sync::disruptor::{Closed, MultiProducer, PublishError};
use tiercel_sync::wait::BusySpin;

use super::bell::Sleeper;
use super::outbox::{Delivery, Gate};
use super::probe::Moment;
use super::status::{Health, Shared, Status};
use super::submission::{Busy, Entry, Origin, PARTS_MAX, Submission, only_takes_away};

/// Hands commands in. Clones hand in for the same gateway; each belongs to one thread at a time.
#[derive(Clone)]
pub struct Submitter {
    pub(crate) gateway: u16,
    pub(crate) ring: MultiProducer<Entry, BusySpin>,
    /// Room that is kept for what only takes orders away.
    pub(crate) kept: usize,
    /// Says when commands are handed in.
    pub(crate) clock: Clock,
    pub(crate) shared: Arc<Shared>,
}

impl Submitter {
    /// Hands in a submission. Its commands come next to each other in the log; the events of all of
    /// them come back through the gateway's [`Deliveries`], with its token, once they are durable.
    /// No system call, but to wake a core that sleeps; no allocation.
    ///
    /// An answer that does not come is an unknown outcome: ask for the order.
    ///
    /// # Errors
    /// [`Busy`]: nothing was taken.
    #[inline]
    pub fn submit(&mut self, submission: Submission<'_>) -> Result<(), Busy> {
        let Submission { token, commands } = submission;
        if !(1..=PARTS_MAX).contains(&commands.len()) {
            return Err(Busy::Parts);
        }
        if self.shared.health() != Health::Running {
            return Err(Busy::Stopped);
        }
        let kept = if commands.iter().all(only_takes_away) { 0 } else { self.kept };
        let (gateway, parts) = (self.gateway, commands.len() as u8);
        let handed_in = Moment::now(&self.clock);
        let mut part = 0;
        let write = |entry: &mut Entry, _| {
            entry.origin = Origin { gateway, part, parts, handed_in, token };
            entry.command = commands[usize::from(part)];
            part += 1;
        };
        match self.ring.try_publish_batch_sparing(commands.len(), kept, write) {
            Ok(last) => {
                self.shared.handed_in(last + 1);
                self.shared.core.ring();
                Ok(())
            }
            Err(PublishError::Full) => Err(Busy::Full),
            Err(PublishError::Closed) => Err(Busy::Stopped),
        }
    }

    /// The gateway's number, from 1: the [`Origin::gateway`] of its events.
    pub const fn gateway(&self) -> u16 {
        self.gateway
    }
}

/// Reads the venue's events, all of them, in their order: those of others too, for read models,
/// market data and the owners of orders. They are durable.
///
/// Its owner reads on without waiting for any client: the core waits for it.
pub struct Deliveries {
    pub(crate) gate: Gate,
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: usize,
    pub(crate) sleeper: Option<Sleeper>,
}

impl Deliveries {
    /// Hands over what is there, `max` events at most, and returns how many those were. Between two
    /// calls a command may be half told, if it has many events.
    ///
    /// # Errors
    /// [`Closed`] when all was read that ever will come: the venue has stopped or failed.
    #[inline]
    pub fn poll(&mut self, max: usize, handle: impl FnMut(&Delivery)) -> Result<usize, Closed> {
        let read = self.gate.poll(max, handle);
        self.shared.read(self.index, self.gate.read());
        read
    }

    /// It sleeps on, as long as [`PipelineOptions::patience`](super::PipelineOptions) says, while nothing of its
    /// own gateway's is among what can be read. For a reader that only looks on while others trade: waking it costs them microseconds.
    pub fn be_patient(&self) {
        self.shared.be_patient(self.index);
    }

    /// Ready when there is something to read, or never will be again: for a task.
    pub fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        self.shared.readers[self.index].poll(context, || self.gate.is_ready())
    }

    /// Sleeps until there is something to read, or never will be again, or for `timeout`: for a
    /// thread. The first call of a thread allocates.
    pub fn wait(&mut self, timeout: Duration) {
        if !self.gate.is_ready() {
            let sleeper = match &self.sleeper {
                Some(sleeper) if sleeper.is_current() => sleeper,
                _ => self.sleeper.insert(Sleeper::current()),
            };
            self.shared.readers[self.index].sleep(sleeper, timeout, || self.gate.is_ready());
        }
    }
}

/// A gateway's two ends.
pub struct Handle {
    /// Hands commands in.
    pub submitter: Submitter,
    /// Reads events.
    pub deliveries: Deliveries,
}

impl Handle {
    /// See [`Submitter::submit`].
    ///
    /// # Errors
    /// [`Busy`]: nothing was taken.
    #[inline]
    pub fn submit(&mut self, submission: Submission<'_>) -> Result<(), Busy> {
        self.submitter.submit(submission)
    }

    /// See [`Deliveries::poll`].
    ///
    /// # Errors
    /// [`Closed`] when all was read that ever will come.
    #[inline]
    pub fn poll(&mut self, max: usize, handle: impl FnMut(&Delivery)) -> Result<usize, Closed> {
        self.deliveries.poll(max, handle)
    }

    /// What the core tells of itself.
    pub fn status(&self) -> Status {
        Status(Arc::clone(&self.deliveries.shared))
    }
}
