//! From a gateway's submission to the events of its commands, durable.
//!
//! ```text
//!   gateways                       core (one thread)                         readers
//!   Submitter --> command ring --> sequence, time --> log --> engine
//!      ^           (bounded)                           |         |
//!      |                                   acknowledged|         v
//!      +-- Busy                                        +----> outbox --> Deliveries: gateways,
//!                                                             (bounded)  read models
//! ```
//!
//! Stages are polled and own no thread: [`Core::poll`] for the core, [`Deliveries::poll`] for each
//! reader. [`run`](crate::run) maps them to threads.
//!
//! What happens at each bound is written beside it: [`Submitter::submit`] refuses, with room kept for
//! cancels; the log makes the core wait for the disk; the outbox makes it wait for readers.

mod bell;
mod core;
mod follower;
mod handle;
mod outbox;
mod probe;
mod replicated;
mod sequencer;
mod status;
mod submission;

pub use self::core::{Core, CoreError};
pub use follower::{Follower, SnapshotPolicy};
pub use handle::{Deliveries, Handle, Submitter};
pub use outbox::Delivery;
pub use probe::{LATENCY, LATENCY_HELP, Probe};
pub use replicated::{LogReplica, ReplicaError, Replicated, VenueLog};
pub use status::{FollowerAsk, FollowerReport, Health, Queues, SnapshotTaken, Status};
pub use submission::{Busy, Origin, PARTS_MAX, Submission};
pub use tiercel_sync::disruptor::Closed;

use std::sync::Arc;
use std::time::Duration;

use tiercel_host::Clock;
use tiercel_journal::{Durability, EventLog};
use tiercel_matching::FullEngine;
use tiercel_sync::disruptor::multi_with;
use tiercel_sync::wait::BusySpin;

use outbox::Gate;
use status::Shared;
use submission::Entry;

/// How long a patient reader waits, unless it is told another time.
pub const PATIENCE: Duration = Duration::from_millis(1);

/// How a pipeline is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineOptions {
    /// When a command counts as acknowledged, so that its events may be seen.
    pub durability: Durability,
    /// Commands that wait for the core at most; rounded up to a power of two.
    pub commands: usize,
    /// Of those, room that is kept for what only takes orders away: cancels, mass cancels, kill
    /// switches.
    pub kept_for_cancels: usize,
    /// Events that wait for readers, or for the disk, at most; rounded up to a power of two.
    pub events: usize,
    /// How long a reader that is [patient](Deliveries::be_patient) waits at most for what others did.
    pub patience: Duration,
}

impl Default for PipelineOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Disk,
            commands: 8_192,
            kept_for_cancels: 1_024,
            events: 32_768,
            patience: PATIENCE,
        }
    }
}

/// A pipeline over `log`, whose last state is `engine`'s, with `gateways` gateways (one at least).
/// Their numbers are 1 and up, in the order of the handles.
///
/// # Panics
/// When there is no gateway, or the command ring has no room beside what is kept, or the engine is
/// not where the log is.
pub fn pipeline<L: EventLog>(
    options: &PipelineOptions,
    log: L,
    engine: FullEngine,
    gateways: u16,
) -> (Core<L>, Vec<Handle>) {
    assert!(gateways > 0, "somebody has to read the events");
    assert!(
        options.kept_for_cancels + PARTS_MAX <= options.commands,
        "no room beside what is kept"
    );
    let sequence = log.position().sequence;
    assert_eq!(engine.sequence(), sequence, "the engine is where the log is");
    let shared = Shared::new(usize::from(gateways), sequence);
    let ring = multi_with(options.commands, Entry::default, BusySpin);
    let (mut graph, [to_append]) = ring.consumers();
    let [to_match] = graph.after(&[&to_append]);
    let ring = graph.build();
    let (outbox, readers) = outbox::outbox(options, usize::from(gateways), sequence, &shared);
    let clock = Clock::new();
    let handles = readers.into_iter().zip(1..).map(|(reader, gateway)| {
        let submitter = Submitter {
            gateway,
            ring: ring.clone(),
            kept: options.kept_for_cancels,
            clock: clock.clone(),
            shared: Arc::clone(&shared),
        };
        let deliveries = Deliveries {
            gate: Gate::new(reader, Arc::clone(&shared)),
            shared: Arc::clone(&shared),
            index: usize::from(gateway) - 1,
            sleeper: None,
        };
        Handle { submitter, deliveries }
    });
    let handles = handles.collect();
    (Core::new([to_append, to_match], log, options.durability, engine, outbox, shared), handles)
}
