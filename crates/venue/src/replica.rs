//! A copy of the venue's state that is fed from the log: at a start, and beside the running core.

use thiserror::Error;
use tiercel_journal::Record;
use tiercel_matching::{EngineConfig, FullEngine, SnapshotError};
use tiercel_types::record::RecordError;
use tiercel_types::{Command, Event, EventBuffer, EventHeader, Timestamp};

use crate::models::{ImageError, ModelLimits, Models};

/// Records of the buffer between engine and models.
const EVENT_RECORDS: usize = 64;

/// What looks at commands that are applied again, and at what comes of them. A closure looks at events.
pub trait Replay {
    /// The next command of the log.
    fn command(&mut self, _sequence: u64, _command: &Command) {}

    /// What came of it.
    fn event(&mut self, header: &EventHeader, event: &Event);
}

impl<F: FnMut(&EventHeader, &Event)> Replay for F {
    fn event(&mut self, header: &EventHeader, event: &Event) {
        self(header, event);
    }
}

/// The engine and the read models after the same command.
pub struct Replica {
    engine: FullEngine,
    models: Models,
    events: EventBuffer,
}

/// Why a snapshot's bytes are no state that this build can go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// Too short for what it says.
    #[error("the state is cut off")]
    Short,
    /// The engine's part.
    #[error("the engine's state: {0}")]
    Engine(#[from] SnapshotError),
    /// The read models' part.
    #[error(transparent)]
    Models(#[from] ImageError),
    /// The two parts are not of one command.
    #[error("engine and read models are of different commands")]
    Apart,
}

impl Replica {
    /// Before the first command.
    pub fn new(engine: EngineConfig, limits: ModelLimits) -> Self {
        Self::of(FullEngine::new(engine), Models::new(limits))
    }

    fn of(engine: FullEngine, models: Models) -> Self {
        Self { engine, models, events: EventBuffer::with_capacity(EVENT_RECORDS) }
    }

    /// Applies the next command of the log.
    ///
    /// # Errors
    /// [`RecordError`] when the record is no command.
    pub fn apply(&mut self, record: &Record<'_>) -> Result<(), RecordError> {
        self.apply_told(record, &mut |_: &EventHeader, _: &Event| {})
    }

    /// The same, told to who looks at it.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_told(
        &mut self,
        record: &Record<'_>,
        told: &mut impl Replay,
    ) -> Result<(), RecordError> {
        let command = record.command()?;
        let (sequence, time) = (record.header.sequence, Timestamp(record.header.time_ns));
        told.command(sequence, &command);
        let Self { engine, models, events } = self;
        engine.apply_all(sequence, time, &command, events, |header, event| {
            models.apply(&header, &event);
            told.event(&header, &event);
        });
        Ok(())
    }

    /// The last command.
    pub fn sequence(&self) -> u64 {
        self.engine.sequence()
    }

    /// The engine.
    pub const fn engine(&self) -> &FullEngine {
        &self.engine
    }

    /// The read models.
    pub const fn models(&self) -> &Models {
        &self.models
    }

    /// Both.
    pub fn into_parts(self) -> (FullEngine, Models) {
        (self.engine, self.models)
    }

    /// Appends the state to `out`: what a snapshot holds.
    pub fn save(&self, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&[0; 8]);
        self.engine.snapshot(out);
        let length = (out.len() - at - 8) as u64;
        out[at..at + 8].copy_from_slice(&length.to_le_bytes());
        self.models.save(out);
    }

    /// The state that was [saved](Self::save).
    ///
    /// # Errors
    /// [`StateError`].
    pub fn load(
        bytes: &[u8],
        config: EngineConfig,
        limits: ModelLimits,
    ) -> Result<Self, StateError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(StateError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| StateError::Short)?;
        let (engine, models) = rest.split_at_checked(length).ok_or(StateError::Short)?;
        let engine = FullEngine::restore(engine, config)?;
        let models = Models::load(models, limits)?;
        if models.checkpoint().sequence != engine.sequence() {
            return Err(StateError::Apart);
        }
        Ok(Self::of(engine, models))
    }
}

impl Clone for Replica {
    fn clone(&self) -> Self {
        Self::of(self.engine.clone(), self.models.clone())
    }
}
