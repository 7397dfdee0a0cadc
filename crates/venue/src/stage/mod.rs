//! Gateways at wire speed: sockets, sessions and a handle of the pipeline, polled as one stage.
//!
//! ```text
//!   socket --> Reactor --> Sessions --> Submitter --> core
//!      ^                      ^                         |
//!      +------ flush ---------+------- Deliveries <-----+
//! ```
//!
//! A [`Stage`] owns no thread. It runs on one of its own, where it spins or sleeps; or fused, on the
//! core's: then an order goes from the socket to the book and back without leaving its processor, and
//! the core thread sleeps only while the disk is awaited. [`Door`] makes a stage of the [`Sessions`] of
//! one protocol.

mod door;
mod thread;

use std::io;
use std::time::Duration;

use tiercel_sync::wait::WaitKind;
use tiercel_types::Timestamp;

use crate::models::Models;
use crate::pipeline::{Closed, Handle};

pub use door::{Context, Door, Sessions, Sockets};
pub(crate) use thread::{Fused, Time, run};

/// What is polled in turn: what came, then what became of it.
pub trait Stage: Send {
    /// Takes what came from sockets at the time `now`, and hands it in. Returns how much there was.
    ///
    /// # Errors
    /// The system's, where the stage itself fails: the venue does not go on without it. What is wrong
    /// with a connection ends that connection.
    fn receive(&mut self, now: Timestamp) -> io::Result<usize>;

    /// Reads events that are durable, and sends what follows from them. Returns how much there was.
    /// It must not wait for any client.
    ///
    /// # Errors
    /// [`Closed`] when no event will come any more and all goodbyes are said.
    fn deliver(&mut self, now: Timestamp) -> Result<usize, Closed>;

    /// Sleeps until there may be something for either, at most so long.
    ///
    /// # Errors
    /// The system's.
    fn wait(&mut self, longest: Duration) -> io::Result<()>;
}

/// Where a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageThread {
    /// On the core's thread, which then sleeps only while the disk is awaited: what says that it may
    /// ([`WaitKind::SpinPark`]) lets others in front instead.
    Fused,
    /// On one of its own.
    Own {
        /// The core that it is pinned to; `None`: the system's choice.
        cpu: Option<usize>,
        /// What it does while there is nothing to do.
        wait: WaitKind,
    },
}

impl StageThread {
    /// The core that it is pinned to, if it is to be.
    pub(crate) const fn cpu(self) -> Option<usize> {
        match self {
            Self::Own { cpu, .. } => cpu,
            Self::Fused => None,
        }
    }
}

/// Makes a stage of its handle, and of the models as they are before the handle's first event.
pub type BuildStage = Box<dyn FnOnce(Handle, &Models) -> io::Result<Box<dyn Stage>> + Send>;

/// A stage to be.
pub struct StagePlan {
    /// Its name: of its thread too, so 15 characters at most.
    pub name: &'static str,
    /// Where it runs.
    pub thread: StageThread,
    /// Makes it.
    pub build: BuildStage,
}
