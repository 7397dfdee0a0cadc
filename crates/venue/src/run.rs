//! The venue's threads: the core on one, the follower on another. Gateways bring their own.
//!
//! ```text
//!   tiercel-core       Core::poll, Core::idle         pinned if asked for
//!   tiercel-follower   Follower::poll, each 10 ms     snapshots, off the hot path
//! ```

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tiercel_host::{Clock, pin_current_thread};
use tiercel_journal::storage::Storage;
use tiercel_journal::{EventLog, Journal, LogFailure};
use tiercel_matching::FullEngine;
use tiercel_sync::wait::WaitKind;
use tiercel_types::Timestamp;

use crate::models::Models;
use crate::pipeline::{
    Core, CoreError, Follower, Handle, Health, PipelineOptions, Status, pipeline,
};
use crate::store::{Opened, StoreError};

/// Turns that found nothing before the core lets others have its processor: some 2 us. Where there are
/// few, that is whom it has just answered.
const SPINS: u32 = 50;
/// Turns that found nothing, others let in front after each, before the core sleeps: some 15 us while
/// there is nothing under way, and a durable write's time while there is.
const YIELDS: u32 = 40;
const YIELDS_FOR_LOG: u32 = 1_000;
/// The longest sleep: the clock is compared with the system's after it.
const SLEEP: Duration = Duration::from_secs(1);
/// The clock is compared with the system's after so many nanoseconds.
const REANCHOR_NS: u64 = 1_000_000_000;
/// Between two looks of the follower that found nothing.
const FOLLOWER_NAP: Duration = Duration::from_millis(10);

/// How stages are mapped to threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The core that the core thread is pinned to; `None`: the system's choice.
    pub core_cpu: Option<usize>,
    /// What the core thread does while there is nothing to do. [`WaitKind::BusySpin`] and
    /// [`WaitKind::SpinYield`] never sleep, not even while the disk is awaited: for a core that does
    /// not take the disk's interrupts.
    pub wait: WaitKind,
}

/// Why a venue did not end as it should. What it has told is durable all the same.
#[derive(Debug, Error)]
pub enum RunError {
    /// A thread could not be made.
    #[error("thread {name}: {error}")]
    Thread {
        /// Which.
        name: &'static str,
        /// The system's refusal.
        error: io::Error,
    },
    /// The core stopped by itself.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// The log could not be closed.
    #[error(transparent)]
    Log(#[from] LogFailure),
    /// The last snapshot could not be written.
    #[error("the last snapshot: {0}")]
    Snapshot(#[from] StoreError),
    /// A thread panicked: a fault of the venue.
    #[error("thread {0} panicked")]
    Panicked(&'static str),
}

/// What was when the venue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The last command.
    pub sequence: u64,
    /// The digest of the engine's state after it.
    pub digest: u128,
}

type CoreEnd<L> = (L, FullEngine, Result<(), CoreError>);

/// A running venue.
pub struct Running<S: Storage> {
    status: Status,
    core: JoinHandle<CoreEnd<Journal<S>>>,
    follower: Option<JoinHandle<Result<Follower<S::Directory>, StoreError>>>,
}

/// Starts an opened store's threads, for so many gateways. Returns the models as they are, and the
/// gateways' handles: whoever holds one reads on, and folds its copy of the models if it wants one.
///
/// # Errors
/// [`RunError::Thread`].
pub fn start<S>(
    opened: Opened<S>,
    options: &PipelineOptions,
    run: RunOptions,
    gateways: u16,
) -> Result<(Running<S>, Models, Vec<Handle>), RunError>
where
    S: Storage + Send + 'static,
    S::Directory: Send + 'static,
    Journal<S>: Send,
    Follower<S::Directory>: Send,
{
    let Opened { journal, engine, models, follower, .. } = opened;
    let (core, handles) = pipeline(options, journal, engine, gateways);
    let status = core.status();
    let named = |name: &'static str| std::thread::Builder::new().name(name.to_owned());
    let failed = |name| move |error| RunError::Thread { name, error };
    let follower = follower
        .map(|follower| {
            let status = status.clone();
            let name = "tiercel-follower";
            let run = move || {
                follow(follower, &status)
                    .inspect_err(|error| status.follower_failed(&error.to_string()))
            };
            named(name).spawn(run).map_err(failed(name))
        })
        .transpose()?;
    let name = "tiercel-core";
    let core = named(name).spawn(move || run_core(core, run)).map_err(failed(name))?;
    Ok((Running { status, core, follower }, models, handles))
}

impl<S: Storage> Running<S> {
    /// What the core tells of itself.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Stops: nothing new is taken, what was taken is finished, a snapshot is taken if the venue takes
    /// any, the log is closed. Gateways have to read on until their handles say that nothing comes
    /// any more.
    ///
    /// # Errors
    /// [`RunError`]: what went wrong first.
    pub fn stop(self) -> Result<Ended, RunError> {
        self.status.stop();
        self.wait()
    }

    /// Waits until the venue has stopped, or failed.
    ///
    /// # Errors
    /// As [`stop`](Self::stop).
    pub fn wait(self) -> Result<Ended, RunError> {
        let (mut journal, engine, result) =
            self.core.join().map_err(|_| RunError::Panicked("tiercel-core"))?;
        let follower = self.follower.map(JoinHandle::join).transpose();
        let follower = follower.map_err(|_| RunError::Panicked("tiercel-follower"))?;
        result?;
        let ended = Ended { sequence: engine.sequence(), digest: engine.digest() };
        // What was acknowledged in memory alone.
        journal.wait_durable(ended.sequence)?;
        if let Some(follower) = follower {
            let mut follower = follower?;
            let now = engine.time();
            while follower.poll(ended.sequence, now)? > 0 {}
            follower.snapshot(now)?;
        }
        journal.close()?;
        Ok(ended)
    }
}

/// The core thread.
fn run_core<L: EventLog>(mut core: Core<L>, run: RunOptions) -> CoreEnd<L> {
    let result = match run.core_cpu.map(|cpu| (cpu, pin_current_thread(cpu))) {
        Some((cpu, Err(error))) => {
            Err(core.fail(CoreError::NotPinned { cpu, reason: error.to_string() }))
        }
        _ => turn(&mut core, run.wait),
    };
    let (log, engine) = core.finish();
    (log, engine, result)
}

/// Turn after turn, until the core is drained or fails.
fn turn<L: EventLog>(core: &mut Core<L>, wait: WaitKind) -> Result<(), CoreError> {
    let mut clock = Clock::new();
    let (mut looks, mut anchored) = (0, clock.now_ns());
    loop {
        let now = clock.now_ns();
        if now.saturating_sub(anchored) >= REANCHOR_NS {
            clock.reanchor();
            anchored = now;
        }
        let now = Timestamp(now);
        match core.poll(now)? {
            0 if core.is_drained() => return Ok(()),
            0 => {
                looks += 1;
                rest(core, wait, looks, now)?;
            }
            _ => looks = 0,
        }
    }
}

/// What the core thread does when there was nothing to do for the `looks`-th time.
///
/// While the disk is awaited, others have the processor at once: the write's end may be told by a
/// thread of the system on this very one. What comes meanwhile is matched meanwhile.
fn rest<L: EventLog>(
    core: &mut Core<L>,
    wait: WaitKind,
    looks: u32,
    now: Timestamp,
) -> Result<(), CoreError> {
    let (spins, yields) =
        if core.waits_for_log() { (0, YIELDS_FOR_LOG) } else { (SPINS, SPINS + YIELDS) };
    match wait {
        WaitKind::SpinPark if looks > yields => core.idle(now, SLEEP),
        WaitKind::SpinPark | WaitKind::SpinYield if looks > spins => {
            std::thread::yield_now();
            Ok(())
        }
        _ => {
            std::hint::spin_loop();
            Ok(())
        }
    }
}

/// The follower's thread, until the core has ended.
fn follow<D: tiercel_journal::storage::Directory>(
    mut follower: Follower<D>,
    status: &Status,
) -> Result<Follower<D>, StoreError> {
    let mut clock = Clock::new();
    loop {
        let over = matches!(status.health(), Health::Stopped | Health::Failed);
        clock.reanchor();
        let now = Timestamp(clock.now_ns());
        if follower.poll(status.durable_sequence(), now)? == 0 {
            if over {
                return Ok(follower);
            }
            std::thread::sleep(FOLLOWER_NAP);
        }
    }
}
