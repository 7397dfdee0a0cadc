//! The core: commands in, events out, one thread.
//!
//! ```text
//!   ring --> sequence, time --> log.append ==> engine.apply --> outbox
//!                                  |                               |
//!                    group commit  +--- acknowledged sequence --> release
//! ```
//!
//! A turn appends all that is there and starts its write (`==>`); only then it matches, while the
//! disk works: a command waits for the disk and for nobody's matching. Both stages read the same
//! ring, one behind the other, on one thread.
//!
//! Hot path: [`Core::poll`]. Budget: 500 ns a command with durability on disk. It must not allocate
//! after warm-up, take a lock, or wait for anything but room: in the log (the disk is behind) or in
//! the outbox (a reader is behind).
//!
//! Matching runs beside the log, never behind it: what the engine did is held back in the outbox
//! until the log has acknowledged its command.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tiercel_journal::{AppendError, Durability, Entry as LogEntry, EventLog, LogFailure};
use tiercel_matching::{FullEngine, Progress};
use tiercel_sync::disruptor::{Consumer, Multi};
use tiercel_sync::wait::BusySpin;
use tiercel_types::command::AdvanceTime;
use tiercel_types::{Command, EventBuffer, Timestamp};

use super::bell::Sleeper;
use super::outbox::{Outbox, PushError};
use super::probe::Probe;
use super::sequencer::Sequencer;
use super::status::{Health, Shared, Status};
use super::submission::{Entry, Origin};

/// Commands of one turn: between two, the log is driven and events are released.
const TURN: u64 = 256;
/// Records of the buffer between engine and outbox.
const EVENT_RECORDS: usize = 64;
/// Looks for room in the outbox before the core sleeps, and how long it does.
const LOOKS: u32 = 1_000;
const NAP: Duration = Duration::from_micros(50);

/// Why the core does nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CoreError {
    /// The log has failed: what was appended and not acknowledged may or may not be there.
    #[error(transparent)]
    Log(#[from] LogFailure),
    /// The log refused a command for another reason than want of room: somebody else wrote to it.
    #[error("the log refused a command: {0}")]
    Append(AppendError),
    /// A gateway on the core's thread cannot go on.
    #[error("gateway {name}: {reason}")]
    Gateway {
        /// Which.
        name: &'static str,
        /// The system's refusal.
        reason: String,
    },
    /// A thread that reads events is gone.
    #[error("a reader of events is gone")]
    ReaderGone,
    /// The core thread cannot run where it was told to.
    #[error("the core thread cannot be pinned to core {cpu}: {reason}")]
    NotPinned {
        /// Where.
        cpu: usize,
        /// The system's refusal.
        reason: String,
    },
}

/// The commands, in their order, as one stage gets them.
pub(crate) type Stream = Consumer<Entry, Multi, BusySpin>;

/// The core stage. It owns no thread: whoever does calls [`poll`](Self::poll), and
/// [`idle`](Self::idle) when that found nothing to do.
pub struct Core<L: EventLog> {
    to_append: Stream,
    to_match: Stream,
    stage: Stage<L>,
    sleeper: Option<Sleeper>,
}

/// All but the command ring, which lends the commands while the stage takes them.
struct Stage<L: EventLog> {
    log: L,
    durability: Durability,
    engine: FullEngine,
    events: EventBuffer,
    sequencer: Sequencer,
    outbox: Outbox,
    shared: Arc<Shared>,
    failure: Option<CoreError>,
    /// The last command that was matched.
    matched: u64,
    /// The last command was not its submission's last: nothing may come between.
    within_submission: bool,
    /// Commands that were taken from the ring.
    taken: u64,
    /// The time of this turn.
    now: Timestamp,
    probe: Option<Probe>,
}

impl<L: EventLog> Core<L> {
    pub(crate) fn new(
        [to_append, to_match]: [Stream; 2],
        log: L,
        durability: Durability,
        engine: FullEngine,
        outbox: Outbox,
        shared: Arc<Shared>,
    ) -> Self {
        let sequencer = Sequencer::new(log.position(), Timestamp(log.last_time_ns()));
        let stage = Stage {
            log,
            durability,
            engine,
            events: EventBuffer::with_capacity(EVENT_RECORDS),
            matched: sequencer.last().sequence,
            sequencer,
            outbox,
            shared,
            failure: None,
            within_submission: false,
            taken: 0,
            now: Timestamp(0),
            probe: None,
        };
        Self { to_append, to_match, stage, sleeper: None }
    }

    /// One turn, at the time `now`: takes what gateways handed in, lets time pass if something is
    /// due and nobody speaks, drives the log, releases what is durable. Returns how much was done;
    /// zero means there was nothing.
    ///
    /// # Errors
    /// [`CoreError`], from the first time on. Gateways are told.
    #[inline]
    pub fn poll(&mut self, now: Timestamp) -> Result<usize, CoreError> {
        self.poll_beside(now, &mut || {})
    }

    /// The same on a thread that is a reader's too: `read` has it read, and is called when the core can
    /// go on no sooner.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    #[inline]
    pub fn poll_beside(
        &mut self,
        now: Timestamp,
        read: &mut impl FnMut(),
    ) -> Result<usize, CoreError> {
        let Self { to_append, to_match, stage, .. } = self;
        stage.check()?;
        stage.now = now;
        let mut work = stage.drive_log()?;
        let taken = to_append.poll_max(TURN, |entry, _, _| {
            stage.engine.prefetch_client_id(&entry.command);
            stage.append(entry.origin, &entry.command, now);
        });
        // All gateways are gone: nothing was there, and nothing will be.
        let taken = taken.unwrap_or(0) as u64;
        stage.taken += taken;
        if taken > 0 {
            stage.drive_log()?;
            let matched = to_match.poll_max(taken, |entry, _, _| {
                stage.match_next(entry.origin, &entry.command, now, read);
            });
            debug_assert_eq!(matched, Ok(taken as usize), "nobody else takes from the ring");
        } else if !stage.within_submission && stage.is_due(now) {
            let (origin, command) = (Origin::venue(), AdvanceTime::default().into());
            stage.append(origin, &command, now);
            stage.match_next(origin, &command, now, read);
            stage.drive_log()?;
            work += 1;
        }
        stage.check()?;
        stage.release();
        Ok(work + taken as usize)
    }

    /// Waits while there is nothing to do: for the disk, if something is on its way there (what
    /// comes meanwhile could not be written sooner either); else until a gateway hands something
    /// in, something is due by the clock that showed `now`, or `longest` has passed.
    ///
    /// # Errors
    /// [`CoreError`].
    pub fn idle(&mut self, now: Timestamp, longest: Duration) -> Result<(), CoreError> {
        if self.waits_for_log() {
            return self.stage.wait_for_log();
        }
        let Self { to_append, stage, sleeper, .. } = self;
        stage.outbox.ring_all(now);
        let due = stage.engine.next_due().map(|due| due.0.saturating_sub(now.0));
        let longest = due.map_or(longest, |ns| longest.min(Duration::from_nanos(ns)));
        let sleeper = match sleeper {
            Some(sleeper) if sleeper.is_current() => sleeper,
            _ => sleeper.insert(Sleeper::current()),
        };
        let shared = &stage.shared;
        shared
            .core
            .sleep(sleeper, longest, || to_append.is_ready() || shared.health() != Health::Running);
        Ok(())
    }

    /// Whether something that was taken is on its way to the disk, and its events wait for that.
    #[inline]
    pub fn waits_for_log(&self) -> bool {
        self.stage.log.acknowledged_sequence() < self.stage.sequencer.last().sequence
    }

    /// Whether all that was taken is done and acknowledged, after gateways were told to stop.
    pub fn is_drained(&self) -> bool {
        self.stage.shared.health() != Health::Running
            && !self.to_append.is_ready()
            && !self.waits_for_log()
    }

    /// Ends the stage, once it [is drained](Self::is_drained): readers are told that nothing
    /// comes any more. Gives the log and the engine back.
    pub fn finish(mut self) -> (L, FullEngine) {
        if self.stage.failure.is_none() {
            self.stage.release();
            self.stage.shared.finish();
        }
        (self.stage.log, self.stage.engine)
    }

    /// Stops for a reason of its thread's; gateways are told.
    pub fn fail(&mut self, error: CoreError) -> CoreError {
        self.stage.fail(error)
    }

    /// Has it record how long commands take in its stages.
    pub fn measure(&mut self, probe: Probe) {
        self.stage.probe = Some(probe);
    }

    /// What it tells of itself.
    pub fn status(&self) -> Status {
        Status(Arc::clone(&self.stage.shared))
    }

    /// The engine, between two commands.
    pub const fn engine(&self) -> &FullEngine {
        &self.stage.engine
    }

    /// The log.
    pub const fn log(&self) -> &L {
        &self.stage.log
    }
}

impl<L: EventLog> Stage<L> {
    fn check(&self) -> Result<(), CoreError> {
        self.failure.clone().map_or(Ok(()), Err)
    }

    #[cold]
    fn fail(&mut self, error: CoreError) -> CoreError {
        self.shared.fail(&error.to_string());
        self.failure.get_or_insert(error).clone()
    }

    #[inline]
    fn is_due(&self, now: Timestamp) -> bool {
        self.engine.next_due().is_some_and(|due| due <= self.sequencer.time_at(now))
    }

    #[inline]
    fn drive_log(&mut self) -> Result<usize, CoreError> {
        self.log.poll().map_err(|failure| self.fail(failure.into()))
    }

    #[inline]
    fn release(&mut self) {
        let acknowledged = self.log.acknowledged_sequence();
        let log = &self.log;
        let last = self.sequencer.last().sequence;
        self.shared.tell(last, log.durable_sequence(), log.pending_bytes());
        self.shared.tell_queues(self.taken, self.outbox.produced());
        self.outbox.release(acknowledged, self.now);
        if let Some(probe) = &mut self.probe {
            probe.released(acknowledged);
        }
    }

    /// Waits until more is on the disk, and shows it.
    fn wait_for_log(&mut self) -> Result<(), CoreError> {
        let next = self.log.durable_sequence() + 1;
        self.log.wait_durable(next).map_err(|failure| self.fail(failure.into()))?;
        self.release();
        Ok(())
    }

    /// Gives a command its sequence and its time, and appends it. A failure is kept: nothing is
    /// appended or matched any more.
    #[inline]
    fn append(&mut self, origin: Origin, command: &Command, now: Timestamp) {
        if self.failure.is_some() {
            return;
        }
        self.within_submission = !origin.is_last_part();
        let time = self.sequencer.time_at(now);
        let probe = self.probe.as_ref().filter(|probe| probe.is_free() && origin.gateway > 0);
        let taken = probe.map(|probe| probe.taken(origin.handed_in));
        let entry = LogEntry::command(time, command);
        loop {
            match self.log.append(self.sequencer.last(), &[entry], self.durability) {
                Ok(_) => break,
                Err(AppendError::Full) => {
                    if self.wait_for_log().is_err() {
                        return;
                    }
                }
                Err(AppendError::Failed(failure)) => return drop(self.fail(failure.into())),
                Err(error) => return drop(self.fail(CoreError::Append(error))),
            }
        }
        self.sequencer.advance(time);
        if let (Some(taken), Some(probe)) = (taken, &mut self.probe) {
            probe.appended(self.sequencer.last().sequence, taken);
        }
    }

    /// The next command that is in the log, from the engine to the outbox. Its time is that of the
    /// turn, as it was when it was appended.
    #[inline]
    fn match_next(
        &mut self,
        origin: Origin,
        command: &Command,
        now: Timestamp,
        read: &mut impl FnMut(),
    ) {
        if self.failure.is_some() {
            return;
        }
        let (sequence, time) = (self.matched + 1, self.sequencer.time_at(now));
        self.outbox.begin(sequence);
        let mut progress = self.engine.apply(sequence, time, command, &mut self.events);
        loop {
            if self.put(origin, read).is_err() {
                return;
            }
            if progress == Progress::Done {
                break;
            }
            progress = self.engine.resume(&mut self.events);
        }
        self.outbox.end();
        self.matched = sequence;
        if let Some(probe) = &mut self.probe {
            probe.matched(sequence);
        }
    }

    /// Moves the engine's events to the outbox.
    #[inline]
    fn put(&mut self, origin: Origin, read: &mut impl FnMut()) -> Result<(), CoreError> {
        let Self { events, outbox, .. } = self;
        let mut put = 0;
        let mut result = Ok(());
        for (header, event) in events.refs() {
            result = outbox.push(origin, header, event);
            if result.is_err() {
                break;
            }
            put += 1;
        }
        if result.is_err() {
            self.put_rest(origin, put, read)?;
        }
        self.events.clear();
        Ok(())
    }

    /// The same from event `from` on, when readers have to go on first.
    #[cold]
    fn put_rest(
        &mut self,
        origin: Origin,
        from: usize,
        read: &mut impl FnMut(),
    ) -> Result<(), CoreError> {
        let mut at = from;
        let mut looks = 0;
        loop {
            let Some((header, event)) = self.events.refs().nth(at) else { return Ok(()) };
            match self.outbox.push(origin, header, event) {
                Ok(()) => (at, looks) = (at + 1, 0),
                Err(PushError::Closed) => return Err(self.fail(CoreError::ReaderGone)),
                Err(PushError::Full) => {
                    // They may stand before what is not durable yet.
                    if self.log.acknowledged_sequence() < self.sequencer.last().sequence {
                        self.wait_for_log()?;
                    } else {
                        self.release();
                    }
                    read();
                    self.outbox.ring_all(self.now);
                    looks += 1;
                    if looks > LOOKS {
                        std::thread::sleep(NAP);
                    } else {
                        std::thread::yield_now();
                    }
                }
            }
        }
    }
}
