//! What polls stages: a thread of their own, or the core's.

use std::io;
use std::time::Duration;

use tiercel_host::Clock;
use tiercel_sync::wait::WaitKind;
use tiercel_types::Timestamp;

use super::Stage;

/// The clock is compared with the system's after so many nanoseconds.
const REANCHOR_NS: u64 = 1_000_000_000;
/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(1);
/// Turns that found nothing before others are let in front, and before the thread sleeps: some 2 us,
/// and some 15 us.
const SPINS: u32 = 50;
const YIELDS: u32 = 40;

/// The time of turns.
pub(crate) struct Time {
    clock: Clock,
    anchored: u64,
}

impl Time {
    pub(crate) fn new() -> Self {
        let clock = Clock::new();
        let anchored = clock.now_ns();
        Self { clock, anchored }
    }

    #[inline]
    pub(crate) fn now(&mut self) -> Timestamp {
        let now = self.clock.now_ns();
        if now.saturating_sub(self.anchored) >= REANCHOR_NS {
            self.clock.reanchor();
            self.anchored = now;
        }
        Timestamp(now)
    }
}

/// Polls a stage until nothing comes any more.
///
/// # Errors
/// The stage's.
pub(crate) fn run(stage: &mut dyn Stage, wait: WaitKind) -> io::Result<()> {
    let mut time = Time::new();
    let mut looks = 0;
    loop {
        let now = time.now();
        let received = stage.receive(now)?;
        let Ok(delivered) = stage.deliver(now) else { return Ok(()) };
        if received + delivered > 0 {
            looks = 0;
            continue;
        }
        looks += 1;
        match wait {
            WaitKind::SpinPark if looks > SPINS + YIELDS => stage.wait(SLEEP)?,
            WaitKind::SpinPark | WaitKind::SpinYield if looks > SPINS => std::thread::yield_now(),
            _ => std::hint::spin_loop(),
        }
    }
}

/// The stages on the core's thread.
#[derive(Default)]
pub(crate) struct Fused {
    stages: Vec<(&'static str, Box<dyn Stage>)>,
}

impl Fused {
    pub(crate) fn add(&mut self, name: &'static str, stage: Box<dyn Stage>) {
        self.stages.push((name, stage));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// What came from sockets, of all of them.
    ///
    /// # Errors
    /// The first that fails, by name.
    #[inline]
    pub(crate) fn receive(&mut self, now: Timestamp) -> Result<usize, (&'static str, io::Error)> {
        let mut work = 0;
        for (name, stage) in &mut self.stages {
            work += stage.receive(now).map_err(|error| (*name, error))?;
        }
        Ok(work)
    }

    /// What became of it. Those that are over are gone.
    #[inline]
    pub(crate) fn deliver(&mut self, now: Timestamp) -> usize {
        let mut work = 0;
        self.stages.retain_mut(|(_, stage)| match stage.deliver(now) {
            Ok(read) => {
                work += read;
                true
            }
            Err(_over) => false,
        });
        work
    }
}
