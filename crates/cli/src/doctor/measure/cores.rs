//! A cache line that two cores hand to and fro.

use std::hint::spin_loop;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tiercel_host::{Clock, pin_current_thread};
use tiercel_sync::layout::Apart;
use tiercel_telemetry::histogram::Nanoseconds;
use tiercel_telemetry::{Distribution, Histogram};

use super::{Outcome, Setting};

/// Hand-overs there and back that are timed together.
const BATCH: u64 = 100;
/// Batches with each core.
const BATCHES: u64 = 300;
/// Other cores that are tried, at most.
const CORES_MAX: usize = 16;

/// From the measuring core to each other one.
pub(super) fn handing_over(setting: &Setting<'_>) -> io::Result<Outcome> {
    let others = setting.cpus.iter().copied().filter(|&cpu| cpu != setting.cpu).take(CORES_MAX);
    let mut all = Vec::new();
    for other in others {
        all.push((one_way(&setting.clock, other)?, other));
    }
    all.sort_unstable_by_key(|(latency, _)| latency.p50_ns);
    let (Some((near, near_cpu)), Some((far, far_cpu))) = (all.first(), all.last()) else {
        return Err(io::Error::other("this process may use one core alone"));
    };
    let mut found = format!("{} from core {} to {near_cpu}", Nanoseconds(near.p50_ns), setting.cpu);
    if all.len() > 1 {
        found = format!("{found}, to {far_cpu}, the farthest, {}", Nanoseconds(far.p50_ns));
    }
    Ok(Outcome { found, judged_ns: near.p50_ns, latency: *near })
}

/// Half of a round trip with core `other`.
fn one_way(clock: &Clock, other: usize) -> io::Result<Distribution> {
    let line = Apart::new(AtomicU64::new(0));
    let placed = OnceLock::new();
    thread::scope(|scope| {
        // Odd numbers are asked, the next even one answers.
        let answers = || {
            let pinned = pin_current_thread(other);
            let ready = pinned.is_ok();
            if placed.set(pinned).is_ok() && ready {
                for turn in (1..=2 * BATCH * BATCHES).step_by(2) {
                    while line.load(Ordering::Acquire) != turn {
                        spin_loop();
                    }
                    line.store(turn + 1, Ordering::Release);
                }
            }
        };
        thread::Builder::new().spawn_scoped(scope, answers)?;
        loop {
            match placed.get() {
                Some(Ok(())) => break,
                Some(Err(error)) => return Err(io::Error::other(error.to_string())),
                None => thread::yield_now(),
            }
        }
        let mut times = Histogram::new();
        let mut turn = 1;
        for _ in 0..BATCHES {
            let start = clock.ticks();
            for _ in 0..BATCH {
                line.store(turn, Ordering::Release);
                while line.load(Ordering::Acquire) != turn + 1 {
                    spin_loop();
                }
                turn += 2;
            }
            times.record(clock.ns_since(start) / (2 * BATCH));
        }
        Ok(times.distribution())
    })
}
