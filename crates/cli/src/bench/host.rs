//! The clock, counters and histograms: what measuring itself costs.
//!
//! ```text
//!   clock_read         Clock::now_ns           against a bare read of the counter (rdtsc)
//!   counter_increment  Counter::increment
//!   histogram_record   Recorder::record        256 latencies of all sizes from 100 ns to 100 us
//!   scope              Stage::measure          an empty scope: two reads and a record
//! ```
//!
//! Each call runs a thousand operations, so that the loop around a call and its result are lost in
//! them. Nothing else runs on the core, and all memory is in its first cache: this is the cost of
//! instructions.

use std::hint::black_box;

use tiercel_host::{Clock, cycles};
use tiercel_sim::rng::Rng;
use tiercel_telemetry::{Registry, RegistryError, Stage};

use super::contest::{Case, CaseSpec, Figure, Input, Repeated, Subject};
use super::{BenchError, Options};

/// Operations of one call.
pub const OPERATIONS: u64 = 1_000;

/// The cases of `tiercel bench host`.
pub const CASES: &[CaseSpec] = &[
    spec("clock_read", |options| Ok(clock_read(options))),
    spec("counter_increment", counter_increment),
    spec("histogram_record", histogram_record),
    spec("scope", scope),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "host", name, build }
}

/// A subject that does `operation` a thousand times a call.
pub fn subject(
    options: &Options,
    name: &'static str,
    mut operation: impl FnMut(u64) + 'static,
) -> Box<dyn Subject> {
    let work = move || {
        for at in 0..OPERATIONS {
            operation(at);
        }
        Ok(0)
    };
    let calls = (options.operations / OPERATIONS as usize).max(1);
    Box::new(Repeated { name, figure: Figure::NsPerItem, items_per_call: OPERATIONS, calls, work })
}

fn case(subjects: Vec<Box<dyn Subject>>) -> Case {
    Case { unit: "ns/op", input: Input::None, subjects }
}

fn refused(error: &RegistryError) -> BenchError {
    BenchError::Wrong { subject: "ours".to_owned(), what: error.to_string() }
}

fn clock_read(options: &Options) -> Case {
    let clock = Clock::new();
    case(vec![
        subject(options, "ours", move |_| {
            black_box(clock.now_ns());
        }),
        subject(options, "rdtsc", |_| {
            black_box(cycles());
        }),
    ])
}

fn counter_increment(options: &Options) -> Result<Case, BenchError> {
    let counter =
        Registry::new().counter("bench_total", "", &[]).map_err(|error| refused(&error))?;
    // Where it is has to be looked up each time, as in a program.
    Ok(case(vec![subject(options, "ours", move |_| black_box(&counter).increment())]))
}

/// The latencies that are recorded, in nanoseconds.
pub fn latencies(options: &Options) -> [u64; 256] {
    let mut random = Rng::new(options.seed);
    std::array::from_fn(|_| {
        let decade = 10_u64.pow(2 + random.below(3) as u32);
        decade + random.below(9 * decade)
    })
}

fn histogram_record(options: &Options) -> Result<Case, BenchError> {
    let recorder =
        Registry::new().histogram("bench_seconds", "", &[]).map_err(|error| refused(&error))?;
    let latencies = latencies(options);
    Ok(case(vec![subject(options, "ours", move |at| {
        black_box(&recorder).record(latencies[at as usize % latencies.len()]);
    })]))
}

fn scope(options: &Options) -> Result<Case, BenchError> {
    let recorder =
        Registry::new().histogram("bench_seconds", "", &[]).map_err(|error| refused(&error))?;
    let stage = Stage::new(recorder, Clock::new());
    Ok(case(vec![subject(options, "ours", move |_| {
        let _scope = black_box(&stage).measure();
    })]))
}
