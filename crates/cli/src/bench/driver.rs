//! Drives matching engines, ours and others, through the same operations.
//!
//! ```text
//!  Load --encode--> 128 commands (warm ring) --apply--> engine --> 64-byte reports, trade sum
//!        not timed                            ==timed==
//! ```
//!
//! Every engine gets its own commands, made outside the timed stretch as a gateway would have
//! made them, from a ring small enough to be in cache; every engine's adapter writes one 64-byte
//! report for each acknowledgement, trade, cancel and rejection. The first tenth of the measured
//! operations warms up and does not count.

use std::marker::PhantomData;
use std::sync::Arc;

use tiercel_sim::flow::{Load, Op, TradeSum};
use tiercel_types::Side;

use super::BenchError;
use super::clock::{self, Clock};
use super::contest::{Round, Subject, TIMED_EVERY, Timing};

/// Commands that are made, and timed, at a time.
const CHUNK: usize = 128;
/// Reports that are kept before the oldest is overwritten: 64 KiB of them.
const REPORTS: usize = 1_024;

/// What a report says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ReportKind {
    /// An order was taken.
    Accepted = 0,
    /// Two orders traded.
    Trade = 1,
    /// An order, or what was left of it, ended unfilled.
    Ended = 2,
    /// An order was moved.
    Moved = 3,
    /// A command was refused.
    Refused = 4,
}

/// One report, as wide as a cache line: what a venue would hand to its gateways.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Report {
    /// What happened.
    pub kind: ReportKind,
    /// The order's side.
    pub side: Side,
    /// The order it concerns; of a trade, the taker.
    pub order_id: u64,
    /// The resting order of a trade.
    pub maker_order_id: u64,
    /// In the engine's own units.
    pub price: i64,
    /// In the engine's own units.
    pub qty: u64,
    /// The command's number.
    pub sequence: u64,
}

/// Where adapters write their reports.
pub struct Reports {
    ring: Box<[Report]>,
    next: usize,
    trades: TradeSum,
    refused: u64,
}

impl Default for Reports {
    fn default() -> Self {
        let none = Report {
            kind: ReportKind::Refused,
            side: Side::Buy,
            order_id: 0,
            maker_order_id: 0,
            price: 0,
            qty: 0,
            sequence: 0,
        };
        Self { ring: vec![none; REPORTS].into(), next: 0, trades: TradeSum::default(), refused: 0 }
    }
}

impl Reports {
    /// Writes a report of an engine that counts in ticks and lots; of a trade, its price and
    /// quantity go into the trade sum.
    #[inline(always)]
    pub fn push(&mut self, report: Report) {
        self.push_scaled(report, || (report.price, report.qty));
    }

    /// Writes a report of an engine that has units of its own; `ticks_and_lots` converts those of
    /// a trade.
    #[inline(always)]
    pub fn push_scaled(&mut self, report: Report, ticks_and_lots: impl FnOnce() -> (i64, u64)) {
        match report.kind {
            ReportKind::Trade => {
                let (price_ticks, lots) = ticks_and_lots();
                self.trades.add(price_ticks, lots);
            }
            ReportKind::Refused => self.refused += 1,
            ReportKind::Accepted | ReportKind::Ended | ReportKind::Moved => {}
        }
        self.ring[self.next % REPORTS] = report;
        self.next += 1;
    }

    /// The trades so far.
    pub const fn trades(&self) -> TradeSum {
        self.trades
    }

    /// Whether these are what `load` has to yield, with no command refused.
    ///
    /// # Errors
    /// [`BenchError::Wrong`] of `subject`.
    pub fn check(&self, load: &Load, subject: &str) -> Result<(), BenchError> {
        if self.trades == load.trades && self.refused == 0 {
            return Ok(());
        }
        let what = format!(
            "trades {:?} for {:?}, {} commands refused",
            self.trades, load.trades, self.refused
        );
        Err(BenchError::Wrong { subject: subject.to_owned(), what })
    }
}

/// An engine behind the driver.
pub trait Adapter: Sized {
    /// Its name in tables.
    const NAME: &'static str;
    /// Whether it has to yield exactly the load's trades and refuse nothing, or the bench fails.
    const STRICT: bool;
    /// What it is told.
    type Command;

    /// An empty engine with room for the load.
    fn new(load: &Load) -> Self;

    /// Makes the engine's own command of an operation. Not timed.
    fn encode(&mut self, op: &Op) -> Self::Command;

    /// Looks ahead: `ahead` tells the command that comes so many commands after the next.
    #[inline(always)]
    fn prefetch<'c>(&self, _ahead: impl Fn(usize) -> Option<&'c Self::Command>)
    where
        Self::Command: 'c,
    {
    }

    /// Does it, and reports what happened.
    fn apply(&mut self, command: &Self::Command, reports: &mut Reports);
}

/// An engine and a load: a subject of a case.
pub struct Driven<A> {
    load: Arc<Load>,
    engine: PhantomData<A>,
}

impl<A: Adapter> Driven<A> {
    /// Measures engine `A` under `load`.
    pub const fn new(load: Arc<Load>) -> Self {
        Self { load, engine: PhantomData }
    }
}

/// What a pass over a chunk spends and sees.
struct Pass<'a> {
    clock: &'a Clock,
    timing: Timing,
    warm_up_left: usize,
    spent_ns: f64,
    measured: usize,
    times_ns: Vec<f32>,
}

impl Pass<'_> {
    /// Applies a chunk of measured operations.
    fn measured<A: Adapter>(
        &mut self,
        engine: &mut A,
        chunk: &[A::Command],
        reports: &mut Reports,
    ) {
        if self.warm_up_left > 0 {
            self.warm_up_left = self.warm_up_left.saturating_sub(chunk.len());
            apply(engine, chunk, reports);
        } else if self.timing == Timing::Mean {
            let from = clock::start();
            apply(engine, chunk, reports);
            self.spent_ns += self.clock.between_ns(clock::stop() - from);
            self.measured += chunk.len();
        } else {
            self.apply_each(engine, chunk, reports);
            self.measured += chunk.len();
        }
    }

    fn apply_each<A: Adapter>(
        &mut self,
        engine: &mut A,
        chunk: &[A::Command],
        reports: &mut Reports,
    ) {
        for (at, command) in chunk.iter().enumerate() {
            look_ahead(engine, chunk, at);
            if at.is_multiple_of(TIMED_EVERY) {
                let from = clock::start();
                engine.apply(command, reports);
                let ticks = clock::stop() - from;
                self.times_ns.push(self.clock.between_ns(ticks) as f32);
            } else {
                engine.apply(command, reports);
            }
        }
    }
}

/// Shows the engine the commands that come soon, as far as a venue would see them in its ring.
#[inline(always)]
fn look_ahead<A: Adapter>(engine: &A, chunk: &[A::Command], at: usize) {
    engine.prefetch(|distance| chunk.get(at + distance));
}

/// Applies a chunk, looking ahead.
#[inline(never)]
fn apply<A: Adapter>(engine: &mut A, chunk: &[A::Command], reports: &mut Reports) {
    for (at, command) in chunk.iter().enumerate() {
        look_ahead(engine, chunk, at);
        engine.apply(command, reports);
    }
}

impl<A: Adapter> Subject for Driven<A> {
    fn name(&self) -> String {
        A::NAME.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut engine = A::new(&self.load);
        let mut reports = Reports::default();
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut pass = Pass {
            clock,
            timing,
            warm_up_left: self.load.timed_ops() / 10,
            spent_ns: 0.0,
            measured: 0,
            times_ns: Vec::with_capacity(self.load.timed_ops() / TIMED_EVERY + 1),
        };
        let mut rest = self.load.ops.as_slice();
        for run in &self.load.runs {
            let (ops, after) = rest.split_at(run.ops);
            rest = after;
            for ops in ops.chunks(CHUNK) {
                chunk.clear();
                chunk.extend(ops.iter().map(|op| engine.encode(op)));
                if run.timed {
                    pass.measured(&mut engine, &chunk, &mut reports);
                } else {
                    apply(&mut engine, &chunk, &mut reports);
                }
            }
        }
        if A::STRICT {
            reports.check(&self.load, A::NAME)?;
        }
        Ok(Round {
            value: pass.spent_ns / pass.measured as f64,
            operations: pass.measured as u64,
            times_ns: pass.times_ns,
            checksum: reports.trades.checksum,
        })
    }
}

#[cfg(test)]
mod tests {
    use tiercel_sim::flow;

    use super::super::engine::{Bare, Full};
    use super::*;

    fn run<A: Adapter>(load: Load, timing: Timing) -> Result<Round, BenchError> {
        Driven::<A>::new(Arc::new(load)).round(timing, &Clock::calibrate())
    }

    #[test]
    fn our_engine_yields_the_trades_of_every_load() {
        for load in [
            flow::passive_adds(1, 4),
            flow::cancels(1, 4),
            flow::filling_iocs(1, 4),
            flow::mixed(1, 20_000, false).0,
        ] {
            let (timed, trades) = (load.timed_ops(), load.trades);
            let round = run::<Bare>(load, Timing::Mean).unwrap();
            assert_eq!(round.checksum, trades.checksum);
            assert!(round.operations as usize <= timed && round.operations as usize > timed / 2);
        }
    }

    #[test]
    fn the_full_engine_refuses_nothing_of_the_mixed_load() {
        let load = || flow::mixed(2, 20_000, true).0;
        run::<Full<false>>(load(), Timing::Mean).unwrap();
        let round = run::<Full<true>>(load(), Timing::Each).unwrap();
        assert!(round.times_ns.len() >= round.operations as usize / TIMED_EVERY);
    }

    /// An engine that loses its trades.
    struct Forgetful;

    impl Adapter for Forgetful {
        const NAME: &'static str = "forgetful";
        const STRICT: bool = true;
        type Command = ();

        fn new(_: &Load) -> Self {
            Self
        }

        fn encode(&mut self, _: &Op) {}

        fn apply(&mut self, (): &(), _: &mut Reports) {}
    }

    #[test]
    fn an_engine_that_trades_otherwise_fails_the_bench() {
        let error = run::<Forgetful>(flow::filling_iocs(1, 1), Timing::Mean).unwrap_err();
        assert!(error.to_string().starts_with("forgetful did not do the work"), "{error}");
    }
}
