//! The measured part of the doctor: a few seconds of what the machine really does.
//!
//! Everything runs on one core, the last that this process may use, and on its peers' where two
//! take part. A measurement that cannot be made is unknown, with the reason.

mod cores;
mod disk;
mod loopback;

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tiercel_host::checkup::Verdict;
use tiercel_host::{Clock, allowed_cpus, pin_current_thread};
use tiercel_telemetry::histogram::Nanoseconds;
use tiercel_telemetry::{Distribution, Histogram};

/// Operations that are timed together where one is shorter than the clock can tell.
const BATCH: u32 = 1_000;
/// Batches that are timed.
const BATCHES: u32 = 500;

/// One measurement, judged.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// A stable name.
    pub(super) id: &'static str,
    /// Whether it is as it should be.
    pub(super) verdict: Verdict,
    /// What was found, in a few words.
    pub(super) found: String,
    /// Why it matters.
    pub(super) why: &'static str,
    /// The distribution in nanoseconds; none where it could not be measured.
    pub(super) latency: Option<Distribution>,
}

/// What a measurement gives: its words, its distribution, and the figure that is judged.
struct Outcome {
    found: String,
    latency: Distribution,
    judged_ns: u64,
}

/// A measurement: what is good of it, why it matters, and how it is made.
struct Measurement {
    id: &'static str,
    good_ns: u64,
    why: &'static str,
    make: fn(&Setting<'_>) -> io::Result<Outcome>,
}

/// Where it is measured.
struct Setting<'a> {
    clock: Clock,
    cpus: Vec<usize>,
    cpu: usize,
    folder: &'a Path,
}

const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        id: "scheduling_gaps",
        good_ns: 50_000,
        why: "A spinning thread that the system stops answers nothing for that long: interrupts, \
              other tasks, the hypervisor.",
        make: gaps,
    },
    Measurement {
        id: "core_to_core",
        good_ns: 150,
        why: "What one thread hands another takes at least as long as a cache line between their \
              cores.",
        make: cores::handing_over,
    },
    Measurement {
        id: "clock",
        good_ns: 40,
        why: "Every stage reads the clock; a slow clock source makes that a system call.",
        make: clock,
    },
    Measurement {
        id: "system_call",
        good_ns: 200,
        why: "Entering the kernel is the least that any I/O costs; mitigations make it dear.",
        make: system_call,
    },
    Measurement {
        id: "loopback",
        good_ns: 20_000,
        why: "A round trip over TCP on this machine, 64 bytes, polled: the floor of every gateway.",
        make: loopback::round_trip,
    },
    Measurement {
        id: "durable_write",
        good_ns: 500_000,
        why: "An order is acknowledged once it is on disk: 4 KiB and fdatasync, into a file that \
              was written before.",
        make: disk::durable_write,
    },
];

/// Measures everything; durable writes in `folder`.
///
/// # Errors
/// When there is no core to measure on.
pub(super) fn measure(folder: &Path) -> io::Result<Vec<Measured>> {
    let cpus = allowed_cpus()?;
    let Some(&cpu) = cpus.last() else { return Err(io::ErrorKind::NotFound.into()) };
    pin_current_thread(cpu)?;
    let setting = Setting { clock: Clock::new(), cpus, cpu, folder };
    Ok(MEASUREMENTS.iter().map(|measurement| made(measurement, &setting)).collect())
}

fn made(measurement: &Measurement, setting: &Setting<'_>) -> Measured {
    let &Measurement { id, good_ns, why, make } = measurement;
    match make(setting) {
        Ok(Outcome { found, latency, judged_ns }) => {
            let verdict = if judged_ns <= good_ns { Verdict::Good } else { Verdict::Bad };
            let found = format!("{found}; good is {} or less", Nanoseconds(good_ns));
            Measured { id, verdict, found, why, latency: Some(latency) }
        }
        Err(error) => {
            let found = format!("not measured: {error}");
            Measured { id, verdict: Verdict::Unknown, found, why, latency: None }
        }
    }
}

/// Times in which a thread that does nothing but read the clock did not run.
#[allow(clippy::unnecessary_wraps, reason = "one signature for all parts")]
fn gaps(setting: &Setting<'_>) -> io::Result<Outcome> {
    const SPAN: Duration = Duration::from_secs(1);
    const GAP_NS: u64 = 1_000;
    let clock = &setting.clock;
    let (mut gaps, mut lost_ns) = (Histogram::new(), 0);
    let start = clock.ticks();
    let mut last = start;
    while u128::from(clock.ns(last.saturating_sub(start))) < SPAN.as_nanos() {
        let now = clock.ticks();
        let gap_ns = clock.ns(now.saturating_sub(last));
        if gap_ns >= GAP_NS {
            gaps.record(gap_ns);
            lost_ns += gap_ns;
        }
        last = now;
    }
    let latency = gaps.distribution();
    let found = format!(
        "{} gaps above 1 us in a second on core {}, longest {}, {:.2}% lost",
        latency.count,
        setting.cpu,
        Nanoseconds(latency.max_ns),
        lost_ns as f64 * 100.0 / SPAN.as_nanos() as f64
    );
    Ok(Outcome { found, judged_ns: latency.max_ns, latency })
}

/// The time of one operation, taken over batches.
fn batched(clock: &Clock, mut operation: impl FnMut()) -> Distribution {
    let mut times = Histogram::new();
    for _ in 0..BATCHES {
        let start = clock.ticks();
        for _ in 0..BATCH {
            operation();
        }
        times.record(clock.ns_since(start) / u64::from(BATCH));
    }
    times.distribution()
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all parts")]
fn clock(setting: &Setting<'_>) -> io::Result<Outcome> {
    let latency = batched(&setting.clock, || {
        black_box(setting.clock.now_ns());
    });
    let system = batched(&setting.clock, || {
        black_box(std::time::Instant::now());
    });
    let found = format!(
        "{} a read ({:?}); the system's {}",
        Nanoseconds(latency.p50_ns),
        setting.clock.counter(),
        Nanoseconds(system.p50_ns)
    );
    Ok(Outcome { found, judged_ns: latency.p50_ns.max(system.p50_ns), latency })
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all parts")]
fn system_call(setting: &Setting<'_>) -> io::Result<Outcome> {
    let latency = batched(&setting.clock, || {
        black_box(rustix::process::getppid());
    });
    let found = format!("{} for the shortest", Nanoseconds(latency.p50_ns));
    Ok(Outcome { found, judged_ns: latency.p50_ns, latency })
}
