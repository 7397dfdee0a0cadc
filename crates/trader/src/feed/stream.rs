//! Records that anyone may join at any time, and that nobody sends again: a bus, a capture.
//!
//! ```text
//!   per instrument:  Waiting --BEGIN--> Loading --LAST--> Live
//!                       ^                                   |
//!                       +----- interrupted, a gap ----------+
//! ```
//!
//! Whoever writes such a stream tells each whole book now and then, and after each `interrupted`. A reader whose book
//! is whole passes over that.

use tiercel_types::{InstrumentId, Symbol, Timestamp};
use tiercel_wire::market::{self, Body, Header, RECORD_SIZE};

use super::records::{FeedFault, Records};
use crate::core::Core;

/// Where an instrument's book stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// For its next snapshot.
    Waiting,
    /// A snapshot has begun.
    Loading,
    /// It is the sender's.
    Live,
}

/// A reader of such records.
pub struct RecordStream {
    records: Records,
    /// By the trader's number.
    phases: Vec<Phase>,
    /// The number of the next record; zero: whatever comes first.
    next: u64,
}

impl RecordStream {
    /// Of these instruments, by their symbols.
    pub fn new(wanted: Vec<(Symbol, InstrumentId)>) -> Self {
        let places = wanted.iter().map(|(_, instrument)| instrument.0 as usize + 1).max();
        Self {
            records: Records::new(wanted),
            phases: vec![Phase::Waiting; places.unwrap_or(0)],
            next: 0,
        }
    }

    /// What it knows of instruments.
    #[inline]
    pub const fn records(&mut self) -> &mut Records {
        &mut self.records
    }

    /// Whether anything came since the start.
    pub const fn has_heard(&self) -> bool {
        self.next != 0
    }

    /// All books are of the past until their next snapshots, and whatever comes next is the first record.
    pub fn restart(&mut self, now: Timestamp, core: &mut Core) {
        self.records.forget();
        self.phases.fill(Phase::Waiting);
        self.next = 0;
        self.records.stale(now, core);
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// [`FeedFault`]: nothing is known any more. The stream is to be [restarted](Self::restart).
    #[inline]
    pub fn take(
        &mut self,
        now: Timestamp,
        record: &[u8; RECORD_SIZE],
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        let (header, body) = market::decode(record)?;
        if header.sequence != self.next && self.next != 0 {
            // Another writer, or a part that is missing.
            self.restart(now, core);
        }
        self.next = header.sequence.wrapping_add(1);
        let known = self.records.known(header.instrument);
        let phase = known.and_then(|instrument| self.phases.get_mut(instrument.0 as usize));
        let is_due = match phase {
            None => return self.other(now, &header, &body, core),
            Some(phase) => step(phase, &header, &body),
        };
        if is_due {
            self.records.take(now, (&header, &body), record, core)
        } else {
            self.other(now, &header, &body, core)
        }
    }

    /// What is of no book that is followed, or passed over.
    #[cold]
    fn other(
        &mut self,
        now: Timestamp,
        header: &Header,
        body: &Body,
        core: &mut Core,
    ) -> Result<(), FeedFault> {
        if let Body::Interrupted(_) = body {
            match self.records.known(header.instrument) {
                Some(instrument) => self.phases[instrument.0 as usize] = Phase::Waiting,
                None if header.instrument.0 == 0 => self.phases.fill(Phase::Waiting),
                // Of one that is not followed.
                None => return Ok(()),
            }
        }
        match body {
            Body::Interrupted(_) | Body::Instrument(_) | Body::Heartbeat(_) => {
                self.records.other(now, header, body, core)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a record is to be taken, where its instrument stands; and where it stands then.
#[inline(always)]
fn step(phase: &mut Phase, header: &Header, body: &Body) -> bool {
    let is_depth = matches!(body, Body::Depth(_));
    match phase {
        Phase::Live => !header.is_snapshot() && !matches!(body, Body::Interrupted(_)),
        Phase::Loading if is_depth => {
            if header.is_last() {
                *phase = Phase::Live;
            }
            true
        }
        Phase::Waiting if is_depth && header.begins() => {
            *phase = if header.is_last() { Phase::Live } else { Phase::Loading };
            true
        }
        Phase::Loading | Phase::Waiting => false,
    }
}
