//! The venue's threads: the core on one, the follower on another, gateways that are stages on the
//! core's or on theirs. Other gateways bring their own.
//!
//! ```text
//!   tiercel-core       Core::poll, Core::idle         pinned if asked for
//!                      and fused stages
//!   a stage's name     Stage::receive, deliver, wait  pinned if asked for
//!   tiercel-follower   Follower::poll, each 50 ms     snapshots, off the hot path
//! ```

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tiercel_host::{Clock, allowed_cpus, pin_current_thread};
use tiercel_journal::storage::{Directory, Storage};
use tiercel_journal::{EventLog, Journal, LogFailure};
use tiercel_matching::FullEngine;
use tiercel_sync::wait::WaitKind;
use tiercel_telemetry::{Registry, RegistryError};
use tiercel_types::Timestamp;
use tracing::{error, warn};

use crate::models::Models;
use crate::pipeline::{
    Core, CoreError, Follower, Handle, Health, LogReplica, PipelineOptions, Probe, ReplicaError,
    Replicated, Status, VenueLog, pipeline,
};
use crate::stage::{self, Fused, Stage, StagePlan, StageThread, Time};
use crate::store::{Opened, StoreError};

/// Turns that found nothing before the core lets others have its processor: some 2 us. Where there are
/// few, that is whom it has just answered.
const SPINS: u32 = 50;
/// Turns that found nothing, others let in front after each, before the core sleeps: some 15 us while
/// there is nothing under way, and a durable write's time while there is.
const YIELDS: u32 = 40;
const YIELDS_FOR_LOG: u32 = 1_000;
/// The same with gateways on its thread, which it looks at meanwhile: some 10 us.
const LOOKS_FOR_LOG: u32 = 20;
/// The longest sleep: the clock is compared with the system's after it.
const SLEEP: Duration = Duration::from_secs(1);
/// Between two looks of the follower that has all it knows of.
const FOLLOWER_NAP: Duration = Duration::from_millis(50);

/// How stages are mapped to threads.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// The core that the core thread is pinned to; `None`: the system's choice.
    pub core_cpu: Option<usize>,
    /// The core that the follower is pinned to.
    pub follower_cpu: Option<usize>,
    /// What the core thread does while there is nothing to do. [`WaitKind::BusySpin`] and
    /// [`WaitKind::SpinYield`] never sleep but, the latter, while the disk is awaited; the former is for a
    /// core that has no part in the disk's work.
    pub wait: WaitKind,
    /// Where the core's stages are measured; `None`: nowhere.
    pub registry: Option<Registry>,
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
    /// A thread cannot run where it was told to.
    #[error("no thread of this venue may run on core {cpu}")]
    NoSuchCore {
        /// Where.
        cpu: usize,
    },
    /// A metric's name is taken.
    #[error(transparent)]
    Metric(#[from] RegistryError),
    /// A gateway could not be made, or not go on.
    #[error("gateway {name}: {error}")]
    Gateway {
        /// Which.
        name: &'static str,
        /// The system's refusal.
        error: io::Error,
    },
    /// The log and its replica do not go together.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
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

type FollowerThread<D> = JoinHandle<Result<Follower<D>, StoreError>>;
type StageThreadHandle = (&'static str, JoinHandle<io::Result<()>>);

/// A running venue.
pub struct Running<S: Storage, L: EventLog = Journal<S>> {
    status: Status,
    core: JoinHandle<CoreEnd<L>>,
    follower: Option<FollowerThread<S::Directory>>,
    stages: Vec<StageThreadHandle>,
}

/// A venue that was started: its threads, the models as they are, a handle for each gateway.
pub type Started<S, L = Journal<S>> = (Running<S, L>, Models, Vec<Handle>);

/// Starts an opened store's threads, for so many gateways. Returns the models as they are, and the
/// gateways' handles: whoever holds one reads on, and folds its copy of the models if it wants one.
///
/// # Errors
/// [`RunError`]: a thread could not be made, or not be where it was told to.
pub fn start<S>(
    opened: Opened<S>,
    options: &PipelineOptions,
    run: RunOptions,
    gateways: u16,
) -> Result<Started<S>, RunError>
where
    S: Storage + Send + 'static,
    S::Directory: Send + 'static,
    Journal<S>: Send,
    Follower<S::Directory>: Send,
{
    start_with(opened, options, run, gateways, Vec::new())
}

/// As [`start`], with gateways that are stages beside the `gateways` whose handles are returned.
///
/// # Errors
/// [`RunError`].
pub fn start_with<S>(
    opened: Opened<S>,
    options: &PipelineOptions,
    run: RunOptions,
    gateways: u16,
    stages: Vec<StagePlan>,
) -> Result<Started<S>, RunError>
where
    S: Storage + Send + 'static,
    S::Directory: Send + 'static,
    Journal<S>: Send,
    Follower<S::Directory>: Send,
{
    let Opened { journal, engine, models, follower, .. } = opened;
    launch((journal, engine, models, follower), options, run, gateways, stages)
}

/// As [`start`], with a replica of the log: nothing is told before it has it too. What it lacks is
/// handed to it first.
///
/// # Errors
/// [`RunError`].
pub fn start_replicated<S, R>(
    opened: Opened<S>,
    replica: R,
    options: &PipelineOptions,
    run: RunOptions,
    gateways: u16,
) -> Result<Started<S, Replicated<Journal<S>, R>>, RunError>
where
    S: Storage + Send + 'static,
    S::Directory: Send + 'static,
    R: LogReplica + Send + 'static,
    Journal<S>: Send,
    Follower<S::Directory>: Send,
{
    let Opened { journal, engine, models, follower, .. } = opened;
    let log = Replicated::open(journal, replica)?;
    launch((log, engine, models, follower), options, run, gateways, Vec::new())
}

/// A log and what came of it.
type Recovered<L, D> = (L, FullEngine, Models, Option<Follower<D>>);

fn launch<S, L>(
    (log, engine, models, follower): Recovered<L, S::Directory>,
    options: &PipelineOptions,
    run: RunOptions,
    gateways: u16,
    stages: Vec<StagePlan>,
) -> Result<Started<S, L>, RunError>
where
    S: Storage + Send + 'static,
    S::Directory: Send + 'static,
    L: VenueLog + Send + 'static,
    Follower<S::Directory>: Send,
{
    let allowed = allowed_cpus().unwrap_or_default();
    let cpus =
        run.follower_cpu.into_iter().chain(stages.iter().filter_map(|plan| plan.thread.cpu()));
    if let Some(cpu) = cpus.into_iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(RunError::NoSuchCore { cpu });
    }
    let is_fused = stages.iter().any(|plan| plan.thread == StageThread::Fused);
    if (run.wait != WaitKind::SpinPark || is_fused) && allowed.len() == 1 {
        warn!(wait = ?run.wait, "the core thread never sleeps, and there is one core for all");
    }
    let all = gateways + stages.len() as u16;
    let (mut core, mut handles) = pipeline(options, log, engine, all);
    let mut own = Vec::new();
    let mut fused = Fused::default();
    for (plan, handle) in stages.into_iter().zip(handles.drain(usize::from(gateways)..)) {
        let StagePlan { name, thread, build } = plan;
        let stage = build(handle, &models).map_err(|error| RunError::Gateway { name, error })?;
        match thread {
            StageThread::Fused => fused.add(name, stage),
            StageThread::Own { cpu, wait } => own.push(OwnThread { name, stage, cpu, wait }),
        }
    }
    if let Some(registry) = &run.registry {
        core.measure(Probe::new(registry, Clock::new())?);
    }
    let status = core.status();
    let follower =
        follower.map(|follower| spawn_follower(follower, &status, run.follower_cpu)).transpose()?;
    let stages = own.into_iter().map(spawn_stage).collect::<Result<_, _>>()?;
    let core = spawn("tiercel-core", move || run_core(core, &run, fused))?;
    Ok((Running { status, core, follower, stages }, models, handles))
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(|error| RunError::Thread { name, error })
}

/// Pins a thread that can do its work elsewhere too.
fn pin_if_asked(cpu: Option<usize>, name: &'static str) {
    if let Some(Err(error)) = cpu.map(pin_current_thread) {
        warn!(%error, thread = name, "it runs where the system likes");
    }
}

fn spawn_follower<D>(
    follower: Follower<D>,
    status: &Status,
    cpu: Option<usize>,
) -> Result<FollowerThread<D>, RunError>
where
    D: Directory + Send + 'static,
    Follower<D>: Send,
{
    let name = "tiercel-follower";
    let of_core = status.clone();
    let run = move || {
        pin_if_asked(cpu, name);
        let ended = follow(follower, &of_core);
        if let Err(error) = &ended {
            error!(%error, "no more snapshots are taken");
            of_core.follower_failed(&error.to_string());
        }
        of_core.follower_ends();
        ended
    };
    let thread = spawn(name, run)?;
    status.follower_begins();
    Ok(thread)
}

/// A stage that has a thread of its own.
struct OwnThread {
    name: &'static str,
    stage: Box<dyn Stage>,
    cpu: Option<usize>,
    wait: WaitKind,
}

fn spawn_stage(own: OwnThread) -> Result<StageThreadHandle, RunError> {
    let OwnThread { name, mut stage, cpu, wait } = own;
    let run = move || {
        pin_if_asked(cpu, name);
        let ended = stage::run(&mut *stage, wait);
        if let Err(error) = &ended {
            error!(%error, gateway = name, "it cannot go on, and the venue does not without it");
        }
        ended
    };
    Ok((name, spawn(name, run)?))
}

impl<S: Storage, L: VenueLog> Running<S, L> {
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
        let (mut log, engine, result) =
            self.core.join().map_err(|_| RunError::Panicked("tiercel-core"))?;
        let follower = self.follower.map(JoinHandle::join).transpose();
        let follower = follower.map_err(|_| RunError::Panicked("tiercel-follower"))?;
        for (name, stage) in self.stages {
            let ended = stage.join().map_err(|_| RunError::Panicked(name))?;
            ended.map_err(|error| RunError::Gateway { name, error })?;
        }
        result?;
        let ended = Ended { sequence: engine.sequence(), digest: engine.digest() };
        // What was acknowledged in memory alone.
        log.wait_durable(ended.sequence)?;
        if let Some(follower) = follower {
            let mut follower = follower?;
            let now = engine.time();
            while follower.poll(ended.sequence, now)? > 0 {}
            follower.snapshot(now)?;
        }
        log.close()?;
        Ok(ended)
    }
}

/// The core thread.
fn run_core<L: EventLog>(mut core: Core<L>, run: &RunOptions, mut fused: Fused) -> CoreEnd<L> {
    let mut time = Time::new();
    let result = match run.core_cpu.map(|cpu| (cpu, pin_current_thread(cpu))) {
        Some((cpu, Err(error))) => {
            Err(core.fail(CoreError::NotPinned { cpu, reason: error.to_string() }))
        }
        _ => turn(&mut core, run.wait, &mut time, &mut fused),
    };
    if let Err(error) = &result {
        error!(%error, "the venue takes no commands any more");
    }
    let (log, engine) = core.finish();
    // They say goodbye.
    while !fused.is_empty() {
        let now = time.now();
        let over = fused.receive(now);
        fused.deliver(now);
        if let Err((name, error)) = over {
            error!(%error, gateway = name, "it ends without goodbyes");
            break;
        }
        std::thread::yield_now();
    }
    (log, engine, result)
}

/// Turn after turn, until the core is drained or fails. What came to gateways on this thread is matched
/// and answered in one turn.
fn turn<L: EventLog>(
    core: &mut Core<L>,
    wait: WaitKind,
    time: &mut Time,
    fused: &mut Fused,
) -> Result<(), CoreError> {
    // A sleeping core hears no socket.
    let never_sleeps = wait == WaitKind::SpinPark && !fused.is_empty();
    let wait = if never_sleeps { WaitKind::SpinYield } else { wait };
    let mut looks = 0;
    loop {
        let now = time.now();
        let received = fused.receive(now).map_err(|(name, error)| {
            core.fail(CoreError::Gateway { name, reason: error.to_string() })
        })?;
        let mut delivered = 0;
        let done = core.poll_beside(now, &mut || delivered += fused.deliver(now))?;
        delivered += fused.deliver(now);
        if received + done + delivered > 0 {
            looks = 0;
            continue;
        }
        if core.is_drained() {
            return Ok(());
        }
        looks += 1;
        rest(core, wait, looks, now)?;
    }
}

/// What the core thread does when there was nothing to do for the `looks`-th time.
///
/// While the disk is awaited, others have the processor at once: a thread of the system on this very one
/// may have a part in the write, and tells its end. What comes meanwhile is matched meanwhile. Letting
/// others in front is not enough where nothing comes: a thread of the system that is seldom there and has
/// the highest priority was seen to wait 5 ms behind one that does nothing else, and with it each write.
/// What comes while the thread sleeps could not be written sooner either.
fn rest<L: EventLog>(
    core: &mut Core<L>,
    wait: WaitKind,
    looks: u32,
    now: Timestamp,
) -> Result<(), CoreError> {
    let (spins, yields) =
        if core.waits_for_log() { (0, YIELDS_FOR_LOG) } else { (SPINS, SPINS + YIELDS) };
    match wait {
        WaitKind::SpinYield if looks > LOOKS_FOR_LOG && core.waits_for_log() => {
            core.idle(now, SLEEP)
        }
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
fn follow<D: Directory>(
    mut follower: Follower<D>,
    status: &Status,
) -> Result<Follower<D>, StoreError> {
    let mut clock = Clock::new();
    loop {
        let over = matches!(status.health(), Health::Stopped | Health::Failed);
        clock.reanchor();
        let now = Timestamp(clock.now_ns());
        let asks = status.follower_asks();
        let mut done = follower.poll(status.durable_sequence(), now)?;
        if !asks.is_empty() {
            // What is asked is asked of all that was durable then.
            while follower.poll(status.durable_sequence(), now)? > 0 {
                done += 1;
            }
        }
        for (ask, reply) in asks {
            match follower.answer(ask, now) {
                Ok(report) => reply(Ok(report)),
                Err(error) => {
                    reply(Err(error.to_string()));
                    return Err(error);
                }
            }
        }
        if let Some(taken) = follower.last_snapshot() {
            status.snapshot_was_taken(taken);
        }
        if done == 0 && over {
            return Ok(follower);
        }
        if follower.is_abreast() {
            // What is written meanwhile is read at once: a read is a request of the disk, which has the log's
            // writes to do, and takes more than what came behind it.
            std::thread::sleep(FOLLOWER_NAP);
        } else {
            // Nobody waits for a snapshot. Where cores are few, one that orders wait for may wait for this:
            // the system's own too, which finish the log's writes.
            std::thread::yield_now();
        }
    }
}
