//! Events between the engine and those who read them: one ring, which holds each event back until
//! its command is as durable as the venue promises.
//!
//! ```text
//!   ... read <= released <= produced <= slowest reader + capacity
//!                  ^
//!       the last event of the newest command that the log has acknowledged
//! ```
//!
//! Holding back costs no copy: readers see the whole ring, and stop at `released`.
//!
//! At the bound the core waits, and with it the command ring fills, until gateways tell their
//! clients that the venue is busy. Readers are threads of this process, each of which takes what
//! there is without waiting for a client; a client that does not read is the gateway's to cut off.

use std::sync::Arc;

use tiercel_sync::disruptor::{
    Closed, Consumer, PublishError, Single, SingleProducer, single_with,
};
use tiercel_sync::wait::BusySpin;
use tiercel_types::event::TimeAdvanced;
use tiercel_types::{AccountId, Event, EventHeader, EventRef, Timestamp};

use super::PipelineOptions;
use super::status::Shared;
use super::submission::Origin;

/// An event, as a reader gets it: it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Delivery {
    /// Whose command made it happen.
    pub origin: Origin,
    /// Sequence, index, time, instrument, account.
    pub header: EventHeader,
    /// What happened.
    pub event: Event,
}

impl Delivery {
    /// Whether it is the last event of its submission.
    pub const fn is_end_of_submission(&self) -> bool {
        self.header.is_last() && self.origin.is_last_part()
    }

    /// Whether it is for the account that made the submission: of others' orders, which it met or
    /// triggered, that learns nothing. The operator, who asks for [`AccountId::ALL`], learns everything
    /// but what became of single orders, of which there may be many.
    pub fn concerns(&self, account: AccountId) -> bool {
        match &self.event {
            Event::OrderEnded(_) | Event::Trade(_) | Event::LevelChanged(_)
                if account == AccountId::ALL =>
            {
                false
            }
            _ if account == AccountId::ALL => true,
            Event::Denied(_) | Event::MassCancelDone(_) => true,
            Event::Trade(trade) => self.header.account == account || trade.maker_account == account,
            _ => self.header.account == account,
        }
    }
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            origin: Origin::default(),
            header: EventHeader::default(),
            event: TimeAdvanced::default().into(),
        }
    }
}

/// The core's side.
pub(crate) struct Outbox {
    ring: SingleProducer<Delivery, BusySpin>,
    shared: Arc<Shared>,
    /// Events written.
    produced: u64,
    /// By command sequence, modulo its length: events written up to the end of that command. Each
    /// command has an event, so that no more commands are in the ring than events; and the last one
    /// that is acknowledged is needed beside those.
    ends: Box<[u64]>,
    /// The command whose events are being written.
    sequence: u64,
    released: u64,
    /// By reader: whether its gateway handed in what was written since it was rung last.
    asked: u64,
    /// Patient readers were not rung for what was released since: then, and of how many events.
    rung: (Timestamp, u64),
    is_owed: bool,
    /// How long a patient reader waits for what others did, at most.
    patience_ns: u64,
}

/// How many events wait for a patient reader, at most.
const PATIENCE_EVENTS: u64 = 8_192;

/// Why an event was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// Readers have to go on first.
    Full,
    /// A reader is gone.
    Closed,
}

/// One reader's place in the ring.
pub(crate) type Reader = Consumer<Delivery, Single, BusySpin>;

/// An outbox behind command `sequence`, and its readers.
pub(crate) fn outbox(
    options: &PipelineOptions,
    readers: usize,
    sequence: u64,
    shared: &Arc<Shared>,
) -> (Outbox, Vec<Reader>) {
    let capacity = options.events;
    let ring = single_with(capacity, Delivery::default, BusySpin);
    let (mut graph, [first]) = ring.consumers();
    let mut consumers = vec![first];
    for _ in 1..readers {
        let [another] = graph.consumers();
        consumers.push(another);
    }
    let ends = vec![0; 2 * capacity.next_power_of_two()].into();
    let shared = Arc::clone(shared);
    let outbox = Outbox {
        ring: graph.build(),
        shared,
        produced: 0,
        ends,
        sequence,
        released: 0,
        asked: 0,
        rung: (Timestamp(0), 0),
        is_owed: false,
        patience_ns: options.patience.as_nanos() as u64,
    };
    (outbox, consumers)
}

impl Outbox {
    /// Starts the events of a command.
    #[inline]
    pub(crate) fn begin(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Writes an event of it.
    #[inline]
    pub(crate) fn push(
        &mut self,
        origin: Origin,
        header: &EventHeader,
        event: EventRef<'_>,
    ) -> Result<(), PushError> {
        let write = |slot: &mut Delivery| {
            slot.origin = origin;
            slot.header = *header;
            slot.event = event.to_event();
        };
        match self.ring.try_publish(write) {
            Ok(_) => {
                self.produced += 1;
                self.asked |= 1 << (origin.gateway.wrapping_sub(1) % 64);
                Ok(())
            }
            Err(PublishError::Full) => Err(PushError::Full),
            Err(PublishError::Closed) => Err(PushError::Closed),
        }
    }

    /// Events written.
    #[inline]
    pub(crate) const fn produced(&self) -> u64 {
        self.produced
    }

    /// All events of the command are written.
    #[inline]
    pub(crate) fn end(&mut self) {
        let at = self.sequence as usize & (self.ends.len() - 1);
        self.ends[at] = self.produced;
    }

    /// Shows readers what is `acknowledged` by the log. Of a command whose events are still being
    /// written, those that are there: a cascade may be larger than the ring. True if that is more
    /// than before.
    #[inline]
    pub(crate) fn release(&mut self, acknowledged: u64, now: Timestamp) -> bool {
        let up_to = if acknowledged >= self.sequence {
            self.produced
        } else {
            self.ends[acknowledged as usize & (self.ends.len() - 1)]
        };
        let is_more = up_to > self.released;
        if is_more {
            self.released = up_to;
            self.shared.release(up_to);
            self.is_owed = self.shared.ring_some(self.asked);
            if up_to == self.produced {
                self.asked = 0;
            }
        }
        if self.is_owed {
            let (then, events) = self.rung;
            if now.0.saturating_sub(then.0) >= self.patience_ns || up_to - events >= PATIENCE_EVENTS
            {
                self.ring_all(now);
            }
        }
        is_more
    }

    /// Rings whoever was not rung: nobody may call again for long.
    pub(crate) fn ring_all(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.is_owed) {
            self.rung = (now, self.released);
            self.shared.ring_readers();
        }
    }
}

/// A reader that stops at what is released.
pub(crate) struct Gate {
    ring: Reader,
    read: u64,
    shared: Arc<Shared>,
}

impl Gate {
    pub(crate) fn new(ring: Reader, shared: Arc<Shared>) -> Self {
        Self { ring, read: 0, shared }
    }

    /// Events that were handed over.
    pub(crate) const fn read(&self) -> u64 {
        self.read
    }

    /// Whether there is something to read, or never will be again.
    pub(crate) fn is_ready(&self) -> bool {
        self.shared.released() > self.read || self.shared.is_over()
    }

    /// Hands over what is released, `max` events at most.
    pub(crate) fn poll(
        &mut self,
        max: usize,
        mut handle: impl FnMut(&Delivery),
    ) -> Result<usize, Closed> {
        // Acquired, with the release of the same number: those events are in the ring.
        let there = self.shared.released() - self.read;
        if there == 0 {
            return if self.shared.is_over() && self.shared.released() == self.read {
                Err(Closed(()))
            } else {
                Ok(0)
            };
        }
        let count = self.ring.poll_max(there.min(max as u64), |event, _, _| handle(event))?;
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_ring_full_of_what_is_not_acknowledged_shows_nothing() {
        let shared = Shared::new(1, 10);
        let options = PipelineOptions { events: 4, ..PipelineOptions::default() };
        let (mut outbox, mut readers) = outbox(&options, 1, 10, &shared);
        let mut gate = Gate::new(readers.remove(0), Arc::clone(&shared));
        let (header, event) = (EventHeader::default(), TimeAdvanced::default());
        let mut write = |sequence| {
            outbox.begin(sequence);
            let result = outbox.push(Origin::venue(), &header, EventRef::TimeAdvanced(&event));
            if result.is_ok() {
                outbox.end();
            }
            (result, outbox.release(10, Timestamp(0)))
        };
        for sequence in 11..15 {
            assert_eq!(write(sequence), (Ok(()), false));
        }
        assert_eq!(write(15), (Err(PushError::Full), false));
        assert_eq!(gate.poll(9, |_| {}), Ok(0));
        assert!(outbox.release(12, Timestamp(0)) && !outbox.release(11, Timestamp(0)));
        assert_eq!(gate.poll(9, |_| {}), Ok(2));
        assert!(outbox.release(14, Timestamp(0)));
        assert_eq!(gate.poll(9, |_| {}), Ok(2));
    }

    #[test]
    fn patient_readers_are_rung_for_their_own_and_for_others_in_time() {
        const PATIENCE_NS: u64 = 7_000;
        let shared = Shared::new(2, 0);
        let patience = Duration::from_nanos(PATIENCE_NS);
        let options = PipelineOptions { events: 64, patience, ..PipelineOptions::default() };
        let (mut outbox, _readers) = outbox(&options, 2, 0, &shared);
        shared.be_patient(1);
        let (header, event) = (EventHeader::default(), TimeAdvanced::default());
        let mut write = |sequence, gateway, now| {
            outbox.begin(sequence);
            let origin = Origin { gateway, ..Origin::default() };
            outbox.push(origin, &header, EventRef::TimeAdvanced(&event)).unwrap();
            outbox.end();
            outbox.release(sequence, Timestamp(now));
            outbox.is_owed
        };
        let begin = 10 * PATIENCE_NS;
        assert!(!write(1, 1, begin), "nobody was rung before: now everybody is");
        assert!(write(2, 1, begin + 1) && write(3, 1, begin + PATIENCE_NS - 1));
        assert!(!write(4, 1, begin + PATIENCE_NS), "it has waited long enough");
        assert!(!write(5, 2, begin + PATIENCE_NS + 1), "its own gateway's");
        assert!(write(6, 1, begin + PATIENCE_NS + 2));
        outbox.ring_all(Timestamp(0));
        assert!(!outbox.is_owed);
    }
}
