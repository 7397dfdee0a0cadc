//! What is measured against what: subjects, rounds, and the row they give.
//!
//! ```text
//!  round 1: ours, peer A, peer B   round 2: ours, peer A, peer B   ...
//!           |  mean of batches              |
//!           +---- median over the rounds ---+--> value, peers, ratio
//! ```
//!
//! All subjects of a case run in one process, in turn, on one pinned thread, so that a noisy
//! spell of the machine hits all of them alike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tiercel_sim::flow::Load;

use super::clock::{self, Clock};
use super::row::Row;
use super::{BenchError, Options};

/// Every so many operations one is timed by itself, in a latency round.
pub const TIMED_EVERY: usize = 8;

/// What a round is to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// The mean (or rate): only whole batches are timed.
    Mean,
    /// The distribution: every eighth operation is timed by itself.
    Each,
}

/// What a round found.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// The round's figure in the case's unit; of no meaning in a latency round.
    pub value: f64,
    /// Operations measured.
    pub operations: u64,
    /// Times of single operations, in nanoseconds, in a latency round.
    pub times_ns: Vec<f32>,
    /// What the subject made of its input; all subjects of a case should agree.
    pub checksum: u64,
}

/// Something that is measured: ours or a peer.
pub trait Subject {
    /// Its name among the peers; ours is not shown.
    fn name(&self) -> String;

    /// Whether it is the probe that brackets the rounds of a case: see [`super::bracket`].
    fn is_probe(&self) -> bool {
        false
    }

    /// Runs once over the case's input, from a fresh start, with warm-up.
    ///
    /// # Errors
    /// [`BenchError`] when it cannot do what is measured.
    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError>;
}

/// What the subjects of a case work on.
#[derive(Clone, Debug)]
pub enum Input {
    /// A list of operations for a matching engine.
    Load(Arc<Load>),
    /// Messages, back to back or one.
    Bytes(Arc<[u8]>),
    /// Nothing that others could use.
    None,
}

/// A case: its subjects, ours first.
pub struct Case {
    /// What the value counts.
    pub unit: &'static str,
    /// What they work on.
    pub input: Input,
    /// Ours, then the peers. A probe among them makes the case one between two cores.
    pub subjects: Vec<Box<dyn Subject>>,
}

/// Names a case and makes it.
#[derive(Clone, Copy, Debug)]
pub struct CaseSpec {
    /// Which bench.
    pub bench: &'static str,
    /// Which case.
    pub name: &'static str,
    /// Makes it; this may take a while.
    pub build: fn(&Options) -> Result<Case, BenchError>,
}

/// The fewest rounds a median is taken of.
const ROUNDS_MIN: usize = 3;
/// Rounds for the distribution.
const LATENCY_ROUNDS: usize = 2;

impl Case {
    /// Runs all subjects in turn and makes the row.
    ///
    /// # Errors
    /// The first subject's [`BenchError`] that comes.
    pub fn run(
        mut self,
        spec: &CaseSpec,
        options: &Options,
        clock: &Clock,
        machine: &str,
    ) -> Result<Row, BenchError> {
        if let Some(probe) = self.subjects.iter().position(|subject| subject.is_probe()) {
            return self.run_bracketed(probe, spec, options, clock, machine);
        }
        let begin = Instant::now();
        let enough = |rounds: usize| match options.seconds {
            Some(seconds) => {
                rounds >= ROUNDS_MIN && begin.elapsed() >= Duration::from_secs_f64(seconds)
            }
            None => rounds >= options.rounds.max(1),
        };
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); self.subjects.len()];
        let mut checksums = vec![0; self.subjects.len()];
        let mut operations = 0;
        let mut rounds = 0;
        while !enough(rounds) {
            for (at, subject) in self.subjects.iter_mut().enumerate() {
                let round = subject.round(Timing::Mean, clock)?;
                values[at].push(round.value);
                checksums[at] = round.checksum;
                operations += if at == 0 { round.operations } else { 0 };
            }
            rounds += 1;
        }
        let mut row = Row::new(spec, self.unit, median(&mut values[0]), operations, machine);
        for (at, subject) in self.subjects.iter().enumerate().skip(1) {
            let value = median(&mut values[at]);
            row.ratio.insert(subject.name(), row.value / value);
            row.peers.insert(subject.name(), value);
            if checksums[at] != checksums[0] {
                let (case, name) = (spec.name, subject.name());
                eprintln!(
                    "{case}: {name} came to another result than ours: it does not do the same work"
                );
            }
        }
        let mut times = Vec::new();
        for _ in 0..LATENCY_ROUNDS {
            times.append(&mut self.subjects[0].round(Timing::Each, clock)?.times_ns);
        }
        row.set_percentiles(&mut times);
        row.round_figures();
        Ok(row)
    }
}

/// The middle of `values`, or halfway between the two in the middle.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}

/// How a [`Repeated`] subject's figure is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Nanoseconds for one item.
    NsPerItem,
    /// Items in a second.
    ItemsPerSecond,
}

/// A subject that calls one function again and again: a decoder on one message or one file.
pub struct Repeated<F> {
    /// Its name.
    pub name: &'static str,
    /// How the figure is told.
    pub figure: Figure,
    /// Items (messages) one call works on.
    pub items_per_call: u64,
    /// Calls in a round; as many again, at most 1,000, warm up.
    pub calls: usize,
    /// Does the work and returns a checksum of what it read.
    pub work: F,
}

impl<F: FnMut() -> Result<u64, BenchError>> Subject for Repeated<F> {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn round(&mut self, timing: Timing, clock: &Clock) -> Result<Round, BenchError> {
        let mut round =
            Round { operations: self.calls as u64 * self.items_per_call, ..Round::default() };
        for _ in 0..self.calls.min(1_000) {
            round.checksum = std::hint::black_box((self.work)()?);
        }
        match timing {
            Timing::Mean => {
                let from = clock::start();
                for _ in 0..self.calls {
                    std::hint::black_box((self.work)()?);
                }
                let spent_ns = clock.between_ns(clock::stop() - from);
                round.value = match self.figure {
                    Figure::NsPerItem => spent_ns / round.operations as f64,
                    Figure::ItemsPerSecond => round.operations as f64 * 1e9 / spent_ns,
                };
            }
            // A call on many items is no single operation.
            Timing::Each if self.items_per_call > 1 => {}
            Timing::Each => {
                for call in 0..self.calls {
                    if call.is_multiple_of(TIMED_EVERY) {
                        let from = clock::start();
                        std::hint::black_box((self.work)()?);
                        round.times_ns.push(clock.between_ns(clock::stop() - from) as f32);
                    } else {
                        std::hint::black_box((self.work)()?);
                    }
                }
            }
        }
        Ok(round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_middles() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }

    struct Fixed(&'static str, f64, u64);

    impl Subject for Fixed {
        fn name(&self) -> String {
            self.0.to_owned()
        }

        fn round(&mut self, timing: Timing, _: &Clock) -> Result<Round, BenchError> {
            let times_ns = if timing == Timing::Each { vec![7.0] } else { Vec::new() };
            Ok(Round { value: self.1, operations: 10, times_ns, checksum: self.2 })
        }
    }

    #[test]
    fn a_ratio_is_ours_over_theirs() {
        let case = Case {
            unit: "ns/op",
            input: Input::None,
            subjects: vec![Box::new(Fixed("ours", 20.0, 1)), Box::new(Fixed("peer", 80.0, 1))],
        };
        let build = |_: &Options| Err(BenchError::NotAvailable("made by hand"));
        let spec = CaseSpec { bench: "b", name: "c", build };
        let options = Options { rounds: 3, ..Options::default() };
        let row = case.run(&spec, &options, &Clock::calibrate(), "here").unwrap();
        assert!((row.ratio["peer"] - 0.25).abs() < 1e-9);
        assert_eq!((row.n, row.p50), (30, Some(7.0)));
    }
}
