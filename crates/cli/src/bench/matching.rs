//! The matching engine's cases. The loads are those of [`tiercel_sim::flow`].

use std::marker::PhantomData;
use std::sync::Arc;

use tiercel_sim::flow::{self, DEEP_ORDERS, Load};

use super::clock::Clock;
use super::contest::{Case, CaseSpec, Input, Round, Subject, Timing};
use super::driver::{Adapter, Driven, Reports};
use super::engine::{Bare, Full};
use super::{BenchError, Options};

/// Measured operations in one batch of the plain loads.
const BATCH: usize = 1_000;

/// The cases of `tiercel bench matching`.
pub const CASES: &[CaseSpec] = &[
    spec("memory_per_order", |options| Ok(memory::<Bare>(options))),
    spec("memory_per_order_full", |options| Ok(memory::<Full<false>>(options))),
    spec("bare_mixed", |options| Ok(driven::<Bare>(mixed(options, false)))),
    spec("bare_add", |options| {
        Ok(driven::<Bare>(flow::passive_adds(options.seed, batches(options))))
    }),
    spec("bare_cancel", |options| {
        Ok(driven::<Bare>(flow::cancels(options.seed, batches(options))))
    }),
    spec("bare_ioc", |options| {
        Ok(driven::<Bare>(flow::filling_iocs(options.seed, batches(options))))
    }),
    spec("bare_deep", |options| Ok(driven::<Bare>(flow::deep(options.seed, options.operations)))),
    spec("full_mixed", |options| Ok(driven::<Full<false>>(mixed(options, true)))),
    spec("full_mixed_client_ids", |options| Ok(driven::<Full<true>>(mixed(options, true)))),
];

const fn spec(name: &'static str, build: fn(&Options) -> Result<Case, BenchError>) -> CaseSpec {
    CaseSpec { bench: "matching", name, build }
}

fn batches(options: &Options) -> usize {
    (options.operations / BATCH).max(1)
}

fn mixed(options: &Options, expire_taker: bool) -> Load {
    flow::mixed(options.seed, options.operations, expire_taker).0
}

fn driven<A: Adapter + 'static>(load: Load) -> Case {
    let load = Arc::new(load);
    Case {
        unit: "ns/op",
        input: Input::Load(Arc::clone(&load)),
        subjects: vec![Box::new(Driven::<A>::new(load))],
    }
}

fn memory<A: Adapter + 'static>(options: &Options) -> Case {
    let load = Arc::new(flow::deep(options.seed, 0));
    Case {
        unit: "bytes",
        input: Input::None,
        subjects: vec![Box::new(Memory::<A> { load, engine: PhantomData })],
    }
}

/// Bytes that become resident for each of 1,000,000 resting orders on 10,000 levels, everything
/// the engine holds counted: its tables, ladders and accounts are divided by the orders too.
struct Memory<A> {
    load: Arc<Load>,
    engine: PhantomData<A>,
}

impl<A: Adapter> Subject for Memory<A> {
    fn name(&self) -> String {
        A::NAME.to_owned()
    }

    fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
        if timing == Timing::Each {
            return Ok(Round::default());
        }
        let resident = || resident_bytes().ok_or(BenchError::NotAvailable("resident memory"));
        let mut reports = Reports::default();
        release_freed_memory();
        let before = resident()?;
        let mut engine = A::new(&self.load);
        for op in &self.load.ops {
            let command = engine.encode(op);
            engine.apply(&command, &mut reports);
        }
        let grown = resident()?.saturating_sub(before);
        drop(engine);
        reports.check(&self.load, A::NAME)?;
        Ok(Round {
            value: grown as f64 / DEEP_ORDERS as f64,
            operations: DEEP_ORDERS as u64,
            ..Round::default()
        })
    }
}

/// Bytes of this process's memory that are resident; `None` where the system does not say.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Gives back to the system what was freed: else an engine would grow into pages that an earlier
/// one made resident, and seem small.
fn release_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            safe fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // It returns whether there was anything to give back, which is the same to us.
        let _ = malloc_trim(0);
    }
}
